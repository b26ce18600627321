/* SPDX-License-Identifier: BSD-3-Clause */
/* NPY: what is put is what is read, the file is NumPy's, and an unfinished file is continued. */
#include "support/folder.h"
#include "support/outputs.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

static char watched[600];    /* a folder */
static bool keeps_its_names; /* it was synced while it had the file "data" */

int fsync(int handle)
{
    struct stat is, folder, data;
    char path[700];
    snprintf(path, sizeof path, "%s/data", watched);
    if (fstat(handle, &is) == 0 && stat(watched, &folder) == 0 && stat(path, &data) == 0)
        keeps_its_names = keeps_its_names || (is.st_dev == folder.st_dev && is.st_ino == folder.st_ino);
    return REAL(fsync)(handle);
}

static const output outputs[] = {
    { "YX", { 300, 270 }, { 0 }, MT_UINT16, NULL, 0 },
    { "CYX", { 3, 70, 64 }, { 0, 8, 0 }, MT_FLOAT32, "none", 0 },
    { "TCZYX", { 2, 2, 5, 33, 47 }, { 0, 0, 0, 5, MT_WHOLE_AXIS }, MT_INT16, NULL, 1 },
    { "ZYX", { 3, 2000, 1000 }, { 0 }, MT_FLOAT64, NULL, 0 },
    { "YX", { 1, 1 }, { 0 }, MT_BOOL, NULL, 0 },
};
enum { N_OUTPUTS = sizeof outputs / sizeof *outputs };

static const char *npy_path(size_t i, const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "%s%zu.npy", what, i);
    return temporary_path(name);
}

static mt_stack *open_output(const char *path, const output *o)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    mt_open_options options = { .struct_size = sizeof options, .axes = o->axes };
    check_ok(mt_stack_open(NULL, path, &options, &stack, &err), &err);
    return stack;
}

static void check_image(const char *path, const output *o, const uint8_t *pixels)
{
    mt_stack *stack = open_output(path, o), *array;
    mt_error err = MT_ERROR_INIT;
    mt_checksum is, should;
    check_ok(mt_stack_from_array(NULL, pixels, o->dtype, o->axes, o->shape, NULL, NULL, &array, &err), &err);
    check_ok(mt_stack_checksum(stack, NULL, &is, &err), &err);
    check_ok(mt_stack_checksum(array, NULL, &should, &err), &err);
    assert_string_equal(is.text, should.text);
    mt_stack_close(array);
    mt_stack_close(stack);
}

static void what_is_put_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_OUTPUTS; i++)
        for (size_t threads = 1; threads <= 4; threads += 3) {
            const char *path = npy_path(i, "whole");
            uint8_t *pixels = make_output_pixels(&outputs[i], i + 1);
            write_output(NULL, path, &outputs[i], pixels, i, threads);
            check_image(path, &outputs[i], pixels);
            assert_false(path_exists(path, ".partial"));
            remove_tree(path);
            free(pixels);
        }
}

/* Byte for byte as NumPy 2 writes it. */
static void the_header_is_that_of_numpy(void **state)
{
    (void)state;
    const char *path = npy_path(0, "header");
    static const char text[] = "{'descr': '<u2', 'fortran_order': False, 'shape': (300, 270), }";
    char expected[128];
    uint8_t *pixels = make_output_pixels(&outputs[0], 1);
    size_t size;
    memset(expected, ' ', 128);
    memcpy(expected, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(expected + 10, text, strlen(text));
    expected[127] = '\n';
    write_output(NULL, path, &outputs[0], pixels, 1, 1);
    uint8_t *bytes = read_file(path, &size);
    assert_int_equal(size, 128 + 300 * 270 * 2);
    assert_memory_equal(bytes, expected, 128);
    assert_memory_equal(bytes + 128, pixels, size - 128);
    free(bytes);
    free(pixels);
    remove_tree(path);
}

static void unfinished_files_are_continued(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_OUTPUTS; i++) {
        const output *o = &outputs[i];
        const char *path = npy_path(i, "continued");
        uint8_t *pixels = make_output_pixels(o, i);
        mt_writer_options options = output_options(o);
        mt_writer *w;
        mt_writer_progress before, after;
        mt_error err = MT_ERROR_INIT;
        for (int durability = MT_DURABLE_UNITS; durability <= MT_DURABLE_NEVER; durability++) {
            options.durability = durability;
            check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
            put_boxes(w, o, pixels, i + 5, 1, 0.6);
            check_ok(mt_writer_flush(w, &err), &err);
            before = progress_of(w);
            mt_writer_close(w);
            assert_false(path_exists(path, ""));
            check_ok(mt_writer_open(NULL, path, &options, &w, &err), &err);
            after = progress_of(w);
            assert_int_equal(after.n_resumed, before.n_done);
            put_boxes(w, o, pixels, i + 6, 2, 1);
            check_ok(mt_writer_finish(w, &if_complete, &err), &err);
            mt_writer_close(w);
            check_image(path, o, pixels);
            assert_false(path_exists(path, ".partial"));
            assert_int_equal(mt_writer_create(NULL, path, &options, &w, &err), MT_E_ARGUMENT);
            assert_non_null(strstr(err.message, "the file exists"));
            remove_tree(path);
        }
        free(pixels);
    }
}

/* The pixels of an unfinished file are lost, or cut off: the journal is not believed, neither by the next writer nor by
 * the one after it, which finds a new file. */
static void a_lost_file_is_written_again(void **state)
{
    (void)state;
    for (int cut = 0; cut < 2; cut++) {
        const output *o = &outputs[1];
        const char *path = npy_path((size_t)cut, "lost");
        char data[600];
        uint8_t *pixels = make_output_pixels(o, 3);
        mt_writer_options options = output_options(o);
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
        put_boxes(w, o, pixels, 1, 1, 1);
        check_ok(mt_writer_keep(w, "a", "text", &err), &err);
        check_ok(mt_writer_flush(w, &err), &err);
        mt_writer_close(w);
        snprintf(data, sizeof data, "%s.partial/data", path);
        assert_int_equal(cut ? truncate(data, 1000) : remove(data), 0);
        check_ok(mt_writer_look(NULL, path, NULL, &w, &err), &err);
        assert_int_equal(progress_of(w).n_lost, progress_of(w).n_units);
        mt_writer_close(w);
        check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
        assert_int_equal(progress_of(w).n_lost, progress_of(w).n_units);
        mt_writer_close(w);
        check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
        assert_true(progress_of(w).n_lost == 0 && progress_of(w).n_done == 0);
        assert_true(path_exists(path, ".partial/.microtome/kept-a")); /* which are no records */
        put_boxes(w, o, pixels, 2, 1, 1);
        check_ok(mt_writer_finish(w, &if_complete, &err), &err);
        mt_writer_close(w);
        check_image(path, o, pixels);
        remove_tree(path);
        free(pixels);
    }
}

/* Else a power cut could lose the pixels and keep the records of them. */
static void the_name_of_the_pixels_is_kept_before_the_first_record(void **state)
{
    (void)state;
    for (int durability = MT_DURABLE_UNITS; durability <= MT_DURABLE_NEVER; durability++) {
        const char *path = npy_path(0, "named");
        mt_writer_options options = output_options(&outputs[0]);
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        options.durability = durability;
        snprintf(watched, sizeof watched, "%s.partial", path);
        keeps_its_names = false;
        check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
        assert_int_equal(keeps_its_names, durability == MT_DURABLE_UNITS);
        mt_writer_close(w);
        remove_tree(watched);
    }
}

/* Puts bytes into an unfinished file that no writer has a record of. */
static void spoil(const char *path, size_t from, size_t size)
{
    char data[600];
    snprintf(data, sizeof data, "%s.partial/data", path);
    FILE *file = fopen(data, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)from, SEEK_SET), 0);
    while (size-- > 0)
        assert_int_equal(fputc('x', file), 'x');
    assert_int_equal(fclose(file), 0);
}

/* A writer was killed in the middle of a band, and its successor puts zeros there, or nothing. */
static void half_a_band_is_overwritten(void **state)
{
    (void)state;
    const output *o = &outputs[1];
    enum { BAND = 8 * 64, PIXELS = 3 * 70 * 64 };
    for (int puts_zeros = 0; puts_zeros < 2; puts_zeros++) {
        const char *path = npy_path(1, "half");
        static float pixels[PIXELS];
        mt_writer_options options = output_options(o);
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        for (size_t i = 0; i < BAND; i++)
            pixels[i] = (float)i + 1;
        mt_writer_box first = { .start = (int64_t[]) { 0, 0, 0 }, .extent = (int64_t[]) { 1, 8, 64 }, .data = pixels };
        check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
        check_ok(mt_writer_put(w, &first, &err), &err);
        check_ok(mt_writer_flush(w, &err), &err);
        mt_writer_close(w);
        spoil(path, 128 + sizeof(float) * BAND + 100, sizeof(float) * BAND);
        check_ok(mt_writer_open(NULL, path, &options, &w, &err), &err);
        mt_writer_box rest = { .start = (int64_t[]) { 0, 8, 0 },
                               .extent = (int64_t[]) { 1, 16, 64 },
                               .data = pixels + BAND };
        if (puts_zeros)
            check_ok(mt_writer_put(w, &rest, &err), &err);
        check_ok(mt_writer_finish(w, NULL, &err), &err);
        mt_writer_close(w);
        check_image(path, o, (const uint8_t *)pixels);
        remove_tree(path);
    }
}

/* A writer was killed when the file had just got its name: the next one finds that all is done. A file of the same name
 * that is another one is none of its business. */
static void a_file_that_has_its_name_is_recognized(void **state)
{
    (void)state;
    static const struct {
        const char *change; /* of the file */
        bool is_own;
    } cases[] = { { "true", true },
                  { "truncate -s -1 '%s'", false },
                  { "printf X | dd of='%s' bs=1 seek=20 conv=notrunc status=none", false } };
    const output *o = &outputs[1];
    uint8_t *pixels = make_output_pixels(o, 8);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = npy_path(i, "named");
        char command[4000];
        const mt_writer_options opening = { .struct_size = sizeof opening, .durability = MT_DURABLE_NEVER };
        mt_writer_options options = output_options(o);
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
        put_boxes(w, o, pixels, 1, 1, 1);
        check_ok(mt_writer_flush(w, &err), &err);
        uint64_t n_units = mt_writer_get_info(w)->n_units;
        snprintf(command, sizeof command, "cp -a '%s.partial' '%s.kept' && rm -f '%s.kept/data' '%s.kept'/claim*", path,
                 path, path, path);
        assert_int_equal(system(command), 0);
        check_ok(mt_writer_finish(w, &if_complete, &err), &err);
        mt_writer_close(w);
        snprintf(command, sizeof command, "mv '%s.kept' '%s.partial'", path, path);
        assert_int_equal(system(command), 0);
        snprintf(command, sizeof command, cases[i].change, path);
        assert_int_equal(system(command), 0);
        check_ok(mt_writer_look(NULL, path, NULL, &w, &err), &err);
        assert_int_equal(progress_of(w).n_done, cases[i].is_own ? n_units : 0);
        mt_writer_close(w);
        check_ok(mt_writer_open(NULL, path, &opening, &w, &err), &err);
        assert_int_equal(progress_of(w).n_done, cases[i].is_own ? n_units : 0);
        put_boxes(w, o, pixels, 2, 1, 1);
        assert_int_equal(mt_writer_finish(w, &if_complete, &err), cases[i].is_own ? MT_OK : MT_E_ARGUMENT);
        mt_writer_close(w);
        if (cases[i].is_own)
            check_image(path, o, pixels);
        assert_int_equal(path_exists(path, ".partial"), !cases[i].is_own);
        snprintf(command, sizeof command, "rm -rf '%s' '%s.partial'", path, path);
        assert_int_equal(system(command), 0);
    }
    free(pixels);
}

static void what_npy_lacks_is_refused(void **state)
{
    (void)state;
    static const struct {
        output output;
        const char *message;
    } cases[] = {
        { { "YX", { 30, 20 }, { 10, 10 }, MT_UINT8, NULL, 0 }, "bands of whole rows" },
        { { "YX", { 30, 20 }, { 0 }, MT_UINT8, "zstd", 0 }, "the codec \"zstd\" is not one of none" },
        { { "YX", { 30, 20 }, { 0 }, MT_UINT8, NULL, 2 }, "no resolution levels" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_writer_options options = output_options(&cases[i].output);
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        assert_int_equal(mt_writer_create(NULL, npy_path(i, "refused"), &options, &w, &err), MT_E_ARGUMENT);
        assert_non_null(strstr(err.message, cases[i].message));
    }
}

/* Files end before 2^63 bytes; pixels of which there are more are refused before anything is written. */
static void files_have_a_limit(void **state)
{
    (void)state;
    static const struct {
        int64_t rows; /* of 2^30 bytes */
        const char *words;
    } cases[] = { { INT64_C(1) << 33, "the image is larger than a file can be" },
                  { INT64_C(1) << 34, "the image has more than 2^64 bytes" } };
    const char *path = npy_path(0, "large");
    char command[1200];
    snprintf(command, sizeof command, "rm -rf '%s.partial'", path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int64_t shape[] = { cases[i].rows, 1 << 30 };
        const mt_writer_options options = {
            .struct_size = sizeof options, .axes = "YX", .shape = shape, .dtype = MT_UINT8
        };
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        assert_int_equal(mt_writer_create(NULL, path, &options, &w, &err), MT_E_LIMIT);
        if (!strstr(err.message, cases[i].words))
            fail_msg("\"%s\" is not in \"%s\"", cases[i].words, err.message);
        assert_false(path_exists(path, ".partial/data"));
        assert_int_equal(system(command), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_read),
        cmocka_unit_test(the_header_is_that_of_numpy),
        cmocka_unit_test(unfinished_files_are_continued),
        cmocka_unit_test(a_lost_file_is_written_again),
        cmocka_unit_test(the_name_of_the_pixels_is_kept_before_the_first_record),
        cmocka_unit_test(half_a_band_is_overwritten),
        cmocka_unit_test(a_file_that_has_its_name_is_recognized),
        cmocka_unit_test(what_npy_lacks_is_refused),
        cmocka_unit_test(files_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
