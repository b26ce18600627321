/* SPDX-License-Identifier: BSD-3-Clause */
/* Bins of equal width, with the edges of numpy.linspace. */
#ifndef MT_SAMPLING_BINS_H
#define MT_SAMPLING_BINS_H

#include "sampling/statistics/bits.h"

typedef struct mt_bins {
    size_t n;               /* number of bins; 0: none */
    double low, high, step; /* range and width */
    double per_step;        /* 1 / step */
    double margin;          /* positions farther than this from an edge, in bins, need no comparison with it */
} mt_bins;

/* A range of one value is widened by 0.5 on both sides, as numpy does. */
void mt_bins_init(mt_bins *bins, size_t n, double low, double high);

/* Adds n values to the bin of value, if it lies in the range. */
void mt_bins_add(const mt_bins *bins, double value, uint64_t n, uint64_t *counts);

/* Adds elements of a 32 or 64-bit dtype, in native byte order. */
void mt_bins_add_elements(const mt_bins *bins, mt_dtype dtype, const void *elements, size_t n, uint64_t *counts);

#endif
