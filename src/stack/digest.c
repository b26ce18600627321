/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/digest.h"

#include <stdio.h>
#include <string.h>

#define PRIME ((UINT64_C(1) << 61) - 1)

static const uint64_t base[2] = { UINT64_C(0x1b873593cc9e2d6f), UINT64_C(0x165667b19e3779fd) };
static const uint64_t upper[2] = { UINT64_C(0x1e3779b97f4a7c19), UINT64_C(0x02b2ae3d27d4eb55) };

__extension__ typedef unsigned __int128 wide;

/* --- Arithmetic modulo 2^61 - 1. --- */

static uint64_t reduce(uint64_t x)
{
    x = (x & PRIME) + (x >> 61);
    return x >= PRIME ? x - PRIME : x;
}

static uint64_t add(uint64_t a, uint64_t b) { return reduce(a + b); }

static uint64_t multiply(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;
    return reduce(((uint64_t)product & PRIME) + (uint64_t)(product >> 61));
}

static uint64_t power(uint64_t a, uint64_t n)
{
    uint64_t result = 1;
    for (; n > 0; n >>= 1, a = multiply(a, a))
        if (n & 1)
            result = multiply(result, a);
    return result;
}

/* 1 + a + ... + a^(n-1), by binary expansion of n from the highest bit: sum(2m) = sum(m) * (1 + a^m). */
static uint64_t series(uint64_t a, uint64_t n)
{
    uint64_t sum = 0, last = 1; /* sum of m terms; a^m */
    for (int bit = 63; bit >= 0; bit--) {
        sum = multiply(sum, add(1, last));
        last = multiply(last, last);
        if (n >> bit & 1) {
            sum = add(multiply(sum, a), 1);
            last = multiply(last, a);
        }
    }
    return sum;
}

void mt_digest_add(mt_digest_sum *sum, const mt_digest_sum *more)
{
    for (int k = 0; k < 2; k++)
        sum->k[k] = add(sum->k[k], more->k[k]);
}

/* --- Tables. --- */

static void fill_row(const mt_digest_sum *step, int64_t n, mt_digest_row *row)
{
    for (int k = 0; k < 2; k++) {
        uint64_t x = 1;
        for (int64_t j = 0; j < n; j++, x = multiply(x, step->k[k])) {
            row->low[k][j] = (uint32_t)(x & 0x7fffffff);
            row->high[k][j] = (uint32_t)(x >> 31);
        }
    }
}

mt_status mt_digest_init(mt_digest *digest, mt_env *env, const mt_stack_dims *dims, const mt_stack_info *info,
                         mt_error *err)
{
    uint64_t weight[5];
    bool has_z = info->data_ndim == 5;
    void *memory;
    *digest = (mt_digest) { .env = env, .dims = dims };
    mt_status st = mt_alloc(env, MT_MAX_DIMS * sizeof *digest->rows, &memory, err);
    if (st)
        return st;
    digest->rows = memory;
    weight[MT_AXIS_X] = 1;
    weight[MT_AXIS_Y] = (uint64_t)info->data_shape[info->data_ndim - 1];
    weight[MT_AXIS_Z] = weight[MT_AXIS_Y] * (uint64_t)info->data_shape[info->data_ndim - 2];
    weight[MT_AXIS_C] = weight[MT_AXIS_Z] * (has_z ? (uint64_t)info->data_shape[2] : 1);
    weight[MT_AXIS_S] = weight[MT_AXIS_C] * (uint64_t)info->data_shape[1];
    fill_row(&(mt_digest_sum) { { 1, 1 } }, 1, &digest->rows[0]); /* for a single pixel without dimensions */
    for (int d = 0; d < dims->ndim; d++) {
        for (int k = 0; k < 2; k++) {
            digest->step[d].k[k] = power(base[k], weight[dims->axis[d]] * (uint64_t)dims->step[d]);
            digest->row_step[d].k[k] = power(digest->step[d].k[k], MT_DIGEST_ROW);
        }
        int64_t n = dims->shape[d] < MT_DIGEST_ROW ? dims->shape[d] : MT_DIGEST_ROW;
        fill_row(&digest->step[d], n, &digest->rows[d]);
    }
    return MT_OK;
}

void mt_digest_destroy(mt_digest *digest) { mt_release(digest->env, digest->rows, MT_MAX_DIMS * sizeof *digest->rows); }

/* --- Boxes. --- */

/* Up to MT_DIGEST_ROW pixels, split into 16-bit numbers, lowest first. */
typedef struct pixels {
    uint32_t part[4][MT_DIGEST_ROW];
} pixels;

#define LOAD(type, swapped)                                                                                            \
    for (int64_t j = 0; j < n; j++) {                                                                                  \
        type x;                                                                                                        \
        memcpy(&x, in + j * stride, sizeof x);                                                                         \
        if (swap)                                                                                                      \
            x = swapped;                                                                                               \
        for (size_t i = 0; 16 * i < 8 * sizeof x; i++)                                                                 \
            out->part[i][j] = (uint16_t)((uint64_t)x >> 16 * i);                                                       \
    }

/* Contiguous bytes and words, the common case, have loops that compilers vectorize. */
static int load(mt_dtype dtype, bool swap, const uint8_t *in, int64_t stride, int64_t n, pixels *out)
{
    size_t size = mt_dtype_size(dtype);
    uint32_t *restrict first = out->part[0];
    if (dtype == MT_BOOL) {
        for (int64_t j = 0; j < n; j++)
            first[j] = in[j * stride] != 0;
    } else if (size == 1 && stride == 1) {
        for (int64_t j = 0; j < n; j++)
            first[j] = in[j];
    } else if (size == 2 && stride == 2 && !swap) {
        for (int64_t j = 0; j < n; j++) {
            uint16_t x;
            memcpy(&x, in + 2 * j, sizeof x);
            first[j] = x;
        }
    } else if (size == 1) {
        for (int64_t j = 0; j < n; j++)
            first[j] = in[j * stride];
    } else if (size == 2) {
        LOAD(uint16_t, __builtin_bswap16(x))
    } else if (size == 4) {
        LOAD(uint32_t, __builtin_bswap32(x))
    } else {
        LOAD(uint64_t, __builtin_bswap64(x))
    }
    return size < 2 ? 1 : (int)(size / 2);
}

/* Sums up to 1024 products of 16 and 31 bits, which cannot overflow. */
static mt_digest_sum dot(const uint32_t *restrict x, const mt_digest_row *restrict row, int64_t n)
{
    uint64_t low0 = 0, low1 = 0, high0 = 0, high1 = 0;
    for (int64_t j = 0; j < n; j++) {
        /* load has filled n of x. NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
        low0 += (uint64_t)x[j] * row->low[0][j];
        high0 += (uint64_t)x[j] * row->high[0][j];
        low1 += (uint64_t)x[j] * row->low[1][j];
        high1 += (uint64_t)x[j] * row->high[1][j];
    }
    return (mt_digest_sum) { { add(reduce(low0), multiply(reduce(high0), UINT64_C(1) << 31)),
                               add(reduce(low1), multiply(reduce(high1), UINT64_C(1) << 31)) } };
}

static mt_digest_sum hash_pixels(const mt_digest *digest, const mt_visited *v, int d, const uint8_t *in, int64_t n)
{
    pixels p;
    const mt_digest_row *row = &digest->rows[d];
    int parts = load(digest->dims->dtype, v->swap, in, v->stride[d], n, &p);
    mt_digest_sum sum = dot(p.part[0], row, n);
    for (int i = 1; i < parts; i++) {
        mt_digest_sum more = dot(p.part[i], row, n);
        for (int k = 0; k < 2; k++) {
            uint64_t factor = i & 1 ? 65536 : 1;
            factor = i > 1 ? multiply(factor, upper[k]) : factor;
            sum.k[k] = add(sum.k[k], multiply(more.k[k], factor));
        }
    }
    return sum;
}

/* Sets sum to sum * step + more. */
static void advance(mt_digest_sum *sum, const mt_digest_sum *step, mt_digest_sum more)
{
    for (int k = 0; k < 2; k++)
        sum->k[k] = add(multiply(sum->k[k], step->k[k]), more.k[k]);
}

/* Hashes a row along dimension d, starting at its end. */
static mt_digest_sum hash_row(const mt_digest *digest, const mt_visited *v, int d, const uint8_t *in)
{
    mt_digest_sum sum = { { 0, 0 } };
    int64_t n = v->place.extent[d], rest = n % MT_DIGEST_ROW;
    int64_t from = n - (rest ? rest : MT_DIGEST_ROW);
    for (int64_t length = n - from; from >= 0; from -= MT_DIGEST_ROW, length = MT_DIGEST_ROW)
        advance(&sum, &digest->row_step[d], hash_pixels(digest, v, d, in + from * v->stride[d], length));
    return sum;
}

/* Chooses the dimension of the rows: X, unless it is short and another is long. */
static int choose_row(const mt_digest *digest, const mt_visited *v)
{
    enum { SHORT = 32 };
    int chosen = -1;
    for (int d = 0; d < digest->dims->ndim; d++) {
        bool is_x = digest->dims->axis[d] == MT_AXIS_X;
        if (is_x && v->place.extent[d] >= SHORT)
            return d;
        if (chosen < 0 || v->place.extent[d] > v->place.extent[chosen])
            chosen = d;
    }
    return chosen;
}

/* Hashes a box relative to its first pixel, along dimensions from d on except the row's. */
static mt_digest_sum hash_from(const mt_digest *digest, const mt_visited *v, int row, int d, const uint8_t *in)
{
    while (d < digest->dims->ndim && (d == row || v->place.extent[d] == 1))
        d++;
    if (d == digest->dims->ndim)
        return hash_row(digest, v, row, in);
    mt_digest_sum sum = { { 0, 0 } };
    for (int64_t i = v->place.extent[d] - 1; i >= 0; i--)
        advance(&sum, &digest->step[d], hash_from(digest, v, row, d + 1, in + i * v->stride[d]));
    return sum;
}

static mt_digest_sum hash_fill(const mt_digest *digest, const mt_visited *v)
{
    mt_visited one = { .data = digest->dims->fill };
    mt_digest_sum sum = hash_pixels(digest, &one, 0, one.data, 1);
    for (int k = 0; k < 2; k++)
        for (int d = 0; d < digest->dims->ndim && sum.k[k]; d++)
            sum.k[k] = multiply(sum.k[k], series(digest->step[d].k[k], (uint64_t)v->place.extent[d]));
    return sum;
}

void mt_digest_box(const mt_digest *digest, const mt_visited *v, mt_digest_sum *out)
{
    if (!v->data)
        *out = hash_fill(digest, v);
    else if (digest->dims->ndim == 0)
        *out = hash_pixels(digest, v, 0, v->data, 1);
    else
        *out = hash_from(digest, v, choose_row(digest, v), 0, v->data);
    for (int k = 0; k < 2; k++)
        for (int d = 0; d < digest->dims->ndim && out->k[k]; d++)
            out->k[k] = multiply(out->k[k], power(digest->step[d].k[k], (uint64_t)v->place.start[d]));
}

void mt_digest_finish(const mt_digest *digest, const mt_digest_sum *sum, const mt_stack_info *info, uint64_t *words)
{
    char text[160];
    int n = snprintf(text, sizeof text, "%s ", mt_dtype_name(digest->dims->dtype));
    for (int d = 0; d < info->data_ndim; d++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%lld", d ? "x" : "", (long long)info->data_shape[d]);
    for (int k = 0; k < 2; k++) {
        uint64_t z = sum->k[k];
        for (int i = 0; i < n; i++)
            z = add(multiply(z, base[k]), (uint64_t)(unsigned char)text[i] + 1);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        words[k] = z ^ z >> 31;
    }
}
