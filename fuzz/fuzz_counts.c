/* SPDX-License-Identifier: BSD-3-Clause */
/* Statistics and filters of small images. */
#include "choose_stack.h"

#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_STACKS = 2, MOST_REGIONS = 2048 };

typedef struct images {
    mt_stack *stacks[MOST_STACKS], *masks[MOST_STACKS];
    size_t n, n_spatial;
} images;

/* A mask of the size of the image, or reduced by a factor. */
static mt_stack *choose_mask(choice *c, const mt_stack *image)
{
    const mt_stack_info *info = mt_stack_get_info(image);
    int64_t shape[5], factor = one_in(c, 2) ? 1 : take_range(c, 1, 4);
    bool up = one_in(c, 2);
    for (int d = 0; d < info->data_ndim; d++)
        shape[d] = d < 2 ? (one_in(c, 2) ? 1 : info->data_shape[d])
                         : (info->data_shape[d] + (up ? factor - 1 : 0)) / factor + one_in(c, 40);
    mt_dtype dtype = one_in(c, 2) ? MT_UINT8 : MT_INT16;
    mt_stack *mask;
    if (mt_stack_from_array(fuzz_one_thread(), stack_pixels() + take_byte(c), dtype,
                            info->data_ndim == 5 ? "SCZYX" : "SCYX", shape, NULL, NULL, &mask, NULL))
        abort();
    return mask;
}

static void choose_images(choice *c, images *all)
{
    mt_dtype dtype = take_dtype(c);
    int64_t channels = take_range(c, 1, 3);
    all->n_spatial = (size_t)take_range(c, 2, 3);
    all->n = (size_t)take_range(c, 1, MOST_STACKS);
    for (size_t i = 0; i < all->n; i++) {
        int64_t n_samples = take_range(c, 1, 3), n_channels = one_in(c, 20) ? 1 : channels;
        all->stacks[i] = choose_array(c, all->n_spatial, n_samples, n_channels, one_in(c, 8) ? take_dtype(c) : dtype);
        all->masks[i] = choose_mask(c, all->stacks[i]);
    }
}

static void note_channel(const mt_statistics *s, int64_t channel, choice *c)
{
    static const double quantiles[] = { 0, 0.5, 1, 0.25, 0.999, 0.5, 2, NAN };
    const mt_channel_statistics *of = mt_statistics_get(s, channel);
    mt_normalization normalization;
    mt_error err = MT_ERROR_INIT;
    double value;
    if (!of)
        return;
    outcome_real(of->mean_error > 0 ? rint(of->mean_error * 1e6) : of->mean_error);
    if (!note_status(mt_statistics_quantile(s, channel, TAKE(c, quantiles), &value, &err), &err))
        outcome_real(value);
    mt_normalization_kind kind = (mt_normalization_kind)take_range(c, 0, one_in(c, 16) ? 4 : 3);
    if (!note_status(mt_statistics_normalization(s, kind, channel, 0, TAKE(c, quantiles), &normalization, &err),
                     &err)) {
        outcome_real((double)normalization.subtract);
        outcome_real((double)normalization.scale);
    }
}

/* The whole document, without the error of the mean, whose last bits may differ. */
static void note_document(const char *text)
{
    for (const char *at = text; *at; at++) {
        if (strncmp(at, "mean_error", 10) == 0)
            at += strcspn(at, ",}\n");
        outcome_number((uint8_t)*at);
        if (!*at)
            return;
    }
}

static void count(choice *c, const images *all)
{
    static const double levels[] = { 0, 0.5, 1, 0.25, 0.999, 0.5, 0.01, 1.5, -0.1 };
    double quantiles[3];
    for (int i = 0; i < 3; i++)
        quantiles[i] = levels[one_in(c, 20) ? take_range(c, 7, 8) : take_range(c, 0, 6)];
    mt_statistics_options options = { .struct_size = sizeof options, .quantiles = quantiles };
    options.n_quantiles = (size_t)take_range(c, 0, 3);
    options.bins = one_in(c, 3)    ? 0
                   : one_in(c, 20) ? MT_MOST_BINS + (size_t)take_range(c, 0, 1)
                                   : (size_t)take_range(c, 1, 9);
    options.has_range = one_in(c, 3);
    options.range[0] = (double)take_range(c, -2, 5);
    options.range[1] = (double)take_range(c, 4, 260);
    options.masks = one_in(c, 4) ? (mt_stack *const *)all->masks : NULL;
    options.sample_share = one_in(c, 6) ? (double)take_range(c, -1, 9) / 8 : 0;
    options.sample_chunks = one_in(c, 6) ? (uint64_t)take_range(c, 0, 4) : 0;
    options.seed = take_byte(c);
    mt_statistics *s;
    mt_error err = MT_ERROR_INIT;
    if (note_status(mt_statistics_new(all->stacks, all->n, one_in(c, 20) ? NULL : &options, &s, &err), &err))
        return;
    note_document(mt_statistics_json(s));
    for (int64_t channel = -2; channel < 3; channel++)
        note_channel(s, channel, c);
    mt_statistics_free(s);
}

static void choose_filter(choice *c, const images *all, mt_filter_options *o, double *numbers)
{
    static const char *const filters[] = { "max", "max", "mean_std", "shannon", "mask", "mask", "median" };
    *o = (mt_filter_options) { .struct_size = sizeof *o };
    o->filter = TAKE(c, filters);
    double unit = one_in(c, 3) ? 64 : 1;
    o->threshold = one_in(c, 20) ? -1 : (double)take_range(c, 0, 255) / unit;
    o->ref_channel = one_in(c, 8) ? take_range(c, -1, 3) : 0;
    numbers[0] = one_in(c, 20) ? -1 : (double)take_range(c, 0, 90);
    numbers[1] = one_in(c, 20) ? 1.5 : (double)take_range(c, 0, 8) / 8;
    o->std_threshold = one_in(c, 2) ? &numbers[0] : NULL;
    o->coverage = one_in(c, 2) ? &numbers[1] : NULL;
    bool masked = o->filter[1] == 'a' && o->filter[2] == 's';
    o->mask = masked != one_in(c, 30) ? all->masks[0] : NULL;
    for (int d = 0; masked && d < 3; d++)
        o->mask_factor[d] = one_in(c, 4) ? take_range(c, 0, 4) : 0;
}

static void judge(choice *c, const images *all)
{
    static uint8_t keep[MOST_REGIONS];
    static float values[2 * MOST_REGIONS];
    const mt_stack_info *info = mt_stack_get_info(all->stacks[0]);
    int64_t patch_size[3], grid[3] = { 1, 1, 1 };
    double numbers[2];
    mt_filter_options options;
    mt_filter_info found = { .struct_size = sizeof found };
    mt_error err = MT_ERROR_INIT;
    for (size_t d = 0; d < all->n_spatial; d++)
        patch_size[d] = one_in(c, 3) ? take_fit(c, info->data_shape[2 + d]) : take_range(c, 1, 9);
    choose_filter(c, all, &options, numbers);
    size_t n_spatial = one_in(c, 40) ? (size_t)take_range(c, 1, 4) : all->n_spatial;
    if (note_status(mt_filter_grid(all->stacks[0], patch_size, n_spatial, grid, &err), &err))
        return;
    if (grid[0] * grid[1] * grid[2] > MOST_REGIONS)
        return;
    if (note_status(mt_filter_apply(all->stacks[0], take_range(c, 0, info->data_shape[0] - !one_in(c, 20)), patch_size,
                                    n_spatial, &options, keep, values, &found, &err),
                    &err))
        return;
    outcome_number((int64_t)found.n_regions);
    outcome_number((int64_t)found.n_kept);
    outcome_number((int64_t)found.n_nan);
    outcome_bytes(keep, found.n_regions);
    for (size_t i = 0; i < found.n_regions; i++)
        outcome_rounded((double)values[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    choice c = { .at = data, .end = data + size };
    images all;
    if (size < 8)
        return 0;
    choose_images(&c, &all);
    if (one_in(&c, 5)) /* slow: much memory */
        count(&c, &all);
    else
        judge(&c, &all);
    for (size_t i = 0; i < all.n; i++) {
        mt_stack_close(all.stacks[i]);
        mt_stack_close(all.masks[i]);
    }
    return 0;
}
