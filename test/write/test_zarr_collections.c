/* SPDX-License-Identifier: BSD-3-Clause */
/* The documents of collections as they stand in their folders, and the names that they may have. */
#include "support/documents.h"
#include "support/folder.h"
#include "support/outputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* An image of one pixel. */
static void write_member(const char *path, const char *name, const char *ome)
{
    static const int64_t one[2] = { 1, 1 };
    char member_path[1400];
    snprintf(member_path, sizeof member_path, "%s/%s", path, name);
    const mt_writer_options options = { .struct_size = sizeof options,
                                        .format = "zarr",
                                        .axes = "YX",
                                        .shape = one,
                                        .dtype = MT_UINT8,
                                        .ome = ome,
                                        .durability = MT_DURABLE_NEVER };
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_create(NULL, member_path, &options, &w, &err), &err);
    check_ok(mt_writer_finish(w, NULL, &err), &err);
    mt_writer_close(w);
}

static mt_collection_options describe(const char *kind, const char *const *names, size_t n, const char *ome)
{
    return (mt_collection_options) { .struct_size = sizeof(mt_collection_options),
                                     .n_images = n,
                                     .ome = ome,
                                     .durability = MT_DURABLE_NEVER,
                                     .kind = kind,
                                     .names = names };
}

static const char *begin(const mt_collection_options *options)
{
    const char *path = temporary_path("collection.zarr");
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_collection_begin(NULL, path, options, &err), &err);
    return path;
}

static void finish(const char *path, const mt_collection_options *options)
{
    char number[24];
    mt_error err = MT_ERROR_INIT;
    for (size_t i = 0; i < options->n_images; i++) {
        snprintf(number, sizeof number, "%zu", i);
        write_member(path, options->names ? options->names[i] : number, options->ome);
    }
    check_ok(mt_collection_finish(NULL, path, options, &err), &err);
}

#define ROOT "attributes/ome/"

/* Rows and columns in their order, AA behind Z and 10 behind 9; wells by row and column; fields as they were named. */
static void plates_list_their_wells(void **state)
{
    (void)state;
    static const char *const names[] = { "B/10/1", "B/2/0", "AA/2/0", "B/10/0", "C/2/7", "B/3/5", "C/10/0", "B/10/2" };
    static const member begun[] = {
        { "zarr.json", "attributes/microtome/collection", "8" },
        { "zarr.json", "attributes/microtome/kind", "'plate'" },
        { "zarr.json", "attributes/microtome/names/7", "'B/10/2'" },
        { "zarr.json", "attributes/ome", NULL },
        { "B/zarr.json", "", "{'zarr_format': 3, 'node_type': 'group', 'attributes': {}}" },
        { "C/zarr.json", "", "{'zarr_format': 3, 'node_type': 'group', 'attributes': {}}" },
        { "AA/zarr.json", "attributes", "{}" },
        { "AA/2/zarr.json", "attributes", "{}" },
    };
    static const member finished[] = {
        { "zarr.json", "attributes/microtome/collection", "8" },
        { "zarr.json", ROOT "version", "'0.5'" },
        { "zarr.json", ROOT "plate",
          "{'rows': [{'name': 'B'}, {'name': 'C'}, {'name': 'AA'}],"
          " 'columns': [{'name': '2'}, {'name': '3'}, {'name': '10'}], 'field_count': 3, 'wells': ["
          "{'path': 'B/2', 'rowIndex': 0, 'columnIndex': 0}, {'path': 'B/3', 'rowIndex': 0, 'columnIndex': 1},"
          "{'path': 'B/10', 'rowIndex': 0, 'columnIndex': 2}, {'path': 'C/2', 'rowIndex': 1, 'columnIndex': 0},"
          "{'path': 'C/10', 'rowIndex': 1, 'columnIndex': 2}, {'path': 'AA/2', 'rowIndex': 2, 'columnIndex': 0}]}" },
        { "B/zarr.json", "attributes", "{}" },
        { "B/2/zarr.json", ROOT "well", "{'images': [{'path': '0'}]}" },
        { "B/10/zarr.json", ROOT "well", "{'images': [{'path': '1'}, {'path': '0'}, {'path': '2'}]}" },
        { "B/10/zarr.json", ROOT "version", "'0.5'" },
        { "C/2/zarr.json", ROOT "well", "{'images': [{'path': '7'}]}" },
    };
    const mt_collection_options options = describe("plate", names, COUNT(names), "0.5");
    const char *path = begin(&options);
    check_members(path, begun, COUNT(begun));
    finish(path, &options);
    check_members(path, finished, COUNT(finished));
    remove_tree(path);
}

static void plates_of_version_4(void **state)
{
    (void)state;
    static const char *const names[] = { "A/1/0", "A/2/0" };
    static const member finished[] = {
        { ".zgroup", "", "{'zarr_format': 2}" },
        { ".zattrs", "microtome/collection", "2" },
        { ".zattrs", "plate",
          "{'version': '0.4', 'rows': [{'name': 'A'}], 'columns': [{'name': '1'}, {'name': '2'}], 'field_count': 1,"
          " 'wells': [{'path': 'A/1', 'rowIndex': 0, 'columnIndex': 0},"
          " {'path': 'A/2', 'rowIndex': 0, 'columnIndex': 1}]}" },
        { "A/.zattrs", "", "{}" },
        { "A/.zgroup", "", "{'zarr_format': 2}" },
        { "A/2/.zgroup", "", "{'zarr_format': 2}" },
        { "A/2/.zattrs", "", "{'well': {'version': '0.4', 'images': [{'path': '0'}]}}" },
    };
    const mt_collection_options options = describe("plate", names, COUNT(names), "0.4");
    const char *path = begin(&options);
    finish(path, &options);
    check_members(path, finished, COUNT(finished));
    remove_tree(path);
}

static void labels_list_their_images(void **state)
{
    (void)state;
    static const char *const names[] = { "nuclei", "cells/whole", "cells/cut/again" };
    static const member begun[] = {
        { "zarr.json", "attributes",
          "{'microtome': {'collection': 3, 'kind': 'labels', 'names': ['nuclei', 'cells/whole', 'cells/cut/again']}}" },
        { "cells/zarr.json", "attributes", "{}" },
        { "cells/cut/zarr.json", "attributes", "{}" },
    };
    static const member finished[] = {
        { "zarr.json", "attributes/ome", "{'version': '0.5', 'labels': ['nuclei', 'cells/whole', 'cells/cut/again']}" },
        { "cells/zarr.json", "attributes", "{}" },
    };
    const mt_collection_options options = describe("labels", names, COUNT(names), "0.5");
    const char *path = begin(&options);
    check_members(path, begun, COUNT(begun));
    finish(path, &options);
    check_members(path, finished, COUNT(finished));
    remove_tree(path);
}

static void series_are_numbered(void **state)
{
    (void)state;
    static const member begun[] = { { "zarr.json", "attributes", "{'microtome': {'collection': 2}}" } };
    static const member v3[] = {
        { "zarr.json", "attributes",
          "{'microtome': {'collection': 2}, 'ome': {'version': '0.5', 'bioformats2raw.layout': 3}}" },
        { "OME/zarr.json", "attributes/ome", "{'version': '0.5', 'series': ['0', '1']}" },
    };
    static const member v2[] = {
        { ".zattrs", "", "{'microtome': {'collection': 2}, 'bioformats2raw.layout': 3}" },
        { "OME/.zattrs", "", "{'series': ['0', '1']}" },
    };
    mt_collection_options options = describe(NULL, NULL, 2, NULL);
    const char *path = begin(&options);
    check_members(path, begun, COUNT(begun));
    finish(path, &options);
    check_members(path, v3, COUNT(v3));
    remove_tree(path);
    options.ome = "0.4";
    path = begin(&options);
    finish(path, &options);
    check_members(path, v2, COUNT(v2));
    remove_tree(path);
}

/* The images of series are those of the file that names them. */
static void series_have_metadata_in_ome_xml(void **state)
{
    (void)state;
    const mt_collection_options options = describe(NULL, NULL, 3, NULL);
    char name[1200];
    size_t size;
    const char *path = begin(&options);
    finish(path, &options);
    snprintf(name, sizeof name, "%s/OME/METADATA.ome.xml", path);
    char *text = (char *)read_file(name, &size);
    text[size - 1] = 0;
    for (size_t i = 0; i < 4; i++) {
        char id[32];
        snprintf(id, sizeof id, "<Image ID=\"Image:%zu\">", i);
        assert_int_equal(strstr(text, id) != NULL, i < 3);
    }
    assert_non_null(strstr(text, "<MetadataOnly/>"));
    assert_null(strstr(text, "TiffData"));
    free(text);
    remove_tree(path);
}

/* Groups between the root and the images stay as they are, whatever others have written into them. */
static void groups_are_made_once(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *name, *group;
    } cases[] = { { "labels", "cells/whole", "cells/zarr.json" },
                  { "plate", "A/1/0", "A/zarr.json" },
                  { "plate", "A/1/0", "A/1/zarr.json" } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char key[64];
        const member mine = { cases[i].group, "attributes", "{'mine': 1}" };
        const mt_collection_options options = describe(cases[i].kind, &cases[i].name, 1, NULL);
        const char *path = begin(&options);
        snprintf(key, sizeof key, "collection.zarr/%s", cases[i].group);
        write_temporary_text(key, "{\"zarr_format\": 3, \"node_type\": \"group\", \"attributes\": {\"mine\": 1}}");
        path = begin(&options);
        check_members(path, &mine, 1);
        remove_tree(path);
    }
}

/* --- Limits. --- */

static char long_name[300];

/* A name of n characters: "a/aaa". */
static const char *name_of(size_t n)
{
    memset(long_name, 'a', sizeof long_name);
    long_name[n / 2] = '/';
    long_name[n] = 0;
    return long_name;
}

static void collections_have_limits(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        size_t name; /* characters; 0: none */
        uint64_t n;
        mt_status status;
        const char *words;
    } cases[] = {
        { "labels", 255, 1, MT_OK, "" },
        { "labels", 256, 1, MT_E_ARGUMENT, "aaa" },
        { "labels", 0, 1, MT_E_ARGUMENT, "a collection of this kind needs names of its images" },
        { "plate", 0, 1, MT_E_ARGUMENT, "a collection of this kind needs names of its images" },
        { "series", 3, 1, MT_E_ARGUMENT, "series have no names" },
        { "series", 0, 1000000, MT_OK, "" },
        { "series", 0, 1000001, MT_E_ARGUMENT, "a collection of 1000001 images: it has 1 to 1000000" },
        { "series", 0, 0, MT_E_ARGUMENT, "a collection of 0 images: it has 1 to 1000000" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *name = name_of(cases[i].name), *path = temporary_path("limits.zarr");
        const mt_collection_options options =
            describe(cases[i].kind, cases[i].name ? &name : NULL, (size_t)cases[i].n, NULL);
        mt_error err = MT_ERROR_INIT;
        assert_int_equal(mt_collection_begin(NULL, path, &options, &err), cases[i].status);
        if (!strstr(err.message, cases[i].words))
            fail_msg("\"%s\" is not in \"%s\"", cases[i].words, err.message);
        remove_tree(path);
    }
}

/* Names that look like those of documents, or are the beginning of another one, and are neither. */
static void similar_names_are_taken(void **state)
{
    (void)state;
    static const char *const labels[] = { "ninechars", "zarr.jsonx", "xzarr.json", "zarr.jso", "a",   "ab",
                                          "b/a",       "b/ab",       "b-a",        "a.b",      "a b", "z/zarr.js" };
    static const char *const wells[] = { "A/1/0", "A/1/00", "A/10/0", "AA/1/0", "a/1/0", "A/1/z9" };
    mt_collection_options options = describe("labels", labels, COUNT(labels), NULL);
    remove_tree(begin(&options));
    options = describe("plate", wells, COUNT(wells), NULL);
    remove_tree(begin(&options));
    static const struct {
        const char *kind, *names[2], *words;
    } cases[] = {
        { "labels", { "a", "a" }, "two images are named a" },
        { "labels", { "a/b", "a" }, "the image a/b would lie in the folder of the image a: rename one of them" },
        { "labels", { "a", "a/b/c" }, "the image a/b/c would lie in the folder of the image a" },
        { "labels", { "x", "b/zarr.json" }, "\"b/zarr.json\" cannot be the name of a label image" },
        { "labels", { "x", "b/" }, "\"b/\" cannot be the name" },
        { "labels", { "x", "b//a" }, "cannot be the name" },
        { "labels", { "x", ".b" }, "cannot be the name" },
        { "labels", { "x", "a\x1f" }, "cannot be the name" },
        { "labels", { "x", "a\\b" }, "cannot be the name" },
        { "plate", { "A/1/0", "A/1" }, "\"A/1\" is not ROW/COLUMN/FIELD" },
        { "plate", { "A/1/0", "A/1/0/0" }, "\"A/1/0/0\" is not ROW/COLUMN/FIELD" },
        { "plate", { "A/1/0", "A/1/-" }, "\"A/1/-\" is not ROW/COLUMN/FIELD" },
        { "plate", { "A/1/0", "A//0" }, "\"A//0\" is not ROW/COLUMN/FIELD" },
        { "plate", { "A/1/0", "A/1/0" }, "two images are named A/1/0" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *path = temporary_path("names.zarr");
        mt_error err = MT_ERROR_INIT;
        options = describe(cases[i].kind, cases[i].names, 2, NULL);
        assert_int_equal(mt_collection_begin(NULL, path, &options, &err), MT_E_ARGUMENT);
        if (!strstr(err.message, cases[i].words))
            fail_msg("\"%s\" is not in \"%s\"", cases[i].words, err.message);
        assert_false(path_exists(path, ""));
    }
}

/* Each image has to be there, with a document and without a plan; 128 are looked for at once. */
static void all_images_are_looked_for(void **state)
{
    (void)state;
    enum { MOST = 130 };
    static const size_t counts[] = { 1, 128, MOST };
    static char storage[MOST][8];
    const char *names[MOST];
    for (size_t i = 0; i < MOST; i++) {
        snprintf(storage[i], sizeof storage[i], "n%zu", i);
        names[i] = storage[i];
    }
    for (size_t k = 0; k < COUNT(counts); k++) {
        const mt_collection_options options = describe("labels", names, counts[k], NULL);
        const char *path = begin(&options), *last = names[counts[k] - 1];
        char key[64], words[64];
        mt_error err = MT_ERROR_INIT;
        for (size_t i = 0; i + 1 < counts[k]; i++) {
            snprintf(key, sizeof key, "collection.zarr/%s/zarr.json", names[i]);
            write_temporary_text(key, "{}");
        }
        snprintf(words, sizeof words, "/%s is missing: write it before the collection is finished", last);
        assert_int_equal(mt_collection_finish(NULL, path, &options, &err), MT_E_NOT_FOUND);
        assert_non_null(strstr(err.message, words));
        snprintf(key, sizeof key, "collection.zarr/%s/zarr.json", last);
        write_temporary_text(key, "{}");
        check_ok(mt_collection_finish(NULL, path, &options, &err), &err);
        snprintf(key, sizeof key, "collection.zarr/%s/.microtome/plan.json", last);
        write_temporary_text(key, "{}");
        snprintf(words, sizeof words, "/%s is unfinished: finish it before the collection", last);
        assert_int_equal(mt_collection_finish(NULL, path, &options, &err), MT_E_ARGUMENT);
        assert_non_null(strstr(err.message, words));
        remove_tree(path);
    }
}

/* What a root says that another program has written, or a power cut has damaged. */
static void roots_are_not_believed(void **state)
{
    (void)state;
    static const struct {
        const char *own;
        mt_status status;
        uint64_t n;
        const char *words;
    } cases[] = {
        { "\"collection\": 1000000", MT_OK, 1000000, "" },
        { "\"collection\": 1000001", MT_E_CORRUPT, 0, "a collection of 1000001 images; at most 1000000 are read" },
        { "\"collection\": 1", MT_OK, 1, "" },
        { "\"collection\": 0", MT_E_NOT_FOUND, 0, "is not a collection" },
        { "\"collection\": -1", MT_E_NOT_FOUND, 0, "is not a collection" },
        { "\"collection\": \"1\"", MT_E_NOT_FOUND, 0, "is not a collection" },
        { "\"collection\": 1, \"kind\": \"well\"", MT_E_NOT_FOUND, 0, "is not a collection" },
        { "\"collection\": 2, \"kind\": \"labels\", \"names\": [\"a\", 5]", MT_E_CORRUPT, 0,
          "name 1 of the collection is not a text" },
        { "\"collection\": 2, \"kind\": \"labels\", \"names\": [\"a\", \"b\", \"c\"]", MT_OK, 3, "" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[400];
        mt_collection_options found = { .struct_size = sizeof found };
        int is_complete = 1;
        mt_error err = MT_ERROR_INIT;
        snprintf(text, sizeof text, "{\"attributes\": {\"microtome\": {%s}}}", cases[i].own);
        write_temporary_text("root.zarr/zarr.json", text);
        const char *path = temporary_path("root.zarr");
        mt_status st = mt_collection_look(NULL, path, &found, &is_complete, &err);
        if (st != cases[i].status || !strstr(err.message, cases[i].words))
            fail_msg("{%s}: status %d, \"%s\"", cases[i].own, (int)st, err.message);
        assert_int_equal(found.n_images, cases[i].n);
        assert_int_equal(is_complete, st != MT_OK);
        remove_tree(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plates_list_their_wells),         cmocka_unit_test(plates_of_version_4),
        cmocka_unit_test(labels_list_their_images),        cmocka_unit_test(series_are_numbered),
        cmocka_unit_test(series_have_metadata_in_ome_xml), cmocka_unit_test(groups_are_made_once),
        cmocka_unit_test(collections_have_limits),         cmocka_unit_test(similar_names_are_taken),
        cmocka_unit_test(all_images_are_looked_for),       cmocka_unit_test(roots_are_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
