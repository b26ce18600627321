/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks of the arguments of mt_statistics_new. */
#include "base/checked.h"
#include "sampling/statistics/compute.h"

#include <math.h>
#include <string.h>

/* Checks a stack on its own. */
static mt_status check_stack(const mt_stack *s, const mt_statistics_options *o, mt_error *err)
{
    int64_t pixels;
    mt_status st = mt_stack_check_axes(s, err);
    if (st)
        return st;
    if (s->info.n_missing > 0 && !o->allow_missing)
        return mt_fail(err, MT_E_NOT_FOUND,
                       "lacks %llu files or frames, such as %s: complete it, or allow them to count as the fill value",
                       (unsigned long long)s->info.n_missing, s->info.missing[0]);
    if (mt_product_i64(s->info.data_shape, s->info.data_ndim, &pixels))
        return mt_fail(err, MT_E_LIMIT, "too many pixels to count");
    return MT_OK;
}

/* The dtype of the pixels that a visit shows. */
static mt_dtype shown_dtype(const mt_stack *stack) { return stack->map ? stack->info.dtype : MT_FLOAT32; }

static bool is_exact_in_float32(mt_dtype dtype) { return mt_dtype_size(dtype) <= 2 || dtype == MT_FLOAT32; }

/* Makes *dtype that of one more stack, or float32 if that holds the values of both. */
static mt_status unite_dtypes(mt_stack *const *stacks, size_t i, mt_dtype *dtype, mt_error *err)
{
    mt_dtype other = shown_dtype(stacks[i]);
    if (other == *dtype)
        return MT_OK;
    if (!is_exact_in_float32(other) || !is_exact_in_float32(*dtype))
        return mt_fail(err, MT_E_ARGUMENT,
                       "stack %zu (%s) has dtype %s, but stack 0 (%s) has %s, and float32 does not hold the values of "
                       "both: compute their statistics separately",
                       i, stacks[i]->info.source, mt_dtype_name(other), stacks[0]->info.source,
                       mt_dtype_name(shown_dtype(stacks[0])));
    *dtype = MT_FLOAT32;
    return MT_OK;
}

static mt_status check_stacks(mt_stack *const *stacks, size_t n, const mt_statistics_options *o, mt_dtype *dtype,
                              mt_error *err)
{
    const mt_stack *first = stacks[0];
    const char *source = first->info.source;
    *dtype = shown_dtype(first);
    for (size_t i = 0; i < n; i++) {
        const mt_stack *s = stacks[i];
        mt_status st = check_stack(s, o, err);
        if (st) {
            mt_stack_prefix(stacks, n, i, err);
            return st;
        }
        if (s->context != first->context)
            return mt_fail(err, MT_E_ARGUMENT, "stack %zu (%s) belongs to another context than stack 0 (%s)", i,
                           s->info.source, source);
        if ((st = unite_dtypes(stacks, i, dtype, err)))
            return st;
        if (s->info.data_shape[1] != first->info.data_shape[1])
            return mt_fail(err, MT_E_ARGUMENT, "stack %zu (%s) has %lld channels, but stack 0 (%s) has %lld", i,
                           s->info.source, (long long)s->info.data_shape[1], source,
                           (long long)first->info.data_shape[1]);
    }
    return MT_OK;
}

/* A mask has the shape of its image, except that one channel is enough. */
static mt_status check_mask(const mt_stack *stack, const mt_stack *mask, mt_error *err)
{
    const mt_stack_info *of = &stack->info, *info = &mask->info;
    mt_status st = mt_stack_check_axes(mask, err);
    if (st) {
        mt_error_prefix(err, "mask %s", info->source);
        return st;
    }
    if (mask->context != stack->context)
        return mt_fail(err, MT_E_ARGUMENT, "mask %s belongs to another context than %s", info->source, of->source);
    bool fits =
        info->data_ndim == of->data_ndim && (info->data_shape[1] == 1 || info->data_shape[1] == of->data_shape[1]);
    for (int d = 0; d < of->data_ndim; d++)
        fits &= d == 1 || info->data_shape[d] == of->data_shape[d];
    if (!fits)
        return mt_fail(err, MT_E_ARGUMENT, "mask %s does not have the samples and the size of %s", info->source,
                       of->source);
    return MT_OK;
}

static mt_status check_numbers(const mt_statistics_options *o, mt_error *err)
{
    if (o->n_quantiles > MT_MOST_QUANTILES)
        return mt_fail(err, MT_E_ARGUMENT, "%zu quantiles: at most %d", o->n_quantiles, MT_MOST_QUANTILES);
    for (size_t i = 0; i < o->n_quantiles; i++)
        if (!(o->quantiles[i] >= 0 && o->quantiles[i] <= 1))
            return mt_fail(err, MT_E_ARGUMENT, "quantile %g does not lie between 0 and 1", o->quantiles[i]);
    if (o->bins > MT_MOST_BINS)
        return mt_fail(err, MT_E_ARGUMENT, "%zu bins: at most %d", o->bins, MT_MOST_BINS);
    if (o->has_range && !(isfinite(o->range[0]) && isfinite(o->range[1]) && o->range[0] < o->range[1]))
        return mt_fail(err, MT_E_ARGUMENT, "the range of the histogram must be finite and ascending, not %g to %g",
                       o->range[0], o->range[1]);
    if (!(o->sample_share >= 0 && o->sample_share < 1))
        return mt_fail(err, MT_E_ARGUMENT, "a sample of %g of the chunks: the share must be at least 0 and below 1",
                       o->sample_share);
    if (o->sample_chunks == 1 || (o->sample_share > 0 && o->sample_chunks > 0))
        return mt_fail(err, MT_E_ARGUMENT, "%s",
                       o->sample_chunks == 1 ? "a sample needs at least 2 chunks"
                                             : "a sample has a share or a number of chunks, "
                                               "not both");
    return MT_OK;
}

mt_status mt_statistics_check(mt_stack *const *stacks, size_t n, const mt_statistics_options *o, mt_dtype *dtype,
                              mt_error *err)
{
    if (n == 0)
        return mt_fail(err, MT_E_ARGUMENT, "no images to compute statistics of");
    mt_status st = check_numbers(o, err);
    if (!st)
        st = check_stacks(stacks, n, o, dtype, err);
    for (size_t i = 0; !st && o->masks && i < n; i++)
        st = check_mask(stacks[i], o->masks[i], err);
    return st;
}
