/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths of files and folders, and into archives: which store and key they lead to. */
#include "engine/context.h"
#include "store/resolve.h"
#include "support/support.h"
#include "support/zip_writer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct fixture {
    char folder[64];
    mt_context *context;
    mt_arena *arena;
} fixture;

static zip_writer w;

/* Writes an archive of members named in a text, separated by blanks; each contains its name. */
static void write_zip(const fixture *f, const char *name, const char *members)
{
    char path[128], copy[256];
    snprintf(copy, sizeof copy, "%s", members);
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    zip_begin(&w, 0);
    for (char *rest = copy, *one; (one = strsep(&rest, " "));)
        zip_add(&w, one, one, strlen(one), 0, 0);
    zip_end(&w);
    zip_save(&w, path);
    zip_free(&w);
}

static void write_file(const fixture *f, const char *name, const void *bytes, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

/* n archives in one another, the innermost with a member x; each is named a.zip. */
static void write_nested(const fixture *f, const char *name, int n)
{
    uint8_t *inner = NULL;
    size_t size = 1;
    char path[128];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    for (int i = 0; i < n; i++) {
        zip_begin(&w, 0);
        zip_add(&w, i ? "a.zip" : "x", i ? (const void *)inner : "x", size, 0, 0);
        zip_end(&w);
        free(inner);
        inner = w.bytes;
        size = w.n;
    }
    zip_save(&w, path);
    free(inner);
}

static int set_up(void **state)
{
    static fixture f;
    mt_error err = MT_ERROR_INIT;
    uint8_t packed[100];
    char path[128];
    size_t n = 0;
    snprintf(f.folder, sizeof f.folder, "/tmp/mt-resolve-XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    snprintf(path, sizeof path, "%s/sub", f.folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/folder.zip", f.folder);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(&f, "folder.zip/x", "12345", 5);
    write_file(&f, "sub/a b", "12345", 5);
    write_zip(&f, "top.zip", "t/x.tif t/sub/y.tif");
    write_zip(&f, "two.v2.zip", "one two");
    write_zip(&f, "same.OZX", "a/a");
    write_zip(&f, "twice.zip", "abc/abd abc/abc");
    write_zip(&f, "under.zip", "a/b a/a/x");
    write_zip(&f, "longer.zip", "ab/abc/x ab/a ab/x/ab");
    write_zip(&f, ".zip", "one");
    write_zip(&f, "a.zipx", "one");
    write_nested(&f, "four.zip", 4);
    write_nested(&f, "five.zip", 5);
    gzip_append(packed, sizeof packed, &n, "12345", 5, 6);
    write_file(&f, "f.npy.gz", packed, n);
    check_ok(mt_context_new(NULL, &f.context, &err), &err);
    check_ok(mt_arena_new(&f.context->env, &f.arena, &err), &err);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    char command[128];
    mt_arena_free(f->arena);
    mt_context_free(f->context);
    snprintf(command, sizeof command, "rm -r %s", f->folder);
    return system(command);
}

static mt_status resolve(const fixture *f, const char *path, const char *above, mt_location *at, mt_error *err)
{
    char whole[256];
    snprintf(whole, sizeof whole, path, f->folder);
    return mt_resolve(&f->context->env, mt_arena_printf(f->arena, NULL, "%s", whole), above, f->arena, at, err);
}

static void paths(void **state)
{
    const fixture *f = *state;
    static const struct {
        const char *path, *key, *name, *text; /* %s: the folder; text NULL: path */
        bool folder;
        const char *inside; /* what the object contains; NULL: it is not read */
    } cases[] = {
        { "%s/sub", "", "sub", NULL, true, NULL },
        { "%s/sub/", "", "sub", NULL, true, NULL },
        { "%s/sub/a b", "a b", "a b", NULL, false, "12345" },
        { "file://%s/sub/a%%20b", "a b", "a b", NULL, false, "12345" },
        { "file://localhost%s/sub", "", "sub", NULL, true, NULL },
        { "/", "", "/", NULL, true, NULL },
        { "//", "", "/", NULL, true, NULL },
        { "%s/top.zip", "t", "t", NULL, true, NULL },
        { "%s/top.zip/", "t", "t", "%s/top.zip", true, NULL },
        { "%s/top.zip/t", "t", "t", NULL, true, NULL },
        { "%s/top.zip/t/x.tif", "t/x.tif", "x.tif", NULL, false, "t/x.tif" },
        { "%s/top.zip//t/x.tif", "t/x.tif", "x.tif", "%s/top.zip/t/x.tif", false, "t/x.tif" },
        { "%s/top.zip/x.tif", "t/x.tif", "x.tif", NULL, false, "t/x.tif" },
        { "%s/top.zip/sub/", "t/sub", "sub", "%s/top.zip/sub", true, NULL },
        { "%s/two.v2.zip", "", "two.v2", NULL, true, NULL },
        { "%s/two.v2.zip/two", "two", "two", NULL, false, "two" },
        { "%s/same.OZX", "a", "a", "%s/same.OZX/a", true, NULL },
        { "%s/same.OZX/a/a", "a/a", "a", NULL, false, "a/a" },
        { "%s/folder.zip", "", "folder.zip", NULL, true, NULL },
        { "%s/folder.zip/x", "x", "x", NULL, false, "12345" },
        { "%s/twice.zip", "abc", "abc", "%s/twice.zip/abc", true, NULL },
        { "%s/under.zip", "a", "a", "%s/under.zip/a", true, NULL },
        { "%s/longer.zip", "ab", "ab", NULL, true, NULL },
        { "%s/.zip", ".zip", ".zip", NULL, false, NULL },
        { "%s/a.zipx", "a.zipx", "a.zipx", NULL, false, NULL },
        { "%s/four.zip/a.zip/a.zip/a.zip/x", "x", "x", NULL, false, "x" },
        { "%s/four.zip/a.zip/a.zip/a.zip", "", "a", NULL, true, NULL },
        { "%s/four.zip", "", "four", NULL, true, NULL },
        { "%s/f.npy.gz", "f.npy", "f.npy", NULL, false, "12345" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_location at;
        mt_error err = MT_ERROR_INIT;
        char text[256];
        uint8_t out[16];
        size_t n;
        uint64_t size;
        check_ok(resolve(f, cases[i].path, NULL, &at, &err), &err);
        snprintf(text, sizeof text, cases[i].text ? cases[i].text : cases[i].path, f->folder);
        assert_string_equal(at.key, cases[i].key);
        assert_string_equal(at.name, cases[i].name);
        assert_string_equal(at.text, text);
        assert_int_equal(at.folder, cases[i].folder);
        if (cases[i].inside) {
            check_ok(mt_store_read_start(at.store, at.key, out, sizeof out, &n, &size, &err), &err);
            assert_int_equal(n, strlen(cases[i].inside));
            assert_memory_equal(out, cases[i].inside, n);
        }
        mt_store_close(at.store);
    }
}

static void refusals(void **state)
{
    const fixture *f = *state;
    static const struct {
        const char *path;
        mt_status status;
        const char *words;
    } cases[] = {
        { "%s/none", MT_E_NOT_FOUND, "none" },
        { "%s/none.zip/x", MT_E_NOT_FOUND, "none.zip" },
        { "%s/top.zip/none", MT_E_NOT_FOUND, "top.zip: no member or folder \"none\"" },
        { "%s/two.v2.zip/none", MT_E_NOT_FOUND, "no member or folder \"none\"" },
        { "%s/f.npy.gz/x", MT_E_NOT_FOUND, "one compressed file, without \"x\" in it" },
        { "%s/five.zip/a.zip/a.zip/a.zip/a.zip/x", MT_E_LIMIT, "more than 4 archives in one another" },
        { "%s/top.zip/t/x.tif.gz", MT_E_NOT_FOUND, "x.tif.gz" },
        { "file://host/x", MT_E_ARGUMENT, "a file URL has three slashes" },
        { "file://%s/%%zz", MT_E_ARGUMENT, "is not followed by two digits" },
        { "xyz://a/b", MT_E_UNSUPPORTED, "xyz:// is not supported" },
        { "files://a/b", MT_E_UNSUPPORTED, "files:// is not supported" },
        { "fil://a/b", MT_E_UNSUPPORTED, "fil:// is not supported" },
        { "abcdefghijklmnopqrstuvwxyzabcdefghij://a", MT_E_UNSUPPORTED, "abcdefghijklmnopqrstuvwxyzabcdef:// is" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_location at;
        mt_error err = MT_ERROR_INIT;
        check_failed(resolve(f, cases[i].path, NULL, &at, &err), cases[i].status, &err, cases[i].words);
        assert_null(at.store);
    }
}

/* The store may be a folder above the file. */
static void folders_above(void **state)
{
    const fixture *f = *state;
    static const struct {
        const char *above, *key; /* key NULL: it is refused */
    } cases[] = {
        { "%s", "sub/a b" }, { "%s/", "sub/a b" }, { "%s//", "sub/a b" }, { "%s/sub", "a b" }, { "/", NULL },
        { "//", NULL },      { "%s/su", NULL },    { "%s/other", NULL },  { ".", NULL },       { "", "a b" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_location at;
        mt_error err = MT_ERROR_INIT;
        char above[128], key[128];
        snprintf(above, sizeof above, cases[i].above, f->folder);
        snprintf(key, sizeof key, "%s/sub/a b", f->folder + 1);
        bool is_root = above[0] == '/' && above[strspn(above, "/")] == 0;
        mt_status st = resolve(f, "%s/sub/a b", above, &at, &err);
        if (!cases[i].key && !is_root) {
            check_failed(st, MT_E_ARGUMENT, &err, "is not at the start of the path");
            continue;
        }
        check_ok(st, &err);
        assert_string_equal(at.key, is_root ? key : cases[i].key);
        assert_string_equal(at.name, "a b");
        mt_store_close(at.store);
    }
}

/* The folder above may be the current one. */
static void the_current_folder(void **state)
{
    const fixture *f = *state;
    static const struct {
        const char *path, *above, *key; /* key NULL: it is refused */
    } cases[] = {
        { "sub/a b", ".", "sub/a b" }, { "./sub/a b", ".", "sub/a b" }, { "././sub/a b", ".", "sub/a b" },
        { "sub/a b", "sub", "a b" },   { "sub/a b", "su", NULL },       { "sub/a b", "./", "sub/a b" },
        { "%s/sub/a b", ".", NULL },   { "./sub/a b", "./sub", "a b" },
    };
    char before[1000];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(f->folder), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_location at;
        mt_error err = MT_ERROR_INIT;
        mt_status st = resolve(f, cases[i].path, cases[i].above, &at, &err);
        if (cases[i].key) {
            check_ok(st, &err);
            assert_string_equal(at.key, cases[i].key);
            mt_store_close(at.store);
        } else {
            check_failed(st, MT_E_ARGUMENT, &err, "is not at the start of the path");
        }
    }
    assert_int_equal(chdir(before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(paths), cmocka_unit_test(refusals),
                                        cmocka_unit_test(folders_above), cmocka_unit_test(the_current_folder) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
