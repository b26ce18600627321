/* SPDX-License-Identifier: BSD-3-Clause */
/* Chains as bytes: each kind of parameters comes back, and what no codec takes is refused. */
#include "support/support.h"

#include "codec/params.h"
#include "codec/saved.h"

#include <stdlib.h>
#include <string.h>

static mt_env env;
static mt_arena *arena;

static const uint8_t tables[] = { 0xff, 0xd8, 0xff, 0xd9 };

/* Parameters of each kind; those of JPEG point to bytes outside. */
static const mt_element_params element = { 3 };
static const mt_filter_params filter = { { MT_FLOAT64, true }, { MT_INT16, false }, -1.5, 1e-3 };
static const mt_checksum_params checksum = { true };
static const mt_lzma_params lzma = {
    3,
    2,
    { { .id = 3, .distance = 9 }, { .id = UINT64_C(0x4000000000000001), .dict_size = 4096, .lc = 1, .lp = 2, .pb = 4 } }
};
static const mt_row_params row = { 1000, 3, 12, true, true, false }, nibbles = { 77, 1, 4, false, false, true },
                           largest = { 1 << 28, 4, 8, false, false, false }; /* max_chunk_bytes */
static const mt_picture_params picture = { 70, 80, 3, MT_UINT8, true, tables, sizeof tables, true, true };
static const mt_szip_params szip = { 32, 8, 16, 300 };
static const mt_packed_params packed = { false, true, 77, 4, 31, true };
static const mt_scaleoffset_params scaleoffset = { true, -3, 99, 8, true, true, UINT64_C(0x123456789abcdef0) };
static const mt_samples_params samples = { 2, 4 };
static const mt_constant_params constant = { 2, { 1, 2, 3, 4, 5, 6, 7, 8 } };
static const mt_bitshuffle_params bitshuffle = { 2, 64, MT_BLOCKS_LZ4 };
static const mt_block_params raw_block = { .ndim = 2, .element_size = 4, .extent = { 7, 5 }, .least = { 3, 5 } };
static mt_block_params gzip_block = { .ndim = 1, .element_size = 2, .extent = { 9 }, .least = { 9 } },
                       xz_block = { .ndim = 1, .element_size = 8, .extent = { 9 }, .least = { 1 } },
                       jpeg_block = { .ndim = 2, .element_size = 1, .extent = { 9, 3 }, .least = { 1, 2 } };

static int make(void **state)
{
    (void)state;
    mt_env_init(&env, NULL, NULL);
    gzip_block.codec = mt_codec_find("gzip");
    xz_block.codec = mt_codec_find("lzma");
    jpeg_block.codec = mt_codec_find("jpeg");
    return mt_arena_new(&env, &arena, NULL);
}

static int clean(void **state)
{
    (void)state;
    mt_arena_free(arena);
    return env.memory_bytes != 0;
}

static const struct {
    const char *codec;
    const void *params;
    size_t size;
} kinds[] = {
    { "shuffle", &element, sizeof element },
    { "byteswap", &element, sizeof element },
    { "delta", &filter, sizeof filter },
    { "astype", &filter, sizeof filter },
    { "quantize", &filter, sizeof filter },
    { "fixedscaleoffset", &filter, sizeof filter },
    { "scaled", &filter, sizeof filter },
    { "crc32c", &checksum, sizeof checksum },
    { "crc32", &checksum, sizeof checksum },
    { "adler32", &checksum, sizeof checksum },
    { "fletcher32", &checksum, sizeof checksum },
    { "lzma", &lzma, sizeof lzma },
    { "predictor2", &row, sizeof row },
    { "unpack_bits", &row, sizeof row },
    { "unpack_bits", &nibbles, sizeof nibbles },
    { "predictor2", &largest, sizeof largest },
    { "float24", &row, sizeof row },
    { "jpeg", &picture, 0 },
    { "jpegxr", &picture, 0 },
    { "szip", &szip, sizeof szip },
    { "nbit", &packed, sizeof packed },
    { "scaleoffset", &scaleoffset, sizeof scaleoffset },
    { "bgr", &samples, sizeof samples },
    { "constant", &constant, sizeof constant },
    { "bitshuffle", &bitshuffle, sizeof bitshuffle },
    { "n5_block", &raw_block, sizeof raw_block },
    { "n5_block", &gzip_block, sizeof gzip_block },
    { "n5_block", &xz_block, sizeof xz_block },
    { "n5_block", &jpeg_block, sizeof jpeg_block },
    { "zlib", NULL, 0 },
    { "lzma", NULL, 0 },
    { "crc32", NULL, 0 },
};

static void check_picture(const mt_picture_params *p)
{
    assert_true(p->width == 70 && p->height == 80 && p->samples == 3 && p->dtype == MT_UINT8);
    assert_true(p->ycbcr && p->fits && p->headless);
    assert_int_equal(p->tables_size, sizeof tables);
    assert_memory_equal(p->tables, tables, sizeof tables);
}

/* A chain of one step, as bytes in an own block. */
static uint8_t *write_chain(const mt_codec *codec, const void *params, size_t *size)
{
    mt_chain chain = { .n_steps = 1, .steps = { { codec, params } } };
    mt_buffer buffer = mt_buffer_on(&env);
    mt_chain_write(&chain, &buffer);
    assert_int_equal(buffer.status, MT_OK);
    uint8_t *bytes = malloc(buffer.size);
    memcpy(bytes, buffer.data, buffer.size);
    *size = buffer.size;
    mt_buffer_free(&buffer);
    return bytes;
}

static mt_status read_chain(const uint8_t *bytes, size_t size, mt_chain *out, mt_error *err)
{
    uint8_t *copy = malloc(size + !size);
    memcpy(copy, bytes, size);
    mt_reader r = mt_reader_over(copy, size, false);
    mt_status st = mt_chain_read(&r, arena, out, err);
    if (!st)
        assert_int_equal(mt_read_left(&r), 0);
    free(copy);
    return st;
}

/* And a cut one gives an error, never other parameters. */
static void parameters_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const mt_codec *codec = mt_codec_find(kinds[i].codec);
        if (mt_chain_add(&(mt_chain) { 0 }, codec, kinds[i].params, NULL))
            continue; /* this build lacks it */
        size_t size;
        uint8_t *bytes = write_chain(codec, kinds[i].params, &size);
        mt_chain chain;
        mt_error err = MT_ERROR_INIT;
        check_ok(read_chain(bytes, size, &chain, &err), &err);
        assert_int_equal(chain.n_steps, 1);
        assert_ptr_equal(chain.steps[0].codec, codec);
        assert_int_equal(chain.steps[0].params != NULL, kinds[i].params != NULL);
        if (kinds[i].params == &picture) {
            check_picture(chain.steps[0].params);
        } else if (kinds[i].params) { /* compared as they are written: there may be padding */
            size_t again;
            uint8_t *second = write_chain(codec, chain.steps[0].params, &again);
            assert_int_equal(again, size);
            assert_memory_equal(second, bytes, size);
            free(second);
        }
        for (size_t n = 1; n < size; n++) {
            mt_error cut = MT_ERROR_INIT;
            if (read_chain(bytes, n, &chain, &cut) != MT_E_CORRUPT)
                fail_msg("%d of %d bytes of %s are enough", (int)n, (int)size, kinds[i].codec);
        }
        free(bytes);
    }
}

/* The fields themselves, of the kinds with more than one field of a type. */
static void fields_are_not_mixed_up(void **state)
{
    (void)state;
    size_t size;
    mt_chain chain;
    mt_error err = MT_ERROR_INIT;
    uint8_t *bytes = write_chain(mt_codec_find("fixedscaleoffset"), &filter, &size);
    check_ok(read_chain(bytes, size, &chain, &err), &err);
    const mt_filter_params *f = chain.steps[0].params;
    assert_true(f->dtype.dtype == MT_FLOAT64 && f->dtype.big_endian && f->astype.dtype == MT_INT16);
    assert_true(!f->astype.big_endian && f->offset == -1.5 && f->scale == 1e-3);
    free(bytes);

    bytes = write_chain(mt_codec_find("unpack_bits"), &(mt_row_params) { 9, 4, 12, false, true, false }, &size);
    check_ok(read_chain(bytes, size, &chain, &err), &err);
    const mt_row_params *r = chain.steps[0].params;
    assert_true(r->width == 9 && r->samples == 4 && r->bits == 12 && !r->is_signed && r->big_endian);
    free(bytes);

    bytes = write_chain(mt_codec_find("nbit"), &(mt_packed_params) { false, true, 77, 4, 31, false }, &size);
    check_ok(read_chain(bytes, size, &chain, &err), &err);
    const mt_packed_params *n = chain.steps[0].params;
    assert_true(!n->raw && n->is_signed && !n->big_endian && n->count == 77 && n->element_size == 4 && n->bits == 31);
    free(bytes);

    bytes =
        write_chain(mt_codec_find("scaleoffset"), &(mt_scaleoffset_params) { false, 5, 6, 4, true, false, 7 }, &size);
    check_ok(read_chain(bytes, size, &chain, &err), &err);
    const mt_scaleoffset_params *s = chain.steps[0].params;
    assert_true(!s->is_float && s->decimals == 5 && s->count == 6 && s->element_size == 4 && s->big_endian);
    assert_true(!s->has_fill && s->fill == 7);
    free(bytes);
}

static void parameters_that_no_codec_takes(void **state)
{
    (void)state;
    static const mt_element_params no_element = { 0 };
    static const mt_filter_params no_type = { { MT_UINT8, false }, { (mt_dtype)99, false }, 0, 1 };
    static const mt_lzma_params format4 = { .format = 4 };
    static const mt_row_params no_width = { .width = 0, .samples = 1, .bits = 8 },
                               no_bits = { .width = 1, .samples = 1, .bits = 0 },
                               many_bits = { .width = 1, .samples = 1, .bits = 65 },
                               part = { .width = 1, .samples = 1, .bits = 12 },
                               low_twelve = { .width = 1, .samples = 1, .bits = 12, .low_first = true },
                               low_three = { .width = 1, .samples = 1, .bits = 3, .low_first = true },
                               large = { .width = INT64_C(1) << 40, .samples = 1, .bits = 8 },
                               larger = { .width = INT64_C(1) << 40, .samples = INT64_C(1) << 40, .bits = 8 };
    static const mt_picture_params flat = { 8, 0, 1, MT_UINT8, false, NULL, 0, false },
                                   untyped = { 8, 8, 1, (mt_dtype)99, false, NULL, 0, false };
    static const mt_packed_params empty_bits = { .count = 1, .element_size = 2, .bits = 0 },
                                  more_bits = { .count = 1, .element_size = 2, .bits = 17 },
                                  no_size = { .count = 1, .element_size = 0, .bits = 1 },
                                  nine = { .count = 1, .element_size = 9, .bits = 1 };
    static const mt_scaleoffset_params three = { .count = 1, .element_size = 3 },
                                       short_float = { .is_float = true, .count = 1, .element_size = 2 },
                                       smallest = { .decimals = INT32_MIN, .count = 1, .element_size = 4 };
    static const mt_samples_params two = { 1, 2 }, wide = { 9, 3 }, many = { 1, (1 << 20) + 1 }, none = { 0, 3 };
    static const mt_constant_params nothing = { 0, { 0 } }, too_much = { 9, { 0 } };
    static const mt_bitshuffle_params no_elements = { 0, 8, MT_BLOCKS_RAW }, long_elements = { 1025, 8, MT_BLOCKS_RAW },
                                      uneven = { 2, 12, MT_BLOCKS_RAW }, huge = { 2, (1u << 27) + 8, MT_BLOCKS_RAW },
                                      other = { 2, 8, 1 };
    const mt_block_params
        flat_block = { .ndim = 0, .element_size = 1 },
        wide_element = { .ndim = 1, .element_size = 9, .extent = { 4 }, .least = { 1 } },
        nothing_least = { .ndim = 1, .element_size = 1, .extent = { 4 }, .least = { 0 } },
        more_least = { .ndim = 1, .element_size = 1, .extent = { 4 }, .least = { 5 } },
        huge_block = { .ndim = 1, .element_size = 1, .extent = { INT64_C(1) << 31 }, .least = { 1 } },
        nested = { .ndim = 1, .element_size = 1, .extent = { 4 }, .least = { 1 }, .codec = mt_codec_find("n5_block") },
        wide_jpeg = { .ndim = 1, .element_size = 2, .extent = { 4 }, .least = { 1 }, .codec = mt_codec_find("jpeg") };
    const struct {
        const char *codec;
        const void *params;
    } cases[] = {
        { "shuffle", &no_element },
        { "delta", &no_type },
        { "lzma", &format4 },
        { "unpack_bits", &no_width },
        { "unpack_bits", &no_bits },
        { "predictor2", &many_bits },
        { "predictor3", &part },
        { "unpack_bits", &low_twelve },
        { "unpack_bits", &low_three },
        { "predictor2", &large },
        { "predictor2", &larger },
        { "jpegxr", &flat },
        { "jpegxr", &untyped },
        { "nbit", &empty_bits },
        { "nbit", &more_bits },
        { "nbit", &no_size },
        { "nbit", &nine },
        { "scaleoffset", &three },
        { "scaleoffset", &short_float },
        { "scaleoffset", &smallest },
        { "bgr", &two },
        { "bgr", &wide },
        { "bgr", &many },
        { "bgr", &none },
        { "constant", &nothing },
        { "constant", &too_much },
        { "bitshuffle", &no_elements },
        { "bitshuffle", &long_elements },
        { "bitshuffle", &uneven },
        { "bitshuffle", &huge },
        { "bitshuffle", &other },
        { "n5_block", &flat_block },
        { "n5_block", &wide_element },
        { "n5_block", &nothing_least },
        { "n5_block", &more_least },
        { "n5_block", &huge_block },
        { "n5_block", &nested },
        { "n5_block", &wide_jpeg },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size;
        uint8_t *bytes = write_chain(mt_codec_find(cases[i].codec), cases[i].params, &size);
        mt_chain chain;
        mt_error err = MT_ERROR_INIT;
        if (read_chain(bytes, size, &chain, &err) != MT_E_CORRUPT || !strstr(err.message, cases[i].codec))
            fail_msg("case %d, %s: %s", (int)i, cases[i].codec, err.message);
        free(bytes);
    }
}

static void blocks_of_too_many_dimensions(void **state)
{
    (void)state;
    enum { NDIM_AT = 11 }; /* after the number of steps, the name with its length, and a flag */
    size_t size;
    uint8_t *bytes = write_chain(mt_codec_find("n5_block"), &raw_block, &size);
    mt_chain chain;
    assert_int_equal(bytes[NDIM_AT], raw_block.ndim);
    bytes[NDIM_AT] = MT_MAX_DIMS + 1;
    assert_int_equal(read_chain(bytes, size, &chain, NULL), MT_E_CORRUPT);
    free(bytes);
}

static void steps_that_are_broken(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        mt_status status;
        const char *message;
    } cases[] = {
#define STEPS(text) text, sizeof(text) - 1
        { STEPS("\x01\x20"
                "a name that is far too long for any"),
          MT_E_CORRUPT, "name" },
        { STEPS("\x01\x04zl"), MT_E_CORRUPT, "name" },
        { STEPS("\x01\x04zlip\0"), MT_E_UNSUPPORTED, "zlip" },
        { STEPS("\x01\x04zlib\x01"), MT_E_CORRUPT, "zlib" },
        { STEPS("\x01\x07shuffle\0"), MT_E_CORRUPT, "shuffle" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_chain chain;
        mt_error err = MT_ERROR_INIT;
        mt_status st = read_chain((const uint8_t *)cases[i].bytes, cases[i].size, &chain, &err);
        if (st != cases[i].status || !strstr(err.message, cases[i].message))
            fail_msg("case %d: %s: %s", (int)i, mt_status_name(st), err.message);
    }
}

static void elements_that_fill_a_chunk(void **state)
{
    (void)state;
    uint8_t out[7] = { 0 };
    size_t written;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_codec_find("constant")->decode(&constant, NULL, 0, out, sizeof out, &written, NULL, &err), &err);
    assert_int_equal(written, 6);
    assert_memory_equal(out, "\1\2\1\2\1\2\0", 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_come_back),           cmocka_unit_test(fields_are_not_mixed_up),
        cmocka_unit_test(parameters_that_no_codec_takes), cmocka_unit_test(blocks_of_too_many_dimensions),
        cmocka_unit_test(steps_that_are_broken),          cmocka_unit_test(elements_that_fill_a_chunk),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
