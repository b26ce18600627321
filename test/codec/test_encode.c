/* SPDX-License-Identifier: BSD-3-Clause */
/* Encoders: what the decoders make of what they write, and what they refuse. */
#include "support/encoding.h"

#include "codec/params.h"

#include <stdlib.h>
#include <string.h>

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
                            zstd_high = { .level = 22 };
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
        { "zstd", &deep, MT_E_ARGUMENT, "level of 23" },
        { "zstd", &low, MT_E_ARGUMENT, "level of -2000000" },
        { "zlib", &thirteen, MT_E_ARGUMENT, "level of 13" },
        { "gzip", &below, MT_E_ARGUMENT, "level of -1" },
        { "blosc", &unknown, MT_E_UNSUPPORTED, "'lzma'" },
        { "blosc", &ten, MT_E_ARGUMENT, "level of 10" },
        { "blosc", &negative, MT_E_ARGUMENT, "level of -1" },
        { "blosc", &wide, MT_E_ARGUMENT, "256 bytes, at most 255" },
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
        cmocka_unit_test(allocations_fail),
        cmocka_unit_test(parameters_that_are_refused),
        cmocka_unit_test(what_cannot_be_encoded),
        cmocka_unit_test(too_little_room),
        cmocka_unit_test(encoders_stay_in_their_room),
        cmocka_unit_test(rows_that_are_not_whole),
    };
    return cmocka_run_group_tests(tests, make_scratch, free_scratch);
}
