/* SPDX-License-Identifier: BSD-3-Clause */
/* Blosc 1. The header of 16 bytes is checked before the library sees it: version, versionlz, flags (bit 1: not
 * compressed), type size, then decoded size, block size and encoded size in four bytes each, little-endian; after it,
 * the offset of each block. */
#include "codec/codec.h"
#include "codec/params.h"

#ifdef MT_WITH_BLOSC
#include "base/reader.h"

#include <blosc.h>

#define HEADER_BYTES 16
#define STORED 0x02

typedef struct header {
    uint8_t flags, type_size;
    uint32_t decoded, block, encoded;
} header;

static mt_status check_blocks(const header *h, const uint8_t *src, mt_error *err)
{
    if (h->block == 0 || h->block > h->decoded)
        return mt_fail(err, MT_E_CORRUPT, "blocks of %u bytes", h->block);
    uint32_t n = h->decoded / h->block + (h->decoded % h->block != 0);
    if ((h->encoded - HEADER_BYTES) / 4 < n)
        return mt_fail(err, MT_E_CORRUPT, "%u blocks in %u bytes", n, h->encoded);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t start = mt_load_u32le(src + HEADER_BYTES + 4 * (size_t)i);
        if (start < HEADER_BYTES + 4 * n || start > h->encoded - 4)
            return mt_fail(err, MT_E_CORRUPT, "block %u starts at byte %u of %u", i, start, h->encoded);
    }
    return MT_OK;
}

static mt_status read_header(const uint8_t *src, size_t size, size_t capacity, header *h, mt_error *err)
{
    if (size < HEADER_BYTES)
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes are too short for a header", size);
    *h = (header) { src[2], src[3], mt_load_u32le(src + 4), mt_load_u32le(src + 8), mt_load_u32le(src + 12) };
    if (src[0] != BLOSC_VERSION_FORMAT)
        return mt_fail(err, MT_E_UNSUPPORTED, "version %d of the format is not supported", src[0]);
    if (h->decoded > capacity)
        return mt_fail(err, MT_E_CORRUPT, "decodes to %u bytes, more than %zu", h->decoded, capacity);
    if (h->decoded > BLOSC_MAX_BUFFERSIZE)
        return mt_fail(err, MT_E_UNSUPPORTED, "decodes to %u bytes, the library supports at most %d", h->decoded,
                       BLOSC_MAX_BUFFERSIZE);
    if (h->encoded > size || h->encoded < HEADER_BYTES || h->type_size == 0)
        return mt_fail(err, MT_E_CORRUPT, "the header declares %u bytes, there are %zu", h->encoded, size);
    if (h->decoded == 0)
        return MT_OK;
    if (h->flags & STORED)
        return h->encoded - HEADER_BYTES == h->decoded ? MT_OK
                                                       : mt_fail(err, MT_E_CORRUPT, "stored data of a wrong size");
    return check_blocks(h, src, err);
}

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)params, (void)scratch;
    header h;
    mt_status st = read_header(src, size, capacity, &h, err);
    if (st)
        return st;
    *written = h.decoded;
    if (h.decoded == 0)
        return MT_OK;
    int n = blosc_decompress_ctx(src, dst, h.decoded, 1);
    if (n < 0 || (uint32_t)n != h.decoded)
        return mt_fail(err, MT_E_CORRUPT, "the compressed data is broken");
    return MT_OK;
}

/* blosc_getitem counts items of type_size bytes. Bytes after the last whole item need a full decode. */
static mt_status decode_part(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                             size_t from, size_t to, mt_scratch *scratch, mt_error *err)
{
    header h;
    size_t written;
    mt_status st = read_header(src, size, capacity, &h, err);
    if (st)
        return st;
    if (h.decoded != capacity)
        return mt_fail(err, MT_E_CORRUPT, "decodes to %u bytes, the chunk needs %zu", h.decoded, capacity);
    size_t items = h.decoded / h.type_size, first = from / h.type_size;
    size_t last = to / h.type_size + (to % h.type_size != 0);
    if (last > items)
        return decode(params, src, size, dst, capacity, &written, scratch, err);
    size_t bytes = (last - first) * h.type_size;
    int n = blosc_getitem(src, (int)first, (int)(last - first), dst + first * h.type_size);
    if (n < 0 || (size_t)n != bytes)
        return mt_fail(err, MT_E_CORRUPT, "the compressed data is broken");
    return MT_OK;
}

static const char *compressor_of(const mt_blosc_params *p) { return p->compressor ? p->compressor : "lz4"; }

static mt_status check(const void *params, mt_error *err)
{
    const mt_blosc_params *p = params;
    if (!p)
        return MT_OK;
    if (blosc_compname_to_compcode(compressor_of(p)) < 0)
        return mt_fail(err, MT_E_UNSUPPORTED, "blosc: compressor '%s' is not in the library, which has %s",
                       p->compressor, blosc_list_compressors());
    if (p->level < 0 || p->level > 9)
        return mt_fail(err, MT_E_ARGUMENT, "blosc: a codec level of %d is not between 1 and 9", p->level);
    if ((unsigned)p->shuffle > MT_BLOSC_BITSHUFFLE)
        return mt_fail(err, MT_E_ARGUMENT, "blosc: shuffle %d is not known", (int)p->shuffle);
    if (p->element_size > BLOSC_MAX_TYPESIZE)
        return mt_fail(err, MT_E_ARGUMENT, "blosc: elements of %zu bytes, at most %d are possible", p->element_size,
                       BLOSC_MAX_TYPESIZE);
    if (p->block > BLOSC_MAX_BUFFERSIZE)
        return mt_fail(err, MT_E_ARGUMENT, "blosc: blocks of %zu bytes are too large", p->block);
    return MT_OK;
}

static size_t encoded_bound(const void *params, size_t n)
{
    (void)params;
    return n > BLOSC_MAX_BUFFERSIZE ? SIZE_MAX : n + BLOSC_MAX_OVERHEAD;
}

/* The library writes past the end of less room than the bound. */
static mt_status encode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    const mt_blosc_params zero = { 0 }, *p = params ? params : &zero;
    if (capacity < encoded_bound(params, size))
        return mt_fail(err, MT_E_ARGUMENT, "%zu bytes are not enough room", capacity);
    int n = blosc_compress_ctx(p->level ? p->level : 5, (int)p->shuffle, p->element_size ? p->element_size : 1, size,
                               src, dst, capacity, compressor_of(p), p->block, 1);
    if (n <= 0) /* the parameters are valid, and there is room */
        return mt_fail(err, MT_E_MEMORY, "out of memory");
    *written = (size_t)n;
    return MT_OK;
}

const mt_codec mt_codec_blosc = { .name = "blosc",
                                  .build_switch = "MT_WITH_BLOSC",
                                  .check = check,
                                  .decode = decode,
                                  .decode_part = decode_part,
                                  .encode = encode,
                                  .encoded_bound = encoded_bound };
#else
const mt_codec mt_codec_blosc = { .name = "blosc", .build_switch = "MT_WITH_BLOSC" };
#endif
