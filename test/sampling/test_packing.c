/* SPDX-License-Identifier: BSD-3-Clause */
/* Packing of regions into bins: the same bins as CAREamics' plain algorithm, and bounded time. */
#include "sampling/packing.h"
#include "sampling/regions.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 4000, MANY = 65536 };
static double areas[MANY], left[MANY];
static uint32_t bins[MANY], expected[MANY];
static size_t order[MANY];

static int by_area(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return areas[x] != areas[y] ? (areas[x] < areas[y] ? 1 : -1) : (x < y ? -1 : 1);
}

/* The bin with the least room in which an area fits, or the one with the most; *fits says which. */
static size_t choose_bin(size_t n_bins, double area, int *fits)
{
    size_t best = n_bins, largest = 0;
    for (size_t b = 0; b < n_bins; b++) {
        double rest = left[b] - area;
        if (rest >= 0 && (best == n_bins || rest < left[best] - area))
            best = b;
        if (left[b] > left[largest])
            largest = b;
    }
    *fits = best < n_bins;
    return *fits ? best : largest;
}

static double pack_plainly(size_t n, size_t n_bins)
{
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    qsort(order, n, sizeof *order, by_area);
    double capacity = areas[order[0]];
    for (size_t b = 0; b < n_bins; b++)
        left[b] = capacity;
    for (size_t i = 0; i < n; i++) {
        const double area = areas[order[i]];
        int fits;
        size_t bin = choose_bin(n_bins, area, &fits);
        if (!fits) {
            double more = area - left[bin];
            capacity += more;
            for (size_t b = 0; b < n_bins; b++)
                left[b] += more;
        }
        expected[order[i]] = (uint32_t)bin;
        left[bin] -= area;
    }
    return capacity;
}

static double pack(size_t n, size_t n_bins)
{
    mt_env env;
    mt_error err = MT_ERROR_INIT;
    double capacity;
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_pack(&env, areas, n, n_bins, bins, &capacity, &err), &err);
    assert_int_equal(env.memory_bytes, 0);
    return capacity;
}

static double uniform(uint64_t *random) { return (double)(next_random(random) >> 11) * 0x1p-53; }

/* Areas of several kinds: any, a few values, nearly equal ones, half of them equal. */
static void make_areas(uint64_t *random, size_t n, int kind)
{
    for (size_t i = 0; i < n; i++) {
        const double u = uniform(random);
        const double few = u < 0.5 ? 409.6 : u < 0.7 ? 4096 : u < 0.8 ? 64 * 0.1 : u < 0.9 ? 64 : 0;
        const double kinds[] = { u * 4096, few, 4096 * (0.25 + u / 10), i % 2 ? 0.6 : 0.9 + u / 10 };
        areas[i] = kinds[kind];
    }
}

static void bins_are_those_of_the_plain_algorithm(void **state)
{
    (void)state;
    uint64_t random = 9;
    for (int k = 0; k < 48; k++) {
        const size_t n = k < 40 ? (size_t)random_between(&random, 2, 60) : MOST;
        const size_t blocks = k == 45 ? 512 : 1024; /* all bins fill whole blocks */
        const size_t any = (size_t)random_between(&random, 1, (int64_t)n - 1);
        const size_t n_bins = k == 47 ? n - 1 : k >= 45 ? blocks : any;
        make_areas(&random, n, k % 4);
        areas[0] = 4096;
        const double capacity = pack_plainly(n, n_bins);
        assert_true(pack(n, n_bins) == capacity);
        assert_memory_equal(bins, expected, n * sizeof *bins);
    }
}

/* Areas with which the capacity grows 10,242 times, by very little, if nothing bounds it. */
static void growth_is_bounded(void **state)
{
    (void)state;
    uint64_t random = 1;
    const size_t n_bins = MANY * 4 / 10;
    double sum = 0, fullest = 0;
    make_areas(&random, MANY, 3);
    const double capacity = pack(MANY, n_bins);
    memset(left, 0, sizeof left);
    for (size_t i = 0; i < MANY; i++) {
        assert_in_range(bins[i], 0, n_bins - 1);
        left[bins[i]] += areas[i];
        sum += areas[i];
    }
    for (size_t b = 0; b < n_bins; b++)
        fullest = left[b] > fullest ? left[b] : fullest;
    assert_true(fullest <= capacity * (1 + 1e-12));
    assert_true(capacity < 1.2 * sum / (double)n_bins);
}

static void want_of_memory_is_reported(void **state)
{
    (void)state;
    mt_env env;
    mt_error err = MT_ERROR_INIT;
    failing_allocator failing;
    double capacity;
    mt_allocator allocator = failing_allocator_make(&failing, 0, 0);
    mt_env_init(&env, &allocator, NULL);
    areas[0] = areas[1] = 1;
    assert_int_equal(mt_pack(&env, areas, 2, 1, bins, &capacity, &err), MT_E_MEMORY);
}

static void most_regions_and_cells(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        const mt_region_grid grid = { .n_regions = MT_PACKING_MOST + (i & 1), .n_cells = MT_PACKING_MOST + (i >> 1) };
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_region_plan_check(&grid, &err);
        if (i == 0)
            check_ok(st, &err);
        else
            check_failed(st, MT_E_LIMIT, &err, "at most 2^30");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_regions_and_cells),
        cmocka_unit_test(bins_are_those_of_the_plain_algorithm),
        cmocka_unit_test(growth_is_bounded),
        cmocka_unit_test(want_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
