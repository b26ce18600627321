/* SPDX-License-Identifier: BSD-3-Clause */
/* Lateral context of many patches: plans, failures, cancellation, and what is refused. */
#include "sampling/lateral_support.h"

enum { N = 24, SIDE = 8, SCALES = 3 };

typedef struct batch {
    float out[N][CHANNELS][SCALES][SIDE][SIDE];
    int64_t coords[N][2];
    mt_patch_request requests[N];
    mt_status statuses[N];
    mt_error errors[N];
} batch;

static void make_batch(batch *b, mt_stack *stack)
{
    static const int64_t size[2] = { SIDE, SIDE };
    uint64_t seed = 11;
    memset(b, 0x7f, sizeof *b);
    for (int i = 0; i < N; i++) {
        b->coords[i][0] = random_between(&seed, -4, ROWS - 4);
        b->coords[i][1] = random_between(&seed, -4, COLUMNS - 4);
        b->requests[i] = (mt_patch_request) { .stack = stack,
                                              .n_spatial = 2,
                                              .coords = b->coords[i],
                                              .patch_size = size,
                                              .view = { .data = b->out[i], .padding_mode = MT_PAD_REFLECT } };
    }
}

static mt_status extract(batch *b, int (*cancelled)(void *), void *user, mt_error *err)
{
    const mt_extract_options options = { .struct_size = sizeof options,
                                         .cancelled = cancelled,
                                         .user = user,
                                         .statuses = b->statuses,
                                         .errors = b->errors };
    return mt_lateral_extract(b->requests, N, SCALES, NULL, &options, err);
}

/* Outcomes agree with each other, with the returned status, and with the pixels: those of good, or all zero. */
static void check_outcomes(const batch *b, const batch *good, mt_status st)
{
    static const float zero[CHANNELS][SCALES][SIDE][SIDE] = { 0 };
    mt_status first = MT_OK;
    for (int i = 0; i < N; i++) {
        assert_int_equal(b->statuses[i], b->errors[i].status);
        first = first ? first : b->statuses[i];
        assert_memory_equal(b->out[i], b->statuses[i] ? zero : good->out[i], sizeof zero);
    }
    assert_int_equal(st, first);
}

/* Plans of one patch and of all, threads 1 and 4. */
static void plans_and_threads_do_not_matter(void **state)
{
    (void)state;
    static batch first, other;
    static const struct {
        unsigned threads;
        int64_t budget;
    } ways[] = { { 1, 64 << 20 }, { 4, 64 << 20 }, { 4, MT_NO_CACHE }, { 1, 300000 } };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        mt_context *context = new_context(ways[i].threads, ways[i].budget, NULL);
        mt_stack *stack = open_pixels(context, 2, NULL);
        mt_error err = MT_ERROR_INIT;
        make_batch(&other, stack);
        check_ok(extract(&other, NULL, NULL, &err), &err);
        if (i == 0)
            first = other;
        check_outcomes(&other, &first, MT_OK);
        mt_stack_close(stack);
        mt_context_free(context);
    }
    mt_stack *stack = open_pixels(NULL, 2, NULL);
    for (int i = 0; i < N; i++) {
        first.requests[i].stack = stack;
        check_result(&first.requests[i], SCALES, &first.out[i][0][0][0][0]);
    }
    mt_stack_close(stack);
}

/* A custom stack with the pixels of the image; fails where the part contains the pixel (30, 40). */
static mt_status extract_own(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                             const int64_t *coords, const int64_t *size, float *out, mt_error *err)
{
    const uint16_t *image = &pixels[0][0][0][0][0];
    for (size_t c = 0; c < n_channels; c++)
        for (int64_t y = coords[0]; y < coords[0] + size[0]; y++)
            for (int64_t x = coords[1]; x < coords[1] + size[1]; x++) {
                *out++ = (float)image[((sample * CHANNELS + channels[c]) * ROWS + y) * COLUMNS + x];
                if (self && y == 30 && x == 40)
                    return mt_fail(err, MT_E_IO, "a scratch at (30, 40)");
            }
    return MT_OK;
}

static mt_stack *new_own(mt_context *context, void *self)
{
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = extract_own };
    const mt_stack_info info = { .struct_size = sizeof info,
                                 .source = "own",
                                 .dtype = MT_UINT16,
                                 .original_axes = "SCYX",
                                 .original_ndim = 4,
                                 .original_shape = { SAMPLES, CHANNELS, ROWS, COLUMNS } };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_new(context, &ops, self, &info, &stack, &err), &err);
    return stack;
}

static void a_failing_scale_spoils_its_patch(void **state)
{
    (void)state;
    static batch good, b;
    for (int i = 0; i < 2; i++) {
        mt_context *context = new_context(4, i ? MT_NO_CACHE : 0, NULL);
        mt_stack *stack = new_own(context, NULL), *scratched = new_own(context, &good);
        mt_error err = MT_ERROR_INIT;
        make_batch(&good, stack);
        check_ok(extract(&good, NULL, NULL, &err), &err);
        check_outcomes(&good, &good, MT_OK);
        check_result(&good.requests[3], SCALES, &good.out[3][0][0][0][0]);
        make_batch(&b, scratched);
        const mt_status st = extract(&b, NULL, NULL, &err);
        check_outcomes(&b, &good, st);
        assert_string_equal(err.message, "own: a scratch at (30, 40)");
        int failed = 0;
        for (int k = 0; k < N; k++) {
            const int64_t y = 30 - b.coords[k][0] - SIDE / 2, x = 40 - b.coords[k][1] - SIDE / 2, reach = 2 * SIDE;
            /* Beyond the border, reflections of the image are read. */
            if (y >= -reach && y < reach && x >= -reach && x < reach)
                assert_int_equal(b.statuses[k], MT_E_IO);
            failed += b.statuses[k] != MT_OK;
        }
        assert_in_range(failed, 1, N - 1);
        mt_stack_close(stack);
        mt_stack_close(scratched);
        mt_context_free(context);
    }
}

static mt_status fail_sample(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                             const int64_t *coords, const int64_t *size, float *out, mt_error *err)
{
    (void)self, (void)channels, (void)n_channels, (void)coords, (void)size, (void)out;
    return mt_fail(err, MT_E_IO, "sample %d is lost", (int)sample);
}

/* The call tells the failure of the first of the patches, or only its status. */
static void the_first_failure_is_told(void **state)
{
    (void)state;
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = fail_sample };
    const mt_stack_info info = { .struct_size = sizeof info,
                                 .source = "own",
                                 .dtype = MT_UINT16,
                                 .original_axes = "SYX",
                                 .original_ndim = 3,
                                 .original_shape = { 2, ROWS, COLUMNS } };
    mt_context *context = new_context(1, MT_NO_CACHE, NULL);
    mt_stack *stack;
    static const int64_t coords[2] = { 8, 8 }, size[2] = { 4, 4 };
    mt_patch_request r[2];
    float out[2][2][16];
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_new(context, &ops, NULL, &info, &stack, &err), &err);
    for (int i = 0; i < 2; i++)
        r[i] = (mt_patch_request) { .stack = stack,
                                    .sample = 1 - i,
                                    .n_spatial = 2,
                                    .coords = coords,
                                    .patch_size = size,
                                    .view = { .data = out[i] } };
    check_failed(mt_lateral_extract(r, 2, 2, NULL, NULL, &err), MT_E_IO, &err, "own: sample 1 is lost");
    assert_int_equal(mt_lateral_extract(r, 2, 2, NULL, NULL, NULL), MT_E_IO);
    mt_stack_close(stack);
    mt_context_free(context);
}

static int count_down(void *user) { return --*(int *)user < 0; }

/* At every moment: the patches of completed plans are whole, the others zero. */
static void a_call_can_be_cancelled(void **state)
{
    (void)state;
    static batch good, b;
    mt_context *context = new_context(1, MT_NO_CACHE, NULL);
    mt_stack *stack = open_pixels(context, 2, NULL);
    mt_error err = MT_ERROR_INIT;
    make_batch(&good, stack);
    check_ok(extract(&good, NULL, NULL, &err), &err);
    mt_status st = MT_E_CANCELLED;
    int partial = 0;
    for (int calls = 0; st; calls++) {
        int left = calls, done = 0;
        make_batch(&b, stack);
        st = extract(&b, count_down, &left, &err);
        check_outcomes(&b, &good, st);
        assert_true(st == MT_OK || st == MT_E_CANCELLED);
        for (int i = 0; i < N; i++)
            done += b.statuses[i] == MT_OK;
        partial += done > 0 && done < N;
    }
    assert_true(partial > 0);
    mt_stack_close(stack);
    mt_context_free(context);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static batch good, b;
    for (int forever = 0; forever < 2; forever++) {
        mt_status st = MT_E_MEMORY;
        for (size_t i = 0; st; i++) {
            failing_allocator failing;
            mt_allocator allocator = failing_allocator_make(&failing, SIZE_MAX, forever);
            mt_context *context = new_context(1, 1 << 20, &allocator);
            mt_stack *stack = open_pixels(context, 2, NULL);
            mt_error err = MT_ERROR_INIT;
            if (i == 0) {
                make_batch(&good, stack);
                check_ok(extract(&good, NULL, NULL, &err), &err);
                mt_context_drop_cache(context);
            }
            make_batch(&b, stack);
            failing.fail_at = failing.count + i;
            st = extract(&b, NULL, NULL, &err);
            failing.fail_at = SIZE_MAX;
            assert_true(st == MT_OK || st == MT_E_MEMORY);
            check_outcomes(&b, &good, st);
            mt_stack_close(stack);
            mt_context_free(context);
        }
    }
}

static void refuse(const mt_patch_request *r, int n_scales, const mt_lateral_options *lateral, const char *message)
{
    mt_error err = MT_ERROR_INIT;
    mt_status status = MT_E_IO;
    const mt_extract_options options = { .struct_size = sizeof options, .statuses = &status };
    assert_int_equal(mt_lateral_extract(r, 1, n_scales, lateral, &options, &err), MT_E_ARGUMENT);
    assert_string_equal(err.message, message);
    assert_int_equal(status, MT_E_IO);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const int64_t far[2] = { (int64_t)1 << 46, 0 }, size[2] = { 4, 4 };
    float out[2];
    mt_stack *stack = open_pixels(NULL, 2, NULL), *volume = open_pixels(NULL, 3, NULL);
    mt_context *context = new_context(1, 0, NULL);
    mt_stack *foreign = open_pixels(context, 2, NULL);
    mt_patch_request r = {
        .stack = stack, .n_spatial = 2, .coords = (int64_t[]) { 0, 0 }, .patch_size = size, .view = { .data = out }
    };
    mt_pyramid pyramid = { .stack = stack, .levels = &volume, .n_levels = 1 };
    mt_lateral_options options = { .struct_size = sizeof options, .pyramids = &pyramid, .n_pyramids = 1 };
    refuse(&r, 0, NULL, "the number of scales is not from 1 to 16");
    refuse(&r, 17, NULL, "the number of scales is not from 1 to 16");
    refuse(&r, 2, &options, "array: level 0 of its pyramid has other axes, samples or channels");
    pyramid.levels = &foreign;
    refuse(&r, 2, &options, "array: the levels of a pyramid belong to several contexts");
    mt_stack *const levels[] = { stack, volume };
    pyramid.levels = levels;
    pyramid.n_levels = 2;
    refuse(&r, 2, &options, "array: level 1 of its pyramid has other axes, samples or channels");
    const mt_pyramid pyramids[] = { { .stack = stack }, pyramid };
    options.pyramids = pyramids;
    options.n_pyramids = 2;
    refuse(&r, 2, &options, "array: level 1 of its pyramid has other axes, samples or channels");
    options.struct_size = 0;
    refuse(&r, 2, &options, "mt_lateral_options.struct_size is 0, not 24");
    options.struct_size = 25;
    refuse(&r, 2, &options, "mt_lateral_options.struct_size is 25, not 24");
    r.view.dtype = MT_UINT16;
    refuse(&r, 2, NULL, "array: patches with context come as float32, not as uint16");
    mt_patch_request two[2] = { r, r };
    two[0].view.dtype = MT_FLOAT32;
    mt_error err = MT_ERROR_INIT;
    check_failed(mt_lateral_extract(two, 2, 2, NULL, NULL, &err), MT_E_ARGUMENT, &err, "float32, not as uint16");
    r.view.dtype = MT_FLOAT32;
    r.n_spatial = 3;
    refuse(&r, 2, NULL, "array: 3 coordinates for an image with the spatial axes YX");
    r.n_spatial = 2;
    r.patch_size = (int64_t[]) { far[0], 4 };
    refuse(&r, 3, NULL, "the context of a patch: array: a patch size of 281474976710656 along Y is not from 1 to 2^46");
    r.patch_size = (int64_t[]) { INT64_MAX, 4 };
    refuse(&r, 3, NULL, "array: a patch size of 9223372036854775807 along Y is not from 1 to 2^46");
    r.patch_size = (int64_t[]) { 4, (int64_t)1 << 59 };
    refuse(&r, 16, NULL, "array: a patch size of 576460752303423488 along X is not from 1 to 2^46");
    r.patch_size = size;
    r.coords = far;
    check_ok(mt_stack_extract_patch(stack, 0, (int64_t[]) { 0 }, 1, far, (int64_t[]) { 1, 1 }, 2, out, NULL), NULL);
    r.coords = (int64_t[]) { -far[0], 0 };
    refuse(&r, 3, NULL, "the context of a patch: array: coords of -70368744177670 along Y are not from -2^46 to 2^46");
    mt_stack_close(stack);
    mt_stack_close(volume);
    mt_stack_close(foreign);
    mt_context_free(context);
}

/* 2^15 times the patch along each axis; nothing of it is allocated. */
static void check_too_much(const int64_t *size, const char *message)
{
    enum { MOST_SIDE = 32 };
    static float out[MT_MAX_SCALES * MOST_SIDE * MOST_SIDE * MOST_SIDE];
    mt_stack *stack = open_pixels(NULL, 3, NULL);
    memset(out, 0x7f, sizeof out);
    mt_patch_request r = { .stack = stack,
                           .n_spatial = 3,
                           .channels = (int64_t[]) { 0 },
                           .n_channels = 1,
                           .coords = (int64_t[]) { 0, 0, 0 },
                           .patch_size = size,
                           .view = { .data = out } };
    mt_error err = MT_ERROR_INIT;
    check_failed(mt_lateral_extract(&r, 1, MT_MAX_SCALES, NULL, NULL, &err), MT_E_MEMORY, &err, message);
    for (int64_t i = 0; i < MT_MAX_SCALES * size[0] * size[1] * size[2]; i++)
        assert_true(out[i] == 0);
    mt_stack_close(stack);
}

static void too_much_context_is_an_error(void **state)
{
    (void)state;
    check_too_much((int64_t[]) { 4, 4, 4 }, "out of memory");
    check_too_much((int64_t[]) { 31, 32, 32 }, "the context of a patch is larger than memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_and_threads_do_not_matter), cmocka_unit_test(a_failing_scale_spoils_its_patch),
        cmocka_unit_test(the_first_failure_is_told),       cmocka_unit_test(a_call_can_be_cancelled),
        cmocka_unit_test(every_allocation_may_fail),       cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(too_much_context_is_an_error),
    };
    return cmocka_run_group_tests(tests, fill_pixels, NULL);
}
