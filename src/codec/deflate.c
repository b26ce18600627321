/* SPDX-License-Identifier: BSD-3-Clause */
/* zlib (RFC 1950) and gzip (RFC 1952), by libdeflate. */
#include "codec/codec.h"
#include "codec/params.h"

#ifdef MT_WITH_DEFLATE
#include <libdeflate.h>

static const char decoder, encoder; /* kinds of contexts */
static void *create_decoder(int variant)
{
    (void)variant;
    return libdeflate_alloc_decompressor();
}
static void destroy_decoder(void *context) { libdeflate_free_decompressor(context); }
static void *create_encoder(int level) { return libdeflate_alloc_compressor(level); }
static void destroy_encoder(void *context) { libdeflate_free_compressor(context); }

static mt_status fail(enum libdeflate_result result, size_t capacity, mt_error *err)
{
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE)
        return mt_fail(err, MT_E_CORRUPT, "decodes to more than %zu bytes", capacity);
    return mt_fail(err, MT_E_CORRUPT, "the compressed data is broken");
}

static mt_status decode_zlib(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                             size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)params;
    struct libdeflate_decompressor *d = mt_scratch_context(scratch, &decoder, 0, create_decoder, destroy_decoder);
    if (!d)
        return mt_fail(err, MT_E_MEMORY, "out of memory");
    enum libdeflate_result result = libdeflate_zlib_decompress(d, src, size, dst, capacity, written);
    return result == LIBDEFLATE_SUCCESS ? MT_OK : fail(result, capacity, err);
}

/* A stream may have several members (RFC 1952, 2.2) and zero padding at the end. */
static mt_status decode_gzip(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                             size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)params;
    struct libdeflate_decompressor *d = mt_scratch_context(scratch, &decoder, 0, create_decoder, destroy_decoder);
    if (!d)
        return mt_fail(err, MT_E_MEMORY, "out of memory");
    *written = 0;
    bool first = true;
    while (size > 0 && (first || src[0] != 0)) {
        size_t in, out;
        enum libdeflate_result result =
            libdeflate_gzip_decompress_ex(d, src, size, dst + *written, capacity - *written, &in, &out);
        if (result != LIBDEFLATE_SUCCESS)
            return fail(result, capacity, err);
        src += in, size -= in, *written += out;
        first = false;
    }
    return first ? mt_fail(err, MT_E_CORRUPT, "no data") : MT_OK;
}

#define MAX_LEVEL 12

static mt_status check(const void *params, mt_error *err)
{
    const mt_level_params *p = params;
    if (p && (p->level < 0 || p->level > MAX_LEVEL))
        return mt_fail(err, MT_E_ARGUMENT, "deflate: a codec level of %d is not between 1 and %d", p->level, MAX_LEVEL);
    return MT_OK;
}

typedef size_t compress(struct libdeflate_compressor *, const void *src, size_t size, void *dst, size_t capacity);

static mt_status encode(const mt_level_params *p, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, compress *how, mt_error *err)
{
    int level = p && p->level ? p->level : 6;
    struct libdeflate_compressor *c = mt_scratch_context(scratch, &encoder, level, create_encoder, destroy_encoder);
    if (!c)
        return mt_fail(err, MT_E_MEMORY, "out of memory");
    *written = how(c, src, size, dst, capacity);
    return *written ? MT_OK : mt_fail(err, MT_E_ARGUMENT, "%zu bytes are not enough room", capacity);
}

static mt_status encode_zlib(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                             size_t *written, mt_scratch *scratch, mt_error *err)
{
    return encode(params, src, size, dst, capacity, written, scratch, libdeflate_zlib_compress, err);
}

/* The header has neither a time nor a name. */
static mt_status encode_gzip(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                             size_t *written, mt_scratch *scratch, mt_error *err)
{
    return encode(params, src, size, dst, capacity, written, scratch, libdeflate_gzip_compress, err);
}

/* Without a compressor, the bound is that of the worst level. */
static size_t zlib_bound(const void *params, size_t n)
{
    (void)params;
    return libdeflate_zlib_compress_bound(NULL, n);
}

static size_t gzip_bound(const void *params, size_t n)
{
    (void)params;
    return libdeflate_gzip_compress_bound(NULL, n);
}

const mt_codec mt_codec_zlib = { .name = "zlib",
                                 .build_switch = "MT_WITH_DEFLATE",
                                 .check = check,
                                 .decode = decode_zlib,
                                 .encode = encode_zlib,
                                 .encoded_bound = zlib_bound };
const mt_codec mt_codec_gzip = { .name = "gzip",
                                 .build_switch = "MT_WITH_DEFLATE",
                                 .check = check,
                                 .decode = decode_gzip,
                                 .encode = encode_gzip,
                                 .encoded_bound = gzip_bound };
#else
const mt_codec mt_codec_zlib = { .name = "zlib", .build_switch = "MT_WITH_DEFLATE" };
const mt_codec mt_codec_gzip = { .name = "gzip", .build_switch = "MT_WITH_DEFLATE" };
#endif
