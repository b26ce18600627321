/* SPDX-License-Identifier: BSD-3-Clause */
/* Tile scans, made here: tiles as samples, and merged into one plane beside the same done one pixel at a time. */
#include "support/contract.h"
#include "support/folder.h"
#include "support/lif_writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 6, HEIGHT = 5, TILES = 5 };

/* Corners of the tiles in the merged plane. They overlap, and leave gaps. */
static const int corners[TILES][2] = { { 4, 0 }, { 0, 1 }, { 9, 2 }, { 3, 4 }, { 12, 8 } };
enum { PLANE_WIDTH = 18, PLANE_HEIGHT = 13 };

typedef struct turn {
    int flip_x, flip_y, swap;
} turn;

/* Places on the stage, in metres, that give the corners once the stage is flipped and turned. A pixel is 0.2 x 0.3
 * micrometers; places are off by less than half of one. */
static void write_tiles(char *out, size_t room, const turn *t)
{
    int n = snprintf(out, room,
                     "<Attachment Name=\"Other\"/><Attachment Name=\"TileScanInfo\" FlipX=\"%d\" FlipY=\"%d\" "
                     "SwapXY=\"%d\">",
                     t->flip_x, t->flip_y, t->swap);
    for (int i = 0; i < TILES; i++) {
        double x = 0.05 + (corners[i][0] + 0.45 * (i % 2 == 0)) * 2e-7,
               y = 0.07 + (corners[i][1] + 0.45 * (i % 3 == 2)) * 3e-7;
        double stage_x = t->swap ? y : x, stage_y = t->swap ? x : y;
        n += snprintf(out + n, room - (size_t)n, "<Tile FieldX=\"%d\" FieldY=\"0\" PosX=\"%.12g\" PosY=\"%.12g\"/>", i,
                      t->flip_x ? -stage_x : stage_x, t->flip_y ? -stage_y : stage_y);
    }
    snprintf(out + n, room - (size_t)n, "</Attachment>");
}

typedef struct scan {
    const char *axes; /* when merged */
    lif_written image;
    int samples;          /* bytes of a pixel */
    int64_t planes[2][2]; /* outer axes: elements, bytes between them */

} scan;

#define SIZES(x, y)                                                                                                    \
    { 1, WIDTH, x, (WIDTH - 1) * 2e-7 }, { 2, HEIGHT, y, (HEIGHT - 1) * 3e-7 }

static const scan scans[] = {
    { "YX",
      { .dimensions = { SIZES(1, 6), { 10, TILES, 30 } }, .channels = { { 8 } }, .size = 150 },
      1,
      { { 1 }, { 1 } } },
    { "TCYX",
      { .dimensions = { SIZES(1, 6), { 10, TILES, 60 }, { 4, 2, 300 } },
        .channels = { { 8 }, { 8, 30 } },
        .size = 600 },
      1,
      { { 2, 300 }, { 2, 30 } } },
    /* tiles are slower than time; rows are padded */
    { "TYX",
      { .dimensions = { SIZES(2, 16), { 4, 3, 96 }, { 10, TILES, 300 } }, .channels = { { 16 } }, .size = 1500 },
      2,
      { { 3, 96 }, { 1 } } },
    { "YXC",
      { .dimensions = { SIZES(3, 20), { 10, TILES, 100 } },
        .channels = { { 8, 0, 1 }, { 8, 1, 2 }, { 8, 2, 3 } },
        .size = 500 },
      3,
      { { 1 }, { 1 } } },
    { "YXC",
      { .dimensions = { SIZES(3, 18), { 10, TILES, 90 } },
        .channels = { { 8, 0, 3 }, { 8, 1, 2 }, { 8, 2, 1 } },
        .size = 450 },
      3,
      { { 1 }, { 1 } } },
};

static int64_t step_of(const lif_written *image, int id)
{
    int i = 0;
    while (image->dimensions[i].id != id)
        i++;
    return image->dimensions[i].step;
}

/* Paints the tiles of one plane, each pixel of so many bytes. */
static void paint(const scan *s, int64_t offset, uint8_t *plane)
{
    const uint8_t *pixels = s->image.pixels;
    for (int i = 0; i < TILES; i++)
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++) {
                int64_t from = offset + i * step_of(&s->image, 10) + y * step_of(&s->image, 2) + x * s->samples;
                int at = (corners[i][1] + y) * PLANE_WIDTH + corners[i][0] + x;
                for (int k = 0; k < s->samples; k++)
                    plane[at * s->samples + k] = pixels[from + (s->image.channels[0].tag == 3 ? 2 - k : k)];
            }
}

/* The whole merged image, in the order of its axes. */
static uint8_t *paint_all(const scan *s, size_t *size)
{
    size_t plane = (size_t)(PLANE_WIDTH * PLANE_HEIGHT * s->samples);
    *size = (size_t)(s->planes[0][0] * s->planes[1][0]) * plane;
    uint8_t *out = calloc(*size, 1), *at = out;
    assert_non_null(out);
    for (int64_t i = 0; i < s->planes[0][0]; i++)
        for (int64_t k = 0; k < s->planes[1][0]; k++, at += plane)
            paint(s, i * s->planes[0][1] + k * s->planes[1][1], at);
    return out;
}

/* Colours are the last axis in the file and the first of a patch. */
static void separate(uint8_t *pixels, size_t size, size_t samples)
{
    uint8_t *copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, pixels, size);
    for (size_t i = 0; i < size; i++)
        pixels[i % samples * (size / samples) + i / samples] = copy[i];
    free(copy);
}

static uint8_t *make_bytes(size_t n)
{
    uint64_t seed = n;
    uint8_t *bytes = malloc(n);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(next_random(&seed) >> 32) | 1; /* 0 is the fill value */
    return bytes;
}

static void write_scan(lif_writer *w, const scan *s, const turn *t, scan *out)
{
    static char tiles[2000];
    write_tiles(tiles, sizeof tiles, t);
    *out = *s;
    out->image.name = "scan";
    out->image.more = tiles;
    out->image.pixels = make_bytes((size_t)s->image.size);
    lif_begin(w, 2);
    lif_add_image(w, &out->image);
    lif_finish(w);
}

static void free_scan(lif_writer *w, scan *s)
{
    free((void *)(uintptr_t)s->image.pixels);
    lif_free(w);
}

static const mt_open_options merging = { .struct_size = sizeof merging, .merge_tiles = 1 };

static void check_merged(const scan *given, const turn *t)
{
    lif_writer w;
    scan s;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    whole_image whole;
    size_t size;
    write_scan(&w, given, t, &s);
    check_ok(mt_stack_open_memory(NULL, "a.lif", w.data, w.size, &merging, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, s.axes);
    check_ok(read_whole(stack, &whole, &err), &err);
    uint8_t *expected = paint_all(&s, &size);
    if (strcmp(s.axes, "YXC") == 0)
        separate(expected, size, 3);
    assert_int_equal(whole.bytes, size);
    assert_memory_equal(whole.pixels, expected, size);
    check_boxes(stack, &whole, 11, 60);
    free(expected);
    free_whole(&whole);
    mt_stack_close(stack);
    free_scan(&w, &s);
}

static void tiles_are_painted_in_their_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scans / sizeof *scans; i++)
        check_merged(&scans[i], &(turn) { 0 });
}

/* The stage is mirrored first, then turned. */
static void the_stage_is_flipped_and_turned(void **state)
{
    (void)state;
    for (int i = 1; i < 8; i++)
        check_merged(&scans[1], &(turn) { i & 1, i >> 1 & 1, i >> 2 & 1 });
}

static void tiles_are_samples_by_default(void **state)
{
    (void)state;
    lif_writer w;
    scan s;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    write_scan(&w, &scans[1], &(turn) { 0 }, &s);
    check_ok(mt_stack_open_memory(NULL, "a.lif", w.data, w.size, NULL, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, "TSCYX");
    assert_int_equal(info->data_shape[0], 2 * TILES);
    for (int i = 0; i < 2 * TILES; i++) { /* T is the faster one */
        const mt_sample_info *sample = &info->samples[i];
        double x = corners[i / 2][0] + 0.45 * (i / 2 % 2 == 0), y = corners[i / 2][1] + 0.45 * (i / 2 % 3 == 2);
        assert_true(sample->has_position && isnan(sample->position[0]));
        assert_float_equal(sample->position[1], 0.07e6 + y * 0.3, 1e-6);
        assert_float_equal(sample->position[2], 0.05e6 + x * 0.2, 1e-6);
    }
    mt_stack_close(stack);
    free_scan(&w, &s);
}

/* Where there is nothing to merge, the option changes nothing. */
static void one_tile_is_an_image(void **state)
{
    (void)state;
    static const uint8_t pixels[30] = { 3 };
    lif_written image = {
        .name = "a", .dimensions = { SIZES(1, 6), { 10, 1, 0 } }, .channels = { { 8 } }, .pixels = pixels, .size = 30
    };
    lif_writer w;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    lif_begin(&w, 2);
    lif_add_image(&w, &image);
    lif_finish(&w);
    check_ok(mt_stack_open_memory(NULL, "a.lif", w.data, w.size, &merging, &stack, &err), &err);
    assert_string_equal(mt_stack_get_info(stack)->original_axes, "YX");
    mt_stack_close(stack);
    lif_free(&w);
}

/* Places that are needed and not known are never made up. */
static void unknown_places_are_refused(void **state)
{
    (void)state;
    static const char known[] = "<Attachment Name=\"TileScanInfo\"><Tile PosX=\"0\" PosY=\"0\"/>"
                                "<Tile PosX=\"1e-6\" PosY=\"0\"/></Attachment>";
    static const char *const tiles[] = {
        "",
        "<Attachment Name=\"TileScanInfo\"/>",
        "<Attachment Name=\"TileScanInfo\"><Tile PosX=\"0\" PosY=\"0\"/></Attachment>",
        "<Attachment Name=\"TileScanInfo\"><Tile PosX=\"0\" PosY=\"0\"/><Tile PosX=\"0\" PosY=\"0\"/></Attachment>",
        "<Attachment Name=\"TileScanInfo\"><Tile PosX=\"0\" PosY=\"0\"/><Tile PosX=\"1e-6\"/></Attachment>",
        ("<Attachment Name=\"TileScanInfo\"><Tile PosX=\"nan\" PosY=\"0\"/><Tile PosX=\"1e-6\" "
         "PosY=\"0\"/></Attachment>"),
        "<Attachment Name=\"TileScanInfo\"><Tile PosX=\"0\" PosY=\"0\"/><Tile PosX=\"1e9\" PosY=\"0\"/></Attachment>",
        known, /* but the size of a pixel along X is not, */
        known, /* nor along Y */
    };
    static const uint8_t pixels[60] = { 3 };
    for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++) {
        lif_written image = { .name = "a",
                              .dimensions = { SIZES(1, 6), { 10, 2, 30 } },
                              .channels = { { 8 } },
                              .more = tiles[i],
                              .pixels = pixels,
                              .size = 60 };
        lif_writer w;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        if (tiles[i] == known)
            image.dimensions[i - 7].unit = "s";
        lif_begin(&w, 2);
        lif_add_image(&w, &image);
        lif_finish(&w);
        bool is_far = i == 6;
        assert_int_equal(mt_stack_open_memory(NULL, "a.lif", w.data, w.size, &merging, &stack, &err),
                         is_far ? MT_E_CORRUPT : MT_E_UNSUPPORTED);
        assert_non_null(strstr(err.message, is_far ? "2^31 pixels" : "cannot be merged"));
        lif_free(&w);
    }
}

/* Tiles behind the end of the block are missing: what lies below them shows. */
static void missing_tiles(void **state)
{
    (void)state;
    static const int64_t origin[2] = { 0 }, size[2] = { PLANE_HEIGHT, PLANE_WIDTH };
    float plane[PLANE_HEIGHT * PLANE_WIDTH];
    uint8_t expected[PLANE_HEIGHT * PLANE_WIDTH] = { 0 };
    lif_writer w;
    scan cut = scans[0], s;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    cut.image.size = 100; /* three tiles, and some of the fourth */
    write_scan(&w, &cut, &(turn) { 0 }, &s);
    check_ok(mt_stack_open_memory(NULL, "a.lif", w.data, w.size, &merging, &stack, &err), &err);
    assert_int_equal(mt_stack_get_info(stack)->n_missing, 2);
    assert_string_equal(mt_stack_get_info(stack)->missing[0], "frame S=3");
    check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, origin, size, 2, plane, &err), &err);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < WIDTH * HEIGHT; k++)
            expected[(corners[i][1] + k / WIDTH) * PLANE_WIDTH + corners[i][0] + k % WIDTH] =
                ((const uint8_t *)s.image.pixels)[30 * i + k];
    for (int k = 0; k < PLANE_HEIGHT * PLANE_WIDTH; k++)
        assert_int_equal((int)plane[k], expected[k]);
    mt_stack_close(stack);
    free_scan(&w, &s);
}

static void merged_scans_keep_the_contract(void **state)
{
    (void)state;
    for (size_t i = 1; i < sizeof scans / sizeof *scans; i += 2) {
        lif_writer w;
        scan s;
        const char *path = temporary_path("scan.lif");
        write_scan(&w, &scans[i], &(turn) { 0 }, &s);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(w.data, 1, w.size, file), w.size);
        fclose(file);
        check_contract(path, &merging);
        if (i == 1)
            check_contract(path, NULL);
        free_scan(&w, &s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_are_painted_in_their_order), cmocka_unit_test(the_stage_is_flipped_and_turned),
        cmocka_unit_test(tiles_are_samples_by_default),     cmocka_unit_test(one_tile_is_an_image),
        cmocka_unit_test(unknown_places_are_refused),       cmocka_unit_test(missing_tiles),
        cmocka_unit_test(merged_scans_keep_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
