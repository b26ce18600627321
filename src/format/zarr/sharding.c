/* SPDX-License-Identifier: BSD-3-Clause */
/* Shards: objects that hold many chunks and an index of where each lies. The inner chunks of a shard may be shards.
 *
 * An index has one entry for each inner chunk of a whole shard, also beyond the edge of the array: offset from the
 * start of the shard, and size. Both are 2^64-1 for a chunk that is not stored. */
#include "base/checked.h"
#include "base/reader.h"
#include "format/zarr/zarr.h"

#include <string.h>

static mt_status parse_inner_shape(zarr_builder *b, const json_t *configuration, zarr_shards *shards, mt_error *err)
{
    int64_t inner[MT_MAX_DIMS];
    int n = b->map->ndim;
    mt_status st = mt_tree_get_sizes(b->map, json_object_get(configuration, "chunk_shape"),
                                     "chunk_shape of sharding_indexed", 1, inner, &n, err);
    if (st)
        return st;
    int64_t entries = 1;
    for (int i = n - 1; i >= 0; i--) {
        int d = b->order[i];
        if (b->map->chunk_edges[d])
            return mt_fail(err, MT_E_UNSUPPORTED, "shards in a rectilinear chunk grid are not supported");
        if (b->chunk[d] % inner[i] != 0)
            return mt_fail(err, MT_E_CORRUPT, "inner chunks of %lld do not divide a shard of %lld along dimension %d",
                           (long long)inner[i], (long long)b->chunk[d], d);
        shards->shape[d] = b->chunk[d];
        shards->count[d] = b->chunk[d] / inner[i];
        shards->index_stride[d] = entries;
        if (mt_mul_i64(entries, shards->count[d], &entries))
            entries = INT64_MAX;
        b->chunk[d] = inner[i];
    }
    size_t limit = mt_arena_env(b->map->arena)->limits.max_metadata_bytes;
    if ((uint64_t)entries > limit / ZARR_ENTRY_BYTES)
        return mt_fail(err, MT_E_LIMIT, "the index of a shard is larger than max_metadata_bytes (%zu)", limit);
    shards->n_entries = (size_t)entries;
    return MT_OK;
}

mt_status zarr_add_shards(zarr_builder *b, const json_t *configuration, const json_t **inner, mt_error *err)
{
    zarr_state *state = b->state;
    if (state->n_shard_levels == ZARR_MAX_SHARD_LEVELS)
        return mt_fail(err, MT_E_UNSUPPORTED, "more than %d levels of shards are not supported", ZARR_MAX_SHARD_LEVELS);
    zarr_shards *shards = &state->shards[state->n_shard_levels++];
    mt_status st = parse_inner_shape(b, configuration, shards, err);
    if (st)
        return st;

    const json_t *location = json_object_get(configuration, "index_location");
    const char *where = location ? json_string_value(location) : "end";
    if (!where || (strcmp(where, "end") != 0 && strcmp(where, "start") != 0))
        return mt_fail(err, MT_E_CORRUPT, "index_location of sharding_indexed is neither start nor end");
    shards->index_first = strcmp(where, "start") == 0;

    if ((st = zarr_index_codecs(b, json_object_get(configuration, "index_codecs"), shards, err)))
        return st;
    if (!mt_chain_encoded_size(&shards->index_chain, shards->n_entries * ZARR_ENTRY_BYTES, &shards->index_bytes))
        return mt_fail(err, MT_E_UNSUPPORTED, "shard indices of varying size are not supported");
    shards->owner = mt_chunk_map_new_owner(b->map);
    *inner = json_object_get(configuration, "codecs");
    return MT_OK;
}

/* The location of a shard: an object or a part of one. */
typedef struct extent {
    bool missing;
    uint64_t offset, size;
} extent;

/* An entry of the index cache for a shard. */
typedef struct shard_index {
    extent where;
    uint64_t entries[]; /* empty if the shard is missing */
} shard_index;

typedef struct index_request {
    const mt_chunk_map *map;
    const zarr_shards *shards;
    const char *key;
    bool is_object; /* the shard is a whole object of unknown size */
    extent where;
} index_request;

/* Reads the index of an object and the size of the object in one round trip. */
static mt_status fetch_from_object(index_request *q, uint8_t *encoded, mt_error *err)
{
    const zarr_shards *s = q->shards;
    mt_error failure = MT_ERROR_INIT;
    size_t n = 0;
    mt_status st = (s->index_first ? mt_store_read_start : mt_store_read_tail)(
        q->map->store, q->key, encoded, s->index_bytes, &n, &q->where.size, &failure);
    if (st == MT_E_NOT_FOUND) {
        q->where.missing = true;
        return MT_OK;
    }
    return st ? mt_fail(err, st, "%s", failure.message) : MT_OK;
}

static mt_status fetch_index(index_request *q, uint8_t *encoded, mt_error *err)
{
    const zarr_shards *s = q->shards;
    mt_status st = q->is_object ? fetch_from_object(q, encoded, err) : MT_OK;
    if (st || q->where.missing)
        return st;
    if (q->where.size < s->index_bytes)
        return mt_fail(err, MT_E_CORRUPT, "the shard has %llu bytes and cannot hold its index of %zu bytes",
                       (unsigned long long)q->where.size, s->index_bytes);
    uint64_t from = q->where.offset + (s->index_first ? 0 : q->where.size - s->index_bytes);
    return q->is_object ? MT_OK : mt_store_read_at(q->map->store, q->key, from, encoded, s->index_bytes, err);
}

static mt_status decode_index(const index_request *q, const uint8_t *encoded, uint64_t *entries, mt_error *err)
{
    const zarr_shards *s = q->shards;
    size_t bytes = s->n_entries * ZARR_ENTRY_BYTES;
    mt_status st = MT_OK;
    if (s->index_chain.n_steps == 0) {
        memcpy(entries, encoded, bytes);
    } else {
        mt_scratch *scratch;
        if ((st = mt_scratch_new(mt_arena_env(q->map->arena), &scratch, err)))
            return st;
        st = mt_chain_decode(&s->index_chain, encoded, s->index_bytes, (uint8_t *)entries, bytes, bytes, scratch, err);
        mt_scratch_free(scratch);
    }
    if (!st && s->index_swap)
        mt_swap_bytes(entries, s->n_entries * 2, 8);
    return st;
}

/* Builds the entry from the stored bytes; NULL for a missing shard. */
static mt_status build_index(const index_request *q, const uint8_t *encoded, void **data, size_t *size, mt_error *err)
{
    mt_env *env = mt_arena_env(q->map->arena);
    *size = sizeof(shard_index) + (q->where.missing ? 0 : q->shards->n_entries * ZARR_ENTRY_BYTES);
    mt_status st = mt_alloc(env, *size, data, err);
    if (st)
        return st;
    shard_index *index = *data;
    index->where = q->where;
    if (!q->where.missing && (st = decode_index(q, encoded, index->entries, err)))
        mt_release(env, *data, *size);
    return st;
}

static mt_status make_index(void *argument, void **data, size_t *size, mt_error *err)
{
    index_request *q = argument;
    mt_env *env = mt_arena_env(q->map->arena);
    void *encoded;
    mt_status st = mt_alloc(env, q->shards->index_bytes, &encoded, err);
    if (st)
        return st;
    if (!(st = fetch_index(q, encoded, err)))
        st = build_index(q, encoded, data, size, err);
    if (st)
        mt_error_prefix(err, "shard index");
    mt_release(env, encoded, q->shards->index_bytes);
    return st;
}

/* The number of a shard in its level. It is less than the number of elements of the array and cannot overflow. */
static uint64_t shard_id(const mt_chunk_map *map, const zarr_shards *s, const int64_t *element)
{
    uint64_t id = 0;
    for (int d = 0; d < map->ndim; d++) {
        uint64_t along = (uint64_t)((map->shape[d] - 1) / s->shape[d] + 1);
        id = id * along + (uint64_t)(element[d] / s->shape[d]);
    }
    return id;
}

/* Finds the inner chunk of a shard that holds an element. */
static mt_status find_inner(const index_request *q, const shard_index *index, const int64_t *element, extent *out,
                            mt_error *err)
{
    const zarr_shards *s = q->shards;
    if (index->where.missing) {
        *out = (extent) { .missing = true };
        return MT_OK;
    }
    size_t entry = 0;
    for (int d = 0; d < q->map->ndim; d++) {
        int64_t inner = s->shape[d] / s->count[d];
        entry += (size_t)(element[d] % s->shape[d] / inner * s->index_stride[d]);
    }
    uint64_t offset = index->entries[2 * entry], size = index->entries[2 * entry + 1];
    *out = (extent) { offset == UINT64_MAX && size == UINT64_MAX, index->where.offset + offset, size };
    if (!out->missing && (offset > index->where.size || size > index->where.size - offset))
        return mt_fail(err, MT_E_CORRUPT,
                       "the shard index points to %llu bytes at %llu, beyond the end of the shard at %llu",
                       (unsigned long long)size, (unsigned long long)offset, (unsigned long long)index->where.size);
    return MT_OK;
}

mt_status zarr_locate_sharded(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    const zarr_state *state = map->state;
    mt_cache *cache = mt_arena_env(map->arena)->index_cache;
    int64_t element[MT_MAX_DIMS] = { 0 }, object[MT_MAX_DIMS];
    for (int d = 0; d < map->ndim; d++)
        element[d] = position[d] * map->chunk_shape[d];
    zarr_find_object(map, position, object);
    zarr_write_key(map, object, out->key_buffer);

    extent where = { 0 };
    for (int i = 0; i < state->n_shard_levels && !where.missing; i++) {
        const zarr_shards *s = &state->shards[i];
        index_request q = { map, s, out->key_buffer, i == 0, where };
        mt_cache_entry *entry;
        mt_status st = mt_cache_get(cache, s->owner, shard_id(map, s, element), make_index, &q, &entry, err);
        if (st)
            return st;
        st = find_inner(&q, entry->data, element, &where, err);
        mt_cache_release(cache, entry);
        if (st)
            return st;
    }
    /* The size of a raw chunk is known. */
    size_t raw_size = (size_t)mt_chunk_map_elements(map) * mt_dtype_size(map->dtype);
    if (!where.missing && map->chain.n_steps == 0 && where.size != raw_size)
        return mt_fail(err, MT_E_CORRUPT, "the shard index gives %llu bytes to a raw chunk of %zu",
                       (unsigned long long)where.size, raw_size);
    out->missing = where.missing;
    out->absent_is_fill = false;
    out->key = out->key_buffer;
    out->offset = where.offset;
    out->size = where.size;
    out->chain = NULL;
    return MT_OK;
}
