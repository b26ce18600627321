/* SPDX-License-Identifier: BSD-3-Clause */
/* Which pixels of a chunk were put: boxes that touch are one, and boxes that overlap are found. */
#include "write/cover.h"

#include "support/support.h"

#include <string.h>

/* A box of two dimensions. */
typedef struct box {
    int64_t y, x, rows, columns;
} box;

/* A box that is added to one at 10, 20 of 3 x 4 pixels. */
static const struct {
    box box;
    bool overlaps;
    size_t n; /* boxes then */
} neighbours[] = {
    { { 10, 20, 3, 4 }, true, 1 },  { { 12, 23, 1, 1 }, true, 1 },  { { 10, 20, 1, 1 }, true, 1 },
    { { 0, 0, 50, 50 }, true, 1 },  { { 8, 18, 3, 3 }, true, 1 },   { { 11, 0, 1, 50 }, true, 1 },
    { { 9, 20, 1, 4 }, false, 1 },  { { 13, 20, 2, 4 }, false, 1 }, { { 10, 19, 3, 1 }, false, 1 },
    { { 10, 24, 3, 5 }, false, 1 }, { { 13, 20, 2, 3 }, false, 2 }, { { 13, 21, 2, 4 }, false, 2 },
    { { 10, 24, 2, 5 }, false, 2 }, { { 11, 24, 3, 5 }, false, 2 }, { { 14, 20, 2, 4 }, false, 2 },
    { { 10, 25, 3, 5 }, false, 2 }, { { 8, 20, 1, 4 }, false, 2 },  { { 10, 18, 3, 1 }, false, 2 },
    { { 13, 24, 3, 4 }, false, 2 }, { { 7, 16, 3, 4 }, false, 2 },  { { 7, 24, 3, 4 }, false, 2 },
    { { 12, 24, 1, 1 }, false, 2 }, { { 9, 0, 1, 50 }, false, 2 },  { { 0, 24, 50, 1 }, false, 2 },
};

static mt_env env;

static bool add(mt_cover *cover, box b)
{
    const mt_extent extent = { { b.y, b.x }, { b.rows, b.columns } };
    bool overlaps;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_cover_add(cover, &env, 2, &extent, &overlaps, &err), &err);
    return overlaps;
}

static void boxes_touch_or_overlap(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof neighbours / sizeof *neighbours; i++)
        for (int swapped = 0; swapped < 2; swapped++) {
            const box first = { 10, 20, 3, 4 }, second = neighbours[i].box;
            mt_cover cover = { NULL, 0, 0 };
            assert_false(add(&cover, swapped ? second : first));
            if (add(&cover, swapped ? first : second) != neighbours[i].overlaps || cover.n != neighbours[i].n)
                fail_msg("box %zu: %zu boxes", i, cover.n);
            mt_cover_free(&cover, &env);
        }
    assert_int_equal(env.memory_bytes, 0);
}

/* Pixels of an area put one at a time, in random order: each is known, and all become one box. */
static void pixels_become_one_box(void **state)
{
    (void)state;
    enum { SIDE = 12, N = SIDE * SIDE };
    uint64_t random = 5;
    for (int round = 0; round < 10; round++) {
        mt_cover cover = { NULL, 0, 0 };
        bool is_put[N] = { false };
        int order[N];
        for (int i = 0; i < N; i++) {
            int j = (int)random_between(&random, 0, i);
            order[i] = order[j];
            order[j] = i;
        }
        for (int i = 0; i < N; i++) {
            assert_false(add(&cover, (box) { order[i] / SIDE, order[i] % SIDE, 1, 1 }));
            is_put[order[i]] = true;
            int64_t pixels = 0;
            for (size_t k = 0; k < cover.n; k++)
                pixels += cover.boxes[k].extent[0] * cover.boxes[k].extent[1];
            assert_int_equal(pixels, i + 1);
            int other = (int)random_between(&random, 0, N - 1);
            if (is_put[other])
                assert_true(add(&cover, (box) { other / SIDE, other % SIDE, 1, 1 }));
        }
        mt_cover_free(&cover, &env);
    }
    /* row after row, from either end, they are one box at any time */
    for (int down = 0; down < 2; down++) {
        mt_cover cover = { NULL, 0, 0 };
        for (int64_t i = 0; i < SIDE; i++) {
            assert_false(add(&cover, (box) { down ? i : SIDE - 1 - i, 3, 1, 7 }));
            assert_int_equal(cover.n, 1);
            assert_int_equal(cover.boxes[0].start[0], down ? 0 : SIDE - 1 - i);
            assert_int_equal(cover.boxes[0].extent[0], i + 1);
            assert_true(cover.boxes[0].start[1] == 3 && cover.boxes[0].extent[1] == 7);
        }
        mt_cover_free(&cover, &env);
    }
    assert_int_equal(env.memory_bytes, 0);
}

/* A box between two others joins both. */
static void a_gap_is_filled(void **state)
{
    (void)state;
    mt_cover cover = { NULL, 0, 0 };
    assert_false(add(&cover, (box) { 0, 0, 2, 5 }));
    assert_false(add(&cover, (box) { 0, 7, 2, 5 }));
    assert_false(add(&cover, (box) { 4, 0, 2, 5 }));
    assert_int_equal(cover.n, 3);
    assert_false(add(&cover, (box) { 0, 5, 2, 2 }));
    assert_int_equal(cover.n, 2);
    assert_true(add(&cover, (box) { 1, 11, 1, 1 }));
    assert_false(add(&cover, (box) { 2, 0, 2, 5 }));
    mt_cover_free(&cover, &env);
}

/* Boxes that were added before stay. */
static void memory_may_run_out(void **state)
{
    (void)state;
    failing_allocator memory;
    mt_allocator allocator = failing_allocator_make(&memory, 1, 1);
    mt_env poor;
    mt_cover cover = { NULL, 0, 0 };
    mt_status st = MT_OK;
    bool overlaps;
    int64_t n = 0;
    mt_env_init(&poor, &allocator, NULL);
    for (; !st && n < 100; n++) {
        const mt_extent apart = { { 2 * n, 0 }, { 1, 1 } };
        st = mt_cover_add(&cover, &poor, 2, &apart, &overlaps, NULL);
    }
    assert_int_equal(st, MT_E_MEMORY);
    assert_int_equal(cover.n, n - 1);
    const mt_extent last = { { 2 * (n - 2), 0 }, { 1, 1 } };
    check_ok(mt_cover_add(&cover, &poor, 2, &last, &overlaps, NULL), NULL);
    assert_true(overlaps);
    mt_cover_free(&cover, &poor);
    assert_int_equal(poor.memory_bytes, 0);
}

static int open_env(void **state)
{
    (void)state;
    mt_env_init(&env, NULL, NULL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(boxes_touch_or_overlap),
                                        cmocka_unit_test(pixels_become_one_box), cmocka_unit_test(a_gap_is_filled),
                                        cmocka_unit_test(memory_may_run_out) };
    return cmocka_run_group_tests(tests, open_env, NULL);
}
