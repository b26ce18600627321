/* SPDX-License-Identifier: BSD-3-Clause */
/* The chunk map of a dataset, or of many datasets that form one image. */
#include "format/hdf5/hdf5.h"

#include <string.h>

typedef struct h5_state {
    const h5_file *file;
    h5_dataset dataset; /* the dataset, or the first of many */
    h5_many many;
    uint64_t owner; /* of many datasets in the index cache */
} h5_state;

/* One of many datasets, as kept in the index cache. */
typedef struct member {
    bool missing;
    h5_dataset dataset;
    const h5_file *file; /* that holds the dataset, after links */
} member;

typedef struct member_making {
    const h5_state *state;
    const int64_t *place;
} member_making;

static bool is_alike(const h5_dataset *a, const h5_dataset *b)
{
    bool same = a->rank == b->rank && a->type.dtype == b->type.dtype && a->type.big_endian == b->type.big_endian &&
                a->layout == b->layout && a->raw_edges == b->raw_edges && a->n_filters == b->n_filters &&
                memcmp(a->fill, b->fill, sizeof a->fill) == 0;
    for (int d = 0; same && d < a->rank; d++)
        same = a->chunk[d] == b->chunk[d] && a->shape[d] == b->shape[d];
    return same && memcmp(a->filters, b->filters, sizeof a->filters) == 0;
}

static mt_status read_member(const member_making *m, const char *path, member *out, mt_error *err)
{
    const h5_file *file = m->state->file;
    mt_arena *arena;
    h5_object object;
    mt_error own = MT_ERROR_INIT;
    mt_status st = mt_arena_new(file->env, &arena, err);
    if (st)
        return st;
    st = h5_find_object(file, arena, path, &object, &own);
    out->missing = st == MT_E_NOT_FOUND;
    if (!st && !(st = h5_read_dataset(arena, &object, &out->dataset, &own)) &&
        !is_alike(&m->state->dataset, &out->dataset))
        st = mt_fail(&own, MT_E_UNSUPPORTED, "it differs from the first dataset of its image");
    if (!st)
        out->file = object.file;
    mt_arena_free(arena);
    return !st || out->missing ? MT_OK : mt_fail(err, st, "/%s: %s", path, own.message);
}

static mt_status make_member(void *argument, void **data, size_t *size, mt_error *err)
{
    const member_making *m = argument;
    char path[128];
    *size = sizeof(member);
    mt_status st = mt_alloc(m->state->file->env, *size, data, err);
    if (st)
        return st;
    memset(*data, 0, *size);
    m->state->many.write_path(&m->state->many, m->place, path, sizeof path);
    if ((st = read_member(m, path, *data, err)))
        mt_release(m->state->file->env, *data, *size);
    return st;
}

/* Sets the location of a chunk. */
static mt_status place_chunk(const h5_file *file, const h5_chunk *chunk, mt_chunk_ref *out, mt_error *err)
{
    uint64_t room = file->size - file->base;
    out->missing = chunk->address == H5_UNDEFINED;
    if (out->missing)
        return MT_OK;
    if (chunk->address > room || chunk->bytes > room - chunk->address)
        return mt_fail(err, MT_E_CORRUPT, "%llu bytes at address %llu lie outside the file of %llu",
                       (unsigned long long)chunk->bytes, (unsigned long long)chunk->address,
                       (unsigned long long)file->size);
    out->key = file->key;
    out->offset = file->base + chunk->address;
    out->size = chunk->bytes;
    return MT_OK;
}

static mt_status find_among_many(const h5_state *s, const int64_t *position, h5_chunk *chunk, mt_chunk_ref *out,
                                 mt_error *err)
{
    uint64_t id = 0;
    for (int d = 0; d < s->many.leading; d++)
        id = id * (uint64_t)s->many.shape[d] + (uint64_t)position[d];
    member_making m = { s, position };
    mt_cache_entry *entry;
    mt_status st = mt_cache_get(s->file->env->index_cache, s->owner, id, make_member, &m, &entry, err);
    if (st)
        return st;
    const member *found = entry->data;
    out->missing = found->missing;
    if (!found->missing && !(st = h5_find_chunk(found->file, &found->dataset, position + s->many.leading, chunk, err)))
        st = place_chunk(found->file, chunk, out, err);
    mt_cache_release(s->file->env->index_cache, entry);
    return st;
}

static mt_status find_in_one(const h5_state *s, const int64_t *position, h5_chunk *chunk, mt_chunk_ref *out,
                             mt_error *err)
{
    mt_status st = h5_find_chunk(s->file, &s->dataset, position, chunk, err);
    return st ? st : place_chunk(s->file, chunk, out, err);
}

/* The chain of a chunk to which some filters were not applied. */
static void skip_filters(const mt_chain *chain, uint32_t mask, mt_chain *out)
{
    out->n_steps = 0;
    for (int i = 0; i < chain->n_steps; i++)
        if (!(mask >> i & 1))
            out->steps[out->n_steps++] = chain->steps[i];
}

/* Whether a chunk extends beyond the edge: it may then be stored without filters. */
static bool is_at_edge(const h5_dataset *d, const int64_t *position)
{
    for (int i = 0; i < d->rank; i++)
        if (d->shape[i] - position[i] * d->chunk[i] < d->chunk[i])
            return true;
    return false;
}

static mt_status locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    const h5_state *s = map->state;
    h5_chunk chunk;
    mt_status st =
        s->many.leading ? find_among_many(s, position, &chunk, out, err) : find_in_one(s, position, &chunk, out, err);
    if (st || out->missing)
        return h5_blame_writer(s->file, st, err);
    bool raw = s->dataset.raw_edges && is_at_edge(&s->dataset, position + s->many.leading);
    if (raw || chunk.mask) {
        skip_filters(&map->chain, raw ? UINT32_MAX : chunk.mask, &out->chain_buffer);
        out->chain = &out->chain_buffer;
    }
    return MT_OK;
}

static mt_status locate_nothing(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    (void)map, (void)position, (void)err;
    out->missing = true;
    return MT_OK;
}

static void find_nothing(const mt_chunk_map *map, mt_scan *scan, const int64_t *position, int64_t *next)
{
    (void)map, (void)scan, (void)position;
    next[0] = MT_NOWHERE;
}

static void find_stored(const mt_chunk_map *map, mt_scan *scan, const int64_t *position, int64_t *next)
{
    (void)scan;
    const h5_state *s = map->state;
    h5_find_stored(s->file, &s->dataset, position, next);
}

static mt_status set_pieces(const h5_file *file, const h5_dataset *d, mt_chunk_map *map, mt_error *err)
{
    bool stored = d->address != H5_UNDEFINED && d->bytes > 0;
    mt_status st = mt_chunk_map_contiguous(map, file->key, stored ? file->base + d->address : 0, false, err);
    if (!st && !stored) {
        map->contiguous = false;
        map->locate = locate_nothing;
        map->find_stored = map->ndim > 0 ? find_nothing : NULL;
    }
    return st;
}

static mt_status set_chunks(const h5_file *file, const h5_dataset *d, const h5_many *many, mt_chunk_map *map,
                            mt_error *err)
{
    h5_state *s = mt_arena_alloc(map->arena, 1, sizeof *s, err);
    if (!s)
        return MT_E_MEMORY;
    s->file = file;
    s->dataset = *d;
    s->many = *many;
    if (many->leading)
        s->owner = mt_chunk_map_new_owner(map);
    for (int i = 0; i < map->ndim; i++)
        map->chunk_shape[i] = i < many->leading ? 1 : d->chunk[i - many->leading];
    mt_chunk_map_c_order(map);
    map->state = s;
    map->locate = locate;
    map->find_stored = map->ndim > 0 && !many->leading ? find_stored : NULL;
    return h5_make_chain(map->arena, d, &map->chain, err);
}

static mt_status start_map(const h5_dataset *dataset, const h5_many *many, const int64_t *shape, mt_chunk_map *map,
                           mt_error *err)
{
    map->ndim = many->leading + dataset->rank;
    if (map->ndim > MT_MAX_DIMS)
        return mt_fail(err, MT_E_LIMIT, "more dimensions than max_dimensions (%d)", MT_MAX_DIMS);
    map->dtype = dataset->type.dtype;
    map->swap = mt_dtype_size(map->dtype) > 1 && dataset->type.big_endian != mt_host_big_endian();
    memcpy(map->fill, dataset->fill, sizeof map->fill);
    map->ask_axes = true;
    memset(map->axes, '?', (size_t)map->ndim);
    memcpy(map->axes, many->axes, (size_t)many->leading);
    for (int d = 0; d < map->ndim; d++) {
        int own = d - many->leading;
        map->shape[d] = own < 0 ? many->shape[d] : shape ? shape[own] : dataset->shape[own];
        if (own >= 0 && map->shape[d] > dataset->shape[own])
            return mt_fail(err, MT_E_CORRUPT, "the image has %lld elements along dimension %d of the dataset's %lld",
                           (long long)map->shape[d], own, (long long)dataset->shape[own]);
    }
    return MT_OK;
}

static const h5_many one = { 0 };

mt_status h5_start_map(const h5_dataset *dataset, mt_chunk_map *map, mt_error *err)
{
    return start_map(dataset, &one, NULL, map, err);
}

mt_status h5_make_map(const h5_file *file, const h5_dataset *dataset, const h5_many *many, const int64_t *shape,
                      mt_chunk_map *map, mt_error *err)
{
    many = many ? many : &one;
    mt_status st = start_map(dataset, many, shape, map, err);
    if (st)
        return st;
    if (dataset->layout == H5_CHUNKED)
        return set_chunks(file, dataset, many, map, err);
    if (many->leading || shape)
        return mt_fail(err, MT_E_UNSUPPORTED, "an image of several datasets without chunks is not supported");
    return dataset->external ? h5_set_external(file, dataset, map, err) : set_pieces(file, dataset, map, err);
}
