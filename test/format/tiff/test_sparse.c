/* SPDX-License-Identifier: BSD-3-Clause */
/* Pages of thousands of tiles of which few are stored: the others are passed over, and are zero. */
#include "support/contract.h"

#include <microtome/microtome.h>

#include <stdlib.h>
#include <string.h>

enum { TILE = 16, ACROSS = 40, SIDE = TILE * ACROSS, TILES = ACROSS * ACROSS, PAGES = 3, TILE_BYTES = TILE * TILE };
enum {
    DIRECTORY = 2 + 12 * 9 + 4,
    TABLES = 8 * TILES,
    PAGE = DIRECTORY + TABLES,
    FIRST = 8,
    PIXELS = FIRST + PAGES * PAGE
};

/* Tiles that are stored: page and number. */
static const int stored[][2] = { { 0, 0 }, { 0, 41 }, { 0, 1599 }, { 2, 1 }, { 2, 39 }, { 2, 1400 } };
enum { STORED = sizeof stored / sizeof *stored, SIZE = PIXELS + STORED * TILE_BYTES };

static uint8_t bytes[SIZE];

static void put(size_t at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[at + (size_t)i] = (uint8_t)(value >> 8 * i);
}

static size_t put_entry(size_t at, uint32_t tag, uint32_t type, uint32_t count, uint32_t value)
{
    put(at, tag | type << 16);
    put(at + 4, count);
    put(at + 8, value);
    return at + 12;
}

static void write_page(uint32_t page)
{
    size_t start = FIRST + page * PAGE, at = start + 2;
    uint32_t tables = (uint32_t)(start + DIRECTORY);
    bytes[start] = 9;
    at = put_entry(at, 256, 3, 1, SIDE);
    at = put_entry(at, 257, 3, 1, SIDE);
    at = put_entry(at, 258, 3, 1, 8);
    at = put_entry(at, 259, 3, 1, 1);
    at = put_entry(at, 262, 3, 1, 1);
    at = put_entry(at, 322, 3, 1, TILE);
    at = put_entry(at, 323, 3, 1, TILE);
    at = put_entry(at, 324, 4, TILES, tables);
    at = put_entry(at, 325, 4, TILES, tables + 4 * TILES);
    put(at, page + 1 < PAGES ? (uint32_t)start + PAGE : 0);
}

/* Fills the file, and what it should be read as. */
static void write_file(uint8_t *expected)
{
    memcpy(bytes, "II*\0\10\0\0", 8);
    for (uint32_t p = 0; p < PAGES; p++)
        write_page(p);
    for (int i = 0; i < STORED; i++) {
        size_t tables = FIRST + (size_t)stored[i][0] * PAGE + DIRECTORY, tile = (size_t)stored[i][1];
        size_t pixels = PIXELS + (size_t)i * TILE_BYTES;
        put(tables + 4 * tile, (uint32_t)pixels);
        put(tables + 4 * (TILES + tile), TILE_BYTES);
        for (size_t k = 0; k < TILE_BYTES; k++) {
            size_t y = tile / ACROSS * TILE + k / TILE, x = tile % ACROSS * TILE + k % TILE;
            bytes[pixels + k] = (uint8_t)(1 + i * 37 + (int)k);
            expected[((size_t)stored[i][0] * SIDE + y) * SIDE + x] = bytes[pixels + k];
        }
    }
}

static void tiles_that_are_not_stored_are_passed_over(void **state)
{
    (void)state;
    uint8_t *expected = calloc(PAGES, SIDE * SIDE);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    write_file(expected);
    check_ok(mt_stack_open_memory(NULL, "sparse.tif", bytes, SIZE, NULL, &stack, &err), &err);
    for (uint64_t times = 1; times <= 3; times++) {
        whole_image image;
        uint64_t absent, present;
        check_ok(read_whole(stack, &image, &err), &err);
        assert_int_equal(image.bytes, PAGES * SIDE * SIDE);
        assert_memory_equal(image.pixels, expected, image.bytes);
        mt_stack_count_chunks(stack, &absent, &present);
        assert_int_equal(absent, times * (PAGES * TILES - STORED));
        if (times == 3)
            check_boxes(stack, &image, 6, 40);
        free_whole(&image);
    }
    mt_stack_close(stack);
    free(expected);
}

/* As one image of planes that are the channels of one sample, which one call reads all. */
static void planes_are_passed_over(void **state)
{
    (void)state;
    uint8_t *expected = calloc(PAGES, SIDE * SIDE);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .axes = "ZYX" };
    write_file(expected);
    check_ok(mt_stack_open_memory(NULL, "sparse.tif", bytes, SIZE, &options, &stack, &err), &err);
    for (int times = 0; times < 2; times++) {
        whole_image image;
        check_ok(read_whole(stack, &image, &err), &err);
        assert_memory_equal(image.pixels, expected, image.bytes);
        if (times)
            check_boxes(stack, &image, 7, 40);
        free_whole(&image);
    }
    mt_stack_close(stack);
    free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_that_are_not_stored_are_passed_over),
        cmocka_unit_test(planes_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
