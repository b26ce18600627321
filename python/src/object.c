/* SPDX-License-Identifier: BSD-3-Clause */
/* A stack over a Python object with the ImageStack protocol. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

/* The `self` of the library's custom stack. The object is borrowed: the Stack that wraps the custom stack owns it, so
 * that the garbage collector sees every reference. */
typedef struct own_stack {
    PyObject *object;
    PyObject *ascontiguousarray, *float32; /* strong */
    int n_spatial;
    bool parallel;
    mt_context *context; /* retained by the library's stack */
} own_stack;

static PyObject *call_object(const own_stack *own, int64_t sample, const int64_t *channels, size_t n_channels,
                             const int64_t *coords, const int64_t *patch_size)
{
    PyObject *list = int_tuple(channels, n_channels), *first = int_tuple(coords, (size_t)own->n_spatial);
    PyObject *size = int_tuple(patch_size, (size_t)own->n_spatial), *given = NULL, *patch = NULL;
    if (list && first && size)
        given = PyObject_CallMethod(own->object, "extract_patch", "LOOO", (long long)sample, list, first, size);
    Py_XDECREF(list);
    Py_XDECREF(first);
    Py_XDECREF(size);
    if (given)
        patch = PyObject_CallFunctionObjArgs(own->ascontiguousarray, given, own->float32, NULL);
    Py_XDECREF(given);
    return patch;
}

/* Copies the patch returned by the object, if it is C(Z)YX of the requested size. */
static void copy_patch(const own_stack *own, PyObject *patch, size_t n_channels, const int64_t *patch_size, float *out)
{
    Py_buffer buffer;
    mt_dtype dtype;
    if (!buffer_get(patch, PyBUF_SIMPLE, &buffer, &dtype))
        return;
    bool good = buffer.ndim == own->n_spatial + 1 && buffer.shape[0] == (Py_ssize_t)n_channels;
    for (int d = 0; good && d < own->n_spatial; d++)
        good = buffer.shape[1 + d] == patch_size[d];
    if (good)
        memcpy(out, buffer.buf, (size_t)buffer.len);
    else
        PyErr_SetString(PyExc_ValueError,
                        "extract_patch of the object returned an array whose shape is not (channels, *patch_size)");
    PyBuffer_Release(&buffer);
}

static bool fill(const own_stack *own, int64_t sample, const int64_t *channels, size_t n_channels,
                 const int64_t *coords, const int64_t *patch_size, float *out)
{
    PyObject *patch = call_object(own, sample, channels, n_channels, coords, patch_size);
    if (patch)
        copy_patch(own, patch, n_channels, patch_size, out);
    Py_XDECREF(patch);
    return !PyErr_Occurred();
}

#define OBJECT_FAILED "extract_patch of the object failed"
static const char object_failed[] = OBJECT_FAILED;

/* For a single patch, the library calls this in the requesting thread. So an exception stays set and propagates to the
 * caller. */
static mt_status extract(void *self, int64_t sample, const int64_t *channels, size_t n_channels, const int64_t *coords,
                         const int64_t *patch_size, float *out, mt_error *err)
{
    gil_token gil = gil_take();
    bool good = fill(self, sample, channels, n_channels, coords, patch_size, out);
    gil_give(gil);
    return good ? MT_OK : mt_fail(err, MT_E_ARGUMENT, object_failed);
}

/* Clears the exception of this thread and returns it, owned, with its traceback. */
static PyObject *take_exception(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback)
        PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
}

/* Moves the exception of this thread to the batch. Exceptions such as KeyboardInterrupt always end the call. */
static void keep_exception(object_batch *batch, const mt_error *err)
{
    PyObject *value = take_exception(), **place = &batch->exception;
    if (batch->errors && PyErr_GivenExceptionMatches(value, PyExc_Exception))
        place = &batch->raised[err - batch->errors];
    else
        batch->ended = true;
    if (!*place)
        *place = Py_NewRef(value);
    Py_DECREF(value);
}

static mt_status extract_in_call(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                                 const int64_t *coords, const int64_t *patch_size, float *out, mt_error *err)
{
    const object_call *call = self;
    if (call->batch->ended)
        return mt_fail(err, MT_E_CANCELLED, object_failed);
    gil_token gil = gil_take();
    bool good = fill(call->own, sample, channels, n_channels, coords, patch_size, out);
    if (!good)
        keep_exception(call->batch, err);
    gil_give(gil);
    return good ? MT_OK : mt_fail(err, MT_E_ARGUMENT, object_failed);
}

/* Calls of objects for a loader that are in progress in this thread, innermost first. */
typedef struct log_frame {
    const object_log *log;
    const struct log_frame *outer;
} log_frame;
static _Thread_local const log_frame *innermost;

bool object_log_is_inside(const object_log *log)
{
    const log_frame *frame = innermost;
    while (frame && frame->log != log)
        frame = frame->outer;
    return frame != NULL;
}

bool object_log_start(object_log *log) { return (log->raised = PyDict_New()) != NULL; }

/* More than the patches of the batches in the making, of which each may fail. */
#define MOST_LOGGED 16384

/* What a message of the log ends with: this, the number of the exception, and a parenthesis. */
#define LOG_TEXT OBJECT_FAILED " (exception "

/* The exceptions of batches that were dropped are never asked for. */
static void drop_oldest(const object_log *log)
{
    Py_ssize_t first = 0;
    PyObject *number;
    if (PyDict_Next(log->raised, &first, &number, NULL)) {
        Py_INCREF(number);
        (void)PyDict_DelItem(log->raised, number);
        Py_DECREF(number);
    }
}

/* Moves the exception of this thread to the log. Returns its number. */
static unsigned long long log_exception(object_log *log)
{
    PyObject *value = take_exception(), *number = PyLong_FromUnsignedLongLong(++log->n);
    unsigned long long n = log->n; /* freeing an exception may run Python code, and other threads */
    if (number && !PyDict_SetItem(log->raised, number, value) && PyDict_Size(log->raised) > MOST_LOGGED)
        drop_oldest(log);
    PyErr_Clear();
    Py_XDECREF(number);
    Py_DECREF(value);
    return n;
}

/* The number at the end of a message of the log, whatever other layers put before it; 0: it is another message. */
static unsigned long long read_number(const char *message)
{
    const char *text = NULL, *next = message;
    char *end = NULL;
    while ((next = strstr(next, LOG_TEXT)))
        text = next++;
    unsigned long long n = text ? strtoull(text + strlen(LOG_TEXT), &end, 10) : 0;
    return end && strcmp(end, ")") == 0 ? n : 0;
}

bool object_log_raise(object_log *log, const mt_error *err, bool forget_others)
{
    PyObject *number = PyLong_FromUnsignedLongLong(read_number(err->message));
    PyObject *value = number ? Py_XNewRef(PyDict_GetItemWithError(log->raised, number)) : NULL;
    if (forget_others)
        PyDict_Clear(log->raised);
    else if (value)
        (void)PyDict_DelItem(log->raised, number);
    Py_XDECREF(number);
    if (value)
        PyErr_Restore(Py_NewRef((PyObject *)Py_TYPE(value)), value, PyException_GetTraceback(value));
    return PyErr_Occurred();
}

/* The library calls this in threads of its own, whose exceptions would be lost. */
static mt_status extract_in_log(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                                const int64_t *coords, const int64_t *patch_size, float *out, mt_error *err)
{
    const object_call *call = self;
    const log_frame frame = { call->log, innermost };
    unsigned long long number = 0;
    innermost = &frame;
    gil_token gil = gil_take();
    bool good = fill(call->own, sample, channels, n_channels, coords, patch_size, out);
    if (!good)
        number = log_exception(call->log);
    gil_give(gil);
    innermost = frame.outer;
    return good ? MT_OK : mt_fail(err, MT_E_ARGUMENT, LOG_TEXT "%llu)", number);
}

bool object_batch_start(object_batch *batch, const mt_error *errors, size_t n)
{
    batch->errors = errors;
    batch->n = n;
    if (errors && !(batch->raised = PyMem_Calloc(n ? n : 1, sizeof *batch->raised)))
        PyErr_NoMemory();
    return !errors || batch->raised;
}

void object_batch_end(object_batch *batch)
{
    for (size_t i = 0; batch->raised && i < batch->n; i++)
        Py_XDECREF(batch->raised[i]);
    PyMem_Free(batch->raised);
    Py_XDECREF(batch->exception);
}

/* Copies a source for messages. A long one is cut, so that what follows it in a message, which must fit into an mt_error,
 * is not. */
static void copy_source(const char *source, char *out, size_t room)
{
    size_t n = strlen(source);
    memcpy(out, source, n < room ? n + 1 : room);
    if (n < room)
        return;
    for (n = room - 4; n > 0 && ((unsigned char)out[n] & 0xc0) == 0x80; n--) /* not inside a character of UTF-8 */
        ;
    memcpy(out + n, "...", 4);
}

bool object_call_start(object_call *call, core_state *state, const stack_object *self)
{
    const mt_stack_ops ops = { .struct_size = sizeof ops,
                               .extract_patch = call->log ? extract_in_log : extract_in_call,
                               .caller_thread_only = !self->own->parallel };
    mt_error err = MT_ERROR_INIT;
    mt_stack_info info = *mt_stack_get_info(self->stack);
    char source[256];
    copy_source(info.source, source, sizeof source);
    info.source = source;
    call->own = self->own;
    if (mt_stack_new(self->own->context, &ops, call, &info, &call->stack, &err))
        raise_error(state, &err, NULL);
    return call->stack != NULL;
}

static void close_own(void *self)
{
    own_stack *own = self;
    gil_token gil = gil_take();
    Py_XDECREF(own->ascontiguousarray);
    Py_XDECREF(own->float32);
    PyMem_Free(own);
    gil_give(gil);
}

static own_stack *new_own(PyObject *object, core_state *state, int n_spatial)
{
    own_stack *own = PyMem_Calloc(1, sizeof *own);
    if (!own)
        return (own_stack *)PyErr_NoMemory();
    PyObject *numpy = PyImport_ImportModule("numpy");
    own->object = object;
    own->ascontiguousarray = numpy ? PyObject_GetAttrString(numpy, "ascontiguousarray") : NULL;
    own->float32 = Py_NewRef(state->float32);
    own->n_spatial = n_spatial;
    Py_XDECREF(numpy);
    if (own->ascontiguousarray)
        return own;
    close_own(own);
    return NULL;
}

static bool describe(PyObject *const *values, mt_stack_info *info)
{
    const char *dtype = "";
    int_list shape;
    if (!convert_string(values[1], "source", &info->source) || !convert_string(values[2], "dtype", &dtype) ||
        !convert_string(values[3], "axes", &info->original_axes) || !convert_int_list(values[4], "shape", &shape))
        return false;
    bool good = shape.n <= MT_MAX_AXES;
    if (good)
        memcpy(info->original_shape, shape.values, shape.n * sizeof *shape.values);
    else
        PyErr_SetString(PyExc_ValueError, "an image has at most 6 axes");
    info->original_ndim = (int)shape.n;
    info->dtype = mt_dtype_from_name(dtype);
    int_list_free(&shape);
    return good;
}

PyObject *stack_from_object(PyObject *type, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    static const char *const known[] = { "object", "source", "dtype", "axes", "shape", "context", "parallel", NULL };
    static const signature s = { "from_object", known, 5, 5 };
    static const mt_stack_ops ops = {
        .struct_size = sizeof ops, .extract_patch = extract, .close = close_own, .caller_thread_only = 1
    };
    PyObject *values[7];
    core_state *state = PyType_GetModuleState(core);
    mt_stack_info info = { .struct_size = sizeof info, .source = "object", .original_axes = "" };
    mt_context *context;
    if (!parse_arguments(&s, args, n, names, values) || !context_convert(state, values[5], &context) ||
        !describe(values, &info))
        return NULL;
    int parallel = values[6] ? PyObject_IsTrue(values[6]) : 0;
    own_stack *own = parallel < 0 ? NULL : new_own(values[0], state, strchr(info.original_axes, 'Z') ? 3 : 2);
    if (!own)
        return NULL;
    own->parallel = parallel;
    own->context = context;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    if (mt_stack_new(context, &ops, own, &info, &stack, &err)) {
        close_own(own);
        return raise_error(state, &err, NULL);
    }
    PyObject *result = stack_wrap((PyTypeObject *)type, stack, values[0]);
    if (result)
        ((stack_object *)result)->own = own;
    return result;
}
