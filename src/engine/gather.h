/* SPDX-License-Identifier: BSD-3-Clause */
/* The strided copy of the library, with conversion, scaling and byte swapping. */
#ifndef MT_ENGINE_GATHER_H
#define MT_ENGINE_GATHER_H

#include <microtome/stack.h>

#include <stdbool.h>

/* The scaling of elements, in float32. */
typedef enum mt_scaling {
    MT_UNSCALED = 0,
    MT_MULTIPLY, /* value * scale + offset */
    MT_DIVIDE    /* (value - offset) / scale */
} mt_scaling;

/* The conversion from stored elements to elements of a patch. */
typedef struct mt_convert {
    mt_dtype from, to;   /* to is from or MT_FLOAT32 */
    bool swap;           /* the source is in the other byte order */
    mt_scaling scaling;  /* only to MT_FLOAT32 */
    float scale, offset; /* used if scaled */
    bool past_caches;    /* for much more than the caches hold: write to memory directly, where the processor can */
} mt_convert;

/* Copies a box of extent[ndim] elements. Strides are in bytes, of either sign; those of the source may be 0. Both sides
 * may be unaligned. */
void mt_gather(const mt_convert *convert, int ndim, const int64_t *extent, uint8_t *out, const int64_t *out_stride,
               const uint8_t *in, const int64_t *in_stride);

/* Fetches into the caches the rows with which a copy of the box will begin. Call it while another box is copied. */
void mt_gather_soon(size_t element_size, int ndim, const int64_t *extent, const int64_t *out_stride, const uint8_t *in,
                    const int64_t *in_stride);

/* Fills the part of a box outside [low, high) with value, one element of 1, 2, 4 or 8 bytes. */
void mt_fill_border(const void *value, size_t element_size, int ndim, const int64_t *extent, const int64_t *low,
                    const int64_t *high, uint8_t *out, const int64_t *out_stride);

/* Converts a value to one element of a dtype, rounded and clamped to its range. out holds 8 bytes. */
void mt_element_from_double(mt_dtype dtype, double value, void *out);

#endif
