/* SPDX-License-Identifier: BSD-3-Clause */
/* Validation splits, refused changes, want of memory, and golden epochs. */
#include "sampling/patching.h"
#include "sampling/sampling_support.h"

#include <math.h>

static const int64_t size_8[3] = { 8, 8, 8 }, size_64[2] = { 64, 64 };

static mt_patching *split(mt_patching *patching, uint64_t n, const uint64_t *seed)
{
    mt_error err = MT_ERROR_INIT;
    mt_patching *validation = NULL;
    check_ok(mt_patching_split(patching, n, seed, &validation, &err), &err);
    return validation;
}

static int overlap(const mt_patch_spec *a, const mt_patch_spec *b)
{
    int touches = a->stack == b->stack && a->sample == b->sample;
    for (size_t d = 0; d < a->n_spatial; d++)
        touches &= a->coords[d] < b->coords[d] + b->patch_size[d] && b->coords[d] < a->coords[d] + a->patch_size[d];
    return touches;
}

static int is_inside(const mt_patching *patching, const mt_patch_spec *spec)
{
    const int64_t *shape = mt_patching_shape(patching, spec->stack);
    for (size_t d = 0; d < spec->n_spatial; d++)
        if (spec->coords[d] < 0 || spec->coords[d] + spec->patch_size[d] > shape[d])
            return 0;
    return 1;
}

/* Training and validation patches never overlap; validation patches are distinct cells of the grid, inside. */
static void check_split(const mt_patching *training, const mt_patching *validation)
{
    const uint64_t n = mt_patching_count(validation), n_training = mt_patching_count(training);
    assert_true(n_training > 0);
    for (uint64_t v = 0; v < n; v++) {
        const mt_patch_spec chosen = get_patch(validation, v, v);
        assert_true(is_inside(validation, &chosen));
        for (size_t d = 0; d < chosen.n_spatial; d++)
            assert_int_equal(chosen.coords[d] % chosen.patch_size[d], 0);
        for (uint64_t w = 0; w < v; w++) {
            const mt_patch_spec other = get_patch(validation, 0, w);
            assert_false(overlap(&chosen, &other));
        }
        for (uint64_t e = 0; e < 20; e++)
            for (uint64_t i = 0; i < n_training; i++) {
                const mt_patch_spec patch = get_patch(training, e, i);
                assert_false(overlap(&chosen, &patch));
                assert_true(is_inside(training, &patch));
            }
    }
}

static void training_never_touches_validation(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    uint64_t random = 3;
    for (int k = 0; k < 40; k++) {
        const size_t n = k % 2 ? 3 : 2;
        int64_t shapes[2][4] = { { random_between(&random, 1, 3) }, { random_between(&random, 1, 3) } };
        mt_stack *stacks[2];
        mt_patching *training;
        for (int i = 0; i < 2; i++) {
            for (size_t d = 1; d <= n; d++)
                shapes[i][d] = random_between(&random, 8, n == 3 ? 24 : 50);
            stacks[i] = new_stack(NULL, n == 3 ? "TZYX" : "TYX", shapes[i]);
        }
        const mt_patching_options options = {
            .struct_size = sizeof options, .strategy = "stratified", .patch_size = size_8, .n_spatial = n
        };
        check_ok(mt_patching_new(stacks, 2, &options, &training, &err), &err);
        mt_patching *validation = split(training, 1, NULL), *more = NULL;
        check_split(training, validation);
        if (mt_patching_split(training, 5, NULL, &more, &err) == MT_OK) {
            check_split(training, more);
            check_split(training, validation);
        }
        mt_patching_free(more);
        mt_patching_free(validation);
        mt_patching_free(training);
        mt_stack_close(stacks[0]);
        mt_stack_close(stacks[1]);
    }
}

static void a_split_follows_from_the_seed(void **state)
{
    (void)state;
    const uint64_t seeds[3] = { 42, 42, 43 };
    mt_patch_spec chosen[4][4];
    for (int k = 0; k < 4; k++) {
        mt_patching *training = new_patching("stratified", 2, (int64_t[]) { 640, 640 }, size_64, NULL);
        mt_patching *validation = split(training, 4, k < 3 ? &seeds[k] : NULL);
        for (uint64_t i = 0; i < 4; i++)
            chosen[k][i] = get_patch(validation, 0, i);
        mt_patching_free(validation);
        mt_patching_free(training);
    }
    assert_memory_equal(chosen[0], chosen[1], sizeof chosen[0]);
    assert_memory_equal(chosen[0], chosen[3], sizeof chosen[0]); /* the patching has the seed 42 */
    assert_memory_not_equal(chosen[0], chosen[2], sizeof chosen[0]);
}

/* Its last grid cell begins at 64 and would end one pixel outside. */
static void cells_over_the_border_are_not_chosen(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        mt_patching *training = new_patching("stratified", 2, (int64_t[]) { 127, 256 }, size_64, NULL);
        mt_patching *validation = split(training, 3, &seed);
        for (uint64_t i = 0; i < 3; i++)
            assert_int_equal(get_patch(validation, 0, i).coords[0], 0);
        mt_patching_free(validation);
        mt_patching_free(training);
    }
}

static void regions_of_weight_zero_are_not_chosen(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    double weights[16] = { 0 };
    weights[5] = weights[7] = weights[10] = 1;
    mt_patching *training = new_patching("stratified", 2, (int64_t[]) { 256, 256 }, size_64, NULL);
    check_ok(mt_patching_weigh(training, 0, 0, weights, 16, &err), &err);
    mt_patching *validation = split(training, 2, NULL);
    for (uint64_t i = 0; i < 2; i++) {
        mt_patch_spec spec = get_patch(validation, 0, i);
        assert_true(weights[spec.coords[0] / 64 * 4 + spec.coords[1] / 64] == 1);
    }
    mt_patching_free(validation);
    mt_patching_free(training);
}

/* Few cells of many can be chosen, so they are listed. */
static void few_free_cells_are_chosen_equally_often(void **state)
{
    (void)state;
    enum { SIDE = 40, FREE = 7, SPLITS = 700, TAKEN = 3 };
    static const int free_cells[FREE] = { 0, 39, 160, 777, 778, 1200, 1599 };
    mt_error err = MT_ERROR_INIT;
    static double weights[SIDE * SIDE];
    int chosen[FREE] = { 0 };
    for (int i = 0; i < FREE; i++)
        weights[free_cells[i]] = 1;
    for (uint64_t seed = 0; seed < SPLITS; seed++) {
        mt_patching *training = new_patching("stratified", 2, (int64_t[]) { SIDE * 8, SIDE * 8 }, size_8, NULL);
        check_ok(mt_patching_weigh(training, 0, 0, weights, SIDE * SIDE, &err), &err);
        mt_patching *validation = split(training, TAKEN, &seed);
        uint64_t taken = 0;
        for (uint64_t i = 0; i < TAKEN; i++) {
            const mt_patch_spec spec = get_patch(validation, 0, i);
            for (int k = 0; k < FREE; k++)
                if (spec.coords[0] / 8 * SIDE + spec.coords[1] / 8 == free_cells[k]) {
                    chosen[k]++;
                    taken |= (uint64_t)1 << k;
                }
        }
        assert_int_equal(__builtin_popcountll(taken), TAKEN);
        mt_patching_free(validation);
        mt_patching_free(training);
    }
    const double share = (double)TAKEN / FREE;
    for (int k = 0; k < FREE; k++)
        assert_true(fabs(chosen[k] - SPLITS * share) < 5 * sqrt(SPLITS * share * (1 - share)));
}

static void too_many_validation_patches_are_refused(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    mt_patching *validation = NULL, *training = new_patching("stratified", 2, (int64_t[]) { 128, 128 }, size_64, NULL);
    assert_int_equal(mt_patching_split(training, 4, NULL, &validation, &err), MT_E_ARGUMENT);
    assert_string_equal(err.message,
                        "the number of validation patches is too large for the given images (got 4, but only 4 patches "
                        "of 64x64 could be taken, and training needs at least one): use fewer validation patches, "
                        "smaller patches, or more images");
    assert_int_equal(mt_patching_split(training, UINT64_MAX, NULL, &validation, &err), MT_E_ARGUMENT);
    assert_int_equal(mt_patching_split(training, 0, NULL, &validation, &err), MT_E_ARGUMENT); /* 8 */
    assert_int_equal(mt_patching_count(training), 4);
    validation = split(training, 3, NULL);
    assert_int_equal(mt_patching_count(training), 1);
    assert_int_equal(mt_patching_count(validation), 3);
    check_split(training, validation);
    mt_patching_free(validation);
    mt_patching_free(training);
    /* 5 patches an epoch, but only 3 cells lie in the image */
    training = new_patching("stratified", 2, (int64_t[]) { 100, 200 }, size_64, NULL);
    assert_int_equal(mt_patching_split(training, 4, NULL, &validation, &err), MT_E_ARGUMENT);
    mt_patching_free(training);
}

/* Two cells lie in the image; patches at the corners beyond touch the second one. */
static void nothing_may_be_left_to_train_on(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    mt_patching *validation = NULL, *training = new_patching("stratified", 2, (int64_t[]) { 160, 64 }, size_64, NULL);
    assert_int_equal(mt_patching_count(training), 3); /* 2.5, rounded up; 2 cells lie in the image */
    assert_int_equal(mt_patching_split(training, 2, NULL, &validation, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "training needs at least one"));
    assert_int_equal(mt_patching_count(training), 3);
    mt_patching_free(training);
}

static void changes_are_refused_where_they_make_no_sense(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    const double weights[4] = { 1, 1, 1, 1 }, wrong[][4] = { { 1, 1, 1, -0.1 }, { 1, 1, 1, 1.5 }, { 1, 1, 1, NAN } };
    const mt_patch_spec box = { .patch_size = { 1, 1 } }, empty = { .patch_size = { 1, 0 } };
    const mt_patch_spec elsewhere = { .stack = 1, .patch_size = { 1, 1 } };
    mt_patching *validation = NULL, *random = new_patching("random", 2, (int64_t[]) { 128, 128 }, size_64, NULL);
    assert_int_equal(mt_patching_weigh(random, 0, 0, weights, 4, &err), MT_E_ARGUMENT);
    assert_string_equal(err.message, "patches of the strategy \"random\" have no regions: use \"stratified\"");
    assert_int_equal(mt_patching_exclude(random, &box, 1, &err), MT_E_ARGUMENT);
    assert_int_equal(mt_patching_split(random, 1, NULL, &validation, &err), MT_E_ARGUMENT);
    mt_region_info info = { .struct_size = sizeof info };
    assert_int_equal(mt_patching_get_grid(random, 0, 0, &info, &err), MT_E_ARGUMENT);
    mt_patching_free(random);

    mt_patching *patching = new_patching("stratified", 2, (int64_t[]) { 128, 128 }, size_64, NULL);
    assert_int_equal(mt_patching_weigh(patching, 0, 0, weights, 3, &err), MT_E_ARGUMENT);
    assert_string_equal(err.message, "3 weights for 4 regions");
    for (int i = 0; i < 3; i++)
        assert_int_equal(mt_patching_weigh(patching, 0, 0, wrong[i], 4, &err), MT_E_ARGUMENT);
    assert_int_equal(mt_patching_weigh(patching, 1, 0, weights, 4, &err), MT_E_RANGE);
    assert_int_equal(mt_patching_weigh(patching, 0, 1, weights, 4, &err), MT_E_RANGE);
    assert_string_equal(err.message, "image: sample 1 is out of bounds for 1 samples");
    assert_int_equal(mt_patching_exclude(patching, &empty, 1, &err), MT_E_ARGUMENT);
    assert_int_equal(mt_patching_exclude(patching, &elsewhere, 1, &err), MT_E_RANGE);
    const mt_patch_spec one_good[] = { box, elsewhere };
    assert_int_equal(mt_patching_exclude(patching, one_good, 2, &err), MT_E_RANGE);
    assert_int_equal(mt_patching_count(patching), 4); /* nothing has changed */
    mt_patching_freeze(patching);
    assert_int_equal(mt_patching_exclude(patching, &box, 1, &err), MT_E_ARGUMENT);
    assert_string_equal(err.message, "a loader uses this patching: change it before, or make another one");
    assert_int_equal(mt_patching_weigh(patching, 0, 0, weights, 4, &err), MT_E_ARGUMENT);
    assert_int_equal(mt_patching_split(patching, 1, NULL, &validation, &err), MT_E_ARGUMENT);
    mt_patching_free(patching);
}

/* Boxes that reach outside, to the end of the number range, or lie outside. */
static void boxes_are_cut_at_the_image(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    const mt_patch_spec boxes[] = {
        { .coords = { -100, 64 }, .patch_size = { 101, INT64_MAX } }, /* the upper right cells */
        { .coords = { 200, 0 }, .patch_size = { 8, 8 } },
        { .coords = { 0, -8 }, .patch_size = { 8, 8 } },
        { .coords = { INT64_MIN, 0 }, .patch_size = { INT64_MAX, 8 } },
    };
    int64_t areas[6];
    mt_patching *patching = new_patching("stratified", 2, (int64_t[]) { 128, 200 }, size_64, NULL);
    check_ok(mt_patching_exclude(patching, boxes, 4, &err), &err);
    check_ok(mt_patching_get_regions(patching, 0, 0, areas, NULL, NULL, &err), &err);
    static const int64_t expected[6] = { 64, 0, 0, 64, 64, 9 };
    assert_memory_equal(areas, expected, sizeof areas);
    mt_patching_free(patching);
}

/* A split of which 4 of 144 cells can be chosen. */
static mt_status use_list(mt_context *context)
{
    double weights[144] = { 0 };
    mt_stack *stack = new_stack(context, "YX", (int64_t[]) { 96, 96 });
    const mt_patching_options options = {
        .struct_size = sizeof options, .strategy = "stratified", .patch_size = size_8, .n_spatial = 2
    };
    mt_patching *patching = NULL, *validation = NULL;
    mt_status st = mt_patching_new(&stack, 1, &options, &patching, NULL);
    weights[0] = weights[50] = weights[60] = weights[143] = 1;
    if (!st && !(st = mt_patching_weigh(patching, 0, 0, weights, 144, NULL)))
        st = mt_patching_split(patching, 3, NULL, &validation, NULL);
    mt_patching_free(validation);
    mt_patching_free(patching);
    mt_stack_close(stack);
    return st;
}

/* Everything that allocates. Returns the first status that is not MT_OK. */
static mt_status use_all(mt_context *context)
{
    static const double weights[9] = { 0.5, 1, 1, 0.5, 1, 1, 0.5, 1, 1 };
    const mt_patch_spec box = { .stack = 1, .patch_size = { 1, 1 } };
    mt_stack *stacks[2] = { new_stack(context, "YX", (int64_t[]) { 23, 1023 }),
                            new_stack(context, "YX", (int64_t[]) { 24, 24 }) };
    const mt_patching_options options = {
        .struct_size = sizeof options, .strategy = "stratified", .patch_size = size_8, .n_spatial = 2
    };
    mt_patching *patching = NULL, *validation = NULL;
    mt_status st = mt_patching_new(stacks, 2, &options, &patching, NULL);
    uint64_t n = 0;
    if (!st) {
        n = mt_patching_count(patching);
        st = mt_patching_weigh(patching, 1, 0, weights, 9, NULL);
    }
    if (!st) {
        n = mt_patching_count(patching);
        st = mt_patching_exclude(patching, &box, 1, NULL);
    }
    if (!st) {
        n = mt_patching_count(patching);
        st = mt_patching_split(patching, 20, NULL, &validation, NULL);
    }
    if (st && patching)
        assert_int_equal(mt_patching_count(patching), n); /* nothing has changed */
    mt_patching_free(validation);
    mt_patching_free(patching);
    mt_stack_close(stacks[0]);
    mt_stack_close(stacks[1]);
    return st;
}

static void check_want_of_memory(mt_status (*use)(mt_context *), size_t n_stacks)
{
    mt_error err = MT_ERROR_INIT;
    failing_allocator failing;
    mt_status st = MT_E_MEMORY;
    size_t stacks = 0; /* allocations for the stacks, which must not fail */
    for (size_t k = 0; st; k++) {
        mt_context_options options = { .struct_size = sizeof options,
                                       .allocator = failing_allocator_make(&failing, SIZE_MAX, 0) };
        mt_context *context;
        check_ok(mt_context_new(&options, &context, &err), &err);
        if (!stacks) {
            size_t before = failing.count;
            mt_stack_close(new_stack(context, "YX", (int64_t[]) { 8, 8 }));
            stacks = n_stacks * (failing.count - before);
        }
        failing.fail_at = failing.count + stacks + k;
        st = use(context);
        assert_true(st == MT_OK || st == MT_E_MEMORY);
        assert_true(k < 100 && (k > 10 || st));
        mt_context_free(context);
    }
}

static void want_of_memory_is_reported(void **state)
{
    (void)state;
    check_want_of_memory(use_all, 2);
    check_want_of_memory(use_list, 1);
}

static void check_epoch(const char *strategy, size_t n_spatial, const int64_t *shape, const int64_t *size,
                        const int64_t (*expected)[3], uint64_t n)
{
    mt_patching *patching = new_patching(strategy, n_spatial, shape, size, NULL);
    assert_int_equal(mt_patching_count(patching), n);
    for (uint64_t i = 0; i < n; i++) {
        mt_patch_spec spec = get_patch(patching, 5, i);
        assert_memory_equal(spec.coords, expected[i], sizeof spec.coords);
    }
    mt_patching_free(patching);
}

/* Corners of epoch 5 with seed 42. They must never change. */
static void golden_epochs(void **state)
{
    (void)state;
    static const int64_t random[][3] = { { 14, 63 }, { 36, 91 }, { 21, 72 }, { 32, 97 },
                                         { 1, 54 },  { 28, 4 },  { 4, 115 }, { 5, 126 } };
    static const int64_t fixed[][3] = { { 13, 26 }, { 21, 96 }, { 29, 108 }, { 8, 85 },
                                        { 27, 6 },  { 20, 59 }, { 12, 19 },  { 18, 63 } };
    static const int64_t stratified[][3] = { { 34, 37 }, { 8, 112 }, { 29, 90 }, { 29, 83 }, { 24, 50 } };
    static const int64_t volume[][3] = { { 7, 18, 9 },  { 9, 65, 24 }, { 6, 45, 6 },  { 9, 25, 10 }, { 5, 25, 30 },
                                         { 0, 68, 32 }, { 1, 21, 18 }, { 3, 11, 5 },  { 7, 47, 37 }, { 3, 48, 30 },
                                         { 6, 56, 22 }, { 6, 10, 25 }, { 9, 38, 12 }, { 7, 32, 6 },  { 8, 27, 14 } };
    const int64_t plane[2] = { 100, 200 }, box[3] = { 17, 100, 70 }, size_box[3] = { 8, 32, 32 };
    check_epoch("random", 2, plane, size_64, random, 8);
    check_epoch("fixed_random", 2, plane, size_64, fixed, 8);
    check_epoch("stratified", 2, plane, size_64, stratified, 5);
    check_epoch("stratified", 3, box, size_box, volume, 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_never_touches_validation),
        cmocka_unit_test(a_split_follows_from_the_seed),
        cmocka_unit_test(cells_over_the_border_are_not_chosen),
        cmocka_unit_test(regions_of_weight_zero_are_not_chosen),
        cmocka_unit_test(few_free_cells_are_chosen_equally_often),
        cmocka_unit_test(too_many_validation_patches_are_refused),
        cmocka_unit_test(nothing_may_be_left_to_train_on),
        cmocka_unit_test(changes_are_refused_where_they_make_no_sense),
        cmocka_unit_test(boxes_are_cut_at_the_image),
        cmocka_unit_test(want_of_memory_is_reported),
        cmocka_unit_test(golden_epochs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
