/* SPDX-License-Identifier: BSD-3-Clause */
/* Collections of images: functions of the module; and the label images of a stack. */
#include "core.h"

typedef mt_status act(mt_context *context, const char *path, const mt_collection_options *options, mt_error *err);

/* The names of images: the bytes of those that names borrows, and names itself. */
typedef struct name_list {
    PyObject *bytes;
    const char **names;
} name_list;

static void name_list_free(name_list *list)
{
    Py_CLEAR(list->bytes);
    PyMem_Free(list->names);
}

/* A tuple of str, or None. */
static bool convert_names(PyObject *object, name_list *out)
{
    *out = (name_list) { NULL, NULL };
    if (!is_given(object))
        return true;
    if (!check_tuple(object, "names"))
        return false;
    Py_ssize_t n = PyTuple_Size(object);
    bool good = (out->bytes = PyList_New(0)) && (out->names = PyMem_Calloc((size_t)n + 1, sizeof *out->names));
    for (Py_ssize_t i = 0; i < n && good; i++) {
        PyObject *bytes = convert_path(PyTuple_GetItem(object, i), "name", &out->names[i]);
        good = bytes && PyList_Append(out->bytes, bytes) == 0;
        Py_XDECREF(bytes);
    }
    if (!good) {
        if (!PyErr_Occurred())
            PyErr_NoMemory();
        name_list_free(out);
    }
    return good;
}

/* (path, images, version of OME-Zarr or None, durability, context[, kind, names]) */
static PyObject *call(PyObject *module, PyObject *arguments, act *function)
{
    core_state *state = core_get_state(module);
    PyObject *path_argument, *ome, *context_argument, *names = Py_None;
    unsigned long long n;
    mt_context *context;
    const char *path;
    name_list list;
    mt_collection_options options = { .struct_size = sizeof options };
    if (!PyArg_ParseTuple(arguments, "OKOiO|zO:collection", &path_argument, &n, &ome, &options.durability,
                          &context_argument, &options.kind, &names) ||
        !convert_string(ome, "ome", &options.ome) || !context_convert(state, context_argument, &context) ||
        !convert_names(names, &list))
        return NULL;
    PyObject *bytes = convert_path(path_argument, "path", &path), *result = NULL;
    if (bytes) {
        options.n_images = list.names ? (uint64_t)PyTuple_Size(names) : n;
        options.names = list.names;
        mt_error err = MT_ERROR_INIT;
        mt_status st;
        Py_BEGIN_ALLOW_THREADS
        st = function(context, path, &options, &err);
        Py_END_ALLOW_THREADS
        result = st ? raise_error(state, &err, path) : Py_NewRef(Py_None);
    }
    Py_XDECREF(bytes);
    name_list_free(&list);
    return result;
}

PyObject *collection_begin(PyObject *module, PyObject *arguments)
{
    return call(module, arguments, mt_collection_begin);
}

PyObject *collection_finish(PyObject *module, PyObject *arguments)
{
    return call(module, arguments, mt_collection_finish);
}

/* (path, context): the number of images of the collection at a path, and whether it is complete. */
PyObject *collection_look(PyObject *module, PyObject *arguments)
{
    core_state *state = core_get_state(module);
    PyObject *path_argument, *context_argument;
    mt_context *context;
    const char *path;
    if (!PyArg_ParseTuple(arguments, "OO:collection_look", &path_argument, &context_argument) ||
        !context_convert(state, context_argument, &context))
        return NULL;
    PyObject *bytes = convert_path(path_argument, "path", &path);
    if (!bytes)
        return NULL;
    mt_collection_options found = { .struct_size = sizeof found };
    int is_complete;
    mt_error err = MT_ERROR_INIT;
    mt_status st;
    Py_BEGIN_ALLOW_THREADS
    st = mt_collection_look(context, path, &found, &is_complete, &err);
    Py_END_ALLOW_THREADS
    PyObject *result = st ? raise_error(state, &err, path)
                          : Py_BuildValue("(KN)", (unsigned long long)found.n_images, PyBool_FromLong(is_complete));
    Py_DECREF(bytes);
    return result;
}

/* --- Label images: methods of stacks. --- */

/* [(name, part), ...] */
static PyObject *wrap_labels(const mt_names *names)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < mt_names_count(names); i++) {
        const mt_part *part = mt_names_get_part(names, i);
        PyObject *name = PyUnicode_DecodeFSDefault(part->title), *text = PyUnicode_DecodeFSDefault(part->name);
        PyObject *row = name && text ? PyTuple_Pack(2, name, text) : NULL;
        if (!row || PyList_Append(list, row))
            Py_CLEAR(list);
        Py_XDECREF(row);
        Py_XDECREF(text);
        Py_XDECREF(name);
    }
    return list;
}

PyObject *stack_list_labels(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *given)
{
    static const char *const known[] = { NULL };
    static const signature s = { "list_labels", known, 0, 0 };
    PyObject *none, *result = NULL;
    mt_stack *stack = parse_arguments(&s, args, n, given, &none) ? stack_enter((stack_object *)object) : NULL;
    if (!stack)
        return NULL;
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    mt_status st;
    Py_BEGIN_ALLOW_THREADS
    st = mt_stack_list_labels(stack, &names, &err);
    Py_END_ALLOW_THREADS
    if (st) {
        raise_error(PyType_GetModuleState(core), &err, mt_stack_get_info(stack)->source);
    } else {
        result = wrap_labels(names);
        mt_names_free(names);
    }
    stack_leave((stack_object *)object);
    return result;
}

PyObject *stack_open_beside(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *given)
{
    static const char *const known[] = { "part", NULL };
    static const signature s = { "open_beside", known, 1, 1 };
    PyObject *part, *result = NULL;
    const char *name;
    PyObject *bytes = parse_arguments(&s, args, n, given, &part) ? convert_path(part, "part", &name) : NULL;
    mt_stack *stack = bytes ? stack_enter((stack_object *)object) : NULL;
    if (stack) {
        mt_stack *opened;
        mt_error err = MT_ERROR_INIT;
        mt_status st;
        Py_BEGIN_ALLOW_THREADS
        st = mt_stack_open_beside(stack, name, NULL, &opened, &err);
        Py_END_ALLOW_THREADS
        result = st ? raise_error(PyType_GetModuleState(core), &err, mt_stack_get_info(stack)->source)
                    : stack_wrap(Py_TYPE(object), opened, NULL);
        stack_leave((stack_object *)object);
    }
    Py_XDECREF(bytes);
    return result;
}
