/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/target.h"

#include <stdio.h>
#include <string.h>

mt_env target_env;

int set_up_target(void **state)
{
    (void)state;
    mt_env_init(&target_env, NULL, NULL);
    return 0;
}

int tear_down_target(void **state)
{
    (void)state;
    assert_int_equal(target_env.memory_bytes, 0);
    return 0;
}

mt_target *open_target(const char *name, mt_sync sync)
{
    mt_error err = MT_ERROR_INIT;
    mt_target *target;
    check_ok(mt_target_open(&target_env, temporary_path(name), sync, &target, &err), &err);
    return target;
}

mt_status publish(mt_target *target, const char *key, const char *text, mt_error *err)
{
    size_t n = strlen(text), cut = n / 3;
    mt_piece pieces[] = { { text, cut }, { NULL, 0 }, { text + cut, n - cut } };
    return mt_target_publish(target, key, pieces, 3, err);
}

void publish_ok(mt_target *target, const char *key, const char *text)
{
    mt_error err = MT_ERROR_INIT;
    check_ok(publish(target, key, text, &err), &err);
}

void check_object(mt_target *target, const char *key, const char *text)
{
    mt_error err = MT_ERROR_INIT;
    mt_arena *arena;
    uint64_t bytes;
    char *found;
    size_t size;
    check_ok(mt_arena_new(&target_env, &arena, &err), &err);
    check_ok(mt_target_load(target, key, 1000, arena, &found, &size, &err), &err);
    assert_string_equal(found, text);
    assert_int_equal(size, strlen(text));
    check_ok(mt_target_measure(target, key, &bytes, &err), &err);
    assert_int_equal(bytes, size);
    mt_arena_free(arena);
}

void check_absent(mt_target *target, const char *key)
{
    mt_error err = MT_ERROR_INIT;
    uint64_t bytes;
    assert_int_equal(mt_target_measure(target, key, &bytes, &err), MT_E_NOT_FOUND);
}

void check_message(const mt_error *err, const char *text)
{
    if (!strstr(err->message, text))
        fail_msg("\"%s\" is not in \"%s\"", text, err->message);
}

static mt_status join(void *user, const char *name, mt_error *err)
{
    char *all = user;
    (void)err;
    snprintf(all + strlen(all), 200 - strlen(all), "%s ", name);
    return MT_OK;
}

void check_names(mt_target *target, const char *prefix, const char *expected)
{
    mt_error err = MT_ERROR_INIT;
    char all[200] = "";
    check_ok(mt_target_list(target, prefix, join, all, &err), &err);
    assert_string_equal(all, expected);
}

static mt_status count_entry(void *user, const char *path, bool is_folder, mt_error *err)
{
    (void)path, (void)err;
    *(int *)user += !is_folder;
    return MT_OK;
}

int count_files(const char *name)
{
    int n = 0;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_output_walk(temporary_path(name), count_entry, &n, &err), &err);
    return n;
}
