/* SPDX-License-Identifier: BSD-3-Clause */
#include "format/tiff/tiff.h"

#include <stdio.h>

static int probe(const mt_source *source) { return tiff_is_magic(source->head, source->head_size) ? 2 : 0; }

static mt_status choose(const mt_source *source, const tiff_images *images, const tiff_series **out, mt_error *err)
{
    int64_t i = source->selection.series < 0 ? 0 : source->selection.series;
    if (*source->selection.path)
        return mt_fail(err, MT_E_NOT_FOUND, "a TIFF has no part \"%s\": its images are series=0, series=1, ...",
                       source->selection.path);
    if ((uint64_t)i >= images->n)
        return mt_fail(err, MT_E_NOT_FOUND, "series %lld of %zu", (long long)i, images->n);
    *out = images->series[i];
    return MT_OK;
}

static mt_status describe(const mt_source *source, mt_chunk_map *map, mt_error *err)
{
    tiff_images images;
    const tiff_series *series;
    int level = source->selection.level > 0 && source->selection.level < 1000 ? (int)source->selection.level : 0;
    mt_arena *arena; /* of what is not kept */
    mt_status st = mt_arena_new(source->env, &arena, err);
    if (st)
        return st;
    if (!(st = tiff_find_images(source, arena, &images, err)) && !(st = choose(source, &images, &series, err)))
        st = tiff_make_map(source, &images.file, series, level, map, err);
    mt_arena_free(arena);
    return st;
}

static mt_status open_tiff(const mt_source *source, mt_chunk_map **out, mt_error *err)
{
    mt_chunk_map *map;
    mt_status st = mt_chunk_map_new(source->env, source->store, "tiff", &map, err);
    if (st)
        return st;
    st = describe(source, map, err);
    if (st)
        mt_chunk_map_free(map);
    else
        *out = map;
    return st;
}

static mt_status list(const mt_source *source, mt_names *out, mt_error *err)
{
    tiff_images images;
    mt_arena *arena;
    mt_status st = mt_arena_new(source->env, &arena, err);
    if (st)
        return st;
    st = tiff_find_images(source, arena, &images, err);
    for (size_t i = 0; !st && i < images.n; i++) {
        char name[32];
        snprintf(name, sizeof name, "series=%zu", i);
        st = mt_names_add(out, name, err);
    }
    mt_arena_free(arena);
    return st;
}

const mt_format mt_format_tiff = { .name = "tiff",
                                   .title = "TIFF, BigTIFF, ImageJ",
                                   .suffixes = "tif,tiff",
                                   .probe = probe,
                                   .open = open_tiff,
                                   .list = list };
