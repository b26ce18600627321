/* SPDX-License-Identifier: BSD-3-Clause */
/* Extraction of one patch, or of many from one or several stacks, into new arrays or those of the caller. */
#include "core.h"

#include <string.h>

/* A stack of a call. */
typedef struct member {
    stack_object *self; /* borrowed */
    mt_stack *stack;    /* entered */
    const mt_stack_info *info;
    int_list channels; /* n 0: all */
    object_call call;  /* of the stack of an object, in a call for many patches */
} member;

/* The state shared by all patches of a call. */
typedef struct job {
    core_state *state;
    member *members;
    size_t n_members;
    int_list patch_size;
    int n_scales; /* of lateral context; 0: patches without it */
    levels levels;
    int64_t shape[MAX_TARGET]; /* of the result; patch, C, (L,) (Z)YX */
    int ndim;
    int divide;
    double padding;
    int padding_mode;
    int scale_padding;
    PyObject *array;
    target target; /* of the array */
} job;

static bool member_start(member *m, PyObject *stack, PyObject *channels)
{
    m->self = (stack_object *)stack;
    m->channels.values = m->channels.inline_values;
    m->stack = stack_enter(m->self);
    if (!m->stack)
        return false;
    m->info = mt_stack_get_info(m->stack);
    return !is_given(channels) || convert_channels(channels, m->info, &m->channels);
}

/* Also for a member whose start failed, or that is zeroed. */
static void member_end(member *m)
{
    mt_stack_close(m->call.stack);
    if (m->self)
        int_list_free(&m->channels);
    if (m->stack)
        stack_leave(m->self);
}

static mt_stack *stack_of_member(const member *m) { return m->call.stack ? m->call.stack : m->stack; }

static int64_t count_channels(const member *m)
{
    return m->channels.n ? (int64_t)m->channels.n : m->info->data_shape[1];
}

static bool set_shape(job *j, int64_t n_patches)
{
    int n_spatial = j->members[0].info->data_ndim - 2;
    if (j->patch_size.n != (size_t)n_spatial) {
        PyErr_Format(PyExc_ValueError, "patch_size has %zu sizes for an image with the spatial axes %s",
                     j->patch_size.n, n_spatial == 3 ? "ZYX" : "YX");
        return false;
    }
    for (int d = 0; d < n_spatial; d++)
        if (j->patch_size.values[d] < (j->members[0].info->data_shape[2 + d] > 0)) {
            PyErr_Format(PyExc_ValueError, "patch_size is %lld along %c: it must be at least 1",
                         (long long)j->patch_size.values[d], "ZYX"[3 - n_spatial + d]);
            return false;
        }
    j->ndim = 0;
    if (n_patches >= 0)
        j->shape[j->ndim++] = n_patches;
    j->shape[j->ndim++] = count_channels(&j->members[0]);
    if (j->n_scales)
        j->shape[j->ndim++] = j->n_scales;
    for (int d = 0; d < n_spatial; d++)
        j->shape[j->ndim++] = j->patch_size.values[d];
    return true;
}

static void job_end(job *j)
{
    target_release(&j->target);
    Py_CLEAR(j->array);
    int_list_free(&j->patch_size);
    for (size_t i = 0; i < j->n_members; i++)
        member_end(&j->members[i]);
}

/* The type of a new array. "source" is that of the first stack (float32 over an object); check_array compares the
 * others. */
static PyObject *choose_dtype(const job *j, PyObject *dtype)
{
    if (!is_given(dtype))
        return Py_NewRef(j->state->float32);
    if (!PyUnicode_Check(dtype) || PyUnicode_CompareWithASCIIString(dtype, "source") != 0)
        return Py_NewRef(dtype);
    const member *first = &j->members[0];
    return first->self->own ? Py_NewRef(j->state->float32) : PyUnicode_FromString(mt_dtype_name(first->info->dtype));
}

/* Creates an array with numpy.empty. dtype is the caller's, or NULL. */
static PyObject *new_array(const job *j, PyObject *dtype)
{
    PyObject *shape = PyTuple_New(j->ndim);
    for (int d = 0; shape && d < j->ndim; d++) {
        PyObject *size = PyLong_FromLongLong(j->shape[d]);
        if (!size || PyTuple_SetItem(shape, d, size))
            Py_CLEAR(shape);
    }
    PyObject *array = NULL, *kind = shape ? choose_dtype(j, dtype) : NULL;
    if (kind)
        array = PyObject_CallFunctionObjArgs(j->state->empty, shape, kind, NULL);
    if (!array && is_given(dtype) && PyErr_ExceptionMatches(PyExc_TypeError))
        PyErr_Format(PyExc_TypeError, "dtype is a type, such as \"uint16\", or \"source\", not %R", dtype);
    Py_XDECREF(kind);
    Py_XDECREF(shape);
    return array;
}

static void shape_text(const int64_t *shape, int ndim, char *text, size_t room)
{
    size_t n = 0;
    text[0] = 0;
    for (int d = 0; d < ndim && n < room; d++)
        n += (size_t)PyOS_snprintf(text + n, room - n, "%s%lld", d ? ", " : "", (long long)shape[d]);
}

static bool check_array(const job *j, PyObject *dtype)
{
    const target *t = &j->target;
    bool good = t->ndim == j->ndim;
    for (int d = 0; good && d < j->ndim; d++)
        good = t->shape[d] == j->shape[d];
    if (!good) {
        char wanted[128], got[128];
        shape_text(j->shape, j->ndim, wanted, sizeof wanted);
        shape_text(t->shape, t->ndim, got, sizeof got);
        PyErr_Format(PyExc_ValueError, "out must have the shape of the patches, (%s), not (%s)", wanted, got);
    }
    for (size_t i = 0; good && i < j->n_members; i++) {
        const char *stored = mt_dtype_name(j->members[i].info->dtype);
        good = t->dtype == MT_FLOAT32 || t->dtype == j->members[i].info->dtype;
        if (!good)
            PyErr_Format(PyExc_TypeError, "patches of %s come as %s or float32, not as %s", stored, stored,
                         mt_dtype_name(t->dtype));
    }
    if (good && is_given(dtype)) /* both: they cannot disagree */
        PyErr_SetString(PyExc_TypeError, "dtype is that of out where out is given");
    return !PyErr_Occurred();
}

/* Sets array and target to the output of the patches. */
static bool job_target(job *j, PyObject *out, PyObject *dtype)
{
    bool given = is_given(out);
    j->array = given ? Py_NewRef(out) : new_array(j, dtype);
    return j->array && target_get(j->array, "out", true, &j->target) && check_array(j, given ? dtype : NULL);
}

static void set_request(const job *j, const member *m, int64_t sample, const int64_t *coords, char *data,
                        const int64_t *strides, mt_patch_request *out)
{
    *out = (mt_patch_request) {
        .stack = stack_of_member(m),
        .sample = sample,
        .channels = m->channels.n ? m->channels.values : NULL,
        .n_channels = m->channels.n,
        .n_spatial = j->patch_size.n,
        .coords = coords,
        .patch_size = j->patch_size.values,
        .view = { .data = data,
                  .dtype = j->target.dtype,
                  .strides = strides,
                  .divide = j->divide,
                  .padding = j->padding,
                  .padding_mode = j->padding_mode,
                  .scale_padding = j->scale_padding },
    };
}

/* Files may store booleans as bytes other than 0 and 1, which NumPy requires. */
static void normalize_bools(const target *t)
{
    int64_t index[MAX_TARGET] = { 0 };
    char *at = t->data;
    for (int d = 0; d < t->ndim; d++)
        if (t->shape[d] == 0)
            return;
    for (int d = 0; d >= 0;) {
        *at = *at != 0;
        for (d = t->ndim - 1; d >= 0 && ++index[d] == t->shape[d]; d--) {
            at -= t->strides[d] * (t->shape[d] - 1);
            index[d] = 0;
        }
        if (d >= 0)
            at += t->strides[d];
    }
}

/* The conditions that end a call early. */
typedef struct watch {
    signal_watch signals;
    const object_batch *batch; /* or NULL */
} watch;

static int is_cancelled(void *user)
{
    watch *w = user;
    return (w->batch && w->batch->ended) || watch_signals(&w->signals);
}

/* Whether any request failed. If the call refused its requests, all outcomes are still MT_OK. */
static bool any_failed(const mt_error *errors, size_t n)
{
    for (size_t i = 0; errors && i < n; i++)
        if (errors[i].status)
            return true;
    return false;
}

/* The source that an error is about. With several stacks, the one named in the message, or NULL. */
static const char *find_source(const job *j, const mt_error *err)
{
    const char *found = j->n_members == 1 ? j->members[0].info->source : NULL;
    for (size_t i = 0; j->n_members > 1 && i < j->n_members; i++) {
        const char *source = j->members[i].info->source;
        if (strstr(err->message, source) && (!found || strlen(source) > strlen(found)))
            found = source;
    }
    return found;
}

/* Reads without the GIL. With errors (initially MT_OK), failed requests do not fail the call. False after an
 * exception. */
static bool run(job *j, const mt_patch_request *requests, size_t n, const object_batch *batch, mt_error *errors)
{
    mt_status st;
    mt_error err = MT_ERROR_INIT;
    watch w = { { 0 }, batch };
    mt_extract_options options = {
        .struct_size = sizeof options, .cancelled = is_cancelled, .user = &w, .errors = errors
    };
    const mt_lateral_options lateral = { .struct_size = sizeof lateral,
                                         .pyramids = j->levels.pyramids,
                                         .n_pyramids = j->levels.pyramids ? j->n_members : 0 };
    bool good;
    Py_BEGIN_ALLOW_THREADS
    st = j->n_scales ? mt_lateral_extract(requests, n, j->n_scales, &lateral, &options, &err)
                     : mt_extract_patches(requests, n, &options, &err);
    good = !st || (st != MT_E_CANCELLED && any_failed(errors, n));
    if (good && j->target.dtype == MT_BOOL)
        normalize_bools(&j->target);
    Py_END_ALLOW_THREADS
    if (batch && batch->exception && !PyErr_Occurred()) {
        PyObject *e = batch->exception;
        PyErr_Restore(Py_NewRef((PyObject *)Py_TYPE(e)), Py_NewRef(e), PyException_GetTraceback(e));
        return false;
    }
    if (!good)
        raise_error(j->state, &err, find_source(j, &err));
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
    static const char *const known[] = { "sample_idx", "channels", "coords",  "patch_size",
                                         "out",        "dtype",    "padding", NULL };
    static const signature s = { "extract_patch", known, 4, 4 };
    PyObject *values[7], *result = NULL;
    int64_t sample;
    int_list coords;
    if (!parse_arguments(&s, args, n, names, values) || !convert_int64(values[0], "sample_idx", &sample) ||
        !convert_int_list(values[2], "coords", &coords))
        return NULL;
    member m = { .self = NULL };
    job j = { .state = PyType_GetModuleState(core), .members = &m, .n_members = 1 };
    j.patch_size.values = j.patch_size.inline_values;
    bool good = member_start(&m, object, values[1]) && convert_padding(values[6], &j.padding, &j.padding_mode) &&
                convert_int_list(values[3], "patch_size", &j.patch_size) && set_shape(&j, -1);
    if (good && coords.n != j.patch_size.n) {
        PyErr_Format(PyExc_ValueError, "coords has %zu values and patch_size %zu", coords.n, j.patch_size.n);
        good = false;
    }
    if (good && job_target(&j, values[4], values[5])) {
        mt_patch_request request;
        set_request(&j, &m, sample, coords.values, j.target.data, j.target.strides, &request);
        if (run(&j, &request, 1, NULL, NULL) && stack_warn_absent(m.self))
            result = Py_NewRef(j.array);
    }
    job_end(&j);
    int_list_free(&coords);
    return result;
}

/* --- Many patches. --- */

enum {
    STACKS,
    STACK_IDX,
    SAMPLES,
    CHANNELS,
    COORDS,
    PATCH_SIZE,
    OUT,
    DTYPE,
    SCALE,
    OFFSET,
    DIVIDE,
    PADDING,
    SCALE_PADDING,
    ERRORS,
    N_SCALES,
    LEVELS,
    N_MANY
};

/* The array arguments of many patches. */
typedef struct vectors {
    Py_buffer stack_idx, samples, coords, scale, offset;
    size_t n; /* number of patches */
} vectors;

static void vectors_release(vectors *v)
{
    Py_buffer *all[] = { &v->stack_idx, &v->samples, &v->coords, &v->scale, &v->offset };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->obj)
            PyBuffer_Release(all[i]);
}

static bool get_indices(PyObject *const *values, vectors *v)
{
    if (!buffer_get_vector(values[SAMPLES], "sample_idx", MT_INT64, -1, &v->samples))
        return false;
    v->n = (size_t)v->samples.len / sizeof(int64_t);
    return !is_given(values[STACK_IDX]) ||
           buffer_get_vector(values[STACK_IDX], "stack_idx", MT_INT64, (int64_t)v->n, &v->stack_idx);
}

static bool get_vectors(PyObject *const *values, const job *j, vectors *v)
{
    int64_t n_channels = j->shape[1];
    return buffer_get_vector(values[COORDS], "coords", MT_INT64, (int64_t)(v->n * j->patch_size.n), &v->coords) &&
           (!is_given(values[SCALE]) || buffer_get_vector(values[SCALE], "scale", MT_FLOAT32, n_channels, &v->scale)) &&
           (!is_given(values[OFFSET]) ||
            buffer_get_vector(values[OFFSET], "offset", MT_FLOAT32, n_channels, &v->offset));
}

static bool start_members(job *j, PyObject *stacks, PyObject *channels)
{
    for (Py_ssize_t i = 0; i < PyTuple_Size(stacks); i++) {
        PyObject *stack = PyTuple_GetItem(stacks, i);
        int is_stack = PyObject_IsInstance(stack, j->state->stack_type);
        if (is_stack == 0)
            PyErr_SetString(PyExc_TypeError, "stacks must be image stacks of microtome");
        if (is_stack <= 0 || !member_start(&j->members[i], stack, channels))
            return false;
        const member *m = &j->members[i], *first = &j->members[0];
        if (m->info->data_ndim != first->info->data_ndim || count_channels(m) != count_channels(first)) {
            PyErr_Format(PyExc_ValueError,
                         "%s has other spatial axes or another number of channels than %s: the patches of one batch "
                         "have one shape",
                         m->info->source, first->info->source);
            return false;
        }
    }
    return true;
}

static bool many_start(job *j, PyObject *const *values)
{
    Py_ssize_t n = PyTuple_Check(values[STACKS]) ? PyTuple_Size(values[STACKS]) : -1;
    if (n <= 0) {
        PyErr_SetString(PyExc_ValueError, "there must be at least one image stack");
        return false;
    }
    j->members = PyMem_Calloc((size_t)n, sizeof *j->members);
    if (!j->members) {
        PyErr_NoMemory();
        return false;
    }
    j->n_members = (size_t)n;
    return start_members(j, values[STACKS], values[CHANNELS]) &&
           convert_padding(values[PADDING], &j->padding, &j->padding_mode) &&
           convert_int_list(values[PATCH_SIZE], "patch_size", &j->patch_size);
}

/* The index of the stack of a patch; set_requests checks it. */
static int64_t stack_of(const vectors *v, size_t i)
{
    const int64_t *stack_idx = v->stack_idx.buf;
    return stack_idx ? stack_idx[i] : 0;
}

/* A list with None or an exception for each request. */
static PyObject *list_errors(const job *j, const object_batch *batch, const vectors *v, const mt_error *errors)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < v->n; i++) {
        PyObject *raised = batch->raised ? batch->raised[i] : NULL, *item;
        if (raised)
            item = Py_NewRef(raised);
        else if (errors[i].status)
            item = make_exception(j->state, &errors[i], j->members[stack_of(v, i)].info->source);
        else
            item = Py_NewRef(Py_None);
        if (!item || PyList_Append(list, item))
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

static bool set_requests(const job *j, const vectors *v, mt_patch_request *requests)
{
    const int64_t *samples = v->samples.buf, *coords = v->coords.buf;
    for (size_t i = 0; i < v->n; i++) {
        int64_t k = stack_of(v, i);
        if (k < 0 || (uint64_t)k >= j->n_members) {
            PyErr_Format(PyExc_IndexError, "stack %lld is out of bounds for %zu stacks", (long long)k, j->n_members);
            return false;
        }
        set_request(j, &j->members[k], samples[i], coords + i * j->patch_size.n,
                    (char *)j->target.data + (int64_t)i * j->target.strides[0], j->target.strides + 1, &requests[i]);
        requests[i].view.scale = v->scale.buf;
        requests[i].view.offset = v->offset.buf;
    }
    return true;
}

/* Starts the calls of objects, whose stacks the pyramids refer to. */
static bool start_objects(job *j, object_batch *batch, mt_error *errors, size_t n)
{
    bool good = object_batch_start(batch, errors, n);
    for (size_t i = 0; good && i < j->n_members; i++)
        if (j->members[i].self->own) {
            j->members[i].call.batch = batch;
            good = object_call_start(&j->members[i].call, j->state, j->members[i].self);
        }
    for (size_t i = 0; good && j->levels.pyramids && i < j->n_members; i++)
        j->levels.pyramids[i].stack = stack_of_member(&j->members[i]);
    return good;
}

static bool warn_absent(const job *j)
{
    for (size_t i = 0; i < j->n_members; i++)
        if (!stack_warn_absent(j->members[i].self))
            return false;
    return true;
}

/* Returns the array, or with errors (array, list of errors). */
static PyObject *run_many(job *j, const vectors *v, bool errors)
{
    object_batch batch = { .errors = NULL };
    mt_patch_request *requests = PyMem_Calloc(v->n ? v->n : 1, sizeof *requests);
    mt_error *outcomes = errors ? PyMem_Calloc(v->n ? v->n : 1, sizeof *outcomes) : NULL;
    PyObject *list = NULL, *result = NULL;
    bool good = requests && (outcomes || !errors);
    if (!good)
        PyErr_NoMemory();
    good = good && start_objects(j, &batch, outcomes, v->n) && set_requests(j, v, requests);
    if (good && v->n)
        good = run(j, requests, v->n, &batch, outcomes) && warn_absent(j);
    if (good && errors)
        list = list_errors(j, &batch, v, outcomes);
    if (good && (list || !errors))
        result = errors ? PyTuple_Pack(2, j->array, list) : Py_NewRef(j->array);
    Py_XDECREF(list);
    for (size_t i = 0; i < j->n_members; i++) { /* before the batch, which they refer to */
        mt_stack_close(j->members[i].call.stack);
        j->members[i].call.stack = NULL;
    }
    object_batch_end(&batch);
    PyMem_Free(outcomes);
    PyMem_Free(requests);
    return result;
}

/* stacks is a tuple. stack_idx (None: the first stack), sample_idx and coords are int64 arrays of shape N, N and N x
 * (Z)YX. scale and offset are float32 arrays with one element per channel. errors: whether to return errors. n_scales:
 * 0, or the scales of lateral context, and then levels is None or a tuple with a tuple of stacks for each of stacks, and
 * errors must be false: exceptions of objects would not find their patch. */
PyObject *extract_many(PyObject *module, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    static const char *const known[] = { "stacks",        "stack_idx", "sample_idx", "channels", "coords", "patch_size",
                                         "out",           "dtype",     "scale",      "offset",   "divide", "padding",
                                         "scale_padding", "errors",    "n_scales",   "levels",   NULL };
    static const signature s = { "extract_patches", known, N_MANY, N_MANY };
    PyObject *values[N_MANY], *result = NULL;
    vectors v;
    memset(&v, 0, sizeof v);
    if (!parse_arguments(&s, args, n, names, values))
        return NULL;
    job j = { .state = core_get_state(module) };
    j.patch_size.values = j.patch_size.inline_values;
    int errors = PyObject_IsTrue(values[ERRORS]);
    j.divide = PyObject_IsTrue(values[DIVIDE]);
    j.scale_padding = PyObject_IsTrue(values[SCALE_PADDING]);
    j.n_scales = (int)PyLong_AsLong(values[N_SCALES]);
    if (!PyErr_Occurred() && get_indices(values, &v) && many_start(&j, values) &&
        levels_start(j.state, values[LEVELS], j.n_members, &j.levels) && set_shape(&j, (int64_t)v.n) &&
        get_vectors(values, &j, &v) && job_target(&j, values[OUT], values[DTYPE]))
        result = run_many(&j, &v, errors);
    levels_end(&j.levels);
    job_end(&j);
    PyMem_Free(j.members);
    vectors_release(&v);
    return result;
}

static PyObject *start_prefetch(const job *j, const vectors *v)
{
    mt_error err = MT_ERROR_INIT;
    mt_prefetch *prefetch;
    mt_patch_request *requests = PyMem_Calloc(v->n ? v->n : 1, sizeof *requests);
    if (!requests)
        return PyErr_NoMemory();
    mt_status st = MT_E_ARGUMENT;
    bool good = set_requests(j, v, requests);
    if (good && (st = mt_prefetch_patches(requests, v->n, NULL, &prefetch, &err)))
        raise_error(j->state, &err, j->members[0].info->source);
    PyMem_Free(requests);
    return good && !st ? prefetch_wrap(j->state, prefetch) : NULL;
}

/* The arguments of extract_many, except those for the output. */
PyObject *prefetch_many(PyObject *module, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    static const char *const known[] = { "stacks", "stack_idx",  "sample_idx", "channels",
                                         "coords", "patch_size", "padding",    NULL };
    enum { N_PREFETCH = 7 };
    static const signature s = { "prefetch", known, N_PREFETCH, N_PREFETCH };
    PyObject *values[N_MANY] = { NULL }, *result = NULL;
    vectors v;
    memset(&v, 0, sizeof v);
    if (!parse_arguments(&s, args, n, names, values))
        return NULL;
    values[PADDING] = values[N_PREFETCH - 1];
    values[N_PREFETCH - 1] = NULL;
    job j = { .state = core_get_state(module) };
    j.patch_size.values = j.patch_size.inline_values;
    if (get_indices(values, &v) && many_start(&j, values) && set_shape(&j, (int64_t)v.n) && get_vectors(values, &j, &v))
        result = start_prefetch(&j, &v);
    job_end(&j);
    PyMem_Free(j.members);
    vectors_release(&v);
    return result;
}
