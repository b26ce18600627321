/* SPDX-License-Identifier: BSD-3-Clause */
/* The filters "mean_std" and "mask": sums over cells. */
#include "sampling/filter.h"

#include <math.h>

/* --- mean_std. --- */

typedef struct moments {
    double mean, squares; /* sum of the squared deviations from mean */
} moments;

static mt_status begin_mean_std(mt_filter *f, mt_error *err)
{
    if (f->options.threshold < 0)
        return mt_fail(err, MT_E_ARGUMENT, "the threshold of the mean, %g, is negative", f->options.threshold);
    if (f->options.std_threshold && !(*f->options.std_threshold >= 0))
        return mt_fail(err, MT_E_ARGUMENT, "the threshold of the standard deviation, %g, is negative or not a number",
                       *f->options.std_threshold);
    f->cell_bytes = sizeof(moments);
    f->n_values = 2;
    return MT_OK;
}

/* Sums that compilers can keep in vectors. */
enum { LANES = 8 };

static double sum_up(const float *x, size_t n)
{
    double sums[LANES] = { 0 }, sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            sums[k] += (double)x[i + k];
    for (; i < n; i++)
        sum += (double)x[i];
    for (size_t k = 0; k < LANES; k++)
        sum += sums[k];
    return sum;
}

static double sum_squares(const float *x, size_t n, double mean)
{
    double sums[LANES] = { 0 }, sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            sums[k] += ((double)x[i + k] - mean) * ((double)x[i + k] - mean);
    for (; i < n; i++)
        sum += ((double)x[i] - mean) * ((double)x[i] - mean);
    for (size_t k = 0; k < LANES; k++)
        sum += sums[k];
    return sum;
}

static void reduce_mean_std(const mt_filter *f, const float *pixels, void *cell, void *scratch)
{
    moments *m = cell;
    (void)scratch;
    m->mean = sum_up(pixels, f->cell_pixels) / (double)f->cell_pixels;
    m->squares = sum_squares(pixels, f->cell_pixels, m->mean);
}

/* Joins cells of the same size, as T. F. Chan, G. H. Golub and R. J. LeVeque, Updating formulae and a pairwise algorithm
 * for computing sample variances (1979). */
static bool judge_mean_std(const mt_filter *f, const void *const *cells, void *scratch, float *values)
{
    double mean = 0, squares = 0, n = (double)f->cell_pixels;
    (void)scratch;
    for (size_t k = 0; k < f->n_corners; k++)
        mean += ((const moments *)cells[k])->mean;
    mean /= (double)f->n_corners;
    for (size_t k = 0; k < f->n_corners; k++) {
        const moments *m = cells[k];
        squares += m->squares + n * (m->mean - mean) * (m->mean - mean);
    }
    double std = sqrt(squares / mt_filter_window_pixels(f));
    if (values) {
        values[0] = (float)mean;
        values[1] = (float)std;
    }
    return !(mean < f->options.threshold) && !(f->options.std_threshold && std < *f->options.std_threshold);
}

/* --- mask. --- */

static mt_status begin_mask(mt_filter *f, mt_error *err)
{
    (void)err;
    f->cell_bytes = sizeof(int64_t);
    return MT_OK;
}

static void reduce_mask(const mt_filter *f, const float *pixels, void *cell, void *scratch)
{
    int64_t n = 0;
    (void)scratch;
    for (size_t i = 0; i < f->cell_pixels; i++)
        n += pixels[i] != 0;
    *(int64_t *)cell = n;
}

static bool judge_mask(const mt_filter *f, const void *const *cells, void *scratch, float *values)
{
    int64_t n = 0;
    (void)scratch;
    for (size_t k = 0; k < f->n_corners; k++)
        n += *(const int64_t *)cells[k];
    double share = (double)n / mt_filter_window_pixels(f);
    if (values)
        values[0] = (float)share;
    return !(share < f->coverage);
}

const mt_filter_kind mt_filter_mean_std = {
    .name = "mean_std", .begin = begin_mean_std, .reduce = reduce_mean_std, .judge = judge_mean_std
};
const mt_filter_kind mt_filter_mask = {
    .name = "mask", .begin = begin_mask, .reduce = reduce_mask, .judge = judge_mask
};
