/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/checked.h"
#include "base/reader.h"
#include "codec/params.h"
#include "format/container.h"

#include <string.h>

/* Block size for contiguous raw data: large enough to make a request cheap, small enough for the L2 cache. */
#define BLOCK_BYTES ((int64_t)128 << 10)

mt_status mt_chunk_map_new(mt_env *env, mt_store *store, const char *format, mt_chunk_map **out, mt_error *err)
{
    mt_arena *arena;
    mt_status st = mt_arena_new(env, &arena, err);
    if (st)
        return st;
    mt_chunk_map *map = mt_arena_alloc(arena, 1, sizeof *map, err);
    if (!map) {
        mt_arena_free(arena);
        return MT_E_MEMORY;
    }
    map->arena = arena;
    map->store = store;
    map->format = format;
    *out = map;
    return MT_OK;
}

void mt_chunk_map_free(mt_chunk_map *map)
{
    if (!map)
        return;
    mt_cache *cache = mt_arena_env(map->arena)->index_cache;
    for (int i = 0; i < MT_MAP_OWNERS && map->index_owners[i]; i++)
        mt_cache_drop(cache, map->index_owners[i]);
    mt_container *container = map->container;
    mt_arena_free(map->arena);
    mt_container_close(container);
}

uint64_t mt_chunk_map_new_owner(mt_chunk_map *map)
{
    int i = 0;
    while (map->index_owners[i])
        i++;
    return map->index_owners[i] = mt_cache_new_owner(mt_arena_env(map->arena)->index_cache);
}

mt_status mt_chunk_map_add_member(mt_chunk_map *map, const char *key, mt_error *err)
{
    mt_texts *members = &map->members;
    const bool is_opened = map->container && strcmp(key, map->container->source.key) == 0;
    if (is_opened || (members->n > 0 && strcmp(key, members->items[members->n - 1]) == 0))
        return MT_OK;
    const char **items = mt_arena_grow(map->arena, members->items, members->n, &members->room, 4, sizeof *items, err);
    if (!items)
        return mt_arena_failed(err);
    members->items = items;
    members->items[members->n++] = key;
    return MT_OK;
}

void mt_chunk_map_c_order(mt_chunk_map *map)
{
    int64_t stride = 1;
    for (int d = map->ndim - 1; d >= 0; d--) {
        map->chunk_stride[d] = stride;
        if (mt_mul_i64(stride, map->chunk_shape[d], &stride))
            stride = INT64_MAX; /* mt_chunk_map_check refuses it */
    }
}

int64_t mt_chunk_map_grid(const mt_chunk_map *map, int d)
{
    if (!map->chunk_edges[d])
        return map->shape[d] / map->chunk_shape[d] + (map->shape[d] % map->chunk_shape[d] != 0);
    int64_t n = 0;
    while (map->chunk_edges[d][n] < map->shape[d])
        n++;
    return n;
}

uint64_t mt_position_number(int n, const int64_t *shape, const int64_t *position)
{
    uint64_t number = 0;
    for (int d = 0; d < n; d++)
        number = number * (uint64_t)shape[d] + (uint64_t)position[d];
    return number;
}

bool mt_position_next(int n, const int64_t *low, const int64_t *high, int64_t *position)
{
    for (int d = n - 1; d >= 0; d--) {
        if (++position[d] < high[d])
            return true;
        position[d] = low[d];
    }
    return false;
}

int64_t mt_chunk_map_elements(const mt_chunk_map *map)
{
    int64_t elements = 0;
    return mt_product_i64(map->chunk_shape, map->ndim, &elements) ? INT64_MAX : elements;
}

static mt_status check_axes(const mt_chunk_map *map, mt_error *err)
{
    if (strlen(map->axes) != (size_t)map->ndim)
        return mt_fail(err, MT_E_CORRUPT, "%zu axes for %d dimensions", strlen(map->axes), map->ndim);
    for (int d = 0; d < map->ndim; d++) {
        if (!strchr("STCZYX?", map->axes[d]))
            return mt_fail(err, MT_E_CORRUPT, "axis '%c' is not one of STCZYX", map->axes[d]);
        if (strchr("TZYX", map->axes[d]) && strchr(map->axes + d + 1, map->axes[d]))
            return mt_fail(err, MT_E_CORRUPT, "axis %c is given twice", map->axes[d]);
    }
    return MT_OK;
}

static mt_status check_edges(const mt_chunk_map *map, int d, mt_error *err)
{
    const int64_t *edges = map->chunk_edges[d];
    int64_t i = 0;
    if (edges[0] != 0)
        return mt_fail(err, MT_E_CORRUPT, "the grid along dimension %d does not start at 0", d);
    for (; edges[i] < map->shape[d]; i++)
        if (edges[i + 1] <= edges[i] || edges[i + 1] - edges[i] > map->chunk_shape[d])
            return mt_fail(err, MT_E_CORRUPT, "chunk %lld along dimension %d has a wrong size", (long long)i, d);
    return MT_OK;
}

static mt_status check_shape(const mt_chunk_map *map, mt_error *err)
{
    const mt_limits *limits = &mt_arena_env(map->arena)->limits;
    int64_t elements, size = (int64_t)mt_dtype_size(map->dtype);
    if (map->ndim < 0 || (size_t)map->ndim > limits->max_dimensions || map->ndim > MT_MAX_DIMS)
        return mt_fail(err, MT_E_LIMIT, "%d dimensions are more than max_dimensions (%zu)", map->ndim,
                       limits->max_dimensions);
    for (int d = 0; d < map->ndim; d++) {
        if (map->shape[d] < 0)
            return mt_fail(err, MT_E_CORRUPT, "dimension %d has the size %lld", d, (long long)map->shape[d]);
        if (map->chunk_shape[d] < 1)
            return mt_fail(err, MT_E_CORRUPT, "dimension %d has chunks of size %lld", d,
                           (long long)map->chunk_shape[d]);
        /* the end of the last chunk must be a valid coordinate, too */
        if (mt_add_i64(map->shape[d], map->chunk_shape[d], &elements))
            return mt_fail(err, MT_E_CORRUPT, "dimension %d has the size %lld", d, (long long)map->shape[d]);
        if (map->chunk_edges[d]) {
            mt_status st = check_edges(map, d, err);
            if (st)
                return st;
        }
    }
    if (mt_product_i64(map->shape, map->ndim, &elements) || mt_mul_i64(elements, size, &elements))
        return mt_fail(err, MT_E_CORRUPT, "the image has more than 2^63 bytes");
    return MT_OK;
}

/* Every element of a chunk must lie inside it. */
static mt_status check_strides(const mt_chunk_map *map, int64_t room, mt_error *err)
{
    int64_t low = map->chunk_first, high = low, step;
    bool is_plain = map->chunk_first == 0 && map->chunk_bytes == 0, is_regular = !map->find_boxes && !map->contiguous;
    for (int d = 0; d < map->ndim; d++) {
        if (mt_mul_i64(map->chunk_shape[d] - 1, map->chunk_stride[d], &step) ||
            mt_add_i64(step < 0 ? low : high, step, step < 0 ? &low : &high))
            return mt_fail(err, MT_E_CORRUPT, "the strides of dimension %d leave the chunk", d);
        is_plain &= map->chunk_stride[d] >= 0;
        is_regular &= !map->chunk_edges[d];
    }
    if (!is_plain && !is_regular)
        return mt_fail(err, MT_E_CORRUPT, "chunks that differ in size are stored backwards or with gaps");
    /* Blocks of contiguous data may have gaps between rows: they are read row by row. */
    if (low < 0 || (high >= room && !map->contiguous))
        return mt_fail(err, MT_E_CORRUPT, "the strides leave the chunk");
    return MT_OK;
}

static mt_status check_chunk(const mt_chunk_map *map, mt_error *err)
{
    size_t limit = mt_arena_env(map->arena)->limits.max_chunk_bytes, size = mt_dtype_size(map->dtype);
    int64_t elements, bytes;
    if (mt_product_i64(map->chunk_shape, map->ndim, &elements) || mt_mul_i64(elements, (int64_t)size, &bytes) ||
        (uint64_t)bytes > limit || map->chunk_bytes > limit)
        return mt_fail(err, MT_E_LIMIT, "a chunk has more bytes than max_chunk_bytes (%zu)", limit);
    return check_strides(map, map->chunk_bytes ? (int64_t)(map->chunk_bytes / size) : elements, err);
}

mt_status mt_chunk_map_check(const mt_chunk_map *map, mt_error *err)
{
    if (mt_dtype_size(map->dtype) == 0)
        return mt_fail(err, MT_E_CORRUPT, "the image has no element type");
    mt_status st = check_shape(map, err);
    if (st || (st = check_axes(map, err)))
        return st;
    return check_chunk(map, err);
}

/* Dimensions of more than one element, the one with the smallest stride first. */
static int sort_by_stride(const mt_chunk_map *map, int *out)
{
    int n = 0;
    for (int d = map->ndim - 1; d >= 0; d--) {
        if (map->shape[d] == 1)
            continue;
        int at = n++;
        for (; at > 0 && map->piece_stride[out[at - 1]] > map->piece_stride[d]; at--)
            out[at] = out[at - 1];
        out[at] = d;
    }
    return n;
}

void mt_chunk_map_cut_piece(mt_chunk_map *map)
{
    int64_t size = (int64_t)mt_dtype_size(map->dtype), run = 1;
    int order[MT_MAX_DIMS], n = sort_by_stride(map, order);
    bool full = false;
    for (int d = 0; d < map->ndim; d++) {
        map->chunk_shape[d] = 1;
        map->chunk_stride[d] = 0;
    }
    /* Whole dimensions while they fit in a block and leave no gap, then as much of one as fits, then 1. */
    for (int i = 0; i < n && !full; i++) {
        int d = order[i];
        if (map->piece_stride[d] != run * size)
            break;
        map->chunk_shape[d] = mt_max_i64(mt_min_i64(map->shape[d], BLOCK_BYTES / size / run), 1);
        map->chunk_stride[d] = map->chunk_shape[d] > 1 ? run : 0;
        full = map->chunk_shape[d] < map->shape[d];
        run *= map->chunk_shape[d];
    }
    map->contiguous = true;
    map->cut_at_edge = true;
}

void mt_chunk_map_find_block(const mt_chunk_map *map, const int64_t *position, uint64_t *offset, uint64_t *elements)
{
    *offset = 0;
    *elements = 1; /* of the part of the chunk that is inside the image */
    for (int d = 0; d < map->ndim; d++) {
        int64_t start = position[d] * map->chunk_shape[d];
        *offset += (uint64_t)(start * map->piece_stride[d]);
        *elements *= (uint64_t)mt_min_i64(map->chunk_shape[d], map->shape[d] - start);
    }
}

/* Contiguous data: a chunk is a run of whole rows, located by arithmetic. */
typedef struct piece {
    const char *key;
    uint64_t offset;
    uint64_t element_bytes; /* of a stored element */
    bool fortran_order;
} piece;

static mt_status locate_piece(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    (void)err;
    const piece *p = map->state;
    uint64_t elements;
    out->key = p->key;
    mt_chunk_map_find_block(map, position, &out->offset, &elements);
    out->offset += p->offset;
    out->size = elements * p->element_bytes;
    return MT_OK;
}

mt_status mt_chunk_map_contiguous(mt_chunk_map *map, const char *key, uint64_t offset, bool fortran_order,
                                  mt_error *err)
{
    piece *p = mt_arena_alloc(map->arena, 1, sizeof *p, err);
    char *copy = mt_arena_strndup(map->arena, key, strlen(key), err);
    int64_t size = (int64_t)mt_dtype_size(map->dtype), elements, stride = size;
    if (!p || !copy)
        return MT_E_MEMORY;
    if (mt_product_i64(map->shape, map->ndim, &elements) || mt_mul_i64(elements, size, &elements) ||
        offset > INT64_MAX - (uint64_t)elements)
        return mt_fail(err, MT_E_CORRUPT, "the image has more than 2^63 bytes");
    *p = (piece) { copy, offset, (uint64_t)size, fortran_order };
    for (int i = 0; i < map->ndim; i++) {
        int d = fortran_order ? i : map->ndim - 1 - i;
        map->piece_stride[d] = stride;
        if (mt_mul_i64(stride, mt_max_i64(map->shape[d], 1), &stride))
            stride = INT64_MAX; /* only of an image without elements */
    }
    mt_chunk_map_cut_piece(map);
    map->state = p;
    map->locate = locate_piece;
    return MT_OK;
}

mt_status mt_chunk_map_scale(mt_chunk_map *map, mt_error *err)
{
    mt_filter_params *p = mt_arena_alloc(map->arena, 1, sizeof *p, err);
    if (!p)
        return MT_E_MEMORY;
    bool single = mt_dtype_size(map->dtype) <= 2 || map->dtype == MT_FLOAT32;
    *p = (mt_filter_params) { .dtype = { single ? MT_FLOAT32 : MT_FLOAT64, mt_host_big_endian() },
                              .astype = { map->dtype, map->swap != mt_host_big_endian() },
                              .offset = map->value_offset,
                              .scale = map->value_scale };
    map->dtype = p->dtype.dtype;
    map->swap = false;
    map->contiguous = false;
    map->value_scale = map->value_offset = 0;
    return mt_chain_add(&map->chain, mt_codec_find("scaled"), p, err);
}

bool mt_chunk_map_get_piece(const mt_chunk_map *map, const char **key, uint64_t *offset, bool *fortran_order)
{
    if (map->locate != locate_piece || !map->contiguous)
        return false;
    const piece *p = map->state;
    *key = p->key;
    *offset = p->offset;
    *fortran_order = p->fortran_order;
    return true;
}

mt_status mt_chunk_map_check_size(const mt_chunk_map *map, mt_error *err)
{
    const piece *p = map->state;
    uint64_t size, needed = p->element_bytes;
    mt_status st = mt_store_size(map->store, p->key, &size, err);
    if (st)
        return st;
    for (int d = 0; d < map->ndim; d++)
        needed *= (uint64_t)map->shape[d]; /* mt_chunk_map_contiguous has checked for overflow */
    if (size < p->offset || size - p->offset < needed)
        return mt_fail(err, MT_E_CORRUPT, "the file has %llu bytes, too few for %llu bytes of pixels from byte %llu on",
                       (unsigned long long)size, (unsigned long long)needed, (unsigned long long)p->offset);
    return MT_OK;
}
