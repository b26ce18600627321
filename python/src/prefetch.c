/* SPDX-License-Identifier: BSD-3-Clause */
/* _core.Prefetch, the base of microtome.Prefetch. */
#include "core.h"

typedef struct prefetch_object {
    PyObject_HEAD
    mt_prefetch *prefetch; /* NULL once it has ended */
    Py_ssize_t waiting;    /* number of calls of wait in progress, during which the prefetch stays alive */
    bool is_ended;
} prefetch_object;

static void end(prefetch_object *self)
{
    mt_prefetch *prefetch = self->prefetch;
    self->is_ended = true;
    if (self->waiting)
        return;
    self->prefetch = NULL;
    Py_BEGIN_ALLOW_THREADS
    mt_prefetch_end(prefetch);
    Py_END_ALLOW_THREADS
}

PyObject *prefetch_wrap(core_state *state, mt_prefetch *prefetch)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot((PyTypeObject *)state->prefetch_type, Py_tp_alloc);
    prefetch_object *self = (prefetch_object *)allocate((PyTypeObject *)state->prefetch_type, 0);
    if (self)
        self->prefetch = prefetch;
    else
        mt_prefetch_end(prefetch);
    return (PyObject *)self;
}

static void dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    end((prefetch_object *)object);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyObject *prefetch_end(PyObject *object, PyObject *unused)
{
    (void)unused;
    end((prefetch_object *)object);
    Py_RETURN_NONE;
}

/* Returns (chunks, bytes, is full). */
static PyObject *prefetch_wait(PyObject *object, PyObject *unused)
{
    (void)unused;
    prefetch_object *self = (prefetch_object *)object;
    if (self->is_ended) {
        PyErr_SetString(PyExc_ValueError, "the prefetch has ended");
        return NULL;
    }
    mt_prefetch_info info = { .struct_size = sizeof info };
    mt_error err = MT_ERROR_INIT;
    mt_status st;
    self->waiting++;
    Py_BEGIN_ALLOW_THREADS
    st = mt_prefetch_wait(self->prefetch, &info, &err);
    Py_END_ALLOW_THREADS
    self->waiting--;
    if (self->is_ended)
        end(self);
    if (st)
        return raise_error(PyType_GetModuleState(Py_TYPE(object)), &err, NULL);
    return Py_BuildValue("(KKO)", (unsigned long long)info.chunks, (unsigned long long)info.bytes,
                         info.is_full ? Py_True : Py_False);
}

static PyMethodDef methods[] = {
    { "wait", prefetch_wait, METH_NOARGS, NULL },
    { "end", prefetch_end, METH_NOARGS, NULL },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot slots[] = {
    { Py_tp_dealloc, (void *)dealloc },
    { Py_tp_methods, methods },
    { 0, NULL },
};

PyType_Spec prefetch_spec = {
    .name = "microtome._core.Prefetch",
    .basicsize = sizeof(prefetch_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};
