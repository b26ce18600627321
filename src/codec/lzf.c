/* SPDX-License-Identifier: BSD-3-Clause */
/* LZF by liblzf: a stream without header or checksum. */
#include "codec/codec.h"

#ifdef MT_WITH_LZF
#include <errno.h>
#include <limits.h>
#include <lzf.h>

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)params, (void)scratch;
    if (size == 0 || size > UINT_MAX || capacity > UINT_MAX)
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes are not a stream of %zu", size, capacity);
    *written = lzf_decompress(src, (unsigned)size, dst, (unsigned)capacity);
    if (*written == 0)
        return mt_fail(err, MT_E_CORRUPT, errno == E2BIG ? "decodes to more than %zu bytes" : "the stream is broken",
                       capacity);
    return MT_OK;
}

const mt_codec mt_codec_lzf = { .name = "lzf", .build_switch = "MT_WITH_LZF", .decode = decode };
#else
const mt_codec mt_codec_lzf = { .name = "lzf", .build_switch = "MT_WITH_LZF" };
#endif
