/* SPDX-License-Identifier: BSD-3-Clause */
/* Pages that are cut and compressed in different ways, levels, and what tags tell of dimensions and sizes: files that are
 * written tag by tag, in either byte order. */
#include "support/contract.h"

#include <microtome/microtome.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 6, HEIGHT = 4, ROOM = 1 << 16 };

static char path[] = "/tmp/microtome-layout-XXXXXX";

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

/* A file that grows; link is where the offset of the next directory goes. */
typedef struct file {
    uint8_t bytes[ROOM];
    size_t size, link;
    bool big_endian;
} file;

static void put(file *f, size_t at, uint32_t value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        f->bytes[at + i] = (uint8_t)(value >> 8 * (f->big_endian ? n - 1 - i : i));
}

static size_t append(file *f, const void *bytes, size_t n)
{
    size_t at = f->size;
    assert_true(at + n + 1 < ROOM);
    memcpy(f->bytes + at, bytes, n);
    f->size += n + n % 2;
    return at;
}

static file *new_file(bool big_endian)
{
    file *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->big_endian = big_endian;
    memcpy(f->bytes, big_endian ? "MM" : "II", 2);
    put(f, 2, 42, 2);
    f->size = 8;
    f->link = 4;
    return f;
}

typedef struct tag {
    uint16_t tag, type;
    uint32_t count, value;
} tag;

/* A directory of tags up to one of 0, at the end of the file, which the next links to: its offset. */
static size_t put_directory(file *f, const tag *tags)
{
    uint32_t n = 0;
    while (tags[n].tag)
        n++;
    size_t at = f->size;
    put(f, at, n, 2);
    for (uint32_t i = 0; i < n; i++) {
        size_t entry = at + 2 + 12 * (size_t)i;
        put(f, entry, tags[i].tag, 2);
        put(f, entry + 2, tags[i].type, 2);
        put(f, entry + 4, tags[i].count, 4);
        put(f, entry + 8, tags[i].value, tags[i].type == 3 && tags[i].count == 1 ? 2 : 4);
    }
    f->size = at + 2 + 12 * (size_t)n + 4;
    return at;
}

static void link_directory(file *f, size_t at)
{
    put(f, f->link, (uint32_t)at, 4);
    uint32_t n = f->big_endian ? f->bytes[at + 1] : f->bytes[at];
    f->link = at + 2 + 12 * (size_t)n;
}

static void save(file *f)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(f->bytes, 1, f->size, out), f->size);
    fclose(out);
    free(f);
}

/* How a page is cut and compressed. */
typedef struct cut {
    int64_t width, height; /* of the page */
    int64_t chunk_width, chunk_height;
    bool tiled, packbits, predicted;
    tag more[3];
} cut;

/* A chunk of pixels of 16 bits, value(y, x) = first + y * width + x: its offset. Predicted: differences along rows. */
static size_t put_chunk(file *f, const cut *c, int first, int64_t y0, int64_t x0, size_t *size)
{
    uint8_t bytes[4096], packed[4200];
    size_t n = 0, m = 0;
    int64_t rows = c->tiled || c->height - y0 > c->chunk_height ? c->chunk_height : c->height - y0;
    for (int64_t y = y0; y < y0 + rows; y++)
        for (int64_t x = x0; x < x0 + c->chunk_width; x++) {
            unsigned value = (unsigned)(first + y * c->width + x);
            if (c->predicted && x > x0)
                value = 1;
            bytes[n++] = (uint8_t)(f->big_endian ? value >> 8 : value);
            bytes[n++] = (uint8_t)(f->big_endian ? value : value >> 8);
        }
    for (size_t i = 0; i < n; i += 128) { /* runs of bytes as they are */
        size_t run = n - i < 128 ? n - i : 128;
        packed[m++] = (uint8_t)(run - 1);
        memcpy(packed + m, bytes + i, run);
        m += run;
    }
    *size = c->packbits ? m : n;
    return append(f, c->packbits ? packed : bytes, *size);
}

/* A page whose directory no other links to yet: its offset. */
static size_t put_page(file *f, const cut *c, int first)
{
    uint32_t offsets[64], sizes[64], n = 0;
    for (int64_t y = 0; y < c->height; y += c->chunk_height)
        for (int64_t x = 0; x < c->width; x += c->chunk_width) {
            size_t size;
            offsets[n] = (uint32_t)put_chunk(f, c, first, y, x, &size);
            sizes[n++] = (uint32_t)size;
        }
    size_t table = f->size;
    for (uint32_t i = 0; i < n; i++) {
        put(f, table + 4 * (size_t)i, offsets[i], 4);
        put(f, table + 4 * (size_t)(n + i), sizes[i], 4);
    }
    f->size += 8 * (size_t)n;
    const tag tags[] = { { 256, 4, 1, (uint32_t)c->width },
                         { 257, 4, 1, (uint32_t)c->height },
                         { 258, 3, 1, 16 },
                         { 259, 3, 1, c->packbits ? 32773 : 1 },
                         { c->tiled ? 322 : 278, 4, 1, (uint32_t)(c->tiled ? c->chunk_width : c->chunk_height) },
                         { c->tiled ? 324 : 273, 4, n, n == 1 ? offsets[0] : (uint32_t)table },
                         { c->tiled ? 325 : 279, 4, n, n == 1 ? sizes[0] : (uint32_t)(table + 4 * (size_t)n) },
                         { 317, 3, 1, c->predicted ? 2 : 1 },
                         { c->tiled ? 323 : 262, 4, 1, (uint32_t)(c->tiled ? c->chunk_height : 1) },
                         c->more[0],
                         c->more[1],
                         c->more[2],
                         { 0, 0, 0, 0 } };
    return put_directory(f, tags);
}

static mt_stack *open_part(const char *part)
{
    char name[128];
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    snprintf(name, sizeof name, "%s%s", path, part);
    check_ok(mt_stack_open(NULL, name, NULL, &stack, &err), &err);
    return stack;
}

/* Pages in C order of the leading dimensions, the pixels of each one behind the other from its first value on. */
static void check_pages(const char *axes, const int *first, size_t n)
{
    mt_stack *stack = open_part("");
    whole_image image;
    mt_error err = MT_ERROR_INIT;
    assert_string_equal(mt_stack_get_info(stack)->original_axes, axes);
    check_ok(read_whole(stack, &image, &err), &err);
    assert_int_equal(image.bytes, n * WIDTH * HEIGHT * 2);
    for (size_t i = 0; i < n * WIDTH * HEIGHT; i++) {
        uint16_t value;
        memcpy(&value, image.pixels + 2 * i, 2);
        assert_int_equal(value, first[i / (WIDTH * HEIGHT)] + (int)(i % (WIDTH * HEIGHT)));
    }
    free_whole(&image);
    mt_stack_close(stack);
}

#define RAW                                                                                                            \
    {                                                                                                                  \
        .width = WIDTH, .height = HEIGHT, .chunk_width = WIDTH, .chunk_height = HEIGHT                                 \
    }

/* Strips, tiles, compressed or not, in either byte order: also with a predictor, which leaves the machine's. */
static void pages_that_are_cut_differently(void **state)
{
    (void)state;
    const cut cuts[] = {
        RAW,
        { .width = WIDTH, .height = HEIGHT, .chunk_width = WIDTH, .chunk_height = 3, .packbits = true },
        { .width = WIDTH, .height = HEIGHT, .chunk_width = 4, .chunk_height = 3, .tiled = true },
        RAW,
        { .width = WIDTH,
          .height = HEIGHT,
          .chunk_width = WIDTH,
          .chunk_height = 1,
          .packbits = true,
          .predicted = true },
    };
    static const int first[] = { 0, 100, 200, 300, 400 };
    for (int big_endian = 0; big_endian < 2; big_endian++)
        for (size_t n = 4; n <= 5; n++) { /* the first four have one byte order */
            file *f = new_file(big_endian);
            for (size_t i = 0; i < n; i++)
                link_directory(f, put_page(f, &cuts[i], first[i]));
            save(f);
            check_pages("SYX", first, n);
            if (n == 5)
                check_contract(path, NULL);
        }
}

/* Of pages that are all cut in the same way, too, the last strip has only the rows that are left. */
static void pages_that_are_cut_alike(void **state)
{
    (void)state;
    for (int packbits = 0; packbits < 2; packbits++) {
        const cut strips = {
            .width = WIDTH, .height = HEIGHT, .chunk_width = WIDTH, .chunk_height = 3, .packbits = packbits
        };
        file *f = new_file(false);
        link_directory(f, put_page(f, &strips, 0));
        link_directory(f, put_page(f, &strips, 100));
        save(f);
        check_pages("SYX", (const int[]) { 0, 100 }, 2);
    }
}

static int write_file(void *user, const void *bytes, size_t n) { return fwrite(bytes, 1, n, user) == n ? 0 : -1; }

/* A saved map of such pages consists of boxes, each with its own codec chain. */
static void saved_maps_of_mixed_pages(void **state)
{
    (void)state;
    const cut raw = RAW, strips = {
        .width = WIDTH, .height = HEIGHT, .chunk_width = WIDTH, .chunk_height = 3, .packbits = true, .predicted = true
    };
    file *f = new_file(true);
    link_directory(f, put_page(f, &raw, 0));
    link_directory(f, put_page(f, &strips, 100));
    save(f);
    char map[64];
    snprintf(map, sizeof map, "%s.map", path);
    FILE *out = fopen(map, "wb");
    assert_non_null(out);
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack = open_part(""), *again;
    check_ok(mt_stack_save_map(stack, write_file, out, &err), &err);
    fclose(out);
    const mt_open_options options = { .struct_size = sizeof options, .map = map };
    check_ok(mt_stack_open(NULL, path, &options, &again, &err), &err);
    whole_image a, b;
    check_ok(read_whole(stack, &a, &err), &err);
    check_ok(read_whole(again, &b, &err), &err);
    assert_int_equal(a.bytes, b.bytes);
    assert_memory_equal(a.pixels, b.pixels, a.bytes);
    free_whole(&a);
    free_whole(&b);
    mt_stack_close(again);
    mt_stack_close(stack);
    unlink(map);
}

/* The same for pages that a description counts. */
static void described_pages_that_are_cut_differently(void **state)
{
    (void)state;
    static const char text[] = "ImageJ=1.53t\nimages=4\nchannels=2\nframes=2\n";
    cut raw = RAW, strips = { .width = WIDTH, .height = HEIGHT, .chunk_width = WIDTH, .chunk_height = 2 };
    static const int first[] = { 0, 100, 200, 300 };
    file *f = new_file(false);
    raw.more[0] = (tag) { 270, 2, sizeof text, (uint32_t)append(f, text, sizeof text) };
    link_directory(f, put_page(f, &raw, 0));
    for (int i = 1; i < 4; i++)
        link_directory(f, put_page(f, &strips, first[i]));
    save(f);
    check_pages("TCYX", first, 4);
}

/* Pages of another shape, type or meaning are separate images. */
static void pages_that_are_not_alike(void **state)
{
    (void)state;
    cut wide = { .width = WIDTH + 1, .height = HEIGHT, .chunk_width = WIDTH + 1, .chunk_height = HEIGHT }, raw = RAW;
    file *f = new_file(false);
    link_directory(f, put_page(f, &raw, 0));
    link_directory(f, put_page(f, &wide, 0));
    save(f);
    check_pages("YX", (const int[]) { 0 }, 1);
    mt_stack *stack = open_part("#series=1");
    assert_int_equal(mt_stack_get_info(stack)->data_shape[3], WIDTH + 1);
    mt_stack_close(stack);
}

/* SubIFDs may be in any order; only those that are smaller, and that all pages have, are levels. */
static void levels_by_size(void **state)
{
    (void)state;
    cut raw = RAW, half = { .width = 3, .height = 2, .chunk_width = 3, .chunk_height = 2 },
        least = { .width = 1, .height = 1, .chunk_width = 1, .chunk_height = 1 };
    for (int shared = 1; shared <= 3; shared++) {
        file *f = new_file(false);
        for (int page = 0; page < 2; page++) {
            uint32_t subs[3];
            subs[0] = (uint32_t)put_page(f, &least, 11 + page);
            subs[1] = (uint32_t)put_page(f, &raw, 500);
            subs[2] = (uint32_t)put_page(f, &half, 21 + page);
            uint32_t n = page == 0 ? 3 : (uint32_t)shared;
            size_t table = f->size;
            for (uint32_t i = 0; i < n; i++)
                put(f, table + 4 * (size_t)i, subs[i], 4);
            f->size += 4 * (size_t)n;
            raw.more[0] = (tag) { 330, 4, n, n == 1 ? subs[0] : (uint32_t)table };
            link_directory(f, put_page(f, &raw, 100 * page));
            raw.more[0].tag = 0;
        }
        save(f);
        check_pages("SYX", (const int[]) { 0, 100 }, 2);
        mt_stack *stack = open_part("");
        const mt_stack_info *info = mt_stack_get_info(stack);
        assert_int_equal(info->n_levels, shared == 3 ? 3 : 2);
        assert_int_equal(info->n_warnings, shared == 3 ? 0 : 1);
        mt_stack_close(stack);
        stack = open_part("#level=1");
        assert_int_equal(mt_stack_get_info(stack)->data_shape[3], shared == 3 ? 3 : 1);
        const int64_t origin[2] = { 0 }, size[2] = { 1, 1 };
        float value;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_stack_extract_patch(stack, 1, NULL, 0, origin, size, 2, &value, &err), &err);
        assert_true(value == (shared == 3 ? 22 : 12));
        mt_stack_close(stack);
        if (shared == 2)
            check_contract(path, NULL);
    }
}

static void resolution_of_plain_pages(void **state)
{
    (void)state;
    static const struct {
        uint32_t unit;
        double size;
    } cases[] = { { 2, 25400.0 / 8000 }, { 3, 10000.0 / 8000 }, { 1, 0 }, { 0, 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cut raw = RAW;
        file *f = new_file(false);
        size_t at = f->size;
        put(f, at, 16000, 4);
        put(f, at + 4, 2, 4);
        f->size += 8;
        raw.more[0] = (tag) { 282, 5, 1, (uint32_t)at };
        raw.more[1] = (tag) { 283, 5, 1, (uint32_t)at };
        raw.more[2] = (tag) { cases[i].unit ? 296 : 0, 3, 1, cases[i].unit };
        link_directory(f, put_page(f, &raw, 0));
        save(f);
        mt_stack *stack = open_part("");
        const mt_stack_info *info = mt_stack_get_info(stack);
        for (int d = 0; d < 2; d++) {
            assert_true(info->pixel_size[d] == cases[i].size);
            assert_string_equal(info->unit[d], cases[i].size > 0 ? "micrometer" : "");
        }
        mt_stack_close(stack);
    }
}

/* Byte counts of 0: up to the next strip, the directory or the end of the file; two strips at one place are empty. */
static void counts_of_zero(void **state)
{
    (void)state;
    static const uint8_t packed[] = { 1, 7, 8, 1, 9, 10 }; /* PackBits of two rows of two bytes */
    for (int twice = 0; twice < 2; twice++) {
        file *f = new_file(false);
        uint32_t at = (uint32_t)append(f, packed, sizeof packed);
        size_t table = f->size;
        put(f, table, at, 4);
        put(f, table + 4, twice ? at : at + 3, 4);
        f->size += 16;
        const tag tags[] = { { 256, 3, 1, 2 },
                             { 257, 3, 1, 2 },
                             { 258, 3, 1, 8 },
                             { 259, 3, 1, 32773 },
                             { 278, 3, 1, 1 },
                             { 273, 4, 2, (uint32_t)table },
                             { 279, 4, 2, (uint32_t)table + 8 },
                             { 0, 0, 0, 0 } };
        link_directory(f, put_directory(f, tags));
        save(f);
        mt_stack *stack = open_part("");
        assert_int_equal(mt_stack_get_info(stack)->n_warnings, 1);
        const int64_t origin[2] = { 0 }, size[2] = { 1, 2 };
        float values[2];
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, origin, size, 2, values, &err), &err);
        assert_true(values[0] == (twice ? 0 : 7) && values[1] == (twice ? 0 : 8));
        mt_stack_close(stack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_that_are_cut_differently),
        cmocka_unit_test(pages_that_are_cut_alike),
        cmocka_unit_test(described_pages_that_are_cut_differently),
        cmocka_unit_test(saved_maps_of_mixed_pages),
        cmocka_unit_test(pages_that_are_not_alike),
        cmocka_unit_test(levels_by_size),
        cmocka_unit_test(resolution_of_plain_pages),
        cmocka_unit_test(counts_of_zero),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
