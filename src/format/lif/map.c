/* SPDX-License-Identifier: BSD-3-Clause */
/* The chunk map of an image: its block is one piece, read by rows. */
#include "base/checked.h"
#include "codec/params.h"
#include "format/lif/lif.h"
#include "format/saved/saved.h"

#include <string.h>

lif_data lif_data_of(const lif_file *file, const lif_image *image, const lif_layout *layout)
{
    bool stored = image->block < file->n_blocks;
    return (lif_data) { .file = file,
                        .block = image->block,
                        .place.size = stored ? file->blocks[image->block].size : 0,
                        .key = file->key,
                        .base = (uint64_t)layout->base };
}

static mt_status find_place(const lif_data *data, lif_place *out, mt_error *err)
{
    *out = data->place;
    return data->file && data->place.size > 0 ? lif_find_block(data->file, data->block, out, err) : MT_OK;
}

bool lif_is_stored(const lif_data *data, uint64_t offset, uint64_t size)
{
    offset += data->base;
    return offset <= data->place.size && size <= data->place.size - offset;
}

mt_status lif_locate(const lif_data *data, uint64_t offset, uint64_t size, mt_chunk_ref *out, mt_error *err)
{
    lif_place place;
    out->missing = !lif_is_stored(data, offset, size);
    if (out->missing)
        return MT_OK;
    mt_status st = find_place(data, &place, err);
    out->key = data->key;
    out->offset = place.offset + data->base + offset;
    out->size = size;
    return st;
}

static mt_status locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    uint64_t offset, elements;
    mt_chunk_map_find_block(map, position, &offset, &elements);
    return lif_locate(map->state, offset, elements * mt_dtype_size(map->dtype), out, err);
}

static mt_status save(const mt_chunk_map *map, mt_buffer *out, mt_error *err)
{
    const lif_data *data = map->state;
    lif_place place;
    mt_status st = find_place(data, &place, err);
    if (st)
        return st;
    mt_put_text(out, data->key);
    mt_put_varint(out, place.offset);
    mt_put_varint(out, data->place.size);
    mt_put_varint(out, data->base);
    mt_put_u8(out, map->contiguous);
    for (int d = 0; d < map->ndim; d++)
        mt_put_varint(out, (uint64_t)map->piece_stride[d]);
    return MT_OK;
}

static mt_status broken(mt_error *err) { return mt_fail(err, MT_E_CORRUPT, "places of the saved map are broken"); }

/* Whether the places of all elements are numbers of 63 bits. */
static bool has_places(const mt_chunk_map *map, const lif_data *data)
{
    uint64_t end = mt_dtype_size(map->dtype);
    bool bad = data->base > INT64_MAX || data->place.offset > INT64_MAX || data->place.size > INT64_MAX ||
               mt_add_u64(end, data->base, &end);
    for (int d = 0; d < map->ndim && !bad; d++) {
        int64_t reach;
        bad = map->piece_stride[d] < 0 || mt_mul_i64(mt_max_i64(map->shape[d], 1) - 1, map->piece_stride[d], &reach) ||
              mt_add_u64(end, (uint64_t)reach, &end) || end > INT64_MAX;
    }
    return !bad;
}

mt_status lif_restore(mt_chunk_map *map, const mt_renaming *renaming, mt_reader *r, mt_error *err)
{
    lif_data *data = mt_arena_alloc(map->arena, 1, sizeof *data, err);
    uint64_t n = mt_read_varint(r);
    const uint8_t *bytes = n < MT_KEY_BYTES ? mt_read_bytes(r, (size_t)n) : NULL;
    if (!data || !bytes)
        return data ? broken(err) : MT_E_MEMORY;
    char *key = mt_arena_strndup(map->arena, (const char *)bytes, (size_t)n, err);
    if (!key || !(data->key = mt_key_rename(renaming, key, map->arena, err)))
        return MT_E_MEMORY;
    data->place.offset = mt_read_varint(r);
    data->place.size = mt_read_varint(r);
    data->base = mt_read_varint(r);
    map->contiguous = mt_read_u8(r);
    for (int d = 0; d < map->ndim; d++)
        map->piece_stride[d] = (int64_t)mt_read_varint(r);
    if (r->failed || !has_places(map, data))
        return broken(err);
    map->state = data;
    map->locate = locate;
    return MT_OK;
}

static void set_axes(const lif_layout *layout, mt_chunk_map *map)
{
    map->ndim = layout->n_axes;
    map->dtype = layout->dtype;
    map->swap = mt_dtype_size(map->dtype) > 1 && mt_host_big_endian();
    for (int d = 0; d < map->ndim; d++) {
        map->axes[d] = layout->axes[d].letter;
        map->shape[d] = layout->axes[d].n;
        map->piece_stride[d] = layout->axes[d].step;
    }
    mt_chunk_map_cut_piece(map);
}

mt_status lif_set_chain(const lif_layout *layout, mt_chunk_map *map, mt_error *err)
{
    if (!layout->is_bgr)
        return MT_OK;
    mt_samples_params *params = mt_arena_alloc(map->arena, 1, sizeof *params, err);
    if (!params)
        return MT_E_MEMORY;
    *params = (mt_samples_params) { mt_dtype_size(layout->dtype), 3 };
    map->contiguous = false;
    return mt_chain_add(&map->chain, mt_codec_find("bgr"), params, err);
}

mt_status lif_map_image(const lif_file *file, const lif_image *image, mt_chunk_map *map, mt_error *err)
{
    lif_layout layout;
    lif_data *data = mt_arena_alloc(map->arena, 1, sizeof *data, err);
    if (!data)
        return MT_E_MEMORY;
    mt_status st = lif_lay_out(image, &layout, err);
    if (st)
        return st;
    *data = lif_data_of(file, image, &layout);
    set_axes(&layout, map);
    map->state = data;
    map->locate = locate;
    map->save = save;
    if ((st = lif_set_chain(&layout, map, err)))
        return st;
    if (layout.base + layout.span > (int64_t)data->place.size) {
        int outer;
        st = lif_find_missing(&layout, data->place.size, map, &outer, err);
        map->contiguous = false;
        for (int d = 0; !st && d < outer; d++)
            map->chunk_shape[d] = 1, map->chunk_stride[d] = 0;
    }
    if (!st)
        st = lif_set_details(image, &layout, map, err);
    return st ? st : lif_set_samples(image, &layout, map, err);
}
