/* SPDX-License-Identifier: BSD-3-Clause */
/* OME-TIFF: what is put is what is read, and the file has the same bytes whatever happened on the way. */
#include "support/folder.h"
#include "support/outputs.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const output outputs[] = {
    { "YX", { 300, 270 }, { 0 }, MT_UINT16, NULL, 0 },
    { "YX", { 100, 130 }, { 32, 48 }, MT_UINT8, "none", -1 },
    { "CYX", { 3, 70, 64 }, { 1, 16, 16 }, MT_FLOAT32, "gzip", -1 },
    { "TCZYX", { 2, 2, 5, 33, 47 }, { 1, 1, 1, 16, 32 }, MT_INT16, "zstd", 2 },
    { "ZYX", { 70, 20, 23 }, { 0 }, MT_INT32, NULL, 3 },
    { "TYX", { 4, 90, 20 }, { 1, 16, 16 }, MT_FLOAT64, "none", 3 },
    { "CZYX", { 2, 3, 20, 20 }, { 0 }, MT_UINT32, "gzip", 2 },
    { "TYX", { 1, 1, 1 }, { 0 }, MT_INT8, NULL, 0 },
};
enum { N_OUTPUTS = sizeof outputs / sizeof *outputs };

static const char *path_of(size_t i, const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "%s%zu.ome.tif", what, i);
    return temporary_path(name);
}

static void write_image(mt_context *context, const char *path, const output *o, const uint8_t *pixels, uint64_t seed,
                        size_t n_threads)
{
    mt_writer_options options = output_options(o);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_create(context, path, &options, &w, &err), &err);
    put_boxes(w, o, pixels, seed, n_threads, 1);
    check_ok(mt_writer_finish(w, 1, &err), &err);
    mt_writer_close(w);
}

static void check_same_files(const char *a, const char *b)
{
    size_t sizes[2];
    uint8_t *files[2] = { read_file(a, &sizes[0]), read_file(b, &sizes[1]) };
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(files[0], files[1], sizes[0]);
    free(files[0]);
    free(files[1]);
}

static int exists(const char *path, const char *suffix)
{
    char name[700];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    FILE *file = fopen(name, "rb");
    if (file)
        fclose(file);
    return file != NULL;
}

/* --- Tests. --- */

static void what_is_put_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_OUTPUTS; i++) {
        const char *path = path_of(i, "whole");
        uint8_t *pixels = make_output_pixels(&outputs[i], i + 1);
        write_image(NULL, path, &outputs[i], pixels, i, 1);
        check_output(path, &outputs[i], pixels);
        assert_false(exists(path, ".partial"));
        free(pixels);
    }
}

static output draw_output(uint64_t *random)
{
    static const mt_dtype dtypes[] = { MT_UINT8,  MT_INT8,  MT_UINT16,  MT_INT16,
                                       MT_UINT32, MT_INT32, MT_FLOAT32, MT_FLOAT64 };
    static const char *const codecs[] = { "zstd", "gzip", "none" }, *const axes[] = { "YX", "CYX", "TZYX", "TCZYX" };
    output o = { .axes = axes[next_random(random) % 4],
                 .dtype = dtypes[next_random(random) % 8],
                 .codec = codecs[next_random(random) % 3],
                 .n_levels = -1 };
    int n = output_ndim(&o);
    for (int d = 0; d < n; d++) {
        bool is_in_plane = d >= n - 2;
        o.shape[d] = random_between(random, 2, is_in_plane ? 120 : 4);
        o.chunk[d] = is_in_plane ? 16 * random_between(random, 1, 5) : 1;
    }
    return o;
}

static void random_images(void **state)
{
    (void)state;
    uint64_t random = 11;
    for (size_t i = 0; i < 60; i++) {
        const output o = draw_output(&random);
        const char *path = path_of(i, "random");
        uint8_t *pixels = make_output_pixels(&o, i + 1);
        write_image(NULL, path, &o, pixels, i, 1 + i % 4);
        check_output(path, &o, pixels);
        remove_tree(path);
        free(pixels);
    }
}

/* The same levels as those of Zarr, which are made from the same pixels. */
static void levels_are_those_of_zarr(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_OUTPUTS; i++) {
        const char *path = path_of(i, "levels"), *other = temporary_path("levels.zarr");
        output o = outputs[i];
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        mt_checksum is, should;
        uint8_t *pixels = make_output_pixels(&o, i + 1);
        write_image(NULL, path, &o, pixels, i, 1);
        mt_writer_options options = output_options(&o);
        int64_t chunk[5] = { 1, 1, 1, 1, 1 };
        chunk[output_ndim(&o) - 1] = chunk[output_ndim(&o) - 2] = 64;
        options.codec = "none";
        options.chunk_shape = chunk;
        if (o.n_levels < 0)
            options.n_levels = 4;
        check_ok(mt_writer_create(NULL, other, &options, &w, &err), &err);
        put_boxes(w, &o, pixels, i, 1, 1);
        check_ok(mt_writer_finish(w, 1, &err), &err);
        for (int level = 0; level < (o.n_levels < 0 ? 3 : o.n_levels); level++) {
            sum_level(path, level, &is);
            sum_level(other, level, &should);
            assert_string_equal(is.text, should.text);
        }
        mt_writer_close(w);
        remove_tree(other);
        free(pixels);
    }
}

static void bytes_do_not_depend_on_order_or_threads(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_OUTPUTS; i++) {
        const char *path = path_of(i, "first"), *other = path_of(i, "other");
        uint8_t *pixels = make_output_pixels(&outputs[i], i + 2);
        write_image(NULL, path, &outputs[i], pixels, i, 1);
        for (unsigned threads = 1; threads <= 8; threads = threads < 2 ? 2 : 4 * threads) {
            mt_context_options given = { .struct_size = sizeof given, .threads = threads };
            mt_context *context;
            mt_error err = MT_ERROR_INIT;
            check_ok(mt_context_new(&given, &context, &err), &err);
            write_image(context, other, &outputs[i], pixels, i + 100 * threads, threads);
            check_same_files(path, other);
            remove_tree(other);
            mt_context_free(context);
        }
        free(pixels);
    }
}

/* The UUID tells images apart, and does not depend on anything else. */
static void images_differ(void **state)
{
    (void)state;
    const output *o = &outputs[0];
    const char *path = path_of(0, "uuid_a"), *other = path_of(0, "uuid_b");
    uint8_t *pixels = make_output_pixels(o, 3);
    size_t size;
    write_image(NULL, path, o, pixels, 1, 1);
    pixels[17] ^= 1;
    write_image(NULL, other, o, pixels, 1, 1);
    char *texts[2] = { (char *)read_file(path, &size), (char *)read_file(other, &size) };
    const char *a = strstr(texts[0] + 16, "urn:uuid:"), *b = strstr(texts[1] + 16, "urn:uuid:");
    assert_true(a && b);
    assert_memory_not_equal(a, b, strlen("urn:uuid:") + 36);
    free(texts[0]);
    free(texts[1]);
    free(pixels);
}

/* Writes a part, as a process does that is killed; returns the number of tiles that are done. */
static uint64_t write_part(const char *path, const output *o, const uint8_t *pixels, uint64_t seed, double part)
{
    mt_writer_options options = output_options(o);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    put_boxes(w, o, pixels, seed, 2, part);
    check_ok(mt_writer_flush(w, &err), &err);
    mt_writer_progress progress;
    mt_writer_get_progress(w, &progress);
    mt_writer_close(w);
    return progress.n_done;
}

static void unfinished_images_are_continued(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_OUTPUTS; i++) {
        const output *o = &outputs[i];
        const char *path = path_of(i, "once"), *other = path_of(i, "twice");
        uint8_t *pixels = make_output_pixels(o, i + 3);
        mt_writer *w;
        mt_writer_progress progress;
        mt_error err = MT_ERROR_INIT;
        write_image(NULL, path, o, pixels, i, 1);
        write_part(other, o, pixels, i + 7, 0.4);
        uint64_t n_done = write_part(other, o, pixels, i + 8, 0.8);
        assert_false(exists(other, ""));
        check_ok(mt_writer_open(NULL, other, NULL, &w, &err), &err);
        mt_writer_get_progress(w, &progress);
        assert_int_equal(progress.n_lost, 0);
        assert_int_equal(progress.n_resumed, n_done);
        put_boxes(w, o, pixels, i + 9, 2, 1);
        check_ok(mt_writer_finish(w, 1, &err), &err);
        check_ok(mt_writer_finish(w, 1, &err), &err); /* once more changes nothing */
        mt_writer_close(w);
        check_same_files(path, other);
        assert_false(exists(other, ".partial"));
        free(pixels);
    }
}

/* Whatever of the spool a power cut damages or cuts off is written again. */
static void damaged_tiles_are_written_again(void **state)
{
    (void)state;
    const output *o = &outputs[2];
    const char *path = path_of(2, "sound"), *other = path_of(2, "damaged");
    char spool[700];
    uint8_t *pixels = make_output_pixels(o, 5);
    uint64_t random = 1;
    write_image(NULL, path, o, pixels, 1, 1);
    snprintf(spool, sizeof spool, "%s.partial/tiles", other);
    for (int i = 0; i < 40; i++) {
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        mt_writer_progress progress;
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
        mt_writer_get_progress(w, &progress);
        assert_true(progress.n_lost > 0);
        put_boxes(w, o, pixels, (uint64_t)i, 1, 1);
        check_ok(mt_writer_finish(w, 1, &err), &err);
        mt_writer_close(w);
        check_same_files(path, other);
        remove_tree(other);
    }
    free(pixels);
}

static void pixels_that_were_never_put_are_zero(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_OUTPUTS; i++) {
        const output *o = &outputs[i];
        const char *path = path_of(i, "part");
        mt_writer_options options = output_options(o);
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        uint8_t *pixels = calloc(output_elements(o), mt_dtype_size(o->dtype));
        output_box box = { { 0 }, { 1, 1, 1, 1, 1 } };
        memset(pixels, 1, 1);
        check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
        check_ok(put_box(w, o, pixels, &box, &err), &err);
        check_ok(mt_writer_finish(w, 0, &err), &err);
        mt_writer_close(w);
        check_output(path, o, pixels);
        free(pixels);
    }
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
    const output *o = &outputs[3];
    const char *path = path_of(3, "named"), *copy = path_of(3, "copy");
    char partial[700];
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    uint8_t *pixels = make_output_pixels(o, 5);
    snprintf(partial, sizeof partial, "%s.partial", path);
    write_part(path, o, pixels, 1, 1);
    copy_tree(partial, copy);
    write_image(NULL, path, o, pixels, 2, 1);
    copy_tree(copy, partial);
    check_ok(mt_writer_open(NULL, path, NULL, &w, &err), &err);
    check_ok(mt_writer_finish(w, 1, &err), &err);
    mt_writer_close(w);
    assert_false(exists(path, ".partial"));
    check_output(path, o, pixels);
    remove_tree(copy);
    free(pixels);
}

static void other_files_are_not_touched(void **state)
{
    (void)state;
    const output *o = &outputs[3];
    const char *path = path_of(3, "taken");
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
    assert_int_equal(mt_writer_finish(w, 1, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "move it away"));
    file = fopen(path, "r");
    assert_string_equal(fgets(text, sizeof text, file), "mine");
    fclose(file);
    remove_tree(path);
    check_ok(mt_writer_finish(w, 1, &err), &err);
    mt_writer_close(w);
    check_output(path, o, pixels);
    assert_int_equal(mt_writer_create(NULL, path, &options, &w, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "the file exists"));
    free(pixels);
}

static void check_refused(mt_writer_options options, const char *message)
{
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    const char *path = path_of(0, "refused");
    assert_int_equal(mt_writer_create(NULL, path, &options, &w, &err), MT_E_ARGUMENT);
    if (!strstr(err.message, message))
        print_error("%s\n", err.message);
    assert_non_null(strstr(err.message, message));
    assert_false(exists(path, ".partial"));
}

static void what_tiff_cannot_hold_is_refused(void **state)
{
    (void)state;
    const output o = { "ZYX", { 100, 100, 100 }, { 0 }, MT_UINT8, NULL, 0 };
    mt_writer_options options = output_options(&o), wrong = options;
    wrong.dtype = MT_FLOAT16;
    check_refused(wrong, "no type float16: choose float32");
    wrong.dtype = MT_BOOL;
    check_refused(wrong, "no type bool: choose uint8");
    wrong.dtype = MT_INT64;
    check_refused(wrong, "no type int64: choose int32");
    wrong = options;
    wrong.codec = "blosc-lz4";
    check_refused(wrong, "the codec \"blosc-lz4\" is not one of zstd, gzip, none");
    wrong.codec = "zstd";
    wrong.shuffle = "byte";
    check_refused(wrong, "shuffle belongs to a blosc codec");
    wrong = options;
    wrong.chunk_shape = (int64_t[]) { 2, 16, 16 };
    check_refused(wrong, "lies in one plane");
    wrong.chunk_shape = (int64_t[]) { 1, 100, 16 };
    check_refused(wrong, "a multiple of 16 pixels along Y, not 100");
    wrong.chunk_shape = (int64_t[]) { 1, 16, 16 };
    wrong.shard_shape = (int64_t[]) { 1, 32, 32 };
    check_refused(wrong, "has no shards");
}

static void sizes_left_open_are_those_of_tiles(void **state)
{
    (void)state;
    const output o = { "ZYX", { 70, 1000, 70 }, { 0, 0, MT_WHOLE_AXIS }, MT_UINT8, NULL, 3 };
    mt_writer_options options = output_options(&o);
    const char *path = path_of(0, "open");
    char partial[700];
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    const int64_t *chunk = mt_writer_get_info(w)->chunk_shape;
    assert_int_equal(chunk[0], 1);
    assert_int_equal(chunk[1], 256);
    assert_int_equal(chunk[2], 80);
    mt_writer_close(w);
    snprintf(partial, sizeof partial, "%s.partial", path);
    remove_tree(partial);
}

static void metadata_travel(void **state)
{
    (void)state;
    const output o = { "TCZYX", { 2, 2, 3, 20, 30 }, { 0 }, MT_UINT16, NULL, 2 };
    const double sizes[5] = { 0.1, 0, 0.25, 1.0 / 3, 1e-3 };
    const char *const units[5] = { "minute", "", "micrometer", "nanometer", "millimeter" };
    const mt_channel channels[2] = { { .name = "a<&>\"\xc3\xa9", .has_color = 1, .rgb = { 255, 1, 2 } },
                                     { .name = "DAPI" } };
    mt_writer_options options = output_options(&o);
    const char *path = path_of(0, "metadata");
    mt_writer *w;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    options.pixel_size = sizes;
    options.unit = units;
    options.channels = channels;
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    check_ok(mt_writer_finish(w, 0, &err), &err);
    mt_writer_close(w);
    check_ok(mt_stack_open(NULL, path, NULL, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_int_equal(info->n_warnings, 0);
    assert_int_equal(info->n_levels, 2);
    for (int i = 0; i < info->original_ndim; i++) {
        const int at = (int)(strchr(o.axes, info->original_axes[i]) - o.axes);
        assert_int_equal(info->original_shape[i], o.shape[at]);
        assert_true(info->pixel_size[i] == sizes[at]);
        assert_string_equal(info->unit[i] ? info->unit[i] : "", units[at]);
    }
    for (int c = 0; c < 2; c++) {
        assert_string_equal(info->channels[c].name, channels[c].name);
        assert_int_equal(info->channels[c].has_color, channels[c].has_color);
        assert_memory_equal(info->channels[c].rgb, channels[c].rgb, 3);
    }
    mt_stack_close(stack);
}

static void write_and_exit(const char *path, const output *o, const uint8_t *pixels, uint64_t seed)
{
    mt_writer_options options = output_options(o);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    if (mt_writer_create(NULL, path, &options, &w, &err))
        _exit(strstr(err.message, "the file exists") ? 0 : (print_error("%s\n", err.message), 1));
    put_boxes(w, o, pixels, seed, 2, 1);
    _exit(mt_writer_finish(w, 1, &err) ? (print_error("%s\n", err.message), 1) : 0);
}

/* Processes are killed at random moments, one after the other, until one completes the image. */
static void killed_processes_are_continued(void **state)
{
    (void)state;
    skip_if(UNDER_TSAN || UNDER_ASAN, "forks with threads");
    const output *o = &outputs[3];
    const char *path = path_of(3, "killed"), *sound = path_of(3, "not_killed");
    uint8_t *pixels = make_output_pixels(o, 5);
    uint64_t random = 7;
    int n_kills = 0;
    write_image(NULL, sound, o, pixels, 1, 1);
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

static void one_process_writes(void **state)
{
    (void)state;
    const output *o = &outputs[2];
    skip_if(UNDER_TSAN || UNDER_ASAN, "forks with threads");
    const char *path = path_of(2, "claimed"), *sound = path_of(2, "unclaimed");
    uint8_t *pixels = make_output_pixels(o, 5);
    int status;
    write_image(NULL, sound, o, pixels, 1, 1);
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
    mt_writer_progress progress;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_open(NULL, path, NULL, &w, &err), &err);
    check_claimed(path, MT_E_ARGUMENT);
    mt_writer_get_progress(w, &progress);
    assert_true(progress.n_resumed > 0 && progress.n_lost == 0);
    put_boxes(w, o, pixels, 2, 1, 1);
    check_ok(mt_writer_finish(w, 1, &err), &err);
    mt_writer_close(w);
    check_same_files(path, sound);
    assert_false(exists(path, ".partial"));
    free(pixels);
}

/* Whatever allocation fails, the call fails cleanly, and a new writer completes the image. */
static void failing_allocations(void **state)
{
    (void)state;
    const output *o = &outputs[6];
    const char *path = path_of(6, "failing"), *sound = path_of(6, "not_failing");
    uint8_t *pixels = make_output_pixels(o, 9);
    write_image(NULL, sound, o, pixels, 1, 1);
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
            st = mt_writer_finish(w, 1, &err);
        mt_writer_close(w);
        mt_context_free(context);
        failed = allocator.count > k;
        if (st) {
            assert_int_equal(st, MT_E_MEMORY);
            if (!exists(path, ""))
                write_image(NULL, path, o, pixels, 1, 1);
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
        cmocka_unit_test(what_is_put_is_read),
        cmocka_unit_test(random_images),
        cmocka_unit_test(levels_are_those_of_zarr),
        cmocka_unit_test(bytes_do_not_depend_on_order_or_threads),
        cmocka_unit_test(images_differ),
        cmocka_unit_test(unfinished_images_are_continued),
        cmocka_unit_test(damaged_tiles_are_written_again),
        cmocka_unit_test(pixels_that_were_never_put_are_zero),
        cmocka_unit_test(a_file_that_has_its_name_is_recognized),
        cmocka_unit_test(other_files_are_not_touched),
        cmocka_unit_test(what_tiff_cannot_hold_is_refused),
        cmocka_unit_test(sizes_left_open_are_those_of_tiles),
        cmocka_unit_test(metadata_travel),
        cmocka_unit_test(killed_processes_are_continued),
        cmocka_unit_test(one_process_writes),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
