/* SPDX-License-Identifier: BSD-3-Clause */
/* Raw pixels, described by the caller. Opened only if the format is given by name. */
#include "base/reader.h"
#include "format/format.h"

#include <string.h>

static mt_status probe(const mt_source *source, int *score, mt_error *err)
{
    (void)source, (void)score, (void)err;
    return MT_OK;
}

static mt_status check_options(const mt_source *source, mt_error *err)
{
    const mt_open_options *o = source->options;
    if (source->folder)
        return mt_fail(err, MT_E_ARGUMENT, "a folder is not a raw file");
    if (mt_dtype_size(o->raw_dtype) == 0 || !o->raw_shape || o->raw_ndim < 1 || o->raw_ndim > MT_MAX_DIMS)
        return mt_fail(err, MT_E_ARGUMENT, "a raw file needs raw_dtype, raw_shape and raw_ndim (1 to %d)", MT_MAX_DIMS);
    if (o->raw_offset < 0)
        return mt_fail(err, MT_E_ARGUMENT, "raw_offset %lld", (long long)o->raw_offset);
    for (int d = 0; d < o->raw_ndim; d++)
        if (o->raw_shape[d] < 0)
            return mt_fail(err, MT_E_ARGUMENT, "raw_shape %lld", (long long)o->raw_shape[d]);
    return MT_OK;
}

static mt_status map_pixels(const mt_container *container, const mt_selection *part, mt_chunk_map *map, mt_error *err)
{
    (void)part;
    const mt_source *source = &container->source;
    const mt_open_options *o = source->options;
    mt_status st = check_options(source, err);
    if (st)
        return st;
    map->ndim = o->raw_ndim;
    map->dtype = o->raw_dtype;
    map->swap = mt_dtype_size(map->dtype) > 1 && (o->raw_big_endian != 0) != mt_host_big_endian();
    memcpy(map->shape, o->raw_shape, (size_t)map->ndim * sizeof *map->shape);
    map->ask_axes = true;
    memset(map->axes, '?', (size_t)map->ndim);
    st = mt_chunk_map_contiguous(map, source->key, (uint64_t)o->raw_offset, false, err);
    return st ? st : mt_chunk_map_check_size(map, err);
}

const mt_format mt_format_raw = {
    .name = "raw", .title = "raw pixels", .suffixes = "", .probe = probe, .map = map_pixels
};
