/* SPDX-License-Identifier: BSD-3-Clause */
/* The one copy of the library: strided, with conversion, scaling and byte order done on the way. */
#ifndef MT_ENGINE_GATHER_H
#define MT_ENGINE_GATHER_H

#include <microtome/stack.h>

#include <stdbool.h>

/* How stored elements become elements of a patch. */
typedef struct mt_convert {
    mt_dtype from, to; /* to is from or MT_FLOAT32 */
    bool swap;         /* the source is in the other byte order */
    bool affine;       /* to MT_FLOAT32: value * scale + offset, in float32 */
    float scale, offset;
} mt_convert;

/* Copies the box of extent[ndim] elements. Strides are in bytes, of any sign, and the source's may be 0. Neither side
 * need be aligned. */
void mt_gather(const mt_convert *convert, int ndim, const int64_t *extent, uint8_t *out, const int64_t *out_stride,
               const uint8_t *in, const int64_t *in_stride);

/* Fills with value (one element of 1, 2, 4 or 8 bytes) what of the box of extent lies outside [low, high). */
void mt_fill_border(const void *value, size_t element_size, int ndim, const int64_t *extent, const int64_t *low,
                    const int64_t *high, uint8_t *out, const int64_t *out_stride);

/* A value as one element of a dtype, rounded and clamped to its range. out has room for 8 bytes. */
void mt_element_from_double(mt_dtype dtype, double value, void *out);

#endif
