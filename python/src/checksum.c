/* SPDX-License-Identifier: BSD-3-Clause */
/* The checksum of all pixels, and what identifies them without reading, as text. */
#include "core.h"

#include <string.h>

PyObject *stack_checksum(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    static const char *const known[] = { NULL };
    static const signature s = { "checksum", known, 0, 0 };
    stack_object *self = (stack_object *)object;
    PyObject *none;
    if (!parse_arguments(&s, args, n, names, &none))
        return NULL;
    mt_stack *stack = stack_enter(self);
    if (!stack)
        return NULL;
    signal_watch watch = { 0 };
    mt_extract_options options = { .struct_size = sizeof options, .cancelled = watch_signals, .user = &watch };
    mt_error err = MT_ERROR_INIT;
    mt_checksum checksum;
    mt_status st;
    Py_BEGIN_ALLOW_THREADS
    st = mt_stack_checksum(stack, &options, &checksum, &err);
    Py_END_ALLOW_THREADS
    PyObject *result = NULL;
    if (st)
        raise_error(PyType_GetModuleState(core), &err, mt_stack_get_info(stack)->source);
    else if (stack_warn_absent(self))
        result = PyUnicode_FromString(checksum.text);
    stack_leave(self);
    return result;
}

#define IDENTITY_BYTES 16384

PyObject *stack_identity(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    static const char *const known[] = { NULL };
    static const signature s = { "identity", known, 0, 0 };
    PyObject *none, *result = NULL;
    if (!parse_arguments(&s, args, n, names, &none))
        return NULL;
    mt_stack *stack = stack_enter((stack_object *)object);
    char *text = stack ? PyMem_Malloc(IDENTITY_BYTES) : NULL;
    if (stack && !text)
        PyErr_NoMemory();
    if (text) {
        mt_error err = MT_ERROR_INIT;
        mt_status st;
        Py_BEGIN_ALLOW_THREADS
        st = mt_stack_identify(stack, text, IDENTITY_BYTES, &err);
        Py_END_ALLOW_THREADS
        if (st)
            raise_error(PyType_GetModuleState(core), &err, mt_stack_get_info(stack)->source);
        else
            result = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "backslashreplace");
        PyMem_Free(text);
    }
    if (stack)
        stack_leave((stack_object *)object);
    return result;
}
