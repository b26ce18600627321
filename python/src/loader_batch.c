/* SPDX-License-Identifier: BSD-3-Clause */
/* _core.Batch, a batch of a loader, and _core.BatchArray, an array inside its memory. */
#include "core.h"

#include <string.h>

/* ---- Arrays ---- */

#define MAX_BATCH_NDIM 5

/* Read only by its buffer, which numpy.asarray takes. */
typedef struct array_object {
    PyObject_HEAD
    mt_batch *batch; /* retained: the memory outlives loader and batch */
    void *data;
    char format[2]; /* of the struct module */
    Py_ssize_t item_size;
    int ndim;
    Py_ssize_t shape[MAX_BATCH_NDIM], strides[MAX_BATCH_NDIM]; /* in elements; in bytes */
    int is_read_only;
} array_object;

static void array_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    mt_batch_release(((array_object *)object)->batch);
    PyObject_Free(object);
    Py_DECREF(type);
}

static bool allows(const Py_buffer *view, int flags)
{
    bool any = (flags & PyBUF_ANY_CONTIGUOUS) == PyBUF_ANY_CONTIGUOUS;
    bool fortran = (flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS;
    bool c = (flags & PyBUF_C_CONTIGUOUS) == PyBUF_C_CONTIGUOUS || (flags & PyBUF_STRIDES) != PyBUF_STRIDES;
    return !((any && !PyBuffer_IsContiguous(view, 'A')) || (fortran && !PyBuffer_IsContiguous(view, 'F')) ||
             (c && !PyBuffer_IsContiguous(view, 'C')));
}

static int array_get_buffer(PyObject *object, Py_buffer *view, int flags)
{
    array_object *self = (array_object *)object;
    Py_ssize_t n = 1;
    for (int d = 0; d < self->ndim; d++)
        n *= self->shape[d];
    *view = (Py_buffer) { .buf = self->data,
                          .len = n * self->item_size,
                          .itemsize = self->item_size,
                          .readonly = self->is_read_only,
                          .ndim = self->ndim,
                          .format = self->format,
                          .shape = self->shape,
                          .strides = self->strides };
    bool is_allowed = allows(view, flags) && !((flags & PyBUF_WRITABLE) && self->is_read_only);
    if (!(flags & PyBUF_FORMAT))
        view->format = NULL;
    if ((flags & PyBUF_STRIDES) != PyBUF_STRIDES)
        view->strides = NULL;
    if ((flags & PyBUF_ND) != PyBUF_ND)
        view->shape = NULL;
    if (!is_allowed) {
        PyErr_SetString(PyExc_BufferError, "this array of a batch is read-only or has other strides");
        return -1;
    }
    view->obj = Py_NewRef(object);
    return 0;
}

static PyType_Slot array_slots[] = {
    { Py_tp_dealloc, (void *)array_dealloc },
    { Py_bf_getbuffer, (void *)array_get_buffer },
    { 0, NULL },
};

PyType_Spec array_spec = {
    .name = "microtome._core.BatchArray",
    .basicsize = sizeof(array_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = array_slots,
};

/* ---- Batches ---- */

typedef struct batch_object {
    PyObject_HEAD
    mt_batch *batch; /* owned */
} batch_object;

PyObject *batch_wrap(core_state *state, mt_batch *batch)
{
    batch_object *self = PyObject_New(batch_object, (PyTypeObject *)state->batch_type);
    if (self)
        self->batch = batch;
    else
        mt_batch_release(batch);
    return (PyObject *)self;
}

static void batch_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    mt_batch_release(((batch_object *)object)->batch);
    PyObject_Free(object);
    Py_DECREF(type);
}

static char format_of(mt_dtype dtype)
{
    switch (dtype) {
    case MT_BOOL: return '?';
    case MT_INT8: return 'b';
    case MT_UINT8: return 'B';
    case MT_INT16: return 'h';
    case MT_UINT16: return 'H';
    case MT_INT32: return 'i';
    case MT_UINT32: return 'I';
    case MT_INT64: return 'q';
    case MT_UINT64: return 'Q';
    case MT_FLOAT16: return 'e';
    case MT_FLOAT64: return 'd';
    default: return 'f';
    }
}

/* An array of the dtype inside the memory of a batch. Its first axis has n elements, step bytes apart; the others, which
 * may be none, are in C order. */
static array_object *new_array(const batch_object *self, void *data, mt_dtype dtype, Py_ssize_t n, size_t step,
                               const int64_t *rest, int n_rest)
{
    core_state *state = PyType_GetModuleState(Py_TYPE((PyObject *)self));
    array_object *array = PyObject_New(array_object, (PyTypeObject *)state->array_type);
    if (!array)
        return NULL;
    array->batch = mt_batch_retain(self->batch);
    array->data = data;
    array->format[0] = format_of(dtype);
    array->format[1] = 0;
    array->item_size = (Py_ssize_t)mt_dtype_size(dtype);
    array->ndim = 1 + n_rest;
    array->shape[0] = n;
    array->strides[0] = (Py_ssize_t)step;
    Py_ssize_t stride = array->item_size;
    for (int d = n_rest; d > 0; d--) {
        array->shape[d] = (Py_ssize_t)rest[d - 1];
        array->strides[d] = stride;
        stride *= array->shape[d];
    }
    array->is_read_only = 0;
    return array;
}

/* Pixels of array i. */
static PyObject *batch_array(PyObject *object, PyObject *number)
{
    const batch_object *self = (batch_object *)object;
    int64_t i;
    if (!convert_int64(number, "array", &i))
        return NULL;
    if (i < 0 || (uint64_t)i >= self->batch->n_arrays) {
        PyErr_Format(PyExc_IndexError, "array %lld is out of bounds for %zu arrays", (long long)i,
                     self->batch->n_arrays);
        return NULL;
    }
    const mt_batch_array *a = &self->batch->arrays[i];
    size_t step = mt_dtype_size(a->dtype);
    for (int d = 1; d < a->ndim; d++)
        step *= (size_t)a->shape[d];
    return (PyObject *)new_array(self, a->data, a->dtype, (Py_ssize_t)a->shape[0], step, a->shape + 1, a->ndim - 1);
}

/* What is known of each patch, as an array that is a column of specs, indices or symmetries. */
typedef struct column {
    const char *name;
    enum { SPECS, INDICES, SYMMETRIES } table;
    size_t offset; /* in mt_patch_spec */
    mt_dtype dtype;
    bool is_spatial; /* one value for each of (Z)YX */
} column;

/* Indices of patches and stacks stay far below 2^63, and can be read as int64, with which all libraries can index. */
static const column columns[] = {
    { "index", INDICES, 0, MT_INT64, false },
    { "symmetry", SYMMETRIES, 0, MT_UINT8, false },
    { "stack", SPECS, offsetof(mt_patch_spec, stack), MT_INT64, false },
    { "sample", SPECS, offsetof(mt_patch_spec, sample), MT_INT64, false },
    { "coords", SPECS, offsetof(mt_patch_spec, coords), MT_INT64, true },
};
_Static_assert(sizeof(size_t) == sizeof(int64_t), "the stack of a patch is read as int64");

static PyObject *batch_column(PyObject *object, PyObject *name)
{
    const batch_object *self = (batch_object *)object;
    const mt_batch *b = self->batch;
    const void *const tables[] = { b->specs, b->indices, b->symmetries };
    static const size_t steps[] = { sizeof *b->specs, sizeof *b->indices, sizeof *b->symmetries };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        const column *c = &columns[i];
        if (!PyUnicode_Check(name) || PyUnicode_CompareWithASCIIString(name, c->name) != 0)
            continue;
        int64_t n_spatial = (int64_t)b->specs[0].n_spatial;
        array_object *array = new_array(self, (char *)tables[c->table] + c->offset, c->dtype, (Py_ssize_t)b->n,
                                        steps[c->table], &n_spatial, c->is_spatial);
        if (array)
            array->is_read_only = 1;
        return (PyObject *)array;
    }
    PyErr_Format(PyExc_ValueError, "there is no column %R", name);
    return NULL;
}

/* A list of (position, redraws, status). */
static PyObject *batch_bad(PyObject *object, void *unused)
{
    (void)unused;
    const mt_batch *batch = ((batch_object *)object)->batch;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < batch->n_bad; i++) {
        const mt_bad_patch *bad = &batch->bad[i];
        PyObject *item = Py_BuildValue("(nKs)", (Py_ssize_t)bad->position, (unsigned long long)bad->redraws,
                                       mt_status_name(bad->status));
        if (!item || PyList_Append(list, item))
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

static PyObject *batch_epoch(PyObject *object, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLongLong(((batch_object *)object)->batch->epoch);
}

static PyObject *batch_number(PyObject *object, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLongLong(((batch_object *)object)->batch->number);
}

static PyObject *batch_n(PyObject *object, void *unused)
{
    (void)unused;
    return PyLong_FromSize_t(((batch_object *)object)->batch->n);
}

static PyObject *batch_n_arrays(PyObject *object, void *unused)
{
    (void)unused;
    return PyLong_FromSize_t(((batch_object *)object)->batch->n_arrays);
}

static PyObject *batch_n_repeated(PyObject *object, void *unused)
{
    (void)unused;
    return PyLong_FromSize_t(((batch_object *)object)->batch->n_repeated);
}

static PyGetSetDef batch_getters[] = {
    { "bad", batch_bad, NULL, NULL, NULL },
    { "epoch", batch_epoch, NULL, NULL, NULL },
    { "number", batch_number, NULL, NULL, NULL },
    { "n", batch_n, NULL, NULL, NULL },
    { "n_arrays", batch_n_arrays, NULL, NULL, NULL },
    { "n_repeated", batch_n_repeated, NULL, NULL, NULL },
    { NULL, NULL, NULL, NULL, NULL },
};

static PyMethodDef batch_methods[] = {
    { "array", batch_array, METH_O, NULL },
    { "column", batch_column, METH_O, NULL },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot batch_slots[] = {
    { Py_tp_dealloc, (void *)batch_dealloc },
    { Py_tp_getset, batch_getters },
    { Py_tp_methods, batch_methods },
    { 0, NULL },
};

PyType_Spec batch_spec = {
    .name = "microtome._core.Batch",
    .basicsize = sizeof(batch_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = batch_slots,
};
