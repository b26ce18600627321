/* SPDX-License-Identifier: BSD-3-Clause */
/* Encoders: what they write, what the decoders make of it, and what they refuse. */
#include "support/support.h"

#include "codec/codec.h"
#include "codec/params.h"

#include <stdlib.h>
#include <string.h>

typedef struct recipe {
    struct {
        const char *codec;
        const void *params;
    } steps[5]; /* the last one is zero */
} recipe;

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

/* False if this build lacks one of the codecs, or Blosc one of its compressors. */
static bool make_chain(const recipe *r, mt_chain *out)
{
    *out = (mt_chain) { 0 };
    for (int i = 0; r->steps[i].codec; i++) {
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_chain_add(out, mt_codec_find(r->steps[i].codec), r->steps[i].params, &err);
        if (st == MT_E_UNSUPPORTED)
            return false;
        check_ok(st, &err);
    }
    return true;
}

enum { NOISE, CONSTANT, IMAGE, KINDS };

/* A block of just its size, which the sanitizers watch. */
static uint8_t *allocate(size_t size)
{
    uint8_t *block = malloc(size ? size : 1);
    assert_non_null(block);
    return block;
}

/* Room for an encoder, and behind it bytes that libraries must leave alone: no sanitizer watches them. */
enum { GUARD = 64 };

static uint8_t *allocate_room(size_t size)
{
    uint8_t *room = allocate(size + GUARD);
    memset(room + size, 0xa5, GUARD);
    return room;
}

static void free_room(uint8_t *room, size_t size)
{
    for (int i = 0; i < GUARD; i++)
        assert_int_equal(room[size + (size_t)i], 0xa5);
    free(room);
}

static uint8_t *make_data(int kind, size_t size)
{
    uint64_t seed = 7;
    uint8_t *data = allocate(size);
    for (size_t i = 0; i < size; i++) {
        unsigned pixel = (unsigned)(1000 + i / 2 % 256 * 3 + i / 512 % 256 + next_random(&seed) % 16);
        data[i] = kind == NOISE ? (uint8_t)next_random(&seed) : kind == CONSTANT ? 42 : (uint8_t)(pixel >> i % 2 * 8);
    }
    return data;
}

/* The encoded bytes, in a block of just their size. */
static uint8_t *encode(const mt_chain *chain, const uint8_t *data, size_t size, size_t *written)
{
    size_t room = mt_chain_encode_bound(chain, size);
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_chain_can_encode(chain, size, &err), &err);
    uint8_t *out = allocate_room(room);
    check_ok(mt_chain_encode(chain, data, size, out, room, written, scratch, &err), &err);
    assert_true(*written <= room);
    uint8_t *encoded = allocate(*written);
    memcpy(encoded, out, *written);
    free_room(out, room);
    return encoded;
}

static void check_round_trip(const mt_chain *chain, const uint8_t *data, size_t size)
{
    size_t written, fixed;
    mt_error err = MT_ERROR_INIT;
    uint8_t *encoded = encode(chain, data, size, &written), *decoded = allocate(size);
    if (mt_chain_encoded_size(chain, size, &fixed))
        assert_int_equal(written, fixed);
    assert_true(written <= mt_chain_encoded_bound(chain, size));
    memset(decoded, 0x55, size);
    check_ok(mt_chain_decode(chain, encoded, written, decoded, size, size, scratch, &err), &err);
    assert_memory_equal(decoded, data, size);
    free(encoded), free(decoded);
}

static void check_kinds(const mt_chain *chain, size_t size)
{
    for (int kind = 0; kind < KINDS; kind++) {
        uint8_t *data = make_data(kind, size);
        check_round_trip(chain, data, size);
        free(data);
    }
}

static const mt_element_params elements[] = { { 1 }, { 2 }, { 4 }, { 8 }, { 3 }, { 16 } };
static const mt_checksum_params at_start = { true };
static const mt_zstd_params zstd_fast = { .level = -5 }, zstd_sum = { .level = 1, .checksum = true },
                            zstd_high = { .level = 12 };
static const mt_blosc_params lz4_bytes = { .shuffle = MT_BLOSC_SHUFFLE, .element_size = 4 },
                             zstd_bits = { "zstd", 3, MT_BLOSC_BITSHUFFLE, 2, 0 },
                             zlib_block = { "zlib", 1, MT_BLOSC_SHUFFLE, 8, 4096 },
                             lz4hc = { "lz4hc", 9, MT_BLOSC_NOSHUFFLE, 1, 0 },
                             blosclz = { "blosclz", 9, MT_BLOSC_SHUFFLE, 2, 0 },
                             tiny_blocks = { "lz4", 1, MT_BLOSC_SHUFFLE, 3, 16 },
                             snappy = { "snappy", 5, MT_BLOSC_BITSHUFFLE, 4, 0 };

static const mt_level_params fastest = { 1 }, smallest = { 12 };
static const mt_row_params gray16 = { .width = 61, .samples = 1, .bits = 16 },
                           rgb8 = { .width = 5, .samples = 3, .bits = 8 },
                           big32 = { .width = 9, .samples = 2, .bits = 32, .is_signed = true, .big_endian = true },
                           double64 = { .width = 1, .samples = 1, .bits = 64, .big_endian = true };

static const recipe recipes[] = {
    { { { "zstd", NULL } } },
    { { { "zstd", &zstd_fast } } },
    { { { "zstd", &zstd_sum } } },
    { { { "zstd", &zstd_high } } },
    { { { "blosc", NULL } } },
    { { { "blosc", &lz4_bytes } } },
    { { { "blosc", &zstd_bits } } },
    { { { "blosc", &zlib_block } } },
    { { { "blosc", &lz4hc } } },
    { { { "blosc", &blosclz } } },
    { { { "blosc", &snappy } } },
    { { { "blosc", &tiny_blocks } } },
    { { { "zlib", NULL } } },
    { { { "zlib", &fastest } } },
    { { { "gzip", NULL } } },
    { { { "gzip", &smallest } } },
    { { { "lz4", NULL } } },
    { { { "crc32c", NULL } } },
    { { { "crc32c", &at_start } } },
    { { { "predictor2", &gray16 }, { "zlib", NULL } } },
    { { { "predictor2", &rgb8 } } },
    { { { "predictor2", &big32 } } },
    { { { "predictor2", &double64 } } },
    { { { "byteswap", &elements[1] }, { "shuffle", &elements[1] }, { "zstd", NULL }, { "crc32c", NULL } } },
};

static void what_is_encoded_is_decoded(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 64, 257, 4099, 100001, 1 << 20, (3 << 20) + 5 };
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        mt_chain chain;
        for (size_t k = 0; make_chain(&recipes[i], &chain) && k < sizeof sizes / sizeof *sizes; k++)
            check_kinds(&chain, sizes[k]);
    }
}

static void filters_of_all_element_sizes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
        for (size_t size = 0; size < 20000; size += 1 + size / 64 + size / 300 * 300) {
            mt_chain chain;
            assert_true(make_chain(&(recipe) { { { "shuffle", &elements[i] } } }, &chain));
            check_kinds(&chain, size);
            assert_true(make_chain(&(recipe) { { { "byteswap", &elements[i] } } }, &chain));
            check_kinds(&chain, size);
        }
}

/* Whole rows, as the floating-point predictor needs them. */
static void floats_of_all_sizes(void **state)
{
    (void)state;
    for (int bits = 16; bits <= 64; bits += bits < 32 ? 8 : 32)
        for (int samples = 1; samples <= 3; samples++)
            for (int width = 1; width <= 33; width += 16) {
                const mt_row_params p = { .width = width, .samples = samples, .bits = bits };
                mt_chain chain;
                assert_true(make_chain(&(recipe) { { { "predictor3", &p } } }, &chain));
                for (size_t rows = 0; rows < 4; rows++)
                    check_kinds(&chain, rows * (size_t)(width * samples * bits / 8));
            }
}

/* Elements of 12 bits in two bytes, as they are before they are packed. */
static void differences_of_odd_bits(void **state)
{
    (void)state;
    const mt_row_params unsigned12 = { .width = 16, .samples = 1, .bits = 12 };
    const mt_row_params signed12 = { .width = 16, .samples = 1, .bits = 12, .is_signed = true };
    uint16_t up[64];
    int16_t around[64];
    uint64_t seed = 3;
    mt_chain chain;
    for (int i = 0; i < 64; i++) {
        up[i] = (uint16_t)random_between(&seed, 0, 4095);
        around[i] = (int16_t)random_between(&seed, -2048, 2047);
    }
    assert_true(make_chain(&(recipe) { { { "predictor2", &unsigned12 } } }, &chain));
    check_round_trip(&chain, (const uint8_t *)up, sizeof up);
    assert_true(make_chain(&(recipe) { { { "predictor2", &signed12 } } }, &chain));
    check_round_trip(&chain, (const uint8_t *)around, sizeof around);
}

/* The layouts themselves: an encoder and a decoder could be wrong alike. */
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

/* Against the definition, bit by bit, from any alignment. */
static void checksums_of_all_sizes(void **state)
{
    (void)state;
    uint8_t *noise = make_data(NOISE, 80);
    for (size_t from = 0; from < 8; from++)
        for (size_t size = 0; size <= 72; size++) {
            uint32_t sum = 0xffffffff;
            for (size_t bit = 0; bit < 8 * size; bit++) {
                uint32_t low = (sum ^ noise[from + bit / 8] >> bit % 8) & 1;
                sum = sum >> 1 ^ (low ? 0x82f63b78 : 0);
            }
            assert_int_equal(mt_crc32c(noise + from, size), (uint32_t)~sum);
        }
    free(noise);
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

/* Encodes with an allocator whose k-th allocation fails. */
static mt_status encode_failing(const mt_chain *chain, const uint8_t *data, size_t size, uint8_t *out, size_t room,
                                size_t k, mt_error *err)
{
    failing_allocator failing;
    mt_allocator allocator = failing_allocator_make(&failing, k, 0);
    mt_env own;
    mt_scratch *thin = NULL;
    size_t written;
    mt_env_init(&own, &allocator, NULL);
    mt_status st = mt_scratch_new(&own, &thin, err);
    if (!st)
        st = mt_chain_encode(chain, data, size, out, room, &written, thin, err);
    mt_scratch_free(thin);
    assert_int_equal(own.memory_bytes, 0);
    return st;
}

static void allocations_fail(void **state)
{
    (void)state;
    const size_t size = 10000;
    uint8_t *image = make_data(IMAGE, size);
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        mt_chain chain;
        if (!make_chain(&recipes[i], &chain))
            continue;
        mt_error err = MT_ERROR_INIT;
        size_t room = mt_chain_encode_bound(&chain, size), k = 0;
        uint8_t *out = allocate(room);
        while (encode_failing(&chain, image, size, out, room, k, &err)) {
            assert_int_equal(err.status, MT_E_MEMORY);
            err = (mt_error)MT_ERROR_INIT;
            assert_true(++k < 20);
        }
        assert_true(k >= (chain.n_steps > 2 ? 3 : 1)); /* the scratch and both of its buffers */
        free(out);
    }
    free(image);
}

static void parameters_that_are_refused(void **state)
{
    (void)state;
    static const mt_zstd_params deep = { .level = 23 }, low = { .level = -2000000 };
    static const mt_level_params thirteen = { 13 }, below = { -1 };
    static const mt_blosc_params unknown = { .compressor = "lzma" }, ten = { .level = 10 }, negative = { .level = -1 },
                                 wide = { .element_size = 256 }, vast = { .block = SIZE_MAX };
    static const struct {
        const char *codec;
        const void *params;
        mt_status status;
        const char *message; /* a part of it */
    } cases[] = {
        { "zstd", &deep, MT_E_ARGUMENT, "level 23" },      { "zstd", &low, MT_E_ARGUMENT, "level -2000000" },
        { "zlib", &thirteen, MT_E_ARGUMENT, "level 13" },  { "gzip", &below, MT_E_ARGUMENT, "level -1" },
        { "blosc", &unknown, MT_E_UNSUPPORTED, "'lzma'" }, { "blosc", &ten, MT_E_ARGUMENT, "level 10" },
        { "blosc", &negative, MT_E_ARGUMENT, "level -1" }, { "blosc", &wide, MT_E_ARGUMENT, "256 bytes, at most 255" },
        { "blosc", &vast, MT_E_ARGUMENT, "too large" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_codec *codec = mt_codec_find(cases[i].codec);
        mt_chain chain = { 0 };
        mt_error err = MT_ERROR_INIT;
        if (!codec->decode)
            continue; /* this build lacks it */
        assert_int_equal(mt_chain_add(&chain, codec, cases[i].params, &err), cases[i].status);
        assert_non_null(strstr(err.message, cases[i].message));
        assert_int_equal(chain.n_steps, 0);
    }
}

static void check_cannot(const recipe *r, size_t size, const char *message)
{
    mt_chain chain;
    mt_error err = MT_ERROR_INIT;
    size_t written;
    uint8_t byte = 0;
    if (!make_chain(r, &chain))
        return; /* this build lacks it */
    assert_int_equal(mt_chain_can_encode(&chain, size, &err), MT_E_UNSUPPORTED);
    assert_string_equal(err.message, message);
    assert_true(mt_chain_encode_bound(&chain, size) == SIZE_MAX);
    err = (mt_error)MT_ERROR_INIT;
    assert_int_equal(mt_chain_encode(&chain, &byte, size, &byte, 1, &written, scratch, &err), MT_E_UNSUPPORTED);
}

static void what_cannot_be_encoded(void **state)
{
    (void)state;
    check_cannot(&(recipe) { { { "lzw", NULL } } }, 10, "codec lzw can be read but not written");
    check_cannot(&(recipe) { { { "crc32c", NULL }, { "lzw", NULL }, { "crc32c", NULL } } }, 10,
                 "codec lzw can be read but not written");
    check_cannot(&(recipe) { { { "lz4_blocks", NULL } } }, 10, "codec lz4 can be read but not written");
    check_cannot(&(recipe) { { { "lz4", NULL } } }, (size_t)1 << 31,
                 "codec lz4 cannot encode chunks of 2147483648 bytes");
    check_cannot(&(recipe) { { { "blosc", NULL } } }, (size_t)1 << 31,
                 "codec blosc cannot encode chunks of 2147483648 bytes");
    check_cannot(&(recipe) { { { "crc32c", NULL }, { "blosc", NULL } } }, ((size_t)1 << 31) - 18,
                 "codec blosc cannot encode chunks of 2147483634 bytes");
    check_cannot(&(recipe) { { { "zstd", NULL } } }, SIZE_MAX / 2,
                 "codec zstd cannot encode chunks of 9223372036854775807 bytes");
}

/* Less room than the bound is an error even if the output would fit. */
static void too_little_room(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        mt_chain chain;
        mt_error err = MT_ERROR_INIT;
        uint8_t data[64] = { 0 }, out[1024];
        size_t written;
        if (!make_chain(&recipes[i], &chain))
            continue;
        size_t room = mt_chain_encode_bound(&chain, sizeof data);
        assert_true(room <= sizeof out);
        assert_int_equal(mt_chain_encode(&chain, data, sizeof data, out, room - 1, &written, scratch, &err),
                         MT_E_ARGUMENT);
        check_ok(mt_chain_encode(&chain, data, sizeof data, out, room, &written, scratch, NULL), NULL);
    }
}

/* Without the chain's check, an encoder fails where the room ends. */
static void encoders_stay_in_their_room(void **state)
{
    (void)state;
    uint8_t *noise = make_data(NOISE, 610);
    size_t needed, written;
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        mt_chain chain;
        if (!make_chain(&recipes[i], &chain))
            continue;
        chain.n_steps = 1;
        const mt_step *step = &chain.steps[0];
        free(encode(&chain, noise, 610, &needed));
        for (size_t room = 0; room < needed; room++) {
            mt_error err = MT_ERROR_INIT;
            uint8_t *out = allocate_room(room);
            assert_true(step->codec->encode(step->params, noise, 610, out, room, &written, scratch, &err));
            assert_non_null(strstr(err.message, step->codec == mt_codec_find("zstd") ? "too small" : " bytes"));
            free_room(out, room);
        }
    }
    free(noise);
}

static void rows_that_are_not_whole(void **state)
{
    (void)state;
    const mt_row_params p = { .width = 3, .samples = 1, .bits = 32 };
    uint8_t data[40] = { 0 }, out[40];
    size_t written;
    mt_chain chain;
    mt_error err = MT_ERROR_INIT;
    assert_true(make_chain(&(recipe) { { { "predictor3", &p } } }, &chain));
    assert_int_equal(mt_chain_encode(&chain, data, 40, out, 40, &written, scratch, &err), MT_E_ARGUMENT);
    assert_string_equal(err.message, "predictor3: 40 bytes are not rows of 12");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_encoded_is_decoded),
        cmocka_unit_test(filters_of_all_element_sizes),
        cmocka_unit_test(floats_of_all_sizes),
        cmocka_unit_test(differences_of_odd_bits),
        cmocka_unit_test(known_answers),
        cmocka_unit_test(known_answers_of_predictors),
        cmocka_unit_test(checksums_of_all_sizes),
        cmocka_unit_test(heads_of_zstd),
        cmocka_unit_test(heads_of_blosc),
        cmocka_unit_test(heads_of_gzip),
        cmocka_unit_test(equal_chunks_give_equal_bytes),
        cmocka_unit_test(levels),
        cmocka_unit_test(allocations_fail),
        cmocka_unit_test(parameters_that_are_refused),
        cmocka_unit_test(what_cannot_be_encoded),
        cmocka_unit_test(too_little_room),
        cmocka_unit_test(encoders_stay_in_their_room),
        cmocka_unit_test(rows_that_are_not_whole),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
