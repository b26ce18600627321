/* SPDX-License-Identifier: BSD-3-Clause */
/* Collections: series, label images, plates. */
#include "support/contract.h"
#include "support/folder.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void run_command(const char *format, const char *path)
{
    char command[1400];
    snprintf(command, sizeof command, format, path, path);
    assert_int_equal(system(command), 0);
}

static void remove_tree(const char *path) { run_command("rm -rf '%s'", path); }

/* An image of two rows and three columns, all of one value. */
static void write_image(const char *path, const char *ome, mt_dtype dtype, uint8_t value)
{
    static const int64_t shape[2] = { 2, 3 }, start[2] = { 0 };
    const uint8_t pixels[6] = { value, value, value, value, value, value };
    mt_writer_options options = { .struct_size = sizeof options,
                                  .format = "zarr",
                                  .axes = "YX",
                                  .shape = shape,
                                  .dtype = dtype,
                                  .ome = ome,
                                  .durability = MT_DURABLE_NEVER };
    const mt_writer_box box = { .start = start, .extent = shape, .data = pixels, .dtype = MT_UINT8 };
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    check_ok(mt_writer_put(w, &box, &err), &err);
    check_ok(mt_writer_finish(w, &if_complete, &err), &err);
    mt_writer_close(w);
}

static void write_text(const char *folder, const char *name, const char *text)
{
    char path[1400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void write_member(const char *path, const char *name, const char *ome, uint8_t value)
{
    char member[1400];
    snprintf(member, sizeof member, "%s/%s", path, name);
    write_image(member, ome, MT_UINT8, value);
}

static mt_collection_options two_images(const char *ome)
{
    return (mt_collection_options) {
        .struct_size = sizeof(mt_collection_options), .n_images = 2, .ome = ome, .durability = MT_DURABLE_NEVER
    };
}

static mt_collection_options named(const char *kind, const char *const *names, uint64_t n)
{
    mt_collection_options options = two_images(NULL);
    options.kind = kind;
    options.names = names;
    options.n_images = n;
    return options;
}

static void begin_twice(const char *path, const mt_collection_options *options)
{
    mt_error err = MT_ERROR_INIT;
    for (int again = 0; again < 2; again++)
        check_ok(mt_collection_begin(NULL, path, options, &err), &err);
}

static void finish_twice(const char *path, const mt_collection_options *options)
{
    mt_error err = MT_ERROR_INIT;
    for (int again = 0; again < 2; again++)
        check_ok(mt_collection_finish(NULL, path, options, &err), &err);
    check_ok(mt_collection_begin(NULL, path, options, &err), &err); /* changes nothing */
}

static void check_collection(const char *path, const mt_collection_options *options, int complete)
{
    mt_collection_options found = { .struct_size = sizeof found };
    int is_complete = -1;
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_collection_look(NULL, path, &found, &is_complete, &err), &err);
    assert_int_equal(found.n_images, options->n_images);
    assert_string_equal(found.ome, options->ome ? options->ome : "0.5");
    assert_string_equal(found.kind, options->kind ? options->kind : "series");
    assert_int_equal(is_complete, complete);
    check_ok(mt_collection_list(NULL, path, &names, &err), &err);
    assert_int_equal(mt_names_count(names), options->n_images);
    for (size_t i = 0; i < options->n_images; i++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", i);
        assert_string_equal(mt_names_get(names, i), options->names ? options->names[i] : number);
    }
    mt_names_free(names);
}

/* All images of a path are these parts, with these values. */
static void check_images(const char *path, const char *const *parts, const uint8_t *values, size_t n)
{
    mt_stacks *stacks;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stacks_open(NULL, &path, 1, NULL, &stacks, &err), &err);
    assert_int_equal(mt_stacks_count(stacks), n);
    for (size_t i = 0; i < n; i++) {
        const int64_t corner[2] = { 0 }, size[2] = { 1, 1 };
        float pixel;
        mt_stack *stack = mt_stacks_get(stacks, i);
        assert_string_equal(mt_stack_get_info(stack)->part, parts[i]);
        check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, corner, size, 2, &pixel, &err), &err);
        assert_int_equal((int)pixel, values[i]);
    }
    mt_stacks_close(stacks);
}

/* --- Series. --- */

static void series_begin_and_finish(void **state)
{
    (void)state;
    static const char *const parts[] = { "0", "1" };
    static const uint8_t values[] = { 5, 6 };
    for (int i = 0; i < 2; i++) {
        const char *path = temporary_path("collection.zarr");
        mt_collection_options options = two_images(i ? "0.4" : "0.5"), other = options;
        int is_complete;
        mt_error err = MT_ERROR_INIT;
        assert_int_equal(mt_collection_look(NULL, path, &other, &is_complete, &err), MT_E_NOT_FOUND);
        begin_twice(path, &options);
        check_collection(path, &options, 0);
        other = options;
        other.n_images = 3;
        assert_int_equal(mt_collection_begin(NULL, path, &other, &err), MT_E_ARGUMENT);
        assert_non_null(strstr(err.message, "of 2 images, not 3"));
        write_member(path, "0", options.ome, 5);
        assert_int_equal(mt_collection_finish(NULL, path, &options, &err), MT_E_NOT_FOUND); /* image 1 */
        check_collection(path, &options, 0);
        write_member(path, "1", options.ome, 6);
        finish_twice(path, &options);
        check_collection(path, &options, 1);
        check_images(path, parts, values, 2);
        run_command("grep -q '<Image ID=\"Image:1\"><Pixels ID=\"Pixels:1\".* SizeX=\"3\" SizeY=\"2\"' "
                    "'%s/OME/METADATA.ome.xml'",
                    path);
        remove_tree(path);
    }
}

/* OME has no 64-bit integers: there is no document in OME-XML, and the list of series remains. */
static void series_of_a_type_that_ome_lacks(void **state)
{
    (void)state;
    const char *path = temporary_path("wide.zarr");
    char member[1200];
    mt_collection_options options = two_images(NULL);
    begin_twice(path, &options);
    write_member(path, "0", NULL, 1);
    snprintf(member, sizeof member, "%s/1", path);
    write_image(member, NULL, MT_INT64, 2);
    finish_twice(path, &options);
    run_command("test -e '%s/OME/zarr.json' && test ! -e '%s/OME/METADATA.ome.xml'", path);
    remove_tree(path);
}

/* A caller that was built for a smaller struct neither has more read nor more written. */
static void smaller_structs_are_respected(void **state)
{
    (void)state;
    const char *path = temporary_path("smaller.zarr");
    struct {
        size_t struct_size;
        uint64_t n_images;
        uint64_t beyond[8];
    } own = { offsetof(mt_collection_options, ome), 2, { 0 } }, before;
    mt_collection_options *small = (mt_collection_options *)(void *)&own;
    int is_complete;
    mt_error err = MT_ERROR_INIT;
    memset(own.beyond, 0xa5, sizeof own.beyond); /* no ome, and no durability */
    before = own;
    check_ok(mt_collection_begin(NULL, path, small, &err), &err);
    write_member(path, "0", NULL, 1);
    write_member(path, "1", NULL, 1);
    check_ok(mt_collection_finish(NULL, path, small, &err), &err);
    own.n_images = 0;
    check_ok(mt_collection_look(NULL, path, small, &is_complete, &err), &err);
    assert_memory_equal(&own, &before, sizeof own);
    remove_tree(path);
}

/* --- Label images and plates. --- */

static const char *const label_names[] = { "nuclei", "cells/whole", "cells/cut" };

static void labels_of_an_image(void **state)
{
    (void)state;
    static const char *const parts[] = { "", "labels/nuclei", "labels/cells/whole", "labels/cells/cut" };
    static const uint8_t values[] = { 9, 1, 2, 3 };
    for (int v = 0; v < 2; v++) {
        const char *path = temporary_path("labelled.zarr"), *ome = v ? "0.4" : "0.5";
        char labels[1200];
        mt_collection_options options = named("labels", label_names, 3), other = options;
        mt_error err = MT_ERROR_INIT;
        options.ome = other.ome = ome;
        snprintf(labels, sizeof labels, "%s/labels", path);
        write_image(path, ome, MT_UINT8, 9);
        begin_twice(labels, &options);
        check_collection(labels, &options, 0);
        check_images(path, parts, values, 1); /* the labels are not complete */
        other.n_images = 2;
        assert_int_equal(mt_collection_begin(NULL, labels, &other, &err), MT_E_ARGUMENT);
        for (size_t i = 0; i < 3; i++)
            write_member(labels, label_names[i], ome, values[i + 1]);
        finish_twice(labels, &options);
        check_collection(labels, &options, 1);
        check_images(path, parts, values, 4);
        remove_tree(path);
    }
}

/* An open image names its label images and opens them; another image has none. */
static void an_image_opens_its_labels(void **state)
{
    (void)state;
    static const uint8_t pixels[6] = { 0 };
    static const int64_t shape[2] = { 2, 3 };
    const char *path = temporary_path("labelled.zarr");
    char labels[1200];
    mt_collection_options options = named("labels", label_names, 3);
    mt_stack *image, *label = NULL, *array;
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    snprintf(labels, sizeof labels, "%s/labels", path);
    write_image(path, NULL, MT_UINT8, 9);
    begin_twice(labels, &options);
    for (size_t i = 0; i < 3; i++)
        write_member(labels, label_names[i], NULL, (uint8_t)i);
    finish_twice(labels, &options);
    check_ok(mt_stack_open(NULL, path, NULL, &image, &err), &err);
    check_ok(mt_stack_list_labels(image, &names, &err), &err);
    assert_int_equal(mt_names_count(names), 3);
    assert_string_equal(mt_names_get(names, 1), "labels/cells/whole");
    assert_string_equal(mt_names_get_part(names, 1)->title, "cells/whole");
    check_ok(mt_stack_open_beside(image, mt_names_get(names, 1), NULL, &label, &err), &err);
    mt_names_free(names);
    mt_stack_close(image); /* the file stays open for the label image */
    const int64_t corner[2] = { 0 }, size[2] = { 1, 1 };
    float pixel;
    check_ok(mt_stack_extract_patch(label, 0, NULL, 0, corner, size, 2, &pixel, &err), &err);
    assert_int_equal((int)pixel, 1);
    check_ok(mt_stack_list_labels(label, &names, &err), &err);
    assert_int_equal(mt_names_count(names), 0);
    mt_names_free(names);
    assert_int_equal(mt_stack_open_beside(label, "labels/none", NULL, &image, &err), MT_E_NOT_FOUND);
    mt_stack_close(label);
    check_ok(mt_stack_from_array(NULL, pixels, MT_UINT8, "YX", shape, NULL, "array", &array, &err), &err);
    check_ok(mt_stack_list_labels(array, &names, &err), &err);
    assert_int_equal(mt_names_count(names), 0);
    mt_names_free(names);
    assert_int_equal(mt_stack_open_beside(array, "labels/none", NULL, &image, &err), MT_E_ARGUMENT);
    mt_stack_close(array);
    remove_tree(path);
}

static void another_label_or_kind_is_refused(void **state)
{
    (void)state;
    static const char *const others[] = { "nuclei", "cells/whole", "cells/other" };
    const char *path = temporary_path("labels");
    mt_collection_options options = named("labels", label_names, 3), other = named("labels", others, 3);
    mt_error err = MT_ERROR_INIT;
    begin_twice(path, &options);
    assert_int_equal(mt_collection_begin(NULL, path, &other, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "with the image cells/cut, not cells/other"));
    other = two_images(NULL);
    other.n_images = 3;
    assert_int_equal(mt_collection_begin(NULL, path, &other, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "of the kind labels, not series"));
    remove_tree(path);
}

/* Wells come by row and column; the images of a well as they were named. */
static void a_plate_has_rows_and_columns(void **state)
{
    (void)state;
    static const char *const names[] = { "B/10/1", "B/2/0", "AA/2/0", "B/10/0" };
    static const char *const parts[] = { "B/2/0", "B/10/1", "B/10/0", "AA/2/0" };
    static const uint8_t values[] = { 2, 1, 4, 3 };
    for (int v = 0; v < 2; v++) {
        const char *path = temporary_path("plate.zarr"), *ome = v ? "0.4" : "0.5";
        mt_collection_options options = named("plate", names, 4);
        options.ome = ome;
        begin_twice(path, &options);
        check_collection(path, &options, 0);
        for (size_t i = 0; i < 4; i++)
            write_member(path, names[i], ome, (uint8_t)(i + 1));
        finish_twice(path, &options);
        check_collection(path, &options, 1);
        check_images(path, parts, values, 4);
        run_command("cat '%s/zarr.json' '%s/.zattrs' 2>/dev/null | grep -q '\"field_count\": 2'", path);
        remove_tree(path);
    }
}

static void collections_are_refused(void **state)
{
    (void)state;
    const char *path = temporary_path("refused.zarr");
    mt_collection_options options = two_images(NULL);
    mt_error err = MT_ERROR_INIT;
    run_command("mkdir -p '%s/mine'", path);
    assert_int_equal(mt_collection_begin(NULL, path, &options, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "mine"));
    remove_tree(path);
    options.ome = "0.3";
    assert_int_equal(mt_collection_begin(NULL, path, &options, &err), MT_E_ARGUMENT);
    options = two_images(NULL);
    options.n_images = 0;
    assert_int_equal(mt_collection_begin(NULL, path, &options, &err), MT_E_ARGUMENT);
    options = two_images(NULL);
    options.durability = 3;
    assert_int_equal(mt_collection_finish(NULL, path, &options, &err), MT_E_ARGUMENT);
    options = named("folder", label_names, 3);
    assert_int_equal(mt_collection_begin(NULL, path, &options, &err), MT_E_ARGUMENT);
    options = named("labels", NULL, 3);
    assert_int_equal(mt_collection_begin(NULL, path, &options, &err), MT_E_ARGUMENT);
    options = named("series", label_names, 3);
    assert_int_equal(mt_collection_begin(NULL, path, &options, &err), MT_E_ARGUMENT);
    run_command("test ! -e '%s'", path);
}

/* An image that is unfinished, or gone, is named; the collection stays incomplete. */
static void images_must_be_finished(void **state)
{
    (void)state;
    static const char *const names[2] = { "a", "a b" };
    static const int64_t shape[2] = { 2, 3 };
    for (int old = 0; old < 2; old++) {
        const char *path = temporary_path("unfinished.zarr");
        char member[1400];
        mt_collection_options options = named("labels", names, 2);
        options.ome = old ? "0.4" : NULL;
        mt_writer_options image = { .struct_size = sizeof image,
                                    .format = "zarr",
                                    .axes = "YX",
                                    .shape = shape,
                                    .dtype = MT_UINT8,
                                    .ome = options.ome,
                                    .durability = MT_DURABLE_NEVER };
        mt_error err = MT_ERROR_INIT;
        mt_writer *w;
        begin_twice(path, &options);
        write_member(path, "a", options.ome, 1);
        assert_int_equal(mt_collection_finish(NULL, path, &options, &err), MT_E_NOT_FOUND);
        assert_non_null(strstr(err.message, "unfinished.zarr/a b is missing"));
        snprintf(member, sizeof member, "%s/a b", path);
        check_ok(mt_writer_create(NULL, member, &image, &w, &err), &err);
        assert_int_equal(mt_collection_finish(NULL, path, &options, &err), MT_E_ARGUMENT);
        assert_non_null(strstr(err.message, "unfinished.zarr/a b is unfinished: finish it before the collection"));
        check_collection(path, &options, 0);
        check_ok(mt_writer_finish(w, NULL, &err), &err);
        mt_writer_close(w);
        finish_twice(path, &options);
        check_collection(path, &options, 1);
        remove_tree(path);
    }
}

static void names_that_images_cannot_have(void **state)
{
    (void)state;
    static char long_name[300];
    const char *path = temporary_path("names.zarr");
    memset(long_name, 'n', sizeof long_name - 1);
    const struct {
        const char *kind, *names[2];
    } cases[] = {
        { "labels", { "a", "" } },           { "labels", { "a", "a" } },        { "labels", { "a", "../b" } },
        { "labels", { "a", "b/" } },         { "labels", { "a", "/b" } },       { "labels", { "a", "b//c" } },
        { "labels", { "a", ".hidden" } },    { "labels", { "a", "b\\c" } },     { "labels", { "a", "b\n" } },
        { "labels", { "a", "zarr.json" } },  { "labels", { "a", long_name } },  { "plate", { "A/1/0", "A/1" } },
        { "plate", { "A/1/0", "A/1/0/0" } }, { "plate", { "A/1/0", "A/-/0" } }, { "plate", { "A/1/0", "A/1/0" } },
        { "plate", { "A/1/0", "//" } },      { "labels", { "a/0", "a" } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_collection_options options = named(cases[i].kind, cases[i].names, 2);
        mt_error err = MT_ERROR_INIT;
        assert_int_equal(mt_collection_begin(NULL, path, &options, &err), MT_E_ARGUMENT);
    }
    run_command("test ! -e '%s'", path);
    const char *const nested[] = { "a/c/0", "a b", "b", "a/c" };
    mt_collection_options options = named("labels", nested, 4);
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_collection_begin(NULL, path, &options, &err), MT_E_ARGUMENT);
    assert_non_null(
        strstr(err.message, "the image a/c/0 would lie in the folder of the image a/c: rename one of them"));
}

/* What a root says is what somebody else may have written. */
static void roots_with_other_names_are_damaged(void **state)
{
    (void)state;
    static const char *const roots[] = {
        "\"collection\": 1, \"kind\": \"labels\", \"names\": [\"../../x\"]",
        "\"collection\": 1, \"kind\": \"labels\", \"names\": [\"/tmp\"]",
        "\"collection\": 1, \"kind\": \"plate\", \"names\": [\"../1/0\"]",
        "\"collection\": 2, \"kind\": \"plate\", \"names\": [\"A/1/0\", \"A/1/0\"]",
        "\"collection\": 4611686018427387904",
    };
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        const char *path = temporary_path("hostile.zarr");
        char text[400];
        mt_collection_options found = { .struct_size = sizeof found };
        mt_names *names;
        int is_complete;
        mt_error err = MT_ERROR_INIT;
        snprintf(text, sizeof text, "{\"attributes\": {\"microtome\": {%s}}}", roots[i]);
        run_command("mkdir '%s'", path);
        write_text(path, "zarr.json", text);
        assert_int_equal(mt_collection_look(NULL, path, &found, &is_complete, &err), MT_E_CORRUPT);
        assert_int_equal(mt_collection_list(NULL, path, &names, &err), MT_E_CORRUPT);
        remove_tree(path);
    }
}

/* A group or array without chunks, of somebody else, stays; what a power cut has left is written again. */
static void roots_of_others_are_not_replaced(void **state)
{
    (void)state;
    static const struct {
        const char *ome, *name, *text;
        mt_status status;
    } cases[] = {
        { "0.5", "zarr.json", "{\"zarr_format\": 3, \"attributes\": {\"mine\": 1}}", MT_E_ARGUMENT },
        { "0.4", ".zattrs", "{\"mine\": 1}", MT_E_ARGUMENT },
        { "0.5", "zarr.json", "{\"zarr_for", MT_OK },
        { "0.4", ".zgroup", "{\"zarr_format\": 2}", MT_OK },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = temporary_path("other.zarr");
        mt_collection_options options = two_images(cases[i].ome);
        mt_error err = MT_ERROR_INIT;
        run_command("mkdir '%s'", path);
        write_text(path, cases[i].name, cases[i].text);
        assert_int_equal(mt_collection_begin(NULL, path, &options, &err), cases[i].status);
        if (cases[i].status)
            assert_non_null(strstr(err.message, cases[i].name));
        remove_tree(path);
    }
}

/* --- Failures. --- */

static void write_absent(const char *path, const mt_collection_options *options)
{
    for (size_t i = 0; i < options->n_images; i++) {
        char number[24], member[1400];
        struct stat st;
        snprintf(number, sizeof number, "%zu", i);
        const char *name = options->names ? options->names[i] : number;
        snprintf(member, sizeof member, "%s/%s/0", path, name);
        if (stat(member, &st))
            write_member(path, name, options->ome, 1);
    }
}

/* All steps of a collection, whose images are written without failures; a failure ends them. */
static mt_status take_steps(mt_context *context, const char *path, const mt_collection_options *options, mt_error *err)
{
    mt_collection_options found = *options;
    mt_names *names = NULL;
    int is_complete;
    mt_status st = mt_collection_begin(context, path, options, err);
    if (!st)
        write_absent(path, options);
    if (!st)
        st = mt_collection_finish(context, path, options, err);
    if (!st)
        st = mt_collection_look(context, path, &found, &is_complete, err);
    if (!st)
        st = mt_collection_list(context, path, &names, err);
    mt_names_free(names);
    return st;
}

/* Whatever fails, the next call goes on. */
static void check_failing_allocations(const char *path, const mt_collection_options *options)
{
    for (size_t k = 0, failed = 1; failed; k++) {
        failing_allocator allocator;
        mt_context_options given = { .struct_size = sizeof given, .threads = 1 };
        given.allocator = failing_allocator_make(&allocator, k, 0);
        mt_context *context = NULL;
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_context_new(&given, &context, &err);
        if (!st)
            st = take_steps(context, path, options, &err);
        mt_context_free(context);
        failed = allocator.count > k;
        if (st)
            assert_int_equal(st, MT_E_MEMORY);
        check_ok(take_steps(NULL, path, options, &err), &err);
        check_collection(path, options, 1);
        remove_tree(path);
    }
}

static void failing_allocations(void **state)
{
    (void)state;
    static const char *const fields[] = { "B/10/1", "A/2/0" };
    mt_collection_options labels = named("labels", label_names, 3), plate = named("plate", fields, 2);
    mt_collection_options series = two_images("0.4");
    labels.ome = "0.4";
    check_failing_allocations(temporary_path("failing"), &labels);
    check_failing_allocations(temporary_path("failing.zarr"), &plate);
    check_failing_allocations(temporary_path("series.zarr"), &series);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_begin_and_finish),
        cmocka_unit_test(series_of_a_type_that_ome_lacks),
        cmocka_unit_test(smaller_structs_are_respected),
        cmocka_unit_test(labels_of_an_image),
        cmocka_unit_test(an_image_opens_its_labels),
        cmocka_unit_test(another_label_or_kind_is_refused),
        cmocka_unit_test(a_plate_has_rows_and_columns),
        cmocka_unit_test(collections_are_refused),
        cmocka_unit_test(images_must_be_finished),
        cmocka_unit_test(names_that_images_cannot_have),
        cmocka_unit_test(roots_with_other_names_are_damaged),
        cmocka_unit_test(roots_of_others_are_not_replaced),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
