/* SPDX-License-Identifier: BSD-3-Clause */
/* HDF5's nbit, and its scaleoffset: numbers of a few bits, and those that need all of them, in both byte orders of a dataset; szip
 * where lines are padded. */
#include "support/support.h"

#include "base/reader.h"
#include "codec/codec.h"
#include "codec/params.h"

#include <stdbool.h>
#include <string.h>

enum { HEAD = 21, N = 3 };

/* Signed numbers are extended, others are not, and nor are those that have all their bits. */
static void numbers_of_few_bits(void **state)
{
    (void)state;
    static const struct {
        bool is_signed;
        uint32_t bits;
        uint8_t bytes[8];
        size_t size, count;
        int64_t values[4];
    } cases[] = { { true, 3, { 0x73, 0x90 }, 2, 4, { 3, -4, -1, 1 } },
                  { false, 3, { 0x73, 0x90 }, 2, 4, { 3, 4, 7, 1 } },
                  { true, 64, { 0x80, 0, 0, 0, 0, 0, 0, 5 }, 8, 1, { INT64_MIN + 5 } } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_packed_params p = { .count = cases[i].count,
                                     .element_size = 8,
                                     .bits = cases[i].bits,
                                     .is_signed = cases[i].is_signed,
                                     .big_endian = mt_host_big_endian() };
        int64_t out[4] = { 0 };
        size_t written;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_codec_find("nbit")->decode(&p, cases[i].bytes, cases[i].size, (uint8_t *)out, sizeof out, &written,
                                               NULL, &err),
                 &err);
        assert_int_equal(written, 8 * cases[i].count);
        assert_memory_equal(out, cases[i].values, sizeof out);
    }
}

/* The smallest number is 100: 1, 2, 3 are added in two bits each; or all numbers are stored in 16 bits. */
static void scaled_integers(void **state)
{
    (void)state;
    static const struct {
        uint8_t bits, bytes[6];
        size_t size;
        uint16_t values[N];
    } cases[] = { { 2, { 0x6c }, 1, { 101, 102, 103 } },
                  { 16, { 0x34, 0x12, 1, 0, 0xff, 0xff }, 6, { 0x1234, 1, 0xffff } } };
    mt_env env;
    mt_scratch *scratch;
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_scratch_new(&env, &scratch, NULL), NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int big = 0; big < 2; big++) {
            mt_scaleoffset_params p = { .count = N, .element_size = 2, .big_endian = big };
            uint8_t encoded[HEAD + 6] = { cases[i].bits, 0, 0, 0, 8, 100 }, out[2 * N], expected[2 * N];
            size_t written;
            mt_error err = MT_ERROR_INIT;
            memcpy(encoded + HEAD, cases[i].bytes, 6);
            for (int k = 0; k < N; k++) {
                expected[2 * k + !big] = (uint8_t)(cases[i].values[k] >> 8);
                expected[2 * k + big] = (uint8_t)cases[i].values[k];
            }
            check_ok(mt_codec_find("scaleoffset")
                         ->decode(&p, encoded, HEAD + cases[i].size, out, sizeof out, &written, scratch, &err),
                     &err);
            assert_int_equal(written, sizeof out);
            assert_memory_equal(out, expected, sizeof out);
        }
    mt_scratch_free(scratch);
    assert_int_equal(env.memory_bytes, 0);
}

/* 1.5 is the smallest number: 0.1, 0.2 and 0 are added, and a code with all bits set is the fill value. */
static void scaled_floats(void **state)
{
    (void)state;
    static const double expected[4] = { 1.6, 1.7, 1.5, -7 };
    for (int wide = 0; wide < 2; wide++)
        for (int big = 0; big < 2; big++) {
            const double smallest = 1.5, fill = -7;
            const float narrow_smallest = 1.5f, narrow_fill = -7;
            uint8_t encoded[HEAD + 1] = { 2, 0, 0, 0, 8 }, out[32];
            size_t element = wide ? 8 : 4, written;
            uint64_t bits = 0;
            mt_scaleoffset_params p = { .is_float = true,
                                        .decimals = 1,
                                        .count = 4,
                                        .element_size = element,
                                        .big_endian = big,
                                        .has_fill = true };
            memcpy(&bits, wide ? (const void *)&smallest : &narrow_smallest, element);
            for (int i = 0; i < 8; i++)
                encoded[5 + i] = (uint8_t)(bits >> 8 * i);
            memcpy(&p.fill, wide ? (const void *)&fill : &narrow_fill, element);
            encoded[HEAD] = 1 << 6 | 2 << 4 | 0 << 2 | 3;
            mt_error err = MT_ERROR_INIT;
            check_ok(mt_codec_find("scaleoffset")
                         ->decode(&p, encoded, sizeof encoded, out, sizeof out, &written, NULL, &err),
                     &err);
            assert_int_equal(written, 4 * element);
            if (big != mt_host_big_endian())
                mt_swap_bytes(out, 4, element);
            for (int i = 0; i < 4; i++) {
                float narrow;
                double value;
                memcpy(&value, out + 8 * (wide ? i : 0), 8);
                memcpy(&narrow, out + 4 * i, 4);
                value = wide ? value : (double)narrow;
                assert_true(value > expected[i] - 1e-6 && value < expected[i] + 1e-6);
            }
        }
}

/* Three lines of ten pixels in blocks of eight, the last line of ten or of four. A short buffer says nothing about the
 * pixels behind. */
static void padded_lines_that_are_cut_off(void **state)
{
    (void)state;
#ifdef MT_WITH_SZIP
    static const uint8_t stream[] = { 0,    0,    0,    0,    0x80, 0x15, 0x55, 0xfb, 0x6d, 0xb3, 0x11, 0xfe,
                                      0x80, 0x03, 0x80, 0x1c, 0xb9, 0x5c, 0xa7, 0x39, 0x5c, 0xb1, 0xe1, 0x07,
                                      0xf9, 0x64, 0x00, 0x00, 0x00, 0x0e, 0x00, 0xd7, 0xad, 0xd5, 0x01, 0xad,
                                      0xab, 0x2b, 0x80, 0x5f, 0xff, 0xf0, 0x00, 0x00, 0x00, 0x00 };
    static const uint8_t pixels[30] = { 0,   7,  14, 21,  28, 35, 42,  49,  56, 63,  0,   57, 114, 21, 78,
                                        135, 42, 99, 156, 63, 0,  107, 214, 21, 128, 235, 42, 149, 0,  63 };
    const mt_szip_params p = { .options = 32, .block_pixels = 8, .bits = 8, .line_pixels = 10 };
    mt_env env;
    mt_scratch *scratch;
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_scratch_new(&env, &scratch, NULL), NULL);
    for (size_t n = 24; n <= sizeof pixels; n += 6)
        for (size_t size = 4; size <= sizeof stream; size++) {
            uint8_t encoded[sizeof stream], out[sizeof pixels], *poison;
            size_t written;
            mt_error err = MT_ERROR_INIT;
            memcpy(encoded, stream, sizeof encoded);
            encoded[0] = (uint8_t)n;
            check_ok(mt_scratch_buffer(scratch, 5, 64, &poison, &err), &err);
            memset(poison, 0xa5, 64);
            mt_status st = mt_codec_find("szip")->decode(&p, encoded, size, out, sizeof out, &written, scratch, &err);
            assert_int_equal(st, size < (n == 30 ? 42 : 34) ? MT_E_CORRUPT : MT_OK);
            if (st)
                continue;
            assert_int_equal(written, n);
            assert_memory_equal(out, pixels, n);
        }
    mt_scratch_free(scratch);
    assert_int_equal(env.memory_bytes, 0);
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_few_bits),
        cmocka_unit_test(scaled_integers),
        cmocka_unit_test(scaled_floats),
        cmocka_unit_test(padded_lines_that_are_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
