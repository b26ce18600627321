/* SPDX-License-Identifier: BSD-3-Clause */
/* Filters of the regions of an image. */
#include "core.h"

#include <string.h>

/* The state of a call, which polls for Ctrl-C and reports progress. */
typedef struct filter_call {
    signal_watch watch;
    PyObject *progress; /* callable or NULL; borrowed */
    bool has_raised;    /* progress has raised an exception, which stays set */
} filter_call;

static int is_cancelled(void *user)
{
    filter_call *call = user;
    return call->has_raised || watch_signals(&call->watch);
}

static void tell_progress(void *user, uint64_t done, uint64_t total)
{
    filter_call *call = user;
    if (!call->progress || call->has_raised)
        return;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *result = PyObject_CallFunction(call->progress, "KK", (unsigned long long)done, (unsigned long long)total);
    call->has_raised = !result;
    Py_XDECREF(result);
    PyGILState_Release(gil);
}

enum { FILTER, PATCH_SIZE, SAMPLE, THRESHOLD, STD, COVERAGE, CHANNEL, MASK, FACTOR, KEEP, VALUES, PROGRESS, N_FILTER };

/* The arguments of a call. */
typedef struct filter_arguments {
    mt_filter_options options;
    int_list patch_size, factor;
    double std_threshold, coverage;
    int64_t sample;
    Py_buffer keep, values; /* their obj is NULL if not gotten */
} filter_arguments;

/* *given: NULL, or where the number is. */
static bool convert_double(PyObject *object, double *out, const double **given)
{
    *given = is_given(object) ? out : NULL;
    *out = *given ? PyFloat_AsDouble(object) : 0;
    return !PyErr_Occurred();
}

static bool convert_factor(PyObject *object, filter_arguments *a)
{
    if (!is_given(object))
        return true;
    if (!convert_int_list(object, "factor", &a->factor))
        return false;
    if (a->factor.n != a->patch_size.n || a->factor.n > MAX_SPATIAL) {
        PyErr_SetString(PyExc_ValueError, "factor must have one number for each spatial axis");
        return false;
    }
    memcpy(a->options.mask_factor, a->factor.values, a->factor.n * sizeof *a->factor.values);
    return true;
}

/* The arrays for the outcome have one and n_values numbers for each region. */
static bool convert_arrays(PyObject *const *values, const mt_stack *stack, core_state *state, filter_arguments *a)
{
    int64_t grid[MAX_SPATIAL], n = 1, n_values = strcmp(a->options.filter, "mean_std") == 0 ? 2 : 1;
    mt_error err = MT_ERROR_INIT;
    if (mt_filter_grid(stack, a->patch_size.values, a->patch_size.n, grid, &err)) {
        raise_error(state, &err, mt_stack_get_info(stack)->source);
        return false;
    }
    for (size_t i = 0; i < a->patch_size.n; i++)
        n *= grid[i];
    return buffer_get_vector(values[KEEP], "keep", MT_BOOL, n, &a->keep) &&
           (!is_given(values[VALUES]) ||
            buffer_get_vector(values[VALUES], "values", MT_FLOAT32, n * n_values, &a->values));
}

static bool convert_filter(PyObject *const *values, core_state *state, filter_arguments *a)
{
    double threshold;
    const double *unused;
    const char *filter = "";
    if (!convert_string(values[FILTER], "filter", &filter) ||
        !convert_int_list(values[PATCH_SIZE], "patch_size", &a->patch_size) ||
        !convert_int64(values[SAMPLE], "sample", &a->sample) ||
        !convert_double(values[THRESHOLD], &threshold, &unused) ||
        !convert_double(values[STD], &a->std_threshold, &a->options.std_threshold) ||
        !convert_double(values[COVERAGE], &a->coverage, &a->options.coverage) ||
        !convert_int64(values[CHANNEL], "ref_channel", &a->options.ref_channel) || !convert_factor(values[FACTOR], a))
        return false;
    a->options.filter = filter;
    a->options.threshold = threshold;
    if (!is_given(values[MASK]))
        return true;
    int is_stack = PyObject_IsInstance(values[MASK], state->stack_type);
    if (is_stack == 0)
        PyErr_SetString(PyExc_TypeError, "the mask must be an ImageStack: use microtome.from_array for arrays");
    return is_stack > 0 && (a->options.mask = stack_enter((stack_object *)values[MASK])) != NULL;
}

/* Returns (regions kept, pixels that are NaN). */
static PyObject *apply(core_state *state, stack_object *self, mt_stack *stack, const filter_arguments *a,
                       PyObject *progress)
{
    filter_call call = { .progress = is_given(progress) ? progress : NULL };
    mt_filter_options options = a->options;
    mt_filter_info info = { .struct_size = sizeof info };
    mt_error err = MT_ERROR_INIT;
    mt_status st;
    options.struct_size = sizeof options;
    options.cancelled = is_cancelled;
    options.progress = tell_progress;
    options.user = &call;
    Py_BEGIN_ALLOW_THREADS
    st = mt_filter_apply(stack, a->sample, a->patch_size.values, a->patch_size.n, &options, a->keep.buf,
                         a->values.obj ? a->values.buf : NULL, &info, &err);
    Py_END_ALLOW_THREADS
    if (st || call.has_raised)
        return raise_error(state, &err, mt_stack_get_info(stack)->source);
    return stack_warn_absent(self)
               ? Py_BuildValue("KK", (unsigned long long)info.n_kept, (unsigned long long)info.n_nan)
               : NULL;
}

/* keep and values are arrays for the outcome: bool; float32 or None. */
PyObject *stack_filter(PyObject *object, PyTypeObject *core, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    static const char *const known[] = { "filter",   "patch_size",  "sample", "threshold", "std_threshold",
                                         "coverage", "ref_channel", "mask",   "factor",    "keep",
                                         "values",   "progress",    NULL };
    static const signature s = { "filter", known, N_FILTER, N_FILTER };
    PyObject *values[N_FILTER], *result = NULL;
    stack_object *self = (stack_object *)object;
    core_state *state = PyType_GetModuleState(core);
    filter_arguments a = { .patch_size.values = a.patch_size.inline_values, .factor.values = a.factor.inline_values };
    if (!parse_arguments(&s, args, n, names, values))
        return NULL;
    mt_stack *stack = stack_enter(self);
    if (!stack)
        return NULL;
    if (convert_filter(values, state, &a) && convert_arrays(values, stack, state, &a))
        result = apply(state, self, stack, &a, values[PROGRESS]);
    stack_leave(self);
    if (a.options.mask)
        stack_leave((stack_object *)values[MASK]);
    if (a.keep.obj)
        PyBuffer_Release(&a.keep);
    if (a.values.obj)
        PyBuffer_Release(&a.values);
    int_list_free(&a.patch_size);
    int_list_free(&a.factor);
    return result;
}
