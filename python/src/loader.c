/* SPDX-License-Identifier: BSD-3-Clause */
/* _core.Loader, the base of microtome.Loader. */
#include "loader.h"

typedef struct loader_object {
    PyObject_HEAD
    loader_body *body; /* NULL once closed and no call is in progress */
} loader_object;

/* ---- Life ---- */

/* A pending call of the interpreter: frees a body. */
static int free_later(void *body)
{
    body_end(body);
    PyMem_Free(body);
    return 0;
}

/* Takes over body. A thread that is inside an object of the loader cannot wait for the loader's threads, because one of
 * these waits for it: the main thread frees it later. If too many calls are pending, it stays. */
static void free_body(loader_body *body)
{
    if (object_log_is_inside(&body->log))
        (void)Py_AddPendingCall(free_later, body);
    else
        (void)free_later(body);
}

static void close_body(loader_object *self)
{
    loader_body *body = self->body;
    if (!body)
        return;
    body->is_closed = true;
    if (body->calls > 0)
        return;
    self->body = NULL;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    free_body(body);
    PyErr_Restore(type, value, traceback);
}

/* Calls of this thread in progress, of all loaders. */
static _Thread_local size_t depth;

/* Keep the loader alive between these two calls, even if another thread closes it. NULL after an exception. */
static loader_body *enter(PyObject *object)
{
    loader_body *body = ((loader_object *)object)->body;
    if (!body || body->is_closed) {
        PyErr_SetString(PyExc_ValueError, "the loader is closed");
        return NULL;
    }
    if (object_log_is_inside(&body->log)) {
        PyErr_SetString(PyExc_RuntimeError, "extract_patch of an object cannot use the loader that reads the object");
        return NULL;
    }
    body->calls++;
    depth++;
    return body;
}

static void leave(PyObject *object)
{
    loader_object *self = (loader_object *)object;
    depth--;
    if (--self->body->calls == 0 && self->body->is_closed)
        close_body(self);
}

/* In a forked child, which has only the thread that forked: calls of other threads will not return. If this thread is
 * inside a loader, calls remain, and at worst a loader is never freed. */
static PyObject *loader_forget_threads(PyObject *object, PyObject *unused)
{
    (void)unused;
    loader_object *self = (loader_object *)object;
    if (self->body && depth == 0) {
        self->body->calls = 0;
        self->body->is_taking = false;
        if (self->body->is_closed)
            close_body(self);
    }
    Py_RETURN_NONE;
}

static PyObject *loader_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    (void)keywords;
    core_state *state = PyType_GetModuleState(type);
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    loader_object *self = (loader_object *)allocate(type, 0);
    loader_body *body = self ? PyMem_Calloc(1, sizeof *body) : NULL;
    if (self && !body)
        PyErr_NoMemory();
    if (body) {
        self->body = body;
        if (body_start(body, state, arguments))
            return (PyObject *)self;
    }
    Py_XDECREF((PyObject *)self);
    return NULL;
}

static int loader_traverse(PyObject *object, visitproc visit, void *arg)
{
    const loader_body *body = ((loader_object *)object)->body;
    Py_VISIT(Py_TYPE(object));
    for (size_t i = 0; body && i < body->n_stacks; i++)
        Py_VISIT((PyObject *)body->stacks[i]);
    if (body) {
        Py_VISIT(body->patching);
        Py_VISIT(body->log.raised);
    }
    return 0;
}

static int loader_clear(PyObject *object)
{
    close_body((loader_object *)object);
    return 0;
}

static void loader_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    close_body((loader_object *)object);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyObject *loader_close(PyObject *object, PyObject *unused)
{
    (void)unused;
    close_body((loader_object *)object);
    Py_RETURN_NONE;
}

/* ---- Batches ---- */

/* The conditions that end a call early. */
typedef struct watch {
    signal_watch signals;
    const loader_body *body;
} watch;

static int is_cancelled(void *user)
{
    watch *w = user;
    return w->body->is_closed || watch_signals(&w->signals);
}

/* Files may store booleans as bytes other than 0 and 1, which NumPy requires. */
static void normalize_bools(const mt_batch *batch)
{
    for (size_t a = 0; batch && a < batch->n_arrays; a++) {
        const mt_batch_array *array = &batch->arrays[a];
        size_t n = array->dtype == MT_BOOL;
        for (int d = 0; d < array->ndim; d++)
            n *= (size_t)array->shape[d];
        for (uint8_t *at = array->data; n > 0; n--, at++)
            *at = *at != 0;
    }
}

static bool warn_absent(const loader_body *body)
{
    for (size_t i = 0; i < body->n_stacks; i++)
        if (!stack_warn_absent(body->stacks[i]))
            return false;
    return true;
}

static PyObject *raise_failure(core_state *state, loader_body *body, const mt_error *err, bool drops_ahead)
{
    if (!PyErr_Occurred() && err->status == MT_E_CANCELLED && body->is_closed)
        PyErr_SetString(PyExc_ValueError, "the loader was closed");
    if (PyErr_Occurred() || object_log_raise(&body->log, err, drops_ahead && body->calls == 1))
        return NULL;
    return raise_error(state, err, NULL);
}

/* Waits for a batch. Returns it, or None at the end of the epoch. */
static PyObject *take(PyObject *object, loader_body *body)
{
    core_state *state = PyType_GetModuleState(Py_TYPE(object));
    watch w = { { 0 }, body };
    const mt_extract_options options = { .struct_size = sizeof options, .cancelled = is_cancelled, .user = &w };
    mt_error err = MT_ERROR_INIT;
    mt_batch *batch;
    mt_status st;
    body->is_taking = true;
    Py_BEGIN_ALLOW_THREADS
    st = mt_loader_next(body->loader, &options, &batch, &err);
    normalize_bools(batch);
    Py_END_ALLOW_THREADS
    body->is_taking = false;
    if (st)
        return raise_failure(state, body, &err, true);
    bool is_first = batch && !body->has_delivered;
    body->has_delivered |= is_first;
    PyObject *result = batch ? batch_wrap(state, batch) : Py_NewRef(Py_None);
    if (result && (is_first || !batch) && !warn_absent(body))
        Py_CLEAR(result);
    return result;
}

static PyObject *loader_next(PyObject *object, PyObject *unused)
{
    (void)unused;
    loader_body *body = enter(object);
    PyObject *result = NULL;
    if (!body)
        return NULL;
    if (body->is_taking)
        PyErr_SetString(PyExc_RuntimeError, "another thread waits for the next batch of this loader");
    else
        result = take(object, body);
    leave(object);
    return result;
}

/* read(epoch, positions): the patches at these positions, an array of uint64, as a batch. */
static PyObject *loader_read(PyObject *object, PyObject *arguments)
{
    core_state *state = PyType_GetModuleState(Py_TYPE(object));
    unsigned long long epoch;
    PyObject *positions;
    Py_buffer buffer;
    if (!PyArg_ParseTuple(arguments, "KO:read", &epoch, &positions) ||
        !buffer_get_vector(positions, "positions", MT_UINT64, -1, &buffer))
        return NULL;
    PyObject *result = NULL;
    loader_body *body = enter(object);
    if (body) {
        watch w = { { 0 }, body };
        const mt_extract_options options = { .struct_size = sizeof options, .cancelled = is_cancelled, .user = &w };
        mt_error err = MT_ERROR_INIT;
        mt_batch *batch = NULL;
        mt_status st;
        Py_BEGIN_ALLOW_THREADS
        st = mt_loader_read(body->loader, epoch, buffer.buf, (size_t)buffer.len / sizeof(uint64_t), &options, &batch,
                            &err);
        normalize_bools(batch);
        Py_END_ALLOW_THREADS
        result = st ? raise_failure(state, body, &err, false) : batch_wrap(state, batch);
        leave(object);
    }
    PyBuffer_Release(&buffer);
    return result;
}

/* ---- Positions ---- */

static PyObject *loader_count(PyObject *object, PyObject *unused)
{
    (void)unused;
    loader_body *body = enter(object);
    if (!body)
        return NULL;
    uint64_t n = mt_loader_count(body->loader);
    leave(object);
    return PyLong_FromUnsignedLongLong(n);
}

/* positions(batch, out): writes the positions of a batch of this rank to an array of uint64, and returns their number.
 * For microtome.torch. */
static PyObject *loader_positions(PyObject *object, PyObject *arguments)
{
    unsigned long long batch;
    PyObject *out;
    Py_buffer buffer;
    loader_body *body;
    if (!PyArg_ParseTuple(arguments, "KO:positions", &batch, &out) || !(body = enter(object)))
        return NULL;
    size_t n = 0;
    mt_error err = MT_ERROR_INIT;
    if (buffer_get_vector(out, "out", MT_UINT64, (int64_t)body->batch_size, &buffer)) {
        if (mt_loader_positions(body->loader, batch, buffer.buf, &n, &err))
            raise_error(PyType_GetModuleState(Py_TYPE(object)), &err, NULL);
        PyBuffer_Release(&buffer);
    }
    leave(object);
    return PyErr_Occurred() ? NULL : PyLong_FromSize_t(n);
}

static PyObject *loader_tell(PyObject *object, PyObject *unused)
{
    (void)unused;
    loader_body *body = enter(object);
    if (!body)
        return NULL;
    uint64_t epoch, batch;
    mt_loader_tell(body->loader, &epoch, &batch);
    leave(object);
    return Py_BuildValue("(KK)", (unsigned long long)epoch, (unsigned long long)batch);
}

static PyObject *loader_seek(PyObject *object, PyObject *arguments)
{
    core_state *state = PyType_GetModuleState(Py_TYPE(object));
    unsigned long long epoch, batch;
    loader_body *body;
    if (!PyArg_ParseTuple(arguments, "KK:seek", &epoch, &batch) || !(body = enter(object)))
        return NULL;
    mt_error err = MT_ERROR_INIT;
    mt_status st;
    Py_BEGIN_ALLOW_THREADS
    st = mt_loader_seek(body->loader, epoch, batch, &err);
    Py_END_ALLOW_THREADS
    leave(object);
    return st ? raise_error(state, &err, NULL) : Py_NewRef(Py_None);
}

/* A JSON document. */
static PyObject *loader_state(PyObject *object, PyObject *unused)
{
    (void)unused;
    loader_body *body = enter(object);
    if (!body)
        return NULL;
    size_t size, length = 0;
    Py_BEGIN_ALLOW_THREADS
    size = mt_loader_get_state(body->loader, NULL, 0) + 64; /* numbers may have grown meanwhile */
    Py_END_ALLOW_THREADS
    char *text = PyMem_Malloc(size);
    PyObject *result = NULL;
    if (text) {
        Py_BEGIN_ALLOW_THREADS
        length = mt_loader_get_state(body->loader, text, size);
        Py_END_ALLOW_THREADS
        result = PyUnicode_DecodeUTF8(text, (Py_ssize_t)(length < size ? length : size - 1), NULL);
        PyMem_Free(text);
    } else
        PyErr_NoMemory();
    leave(object);
    return result;
}

static PyObject *loader_set_state(PyObject *object, PyObject *argument)
{
    core_state *state = PyType_GetModuleState(Py_TYPE(object));
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(argument, &length);
    loader_body *body = text ? enter(object) : NULL;
    if (!body)
        return NULL;
    mt_error err = MT_ERROR_INIT;
    mt_status st;
    Py_BEGIN_ALLOW_THREADS
    st = mt_loader_set_state(body->loader, text, (size_t)length, &err);
    Py_END_ALLOW_THREADS
    leave(object);
    return st ? raise_error(state, &err, NULL) : Py_NewRef(Py_None);
}

/* The fields of mt_loader_report, as a dict. */
static PyObject *loader_report(PyObject *object, PyObject *unused)
{
    (void)unused;
    loader_body *body = enter(object);
    if (!body)
        return NULL;
    mt_loader_report r = { .struct_size = sizeof r };
    mt_error err = MT_ERROR_INIT;
    mt_status st = mt_loader_get_report(body->loader, &r, &err);
    leave(object);
    if (st)
        return raise_error(PyType_GetModuleState(Py_TYPE(object)), &err, NULL);
    return Py_BuildValue("{sKsKsKsKsKsKsKsdsKsKsKsK}", "epochs", (unsigned long long)r.epochs, "batches",
                         (unsigned long long)r.batches, "patches", (unsigned long long)r.patches, "chunks",
                         (unsigned long long)r.chunks, "blocks", (unsigned long long)r.blocks, "window",
                         (unsigned long long)r.window, "fewest_blocks", (unsigned long long)r.fewest_blocks,
                         "mean_blocks", r.mean_blocks, "chunks_decoded", (unsigned long long)r.chunks_decoded,
                         "bytes_decoded", (unsigned long long)r.bytes_decoded, "bytes_fetched",
                         (unsigned long long)r.bytes_fetched, "bytes_delivered", (unsigned long long)r.bytes_delivered);
}

static PyMethodDef methods[] = {
    { "state", loader_state, METH_NOARGS, NULL },
    { "set_state", loader_set_state, METH_O, NULL },
    { "report", loader_report, METH_NOARGS, NULL },
    { "next", loader_next, METH_NOARGS, NULL },
    { "read", loader_read, METH_VARARGS, NULL },
    { "count", loader_count, METH_NOARGS, NULL },
    { "positions", loader_positions, METH_VARARGS, NULL },
    { "tell", loader_tell, METH_NOARGS, NULL },
    { "seek", loader_seek, METH_VARARGS, NULL },
    { "close", loader_close, METH_NOARGS, NULL },
    { "forget_threads", loader_forget_threads, METH_NOARGS, NULL },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot slots[] = {
    { Py_tp_new, (void *)loader_new },
    { Py_tp_dealloc, (void *)loader_dealloc },
    { Py_tp_traverse, (void *)loader_traverse },
    { Py_tp_clear, (void *)loader_clear },
    { Py_tp_methods, methods },
    { 0, NULL },
};

PyType_Spec loader_spec = {
    .name = "microtome._core.Loader",
    .basicsize = sizeof(loader_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};
