/* SPDX-License-Identifier: BSD-3-Clause */
/* Copying of stacks into an image. */
#include "core.h"

#include <string.h>

/* Where the pixels of a stack go. */
typedef struct source {
    stack_object *object;      /* entered, or NULL */
    int_list from, extent, to; /* with an entry for each axis of the image */
} source;

static bool convert_place(PyObject *given, int ndim, const char *what, int_list *list)
{
    if (!convert_int_list(given, what, list))
        return false;
    if (list->n == (size_t)ndim)
        return true;
    PyErr_Format(PyExc_ValueError, "%s has %zu entries for %d axes", what, list->n, ndim);
    return false;
}

static bool convert_source(core_state *state, PyObject *item, int ndim, source *s, mt_copy_source *out)
{
    PyObject *stack, *from, *extent, *to;
    long long sample;
    if (!check_tuple(item, "a source") ||
        !PyArg_ParseTuple(item, "O!OOOL:source", state->stack_type, &stack, &from, &extent, &to, &sample) ||
        !convert_place(from, ndim, "from", &s->from) || !convert_place(extent, ndim, "extent", &s->extent) ||
        !convert_place(to, ndim, "to", &s->to) || !(out->stack = stack_enter((stack_object *)stack)))
        return false;
    s->object = (stack_object *)Py_NewRef(stack);
    out->from = s->from.values;
    out->extent = s->extent.values;
    out->to = s->to.values;
    out->sample = sample;
    return true;
}

static source *new_sources(Py_ssize_t n)
{
    source *sources = PyMem_Calloc((size_t)n + 1, sizeof *sources);
    for (Py_ssize_t i = 0; sources && i < n; i++) {
        sources[i].from.values = sources[i].from.inline_values;
        sources[i].extent.values = sources[i].extent.inline_values;
        sources[i].to.values = sources[i].to.inline_values;
    }
    return sources;
}

static void sources_end(source *sources, Py_ssize_t n)
{
    for (Py_ssize_t i = 0; sources && i < n; i++) {
        if (sources[i].object)
            stack_leave(sources[i].object);
        Py_XDECREF((PyObject *)sources[i].object);
        int_list_free(&sources[i].from);
        int_list_free(&sources[i].extent);
        int_list_free(&sources[i].to);
    }
    PyMem_Free(sources);
}

static bool copy(core_state *state, mt_writer *writer, const mt_copy_source *sources, size_t n,
                 mt_copy_options *options, PyObject *progress)
{
    follower f = { .progress = is_given(progress) ? progress : NULL };
    mt_error err = MT_ERROR_INIT;
    mt_status st;
    options->cancelled = follower_is_cancelled;
    options->progress = follower_note;
    /* cppcheck-suppress autoVariables */
    options->user = &f;
    Py_BEGIN_ALLOW_THREADS
    st = mt_writer_copy_sources(writer, sources, n, options, &err);
    Py_END_ALLOW_THREADS
    if (st)
        raise_error(state, &err, mt_writer_get_info(writer)->path);
    return !st && follower_end(&f);
}

#define IDENTITY_BYTES 16384

/* identify_source(axes, source): as mt_copy_identify, for a source as in Writer.copy. */
PyObject *identify_source(PyObject *module, PyObject *arguments)
{
    core_state *state = PyModule_GetState(module);
    const char *axes;
    PyObject *item, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "sO:identify_source", &axes, &item))
        return NULL;
    source *s = new_sources(1);
    char *text = PyMem_Malloc(IDENTITY_BYTES);
    mt_copy_source made = { .stack = NULL };
    if (!s || !text)
        PyErr_NoMemory();
    else if (convert_source(state, item, (int)strlen(axes), s, &made)) {
        mt_error err = MT_ERROR_INIT;
        mt_status st;
        Py_BEGIN_ALLOW_THREADS
        st = mt_copy_identify(axes, &made, text, IDENTITY_BYTES, &err);
        Py_END_ALLOW_THREADS
        result = st ? raise_error(state, &err, mt_stack_get_info(made.stack)->source)
                    : PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "backslashreplace");
    }
    PyMem_Free(text);
    sources_end(s, 1);
    return result;
}

PyObject *writer_copy(PyObject *object, PyObject *arguments)
{
    core_state *state = PyType_GetModuleState(Py_TYPE(object));
    mt_copy_options options = { .struct_size = sizeof options };
    PyObject *given, *progress;
    unsigned long long part, n_parts;
    if (!PyArg_ParseTuple(arguments, "O!KKdO:copy", &PyTuple_Type, &given, &part, &n_parts, &options.lease, &progress))
        return NULL;
    options.part = part;
    options.n_parts = n_parts;
    mt_writer *writer = writer_enter(object);
    if (!writer)
        return NULL;
    Py_ssize_t n = PyTuple_Size(given);
    source *sources = new_sources(n);
    mt_copy_source *made = PyMem_Calloc((size_t)n + 1, sizeof *made);
    bool good = sources && made;
    if (!good)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; good && i < n; i++)
        good =
            convert_source(state, PyTuple_GetItem(given, i), mt_writer_get_info(writer)->ndim, &sources[i], &made[i]);
    good = good && copy(state, writer, made, (size_t)n, &options, progress);
    for (Py_ssize_t i = 0; good && i < n; i++)
        good = stack_warn_absent(sources[i].object);
    sources_end(sources, n);
    PyMem_Free(made);
    writer_leave(object);
    return good ? Py_NewRef(Py_None) : NULL;
}
