/* SPDX-License-Identifier: BSD-3-Clause */
/* Batches that are made ahead: how many of them, that none is made in vain, and what becomes of them. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SIDE = 80, PATCH = 8, PATCHES = (SIDE / PATCH) * (SIDE / PATCH), BYTES = PATCH * PATCH * (int)sizeof(float) };

static _Atomic int n_read;        /* patches of all stacks */
static _Atomic int n_now, n_most; /* threads that read patches: now, most so far */
static int n_wanted;              /* threads that wait for each other, at most 2 seconds; 0: none */

static mt_status extract(void *self, int64_t sample, const int64_t *channels, size_t n_channels, const int64_t *coords,
                         const int64_t *size, float *out, mt_error *err)
{
    (void)self, (void)sample, (void)channels, (void)n_channels, (void)coords, (void)err;
    memset(out, 0, (size_t)(size[0] * size[1]) * sizeof *out);
    const int now = ++n_now;
    for (int most = n_most; now > most && !atomic_compare_exchange_weak(&n_most, &most, now);)
        continue;
    if (n_read++ > 0) /* the first batch is made alone */
        for (const time_t end = time(NULL) + 2; n_most < n_wanted && time(NULL) < end;)
            usleep(100);
    n_now--;
    return MT_OK;
}

typedef struct set {
    mt_context *context;
    mt_stack *stacks[2]; /* input and target */
    mt_patching *patching;
    mt_loader *loader;
    uint64_t before; /* memory, before there is a loader */
} set;

static uint64_t memory_of(mt_context *context)
{
    mt_counters counters;
    mt_context_drop_cache(context);
    mt_context_get_counters(context, &counters);
    return counters.memory_bytes;
}

static void open_images(set *s, mt_loader_options options, size_t n_arrays, size_t n_images)
{
    const mt_context_options context = { .struct_size = sizeof context, .threads = 2 };
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = extract };
    const mt_stack_info info = { .struct_size = sizeof info,
                                 .source = "custom",
                                 .dtype = MT_FLOAT32,
                                 .original_axes = "YX",
                                 .original_ndim = 2,
                                 .original_shape = { SIDE, SIDE } };
    const mt_patching_options how = {
        .struct_size = sizeof how, .strategy = "tiled", .patch_size = (int64_t[]) { PATCH, PATCH }, .n_spatial = 2
    };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&context, &s->context, &err), &err);
    for (int i = 0; i < 2; i++)
        check_ok(mt_stack_new(s->context, &ops, NULL, &info, &s->stacks[i], &err), &err);
    check_ok(mt_patching_new(s->stacks, n_images, &how, &s->patching, &err), &err);
    const mt_loader_array arrays[2] = { { 0 }, { .stacks = n_images == 1 ? &s->stacks[1] : s->stacks } };
    options.struct_size = sizeof options;
    options.arrays = arrays;
    options.n_arrays = n_arrays;
    s->before = memory_of(s->context);
    check_ok(mt_loader_new(s->patching, &options, &s->loader, &err), &err);
    n_read = 0;
}

static void open_set(set *s, mt_loader_options options, size_t n_arrays) { open_images(s, options, n_arrays, 1); }

static void close_set(set *s)
{
    mt_loader_free(s->loader);
    mt_patching_free(s->patching);
    for (int i = 0; i < 2; i++)
        mt_stack_close(s->stacks[i]);
    mt_context_free(s->context);
}

static mt_batch *next(mt_loader *loader)
{
    mt_batch *batch;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_loader_next(loader, NULL, &batch, &err), &err);
    return batch;
}

/* Waits until so many patches are read, at most 20 seconds. */
static void await_patches(int n)
{
    const time_t end = time(NULL) + 20;
    while (n_read < n && time(NULL) < end)
        usleep(100);
    assert_true(n_read >= n);
}

/* After the first batch is taken, as many as the options say are made, or as many as fit into the bytes of all arrays. */
static void batches_that_are_made_ahead(void **state)
{
    (void)state;
    static const struct {
        size_t prefetch, n_arrays;
        uint64_t bytes;
        int ahead;
    } cases[] = {
        { 1, 1, 0, 1 },         { 5, 1, 0, 5 },         { 5, 2, 0, 5 },
        { 5, 1, 3 * BYTES, 3 }, { 5, 2, 6 * BYTES, 3 }, { 5, 2, 6 * BYTES - 1, 2 },
        { 5, 1, BYTES - 1, 1 }, { 64, 1, 0, 64 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set s;
        const int expected = (1 + cases[i].ahead) * (int)cases[i].n_arrays;
        open_set(&s, (mt_loader_options) { .prefetch = cases[i].prefetch, .prefetch_bytes = cases[i].bytes },
                 cases[i].n_arrays);
        mt_batch_release(next(s.loader));
        await_patches(expected);
        close_set(&s);
        assert_int_equal(n_read, expected);
    }
}

/* Nothing of the next epoch is read early, and the counts stay the same at its end. */
static void nothing_is_made_beyond_the_epoch(void **state)
{
    (void)state;
    static const size_t prefetches[] = { 1, 3, 64 };
    for (size_t i = 0; i < sizeof prefetches / sizeof *prefetches; i++) {
        set s;
        mt_error err = MT_ERROR_INIT;
        mt_loader_report report = { .struct_size = sizeof report };
        open_set(&s, (mt_loader_options) { .prefetch = prefetches[i], .in_order = 1 }, 1);
        for (uint64_t n = 0; n < PATCHES; n++) {
            mt_batch *batch = next(s.loader);
            assert_non_null(batch);
            assert_int_equal(batch->number, n);
            assert_int_equal(batch->indices[0], n);
            mt_batch_release(batch);
        }
        assert_int_equal(n_read, PATCHES);
        assert_null(next(s.loader));
        check_ok(mt_loader_get_report(s.loader, &report, &err), &err);
        assert_int_equal(report.batches, PATCHES);
        assert_int_equal(report.epochs, 1);
        close_set(&s);
    }
}

/* Batches that nobody takes are freed when the loader moves. */
static void batches_that_are_dropped(void **state)
{
    (void)state;
    set s;
    mt_error err = MT_ERROR_INIT;
    open_set(&s, (mt_loader_options) { .prefetch = 10, .in_order = 1 }, 1);
    mt_batch_release(next(s.loader));
    await_patches(11);
    check_ok(mt_loader_seek(s.loader, 3, 60, &err), &err);
    mt_batch *batch = next(s.loader);
    assert_int_equal(batch->number, 60);
    mt_batch_release(batch);
    mt_loader_free(s.loader);
    s.loader = NULL;
    assert_true(memory_of(s.context) == s.before);
    close_set(&s);
}

/* Whatever a loader made, its memory is free afterwards. */
static void memory_that_is_freed(void **state)
{
    (void)state;
    static const struct {
        mt_loader_options options;
        size_t n_arrays, n_images;
    } cases[] = {
        { { .batch_size = 1, .in_order = 1 }, 1, 1 },
        { { .batch_size = 1, .in_order = 1 }, 2, 2 },
        { { .batch_size = 7, .prefetch = 2 }, 2, 1 },
        { { .batch_size = 7, .window = 3, .block = { 2, 2 } }, 1, 2 },
        { { .batch_size = 1, .window = 3, .block = { 2, 2 }, .world_size = 2, .locality_rank = 1 }, 2, 2 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set s;
        open_images(&s, cases[i].options, cases[i].n_arrays, cases[i].n_images);
        mt_batch *batch = next(s.loader);
        const size_t n = (size_t)mt_loader_count(s.loader) + 3;
        for (size_t k = 0; k < n; k++) { /* into the next epoch */
            mt_batch_release(batch);
            batch = next(s.loader);
        }
        mt_batch_release(batch);
        mt_loader_free(s.loader);
        s.loader = NULL;
        assert_true(memory_of(s.context) == s.before);
        close_set(&s);
    }
}

/* Images that a program provides are read by a thread for each batch ahead: they may have to wait. */
static void threads_that_read_images_of_the_program(void **state)
{
    (void)state;
    for (int prefetch = 3; prefetch <= 6; prefetch += 3) {
        set s;
        n_most = 0;
        n_wanted = prefetch;
        open_set(&s, (mt_loader_options) { .prefetch = (size_t)prefetch }, 1);
        for (int i = 0; i < 2 * prefetch; i++)
            mt_batch_release(next(s.loader));
        close_set(&s);
        n_wanted = 0;
        assert_int_equal(n_most, prefetch);
    }
}

typedef struct counting {
    _Atomic int now, made;
} counting;

static void *count_resize(void *user, void *memory, size_t old_size, size_t new_size)
{
    counting *c = user;
    (void)old_size;
    c->now += new_size == 0 ? -1 : 1;
    c->made += new_size != 0;
    if (new_size == 0)
        free(memory);
    return new_size == 0 ? NULL : realloc(memory, new_size);
}

/* Free buffers are kept for prefetch + 1 batches. */
static void memory_that_is_kept(void **state)
{
    (void)state;
    enum { AHEAD = 5 };
    set s;
    counting c = { 0, 0 };
    mt_batch *held[3];
    mt_error err = MT_ERROR_INIT;
    open_set(&s, (mt_loader_options) { .prefetch = AHEAD, .buffers = { count_resize, &c } }, 1);
    for (int i = 0; i < 3; i++)
        held[i] = next(s.loader);
    await_patches(3 + AHEAD);
    check_ok(mt_loader_seek(s.loader, 0, PATCHES, &err), &err); /* to the end: nothing more is made */
    for (int i = 0; i < 3; i++)
        mt_batch_release(held[i]);
    for (int i = 0; i < 200000 && c.now > AHEAD + 1; i++)
        usleep(100); /* the last batch may still be in the making */
    assert_int_equal(c.now, AHEAD + 1);
    check_ok(mt_loader_seek(s.loader, 1, 0, &err), &err);
    for (mt_batch *batch; (batch = next(s.loader)); mt_batch_release(batch))
        continue;
    assert_in_range(c.made, 3 + AHEAD, 3 + AHEAD + 1); /* they serve again */
    close_set(&s);
    assert_int_equal(c.now, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_that_are_made_ahead),
        cmocka_unit_test(nothing_is_made_beyond_the_epoch),
        cmocka_unit_test(batches_that_are_dropped),
        cmocka_unit_test(memory_that_is_freed),
        cmocka_unit_test(threads_that_read_images_of_the_program),
        cmocka_unit_test(memory_that_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
