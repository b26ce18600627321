/* SPDX-License-Identifier: BSD-3-Clause */
/* The chunk map: a compressed frame is a chunk; others are cut into blocks of rows. */
#include "base/checked.h"
#include "format/nd2/nd2.h"

#include <stdio.h>
#include <string.h>

#define TIME_BYTES 8                    /* before the pixels of a frame: its time in milliseconds */
#define BLOCK_BYTES ((uint64_t)4 << 20) /* most bytes of a block of rows */

static nd2_file *file_of(const mt_chunk_map *map) { return map->state; }

/* The number of the frame at a position of the grid. */
static uint64_t number_of(const mt_chunk_map *map, const int64_t *position)
{
    return mt_position_number(file_of(map)->loops.n, map->shape, position);
}

/* Reads the header of a frame once. Two threads may do so at the same time, and find the same. */
static mt_status find_pixels(const nd2_file *file, nd2_frame *frame, nd2_head *out, mt_error *err)
{
    char name[32];
    out->head = atomic_load_explicit(&frame->head, memory_order_acquire);
    out->bytes = atomic_load_explicit(&frame->bytes, memory_order_relaxed);
    if (out->head)
        return MT_OK;
    snprintf(name, sizeof name, "ImageDataSeq|%u!", frame->number);
    mt_status st = nd2_read_head(file, frame->offset, name, out, err);
    if (st)
        return st;
    atomic_store_explicit(&frame->bytes, out->bytes, memory_order_relaxed);
    atomic_store_explicit(&frame->head, out->head, memory_order_release);
    return MT_OK;
}

/* Where a frame's pixels begin and how many bytes they have; the padding of the last row may be missing. */
static mt_status check_pixels(const nd2_file *file, const nd2_frame *frame, const nd2_head *head, uint64_t *offset,
                              uint64_t *bytes, mt_error *err)
{
    const nd2_pixels *p = &file->pixels;
    uint64_t row = (uint64_t)(p->width * p->components) * mt_dtype_size(p->dtype), least;
    *offset = frame->offset + head->head + TIME_BYTES;
    *bytes = head->bytes < TIME_BYTES ? 0 : head->bytes - TIME_BYTES;
    least = p->is_compressed ? 1 : (uint64_t)(p->height - 1) * p->row_bytes + row;
    if (*bytes < least)
        return mt_fail(err, MT_E_CORRUPT, "frame %u has %llu bytes of pixels, not %llu", frame->number,
                       (unsigned long long)*bytes, (unsigned long long)least);
    if (!p->is_compressed)
        *bytes = p->row_bytes * (uint64_t)p->height;
    if (*offset > file->size || *bytes > file->size - *offset)
        return mt_fail(err, MT_E_CORRUPT, "frame %u of %llu bytes at %llu in a file of %llu", frame->number,
                       (unsigned long long)*bytes, (unsigned long long)*offset, (unsigned long long)file->size);
    return MT_OK;
}

static mt_status locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    const nd2_file *file = file_of(map);
    nd2_frame *frame = nd2_find_frame(&file->index, number_of(map, position));
    nd2_head head;
    out->missing = !frame;
    if (!frame)
        return MT_OK;
    mt_status st = find_pixels(file, frame, &head, err);
    if (st || (st = check_pixels(file, frame, &head, &out->offset, &out->size, err)))
        return st;
    out->key = file->key;
    if (file->pixels.is_compressed)
        return MT_OK;
    int y = file->loops.n + (map->axes[file->loops.n] == 'C');
    int64_t row = position[y] * map->chunk_shape[y];
    out->offset += (uint64_t)row * file->pixels.row_bytes;
    out->size = (uint64_t)mt_min_i64(map->chunk_shape[y], map->shape[y] - row) * file->pixels.row_bytes;
    return MT_OK;
}

/* Frames are numbered in C order of the grid. */
static void find_stored(const mt_chunk_map *map, mt_scan *scan, const int64_t *position, int64_t *next)
{
    (void)scan;
    const nd2_file *file = file_of(map);
    int n = file->loops.n;
    uint64_t number = number_of(map, position);
    const nd2_frame *frame = nd2_next_frame(&file->index, number);
    memcpy(next, position, (size_t)map->ndim * sizeof *next);
    if (frame && frame->number == number)
        return;
    memset(next, 0, (size_t)map->ndim * sizeof *next);
    if (!frame || frame->number >= file->n_frames) {
        next[0] = MT_NOWHERE;
        return;
    }
    number = frame->number;
    for (int d = n - 1; d >= 0; d--) {
        next[d] = (int64_t)(number % (uint64_t)map->shape[d]);
        number /= (uint64_t)map->shape[d];
    }
}

static void add_dimension(mt_chunk_map *map, char axis, int64_t size, int64_t chunk, int64_t stride)
{
    int d = map->ndim++;
    map->axes[d] = axis;
    map->shape[d] = size;
    map->chunk_shape[d] = chunk;
    map->chunk_stride[d] = stride;
}

/* Colours are stored as blue, green and red. Sources: the export of limnd2, and Bio-Formats' pull request 4321, whose
 * files were compared with the software that wrote them. */
static void add_pixels(const nd2_pixels *p, int64_t rows, mt_chunk_map *map)
{
    int64_t colors = p->is_rgb ? 3 : 1, row = (int64_t)(p->row_bytes / mt_dtype_size(p->dtype));
    if (p->planes > 1)
        add_dimension(map, 'C', p->planes, p->planes, colors);
    add_dimension(map, 'Y', p->height, rows, row);
    add_dimension(map, 'X', p->width, p->width, p->components);
    if (p->is_rgb) {
        add_dimension(map, 'C', 3, 3, -1);
        map->chunk_first = 2;
    }
}

/* Rows of a chunk. */
static int64_t rows_of(const nd2_pixels *p)
{
    int64_t rows = mt_max_i64((int64_t)(BLOCK_BYTES / p->row_bytes), 1);
    return p->is_compressed ? p->height : mt_min_i64(rows, p->height);
}

/* Names the frames that are not stored: those between the stored ones. */
static mt_status report_missing(const nd2_file *file, mt_chunk_map *map, mt_error *err)
{
    uint64_t number = 0, stored = 0;
    mt_status st = MT_OK;
    for (size_t i = 0; i <= file->index.n_frames && !st; i++) {
        uint64_t next = i < file->index.n_frames ? file->index.frames[i].number : file->n_frames;
        next = next < file->n_frames ? next : file->n_frames;
        for (; number < next && map->missing.n < MT_MAX_MISSING_NAMES && !st; number++)
            st = mt_chunk_map_miss(map, err, "frame %llu", (unsigned long long)number);
        stored += i < file->index.n_frames && file->index.frames[i].number < file->n_frames;
        number = next + 1;
    }
    map->n_missing = file->n_frames - stored;
    return st;
}

mt_status nd2_make_map(const nd2_file *file, mt_chunk_map *map, mt_error *err)
{
    const nd2_pixels *p = &file->pixels;
    uint64_t bytes;
    int64_t rows = rows_of(p);
    map->state = (void *)(uintptr_t)file; /* the headers of its frames are filled in */
    map->dtype = p->dtype;
    map->swap = mt_host_big_endian() && mt_dtype_size(p->dtype) > 1;
    for (int i = 0; i < file->loops.n; i++)
        add_dimension(map, file->loops.loop[i].axis, file->loops.loop[i].count, 1, 0);
    add_pixels(p, rows, map);
    if (mt_mul_u64(p->row_bytes, (uint64_t)rows, &bytes) || bytes > INT64_MAX)
        return mt_fail(err, MT_E_CORRUPT, "a frame has more than 2^63 bytes");
    map->chunk_bytes = (size_t)bytes;
    map->cut_at_edge = !p->is_compressed;
    map->locate = locate;
    map->find_stored = find_stored;
    mt_status st = report_missing(file, map, err);
    return st || !p->is_compressed ? st : mt_chain_add(&map->chain, mt_codec_find("zlib"), NULL, err);
}
