/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/strided.h"

#include "support/support.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static real read_half(uint16_t h)
{
    int exponent = h >> 10 & 31, fraction = h & 1023;
    real m = exponent == 31 ? (fraction ? (real)NAN : (real)INFINITY)
             : exponent     ? ldexpl(1024 + fraction, exponent - 25)
                            : ldexpl(fraction, -24);
    return h & 0x8000 ? -m : m;
}

#define READ(type)                                                                                                     \
    do {                                                                                                               \
        type v;                                                                                                        \
        memcpy(&v, at, sizeof v);                                                                                      \
        return (real)v;                                                                                                \
    } while (0)

real read_element(mt_dtype dtype, const void *at)
{
    switch (dtype) {
    case MT_BOOL: return *(const uint8_t *)at != 0;
    case MT_UINT8: READ(uint8_t);
    case MT_INT8: READ(int8_t);
    case MT_UINT16: READ(uint16_t);
    case MT_INT16: READ(int16_t);
    case MT_UINT32: READ(uint32_t);
    case MT_INT32: READ(int32_t);
    case MT_UINT64: READ(uint64_t);
    case MT_INT64: READ(int64_t);
    case MT_FLOAT16: {
        uint16_t h;
        memcpy(&h, at, sizeof h);
        return read_half(h);
    }
    case MT_FLOAT32: READ(float);
    default: READ(double);
    }
}

void draw_element(mt_dtype dtype, uint8_t *out, uint64_t *seed)
{
    static const double limits[] = { 0,       127,     128,      255,     256,     32767,    32768,  65535,  65504,
                                     65520,   65536,   0x1p24,   0x1p31,  0x1p32,  0x1p53,   0x1p63, 0x1p64, 0x1p-14,
                                     0x1p-24, 0x1p-25, 0x1p-149, FLT_MAX, FLT_MIN, INFINITY, NAN };
    uint64_t bits = next_random(seed);
    int kind = (int)random_between(seed, 0, 3);
    if (dtype < MT_FLOAT16 && kind > 0) { /* small, or near the limits of its or a smaller dtype */
        bits = ((uint64_t)1 << random_between(seed, 0, 63)) + (uint64_t)random_between(seed, -2, 2);
        bits = kind == 1 ? 0 - bits : bits;
        if (dtype == MT_BOOL)
            bits = bits & 1;
    } else if (dtype >= MT_FLOAT16 && kind > 0) {
        double v = limits[random_between(seed, 0, 24)];
        v += kind == 1   ? 0
             : kind == 2 ? (double)random_between(seed, -4, 4) / 4
                         : v * 0x1p-53 * (double)random_between(seed, -9, 9);
        v = bits & 1 ? -v : v;
        float f = (float)v;
        if (dtype == MT_FLOAT64)
            memcpy(&bits, &v, 8);
        else if (dtype == MT_FLOAT32)
            memcpy(&bits, &f, 4);
    }
    memcpy(out, &bits, mt_dtype_size(dtype));
}

strided make_strided(int ndim, const int64_t *extent, int64_t size, bool is_dense, uint64_t *seed)
{
    strided b = { .room = size };
    int order[MT_MAX_DIMS];
    for (int d = 0; d < ndim; d++)
        order[d] = d;
    for (int d = 0; d < ndim && !is_dense; d++) {
        int other = (int)random_between(seed, d, ndim - 1), swapped = order[d];
        order[d] = order[other], order[other] = swapped;
    }
    for (int d = ndim - 1; d >= 0; d--) {
        b.stride[order[d]] = b.room + (is_dense ? 0 : random_between(seed, 0, 3));
        b.room = b.stride[order[d]] * extent[order[d]];
    }
    for (int d = 0; d < ndim && !is_dense; d++)
        if (next_random(seed) & 1) {
            b.first += b.stride[d] * (extent[d] - 1);
            b.stride[d] = -b.stride[d];
        }
    b.bytes = malloc((size_t)b.room + 1);
    assert_non_null(b.bytes);
    for (int64_t i = 0; i < b.room; i++)
        b.bytes[i] = (uint8_t)next_random(seed);
    return b;
}

int64_t strided_position(const strided *b, int64_t i, int ndim, const int64_t *extent)
{
    int64_t at = b->first;
    for (int d = ndim - 1; d >= 0; d--) {
        at += i % extent[d] * b->stride[d];
        i /= extent[d];
    }
    return at;
}

bool is_same_real(real a, real b) { return (isnan(a) && isnan(b)) || (a == b && !signbit(a) == !signbit(b)); }
