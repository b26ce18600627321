/* SPDX-License-Identifier: BSD-3-Clause */
/* Archives at the limits: of names, directories, headers, compression, and of what one request reads. */
#include "cache/cache.h"
#include "store/io.h"
#include "store/zip.h"
#include "store/zip/zip.h"
#include "support/faulty_store.h"
#include "support/support.h"
#include "support/zip_writer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = (int)(4 * MT_INFLATE_PIECE) + 1, SLACK = 1024 }; /* SLACK: of an extra field, read with the header */

static mt_env env;
static mt_io *io;
static zip_writer w;
static uint8_t *bytes; /* ROOM bytes that deflate can hardly reduce */

static int set_up(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    uint64_t seed = 3;
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_cache_new(&env, 8 << 20, &env.index_cache, &err), &err);
    check_ok(mt_io_new(&env, &io, &err), &err);
    env.io = io;
    bytes = malloc(ROOM);
    for (size_t i = 0; i < ROOM; i++)
        bytes[i] = (uint8_t)next_random(&seed);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(bytes);
    mt_io_free(io);
    mt_cache_free(env.index_cache);
    assert_int_equal(env.memory_bytes, 0);
    return 0;
}

static mt_store *open_good(void)
{
    mt_store *store;
    mt_error err = MT_ERROR_INIT;
    check_ok(zip_open(&env, w.bytes, w.n, &store, &err), &err);
    return store;
}

/* Opens the archive: words NULL: it is read, else refused with these words. */
static void check_opening(mt_status status, const char *words)
{
    mt_store *store;
    mt_error err = MT_ERROR_INIT;
    mt_status st = zip_open(&env, w.bytes, w.n, &store, &err);
    if (words)
        check_failed(st, status, &err, words);
    else
        check_ok(st, &err);
    if (!st)
        mt_store_close(store);
}

/* The archive behind a store that counts calls. */
static mt_store *open_counted(mt_store **counted)
{
    mt_store *memory, *store;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_store_open_memory(&env, "a.zip", w.bytes, w.n, &memory, &err), &err);
    check_ok(faulty_store_wrap(memory, SIZE_MAX, MT_OK, counted, &err), &err);
    check_ok(mt_store_open_zip(&env, *counted, "a.zip", &store, &err), &err);
    return store;
}

static void names(void **state)
{
    (void)state;
    static const char absolute[] = "is absolute", segment[] = "has a segment that is empty, '.' or '..'";
    static const struct {
        const char *name, *words;
    } cases[] = {
        { "x/", NULL },
        { "x/y/", NULL },
        { "...", NULL },
        { ".x", NULL },
        { "..x", NULL },
        { "x.", NULL },
        { "x..", NULL },
        { ":", NULL },
        { "x/:", NULL },
        { "xy:", NULL },
        { "x/.../y", NULL },
        { "x/y", NULL },
        { ".", segment },
        { "..", segment },
        { "./", segment },
        { "../", segment },
        { "x/.", segment },
        { "x/..", segment },
        { "x/./y", segment },
        { "x//", segment },
        { "x//y", segment },
        { "x/../", segment },
        { "/", absolute },
        { "//", absolute },
        { "/x", absolute },
        { "x:", absolute },
        { ":::", absolute },
        { "x:/y", absolute },
        { "x/\\", "has a backslash" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        zip_begin(&w, 0);
        zip_entry *e = zip_add(&w, "as long", "", 0, 0, 0);
        e->name_size = strlen(cases[i].name);
        memcpy(e->name, cases[i].name, e->name_size);
        zip_end(&w);
        check_opening(MT_E_CORRUPT, cases[i].words);
        zip_free(&w);
    }
}

/* Two members whose names have the same hash of 32 bits. */
static void names_of_one_hash(void **state)
{
    (void)state;
    static const char *const equal[] = { "c/061b4", "c/0ced4" };
    mt_error err = MT_ERROR_INIT;
    char out[4];
    zip_begin(&w, 0);
    zip_add(&w, equal[0], "abc", 3, 0, 0);
    zip_add(&w, equal[1], "defg", 4, 0, 0);
    zip_end(&w);
    mt_store *store = open_good();
    const zip_directory *d = &((zip_store *)(void *)store)->directory;
    assert_int_equal(d->n, 2);
    assert_int_equal(d->members[0].hash, d->members[1].hash);
    check_ok(mt_store_read_at(store, equal[0], 0, out, 3, &err), &err);
    assert_memory_equal(out, "abc", 3);
    check_ok(mt_store_read_at(store, equal[1], 0, out, 4, &err), &err);
    assert_memory_equal(out, "defg", 4);
    mt_store_close(store);
    zip_free(&w);
}

static void write_empty_members(int n)
{
    zip_begin(&w, 0);
    for (int i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof name, "%04d", i);
        zip_add(&w, name, "", 0, 0, 0);
    }
}

static void limits_of_the_directory(void **state)
{
    (void)state;
    enum { RECORD = 46 + 4 };
    static const struct {
        int n;
        uint64_t told;
        size_t members, bytes;
        const char *words; /* NULL: it is read */
    } cases[] = {
        { 10, 0, 10, 10 * RECORD, NULL },
        { 10, 0, 9, 1000, "10 members are more than max_zip_members (9)" },
        { 10, 0, 10, 10 * RECORD - 1, "a directory of 500 bytes is larger than max_zip_bytes (499)" },
        { 64, 0, 64, 64 * RECORD, NULL },
        { 65, 0, 65, 65 * RECORD, NULL },
        { 65, 1, 64, 65 * RECORD, "more members than max_zip_members (64)" }, /* it tells the low bits only */
    };
    mt_limits before = env.limits;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_empty_members(cases[i].n);
        w.count = cases[i].told;
        zip_end(&w);
        env.limits.max_zip_members = cases[i].members;
        env.limits.max_zip_bytes = cases[i].bytes;
        check_opening(MT_E_LIMIT, cases[i].words);
        zip_free(&w);
    }
    env.limits = before;
}

/* A directory may have 2^32 - 1 bytes. */
static void sizes_of_the_directory(void **state)
{
    (void)state;
    mt_limits before = env.limits;
    env.limits.max_zip_bytes = SIZE_MAX;
    for (int more = 0; more < 2; more++) {
        write_empty_members(1);
        w.zip64 = 1;
        w.size = (uint64_t)UINT32_MAX + (uint64_t)more;
        zip_end(&w);
        check_opening(more ? MT_E_LIMIT : MT_E_CORRUPT, more ? "is larger than max_zip_bytes" : "does not end before");
        zip_free(&w);
    }
    env.limits = before;
}

/* The end records begin where the archive does. */
static void end_records_alone(void **state)
{
    (void)state;
    zip_begin(&w, 0);
    w.zip64 = 1;
    zip_end(&w);
    check_opening(MT_OK, NULL);
    w.bytes += 56; /* without the record to which the locator refers */
    w.n -= 56;
    check_opening(MT_E_CORRUPT, "no ZIP64 end record at byte 0");
    w.bytes += 1; /* no whole locator */
    w.n -= 1;
    check_opening(MT_E_LIMIT, "max_zip_bytes");
    w.bytes -= 57;
    zip_free(&w);
}

/* The end that is read first, 256 KiB, has all of the directory, or not. */
static void a_long_directory(void **state)
{
    (void)state;
    enum { RECORDS = 885, NAME = 250, REST = (256 << 10) - 22 - RECORDS * (46 + NAME) };
    static char key[NAME + 1], comment[REST + 2];
    memset(comment, '#', REST + 1);
    for (uint32_t more = 0; more < 3; more++) {
        mt_error err = MT_ERROR_INIT;
        uint32_t out;
        zip_begin(&w, 0);
        for (uint32_t i = 0; i < RECORDS + more / 2; i++) {
            snprintf(key, sizeof key, "%0*u", NAME, i);
            zip_add(&w, key, &i, sizeof i, 0, 0);
        }
        w.comment = comment + (more == 0);
        zip_end(&w);
        mt_store *counted, *store = open_counted(&counted);
        assert_int_equal(faulty_store_calls(counted), more ? 3 : 2); /* its size, the end, the directory */
        for (uint32_t i = 0; i < RECORDS; i += 7) {
            snprintf(key, sizeof key, "%0*u", NAME, i);
            check_ok(mt_store_read_at(store, key, 0, &out, sizeof out, &err), &err);
            assert_int_equal(out, i);
        }
        mt_store_close(store);
        zip_free(&w);
    }
}

static mt_status count(void *user, const char *name, mt_error *err)
{
    (void)err;
    *(size_t *)user += strlen(name);
    return MT_OK;
}

static void long_names(void **state)
{
    (void)state;
    static const size_t sizes[] = { 2017, 2018, 2019, 4094, 4095, 4096, 20000 }; /* a header is read in 2,048 bytes */
    static char name[20001];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        mt_error err = MT_ERROR_INIT;
        size_t listed = 0;
        char out[5];
        memset(name, 'x', sizes[i]);
        name[sizes[i]] = 0;
        zip_begin(&w, 0);
        zip_add(&w, name, "hello", 5, 0, 0);
        zip_end(&w);
        mt_store *store = open_good();
        check_ok(mt_store_read_at(store, name, 1, out, 4, &err), &err);
        assert_memory_equal(out, "ello", 4);
        mt_status st = mt_store_list(store, "", count, &listed, &err);
        if (sizes[i] < 4096) {
            check_ok(st, &err);
            assert_int_equal(listed, sizes[i]);
        } else {
            check_failed(st, MT_E_LIMIT, &err, "a name of ");
        }
        mt_store_close(store);
        zip_free(&w);
    }
}

static void long_prefixes(void **state)
{
    (void)state;
    char prefix[4096] = "";
    mt_error err = MT_ERROR_INIT;
    size_t listed = 0;
    write_empty_members(1);
    zip_end(&w);
    mt_store *store = open_good();
    memset(prefix, 'x', 4094);
    check_ok(mt_store_list(store, prefix, count, &listed, &err), &err);
    prefix[4094] = 'x';
    check_failed(mt_store_list(store, prefix, count, &listed, &err), MT_E_ARGUMENT, &err, "the name is too long");
    assert_int_equal(listed, 0);
    mt_store_close(store);
    zip_free(&w);
}

static void folders(void **state)
{
    (void)state;
    static const struct {
        const char *members[3], *top, *folder;
        bool has;
    } cases[] = {
        { { "a/x", "a/y" }, "a", "a", true },
        { { "a/" }, "a", "a", true },
        { { "a/x", "b/x" }, NULL, "b", true },
        { { "a/x", "ab/x" }, NULL, "ab", true },
        { { "ab/x", "a/x" }, NULL, "a", true },
        { { "ab/x", "ab/" }, "ab", "a", false },
        { { "a" }, NULL, "a", false },
        { { "a/x", "b" }, NULL, "a/x", false },
        { { "b", "a/x" }, NULL, "", true },
        { { "a/b/c" }, "a", "a/b", true },
        { { "a/b/c" }, "a", "a/b/c", false },
        { { "a/bc" }, "a", "a/b", false },
        { { "a/b", "a/c", "a" }, NULL, "a", true },
        { { "abc/x" }, "abc", "abd", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        zip_begin(&w, 0);
        for (int k = 0; k < 3 && cases[i].members[k]; k++)
            zip_add(&w, cases[i].members[k], "", 0, 0, 0);
        zip_end(&w);
        mt_store *store = open_good();
        const zip_directory *d = &((zip_store *)(void *)store)->directory;
        const char *top = zip_top_folder(d, &n);
        if (cases[i].top) {
            assert_non_null(top);
            assert_int_equal(n, strlen(cases[i].top));
            assert_memory_equal(top, cases[i].top, n);
        } else {
            assert_null(top);
        }
        assert_int_equal(zip_has_folder(d, cases[i].folder), cases[i].has);
        mt_store_close(store);
        zip_free(&w);
    }
}

/* How much a few bytes can become at most: the directory is believed up to there. */
static void ratios(void **state)
{
    (void)state;
    zip_begin(&w, 0);
    zip_entry *e = zip_add(&w, "a", "abcdefgh", 8, 0, 0);
    e->method = 8;
    e->size = 9 * MT_DEFLATE_RATIO - 1;
    zip_end(&w);
    check_opening(MT_OK, NULL);
    zip_free(&w);
    zip_begin(&w, 0);
    e = zip_add(&w, "a", "abcdefgh", 8, 0, 0);
    e->method = 8;
    e->size = 9 * MT_DEFLATE_RATIO;
    zip_end(&w);
    check_opening(MT_E_CORRUPT, "8 bytes of deflate cannot become 9288");
    zip_free(&w);
#ifdef MT_WITH_ZSTD
    mt_error err = MT_ERROR_INIT;
    uint64_t size;
    zip_begin(&w, 0);
    for (int i = 0; i < 2; i++) {
        e = zip_add(&w, i ? "more" : "most", "abcdefgh", 8, 0, 0);
        e->method = 93;
        e->size = (uint64_t)(9 * 40000 - 1 + i);
    }
    zip_end(&w);
    mt_store *store = open_good();
    check_ok(mt_store_size(store, "most", &size, &err), &err);
    assert_int_equal(size, 9 * 40000 - 1);
    check_failed(mt_store_size(store, "more", &size, &err), MT_E_CORRUPT, &err, "of zstd cannot become 360000");
    mt_store_close(store);
    zip_free(&w);
#endif
}

/* A compressed member may take and become as many bytes as a chunk. */
static void limits_of_members(void **state)
{
    (void)state;
    enum { N = 5000 };
    uint8_t out[N];
    mt_limits before = env.limits;
    zip_begin(&w, 0);
    zip_add(&w, "random", bytes, N, 8, 0); /* becomes larger */
    memset(out, 7, N);
    zip_add(&w, "plain", out, N, 8, 0);
    zip_end(&w);
    size_t packed = (size_t)w.entries[0].packed;
    assert_true(packed > N && w.entries[1].packed < N);
    for (int i = 0; i < 4; i++) {
        bool less = i % 2 == 1, random = i < 2;
        mt_store *store = open_good();
        mt_error err = MT_ERROR_INIT;
        char words[60];
        env.limits.max_chunk_bytes = (random ? packed : N) - less;
        mt_status st = mt_store_read_at(store, random ? "random" : "plain", 10, out, 20, &err);
        snprintf(words, sizeof words, "has %zu bytes, more than max_chunk_bytes (%zu)", random ? packed : N,
                 env.limits.max_chunk_bytes);
        if (less)
            check_failed(st, MT_E_LIMIT, &err, words);
        else
            check_ok(st, &err);
        env.limits = before;
        mt_store_close(store);
    }
    zip_free(&w);
}

/* A part of a member of four pieces leaves all of it in the cache, of one byte more only the piece. */
static void small_members_are_cached_whole(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        mt_error err = MT_ERROR_INIT;
        uint8_t out[10];
        mt_status st;
        size_t size = ROOM - 1 + (size_t)more;
        mt_range end = { size - 10, 10, out };
        zip_begin(&w, 0);
        zip_add(&w, "a", bytes, size, 8, 0);
        zip_end(&w);
        mt_store *store = open_good();
        assert_false(mt_store_read_now(store, "a", &end, 1, &st, &err));
        check_ok(mt_store_read_at(store, "a", 0, out, 10, &err), &err);
        assert_memory_equal(out, bytes, 10);
        assert_int_equal(mt_store_read_now(store, "a", &end, 1, &st, &err), !more);
        if (!more)
            assert_memory_equal(out, bytes + size - 10, 10);
        mt_store_close(store);
        zip_free(&w);
    }
}

/* Members up to 256 KiB are read with the local header; a request of the end of a larger one needs two. */
static void requests_near_the_header(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset;
        size_t size;
        bool waits; /* read by the thread that asks, not by a request */
        size_t calls;
    } cases[] = {
        { 0, ZIP_NEAR, true, 1 },         { 0, ZIP_NEAR + 1, true, 2 },  { 1, 100, true, 2 },
        { 0, ZIP_NEAR, false, 1 },        { 0, ZIP_NEAR + 1, false, 2 }, { 100, ZIP_NEAR - 100, false, 1 },
        { 100, ZIP_NEAR - 99, false, 2 }, { 1, 100, false, 1 },          { ZIP_NEAR - 1, 1, false, 1 },
        { ZIP_NEAR, 1, false, 2 },
    };
    zip_begin(&w, 0);
    zip_add(&w, "a", bytes, 2 * ZIP_NEAR, 0, 0);
    zip_add(&w, "z", bytes, 5000, 0, 0); /* the directory is far away */
    zip_end(&w);
    uint8_t *out = malloc(ZIP_NEAR + 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_store *counted, *store = open_counted(&counted);
        mt_error err = MT_ERROR_INIT;
        size_t before = faulty_store_calls(counted);
        mt_request r = { .key = "a", .offset = cases[i].offset, .size = cases[i].size, .out = out };
        if (cases[i].waits)
            check_ok(mt_store_read_at(store, "a", r.offset, out, r.size, &err), &err);
        else
            check_ok(mt_store_perform(store, &r, 1, &err), &err);
        assert_memory_equal(out, bytes + r.offset, r.size);
        assert_int_equal(faulty_store_calls(counted) - before, cases[i].calls);
        before = faulty_store_calls(counted); /* now the header is known */
        check_ok(mt_store_perform(store, &r, 1, &err), &err);
        assert_int_equal(faulty_store_calls(counted) - before, 1);
        mt_store_close(store);
    }
    free(out);
    zip_free(&w);
}

/* How far the extra field of a local header, of unknown length, may move the data. */
static void requests_behind_an_extra_field(void **state)
{
    (void)state;
    static const struct {
        unsigned extra;
        size_t calls;
    } cases[] = { { 0, 1 }, { SLACK, 1 }, { SLACK + 1, 2 }, { SLACK + 200, 2 }, { SLACK + 201, 2 }, { 60000, 2 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int waits = 0; waits < 2; waits++) {
            uint8_t out[200];
            mt_error err = MT_ERROR_INIT;
            zip_begin(&w, 0);
            w.local_extra = cases[i].extra;
            zip_add(&w, "a", bytes, 200, 0, 0);
            zip_add(&w, "z", bytes, 5000, 0, 0);
            zip_end(&w);
            mt_store *counted, *store = open_counted(&counted);
            size_t before = faulty_store_calls(counted);
            mt_request r = { .key = "a", .size = 200, .out = out };
            if (waits)
                check_ok(mt_store_read_at(store, "a", 0, out, 200, &err), &err);
            else
                check_ok(mt_store_perform(store, &r, 1, &err), &err);
            assert_memory_equal(out, bytes, 200);
            assert_int_equal(faulty_store_calls(counted) - before, cases[i].calls);
            mt_store_close(store);
            zip_free(&w);
        }
}

/* A request whose local header is wrong is not repeated. */
static void a_wrong_header_is_read_once(void **state)
{
    (void)state;
    uint8_t out[8];
    mt_error err = MT_ERROR_INIT;
    zip_begin(&w, 0);
    zip_add(&w, "a", "abcdefgh", 8, 0, 0)->name[0] = 'b';
    zip_end(&w);
    mt_store *counted, *store = open_counted(&counted);
    size_t before = faulty_store_calls(counted);
    mt_request r = { .key = "b", .size = 8, .out = out };
    check_failed(mt_store_perform(store, &r, 1, &err), MT_E_CORRUPT, &err, "is of another member");
    assert_int_equal(r.n_read, 0);
    assert_int_equal(faulty_store_calls(counted) - before, 1);
    mt_store_close(store);
    zip_free(&w);
}

static void what_is_known_without_waiting(void **state)
{
    (void)state;
    uint8_t out[8];
    mt_status st;
    mt_identity identity;
    mt_error err = MT_ERROR_INIT;
    const mt_range range = { 2, 3, out }, none = { 8, 0, NULL }, over = { 8, 1, out };
    zip_begin(&w, 0);
    zip_add(&w, "a", "abcdefgh", 8, 0, 0);
    zip_end(&w);
    mt_store *store = open_good();
    for (int i = 0; i < 2; i++) { /* the second time the header is known */
        assert_true(mt_store_read_now(store, "a", &range, 1, &st, &err));
        check_ok(st, &err);
        assert_memory_equal(out, "cde", 3);
        memset(out, 0, sizeof out);
    }
    assert_true(mt_store_read_now(store, "a", &none, 1, &st, &err));
    check_ok(st, &err);
    assert_true(mt_store_read_now(store, "a", &over, 1, &st, &err));
    check_failed(st, MT_E_CORRUPT, &err, "a: has 8 bytes, 1 were expected at byte 8");
    err = (mt_error)MT_ERROR_INIT;
    assert_true(mt_store_read_now(store, "b", &range, 1, &st, &err));
    check_failed(st, MT_E_NOT_FOUND, &err, "b: no such member");
    err = (mt_error)MT_ERROR_INIT;
    check_ok(mt_store_identify(store, "a", &identity, &err), &err);
    assert_int_equal(identity.size, 8);
    err = (mt_error)MT_ERROR_INIT;
    check_failed(mt_store_identify(store, "b", &identity, &err), MT_E_NOT_FOUND, &err, "b: no such member");
    mt_store_close(store);
    zip_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(names_of_one_hash),
        cmocka_unit_test(limits_of_the_directory),
        cmocka_unit_test(sizes_of_the_directory),
        cmocka_unit_test(end_records_alone),
        cmocka_unit_test(a_long_directory),
        cmocka_unit_test(long_names),
        cmocka_unit_test(long_prefixes),
        cmocka_unit_test(folders),
        cmocka_unit_test(ratios),
        cmocka_unit_test(limits_of_members),
        cmocka_unit_test(small_members_are_cached_whole),
        cmocka_unit_test(requests_near_the_header),
        cmocka_unit_test(requests_behind_an_extra_field),
        cmocka_unit_test(a_wrong_header_is_read_once),
        cmocka_unit_test(what_is_known_without_waiting),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
