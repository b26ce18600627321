/* SPDX-License-Identifier: BSD-3-Clause */
/* Random images in memory, of any dtype and order of axes. */
#ifndef MT_TEST_SAMPLING_IMAGES_H
#define MT_TEST_SAMPLING_IMAGES_H

#include "support/support.h"

#include <microtome/microtome.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct image {
    mt_stack *stack;
    mt_dtype dtype;
    size_t n;        /* elements */
    uint8_t *pixels; /* malloc */
    int64_t shape[5];
    char axes[6];
} image;

static inline int64_t image_side(char axis)
{
    static const int64_t sides[128] = { ['T'] = 3, ['C'] = 2, ['Z'] = 4, ['Y'] = 37, ['X'] = 53 };
    return sides[(int)axis];
}

static inline uint64_t image_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* Floats are finite, of all magnitudes, some subnormal; float64 of a range whose squares a long double can hold. */
static inline uint64_t image_bits(mt_dtype dtype, uint64_t random)
{
    double wide = ldexp((double)(int64_t)random, (int)(random % 40) - 80);
    switch (dtype) {
    case MT_FLOAT16: return (random & 0x7c00) == 0x7c00 ? random & 0x83ff : random;
    case MT_FLOAT32: {
        float f = random % 7 == 0 ? ldexpf((float)(random >> 40), -149) : (float)wide;
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        return bits;
    }
    case MT_FLOAT64: memcpy(&random, &wide, sizeof random); return random;
    default: return random;
    }
}

static inline void image_open(image *im, mt_context *context, mt_dtype dtype, const char *axes, uint64_t seed)
{
    mt_error err;
    size_t size = mt_dtype_size(dtype);
    im->dtype = dtype;
    im->n = 1;
    snprintf(im->axes, sizeof im->axes, "%s", axes);
    for (size_t d = 0; axes[d]; d++)
        im->n *= (size_t)(im->shape[d] = image_side(axes[d]));
    im->pixels = malloc(im->n * size);
    assert_non_null(im->pixels);
    for (size_t i = 0; i < im->n; i++) {
        uint64_t bits = image_bits(dtype, image_random(&seed));
        memcpy(im->pixels + i * size, &bits, size);
    }
    check_ok(mt_stack_from_array(context, im->pixels, dtype, axes, im->shape, NULL, "image", &im->stack, &err), &err);
}

static inline void image_close(image *im)
{
    mt_stack_close(im->stack);
    free(im->pixels);
}

/* The channel of element i. */
static inline int64_t image_channel(const image *im, size_t i)
{
    int64_t rest = (int64_t)i, channel = 0;
    for (int d = (int)strlen(im->axes) - 1; d >= 0; d--) {
        if (im->axes[d] == 'C')
            channel = rest % im->shape[d];
        rest /= im->shape[d];
    }
    return channel;
}

static inline double image_float16(uint16_t bits)
{
    int exponent = bits >> 10 & 31;
    double value = ldexp((bits & 1023) + (exponent ? 1024 : 0), (exponent ? exponent : 1) - 25);
    return bits >> 15 ? -value : value;
}

/* Exactly: a long double has 64 bits of mantissa. */
static inline long double image_value(const image *im, size_t i)
{
    const uint8_t *at = im->pixels + i * mt_dtype_size(im->dtype);
    union {
        uint8_t bytes[8];
        int8_t i8;
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        uint64_t u64;
        int64_t i64;
        float f32;
        double f64;
    } v = { { 0 } };
    memcpy(v.bytes, at, mt_dtype_size(im->dtype));
    switch (im->dtype) {
    case MT_BOOL: return *at != 0;
    case MT_UINT8: return *at;
    case MT_INT8: return v.i8;
    case MT_UINT16: return v.u16;
    case MT_INT16: return v.i16;
    case MT_UINT32: return v.u32;
    case MT_INT32: return v.i32;
    case MT_UINT64: return v.u64;
    case MT_INT64: return v.i64;
    case MT_FLOAT16: return image_float16(v.u16);
    case MT_FLOAT32: return v.f32;
    case MT_FLOAT64: return v.f64;
    }
    return 0;
}

#endif
