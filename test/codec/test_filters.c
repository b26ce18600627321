/* SPDX-License-Identifier: BSD-3-Clause */
/* The filters of numcodecs that compute, against values that NumPy gives, in both byte orders; and liblzma's formats. */
#include "support/support.h"

#include "codec/codec.h"
#include "codec/params.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4 };

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

static uint64_t f32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint64_t f64(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Elements by their bits. */
typedef struct filter_case {
    const char *codec;
    mt_dtype dtype, astype; /* decoded, encoded */
    double scale, offset;
    int n;
    uint64_t encoded[MOST], decoded[MOST];
} filter_case;

static size_t write_elements(const uint64_t *values, int n, mt_dtype dtype, bool big, uint8_t *out)
{
    size_t size = mt_dtype_size(dtype);
    for (int i = 0; i < n; i++)
        for (size_t b = 0; b < size; b++)
            out[(size_t)i * size + (big ? size - 1 - b : b)] = (uint8_t)(values[i] >> 8 * b);
    return (size_t)n * size;
}

static void check_case(const filter_case *c, bool big_encoded, bool big_decoded)
{
    const mt_filter_params p = {
        .dtype = { c->dtype, big_decoded }, .astype = { c->astype, big_encoded }, .scale = c->scale, .offset = c->offset
    };
    uint8_t encoded[8 * MOST], expected[8 * MOST], out[8 * MOST];
    size_t size = write_elements(c->encoded, c->n, c->astype, big_encoded, encoded), written = 0;
    size_t room = write_elements(c->decoded, c->n, c->dtype, big_decoded, expected);
    const mt_codec *codec = mt_codec_find(c->codec);
    mt_error err = MT_ERROR_INIT;
    check_ok(codec->check(&p, &err), &err);
    check_ok(codec->decode(&p, encoded, size, out, room, &written, scratch, &err), &err);
    assert_int_equal(written, room);
    assert_int_equal(codec->encoded_size(&p, room), size);
    for (size_t i = 0; i < room; i++)
        if (out[i] != expected[i])
            fail_msg("%s of %s as %s: byte %d is %02x, not %02x", c->codec, mt_dtype_name(c->dtype),
                     mt_dtype_name(c->astype), (int)i, out[i], expected[i]);

    /* A part of an element, and one element more than there is room for. */
    const size_t wrong[][2] = { { size - (mt_dtype_size(c->astype) > 1), room }, { size, room - 1 } };
    for (int i = mt_dtype_size(c->astype) == 1; i < 2; i++) {
        err = (mt_error)MT_ERROR_INIT;
        assert_int_equal(codec->decode(&p, encoded, wrong[i][0], out, wrong[i][1], &written, scratch, &err),
                         MT_E_CORRUPT);
        assert_non_null(strstr(err.message, "encoded bytes"));
    }
}

static void values_come_back(void **state)
{
    (void)state;
    const uint64_t most = UINT64_MAX;
    const filter_case cases[] = {
        { "delta", MT_UINT16, MT_UINT16, 0, 0, 3, { 10, 0xffff, 5 }, { 10, 9, 14 } },
        { "delta", MT_INT16, MT_INT8, 0, 0, 3, { 100, 0xfd, 100 }, { 100, 97, 197 } },
        { "delta", MT_INT64, MT_INT16, 0, 0, 2, { 5, 0xfff6 }, { 5, most - 4 } },
        { "delta", MT_INT64, MT_INT32, 0, 0, 2, { 5, 0xfffffff6 }, { 5, most - 4 } },
        { "delta", MT_UINT64, MT_UINT64, 0, 0, 2, { most, 2 }, { most, 1 } },
        { "delta", MT_BOOL, MT_BOOL, 0, 0, 4, { 1, 1, 0, 1 }, { 1, 0, 0, 1 } },
        { "delta", MT_FLOAT32, MT_FLOAT32, 0, 0, 2, { f32(0.25f), f32(-1.5f) }, { f32(0.25f), f32(-1.25f) } },
        { "delta",
          MT_FLOAT64,
          MT_FLOAT32,
          0,
          0,
          3,
          { f32(1.5f), f32(-0.5f), f32(2.25f) },
          { f64(1.5), f64(1), f64(3.25) } },
        { "astype", MT_UINT16, MT_INT8, 0, 0, 2, { 0xff, 7 }, { 0xffff, 7 } },
        { "astype", MT_FLOAT64, MT_INT32, 0, 0, 2, { 0xfffffffe, 9 }, { f64(-2), f64(9) } },
        { "astype", MT_FLOAT64, MT_INT16, 0, 0, 2, { 0xfffe, 9 }, { f64(-2), f64(9) } },
        { "astype", MT_FLOAT32, MT_INT64, 0, 0, 1, { most - 1 }, { f32(-2) } },
        { "astype", MT_FLOAT64, MT_UINT64, 0, 0, 1, { most }, { f64(0x1p64) } },
        { "astype", MT_INT16, MT_FLOAT64, 0, 0, 3, { f64(3.9), f64(-3.9), f64(300) }, { 3, 0xfffd, 300 } },
        { "astype",
          MT_UINT64,
          MT_FLOAT64,
          0,
          0,
          4,
          { f64(1e19), f64(1e20), f64(-1), f64(0x1p63) },
          { UINT64_C(10000000000000000000), most, most, UINT64_C(1) << 63 } },
        { "astype",
          MT_INT64,
          MT_FLOAT32,
          0,
          0,
          3,
          { f32(-1e30f), f32(NAN), f32(-7.5f) },
          { UINT64_C(1) << 63, UINT64_C(1) << 63, most - 6 } },
        { "quantize", MT_FLOAT64, MT_FLOAT32, 0, 0, 2, { f32(0.5f), f32(-2.75f) }, { f64(0.5), f64(-2.75) } },
        { "quantize", MT_FLOAT32, MT_FLOAT64, 0, 0, 1, { f64(0.125) }, { f32(0.125f) } },
        { "fixedscaleoffset",
          MT_FLOAT64,
          MT_INT8,
          10,
          1000,
          3,
          { 0xfb, 0, 127 },
          { f64(999.5), f64(1000), f64(1012.7) } },
        { "fixedscaleoffset", MT_INT32, MT_UINT8, 0.5, -1, 2, { 3, 0 }, { 5, 0xffffffff } },
        { "fixedscaleoffset", MT_FLOAT32, MT_FLOAT32, 4, 2, 1, { f32(3) }, { f32(2.75f) } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int orders = 0; orders < 4; orders++)
            check_case(&cases[i], orders & 1, orders & 2);
}

static void half_floats_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = { "delta", "astype", "quantize", "fixedscaleoffset" };
    const mt_filter_params params[] = { { .dtype = { MT_FLOAT16, false }, .astype = { MT_UINT16, false } },
                                        { .dtype = { MT_UINT16, false }, .astype = { MT_FLOAT16, false } } };
    for (size_t i = 0; i < 8; i++) {
        mt_error err = MT_ERROR_INIT;
        mt_chain chain = { 0 };
        assert_int_equal(mt_chain_add(&chain, mt_codec_find(names[i / 2]), &params[i % 2], &err), MT_E_UNSUPPORTED);
        assert_non_null(strstr(err.message, "float16"));
    }
}

/* What Python's lzma module makes of the bytes i * i, i from 0 to 23. */
static const uint8_t xz[] = { 0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00,
                              0x21, 0x01, 0x16, 0x00, 0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0x01, 0x00, 0x17, 0x00,
                              0x01, 0x04, 0x09, 0x10, 0x19, 0x24, 0x31, 0x40, 0x51, 0x64, 0x79, 0x90, 0xa9, 0xc4,
                              0xe1, 0x00, 0x21, 0x44, 0x69, 0x90, 0xb9, 0xe4, 0x11, 0x00, 0xe8, 0x0f, 0xfa, 0x8d,
                              0xf4, 0x9b, 0xdf, 0x5f, 0x00, 0x01, 0x30, 0x18, 0x8e, 0x1b, 0xac, 0xec, 0x1f, 0xb6,
                              0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a };
static const uint8_t alone[] = { 0x5d, 0x00, 0x00, 0x80, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                 0x00, 0x00, 0x00, 0x52, 0xb8, 0x0f, 0xc2, 0x5b, 0x88, 0xf0, 0x1c, 0x5e, 0x85,
                                 0x42, 0x23, 0xc8, 0x6e, 0xf9, 0x6a, 0x69, 0xad, 0x24, 0x47, 0xa2, 0x2e, 0x1e,
                                 0x0d, 0xff, 0x56, 0x19, 0x3f, 0xff, 0xf6, 0x38, 0xc0, 0x00 };
static const uint8_t raw2[] = { 0x01, 0x00, 0x17, 0x00, 0x01, 0x04, 0x08, 0x0c, 0x10, 0x14, 0x18, 0x1c, 0x20, 0x24,
                                0x28, 0x2c, 0x30, 0x34, 0x38, 0x3c, 0x40, 0x44, 0x48, 0x4c, 0x50, 0x54, 0x58, 0x00 };
static const uint8_t raw1[] = { 0x00, 0x00, 0x00, 0x42, 0xa7, 0x61, 0x36, 0x08, 0x77, 0x82, 0x7c, 0x72,
                                0xcc, 0x0d, 0x91, 0xef, 0xc4, 0xe9, 0x43, 0x71, 0xc1, 0xee, 0x96, 0xff,
                                0xdf, 0x56, 0xed, 0xd7, 0x31, 0xb7, 0xff, 0xff, 0xaf, 0x10, 0x00, 0x00 };

#define LZMA1 UINT64_C(0x4000000000000001)
#define LZMA2 0x21
#define DELTA 3

static void formats_of_lzma(void **state)
{
    (void)state;
    if (!mt_codec_find("lzma")->decode)
        skip();
    static const mt_lzma_params
        any = { .format = 0 },
        is_xz = { .format = 1 }, is_alone = { .format = 2 },
        two = { .format = 3,
                .n_filters = 2,
                .filters = { { .id = DELTA, .distance = 2 }, { .id = LZMA2, .dict_size = 8192 } } },
        one = { .format = 3, .n_filters = 1, .filters = { { .id = LZMA1, .dict_size = 4096, .lc = 1, .lp = 1 } } },
        other = { .format = 3, .n_filters = 1, .filters = { { .id = LZMA1, .dict_size = 4096, .lc = 3, .pb = 2 } } },
        huge = { .format = 3, .n_filters = 1, .filters = { { .id = LZMA2, .dict_size = UINT32_C(1) << 30 } } },
        unknown = { .format = 3, .n_filters = 1, .filters = { { .id = 0x77 } } };
    static const struct {
        const mt_lzma_params *params;
        const uint8_t *bytes;
        size_t size, capacity;
        mt_status status;
        const char *message;
    } cases[] = {
        { NULL, xz, sizeof xz, 24, MT_OK, NULL },
        { &any, xz, sizeof xz, 24, MT_OK, NULL },
        { &any, alone, sizeof alone, 24, MT_OK, NULL },
        { &is_xz, xz, sizeof xz, 24, MT_OK, NULL },
        { &is_alone, alone, sizeof alone, 24, MT_OK, NULL },
        { &two, raw2, sizeof raw2, 24, MT_OK, NULL },
        { &one, raw1, sizeof raw1, 24, MT_OK, NULL },
        { &is_xz, xz, sizeof xz, 23, MT_E_CORRUPT, "more than 23 bytes" },
        { &is_xz, xz, sizeof xz - 1, 24, MT_E_CORRUPT, "data" },
        { &is_xz, alone, sizeof alone, 24, MT_E_CORRUPT, "data" },
        { &is_alone, xz, sizeof xz, 24, MT_E_CORRUPT, "data" },
        { &other, raw1, sizeof raw1, 24, MT_E_CORRUPT, "" },
        { &huge, raw2, sizeof raw2, 24, MT_E_LIMIT, "256 MiB" },
        { &unknown, raw2, sizeof raw2, 24, MT_E_UNSUPPORTED, "filters" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t out[24];
        size_t written = 0;
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_codec_find("lzma")->decode(cases[i].params, cases[i].bytes, cases[i].size, out,
                                                     cases[i].capacity, &written, scratch, &err);
        if (st != cases[i].status || (st && !strstr(err.message, cases[i].message)))
            fail_msg("case %d: %s", (int)i, err.message);
        if (!st)
            assert_int_equal(written, 24);
        for (int k = 0; !st && k < 24; k++)
            assert_int_equal(out[k], (uint8_t)(k * k));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back),
        cmocka_unit_test(half_floats_are_refused),
        cmocka_unit_test(formats_of_lzma),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
