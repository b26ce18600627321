/* SPDX-License-Identifier: BSD-3-Clause */
/* LZ4 as written by numcodecs: the decoded size in four bytes, little-endian, then one block. */
#include "codec/codec.h"

#ifdef MT_WITH_LZ4
#include "base/reader.h"

#include <limits.h>
#include <lz4.h>
#include <string.h>

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)params, (void)scratch;
    if (size < 4 || size - 4 > INT_MAX)
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes are not an LZ4 block", size);
    size_t expected = mt_load_u32le(src);
    if (expected > capacity || expected > INT_MAX)
        return mt_fail(err, MT_E_CORRUPT, "decodes to %zu bytes, more than %zu", expected, capacity);
    int n = LZ4_decompress_safe((const char *)src + 4, (char *)dst, (int)(size - 4), (int)expected);
    if (n < 0 || (size_t)n != expected)
        return mt_fail(err, MT_E_CORRUPT, "the block is broken");
    *written = expected;
    return MT_OK;
}

static mt_status encode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)params, (void)scratch;
    size_t room = capacity > 4 ? capacity - 4 : 0;
    int n = LZ4_compress_default((const char *)src, (char *)dst + 4, (int)size, room > INT_MAX ? INT_MAX : (int)room);
    if (n <= 0)
        return mt_fail(err, MT_E_ARGUMENT, "%zu bytes are not enough room", capacity);
    mt_store_u32le(dst, (uint32_t)size);
    *written = 4 + (size_t)n;
    return MT_OK;
}

static size_t encoded_bound(const void *params, size_t n)
{
    (void)params;
    return n > LZ4_MAX_INPUT_SIZE ? SIZE_MAX : 4 + (size_t)LZ4_compressBound((int)n);
}

/* The filter 32004 of HDF5: the decoded size in eight bytes and the block size in four, big-endian; then, for each
 * block, its stored size in four bytes and its data, which is raw if the sizes are equal. */
static mt_status decode_blocks(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                               size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)params, (void)scratch;
    if (size < 12 || mt_load_u32be(src) != 0 || mt_load_u32be(src + 4) > capacity)
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes have no valid header for at most %zu", size, capacity);
    size_t total = mt_load_u32be(src + 4), block = mt_load_u32be(src + 8);
    if (block == 0 || block > LZ4_MAX_INPUT_SIZE)
        return mt_fail(err, MT_E_CORRUPT, "blocks of %zu bytes", block);
    *written = total;
    src += 12, size -= 12;
    while (total > 0) {
        size_t stored = size < 4 ? SIZE_MAX : mt_load_u32be(src), now = total < block ? total : block;
        if (size < 4 || stored > size - 4 || stored > INT_MAX)
            return mt_fail(err, MT_E_CORRUPT, "the data ends early");
        src += 4, size -= 4;
        if (stored == now)
            memcpy(dst, src, now);
        else if (LZ4_decompress_safe((const char *)src, (char *)dst, (int)stored, (int)now) != (int)now)
            return mt_fail(err, MT_E_CORRUPT, "a block is broken");
        src += stored, size -= stored;
        dst += now, total -= now;
    }
    return MT_OK;
}

const mt_codec mt_codec_lz4 = {
    .name = "lz4", .build_switch = "MT_WITH_LZ4", .decode = decode, .encode = encode, .encoded_bound = encoded_bound
};
const mt_codec mt_codec_lz4_blocks = { .name = "lz4_blocks", .build_switch = "MT_WITH_LZ4", .decode = decode_blocks };
#else
const mt_codec mt_codec_lz4_blocks = { .name = "lz4_blocks", .build_switch = "MT_WITH_LZ4" };
const mt_codec mt_codec_lz4 = { .name = "lz4", .build_switch = "MT_WITH_LZ4" };
#endif
