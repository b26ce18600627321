/* SPDX-License-Identifier: BSD-3-Clause */
/* Lateral context: reads the surroundings of patches at full size, and reduces them in the pool. */
#include <microtome/lateral.h>

#include "base/checked.h"
#include "sampling/reduce.h"
#include "stack/padding.h"
#include "stack/request.h"

#include <string.h>

/* One scale of a patch. Arrays have the axes ZYX; without Z, it has size 1. */
typedef struct scale {
    mt_patch_request *request; /* what is read, and to where */
    int64_t coords[MT_MOST_SPATIAL], size[MT_MOST_SPATIAL], strides[1 + MT_MOST_SPATIAL]; /* of the request */
    int64_t factor[MT_MOST_SPATIAL]; /* by which it is then reduced along each axis */
    size_t bytes;                    /* of what is to be reduced; 0: the request gives the result */
} scale;

/* A call. The arrays hold the scales of the patches of one plan: those of a patch are neighbours. */
typedef struct job {
    mt_context *context;
    const mt_patch_request *patches; /* of the caller */
    size_t n;                        /* number of patches */
    size_t n_scales;
    mt_lateral_options options;
    mt_cancel cancel;
    mt_scratch *scratch;           /* holds the arrays, and the pixels that are to be reduced */
    float *weights[MT_MAX_SCALES]; /* for a reduction by 2^k, except 0 */
    uint64_t most;                 /* bytes of a plan of several patches */
    size_t first;                  /* the first patch of the plan */
    scale *scales;
    mt_patch_request *requests;
    mt_status *statuses;
    mt_error *errors;
    mt_status status; /* of the first failing patch */
    mt_error *err;    /* may be NULL */
} job;

#define SMALL_PLAN ((uint64_t)16 << 20)

/* The scratch buffers of a call. */
enum { WEIGHTS, ARRAYS, PIXELS };

/* --- What is read. --- */

/* The first corner and size of the part of an image that is shown at a scale, along one axis. Sizes of requests that were
 * checked are at most 2^46, so scale 15 does not overflow. */
static void find_part(int64_t coord, int64_t size, int k, int64_t *first, int64_t *extent)
{
    *extent = size << k;
    *first = coord + size / 2 - *extent / 2;
}

/* The power of two, at most most, by which an axis is reduced from size to level pixels; 0: there is none. */
static int64_t find_ratio(int64_t size, int64_t level, int64_t most)
{
    for (int64_t ratio = 1; ratio <= most; ratio *= 2)
        if (level == mt_max_i64(size / ratio, 1) || level == size / ratio + (size % ratio != 0))
            return ratio;
    return 0;
}

/* Sets the ratios of a level, and returns their product; 0 if it is reduced further than by most, or otherwise than by
 * powers of two. */
static int64_t find_ratios(const mt_stack *stack, const mt_stack *level, int64_t most, int64_t *ratios)
{
    int64_t product = 1;
    for (int d = 0; d < stack->info.data_ndim - 2; d++) {
        ratios[d] = find_ratio(stack->info.data_shape[2 + d], level->info.data_shape[2 + d], most);
        product *= ratios[d];
    }
    return product;
}

/* The level from which a scale is read, and its ratios. */
static mt_stack *choose_level(const job *j, const mt_patch_request *r, int k, int64_t *ratios)
{
    mt_stack *chosen = r->stack;
    int64_t best = 1, candidate[MT_MOST_SPATIAL];
    for (size_t d = 0; d < r->n_spatial; d++)
        ratios[d] = 1;
    for (size_t i = 0; i < j->options.n_pyramids; i++) {
        const mt_pyramid *pyramid = &j->options.pyramids[i];
        for (size_t l = 0; pyramid->stack == r->stack && l < pyramid->n_levels; l++) {
            const int64_t product = find_ratios(r->stack, pyramid->levels[l], (int64_t)1 << k, candidate);
            if (product <= best)
                continue;
            best = product;
            chosen = pyramid->levels[l];
            memcpy(ratios, candidate, r->n_spatial * sizeof *ratios);
        }
    }
    return chosen;
}

/* The coordinate of a reduced axis nearest to one of the full axis, the lower of two. */
static int64_t reduce_coordinate(int64_t x, int64_t ratio)
{
    const int64_t shifted = ratio > 1 ? x + ratio / 2 - 1 : x;
    return shifted / ratio - (shifted % ratio < 0);
}

/* The strides of the caller's view: C, L, (Z), Y, X. */
static void get_strides(const job *j, const mt_patch_request *r, int64_t *out)
{
    const size_t n = r->n_spatial + 2;
    if (r->view.strides) {
        memcpy(out, r->view.strides, n * sizeof *out);
        return;
    }
    int64_t stride = sizeof(float);
    for (size_t i = n - 1; i > 1; i--) {
        out[i] = stride;
        stride *= r->patch_size[i - 2];
    }
    out[1] = stride;
    out[0] = stride * (int64_t)j->n_scales;
}

/* The view of a scale in the caller's view. strides: memory for those of the view. */
static mt_view get_view(const job *j, const mt_patch_request *r, int k, int64_t *strides)
{
    int64_t all[2 + MT_MOST_SPATIAL];
    mt_view view = r->view;
    get_strides(j, r, all);
    strides[0] = all[0];
    memcpy(strides + 1, all + 2, r->n_spatial * sizeof *strides);
    view.data = (uint8_t *)view.data + k * all[1];
    view.strides = strides;
    return view;
}

/* The bytes of a patch of float32. */
static size_t count_bytes(const mt_patch_request *r)
{
    size_t bytes = sizeof(float) * (size_t)mt_request_channels(r);
    for (size_t d = 0; d < r->n_spatial; d++)
        bytes *= (size_t)r->patch_size[d]; /* checked: less than 2^63 for the largest scale */
    return bytes;
}

/* Sets a scale and its request; if it is to be reduced, the view has no data yet. */
static void set_scale(const job *j, const mt_patch_request *r, int k, mt_patch_request *request, scale *out)
{
    const size_t first = MT_MOST_SPATIAL - r->n_spatial;
    int64_t ratios[MT_MOST_SPATIAL];
    bool is_result = true;
    *out = (scale) { .factor = { 1, 1, 1 } };
    *request = *r;
    request->stack = choose_level(j, r, k, ratios);
    request->coords = out->coords;
    request->patch_size = out->size;
    for (size_t d = 0; d < r->n_spatial; d++) {
        int64_t corner, extent;
        find_part(r->coords[d], r->patch_size[d], k, &corner, &extent);
        out->coords[d] = reduce_coordinate(corner, ratios[d]);
        out->size[d] = extent / ratios[d];
        out->factor[first + d] = ((int64_t)1 << k) / ratios[d];
        is_result &= out->factor[first + d] == 1;
    }
    if (is_result) {
        request->view = get_view(j, r, k, out->strides);
    } else {
        request->view.strides = NULL;
        out->bytes = count_bytes(request);
    }
}

/* --- One plan. --- */

/* The bytes of the arrays for one patch. */
static size_t array_bytes(const job *j)
{
    return j->n_scales * (sizeof(scale) + sizeof(mt_patch_request) + sizeof(mt_status) + sizeof(mt_error));
}

/* The bytes of what is to be reduced for a patch. */
static size_t patch_bytes(const job *j, const mt_patch_request *r)
{
    size_t bytes = 0;
    for (size_t k = 0; k < j->n_scales; k++) {
        mt_patch_request request;
        scale s;
        set_scale(j, r, (int)k, &request, &s);
        if (mt_add_size(bytes, s.bytes, &bytes))
            return SIZE_MAX;
    }
    return bytes;
}

/* Small plans are faster, because their memory stays in the caches of the processor, but several of them decode shared
 * chunks once only if the cache can keep the chunks of all patches. */
static uint64_t choose_limit(const job *j)
{
    const uint64_t budget = mt_cache_budget(j->context->chunks), most = budget / 4;
    uint64_t total = 0;
    for (size_t i = 0; i < j->n && total <= budget / 2; i++)
        if (mt_add_u64(total, patch_bytes(j, &j->patches[i]), &total))
            return most;
    return total <= budget / 2 && most > SMALL_PLAN ? SMALL_PLAN : most;
}

/* The number of patches, from j->first on, that make a plan, at least 1, and the bytes of what is to be reduced. */
static size_t count_patches(const job *j, size_t *bytes)
{
    size_t n = 0;
    *bytes = 0;
    for (; j->first + n < j->n; n++) {
        const size_t more = patch_bytes(j, &j->patches[j->first + n]);
        if (n > 0 && (more > j->most || *bytes + more + (n + 1) * array_bytes(j) > j->most))
            break;
        *bytes += more;
    }
    return n;
}

static mt_status take_memory(job *j, size_t n, size_t bytes, uint8_t **pixels, mt_error *err)
{
    uint8_t *memory;
    const size_t n_scales = n * j->n_scales;
    if (bytes > SIZE_MAX / 4)
        return mt_fail(err, MT_E_MEMORY, "the context of a patch is larger than memory");
    mt_status st = mt_scratch_buffer(j->scratch, PIXELS, bytes, pixels, err);
    if (st || (st = mt_scratch_buffer(j->scratch, ARRAYS, n * array_bytes(j), &memory, err)))
        return st;
    j->scales = (scale *)(void *)memory;
    j->requests = (mt_patch_request *)(void *)(j->scales + n_scales);
    j->errors = (mt_error *)(void *)(j->requests + n_scales);
    j->statuses = (mt_status *)(void *)(j->errors + n_scales);
    return MT_OK;
}

static mt_status make_plan(job *j, size_t *n, mt_error *err)
{
    size_t bytes;
    uint8_t *pixels;
    *n = count_patches(j, &bytes);
    mt_status st = take_memory(j, *n, bytes, &pixels, err);
    for (size_t i = 0; !st && i < *n * j->n_scales; i++) {
        const mt_patch_request *r = &j->patches[j->first + i / j->n_scales];
        set_scale(j, r, (int)(i % j->n_scales), &j->requests[i], &j->scales[i]);
        if (j->scales[i].bytes > 0)
            j->requests[i].view.data = pixels;
        pixels += j->scales[i].bytes;
    }
    return st;
}

static mt_status reduce_channels(const job *j, size_t i, mt_scratch *scratch, mt_error *err)
{
    const scale *s = &j->scales[i];
    const mt_patch_request *r = &j->patches[j->first + i / j->n_scales];
    const size_t first = MT_MOST_SPATIAL - r->n_spatial;
    int64_t strides[1 + MT_MOST_SPATIAL], channels = mt_request_channels(r);
    const mt_view view = get_view(j, r, (int)(i % j->n_scales), strides);
    mt_reduction reduction = { .size = { 1, 1, 1 } };
    for (size_t d = 0; d < r->n_spatial; d++) {
        reduction.size[first + d] = r->patch_size[d];
        reduction.out_stride[first + d] = strides[1 + d];
    }
    for (int d = 0; d < MT_MOST_SPATIAL; d++) {
        reduction.factor[d] = s->factor[d];
        for (int k = 1; (1 << k) <= s->factor[d]; k++)
            reduction.weights[d] = j->weights[k];
    }
    mt_status st = MT_OK;
    for (int64_t c = 0; !st && c < channels; c++)
        st = mt_reduce(&reduction,
                       (const float *)j->requests[i].view.data + c * (int64_t)(s->bytes / sizeof(float)) / channels,
                       (uint8_t *)view.data + c * strides[0], scratch, err);
    return st;
}

static void reduce_scale(void *argument, size_t i)
{
    job *j = argument;
    mt_scratch *scratch;
    if (j->scales[i].bytes == 0 || j->statuses[i] || mt_cancel_asked(&j->cancel))
        return;
    mt_status st = mt_context_take_scratch(j->context, &scratch, &j->errors[i]);
    if (!st) {
        st = reduce_channels(j, i, scratch, &j->errors[i]);
        mt_context_give_scratch(j->context, scratch);
    }
    j->statuses[i] = st;
}

/* --- Outcomes. --- */

/* Sets the outcome of a patch, of the whole call. A failed patch is zero. */
static void end_patch(job *j, size_t patch, mt_status st, const mt_error *failure)
{
    static const uint8_t zero[sizeof(float)] = { 0 };
    static const int64_t same_element[2 + MT_MOST_SPATIAL] = { 0 };
    static const mt_convert as_is = { .from = MT_FLOAT32, .to = MT_FLOAT32 };
    const mt_patch_request *r = &j->patches[patch];
    int64_t strides[2 + MT_MOST_SPATIAL];
    int64_t extent[2 + MT_MOST_SPATIAL] = { mt_request_channels(r), (int64_t)j->n_scales };
    if (j->cancel.options.statuses)
        j->cancel.options.statuses[patch] = st;
    if (j->cancel.options.errors)
        j->cancel.options.errors[patch] = st ? *failure : (mt_error)MT_ERROR_INIT;
    if (!st)
        return;
    memcpy(extent + 2, r->patch_size, r->n_spatial * sizeof *extent);
    get_strides(j, r, strides);
    mt_gather(&as_is, 2 + (int)r->n_spatial, extent, r->view.data, strides, zero, same_element);
    if (!j->status && j->err)
        *j->err = *failure;
    if (!j->status)
        j->status = st;
}

static void end_plan(job *j, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = i * j->n_scales;
        const size_t end = at + j->n_scales - 1;
        while (at < end && !j->statuses[at])
            at++;
        end_patch(j, j->first + i, j->statuses[at], &j->errors[at]);
    }
    j->first += n;
}

static void fail_rest(job *j, mt_status st, const mt_error *failure)
{
    for (; j->first < j->n; j->first++)
        end_patch(j, j->first, st, failure);
}

static int is_cancelled(void *user) { return mt_cancel_asked(user); }

static mt_status run_plan(job *j, mt_error *err)
{
    size_t n;
    mt_status st = make_plan(j, &n, err);
    if (st)
        return st;
    const mt_extract_options options = { .struct_size = sizeof options,
                                         .cancelled = j->cancel.options.cancelled ? is_cancelled : NULL,
                                         .user = &j->cancel,
                                         .statuses = j->statuses,
                                         .errors = j->errors };
    if (mt_extract_patches(j->requests, n * j->n_scales, &options, NULL)) {
        /* end_plan reports the status of each patch */
    }
    mt_pool_run(j->context->pool, n * j->n_scales, reduce_scale, j);
    if (j->cancel.stopped)
        return mt_fail(err, MT_E_CANCELLED, MT_CANCEL_MESSAGE);
    end_plan(j, n);
    return MT_OK;
}

static mt_status make_weights(job *j, mt_error *err)
{
    size_t n = 0;
    uint8_t *memory;
    for (size_t k = 1; k < j->n_scales; k++)
        n += (size_t)mt_reduce_taps((int64_t)1 << k);
    mt_status st = mt_scratch_buffer(j->scratch, WEIGHTS, n * sizeof(float), &memory, err);
    if (st)
        return st;
    float *weights = (float *)(void *)memory;
    for (size_t k = 1; k < j->n_scales; k++) {
        j->weights[k] = weights;
        mt_reduce_weights((int64_t)1 << k, weights);
        weights += mt_reduce_taps((int64_t)1 << k);
    }
    return MT_OK;
}

static mt_status run(job *j, mt_error *err)
{
    mt_status st = mt_context_take_scratch(j->context, &j->scratch, err);
    if (st)
        return st;
    st = make_weights(j, err);
    j->most = choose_limit(j);
    while (!st && j->first < j->n)
        st = run_plan(j, err);
    mt_context_give_scratch(j->context, j->scratch);
    return st;
}

/* --- Checks. --- */

static mt_status check_pyramid(const mt_pyramid *pyramid, mt_error *err)
{
    const mt_stack_info *full = &pyramid->stack->info;
    for (size_t i = 0; i < pyramid->n_levels; i++) {
        const mt_stack *level = pyramid->levels[i];
        if (level->context != pyramid->stack->context)
            return mt_fail(err, MT_E_ARGUMENT, "%s: the levels of a pyramid belong to several contexts", full->source);
        if (level->info.data_ndim != full->data_ndim || level->info.data_shape[0] != full->data_shape[0] ||
            level->info.data_shape[1] != full->data_shape[1])
            return mt_fail(err, MT_E_ARGUMENT, "%s: level %zu of its pyramid has other axes, samples or channels",
                           full->source, i);
    }
    return MT_OK;
}

static mt_status check_options(job *j, const mt_lateral_options *given, mt_error *err)
{
    if (j->n_scales < 1 || j->n_scales > MT_MAX_SCALES)
        return mt_fail(err, MT_E_ARGUMENT, "the number of scales is not from 1 to %d", MT_MAX_SCALES);
    if (given && (given->struct_size == 0 || given->struct_size > sizeof *given))
        return mt_fail(err, MT_E_ARGUMENT, "mt_lateral_options.struct_size is %zu, not %zu", given->struct_size,
                       sizeof *given);
    if (given)
        memcpy(&j->options, given, given->struct_size);
    mt_status st = MT_OK;
    for (size_t i = 0; !st && i < j->options.n_pyramids; i++)
        st = check_pyramid(&j->options.pyramids[i], err);
    return st;
}

/* Checks a patch at its largest scale, read from the image. */
static mt_status check_context(const job *j, const mt_patch_request *patch, mt_error *err)
{
    int64_t coords[MT_MOST_SPATIAL], size[MT_MOST_SPATIAL];
    mt_patch_request r = *patch;
    if (mt_view_dtype(&r.view) != MT_FLOAT32)
        return mt_fail(err, MT_E_ARGUMENT, "%s: patches with context come as float32, not as %s", r.stack->info.source,
                       mt_dtype_name(r.view.dtype));
    for (size_t d = 0; d < r.n_spatial; d++)
        find_part(patch->coords[d], patch->patch_size[d], (int)j->n_scales - 1, &coords[d], &size[d]);
    r.coords = coords;
    r.patch_size = size;
    mt_status st = mt_requests_check(&r, 1, err);
    if (st)
        mt_error_prefix(err, "the context of a patch");
    return st;
}

static mt_status check(job *j, const mt_lateral_options *lateral, const mt_extract_options *options, mt_error *err)
{
    mt_status st = check_options(j, lateral, err);
    if (st || (st = mt_cancel_init(&j->cancel, options, err)) || (st = mt_requests_check(j->patches, j->n, err)))
        return st;
    for (size_t i = 0; !st && i < j->n; i++)
        st = check_context(j, &j->patches[i], err);
    return st;
}

mt_status mt_lateral_extract(const mt_patch_request *requests, size_t n, int n_scales,
                             const mt_lateral_options *lateral, const mt_extract_options *options, mt_error *err)
{
    mt_error failure;
    mt_error_reset(err);
    mt_error_clear(&failure);
    if (n == 0)
        return MT_OK;
    job j = { .context = requests[0].stack->context, .patches = requests, .n = n, .err = err };
    j.n_scales = n_scales > 0 ? (size_t)n_scales : 0;
    mt_status st = check(&j, lateral, options, err);
    if (st)
        return st;
    if ((st = run(&j, &failure)))
        fail_rest(&j, st, &failure);
    return mt_cancel_status(&j.cancel, j.status, err);
}
