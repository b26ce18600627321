/* SPDX-License-Identifier: BSD-3-Clause */
/* The state of an array's map in a saved map (format/saved): keys of chunks, and the layout of shard indices. */
#include "base/checked.h"
#include "codec/saved.h"
#include "format/saved/saved.h"
#include "format/zarr/zarr.h"

#include <string.h>

static void save_shards(const zarr_shards *shards, int ndim, mt_buffer *out)
{
    for (int d = 0; d < ndim; d++) {
        mt_put_varint(out, (uint64_t)shards->shape[d]);
        mt_put_varint(out, (uint64_t)shards->count[d]);
        mt_put_varint(out, (uint64_t)shards->index_stride[d]);
    }
    mt_put_u8(out, (uint8_t)(shards->index_first | shards->index_swap << 1));
    mt_chain_write(&shards->index_chain, out);
}

mt_status zarr_save(const mt_chunk_map *map, mt_buffer *out, mt_error *err)
{
    (void)err;
    const zarr_state *s = map->state;
    mt_put_text(out, s->stem);
    mt_put_u8(out, (uint8_t)zarr_separator(s));
    mt_put_u8(out, (uint8_t)(s->leading_separator | s->no_number_is_zero << 1));
    mt_put_u8(out, (uint8_t)s->n_shard_levels);
    for (int i = 0; i < s->n_shard_levels; i++)
        save_shards(&s->shards[i], map->ndim, out);
    return MT_OK;
}

static mt_status broken(mt_error *err) { return mt_fail(err, MT_E_CORRUPT, "shards of the saved map are broken"); }

/* Restores a level whose shards are the inner chunks of the level before (inner); inner becomes its own inner chunk. */
static mt_status restore_shape(zarr_shards *shards, int ndim, int64_t *inner, mt_reader *r, mt_error *err)
{
    int64_t last = 0, entries;
    for (int d = 0; d < ndim; d++) {
        uint64_t shape = mt_read_varint(r), count = mt_read_varint(r), stride = mt_read_varint(r);
        if (r->failed || shape < 1 || shape > INT64_MAX / 4 || count < 1 || shape % count != 0 ||
            stride > INT64_MAX / 4 || (inner[d] && (uint64_t)inner[d] != shape))
            return broken(err);
        shards->shape[d] = (int64_t)shape;
        shards->count[d] = (int64_t)count;
        shards->index_stride[d] = (int64_t)stride;
        inner[d] = (int64_t)(shape / count);
        int64_t step;
        if (mt_mul_i64((int64_t)count - 1, (int64_t)stride, &step) || mt_add_i64(last, step, &last))
            return broken(err);
    }
    if (mt_product_i64(shards->count, ndim, &entries) || last >= entries)
        return broken(err);
    shards->n_entries = (size_t)entries;
    return MT_OK;
}

static mt_status restore_shards(mt_chunk_map *map, zarr_shards *shards, int64_t *inner, mt_reader *r, mt_error *err)
{
    mt_env *env = mt_arena_env(map->arena);
    mt_status st = restore_shape(shards, map->ndim, inner, r, err);
    if (st)
        return st;
    uint8_t flags = mt_read_u8(r);
    shards->index_first = flags & 1;
    shards->index_swap = flags >> 1 & 1;
    if (shards->n_entries > env->limits.max_metadata_bytes / ZARR_ENTRY_BYTES)
        return mt_fail(err, MT_E_LIMIT, "the index of a shard is larger than max_metadata_bytes (%zu)",
                       env->limits.max_metadata_bytes);
    if ((st = mt_chain_read(r, map->arena, &shards->index_chain, err)))
        return st;
    if (!mt_chain_encoded_size(&shards->index_chain, shards->n_entries * ZARR_ENTRY_BYTES, &shards->index_bytes) ||
        shards->index_bytes == 0 || (shards->index_chain.n_steps == 0 && shards->index_bytes < ZARR_ENTRY_BYTES))
        return broken(err);
    shards->owner = mt_chunk_map_new_owner(map);
    return MT_OK;
}

static mt_status restore_stem(mt_chunk_map *map, const mt_renaming *renaming, mt_reader *r, mt_error *err)
{
    uint64_t n = mt_read_varint(r);
    const uint8_t *bytes = n < MT_KEY_BYTES ? mt_read_bytes(r, (size_t)n) : NULL;
    if (!bytes)
        return mt_fail(err, MT_E_CORRUPT, "keys of the saved map are broken");
    char *stem = mt_arena_strndup(map->arena, (const char *)bytes, (size_t)n, err);
    char *renamed = stem ? mt_key_rename(renaming, stem, map->arena, err) : NULL;
    return renamed ? zarr_set_stem(map, "", renamed, err) : mt_arena_failed(err);
}

mt_status zarr_restore(mt_chunk_map *map, const mt_renaming *renaming, mt_reader *r, mt_error *err)
{
    int64_t inner[MT_MAX_DIMS] = { 0 };
    zarr_state *s = mt_arena_alloc(map->arena, 1, sizeof *s, err);
    if (!s)
        return mt_arena_failed(err);
    map->state = s;
    mt_status st = restore_stem(map, renaming, r, err);
    if (st)
        return st;
    s->separator = (char)mt_read_u8(r);
    uint8_t flags = mt_read_u8(r);
    s->leading_separator = flags & 1;
    s->no_number_is_zero = flags >> 1 & 1;
    int levels = mt_read_u8(r);
    if (levels > ZARR_MAX_SHARD_LEVELS || (s->separator != '.' && s->separator != '/'))
        return broken(err);
    for (int i = 0; i < levels; i++, s->n_shard_levels++)
        if ((st = restore_shards(map, &s->shards[i], inner, r, err)))
            return st;
    for (int d = 0; levels > 0 && d < map->ndim; d++)
        if (inner[d] != map->chunk_shape[d])
            return broken(err);
    map->locate = levels > 0 ? zarr_locate_sharded : zarr_locate;
    map->find_stored = map->ndim > 0 ? zarr_find_stored : NULL;
    map->judge_absent = zarr_judge_absent;
    s->owner = mt_chunk_map_new_owner(map);
    s->keys = map->store->costs.is_slow ? ZARR_KEYS_UNKNOWN : ZARR_KEYS_OWN;
    return MT_OK;
}
