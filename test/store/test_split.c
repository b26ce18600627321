/* SPDX-License-Identifier: BSD-3-Clause */
/* Which '#' of a path begins the part. */
#include "support/support.h"

#include "engine/context.h"
#include "store/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void the_last_mark_behind_something_that_exists(void **state)
{
    (void)state;
    char folder[512], path[700];
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/microtome-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a#b", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/a#b/f#g", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);

    static const struct {
        const char *text, *path, *part;
    } cases[] = {
        { "", "", "" },
        { "#x", "", "x" },
        { "/a#b", "/a#b", "" },
        { "/a#b/f#g", "/a#b/f#g", "" },
        { "/a#b/f#g#part", "/a#b/f#g", "part" },
        { "/a#b/f#g#part#of#names", "/a#b/f#g", "part#of#names" },
        { "/a#b/f#g#", "/a#b/f#g", "" },
        { "/a#b/f#g##", "/a#b/f#g", "#" },
        { "/a#b#x#y", "/a#b", "x#y" },
        { "/nothing#x#y", "/nothing#x", "y" },
        { "/nothing.zip/a#x#y", "/nothing.zip/a#x", "y" },
    };
    mt_error err = MT_ERROR_INIT;
    mt_context *context;
    mt_arena *arena;
    check_ok(mt_context_new(NULL, &context, &err), &err);
    check_ok(mt_arena_new(&context->env, &arena, &err), &err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *found, *part;
        char text[800], expected[800];
        snprintf(text, sizeof text, "%s%s", folder, cases[i].text);
        snprintf(expected, sizeof expected, "%s%s", folder, cases[i].path);
        check_ok(mt_path_split(text, arena, &found, &part, &err), &err);
        assert_string_equal(found, expected);
        assert_string_equal(part, cases[i].part);
    }
    mt_arena_free(arena);
    mt_context_free(context);
    assert_int_equal(remove(path), 0);
    snprintf(path, sizeof path, "%s/a#b", folder);
    assert_int_equal(remove(path), 0);
    assert_int_equal(remove(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_last_mark_behind_something_that_exists) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
