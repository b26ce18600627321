/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests: all kinds, many at once, over stores that have submit and over those that block. */
#include "store/io.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 100000 };

typedef struct fixture {
    char folder[64];
    uint8_t bytes[SIZE];
    mt_env env;
    mt_io *io;
    mt_store *store;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    mt_error err = MT_ERROR_INIT;
    snprintf(f.folder, sizeof f.folder, "/tmp/mt-requests-XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    for (int i = 0; i < SIZE; i++)
        f.bytes[i] = (uint8_t)(i * 7 + i / 256);
    char path[128];
    snprintf(path, sizeof path, "%s/a", f.folder);
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(f.bytes, 1, SIZE, file), SIZE);
    fclose(file);
    mt_env_init(&f.env, NULL, NULL);
    check_ok(mt_io_new(&f.env, &f.io, &err), &err);
    f.env.io = f.io;
    check_ok(mt_store_open_folder(&f.env, f.folder, &f.store, &err), &err);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    char path[128];
    mt_io_free(f->io);
    mt_store_close(f->store);
    snprintf(path, sizeof path, "%s/a", f->folder);
    remove(path);
    rmdir(f->folder);
    assert_int_equal(f->env.memory_bytes, 0);
    return 0;
}

static void each_kind(void **state)
{
    fixture *f = *state;
    mt_error err = MT_ERROR_INIT;
    uint8_t range[10], tail[20];
    mt_request r[4] = { { .key = "a", .offset = 99990, .size = 10, .out = range },
                        { .key = "a", .kind = MT_READ_TAIL, .size = 20, .out = tail },
                        { .key = "a", .kind = MT_READ_WHOLE, .size = SIZE } };
    check_ok(mt_store_perform(f->store, r, 3, &err), &err);
    assert_memory_equal(range, f->bytes + 99990, 10);
    assert_memory_equal(tail, f->bytes + SIZE - 20, 20);
    assert_int_equal(r[1].object_size, SIZE);
    assert_int_equal(r[2].n_read, SIZE);
    assert_memory_equal(r[2].out, f->bytes, SIZE);
    mt_release(&f->env, r[2].out, r[2].capacity);
}

static void each_has_its_own_outcome(void **state)
{
    fixture *f = *state;
    mt_error err = MT_ERROR_INIT;
    uint8_t a[10], b[10], c[10];
    mt_request r[4] = { { .key = "none", .size = 10, .out = a },
                        { .key = "a", .offset = SIZE - 5, .size = 10, .out = b },
                        { .key = "a", .kind = MT_READ_WHOLE, .size = SIZE - 1 },
                        { .key = "a", .size = 10, .out = c } };
    assert_int_equal(mt_store_perform(f->store, r, 4, &err), MT_E_NOT_FOUND);
    assert_int_equal(r[0].status, MT_E_NOT_FOUND);
    assert_int_equal(r[1].status, MT_E_CORRUPT);
    assert_int_equal(r[2].status, MT_E_LIMIT);
    assert_int_equal(r[2].object_size, SIZE);
    assert_int_equal(r[3].status, MT_OK);
    assert_memory_equal(c, f->bytes, 10);
    mt_request outside = { .key = "../a", .size = 10, .out = a };
    err = (mt_error)MT_ERROR_INIT;
    assert_int_equal(mt_store_perform(f->store, &outside, 1, &err), MT_E_ARGUMENT);
}

static void read_tail(void **state)
{
    fixture *f = *state;
    mt_error err = MT_ERROR_INIT;
    size_t n;
    uint64_t size;
    uint8_t *all = malloc(2 * SIZE);
    check_ok(mt_store_read_tail(f->store, "a", all, (size_t)2 * SIZE, &n, &size, &err), &err);
    assert_int_equal(n, SIZE);
    assert_int_equal(size, SIZE);
    assert_memory_equal(all, f->bytes, SIZE);
    free(all);
}

/* A store with slow reads, which checks that no more than its limit are in flight. */
typedef struct slow_store {
    mt_store base;
    mt_store *inner;
    _Atomic unsigned now, most;
} slow_store;

static mt_status slow_read(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    slow_store *s = (slow_store *)(void *)store;
    unsigned now = atomic_fetch_add(&s->now, 1) + 1, most = s->most;
    while (now > most && !atomic_compare_exchange_weak(&s->most, &most, now))
        continue;
    usleep(20000);
    atomic_fetch_sub(&s->now, 1);
    return mt_store_read(s->inner, key, ranges, n, err);
}

static void as_many_in_flight_as_the_store_serves(void **state)
{
    fixture *f = *state;
    static const mt_store_ops ops = { .read = slow_read };
    slow_store slow = { .base = { .ops = &ops, .env = &f->env }, .inner = f->store };
    slow.base.costs = (mt_store_costs) { .in_flight = 16, .io_threads = 16 };
    enum { N = 64 };
    static mt_request r[N];
    static uint8_t out[N][8];
    mt_error err = MT_ERROR_INIT;
    for (int i = 0; i < N; i++)
        r[i] = (mt_request) { .key = "a", .offset = (uint64_t)i * 100, .size = 8, .out = out[i] };
    check_ok(mt_store_perform(&slow.base, r, N, &err), &err);
    for (int i = 0; i < N; i++)
        assert_memory_equal(out[i], f->bytes + (size_t)i * 100, 8);
    assert_in_range(slow.most, 9, 16);
}

/* A store that notes whether all of its reads are in the thread of the test. */
typedef struct thread_store {
    mt_store base;
    pthread_t thread;
    bool is_here;
} thread_store;

static mt_status note_thread(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    thread_store *s = (thread_store *)(void *)store;
    (void)key, (void)ranges, (void)n, (void)err;
    s->is_here &= pthread_equal(pthread_self(), s->thread) != 0;
    return MT_OK;
}

static void count_done(mt_request *r) { ++*(int *)r->user; }

/* Without threads, or for a store that serves one read at a time, the caller reads. */
static void reads_in_the_thread_of_the_caller(void **state)
{
    fixture *f = *state;
    static const mt_store_ops ops = { .read = note_thread };
    uint8_t out[2];
    mt_error err = MT_ERROR_INIT;
    for (unsigned in_flight = 0; in_flight < 3; in_flight++) {
        thread_store s = { { .ops = &ops, .env = &f->env, .costs.in_flight = in_flight }, pthread_self(), true };
        mt_request r[] = { { .key = "a", .size = 1, .out = out }, { .key = "a", .size = 1, .out = out + 1 } };
        check_ok(mt_store_perform(&s.base, r, 2, &err), &err);
        assert_int_equal(s.is_here, in_flight < 2);
        s.is_here = true;
        check_ok(mt_store_perform(&s.base, r, 1, &err), &err);
        assert_true(s.is_here);
        int n_done = 0;
        f->env.io = NULL;
        check_ok(mt_store_perform(&s.base, r, 2, &err), &err);
        r[0].done = count_done;
        r[0].user = &n_done;
        mt_store_submit(&s.base, &r[0]);
        f->env.io = f->io;
        assert_true(s.is_here);
        assert_int_equal(n_done, 1);
        assert_int_equal(r[0].n_read, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_kind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_has_its_own_outcome, set_up, tear_down),
        cmocka_unit_test_setup_teardown(read_tail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_in_the_thread_of_the_caller, set_up, tear_down),
        cmocka_unit_test_setup_teardown(as_many_in_flight_as_the_store_serves, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
