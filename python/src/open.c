/* SPDX-License-Identifier: BSD-3-Clause */
/* Opens stacks of files, arrays and objects. */
#include "core.h"

#include <string.h>

/* Arguments shared by open and open_all, in this order after the path. */
#define OPEN_ARGUMENTS                                                                                                 \
    "axes", "part", "format", "context", "raw", "depth_axis", "use_masks", "external_folder", "missing_is_error",      \
        "map", "scaled", "merge_tiles"
enum {
    AXES = 1,
    PART,
    FORMAT,
    CONTEXT,
    RAW,
    DEPTH_AXIS,
    USE_MASKS,
    EXTERNAL_FOLDER,
    MISSING_IS_ERROR,
    MAP,
    SCALED,
    MERGE_TILES,
    N_OPEN
};

typedef struct open_arguments {
    mt_open_options options;
    mt_context *context;
    int_list raw_shape;
    PyObject *external_folder, *map; /* bytes objects that options point to, or NULL */
} open_arguments;

static void open_arguments_free(open_arguments *open)
{
    int_list_free(&open->raw_shape);
    Py_CLEAR(open->external_folder);
    Py_CLEAR(open->map);
}

/* raw is (name of dtype, shape, offset, is big-endian). */
static bool convert_raw(PyObject *raw, open_arguments *out)
{
    const char *dtype;
    PyObject *shape;
    long long offset;
    int big_endian;
    if (!is_given(raw))
        return true;
    if (!check_tuple(raw, "raw") || !PyArg_ParseTuple(raw, "sOLp", &dtype, &shape, &offset, &big_endian) ||
        !convert_int_list(shape, "shape", &out->raw_shape))
        return false;
    out->options.format = "raw";
    out->options.raw_dtype = mt_dtype_from_name(dtype);
    out->options.raw_shape = out->raw_shape.values;
    out->options.raw_ndim = (int)out->raw_shape.n;
    out->options.raw_offset = offset;
    out->options.raw_big_endian = big_endian;
    return true;
}

static bool convert_open(core_state *state, PyObject *const *values, open_arguments *out)
{
    memset(out, 0, sizeof *out);
    out->options.struct_size = sizeof out->options;
    out->raw_shape.values = out->raw_shape.inline_values;
    out->options.use_masks = values[USE_MASKS] ? PyObject_IsTrue(values[USE_MASKS]) : 0;
    out->options.missing_is_error = values[MISSING_IS_ERROR] ? PyObject_IsTrue(values[MISSING_IS_ERROR]) : 0;
    out->options.scaled = values[SCALED] ? PyObject_IsTrue(values[SCALED]) : 0;
    out->options.merge_tiles = values[MERGE_TILES] ? PyObject_IsTrue(values[MERGE_TILES]) : 0;
    if (out->options.use_masks < 0 || out->options.missing_is_error < 0 || out->options.scaled < 0 ||
        out->options.merge_tiles < 0)
        return false;
    if (!(convert_string(values[AXES], "axes", &out->options.axes) &&
          convert_string(values[PART], "part", &out->options.part) &&
          convert_string(values[FORMAT], "format", &out->options.format) &&
          convert_string(values[DEPTH_AXIS], "depth_axis", &out->options.depth_axis) &&
          context_convert(state, values[CONTEXT], &out->context) && convert_raw(values[RAW], out)))
        return false;
    if (is_given(values[EXTERNAL_FOLDER]))
        out->external_folder = convert_path(values[EXTERNAL_FOLDER], "external_folder", &out->options.external_folder);
    if (is_given(values[MAP]) && !PyErr_Occurred())
        out->map = convert_path(values[MAP], "map", &out->options.map);
    if (!PyErr_Occurred())
        return true;
    open_arguments_free(out);
    return false;
}

PyObject *stack_open(PyObject *type, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    static const char *const known[] = { "path", OPEN_ARGUMENTS, NULL };
    static const signature s = { "open", known, 1, 1 };
    PyObject *values[N_OPEN];
    core_state *state = PyType_GetModuleState(core);
    open_arguments open;
    const char *path;
    if (!parse_arguments(&s, args, n, names, values) || !convert_open(state, values, &open))
        return NULL;
    PyObject *bytes = convert_path(values[0], "path", &path), *result = NULL;
    if (bytes) {
        mt_stack *stack;
        mt_status st;
        mt_error err = MT_ERROR_INIT;
        Py_BEGIN_ALLOW_THREADS
        st = mt_stack_open(open.context, path, &open.options, &stack, &err);
        Py_END_ALLOW_THREADS
        result = st ? raise_error(state, &err, path) : stack_wrap((PyTypeObject *)type, stack, NULL);
    }
    Py_XDECREF(bytes);
    open_arguments_free(&open);
    return result;
}

/* ([stack, ...], [(path, reason), ...]) */
static PyObject *wrap_all(PyTypeObject *type, const mt_stacks *stacks)
{
    PyObject *opened = PyList_New(0), *skipped = PyList_New(0);
    const char *path, *reason;
    bool good = opened && skipped;
    for (size_t i = 0; good && i < mt_stacks_count(stacks); i++) {
        PyObject *stack = stack_wrap(type, mt_stack_retain(mt_stacks_get(stacks, i)), NULL);
        good = stack && !PyList_Append(opened, stack);
        Py_XDECREF(stack);
    }
    for (size_t i = 0; good && mt_stacks_skipped(stacks, i, &path, &reason); i++) {
        PyObject *pair = Py_BuildValue("(NN)", PyUnicode_DecodeFSDefault(path), PyUnicode_DecodeFSDefault(reason));
        good = pair && !PyList_Append(skipped, pair);
        Py_XDECREF(pair);
    }
    PyObject *result = good ? PyTuple_Pack(2, opened, skipped) : NULL;
    Py_XDECREF(opened);
    Py_XDECREF(skipped);
    return result;
}

typedef struct path_list {
    PyObject *bytes; /* owns the strings */
    const char **paths;
    size_t n;
} path_list;

static void path_list_free(path_list *list)
{
    PyMem_Free(list->paths);
    Py_XDECREF(list->bytes);
}

static bool convert_paths(PyObject *object, path_list *out)
{
    *out = (path_list) { .bytes = PyList_New(0) };
    PyObject *items = PySequence_Tuple(object);
    Py_ssize_t n = items ? PyTuple_Size(items) : 0;
    bool good = out->bytes && items;
    if (good && !(out->paths = PyMem_Malloc((size_t)(n ? n : 1) * sizeof *out->paths))) {
        PyErr_NoMemory();
        good = false;
    }
    for (; good && out->n < (size_t)n; out->n++) {
        PyObject *bytes = convert_path(PyTuple_GetItem(items, (Py_ssize_t)out->n), "path", &out->paths[out->n]);
        good = bytes && !PyList_Append(out->bytes, bytes);
        Py_XDECREF(bytes);
    }
    Py_XDECREF(items);
    if (!good)
        path_list_free(out);
    return good;
}

PyObject *stack_open_all(PyObject *type, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    static const char *const known[] = { "paths", OPEN_ARGUMENTS, NULL };
    static const signature s = { "open_all", known, 1, 1 };
    PyObject *values[N_OPEN], *result = NULL;
    core_state *state = PyType_GetModuleState(core);
    open_arguments open;
    path_list list;
    if (!parse_arguments(&s, args, n, names, values) || !convert_open(state, values, &open))
        return NULL;
    if (convert_paths(values[0], &list)) {
        mt_stacks *stacks;
        mt_status st;
        mt_error err = MT_ERROR_INIT;
        Py_BEGIN_ALLOW_THREADS
        st = mt_stacks_open(open.context, list.paths, list.n, &open.options, &stacks, &err);
        Py_END_ALLOW_THREADS
        if (st) {
            result = raise_error(state, &err, list.n == 1 ? list.paths[0] : NULL);
        } else {
            result = wrap_all((PyTypeObject *)type, stacks);
            mt_stacks_close(stacks);
        }
        path_list_free(&list);
    }
    open_arguments_free(&open);
    return result;
}

PyObject *stack_from_array(PyObject *type, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    static const char *const known[] = { "array", "axes", "source", "context", NULL };
    static const signature s = { "from_array", known, 3, 2 };
    PyObject *values[4];
    core_state *state = PyType_GetModuleState(core);
    const char *axes = "", *source = "array";
    mt_context *context;
    mt_dtype dtype;
    Py_buffer buffer;
    if (!parse_arguments(&s, args, n, names, values) || !convert_string(values[1], "axes", &axes) ||
        !convert_string(values[2], "source", &source) || !context_convert(state, values[3], &context) ||
        !buffer_get(values[0], PyBUF_SIMPLE, &buffer, &dtype))
        return NULL;
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack;
    int64_t shape[MT_MAX_DIMS], strides[MT_MAX_DIMS];
    mt_status st = MT_OK;
    if ((size_t)buffer.ndim != strlen(axes) || buffer.ndim > MT_MAX_DIMS)
        st = mt_fail(&err, MT_E_ARGUMENT, "axes %s for an array of %d dimensions", axes, buffer.ndim);
    for (int d = 0; !st && d < buffer.ndim; d++) {
        shape[d] = buffer.shape[d];
        strides[d] = buffer.strides[d];
    }
    if (!st)
        st = mt_stack_from_array(context, buffer.buf, dtype, axes, shape, strides, source, &stack, &err);
    PyObject *self = st ? raise_error(state, &err, NULL) : stack_wrap((PyTypeObject *)type, stack, values[0]);
    if (self)
        ((stack_object *)self)->buffer = buffer;
    else
        PyBuffer_Release(&buffer);
    return self;
}
