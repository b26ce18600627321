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
    if (strncmp(path, CZI_ATTACHMENT, strlen(CZI_ATTACHMENT)) == 0) /* it is the document */
        return MT_OK;
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

/* The files of a source, or the document attached to it that the path names. A picture that it names is left. */
static mt_status open_files(const mt_source *source, mt_arena *arena, czi_files *out, czi_attachment *picture,
                            mt_error *err)
{
    const char *path = source->selection.path;
    size_t n = strlen(CZI_ATTACHMENT);
    bool is_document = true;
    mt_status st = czi_open_files(source, arena, out, err);
    if (st || strncmp(path, CZI_ATTACHMENT, n) != 0)
        return st;
    czi_file document;
    if ((st = czi_find_attachment(&out->file[0], path + n, picture, &is_document, &document, err)))
        return st;
    if (is_document) {
        *out = (czi_files) { .n = 1 };
        out->file[0] = document;
        *picture = (czi_attachment) { .position = 0 };
    }
    return MT_OK;
}

static mt_status map_image(const mt_source *source, const czi_files *files, mt_arena *arena, mt_chunk_map *map,
                           mt_error *err)
{
    czi_survey survey;
    czi_image *image = mt_arena_alloc(map->arena, 1, sizeof *image, err);
    if (!image)
        return MT_E_MEMORY;
    image->use_masks = source->options->use_masks;
    image->depth_view = source->options->depth_axis != NULL;
    czi_entries entries = czi_find_entries(files, arena);
    mt_status st = czi_make_survey(&entries, arena, &survey, err);
    if (st || (st = choose(source, &survey, image, err)) || (st = czi_measure(&entries, image, err)))
        return st;
    int64_t level = source->selection.level > 0 ? source->selection.level : 0;
    if (level >= image->n_levels)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no level=%lld; the image has %d, counted from 0",
                       (long long)level, image->n_levels);
    map->level = (int)level;
    map->n_levels = image->n_levels;
    st = czi_make_map(&entries, image, map->level, map, err);
    return st ? st : czi_describe(&files->file[0], image, map, err);
}

static mt_status describe(const mt_source *source, mt_arena *arena, mt_chunk_map *map, mt_error *err)
{
    const mt_selection *s = &source->selection;
    czi_attachment picture = { .position = 0 };
    czi_files *files = mt_arena_alloc(map->arena, 1, sizeof *files, err);
    map->part = files ? mt_arena_strndup(map->arena, s->text, strlen(s->text), err) : NULL;
    if (!map->part)
        return MT_E_MEMORY;
    mt_status st = open_files(source, map->arena, files, &picture, err);
    if (st)
        return st;
    if (!picture.position)
        return map_image(source, files, arena, map, err);
    if (s->series > 0 || s->level > 0)
        return mt_fail(err, MT_E_NOT_FOUND, "attachment %s is one picture, without scenes and levels", picture.name);
    return czi_map_picture(&files->file[0], &picture, map, err);
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

static mt_status add_part(const char *name, const char *title, const czi_rectangle *r, mt_names *out, mt_error *err)
{
    bool known = r->high[0] > r->low[0] && r->high[1] > r->low[1];
    mt_part part = { .name = name,
                     .title = title,
                     .type = "",
                     .height = known ? (int64_t)r->high[1] - r->low[1] : 0,
                     .width = known ? (int64_t)r->high[0] - r->low[0] : 0 };
    return mt_names_add_part(out, &part, err);
}

/* Scenes, and behind each further pixel types. */
static mt_status add_parts(const czi_entries *entries, const czi_survey *survey, mt_arena *arena, mt_names *out,
                           mt_error *err)
{
    size_t n = survey->n_scenes > 1 ? survey->n_scenes : 1;
    czi_rectangle *rectangles = NULL;
    const char **titles = NULL;
    mt_status st = czi_measure_scenes(entries, survey, arena, &rectangles, err);
    if (!st)
        st = czi_name_scenes(&entries->files->file[0], survey, arena, &titles, err);
    for (size_t i = 0; i < n && !st; i++)
        for (int k = 0; k < survey->n_pixel_types && !st; k++) {
            char name[64], scene[32] = "";
            const char *type = k ? czi_find_pixel_type(survey->pixel_types[k])->name : "";
            if (n > 1)
                snprintf(scene, sizeof scene, "%sscene=%zu", k ? "&" : "", i);
            snprintf(name, sizeof name, "%s%s", type, scene);
            st = add_part(name, titles[i], &rectangles[i], out, err);
        }
    return st;
}

static mt_status list_parts(const czi_files *files, mt_arena *arena, mt_names *out, mt_error *err)
{
    czi_survey survey;
    czi_entries entries = czi_find_entries(files, arena);
    mt_status st = czi_make_survey(&entries, arena, &survey, err);
    return st ? st : add_parts(&entries, &survey, arena, out, err);
}

static mt_status list_of(const mt_source *source, bool attachments, mt_names *out, mt_error *err)
{
    mt_arena *arena;
    mt_status st = mt_arena_new(source->env, &arena, err);
    if (st)
        return st;
    czi_files *files = mt_arena_alloc(arena, 1, sizeof *files, err);
    st = files ? czi_open_files(source, arena, files, err) : MT_E_MEMORY;
    if (!st && attachments)
        st = czi_list_attachments(&files->file[0], out, err);
    else if (!st)
        st = list_parts(files, arena, out, err);
    mt_arena_free(arena);
    return st;
}

static mt_status list(const mt_source *source, mt_names *out, mt_error *err)
{
    return list_of(source, false, out, err);
}

static mt_status attachments(const mt_source *source, mt_names *out, mt_error *err)
{
    return list_of(source, true, out, err);
}

const mt_format mt_format_czi = { .name = "czi",
                                  .title = "Zeiss CZI",
                                  .suffixes = "czi",
                                  .probe = probe,
                                  .open = open_czi,
                                  .list = list,
                                  .attachments = attachments };
