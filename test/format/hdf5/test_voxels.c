/* SPDX-License-Identifier: BSD-3-Clause */
/* Attributes of electron microscopy give axes, pixel sizes and units. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <string.h>

static mt_stack *open_as(const char *path, const char *part, const char *axes)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .part = part, .axes = axes };
    check_ok(mt_stack_open(NULL, path, &options, &stack, &err), &err);
    return stack;
}

static void check_sizes(const char *path, const char *part, const char *axes, const double *sizes)
{
    mt_stack *stack = open_as(path, part, axes);
    const mt_stack_info *info = mt_stack_get_info(stack);
    for (int d = 0; d < info->original_ndim; d++) {
        if (info->pixel_size[d] != sizes[d])
            fail_msg("%s#%s as %s: size %g of axis %d", path, part, axes, info->pixel_size[d], d);
        assert_string_equal(info->unit[d], sizes[d] > 0 ? "micrometer" : "");
    }
    mt_stack_close(stack);
}

static void element_sizes_are_those_of_the_axes(void **state)
{
    (void)state;
    static const double zyx[] = { .5, .2, .2 }, tyx[] = { 0, .25, .125 }, xzy[] = { .125, .5, .25 };
    const char *fiji = data_path("cases/hdf5-element-size-lost-with-axes/fijih5.h5");
    check_sizes(data_path("cases/hdf5-element-size-lost-with-axes/es.h5"), "d", NULL, zyx);
    check_sizes(data_path("cases/hdf5-element-size-lost-with-axes/es.h5"), "d", "ZYX", zyx);
    check_sizes(fiji, "t0/channel0", "ZYX", zyx);
    check_sizes(fiji, "t1/channel1", "ZYX", zyx);
    check_sizes("fuzz/corpus/fuzz_hdf5/images.h5", "sized", "TYX", tyx);
    check_sizes("fuzz/corpus/fuzz_hdf5/images.h5", "sized", "XZY", xzy);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = {
        .struct_size = sizeof options, .part = "sized", .axes = "TYX", .depth_axis = "T"
    };
    check_ok(mt_stack_open(NULL, "fuzz/corpus/fuzz_hdf5/images.h5", &options, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, "SCTYX");
    assert_true(info->pixel_size[2] == 0 && info->pixel_size[3] == .25 && info->pixel_size[4] == .125);
    mt_stack_close(stack);
}

static void attributes(void **state)
{
    (void)state;
    static const struct {
        const char *part, *axes;
        double sizes[4];
        const char *unit;
    } cases[] = {
        { "cremi", "ZYX", { 40, 4, 5 }, "" },     { "marked", "CZYX", { 0, 40, 4, 5 }, "nanometer" },
        { "offset", "ZYX", { 0, 0, 0 }, "" },     { "one_unit", "YX", { 4, 5 }, "micrometer" },
        { "named", "YX", { 4, 5 }, "nanometer" }, { "too_many", "YX", { 0, 0 }, "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_open_options options = { .struct_size = sizeof options, .part = cases[i].part };
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_stack_open(NULL, "fuzz/corpus/fuzz_hdf5/voxels.h5", &options, &stack, &err), &err);
        const mt_stack_info *info = mt_stack_get_info(stack);
        assert_string_equal(info->original_axes, cases[i].axes);
        for (int d = 0; d < info->original_ndim; d++) {
            assert_true(info->pixel_size[d] == cases[i].sizes[d]);
            assert_string_equal(info->unit[d], cases[i].sizes[d] > 0 ? cases[i].unit : "");
        }
        mt_stack_close(stack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(element_sizes_are_those_of_the_axes),
                                        cmocka_unit_test(attributes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
