/* SPDX-License-Identifier: BSD-3-Clause */
/* Statistics of values at the ends of what a dtype holds: fill values, NaN, edges of bins, the most quantiles and bins. */
#include "support/folder.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static mt_stack *open_array(const void *pixels, mt_dtype dtype, const char *axes, const int64_t *shape)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(NULL, pixels, dtype, axes, shape, NULL, "array", &stack, &err), &err);
    return stack;
}

/* Computes statistics, and closes the stack. */
static mt_statistics *compute(mt_stack *stack, mt_statistics_options options)
{
    mt_statistics *s;
    mt_error err = MT_ERROR_INIT;
    options.struct_size = sizeof options;
    check_ok(mt_statistics_new(&stack, 1, &options, &s, &err), &err);
    mt_stack_close(stack);
    return s;
}

static double quantile_of(const mt_statistics *s, int64_t channel, double quantile)
{
    double value = 0;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_statistics_quantile(s, channel, quantile, &value, &err), &err);
    return value;
}

/* Reads the JSON of statistics again, with the same text as the outcome. */
static void check_reading(const mt_statistics *s)
{
    const char *text = mt_statistics_json(s);
    mt_statistics *again;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_statistics_parse(NULL, text, strlen(text), "text", &again, &err), &err);
    assert_string_equal(mt_statistics_json(again), text);
    mt_statistics_free(again);
}

/* --- Fill values. --- */

enum { ROWS = 4, COLUMNS = 6 };

/* Of a Zarr array of two chunks, of which the second is absent, and of the same pixels in memory. */
static void check_fill(mt_dtype dtype, const char *name, const char *fill, double value)
{
    static const double halves[] = { 0.25, 0.5, 0.9 };
    char text[400];
    double pixels[ROWS * COLUMNS];
    float floats[ROWS * COLUMNS];
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack;
    const mt_statistics_options options = { .quantiles = halves, .n_quantiles = 3, .bins = 5 };
    const int64_t shape[2] = { ROWS, COLUMNS };
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        pixels[i] = i < ROWS * COLUMNS / 2 ? i * 0.75 - 3 : value;
        floats[i] = (float)pixels[i];
    }
    const void *bytes = dtype == MT_FLOAT32 ? (const void *)floats : pixels;
    snprintf(text, sizeof text,
             "{\"zarr_format\": 2, \"shape\": [%d, %d], \"chunks\": [%d, %d], \"dtype\": \"%s\", \"compressor\": null, "
             "\"filters\": null, \"fill_value\": %s, \"order\": \"C\"}",
             ROWS, COLUMNS, ROWS / 2, COLUMNS, name, fill);
    write_temporary_text("fill.zarr/.zarray", text);
    write_temporary("fill.zarr/0.0", bytes, ROWS * COLUMNS / 2 * mt_dtype_size(dtype));
    check_ok(mt_stack_open(NULL, temporary_path("fill.zarr"), NULL, &stack, &err), &err);
    mt_statistics *s = compute(stack, options), *expected = compute(open_array(bytes, dtype, "YX", shape), options);
    assert_string_equal(mt_statistics_json(s), mt_statistics_json(expected));
    const mt_channel_statistics *all = mt_statistics_get(s, MT_OVERALL);
    const uint64_t half = ROWS * COLUMNS / 2;
    assert_int_equal(all->n, isfinite(value) ? 2 * half : half);
    assert_int_equal(all->n_nan, isnan(value) ? half : 0);
    assert_int_equal(all->n_infinite, isinf(value) ? half : 0);
    mt_statistics_free(s);
    mt_statistics_free(expected);
}

static void absent_chunks_of_any_fill_value(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } cases[] = { { "0.0", 0 },
                  { "1e-40", 0 },
                  { "-1e-40", 0 },
                  { "1e-38", 0 },
                  { "5e-324", 0 },
                  { "-2.5", 0 },
                  { "3.4e38", 0 },
                  { "-0.0", 0 },
                  { "\"NaN\"", NAN },
                  { "\"Infinity\"", INFINITY },
                  { "\"-Infinity\"", -INFINITY } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = cases[i].text;
        const double value = text[0] == '"' ? cases[i].value : strtod(text, NULL);
        check_fill(MT_FLOAT64, "<f8", text, value);
        check_fill(MT_FLOAT32, "<f4", text, (double)(float)value);
    }
}

/* --- NaN and infinity. --- */

static void float16_that_is_not_finite(void **state)
{
    (void)state;
    /* -2, 65504, 2^-24, -0, NaN of both signs, infinity, minus infinity twice */
    static const uint16_t pixels[] = { 0xC000, 0x7BFF, 0x0001, 0x8000, 0x7E00, 0xFC01, 0x7C00, 0xFC00, 0xFC00 };
    static const double quarter[] = { 1.0 / 3 };
    mt_statistics *s = compute(open_array(pixels, MT_FLOAT16, "YX", (int64_t[]) { 3, 3 }),
                               (mt_statistics_options) { .quantiles = quarter, .n_quantiles = 1, .bins = 2 });
    const mt_channel_statistics *all = mt_statistics_get(s, MT_OVERALL);
    assert_int_equal(all->n, 4);
    assert_int_equal(all->n_nan, 2);
    assert_int_equal(all->n_infinite, 3);
    assert_true(all->min == -2 && all->max == 65504 && all->mean == (65502 + 0x1p-24) / 4);
    assert_true(quantile_of(s, 0, quarter[0]) == 0 && !signbit(quantile_of(s, 0, quarter[0])));
    assert_int_equal(mt_statistics_histogram(s, MT_OVERALL)[0], 3);
    assert_int_equal(mt_statistics_histogram(s, MT_OVERALL)[1], 1);
    mt_statistics_free(s);
}

/* A channel without finite pixels beside another one. */
static void a_channel_without_values(void **state)
{
    (void)state;
    static const float floats[2][3] = { { NAN, NAN, INFINITY }, { 1, 4, NAN } };
    static const double doubles[2][3] = { { NAN, NAN, INFINITY }, { 1, 4, NAN } };
    static const double asked[] = { 0, 0.5, 1 };
    for (int i = 0; i < 2; i++) {
        mt_stack *stack =
            open_array(i ? (const void *)doubles : floats, i ? MT_FLOAT64 : MT_FLOAT32, "CYX", (int64_t[]) { 2, 1, 3 });
        mt_statistics *s = compute(stack, (mt_statistics_options) { .quantiles = asked, .n_quantiles = 3, .bins = 3 });
        for (int q = 0; q < 3; q++) {
            assert_true(isnan(quantile_of(s, 0, asked[q])));
            assert_true(quantile_of(s, 1, asked[q]) == 1 + 3 * asked[q]);
            assert_true(quantile_of(s, MT_OVERALL, asked[q]) == 1 + 3 * asked[q]);
        }
        const uint64_t *none = mt_statistics_histogram(s, 0), *two = mt_statistics_histogram(s, 1),
                       *both = mt_statistics_histogram(s, MT_OVERALL);
        for (int b = 0; b < 3; b++) {
            assert_int_equal(none[b], 0);
            assert_int_equal(two[b], b != 1);
            assert_int_equal(both[b], b != 1);
        }
        assert_null(mt_statistics_histogram(s, 2));
        assert_null(mt_statistics_get(s, -2));
        check_reading(s);
        mt_statistics_free(s);
    }
}

/* --- Bins. --- */

/* The last bin whose edge is not above a value. */
static size_t bin_of(double value, size_t n, double low, double high)
{
    size_t bin = 0;
    while (bin + 1 < n && value >= low + (double)(bin + 1) * ((high - low) / (double)n))
        bin++;
    return bin;
}

static void check_bins(size_t n, double low, double high)
{
    enum { MOST = 400 };
    double pixels[MOST];
    uint64_t expected[MOST] = { 0 };
    size_t count = 0;
    for (size_t i = 0; i <= n; i++) {
        const double edge = i == n ? high : low + (double)i * ((high - low) / (double)n);
        const double near[] = { edge, nextafter(edge, -INFINITY), nextafter(edge, INFINITY) };
        for (int k = 0; k < 3; k++) {
            pixels[count++] = near[k];
            if (near[k] >= low && near[k] <= high)
                expected[bin_of(near[k], n, low, high)]++;
        }
    }
    mt_statistics *s = compute(open_array(pixels, MT_FLOAT64, "YX", (int64_t[]) { 1, (int64_t)count }),
                               (mt_statistics_options) { .bins = n, .has_range = 1, .range = { low, high } });
    assert_memory_equal(mt_statistics_histogram(s, 0), expected, n * sizeof *expected);
    mt_statistics_free(s);
}

/* Values at edges belong to the bin above, but at the end of the range; just below, to the one below. */
static void values_at_the_edges_of_bins(void **state)
{
    (void)state;
    check_bins(1, 0, 1);
    check_bins(7, 0.1, 0.7);
    check_bins(10, -0.3, 1e6);
    check_bins(100, 1e-300, 1e-299);
    check_bins(64, 1e15, 1e15 + 16); /* edges are as far apart as numbers */
    check_bins(30, -1e15, -1e15 + 60);
}

static void a_range_of_more_than_the_largest_number(void **state)
{
    (void)state;
    static const double pixels[] = { -1.7e308, -1e307, 1e307, 1.7e308, 1.7e308 };
    mt_statistics *s =
        compute(open_array(pixels, MT_FLOAT64, "YX", (int64_t[]) { 1, 5 }), (mt_statistics_options) { .bins = 4 });
    static const uint64_t expected[4] = { 1, 1, 1, 2 };
    assert_memory_equal(mt_statistics_histogram(s, 0), expected, sizeof expected);
    mt_statistics_free(s);
}

/* The range of one value is widened, unless it is too large for that. */
static void constant_images(void **state)
{
    (void)state;
    const double values[] = { 3, -1e300 };
    for (int i = 0; i < 2; i++) {
        mt_statistics *s = compute(open_array(&values[i], MT_FLOAT64, "YX", (int64_t[]) { 1, 1 }),
                                   (mt_statistics_options) { .bins = 3 });
        mt_statistics_info info = { .struct_size = sizeof info };
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_statistics_get_info(s, &info, &err), &err);
        assert_true(info.range[0] == values[i] - 0.5 && info.range[1] == values[i] + 0.5);
        const uint64_t *counts = mt_statistics_histogram(s, 0);
        assert_int_equal(counts[0] + counts[1] + counts[2], 1);
        check_reading(s);
        mt_statistics_free(s);
    }
}

/* --- The most of all. --- */

static void note_total(void *user, uint64_t done, uint64_t total)
{
    uint64_t *most = user;
    assert_true(done <= total);
    *most = total > *most ? total : *most;
}

/* As many quantiles and bins as are allowed, and how often pixels are read for them. */
static void the_most_quantiles_and_bins(void **state)
{
    (void)state;
    enum { N = 65536 };
    static uint16_t words[N];
    static float floats[N];
    double quantiles[MT_MOST_QUANTILES];
    for (int i = 0; i < N; i++)
        floats[i] = words[i] = (uint16_t)i;
    for (int i = 0; i < MT_MOST_QUANTILES; i++)
        quantiles[i] = i / (MT_MOST_QUANTILES - 1.0);
    static const struct {
        bool is_float;
        size_t quantiles, bins, expected_bins;
        uint64_t passes;
    } cases[] = {
        { false, MT_MOST_QUANTILES, MT_MOST_BINS, MT_MOST_BINS, 1 },
        { false, 0, 0, 256, 1 },
        { true, 2, 0, 256, 2 },
        { true, 0, 16, 16, 2 },
        { true, 0, 0, 0, 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t total = 0;
        mt_statistics_info info = { .struct_size = sizeof info };
        mt_error err = MT_ERROR_INIT;
        mt_stack *stack = open_array(cases[i].is_float ? (const void *)floats : words,
                                     cases[i].is_float ? MT_FLOAT32 : MT_UINT16, "YX", (int64_t[]) { 256, 256 });
        mt_statistics *s = compute(stack, (mt_statistics_options) { .quantiles = quantiles,
                                                                    .n_quantiles = cases[i].quantiles,
                                                                    .bins = cases[i].bins,
                                                                    .progress = note_total,
                                                                    .user = &total });
        check_ok(mt_statistics_get_info(s, &info, &err), &err);
        assert_int_equal(info.bins, cases[i].expected_bins);
        assert_int_equal(total, cases[i].passes * N);
        for (size_t b = 0; b < info.bins; b++)
            assert_int_equal(mt_statistics_histogram(s, 0)[b], N / info.bins);
        for (size_t q = 0; q < info.n_quantiles; q++)
            assert_true(fabs(quantile_of(s, 0, quantiles[q]) - quantiles[q] * (N - 1)) < 1e-9 * N);
        check_reading(s);
        mt_statistics_free(s);
    }
}

/* --- Masks and samples. --- */

/* A mask with Z, and one that is read chunk by chunk. */
static void volumes_under_a_mask(void **state)
{
    (void)state;
    enum { T = 2, C = 2, Z = 3, Y = 4, X = 5, N = T * C * Z * Y * X };
    static uint8_t pixels[N], marks[N / C];
    uint64_t n[C] = { 0 }, sum[C] = { 0 };
    for (int i = 0; i < N; i++) {
        const int volume = Z * Y * X, t = i / volume / C, c = i / volume % C, at = t * volume + i % volume;
        pixels[i] = (uint8_t)(i * 7);
        marks[at] = at % 11 < 4;
        n[c] += marks[at];
        sum[c] += marks[at] ? pixels[i] : 0;
    }
    mt_stack *stack = open_array(pixels, MT_UINT8, "TCZYX", (int64_t[]) { T, C, Z, Y, X });
    mt_stack *mask = open_array(marks, MT_UINT8, "TZYX", (int64_t[]) { T, Z, Y, X });
    mt_statistics *s = compute(stack, (mt_statistics_options) { .masks = &mask });
    for (int c = 0; c < C; c++) {
        assert_int_equal(mt_statistics_get(s, c)->n, n[c]);
        assert_true(mt_statistics_get(s, c)->mean == (double)sum[c] / (double)n[c]);
    }
    mt_statistics_free(s);
    mt_stack_close(mask);
}

/* Every byte but 0 is true. */
static void samples_of_bool(void **state)
{
    (void)state;
    enum { SIDE = 512 };
    static uint8_t pixels[SIDE][SIDE];
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            pixels[y][x] = x % 4 == 0 ? 2 : 0;
    mt_statistics *s = compute(open_array(pixels, MT_BOOL, "YX", (int64_t[]) { SIDE, SIDE }),
                               (mt_statistics_options) { .sample_chunks = 2, .bins = 2 });
    const mt_channel_statistics *all = mt_statistics_get(s, MT_OVERALL);
    assert_int_equal(all->n, SIDE * SIDE / 2);
    assert_true(all->mean == 0.25 && all->max == 1);
    assert_true(all->mean_error == 0); /* chunks are alike */
    assert_int_equal(mt_statistics_histogram(s, 0)[1], SIDE * SIDE / 8);
    mt_statistics_free(s);
}

/* --- Refusals. --- */

static void check_refused(mt_statistics_options options, const char *message)
{
    static const uint8_t pixels[4];
    mt_stack *stack = open_array(pixels, MT_UINT8, "YX", (int64_t[]) { 2, 2 });
    mt_statistics *s;
    mt_error err = MT_ERROR_INIT;
    options.struct_size = sizeof options;
    check_failed(mt_statistics_new(&stack, 1, &options, &s, &err), MT_E_ARGUMENT, &err, message);
    mt_stack_close(stack);
}

static void numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    const double below[] = { -1e-9 }, above[] = { 1.000001 }, nan[] = { NAN }, second[] = { 0.5, 2 };
    check_refused((mt_statistics_options) { .quantiles = second, .n_quantiles = 2 }, "quantile 2 does not lie");
    check_refused((mt_statistics_options) { .quantiles = below, .n_quantiles = 1 }, "quantile -1e-09 does not lie");
    check_refused((mt_statistics_options) { .quantiles = above, .n_quantiles = 1 }, "quantile 1 does not lie");
    check_refused((mt_statistics_options) { .quantiles = nan, .n_quantiles = 1 }, "quantile nan does not lie");
    check_refused((mt_statistics_options) { .has_range = 1, .range = { 2, 2 } }, "ascending, not 2 to 2");
    check_refused((mt_statistics_options) { .has_range = 1, .range = { -INFINITY, 2 } }, "ascending, not -inf to 2");
    check_refused((mt_statistics_options) { .has_range = 1, .range = { 0, NAN } }, "ascending, not 0 to nan");
    check_refused((mt_statistics_options) { .sample_share = NAN }, "a sample of nan of the chunks");
    check_refused((mt_statistics_options) { .sample_share = 0.5, .sample_chunks = 2 }, "not both");
}

static void a_normalization_needs_two_quantiles(void **state)
{
    (void)state;
    static const uint8_t pixels[4] = { 1, 2, 3, 4 };
    static const double half[] = { 0.5 };
    mt_statistics *s = compute(open_array(pixels, MT_UINT8, "YX", (int64_t[]) { 2, 2 }),
                               (mt_statistics_options) { .quantiles = half, .n_quantiles = 1 });
    mt_normalization out;
    mt_error err = MT_ERROR_INIT;
    check_failed(mt_statistics_normalization(s, MT_NORMALIZE_QUANTILE, 0, 0.5, 0.5, &out, &err), MT_E_ARGUMENT, &err,
                 "quantiles 0.5 and 0.5: the first must be less");
    check_ok(mt_statistics_normalization(s, MT_NORMALIZE_QUANTILE, 0, 0.5, 1, &out, &err), &err);
    assert_true(out.subtract == 2.5F && out.divide == 1.5F + 1e-8F);
    mt_statistics_free(s);
    /* Small spreads show what is added to them; a spread beyond float32 is refused, though both ends are within. */
    static const float small[4] = { 0, 0, 2e-6F, 2e-6F }, wide[2] = { -3e38F, 3e38F };
    s = compute(open_array(small, MT_FLOAT32, "YX", (int64_t[]) { 2, 2 }), (mt_statistics_options) { .bins = 0 });
    check_ok(mt_statistics_normalization(s, MT_NORMALIZE_MEAN_STD, 0, 0, 0, &out, &err), &err);
    assert_true(fabsf(out.divide - 2e-6F) < 1e-12F);
    check_ok(mt_statistics_normalization(s, MT_NORMALIZE_MIN_MAX, 0, 0, 0, &out, &err), &err);
    assert_true(fabsf(out.divide - 2.01e-6F) < 1e-12F);
    assert_true(out.scale == (float)(1 / (double)out.divide) && out.offset == 0);
    mt_statistics_free(s);
    s = compute(open_array(wide, MT_FLOAT32, "YX", (int64_t[]) { 1, 2 }), (mt_statistics_options) { .bins = 0 });
    check_failed(mt_statistics_normalization(s, MT_NORMALIZE_MIN_MAX, 0, 0, 0, &out, &err), MT_E_ARGUMENT, &err,
                 "cannot be normalized in float32: its values reach");
    mt_statistics_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_chunks_of_any_fill_value),
        cmocka_unit_test(float16_that_is_not_finite),
        cmocka_unit_test(a_channel_without_values),
        cmocka_unit_test(values_at_the_edges_of_bins),
        cmocka_unit_test(a_range_of_more_than_the_largest_number),
        cmocka_unit_test(constant_images),
        cmocka_unit_test(the_most_quantiles_and_bins),
        cmocka_unit_test(volumes_under_a_mask),
        cmocka_unit_test(samples_of_bool),
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(a_normalization_needs_two_quantiles),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
