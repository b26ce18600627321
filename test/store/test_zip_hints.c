/* SPDX-License-Identifier: BSD-3-Clause */
/* Members of archives where they lie in memory, what is passed on to the store of the archive, and words for methods. */
#include "cache/cache.h"
#include "store/io.h"
#include "store/zip.h"
#include "support/faulty_store.h"
#include "support/support.h"
#include "support/zip_writer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BIG = 3 << 20 };

static mt_env env;
static mt_io *io;
static zip_writer w;
static uint8_t *bytes;

static int set_up(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    uint64_t seed = 8;
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_cache_new(&env, 4 << 20, &env.index_cache, &err), &err);
    check_ok(mt_io_new(&env, &io, &err), &err);
    env.io = io;
    bytes = malloc(BIG);
    for (size_t i = 0; i < BIG; i++)
        bytes[i] = (uint8_t)(next_random(&seed) & 15);
    zip_begin(&w, 10);
    w.local_extra = 6;
    zip_add(&w, "stored", "0123456789", 10, 0, 0);
    zip_add(&w, "deflated", bytes, BIG, 8, 0);
    zip_add(&w, "moved", "abcdefgh", 8, 0, 0)->name[0] = 'M';
    zip_add(&w, "small", bytes, 1000, 8, 0);
    zip_end(&w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    zip_free(&w);
    free(bytes);
    mt_io_free(io);
    mt_cache_free(env.index_cache);
    assert_int_equal(env.memory_bytes, 0);
    return 0;
}

/* A store in front of the archive that notes what is said to it, and can hide where its bytes lie. */
typedef struct listener {
    mt_store base;
    mt_store *inner;
    bool hides;
    uint64_t shown; /* bytes of the view; 0: all */
    int advised, forgotten;
    uint64_t offset, size;
} listener;

static listener *listener_of(mt_store *store) { return (listener *)(void *)store; }

static mt_status hear_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    return mt_store_size(listener_of(store)->inner, key, out, err);
}

static mt_status hear_read(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    return mt_store_read(listener_of(store)->inner, key, ranges, n, err);
}

static const uint8_t *hear_view(mt_store *store, const char *key, uint64_t *size)
{
    const listener *l = listener_of(store);
    const uint8_t *at = l->hides ? NULL : mt_store_view(l->inner, key, size);
    *size = l->shown ? l->shown : *size;
    return at;
}

static void hear_advice(mt_store *store, const char *key, uint64_t offset, uint64_t size)
{
    assert_string_equal(key, "a.zip");
    listener *l = listener_of(store);
    l->advised++;
    l->offset = offset;
    l->size = size;
}

static void hear_forget(mt_store *store, const char *key, uint64_t offset, uint64_t size)
{
    assert_string_equal(key, "a.zip");
    listener *l = listener_of(store);
    if (l->forgotten++ == 0) {
        l->offset = offset;
        l->size = size;
    }
}

static void hear_close(mt_store *store) { mt_store_close(listener_of(store)->inner); }

static const mt_store_ops ops = { .size = hear_size,
                                  .read = hear_read,
                                  .view = hear_view,
                                  .advise = hear_advice,
                                  .forget = hear_forget,
                                  .close = hear_close };

static mt_store *open_heard(listener *l)
{
    mt_store *zip;
    mt_error err = MT_ERROR_INIT;
    *l = (listener) { .hides = false };
    check_ok(mt_store_open_memory(&env, "a.zip", w.bytes, w.n, &l->inner, &err), &err);
    l->base = (mt_store) { .ops = &ops, .env = &env, .url = l->inner->url, .costs = l->inner->costs };
    check_ok(mt_store_open_zip(&env, &l->base, "a.zip", &zip, &err), &err);
    l->forgotten = l->advised = 0;
    return zip;
}

/* Where a member of the archive starts. */
static uint64_t data_at(const void *start, size_t n)
{
    const uint8_t *at = memmem(w.bytes, w.n, start, n);
    assert_non_null(at);
    return (uint64_t)(at - w.bytes);
}

static void stored_members_lie_in_memory(void **state)
{
    (void)state;
    listener l;
    uint64_t size = 0;
    mt_store *zip = open_heard(&l);
    for (int i = 0; i < 2; i++) { /* the second time the header is known */
        const uint8_t *at = mt_store_view(zip, "stored", &size);
        assert_ptr_equal(at, w.bytes + data_at("0123456789", 10));
        assert_int_equal(size, 10);
    }
    assert_null(mt_store_view(zip, "deflated", &size));
    assert_null(mt_store_view(zip, "absent", &size));
    assert_null(mt_store_view(zip, "Moved", &size)); /* its local header has another name */
    l.shown = data_at("PK\1\2", 4);                  /* up to the directory */
    assert_non_null(mt_store_view(zip, "stored", &size));
    l.shown--;
    assert_null(mt_store_view(zip, "stored", &size));
    l.hides = true;
    assert_null(mt_store_view(zip, "stored", &size));
    mt_store_close(zip);
}

static void check_forget(mt_store *zip, listener *l, const char *key, uint64_t offset, uint64_t size, uint64_t at,
                         uint64_t n)
{
    l->forgotten = 0;
    mt_store_forget(zip, key, offset, size);
    assert_true(l->forgotten > 0);
    assert_int_equal(l->offset, at);
    assert_int_equal(l->size, n);
}

static void ranges_of_members_are_forgotten(void **state)
{
    (void)state;
    listener l;
    uint8_t out[10];
    mt_error err = MT_ERROR_INIT;
    mt_store *zip = open_heard(&l);
    uint64_t data = data_at("0123456789", 10);
    check_ok(mt_store_read_at(zip, "stored", 0, out, 10, &err), &err);
    check_forget(zip, &l, "stored", 2, 5, data + 2, 5);
    check_forget(zip, &l, "stored", 2, UINT64_MAX, data + 2, 8);
    check_forget(zip, &l, "stored", 10, 1, data + 10, 0);
    l.forgotten = 0;
    mt_store_forget(zip, "absent", 0, 5);
    assert_int_equal(l.forgotten, 0);
    uint64_t packed = w.entries[1].packed;
    check_ok(mt_store_read_at(zip, "deflated", BIG - 10, out, 10, &err), &err);
    l.forgotten = 0;
    mt_store_forget(zip, "deflated", 100, 5);
    assert_int_equal(l.forgotten, 2); /* by the archive, and by what has been decoded of it */
    assert_int_equal(l.size, packed);
    check_ok(mt_store_read_at(zip, "deflated", BIG - 10, out, 10, &err), &err);
    assert_memory_equal(out, bytes + BIG - 10, 10);
    mt_store_close(zip);
}

static void check_advice(mt_store *zip, listener *l, const char *key, uint64_t offset, size_t size, uint64_t at,
                         uint64_t n)
{
    l->advised = 0;
    mt_store_advise(zip, &(mt_request) { .key = key, .offset = offset, .size = size });
    assert_int_equal(l->advised, 1);
    assert_int_equal(l->offset, at);
    assert_int_equal(l->size, n);
}

static void ranges_of_members_are_advised(void **state)
{
    (void)state;
    enum { LOCAL = 30 + 6 }; /* bytes of a local header without its name */
    listener l;
    uint8_t out[10];
    mt_error err = MT_ERROR_INIT;
    mt_store *zip = open_heard(&l);
    uint64_t data = data_at("0123456789", 10), header = data - LOCAL - strlen("stored");
    check_advice(zip, &l, "stored", 2, 5, header + 2, 5); /* where it starts is not known yet */
    check_ok(mt_store_read_at(zip, "stored", 0, out, 10, &err), &err);
    check_advice(zip, &l, "stored", 2, 8, data + 2, 8);
    check_advice(zip, &l, "deflated", 100, 8, data + 10, 256 << 10);
    check_advice(zip, &l, "small", 100, 8, w.entries[3].local + w.prepended, w.entries[3].packed);
    l.advised = 0;
    mt_store_advise(zip, &(mt_request) { .key = "stored", .offset = 3, .size = 8 });
    mt_store_advise(zip, &(mt_request) { .key = "absent", .size = 8 });
    assert_int_equal(l.advised, 0);
    mt_store_close(zip);
}

static void methods_that_are_not_supported(void **state)
{
    (void)state;
    static const struct {
        unsigned method;
        const char *name;
    } cases[] = { { 1, "(shrink)" }, { 6, "(implode)" }, { 9, "(deflate64)" }, { 12, "(bzip2)" },
                  { 14, "(LZMA)" },  { 95, "(xz)" },     { 98, "(PPMd)" },     { 97, "(unknown)" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        zip_writer one;
        mt_store *store;
        mt_error err = MT_ERROR_INIT;
        uint8_t out[8];
        char says[60];
        zip_begin(&one, 0);
        zip_add(&one, "a", "abcdefgh", 8, 0, 0)->method = cases[i].method;
        zip_end(&one);
        check_ok(zip_open(&env, one.bytes, one.n, &store, &err), &err);
        assert_int_equal(mt_store_read_at(store, "a", 0, out, 8, &err), MT_E_UNSUPPORTED);
        snprintf(says, sizeof says, "is compressed by method %u %s", cases[i].method, cases[i].name);
        assert_non_null(strstr(err.message, says));
        mt_store_close(store);
        zip_free(&one);
    }
}

#ifdef MT_WITH_ZSTD
/* Bytes of zstd that are damaged, and that become fewer or more than the directory says. */
static void damaged_zstd(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        zip_writer one;
        mt_store *store;
        mt_error err = MT_ERROR_INIT;
        uint8_t out[110];
        zip_begin(&one, 0);
        zip_entry *e = zip_add(&one, "a", bytes, 100, 93, 0);
        e->size += i == 1 ? 1 : i == 2 ? (uint64_t)-1 : 0;
        size_t size = (size_t)e->size;
        if (i == 3)
            one.bytes[30 + 1] ^= 0xff; /* of the frame's magic number, behind the local header and the name */
        zip_end(&one);
        check_ok(zip_open(&env, one.bytes, one.n, &store, &err), &err);
        mt_status st = mt_store_read_at(store, "a", 0, out, size, &err);
        assert_int_equal(st, i ? MT_E_CORRUPT : MT_OK);
        assert_true(i == 0 || strstr(err.message, i == 1 ? "zstd: too few bytes" : "zstd: "));
        mt_store_close(store);
        zip_free(&one);
    }
}
#endif

/* Reads cost what decoding does where most bytes are deflated; they count once. */
static void what_a_store_says_of_itself(void **state)
{
    (void)state;
    static const struct {
        bool stored, deflated, is_slow;
    } cases[] = { { false, false, false }, { true, false, false }, { true, true, false }, { false, true, true } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        zip_writer one;
        mt_store *store;
        mt_error err = MT_ERROR_INIT;
        uint8_t out[10];
        zip_begin(&one, 0);
        size_t packed = (size_t)zip_add(&one, "probe", bytes, 1000, 8, 0)->packed;
        zip_free(&one);
        zip_begin(&one, 0);
        if (cases[i].stored)
            zip_add(&one, "stored", bytes, packed, 0, 0);
        if (cases[i].deflated)
            zip_add(&one, "deflated", bytes, 1000, 8, 0);
        zip_end(&one);
        check_ok(zip_open(&env, one.bytes, one.n, &store, &err), &err);
        assert_int_equal(store->costs.is_slow, cases[i].is_slow);
        assert_true(store->is_archive);
        assert_string_equal(store->url, "a.zip/a.zip");
        if (cases[i].stored) {
            check_ok(mt_store_read_at(store, "stored", 0, out, 10, &err), &err);
            uint64_t before = env.bytes_fetched;
            check_ok(mt_store_read_at(store, "stored", 10, out, 10, &err), &err);
            assert_int_equal(env.bytes_fetched - before, 10);
        }
        mt_store_close(store);
        zip_free(&one);
    }
}

/* A member and its header are one read unless the room for an extra field reaches beyond the directory; no bytes are
 * none. */
static void reads_before_the_directory(void **state)
{
    (void)state;
    for (size_t less = 0; less < 2; less++) {
        zip_writer one;
        mt_store *memory, *counted, *store;
        mt_error err = MT_ERROR_INIT;
        uint8_t out[200];
        zip_begin(&one, 0);
        zip_add(&one, "a", bytes, 200, 0, 0);
        zip_add(&one, "z", bytes, 1024 - 30 - 1 - less, 0, 0);
        zip_end(&one);
        check_ok(mt_store_open_memory(&env, "a.zip", one.bytes, one.n, &memory, &err), &err);
        check_ok(faulty_store_wrap(memory, SIZE_MAX, MT_OK, &counted, &err), &err);
        check_ok(mt_store_open_zip(&env, counted, "a.zip", &store, &err), &err);
        size_t before = faulty_store_calls(counted);
        check_ok(mt_store_read_at(store, "a", 200, out, 0, &err), &err);
        assert_int_equal(faulty_store_calls(counted), before);
        check_ok(mt_store_read_at(store, "a", 0, out, 200, &err), &err);
        assert_memory_equal(out, bytes, 200);
        assert_int_equal(faulty_store_calls(counted) - before, 1 + less);
        mt_store_close(store);
        zip_free(&one);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_members_lie_in_memory),
        cmocka_unit_test(ranges_of_members_are_forgotten),
        cmocka_unit_test(ranges_of_members_are_advised),
        cmocka_unit_test(methods_that_are_not_supported),
        cmocka_unit_test(what_a_store_says_of_itself),
        cmocka_unit_test(reads_before_the_directory),
#ifdef MT_WITH_ZSTD
        cmocka_unit_test(damaged_zstd),
#endif
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
