/* SPDX-License-Identifier: BSD-3-Clause */
/* Raw pixels, of which the caller says all: only opened when asked for by name. */
#include "base/checked.h"
#include "base/reader.h"
#include "format/format.h"

#include <string.h>

static int probe(const mt_source *source)
{
    (void)source;
    return 0;
}

static mt_status check_options(const mt_source *source, mt_error *err)
{
    const mt_open_options *o = source->options;
    if (source->folder)
        return mt_fail(err, MT_E_ARGUMENT, "a folder is no raw file");
    if (mt_dtype_size(o->raw_dtype) == 0 || !o->raw_shape || o->raw_ndim < 1 || o->raw_ndim > MT_MAX_DIMS)
        return mt_fail(err, MT_E_ARGUMENT, "a raw file needs raw_dtype, raw_shape and raw_ndim (1 to %d)", MT_MAX_DIMS);
    if (o->raw_offset < 0)
        return mt_fail(err, MT_E_ARGUMENT, "raw_offset %lld", (long long)o->raw_offset);
    for (int d = 0; d < o->raw_ndim; d++)
        if (o->raw_shape[d] < 0)
            return mt_fail(err, MT_E_ARGUMENT, "raw_shape %lld", (long long)o->raw_shape[d]);
    return MT_OK;
}

static mt_status describe(const mt_source *source, mt_chunk_map *map, mt_error *err)
{
    const mt_open_options *o = source->options;
    uint64_t size, needed = mt_dtype_size(o->raw_dtype);
    map->ndim = o->raw_ndim;
    map->dtype = o->raw_dtype;
    map->swap = needed > 1 && (o->raw_big_endian != 0) != mt_host_big_endian();
    memcpy(map->shape, o->raw_shape, (size_t)map->ndim * sizeof *map->shape);
    memset(map->axes, '?', (size_t)map->ndim);
    mt_status st = mt_chunk_map_contiguous(map, source->key, (uint64_t)o->raw_offset, false, err);
    if (st || (st = mt_store_size(source->store, source->key, &size, err)))
        return st;
    for (int d = 0; d < map->ndim; d++)
        needed *= (uint64_t)map->shape[d];
    if (size < (uint64_t)o->raw_offset || size - (uint64_t)o->raw_offset < needed)
        return mt_fail(err, MT_E_CORRUPT, "the file has %llu bytes, %llu from byte %lld on are needed",
                       (unsigned long long)size, (unsigned long long)needed, (long long)o->raw_offset);
    return MT_OK;
}

static mt_status open_raw(const mt_source *source, mt_chunk_map **out, mt_error *err)
{
    mt_chunk_map *map;
    mt_status st = check_options(source, err);
    if (st || (st = mt_chunk_map_new(source->env, source->store, "raw", &map, err)))
        return st;
    st = describe(source, map, err);
    if (st)
        mt_chunk_map_free(map);
    else
        *out = map;
    return st;
}

const mt_format mt_format_raw = {
    .name = "raw", .title = "raw pixels", .suffixes = "", .probe = probe, .open = open_raw
};
