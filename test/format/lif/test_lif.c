/* SPDX-License-Identifier: BSD-3-Clause */
/* The LIF files of the data folder: every image beside its pixels as liffile reads them. */
#include "support/contract.h"

#include <stdio.h>
#include <string.h>

typedef struct expected {
    const char *file, *part, *axes;
    mt_dtype dtype;
    int64_t shape[5];
    const char *md5; /* of SC(Z)YX, little-endian */
} expected;

static const expected images[] = {
    { "syn_v1.lif", "zc_u8", "ZCYX", MT_UINT8, { 1, 2, 2, 20, 24 }, "74ccc0ee14c644f6a051ff220f5dc220" },
    { "syn_v2_multi.lif", "zc_u8", "ZCYX", MT_UINT8, { 1, 2, 4, 20, 24 }, "ef04deba0ee6615a8529ea52a00f7c13" },
    { "syn_v2_multi.lif", "tzc_u16", "TZCYX", MT_UINT16, { 3, 2, 2, 16, 24 }, "1b7062f99865db3a8dd31cca6184a49e" },
    { "syn_v2_multi.lif", "tiles", "SYX", MT_UINT16, { 3, 1, 16, 16 }, "b4fc69ddfefa09ceffd4bf536d1ce7f3" },
    { "syn_v2_multi.lif", "xz", "YZX", MT_UINT8, { 1, 1, 10, 3, 16 }, "5e243442602dc05746a95f4dd6c75857" },
    { "syn_v2_multi.lif", "rgb", "YXC", MT_UINT8, { 1, 3, 12, 16 }, "f7d3b5d253f8ecf7b35d78f3758cbb8a" },
    { "wavelength-sweep.lif", "x_y_lambdaEmi", "CYX", MT_UINT8, { 1, 20, 64, 64 }, "bc743056d7cc253b7ed2aba7e6b5a823" },
    { "wavelength-sweep.lif", "x_y_lambdaExc", "CYX", MT_UINT8, { 1, 15, 64, 64 }, "22b8ca443a267dd080f4fe84c21fa20f" },
    { "wavelength-sweep.lif",
      "x_y_z_t_lambdaEmi",
      "TCZYX",
      MT_UINT8,
      { 2, 10, 11, 64, 64 },
      "4533bd189dc53b270f5969b568061df1" },
    { "xz-example.lif", "xzt", "TCZYX", MT_UINT8, { 20, 2, 128, 1, 128 }, "c2e2c0af8fb83da81021b2ff9d1f1ca7" },
    { "xz-example.lif", "xzy", "YCZX", MT_UINT8, { 1, 2, 128, 23, 128 }, "a25f6d524e133a102f7c5ada6d7cd531" },
    { "xz-example.lif", "xz", "CZYX", MT_UINT8, { 1, 2, 512, 1, 512 }, "3d6084d9efbdabf533680c1cfbf4c796" },
};

static mt_stack *open_image(const char *file, const char *part)
{
    char path[1100];
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    snprintf(path, sizeof path, "%s/%s#%s", data_path("lif"), file, part);
    check_ok(mt_stack_open(NULL, path, NULL, &stack, &err), &err);
    return stack;
}

static void all_pixels_are_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        const expected *e = &images[i];
        mt_stack *stack = open_image(e->file, e->part);
        mt_error err = MT_ERROR_INIT;
        whole_image whole;
        const mt_stack_info *info = mt_stack_get_info(stack);
        assert_string_equal(info->original_axes, e->axes);
        assert_int_equal(info->dtype, e->dtype);
        assert_memory_equal(info->data_shape, e->shape, (size_t)info->data_ndim * sizeof *e->shape);
        assert_int_equal(info->n_warnings + info->n_missing, 0);
        check_ok(read_whole(stack, &whole, &err), &err);
        assert_string_equal(md5_hex(whole.pixels, whole.bytes), e->md5);
        check_boxes(stack, &whole, i + 1, 20);
        free_whole(&whole);
        mt_stack_close(stack);
    }
}

static void sizes_names_and_colors(void **state)
{
    (void)state;
    mt_stack *stack = open_image("xz-example.lif", "xzt");
    const mt_stack_info *info = mt_stack_get_info(stack);
    static const uint8_t green[3] = { 0, 255, 0 }, red[3] = { 255, 0, 0 };
    assert_float_equal(info->pixel_size[0], 10.07 / 19, 1e-9);
    assert_string_equal(info->unit[0], "second");
    assert_float_equal(info->pixel_size[2], 17.8154 / 127, 1e-6);
    assert_float_equal(info->pixel_size[4], 17.81554 / 127, 1e-6);
    assert_string_equal(info->unit[4], "micrometer");
    assert_string_equal(info->channels[0].name, "Green");
    assert_memory_equal(info->channels[0].rgb, green, 3);
    assert_string_equal(info->channels[1].name, "Red");
    assert_memory_equal(info->channels[1].rgb, red, 3);
    mt_stack_close(stack);
    stack = open_image("wavelength-sweep.lif", "x_y_z_t_lambdaEmi");
    info = mt_stack_get_info(stack);
    assert_string_equal(info->channels[0].name, "550 nm");
    assert_string_equal(info->channels[9].name, "595 nm");
    assert_false(info->channels[0].has_color);
    mt_stack_close(stack);
}

static void parts_are_paths(void **state)
{
    (void)state;
    static const char *const names[] = { "zc_u8", "tzc_u16", "tiles", "xz", "rgb" };
    char path[1100];
    mt_names *parts;
    mt_error err = MT_ERROR_INIT;
    snprintf(path, sizeof path, "%s/syn_v2_multi.lif", data_path("lif"));
    check_ok(mt_list_parts(NULL, path, NULL, &parts, &err), &err);
    assert_int_equal(mt_names_count(parts), 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(mt_names_get(parts, i), names[i]);
    assert_int_equal(mt_names_get_part(parts, 1)->height, 16);
    assert_int_equal(mt_names_get_part(parts, 1)->width, 24);
    mt_names_free(parts);
    mt_stack *by_number = open_image("syn_v2_multi.lif", "series=3"), *stack;
    assert_string_equal(mt_stack_get_info(by_number)->original_axes, "YZX");
    mt_stack_close(by_number);
    snprintf(path, sizeof path, "%s/syn_v2_multi.lif#nothing", data_path("lif"));
    assert_int_equal(mt_stack_open(NULL, path, NULL, &stack, &err), MT_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "nothing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_pixels_are_right),
        cmocka_unit_test(sizes_names_and_colors),
        cmocka_unit_test(parts_are_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
