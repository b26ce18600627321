/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/gather.h"

#include "base/float16.h"
#include "engine/staged.h"

#include <math.h>
#include <string.h>

enum { ROWS_AHEAD = 5, LONGEST = 512, LINE = 64 };

/* Fetches a row into the caches. A macro, because gcc 12 treats a function that only prefetches as one without effect and
 * removes its calls. */
#define PREFETCH(row, columns, size)                                                                                   \
    do {                                                                                                               \
        for (int64_t i = 0; i < (columns) * (size); i += LINE)                                                         \
            __builtin_prefetch((const void *)((row) + (uintptr_t)i));                                                  \
        __builtin_prefetch((const void *)((row) + (uintptr_t)((columns) * (size)-1)));                                 \
    } while (0)

/* Prefetches a row some rows before it is read, and the first rows of a plane with the last rows of the plane before.
 * Hardware prefetchers miss short, distant rows. */
#define PREFETCH_ROW(p, y, row, size)                                                                                  \
    do {                                                                                                               \
        const int64_t skip = (y) + ROWS_AHEAD < (p).rows ? 0 : (p).in_skip;                                            \
        const uintptr_t ahead = (uintptr_t)(row) + (uintptr_t)(ROWS_AHEAD * (p).in_row + skip);                        \
        if ((p).columns <= LONGEST)                                                                                    \
            PREFETCH(ahead, (p).columns, size);                                                                        \
    } while (0)

#define AS_IS(v) ((float)(v))
#define AS_BOOL(v) ((float)((v) != 0))

/* memcpy, because both sides may be unaligned */
#define TO_FLOAT_ONE(type, value, in_step, out_step)                                                                   \
    do {                                                                                                               \
        type v;                                                                                                        \
        memcpy(&v, s + x * (in_step), sizeof v);                                                                       \
        float f = value;                                                                                               \
        memcpy(d + x * (out_step), &f, sizeof f);                                                                      \
    } while (0)

/* Runs of constant length compile to straight vector code. Rows of patches are short: the overhead of a general loop
 * would cost a quarter of a row. */
#define TO_FLOAT_RUNS(type, value, run)                                                                                \
    while (x + (run) <= columns)                                                                                       \
        for (int64_t end = x + (run); x < end; x++)                                                                    \
            TO_FLOAT_ONE(type, value, (int64_t)sizeof(type), (int64_t)sizeof(float));

#define TO_FLOAT_ROW(type, value)                                                                                      \
    do {                                                                                                               \
        int64_t x = 0;                                                                                                 \
        PREFETCH_ROW(own, y, s, (int64_t)sizeof(type));                                                                \
        TO_FLOAT_RUNS(type, value, 64)                                                                                 \
        TO_FLOAT_RUNS(type, value, 32)                                                                                 \
        TO_FLOAT_RUNS(type, value, 16)                                                                                 \
        for (; x < columns; x++)                                                                                       \
            TO_FLOAT_ONE(type, value, (int64_t)sizeof(type), (int64_t)sizeof(float));                                  \
    } while (0)

#define DEFINE_TO_FLOAT(name, type, value)                                                                             \
    static void name(const mt_convert *convert, const mt_plane *p, uint8_t *out, const uint8_t *in)                    \
    {                                                                                                                  \
        const float scale = convert->scale, offset = convert->offset;                                                  \
        (void)scale, (void)offset;                                                                                     \
        const mt_plane own = *p; /* a copy, so that stores to the patch cannot alias it */                             \
        const int64_t columns = own.columns;                                                                           \
        const bool dense = own.in_column == (int64_t)sizeof(type) && own.out_column == (int64_t)sizeof(float);         \
        for (int64_t y = 0; y < own.rows; y++) {                                                                       \
            const uint8_t *restrict s = in + y * own.in_row;                                                           \
            uint8_t *restrict d = out + y * own.out_row;                                                               \
            if (dense)                                                                                                 \
                TO_FLOAT_ROW(type, value);                                                                             \
            else                                                                                                       \
                for (int64_t x = 0; x < columns; x++)                                                                  \
                    TO_FLOAT_ONE(type, value, own.in_column, own.out_column);                                          \
        }                                                                                                              \
    }

#define DEFINE_EACH(name, type, load)                                                                                  \
    DEFINE_TO_FLOAT(name##_plain, type, load(v))                                                                       \
    DEFINE_TO_FLOAT(name##_multiply, type, load(v) * scale + offset)                                                   \
    DEFINE_TO_FLOAT(name##_divide, type, (load(v) - offset) / scale)

DEFINE_EACH(bool_to_float, uint8_t, AS_BOOL)
DEFINE_EACH(uint8_to_float, uint8_t, AS_IS)
DEFINE_EACH(int8_to_float, int8_t, AS_IS)
DEFINE_EACH(uint16_to_float, uint16_t, AS_IS)
DEFINE_EACH(int16_to_float, int16_t, AS_IS)
DEFINE_EACH(uint32_to_float, uint32_t, AS_IS)
DEFINE_EACH(int32_to_float, int32_t, AS_IS)
DEFINE_EACH(uint64_to_float, uint64_t, AS_IS)
DEFINE_EACH(int64_to_float, int64_t, AS_IS)
DEFINE_EACH(float16_to_float, uint16_t, mt_float16_to_float)
DEFINE_EACH(float32_to_float, float, AS_IS)
DEFINE_EACH(float64_to_float, double, AS_IS)

#define EACH(name)                                                                                                     \
    {                                                                                                                  \
        name##_plain, name##_multiply, name##_divide                                                                   \
    }

/* By dtype and mt_scaling. */
static const mt_plane_copy to_float[][3] = {
    [MT_BOOL] = EACH(bool_to_float),       [MT_UINT8] = EACH(uint8_to_float),     [MT_INT8] = EACH(int8_to_float),
    [MT_UINT16] = EACH(uint16_to_float),   [MT_INT16] = EACH(int16_to_float),     [MT_UINT32] = EACH(uint32_to_float),
    [MT_INT32] = EACH(int32_to_float),     [MT_UINT64] = EACH(uint64_to_float),   [MT_INT64] = EACH(int64_to_float),
    [MT_FLOAT16] = EACH(float16_to_float), [MT_FLOAT32] = EACH(float32_to_float), [MT_FLOAT64] = EACH(float64_to_float),
};

#define DEFINE_COPY(name, size)                                                                                        \
    static void name(const mt_convert *convert, const mt_plane *p, uint8_t *out, const uint8_t *in)                    \
    {                                                                                                                  \
        (void)convert;                                                                                                 \
        for (int64_t y = 0; y < p->rows; y++) {                                                                        \
            const uint8_t *s = in + y * p->in_row;                                                                     \
            uint8_t *d = out + y * p->out_row;                                                                         \
            if (p->in_column == (size) && p->out_column == (size))                                                     \
                memcpy(d, s, (size_t)p->columns *(size));                                                              \
            else                                                                                                       \
                for (int64_t x = 0; x < p->columns; x++)                                                               \
                    memcpy(d + x * p->out_column, s + x * p->in_column, (size));                                       \
        }                                                                                                              \
    }

DEFINE_COPY(copy_1, 1)
DEFINE_COPY(copy_2, 2)
DEFINE_COPY(copy_4, 4)
DEFINE_COPY(copy_8, 8)

#define SWAP_2(v) (uint16_t)((v) << 8 | (v) >> 8)

/* Copies, with the bytes of each element swapped. */
#define DEFINE_SWAP(name, type, swapped)                                                                               \
    static void name(const mt_convert *convert, const mt_plane *p, uint8_t *out, const uint8_t *in)                    \
    {                                                                                                                  \
        (void)convert;                                                                                                 \
        const mt_plane own = *p; /* as above */                                                                        \
        const int64_t size = (int64_t)sizeof(type);                                                                    \
        const bool dense = own.in_column == size && own.out_column == size;                                            \
        for (int64_t y = 0; y < own.rows; y++) {                                                                       \
            const uint8_t *restrict s = in + y * own.in_row;                                                           \
            uint8_t *restrict d = out + y * own.out_row;                                                               \
            PREFETCH_ROW(own, y, s, size);                                                                             \
            if (dense)                                                                                                 \
                for (int64_t x = 0; x < own.columns; x++)                                                              \
                    SWAP_ONE(type, swapped, size, size);                                                               \
            else                                                                                                       \
                for (int64_t x = 0; x < own.columns; x++)                                                              \
                    SWAP_ONE(type, swapped, own.in_column, own.out_column);                                            \
        }                                                                                                              \
    }

#define SWAP_ONE(type, swapped, in_step, out_step)                                                                     \
    do {                                                                                                               \
        type v;                                                                                                        \
        memcpy(&v, s + x * (in_step), sizeof v);                                                                       \
        v = swapped(v);                                                                                                \
        memcpy(d + x * (out_step), &v, sizeof v);                                                                      \
    } while (0)

DEFINE_SWAP(swap_2, uint16_t, SWAP_2)
DEFINE_SWAP(swap_4, uint32_t, __builtin_bswap32)
DEFINE_SWAP(swap_8, uint64_t, __builtin_bswap64)

static mt_plane_copy choose_swap(const mt_convert *convert)
{
    switch (convert->swap ? mt_dtype_size(convert->from) : 1) {
    case 2: return swap_2;
    case 4: return swap_4;
    case 8: return swap_8;
    default: return NULL;
    }
}

static mt_plane_copy choose_copy(const mt_convert *convert)
{
    if (convert->to == MT_FLOAT32 && (convert->from != MT_FLOAT32 || convert->scaling))
        return to_float[convert->from][convert->scaling];
    switch (mt_dtype_size(convert->from)) {
    case 1: return copy_1;
    case 2: return copy_2;
    case 4: return copy_4;
    default: return copy_8;
    }
}

void mt_gather(const mt_convert *convert, int ndim, const int64_t *extent, uint8_t *out, const int64_t *out_stride,
               const uint8_t *in, const int64_t *in_stride)
{
    mt_plane_walk walk;
    if (!mt_plane_walk_begin(&walk, ndim, extent, out, out_stride, in, in_stride))
        return;
    const mt_plane_copier copier = { convert, choose_copy(convert), choose_swap(convert) };
    const int64_t out_size = (int64_t)mt_dtype_size(convert->to);
    const bool is_turned =
        !convert->swap && mt_plane_is_turned(&walk.plane, (int64_t)mt_dtype_size(convert->from), out_size);
    const bool goes_past = convert->past_caches && !is_turned && mt_plane_can_go_past(&walk.plane, out_size);
    do {
        if (is_turned)
            mt_copy_turned(copier.copy, convert, &walk.plane, walk.out, walk.in, out_size);
        else if (goes_past)
            mt_copy_past(&copier, &walk.plane, walk.out, walk.in, out_size);
        else
            mt_copy_plane(&copier, &walk.plane, walk.out, walk.in);
    } while (mt_plane_walk_next(&walk));
    if (goes_past)
        mt_end_past();
}

void mt_gather_soon(size_t element_size, int ndim, const int64_t *extent, const int64_t *out_stride, const uint8_t *in,
                    const int64_t *in_stride)
{
    const int64_t size = (int64_t)element_size;
    if (ndim < 2 || in_stride[ndim - 1] != size || extent[ndim - 1] > LONGEST)
        return;
    int64_t n = extent[ndim - 2], row = in_stride[ndim - 2];
    if (out_stride[ndim - 2] < 0)
        in += (n - 1) * row, row = -row;
    for (int64_t y = 0; y < n && y < ROWS_AHEAD; y++)
        PREFETCH((uintptr_t)in + (uintptr_t)(y * row), extent[ndim - 1], size);
}

static mt_dtype dtype_of_size(size_t size)
{
    return size == 1 ? MT_UINT8 : size == 2 ? MT_UINT16 : size == 4 ? MT_UINT32 : MT_UINT64;
}

void mt_fill_border(const void *value, size_t element_size, int ndim, const int64_t *extent, const int64_t *low,
                    const int64_t *high, uint8_t *out, const int64_t *out_stride)
{
    static const int64_t same_element[MT_MAX_DIMS] = { 0 };
    mt_dtype dtype = dtype_of_size(element_size);
    mt_convert as_is = { .from = dtype, .to = dtype };
    int64_t slab[MT_MAX_DIMS];
    for (int d = 0; d < ndim; d++)
        slab[d] = extent[d];

    /* Along each dimension, fill the slabs before and after, then continue with the part between them. */
    for (int d = 0; d < ndim; d++) {
        if (low[d] > 0) {
            slab[d] = low[d];
            mt_gather(&as_is, ndim, slab, out, out_stride, value, same_element);
        }
        if (high[d] < extent[d]) {
            slab[d] = extent[d] - high[d];
            mt_gather(&as_is, ndim, slab, out + high[d] * out_stride[d], out_stride, value, same_element);
        }
        slab[d] = high[d] - low[d];
        out += low[d] * out_stride[d];
    }
}

#define PUT_INTEGER(type, low, high)                                                                                   \
    do {                                                                                                               \
        type v = isnan(value)              ? 0                                                                         \
                 : value <= (double)(low)  ? (type)(low)                                                               \
                 : value >= (double)(high) ? (type)(high)                                                              \
                                           : (type)value;                                                              \
        memcpy(out, &v, sizeof v);                                                                                     \
    } while (0)

void mt_element_from_double(mt_dtype dtype, double value, void *out)
{
    if (dtype >= MT_UINT8 && dtype <= MT_INT64)
        value = rint(value);
    switch (dtype) {
    case MT_BOOL: {
        uint8_t v = value != 0;
        memcpy(out, &v, 1);
        break;
    }
    case MT_UINT8: PUT_INTEGER(uint8_t, 0, UINT8_MAX); break;
    case MT_INT8: PUT_INTEGER(int8_t, INT8_MIN, INT8_MAX); break;
    case MT_UINT16: PUT_INTEGER(uint16_t, 0, UINT16_MAX); break;
    case MT_INT16: PUT_INTEGER(int16_t, INT16_MIN, INT16_MAX); break;
    case MT_UINT32: PUT_INTEGER(uint32_t, 0, UINT32_MAX); break;
    case MT_INT32: PUT_INTEGER(int32_t, INT32_MIN, INT32_MAX); break;
    case MT_UINT64: PUT_INTEGER(uint64_t, 0, UINT64_MAX); break;
    case MT_INT64: PUT_INTEGER(int64_t, INT64_MIN, INT64_MAX); break;
    case MT_FLOAT16: {
        uint16_t v = mt_float16_from_double(value);
        memcpy(out, &v, sizeof v);
        break;
    }
    case MT_FLOAT32: {
        float v = (float)value;
        memcpy(out, &v, sizeof v);
        break;
    }
    case MT_FLOAT64: memcpy(out, &value, sizeof value); break;
    }
}
