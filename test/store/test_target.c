/* SPDX-License-Identifier: BSD-3-Clause */
/* Targets in folders: what is published, listed, loaded and removed. */
#include "support/target.h"

#include "platform/file.h"
#include "platform/thread.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static mt_status ignore(void *user, const char *name, mt_error *err)
{
    (void)user, (void)name, (void)err;
    return MT_OK;
}

static void objects_are_published_replaced_listed_and_removed(void **state)
{
    (void)state;
    for (mt_sync sync = MT_SYNC_SHARDS; sync <= MT_SYNC_NONE; sync++) {
        char name[32];
        mt_error err = MT_ERROR_INIT;
        snprintf(name, sizeof name, "objects%d/", (int)sync);
        mt_target *target = open_target(name, sync);
        assert_int_equal(mt_target_get_sync(target), sync);
        assert_int_equal(mt_path_get_kind(mt_target_get_path(target)), MT_PATH_NONE);
        check_names(target, "", "");
        check_ok(mt_target_sync(target, &err), &err);
        check_ok(mt_target_sweep(target, &err), &err);
        publish_ok(target, "c/0/1/2", "the first");
        publish_ok(target, "c/0/1/3", "");
        publish_ok(target, "zarr.json", "{}");
        check_object(target, "c/0/1/2", "the first");
        publish_ok(target, "c/0/1/2", "another");
        check_object(target, "c/0/1/2", "another");
        check_object(target, "c/0/1/3", "");
        check_absent(target, "c/0/1/4");
        check_absent(target, "d/0");
        check_names(target, "", "c zarr.json ");
        check_names(target, "c/0/1", "2 3 ");
        check_names(target, "c/9", "");
        assert_int_equal(count_files(name), 3);
        check_ok(mt_target_sync(target, &err), &err);
        check_ok(mt_target_remove(target, "c/0/1/3", &err), &err);
        check_ok(mt_target_remove(target, "c/0/1/3", &err), &err);
        check_ok(mt_target_remove(target, "c/0/1/3/4", &err), &err);
        assert_int_equal(mt_target_remove(target, "c/0/1", &err), MT_E_IO);
        mt_error_clear(&err);
        check_ok(mt_target_remove(target, "c/0/1/2", &err), &err);
        check_ok(mt_target_remove(target, "c/0/1", &err), &err);
        check_names(target, "c/0", "");
        mt_target_close(target);
    }
}

static void files_get_the_permissions_of_the_umask(void **state)
{
    struct stat st;
    mode_t old = umask(027);
    mt_target *target = open_target("umask", MT_SYNC_NONE);
    (void)state;
    publish_ok(target, "a/b", "");
    umask(old);
    assert_int_equal(stat(temporary_path("umask/a/b"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(stat(temporary_path("umask/a"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0750);
    mt_target_close(target);
}

static void put_file(const char *path)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void leftovers_are_hidden_and_swept(void **state)
{
    static const char *const stays[] = { ".x.partial", "x.0123456789abcdef.partial", ".x.0123456789abcdeg.partial",
                                         ".0123456789abcdef.partial", ".x.0123456789abcdef.partial.txt" };
    mt_error err = MT_ERROR_INIT;
    mt_target *target = open_target("sweep", MT_SYNC_NONE);
    char path[256];
    (void)state;
    publish_ok(target, "c/0", "text");
    put_file(temporary_path("sweep/c/.1.0123456789abcdef.partial"));
    put_file(temporary_path("sweep/.zarr.json.fedcba9876543210.partial"));
    assert_int_equal(mkdir(temporary_path("sweep/.d.0123456789abcdef.partial"), 0777), 0); /* a folder is not ours */
    for (size_t i = 0; i < sizeof stays / sizeof *stays; i++) {
        snprintf(path, sizeof path, "sweep/c/%s", stays[i]);
        put_file(temporary_path(path));
    }
    assert_int_equal(symlink(temporary_path(""), temporary_path("sweep/.l.0123456789abcdef.partial")), 0);
    check_names(target, "", "c ");
    check_ok(mt_target_sweep(target, &err), &err);
    assert_int_equal(count_files("sweep"), 1 + (int)(sizeof stays / sizeof *stays));
    check_object(target, "c/0", "text");
    assert_int_equal(mt_path_get_kind(temporary_path("sweep/.d.0123456789abcdef.partial")), MT_PATH_FOLDER);
    mt_target_close(target);
}

static void what_cannot_be_a_target_is_refused(void **state)
{
    char long_path[5000];
    static const struct {
        const char *path, *message;
        mt_status status;
    } cases[] = { { "", "no path", MT_E_ARGUMENT },
                  { NULL, "too long", MT_E_ARGUMENT },
                  { "http://host/x", "folders", MT_E_UNSUPPORTED },
                  { "/dev/null", "not a folder", MT_E_IO },
                  { "/dev/null/x", "create it first", MT_E_NOT_FOUND },
                  { "absent/folder", "create it first", MT_E_NOT_FOUND } };
    (void)state;
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_error err = MT_ERROR_INIT;
        mt_target *target;
        assert_int_equal(
            mt_target_open(&target_env, cases[i].path ? cases[i].path : long_path, MT_SYNC_SHARDS, &target, &err),
            cases[i].status);
        check_message(&err, cases[i].message);
        assert_null(target);
        mt_target_close(target);
    }
}

static void keys_stay_inside_the_target(void **state)
{
    static const char *const keys[] = { "", "/etc/x", "../x", "a/../../x", "a//b", "a/", "./a", "a/.." };
    mt_target *target = open_target("keys", MT_SYNC_NONE);
    char *text;
    size_t size;
    uint64_t bytes;
    bool made, is_new;
    char path[MT_PATH_BYTES];
    mt_output output;
    mt_arena *arena;
    (void)state;
    check_ok(mt_arena_new(&target_env, &arena, NULL), NULL);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        assert_int_equal(publish(target, keys[i], "x", NULL), MT_E_ARGUMENT);
        assert_int_equal(mt_target_make_new(target, keys[i], NULL, 0, &made, NULL), MT_E_ARGUMENT);
        assert_int_equal(mt_target_measure(target, keys[i], &bytes, NULL), MT_E_ARGUMENT);
        assert_int_equal(mt_target_load(target, keys[i], 9, arena, &text, &size, NULL), MT_E_ARGUMENT);
        assert_int_equal(mt_target_remove(target, keys[i], NULL), MT_E_ARGUMENT);
        assert_int_equal(mt_target_create_file(target, keys[i], path, &output, &is_new, NULL), MT_E_ARGUMENT);
        assert_false(is_new);
        if (*keys[i])
            assert_int_equal(mt_target_list(target, keys[i], ignore, NULL, NULL), MT_E_ARGUMENT);
    }
    assert_int_equal(mt_path_get_kind(temporary_path("keys")), MT_PATH_NONE);
    mt_arena_free(arena);
    mt_target_close(target);
}

static void long_names(void **state)
{
    char key[5000];
    mt_error err = MT_ERROR_INIT;
    mt_target *target = open_target("long", MT_SYNC_NONE);
    (void)state;
    for (size_t n = 200; n <= 255; n++) {
        memset(key, 'n', n);
        memcpy(key + 216, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 14); /* where it is cut */
        key[n] = 0;
        publish_ok(target, key, "text");
        check_object(target, key, "text");
    }
    memset(key, 'n', 256);
    key[256] = 0;
    assert_int_equal(publish(target, key, "", &err), MT_E_IO);
    check_message(&err, "shorter name");
    mt_error_clear(&err);
    memset(key, 'n', sizeof key - 1);
    key[sizeof key - 1] = 0;
    assert_int_equal(publish(target, key, "", &err), MT_E_ARGUMENT);
    check_message(&err, "too long");
    mt_target_close(target);
}

/* Paths have less than 4,096 bytes. */
static void long_paths(void **state)
{
    (void)state;
    static char text[MT_PATH_BYTES + 1];
    char path[MT_PATH_BYTES];
    mt_error err = MT_ERROR_INIT;
    mt_target *target = open_target("long", MT_SYNC_NONE), *other;
    size_t n = strlen(mt_target_get_path(target)) + 1;
    memset(text, 'n', MT_PATH_BYTES);
    text[MT_PATH_BYTES - 1 - n] = 0;
    check_ok(mt_target_get_file(target, text, path, &err), &err);
    assert_int_equal(strlen(path), MT_PATH_BYTES - 1);
    text[MT_PATH_BYTES - 1 - n] = 'n';
    text[MT_PATH_BYTES - n] = 0;
    check_failed(mt_target_get_file(target, text, path, &err), MT_E_ARGUMENT, &err, "the path is too long");
    assert_int_equal(mt_target_list(target, text, ignore, NULL, NULL), MT_E_ARGUMENT);
    text[MT_PATH_BYTES - n] = 'n';
    for (int i = 0; i < 3; i++) { /* with a '/' at its end it is the shorter one */
        mt_error_clear(&err);
        text[MT_PATH_BYTES - 1] = i == 0 ? 0 : i == 1 ? '/' : 'n';
        assert_int_not_equal(mt_target_open(&target_env, text, MT_SYNC_NONE, &other, &err), MT_OK);
        assert_int_equal(strstr(err.message, "the path of the output is too long") != NULL, i == 2);
    }
    mt_target_close(target);
}

static void the_root(void **state)
{
    (void)state;
    static const char *const paths[] = { "/", "//" };
    char path[MT_PATH_BYTES];
    for (size_t i = 0; i < 2; i++) {
        mt_error err = MT_ERROR_INIT;
        mt_target *target;
        check_ok(mt_target_open(&target_env, paths[i], MT_SYNC_NONE, &target, &err), &err);
        assert_string_equal(mt_target_get_path(target), "/");
        check_ok(mt_target_get_file(target, "a/b", path, &err), &err);
        assert_string_equal(path, "/a/b");
        mt_target_close(target);
    }
}

static void a_folder_that_is_removed_is_not_made_again(void **state)
{
    mt_error err = MT_ERROR_INIT;
    mt_target *target = open_target("removed", MT_SYNC_NONE);
    (void)state;
    publish_ok(target, "a", "text");
    check_ok(mt_target_remove(target, "a", &err), &err);
    assert_int_equal(rmdir(temporary_path("removed")), 0);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(publish(target, k ? "a/b" : "a", "text", &err), MT_E_IO);
        check_message(&err, "was removed");
        mt_error_clear(&err);
    }
    check_names(target, "", "");
    mt_target_close(target);
}

static void objects_that_cannot_be_loaded(void **state)
{
    mt_error err = MT_ERROR_INIT;
    mt_target *target = open_target("load", MT_SYNC_NONE);
    mt_arena *arena;
    char *text;
    size_t size;
    uint64_t bytes;
    (void)state;
    publish_ok(target, "a/b", "123456");
    check_ok(mt_arena_new(&target_env, &arena, NULL), NULL);
    assert_int_equal(mt_target_load(target, "a/b", 5, arena, &text, &size, &err), MT_E_LIMIT);
    check_message(&err, "more than the 5");
    check_ok(mt_target_load(target, "a/b", 6, arena, &text, &size, NULL), NULL);
    assert_int_equal(mt_target_load(target, "a/c", 6, arena, &text, &size, NULL), MT_E_NOT_FOUND);
    assert_int_equal(mt_target_load(target, "a", 6, arena, &text, &size, NULL), MT_E_IO);
    assert_int_equal(mt_target_measure(target, "a", &bytes, NULL), MT_E_IO);
    mt_error_clear(&err);
    assert_int_equal(publish(target, "a", "x", &err), MT_E_IO); /* a folder lies there */
    check_message(&err, "cannot be given its name");
    assert_int_equal(publish(target, "a/b/c", "x", NULL), MT_E_IO); /* a file lies there */
    assert_int_equal(count_files("load"), 1);
    mt_arena_free(arena);
    mt_target_close(target);
}

static void opening_without_memory(void **state)
{
    size_t failures = 0;
    (void)state;
    for (;; failures++) {
        failing_allocator memory;
        mt_allocator allocator = failing_allocator_make(&memory, failures, 0);
        mt_error err = MT_ERROR_INIT;
        mt_env poor;
        mt_target *target;
        mt_env_init(&poor, &allocator, NULL);
        mt_status st = mt_target_open(&poor, temporary_path("poor"), MT_SYNC_SHARDS, &target, &err);
        if (!st)
            mt_target_close(target);
        assert_int_equal(poor.memory_bytes, 0);
        if (!st)
            break;
        assert_int_equal(st, MT_E_MEMORY);
    }
    assert_true(failures >= 2);
}

enum { THREADS = 8, ROUNDS = 50, SHARED_BYTES = 20000 };

typedef struct writer {
    mt_thread thread;
    mt_target *target;
    int number, made;
    mt_status status;
} writer;

/* All write one object, one of their own, and race for new ones; and read the common one, which is never torn. */
static void write_many(void *argument)
{
    writer *w = argument;
    char bytes[SHARED_BYTES], key[32], *text;
    size_t size;
    bool made;
    mt_arena *arena = NULL;
    memset(bytes, 'a' + w->number, sizeof bytes);
    for (int i = 0; !w->status && i < ROUNDS; i++) {
        mt_piece pieces[] = { { bytes, 1 }, { bytes + 1, sizeof bytes - 1 } };
        snprintf(key, sizeof key, "own/%d/%d", i, w->number);
        w->status = mt_target_publish(w->target, key, pieces, 2, NULL);
        if (!w->status)
            w->status = mt_target_publish(w->target, "shared", pieces, 2, NULL);
        snprintf(key, sizeof key, "new/%d", i);
        if (!w->status)
            w->status = mt_target_make_new(w->target, key, pieces, 2, &made, NULL);
        w->made += made;
        if (!w->status && !(w->status = mt_arena_new(&target_env, &arena, NULL))) {
            w->status = mt_target_load(w->target, "shared", SHARED_BYTES, arena, &text, &size, NULL);
            if (!w->status && (size != SHARED_BYTES || memcmp(text, text + 1, size - 1) != 0))
                w->status = MT_E_CORRUPT;
            mt_arena_free(arena);
        }
    }
}

static void many_threads_publish(void **state)
{
    static writer writers[THREADS];
    int made = 0;
    mt_target *target = open_target("threads", MT_SYNC_NONE);
    (void)state;
    for (int i = 0; i < THREADS; i++) {
        writers[i] = (writer) { .target = target, .number = i };
        check_ok(mt_thread_start(&writers[i].thread, write_many, &writers[i], NULL), NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        mt_thread_join(&writers[i].thread);
        assert_int_equal(writers[i].status, MT_OK);
        made += writers[i].made;
    }
    assert_int_equal(made, ROUNDS);
    assert_int_equal(count_files("threads"), THREADS * ROUNDS + 1 + ROUNDS);
    mt_target_close(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TARGET_TEST(objects_are_published_replaced_listed_and_removed),
        TARGET_TEST(files_get_the_permissions_of_the_umask),
        TARGET_TEST(leftovers_are_hidden_and_swept),
        TARGET_TEST(what_cannot_be_a_target_is_refused),
        TARGET_TEST(keys_stay_inside_the_target),
        TARGET_TEST(long_names),
        TARGET_TEST(long_paths),
        TARGET_TEST(the_root),
        TARGET_TEST(a_folder_that_is_removed_is_not_made_again),
        TARGET_TEST(objects_that_cannot_be_loaded),
        TARGET_TEST(opening_without_memory),
        TARGET_TEST(many_threads_publish),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
