/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of object headers, byte by byte: what each says, and each reason for which one is refused. */
#include "support/support.h"

#include "codec/params.h"
#include "engine/context.h"
#include "format/hdf5/hdf5.h"
#include "format/hdf5/virtual.h"

#include <stdio.h>
#include <string.h>

typedef struct bytes {
    const char *text;
    size_t size;
} bytes;

#define B(text)                                                                                                        \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    }
#define ZEROS3 "\0\0\0"
#define ZEROS4 "\0\0\0\0"
#define ZEROS7 ZEROS4 ZEROS3
#define U64(byte) byte ZEROS7
#define U32(byte) byte ZEROS3
#define FULL "\xff\xff\xff\xff\xff\xff\xff\xff"

static mt_context *context;
static mt_arena *arena;
static h5_file file;

static int make(void **state)
{
    (void)state;
    if (mt_context_new(NULL, &context, NULL) || mt_arena_new(&context->env, &arena, NULL))
        return -1;
    file = (h5_file) { .env = &context->env, .size = 4096, .address_bytes = 8, .length_bytes = 8 };
    return 0;
}

static int clean(void **state)
{
    (void)state;
    mt_arena_free(arena);
    mt_context_free(context);
    return 0;
}

static h5_message message_of(int type, bytes body)
{
    return (h5_message) { .type = type,
                          .address = 100,
                          .body = mt_reader_over((const uint8_t *)body.text, body.size, false) };
}

static mt_status read_dataset(int type, bytes body, h5_dataset *out, mt_error *err)
{
    h5_message messages[4] = {
        message_of(H5_MSG_DATATYPE, (bytes)B("\x10\0\0\0" U32("\2") "\0\0\x10\0")),
        message_of(H5_MSG_DATASPACE, (bytes)B("\2\2\0\1" U64("\4") U64("\6"))),
        message_of(H5_MSG_LAYOUT, (bytes)B("\3\1" U64("\x40") U64("\x30"))),
        message_of(type, body),
    };
    h5_object object = { .file = &file };
    for (int i = 3; i >= 0; i--)
        if (i == 3 || messages[i].type != type) {
            messages[i].next = object.first;
            object.first = &messages[i];
        }
    return h5_read_dataset(arena, &object, out, err);
}

#define CHUNKED3(rank, sizes) "\3\2" rank U64("\x40") sizes
#define CHUNKED4(flags, rank, width, sizes, index) "\4\2" flags rank width sizes index

static void messages_of_datasets(void **state)
{
    (void)state;
    static const struct {
        int type;
        bytes body;
        mt_status status;
        const char *message;
    } cases[] = {
        { H5_MSG_DATATYPE, B("\x10\0\0\0" U32("\2") "\0\0\x10"), MT_E_CORRUPT, "datatype" },
        { H5_MSG_DATATYPE, B("\x60\0\0\0" U32("\2") "\0\0\x10\0"), MT_E_CORRUPT, "version 6" },
        { H5_MSG_DATATYPE, B("\x00\0\0\0" U32("\2") "\0\0\x10\0"), MT_E_CORRUPT, "version 0" },
        { H5_MSG_DATATYPE, B("\x1c\0\0\0" U32("\2") "\0\0\x10\0"), MT_E_CORRUPT, "class 12" },
        { H5_MSG_DATATYPE, B("\x10\0\0\0" U32("\3") "\0\0\x18\0"), MT_E_UNSUPPORTED, "odd size" },
        { H5_MSG_DATATYPE, B("\x10\0\0\0" U32("\2") "\1\0\x0f\0"), MT_E_UNSUPPORTED, "unused bits" },
        { H5_MSG_DATATYPE, B("\x10\0\0\0" U32("\2") "\0\0\x0c\0"), MT_E_UNSUPPORTED, "12 bits in 2 bytes" },
        { H5_MSG_DATATYPE, B("\x12\0\0\0" U32("\2")), MT_E_UNSUPPORTED, "time" },
        { H5_MSG_DATATYPE, B("\x15\0\0\0" U32("\2")), MT_E_UNSUPPORTED, "opaque" },
        { H5_MSG_DATATYPE, B("\x17\0\0\0" U32("\2")), MT_E_UNSUPPORTED, "reference" },
        { H5_MSG_DATATYPE, B("\x1a\0\0\0" U32("\2")), MT_E_UNSUPPORTED, "array" },
        { H5_MSG_DATATYPE, B("\x11\x20\x1f\0" U32("\4") "\0\0\x20\0\x17\x08\0\x17\x80\0\0\0"), MT_E_UNSUPPORTED,
          "IEEE 754" },
        { H5_MSG_DATASPACE, B("\3\2\0\1" U64("\4") U64("\6")), MT_E_CORRUPT, "version 3" },
        { H5_MSG_DATASPACE, B("\0\2\0\1" U64("\4") U64("\6")), MT_E_CORRUPT, "version 0" },
        { H5_MSG_DATASPACE, B("\2\x21\0\1" U64("\4") U64("\6")), MT_E_CORRUPT, "33 dimensions" },
        { H5_MSG_DATASPACE, B("\2\2\0\1" U64("\4") "\6\0"), MT_E_CORRUPT, "cut off" },
        { H5_MSG_DATASPACE, B("\2\0\0\2"), MT_E_UNSUPPORTED, "null" },
        { H5_MSG_DATASPACE, B("\2\1\0\1" ZEROS7 "\x80"), MT_E_CORRUPT, "dimension 0" },
        { H5_MSG_DATASPACE, B("\2\1\1\1" U64("\4") U64("\3")), MT_E_CORRUPT, "dimension 0" },
        { H5_MSG_DATASPACE, B("\1\2\0\0" ZEROS4 U64("\4") U64("\6")), MT_OK, NULL },
        { H5_MSG_FILL, B("\4\0\0\1" U32("\2") "\7\0"), MT_E_CORRUPT, "version 4" },
        { H5_MSG_FILL, B("\0\0\0\1" U32("\2") "\7\0"), MT_E_CORRUPT, "version 0" },
        { H5_MSG_FILL, B("\2\0\0\1" U32("\3") "\7\0\0"), MT_E_CORRUPT, "3 bytes" },
        { H5_MSG_FILL, B("\2\0\0\1" U32("\2") "\7"), MT_E_CORRUPT, "2 bytes" },
        { H5_MSG_FILL, B("\2\0\0\1" U32("\0")), MT_OK, NULL },
        { H5_MSG_FILL, B("\2\0\0\0" U32("\3")), MT_OK, NULL },
        { H5_MSG_OLD_FILL, B(U32("\1") "\7"), MT_E_CORRUPT, "1 bytes" },
        { H5_MSG_FILTERS, B("\0\1\1\0\0\0\1\0" U32("\5")), MT_E_CORRUPT, "version 0" },
        { H5_MSG_FILTERS, B("\3\1\1\0\0\0\1\0" U32("\5")), MT_E_CORRUPT, "version 3" },
        { H5_MSG_FILTERS, B("\2\x09\1\0\0\0\1\0" U32("\5")), MT_E_UNSUPPORTED, "9 filters" },
        { H5_MSG_FILTERS, B("\2\1\1\0\0\0\x21\0" U32("\5")), MT_E_UNSUPPORTED, "33 parameters" },
        { H5_MSG_FILTERS, B("\2\1\1\0\0\0\1\0\5\0"), MT_E_CORRUPT, "cut off" },
        { H5_MSG_LAYOUT, B("\6\1" U64("\x40") U64("\x30")), MT_E_UNSUPPORTED, "version 6" },
        { H5_MSG_LAYOUT, B("\0\1" U64("\x40") U64("\x30")), MT_E_CORRUPT, "version 0" },
        { H5_MSG_LAYOUT, B("\3\4" U64("\x40") U64("\x30")), MT_E_CORRUPT, "class 4" },
        { H5_MSG_LAYOUT, B("\3\1" U64("\x40") U32("\x30")), MT_E_CORRUPT, "cut off" },
        { H5_MSG_LAYOUT, B("\3\1" U64("\x40") U64("\x2f")), MT_E_CORRUPT, "47 bytes to a dataset of 48" },
        { H5_MSG_LAYOUT, B("\3\1\xd1\x0f\0\0\0\0\0\0" U64("\x30")), MT_E_CORRUPT, "outside" },
        { H5_MSG_LAYOUT, B("\3\1\x01\x10\0\0\0\0\0\0" U64("\x30")), MT_E_CORRUPT, "outside" },
        { H5_MSG_LAYOUT, B("\3\1\xd0\x0f\0\0\0\0\0\0" U64("\x30")), MT_OK, NULL },
        { H5_MSG_LAYOUT, B(CHUNKED3("\2", U32("\2") U32("\2"))), MT_E_CORRUPT, "1 dimensions" },
        { H5_MSG_LAYOUT, B(CHUNKED3("\x22", U32("\2") U32("\2"))), MT_E_CORRUPT, "34 dimensions" },
        { H5_MSG_LAYOUT, B(CHUNKED3("\3", U32("\2") U32("\2") U32("\4"))), MT_E_CORRUPT, "4 bytes" },
        { H5_MSG_LAYOUT, B(CHUNKED3("\3", U32("\2") U32("\0") U32("\2"))), MT_E_CORRUPT, "dimension 1" },
        { H5_MSG_LAYOUT, B(CHUNKED3("\3", U32("\2") U32("\2") U32("\2"))), MT_OK, NULL },
        { H5_MSG_LAYOUT, B(CHUNKED4("\0", "\3", "\0", "\2\2\2", "\2") U64("\x40")), MT_E_CORRUPT, "0 bytes each" },
        { H5_MSG_LAYOUT, B(CHUNKED4("\0", "\3", "\x09", "\2\2\2", "\2") U64("\x40")), MT_E_CORRUPT, "9 bytes each" },
        { H5_MSG_LAYOUT, B(CHUNKED4("\0", "\x22", "\1", "\2\2\2", "\2") U64("\x40")), MT_E_CORRUPT, "34 dimensions" },
        { H5_MSG_LAYOUT, B(CHUNKED4("\0", "\3", "\1", "\2\2\2", "\6") U64("\x40")), MT_E_UNSUPPORTED, "type 6" },
        { H5_MSG_LAYOUT, B(CHUNKED4("\0", "\3", "\1", "\2\2\2", "\2") U64("\x40")), MT_OK, NULL },
        { H5_MSG_LAYOUT, B("\1\3\3" ZEROS4 "\0" U64("\x40") U32("\2") U32("\2") U32("\2")), MT_E_CORRUPT, "class 3" },
        { H5_MSG_LAYOUT, B("\1\x22\2" ZEROS4 "\0" U64("\x40") U32("\2") U32("\2") U32("\2")), MT_E_CORRUPT,
          "34 dimensions" },
        { H5_MSG_LAYOUT, B("\1\3\2" ZEROS4 "\0" U64("\x40") U32("\2") U32("\2") U32("\2")), MT_OK, NULL },
        { H5_MSG_LAYOUT, B("\1\2\0" ZEROS4 "\0" U32("\4") U32("\6") U32("\x30") "too short"), MT_E_CORRUPT, "cut off" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        h5_dataset d;
        mt_error err = MT_ERROR_INIT;
        mt_status st = read_dataset(cases[i].type, cases[i].body, &d, &err);
        if (st != cases[i].status || (st && !strstr(err.message, cases[i].message)))
            fail_msg("case %d (message %d): %s: %s", (int)i, cases[i].type, mt_status_name(st), err.message);
    }
}

static void what_layouts_say(void **state)
{
    (void)state;
    h5_dataset d;
    mt_error err = MT_ERROR_INIT;
    check_ok(read_dataset(H5_MSG_LAYOUT, (bytes)B(CHUNKED3("\3", U32("\2") U32("\5") U32("\2"))), &d, &err), &err);
    assert_true(d.layout == H5_CHUNKED && d.index == H5_TREE1 && d.address == 0x40);
    assert_true(d.chunk[0] == 2 && d.chunk[1] == 5 && d.bytes == 20);

    check_ok(
        read_dataset(H5_MSG_LAYOUT, (bytes)B(CHUNKED4("\1", "\3", "\1", "\2\3\2", "\3") "\7" U64("\x40")), &d, &err),
        &err);
    assert_true(d.index == H5_FIXED_ARRAY && d.raw_edges && d.address == 0x40 && d.chunk[1] == 3);
    check_ok(read_dataset(H5_MSG_LAYOUT, (bytes)B(CHUNKED4("\0", "\3", "\1", "\2\3\2", "\4") "\1\2\3\4\5" U64("\x40")),
                          &d, &err),
             &err);
    assert_true(d.index == H5_EXTENSIBLE_ARRAY && !d.raw_edges && d.address == 0x40);
    check_ok(read_dataset(H5_MSG_LAYOUT,
                          (bytes)B(CHUNKED4("\0", "\3", "\1", "\2\3\2", "\5") "\1\2\3\4\5\6" U64("\x40")), &d, &err),
             &err);
    assert_true(d.index == H5_TREE2 && d.address == 0x40);
    check_ok(read_dataset(H5_MSG_LAYOUT, (bytes)B(CHUNKED4("\0", "\3", "\1", "\2\3\2", "\1") U64("\x40")), &d, &err),
             &err);
    assert_true(d.index == H5_SINGLE && d.address == 0x40 && d.bytes == 12 && d.mask == 0);

    check_ok(read_dataset(H5_MSG_LAYOUT,
                          (bytes)B("\3\0\x30\0"
                                   "012345678901234567890123456789012345678901234567"),
                          &d, &err),
             &err);
    assert_true(d.layout == H5_COMPACT && d.address == 104 && d.bytes == 48);
    check_ok(read_dataset(H5_MSG_LAYOUT,
                          (bytes)B("\1\2\0" ZEROS4 "\0" U32("\4") U32("\6")
                                       U32("\x30") "012345678901234567890123456789012345678901234567"),
                          &d, &err),
             &err);
    assert_true(d.layout == H5_COMPACT && d.address == 120 && d.bytes == 48);

    check_ok(read_dataset(H5_MSG_FILL, (bytes)B("\2\0\0\1" U32("\2") "\7\1"), &d, &err), &err);
    assert_int_equal(d.fill[0] | d.fill[1] << 8, mt_host_big_endian() ? 0x0701 : 0x0107);
    check_ok(read_dataset(H5_MSG_FILL, (bytes)B("\3\x20" U32("\2") "\7\1"), &d, &err), &err);
    assert_true(d.fill[0] == 7 || d.fill[1] == 7);
    check_ok(read_dataset(H5_MSG_FILL, (bytes)B("\3\0"), &d, &err), &err);
    assert_true(d.fill[0] == 0 && d.fill[1] == 0);
}

static void parameters_of_filters(void **state)
{
    (void)state;
    static const struct {
        h5_type type;
        h5_filter filter;
        mt_status status;
        const char *message;
    } cases[] = {
#define U16_TYPE { .size = 2, .bits = 16, .dtype = MT_UINT16 }
#define FLOAT_TYPE                                                                                                     \
    {                                                                                                                  \
        .size = 4, .dtype = MT_FLOAT32, .big_endian = true                                                             \
    }
        { U16_TYPE, { 2, 1, { 2 } }, MT_OK, NULL },
        { U16_TYPE, { 2, 1, { 0 } }, MT_E_CORRUPT, "element size" },
        { U16_TYPE, { 2, 0, { 0 } }, MT_E_CORRUPT, "element size" },
        { U16_TYPE, { 4, 3, { 32, 8, 16 } }, MT_E_CORRUPT, "3 parameters" },
        { U16_TYPE, { 5, 8, { 8, 0, 10, 1, 2, 0, 16, 0 } }, MT_OK, NULL },
        { U16_TYPE, { 5, 8, { 9, 0, 10, 1, 2, 0, 16, 0 } }, MT_E_CORRUPT, "8 parameters" },
        { U16_TYPE, { 5, 8, { 8, 0, 10, 2, 2, 0, 16, 0 } }, MT_E_UNSUPPORTED, "nbit" },
        { U16_TYPE, { 5, 8, { 8, 0, 10, 1, 2, 0, 16, 1 } }, MT_E_UNSUPPORTED, "nbit" },
        { U16_TYPE, { 5, 7, { 7, 0, 10, 1, 2, 0, 16 } }, MT_E_UNSUPPORTED, "nbit" },
        { U16_TYPE, { 5, 8, { 8, 0, 10, 1, 2, 1, 16, 0 } }, MT_E_CORRUPT, "byte order 1" },
        { U16_TYPE, { 5, 8, { 8, 0, 10, 1, 4, 0, 16, 0 } }, MT_E_CORRUPT, "16 bits in 4 bytes" },
        { U16_TYPE, { 5, 8, { 8, 0, 10, 1, 2, 0, 12, 0 } }, MT_E_CORRUPT, "12 bits in 2 bytes" },
        { U16_TYPE, { 5, 3, { 3, 1, 10 } }, MT_OK, NULL },
        { FLOAT_TYPE, { 5, 8, { 8, 0, 10, 1, 4, 1, 32, 0 } }, MT_OK, NULL },
        { FLOAT_TYPE, { 5, 8, { 8, 0, 10, 1, 4, 1, 31, 0 } }, MT_E_CORRUPT, "31 bits" },
        { U16_TYPE, { 6, 8, { 2, 0, 10, 0, 2, 0, 0, 0 } }, MT_OK, NULL },
        { U16_TYPE, { 6, 7, { 2, 0, 10, 0, 2, 0, 0 } }, MT_E_UNSUPPORTED, "scaleoffset" },
        { U16_TYPE, { 6, 8, { 2, 0, 10, 2, 2, 0, 0, 0 } }, MT_E_UNSUPPORTED, "class 2" },
        { U16_TYPE, { 6, 8, { 2, 0, 10, 0, 3, 0, 0, 0 } }, MT_E_UNSUPPORTED, "3 bytes" },
        { U16_TYPE, { 6, 8, { 0, 3, 10, 1, 2, 0, 0, 0 } }, MT_E_UNSUPPORTED, "2 bytes" },
        { U16_TYPE, { 6, 8, { 1, 3, 10, 1, 4, 0, 0, 0 } }, MT_E_UNSUPPORTED, "type 1" },
        { U16_TYPE, { 32008, 5, { 0, 3, 2, 8, 0 } }, MT_OK, NULL },
        { U16_TYPE, { 32008, 5, { 0, 3, 0, 8, 0 } }, MT_E_CORRUPT, "0 bytes" },
        { U16_TYPE, { 32008, 5, { 0, 3, 1025, 8, 0 } }, MT_E_CORRUPT, "1025 bytes" },
        { U16_TYPE, { 32008, 5, { 0, 3, 2, 12, 0 } }, MT_E_CORRUPT, "blocks of 12" },
        { U16_TYPE, { 32008, 5, { 0, 3, 2, (1u << 27) + 8, 0 } }, MT_E_CORRUPT, "blocks of 134217736" },
        { U16_TYPE, { 32008, 5, { 0, 3, 2, 8, 1 } }, MT_E_UNSUPPORTED, "compressor 1" },
        { U16_TYPE, { 32019, 4, { 90, 8, 8, 0 } }, MT_E_UNSUPPORTED, "2 bytes" },
        { U16_TYPE, { 305, 0, { 0 } }, MT_E_UNSUPPORTED, "LZO" },
        { U16_TYPE, { 4711, 0, { 0 } }, MT_E_UNSUPPORTED, "4711" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        h5_dataset d = { .type = cases[i].type, .n_filters = 1, .filters = { cases[i].filter } };
        mt_chain chain = { 0 };
        mt_error err = MT_ERROR_INIT;
        mt_status st = h5_make_chain(arena, &d, &chain, &err);
        if (st == MT_E_UNSUPPORTED && strstr(err.message, "build"))
            continue; /* without this codec */
        if (st != cases[i].status || (st && !strstr(err.message, cases[i].message)))
            fail_msg("case %d (filter %d): %s: %s", (int)i, cases[i].filter.id, mt_status_name(st), err.message);
    }
}

static h5_object object_with(h5_message *message)
{
    return (h5_object) { .file = &file, .first = message, .last = message };
}

static void links_in_messages(void **state)
{
    (void)state;
    static const struct {
        bytes body;
        const char *wanted; /* a name, or NULL: all */
        mt_status status;
        const char *message; /* or the target */
        int kind;            /* -1: no link */
    } cases[] = {
        { B("\1\0\1a" U64("\x40")), NULL, MT_OK, NULL, H5_HARD },
        { B("\1\0\1a" U64("\x40")), "a", MT_OK, NULL, H5_HARD },
        { B("\1\0\1a" U64("\x40")), "b", MT_OK, NULL, -1 },
        { B("\1\0\1a" U64("\x40")), "ab", MT_OK, NULL, -1 },
        { B("\1\x18\0\1\1a" U64("\x40")), NULL, MT_OK, NULL, H5_HARD },
        { B("\1\4" U64("\1") "\1a" U64("\x40")), NULL, MT_OK, NULL, H5_HARD },
        { B("\1\1\1\0a" U64("\x40")), NULL, MT_OK, NULL, H5_HARD },
        { B("\1\x08\1\1a\2\0/b"), NULL, MT_OK, "/b", H5_SOFT },
        { B("\1\x08\x40\1a\5\0\0f\0/b"), NULL, MT_OK, "f", H5_EXTERNAL },
        { B("\1\x08\x41\1a\2\0xx"), NULL, MT_OK, NULL, H5_OTHER },
        { B("\2\0\1a" U64("\x40")), NULL, MT_E_CORRUPT, "version 2", 0 },
        { B("\1\0\0" U64("\x40")), NULL, MT_E_CORRUPT, "version 1", 0 },
        { B("\1\0\x09"
            "abcd"),
          NULL, MT_E_CORRUPT, "version 1", 0 },
        { B("\1\0\1a" U32("\x40")), NULL, MT_E_CORRUPT, "\"a\"", 0 },
        { B("\1\x08\1\1a\5\0/b"), NULL, MT_E_CORRUPT, "\"a\" has no target", 0 },
        { B("\1\x08\x40\1a\0\0"), NULL, MT_E_CORRUPT, "\"a\" has no target", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        h5_message message = message_of(H5_MSG_LINK, cases[i].body);
        h5_object group = object_with(&message);
        h5_link *link;
        mt_error err = MT_ERROR_INIT;
        mt_status st = h5_read_links(arena, &group, cases[i].wanted, &link, &err);
        if (st != cases[i].status || (st && !strstr(err.message, cases[i].message)))
            fail_msg("case %d: %s: %s", (int)i, mt_status_name(st), err.message);
        if (st)
            continue;
        assert_int_equal(link ? (int)link->kind : -1, cases[i].kind);
        if (link && link->kind == H5_HARD)
            assert_int_equal(link->address, 0x40);
        if (link && cases[i].message)
            assert_string_equal(link->target, cases[i].message);
        if (link && link->kind == H5_EXTERNAL)
            assert_string_equal(link->inside, "/b");
    }
    h5_message info = message_of(H5_MSG_LINK_INFO, (bytes)B("\1\0" FULL FULL));
    h5_object group = object_with(&info);
    h5_link *link;
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(h5_read_links(arena, &group, NULL, &link, &err), MT_E_CORRUPT);
    assert_non_null(strstr(err.message, "version 1"));
    info = message_of(H5_MSG_LINK_INFO, (bytes)B("\0\1" U64("\1") FULL FULL));
    check_ok(h5_read_links(arena, &group, NULL, &link, &err), &err);
    assert_null(link);
}

#define U8_TYPE_SIZES "\2\0\x0c\0\4\0"
#define U8_TYPE "\x10\0\0\0" U32("\1") "\0\0\x08\0"
#define SCALAR "\2\0\0\0"

static void attributes_in_messages(void **state)
{
    (void)state;
    static const struct {
        bytes body;
        mt_status status;
        const char *message;
        int value; /* -1: there is no such attribute */
    } cases[] = {
        { B("\3\0" U8_TYPE_SIZES "\0a\0" U8_TYPE SCALAR "\x2a"), MT_OK, NULL, 42 },
        { B("\2\0" U8_TYPE_SIZES "a\0" U8_TYPE SCALAR "\x2a"), MT_OK, NULL, 42 },
        { B("\1\0\2\0\x0c\0\x08\0"
            "a\0\0\0\0\0\0\0" U8_TYPE "\0\0\0\0"
            "\1\0\0\0\0\0\0\0"
            "\x2a"),
          MT_OK, NULL, 42 },
        { B("\3\0" U8_TYPE_SIZES "\0b\0" U8_TYPE SCALAR "\x2a"), MT_OK, NULL, -1 },
        { B("\3\0\3\0\x0c\0\4\0\0ab\0" U8_TYPE SCALAR "\x2a"), MT_OK, NULL, -1 },
        { B("\4\0" U8_TYPE_SIZES "\0a\0" U8_TYPE SCALAR "\x2a"), MT_E_CORRUPT, "version 4", 0 },
        { B("\0\0" U8_TYPE_SIZES "\0a\0" U8_TYPE SCALAR "\x2a"), MT_E_CORRUPT, "version 0", 0 },
        { B("\3\0" U8_TYPE_SIZES "\0a\0" U8_TYPE "\2\0"), MT_E_CORRUPT, "version 3", 0 },
        { B("\3\0" U8_TYPE_SIZES "\0a\0" U8_TYPE SCALAR), MT_E_CORRUPT, "cut off", 0 },
        { B("\3\0\2\0\x0c\0\x0c\0\0a\0" U8_TYPE "\2\1\0\1" FULL "\x2a"), MT_E_CORRUPT, "cut off", 0 },
        { B("\3\0\2\0\x0c\0\4\0\0a\0\x60\0\0\0" U32("\1") "\0\0\x08\0" SCALAR "\x2a"), MT_E_CORRUPT, "version 6", 0 },
        { B("\3\0" U8_TYPE_SIZES "\0a\0" U8_TYPE "\3\0\0\0"
            "\x2a"),
          MT_E_CORRUPT, "version 3", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        h5_message message = message_of(H5_MSG_ATTRIBUTE, cases[i].body);
        h5_object object = object_with(&message);
        h5_attribute a;
        bool found;
        double value;
        mt_error err = MT_ERROR_INIT;
        mt_status st = h5_find_attribute(arena, &object, "a", &found, &a, &err);
        if (st != cases[i].status || (st && !strstr(err.message, cases[i].message)))
            fail_msg("case %d: %s: %s", (int)i, mt_status_name(st), err.message);
        if (st)
            continue;
        assert_int_equal(found, cases[i].value >= 0);
        if (found)
            assert_true(h5_attribute_number(&a, 0, &value) && (int)value == cases[i].value);
        if (found)
            assert_false(h5_attribute_number(&a, 1, &value));
    }
    h5_message info = message_of(H5_MSG_ATTRIBUTE_INFO, (bytes)B("\1\0" FULL FULL));
    h5_object object = object_with(&info);
    h5_attribute a;
    bool found;
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(h5_find_attribute(arena, &object, "a", &found, &a, &err), MT_E_CORRUPT);
    assert_non_null(strstr(err.message, "version 1"));
    info = message_of(H5_MSG_ATTRIBUTE_INFO, (bytes)B("\0\1\0\0" FULL FULL));
    check_ok(h5_find_attribute(arena, &object, "a", &found, &a, &err), &err);
    assert_false(found);
}

static void numbers_of_attributes(void **state)
{
    (void)state;
    static const struct {
        mt_dtype dtype;
        bool big_endian;
        bytes data;
        double value;
    } cases[] = {
        { MT_UINT8, false, B("\xfe"), 254 },
        { MT_BOOL, false, B("\1"), 1 },
        { MT_INT8, false, B("\xfe"), -2 },
        { MT_UINT16, false, B("\xfe\xff"), 65534 },
        { MT_UINT16, true, B("\xff\xfe"), 65534 },
        { MT_INT16, false, B("\xfe\xff"), -2 },
        { MT_UINT32, true, B("\xff\xff\xff\xfe"), 4294967294.0 },
        { MT_INT32, true, B("\xff\xff\xff\xfe"), -2 },
        { MT_UINT64, false, B("\0\0\0\0\0\0\0\x80"), 0x1p63 },
        { MT_INT64, false, B("\xfe\xff\xff\xff\xff\xff\xff\xff"), -2 },
        { MT_FLOAT32, true, B("\x3f\xc0\0\0"), 1.5 },
        { MT_FLOAT64, true, B("\x3f\xf8\0\0\0\0\0\0"), 1.5 },
    };
    double value;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        h5_attribute a = { .file = &file,
                           .type = { .size = (uint32_t)mt_dtype_size(cases[i].dtype),
                                     .dtype = cases[i].dtype,
                                     .big_endian = cases[i].big_endian },
                           .count = 1 };
        a.data = mt_reader_over((const uint8_t *)cases[i].data.text, cases[i].data.size, false);
        if (!h5_attribute_number(&a, 0, &value) || value != cases[i].value)
            fail_msg("%s is read as %g", mt_dtype_name(cases[i].dtype), value);
        a.data.size--;
        assert_false(h5_attribute_number(&a, 0, &value));
    }
    h5_attribute half = { .type = { .size = 2, .dtype = MT_FLOAT16 }, .count = 1 };
    assert_false(h5_attribute_number(&half, 0, &value));
}

static void texts_of_attributes(void **state)
{
    (void)state;
    const char *text;
    mt_error err = MT_ERROR_INIT;
    h5_attribute a = { .file = &file, .type = { .kind = H5_STRING, .size = 4 }, .count = 3 };
    a.data = mt_reader_over((const uint8_t *)"abcdef  \0xyz", 12, false);
    static const char *const expected[] = { "abcd", "ef", "", NULL };
    for (uint64_t i = 0; i < 4; i++) {
        check_ok(h5_attribute_text(arena, &a, i, &text, &err), &err);
        assert_true(expected[i] ? text && strcmp(text, expected[i]) == 0 : !text);
    }
    a.type.size = 1, a.count = 8; /* single characters are one text */
    check_ok(h5_attribute_text(arena, &a, 0, &text, &err), &err);
    assert_string_equal(text, "abcdef");
    a.type.kind = H5_INTEGER, a.type.size = 4, a.count = 3;
    check_ok(h5_attribute_text(arena, &a, 0, &text, &err), &err);
    assert_null(text);
    /* Of variable length: nowhere, and nowhere with a length. */
    a.type = (h5_type) { .kind = H5_VARIABLE, .size = 16, .is_text = true }, a.count = 2;
    a.data = mt_reader_over((const uint8_t *)(U32("\0") ZEROS4 ZEROS4 ZEROS4 U32("\4") FULL ZEROS4), 32, false);
    check_ok(h5_attribute_text(arena, &a, 0, &text, &err), &err);
    assert_string_equal(text, "");
    check_ok(h5_attribute_text(arena, &a, 1, &text, &err), &err);
    assert_null(text);
    /* References in lists of no entries, and nowhere. */
    uint64_t address;
    a.type.is_text = false;
    for (uint64_t i = 0; i < 3; i++) {
        check_ok(h5_attribute_reference(arena, &a, i, &address, &err), &err);
        assert_true(address == H5_UNDEFINED);
    }
}

/* The kind of a selection, the version of its encoding, and what comes then. */
#define POINTS U32("\1")
#define SLAB1 U32("\2") U32("\1") ZEROS4 ZEROS4
#define SLAB2(flags) U32("\2") U32("\2") flags ZEROS4
#define SLAB3(flags, width) U32("\2") U32("\3") flags width
#define UNLIMITED FULL

static void selections(void **state)
{
    (void)state;
    static const struct {
        bytes body;
        mt_status status;
        const char *message;
        int64_t extent, most;
        size_t n; /* intervals along the first dimension, and their first and total */
        int64_t start, total;
    } cases[] = {
        { B(POINTS), MT_E_UNSUPPORTED, "points", 0, 0, 0, 0, 0 },
        { B(U32("\4")), MT_E_CORRUPT, "type 4", 0, 0, 0, 0, 0 },
        { B(U32("\0") U32("\1") ZEROS4), MT_E_CORRUPT, "cut off", 0, 0, 0, 0, 0 },
        { B(U32("\2") U32("\4")), MT_E_UNSUPPORTED, "version 4", 0, 0, 0, 0, 0 },
        { B(SLAB3("\1", "\3") U32("\1")), MT_E_CORRUPT, "3 bytes", 0, 0, 0, 0, 0 },
        { B(SLAB3("\1", "\2") U32("\0")), MT_E_CORRUPT, "0 dimensions", 0, 0, 0, 0, 0 },
        { B(SLAB3("\1", "\2") U32("\x21")), MT_E_CORRUPT, "33 dimensions", 0, 0, 0, 0, 0 },
        { B(SLAB3("\1", "\2") U32("\1") "\1\0\2\0\3\0"), MT_E_CORRUPT, "cut off", 0, 0, 0, 0, 0 },
        { B(SLAB3("\1", "\2") U32("\1") "\1\0\1\0\3\0\2\0"), MT_E_CORRUPT, "3 blocks of 2", 0, 0, 0, 0, 0 },
        { B(SLAB3("\1", "\2") U32("\1") "\1\0\0\0\3\0\0\0"), MT_E_CORRUPT, "3 blocks of 0", 0, 0, 0, 0, 0 },
        { B(SLAB2("\1") U32("\1") U64("\1") U64("\2") UNLIMITED U64("\0")), MT_E_CORRUPT, "blocks of 0", 0, 0, 0, 0,
          0 },
        { B(SLAB2("\1") U32("\1") FULL U64("\2") U64("\1") U64("\1")), MT_E_CORRUPT, "too far", 0, 0, 0, 0, 0 },
        { B(SLAB2("\1") U32("\1") U64("\1") ZEROS7 "\x10" ZEROS7 "\x10" U64("\1")), MT_E_CORRUPT, "apart", 0, 0, 0, 0,
          0 },
        { B(SLAB1 U32("\1") U32("\2") U32("\0") U32("\1") U32("\3")), MT_E_CORRUPT, "cut off", 0, 0, 0, 0, 0 },
        { B(SLAB1 U32("\1") U32("\1") U32("\3") U32("\1")), MT_E_CORRUPT, "ends at 1", 0, 0, 0, 0, 0 },
        /* Blocks 1 to 3 and 5 to 6; adjacent blocks; none; all of an extent. */
        { B(SLAB1 U32("\1") U32("\2") U32("\1") U32("\3") U32("\5") U32("\6")), MT_OK, NULL, 10, 10, 2, 1, 5 },
        { B(SLAB1 U32("\1") U32("\2") U32("\1") U32("\3") U32("\4") U32("\6")), MT_OK, NULL, 10, 10, 1, 1, 6 },
        { B(SLAB1 U32("\1") U32("\0")), MT_OK, NULL, 10, 10, 0, 0, 0 },
        { B(U32("\0") U32("\1") ZEROS4 ZEROS4), MT_OK, NULL, 10, 10, 0, 0, 0 },
        { B(U32("\3") U32("\1") ZEROS4 ZEROS4), MT_OK, NULL, 10, 10, 1, 0, 10 },
        /* Three blocks of 2, 4 apart; touching; unlimited ones as far as the extent, and as the other side. */
        { B(SLAB3("\1", "\2") U32("\1") "\1\0\4\0\3\0\2\0"), MT_OK, NULL, 100, 100, 3, 1, 6 },
        { B(SLAB3("\1", "\2") U32("\1") "\1\0\2\0\3\0\2\0"), MT_OK, NULL, 100, 100, 1, 1, 6 },
        { B(SLAB3("\1", "\2") U32("\1") "\1\0\4\0\xff\xff\2\0"), MT_OK, NULL, 12, 100, 3, 1, 6 },
        { B(SLAB3("\1", "\2") U32("\1") "\1\0\4\0\xff\xff\2\0"), MT_OK, NULL, 10, 100, 3, 1, 5 },
        { B(SLAB3("\1", "\2") U32("\1") "\1\0\4\0\xff\xff\2\0"), MT_OK, NULL, 100, 3, 2, 1, 3 },
        { B(SLAB3("\1", "\4") U32("\1") U32("\1") U32("\1") U32("\1") "\xff\xff\xff\xff"), MT_OK, NULL, 10, 5, 1, 1,
          5 },
        { B(SLAB2("\1") U32("\1") U64("\1") U64("\1") U64("\1") UNLIMITED), MT_OK, NULL, 10, 50, 1, 1, 9 },
        { B(SLAB2("\1") U32("\1") U64("\x14") U64("\1") U64("\1") UNLIMITED), MT_OK, NULL, 10, 50, 0, 0, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_reader r = mt_reader_over((const uint8_t *)cases[i].body.text, cases[i].body.size, false);
        h5_selection s;
        h5_intervals along;
        mt_error err = MT_ERROR_INIT;
        mt_status st = h5_read_selection(&r, arena, &s, &err);
        if (st != cases[i].status || (st && !strstr(err.message, cases[i].message)))
            fail_msg("case %d: %s: %s", (int)i, mt_status_name(st), err.message);
        if (st)
            continue;
        check_ok(h5_select_along(&s, 0, cases[i].extent, cases[i].most, arena, &along, &err), &err);
        if (along.count != cases[i].n || along.total != cases[i].total ||
            (along.count && along.list[0].start != cases[i].start))
            fail_msg("case %d: %d intervals of %d", (int)i, (int)along.count, (int)along.total);
        assert_int_equal(h5_unlimited_dimension(&s),
                         memcmp(cases[i].body.text + cases[i].body.size - 4, "\xff\xff\2", 3) == 0 ||
                                 cases[i].body.text[cases[i].body.size - 1] == '\xff'
                             ? 0
                             : -1);
    }
}

/* Blocks of two dimensions: all combinations of 0-1 and 4-5 with 2 and 7, one less, and one that does not rise. */
static void products_of_blocks(void **state)
{
    (void)state;
#define BLOCK(y0, x0, y1, x1) U32(y0) U32(x0) U32(y1) U32(x1)
    static const struct {
        bytes body;
        bool is_product;
    } cases[] = {
        { B(SLAB1 U32("\2") U32("\4") BLOCK("\0", "\2", "\1", "\2") BLOCK("\0", "\7", "\1", "\7")
                BLOCK("\4", "\2", "\5", "\2") BLOCK("\4", "\7", "\5", "\7")),
          true },
        { B(SLAB1 U32("\2") U32("\3") BLOCK("\0", "\2", "\1", "\2") BLOCK("\0", "\7", "\1", "\7")
                BLOCK("\4", "\2", "\5", "\2")),
          false },
        { B(SLAB1 U32("\2") U32("\4") BLOCK("\0", "\2", "\1", "\2") BLOCK("\0", "\7", "\1", "\7")
                BLOCK("\4", "\2", "\5", "\2") BLOCK("\4", "\6", "\5", "\6")),
          false },
        { B(SLAB1 U32("\2") U32("\2") BLOCK("\0", "\7", "\1", "\7") BLOCK("\0", "\2", "\1", "\2")), false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_reader r = mt_reader_over((const uint8_t *)cases[i].body.text, cases[i].body.size, false);
        h5_selection s;
        h5_intervals along;
        mt_error err = MT_ERROR_INIT;
        check_ok(h5_read_selection(&r, arena, &s, &err), &err);
        assert_int_equal(s.is_product, cases[i].is_product);
        if (!s.is_product)
            continue;
        for (int d = 0; d < 2; d++) {
            check_ok(h5_select_along(&s, d, 10, 10, arena, &along, &err), &err);
            assert_true(along.count == 2 && along.list[0].start == (d ? 2 : 0) && along.list[1].start == (d ? 7 : 4));
            assert_true(along.list[0].n == (d ? 1 : 2) && along.total == (d ? 2 : 4));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_datasets),   cmocka_unit_test(what_layouts_say),
        cmocka_unit_test(parameters_of_filters),  cmocka_unit_test(links_in_messages),
        cmocka_unit_test(attributes_in_messages), cmocka_unit_test(numbers_of_attributes),
        cmocka_unit_test(texts_of_attributes),    cmocka_unit_test(selections),
        cmocka_unit_test(products_of_blocks),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
