/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/contract.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/microtome-parts-XXXXXX";

static void write_npy(const char *name, int value)
{
    char path[512], header[129];
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    int n = snprintf(header, sizeof header, "%-117s\n", "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }");
    fwrite("\x93NUMPY\x01\x00", 1, 8, file);
    fputc(n & 255, file);
    fputc(n >> 8, file);
    fwrite(header, 1, (size_t)n, file);
    for (int i = 0; i < 6; i++)
        fputc(value, file);
    fclose(file);
}

static int make_files(void **state)
{
    (void)state;
    char path[512];
    assert_non_null(mkdtemp(root));
    static const char *const folders[] = { "deep", "deep/er", "empty" };
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", root, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    write_npy("b.npy", 2);
    write_npy("a.npy", 1);
    write_npy("with#mark.npy", 4);
    write_npy("deep/er/c.npy", 3);
    snprintf(path, sizeof path, "%s/notes.txt", root);
    FILE *file = fopen(path, "w");
    fputs("no image", file);
    fclose(file);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    static const char *const names[] = { "deep/er/c.npy", "a.npy", "b.npy", "with#mark.npy", "notes.txt" };
    char path[512];
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "%s/%s", root, names[i]);
        unlink(path);
    }
    static const char *const folders[] = { "/deep/er", "/deep", "/empty", "" };
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", root, folders[i]);
        rmdir(path);
    }
    return 0;
}

/* Opens the images that match a pattern below the root, and returns the first pixel of each. */
static void check_found(const char *pattern, const char *expected, size_t skipped)
{
    char path[512], found[64] = "";
    snprintf(path, sizeof path, "%s%s", root, pattern);
    const char *paths[] = { path };
    mt_stacks *stacks;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stacks_open(NULL, paths, 1, NULL, &stacks, &err), &err);
    for (size_t i = 0; i < mt_stacks_count(stacks); i++) {
        float pixel;
        static const int64_t origin[2] = { 0, 0 }, one[2] = { 1, 1 };
        check_ok(mt_stack_extract_patch(mt_stacks_get(stacks, i), 0, NULL, 0, origin, one, 2, &pixel, &err), &err);
        size_t n = strlen(found);
        snprintf(found + n, sizeof found - n, "%d", (int)pixel);
    }
    assert_string_equal(found, expected);
    const char *what, *why;
    size_t n = 0;
    while (mt_stacks_skipped(stacks, n, &what, &why))
        n++;
    assert_int_equal(n, skipped);
    assert_null(mt_stacks_get(stacks, 100));
    mt_stacks_close(stacks);
}

static void folders_and_globs_are_searched(void **state)
{
    (void)state;
    check_found("", "1234", 1); /* a, b, deep/er/c, with#mark; notes.txt is skipped */
    check_found("/a.npy", "1", 0);
    check_found("/with#mark.npy", "4", 0);
    check_found("/*.npy", "124", 0);
    check_found("/?.npy", "12", 0);
    check_found("/[b-z].npy", "2", 0);
    check_found("/**/*.npy", "1234", 0);
    check_found("/deep/*/c.npy", "3", 0);
    check_found("/empty", "", 0);
    check_found("/*.txt", "", 1);
}

static void a_reason_leaves_the_path_out(void **state)
{
    (void)state;
    const char *paths[] = { root }, *path, *reason;
    mt_stacks *stacks;
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stacks_open(NULL, paths, 1, NULL, &stacks, &err), &err);
    assert_true(mt_stacks_skipped(stacks, 0, &path, &reason));
    assert_int_equal(mt_stacks_skipped_status(stacks, 0), MT_E_NOT_AN_IMAGE);
    assert_int_equal(mt_stacks_skipped_status(stacks, 1), MT_OK);
    assert_non_null(strstr(path, "/notes.txt"));
    assert_string_equal(reason, "neither content nor name is of a known format");
    mt_stacks_close(stacks);
    assert_int_equal(mt_list_parts(NULL, "absent", NULL, &names, &err), MT_E_NOT_FOUND);
    assert_string_equal(err.message, "absent: no such file or folder");
}

/* A part behind '#' and another in the options: neither is preferred. */
static void a_part_is_named_once(void **state)
{
    (void)state;
    char path[512];
    mt_stack *stack;
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .part = "level=0" };
    snprintf(path, sizeof path, "%s/a.npy#other", root);
    assert_int_equal(mt_stack_open(NULL, path, &options, &stack, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "a.npy#other names a part, and so does the option: \"level=0\""));
    assert_int_equal(mt_list_parts(NULL, path, &options, &names, NULL), MT_E_ARGUMENT);
    err = (mt_error)MT_ERROR_INIT;
    assert_int_equal(mt_stack_open(NULL, "https://host/a.npy?key=secret#other", &options, &stack, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "https://host/a.npy?...#other names a part"));
}

/* Links from folders to their parents. */
static void a_search_comes_to_an_end(void **state)
{
    (void)state;
    static const char *const links[] = { "one", "two", "deep/up", "deep/er/up" };
    char path[512];
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", root, links[i]);
        assert_int_equal(symlink(root, path), 0);
    }
    alarm(60);
    check_found("", "1234", 5);
    check_found("/**/*.npy", "1234", 4);
    check_found("/one/*.npy", "124", 0);
    alarm(0);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", root, links[i]);
        unlink(path);
    }
}

static void what_is_named_must_open(void **state)
{
    (void)state;
    char path[512];
    const char *paths[] = { path };
    mt_stacks *stacks;
    mt_error err = MT_ERROR_INIT;
    snprintf(path, sizeof path, "%s/notes.txt", root);
    assert_int_equal(mt_stacks_open(NULL, paths, 1, NULL, &stacks, &err), MT_E_NOT_AN_IMAGE);
    err = (mt_error)MT_ERROR_INIT;
    snprintf(path, sizeof path, "%s/absent.npy", root);
    assert_int_equal(mt_stacks_open(NULL, paths, 1, NULL, &stacks, &err), MT_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "absent.npy"));
    for (size_t i = 0; i < 3; i++) {
        static const char *const unmatched[] = { "*.none", "deep/*/none*", "**/none*" };
        char expected[600];
        snprintf(path, sizeof path, "%s/%s", root, unmatched[i]);
        snprintf(expected, sizeof expected, "%s: no file matches", path);
        assert_int_equal(mt_stacks_open(NULL, paths, 1, NULL, &stacks, &err), MT_E_NOT_FOUND);
        assert_string_equal(err.message, expected);
    }
}

static void series_of_a_file_are_listed(void **state)
{
    (void)state;
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    mt_context *context;
    check_ok(mt_context_new(NULL, &context, &err), &err);
    check_ok(mt_list_parts(context, data_path("tiff/compression/gray.series.u1.tif"), NULL, &names, &err), &err);
    mt_context_free(context); /* which lives as long as the list */
    assert_true(mt_names_count(names) > 1);
    assert_string_equal(mt_names_get(names, 1), "series=1");
    assert_null(mt_names_get(names, 1000));
    mt_names_free(names);
}

static void options_are_checked(void **state)
{
    (void)state;
    char path[512];
    const char *paths[] = { path };
    const mt_open_options none = { 0 }, newer = { .struct_size = sizeof newer + 8 };
    mt_names *names;
    mt_stacks *stacks;
    mt_stack *stack;
    snprintf(path, sizeof path, "%s/a.npy", root);
    const mt_open_options *bad[] = { &none, &newer };
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(mt_stack_open(NULL, path, bad[i], &stack, NULL), MT_E_ARGUMENT);
        assert_int_equal(mt_list_parts(NULL, path, bad[i], &names, NULL), MT_E_ARGUMENT);
        assert_int_equal(mt_stacks_open(NULL, paths, 1, bad[i], &stacks, NULL), MT_E_ARGUMENT);
    }
    /* of an older struct without parts: the parts are found anyway */
    const mt_open_options older = { .struct_size = offsetof(mt_open_options, part) };
    mt_error err = MT_ERROR_INIT;
    paths[0] = data_path("tiff/compression/gray.series.u1.tif");
    check_ok(mt_stacks_open(NULL, paths, 1, &older, &stacks, &err), &err);
    assert_true(mt_stacks_count(stacks) > 1);
    assert_string_equal(mt_stack_get_info(mt_stacks_get(stacks, 1))->part, "series=1");
    mt_stacks_close(stacks);
}

static void a_limit_is_told_from_want_of_memory(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s/a.npy", root);
    mt_context_options options = { .struct_size = sizeof options, .limits = { .max_metadata_bytes = 1 } };
    mt_context *context;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &context, &err), &err);
    assert_int_equal(mt_stack_open(context, path, NULL, &stack, NULL), MT_E_LIMIT);
    assert_int_equal(mt_stack_open_memory(context, "a", "b", 1, NULL, &stack, &err), MT_E_LIMIT);
    assert_non_null(strstr(err.message, "max_metadata_bytes (1)"));
    mt_context_free(context);
}

static int count_open_files(void)
{
    int n = 0;
    for (int i = 0; i < 4096; i++)
        n += fcntl(i, F_GETFD) >= 0;
    return n;
}

/* A folder of more images than the process may have files open. */
static void more_images_than_files(void **state)
{
    (void)state;
    enum { IMAGES = 300, LIMIT = 128 };
    struct rlimit old, few;
    char name[32], path[512];
    snprintf(path, sizeof path, "%s/many", root);
    assert_int_equal(mkdir(path, 0700), 0);
    for (int i = 0; i < IMAGES; i++) {
        snprintf(name, sizeof name, "many/%03d.npy", i);
        write_npy(name, i % 256);
    }
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = LIMIT;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    mt_context *context;
    mt_stacks *stacks;
    mt_error err = MT_ERROR_INIT;
    const char *paths[] = { path };
    int before = count_open_files();
    check_ok(mt_context_new(NULL, &context, &err), &err);
    check_ok(mt_stacks_open(context, paths, 1, NULL, &stacks, &err), &err);
    assert_int_equal(mt_stacks_count(stacks), IMAGES);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < IMAGES; i++) {
            float pixel;
            static const int64_t origin[2] = { 0, 0 }, one[2] = { 1, 1 };
            check_ok(mt_stack_extract_patch(mt_stacks_get(stacks, i), 0, NULL, 0, origin, one, 2, &pixel, &err), &err);
            assert_true(pixel == (float)(i % 256));
        }
    assert_true(count_open_files() <= before + LIMIT / 4);
    mt_stacks_close(stacks);
    assert_int_equal(count_open_files(), before);
    mt_context_free(context);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    for (int i = 0; i < IMAGES; i++) {
        snprintf(path, sizeof path, "%s/many/%03d.npy", root, i);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/many", root);
    rmdir(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_and_globs_are_searched),
        cmocka_unit_test(a_reason_leaves_the_path_out),
        cmocka_unit_test(a_part_is_named_once),
        cmocka_unit_test(a_search_comes_to_an_end),
        cmocka_unit_test(what_is_named_must_open),
        cmocka_unit_test(series_of_a_file_are_listed),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(more_images_than_files),
        cmocka_unit_test(a_limit_is_told_from_want_of_memory),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
