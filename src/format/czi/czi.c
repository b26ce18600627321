/* SPDX-License-Identifier: BSD-3-Clause */
/* Zeiss CZI: which image of a document is opened. */
#include "format/czi/czi.h"

#include <stdio.h>
#include <string.h>

static int probe(const mt_source *source)
{
    return source->head && source->head_size >= 10 && memcmp(source->head, "ZISRAWFILE", 10) == 0 ? 2 : 0;
}

/* "", "whole", a pixel type, or "whole/" and one. */
static mt_status parse_path(const char *path, const czi_survey *survey, czi_image *image, mt_error *err)
{
    image->pixel_type = survey->pixel_types[0];
    if (strncmp(path, "whole", 5) == 0 && (path[5] == 0 || path[5] == '/')) {
        image->whole = true;
        path += path[5] ? 6 : 5;
    }
    if (*path == 0)
        return MT_OK;
    for (int i = 0; i < survey->n_pixel_types; i++)
        if (strcmp(path, czi_find_pixel_type(survey->pixel_types[i])->name) == 0) {
            image->pixel_type = survey->pixel_types[i];
            return MT_OK;
        }
    return mt_fail(err, MT_E_NOT_FOUND, "the document has no part \"%s\": parts are scenes, \"whole\" and pixel types",
                   path);
}

static mt_status choose(const mt_source *source, const czi_survey *survey, czi_image *image, mt_error *err)
{
    int64_t scene = source->selection.series;
    mt_status st = parse_path(source->selection.path, survey, image, err);
    if (st)
        return st;
    size_t n = survey->n_scenes ? survey->n_scenes : 1;
    if (scene >= (int64_t)n)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no scene=%lld; the document has %zu, counted from 0",
                       (long long)scene, n);
    image->whole |= survey->n_scenes < 2;
    if (!image->whole)
        image->scene = survey->scenes[scene < 0 ? 0 : scene];
    return MT_OK;
}

static mt_status describe(const mt_source *source, mt_arena *arena, mt_chunk_map *map, mt_error *err)
{
    czi_survey survey;
    czi_files *files = mt_arena_alloc(map->arena, 1, sizeof *files, err);
    czi_image *image = mt_arena_alloc(map->arena, 1, sizeof *image, err);
    if (!files || !image)
        return MT_E_MEMORY;
    mt_status st = czi_open_files(source, map->arena, files, err);
    if (st || (st = czi_make_survey(files, arena, &survey, err)) || (st = choose(source, &survey, image, err)) ||
        (st = czi_measure(files, image, err)))
        return st;
    int level = source->selection.level > 0 && source->selection.level < 1000 ? (int)source->selection.level : 0;
    if (level >= image->n_levels)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no level=%d; the image has %d, counted from 0", level,
                       image->n_levels);
    map->level = level;
    map->n_levels = image->n_levels;
    map->part = mt_arena_strndup(map->arena, source->selection.text, strlen(source->selection.text), err);
    if (!map->part)
        return MT_E_MEMORY;
    st = czi_make_map(files, image, level, map, err);
    return st ? st : czi_describe(&files->file[0], image, map, err);
}

static mt_status open_czi(const mt_source *source, mt_chunk_map **out, mt_error *err)
{
    mt_chunk_map *map;
    mt_arena *arena; /* of what is not kept */
    mt_status st = mt_chunk_map_new(source->env, source->store, "czi", &map, err);
    if (st)
        return st;
    if (!(st = mt_arena_new(source->env, &arena, err))) {
        st = describe(source, arena, map, err);
        mt_arena_free(arena);
    }
    if (st)
        mt_chunk_map_free(map);
    else
        *out = map;
    return st;
}

/* Scenes, and behind each further pixel types. */
static mt_status add_names(const czi_survey *survey, mt_names *out, mt_error *err)
{
    size_t n = survey->n_scenes > 1 ? survey->n_scenes : 1;
    mt_status st = MT_OK;
    for (size_t i = 0; i < n && !st; i++)
        for (int k = 0; k < survey->n_pixel_types && !st; k++) {
            char name[64], scene[32] = "";
            const char *type = k ? czi_find_pixel_type(survey->pixel_types[k])->name : "";
            if (n > 1)
                snprintf(scene, sizeof scene, "%sscene=%zu", k ? "&" : "", i);
            snprintf(name, sizeof name, "%s%s", type, scene);
            st = mt_names_add(out, name, err);
        }
    return st;
}

static mt_status list(const mt_source *source, mt_names *out, mt_error *err)
{
    czi_survey survey;
    mt_arena *arena;
    mt_status st = mt_arena_new(source->env, &arena, err);
    if (st)
        return st;
    czi_files *files = mt_arena_alloc(arena, 1, sizeof *files, err);
    st = files ? czi_open_files(source, arena, files, err) : MT_E_MEMORY;
    if (!st && !(st = czi_make_survey(files, arena, &survey, err)))
        st = add_names(&survey, out, err);
    mt_arena_free(arena);
    return st;
}

const mt_format mt_format_czi = {
    .name = "czi", .title = "Zeiss CZI", .suffixes = "czi", .probe = probe, .open = open_czi, .list = list
};
