/* SPDX-License-Identifier: BSD-3-Clause */
/* Checksums of pixels: as the header defines them, of every type, in whatever order and byte order they are stored. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define P ((UINT64_C(1) << 61) - 1)

static uint64_t add(uint64_t a, uint64_t b) { return (a + b) % P; }

static uint64_t multiply(uint64_t a, uint64_t b)
{
    uint64_t sum = 0;
    for (int bit = 63; bit >= 0; bit--) {
        sum = add(sum, sum);
        if (b >> bit & 1)
            sum = add(sum, a % P);
    }
    return sum;
}

/* The definition of microtome/checksum.h, word by word. */
static void define(mt_dtype dtype, const uint8_t *pixels, size_t n, const char *shape, uint64_t *words)
{
    static const uint64_t base[2] = { 0x1b873593cc9e2d6f, 0x165667b19e3779fd };
    static const uint64_t upper[2] = { 0x1e3779b97f4a7c19, 0x02b2ae3d27d4eb55 };
    size_t size = mt_dtype_size(dtype);
    char text[100];
    snprintf(text, sizeof text, "%s %s", mt_dtype_name(dtype), shape);
    for (int k = 0; k < 2; k++) {
        uint64_t sum = 0, factor = 1;
        for (size_t i = 0; i < n; i++) {
            uint64_t bits = 0;
            for (size_t b = size; b-- > 0;)
                bits = bits << 8 | pixels[i * size + b];
            bits = dtype == MT_BOOL ? bits != 0 : bits;
            uint64_t value = add(bits & UINT32_MAX, multiply(upper[k], bits >> 32));
            sum = add(sum, multiply(value, factor));
            factor = multiply(factor, base[k]);
        }
        for (const char *c = text; *c; c++)
            sum = add(multiply(sum, base[k]), (uint64_t)(unsigned char)*c + 1);
        uint64_t z = sum;
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        words[k] = z ^ z >> 31;
    }
}

static void check_words(mt_stack *stack, const uint64_t *words)
{
    mt_checksum sum;
    mt_error err = MT_ERROR_INIT;
    char text[33];
    check_ok(mt_stack_checksum(stack, NULL, &sum, &err), &err);
    assert_int_equal(sum.words[0], words[0]);
    assert_int_equal(sum.words[1], words[1]);
    snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)words[0], (unsigned long long)words[1]);
    assert_string_equal(sum.text, text);
    mt_stack_close(stack);
}

enum { Z = 3, Y = 5, X = 40, N = Z * Y * X };
static const int64_t shape[3] = { Z, Y, X };

static mt_stack *open_raw(mt_dtype dtype, const void *bytes, size_t size, const int64_t *raw_shape, const char *axes,
                          int big_endian)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options,
                                      .format = "raw",
                                      .raw_dtype = dtype,
                                      .raw_shape = raw_shape,
                                      .raw_ndim = 3,
                                      .raw_big_endian = big_endian,
                                      .axes = axes,
                                      .allow_unknown_axes = !axes };
    check_ok(mt_stack_open_memory(NULL, "pixels", bytes, size, &options, &stack, &err), &err);
    return stack;
}

/* The same pixels as they are, with the bytes of each turned round, and from the last axis to the first. */
static void pixels_in_any_order(void **state)
{
    (void)state;
    static uint8_t pixels[8 * N], other[8 * N];
    static const int64_t turned_shape[3] = { X, Y, Z };
    uint64_t seed = 4;
    for (mt_dtype dtype = MT_BOOL; dtype <= MT_FLOAT64; dtype++) {
        int64_t size = (int64_t)mt_dtype_size(dtype);
        uint64_t words[2];
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        for (int64_t i = 0; i < N * size; i++)
            pixels[i] = dtype == MT_BOOL ? (uint8_t)(next_random(&seed) & 3) : (uint8_t)next_random(&seed);
        define(dtype, pixels, N, "1x1x3x5x40", words);
        check_words(open_raw(dtype, pixels, (size_t)(N * size), shape, "ZYX", 0), words);
        check_ok(mt_stack_from_array(NULL, pixels, dtype, "ZYX", shape, NULL, NULL, &stack, &err), &err);
        check_words(stack, words);
        for (int64_t i = 0; i < N; i++)
            for (int64_t b = 0; b < size; b++)
                other[i * size + b] = pixels[i * size + size - 1 - b];
        check_words(open_raw(dtype, other, (size_t)(N * size), shape, "ZYX", 1), words);
        for (int64_t i = 0; i < N; i++) {
            int64_t z = i / (Y * X), y = i / X % Y, x = i % X;
            memcpy(other + ((x * Y + y) * Z + z) * size, pixels + i * size, (size_t)size);
        }
        check_words(open_raw(dtype, other, (size_t)(N * size), turned_shape, "XYZ", 0), words);
        for (int64_t i = 0; i < N; i++)
            for (int64_t b = 0; b < size / 2; b++) {
                uint8_t *p = other + i * size, byte = p[b];
                p[b] = p[size - 1 - b];
                p[size - 1 - b] = byte;
            }
        check_words(open_raw(dtype, other, (size_t)(N * size), turned_shape, "XYZ", 1), words);
    }
}

/* Rows longer than a table of powers is, and images of a single row, column or pixel. */
static void rows_of_any_length(void **state)
{
    (void)state;
    static const int64_t shapes[][2] = { { 1, 1 },    { 1, 31 },   { 1, 32 },   { 31, 1 },   { 2, 1023 },
                                         { 2, 1024 }, { 2, 1025 }, { 1025, 2 }, { 3, 2049 }, { 40, 40 } };
    static uint16_t pixels[3 * 2049];
    uint64_t seed = 5;
    for (size_t i = 0; i < sizeof pixels / sizeof *pixels; i++)
        pixels[i] = (uint16_t)next_random(&seed);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        uint64_t words[2];
        char text[50];
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        snprintf(text, sizeof text, "1x1x%lldx%lld", (long long)shapes[i][0], (long long)shapes[i][1]);
        define(MT_UINT16, (const uint8_t *)pixels, (size_t)(shapes[i][0] * shapes[i][1]), text, words);
        check_ok(mt_stack_from_array(NULL, pixels, MT_UINT16, "YX", shapes[i], NULL, NULL, &stack, &err), &err);
        check_words(stack, words);
    }
}

/* A Zarr of which one chunk is there, and the others are the fill value: that of an array that holds the same. */
static void chunks_that_are_not_stored(void **state)
{
    (void)state;
    static const char meta[] = "{\"zarr_format\": 2, \"shape\": [7, 10], \"chunks\": [4, 4], \"dtype\": \"<u2\", "
                               "\"compressor\": null, \"fill_value\": %d, \"order\": \"C\", \"filters\": null}";
    static const int64_t size[2] = { 7, 10 };
    for (int fill = 0; fill < 2; fill++) {
        char folder[] = "/tmp/microtome-checksum-XXXXXX", path[100], command[120];
        uint16_t chunk[16], pixels[7][10];
        uint64_t words[2];
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        for (int i = 0; i < 16; i++)
            chunk[i] = (uint16_t)(1000 + i);
        for (int y = 0; y < 7; y++)
            for (int x = 0; x < 10; x++)
                pixels[y][x] = y < 4 && x >= 4 && x < 8 ? chunk[4 * y + x - 4] : (uint16_t)(fill * 513);
        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof path, "%s/.zarray", folder);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fprintf(file, meta, fill * 513);
        fclose(file);
        snprintf(path, sizeof path, "%s/0.1", folder);
        file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(chunk, 2, 16, file), 16);
        fclose(file);
        define(MT_UINT16, (const uint8_t *)pixels, 70, "1x1x7x10", words);
        check_ok(mt_stack_open(NULL, folder, NULL, &stack, &err), &err);
        assert_memory_equal(mt_stack_get_info(stack)->data_shape + 2, size, sizeof size);
        check_words(stack, words);
        snprintf(command, sizeof command, "rm -r %s", folder);
        assert_int_equal(system(command), 0);
    }
}

static void checksums_that_are_refused(void **state)
{
    (void)state;
    uint8_t pixels[8] = { 0 };
    mt_stack *stack;
    mt_checksum sum;
    mt_error err = MT_ERROR_INIT;
    const int64_t small[3] = { 2, 2, 2 };
    stack = open_raw(MT_UINT8, pixels, sizeof pixels, small, NULL, 0);
    assert_int_equal(mt_stack_checksum(stack, NULL, &sum, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "pixels: "));
    mt_stack_close(stack);
    stack = open_raw(MT_UINT8, pixels, sizeof pixels, small, "ZYX", 0);
    const mt_extract_options options = { .struct_size = 1000 };
    assert_int_equal(mt_stack_checksum(stack, &options, &sum, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "mt_extract_options.struct_size is 1000"));
    mt_stack_close(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_in_any_order),
        cmocka_unit_test(rows_of_any_length),
        cmocka_unit_test(chunks_that_are_not_stored),
        cmocka_unit_test(checksums_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
