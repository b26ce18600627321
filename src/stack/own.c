/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/own.h"

#include "base/checked.h"
#include "stack/padding.h"

/* The bounding box of the boxes of a patch, in the image. */
typedef struct hull {
    int64_t low[MT_MOST_SPATIAL], extent[1 + MT_MOST_SPATIAL]; /* extent: channels first */
    int64_t stride[1 + MT_MOST_SPATIAL];                       /* in bytes, of float32 in C order */
    size_t bytes;
} hull;

static mt_status find_hull(const mt_padding *p, hull *out, mt_error *err)
{
    int n = (int)p->request->n_spatial;
    out->extent[0] = mt_request_channels(p->request);
    out->bytes = sizeof(float) * (size_t)out->extent[0];
    for (int d = 0; d < n; d++) {
        int64_t low = INT64_MAX, high = 0;
        for (int k = 0; k < p->axes[d].n; k++) {
            const mt_run *run = &p->axes[d].items[k];
            low = mt_min_i64(low, run->in);
            high = mt_max_i64(high, run->in + run->extent);
        }
        out->low[d] = low;
        out->extent[1 + d] = high - low;
        if (mt_mul_size(out->bytes, (size_t)(high - low), &out->bytes))
            return mt_fail(err, MT_E_MEMORY, "the patch is larger than memory");
    }
    out->stride[n] = sizeof(float);
    for (int i = n; i > 0; i--)
        out->stride[i - 1] = out->stride[i] * out->extent[i];
    return MT_OK;
}

static void copy_box(const mt_padding_box *box, const hull *h, const uint8_t *pixels)
{
    const mt_patch_request *r = &box->request;
    const mt_view *view = &r->view;
    for (size_t d = 0; d < r->n_spatial; d++)
        pixels += (box->coords[d] - h->low[d]) * h->stride[1 + d];
    for (int64_t c = 0; c < h->extent[0]; c++) {
        const mt_convert convert = mt_view_convert(view, MT_FLOAT32, c);
        mt_gather(&convert, (int)r->n_spatial, box->size, (uint8_t *)view->data + c * box->strides[0], box->strides + 1,
                  pixels + c * h->stride[0], h->stride + 1);
    }
}

/* Extracts the part of the patch inside the image, as float32 in C order, and copies it to the view. */
static mt_status extract_inside(const mt_padding *p, const int64_t *channels, mt_error *err)
{
    const mt_patch_request *r = p->request;
    mt_env *env = &r->stack->context->env;
    hull h;
    void *pixels;
    mt_status st = find_hull(p, &h, err);
    if (st || (st = mt_alloc(env, h.bytes, &pixels, err)))
        return st;
    st = r->stack->ops.extract_patch(r->stack->self, r->sample, channels, (size_t)h.extent[0], h.low, h.extent + 1,
                                     pixels, err);
    for (int i = 0; !st && i < p->n_boxes; i++) {
        mt_padding_box box;
        mt_padding_get(p, i, &box);
        copy_box(&box, &h, pixels);
    }
    mt_release(env, pixels, h.bytes);
    return st;
}

static void fill_with_constant(const mt_padding *p)
{
    const mt_patch_request *r = p->request;
    int64_t low[MT_MOST_SPATIAL], high[MT_MOST_SPATIAL], strides[1 + MT_MOST_SPATIAL];
    uint8_t padding[8];
    mt_request_strides(r, strides);
    for (size_t d = 0; d < r->n_spatial; d++) {
        low[d] = p->axes[d].low;
        high[d] = p->axes[d].high;
    }
    for (int64_t c = 0; c < mt_request_channels(r); c++) {
        mt_view_padding(&r->view, c, padding);
        mt_fill_border(padding, sizeof(float), (int)r->n_spatial, r->patch_size, low, high,
                       (uint8_t *)r->view.data + c * strides[0], strides + 1);
    }
}

static mt_status fill_own(const mt_patch_request *r, const int64_t *channels, mt_error *err)
{
    const mt_view *view = &r->view;
    mt_padding p;
    mt_padding_init(&p, r);
    if (mt_padding_is_whole(&p) && !view->strides && !view->scale && !view->offset)
        return r->stack->ops.extract_patch(r->stack->self, r->sample, channels, (size_t)mt_request_channels(r),
                                           r->coords, r->patch_size, view->data, err);
    if (view->padding_mode == MT_PAD_CONSTANT)
        fill_with_constant(&p);
    return p.n_boxes ? extract_inside(&p, channels, err) : MT_OK;
}

/* Always passes a list of channels to the stack. */
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

/* Passes the caller's error object to the stack, if given: its address identifies the request. */
static void do_request(mt_extraction *x, size_t i)
{
    const mt_patch_request *r = &x->requests[i];
    mt_error here = MT_ERROR_INIT, *err = x->cancel.options.errors ? &x->cancel.options.errors[i] : &here;
    mt_status st = mt_cancel_asked(&x->cancel) ? MT_E_CANCELLED : extract(r, err);
    if (!st) {
        *err = (mt_error)MT_ERROR_INIT; /* the stack may have written to it */
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

/* A single request runs in this thread: inside the pool, the stack's own calls of the library would use one thread. */
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
