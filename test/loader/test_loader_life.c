/* SPDX-License-Identifier: BSD-3-Clause */
/* Loaders that are freed, forked and cancelled, and batches that outlive them. */
#include "loader_support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static void batches_outlive_their_loader(void **state)
{
    (void)state;
    set s;
    open_set(&s, 2, "random");
    mt_loader_options options = options_of();
    mt_loader *loader = new_loader(&s, &options);
    mt_batch *kept[5];
    uint64_t digests[5];
    for (int i = 0; i < 5; i++) {
        kept[i] = next(loader);
        digests[i] = digest(kept[i]);
    }
    mt_batch_retain(kept[0]);
    mt_batch_release(kept[0]);
    mt_loader_free(loader);
    close_set(&s);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(digest(kept[i]), digests[i]);
        mt_batch_release(kept[i]);
    }
}

/* A child continues with its own threads, and has the same batches as its parent. */
static void after_fork(void **state)
{
    (void)state;
    skip_if(UNDER_TSAN || UNDER_ASAN, "sanitizers do not follow a process with threads through fork");
    set s;
    uint64_t digests[MOST], expected[MOST];
    open_set(&s, 2, "random");
    mt_loader_options options = options_of();
    for (int before = 0; before < 4; before++) {
        mt_loader *loader = new_loader(&s, &options);
        for (int i = 0; i < before; i++)
            mt_batch_release(next(loader));
        pid_t child = fork();
        assert_true(child >= 0);
        size_t n = digest_epoch(loader, child == 0 ? digests : expected);
        if (child == 0) {
            mt_loader_free(loader);
            mt_loader *fresh = new_loader(&s, &options);
            bool is_same = mt_loader_seek(fresh, 0, (uint64_t)before, NULL) == MT_OK &&
                           digest_epoch(fresh, expected) == n && memcmp(digests, expected, n * sizeof *digests) == 0;
            mt_loader_free(fresh);
            leave_child(is_same && n == 21 - (size_t)before ? 0 : 1);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        mt_loader_free(loader);
    }
    close_set(&s);
}

static void a_loader_can_be_freed_at_any_moment(void **state)
{
    (void)state;
    set s;
    open_set(&s, 3, "random");
    for (unsigned i = 0; i < 60; i++) {
        mt_loader_options options = options_of();
        options.prefetch = 1 + i % 4;
        mt_loader *loader = new_loader(&s, &options);
        for (unsigned k = 0; k < i % 3; k++)
            mt_batch_release(next(loader));
        if (i % 2)
            assert_int_equal(mt_loader_seek(loader, i, i % 20, NULL), MT_OK);
        if (i % 5 == 0)
            mt_batch_release(next(loader));
        usleep(i * 37 % 300);
        mt_loader_free(loader);
    }
    close_set(&s);
}

static int is_cancelled(void *user)
{
    (void)user;
    return 1;
}

/* A stack that is slower than the caller's patience. */
static mt_status extract_slowly(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                                const int64_t *coords, const int64_t *size, float *out, mt_error *err)
{
    (void)self, (void)sample, (void)channels, (void)coords, (void)err;
    usleep(2000);
    memset(out, 0, n_channels * (size_t)(size[0] * size[1]) * sizeof *out);
    return MT_OK;
}

static void waiting_can_be_cancelled_and_continues_later(void **state)
{
    (void)state;
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = extract_slowly, .caller_thread_only = 1 };
    const mt_stack_info info = { .struct_size = sizeof info,
                                 .source = "slow",
                                 .dtype = MT_FLOAT32,
                                 .original_axes = "YX",
                                 .original_ndim = 2,
                                 .original_shape = { 256, 256 } };
    const mt_patching_options patching_options = {
        .struct_size = sizeof patching_options, .strategy = "random", .patch_size = patch_size, .n_spatial = 2
    };
    const mt_extract_options impatient = { .struct_size = sizeof impatient, .cancelled = is_cancelled };
    mt_stack *stack;
    mt_patching *patching;
    mt_loader *loader;
    mt_batch *batch;
    assert_int_equal(mt_stack_new(NULL, &ops, NULL, &info, &stack, NULL), MT_OK);
    assert_int_equal(mt_patching_new(&stack, 1, &patching_options, &patching, NULL), MT_OK);
    mt_loader_options options = options_of();
    assert_int_equal(mt_loader_new(patching, &options, &loader, NULL), MT_OK);
    assert_int_equal(mt_loader_next(loader, &impatient, &batch, NULL), MT_E_CANCELLED);
    assert_null(batch);
    batch = next(loader);
    assert_int_equal(batch->number, 0);
    mt_batch_release(batch);
    mt_loader_free(loader);
    mt_patching_free(patching);
    mt_stack_close(stack);
}

/* The order of an epoch with windows is computed in the call, which can be cancelled then. */
static void an_order_can_be_cancelled(void **state)
{
    (void)state;
    set s;
    const uint64_t position = 0;
    const mt_extract_options impatient = { .struct_size = sizeof impatient, .cancelled = is_cancelled };
    mt_batch *batch;
    open_set(&s, 2, "random");
    mt_loader_options options = options_of();
    mt_loader *loader = new_loader(&s, &options);
    assert_int_equal(mt_loader_read(loader, 0, &position, 1, &impatient, &batch, NULL), MT_E_CANCELLED);
    assert_null(batch);
    assert_int_equal(mt_loader_read(loader, 0, &position, 1, NULL, &batch, NULL), MT_OK);
    mt_batch_release(batch);
    mt_loader_free(loader);
    close_set(&s);
}

/* Lists of the options belong to the caller, who may change them once there is a loader. */
static void options_are_copied(void **state)
{
    (void)state;
    set s;
    uint64_t expected[MOST], changed[MOST];
    for (int changes = 0; changes < 2; changes++) {
        int64_t channels[2][1] = { { 1 }, { 1 } };
        float scales[2][1] = { { 2 }, { 3 } }, offsets[2][1] = { { 4 }, { 5 } };
        double photon_scale[2] = { 2, 3 };
        mt_noise_options noise = { .struct_size = sizeof noise, .gaussian = 1, .photon_scale = photon_scale };
        open_set(&s, 1, "random");
        mt_loader_array arrays[2];
        for (int a = 0; a < 2; a++)
            arrays[a] = (mt_loader_array) { .channels = channels[a],
                                            .n_channels = 1,
                                            .view = { .scale = scales[a], .offset = offsets[a] } };
        mt_loader_options options = options_of();
        options.arrays = arrays;
        options.n_arrays = 2;
        options.noise = &noise;
        mt_loader *loader = new_loader(&s, &options);
        for (int a = 0; a < 2 && changes; a++)
            channels[a][0] = 0, scales[a][0] = offsets[a][0] = 9, photon_scale[a] = 9;
        memset(arrays, 0, changes ? sizeof arrays : 0);
        const size_t n = digest_epoch(loader, changes ? changed : expected);
        assert_int_equal(n, 169 / BATCH);
        mt_loader_free(loader);
        close_set(&s);
    }
    assert_memory_equal(changed, expected, 169 / BATCH * sizeof *expected);
}

/* Counts the buffers of batches that exist. */
typedef struct counting {
    _Atomic int now, most;
} counting;

static void *count_resize(void *user, void *memory, size_t old_size, size_t new_size)
{
    counting *c = user;
    (void)old_size;
    if (new_size == 0) {
        c->now--;
        free(memory);
        return NULL;
    }
    int now = ++c->now;
    if (now > c->most)
        c->most = now;
    return realloc(memory, new_size);
}

static void batches_ahead_are_bounded_by_bytes(void **state)
{
    (void)state;
    const uint64_t bytes = (uint64_t)BATCH * CHANNELS * PATCH * PATCH * sizeof(float);
    for (uint64_t fit = 0; fit < 4; fit++) {
        counting c = { 0, 0 };
        set s;
        open_set(&s, 2, "random");
        mt_loader_options options = options_of();
        options.prefetch = 5;
        options.prefetch_bytes = fit * bytes + 1;
        options.buffers = (mt_allocator) { count_resize, &c };
        mt_loader *loader = new_loader(&s, &options);
        for (mt_batch *batch; (batch = next(loader)); mt_batch_release(batch))
            usleep(500); /* time to make batches ahead */
        mt_loader_free(loader);
        close_set(&s);
        assert_int_equal(c.now, 0);
        assert_in_range(c.most, 1, (fit ? fit : 1) + 1);
    }
}

/* Moves the loader while another thread waits for a batch. */
static void *move_about(void *argument)
{
    mt_loader *loader = argument;
    for (uint64_t i = 0; i < 200; i++) {
        if (mt_loader_seek(loader, i, i % 20, NULL))
            return loader;
        usleep(200);
    }
    return NULL;
}

static void a_loader_can_be_moved_while_a_batch_is_awaited(void **state)
{
    (void)state;
    set s;
    open_set(&s, 3, "random");
    mt_loader_options options = options_of();
    mt_loader *loader = new_loader(&s, &options);
    pthread_t mover;
    void *failed = NULL;
    assert_int_equal(pthread_create(&mover, NULL, move_about, loader), 0);
    for (int i = 0; i < 400; i++)
        mt_batch_release(next(loader));
    pthread_join(mover, &failed);
    assert_null(failed);
    assert_int_equal(mt_loader_seek(loader, 7, 3, NULL), MT_OK);
    mt_batch *batch = next(loader);
    assert_int_equal(batch->epoch, 7);
    assert_int_equal(batch->number, 3);
    mt_batch_release(batch);
    mt_loader_free(loader);
    close_set(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_outlive_their_loader),
        cmocka_unit_test(options_are_copied),
        cmocka_unit_test(after_fork),
        cmocka_unit_test(a_loader_can_be_freed_at_any_moment),
        cmocka_unit_test(an_order_can_be_cancelled),
        cmocka_unit_test(batches_ahead_are_bounded_by_bytes),
        cmocka_unit_test(a_loader_can_be_moved_while_a_batch_is_awaited),
        cmocka_unit_test(waiting_can_be_cancelled_and_continues_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
