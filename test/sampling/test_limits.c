/* SPDX-License-Identifier: BSD-3-Clause */
/* Patches, regions, filters and batches at the limits of what can be counted. No pixel is needed. */
#include "sampling/sampling_support.h"

#define P(exponent) ((int64_t)1 << (exponent))

/* --- Numbers of patches. --- */

static void check_count(const char *strategy, const int64_t *shape, size_t n_stacks, uint64_t expected)
{
    const mt_patching_options options = {
        .struct_size = sizeof options, .strategy = strategy, .patch_size = (int64_t[]) { 1, 1 }, .n_spatial = 2
    };
    mt_stack *stack = new_stack(NULL, "TYX", shape), *stacks[4] = { stack, stack, stack, stack };
    mt_patching *patching = NULL;
    mt_error err = MT_ERROR_INIT;
    mt_status st = mt_patching_new(stacks, n_stacks, &options, &patching, &err);
    if (expected == 0) {
        check_failed(st, MT_E_LIMIT, &err, "more than 2^64 patches");
    } else {
        check_ok(st, &err);
        assert_true(mt_patching_count(patching) == expected);
    }
    mt_patching_free(patching);
    mt_stack_close(stack);
}

/* An expected 0: 2^64 patches or more are refused. */
static void patches_are_counted_up_to_2_to_the_64(void **state)
{
    (void)state;
    static const char *const strategies[] = { "random", "fixed_random", "sequential", "tiled" };
    static const int64_t quarter[] = { 1, P(32), P(30) }, samples[] = { P(30), P(16), P(16) };
    for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++) {
        check_count(strategies[i], quarter, 1, (uint64_t)P(62));
        check_count(strategies[i], quarter, 3, (uint64_t)P(62) * 3);
        check_count(strategies[i], quarter, 4, 0);
        check_count(strategies[i], samples, 3, (uint64_t)P(62) * 3);
        check_count(strategies[i], samples, 4, 0);
    }
}

static void pixels_of_a_stratified_patch(void **state)
{
    (void)state;
    mt_stack *stack = new_stack(NULL, "YX", (int64_t[]) { 1, 1 });
    for (int i = 0; i < 2; i++) {
        const int64_t size[2] = { P(31), P(31 + i) };
        const mt_patching_options options = {
            .struct_size = sizeof options, .strategy = "stratified", .patch_size = size, .n_spatial = 2, .pad = 1
        };
        mt_patching *patching = NULL;
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_patching_new(&stack, 1, &options, &patching, &err);
        if (i == 0)
            check_ok(st, &err);
        else
            check_failed(st, MT_E_LIMIT, &err, "a patch has more than 2^63 pixels");
        assert_true(i > 0 || mt_patching_count(patching) == 1);
        mt_patching_free(patching);
    }
    mt_stack_close(stack);
}

/* Regions are (size + 1) / patch, and cells size / patch rounded up. */
static void regions_and_cells_of_a_grid(void **state)
{
    (void)state;
    static const struct {
        int64_t height, width, patch_height, patch_width;
        int64_t regions[2]; /* 0: refused */
    } cases[] = {
        { 2, P(53) - 2, 2, 1, { 1, P(53) - 1 } },
        { 2, P(53) - 1, 2, 1, { 0 } }, /* 2^53 regions, one cell less */
        { 2, 3 * (P(53) - 2) + 1, 2, 3, { 1, P(53) - 2 } },
        { 2, 3 * (P(53) - 1) + 1, 2, 3, { 0 } }, /* 2^53 cells, one region less */
        { P(26), P(26) - 1, 1, 1, { P(26) + 1, P(26) } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_error err = MT_ERROR_INIT;
        int64_t grid[2];
        mt_stack *stack = new_stack(NULL, "YX", (int64_t[]) { cases[i].height, cases[i].width });
        const int64_t patch[2] = { cases[i].patch_height, cases[i].patch_width };
        mt_status st = mt_filter_grid(stack, patch, 2, grid, &err);
        if (cases[i].regions[0] > 0) {
            check_ok(st, &err);
            assert_memory_equal(grid, cases[i].regions, sizeof grid);
        } else {
            check_failed(st, MT_E_LIMIT, &err, "image: more than 2^53 patches in an image");
        }
        mt_stack_close(stack);
    }
}

/* --- Structures of another size. --- */

static void structures_of_another_size_are_refused(void **state)
{
    (void)state;
    const int64_t size[2] = { 4, 4 };
    mt_patching *stratified = new_patching("stratified", 2, size, size, NULL), *patching = NULL;
    mt_stack *stack = new_stack(NULL, "YX", size);
    for (int i = 0; i < 2; i++) {
        mt_error err = MT_ERROR_INIT;
        mt_patching_options options = { .strategy = "random", .patch_size = size, .n_spatial = 2 };
        mt_region_info info;
        options.struct_size = i ? sizeof options + 1 : 0;
        check_failed(mt_patching_new(&stack, 1, &options, &patching, &err), MT_E_ARGUMENT, &err,
                     i ? "mt_patching_options.struct_size is" : "mt_patching_options.struct_size is 0, not");
        info.struct_size = i ? sizeof info + 1 : 0;
        check_failed(mt_patching_get_grid(stratified, 0, 0, &info, &err), MT_E_ARGUMENT, &err,
                     i ? "mt_region_info.struct_size is" : "mt_region_info.struct_size is 0, not");
    }
    mt_error err = MT_ERROR_INIT;
    check_failed(mt_patching_new(&stack, 1, NULL, &patching, &err), MT_E_ARGUMENT, &err, "struct_size is 0, not");
    mt_stack_close(stack);
    mt_patching_free(stratified);
}

/* A caller of an older library has a shorter structure, of which only that is written. */
static void shorter_structures_are_filled_as_far_as_they_go(void **state)
{
    (void)state;
    const int64_t size[2] = { 4, 4 };
    mt_patching *patching = new_patching("stratified", 2, (int64_t[]) { 11, 8 }, size, NULL);
    mt_region_info info;
    mt_error err = MT_ERROR_INIT;
    memset(&info, 0x55, sizeof info);
    info.struct_size = offsetof(mt_region_info, n_patches);
    check_ok(mt_patching_get_grid(patching, 0, 0, &info, &err), &err);
    assert_int_equal(info.n_regions, 6);
    assert_true(info.n_patches == UINT64_C(0x5555555555555555));
    mt_patching_free(patching);
}

/* --- Filters. --- */

static void pixels_of_a_window(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        int64_t patch[2];
        mt_status status;
        const char *message;
    } cases[] = {
        { "mean_std", { 1, P(58) - 1 }, MT_E_MEMORY, "out of memory" },
        { "mean_std", { 1, P(58) }, MT_E_MEMORY, "patches of more than 2^57 pixels" },
        { "mean_std", { P(32), P(32) }, MT_E_MEMORY, "patches of more than 2^57 pixels" },
        { "shannon", { P(16) - 1, P(16) + 1 }, MT_E_MEMORY, "out of memory" },
        { "shannon", { P(16), P(16) }, MT_E_LIMIT, "patches of more than 2^32 pixels" },
    };
    mt_context *context = small_context();
    mt_stack *stack = new_stack(context, "YX", (int64_t[]) { 1, 10 });
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_filter_options options = { .struct_size = sizeof options, .filter = cases[i].filter };
        mt_error err = MT_ERROR_INIT;
        check_failed(mt_filter_apply(stack, 0, cases[i].patch, 2, &options, NULL, NULL, NULL, &err), cases[i].status,
                     &err, cases[i].message);
    }
    mt_stack_close(stack);
    mt_context_free(context);
}

/* --- Batches. --- */

static void elements_of_a_batch(void **state)
{
    (void)state;
    float value = 0;
    uint8_t mask;
    mt_ensemble *ensemble = NULL;
    mt_context *context = small_context();
    const int64_t most[] = { 1, 1, 1, P(61) - 1 }, more[] = { 1, 1, 2, P(60) }, overflow[] = { 1, 2, P(31), P(31) },
                  empty[] = { 0, 1, P(62), P(62) };
    mt_error err = MT_ERROR_INIT;
    check_failed(mt_ensemble_new(context, 4, most, &ensemble, &err), MT_E_MEMORY, &err, "memory");
    check_failed(mt_ensemble_new(context, 4, more, &ensemble, &err), MT_E_ARGUMENT, &err,
                 "the batch has more elements than fit into memory");
    check_failed(mt_ensemble_new(context, 4, overflow, &ensemble, &err), MT_E_ARGUMENT, &err,
                 "the batch has more elements than fit into memory");
    check_failed(mt_n2v_manipulate(context, &value, empty, 4, NULL, &value, &mask, &err), MT_E_ARGUMENT, &err,
                 "the batch has too many pixels");
    mt_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patches_are_counted_up_to_2_to_the_64),
        cmocka_unit_test(pixels_of_a_stratified_patch),
        cmocka_unit_test(regions_and_cells_of_a_grid),
        cmocka_unit_test(structures_of_another_size_are_refused),
        cmocka_unit_test(shorter_structures_are_filled_as_far_as_they_go),
        cmocka_unit_test(pixels_of_a_window),
        cmocka_unit_test(elements_of_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
