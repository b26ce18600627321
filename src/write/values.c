/* SPDX-License-Identifier: BSD-3-Clause */
#include "write/values.h"

#include "base/checked.h"
#include "base/float16.h"
#include "engine/gather.h"
#include "engine/plane_walk.h"

#include <math.h>
#include <string.h>

/* Elements of one call of a row function: counts of it fit into 32 bits, as wide as the vectors of float32. */
enum { RUN = 512, LINE = 64 /* of the cache, in bytes */ };

/* Converts n dense elements. */
typedef void (*row_function)(uint8_t *restrict out, const uint8_t *restrict in, int64_t n, mt_value_counts *counts);

/* A row function for elements of stored, of which load(stored) has type value. convert sets r from v. memcpy, because
 * both sides may be unaligned. */
#define DEFINE_ROW(name, stored, value, load, to, convert)                                                             \
    static void name(uint8_t *restrict out, const uint8_t *restrict in, int64_t n, mt_value_counts *counts)            \
    {                                                                                                                  \
        uint32_t nan = 0, clipped = 0;                                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            stored s;                                                                                                  \
            memcpy(&s, in + i * (int64_t)sizeof s, sizeof s);                                                          \
            const value v = load(s);                                                                                   \
            to r;                                                                                                      \
            convert;                                                                                                   \
            memcpy(out + i * (int64_t)sizeof r, &r, sizeof r);                                                         \
        }                                                                                                              \
        counts->nan += nan;                                                                                            \
        counts->clipped += clipped;                                                                                    \
    }

#define AS_IS(s) (s)
#define IS_TRUE(s) ((s) != 0)

/* From real numbers to integers of at most 16 bits in float32, of at most 32 bits in float64. The sum with 1.5 times
 * 2^23 or 2^52 has unit steps: it is rounded half to even, and its last bits are the integer in two's complement. */
#define ROUND(real, bits_type, one_and_half, to, low, high)                                                            \
    do {                                                                                                               \
        const real x = (real)v;                                                                                        \
        nan += x != x;                                                                                                 \
        clipped += (x < (real)(low) - (real)0.5) | (x >= (real)(high) + (real)0.5);                                    \
        real c = x == x ? x : 0;                                                                                       \
        c = c < (real)(low) ? (real)(low) : c;                                                                         \
        c = c > (real)(high) ? (real)(high) : c;                                                                       \
        c += (one_and_half);                                                                                           \
        bits_type bits;                                                                                                \
        memcpy(&bits, &c, sizeof bits);                                                                                \
        r = (to)bits;                                                                                                  \
    } while (0)
#define ROUND_FLOAT(to, low, high) ROUND(float, uint32_t, 0x1.8p23f, to, low, high)
#define ROUND_DOUBLE(to, low, high) ROUND(double, uint64_t, 0x1.8p52, to, low, high)

/* To 64 bits: below is the least value that is rounded into the range, above the first one beyond it. */
#define ROUND_WIDE(to, below, above, low, high)                                                                        \
    do {                                                                                                               \
        const double x = (double)v;                                                                                    \
        const bool is_low = x < (below), is_high = x >= (above);                                                       \
        nan += x != x;                                                                                                 \
        clipped += is_low | is_high;                                                                                   \
        r = x != x ? 0 : is_low ? (low) : is_high ? (high) : (to)rint(x);                                              \
    } while (0)

/* From integers to integers: the limits are those of the smaller range, as values of both dtypes. */
#define CLIP(from, from_low, from_high, to, low, high)                                                                 \
    do {                                                                                                               \
        const from least = (from)((from_low) > (low) ? (from_low) : (low));                                            \
        const from most = (from)((uint64_t)(from_high) < (uint64_t)(high) ? (from_high) : (high));                     \
        clipped += (v < least) | (v > most);                                                                           \
        r = (to)(v < least ? least : v > most ? most : v);                                                             \
    } while (0)

#define IS_INFINITE_16(r) (((r)&0x7fff) == 0x7c00)

#define DEFINE_FROM_INTEGER(name, stored, load, low, high)                                                             \
    DEFINE_ROW(name##_to_bool, stored, stored, load, uint8_t, r = v != 0)                                              \
    DEFINE_ROW(name##_to_uint8, stored, stored, load, uint8_t, CLIP(stored, low, high, uint8_t, 0, UINT8_MAX))         \
    DEFINE_ROW(name##_to_int8, stored, stored, load, int8_t, CLIP(stored, low, high, int8_t, INT8_MIN, INT8_MAX))      \
    DEFINE_ROW(name##_to_uint16, stored, stored, load, uint16_t, CLIP(stored, low, high, uint16_t, 0, UINT16_MAX))     \
    DEFINE_ROW(name##_to_int16, stored, stored, load, int16_t, CLIP(stored, low, high, int16_t, INT16_MIN, INT16_MAX)) \
    DEFINE_ROW(name##_to_uint32, stored, stored, load, uint32_t, CLIP(stored, low, high, uint32_t, 0, UINT32_MAX))     \
    DEFINE_ROW(name##_to_int32, stored, stored, load, int32_t, CLIP(stored, low, high, int32_t, INT32_MIN, INT32_MAX)) \
    DEFINE_ROW(name##_to_uint64, stored, stored, load, uint64_t, CLIP(stored, low, high, uint64_t, 0, UINT64_MAX))     \
    DEFINE_ROW(name##_to_int64, stored, stored, load, int64_t, CLIP(stored, low, high, int64_t, INT64_MIN, INT64_MAX)) \
    /* float32 is exact below the limit of float16 */                                                                  \
    DEFINE_ROW(name##_to_float16, stored, stored, load, uint16_t, r = mt_float16_from_float((float)v);                 \
               clipped += IS_INFINITE_16(r))                                                                           \
    DEFINE_ROW(name##_to_float64, stored, stored, load, double, r = (double)v)

#define DEFINE_FROM_REAL(name, stored, value, load, ROUND_16, to_float16)                                              \
    DEFINE_ROW(name##_to_bool, stored, value, load, uint8_t, nan += v != v; r = (v == v) & (v != 0))                   \
    DEFINE_ROW(name##_to_uint8, stored, value, load, uint8_t, ROUND_16(uint8_t, 0, UINT8_MAX))                         \
    DEFINE_ROW(name##_to_int8, stored, value, load, int8_t, ROUND_16(int8_t, INT8_MIN, INT8_MAX))                      \
    DEFINE_ROW(name##_to_uint16, stored, value, load, uint16_t, ROUND_16(uint16_t, 0, UINT16_MAX))                     \
    DEFINE_ROW(name##_to_int16, stored, value, load, int16_t, ROUND_16(int16_t, INT16_MIN, INT16_MAX))                 \
    DEFINE_ROW(name##_to_uint32, stored, value, load, uint32_t, ROUND_DOUBLE(uint32_t, 0, UINT32_MAX))                 \
    DEFINE_ROW(name##_to_int32, stored, value, load, int32_t, ROUND_DOUBLE(int32_t, INT32_MIN, INT32_MAX))             \
    DEFINE_ROW(name##_to_uint64, stored, value, load, uint64_t, ROUND_WIDE(uint64_t, -0.5, 0x1p64, 0, UINT64_MAX))     \
    DEFINE_ROW(name##_to_int64, stored, value, load, int64_t,                                                          \
               ROUND_WIDE(int64_t, -0x1p63, 0x1p63, INT64_MIN, INT64_MAX))                                             \
    DEFINE_ROW(name##_to_float16, stored, value, load, uint16_t, r = to_float16(v);                                    \
               clipped += IS_INFINITE_16(r) & !isinf(v))                                                               \
    DEFINE_ROW(name##_to_float64, stored, value, load, double, r = (double)v)

/* Where two types have the same limit, both branches of a limit are equal. NOLINTBEGIN(bugprone-branch-clone) */
DEFINE_FROM_INTEGER(bool, uint8_t, IS_TRUE, 0, 1)
DEFINE_FROM_INTEGER(uint8, uint8_t, AS_IS, 0, UINT8_MAX)
DEFINE_FROM_INTEGER(int8, int8_t, AS_IS, INT8_MIN, INT8_MAX)
DEFINE_FROM_INTEGER(uint16, uint16_t, AS_IS, 0, UINT16_MAX)
DEFINE_FROM_INTEGER(int16, int16_t, AS_IS, INT16_MIN, INT16_MAX)
DEFINE_FROM_INTEGER(uint32, uint32_t, AS_IS, 0, UINT32_MAX)
DEFINE_FROM_INTEGER(int32, int32_t, AS_IS, INT32_MIN, INT32_MAX)
DEFINE_FROM_INTEGER(uint64, uint64_t, AS_IS, 0, UINT64_MAX)
DEFINE_FROM_INTEGER(int64, int64_t, AS_IS, INT64_MIN, INT64_MAX)
/* NOLINTEND(bugprone-branch-clone) */
DEFINE_FROM_REAL(float16, uint16_t, float, mt_float16_to_float, ROUND_FLOAT, mt_float16_from_float)
DEFINE_FROM_REAL(float32, float, float, AS_IS, ROUND_FLOAT, mt_float16_from_float)
DEFINE_FROM_REAL(float64, double, double, AS_IS, ROUND_DOUBLE, mt_float16_from_double)
DEFINE_ROW(float64_to_float32, double, double, AS_IS, float, r = (float)v; clipped += isinf(r) & !isinf(v))

#define EACH(name)                                                                                                     \
    {                                                                                                                  \
        [MT_BOOL] = name##_to_bool, [MT_UINT8] = name##_to_uint8, [MT_INT8] = name##_to_int8,                          \
        [MT_UINT16] = name##_to_uint16, [MT_INT16] = name##_to_int16, [MT_UINT32] = name##_to_uint32,                  \
        [MT_INT32] = name##_to_int32, [MT_UINT64] = name##_to_uint64, [MT_INT64] = name##_to_int64,                    \
        [MT_FLOAT16] = name##_to_float16, [MT_FLOAT64] = name##_to_float64                                             \
    }

/* By dtypes, from and to. */
static const row_function row_functions[MT_FLOAT64 + 1][MT_FLOAT64 + 1] = {
    [MT_BOOL] = EACH(bool),   [MT_UINT8] = EACH(uint8),     [MT_INT8] = EACH(int8),       [MT_UINT16] = EACH(uint16),
    [MT_INT16] = EACH(int16), [MT_UINT32] = EACH(uint32),   [MT_INT32] = EACH(int32),     [MT_UINT64] = EACH(uint64),
    [MT_INT64] = EACH(int64), [MT_FLOAT16] = EACH(float16), [MT_FLOAT32] = EACH(float32), [MT_FLOAT64] = EACH(float64),
};

static row_function choose_row(mt_dtype from, mt_dtype to)
{
    if (from == to)
        return NULL;
    return from == MT_FLOAT64 && to == MT_FLOAT32 ? float64_to_float32 : row_functions[from][to];
}

/* Converts n elements of a row whose elements are apart or in the other byte order, through buffers. */
static void convert_apart(row_function convert, const mt_values_out *out, uint8_t *to, int64_t to_step,
                          const mt_values_in *in, const uint8_t *from, int64_t from_step, int64_t n,
                          mt_value_counts *counts)
{
    uint8_t loaded[RUN * 8], converted[RUN * 8];
    const int64_t in_size = (int64_t)mt_dtype_size(in->dtype), out_size = (int64_t)mt_dtype_size(out->dtype);
    const mt_convert load = { .from = in->dtype, .to = in->dtype, .swap = in->swapped };
    const mt_convert store = { .from = out->dtype, .to = out->dtype };
    mt_gather(&load, 1, &n, loaded, &in_size, from, &from_step);
    convert(converted, loaded, n, counts);
    mt_gather(&store, 1, &n, to, &to_step, converted, &out_size);
}

static void convert_plane(row_function convert, const mt_plane *p, uint8_t *to, const mt_values_out *out,
                          const uint8_t *from, const mt_values_in *in, mt_value_counts *counts)
{
    const int64_t in_size = (int64_t)mt_dtype_size(in->dtype);
    const bool is_dense =
        !in->swapped &&
        (p->columns == 1 || (p->in_column == in_size && p->out_column == (int64_t)mt_dtype_size(out->dtype)));
    for (int64_t y = 0; y < p->rows; y++)
        for (int64_t x = 0; x < p->columns; x += RUN) {
            const int64_t n = mt_min_i64(RUN, p->columns - x);
            uint8_t *d = to + y * p->out_row + x * p->out_column;
            const uint8_t *s = from + y * p->in_row + x * p->in_column;
            if (is_dense) {
                /* Prefetch the next run, of this row or the next: an array larger than the caches takes half the time. */
                const int64_t skip = x + n < p->columns ? 0 : p->in_row - p->columns * in_size;
                const uintptr_t ahead = (uintptr_t)s + (uintptr_t)(n * in_size + skip);
                for (int64_t i = 0; i < n * in_size; i += LINE)
                    __builtin_prefetch((const void *)(ahead + (uintptr_t)i));
                convert(d, s, n, counts);
            } else {
                convert_apart(convert, out, d, p->out_column, in, s, p->in_column, n, counts);
            }
        }
}

void mt_values_convert(int ndim, const int64_t *extent, const mt_values_out *out, const mt_values_in *in,
                       mt_value_counts *counts)
{
    const row_function convert = choose_row(in->dtype, out->dtype);
    if (!convert) { /* nothing to count */
        const mt_convert exact = { .from = in->dtype, .to = out->dtype, .swap = in->swapped };
        mt_gather(&exact, ndim, extent, out->data, out->stride, in->data, in->stride);
        return;
    }
    mt_plane_walk walk;
    if (!mt_plane_walk_begin(&walk, ndim, extent, out->data, out->stride, in->data, in->stride))
        return;
    do
        convert_plane(convert, &walk.plane, walk.out, out, walk.in, in, counts);
    while (mt_plane_walk_next(&walk));
}
