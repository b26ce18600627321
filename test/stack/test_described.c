/* SPDX-License-Identifier: BSD-3-Clause */
/* What is told of an image along axes that differ from the stored dimensions: chunks, shards and sizes of pixels. */
#include "support/folder.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdio.h>
#include <string.h>

/* An OME-Zarr image of such dimensions, without pixels. shard: NULL: none. */
static void write_image(const char *axes, const char *scale, const char *shape, const char *chunk, const char *shard)
{
    char text[1400], codecs[300] = "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}";
    snprintf(text, sizeof text,
             "{\"zarr_format\":3,\"node_type\":\"group\",\"attributes\":{\"ome\":{\"version\":\"0.5\",\"multiscales\":"
             "[{\"axes\":[%s],\"datasets\":[{\"path\":\"0\",\"coordinateTransformations\":"
             "[{\"type\":\"scale\",\"scale\":[%s]}]}]}],\"omero\":{\"channels\":[{\"label\":\"first\"},"
             "{\"label\":\"second\"}]}}}}",
             axes, scale);
    write_temporary_text("image.zarr/zarr.json", text);
    if (shard)
        snprintf(
            codecs, sizeof codecs,
            "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[%s],\"codecs\":[{\"name\":\"bytes\","
            "\"configuration\":{\"endian\":\"little\"}}],\"index_codecs\":[{\"name\":\"bytes\",\"configuration\":"
            "{\"endian\":\"little\"}}]}}",
            chunk);
    snprintf(text, sizeof text,
             "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[%s],\"data_type\":\"uint16\",\"fill_value\":0,"
             "\"chunk_grid\":{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[%s]}},"
             "\"chunk_key_encoding\":{\"name\":\"default\"},\"codecs\":[%s]}",
             shape, shard ? shard : chunk, codecs);
    write_temporary_text("image.zarr/0/zarr.json", text);
}

static size_t put_numbers(char *text, size_t room, const int64_t *numbers, int n)
{
    size_t used = 0;
    for (int d = 0; d < n; d++)
        used += (size_t)snprintf(text + used, room - used, " %lld", (long long)numbers[d]);
    return used;
}

/* "YX: 16 20 | 16 7 | 0 0 | 0.5 micrometer, 0": axes: shape | chunk | shard | sizes of pixels. */
static const char *describe(const mt_stack_info *info)
{
    static char text[400];
    int n = info->original_ndim;
    size_t used = (size_t)snprintf(text, sizeof text, "%s:", info->original_axes);
    used += put_numbers(text + used, sizeof text - used, info->original_shape, n);
    used += (size_t)snprintf(text + used, sizeof text - used, " |");
    used += put_numbers(text + used, sizeof text - used, info->chunk_shape, n);
    used += (size_t)snprintf(text + used, sizeof text - used, " |");
    used += put_numbers(text + used, sizeof text - used, info->shard_shape, n);
    used += (size_t)snprintf(text + used, sizeof text - used, " |");
    for (int d = 0; d < n; d++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%g%s%s", d ? "," : "", " ", info->pixel_size[d],
                                 *info->unit[d] ? " " : "", info->unit[d]);
    return text;
}

static void check_described(const mt_open_options *given, const char *expected)
{
    mt_open_options options = *given;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    options.struct_size = sizeof options;
    check_ok(mt_stack_open(NULL, temporary_path("image.zarr"), &options, &stack, &err), &err);
    assert_string_equal(describe(mt_stack_get_info(stack)), expected);
    mt_stack_close(stack);
}

/* A chunk of pages is a box of the axes that share them, or there is none to tell of. */
static void axes_that_share_pages(void **state)
{
    (void)state;
    static const struct {
        const char *chunk, *shard, *axes, *expected;
    } cases[] = {
        { "1, 16, 7", NULL, "T12C2YX", "TCYX: 12 2 16 20 | 1 1 16 7 | 0 0 0 0 | 0, 0, 0.5 um, 0.25 nm" },
        { "2, 8, 20", NULL, "T12C2YX", "TCYX: 12 2 16 20 | 1 2 8 20 | 0 0 0 0 | 0, 0, 0.5 um, 0.25 nm" },
        { "4, 16, 20", NULL, "T12C2YX", "TCYX: 12 2 16 20 | 2 2 16 20 | 0 0 0 0 | 0, 0, 0.5 um, 0.25 nm" },
        { "3, 16, 20", NULL, "T12C2YX", "TCYX: 12 2 16 20 | 0 0 0 0 | 0 0 0 0 | 0, 0, 0.5 um, 0.25 nm" },
        { "24, 1, 1", NULL, "T12C2YX", "TCYX: 12 2 16 20 | 12 2 1 1 | 0 0 0 0 | 0, 0, 0.5 um, 0.25 nm" },
        { "6, 16, 20", NULL, "TZ3C2YX", "TZCYX: 4 3 2 16 20 | 1 3 2 16 20 | 0 0 0 0 0 | 0, 0, 0, 0.5 um, 0.25 nm" },
        { "2, 16, 20", NULL, "TZ3C2YX", "TZCYX: 4 3 2 16 20 | 1 1 2 16 20 | 0 0 0 0 0 | 0, 0, 0, 0.5 um, 0.25 nm" },
        { "4, 16, 20", NULL, "TZ3C2YX", "TZCYX: 4 3 2 16 20 | 0 0 0 0 0 | 0 0 0 0 0 | 0, 0, 0, 0.5 um, 0.25 nm" },
        { "2, 16, 20", "6, 16, 40", "C4T6YX", "CTYX: 4 6 16 20 | 1 2 16 20 | 1 6 16 40 | 0, 0, 0.5 um, 0.25 nm" },
        { "2, 16, 20", "8, 16, 20", "C4T6YX", "CTYX: 4 6 16 20 | 1 2 16 20 | 0 0 0 0 | 0, 0, 0.5 um, 0.25 nm" },
        /* axes that have the pages for themselves, and others that are not stored */
        { "5, 16, 20", NULL, "ZYX", "ZYX: 24 16 20 | 5 16 20 | 0 0 0 | 2 um, 0.5 um, 0.25 nm" },
        { "5, 16, 20", NULL, "T24C1YX", "TCYX: 24 1 16 20 | 5 1 16 20 | 0 0 0 0 | 2 um, 0, 0.5 um, 0.25 nm" },
        { "5, 16, 20", NULL, "C1T24YX", "CTYX: 1 24 16 20 | 1 5 16 20 | 0 0 0 0 | 0, 2 um, 0.5 um, 0.25 nm" },
        { "5, 16, 20", "10, 16, 20", "YXT", "YXT: 24 16 20 | 5 16 20 | 10 16 20 | 2 um, 0.5 um, 0.25 nm" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_open_options options = { .axes = cases[i].axes };
        write_image(
            "{\"name\":\"z\",\"type\":\"space\",\"unit\":\"um\"},{\"name\":\"y\",\"type\":\"space\",\"unit\":\"um\"},"
            "{\"name\":\"x\",\"type\":\"space\",\"unit\":\"nm\"}",
            "2, 0.5, 0.25", "24, 16, 20", cases[i].chunk, cases[i].shard);
        check_described(&options, cases[i].expected);
    }
}

#define FIVE                                                                                                           \
    "{\"name\":\"t\",\"type\":\"time\",\"unit\":\"second\"},{\"name\":\"c\",\"type\":\"channel\"},"                    \
    "{\"name\":\"z\",\"type\":\"space\",\"unit\":\"um\"},{\"name\":\"y\",\"type\":\"space\",\"unit\":\"um\"},"         \
    "{\"name\":\"x\",\"type\":\"space\",\"unit\":\"nm\"}"

/* The axes that a view merges into samples have chunks together, and no size of a pixel. */
static void views_of_a_depth_axis(void **state)
{
    (void)state;
    static const struct {
        const char *chunk, *shard, *depth, *expected;
    } cases[] = {
        { "2, 1, 3, 16, 7", NULL, NULL,
          "TCZYX: 4 2 6 16 20 | 2 1 3 16 7 | 0 0 0 0 0 | 9 second, 0, 2 um, 0.5 um, 0.25 nm" },
        { "2, 1, 3, 16, 7", NULL, "Z", "SCZYX: 4 2 6 16 20 | 2 1 3 16 7 | 0 0 0 0 0 | 0, 0, 2 um, 0.5 um, 0.25 nm" },
        { "2, 1, 3, 16, 7", NULL, "T",
          "SCTYX: 6 2 4 16 20 | 3 1 2 16 7 | 0 0 0 0 0 | 0, 0, 9 second, 0.5 um, 0.25 nm" },
        { "2, 1, 3, 16, 7", NULL, "none", "SCYX: 24 2 16 20 | 6 1 16 7 | 0 0 0 0 | 0, 0, 0.5 um, 0.25 nm" },
        { "2, 1, 3, 8, 5", "4, 2, 6, 16, 20", "Z",
          "SCZYX: 4 2 6 16 20 | 2 1 3 8 5 | 4 2 6 16 20 | 0, 0, 2 um, 0.5 um, 0.25 nm" },
        { "2, 1, 3, 8, 5", "4, 2, 6, 16, 20", "none",
          "SCYX: 24 2 16 20 | 6 1 8 5 | 24 2 16 20 | 0, 0, 0.5 um, 0.25 nm" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_open_options options = { .depth_axis = cases[i].depth };
        write_image(FIVE, "9, 7, 2, 0.5, 0.25", "4, 2, 6, 16, 20", cases[i].chunk, cases[i].shard);
        check_described(&options, cases[i].expected);
    }
}

static void depth_axes_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *shape, *depth, *says; /* NULL: it opens */
    } cases[] = {
        { "4, 2, 2, 16, 20", "Z", NULL },
        { "4, 2, 1, 16, 20", "Z", "no axis Z of more than one plane" },
        { "1, 2, 6, 16, 20", "T", "no axis T of more than one plane" },
        { "1, 2, 6, 16, 20", "none", NULL },
        { "4, 2, 6, 16, 20", "Y", "the depth axis is \"none\", \"Z\" or \"T\", not \"Y\"" },
        { "4, 2, 6, 16, 20", "", "the depth axis is \"none\", \"Z\" or \"T\", not \"\"" },
        { "4294967296, 2, 2147483647, 0, 20", "none", NULL },
        { "4294967296, 2, 2147483648, 0, 20", "none", "more than 2^63 samples or channels" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_open_options options = { .struct_size = sizeof options, .depth_axis = cases[i].depth };
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        write_image(FIVE, "1, 1, 1, 1, 1", cases[i].shape, "1, 1, 1, 16, 20", NULL);
        mt_status st = mt_stack_open(NULL, temporary_path("image.zarr"), &options, &stack, &err);
        if (cases[i].says) {
            if (!st || !strstr(err.message, cases[i].says))
                fail_msg("%s, depth %s: %s", cases[i].shape, cases[i].depth, err.message);
            continue;
        }
        check_ok(st, &err);
        mt_stack_close(stack);
    }
}

/* Names of channels are those of the file if it names as many as there are. */
static void channels_of_other_axes(void **state)
{
    (void)state;
    static const struct {
        const char *axes;
        int64_t channels;
    } cases[] = { { NULL, 2 }, { "CTZYX", 4 }, { "TCZYX", 2 }, { "ZTCYX", 6 } };
    write_image(FIVE, "1, 1, 1, 1, 1", "4, 2, 6, 16, 20", "1, 1, 1, 16, 20", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_open_options options = { .struct_size = sizeof options, .axes = cases[i].axes };
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_stack_open(NULL, temporary_path("image.zarr"), &options, &stack, &err), &err);
        const mt_stack_info *info = mt_stack_get_info(stack);
        assert_int_equal(info->data_shape[1], cases[i].channels);
        if (cases[i].channels == 2)
            assert_string_equal(info->channels[1].name, "second");
        else
            assert_null(info->channels);
        mt_stack_close(stack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axes_that_share_pages),
        cmocka_unit_test(views_of_a_depth_axis),
        cmocka_unit_test(depth_axes_that_are_refused),
        cmocka_unit_test(channels_of_other_axes),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
