/* SPDX-License-Identifier: BSD-3-Clause */
/* Chunk indices: version 1 B-trees (III.A.1, type 1), version 2 B-trees (types 10 and 11), and the implicit and
 * single-chunk indices. */
#include "format/hdf5/hdf5.h"

#include <string.h>

#define MAX_LEVEL 16

/* A key of a version 1 B-tree: size and filter mask of the chunk after it, and its start in elements. */
static size_t key_bytes(const h5_dataset *d) { return 8 + 8 * ((size_t)d->rank + 1); }

static int compare_key(const h5_dataset *d, const uint8_t *key, const int64_t *position)
{
    for (int i = 0; i < d->rank; i++) {
        uint64_t start = mt_load_u64le(key + 8 + 8 * i), wanted = (uint64_t)(position[i] * d->chunk[i]);
        if (start != wanted)
            return start < wanted ? -1 : 1;
    }
    return 0;
}

/* The last of n keys at or before the position; SIZE_MAX if there is none. */
static size_t find_key(const h5_dataset *d, const uint8_t *keys, size_t step, size_t n, const int64_t *position)
{
    size_t low = 0, high = n; /* the first key after position is in [low, high] */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_key(d, keys + middle * step, position) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}

static mt_status find_in_tree1(const h5_file *file, const h5_dataset *d, const int64_t *position, h5_chunk *out,
                               mt_error *err)
{
    size_t step = key_bytes(d) + file->address_bytes;
    uint64_t address = d->address;
    for (int above = -1, level = 1; level > 0; above = level) {
        h5_block node;
        size_t n;
        mt_status st = h5_get_node(file, address, 1, key_bytes(d), &node, &level, &n, err);
        if (st)
            return st;
        const uint8_t *keys = node.reader.data + node.reader.position;
        size_t i = find_key(d, keys, step, n, position);
        if (level > MAX_LEVEL || (above >= 0 && level != above - 1)) {
            st = mt_fail(err, MT_E_CORRUPT, "a node of the chunk index is of level %d", level);
        } else if (i != SIZE_MAX) {
            const uint8_t *key = keys + i * step;
            mt_reader r = mt_reader_over(key + key_bytes(d), file->address_bytes, false);
            address = h5_read_address(file, &r);
            *out = (h5_chunk) { H5_UNDEFINED, mt_load_u32le(key), mt_load_u32le(key + 4) };
            if (level == 0 && compare_key(d, key, position) == 0)
                out->address = address;
        }
        h5_give_block(file, &node);
        if (st || i == SIZE_MAX)
            return st;
    }
    return MT_OK;
}

/* A record of a version 2 B-tree: address; size and filter mask if there are filters; position in the grid. */
typedef struct tree2_search {
    const h5_file *file;
    const h5_dataset *d;
    const int64_t *position;
    h5_chunk *out;
} tree2_search;

static int compare_record(const void *user, mt_reader record)
{
    const tree2_search *s = user;
    size_t tail = 8 * (size_t)s->d->rank;
    mt_read_skip(&record, record.size < tail ? 0 : record.size - tail);
    for (int i = 0; i < s->d->rank; i++) {
        uint64_t at = mt_read_u64(&record), wanted = (uint64_t)s->position[i];
        if (at != wanted)
            return at < wanted ? -1 : 1;
    }
    return 0;
}

static mt_status visit_record(void *user, mt_reader record, mt_error *err)
{
    tree2_search *s = user;
    size_t fixed = s->file->address_bytes + 8 * (size_t)s->d->rank;
    s->out->address = h5_read_address(s->file, &record);
    if (s->d->n_filters) {
        if (record.size < fixed + 5 || record.size > fixed + 12)
            return mt_fail(err, MT_E_CORRUPT, "a record of the chunk index has %zu bytes", record.size);
        s->out->bytes = h5_read_number(&record, (int)(record.size - fixed - 4));
        s->out->mask = mt_read_u32(&record);
    }
    return record.size < fixed ? mt_fail(err, MT_E_CORRUPT, "a record of the chunk index is cut off") : MT_OK;
}

/* The index of a chunk in its array: C order of all possible chunks, with the unlimited dimension of an extensible
 * array moved to the front. False if it is too large. */
static bool number_of(const h5_dataset *d, const int64_t *position, uint64_t *out)
{
    int first = 0;
    for (int i = 0; i < d->rank && d->index == H5_EXTENSIBLE_ARRAY; i++)
        if (d->most[i] == H5_UNDEFINED)
            first = i;
    *out = d->rank > 0 ? (uint64_t)position[first] : 0;
    for (int i = 0; i < d->rank; i++) {
        if (i == first)
            continue;
        uint64_t along = d->most[i] / (uint64_t)d->chunk[i] + (d->most[i] % (uint64_t)d->chunk[i] != 0);
        if (__builtin_mul_overflow(*out, along, out) || __builtin_add_overflow(*out, (uint64_t)position[i], out))
            return false;
    }
    return true;
}

static mt_status find_numbered(const h5_file *file, const h5_dataset *d, const int64_t *position, h5_chunk *out,
                               mt_error *err)
{
    uint64_t number;
    if (!number_of(d, position, &number))
        return mt_fail(err, MT_E_CORRUPT, "the dataset has more than 2^64 chunks");
    if (d->index == H5_FIXED_ARRAY)
        return h5_find_in_fixed_array(file, d, number, out, err);
    if (d->index == H5_EXTENSIBLE_ARRAY)
        return h5_find_in_extensible_array(file, d, number, out, err);
    uint64_t offset;
    if (__builtin_mul_overflow(number, d->bytes, &offset) || __builtin_add_overflow(offset, d->address, &out->address))
        return mt_fail(err, MT_E_CORRUPT, "the dataset has more than 2^64 bytes");
    return MT_OK;
}

mt_status h5_find_chunk(const h5_file *file, const h5_dataset *d, const int64_t *position, h5_chunk *out, mt_error *err)
{
    *out = (h5_chunk) { H5_UNDEFINED, d->bytes, 0 };
    if (d->address == H5_UNDEFINED)
        return MT_OK;
    switch (d->index) {
    case H5_TREE1: return find_in_tree1(file, d, position, out, err);
    case H5_SINGLE: *out = (h5_chunk) { d->address, d->bytes, d->mask }; return MT_OK;
    case H5_TREE2: {
        tree2_search s = { file, d, position, out };
        h5_tree_walk walk = { d->n_filters ? 11 : 10, compare_record, visit_record, &s };
        return h5_walk_tree(file, d->address, &walk, err);
    }
    default: return find_numbered(file, d, position, out, err);
    }
}

static void get_start(const h5_dataset *d, const uint8_t *key, int64_t *out)
{
    for (int i = 0; i < d->rank; i++)
        out[i] = (int64_t)(mt_load_u64le(key + 8 + 8 * i) / (uint64_t)d->chunk[i]);
}

/* Finds the chunk at the position or the one of the next key: that of the deepest node on the path that has a next key.
 * If a node cannot be read, the result is not used. */
static mt_status find_next_in_tree1(const h5_file *file, const h5_dataset *d, const int64_t *position, int64_t *next)
{
    size_t step = key_bytes(d) + file->address_bytes;
    uint64_t address = d->address;
    next[0] = MT_NOWHERE;
    for (int above = -1, level = 1; level > 0; above = level) {
        h5_block node;
        size_t n;
        mt_status st = h5_get_node(file, address, 1, key_bytes(d), &node, &level, &n, NULL);
        if (st)
            return st;
        const uint8_t *keys = node.reader.data + node.reader.position;
        size_t i = find_key(d, keys, step, n, position);
        bool is_bad = level > MAX_LEVEL || (above >= 0 && level != above - 1);
        bool is_here = i != SIZE_MAX && level == 0 && compare_key(d, keys + i * step, position) == 0;
        if (!is_bad && is_here)
            memcpy(next, position, (size_t)d->rank * sizeof *next);
        else if (!is_bad && i + 1 < n)
            get_start(d, keys + (i + 1) * step, next);
        if (i != SIZE_MAX) {
            mt_reader r = mt_reader_over(keys + i * step + key_bytes(d), file->address_bytes, false);
            address = h5_read_address(file, &r);
        }
        h5_give_block(file, &node);
        if (is_bad)
            return MT_E_CORRUPT;
        if (i == SIZE_MAX)
            return MT_OK;
    }
    return MT_OK;
}

void h5_find_stored(const h5_file *file, const h5_dataset *d, const int64_t *position, int64_t *next)
{
    if (d->address == H5_UNDEFINED)
        next[0] = MT_NOWHERE;
    else if (d->index != H5_TREE1 || find_next_in_tree1(file, d, position, next))
        memcpy(next, position, (size_t)d->rank * sizeof *next);
}
