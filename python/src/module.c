/* SPDX-License-Identifier: BSD-3-Clause */
#include "core.h"

#include <stddef.h>

static PyObject *list_parts(PyObject *module, PyObject *args)
{
    PyObject *path_argument, *context_argument = Py_None, *list = NULL;
    mt_context *context;
    const char *path;
    core_state *state = core_get_state(module);
    if (!PyArg_ParseTuple(args, "O|O:list_parts", &path_argument, &context_argument) ||
        !context_convert(state, context_argument, &context))
        return NULL;
    PyObject *bytes = convert_path(path_argument, "path", &path);
    if (!bytes)
        return NULL;
    mt_names *names = NULL;
    mt_status st;
    mt_error err = MT_ERROR_INIT;
    Py_BEGIN_ALLOW_THREADS
    st = mt_list_parts(context, path, NULL, &names, &err);
    Py_END_ALLOW_THREADS
    if (st)
        raise_error(state, &err, path);
    else
        list = PyList_New(0);
    for (size_t i = 0; list && i < mt_names_count(names); i++) {
        PyObject *name = PyUnicode_DecodeFSDefault(mt_names_get(names, i));
        if (!name || PyList_Append(list, name))
            Py_CLEAR(list);
        Py_XDECREF(name);
    }
    if (!st)
        mt_names_free(names);
    Py_DECREF(bytes);
    return list;
}

/* [(name, title, suffixes), ...] */
static PyObject *formats(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    PyObject *list = PyList_New(0);
    const char *name, *title, *suffixes;
    for (size_t i = 0; list && (name = mt_format_name(i, &title, &suffixes)); i++) {
        PyObject *row = Py_BuildValue("(sss)", name, title, suffixes);
        if (!row || PyList_Append(list, row))
            Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list;
}

/* [(name, switch or None), ...] */
static PyObject *codecs(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    PyObject *list = PyList_New(0);
    const char *name, *build_switch;
    for (size_t i = 0; list && (name = mt_codec_name(i, &build_switch)); i++) {
        PyObject *row = Py_BuildValue("(sz)", name, build_switch);
        if (!row || PyList_Append(list, row))
            Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list;
}

/* The main function of the command, compiled into this module. */
int command_main(int argc, char **argv);

static PyObject *run_command(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *items = PySequence_Tuple(arguments), **bytes = NULL;
    char **argv = NULL;
    Py_ssize_t n = items ? PyTuple_Size(items) : 0;
    int status = 2;
    if (items) {
        bytes = PyMem_Calloc((size_t)n + 1, sizeof *bytes);
        argv = PyMem_Calloc((size_t)n + 1, sizeof *argv);
    }
    bool good = bytes && argv;
    if (items && !good)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; good && i < n; i++)
        if ((good = PyUnicode_FSConverter(PyTuple_GetItem(items, i), &bytes[i])))
            argv[i] = PyBytes_AsString(bytes[i]);
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        status = command_main((int)n, argv);
        Py_END_ALLOW_THREADS
    }
    for (Py_ssize_t i = 0; bytes && i < n; i++)
        Py_XDECREF(bytes[i]);
    PyMem_Free(bytes);
    PyMem_Free(argv);
    Py_XDECREF(items);
    return good ? PyLong_FromLong(status) : NULL;
}

/* Sets is_worker for the default context. No effect once it is in use. */
static PyObject *be_worker(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    mt_context_options options = { .struct_size = sizeof options, .is_worker = 1 };
    (void)!mt_context_set_default(&options, NULL);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    { "list_parts", list_parts, METH_VARARGS, NULL },
    { "formats", formats, METH_NOARGS, NULL },
    { "codecs", codecs, METH_NOARGS, NULL },
    { "run_command", run_command, METH_O, NULL },
    { "be_worker", be_worker, METH_NOARGS, NULL },
    { "extract_many", (PyCFunction)(void (*)(void))extract_many, METH_FASTCALL | METH_KEYWORDS, NULL },
    { "n2v", n2v, METH_VARARGS, NULL },
    { "add_noise", add_noise, METH_VARARGS, NULL },
    { "prefetch", (PyCFunction)(void (*)(void))prefetch_many, METH_FASTCALL | METH_KEYWORDS, NULL },
    { "statistics", (PyCFunction)(void (*)(void))compute_statistics, METH_FASTCALL | METH_KEYWORDS, NULL },
    { "is_finished", is_finished, METH_O, NULL },
    { "identify_source", identify_source, METH_VARARGS, NULL },
    { "collection_begin", collection_begin, METH_VARARGS, NULL },
    { "collection_finish", collection_finish, METH_VARARGS, NULL },
    { "collection_look", collection_look, METH_VARARGS, NULL },
    { "parse_statistics", parse_statistics, METH_VARARGS, NULL },
    { NULL, NULL, 0, NULL },
};

/* Imports an attribute of a module; NULL after an exception. */
static PyObject *import_name(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *object = module ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return object;
}

/* base: a type that it extends, or NULL. */
static PyObject *add_type(PyObject *module, PyType_Spec *spec, PyObject *base)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, base);
    if (type && PyModule_AddType(module, (PyTypeObject *)type))
        Py_CLEAR(type);
    return type;
}

#define NO_BASE SIZE_MAX

/* The types of the module, and their place in its state. */
static const struct {
    PyType_Spec *spec;
    size_t offset;
    size_t base; /* place of the type that it extends, which comes before */
} types[] = {
    { &context_spec, offsetof(core_state, context_type), NO_BASE },
    { &stack_spec, offsetof(core_state, stack_type), NO_BASE },
    { &prefetch_spec, offsetof(core_state, prefetch_type), NO_BASE },
    { &patching_spec, offsetof(core_state, patching_type), NO_BASE },
    { &statistics_spec, offsetof(core_state, statistics_type), NO_BASE },
    { &loader_spec, offsetof(core_state, loader_type), NO_BASE },
    { &batch_spec, offsetof(core_state, batch_type), NO_BASE },
    { &array_spec, offsetof(core_state, array_type), NO_BASE },
    { &writer_spec, offsetof(core_state, writer_type), NO_BASE },
    { &tiling_spec, offsetof(core_state, tiling_type), offsetof(core_state, patching_type) },
    { &stitcher_spec, offsetof(core_state, stitcher_type), NO_BASE },
    { &ensemble_spec, offsetof(core_state, ensemble_type), NO_BASE },
};

static PyObject **at_offset(core_state *state, size_t offset) { return (PyObject **)(void *)((char *)state + offset); }

static PyObject **type_at(core_state *state, size_t i) { return at_offset(state, types[i].offset); }

static int execute(PyObject *module)
{
    core_state *state = core_get_state(module);
    PyObject *dtype = import_name("numpy", "dtype");
    state->make_error = import_name("microtome._errors", "make_error");
    state->empty = import_name("numpy", "empty");
    state->float32 = dtype ? PyObject_CallFunction(dtype, "s", "float32") : NULL;
    Py_XDECREF(dtype);
    if (!state->make_error || !state->empty || !state->float32 || !gil_init())
        return -1;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!(*type_at(state, i) =
                  add_type(module, types[i].spec, types[i].base == NO_BASE ? NULL : *at_offset(state, types[i].base))))
            return -1;
    return PyModule_AddStringConstant(module, "version", mt_version());
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    core_state *state = core_get_state(module);
    Py_VISIT(state->make_error);
    Py_VISIT(state->empty);
    Py_VISIT(state->float32);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        Py_VISIT(*type_at(state, i));
    return 0;
}

static int clear(PyObject *module)
{
    core_state *state = core_get_state(module);
    Py_CLEAR(state->make_error);
    Py_CLEAR(state->empty);
    Py_CLEAR(state->float32);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        Py_CLEAR(*type_at(state, i));
    return 0;
}

static PyModuleDef_Slot slots[] = { { Py_mod_exec, execute }, { 0, NULL } };

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "microtome._core",
    .m_size = sizeof(core_state),
    .m_methods = functions,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
};

core_state *core_get_state(PyObject *module) { return PyModule_GetState(module); }

PyMODINIT_FUNC PyInit__core(void);
PyMODINIT_FUNC PyInit__core(void) { return PyModuleDef_Init(&definition); }
