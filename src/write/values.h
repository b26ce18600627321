/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversion of boxes from any dtype to any other. */
#ifndef MT_WRITE_VALUES_H
#define MT_WRITE_VALUES_H

#include <microtome/dtype.h>

#include <stdbool.h>
#include <stdint.h>

/* Elements that another dtype cannot hold. */
typedef struct mt_value_counts {
    uint64_t nan;     /* NaN that became 0 */
    uint64_t clipped; /* values beyond the range of the dtype, which became its limit */
} mt_value_counts;

/* A box to read. It may be unaligned. */
typedef struct mt_values_in {
    const uint8_t *data;   /* the first element */
    const int64_t *stride; /* in bytes, of either sign or 0 */
    mt_dtype dtype;
    bool swapped; /* in the other byte order */
} mt_values_in;

/* A box to write, in native byte order. It may be unaligned. */
typedef struct mt_values_out {
    uint8_t *data;
    const int64_t *stride; /* in bytes, of either sign; elements do not overlap */
    mt_dtype dtype;
} mt_values_out;

/* Copies a box of extent[ndim] elements, at most MT_MAX_DIMS dimensions. Adds to counts.
 *
 * The same dtype: elements are copied as they are.
 * To an integer: rounded half to even, then clipped; NaN becomes 0.
 * To bool: what is neither 0 nor NaN becomes 1.
 * To float16, float32, float64: rounded once, half to even. A finite value that becomes infinity is counted as clipped;
 * infinity and NaN stay. */
void mt_values_convert(int ndim, const int64_t *extent, const mt_values_out *out, const mt_values_in *in,
                       mt_value_counts *counts);

#endif
