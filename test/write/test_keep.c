/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts that are kept with an unfinished image. */
#include "support/folder.h"
#include "support/outputs.h"

#include <stdio.h>
#include <string.h>

static const output image = { "YX", { 300, 270 }, { 0 }, MT_UINT16, "none", 0 };
static const char *const suffixes[] = { "zarr", "ome.tif", "npy" };

static mt_writer *create(mt_context *context, const char *path)
{
    mt_writer_options options = output_options(&image);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    if (strstr(path, ".npy"))
        options.codec = NULL;
    check_ok(mt_writer_create(context, path, &options, &w, &err), &err);
    return w;
}

/* Adds "name=text;". */
static mt_status note(void *user, const char *name, const char *text, mt_error *err)
{
    char *all = user;
    (void)err;
    snprintf(all + strlen(all), 200 - strlen(all), "%s=%s;", name, text);
    return MT_OK;
}

static void check_kept(mt_writer *w, const char *wanted)
{
    char all[200] = "";
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_get_kept(w, note, all, &err), &err);
    assert_string_equal(all, wanted);
}

static void keep(mt_writer *w, const char *name, const char *text)
{
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_keep(w, name, text, &err), &err);
}

static const char *path_of(size_t i, const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", what, suffixes[i]);
    return temporary_path(name);
}

/* All writers of an image see the same texts, until it is finished. */
static void texts_stay_until_the_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        const char *path = path_of(i, "kept");
        mt_error err = MT_ERROR_INIT;
        mt_writer *w = create(NULL, path), *other;
        check_kept(w, "");
        keep(w, "plan", "{}");
        keep(w, "a-2", "one\ntwo");
        keep(w, "plan", "[\"x\"]");
        keep(w, "empty", "");
        check_kept(w, "a-2=one\ntwo;empty=;plan=[\"x\"];");
        mt_writer_close(w);
        w = create(NULL, path);
        check_ok(mt_writer_look(NULL, path, NULL, &other, &err), &err);
        keep(w, "a-2", NULL);
        keep(w, "never-there", NULL);
        check_kept(other, "empty=;plan=[\"x\"];");
        assert_int_equal(mt_writer_keep(other, "x", "y", &err), MT_E_ARGUMENT);
        mt_writer_close(other);
        check_ok(mt_writer_finish(w, NULL, &err), &err);
        check_kept(w, "");
        assert_int_equal(mt_writer_keep(w, "x", "y", &err), MT_E_ARGUMENT);
        mt_writer_close(w);
        assert_false(path_exists(path, "/.microtome"));
        assert_false(path_exists(path, ".partial"));
    }
}

static void names_are_plain(void **state)
{
    (void)state;
    char name[MT_KEPT_NAME + 2];
    mt_writer *w = create(NULL, path_of(0, "names"));
    mt_error err = MT_ERROR_INIT;
    static const char *const bad[] = { "", "A", "a/b", "..", "a b", "\xc3\xa4" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(mt_writer_keep(w, bad[i], "x", &err), MT_E_ARGUMENT);
        assert_non_null(strstr(err.message, "small letters"));
    }
    memset(name, 'n', sizeof name);
    name[MT_KEPT_NAME + 1] = 0;
    assert_int_equal(mt_writer_keep(w, name, "x", &err), MT_E_ARGUMENT);
    name[MT_KEPT_NAME] = 0;
    keep(w, name, "x");
    mt_writer_close(w);
}

static mt_status refuse(void *user, const char *name, const char *text, mt_error *err)
{
    (void)name, (void)text;
    ++*(int *)user;
    snprintf(err->message, sizeof err->message, "enough");
    return err->status = MT_E_CANCELLED;
}

static void a_visit_may_end(void **state)
{
    (void)state;
    int n = 0;
    mt_writer *w = create(NULL, path_of(0, "visit"));
    mt_error err = MT_ERROR_INIT;
    keep(w, "a", "x");
    keep(w, "b", "x");
    assert_int_equal(mt_writer_get_kept(w, refuse, &n, &err), MT_E_CANCELLED);
    assert_int_equal(n, 1);
    mt_writer_close(w);
}

static void failing_allocations(void **state)
{
    (void)state;
    bool failed = true;
    for (size_t k = 0; failed; k++) {
        failing_allocator allocator;
        mt_context_options given = { .struct_size = sizeof given, .threads = 1 };
        given.allocator = failing_allocator_make(&allocator, SIZE_MAX, 0);
        mt_context *context;
        mt_error err = MT_ERROR_INIT;
        char all[200] = "";
        check_ok(mt_context_new(&given, &context, &err), &err);
        mt_writer *w = create(context, path_of(0, "memory"));
        allocator.fail_at = allocator.count + k;
        size_t limit = allocator.fail_at;
        mt_status st = mt_writer_keep(w, "a", "text", &err);
        if (!st)
            st = mt_writer_get_kept(w, note, all, &err);
        failed = allocator.count > limit;
        assert_int_equal(st, failed ? MT_E_MEMORY : MT_OK);
        assert_string_equal(all, failed ? "" : "a=text;");
        mt_writer_close(w);
        mt_context_free(context);
        remove_tree(path_of(0, "memory"));
        assert_true(k < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_stay_until_the_end),
        cmocka_unit_test(names_are_plain),
        cmocka_unit_test(a_visit_may_end),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
