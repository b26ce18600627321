/* SPDX-License-Identifier: BSD-3-Clause */
/* Validation splits that take nearly all cells, of several images; changes of several samples. */
#include "sampling/sampling_support.h"

#include <stdbool.h>

static const int64_t size_8[2] = { 8, 8 };

/* Images of 23 x 63 pixels: 2 x 7 cells lie in each, and 23 patches cover it. */
enum { IMAGES = 2, INSIDE = 14, PATCHES = 23 };

static mt_patching *open_images(void)
{
    const int64_t shape[2] = { 23, 63 };
    mt_stack *stacks[IMAGES];
    mt_patching *patching;
    mt_error err = MT_ERROR_INIT;
    const mt_patching_options options = {
        .struct_size = sizeof options, .strategy = "stratified", .patch_size = size_8, .n_spatial = 2, .seed = 3
    };
    for (int i = 0; i < IMAGES; i++)
        stacks[i] = new_stack(NULL, "YX", shape);
    check_ok(mt_patching_new(stacks, IMAGES, &options, &patching, &err), &err);
    for (int i = 0; i < IMAGES; i++)
        mt_stack_close(stacks[i]);
    return patching;
}

static void check_refused(mt_patching *patching, uint64_t n, uint64_t available)
{
    char words[80];
    mt_error err = MT_ERROR_INIT;
    mt_patching *validation = NULL;
    snprintf(words, sizeof words, "(got %d, but only %d patches", (int)n, (int)available);
    check_failed(mt_patching_split(patching, n, NULL, &validation, &err), MT_E_ARGUMENT, &err, words);
}

/* Excluded cells, and those of regions without weight, cannot be taken. */
static void only_free_cells_count(void **state)
{
    (void)state;
    const mt_patch_spec box = { .coords = { 9, 17 }, .patch_size = { 1, 1 } };
    double weights[24];
    mt_error err = MT_ERROR_INIT;
    for (int way = 0; way < 3; way++) {
        mt_patching *patching = open_images();
        assert_int_equal(mt_patching_count(patching), IMAGES * PATCHES);
        assert_int_equal(get_grid(patching, 0, 0).n_regions, 24);
        for (int i = 0; i < 24; i++)
            weights[i] = i != 5;
        if (way == 1)
            check_ok(mt_patching_exclude(patching, &box, 1, &err), &err);
        if (way == 2)
            check_ok(mt_patching_weigh(patching, 0, 0, weights, 24, &err), &err);
        check_refused(patching, IMAGES * INSIDE + 1 - (way > 0), IMAGES * INSIDE - (way > 0));
        check_refused(patching, IMAGES * PATCHES - 2, IMAGES * INSIDE - (way > 0));
        mt_patching_free(patching);
    }
}

/* All free cells but two: those that are left follow from the seed, and must never change. */
static void nearly_all_cells_are_taken(void **state)
{
    (void)state;
    bool taken[IMAGES][2][7] = { { { false } } };
    mt_error err = MT_ERROR_INIT;
    mt_patching *patching = open_images(), *validation = NULL;
    check_ok(mt_patching_split(patching, IMAGES * INSIDE - 2, NULL, &validation, &err), &err);
    for (uint64_t i = 0; i < mt_patching_count(validation); i++) {
        mt_patch_spec spec = get_patch(validation, 0, i);
        assert_int_equal(spec.coords[0] % 8 + spec.coords[1] % 8, 0);
        bool *cell = &taken[spec.stack][spec.coords[0] / 8][spec.coords[1] / 8];
        assert_false(*cell);
        *cell = true;
    }
    for (int s = 0; s < IMAGES; s++)
        for (int y = 0; y < 2; y++)
            for (int x = 0; x < 7; x++)
                assert_int_equal(taken[s][y][x], !(s == 1 && ((y == 0 && x == 4) || (y == 1 && x == 3))));
    mt_patching_free(validation);
    mt_patching_free(patching);
}

/* One of 64 cells is left, which is drawn for, and one of 144, for which the free ones are listed. */
static void the_last_cell_follows_from_the_seed(void **state)
{
    (void)state;
    static const struct {
        int64_t side, at[2];
    } cases[] = { { 64, { 56, 56 } }, { 96, { 32, 16 } } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int64_t side = cases[i].side, n = side / 8 * (side / 8);
        mt_error err = MT_ERROR_INIT;
        mt_patching *patching = new_patching("stratified", 2, (int64_t[]) { side, side }, size_8, NULL);
        mt_patching *validation = NULL;
        check_ok(mt_patching_split(patching, (uint64_t)n - 1, NULL, &validation, &err), &err);
        assert_int_equal(mt_patching_count(patching), 1);
        mt_patch_spec spec = get_patch(patching, 0, 0);
        assert_int_equal(spec.coords[0], cases[i].at[0]);
        assert_int_equal(spec.coords[1], cases[i].at[1]);
        mt_patching_free(validation);
        mt_patching_free(patching);
    }
}

/* Each call changes two samples, in the same order and in the other one. */
static void samples_are_changed_again(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    mt_patching *patching = open_images();
    for (size_t i = 0; i < 4; i++) {
        const mt_patch_spec boxes[2] = {
            { .stack = i / 2 % 2, .coords = { 0, 8 * (int64_t)i }, .patch_size = { 1, 1 } },
            { .stack = 1 - i / 2 % 2, .coords = { 8, 8 * (int64_t)i }, .patch_size = { 1, 1 } },
        };
        check_ok(mt_patching_exclude(patching, boxes, 2, &err), &err);
        assert_int_equal(mt_patching_count(patching), IMAGES * (PATCHES - i - 1));
    }
    mt_patching_free(patching);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_free_cells_count),
        cmocka_unit_test(nearly_all_cells_are_taken),
        cmocka_unit_test(the_last_cell_follows_from_the_seed),
        cmocka_unit_test(samples_are_changed_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
