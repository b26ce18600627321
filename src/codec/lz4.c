/* SPDX-License-Identifier: BSD-3-Clause */
/* LZ4 as numcodecs, HDF5 and N5 pack it. */
#include "codec/codec.h"

#ifdef MT_WITH_LZ4
#include "base/reader.h"

#include <limits.h>
#include <lz4.h>
#include <string.h>

/* numcodecs: the decoded size in four bytes, little-endian, then one block. */
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

/* lz4-java (LZ4BlockOutputStream), which n5-java writes: blocks of a magic, a token, three little-endian numbers
 * (stored size, decoded size, 28 bits of XXH32 of the decoded bytes), and data; the last decodes to nothing. */
enum { JAVA_MAGIC = 8, JAVA_HEAD = 21, JAVA_RAW = 0x10, JAVA_LZ4 = 0x20 };
static const char java_magic[] = "LZ4Block";
#define JAVA_SEED 0x9747b28c

static mt_status decode_java_block(const uint8_t *src, size_t stored, uint8_t *dst, size_t decoded, uint8_t method,
                                   uint32_t sum, mt_error *err)
{
    bool good = method == JAVA_RAW && stored == decoded;
    if (good)
        memcpy(dst, src, decoded);
    else if (method == JAVA_LZ4 && stored <= INT_MAX && decoded <= INT_MAX)
        good = LZ4_decompress_safe((const char *)src, (char *)dst, (int)stored, (int)decoded) == (int)decoded;
    if (!good)
        return mt_fail(err, MT_E_CORRUPT, "a block is broken");
    return (mt_xxh32(dst, decoded, JAVA_SEED) & 0x0fffffff) == sum
               ? MT_OK
               : mt_fail(err, MT_E_CORRUPT, "the checksum of a block does not match");
}

static mt_status decode_java(const uint8_t *src, size_t size, uint8_t *dst, size_t capacity, size_t *written,
                             mt_error *err)
{
    for (*written = 0;;) {
        if (size < JAVA_HEAD || memcmp(src, java_magic, JAVA_MAGIC) != 0)
            return mt_fail(err, MT_E_CORRUPT, "the data ends early");
        size_t stored = mt_load_u32le(src + 9), decoded = mt_load_u32le(src + 13);
        if (decoded == 0)
            return MT_OK;
        if (stored > size - JAVA_HEAD || decoded > capacity - *written)
            return mt_fail(err, MT_E_CORRUPT, "a block of %zu bytes for %zu has no room", stored, decoded);
        mt_status st = decode_java_block(src + JAVA_HEAD, stored, dst + *written, decoded, src[JAVA_MAGIC] & 0xf0,
                                         mt_load_u32le(src + 17), err);
        if (st)
            return st;
        src += JAVA_HEAD + stored, size -= JAVA_HEAD + stored;
        *written += decoded;
    }
}

/* N5: blocks of lz4-java, or, by z5, one bare block. A bare block cannot begin with the magic: its first token, "L",
 * has four literals and then a match at the distance 0x636f. */
static mt_status decode_n5(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                           size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)params, (void)scratch;
    if (size >= JAVA_MAGIC && memcmp(src, java_magic, JAVA_MAGIC) == 0)
        return decode_java(src, size, dst, capacity, written, err);
    int n = size > INT_MAX ? -1
                           : LZ4_decompress_safe((const char *)src, (char *)dst, (int)size,
                                                 capacity > INT_MAX ? INT_MAX : (int)capacity);
    if (n < 0)
        return mt_fail(err, MT_E_CORRUPT, "the block is broken");
    *written = (size_t)n;
    return MT_OK;
}

const mt_codec mt_codec_lz4 = {
    .name = "lz4", .build_switch = "MT_WITH_LZ4", .decode = decode, .encode = encode, .encoded_bound = encoded_bound
};
const mt_codec mt_codec_lz4_blocks = { .name = "lz4_blocks", .build_switch = "MT_WITH_LZ4", .decode = decode_blocks };
const mt_codec mt_codec_n5_lz4 = { .name = "n5_lz4", .build_switch = "MT_WITH_LZ4", .decode = decode_n5 };
#else
const mt_codec mt_codec_n5_lz4 = { .name = "n5_lz4", .build_switch = "MT_WITH_LZ4" };
const mt_codec mt_codec_lz4_blocks = { .name = "lz4_blocks", .build_switch = "MT_WITH_LZ4" };
const mt_codec mt_codec_lz4 = { .name = "lz4", .build_switch = "MT_WITH_LZ4" };
#endif
