/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/filter.h"

#include "base/checked.h"
#include "sampling/patching.h"
#include "sampling/regions.h"

#include <math.h>
#include <string.h>

static const mt_filter_kind *const kinds[] = { &mt_filter_max, &mt_filter_mean_std, &mt_filter_shannon,
                                               &mt_filter_mask };
enum { N_KINDS = sizeof kinds / sizeof *kinds };

/* --- The grid. --- */

/* Sizes of the spatial axes as ZYX; 1 without Z. */
static void get_shape(const mt_stack *stack, int64_t *out)
{
    const mt_stack_info *info = &stack->info;
    out[0] = 1;
    memcpy(out + 5 - info->data_ndim, info->data_shape + 2, (size_t)(info->data_ndim - 2) * sizeof *out);
}

static mt_status check_patch_size(const mt_stack *stack, const int64_t *patch_size, size_t n_spatial, mt_error *err)
{
    mt_status st = mt_stack_check_axes(stack, err);
    if (st)
        return st;
    if (n_spatial != (size_t)stack->info.data_ndim - 2)
        return mt_fail(err, MT_E_ARGUMENT, "%zu patch sizes for an image with the spatial axes %s", n_spatial,
                       stack->info.data_ndim == 5 ? "ZYX" : "YX");
    return mt_patching_check_size(patch_size, n_spatial, err);
}

/* The grid of the patching, which pads images smaller than a patch. */
static mt_status make_grid(const mt_stack *stack, const int64_t *patch_size, mt_region_grid *out, mt_error *err)
{
    size_t n = (size_t)stack->info.data_ndim - 2;
    int64_t size[3];
    for (size_t i = 0; i < n; i++)
        size[i] = mt_max_i64(stack->info.data_shape[2 + i], patch_size[i]);
    return mt_region_grid_make(size, patch_size, n, out, err);
}

mt_status mt_filter_grid(const mt_stack *stack, const int64_t *patch_size, size_t n_spatial, int64_t *grid,
                         mt_error *err)
{
    mt_error_reset(err);
    mt_status st = check_patch_size(stack, patch_size, n_spatial, err);
    mt_region_grid regions;
    if (!st)
        st = make_grid(stack, patch_size, &regions, err);
    if (st)
        mt_error_prefix(err, "%s", stack->info.source);
    else
        memcpy(grid, regions.n, n_spatial * sizeof *grid);
    return st;
}

/* --- Options. --- */

static mt_status take_options(const mt_filter_options *given, mt_filter *out, mt_error *err)
{
    mt_filter_options *options = &out->options;
    if (!given || given->struct_size == 0 || given->struct_size > sizeof *options)
        return mt_fail(err, MT_E_ARGUMENT, "mt_filter_options.struct_size is %zu, not %zu",
                       given ? given->struct_size : 0, sizeof *options);
    memcpy(options, given, given->struct_size);
    for (int i = 0; options->filter && i < N_KINDS; i++)
        if (strcmp(options->filter, kinds[i]->name) == 0)
            out->kind = kinds[i];
    if (!out->kind)
        return mt_fail(err, MT_E_ARGUMENT, "there is no filter \"%s\": the filters are max, mean_std, shannon and mask",
                       options->filter ? options->filter : "");
    if (isnan(options->threshold))
        return mt_fail(err, MT_E_ARGUMENT, "the threshold is not a number");
    if (options->coverage && !(*options->coverage >= 0 && *options->coverage <= 1))
        return mt_fail(err, MT_E_ARGUMENT, "a coverage of %g is not between 0 and 1", *options->coverage);
    if ((options->mask != NULL) != (out->kind == &mt_filter_mask))
        return mt_fail(err, MT_E_ARGUMENT,
                       options->mask ? "only the filter \"mask\" takes a mask" : "the filter \"mask\" needs a mask");
    return MT_OK;
}

/* Whether an axis of size pixels has reduced ones if it is reduced by a factor. */
static bool is_factor(int64_t size, int64_t reduced, int64_t factor)
{
    return factor > 0 && (size / factor == reduced || size / factor + (size % factor != 0) == reduced);
}

/* Finds the factor of a mask along an axis. given: by the caller, or 0. */
static mt_status find_factor(int64_t size, int64_t reduced, char axis, int64_t given, int64_t *out, mt_error *err)
{
    bool divides = reduced > 0 && size % reduced == 0;
    int64_t least = reduced < INT64_MAX ? size / (reduced + 1) + 1 : 1; /* of those that fit */
    *out = given ? given : divides ? size / reduced : least;
    if (size == reduced && given == 0)
        *out = 1;
    else if (!is_factor(size, reduced, *out))
        return mt_fail(err, MT_E_ARGUMENT,
                       "the mask has %lld pixels along %c, which is not a whole fraction of the %lld of the image",
                       (long long)reduced, axis, (long long)size);
    else if (!given && !divides && is_factor(size, reduced, least + 1))
        return mt_fail(err, MT_E_ARGUMENT,
                       "the mask may be smaller by %lld or %lld along %c: the factors must be given", (long long)least,
                       (long long)least + 1, axis);
    return MT_OK;
}

static mt_status take_mask(mt_filter *f, int64_t n_samples, mt_error *err)
{
    const mt_stack_info *mask = &f->options.mask->info;
    mt_status st = mt_stack_check_axes(f->options.mask, err);
    if (st)
        return st;
    if (mask->data_ndim - 2 != f->n_spatial)
        return mt_fail(err, MT_E_ARGUMENT, "the mask has %d spatial axes, the image %d", mask->data_ndim - 2,
                       f->n_spatial);
    if (mask->data_shape[0] != 1 && mask->data_shape[0] != n_samples)
        return mt_fail(err, MT_E_ARGUMENT, "the mask has %lld samples, the image %lld: give one, or one for each",
                       (long long)mask->data_shape[0], (long long)n_samples);
    f->stack = f->options.mask;
    f->sample = mask->data_shape[0] == 1 ? 0 : f->sample;
    get_shape(f->stack, f->stack_shape);
    for (int i = 3 - f->n_spatial; !st && i < 3; i++)
        st = find_factor(f->shape[i], f->stack_shape[i], "ZYX"[i], f -> options.mask_factor[i + f->n_spatial - 3],
                         &f->factor[i], err);
    return st;
}

static mt_status take_geometry(mt_filter *f, mt_stack *stack, int64_t sample, const int64_t *patch_size, mt_error *err)
{
    const mt_stack_info *info = &stack->info;
    mt_region_grid regions;
    int64_t pixels;
    mt_status st = make_grid(stack, patch_size, &regions, err);
    if (st)
        return st;
    f->stack = stack;
    f->sample = sample;
    f->n_spatial = info->data_ndim - 2;
    f->n_corners = (size_t)1 << f->n_spatial;
    f->coverage = f->options.coverage ? *f->options.coverage : 1.0 / (double)f->n_corners;
    get_shape(stack, f->shape);
    memcpy(f->stack_shape, f->shape, sizeof f->shape);
    f->patch[0] = f->grid[0] = f->cells[0] = 1;
    for (int i = 3 - f->n_spatial; i < 3; i++) {
        f->patch[i] = patch_size[i + f->n_spatial - 3];
        f->grid[i] = regions.n[i + f->n_spatial - 3];
        f->cells[i] = f->grid[i] + 1;
    }
    for (int i = 0; i < 3; i++)
        f->factor[i] = 1;
    if (sample < 0 || sample >= info->data_shape[0])
        return mt_fail(err, MT_E_RANGE, "sample %lld is out of bounds: the image has %lld, counted from 0",
                       (long long)sample, (long long)info->data_shape[0]);
    if (mt_product_i64(f->patch, 3, &pixels) || (uint64_t)pixels > SIZE_MAX / 64)
        return mt_fail(err, MT_E_MEMORY, "patches of more than 2^57 pixels");
    f->cell_pixels = (size_t)pixels;
    return f->kind == &mt_filter_mask ? take_mask(f, info->data_shape[0], err) : MT_OK;
}

static mt_status begin(mt_filter *f, mt_stack *stack, int64_t sample, const int64_t *patch_size, size_t n_spatial,
                       const mt_filter_options *options, mt_error *err)
{
    mt_status st = take_options(options, f, err);
    if (st || (st = check_patch_size(stack, patch_size, n_spatial, err)) ||
        (st = take_geometry(f, stack, sample, patch_size, err)))
        return st;
    int64_t n_channels = f->stack->info.data_shape[1], channel = f->options.ref_channel;
    if (channel < 0 || channel >= n_channels)
        return mt_fail(err, MT_E_RANGE, "channel %lld is out of bounds: the %s has %lld, counted from 0",
                       (long long)channel, f->stack == stack ? "image" : "mask", (long long)n_channels);
    f->n_values = 1;
    return f->kind->begin(f, err);
}

mt_status mt_filter_apply(mt_stack *stack, int64_t sample, const int64_t *patch_size, size_t n_spatial,
                          const mt_filter_options *options, uint8_t *keep, float *values, mt_filter_info *out,
                          mt_error *err)
{
    mt_filter filter = { .kind = NULL };
    mt_filter_info info = { .struct_size = out ? out->struct_size : 0 };
    mt_error_reset(err);
    if (info.struct_size > sizeof info || (out && info.struct_size == 0))
        return mt_fail(err, MT_E_ARGUMENT, "mt_filter_info.struct_size is %zu, not %zu", info.struct_size, sizeof info);
    mt_status st = begin(&filter, stack, sample, patch_size, n_spatial, options, err);
    if (st) {
        mt_error_prefix(err, "%s", stack->info.source);
        return st;
    }
    info.n_regions = (uint64_t)(filter.grid[0] * filter.grid[1] * filter.grid[2]);
    st = mt_filter_sweep(&filter, stack->context, keep, values, &info, err);
    if (out)
        memcpy(out, &info, info.struct_size);
    return st;
}
