/* SPDX-License-Identifier: BSD-3-Clause */
/* zlib (RFC 1950) and gzip (RFC 1952), by libdeflate. */
#include "codec/codec.h"

#ifdef MT_WITH_DEFLATE
#include <libdeflate.h>

static const char kind;
static void *create(void) { return libdeflate_alloc_decompressor(); }
static void destroy(void *context) { libdeflate_free_decompressor(context); }

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
    struct libdeflate_decompressor *d = mt_scratch_context(scratch, &kind, create, destroy);
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
    struct libdeflate_decompressor *d = mt_scratch_context(scratch, &kind, create, destroy);
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

const mt_codec mt_codec_zlib = { .name = "zlib", .build_switch = "MT_WITH_DEFLATE", .decode = decode_zlib };
const mt_codec mt_codec_gzip = { .name = "gzip", .build_switch = "MT_WITH_DEFLATE", .decode = decode_gzip };
#else
const mt_codec mt_codec_zlib = { .name = "zlib", .build_switch = "MT_WITH_DEFLATE" };
const mt_codec mt_codec_gzip = { .name = "gzip", .build_switch = "MT_WITH_DEFLATE" };
#endif
