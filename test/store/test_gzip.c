/* SPDX-License-Identifier: BSD-3-Clause */
/* Random reads of gzip objects: members, restart points, their budget, errors, failures, threads. */
#include "store/inflate.h"
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

enum { SIZE = 3000000, ROOM = SIZE + 100000 };

static uint8_t *plain, *packed;
static size_t n_packed;
static mt_env env;
static failing_allocator failing; /* the allocator of env */
static mt_io *io;

static int set_up(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    uint64_t seed = 5;
    mt_allocator checked = failing_allocator_make(&failing, SIZE_MAX, 0);
    mt_env_init(&env, &checked, NULL);
    check_ok(mt_cache_new(&env, 2 << 20, &env.index_cache, &err), &err);
    check_ok(mt_io_new(&env, &io, &err), &err);
    env.io = io;
    plain = malloc(SIZE);
    packed = malloc(ROOM);
    for (size_t i = 0; i < SIZE; i++)
        plain[i] = (uint8_t)(i / 5000 + (next_random(&seed) & 7));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mt_io_free(io);
    mt_cache_free(env.index_cache);
    free(plain);
    free(packed);
    assert_int_equal(env.memory_bytes, 0);
    assert_int_equal(env.restart_bytes, 0);
    return 0;
}

/* The plain bytes as members of these sizes, the rest as one more. */
static void pack(const size_t *sizes, size_t n, int level)
{
    size_t done = 0;
    n_packed = 0;
    for (size_t i = 0; i < n; i++) {
        gzip_append(packed, ROOM, &n_packed, plain + done, sizes[i], level);
        done += sizes[i];
    }
    gzip_append(packed, ROOM, &n_packed, plain + done, SIZE - done, level);
}

static mt_store *open_bytes(const void *bytes, size_t n)
{
    mt_store *outer, *store;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_store_open_memory(&env, "a.npy.gz", bytes, n, &outer, &err), &err);
    check_ok(mt_store_open_gzip(&env, outer, "a.npy.gz", "a.npy", &store, &err), &err);
    return store;
}

static void check_part(mt_store *store, uint64_t offset, size_t size)
{
    mt_error err = MT_ERROR_INIT;
    uint8_t *out = malloc(size + 1);
    out[size] = 0x5a;
    check_ok(mt_store_read_at(store, "a.npy", offset, out, size, &err), &err);
    assert_memory_equal(out, plain + offset, size);
    assert_int_equal(out[size], 0x5a);
    free(out);
}

static void check_random(mt_store *store, uint64_t seed, int n)
{
    for (int i = 0; i < n; i++) {
        size_t size = (size_t)random_between(&seed, 1, i % 8 ? 2000 : 700000);
        check_part(store, (uint64_t)random_between(&seed, 0, (int64_t)(SIZE - size)), size);
    }
}

static void check_all(mt_store *store)
{
    mt_error err = MT_ERROR_INIT;
    uint64_t size;
    uint8_t byte, ends[2];
    check_random(store, 1, 15);
    check_ok(mt_store_size(store, "a.npy", &size, &err), &err);
    assert_int_equal(size, SIZE);
    check_random(store, 2, 30);
    check_part(store, 0, SIZE);
    check_part(store, SIZE - 1, 1);
    const mt_range ranges[] = { { SIZE - 1, 1, &ends[1] }, { 0, 1, &ends[0] } };
    check_ok(mt_store_read(store, "a.npy", ranges, 2, &err), &err);
    assert_true(ends[0] == plain[0] && ends[1] == plain[SIZE - 1]);
    assert_int_equal(mt_store_read_at(store, "a.npy", SIZE, &byte, 1, NULL), MT_E_CORRUPT);
    assert_int_equal(mt_store_read_at(store, "a.npy", UINT64_MAX, &byte, 1, NULL), MT_E_CORRUPT);
    assert_int_equal(mt_store_read_at(store, "b", 0, &byte, 1, NULL), MT_E_NOT_FOUND);
}

static void random_reads(void **state)
{
    (void)state;
    static const int levels[] = { 6, 1, 0 };
    for (int i = 0; i < 3; i++) {
        pack(NULL, 0, levels[i]);
        mt_store *store = open_bytes(packed, n_packed);
        check_all(store);
        if (i == 0) /* a point each MiB, the window with each */
            assert_in_range(env.restart_bytes, 2 * 32768, 6 * 33000 + 2 * 200000);
        mt_store_close(store);
    }
}

/* Members of all sizes, empty ones too, and zeros behind the last. */
static void several_members(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 2000000, 0, 0, 65536, 300000 };
    pack(sizes, 7, 6);
    memset(packed + n_packed, 0, 1000);
    n_packed += 1000;
    mt_store *store = open_bytes(packed, n_packed);
    check_all(store);
    mt_store_close(store);
    static size_t small[SIZE / 20000];
    for (size_t i = 0; i < SIZE / 20000; i++)
        small[i] = 20000;
    pack(small, SIZE / 20000, 6);
    store = open_bytes(packed, n_packed);
    check_all(store);
    mt_store_close(store);
}

/* Restart points stay within their budget; reads stay right. */
static void budget(void **state)
{
    (void)state;
    static const uint64_t budgets[] = { 0, 200000 };
    uint64_t before = env.restart_most;
    pack(NULL, 0, 6);
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        env.restart_most = budgets[i];
        mt_store *store = open_bytes(packed, n_packed), *second = open_bytes(packed, n_packed);
        check_all(store);
        check_random(second, 4, 20);
        /* four points of each stream are allowed in any case */
        assert_in_range(env.restart_bytes, 0, budgets[i] + 2 * 4 * 33000);
        mt_store_close(store);
        mt_store_close(second);
        assert_int_equal(env.restart_bytes, 0);
    }
    env.restart_most = before;
}

/* All optional parts of a header. */
static void headers(void **state)
{
    (void)state;
    uint8_t b[4096] = { 0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3 };
    size_t n = 10;
    memcpy(b + n, "\5\0extra", 7), n += 7;
    memcpy(b + n, "name", 5), n += 5;
    memcpy(b + n, "comment", 8), n += 8;
    n += 2; /* checksum of the header */
    uint8_t member[2048];
    size_t n_member = 0;
    gzip_append(member, sizeof member, &n_member, plain, 1000, 6);
    memcpy(b + n, member + 10, n_member - 10);
    n += n_member - 10;
    mt_store *store = open_bytes(b, n);
    check_part(store, 17, 900);
    mt_store_close(store);
    b[3] |= 0x20; /* a flag of the future */
    store = open_bytes(b, n);
    mt_error err = MT_ERROR_INIT;
    uint64_t size;
    assert_int_equal(mt_store_size(store, "a.npy", &size, &err), MT_E_CORRUPT);
    assert_non_null(strstr(err.message, "a.npy.gz: gzip: no gzip member at byte 0"));
    mt_store_close(store);
}

/* Truncated anywhere: an error with the position. Changed anywhere: an error, or the same bytes. */
static void broken(void **state)
{
    (void)state;
    n_packed = 0;
    gzip_append(packed, ROOM, &n_packed, plain, 1000, 6);
    size_t first = n_packed;
    gzip_append(packed, ROOM, &n_packed, plain + 1000, 500, 6);
    for (size_t n = 0; n < n_packed; n++) {
        uint8_t *copy = malloc(n ? n : 1);
        memcpy(copy, packed, n);
        mt_store *store = open_bytes(copy, n);
        mt_error err = MT_ERROR_INIT;
        uint64_t size = 0;
        mt_status st = mt_store_size(store, "a.npy", &size, &err);
        if (n == first)
            assert_int_equal(size, 1000);
        else
            assert_true(st == MT_E_CORRUPT && strstr(err.message, "byte"));
        mt_store_close(store);
        free(copy);
    }
    for (size_t i = 0; i < n_packed; i++)
        for (int bit = 0; bit < 8; bit++) {
            packed[i] ^= 1 << bit;
            mt_store *store = open_bytes(packed, n_packed);
            mt_error err = MT_ERROR_INIT;
            uint8_t out[1500];
            uint64_t size;
            mt_status st = mt_store_size(store, "a.npy", &size, &err);
            if (!st && !(st = mt_store_read_at(store, "a.npy", 0, out, 1500, &err)))
                assert_memory_equal(out, plain, 1500);
            mt_store_close(store);
            packed[i] ^= 1 << bit;
        }
}

/* A few bytes that become many: neither memory nor a wrong size. */
static void bomb(void **state)
{
    (void)state;
    enum { ZEROS = 50000000 };
    uint8_t *zeros = calloc(ZEROS, 1);
    n_packed = 0;
    gzip_append(packed, ROOM, &n_packed, zeros, ZEROS, 9);
    free(zeros);
    assert_true(n_packed < 100000);
    env.memory_peak = env.memory_bytes;
    uint64_t before = env.memory_bytes, size;
    mt_store *store = open_bytes(packed, n_packed);
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_store_size(store, "a.npy", &size, &err), &err);
    assert_int_equal(size, ZEROS);
    assert_true(env.memory_peak - before < (8 << 20));
    mt_store_close(store);
}

static void failing_reads(void **state)
{
    (void)state;
    static const mt_status kinds[] = { MT_E_IO, MT_E_CORRUPT };
    pack(NULL, 0, 1);
    for (int k = 0; k < 2; k++) {
        bool failed = true;
        for (size_t at = 0; failed; at += at < 10 ? 1 : 7) {
            mt_store *memory, *faulty, *store;
            mt_error err = MT_ERROR_INIT;
            uint64_t size;
            check_ok(mt_store_open_memory(&env, "a.npy.gz", packed, n_packed, &memory, &err), &err);
            check_ok(faulty_store_wrap(memory, at, kinds[k], &faulty, &err), &err);
            mt_status st = mt_store_open_gzip(&env, faulty, "a.npy.gz", "a.npy", &store, &err);
            if (!st && mt_store_size(store, "a.npy", &size, &err) == MT_OK)
                assert_int_equal(size, SIZE);
            failed = faulty_store_calls(faulty) > at;
            assert_int_equal(err.status, failed ? kinds[k] : MT_OK);
            if (!st && failed)
                check_part(store, SIZE / 2, 1000); /* the next read is right */
            mt_store_close(st ? faulty : store);
        }
    }
}

static void failing_allocations(void **state)
{
    (void)state;
    static const size_t sizes[] = { 2000000 };
    pack(sizes, 1, 1);
    uint8_t *out = malloc(SIZE);
    for (int forever = 0; forever < 2; forever++)
        for (size_t k = 0, reached = 1; reached; k++) {
            mt_store *memory, *store;
            mt_error err = MT_ERROR_INIT;
            uint64_t size;
            check_ok(mt_store_open_memory(&env, "a.npy.gz", packed, n_packed, &memory, &err), &err);
            failing = (failing_allocator) { 0, k, forever };
            mt_status st = mt_store_open_gzip(&env, memory, "a.npy.gz", "a.npy", &store, &err);
            if (!st && mt_store_size(store, "a.npy", &size, &err) == MT_OK)
                assert_int_equal(size, SIZE);
            if (!st && mt_store_read_at(store, "a.npy", SIZE / 2, out, 1000, &err) == MT_OK)
                assert_memory_equal(out, plain + SIZE / 2, 1000);
            if (err.status)
                assert_int_equal(err.status, MT_E_MEMORY);
            reached = failing.count > k;
            failing.fail_at = SIZE_MAX;
            mt_store_close(st ? memory : store);
        }
    free(out);
}

typedef struct worker {
    mt_store *store;
    uint64_t seed;
    bool good;
} worker;

static void *run_worker(void *argument)
{
    worker *me = argument;
    uint8_t *out = malloc(400000);
    me->good = true;
    for (int i = 0; i < 24; i++) {
        int64_t n = random_between(&me->seed, 1, i % 8 ? 3000 : 400000), from = random_between(&me->seed, 0, SIZE - n);
        mt_request r = { .key = "a.npy", .offset = (uint64_t)from, .size = (size_t)n, .out = out };
        me->good &= mt_store_perform(me->store, &r, 1, NULL) == MT_OK && memcmp(out, plain + from, (size_t)n) == 0;
        if (i == 12) {
            uint64_t size;
            me->good &= mt_store_size(me->store, "a.npy", &size, NULL) == MT_OK && size == SIZE;
        }
    }
    free(out);
    return NULL;
}

static void many_threads(void **state)
{
    (void)state;
    enum { N = 8 };
    static const uint64_t budgets[] = { 16 << 20, 200000 };
    uint64_t before = env.restart_most;
    pack(NULL, 0, 6);
    for (int b = 0; b < 2; b++) {
        env.restart_most = budgets[b];
        mt_store *store = open_bytes(packed, n_packed);
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
    env.restart_most = before;
}

/* Bytes damaged on the way, where nothing shows it, are not kept once that is known. */
static void damage_is_forgotten(void **state)
{
    (void)state;
    uint8_t out[100];
    mt_error err = MT_ERROR_INIT;
    pack(NULL, 0, 0); /* stored blocks */
    mt_store *store = open_bytes(packed, n_packed);
    check_part(store, 2500000, 100); /* restart points, and an idle cursor */
    uint8_t *at = memmem(packed, n_packed, plain + 1200000, 200);
    assert_non_null(at);
    at[50] ^= 1;
    check_ok(mt_store_read_at(store, "a.npy", 1200000, out, 100, &err), &err);
    assert_memory_not_equal(out, plain + 1200000, 100);
    at[50] ^= 1;
    check_ok(mt_store_read_at(store, "a.npy", 1200000, out, 100, &err), &err);
    assert_memory_not_equal(out, plain + 1200000, 100);
    mt_store_forget(store, "a.npy", 1200000, 100);
    check_part(store, 1200000, 100);
    check_part(store, 0, SIZE);
    mt_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(random_reads),  cmocka_unit_test(several_members),
                                        cmocka_unit_test(budget),        cmocka_unit_test(headers),
                                        cmocka_unit_test(broken),        cmocka_unit_test(bomb),
                                        cmocka_unit_test(failing_reads), cmocka_unit_test(failing_allocations),
                                        cmocka_unit_test(many_threads),  cmocka_unit_test(damage_is_forgotten) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
