/* SPDX-License-Identifier: BSD-3-Clause */
/* Bitshuffle (Masui et al., https://github.com/kiyo-masui/bitshuffle): a block holds the lowest bits of the first bytes
 * of all elements, then the second bits, and so on. Blocks may be compressed. The elements after the last multiple of
 * eight are stored unchanged at the end. */
#include "base/reader.h"
#include "codec/codec.h"
#include "codec/params.h"

#include <string.h>

#ifdef MT_WITH_LZ4
#include <limits.h>
#include <lz4.h>
#endif

#define DEFAULT_BLOCK_BYTES 8192
#define SMALLEST_DEFAULT_BLOCK 128

/* Transposes an 8 x 8 matrix of bits: H. S. Warren, "Hacker's Delight", 7-3. */
static uint64_t transpose8(uint64_t x)
{
    uint64_t t = (x ^ x >> 7) & UINT64_C(0x00aa00aa00aa00aa);
    x ^= t ^ t << 7;
    t = (x ^ x >> 14) & UINT64_C(0x0000cccc0000cccc);
    x ^= t ^ t << 14;
    t = (x ^ x >> 28) & UINT64_C(0x00000000f0f0f0f0);
    return x ^ t ^ t << 28;
}

/* n is a multiple of 8. */
static void unshuffle(const uint8_t *src, uint8_t *dst, size_t n, size_t element_size)
{
    size_t row = n / 8; /* bytes that hold one bit of each element */
    for (size_t b = 0; b < element_size; b++)
        for (size_t i = 0; i < row; i++) {
            const uint8_t *in = src + b * 8 * row + i;
            uint64_t x = 0;
            for (int bit = 0; bit < 8; bit++)
                x |= (uint64_t)in[(size_t)bit * row] << 8 * bit;
            x = transpose8(x);
            uint8_t *out = dst + 8 * i * element_size + b;
            for (size_t k = 0; k < 8; k++, x >>= 8)
                out[k * element_size] = (uint8_t)x;
        }
}

static size_t default_block(size_t element_size)
{
    size_t n = DEFAULT_BLOCK_BYTES / element_size / 8 * 8;
    return n > SMALLEST_DEFAULT_BLOCK ? n : SMALLEST_DEFAULT_BLOCK;
}

static mt_status check(const void *params, mt_error *err)
{
    const mt_bitshuffle_params *p = params;
    const mt_codec *inner = mt_codec_find(p->compressor == MT_BLOCKS_ZSTD ? "zstd" : "lz4");
    return p->compressor == MT_BLOCKS_RAW || inner->decode
               ? MT_OK
               : mt_fail(err, MT_E_UNSUPPORTED, "this build was made without %s", inner->build_switch);
}

static mt_status decompress(const mt_bitshuffle_params *p, const uint8_t *src, size_t size, uint8_t *dst, size_t n,
                            mt_scratch *scratch, mt_error *err)
{
    size_t written = 0;
    if (p->compressor == MT_BLOCKS_ZSTD) {
        mt_status st = mt_codec_find("zstd")->decode(NULL, src, size, dst, n, &written, scratch, err);
        if (st)
            return st;
    } else {
#ifdef MT_WITH_LZ4
        int done =
            size > INT_MAX || n > INT_MAX ? -1 : LZ4_decompress_safe((const char *)src, (char *)dst, (int)size, (int)n);
        written = done < 0 ? SIZE_MAX : (size_t)done;
#endif
    }
    return written == n ? MT_OK : mt_fail(err, MT_E_CORRUPT, "a block is broken");
}

/* Iterates over blocks of elements. The last block may be smaller. */
typedef struct walk {
    const uint8_t *src;
    size_t left; /* bytes of src */
    uint8_t *dst;
} walk;

static mt_status do_block(const mt_bitshuffle_params *p, walk *w, size_t n, uint8_t *room, mt_scratch *scratch,
                          mt_error *err)
{
    size_t bytes = n * p->element_size, stored = bytes;
    const uint8_t *bits = w->src;
    if (p->compressor) {
        stored = w->left < 4 ? SIZE_MAX : mt_load_u32be(w->src);
        w->src += 4, w->left -= w->left < 4 ? 0 : 4;
    }
    if (stored > w->left)
        return mt_fail(err, MT_E_CORRUPT, "the data ends early");
    if (p->compressor) {
        mt_status st = decompress(p, w->src, stored, room, bytes, scratch, err);
        if (st)
            return st;
        bits = room;
    }
    unshuffle(bits, w->dst, n, p->element_size);
    w->src += stored, w->left -= stored;
    w->dst += bytes;
    return MT_OK;
}

static mt_status do_blocks(const mt_bitshuffle_params *p, walk *w, size_t n, size_t block, mt_scratch *scratch,
                           mt_error *err)
{
    uint8_t *room = NULL;
    if (p->compressor) {
        size_t most = block < n ? block : n;
        mt_status st = mt_scratch_buffer(scratch, 5, most * p->element_size, &room, err);
        if (st)
            return st;
    }
    for (size_t left = n / 8 * 8; left > 0;) {
        size_t now = left < block ? left : block;
        mt_status st = do_block(p, w, now, room, scratch, err);
        if (st)
            return st;
        left -= now;
    }
    size_t rest = n % 8 * p->element_size;
    if (w->left < rest)
        return mt_fail(err, MT_E_CORRUPT, "the data ends early");
    memcpy(w->dst, w->src, rest);
    return MT_OK;
}

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    const mt_bitshuffle_params *p = params;
    size_t total = size, block = p->block ? p->block : default_block(p->element_size);
    if (p->compressor) { /* header: decoded size in 8 bytes, block size in 4 bytes, big-endian */
        if (size < 12 || mt_load_u32be(src) != 0)
            return mt_fail(err, MT_E_CORRUPT, "%zu bytes have no valid header", size);
        total = mt_load_u32be(src + 4);
        block = mt_load_u32be(src + 8) / p->element_size;
        src += 12, size -= 12;
        block = block ? block : default_block(p->element_size);
    }
    if (total > capacity || total % p->element_size || block % 8)
        return mt_fail(err, MT_E_CORRUPT, "decodes to %zu bytes of %zu, in blocks of %zu elements", total, capacity,
                       block);
    walk w = { src, size, dst };
    *written = total;
    return do_blocks(p, &w, total / p->element_size, block, scratch, err);
}

const mt_codec mt_codec_bitshuffle = { .name = "bitshuffle", .check = check, .decode = decode };
