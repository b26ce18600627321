/* SPDX-License-Identifier: BSD-3-Clause */
/* Exact sums: numbers wide enough for any sum of 2^64 float64 values, or of their squares, in fixed point. Sums do not
 * depend on their order, and are rounded once, at the end. */
#ifndef MT_SAMPLING_WIDE_H
#define MT_SAMPLING_WIDE_H

#include <stdbool.h>
#include <stdint.h>

__extension__ typedef unsigned __int128 mt_u128;

/* The square of a float64 has bits from 2^-2148 to 2^2048; 64 more for the count. */
enum { MT_WIDE_WORDS = 68 };

typedef struct mt_wide {
    uint64_t words[MT_WIDE_WORDS]; /* two's complement, lowest first */
} mt_wide;

/* Adds (negative: subtracts) value * 2^shift. */
void mt_wide_add(mt_wide *sum, mt_u128 value, unsigned shift, bool negative);

void mt_wide_merge(mt_wide *sum, const mt_wide *more);

/* sum * 2^exponent / n, rounded to nearest. n > 0. */
double mt_wide_mean(const mt_wide *sum, uint64_t n, int exponent);

/* The population standard deviation of n values whose sum is sum * 2^exponent, and the sum of their squares
 * squares * 2^(2 * exponent). */
double mt_wide_deviation(const mt_wide *sum, const mt_wide *squares, uint64_t n, int exponent);

#endif
