/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/reduce.h"

#include "base/checked.h"

#include <math.h>
#include <string.h>

/* The scratch buffers of intermediate results. */
enum { AFTER_Y, AFTER_Z, LISTS };

#define MOST_FOURS 4 /* sums that are kept in registers */

/* skimage.transform.resize: standard deviation (f - 1) / 2. scipy.ndimage.gaussian_filter: cut off at 4 of them. */
void mt_reduce_weights(int64_t f, float *weights)
{
    const int64_t radius = 2 * (f - 1), taps = mt_reduce_taps(f);
    const double sigma = (double)(f - 1) / 2;
    double sum = 0;
    for (int64_t i = -radius; i <= radius; i++)
        sum += exp(-0.5 * (double)(i * i) / (sigma * sigma));
    for (int64_t i = 0; i < taps; i++) {
        const double left = (double)(i - 1 - radius), right = (double)(i - radius);
        double pair = i > 0 ? exp(-0.5 * left * left / (sigma * sigma)) : 0;
        pair += i < taps - 1 ? exp(-0.5 * right * right / (sigma * sigma)) : 0;
        weights[i] = (float)(pair / sum / 2);
    }
}

/* The element of an axis of n that stands at coordinate i, mirrored about the centres of the outermost elements. */
static int64_t mirror(int64_t i, int64_t n)
{
    const int64_t period = 2 * (n - 1);
    i = (i % period + period) % period;
    return i < n ? i : period - i;
}

/* The coordinate of the first of the elements that are averaged for result 0. */
static int64_t first_tap(int64_t f) { return f / 2 - 1 - 2 * (f - 1); }

/* Four floats. Compilers fail to vectorize the sums below by themselves. */
typedef float four __attribute__((vector_size(16)));

static inline four load(const float *from)
{
    four value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* Sums of 4 * n elements, from x on, of symmetric pairs of rows. */
static inline void weigh_fours(const float *const *rows, const float *weights, int64_t taps, int64_t x, int n,
                               float *out)
{
    four sums[MOST_FOURS] = { 0 };
    for (int64_t t = 0; t < taps / 2; t++) {
        const float *a = rows[t] + x, *b = rows[taps - 1 - t] + x;
        for (int i = 0; i < n; i++)
            sums[i] += weights[t] * (load(a + 4 * i) + load(b + 4 * i));
    }
    memcpy(out + x, sums, (size_t)n * sizeof *sums);
}

static float weigh_one(const float *const *rows, const float *weights, int64_t taps, int64_t x)
{
    float sum = 0;
    for (int64_t t = 0; t < taps / 2; t++)
        sum += weights[t] * (rows[t][x] + rows[taps - 1 - t][x]);
    return sum;
}

static void weigh(const float *const *rows, const float *weights, int64_t taps, int64_t n, float *out)
{
    int64_t x = 0;
    for (; x + 4 * MOST_FOURS <= n; x += 4 * MOST_FOURS)
        weigh_fours(rows, weights, taps, x, MOST_FOURS, out);
    for (; x + 4 <= n; x += 4)
        weigh_fours(rows, weights, taps, x, 1, out);
    for (; x < n; x++)
        out[x] = weigh_one(rows, weights, taps, x);
}

/* Reduces the middle axis of an array of outer x (n * f) x inner elements to n. rows has room for the taps. */
static void reduce_rows(const float *in, int64_t outer, int64_t n, int64_t inner, int64_t f, const float *weights,
                        const float **rows, float *out)
{
    const int64_t taps = mt_reduce_taps(f);
    for (int64_t o = 0; o < outer; o++, in += n * f * inner)
        for (int64_t i = 0; i < n; i++, out += inner) {
            for (int64_t t = 0; t < taps; t++)
                rows[t] = in + mirror(i * f + first_tap(f) + t, n * f) * inner;
            weigh(rows, weights, taps, inner, out);
        }
}

/* The last axis: a row is split into f rows, each with every f-th element, so that results are sums of rows, too. */
typedef struct columns {
    const float **rows; /* of the taps, in split */
    float *split;       /* f rows of length elements */
    float *result;      /* n elements */
    int64_t *source;    /* of each element of split */
    int64_t length;
} columns;

static void start_columns(int64_t n, int64_t f, columns *c)
{
    for (int64_t i = 0; i < f * c->length; i++)
        c->source[i] = mirror(i % c->length * f + i / c->length + first_tap(f), n * f);
    for (int64_t t = 0; t < mt_reduce_taps(f); t++)
        c->rows[t] = c->split + t % f * c->length + t / f;
}

static const float *reduce_columns(const float *in, int64_t n, int64_t f, const float *weights, const columns *c)
{
    for (int64_t i = 0; i < f * c->length; i++)
        c->split[i] = in[c->source[i]];
    weigh(c->rows, weights, mt_reduce_taps(f), n, c->result);
    return c->result;
}

static mt_status take_floats(mt_scratch *scratch, int buffer, const int64_t *shape, float **out, mt_error *err)
{
    int64_t n;
    uint8_t *memory;
    if (mt_product_i64(shape, 3, &n) || n > INT64_MAX / (int64_t)sizeof(float))
        return mt_fail(err, MT_E_MEMORY, "the context of the patch is larger than memory");
    mt_status st = mt_scratch_buffer(scratch, buffer, (size_t)n * sizeof(float), &memory, err);
    *out = (float *)(void *)memory;
    return st;
}

/* Reduces the first two axes. *io is the array. */
static mt_status reduce_planes(const mt_reduction *r, const float **rows, const float **io, mt_scratch *scratch,
                               mt_error *err)
{
    int64_t shape[3];
    float *out;
    mt_status st = MT_OK;
    for (int d = 0; d < 3; d++)
        shape[d] = r->size[d] * r->factor[d];
    for (int d = 1; !st && d >= 0; d--) {
        shape[d] = r->size[d];
        if (r->factor[d] == 1)
            continue;
        st = take_floats(scratch, d == 1 ? AFTER_Y : AFTER_Z, shape, &out, err);
        if (!st) {
            const int64_t outer = d == 1 ? shape[0] : 1, inner = d == 1 ? shape[2] : shape[1] * shape[2];
            reduce_rows(*io, outer, r->size[d], inner, r->factor[d], r->weights[d], rows, out);
            *io = out;
        }
    }
    return st;
}

static mt_status take_columns(const mt_reduction *r, columns *out, mt_scratch *scratch, mt_error *err)
{
    const int64_t n = r->size[2], f = r->factor[2];
    int64_t taps = 0;
    uint8_t *memory;
    for (int d = 0; d < 3; d++)
        taps = r->factor[d] == 1 ? taps : mt_max_i64(taps, mt_reduce_taps(r->factor[d]));
    out->length = f == 1 ? 0 : n + (mt_reduce_taps(f) - 1) / f;
    const size_t split = (size_t)(f * out->length);
    mt_status st = mt_scratch_buffer(scratch, LISTS,
                                     split * (sizeof *out->source + sizeof(float)) + (size_t)taps * sizeof *out->rows +
                                         (size_t)n * sizeof(float),
                                     &memory, err);
    if (st)
        return st;
    out->source = (int64_t *)(void *)memory;
    out->rows = (const float **)(void *)(out->source + split);
    out->split = (float *)(void *)(out->rows + taps);
    out->result = out->split + split;
    return MT_OK;
}

static void put_row(const float *row, int64_t n, uint8_t *out, int64_t stride)
{
    if (stride == (int64_t)sizeof *row)
        memcpy(out, row, (size_t)n * sizeof *row);
    else
        for (int64_t i = 0; i < n; i++)
            memcpy(out + i * stride, row + i, sizeof *row);
}

mt_status mt_reduce(const mt_reduction *r, const float *in, uint8_t *out, mt_scratch *scratch, mt_error *err)
{
    const int64_t n = r->size[2], f = r->factor[2];
    columns c;
    mt_status st = take_columns(r, &c, scratch, err);
    if (st || (st = reduce_planes(r, c.rows, &in, scratch, err)))
        return st;
    if (f > 1)
        start_columns(n, f, &c);
    for (int64_t z = 0; z < r->size[0]; z++)
        for (int64_t y = 0; y < r->size[1]; y++, in += n * f) {
            const float *row = f > 1 ? reduce_columns(in, n, f, r->weights[2], &c) : in;
            put_row(row, n, out + z * r->out_stride[0] + y * r->out_stride[1], r->out_stride[2]);
        }
    return MT_OK;
}
