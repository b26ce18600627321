/* SPDX-License-Identifier: BSD-3-Clause */
/* Boxes with random strides and elements, and their elements as numbers, for tests of copies and conversions. */
#ifndef MT_TEST_STRIDED_H
#define MT_TEST_STRIDED_H

#include <microtome/stack.h>

#include <stdbool.h>
#include <stdint.h>

/* Long double holds every value of every dtype: 64 bits of mantissa. */
typedef long double real;

real read_element(mt_dtype dtype, const void *at);

/* Equal with the same sign, or both NaN. */
bool is_same_real(real a, real b);

/* Draws an element, of which many are special: around the limits of all dtypes, halves, subnormals, NaN, infinities. */
void draw_element(mt_dtype dtype, uint8_t *out, uint64_t *seed);

/* A box: dense in C order; or with gaps, axes in any order and of either direction. */
typedef struct strided {
    int64_t stride[MT_MAX_DIMS]; /* in bytes */
    int64_t first, room;         /* the place of the first element, and the size, in bytes */
    uint8_t *bytes;              /* random ones (malloc) */
} strided;

strided make_strided(int ndim, const int64_t *extent, int64_t size, bool is_dense, uint64_t *seed);

/* The place of the i-th element in C order. */
int64_t strided_position(const strided *b, int64_t i, int ndim, const int64_t *extent);

#endif
