/* SPDX-License-Identifier: BSD-3-Clause */
/* Szip as written by HDF5 (H5Zszip.c): the decoded size in four bytes, then a stream of CCSDS 121.0-B. Lines of pixels
 * are padded to whole blocks, and pixels of 32 and 64 bits are split into planes of bytes. libaec's szip interface is
 * not used, because it does not detect a truncated padded stream. */
#include "codec/codec.h"

#ifdef MT_WITH_SZIP
#include "base/reader.h"
#include "codec/params.h"

#include <libaec.h>
#include <string.h>

enum { SZIP_MSB = 16, SZIP_NEIGHBOURS = 32 }; /* flags of mt_szip_params.options */

/* The layout of the lines of a stream, in bytes. */
typedef struct lines {
    size_t plane; /* number of byte planes; 1: not split */
    size_t line, padded, n;
} lines;

static lines measure(const mt_szip_params *p, size_t expected)
{
    lines l = { .plane = p->bits == 32 || p->bits == 64 ? p->bits / 8 : 1 };
    size_t pixel = l.plane > 1 || p->bits <= 8 ? 1 : p->bits <= 16 ? 2 : 4;
    l.line = p->line_pixels * pixel;
    l.padded = (p->line_pixels + p->block_pixels - 1) / p->block_pixels * p->block_pixels * pixel;
    l.n = expected / l.line + (expected % l.line != 0);
    return l;
}

/* The last line may be incomplete. */
static mt_status decode_stream(const mt_szip_params *p, const lines *l, const uint8_t *src, size_t size, uint8_t *out,
                               size_t room, size_t expected, mt_error *err)
{
    struct aec_stream stream = { .next_in = src,
                                 .avail_in = size,
                                 .next_out = out,
                                 .avail_out = room,
                                 .bits_per_sample = l->plane > 1 ? 8 : p->bits,
                                 .block_size = p->block_pixels,
                                 .rsi = (p->line_pixels + p->block_pixels - 1) / p->block_pixels,
                                 .flags = AEC_NOT_ENFORCE | (p->options & SZIP_MSB ? AEC_DATA_MSB : 0) |
                                          (p->options & SZIP_NEIGHBOURS ? AEC_DATA_PREPROCESS : 0) };
    int result = aec_buffer_decode(&stream);
    if (result == AEC_MEM_ERROR)
        return mt_fail(err, MT_E_MEMORY, "out of memory");
    size_t needed = expected / l->line * l->padded + expected % l->line;
    needed -= expected % l->line == 0 && expected > 0 ? l->padded - l->line : 0;
    if (result != AEC_OK || stream.total_out < needed)
        return mt_fail(err, MT_E_CORRUPT, "the data is broken");
    return MT_OK;
}

static void unpad(uint8_t *bytes, const lines *l)
{
    for (size_t i = 1; i < l->n && l->padded > l->line; i++)
        memmove(bytes + i * l->line, bytes + i * l->padded, l->line);
}

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    const mt_szip_params *p = params;
    if (size < 4)
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes are too short for a header", size);
    size_t expected = mt_load_u32le(src);
    if (expected > capacity)
        return mt_fail(err, MT_E_CORRUPT, "decodes to %zu bytes, more than %zu", expected, capacity);
    if (p->bits < 1 || p->bits > 64 || p->block_pixels < 2 || p->block_pixels > 32 || p->block_pixels % 2 ||
        p->line_pixels < 1 || p->line_pixels > 32 * 128)
        return mt_fail(err, MT_E_CORRUPT, "%u bits, %u pixels a block, %u a line", p->bits, p->block_pixels,
                       p->line_pixels);
    lines l = measure(p, expected);
    bool direct = l.padded == l.line && l.plane == 1;
    size_t room = direct ? expected : l.n * l.padded;
    uint8_t *stream = dst;
    mt_status st = direct ? MT_OK : mt_scratch_buffer(scratch, 5, room, &stream, err);
    if (st || (st = decode_stream(p, &l, src + 4, size - 4, stream, room, expected, err)))
        return st;
    *written = expected;
    if (direct)
        return MT_OK;
    unpad(stream, &l);
    size_t n = expected / l.plane;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < l.plane; k++)
            dst[i * l.plane + k] = stream[k * n + i];
    memcpy(dst + n * l.plane, stream + n * l.plane, expected - n * l.plane);
    return MT_OK;
}

const mt_codec mt_codec_szip = { .name = "szip", .build_switch = "MT_WITH_SZIP", .decode = decode };
#else
const mt_codec mt_codec_szip = { .name = "szip", .build_switch = "MT_WITH_SZIP" };
#endif
