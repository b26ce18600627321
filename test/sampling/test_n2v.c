/* SPDX-License-Identifier: BSD-3-Clause */
/* N2V: CAREamics' positions, what is replaced and marked, the same bits for any number of threads, refusals. */
#include "sampling/n2v.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <math.h>
#include <stdlib.h>

enum { ITEMS = 5, CHANNELS = 2, SIDE = 40, PLANE = SIDE * SIDE, ALL = ITEMS * CHANNELS * PLANE };

static const int64_t shape_2d[4] = { ITEMS, CHANNELS, SIDE, SIDE };
static float batch[ALL], masked[ALL], other[ALL];
static uint8_t mask[ALL], other_mask[ALL];

static int prepare(void **state)
{
    (void)state;
    uint64_t seed = 9;
    for (int i = 0; i < ALL; i++)
        batch[i] = (float)random_between(&seed, 0, 1 << 20); /* hardly any value twice */
    return 0;
}

static mt_context *new_context(unsigned threads, const mt_allocator *allocator)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = threads };
    mt_context *context = NULL;
    if (allocator)
        options.allocator = *allocator;
    assert_int_equal(mt_context_new(&options, &context, NULL), MT_OK);
    return context;
}

static mt_n2v_options options_of(const char *strategy, double percentage)
{
    return (mt_n2v_options) {
        .struct_size = sizeof(mt_n2v_options), .strategy = strategy, .percentage = percentage, .seed = 7, .step = 3
    };
}

static void manipulate(const float *from, const int64_t *shape, size_t ndim, const mt_n2v_options *options, float *to,
                       uint8_t *to_mask)
{
    mt_error err;
    check_ok(mt_n2v_manipulate(NULL, from, shape, ndim, options, to, to_mask, &err), &err);
}

static int count(const uint8_t *values, size_t n)
{
    int sum = 0;
    for (size_t i = 0; i < n; i++) {
        assert_in_range(values[i], 0, 1);
        sum += values[i];
    }
    return sum;
}

typedef struct row_of_places {
    float u[2];
    int64_t at[2];
} row_of_places;

static void check_places(double percentage, int64_t side, const row_of_places *expected)
{
    mt_n2v n2v = { .planes = { .n_spatial = 2, .shape = { 1, side, side } } };
    assert_false(mt_n2v_make_grid(&n2v, percentage));
    assert_int_equal(n2v.n_boxes, 9);
    for (int64_t box = 0; box < 9; box++) {
        int64_t y = mt_n2v_place(n2v.side, box / 3, expected[box].u[0], side);
        int64_t x = mt_n2v_place(n2v.side, box % 3, expected[box].u[1], side);
        bool is_outside = expected[box].at[0] < 0;
        assert_int_equal(y == side || x == side, is_outside);
        if (!is_outside) {
            assert_int_equal(y, expected[box].at[0]);
            assert_int_equal(x, expected[box].at[1]);
        }
    }
}

/* The numbers are torch.rand((9, 2)) with the seed 42; CAREamics' positions for them; -1: left out. */
static void positions_are_those_of_careamics(void **state)
{
    (void)state;
    static const row_of_places of_64[9] = {
        { { 0x1.c3b8ccp-1F, 0x1.d47b66p-1F }, { 19, 20 } }, { { 0x1.880d70p-2F, 0x1.eb2a1cp-1F }, { 8, 43 } },
        { { 0x1.8fd1a8p-2F, 0x1.33a88ep-1F }, { 8, 58 } },  { { 0x1.06baf0p-2F, 0x1.965828p-1F }, { 28, 17 } },
        { { 0x1.e1acccp-1F, 0x1.10c3c8p-3F }, { 43, 25 } }, { { 0x1.de83a4p-1F, 0x1.2fe9acp-1F }, { 43, 57 } },
        { { 0x1.bd2294p-1F, 0x1.22ab94p-1F }, { -1, -1 } }, { { 0x1.7b70aep-1F, 0x1.b7b5d0p-2F }, { 61, 31 } },
        { { 0x1.c558c6p-1F, 0x1.25d6cep-1F }, { -1, -1 } },
    };
    row_of_places of_8[9];
    memcpy(of_8, of_64, sizeof of_8);
    static const int64_t at_8[9][2] = { { 2, 2 },   { 1, 6 },   { -1, -1 }, { 3, 2 },  { 6, 3 },
                                        { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
    for (int i = 0; i < 9; i++)
        memcpy(of_8[i].at, at_8[i], sizeof at_8[i]);
    check_places(0.2, 64, of_64);
    check_places(10, 8, of_8);
}

/* Whether a value stands in the square around a pixel of a plane, in another row and column. */
static bool is_diagonal_neighbour(const float *plane, int at, int reach, float value)
{
    for (int y = at / SIDE - reach; y <= at / SIDE + reach; y++)
        for (int x = at % SIDE - reach; x <= at % SIDE + reach; x++)
            if (y >= 0 && y < SIDE && x >= 0 && x < SIDE && y != at / SIDE && x != at % SIDE &&
                plane[y * SIDE + x] == value)
                return true;
    return false;
}

static void uniform_takes_a_value_of_another_row_and_column(void **state)
{
    (void)state;
    const mt_n2v_options options = options_of("uniform", 2);
    manipulate(batch, shape_2d, 4, &options, masked, mask);
    for (int i = 0; i < ALL; i++) {
        const float *plane = batch + i / PLANE * PLANE;
        int at = i % PLANE, y = at / SIDE, x = at % SIDE;
        bool is_inside = y >= 5 && y < SIDE - 5 && x >= 5 && x < SIDE - 5; /* else clamped */
        if (!mask[i])
            assert_true(masked[i] == batch[i]);
        else if (is_inside)
            assert_true(is_diagonal_neighbour(plane, at, 5, masked[i]));
    }
    assert_in_range(count(mask, ALL), ALL / 50 * 9 / 10, ALL / 50 * 11 / 10);
}

static void planes_have_positions_of_their_own(void **state)
{
    (void)state;
    const mt_n2v_options options = options_of(NULL, 2);
    manipulate(batch, shape_2d, 4, &options, masked, mask);
    for (int a = 0; a < ITEMS * CHANNELS; a++)
        for (int b = 0; b < a; b++) {
            int common = 0;
            for (int i = 0; i < PLANE; i++)
                common += mask[a * PLANE + i] & mask[b * PLANE + i];
            assert_in_range(common, 0, 5); /* of 32 chosen ones */
        }
}

static void items_keep_their_numbers_in_any_batch(void **state)
{
    (void)state;
    static const int64_t two[4] = { 2, CHANNELS, SIDE, SIDE };
    enum { SKIPPED = 3 * CHANNELS * PLANE, SOME = 2 * CHANNELS * PLANE };
    mt_n2v_options options = options_of("median", 1);
    manipulate(batch, shape_2d, 4, &options, masked, mask);
    options.first = 3;
    manipulate(batch + SKIPPED, two, 4, &options, other, other_mask);
    assert_memory_equal(masked + SKIPPED, other, SOME * sizeof *other);
    assert_memory_equal(mask + SKIPPED, other_mask, SOME);
    options.step++;
    manipulate(batch + SKIPPED, two, 4, &options, other, other_mask);
    assert_memory_not_equal(mask + SKIPPED, other_mask, SOME);
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    static const char *const strategies[] = { "uniform", "uniform_with_center", "median" };
    for (int s = 0; s < 3; s++) {
        mt_n2v_options options = options_of(strategies[s], 3);
        options.struct_axes = "cross";
        manipulate(batch, shape_2d, 4, &options, masked, mask);
        for (unsigned threads = 1; threads <= 7; threads += threads == 1 ? 1 : 5) {
            mt_context *context = new_context(threads, NULL);
            assert_int_equal(mt_n2v_manipulate(context, batch, shape_2d, 4, &options, other, other_mask, NULL), MT_OK);
            assert_memory_equal(masked, other, sizeof masked);
            assert_memory_equal(mask, other_mask, sizeof mask);
            memcpy(other, batch, sizeof other);
            assert_int_equal(mt_n2v_manipulate(context, other, shape_2d, 4, &options, other, other_mask, NULL), MT_OK);
            assert_memory_equal(masked, other, sizeof masked); /* in place */
            mt_context_free(context);
        }
    }
}

static void a_pattern_is_filled_and_not_marked(void **state)
{
    (void)state;
    mt_n2v_options options = options_of("uniform", 0.2);
    manipulate(batch, shape_2d, 4, &options, other, other_mask);
    options.struct_axes = "vertical";
    options.struct_span = 7;
    manipulate(batch, shape_2d, 4, &options, masked, mask);
    assert_memory_equal(mask, other_mask, sizeof mask);
    for (int i = 0; i < ALL; i++) {
        int y = i % PLANE / SIDE;
        bool is_beside = false;
        for (int dy = -3; dy <= 3; dy++)
            is_beside |= dy && y + dy >= 0 && y + dy < SIDE && mask[i + dy * SIDE];
        if (is_beside)
            assert_true(masked[i] != other[i] && masked[i] >= 0 && masked[i] <= 1 << 20);
        else
            assert_true(masked[i] == other[i]);
    }
}

static void a_median_leaves_out_copies_of_blind_pixels_at_borders(void **state)
{
    (void)state;
    /* Each row has one value, and each pixel is chosen: the median of rows above and below, without the own row. */
    static const int64_t rows[4] = { 1, 1, 3, 1 };
    static const float values[3] = { 1, 5, 9 };
    float got[3];
    uint8_t marked[3];
    mt_n2v_options options = options_of("median", 100);
    options.roi_size = 3;
    manipulate(values, rows, 4, &options, got, marked);
    assert_int_equal(count(marked, 3), 3);
    assert_true(got[0] == 5 && got[1] == 1 && got[2] == 5); /* lower median */
    options.struct_axes = "vertical";                       /* nothing is left of the region */
    options.struct_span = 3;
    const float same[3] = { 4, 4, 4 };
    manipulate(same, rows, 4, &options, got, marked);
    assert_int_equal(count(marked, 3), 0);
    assert_memory_equal(got, same, sizeof got);
}

static void the_tiniest_batches(void **state)
{
    (void)state;
    static const int64_t one[5] = { 1, 1, 1, 1, 1 }, none[4] = { 0, 1, 8, 8 }, flat[4] = { 2, 1, 0, 8 };
    const float value = 3;
    float got = 0;
    uint8_t marked = 9;
    mt_n2v_options options = options_of("uniform", 100);
    manipulate(&value, one, 5, &options, &got, &marked);
    assert_true(got == 3 && marked == 1); /* clamped to itself, and chosen, as in CAREamics */
    options.strategy = "median";
    manipulate(&value, one, 5, &options, &got, &marked);
    assert_true(got == 3 && marked == 0);
    manipulate(&value, none, 4, &options, &got, &marked);
    manipulate(&value, flat, 4, NULL, &got, &marked);
    options.percentage = 1e-300; /* one box, of infinite size */
    manipulate(&value, one, 5, &options, &got, &marked);
    assert_true(got == 3 && marked == 0);
}

static void nan_and_infinity(void **state)
{
    (void)state;
    static const int64_t shape[4] = { 1, 1, 16, 16 };
    static float values[256];
    mt_n2v_options options = options_of("median", 100);
    options.roi_size = 3;
    for (int i = 0; i < 256; i++)
        values[i] = (float)i;
    values[17 * 8] = NAN; /* y 8, x 8 */
    manipulate(values, shape, 4, &options, masked, mask);
    for (int y = 0; y < 16; y++)
        for (int x = 0; x < 16; x++) {
            bool is_near = abs(y - 8) <= 1 && abs(x - 8) <= 1 && (y != 8 || x != 8);
            assert_int_equal(isnan(masked[y * 16 + x]), is_near);
        }
    options = options_of("uniform", 100);
    options.struct_axes = "square";
    values[0] = INFINITY, values[255] = -INFINITY;
    manipulate(values, shape, 4, &options, masked, mask); /* patterns cover nearly all pixels */
    int finite = 0;
    for (int i = 0; i < 256; i++)
        finite += isfinite(masked[i]) && masked[i] >= 1 && masked[i] <= 254;
    assert_in_range(finite, 250, 256);
    for (int i = 0; i < 256; i++)
        values[i] = NAN;
    manipulate(values, shape, 4, &options, masked, mask);
    for (int i = 0; i < 256; i++)
        assert_true(isnan(masked[i]));
}

static void refuse(const mt_n2v_options *options, const int64_t *shape, size_t ndim, const char *message)
{
    mt_error err;
    assert_int_equal(mt_n2v_manipulate(NULL, batch, shape, ndim, options, masked, mask, &err), MT_E_ARGUMENT);
    assert_string_equal(err.message, message);
}

static void invalid_options_are_errors(void **state)
{
    (void)state;
    static const struct {
        mt_n2v_options options;
        const char *message;
    } cases[] = {
        { { .strategy = "mean" }, "there is no N2V strategy \"mean\": use uniform, uniform_with_center or median" },
        { { .percentage = -1 }, "a percentage of -1 is not above 0 and at most 100" },
        { { .percentage = 101 }, "a percentage of 101 is not above 0 and at most 100" },
        { { .percentage = NAN }, "a percentage of nan is not above 0 and at most 100" },
        { { .roi_size = 10 }, "roi_size is 10, not an odd number from 3 to 21" },
        { { .roi_size = 23 }, "roi_size is 23, not an odd number from 3 to 21" },
        { { .roi_size = 1 }, "roi_size is 1, not an odd number from 3 to 21" },
        { { .struct_axes = "diagonal" },
          "there is no structN2V pattern \"diagonal\": use horizontal, vertical, cross or square" },
        { { .struct_axes = "cross", .struct_span = 17 }, "struct_span is 17, not an odd number from 3 to 15" },
        { { .struct_span = 3 }, "struct_span is given without struct_axes" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_n2v_options options = cases[i].options;
        options.struct_size = sizeof options;
        refuse(&options, shape_2d, 4, cases[i].message);
    }
    mt_n2v_options options = { .struct_size = sizeof options + 8 };
    char text[80];
    snprintf(text, sizeof text, "mt_n2v_options.struct_size is %zu, not %zu", options.struct_size, sizeof options);
    refuse(&options, shape_2d, 4, text);
}

static void invalid_arrays_are_errors(void **state)
{
    (void)state;
    mt_error err;
    refuse(NULL, shape_2d, 3, "a batch has the axes BCYX or BCZYX, not 3 axes");
    refuse(NULL, (int64_t[]) { 1, 1, -4, 4 }, 4, "a size of -4 pixels is negative");
    refuse(NULL, (int64_t[]) { 1, 1, INT64_MAX / 8, 4 }, 4, "the batch has more elements than fit into memory");
    assert_int_equal(mt_n2v_manipulate(NULL, batch, shape_2d, 4, NULL, batch + 1, mask, &err), MT_E_ARGUMENT);
    assert_string_equal(err.message, "the arrays batch, masked and mask overlap");
    assert_int_equal(mt_n2v_manipulate(NULL, batch, shape_2d, 4, NULL, masked, (uint8_t *)masked, NULL), MT_E_ARGUMENT);
    assert_int_equal(mt_n2v_manipulate(NULL, batch, shape_2d, 4, NULL, masked, (uint8_t *)batch, NULL), MT_E_ARGUMENT);
}

static void a_failing_allocation_is_reported(void **state)
{
    (void)state;
    failing_allocator counting;
    mt_allocator allocator = failing_allocator_make(&counting, SIZE_MAX, 0);
    mt_context *context = new_context(1, &allocator);
    mt_error err;
    counting.fail_at = counting.count;
    memcpy(masked, batch, sizeof masked);
    assert_int_equal(mt_n2v_manipulate(context, masked, shape_2d, 4, NULL, masked, mask, &err), MT_E_MEMORY);
    assert_true(err.message[0] != 0);
    assert_memory_equal(masked, batch, sizeof masked);
    check_ok(mt_n2v_manipulate(context, masked, shape_2d, 4, NULL, masked, mask, &err), &err);
    assert_int_equal(counting.count, counting.fail_at + 2); /* one for each call */
    mt_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_are_those_of_careamics),
        cmocka_unit_test(uniform_takes_a_value_of_another_row_and_column),
        cmocka_unit_test(planes_have_positions_of_their_own),
        cmocka_unit_test(items_keep_their_numbers_in_any_batch),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(a_pattern_is_filled_and_not_marked),
        cmocka_unit_test(a_median_leaves_out_copies_of_blind_pixels_at_borders),
        cmocka_unit_test(the_tiniest_batches),
        cmocka_unit_test(nan_and_infinity),
        cmocka_unit_test(invalid_options_are_errors),
        cmocka_unit_test(invalid_arrays_are_errors),
        cmocka_unit_test(a_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
