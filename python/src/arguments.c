/* SPDX-License-Identifier: BSD-3-Clause */
/* Arguments from Python: names, integers, lists of them, paths, buffers. */
#include "core.h"

#include <string.h>

static int find_name(const signature *s, PyObject *name)
{
    for (int i = 0; s->names[i]; i++)
        if (PyUnicode_CompareWithASCIIString(name, s->names[i]) == 0)
            return i;
    PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", s->function, name);
    return -1;
}

static bool take_named(const signature *s, PyObject *const *values, PyObject *names, PyObject **out)
{
    Py_ssize_t n = names ? PyTuple_Size(names) : 0;
    for (Py_ssize_t k = 0; k < n; k++) {
        int i = find_name(s, PyTuple_GetItem(names, k));
        if (i < 0)
            return false;
        if (out[i]) {
            PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%s'", s->function, s->names[i]);
            return false;
        }
        out[i] = values[k];
    }
    return true;
}

bool parse_arguments(const signature *s, PyObject *const *args, Py_ssize_t n, PyObject *names, PyObject **out)
{
    if (n > s->positional) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most %d positional arguments, %zd were given", s->function,
                     s->positional, n);
        return false;
    }
    for (int i = 0; s->names[i]; i++)
        out[i] = i < n ? args[i] : NULL;
    if (!take_named(s, args + n, names, out))
        return false;
    for (int i = 0; i < s->required; i++)
        if (!out[i]) {
            PyErr_Format(PyExc_TypeError, "%s() misses the argument '%s'", s->function, s->names[i]);
            return false;
        }
    return true;
}

bool is_given(PyObject *object) { return object && object != Py_None; }

bool check_tuple(PyObject *object, const char *what)
{
    if (PyTuple_Check(object))
        return true;
    PyObject *type = PyType_GetName(Py_TYPE(object));
    PyErr_Format(PyExc_TypeError, "%s must be a tuple, not %V", what, type, "this type");
    Py_XDECREF(type);
    return false;
}

bool convert_int64(PyObject *object, const char *what, int64_t *out)
{
    PyObject *index = PyNumber_Index(object);
    if (!index) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyObject *type = PyType_GetName(Py_TYPE(object));
            PyErr_Format(PyExc_TypeError, "%s must be an integer, not %V", what, type, "this type");
            Py_XDECREF(type);
        }
        return false;
    }
    *out = PyLong_AsLongLong(index);
    Py_DECREF(index);
    if (*out != -1 || !PyErr_Occurred())
        return true;
    if (PyErr_ExceptionMatches(PyExc_OverflowError))
        PyErr_Format(PyExc_ValueError, "%s does not fit into 64 bits", what);
    return false;
}

bool convert_int_list(PyObject *object, const char *what, int_list *out)
{
    out->values = out->inline_values;
    out->n = 0;
    PyObject *items = PySequence_Tuple(object);
    if (!items) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError, "%s must be a sequence of integers", what);
        return false;
    }
    Py_ssize_t n = PyTuple_Size(items);
    if ((size_t)n > sizeof out->inline_values / sizeof *out->inline_values)
        out->values = PyMem_Malloc((size_t)n * sizeof *out->values);
    bool good = out->values != NULL;
    if (!good)
        PyErr_NoMemory();
    for (; good && out->n < (size_t)n; out->n += good)
        good = convert_int64(PyTuple_GetItem(items, (Py_ssize_t)out->n), what, &out->values[out->n]);
    Py_DECREF(items);
    if (!good)
        int_list_free(out);
    return good;
}

void int_list_free(int_list *list)
{
    if (list->values != list->inline_values)
        PyMem_Free(list->values);
    list->values = list->inline_values;
    list->n = 0;
}

PyObject *int_tuple(const int64_t *values, size_t n)
{
    PyObject *tuple = PyTuple_New((Py_ssize_t)n);
    for (size_t i = 0; tuple && i < n; i++) {
        PyObject *value = PyLong_FromLongLong(values[i]);
        if (!value || PyTuple_SetItem(tuple, (Py_ssize_t)i, value))
            Py_CLEAR(tuple);
    }
    return tuple;
}

bool convert_padding(PyObject *object, double *padding, int *mode)
{
    *padding = 0;
    *mode = MT_PAD_CONSTANT;
    if (!object)
        return true;
    if (!PyUnicode_Check(object)) {
        *padding = PyFloat_AsDouble(object);
        if (!PyErr_Occurred())
            return true;
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError, "padding is a number, \"reflect\" or \"edge\", not %R", object);
        return false;
    }
    if (PyUnicode_CompareWithASCIIString(object, "reflect") == 0)
        *mode = MT_PAD_REFLECT;
    else if (PyUnicode_CompareWithASCIIString(object, "edge") == 0)
        *mode = MT_PAD_EDGE;
    else
        PyErr_Format(PyExc_ValueError, "padding is a number, \"reflect\" or \"edge\", not \"%U\"", object);
    return *mode != MT_PAD_CONSTANT;
}

bool convert_string(PyObject *object, const char *what, const char **out)
{
    if (!is_given(object))
        return true;
    Py_ssize_t size;
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "%s must be a string", what);
        return false;
    }
    *out = PyUnicode_AsUTF8AndSize(object, &size);
    if (*out && strlen(*out) != (size_t)size) {
        PyErr_Format(PyExc_ValueError, "%s contains a null character", what);
        return false;
    }
    return *out != NULL;
}

PyObject *convert_path(PyObject *object, const char *what, const char **out)
{
    PyObject *bytes;
    if (!PyUnicode_FSConverter(object, &bytes)) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError, "%s must be a path, not %R", what, object);
        return NULL;
    }
    *out = PyBytes_AsString(bytes); /* the converter rejects null characters */
    return bytes;
}

/* The dtype of a buffer format of the struct module, in native byte order; 0 if not supported. */
static mt_dtype format_dtype(const char *format, Py_ssize_t size)
{
    static const mt_dtype integers[2][4] = { { MT_INT8, MT_INT16, MT_INT32, MT_INT64 },
                                             { MT_UINT8, MT_UINT16, MT_UINT32, MT_UINT64 } };
    const uint16_t one = 1;
    const char native = *(const uint8_t *)&one ? '<' : '>';
    if (!format)
        return MT_UINT8;
    if (*format == '@' || *format == '=' || *format == native)
        format++;
    if (!format[0] || format[1])
        return (mt_dtype)0;
    int log = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : size == 8 ? 3 : -1;
    if (strchr("bhilqn", *format) && log >= 0)
        return integers[0][log];
    if (strchr("BHILQN", *format) && log >= 0)
        return integers[1][log];
    if (*format == '?' && size == 1)
        return MT_BOOL;
    return *format == 'e' ? MT_FLOAT16 : *format == 'f' ? MT_FLOAT32 : *format == 'd' ? MT_FLOAT64 : (mt_dtype)0;
}

bool buffer_get(PyObject *object, int flags, Py_buffer *out, mt_dtype *dtype)
{
    if (PyObject_GetBuffer(object, out, flags | PyBUF_FORMAT | PyBUF_STRIDES))
        return false;
    *dtype = format_dtype(out->format, out->itemsize);
    if (*dtype)
        return true;
    PyErr_Format(PyExc_TypeError, "arrays with elements of the format '%s' are not supported", out->format);
    PyBuffer_Release(out);
    return false;
}

bool buffer_get_vector(PyObject *object, const char *what, mt_dtype wanted, int64_t n, Py_buffer *out)
{
    mt_dtype dtype;
    if (!buffer_get(object, PyBUF_C_CONTIGUOUS, out, &dtype))
        return false;
    if (dtype == wanted && (n < 0 || out->len == n * out->itemsize))
        return true;
    PyErr_Format(PyExc_ValueError, n < 0 ? "%s must be an array of %s" : "%s must be an array of %s, %lld of them",
                 what, mt_dtype_name(wanted), (long long)n);
    PyBuffer_Release(out);
    return false;
}
