/* SPDX-License-Identifier: BSD-3-Clause */
/* N2V equals a slow and plain computation with the same random numbers, bit by bit. */
#include "base/random.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 2 * 2 * 4 * 13 * 17, MOST_REGION = 11 * 11 * 11 };

typedef struct plain {
    const mt_n2v_options *o;
    size_t n_spatial;
    int64_t shape[3]; /* ZYX of a plane */
    int64_t radius;
    const float *from;
    float *to;
    uint8_t *mask;
    mt_random places, values;
    int64_t chosen[MOST][3];
    size_t n_chosen;
} plain;

static int64_t clamped(int64_t i, int64_t n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

static size_t index_of(const plain *p, const int64_t at[3])
{
    return (size_t)((at[0] * p->shape[1] + at[1]) * p->shape[2] + at[2]);
}

/* Python's offsets[k - radius], which for a negative index counts from the end. */
static int64_t drawn_offset(const plain *p, int64_t k)
{
    int64_t offsets[2 * 10 + 1], n = 0, i = k - p->radius;
    for (int64_t offset = -p->radius; offset <= p->radius; offset++)
        if (offset != 0 || strcmp(p->o->strategy, "uniform_with_center") == 0)
            offsets[n++] = offset;
    return offsets[i < 0 ? n + i : i];
}

static float draw_uniform(plain *p, const int64_t at[3])
{
    int64_t from[3] = { 0 };
    uint64_t side = (uint64_t)(2 * p->radius + 1), fraction = mt_random_next(&p->values) >> 5; /* 59 bits */
    for (size_t d = 3 - p->n_spatial; d < 3; d++) {
        uint64_t digit = fraction * side >> 59;
        fraction = fraction * side & ((UINT64_C(1) << 59) - 1);
        from[d] = clamped(at[d] + drawn_offset(p, (int64_t)digit), p->shape[d]);
    }
    return p->from[index_of(p, from)];
}

/* Whether the pattern has a pixel at this distance, not counting the chosen one. */
static bool in_pattern(const plain *p, int64_t dy, int64_t dx)
{
    const char *axes = p->o->struct_axes;
    int64_t reach = (p->o->struct_span ? p->o->struct_span : 5) / 2;
    if (!axes || (dy == 0 && dx == 0) || llabs(dy) > reach || llabs(dx) > reach)
        return false;
    return strcmp(axes, "square") == 0 || (strcmp(axes, "vertical") != 0 && dy == 0) ||
           (strcmp(axes, "horizontal") != 0 && dx == 0);
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static bool find_median(plain *p, const int64_t at[3], float *out)
{
    static float region[MOST_REGION];
    size_t n = 0;
    int64_t depth = p->n_spatial == 3 ? p->radius : 0, q[3];
    bool has_nan = false;
    for (int64_t z = at[0] - depth; z <= at[0] + depth; z++)
        for (int64_t y = at[1] - p->radius; y <= at[1] + p->radius; y++)
            for (int64_t x = at[2] - p->radius; x <= at[2] + p->radius; x++) {
                q[0] = clamped(z, p->shape[0]), q[1] = clamped(y, p->shape[1]), q[2] = clamped(x, p->shape[2]);
                int64_t dy = q[1] - at[1], dx = q[2] - at[2];
                if (q[0] == at[0] && ((dy == 0 && dx == 0) || in_pattern(p, dy, dx)))
                    continue;
                region[n] = p->from[index_of(p, q)];
                has_nan |= isnan(region[n++]);
            }
    if (n == 0)
        return false;
    if (!has_nan)
        qsort(region, n, sizeof *region, ascending);
    *out = has_nan ? NAN : region[(n - 1) / 2];
    return true;
}

static void choose_in_box(plain *p, const int64_t box[3], float side)
{
    int64_t at[3] = { 0 };
    uint64_t bits = mt_random_next(&p->places);
    for (size_t d = 3 - p->n_spatial; d < 3; d++, bits >>= 21) {
        float start = (float)box[d] * side, offset = (float)(bits & 0x1FFFFF) * 0x1p-21F * side;
        if (start + offset >= (float)p->shape[d])
            return;
        at[d] = (int64_t)(start + offset);
    }
    float value;
    if (strcmp(p->o->strategy, "median") != 0)
        value = draw_uniform(p, at);
    else if (!find_median(p, at, &value))
        return;
    p->to[index_of(p, at)] = value;
    p->mask[index_of(p, at)] = 1;
    memcpy(p->chosen[p->n_chosen++], at, sizeof at);
}

static void fill_pattern(plain *p)
{
    const size_t n = (size_t)(p->shape[0] * p->shape[1] * p->shape[2]);
    float low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        low = isfinite(p->to[i]) ? fminf(low, p->to[i]) : low;
        high = isfinite(p->to[i]) ? fmaxf(high, p->to[i]) : high;
    }
    for (int64_t dy = -7; dy <= 7 && low <= high; dy++)
        for (int64_t dx = -7; dx <= 7; dx++)
            for (size_t i = 0; in_pattern(p, dy, dx) && i < p->n_chosen; i++) {
                const int64_t q[3] = { p->chosen[i][0], p->chosen[i][1] + dy, p->chosen[i][2] + dx };
                if (q[1] >= 0 && q[1] < p->shape[1] && q[2] >= 0 && q[2] < p->shape[2])
                    p->to[index_of(p, q)] =
                        (float)((double)low + mt_random_double(&p->values) * ((double)high - (double)low));
            }
}

static void manipulate_plane(plain *p, uint64_t item, uint64_t channel)
{
    const float side = (float)pow(100 / p->o->percentage, 1.0 / (double)p->n_spatial);
    int64_t boxes[3], box[3];
    mt_random_start(&p->places, p->o->seed, MT_STREAM_MASK, p->o->step, item, channel);
    mt_random_start(&p->values, p->o->seed, MT_STREAM_REPLACE, p->o->step, item, channel);
    for (size_t d = 0; d < 3; d++)
        boxes[d] = d < 3 - p->n_spatial ? 1 : (int64_t)ceilf((float)p->shape[d] / side);
    p->n_chosen = 0;
    for (box[0] = 0; box[0] < boxes[0]; box[0]++)
        for (box[1] = 0; box[1] < boxes[1]; box[1]++)
            for (box[2] = 0; box[2] < boxes[2]; box[2]++)
                choose_in_box(p, box, side);
    fill_pattern(p);
}

static float batch[MOST], expected[MOST], got[MOST];
static uint8_t expected_mask[MOST], mask[MOST];

static void check(const int64_t *shape, size_t ndim, const mt_n2v_options *o)
{
    static plain p;
    size_t elements = 1, n = (size_t)(shape[0] * shape[1]);
    mt_error err = MT_ERROR_INIT;
    p = (plain) { .o = o, .n_spatial = ndim - 2, .shape = { 1, 1, 1 }, .radius = o->roi_size / 2 };
    memcpy(p.shape + 5 - ndim, shape + 2, (ndim - 2) * sizeof *shape);
    for (size_t d = 2; d < ndim; d++)
        elements *= (size_t)shape[d];
    memcpy(expected, batch, n * elements * sizeof *batch);
    memset(expected_mask, 0, sizeof expected_mask);
    for (size_t i = 0; i < n; i++) {
        p.from = batch + i * elements;
        p.to = expected + i * elements;
        p.mask = expected_mask + i * elements;
        manipulate_plane(&p, o->first + i / (size_t)shape[1], i % (size_t)shape[1]);
    }
    check_ok(mt_n2v_manipulate(NULL, batch, shape, ndim, o, got, mask, &err), &err);
    assert_memory_equal(mask, expected_mask, n * elements);
    for (size_t i = 0; i < n * elements; i++)
        assert_true(got[i] == expected[i] || (isnan(got[i]) && isnan(expected[i])));
}

static void check_all(const int64_t *shape, size_t ndim)
{
    static const char *const strategies[] = { "uniform", "uniform_with_center", "median" };
    static const char *const axes[] = { NULL, "horizontal", "vertical", "cross", "square" };
    static const double percentages[] = { 100, 11, 0.7 };
    for (int k = 0; k < 3 * 5 * 3; k++) {
        const mt_n2v_options o = { .struct_size = sizeof o,
                                   .strategy = strategies[k % 3],
                                   .percentage = percentages[k / 15],
                                   .roi_size = k / 3 % 2 ? 11 : 3,
                                   .struct_axes = axes[k / 3 % 5],
                                   .struct_span = axes[k / 3 % 5] ? 3 + k % 7 * 2 : 0,
                                   .seed = 70 + (uint64_t)k,
                                   .step = 5,
                                   .first = 9 };
        if (o.strategy != strategies[2] || o.roi_size == 3 || ndim == 4)
            check(shape, ndim, &o);
    }
}

static void planes_and_volumes(void **state)
{
    (void)state;
    static const int64_t plane[] = { 2, 2, 13, 17 }, volume[] = { 1, 2, 4, 7, 9 }, rows[] = { 2, 1, 3, 1 };
    uint64_t seed = 3;
    for (int i = 0; i < MOST; i++)
        batch[i] = (float)random_between(&seed, -500, 500) / 8;
    check_all(plane, 4);
    check_all(volume, 5);
    check_all(rows, 4);
    batch[40] = NAN, batch[90] = -INFINITY, batch[300] = INFINITY; /* the range of a pattern is of the finite ones */
    check_all(plane, 4);
    check_all(volume, 5);
    for (int i = 0; i < MOST; i++)
        batch[i] = i % 3 ? NAN : INFINITY; /* without any, nothing is filled */
    batch[13 * 17 + 5] = -4;               /* one value is a range */
    check_all(plane, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(planes_and_volumes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
