/* SPDX-License-Identifier: BSD-3-Clause */
/* Steps specific to Zeiss CZI: a header before zstd, split low and high bytes, BGR order, and data shorter or longer
 * than its tile. Source: "ZISRAW (CZI) File Format Design Specification". */
#include "codec/codec.h"
#include "codec/params.h"

#include <string.h>

/* Reads the header of Zstd1: its length, then metadata chunks. Only chunk 1 is defined; its lowest bit means that the
 * low bytes of all words precede the high bytes. */
static mt_status read_head(const uint8_t *src, size_t size, size_t *head, bool *split, mt_error *err)
{
    *split = false;
    *head = size > 0 ? src[0] : 0;
    if (*head == 1)
        return MT_OK;
    if (*head != 3 || size < 3 || src[1] != 1)
        return mt_fail(err, MT_E_UNSUPPORTED, "a header of %zu bytes is not supported", *head);
    *split = (src[2] & 1) != 0;
    return MT_OK;
}

/* An odd last byte keeps its place. */
static void join(const uint8_t *src, size_t size, uint8_t *dst)
{
    size_t n = size / 2;
    for (size_t i = 0; i < n; i++) {
        dst[2 * i] = src[i];
        dst[2 * i + 1] = src[n + i];
    }
    if (size % 2)
        dst[size - 1] = src[size - 1];
}

static mt_status check_zstd(const void *params, mt_error *err)
{
    (void)params;
    const mt_codec *zstd = mt_codec_find("zstd");
    return zstd->decode ? MT_OK : mt_fail(err, MT_E_UNSUPPORTED, "this build was made without %s", zstd->build_switch);
}

static mt_status decode_zstd1(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                              size_t *written, mt_scratch *scratch, mt_error *err)
{
    const mt_codec *zstd = mt_codec_find("zstd");
    size_t head;
    bool split;
    uint8_t *room = dst;
    (void)params;
    mt_status st = read_head(src, size, &head, &split, err);
    if (!st && split)
        st = mt_scratch_buffer(scratch, 5, capacity, &room, err);
    if (st || (st = zstd->decode(NULL, src + head, size - head, room, capacity, written, scratch, err)))
        return st;
    if (split)
        join(room, *written, dst);
    return MT_OK;
}

/* Fills capacity bytes: pads with zeros or truncates. */
static mt_status decode_fit(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                            size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)params, (void)scratch, (void)err;
    size_t n = size < capacity ? size : capacity;
    memcpy(dst, src, n);
    memset(dst + n, 0, capacity - n);
    *written = capacity;
    return MT_OK;
}

/* With a constant n, the compiler inlines the copies. */
static inline void swap_samples(const uint8_t *src, size_t size, size_t pixel, size_t n, uint8_t *dst)
{
    for (size_t i = 0; i < size; i += pixel) {
        memcpy(dst + i, src + i + 2 * n, n);
        memcpy(dst + i + 2 * n, src + i, n);
    }
}

/* Swaps the first and third sample of each pixel. */
static mt_status decode_bgr(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                            size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    const mt_samples_params *p = params;
    size_t n = p->element_size, pixel = n * p->samples;
    if (size > capacity || size % pixel)
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes, of pixels of %zu, for %zu", size, pixel, capacity);
    memcpy(dst, src, size);
    switch (n) {
    case 1: swap_samples(src, size, pixel, 1, dst); break;
    case 2: swap_samples(src, size, pixel, 2, dst); break;
    default: swap_samples(src, size, pixel, n, dst);
    }
    *written = size;
    return MT_OK;
}

static size_t same_size(const void *params, size_t n)
{
    (void)params;
    return n;
}

const mt_codec mt_codec_zstd1 = { .name = "zstd1", .check = check_zstd, .decode = decode_zstd1 };
const mt_codec mt_codec_fit = { .name = "fit", .decode = decode_fit };
const mt_codec mt_codec_bgr = { .name = "bgr", .decode = decode_bgr, .encoded_size = same_size };
