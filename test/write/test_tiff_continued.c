/* SPDX-License-Identifier: BSD-3-Clause */
/* OME-TIFF: an image that was left unfinished, in whatever way, is continued, and ends with the same bytes. */
#include "base/reader.h"
#include "codec/codec.h"
#include "support/folder.h"
#include "support/outputs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const output outputs[] = {
    { "YX", { 300, 270 }, { 0 }, MT_UINT16, NULL, 0 },
    { "CYX", { 3, 70, 64 }, { 1, 16, 16 }, MT_FLOAT32, "gzip", -1 },
    { "TCZYX", { 2, 2, 5, 33, 47 }, { 1, 1, 1, 16, 32 }, MT_INT16, "zstd", 2 },
    { "CZYX", { 2, 3, 20, 20 }, { 0 }, MT_UINT32, "none", 2 },
};
enum { N_OUTPUTS = sizeof outputs / sizeof *outputs };

/* Writes a part, as a process does that is killed; returns the number of tiles that are done. */
static uint64_t write_part(const char *path, const output *o, const uint8_t *pixels, uint64_t seed, double part)
{
    mt_writer_options options = output_options(o);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    put_boxes(w, o, pixels, seed, 2, part);
    check_ok(mt_writer_flush(w, &err), &err);
    mt_writer_progress progress = progress_of(w);
    mt_writer_close(w);
    return progress.n_done;
}

static void unfinished_images_are_continued(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_OUTPUTS; i++) {
        const output *o = &outputs[i];
        const char *path = output_path(i, "once"), *other = output_path(i, "twice");
        uint8_t *pixels = make_output_pixels(o, i + 3);
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        write_output(NULL, path, o, pixels, i, 1);
        write_part(other, o, pixels, i + 7, 0.4);
        uint64_t n_done = write_part(other, o, pixels, i + 8, 0.8);
        assert_false(path_exists(other, ""));
        check_ok(mt_writer_open(NULL, other, NULL, &w, &err), &err);
        mt_writer_progress progress = progress_of(w);
        assert_int_equal(progress.n_lost, 0);
        assert_int_equal(progress.n_resumed, n_done);
        put_boxes(w, o, pixels, i + 9, 2, 1);
        check_ok(mt_writer_finish(w, &if_complete, &err), &err);
        check_ok(mt_writer_finish(w, &if_complete, &err), &err); /* once more changes nothing */
        mt_writer_close(w);
        check_same_files(path, other);
        assert_false(path_exists(other, ".partial"));
        free(pixels);
    }
}

/* Whatever of the spool a power cut damages or cuts off is written again. */
static void damaged_tiles_are_written_again(void **state)
{
    (void)state;
    const output *o = &outputs[1];
    const char *path = output_path(2, "sound"), *other = output_path(2, "damaged");
    char spool[700];
    uint8_t *pixels = make_output_pixels(o, 5);
    uint64_t random = 1;
    write_output(NULL, path, o, pixels, 1, 1);
    snprintf(spool, sizeof spool, "%s.partial/tiles", other);
    for (int i = 0; i < 40; i++) {
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        size_t size;
        write_part(other, o, pixels, (uint64_t)i + 2, 0.7);
        uint8_t *bytes = read_file(spool, &size);
        size_t at = next_random(&random) % size;
        size_t kept = i % 2 ? at : size;
        bytes[at] ^= 0x10;
        FILE *file = fopen(spool, "wb");
        assert_int_equal(fwrite(bytes, 1, kept, file), kept);
        fclose(file);
        free(bytes);
        check_ok(mt_writer_open(NULL, other, NULL, &w, &err), &err);
        mt_writer_progress progress = progress_of(w);
        assert_true(progress.n_lost > 0);
        put_boxes(w, o, pixels, (uint64_t)i, 1, 1);
        check_ok(mt_writer_finish(w, &if_complete, &err), &err);
        mt_writer_close(w);
        check_same_files(path, other);
        remove_tree(other);
    }
    free(pixels);
}

/* A tile of a place that the image does not have ends the spool, as a damaged one does. */
static void tiles_behind_the_last_are_cut_off(void **state)
{
    (void)state;
    enum { HEAD = 32 };
    static const output one = { "YX", { 70, 64 }, { 16, 16 }, MT_FLOAT32, "gzip", 1 }, *o = &one;
    const char *path = output_path(3, "behind");
    char spool[700], partial[700];
    uint8_t *pixels = make_output_pixels(o, 5);
    snprintf(partial, sizeof partial, "%s.partial", path);
    snprintf(spool, sizeof spool, "%s.partial/tiles", path);
    for (int behind = 0; behind < 2; behind++) {
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        struct stat now;
        size_t size;
        const uint64_t n_done = write_part(path, o, pixels, 3, 0.5);
        check_ok(mt_writer_open(NULL, path, NULL, &w, &err), &err);
        uint64_t unit = progress_of(w).n_units - !behind;
        mt_writer_close(w);
        uint8_t *bytes = read_file(spool, &size); /* the head and the bytes of a tile are written again */
        const size_t n = HEAD + (size_t)mt_load_u64le(bytes + 16);
        mt_store_u64le(bytes + 8, unit);
        mt_store_u32le(bytes + 28, mt_crc32c(bytes, 28));
        FILE *file = fopen(spool, "ab");
        assert_int_equal(fwrite(bytes, 1, n, file), n);
        fclose(file);
        free(bytes);
        check_ok(mt_writer_open(NULL, path, NULL, &w, &err), &err);
        assert_int_equal(progress_of(w).n_done, n_done);
        mt_writer_close(w);
        assert_int_equal(stat(spool, &now), 0);
        assert_int_equal(now.st_size, behind ? size : size + n);
        remove_tree(partial);
    }
    free(pixels);
}

static void copy_tree(const char *from, const char *to)
{
    char command[1400];
    snprintf(command, sizeof command, "cp -a '%s' '%s'", from, to);
    assert_int_equal(system(command), 0);
}

/* A writer that is killed after the file got its name leaves an unfinished image beside it. */
static void a_file_that_has_its_name_is_recognized(void **state)
{
    (void)state;
    const output *o = &outputs[2];
    const char *path = output_path(2, "named"), *copy = output_path(2, "copy");
    char partial[700];
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    uint8_t *pixels = make_output_pixels(o, 5);
    snprintf(partial, sizeof partial, "%s.partial", path);
    write_part(path, o, pixels, 1, 1);
    copy_tree(partial, copy);
    write_output(NULL, path, o, pixels, 2, 1);
    copy_tree(copy, partial);
    check_ok(mt_writer_open(NULL, path, NULL, &w, &err), &err);
    check_ok(mt_writer_finish(w, &if_complete, &err), &err);
    mt_writer_close(w);
    assert_false(path_exists(path, ".partial"));
    check_output(path, o, pixels);
    remove_tree(copy);
    free(pixels);
}

static void other_files_are_not_touched(void **state)
{
    (void)state;
    const output *o = &outputs[2];
    const char *path = output_path(2, "taken");
    mt_writer_options options = output_options(o);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    uint8_t *pixels = make_output_pixels(o, 5);
    char text[8];
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    put_boxes(w, o, pixels, 1, 1, 1);
    FILE *file = fopen(path, "w+");
    fputs("mine", file);
    fclose(file);
    assert_int_equal(mt_writer_finish(w, &if_complete, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "move it away"));
    file = fopen(path, "r");
    assert_string_equal(fgets(text, sizeof text, file), "mine");
    fclose(file);
    remove_tree(path);
    check_ok(mt_writer_finish(w, &if_complete, &err), &err);
    mt_writer_close(w);
    check_output(path, o, pixels);
    assert_int_equal(mt_writer_create(NULL, path, &options, &w, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "the file exists"));
    int is_finished;
    check_ok(mt_writer_is_finished(NULL, path, &options, &is_finished, &err), &err);
    assert_true(is_finished);
    options.identity = "another input";
    check_ok(mt_writer_is_finished(NULL, path, &options, &is_finished, &err), &err);
    assert_false(is_finished);
    check_ok(mt_writer_is_finished(NULL, output_path(2, "none"), &options, &is_finished, &err), &err);
    assert_false(is_finished);
    free(pixels);
}

static void write_and_exit(const char *path, const output *o, const uint8_t *pixels, uint64_t seed)
{
    mt_writer_options options = output_options(o);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    if (mt_writer_create(NULL, path, &options, &w, &err))
        _exit(strstr(err.message, "the file exists") ? 0 : (print_error("%s\n", err.message), 1));
    put_boxes(w, o, pixels, seed, 2, 1);
    _exit(mt_writer_finish(w, &if_complete, &err) ? (print_error("%s\n", err.message), 1) : 0);
}

/* Processes are killed at random moments, one after the other, until one completes the image. */
static void killed_processes_are_continued(void **state)
{
    (void)state;
    skip_if(UNDER_TSAN || UNDER_ASAN, "forks with threads");
    const output *o = &outputs[2];
    const char *path = output_path(2, "killed"), *sound = output_path(2, "not_killed");
    uint8_t *pixels = make_output_pixels(o, 5);
    uint64_t random = 7;
    int n_kills = 0;
    write_output(NULL, sound, o, pixels, 1, 1);
    for (uint64_t image = 0; image < 10; image++) {
        int status = -1;
        for (uint64_t k = 0; !WIFEXITED(status); k++) {
            pid_t child = fork();
            if (child == 0)
                write_and_exit(path, o, pixels, image + k);
            usleep((useconds_t)(next_random(&random) % (500 * (k + 1))));
            kill(child, SIGKILL);
            assert_int_equal(waitpid(child, &status, 0), child);
            n_kills += WIFSIGNALED(status);
        }
        assert_int_equal(WEXITSTATUS(status), 0);
        check_same_files(path, sound);
        remove_tree(path);
        char partial[700];
        snprintf(partial, sizeof partial, "%s.partial", path);
        remove_tree(partial);
    }
    assert_true(n_kills > 5);
    free(pixels);
}

static void check_claimed(const char *path, mt_status expected)
{
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_writer_open(NULL, path, NULL, &w, &err), expected);
    if (expected)
        assert_non_null(strstr(err.message, "one process can write"));
    mt_writer_close(w);
}

/* Anyone may look. */
static void check_looked_at(const char *path, mt_writer *writer)
{
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    mt_writer_progress is, seen;
    check_ok(mt_writer_look(NULL, path, NULL, &w, &err), &err);
    is = progress_of(writer);
    seen = progress_of(w);
    assert_int_equal(seen.n_done, is.n_done);
    assert_int_equal(seen.n_lost, 0);
    mt_writer_close(w);
}

static void one_process_writes(void **state)
{
    (void)state;
    const output *o = &outputs[1];
    skip_if(UNDER_TSAN || UNDER_ASAN, "forks with threads");
    const char *path = output_path(2, "claimed"), *sound = output_path(2, "unclaimed");
    uint8_t *pixels = make_output_pixels(o, 5);
    int status;
    write_output(NULL, sound, o, pixels, 1, 1);
    pid_t child = fork();
    if (child == 0) { /* is killed with half of the tiles written */
        mt_writer_options options = output_options(o);
        mt_writer *w;
        if (mt_writer_create(NULL, path, &options, &w, NULL))
            _exit(1);
        put_boxes(w, o, pixels, 1, 1, 0.5);
        if (mt_writer_flush(w, NULL))
            _exit(1);
        raise(SIGSTOP);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    assert_true(WIFSTOPPED(status));
    check_claimed(path, MT_E_ARGUMENT);
    assert_int_equal(kill(child, SIGKILL), 0);
    check_claimed(path, MT_E_ARGUMENT); /* it has ended, but its parent does not know */
    assert_int_equal(waitpid(child, &status, 0), child);
    check_claimed(path, MT_OK);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_open(NULL, path, NULL, &w, &err), &err);
    check_claimed(path, MT_E_ARGUMENT);
    check_looked_at(path, w);
    mt_writer_progress progress = progress_of(w);
    assert_true(progress.n_resumed > 0 && progress.n_lost == 0);
    put_boxes(w, o, pixels, 2, 1, 1);
    check_ok(mt_writer_finish(w, &if_complete, &err), &err);
    mt_writer_close(w);
    check_same_files(path, sound);
    assert_false(path_exists(path, ".partial"));
    free(pixels);
}

/* Whatever allocation fails, the call fails cleanly, and a new writer completes the image. */
static void failing_allocations(void **state)
{
    (void)state;
    const output *o = &outputs[3];
    const char *path = output_path(3, "failing"), *sound = output_path(3, "not_failing");
    uint8_t *pixels = make_output_pixels(o, 9);
    write_output(NULL, sound, o, pixels, 1, 1);
    for (size_t k = 0, failed = 1; failed; k++) {
        failing_allocator allocator;
        mt_context_options given = { .struct_size = sizeof given, .threads = 1 };
        given.allocator = failing_allocator_make(&allocator, k, 0);
        mt_writer_options options = output_options(o);
        mt_context *context = NULL;
        mt_writer *w = NULL;
        mt_error err = MT_ERROR_INIT;
        output_box box = { { 0, 0, 0, 0 }, { 2, 3, 20, 20 } };
        mt_status st = mt_context_new(&given, &context, &err);
        if (!st)
            st = mt_writer_create(context, path, &options, &w, &err);
        if (!st)
            st = put_box(w, o, pixels, &box, &err);
        if (!st)
            st = mt_writer_finish(w, &if_complete, &err);
        mt_writer_close(w);
        mt_context_free(context);
        failed = allocator.count > k;
        if (st) {
            assert_int_equal(st, MT_E_MEMORY);
            if (!path_exists(path, ""))
                write_output(NULL, path, o, pixels, 1, 1);
        }
        check_same_files(path, sound);
        remove_tree(path);
        char partial[700];
        snprintf(partial, sizeof partial, "%s.partial", path);
        remove_tree(partial);
    }
    free(pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unfinished_images_are_continued),
        cmocka_unit_test(damaged_tiles_are_written_again),
        cmocka_unit_test(tiles_behind_the_last_are_cut_off),
        cmocka_unit_test(a_file_that_has_its_name_is_recognized),
        cmocka_unit_test(other_files_are_not_touched),
        cmocka_unit_test(killed_processes_are_continued),
        cmocka_unit_test(one_process_writes),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
