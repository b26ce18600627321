/* SPDX-License-Identifier: BSD-3-Clause */
/* Heaps and B-trees of HDF5, byte by byte: what is found in them, and each reason for which they are refused. */
#include "crafted.h"

#include <stdlib.h>

/* A fractal heap, whose header is at HEAP. */
enum { HEAP = 64, ROOT = 512, BLOCK = 2048, INNER = 1024 };

typedef struct heap {
    int version, id_bytes, filter_bytes, flags;
    uint64_t most_managed;
    int width;
    uint64_t start, most_direct;
    int bits;
    uint64_t root;
    int rows;
} heap;

static const heap plain = { 0, 7, 0, 0, 100, 2, 256, 512, 16, ROOT, 0 };

static void put_heap(crafted *c, const heap *h)
{
    c->at = HEAP;
    put_text(c, "FRHP");
    put_number(c, (uint64_t)h->version, 1);
    put_number(c, (uint64_t)h->id_bytes, 2);
    put_number(c, (uint64_t)h->filter_bytes, 2);
    put_number(c, (uint64_t)h->flags, 1);
    put_number(c, h->most_managed, 4);
    c->at += 12 * 8;
    put_number(c, (uint64_t)h->width, 2);
    put_number(c, h->start, 8);
    put_number(c, h->most_direct, 8);
    put_number(c, (uint64_t)h->bits, 2);
    put_number(c, 0, 2);
    put_number(c, h->root, 8);
    put_number(c, (uint64_t)h->rows, 2);
    seal(c, HEAP);
}

/* A direct block whose objects are the numbers of their bytes. */
static void put_direct(crafted *c, size_t at, size_t size)
{
    c->at = at;
    put_text(c, "FHDB");
    while (c->at < at + size)
        put_number(c, c->at - at, 1);
}

/* An indirect block of n entries, one of which is not nowhere. */
static void put_indirect(crafted *c, size_t at, size_t n, size_t entry, uint64_t child)
{
    c->at = at;
    put_text(c, "FHIB");
    c->at += 1 + 8 + 2;
    for (size_t i = 0; i < n; i++)
        put_number(c, i == entry ? child : UINT64_MAX, 8);
    seal(c, at);
}

static mt_status read_object(crafted *c, const void *id, size_t size, mt_reader *out, mt_error *err)
{
    return h5_read_heap(open_crafted(c), c->arena, HEAP, mt_reader_over(id, size, false), out, err);
}

static void objects_of_fractal_heaps(void **state)
{
    (void)state;
    static const struct {
        int rows;
        uint16_t offset;
        size_t entries, entry; /* of the root */
        size_t inner;          /* entry of the indirect block below it, which has four; 0: there is none */
        uint8_t first;         /* of the object's bytes: where it lies in its block */
    } cases[] = {
        { 0, 20, 0, 0, 0, 20 },
        { 2, 20, 4, 0, 0, 20 },
        { 2, 3 * 256 + 30, 4, 3, 0, 30 },
        { 3, 1024 + 512 + 40, 6, 5, 0, 40 },
        { 4, 2048 + 512 + 30, 8, 6, 2, 30 },
        { 4, 2048 + 1024 + 768 + 50, 8, 7, 3, 50 },
    };
    crafted c;
    craft(&c);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        heap h = plain;
        mt_reader out;
        mt_error err = MT_ERROR_INIT;
        h.rows = cases[i].rows;
        h.root = h.rows ? ROOT : BLOCK;
        put_heap(&c, &h);
        put_direct(&c, BLOCK, 512);
        if (h.rows)
            put_indirect(&c, ROOT, cases[i].entries, cases[i].entry, cases[i].inner ? INNER : BLOCK);
        if (cases[i].inner)
            put_indirect(&c, INNER, 4, cases[i].inner, BLOCK);
        const uint8_t id[7] = { 0, (uint8_t)cases[i].offset, (uint8_t)(cases[i].offset >> 8), 3 };
        check_ok(read_object(&c, id, sizeof id, &out, &err), &err);
        assert_int_equal(out.size, 3);
        for (int k = 0; k < 3; k++)
            assert_int_equal(out.data[k], cases[i].first + k);
    }
    /* A tiny object lies in its identifier. */
    mt_reader out;
    mt_error err = MT_ERROR_INIT;
    check_ok(read_object(&c, "\x22xyz", 4, &out, &err), &err);
    assert_int_equal(out.size, 3);
    assert_memory_equal(out.data, "xyz", 3);
    discard(&c);
}

static void fractal_heaps_that_are_broken(void **state)
{
    (void)state;
    static const struct {
        heap heap;
        const char *id;
        size_t id_bytes;
        mt_status status;
        const char *message;
    } cases[] = {
        { { 0, 7, 0, 0, 100, 2, 256, 512, 16, BLOCK, 0 }, "\0\x14\0\3\0\0\0", 7, MT_OK, NULL },
        { { 1, 7, 0, 0, 100, 2, 256, 512, 16, BLOCK, 0 },
          "\0\x14\0\3\0\0\0",
          7,
          MT_E_CORRUPT,
          "fractal heap at address 64" },
        { { 0, 7, 0, 0, 100, 2, 256, 512, 65, BLOCK, 0 },
          "\0\x14\0\3\0\0\0",
          7,
          MT_E_CORRUPT,
          "fractal heap at address 64" },
        { { 0, 7, 0, 0, 100, 0, 256, 512, 16, BLOCK, 0 },
          "\0\x14\0\3\0\0\0",
          7,
          MT_E_CORRUPT,
          "fractal heap at address 64" },
        { { 0, 7, 0, 0, 100, 2, 0, 512, 16, BLOCK, 0 },
          "\0\x14\0\3\0\0\0",
          7,
          MT_E_CORRUPT,
          "fractal heap at address 64" },
        { { 0, 7, 0, 0, 100, 2, 256, 0, 16, BLOCK, 0 },
          "\0\x14\0\3\0\0\0",
          7,
          MT_E_CORRUPT,
          "fractal heap at address 64" },
        { { 0, 7, 0, 0, 100, 2, 256, (uint64_t)UINT32_MAX + 1, 16, BLOCK, 0 },
          "\0\x14\0\3\0\0\0",
          7,
          MT_E_CORRUPT,
          "at address 64" },
        { { 0, 7, 0, 0, 100, 2, 256, 512, 16, BLOCK, 65 },
          "\0\x14\0\3\0\0\0",
          7,
          MT_E_CORRUPT,
          "fractal heap at address 64" },
        { { 0, 7, 1, 0, 100, 2, 256, 512, 16, BLOCK, 0 }, "\0\x14\0\3\0\0\0", 7, MT_E_UNSUPPORTED, "filters" },
        { { 0, 7, 0, 0, 100, 2, 256, 512, 16, BLOCK, 0 }, "\x10\x14\0\3\0\0\0", 7, MT_E_UNSUPPORTED, "huge" },
        { { 0, 7, 0, 0, 100, 2, 256, 512, 16, BLOCK, 0 }, "\x30\x14\0\3\0\0\0", 7, MT_E_UNSUPPORTED, "objects" },
        { { 0, 18, 0, 0, 100, 2, 256, 512, 16, BLOCK, 0 }, "\x22xyz", 4, MT_E_UNSUPPORTED, "objects" },
        { { 0, 7, 0, 0, 100, 2, 256, 512, 16, BLOCK, 0 }, "\x22xy", 3, MT_E_CORRUPT, "too short" },
        { { 0, 7, 0, 0, 100, 2, 256, 512, 16, BLOCK, 0 }, "\0\x14\0\3\0\0", 6, MT_E_CORRUPT, "too short" },
        { { 0, 7, 0, 0, 100, 2, 256, 512, 16, BLOCK, 0 }, "\0\x14\0", 3, MT_E_CORRUPT, "too short" },
        { { 0, 7, 0, 0, 100, 2, 256, 512, 16, BLOCK, 0 }, "\0\x0e\0\3\0\0\0", 7, MT_E_CORRUPT, "3 bytes" },
        { { 0, 7, 0, 2, 100, 2, 256, 512, 16, BLOCK, 0 }, "\0\x12\0\3\0\0\0", 7, MT_E_CORRUPT, "3 bytes" },
        { { 0, 7, 0, 2, 100, 2, 256, 512, 16, BLOCK, 0 }, "\0\x13\0\3\0\0\0", 7, MT_OK, NULL },
        { { 0, 7, 0, 0, 100, 2, 256, 512, 16, BLOCK, 0 }, "\0\xfe\0\3\0\0\0", 7, MT_E_CORRUPT, "3 bytes" },
        { { 0, 7, 0, 0, 100, 2, 256, 512, 16, BLOCK, 0 }, "\0\xfd\0\3\0\0\0", 7, MT_OK, NULL },
        { { 0, 7, 0, 0, 100, 2, 256, 512, 16, BLOCK, 0 }, "\0\1\1\3\0\0\0", 7, MT_E_CORRUPT, "3 bytes" },
        { { 0, 7, 0, 0, 100, 2, 256, 512, 16, ROOT, 0 }, "\0\x14\0\3\0\0\0", 7, MT_E_CORRUPT, "FHDB" },
        { { 0, 7, 0, 0, 100, 2, 256, 512, 16, BLOCK, 2 }, "\0\x14\0\3\0\0\0", 7, MT_E_CORRUPT, "FHIB" },
        { { 0, 7, 0, 0, 100, 2, 256, 512, 16, BLOCK, 2 }, "\0\0\4\3\0\0\0", 7, MT_E_CORRUPT, "fractal heap" },
        { { 0, 7, 0, 0, 100, 1, 1024, 512, 16, INNER, 1 }, "\0\x14\0\3\0\0\0", 7, MT_E_CORRUPT, "parent" },
        { { 0, 7, 0, 0, 100, 1, UINT64_C(1) << 40, 512, 64, BLOCK, 64 },
          "\0\xff\xff\xff\xff\xff\xff\xff\xff\3",
          10,
          MT_E_CORRUPT,
          "FHIB" },
    };
    crafted c;
    craft(&c);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_reader out;
        mt_error err = MT_ERROR_INIT;
        put_direct(&c, BLOCK, 512);
        put_indirect(&c, INNER, 1, 0, BLOCK);
        put_heap(&c, &cases[i].heap);
        check_failure(read_object(&c, cases[i].id, cases[i].id_bytes, &out, &err), cases[i].status, &err,
                      cases[i].message, (int)i);
    }
    c.bytes[HEAP + 20] ^= 1;
    mt_reader out;
    mt_error err = MT_ERROR_INIT;
    check_failure(read_object(&c, "\0\x14\0\3\0\0\0", 7, &out, &err), MT_E_CORRUPT, &err, "checksum of the FRHP", -1);
    discard(&c);
}

static void put_global(crafted *c, const char *signature, int version, uint64_t size)
{
    c->at = 64;
    put_text(c, signature);
    put_number(c, (uint64_t)version, 4);
    put_number(c, size, 8);
}

static void put_global_object(crafted *c, int index, uint64_t size, const char *text)
{
    put_number(c, (uint64_t)index, 2);
    put_number(c, 1, 6);
    put_number(c, size, 8);
    put_text(c, text);
}

static void global_heaps(void **state)
{
    (void)state;
    crafted c;
    craft(&c);
    put_global(&c, "GCOL", 1, 128);
    put_global_object(&c, 5, 3, "abc.....");
    put_global_object(&c, 2, 8, "12345678");
    put_global_object(&c, 3, 1000, "");
    static const struct {
        uint32_t index;
        const char *text;
    } objects[] = { { 5, "abc" }, { 2, "12345678" }, { 3, NULL }, { 7, NULL }, { 0, NULL } };
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        mt_reader out;
        mt_error err = MT_ERROR_INIT;
        mt_status st = h5_read_global(open_crafted(&c), c.arena, 64, objects[i].index, &out, &err);
        check_failure(st, objects[i].text ? MT_OK : MT_E_CORRUPT, &err, "global heap at address 64", (int)i);
        if (!st)
            assert_true(out.size == strlen(objects[i].text) && memcmp(out.data, objects[i].text, out.size) == 0);
    }
    static const struct {
        const char *signature;
        int version;
        uint64_t size;
        const char *message;
    } broken[] = { { "GCOI", 1, 128, "GCOL" }, { "GCOL", 2, 128, "GCOL" }, { "GCOL", 1, 8192, "outside the file" } };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        mt_reader out;
        mt_error err = MT_ERROR_INIT;
        put_global(&c, broken[i].signature, broken[i].version, broken[i].size);
        check_failure(h5_read_global(open_crafted(&c), c.arena, 64, 5, &out, &err), MT_E_CORRUPT, &err,
                      broken[i].message, (int)i);
    }
    discard(&c);
}

/* A version 2 B-tree of records of one byte, whose header is at 64. */
enum { TREE = 64, NODES = 256, NODE_BYTES = 64 };

static void put_tree(crafted *c, int version, int type, uint64_t node_bytes, int record_bytes, int depth, uint64_t root,
                     int n)
{
    c->at = TREE;
    put_text(c, "BTHD");
    put_number(c, (uint64_t)version, 1);
    put_number(c, (uint64_t)type, 1);
    put_number(c, node_bytes, 4);
    put_number(c, (uint64_t)record_bytes, 2);
    put_number(c, (uint64_t)depth, 2);
    put_number(c, 0, 2);
    put_number(c, root, 8);
    put_number(c, (uint64_t)n, 2);
    put_number(c, 0, 8);
    seal(c, TREE);
}

/* Node i, of n records from first on in steps, and of children that follow one another. */
static void put_node(crafted *c, int i, int type, int n, int first, int step, int child, int child_records)
{
    size_t at = NODES + (size_t)i * NODE_BYTES;
    c->at = at;
    put_text(c, child ? "BTIN" : "BTLF");
    put_number(c, 0, 1);
    put_number(c, (uint64_t)type, 1);
    for (int k = 0; k < n; k++)
        put_number(c, (uint64_t)(first + k * step), 1);
    for (int k = 0; k <= n && child; k++) {
        put_number(c, NODES + (uint64_t)(child + k) * NODE_BYTES, 8);
        put_number(c, (uint64_t)child_records, 1);
    }
    seal(c, at);
}

typedef struct visited {
    int wanted; /* -1: all */
    int n;
    uint8_t records[64];
} visited;

static int compare_record(const void *user, mt_reader record)
{
    const visited *v = user;
    return record.data[0] < v->wanted ? -1 : record.data[0] > v->wanted;
}

static mt_status visit_record(void *user, mt_reader record, mt_error *err)
{
    visited *v = user;
    if (record.data[0] == 200)
        return mt_fail(err, MT_E_LIMIT, "the visitor has seen enough");
    assert_true(v->n < 64);
    v->records[v->n++] = record.data[0];
    return MT_OK;
}

static mt_status walk(crafted *c, visited *v, mt_error *err)
{
    const h5_tree_walk w = { 5, v->wanted < 0 ? NULL : compare_record, visit_record, v };
    return h5_walk_tree(open_crafted(c), TREE, &w, err);
}

/* Leaves with 1 2 3, 5 6 7 and 9 10 11, and 4 and 8 between. */
static void records_of_trees(void **state)
{
    (void)state;
    crafted c;
    craft(&c);
    put_tree(&c, 0, 5, NODE_BYTES, 1, 1, NODES, 2);
    put_node(&c, 0, 5, 2, 4, 4, 1, 3);
    for (int i = 0; i < 3; i++)
        put_node(&c, 1 + i, 5, 3, 1 + 4 * i, 1, 0, 0);
    for (int wanted = -1; wanted < 13; wanted++) {
        visited v = { .wanted = wanted };
        mt_error err = MT_ERROR_INIT;
        check_ok(walk(&c, &v, &err), &err);
        assert_int_equal(v.n, wanted < 0 ? 11 : wanted >= 1 && wanted <= 11);
        for (int i = 0; i < v.n; i++)
            assert_int_equal(v.records[i], wanted < 0 ? i + 1 : wanted);
    }
    put_tree(&c, 0, 5, NODE_BYTES, 1, 0, UINT64_MAX, 0);
    visited v = { .wanted = -1 };
    mt_error err = MT_ERROR_INIT;
    check_ok(walk(&c, &v, &err), &err);
    assert_int_equal(v.n, 0);
    put_tree(&c, 0, 5, NODE_BYTES, 1, 32, UINT64_MAX, 0); /* the largest depth */
    check_ok(walk(&c, &v, &err), &err);
    put_tree(&c, 0, 5, NODE_BYTES, 1, 0, NODES, 1);
    put_node(&c, 0, 5, 1, 200, 0, 0, 0);
    assert_int_equal(walk(&c, &v, &err), MT_E_LIMIT);
    discard(&c);
}

static void trees_that_are_broken(void **state)
{
    (void)state;
    static const struct {
        int version, type;
        uint64_t node_bytes;
        int record_bytes, depth, n;
        const char *message;
    } cases[] = {
        { 1, 5, NODE_BYTES, 1, 0, 3, "version 1" },
        { 0, 6, NODE_BYTES, 1, 0, 3, "type 6" },
        { 0, 5, 10, 1, 0, 3, "type 5" },
        { 0, 5, NODE_BYTES, 0, 0, 3, "type 5" },
        { 0, 5, NODE_BYTES, 1, 33, 3, "depth 33" },
        { 0, 5, 11, 2, 0, 3, "no room" },
        { 0, 5, 20, 1, 1, 1, "no room" },
        { 0, 5, NODE_BYTES, 1, 0, 65, "65 records" },
        { 0, 5, NODE_BYTES, 1, 0, 4, "BTLF" }, /* the checksum is behind three */
        { 0, 5, NODE_BYTES, 1, 1, 3, "BTIN" },
    };
    crafted c;
    craft(&c);
    visited v = { .wanted = -1 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_error err = MT_ERROR_INIT;
        put_tree(&c, cases[i].version, cases[i].type, cases[i].node_bytes, cases[i].record_bytes, cases[i].depth, NODES,
                 cases[i].n);
        put_node(&c, 0, 5, 3, 1, 1, 0, 0);
        check_failure(walk(&c, &v, &err), MT_E_CORRUPT, &err, cases[i].message, (int)i);
    }
    /* A node of another tree, and a node that is its own child, at whatever depth. */
    mt_error err = MT_ERROR_INIT;
    put_tree(&c, 0, 5, NODE_BYTES, 1, 0, NODES, 3);
    put_node(&c, 0, 6, 3, 1, 1, 0, 0);
    check_failure(walk(&c, &v, &err), MT_E_CORRUPT, &err, "type 6", 100);
    discard(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_of_fractal_heaps),
        cmocka_unit_test(fractal_heaps_that_are_broken),
        cmocka_unit_test(global_heaps),
        cmocka_unit_test(records_of_trees),
        cmocka_unit_test(trees_that_are_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
