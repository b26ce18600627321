/* SPDX-License-Identifier: BSD-3-Clause */
/* Reduction of boxes by two: the step from one level of a pyramid to the next. */
#ifndef MT_WRITE_HALVE_H
#define MT_WRITE_HALVE_H

#include <microtome/stack.h>

#include <stdbool.h>

/* What becomes of a cell: the pixels, two along each halved dimension, that one pixel replaces. */
typedef enum mt_halving_method {
    /* Integers: the exact mean, rounded half to even. Real numbers: the mean of those that are not NaN; NaN if there are
     * none. float64 is summed in float64, float32 and float16 in float32: pairs along the last halved dimension first,
     * then those pairs in C order. Finite pixels have a finite mean, however large they are. */
    MT_HALVE_MEAN = 1,
    MT_HALVE_NEAREST, /* the first pixel */
    /* The most frequent value; of several, the smallest. Numbers that compare equal are one value, represented by the
     * first of them; all NaN are one value, larger than the others. */
    MT_HALVE_MODE
} mt_halving_method;

enum { MT_MOST_HALVED = 6 };

typedef struct mt_halving {
    mt_halving_method method;
    mt_dtype dtype;
    int ndim;
    int64_t extent[MT_MAX_DIMS];                             /* of the input */
    bool is_halved[MT_MAX_DIMS];                             /* true for at most MT_MOST_HALVED dimensions */
    int64_t in_stride[MT_MAX_DIMS], out_stride[MT_MAX_DIMS]; /* in bytes, of either sign; those of in may be 0 */
} mt_halving;

/* The extent of the result along dimension d: half of the input's, rounded up. */
static inline int64_t mt_halved_extent(const mt_halving *h, int d)
{
    return h->is_halved[d] ? h->extent[d] / 2 + h->extent[d] % 2 : h->extent[d];
}

/* Reduces a box. At an odd edge, cells are made of the pixels that exist. A result depends only on the pixels of its
 * cell, not on the box or its strides. Both boxes are in native byte order, may be unaligned, and do not overlap. */
void mt_halve(const mt_halving *h, const uint8_t *in, uint8_t *out);

#endif
