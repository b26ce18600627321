/* SPDX-License-Identifier: BSD-3-Clause */
/* Stratified patching: grids, areas, bins and numbers of patches of CAREamics (worked values), where patches lie, how
 * often each corner is drawn, weights and exclusions. */
#include "sampling/sampling_support.h"

#include <math.h>
#include <stdlib.h>

static const int64_t size_64[3] = { 64, 64, 64 }, size_8_64_64[3] = { 8, 64, 64 };
enum { MOST_REGIONS = 16 };

/* Values of CAREamics for a shape. */
typedef struct worked {
    size_t n_spatial;
    int64_t shape[3];
    const int64_t *patch_size;
    int64_t grid[3], areas[MOST_REGIONS];
    uint64_t n_patches;
    double bin_size;
    uint64_t bins[MOST_REGIONS]; /* of each region */
} worked;

static const worked cases[] = {
    { 2, { 64, 64 }, size_64, { 1, 1 }, { 1 }, 1, 1, { 0 } },
    { 2, { 65, 64 }, size_64, { 1, 1 }, { 2 }, 2, 2, { 0 } },
    { 2, { 127, 127 }, size_64, { 2, 2 }, { 4096, 0, 0, 0 }, 4, 4096, { 0, 1, 2, 3 } },
    { 2, { 128, 128 }, size_64, { 2, 2 }, { 4096, 64, 64, 1 }, 4, 4096, { 0, 1, 2, 3 } },
    { 2, { 100, 200 }, size_64, { 1, 3 }, { 2368, 2368, 333 }, 5, 2368, { 0, 1, 2 } },
    { 3,
      { 16, 128, 128 },
      size_8_64_64,
      { 2, 2, 2 },
      { 32768, 512, 512, 8, 4096, 64, 64, 1 },
      8,
      32768,
      { 0, 1, 2, 3, 4, 5, 6, 7 } },
};

static void check_regions(const mt_patching *patching, const worked *w)
{
    mt_error err = MT_ERROR_INIT;
    int64_t areas[MOST_REGIONS];
    double probabilities[MOST_REGIONS];
    uint64_t bins[MOST_REGIONS];
    mt_region_info grid = get_grid(patching, 0, 0);
    assert_memory_equal(grid.shape, w->grid, w->n_spatial * sizeof *grid.shape);
    assert_int_equal(grid.n_patches, w->n_patches);
    assert_int_equal(mt_patching_count(patching), w->n_patches);
    assert_true(grid.bin_size == w->bin_size);
    check_ok(mt_patching_get_regions(patching, 0, 0, areas, probabilities, bins, &err), &err);
    for (uint64_t r = 0; r < grid.n_regions; r++) {
        assert_int_equal(areas[r], w->areas[r]);
        assert_true(probabilities[r] == (double)areas[r] / w->bin_size);
        assert_int_equal(bins[r], w->bins[r]);
    }
}

static void grids_areas_and_bins_are_those_of_careamics(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const worked *w = &cases[i];
        mt_patching *patching = new_patching("stratified", w->n_spatial, w->shape, w->patch_size, NULL);
        check_regions(patching, w);
        mt_patching_free(patching);
    }
}

static mt_patch_spec box_of(int64_t y, int64_t x, int64_t height, int64_t width)
{
    return (mt_patch_spec) { .n_spatial = 2, .coords = { y, x }, .patch_size = { height, width } };
}

static void excluding_a_cell_takes_corners_of_its_neighbours(void **state)
{
    (void)state;
    static const worked w = {
        2, { 192, 192 }, size_64, { 3, 3 }, { 127, 64, 64, 64, 0, 64, 64, 64, 1 }, 8, 127, { 0, 1, 2, 3, 0, 4, 5, 6, 1 }
    };
    mt_error err = MT_ERROR_INIT;
    mt_patching *patching = new_patching("stratified", 2, w.shape, size_64, NULL);
    mt_patch_spec box = box_of(64, 64, 64, 64);
    check_ok(mt_patching_exclude(patching, &box, 1, &err), &err);
    check_regions(patching, &w);
    check_ok(mt_patching_exclude(patching, &box, 1, &err), &err);
    check_regions(patching, &w);
    mt_patching_free(patching);
}

static void weights_reduce_the_number_of_patches(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    uint64_t bins[16];
    double weights[16];
    mt_patching *patching = new_patching("stratified", 2, (int64_t[]) { 256, 256 }, size_64, NULL);
    for (int i = 0; i < 16; i++)
        weights[i] = i < 10 ? 0.1 : 1;
    check_ok(mt_patching_weigh(patching, 0, 0, weights, 16, &err), &err);
    mt_region_info grid = get_grid(patching, 0, 0);
    assert_int_equal(grid.n_patches, 7); /* 6.9999999999999964 */
    assert_true(grid.bin_size == 4096);
    check_ok(mt_patching_get_regions(patching, 0, 0, NULL, NULL, bins, &err), &err);
    for (int i = 0; i < 16; i++)
        assert_int_equal(bins[i], i == 10 ? 0 : 1);
    for (int i = 0; i < 16; i++)
        weights[i] = i < 10 ? 0.3 : 1;
    check_ok(mt_patching_weigh(patching, 0, 0, weights, 16, &err), &err);
    assert_int_equal(mt_patching_count(patching), 10); /* 9.000000000000007 */
    mt_patching_free(patching);
}

/* How often each corner was drawn in many epochs, for shapes that are small enough. */
enum { SIDE = 24, EPOCHS = 20000 };
static uint32_t drawn[SIDE][SIDE];

static uint64_t draw_epochs(const mt_patching *patching)
{
    const uint64_t n = mt_patching_count(patching);
    memset(drawn, 0, sizeof drawn);
    for (uint64_t e = 0; e < EPOCHS; e++)
        for (uint64_t i = 0; i < n; i++) {
            mt_patch_spec spec = get_patch(patching, e, i);
            assert_in_range(spec.coords[0], 0, SIDE - 1);
            assert_in_range(spec.coords[1], 0, SIDE - 1);
            drawn[spec.coords[0]][spec.coords[1]]++;
        }
    return n * EPOCHS;
}

/* Checks that possible corners are drawn equally often, and others never: chi squared within six standard deviations. */
static void check_uniform(uint64_t n, int64_t height, int64_t width, int (*is_possible)(int64_t y, int64_t x))
{
    double squares = 0;
    uint64_t corners = 0, sum = 0;
    for (int64_t y = 0; y < SIDE; y++)
        for (int64_t x = 0; x < SIDE; x++) {
            int possible = y < height && x < width && (!is_possible || is_possible(y, x));
            corners += (uint64_t)possible;
            sum += possible ? drawn[y][x] : 0;
            if (!possible)
                assert_int_equal(drawn[y][x], 0);
        }
    assert_int_equal(sum, n);
    const double each = (double)n / (double)corners;
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            if (!is_possible || is_possible(y, x))
                squares += ((double)drawn[y][x] - each) * ((double)drawn[y][x] - each) / each;
    assert_true(fabs(squares - (double)corners) < 6 * sqrt(2 * (double)corners));
}

static void corners_are_drawn_equally_often(void **state)
{
    (void)state;
    static const int64_t shapes[][2] = { { 24, 24 }, { 17, 20 }, { 8, 23 }, { 15, 16 }, { 8, 8 } };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        mt_patching *patching = new_patching("stratified", 2, shapes[i], (int64_t[]) { 8, 8 }, NULL);
        check_uniform(draw_epochs(patching), shapes[i][0] - 7, shapes[i][1] - 7, NULL);
        mt_patching_free(patching);
    }
}

/* Patch 0 lies in the first region; a further attempt at it lies anywhere. */
static void further_attempts_are_drawn_from_all_patches(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    mt_patch_spec spec;
    mt_patching *patching = new_patching("stratified", 2, (int64_t[]) { 24, 24 }, (int64_t[]) { 8, 8 }, NULL);
    memset(drawn, 0, sizeof drawn);
    for (uint64_t k = 1; k <= EPOCHS; k++) {
        check_ok(mt_patching_get(patching, 0, 0, k, &spec, &err), &err);
        assert_in_range(spec.coords[0], 0, SIDE - 1);
        assert_in_range(spec.coords[1], 0, SIDE - 1);
        drawn[spec.coords[0]][spec.coords[1]]++;
    }
    check_uniform(EPOCHS, 17, 17, NULL);
    mt_patching_free(patching);
}

static int is_clear_of_the_middle(int64_t y, int64_t x) { return y <= 0 || y >= 16 || x <= 0 || x >= 16; }

static void excluded_cells_are_never_touched(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    mt_patching *patching = new_patching("stratified", 2, (int64_t[]) { 24, 24 }, (int64_t[]) { 8, 8 }, NULL);
    mt_patch_spec box = box_of(15, 8, 1, 1); /* one pixel of the cell in the middle */
    check_ok(mt_patching_exclude(patching, &box, 1, &err), &err);
    check_uniform(draw_epochs(patching), 17, 17, is_clear_of_the_middle);
    mt_patching_free(patching);
}

static int is_right_half(int64_t y, int64_t x) { return (void)y, x >= 8; }

static void regions_of_weight_zero_are_not_drawn_from(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    static const double weights[9] = { 0, 1, 1, 0, 1, 1, 0, 1, 1 };
    mt_patching *patching = new_patching("stratified", 2, (int64_t[]) { 24, 24 }, (int64_t[]) { 8, 8 }, NULL);
    check_ok(mt_patching_weigh(patching, 0, 0, weights, 9, &err), &err);
    assert_int_equal(mt_patching_count(patching), 6);
    check_uniform(draw_epochs(patching), 17, 17, is_right_half);
    mt_patching_free(patching);
}

static void weights_are_frequencies(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    static const double weights[9] = { 0.25, 1, 1, 0.25, 1, 1, 0.25, 1, 1 };
    mt_patching *patching = new_patching("stratified", 2, (int64_t[]) { 24, 24 }, (int64_t[]) { 8, 8 }, NULL);
    check_ok(mt_patching_weigh(patching, 0, 0, weights, 9, &err), &err);
    double left = 0;
    uint64_t n = draw_epochs(patching);
    for (int y = 0; y < 17; y++)
        for (int x = 0; x < 8; x++)
            left += drawn[y][x];
    /* 8 of 17 columns count a quarter */
    const double expected = 8 * 0.25 / (8 * 0.25 + 9), error = sqrt(expected * (1 - expected) / (double)n);
    assert_true(fabs(left / (double)n - expected) < 5 * error);
    mt_patching_free(patching);
}

/* Every pixel of an image of 256 x 256 is in one patch an epoch on average; at the border in fewer. */
static void pixels_are_visited_once_on_average(void **state)
{
    (void)state;
    mt_patching *patching = new_patching("stratified", 2, (int64_t[]) { 200, 331 }, (int64_t[]) { 16, 16 }, NULL);
    const double visits = (double)mt_patching_count(patching) * 16 * 16 / (200.0 * 331.0);
    assert_true(fabs(visits - 1) < 0.1);
    mt_patching_free(patching);
}

static void all_zero_weights_leave_no_patches(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    static const double weights[27] = { 0 };
    mt_patch_spec spec;
    mt_patching *patching = new_patching("stratified", 3, (int64_t[]) { 23, 23, 23 }, (int64_t[]) { 8, 8, 8 }, NULL);
    check_ok(mt_patching_weigh(patching, 0, 0, weights, 27, &err), &err);
    assert_int_equal(mt_patching_count(patching), 0);
    assert_int_equal(get_grid(patching, 0, 0).n_patches, 0);
    assert_int_equal(mt_patching_get(patching, 0, 0, 0, &spec, &err), MT_E_RANGE);
    mt_patching_free(patching);
    patching = new_patching("stratified", 2, (int64_t[]) { 100, 200 }, size_64, NULL);
    check_ok(mt_patching_weigh(patching, 0, 0, weights, 3, &err), &err);
    assert_int_equal(mt_patching_count(patching), 0);
    mt_patching_free(patching);
}

static void small_images_are_refused_or_padded(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    mt_patching *patching = NULL;
    mt_stack *stack = new_stack(NULL, "YX", (int64_t[]) { 63, 200 });
    mt_patching_options options = {
        .struct_size = sizeof options, .strategy = "stratified", .patch_size = size_64, .n_spatial = 2
    };
    assert_int_equal(mt_patching_new(&stack, 1, &options, &patching, &err), MT_E_ARGUMENT);
    assert_string_equal(err.message, "image: 63 pixels along Y are less than a patch of 64");
    options.pad = 1;
    check_ok(mt_patching_new(&stack, 1, &options, &patching, &err), &err);
    assert_int_equal(mt_patching_count(patching), 4);
    for (uint64_t e = 0; e < 100; e++) {
        mt_patch_spec spec = get_patch(patching, e, e % 4);
        assert_int_equal(spec.coords[0], 0);
        assert_in_range(spec.coords[1], 0, 136);
    }
    mt_patching_free(patching);
    mt_stack_close(stack);
}

/* Several stacks and samples, some of them changed: patches are counted and found in order. */
static void each_sample_has_its_own_weights(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    mt_patching *patching;
    mt_stack *stacks[2] = { new_stack(NULL, "TYX", (int64_t[]) { 3, 24, 24 }),
                            new_stack(NULL, "YX", (int64_t[]) { 16, 8 }) };
    const int64_t size_8[2] = { 8, 8 };
    const mt_patching_options options = {
        .struct_size = sizeof options, .strategy = "stratified", .patch_size = size_8, .n_spatial = 2, .seed = 7
    };
    static const double weights[9] = { 0, 0, 0, 0, 0.5, 1, 0, 1, 1 };
    static const uint64_t counts[4] = { 9, 4, 9, 2 }; /* of the samples; 3.5, rounded up */
    check_ok(mt_patching_new(stacks, 2, &options, &patching, &err), &err);
    assert_int_equal(mt_patching_count(patching), 29);
    check_ok(mt_patching_weigh(patching, 0, 1, weights, 9, &err), &err);
    assert_int_equal(mt_patching_count(patching), 24);
    uint64_t index = 0;
    for (int k = 0; k < 4; k++)
        for (uint64_t i = 0; i < counts[k]; i++) {
            mt_patch_spec spec = get_patch(patching, 3, index++);
            assert_int_equal(spec.stack, k == 3);
            assert_int_equal(spec.sample, k % 3);
            assert_true(k != 1 || spec.coords[0] >= 8);
        }
    mt_patching_free(patching);
    for (int i = 0; i < 2; i++)
        mt_stack_close(stacks[i]);
}

/* Checks that the patches of all samples lie one after the other. counts: of each sample, in order. */
static void check_order(const mt_patching *patching, size_t n_stacks, const int64_t *n_samples, const uint64_t *counts)
{
    uint64_t index = 0;
    for (size_t s = 0; s < n_stacks; s++)
        for (int64_t k = 0; k < n_samples[s]; k++, counts++) {
            assert_int_equal(get_grid(patching, s, k).n_patches, *counts);
            for (uint64_t i = 0; i < *counts; i++, index++) {
                const mt_patch_spec spec = get_patch(patching, 0, index);
                assert_int_equal(spec.stack, s);
                assert_int_equal(spec.sample, k);
            }
        }
    assert_int_equal(mt_patching_count(patching), index);
}

/* Samples of many stacks get other numbers of patches, one after the other and again, some of them none. */
static void many_samples_are_changed_in_any_order(void **state)
{
    (void)state;
    enum { STACKS = 37, MOST = 6 };
    static const uint64_t n_patches[4] = { 0, 1, 3, 4 }; /* with so many regions of weight 1 */
    static const double weights[4][4] = { { 0 }, { 1 }, { 1, 0, 1, 1 }, { 1, 1, 1, 1 } };
    mt_error err = MT_ERROR_INIT;
    uint64_t random = 5, counts[STACKS * MOST];
    int64_t n_samples[STACKS], first[STACKS], total = 0;
    mt_stack *stacks[STACKS];
    mt_patching *patching;
    for (int s = 0; s < STACKS; s++) {
        n_samples[s] = random_between(&random, 1, MOST);
        first[s] = total;
        for (int64_t k = 0; k < n_samples[s]; k++)
            counts[total++] = 4;
        stacks[s] = new_stack(NULL, "TYX", (int64_t[]) { n_samples[s], 16, 16 });
    }
    const mt_patching_options options = {
        .struct_size = sizeof options, .strategy = "stratified", .patch_size = (int64_t[]) { 8, 8 }, .n_spatial = 2
    };
    check_ok(mt_patching_new(stacks, STACKS, &options, &patching, &err), &err);
    for (int i = 0; i < 500; i++) {
        const int64_t s = random_between(&random, 0, STACKS - 1), k = random_between(&random, 0, n_samples[s] - 1);
        const int64_t n = random_between(&random, 0, 3);
        check_ok(mt_patching_weigh(patching, (size_t)s, k, weights[n], 4, &err), &err);
        counts[first[s] + k] = n_patches[n];
        if (i % 25 == 0)
            check_order(patching, STACKS, n_samples, counts);
    }
    check_order(patching, STACKS, n_samples, counts);
    mt_patching_free(patching);
    for (int s = 0; s < STACKS; s++)
        mt_stack_close(stacks[s]);
}

/* The grid of an image of 10^9 x 10^9 pixels is computed, not stored. */
static void a_huge_image_needs_no_memory(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    mt_counters before, after;
    mt_context *context;
    mt_context_options options = { .struct_size = sizeof options };
    const double one = 1;
    check_ok(mt_context_new(&options, &context, &err), &err);
    mt_stack *stack = new_stack(context, "YX", (int64_t[]) { 1000000000, 1000000000 });
    const mt_patching_options p = {
        .struct_size = sizeof p, .strategy = "stratified", .patch_size = size_64, .n_spatial = 2
    };
    mt_patching *patching;
    mt_context_get_counters(context, &before);
    check_ok(mt_patching_new(&stack, 1, &p, &patching, &err), &err);
    mt_context_get_counters(context, &after);
    assert_true(after.memory_bytes - before.memory_bytes < 4096);
    assert_int_equal(mt_patching_count(patching), 244140625000000);
    for (uint64_t i = 0; i < 1000; i++) {
        mt_patch_spec spec = get_patch(patching, 0, i * 244140625000);
        const uint64_t row = i * 244140625000 / 15625000;
        assert_int_equal(spec.coords[0] / 64, row);
    }
    assert_int_equal(mt_patching_weigh(patching, 0, 0, &one, 1, &err), MT_E_ARGUMENT);
    mt_patch_spec box = box_of(0, 0, 64, 64);
    assert_int_equal(mt_patching_exclude(patching, &box, 1, &err), MT_E_LIMIT);
    mt_patching_free(patching);
    mt_stack_close(stack);
    mt_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grids_areas_and_bins_are_those_of_careamics),
        cmocka_unit_test(excluding_a_cell_takes_corners_of_its_neighbours),
        cmocka_unit_test(weights_reduce_the_number_of_patches),
        cmocka_unit_test(corners_are_drawn_equally_often),
        cmocka_unit_test(further_attempts_are_drawn_from_all_patches),
        cmocka_unit_test(excluded_cells_are_never_touched),
        cmocka_unit_test(regions_of_weight_zero_are_not_drawn_from),
        cmocka_unit_test(weights_are_frequencies),
        cmocka_unit_test(pixels_are_visited_once_on_average),
        cmocka_unit_test(all_zero_weights_leave_no_patches),
        cmocka_unit_test(small_images_are_refused_or_padded),
        cmocka_unit_test(each_sample_has_its_own_weights),
        cmocka_unit_test(many_samples_are_changed_in_any_order),
        cmocka_unit_test(a_huge_image_needs_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
