/* SPDX-License-Identifier: BSD-3-Clause */
#include "core.h"

PyObject *make_exception(core_state *state, const mt_error *err, const char *path)
{
    PyObject *where = path ? PyUnicode_DecodeFSDefault(path) : Py_NewRef(Py_None);
    PyObject *message = PyUnicode_DecodeFSDefault(err->message);
    PyObject *error = NULL;
    if (where && message)
        error = PyObject_CallFunction(state->make_error, "sOO", mt_status_name(err->status), message, where);
    Py_XDECREF(where);
    Py_XDECREF(message);
    return error;
}

PyObject *raise_error(core_state *state, const mt_error *err, const char *path)
{
    if (PyErr_Occurred())
        return NULL;
    PyObject *error = make_exception(state, err, path);
    if (error)
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_XDECREF(error);
    return NULL;
}
