/* SPDX-License-Identifier: BSD-3-Clause */
/* The bytes that encoders write: an encoder and a decoder could be wrong alike. */
#include "support/encoding.h"

#include "codec/params.h"

#include <stdlib.h>
#include <string.h>

static const mt_element_params elements[] = { { 1 }, { 2 }, { 4 }, { 8 }, { 3 }, { 16 } };
static const mt_checksum_params at_start = { true };

static void known_answers(void **state)
{
    (void)state;
    static const mt_row_params rgb_row = { .width = 2, .samples = 3, .bits = 8 };
    static const struct {
        recipe recipe;
        const char *data;
        size_t size;
        const char *encoded;
        size_t encoded_size;
    } cases[] = {
#define BYTES(text) text, sizeof(text) - 1
        { { { { "shuffle", &elements[1] } } }, BYTES("abcdefg"), BYTES("acebdfg") },
        { { { { "shuffle", &elements[2] } } }, BYTES("abcdefgh"), BYTES("aebfcgdh") },
        { { { { "byteswap", &elements[2] } } }, BYTES("abcdefghi"), BYTES("dcbahgfei") },
        { { { { "crc32c", NULL } } }, BYTES("123456789"), BYTES("123456789\x83\x92\x06\xe3") },
        { { { { "crc32c", &at_start } } },
          BYTES("123456789"),
          BYTES("\x83\x92\x06\xe3"
                "123456789") },
        { { { { "lz4", NULL } } },
          BYTES("abc"),
          BYTES("\3\0\0\0\x30"
                "abc") },
        { { { { "predictor2", &rgb_row } } }, BYTES("\1\2\3\3\2\1"), BYTES("\1\2\3\2\0\xfe") },
        { { { { "shuffle", &elements[1] }, { "crc32c", NULL } } },
          BYTES("152637489"),
          BYTES("123456789\x83\x92\x06\xe3") },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_chain chain;
        size_t written;
        if (!make_chain(&cases[i].recipe, &chain))
            continue;
        uint8_t *encoded = encode(&chain, (const uint8_t *)cases[i].data, cases[i].size, &written);
        assert_int_equal(written, cases[i].encoded_size);
        assert_memory_equal(encoded, cases[i].encoded, written);
        free(encoded);
    }
}

/* Native elements, of which the most significant bytes come first. */
static void known_answers_of_predictors(void **state)
{
    (void)state;
    const mt_row_params p = { .width = 3, .samples = 1, .bits = 16, .big_endian = true };
    const uint16_t in[6] = { 0x0102, 0x0304, 0x0203, 0x1000, 0x1001, 0x0fff };
    const uint8_t horizontal[12] = { 1, 2, 2, 2, 0xfe, 0xff, 0x10, 0, 0, 1, 0xff, 0xfe };
    const uint8_t floating[12] = { 1, 2, 0xff, 0, 2, 0xff, 0x10, 0, 0xff, 0xf1, 1, 0xfe };
    const char *const names[] = { "predictor2", "predictor3" };
    const uint8_t *const answers[] = { horizontal, floating };
    for (int i = 0; i < 2; i++) {
        mt_chain chain;
        size_t written;
        assert_true(make_chain(&(recipe) { { { names[i], &p } } }, &chain));
        uint8_t *encoded = encode(&chain, (const uint8_t *)in, sizeof in, &written);
        assert_int_equal(written, sizeof in);
        assert_memory_equal(encoded, answers[i], sizeof in);
        free(encoded);
    }
}

/* The definition, bit by bit. */
static uint32_t sum_bits(const uint8_t *bytes, size_t n)
{
    uint32_t sum = 0xffffffff;
    for (size_t bit = 0; bit < 8 * n; bit++) {
        uint32_t low = (sum ^ bytes[bit / 8] >> bit % 8) & 1;
        sum = sum >> 1 ^ (low ? 0x82f63b78 : 0);
    }
    return ~sum;
}

/* From any alignment; sizes from which several parts are summed at once. */
static void checksums_of_all_sizes(void **state)
{
    (void)state;
    const size_t large[] = { 24575, 24576, 24577, 49151, 49152, 60000 };
    uint8_t *noise = make_data(NOISE, 60008);
    for (size_t from = 0; from < 8; from++) {
        for (size_t size = 0; size <= 72; size++)
            assert_int_equal(mt_crc32c(noise + from, size), sum_bits(noise + from, size));
        for (size_t i = 0; i < sizeof large / sizeof *large; i++)
            assert_int_equal(mt_crc32c(noise + from, large[i]), sum_bits(noise + from, large[i]));
    }
    free(noise);
}

static void checksums_joined(void **state)
{
    (void)state;
    const size_t sizes[] = { 0, 1, 7, 4096, 30001 };
    uint8_t *noise = make_data(NOISE, 60002);
    for (size_t i = 0; i < 25; i++) {
        size_t first = sizes[i / 5], second = sizes[i % 5];
        uint32_t joined = mt_crc32c_join(mt_crc32c(noise, first), mt_crc32c(noise + first, second), second);
        assert_int_equal(joined, mt_crc32c(noise, first + second));
        assert_int_equal(mt_crc32c_add(mt_crc32c(noise, first), noise + first, second), joined);
    }
    free(noise);
}

/* RFC 8878, 3.1.1.1: the size of the content is there, a checksum if asked for. */
static void heads_of_zstd(void **state)
{
    (void)state;
    uint8_t *image = make_data(IMAGE, 1000);
    for (int checksum = 0; checksum < 2; checksum++) {
        const mt_zstd_params p = { .checksum = checksum };
        mt_chain chain;
        size_t written;
        if (!make_chain(&(recipe) { { { "zstd", &p } } }, &chain))
            continue;
        uint8_t *encoded = encode(&chain, image, 1000, &written);
        assert_int_equal(encoded[4], 0x60 | checksum << 2); /* a single segment, its size in two bytes */
        assert_int_equal(encoded[5] | encoded[6] << 8, 1000 - 256);
        free(encoded);
    }
    free(image);
}

/* Blosc's README_HEADER.rst: flags (bits 0: bytes shuffled, 2: bits shuffled, 5 to 7: format of the compressor), size of
 * elements, size of the data and of a block, which the library may enlarge, but not for Zstandard. */
static void heads_of_blosc(void **state)
{
    (void)state;
    static const struct {
        mt_blosc_params params;
        int format, shuffle;
    } cases[] = { { { "lz4", 5, MT_BLOSC_SHUFFLE, 4, 4096 }, 1, 1 },
                  { { "zstd", 5, MT_BLOSC_BITSHUFFLE, 2, 4096 }, 4, 4 },
                  { { "zlib", 5, MT_BLOSC_NOSHUFFLE, 8, 4096 }, 3, 0 } };
    uint8_t *data = make_data(CONSTANT, 100000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_chain chain;
        size_t written;
        if (!make_chain(&(recipe) { { { "blosc", &cases[i].params } } }, &chain))
            continue;
        uint8_t *encoded = encode(&chain, data, 100000, &written);
        assert_int_equal(encoded[2] >> 5, cases[i].format);
        assert_int_equal(encoded[2] & 5, cases[i].shuffle);
        assert_int_equal(encoded[3], cases[i].params.element_size);
        assert_int_equal(encoded[4] | encoded[5] << 8 | encoded[6] << 16, 100000);
        assert_true(cases[i].format != 4 || (encoded[8] | encoded[9] << 8 | encoded[10] << 16) == 4096);
        free(encoded);
    }
    free(data);
}

/* RFC 1952, 2.3.1: no flags, no time. */
static void heads_of_gzip(void **state)
{
    (void)state;
    mt_chain chain;
    size_t written;
    if (!make_chain(&(recipe) { { { "gzip", NULL } } }, &chain))
        skip();
    uint8_t *encoded = encode(&chain, (const uint8_t *)"abc", 3, &written);
    assert_memory_equal(encoded, "\x1f\x8b\x08\0\0\0\0\0", 8);
    free(encoded);
}

/* A used context, and what lies beside the data, change no byte. */
static void equal_chunks_give_equal_bytes(void **state)
{
    (void)state;
    const size_t size = 100000;
    uint8_t *image = make_data(IMAGE, 2 * size), *copy = allocate(size);
    memcpy(copy, image, size);
    for (int level = 1; level <= 19; level++) {
        const mt_zstd_params zstd = { .level = level };
        const mt_blosc_params blosc = { "zstd", level < 9 ? level : 9, MT_BLOSC_SHUFFLE, 2, 0 };
        const mt_level_params deflate = { level < 12 ? level : 12 };
        const recipe all[] = { { { { "zstd", &zstd } } },
                               { { { "blosc", &blosc } } },
                               { { { "gzip", &deflate } } },
                               { { { "lz4", NULL } } } };
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
            mt_chain chain;
            size_t first_size, other_size, again_size;
            if (!make_chain(&all[i], &chain))
                continue;
            uint8_t *first = encode(&chain, image, size, &first_size);
            uint8_t *other = encode(&chain, image + size, size / 3, &other_size);
            uint8_t *again = encode(&chain, copy, size, &again_size);
            assert_int_equal(first_size, again_size);
            assert_memory_equal(first, again, first_size);
            free(first), free(other), free(again);
        }
    }
    free(image), free(copy);
}

/* Higher levels are smaller; level 0 is the default. */
static void levels(void **state)
{
    (void)state;
    static const mt_zstd_params zstd[] = { { .level = 1 }, { .level = 15 }, { .level = 3 }, { .level = 0 } };
    static const mt_blosc_params blosc[] = { { "zstd", 1, MT_BLOSC_SHUFFLE, 2, 0 },
                                             { "zstd", 9, MT_BLOSC_SHUFFLE, 2, 0 },
                                             { "zstd", 5, MT_BLOSC_SHUFFLE, 2, 0 },
                                             { "zstd", 0, MT_BLOSC_SHUFFLE, 2, 0 } };
    static const mt_level_params deflate[] = { { 1 }, { 12 }, { 6 }, { 0 } };
    static const struct {
        const char *codec;
        const void *low, *high, *usual, *zero;
    } cases[] = { { "zstd", &zstd[0], &zstd[1], &zstd[2], &zstd[3] },
                  { "zlib", &deflate[0], &deflate[1], &deflate[2], &deflate[3] },
                  { "gzip", &deflate[0], &deflate[1], &deflate[2], &deflate[3] },
                  { "blosc", &blosc[0], &blosc[1], &blosc[2], &blosc[3] } };
    const size_t size = 1 << 19;
    uint8_t *image = make_data(IMAGE, size);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const void *params[] = { cases[i].low, cases[i].high, cases[i].usual, cases[i].zero };
        uint8_t *encoded[4] = { NULL };
        size_t sizes[4] = { 0 };
        for (int k = 0; k < 4; k++) {
            mt_chain chain;
            if (make_chain(&(recipe) { { { cases[i].codec, params[k] } } }, &chain))
                encoded[k] = encode(&chain, image, size, &sizes[k]);
        }
        assert_true(!encoded[0] || sizes[0] > sizes[1]);
        assert_int_equal(sizes[2], sizes[3]);
        assert_true(!encoded[2] || memcmp(encoded[2], encoded[3], sizes[2]) == 0);
        for (int k = 0; k < 4; k++)
            free(encoded[k]);
    }
    free(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(known_answers_of_predictors),
        cmocka_unit_test(checksums_of_all_sizes),
        cmocka_unit_test(checksums_joined),
        cmocka_unit_test(heads_of_zstd),
        cmocka_unit_test(heads_of_blosc),
        cmocka_unit_test(heads_of_gzip),
        cmocka_unit_test(equal_chunks_give_equal_bytes),
        cmocka_unit_test(levels),
    };
    return cmocka_run_group_tests(tests, make_scratch, free_scratch);
}
