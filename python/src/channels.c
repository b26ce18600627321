/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of channels, by number or by name. */
#include "core.h"

static bool find_channel(const mt_stack_info *info, PyObject *object, int64_t *out)
{
    const char *name;
    mt_error err = MT_ERROR_INIT;
    if (!convert_string(object, "a channel", &name))
        return false;
    if (mt_channel_find(info, name, out, &err))
        PyErr_Format(PyExc_ValueError, "%s", err.message);
    return !err.status;
}

static bool find_channels(const mt_stack_info *info, PyObject *items, int_list *out)
{
    Py_ssize_t n = PyTuple_Size(items);
    PyObject *numbers = PyTuple_New(n);
    for (Py_ssize_t i = 0; numbers && i < n; i++) {
        PyObject *item = PyTuple_GetItem(items, i), *number = NULL;
        int64_t channel;
        if (!PyUnicode_Check(item))
            number = Py_NewRef(item);
        else if (find_channel(info, item, &channel))
            number = PyLong_FromLongLong(channel);
        if (!number || PyTuple_SetItem(numbers, i, number))
            Py_CLEAR(numbers);
    }
    bool good = numbers && convert_int_list(numbers, "channels", out);
    Py_XDECREF(numbers);
    return good;
}

bool convert_channels(PyObject *object, const mt_stack_info *info, int_list *out)
{
    PyObject *items = PyUnicode_Check(object) ? PyTuple_Pack(1, object) : PySequence_Tuple(object);
    bool named = false, good = false;
    out->values = out->inline_values;
    out->n = 0;
    for (Py_ssize_t i = 0; items && i < PyTuple_Size(items); i++)
        named |= PyUnicode_Check(PyTuple_GetItem(items, i));
    if (items)
        good = named ? find_channels(info, items, out) : convert_int_list(items, "channels", out);
    else if (PyErr_ExceptionMatches(PyExc_TypeError))
        PyErr_SetString(PyExc_TypeError, "channels must be a sequence of integers and names");
    Py_XDECREF(items);
    if (!good || out->n > 0)
        return good;
    PyErr_SetString(PyExc_ValueError, "Channel index sequence cannot be empty.");
    return false;
}

/* Converts channels given by number or name to numbers. */
PyObject *stack_find_channels(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n,
                              PyObject *names)
{
    static const char *const known[] = { "channels", NULL };
    static const signature s = { "find_channels", known, 1, 1 };
    PyObject *channels, *list = NULL;
    int_list numbers = { .values = NULL };
    stack_object *self = (stack_object *)object;
    (void)core;
    mt_stack *stack = parse_arguments(&s, args, n, names, &channels) ? stack_enter(self) : NULL;
    if (!stack)
        return NULL;
    if (convert_channels(channels, mt_stack_get_info(stack), &numbers)) {
        list = PyList_New(0);
        for (size_t i = 0; list && i < numbers.n; i++) {
            PyObject *number = PyLong_FromLongLong(numbers.values[i]);
            if (!number || PyList_Append(list, number))
                Py_CLEAR(list);
            Py_XDECREF(number);
        }
        int_list_free(&numbers);
    }
    stack_leave(self);
    return list;
}
