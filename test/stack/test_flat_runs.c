/* SPDX-License-Identifier: BSD-3-Clause */
/* What is read of images whose axes share a dimension or are not stored, against arrays of these axes. */
#include "unnamed.h"

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

/* Chunks are reported as boxes of the axes, or not at all. */
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

/* Chunks of different sizes are not boxes of axes that share a dimension. */
static void chunks_of_several_sizes(void **state)
{
    (void)state;
    mkdir(path_of("edges.zarr"), 0700);
    write_text("edges.zarr/zarr.json",
               "{\"zarr_format\": 3, \"node_type\": \"array\", \"shape\": [24, 16, 20], \"data_type\": \"uint16\", "
               "\"fill_value\": 7, \"chunk_key_encoding\": {\"name\": \"default\"}, \"codecs\": [{\"name\": \"bytes\", "
               "\"configuration\": {\"endian\": \"little\"}}], \"chunk_grid\": {\"name\": \"rectilinear\", "
               "\"configuration\": {\"kind\": \"inline\", \"chunk_shapes\": [[4, 8, 12], [16], [20]]}}}");
    mt_stack *stack = open_ok(path_of("edges.zarr"), "ZYX");
    assert_int_equal(mt_stack_get_info(stack)->chunk_shape[0], 12);
    mt_stack_close(stack);
    stack = open_ok(path_of("edges.zarr"), "TC2YX");
    assert_int_equal(mt_stack_get_info(stack)->chunk_shape[0], 0);
    float patch[4];
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_extract_patch(stack, 5, NULL, 0, (int64_t[]) { 2, -1 }, (int64_t[]) { 1, 2 }, 2, patch, &err),
             &err);
    assert_memory_equal(patch, ((float[]) { 0, 7, 0, 7 }), sizeof patch);
    mt_stack_close(stack);
}

/* The pixel size of a dimension is not that of the axes that share it. */
static void pixel_sizes(void **state)
{
    (void)state;
    mkdir(path_of("sizes.zarr"), 0700);
    write_text("sizes.zarr/.zgroup", "{\"zarr_format\": 2}");
    write_text("sizes.zarr/.zattrs",
               "{\"multiscales\": [{\"version\": \"0.4\", \"axes\": [{\"name\": \"z\", \"type\": \"space\", \"unit\": "
               "\"micrometer\"}, {\"name\": \"y\", \"type\": \"space\", \"unit\": \"micrometer\"}, {\"name\": \"x\", "
               "\"type\": \"space\", \"unit\": \"micrometer\"}], \"datasets\": [{\"path\": \"0\", "
               "\"coordinateTransformations\": [{\"type\": \"scale\", \"scale\": [3, 0.5, 0.25]}]}]}]}");
    write_zarr("sizes.zarr/0", 1, 0);
    mt_stack *stack = open_ok(path_of("sizes.zarr"), NULL);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_int_equal(info->axes_source, MT_AXES_FROM_FILE);
    assert_true(info->pixel_size[0] == 3 && info->pixel_size[1] == 0.5);
    mt_stack_close(stack);
    const mt_open_options options = { .struct_size = sizeof options, .depth_axis = "Z" };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(NULL, path_of("sizes.zarr"), &options, &stack, &err), &err);
    info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, "SCZYX");
    assert_true(info->pixel_size[2] == 3 && info->pixel_size[3] == 0.5);
    assert_string_equal(info->unit[2], "micrometer");
    mt_stack_close(stack);
    stack = open_ok(path_of("sizes.zarr"), "TZ2YX");
    info = mt_stack_get_info(stack);
    assert_true(info->pixel_size[0] == 0 && info->pixel_size[1] == 0 && info->pixel_size[2] == 0.5);
    assert_string_equal(info->unit[1], "");
    assert_string_equal(info->unit[3], "micrometer");
    mt_stack_close(stack);
    stack = open_ok(path_of("sizes.zarr"), "T1ZYX");
    info = mt_stack_get_info(stack);
    assert_true(info->pixel_size[0] == 0 && info->pixel_size[1] == 3);
    mt_stack_close(stack);
}

/* A patch of an image without pixels is nothing, however many planes it names. */
static void empty_patches(void **state)
{
    (void)state;
    mt_stack *stack = open_ok(write_npy("empty.npy", "8, 0, 4", 0), "TZ4YX");
    float patch[1] = { 5 };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, (int64_t[]) { 0, 0, 0 }, (int64_t[]) { (int64_t)1 << 40, 0, 4 },
                                    3, patch, &err),
             &err);
    assert_true(patch[0] == 5);
    mt_stack_close(stack);
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
    options.axes = "T24ZYX"; /* Z of length 1 is not a depth axis */
    options.depth_axis = "Z";
    assert_int_equal(mt_stack_open(NULL, path_of("depth.zarr"), &options, &stack, &err), MT_E_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_runs_of_pages),
        cmocka_unit_test(axes_that_are_not_stored),
        cmocka_unit_test(flat_runs_keep_the_contract),
        cmocka_unit_test(chunks_of_flat_runs),
        cmocka_unit_test(chunks_of_several_sizes),
        cmocka_unit_test(pixel_sizes),
        cmocka_unit_test(empty_patches),
        cmocka_unit_test(saved_maps),
        cmocka_unit_test(depth_axis_of_a_flat_run),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
