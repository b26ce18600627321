/* SPDX-License-Identifier: BSD-3-Clause */
/* Fractal heaps (III.G), which hold links and attributes, and global heaps (III.E), which hold strings. */
#include "format/hdf5/hdf5.h"

#include <string.h>

#define MAX_ROWS 64

typedef struct fractal {
    const h5_file *file;
    uint64_t address;
    size_t id_bytes, offset_bytes, length_bytes; /* of an identifier, and of the two fields in it */
    uint64_t width, start_bytes, most_direct;    /* of the doubling table */
    int root_rows;                               /* 0: the root is a direct block */
    uint64_t root;
    bool has_checksums; /* of direct blocks */
} fractal;

static mt_status read_fractal(const h5_file *file, uint64_t address, fractal *f, mt_error *err)
{
    h5_block block;
    uint64_t size = 26 + 3 * file->address_bytes + 12 * file->length_bytes;
    mt_status st = h5_get_block(file, address, size, "FRHP", true, &block, err);
    if (st) /* a heap with filters has a longer header, with the checksum elsewhere */
        return st;
    mt_reader *r = &block.reader;
    int version = mt_read_u8(r);
    *f = (fractal) { .file = file, .address = address, .id_bytes = mt_read_u16(r) };
    int filter_bytes = mt_read_u16(r);
    f->has_checksums = (mt_read_u8(r) & 2) != 0;
    uint64_t most_managed = mt_read_u32(r);
    mt_read_skip(r, 10 * file->length_bytes + 2 * file->address_bytes);
    f->width = mt_read_u16(r);
    f->start_bytes = h5_read_length(file, r);
    f->most_direct = h5_read_length(file, r);
    int bits = mt_read_u16(r);
    mt_read_skip(r, 2);
    f->root = h5_read_address(file, r);
    f->root_rows = mt_read_u16(r);
    bool failed = r->failed;
    h5_give_block(file, &block);
    if (filter_bytes)
        return mt_fail(err, MT_E_UNSUPPORTED, "a fractal heap with filters is not supported");
    if (failed || version != 0 || bits > 64 || f->width == 0 || f->start_bytes == 0 || f->most_direct == 0 ||
        f->most_direct > UINT32_MAX || f->root_rows > MAX_ROWS)
        return mt_fail(err, MT_E_CORRUPT, "the fractal heap at address %llu is broken", (unsigned long long)address);
    f->offset_bytes = (bits + 7) / 8;
    int direct = h5_log2(f->most_direct) / 8 + 1, managed = h5_bytes_for(most_managed);
    f->length_bytes = direct < managed ? direct : managed;
    return MT_OK;
}

/* The size of the blocks in a row: the first two rows are equal, then sizes double. */
static uint64_t row_bytes(const fractal *f, int row)
{
    return row < 2 ? f->start_bytes : row - 1 < 40 ? f->start_bytes << (row - 1) : UINT64_MAX;
}

static mt_status copy_out(mt_arena *arena, const uint8_t *bytes, size_t n, mt_reader *out, mt_error *err)
{
    uint8_t *copy = mt_arena_alloc(arena, n + 1, 1, err);
    if (!copy)
        return MT_E_MEMORY;
    memcpy(copy, bytes, n);
    *out = mt_reader_over(copy, n, false);
    return MT_OK;
}

static mt_status read_direct(const fractal *f, mt_arena *arena, uint64_t address, uint64_t size, uint64_t offset,
                             uint64_t length, mt_reader *out, mt_error *err)
{
    h5_block block;
    mt_status st = h5_get_block(f->file, address, size, "FHDB", false, &block, err);
    if (st)
        return st;
    uint64_t head = 5 + f->file->address_bytes + f->offset_bytes + (f->has_checksums ? 4 : 0);
    if (offset < head || offset > size || length > size - offset)
        st = mt_fail(err, MT_E_CORRUPT, "an object of %llu bytes extends beyond its block of a fractal heap",
                     (unsigned long long)length);
    else
        st = copy_out(arena, block.reader.data + offset, (size_t)length, out, err);
    h5_give_block(f->file, &block);
    return st;
}

/* Finds the child of an indirect block that holds an offset; *offset becomes relative to the child. */
static mt_status find_child(const fractal *f, uint64_t address, int rows, uint64_t *offset, uint64_t *child, int *row,
                            mt_error *err)
{
    uint64_t head = 5 + f->file->address_bytes + f->offset_bytes, entry = f->file->address_bytes;
    uint64_t number = 0, size = 0;
    for (*row = 0; *row < rows; ++*row, number += f->width) {
        size = row_bytes(f, *row);
        if (*offset / size < f->width)
            break;
        *offset -= size * f->width;
    }
    if (*row == rows)
        return mt_fail(err, MT_E_CORRUPT, "an object lies beyond the end of a fractal heap");
    h5_block block;
    mt_status st =
        h5_get_block(f->file, address, head + (uint64_t)rows * f->width * entry + 4, "FHIB", true, &block, err);
    if (st)
        return st;
    mt_read_seek(&block.reader, (size_t)(head + (number + *offset / size) * entry));
    *child = h5_read_address(f->file, &block.reader);
    *offset %= size;
    h5_give_block(f->file, &block);
    return MT_OK;
}

static mt_status read_managed(const fractal *f, mt_arena *arena, uint64_t offset, uint64_t length, mt_reader *out,
                              mt_error *err)
{
    uint64_t address = f->root, size = f->start_bytes;
    int rows = f->root_rows;
    while (rows > 0) {
        int row;
        mt_status st = find_child(f, address, rows, &offset, &address, &row, err);
        if (st)
            return st;
        size = row_bytes(f, row);
        /* A block larger than the largest direct block is indirect; its size determines its number of rows. */
        int fewer = size > f->most_direct ? h5_log2(size / f->start_bytes / f->width) + 1 : 0;
        if (fewer >= rows)
            return mt_fail(err, MT_E_CORRUPT, "an indirect block of a fractal heap is as large as its parent");
        rows = fewer;
    }
    return read_direct(f, arena, address, size, offset, length, out, err);
}

mt_status h5_read_heap(const h5_file *file, mt_arena *arena, uint64_t heap, mt_reader id, mt_reader *out, mt_error *err)
{
    fractal f;
    mt_status st = read_fractal(file, heap, &f, err);
    if (st)
        return st;
    mt_reader whole = id;
    int flags = mt_read_u8(&id), kind = flags >> 4 & 3;
    if (kind == 2 && f.id_bytes <= 17) { /* a tiny object is stored in the identifier itself */
        const uint8_t *bytes = mt_read_bytes(&id, (size_t)(flags & 15) + 1);
        return bytes ? copy_out(arena, bytes, (size_t)(flags & 15) + 1, out, err)
                     : mt_fail(err, MT_E_CORRUPT, "an identifier of a fractal heap is too short");
    }
    if (kind != 0)
        return mt_fail(err, MT_E_UNSUPPORTED, "%s objects of a fractal heap are not supported",
                       kind == 1 ? "huge" : "these");
    uint64_t offset = h5_read_number(&id, f.offset_bytes), length = h5_read_number(&id, f.length_bytes);
    if (id.failed || whole.size < (size_t)f.id_bytes)
        return mt_fail(err, MT_E_CORRUPT, "an identifier of a fractal heap is too short");
    return read_managed(&f, arena, offset, length, out, err);
}

mt_status h5_read_global(const h5_file *file, mt_arena *arena, uint64_t address, uint32_t index, mt_reader *out,
                         mt_error *err)
{
    mt_reader r;
    mt_status st = h5_load(file, arena, address, 8 + file->length_bytes, &r, err);
    if (st)
        return st;
    bool right = memcmp(r.data, "GCOL", 4) == 0 && r.data[4] == 1;
    mt_read_skip(&r, 8);
    uint64_t size = h5_read_length(file, &r);
    if (!right)
        return mt_fail(err, MT_E_CORRUPT, "there is no GCOL at address %llu", (unsigned long long)address);
    if ((st = h5_load(file, arena, address, size, &r, err)))
        return st;
    mt_read_skip(&r, 8 + file->length_bytes);
    while (mt_read_left(&r) >= 8 + file->length_bytes) {
        uint32_t number = mt_read_u16(&r);
        mt_read_skip(&r, 6);
        uint64_t bytes = h5_read_length(file, &r);
        if (bytes > mt_read_left(&r) || number == 0) /* 0 is the free space at the end */
            break;
        if (number == index) {
            *out = mt_reader_over(mt_read_bytes(&r, (size_t)bytes), (size_t)bytes, false);
            return MT_OK;
        }
        size_t padded = (size_t)(bytes + 7) / 8 * 8;
        mt_read_skip(&r, padded < mt_read_left(&r) ? padded : mt_read_left(&r));
    }
    return mt_fail(err, MT_E_CORRUPT, "there is no object %u in the global heap at address %llu", index,
                   (unsigned long long)address);
}
