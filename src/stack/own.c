/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/own.h"

#include "base/checked.h"

/* What of the patch lies inside the image; false where nothing does. */
static bool clip_own(const mt_patch_request *r, int64_t *low, int64_t *high)
{
    bool any = true;
    for (size_t i = 0; i < r->n_spatial; i++) {
        int64_t end = mt_min_i64(r->stack->info.data_shape[2 + i], r->coords[i] + r->patch_size[i]);
        low[i] = mt_min_i64(mt_max_i64(-r->coords[i], 0), r->patch_size[i]);
        high[i] = mt_max_i64(end - r->coords[i], low[i]);
        any &= high[i] > low[i];
    }
    return any;
}

/* The inside of the patch comes from the stack, as float32 in C order, and is copied on into the view. */
static mt_status extract_inside(const mt_patch_request *r, const int64_t *channels, const int64_t *low,
                                const int64_t *high, mt_error *err)
{
    int n = (int)r->n_spatial;
    int64_t extent[4] = { mt_request_channels(r) }, coords[3], strides[4], in[4];
    size_t bytes = sizeof(float) * (size_t)extent[0];
    uint8_t *out = r->view.data;
    mt_request_strides(r, strides);
    for (int i = 0; i < n; i++) {
        extent[1 + i] = high[i] - low[i];
        coords[i] = r->coords[i] + low[i];
        out += low[i] * strides[1 + i];
        if (mt_mul_size(bytes, (size_t)extent[1 + i], &bytes))
            return mt_fail(err, MT_E_MEMORY, "the patch is larger than memory");
    }
    in[n] = sizeof(float);
    for (int i = n; i > 0; i--)
        in[i - 1] = in[i] * extent[i];

    mt_env *env = &r->stack->context->env;
    void *patch;
    mt_status st = mt_alloc(env, bytes, &patch, err);
    if (st)
        return st;
    st = r->stack->ops.extract_patch(r->stack->self, r->sample, channels, (size_t)extent[0], coords, extent + 1, patch,
                                     err);
    for (int64_t c = 0; !st && c < extent[0]; c++) {
        mt_convert convert = { .from = MT_FLOAT32, .to = MT_FLOAT32, .affine = r->view.scale || r->view.offset };
        convert.scale = r->view.scale ? r->view.scale[c] : 1;
        convert.offset = r->view.offset ? r->view.offset[c] : 0;
        mt_gather(&convert, n, extent + 1, out + c * strides[0], strides + 1, (uint8_t *)patch + c * in[0], in + 1);
    }
    mt_release(env, patch, bytes);
    return st;
}

static mt_status fill_own(const mt_patch_request *r, const int64_t *channels, mt_error *err)
{
    const mt_view *view = &r->view;
    int64_t low[3], high[3], strides[4];
    uint8_t padding[8];
    bool any = clip_own(r, low, high), whole = any;
    for (size_t i = 0; i < r->n_spatial; i++)
        whole &= low[i] == 0 && high[i] == r->patch_size[i];
    if (whole && !view->strides && !view->scale && !view->offset)
        return r->stack->ops.extract_patch(r->stack->self, r->sample, channels, (size_t)mt_request_channels(r),
                                           r->coords, r->patch_size, view->data, err);
    mt_request_strides(r, strides);
    mt_element_from_double(MT_FLOAT32, view->padding, padding);
    for (int64_t c = 0; c < mt_request_channels(r); c++)
        mt_fill_border(padding, sizeof(float), (int)r->n_spatial, r->patch_size, low, high,
                       (uint8_t *)view->data + c * strides[0], strides + 1);
    return any ? extract_inside(r, channels, low, high, err) : MT_OK;
}

/* The stack always gets a list of channels. */
static mt_status extract(const mt_patch_request *r, mt_error *err)
{
    mt_status st;
    if (r->channels) {
        st = fill_own(r, r->channels, err);
    } else {
        mt_env *env = &r->stack->context->env;
        size_t bytes = (size_t)mt_request_channels(r) * sizeof(int64_t);
        void *memory;
        if ((st = mt_alloc(env, bytes, &memory, err)))
            return st;
        int64_t *all = memory;
        for (int64_t c = 0; c < mt_request_channels(r); c++)
            all[c] = c;
        st = fill_own(r, all, err);
        mt_release(env, memory, bytes);
    }
    return st;
}

/* The caller's error is handed to the stack if there is one: by its address a stack knows which request it is at. */
static void do_request(mt_extraction *x, size_t i)
{
    const mt_patch_request *r = &x->requests[i];
    mt_error here = MT_ERROR_INIT, *err = x->cancel.options.errors ? &x->cancel.options.errors[i] : &here;
    mt_status st = mt_cancel_asked(&x->cancel) ? MT_E_CANCELLED : extract(r, err);
    if (!st) {
        *err = (mt_error)MT_ERROR_INIT; /* whatever the stack left there */
        return;
    }
    if (st != MT_E_CANCELLED || !x->cancel.stopped)
        mt_fail(err, st, "extract_patch returned %s", mt_status_name(st));
    mt_error failure = *err;
    failure.status = failure.status ? st : MT_OK;
    mt_error_prefix(&failure, "%s", r->stack->info.source);
    *err = (mt_error)MT_ERROR_INIT;
    mt_extraction_fail(x, i, st, &failure);
}

typedef struct shared_requests {
    mt_extraction *x;
    size_t first;
} shared_requests;

static bool is_shared(const mt_patch_request *r) { return !r->stack->map && !r->stack->ops.caller_thread_only; }

static void do_shared(void *argument, size_t i)
{
    const shared_requests *shared = argument;
    if (is_shared(&shared->x->requests[shared->first + i]))
        do_request(shared->x, shared->first + i);
}

/* A single one is done here: inside the pool the stack's own calls of the library would not be shared among threads. */
static void do_all_shared(mt_extraction *x)
{
    size_t n = 0, first = 0, last = 0;
    for (size_t i = 0; i < x->n; i++)
        if (is_shared(&x->requests[i])) {
            first = n++ ? first : i;
            last = i;
        }
    if (n == 1)
        do_request(x, first);
    else if (n > 1)
        mt_pool_run(x->context->pool, last - first + 1, do_shared, &(shared_requests) { x, first });
}

void mt_own_extract(mt_extraction *x)
{
    do_all_shared(x);
    for (size_t i = 0; i < x->n; i++)
        if (!x->requests[i].stack->map && !is_shared(&x->requests[i]))
            do_request(x, i);
}
