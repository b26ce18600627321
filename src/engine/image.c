/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/image.h"

#include "base/checked.h"
#include "format/container.h"

#include <stdio.h>
#include <string.h>

void mt_image_init(mt_image *image, mt_context *context, const mt_chunk_map *map, mt_store *store, const char *label,
                   const uint8_t *array, const int64_t *strides)
{
    *image = (mt_image) { .context = context, .map = map, .store = store, .label = label, .array = array };
    image->owner = mt_cache_new_owner(context->chunks);
    image->element_size = mt_dtype_size(map->dtype);
    image->chunk.bytes = image->element_size;
    uint64_t n = 1;
    bool huge = false;
    for (int d = 0; d < map->ndim; d++) {
        image->grid[d] = mt_chunk_map_grid(map, d);
        image->uneven |= map->chunk_edges[d] != NULL;
        image->chunk.stride[d] = map->chunk_stride[d] * (int64_t)image->element_size;
        image->chunk.bytes *= (size_t)map->chunk_shape[d];
        image->piece.stride[d] = strides ? strides[d] : map->piece_stride[d];
        huge |= mt_mul_u64(n, (uint64_t)image->grid[d], &n);
    }
    image->chunk.first = map->chunk_first * (int64_t)image->element_size;
    image->chunk.bytes = map->chunk_bytes ? map->chunk_bytes : image->chunk.bytes;
    image->uneven |= map->find_boxes != NULL;
    uint64_t budget = mt_cache_budget(context->chunks), in_cache;
    huge |= mt_mul_u64(n, mt_cache_cost(image->chunk.bytes), &in_cache);
    image->bytes = huge ? UINT64_MAX : n * image->chunk.bytes;
    image->fits_in_cache = !huge && in_cache <= budget;
    image->is_cacheable = image->chunk.bytes <= budget / 4;
}

uint64_t mt_image_span(const mt_image *image)
{
    uint64_t span = image->element_size;
    for (int d = 0; d < image->map->ndim; d++) {
        if (image->map->shape[d] == 0)
            return 0;
        span += (uint64_t)(image->map->shape[d] - 1) * (uint64_t)image->piece.stride[d];
    }
    return span;
}

void mt_image_use_view(mt_image *image)
{
    static const int64_t first[MT_MAX_DIMS] = { 0 };
    const mt_chunk_map *map = image->map;
    mt_chunk_ref ref = { .key = "" };
    uint64_t whole, span = mt_image_span(image);
    if (!map->contiguous || map->chain.n_steps || !image->store->costs.is_memory || map->locate(map, first, &ref, NULL))
        return;
    const uint8_t *view = ref.missing ? NULL : mt_store_view(image->store, ref.key, &whole);
    if (view && ref.offset <= whole && span <= whole - ref.offset)
        image->array = view + ref.offset;
}

void mt_image_count(mt_image *image, uint64_t absent, uint64_t present)
{
    atomic_fetch_add_explicit(&image->absent, absent, memory_order_relaxed);
    atomic_fetch_add_explicit(&image->present, present, memory_order_relaxed);
    atomic_fetch_add_explicit(&image->context->env.chunks_missing, absent, memory_order_relaxed);
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

/* All chunks have the same order of dimensions, that of the strides. If a size of 1 makes two strides equal, their
 * order does not matter. */
const mt_layout *mt_image_chunk_layout(const mt_image *image, uint64_t id, const int64_t *whole, mt_layout *storage)
{
    if (!image->uneven)
        return &image->chunk;
    const mt_chunk_map *map = image->map;
    int64_t size[MT_MAX_DIMS];
    storage->bytes = image->element_size;
    storage->first = 0;
    if (whole)
        memcpy(size, whole, sizeof size);
    else
        find_grid_sizes(image, id, size);
    for (int d = 0; d < map->ndim; d++)
        storage->bytes *= (size_t)size[d];
    for (int d = 0; d < map->ndim; d++) {
        storage->stride[d] = (int64_t)image->element_size;
        for (int e = 0; e < map->ndim; e++)
            if (e != d && map->chunk_stride[e] < map->chunk_stride[d])
                storage->stride[d] *= size[e];
    }
    return storage;
}

size_t mt_image_least_bytes(const mt_image *image, uint64_t id, const mt_layout *layout)
{
    const mt_chunk_map *map = image->map;
    int slowest = -1;
    for (int d = 0; map->cut_at_edge && d < map->ndim; d++)
        if (map->chunk_shape[d] > 1 && (slowest < 0 || map->chunk_stride[d] > map->chunk_stride[slowest]))
            slowest = d;
    if (slowest < 0)
        return layout->bytes;
    int64_t position[MT_MAX_DIMS];
    mt_image_chunk_position(image, id, position);
    int64_t rows =
        mt_image_chunk_end(image, slowest, position[slowest]) - mt_image_chunk_start(image, slowest, position[slowest]);
    return layout->bytes / (size_t)map->chunk_shape[slowest] * (size_t)rows;
}

void mt_image_prefix(const mt_image *image, uint64_t id, const char *key, uint64_t offset, mt_error *err)
{
    int64_t position[MT_MAX_DIMS];
    char text[MT_MAX_DIMS * 21 + 1] = "0";
    int n = 0;
    const char *own = image->map->container ? image->map->container->source.key : ""; /* the label names it */
    mt_error_omit(err, own);
    if (image->map->find_boxes) {
        bool is_own = strcmp(key, own) == 0;
        if (*key)
            mt_error_prefix(err, "%s%sbyte %llu", is_own ? "" : key, is_own ? "" : ", ", (unsigned long long)offset);
        mt_error_prefix(err, "%s: %s: tile %llu", image->label, image->map->format, (unsigned long long)id);
        return;
    }
    if (id == MT_PIECE) {
        mt_error_prefix(err, "%s: %s", image->label, image->map->format);
        return;
    }
    mt_image_chunk_position(image, id, position);
    for (int d = 0; d < image->map->ndim; d++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%lld", d ? "/" : "", (long long)position[d]);
    mt_error_prefix(err, "%s: %s: chunk %s", image->label, image->map->format, text);
}
