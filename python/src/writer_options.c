/* SPDX-License-Identifier: BSD-3-Clause */
/* Creation of a writer from the arguments of _core.Writer. */
#include "core.h"

#include <string.h>

/* The options while the writer is created. The library copies what they point to. */
typedef struct start {
    mt_writer_options options;
    PyObject *path_bytes, *like;
    const char *path;
    size_t ndim;
    int_list shape, chunks, shards;
    double pixel_size[MT_MAX_DIMS];
    const char *unit[MT_MAX_DIMS];
    mt_channel *channels;
    mt_context *context;
} start;

static void start_end(start *s)
{
    if (s->options.like)
        stack_leave((stack_object *)s->like);
    int_list_free(&s->shape);
    int_list_free(&s->chunks);
    int_list_free(&s->shards);
    PyMem_Free(s->channels);
    Py_XDECREF(s->path_bytes);
}

/* Sizes for each axis, or None. */
static bool convert_sizes(const start *s, PyObject *object, const char *what, int_list *list, const int64_t **out)
{
    if (!is_given(object))
        return true;
    if (!convert_int_list(object, what, list))
        return false;
    if (list->n != s->ndim) {
        PyErr_Format(PyExc_ValueError, "%s has %zu sizes for %zu axes", what, list->n, s->ndim);
        return false;
    }
    *out = list->values;
    return true;
}

/* A tuple for each axis. */
static bool check_per_axis(const start *s, PyObject *tuple, const char *what)
{
    if (!check_tuple(tuple, what))
        return false;
    if ((size_t)PyTuple_Size(tuple) == s->ndim)
        return true;
    PyErr_Format(PyExc_ValueError, "%s has %zd entries for %zu axes", what, PyTuple_Size(tuple), s->ndim);
    return false;
}

static bool convert_scales(start *s, PyObject *sizes, PyObject *unit)
{
    if (is_given(sizes)) {
        if (!check_per_axis(s, sizes, "pixel_size"))
            return false;
        for (size_t d = 0; d < s->ndim; d++)
            if ((s->pixel_size[d] = PyFloat_AsDouble(PyTuple_GetItem(sizes, (Py_ssize_t)d))) == -1 && PyErr_Occurred())
                return false;
        s->options.pixel_size = s->pixel_size;
    }
    if (is_given(unit)) {
        if (!check_per_axis(s, unit, "unit"))
            return false;
        for (size_t d = 0; d < s->ndim; d++) {
            s->unit[d] = "";
            if (!convert_string(PyTuple_GetItem(unit, (Py_ssize_t)d), "a unit", &s->unit[d]))
                return false;
        }
        s->options.unit = s->unit;
    }
    return true;
}

/* (name, (red, green, blue) or None, (low, high) or None) */
static bool convert_channel(PyObject *item, mt_channel *out)
{
    PyObject *color, *window;
    if (!check_tuple(item, "a channel") || !PyArg_ParseTuple(item, "sOO:channel", &out->name, &color, &window))
        return false;
    out->has_color = is_given(color);
    out->has_window = is_given(window);
    return (!out->has_color || (check_tuple(color, "a colour") &&
                                PyArg_ParseTuple(color, "bbb:color", &out->rgb[0], &out->rgb[1], &out->rgb[2]))) &&
           (!out->has_window || (check_tuple(window, "a window") &&
                                 PyArg_ParseTuple(window, "dd:window", &out->window[0], &out->window[1])));
}

static bool convert_channel_list(start *s, PyObject *object)
{
    if (!is_given(object))
        return true;
    const char *c = strchr(s->options.axes, 'C');
    int64_t wanted = c ? s->shape.values[c - s->options.axes] : 1;
    if (!check_tuple(object, "channels"))
        return false;
    Py_ssize_t n = PyTuple_Size(object);
    if (n != wanted) {
        PyErr_Format(PyExc_ValueError, "%zd channels are described, and the image has %lld", n, (long long)wanted);
        return false;
    }
    if (!(s->channels = PyMem_Calloc((size_t)n + 1, sizeof *s->channels))) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t i = 0; i < n; i++)
        if (!convert_channel(PyTuple_GetItem(object, i), &s->channels[i]))
            return false;
    s->options.channels = s->channels;
    return true;
}

static bool convert_like(core_state *state, start *s)
{
    PyObject *like = s->like;
    if (!is_given(like))
        return true;
    int is_stack = PyObject_IsInstance(like, state->stack_type);
    if (is_stack == 0)
        PyErr_SetString(PyExc_TypeError, "like must be an image stack of microtome");
    return is_stack > 0 && (s->options.like = stack_enter((stack_object *)like));
}

static bool convert(core_state *state, PyObject *arguments, start *s)
{
    mt_writer_options *o = &s->options;
    const char *dtype;
    PyObject *path, *shape, *chunks, *shards, *sizes, *unit, *channels, *context;
    Py_ssize_t memory;
    if (!PyArg_ParseTuple(arguments, "OOsOzOOpzizizzOOOpinzzzO:Writer", &path, &s->like, &o->axes, &shape, &dtype,
                          &chunks, &shards, &o->no_shards, &o->codec, &o->codec_level, &o->shuffle, &o->n_levels,
                          &o->downsample, &o->ome, &sizes, &unit, &channels, &o->is_labels, &o->durability, &memory,
                          &o->identity, &o->note, &o->format, &context) ||
        !(s->path_bytes = convert_path(path, "path", &s->path)) || !context_convert(state, context, &s->context))
        return false;
    s->ndim = strlen(o->axes);
    if (s->ndim > MT_MAX_AXES) {
        PyErr_SetString(PyExc_ValueError, "an image has at most 6 axes");
        return false;
    }
    o->dtype = dtype ? mt_dtype_from_name(dtype) : (mt_dtype)0;
    if (dtype && !o->dtype) {
        PyErr_Format(PyExc_TypeError, "pixels of the type %s are not supported", dtype);
        return false;
    }
    if (memory < 0) {
        PyErr_SetString(PyExc_ValueError, "memory must not be negative");
        return false;
    }
    o->memory = (size_t)memory;
    return convert_sizes(s, shape, "shape", &s->shape, &o->shape) &&
           convert_sizes(s, chunks, "chunks", &s->chunks, &o->chunk_shape) &&
           convert_sizes(s, shards, "shards", &s->shards, &o->shard_shape) && convert_scales(s, sizes, unit) &&
           convert_channel_list(s, channels) && convert_like(state, s);
}

/* Converts the arguments of _core.Writer; start_end in either case. */
static bool start_begin(core_state *state, PyObject *arguments, start *s)
{
    s->options.struct_size = sizeof s->options;
    s->shape.values = s->shape.inline_values;
    s->chunks.values = s->chunks.inline_values;
    s->shards.values = s->shards.inline_values;
    return convert(state, arguments, s);
}

mt_writer *writer_start(core_state *state, PyObject *arguments, bool only_plan)
{
    start s = { .ndim = 0 };
    mt_writer *writer = NULL;
    if (start_begin(state, arguments, &s)) {
        mt_error err = MT_ERROR_INIT;
        mt_status st;
        Py_BEGIN_ALLOW_THREADS
        st = (only_plan ? mt_writer_plan : mt_writer_create)(s.context, s.path, &s.options, &writer, &err);
        Py_END_ALLOW_THREADS
        if (st)
            raise_error(state, &err, s.path);
    }
    start_end(&s);
    return writer;
}

PyObject *is_finished(PyObject *module, PyObject *arguments)
{
    core_state *state = core_get_state(module);
    start s = { .ndim = 0 };
    PyObject *result = NULL;
    if (start_begin(state, arguments, &s)) {
        int finished;
        mt_error err = MT_ERROR_INIT;
        mt_status st;
        Py_BEGIN_ALLOW_THREADS
        st = mt_writer_is_finished(s.context, s.path, &s.options, &finished, &err);
        Py_END_ALLOW_THREADS
        result = st ? raise_error(state, &err, s.path) : PyBool_FromLong(finished);
    }
    start_end(&s);
    return result;
}
