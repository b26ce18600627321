/* SPDX-License-Identifier: BSD-3-Clause */
/* IEEE 754 binary16, as bits. Conversions to it round to nearest even; overflow is infinity, NaN is 0x7e00. */
#ifndef MT_BASE_FLOAT16_H
#define MT_BASE_FLOAT16_H

#include <stdint.h>
#include <string.h>

static inline float mt_float_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t mt_float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Both ways without branches, in signed integers of 32 bits: so loops over them are vectorised. */

/* Exact. */
static inline float mt_float16_to_float(uint16_t half)
{
    const int32_t magnitude = half & 0x7fff;
    const uint32_t subnormal = mt_float_bits((float)magnitude * 0x1p-24f);
    const uint32_t moved = (uint32_t)magnitude << 13;
    const uint32_t finite = magnitude < 0x400 ? subnormal : moved + ((127 - 15) << 23);
    const uint32_t bits = magnitude >= 0x7c00 ? moved | 0x7f800000 : finite;
    return mt_float_from_bits(bits | (uint32_t)(half & 0x8000) << 16);
}

static inline uint16_t mt_float16_from_float(float value)
{
    const uint32_t bits = mt_float_bits(value), sign = bits >> 16 & 0x8000;
    const int32_t magnitude = (int32_t)(bits & 0x7fffffff);
    /* Below 2^-14 (subnormal): the addition rounds at 2^-24, the last place of numbers from 0.5 to 1. */
    const uint32_t subnormal = mt_float_bits(mt_float_from_bits((uint32_t)magnitude) + 0.5f) - 0x3f000000;
    /* Otherwise: half a unit of the last place, less one if that is even. A carry into the exponent is right. */
    const uint32_t normal = ((uint32_t)magnitude - ((127 - 15) << 23) + 0xfff + ((uint32_t)magnitude >> 13 & 1)) >> 13;
    const uint32_t finite = magnitude < 0x38800000 ? subnormal : normal;
    const uint32_t ordered = magnitude >= 0x47800000 ? 0x7c00 : finite; /* from 65536 */
    return (uint16_t)(magnitude > 0x7f800000 ? 0x7e00 : ordered | sign);
}

static inline uint16_t mt_float16_from_double(double value)
{
    /* The nearest float32 whose last bit tells whether it is exact (rounding to odd): rounded again, which needs two
     * more bits than binary16 has, it gives what rounding once would. Boldo and Melquiond, "When double rounding is
     * odd", 2005. */
    const float nearest = (float)value;
    uint32_t bits = mt_float_bits(nearest);
    const double back = (double)nearest;
    if (back != value && value == value) {
        bits -= (value < 0 ? back < value : back > value);
        bits |= 1;
    }
    return mt_float16_from_float(mt_float_from_bits(bits));
}

#endif
