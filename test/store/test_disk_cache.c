/* SPDX-License-Identifier: BSD-3-Clause */
/* The disk cache over a store that counts reads. */
#include "store/disk_cache.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 3 * 262144 + 1000, LARGE = 33 * 262144 + 5, LIMIT = 16 << 20 };

/* One object "a". */
typedef struct counted_store {
    mt_store base;
    unsigned reads;
    uint64_t bytes;
    mt_identity identity;
    mt_status fails;
    unsigned closed;
} counted_store;

static uint8_t content[LARGE];
static char url[] = "web://x";

static counted_store *counted_of(mt_store *store) { return (counted_store *)(void *)store; }

static mt_status read_counted(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    counted_store *c = counted_of(store);
    if (c->fails)
        return mt_fail(err, c->fails, "%s: made to fail", key);
    for (size_t i = 0; i < n; i++) {
        assert_true(ranges[i].offset + ranges[i].size <= c->identity.size);
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
    for (int i = 0; i < LARGE; i++)
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
    f->inner.fails = MT_E_IO; /* is not asked */
    check_read(f, 0, SIZE);
    assert_int_equal(f->env.bytes_fetched, SIZE);
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
    mt_store_forget(f->store, "a", 0, MT_DISK_BLOCK); /* and no byte of the next block */
    check_read(f, 0, SIZE);
    assert_int_equal(f->inner.bytes, 2 * SIZE + 2 * MT_DISK_BLOCK);
    f->inner.bytes -= MT_DISK_BLOCK;
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

/* The path of the only file of the cache, or of the first. */
static void find_file(const fixture *f, char path[256])
{
    snprintf(path, 256, "find %s -type f", f->folder);
    FILE *found = popen(path, "r");
    assert_non_null(found);
    assert_int_equal(fscanf(found, "%255s", path), 1);
    while (fgetc(found) != EOF)
        ;
    assert_int_equal(pclose(found), 0);
}

static void spoil_byte(const fixture *f, int at)
{
    char path[256];
    find_file(f, path);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    fputc(byte ^ 1, file);
    assert_int_equal(fclose(file), 0);
}

static void torn_and_broken_files(void **state)
{
    static const char *const ways[] = {
        "truncate -s 100",   "truncate -s -1", "truncate -s 0", "truncate -s +1", "sed -i s/mtblock1/mtblock2/",
        "sed -i s/web/WEB/", "chmod 0"
    };
    static const int places[] = { 0, 8, 15, 16, 19, 20, 23, 24, 262144 }; /* of one changed byte */
    fixture *f = *state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        open_cache(f);
        check_read(f, 0, SIZE);
        spoil_files(f, ways[i]);
        check_read(f, 0, SIZE);
        close_cache(f);
    }
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        open_cache(f);
        check_read(f, 0, MT_DISK_BLOCK);
        spoil_byte(f, places[i]);
        f->inner.bytes = 0;
        check_read(f, 0, MT_DISK_BLOCK);
        assert_int_equal(f->inner.bytes, MT_DISK_BLOCK);
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

/* The bytes of the file of the first block. */
static long block_file_bytes(fixture *f)
{
    char path[256];
    size_t size;
    open_cache(f);
    check_read(f, 0, 1);
    find_file(f, path);
    free(read_file(path, &size));
    assert_int_equal(remove(path), 0);
    close_cache(f);
    return (long)size;
}

/* A folder that is full to the byte, one byte above, and what is removed then: the oldest, down to nine tenths. */
static void exact_limits(void **state)
{
    static const long left = LIMIT / 10 * 9;
    static const struct {
        long old, new; /* bytes of two files, with the block if 0 is added; old is removed first */
        bool has_old, has_new;
    } cases[] = { { 1000, LIMIT - 1000, true, true },
                  { 1001, LIMIT - 1000, false, false },
                  { LIMIT - left + 1, left, false, true },
                  { LIMIT - left + 1, left + 1, false, false } };
    fixture *f = *state;
    long block = block_file_bytes(f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char command[256];
        snprintf(command, sizeof command, "mkdir -p %s/07 && truncate -s %ld %%s/07/old && truncate -s %ld %%s/07/new",
                 f->folder, cases[i].old, cases[i].new - block);
        run(command, f->folder);
        run("touch -d 2000-01-01 %s/07/old && touch -d 2001-01-01 %s/07/new", f->folder);
        open_cache(f);
        check_read(f, 0, 1);
        run(cases[i].has_old ? "test -e %s/07/old" : "test ! -e %s/07/old", f->folder);
        run(cases[i].has_new ? "test -e %s/07/new" : "test ! -e %s/07/new", f->folder);
        check_read(f, 0, 1);
        assert_int_equal(f->inner.reads, 1); /* the block stays */
        close_cache(f);
        run("rm -r %s/*", f->folder);
    }
}

/* What the cache has not written, and what has too long a name, does not count. */
static void other_files(void **state)
{
    fixture *f = *state;
    run("mkdir -p %s/07/folder && cd %s/07 && n=$(printf '%%068d' 0) && "
        "truncate -s 15M $n && touch -d 2000-01-01 $n && touch ${n}1",
        f->folder);
    open_cache(f);
    check_read(f, 0, SIZE);
    run("cd %s/07 && test -e $(printf '%%068d' 0) && test -d %s", f->folder);
    close_cache(f);
}

/* More than one window of 32 blocks. */
static void large_objects(void **state)
{
    fixture *f = *state;
    open_cache(f);
    f->inner.identity.size = LARGE;
    check_read(f, 100, LARGE - 100);
    assert_int_equal(f->inner.reads, 2);
    assert_int_equal(f->inner.bytes, LARGE);
    check_read(f, 0, LARGE);
    check_read(f, MT_DISK_BLOCK, 32 * MT_DISK_BLOCK);
    check_read(f, MT_DISK_BLOCK - 1, 32 * MT_DISK_BLOCK + 1);
    assert_int_equal(f->inner.bytes, LARGE);
    close_cache(f);
}

/* Texts that identify a block, here with 19 bytes beside the URL, have less than 6,000 bytes, else it is not cached. */
static void long_urls(void **state)
{
    fixture *f = *state;
    static char long_url[5982];
    for (size_t n = 5979; n < sizeof long_url; n++) {
        memset(long_url, 'u', n);
        long_url[n] = 0;
        open_cache(f);
        f->inner.base.url = long_url;
        for (int i = 0; i < 3; i++)
            check_read(f, 0, MT_DISK_BLOCK);
        assert_int_equal(f->inner.reads, n < 5981 ? 1 : 3);
        f->inner.base.url = url; /* another object is cached */
        snprintf(f->inner.identity.etag, sizeof f->inner.identity.etag, "\"%zu\"", n);
        f->inner.reads = 0;
        check_read(f, 0, MT_DISK_BLOCK);
        check_read(f, 0, MT_DISK_BLOCK);
        assert_int_equal(f->inner.reads, 1);
        close_cache(f);
    }
}

/* After a failed write, reads go on and nothing more is written. */
static void failing_writes(void **state)
{
    static const char *const ways[][2] = {
        { "mv %s %s.away", "mv %s.away %s" }, /* there is no folder */
        { "for f in $(find %s -type f); do rm $f; mkdir $f; touch $f/x; done; true %s", "true %s %s" },
    };
    fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        open_cache(f);
        check_read(f, 0, 1);
        run(ways[i][0], f->folder);
        check_read(f, 0, 1);
        run(ways[i][1], f->folder);
        f->inner.reads = 0;
        check_read(f, MT_DISK_BLOCK, 1);
        check_read(f, MT_DISK_BLOCK, 1);
        assert_int_equal(f->inner.reads, 2);
        close_cache(f);
    }
}

/* The path of a folder may have 2,900 bytes. */
static void long_folders(void **state)
{
    fixture *f = *state;
    char path[3000];
    size_t n = strlen(f->folder);
    memcpy(path, f->folder, n);
    for (size_t next; n < 2900; n = next) {
        next = 2900 - n > 150 ? n + 100 : 2900;
        path[n] = '/';
        memset(path + n + 1, 'd', next - n - 1);
        path[next] = path[next + 1] = 0;
        check_ok(mt_disk_cache_new(&f->env, path, 0, &f->cache, &f->err), &f->err);
        mt_disk_cache_free(f->cache);
    }
    path[2900] = 'd';
    check_failed(mt_disk_cache_new(&f->env, path, 0, &f->cache, &f->err), MT_E_ARGUMENT, &f->err,
                 "the path is too long");
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
    run("mkdir %s/07 && touch %s/07/x", f->folder); /* a file to list */
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
        cmocka_unit_test_setup_teardown(exact_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_objects, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_urls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failing_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failing_allocations, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
