/* SPDX-License-Identifier: BSD-3-Clause */
/* Predictors of TIFF: 2, horizontal differencing (TIFF 6.0, section 14), and 3, floating-point (Adobe Photoshop TIFF
 * Technical Note 3). Both restart in each row. */
#include "base/checked.h"
#include "base/reader.h"
#include "codec/codec.h"
#include "codec/params.h"

#include <string.h>

static size_t same_size(const void *params, size_t n)
{
    (void)params;
    return n;
}

static size_t element_bytes(const mt_row_params *p)
{
    return p->bits <= 8 ? 1 : p->bits <= 16 ? 2 : p->bits <= 32 ? 4 : 8;
}

/* Computes the bytes of a row and the number of rows. The last row may be truncated. */
static mt_status count_rows(const mt_row_params *p, size_t element, size_t size, size_t capacity, size_t *row,
                            size_t *rows, mt_error *err)
{
    if (size > capacity)
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes, more than %zu", size, capacity);
    if (mt_mul_size((size_t)p->width * (size_t)p->samples, element, row) || *row == 0)
        return mt_fail(err, MT_E_CORRUPT, "rows of size 0");
    *rows = size / *row;
    return MT_OK;
}

/* sign is the sign bit to extend, or 0. */
#define ADD_UP(type, mask, sign)                                                                                       \
    for (size_t i = samples; i < n; i++) {                                                                             \
        type a, b;                                                                                                     \
        memcpy(&a, row + (i - samples) * sizeof a, sizeof a);                                                          \
        memcpy(&b, row + i * sizeof b, sizeof b);                                                                      \
        a = (type)((((a + b) & (type)(mask)) ^ (type)(sign)) - (type)(sign));                                          \
        memcpy(row + i * sizeof a, &a, sizeof a);                                                                      \
    }

/* One sample per pixel, the common case: the sum stays in a register. */
#define ADD_UP_ONE(type)                                                                                               \
    type sum = 0;                                                                                                      \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        type a;                                                                                                        \
        memcpy(&a, row + i * sizeof a, sizeof a);                                                                      \
        sum = (type)(sum + a);                                                                                         \
        memcpy(row + i * sizeof a, &sum, sizeof a);                                                                    \
    }

static void add_up_row(uint8_t *row, size_t n, size_t samples, size_t element, uint64_t mask, uint64_t sign)
{
    if (element == 2 && samples == 1 && mask == 0xffff) {
        ADD_UP_ONE(uint16_t)
    } else if (element == 1 && samples == 1 && mask == 0xff) {
        ADD_UP_ONE(uint8_t)
    } else if (element == 1) {
        ADD_UP(uint8_t, mask, sign)
    } else if (element == 2) {
        ADD_UP(uint16_t, mask, sign)
    } else if (element == 4) {
        ADD_UP(uint32_t, mask, sign)
    } else {
        ADD_UP(uint64_t, mask, sign)
    }
}

static mt_status decode_horizontal(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                                   size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    const mt_row_params *p = params;
    size_t element = element_bytes(p), row = 0, rows = 0;
    mt_status st = count_rows(p, element, size, capacity, &row, &rows, err);
    if (st)
        return st;
    memcpy(dst, src, size);
    if (p->big_endian != mt_host_big_endian())
        mt_swap_bytes(dst, size / element, element);
    uint64_t mask = p->bits >= 64 ? UINT64_MAX : (UINT64_C(1) << p->bits) - 1;
    uint64_t sign = p->is_signed && (size_t)p->bits < 8 * element ? UINT64_C(1) << (p->bits - 1) : 0;
    for (size_t y = 0; y < rows; y++)
        add_up_row(dst + y * row, row / element, (size_t)p->samples, element, mask, sign);
    *written = size;
    return MT_OK;
}

/* Differences of fewer bits than an element has wrap when they are added up. */
#define SUBTRACT(type)                                                                                                 \
    for (size_t i = samples; i < n; i++) {                                                                             \
        type a, b;                                                                                                     \
        memcpy(&a, src + (i - samples) * sizeof a, sizeof a);                                                          \
        memcpy(&b, src + i * sizeof b, sizeof b);                                                                      \
        b = (type)(b - a);                                                                                             \
        memcpy(dst + i * sizeof b, &b, sizeof b);                                                                      \
    }

static void subtract_row(const uint8_t *restrict src, uint8_t *restrict dst, size_t n, size_t samples, size_t element)
{
    memcpy(dst, src, samples * element);
    if (element == 1) {
        SUBTRACT(uint8_t)
    } else if (element == 2) {
        SUBTRACT(uint16_t)
    } else if (element == 4) {
        SUBTRACT(uint32_t)
    } else {
        SUBTRACT(uint64_t)
    }
}

static mt_status encode_horizontal(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                                   size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    const mt_row_params *p = params;
    size_t element = element_bytes(p), row = 0, rows = 0;
    mt_status st = count_rows(p, element, size, capacity, &row, &rows, err);
    if (st)
        return st;
    for (size_t y = 0; y < rows; y++)
        subtract_row(src + y * row, dst + y * row, row / element, (size_t)p->samples, element);
    memcpy(dst + rows * row, src + rows * row, size - rows * row);
    if (p->big_endian != mt_host_big_endian())
        mt_swap_bytes(dst, size / element, element);
    *written = size;
    return MT_OK;
}

/* A row has the most significant bytes of all elements, then the next bytes, and so on, stored as differences. */
static void join_row(const uint8_t *bytes, uint8_t *out, size_t n, size_t element)
{
    bool big = mt_host_big_endian();
    for (size_t i = 0; i < n; i++)
        for (size_t b = 0; b < element; b++)
            out[i * element + (big ? b : element - 1 - b)] = bytes[b * n + i];
}

static void split_row(const uint8_t *restrict in, uint8_t *restrict bytes, size_t n, size_t element)
{
    bool big = mt_host_big_endian();
    for (size_t b = 0; b < element; b++)
        for (size_t i = 0; i < n; i++)
            bytes[b * n + i] = in[i * element + (big ? b : element - 1 - b)];
}

static mt_status decode_floating(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                                 size_t *written, mt_scratch *scratch, mt_error *err)
{
    const mt_row_params *p = params;
    size_t element = (size_t)p->bits / 8, row = 0, rows = 0;
    uint8_t *bytes;
    mt_status st = count_rows(p, element, size, capacity, &row, &rows, err);
    if (st || (st = mt_scratch_buffer(scratch, 5, row, &bytes, err)))
        return st;
    for (size_t y = 0; y < rows; y++) {
        memcpy(bytes, src + y * row, row);
        add_up_row(bytes, row, (size_t)p->samples, 1, 0xff, 0);
        join_row(bytes, dst + y * row, row / element, element);
    }
    *written = rows * row;
    return MT_OK;
}

static mt_status encode_floating(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                                 size_t *written, mt_scratch *scratch, mt_error *err)
{
    const mt_row_params *p = params;
    size_t element = (size_t)p->bits / 8, row = 0, rows = 0;
    uint8_t *bytes;
    mt_status st = count_rows(p, element, size, capacity, &row, &rows, err);
    if (!st && rows * row != size)
        st = mt_fail(err, MT_E_ARGUMENT, "%zu bytes are not rows of %zu", size, row);
    if (st || (st = mt_scratch_buffer(scratch, 5, row, &bytes, err)))
        return st;
    for (size_t y = 0; y < rows; y++) {
        split_row(src + y * row, bytes, row / element, element);
        subtract_row(bytes, dst + y * row, row, (size_t)p->samples, 1);
    }
    *written = size;
    return MT_OK;
}

const mt_codec mt_codec_predictor2 = {
    .name = "predictor2", .decode = decode_horizontal, .encode = encode_horizontal, .encoded_size = same_size
};
const mt_codec mt_codec_predictor3 = {
    .name = "predictor3", .decode = decode_floating, .encode = encode_floating, .encoded_size = same_size
};
