/* SPDX-License-Identifier: BSD-3-Clause */
/* Custom stacks: which threads call them, and the patches of a batch in which some fail. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { N = 32, SIDE = 4 };

/* Each pixel is 1 + the row that the patch begins at. */
typedef struct own {
    mt_stack *inner; /* read inside the call, if not NULL */
    useconds_t delay;
    bool fails; /* in odd rows */
    pthread_t caller;
    atomic_int calls, inside, most_inside, elsewhere;
    int64_t last_row; /* only if caller_thread_only */
    bool in_order;
} own;

static mt_status read_inner(own *o, mt_error *err)
{
    static const int64_t channel = 0, origin[3] = { 0, 3, 5 }, size[3] = { 2, 60, 70 };
    float patch[2 * 60 * 70];
    return o->inner ? mt_stack_extract_patch(o->inner, 0, &channel, 1, origin, size, 3, patch, err) : MT_OK;
}

static mt_status extract_own(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                             const int64_t *coords, const int64_t *size, float *out, mt_error *err)
{
    own *o = self;
    (void)sample, (void)channels, (void)n_channels;
    int inside = atomic_fetch_add(&o->inside, 1) + 1, most = o->most_inside;
    while (inside > most && !atomic_compare_exchange_weak(&o->most_inside, &most, inside))
        continue;
    atomic_fetch_add(&o->calls, 1);
    if (!pthread_equal(o->caller, pthread_self())) {
        atomic_fetch_add(&o->elsewhere, 1);
    } else {
        o->in_order &= coords[0] > o->last_row;
        o->last_row = coords[0];
    }
    usleep(o->delay);
    for (int64_t i = 0; i < size[0] * size[1]; i++)
        out[i] = (float)(1 + coords[0]);
    mt_status st = read_inner(o, err);
    atomic_fetch_sub(&o->inside, 1);
    if (coords[0] == 3 && o->fails)
        return MT_E_UNSUPPORTED; /* and no word why */
    return o->fails && coords[0] % 2 ? mt_fail(err, MT_E_IO, "row %d is odd", (int)coords[0]) : st;
}

static mt_context *new_context(unsigned threads)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = threads, .cache_bytes = 1 << 20 };
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &context, &err), &err);
    return context;
}

static mt_stack *new_own(mt_context *context, own *o, int caller_thread_only)
{
    const mt_stack_ops ops = { .struct_size = sizeof ops,
                               .extract_patch = extract_own,
                               .caller_thread_only = caller_thread_only };
    const mt_stack_info info = { .struct_size = sizeof info,
                                 .source = "rows",
                                 .dtype = MT_FLOAT32,
                                 .original_axes = "YX",
                                 .original_ndim = 2,
                                 .original_shape = { 2 * N, SIDE } };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    o->caller = pthread_self();
    o->last_row = -1;
    o->in_order = true;
    check_ok(mt_stack_new(context, &ops, o, &info, &stack, &err), &err);
    return stack;
}

typedef struct batch {
    float out[N][SIDE][SIDE];
    int64_t coords[N][2];
    mt_patch_request requests[N];
    mt_status statuses[N];
    mt_error errors[N];
} batch;

static void make_batch(batch *b, mt_stack *stack)
{
    static const int64_t size[2] = { SIDE, SIDE };
    memset(b, 0x7f, sizeof *b);
    for (int i = 0; i < N; i++) {
        b->coords[i][0] = i;
        b->coords[i][1] = 0;
        b->requests[i] = (mt_patch_request) {
            .stack = stack, .n_spatial = 2, .coords = b->coords[i], .patch_size = size, .view = { .data = b->out[i] }
        };
    }
}

static mt_status extract(batch *b, int (*cancelled)(void *), void *user, mt_error *err)
{
    mt_extract_options options = { .struct_size = sizeof options,
                                   .cancelled = cancelled,
                                   .user = user,
                                   .statuses = b->statuses,
                                   .errors = b->errors };
    return mt_extract_patches(b->requests, N, &options, err);
}

static void check_patch(const batch *b, int i, float value)
{
    for (int k = 0; k < SIDE * SIDE; k++)
        assert_true((&b->out[i][0][0])[k] == value);
}

static void check_all(const batch *b)
{
    for (int i = 0; i < N; i++) {
        assert_int_equal(b->statuses[i], MT_OK);
        assert_int_equal(b->errors[i].status, MT_OK);
        check_patch(b, i, (float)(1 + i));
    }
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* 40 ms of waiting if eight threads share it, 320 ms otherwise. */
static void requests_are_shared_among_the_threads(void **state)
{
    (void)state;
    static batch b;
    mt_context *context = new_context(8);
    double best = 1;
    for (int i = 0; i < 5; i++) {
        own o = { .delay = 10000 };
        mt_error err = MT_ERROR_INIT;
        mt_stack *stack = new_own(context, &o, 0);
        make_batch(&b, stack);
        double start = seconds();
        check_ok(extract(&b, NULL, NULL, &err), &err);
        best = seconds() - start < best ? seconds() - start : best;
        check_all(&b);
        assert_int_equal(o.calls, N);
        assert_true(o.most_inside > 4 && o.most_inside <= 8);
        mt_stack_close(stack);
    }
    print_message("%d requests of 10 ms, 8 threads: %.3f s\n", N, best);
    assert_true(best < 0.1);
    mt_context_free(context);
}

static void some_are_called_in_the_callers_thread_only(void **state)
{
    (void)state;
    static batch b;
    own o = { .delay = 0 }, shared = { .delay = 1000 };
    mt_context *context = new_context(8);
    mt_stack *stack = new_own(context, &o, 1), *other = new_own(context, &shared, 0);
    mt_error err = MT_ERROR_INIT;
    make_batch(&b, stack);
    check_ok(extract(&b, NULL, NULL, &err), &err);
    check_all(&b);
    assert_int_equal(o.calls, N);
    assert_int_equal(o.elsewhere, 0);
    assert_true(o.in_order);
    o.last_row = -1;
    make_batch(&b, stack);
    for (int i = 0; i < N; i += 3)
        b.requests[i].stack = other;
    check_ok(extract(&b, NULL, NULL, &err), &err);
    check_all(&b);
    assert_int_equal(o.elsewhere, 0);
    assert_true(o.in_order && shared.elsewhere > 0);
    mt_stack_close(stack);
    mt_stack_close(other);
    mt_context_free(context);
}

/* Beside patches of an array, which are read though. */
static void a_failure_spoils_one_patch(void **state)
{
    (void)state;
    static batch b;
    static float pixels[N][SIDE];
    for (int i = 0; i < N; i++)
        for (int k = 0; k < SIDE; k++)
            pixels[i][k] = 30;
    for (int only = 0; only < 2; only++) {
        own o = { .fails = true };
        mt_context *context = new_context(4);
        mt_stack *stack = new_own(context, &o, only), *array;
        mt_error err = MT_ERROR_INIT;
        check_ok(
            mt_stack_from_array(context, pixels, MT_FLOAT32, "YX", (int64_t[]) { N, SIDE }, NULL, NULL, &array, &err),
            &err);
        make_batch(&b, stack);
        b.requests[1].stack = b.requests[8].stack = array;
        assert_int_equal(extract(&b, NULL, NULL, &err), MT_E_UNSUPPORTED);
        assert_string_equal(err.message, "rows: extract_patch returned MT_E_UNSUPPORTED");
        for (int i = 0; i < N; i++) {
            bool bad = i % 2 && i != 1;
            char message[60] = "rows: extract_patch returned MT_E_UNSUPPORTED";
            if (i != 3)
                snprintf(message, sizeof message, "rows: row %d is odd", i);
            assert_int_equal(b.statuses[i], !bad ? MT_OK : i == 3 ? MT_E_UNSUPPORTED : MT_E_IO);
            assert_int_equal(b.errors[i].status, b.statuses[i]);
            assert_string_equal(b.errors[i].message, bad ? message : "");
            check_patch(&b, i, bad ? 0 : i == 1 || i == 8 ? 30 : (float)(1 + i));
        }
        mt_stack_close(stack);
        mt_stack_close(array);
        mt_context_free(context);
    }
}

/* A stack that makes its patches of another one, in the same context. */
static void a_stack_may_call_the_library(void **state)
{
    (void)state;
    static batch b;
    alarm(120); /* a deadlock ends the test */
    for (int only = 0; only < 2; only++)
        for (unsigned threads = 1; threads <= 8; threads *= 2) {
            mt_context *context = new_context(threads);
            own o = { .delay = 0 };
            mt_error err = MT_ERROR_INIT;
            check_ok(mt_stack_open(context, data_path("tiff/crafted/ome_pyramid_subifd_tiled_deflate_pred2.ome.tif"),
                                   NULL, &o.inner, &err),
                     &err);
            mt_stack *stack = new_own(context, &o, only);
            make_batch(&b, stack);
            for (int again = 0; again < 10; again++) {
                o.last_row = -1;
                check_ok(extract(&b, NULL, NULL, &err), &err);
                check_all(&b);
                mt_context_drop_cache(context);
            }
            mt_stack_close(stack);
            mt_stack_close(o.inner);
            mt_context_free(context);
        }
    alarm(0);
}

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

static void a_call_can_be_stopped_in_between(void **state)
{
    (void)state;
    static batch b;
    mt_context *context = new_context(4);
    for (int stop_at = 0; stop_at < 4; stop_at++) {
        own o = { .delay = 2000 };
        asking a = { .caller = pthread_self(), .stop_at = stop_at };
        mt_stack *stack = new_own(context, &o, 0);
        mt_error err = MT_ERROR_INIT;
        make_batch(&b, stack);
        assert_int_equal(extract(&b, ask, &a, &err), MT_E_CANCELLED);
        assert_string_equal(err.message, "the caller asked to stop");
        assert_false(a.elsewhere);
        assert_int_equal(a.asked, stop_at + 1);
        int done = 0;
        for (int i = 0; i < N; i++) {
            bool good = b.statuses[i] == MT_OK;
            done += good;
            check_patch(&b, i, good ? (float)(1 + i) : 0);
            assert_true(good || b.statuses[i] == MT_E_CANCELLED);
            assert_string_equal(b.errors[i].message, good ? "" : "the caller asked to stop");
        }
        assert_int_equal(done, o.calls);
        assert_true(stop_at ? done < N : done == 0);
        mt_stack_close(stack);
    }
    mt_context_free(context);
}

/* Of a patch that is copied on into a view no memory is left for. */
static void a_failing_allocation_spoils_one_patch(void **state)
{
    (void)state;
    static batch b;
    int failed = 0;
    for (size_t k = 0; k < N; k++) {
        failing_allocator failing;
        own o = { .delay = 0 };
        mt_context_options options = { .struct_size = sizeof options,
                                       .threads = 1,
                                       .allocator = failing_allocator_make(&failing, SIZE_MAX, 0) };
        mt_context *context;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_context_new(&options, &context, &err), &err);
        mt_stack *stack = new_own(context, &o, 0);
        make_batch(&b, stack);
        for (int i = 0; i < N; i++)
            b.coords[i][1] = -1; /* needs memory for what lies inside */
        failing.fail_at = failing.count + k;
        mt_status st = extract(&b, NULL, NULL, &err);
        int bad = 0;
        for (int i = 0; i < N; i++) {
            bad += b.statuses[i] != MT_OK;
            assert_true(b.statuses[i] == MT_OK || b.statuses[i] == MT_E_MEMORY);
            assert_true(b.out[i][0][1] == (b.statuses[i] ? 0 : (float)(1 + i)));
        }
        assert_int_equal(bad, st != MT_OK);
        failed += bad;
        mt_stack_close(stack);
        mt_context_free(context);
    }
    assert_int_equal(failed, N);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_shared_among_the_threads),
        cmocka_unit_test(some_are_called_in_the_callers_thread_only),
        cmocka_unit_test(a_failure_spoils_one_patch),
        cmocka_unit_test(a_stack_may_call_the_library),
        cmocka_unit_test(a_call_can_be_stopped_in_between),
        cmocka_unit_test(a_failing_allocation_spoils_one_patch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
