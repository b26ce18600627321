/* SPDX-License-Identifier: BSD-3-Clause */
/* _core.Statistics, the base of microtome.Statistics, and the functions that make it. */
#include "core.h"

#include <string.h>

typedef struct statistics_object {
    PyObject_HEAD
    mt_statistics *statistics; /* owned */
} statistics_object;

static PyObject *wrap(core_state *state, mt_statistics *statistics)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot((PyTypeObject *)state->statistics_type, Py_tp_alloc);
    statistics_object *self = (statistics_object *)allocate((PyTypeObject *)state->statistics_type, 0);
    if (self)
        self->statistics = statistics;
    else
        mt_statistics_free(statistics);
    return (PyObject *)self;
}

static void dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    mt_statistics_free(((statistics_object *)object)->statistics);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

/* --- Computation. --- */

enum { STACKS, QUANTILES, BINS, RANGE, MASKS, SHARE, CHUNKS, SEED, ALLOW_MISSING, PROGRESS, N_VALUES };

/* Stacks that are entered. */
typedef struct stack_list {
    mt_stack **stacks;
    stack_object **objects; /* borrowed */
    size_t n;               /* number entered */
} stack_list;

static bool enter_one(core_state *state, PyObject *object, stack_list *list)
{
    int is_stack = PyObject_IsInstance(object, state->stack_type);
    if (is_stack == 0)
        PyErr_SetString(PyExc_TypeError, "stacks and masks must be image stacks of microtome");
    if (is_stack <= 0)
        return false;
    list->objects[list->n] = (stack_object *)object;
    list->stacks[list->n] = stack_enter((stack_object *)object);
    if (!list->stacks[list->n])
        return false;
    list->n++;
    return true;
}

/* Enters a tuple of stacks. Call leave in either case. */
static bool enter(core_state *state, PyObject *tuple, stack_list *list)
{
    if (!check_tuple(tuple, "stacks and masks"))
        return false;
    Py_ssize_t n = PyTuple_Size(tuple);
    list->stacks = PyMem_Calloc((size_t)n + 1, sizeof(mt_stack *));
    list->objects = PyMem_Calloc((size_t)n + 1, sizeof(stack_object *));
    bool good = list->stacks && list->objects;
    if (!good)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; good && i < n; i++)
        good = enter_one(state, PyTuple_GetItem(tuple, i), list);
    return good;
}

static void leave(stack_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        stack_leave(list->objects[i]);
    PyMem_Free(list->stacks);
    PyMem_Free(list->objects);
}

static bool convert_range(PyObject *object, mt_statistics_options *o)
{
    if (!is_given(object))
        return true;
    o->has_range = 1;
    return check_tuple(object, "range") && PyArg_ParseTuple(object, "dd:range", &o->range[0], &o->range[1]) != 0;
}

static bool convert_options(PyObject *const *values, mt_statistics_options *o, Py_buffer *quantiles)
{
    int64_t bins = 0;
    if (!buffer_get_vector(values[QUANTILES], "quantiles", MT_FLOAT64, -1, quantiles))
        return false;
    o->quantiles = quantiles->buf;
    o->n_quantiles = (size_t)quantiles->len / sizeof(double);
    if (!convert_int64(values[BINS], "bins", &bins) || !convert_range(values[RANGE], o))
        return false;
    if (bins < 0) {
        PyErr_SetString(PyExc_ValueError, "bins must not be negative");
        return false;
    }
    o->bins = (size_t)bins;
    o->sample_share = PyFloat_AsDouble(values[SHARE]);
    o->sample_chunks = PyErr_Occurred() ? 0 : PyLong_AsUnsignedLongLong(values[CHUNKS]);
    o->seed = PyErr_Occurred() ? 0 : PyLong_AsUnsignedLongLong(values[SEED]);
    o->allow_missing = PyErr_Occurred() ? 0 : PyObject_IsTrue(values[ALLOW_MISSING]);
    return !PyErr_Occurred();
}

/* The source of the only stack, for exceptions. */
static const char *find_source(const stack_list *list)
{
    return list->n == 1 ? mt_stack_get_info(list->stacks[0])->source : NULL;
}

static PyObject *compute(core_state *state, const stack_list *list, const mt_statistics_options *given,
                         PyObject *progress)
{
    mt_statistics_options o = *given;
    follower f = { .progress = is_given(progress) ? progress : NULL };
    mt_statistics *statistics = NULL;
    mt_error err = MT_ERROR_INIT;
    mt_status st;
    o.cancelled = follower_is_cancelled;
    o.progress = follower_note;
    o.user = &f;
    Py_BEGIN_ALLOW_THREADS
    st = mt_statistics_new(list->stacks, list->n, &o, &statistics, &err);
    Py_END_ALLOW_THREADS
    if (st)
        return raise_error(state, &err, find_source(list));
    if (!follower_end(&f)) {
        mt_statistics_free(statistics);
        return NULL;
    }
    for (size_t i = 0; i < list->n; i++)
        if (!stack_warn_absent(list->objects[i])) {
            mt_statistics_free(statistics);
            return NULL;
        }
    return wrap(state, statistics);
}

PyObject *compute_statistics(PyObject *module, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    static const char *const known[] = { "stacks", "quantiles", "bins",          "range",    "masks", "share",
                                         "chunks", "seed",      "allow_missing", "progress", NULL };
    static const signature s = { "statistics", known, N_VALUES, N_VALUES };
    core_state *state = core_get_state(module);
    PyObject *values[N_VALUES], *result = NULL;
    if (!parse_arguments(&s, args, n, names, values))
        return NULL;
    mt_statistics_options options = { .struct_size = sizeof options };
    Py_buffer quantiles = { .obj = NULL };
    stack_list stacks = { .n = 0 }, masks = { .n = 0 };
    bool good = enter(state, values[STACKS], &stacks) && convert_options(values, &options, &quantiles);
    if (good && is_given(values[MASKS])) {
        good = enter(state, values[MASKS], &masks);
        options.masks = masks.stacks;
        if (good && masks.n != stacks.n) {
            PyErr_Format(PyExc_ValueError, "there must be one mask for each image: %zu, not %zu", stacks.n, masks.n);
            good = false;
        }
    }
    if (good)
        result = compute(state, &stacks, &options, values[PROGRESS]);
    if (quantiles.obj)
        PyBuffer_Release(&quantiles);
    leave(&masks);
    leave(&stacks);
    return result;
}

PyObject *parse_statistics(PyObject *module, PyObject *args)
{
    core_state *state = core_get_state(module);
    const char *text, *name;
    Py_ssize_t size;
    mt_statistics *statistics;
    mt_error err = MT_ERROR_INIT;
    if (!PyArg_ParseTuple(args, "y#s:parse_statistics", &text, &size, &name))
        return NULL;
    if (mt_statistics_parse(NULL, text, (size_t)size, name, &statistics, &err))
        return raise_error(state, &err, name);
    return wrap(state, statistics);
}

/* --- Results. --- */

static const mt_statistics *get(PyObject *object) { return ((statistics_object *)object)->statistics; }

static PyObject *statistics_json(PyObject *object, PyObject *unused)
{
    (void)unused;
    return PyUnicode_FromString(mt_statistics_json(get(object)));
}

/* (dtype, channels, quantiles, bins, (low, high), chunks drawn, chunks, seed) */
static PyObject *statistics_info(PyObject *object, PyObject *unused)
{
    (void)unused;
    mt_statistics_info info = { .struct_size = sizeof info };
    (void)!mt_statistics_get_info(get(object), &info, NULL); /* fails only for a wrong size */
    PyObject *quantiles = PyTuple_New((Py_ssize_t)info.n_quantiles);
    for (size_t i = 0; quantiles && i < info.n_quantiles; i++) {
        PyObject *value = PyFloat_FromDouble(info.quantiles[i]);
        if (!value || PyTuple_SetItem(quantiles, (Py_ssize_t)i, value))
            Py_CLEAR(quantiles);
    }
    if (!quantiles)
        return NULL;
    return Py_BuildValue("(sLNn(dd)KKK)", mt_dtype_name(info.dtype), (long long)info.n_channels, quantiles,
                         (Py_ssize_t)info.bins, info.range[0], info.range[1], (unsigned long long)info.sample_chunks,
                         (unsigned long long)info.chunks, (unsigned long long)info.seed);
}

/* (n, NaN, infinite, mean, std, min, max, error of the mean) */
static PyObject *statistics_channel(PyObject *object, PyObject *argument)
{
    int64_t channel;
    if (!convert_int64(argument, "channel", &channel))
        return NULL;
    const mt_channel_statistics *c = mt_statistics_get(get(object), channel);
    if (!c)
        return PyErr_Format(PyExc_IndexError, "no channel %lld", (long long)channel);
    return Py_BuildValue("(KKKddddd)", (unsigned long long)c->n, (unsigned long long)c->n_nan,
                         (unsigned long long)c->n_infinite, c->mean, c->std, c->min, c->max, c->mean_error);
}

static PyObject *statistics_quantile(PyObject *object, PyObject *args)
{
    long long channel;
    double quantile, value;
    mt_error err = MT_ERROR_INIT;
    if (!PyArg_ParseTuple(args, "Ld:quantile", &channel, &quantile))
        return NULL;
    if (mt_statistics_quantile(get(object), channel, quantile, &value, &err))
        return raise_error(PyType_GetModuleState(Py_TYPE(object)), &err, NULL);
    return PyFloat_FromDouble(value);
}

/* The counts as bytes of uint64, or None. */
static PyObject *statistics_histogram(PyObject *object, PyObject *argument)
{
    int64_t channel;
    mt_statistics_info info = { .struct_size = sizeof info };
    if (!convert_int64(argument, "channel", &channel))
        return NULL;
    const uint64_t *counts = mt_statistics_histogram(get(object), channel);
    (void)!mt_statistics_get_info(get(object), &info, NULL);
    if (!counts)
        Py_RETURN_NONE;
    return PyBytes_FromStringAndSize((const char *)counts, (Py_ssize_t)(info.bins * sizeof *counts));
}

/* (subtract, divide, scale, offset) */
static PyObject *statistics_normalization(PyObject *object, PyObject *args)
{
    int kind;
    long long channel;
    double low, high;
    mt_normalization out;
    mt_error err = MT_ERROR_INIT;
    if (!PyArg_ParseTuple(args, "iLdd:normalization", &kind, &channel, &low, &high))
        return NULL;
    if (mt_statistics_normalization(get(object), (mt_normalization_kind)kind, channel, low, high, &out, &err))
        return raise_error(PyType_GetModuleState(Py_TYPE(object)), &err, NULL);
    return Py_BuildValue("(ffff)", out.subtract, out.divide, out.scale, out.offset);
}

static PyMethodDef methods[] = {
    { "json", statistics_json, METH_NOARGS, NULL },
    { "info", statistics_info, METH_NOARGS, NULL },
    { "channel", statistics_channel, METH_O, NULL },
    { "quantile", statistics_quantile, METH_VARARGS, NULL },
    { "histogram", statistics_histogram, METH_O, NULL },
    { "normalization", statistics_normalization, METH_VARARGS, NULL },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot slots[] = {
    { Py_tp_dealloc, (void *)dealloc },
    { Py_tp_methods, methods },
    { 0, NULL },
};

PyType_Spec statistics_spec = {
    .name = "microtome._core.Statistics",
    .basicsize = sizeof(statistics_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};
