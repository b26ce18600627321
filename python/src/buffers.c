/* SPDX-License-Identifier: BSD-3-Clause */
#include "loader.h"

buffers *buffers_new(PyObject *allocate)
{
    buffers *b = PyMem_Calloc(1, sizeof *b);
    if (!b)
        return (buffers *)PyErr_NoMemory();
    b->blocks = PyDict_New();
    b->allocate = Py_NewRef(allocate);
    b->owners = 1;
    if (b->blocks)
        return b;
    buffers_release(b);
    return NULL;
}

void buffers_release(buffers *b)
{
    if (!b || --b->owners > 0)
        return;
    Py_XDECREF(b->blocks);
    Py_DECREF(b->allocate);
    PyMem_Free(b);
}

/* NULL after an exception. */
static void *allocate(buffers *b, size_t size)
{
    PyObject *block = PyObject_CallFunction(b->allocate, "n", (Py_ssize_t)size);
    PyObject *view = block ? PyMemoryView_FromObject(block) : NULL, *key = NULL;
    Py_buffer buffer = { .buf = NULL };
    void *memory = NULL;
    if (view && PyObject_GetBuffer(view, &buffer, PyBUF_WRITABLE) == 0) {
        if (buffer.len < 0 || (size_t)buffer.len < size)
            PyErr_Format(PyExc_ValueError, "a buffer of %zd bytes where %zu were asked for", buffer.len, size);
        else if ((key = PyLong_FromVoidPtr(buffer.buf)) && PyDict_SetItem(b->blocks, key, view) == 0)
            memory = buffer.buf;
        PyBuffer_Release(&buffer);
    }
    Py_XDECREF(key);
    Py_XDECREF(view);
    Py_XDECREF(block);
    b->owners += memory != NULL;
    return memory;
}

static void release_block(buffers *b, void *memory)
{
    PyObject *key = PyLong_FromVoidPtr(memory);
    if (!key || PyDict_DelItem(b->blocks, key))
        PyErr_WriteUnraisable(b->allocate);
    Py_XDECREF(key);
    buffers_release(b);
}

/* The library frees and allocates blocks; it never resizes one. */
void *buffers_resize(void *user, void *memory, size_t old_size, size_t new_size)
{
    (void)old_size;
    gil_token gil = gil_take();
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback); /* of a caller with the GIL */
    void *result = NULL;
    if (new_size == 0)
        release_block(user, memory);
    else if (!(result = allocate(user, new_size)))
        PyErr_WriteUnraisable(((buffers *)user)->allocate); /* the library reports want of memory */
    PyErr_Restore(type, value, traceback);
    gil_give(gil);
    return result;
}
