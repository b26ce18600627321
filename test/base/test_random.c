/* SPDX-License-Identifier: BSD-3-Clause */
/* The generator against the vectors of Random123 1.14 (kat_vectors, philox4x64 10) and its numbers against their
 * definition. */
#include "base/permutation.h"
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void philox_gives_the_published_vectors(void **state)
{
    static const struct {
        uint64_t counter[4], key[2], out[4];
    } vectors[] = {
        { { 0 }, { 0 }, { 0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b, 0x7e68b68aec7ba23b } },
        { { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX },
          { UINT64_MAX, UINT64_MAX },
          { 0x87b092c3013fe90b, 0x438c3c67be8d0224, 0x9cc7d7c69cd777b6, 0xa09caebf594f0ba0 } },
        { { 0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89 },
          { 0x452821e638d01377, 0xbe5466cf34e90c6c },
          { 0xa528f45403e61d95, 0x38c72dbd566e9788, 0xa5a1610e72fd18b5, 0x57bd43b5e52b7fe6 } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint64_t out[4];
        mt_philox(vectors[i].key, vectors[i].counter, out);
        assert_memory_equal(out, vectors[i].out, sizeof out);
    }
}

static void a_sequence_is_the_blocks_of_its_counter(void **state)
{
    (void)state;
    mt_random random;
    mt_random_start(&random, 7, MT_STREAM_FLIP, 3, 11, 2);
    for (uint64_t block = 0; block < 5; block++) {
        const uint64_t key[2] = { 7, MT_STREAM_FLIP }, counter[4] = { block, 11, 3, 2 };
        uint64_t out[4];
        mt_philox(key, counter, out);
        for (int i = 0; i < 4; i++)
            assert_int_equal(mt_random_next(&random), out[i]);
    }
}

static void a_double_is_the_upper_53_bits(void **state)
{
    (void)state;
    mt_random a, b;
    mt_random_start(&a, 1, MT_STREAM_PATCH, 0, 0, 0);
    b = a;
    for (int i = 0; i < 1000; i++)
        assert_true(mt_random_double(&a) == ldexp((double)(mt_random_next(&b) >> 11), -53));
}

/* chi^2 with 9 degrees of freedom exceeds 40 with a probability below 1e-5; the numbers are fixed. */
static void numbers_below_n_are_uniform(void **state)
{
    (void)state;
    enum { N = 10, DRAWS = 100000 };
    double counts[N] = { 0 }, chi2 = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        mt_random random;
        mt_random_start(&random, 42, MT_STREAM_PATCH, 0, i, 0);
        counts[mt_random_below(&random, N)]++;
    }
    for (int i = 0; i < N; i++)
        chi2 += (counts[i] - DRAWS / N) * (counts[i] - DRAWS / N) / (DRAWS / N);
    assert_true(chi2 < 40);
}

/* For n = 3 * 2^62, four products fall on three numbers: a quarter of them is drawn again, or one number of three would
 * be twice as frequent. */
static void a_large_range_has_no_bias(void **state)
{
    (void)state;
    const uint64_t n = (uint64_t)3 << 62;
    mt_random random;
    mt_random_start(&random, 1, MT_STREAM_PATCH, 0, 0, 0);
    double counts[3] = { 0 };
    for (int i = 0; i < 30000; i++) {
        uint64_t k = mt_random_below(&random, n);
        assert_true(k < n);
        counts[k % 3]++;
    }
    for (int i = 0; i < 3; i++)
        assert_true(fabs(counts[i] - 10000) < 400);
}

static void a_range_of_one_draws_nothing(void **state)
{
    (void)state;
    mt_random a, b;
    mt_random_start(&a, 1, MT_STREAM_PATCH, 0, 0, 0);
    b = a;
    assert_int_equal(mt_random_below(&a, 1), 0);
    assert_int_equal(mt_random_next(&a), mt_random_next(&b));
}

static void a_permutation_has_each_element_once(void **state)
{
    (void)state;
    static const uint64_t sizes[] = { 1, 2, 3, 4, 5, 16, 17, 255, 256, 257, 4095, 4096, 4097, 65536, 100003 };
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        uint64_t n = sizes[k];
        uint8_t *seen = calloc(n, 1);
        mt_random random;
        mt_permutation permutation;
        mt_random_start(&random, 3, MT_STREAM_ORDER, 0, n, 0);
        mt_permutation_draw(&permutation, n, &random);
        for (uint64_t i = 0; i < n; i++) {
            uint64_t at = mt_permutation_at(&permutation, i);
            assert_true(at < n);
            assert_int_equal(seen[at], 0);
            seen[at] = 1;
        }
        free(seen);
    }
}

/* The bits of each half, and as many keys as there are rounds. */
static void a_permutation_is_drawn_for_its_size(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        unsigned half;
    } cases[] = { { 1, 1 },
                  { 4, 1 },
                  { 5, 2 },
                  { 16, 2 },
                  { 17, 3 },
                  { (uint64_t)1 << 62, 31 },
                  { ((uint64_t)1 << 62) + 1, 32 },
                  { UINT64_MAX, 32 } };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        mt_random a, b;
        mt_permutation permutation;
        mt_random_start(&a, 3, MT_STREAM_ORDER, 0, k, 0);
        b = a;
        mt_permutation_draw(&permutation, cases[k].n, &a);
        assert_int_equal(permutation.n, cases[k].n);
        assert_int_equal(permutation.half, cases[k].half);
        for (int i = 0; i < MT_PERMUTATION_ROUNDS; i++)
            assert_int_equal(permutation.keys[i], mt_random_next(&b));
        assert_int_equal(mt_random_next(&a), mt_random_next(&b));
    }
}

/* Orders of patches are the same in all versions. The numbers are from a second implementation, in Python. */
static void a_permutation_is_that_of_its_keys(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        unsigned half;
        uint64_t at, expected;
    } cases[] = { { 10, 2, 0, 5 },
                  { 10, 2, 1, 2 },
                  { 10, 2, 9, 9 },
                  { 1000, 5, 0, 547 },
                  { 1000, 5, 999, 426 },
                  { UINT64_MAX, 32, 0, 0x1d10d6e47933b2ff },
                  { UINT64_MAX, 32, UINT64_MAX - 1, 0x969d0f72367cb9b0 } };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        mt_permutation permutation = { cases[k].n, cases[k].half, { 0 } };
        for (uint64_t i = 0; i < MT_PERMUTATION_ROUNDS; i++)
            permutation.keys[i] = (i + 1) * 0x9e3779b97f4a7c15;
        assert_int_equal(mt_permutation_at(&permutation, cases[k].at), cases[k].expected);
    }
}

/* All 24 permutations of 4 elements: chi^2 with 23 degrees of freedom exceeds 60 with a probability below 1e-4. */
static void permutations_are_equally_likely(void **state)
{
    (void)state;
    enum { N = 4, PERMUTATIONS = 24, DRAWS = 24000 };
    double counts[256] = { 0 }, chi2 = 0;
    int n = 0;
    for (uint64_t epoch = 0; epoch < DRAWS; epoch++) {
        mt_random random;
        mt_permutation permutation;
        unsigned code = 0;
        mt_random_start(&random, 3, MT_STREAM_ORDER, epoch, 0, 0);
        mt_permutation_draw(&permutation, N, &random);
        for (uint64_t i = 0; i < N; i++)
            code = code << 2 | (unsigned)mt_permutation_at(&permutation, i);
        counts[code]++;
    }
    for (int i = 0; i < 256; i++)
        if (counts[i] > 0) {
            n++;
            chi2 += (counts[i] - DRAWS / PERMUTATIONS) * (counts[i] - DRAWS / PERMUTATIONS) / (DRAWS / PERMUTATIONS);
        }
    assert_int_equal(n, PERMUTATIONS);
    assert_true(chi2 < 60);
}

/* Neighbours are spread: the mean distance of consecutive elements is a third of n. */
static void neighbours_are_spread(void **state)
{
    (void)state;
    enum { N = 100000 };
    mt_random random;
    mt_permutation permutation;
    double sum = 0;
    mt_random_start(&random, 5, MT_STREAM_ORDER, 0, 0, 0);
    mt_permutation_draw(&permutation, N, &random);
    for (uint64_t i = 1; i < N; i++)
        sum += fabs((double)mt_permutation_at(&permutation, i) - (double)mt_permutation_at(&permutation, i - 1));
    assert_true(fabs(sum / N - N / 3.0) < N / 100.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_vectors),
        cmocka_unit_test(a_sequence_is_the_blocks_of_its_counter),
        cmocka_unit_test(a_double_is_the_upper_53_bits),
        cmocka_unit_test(numbers_below_n_are_uniform),
        cmocka_unit_test(a_large_range_has_no_bias),
        cmocka_unit_test(a_range_of_one_draws_nothing),
        cmocka_unit_test(a_permutation_has_each_element_once),
        cmocka_unit_test(a_permutation_is_drawn_for_its_size),
        cmocka_unit_test(a_permutation_is_that_of_its_keys),
        cmocka_unit_test(permutations_are_equally_likely),
        cmocka_unit_test(neighbours_are_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
