/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths through the groups of HDF5, links of every kind on the way, and the names of other files. */
#include "crafted.h"

#include "format/container.h"
#include "support/folder.h"
#include "support/remarks.h"

/* A group at an address: an object header of version 2 with link messages. */
static void start_group(crafted *c, size_t at, size_t message_bytes)
{
    c->at = at;
    put_text(c, "OHDR");
    PUT_BYTES(c, 2, 1);
    put_number(c, message_bytes, 2);
}

static void put_link(crafted *c, int kind, char name, const char *target, size_t target_bytes, uint64_t address)
{
    size_t size = 5 + (kind ? 2 + target_bytes : 8);
    PUT_BYTES(c, H5_MSG_LINK, (uint8_t)size, 0, 0, 1, 8, (uint8_t)kind, 1, (uint8_t)name);
    if (kind) {
        put_number(c, target_bytes, 2);
        put(c, target, target_bytes);
    } else {
        put_number(c, address, 8);
    }
}

#define HARD_BYTES 17
#define SOFT_BYTES(target) (11 + sizeof(target) - 1)

static void put_groups(crafted *c)
{
    start_group(c, 256,
                3 * HARD_BYTES + SOFT_BYTES("/g/d") + SOFT_BYTES("g") + SOFT_BYTES("loop") + SOFT_BYTES("\0f\0d") +
                    SOFT_BYTES("x"));
    put_link(c, 0, 'g', NULL, 0, 512);
    put_link(c, 0, 'r', NULL, 0, 256);
    put_link(c, 0, 'n', NULL, 0, CRAFTED_BYTES);
    put_link(c, 1, 's', "/g/d", 4, 0);
    put_link(c, 1, 't', "g", 1, 0);
    put_link(c, 1, 'l', "l///", 4, 0);
    put_link(c, 64, 'e', "\0f\0d", 4, 0);
    put_link(c, 65, 'u', "x", 1, 0);
    seal(c, 256);
    start_group(c, 512, HARD_BYTES + SOFT_BYTES("d"));
    put_link(c, 0, 'd', NULL, 0, 768);
    put_link(c, 1, 'x', "d", 1, 0);
    seal(c, 512);
    start_group(c, 768, 0);
    seal(c, 768);
}

static void paths_through_groups(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        uint64_t address;
        mt_status status;
        const char *message;
    } cases[] = {
        { "", 256, MT_OK, NULL },
        { "/", 256, MT_OK, NULL },
        { "g", 512, MT_OK, NULL },
        { "/g//d/", 768, MT_OK, NULL },
        { "./g/./d", 768, MT_OK, NULL },
        { "r/r/g/d", 768, MT_OK, NULL },
        { "s", 768, MT_OK, NULL },
        { "t/x", 768, MT_OK, NULL },
        { "h", 0, MT_E_NOT_FOUND, "\"h\"" },
        { "g/d/h", 0, MT_E_NOT_FOUND, "\"g/d/h\"" },
        { "l", 0, MT_E_CORRUPT, "\"l\"" },
        { "u", 0, MT_E_UNSUPPORTED, "\"u\"" },
        { "n", 0, MT_E_CORRUPT, "outside" },
        { "n/d", 0, MT_E_CORRUPT, "outside" },
    };
    crafted c;
    craft(&c);
    put_groups(&c);
    open_crafted(&c);
    c.file.root = 256;
    mt_error err = MT_ERROR_INIT;
    h5_object object;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_status st = h5_find_object(&c.file, c.arena, cases[i].path, &object, &err);
        check_failure(st, cases[i].status, &err, cases[i].message, (int)i);
        if (!st)
            assert_int_equal(object.address, cases[i].address);
    }
    check_ok(h5_find_below(&c.file, c.arena, 512, "d", &object, &err), &err);
    assert_int_equal(object.address, 768);
    check_ok(h5_find_below(&c.file, c.arena, 512, "x", &object, &err), &err);
    assert_int_equal(object.address, 768);
    char deep[600];
    for (size_t i = 0; i < sizeof deep; i++)
        deep[i] = i % 2 ? '/' : 'r';
    deep[sizeof deep - 1] = 0;
    check_failure(h5_find_object(&c.file, c.arena, deep, &object, &err), MT_E_LIMIT, &err, "256 groups", 100);
    deep[2 * 255 - 1] = 0;
    check_ok(h5_find_object(&c.file, c.arena, deep, &object, &err), &err);
    discard(&c);
}

/* With the permission to follow and without. */
static void names_of_other_files(void **state)
{
    (void)state;
    static const struct {
        const char *key, *name;
        bool beside, may_follow;
        mt_status status;
        const char *result; /* the key, or a part of the message */
    } cases[] = {
        { "a.h5", "b.h5", true, false, MT_OK, "b.h5" },
        { "f/a.h5", "./b.h5", true, false, MT_OK, "f/b.h5" },
        { "a.h5", "b.h5", false, false, MT_E_UNSUPPORTED, "external_folder" },
        { "a.h5", "f/b.h5", true, false, MT_E_UNSUPPORTED, "external_folder" },
        { "a.h5", "f/b.h5", true, true, MT_OK, "f/b.h5" },
        { "f/a.h5", "../b.h5", false, true, MT_OK, "b.h5" },
        { "f/g/a.h5", ".././b.h5", false, true, MT_OK, "f/b.h5" },
        { "a.h5", "../b.h5", false, true, MT_E_UNSUPPORTED, "outside" },
        { "f/a.h5", "../../b.h5", false, true, MT_E_UNSUPPORTED, "outside" },
        { "f/a.h5", "/b.h5", false, true, MT_E_UNSUPPORTED, "outside" },
        { "f/a.h5", "ROOT/b.h5", false, true, MT_OK, "b.h5" },
        { "f/a.h5", "ROOTS/b.h5", false, true, MT_E_UNSUPPORTED, "outside" },
    };
    crafted c;
    craft(&c);
    open_crafted(&c);
    char root[] = "/data/images", *url = c.store->url;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_open_options options = { .struct_size = sizeof options,
                                          .external_folder = cases[i].may_follow ? "/" : NULL };
        const mt_source source = { .env = &c.context->env, .store = c.store, .options = &options };
        char name[256];
        const char *key;
        mt_error err = MT_ERROR_INIT;
        check_ok(h5_files_new(&source, c.arena, &c.file.files, &err), &err);
        c.file.key = cases[i].key;
        c.store->url = root;
        bool rooted = strncmp(cases[i].name, "ROOT", 4) == 0;
        snprintf(name, sizeof name, "%s%s", rooted ? "/data/images" : "", cases[i].name + (rooted ? 4 : 0));
        mt_status st = h5_resolve(&c.file, c.arena, "a link", name, cases[i].beside, &key, &err);
        check_failure(st, cases[i].status, &err, cases[i].result, (int)i);
        if (!st)
            assert_string_equal(key, cases[i].result);
        h5_files_free(c.file.files);
    }
    c.store->url = url;
    discard(&c);
}

/* Data of a document is looked for below its BasePath, although a file with that name is beside the document. */
static void base_paths_of_documents(void **state)
{
    (void)state;
    static const char document[] =
        "\n<?xml version='1.0'?><SpimData><BasePath type='relative'>sub/../sub</BasePath><SequenceDescription>"
        "<ImageLoader format='bdv.hdf5'><hdf5 type='relative'>views.h5</hdf5></ImageLoader>"
        "</SequenceDescription></SpimData>";
    size_t size;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    uint8_t *bytes = read_file("fuzz/corpus/fuzz_hdf5/bdv.h5", &size);
    write_temporary_text("views.xml", document);
    write_temporary("views.h5", bytes, size);
    const char *path = temporary_path("views.xml");
    assert_int_equal(mt_stack_open(NULL, path, NULL, &stack, &err), MT_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "sub/views.h5"));
    write_temporary("sub/views.h5", bytes, size);
    write_temporary("views.h5", "", 0);
    const mt_open_options options = { .struct_size = sizeof options, .part = "series=0" };
    check_ok(mt_stack_open(NULL, path, &options, &stack, &err), &err);
    check_remarks(stack, 2, "/t00001/s00/0/cells", "the document of BigDataViewer: white space before the XML");
    mt_stack_close(stack);
    free(bytes);
}

/* Enumerations of two names that are a bool of h5py, and such that are not. */
static void enumerations_that_are_bools(void **state)
{
    (void)state;
#define ENUM(version) version "\2\0\0\1\0\0\0"
#define BYTE "\x10\0\0\0\1\0\0\0\0\0\x08\0"
    static const struct {
        const char *bytes;
        size_t size;
        mt_dtype dtype;
    } cases[] = {
#define TEXT(text) text, sizeof(text) - 1
        { TEXT(ENUM("\x38") BYTE "FALSE\0TRUE\0\0\1"), MT_BOOL },
        { TEXT(ENUM("\x18") BYTE "FALSE\0\0\0TRUE\0\0\0\0\0\1"), MT_BOOL },
        { TEXT(ENUM("\x38") BYTE "FALSE\0TRUE\0\1\0"), MT_UINT8 },
        { TEXT(ENUM("\x38") BYTE "FALSE\0TRUE\0\0\2"), MT_UINT8 },
        { TEXT(ENUM("\x38") BYTE "false\0true\0\0\1"), MT_UINT8 },
        { TEXT(ENUM("\x38") BYTE "FALSE\0TRUTH\0\0\1"), MT_UINT8 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_reader r = mt_reader_over((const uint8_t *)cases[i].bytes, cases[i].size, false);
        h5_type type;
        mt_error err = MT_ERROR_INIT;
        check_ok(h5_read_type(&r, &type, &err), &err);
        if (type.dtype != cases[i].dtype)
            fail_msg("case %d is of type %s", (int)i, mt_dtype_name(type.dtype));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(paths_through_groups), cmocka_unit_test(names_of_other_files),
                                        cmocka_unit_test(enumerations_that_are_bools),
                                        cmocka_unit_test(base_paths_of_documents) };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
