/* SPDX-License-Identifier: BSD-3-Clause */
/* Smoothing and reduction by powers of two, as scikit-image's resize does it with its defaults (order 1, anti-aliasing):
 * along each axis a strided filter, whose weights are those of a Gaussian averaged over two neighbours. */
#ifndef MT_SAMPLING_REDUCE_H
#define MT_SAMPLING_REDUCE_H

#include "codec/codec.h"

/* The number of weights for a reduction by f, at least 2. It is even, and the weights are symmetric. */
static inline int64_t mt_reduce_taps(int64_t f) { return 4 * f - 2; }

/* Sets mt_reduce_taps(f) weights. */
void mt_reduce_weights(int64_t f, float *weights);

/* A reduction of an array with three axes; slowest first. */
typedef struct mt_reduction {
    int64_t size[3];         /* of the result; the input has size * factor */
    int64_t factor[3];       /* powers of two */
    const float *weights[3]; /* for each factor other than 1 */
    int64_t out_stride[3];   /* of the result, in bytes */
} mt_reduction;

/* Reduces an array in C order. scratch holds intermediate results. */
MT_MUST_CHECK mt_status mt_reduce(const mt_reduction *r, const float *in, uint8_t *out, mt_scratch *scratch,
                                  mt_error *err);

#endif
