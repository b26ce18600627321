/* SPDX-License-Identifier: BSD-3-Clause */
/* Warnings of chunk maps. */
#include "support/support.h"

#include "format/format.h"

#include <string.h>

/* A warning that is too long is cut between two characters: Python decodes it as UTF-8. */
static void long_warnings_end_in_whole_characters(void **state)
{
    (void)state;
    mt_env env;
    mt_error err = MT_ERROR_INIT;
    mt_chunk_map map = { 0 };
    char text[1024];
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_arena_new(&env, &map.arena, &err), &err);
    for (int k = 0; k < 2; k++) {
        memset(text, 'a', (size_t)k);
        for (size_t i = (size_t)k; i + 2 < sizeof text; i += 2)
            memcpy(text + i, "\xc2\xb5", 3);
        check_ok(mt_chunk_map_warn(&map, &err, "%s", text), &err);
        check_ok(mt_chunk_map_miss(&map, &err, "%s", text), &err);
        size_t n = strlen(map.warnings.items[k]);
        assert_int_equal((n - (size_t)k) % 2, 0);
        assert_in_range(n, 500, 511);
        assert_memory_equal(map.warnings.items[k], text, n);
        assert_string_equal(map.missing.items[k], map.warnings.items[k]);
    }
    mt_arena_free(map.arena);
}

/* Each warning is kept once, a hundred at most, the last of which says that there are more. */
static void warnings_are_counted(void **state)
{
    (void)state;
    mt_env env;
    mt_error err = MT_ERROR_INIT;
    mt_chunk_map map = { 0 };
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_arena_new(&env, &map.arena, &err), &err);
    for (int i = 0; i < 98; i++)
        for (int again = 0; again < 2; again++)
            check_ok(mt_chunk_map_warn(&map, &err, "warning %d", i), &err);
    assert_int_equal(map.warnings.n, 98);
    check_ok(mt_chunk_map_warn(&map, &err, "the last"), &err);
    assert_string_equal(map.warnings.items[98], "the last");
    for (int i = 0; i < 3; i++)
        check_ok(mt_chunk_map_warn(&map, &err, "another %d", i), &err);
    assert_int_equal(map.warnings.n, 100);
    assert_string_equal(map.warnings.items[0], "warning 0");
    assert_string_equal(map.warnings.items[98], "the last");
    assert_string_equal(map.warnings.items[99], "there are more warnings");
    mt_arena_free(map.arena);
}

/* All that is missing is counted, and the first names are kept. */
static void missing_names_are_counted(void **state)
{
    (void)state;
    mt_env env;
    mt_error err = MT_ERROR_INIT;
    mt_chunk_map map = { 0 };
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_arena_new(&env, &map.arena, &err), &err);
    for (size_t i = 0; i < MT_MAX_MISSING_NAMES + 2; i++) {
        check_ok(mt_chunk_map_miss(&map, &err, "file %zu", i), &err);
        assert_int_equal(map.n_missing, i + 1);
        assert_int_equal(map.missing.n, i < MT_MAX_MISSING_NAMES ? i + 1 : MT_MAX_MISSING_NAMES);
    }
    mt_arena_free(map.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(long_warnings_end_in_whole_characters),
                                        cmocka_unit_test(warnings_are_counted),
                                        cmocka_unit_test(missing_names_are_counted) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
