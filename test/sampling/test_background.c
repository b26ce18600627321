/* SPDX-License-Identifier: BSD-3-Clause */
/* Filters beside a slow and plain answer: random images, patch sizes and thresholds, known values, masks. */
#include "support/plain_filter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_filter(mt_context *context, const image *im, const mt_filter_options *o)
{
    mt_stack *stack = open_image(context, im);
    outcome out = apply(stack, im, o);
    check_answers(im, &out, o);
    outcome_free(&out);
    mt_stack_close(stack);
}

/* A few spots on noise, of either sign; or all below 0. */
static void paint(image *im, uint64_t *seed, bool is_mask)
{
    int64_t levels = random_between(seed, 1, 3) == 1 ? 2 : 40;
    for (int64_t i = 0; i < im->n_pixels; i++)
        im->pixels[i] =
            is_mask ? (float)(next_random(seed) % 3 == 0) : (float)random_between(seed, -levels / 4, levels) * 0.25F;
    for (int64_t i = 0; i < im->n_pixels / 50; i++)
        im->pixels[random_between(seed, 0, im->n_pixels - 1)] = (float)random_between(seed, 20, 40);
    bool is_negative = !is_mask && random_between(seed, 0, 3) == 0;
    for (int64_t i = 0; is_negative && i < im->n_pixels; i++)
        im->pixels[i] = -fabsf(im->pixels[i]) - 0.25F;
}

static void random_images_are_judged_as_defined(void **state)
{
    (void)state;
    static const char *const filters[] = { "max", "mean_std", "shannon", "mask" };
    uint64_t seed = 7;
    mt_context *contexts[] = { new_context(1, MT_NO_CACHE), new_context(3, 0) };
    for (int round = 0; round < 400; round++) {
        int n_spatial = round % 3 == 2 ? 3 : 2;
        int64_t shape[3], patch[3];
        for (int d = 0; d < 3; d++) {
            shape[d] = random_between(&seed, 1, n_spatial == 3 ? 14 : 40);
            patch[d] = random_between(&seed, 1, n_spatial == 3 ? 5 : 11);
        }
        image im = new_image(n_spatial, shape, patch);
        const char *filter = filters[random_between(&seed, 0, 3)];
        bool is_mask = strcmp(filter, "mask") == 0;
        paint(&im, &seed, is_mask);
        double coverage = (double)random_between(&seed, 0, 16) / 16, std = (double)random_between(&seed, 0, 40) / 10.3;
        double threshold = (double)random_between(&seed, 0, 40) * 0.25;
        mt_filter_options o = options_of(filter, strcmp(filter, "max") == 0 ? threshold - 2 : threshold + 0.013);
        o.coverage = round % 2 ? &coverage : NULL;
        o.std_threshold = round % 4 < 2 ? &std : NULL;
        mt_stack *mask = is_mask ? open_image(contexts[round % 2], &im) : NULL;
        o.mask = mask;
        check_filter(contexts[round % 2], &im, &o);
        mt_stack_close(mask);
        free(im.pixels);
    }
    mt_context_free(contexts[0]);
    mt_context_free(contexts[1]);
}

/* --- Known values. --- */

static bool keeps_first(const image *im, mt_filter_options o, double coverage)
{
    mt_stack *stack = open_image(NULL, im), *mask = strcmp(o.filter, "mask") == 0 ? open_image(NULL, im) : NULL;
    o.coverage = &coverage;
    o.mask = mask;
    outcome out = apply(stack, im, &o);
    bool keep = out.keep[0];
    outcome_free(&out);
    mt_stack_close(stack);
    mt_stack_close(mask);
    return keep;
}

static void known_windows_have_known_values(void **state)
{
    (void)state;
    static const int64_t shape[3] = { 1, 8, 8 }, patch[3] = { 1, 4, 4 };
    image im = new_image(2, shape, patch);
    for (int i = 0; i < 64; i++)
        im.pixels[i] = (float)i;
    assert_false(keeps_first(&im, options_of("max", 63), 0.25));
    assert_false(keeps_first(&im, options_of("max", 60), 0.25));
    assert_true(keeps_first(&im, options_of("max", 30), 0.25));
    assert_true(keeps_first(&im, options_of("mean_std", 31.5), 0));
    assert_false(keeps_first(&im, options_of("mean_std", 31.6), 0));
    assert_true(keeps_first(&im, options_of("shannon", 6), 0));
    assert_false(keeps_first(&im, options_of("shannon", 6.001), 0));
    mt_stack *stack = open_image(NULL, &im);
    mt_filter_options o = options_of("mean_std", 0);
    outcome out = apply(stack, &im, &o);
    assert_true(out.values[0] == 31.5F && fabsf(out.values[4] - 18.473F) < 1e-3F);
    outcome_free(&out);
    mt_stack_close(stack);

    memset(im.pixels, 0, 64 * sizeof *im.pixels);
    im.pixels[3 * 8 + 3] = 5;
    assert_true(keeps_first(&im, options_of("max", 4.9), 0.25));
    assert_false(keeps_first(&im, options_of("max", 4.9), 0.26));
    assert_false(keeps_first(&im, options_of("max", 5), 0.25));
    assert_true(keeps_first(&im, options_of("shannon", 0.116114), 0));
    assert_false(keeps_first(&im, options_of("shannon", 0.116116), 0));
    for (int i = 0; i < 16; i++)
        im.pixels[i / 4 * 8 + i % 4] = 1;
    assert_true(keeps_first(&im, options_of("mask", 0), 0.25));
    assert_false(keeps_first(&im, options_of("mask", 0), 0.26));
    for (int i = 0; i < 64; i++)
        im.pixels[i] = 0.1F; /* below the threshold as float64, not as float32 */
    assert_true(keeps_first(&im, options_of("max", 0.1), 0));
    free(im.pixels);
}

static void nan_counts_as_zero_and_is_told(void **state)
{
    (void)state;
    static const int64_t shape[3] = { 3, 11, 9 }, patch[3] = { 2, 3, 4 };
    static const char *const filters[] = { "max", "mean_std", "shannon" };
    image im = new_image(3, shape, patch);
    uint64_t seed = 3, n = 0;
    paint(&im, &seed, false);
    for (int64_t i = 0; i < im.n_pixels; i++)
        if (next_random(&seed) % 7 == 0) {
            im.pixels[i] = NAN;
            n++;
        }
    im.pixels[0] = -0.0F; /* one value with 0 */
    for (int k = 0; k < 3; k++) {
        mt_filter_options o = options_of(filters[k], 1);
        mt_stack *stack = open_image(NULL, &im);
        outcome out = apply(stack, &im, &o);
        check_answers(&im, &out, &o);
        assert_int_equal(out.info.n_nan, n);
        outcome_free(&out);
        mt_stack_close(stack);
    }
    free(im.pixels);
}

static void infinite_and_huge_pixels_are_judged(void **state)
{
    (void)state;
    static const int64_t shape[3] = { 1, 8, 8 }, patch[3] = { 1, 4, 4 };
    image im = new_image(2, shape, patch);
    for (int i = 0; i < 64; i++)
        im.pixels[i] = i % 2 ? 3e38F : -3e38F;
    assert_true(keeps_first(&im, options_of("mean_std", 0), 0));
    assert_true(keeps_first(&im, options_of("max", 1e38), 1));
    im.pixels[0] = INFINITY;
    assert_true(keeps_first(&im, options_of("mean_std", 1e300), 0));
    assert_true(keeps_first(&im, options_of("max", 3.3e38), 0.1));
    free(im.pixels);
}

/* --- Masks. --- */

/* A mask of the size of the image, whose pixels are those of a smaller one. */
static image enlarge(const image *small, const image *im, const int64_t *factor)
{
    image mask = new_image(im->n_spatial, im->shape, im->patch);
    for (int64_t i = 0; i < im->n_pixels; i++) {
        int64_t at[3] = { i / im->shape[2] / im->shape[1], i / im->shape[2] % im->shape[1], i % im->shape[2] };
        for (int d = 0; d < 3; d++)
            at[d] = at[d] / factor[d] < small->shape[d] ? at[d] / factor[d] : small->shape[d] - 1;
        mask.pixels[i] = small->pixels[(at[0] * small->shape[1] + at[1]) * small->shape[2] + at[2]];
    }
    return mask;
}

static void smaller_masks_are_enlarged(void **state)
{
    (void)state;
    uint64_t seed = 11;
    mt_context *context = new_context(2, 0);
    for (int round = 0; round < 200; round++) {
        int64_t shape[3], patch[3], factor[3] = { 1, 1, 1 }, reduced[3] = { 1, 1, 1 };
        int n_spatial = 2 + round % 2;
        for (int d = 3 - n_spatial; d < 3; d++) {
            shape[d] = random_between(&seed, 16, 40);
            patch[d] = random_between(&seed, 2, 9);
            factor[d] = random_between(&seed, 1, 4);
            reduced[d] = (shape[d] + (round % 4 < 2 ? factor[d] - 1 : 0)) / factor[d];
        }
        image im = new_image(n_spatial, shape, patch), small = new_image(n_spatial, reduced, patch);
        paint(&small, &seed, true);
        image full = enlarge(&small, &im, factor);
        mt_stack *stack = open_image(context, &im), *mask = open_image(context, &small);
        mt_filter_options o = options_of("mask", 0);
        double coverage = 0.3;
        o.mask = mask;
        o.coverage = &coverage;
        memcpy(o.mask_factor, factor + 3 - n_spatial, (size_t)n_spatial * sizeof *factor);
        outcome out = apply(stack, &im, &o);
        check_answers(&full, &out, &o);
        outcome_free(&out);
        mt_stack_close(stack);
        mt_stack_close(mask);
        free(im.pixels);
        free(small.pixels);
        free(full.pixels);
    }
    mt_context_free(context);
}

/* Applies a mask of some width to an image of 20 rows. */
static mt_status try_width(int64_t width, int64_t mask_width, int64_t factor, char *message)
{
    static uint8_t pixels[20 * 2000];
    mt_stack *stack, *mask;
    mt_error err;
    check_ok(mt_stack_from_array(NULL, pixels, MT_UINT8, "YX", (int64_t[]) { 20, width }, NULL, "image", &stack, &err),
             &err);
    check_ok(mt_stack_from_array(NULL, pixels, MT_UINT8, "YX", (int64_t[]) { 20, mask_width }, NULL, "", &mask, &err),
             &err);
    mt_filter_options o = options_of("mask", 0);
    o.mask = mask;
    o.mask_factor[1] = factor;
    mt_status st = mt_filter_apply(stack, 0, (int64_t[]) { 8, 8 }, 2, &o, NULL, NULL, NULL, &err);
    snprintf(message, 508, "%s", err.message);
    mt_stack_close(stack);
    mt_stack_close(mask);
    return st;
}

static void factors_of_masks_are_found_or_asked_for(void **state)
{
    (void)state;
    char message[508];
    assert_int_equal(try_width(1001, 251, 0, message), MT_OK);
    assert_int_equal(try_width(1001, 250, 0, message), MT_OK);
    assert_int_equal(try_width(16, 4, 0, message), MT_OK); /* 4, though ceil(16 / 5) is 4, too */
    assert_int_equal(try_width(401, 26, 0, message), MT_E_ARGUMENT);
    assert_string_equal(message, "image: the mask may be smaller by 15 or 16 along X: the factors must be given");
    assert_int_equal(try_width(401, 26, 15, message), MT_OK);
    assert_int_equal(try_width(401, 26, 16, message), MT_OK);
    assert_int_equal(try_width(401, 26, 17, message), MT_E_ARGUMENT);
    assert_int_equal(try_width(401, 26, -1, message), MT_E_ARGUMENT);
    assert_int_equal(try_width(100, 200, 0, message), MT_E_ARGUMENT);
    assert_int_equal(try_width(100, 0, 0, message), MT_E_ARGUMENT);
    assert_int_equal(try_width(0, 0, 0, message), MT_OK);
}

/* --- Samples, channels, element types. --- */

static void one_channel_of_one_sample_is_judged(void **state)
{
    (void)state;
    static uint16_t pixels[3 * 2 * 16 * 16]; /* T, C, Y, X */
    static const int64_t shape[] = { 3, 2, 16, 16 }, patch[] = { 8, 8 };
    static uint8_t marks[3 * 16 * 16];
    uint8_t keep[4];
    mt_stack *stack, *mask;
    mt_error err;
    for (int i = 0; i < 16 * 16; i++) {
        pixels[(2 * 2 + 1) * 256 + i] = 60000;
        marks[256 + i] = 255;
    }
    check_ok(mt_stack_from_array(NULL, pixels, MT_UINT16, "TCYX", shape, NULL, "array", &stack, &err), &err);
    mt_filter_options o = options_of("max", 59999);
    check_ok(mt_filter_apply(stack, 2, patch, 2, &o, keep, NULL, NULL, &err), &err);
    assert_int_equal(keep[0], 0);
    o.ref_channel = 1;
    check_ok(mt_filter_apply(stack, 2, patch, 2, &o, keep, NULL, NULL, &err), &err);
    assert_int_equal(keep[0], 1);
    check_ok(mt_filter_apply(stack, 1, patch, 2, &o, keep, NULL, NULL, &err), &err);
    assert_int_equal(keep[0], 0);
    check_ok(mt_stack_from_array(NULL, marks, MT_UINT8, "TYX", (int64_t[]) { 3, 16, 16 }, NULL, "marks", &mask, &err),
             &err);
    o = options_of("mask", 0);
    o.mask = mask;
    check_ok(mt_filter_apply(stack, 1, patch, 2, &o, keep, NULL, NULL, &err), &err);
    assert_int_equal(keep[0], 1);
    check_ok(mt_filter_apply(stack, 0, patch, 2, &o, keep, NULL, NULL, &err), &err);
    assert_int_equal(keep[0], 0);
    mt_stack_close(mask);
    check_ok(mt_stack_from_array(NULL, marks + 256, MT_UINT8, "YX", shape + 2, NULL, "marks", &mask, &err), &err);
    o.mask = mask;
    check_ok(mt_filter_apply(stack, 0, patch, 2, &o, keep, NULL, NULL, &err), &err);
    assert_int_equal(keep[0], 1); /* one mask for all samples */
    mt_stack_close(mask);
    mt_stack_close(stack);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_images_are_judged_as_defined),
        cmocka_unit_test(known_windows_have_known_values),
        cmocka_unit_test(nan_counts_as_zero_and_is_told),
        cmocka_unit_test(infinite_and_huge_pixels_are_judged),
        cmocka_unit_test(smaller_masks_are_enlarged),
        cmocka_unit_test(factors_of_masks_are_found_or_asked_for),
        cmocka_unit_test(one_channel_of_one_sample_is_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
