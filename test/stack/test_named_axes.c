/* SPDX-License-Identifier: BSD-3-Clause */
/* Axes that the caller names: which assignments fit, and what is read through them, against the plainest answer. */
#include "support/contract.h"

#include <microtome/map.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/microtome-axes-XXXXXX";

static const char *path_of(const char *name)
{
    static char paths[4][512];
    static int next;
    char *path = paths[next = (next + 1) % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static FILE *create(const char *name)
{
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    return file;
}

/* The pixels of all images here: element i in C order. */
static uint16_t value_at(int64_t i) { return (uint16_t)(i * 40503 + 17); }

/* An NPY file of those pixels; shape as in its header. Returns its path. */
static const char *write_npy(const char *name, const char *shape, int64_t elements)
{
    char header[129];
    FILE *file = create(name);
    snprintf(header, sizeof header, "{'descr': '<u2', 'fortran_order': False, 'shape': (%s), }", shape);
    fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, file);
    fprintf(file, "%-117s\n", header);
    for (int64_t i = 0; i < elements; i++) {
        fputc(value_at(i) & 255, file);
        fputc(value_at(i) >> 8, file);
    }
    fclose(file);
    return path_of(name);
}

enum { PAGES = 24, ROWS = 16, COLUMNS = 20 };

/* A Zarr array of 24 pages, so many in a chunk; of those, only chunks whose number is no multiple of absent are stored.
 * Returns its path. */
static const char *write_zarr(const char *name, int pages, int absent)
{
    char key[64];
    mkdir(path_of(name), 0700);
    snprintf(key, sizeof key, "%s/.zarray", name);
    FILE *file = create(key);
    fprintf(
        file,
        "{\"zarr_format\": 2, \"shape\": [%d, %d, %d], \"chunks\": [%d, 16, 7], \"dtype\": \"<u2\", \"order\": \"C\", "
        "\"fill_value\": 0, \"compressor\": null, \"filters\": null}",
        PAGES, ROWS, COLUMNS, pages);
    fclose(file);
    for (int p = 0, n = 0; p * pages < PAGES; p++)
        for (int x = 0; x < 3; x++, n++) {
            if (absent && n % absent == 0)
                continue;
            snprintf(key, sizeof key, "%s/%d.0.%d", name, p, x);
            file = create(key);
            for (int64_t i = 0; i < (int64_t)pages * ROWS * 7; i++) {
                int64_t page = p * pages + i / (ROWS * 7), row = i / 7 % ROWS, column = x * 7 + i % 7;
                uint16_t v = value_at((page * ROWS + row) * COLUMNS + column);
                fputc(v & 255, file);
                fputc(v >> 8, file);
            }
            fclose(file);
        }
    return path_of(name);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : 1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static mt_status open_with(const char *path, const char *axes, mt_stack **out, mt_error *err)
{
    return mt_stack_open(NULL, path, &(mt_open_options) { .struct_size = sizeof(mt_open_options), .axes = axes }, out,
                         err);
}

static mt_stack *open_ok(const char *path, const char *axes)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(open_with(path, axes, &stack, &err), &err);
    return stack;
}

/* "T4 C2 Y16 X20" */
static const char *describe(const mt_stack_info *info)
{
    static char text[256];
    int n = 0;
    text[0] = 0;
    for (int d = 0; d < info->original_ndim; d++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%c%d", d ? " " : "", info->original_axes[d],
                      (int)info->original_shape[d]);
    return text;
}

/* What axes make of a shape: the described image, or a part of the message of an error ("!..."). */
static void assignments(void **state)
{
    (void)state;
    static const struct {
        const char *shape;
        int64_t elements;
        const char *axes, *expected;
    } cases[] = {
        /* two dimensions, not counting leading ones of length 1, need no names */
        { "3, 4", 12, NULL, "Y3 X4" },
        { "1, 3, 4", 12, NULL, "Y3 X4" },
        { "1, 1, 3, 4", 12, NULL, "Y3 X4" },
        { "1, 4", 4, NULL, "Y1 X4" },
        { "1, 1, 4", 4, NULL, "Y1 X4" },
        { "2, 3, 4", 24, NULL,
          "!the axes of its 2 x 3 x 4 elements: name them, a letter of STCZYX each, such as --axes ZYX "
          "(in Python axes=\"ZYX\")" },
        { "8, 9, 3", 216, NULL, "!--axes YXC" },
        { "2, 1, 3, 4", 24, NULL, "!--axes CZYX" },
        { "3, 4, 1", 12, NULL, "!--axes ZYX" },
        { "1, 2, 2, 2, 2, 2, 2", 64, NULL, "!--axes STCZYX" },
        { "2, 2, 2, 2, 2, 2, 2", 128, NULL, "!more than six" },
        /* one letter for each dimension, or for each that is longer than 1 */
        { "2, 3, 4", 24, "ZYX", "Z2 Y3 X4" },
        { "1, 5, 3, 4", 60, "TCYX", "T1 C5 Y3 X4" },
        { "1, 5, 3, 4", 60, "CYX", "C5 Y3 X4" },
        { "5, 3, 1, 4", 60, "TYX", "T5 Y3 X4" },
        /* axes of length 1 that are not stored, if there is one way only */
        { "3, 4", 12, "SCYX", "S1 C1 Y3 X4" },
        { "3, 4", 12, "STCZYX", "S1 T1 C1 Z1 Y3 X4" },
        { "1, 3, 4", 12, "SCYX", "S1 C1 Y3 X4" },
        { "5, 3, 4", 60, "TCYX", "!in several ways: give sizes, such as \"T5C1YX\" or \"T1C5YX\"" },
        { "5, 3, 4", 60, "T5CYX", "T5 C1 Y3 X4" },
        { "5, 3, 4", 60, "TC1YX", "T5 C1 Y3 X4" },
        { "5, 3, 4", 60, "TZY1X", "T5 Z3 Y1 X4" },
        { "5, 3, 4", 60, "TZYX", "!in several ways" },
        { "5, 3, 4", 60, "YX", "!do not fit the 3 dimensions of the image, 5 x 3 x 4" },
        { "5, 3, 4", 60, "Y5X", "!do not fit" },
        /* several axes in one dimension */
        { "8, 3, 4", 96, "T4C2YX", "T4 C2 Y3 X4" },
        { "8, 3, 4", 96, "TC2YX", "T4 C2 Y3 X4" },
        { "8, 3, 4", 96, "T4CYX", "T4 C2 Y3 X4" },
        { "8, 3, 4", 96, "C2TYX", "C2 T4 Y3 X4" },
        { "24, 3, 4", 288, "TZ3C2YX", "T4 Z3 C2 Y3 X4" },
        { "24, 3, 4", 288, "S2T2Z3C2YX", "S2 T2 Z3 C2 Y3 X4" },
        { "6, 4, 3, 4", 288, "S3T2Z2C2YX", "S3 T2 Z2 C2 Y3 X4" },
        { "8, 3, 4, 3", 288, "T4Z2YXC", "T4 Z2 Y3 X4 C3" },
        { "8, 3, 4", 96, "T8C1YX", "T8 C1 Y3 X4" },
        { "8, 3, 4", 96, "T4C3YX", "!do not fit" },
        { "8, 3, 4", 96, "TC3YX", "!do not fit" },
        { "8, 3, 4", 96, "STC2YX", "!in several ways" },
        { "8, 3, 4", 96, "STC8YX", "S1 T1 C8 Y3 X4" },
        { "8, 3, 4", 96, "SC2TYX", "!several ways: give sizes, such as \"S1C2T4YX\" or \"S4C2T1YX\"" },
        { "8, 3, 4", 96, "TC2Y3X5", "!do not fit" },
        { "8, 12", 96, "TC2Y6X", "!do not fit" },
        { "0, 3, 4", 0, "TC2YX", "!do not fit" },
        { "0, 3, 4", 0, "TYX", "T0 Y3 X4" },
        /* what is no list of axes */
        { "8, 3, 4", 96, "T0C2YX", "!0 is not a size of an axis" },
        { "8, 3, 4", 96, "T9999999999999999999YX", "!is not a size of an axis" },
        { "8, 3, 4", 96, "T999999999999999999C999999999999999999YX", "!do not fit" },
        { "8, 3, 4", 96, "4TYX", "!'4' is none of STCZYX" },
        { "8, 3, 4", 96, "QYX", "!'Q' is none of STCZYX" },
        { "8, 3, 4", 96, "TTYX", "!stands there twice" },
        { "8, 3, 4", 96, "TZC", "!lack Y or X" },
        { "8, 3, 4", 96, "STCZYXS", "!more than the six" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = write_npy("case.npy", cases[i].shape, cases[i].elements), *expected = cases[i].expected;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        mt_status st = open_with(path, cases[i].axes, &stack, &err);
        const char *got = st ? err.message : describe(mt_stack_get_info(stack));
        if (*expected == '!' ? st != MT_E_ARGUMENT || !strstr(got, expected + 1) : st || strcmp(got, expected) != 0)
            fail_msg("(%s) as \"%s\": \"%s\", not \"%s\"", cases[i].shape, cases[i].axes ? cases[i].axes : "", got,
                     expected);
        if (!st) {
            assert_int_equal(mt_stack_get_info(stack)->axes_source,
                             cases[i].axes ? MT_AXES_FROM_CALLER : MT_AXES_ASSUMED);
            mt_stack_close(stack);
        }
    }
}

/* An image as its axes have it, over its elements in C order. */
static mt_stack *array_of(const mt_stack_info *info, const uint16_t *elements)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(NULL, elements, MT_UINT16, info->original_axes, info->original_shape, NULL, NULL,
                                 &stack, &err),
             &err);
    return stack;
}

static int keep_bytes(void *user, const void *bytes, size_t size)
{
    FILE *file = user;
    return fwrite(bytes, 1, size, file) == size ? 0 : -1;
}

/* The MD5 of a picture of a plane. */
static void draw(mt_stack *stack, int64_t sample, const int64_t *channels, size_t n, char *md5)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&bytes, &size);
    mt_draw_options options = {
        .struct_size = sizeof options, .sample = sample, .channels = channels, .n_channels = n, .max_size = 15
    };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_draw_plane(stack, &options, keep_bytes, file, NULL, &err), &err);
    fclose(file);
    snprintf(md5, 33, "%s", md5_hex(bytes, size));
    free(bytes);
}

static void same_pictures(mt_stack *stack, mt_stack *array)
{
    const mt_stack_info *info = mt_stack_get_info(stack);
    int64_t channels[3] = { info->data_shape[1] - 1, 0, info->data_shape[1] / 2 };
    for (int64_t s = 0; s < info->data_shape[0]; s++) {
        char a[33], b[33];
        draw(stack, s, s % 2 ? channels : NULL, s % 2 ? 3 : 0, a);
        draw(array, s, s % 2 ? channels : NULL, s % 2 ? 3 : 0, b);
        assert_string_equal(a, b);
    }
}

/* Patches, checksum and pictures are those of an array of these axes. */
static void check_image(const char *path, const char *axes, const uint16_t *elements)
{
    mt_stack *stack = open_ok(path, axes), *array = array_of(mt_stack_get_info(stack), elements);
    whole_image image;
    mt_checksum found, expected;
    mt_error err = MT_ERROR_INIT;
    check_ok(read_whole(array, &image, &err), &err);
    check_boxes(stack, &image, 5, 64);
    check_ok(mt_stack_checksum(stack, NULL, &found, &err), &err);
    check_ok(mt_stack_checksum(array, NULL, &expected, &err), &err);
    if (strcmp(found.text, expected.text) != 0)
        fail_msg("%s as %s: checksum", path, axes);
    same_pictures(stack, array);
    free_whole(&image);
    mt_stack_close(array);
    mt_stack_close(stack);
}

static const char *const flat_axes[] = { "T12C2YX",   "TC2YX",     "C2TYX",      "C8TYX",       "TZ3C2YX",
                                         "TC2Z3YX",   "Z3TC2YX",   "ZC2T2YX",    "C2ZYX",       "Z6C4YX",
                                         "S2TZ2C2YX", "C2S3T2ZYX", "Z2C3S2TYX",  "S2T3Z2C2YX",  "T1C24YX",
                                         "T24CYX",    "C1Z24YX",   "SC1T1Z24YX", "T1Z2C1S12YX", "SCZ24YX" };

static void flat_runs_of_pages(void **state)
{
    (void)state;
    static const struct {
        int pages, absent;
    } zarr[] = { { 1, 0 }, { 2, 0 }, { 4, 0 }, { 5, 0 }, { 6, 5 }, { 7, 2 }, { 24, 2 }, { 40, 0 }, { 1, 1 } };
    uint16_t elements[PAGES * ROWS * COLUMNS];
    size_t n = sizeof flat_axes / sizeof *flat_axes;
    for (int64_t i = 0; i < PAGES * ROWS * COLUMNS; i++)
        elements[i] = value_at(i);
    const char *npy = write_npy("flat.npy", "24, 16, 20", PAGES * ROWS * COLUMNS);
    for (size_t a = 0; a < n; a++)
        check_image(npy, flat_axes[a], elements);
    for (size_t z = 0; z < sizeof zarr / sizeof *zarr; z++) {
        char name[32];
        snprintf(name, sizeof name, "flat%d-%d.zarr", zarr[z].pages, zarr[z].absent);
        write_zarr(name, zarr[z].pages, zarr[z].absent);
        for (int64_t i = 0; i < PAGES * ROWS * COLUMNS; i++) {
            int64_t chunk = i / (ROWS * COLUMNS) / zarr[z].pages * 3 + i % COLUMNS / 7;
            elements[i] = zarr[z].absent && chunk % zarr[z].absent == 0 ? 0 : value_at(i);
        }
        for (size_t a = 0; a < n; a++)
            check_image(path_of(name), flat_axes[a], elements);
    }
}

static void axes_that_are_not_stored(void **state)
{
    (void)state;
    uint16_t elements[8 * 3 * 4];
    for (int64_t i = 0; i < 96; i++)
        elements[i] = value_at(i);
    const char *plane = write_npy("plane.npy", "8, 12", 96), *three = write_npy("three.npy", "8, 3, 4", 96);
    static const char *const of_plane[] = { "SYX", "ZYX", "STCZYX", "YXC", "CYZX", "YTXS", "Y8X12Z1" };
    static const char *const of_three[] = { "T8Z3Y1X", "Z8Y3X1TC1", "CZ8Y3X4", "TZ3Y1X", "SZC8YX", "T2C4Z3Y1X" };
    for (size_t i = 0; i < sizeof of_plane / sizeof *of_plane; i++)
        check_image(plane, of_plane[i], elements);
    for (size_t i = 0; i < sizeof of_three / sizeof *of_three; i++)
        check_image(three, of_three[i], elements);
}

/* Truncated and failing files, failing allocations, threads: as any image. */
static void flat_runs_keep_the_contract(void **state)
{
    (void)state;
    mt_open_options options = { .struct_size = sizeof options, .axes = "TZ2C2YX" };
    check_contract(write_npy("contract.npy", "8, 3, 4", 96), &options);
    check_contract(write_zarr("contract.zarr", 5, 4), &options);
}

/* Chunks are told as boxes of the axes, or not at all. */
static void chunks_of_flat_runs(void **state)
{
    (void)state;
    static const struct {
        int pages;
        const char *axes;
        int64_t chunk[6];
    } cases[] = { { 1, "TC2YX", { 1, 1, 16, 7 } },
                  { 2, "TC2YX", { 1, 2, 16, 7 } },
                  { 4, "TC2YX", { 2, 2, 16, 7 } },
                  { 6, "TZ3C2YX", { 1, 3, 2, 16, 7 } },
                  { 2, "TC4YX", { 1, 2, 16, 7 } },
                  { 4, "TZ3C2YX", { 0 } },
                  { 5, "TC2YX", { 0 } },
                  { 7, "T24CYX", { 7, 1, 16, 7 } },
                  { 5, "C1Z24YX", { 1, 5, 16, 7 } },
                  { 40, "TC2YX", { 20, 2, 16, 7 } },
                  { 12, "S2TC3YX", { 1, 4, 3, 16, 7 } },
                  { 5, "SCZ24YX", { 1, 1, 5, 16, 7 } } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[32];
        snprintf(name, sizeof name, "chunks%d.zarr", cases[i].pages);
        mt_stack *stack = open_ok(write_zarr(name, cases[i].pages, 0), cases[i].axes);
        const mt_stack_info *info = mt_stack_get_info(stack);
        for (int d = 0; d < info->original_ndim; d++)
            if (info->chunk_shape[d] != cases[i].chunk[d])
                fail_msg("%d pages as %s: chunks of %d along %c", cases[i].pages, cases[i].axes,
                         (int)info->chunk_shape[d], info->original_axes[d]);
        mt_stack_close(stack);
    }
}

/* A saved map holds the image as it is stored: axes are named when it is opened. */
static void saved_maps(void **state)
{
    (void)state;
    const char *zarr = write_zarr("saved.zarr", 5, 0), *map = path_of("saved.map");
    mt_stack *stack = open_ok(zarr, "TZ3C2YX"), *again;
    mt_error err = MT_ERROR_INIT;
    FILE *file = create("saved.map");
    check_ok(mt_stack_save_map(stack, keep_bytes, file, &err), &err);
    fclose(file);
    whole_image image;
    check_ok(read_whole(stack, &image, &err), &err);
    mt_open_options options = { .struct_size = sizeof options, .axes = "TZ3C2YX", .map = map };
    check_ok(mt_stack_open(NULL, zarr, &options, &again, &err), &err);
    assert_string_equal(describe(mt_stack_get_info(again)), "T4 Z3 C2 Y16 X20");
    check_boxes(again, &image, 3, 32);
    mt_stack_close(again);
    options.axes = NULL;
    assert_int_equal(mt_stack_open(NULL, zarr, &options, &again, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "--axes ZYX"));
    free_whole(&image);
    mt_stack_close(stack);
}

static void depth_axis_of_a_flat_run(void **state)
{
    (void)state;
    mt_open_options options = { .struct_size = sizeof options, .axes = "TZ3C2YX", .depth_axis = "T" };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(NULL, write_zarr("depth.zarr", 6, 0), &options, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, "SCTYX");
    assert_string_equal(describe(info), "S3 C2 T4 Y16 X20");
    assert_memory_equal(info->chunk_shape, ((int64_t[]) { 3, 2, 1, 16, 7 }), 5 * sizeof(int64_t));
    for (int64_t z = 0; z < 3; z++) {
        float patch[2 * 6 * 2]; /* C, T from -1 to 4, X */
        check_ok(mt_stack_extract_patch(stack, z, NULL, 0, (int64_t[]) { -1, 9, 6 }, (int64_t[]) { 6, 1, 2 }, 3, patch,
                                        &err),
                 &err);
        for (int64_t i = 0; i < 24; i++) {
            int64_t c = i / 12, t = i / 2 % 6 - 1, page = (t * 3 + z) * 2 + c;
            float expected = t < 0 || t > 3 ? 0 : (float)value_at((page * ROWS + 9) * COLUMNS + 6 + i % 2);
            assert_true(patch[i] == expected);
        }
    }
    mt_stack_close(stack);
    options.axes = "T24ZYX"; /* Z of length 1 is no depth */
    options.depth_axis = "Z";
    assert_int_equal(mt_stack_open(NULL, path_of("depth.zarr"), &options, &stack, &err), MT_E_ARGUMENT);
}

/* Without axes an image can be described, but not read. */
static void unknown_axes(void **state)
{
    (void)state;
    mt_open_options options = { .struct_size = sizeof options, .allow_unknown_axes = 1 };
    mt_stack *stack, *other;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(NULL, write_zarr("unknown.zarr", 5, 0), &options, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_int_equal(info->axes_source, MT_AXES_UNKNOWN);
    assert_int_equal(info->data_ndim, 0);
    assert_string_equal(describe(info), "?24 ?16 ?20");
    assert_int_equal(info->chunk_shape[0], 5);
    assert_int_equal(info->n_warnings, 1);
    assert_non_null(strstr(info->warnings[0], "24 x 16 x 20 elements: name them"));
    float patch[1];
    mt_checksum sum;
    const int64_t origin[3] = { 0 }, size[3] = { 1, 1, 1 };
    mt_draw_options draw_options = { .struct_size = sizeof draw_options };
    mt_patch_request request = { .stack = stack, .n_spatial = 2, .coords = origin, .patch_size = size };
    for (int k = 0; k < 4; k++) {
        err = (mt_error)MT_ERROR_INIT;
        mt_status st = k == 0   ? mt_stack_extract_patch(stack, 0, NULL, 0, origin, size, 2, patch, &err)
                       : k == 1 ? mt_stack_checksum(stack, NULL, &sum, &err)
                       : k == 2 ? mt_draw_plane(stack, &draw_options, keep_bytes, NULL, NULL, &err)
                                : mt_draw_patches(&request, 1, NULL, keep_bytes, NULL, NULL, &err);
        assert_int_equal(st, MT_E_ARGUMENT);
        assert_non_null(strstr(err.message, "--axes ZYX"));
    }
    FILE *file = create("unknown.map");
    err = (mt_error)MT_ERROR_INIT;
    check_ok(mt_stack_save_map(stack, keep_bytes, file, &err), &err);
    fclose(file);
    mt_stack_close(stack);

    /* names without Y and X are not enough */
    FILE *attributes = create("unknown.zarr/.zattrs");
    fputs("{\"_ARRAY_DIMENSIONS\": [\"t\", \"c\", \"z\"]}", attributes);
    fclose(attributes);
    check_ok(mt_stack_open(NULL, path_of("unknown.zarr"), &options, &other, &err), &err);
    assert_string_equal(describe(mt_stack_get_info(other)), "T24 C16 Z20");
    assert_int_equal(mt_stack_get_info(other)->axes_source, MT_AXES_UNKNOWN);
    assert_non_null(strstr(mt_stack_get_info(other)->warnings[0], "does not name Y and X among the axes"));
    mt_stack_close(other);

    options = (mt_open_options) { .struct_size = sizeof options, .axes = "ZYX", .map = path_of("unknown.map") };
    check_ok(mt_stack_open(NULL, path_of("unknown.zarr"), &options, &other, &err), &err);
    assert_int_equal(mt_stack_get_info(other)->n_warnings, 0);
    mt_stack_close(other);

    /* images that need no names are as always; a view of what is not known is none */
    options = (mt_open_options) { .struct_size = sizeof options, .allow_unknown_axes = 1 };
    check_ok(mt_stack_open(NULL, write_npy("known.npy", "1, 3, 4", 12), &options, &other, &err), &err);
    assert_int_equal(mt_stack_get_info(other)->axes_source, MT_AXES_ASSUMED);
    mt_stack_close(other);
    options.depth_axis = "Z";
    assert_int_equal(mt_stack_open(NULL, path_of("unknown.zarr"), &options, &other, &err), MT_E_ARGUMENT);
}

/* Sizes that files give to themselves stay letters: an array in memory takes letters only. */
static void arrays_take_letters_only(void **state)
{
    (void)state;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    uint16_t pixel[8] = { 0 };
    int64_t shape[4] = { 2, 2, 2, 1 };
    assert_int_equal(mt_stack_from_array(NULL, pixel, MT_UINT16, "T2YX", shape, NULL, NULL, &stack, &err),
                     MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "'2' is none of STCZYX"));
    check_ok(mt_stack_from_array(NULL, pixel, MT_UINT16, "TZYX", shape, NULL, NULL, &stack, &err), &err);
    assert_int_equal(mt_stack_get_info(stack)->axes_source, MT_AXES_FROM_CALLER);
    mt_stack_close(stack);
}

static void files_of_others(void **state)
{
    (void)state;
    static const struct {
        const char *name, *axes, *expected;
    } cases[] = {
        { "cases/npy-channel-last/rgb.npy", NULL,
          "!24 x 20 x 3 elements: name them, a letter of STCZYX each, such as "
          "--axes YXC" },
        { "cases/npy-channel-last/nhwc.npy", NULL,
          "!10 x 16 x 18 x 3 elements: name them, a letter of STCZYX each, such "
          "as --axes ZYXC" },
        { "cases/npy-channel-last/rgb.npy", "YXC", "Y24 X20 C3" },
        { "cases/npy-channel-last/nhwc.npy", "SYXC", "S10 Y16 X18 C3" },
        { "cases/B13_scanimage/B13_scanimage.tif", "TC2YX", "T4 C2 Y16 X20" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        mt_status st = open_with(data_path(cases[i].name), cases[i].axes, &stack, &err);
        if (*cases[i].expected == '!') {
            assert_int_equal(st, MT_E_ARGUMENT);
            if (!strstr(err.message, cases[i].expected + 1))
                fail_msg("%s: %s", cases[i].name, err.message);
            continue;
        }
        check_ok(st, &err);
        assert_string_equal(describe(mt_stack_get_info(stack)), cases[i].expected);
        whole_image image;
        check_ok(read_whole(stack, &image, &err), &err);
        if (strstr(cases[i].name, "B13")) /* SCYX is the order of the pages */
            assert_string_equal(md5_hex(image.pixels, image.bytes), "468df84bdcdd8a13759290e4f28f4224");
        free_whole(&image);
        mt_stack_close(stack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(assignments),
        cmocka_unit_test(flat_runs_of_pages),
        cmocka_unit_test(axes_that_are_not_stored),
        cmocka_unit_test(flat_runs_keep_the_contract),
        cmocka_unit_test(chunks_of_flat_runs),
        cmocka_unit_test(saved_maps),
        cmocka_unit_test(depth_axis_of_a_flat_run),
        cmocka_unit_test(unknown_axes),
        cmocka_unit_test(arrays_take_letters_only),
        cmocka_unit_test(files_of_others),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
