/* SPDX-License-Identifier: BSD-3-Clause */
/* What a seed draws for a patch and for a batch, and the weights of a reduction: they belong to the results. */
#include "base/random.h"
#include "sampling/reduce.h"
#include "sampling/sampling_support.h"
#include "sampling/symmetry.h"

#include <math.h>
#include <stdbool.h>

/* One flip, of Y or of X, and then a number of quarter turns. */
static void flips_and_turns(void **state)
{
    (void)state;
    static const uint8_t turns[] = { MT_FLIP_X | MT_SWAP_YX, MT_FLIP_Y | MT_FLIP_X, MT_FLIP_Y | MT_SWAP_YX };
    for (uint64_t i = 0; i < 40; i++) {
        mt_random flip, turn;
        mt_random_start(&flip, 7, MT_STREAM_FLIP, 3, i, 0);
        mt_random_start(&turn, 7, MT_STREAM_ROTATE, 3, i, 0);
        const bool is_flipped = mt_random_double(&flip) <= 0.6, is_turned = mt_random_double(&turn) <= 0.7;
        const uint8_t axis = mt_random_below(&flip, 2) == 0 ? MT_FLIP_Y : MT_FLIP_X;
        const uint8_t turned = turns[mt_random_below(&turn, 3)];
        mt_symmetries from = { .flags = MT_AUGMENT_FLIP, .flip = 0.6, .rotate = 0.7 };
        assert_int_equal(mt_symmetry_draw(&from, 7, 3, i), is_flipped ? axis : 0);
        from.flags = MT_AUGMENT_FLIP_Y;
        assert_int_equal(mt_symmetry_draw(&from, 7, 3, i), is_flipped ? MT_FLIP_Y : 0);
        from.flags = MT_AUGMENT_FLIP_X;
        assert_int_equal(mt_symmetry_draw(&from, 7, 3, i), is_flipped ? MT_FLIP_X : 0);
        from.flags = MT_AUGMENT_ROTATE90;
        assert_int_equal(mt_symmetry_draw(&from, 7, 3, i), is_turned ? turned : 0);
        from.flags = MT_AUGMENT_FLIP | MT_AUGMENT_ROTATE90;
        const uint8_t both = mt_symmetry_draw(&from, 7, 3, i);
        if (!is_turned || !is_flipped)
            assert_int_equal(both, is_turned ? turned : is_flipped ? axis : 0);
        else /* the turn keeps its sense, and a flip of Y and a half turn is a flip of X */
            assert_int_equal(both, axis ^ turned);
    }
}

/* The patch of region 0 of an image without weights has the probability 0, not NaN. */
static void regions_without_weight(void **state)
{
    (void)state;
    static const double weights[4] = { 0 };
    const int64_t shape[2] = { 16, 16 }, size[2] = { 8, 8 };
    int64_t areas[4];
    double probabilities[4];
    mt_error err = MT_ERROR_INIT;
    mt_patching *patching = new_patching("stratified", 2, shape, size, NULL);
    check_ok(mt_patching_weigh(patching, 0, 0, weights, 4, &err), &err);
    assert_int_equal(mt_patching_count(patching), 0);
    check_ok(mt_patching_get_regions(patching, 0, 0, areas, probabilities, NULL, &err), &err);
    for (int i = 0; i < 4; i++)
        assert_true(probabilities[i] == 0);
    assert_int_equal(areas[0], 64);
    mt_patching_free(patching);
}

/* Without a factor, the offset is still added; without both, values are copied. */
static void an_offset_alone(void **state)
{
    (void)state;
    static const int64_t shape[4] = { 1, 1, 1, 3 };
    static const float values[3] = { 1, -2, 0.5F };
    for (int i = 0; i < 4; i++) {
        const double offset = i % 2 ? 0.25 : 0, scale = i / 2 ? 2 : 0;
        const mt_noise_options options = { .struct_size = sizeof options,
                                           .scale = { scale, scale },
                                           .offset = { offset, offset } };
        float out[3] = { 9, 9, 9 };
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_noise_add(NULL, values, shape, 4, &options, out, &err), &err);
        for (int k = 0; k < 3; k++)
            assert_true(out[k] == values[k] * (i / 2 ? 2 : 1) + (float)offset);
    }
}

/* They are symmetric, fall to both sides, and add up to 1. */
static void weights_of_a_reduction(void **state)
{
    (void)state;
    for (int64_t f = 2; f <= 16; f *= 2) {
        const int64_t n = mt_reduce_taps(f);
        float weights[80] = { 0 };
        double sum = 0;
        assert_true(n < 80);
        weights[n] = 77;
        mt_reduce_weights(f, weights);
        assert_true(weights[n] == 77);
        for (int64_t i = 0; i < n; i++) {
            sum += (double)weights[i];
            assert_true(weights[i] == weights[n - 1 - i]);
            assert_true(i == 0 || i >= n / 2 || weights[i] > weights[i - 1]);
        }
        assert_true(fabs(sum - 1) < 1e-6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flips_and_turns),
        cmocka_unit_test(regions_without_weight),
        cmocka_unit_test(an_offset_alone),
        cmocka_unit_test(weights_of_a_reduction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
