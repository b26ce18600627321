/* SPDX-License-Identifier: BSD-3-Clause */
/* Which images a search of folders and patterns opens, and what it skips. */
#include "support/folder.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_npy(const char *name, const char *shape)
{
    char bytes[128 + 64];
    memset(bytes, ' ', sizeof bytes);
    memcpy(bytes, "\x93NUMPY\x01\x00\x76\x00", 10);
    int n = snprintf(bytes + 10, 118, "{'descr': '|u1', 'fortran_order': False, 'shape': (%s), }", shape);
    bytes[10 + n] = ' ';
    bytes[127] = '\n';
    write_temporary(name, bytes, sizeof bytes);
}

static void write_tree(void)
{
    static const char *const names[] = { "a.npy", "b.npy", ".hidden.npy", "sub/c.npy", "sub/deep/d.npy", ".dot/e.npy" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        write_npy(names[i], "8, 8");
    write_npy(".odd/[x].npy", "8, 8");
    write_npy(".odd/x.npy", "8, 8");
    write_npy("empty.npy", "0, 3");
    write_npy("line.npy", "5,");
    write_npy("scalar.npy", "");
    write_temporary_text("rubbish.npy", "rubbish");
    assert_true(symlink("nowhere", temporary_path("dangling.npy")) == 0);
    assert_true(symlink("..", temporary_path("sub/deep/up")) == 0);
}

/* Adds the rest of a path below the temporary folder, if it is below it. */
static void add(char *text, size_t room, const char *path)
{
    size_t n = strlen(temporary_folder()), used = strlen(text);
    bool below = strncmp(path, temporary_folder(), n) == 0 && path[n] == '/';
    snprintf(text + used, room - used, "%s%s", used ? " " : "", below ? path + n + 1 : path);
}

/* The sources of the images, and what is skipped. */
static mt_status open_all(mt_context *context, const char *path, char opened[2000], char skipped[2000], mt_error *err)
{
    mt_stacks *stacks;
    const char *name = NULL, *reason = NULL;
    *opened = *skipped = 0;
    mt_status st = mt_stacks_open(context, &path, 1, NULL, &stacks, err);
    if (st)
        return st;
    size_t n = mt_stacks_count(stacks), k = 0;
    for (size_t i = 0; i < n; i++)
        add(opened, 2000, mt_stack_get_info(mt_stacks_get(stacks, i))->source);
    assert_null(mt_stacks_get(stacks, n));
    for (; mt_stacks_skipped(stacks, k, &name, &reason); k++) {
        assert_int_not_equal(mt_stacks_skipped_status(stacks, k), MT_OK);
        assert_true(*reason);
        add(skipped, 2000, name);
    }
    assert_int_equal(mt_stacks_skipped_status(stacks, k), MT_OK);
    mt_stacks_close(stacks);
    return MT_OK;
}

#define ODD "dangling.npy empty.npy line.npy rubbish.npy scalar.npy"

static void patterns_and_folders(void **state)
{
    (void)state;
    static const struct {
        const char *path, *opened, *skipped; /* opened NULL: skipped is a part of the error */
    } cases[] = {
        { "", "a.npy b.npy sub/c.npy sub/deep/d.npy", ODD " sub/deep/up" },
        { "sub", "sub/c.npy sub/deep/d.npy", "sub/deep/up" },
        { "sub/", "sub/c.npy sub/deep/d.npy", "sub/deep/up" },
        { "*.npy", "a.npy b.npy", ODD },
        { "[ab].npy", "a.npy b.npy", "" },
        { "[!a-z]*", NULL, "no file matches" },
        { "?.npy", "a.npy b.npy", "" },
        { "sub/*", "sub/c.npy sub/deep/d.npy", "sub/deep/up" },
        { "sub/*.npy", "sub/c.npy", "" },
        { "*/c.npy", "sub/c.npy", "" },
        { "s?b/d*/d.npy", "sub/deep/d.npy", "" },
        { "s?b/d*/x.npy", NULL, "no file matches" },
        { "**/d.npy", "sub/deep/d.npy", "sub/deep/up" },
        { "**/?.npy", "a.npy b.npy sub/c.npy sub/deep/d.npy", "sub/deep/up" },
        { "sub/**/d.npy", "sub/deep/d.npy", "sub/deep/up" },
        { "**/deep/d.npy", NULL, "no file matches" },
        { "none/*.npy", NULL, "none: no such file or folder" },
        { "a.npy", "a.npy", "" },
        { "none.npy", NULL, "none.npy: no such file or folder" },
        { ".odd/[x].npy", ".odd/[x].npy", "" }, /* the file of that name goes first */
        { ".odd/[wx].npy", ".odd/x.npy", "" },
        { ".odd/[wx].npy#x", NULL, "[wx].npy: no such file or folder" },
        { "line.npy", "line.npy", "" },
        { "empty.npy", "empty.npy", "" },
    };
    const mt_context_options options = { .struct_size = sizeof options, .threads = 1, .cache_bytes = MT_NO_CACHE };
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    write_tree();
    check_ok(mt_context_new(&options, &context, &err), &err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char opened[2000], skipped[2000];
        mt_counters before, after;
        mt_context_get_counters(context, &before);
        mt_status st = open_all(context, temporary_path(cases[i].path), opened, skipped, &err);
        mt_context_get_counters(context, &after);
        if (!cases[i].opened) {
            check_failed(st, MT_E_NOT_FOUND, &err, cases[i].skipped);
            continue;
        }
        check_ok(st, &err);
        if (strcmp(opened, cases[i].opened) != 0 || strcmp(skipped, cases[i].skipped) != 0)
            fail_msg("'%s': '%s', skipped '%s'", cases[i].path, opened, skipped);
        if (i > 0) /* some memory stays with the context, once */
            assert_int_equal(after.memory_bytes, before.memory_bytes);
    }
    mt_context_free(context);
}

/* All paths of the list count, in their order, and must open. */
static void lists_of_paths(void **state)
{
    (void)state;
    const char *const lists[][3] = { { "b.npy", "sub", "a.npy" }, { "sub/*.npy", "b.npy", "sub/c.npy" } };
    static const char *const expected[] = { "b.npy sub/c.npy sub/deep/d.npy a.npy", "sub/c.npy b.npy sub/c.npy" };
    for (size_t i = 0; i < 2; i++) {
        const char *paths[3];
        char opened[2000] = "";
        mt_stacks *stacks;
        mt_error err = MT_ERROR_INIT;
        for (size_t k = 0; k < 3; k++)
            paths[k] = temporary_path(lists[i][k]);
        check_ok(mt_stacks_open(NULL, paths, 3, NULL, &stacks, &err), &err);
        for (size_t k = 0; k < mt_stacks_count(stacks); k++)
            add(opened, sizeof opened, mt_stack_get_info(mt_stacks_get(stacks, k))->source);
        assert_string_equal(opened, expected[i]);
        mt_stacks_close(stacks);
        paths[2] = temporary_path("rubbish.npy");
        check_failed(mt_stacks_open(NULL, paths, 3, NULL, &stacks, &err), MT_E_NOT_AN_IMAGE, &err, "rubbish.npy");
    }
}

/* Names are shown as they are asked for. */
static void relative_paths(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "[ab].npy", "a.npy b.npy" },
        { "./[ab].npy", "./a.npy ./b.npy" },
        { "sub", "sub/c.npy sub/deep/d.npy" },
        { "./sub/", "./sub/c.npy ./sub/deep/d.npy" },
        { "s*/c.npy", "sub/c.npy" },
        { "**/c.npy", "sub/c.npy" },
        { "sub/deep/../c*", "sub/deep/../c.npy" },
    };
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(temporary_folder()), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char opened[2000], skipped[2000];
        mt_error err = MT_ERROR_INIT;
        mt_status st = open_all(NULL, cases[i][0], opened, skipped, &err);
        if (st || strcmp(opened, cases[i][1]) != 0)
            fail_msg("'%s': '%s' %s", cases[i][0], opened, err.message);
    }
    assert_int_equal(chdir(before), 0);
}

/* Of folders in folders, 64 levels are searched. */
static void deep_folders(void **state)
{
    (void)state;
    char name[400] = "nested/", opened[2000], skipped[2000], at_most[400] = "";
    mt_error err = MT_ERROR_INIT;
    for (int depth = 1; depth <= 65; depth++) {
        snprintf(name + strlen(name), sizeof name - strlen(name), "f/");
        if (depth >= 64) {
            size_t n = strlen(name);
            snprintf(name + n, sizeof name - n, "x.npy");
            write_npy(name, "8, 8");
            if (depth == 64)
                snprintf(at_most, sizeof at_most, "%s", name);
            name[n] = 0;
        }
    }
    check_ok(open_all(NULL, temporary_path("nested"), opened, skipped, &err), &err);
    assert_string_equal(opened, at_most);
    name[strlen(name) - 1] = 0;
    assert_string_equal(skipped, name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_and_folders),
        cmocka_unit_test(lists_of_paths),
        cmocka_unit_test(relative_paths),
        cmocka_unit_test(deep_folders),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
