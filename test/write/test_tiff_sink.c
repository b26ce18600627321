/* SPDX-License-Identifier: BSD-3-Clause */
/* OME-TIFF: what is put is what is read, and the file has the same bytes for any order and number of threads. */
#include "support/folder.h"
#include "support/outputs.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void what_is_put_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_OUTPUTS; i++) {
        const char *path = output_path(i, "whole");
        uint8_t *pixels = make_output_pixels(&outputs[i], i + 1);
        write_output(NULL, path, &outputs[i], pixels, i, 1);
        check_output(path, &outputs[i], pixels);
        assert_false(path_exists(path, ".partial"));
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
        const char *path = output_path(i, "random");
        uint8_t *pixels = make_output_pixels(&o, i + 1);
        write_output(NULL, path, &o, pixels, i, 1 + i % 4);
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
        const char *path = output_path(i, "levels"), *other = temporary_path("levels.zarr");
        output o = outputs[i];
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        mt_checksum is, should;
        uint8_t *pixels = make_output_pixels(&o, i + 1);
        write_output(NULL, path, &o, pixels, i, 1);
        mt_writer_options options = output_options(&o);
        int64_t chunk[5] = { 1, 1, 1, 1, 1 };
        chunk[output_ndim(&o) - 1] = chunk[output_ndim(&o) - 2] = 64;
        options.codec = "none";
        options.chunk_shape = chunk;
        if (o.n_levels < 0)
            options.n_levels = 4;
        check_ok(mt_writer_create(NULL, other, &options, &w, &err), &err);
        put_boxes(w, &o, pixels, i, 1, 1);
        check_ok(mt_writer_finish(w, &if_complete, &err), &err);
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
        const char *path = output_path(i, "first"), *other = output_path(i, "other");
        uint8_t *pixels = make_output_pixels(&outputs[i], i + 2);
        write_output(NULL, path, &outputs[i], pixels, i, 1);
        for (unsigned threads = 1; threads <= 8; threads = threads < 2 ? 2 : 4 * threads) {
            mt_context_options given = { .struct_size = sizeof given, .threads = threads };
            mt_context *context;
            mt_error err = MT_ERROR_INIT;
            check_ok(mt_context_new(&given, &context, &err), &err);
            write_output(context, other, &outputs[i], pixels, i + 100 * threads, threads);
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
    const char *path = output_path(0, "uuid_a"), *other = output_path(0, "uuid_b");
    uint8_t *pixels = make_output_pixels(o, 3);
    size_t size;
    write_output(NULL, path, o, pixels, 1, 1);
    pixels[17] ^= 1;
    write_output(NULL, other, o, pixels, 1, 1);
    char *texts[2] = { (char *)read_file(path, &size), (char *)read_file(other, &size) };
    const char *a = strstr(texts[0] + 16, "urn:uuid:"), *b = strstr(texts[1] + 16, "urn:uuid:");
    assert_true(a && b);
    assert_memory_not_equal(a, b, strlen("urn:uuid:") + 36);
    free(texts[0]);
    free(texts[1]);
    free(pixels);
}

static void pixels_that_were_never_put_are_zero(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_OUTPUTS; i++) {
        const output *o = &outputs[i];
        const char *path = output_path(i, "part");
        mt_writer_options options = output_options(o);
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        uint8_t *pixels = calloc(output_elements(o), mt_dtype_size(o->dtype));
        output_box box = { { 0 }, { 1, 1, 1, 1, 1 } };
        memset(pixels, 1, 1);
        check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
        check_ok(put_box(w, o, pixels, &box, &err), &err);
        check_ok(mt_writer_finish(w, NULL, &err), &err);
        mt_writer_close(w);
        check_output(path, o, pixels);
        free(pixels);
    }
}

static void check_refused(mt_writer_options options, const char *message)
{
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    const char *path = output_path(0, "refused");
    assert_int_equal(mt_writer_create(NULL, path, &options, &w, &err), MT_E_ARGUMENT);
    if (!strstr(err.message, message))
        print_error("%s\n", err.message);
    assert_non_null(strstr(err.message, message));
    assert_false(path_exists(path, ".partial"));
}

static void levels_of_codecs_are_checked(void **state)
{
    (void)state;
    const output o = { "YX", { 100, 100 }, { 0 }, MT_UINT8, "gzip", 0 };
    mt_writer_options options = output_options(&o);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    const char *path = output_path(0, "codec_level");
    options.codec_level = 99;
    assert_int_equal(mt_writer_create(NULL, path, &options, &w, &err), MT_E_ARGUMENT);
    assert_false(path_exists(path, ".partial"));
    options.codec_level = 1;
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    check_ok(mt_writer_finish(w, NULL, &err), &err);
    mt_writer_close(w);
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
    const char *path = output_path(0, "open");
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
    const char *path = output_path(0, "metadata");
    mt_writer *w;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    options.pixel_size = sizes;
    options.unit = units;
    options.channels = channels;
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    check_ok(mt_writer_finish(w, NULL, &err), &err);
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

/* The resolution of baseline TIFF is left out (ResolutionUnit 1) where its 32 bits would be inexact. */
static void resolutions_of_32_bits(void **state)
{
    (void)state;
    static const struct {
        double size;
        const char *unit;
        uint8_t expected;
    } cases[] = { { 10, "picometer", 1 }, { 11, "picometer", 3 }, { 999, "meter", 3 }, { 1000, "meter", 1 } };
    const output o = { "YX", { 20, 30 }, { 0 }, MT_UINT8, NULL, 1 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double sizes[2] = { cases[i].size, cases[i].size };
        const char *const units[2] = { cases[i].unit, cases[i].unit }, *path = output_path(i, "resolution");
        mt_writer_options options = output_options(&o);
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        options.pixel_size = sizes;
        options.unit = units;
        check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
        check_ok(mt_writer_finish(w, NULL, &err), &err);
        mt_writer_close(w);
        size_t n;
        uint8_t *bytes = read_file(path, &n), *at = bytes;
        while (memcmp(at, "\x28\1\3\0\1\0\0\0\0\0\0\0", 12) != 0) /* tag 296, one number of 16 bits */
            assert_true(++at < bytes + n - 13);
        assert_int_equal(at[12], cases[i].expected);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_read),
        cmocka_unit_test(random_images),
        cmocka_unit_test(levels_are_those_of_zarr),
        cmocka_unit_test(bytes_do_not_depend_on_order_or_threads),
        cmocka_unit_test(images_differ),
        cmocka_unit_test(pixels_that_were_never_put_are_zero),
        cmocka_unit_test(levels_of_codecs_are_checked),
        cmocka_unit_test(what_tiff_cannot_hold_is_refused),
        cmocka_unit_test(sizes_left_open_are_those_of_tiles),
        cmocka_unit_test(metadata_travel),
        cmocka_unit_test(resolutions_of_32_bits),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
