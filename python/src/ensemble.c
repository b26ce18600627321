/* SPDX-License-Identifier: BSD-3-Clause */
/* _core.Ensemble: mean and spread of several outputs of a network. */
#include "core.h"

#include <string.h>

enum { MAX_DIMS = 5, SWAPS = 4 /* bit of the symmetries that swap Y and X */ };

typedef struct ensemble_object {
    PyObject_HEAD
    mt_ensemble *ensemble; /* owned */
    PyObject *shape;       /* tuple */
    int ndim;
    int64_t sizes[MAX_DIMS];
    bool is_busy; /* a call is in progress without the GIL */
} ensemble_object;

static PyObject *ensemble_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    (void)keywords;
    core_state *state = PyType_GetModuleState(type);
    PyObject *given, *sizes;
    mt_context *context;
    mt_ensemble *ensemble;
    mt_error err = MT_ERROR_INIT;
    int_list shape;
    if (!PyArg_ParseTuple(arguments, "OO:Ensemble", &given, &sizes) || !context_convert(state, given, &context) ||
        !convert_int_list(sizes, "shape", &shape))
        return NULL;
    mt_status st = mt_ensemble_new(context, (int)shape.n, shape.values, &ensemble, &err);
    if (st) {
        int_list_free(&shape);
        return raise_error(state, &err, NULL);
    }
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    ensemble_object *self = (ensemble_object *)allocate(type, 0);
    if (!self) {
        mt_ensemble_free(ensemble);
        return NULL;
    }
    self->ensemble = ensemble;
    self->ndim = (int)shape.n; /* 4 or 5: in place */
    memcpy(self->sizes, shape.values, shape.n * sizeof *shape.values);
    if (!(self->shape = int_tuple(shape.values, shape.n)))
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void ensemble_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    ensemble_object *self = (ensemble_object *)object;
    mt_ensemble_free(self->ensemble);
    Py_XDECREF(self->shape);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

/* False after an exception. */
static bool check_idle(const ensemble_object *self)
{
    if (self->is_busy)
        PyErr_SetString(PyExc_RuntimeError, "another thread uses the ensemble");
    return !self->is_busy;
}

/* False after an exception. */
static bool check_shape(const ensemble_object *self, const Py_buffer *array, int symmetry)
{
    int64_t wanted[MAX_DIMS], found[PyBUF_MAX_NDIM];
    memcpy(wanted, self->sizes, sizeof wanted);
    if (symmetry & SWAPS) {
        wanted[self->ndim - 1] = self->sizes[self->ndim - 2];
        wanted[self->ndim - 2] = self->sizes[self->ndim - 1];
    }
    bool fits = array->ndim == self->ndim;
    for (int d = 0; d < array->ndim; d++) {
        found[d] = array->shape[d];
        fits = fits && found[d] == wanted[d];
    }
    if (fits)
        return true;
    PyObject *has = int_tuple(found, (size_t)array->ndim);
    PyObject *needs = int_tuple(wanted, (size_t)self->ndim);
    if (has && needs)
        PyErr_Format(PyExc_ValueError, "an array of the shape %S where %S is needed", has, needs);
    Py_XDECREF(has);
    Py_XDECREF(needs);
    return false;
}

static PyObject *ensemble_add(PyObject *object, PyObject *arguments)
{
    ensemble_object *self = (ensemble_object *)object;
    PyObject *given;
    int symmetry;
    Py_buffer array;
    mt_dtype dtype;
    mt_error err = MT_ERROR_INIT;
    mt_status st = MT_OK;
    if (!PyArg_ParseTuple(arguments, "Oi:add", &given, &symmetry) ||
        !buffer_get(given, PyBUF_C_CONTIGUOUS, &array, &dtype))
        return NULL;
    bool good = check_idle(self) && check_shape(self, &array, symmetry);
    if (good) {
        self->is_busy = true;
        Py_BEGIN_ALLOW_THREADS
        st = mt_ensemble_add(self->ensemble, array.buf, dtype, symmetry, &err);
        Py_END_ALLOW_THREADS
        self->is_busy = false;
    }
    PyBuffer_Release(&array);
    if (!good)
        return NULL;
    return st ? raise_error(PyType_GetModuleState(Py_TYPE(object)), &err, NULL) : Py_NewRef(Py_None);
}

/* A new array of float32, and its buffer. NULL after an exception. */
static PyObject *make_array(const core_state *state, PyObject *shape, Py_buffer *out)
{
    PyObject *array = PyObject_CallFunctionObjArgs(state->empty, shape, state->float32, NULL);
    if (array && PyObject_GetBuffer(array, out, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS))
        Py_CLEAR(array);
    return array;
}

static mt_status take(ensemble_object *self, const Py_buffer *mean, const Py_buffer *spread, mt_error *err)
{
    mt_status st;
    self->is_busy = true;
    Py_BEGIN_ALLOW_THREADS
    st = mt_ensemble_take(self->ensemble, mean->buf, spread->obj ? spread->buf : NULL, err);
    Py_END_ALLOW_THREADS
    self->is_busy = false;
    return st;
}

/* take(spread) returns (mean, spread or None). */
static PyObject *ensemble_take(PyObject *object, PyObject *argument)
{
    ensemble_object *self = (ensemble_object *)object;
    core_state *state = PyType_GetModuleState(Py_TYPE(object));
    Py_buffer buffers[2] = { { .obj = NULL }, { .obj = NULL } };
    PyObject *mean, *spread = NULL, *result = NULL;
    mt_error err = MT_ERROR_INIT;
    int with_spread = PyObject_IsTrue(argument);
    if (with_spread < 0 || !check_idle(self))
        return NULL;
    mean = make_array(state, self->shape, &buffers[0]);
    if (mean)
        spread = with_spread ? make_array(state, self->shape, &buffers[1]) : Py_NewRef(Py_None);
    if (spread)
        result =
            take(self, &buffers[0], &buffers[1], &err) ? raise_error(state, &err, NULL) : PyTuple_Pack(2, mean, spread);
    for (int i = 0; i < 2; i++)
        if (buffers[i].obj)
            PyBuffer_Release(&buffers[i]);
    Py_XDECREF(mean);
    Py_XDECREF(spread);
    return result;
}

static PyMethodDef methods[] = {
    { "add", ensemble_add, METH_VARARGS, NULL },
    { "take", ensemble_take, METH_O, NULL },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot slots[] = {
    { Py_tp_new, (void *)ensemble_new },
    { Py_tp_dealloc, (void *)ensemble_dealloc },
    { Py_tp_methods, methods },
    { 0, NULL },
};

PyType_Spec ensemble_spec = {
    .name = "microtome._core.Ensemble",
    .basicsize = sizeof(ensemble_object),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};
