/* SPDX-License-Identifier: BSD-3-Clause */
/* Metadata in blocks: the same bytes as without, fewer reads, within bounds. */
#include "store/blocks.h"

#include "store/io.h"
#include "support/delayed_store.h"
#include "support/faulty_store.h"
#include "support/support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 3000017 };

typedef struct fixture {
    char folder[64];
    uint8_t *bytes;
    mt_env env;
    mt_io *io;
} fixture;

static void write_bytes(const fixture *f, const char *name, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(f->bytes, 1, size, file), size);
    fclose(file);
}

static int set_up(void **state)
{
    static fixture f;
    mt_error err = MT_ERROR_INIT;
    uint64_t seed = 5;
    snprintf(f.folder, sizeof f.folder, "/tmp/mt-blocks-XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    f.bytes = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        f.bytes[i] = (uint8_t)next_random(&seed);
    write_bytes(&f, "a", SIZE);
    write_bytes(&f, "b", 100);
    write_bytes(&f, "empty", 0);
    mt_env_init(&f.env, NULL, NULL);
    check_ok(mt_io_new(&f.env, &f.io, &err), &err);
    f.env.io = f.io;
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    static const char *const names[] = { "a", "b", "empty" };
    char path[128];
    mt_io_free(f->io);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", f->folder, names[i]);
        remove(path);
    }
    rmdir(f->folder);
    free(f->bytes);
    assert_int_equal(f->env.memory_bytes, 0);
    return 0;
}

/* Blocks over the folder, with a slow store between them where there is a log. */
static mt_store *open_blocks(fixture *f, delayed_log *log)
{
    mt_store *store;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_store_open_folder(&f->env, f->folder, &store, &err), &err);
    if (log)
        check_ok(delayed_wrap(log, &store, &err), &err);
    check_ok(mt_store_open_blocks(store, &store, &err), &err);
    return store;
}

/* One read of any kind and place, also over the end. */
static void check_read(const fixture *f, mt_store *store, uint64_t *seed, size_t largest)
{
    static _Thread_local uint8_t out[2000000];
    bool small = next_random(seed) % 4 == 0;
    size_t whole = small ? 100 : SIZE, size = (size_t)random_between(seed, 1, (int64_t)largest);
    uint64_t offset = (uint64_t)random_between(seed, 0, (int64_t)whole + 50);
    mt_request r = { .key = small ? "b" : "a", .offset = offset, .size = size, .out = out };
    r.kind = (mt_request_kind)random_between(seed, MT_READ_RANGE, MT_READ_WHOLE);
    bool fits = offset <= whole && size <= whole - offset;
    mt_error err = MT_ERROR_INIT;
    mt_status st = mt_store_perform(store, &r, 1, &err);
    size_t n = size < whole ? size : whole;
    switch (r.kind) {
    case MT_READ_RANGE:
        assert_int_equal(st, fits ? MT_OK : MT_E_CORRUPT);
        n = fits ? size : 0;
        break;
    case MT_READ_SOME: n = offset >= whole ? 0 : n < whole - offset ? n : (size_t)(whole - offset); break;
    case MT_READ_TAIL: offset = whole - n; break;
    case MT_READ_WHOLE:
        offset = 0;
        assert_int_equal(st, size < whole ? MT_E_LIMIT : MT_OK);
        n = size < whole ? 0 : whole;
        break;
    }
    assert_int_equal(r.n_read, n);
    assert_memory_equal(out, f->bytes + (n ? offset : 0), n);
    if (!st && r.kind != MT_READ_RANGE)
        assert_int_equal(r.object_size, whole);
    if (fits) {
        memset(out, 0, size);
        check_ok(mt_store_read_at(store, r.key, r.offset, out, size, &err), &err);
        assert_memory_equal(out, f->bytes + r.offset, size);
    }
}

static void same_bytes(void **state)
{
    fixture *f = *state;
    for (int slow = 0; slow < 2; slow++) {
        delayed_log log = { .delay_ms = 0 };
        mt_store *store = open_blocks(f, slow ? &log : NULL);
        uint64_t seed = 1, size;
        mt_error err = MT_ERROR_INIT;
        for (int i = 0; i < 600; i++) {
            if (i == 400)
                mt_blocks_drop(store);
            check_read(f, store, &seed, i % 7 ? 3000 : 2000000);
        }
        check_ok(mt_store_size(store, "empty", &size, &err), &err);
        assert_int_equal(size, 0);
        assert_int_equal(mt_store_read_at(store, "empty", 0, &size, 1, NULL), MT_E_CORRUPT);
        mt_store_close(store);
    }
}

static void few_reads(void **state)
{
    fixture *f = *state;
    delayed_log log = { .delay_ms = 1 };
    mt_store *store = open_blocks(f, &log);
    mt_error err = MT_ERROR_INIT;
    uint8_t out[100];
    uint64_t size;
    check_ok(mt_store_read_at(store, "b", 0, out, 4, &err), &err);
    check_ok(mt_store_size(store, "b", &size, &err), &err);
    check_ok(mt_store_read_at(store, "b", 50, out, 50, &err), &err);
    assert_int_equal(log.requests, 1);
    /* on and on: twice as much each time */
    for (uint64_t at = 0; at + 50 <= SIZE; at += 50)
        check_ok(mt_store_read_at(store, "a", at, out, 50, &err), &err);
    assert_in_range(log.requests, 2, 9);
    mt_store_close(store);
}

static void absent_together(void **state)
{
    fixture *f = *state;
    delayed_log log = { .delay_ms = 5 };
    mt_store *store = open_blocks(f, &log);
    static const mt_touch touches[] = {
        { .key = "a" }, { .key = "x" }, { .key = "y" }, { "a", 1000000, 300000, false }
    };
    uint8_t out[300000];
    uint64_t size;
    mt_error err = MT_ERROR_INIT;
    mt_blocks_touch(store, touches, 4);
    mt_blocks_touch(store, touches, 4);
    assert_int_equal(log.trips, 1);
    assert_int_equal(mt_store_size(store, "x", &size, NULL), MT_E_NOT_FOUND);
    assert_int_equal(mt_store_read_at(store, "y", 0, out, 1, NULL), MT_E_NOT_FOUND);
    check_ok(mt_store_read_at(store, "a", 1000000, out, 300000, &err), &err);
    assert_memory_equal(out, f->bytes + 1000000, 300000);
    assert_int_equal(log.trips, 1);
    /* a failure is not remembered, and no absence */
    log.refused = "z";
    mt_blocks_touch(store, &(mt_touch) { .key = "z" }, 1);
    assert_int_equal(mt_store_size(store, "z", &size, NULL), MT_E_IO);
    log.refused = NULL;
    assert_int_equal(mt_store_size(store, "z", &size, NULL), MT_E_NOT_FOUND);
    mt_store_close(store);
}

/* Small ranges here and there: as many requests, one trip, and no more bytes. */
static void scattered(void **state)
{
    fixture *f = *state;
    delayed_log log = { .delay_ms = 5 };
    mt_store *store = open_blocks(f, &log);
    mt_touch touches[42];
    uint8_t out[3000];
    uint64_t size;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_store_size(store, "a", &size, &err), &err);
    for (uint64_t i = 0; i < 40; i++)
        touches[i] = (mt_touch) { "a", 70000 + i * 35000, 3000, true };
    touches[40] = touches[7];
    touches[41] = (mt_touch) { "a", SIZE + 5, 3000, true };
    uint64_t before = f->env.memory_bytes;
    mt_blocks_touch(store, touches, 42);
    assert_int_equal(log.trips, 2);
    assert_int_equal(log.requests, 41);
    assert_in_range(f->env.memory_bytes - before, 40 * 3000, 40 * 3000 + 4096);
    for (uint64_t i = 0; i < 40; i++) {
        check_ok(mt_store_read_at(store, "a", touches[i].offset, out, 3000, &err), &err);
        assert_memory_equal(out, f->bytes + touches[i].offset, 3000);
    }
    assert_int_equal(log.requests, 41);
    /* what is partly known, and what the end cuts */
    touches[0].offset += 1;
    touches[1].offset = SIZE - 100;
    mt_blocks_touch(store, touches, 3);
    assert_int_equal(log.requests, 43);
    check_ok(mt_store_read_at(store, "a", SIZE - 100, out, 100, &err), &err);
    assert_int_equal(log.requests, 43);
    mt_store_close(store);
}

static mt_status count(void *user, const char *name, mt_error *err)
{
    (void)name, (void)err;
    ++*(int *)user;
    return MT_OK;
}

/* How many objects that are there were read, as far as is known, and whether these are all. */
static int count_objects(mt_store *store, bool *all)
{
    int n = 0;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_blocks_visit(store, count, &n, all, &err), &err);
    return n;
}

static void bounded(void **state)
{
    fixture *f = *state;
    delayed_log log = { .delay_ms = 0 };
    uint64_t seed = 2, before = f->env.memory_bytes;
    mt_store *store = open_blocks(f, &log);
    uint8_t out[64];
    bool all;
    mt_error err = MT_ERROR_INIT;
    for (int i = 0; i < 300; i++)
        check_ok(mt_store_read_at(store, "a", (uint64_t)random_between(&seed, 0, SIZE - 64), out, 64, &err), &err);
    assert_in_range(f->env.memory_bytes - before, 1 << 20, (4 << 20) + (256 << 10));
    assert_int_equal(count_objects(store, &all), 1);
    assert_true(all);
    for (int i = 0; i < 5000; i++) { /* more names than are remembered */
        char key[32];
        snprintf(key, sizeof key, "absent/%d", i);
        mt_blocks_touch(store, &(mt_touch) { .key = key }, 1);
    }
    assert_int_equal(count_objects(store, &all), 0);
    assert_false(all);
    assert_in_range(f->env.memory_bytes - before, 0, (4 << 20) + (256 << 10));
    mt_blocks_drop(store);
    assert_in_range(f->env.memory_bytes - before, 0, (1 << 20) + (256 << 10));
    mt_store_close(store);
    store = open_blocks(f, NULL);
    uint64_t size;
    check_ok(mt_store_size(store, "a", &size, &err), &err);
    mt_blocks_drop(store);
    assert_ptr_equal(mt_store_target(store), mt_blocks_inner(store));
    assert_int_equal(count_objects(store, &all), 0);
    assert_false(all);
    assert_in_range(f->env.memory_bytes - before, 0, 64 << 10);
    mt_store_close(store);
}

typedef struct reader {
    const fixture *f;
    mt_store *store;
    uint64_t seed;
} reader;

static void *read_many(void *argument)
{
    reader *r = argument;
    for (int i = 0; i < 150; i++)
        check_read(r->f, r->store, &r->seed, 3000);
    return NULL;
}

static void threads(void **state)
{
    fixture *f = *state;
    for (int slow = 0; slow < 2; slow++) {
        delayed_log log = { .delay_ms = 0 };
        mt_store *store = open_blocks(f, slow ? &log : NULL);
        pthread_t threads[4];
        reader readers[4];
        for (int i = 0; i < 4; i++) {
            readers[i] = (reader) { f, store, 10 + (uint64_t)i };
            assert_int_equal(pthread_create(&threads[i], NULL, read_many, &readers[i]), 0);
        }
        mt_blocks_drop(store); /* while they read */
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        mt_store_close(store);
    }
}

static void no_memory(void **state)
{
    fixture *f = *state;
    size_t failures = 1;
    for (size_t k = 0; failures; k++) {
        failing_allocator failing;
        mt_allocator allocator = failing_allocator_make(&failing, k, 0);
        mt_env env;
        mt_store *store;
        mt_env_init(&env, &allocator, NULL);
        if (mt_store_open_folder(&env, f->folder, &store, NULL) == MT_OK &&
            mt_store_open_blocks(store, &store, NULL) == MT_OK) {
            uint8_t out[200] = { 0 };
            mt_status st = MT_OK;
            for (uint64_t at = 0; !st && at < 40000; at += 9000)
                if (!(st = mt_store_read_at(store, "a", at, out, sizeof out, NULL)))
                    assert_memory_equal(out, f->bytes + at, sizeof out);
            assert_true(st == MT_OK || st == MT_E_MEMORY);
            mt_store_close(store);
        }
        failures = failing.count > k;
        assert_int_equal(env.memory_bytes, 0);
    }
}

static const void *cancelled;
static void note_cancel(mt_store *store, const void *owner) { (void)store, cancelled = owner; }
static void close_nothing(mt_store *store) { (void)store; }

/* What is in flight behind the front is ended early, too. */
static void cancels_go_through(void **state)
{
    static const mt_store_ops ops = { .cancel = note_cancel, .close = close_nothing };
    fixture *f = *state;
    mt_store inner = { .ops = &ops, .env = &f->env, .costs.is_slow = true }, *store;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_store_open_blocks(&inner, &store, &err), &err);
    assert_ptr_not_equal(store, &inner);
    mt_store_cancel(store, f);
    assert_ptr_equal(cancelled, f);
    mt_store_close(store);
}

/* Reads up to 1 MiB are kept, also by a store that keeps 1 MiB in all. */
static void long_reads(void **state)
{
    fixture *f = *state;
    static uint8_t out[(1 << 20) + 1];
    for (int i = 0; i < 8; i++) {
        bool more = i & 1, waits = i & 2, drops = i & 4;
        delayed_log log = { .delay_ms = 0 };
        mt_store *store = open_blocks(f, &log);
        mt_error err = MT_ERROR_INIT;
        mt_request r = { .key = "a", .size = (1 << 20) + (size_t)more, .out = out };
        if (drops)
            mt_blocks_drop(store);
        for (int round = 0; round < 2; round++) {
            if (waits)
                check_ok(mt_store_read_at(store, "a", 0, out, r.size, &err), &err);
            else
                check_ok(mt_store_perform(store, &r, 1, &err), &err);
            assert_memory_equal(out, f->bytes, r.size);
        }
        assert_int_equal(log.requests, more ? 2 : 1);
        mt_store_close(store);
    }
}

/* Once a small object is known, all kinds of requests for it are answered. */
static void known_objects(void **state)
{
    fixture *f = *state;
    static const struct {
        mt_request_kind kind;
        uint64_t offset;
        size_t size;
        mt_status status;
        size_t n_read, requests;
        uint64_t from;
    } cases[] = {
        { MT_READ_RANGE, 60, 40, MT_OK, 40, 0, 60 }, { MT_READ_RANGE, 60, 41, MT_E_CORRUPT, 0, 1, 0 },
        { MT_READ_RANGE, 100, 0, MT_OK, 0, 0, 0 },   { MT_READ_SOME, 60, 41, MT_OK, 40, 0, 60 },
        { MT_READ_SOME, 100, 1, MT_OK, 0, 0, 0 },    { MT_READ_SOME, 101, 1, MT_OK, 0, 0, 0 },
        { MT_READ_TAIL, 0, 99, MT_OK, 99, 0, 1 },    { MT_READ_TAIL, 0, 100, MT_OK, 100, 0, 0 },
        { MT_READ_TAIL, 0, 101, MT_OK, 100, 0, 0 },  { MT_READ_WHOLE, 0, 100, MT_OK, 100, 0, 0 },
        { MT_READ_WHOLE, 0, 101, MT_OK, 100, 0, 0 }, { MT_READ_WHOLE, 0, 99, MT_E_LIMIT, 0, 1, 0 },
    };
    delayed_log log = { .delay_ms = 0 };
    mt_store *store = open_blocks(f, &log);
    mt_error err = MT_ERROR_INIT;
    uint8_t out[101];
    uint64_t size;
    check_ok(mt_store_size(store, "b", &size, &err), &err);
    assert_int_equal(size, 100);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_request r = { .key = "b", .kind = cases[i].kind, .offset = cases[i].offset, .size = cases[i].size };
        size_t before = log.requests;
        r.out = out;
        assert_int_equal(mt_store_perform(store, &r, 1, NULL), cases[i].status);
        assert_int_equal(r.n_read, cases[i].n_read);
        assert_memory_equal(out, f->bytes + cases[i].from, r.n_read);
        assert_int_equal(log.requests - before, cases[i].requests);
    }
    mt_request whole = { .key = "b", .kind = MT_READ_WHOLE, .size = 100 };
    check_ok(mt_store_perform(store, &whole, 1, &err), &err);
    assert_int_equal(whole.capacity, 100);
    assert_int_equal(whole.object_size, 100);
    assert_memory_equal(whole.out, f->bytes, 100);
    mt_release(&f->env, whole.out, whole.capacity);
    mt_store_close(store);
}

static void what_is_known_without_waiting(void **state)
{
    fixture *f = *state;
    delayed_log log = { .delay_ms = 0 };
    mt_store *store = open_blocks(f, &log);
    mt_error err = MT_ERROR_INIT;
    mt_status st;
    uint8_t out[2][10];
    const mt_range ranges[] = { { 5, 10, out[0] }, { 65530, 6, out[1] } }, next = { 65530, 7, out[1] };
    mt_request absent = { .key = "x", .kind = MT_READ_SOME, .size = 10, .out = out[0] };
    assert_false(mt_store_read_now(store, "a", ranges, 2, &st, &err));
    check_ok(mt_store_read_at(store, "a", 0, out[0], 1, &err), &err);
    assert_true(mt_store_read_now(store, "a", ranges, 2, &st, &err));
    check_ok(st, &err);
    assert_memory_equal(out[0], f->bytes + 5, 10);
    assert_memory_equal(out[1], f->bytes + 65530, 6);
    assert_false(mt_store_read_now(store, "a", &next, 1, &st, &err));
    assert_int_equal(log.requests, 1);
    mt_blocks_touch(store, &(mt_touch) { .key = "x" }, 1);
    assert_int_equal(log.requests, 2);
    assert_true(mt_store_read_now(store, "x", ranges, 1, &st, &err));
    check_failed(st, MT_E_NOT_FOUND, &err, "x: no such file");
    assert_int_equal(mt_store_perform(store, &absent, 1, NULL), MT_E_NOT_FOUND);
    assert_int_equal(log.requests, 2);
    mt_store_close(store);
}

/* What ends with the object is kept; a range beyond it is one request, which reports it. */
static void ends_of_objects(void **state)
{
    fixture *f = *state;
    delayed_log log = { .delay_ms = 0 };
    mt_store *store = open_blocks(f, &log);
    mt_error err = MT_ERROR_INIT;
    uint8_t out[10];
    uint64_t size;
    check_ok(mt_store_size(store, "a", &size, &err), &err);
    for (int i = 0; i < 2; i++) {
        check_ok(mt_store_read_at(store, "a", SIZE - 10, out, 10, &err), &err);
        assert_memory_equal(out, f->bytes + SIZE - 10, 10);
        assert_int_equal(log.requests, 2);
    }
    assert_int_equal(mt_store_read_at(store, "a", SIZE - 9, out, 10, &err), MT_E_CORRUPT);
    assert_int_equal(log.requests, 3);
    mt_store_close(store);
}

/* A request of nothing reads a block, and learns the size. */
static void empty_requests(void **state)
{
    fixture *f = *state;
    delayed_log log = { .delay_ms = 0 };
    mt_store *store = open_blocks(f, &log);
    mt_error err = MT_ERROR_INIT;
    uint8_t out[10];
    mt_request r = { .key = "a", .kind = MT_READ_SOME, .out = out };
    check_ok(mt_store_perform(store, &r, 1, &err), &err);
    assert_int_equal(r.object_size, SIZE);
    check_ok(mt_store_read_at(store, "a", 65526, out, 10, &err), &err);
    assert_memory_equal(out, f->bytes + 65526, 10);
    assert_int_equal(log.requests, 1);
    mt_store_close(store);
}

/* How many bytes a first read of one byte fetches, by the cost of a request. */
static void sizes_of_blocks(void **state)
{
    fixture *f = *state;
    static const struct {
        size_t request;
        bool slow;
        uint64_t bytes;
    } cases[] = { { 0, false, 4096 },       { 8192, false, 4096 },     { 8194, false, 8192 },
                  { 16384, false, 8192 },   { 65536, false, 32768 },   { 131072, false, 65536 },
                  { 131074, false, 65536 }, { 1 << 20, false, 65536 }, { 0, true, 65536 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_store *store;
        mt_error err = MT_ERROR_INIT;
        uint8_t byte;
        check_ok(mt_store_open_folder(&f->env, f->folder, &store, &err), &err);
        store->costs.request = cases[i].request;
        store->costs.is_slow = cases[i].slow;
        check_ok(mt_store_open_blocks(store, &store, &err), &err);
        uint64_t before = f->env.bytes_fetched;
        check_ok(mt_store_read_at(store, "a", 5, &byte, 1, &err), &err);
        assert_int_equal(f->env.bytes_fetched - before, cases[i].bytes);
        mt_store_close(store);
    }
}

/* Reading on reads twice as much each time: up to 1 MiB, or half of what is kept after opening. */
static void reading_ahead(void **state)
{
    fixture *f = *state;
    enum { KIB = 1024 };
    static const uint64_t expected[2][8] = { { 64, 128, 256, 512, 1024, 0 }, { 64, 128, 256, 512, 512, 512, 0 } };
    for (int dropped = 0; dropped < 2; dropped++) {
        delayed_log log = { .delay_ms = 0 };
        mt_store *store = open_blocks(f, &log);
        mt_error err = MT_ERROR_INIT;
        uint8_t out[KIB];
        uint64_t at = 0;
        if (dropped)
            mt_blocks_drop(store);
        for (int i = 0; expected[dropped][i]; i++) {
            uint64_t before = f->env.bytes_fetched, end = at + expected[dropped][i] * KIB;
            for (; at < end; at += KIB) {
                check_ok(mt_store_read_at(store, "a", at, out, KIB, &err), &err);
                assert_memory_equal(out, f->bytes + at, KIB);
                assert_int_equal(f->env.bytes_fetched - before, expected[dropped][i] * KIB);
            }
        }
        mt_store_close(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bytes),
        cmocka_unit_test(few_reads),
        cmocka_unit_test(absent_together),
        cmocka_unit_test(scattered),
        cmocka_unit_test(bounded),
        cmocka_unit_test(threads),
        cmocka_unit_test(cancels_go_through),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(long_reads),
        cmocka_unit_test(known_objects),
        cmocka_unit_test(what_is_known_without_waiting),
        cmocka_unit_test(ends_of_objects),
        cmocka_unit_test(empty_requests),
        cmocka_unit_test(sizes_of_blocks),
        cmocka_unit_test(reading_ahead),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
