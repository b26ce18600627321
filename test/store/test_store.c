/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/support.h"

#include "store/store.h"

#include <stdbool.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/microtome-store-XXXXXX";
static mt_env env;

static void write_file(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int make(void **state)
{
    (void)state;
    mt_limits limits = { 0 };
    mt_env_init(&env, NULL, &limits);
    if (!mkdtemp(root))
        return -1;
    char path[512];
    snprintf(path, sizeof path, "%s/folder", root);
    mkdir(path, 0700);
    write_file("b", "0123456789");
    write_file("a", "");
    write_file("folder/c", "xyz");
    return 0;
}

static int clean(void **state)
{
    (void)state;
    static const char *const names[] = { "folder/c", "a", "b" };
    char path[512];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", root, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/folder", root);
    rmdir(path);
    return rmdir(root);
}

static mt_store *open_folder(void)
{
    mt_store *store;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_store_open_folder(&env, root, &store, &err), &err);
    return store;
}

static void reads(void **state)
{
    (void)state;
    mt_store *store = open_folder();
    mt_error err = MT_ERROR_INIT;
    uint64_t size;
    char x[4] = "", y[2] = "", all[11] = "";
    check_ok(mt_store_size(store, "b", &size, &err), &err);
    assert_int_equal(size, 10);
    check_ok(mt_store_size(store, "a", &size, &err), &err);
    assert_int_equal(size, 0);
    const mt_range ranges[] = { { 7, 3, x }, { 0, 1, y }, { 0, 10, all } };
    check_ok(mt_store_read(store, "b", ranges, 3, &err), &err);
    assert_string_equal(x, "789");
    assert_string_equal(y, "0");
    assert_string_equal(all, "0123456789");
    check_ok(mt_store_read_at(store, "folder/c", 1, x, 2, &err), &err);
    assert_memory_equal(x, "yz", 2);
    mt_store_close(store);
}

static void reads_behind_the_end(void **state)
{
    (void)state;
    mt_store *store = open_folder();
    char x[16];
    static const uint64_t offsets[] = { 1, 10, 1000, UINT64_MAX - 3, UINT64_MAX };
    for (size_t i = 0; i < 5; i++) {
        mt_error err = MT_ERROR_INIT;
        assert_int_equal(mt_store_read_at(store, "b", offsets[i], x, 10, &err), MT_E_CORRUPT);
        assert_non_null(strstr(err.message, "b"));
    }
    mt_store_close(store);
}

static void what_is_not_there(void **state)
{
    (void)state;
    mt_store *store = open_folder();
    uint64_t size;
    char x[4];
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_store_size(store, "nothing", &size, &err), MT_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "nothing"));
    assert_int_equal(mt_store_read_at(store, "folder/nothing", 0, x, 1, NULL), MT_E_NOT_FOUND);
    static const char *const outside[] = { "..", "../x", "folder/../b", "/etc/passwd", "a//b", "./b", "folder/" };
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        assert_int_equal(mt_store_size(store, outside[i], &size, NULL), MT_E_ARGUMENT);
    const mt_range range = { 0, 1, x };
    mt_status st;
    mt_place place;
    assert_true(mt_store_read_now(store, "nothing", &range, 1, &st, NULL)); /* which is known without waiting */
    assert_int_equal(st, MT_E_NOT_FOUND);
    assert_true(mt_store_read_now(store, "../b", &range, 1, &st, NULL));
    assert_int_equal(st, MT_E_ARGUMENT);
    assert_true(mt_store_get_place(store, "b", &place));
    assert_false(mt_store_get_place(store, "nothing", &place));
    assert_false(mt_store_get_place(store, "../b", &place));
    mt_store_close(store);
    assert_int_not_equal(mt_store_open_folder(&env, "/nowhere/at/all", &store, NULL), MT_OK);
}

static mt_status join(void *user, const char *name, mt_error *err)
{
    (void)err;
    char *names = user;
    size_t n = strlen(names);
    snprintf(names + n, 64 - n, "%s ", name);
    return MT_OK;
}

static void listings(void **state)
{
    (void)state;
    mt_store *store = open_folder();
    mt_error err = MT_ERROR_INIT;
    char names[64] = "";
    check_ok(mt_store_list(store, "", join, names, &err), &err);
    assert_string_equal(names, "a b folder ");
    names[0] = 0;
    check_ok(mt_store_list(store, "folder", join, names, &err), &err);
    assert_string_equal(names, "c ");
    names[0] = 0;
    check_ok(mt_store_list(store, "nothing", join, names, &err), &err);
    check_ok(mt_store_sample(store, "nothing", join, names, &err), &err);
    assert_string_equal(names, "");
    check_ok(mt_store_sample(store, "folder", join, names, &err), &err);
    assert_string_equal(names, "c ");
    mt_store_close(store);
}

/* Paths of 4,096 bytes and more are refused; the system refuses shorter ones. */
static void long_paths(void **state)
{
    (void)state;
    static char key[4100];
    mt_store *store = open_folder();
    uint64_t size;
    for (size_t n = 4095; n < 4098; n++) {
        mt_error err = MT_ERROR_INIT;
        memset(key, 'x', n);
        key[n - strlen(root) - 1] = 0;
        mt_status st = mt_store_size(store, key, &size, &err);
        assert_int_not_equal(st, MT_OK);
        assert_int_equal(strstr(err.message, "the path is too long") != NULL, n >= 4096);
        assert_int_equal(st == MT_E_ARGUMENT, n >= 4096);
    }
    mt_store_close(store);
}

static void memory(void **state)
{
    (void)state;
    mt_store *store;
    mt_error err = MT_ERROR_INIT;
    uint64_t size;
    char x[4] = "";
    check_ok(mt_store_open_memory(&env, "m", "abcdef", 6, &store, &err), &err);
    check_ok(mt_store_size(store, "m", &size, &err), &err);
    assert_int_equal(size, 6);
    check_ok(mt_store_read_at(store, "m", 3, x, 3, &err), &err);
    assert_string_equal(x, "def");
    const mt_range range = { 1, 3, x };
    mt_status st;
    assert_true(mt_store_read_now(store, "m", &range, 1, &st, &err)); /* nothing to wait for */
    check_ok(st, &err);
    assert_memory_equal(x, "bcd", 3);
    assert_memory_equal(mt_store_view(store, "m", &size), "abcdef", 6);
    check_ok(mt_store_read_at(store, "m", 6, x, 0, &err), &err);
    assert_int_equal(mt_store_read_at(store, "m", 7, x, 0, NULL), MT_E_CORRUPT);
    assert_int_equal(mt_store_read_at(store, "m", 4, x, 3, NULL), MT_E_CORRUPT);
    assert_int_equal(mt_store_read_at(store, "m", UINT64_MAX, x, 3, NULL), MT_E_CORRUPT);
    assert_int_equal(mt_store_size(store, "n", &size, NULL), MT_E_NOT_FOUND);
    mt_store_close(store);
    assert_int_equal(env.memory_bytes, 0);
}

static void whole_objects(void **state)
{
    (void)state;
    mt_store *store = open_folder();
    mt_arena *arena;
    char *text;
    size_t size;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_arena_new(&env, &arena, &err), &err);
    check_ok(mt_store_load(store, "b", 10, "some_limit", arena, &text, &size, &err), &err);
    assert_string_equal(text, "0123456789");
    assert_int_equal(mt_store_load(store, "b", 9, "some_limit", arena, &text, &size, &err), MT_E_LIMIT);
    assert_non_null(strstr(err.message, "some_limit"));
    mt_arena_free(arena);
    mt_store_close(store);
}

/* More files than stay open: each read finds its file again. */
static void many_files(void **state)
{
    (void)state;
    mt_store *store = open_folder();
    char name[32], x[8];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "m%03d", i);
        write_file(name, name);
    }
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 300; i++) {
            mt_error err = MT_ERROR_INIT;
            int k = (i * 7 + round) % 300;
            snprintf(name, sizeof name, "m%03d", k);
            check_ok(mt_store_read_at(store, name, 0, x, 4, &err), &err);
            assert_memory_equal(x, name, 4);
        }
    mt_store_close(store);
    for (int i = 0; i < 300; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/m%03d", root, i);
        unlink(path);
    }
}

enum { VIEWERS = 4, VIEWS = 200 };

static void *view(void *argument)
{
    mt_store *const *stores = argument;
    intptr_t good = 1;
    for (int i = 0; i < VIEWS; i++) {
        uint64_t size = 0;
        const uint8_t *bytes = mt_store_view(stores[i], "b", &size);
        good &= bytes && size == 10 && memcmp(bytes, "0123456789", 10) == 0;
    }
    return (void *)good;
}

/* Several threads map one file for the first time. */
static void views(void **state)
{
    (void)state;
    static mt_store *stores[VIEWS];
    pthread_t threads[VIEWERS];
    env.allow_mmap = 1;
    for (int i = 0; i < VIEWS; i++)
        stores[i] = open_folder();
    for (int i = 0; i < VIEWERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, view, stores), 0);
    for (int i = 0; i < VIEWERS; i++) {
        void *good;
        pthread_join(threads[i], &good);
        assert_non_null(good);
    }
    for (int i = 0; i < VIEWS; i++)
        mt_store_close(stores[i]);
    env.allow_mmap = 0;
}

/* The first 128 files are mapped and stay so; further ones are read. */
static void many_views(void **state)
{
    (void)state;
    enum { N = 130 };
    const uint8_t *first[N];
    mt_store *store = open_folder();
    char name[32];
    uint64_t size;
    assert_null(mt_store_view(store, "b", &size)); /* is not allowed */
    env.allow_mmap = 1;
    assert_null(mt_store_view(store, "nothing", &size));
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "v%03d", i);
        write_file(name, name);
        first[i] = mt_store_view(store, name, &size);
        assert_int_equal(first[i] != NULL, i < 128);
    }
    for (int i = 0; i < N; i++) {
        char path[512];
        snprintf(name, sizeof name, "v%03d", i);
        assert_ptr_equal(mt_store_view(store, name, &size), first[i]);
        if (first[i])
            assert_memory_equal(first[i], name, 4);
        snprintf(path, sizeof path, "%s/%s", root, name);
        unlink(path);
    }
    mt_store_close(store);
    env.allow_mmap = 0;
    assert_int_equal(env.memory_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(reads),
                                        cmocka_unit_test(reads_behind_the_end),
                                        cmocka_unit_test(what_is_not_there),
                                        cmocka_unit_test(listings),
                                        cmocka_unit_test(memory),
                                        cmocka_unit_test(whole_objects),
                                        cmocka_unit_test(many_files),
                                        cmocka_unit_test(views),
                                        cmocka_unit_test(many_views),
                                        cmocka_unit_test(long_paths) };
    return cmocka_run_group_tests(tests, make, clean);
}
