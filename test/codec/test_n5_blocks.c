/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks of N5: cut or padded, in every mode, by every codec within; both forms of LZ4; and each reason to refuse one. */
#include "support/encoding.h"

#include "base/reader.h"
#include "codec/params.h"

#include <stdlib.h>
#include <string.h>

#ifdef MT_WITH_LZ4
#include <lz4.h>
#endif

/* A block of 5 x 4 x 3 elements of two bytes, of which 3 x 4 x 2 lie in the array. */
enum { X = 5, Y = 4, Z = 3, SIZE = 2, WHOLE = X * Y * Z * SIZE };
static const int64_t whole_extent[] = { X, Y, Z }, cut_extent[] = { 3, Y, 2 };

static mt_block_params make_params(const char *codec)
{
    return (mt_block_params) { .ndim = 3,
                               .element_size = SIZE,
                               .extent = { X, Y, Z },
                               .least = { 3, Y, 2 },
                               .codec = codec ? mt_codec_find(codec) : NULL };
}

/* An element of a block, in its bytes. */
static uint8_t byte_at(int64_t x, int64_t y, int64_t z, int i)
{
    return (uint8_t)(7 * x + 31 * y + 101 * z + 13 * i + 1);
}

/* The bytes of a block of an extent, the fastest dimension first. */
static size_t make_elements(const int64_t *extent, uint8_t *out)
{
    size_t n = 0;
    for (int64_t z = 0; z < extent[2]; z++)
        for (int64_t y = 0; y < extent[1]; y++)
            for (int64_t x = 0; x < extent[0]; x++)
                for (int i = 0; i < SIZE; i++)
                    out[n++] = byte_at(x, y, z, i);
    return n;
}

static uint8_t *put_number(uint8_t *out, uint32_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        *out++ = (uint8_t)(value >> 8 * i);
    return out;
}

/* A header; elements: those of mode 1. */
static uint8_t *put_head(uint8_t *out, uint32_t mode, const int64_t *extent, int ndim, uint32_t elements)
{
    out = put_number(out, mode, 2);
    if (mode != 2)
        out = put_number(out, (uint32_t)ndim, 2);
    for (int d = 0; mode != 2 && d < ndim; d++)
        out = put_number(out, (uint32_t)extent[d], 4);
    return mode ? put_number(out, elements, 4) : out;
}

static mt_status decode(const mt_block_params *p, const uint8_t *block, size_t size, uint8_t *out, mt_error *err)
{
    mt_chain chain = { 0 };
    *err = (mt_error)MT_ERROR_INIT;
    check_ok(mt_chain_add(&chain, mt_codec_find("n5_block"), p, err), err);
    uint8_t *copy = allocate(size);
    memcpy(copy, block, size);
    mt_status st = mt_chain_decode(&chain, copy, size, out, WHOLE, WHOLE, scratch, err);
    free(copy);
    return st;
}

/* What lies in the extent is there, the rest is 0. */
static void check_elements(const uint8_t *found, const int64_t *extent)
{
    for (int n = 0; n < WHOLE; n++) {
        int64_t x = n / SIZE % X, y = n / SIZE / X % Y, z = n / SIZE / X / Y;
        bool inside = x < extent[0] && y < extent[1] && z < extent[2];
        assert_int_equal(found[n], inside ? byte_at(x, y, z, n % SIZE) : 0);
    }
}

/* Any part gives the same bytes as the whole. */
static void check_parts(const mt_block_params *p, const uint8_t *block, size_t size, const uint8_t *whole)
{
    const mt_codec *codec = mt_codec_find("n5_block");
    for (size_t from = 0; from < WHOLE; from += 7)
        for (size_t to = from + 1; to <= WHOLE; to += 11) {
            uint8_t *out = allocate(WHOLE);
            mt_error err = MT_ERROR_INIT;
            check_ok(codec->decode_part(p, block, size, out, WHOLE, from, to, scratch, &err), &err);
            assert_memory_equal(out + from, whole + from, to - from);
            free(out);
        }
}

/* Decodes a block in each mode, and each of its truncations. */
static void check_block(const mt_block_params *p, const int64_t *extent, const uint8_t *payload, size_t size)
{
    for (uint32_t mode = 0; mode < 2; mode++) {
        uint8_t block[1000], *out = allocate(WHOLE);
        mt_error err;
        uint8_t *end = put_head(block, mode, extent, 3, (uint32_t)(extent[0] * extent[1] * extent[2]));
        memcpy(end, payload, size);
        size_t total = (size_t)(end - block) + size;
        memset(out, 0x55, WHOLE);
        check_ok(decode(p, block, total, out, &err), &err);
        check_elements(out, extent);
        check_parts(p, block, total, out);
        uint8_t *other = allocate(WHOLE);
        for (size_t n = 0; n < total; n++) /* what a codec ends with may be superfluous */
            if (decode(p, block, n, other, &err) != MT_E_CORRUPT)
                assert_memory_equal(other, out, WHOLE);
        free(other), free(out);
    }
}

static void check_both(const char *codec, size_t (*pack)(const uint8_t *bytes, size_t n, uint8_t *out))
{
    mt_block_params p = make_params(codec);
    const int64_t *const extents[] = { whole_extent, cut_extent };
    for (int i = 0; i < 2; i++) {
        uint8_t elements[WHOLE], packed[900];
        size_t n = make_elements(extents[i], elements);
        check_block(&p, extents[i], packed, pack(elements, n, packed));
    }
}

static size_t pack_raw(const uint8_t *bytes, size_t n, uint8_t *out)
{
    memcpy(out, bytes, n);
    return n;
}

static void raw_blocks(void **state)
{
    (void)state;
    check_both(NULL, pack_raw);
}

static void compressed_blocks(void **state)
{
    (void)state;
    static const char *const codecs[] = { "gzip", "zlib", "zstd", "blosc" };
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        mt_block_params p = make_params(codecs[i]);
        mt_chain chain = { 0 };
        if (!p.codec->decode)
            continue;
        check_ok(mt_chain_add(&chain, p.codec, NULL, NULL), NULL);
        const int64_t *const extents[] = { whole_extent, cut_extent };
        for (int k = 0; k < 2; k++) {
            uint8_t elements[WHOLE];
            size_t size, n = make_elements(extents[k], elements);
            uint8_t *packed = encode(&chain, elements, n, &size);
            check_block(&p, extents[k], packed, size);
            free(packed);
        }
    }
}

#ifdef MT_WITH_LZ4
static size_t pack_bare(const uint8_t *bytes, size_t n, uint8_t *out)
{
    return (size_t)LZ4_compress_default((const char *)bytes, (char *)out, (int)n, 900);
}

static uint8_t *put_java(uint8_t *out, uint8_t method, const uint8_t *data, size_t stored, size_t decoded, uint32_t sum)
{
    memcpy(out, "LZ4Block", 8);
    out[8] = method | 5;
    mt_store_u32le(out + 9, (uint32_t)stored);
    mt_store_u32le(out + 13, (uint32_t)decoded);
    mt_store_u32le(out + 17, sum & 0x0fffffff);
    if (stored)
        memcpy(out + 21, data, stored);
    return out + 21 + stored;
}

/* Blocks of 32 bytes, the first of them raw, and the end. */
static size_t pack_java(const uint8_t *bytes, size_t n, uint8_t *out)
{
    uint8_t *end = out;
    for (size_t from = 0; from < n; from += 32) {
        uint8_t packed[100];
        size_t now = n - from < 32 ? n - from : 32;
        size_t stored = (size_t)LZ4_compress_default((const char *)bytes + from, (char *)packed, (int)now, 100);
        uint32_t sum = mt_xxh32(bytes + from, now, 0x9747b28c);
        end = from ? put_java(end, 0x20, packed, stored, now, sum) : put_java(end, 0x10, bytes, now, now, sum);
    }
    return (size_t)(put_java(end, 0x10, NULL, 0, 0, 0) - out);
}

static void both_forms_of_lz4(void **state)
{
    (void)state;
    check_both("n5_lz4", pack_bare);
    check_both("n5_lz4", pack_java);
}

static void broken_lz4(void **state)
{
    (void)state;
    const mt_block_params p = make_params("n5_lz4");
    uint8_t elements[WHOLE], block[900], out[WHOLE];
    size_t n = make_elements(whole_extent, elements);
    mt_error err;
    uint8_t *start = put_head(block, 0, whole_extent, 3, 0);
    size_t size = (size_t)(start - block) + pack_java(elements, n, start);
    static const struct {
        size_t at;
        uint8_t to;
        const char *message;
    } cases[] = { { 8, 0x35, "a block is broken" },
                  { 8, 0x25, "a block is broken" },
                  { 9, 31, "a block is broken" },
                  { 10, 9, "has no room" },
                  { 13, 31, "a block is broken" },
                  { 14, 9, "has no room" },
                  { 17, 0, "checksum" },
                  { 21, 0, "checksum" },
                  { 53, 'X', "ends early" },
                  { 13, 0, "the block needs" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t kept = start[cases[i].at];
        start[cases[i].at] = cases[i].to;
        assert_int_equal(decode(&p, block, size, out, &err), MT_E_CORRUPT);
        if (strncmp(err.message, "lz4: ", 5) != 0 || !strstr(err.message, cases[i].message))
            fail_msg("%d: %s", (int)i, err.message);
        start[cases[i].at] = kept;
    }
    assert_int_equal(decode(&p, block, size, out, &err), MT_OK);
}
#else
static void both_forms_of_lz4(void **state) { (void)state, skip(); }
static void broken_lz4(void **state) { (void)state, skip(); }
#endif

/* Source: xxHash, tests/sanity_test_vectors.h (XXH32 of no bytes, and of one and 14 of its generator), and "abc". */
static void checksums(void **state)
{
    (void)state;
    uint8_t bytes[222];
    uint64_t value = 2654435761U;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(value >> 56);
        value *= UINT64_C(11400714785074694797);
    }
    assert_int_equal(mt_xxh32(bytes, 0, 0), 0x02cc5d05);
    assert_int_equal(mt_xxh32(bytes, 0, 0x9e3779b1), 0x36b78ae7);
    assert_int_equal(mt_xxh32(bytes, 1, 0), 0xcf65b03e);
    assert_int_equal(mt_xxh32(bytes, 14, 0), 0x1208e7e2);
    assert_int_equal(mt_xxh32(bytes, 222, 0), 0x5bd11dbd);
    assert_int_equal(mt_xxh32(bytes, 222, 0x9e3779b1), 0x58803c5f);
    assert_int_equal(mt_xxh32((const uint8_t *)"abc", 3, 0), 0x32d153ff);
}

static void broken_headers(void **state)
{
    (void)state;
    const mt_block_params p = make_params(NULL);
    static const struct {
        uint32_t mode;
        int ndim;
        int64_t extent[4];
        uint32_t elements;
        size_t bytes;
        mt_status status;
        const char *message;
    } cases[] = {
        { 0, 3, { X, Y, Z }, 0, WHOLE, MT_OK, "" },
        { 1, 3, { X, Y, Z }, X * Y * Z, WHOLE, MT_OK, "" },
        { 1, 3, { X, Y, Z }, 9, 18, MT_E_UNSUPPORTED, "stores 9 elements for 60 pixels" },
        { 1, 3, { X, Y, Z }, 61, 122, MT_E_UNSUPPORTED, "stores 61 elements" },
        { 2, 3, { 0 }, 60, WHOLE, MT_E_UNSUPPORTED, "mode 2 (object)" },
        { 3, 3, { X, Y, Z }, 0, WHOLE, MT_E_CORRUPT, "mode 3" },
        { 0, 2, { X, Y }, 0, WHOLE, MT_E_CORRUPT, "2 dimensions, not 3" },
        { 0, 4, { X, Y, Z, 1 }, 0, WHOLE, MT_E_CORRUPT, "4 dimensions, not 3" },
        { 0, 3, { X + 1, Y, Z }, 0, WHOLE, MT_E_CORRUPT, "6 elements along dimension 0" },
        { 0, 3, { 2, Y, Z }, 0, WHOLE, MT_E_CORRUPT, "2 elements along dimension 0 of 'dimensions', not 3" },
        { 0, 3, { X, Y - 1, Z }, 0, WHOLE, MT_E_CORRUPT, "3 elements along dimension 1" },
        { 0, 3, { X, Y, 0 }, 0, WHOLE, MT_E_CORRUPT, "0 elements along dimension 2" },
        { 0, 3, { X, Y, 0xffffffff }, 0, WHOLE, MT_E_CORRUPT, "4294967295 elements along" },
        { 0, 3, { X, Y, Z }, 0, WHOLE - 1, MT_E_CORRUPT, "119 bytes of elements, not 120" },
        { 0, 3, { X, Y, Z }, 0, WHOLE + 1, MT_E_CORRUPT, "121 bytes of elements, not 120" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t block[200] = { 0 }, out[WHOLE];
        mt_error err;
        uint8_t *end = put_head(block, cases[i].mode, cases[i].extent, cases[i].ndim, cases[i].elements);
        mt_status st = decode(&p, block, (size_t)(end - block) + cases[i].bytes, out, &err);
        if (st != cases[i].status || (st && !strstr(err.message, cases[i].message)))
            fail_msg("%d: %s: %s", (int)i, mt_status_name(st), err.message);
    }
}

/* A stream that decodes to another size than the block says. */
static void wrong_sizes(void **state)
{
    (void)state;
    const mt_block_params p = make_params("gzip");
    if (!p.codec->decode)
        skip();
    mt_chain chain = { 0 };
    check_ok(mt_chain_add(&chain, p.codec, NULL, NULL), NULL);
    for (size_t n = WHOLE - 1; n <= WHOLE + 1; n++) {
        uint8_t elements[WHOLE + 1] = { 0 }, block[500], out[WHOLE];
        size_t size;
        mt_error err;
        uint8_t *packed = encode(&chain, elements, n, &size), *end = put_head(block, 0, whole_extent, 3, 0);
        memcpy(end, packed, size);
        mt_status st = decode(&p, block, (size_t)(end - block) + size, out, &err);
        assert_int_equal(st, n == WHOLE ? MT_OK : MT_E_CORRUPT);
        if (st && strncmp(err.message, "gzip: decodes to", 16) != 0)
            fail_msg("%s", err.message);
        free(packed);
    }
}

/* A chain with only such a block decodes parts if what is within does. */
static void parts(void **state)
{
    (void)state;
    static const struct {
        const char *codec;
        bool partial;
    } cases[] = { { NULL, true }, { "blosc", true }, { "gzip", false }, { "zstd", false } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_block_params p = make_params(cases[i].codec);
        mt_chain chain = { 0 };
        if (!p.codec || p.codec->decode) {
            check_ok(mt_chain_add(&chain, mt_codec_find("n5_block"), &p, NULL), NULL);
            assert_int_equal(mt_chain_is_partial(&chain), cases[i].partial);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_blocks),        cmocka_unit_test(compressed_blocks),
        cmocka_unit_test(both_forms_of_lz4), cmocka_unit_test(broken_lz4),
        cmocka_unit_test(checksums),         cmocka_unit_test(broken_headers),
        cmocka_unit_test(wrong_sizes),       cmocka_unit_test(parts),
    };
    return cmocka_run_group_tests(tests, make_scratch, free_scratch);
}
