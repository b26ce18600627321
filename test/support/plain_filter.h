/* SPDX-License-Identifier: BSD-3-Clause */
/* Filters (microtome/filter.h) computed slowly and plainly. */
#ifndef MT_TEST_PLAIN_FILTER_H
#define MT_TEST_PLAIN_FILTER_H

#include "support/support.h"

#include <microtome/microtome.h>

#include <stdbool.h>

/* An image of float32, ZYX, and the windows of its regions. */
typedef struct image {
    int n_spatial;
    int64_t shape[3], patch[3], grid[3], window[3]; /* 1 along a missing Z */
    int64_t n_pixels, n_window, n_regions;
    float *pixels;
} image;

/* An image of zeros; free(pixels) in the end. shape and patch: three numbers; without Z, the first is ignored. */
image new_image(int n_spatial, const int64_t *shape, const int64_t *patch);

/* Without channels and samples. The image is borrowed. */
mt_stack *open_image(mt_context *context, const image *im);

mt_context *new_context(unsigned threads, int64_t cache_bytes);

mt_filter_options options_of(const char *filter, double threshold);

typedef struct outcome {
    uint8_t *keep;
    float *values;
    mt_filter_info info;
} outcome;

/* Applies a filter with the patch size of im to the first sample. */
outcome apply(mt_stack *stack, const image *im, const mt_filter_options *o);
void outcome_free(outcome *out);

/* Fails the test if an answer is wrong. judged: what the windows are cut from, the image or a mask of its size. */
void check_answers(const image *judged, const outcome *out, const mt_filter_options *o);

#endif
