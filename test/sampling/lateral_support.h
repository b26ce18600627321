/* SPDX-License-Identifier: BSD-3-Clause */
/* An image, and the definition of lateral context (a Gaussian filter, then the mean of two pixels) in double. */
#ifndef MT_TEST_LATERAL_SUPPORT_H
#define MT_TEST_LATERAL_SUPPORT_H

#include "support/support.h"

#include <microtome/microtome.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 2, PLANES = 9, ROWS = 37, COLUMNS = 50, SAMPLES = 2, MOST_SCALES = 4 };

static uint16_t pixels[SAMPLES][CHANNELS][PLANES][ROWS][COLUMNS];

static inline int fill_pixels(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (size_t i = 0; i < sizeof pixels / sizeof(uint16_t); i++)
        (&pixels[0][0][0][0][0])[i] = (uint16_t)next_random(&seed);
    return 0;
}

static inline mt_context *new_context(unsigned threads, int64_t budget, const mt_allocator *allocator)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = threads, .cache_bytes = budget };
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    if (allocator)
        options.allocator = *allocator;
    check_ok(mt_context_new(&options, &context, &err), &err);
    return context;
}

/* The image, or its first planes * rows * columns pixels if its shape is given. */
static inline mt_stack *open_pixels(mt_context *context, int ndim, const int64_t *shape)
{
    static const int64_t whole[3] = { PLANES, ROWS, COLUMNS };
    int64_t sizes[5] = { SAMPLES, CHANNELS };
    memcpy(sizes + 2, shape ? shape : whole + 3 - ndim, (size_t)ndim * sizeof *sizes);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(context, pixels, MT_UINT16, ndim == 3 ? "SCZYX" : "SCYX", sizes, NULL, "array", &stack,
                                 &err),
             &err);
    return stack;
}

/* --- The definition. --- */

static inline int64_t mirror(int64_t i, int64_t n)
{
    while (i < 0 || i >= n)
        i = n == 1 ? 0 : i < 0 ? -i : 2 * (n - 1) - i;
    return i;
}

/* scipy.ndimage.gaussian_filter1d with mode="mirror". */
static inline void smooth(const double *in, int64_t n, int64_t step, double sigma, double *out)
{
    const int64_t radius = (int64_t)(4 * sigma + 0.5);
    for (int64_t i = 0; i < n; i++) {
        double sum = 0, weights = 0;
        for (int64_t t = -radius; t <= radius; t++) {
            const double w = exp(-0.5 * (double)(t * t) / (sigma * sigma));
            sum += w * in[mirror(i + t, n) * step];
            weights += w;
        }
        out[i] = sum / weights;
    }
}

/* Reduces one axis of an array of three by f. */
static inline void reduce(double *values, int64_t *shape, int axis, int64_t f)
{
    const int64_t n = shape[axis];
    int64_t step = 1, total = shape[0] * shape[1] * shape[2];
    for (int d = axis + 1; d < 3; d++)
        step *= shape[d];
    double *reduced = malloc((size_t)(total / f) * sizeof *reduced), *line = malloc((size_t)n * sizeof *line);
    for (int64_t o = 0; o < total / (n * step); o++)
        for (int64_t i = 0; i < step; i++) {
            smooth(values + o * n * step + i, n, step, (double)(f - 1) / 2, line);
            for (int64_t k = 0; k < n / f; k++)
                reduced[(o * (n / f) + k) * step + i] = (line[k * f + f / 2 - 1] + line[k * f + f / 2]) / 2;
        }
    memcpy(values, reduced, (size_t)(total / f) * sizeof *reduced);
    shape[axis] = n / f;
    free(reduced), free(line);
}

/* One scale of a patch, C(Z)YX; largest: the largest absolute value that it is made of. */
static inline double *naive(const mt_patch_request *patch, int k, double *largest)
{
    int64_t coords[3], size[3], shape[3] = { 1, 1, 1 }, n = 1;
    mt_patch_request r = *patch;
    const int64_t channels = patch->channels ? (int64_t)patch->n_channels : CHANNELS;
    for (size_t d = 0; d < r.n_spatial; d++) {
        size[d] = patch->patch_size[d] << k;
        coords[d] = patch->coords[d] + patch->patch_size[d] / 2 - size[d] / 2;
        n *= size[d];
    }
    float *part = malloc((size_t)(channels * n) * sizeof *part);
    double *values = malloc((size_t)(channels * n) * sizeof *values);
    r.coords = coords, r.patch_size = size;
    r.view.data = part, r.view.strides = NULL;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_extract_patches(&r, 1, NULL, &err), &err);
    *largest = 0;
    for (int64_t i = 0; i < channels * n; i++) {
        values[i] = (double)part[i];
        *largest = fmax(*largest, fabs(values[i]));
    }
    const int64_t kept = n >> (k * (int)r.n_spatial);
    for (int64_t c = 0; c < channels; c++) {
        for (size_t d = 0; d < r.n_spatial; d++)
            shape[3 - r.n_spatial + d] = size[d];
        for (int d = 3 - (int)r.n_spatial; d < 3 && k > 0; d++)
            reduce(values + c * n, shape, d, (int64_t)1 << k);
        memmove(values + c * kept, values + c * n, (size_t)kept * sizeof *values);
    }
    free(part);
    return values;
}

static inline int64_t product(const int64_t *sizes, size_t n)
{
    int64_t p = 1;
    for (size_t i = 0; i < n; i++)
        p *= sizes[i];
    return p;
}

/* Compares a result in C order. */
static inline void check_result(const mt_patch_request *patch, int n_scales, const float *got)
{
    const int64_t n = product(patch->patch_size, patch->n_spatial);
    const int64_t channels = patch->channels ? (int64_t)patch->n_channels : CHANNELS;
    for (int k = 0; k < n_scales; k++) {
        double largest, *expected = naive(patch, k, &largest);
        for (int64_t c = 0; c < channels; c++)
            for (int64_t i = 0; i < n; i++) {
                const double value = (double)got[(c * n_scales + k) * n + i], wanted = expected[c * n + i];
                assert_true(k == 0 ? value == wanted : fabs(value - wanted) <= 1e-6 * largest);
            }
        free(expected);
    }
}

#endif
