/* SPDX-License-Identifier: BSD-3-Clause */
/* The sources of a virtual dataset. Each is opened once, and its elements are converted to the type and byte order of
 * the virtual dataset. */
#include "base/checked.h"
#include "codec/params.h"
#include "format/hdf5/virtual.h"

#include <string.h>

#define MAX_DEPTH 8 /* nesting of virtual datasets */

static bool is_wider(const h5_type *from, const h5_type *to)
{
    bool from_float = from->dtype >= MT_FLOAT16, to_float = to->dtype >= MT_FLOAT16;
    if (from->dtype == MT_FLOAT16 || from->dtype == MT_BOOL || to->dtype == MT_BOOL || from->size >= to->size)
        return false;
    return from_float == to_float && (from_float || to->is_signed || !from->is_signed);
}

/* Converts elements of a source to the stored type and byte order of the virtual dataset. */
static mt_status set_conversion(h5_making *m, const h5_dataset *d, h5_source *s, mt_error *err)
{
    const h5_type *from = &d->type, *to = &m->whole->type;
    if (from->dtype == to->dtype && (from->big_endian == to->big_endian || from->size == 1))
        return MT_OK;
    if (from->dtype == to->dtype) {
        mt_element_params *p = mt_arena_alloc(m->arena, 1, sizeof *p, err);
        if (!p)
            return MT_E_MEMORY;
        p->element_size = from->size;
        return mt_chain_add(&s->chain, mt_codec_find("byteswap"), p, err);
    }
    if (!is_wider(from, to))
        return mt_fail(err, MT_E_UNSUPPORTED, "a source of %s in a virtual dataset of %s is not supported",
                       mt_dtype_name(from->dtype), mt_dtype_name(to->dtype));
    mt_filter_params *p = mt_arena_alloc(m->arena, 1, sizeof *p, err);
    if (!p)
        return MT_E_MEMORY;
    *p = (mt_filter_params) { .dtype = { to->dtype, to->big_endian }, .astype = { from->dtype, from->big_endian } };
    return mt_chain_add(&s->chain, mt_codec_find("astype"), p, err);
}

/* Missing chunks of a source are read as its own fill value. */
static mt_status set_fill(h5_making *m, const h5_dataset *d, h5_source *s, mt_error *err)
{
    size_t size = d->type.size;
    if (d->type.dtype == m->whole->type.dtype && memcmp(d->fill, m->whole->fill, size) == 0)
        return MT_OK;
    mt_constant_params *p = mt_arena_alloc(m->arena, 1, sizeof *p, err);
    if (!p)
        return MT_E_MEMORY;
    p->element_size = size;
    memcpy(p->element, d->fill, size);
    if (d->type.big_endian != mt_host_big_endian())
        mt_swap_bytes(p->element, 1, size);
    s->nothing = s->chain;
    return mt_chain_add(&s->nothing, mt_codec_find("constant"), p, err);
}

static mt_status set_stored(h5_making *m, const h5_file *file, const h5_dataset *d, h5_source *s, mt_error *err)
{
    mt_chunk_map *map = s->map = mt_arena_alloc(m->arena, 1, sizeof *map, err);
    if (!map)
        return MT_E_MEMORY;
    map->arena = m->arena;
    map->store = file->store;
    map->format = "hdf5";
    s->state = H5_STORED;
    mt_status st = set_conversion(m, d, s, err);
    if (st || (st = set_fill(m, d, s, err)) || (st = h5_make_map(file, d, NULL, NULL, map, err)) ||
        (st = mt_chunk_map_check(map, err)))
        return st;
    int64_t chunks = 1;
    for (int i = 0; i < d->rank; i++)
        if (mt_mul_i64(chunks, map->shape[i] / map->chunk_shape[i] + 1, &chunks))
            return mt_fail(err, MT_E_CORRUPT, "the source has more than 2^63 chunks");
    s->n_chunks = (uint64_t)chunks;
    for (size_t i = 0; !st && i < map->members.n; i++) /* external files */
        st = mt_chunk_map_add_member(m->map, map->members.items[i], err);
    return st;
}

static mt_status set_nested(h5_making *m, const h5_file *file, const h5_dataset *d, h5_source *s, mt_error *err)
{
    if (d->type.dtype != m->whole->type.dtype || memcmp(d->fill, m->whole->fill, sizeof d->fill) != 0)
        return mt_fail(err, MT_E_UNSUPPORTED,
                       "a virtual dataset in one of another type or fill value is not supported");
    if (m->depth == MAX_DEPTH)
        return mt_fail(err, MT_E_UNSUPPORTED, "more than %d virtual datasets in one another are not supported",
                       MAX_DEPTH);
    s->nested = mt_arena_alloc(m->arena, 1, sizeof *s->nested, err);
    if (!s->nested)
        return MT_E_MEMORY;
    m->depth++;
    mt_status st = h5_read_virtual(m, file, d, s->nested, err);
    m->depth--;
    if (st)
        return st;
    s->state = H5_NESTED;
    memcpy(s->shape, s->nested->shape, sizeof s->shape);
    return MT_OK;
}

static mt_status open_source(h5_making *m, const h5_file *from, mt_arena *arena, h5_source *s, mt_error *err)
{
    const h5_file *file = from;
    h5_object object;
    h5_dataset d;
    mt_error own = MT_ERROR_INIT;
    mt_status st = h5_open_other(from, s->key, &file, &own);
    if (!st)
        st = h5_find_object(file, arena, s->path, &object, &own);
    if (st == MT_E_NOT_FOUND) {
        s->state = H5_MISSING;
        return MT_OK;
    }
    if (!st && !(st = h5_read_dataset(arena, &object, &d, &own)) &&
        !(st = mt_chunk_map_add_member(m->map, s->key, &own)) &&
        !(st = mt_chunk_map_add_member(m->map, object.file->key, &own))) {
        s->rank = d.rank;
        memcpy(s->shape, d.shape, sizeof s->shape);
        st = d.layout == H5_VIRTUAL ? set_nested(m, object.file, &d, s, &own) : set_stored(m, object.file, &d, s, &own);
    }
    return st ? mt_fail(err, st, "%s#%s: %s", s->key, s->path, own.message) : MT_OK;
}

mt_status h5_find_source(h5_making *m, const h5_file *file, const char *name, const char *path, h5_source **out,
                         mt_error *err)
{
    const char *key = file->key;
    mt_status st = MT_OK;
    if (strcmp(name, ".") != 0 && (st = h5_resolve(file, m->arena, "a mapping", name, true, &key, err)))
        return st;
    uint32_t hash = h5_checksum((const uint8_t *)key, strlen(key)) ^ h5_checksum((const uint8_t *)path, strlen(path));
    h5_source **bucket = &m->buckets[hash % H5_SOURCE_BUCKETS];
    for (*out = *bucket; *out; *out = (*out)->next)
        if (strcmp((*out)->key, key) == 0 && strcmp((*out)->path, path) == 0)
            return (*out)->state == H5_OPENING
                       ? mt_fail(err, MT_E_CORRUPT, "the virtual dataset %s#%s contains itself", key, path)
                       : MT_OK;
    h5_source *s = *out = mt_arena_alloc(m->arena, 1, sizeof *s, err);
    h5_source **sources = mt_arena_grow(m->arena, m->sources, m->n, &m->room, 8, sizeof *sources, err);
    if (!s || !sources)
        return MT_E_MEMORY;
    m->sources = sources;
    *s = (h5_source) { .next = *bucket, .number = (uint32_t)m->n };
    s->key = mt_arena_strndup(m->arena, key, strlen(key), err);
    s->path = mt_arena_strndup(m->arena, path, strlen(path), err);
    if (!s->key || !s->path)
        return MT_E_MEMORY;
    *bucket = m->sources[m->n++] = s;
    mt_arena *arena;
    if ((st = mt_arena_new(file->env, &arena, err)))
        return st;
    st = open_source(m, file, arena, s, err);
    mt_arena_free(arena);
    return st;
}
