/* SPDX-License-Identifier: BSD-3-Clause */
/* Archives as stores: members of each kind, failures, requests, threads. */
#include "store/io.h"
#include "store/zip.h"
#include "support/faulty_store.h"
#include "support/support.h"
#include "support/zip_writer.h"

#include "cache/cache.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BIG = 1500000, MIDDLE = 40000 };

static uint8_t *pixels; /* BIG bytes that compress by half */
static mt_env env;
static failing_allocator failing; /* the allocator of env */
static mt_io *io;
static zip_writer w;

static int set_up(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    uint64_t seed = 5;
    mt_allocator checked = failing_allocator_make(&failing, SIZE_MAX, 0);
    mt_env_init(&env, &checked, NULL);
    check_ok(mt_cache_new(&env, 4 << 20, &env.index_cache, &err), &err);
    check_ok(mt_io_new(&env, &io, &err), &err);
    env.io = io;
    pixels = malloc(BIG);
    for (size_t i = 0; i < BIG; i++)
        pixels[i] = (uint8_t)(i / 1000 + (next_random(&seed) & 15));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mt_io_free(io);
    mt_cache_free(env.index_cache);
    free(pixels);
    assert_int_equal(env.memory_bytes, 0);
    assert_int_equal(env.restart_bytes, 0);
    return 0;
}

static mt_store *open_good(void)
{
    mt_store *store;
    mt_error err = MT_ERROR_INIT;
    check_ok(zip_open(&env, w.bytes, w.n, &store, &err), &err);
    return store;
}

static const unsigned methods[] = { 0, 8,
#ifdef MT_WITH_ZSTD
                                    93
#endif
};
enum { N_METHODS = sizeof methods / sizeof *methods };

/* A small, a middle and a big member of each method, in folders. */
static void write_members(size_t prepended, int zip64, int descriptor, unsigned local_extra)
{
    char name[64];
    zip_begin(&w, prepended);
    w.local_extra = local_extra;
    for (int i = 0; i < N_METHODS; i++) {
        snprintf(name, sizeof name, "m%u/empty", methods[i]);
        zip_add(&w, name, "", 0, methods[i], descriptor);
        snprintf(name, sizeof name, "m%u/middle", methods[i]);
        zip_add(&w, name, pixels + 7, MIDDLE, methods[i], descriptor);
        snprintf(name, sizeof name, "m%u/big", methods[i]);
        zip_add(&w, name, pixels, BIG, methods[i], descriptor)->zip64 = zip64;
    }
    w.zip64 = zip64;
    zip_end(&w);
}

static void check_part(mt_store *store, const char *key, const uint8_t *all, uint64_t offset, size_t size)
{
    mt_error err = MT_ERROR_INIT;
    uint8_t *out = malloc(size + 1);
    out[size] = 0x5a;
    check_ok(mt_store_read_at(store, key, offset, out, size, &err), &err);
    assert_memory_equal(out, all + offset, size);
    assert_int_equal(out[size], 0x5a);
    free(out);
}

static void check_members(mt_store *store)
{
    char name[64];
    mt_error err = MT_ERROR_INIT;
    uint64_t size, seed = 3;
    for (int i = 0; i < N_METHODS; i++) {
        snprintf(name, sizeof name, "m%u/middle", methods[i]);
        check_ok(mt_store_size(store, name, &size, &err), &err);
        assert_int_equal(size, MIDDLE);
        check_part(store, name, pixels + 7, MIDDLE - 3, 3);
        check_part(store, name, pixels + 7, 0, MIDDLE);
        check_part(store, name, pixels + 7, MIDDLE, 0);
        assert_int_equal(mt_store_read_at(store, name, MIDDLE - 3, &size, 4, NULL), MT_E_CORRUPT);
        assert_int_equal(mt_store_read_at(store, name, UINT64_MAX, &size, 4, NULL), MT_E_CORRUPT);
        snprintf(name, sizeof name, "m%u/big", methods[i]);
        check_part(store, name, pixels, BIG - 10, 10);
        check_part(store, name, pixels, 0, BIG);
        for (int k = 0; k < 25; k++) {
            size_t n = (size_t)random_between(&seed, 1, k % 10 ? 3000 : 600000);
            check_part(store, name, pixels, (uint64_t)random_between(&seed, 0, (int64_t)(BIG - n)), n);
        }
        snprintf(name, sizeof name, "m%u/empty", methods[i]);
        check_ok(mt_store_size(store, name, &size, &err), &err);
        assert_int_equal(size, 0);
    }
    assert_int_equal(mt_store_size(store, "m0", &size, NULL), MT_E_NOT_FOUND);
    assert_int_equal(mt_store_size(store, "m0/bi", &size, NULL), MT_E_NOT_FOUND);
    assert_int_equal(mt_store_size(store, "../m0/big", &size, NULL), MT_E_ARGUMENT);
}

static void members(void **state)
{
    (void)state;
    static const struct {
        size_t prepended;
        int zip64, descriptor;
        unsigned local_extra;
    } kinds[] = { { 0, 0, 0, 0 }, { 100, 0, 0, 20 }, { 0, 1, 0, 0 }, { 4711, 1, 1, 3000 }, { 0, 0, 1, 65535 } };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        write_members(kinds[i].prepended, kinds[i].zip64, kinds[i].descriptor, kinds[i].local_extra);
        mt_store *store = open_good();
        check_members(store);
        mt_store_close(store);
        zip_free(&w);
    }
}

/* Without cache and threads for I/O. */
static void members_without_help(void **state)
{
    (void)state;
    mt_cache *cache = env.index_cache;
    env.index_cache = NULL;
    env.io = NULL;
    write_members(0, 0, 0, 9);
    mt_store *store = open_good();
    check_members(store);
    mt_store_close(store);
    zip_free(&w);
    env.index_cache = cache;
    env.io = io;
}

static mt_status join(void *user, const char *name, mt_error *err)
{
    (void)err;
    size_t n = strlen(user);
    snprintf((char *)user + n, 200 - n, "%s ", name);
    return MT_OK;
}

static void listings(void **state)
{
    (void)state;
    static const char *const names[] = { "b/x", "b-1", "b/", "a", "b/x/y/z", "b/x/y/a", "b.c/d", "b1", "b/x-" };
    zip_begin(&w, 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        zip_add(&w, names[i], "", 0, 0, 0);
    zip_end(&w);
    mt_store *store = open_good();
    static const char *const expected[][2] = { { "", "a b b-1 b.c b1 " },
                                               { "b", "x x- " },
                                               { "b/x", "y " },
                                               { "b/x/y", "a z " },
                                               { "b.c", "d " },
                                               { "a", "" },
                                               { "none", "" },
                                               { "b/x/y/z", "" },
                                               { "zz", "" } };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        char text[200] = "";
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_store_list(store, expected[i][0], join, text, &err), &err);
        assert_string_equal(text, expected[i][1]);
    }
    mt_store_close(store);
    zip_free(&w);
}

static void read_all(mt_store *store, mt_error *err)
{
    static const char *const names[] = { "m0/middle", "m8/middle", "m8/big", "m0/big" };
    uint8_t *out = malloc(BIG);
    for (int i = 0; i < 4; i++) {
        size_t n = i < 2 ? MIDDLE : BIG;
        const uint8_t *all = i < 2 ? pixels + 7 : pixels;
        if (mt_store_read_at(store, names[i], n / 2, out, n / 4, err) == MT_OK)
            assert_memory_equal(out, all + n / 2, n / 4);
        if (mt_store_read_at(store, names[i], 0, out, n, err) == MT_OK)
            assert_memory_equal(out, all, n);
    }
    free(out);
}

static void failing_reads(void **state)
{
    (void)state;
    static const mt_status kinds[] = { MT_E_IO, MT_E_CORRUPT };
    write_members(10, 1, 0, 2000);
    for (int k = 0; k < 2; k++) {
        bool failed = true;
        for (size_t at = 0; failed; at++) {
            mt_store *memory, *faulty, *store;
            mt_error err = MT_ERROR_INIT;
            check_ok(mt_store_open_memory(&env, "a.zip", w.bytes, w.n, &memory, &err), &err);
            check_ok(faulty_store_wrap(memory, at, kinds[k], &faulty, &err), &err);
            mt_status st = mt_store_open_zip(&env, faulty, "a.zip", &store, &err);
            if (!st)
                read_all(store, &err);
            failed = faulty_store_calls(faulty) > at;
            if (failed) {
                assert_int_equal(err.status, kinds[k]);
                assert_non_null(strstr(err.message, "made to fail"));
            }
            mt_store_close(st ? faulty : store);
        }
    }
    zip_free(&w);
}

/* An archive that goes away while it is open: its members are not missing, which would be taken for fill. */
static void the_archive_goes_away(void **state)
{
    (void)state;
    static const char *const names[] = { "m0/middle", "m8/middle", "m8/big", "m0/big" };
    uint8_t *out = malloc(BIG);
    write_members(10, 1, 0, 2000);
    for (int i = 0; i < 8; i++) {
        mt_store *memory, *faulty, *store;
        mt_error err = MT_ERROR_INIT;
        mt_request r = { .key = names[i / 2], .size = 1000, .out = out };
        check_ok(mt_store_open_memory(&env, "a.zip", w.bytes, w.n, &memory, &err), &err);
        check_ok(faulty_store_wrap(memory, 2, MT_E_NOT_FOUND, &faulty, &err), &err);
        check_ok(mt_store_open_zip(&env, faulty, "a.zip", &store, &err), &err);
        assert_int_equal(faulty_store_calls(faulty), 2);
        mt_status st =
            i % 2 ? mt_store_perform(store, &r, 1, &err) : mt_store_read_at(store, r.key, 0, out, 1000, &err);
        assert_int_equal(st, MT_E_CHANGED);
        assert_int_equal(err.status, MT_E_CHANGED);
        assert_non_null(strstr(err.message, "not there any more"));
        mt_store_close(store);
    }
    zip_free(&w);
    free(out);
}

static void failing_allocations(void **state)
{
    (void)state;
    write_members(0, 1, 0, 0);
    for (int forever = 0; forever < 2; forever++)
        for (size_t k = 0, reached = 1; reached; k++) {
            mt_store *memory, *store;
            mt_error err = MT_ERROR_INIT;
            check_ok(mt_store_open_memory(&env, "a.zip", w.bytes, w.n, &memory, &err), &err);
            failing = (failing_allocator) { 0, k, forever };
            mt_status st = mt_store_open_zip(&env, memory, "a.zip", &store, &err);
            if (!st) {
                char names[200] = "";
                read_all(store, &err);
                (void)!mt_store_list(store, "", join, names, &err);
            }
            if (err.status)
                assert_int_equal(err.status, MT_E_MEMORY);
            reached = failing.count > k;
            failing.fail_at = SIZE_MAX;
            mt_store_close(st ? memory : store);
        }
    zip_free(&w);
}

/* A store that counts requests, and answers from its own threads, like HTTP. */
static void count_requests(void **state)
{
    (void)state;
    zip_begin(&w, 0);
    for (int i = 0; i < 200; i++) {
        char name[16];
        snprintf(name, sizeof name, "c/%d", i);
        zip_add(&w, name, pixels + i, 5000, 0, 0);
    }
    zip_end(&w);
    mt_store *memory, *faulty, *store;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_store_open_memory(&env, "a.zip", w.bytes, w.n, &memory, &err), &err);
    check_ok(faulty_store_wrap(memory, SIZE_MAX, MT_OK, &faulty, &err), &err);
    faulty->costs.in_flight = faulty->costs.io_threads = 16;
    env.ranges = 0;
    check_ok(mt_store_open_zip(&env, faulty, "a.zip", &store, &err), &err);
    assert_int_equal(faulty_store_calls(faulty), 2); /* size, and the end with the directory */
    static mt_request r[200];
    static uint8_t out[200][5000];
    static char names[200][16];
    for (int round = 0; round < 2; round++) {
        size_t before = faulty_store_calls(faulty);
        for (int i = 0; i < 200; i++) {
            snprintf(names[i], sizeof names[i], "c/%d", i);
            r[i] = (mt_request) { .key = names[i], .offset = (uint64_t)round, .size = 4999, .out = out[i] };
        }
        check_ok(mt_store_perform(store, r, 200, &err), &err);
        assert_int_equal(faulty_store_calls(faulty) - before, 200); /* with the local header */
        for (int i = 0; i < 200; i++)
            assert_memory_equal(out[i], pixels + i + round, 4999);
    }
    mt_request kinds[] = { { .key = "c/7", .kind = MT_READ_TAIL, .size = 100, .out = out[0] },
                           { .key = "c/8", .kind = MT_READ_WHOLE, .size = 5000 },
                           { .key = "c/9", .kind = MT_READ_WHOLE, .size = 4999 },
                           { .key = "c/none", .kind = MT_READ_TAIL, .size = 100, .out = out[1] },
                           { .key = "c/7", .offset = 4990, .size = 11, .out = out[1] },
                           { .key = "c/7", .kind = MT_READ_SOME, .offset = 4990, .size = 11, .out = out[2] },
                           { .key = "c/7", .kind = MT_READ_SOME, .offset = 5001, .size = 11, .out = out[3] },
                           { .key = "c/7", .kind = MT_READ_SOME, .size = 11, .out = out[4] } };
    assert_int_equal(mt_store_perform(store, kinds, 8, &err), MT_E_LIMIT);
    assert_memory_equal(out[0], pixels + 7 + 4900, 100);
    assert_int_equal(kinds[0].object_size, 5000);
    assert_memory_equal(kinds[1].out, pixels + 8, 5000);
    mt_release(&env, kinds[1].out, kinds[1].capacity);
    assert_int_equal(kinds[2].object_size, 5000);
    assert_int_equal(kinds[3].status, MT_E_NOT_FOUND);
    assert_int_equal(kinds[4].status, MT_E_CORRUPT);
    static const size_t some[] = { 10, 0, 11 };
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kinds[5 + i].status, MT_OK);
        assert_int_equal(kinds[5 + i].n_read, some[i]);
        assert_int_equal(kinds[5 + i].object_size, 5000);
        assert_memory_equal(out[2 + i], pixels + 7 + kinds[5 + i].offset, some[i]);
    }
    mt_store_close(store);
    zip_free(&w);
}

typedef struct worker {
    mt_store *store;
    uint64_t seed;
    bool good;
} worker;

static void *run_worker(void *argument)
{
    worker *me = argument;
    static const char *const names[] = { "m0/big", "m8/big", "m8/middle", "m0/middle" };
    me->good = true;
    for (int round = 0; round < 30; round++) {
        enum { N = 8 };
        mt_request r[N];
        const uint8_t *expected[N];
        for (int i = 0; i < N; i++) {
            int which = (int)random_between(&me->seed, 0, 3);
            int64_t all = which < 2 ? BIG : MIDDLE, n = random_between(&me->seed, 1, 20000);
            int64_t from = random_between(&me->seed, 0, all - n);
            r[i] = (mt_request) { .key = names[which], .offset = (uint64_t)from, .size = (size_t)n };
            r[i].out = malloc((size_t)n);
            expected[i] = pixels + (which < 2 ? 0 : 7) + from;
        }
        me->good &= mt_store_perform(me->store, r, N, NULL) == MT_OK;
        for (int i = 0; i < N; i++) {
            me->good &= memcmp(r[i].out, expected[i], r[i].size) == 0;
            free(r[i].out);
        }
    }
    return NULL;
}

static void many_threads(void **state)
{
    (void)state;
    enum { N = 8 };
    write_members(0, 0, 0, 0);
    for (int wrapped = 0; wrapped < 2; wrapped++) {
        mt_store *memory, *store;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_store_open_memory(&env, "a.zip", w.bytes, w.n, &memory, &err), &err);
        if (wrapped)
            check_ok(faulty_store_wrap(memory, SIZE_MAX, MT_OK, &memory, &err), &err);
        check_ok(mt_store_open_zip(&env, memory, "a.zip", &store, &err), &err);
        pthread_t threads[N];
        worker workers[N];
        for (int i = 0; i < N; i++) {
            workers[i] = (worker) { store, (uint64_t)i + 1, false };
            assert_int_equal(pthread_create(&threads[i], NULL, run_worker, &workers[i]), 0);
        }
        for (int i = 0; i < N; i++) {
            pthread_join(threads[i], NULL);
            assert_true(workers[i].good);
        }
        mt_store_close(store);
    }
    zip_free(&w);
}

/* More large deflated members than are open at once. */
static void many_large_members(void **state)
{
    (void)state;
    enum { N = 36, SIZE = 1100000 };
    zip_begin(&w, 0);
    for (int i = 0; i < N; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        zip_add(&w, name, pixels + i, SIZE, 8, 0);
    }
    zip_end(&w);
    mt_store *store = open_good();
    uint64_t seed = 9;
    for (int k = 0; k < 100; k++) {
        char name[16];
        int i = (int)random_between(&seed, 0, N - 1);
        snprintf(name, sizeof name, "%d", i);
        check_part(store, name, pixels + i, (uint64_t)random_between(&seed, 0, SIZE - 100), 100);
    }
    mt_store_close(store);
    zip_free(&w);
}

/* An archive in an archive, stored and deflated. */
static void nested(void **state)
{
    (void)state;
    static zip_writer inner;
    for (int i = 0; i < 2; i++) {
        write_members(0, 0, 0, 0);
        inner = w;
        zip_begin(&w, 0);
        zip_add(&w, "x/inner.zip", inner.bytes, inner.n, methods[i], 0);
        zip_end(&w);
        mt_store *outer = open_good(), *store;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_store_open_zip(&env, outer, "x/inner.zip", &store, &err), &err);
        check_members(store);
        mt_store_close(store);
        zip_free(&w);
        zip_free(&inner);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(members),
                                        cmocka_unit_test(members_without_help),
                                        cmocka_unit_test(listings),
                                        cmocka_unit_test(failing_reads),
                                        cmocka_unit_test(failing_allocations),
                                        cmocka_unit_test(count_requests),
                                        cmocka_unit_test(many_threads),
                                        cmocka_unit_test(many_large_members),
                                        cmocka_unit_test(nested),
                                        cmocka_unit_test(the_archive_goes_away) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
