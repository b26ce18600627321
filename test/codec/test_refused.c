/* SPDX-License-Identifier: BSD-3-Clause */
/* For each reason for which a decoder refuses data, bytes that give it. */
#include "support/support.h"

#include "codec/codec.h"
#include "codec/params.h"

#include <stdlib.h>
#include <string.h>

typedef struct refusal {
    const char *codec;
    const void *params;
    const char *bytes;
    size_t size, capacity;
    mt_status status;
    const char *message; /* a part of it */
} refusal;

#define BYTES(text) text, sizeof(text) - 1

static mt_env env;
static mt_scratch *scratch;

static int make(void **state)
{
    (void)state;
    mt_env_init(&env, NULL, NULL);
    return mt_scratch_new(&env, &scratch, NULL);
}

static int clean(void **state)
{
    (void)state;
    mt_scratch_free(scratch);
    return env.memory_bytes != 0;
}

/* Bytes and room lie in blocks of just their size, which the sanitizers watch. */
static void check_refusals(const refusal *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const refusal *c = &cases[i];
        const mt_codec *codec = mt_codec_find(c->codec);
        if (mt_chain_add(&(mt_chain) { 0 }, codec, c->params, NULL))
            continue; /* this build lacks it */
        uint8_t *in = malloc(c->size + !c->size), *out = malloc(c->capacity + !c->capacity);
        size_t written = 0;
        mt_error err = MT_ERROR_INIT;
        memcpy(in, c->bytes, c->size);
        mt_status st = codec->decode(c->params, in, c->size, out, c->capacity, &written, scratch, &err);
        if (st != c->status || (st && !strstr(err.message, c->message)))
            fail_msg("case %d of %s: %s: %s", (int)i, c->codec, mt_status_name(st), err.message);
        free(in), free(out);
    }
}

static void compressors(void **state)
{
    (void)state;
    static const refusal cases[] = {
        { "lz4", NULL, BYTES("\x01\0\0"), 8, MT_E_CORRUPT, "3 bytes" },
        { "lz4", NULL, BYTES("\x09\0\0\0\x10x"), 8, MT_E_CORRUPT, "9 bytes, more than 8" },
        { "lz4", NULL, BYTES("\x08\0\0\0\x10x"), 8, MT_E_CORRUPT, "block" },
        { "lz4", NULL, BYTES("\x08\0\0\0\x80"), 8, MT_E_CORRUPT, "block" },
        { "lz4_blocks", NULL, BYTES("\0\0\0\0\0\0\0\x04\0\0\0"), 8, MT_E_CORRUPT, "11 bytes" },
        { "lz4_blocks", NULL,
          BYTES("\0\0\0\x01\0\0\0\x04\0\0\0\x04\0\0\0\x04"
                "abcd"),
          8, MT_E_CORRUPT, "at most 8" },
        { "lz4_blocks", NULL, BYTES("\0\0\0\0\0\0\0\x09\0\0\0\x04"), 8, MT_E_CORRUPT, "at most 8" },
        { "lz4_blocks", NULL,
          BYTES("\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x04"
                "abcd"),
          8, MT_E_CORRUPT, "of 0 bytes" },
        { "lz4_blocks", NULL,
          BYTES("\0\0\0\0\0\0\0\x04\xff\0\0\0\0\0\0\x04"
                "abcd"),
          8, MT_E_CORRUPT, "of 4278190080 bytes" },
        { "lz4_blocks", NULL, BYTES("\0\0\0\0\0\0\0\x04\0\0\0\x04\0\0\0"), 8, MT_E_CORRUPT, "data ends" },
        { "lz4_blocks", NULL,
          BYTES("\0\0\0\0\0\0\0\x04\0\0\0\x04\0\0\0\x04"
                "abc"),
          8, MT_E_CORRUPT, "data ends" },
        { "lz4_blocks", NULL,
          BYTES("\0\0\0\0\0\0\0\x04\0\0\0\x04\0\0\0\x03"
                "\xff\xff\xff"),
          8, MT_E_CORRUPT, "block" },
        { "lz4_blocks", NULL,
          BYTES("\0\0\0\0\0\0\0\x04\0\0\0\x04\0\0\0\x04"
                "abcd"),
          4, MT_OK, NULL },
        { "bz2", NULL, BYTES("BZh9"), 8, MT_E_CORRUPT, "data" },
        { "bz2", NULL, BYTES("no bzip2"), 8, MT_E_CORRUPT, "data" },
        { "bz2", NULL, BYTES(""), 8, MT_E_CORRUPT, "data" },
        { "zlib", NULL, BYTES("\x78\x9c"), 8, MT_E_CORRUPT, "data" },
        { "zlib", NULL, BYTES("\x78\x01\x01\x03\0\xfc\xff\x61\x62\x63\x02\x4d\x01\x27"), 2, MT_E_CORRUPT,
          "more than 2" },
        { "gzip", NULL, BYTES(""), 8, MT_E_CORRUPT, "no data" },
        { "gzip", NULL, BYTES("\x1f\x8b"), 8, MT_E_CORRUPT, "data" },
        { "zstd", NULL, BYTES(""), 8, MT_E_CORRUPT, "no data" },
        { "zstd", NULL, BYTES("abcd"), 8, MT_E_CORRUPT, "" },
        { "zstd", NULL, BYTES("\x28\xb5\x2f\xfd\x20\x04\x21\0\0abcd"), 3, MT_E_CORRUPT, "more than 3" },
        { "zstd", NULL, BYTES("\x28\xb5\x2f\xfd\x20\x04\x21\0\0abcd"), 4, MT_OK, NULL },
        { "lzf", NULL, BYTES(""), 8, MT_E_CORRUPT, "0 bytes" },
        { "lzf", NULL, BYTES("\x02zyx"), 2, MT_E_CORRUPT, "more than 2" },
        { "lzf", NULL, BYTES("\x20\x09"), 8, MT_E_CORRUPT, "stream" },
        { "lzf", NULL, BYTES("\x02zyx"), 3, MT_OK, NULL },
        { "lzw", NULL, BYTES("\x80\x7f\xff"), 8, MT_E_CORRUPT, "table" },
        { "tiff_packbits", NULL,
          BYTES("\x03"
                "abc"),
          8, MT_E_CORRUPT, "run" },
        { "tiff_packbits", NULL, BYTES("\xfe"), 8, MT_E_CORRUPT, "run" },
        { "packbits", NULL, BYTES(""), 8, MT_E_CORRUPT, "0 bytes" },
        { "packbits", NULL, BYTES("\x08\xff"), 8, MT_E_CORRUPT, "2 bytes" },
        { "packbits", NULL, BYTES("\x01"), 8, MT_E_CORRUPT, "1 bytes" },
        { "packbits", NULL, BYTES("\0\xff\xff\xff"), 8, MT_E_CORRUPT, "4 bytes" },
        { "packbits", NULL, BYTES("\0\xff\xff"), 8, MT_E_CORRUPT, "16 bytes, more than 8" },
        { "packbits", NULL, BYTES("\x01\xff\xff"), 15, MT_OK, NULL },
    };
    check_refusals(cases, sizeof cases / sizeof *cases);
}

#define BLOSC(flags, type, decoded, block, encoded)                                                                    \
    "\x02\x01" flags type decoded "\0\0\0" block "\0\0\0" encoded "\0\0\0"

static void heads_of_blosc(void **state)
{
    (void)state;
    static const refusal cases[] = {
        { "blosc", NULL, BYTES("\x02\x01\0\x01\x04\0\0\0\x04\0\0\0\x10\0\0"), 8, MT_E_CORRUPT, "15 bytes" },
        { "blosc", NULL, BYTES("\x03" BLOSC("\0", "\x01", "\x04", "\x04", "\x18")), 8, MT_E_UNSUPPORTED, "version 3" },
        { "blosc", NULL, BYTES(BLOSC("\0", "\x01", "\x09", "\x04", "\x10")), 8, MT_E_CORRUPT, "9 bytes, more than 8" },
        { "blosc", NULL, BYTES(BLOSC("\0", "\x01", "\x04", "\x04", "\x11")), 8, MT_E_CORRUPT, "17 bytes, there are" },
        { "blosc", NULL, BYTES(BLOSC("\0", "\x01", "\x04", "\x04", "\x0f")), 8, MT_E_CORRUPT, "15 bytes, there are" },
        { "blosc", NULL, BYTES(BLOSC("\0", "\0", "\x04", "\x04", "\x10")), 8, MT_E_CORRUPT, "16 bytes, there are" },
        { "blosc", NULL, BYTES(BLOSC("\x02", "\x01", "\x04", "\x04", "\x13") "abc"), 8, MT_E_CORRUPT, "size" },
        { "blosc", NULL, BYTES(BLOSC("\0", "\x01", "\x04", "\0", "\x14") "abcd"), 8, MT_E_CORRUPT, "of 0 bytes" },
        { "blosc", NULL, BYTES(BLOSC("\0", "\x01", "\x04", "\x05", "\x14") "abcd"), 8, MT_E_CORRUPT, "of 5 bytes" },
        { "blosc", NULL, BYTES(BLOSC("\0", "\x01", "\x08", "\x04", "\x14") "abcd"), 8, MT_E_CORRUPT, "2 blocks" },
        { "blosc", NULL, BYTES(BLOSC("\0", "\x01", "\x08", "\x04", "\x18") "\x18\0\0\0\x13\0\0\0"), 8, MT_E_CORRUPT,
          "at byte 24 of 24" },
        { "blosc", NULL, BYTES(BLOSC("\0", "\x01", "\x04", "\x04", "\x18") "\x13\0\0\0abcd"), 8, MT_E_CORRUPT,
          "at byte 19 of 24" },
        { "blosc", NULL, BYTES(BLOSC("\0", "\x01", "\x04", "\x04", "\x18") "\x14\0\0\0\x09\0\0\0"), 8, MT_E_CORRUPT,
          "data" },
        { "blosc", NULL, BYTES(BLOSC("\0", "\x01", "\0", "\0", "\x10")), 8, MT_OK, NULL },
        { "blosc", NULL, BYTES(BLOSC("\x02", "\x01", "\x04", "\x04", "\x14") "abcd"), 8, MT_OK, NULL },
    };
    check_refusals(cases, sizeof cases / sizeof *cases);
}

static void parts_of_blosc(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size, from, to;
        const char *message, *decoded;
    } cases[] = {
        { BYTES(BLOSC("\x02", "\x02", "\x05", "\x05", "\x15") "abcde"), 1, 3, NULL, "bc" },
        { BYTES(BLOSC("\x02", "\x02", "\x05", "\x05", "\x15") "abcde"), 3, 5, NULL, "de" },
        { BYTES(BLOSC("\x02", "\x01", "\x04", "\x04", "\x14") "abcd"), 0, 1, "4 bytes", NULL },
        { BYTES(BLOSC("\0", "\x01", "\x05", "\x05", "\x18") "\x14\0\0\0\x09\0\0\0"), 0, 1, "data", NULL },
        { BYTES("\x02"), 0, 1, "1 bytes", NULL },
    };
    const mt_codec *codec = mt_codec_find("blosc");
    for (size_t i = 0; codec->decode && i < sizeof cases / sizeof *cases; i++) {
        uint8_t out[5] = { 0 };
        mt_error err = MT_ERROR_INIT;
        mt_status st = codec->decode_part(NULL, (const uint8_t *)cases[i].bytes, cases[i].size, out, sizeof out,
                                          cases[i].from, cases[i].to, scratch, &err);
        if (cases[i].message ? !st || !strstr(err.message, cases[i].message)
                             : st || memcmp(out + cases[i].from, cases[i].decoded, cases[i].to - cases[i].from) != 0)
            fail_msg("case %d: %s", (int)i, err.message);
    }
}

static void filters_of_bytes(void **state)
{
    (void)state;
    static const mt_element_params two = { 2 };
    static const mt_checksum_params start = { true };
    static const mt_samples_params bgr = { 1, 3 };
    static const mt_row_params row = { .width = 4, .samples = 1, .bits = 8 }, none = { .samples = 1, .bits = 8 };
    static const mt_filter_params plain = { { MT_UINT16, false }, { MT_UINT16, false }, 0, 1 };
    static const refusal cases[] = {
        { "shuffle", &two, BYTES("abc"), 2, MT_E_CORRUPT, "3 bytes, more than 2" },
        { "byteswap", &two, BYTES("abc"), 2, MT_E_CORRUPT, "3 bytes, more than 2" },
        { "bitround", NULL, BYTES("abc"), 2, MT_E_CORRUPT, "3 bytes, more than 2" },
        { "reverse_bits", NULL, BYTES("abc"), 2, MT_E_CORRUPT, "3 bytes, more than 2" },
        { "float24", &row, BYTES("abcdef"), 7, MT_E_CORRUPT, "2 floats, more than 1" },
        { "unpack_bits", &none, BYTES("abc"), 8, MT_E_CORRUPT, "rows of" },
        { "predictor2", &row, BYTES("abc"), 2, MT_E_CORRUPT, "3 bytes, more than 2" },
        { "predictor2", &none, BYTES("abc"), 3, MT_E_CORRUPT, "rows of" },
        { "predictor3", &row, BYTES("abc"), 2, MT_E_CORRUPT, "3 bytes, more than 2" },
        { "bgr", &bgr, BYTES("abcd"), 6, MT_E_CORRUPT, "4 bytes" },
        { "bgr", &bgr, BYTES("abcabc"), 5, MT_E_CORRUPT, "6 bytes" },
        { "delta", &plain, BYTES("abc"), 4, MT_E_CORRUPT, "3 encoded bytes" },
        { "zstd1", NULL, BYTES("\x02\x01\0"), 4, MT_E_UNSUPPORTED, "2 bytes" },
        { "zstd1", NULL, BYTES("\x03\x02\0"), 4, MT_E_UNSUPPORTED, "3 bytes" },
        { "zstd1", NULL, BYTES("\x03\x01"), 4, MT_E_UNSUPPORTED, "3 bytes" },
        { "zstd1", NULL, BYTES(""), 4, MT_E_UNSUPPORTED, "0 bytes" },
        { "zstd1", NULL, BYTES("\x01"), 4, MT_E_CORRUPT, "no data" },
        { "crc32", NULL, BYTES("abc"), 4, MT_E_CORRUPT, "3 bytes" },
        { "crc32", NULL, BYTES("abcdefghi"), 4, MT_E_CORRUPT, "9 bytes" },
        { "crc32", NULL, BYTES("123456789\x26\x39\xf4\xcb"), 9, MT_OK, NULL },
        { "crc32", &start,
          BYTES("\x26\x39\xf4\xcb"
                "123456789"),
          9, MT_OK, NULL },
        { "crc32", &start, BYTES("123456789\x26\x39\xf4\xcb"), 9, MT_E_CORRUPT, "checksum" },
        { "crc32c", NULL, BYTES("123456789\x83\x92\x06\xe3"), 9, MT_OK, NULL },
        { "crc32c", NULL, BYTES("123456789\x83\x92\x06\xe2"), 9, MT_E_CORRUPT, "checksum" },
        { "adler32", NULL, BYTES("123456789\xde\x01\x1e\x09"), 9, MT_OK, NULL },
        { "adler32", NULL, BYTES("123456789\xde\x01\x1e\x08"), 9, MT_E_CORRUPT, "checksum" },
        /* The words 0x6162, 0x6364 and 0x6500; old files have the bytes of each half swapped. */
        { "fletcher32", NULL, BYTES("abcde\xc7\x29\xef\x4f"), 5, MT_E_CORRUPT, "checksum" },
        { "fletcher32", NULL, BYTES("abcde\xc7\x29\xf0\x4f"), 5, MT_OK, NULL },
        { "fletcher32", NULL, BYTES("abcde\x29\xc7\x4f\xf0"), 5, MT_OK, NULL },
        { "fletcher32", NULL, BYTES("abcde\xc7\x29\x4f\xf0"), 5, MT_E_CORRUPT, "checksum" },
    };
    check_refusals(cases, sizeof cases / sizeof *cases);
}

#define HEAD(size, block) "\0\0\0\0\0\0\0" size "\0\0\0" block
#define SCALED(width) width "\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void filters_of_hdf5(void **state)
{
    (void)state;
    static const mt_bitshuffle_params raw = { 2, 8, MT_BLOCKS_RAW }, odd = { 2, 12, MT_BLOCKS_RAW },
                                      lz4 = { 1, 0, MT_BLOCKS_LZ4 }, zstd = { 1, 0, MT_BLOCKS_ZSTD };
    static const mt_packed_params nbit = { .count = 3, .element_size = 2, .bits = 12 },
                                  all = { .raw = true, .count = 3, .element_size = 2 };
    static const mt_scaleoffset_params scaled = { .count = 3, .element_size = 2 };
    static const mt_szip_params szip = { 32, 8, 8, 8 }, no_bits = { 32, 8, 0, 8 }, many_bits = { 32, 8, 65, 8 },
                                odd_block = { 32, 9, 8, 8 }, no_block = { 32, 0, 8, 8 }, big_block = { 32, 34, 8, 8 },
                                no_line = { 32, 8, 8, 0 }, long_line = { 32, 8, 8, 4097 };
    static const refusal cases[] = {
        { "bitshuffle", &raw, BYTES("abc"), 8, MT_E_CORRUPT, "3 bytes" },
        { "bitshuffle", &raw, BYTES("abcd"), 2, MT_E_CORRUPT, "4 bytes" },
        { "bitshuffle", &odd, BYTES("abcd"), 4, MT_E_CORRUPT, "12 elements" },
        { "bitshuffle", &lz4, BYTES("\0\0\0\0\0\0\0\x08\0\0\0"), 8, MT_E_CORRUPT, "11 bytes" },
        { "bitshuffle", &lz4, BYTES("\x01\0\0\0\0\0\0\x08\0\0\0\x08"), 8, MT_E_CORRUPT, "12 bytes" },
        { "bitshuffle", &lz4, BYTES(HEAD("\x09", "\x08")), 8, MT_E_CORRUPT, "9 bytes" },
        { "bitshuffle", &lz4, BYTES(HEAD("\x08", "\x08") "\0\0\0"), 8, MT_E_CORRUPT, "data ends" },
        { "bitshuffle", &lz4,
          BYTES(HEAD("\x08", "\x08") "\0\0\0\x05"
                                     "abcd"),
          8, MT_E_CORRUPT, "data ends" },
        { "bitshuffle", &lz4, BYTES(HEAD("\x08", "\x08") "\0\0\0\x02\x10x"), 8, MT_E_CORRUPT, "block" },
        { "bitshuffle", &lz4, BYTES(HEAD("\x08", "\x08") "\0\0\0\x09\x80\0\0\0\0\0\0\0\0"), 8, MT_OK, NULL },
        { "bitshuffle", &lz4, BYTES(HEAD("\x09", "\0") "\0\0\0\x09\x80\0\0\0\0\0\0\0\0"), 9, MT_E_CORRUPT,
          "data ends" },
        { "bitshuffle", &lz4, BYTES(HEAD("\x09", "\0") "\0\0\0\x09\x80\0\0\0\0\0\0\0\0!"), 9, MT_OK, NULL },
        { "bitshuffle", &zstd,
          BYTES(HEAD("\x08", "\x08") "\0\0\0\x04"
                                     "abcd"),
          8, MT_E_CORRUPT, "" },
        { "bitshuffle", &zstd, BYTES(HEAD("\x08", "\x08") "\0\0\0\x0d\x28\xb5\x2f\xfd\x20\x04\x21\0\0abcd"), 8,
          MT_E_CORRUPT, "block" },
        { "nbit", &nbit, BYTES("abcde"), 5, MT_E_CORRUPT, "3 elements of 2 bytes" },
        { "nbit", &nbit, BYTES("abcd"), 6, MT_E_CORRUPT, "3 elements of 12 bits" },
        { "nbit", &all, BYTES("abcdef"), 5, MT_E_CORRUPT, "6 bytes" },
        { "scaleoffset", &scaled, BYTES(SCALED("\x02") "a"), 5, MT_E_CORRUPT, "3 elements of 2 bytes" },
        { "scaleoffset", &scaled, BYTES("\x02\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 6, MT_E_CORRUPT, "20 bytes" },
        { "scaleoffset", &scaled, BYTES(SCALED("\x11") "abcdefgh"), 6, MT_E_CORRUPT, "17 bits" },
        { "scaleoffset", &scaled, BYTES(SCALED("\x10") "abcde"), 6, MT_E_CORRUPT, "5 bytes" },
        { "scaleoffset", &scaled, BYTES(SCALED("\x02")), 6, MT_E_CORRUPT, "3 numbers of 2 bits" },
        { "szip", &szip, BYTES("\x08\0\0"), 8, MT_E_CORRUPT, "3 bytes" },
        { "szip", &szip, BYTES("\x09\0\0\0"), 8, MT_E_CORRUPT, "9 bytes, more than 8" },
        { "szip", &no_bits, BYTES("\x08\0\0\0"), 8, MT_E_CORRUPT, "0 bits" },
        { "szip", &many_bits, BYTES("\x08\0\0\0"), 8, MT_E_CORRUPT, "65 bits" },
        { "szip", &odd_block, BYTES("\x08\0\0\0"), 8, MT_E_CORRUPT, "9 pixels" },
        { "szip", &no_block, BYTES("\x08\0\0\0"), 8, MT_E_CORRUPT, "0 pixels" },
        { "szip", &big_block, BYTES("\x08\0\0\0"), 8, MT_E_CORRUPT, "34 pixels" },
        { "szip", &no_line, BYTES("\x08\0\0\0"), 8, MT_E_CORRUPT, "0 a line" },
        { "szip", &long_line, BYTES("\x08\0\0\0"), 8, MT_E_CORRUPT, "4097 a line" },
    };
    check_refusals(cases, sizeof cases / sizeof *cases);
}

/* Filters whose output is as large as another size says, and elements of any size. */
static void sizes_of_filters(void **state)
{
    (void)state;
    static const mt_element_params three = { 3 };
    uint8_t out[8];
    size_t written, size;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_codec_find("shuffle")->decode(&three, (const uint8_t *)"adbecfx", 7, out, 8, &written, scratch, &err),
             &err);
    assert_int_equal(written, 7);
    assert_memory_equal(out, "abcdefx", 7);
    check_ok(mt_codec_find("bitround")->decode(NULL, (const uint8_t *)"abc", 3, out, 3, &written, scratch, &err), &err);
    assert_int_equal(written, 3);
    assert_memory_equal(out, "abc", 3);
    static const struct {
        const char *codec;
        size_t decoded, encoded;
    } cases[] = {
        { "packbits", 0, 1 }, { "packbits", 8, 2 }, { "packbits", 9, 3 }, { "crc32", 5, 9 }, { "bitround", 5, 5 }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_chain chain = { 0 };
        check_ok(mt_chain_add(&chain, mt_codec_find(cases[i].codec), NULL, &err), &err);
        assert_true(mt_chain_encoded_size(&chain, cases[i].decoded, &size));
        assert_int_equal(size, cases[i].encoded);
    }
}

/* A stream of two codecs that gives less than the chunk needs. */
static void chains_that_give_too_little(void **state)
{
    (void)state;
    mt_chain chain = { 0 };
    mt_error err = MT_ERROR_INIT;
    uint8_t out[16];
    check_ok(mt_chain_add(&chain, mt_codec_find("tiff_packbits"), NULL, &err), &err);
    check_ok(mt_chain_add(&chain, mt_codec_find("crc32c"), NULL, &err), &err);
    const uint8_t bytes[] = { 0xfd, 7, 0, 0, 0, 0 };
    uint8_t summed[6];
    const uint32_t sum = mt_crc32c(bytes, 2);
    memcpy(summed, bytes, 2);
    for (int i = 0; i < 4; i++)
        summed[2 + i] = (uint8_t)(sum >> 8 * i);
    check_ok(mt_chain_decode(&chain, summed, 6, out, 4, 4, scratch, &err), &err);
    assert_memory_equal(out, "\7\7\7\7", 4);
    assert_int_equal(mt_chain_decode(&chain, summed, 6, out, 5, 5, scratch, &err), MT_E_CORRUPT);
    assert_string_equal(err.message, "tiff_packbits: decodes to 4 bytes, the chunk needs 5");
    summed[5] ^= 1;
    err = (mt_error)MT_ERROR_INIT;
    assert_int_equal(mt_chain_decode(&chain, summed, 6, out, 4, 4, scratch, &err), MT_E_CORRUPT);
    assert_string_equal(err.message, "crc32c: the checksum is wrong");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compressors),      cmocka_unit_test(heads_of_blosc),
        cmocka_unit_test(parts_of_blosc),   cmocka_unit_test(filters_of_bytes),
        cmocka_unit_test(filters_of_hdf5),  cmocka_unit_test(chains_that_give_too_little),
        cmocka_unit_test(sizes_of_filters),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
