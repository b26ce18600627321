/* SPDX-License-Identifier: BSD-3-Clause */
#include "write/halve.h"

#include "base/checked.h"
#include "base/float16.h"
#include "engine/gather.h"
#include "engine/plane_walk.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

__extension__ typedef __int128 int128;

enum { RUN = 512, MOST_PIXELS = 1 << MT_MOST_HALVED };

/* The pixels of each cell of a box, in C order. */
typedef struct cell {
    mt_dtype dtype;
    int shift, n;            /* n = 2^shift pixels, at least 2 */
    int64_t at[MOST_PIXELS]; /* their distances from the first, in bytes */
} cell;

/* Reduces n cells, at most RUN. Steps are in bytes. */
typedef void (*row_function)(const cell *c, uint8_t *out, int64_t out_step, const uint8_t *in, int64_t in_step,
                             int64_t n);

/* memcpy, because pixels may be unaligned */
#define ADD_PAIRS(stored, load, sum, second, step)                                                                     \
    for (int64_t x = 0; x < n; x++) {                                                                                  \
        stored p, q;                                                                                                   \
        memcpy(&p, a + x * (step), sizeof p);                                                                          \
        memcpy(&q, (second) + x * (step), sizeof q);                                                                   \
        sums[x] = (sum)(sums[x] + ((sum)load(p) + (sum)load(q)));                                                      \
    }

/* The steps of dense rows are constants, so that their loops are vectorised. */
#define SUM_CELLS(stored, load, sum, zero)                                                                             \
    sum sums[RUN];                                                                                                     \
    enum { SIZE = sizeof(stored) };                                                                                    \
    for (int64_t x = 0; x < n; x++)                                                                                    \
        sums[x] = (zero);                                                                                              \
    for (int i = 0; i < c->n; i += 2) {                                                                                \
        const uint8_t *a = in + c->at[i], *b = in + c->at[i + 1];                                                      \
        if (in_step == 2 * SIZE && b == a + SIZE)                                                                      \
            ADD_PAIRS(stored, load, sum, a + SIZE, 2 * SIZE)                                                           \
        else if (in_step == SIZE)                                                                                      \
            ADD_PAIRS(stored, load, sum, b, SIZE)                                                                      \
        else                                                                                                           \
            ADD_PAIRS(stored, load, sum, b, in_step)                                                                   \
    }

#define AS_IS(v) (v)
#define IS_TRUE(v) ((v) != 0)

#define STORE(step, value)                                                                                             \
    for (int64_t x = 0; x < n; x++) {                                                                                  \
        value;                                                                                                         \
        memcpy(out + x * (step), &r, sizeof r);                                                                        \
    }

/* Half a unit less one, and one more if the quotient is odd: half to even. Shifts of negative numbers round down. */
#define DEFINE_INTEGER_MEAN(name, stored, load, sum)                                                                   \
    static void name(const cell *c, uint8_t *out, int64_t out_step, const uint8_t *in, int64_t in_step, int64_t n)     \
    {                                                                                                                  \
        SUM_CELLS(stored, load, sum, 0)                                                                                \
        const int shift = c->shift;                                                                                    \
        const sum below_half = (sum)(((sum)1 << (shift - 1)) - 1);                                                     \
        if (out_step == SIZE)                                                                                          \
            STORE(SIZE, stored r = (stored)((sums[x] + below_half + (sums[x] >> shift & 1)) >> shift))                 \
        else                                                                                                           \
            STORE(out_step, stored r = (stored)((sums[x] + below_half + (sums[x] >> shift & 1)) >> shift))             \
    }

DEFINE_INTEGER_MEAN(mean_bool, uint8_t, IS_TRUE, uint16_t)
DEFINE_INTEGER_MEAN(mean_uint8, uint8_t, AS_IS, uint16_t)
DEFINE_INTEGER_MEAN(mean_int8, int8_t, AS_IS, int16_t)
DEFINE_INTEGER_MEAN(mean_uint16, uint16_t, AS_IS, int32_t)
DEFINE_INTEGER_MEAN(mean_int16, int16_t, AS_IS, int32_t)
DEFINE_INTEGER_MEAN(mean_uint32, uint32_t, AS_IS, int64_t)
DEFINE_INTEGER_MEAN(mean_int32, int32_t, AS_IS, int64_t)
DEFINE_INTEGER_MEAN(mean_uint64, uint64_t, AS_IS, int128)
DEFINE_INTEGER_MEAN(mean_int64, int64_t, AS_IS, int128)

static double load_real(mt_dtype dtype, const uint8_t *at)
{
    uint16_t half;
    float single;
    double value;
    switch (dtype) {
    case MT_FLOAT16: memcpy(&half, at, sizeof half); return (double)mt_float16_to_float(half);
    case MT_FLOAT32: memcpy(&single, at, sizeof single); return (double)single;
    default: memcpy(&value, at, sizeof value); return value;
    }
}

/* The mean of a cell whose sum is not finite. */
static double careful_mean(const cell *c, const uint8_t *in)
{
    double sum = 0, scaled = 0;
    int n = 0;
    for (int i = 0; i < c->n; i++) {
        const double v = load_real(c->dtype, in + c->at[i]);
        if (isnan(v))
            continue;
        sum += v;
        scaled += v / MOST_PIXELS; /* this sum of finite numbers cannot overflow */
        n++;
    }
    const double mean = isinf(sum) ? scaled / n * MOST_PIXELS : sum / n;
    return isnan(mean) ? (double)NAN : mean; /* of the same bits on all machines */
}

#define DEFINE_REAL_MEAN(name, stored, load, sum, to_stored, double_to_stored)                                         \
    static void name(const cell *c, uint8_t *out, int64_t out_step, const uint8_t *in, int64_t in_step, int64_t n)     \
    {                                                                                                                  \
        SUM_CELLS(stored, load, sum, (sum)-0.0) /* the sum of two -0 is -0 */                                          \
        const sum scale = (sum)1 / (sum)c->n;                                                                          \
        int n_finite = 0;                                                                                              \
        for (int64_t x = 0; x < n; x++)                                                                                \
            n_finite += sums[x] - sums[x] == 0;                                                                        \
        if (out_step == SIZE)                                                                                          \
            STORE(SIZE, stored r = to_stored(sums[x] * scale))                                                         \
        else                                                                                                           \
            STORE(out_step, stored r = to_stored(sums[x] * scale))                                                     \
        for (int64_t x = 0; n_finite < n && x < n; x++)                                                                \
            if (sums[x] - sums[x] != 0) {                                                                              \
                const stored r = double_to_stored(careful_mean(c, in + x * in_step));                                  \
                memcpy(out + x * out_step, &r, sizeof r);                                                              \
            }                                                                                                          \
    }

#define TO_FLOAT(v) ((float)(v))
DEFINE_REAL_MEAN(mean_float16, uint16_t, mt_float16_to_float, float, mt_float16_from_float, mt_float16_from_double)
DEFINE_REAL_MEAN(mean_float32, float, AS_IS, float, AS_IS, TO_FLOAT)
DEFINE_REAL_MEAN(mean_float64, double, AS_IS, double, AS_IS, AS_IS)

static const row_function means[] = {
    [MT_BOOL] = mean_bool,   [MT_UINT8] = mean_uint8,     [MT_INT8] = mean_int8,       [MT_UINT16] = mean_uint16,
    [MT_INT16] = mean_int16, [MT_UINT32] = mean_uint32,   [MT_INT32] = mean_int32,     [MT_UINT64] = mean_uint64,
    [MT_INT64] = mean_int64, [MT_FLOAT16] = mean_float16, [MT_FLOAT32] = mean_float32, [MT_FLOAT64] = mean_float64,
};

/* The bits of a number as a key in the order of the numbers; NaN last. */
static uint64_t real_key(double v)
{
    const uint64_t sign = (uint64_t)1 << 63;
    if (isnan(v))
        return UINT64_MAX;
    uint64_t bits;
    v += 0.0; /* -0 is 0 */
    memcpy(&bits, &v, sizeof bits);
    return bits & sign ? ~bits : bits | sign;
}

static uint64_t load_key(mt_dtype dtype, const uint8_t *at)
{
    const size_t size = mt_dtype_size(dtype);
    if (dtype >= MT_FLOAT16)
        return real_key(load_real(dtype, at));
    uint8_t one = *at;
    uint16_t two;
    uint32_t four;
    uint64_t bits = one;
    if (size == 2)
        memcpy(&two, at, sizeof two), bits = two;
    else if (size == 4)
        memcpy(&four, at, sizeof four), bits = four;
    else if (size == 8)
        memcpy(&bits, at, sizeof bits);
    const bool is_signed = dtype == MT_INT8 || dtype == MT_INT16 || dtype == MT_INT32 || dtype == MT_INT64;
    return dtype == MT_BOOL ? bits != 0 : is_signed ? bits ^ (uint64_t)1 << (8 * size - 1) : bits;
}

/* The pixel of the cell that represents its mode. */
static const uint8_t *find_mode(const cell *c, const uint8_t *in)
{
    uint64_t key[MOST_PIXELS];
    for (int i = 0; i < c->n; i++)
        key[i] = load_key(c->dtype, in + c->at[i]);
    int best = 0, most = 0;
    for (int i = 0; i < c->n; i++) {
        int count = 0;
        for (int j = 0; j < c->n; j++)
            count += key[j] == key[i];
        if (count > most || (count == most && key[i] < key[best]))
            best = i, most = count;
    }
    return in + c->at[best];
}

/* Labels: in most cells all pixels have the same bits. */
#define DEFINE_MODE(name, stored)                                                                                      \
    static void name(const cell *c, uint8_t *out, int64_t out_step, const uint8_t *in, int64_t in_step, int64_t n)     \
    {                                                                                                                  \
        for (int64_t x = 0; x < n; x++) {                                                                              \
            const uint8_t *at = in + x * in_step;                                                                      \
            stored first, other, differences = 0;                                                                      \
            memcpy(&first, at, sizeof first);                                                                          \
            for (int i = 1; i < c->n; i++) {                                                                           \
                memcpy(&other, at + c->at[i], sizeof other);                                                           \
                differences |= (stored)(first ^ other);                                                                \
            }                                                                                                          \
            memcpy(out + x * out_step, differences ? find_mode(c, at) : at, sizeof first);                             \
        }                                                                                                              \
    }

DEFINE_MODE(mode_1, uint8_t)
DEFINE_MODE(mode_2, uint16_t)
DEFINE_MODE(mode_4, uint32_t)
DEFINE_MODE(mode_8, uint64_t)

static row_function choose_row(mt_halving_method method, mt_dtype dtype)
{
    if (method == MT_HALVE_MEAN)
        return means[dtype];
    switch (mt_dtype_size(dtype)) {
    case 1: return mode_1;
    case 2: return mode_2;
    case 4: return mode_4;
    default: return mode_8;
    }
}

static cell make_cell(const mt_halving *h)
{
    cell c = { .dtype = h->dtype, .n = 1 };
    for (int d = 0; d < h->ndim; d++) {
        if (!h->is_halved[d])
            continue;
        assert(c.shift < MT_MOST_HALVED);
        for (int i = c.n - 1; i >= 0; i--) { /* later dimensions are faster */
            c.at[2 * i + 1] = c.at[i] + h->in_stride[d];
            c.at[2 * i] = c.at[i];
        }
        c.n *= 2;
        c.shift++;
    }
    return c;
}

/* Halves a box of whole cells: its halved extents are even. */
static void halve_whole(const mt_halving *h, const uint8_t *in, uint8_t *out)
{
    int64_t extent[MT_MAX_DIMS], step[MT_MAX_DIMS];
    for (int d = 0; d < h->ndim; d++) {
        extent[d] = mt_halved_extent(h, d);
        step[d] = h->is_halved[d] ? 2 * h->in_stride[d] : h->in_stride[d];
    }
    const cell c = make_cell(h);
    if (c.n == 1 || h->method == MT_HALVE_NEAREST) {
        const mt_convert as_is = { .from = h->dtype, .to = h->dtype };
        mt_gather(&as_is, h->ndim, extent, out, h->out_stride, in, step);
        return;
    }
    const row_function reduce = choose_row(h->method, h->dtype);
    mt_plane_walk walk;
    if (!mt_plane_walk_begin(&walk, h->ndim, extent, out, h->out_stride, in, step))
        return;
    const mt_plane p = walk.plane;
    do
        for (int64_t y = 0; y < p.rows; y++)
            for (int64_t x = 0; x < p.columns; x += RUN)
                reduce(&c, walk.out + y * p.out_row + x * p.out_column, p.out_column,
                       walk.in + y * p.in_row + x * p.in_column, p.in_column, mt_min_i64(RUN, p.columns - x));
    while (mt_plane_walk_next(&walk));
}

/* Splits odd extents, from dimension d on, into whole cells and an edge of one pixel. */
static void halve_from(mt_halving *h, int d, const uint8_t *in, uint8_t *out)
{
    while (d < h->ndim && !(h->is_halved[d] && h->extent[d] % 2 == 1))
        d++;
    if (d == h->ndim) {
        halve_whole(h, in, out);
        return;
    }
    const int64_t pairs = h->extent[d] / 2;
    h->extent[d] = 2 * pairs;
    halve_from(h, d + 1, in, out);
    h->extent[d] = 1, h->is_halved[d] = false;
    halve_from(h, d + 1, in + 2 * pairs * h->in_stride[d], out + pairs * h->out_stride[d]);
    h->extent[d] = 2 * pairs + 1, h->is_halved[d] = true;
}

void mt_halve(const mt_halving *h, const uint8_t *in, uint8_t *out)
{
    mt_halving part = *h;
    halve_from(&part, 0, in, out);
}
