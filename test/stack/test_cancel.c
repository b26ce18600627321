/* SPDX-License-Identifier: BSD-3-Clause */
/* A caller can stop an extraction at any moment, and is asked in its own thread only. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 3 planes x 2 channels of 96 x 128, in deflated tiles of 32 x 32. */
#define TILED "tiff/crafted/ome_pyramid_subifd_tiled_deflate_pred2.ome.tif"
enum { PLANES = 3, CHANNELS = 2, HEIGHT = 96, WIDTH = 128, TILES = PLANES * CHANNELS * 3 * 4 };

typedef float planes[CHANNELS][PLANES][HEIGHT][WIDTH];
static planes whole, patch;

/* Stops at the k-th question, from 0 on. */
typedef struct asking {
    pthread_t caller;
    int asked, stop_at;
    bool elsewhere;
} asking;

static int ask(void *user)
{
    asking *a = user;
    a->elsewhere |= !pthread_equal(a->caller, pthread_self());
    return a->asked++ == a->stop_at;
}

static mt_status extract(asking *a, int stop_at, const mt_patch_request *requests, size_t n, mt_error *err)
{
    *a = (asking) { .caller = pthread_self(), .stop_at = stop_at };
    mt_extract_options options = { .struct_size = sizeof options, .cancelled = ask, .user = a };
    return mt_extract_patches(requests, n, &options, err);
}

static void check_stopped(asking *a, int stop_at, const mt_patch_request *requests, size_t n)
{
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(extract(a, stop_at, requests, n, &err), MT_E_CANCELLED);
    assert_int_equal(err.status, MT_E_CANCELLED);
    assert_string_equal(err.message, "the caller asked to stop");
    assert_int_equal(a->asked, stop_at + 1);
    assert_false(a->elsewhere);
}

static mt_stack *open_with(unsigned threads, const char *path, const mt_open_options *how, mt_context **context)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = threads, .cache_bytes = MT_NO_CACHE };
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack;
    check_ok(mt_context_new(&options, context, &err), &err);
    check_ok(mt_stack_open(*context, path, how, &stack, &err), &err);
    return stack;
}

static uint64_t decoded(mt_context *context)
{
    mt_counters k;
    mt_context_get_counters(context, &k);
    mt_context_reset_counters(context);
    return k.chunks_decoded;
}

static mt_patch_request request_planes(mt_stack *stack)
{
    static const int64_t origin[3] = { 0 }, size[3] = { PLANES, HEIGHT, WIDTH };
    return (mt_patch_request) {
        .stack = stack, .n_spatial = 3, .coords = origin, .patch_size = size, .view = { .data = patch }
    };
}

static void between_chunks(void **state)
{
    (void)state;
    mt_context *context;
    mt_stack *stack = open_with(1, data_path(TILED), NULL, &context);
    mt_patch_request r = request_planes(stack);
    asking a;
    mt_error err = MT_ERROR_INIT;
    check_ok(extract(&a, -1, &r, 1, &err), &err);
    assert_true(a.asked >= TILES);
    assert_int_equal(decoded(context), TILES);
    memcpy(whole, patch, sizeof whole);
    for (int stop_at = 0; stop_at < TILES; stop_at++) {
        memset(patch, 0x7f, sizeof patch);
        check_stopped(&a, stop_at, &r, 1);
        assert_true(decoded(context) <= (uint64_t)stop_at);
        const float *right = &whole[0][0][0][0], *got = &patch[0][0][0][0];
        for (size_t i = 0; i < sizeof whole / sizeof *right; i++)
            assert_true(got[i] == 0 || got[i] == right[i]);
    }
    check_ok(extract(&a, -1, &r, 1, &err), &err);
    assert_memory_equal(patch, whole, sizeof whole);
    mt_stack_close(stack);
    mt_context_free(context);
}

/* Which threads get how much differs from run to run: the caller may find nothing to ask at. */
static void in_the_thread_of_the_call(void **state)
{
    (void)state;
    mt_context *context;
    mt_stack *stack = open_with(4, data_path(TILED), NULL, &context);
    mt_patch_request r = request_planes(stack);
    for (int i = 0; i < 50; i++) {
        asking a;
        mt_status st = extract(&a, 1 + i % 8, &r, 1, NULL);
        assert_false(a.elsewhere);
        assert_int_equal(st, a.asked > a.stop_at ? MT_E_CANCELLED : MT_OK);
        assert_true(a.asked <= a.stop_at + 1);
    }
    mt_stack_close(stack);
    mt_context_free(context);
}

/* One read of 8 MiB of rows. */
static void amid_raw_rows(void **state)
{
    (void)state;
    enum { ROWS = 4096, COLUMNS = 2048, READ = 1024 };
    char path[] = "/tmp/microtome-test-XXXXXX";
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    assert_int_equal(ftruncate(handle, (off_t)ROWS * COLUMNS), 0);
    close(handle);
    mt_open_options how = { .struct_size = sizeof how,
                            .format = "raw",
                            .axes = "YX",
                            .raw_dtype = MT_UINT8,
                            .raw_shape = (int64_t[]) { ROWS, COLUMNS },
                            .raw_ndim = 2 };
    mt_context *context;
    mt_stack *stack = open_with(1, path, &how, &context);
    uint8_t *rows = malloc((size_t)ROWS * READ);
    assert_non_null(rows);
    memset(rows, 0x7f, (size_t)ROWS * READ);
    mt_patch_request r = { .stack = stack,
                           .n_spatial = 2,
                           .coords = (int64_t[]) { 0, 0 },
                           .patch_size = (int64_t[]) { ROWS, READ },
                           .view = { .data = rows, .dtype = MT_UINT8 } };
    asking a;
    mt_error err = MT_ERROR_INIT;
    check_ok(extract(&a, -1, &r, 1, &err), &err);
    assert_true(a.asked >= 4);
    check_stopped(&a, 2, &r, 1);
    for (size_t i = 0; i < (size_t)ROWS * READ; i++)
        assert_int_equal(rows[i], 0);
    free(rows);
    mt_stack_close(stack);
    mt_context_free(context);
    unlink(path);
}

enum { MANY = 200, SIDE = 4 };
typedef struct batch {
    float out[MANY][SIDE][SIDE];
    mt_patch_request requests[MANY];
} batch;

static void make_batch(batch *b, mt_stack *stack)
{
    static const int64_t origin[2] = { 0 }, size[2] = { SIDE, SIDE };
    memset(b->out, 0x7f, sizeof b->out);
    for (int i = 0; i < MANY; i++)
        b->requests[i] = (mt_patch_request) {
            .stack = stack, .n_spatial = 2, .coords = origin, .patch_size = size, .view = { .data = b->out[i] }
        };
}

static void check_patches(const batch *b, int ones)
{
    for (int i = 0; i < MANY; i++)
        for (int j = 0; j < SIDE * SIDE; j++)
            assert_true((&b->out[i][0][0])[j] == (float)(i < ones));
}

static void between_patches_in_memory(void **state)
{
    (void)state;
    static uint8_t pixels[SIDE * SIDE];
    static batch b;
    memset(pixels, 1, sizeof pixels);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    mt_context_options options = { .struct_size = sizeof options, .threads = 1 };
    mt_context *context;
    check_ok(mt_context_new(&options, &context, &err), &err);
    check_ok(mt_stack_from_array(context, pixels, MT_UINT8, "YX", (int64_t[]) { SIDE, SIDE }, NULL, NULL, &stack, &err),
             &err);
    asking a;
    make_batch(&b, stack);
    check_stopped(&a, 2, b.requests, MANY);
    check_patches(&b, 32);
    mt_stack_close(stack);
    mt_context_free(context);
}

static mt_status fill_with_ones(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                                const int64_t *coords, const int64_t *patch_size, float *out, mt_error *err)
{
    (void)sample, (void)channels, (void)n_channels, (void)coords, (void)patch_size;
    if (++*(int *)self > 5)
        return mt_fail(err, MT_E_IO, "worn out");
    for (int i = 0; i < SIDE * SIDE; i++)
        out[i] = 1;
    return MT_OK;
}

/* Calls of a custom stack can be cancelled too; complete patches are kept. */
static void between_calls_of_a_stack_of_ones_own(void **state)
{
    (void)state;
    static batch b;
    int calls = 0;
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = fill_with_ones, .caller_thread_only = 1 };
    const mt_stack_info info = { .struct_size = sizeof info,
                                 .source = "ones",
                                 .dtype = MT_FLOAT32,
                                 .original_axes = "YX",
                                 .original_ndim = 2,
                                 .original_shape = { SIDE, SIDE } };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_new(NULL, &ops, &calls, &info, &stack, &err), &err);
    asking a;
    make_batch(&b, stack);
    check_stopped(&a, 3, b.requests, MANY);
    assert_int_equal(calls, 2);
    check_patches(&b, 2);
    make_batch(&b, stack);
    assert_int_equal(extract(&a, -1, b.requests, MANY, &err), MT_E_IO);
    assert_string_equal(err.message, "ones: worn out");
    check_patches(&b, 3);
    mt_extract_options bad = { .cancelled = ask };
    assert_int_equal(mt_extract_patches(b.requests, 1, &bad, NULL), MT_E_ARGUMENT);
    mt_stack_close(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(between_chunks), cmocka_unit_test(in_the_thread_of_the_call),
                                        cmocka_unit_test(amid_raw_rows), cmocka_unit_test(between_patches_in_memory),
                                        cmocka_unit_test(between_calls_of_a_stack_of_ones_own) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
