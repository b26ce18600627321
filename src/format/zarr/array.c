/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by both versions of array metadata; makes the chunk map of a validated description. */
#include "base/checked.h"
#include "base/number.h"
#include "base/reader.h"
#include "format/zarr/zarr.h"

#include <string.h>

/* A number has at most 19 digits and one separator. */
mt_status zarr_set_stem(mt_chunk_map *map, const char *path, const char *suffix, mt_error *err)
{
    zarr_state *state = map->state;
    char *stem = mt_arena_printf(map->arena, err, "%s%s%s", path, *path ? "/" : "", suffix);
    if (!stem)
        return mt_arena_failed(err);
    state->stem = stem;
    state->stem_length = strlen(stem);
    if (state->stem_length + (size_t)map->ndim * 20 + 2 > MT_KEY_BYTES)
        return mt_fail(err, MT_E_UNSUPPORTED, "keys of more than %d bytes are not supported", MT_KEY_BYTES);
    return MT_OK;
}

static void write_key(const mt_chunk_map *map, const int64_t *position, int n, char separator, char *out)
{
    const zarr_state *state = map->state;
    memcpy(out, state->stem, state->stem_length);
    out += state->stem_length;
    if (map->ndim == 0 && state->no_number_is_zero)
        *out++ = '0';
    for (int d = 0; d < n; d++) {
        if (d > 0 || state->leading_separator)
            *out++ = separator;
        out = mt_write_digits(out, (uint64_t)position[d]);
    }
    *out = 0;
}

void zarr_write_prefix(const mt_chunk_map *map, const int64_t *position, int n, char *out)
{
    write_key(map, position, n, zarr_separator(map->state), out);
}

void zarr_write_key(const mt_chunk_map *map, const int64_t *position, char *out)
{
    write_key(map, position, map->ndim, zarr_separator(map->state), out);
}

void zarr_write_key_with(const mt_chunk_map *map, const int64_t *position, char separator, char *out)
{
    write_key(map, position, map->ndim, separator, out);
}

void zarr_find_object(const mt_chunk_map *map, const int64_t *position, int64_t *out)
{
    const zarr_state *state = map->state;
    for (int d = 0; d < map->ndim; d++)
        out[d] =
            state->n_shard_levels == 0 ? position[d] : position[d] * map->chunk_shape[d] / state->shards[0].shape[d];
}

mt_status zarr_locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    (void)err;
    zarr_write_key(map, position, out->key_buffer);
    out->missing = false;
    out->absent_is_fill = true;
    out->key = out->key_buffer;
    out->offset = 0;
    out->size = MT_WHOLE;
    out->chain = NULL;
    return MT_OK;
}

/* Sets the strides of the stored chunk, which is in C order of its own dimensions, by dimension of the array. */
static mt_status set_strides(zarr_builder *b, mt_error *err)
{
    mt_chunk_map *map = b->map;
    int64_t stride = 1;
    for (int i = map->ndim - 1; i >= 0; i--) {
        map->chunk_stride[b->order[i]] = stride;
        if (mt_mul_i64(stride, b->chunk[b->order[i]], &stride))
            return mt_fail(err, MT_E_LIMIT, "a chunk has more than max_chunk_bytes (%zu)",
                           mt_arena_env(map->arena)->limits.max_chunk_bytes);
    }
    return MT_OK;
}

mt_status zarr_builder_finish(zarr_builder *b, mt_error *err)
{
    mt_chunk_map *map = b->map;
    map->swap = mt_dtype_size(map->dtype) > 1 && b->big_endian != mt_host_big_endian();
    memcpy(map->chunk_shape, b->chunk, sizeof map->chunk_shape);
    mt_status st = set_strides(b, err);
    if (st)
        return st;
    map->locate = zarr_locate;
    map->save = zarr_save;
    map->find_stored = map->ndim > 0 ? zarr_find_stored : NULL;
    map->judge_absent = zarr_judge_absent;
    b->state->owner = mt_chunk_map_new_owner(map);
    if (b->state->n_shard_levels == 0)
        return MT_OK;
    memcpy(map->shard_shape, b->state->shards[0].shape, sizeof map->shard_shape);
    map->locate = zarr_locate_sharded;
    return MT_OK;
}
