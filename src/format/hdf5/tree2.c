/* SPDX-License-Identifier: BSD-3-Clause */
/* Version 2 B-trees (III.A.2). */
#include "format/hdf5/hdf5.h"

#define MAX_DEPTH 32
#define NODE_OVERHEAD 10 /* signature, version, type, checksum */

typedef struct tree {
    const h5_file *file;
    const h5_tree_walk *walk;
    uint64_t node_bytes;
    size_t record_bytes;
    size_t count_bytes;                /* bytes of the record count of a child */
    size_t total_bytes[MAX_DEPTH + 1]; /* bytes of the total record count of a child, by depth */
    uint64_t nodes_left;               /* more are a loop */
} tree;

/* The widths of counts follow from the maximal number of records in and below a node, by depth. */
static mt_status find_widths(tree *t, int depth, mt_error *err)
{
    uint64_t most = (t->node_bytes - NODE_OVERHEAD) / t->record_bytes, below = most;
    if (most == 0)
        return mt_fail(err, MT_E_CORRUPT, "a B-tree has no room for a record in a node");
    t->count_bytes = h5_bytes_for(most);
    for (int d = 1; d <= depth; d++) {
        uint64_t pointer = t->file->address_bytes + t->count_bytes + (d > 1 ? t->total_bytes[d - 1] : 0);
        if (t->node_bytes < NODE_OVERHEAD + pointer + t->record_bytes + pointer)
            return mt_fail(err, MT_E_CORRUPT, "a B-tree has no room for a record in a node");
        most = (t->node_bytes - NODE_OVERHEAD - pointer) / (t->record_bytes + pointer);
        below = __builtin_mul_overflow(most + 1, below, &below) ? UINT64_MAX : below;
        below = below > UINT64_MAX - most ? UINT64_MAX : below + most;
        t->total_bytes[d] = h5_bytes_for(below);
    }
    return MT_OK;
}

static mt_reader record_at(const tree *t, const uint8_t *records, uint64_t i)
{
    return mt_reader_over(records + i * t->record_bytes, t->record_bytes, false);
}

static int compare_at(const tree *t, const uint8_t *records, uint64_t i)
{
    return t->walk->compare ? t->walk->compare(t->walk->user, record_at(t, records, i)) : 0;
}

static mt_status visit_node(tree *t, uint64_t address, uint64_t n, int depth, mt_error *err);

/* Visits children and records alternately; pointers starts at the child pointers. */
static mt_status visit_inside(tree *t, const uint8_t *records, mt_reader *pointers, uint64_t n, int depth,
                              mt_error *err)
{
    int before = -1; /* comparison of the record before the child */
    for (uint64_t i = 0; i <= n; i++) {
        int behind = i < n ? compare_at(t, records, i) : 1;
        mt_status st = MT_OK;
        if (depth > 0) {
            uint64_t child = h5_read_address(t->file, pointers);
            uint64_t count = h5_read_number(pointers, t->count_bytes);
            mt_read_skip(pointers, depth > 1 ? (size_t)t->total_bytes[depth - 1] : 0);
            if (pointers->failed)
                return mt_fail(err, MT_E_CORRUPT, "a node of a B-tree is too short");
            if ((!t->walk->compare || before <= 0) && behind >= 0)
                st = visit_node(t, child, count, depth - 1, err);
        }
        if (!st && i < n && behind == 0)
            st = t->walk->visit(t->walk->user, record_at(t, records, i), err);
        if (st || (t->walk->compare && behind > 0))
            return st;
        before = behind;
    }
    return MT_OK;
}

static mt_status visit_node(tree *t, uint64_t address, uint64_t n, int depth, mt_error *err)
{
    h5_block block;
    if (t->nodes_left-- == 0)
        return mt_fail(err, MT_E_CORRUPT, "a B-tree has more nodes than the file has room for");
    /* The checksum follows the used part of the node. */
    uint64_t pointer = depth == 0 ? 0 : (t->file->address_bytes + t->count_bytes);
    pointer += depth > 1 ? (uint64_t)t->total_bytes[depth - 1] : 0;
    if (n > t->node_bytes / t->record_bytes)
        return mt_fail(err, MT_E_CORRUPT, "a node of a B-tree has %llu records", (unsigned long long)n);
    uint64_t used = NODE_OVERHEAD + n * t->record_bytes + (depth ? (n + 1) * pointer : 0);
    mt_status st = h5_get_block(t->file, address, used, depth ? "BTIN" : "BTLF", true, &block, err);
    if (st)
        return st;
    int version = mt_read_u8(&block.reader), type = mt_read_u8(&block.reader);
    const uint8_t *records = mt_read_bytes(&block.reader, (size_t)(n * t->record_bytes));
    if (version != 0 || type != t->walk->type || !records)
        st = mt_fail(err, MT_E_CORRUPT, "a node of a B-tree has version %d and type %d", version, type);
    else
        st = visit_inside(t, records, &block.reader, n, depth, err);
    h5_give_block(t->file, &block);
    return st;
}

mt_status h5_walk_tree(const h5_file *file, uint64_t address, const h5_tree_walk *walk, mt_error *err)
{
    h5_block block;
    uint64_t size = 22 + file->address_bytes + file->length_bytes;
    mt_status st = h5_get_block(file, address, size, "BTHD", true, &block, err);
    if (st)
        return st;
    mt_reader *r = &block.reader;
    int version = mt_read_u8(r), type = mt_read_u8(r);
    tree t = { .file = file, .walk = walk, .node_bytes = mt_read_u32(r), .record_bytes = mt_read_u16(r) };
    int depth = mt_read_u16(r);
    mt_read_skip(r, 2); /* when nodes are split and merged */
    uint64_t root = h5_read_address(file, r), n = mt_read_u16(r);
    bool failed = r->failed;
    h5_give_block(file, &block);
    if (failed || version != 0 || type != walk->type || t.record_bytes == 0 || t.node_bytes <= NODE_OVERHEAD ||
        depth > MAX_DEPTH)
        return mt_fail(err, MT_E_CORRUPT, "the B-tree at address %llu is of type %d, version %d, depth %d",
                       (unsigned long long)address, type, version, depth);
    if (root == H5_UNDEFINED)
        return MT_OK;
    t.nodes_left = file->size / NODE_OVERHEAD;
    st = find_widths(&t, depth, err);
    return st ? st : visit_node(&t, root, n, depth, err);
}
