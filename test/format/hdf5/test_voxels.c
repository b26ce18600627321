/* SPDX-License-Identifier: BSD-3-Clause */
/* Attributes of electron microscopy give axes, pixel sizes and units. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <string.h>

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
    const struct CMUnitTest tests[] = { cmocka_unit_test(attributes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
