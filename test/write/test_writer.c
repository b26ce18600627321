/* SPDX-License-Identifier: BSD-3-Clause */
/* Writers: what is put is what is read, in whatever order and by however many threads, and what is left unfinished is
 * continued. */
#include "support/folder.h"
#include "support/outputs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const output cases[] = {
    { "YX", { 100, 130 }, { 32, 48 }, MT_UINT8, "none", 0, { 0 }, NULL },
    { "YX", { 100, 130 }, { 32, 48 }, MT_UINT16, "zstd", 0, { 64, 96 }, NULL },
    { "CYX", { 3, 65, 64 }, { 1, 16, 16 }, MT_FLOAT32, "blosc-lz4", -1, { 2, 64, 32 }, NULL },
    { "TCZYX", { 2, 2, 5, 33, 47 }, { 1, 1, 2, 16, 16 }, MT_INT16, "gzip", 3, { 0 }, NULL },
    { "ZYX", { 70, 70, 70 }, { 0 }, MT_UINT16, "blosc-zstd", -1, { 0 }, NULL },
    { "TYX", { 4, 20, 20 }, { 3, 8, 6 }, MT_FLOAT64, "lz4", 2, { 0 }, "0.4" },
    { "CZYX", { 2, 3, 20, 20 }, { 2, 2, 8, 8 }, MT_UINT8, "blosc-lz4", 2, { 4, 4, 16, 16 }, NULL },
    { "ZYX", { 1, 1, 1 }, { 0 }, MT_BOOL, NULL, 0, { 0 }, "0.4" },
};
enum { N_CASES = sizeof cases / sizeof *cases };

static const char *case_path(size_t i, const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "%s%zu.zarr", what, i);
    return temporary_path(name);
}

/* --- Tests. --- */

static void what_is_put_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++)
        for (size_t threads = 1; threads <= 4; threads += 3) {
            const output *c = &cases[i];
            const char *path = case_path(i, "whole");
            uint8_t *pixels = make_output_pixels(c, i + 1);
            mt_writer_options options = output_options(c);
            mt_writer *w;
            mt_error err = MT_ERROR_INIT;
            check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
            put_boxes(w, c, pixels, i + threads, threads, 1);
            check_ok(mt_writer_flush(w, &err), &err);
            mt_writer_progress progress = progress_of(w);
            assert_int_equal(progress.n_done, progress.n_units);
            assert_int_equal(progress.bytes_put, output_elements(c) * mt_dtype_size(c->dtype));
            assert_int_equal(progress.waiting_bytes, 0);
            check_ok(mt_writer_finish(w, &if_complete, &err), &err);
            mt_writer_close(w);
            check_output(path, c, pixels);
            remove_tree(path);
            free(pixels);
        }
}

/* Levels are the same whether chunks arrive in one run or what is missing is built from published chunks. */
static void unfinished_images_are_continued(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++) {
        const output *c = &cases[i];
        const char *paths[2] = { case_path(i, "once"), case_path(i, "twice") };
        uint8_t *pixels = make_output_pixels(c, i + 1);
        mt_writer_options options = output_options(c);
        mt_error err = MT_ERROR_INIT;
        mt_writer *w;
        int n_levels = 0;
        size_t n;
        check_ok(mt_writer_create(NULL, paths[0], &options, &w, &err), &err);
        put_boxes(w, c, pixels, i + 1, 1, 1);
        check_ok(mt_writer_finish(w, &if_complete, &err), &err);
        n_levels = mt_writer_get_info(w)->n_levels;
        mt_writer_close(w);

        output_box *boxes = cut_output(c, i + 77, &n);
        mt_writer_progress before, after;
        check_ok(mt_writer_create(NULL, paths[1], &options, &w, &err), &err);
        for (size_t b = 0; b < n / 2; b++)
            check_ok(put_box(w, c, pixels, &boxes[b], &err), &err);
        check_ok(mt_writer_flush(w, &err), &err);
        before = progress_of(w);
        assert_int_equal(before.n_resumed, 0);
        mt_writer_close(w);
        check_ok(mt_writer_open(NULL, paths[1], NULL, &w, &err), &err);
        after = progress_of(w);
        assert_int_equal(after.n_resumed, before.n_done);
        assert_int_equal(after.n_lost, 0);
        if (before.n_done < before.n_units) {
            assert_int_equal(mt_writer_finish(w, &if_complete, &err), MT_E_ARGUMENT);
            assert_non_null(strstr(err.message, "are missing"));
        }
        put_boxes(w, c, pixels, i + 3, 2, 1);
        after = progress_of(w);
        assert_int_equal(after.n_skipped > 0, before.n_done > 0);
        check_ok(mt_writer_finish(w, &if_complete, &err), &err);
        mt_writer_close(w);
        check_output(paths[1], c, pixels);
        for (int level = 1; level < n_levels; level++) {
            mt_checksum one, two;
            sum_level(paths[0], level, &one);
            sum_level(paths[1], level, &two);
            assert_string_equal(one.text, two.text);
        }
        remove_tree(paths[0]);
        remove_tree(paths[1]);
        free(boxes);
        free(pixels);
    }
}

static void levels_are_means(void **state)
{
    (void)state;
    const int64_t shape[2] = { 5, 6 }, chunk[2] = { 2, 4 };
    const uint8_t pixels[5][6] = {
        { 1, 3, 5, 7, 1, 2 }, { 2, 2, 5, 8, 2, 2 }, { 0, 0, 9, 9, 1, 0 }, { 0, 1, 9, 9, 0, 1 }, { 7, 8, 0, 1, 255, 255 }
    };
    const float expected[9] = { 2, 6, 2, 0, 9, 0, 8, 0, 255 }; /* rounded half to even */
    mt_writer_options options = { .struct_size = sizeof options,
                                  .axes = "YX",
                                  .shape = shape,
                                  .dtype = MT_UINT8,
                                  .chunk_shape = chunk,
                                  .n_levels = 2 };
    mt_writer *w;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    float patch[9];
    const char *path = temporary_path("means.zarr");
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    mt_writer_box box = { .start = (int64_t[]) { 0, 0 }, .extent = shape, .data = pixels };
    check_ok(mt_writer_put(w, &box, &err), &err);
    check_ok(mt_writer_finish(w, &if_complete, &err), &err);
    mt_writer_close(w);
    char level[600];
    snprintf(level, sizeof level, "%s#level=1", path);
    check_ok(mt_stack_open(NULL, level, NULL, &stack, &err), &err);
    assert_int_equal(mt_stack_get_info(stack)->n_levels, 2);
    check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, (int64_t[]) { 0, 0 }, (int64_t[]) { 3, 3 }, 2, patch, &err),
             &err);
    for (int i = 0; i < 9; i++)
        assert_true(patch[i] == expected[i]);
    mt_stack_close(stack);
}

static void pixels_that_were_never_put_are_zero(void **state)
{
    (void)state;
    const output *c = &cases[2];
    const char *path = case_path(2, "part");
    uint8_t *pixels = make_output_pixels(c, 5);
    mt_writer_options options = output_options(c);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    output_box box = { { 1, 3, 5 }, { 1, 20, 30 } };
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    check_ok(put_box(w, c, pixels, &box, &err), &err);
    assert_int_equal(mt_writer_finish(w, &if_complete, &err), MT_E_ARGUMENT);
    check_ok(mt_writer_finish(w, NULL, &err), &err);
    mt_writer_close(w);
    float *all = (float *)(void *)pixels;
    for (int64_t i = 0; i < 3 * 65 * 64; i++) {
        int64_t z = i / (65 * 64), y = i / 64 % 65, x = i % 64;
        if (z != 1 || y < 3 || y >= 23 || x < 5 || x >= 35)
            all[i] = 0;
    }
    check_output(path, c, pixels);
    remove_tree(path);
    free(pixels);
}

static void mistakes_are_refused(void **state)
{
    (void)state;
    const output *c = &cases[1];
    const char *path = case_path(1, "mistakes");
    uint8_t *pixels = make_output_pixels(c, 1);
    mt_writer_options options = output_options(c);
    mt_writer *w, *other;
    mt_error err = MT_ERROR_INIT;
    output_box box = { { 0, 0 }, { 40, 130 } }, again = { { 39, 5 }, { 2, 2 } }, beyond = { { 90, 0 }, { 11, 1 } };
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    check_ok(put_box(w, c, pixels, &box, &err), &err);
    assert_int_equal(put_box(w, c, pixels, &again, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "put before"));
    output_box whole = { { 64, 96 }, { 32, 34 } }; /* a complete chunk of an incomplete shard */
    check_ok(put_box(w, c, pixels, &whole, &err), &err);
    assert_int_equal(put_box(w, c, pixels, &whole, &err), MT_E_ARGUMENT);
    assert_int_equal(put_box(w, c, pixels, &beyond, &err), MT_E_RANGE);
    assert_non_null(strstr(err.message, "pixels 90 to 100 along Y do not lie in the image, which has 100"));
    options.dtype = MT_UINT8;
    assert_int_equal(mt_writer_create(NULL, path, &options, &other, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "its dtype is \"uint16\", not \"uint8\""));
    mt_writer_close(w);
    options.memory = 10000;
    remove_tree(path);
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    output_box column = { { 0, 0 }, { 100, 1 } };
    assert_int_equal(put_box(w, c, pixels, &column, &err), MT_OK);
    output_box far = { { 0, 100 }, { 100, 1 } };
    mt_status st = MT_OK;
    for (; far.start[1] >= 40 && !st; far.start[1] -= 30)
        st = put_box(w, c, pixels, &far, &err);
    assert_int_equal(st, MT_E_LIMIT);
    assert_non_null(strstr(err.message, "complete one shard of 64 x 96"));
    mt_writer_close(w);
    assert_int_equal(mt_writer_open(NULL, temporary_path("nothing.zarr"), NULL, &w, &err), MT_E_NOT_FOUND);
    remove_tree(path);
    free(pixels);
}

/* Boxes may end with the image, or be empty; what lies beyond is told. */
static void boxes_lie_in_the_image(void **state)
{
    (void)state;
    static const struct {
        int64_t start, extent; /* along Y, which has 100 pixels */
        mt_dtype dtype;
        mt_status status;
        const char *words;
    } edges[] = {
        { 0, 0, 0, MT_OK, "" },
        { 100, 0, 0, MT_OK, "" },
        { 99, 1, 0, MT_OK, "" },
        { 0, 1, MT_BOOL, MT_OK, "" },
        { 0, 1, (mt_dtype)99, MT_E_ARGUMENT, "no valid dtype" },
        { 101, 0, 0, MT_E_RANGE, "pixels 101 to 101 along Y do not lie in the image, which has 100" },
        { 100, 1, 0, MT_E_RANGE, "pixels 100 to 100 along Y" },
        { 99, 2, 0, MT_E_RANGE, "pixels 99 to 100 along Y" },
        { 0, 101, 0, MT_E_RANGE, "pixels 0 to 100 along Y" },
        { -1, 1, 0, MT_E_RANGE, "pixels -1 to -1 along Y" },
        { 5, -1, 0, MT_E_RANGE, "pixels 5 to 5 along Y" },
        { 1, INT64_MAX, 0, MT_E_RANGE, "along Y" },
    };
    static const uint8_t pixels[128 * 2];
    const char *path = case_path(1, "edges");
    mt_writer_options options = output_options(&cases[1]);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        const int64_t start[] = { edges[i].start, 2 * (int64_t)i }, extent[] = { edges[i].extent, 1 };
        const mt_writer_box box = { .start = start, .extent = extent, .data = pixels, .dtype = edges[i].dtype };
        mt_error_clear(&err);
        mt_status st = mt_writer_put(w, &box, &err);
        if (st != edges[i].status || !strstr(err.message, edges[i].words))
            fail_msg("box %zu: status %d, \"%s\"", i, (int)st, err.message);
    }
    assert_int_equal(progress_of(w).bytes_put, 2 * 2); /* two pixels of the image's type */
    mt_writer_close(w);
    remove_tree(path);
}

/* Until it is finished, an image says so. */
static void unfinished_images_open_with_a_warning(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++) {
        const output *c = &cases[i];
        const char *path = case_path(i, "unfinished");
        mt_writer_options options = output_options(c);
        mt_writer *w;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
        check_ok(mt_stack_open(NULL, path,
                               &(mt_open_options) { .struct_size = sizeof(mt_open_options), .axes = c->axes }, &stack,
                               &err),
                 &err);
        const mt_stack_info *info = mt_stack_get_info(stack);
        assert_true(info->n_warnings > 0);
        assert_non_null(strstr(info->warnings[0], "not finished"));
        for (int d = 0; d < output_ndim(c); d++)
            assert_int_equal(info->original_shape[d], c->shape[d]);
        mt_stack_close(stack);
        mt_writer_close(w);
        remove_tree(path);
    }
}

/* The version of OME-Zarr stands where that version wants it. */
static void documents_name_their_version(void **state)
{
    (void)state;
    static const struct {
        const char *ome, *document, *text;
    } versions[] = { { NULL, "zarr.json", "\"version\":\"0.5\"" }, { "0.4", ".zattrs", "\"version\":\"0.4\"" } };
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        const output o = { "YX", { 4, 5 }, { 0 }, MT_UINT8, NULL, 0, { 0 }, versions[i].ome };
        const char *path = case_path(i, "version");
        char document[700];
        mt_writer_options options = output_options(&o);
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
        check_ok(mt_writer_finish(w, NULL, &err), &err);
        mt_writer_close(w);
        size_t n, kept = 0;
        snprintf(document, sizeof document, "%s/%s", path, versions[i].document);
        uint8_t *text = read_file(document, &n);
        for (size_t k = 0; k < n; k++)
            if (text[k] != ' ' && text[k] != '\n')
                text[kept++] = text[k];
        assert_non_null(memmem(text, kept, versions[i].text, strlen(versions[i].text)));
        free(text);
        remove_tree(path);
    }
}

static void foreign_folders_are_not_touched(void **state)
{
    (void)state;
    const char *path = temporary_path("foreign.zarr");
    char inside[600];
    mt_writer_options options = output_options(&cases[0]);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    snprintf(inside, sizeof inside, "mkdir -p '%s' && touch '%s/notes.txt'", path, path);
    assert_int_equal(system(inside), 0);
    assert_int_equal(mt_writer_create(NULL, path, &options, &w, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "notes.txt"));
    remove_tree(path);
}

/* Whatever allocation fails, the call fails cleanly, and a new writer completes the image. */
static void check_failing_allocations(const output_box *box, const mt_finish_options *how, const uint8_t *pixels,
                                      const uint8_t *expected)
{
    const output *c = &cases[6];
    for (size_t k = 0, failed = 1; failed; k++) {
        const char *path = case_path(6, "failing");
        failing_allocator allocator;
        mt_context_options given = { .struct_size = sizeof given, .threads = 1 };
        given.allocator = failing_allocator_make(&allocator, k, 0);
        mt_writer_options options = output_options(c);
        mt_context *context = NULL;
        mt_writer *w = NULL;
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_context_new(&given, &context, &err);
        if (!st)
            st = mt_writer_create(context, path, &options, &w, &err);
        if (!st)
            st = put_box(w, c, pixels, box, &err);
        if (!st)
            st = mt_writer_finish(w, how, &err);
        mt_writer_close(w);
        mt_context_free(context);
        failed = allocator.count > k;
        if (st) {
            assert_int_equal(st, MT_E_MEMORY);
            st = mt_writer_create(NULL, path, &options, &w, &err);
            if (st) { /* the failure came after the image was complete */
                assert_non_null(strstr(err.message, "is not an unfinished image"));
            } else {
                check_ok(put_box(w, c, pixels, box, &err), &err);
                check_ok(mt_writer_finish(w, how, &err), &err);
                mt_writer_close(w);
            }
        }
        check_output(path, c, expected);
        remove_tree(path);
    }
}

static void failing_allocations(void **state)
{
    (void)state;
    const output_box all = { { 0, 0, 0, 0 }, { 2, 3, 20, 20 } };
    uint8_t *pixels = make_output_pixels(&cases[6], 9);
    check_failing_allocations(&all, &if_complete, pixels, pixels);
    free(pixels);
}

/* Chunks of which pixels are missing are encoded when the image is finished. */
static void failing_allocations_of_chunks_that_wait(void **state)
{
    (void)state;
    enum { N = 2 * 3 * 20 * 20, COLUMNS = 13 };
    const output_box some = { { 0, 0, 0, 0 }, { 2, 3, 20, COLUMNS } };
    const mt_finish_options any = { .struct_size = sizeof any };
    uint8_t *pixels = make_output_pixels(&cases[6], 9), *expected = make_output_pixels(&cases[6], 9);
    for (int i = 0; i < N; i++)
        if (i % 20 >= COLUMNS)
            expected[i] = 0;
    check_failing_allocations(&some, &any, pixels, expected);
    free(pixels);
    free(expected);
}

static void parts_cover_all_units(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 20; n++)
        for (uint64_t units = 0; units < 50; units++) {
            uint64_t next = 0, first, count, least = UINT64_MAX, most = 0;
            for (uint64_t k = 0; k < n; k++) {
                mt_writer_part(units, k, n, &first, &count);
                assert_int_equal(first, next);
                next += count;
                least = count < least ? count : least;
                most = count > most ? count : most;
            }
            assert_int_equal(next, units);
            assert_true(most - least <= 1);
        }
}

/* The units are those of mt_writer_create, and nothing is made. */
static void plans_create_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++) {
        mt_error err = MT_ERROR_INIT;
        mt_writer *planned, *made;
        mt_writer_options options = output_options(&cases[i]);
        const char *path = case_path(i, "planned");
        check_ok(mt_writer_plan(NULL, path, &options, &planned, &err), &err);
        assert_int_equal(access(path, F_OK), -1);
        check_ok(mt_writer_create(NULL, path, &options, &made, &err), &err);
        const mt_writer_info *a = mt_writer_get_info(planned), *b = mt_writer_get_info(made);
        assert_int_equal(a->n_units, b->n_units);
        assert_string_equal(a->axes, b->axes);
        assert_memory_equal(a->chunk_shape, b->chunk_shape, sizeof a->chunk_shape);
        assert_memory_equal(a->shard_shape, b->shard_shape, sizeof a->shard_shape);
        mt_writer_progress progress = progress_of(planned);
        assert_true(progress.n_units == b->n_units && progress.n_done == 0);
        assert_false(mt_writer_is_done(planned, 0));
        uint8_t *pixels = make_output_pixels(&cases[i], 1);
        output_box box = { { 0 }, { 1, 1, 1, 1, 1 } };
        assert_int_equal(put_box(planned, &cases[i], pixels, &box, &err), MT_E_ARGUMENT);
        assert_int_equal(mt_writer_finish(planned, NULL, &err), MT_E_ARGUMENT);
        free(pixels);
        mt_writer_close(planned);
        mt_writer_close(made);
    }
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    mt_writer_options options = output_options(&cases[0]);
    assert_int_equal(mt_writer_plan(NULL, "a.png", &options, &w, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "a.png: the suffix is not one of .zarr, .tif, .npy"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_read),
        cmocka_unit_test(unfinished_images_are_continued),
        cmocka_unit_test(levels_are_means),
        cmocka_unit_test(pixels_that_were_never_put_are_zero),
        cmocka_unit_test(mistakes_are_refused),
        cmocka_unit_test(boxes_lie_in_the_image),
        cmocka_unit_test(documents_name_their_version),
        cmocka_unit_test(foreign_folders_are_not_touched),
        cmocka_unit_test(unfinished_images_open_with_a_warning),
        cmocka_unit_test(failing_allocations),
        cmocka_unit_test(failing_allocations_of_chunks_that_wait),
        cmocka_unit_test(parts_cover_all_units),
        cmocka_unit_test(plans_create_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
