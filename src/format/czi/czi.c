/* SPDX-License-Identifier: BSD-3-Clause */
/* Zeiss CZI: selects the image of a document. */
#include "format/czi/czi.h"

#include <stdio.h>
#include <string.h>

static mt_status probe(const mt_source *source, int *score, mt_error *err)
{
    (void)err;
    *score = source->head_size >= 10 && memcmp(source->head, "ZISRAWFILE", 10) == 0 ? 2 : 0;
    return MT_OK;
}

/* "", "whole", a pixel type, or "whole/" and one. */
static mt_status parse_path(const char *path, const czi_survey *survey, czi_image *image, mt_error *err)
{
    image->pixel_type = survey->pixel_types[0];
    if (strncmp(path, CZI_ATTACHMENT, strlen(CZI_ATTACHMENT)) == 0) /* the document itself */
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

static mt_status choose(const mt_selection *part, const czi_survey *survey, czi_image *image, mt_error *err)
{
    int64_t scene = part->series;
    mt_status st = parse_path(part->path, survey, image, err);
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

/* Surveys a document whose files and entries are set. Only system errors make opening fail. */
static mt_status survey_document(czi_document *document, mt_arena *arena, mt_error *err)
{
    mt_status st = czi_make_survey(&document->entries, arena, &document->survey, &document->no_survey);
    return st == MT_E_MEMORY || st == MT_E_IO ? mt_fail(err, st, "%s", document->no_survey.message) : MT_OK;
}

static mt_status check_survey(const czi_document *document, mt_error *err)
{
    const mt_error *why = &document->no_survey;
    return why->status ? mt_fail(err, why->status, "%s", why->message) : MT_OK;
}

static mt_status map_image(const mt_container *container, const mt_selection *part, const czi_document *document,
                           mt_chunk_map *map, mt_error *err)
{
    const mt_open_options *options = container->source.options;
    czi_image *image = mt_arena_alloc(map->arena, 1, sizeof *image, err);
    if (!image)
        return MT_E_MEMORY;
    image->use_masks = options->use_masks;
    image->depth_view = options->depth_axis != NULL;
    mt_status st = check_survey(document, err);
    if (st || (st = choose(part, &document->survey, image, err)) || (st = czi_measure(&document->entries, image, err)))
        return st;
    int64_t level = part->level > 0 ? part->level : 0;
    if (level >= image->n_levels)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no level=%lld; the image has %d, counted from 0%s",
                       (long long)level, image->n_levels,
                       image->n_partial ? ", without those that lack channels, scenes or planes" : "");
    if (image->n_partial &&
        (st = mt_chunk_map_warn(map, err,
                                "%d of the levels of the pyramid lack channels, scenes or planes, and are "
                                "not offered",
                                image->n_partial)))
        return st;
    map->level = (int)level;
    map->n_levels = image->n_levels;
    for (int i = 1; i < document->files.n; i++)
        if ((st = mt_chunk_map_add_member(map, document->files.file[i].key, err)))
            return st;
    st = czi_make_map(&document->entries, image, map->level, map, err);
    return st ? st : czi_describe(&document->files.file[0], image, map, err);
}

/* Maps an attached document or picture. */
static mt_status map_attachment(const mt_container *container, const mt_selection *part, mt_chunk_map *map,
                                mt_error *err)
{
    const czi_document *outer = container->state;
    czi_document *inner = mt_arena_alloc(map->arena, 1, sizeof *inner, err);
    czi_attachment attachment;
    bool is_document;
    if (!inner)
        return MT_E_MEMORY;
    inner->files.n = 1;
    mt_status st = czi_find_attachment(&outer->files.file[0], part->path + strlen(CZI_ATTACHMENT), &attachment,
                                       &is_document, &inner->files.file[0], err);
    if (st)
        return st;
    if (is_document) {
        inner->entries = czi_find_entries(&inner->files, map->arena);
        return (st = survey_document(inner, map->arena, err)) ? st : map_image(container, part, inner, map, err);
    }
    if (part->series > 0 || part->level > 0)
        return mt_fail(err, MT_E_NOT_FOUND, "attachment %s is one picture, without scenes and levels", attachment.name);
    return czi_map_picture(&outer->files.file[0], &attachment, map, err);
}

static mt_status map_part(const mt_container *container, const mt_selection *part, mt_chunk_map *map, mt_error *err)
{
    if (strncmp(part->path, CZI_ATTACHMENT, strlen(CZI_ATTACHMENT)) == 0)
        return map_attachment(container, part, map, err);
    return map_image(container, part, container->state, map, err);
}

static mt_status open_czi(mt_container *container, mt_error *err)
{
    czi_document *document = mt_arena_alloc(container->arena, 1, sizeof *document, err);
    if (!document)
        return MT_E_MEMORY;
    container->state = document;
    mt_status st = czi_open_files(&container->source, container->arena, &document->files, err);
    if (st || (st = mt_arena_new(container->source.env, &document->kept, err)))
        return st;
    document->entries = czi_find_entries(&document->files, document->kept);
    if (!document->entries.kept) {
        mt_arena_free(document->kept);
        document->kept = NULL;
    }
    return survey_document(document, container->arena, err);
}

static void close_czi(mt_container *container)
{
    const czi_document *document = container->state;
    if (document)
        mt_arena_free(document->kept);
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

/* Adds the scenes, each followed by its further pixel types. */
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

static mt_status list(const mt_container *container, const mt_selection *below, mt_names *out, mt_error *err)
{
    (void)below;
    const czi_document *document = container->state;
    mt_arena *arena;
    mt_status st = check_survey(document, err);
    if (st || (st = mt_arena_new(container->source.env, &arena, err)))
        return st;
    st = add_parts(&document->entries, &document->survey, arena, out, err);
    mt_arena_free(arena);
    return st;
}

static mt_status attachments(const mt_container *container, mt_names *out, mt_error *err)
{
    const czi_document *document = container->state;
    return czi_list_attachments(&document->files.file[0], out, err);
}

static mt_status members(const mt_container *container, mt_names *out, mt_error *err)
{
    const czi_document *document = container->state;
    mt_status st = MT_OK;
    for (int i = 1; i < document->files.n && !st; i++)
        st = mt_names_add(out, document->files.file[i].key, err);
    return st;
}

const mt_format mt_format_czi = { .name = "czi",
                                  .title = "Zeiss CZI",
                                  .suffixes = "czi",
                                  .probe = probe,
                                  .open = open_czi,
                                  .close = close_czi,
                                  .list = list,
                                  .map = map_part,
                                  .attachments = attachments,
                                  .members = members };
