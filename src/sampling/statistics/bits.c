/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/statistics/bits.h"

#include <math.h>
#include <string.h>

static bool is_float(mt_dtype dtype) { return dtype >= MT_FLOAT16; }

static bool is_signed(mt_dtype dtype)
{
    return dtype == MT_INT8 || dtype == MT_INT16 || dtype == MT_INT32 || dtype == MT_INT64;
}

/* IEEE 754: binary16 has 10 bits of mantissa, binary32 23, binary64 52. */
static void init_float(mt_bits *b, uint64_t sign)
{
    b->fraction = b->size == 2 ? 10 : b->size == 4 ? 23 : 52;
    b->infinity = sign - ((uint64_t)1 << b->fraction);
    int bias = (int)((sign >> b->fraction >> 1) - 1);
    b->exponent = 1 - bias - (int)b->fraction;
    b->flip_negative = sign | (sign - 1);
    b->least = mt_bits_key(b, sign | (b->infinity - 1));
    b->most = mt_bits_key(b, b->infinity - 1);
}

void mt_bits_init(mt_bits *b, mt_dtype dtype)
{
    memset(b, 0, sizeof *b);
    b->dtype = dtype;
    b->size = mt_dtype_size(dtype);
    b->upper = b->size == 1 ? 8 : 16;
    b->lower = (unsigned)(8 * b->size) - b->upper;
    uint64_t sign = (uint64_t)1 << (8 * b->size - 1);
    b->flip_positive = is_signed(dtype) || is_float(dtype) ? sign : 0;
    b->flip_negative = is_signed(dtype) ? sign : 0;
    b->most = sign | (sign - 1);
    if (is_float(dtype))
        init_float(b, sign);
}

static double float_value(const mt_bits *b, uint64_t element)
{
    bool negative = element >> (8 * b->size - 1);
    uint64_t mantissa = element & (((uint64_t)1 << b->fraction) - 1);
    uint64_t exponent = (element & b->infinity) >> b->fraction;
    if (exponent > 0)
        mantissa |= (uint64_t)1 << b->fraction;
    double value = ldexp((double)mantissa, (int)(exponent > 0 ? exponent - 1 : 0) + b->exponent);
    return negative && mantissa > 0 ? -value : value;
}

double mt_bits_value(const mt_bits *b, uint64_t element)
{
    if (b->fraction > 0)
        return float_value(b, element);
    switch (b->dtype) {
    case MT_INT8: return (int8_t)element;
    case MT_INT16: return (int16_t)element;
    case MT_INT32: return (int32_t)element;
    case MT_INT64: return (double)(int64_t)element;
    default: return (double)element;
    }
}

uint64_t mt_bits_load(const mt_bits *b, const void *element)
{
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    switch (b->size) {
    case 1: return *(const uint8_t *)element;
    case 2: memcpy(&two, element, sizeof two); return two;
    case 4: memcpy(&four, element, sizeof four); return four;
    default: memcpy(&eight, element, sizeof eight); return eight;
    }
}
