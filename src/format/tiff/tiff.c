/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/checked.h"
#include "format/tiff/tiff.h"

#include <stdio.h>
#include <string.h>

/* A TIFF by its first bytes, or the OME-XML of several TIFF files. */
static int probe(const mt_source *source)
{
    if (source->head && tiff_is_magic(source->head, source->head_size))
        return 2;
    const char *suffix = strstr(source->name, ".companion.ome");
    return source->head && source->head_size > 0 && source->head[0] == '<' && suffix && suffix[14] == 0 ? 2 : 0;
}

static mt_status choose(const mt_source *source, const tiff_images *images, const tiff_series **out, mt_error *err)
{
    uint64_t i = source->selection.series < 0 ? images->preferred : (uint64_t)source->selection.series;
    if (*source->selection.path)
        return mt_fail(err, MT_E_NOT_FOUND, "a TIFF has no part \"%s\": its images are series=0, series=1, ...",
                       source->selection.path);
    if (i >= images->n)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no series=%llu; the file has %zu, counted from 0",
                       (unsigned long long)i, images->n);
    *out = images->series[i];
    return MT_OK;
}

static mt_status describe(const mt_source *source, mt_chunk_map *map, mt_error *err)
{
    tiff_images images = { 0 };
    const tiff_series *series;
    int64_t level = mt_max_i64(source->selection.level, 0);
    mt_arena *arena; /* of what is not kept */
    mt_status st = mt_arena_new(source->env, &arena, err);
    if (st)
        return st;
    if (!(st = tiff_find_images(source, source->selection.series > 0, map->arena, arena, &images, err)) &&
        !(st = choose(source, &images, &series, err)))
        st = tiff_make_map(source, &images, series, level, map, err);
    if (!map->destroy)
        tiff_images_release(&images);
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

static mt_status add_name(mt_names *names, size_t series, mt_error *err)
{
    char name[32];
    snprintf(name, sizeof name, "series=%zu", series);
    return mt_names_add(names, name, err);
}

static mt_status list(const mt_source *source, mt_names *out, mt_error *err)
{
    tiff_images images = { 0 };
    mt_arena *arena;
    mt_status st = mt_arena_new(source->env, &arena, err);
    if (st)
        return st;
    st = tiff_find_images(source, true, arena, arena, &images, err);
    if (!st && images.n > 0)
        st = add_name(out, images.preferred, err);
    for (size_t i = 0; !st && i < images.n; i++)
        if (i != images.preferred)
            st = add_name(out, i, err);
    tiff_images_release(&images);
    mt_arena_free(arena);
    return st;
}

const mt_format mt_format_tiff = { .name = "tiff",
                                   .title = "TIFF, BigTIFF, OME-TIFF, ImageJ, LSM, STK",
                                   .suffixes = "tif,tiff,lsm,stk,btf,tf8,tf2,companion.ome",
                                   .probe = probe,
                                   .open = open_tiff,
                                   .list = list };
