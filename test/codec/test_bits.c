/* SPDX-License-Identifier: BSD-3-Clause */
/* TIFF's filters on elements: each must invert a plain implementation here. */
#include "support/support.h"

#include "base/reader.h"
#include "codec/codec.h"
#include "codec/params.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 13, ROWS = 5, MOST = WIDTH * ROWS * 3 };

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

/* Decodes bytes that lie in a block of just their size, into one of just the size of the result. */
static void check_decodes(const char *codec, const void *params, const uint8_t *bytes, size_t size,
                          const void *expected, size_t expected_size)
{
    uint8_t *in = malloc(size), *out = malloc(expected_size);
    size_t written = 0;
    mt_error err = MT_ERROR_INIT;
    memcpy(in, bytes, size);
    check_ok(mt_codec_find(codec)->decode(params, in, size, out, expected_size, &written, scratch, &err), &err);
    assert_int_equal(written, expected_size);
    assert_memory_equal(out, expected, expected_size);
    assert_int_equal(mt_codec_find(codec)->encoded_size(params, expected_size), size);
    free(in);
    free(out);
}

static void packed_bits(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int bits = 1; bits <= 64; bits++)
        for (int is_signed = 0; is_signed < 2; is_signed++) {
            if (bits == 8 || bits == 16 || bits == 32 || bits == 64)
                continue;
            mt_row_params p = { .width = WIDTH, .samples = 2, .bits = bits, .is_signed = is_signed };
            size_t element = bits < 8 ? 1 : bits < 16 ? 2 : bits < 32 ? 4 : 8, n = WIDTH * 2;
            size_t row = (n * (size_t)bits + 7) / 8;
            uint8_t packed[ROWS * WIDTH * 2 * 8] = { 0 }, expected[ROWS * WIDTH * 2 * 8];
            for (size_t i = 0; i < ROWS * n; i++) {
                uint64_t value = next_random(&random) & ((UINT64_C(1) << bits) - 1);
                for (int b = 0; b < bits; b++) {
                    size_t at = i % n * (size_t)bits + (size_t)b;
                    packed[i / n * row + at / 8] |= (uint8_t)((value >> (bits - 1 - b) & 1) << (7 - at % 8));
                }
                if (is_signed && value >> (bits - 1))
                    value |= UINT64_MAX << bits;
                uint8_t le[8];
                for (int b = 0; b < 8; b++)
                    le[b] = (uint8_t)(value >> 8 * b);
                for (size_t b = 0; b < element; b++)
                    expected[i * element + (mt_host_big_endian() ? element - 1 - b : b)] = le[b];
            }
            check_decodes("unpack_bits", &p, packed, ROWS * row, expected, ROWS * n * element);
        }
}

/* MRC: the first element of a byte is in its lowest bits; rows are whole bytes. */
static void packed_bits_lowest_first(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int bits = 1; bits <= 4; bits *= 2) {
        mt_row_params p = { .width = WIDTH, .samples = 1, .bits = bits, .low_first = true };
        size_t each = 8 / (size_t)bits, row = (WIDTH + each - 1) / each;
        uint8_t packed[ROWS * WIDTH] = { 0 }, expected[ROWS * WIDTH];
        for (size_t i = 0; i < ROWS * WIDTH; i++) {
            size_t x = i % WIDTH;
            expected[i] = (uint8_t)(next_random(&random) & ((1u << bits) - 1));
            packed[i / WIDTH * row + x / each] |= (uint8_t)(expected[i] << x % each * (size_t)bits);
        }
        check_decodes("unpack_bits", &p, packed, ROWS * row, expected, ROWS * WIDTH);
    }
}

static void floats_of_24_bits(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[3]; /* most significant first */
        float value;
    } cases[] = { { { 0x3f, 0, 0 }, 1 },     { { 0xc0, 0x40, 0 }, -2.5f },  { { 0x4f, 0xe2, 0x40 }, 123456 },
                  { { 0, 0, 1 }, 0x1p-78f }, { { 0x80, 1, 0 }, -0x1p-70f }, { { 1, 0, 0 }, 0x1p-62f },
                  { { 0, 0, 0 }, 0 },        { { 0x7f, 0, 0 }, INFINITY },  { { 0xff, 0, 0 }, -INFINITY } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_row_params p = { .width = 1, .samples = 1, .bits = 24, .big_endian = true };
        const uint8_t *b = cases[i].bytes, reversed[3] = { b[2], b[1], b[0] };
        check_decodes("float24", &p, b, 3, &cases[i].value, sizeof(float));
        p.big_endian = false;
        check_decodes("float24", &p, reversed, 3, &cases[i].value, sizeof(float));
    }
}

/* Differences to the pixel on the left, in the byte order of the file. */
static void horizontal_predictor(void **state)
{
    (void)state;
    uint64_t random = 2;
    for (size_t element = 1; element <= 8; element *= 2)
        for (int64_t samples = 1; samples <= 3; samples++)
            for (int big = 0; big < 2; big++) {
                uint64_t values[MOST], differences[MOST];
                uint8_t plain[MOST * 8], encoded[MOST * 8];
                size_t n = (size_t)(WIDTH * ROWS * samples), row = (size_t)(WIDTH * samples);
                for (size_t i = 0; i < n; i++)
                    values[i] = next_random(&random);
                for (size_t i = 0; i < n; i++)
                    differences[i] = values[i] - (i % row < (size_t)samples ? 0 : values[i - (size_t)samples]);
                for (size_t i = 0; i < n; i++)
                    for (size_t b = 0; b < element; b++) {
                        plain[i * element + (mt_host_big_endian() ? element - 1 - b : b)] =
                            (uint8_t)(values[i] >> 8 * b);
                        encoded[i * element + (big ? element - 1 - b : b)] = (uint8_t)(differences[i] >> 8 * b);
                    }
                mt_row_params p = { .width = WIDTH, .samples = samples, .bits = 8 * (int)element, .big_endian = big };
                check_decodes("predictor2", &p, encoded, n * element, plain, n * element);
            }
}

/* Sums of packed numbers wrap around at their own width, and keep their sign. */
static void horizontal_predictor_of_few_bits(void **state)
{
    (void)state;
    uint64_t random = 5;
    for (int bits = 3; bits <= 63; bits += 3)
        for (int is_signed = 0; is_signed < 2; is_signed++) {
            mt_row_params p = {
                .width = WIDTH, .samples = 2, .bits = bits, .is_signed = is_signed, .big_endian = mt_host_big_endian()
            };
            uint64_t mask = (UINT64_C(1) << bits) - 1, sign = is_signed ? UINT64_C(1) << (bits - 1) : 0;
            size_t element = bits <= 8 ? 1 : bits <= 16 ? 2 : bits <= 32 ? 4 : 8, n = WIDTH * 2 * ROWS;
            uint64_t values[MOST], difference;
            uint8_t plain[MOST * 8], encoded[MOST * 8];
            for (size_t i = 0; i < n; i++) {
                values[i] = ((next_random(&random) & mask) ^ sign) - sign;
                difference = i % (WIDTH * 2) < 2 ? values[i] : (((values[i] - values[i - 2]) & mask) ^ sign) - sign;
                for (size_t b = 0; b < element; b++) {
                    size_t at = i * element + (mt_host_big_endian() ? element - 1 - b : b);
                    plain[at] = (uint8_t)(values[i] >> 8 * b);
                    encoded[at] = (uint8_t)(difference >> 8 * b);
                }
            }
            check_decodes("predictor2", &p, encoded, n * element, plain, n * element);
        }
}

/* Planes of bytes, the most significant first, and their differences. */
static void floating_predictor(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (size_t element = 2; element <= 8; element += element == 2 ? 1 : element == 3 ? 1 : 4)
        for (size_t samples = 1; samples <= 3; samples++) {
            uint8_t plain[MOST * 8], encoded[MOST * 8];
            size_t n = WIDTH * samples, row = n * element;
            for (size_t y = 0; y < ROWS; y++) {
                uint8_t planes[WIDTH * 3 * 8];
                for (size_t i = 0; i < n; i++)
                    for (size_t b = 0; b < element; b++) {
                        uint8_t byte = (uint8_t)next_random(&random);
                        planes[b * n + i] = byte;
                        plain[y * row + i * element + (mt_host_big_endian() ? b : element - 1 - b)] = byte;
                    }
                for (size_t i = 0; i < row; i++)
                    encoded[y * row + i] = (uint8_t)(planes[i] - (i < samples ? 0 : planes[i - samples]));
            }
            mt_row_params p = { .width = WIDTH, .samples = (int64_t)samples, .bits = 8 * (int)element };
            check_decodes("predictor3", &p, encoded, ROWS * row, plain, ROWS * row);
        }
}

static void reversed_bits(void **state)
{
    (void)state;
    static const uint8_t bytes[] = { 0x01, 0x80, 0xf0, 0x12, 0xff, 0x00 },
                         expected[] = { 0x80, 0x01, 0x0f, 0x48, 0xff, 0 };
    check_decodes("reverse_bits", NULL, bytes, sizeof bytes, expected, sizeof expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(packed_bits),
                                        cmocka_unit_test(packed_bits_lowest_first),
                                        cmocka_unit_test(floats_of_24_bits),
                                        cmocka_unit_test(horizontal_predictor),
                                        cmocka_unit_test(horizontal_predictor_of_few_bits),
                                        cmocka_unit_test(floating_predictor),
                                        cmocka_unit_test(reversed_bits) };
    return cmocka_run_group_tests(tests, make, clean);
}
