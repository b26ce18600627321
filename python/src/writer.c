/* SPDX-License-Identifier: BSD-3-Clause */
/* _core.Writer, which microtome.Writer holds. */
#include "core.h"

typedef struct writer_object {
    PyObject_HEAD
    mt_writer *writer; /* NULL once closed and no call is in progress */
    Py_ssize_t calls;  /* calls in progress without the GIL */
    bool is_closed;    /* no further calls */
    unsigned process;  /* count_forks where it was made: a forked child shares its journal, and must not add to it */
} writer_object;

/* --- Life. --- */

static void close_writer(writer_object *self)
{
    mt_writer *writer = self->writer;
    self->is_closed = true;
    if (self->calls > 0 || !writer)
        return;
    self->writer = NULL;
    if (self->process != count_forks())
        return; /* its locks may be held by threads that a child does not have: it stays */
    Py_BEGIN_ALLOW_THREADS
    mt_writer_close(writer);
    Py_END_ALLOW_THREADS
}

mt_writer *writer_enter(PyObject *object)
{
    writer_object *self = (writer_object *)object;
    if (self->is_closed || !self->writer) {
        PyErr_SetString(PyExc_ValueError, "the writer is closed");
        return NULL;
    }
    if (self->process != count_forks()) {
        PyErr_SetString(PyExc_RuntimeError, "a writer belongs to the process that made it: create the image with the "
                                            "same arguments in each process, and let each write units of its own");
        return NULL;
    }
    self->calls++;
    return self->writer;
}

void writer_leave(PyObject *object)
{
    writer_object *self = (writer_object *)object;
    if (--self->calls > 0 || !self->is_closed)
        return;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    close_writer(self);
    PyErr_Restore(type, value, traceback);
}

/* Takes over writer, also on failure. */
static PyObject *wrap(PyTypeObject *type, mt_writer *writer)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    writer_object *self = (writer_object *)allocate(type, 0);
    if (!self) {
        mt_writer_close(writer);
        return NULL;
    }
    self->writer = writer;
    self->process = count_forks();
    return (PyObject *)self;
}

static PyObject *writer_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    (void)keywords;
    mt_writer *writer = writer_start(PyType_GetModuleState(type), arguments, false);
    return writer ? wrap(type, writer) : NULL;
}

/* plan(arguments of a writer...), a class method: a writer that only tells what would be created. */
static PyObject *writer_plan(PyObject *type, PyObject *arguments)
{
    mt_writer *writer = writer_start(PyType_GetModuleState((PyTypeObject *)type), arguments, true);
    return writer ? wrap((PyTypeObject *)type, writer) : NULL;
}

/* look(path, format or None, context), a class method: a writer that only tells what is there. */
static PyObject *writer_look(PyObject *type, PyObject *arguments)
{
    core_state *state = PyType_GetModuleState((PyTypeObject *)type);
    PyObject *path_argument, *format_argument, *context_argument;
    mt_context *context;
    const char *path, *format = NULL;
    if (!PyArg_ParseTuple(arguments, "OOO:look", &path_argument, &format_argument, &context_argument) ||
        !convert_string(format_argument, "format", &format) || !context_convert(state, context_argument, &context))
        return NULL;
    PyObject *bytes = convert_path(path_argument, "path", &path);
    if (!bytes)
        return NULL;
    mt_error err = MT_ERROR_INIT;
    mt_writer *writer = NULL;
    mt_status st;
    Py_BEGIN_ALLOW_THREADS
    st = mt_writer_look(context, path, format, &writer, &err);
    Py_END_ALLOW_THREADS
    PyObject *result = st ? raise_error(state, &err, path) : wrap((PyTypeObject *)type, writer);
    Py_DECREF(bytes);
    return result;
}

static void writer_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    close_writer((writer_object *)object);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyObject *tell_progress(mt_writer *writer)
{
    mt_writer_progress p = { .struct_size = sizeof p };
    (void)!mt_writer_get_progress(writer, &p, NULL); /* its size is right */
    return Py_BuildValue("(KKKKKKKKKK)", (unsigned long long)p.n_units, (unsigned long long)p.n_done,
                         (unsigned long long)p.n_resumed, (unsigned long long)p.n_lost, (unsigned long long)p.bytes_put,
                         (unsigned long long)p.bytes_published, (unsigned long long)p.n_skipped,
                         (unsigned long long)p.n_nan, (unsigned long long)p.n_clipped,
                         (unsigned long long)p.waiting_bytes);
}

/* Returns the last progress; None in another process. Does not wait if other threads still put. */
static PyObject *writer_close(PyObject *object, PyObject *unused)
{
    (void)unused;
    writer_object *self = (writer_object *)object;
    PyObject *result = NULL;
    if (self->writer && self->process == count_forks()) {
        mt_writer *writer = self->writer;
        bool is_alone = self->calls++ == 0;
        Py_BEGIN_ALLOW_THREADS
        if (is_alone)
            (void)!mt_writer_flush(writer, NULL); /* a failure is told by the call that met it, or by the next writer */
        Py_END_ALLOW_THREADS
        result = tell_progress(writer);
        if (!result)
            PyErr_Clear(); /* lack of memory must not keep the writer open */
        self->calls--;
    }
    close_writer(self);
    return result ? result : Py_NewRef(Py_None);
}

/* --- Pixels. --- */

static PyObject *raise_here(PyObject *object, const mt_writer *writer, const mt_error *err)
{
    return raise_error(PyType_GetModuleState(Py_TYPE(object)), err, mt_writer_get_info(writer)->path);
}

static PyObject *put(PyObject *object, mt_writer *writer, const int_list *start, PyObject *array)
{
    const mt_writer_info *info = mt_writer_get_info(writer);
    Py_buffer buffer;
    mt_dtype dtype;
    int64_t extent[MT_MAX_DIMS], strides[MT_MAX_DIMS];
    if (!buffer_get(array, 0, &buffer, &dtype))
        return NULL;
    if (buffer.ndim != info->ndim || start->n != (size_t)info->ndim) {
        PyErr_Format(PyExc_ValueError, "the image has %d axes (%s), the array %d and the start %zu", info->ndim,
                     info->axes, buffer.ndim, start->n);
        PyBuffer_Release(&buffer);
        return NULL;
    }
    for (int d = 0; d < info->ndim; d++) {
        extent[d] = buffer.shape[d];
        strides[d] = buffer.strides ? buffer.strides[d] : 0;
    }
    const mt_writer_box box = { .start = start->values,
                                .extent = extent,
                                .data = buffer.buf,
                                .dtype = dtype,
                                .strides = buffer.strides ? strides : NULL };
    mt_error err = MT_ERROR_INIT;
    mt_status st;
    Py_BEGIN_ALLOW_THREADS
    st = mt_writer_put(writer, &box, &err);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&buffer);
    return st ? raise_here(object, writer, &err) : Py_NewRef(Py_None);
}

/* put(start, array): an array with all axes of the image. */
static PyObject *writer_put(PyObject *object, PyObject *arguments)
{
    PyObject *place, *array, *result = NULL;
    int_list start;
    if (!PyArg_ParseTuple(arguments, "OO:put", &place, &array) || !convert_int_list(place, "start", &start))
        return NULL;
    mt_writer *writer = writer_enter(object);
    if (writer) {
        result = put(object, writer, &start, array);
        writer_leave(object);
    }
    int_list_free(&start);
    return result;
}

static PyObject *writer_flush(PyObject *object, PyObject *unused)
{
    (void)unused;
    mt_writer *writer = writer_enter(object);
    if (!writer)
        return NULL;
    mt_error err = MT_ERROR_INIT;
    mt_status st;
    Py_BEGIN_ALLOW_THREADS
    st = mt_writer_flush(writer, &err);
    Py_END_ALLOW_THREADS
    PyObject *result = st ? raise_here(object, writer, &err) : Py_NewRef(Py_None);
    writer_leave(object);
    return result;
}

/* finish(all_required, progress or None): progress is called with the steps that are done, and all. */
static PyObject *writer_finish(PyObject *object, PyObject *arguments)
{
    int required;
    PyObject *progress;
    if (!PyArg_ParseTuple(arguments, "pO:finish", &required, &progress))
        return NULL;
    mt_writer *writer = writer_enter(object);
    if (!writer)
        return NULL;
    follower f = { .progress = is_given(progress) ? progress : NULL };
    const mt_finish_options options = { .struct_size = sizeof options,
                                        .all_required = required,
                                        .cancelled = follower_is_cancelled,
                                        .progress = follower_note,
                                        .user = &f };
    mt_error err = MT_ERROR_INIT;
    mt_status st;
    Py_BEGIN_ALLOW_THREADS
    st = mt_writer_finish(writer, &options, &err);
    Py_END_ALLOW_THREADS
    PyObject *result = st ? raise_here(object, writer, &err) : !follower_end(&f) ? NULL : Py_NewRef(Py_None);
    writer_leave(object);
    return result;
}

/* --- Facts. --- */

/* (axes, dtype, shape, chunks, shards or None, levels, units, warnings) */
static PyObject *writer_info(PyObject *object, PyObject *unused)
{
    (void)unused;
    mt_writer *writer = writer_enter(object);
    if (!writer)
        return NULL;
    const mt_writer_info *info = mt_writer_get_info(writer);
    size_t n = (size_t)info->ndim;
    PyObject *shards = info->shard_shape[0] ? int_tuple(info->shard_shape, n) : Py_NewRef(Py_None);
    PyObject *result = Py_BuildValue("(ssNNNiKN)", info->axes, mt_dtype_name(info->dtype), int_tuple(info->shape, n),
                                     int_tuple(info->chunk_shape, n), shards, info->n_levels,
                                     (unsigned long long)info->n_units, text_list(info->warnings, info->n_warnings));
    writer_leave(object);
    return result;
}

/* The members of mt_writer_progress, in their order. */
static PyObject *writer_progress(PyObject *object, PyObject *unused)
{
    (void)unused;
    mt_writer *writer = writer_enter(object);
    if (!writer)
        return NULL;
    PyObject *result = tell_progress(writer);
    writer_leave(object);
    return result;
}

/* unit(number): (start, extent), or None if it is published. */
static PyObject *writer_unit(PyObject *object, PyObject *argument)
{
    unsigned long long number = PyLong_AsUnsignedLongLong(argument);
    mt_writer *writer = PyErr_Occurred() ? NULL : writer_enter(object);
    if (!writer)
        return NULL;
    const mt_writer_info *info = mt_writer_get_info(writer);
    int64_t start[MT_MAX_DIMS], extent[MT_MAX_DIMS];
    PyObject *result = NULL;
    if (number >= info->n_units)
        PyErr_Format(PyExc_IndexError, "unit %llu of %llu", number, (unsigned long long)info->n_units);
    else if (mt_writer_is_done(writer, number))
        result = Py_NewRef(Py_None);
    else {
        mt_writer_get_unit(writer, number, start, extent);
        result = Py_BuildValue("(NN)", int_tuple(start, (size_t)info->ndim), int_tuple(extent, (size_t)info->ndim));
    }
    writer_leave(object);
    return result;
}

/* part(k, n): the first unit of a part, and the number of its units. */
static PyObject *writer_part(PyObject *object, PyObject *arguments)
{
    unsigned long long k, n;
    mt_writer *writer = PyArg_ParseTuple(arguments, "KK:part", &k, &n) ? writer_enter(object) : NULL;
    if (!writer)
        return NULL;
    uint64_t first = 0, count = 0;
    if (k < n)
        mt_writer_part(mt_writer_get_info(writer)->n_units, k, n, &first, &count);
    else
        PyErr_Format(PyExc_ValueError, "part %llu of %llu: parts are counted from 0", k, n);
    writer_leave(object);
    return k < n ? Py_BuildValue("(KK)", (unsigned long long)first, (unsigned long long)count) : NULL;
}

static PyMethodDef methods[] = {
    { "put", writer_put, METH_VARARGS, NULL },
    { "copy", writer_copy, METH_VARARGS, NULL },
    { "flush", writer_flush, METH_NOARGS, NULL },
    { "finish", writer_finish, METH_VARARGS, NULL },
    { "close", writer_close, METH_NOARGS, NULL },
    { "info", writer_info, METH_NOARGS, NULL },
    { "progress", writer_progress, METH_NOARGS, NULL },
    { "unit", writer_unit, METH_O, NULL },
    { "part", writer_part, METH_VARARGS, NULL },
    { "look", writer_look, METH_VARARGS | METH_CLASS, NULL },
    { "plan", writer_plan, METH_VARARGS | METH_CLASS, NULL },
    { "keep", writer_keep, METH_VARARGS, NULL },
    { "kept", writer_kept, METH_NOARGS, NULL },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot slots[] = {
    { Py_tp_new, (void *)writer_new },
    { Py_tp_dealloc, (void *)writer_dealloc },
    { Py_tp_methods, methods },
    { 0, NULL },
};

PyType_Spec writer_spec = {
    .name = "microtome._core.Writer",
    .basicsize = sizeof(writer_object),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};
