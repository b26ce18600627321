/* SPDX-License-Identifier: BSD-3-Clause */
/* Normal deviates against the inverse of erfc in double precision; Poisson deviates against the published algorithms with
 * the same random numbers. Both belong to the results of a seed. */
#include "sampling/deviates.h"
#include "support/support.h"

#include <math.h>
#include <stdbool.h>

/* The absolute value that a standard normal deviate exceeds with probability t: Newton's method. */
static double exceeded_with(double t)
{
    double x = t > 0.5 ? 1 - t : sqrt(-2 * log(t));
    for (int i = 0; i < 60; i++)
        x += (erfc(x / sqrt(2)) - t) / (sqrt(2 / acos(-1)) * exp(-x * x / 2));
    return x;
}

static void check_normal(uint32_t word)
{
    const uint32_t words[3] = { word, word ^ 1, word };
    float out[3] = { 0, 0, 77 };
    mt_normal(words, 2, out);
    double expected = exceeded_with(((double)(float)(word >> 1) + 0.5) * 0x1p-31) * (word & 1 ? -1 : 1);
    double error = word < 256 ? 4e-4 : 5e-7; /* one of 10 million deviates has less than the precision of float */
    if (!(fabs((double)out[0] - expected) <= error * (fabs(expected) + 0.01)))
        fail_msg("word %u: %.9g, not %.9g", word, (double)out[0], expected);
    assert_true(out[1] == -out[0] && out[2] == 77); /* the lowest bit is the sign */
}

/* Centre and tails: words that are small, large, and in between. */
static void normal_deviates_have_the_precision_of_float(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int bits = 1; bits < 32; bits++)
        for (int i = 0; i < 40; i++)
            check_normal((uint32_t)(next_random(&random) >> 32) >> (32 - bits));
    for (uint32_t word = 0; word < 64; word++)
        check_normal(word);
    for (uint32_t word = 0; word < 0xFF000000; word += 0x00812345)
        check_normal(word);
}

/* The least number whose cumulative probability exceeds a uniform number. */
static double by_inversion(mt_random *random, double mean)
{
    double u = mt_random_double(random), p = exp(-mean), sum = p;
    int k = 0;
    for (; u >= sum; sum += p)
        p *= mean / ++k;
    return k;
}

/* W. Hörmann, The transformed rejection method for generating Poisson random variables (1993): PTRS. */
static double by_rejection(mt_random *random, double mean)
{
    double root = sqrt(mean), b = 0.931 + 2.53 * root, a = -0.059 + 0.02483 * b;
    double alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        double u = mt_random_double(random) - 0.5, v = mt_random_double(random), us = 0.5 - fabs(u);
        double k = floor((2 * a / us + b) * u + mean + 0.43);
        bool at_once = us >= 0.07 && v <= v_r, never = k < 0 || (us < 0.013 && v > us);
        if (at_once)
            return k;
        if (!never && log(v) + log(alpha) - log(a / (us * us) + b) <= -mean + k * log(mean) - lgamma(k + 1))
            return k;
    }
}

static double by_rounding(mt_random *random, double mean)
{
    uint32_t word = (uint32_t)mt_random_next(random);
    float z;
    mt_normal(&word, 1, &z);
    return floor(mean + sqrt(mean) * (double)z + 0.5);
}

static void poisson_deviates_are_those_of_the_algorithms(void **state)
{
    (void)state;
    static const struct {
        double mean;
        double (*draw)(mt_random *random, double mean);
    } cases[] = {
        { 0.001, by_inversion }, { 0.5, by_inversion },  { 3, by_inversion },      { 9.99, by_inversion },
        { 10, by_rejection },    { 11.5, by_rejection }, { 18, by_rejection },     { 60, by_rejection },
        { 1e3, by_rejection },   { 1e6, by_rejection },  { 0x1p30, by_rejection }, { 0x1p30 + 1, by_rounding },
        { 0x1p40, by_rounding },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_random a, b;
        mt_random_start(&a, 5, MT_STREAM_POISSON, i, 0, 0);
        b = a;
        for (int k = 0; k < 3000; k++) {
            double got = mt_poisson(&a, cases[i].mean), expected = cases[i].draw(&b, cases[i].mean);
            if (got != expected)
                fail_msg("mean %g, number %d: %g, not %g", cases[i].mean, k, got, expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_deviates_have_the_precision_of_float),
        cmocka_unit_test(poisson_deviates_are_those_of_the_algorithms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
