/* SPDX-License-Identifier: BSD-3-Clause */
/* LZ4 as numcodecs writes it: the decoded size in four bytes, least significant first, then one block. */
#include "codec/codec.h"

#ifdef MT_WITH_LZ4
#include "base/reader.h"

#include <limits.h>
#include <lz4.h>

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)params, (void)scratch;
    if (size < 4 || size - 4 > INT_MAX)
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes are no block", size);
    size_t expected = mt_load_u32le(src);
    if (expected > capacity || expected > INT_MAX)
        return mt_fail(err, MT_E_CORRUPT, "decodes to %zu bytes, more than %zu", expected, capacity);
    int n = LZ4_decompress_safe((const char *)src + 4, (char *)dst, (int)(size - 4), (int)expected);
    if (n < 0 || (size_t)n != expected)
        return mt_fail(err, MT_E_CORRUPT, "the block is broken");
    *written = expected;
    return MT_OK;
}

const mt_codec mt_codec_lz4 = { .name = "lz4", .build_switch = "MT_WITH_LZ4", .decode = decode };
#else
const mt_codec mt_codec_lz4 = { .name = "lz4", .build_switch = "MT_WITH_LZ4" };
#endif
