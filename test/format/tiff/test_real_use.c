/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of the test data that were once read wrongly: axes, pixels, sizes and names as their README files have them. */
#include "support/contract.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *case_path(const char *name, const char *suffix)
{
    char path[512];
    const char *dot = strchr(name, '.');
    snprintf(path, sizeof path, "cases/%.*s/%s%s", (int)(dot - name), name, name, suffix);
    return data_path(path);
}

static mt_stack *open_with(const char *path, const char *axes)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .axes = axes };
    check_ok(mt_stack_open(NULL, path, &options, &stack, &err), &err);
    return stack;
}

static void check_same_pixels(mt_stack *stack, mt_stack *expected)
{
    whole_image a, b;
    mt_error err = MT_ERROR_INIT;
    check_ok(read_whole(stack, &a, &err), &err);
    check_ok(read_whole(expected, &b, &err), &err);
    assert_int_equal(a.dtype, b.dtype);
    assert_int_equal(a.bytes, b.bytes);
    assert_memory_equal(a.pixels, b.pixels, a.bytes);
    free_whole(&a);
    free_whole(&b);
}

/* Opens a file, whose axes and pixels must be those of an array beside it, stored along npy_axes. */
static mt_stack *open_case(const char *name, const char *axes, const char *npy_axes)
{
    mt_stack *stack = open_with(case_path(name, ""), NULL);
    assert_string_equal(mt_stack_get_info(stack)->original_axes, axes);
    mt_stack *expected = open_with(case_path(name, ".expected.npy"), npy_axes);
    check_same_pixels(stack, expected);
    mt_stack_close(expected);
    return stack;
}

static bool warns(mt_stack *stack, const char *word)
{
    const mt_stack_info *info = mt_stack_get_info(stack);
    for (size_t i = 0; i < info->n_warnings; i++)
        if (strstr(info->warnings[i], word))
            return true;
    return false;
}

static void byte_counts_of_zero(void **state)
{
    (void)state;
    mt_stack *stack = open_case("B1_zerocount.tif", "YX", "YX");
    assert_true(warns(stack, "byte counts"));
    mt_stack_close(stack);
}

static void units_of_each_axis(void **state)
{
    (void)state;
    mt_stack *stack = open_case("C2_ij_mixed.tif", "ZYX", "ZYX");
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->unit[0], "nanometer");
    assert_true(info->pixel_size[0] == 300);
    for (int d = 1; d < 3; d++) {
        assert_string_equal(info->unit[d], "micrometer");
        assert_true(info->pixel_size[d] == 0.5);
    }
    mt_stack_close(stack);
}

static void more_frames_than_there_are(void **state)
{
    (void)state;
    mt_stack *stack = open_case("A11_ij_more.tif", "TYX", "TYX");
    assert_true(warns(stack, "8 frames, the file has 5"));
    mt_stack_close(stack);
}

static void channels_of_scanimage(void **state)
{
    (void)state;
    mt_stack *stack = open_case("B13_scanimage.tif", "TCYX", "TCYX");
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->channels[1].name, "Channel 2");
    assert_true(info->pixel_size[0] == 1.0 / 30);
    assert_string_equal(info->unit[0], "second");
    mt_stack_close(stack);
}

static void pages_of_one_shape(void **state)
{
    (void)state;
    mt_stack_close(open_case("A34_var_rps.tif", "SYX", "SYX"));
    mt_stack_close(open_case("E1_append.tif", "SYX", "SYX"));
    check_contract(case_path("A34_var_rps.tif", ""), NULL);
}

static void scans_of_lsm(void **state)
{
    (void)state;
    mt_stack_close(open_case("L3_lzw.lsm", "ZCYX", "ZCYX"));
    mt_stack *stack = open_with(case_path("L8_txz.lsm", ""), NULL);
    const mt_stack_info *info = mt_stack_get_info(stack);
    const int64_t shape[4] = { 4, 16, 1, 20 };
    whole_image image;
    mt_error err = MT_ERROR_INIT;
    assert_string_equal(info->original_axes, "TZYX");
    assert_memory_equal(info->original_shape, shape, sizeof shape);
    assert_true(info->pixel_size[1] > 0.49 && info->pixel_size[1] < 0.51); /* of Z */
    check_ok(read_whole(stack, &image, &err), &err);
    assert_string_equal(md5_hex(image.pixels, image.bytes), "618d40689075dafc9306a15f847aebd1");
    free_whole(&image);
    mt_stack_close(stack);
}

static void calibration_of_stk(void **state)
{
    (void)state;
    mt_stack *stack =
        open_with(data_path("cases/real_stk_pixelsize/benchmark_v1_2018_x64y64z5c1s1t11_Laser4054BD4BP.stk"), NULL);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, "ZYX");
    assert_true(info->pixel_size[0] == 10 && info->pixel_size[1] == 3.6260623 && info->pixel_size[2] == 3.6260623);
    for (int d = 0; d < 3; d++)
        assert_string_equal(info->unit[d], "micrometer");
    mt_stack_close(stack);
}

static void names_of_ome(void **state)
{
    (void)state;
    mt_stack *stack = open_case("B17_ome_rgb_spp1.ome.tif", "YXC", "YXC");
    static const char *const channels[] = { "ch0", "ch1", "ch2" };
    for (int c = 0; c < 3; c++)
        assert_string_equal(mt_stack_get_info(stack)->channels[c].name, channels[c]);
    mt_stack_close(stack);
    stack = open_case("E6_names.ome.tif", "TYX", "TYX");
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_list_parts(stack, &names, &err), &err);
    assert_int_equal(mt_names_count(names), 2);
    assert_string_equal(mt_names_get_part(names, 0)->title, "Pos-A1");
    assert_string_equal(mt_names_get_part(names, 1)->title, "Pos-B2");
    mt_names_free(names);
    mt_stack_close(stack);
}

static void levels_of_svs(void **state)
{
    (void)state;
    mt_stack *stack = open_case("F1_svs.svs", "YXC", "YXC");
    assert_int_equal(mt_stack_get_info(stack)->n_levels, 2);
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_list_parts(stack, &names, &err), &err);
    assert_int_equal(mt_names_count(names), 4); /* the pyramid, thumbnail, label, macro */
    mt_names_free(names);
    mt_stack_close(stack);
    char path[512];
    snprintf(path, sizeof path, "%s#level=1", case_path("F1_svs.svs", ""));
    stack = open_with(path, NULL);
    assert_int_equal(mt_stack_get_info(stack)->data_shape[3], 96);
    assert_int_equal(mt_stack_get_info(stack)->data_shape[2], 64);
    mt_stack_close(stack);
}

/* Pixels count from 0, 100 and 200 on: most significant byte first, though the files are little-endian. */
static void integers_of_24_bits(void **state)
{
    (void)state;
    static const char *const names[] = { "seq-1c-24b-072a9dc9.tiff", "seq-1c-24b-hpredict-072a9dc9.tiff",
                                         "seq-3c-24b-planar-6296c0c9.tiff" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "tiff/seq_image_tiff/%s", names[i]);
        mt_stack *stack = open_with(data_path(path), NULL);
        whole_image image;
        mt_error err = MT_ERROR_INIT;
        check_ok(read_whole(stack, &image, &err), &err);
        assert_int_equal(image.dtype, MT_UINT32);
        for (uint32_t k = 0; k < image.bytes / 4; k++) {
            uint32_t value;
            memcpy(&value, image.pixels + (size_t)4 * k, 4);
            assert_int_equal(value, k % 256 + k / 256 * 100);
        }
        free_whole(&image);
        mt_stack_close(stack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(byte_counts_of_zero),
        cmocka_unit_test(units_of_each_axis),
        cmocka_unit_test(more_frames_than_there_are),
        cmocka_unit_test(channels_of_scanimage),
        cmocka_unit_test(pages_of_one_shape),
        cmocka_unit_test(scans_of_lsm),
        cmocka_unit_test(calibration_of_stk),
        cmocka_unit_test(names_of_ome),
        cmocka_unit_test(levels_of_svs),
        cmocka_unit_test(integers_of_24_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
