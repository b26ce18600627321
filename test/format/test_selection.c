/* SPDX-License-Identifier: BSD-3-Clause */
/* What a part names: a path, a series and a level. */
#include "support/support.h"

#include "format/format.h"

#include <string.h>

static void parts_are_paths_between_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path;
        int64_t series, level;
    } cases[] = {
        { "", "", -1, -1 },
        { "a/b", "a/b", -1, -1 },
        { "//a/b", "a/b", -1, -1 },
        { "/", "", -1, -1 },
        { "level=2", "", -1, 2 },
        { "scene=3&level=0", "", 3, 0 },
        { "a&series=1&level=2", "a", 1, 2 },
        { "level=2&a&series=1", "a", 1, 2 },
        { "level=2&", "", -1, 2 },
        { "R&D", "R&D", -1, -1 },
        { "/R&D/&&c&level=1", "R&D/&&c", -1, 1 },
        { "a&level=1&b", "a&level=1&b", -1, -1 },
        { "series=4&a&level=1&b&level=2", "a&level=1&b", 4, 2 },
        { "a&", "a&", -1, -1 },
        { "&", "&", -1, -1 },
        { "/level=1", "level=1", -1, -1 },
        { "a&level=x", "a&level=x", -1, -1 },
        { "level=1234567890123456789", "level=1234567890123456789", -1, -1 },
        { "level=123456789012345678", "", -1, 123456789012345678 },
        { "level=", "level=", -1, -1 },
        { "level", "level", -1, -1 },
        { "level=/", "level=/", -1, -1 },
        { "level=:", "level=:", -1, -1 },
        { "level=09", "", -1, 9 },
        { "level=-", "level=-", -1, -1 },
        { "levels=2", "levels=2", -1, -1 },
        { "x&level=-", "x&level=-", -1, -1 },
        { "level=1&level=2", "", -1, 2 },
        { "a/b/&level=1", "a/b/", -1, 1 },
    };
    mt_env env;
    mt_arena *arena;
    mt_error err = MT_ERROR_INIT;
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_arena_new(&env, &arena, &err), &err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_selection s;
        check_ok(mt_selection_parse(arena, cases[i].text, &s, &err), &err);
        assert_string_equal(s.text, cases[i].text);
        assert_string_equal(s.path, cases[i].path);
        assert_int_equal(s.series, cases[i].series);
        assert_int_equal(s.level, cases[i].level);
    }
    static const char *const refused[] = { "level=-1", "a&scene=-2", "series=-0&a" };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        mt_selection s;
        err = (mt_error)MT_ERROR_INIT;
        assert_int_equal(mt_selection_parse(arena, refused[i], &s, &err), MT_E_ARGUMENT);
        assert_non_null(strstr(err.message, "levels, series and scenes count from 0"));
    }
    mt_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(parts_are_paths_between_numbers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
