/* SPDX-License-Identifier: BSD-3-Clause */
/* What is stored with an unfinished image: all that its options say is there when it is finished by its path alone, other
 * options are told, and a plan that is damaged, in any member, is refused. */
#include "base/json.h"
#include "support/contract.h"
#include "support/folder.h"
#include "support/outputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t shape[4] = { 2, 3, 20, 30 }, chunk[4] = { 1, 1, 16, 16 };
static const double sizes[4] = { 0, 2, 0.5, 0.25 };
static const char *const units[4] = { "", "micrometer", "micrometer", "micrometer" };
static const mt_channel channels[2] = { { .name = "DAPI", .has_color = 1, .rgb = { 0, 10, 255 } },
                                        { .name = "GFP", .has_window = 1, .window = { -5, 1e6 } } };

static mt_writer_options described(mt_dtype dtype, const char *ome)
{
    return (mt_writer_options) { .struct_size = sizeof(mt_writer_options),
                                 .axes = "CZYX",
                                 .shape = shape,
                                 .dtype = dtype,
                                 .chunk_shape = chunk,
                                 .n_levels = 2,
                                 .codec = "none",
                                 .ome = ome,
                                 .pixel_size = sizes,
                                 .unit = units,
                                 .channels = channels,
                                 .durability = MT_DURABLE_NEVER,
                                 .identity = "cells.npy, 2 channels\nof 3 planes",
                                 .note = "Of the second run." };
}

static void begin(const char *path, const mt_writer_options *options)
{
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_create(NULL, path, options, &w, &err), &err);
    mt_writer_close(w);
}

/* --- What is kept. --- */

static void check_described(const char *path, mt_dtype dtype)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(NULL, path, NULL, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_int_equal(info->dtype, dtype);
    assert_int_equal(info->n_levels, 2);
    assert_string_equal(info->original_axes, "CZYX");
    assert_memory_equal(info->original_shape, shape, sizeof shape);
    for (int d = 1; d < 4; d++) {
        assert_true(info->pixel_size[d] == sizes[d]);
        assert_string_equal(info->unit[d], units[d]);
    }
    assert_string_equal(info->channels[0].name, "DAPI");
    assert_memory_equal(info->channels[0].rgb, channels[0].rgb, 3);
    assert_string_equal(info->channels[1].name, "GFP");
    assert_true(info->channels[1].window[0] == -5 && info->channels[1].window[1] == 1e6);
    assert_int_equal(info->n_warnings, 1);
    assert_non_null(strstr(info->warnings[0], "Of the second run."));
    mt_stack_close(stack);
}

static void all_is_there_when_it_is_finished(void **state)
{
    (void)state;
    static const mt_dtype dtypes[] = { MT_BOOL,  MT_UINT8,  MT_INT8,  MT_UINT16,  MT_INT16,   MT_UINT32,
                                       MT_INT32, MT_UINT64, MT_INT64, MT_FLOAT16, MT_FLOAT32, MT_FLOAT64 };
    for (size_t i = 0; i < 2 * sizeof dtypes / sizeof *dtypes; i++) {
        const char *path = temporary_path("described.zarr");
        mt_writer_options options = described(dtypes[i / 2], i % 2 ? "0.4" : NULL), opening = { 0 };
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        begin(path, &options);
        opening.struct_size = sizeof opening;
        opening.durability = MT_DURABLE_NEVER;
        check_ok(mt_writer_open(NULL, path, &opening, &w, &err), &err);
        check_ok(mt_writer_finish(w, NULL, &err), &err);
        mt_writer_close(w);
        check_described(path, options.dtype);
        remove_tree(path);
    }
}

/* An image like another has its axes, sizes and metadata. */
static void an_image_like_another(void **state)
{
    (void)state;
    const char *path = temporary_path("first.zarr"), *second = temporary_path("second.zarr");
    mt_writer_options options = described(MT_INT16, NULL);
    mt_writer *w;
    mt_stack *like;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    check_ok(mt_writer_finish(w, NULL, &err), &err);
    mt_writer_close(w);
    check_ok(mt_stack_open(NULL, path, NULL, &like, &err), &err);
    options = (mt_writer_options) { .struct_size = sizeof options,
                                    .like = like,
                                    .chunk_shape = chunk,
                                    .n_levels = 2,
                                    .note = options.note,
                                    .durability = MT_DURABLE_NEVER };
    check_ok(mt_writer_create(NULL, second, &options, &w, &err), &err);
    check_ok(mt_writer_finish(w, NULL, &err), &err);
    mt_writer_close(w);
    check_described(second, MT_INT16);
    remove_tree(path);
    remove_tree(second);
    mt_stack_close(like);
}

/* The first axis, too, whichever it is. */
static void an_image_like_one_of_few_axes(void **state)
{
    (void)state;
    static const char *const axes[] = { "YX", "ZYX", "TYX" };
    for (size_t i = 0; i < sizeof axes / sizeof *axes; i++) {
        const int64_t *extent = shape + (i ? 1 : 2);
        const double of_pixels[3] = { 2, 0.5, 0.25 };
        const char *const of_units[3] = { i == 2 ? "second" : "micrometer", "micrometer", "nanometer" };
        const char *path = temporary_path("first.zarr"), *second = temporary_path("second.zarr");
        mt_stack *like = NULL, *other;
        mt_error err = MT_ERROR_INIT;
        for (int k = 0; k < 2; k++) {
            mt_writer *w;
            mt_writer_options options = { .struct_size = sizeof options, .like = like, .durability = MT_DURABLE_NEVER };
            if (!k) {
                options.axes = axes[i];
                options.shape = extent;
                options.dtype = MT_UINT8;
                options.pixel_size = of_pixels;
                options.unit = of_units;
            }
            check_ok(mt_writer_create(NULL, k ? second : path, &options, &w, &err), &err);
            check_ok(mt_writer_finish(w, NULL, &err), &err);
            mt_writer_close(w);
            check_ok(mt_stack_open(NULL, k ? second : path, NULL, &other, &err), &err);
            const mt_stack_info *info = mt_stack_get_info(other);
            assert_string_equal(info->original_axes, axes[i]);
            for (int d = 0; d < info->original_ndim; d++) {
                assert_int_equal(info->original_shape[d], extent[d]);
                assert_true(info->pixel_size[d] == of_pixels[d]);
                assert_string_equal(info->unit[d], of_units[d]);
            }
            mt_stack_close(like);
            like = other;
        }
        mt_stack_close(like);
        remove_tree(path);
        remove_tree(second);
    }
}

/* --- Other options. --- */

static void check_other(const char *path, const mt_writer_options *options, const char *words)
{
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_writer_create(NULL, path, options, &w, &err), MT_E_ARGUMENT);
    if (!strstr(err.message, words))
        fail_msg("\"%s\" is not in \"%s\"", words, err.message);
}

static void the_first_difference_is_told(void **state)
{
    (void)state;
    const char *path = temporary_path("other.zarr");
    const mt_writer_options options = described(MT_INT16, NULL);
    mt_writer_options other = options;
    begin(path, &options);
    other.dtype = MT_UINT16;
    check_other(path, &other, "its dtype is \"int16\", not \"uint16\"");
    other = options;
    other.channels = NULL;
    check_other(path, &other, "its channels is [{\"name\"");
    other = options;
    other.identity = "cells.npy, 3 channels\nof 3 planes";
    check_other(path, &other, "of \"2 channels\", not \"3 channels\"");
    other.identity = "cells.npy, 2 channels\nof 4 planes";
    check_other(path, &other, "of \"of 3 planes\", not \"of 4 planes\"");
    other.identity = " cells.npy";
    check_other(path, &other, "of \"cells.npy, 2 channels\", not \" cells.npy\"");
    other.identity = NULL;
    check_other(path, &other, "of \"cells.npy, 2 channels\", not \"\"");
    remove_tree(path);
}

/* --- Damage. --- */

typedef struct damage {
    const char *member, *value; /* JSON; NULL: the member is removed */
} damage;

static const damage damages[] = {
    { "version", NULL },
    { "version", "\"1\"" },
    { "version", "2147483648" },
    { "version", "-2147483649" },
    { "format", NULL },
    { "format", "\"png\"" },
    { "axes", NULL },
    { "axes", "\"CZYXCZYXCZYXCZYX\"" }, /* as many as there can be */
    { "axes", "\"CZYXCZYXCZYXCZYXCZYXCZYXCZYXCZYXCZYXCZYXCZYXCZYXCZYXCZYXCZYXCZYX\"" },
    { "shape", NULL },
    { "shape", "[2, 3, 20]" },
    { "shape", "[2, 3, 20, 0]" },
    { "shape", "[2, 3, 20, \"30\"]" },
    { "dtype", NULL },
    { "chunk_shape", "[1, 1, 16]" },
    { "shard_shape", "[-1, 1, 16, 16]" },
    { "codec", NULL },
    { "codec_level", "\"9\"" },
    { "shuffle", "1" },
    { "n_levels", "-3000000000" },
    { "downsample", NULL },
    { "ome", NULL },
    { "pixel_size", "[1]" },
    { "unit", NULL },
    { "channels", "[{\"name\": \"one\"}]" },
    { "channels", "[{\"name\": \"one\"}, {}]" },
    { "identity", NULL },
    { "note", NULL },
};

/* Writes the plan of an unfinished image with a member changed. */
static void spoil(const char *path, const damage *d)
{
    char file[1400];
    json_error_t why;
    snprintf(file, sizeof file, "%s/.microtome/plan.json", path);
    json_t *plan = json_load_file(file, 0, &why);
    assert_non_null(plan);
    if (d->value)
        assert_int_equal(json_object_set_new(plan, d->member, json_loads(d->value, JSON_DECODE_ANY, NULL)), 0);
    else
        assert_int_equal(json_object_del(plan, d->member), 0);
    assert_int_equal(json_dump_file(plan, file, 0), 0);
    json_decref(plan);
}

static void damaged_plans_are_refused(void **state)
{
    (void)state;
    const char *path = temporary_path("damaged.zarr");
    const mt_writer_options options = described(MT_INT16, NULL);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        begin(path, &options);
        spoil(path, &damages[i]);
        if (mt_writer_open(NULL, path, NULL, &w, &err) != MT_E_CORRUPT)
            fail_msg("%s is %s, and is not refused: %s", damages[i].member, damages[i].value, err.message);
        const char *told = strcmp(damages[i].member, "unit") == 0 ? "pixel_size" : damages[i].member;
        if (!strstr(err.message, told))
            fail_msg("\"%s\" is not in \"%s\"", told, err.message);
        assert_int_equal(mt_writer_look(NULL, path, NULL, &w, &err), MT_E_CORRUPT);
        mt_status st = mt_writer_create(NULL, path, &options, &w, &err);
        assert_int_equal(st, MT_E_ARGUMENT);
        remove_tree(path);
    }
}

static void plans_of_later_versions_are_told(void **state)
{
    (void)state;
    const char *path = temporary_path("later.zarr");
    const mt_writer_options options = described(MT_INT16, NULL);
    mt_writer_options opening = { .struct_size = sizeof opening, .format = "npy" };
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    begin(path, &options);
    static const char *const versions[] = { "2147483647", "-2147483648", "0", "2" };
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        char words[64];
        snprintf(words, sizeof words, "has version %s, not 1", versions[i]);
        spoil(path, &(damage) { "version", versions[i] });
        assert_int_equal(mt_writer_open(NULL, path, NULL, &w, &err), MT_E_UNSUPPORTED);
        assert_non_null(strstr(err.message, words));
    }
    assert_int_equal(mt_writer_open(NULL, path, &opening, &w, &err), MT_E_NOT_FOUND);
    opening = (mt_writer_options) { .struct_size = sizeof opening, .durability = 7 };
    assert_int_equal(mt_writer_open(NULL, path, &opening, &w, &err), MT_E_ARGUMENT);
    remove_tree(path);
}

/* A plan that a power cut has torn, and nothing else: it is written again. With anything else there, it is damage. */
static void a_torn_plan_is_begun_anew(void **state)
{
    (void)state;
    const char *path = temporary_path("torn.zarr");
    mt_writer_options options = described(MT_INT16, NULL);
    options.durability = MT_DURABLE_END;
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    write_temporary_text("torn.zarr/.microtome/plan.json", "{\"version\": 1, \"for");
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    check_ok(mt_writer_finish(w, NULL, &err), &err);
    mt_writer_close(w);
    check_described(path, MT_INT16);
    write_temporary_text("torn.zarr/.microtome/plan.json", "{\"version\": 1, \"for");
    assert_int_equal(mt_writer_create(NULL, path, &options, &w, &err), MT_E_CORRUPT);
    remove_tree(path);
    write_temporary_text("torn.zarr/.microtome/plan.json/file", "a folder"); /* cannot be read */
    assert_int_equal(mt_writer_create(NULL, path, &options, &w, &err), MT_E_IO);
    remove_tree(path);
}

/* --- Failures. --- */

static const output continued[] = {
    { "CZYX", { 2, 3, 40, 50 }, { 1, 1, 16, 16 }, MT_FLOAT32, "blosc-lz4", 3, { 1, 2, 32, 32 } },
    { "CYX", { 2, 40, 50 }, { 1, 16, 16 }, MT_UINT8, "gzip", -1, { 0 }, "0.4" },
    { "CYX", { 2, 40, 50 }, { 1, 16, 16 }, MT_UINT16, "zstd", 2 },
    { "YX", { 40, 50 }, { 5, 0 }, MT_UINT16, NULL, 1 },
};
static const char *const files[] = { "kept.zarr", "kept.zarr", "kept.tif", "kept.npy" };

/* Continues, copies and finishes. */
static mt_status complete(mt_context *context, const char *path, const output *o, mt_stack *source, double lease,
                          mt_error *err)
{
    mt_writer_options options = output_options(o);
    mt_copy_options copy = { .struct_size = sizeof copy, .lease = lease };
    mt_writer *w = NULL;
    options.durability = MT_DURABLE_NEVER;
    mt_status st = mt_writer_create(context, path, &options, &w, err);
    if (!st)
        st = mt_writer_copy(w, source, &copy, err);
    if (!st)
        st = mt_writer_finish(w, &if_complete, err);
    mt_writer_close(w);
    return st;
}

static void begin_half(const char *path, const output *o, mt_stack *source)
{
    mt_writer_options options = output_options(o);
    mt_copy_options copy = { .struct_size = sizeof copy, .part = 0, .n_parts = 2 };
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    options.durability = MT_DURABLE_NEVER;
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    check_ok(mt_writer_copy(w, source, &copy, &err), &err);
    mt_writer_close(w);
}

/* An allocation fails while half of an image is continued and finished: the next call completes it. */
static void check_failing(const char *path, const output *o, mt_stack *source, double lease, const uint8_t *pixels)
{
    for (size_t k = 0, failed = 1; failed; k += 1 + k / 12) {
        char partial[1200];
        failing_allocator allocator;
        mt_context_options given = { .struct_size = sizeof given, .threads = 1 };
        mt_context *context = NULL;
        mt_error err = MT_ERROR_INIT;
        begin_half(path, o, source);
        given.allocator = failing_allocator_make(&allocator, k, 0);
        mt_status st = mt_context_new(&given, &context, &err);
        if (!st)
            st = complete(context, path, o, source, lease, &err);
        mt_context_free(context);
        failed = allocator.count > k;
        if (st) {
            assert_int_equal(st, MT_E_MEMORY);
            st = complete(NULL, path, o, source, lease, &err);
            if (st && !strstr(err.message, "exists")) /* the failure came after the image was complete */
                fail_msg("allocation %zu: %s", k, err.message);
        }
        check_output(path, o, pixels);
        remove_tree(path);
        snprintf(partial, sizeof partial, "%s.partial", path);
        remove_tree(partial);
    }
}

static void failing_allocations_of_those_who_continue(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof continued / sizeof *continued; i++) {
        const output *o = &continued[i];
        const char *path = temporary_path(files[i]);
        uint8_t *pixels = make_output_pixels(o, i);
        mt_stack *source;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_stack_from_array(NULL, pixels, o->dtype, o->axes, o->shape, NULL, "array", &source, &err), &err);
        check_failing(path, o, source, 0, pixels);
        if (i == 0)
            check_failing(path, o, source, 60, pixels);
        mt_stack_close(source);
        free(pixels);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_there_when_it_is_finished), cmocka_unit_test(an_image_like_another),
        cmocka_unit_test(an_image_like_one_of_few_axes),    cmocka_unit_test(the_first_difference_is_told),
        cmocka_unit_test(damaged_plans_are_refused),        cmocka_unit_test(plans_of_later_versions_are_told),
        cmocka_unit_test(a_torn_plan_is_begun_anew),        cmocka_unit_test(failing_allocations_of_those_who_continue),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
