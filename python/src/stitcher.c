/* SPDX-License-Identifier: BSD-3-Clause */
/* _core.Stitcher: outputs of a network become images, in writers or arrays. */
#include "core.h"

/* What an output is made of. The stitcher borrows writers and array, and copies the rest. */
typedef struct output {
    PyObject *writer; /* or a plan of samples, entered; NULL: an array */
    Py_buffer array;  /* obj is NULL without one */
    int64_t n_channels;
    int up, down;
} output;

typedef struct stitcher_object {
    PyObject_HEAD
    mt_stitcher *stitcher; /* NULL once closed */
    PyObject *tiling;
    output *outputs;
    Py_ssize_t n_outputs;
    bool is_busy;     /* a call is in progress without the GIL */
    unsigned process; /* count_forks where it was made */
} stitcher_object;

/* ---- Life ---- */

static void output_end(output *o)
{
    if (o->writer)
        writer_leave(o->writer);
    Py_XDECREF(o->writer);
    if (o->array.obj)
        PyBuffer_Release(&o->array);
}

static void release(stitcher_object *self)
{
    mt_stitcher *stitcher = self->stitcher;
    self->stitcher = NULL;
    if (self->process == count_forks()) { /* else it stays, as writers do: it may own some */
        Py_BEGIN_ALLOW_THREADS
        mt_stitcher_free(stitcher);
        Py_END_ALLOW_THREADS
    }
    for (Py_ssize_t i = 0; i < self->n_outputs; i++)
        output_end(&self->outputs[i]);
    PyMem_Free(self->outputs);
    self->outputs = NULL;
    self->n_outputs = 0;
    Py_CLEAR(self->tiling);
}

/* The values of an array that will be written, in the shape of the library: samples, channels, (Z), Y, X. */
static bool check_array(const mt_tiling_info *info, const output *o)
{
    int64_t wanted[2 + MAX_SPATIAL] = { info->n_samples, o->n_channels };
    const int ndim = 2 + (int)info->n_spatial;
    bool fits = o->array.ndim == ndim;
    for (size_t i = 0; i < info->n_spatial; i++) {
        bool is_scaled = i > 0 || !info->is_planar;
        wanted[2 + i] = is_scaled ? (info->shape[i] + o->down - 1) / o->down * o->up : info->shape[i];
    }
    for (int d = 0; fits && d < ndim; d++)
        fits = o->array.shape[d] == wanted[d];
    if (!fits) {
        PyObject *shape = int_tuple(wanted, (size_t)ndim);
        if (shape)
            PyErr_Format(PyExc_ValueError, "the array of an output must have the shape %S", shape);
        Py_XDECREF(shape);
    }
    return fits;
}

/* item: (writer or array, whether the writer is a plan of samples, channels, up, down, scale or None, offset or None);
 * scale and offset are float32, one for each channel, in buffers that live as long as buffers. */
static bool convert_output(const core_state *state, const mt_tiling_info *info, PyObject *item, output *o,
                           Py_buffer buffers[2], mt_stitch_output *out)
{
    PyObject *place, *scale, *offset;
    long long channels;
    int is_plan;
    if (!check_tuple(item, "an output") ||
        !PyArg_ParseTuple(item, "OpLiiOO:output", &place, &is_plan, &channels, &o->up, &o->down, &scale, &offset))
        return false;
    o->n_channels = channels;
    if (o->up < 1 || o->down < 1 || channels < 1) {
        PyErr_SetString(PyExc_ValueError, "channels and factors of an output are at least 1");
        return false;
    }
    if ((is_given(scale) && !buffer_get_vector(scale, "scale", MT_FLOAT32, channels, &buffers[0])) ||
        (is_given(offset) && !buffer_get_vector(offset, "offset", MT_FLOAT32, channels, &buffers[1])))
        return false;
    *out = (mt_stitch_output) {
        .n_channels = channels, .up = o->up, .down = o->down, .scale = buffers[0].buf, .offset = buffers[1].buf
    };
    if (PyObject_TypeCheck(place, (PyTypeObject *)state->writer_type)) {
        mt_writer *writer = writer_enter(place);
        if (!writer)
            return false;
        o->writer = Py_NewRef(place);
        *(is_plan ? &out->sample_plan : &out->writer) = writer;
        return true;
    }
    if (!buffer_get(place, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS, &o->array, &out->dtype) || !check_array(info, o))
        return false;
    out->data = o->array.buf;
    return true;
}

static bool start(stitcher_object *self, core_state *state, PyObject *outputs, const mt_stitcher_options *options)
{
    mt_tiling *tiling = tiling_get(self->tiling);
    if (!tiling)
        return false;
    const Py_ssize_t n = PyTuple_Size(outputs);
    mt_stitch_output *made = PyMem_Calloc((size_t)n + 1, sizeof *made);
    Py_buffer *buffers = PyMem_Calloc((size_t)n + 1, 2 * sizeof *buffers);
    self->outputs = PyMem_Calloc((size_t)n + 1, sizeof *self->outputs);
    bool good = made && buffers && self->outputs;
    if (!good)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; good && i < n; i++) {
        self->n_outputs = i + 1;
        good = convert_output(state, mt_tiling_get_info(tiling), PyTuple_GetItem(outputs, i), &self->outputs[i],
                              &buffers[2 * i], &made[i]);
    }
    mt_error err = MT_ERROR_INIT;
    mt_status st = MT_OK;
    if (good) {
        Py_BEGIN_ALLOW_THREADS /* looks at every tile if some units are published */
        st = mt_stitcher_new(tiling, made, (size_t)n, options, &self->stitcher, &err);
        Py_END_ALLOW_THREADS
    }
    if (st)
        raise_error(state, &err, NULL);
    for (Py_ssize_t i = 0; buffers && i < 2 * n; i++)
        if (buffers[i].obj)
            PyBuffer_Release(&buffers[i]);
    PyMem_Free(buffers);
    PyMem_Free(made);
    return self->stitcher != NULL;
}

/* Stitcher(tiling, outputs, blend, part, n_parts, memory) */
static PyObject *stitcher_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    (void)keywords;
    core_state *state = PyType_GetModuleState(type);
    PyObject *tiling, *outputs;
    const char *blend;
    unsigned long long part, n_parts, memory;
    mt_stitcher_options options = { .struct_size = sizeof options };
    if (!PyArg_ParseTuple(arguments, "O!O!sKKK:Stitcher", state->tiling_type, &tiling, &PyTuple_Type, &outputs, &blend,
                          &part, &n_parts, &memory))
        return NULL;
    options.blend = mt_blend_find(blend);
    if (options.blend < 0)
        return PyErr_Format(PyExc_ValueError, "blend must be one of 'crop', 'linear', 'hann' and 'gaussian', not '%s'",
                            blend);
    options.part = part;
    options.n_parts = n_parts;
    options.memory = (size_t)memory;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    stitcher_object *self = (stitcher_object *)allocate(type, 0);
    if (!self)
        return NULL;
    self->tiling = Py_NewRef(tiling);
    self->process = count_forks();
    if (!start(self, state, outputs, &options))
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void stitcher_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject *kind, *value, *traceback;
    PyErr_Fetch(&kind, &value, &traceback);
    release((stitcher_object *)object);
    PyErr_Restore(kind, value, traceback);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

/* NULL after an exception. */
static stitcher_object *get(PyObject *object)
{
    stitcher_object *self = (stitcher_object *)object;
    const char *reason = !self->stitcher                  ? "the stitcher is closed"
                         : self->is_busy                  ? "another thread uses the stitcher"
                         : self->process != count_forks() ? "a stitcher belongs to the process that made it"
                                                          : NULL;
    if (!reason)
        return self;
    PyErr_SetString(PyExc_RuntimeError, reason);
    return NULL;
}

/* Lets go of writers and arrays; pixels of incomplete units are lost. */
static PyObject *stitcher_close(PyObject *object, PyObject *unused)
{
    (void)unused;
    if (((stitcher_object *)object)->stitcher) {
        if (((stitcher_object *)object)->is_busy) {
            PyErr_SetString(PyExc_RuntimeError, "another thread uses the stitcher");
            return NULL;
        }
        release((stitcher_object *)object);
    }
    Py_RETURN_NONE;
}

/* ---- Tiles ---- */

/* next(batch_size, batch): the first batch from there on that is needed. */
static PyObject *stitcher_next(PyObject *object, PyObject *arguments)
{
    unsigned long long size, batch;
    stitcher_object *self = PyArg_ParseTuple(arguments, "KK:next", &size, &batch) ? get(object) : NULL;
    if (!self)
        return NULL;
    uint64_t found;
    self->is_busy = true;
    Py_BEGIN_ALLOW_THREADS
    found = mt_stitcher_next(self->stitcher, (size_t)size, batch);
    Py_END_ALLOW_THREADS
    self->is_busy = false;
    return PyLong_FromUnsignedLongLong(found);
}

/* Whether an array has n tiles of an output. Tiles of planes may lack the axis Z. */
static bool check_shape(const mt_tiling_info *info, const output *o, Py_ssize_t number, int64_t n,
                        const Py_buffer *array)
{
    int64_t wanted[2 + MAX_SPATIAL] = { n, o->n_channels }, found[PyBUF_MAX_NDIM];
    size_t ndim = 2, first = info->is_planar && array->ndim == 4;
    for (size_t i = first; i < info->n_spatial; i++) {
        bool is_scaled = i > 0 || !info->is_planar;
        wanted[ndim++] = is_scaled ? info->tile[i] / o->down * o->up : info->tile[i];
    }
    bool fits = array->ndim == (int)ndim;
    for (int d = 0; d < array->ndim; d++) {
        found[d] = array->shape[d];
        fits = fits && found[d] == wanted[d];
    }
    if (fits)
        return true;
    PyObject *has = int_tuple(found, (size_t)array->ndim), *needs = int_tuple(wanted, ndim);
    if (has && needs)
        PyErr_Format(PyExc_ValueError, "output %zd has the shape %S where %S is needed", number, has, needs);
    Py_XDECREF(has);
    Py_XDECREF(needs);
    return false;
}

/* Gets the values of the outputs. Returns how many buffers are held; as many as outputs, unless an exception is set. */
static Py_ssize_t get_values(const stitcher_object *self, PyObject *arrays, Py_buffer *buffers,
                             mt_stitch_values *values, int64_t *n)
{
    const mt_tiling_info *info = mt_tiling_get_info(((tiling_object *)self->tiling)->tiling);
    Py_ssize_t i = 0;
    for (; i < self->n_outputs; i++) {
        mt_dtype dtype;
        if (!buffer_get(PyTuple_GetItem(arrays, i), PyBUF_C_CONTIGUOUS, &buffers[i], &dtype))
            return i;
        if (i == 0)
            *n = buffers[i].ndim > 0 ? buffers[i].shape[0] : 0;
        values[i] = (mt_stitch_values) { .data = buffers[i].buf, .dtype = dtype };
        if (!check_shape(info, &self->outputs[i], i, *n, &buffers[i]))
            return i + 1;
    }
    return i;
}

static bool put(stitcher_object *self, core_state *state, unsigned long long first, PyObject *arrays,
                Py_buffer *buffers, mt_stitch_values *values)
{
    int64_t n = 0;
    Py_ssize_t n_held = get_values(self, arrays, buffers, values, &n);
    mt_error err = MT_ERROR_INIT;
    mt_status st = MT_OK;
    if (!PyErr_Occurred()) {
        self->is_busy = true;
        Py_BEGIN_ALLOW_THREADS
        st = mt_stitcher_put(self->stitcher, first, (size_t)n, values, &err);
        Py_END_ALLOW_THREADS
        self->is_busy = false;
    }
    while (n_held > 0)
        PyBuffer_Release(&buffers[--n_held]);
    if (st)
        raise_error(state, &err, NULL);
    return !PyErr_Occurred();
}

/* put(first, arrays): a tuple with an array in C order for each output. */
static PyObject *stitcher_put(PyObject *object, PyObject *arguments)
{
    unsigned long long first;
    PyObject *arrays;
    stitcher_object *self = PyArg_ParseTuple(arguments, "KO!:put", &first, &PyTuple_Type, &arrays) ? get(object) : NULL;
    if (!self)
        return NULL;
    if (PyTuple_Size(arrays) != self->n_outputs)
        return PyErr_Format(PyExc_ValueError, "%zd arrays for %zd outputs", PyTuple_Size(arrays), self->n_outputs);
    Py_buffer *buffers = PyMem_Calloc((size_t)self->n_outputs + 1, sizeof *buffers);
    mt_stitch_values *values = PyMem_Calloc((size_t)self->n_outputs + 1, sizeof *values);
    bool good = buffers && values;
    if (!good)
        PyErr_NoMemory();
    good = good && put(self, PyType_GetModuleState(Py_TYPE(object)), first, arrays, buffers, values);
    PyMem_Free(buffers);
    PyMem_Free(values);
    return good ? Py_NewRef(Py_None) : NULL;
}

static PyObject *stitcher_flush(PyObject *object, PyObject *unused)
{
    (void)unused;
    stitcher_object *self = get(object);
    mt_error err = MT_ERROR_INIT;
    mt_status st;
    if (!self)
        return NULL;
    self->is_busy = true;
    Py_BEGIN_ALLOW_THREADS
    st = mt_stitcher_flush(self->stitcher, &err);
    Py_END_ALLOW_THREADS
    self->is_busy = false;
    return st ? raise_error(PyType_GetModuleState(Py_TYPE(object)), &err, NULL) : Py_NewRef(Py_None);
}

/* (tiles, needed, put, nan, least memory, waiting bytes, clipped, units, resumed, lost) */
static PyObject *stitcher_report(PyObject *object, PyObject *unused)
{
    (void)unused;
    const stitcher_object *self = get(object);
    mt_stitcher_report r = { .struct_size = sizeof r };
    mt_error err = MT_ERROR_INIT;
    if (!self)
        return NULL;
    if (mt_stitcher_get_report(self->stitcher, &r, &err))
        return raise_error(PyType_GetModuleState(Py_TYPE(object)), &err, NULL);
    return Py_BuildValue("(KKKKKKKKKK)", (unsigned long long)r.n_tiles, (unsigned long long)r.n_needed,
                         (unsigned long long)r.n_put, (unsigned long long)r.n_nan, (unsigned long long)r.least_memory,
                         (unsigned long long)r.waiting_bytes, (unsigned long long)r.n_clipped,
                         (unsigned long long)r.n_units, (unsigned long long)r.n_resumed, (unsigned long long)r.n_lost);
}

static PyMethodDef methods[] = {
    { "next", stitcher_next, METH_VARARGS, NULL },    { "put", stitcher_put, METH_VARARGS, NULL },
    { "flush", stitcher_flush, METH_NOARGS, NULL },   { "close", stitcher_close, METH_NOARGS, NULL },
    { "report", stitcher_report, METH_NOARGS, NULL }, { NULL, NULL, 0, NULL },
};

static PyType_Slot slots[] = {
    { Py_tp_new, (void *)stitcher_new },
    { Py_tp_dealloc, (void *)stitcher_dealloc },
    { Py_tp_methods, methods },
    { 0, NULL },
};

PyType_Spec stitcher_spec = {
    .name = "microtome._core.Stitcher",
    .basicsize = sizeof(stitcher_object),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};
