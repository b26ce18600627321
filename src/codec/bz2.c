/* SPDX-License-Identifier: BSD-3-Clause */
/* bzip2: one or several concatenated streams. */
#include "codec/codec.h"

#ifdef MT_WITH_BZIP2
#include <bzlib.h>
#include <limits.h>

/* Decodes one stream; *in and *out are the bytes consumed and produced. */
static mt_status decode_stream(const uint8_t *src, size_t size, uint8_t *dst, size_t capacity, size_t *in, size_t *out,
                               mt_error *err)
{
    bz_stream stream = { 0 };
    if (BZ2_bzDecompressInit(&stream, 0, 0) != BZ_OK)
        return mt_fail(err, MT_E_MEMORY, "out of memory");
    unsigned room = capacity > UINT_MAX ? UINT_MAX : (unsigned)capacity;
    unsigned given = size > UINT_MAX ? UINT_MAX : (unsigned)size;
    stream.next_in = (char *)(uintptr_t)src;
    stream.avail_in = given;
    stream.next_out = (char *)dst;
    stream.avail_out = room;
    int result = BZ2_bzDecompress(&stream);
    *in = given - stream.avail_in;
    *out = room - stream.avail_out;
    BZ2_bzDecompressEnd(&stream);
    if (result == BZ_STREAM_END)
        return MT_OK;
    if (result == BZ_OK && stream.avail_out == 0)
        return mt_fail(err, MT_E_CORRUPT, "decodes to more than %zu bytes", capacity);
    return mt_fail(err, result == BZ_MEM_ERROR ? MT_E_MEMORY : MT_E_CORRUPT, "the compressed data is broken");
}

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)params, (void)scratch;
    *written = 0;
    do {
        size_t in = 0, out = 0;
        mt_status st = decode_stream(src, size, dst + *written, capacity - *written, &in, &out, err);
        if (st)
            return st;
        src += in, size -= in, *written += out;
    } while (size > 0);
    return MT_OK;
}

const mt_codec mt_codec_bz2 = { .name = "bz2", .build_switch = "MT_WITH_BZIP2", .decode = decode };
#else
const mt_codec mt_codec_bz2 = { .name = "bz2", .build_switch = "MT_WITH_BZIP2" };
#endif
