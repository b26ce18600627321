/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/statistics/bins.h"

#include <math.h>

void mt_bins_init(mt_bins *bins, size_t n, double low, double high)
{
    if (low == high) {
        low -= 0.5;
        high += 0.5;
    }
    double span = high - low, divisor = n > 0 ? (double)n : 1;
    double step = isfinite(span) ? span / divisor : high / divisor - low / divisor;
    /* Edges and differences are rounded by less than 2^-52 of the larger end, positions by 2^-50 of their number. */
    double rounding = fmax(fabs(low), fabs(high)) * 0x1p-50;
    *bins = (mt_bins) { n, low, high, step, 1 / step, rounding < 1e-6 * step ? 1e-5 : 1 };
}

/* high - low may overflow. */
static double edge(const mt_bins *b, size_t i)
{
    double offset = (double)i * b->step;
    if (i == b->n)
        return b->high;
    return isfinite(offset) ? offset + b->low : 2 * ((double)i * (b->step / 2) + b->low / 2);
}

/* The bin of a value near an edge. */
static size_t compare_edges(const mt_bins *b, double value, size_t i)
{
    while (i > 0 && value < edge(b, i))
        i--;
    while (i + 1 < b->n && value >= edge(b, i + 1))
        i++;
    return i;
}

static inline void add(const mt_bins *b, double value, uint64_t n, uint64_t *counts)
{
    if (!(value >= b->low && value <= b->high))
        return;
    double position = (value - b->low) * b->per_step;
    size_t i = position < (double)b->n ? (size_t)position : b->n - 1;
    double inside = position - (double)i;
    if (!(inside > b->margin && inside < 1 - b->margin))
        i = compare_edges(b, value, i);
    counts[i] += n;
}

void mt_bins_add(const mt_bins *b, double value, uint64_t n, uint64_t *counts) { add(b, value, n, counts); }

#define DEFINE_ADD(type)                                                                                               \
    static void add_##type(const mt_bins *b, const type *in, size_t n, uint64_t *counts)                               \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++)                                                                                 \
            add(b, (double)in[i], 1, counts);                                                                          \
    }

DEFINE_ADD(uint32_t)
DEFINE_ADD(int32_t)
DEFINE_ADD(uint64_t)
DEFINE_ADD(int64_t)
DEFINE_ADD(float)
DEFINE_ADD(double)

void mt_bins_add_elements(const mt_bins *b, mt_dtype dtype, const void *elements, size_t n, uint64_t *counts)
{
    switch (dtype) {
    case MT_UINT32: add_uint32_t(b, elements, n, counts); break;
    case MT_INT32: add_int32_t(b, elements, n, counts); break;
    case MT_UINT64: add_uint64_t(b, elements, n, counts); break;
    case MT_INT64: add_int64_t(b, elements, n, counts); break;
    case MT_FLOAT32: add_float(b, elements, n, counts); break;
    default: add_double(b, elements, n, counts);
    }
}
