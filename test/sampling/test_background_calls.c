/* SPDX-License-Identifier: BSD-3-Clause */
/* Filters: images larger than the budget, custom stacks, errors, progress, failing allocations. */
#include "support/plain_filter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- Large images. --- */

/* A layer of windows that exceeds the budget is cut into strips, with the same outcome. */
static void strips_give_the_same_outcome(void **state)
{
    (void)state;
    enum { DEPTH = 33, SIDE = 640 };
    enum { N = DEPTH * SIDE * SIDE };
    float *pixels = malloc(N * sizeof *pixels);
    static const int64_t shape[] = { DEPTH, SIDE, SIDE }, patch[] = { 16, 60, 60 };
    static uint8_t keep[2][2 * 10 * 10];
    static float values[2][2 * 10 * 10];
    uint64_t seed = 5, delivered[2], n_nan = 0;
    assert_non_null(pixels);
    for (size_t i = 0; i < N; i++) {
        pixels[i] = next_random(&seed) % 64 ? (float)(next_random(&seed) % (i / SIDE % SIDE / 3 + 1)) : NAN;
        n_nan += isnan(pixels[i]);
    }
    for (int k = 0; k < 2; k++) {
        mt_context *context = new_context(2, k ? 1 << 20 : 1 << 30);
        mt_stack *stack;
        mt_error err;
        mt_counters counters;
        mt_filter_options o = options_of("max", 200);
        check_ok(mt_stack_from_array(context, pixels, MT_FLOAT32, "ZYX", shape, NULL, "array", &stack, &err), &err);
        mt_filter_info info = { .struct_size = sizeof info };
        check_ok(mt_filter_apply(stack, 0, patch, 3, &o, keep[k], values[k], &info, &err), &err);
        assert_int_equal(info.n_nan, n_nan);
        mt_context_get_counters(context, &counters);
        delivered[k] = counters.bytes_delivered;
        assert_in_range(counters.memory_peak, 0, k ? 160 << 20 : 400 << 20);
        mt_stack_close(stack);
        mt_context_free(context);
    }
    assert_int_equal(delivered[0], N * sizeof *pixels); /* each pixel once */
    assert_in_range(delivered[1], N * sizeof *pixels + 1, N * sizeof *pixels * 5 / 4);
    assert_memory_equal(keep[0], keep[1], sizeof keep[0]);
    assert_memory_equal(values[0], values[1], sizeof values[0]);
    free(pixels);
}

/* --- Custom stacks, errors, cancelling. --- */

static mt_status extract_ramp(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                              const int64_t *coords, const int64_t *size, float *out, mt_error *err)
{
    (void)sample, (void)channels, (void)n_channels;
    if (self && coords[0] >= 16)
        return mt_fail(err, MT_E_IO, "row %d is out of reach", (int)coords[0]);
    for (int64_t y = 0; y < size[0]; y++)
        for (int64_t x = 0; x < size[1]; x++)
            *out++ = (float)((coords[0] + y) * 50 + coords[1] + x);
    return MT_OK;
}

static mt_stack *open_ramp(int64_t rows, void *self)
{
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = extract_ramp };
    const mt_stack_info info = { .struct_size = sizeof info,
                                 .source = "ramp",
                                 .dtype = MT_FLOAT32,
                                 .original_axes = "YX",
                                 .original_ndim = 2,
                                 .original_shape = { rows, 50 } };
    mt_stack *stack;
    mt_error err;
    check_ok(mt_stack_new(NULL, &ops, self, &info, &stack, &err), &err);
    return stack;
}

static void custom_stacks_are_judged(void **state)
{
    (void)state;
    static const int64_t shape[3] = { 1, 31, 50 }, patch[3] = { 1, 8, 8 };
    image im = new_image(2, shape, patch);
    mt_stack *stack = open_ramp(31, NULL);
    for (int i = 0; i < 31 * 50; i++)
        im.pixels[i] = (float)i;
    mt_filter_options o = options_of("max", 700);
    outcome out = apply(stack, &im, &o);
    check_answers(&im, &out, &o);
    outcome_free(&out);
    mt_stack_close(stack);
    free(im.pixels);
}

static void an_image_that_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    mt_error err;
    mt_filter_options o = options_of("mean_std", 0);
    mt_stack *stack = open_ramp(100000, &o);
    assert_int_equal(mt_filter_apply(stack, 0, (int64_t[]) { 8, 8 }, 2, &o, NULL, NULL, NULL, &err), MT_E_IO);
    assert_non_null(strstr(err.message, "is out of reach"));
    mt_stack_close(stack);
}

typedef struct watch {
    uint64_t done, total;
    int calls, stop_at; /* the call of cancelled that stops */
} watch;

static int cancelled(void *user)
{
    watch *w = user;
    return ++w->calls == w->stop_at;
}

static void progress(void *user, uint64_t done, uint64_t total)
{
    watch *w = user;
    assert_true(done >= w->done && done <= total);
    w->done = done;
    w->total = total;
}

static void progress_is_told_and_the_caller_can_stop(void **state)
{
    (void)state;
    static const int64_t shape[3] = { 1, 3000, 1000 }, patch[3] = { 1, 8, 8 };
    image im = new_image(2, shape, patch);
    mt_stack *stack = open_image(NULL, &im);
    mt_error err;
    watch w = { .stop_at = 0 };
    mt_filter_options o = options_of("max", 0);
    o.cancelled = cancelled;
    o.progress = progress;
    o.user = &w;
    check_ok(mt_filter_apply(stack, 0, patch + 1, 2, &o, NULL, NULL, NULL, &err), &err);
    assert_int_equal(w.done, 375 * 125);
    assert_int_equal(w.total, 375 * 125);
    assert_in_range(w.calls, 3, INT64_MAX);
    w = (watch) { .stop_at = 2 };
    assert_int_equal(mt_filter_apply(stack, 0, patch + 1, 2, &o, NULL, NULL, NULL, &err), MT_E_CANCELLED);
    mt_stack_close(stack);
    free(im.pixels);
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    static const int64_t shape[3] = { 1, 32, 32 }, patch[] = { 8, 8 }, none[] = { 0, 8 }, huge[] = { 1LL << 62, 8 };
    image im = new_image(2, shape, shape), other = new_image(2, (int64_t[]) { 1, 32, 17 }, shape);
    mt_stack *stack = open_image(NULL, &im), *mask = open_image(NULL, &im), *wrong = open_image(NULL, &other);
    double two = 2, negative = -1;
    const struct {
        int64_t sample;
        const int64_t *patch;
        size_t n;
        mt_filter_options o;
        mt_status status;
        const char *message;
    } cases[] = {
        { 0, patch, 2, { .filter = "median" }, MT_E_ARGUMENT, "array: there is no filter \"median\"" },
        { 0, patch, 2, { .filter = NULL }, MT_E_ARGUMENT, "array: there is no filter \"\"" },
        { 0,
          patch,
          3,
          { .filter = "max" },
          MT_E_ARGUMENT,
          "array: 3 patch sizes for an image with the spatial axes YX" },
        { 0, none, 2, { .filter = "max" }, MT_E_ARGUMENT, "array: a patch size of 0 along Y is not positive" },
        { 1,
          patch,
          2,
          { .filter = "max" },
          MT_E_RANGE,
          "array: sample 1 is out of bounds: the image has 1, counted from 0" },
        { -1,
          patch,
          2,
          { .filter = "max" },
          MT_E_RANGE,
          "array: sample -1 is out of bounds: the image has 1, counted from 0" },
        { 0,
          patch,
          2,
          { .filter = "max", .ref_channel = 1 },
          MT_E_RANGE,
          "array: channel 1 is out of bounds: the image has 1, counted from 0" },
        { 0, patch, 2, { .filter = "max", .threshold = NAN }, MT_E_ARGUMENT, "array: the threshold is not a number" },
        { 0, patch, 2, { .filter = "max", .coverage = &two }, MT_E_ARGUMENT, "array: a coverage of 2 is not" },
        { 0,
          patch,
          2,
          { .filter = "max", .mask = mask },
          MT_E_ARGUMENT,
          "array: only the filter \"mask\" takes a mask" },
        { 0, patch, 2, { .filter = "mask" }, MT_E_ARGUMENT, "array: the filter \"mask\" needs a mask" },
        { 0, patch, 2, { .filter = "mean_std", .threshold = -1 }, MT_E_ARGUMENT, "array: the threshold of the mean" },
        { 0, patch, 2, { .filter = "mean_std", .std_threshold = &negative }, MT_E_ARGUMENT, "array: the threshold of" },
        { 0, patch, 2, { .filter = "shannon", .threshold = -1 }, MT_E_ARGUMENT, "array: the threshold of the entropy" },
        { 0, patch, 2, { .filter = "mask", .mask = wrong }, MT_E_ARGUMENT, "array: the mask has 17 pixels along X" },
        { 0,
          patch,
          2,
          { .filter = "mask", .mask = mask, .ref_channel = 2 },
          MT_E_RANGE,
          "array: channel 2 is out of bounds: the mask has 1, counted from 0" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_filter_options o = cases[i].o;
        mt_error err = MT_ERROR_INIT;
        o.struct_size = sizeof o;
        assert_int_equal(
            mt_filter_apply(stack, cases[i].sample, cases[i].patch, cases[i].n, &o, NULL, NULL, NULL, &err),
            cases[i].status);
        if (strncmp(err.message, cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("%s", err.message);
    }
    mt_filter_options o = options_of("max", 0);
    mt_filter_info info = { .struct_size = sizeof info };
    assert_int_equal(mt_filter_apply(stack, 0, patch, 2, NULL, NULL, NULL, NULL, NULL), MT_E_ARGUMENT);
    assert_int_equal(mt_filter_apply(stack, 0, huge, 2, &o, NULL, NULL, &info, NULL), MT_E_MEMORY);
    check_ok(mt_filter_apply(stack, 0, (int64_t[]) { 34, 8 }, 2, &o, NULL, NULL, &info, NULL), NULL);
    assert_int_equal(info.n_regions, 4); /* an image smaller than a patch is padded */
    info.struct_size = 0;
    assert_int_equal(mt_filter_apply(stack, 0, patch, 2, &o, NULL, NULL, &info, NULL), MT_E_ARGUMENT);
    mt_stack_close(stack);
    mt_stack_close(mask);
    mt_stack_close(wrong);
    free(im.pixels);
    free(other.pixels);
}

static void failing_allocations_are_told_and_leak_nothing(void **state)
{
    (void)state;
    static const int64_t shape[3] = { 1, 40, 40 }, patch[3] = { 1, 8, 8 };
    image im = new_image(2, shape, patch);
    bool fails = true;
    for (size_t k = 0; fails; k++) {
        failing_allocator failing;
        mt_context_options options = { .struct_size = sizeof options,
                                       .threads = 2,
                                       .allocator = failing_allocator_make(&failing, SIZE_MAX, 0) };
        mt_context *context;
        mt_counters before, after;
        mt_error err;
        mt_filter_options o = options_of("shannon", 1);
        check_ok(mt_context_new(&options, &context, &err), &err);
        mt_stack *stack = open_image(context, &im);
        mt_context_get_counters(context, &before);
        failing.fail_at = failing.count + k;
        mt_status st = mt_filter_apply(stack, 0, patch + 1, 2, &o, NULL, NULL, NULL, &err);
        fails = failing.count > failing.fail_at;
        failing.fail_at = SIZE_MAX;
        assert_int_equal(st, fails ? MT_E_MEMORY : MT_OK);
        mt_context_drop_cache(context);
        mt_context_get_counters(context, &after);
        assert_true(!fails || after.memory_bytes <= before.memory_bytes + (64 << 10));
        mt_stack_close(stack);
        mt_context_free(context);
        assert_in_range(k, 0, 100);
    }
    free(im.pixels);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strips_give_the_same_outcome),
        cmocka_unit_test(custom_stacks_are_judged),
        cmocka_unit_test(an_image_that_cannot_be_read_is_an_error),
        cmocka_unit_test(progress_is_told_and_the_caller_can_stop),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(failing_allocations_are_told_and_leak_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
