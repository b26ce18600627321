/* SPDX-License-Identifier: BSD-3-Clause */
/* Ensembles against their formulas: in double precision, in float32, for turned outputs, and of every dtype. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TILES = 2, CHANNELS = 3, Y = 70, X = 131, PIXELS = TILES * CHANNELS * Y * X, SAMPLES = 6, SIDE = 48 };

static const int64_t shape[4] = { TILES, CHANNELS, Y, X };
static float outputs[SAMPLES][PIXELS], turned[PIXELS], mean[PIXELS], spread[PIXELS], others[PIXELS];

static mt_ensemble *make(mt_context *context, int ndim, const int64_t *sizes)
{
    mt_ensemble *e = NULL;
    mt_error err;
    check_ok(mt_ensemble_new(context, ndim, sizes, &e, &err), &err);
    return e;
}

static void add(mt_ensemble *e, const void *data, mt_dtype dtype, int symmetry)
{
    mt_error err;
    check_ok(mt_ensemble_add(e, data, dtype, symmetry, &err), &err);
}

static void take(mt_ensemble *e, float *to_mean, float *to_spread)
{
    mt_error err;
    check_ok(mt_ensemble_take(e, to_mean, to_spread, &err), &err);
}

/* Values around level, of another range at each pixel. */
static void fill(float level)
{
    uint64_t seed = 5;
    for (int s = 0; s < SAMPLES; s++)
        for (int i = 0; i < PIXELS; i++)
            outputs[s][i] = level + (float)(1 + i % 100) * (float)random_between(&seed, -1000, 1000) / 1000;
}

/* What mt_batch.symmetries means: flips, then the swap of Y and X. planes of y rows and x columns. */
static void turn(const float *from, int planes, int y, int x, int symmetry, float *to)
{
    for (int p = 0; p < planes; p++)
        for (int r = 0; r < y; r++)
            for (int c = 0; c < x; c++) {
                int row = symmetry & 1 ? y - 1 - r : r, column = symmetry & 2 ? x - 1 - c : c;
                int at = symmetry & 4 ? column * y + row : row * x + column;
                to[p * y * x + at] = from[(p * y + r) * x + c];
            }
}

static void mean_and_spread_are_those_of_double_precision(void **state)
{
    (void)state;
    mt_ensemble *e = make(NULL, 4, shape);
    static const float levels[] = { 0, 1e4F, -1e6F };
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        fill(levels[l]);
        for (int s = 0; s < SAMPLES; s++)
            add(e, outputs[s], MT_FLOAT32, 0);
        take(e, mean, spread);
        const double error = (fabs((double)levels[l]) + 100) * 0x1p-22; /* of float32 at these values, a few times */
        for (int i = 0; i < PIXELS; i++) {
            double sum = 0, squares = 0;
            for (int s = 0; s < SAMPLES; s++)
                sum += (double)outputs[s][i];
            for (int s = 0; s < SAMPLES; s++)
                squares += pow((double)outputs[s][i] - sum / SAMPLES, 2);
            assert_true(fabs((double)mean[i] - sum / SAMPLES) <= error);
            assert_true(fabs((double)spread[i] - sqrt(squares / SAMPLES)) <= error);
        }
    }
    mt_ensemble_free(e);
}

static void the_bits_are_those_of_welford(void **state)
{
    (void)state;
    fill(300);
    for (unsigned threads = 1; threads <= 5; threads += 2) {
        const mt_context_options options = { .struct_size = sizeof options, .threads = threads };
        mt_context *context;
        assert_int_equal(mt_context_new(&options, &context, NULL), MT_OK);
        mt_ensemble *e = make(context, 4, shape);
        mt_context_free(context);
        for (int s = 0; s < SAMPLES; s++)
            add(e, outputs[s], MT_FLOAT32, 0);
        take(e, mean, spread);
        mt_ensemble_free(e);
        for (int i = 0; i < PIXELS; i++) {
            float m = 0, squares = 0;
            for (int s = 0; s < SAMPLES; s++) {
                float x = outputs[s][i], deviation = x - m;
                m = s == 0 ? x : m + deviation / (float)(s + 1);
                squares = s == 0 ? 0 : squares + deviation * (x - m);
            }
            assert_true(mean[i] == m);
            assert_true(spread[i] == sqrtf(squares / SAMPLES));
        }
    }
}

static void the_order_decides_the_bits(void **state)
{
    (void)state;
    fill(300);
    mt_ensemble *e = make(NULL, 4, shape);
    for (int s = 0; s < SAMPLES; s++)
        add(e, outputs[s], MT_FLOAT32, 0);
    take(e, mean, spread);
    for (int s = SAMPLES - 1; s >= 0; s--)
        add(e, outputs[s], MT_FLOAT32, 0);
    take(e, others, NULL);
    assert_memory_not_equal(others, mean, sizeof mean);
    for (int i = 0; i < PIXELS; i++)
        assert_true(fabsf(others[i] - mean[i]) < 1e-3F);
    mt_ensemble_free(e);
}

static void one_output_is_its_own_mean(void **state)
{
    (void)state;
    fill(-7);
    outputs[0][0] = INFINITY;
    outputs[0][1] = NAN;
    outputs[0][2] = -FLT_MAX;
    mt_ensemble *e = make(NULL, 4, shape);
    for (int time = 0; time < 2; time++) { /* the first take forgets what was added */
        add(e, outputs[0], MT_FLOAT32, 0);
        take(e, mean, spread);
        assert_memory_equal(mean, outputs[0], sizeof mean);
        for (int i = 0; i < PIXELS; i++)
            assert_true(spread[i] == 0);
    }
    mt_ensemble_free(e);
}

static void bad_values_spoil_their_own_pixels(void **state)
{
    (void)state;
    fill(2);
    mt_ensemble *e = make(NULL, 4, shape);
    outputs[1][PIXELS - 1] = NAN;
    outputs[2][PIXELS - 2] = INFINITY;
    for (int s = 0; s < SAMPLES; s++)
        add(e, outputs[s], MT_FLOAT32, 0);
    take(e, mean, spread);
    mt_ensemble_free(e);
    for (int i = 0; i < PIXELS; i++) {
        assert_int_equal(isnan(mean[i]) != 0, i >= PIXELS - 2);
        assert_int_equal(isnan(spread[i]) != 0, i >= PIXELS - 2);
    }
}

/* All symmetries of one output are the output, of planes and of volumes, whether they are square or not. */
static void symmetries_are_undone(void **state)
{
    (void)state;
    static const struct {
        int64_t sizes[5];
        int ndim, planes, y, x;
    } cases[] = { { { TILES, CHANNELS, Y, X }, 4, TILES * CHANNELS, Y, X },
                  { { TILES, CHANNELS, X, Y }, 4, TILES * CHANNELS, X, Y },
                  { { 1, 2, 5, 64, 65 }, 5, 10, 64, 65 },
                  { { 3, 1, 1, 1, 129 }, 5, 3, 1, 129 },
                  { { 1, 1, SIDE, SIDE }, 4, 1, SIDE, SIDE } };
    fill(1);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const int planes = cases[c].planes, y = cases[c].y, x = cases[c].x;
        const size_t bytes = (size_t)(planes * y * x) * sizeof(float);
        mt_ensemble *e = make(NULL, cases[c].ndim, cases[c].sizes);
        for (int symmetry = 0; symmetry < 8; symmetry++) {
            turn(outputs[0], planes, y, x, symmetry, turned);
            add(e, turned, MT_FLOAT32, symmetry);
            take(e, mean, NULL);
            assert_memory_equal(mean, outputs[0], bytes);
        }
        for (int symmetry = 0; symmetry < 8; symmetry++) {
            turn(outputs[0], planes, y, x, symmetry, turned);
            add(e, turned, MT_FLOAT32, symmetry);
        }
        take(e, mean, spread);
        assert_memory_equal(mean, outputs[0], bytes); /* eight equal values */
        for (int i = 0; i < planes * y * x; i++)
            assert_true(spread[i] == 0);
        mt_ensemble_free(e);
    }
}

/* A loader turns the patch, a network that does nothing returns it, and the ensemble turns it back. */
static void symmetries_are_those_of_a_loader(void **state)
{
    (void)state;
    static uint16_t pixels[SIDE][SIDE];
    const int64_t sizes[4] = { 1, 1, SIDE, SIDE };
    const mt_patching_options whole = { .struct_size = sizeof whole, .strategy = "whole" };
    mt_loader_options options = { .struct_size = sizeof options, .batch_size = 1, .augment = MT_AUGMENT_D4 };
    unsigned seen = 0;
    mt_stack *stack;
    mt_patching *patching;
    mt_loader *loader;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            pixels[y][x] = (uint16_t)(y * SIDE + x);
    assert_int_equal(mt_stack_from_array(NULL, pixels, MT_UINT16, "YX", sizes + 2, NULL, "image", &stack, NULL), MT_OK);
    assert_int_equal(mt_patching_new(&stack, 1, &whole, &patching, NULL), MT_OK);
    mt_ensemble *e = make(NULL, 4, sizes);
    for (options.seed = 0; options.seed < 60; options.seed++) {
        mt_batch *batch;
        assert_int_equal(mt_loader_new(patching, &options, &loader, NULL), MT_OK);
        assert_int_equal(mt_loader_next(loader, NULL, &batch, NULL), MT_OK);
        add(e, batch->arrays[0].data, MT_FLOAT32, batch->symmetries[0]);
        take(e, mean, NULL);
        for (int i = 0; i < SIDE * SIDE; i++)
            assert_true(mean[i] == (float)i);
        seen |= 1U << batch->symmetries[0];
        mt_batch_release(batch);
        mt_loader_free(loader);
    }
    assert_int_equal(seen, 0xff);
    mt_ensemble_free(e);
    mt_patching_free(patching);
    mt_stack_close(stack);
}

#define CHECK_DTYPE(type, dtype, value)                                                                                \
    do {                                                                                                               \
        static type stored[Y * X];                                                                                     \
        for (int i = 0; i < Y * X; i++)                                                                                \
            stored[(i % X) * Y + Y - 1 - i / X] = (type)(value); /* symmetry 5: Y flipped, then swapped */             \
        add(e, stored, dtype, 5);                                                                                      \
        take(e, mean, spread);                                                                                         \
        for (int i = 0; i < Y * X; i++)                                                                                \
            assert_true(mean[i] == (float)(type)(value) && spread[i] == 0);                                            \
    } while (0)

static void every_dtype_is_added(void **state)
{
    (void)state;
    mt_ensemble *e = make(NULL, 4, (int64_t[]) { 1, 1, Y, X });
    CHECK_DTYPE(uint8_t, MT_BOOL, i % 2);
    CHECK_DTYPE(uint8_t, MT_UINT8, i);
    CHECK_DTYPE(int8_t, MT_INT8, i % 256 - 128);
    CHECK_DTYPE(uint16_t, MT_UINT16, i * 7);
    CHECK_DTYPE(int16_t, MT_INT16, i * 3 - 20000);
    CHECK_DTYPE(uint32_t, MT_UINT32, UINT32_MAX - (uint32_t)i * 1000);
    CHECK_DTYPE(int32_t, MT_INT32, INT32_MIN + i * 1000);
    CHECK_DTYPE(uint64_t, MT_UINT64, UINT64_MAX - ((uint64_t)i << 45));
    CHECK_DTYPE(int64_t, MT_INT64, INT64_MIN + ((int64_t)i << 45));
    CHECK_DTYPE(float, MT_FLOAT32, i / 3.0F);
    CHECK_DTYPE(double, MT_FLOAT64, i / 3.0);
    static uint16_t halves[Y * X];
    for (int i = 0; i < Y * X; i++)
        halves[i] = (uint16_t)(0x3c00 + i % 1024); /* 1 to 2, in steps of 2^-10 */
    add(e, halves, MT_FLOAT16, 0);
    take(e, mean, NULL);
    for (int i = 0; i < Y * X; i++)
        assert_true(mean[i] == 1 + (float)(i % 1024) / 1024);
    mt_ensemble_free(e);
}

static void without_pixels_there_is_nothing_to_do(void **state)
{
    (void)state;
    static const int64_t empty[][5] = { { 0, 1, 4, 4 }, { 1, 0, 4, 4 }, { 2, 1, 0, 4 }, { 2, 1, 4, 0 } };
    for (int i = 0; i < 4; i++) {
        mt_ensemble *e = make(NULL, 4, empty[i]);
        add(e, NULL, MT_UINT8, 4);
        mean[0] = spread[0] = 5;
        take(e, mean, spread);
        assert_true(mean[0] == 5 && spread[0] == 5);
        mt_ensemble_free(e);
    }
    mt_ensemble_free(NULL);
}

static void invalid_arguments_are_errors(void **state)
{
    (void)state;
    static const struct {
        int ndim;
        int64_t sizes[6];
        const char *message;
    } cases[] = {
        { 3, { 1, 2, 3 }, "a batch has the axes BCYX or BCZYX, not 3 axes" },
        { 6, { 1, 1, 1, 1, 1, 1 }, "a batch has the axes BCYX or BCZYX, not 6 axes" },
        { -1, { 1 }, "a batch has the axes BCYX or BCZYX, not 0 axes" },
        { 4, { 1, 1, -2, 3 }, "a size of -2 pixels is negative" },
        { 4, { INT64_MAX, 2, 2, 2 }, "the batch has more elements than fit into memory" },
    };
    mt_ensemble *e = NULL;
    mt_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(mt_ensemble_new(NULL, cases[i].ndim, cases[i].sizes, &e, &err), MT_E_ARGUMENT);
        assert_string_equal(err.message, cases[i].message);
    }
    e = make(NULL, 4, shape);
    assert_int_equal(mt_ensemble_take(e, mean, NULL, &err), MT_E_ARGUMENT);
    assert_string_equal(err.message, "no output was added to the ensemble");
    assert_int_equal(mt_ensemble_add(e, outputs[0], (mt_dtype)99, 0, &err), MT_E_ARGUMENT);
    assert_string_equal(err.message, "99 is not a dtype");
    for (int symmetry = -1; symmetry <= 8; symmetry += 9) {
        assert_int_equal(mt_ensemble_add(e, outputs[0], MT_FLOAT32, symmetry, &err), MT_E_ARGUMENT);
        assert_string_equal(err.message,
                            symmetry < 0 ? "symmetry -1 is not one of 0 to 7" : "symmetry 8 is not one of 0 to 7");
    }
    assert_int_equal(mt_ensemble_take(e, mean, NULL, &err), MT_E_ARGUMENT); /* those were not added */
    mt_ensemble_free(e);
}

static void allocations_may_fail(void **state)
{
    (void)state;
    failing_allocator failing;
    mt_allocator allocator = failing_allocator_make(&failing, SIZE_MAX, 0);
    const mt_context_options options = { .struct_size = sizeof options, .threads = 1, .allocator = allocator };
    mt_context *context;
    mt_error err;
    assert_int_equal(mt_context_new(&options, &context, &err), MT_OK);
    fill(3);
    mt_status st = MT_E_MEMORY;
    for (size_t k = 0; st; k++) {
        mt_ensemble *e = NULL;
        failing.fail_at = failing.count + k;
        st = mt_ensemble_new(context, 4, shape, &e, &err);
        if (st) {
            assert_int_equal(st, MT_E_MEMORY);
            assert_null(e);
            continue;
        }
        assert_int_equal(k, 3); /* the ensemble, means, squares */
        add(e, outputs[0], MT_FLOAT32, 4 | 1);
        take(e, mean, spread);
        mt_ensemble_free(e);
    }
    mt_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean_and_spread_are_those_of_double_precision),
        cmocka_unit_test(the_bits_are_those_of_welford),
        cmocka_unit_test(the_order_decides_the_bits),
        cmocka_unit_test(one_output_is_its_own_mean),
        cmocka_unit_test(bad_values_spoil_their_own_pixels),
        cmocka_unit_test(symmetries_are_undone),
        cmocka_unit_test(symmetries_are_those_of_a_loader),
        cmocka_unit_test(every_dtype_is_added),
        cmocka_unit_test(without_pixels_there_is_nothing_to_do),
        cmocka_unit_test(invalid_arguments_are_errors),
        cmocka_unit_test(allocations_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
