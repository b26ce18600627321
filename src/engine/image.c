/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/image.h"

#include "base/checked.h"
#include "base/reader.h"

#include <stdio.h>
#include <string.h>

/* Buffers of a scratch, beside those that codecs use (2 and 3). */
enum { ENCODED, DECODED, WINDOW = 4 };

/* A window is no larger, so that it stays near the processor until its chunks are decoded. */
#define MAX_WINDOW ((uint64_t)512 << 10)

static int64_t grid_along(const mt_chunk_map *map, int d)
{
    if (!map->chunk_edges[d])
        return map->shape[d] / map->chunk_shape[d] + (map->shape[d] % map->chunk_shape[d] != 0);
    int64_t n = 0;
    while (map->chunk_edges[d][n] < map->shape[d])
        n++;
    return n;
}

#define LARGEST_RAW ((size_t)16 << 20)

void mt_image_init(mt_image *image, mt_context *context, const mt_chunk_map *map, mt_store *store, const char *label,
                   const uint8_t *array)
{
    *image = (mt_image) { .context = context, .map = map, .store = store, .label = label, .array = array };
    image->owner = mt_cache_new_owner(context->chunks);
    image->element_size = mt_dtype_size(map->dtype);
    image->chunk_bytes = image->element_size;
    uint64_t image_bytes = 1;
    bool huge = false;
    for (int d = 0; d < map->ndim; d++) {
        image->grid[d] = grid_along(map, d);
        image->uneven |= map->chunk_edges[d] != NULL;
        image->stride[d] = map->chunk_stride[d] * (int64_t)image->element_size;
        image->chunk_bytes *= (size_t)map->chunk_shape[d];
        huge |= mt_mul_u64(image_bytes, (uint64_t)image->grid[d], &image_bytes);
    }
    huge |= mt_mul_u64(image_bytes, mt_cache_cost(image->chunk_bytes), &image_bytes);
    image->uneven |= map->find_boxes != NULL;
    uint64_t budget = mt_cache_budget(context->chunks);
    image->fits = !huge && image_bytes <= budget;
    /* Raw rows are cheap to read again: raw chunks are kept only where all of them can be, and none is so large that a
     * few rows of it would have to wait for the others. Boxes may be encoded each in its own way. */
    bool keep_raw = image->fits && image->chunk_bytes <= LARGEST_RAW;
    bool may_be_encoded = map->chain.n_steps || map->find_boxes;
    image->rows = !map->chain.n_steps && !keep_raw;
    image->keep = (!map->chain.n_steps && keep_raw) || (may_be_encoded && image->chunk_bytes <= budget / 4);
    image->piece = map->contiguous && image->rows && !array;
    for (int d = 0; image->piece && d < map->ndim; d++)
        image->stride[d] = map->piece_stride[d];
}

void mt_image_init_blocks(mt_image *blocks, const mt_image *piece)
{
    *blocks = *piece;
    blocks->piece = blocks->rows = false;
    for (int d = 0; d < piece->map->ndim; d++)
        blocks->stride[d] = piece->map->chunk_stride[d] * (int64_t)piece->element_size;
}

void mt_image_forget(mt_image *image) { mt_cache_drop(image->context->chunks, image->owner); }

int64_t mt_image_chunk_at(const mt_image *image, int d, int64_t coordinate)
{
    const int64_t *edges = image->map->chunk_edges[d];
    if (!edges)
        return coordinate / image->map->chunk_shape[d];
    int64_t low = 0, high = image->grid[d]; /* edges[low] <= coordinate < edges[high] */
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        *(edges[middle] <= coordinate ? &low : &high) = middle;
    }
    return low;
}

int64_t mt_image_chunk_start(const mt_image *image, int d, int64_t position)
{
    const int64_t *edges = image->map->chunk_edges[d];
    return edges ? edges[position] : position * image->map->chunk_shape[d];
}

int64_t mt_image_chunk_end(const mt_image *image, int d, int64_t position)
{
    const int64_t *edges = image->map->chunk_edges[d];
    int64_t start = mt_image_chunk_start(image, d, position);
    int64_t size = edges ? edges[position + 1] - start : image->map->chunk_shape[d];
    return size < image->map->shape[d] - start ? start + size : image->map->shape[d];
}

uint64_t mt_image_chunk_id(const mt_image *image, const int64_t *position)
{
    uint64_t id = 0;
    for (int d = 0; d < image->map->ndim; d++)
        id = id * (uint64_t)image->grid[d] + (uint64_t)position[d];
    return id;
}

void mt_image_chunk_position(const mt_image *image, uint64_t id, int64_t *position)
{
    for (int d = image->map->ndim - 1; d >= 0; d--) {
        position[d] = (int64_t)(id % (uint64_t)image->grid[d]);
        id /= (uint64_t)image->grid[d];
    }
}

static void find_grid_sizes(const mt_image *image, uint64_t id, int64_t *out)
{
    const mt_chunk_map *map = image->map;
    int64_t position[MT_MAX_DIMS] = { 0 };
    mt_image_chunk_position(image, id, position);
    for (int d = 0; d < map->ndim; d++) {
        const int64_t *edges = map->chunk_edges[d];
        out[d] = edges ? edges[position[d] + 1] - edges[position[d]] : map->chunk_shape[d];
    }
}

/* The dimensions of all chunks lie in the same order: that of the strides, and, where a size of 1 makes two strides
 * equal, in either. */
const mt_image *mt_image_at_chunk(const mt_image *image, uint64_t id, const int64_t *whole, mt_image *room)
{
    if (!image->uneven)
        return image;
    *room = *image;
    room->chunk_bytes = image->element_size;
    const mt_chunk_map *map = image->map;
    int64_t size[MT_MAX_DIMS];
    if (whole)
        memcpy(size, whole, sizeof size);
    else
        find_grid_sizes(image, id, size);
    for (int d = 0; d < map->ndim; d++)
        room->chunk_bytes *= (size_t)size[d];
    for (int d = 0; d < map->ndim; d++) {
        room->stride[d] = (int64_t)image->element_size;
        for (int e = 0; e < map->ndim; e++)
            if (e != d && map->chunk_stride[e] < map->chunk_stride[d])
                room->stride[d] *= size[e];
    }
    return room;
}

void mt_image_prefix(const mt_image *image, uint64_t id, const mt_chunk_ref *ref, mt_error *err)
{
    int64_t position[MT_MAX_DIMS];
    char text[MT_MAX_DIMS * 21 + 1] = "0";
    int n = 0;
    if (image->map->find_boxes) {
        if (*ref->key)
            mt_error_prefix(err, "%s, byte %llu", ref->key, (unsigned long long)ref->offset);
        mt_error_prefix(err, "%s: %s, tile %llu", image->map->format, image->label, (unsigned long long)id);
        return;
    }
    mt_image_chunk_position(image, id, position);
    for (int d = 0; d < image->map->ndim; d++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%lld", d ? "/" : "", (long long)position[d]);
    mt_error_prefix(err, "%s: %s, chunk %s", image->map->format, image->label, text);
}

mt_status mt_image_locate(const mt_image *image, uint64_t id, mt_chunk_ref *out, mt_error *err)
{
    int64_t position[MT_MAX_DIMS] = { (int64_t)id };
    out->missing = out->absent_is_fill = false;
    out->key = "";
    out->offset = 0;
    out->size = MT_WHOLE;
    out->chain = NULL;
    mt_status st = MT_OK;
    if (!image->map->find_boxes)
        mt_image_chunk_position(image, id, position);
    else if (id == MT_NOTHING)
        out->missing = true;
    if (!out->missing)
        st = image->map->locate(image->map, position, out, err);
    if (!st && !out->chain)
        out->chain = &image->map->chain;
    return st;
}

/* The bytes that a chunk decodes to at the least: an edge chunk may be cut along its slowest dimension. */
static size_t least_bytes(const mt_image *image, uint64_t id)
{
    const mt_chunk_map *map = image->map;
    int slowest = -1;
    for (int d = 0; map->cut_at_edge && d < map->ndim; d++)
        if (map->chunk_shape[d] > 1 && (slowest < 0 || map->chunk_stride[d] > map->chunk_stride[slowest]))
            slowest = d;
    if (slowest < 0)
        return image->chunk_bytes;
    int64_t position[MT_MAX_DIMS];
    mt_image_chunk_position(image, id, position);
    int64_t rows =
        mt_image_chunk_end(image, slowest, position[slowest]) - mt_image_chunk_start(image, slowest, position[slowest]);
    return image->chunk_bytes / (size_t)map->chunk_shape[slowest] * (size_t)rows;
}

static void count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* The encoded size of a chunk. *missing is set where the object is absent and that means the fill value. */
static mt_status find_size(const mt_image *image, const mt_chunk_ref *ref, uint64_t *size, bool *missing, mt_error *err)
{
    *missing = ref->missing;
    *size = ref->size;
    if (*missing || ref->size != MT_WHOLE)
        return MT_OK;
    mt_error local = MT_ERROR_INIT;
    mt_status st = mt_store_size(image->store, ref->key, size, &local);
    if (st == MT_E_NOT_FOUND && ref->absent_is_fill) {
        *missing = true;
        return MT_OK;
    }
    if (st)
        return mt_fail(err, st, "%s", local.message);
    if (ref->offset > *size)
        return mt_fail(err, MT_E_CORRUPT, "%s has %llu bytes, none at %llu", ref->key, (unsigned long long)*size,
                       (unsigned long long)ref->offset);
    *size -= ref->offset;
    return MT_OK;
}

void mt_image_count_missing(const mt_image *image) { count(&image->context->env.chunks_missing, 1); }

/* [offset, offset + size) of an object that lies in memory, or NULL. */
static const uint8_t *find_view(const mt_image *image, const mt_chunk_ref *ref, uint64_t size)
{
    uint64_t whole;
    const uint8_t *view = mt_store_view(image->store, ref->key, &whole);
    return view && ref->offset <= whole && size <= whole - ref->offset ? view + ref->offset : NULL;
}

mt_status mt_image_open_raw(const mt_image *image, uint64_t id, const mt_chunk_ref *ref, bool *missing,
                            const uint8_t **view, mt_error *err)
{
    uint64_t size;
    mt_status st = find_size(image, ref, &size, missing, err);
    if (st || *missing)
        return st;
    size_t least = least_bytes(image, id);
    bool whole = ref->size == MT_WHOLE && ref->offset == 0;
    if (size < least || (whole && size > image->chunk_bytes))
        return mt_fail(err, MT_E_CORRUPT, "%s has %llu bytes for a raw chunk of %zu", ref->key,
                       (unsigned long long)size, least);
    *view = find_view(image, ref, least);
    return MT_OK;
}

mt_status mt_image_open_piece(const mt_image *image, mt_chunk_ref *ref, const uint8_t **view, mt_error *err)
{
    mt_status st = mt_image_locate(image, 0, ref, err);
    if (st)
        return st;
    ref->size = image->element_size;
    for (int d = 0; d < image->map->ndim; d++)
        ref->size *= (uint64_t)image->map->shape[d];
    *view = find_view(image, ref, ref->size);
    return MT_OK;
}

static bool is_in_window(const mt_window *window, const mt_chunk_ref *ref, uint64_t size)
{
    return window && window->data && ref->offset >= window->offset && size <= window->size &&
           ref->offset - window->offset <= window->size - size && strcmp(ref->key, window->key) == 0;
}

static mt_status fetch(const mt_image *image, const mt_chunk_ref *ref, const mt_window *window, mt_scratch *scratch,
                       const uint8_t **out, size_t *out_size, bool *missing, mt_error *err)
{
    uint64_t size;
    mt_status st = find_size(image, ref, &size, missing, err);
    if (st || *missing)
        return st;
    size_t bound = mt_chain_encoded_bound(ref->chain, image->chunk_bytes);
    if (size > bound)
        return mt_fail(err, MT_E_CORRUPT, "%llu encoded bytes for a chunk of %zu", (unsigned long long)size,
                       image->chunk_bytes);
    *out_size = (size_t)size;
    *out =
        is_in_window(window, ref, size) ? window->data + (ref->offset - window->offset) : find_view(image, ref, size);
    if (*out)
        return MT_OK;
    uint8_t *buffer;
    if ((st = mt_scratch_buffer(scratch, ENCODED, *out_size, &buffer, err)))
        return st;
    *out = buffer;
    return mt_store_read_at(image->store, ref->key, ref->offset, buffer, *out_size, err);
}

/* Whether the next chunk is to be read together with what the window, which may be empty, has so far. */
static bool joins(const mt_image *image, const mt_chunk_ref *ref, const mt_window *window)
{
    if (ref->missing || ref->size == MT_WHOLE || ref->chain->n_steps == 0 ||
        ref->size > mt_chain_encoded_bound(ref->chain, image->chunk_bytes))
        return false;
    if (window->size == 0)
        return ref->size <= MAX_WINDOW && strlen(ref->key) < sizeof window->key;
    uint64_t end = window->offset + window->size;
    return ref->offset >= end && ref->offset - end <= image->store->costs.gap && ref->size <= MAX_WINDOW &&
           ref->offset + ref->size - window->offset <= MAX_WINDOW && strcmp(ref->key, window->key) == 0;
}

static bool is_cached(const mt_image *image, uint64_t id)
{
    mt_cache_entry *entry = image->keep ? mt_cache_peek(image->context->chunks, image->owner, id) : NULL;
    if (entry)
        mt_cache_release(image->context->chunks, entry);
    return entry != NULL;
}

size_t mt_image_fetch_window(const mt_image *image, uint64_t (*id)(const void *argument, size_t i),
                             const void *argument, size_t n, mt_scratch *scratch, mt_window *out)
{
    size_t i = 0;
    out->data = NULL;
    out->size = 0;
    for (; i < n; i++) {
        mt_chunk_ref ref;
        uint64_t chunk = id(argument, i);
        if (is_cached(image, chunk) || mt_image_locate(image, chunk, &ref, NULL) || !joins(image, &ref, out))
            break;
        if (i == 0) {
            memcpy(out->key, ref.key, strlen(ref.key) + 1);
            out->offset = ref.offset;
        }
        out->size = ref.offset + ref.size - out->offset;
    }
    uint64_t unused;
    uint8_t *buffer;
    if (i > 1 && !mt_store_view(image->store, out->key, &unused) &&
        !mt_scratch_buffer(scratch, WINDOW, (size_t)out->size, &buffer, NULL) &&
        !mt_store_read_at(image->store, out->key, out->offset, buffer, (size_t)out->size, NULL))
        out->data = buffer;
    return i > 1 ? i : 1;
}

static void finish_decoding(const mt_image *image, uint8_t *data, size_t bytes)
{
    if (image->map->swap)
        mt_swap_bytes(data, bytes / image->element_size, image->element_size);
    count(&image->context->env.chunks_decoded, 1);
    count(&image->context->env.bytes_decoded, bytes);
}

/* What it takes to make a chunk, and where it goes: to a new block for the cache, or to a buffer of the scratch. */
typedef struct making {
    const mt_image *image;
    uint64_t id;
    const mt_window *window;
    mt_scratch *scratch;
    bool in_scratch;
    uint8_t *data;
} making;

static mt_status make_room(making *m, mt_error *err)
{
    if (m->in_scratch)
        return mt_scratch_buffer(m->scratch, DECODED, m->image->chunk_bytes, &m->data, err);
    void *memory;
    mt_status st = mt_alloc(&m->image->context->env, m->image->chunk_bytes, &memory, err);
    m->data = memory;
    return st;
}

static mt_status make_raw(making *m, const mt_chunk_ref *ref, bool *missing, mt_error *err)
{
    const uint8_t *view;
    mt_status st = mt_image_open_raw(m->image, m->id, ref, missing, &view, err);
    if (st || *missing || (st = make_room(m, err)))
        return st;
    return mt_store_read_at(m->image->store, ref->key, ref->offset, m->data, least_bytes(m->image, m->id), err);
}

static mt_status make_decoded(making *m, const mt_chunk_ref *ref, bool *missing, mt_error *err)
{
    const uint8_t *encoded;
    size_t size;
    mt_status st = fetch(m->image, ref, m->window, m->scratch, &encoded, &size, missing, err);
    if (st || *missing || (st = make_room(m, err)))
        return st;
    return mt_chain_decode(ref->chain, encoded, size, m->data, least_bytes(m->image, m->id), m->image->chunk_bytes,
                           m->scratch, err);
}

/* Leaves m->data NULL for a missing chunk. */
static mt_status make_chunk(making *m, mt_error *err)
{
    const mt_image *image = m->image;
    mt_chunk_ref ref;
    bool missing = false;
    m->data = NULL;
    mt_status st = mt_image_locate(image, m->id, &ref, err);
    if (!st && !ref.missing)
        st = ref.chain->n_steps ? make_decoded(m, &ref, &missing, err) : make_raw(m, &ref, &missing, err);
    if (st) {
        if (!m->in_scratch)
            mt_release(&image->context->env, m->data, image->chunk_bytes);
        mt_image_prefix(image, m->id, &ref, err);
        return st;
    }
    if (m->data)
        finish_decoding(image, m->data, least_bytes(image, m->id));
    else
        mt_image_count_missing(image);
    return MT_OK;
}

static mt_status make_entry(void *argument, void **data, size_t *size, mt_error *err)
{
    making *m = argument;
    mt_status st = make_chunk(m, err);
    if (st)
        return st;
    *data = m->data;
    *size = m->data ? m->image->chunk_bytes : 0;
    return MT_OK;
}

bool mt_image_peek(const mt_image *image, uint64_t id, mt_chunk *out)
{
    if (!image->keep)
        return false;
    mt_cache_entry *entry = mt_cache_peek(image->context->chunks, image->owner, id);
    if (!entry)
        return false;
    *out = (mt_chunk) { .data = entry->data, .entry = entry };
    count(&image->context->env.cache_hits, 1);
    return true;
}

mt_status mt_image_load(const mt_image *image, uint64_t id, const mt_window *window, mt_scratch *scratch, mt_chunk *out,
                        mt_error *err)
{
    making m = { .image = image, .id = id, .window = window, .scratch = scratch, .in_scratch = !image->keep };
    if (!image->keep) {
        mt_status st = make_chunk(&m, err);
        *out = (mt_chunk) { .data = m.data };
        return st;
    }
    if (mt_image_peek(image, id, out))
        return MT_OK;
    mt_cache_entry *entry;
    mt_status st = mt_cache_get(image->context->chunks, image->owner, id, make_entry, &m, &entry, err);
    if (st)
        return st;
    *out = (mt_chunk) { .data = entry->data, .entry = entry };
    return MT_OK;
}

mt_status mt_image_load_part(const mt_image *image, uint64_t id, const mt_window *window, size_t from, size_t to,
                             mt_scratch *scratch, mt_chunk *out, mt_error *err)
{
    mt_chunk_ref ref;
    bool missing = false;
    const uint8_t *encoded;
    uint8_t *data;
    size_t size;
    *out = (mt_chunk) { .swap = image->map->swap };
    mt_status st = mt_image_locate(image, id, &ref, err);
    if (!st && !mt_chain_is_partial(ref.chain))
        return mt_image_load(image, id, window, scratch, out, err);
    if (!st)
        st = fetch(image, &ref, window, scratch, &encoded, &size, &missing, err);
    if (!st && missing) {
        mt_image_count_missing(image);
        return MT_OK;
    }
    if (!st)
        st = mt_scratch_buffer(scratch, DECODED, image->chunk_bytes, &data, err);
    if (!st)
        st = mt_chain_decode_part(ref.chain, encoded, size, data, image->chunk_bytes, from, to, scratch, err);
    if (st) {
        mt_image_prefix(image, id, &ref, err);
        return st;
    }
    count(&image->context->env.chunks_decoded, 1);
    count(&image->context->env.bytes_decoded, to - from);
    out->data = data;
    return MT_OK;
}

void mt_image_release(const mt_image *image, mt_chunk *chunk)
{
    if (chunk->entry)
        mt_cache_release(image->context->chunks, chunk->entry);
}
