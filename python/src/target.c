/* SPDX-License-Identifier: BSD-3-Clause */
/* Arrays of the caller: objects with a buffer or DLPack (torch tensors). */
#include "core.h"

#include <string.h>

/* https://dmlc.github.io/dlpack/latest/c_api.html */
typedef struct dl_tensor {
    void *data;
    int32_t device_type, device_id;
    int32_t ndim;
    uint8_t code, bits;
    uint16_t lanes;
    int64_t *shape, *strides; /* in elements; strides NULL: C order */
    uint64_t byte_offset;
} dl_tensor;

typedef struct dl_managed {
    dl_tensor tensor;
    void *context;
    void (*deleter)(struct dl_managed *self);
} dl_managed;

typedef struct dl_managed_versioned {
    uint32_t major, minor;
    void *context;
    void (*deleter)(struct dl_managed_versioned *self);
    uint64_t flags;
    dl_tensor tensor;
} dl_managed_versioned;

enum { DL_CPU = 1, DL_CUDA_HOST = 3, DL_ROCM_HOST = 11 };
enum { DL_INT, DL_UINT, DL_FLOAT, DL_BOOL = 6 };
#define DL_READ_ONLY ((uint64_t)1)

static mt_dtype dl_dtype(const dl_tensor *t)
{
    static const mt_dtype types[3][4] = { { MT_INT8, MT_INT16, MT_INT32, MT_INT64 },
                                          { MT_UINT8, MT_UINT16, MT_UINT32, MT_UINT64 },
                                          { (mt_dtype)0, MT_FLOAT16, MT_FLOAT32, MT_FLOAT64 } };
    int log = t->bits == 8 ? 0 : t->bits == 16 ? 1 : t->bits == 32 ? 2 : t->bits == 64 ? 3 : -1;
    if (t->lanes != 1 || log < 0)
        return (mt_dtype)0;
    if (t->code == DL_BOOL)
        return t->bits == 8 ? MT_BOOL : (mt_dtype)0;
    return t->code <= DL_FLOAT ? types[t->code][log] : (mt_dtype)0;
}

/* Checked before the tensor is requested, which would wait for its device. */
static bool check_device(PyObject *object, const char *what)
{
    int type = 0, id = 0;
    PyObject *device = PyObject_CallMethod(object, "__dlpack_device__", NULL);
    bool good = device && check_tuple(device, "__dlpack_device__()") && PyArg_ParseTuple(device, "ii", &type, &id);
    Py_XDECREF(device);
    if (good && type != DL_CPU && type != DL_CUDA_HOST && type != DL_ROCM_HOST) {
        PyErr_Format(PyExc_TypeError,
                     "%s lies in the memory of a device (%d in DLPack's list): use host memory, and copy", what, type);
        return false;
    }
    return good;
}

/* Producers before DLPack 1.0 do not accept max_version and cannot declare a tensor read-only. */
static PyObject *get_capsule(PyObject *object)
{
    PyObject *method = PyObject_GetAttrString(object, "__dlpack__"), *none = PyTuple_New(0), *capsule = NULL;
    PyObject *version = Py_BuildValue("{s(ii)}", "max_version", 1, 0);
    if (method && none && version)
        capsule = PyObject_Call(method, none, version);
    if (method && none && version && !capsule && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Clear();
        capsule = PyObject_CallNoArgs(method);
    }
    Py_XDECREF(method);
    Py_XDECREF(none);
    Py_XDECREF(version);
    return capsule;
}

/* NULL after an exception. The capsule still owns the tensor, because it is not renamed. */
static const dl_tensor *get_tensor(PyObject *capsule, const char *what, bool writable)
{
    if (PyCapsule_IsValid(capsule, "dltensor_versioned")) {
        dl_managed_versioned *managed = PyCapsule_GetPointer(capsule, "dltensor_versioned");
        if (managed->major == 1 && !(writable && managed->flags & DL_READ_ONLY))
            return &managed->tensor;
        PyErr_Format(PyExc_BufferError,
                     managed->major == 1 ? "%s is read-only" : "%s is of a later version of DLPack than 1", what);
        return NULL;
    }
    dl_managed *managed = PyCapsule_GetPointer(capsule, "dltensor");
    return managed ? &managed->tensor : NULL;
}

static bool take_tensor(const dl_tensor *t, const char *what, target *out)
{
    out->dtype = dl_dtype(t);
    if (!out->dtype) {
        PyErr_Format(PyExc_TypeError, "tensors with elements of %d bits of kind %d are not supported", t->bits,
                     t->code);
        return false;
    }
    if (t->ndim < 0 || t->ndim > MAX_TARGET) {
        PyErr_Format(PyExc_ValueError, "%s has %d dimensions", what, t->ndim);
        return false;
    }
    out->data = (char *)t->data + t->byte_offset;
    out->ndim = t->ndim;
    int64_t stride = t->bits / 8;
    for (int d = t->ndim - 1; d >= 0; d--) {
        out->shape[d] = t->shape[d];
        out->strides[d] = t->strides ? t->strides[d] * (t->bits / 8) : stride;
        stride *= t->shape[d];
    }
    return true;
}

static bool take_buffer(PyObject *object, const char *what, bool writable, target *out)
{
    if (!buffer_get(object, writable ? PyBUF_WRITABLE : 0, &out->buffer, &out->dtype))
        return false;
    if (out->buffer.ndim > MAX_TARGET) {
        PyErr_Format(PyExc_ValueError, "%s has %d dimensions", what, out->buffer.ndim);
        return false;
    }
    out->data = out->buffer.buf;
    out->ndim = out->buffer.ndim;
    int64_t stride = out->buffer.itemsize;
    for (int d = out->ndim - 1; d >= 0; d--) {
        out->shape[d] = out->buffer.shape[d];
        out->strides[d] = out->buffer.strides ? out->buffer.strides[d] : stride; /* ctypes has no strides */
        stride *= out->shape[d];
    }
    return true;
}

bool target_get(PyObject *object, const char *what, bool writable, target *out)
{
    if (PyObject_CheckBuffer(object))
        return take_buffer(object, what, writable, out);
    if (!PyObject_HasAttrString(object, "__dlpack__")) {
        PyErr_Format(PyExc_TypeError, "%s must be an array, with a buffer or DLPack, not %R", what, object);
        return false;
    }
    if (!check_device(object, what) || !(out->capsule = get_capsule(object)))
        return false;
    const dl_tensor *tensor = get_tensor(out->capsule, what, writable);
    return tensor && take_tensor(tensor, what, out);
}

void target_release(target *t)
{
    if (t->buffer.obj)
        PyBuffer_Release(&t->buffer);
    Py_CLEAR(t->capsule);
}
