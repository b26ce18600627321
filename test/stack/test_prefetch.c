/* SPDX-License-Identifier: BSD-3-Clause */
/* Prefetched chunks are held in the cache until the prefetch ends, within the budget. */
#include "stack/stack.h"
#include "support/delayed_store.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A Zarr array of 8 x 8 chunks of 256 KiB, 17 bytes each encoded, so that reads take little of the budget. */
enum { ACROSS = 8, HEIGHT = 256, WIDTH = 512, CHUNK = HEIGHT * WIDTH * 2, ALL = ACROSS * ACROSS, N = 8 };
#define BUDGET (ALL / 2 * CHUNK)
static const int64_t size[2] = { 32, 32 }, whole[2] = { ACROSS * HEIGHT, ACROSS *WIDTH }, origin[3] = { 0 };
static char folder[] = "prefetch-XXXXXX";

typedef struct image {
    mt_context *context;
    mt_stack *stack;
    int64_t corners[N][2];
    mt_patch_request requests[N];
    float patches[N][32][32];
} image;

static void write_file(const char *name, const void *bytes, size_t n)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

/* Chunk c is full of bytes c: a frame of two blocks of 128 KiB that repeat a byte (RFC 8878, 3.1.1). */
static int make_array(void **state)
{
    (void)state;
    static const char zarray[] =
        "{\"zarr_format\": 2, \"shape\": [2048, 4096], \"chunks\": [256, 512], \"dtype\": \"<u2\", "
        "\"compressor\": {\"id\": \"zstd\"}, \"filters\": null, \"fill_value\": 0, "
        "\"order\": \"C\"}";
    assert_non_null(mkdtemp(folder));
    write_file(".zarray", zarray, sizeof zarray - 1);
    for (int c = 0; c < ALL; c++) {
        char name[16];
        uint8_t frame[] = { 0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 4, 0, 2, 0, 0x10, (uint8_t)c, 3, 0, 0x10, (uint8_t)c };
        snprintf(name, sizeof name, "%d.%d", c / ACROSS, c % ACROSS);
        write_file(name, frame, sizeof frame);
    }
    return 0;
}

static int remove_array(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

/* Each request is one chunk. */
static void open_image(image *im, int64_t cache, const mt_allocator *allocator, const mt_store_wrap *wrap)
{
    mt_error err = MT_ERROR_INIT;
    mt_context_options options = { .struct_size = sizeof options, .threads = 2, .cache_bytes = cache };
    if (allocator)
        options.allocator = *allocator;
    check_ok(mt_context_new(&options, &im->context, &err), &err);
    check_ok(mt_stack_open_wrapped(im->context, folder, NULL, wrap, &im->stack, &err), &err);
    for (int i = 0; i < N; i++) {
        const int64_t corner[2] = { i * HEIGHT + 100, i * 3 % ACROSS * WIDTH + 7 };
        memcpy(im->corners[i], corner, sizeof corner);
        im->requests[i] = (mt_patch_request) { .stack = im->stack,
                                               .n_spatial = 2,
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
    float *out = malloc((size_t)(whole[0] * whole[1]) * sizeof *out);
    assert_non_null(out);
    check_ok(mt_stack_extract_patch(im->stack, 0, NULL, 0, origin, whole, 2, out, &err), &err);
    free(out);
}

static void check_patches(image *im)
{
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_extract_patches(im->requests, N, NULL, &err), &err);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < 32 * 32; k++)
            assert_int_equal(im->patches[i][k / 32][k % 32], (i * ACROSS + i * 3 % ACROSS) * 257);
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
    open_image(&im, BUDGET, NULL, NULL);
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

/* A patch outside the image that shows pixels of it mirrored: rows 270 to 239, of two chunks. */
static void padding_is_fetched_ahead(void **state)
{
    (void)state;
    static image im;
    mt_prefetch *prefetch;
    mt_error err = MT_ERROR_INIT;
    open_image(&im, BUDGET, NULL, NULL);
    im.corners[0][0] = -270;
    im.requests[0].view.padding_mode = MT_PAD_REFLECT;
    check_ok(mt_prefetch_patches(im.requests, 1, NULL, &prefetch, &err), &err);
    assert_int_equal(wait_for(prefetch).chunks, 2);
    check_ok(mt_extract_patches(im.requests, 1, NULL, &err), &err);
    assert_int_equal(count_decoded(&im), 2);
    mt_prefetch_end(prefetch);
    close_image(&im);
}

/* All other chunks go through the small cache: held chunks stay until they are released. */
static void held_chunks_are_not_evicted(void **state)
{
    (void)state;
    static image im;
    open_image(&im, BUDGET, NULL, NULL);
    mt_prefetch *prefetch = start(&im, NULL);
    assert_int_equal(wait_for(prefetch).chunks, N);
    read_whole(&im);
    assert_int_equal(count_decoded(&im), ALL); /* held chunks were not decoded again */
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
    assert_true(counters.cache_bytes <= BUDGET);
    close_image(&im);
}

static void no_more_than_half_of_the_budget_is_held(void **state)
{
    (void)state;
    static image im;
    const uint64_t half = BUDGET / 2;
    open_image(&im, BUDGET, NULL, NULL);
    im.requests[0].coords = origin;
    im.requests[0].patch_size = whole;
    mt_prefetch *first = start(&im, NULL), *second = start(&im, NULL);
    mt_prefetch_info a = wait_for(first), b = wait_for(second);
    assert_true(a.is_full && b.is_full);
    assert_true(a.bytes + b.bytes <= half);
    assert_true(a.bytes > 0);
    mt_prefetch_end(first);
    mt_prefetch_end(second);
    im.requests[0].patch_size = size;
    mt_prefetch *third = start(&im, NULL); /* released chunks no longer count */
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
    open_image(&im, BUDGET, NULL, NULL);
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
    static const int64_t outside[2] = { -4, -8 }, far[2] = { 5000, 0 }, channel = 0, plane[2] = { 4, 4 };
    mt_error err = MT_ERROR_INIT;
    mt_stack *array;
    mt_prefetch *prefetch;
    open_image(&im, BUDGET, NULL, NULL);
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
    open_image(&im, BUDGET, NULL, &(mt_store_wrap) { delayed_wrap, &log });
    log.refused = ".";
    mt_prefetch *prefetch = start(&im, NULL);
    assert_int_equal(mt_prefetch_wait(prefetch, NULL, &err), MT_E_IO);
    assert_non_null(strstr(err.message, folder));
    mt_prefetch_end(prefetch);
    assert_int_equal(mt_extract_patches(im.requests, N, NULL, &err), MT_E_IO);
    log.refused = NULL;
    check_patches(&im);
    close_image(&im);
}

/* Stacks closed during a prefetch stay alive. Concurrent calls of all kinds, for ThreadSanitizer. */
static void ended_before_it_is_done(void **state)
{
    (void)state;
    static image im;
    static delayed_log log = { .delay_ms = 1 };
    for (int i = 0; i < 20; i++) {
        open_image(&im, BUDGET, NULL, &(mt_store_wrap) { delayed_wrap, &log });
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
    open_image(&im, BUDGET, NULL, NULL);
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
        leave_child(good ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(wait_for(prefetch).chunks, N);
    mt_prefetch_end(prefetch);
    close_image(&im);
}

/* Prefetches the upper quarter of the array: as many chunks as may be held. */
static mt_prefetch *start_many(image *im)
{
    static const int64_t quarter[2] = { ACROSS / 4 * HEIGHT, ACROSS * WIDTH };
    const mt_patch_request request = {
        .stack = im->stack, .n_spatial = 2, .coords = origin, .patch_size = quarter, .view = { .data = im->patches[0] }
    };
    mt_prefetch *prefetch = NULL;
    return mt_prefetch_patches(&request, 1, NULL, &prefetch, NULL) ? NULL : prefetch;
}

static bool all_are_held(mt_prefetch *prefetch)
{
    mt_prefetch_info info = { .struct_size = sizeof info };
    mt_error err = MT_ERROR_INIT;
    return prefetch && !mt_prefetch_wait(prefetch, &info, &err) && info.bytes == BUDGET / 2;
}

/* Whatever a prefetch was doing at the fork, the child holds nothing of it once it has ended it. */
static void forks_while_chunks_are_held(void **state)
{
    (void)state;
    skip_if(UNDER_TSAN || UNDER_ASAN, "the sanitizers do not stand a fork while threads work");
    static image im;
    enum { FORKS = 300 };
    open_image(&im, BUDGET, NULL, NULL);
    for (int i = 0; i < FORKS; i++) {
        mt_prefetch *prefetch = start_many(&im);
        for (atomic_int k = 0; k < i % 100 * 200; k++) /* the fork comes at any point of the work */
            ;
        pid_t child = fork();
        if (child == 0) {
            alarm(20); /* a deadlock ends the child */
            mt_prefetch_end(prefetch);
            leave_child(all_are_held(start_many(&im)) ? 0 : 1);
        }
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        mt_prefetch_end(prefetch);
    }
    close_image(&im);
}

/* If memory is short, fewer chunks are held or an error is reported; extracted pixels are right. */
static void failing_allocations(void **state)
{
    (void)state;
    static image im;
    for (size_t i = 0;; i++) {
        failing_allocator failing;
        mt_allocator allocator = failing_allocator_make(&failing, SIZE_MAX, 0);
        open_image(&im, BUDGET, &allocator, NULL);
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
        cmocka_unit_test(forks_while_chunks_are_held),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, make_array, remove_array);
}
