/* SPDX-License-Identifier: BSD-3-Clause */
/* Chunks ahead of time: held in the cache until the prefetch ends, within the budget, whatever happens meanwhile. */
#include "stack/stack.h"
#include "support/delayed_store.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* 32 x 172 x 111 pixels, in 4 x 11 x 4 chunks of 8 KiB. */
#define IMAGE "hdf5/bio/kidney.h5"
enum { CHUNK = 8192, ALL = 4 * 11 * 4, N = 8 };
static const int64_t size[3] = { 8, 16, 32 }, whole[3] = { 32, 172, 111 }, origin[3] = { 0 };

typedef struct image {
    mt_context *context;
    mt_stack *stack;
    int64_t corners[N][3];
    mt_patch_request requests[N];
    float patches[N][8][16][32];
} image;

/* Each request is one chunk. */
static void open_image(image *im, int64_t cache, const mt_allocator *allocator, const mt_store_wrap *wrap)
{
    mt_error err = MT_ERROR_INIT;
    mt_context_options options = { .struct_size = sizeof options, .threads = 2, .cache_bytes = cache };
    if (allocator)
        options.allocator = *allocator;
    check_ok(mt_context_new(&options, &im->context, &err), &err);
    check_ok(mt_stack_open_wrapped(im->context, data_path(IMAGE), NULL, wrap, &im->stack, &err), &err);
    for (int i = 0; i < N; i++) {
        const int64_t corner[3] = { i % 4 * 8, i * 16, i % 3 * 32 };
        memcpy(im->corners[i], corner, sizeof corner);
        im->requests[i] = (mt_patch_request) { .stack = im->stack,
                                               .n_spatial = 3,
                                               .coords = im->corners[i],
                                               .patch_size = size,
                                               .view = { .data = im->patches[i] } };
    }
}

static void close_image(image *im)
{
    mt_stack_close(im->stack);
    mt_context_free(im->context);
}

static uint64_t count_decoded(image *im)
{
    mt_counters counters;
    mt_context_get_counters(im->context, &counters);
    return counters.chunks_decoded;
}

static void read_whole(image *im)
{
    mt_error err = MT_ERROR_INIT;
    float *out = malloc((size_t)(whole[0] * whole[1] * whole[2]) * sizeof *out);
    assert_non_null(out);
    check_ok(mt_stack_extract_patch(im->stack, 0, NULL, 0, origin, whole, 3, out, &err), &err);
    free(out);
}

static void check_patches(image *im)
{
    static image plain;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_extract_patches(im->requests, N, NULL, &err), &err);
    open_image(&plain, MT_NO_CACHE, NULL, NULL);
    check_ok(mt_extract_patches(plain.requests, N, NULL, &err), &err);
    assert_memory_equal(im->patches, plain.patches, sizeof plain.patches);
    close_image(&plain);
}

static mt_prefetch *start(image *im, const mt_prefetch_options *options)
{
    mt_prefetch *prefetch;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_prefetch_patches(im->requests, N, options, &prefetch, &err), &err);
    return prefetch;
}

static mt_prefetch_info wait_for(mt_prefetch *prefetch)
{
    mt_prefetch_info info = { .struct_size = sizeof info };
    mt_error err = { MT_E_IO, "of an earlier call" };
    check_ok(mt_prefetch_wait(prefetch, &info, &err), &err);
    return info;
}

static void what_was_fetched_is_not_decoded_again(void **state)
{
    (void)state;
    static image im;
    open_image(&im, 1 << 20, NULL, NULL);
    mt_prefetch *prefetch = start(&im, NULL);
    mt_prefetch_info info = wait_for(prefetch);
    assert_int_equal(info.chunks, N);
    assert_int_equal(info.bytes, N * CHUNK);
    assert_false(info.is_full);
    assert_int_equal(count_decoded(&im), N);
    check_patches(&im);
    assert_int_equal(count_decoded(&im), N);
    mt_prefetch_end(prefetch);
    close_image(&im);
}

/* A patch outside the image that shows pixels of it mirrored: planes 9 to 2. */
static void padding_is_fetched_ahead(void **state)
{
    (void)state;
    static image im;
    mt_prefetch *prefetch;
    mt_error err = MT_ERROR_INIT;
    open_image(&im, 1 << 20, NULL, NULL);
    im.corners[0][0] = -9;
    im.requests[0].view.padding_mode = MT_PAD_REFLECT;
    check_ok(mt_prefetch_patches(im.requests, 1, NULL, &prefetch, &err), &err);
    assert_int_equal(wait_for(prefetch).chunks, 2);
    check_ok(mt_extract_patches(im.requests, 1, NULL, &err), &err);
    assert_int_equal(count_decoded(&im), 2);
    mt_prefetch_end(prefetch);
    close_image(&im);
}

/* All other chunks go through the cache, which has room for few: those that are held stay, until they are given up. */
static void held_chunks_are_not_evicted(void **state)
{
    (void)state;
    static image im;
    open_image(&im, 1 << 20, NULL, NULL);
    mt_prefetch *prefetch = start(&im, NULL);
    assert_int_equal(wait_for(prefetch).chunks, N);
    read_whole(&im);
    assert_int_equal(count_decoded(&im), ALL); /* those that are held were not decoded again */
    read_whole(&im);
    uint64_t before = count_decoded(&im);
    assert_true(before > ALL); /* others were */
    check_patches(&im);
    assert_int_equal(count_decoded(&im), before);
    mt_prefetch_end(prefetch);
    for (int i = 0; i < 3; i++)
        read_whole(&im);
    mt_counters counters;
    mt_context_get_counters(im.context, &counters);
    assert_true(counters.cache_bytes <= 1 << 20);
    close_image(&im);
}

static void no_more_than_half_of_the_budget_is_held(void **state)
{
    (void)state;
    static image im;
    const uint64_t half = 1 << 19;
    open_image(&im, 2 * half, NULL, NULL);
    im.requests[0].coords = origin;
    im.requests[0].patch_size = whole;
    mt_prefetch *first = start(&im, NULL), *second = start(&im, NULL);
    mt_prefetch_info a = wait_for(first), b = wait_for(second);
    assert_true(a.is_full && b.is_full);
    assert_true(a.bytes + b.bytes <= half);
    assert_true(a.bytes > half / 2);
    mt_prefetch_end(first);
    mt_prefetch_end(second);
    im.requests[0].patch_size = size;
    mt_prefetch *third = start(&im, NULL); /* what was held counts no longer */
    assert_int_equal(wait_for(third).chunks, N);
    check_patches(&im);
    mt_prefetch_end(third);
    close_image(&im);
}

static void without_a_cache_nothing_is_held(void **state)
{
    (void)state;
    static image im;
    open_image(&im, MT_NO_CACHE, NULL, NULL);
    mt_prefetch *prefetch = start(&im, NULL);
    assert_int_equal(wait_for(prefetch).chunks, 0);
    assert_int_equal(count_decoded(&im), 0);
    mt_prefetch_end(prefetch);
    close_image(&im);
}

static void add_one(void *user) { atomic_fetch_add((atomic_int *)user, 1); }

static void the_end_is_told_once(void **state)
{
    (void)state;
    static image im;
    atomic_int calls = 0;
    const mt_prefetch_options options = { .struct_size = sizeof options, .done = add_one, .user = &calls };
    open_image(&im, 1 << 20, NULL, NULL);
    mt_prefetch *prefetch = start(&im, &options);
    wait_for(prefetch);
    assert_int_equal(calls, 1);
    mt_prefetch_end(prefetch);
    mt_prefetch_end(start(&im, &options));
    assert_int_equal(calls, 2);
    close_image(&im);
}

/* Beyond the border, of some channels, of an array: only what is stored is held. */
static void requests_of_all_kinds(void **state)
{
    (void)state;
    static image im;
    static float pixels[4][4];
    static const int64_t outside[3] = { -4, -8, 100 }, far[3] = { 500, 0, 0 }, channel = 0, plane[2] = { 4, 4 };
    mt_error err = MT_ERROR_INIT;
    mt_stack *array;
    mt_prefetch *prefetch;
    open_image(&im, 1 << 20, NULL, NULL);
    check_ok(mt_stack_from_array(im.context, pixels, MT_FLOAT32, "YX", plane, NULL, NULL, &array, &err), &err);
    im.requests[0].coords = outside;
    im.requests[1].coords = far;
    im.requests[2].channels = &channel;
    im.requests[2].n_channels = 1;
    im.requests[3] = (mt_patch_request) { .stack = array, .n_spatial = 2, .coords = origin, .patch_size = plane };
    check_ok(mt_prefetch_patches(im.requests, 4, NULL, &prefetch, &err), &err);
    mt_stack_close(array); /* it stays open in the prefetch */
    assert_int_equal(wait_for(prefetch).chunks, 2);
    mt_prefetch_end(prefetch);
    im.requests[0].sample = 1;
    assert_int_equal(mt_prefetch_patches(im.requests, 1, NULL, &prefetch, &err), MT_E_RANGE);
    assert_int_equal(mt_prefetch_patches(im.requests, 0, NULL, &prefetch, &err), MT_E_ARGUMENT);
    close_image(&im);
}

static void a_failure_is_told_and_met_again(void **state)
{
    (void)state;
    static image im;
    static delayed_log log;
    mt_error err = MT_ERROR_INIT;
    open_image(&im, 1 << 20, NULL, &(mt_store_wrap) { delayed_wrap, &log });
    log.refused = "kidney";
    mt_prefetch *prefetch = start(&im, NULL);
    assert_int_equal(mt_prefetch_wait(prefetch, NULL, &err), MT_E_IO);
    assert_non_null(strstr(err.message, "kidney.h5"));
    mt_prefetch_end(prefetch);
    assert_int_equal(mt_extract_patches(im.requests, N, NULL, &err), MT_E_IO);
    log.refused = NULL;
    check_patches(&im);
    close_image(&im);
}

/* The stacks that are closed meanwhile live on. Calls of all kinds beside it, for the thread sanitizer. */
static void ended_before_it_is_done(void **state)
{
    (void)state;
    static image im;
    static delayed_log log = { .delay_ms = 1 };
    for (int i = 0; i < 20; i++) {
        open_image(&im, 1 << 20, NULL, &(mt_store_wrap) { delayed_wrap, &log });
        mt_prefetch *first = start(&im, NULL), *second = start(&im, NULL);
        if (i % 2)
            check_patches(&im);
        mt_prefetch_end(first);
        mt_context_drop_cache(im.context);
        close_image(&im);
        mt_prefetch_end(second);
    }
}

static void after_fork(void **state)
{
    (void)state;
    skip_if(UNDER_TSAN, "ThreadSanitizer does not follow a process with threads through fork");
    skip_if(UNDER_ASAN, "the lock of AddressSanitizer's allocator may be held by another thread");
    static image im;
    open_image(&im, 1 << 20, NULL, NULL);
    mt_prefetch *prefetch = start(&im, NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        mt_prefetch_info info = { .struct_size = sizeof info };
        mt_error err = MT_ERROR_INIT;
        bool good = mt_prefetch_wait(prefetch, &info, &err) == MT_OK && info.chunks <= N;
        mt_prefetch_end(prefetch);
        mt_prefetch *own;
        good = good && mt_prefetch_patches(im.requests, N, NULL, &own, &err) == MT_OK;
        good = good && mt_prefetch_wait(own, &info, &err) == MT_OK && info.chunks == N;
        good = good && mt_extract_patches(im.requests, N, NULL, &err) == MT_OK;
        _exit(good ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(wait_for(prefetch).chunks, N);
    mt_prefetch_end(prefetch);
    close_image(&im);
}

/* Short of memory, fewer chunks are held or an error is told; what is extracted then is right. */
static void failing_allocations(void **state)
{
    (void)state;
    static image im;
    for (size_t i = 0;; i++) {
        failing_allocator failing;
        mt_allocator allocator = failing_allocator_make(&failing, SIZE_MAX, 0);
        open_image(&im, 1 << 20, &allocator, NULL);
        failing.fail_at = failing.count + i;
        mt_prefetch *prefetch;
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_prefetch_patches(im.requests, N, NULL, &prefetch, &err);
        if (!st) {
            st = mt_prefetch_wait(prefetch, NULL, &err);
            mt_prefetch_end(prefetch);
        }
        assert_true(st == MT_OK || st == MT_E_MEMORY);
        assert_int_equal(st, err.status);
        bool all = failing.count < failing.fail_at;
        failing.fail_at = SIZE_MAX;
        check_patches(&im);
        close_image(&im);
        if (all)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_fetched_is_not_decoded_again),
        cmocka_unit_test(padding_is_fetched_ahead),
        cmocka_unit_test(held_chunks_are_not_evicted),
        cmocka_unit_test(no_more_than_half_of_the_budget_is_held),
        cmocka_unit_test(without_a_cache_nothing_is_held),
        cmocka_unit_test(the_end_is_told_once),
        cmocka_unit_test(requests_of_all_kinds),
        cmocka_unit_test(a_failure_is_told_and_met_again),
        cmocka_unit_test(ended_before_it_is_done),
        cmocka_unit_test(after_fork),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
