/* SPDX-License-Identifier: BSD-3-Clause */
/* Axes named by the caller: which assignments fit; and images with unnamed axes. */
#include "unnamed.h"

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
        { "5,", 5, NULL, "X5" },
        { "3, 4", 12, NULL, "Y3 X4" },
        { "1, 3, 4", 12, NULL, "Y3 X4" },
        { "1, 1, 3, 4", 12, NULL, "Y3 X4" },
        { "1, 4", 4, NULL, "Y1 X4" },
        { "1, 1, 4", 4, NULL, "Y1 X4" },
        { "2, 3, 4", 24, NULL,
          "!the axes of its 2 x 3 x 4 elements: name them, a letter of STCZYX each, such as --axes ZYX "
          "(in Python axes=\"ZYX\")" },
        { "8, 9, 3", 216, NULL, "!--axes YXC" },
        { "1, 8, 9, 3", 216, NULL, "!--axes YXC" },
        { "8, 5, 4", 160, NULL, "!--axes YXC" },
        { "8, 4, 4", 128, NULL, "!--axes ZYX" },
        { "8, 5, 5", 200, NULL, "!--axes ZYX" },
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
        { "8, 4", 32, "YC2X", "!do not fit" },
        { "8, 4", 32, "C2YX", "!do not fit" },
        { "8, 4", 32, "Y8C2X2", "!do not fit" },
        { "1, 8, 3, 4", 96, "T4C2YX", "T4 C2 Y3 X4" },
        { "8, 3, 4, 1", 96, "T4C2YX", "T4 C2 Y3 X4" },
        { "8, 1, 3, 4", 96, "T4C2YX", "T4 C2 Y3 X4" },
        { "0, 3, 4", 0, "TC2YX", "!do not fit" },
        { "0, 3, 4", 0, "TYX", "T0 Y3 X4" },
        /* invalid lists of axes */
        { "8, 3, 4", 96, "T0C2YX", "!0 is not a size of an axis" },
        { "8, 3, 4", 96, "T9999999999999999999YX", "!is not a size of an axis" },
        { "8, 3, 4", 96, "T999999999999999999C999999999999999999YX", "!do not fit" },
        { "8, 3, 4", 96, "4TYX", "!'4' is not one of STCZYX" },
        { "8, 3, 4", 96, "QYX", "!'Q' is not one of STCZYX" },
        { "8, 3, 4", 96, "zyx", "!'z' is not one of STCZYX: write capital letters" },
        { "8, 3, 4", 96, "TTYX", "!appears twice" },
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
    write_text("unknown.zarr/.zattrs", "{\"_ARRAY_DIMENSIONS\": [\"t\", \"c\", \"z\"]}");
    check_ok(mt_stack_open(NULL, path_of("unknown.zarr"), &options, &other, &err), &err);
    assert_string_equal(describe(mt_stack_get_info(other)), "T24 C16 Z20");
    assert_int_equal(mt_stack_get_info(other)->axes_source, MT_AXES_UNKNOWN);
    assert_non_null(strstr(mt_stack_get_info(other)->warnings[0], "does not name Y and X among the axes"));
    mt_stack_close(other);
    static const char *const lacking[] = { "[\"t\", \"y\", \"z\"]", "[\"t\", \"c\", \"x\"]" };
    for (size_t i = 0; i < 2; i++) {
        char text[80];
        snprintf(text, sizeof text, "{\"_ARRAY_DIMENSIONS\": %s}", lacking[i]);
        write_text("unknown.zarr/.zattrs", text);
        check_ok(mt_stack_open(NULL, path_of("unknown.zarr"), &options, &other, &err), &err);
        assert_int_equal(mt_stack_get_info(other)->axes_source, MT_AXES_UNKNOWN);
        mt_stack_close(other);
    }

    options = (mt_open_options) { .struct_size = sizeof options, .axes = "ZYX", .map = path_of("unknown.map") };
    check_ok(mt_stack_open(NULL, path_of("unknown.zarr"), &options, &other, &err), &err);
    assert_int_equal(mt_stack_get_info(other)->n_warnings, 0);
    mt_stack_close(other);

    /* images that need no names are unaffected; a depth axis among unknown axes is an error */
    options = (mt_open_options) { .struct_size = sizeof options, .allow_unknown_axes = 1 };
    check_ok(mt_stack_open(NULL, write_npy("known.npy", "1, 3, 4", 12), &options, &other, &err), &err);
    assert_int_equal(mt_stack_get_info(other)->axes_source, MT_AXES_ASSUMED);
    mt_stack_close(other);
    options.depth_axis = "Z";
    assert_int_equal(mt_stack_open(NULL, path_of("unknown.zarr"), &options, &other, &err), MT_E_ARGUMENT);
}

/* Of images of one row, whose Y is not stored: patches that begin above, at and below that row. */
static void rows_as_images(void **state)
{
    (void)state;
    enum { N = 5, WIDTH = 20, HEIGHT = 3, PART = 8, AT = 7 };
    const int64_t size[2] = { HEIGHT, PART };
    float patch[HEIGHT * PART];
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(open_with(write_npy("rows.npy", "5, 20", (int64_t)N * WIDTH), "SY1X", &stack, &err), &err);
    for (int64_t sample = 0; sample < N; sample++)
        for (int64_t top = -HEIGHT; top <= 1; top++) {
            const int64_t corner[2] = { top, AT };
            check_ok(mt_stack_extract_patch(stack, sample, NULL, 0, corner, size, 2, patch, &err), &err);
            for (int64_t i = 0; i < HEIGHT * PART; i++)
                assert_float_equal(patch[i], top + i / PART == 0 ? value_at(sample * WIDTH + AT + i % PART) : 0, 0);
        }
    mt_stack_close(stack);
}

/* What is not stored cannot be padded: of an array of one dimension there is row 0 only. */
static void rows_that_are_not_stored(void **state)
{
    (void)state;
    static const struct {
        const char *shape;
        int64_t corner[2], size[2];
        const char *says; /* NULL: it is read */
    } cases[] = {
        { "5,", { 0, 1 }, { 1, 3 }, NULL },
        { "5,", { 0, -1 }, { 1, 7 }, NULL },
        { "5,", { 1, 0 }, { 1, 3 }, "padding along Y, which this array lacks" },
        { "5,", { 0, 0 }, { 2, 3 }, "padding along Y, which this array lacks" },
        { "", { 0, 0 }, { 1, 1 }, NULL },
        { "", { 0, 0 }, { 1, 2 }, "padding along X, which this array lacks" },
        { "", { 0, -1 }, { 1, 1 }, "padding along X, which this array lacks" },
        { "", { 0, 0 }, { 2, 1 }, "padding along Y, which this array lacks" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float patch[7];
        mt_error err = MT_ERROR_INIT;
        mt_stack *stack = open_ok(write_npy("row.npy", cases[i].shape, 5), NULL);
        const int64_t *size = cases[i].size, left = cases[i].corner[1];
        mt_status st = mt_stack_extract_patch(stack, 0, NULL, 0, cases[i].corner, size, 2, patch, &err);
        if (cases[i].says)
            check_failed(st, MT_E_UNSUPPORTED, &err, cases[i].says);
        else
            check_ok(st, &err);
        for (int64_t x = 0; !st && x < size[1]; x++)
            assert_float_equal(patch[x], left + x >= 0 && left + x < 5 ? value_at(left + x) : 0, 0);
        mt_stack_close(stack);
    }
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
    assert_non_null(strstr(err.message, "'2' is not one of STCZYX"));
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
        cmocka_unit_test(unknown_axes),
        cmocka_unit_test(rows_as_images),
        cmocka_unit_test(rows_that_are_not_stored),
        cmocka_unit_test(arrays_take_letters_only),
        cmocka_unit_test(files_of_others),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
