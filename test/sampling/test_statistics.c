/* SPDX-License-Identifier: BSD-3-Clause */
/* Statistics equal those computed in a plain way, for every dtype, order of axes and number of threads. */
#include "sampling/sampling_images.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double asked[] = { 0, 0.01, 0.25, 0.5, 0.987, 1 };
enum { N_ASKED = sizeof asked / sizeof *asked, BINS = 37 };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double plain_quantile(const double *sorted, size_t n, double q)
{
    double place = q * ((double)n - 1), t = place - floor(place);
    double low = sorted[(size_t)place], high = sorted[(size_t)place + 1 < n ? (size_t)place + 1 : n - 1];
    return t < 0.5 ? low + (high - low) * t : high - (high - low) * (1 - t);
}

/* error: of the expected value itself. */
static void check_close(double value, long double expected, long double tolerance, long double error)
{
    if (!(fabsl((long double)value - expected) <= tolerance * fabsl(expected) + error))
        fail_msg("%.17g instead of %.17Lg", value, expected);
}

static void check_group(const mt_statistics *s, int64_t channel, const long double *exact, size_t n)
{
    const mt_channel_statistics *c = mt_statistics_get(s, channel);
    const uint64_t *histogram = mt_statistics_histogram(s, channel);
    mt_statistics_info info = { .struct_size = sizeof info };
    mt_error err;
    uint64_t expected[BINS] = { 0 };
    long double sum = 0, squares = 0;
    double *values = malloc(n * sizeof *values);
    assert_non_null(values);
    check_ok(mt_statistics_get_info(s, &info, &err), &err);
    assert_int_equal(info.bins, BINS);
    assert_int_equal(c->n, n);
    for (size_t i = 0; i < n; i++)
        sum += exact[i];
    for (size_t i = 0; i < n; i++)
        squares += (exact[i] - sum / n) * (exact[i] - sum / n), values[i] = (double)exact[i];
    qsort(values, n, sizeof *values, compare);
    assert_true(c->min == values[0] && c->max == values[n - 1]);
    long double error = fmaxl(fabsl((long double)c->min), fabsl((long double)c->max)) * 1e-18L;
    check_close(c->mean, sum / n, 0x1p-53L, error);
    check_close(c->std, sqrtl(squares / n), 0x1p-52L, error);
    for (size_t i = 0; i < N_ASKED; i++) {
        double value;
        check_ok(mt_statistics_quantile(s, channel, asked[i], &value, &err), &err);
        if (value != plain_quantile(values, n, asked[i]))
            fail_msg("quantile %g is %.17g, not %.17g", asked[i], value, plain_quantile(values, n, asked[i]));
    }
    for (size_t i = 0; i < n; i++) {
        size_t bin = 0;
        while (bin + 1 < BINS &&
               values[i] >= (double)(bin + 1) * ((info.range[1] - info.range[0]) / BINS) + info.range[0])
            bin++;
        expected[bin]++;
    }
    assert_memory_equal(histogram, expected, sizeof expected);
    free(values);
}

static const mt_statistics_options all_of_it = {
    .struct_size = sizeof all_of_it, .quantiles = asked, .n_quantiles = N_ASKED, .bins = BINS
};

/* Checks statistics of an image of random values against those of the values as doubles. */
static void check_image(const image *im)
{
    mt_statistics *s;
    mt_error err;
    int64_t channels = mt_stack_get_info(im->stack)->data_shape[1];
    long double *values = malloc(im->n * sizeof *values);
    assert_non_null(values);
    check_ok(mt_statistics_new(&im->stack, 1, &all_of_it, &s, &err), &err);
    for (int64_t c = -1; c < channels; c++) {
        size_t n = 0;
        for (size_t i = 0; i < im->n; i++)
            if (c < 0 || image_channel(im, i) == c)
                values[n++] = image_value(im, i);
        check_group(s, c, values, n);
    }
    assert_null(mt_statistics_get(s, channels));
    assert_null(mt_statistics_histogram(s, -2));
    free(values);
    mt_statistics_free(s);
}

static void every_dtype_and_order_of_axes_is_exact(void **state)
{
    (void)state;
    static const char *const orders[] = { "YX", "CYX", "YXC", "TZYX", "XCYZ" };
    for (mt_dtype dtype = MT_BOOL; dtype <= MT_FLOAT64; dtype++)
        for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
            image im;
            image_open(&im, NULL, dtype, orders[i], (unsigned)dtype * 10 + (unsigned)i);
            check_image(&im);
            image_close(&im);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dtype_and_order_of_axes_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
