/* SPDX-License-Identifier: BSD-3-Clause */
/* Tilings: the patching "tiled" of one image, with sizes that a network or a memory budget demands. */
#include "predict/tiling.h"

#include "base/checked.h"

#include <string.h>

enum { STEP = 32 }; /* sides of tiles that are chosen are multiples of this */

static int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

/* The first axis of the network: tiles of planes have one pixel along Z. */
static size_t first_axis(const mt_tiling_info *info) { return info->is_planar ? 1 : 0; }

static mt_status take_shape(mt_tiling_info *info, const mt_stack *stack, size_t n_spatial, mt_error *err)
{
    const mt_stack_info *image = &stack->info;
    mt_status st = mt_stack_check_axes(stack, err);
    if (st)
        return st;
    info->n_spatial = (size_t)image->data_ndim - 2;
    info->is_planar = n_spatial == 2 && info->n_spatial == 3;
    info->n_samples = image->data_shape[0];
    if (n_spatial != 2 && n_spatial != info->n_spatial)
        return mt_fail(err, MT_E_ARGUMENT, "%zu tile sizes for an image with the spatial axes %s", n_spatial,
                       info->n_spatial == 3 ? "ZYX" : "YX");
    for (size_t i = 0; i < info->n_spatial; i++) {
        info->shape[i] = image->data_shape[2 + i];
        if (info->shape[i] <= 0 || info->shape[i] > INT64_MAX / 4)
            return mt_fail(err, MT_E_ARGUMENT, "an axis of %lld pixels cannot be cut into tiles",
                           (long long)info->shape[i]);
    }
    return MT_OK;
}

/* Whether a batch of tiles of one side, cut where the image ends, fits in a number of bytes. */
static bool fits(const mt_tiling_info *info, const mt_tiling_options *options, int64_t channels, int64_t side,
                 int64_t multiple, int64_t tile[3])
{
    int64_t bytes = (int64_t)sizeof(float);
    bool over = mt_mul_i64(bytes, channels, &bytes) ||
                mt_mul_i64(bytes, options->batch_size ? (int64_t)options->batch_size : 1, &bytes);
    for (size_t i = first_axis(info); i < info->n_spatial; i++) {
        tile[i] = mt_min_i64(side, round_up(info->shape[i], multiple));
        over = over || mt_mul_i64(bytes, tile[i], &bytes);
    }
    return !over && (uint64_t)bytes <= options->tile_bytes;
}

static int64_t common_multiple(int64_t a, int64_t b)
{
    int64_t x = a, y = b;
    while (y != 0) {
        int64_t rest = x % y;
        x = y;
        y = rest;
    }
    return a / x * b;
}

/* Grows the side, by doubling and then bisection. */
static mt_status choose_tile(mt_tiling_info *info, const mt_tiling_options *options, int64_t channels, mt_error *err)
{
    const int64_t multiple = common_multiple(STEP, info->align);
    int64_t most = 0, low = 1, high = 1, tile[3];
    for (size_t i = first_axis(info); i < info->n_spatial; i++)
        most = mt_max_i64(most, (info->shape[i] + multiple - 1) / multiple);
    if (!fits(info, options, channels, multiple, multiple, tile))
        return mt_fail(
            err, MT_E_ARGUMENT,
            "a batch of %zu tiles with sides of %lld and %lld channels does not fit in %zu bytes: allow more, "
            "or smaller batches",
            options->batch_size ? options->batch_size : 1, (long long)multiple, (long long)channels,
            options->tile_bytes);
    while (high < most && fits(info, options, channels, high * multiple, multiple, tile))
        low = high, high = mt_min_i64(2 * high, most);
    if (fits(info, options, channels, high * multiple, multiple, tile))
        low = high;
    while (low + 1 < high) {
        int64_t middle = low + (high - low) / 2;
        *(fits(info, options, channels, middle * multiple, multiple, tile) ? &low : &high) = middle;
    }
    (void)fits(info, options, channels, low * multiple, multiple, tile);
    memcpy(info->tile + first_axis(info), tile + first_axis(info), (info->n_spatial - first_axis(info)) * sizeof *tile);
    return MT_OK;
}

static mt_status take_tile(mt_tiling_info *info, const mt_tiling_options *options, const mt_stack *stack, mt_error *err)
{
    const size_t first = first_axis(info);
    const int64_t align = info->align = options->align ? options->align : 1;
    if (align < 1 || align > INT32_MAX)
        return mt_fail(err, MT_E_ARGUMENT, "tiles cannot be aligned to multiples of %lld", (long long)align);
    info->tile[0] = 1;
    if (!options->tile) {
        mt_status st = choose_tile(info, options, stack->info.data_shape[1], err);
        if (st)
            return st;
    }
    for (size_t i = first; i < info->n_spatial; i++) {
        if (options->tile)
            info->tile[i] = options->tile[i - first] ? options->tile[i - first] : round_up(info->shape[i], align);
        info->overlap[i] = options->overlap ? options->overlap[i - first] : 0;
    }
    return MT_OK;
}

static mt_status take_patching(mt_tiling *t, mt_stack *stack, mt_error *err)
{
    mt_tiling_info *info = &t->info;
    int64_t align[3] = { info->is_planar ? 1 : info->align, info->align, info->align };
    const mt_patching_options options = { .struct_size = sizeof options,
                                          .strategy = "tiled",
                                          .patch_size = info->tile,
                                          .n_spatial = info->n_spatial,
                                          .overlap = info->overlap,
                                          .pad = 1,
                                          .align = align };
    mt_status st = mt_patching_new(&stack, 1, &options, &t->patching, err);
    if (st)
        return st;
    info->n_tiles = mt_patching_count(t->patching);
    for (size_t i = 0; i < info->n_spatial; i++) {
        int64_t size = info->shape[i], step = info->tile[i] - info->overlap[i];
        info->counts[i] = size <= info->tile[i] ? 1 : (size - info->overlap[i] + step - 1) / step;
    }
    return MT_OK;
}

mt_status mt_tiling_new(mt_stack *stack, const mt_tiling_options *given, mt_tiling **out, mt_error *err)
{
    mt_tiling_options options = { .struct_size = given ? given->struct_size : 0 };
    mt_tiling_info info = { .struct_size = sizeof info };
    void *memory;
    mt_error_reset(err);
    if (options.struct_size == 0 || options.struct_size > sizeof options)
        return mt_fail(err, MT_E_ARGUMENT, "mt_tiling_options.struct_size is %zu, not %zu", options.struct_size,
                       sizeof options);
    memcpy(&options, given, given->struct_size);
    mt_status st = take_shape(&info, stack, options.n_spatial, err);
    if (st || (st = take_tile(&info, &options, stack, err)) ||
        (st = mt_alloc(&stack->context->env, sizeof(mt_tiling), &memory, err)))
        return st;
    mt_tiling *t = memory;
    *t = (mt_tiling) { .owners = 1, .info = info };
    if ((st = take_patching(t, stack, err)))
        mt_release(&stack->context->env, t, sizeof *t);
    else
        *out = t;
    return st;
}

mt_tiling *mt_tiling_retain(mt_tiling *t)
{
    atomic_fetch_add_explicit(&t->owners, 1, memory_order_relaxed);
    return t;
}

void mt_tiling_free(mt_tiling *t)
{
    if (!t || atomic_fetch_sub(&t->owners, 1) != 1)
        return;
    mt_context *context = mt_context_retain(t->patching->context, NULL);
    mt_patching_free(t->patching);
    mt_release(&context->env, t, sizeof *t);
    mt_context_free(context);
}

const mt_tiling_info *mt_tiling_get_info(const mt_tiling *t) { return &t->info; }

mt_patching *mt_tiling_get_patching(mt_tiling *t) { return t->patching; }

mt_status mt_tiling_get(const mt_tiling *t, uint64_t tile, mt_patch_spec *out, mt_error *err)
{
    return mt_patching_get(t->patching, 0, tile, 0, out, err);
}
