/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts that are kept with an unfinished image: methods of _core.Writer. */
#include "core.h"

static PyObject *fail(PyObject *object, const mt_writer *writer, const mt_error *err)
{
    return raise_error(PyType_GetModuleState(Py_TYPE(object)), err, mt_writer_get_info(writer)->path);
}

PyObject *writer_keep(PyObject *object, PyObject *arguments)
{
    PyObject *name_argument, *text_argument;
    const char *name = NULL, *text = NULL;
    if (!PyArg_ParseTuple(arguments, "OO:keep", &name_argument, &text_argument) ||
        !convert_string(name_argument, "name", &name) || !convert_string(text_argument, "text", &text))
        return NULL;
    mt_writer *writer = writer_enter(object);
    if (!writer)
        return NULL;
    mt_error err = MT_ERROR_INIT;
    mt_status st;
    Py_BEGIN_ALLOW_THREADS
    st = mt_writer_keep(writer, name, text, &err);
    Py_END_ALLOW_THREADS
    PyObject *result = st ? fail(object, writer, &err) : Py_NewRef(Py_None);
    writer_leave(object);
    return result;
}

/* Adds a text to a dict. Called without the GIL. */
static mt_status note_kept(void *user, const char *name, const char *text, mt_error *err)
{
    (void)err;
    gil_token gil = gil_take();
    PyObject *value = PyUnicode_FromString(text);
    mt_status st = value && !PyDict_SetItemString(user, name, value) ? MT_OK : MT_E_CANCELLED; /* an exception is set */
    Py_XDECREF(value);
    gil_give(gil);
    return st;
}

PyObject *writer_kept(PyObject *object, PyObject *unused)
{
    (void)unused;
    PyObject *found = PyDict_New();
    mt_writer *writer = found ? writer_enter(object) : NULL;
    if (!writer) {
        Py_XDECREF(found);
        return NULL;
    }
    mt_error err = MT_ERROR_INIT;
    mt_status st;
    Py_BEGIN_ALLOW_THREADS
    st = mt_writer_get_kept(writer, note_kept, found, &err);
    Py_END_ALLOW_THREADS
    if (st) {
        fail(object, writer, &err);
        Py_CLEAR(found);
    }
    writer_leave(object);
    return found;
}
