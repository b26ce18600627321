/* SPDX-License-Identifier: BSD-3-Clause */
/* Pages of RGB, interleaved and in planes, of which the second has other strips: one image. */
#include "support/contract.h"

#include <microtome/microtome.h>

#include <stdbool.h>
#include <string.h>

enum { WIDTH = 6, HEIGHT = 5, SAMPLES = 3, BYTES = WIDTH * HEIGHT * SAMPLES, DIRECTORY = 2 + 12 * 10 + 4 };
enum { BITS = 8, TABLES = 16, FIRST = TABLES + 2 * 2 * 4 * 9, SECOND = FIRST + DIRECTORY, PIXELS = SECOND + DIRECTORY };

static uint8_t bytes[PIXELS + 2 * BYTES];

static void put(size_t at, uint32_t value, int n)
{
    for (int i = 0; i < n; i++)
        bytes[at + (size_t)i] = (uint8_t)(value >> 8 * i);
}

/* A directory at a place, of strips of some rows; returns where the next table may stand. */
static size_t write_page(size_t at, size_t tables, uint32_t pixels, uint32_t rows, int planar, uint32_t next)
{
    uint32_t strips = (HEIGHT + rows - 1) / rows, planes = planar ? SAMPLES : 1, n = strips * planes;
    uint32_t row = WIDTH * SAMPLES / planes, where = pixels;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t first = i % strips * rows, size = (HEIGHT - first < rows ? HEIGHT - first : rows) * row;
        put(tables + 4 * i, where, 4);
        put(tables + 4 * (n + i), size, 4);
        where += size;
    }
    bool one = n == 1;
    const uint32_t entries[10][4] = { { 256, 3, 1, WIDTH },
                                      { 257, 3, 1, HEIGHT },
                                      { 258, 3, 3, BITS },
                                      { 259, 3, 1, 1 },
                                      { 262, 3, 1, 2 },
                                      { 273, 4, n, one ? pixels : (uint32_t)tables },
                                      { 277, 3, 1, SAMPLES },
                                      { 278, 3, 1, rows },
                                      { 279, 4, n, one ? BYTES : (uint32_t)(tables + 4 * n) },
                                      { 284, 3, 1, planar ? 2 : 1 } };
    put(at, 10, 2);
    for (size_t i = 0; i < 10; i++) {
        put(at + 2 + 12 * i, entries[i][0] | entries[i][1] << 16, 4);
        put(at + 6 + 12 * i, entries[i][2], 4);
        put(at + 10 + 12 * i, entries[i][3], 4);
    }
    put(at + 122, next, 4);
    return tables + 8 * n;
}

static void pages_of_several_samples_are_one_image(void **state)
{
    (void)state;
    for (int planar = 0; planar < 2; planar++) {
        mt_stack *stack;
        whole_image image;
        mt_error err = MT_ERROR_INIT;
        memcpy(bytes, "II*\0", 4);
        put(4, FIRST, 4);
        for (size_t i = 0; i < SAMPLES; i++)
            put(BITS + 2 * i, 8, 2);
        size_t tables = write_page(FIRST, TABLES, PIXELS, HEIGHT, planar, SECOND);
        tables = write_page(SECOND, tables, PIXELS + BYTES, 2, planar, 0);
        assert_true(tables <= FIRST);
        for (int i = 0; i < 2 * BYTES; i++)
            bytes[PIXELS + i] = (uint8_t)(i * 5 + i / 7);
        check_ok(mt_stack_open_memory(NULL, "rgb.tif", bytes, sizeof bytes, NULL, &stack, &err), &err);
        assert_string_equal(mt_stack_get_info(stack)->original_axes, planar ? "SCYX" : "SYXC");
        check_ok(read_whole(stack, &image, &err), &err);
        assert_int_equal(image.bytes, 2 * BYTES);
        for (int s = 0; s < 2; s++)
            for (int c = 0; c < SAMPLES; c++)
                for (int i = 0; i < WIDTH * HEIGHT; i++)
                    assert_int_equal(image.pixels[(s * SAMPLES + c) * WIDTH * HEIGHT + i],
                                     bytes[PIXELS + s * BYTES + (planar ? c * WIDTH * HEIGHT + i : i * SAMPLES + c)]);
        check_boxes(stack, &image, 9, 200);
        free_whole(&image);
        mt_stack_close(stack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(pages_of_several_samples_are_one_image) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
