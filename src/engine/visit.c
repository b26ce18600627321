/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/visit.h"

#include "base/checked.h"
#include "engine/rows.h"
#include "engine/walk.h"

#include <string.h>

/* Maximum bytes of a block of rows, or of pixels in memory, passed to a visitor. */
#define BLOCK_BYTES ((int64_t)4 << 20)

/* Rows are read alone if their chunks are at least this many times larger. */
#define FEW_ROWS 4

/* Splits a box into blocks that are whole along the fastest dimensions of storage, as far as they fit. */
typedef struct cutting {
    mt_box whole, block;
    int ndim;
    int64_t most[MT_MAX_DIMS]; /* maximum extent of a block */
} cutting;

static const int64_t *storage_strides(const mt_image *image)
{
    return image->map->contiguous || image->array ? image->piece.stride : image->chunk.stride;
}

static int64_t size_of(int64_t stride) { return stride < 0 ? -stride : stride; }

static void begin_cutting(cutting *c, const mt_image *image, const mt_box *box)
{
    const int64_t *stride = storage_strides(image);
    int64_t room = BLOCK_BYTES / (int64_t)image->element_size;
    bool done[MT_MAX_DIMS] = { false };
    c->whole = c->block = *box;
    c->ndim = image->map->ndim;
    for (int i = 0; i < c->ndim; i++) {
        int fastest = 0;
        for (int d = 0; d < c->ndim; d++)
            if (!done[d] && (done[fastest] || size_of(stride[d]) <= size_of(stride[fastest])))
                fastest = d;
        done[fastest] = true;
        c->most[fastest] = mt_max_i64(mt_min_i64(room, box->extent[fastest]), 1);
        c->block.extent[fastest] = c->most[fastest];
        room /= c->most[fastest];
    }
}

static bool next_block(cutting *c)
{
    for (int d = c->ndim - 1; d >= 0; d--) {
        int64_t end = c->whole.start[d] + c->whole.extent[d];
        c->block.start[d] += c->block.extent[d];
        bool more = c->block.start[d] < end;
        if (!more)
            c->block.start[d] = c->whole.start[d];
        c->block.extent[d] = mt_min_i64(c->most[d], end - c->block.start[d]);
        if (more)
            return true;
    }
    return false;
}

static mt_status show_array(const mt_image *image, const mt_box *block, const mt_visitor *visitor, mt_error *err)
{
    mt_visited visited = { .place = *block, .data = image->array, .swap = image->map->swap };
    memcpy(visited.stride, image->piece.stride, sizeof visited.stride);
    for (int d = 0; d < image->map->ndim; d++)
        visited.data += block->start[d] * visited.stride[d];
    return visitor->visit(visitor->user, &visited, err);
}

static mt_status show_rows(mt_image *image, const mt_box *block, const mt_visitor *visitor, uint8_t *buffer,
                           mt_cancel *cancel, mt_error *err)
{
    const mt_chunk_map *map = image->map;
    mt_visited visited = { .place = *block, .data = buffer };
    mt_read read = { .image = image, .convert = { .from = map->dtype, .to = map->dtype }, .out = buffer };
    int64_t stride = (int64_t)image->element_size;
    for (int d = map->ndim - 1; d >= 0; d--) {
        read.start[d] = block->start[d];
        read.extent[d] = block->extent[d];
        read.out_stride[d] = visited.stride[d] = stride;
        stride *= block->extent[d];
    }
    mt_status st = mt_engine_read(image->context, &read, 1, cancel, err);
    return st ? st : visitor->visit(visitor->user, &visited, err);
}

static mt_status visit_blocks(mt_image *image, const mt_box *box, const mt_visitor *visitor, mt_cancel *cancel,
                              mt_error *err)
{
    mt_env *env = &image->context->env;
    void *buffer = NULL;
    cutting c;
    mt_status st = image->array ? MT_OK : mt_alloc(env, (size_t)BLOCK_BYTES, &buffer, err);
    if (st)
        return st;
    begin_cutting(&c, image, box);
    do {
        if (mt_cancel_asked(cancel))
            st = MT_E_CANCELLED;
        else if (image->array)
            st = show_array(image, &c.block, visitor, err);
        else
            st = show_rows(image, &c.block, visitor, buffer, cancel, err);
    } while (!st && next_block(&c));
    mt_release(env, buffer, (size_t)BLOCK_BYTES);
    return st;
}

/* Whether the boxes cover only a small part of their raw chunks. */
static bool wants_rows(const mt_image *image, const mt_box *boxes, size_t n)
{
    const mt_chunk_map *map = image->map;
    uint64_t rows = 0, chunks = 0, bytes;
    if (map->find_boxes || map->chain.n_steps > 0 || image->store->costs.is_memory)
        return false;
    for (size_t i = 0; i < n; i++) {
        mt_walk walk;
        mt_walk_init(&walk, image, &boxes[i]);
        if (mt_add_u64(rows, mt_rows_cost(image, boxes[i].extent), &rows) ||
            mt_mul_u64(mt_walk_count(&walk), image->chunk.bytes, &bytes) || mt_add_u64(chunks, bytes, &chunks))
            return false;
    }
    return rows < chunks / FEW_ROWS;
}

static mt_status visit_chunks(mt_image *image, const mt_box *boxes, size_t n, const mt_visitor *visitor,
                              mt_cancel *cancel, mt_error *err)
{
    mt_context *context = image->context;
    void *memory;
    mt_status st = mt_alloc(&context->env, n * sizeof(mt_read), &memory, err);
    if (st)
        return st;
    mt_read *reads = memset(memory, 0, n * sizeof(mt_read));
    for (size_t i = 0; i < n; i++) {
        reads[i].image = image;
        reads[i].visitor = visitor;
        memcpy(reads[i].start, boxes[i].start, sizeof reads[i].start);
        memcpy(reads[i].extent, boxes[i].extent, sizeof reads[i].extent);
    }
    st = mt_engine_read(context, reads, n, cancel, err);
    mt_release(&context->env, memory, n * sizeof(mt_read));
    return st;
}

static bool is_empty(const mt_image *image, const mt_box *box)
{
    for (int d = 0; d < image->map->ndim; d++)
        if (box->extent[d] == 0)
            return true;
    return false;
}

mt_status mt_engine_visit(mt_image *image, const mt_box *boxes, size_t n, const mt_visitor *visitor, mt_cancel *cancel,
                          mt_error *err)
{
    mt_status st = MT_OK;
    for (size_t i = 0; i < n; i++)
        if (is_empty(image, &boxes[i]))
            return MT_OK;
    if (!image->array && !wants_rows(image, boxes, n))
        return visit_chunks(image, boxes, n, visitor, cancel, err);
    for (size_t i = 0; !st && i < n; i++)
        st = visit_blocks(image, &boxes[i], visitor, cancel, err);
    return st;
}
