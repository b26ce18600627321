/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading a Zarr array in the slowest and plainest way, chunk by chunk and element by element, without the engine; and
 * writing small stores into a temporary folder. */
#ifndef MT_TEST_ZARR_SUPPORT_H
#define MT_TEST_ZARR_SUPPORT_H

#include "support/folder.h"
#include "support/support.h"

#include "base/reader.h"
#include "engine/context.h"
#include "format/container.h"

#include <microtome/microtome.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A map with its context and store. */
typedef struct opened {
    mt_context *context; /* owned */
    mt_store *store;     /* owned by the map's container */
    mt_chunk_map *map;   /* owned */
} opened;

static inline void close_opened(opened *o)
{
    mt_chunk_map_free(o->map);
    mt_context_free(o->context);
}

/* A store as a container. Takes the store over. */
static inline mt_container *open_store(mt_store *store, const char *path)
{
    const mt_open_options options = { .struct_size = sizeof options, .format = "zarr" };
    const char *slash = strrchr(path, '/');
    mt_container *c;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_container_new(store->env, &options, &c, &err), &err);
    c->source.store = store;
    c->source.key = "";
    c->source.folder = true;
    c->source.text = mt_arena_strndup(c->arena, path, strlen(path), &err);
    c->source.name = c->source.text + (slash ? slash + 1 - path : 0);
    check_ok(mt_container_open(c, &err), &err);
    return c;
}

static inline mt_status open_map(const char *path, const char *part, opened *out, mt_error *err)
{
    mt_error local = MT_ERROR_INIT;
    *out = (opened) { 0 };
    check_ok(mt_context_new(NULL, &out->context, &local), &local);
    mt_env *env = &out->context->env;
    mt_status st = mt_store_open_folder(env, path, &out->store, err);
    if (!st) {
        mt_arena *arena;
        mt_selection selection;
        mt_container *container = open_store(out->store, path);
        check_ok(mt_arena_new(env, &arena, &local), &local);
        check_ok(mt_selection_parse(arena, part, &selection, &local), &local);
        st = mt_container_map(container, &selection, &out->map, err);
        mt_arena_free(arena);
        mt_container_close(container);
    }
    if (st) {
        mt_context_free(out->context);
        *out = (opened) { 0 };
    }
    return st;
}

/* The stored elements of one chunk (malloc), or NULL if it is missing. */
static inline mt_status load_chunk(const opened *o, const int64_t *position, size_t bytes, uint8_t **out, mt_error *err)
{
    mt_chunk_ref ref;
    *out = NULL;
    mt_status st = o->map->locate(o->map, position, &ref, err);
    if (st || ref.missing)
        return st;
    uint64_t size = ref.size;
    mt_error local = MT_ERROR_INIT;
    if (size == MT_WHOLE && (st = mt_store_size(o->store, ref.key, &size, &local)))
        return st == MT_E_NOT_FOUND && ref.absent_is_fill ? MT_OK : mt_fail(err, st, "%s", local.message);
    uint8_t *encoded = malloc(size + 1);
    uint8_t *data = malloc(bytes + 1);
    mt_scratch *scratch;
    check_ok(mt_scratch_new(&o->context->env, &scratch, &local), &local);
    st = mt_store_read_at(o->store, ref.key, ref.offset, encoded, size, err);
    if (!st && o->map->chain.n_steps)
        st = mt_chain_decode(&o->map->chain, encoded, size, data, bytes, bytes, scratch, err);
    else if (!st && size != bytes)
        st = mt_fail(err, MT_E_CORRUPT, "chunk of %zu bytes has %zu", bytes, (size_t)size);
    else if (!st)
        memcpy(data, encoded, bytes);
    mt_scratch_free(scratch);
    free(encoded);
    if (st)
        free(data);
    else
        *out = data;
    return st;
}

/* All elements in C order (malloc). */
static inline mt_status read_all(const opened *o, uint8_t **out, size_t *size, mt_error *err)
{
    const mt_chunk_map *map = o->map;
    size_t element = mt_dtype_size(map->dtype);
    size_t n = 1, chunk_bytes = element;
    for (int d = 0; d < map->ndim; d++) {
        n *= (size_t)map->shape[d];
        chunk_bytes *= (size_t)map->chunk_shape[d];
        assert_null(map->chunk_edges[d]);
    }
    *size = n * element;
    *out = malloc(*size + 1);
    int64_t current[MT_MAX_DIMS], index[MT_MAX_DIMS] = { 0 };
    uint8_t *chunk = NULL;
    mt_status st = MT_OK;
    for (size_t i = 0; !st && i < n; i++) {
        int64_t position[MT_MAX_DIMS] = { 0 }, within = 0;
        for (int d = 0; d < map->ndim; d++) {
            position[d] = index[d] / map->chunk_shape[d];
            within += index[d] % map->chunk_shape[d] * map->chunk_stride[d];
        }
        if (i == 0 || memcmp(current, position, sizeof position) != 0) {
            free(chunk);
            st = load_chunk(o, position, chunk_bytes, &chunk, err);
            memcpy(current, position, sizeof position);
        }
        if (st)
            break;
        memcpy(*out + i * element, chunk ? chunk + (size_t)within * element : map->fill, element);
        if (chunk && map->swap)
            mt_swap_bytes(*out + i * element, 1, element);
        for (int d = map->ndim - 1; d >= 0 && ++index[d] == map->shape[d]; d--)
            index[d] = 0;
    }
    free(chunk);
    if (st)
        free(*out);
    return st;
}

/* All pixels of a stack as stored, SC(Z)YX (malloc). */
static inline mt_status read_stack(const char *path, const char *axes, uint8_t **out, size_t *size, mt_error *err)
{
    mt_open_options options = { .struct_size = sizeof options, .axes = axes };
    mt_stack *stack;
    *out = NULL;
    mt_status st = mt_stack_open(NULL, path, &options, &stack, err);
    if (st)
        return st;
    const mt_stack_info *info = mt_stack_get_info(stack);
    size_t n_spatial = (size_t)info->data_ndim - 2;
    size_t sample_bytes = mt_dtype_size(info->dtype);
    for (int d = 1; d < info->data_ndim; d++)
        sample_bytes *= (size_t)info->data_shape[d];
    *size = sample_bytes * (size_t)info->data_shape[0];
    *out = malloc(*size + 1);
    static const int64_t origin[3] = { 0 };
    for (int64_t s = 0; !st && s < info->data_shape[0]; s++) {
        mt_patch_request request = { .stack = stack,
                                     .sample = s,
                                     .n_spatial = n_spatial,
                                     .coords = origin,
                                     .patch_size = info->data_shape + 2,
                                     .view = { .data = *out + (size_t)s * sample_bytes, .dtype = info->dtype } };
        st = mt_extract_patches(&request, 1, NULL, err);
    }
    mt_stack_close(stack);
    if (st)
        free(*out);
    return st;
}

#endif
