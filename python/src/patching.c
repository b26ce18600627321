/* SPDX-License-Identifier: BSD-3-Clause */
/* _core.Patching, the base of the patching strategies. Specs go in and out as rows of int64: stack, sample, then coords,
 * patch_size, crop_coords, crop_size and stitch_coords of 3 numbers each, and total_tiles. */
#include "core.h"

#include <string.h>

enum { ROW = 2 + 5 * MAX_SPATIAL + 1 };

static void read_row(const int64_t *row, size_t n_spatial, mt_patch_spec *out)
{
    *out = (mt_patch_spec) {
        .stack = (size_t)row[0], .sample = row[1], .n_spatial = n_spatial, .total_tiles = (uint64_t)row[ROW - 1]
    };
    int64_t *fields[] = { out->coords, out->patch_size, out->crop_coords, out->crop_size, out->stitch_coords };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        memcpy(fields[i], row + 2 + i * MAX_SPATIAL, sizeof out->coords);
}

static void write_row(const mt_patch_spec *spec, int64_t *row)
{
    const int64_t *fields[] = { spec->coords, spec->patch_size, spec->crop_coords, spec->crop_size,
                                spec->stitch_coords };
    row[0] = (int64_t)spec->stack;
    row[1] = spec->sample;
    row[ROW - 1] = (int64_t)spec->total_tiles;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        memcpy(row + 2 + i * MAX_SPATIAL, fields[i], sizeof spec->coords);
}

/* Converts an array of rows; memory of PyMem_Malloc, or NULL after an exception. */
static mt_patch_spec *read_rows(PyObject *object, size_t n_spatial, size_t *n)
{
    Py_buffer buffer;
    if (!buffer_get_vector(object, "specs", MT_INT64, -1, &buffer))
        return NULL;
    const int64_t *rows = buffer.buf;
    *n = (size_t)buffer.len / sizeof *rows / ROW;
    mt_patch_spec *specs = PyMem_Calloc(*n ? *n : 1, sizeof *specs);
    if (!specs)
        PyErr_NoMemory();
    for (size_t i = 0; specs && i < *n; i++)
        read_row(rows + i * ROW, n_spatial, &specs[i]);
    PyBuffer_Release(&buffer);
    return specs;
}

mt_patching *patching_get(PyObject *object)
{
    mt_patching *patching = ((patching_object *)object)->patching;
    if (!patching)
        PyErr_SetString(PyExc_ValueError, "this patching was not initialized");
    return patching;
}

static PyObject *fail(PyTypeObject *core, const mt_error *err)
{
    return raise_error(PyType_GetModuleState(core), err, NULL);
}

void patching_set(patching_object *self, mt_patching *patching, PyObject *stacks)
{
    PyObject *old = self->stacks;
    mt_patching_free(self->patching);
    self->patching = patching;
    self->stacks = Py_NewRef(stacks);
    Py_XDECREF(old);
}

/* Enters stacks of a tuple until one fails, with an exception. Returns how many are entered. */
static Py_ssize_t enter_stacks(core_state *state, PyObject *tuple, mt_stack **out)
{
    Py_ssize_t n = PyTuple_Size(tuple), i = 0;
    for (; i < n; i++) {
        PyObject *stack = PyTuple_GetItem(tuple, i);
        int is_stack = PyObject_IsInstance(stack, state->stack_type);
        if (is_stack == 0)
            PyErr_SetString(PyExc_TypeError, "stacks must be image stacks of microtome");
        if (is_stack <= 0 || !(out[i] = stack_enter((stack_object *)stack)))
            break;
    }
    return i;
}

static bool make(patching_object *self, core_state *state, PyObject *stacks, const mt_patching_options *options)
{
    if (!check_tuple(stacks, "stacks"))
        return false;
    const Py_ssize_t n = PyTuple_Size(stacks);
    mt_error err = MT_ERROR_INIT;
    mt_patching *patching = NULL;
    mt_stack **entered = PyMem_Calloc((size_t)n + 1, sizeof *entered);
    if (!entered) {
        PyErr_NoMemory();
        return false;
    }
    Py_ssize_t n_entered = enter_stacks(state, stacks, entered);
    if (n_entered == n && mt_patching_new(entered, (size_t)n, options, &patching, &err))
        raise_error(state, &err, NULL);
    while (n_entered-- > 0)
        stack_leave((stack_object *)PyTuple_GetItem(stacks, n_entered));
    PyMem_Free(entered);
    if (patching)
        patching_set(self, patching, stacks);
    return patching != NULL;
}

static bool convert_seed(PyObject *object, uint64_t *out)
{
    PyObject *index = PyNumber_Index(object);
    if (!index)
        return false;
    *out = PyLong_AsUnsignedLongLong(index);
    Py_DECREF(index);
    if (!PyErr_Occurred())
        return true;
    if (PyErr_ExceptionMatches(PyExc_OverflowError))
        PyErr_SetString(PyExc_ValueError, "seed must be from 0 to 2**64 - 1");
    return false;
}

enum { STACKS, STRATEGY, PATCH_SIZE, OVERLAP, SEED, PAD, SPECS, N_START };

/* Reads the options after the name of the strategy, where they are given. */
static bool read_options(PyObject *const *values, int_list *size, int_list *overlap, mt_patch_spec **specs,
                         mt_patching_options *options)
{
    int pad = PyObject_IsTrue(values[PAD]);
    if (pad < 0 || !convert_seed(values[SEED], &options->seed) ||
        (is_given(values[PATCH_SIZE]) && !convert_int_list(values[PATCH_SIZE], "patch_size", size)) ||
        (is_given(values[OVERLAP]) && !convert_int_list(values[OVERLAP], "overlap", overlap)) ||
        (is_given(values[SPECS]) && !(*specs = read_rows(values[SPECS], 0, &options->n_specs))))
        return false;
    if (is_given(values[OVERLAP]) && overlap->n != size->n) {
        PyErr_Format(PyExc_ValueError, "overlap has %zu values and patch_size %zu", overlap->n, size->n);
        return false;
    }
    options->pad = pad;
    options->patch_size = size->n ? size->values : NULL;
    options->n_spatial = size->n;
    options->overlap = overlap->n ? overlap->values : NULL;
    options->specs = *specs;
    return true;
}

/* stacks is a tuple; specs is an array of rows, or None. */
static PyObject *patching_start(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n,
                                PyObject *names)
{
    static const char *const known[] = { "stacks", "strategy", "patch_size", "overlap", "seed", "pad", "specs", NULL };
    static const signature s = { "_start", known, N_START, N_START };
    PyObject *values[N_START];
    mt_patching_options options = { .struct_size = sizeof options };
    int_list size = { .n = 0 }, overlap = { .n = 0 };
    mt_patch_spec *specs = NULL;
    if (!parse_arguments(&s, args, n, names, values) ||
        !convert_string(values[STRATEGY], "strategy", &options.strategy))
        return NULL;
    size.values = size.inline_values;
    overlap.values = overlap.inline_values;
    bool good = read_options(values, &size, &overlap, &specs, &options) &&
                make((patching_object *)object, PyType_GetModuleState(core), values[STACKS], &options);
    int_list_free(&size);
    int_list_free(&overlap);
    PyMem_Free(specs);
    return good ? Py_NewRef(Py_None) : NULL;
}

static PyObject *patching_count(PyObject *object, PyObject *unused)
{
    (void)unused;
    const mt_patching *patching = patching_get(object);
    return patching ? PyLong_FromUnsignedLongLong(mt_patching_count(patching)) : NULL;
}

/* Writes patches to rows. False after an exception. */
static bool write_rows(const mt_patching *patching, core_state *state, const int64_t *indices, int64_t n, int64_t epoch,
                       int64_t *rows)
{
    mt_error err = MT_ERROR_INIT;
    for (int64_t i = 0; i < n; i++) {
        mt_patch_spec spec;
        if (indices[i] < 0)
            PyErr_Format(PyExc_IndexError, "patch %lld is out of bounds for %llu patches", (long long)indices[i],
                         (unsigned long long)mt_patching_count(patching));
        else if (mt_patching_get(patching, (uint64_t)epoch, (uint64_t)indices[i], 0, &spec, &err))
            raise_error(state, &err, NULL);
        else
            write_row(&spec, rows + i * ROW);
        if (PyErr_Occurred())
            return false;
    }
    return true;
}

/* _rows(indices, epoch, out): writes the patches to the rows of out. */
static PyObject *patching_rows(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n,
                               PyObject *names)
{
    static const char *const known[] = { "indices", "epoch", "out", NULL };
    static const signature s = { "_rows", known, 3, 3 };
    PyObject *values[3];
    int64_t epoch;
    Py_buffer indices, rows;
    const mt_patching *patching = patching_get(object);
    if (!patching || !parse_arguments(&s, args, n, names, values) || !convert_int64(values[1], "epoch", &epoch))
        return NULL;
    if (epoch < 0) {
        PyErr_SetString(PyExc_ValueError, "epochs count from 0");
        return NULL;
    }
    if (!buffer_get_vector(values[0], "indices", MT_INT64, -1, &indices))
        return NULL;
    const int64_t count = indices.len / (int64_t)sizeof(int64_t);
    bool good = buffer_get_vector(values[2], "out", MT_INT64, count * ROW, &rows);
    if (good) {
        good = write_rows(patching, PyType_GetModuleState(core), indices.buf, count, epoch, rows.buf);
        PyBuffer_Release(&rows);
    }
    PyBuffer_Release(&indices);
    return good ? Py_NewRef(Py_None) : NULL;
}

static bool convert_sample(PyObject *const *values, int64_t *stack, int64_t *sample)
{
    if (!convert_int64(values[0], "stack", stack) || !convert_int64(values[1], "sample", sample))
        return false;
    if (*stack >= 0)
        return true;
    PyErr_Format(PyExc_IndexError, "stack %lld is out of bounds", (long long)*stack);
    return false;
}

/* Returns (shape, n_patches, bin_size). */
static PyObject *patching_grid(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n,
                               PyObject *names)
{
    static const char *const known[] = { "stack", "sample", NULL };
    static const signature s = { "_grid", known, 2, 2 };
    PyObject *values[2];
    int64_t stack, sample;
    mt_region_info info = { .struct_size = sizeof info };
    mt_error err = MT_ERROR_INIT;
    const mt_patching *patching = patching_get(object);
    if (!patching || !parse_arguments(&s, args, n, names, values) || !convert_sample(values, &stack, &sample))
        return NULL;
    if (mt_patching_get_grid(patching, (size_t)stack, sample, &info, &err))
        return fail(core, &err);
    const long long *shape = (const long long *)info.shape;
    return info.n_spatial == 3
               ? Py_BuildValue("((LLL)Kd)", shape[0], shape[1], shape[2], (unsigned long long)info.n_patches,
                               info.bin_size)
               : Py_BuildValue("((LL)Kd)", shape[0], shape[1], (unsigned long long)info.n_patches, info.bin_size);
}

/* _regions(stack, sample, areas, probabilities, bins): fills arrays of int64, float64 and uint64. */
static PyObject *patching_regions(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n,
                                  PyObject *names)
{
    static const char *const known[] = { "stack", "sample", "areas", "probabilities", "bins", NULL };
    static const mt_dtype types[] = { MT_INT64, MT_FLOAT64, MT_UINT64 };
    static const signature s = { "_regions", known, 5, 5 };
    PyObject *values[5];
    int64_t stack, sample;
    mt_region_info info = { .struct_size = sizeof info };
    mt_error err = MT_ERROR_INIT;
    Py_buffer out[3];
    int n_out = 0;
    const mt_patching *patching = patching_get(object);
    if (!patching || !parse_arguments(&s, args, n, names, values) || !convert_sample(values, &stack, &sample))
        return NULL;
    mt_status st = mt_patching_get_grid(patching, (size_t)stack, sample, &info, &err);
    while (!st && n_out < 3 &&
           buffer_get_vector(values[2 + n_out], known[2 + n_out], types[n_out], (int64_t)info.n_regions, &out[n_out]))
        n_out++;
    if (!st && n_out == 3)
        st = mt_patching_get_regions(patching, (size_t)stack, sample, out[0].buf, out[1].buf, out[2].buf, &err);
    bool good = !st && n_out == 3;
    while (n_out-- > 0)
        PyBuffer_Release(&out[n_out]);
    if (st)
        return fail(core, &err);
    return good ? Py_NewRef(Py_None) : NULL;
}

/* _weigh(stack, sample, weights) */
static PyObject *patching_weigh(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n,
                                PyObject *names)
{
    static const char *const known[] = { "stack", "sample", "weights", NULL };
    static const signature s = { "_weigh", known, 3, 3 };
    PyObject *values[3];
    int64_t stack, sample;
    mt_error err = MT_ERROR_INIT;
    Py_buffer weights;
    mt_patching *patching = patching_get(object);
    if (!patching || !parse_arguments(&s, args, n, names, values) || !convert_sample(values, &stack, &sample) ||
        !buffer_get_vector(values[2], "weights", MT_FLOAT64, -1, &weights))
        return NULL;
    mt_status st =
        mt_patching_weigh(patching, (size_t)stack, sample, weights.buf, (size_t)weights.len / sizeof(double), &err);
    PyBuffer_Release(&weights);
    return st ? fail(core, &err) : Py_NewRef(Py_None);
}

/* _exclude(specs) */
static PyObject *patching_exclude(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n,
                                  PyObject *names)
{
    static const char *const known[] = { "specs", NULL };
    static const signature s = { "_exclude", known, 1, 1 };
    PyObject *values[1];
    mt_error err = MT_ERROR_INIT;
    size_t n_specs;
    mt_patching *patching = patching_get(object);
    if (!patching || !parse_arguments(&s, args, n, names, values))
        return NULL;
    mt_patch_spec *specs = read_rows(values[0], 0, &n_specs);
    if (!specs)
        return NULL;
    mt_status st = mt_patching_exclude(patching, specs, n_specs, &err);
    PyMem_Free(specs);
    return st ? fail(core, &err) : Py_NewRef(Py_None);
}

/* _split(n, seed or None, validation): starts validation, another Patching. */
static PyObject *patching_split(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n,
                                PyObject *names)
{
    static const char *const known[] = { "n_val", "seed", "validation", NULL };
    static const signature s = { "_split", known, 3, 3 };
    PyObject *values[3];
    int64_t n_val;
    uint64_t seed = 0;
    mt_error err = MT_ERROR_INIT;
    mt_patching *validation, *patching = patching_get(object);
    core_state *state = PyType_GetModuleState(core);
    if (!patching || !parse_arguments(&s, args, n, names, values) || !convert_int64(values[0], "n_val", &n_val) ||
        (is_given(values[1]) && !convert_seed(values[1], &seed)))
        return NULL;
    if (!PyObject_TypeCheck(values[2], (PyTypeObject *)state->patching_type))
        PyErr_SetString(PyExc_TypeError, "validation must be a patching");
    else if (n_val <= 0)
        PyErr_SetString(PyExc_ValueError, "n_val must be at least 1");
    if (PyErr_Occurred())
        return NULL;
    if (mt_patching_split(patching, (uint64_t)n_val, is_given(values[1]) ? &seed : NULL, &validation, &err))
        return fail(core, &err);
    patching_set((patching_object *)values[2], validation, ((patching_object *)object)->stacks);
    Py_RETURN_NONE;
}

static int traverse(PyObject *object, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(((patching_object *)object)->stacks);
    return 0;
}

/* The library's stacks borrow Python objects from ours, so both are released together. */
int patching_clear(PyObject *object)
{
    patching_object *self = (patching_object *)object;
    mt_patching *patching = self->patching;
    PyObject *stacks = self->stacks;
    self->patching = NULL;
    self->stacks = NULL;
    mt_patching_free(patching);
    Py_XDECREF(stacks);
    return 0;
}

static void dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    patching_clear(object);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyObject *get_stacks(PyObject *object, void *unused)
{
    (void)unused;
    return patching_get(object) ? Py_NewRef(((patching_object *)object)->stacks) : NULL;
}

static PyGetSetDef getters[] = {
    { "stacks", get_stacks, NULL, "The image stacks.", NULL },
    { NULL, NULL, NULL, NULL, NULL },
};

#define CORE_METHOD(function) (PyCFunction)(void (*)(void))(function), METH_METHOD | METH_FASTCALL | METH_KEYWORDS

static PyMethodDef methods[] = {
    { "_start", CORE_METHOD(patching_start), NULL },
    { "_count", patching_count, METH_NOARGS, NULL },
    { "_rows", CORE_METHOD(patching_rows), NULL },
    { "_grid", CORE_METHOD(patching_grid), NULL },
    { "_regions", CORE_METHOD(patching_regions), NULL },
    { "_weigh", CORE_METHOD(patching_weigh), NULL },
    { "_exclude", CORE_METHOD(patching_exclude), NULL },
    { "_split", CORE_METHOD(patching_split), NULL },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot slots[] = {
    { Py_tp_dealloc, (void *)dealloc },
    { Py_tp_traverse, (void *)traverse },
    { Py_tp_clear, (void *)patching_clear },
    { Py_tp_methods, methods },
    { Py_tp_getset, getters },
    { Py_tp_doc, (void *)"The patches of an epoch." },
    { 0, NULL },
};

PyType_Spec patching_spec = {
    .name = "microtome._core.Patching",
    .basicsize = sizeof(patching_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};
