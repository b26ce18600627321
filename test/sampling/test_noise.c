/* SPDX-License-Identifier: BSD-3-Clause */
/* Noise: its distributions against their closed forms, the same bits for any number of threads, refusals. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS = 4, CHANNELS = 2, SIDE = 300, PLANE = SIDE * SIDE, ALL = ITEMS * CHANNELS * PLANE };

static const int64_t shape_2d[4] = { ITEMS, CHANNELS, SIDE, SIDE };
static float batch[ALL], noisy[ALL], other[ALL];

static mt_noise_options no_noise(void)
{
    return (mt_noise_options) { .struct_size = sizeof(mt_noise_options), .seed = 5, .step = 2 };
}

static void fill(float value)
{
    for (int i = 0; i < ALL; i++)
        batch[i] = value;
}

static void add(const float *from, const int64_t *shape, const mt_noise_options *options, float *to)
{
    mt_error err;
    check_ok(mt_noise_add(NULL, from, shape, 4, options, to, &err), &err);
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The Kolmogorov-Smirnov distance of n numbers, which it sorts, times the root of n: above 1.95 with a probability of
 * 0.001. The numbers are fixed. */
static double distance_from_normal(float *values, size_t n)
{
    double most = 0;
    qsort(values, n, sizeof *values, compare);
    for (size_t i = 0; i < n; i++) {
        double p = erfc(-(double)values[i] / sqrt(2)) / 2;
        most = fmax(most, fmax(p - (double)i / (double)n, (double)(i + 1) / (double)n - p));
    }
    return most * sqrt((double)n);
}

static void gaussian_noise_is_normal(void **state)
{
    (void)state;
    double sum = 0, squares = 0, fourth = 0, neighbours = 0;
    mt_noise_options options = no_noise();
    fill(0);
    options.gaussian = 1;
    add(batch, shape_2d, &options, noisy);
    for (int i = 0; i < ALL; i++) {
        double z = (double)noisy[i];
        sum += z;
        squares += z * z;
        fourth += z * z * z * z;
        neighbours += i ? z * (double)noisy[i - 1] : 0;
    }
    assert_true(fabs(sum / ALL) < 3.3 / sqrt(ALL));
    assert_true(fabs(squares / ALL - 1) < 3.3 * sqrt(2.0 / ALL));
    assert_true(fabs(fourth / ALL - 3) < 3.3 * sqrt(96.0 / ALL));
    assert_true(fabs(neighbours / ALL) < 3.3 / sqrt(ALL));
    assert_true(distance_from_normal(noisy, ALL) < 1.95);
}

static void gaussian_noise_has_its_deviation_and_is_added(void **state)
{
    (void)state;
    mt_noise_options options = no_noise();
    fill(0);
    options.gaussian = 1;
    add(batch, shape_2d, &options, other);
    fill(100);
    options.gaussian = 0.5;
    add(batch, shape_2d, &options, noisy);
    for (int i = 0; i < ALL; i++)
        assert_true(noisy[i] == 100 + 0.5F * other[i]);
}

/* chi^2 of counts against the Poisson distribution, in cells of at least five expected. Sets the degrees of freedom. */
static double chi2_of_poisson(const float *values, size_t n, double mean, int *freedom)
{
    enum { MOST = 400 };
    double counts[MOST] = { 0 }, chi2 = 0, expected = 0, seen = 0, left = (double)n;
    *freedom = -1;
    for (size_t i = 0; i < n; i++) {
        assert_true(values[i] >= 0 && values[i] < MOST && values[i] == floorf(values[i]));
        counts[(int)values[i]]++;
    }
    for (int k = 0; k < MOST; k++) {
        double p = (double)n * exp(k * log(mean) - mean - lgamma(k + 1));
        expected += p;
        seen += counts[k];
        left -= p;
        if ((expected >= 5 && left >= 5) || k == MOST - 1) {
            chi2 += (seen - expected) * (seen - expected) / expected;
            expected = seen = 0;
            ++*freedom;
        }
    }
    return chi2;
}

static void shot_noise_is_poisson_distributed(void **state)
{
    (void)state;
    static const double means[] = { 0.01, 0.7, 3, 9.5, 10, 12.25, 40, 150 };
    static const double scale[CHANNELS] = { 1, 1 };
    mt_noise_options options = no_noise();
    options.photon_scale = scale;
    for (size_t i = 0; i < sizeof means / sizeof *means; i++) {
        int freedom;
        fill((float)means[i]);
        add(batch, shape_2d, &options, noisy);
        double chi2 = chi2_of_poisson(noisy, ALL, (double)(float)means[i], &freedom);
        assert_true(freedom >= 1 && fabs(chi2 - freedom) < 3.3 * sqrt(2.0 * freedom) + 3.3);
    }
}

/* Many photons, in units of their deviation from the mean: normal, up to a skewness and steps of their size. */
static void many_photons(void **state)
{
    (void)state;
    static const double means[] = { 1e4, 1e7, 1e9, 1e10, 1e13 };
    for (size_t i = 0; i < sizeof means / sizeof *means; i++) {
        double root = sqrt(means[i]), scale[CHANNELS] = { root, root }, offset[CHANNELS] = { means[i], means[i] };
        mt_noise_options options = no_noise();
        options.photon_scale = scale;
        options.photon_offset = offset;
        fill(0);
        add(batch, shape_2d, &options, noisy);
        assert_true(distance_from_normal(noisy, ALL) < 1.95 + 0.47 * sqrt(ALL) / root);
    }
}

static void photons_of_normalized_values_and_of_each_channel(void **state)
{
    (void)state;
    static const double scale[CHANNELS] = { 2, 50 }, offset[CHANNELS] = { 20, 100 };
    mt_noise_options options = no_noise();
    options.photon_scale = scale;
    options.photon_offset = offset;
    fill(0.5F);
    add(batch, shape_2d, &options, noisy);
    for (int c = 0; c < CHANNELS; c++) {
        double sum = 0, squares = 0, n = ITEMS * PLANE, photons = 0.5 * scale[c] + offset[c];
        for (int i = 0; i < ALL; i++)
            if (i / PLANE % CHANNELS == c) {
                sum += (double)noisy[i] - 0.5;
                squares += ((double)noisy[i] - 0.5) * ((double)noisy[i] - 0.5);
            }
        double variance = photons / scale[c] / scale[c];
        assert_true(fabs(sum / n) < 3.3 * sqrt(variance / n));
        assert_true(fabs(squares / n / variance - 1) < 3.3 * sqrt((2 + 1 / photons) / n));
    }
}

static void without_light_there_is_no_shot_noise(void **state)
{
    (void)state;
    static const int64_t shape[4] = { 1, 1, 1, 6 };
    static const float values[6] = { 0, -3, NAN, INFINITY, -INFINITY, 1e-30F };
    static const double scale[1] = { 1 };
    float got[6];
    mt_noise_options options = no_noise();
    options.photon_scale = scale;
    add(values, shape, &options, got);
    assert_memory_equal(got, values, 5 * sizeof *values);
    assert_true(got[5] == 0);
}

static void intensity_is_one_factor_and_offset_for_an_item(void **state)
{
    (void)state;
    mt_noise_options options = no_noise();
    for (int i = 0; i < ALL; i++)
        batch[i] = (float)(i % 7);
    options.scale[0] = 0.5, options.scale[1] = 2;
    options.offset[0] = -10, options.offset[1] = -5;
    add(batch, shape_2d, &options, noisy);
    for (int item = 0; item < ITEMS; item++) {
        const float *of = noisy + item * CHANNELS * PLANE, *from = batch + item * CHANNELS * PLANE;
        int zero = 0, one = 0; /* where these values stand */
        while (from[zero] != 0)
            zero++;
        while (from[one] != 1)
            one++;
        float b = of[zero], a = of[one] - b;
        assert_true(a >= 0.5F && a <= 2 && b >= -10 && b <= -5);
        for (int i = 0; i < CHANNELS * PLANE; i++)
            assert_true(fabsf(of[i] - (a * from[i] + b)) < 1e-5F);
        assert_true(item == 0 || b != noisy[zero]); /* an offset of its own */
    }
    options = no_noise();
    add(batch, shape_2d, &options, noisy);
    assert_memory_equal(noisy, batch, sizeof batch);
}

static mt_noise_options all_noise(void)
{
    static const double scale[CHANNELS] = { 2, 50 };
    mt_noise_options options = no_noise();
    options.photon_scale = scale;
    options.gaussian = 0.1;
    options.scale[0] = 0.9, options.scale[1] = 1.1;
    return options;
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    const mt_noise_options options = all_noise();
    fill(7);
    add(batch, shape_2d, &options, noisy);
    for (unsigned threads = 1; threads <= 7; threads += threads == 1 ? 1 : 5) {
        mt_context_options of = { .struct_size = sizeof of, .threads = threads };
        mt_context *context;
        assert_int_equal(mt_context_new(&of, &context, NULL), MT_OK);
        memcpy(other, batch, sizeof other);
        assert_int_equal(mt_noise_add(context, other, shape_2d, 4, &options, other, NULL), MT_OK);
        assert_memory_equal(other, noisy, sizeof noisy);
        mt_context_free(context);
    }
}

static void items_keep_their_numbers_in_any_batch(void **state)
{
    (void)state;
    static const int64_t shape[4] = { 1, CHANNELS, SIDE, SIDE };
    mt_noise_options options = all_noise();
    fill(7);
    add(batch, shape_2d, &options, noisy);
    for (int i = 0; i < ITEMS; i++) {
        options.first = (uint64_t)i;
        add(batch, shape, &options, other);
        assert_memory_equal(other, noisy + i * CHANNELS * PLANE, CHANNELS * PLANE * sizeof *other);
    }
    options.step++;
    add(batch, shape, &options, other);
    assert_memory_not_equal(other, noisy + (ITEMS - 1) * CHANNELS * PLANE, CHANNELS * PLANE * sizeof *other);
}

static void invalid_options_are_errors(void **state)
{
    (void)state;
    static const double zero[CHANNELS] = { 1, 0 }, endless[CHANNELS] = { 1, INFINITY }, one[CHANNELS] = { 1, 1 };
    static const struct {
        mt_noise_options options;
        const char *message;
    } cases[] = {
        { { .gaussian = -1 }, "gaussian is -1, not a standard deviation" },
        { { .gaussian = NAN }, "gaussian is nan, not a standard deviation" },
        { { .gaussian = INFINITY }, "gaussian is inf, not a standard deviation" },
        { { .scale = { 2, 1 } }, "scale from 2 to 1 is not a range" },
        { { .scale = { 0, 1 } }, "scale from 0 is not positive" },
        { { .offset = { 0, NAN } }, "offset from 0 to nan is not a range" },
        { { .photon_scale = zero }, "photon_scale[1] is 0, not positive" },
        { { .photon_scale = endless }, "photon_scale[1] is inf, not positive" },
        { { .photon_scale = one, .photon_offset = endless }, "photon_offset[1] is inf" },
        { { .photon_offset = one }, "photon_offset is given without photon_scale" },
    };
    mt_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_noise_options options = cases[i].options;
        options.struct_size = sizeof options;
        assert_int_equal(mt_noise_add(NULL, batch, shape_2d, 4, &options, noisy, &err), MT_E_ARGUMENT);
        assert_string_equal(err.message, cases[i].message);
    }
    assert_int_equal(mt_noise_add(NULL, batch, shape_2d, 4, NULL, noisy, &err), MT_E_ARGUMENT);
    mt_noise_options options = no_noise();
    assert_int_equal(mt_noise_add(NULL, batch, shape_2d, 4, &options, batch + 1, &err), MT_E_ARGUMENT);
    assert_string_equal(err.message, "the arrays batch and out overlap");
    assert_int_equal(mt_noise_add(NULL, batch, shape_2d, 2, &options, noisy, &err), MT_E_ARGUMENT);
    assert_int_equal(mt_noise_add(NULL, batch, (int64_t[]) { 0, 1, 4, 4 }, 4, &options, noisy, &err), MT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaussian_noise_is_normal),
        cmocka_unit_test(gaussian_noise_has_its_deviation_and_is_added),
        cmocka_unit_test(shot_noise_is_poisson_distributed),
        cmocka_unit_test(many_photons),
        cmocka_unit_test(photons_of_normalized_values_and_of_each_channel),
        cmocka_unit_test(without_light_there_is_no_shot_noise),
        cmocka_unit_test(intensity_is_one_factor_and_offset_for_an_item),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(items_keep_their_numbers_in_any_batch),
        cmocka_unit_test(invalid_options_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
