/* SPDX-License-Identifier: BSD-3-Clause */
/* The disk cache over a store that counts reads. */
#include "store/disk_cache.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 3 * 262144 + 1000 };

/* One object "a". */
typedef struct counted_store {
    mt_store base;
    unsigned reads;
    uint64_t bytes;
    mt_identity identity;
    mt_status fails;
    unsigned closed;
} counted_store;

static uint8_t content[SIZE];
static char url[] = "web://x";

static counted_store *counted_of(mt_store *store) { return (counted_store *)(void *)store; }

static mt_status read_counted(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    counted_store *c = counted_of(store);
    if (c->fails)
        return mt_fail(err, c->fails, "%s: made to fail", key);
    for (size_t i = 0; i < n; i++) {
        assert_true(ranges[i].offset + ranges[i].size <= SIZE);
        memcpy(ranges[i].out, content + ranges[i].offset, ranges[i].size);
        c->reads++;
        c->bytes += ranges[i].size;
    }
    return MT_OK;
}

static mt_status size_counted(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    (void)store, (void)key, (void)err;
    *out = SIZE;
    return MT_OK;
}

static mt_status identify_counted(mt_store *store, const char *key, mt_identity *out, mt_error *err)
{
    if (strcmp(key, "a") != 0)
        return mt_fail(err, MT_E_NOT_FOUND, "%s: there is none", key);
    *out = counted_of(store)->identity;
    return MT_OK;
}

static void close_counted(mt_store *store) { counted_of(store)->closed++; }

static const mt_store_ops counted_ops = {
    .size = size_counted, .read = read_counted, .identify = identify_counted, .close = close_counted
};

typedef struct fixture {
    char folder[64];
    mt_env env;
    counted_store inner;
    mt_disk_cache *cache;
    mt_store *store;
    mt_error err;
} fixture;

static void open_cache(fixture *f)
{
    f->inner = (counted_store) { .base = { .ops = &counted_ops, .env = &f->env, .url = url },
                                 .identity = { .size = SIZE, .etag = "\"1\"" } };
    check_ok(mt_disk_cache_new(&f->env, f->folder, 0, &f->cache, &f->err), &f->err);
    check_ok(mt_disk_cache_wrap(f->cache, &f->inner.base, &f->store, &f->err), &f->err);
}

static void close_cache(fixture *f)
{
    mt_store_close(f->store);
    mt_disk_cache_free(f->cache);
    assert_int_equal(f->inner.closed, 1);
}

static int set_up(void **state)
{
    static fixture f;
    memset(&f, 0, sizeof f);
    for (int i = 0; i < SIZE; i++)
        content[i] = (uint8_t)(i * 7 + i / 256);
    snprintf(f.folder, sizeof f.folder, "/tmp/mt-disk-XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    mt_env_init(&f.env, NULL, NULL);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", f->folder);
    assert_int_equal(f->env.memory_bytes, 0);
    return system(command);
}

static void check_read(fixture *f, uint64_t offset, size_t size)
{
    uint8_t *out = malloc(size + 1);
    check_ok(mt_store_read_at(f->store, "a", offset, out, size, &f->err), &f->err);
    assert_memory_equal(out, content + offset, size);
    free(out);
}

static void blocks_are_read_once(void **state)
{
    fixture *f = *state;
    open_cache(f);
    check_read(f, 10, 100);
    assert_int_equal(f->inner.bytes, MT_DISK_BLOCK);
    check_read(f, 5000, 200000);
    assert_int_equal(f->inner.reads, 1);
    check_read(f, 0, SIZE); /* the first block is there; the others are one read */
    assert_int_equal(f->inner.reads, 2);
    assert_int_equal(f->inner.bytes, SIZE);
    check_read(f, SIZE - 1, 1);
    check_read(f, SIZE, 0);
    close_cache(f);
    open_cache(f);
    check_read(f, 0, SIZE);
    assert_int_equal(f->inner.reads, 0);
    close_cache(f);
}

static void another_identity_is_another_object(void **state)
{
    fixture *f = *state;
    open_cache(f);
    check_read(f, 0, SIZE);
    content[100] ^= 1;
    snprintf(f->inner.identity.etag, sizeof f->inner.identity.etag, "\"2\"");
    check_read(f, 0, SIZE);
    assert_int_equal(f->inner.bytes, 2 * SIZE);
    f->inner.identity.etag[0] = 0; /* changes cannot be detected: not cached */
    check_read(f, 0, 10);
    check_read(f, 0, 10);
    assert_int_equal(f->inner.bytes, 2 * SIZE + 20);
    close_cache(f);
}

/* Without ETags, the query distinguishes objects; with them, it may be a changing signature. */
static void queries_tell_objects_apart(void **state)
{
    fixture *f = *state;
    open_cache(f);
    check_read(f, 0, SIZE);
    f->inner.base.place = 1;
    check_read(f, 0, SIZE);
    assert_int_equal(f->inner.bytes, SIZE);
    f->inner.identity = (mt_identity) { .size = SIZE, .mtime_ns = 1000 };
    check_read(f, 0, SIZE);
    f->inner.base.place = 2;
    content[7] ^= 1;
    check_read(f, 0, SIZE);
    assert_int_equal(f->inner.bytes, 3 * SIZE);
    close_cache(f);
}

/* Bytes that were damaged before they came into the cache have the right checksum there. */
static void what_is_damaged_is_forgotten(void **state)
{
    fixture *f = *state;
    uint8_t out[10];
    open_cache(f);
    content[MT_DISK_BLOCK + 5] ^= 1;
    check_read(f, 0, SIZE);
    content[MT_DISK_BLOCK + 5] ^= 1;
    check_ok(mt_store_read_at(f->store, "a", MT_DISK_BLOCK, out, 10, &f->err), &f->err);
    assert_memory_not_equal(out, content + MT_DISK_BLOCK, 10);
    mt_store_forget(f->store, "a", MT_DISK_BLOCK, 10);
    check_read(f, 0, SIZE);
    assert_int_equal(f->inner.bytes, SIZE + MT_DISK_BLOCK);
    mt_store_forget(f->store, "a", 0, UINT64_MAX);
    check_read(f, 0, SIZE);
    assert_int_equal(f->inner.bytes, 2 * SIZE + MT_DISK_BLOCK);
    mt_store_forget(f->store, "a", SIZE, 1);
    mt_store_forget(f->store, "b", 0, 1);
    check_read(f, 0, SIZE);
    assert_int_equal(f->inner.bytes, 2 * SIZE + MT_DISK_BLOCK);
    close_cache(f);
}

static void failures_come_through(void **state)
{
    fixture *f = *state;
    uint8_t out[10];
    open_cache(f);
    assert_int_equal(mt_store_read_at(f->store, "b", 0, out, 10, NULL), MT_E_NOT_FOUND);
    assert_int_equal(mt_store_read_at(f->store, "a", SIZE - 5, out, 10, NULL), MT_E_CORRUPT);
    f->inner.fails = MT_E_IO;
    assert_int_equal(mt_store_read_at(f->store, "a", 0, out, 10, NULL), MT_E_IO);
    f->inner.fails = MT_OK;
    check_read(f, 0, 10);
    close_cache(f);
}

/* Cuts or changes each file of the cache. */
static void spoil_files(const fixture *f, const char *how)
{
    char command[256];
    snprintf(command, sizeof command, "find %s -type f -exec %s {} \\;", f->folder, how);
    assert_int_equal(system(command), 0);
}

static void torn_and_broken_files(void **state)
{
    static const char *const ways[] = {
        "truncate -s 100",   "truncate -s -1", "truncate -s 0", "truncate -s +1", "sed -i s/mtblock1/mtblock2/",
        "sed -i s/web/WEB/", "chmod 0"
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        open_cache(f);
        check_read(f, 0, SIZE);
        spoil_files(f, ways[i]);
        check_read(f, 0, SIZE);
        close_cache(f);
    }
}

static void run(const char *format, const char *folder)
{
    char command[256];
    snprintf(command, sizeof command, format, folder, folder);
    assert_int_equal(system(command), 0);
}

/* Files that fill the cache: those that were used longest ago go when a block is added, and no more than needed. */
static void the_oldest_files_are_removed(void **state)
{
    fixture *f = *state;
    run("mkdir %s/07 && truncate -s 10M %s/07/old", f->folder);
    run("touch -d '2001-01-01' %s/07/old && truncate -s 70M %s/07/older", f->folder);
    run("touch -d '2000-01-01' %s/07/older && truncate -s 1M %s/07/new", f->folder);
    open_cache(f);
    check_read(f, 0, SIZE);
    assert_int_equal(f->inner.bytes, SIZE);
    check_read(f, 0, SIZE);
    assert_int_equal(f->inner.bytes, SIZE);
    run("test ! -e %s/07/older && test -e %s/07/old", f->folder);
    run("test -e %s/07/new && test -d %s/07", f->folder);
    close_cache(f);
}

static void a_folder_that_cannot_be_used(void **state)
{
    fixture *f = *state;
    char path[1200];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = 0;
    memcpy(path, "/tmp/", 5);
    assert_int_not_equal(mt_disk_cache_new(&f->env, path, 0, &f->cache, &f->err), MT_OK);
    f->err = (mt_error)MT_ERROR_INIT;
    assert_int_not_equal(mt_disk_cache_new(&f->env, "/dev/null/x", 0, &f->cache, &f->err), MT_OK);
    assert_non_null(strstr(f->err.message, "/dev/null"));
}

static void failing_allocations(void **state)
{
    fixture *f = *state;
    uint8_t *out = malloc(SIZE);
    for (size_t k = 0;; k++) {
        failing_allocator failing;
        mt_allocator allocator = failing_allocator_make(&failing, k, 0);
        mt_env_init(&f->env, &allocator, NULL);
        f->inner = (counted_store) { .base = { .ops = &counted_ops, .env = &f->env, .url = url },
                                     .identity = { .size = SIZE, .etag = "\"1\"" } };
        mt_status st = mt_disk_cache_new(&f->env, f->folder, 0, &f->cache, NULL);
        if (!st) {
            st = mt_disk_cache_wrap(f->cache, &f->inner.base, &f->store, NULL);
            if (!st)
                st = mt_store_read_at(f->store, "a", 10, out, SIZE - 20, NULL);
            mt_store_close(f->store);
            mt_disk_cache_free(f->cache);
            assert_int_equal(f->inner.closed, 1);
        }
        assert_int_equal(f->env.memory_bytes, 0);
        if (failing.count <= k) {
            check_ok(st, NULL);
            break;
        }
        assert_int_equal(st, MT_E_MEMORY);
    }
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(blocks_are_read_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_identity_is_another_object, set_up, tear_down),
        cmocka_unit_test_setup_teardown(queries_tell_objects_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_damaged_is_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_come_through, set_up, tear_down),
        cmocka_unit_test_setup_teardown(torn_and_broken_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_oldest_files_are_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failing_allocations, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
