/* SPDX-License-Identifier: BSD-3-Clause */
/* Datasets with pixels in external files: one run of bytes, divided into slots (IV.A.2.h). */
#include "base/checked.h"
#include "format/hdf5/hdf5.h"

typedef struct slot {
    const char *key;
    uint64_t offset;      /* in the file */
    uint64_t start, size; /* of the dataset's bytes */
} slot;

typedef struct external {
    slot *slots;
    size_t n;
} external;

static mt_status read_slot(const h5_file *file, mt_arena *arena, const mt_reader *names, mt_reader *r, slot *out,
                           mt_error *err)
{
    const char *name = h5_heap_name(names, h5_read_length(file, r));
    out->offset = h5_read_length(file, r);
    out->size = h5_read_length(file, r);
    if (!name || !*name || r->failed || out->offset > INT64_MAX)
        return mt_fail(err, MT_E_CORRUPT, "the list of external files is broken");
    mt_status st = h5_resolve(file, arena, "the raw data", name, false, &out->key, err);
    return st ? st : h5_files_note(file->files, out->key, err);
}

static mt_status read_slots(const h5_file *file, const h5_dataset *d, mt_arena *arena, external *out, mt_error *err)
{
    mt_reader r, names;
    mt_status st = h5_load(file, arena, d->address, d->list_bytes, &r, err);
    if (st)
        return st;
    int version = mt_read_u8(&r);
    mt_read_skip(&r, 5);
    size_t n = mt_read_u16(&r);
    uint64_t heap = h5_read_address(file, &r), end = 0;
    if (r.failed || version != 1)
        return mt_fail(err, MT_E_CORRUPT, "a list of external files of version %d is broken", version);
    if ((st = h5_read_names(file, arena, heap, &names, err)))
        return st;
    if (!(out->slots = mt_arena_alloc(arena, n + 1, sizeof *out->slots, err)))
        return MT_E_MEMORY;
    for (; out->n < n && end < d->bytes; out->n++) {
        slot *s = &out->slots[out->n];
        if ((st = read_slot(file, arena, &names, &r, s, err)))
            return st;
        s->start = end;
        s->size = s->size < d->bytes - end ? s->size : d->bytes - end;
        end += s->size;
    }
    return end == d->bytes ? MT_OK
                           : mt_fail(err, MT_E_CORRUPT, "external files give %llu bytes to a dataset of %llu",
                                     (unsigned long long)end, (unsigned long long)d->bytes);
}

static mt_status locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    (void)err;
    const external *e = map->state;
    uint64_t at = 0, size = mt_dtype_size(map->dtype);
    for (int d = 0; d < map->ndim; d++)
        at = at * (uint64_t)map->shape[d] + (uint64_t)(position[d] * map->chunk_shape[d]);
    at *= size;
    size_t low = 0, high = e->n; /* slots[low].start <= at < slots[high].start */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        *(e->slots[middle].start <= at ? &low : &high) = middle;
    }
    out->key = e->slots[low].key;
    out->offset = e->slots[low].offset + (at - e->slots[low].start);
    out->size = size * (uint64_t)(map->ndim ? map->chunk_shape[map->ndim - 1] : 1);
    return MT_OK;
}

static uint64_t divisor(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Chunks are rows or parts of rows, each inside one file. */
static mt_status set_rows(const external *e, mt_chunk_map *map, mt_error *err)
{
    uint64_t size = mt_dtype_size(map->dtype), row = map->ndim ? (uint64_t)map->shape[map->ndim - 1] : 1;
    for (size_t i = 1; i < e->n; i++) {
        if (e->slots[i].start % size)
            return mt_fail(err, MT_E_UNSUPPORTED, "an element split between two external files is not supported");
        row = divisor(row, e->slots[i].start / size);
    }
    for (int d = 0; d < map->ndim; d++)
        map->chunk_shape[d] = d == map->ndim - 1 ? (int64_t)row : 1;
    mt_chunk_map_c_order(map);
    map->locate = locate;
    return MT_OK;
}

mt_status h5_set_external(const h5_file *file, const h5_dataset *d, mt_chunk_map *map, mt_error *err)
{
    external *e = mt_arena_alloc(map->arena, 1, sizeof *e, err);
    if (!e)
        return MT_E_MEMORY;
    mt_status st = read_slots(file, d, map->arena, e, err);
    for (size_t i = 0; !st && !map->store->costs.is_slow && i < e->n; i++)
        st = mt_chunk_map_add_member(map, e->slots[i].key, err);
    if (st)
        return st;
    if (e->n <= 1) /* 0: the dataset is empty */
        return mt_chunk_map_contiguous(map, e->n ? e->slots[0].key : file->key, e->n ? e->slots[0].offset : 0, false,
                                       err);
    map->state = e;
    return set_rows(e, map, err);
}
