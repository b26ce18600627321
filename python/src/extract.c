/* SPDX-License-Identifier: BSD-3-Clause */
/* One patch, or many at once, into new arrays or into those of the caller. */
#include "core.h"

#include <string.h>

/* What all patches of a call have in common. */
typedef struct job {
    core_state *state;
    const mt_stack_info *info;
    int_list channels; /* n 0: all */
    bool all_channels;
    int_list patch_size;
    int64_t shape[1 + 1 + MAX_SPATIAL]; /* of the result; patch, C(Z)YX */
    int ndim;
    PyObject *array;
    Py_buffer buffer; /* of the array */
    mt_dtype dtype;
    int64_t strides[1 + 1 + MAX_SPATIAL];
} job;

static bool set_shape(job *j, int64_t n_patches)
{
    int n_spatial = j->info->data_ndim - 2;
    if (j->patch_size.n != (size_t)n_spatial) {
        PyErr_Format(PyExc_ValueError, "patch_size has %zu sizes for an image with the spatial axes %s",
                     j->patch_size.n, n_spatial == 3 ? "ZYX" : "YX");
        return false;
    }
    if (n_patches >= 0)
        j->shape[j->ndim++] = n_patches;
    j->shape[j->ndim++] = j->all_channels ? j->info->data_shape[1] : (int64_t)j->channels.n;
    for (int d = 0; d < n_spatial; d++)
        j->shape[j->ndim++] = j->patch_size.values[d];
    return true;
}

/* n_patches is -1 for the shape of a single patch. */
static bool job_start(job *j, core_state *state, mt_stack *stack, PyObject *channels, PyObject *patch_size,
                      int64_t n_patches)
{
    memset(j, 0, offsetof(job, shape));
    j->state = state;
    j->info = mt_stack_get_info(stack);
    j->channels.values = j->channels.inline_values;
    j->patch_size.values = j->patch_size.inline_values;
    j->ndim = 0;
    j->array = NULL;
    j->buffer.obj = NULL;
    j->all_channels = !is_given(channels);
    if (!j->all_channels && !convert_int_list(channels, "channels", &j->channels))
        return false;
    if (!j->all_channels && j->channels.n == 0) {
        PyErr_SetString(PyExc_ValueError, "Channel index sequence cannot be empty.");
        return false;
    }
    return convert_int_list(patch_size, "patch_size", &j->patch_size) && set_shape(j, n_patches);
}

static void job_end(job *j)
{
    if (j->buffer.obj)
        PyBuffer_Release(&j->buffer);
    Py_CLEAR(j->array);
    int_list_free(&j->channels);
    int_list_free(&j->patch_size);
}

/* A new array of numpy.empty. dtype is what the caller gave, or NULL. */
static PyObject *new_array(const job *j, PyObject *dtype)
{
    PyObject *shape = PyTuple_New(j->ndim);
    for (int d = 0; shape && d < j->ndim; d++) {
        PyObject *size = PyLong_FromLongLong(j->shape[d]);
        if (!size || PyTuple_SetItem(shape, d, size))
            Py_CLEAR(shape);
    }
    PyObject *array = NULL;
    if (shape)
        array = PyObject_CallFunctionObjArgs(j->state->empty, shape, is_given(dtype) ? dtype : j->state->float32, NULL);
    Py_XDECREF(shape);
    return array;
}

static bool check_array(const job *j, PyObject *dtype)
{
    bool good = j->buffer.ndim == j->ndim;
    for (int d = 0; good && d < j->ndim; d++)
        good = j->buffer.shape[d] == j->shape[d];
    if (!good)
        PyErr_SetString(PyExc_ValueError, "out must have the shape of the patches");
    else if (j->dtype != MT_FLOAT32 && j->dtype != j->info->dtype)
        PyErr_Format(PyExc_TypeError, "patches of %s come as %s or float32, not as %s", mt_dtype_name(j->info->dtype),
                     mt_dtype_name(j->info->dtype), mt_dtype_name(j->dtype));
    else if (is_given(dtype)) /* both: they cannot disagree */
        PyErr_SetString(PyExc_TypeError, "dtype is that of out where out is given");
    return !PyErr_Occurred();
}

/* Finds where the patches go. The result is in array, buffer, dtype and strides. */
static bool job_target(job *j, PyObject *out, PyObject *dtype)
{
    bool given = is_given(out);
    j->array = given ? Py_NewRef(out) : new_array(j, dtype);
    if (!j->array || !buffer_get(j->array, PyBUF_WRITABLE, &j->buffer, &j->dtype))
        return false;
    if (!check_array(j, given ? dtype : NULL))
        return false;
    for (int d = 0; d < j->ndim; d++)
        j->strides[d] = j->buffer.strides[d];
    return true;
}

static void set_request(const job *j, mt_stack *stack, int64_t sample, const int64_t *coords, char *data,
                        const int64_t *strides, mt_patch_request *out)
{
    *out = (mt_patch_request) {
        .stack = stack,
        .sample = sample,
        .channels = j->all_channels ? NULL : j->channels.values,
        .n_channels = j->channels.n,
        .n_spatial = j->patch_size.n,
        .coords = coords,
        .patch_size = j->patch_size.values,
        .view = { .data = data, .dtype = j->dtype, .strides = strides },
    };
}

/* Images of bool may hold other bytes than 0 and 1; NumPy counts on these. */
static void normalize_bools(const job *j)
{
    int64_t index[1 + 1 + MAX_SPATIAL] = { 0 };
    char *at = j->buffer.buf;
    if (j->buffer.len == 0)
        return;
    for (int d = 0; d >= 0;) {
        *at = *at != 0;
        for (d = j->ndim - 1; d >= 0 && ++index[d] == j->shape[d]; d--) {
            at -= j->strides[d] * (j->shape[d] - 1);
            index[d] = 0;
        }
        if (d >= 0)
            at += j->strides[d];
    }
}

/* What may end a call early. */
typedef struct watch {
    signal_watch signals;
    object_call *object; /* of the stack of an object, or NULL */
} watch;

static int is_cancelled(void *user)
{
    watch *w = user;
    return (w->object && w->object->ended) || watch_signals(&w->signals);
}

/* Whether a call that failed did read: one that refused its requests leaves all outcomes as they were, MT_OK. */
static bool any_failed(const mt_error *errors, size_t n)
{
    for (size_t i = 0; errors && i < n; i++)
        if (errors[i].status)
            return true;
    return false;
}

/* Reads without the GIL. With errors, which are MT_OK, what becomes of single requests is not a failure of the call. False
 * after an exception. */
static bool run(job *j, const mt_patch_request *requests, size_t n, object_call *object, mt_error *errors)
{
    mt_status st;
    mt_error err = MT_ERROR_INIT;
    watch w = { { 0 }, object };
    mt_extract_options options = {
        .struct_size = sizeof options, .cancelled = is_cancelled, .user = &w, .errors = errors
    };
    bool good;
    Py_BEGIN_ALLOW_THREADS
    st = mt_extract_patches(requests, n, &options, &err);
    good = !st || (st != MT_E_CANCELLED && any_failed(errors, n));
    if (good && j->dtype == MT_BOOL)
        normalize_bools(j);
    Py_END_ALLOW_THREADS
    if (object && object->exception && !PyErr_Occurred()) {
        PyObject *e = object->exception;
        PyErr_Restore(Py_NewRef((PyObject *)Py_TYPE(e)), Py_NewRef(e), PyException_GetTraceback(e));
        return false;
    }
    if (!good)
        raise_error(j->state, &err, j->info->source);
    return good;
}

bool stack_warn_absent(stack_object *self)
{
    uint64_t absent, present;
    const char *source = mt_stack_get_info(self->stack)->source;
    if (self->warned || !strstr(source, "://"))
        return true;
    mt_stack_count_chunks(self->stack, &absent, &present);
    if (absent == 0 || present > 0)
        return true;
    self->warned = true;
    return PyErr_WarnFormat(
               PyExc_UserWarning, 1,
               "%s: all chunks read so far (%llu) are absent and read as the fill value. If they should be "
               "there, check the address; missing=\"error\" refuses absent chunks",
               source, (unsigned long long)absent) == 0;
}

PyObject *stack_extract_patch(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n,
                              PyObject *names)
{
    static const char *const known[] = { "sample_idx", "channels", "coords", "patch_size", "out", "dtype", NULL };
    static const signature s = { "extract_patch", known, 4, 4 };
    PyObject *values[6], *result = NULL;
    int64_t sample;
    int_list coords;
    stack_object *self = (stack_object *)object;
    if (!parse_arguments(&s, args, n, names, values) || !convert_int64(values[0], "sample_idx", &sample) ||
        !convert_int_list(values[2], "coords", &coords))
        return NULL;
    mt_stack *stack = stack_enter(self);
    if (stack) {
        job j;
        bool good = job_start(&j, PyType_GetModuleState(core), stack, values[1], values[3], -1);
        if (good && coords.n != j.patch_size.n) {
            PyErr_Format(PyExc_ValueError, "coords has %zu values and patch_size %zu", coords.n, j.patch_size.n);
            good = false;
        }
        if (good && job_target(&j, values[4], values[5])) {
            mt_patch_request request;
            set_request(&j, stack, sample, coords.values, j.buffer.buf, j.strides, &request);
            if (run(&j, &request, 1, NULL, NULL) && stack_warn_absent(self))
                result = Py_NewRef(j.array);
        }
        job_end(&j);
        stack_leave(self);
    }
    int_list_free(&coords);
    return result;
}

/* Arrays that come with many patches. */
typedef struct vectors {
    Py_buffer samples, coords, scale, offset;
} vectors;

static void vectors_release(vectors *v)
{
    Py_buffer *all[] = { &v->samples, &v->coords, &v->scale, &v->offset };
    for (size_t i = 0; i < 4; i++)
        if (all[i]->obj)
            PyBuffer_Release(all[i]);
}

enum { SAMPLES, CHANNELS, COORDS, PATCH_SIZE, OUT, DTYPE, SCALE, OFFSET, PADDING, ERRORS, N_MANY };

static bool get_vectors(PyObject *const *values, const job *j, int64_t n, vectors *v)
{
    int64_t n_channels = j->shape[1];
    return buffer_get_vector(values[COORDS], "coords", MT_INT64, n * (int64_t)j->patch_size.n, &v->coords) &&
           (!is_given(values[SCALE]) || buffer_get_vector(values[SCALE], "scale", MT_FLOAT32, n_channels, &v->scale)) &&
           (!is_given(values[OFFSET]) ||
            buffer_get_vector(values[OFFSET], "offset", MT_FLOAT32, n_channels, &v->offset));
}

/* None or an exception for each request. */
static PyObject *list_errors(const job *j, const object_call *object, const mt_error *errors, size_t n)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < n; i++) {
        PyObject *raised = object->raised ? object->raised[i] : NULL;
        PyObject *item = raised             ? Py_NewRef(raised)
                         : errors[i].status ? make_exception(j->state, &errors[i], j->info->source)
                                            : Py_NewRef(Py_None);
        if (!item || PyList_Append(list, item))
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

static void set_requests(const job *j, mt_stack *stack, const vectors *v, size_t n, double padding,
                         mt_patch_request *requests)
{
    const int64_t *samples = v->samples.buf, *coords = v->coords.buf;
    for (size_t i = 0; i < n; i++) {
        mt_patch_request *r = &requests[i];
        set_request(j, stack, samples[i], coords + i * j->patch_size.n,
                    (char *)j->buffer.buf + (int64_t)i * j->strides[0], j->strides + 1, r);
        r->view.scale = v->scale.buf;
        r->view.offset = v->offset.buf;
        r->view.padding = padding;
    }
}

/* The array, and with errors the list of them as well. */
static PyObject *run_many(job *j, stack_object *self, const vectors *v, size_t n, double padding, bool errors)
{
    object_call object = { .own = NULL };
    mt_patch_request *requests = PyMem_Calloc(n ? n : 1, sizeof *requests);
    mt_error *outcomes = errors ? PyMem_Calloc(n ? n : 1, sizeof *outcomes) : NULL;
    PyObject *list = NULL, *result = NULL;
    bool good = requests && (outcomes || !errors);
    if (!good)
        PyErr_NoMemory();
    if (good && self->own)
        good = object_call_start(&object, j->state, self, outcomes, n);
    if (good && n) {
        set_requests(j, self->own ? object.stack : self->stack, v, n, padding, requests);
        good = run(j, requests, n, self->own ? &object : NULL, outcomes) && stack_warn_absent(self);
    }
    if (good && errors)
        list = list_errors(j, &object, outcomes, n);
    if (good && (list || !errors))
        result = errors ? PyTuple_Pack(2, j->array, list) : Py_NewRef(j->array);
    Py_XDECREF(list);
    object_call_end(&object);
    PyMem_Free(outcomes);
    PyMem_Free(requests);
    return result;
}

/* samples and coords are arrays of int64 (N and N x (Z)YX), scale and offset arrays of float32, one for each channel;
 * errors says whether to return them. */
PyObject *stack_extract_many(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    static const char *const known[] = { "sample_idx", "channels", "coords",  "patch_size", "out", "dtype",
                                         "scale",      "offset",   "padding", "errors",     NULL };
    static const signature s = { "extract_patches", known, N_MANY, N_MANY };
    PyObject *values[N_MANY], *result = NULL;
    vectors v;
    stack_object *self = (stack_object *)object;
    memset(&v, 0, sizeof v);
    if (!parse_arguments(&s, args, n, names, values) ||
        !buffer_get_vector(values[SAMPLES], "sample_idx", MT_INT64, -1, &v.samples))
        return NULL;
    double padding = PyFloat_AsDouble(values[PADDING]);
    int errors = PyErr_Occurred() ? -1 : PyObject_IsTrue(values[ERRORS]);
    mt_stack *stack = errors < 0 ? NULL : stack_enter(self);
    if (stack) {
        job j;
        int64_t count = v.samples.len / (int64_t)sizeof(int64_t);
        if (job_start(&j, PyType_GetModuleState(core), stack, values[CHANNELS], values[PATCH_SIZE], count) &&
            get_vectors(values, &j, count, &v) && job_target(&j, values[OUT], values[DTYPE]))
            result = run_many(&j, self, &v, (size_t)count, padding, errors);
        job_end(&j);
        stack_leave(self);
    }
    vectors_release(&v);
    return result;
}
