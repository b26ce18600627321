/* SPDX-License-Identifier: BSD-3-Clause */
/* Superblocks, object headers, groups of old files and indices of chunks, byte by byte: what is found in them, and each
 * reason for which they are refused. */
#include "crafted.h"

/* Superblock of version 2, with an end of file address. */
static void put_superblock(crafted *c, int version, int address_bytes, int length_bytes, int flags, uint64_t end)
{
    c->at = 0;
    PUT_BYTES(c, 0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n');
    PUT_BYTES(c, (uint8_t)version, (uint8_t)address_bytes, (uint8_t)length_bytes, (uint8_t)flags);
    put_number(c, 0, (size_t)address_bytes);
    put_number(c, UINT64_MAX, (size_t)address_bytes);
    put_number(c, end, (size_t)address_bytes);
    put_number(c, 0x60, (size_t)address_bytes);
    seal(c, 0);
}

static void put_old_superblock(crafted *c, int version, int address_bytes, int length_bytes, uint64_t end)
{
    c->at = 0;
    PUT_BYTES(c, 0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n');
    PUT_BYTES(c, (uint8_t)version, 0, 0, 0, 0, (uint8_t)address_bytes, (uint8_t)length_bytes, 0, 4, 0, 16, 0, 0, 0, 0,
              0);
    if (version == 1)
        put_number(c, 32, 4);
    put_number(c, 0, (size_t)address_bytes);
    put_number(c, UINT64_MAX, (size_t)address_bytes);
    put_number(c, end, (size_t)address_bytes);
    put_number(c, UINT64_MAX, (size_t)address_bytes);
    put_number(c, 0, (size_t)address_bytes);
    put_number(c, 0x60, (size_t)address_bytes);
}

static void superblocks(void **state)
{
    (void)state;
    static const struct {
        int version, address_bytes, length_bytes, flags;
        uint64_t end;
        mt_status status;
        const char *message;
    } cases[] = {
        { 2, 8, 8, 0, CRAFTED_BYTES, MT_OK, NULL },
        { 3, 4, 4, 0, CRAFTED_BYTES, MT_OK, NULL },
        { 3, 2, 2, 0, 0xffff, MT_OK, NULL }, /* undefined */
        { 4, 8, 8, 0, CRAFTED_BYTES, MT_E_UNSUPPORTED, "version 4" },
        { 2, 3, 8, 0, CRAFTED_BYTES, MT_E_UNSUPPORTED, "addresses of 3" },
        { 2, 8, 5, 0, CRAFTED_BYTES, MT_E_UNSUPPORTED, "lengths of 5" },
        { 2, 8, 8, 0, CRAFTED_BYTES + 1, MT_E_CORRUPT, "8192 bytes, of 8193" },
        { 3, 8, 8, 1, CRAFTED_BYTES + 1, MT_E_CORRUPT, "being written" },
        { 3, 8, 8, 4, CRAFTED_BYTES + 1, MT_E_CORRUPT, "being written" },
        { 0, 8, 8, 0, CRAFTED_BYTES, MT_OK, NULL },
        { 1, 4, 8, 0, CRAFTED_BYTES, MT_OK, NULL },
        { 0, 7, 8, 0, CRAFTED_BYTES, MT_E_UNSUPPORTED, "addresses of 7" },
        { 0, 8, 8, 0, CRAFTED_BYTES + 1, MT_E_CORRUPT, "8192 bytes, of 8193" },
    };
    crafted c;
    craft(&c);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_error err = MT_ERROR_INIT;
        if (cases[i].version < 2)
            put_old_superblock(&c, cases[i].version, cases[i].address_bytes, cases[i].length_bytes, cases[i].end);
        else
            put_superblock(&c, cases[i].version, cases[i].address_bytes, cases[i].length_bytes, cases[i].flags,
                           cases[i].end);
        open_crafted(&c);
        check_failure(h5_read_superblock(&c.file, &err), cases[i].status, &err, cases[i].message, (int)i);
        if (!cases[i].status)
            assert_true(c.file.root == 0x60 && c.file.base == 0 &&
                        c.file.address_bytes == (size_t)cases[i].address_bytes);
    }
    mt_error err = MT_ERROR_INIT;
    put_superblock(&c, 2, 8, 8, 0, CRAFTED_BYTES);
    c.bytes[20] ^= 1;
    open_crafted(&c);
    check_failure(h5_read_superblock(&c.file, &err), MT_E_CORRUPT, &err, "checksum", -1);
    memset(c.bytes, 0, 64);
    open_crafted(&c);
    check_failure(h5_read_superblock(&c.file, &err), MT_E_CORRUPT, &err, "signature", -2);
    /* Behind a user block, and cut off there. */
    put_superblock(&c, 2, 8, 8, 0, CRAFTED_BYTES);
    memcpy(c.bytes + 4096, c.bytes, 64);
    memset(c.bytes, 0, 64);
    open_crafted(&c);
    check_ok(h5_read_superblock(&c.file, &err), &err);
    assert_int_equal(c.file.base, 4096);
    mt_store_close(c.store);
    check_ok(mt_store_open_memory(&c.context->env, "crafted.h5", c.bytes, 4096 + 30, &c.store, &err), &err);
    c.file.store = c.store;
    check_failure(h5_read_superblock(&c.file, &err), MT_E_CORRUPT, &err, "superblock", -3);
    discard(&c);
}

/* An object header of version 2 at 256, of one message. */
static void put_header(crafted *c, int version, int flags, size_t size, int type, int message_bytes, int message_flags,
                       const void *body, size_t body_bytes)
{
    size_t start = c->at = 256;
    put_text(c, "OHDR");
    PUT_BYTES(c, (uint8_t)version, (uint8_t)flags);
    put_number(c, 0, (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0));
    put_number(c, size, (size_t)1 << (flags & 3));
    PUT_BYTES(c, (uint8_t)type, (uint8_t)message_bytes, 0, (uint8_t)message_flags);
    put_number(c, 0, flags & 4 ? 2 : 0);
    put(c, body, body_bytes);
    seal(c, start);
}

static void object_headers(void **state)
{
    (void)state;
    static const struct {
        int version, flags;
        size_t size;
        int type, message_bytes;
        size_t body_bytes;
        mt_status status;
        const char *message;
    } cases[] = {
        { 2, 0, 20, 3, 16, 16, MT_OK, NULL },
        { 2, 0x34, 22, 3, 16, 16, MT_OK, NULL },
        { 2, 1, 20, 3, 16, 16, MT_OK, NULL },
        { 2, 3, 20, 3, 16, 16, MT_OK, NULL },
        { 3, 0, 20, 3, 16, 16, MT_E_UNSUPPORTED, "version 3" },
        { 2, 1, 9000, 3, 16, 16, MT_E_CORRUPT, "9000 bytes" },
        { 2, 1, 8000, 3, 16, 16, MT_E_CORRUPT, "outside the file" },
        { 2, 0, 19, 3, 16, 16, MT_E_CORRUPT, "checksum" },
        { 2, 0, 20, 3, 17, 16, MT_E_CORRUPT, "message of type 3" },
        { 2, 0, 16, 16, 12, 12, MT_E_CORRUPT, "continuation" },
    };
    const uint8_t body[16] = { 0, 2, 0, 0, 0, 0, 0, 0, 64 };
    crafted c;
    craft(&c);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        h5_object object;
        mt_error err = MT_ERROR_INIT;
        put_header(&c, cases[i].version, cases[i].flags, cases[i].size, cases[i].type, cases[i].message_bytes, 0, body,
                   cases[i].body_bytes);
        mt_status st = h5_read_object(open_crafted(&c), c.arena, 256, &object, &err);
        check_failure(st, cases[i].status, &err, cases[i].message, (int)i);
        if (!st)
            assert_true(h5_find_message(&object, 3)->body.size == 16 && !h5_find_message(&object, 4));
    }

    /* What a continuation leads to: nothing, a block with a wrong checksum, one that is too short, itself. */
    h5_object object;
    mt_error err = MT_ERROR_INIT;
    put_header(&c, 2, 0, 20, 16, 16, 0, body, 16);
    check_failure(h5_read_object(open_crafted(&c), c.arena, 256, &object, &err), MT_E_CORRUPT, &err, "no OCHK", 20);
    c.at = 512;
    put_text(&c, "OCHK");
    check_failure(h5_read_object(open_crafted(&c), c.arena, 256, &object, &err), MT_E_CORRUPT, &err, "checksum", 21);
    PUT_BYTES(&c, 16, 16, 0, 0);
    put(&c, body, 16);
    c.at = 512 + 60;
    seal(&c, 512);
    check_failure(h5_read_object(open_crafted(&c), c.arena, 256, &object, &err), MT_E_CORRUPT, &err,
                  "too many continuations", 22);
    const uint8_t small[16] = { 0, 2, 0, 0, 0, 0, 0, 0, 7 };
    put_header(&c, 2, 0, 20, 16, 16, 0, small, 16);
    check_failure(h5_read_object(open_crafted(&c), c.arena, 256, &object, &err), MT_E_CORRUPT, &err, "no OCHK", 23);

    /* Places where there is no object. */
    static const struct {
        uint64_t address;
        const char *message;
    } places[] = { { CRAFTED_BYTES, "outside" }, { 1024, "no object header" } };
    for (size_t i = 0; i < 2; i++)
        check_failure(h5_read_object(open_crafted(&c), c.arena, places[i].address, &object, &err), MT_E_CORRUPT, &err,
                      places[i].message, 30 + (int)i);
    c.bytes[CRAFTED_BYTES - 8] = 1;
    check_failure(h5_read_object(open_crafted(&c), c.arena, CRAFTED_BYTES - 8, &object, &err), MT_E_CORRUPT, &err,
                  "ends early", 32);
    discard(&c);
}

/* A datatype message that lies in another object, at 256. */
static void shared_messages(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[20];
        size_t size;
        int type;
        mt_status status;
        const char *message;
    } cases[] = {
        { { 3, 2, 0, 1 }, 10, 3, MT_OK, NULL },
        { { 2, 0, 0, 1 }, 10, 3, MT_OK, NULL },
        { { 1, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 16, 3, MT_OK, NULL },
        { { 3, 1, 0, 1 }, 10, 3, MT_E_UNSUPPORTED, "shared" },
        { { 4, 2, 0, 1 }, 10, 3, MT_E_UNSUPPORTED, "shared" },
        { { 3, 2, 0, 1 }, 9, 3, MT_E_CORRUPT, "too short" },
        { { 3, 2, 0, 1 }, 10, 1, MT_E_CORRUPT, "not at address 256" },
        { { 3, 2, 0, 2 }, 10, 3, MT_E_CORRUPT, "address 512" },
    };
    const uint8_t body[16] = "a datatype";
    crafted c;
    craft(&c);
    for (int nested = 0; nested < 2; nested++)
        for (size_t i = 0; i < (nested ? 1 : sizeof cases / sizeof *cases); i++) {
            mt_reader out;
            mt_error err = MT_ERROR_INIT;
            h5_message m = { .type = cases[i].type, .shared = true };
            m.body = mt_reader_over(cases[i].bytes, cases[i].size, false);
            put_header(&c, 2, 0, 20, 3, 16, nested ? 2 : 0, body, 16);
            mt_status st = h5_open_message(open_crafted(&c), c.arena, &m, &out, &err);
            check_failure(st, nested ? MT_E_CORRUPT : cases[i].status, &err,
                          nested ? "not at address 256" : cases[i].message, (int)i);
            if (!st)
                assert_memory_equal(out.data, body, 16);
        }
    discard(&c);
}

/* A group of an old file: B-tree at 1024, symbols at 1536, heap at 2048 with the names at 2112. */
typedef struct group {
    int level, n;
    uint64_t before, behind; /* names around the only child */
    uint64_t child;
    const char *signature;
    int version, symbols;
    uint64_t name;
    uint32_t cached, target;
} group;

static void put_group(crafted *c, const group *g)
{
    c->at = 1024;
    put_text(c, "TREE");
    PUT_BYTES(c, 0, (uint8_t)g->level, (uint8_t)g->n, 0);
    put_number(c, UINT64_MAX, 8), put_number(c, UINT64_MAX, 8);
    put_number(c, g->before, 8), put_number(c, g->child, 8), put_number(c, g->behind, 8);
    c->at = 1536;
    put_text(c, g->signature);
    PUT_BYTES(c, (uint8_t)g->version, 0, (uint8_t)g->symbols, 0);
    put_number(c, g->name, 8), put_number(c, 0x100, 8), put_number(c, g->cached, 4), put_number(c, 0, 4);
    put_number(c, g->target, 4), put_number(c, 0, 12);
    c->at = 2048;
    put_text(c, "HEAP");
    put_number(c, 0, 4), put_number(c, 32, 8), put_number(c, UINT64_MAX, 8), put_number(c, 2112, 8);
    c->at = 2112;
    put(c, "\0\0\0\0\0\0\0\0name\0\0\0\0/target\0no end..", 32);
}

static void groups_of_old_files(void **state)
{
    (void)state;
    static const struct {
        group group;
        const char *wanted;
        mt_status status;
        const char *message;
        int kind; /* -1: no link */
    } cases[] = {
        { { 0, 1, 0, 8, 1536, "SNOD", 1, 1, 8, 0, 0 }, NULL, MT_OK, NULL, H5_HARD },
        { { 0, 1, 0, 8, 1536, "SNOD", 1, 1, 8, 0, 0 }, "name", MT_OK, NULL, H5_HARD },
        { { 0, 1, 0, 8, 1536, "SNOD", 1, 1, 8, 0, 0 }, "nam", MT_OK, NULL, -1 },
        { { 0, 1, 0, 8, 1536, "SNOD", 1, 1, 8, 0, 0 }, "names", MT_OK, NULL, -1 },
        { { 0, 1, 0, 8, 1536, "SNOD", 1, 1, 8, 2, 16 }, NULL, MT_OK, "/target", H5_SOFT },
        { { 0, 0, 0, 8, 1536, "SNOD", 1, 1, 8, 0, 0 }, NULL, MT_OK, NULL, -1 },
        { { 0, 1, 0, 8, 1536, "SNOD", 1, 1, 8, 2, 24 }, NULL, MT_E_CORRUPT, "\"name\" has no target", 0 },
        { { 0, 1, 0, 8, 1536, "SNOD", 1, 1, 24, 0, 0 }, NULL, MT_E_CORRUPT, "symbol table", 0 },
        { { 0, 1, 0, 8, 1536, "SNOD", 1, 1, 32, 0, 0 }, NULL, MT_E_CORRUPT, "symbol table", 0 },
        { { 0, 1, 0, 8, 1536, "SNOD", 2, 1, 8, 0, 0 }, NULL, MT_E_CORRUPT, "address 1536", 0 },
        { { 0, 1, 0, 8, 1536, "SNOT", 1, 1, 8, 0, 0 }, NULL, MT_E_CORRUPT, "address 1536", 0 },
        { { 0, 1, 0, 24, 1536, "SNOD", 1, 1, 8, 0, 0 }, NULL, MT_E_CORRUPT, "B-tree", 0 },
        { { 0, 1, 24, 8, 1536, "SNOD", 1, 1, 8, 0, 0 }, NULL, MT_E_CORRUPT, "B-tree", 0 },
        { { 17, 1, 0, 8, 1536, "SNOD", 1, 1, 8, 0, 0 }, NULL, MT_E_CORRUPT, "level 17", 0 },
        { { 1, 1, 0, 8, 1024, "SNOD", 1, 1, 8, 0, 0 }, NULL, MT_E_CORRUPT, "level 1", 0 },
        { { 0, 1, 0, 8, CRAFTED_BYTES, "SNOD", 1, 1, 8, 0, 0 }, NULL, MT_E_CORRUPT, "outside", 0 },
    };
    static const uint8_t addresses[16] = { 0, 4, 0, 0, 0, 0, 0, 0, 0, 8 };
    crafted c;
    craft(&c);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        h5_message table = { .type = H5_MSG_SYMBOL_TABLE, .body = mt_reader_over(addresses, sizeof addresses, false) };
        h5_link *link;
        mt_error err = MT_ERROR_INIT;
        put_group(&c, &cases[i].group);
        h5_object object = { .file = open_crafted(&c), .first = &table };
        mt_status st = h5_read_links(c.arena, &object, cases[i].wanted, &link, &err);
        check_failure(st, cases[i].status, &err, cases[i].message, (int)i);
        if (st)
            continue;
        assert_int_equal(link ? (int)link->kind : -1, cases[i].kind);
        if (link)
            assert_string_equal(link->name, "name");
        if (cases[i].message)
            assert_string_equal(link->target, cases[i].message);
    }
    h5_message table = { .type = H5_MSG_SYMBOL_TABLE, .body = mt_reader_over(addresses, sizeof addresses, false) };
    h5_object object = { .file = &c.file, .first = &table };
    h5_link *link;
    mt_error err = MT_ERROR_INIT;
    c.bytes[2048] = 'h';
    open_crafted(&c);
    check_failure(h5_read_links(c.arena, &object, NULL, &link, &err), MT_E_CORRUPT, &err, "heap at address 2048", -1);
    discard(&c);
}

/* A version 1 tree of chunks of 10 x 10: the root at 1024 has two leaves at 1536 and 2048. */
static void put_key(crafted *c, int bytes, int mask, int y, int x, int inside)
{
    put_number(c, (uint64_t)bytes, 4), put_number(c, (uint64_t)mask, 4);
    put_number(c, (uint64_t)y * 10, 8), put_number(c, (uint64_t)x * 10, 8), put_number(c, (uint64_t)inside, 8);
}

static void put_chunk_node(crafted *c, size_t at, int level, const int (*keys)[2], int n, const uint64_t *children)
{
    c->at = at;
    put_text(c, "TREE");
    PUT_BYTES(c, 1, (uint8_t)level, (uint8_t)n, 0);
    put_number(c, UINT64_MAX, 8), put_number(c, UINT64_MAX, 8);
    for (int i = 0; i <= n; i++) {
        put_key(c, 100 + i, i, keys[i][0], keys[i][1], 0);
        if (i < n)
            put_number(c, children[i], 8);
    }
}

static void put_chunk_tree(crafted *c, int root_level, int leaf_level)
{
    static const int root[][2] = { { 1, 0 }, { 3, 0 }, { 5, 0 } }, first[][2] = { { 1, 0 }, { 1, 2 }, { 3, 0 } },
                     second[][2] = { { 3, 0 }, { 4, 1 }, { 5, 0 } };
    put_chunk_node(c, 1024, root_level, root, 2, (const uint64_t[]) { 1536, 2048 });
    put_chunk_node(c, 1536, leaf_level, first, 2, (const uint64_t[]) { 3000, 3001 });
    put_chunk_node(c, 2048, leaf_level, second, 2, (const uint64_t[]) { 3002, 3003 });
}

static void chunks_of_trees(void **state)
{
    (void)state;
    static const struct {
        int64_t at[2];
        uint64_t address;
        int64_t next[2]; /* the next that is stored */
    } cases[] = {
        { { 0, 0 }, H5_UNDEFINED, { 1, 0 } }, { { 1, 0 }, 3000, { 1, 0 } },
        { { 1, 1 }, H5_UNDEFINED, { 1, 2 } }, { { 1, 2 }, 3001, { 1, 2 } },
        { { 2, 0 }, H5_UNDEFINED, { 3, 0 } }, { { 3, 0 }, 3002, { 3, 0 } },
        { { 3, 1 }, H5_UNDEFINED, { 4, 1 } }, { { 4, 1 }, 3003, { 4, 1 } },
    };
    const h5_dataset d = {
        .rank = 2, .shape = { 100, 100 }, .chunk = { 10, 10 }, .layout = H5_CHUNKED, .address = 1024, .bytes = 100
    };
    crafted c;
    craft(&c);
    put_chunk_tree(&c, 1, 0);
    open_crafted(&c);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        h5_chunk chunk;
        int64_t next[2];
        mt_error err = MT_ERROR_INIT;
        check_ok(h5_find_chunk(&c.file, &d, cases[i].at, &chunk, &err), &err);
        assert_true(chunk.address == cases[i].address);
        if (chunk.address != H5_UNDEFINED) /* the first or the second of its leaf */
            assert_true(chunk.bytes == 100 + chunk.address % 2 && chunk.mask == chunk.address % 2);
        h5_find_stored(&c.file, &d, cases[i].at, next);
        assert_true(next[0] == cases[i].next[0] && next[1] == cases[i].next[1]);
    }
    int64_t next[2];
    h5_find_stored(&c.file, &d, (const int64_t[]) { 9, 9 }, next);
    assert_true(next[0] == MT_NOWHERE);
    h5_dataset nowhere = d;
    nowhere.address = H5_UNDEFINED;
    h5_find_stored(&c.file, &nowhere, (const int64_t[]) { 0, 0 }, next);
    assert_true(next[0] == MT_NOWHERE);

    static const struct {
        int root_level, leaf_level;
        const char *message;
    } broken[] = { { 17, 0, "level 17" }, { 1, 1, "level 1" }, { 2, 0, "level 0" } };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        h5_chunk chunk;
        mt_error err = MT_ERROR_INIT;
        put_chunk_tree(&c, broken[i].root_level, broken[i].leaf_level);
        open_crafted(&c);
        check_failure(h5_find_chunk(&c.file, &d, (const int64_t[]) { 1, 0 }, &chunk, &err), MT_E_CORRUPT, &err,
                      broken[i].message, (int)i);
        h5_find_stored(&c.file, &d, (const int64_t[]) { 1, 1 }, next); /* it says nothing: all may be stored */
        assert_true(next[0] == 1 && next[1] == 1);
    }
    /* Keys that do not rise, a key inside of an element, and no tree at all. */
    static const int falling[][2] = { { 3, 0 }, { 1, 0 }, { 5, 0 } };
    h5_chunk chunk;
    mt_error err = MT_ERROR_INIT;
    put_chunk_node(&c, 1024, 0, falling, 2, (const uint64_t[]) { 3000, 3001 });
    open_crafted(&c);
    check_failure(h5_find_chunk(&c.file, &d, (const int64_t[]) { 1, 0 }, &chunk, &err), MT_E_CORRUPT, &err, "rise", 10);
    put_chunk_tree(&c, 1, 0);
    c.bytes[1024 + 24 + 8 + 16] = 1;
    open_crafted(&c);
    check_failure(h5_find_chunk(&c.file, &d, (const int64_t[]) { 1, 0 }, &chunk, &err), MT_E_CORRUPT, &err, "rise", 11);
    c.bytes[1024] = 't';
    open_crafted(&c);
    check_failure(h5_find_chunk(&c.file, &d, (const int64_t[]) { 1, 0 }, &chunk, &err), MT_E_CORRUPT, &err, "TREE", 12);
    put_chunk_tree(&c, 1, 0);
    c.bytes[1024 + 4] = 0;
    open_crafted(&c);
    check_failure(h5_find_chunk(&c.file, &d, (const int64_t[]) { 1, 0 }, &chunk, &err), MT_E_CORRUPT, &err,
                  "address 1024", 13);
    discard(&c);
}

/* The header of a fixed array at 1024 and its block at 1536; that of an extensible one. */
static void put_fixed(crafted *c, int version, int client, int element_bytes, int page_bits, uint64_t n)
{
    c->at = 1024;
    put_text(c, "FAHD");
    PUT_BYTES(c, (uint8_t)version, (uint8_t)client, (uint8_t)element_bytes, (uint8_t)page_bits);
    put_number(c, n, 8), put_number(c, 1536, 8);
    seal(c, 1024);
    c->at = 1536;
    put_text(c, "FADB");
    c->at += 2 + 8;
    for (uint64_t i = 0; i < 4; i++)
        put_number(c, 4000 + i, 8);
    seal(c, 1536);
}

static void put_extensible(crafted *c, int bits, int inside, int least, int blocks, int page_bits, int element_bytes)
{
    c->at = 1024;
    put_text(c, "EAHD");
    PUT_BYTES(c, 0, 0, (uint8_t)element_bytes, (uint8_t)bits, (uint8_t)inside, (uint8_t)least, (uint8_t)blocks,
              (uint8_t)page_bits);
    c->at += 48;
    put_number(c, UINT64_MAX, 8);
    seal(c, 1024);
}

static void arrays_of_chunks(void **state)
{
    (void)state;
    static const struct {
        int version, client, element_bytes, page_bits;
        uint64_t n;
        int64_t at;
        mt_status status;
        const char *message;
    } fixed[] = {
        { 0, 0, 8, 10, 4, 0, MT_OK, NULL },
        { 0, 0, 8, 10, 4, 3, MT_OK, NULL },
        { 1, 0, 8, 10, 4, 0, MT_E_CORRUPT, "version 1" },
        { 0, 2, 8, 10, 4, 0, MT_E_CORRUPT, "client 2" },
        { 0, 1, 16, 10, 4, 0, MT_E_CORRUPT, "client 1" },
        { 0, 0, 9, 10, 4, 0, MT_E_CORRUPT, "9 bytes" },
        { 0, 0, 8, 33, 4, 0, MT_E_CORRUPT, "pages of 2^33" },
        { 0, 0, 8, 10, 8193, 0, MT_E_CORRUPT, "8193 elements" },
        { 0, 0, 8, 10, 4, 4, MT_E_CORRUPT, "4 elements" },
        { 0, 0, 8, 10, 5, 0, MT_E_CORRUPT, "checksum" },
    };
    h5_dataset d = { .rank = 1,
                     .shape = { 50 },
                     .most = { 50 },
                     .chunk = { 10 },
                     .layout = H5_CHUNKED,
                     .index = H5_FIXED_ARRAY,
                     .address = 1024,
                     .bytes = 100 };
    crafted c;
    craft(&c);
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        h5_chunk chunk;
        mt_error err = MT_ERROR_INIT;
        put_fixed(&c, fixed[i].version, fixed[i].client, fixed[i].element_bytes, fixed[i].page_bits, fixed[i].n);
        open_crafted(&c);
        mt_status st = h5_find_chunk(&c.file, &d, &fixed[i].at, &chunk, &err);
        check_failure(st, fixed[i].status, &err, fixed[i].message, (int)i);
        if (!st)
            assert_true(chunk.address == 4000 + (uint64_t)fixed[i].at && chunk.bytes == 100);
    }
    static const struct {
        int bits, inside, least, blocks, page_bits, element_bytes;
        mt_status status;
        const char *message;
    } extensible[] = {
        { 32, 4, 16, 4, 10, 8, MT_OK, NULL },
        { 65, 4, 16, 4, 10, 8, MT_E_CORRUPT, "address 1024" },
        { 32, 4, 16, 4, 33, 8, MT_E_CORRUPT, "address 1024" },
        { 32, 4, 0, 4, 10, 8, MT_E_CORRUPT, "address 1024" },
        { 32, 4, 12, 4, 10, 8, MT_E_CORRUPT, "address 1024" },
        { 32, 4, 16, 1, 10, 8, MT_E_CORRUPT, "address 1024" },
        { 32, 4, 16, 3, 10, 8, MT_E_CORRUPT, "address 1024" },
        { 3, 4, 16, 4, 10, 8, MT_E_CORRUPT, "address 1024" },
        { 32, 4, 16, 4, 10, 7, MT_E_CORRUPT, "7 bytes" },
    };
    d.index = H5_EXTENSIBLE_ARRAY;
    d.most[0] = H5_UNDEFINED;
    for (size_t i = 0; i < sizeof extensible / sizeof *extensible; i++) {
        h5_chunk chunk;
        mt_error err = MT_ERROR_INIT;
        put_extensible(&c, extensible[i].bits, extensible[i].inside, extensible[i].least, extensible[i].blocks,
                       extensible[i].page_bits, extensible[i].element_bytes);
        open_crafted(&c);
        mt_status st = h5_find_chunk(&c.file, &d, (const int64_t[]) { 0 }, &chunk, &err);
        check_failure(st, extensible[i].status, &err, extensible[i].message, 100 + (int)i);
        if (!st)
            assert_true(chunk.address == H5_UNDEFINED);
    }
    discard(&c);
}

/* Numbers of chunks, and of bytes, that do not fit 64 bits. */
static void numbers_that_are_too_large(void **state)
{
    (void)state;
    h5_dataset d = { .rank = 2,
                     .most = { UINT64_C(1) << 62, UINT64_C(1) << 62 },
                     .chunk = { 1, 1 },
                     .layout = H5_CHUNKED,
                     .index = H5_IMPLICIT,
                     .address = 1024,
                     .bytes = 100 };
    const int64_t far[2] = { INT64_C(1) << 40, 0 }, wide[2] = { 0, INT64_C(1) << 60 }, near[2] = { 0, 3 };
    h5_chunk chunk;
    crafted c;
    craft(&c);
    mt_error err = MT_ERROR_INIT;
    open_crafted(&c);
    check_failure(h5_find_chunk(&c.file, &d, far, &chunk, &err), MT_E_CORRUPT, &err, "2^64 chunks", 0);
    check_failure(h5_find_chunk(&c.file, &d, wide, &chunk, &err), MT_E_CORRUPT, &err, "2^64 bytes", 1);
    check_ok(h5_find_chunk(&c.file, &d, near, &chunk, &err), &err);
    assert_true(chunk.address == 1324 && chunk.bytes == 100);
    discard(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(superblocks),
        cmocka_unit_test(object_headers),
        cmocka_unit_test(shared_messages),
        cmocka_unit_test(groups_of_old_files),
        cmocka_unit_test(chunks_of_trees),
        cmocka_unit_test(arrays_of_chunks),
        cmocka_unit_test(numbers_that_are_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
