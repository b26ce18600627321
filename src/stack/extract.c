/* SPDX-License-Identifier: BSD-3-Clause */
/* Converts patch requests to boxes of stored arrays. */
#include "base/checked.h"
#include "engine/visit.h"
#include "platform/memory.h"
#include "stack/own.h"
#include "stack/padding.h"

#include <string.h>

/* The maximum of coordinates and sizes: sums of strides then do not overflow. */
#define FARTHEST ((int64_t)1 << 46)

#define INLINE_READS 4

/* The caches hold only a small part of so many bytes when the call ends. */
#define LARGE_BATCH ((uint64_t)32 << 20)

typedef struct read_list {
    mt_context *context;
    const struct mt_visitor *visitor;
    mt_scratch *scratch; /* holds the reads if there are many */
    mt_read *reads;
    size_t n, room;
    bool past_caches; /* what mt_convert.past_caches becomes */
    mt_read inline_reads[INLINE_READS];
} read_list;

static mt_status check_channels(const mt_stack *stack, const mt_patch_request *r, mt_error *err)
{
    int64_t size = stack->info.data_shape[1];
    if (r->channels && r->n_channels == 0)
        return mt_fail(err, MT_E_ARGUMENT, "the list of channels is empty");
    if (!r->channels && r->n_channels != 0)
        return mt_fail(err, MT_E_ARGUMENT, "%zu channels and no list of them", r->n_channels);
    for (size_t i = 0; i < r->n_channels; i++)
        if (r->channels[i] < 0 || r->channels[i] >= size)
            return mt_fail(err, MT_E_RANGE, "channel %lld is out of bounds: the image has %lld, counted from 0",
                           (long long)r->channels[i], (long long)size);
    return MT_OK;
}

static mt_status check_box(const mt_stack *stack, const mt_patch_request *r, mt_error *err)
{
    size_t n = (size_t)stack->info.data_ndim - 2;
    if (r->n_spatial != n)
        return mt_fail(err, MT_E_ARGUMENT, "%zu coordinates for an image with the spatial axes %s", r->n_spatial,
                       n == 3 ? "ZYX" : "YX");
    uint64_t bytes = sizeof(double) * (uint64_t)mt_max_i64(mt_request_channels(r), 1);
    for (size_t i = 0; i < n; i++) {
        const char axis = "ZYX"[3 - n + i];
        const bool has_pixels = stack->info.data_shape[2 + i] > 0;
        if (r->patch_size[i] < has_pixels || r->patch_size[i] > FARTHEST)
            return mt_fail(err, MT_E_ARGUMENT, "a patch size of %lld along %c is not from %d to 2^46",
                           (long long)r->patch_size[i], axis, has_pixels);
        if (r->coords[i] < -FARTHEST || r->coords[i] > FARTHEST)
            return mt_fail(err, MT_E_ARGUMENT, "coords of %lld along %c are not from -2^46 to 2^46",
                           (long long)r->coords[i], axis);
        if (mt_mul_u64(bytes, (uint64_t)mt_max_i64(r->patch_size[i], 1), &bytes) || bytes > INT64_MAX)
            return mt_fail(err, MT_E_ARGUMENT, "the patch has more than 2^63 bytes");
    }
    return MT_OK;
}

/* Checks rows or columns that the array lacks (fewer than two dimensions): only coordinate 0 is inside. */
static mt_status check_dimensions(const mt_patch_request *r, mt_error *err)
{
    const mt_stack *stack = r->stack;
    int first = r->n_spatial == 3 ? 0 : 1;
    bool is_scalar = stack->map && stack->map->ndim == 0;
    for (int i = first; i < 3; i++)
        if ((stack->spatial[i] < 0 || is_scalar) && (r->coords[i - first] != 0 || r->patch_size[i - first] != 1))
            return mt_fail(err, MT_E_UNSUPPORTED, "padding along %c, which this array lacks", "ZYX"[i]);
    return MT_OK;
}

static mt_status check_padding(const mt_patch_request *r, mt_error *err)
{
    if (r->view.padding_mode < MT_PAD_CONSTANT || r->view.padding_mode > MT_PAD_EDGE)
        return mt_fail(err, MT_E_ARGUMENT, "there is no padding mode %d", r->view.padding_mode);
    for (size_t i = 0; r->view.padding_mode != MT_PAD_CONSTANT && i < r->n_spatial; i++)
        if (r->stack->info.data_shape[2 + i] == 0)
            return mt_fail(err, MT_E_ARGUMENT, "an image without pixels has none to pad a patch with");
    return MT_OK;
}

static mt_status check_values(const mt_patch_request *r, mt_error *err)
{
    const mt_stack_info *info = &r->stack->info;
    mt_status st = mt_stack_check_axes(r->stack, err);
    if (st)
        return st;
    if (r->sample < 0 || r->sample >= info->data_shape[0])
        return mt_fail(err, MT_E_RANGE, "sample %lld is out of bounds: the image has %lld, counted from 0",
                       (long long)r->sample, (long long)info->data_shape[0]);
    if (r->view.dtype && r->view.dtype != MT_FLOAT32 && r->view.dtype != info->dtype)
        return mt_fail(err, MT_E_ARGUMENT, "patches of %s come as %s or float32, not as %s", mt_dtype_name(info->dtype),
                       mt_dtype_name(info->dtype), mt_dtype_name(r->view.dtype));
    if ((r->view.scale || r->view.offset) && r->view.dtype && r->view.dtype != MT_FLOAT32)
        return mt_fail(err, MT_E_ARGUMENT, "scale and offset need patches of float32");
    if (!r->stack->map && r->view.dtype && r->view.dtype != MT_FLOAT32)
        return mt_fail(err, MT_E_ARGUMENT, "a custom stack provides patches of float32 only");
    if ((st = check_channels(r->stack, r, err)) || (st = check_box(r->stack, r, err)) ||
        (st = check_dimensions(r, err)))
        return st;
    return check_padding(r, err);
}

static mt_status check_request(const mt_patch_request *r, const mt_context *context, mt_error *err)
{
    if (r->stack->context != context)
        return mt_fail(err, MT_E_ARGUMENT, "the stacks of one call belong to several contexts");
    mt_status st = check_values(r, err);
    if (st)
        mt_error_prefix(err, "%s", r->stack->info.source);
    return st;
}

void mt_request_strides(const mt_patch_request *r, int64_t *out)
{
    if (r->view.strides) {
        memcpy(out, r->view.strides, (r->n_spatial + 1) * sizeof *out);
        return;
    }
    int64_t stride = (int64_t)mt_dtype_size(mt_view_dtype(&r->view));
    for (size_t i = r->n_spatial; i > 0; i--) {
        out[i] = stride;
        stride *= r->patch_size[i - 1];
    }
    out[0] = stride;
}

/* Adds an index along a role to read->start, which is initially 0. A dimension may hold several axes. */
static void set_index(mt_read *read, const mt_role *role, const mt_stack *stack, int64_t index)
{
    for (int i = role->n - 1; i >= 0; i--) {
        const mt_stack_axis *axis = &stack->axes[role->axes[i]];
        if (axis->dim >= 0)
            read->start[axis->dim] += index % axis->size * axis->step;
        index /= axis->size;
    }
}

/* Whether an axis is a whole dimension, so that padding at both ends works. */
static bool is_dimension(const mt_stack *stack, const mt_stack_axis *axis)
{
    return axis->dim >= 0 && axis->size == stack->map->shape[axis->dim];
}

mt_convert mt_view_convert(const mt_view *view, mt_dtype from, int64_t c)
{
    mt_convert convert = { .from = from, .to = mt_view_dtype(view), .scale = 1 };
    if (view->scale || view->offset)
        convert.scaling = view->divide ? MT_DIVIDE : MT_MULTIPLY;
    if (view->scale)
        convert.scale = view->scale[c];
    if (view->offset)
        convert.offset = view->offset[c];
    return convert;
}

void mt_view_padding(const mt_view *view, int64_t c, uint8_t out[8])
{
    mt_element_from_double(mt_view_dtype(view), view->padding, out);
    if (view->scale_padding && (view->scale || view->offset)) {
        const mt_convert convert = mt_view_convert(view, MT_FLOAT32, c);
        uint8_t unscaled[sizeof(float)];
        memcpy(unscaled, out, sizeof unscaled);
        mt_gather(&convert, 0, NULL, out, NULL, unscaled, NULL);
    }
}

/* The number of channels from the i-th on that form one box: consecutive in the innermost channel dimension, with equal
 * scale and offset. */
static int64_t channel_run(const mt_patch_request *r, int64_t i, int64_t n, int64_t inner_size)
{
    const mt_view *view = &r->view;
    int64_t first = r->channels ? r->channels[i] : i;
    int64_t run = 1;
    for (; i + run < n && (first + run) % inner_size != 0; run++) {
        if (r->channels && r->channels[i + run] != first + run)
            break;
        if (view->scale && view->scale[i + run] != view->scale[i])
            break;
        if (view->offset && view->offset[i + run] != view->offset[i])
            break;
    }
    return run;
}

static mt_status new_read(read_list *list, mt_read **out, mt_error *err)
{
    if (list->n == list->room) {
        const size_t room = list->room == INLINE_READS ? 1024 : list->room * 2;
        mt_status st = list->scratch ? MT_OK : mt_context_take_scratch(list->context, &list->scratch, err);
        if (st)
            return st;
        /* Alternate between two buffers, because growing a buffer loses its content. */
        uint8_t *memory;
        st = mt_scratch_buffer(list->scratch, room / 1024 % 3 == 1, room * sizeof(mt_read), &memory, err);
        if (st)
            return st;
        memcpy(memory, list->reads, list->n * sizeof(mt_read));
        list->reads = (mt_read *)(void *)memory;
        list->room = room;
    }
    *out = &list->reads[list->n++];
    return MT_OK;
}

static void set_box(mt_read *read, const mt_patch_request *r, const int64_t *strides)
{
    const mt_stack *stack = r->stack;
    for (int d = 0; d < stack->map->ndim; d++) {
        read->start[d] = 0;
        read->extent[d] = 1;
        read->out_stride[d] = 0;
    }
    set_index(read, &stack->samples, stack, r->sample);
    int first = r->n_spatial == 3 ? 0 : 1;
    for (int i = first; i < 3; i++) {
        if (stack->spatial[i] < 0 || !is_dimension(stack, &stack->axes[stack->spatial[i]]))
            continue;
        int d = stack->axes[stack->spatial[i]].dim;
        read->start[d] = r->coords[i - first];
        read->extent[d] = r->patch_size[i - first];
        read->out_stride[d] = strides[1 + i - first];
    }
}

static mt_status add_copy(read_list *list, const mt_read *read, mt_error *err)
{
    mt_read *added;
    mt_status st = new_read(list, &added, err);
    if (!st)
        *added = *read;
    return st;
}

/* Adds reads: one for each coordinate along those of the spatial axes i to 2 that are not whole dimensions (interleaved
 * planes, or an axis that is not stored). */
static mt_status add_planes(read_list *list, const mt_patch_request *r, const int64_t *strides, int i,
                            const mt_read *read, mt_error *err)
{
    const mt_stack *stack = r->stack;
    int first = r->n_spatial == 3 ? 0 : 1;
    while (i < 3 && (i < first || is_dimension(stack, &stack->axes[stack->spatial[i]])))
        i++;
    if (i == 3)
        return add_copy(list, read, err);
    const mt_stack_axis *axis = &stack->axes[stack->spatial[i]];
    mt_status st = MT_OK;
    for (int64_t k = 0; !st && k < r->patch_size[i - first]; k++) {
        int64_t at = r->coords[i - first] + k;
        bool is_inside = at >= 0 && at < axis->size;
        int d = axis->dim < 0 ? 0 : axis->dim;
        mt_read one = *read;
        one.out += k * strides[1 + i - first];
        if (is_inside)
            one.start[d] += at * axis->step;
        else /* padding only, whatever the other coordinates */
            one.start[d] = -one.extent[d];
        st = add_planes(list, r, strides, i + 1, &one, err);
    }
    return st;
}

static bool is_empty(const mt_patch_request *r)
{
    for (size_t i = 0; i < r->n_spatial; i++)
        if (r->patch_size[i] == 0)
            return true;
    return false;
}

static mt_status add_channels(read_list *list, const mt_patch_request *r, mt_status *status, mt_error *reason,
                              mt_error *err)
{
    mt_stack *stack = r->stack;
    const mt_role *role = &stack->channels;
    const mt_stack_axis *inner = role->n ? &stack->axes[role->axes[role->n - 1]] : NULL;
    if (inner && (inner->dim < 0 || inner->step != 1))
        inner = NULL; /* one by one */
    int64_t strides[4] = { 0 }, n = mt_request_channels(r);
    mt_request_strides(r, strides);
    for (int64_t i = 0, run; i < n; i += run) {
        run = inner ? channel_run(r, i, n, inner->size) : 1;
        mt_read *read;
        mt_status st = new_read(list, &read, err);
        if (st)
            return st;
        read->image = &stack->image;
        read->status = status;
        read->reason = reason;
        read->visitor = list->visitor;
        read->convert = mt_view_convert(&r->view, stack->info.dtype, i);
        read->convert.past_caches = list->past_caches;
        mt_view_padding(&r->view, i, read->padding);
        read->out = (uint8_t *)r->view.data + i * strides[0];
        set_box(read, r, strides);
        set_index(read, role, stack, r->channels ? r->channels[i] : i);
        if (inner) {
            read->extent[inner->dim] = run;
            read->out_stride[inner->dim] = strides[0];
        }
        if (!stack->as_stored) {
            mt_read one = *read;
            list->n--;
            if (!is_empty(r) && (st = add_planes(list, r, strides, 0, &one, err)))
                return st;
        }
    }
    return MT_OK;
}

/* Returns the bytes of the patch. */
static uint64_t count_request(const mt_patch_request *r)
{
    mt_env *env = &r->stack->context->env;
    uint64_t n = (uint64_t)mt_request_channels(r);
    for (size_t i = 0; i < r->n_spatial; i++)
        n *= (uint64_t)r->patch_size[i];
    atomic_fetch_add_explicit(&env->patches, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&env->bytes_delivered, n * mt_dtype_size(r->stack->info.dtype), memory_order_relaxed);
    return n * mt_dtype_size(mt_view_dtype(&r->view));
}

static void zero_patch(const mt_patch_request *r)
{
    static const uint8_t zero[8] = { 0 };
    static const int64_t same_element[4] = { 0 };
    int64_t extent[4] = { mt_request_channels(r) }, strides[4];
    mt_request_strides(r, strides);
    memcpy(extent + 1, r->patch_size, r->n_spatial * sizeof *extent);
    mt_convert as_is = { .from = mt_view_dtype(&r->view), .to = mt_view_dtype(&r->view) };
    mt_gather(&as_is, 1 + (int)r->n_spatial, extent, r->view.data, strides, zero, same_element);
}

void mt_extraction_fail(mt_extraction *x, size_t i, mt_status st, const mt_error *failure)
{
    const mt_extract_options *options = &x->cancel.options;
    if (!x->visitor)
        zero_patch(&x->requests[i]);
    if (options->statuses)
        options->statuses[i] = st;
    if (options->errors) {
        options->errors[i] = *failure;
        mt_fail(&options->errors[i], st, MT_CANCEL_MESSAGE);
    }
    mt_lock_take(&x->context->lock);
    if (i < x->failed) {
        x->failed = i;
        x->status = st;
        if (x->err)
            *x->err = *failure;
    }
    mt_lock_give(&x->context->lock);
}

/* A patch with reflect or edge padding consists of several boxes of the image. */
static mt_status add_boxes(read_list *list, const mt_patch_request *r, mt_status *status, mt_error *reason,
                           mt_error *err)
{
    mt_padding padding;
    mt_padding_box box;
    mt_status st = MT_OK;
    if (r->view.padding_mode == MT_PAD_CONSTANT)
        return add_channels(list, r, status, reason, err);
    mt_padding_init(&padding, r);
    for (int i = 0; !st && i < padding.n_boxes; i++) {
        mt_padding_get(&padding, i, &box);
        st = add_channels(list, &box.request, status, reason, err);
    }
    return st;
}

/* Requests to custom stacks are already done. */
static void add_request(read_list *list, mt_extraction *x, size_t i)
{
    const mt_extract_options *options = &x->cancel.options;
    mt_error failure;
    size_t before = list->n;
    if (!x->requests[i].stack->map)
        return;
    mt_error_clear(&failure);
    mt_status st = add_boxes(list, &x->requests[i], options->statuses ? &options->statuses[i] : NULL,
                             options->errors ? &options->errors[i] : NULL, &failure);
    if (st) {
        list->n = before;
        mt_extraction_fail(x, i, st, &failure);
    }
}

static void fill_request(void *argument, size_t i)
{
    const mt_extraction *x = argument;
    mt_padding padding;
    if (x->requests[i].view.padding_mode == MT_PAD_CONSTANT)
        return;
    mt_padding_init(&padding, &x->requests[i]);
    mt_padding_fill(&padding);
}

static void fill_requests(mt_extraction *x)
{
    bool any = false;
    for (size_t i = 0; i < x->n; i++)
        any |= x->requests[i].view.padding_mode != MT_PAD_CONSTANT;
    if (any && x->n > 1)
        mt_pool_run(x->context->pool, x->n, fill_request, x);
    else if (any)
        fill_request(x, 0);
}

/* An address in the middle of the destination. */
static const uint8_t *middle_of(const mt_patch_request *r)
{
    int64_t strides[4], at = mt_request_channels(r) / 2;
    mt_request_strides(r, strides);
    at *= strides[0];
    for (size_t i = 0; i < r->n_spatial; i++)
        at += r->patch_size[i] / 2 * strides[1 + i];
    return (const uint8_t *)r->view.data + at;
}

/* Whether patches go to memory that was written before, by samples. New pages are in the caches, as zeros. */
static bool is_present(const mt_extraction *x)
{
    return mt_memory_is_present(middle_of(&x->requests[x->n / 2])) &&
           mt_memory_is_present(middle_of(&x->requests[x->n - 1]));
}

static mt_status extract(mt_extraction *x)
{
    read_list list;
    list.context = x->context;
    list.visitor = x->visitor;
    list.scratch = NULL;
    list.reads = list.inline_reads;
    list.n = 0;
    list.room = INLINE_READS;
    bool own = false;
    uint64_t bytes = 0;
    mt_cancel_asked(&x->cancel); /* later steps check the flag */
    for (size_t i = 0; !x->visitor && i < x->n; i++) {
        bytes += count_request(&x->requests[i]);
        own |= !x->requests[i].stack->map;
    }
    list.past_caches = bytes >= LARGE_BATCH && is_present(x);
    if (own)
        mt_own_extract(x);
    for (size_t i = 0; i < x->n; i++)
        add_request(&list, x, i);
    mt_status st = mt_engine_read(x->context, list.reads, list.n, &x->cancel, x->status ? NULL : x->err);
    if (list.scratch)
        mt_context_give_scratch(x->context, list.scratch);
    if (!x->visitor)
        fill_requests(x);
    return x->status ? x->status : st;
}

mt_status mt_requests_check(const mt_patch_request *requests, size_t n, mt_error *err)
{
    mt_status st = MT_OK;
    for (size_t i = 0; !st && i < n; i++)
        st = check_request(&requests[i], requests[0].stack->context, err);
    return st;
}

static mt_status check_all(mt_extraction *x, const mt_extract_options *options)
{
    mt_status st = mt_cancel_init(&x->cancel, options, x->err);
    if (!st)
        st = mt_requests_check(x->requests, x->n, x->err);
    for (size_t i = 0; !st && i < x->n; i++) {
        if (x->cancel.options.statuses)
            x->cancel.options.statuses[i] = MT_OK;
        if (x->cancel.options.errors)
            x->cancel.options.errors[i] = (mt_error)MT_ERROR_INIT;
    }
    return st;
}

mt_status mt_extract_patches(const mt_patch_request *requests, size_t n, const mt_extract_options *options,
                             mt_error *err)
{
    mt_error_reset(err);
    if (n == 0)
        return MT_OK;
    mt_extraction x = {
        .context = requests[0].stack->context, .requests = requests, .n = n, .failed = SIZE_MAX, .err = err
    };
    mt_status st = check_all(&x, options);
    return st ? st : mt_cancel_status(&x.cancel, extract(&x), err);
}

mt_status mt_extraction_visit(const mt_patch_request *requests, size_t n, const mt_extract_options *options,
                              const mt_visitor *visitor, mt_error *err)
{
    mt_extraction x = { .context = requests[0].stack->context,
                        .requests = requests,
                        .n = n,
                        .visitor = visitor,
                        .failed = SIZE_MAX,
                        .err = err };
    mt_status st = mt_cancel_init(&x.cancel, options, err);
    return st ? st : mt_cancel_status(&x.cancel, extract(&x), err);
}

mt_status mt_stack_extract_patch(mt_stack *stack, int64_t sample, const int64_t *channels, size_t n,
                                 const int64_t *coords, const int64_t *patch_size, size_t n_spatial, float *out,
                                 mt_error *err)
{
    mt_patch_request request = { .stack = stack,
                                 .sample = sample,
                                 .channels = channels,
                                 .n_channels = n,
                                 .n_spatial = n_spatial,
                                 .coords = coords,
                                 .patch_size = patch_size,
                                 .view = { .data = out } };
    return mt_extract_patches(&request, 1, NULL, err);
}
