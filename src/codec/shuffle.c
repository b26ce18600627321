/* SPDX-License-Identifier: BSD-3-Clause */
/* Filters that reorder bytes or drop bits: shuffle (the first bytes of all elements, then the second bytes, and so on),
 * byteswap, bitround and packbits. */
#include "base/reader.h"
#include "codec/codec.h"
#include "codec/params.h"

#include <string.h>

static size_t same_size(const void *params, size_t n)
{
    (void)params;
    return n;
}

/* A constant size lets the compiler vectorize the loop. */
#define UNSHUFFLE(size)                                                                                                \
    for (size_t i = 0; i < n; i++)                                                                                     \
        for (size_t b = 0; b < (size); b++)                                                                            \
    dst[i * (size) + b] = src[b * n + i]

static void unshuffle(const uint8_t *restrict src, uint8_t *restrict dst, size_t n, size_t size)
{
    switch (size) {
    case 2: UNSHUFFLE(2); break;
    case 4: UNSHUFFLE(4); break;
    case 8: UNSHUFFLE(8); break;
    default: UNSHUFFLE(size); break;
    }
}

#define SHUFFLE(size)                                                                                                  \
    for (size_t i = 0; i < n; i++)                                                                                     \
        for (size_t b = 0; b < (size); b++)                                                                            \
    dst[b * n + i] = src[i * (size) + b]

static void split_pairs(const void *restrict pairs, uint8_t *restrict first, uint8_t *restrict second, size_t n)
{
    const uint8_t *bytes = pairs;
    for (size_t i = 0; i < n; i++)
        first[i] = bytes[2 * i], second[i] = bytes[2 * i + 1];
}

#define BLOCK 512 /* elements; the first level cache holds their pairs */

/* Elements of eight bytes: first their pairs of bytes, then the bytes of the pairs. Compilers do not vectorize all eight
 * at once. */
static void shuffle_eight(const uint8_t *restrict src, uint8_t *restrict dst, size_t n)
{
    uint16_t pairs[4][BLOCK];
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t m = n - at < BLOCK ? n - at : BLOCK;
        for (size_t i = 0; i < m; i++)
            for (size_t q = 0; q < 4; q++)
                memcpy(&pairs[q][i], src + 8 * (at + i) + 2 * q, 2);
        for (size_t q = 0; q < 4; q++)
            split_pairs(pairs[q], dst + 2 * q * n + at, dst + (2 * q + 1) * n + at, m);
    }
}

static void shuffle(const uint8_t *restrict src, uint8_t *restrict dst, size_t n, size_t size)
{
    switch (size) {
    case 2: SHUFFLE(2); break;
    case 4: SHUFFLE(4); break;
    case 8: shuffle_eight(src, dst, n); break;
    default: SHUFFLE(size); break;
    }
}

static mt_status check_size(size_t size, size_t capacity, mt_error *err)
{
    return size <= capacity ? MT_OK : mt_fail(err, MT_E_CORRUPT, "%zu bytes, more than %zu", size, capacity);
}

/* Applies one of the two to the whole elements. Bytes after the last whole element are unchanged. */
static mt_status reorder(void (*how)(const uint8_t *restrict src, uint8_t *restrict dst, size_t n, size_t size),
                         const mt_element_params *p, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                         size_t *written, mt_error *err)
{
    mt_status st = check_size(size, capacity, err);
    if (st)
        return st;
    size_t n = size / p->element_size, whole = n * p->element_size;
    how(src, dst, n, p->element_size);
    memcpy(dst + whole, src + whole, size - whole);
    *written = size;
    return MT_OK;
}

static mt_status decode_shuffle(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                                size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    return reorder(unshuffle, params, src, size, dst, capacity, written, err);
}

static mt_status encode_shuffle(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                                size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    return reorder(shuffle, params, src, size, dst, capacity, written, err);
}

static mt_status byteswap(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                          size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    const mt_element_params *p = params;
    mt_status st = check_size(size, capacity, err);
    if (st)
        return st;
    memcpy(dst, src, size);
    mt_swap_bytes(dst, size / p->element_size, p->element_size);
    *written = size;
    return MT_OK;
}

/* Encoding rounds mantissa bits away; decoding is a copy. */
static mt_status decode_bitround(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                                 size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)params, (void)scratch;
    mt_status st = check_size(size, capacity, err);
    if (st)
        return st;
    memcpy(dst, src, size);
    *written = size;
    return MT_OK;
}

/* numcodecs' PackBits: one byte with the number of padding bits in the last byte, then eight booleans per byte, most
 * significant bit first. */
static mt_status decode_packbits(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                                 size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)params, (void)scratch;
    if (size == 0 || src[0] > 7 || (size - 1) > capacity / 8 + 1 || (size == 1 && src[0] != 0))
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes are not packed bits of %zu", size, capacity);
    size_t n = (size - 1) * 8 - src[0];
    if (n > capacity)
        return mt_fail(err, MT_E_CORRUPT, "decodes to %zu bytes, more than %zu", n, capacity);
    for (size_t i = 0; i < n; i++)
        dst[i] = src[1 + i / 8] >> (7 - i % 8) & 1;
    *written = n;
    return MT_OK;
}

static size_t packed_size(const void *params, size_t n)
{
    (void)params;
    return 1 + n / 8 + (n % 8 != 0);
}

const mt_codec mt_codec_shuffle = {
    .name = "shuffle", .decode = decode_shuffle, .encode = encode_shuffle, .encoded_size = same_size
};
const mt_codec mt_codec_byteswap = {
    .name = "byteswap", .decode = byteswap, .encode = byteswap, .encoded_size = same_size
};
const mt_codec mt_codec_bitround = { .name = "bitround", .decode = decode_bitround, .encoded_size = same_size };
const mt_codec mt_codec_packbits = { .name = "packbits", .decode = decode_packbits, .encoded_size = packed_size };
