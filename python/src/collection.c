/* SPDX-License-Identifier: BSD-3-Clause */
/* Collections of images: functions of the module. */
#include "core.h"

typedef mt_status act(mt_context *context, const char *path, const mt_collection_options *options, mt_error *err);

/* (path, images, version of OME-Zarr or None, durability, context) */
static PyObject *call(PyObject *module, PyObject *arguments, act *function)
{
    core_state *state = core_get_state(module);
    PyObject *path_argument, *ome, *context_argument;
    unsigned long long n;
    mt_context *context;
    const char *path;
    mt_collection_options options = { .struct_size = sizeof options };
    if (!PyArg_ParseTuple(arguments, "OKOiO:collection", &path_argument, &n, &ome, &options.durability,
                          &context_argument) ||
        !convert_string(ome, "ome", &options.ome) || !context_convert(state, context_argument, &context))
        return NULL;
    PyObject *bytes = convert_path(path_argument, &path);
    if (!bytes)
        return NULL;
    options.n_images = n;
    mt_error err = MT_ERROR_INIT;
    mt_status st;
    Py_BEGIN_ALLOW_THREADS
    st = function(context, path, &options, &err);
    Py_END_ALLOW_THREADS
    PyObject *result = st ? raise_error(state, &err, path) : Py_NewRef(Py_None);
    Py_DECREF(bytes);
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
