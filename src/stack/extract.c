/* SPDX-License-Identifier: BSD-3-Clause */
/* Patch requests become boxes of stored arrays. */
#include "base/checked.h"
#include "stack/stack.h"

#include <string.h>

/* Coordinates and sizes beyond this could overflow in sums of strides. */
#define FARTHEST ((int64_t)1 << 46)

#define INLINE_READS 4

typedef struct read_list {
    mt_context *context;
    mt_cancel cancel;
    mt_scratch *scratch; /* holds reads where they are many */
    mt_read *reads;
    size_t n, room;
    mt_read inline_reads[INLINE_READS];
} read_list;

static int64_t n_channels(const mt_patch_request *r)
{
    return r->channels ? (int64_t)r->n_channels : r->stack->info.data_shape[1];
}

static mt_status check_channels(const mt_stack *stack, const mt_patch_request *r, mt_error *err)
{
    int64_t size = stack->info.data_shape[1];
    if (r->channels && r->n_channels == 0)
        return mt_fail(err, MT_E_ARGUMENT, "the list of channels is empty");
    if (!r->channels && r->n_channels != 0)
        return mt_fail(err, MT_E_ARGUMENT, "%zu channels and no list of them", r->n_channels);
    for (size_t i = 0; i < r->n_channels; i++)
        if (r->channels[i] < 0 || r->channels[i] >= size)
            return mt_fail(err, MT_E_RANGE, "channel %lld is out of bounds for an image of %lld channels",
                           (long long)r->channels[i], (long long)size);
    return MT_OK;
}

static mt_status check_box(const mt_stack *stack, const mt_patch_request *r, mt_error *err)
{
    size_t n = (size_t)stack->info.data_ndim - 2;
    if (r->n_spatial != n)
        return mt_fail(err, MT_E_ARGUMENT, "%zu coordinates for an image with the spatial axes %s", r->n_spatial,
                       n == 3 ? "ZYX" : "YX");
    uint64_t bytes = sizeof(double) * (uint64_t)mt_max_i64(n_channels(r), 1);
    for (size_t i = 0; i < n; i++) {
        if (r->patch_size[i] < 0 || r->patch_size[i] > FARTHEST)
            return mt_fail(err, MT_E_ARGUMENT, "a patch size of %lld is not from 0 to 2^46",
                           (long long)r->patch_size[i]);
        if (r->coords[i] < -FARTHEST || r->coords[i] > FARTHEST)
            return mt_fail(err, MT_E_ARGUMENT, "a coordinate of %lld is not from -2^46 to 2^46",
                           (long long)r->coords[i]);
        if (mt_mul_u64(bytes, (uint64_t)mt_max_i64(r->patch_size[i], 1), &bytes) || bytes > INT64_MAX)
            return mt_fail(err, MT_E_ARGUMENT, "the patch has more than 2^63 bytes");
    }
    return MT_OK;
}

/* Rows or columns that the array does not have (an array of less than two dimensions): only coordinate 0 is inside. */
static mt_status check_dimensions(const mt_patch_request *r, mt_error *err)
{
    int first = r->n_spatial == 3 ? 0 : 1;
    for (int i = first; i < 3; i++)
        if (r->stack->spatial[i] < 0 && (r->coords[i - first] != 0 || r->patch_size[i - first] != 1))
            return mt_fail(err, MT_E_UNSUPPORTED, "padding along %c, which this array lacks", "ZYX"[i]);
    return MT_OK;
}

static mt_status check_values(const mt_patch_request *r, mt_error *err)
{
    const mt_stack_info *info = &r->stack->info;
    if (r->sample < 0 || r->sample >= info->data_shape[0])
        return mt_fail(err, MT_E_RANGE, "sample %lld is out of bounds for an image of %lld samples",
                       (long long)r->sample, (long long)info->data_shape[0]);
    if (r->view.dtype && r->view.dtype != MT_FLOAT32 && r->view.dtype != info->dtype)
        return mt_fail(err, MT_E_ARGUMENT, "patches of %s come as %s or float32, not as %s", mt_dtype_name(info->dtype),
                       mt_dtype_name(info->dtype), mt_dtype_name(r->view.dtype));
    if ((r->view.scale || r->view.offset) && r->view.dtype && r->view.dtype != MT_FLOAT32)
        return mt_fail(err, MT_E_ARGUMENT, "scale and offset need patches of float32");
    if (!r->stack->map && r->view.dtype && r->view.dtype != MT_FLOAT32)
        return mt_fail(err, MT_E_ARGUMENT, "a stack of one's own gives patches of float32 only");
    mt_status st = check_channels(r->stack, r, err);
    return st || (st = check_box(r->stack, r, err)) ? st : check_dimensions(r, err);
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

static mt_dtype view_dtype(const mt_view *view) { return view->dtype ? view->dtype : MT_FLOAT32; }

/* Strides of the view, those of C order where it has none. */
static void view_strides(const mt_patch_request *r, int64_t *out)
{
    if (r->view.strides) {
        memcpy(out, r->view.strides, (r->n_spatial + 1) * sizeof *out);
        return;
    }
    int64_t stride = (int64_t)mt_dtype_size(view_dtype(&r->view));
    for (size_t i = r->n_spatial; i > 0; i--) {
        out[i] = stride;
        stride *= r->patch_size[i - 1];
    }
    out[0] = stride;
}

static void set_index(mt_read *read, const mt_role *role, const mt_chunk_map *map, int64_t index)
{
    for (int i = role->n - 1; i >= 0; i--) {
        int d = role->dims[i];
        read->start[d] = index % map->shape[d];
        index /= map->shape[d];
    }
}

static void set_convert(mt_read *read, const mt_patch_request *r, int64_t channel_number)
{
    const mt_view *view = &r->view;
    mt_convert *convert = &read->convert;
    convert->from = r->stack->info.dtype;
    convert->to = view_dtype(view);
    convert->swap = false;
    convert->affine = view->scale || view->offset;
    convert->scale = view->scale ? view->scale[channel_number] : 1;
    convert->offset = view->offset ? view->offset[channel_number] : 0;
}

/* How many channels from number i on lie one behind the other in the innermost channel dimension and are scaled alike:
 * they are one box. */
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
        size_t room = list->room * 2;
        if (!list->scratch) {
            mt_status st = mt_context_take_scratch(list->context, &list->scratch, err);
            if (st)
                return st;
            room = 1024;
        }
        /* Two buffers in turn: growing one would lose what it holds. */
        uint8_t *memory;
        mt_status st = mt_scratch_buffer(list->scratch, room / 1024 % 3 == 1, room * sizeof(mt_read), &memory, err);
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
    set_index(read, &stack->samples, stack->map, r->sample);
    int first = r->n_spatial == 3 ? 0 : 1;
    for (int i = first; i < 3; i++) {
        int d = stack->spatial[i];
        if (d < 0)
            continue;
        read->start[d] = r->coords[i - first];
        read->extent[d] = r->patch_size[i - first];
        read->out_stride[d] = strides[1 + i - first];
    }
}

static mt_status add_channels(read_list *list, const mt_patch_request *r, mt_error *err)
{
    mt_stack *stack = r->stack;
    const mt_role *role = &stack->channels;
    int inner = role->n ? role->dims[role->n - 1] : -1;
    int64_t strides[4] = { 0 }, n = n_channels(r);
    view_strides(r, strides);
    for (int64_t i = 0, run; i < n; i += run) {
        run = inner < 0 ? 1 : channel_run(r, i, n, stack->map->shape[inner]);
        mt_read *read;
        mt_status st = new_read(list, &read, err);
        if (st)
            return st;
        read->image = &stack->image;
        read->status = NULL;
        set_convert(read, r, i);
        mt_element_from_double(read->convert.to, r->view.padding, read->padding);
        read->out = (uint8_t *)r->view.data + i * strides[0];
        set_box(read, r, strides);
        set_index(read, role, stack->map, r->channels ? r->channels[i] : i);
        if (inner >= 0) {
            read->extent[inner] = run;
            read->out_stride[inner] = strides[0];
        }
    }
    return MT_OK;
}

static mt_status extract_own(const mt_patch_request *r, mt_error *err);

static void count_request(const mt_patch_request *r)
{
    mt_env *env = &r->stack->context->env;
    uint64_t bytes = mt_dtype_size(r->stack->info.dtype) * (uint64_t)n_channels(r);
    for (size_t i = 0; i < r->n_spatial; i++)
        bytes *= (uint64_t)r->patch_size[i];
    atomic_fetch_add_explicit(&env->patches, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&env->bytes_delivered, bytes, memory_order_relaxed);
}

static mt_status add_request(read_list *list, const mt_patch_request *r, mt_error *err)
{
    count_request(r);
    if (r->stack->map)
        return add_channels(list, r, err);
    return mt_cancel_asked(&list->cancel) ? MT_E_CANCELLED : extract_own(r, err);
}

static void zero_patch(const mt_patch_request *r)
{
    static const uint8_t zero[8] = { 0 };
    static const int64_t same_element[4] = { 0 };
    int64_t extent[4] = { n_channels(r) }, strides[4];
    view_strides(r, strides);
    memcpy(extent + 1, r->patch_size, r->n_spatial * sizeof *extent);
    mt_convert as_is = { .from = view_dtype(&r->view), .to = view_dtype(&r->view) };
    mt_gather(&as_is, 1 + (int)r->n_spatial, extent, r->view.data, strides, zero, same_element);
}

static mt_status extract(read_list *list, const mt_patch_request *requests, size_t n, mt_error *err)
{
    mt_status st = mt_cancel_asked(&list->cancel) ? MT_E_CANCELLED : MT_OK;
    for (size_t i = 0; !st && i < n; i++)
        st = add_request(list, &requests[i], err);
    if (!st)
        return mt_engine_read(list->context, list->reads, list->n, &list->cancel, err);
    for (size_t i = 0; i < n; i++)
        zero_patch(&requests[i]);
    return st;
}

mt_status mt_extract_patches(const mt_patch_request *requests, size_t n, const mt_extract_options *options,
                             mt_error *err)
{
    if (n == 0)
        return MT_OK;
    read_list list;
    list.context = requests[0].stack->context;
    list.scratch = NULL;
    list.reads = list.inline_reads;
    list.n = 0;
    list.room = INLINE_READS;
    mt_status st = mt_cancel_init(&list.cancel, options, err);
    for (size_t i = 0; !st && i < n; i++)
        st = check_request(&requests[i], list.context, err);
    if (st)
        return st;
    st = extract(&list, requests, n, err);
    if (list.scratch)
        mt_context_give_scratch(list.context, list.scratch);
    return mt_cancel_status(&list.cancel, st, err);
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
    int64_t extent[4] = { n_channels(r) }, coords[3], strides[4], in[4];
    size_t bytes = sizeof(float) * (size_t)extent[0];
    uint8_t *out = r->view.data;
    view_strides(r, strides);
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
        return r->stack->ops.extract_patch(r->stack->self, r->sample, channels, (size_t)n_channels(r), r->coords,
                                           r->patch_size, view->data, err);
    view_strides(r, strides);
    mt_element_from_double(MT_FLOAT32, view->padding, padding);
    for (int64_t c = 0; c < n_channels(r); c++)
        mt_fill_border(padding, sizeof(float), (int)r->n_spatial, r->patch_size, low, high,
                       (uint8_t *)view->data + c * strides[0], strides + 1);
    return any ? extract_inside(r, channels, low, high, err) : MT_OK;
}

/* A stack of one's own: always gets a list of channels. */
static mt_status extract_own(const mt_patch_request *r, mt_error *err)
{
    mt_status st;
    if (r->channels) {
        st = fill_own(r, r->channels, err);
    } else {
        mt_env *env = &r->stack->context->env;
        size_t bytes = (size_t)n_channels(r) * sizeof(int64_t);
        void *memory;
        if ((st = mt_alloc(env, bytes, &memory, err)))
            return st;
        int64_t *all = memory;
        for (int64_t c = 0; c < n_channels(r); c++)
            all[c] = c;
        st = fill_own(r, all, err);
        mt_release(env, memory, bytes);
    }
    if (st)
        mt_error_prefix(err, "%s", r->stack->info.source);
    return st;
}
