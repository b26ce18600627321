/* SPDX-License-Identifier: BSD-3-Clause */
/* Single directories, valid, unusual and hostile, written tag by tag. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BYTE = 1, SHORT = 3, LONG = 4, HEAD = 8, ROOM = 1024 };

typedef struct tag {
    uint16_t tag, type;
    uint32_t count, value;
} tag;

static char path[] = "/tmp/microtome-page-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int handle = mkstemp(path);
    return handle < 0 ? -1 : close(handle);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static size_t put(uint8_t *out, uint32_t value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(value >> 8 * i);
    return n;
}

/* A directory of tags up to tag 0, followed by space for the offset of the next directory. */
static size_t put_directory(uint8_t *out, const tag *tags)
{
    size_t at = 2;
    uint32_t count = 0;
    for (; tags[count].tag; count++) {
        at += put(out + at, tags[count].tag, 2);
        at += put(out + at, tags[count].type, 2);
        at += put(out + at, tags[count].count, 4);
        at += put(out + at, tags[count].value, 4);
    }
    put(out, count, 2);
    return at;
}

/* A little-endian file of one directory; the data is at ROOM, and the file has size bytes. */
static void write_page(const tag *tags, const void *data, size_t n, size_t size)
{
    uint8_t head[ROOM] = "II*";
    put(head + 4, HEAD, 4);
    put_directory(head + HEAD, tags);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(head, 1, ROOM, file), ROOM);
    assert_int_equal(fwrite(data, 1, n, file), n);
    fclose(file);
    assert_int_equal(truncate(path, (off_t)size), 0);
}

static mt_context *new_context(size_t max_metadata_bytes)
{
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    const mt_context_options options = { .struct_size = sizeof options,
                                         .limits = { .max_metadata_bytes = max_metadata_bytes } };
    check_ok(mt_context_new(&options, &context, &err), &err);
    return context;
}

/* The pixel at a row of the first column and channel, or why there is none. */
static mt_status read_pixel(mt_context *context, const char *name, int64_t y, float *out, mt_error *err)
{
    mt_stack *stack;
    const int64_t channel = 0, coords[2] = { y, 0 }, size[2] = { 1, 1 };
    mt_status st = mt_stack_open(context, name, NULL, &stack, err);
    if (st)
        return st;
    st = mt_stack_extract_patch(stack, 0, &channel, 1, coords, size, 2, out, err);
    mt_stack_close(stack);
    return st;
}

static void check_pixel(int64_t y, float expected)
{
    float value = -1;
    mt_error err = MT_ERROR_INIT;
    check_ok(read_pixel(NULL, path, y, &value, &err), &err);
    assert_true(value == expected);
}

static void check_refused(mt_context *context, const char *name, int64_t y, mt_status status, const char *message)
{
    float value;
    mt_error err = MT_ERROR_INIT;
    check_failed(read_pixel(context, name, y, &value, &err), status, &err, message);
}

/* Strips of one row, one of them beyond the end of the file. */
static void a_lost_strip_spoils_no_other(void **state)
{
    (void)state;
    uint8_t data[64] = { 7, 0, 8 };
    const uint32_t offsets[3] = { ROOM, 100000, ROOM + 2 };
    const uint32_t sizes[3] = { 2, 2, 2 };
    for (size_t i = 0; i < 3; i++) {
        put(data + 8 + 4 * i, offsets[i], 4);
        put(data + 32 + 4 * i, sizes[i], 4);
    }
    const tag tags[] = { { 256, SHORT, 1, 2 }, { 257, SHORT, 1, 3 },
                         { 258, SHORT, 1, 8 }, { 273, LONG, 3, ROOM + 8 },
                         { 278, SHORT, 1, 1 }, { 279, LONG, 3, ROOM + 32 },
                         { 0, 0, 0, 0 } };
    write_page(tags, data, sizeof data, ROOM + sizeof data);
    check_pixel(0, 7);
    check_pixel(2, 8);
    check_refused(NULL, path, 1, MT_E_CORRUPT, "chunk 1 has 2 bytes at 100000");
}

static void a_level_that_is_not_there(void **state)
{
    (void)state;
    char name[64];
    const tag tags[] = { { 256, SHORT, 1, 1 },   { 257, SHORT, 1, 1 }, { 258, SHORT, 1, 8 },
                         { 273, LONG, 1, ROOM }, { 279, LONG, 1, 1 },  { 0, 0, 0, 0 } };
    write_page(tags, "\5", 1, ROOM + 1);
    check_pixel(0, 5);
    static const char *const levels[] = { "1", "1000", "123456789012345678" };
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        snprintf(name, sizeof name, "%s#level=%s", path, levels[i]);
        check_refused(NULL, name, 0, MT_E_NOT_FOUND, levels[i]);
    }
}

/* Four rows of three samples of which two were left out: 2 x 2 pixels share them. */
static void subsampled_colours(void **state)
{
    (void)state;
    tag tags[] = { { 256, SHORT, 1, 2 }, { 257, SHORT, 1, 4 },       { 258, SHORT, 1, 8 },
                   { 262, SHORT, 1, 6 }, { 273, LONG, 1, ROOM },     { 277, SHORT, 1, 3 },
                   { 279, LONG, 1, 24 }, { 530, SHORT, 2, 0x10001 }, { 0, 0, 0, 0 } };
    static const uint8_t data[24] = { 9 };
    write_page(tags, data, sizeof data, ROOM + sizeof data);
    check_pixel(0, 9);
    tags[7].value = 0x10002;
    write_page(tags, data, sizeof data, ROOM + sizeof data);
    check_refused(NULL, path, 0, MT_E_UNSUPPORTED, "subsampled");
    tags[7].tag = 0; /* the default */
    write_page(tags, data, sizeof data, ROOM + sizeof data);
    check_refused(NULL, path, 0, MT_E_UNSUPPORTED, "subsampled");
}

/* 12 bits, a predictor and an order of bits say nothing of what a picture's codec yields. Encoded by Esri's LERC; then
 * once more as a Zstandard frame of one raw block. */
static void pictures_are_not_unpacked(void **state)
{
    (void)state;
#ifdef MT_WITH_LERC
    static const uint8_t lerc_3000[] = { 0x4c, 0x65, 0x72, 0x63, 0x32, 0x20, 0x04, 0x00, 0x00, 0x00, 0xa1, 0xa3,
                                         0x8e, 0x20, 0x04, 0x00, 0x00, 0x00, 0x06, 0x00, 0x00, 0x00, 0x01, 0x00,
                                         0x00, 0x00, 0x18, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x46, 0x00,
                                         0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                         0xe0, 0x3f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x70, 0xa7, 0x40, 0x00, 0x00,
                                         0x00, 0x00, 0x00, 0x70, 0xa7, 0x40, 0x00, 0x00, 0x00, 0x00 };
    const tag tags[] = { { 256, SHORT, 1, 6 },     { 257, SHORT, 1, 4 }, { 258, SHORT, 1, 12 },
                         { 259, SHORT, 1, 34887 }, { 266, SHORT, 1, 2 }, { 273, LONG, 1, ROOM },
                         { 279, LONG, 1, 70 },     { 317, SHORT, 1, 2 }, { 0, 0, 0, 0 } };
    write_page(tags, lerc_3000, sizeof lerc_3000, ROOM + sizeof lerc_3000);
    check_pixel(3, 3000);
    static const uint8_t begin[] = { 4, 0, 0, 0, 2, 0, 0, 0, 0x28, 0xb5, 0x2f, 0xfd, 0x20, 70, 0x31, 2, 0 };
    uint8_t around[sizeof begin + sizeof lerc_3000];
    const tag more[] = { { 256, SHORT, 1, 6 },       { 257, SHORT, 1, 4 },
                         { 258, SHORT, 1, 12 },      { 259, SHORT, 1, 34887 },
                         { 273, LONG, 1, ROOM + 8 }, { 279, LONG, 1, sizeof around - 8 },
                         { 50674, LONG, 2, ROOM },   { 0, 0, 0, 0 } };
    memcpy(around, begin, sizeof begin);
    memcpy(around + sizeof begin, lerc_3000, sizeof lerc_3000);
    write_page(more, around, sizeof around, ROOM + sizeof around);
    check_pixel(3, 3000);
#else
    skip_if(true, "this build was made without MT_WITH_LERC");
#endif
}

/* Tiles of one pixel in separate planes: their number exceeds int64_t. */
static void more_tiles_than_can_be_counted(void **state)
{
    (void)state;
    const tag tags[] = { { 256, LONG, 1, 0x7fffffff }, { 257, LONG, 1, 0x7fffffff },
                         { 258, SHORT, 1, 8 },         { 277, SHORT, 1, 65535 },
                         { 284, SHORT, 1, 2 },         { 322, SHORT, 1, 1 },
                         { 323, SHORT, 1, 1 },         { 324, LONG, 1, ROOM },
                         { 325, LONG, 1, 1 },          { 0, 0, 0, 0 } };
    write_page(tags, "", 0, ROOM + 1);
    check_refused(NULL, path, 0, MT_E_CORRUPT, "more than 2^63 bytes");
}

/* A table of tiles of a byte each takes 16 bytes for each of them. */
static void a_table_is_limited(void **state)
{
    (void)state;
    enum { SIDE = 300, TILES = SIDE * SIDE };
    const tag tags[] = { { 256, SHORT, 1, SIDE },    { 257, SHORT, 1, SIDE }, { 258, SHORT, 1, 8 },
                         { 322, SHORT, 1, 1 },       { 323, SHORT, 1, 1 },    { 324, BYTE, TILES, ROOM },
                         { 325, BYTE, TILES, ROOM }, { 0, 0, 0, 0 } };
    mt_context *context = new_context(1 << 20);
    write_page(tags, "", 0, ROOM + TILES);
    check_refused(context, path, 0, MT_E_LIMIT, "max_metadata_bytes");
    mt_context_free(context);
    check_pixel(0, 0);
}

/* Tags with a value for each of very many samples are not read one by one. */
static void many_samples_take_few_reads(void **state)
{
    (void)state;
    enum { SAMPLES = 65535 };
    const tag tags[] = { { 256, SHORT, 1, 1 },          { 257, SHORT, 1, 1 },
                         { 258, SHORT, SAMPLES, ROOM }, { 273, LONG, 1, ROOM },
                         { 277, SHORT, 1, SAMPLES },    { 279, LONG, 1, SAMPLES },
                         { 339, SHORT, SAMPLES, ROOM }, { 0, 0, 0, 0 } };
    mt_context *context = new_context(0);
    mt_counters counters;
    write_page(tags, "", 0, ROOM + 2 * SAMPLES);
    check_refused(context, path, 0, MT_E_UNSUPPORTED, "0 bits");
    mt_context_get_counters(context, &counters);
    assert_in_range(counters.ranges, 1, 1000);
    mt_context_free(context);
}

/* The same, of pages that share these values, in a file that is small. */
static void values_of_all_pages_are_limited(void **state)
{
    (void)state;
    enum { SAMPLES = 65535, FORMATS = ROOM + SAMPLES, PAGES = FORMATS + SAMPLES, PAGE = 96, MOST = 600 };
    const tag tags[] = {
        { 256, SHORT, 1, 1 },       { 257, SHORT, 1, 1 },      { 258, BYTE, SAMPLES, ROOM },    { 273, LONG, 1, ROOM },
        { 277, SHORT, 1, SAMPLES }, { 279, LONG, 1, SAMPLES }, { 339, BYTE, SAMPLES, FORMATS }, { 0, 0, 0, 0 }
    };
    static uint8_t bytes[PAGES + MOST * PAGE];
    for (size_t pages = 100; pages <= MOST; pages += MOST - 100) {
        memset(bytes + ROOM, 8, SAMPLES);
        memset(bytes + FORMATS, 1, SAMPLES);
        memcpy(bytes, "II*", 4);
        put(bytes + 4, PAGES, 4);
        for (size_t i = 0; i < pages; i++) {
            size_t at = PAGES + i * PAGE, end = at + put_directory(bytes + at, tags);
            put(bytes + end, i + 1 < pages ? (uint32_t)(at + PAGE) : 0, 4);
        }
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, sizeof bytes, file), sizeof bytes);
        fclose(file);
        if (pages == MOST) {
            check_refused(NULL, path, 0, MT_E_LIMIT, "values of samples and tables");
            continue;
        }
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        const mt_open_options options = { .struct_size = sizeof options, .axes = "ZYXC" };
        check_ok(mt_stack_open(NULL, path, &options, &stack, &err), &err);
        assert_int_equal(mt_stack_get_info(stack)->data_shape[2], pages);
        mt_stack_close(stack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_strip_spoils_no_other),
        cmocka_unit_test(a_level_that_is_not_there),
        cmocka_unit_test(subsampled_colours),
        cmocka_unit_test(pictures_are_not_unpacked),
        cmocka_unit_test(more_tiles_than_can_be_counted),
        cmocka_unit_test(a_table_is_limited),
        cmocka_unit_test(many_samples_take_few_reads),
        cmocka_unit_test(values_of_all_pages_are_limited),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
