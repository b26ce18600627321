/* SPDX-License-Identifier: BSD-3-Clause */
/* Random patching: counts, bounds, the same patches in any order, golden positions. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <math.h>
#include <string.h>

static uint16_t pixels[3 * 100 * 200];

static mt_stack *open_array(const char *axes, const int64_t *shape)
{
    mt_stack *stack = NULL;
    assert_int_equal(mt_stack_from_array(NULL, pixels, MT_UINT16, axes, shape, NULL, "array", &stack, NULL), MT_OK);
    return stack;
}

static const int64_t size_64[2] = { 64, 64 };

static mt_patching_options options_of(const char *strategy)
{
    return (mt_patching_options) { .struct_size = sizeof(mt_patching_options),
                                   .strategy = strategy,
                                   .patch_size = size_64,
                                   .n_spatial = 2,
                                   .seed = 42 };
}

static mt_patching *new_patching(mt_stack *stack, const mt_patching_options *options)
{
    mt_patching *patching = NULL;
    mt_error err;
    assert_int_equal(mt_patching_new(&stack, 1, options, &patching, &err), MT_OK);
    return patching;
}

static void there_are_as_many_patches_as_cover_the_samples(void **state)
{
    (void)state;
    mt_stack *stack = open_array("TYX", (int64_t[]) { 3, 100, 200 });
    mt_patching_options options = options_of("random");
    mt_patching *patching = new_patching(stack, &options);
    assert_int_equal(mt_patching_count(patching), 3 * 2 * 4);
    for (uint64_t i = 0; i < 24; i++) {
        mt_patch_spec spec;
        assert_int_equal(mt_patching_get(patching, 5, i, 0, &spec, NULL), MT_OK);
        assert_int_equal(spec.stack, 0);
        assert_int_equal(spec.sample, i / 8);
        assert_in_range(spec.coords[0], 0, 36);
        assert_in_range(spec.coords[1], 0, 136);
        assert_memory_equal(spec.stitch_coords, spec.coords, sizeof spec.coords);
        assert_memory_equal(spec.crop_size, spec.patch_size, sizeof spec.crop_size);
    }
    mt_patching_free(patching);
    mt_stack_close(stack);
}

static void epochs_and_redraws_differ_and_repeat(void **state)
{
    (void)state;
    mt_stack *stack = open_array("YX", (int64_t[]) { 100, 200 });
    mt_patching_options options = options_of("random");
    mt_patching *patching = new_patching(stack, &options);
    mt_patch_spec first, again, other, redrawn;
    assert_int_equal(mt_patching_get(patching, 0, 3, 0, &first, NULL), MT_OK);
    assert_int_equal(mt_patching_get(patching, 1, 3, 0, &other, NULL), MT_OK);
    assert_int_equal(mt_patching_get(patching, 0, 3, 1, &redrawn, NULL), MT_OK);
    assert_int_equal(mt_patching_get(patching, 0, 3, 0, &again, NULL), MT_OK);
    assert_memory_equal(&first, &again, sizeof first);
    assert_memory_not_equal(first.coords, other.coords, sizeof first.coords);
    assert_memory_not_equal(first.coords, redrawn.coords, sizeof first.coords);
    mt_patching_free(patching);
    options.strategy = "fixed_random";
    patching = new_patching(stack, &options);
    assert_int_equal(mt_patching_get(patching, 9, 3, 0, &again, NULL), MT_OK);
    assert_memory_equal(&first, &again, sizeof first);
    mt_patching_free(patching);
    mt_stack_close(stack);
}

/* Two images of unequal size: a further attempt at a patch of the first sample is made in any sample of any image, in
 * proportion to their patches. */
static void further_attempts_are_made_in_all_images(void **state)
{
    (void)state;
    enum { ATTEMPTS = 2700 };
    mt_stack *stacks[2] = { open_array("TYX", (int64_t[]) { 3, 100, 200 }), open_array("YX", (int64_t[]) { 64, 130 }) };
    const char *const strategies[] = { "random", "fixed_random", "stratified" };
    for (size_t s = 0; s < 3; s++) {
        mt_patching_options options = options_of(strategies[s]);
        mt_patching *patching;
        uint64_t made[4] = { 0 };
        assert_int_equal(mt_patching_new(stacks, 2, &options, &patching, NULL), MT_OK);
        const double last = 3, n = (double)mt_patching_count(patching);
        for (uint64_t k = 1; k <= ATTEMPTS; k++) {
            mt_patch_spec spec, later;
            assert_int_equal(mt_patching_get(patching, 2, 1, k, &spec, NULL), MT_OK);
            assert_in_range(spec.coords[0], 0, spec.stack ? 0 : 36);
            assert_in_range(spec.coords[1], 0, spec.stack ? 66 : 136);
            made[spec.stack ? 3 : spec.sample]++;
            assert_int_equal(mt_patching_get(patching, 7, 1, k, &later, NULL), MT_OK);
            if (s == 1)
                assert_memory_equal(&later, &spec, sizeof spec);
        }
        for (int i = 0; i < 4; i++) {
            const double share = (i < 3 ? (n - last) / 3 : last) / n;
            assert_true(fabs((double)made[i] / ATTEMPTS - share) < 5 * sqrt(share * (1 - share) / ATTEMPTS));
        }
        mt_patching_free(patching);
    }
    mt_stack_close(stacks[0]);
    mt_stack_close(stacks[1]);
}

static void a_small_image_is_an_error_or_padded(void **state)
{
    (void)state;
    mt_error err;
    mt_patch_spec spec;
    mt_patching *patching = NULL;
    mt_stack *stack = open_array("YX", (int64_t[]) { 32, 200 });
    mt_patching_options options = options_of("random");
    assert_int_equal(mt_patching_new(&stack, 1, &options, &patching, &err), MT_E_ARGUMENT);
    assert_string_equal(err.message, "array: 32 pixels along Y are less than a patch of 64");
    options.pad = 1;
    patching = new_patching(stack, &options);
    assert_int_equal(mt_patching_get(patching, 0, 0, 0, &spec, NULL), MT_OK);
    assert_int_equal(spec.coords[0], 0);
    mt_patching_free(patching);
    mt_stack_close(stack);
}

static void check_refusal(mt_stack *const *stacks, size_t n, const char *message)
{
    const mt_patching_options options = options_of("random");
    mt_patching *patching;
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_patching_new(stacks, n, &options, &patching, &err), MT_E_ARGUMENT);
    assert_string_equal(err.message, message);
}

/* Arrays have equal names, so that a message about one of several gives its number. */
static void an_image_that_does_not_fit_is_named_by_its_number(void **state)
{
    (void)state;
    mt_context *context;
    assert_int_equal(mt_context_new(NULL, &context, NULL), MT_OK);
    mt_stack *stacks[3] = { open_array("YX", (int64_t[]) { 64, 100 }), open_array("YX", (int64_t[]) { 100, 64 }) };
    stacks[2] = open_array("YX", (int64_t[]) { 64, 60 });
    check_refusal(stacks, 3, "stack 2 (array): 60 pixels along X are less than a patch of 64");
    check_refusal(stacks + 2, 1, "array: 60 pixels along X are less than a patch of 64");
    mt_stack_close(stacks[2]);
    stacks[2] = open_array("CYX", (int64_t[]) { 3, 64, 64 });
    check_refusal(stacks, 3, "stack 0 (array) has 1 channels, stack 2 (array) has 3");
    mt_stack_close(stacks[2]);
    stacks[2] = open_array("ZYX", (int64_t[]) { 3, 64, 64 });
    check_refusal(stacks, 3, "stack 0 (array) has 2 spatial axes, stack 2 (array) has 3");
    mt_stack_close(stacks[2]);
    assert_int_equal(
        mt_stack_from_array(context, pixels, MT_UINT16, "YX", (int64_t[]) { 64, 64 }, NULL, NULL, &stacks[2], NULL),
        MT_OK);
    check_refusal(stacks, 3, "stack 0 (array) and stack 2 (array) belong to different contexts");
    for (int i = 0; i < 3; i++)
        mt_stack_close(stacks[i]);
    mt_context_free(context);
}

static void an_index_out_of_bounds_is_an_error(void **state)
{
    (void)state;
    mt_error err;
    mt_patch_spec spec;
    mt_stack *stack = open_array("YX", (int64_t[]) { 100, 200 });
    mt_patching_options options = options_of("random");
    mt_patching *patching = new_patching(stack, &options);
    assert_int_equal(mt_patching_get(patching, 0, 8, 0, &spec, &err), MT_E_RANGE);
    assert_string_equal(err.message, "patch 8 is out of bounds for 8 patches");
    mt_patching_free(patching);
    mt_stack_close(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_as_many_patches_as_cover_the_samples),
        cmocka_unit_test(epochs_and_redraws_differ_and_repeat),
        cmocka_unit_test(further_attempts_are_made_in_all_images),
        cmocka_unit_test(a_small_image_is_an_error_or_padded),
        cmocka_unit_test(an_image_that_does_not_fit_is_named_by_its_number),
        cmocka_unit_test(an_index_out_of_bounds_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
