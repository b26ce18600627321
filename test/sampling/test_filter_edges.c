/* SPDX-License-Identifier: BSD-3-Clause */
/* Filters: windows at exactly the threshold, masks and options that do not fit. */
#include "support/plain_filter.h"

#include <math.h>
#include <string.h>

enum { SIDE = 16, N = SIDE * SIDE };
static const int64_t patch[2] = { SIDE / 2, SIDE / 2 };

static mt_stack *open_array(const void *pixels, mt_dtype dtype, const char *axes, const int64_t *shape)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(NULL, pixels, dtype, axes, shape, NULL, "array", &stack, &err), &err);
    return stack;
}

/* Whether the first region, whose window is the whole image, is kept. */
static bool keeps(mt_stack *stack, mt_filter_options o)
{
    uint8_t keep[4];
    float values[8];
    mt_filter_info info = { .struct_size = sizeof info };
    mt_error err = MT_ERROR_INIT;
    o.struct_size = sizeof o;
    check_ok(mt_filter_apply(stack, 0, patch, 2, &o, keep, values, &info, &err), &err);
    assert_int_equal(info.n_kept, keep[0] + keep[1] + keep[2] + keep[3]);
    return keep[0];
}

/* Half of the pixels are 0, half 2: mean and standard deviation are 1, and so is the entropy; and half lies in a mask. */
static void a_window_at_the_threshold_is_kept(void **state)
{
    (void)state;
    float pixels[N];
    uint8_t marks[N];
    for (int i = 0; i < N; i++) {
        pixels[i] = i % 2 ? 2 : 0;
        marks[i] = (uint8_t)(i % 2);
    }
    mt_stack *stack = open_array(pixels, MT_FLOAT32, "YX", (int64_t[]) { SIDE, SIDE });
    mt_stack *mask = open_array(marks, MT_UINT8, "YX", (int64_t[]) { SIDE, SIDE });
    const double one = 1, above = nextafter(1, 2), half = 0.5, more = nextafter(0.5, 1), none = 0, all = 1;
    const struct {
        mt_filter_options at, beyond;
    } pairs[] = {
        { { .filter = "mean_std", .threshold = one }, { .filter = "mean_std", .threshold = above } },
        { { .filter = "mean_std", .std_threshold = &one }, { .filter = "mean_std", .std_threshold = &above } },
        { { .filter = "mean_std", .std_threshold = &none }, { .filter = "mean_std", .threshold = INFINITY } },
        { { .filter = "shannon", .threshold = one }, { .filter = "shannon", .threshold = above } },
        { { .filter = "shannon", .threshold = 0 }, { .filter = "shannon", .threshold = INFINITY } },
        { { .filter = "mask", .mask = mask, .coverage = &half },
          { .filter = "mask", .mask = mask, .coverage = &more } },
        { { .filter = "mask", .mask = mask, .coverage = &none }, { .filter = "mask", .mask = mask, .coverage = &all } },
        { { .filter = "max", .threshold = 2, .coverage = &none }, { .filter = "max", .threshold = 2 } },
        { { .filter = "max", .threshold = 1.5, .coverage = &all }, { .filter = "max", .threshold = 2.5 } },
        { { .filter = "max", .threshold = -INFINITY }, { .filter = "max", .threshold = 2.5, .coverage = &none } },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_true(keeps(stack, pairs[i].at));
        assert_false(keeps(stack, pairs[i].beyond));
    }
    mt_stack_close(stack);
    mt_stack_close(mask);
}

static void check_refused(mt_stack *stack, mt_filter_options o, const char *message)
{
    mt_error err = MT_ERROR_INIT;
    o.struct_size = sizeof o;
    check_failed(mt_filter_apply(stack, 0, patch, 2, &o, NULL, NULL, NULL, &err), MT_E_ARGUMENT, &err, message);
}

static void masks_of_another_kind_are_refused(void **state)
{
    (void)state;
    static const uint8_t marks[3 * N];
    mt_stack *stack = open_array(marks, MT_UINT8, "TYX", (int64_t[]) { 3, SIDE, SIDE });
    mt_stack *volume = open_array(marks, MT_UINT8, "ZYX", (int64_t[]) { 3, SIDE, SIDE });
    mt_stack *two = open_array(marks, MT_UINT8, "TYX", (int64_t[]) { 2, SIDE, SIDE });
    mt_stack *one = open_array(marks, MT_UINT8, "YX", (int64_t[]) { SIDE, SIDE });
    check_refused(stack, (mt_filter_options) { .filter = "mask", .mask = volume },
                  "array: the mask has 3 spatial axes, the image 2");
    check_refused(stack, (mt_filter_options) { .filter = "mask", .mask = two },
                  "array: the mask has 2 samples, the image 3: give one, or one for each");
    check_refused(one, (mt_filter_options) { .filter = "mask", .mask = stack },
                  "array: the mask has 3 samples, the image 1: give one, or one for each");
    check_refused(stack, (mt_filter_options) { .filter = "mask", .mask = one, .mask_factor = { 2 } },
                  "array: the mask has 16 pixels along Y, which is not a whole fraction of the 16 of the image");
    assert_false(keeps(stack, (mt_filter_options) { .filter = "mask", .mask = one }));
    assert_false(keeps(stack, (mt_filter_options) { .filter = "mask", .mask = stack }));
    mt_stack_close(stack);
    mt_stack_close(volume);
    mt_stack_close(two);
    mt_stack_close(one);
}

static void options_out_of_range_are_refused(void **state)
{
    (void)state;
    static const float pixels[N];
    const double below = -0.001, above = 1.001, nan = NAN, negative = -1;
    mt_stack *stack = open_array(pixels, MT_FLOAT32, "YX", (int64_t[]) { SIDE, SIDE });
    check_refused(stack, (mt_filter_options) { .filter = "max", .coverage = &below }, "a coverage of -0.001 is not");
    check_refused(stack, (mt_filter_options) { .filter = "max", .coverage = &above }, "a coverage of 1.001 is not");
    check_refused(stack, (mt_filter_options) { .filter = "max", .coverage = &nan }, "a coverage of nan is not");
    check_refused(stack, (mt_filter_options) { .filter = "mean_std", .std_threshold = &nan }, "is negative or not a");
    check_refused(stack, (mt_filter_options) { .filter = "mean_std", .std_threshold = &negative }, "deviation, -1, is");
    check_refused(stack, (mt_filter_options) { .filter = "shannon", .threshold = NAN },
                  "the threshold is not a number");
    check_refused(stack, (mt_filter_options) { .filter = "shannon", .threshold = -1e-9 }, "of the entropy, -1e-09, is");
    check_refused(stack, (mt_filter_options) { .filter = "mean_std", .threshold = -1e-9 }, "of the mean, -1e-09, is");
    for (int i = 0; i < 2; i++) {
        mt_filter_options o = options_of("max", 0);
        mt_filter_info info = { .struct_size = i ? sizeof info + 1 : 0 };
        mt_error err = MT_ERROR_INIT;
        check_failed(mt_filter_apply(stack, 0, patch, 2, &o, NULL, NULL, &info, &err), MT_E_ARGUMENT, &err,
                     "mt_filter_info.struct_size is");
        o.struct_size = i ? sizeof o + 1 : 0;
        check_failed(mt_filter_apply(stack, 0, patch, 2, &o, NULL, NULL, NULL, &err), MT_E_ARGUMENT, &err,
                     "mt_filter_options.struct_size is");
    }
    mt_stack_close(stack);
}

static void grids_of_wrong_patches_are_refused(void **state)
{
    (void)state;
    static const uint8_t marks[N];
    int64_t grid[3];
    mt_error err = MT_ERROR_INIT;
    mt_stack *plane = open_array(marks, MT_UINT8, "YX", (int64_t[]) { SIDE, SIDE });
    mt_stack *volume = open_array(marks, MT_UINT8, "ZYX", (int64_t[]) { 1, SIDE, SIDE });
    const int64_t size[3] = { 1, 5, 17 };
    check_failed(mt_filter_grid(plane, size, 3, grid, &err), MT_E_ARGUMENT, &err, "array: 3 patch sizes for");
    check_failed(mt_filter_grid(volume, size, 2, grid, &err), MT_E_ARGUMENT, &err, "with the spatial axes ZYX");
    check_ok(mt_filter_grid(volume, size, 3, grid, &err), &err);
    assert_memory_equal(grid, ((int64_t[]) { 2, 3, 1 }), sizeof grid); /* the whole image is padded along X */
    mt_stack_close(plane);
    mt_stack_close(volume);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_at_the_threshold_is_kept),
        cmocka_unit_test(masks_of_another_kind_are_refused),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(grids_of_wrong_patches_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
