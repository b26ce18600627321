/* SPDX-License-Identifier: BSD-3-Clause */
/* LIF files as containers: selects the image of a part. */
#include "base/suffix.h"
#include "format/lif/lif.h"

#include <stdio.h>
#include <string.h>

extern const mt_format mt_format_lif;

/* The marks are weak: an MRC map can begin with them. An XML document behind them, or the name of a LOF file, is proof. */
static mt_status probe(const mt_source *source, int *score, mt_error *err)
{
    (void)err;
    mt_reader r = mt_reader_over(source->head, source->head_size, false);
    bool is_marked = source->head && mt_read_u32(&r) == LIF_MARK;
    mt_read_skip(&r, 4);
    is_marked = is_marked && mt_read_u8(&r) == LIF_TEST && !r.failed;
    mt_read_skip(&r, 4);
    uint16_t first = mt_read_u16(&r);
    if (is_marked && !r.failed && (first == '<' || first == 'L'))
        *score = 2;
    else
        *score = is_marked && mt_has_suffix(source->name, strlen(source->name), mt_format_lif.suffixes);
    return MT_OK;
}

static mt_status open_lif(mt_container *container, mt_error *err)
{
    const mt_source *source = &container->source;
    lif_file *file = mt_arena_alloc(container->arena, 1, sizeof *file, err);
    if (!file)
        return MT_E_MEMORY;
    container->state = file;
    file->env = source->env;
    file->store = source->store;
    file->key = source->key;
    file->owner = mt_cache_new_owner(source->env->index_cache);
    return lif_read_document(file, container->arena, err);
}

static void close_lif(mt_container *container)
{
    const lif_file *file = container->state;
    if (file)
        mt_cache_drop(file->env->index_cache, file->owner);
}

static const lif_image *find_path(const lif_file *file, const char *path)
{
    for (size_t i = 0; i < file->n_images; i++)
        if (file->images[i].is_named && strcmp(file->images[i].path, path) == 0)
            return &file->images[i];
    return NULL;
}

/* The first image that can be opened and has pixels, else the first. */
static const lif_image *find_default(const lif_file *file)
{
    for (size_t i = 0; i < file->n_images; i++)
        if (!file->images[i].status && file->images[i].block < file->n_blocks)
            return &file->images[i];
    return &file->images[0];
}

/* By path, by number, or the default. */
static mt_status choose(const lif_file *file, const mt_selection *part, const lif_image **out, mt_error *err)
{
    if (file->n_images == 0)
        return mt_fail(err, MT_E_NOT_FOUND, "there are no images in the file");
    if (part->level > 0 || (*part->path && part->series >= 0))
        return mt_fail(err, MT_E_NOT_FOUND, "an image has no series or levels of its own");
    if (*part->path) {
        *out = find_path(file, part->path);
        return *out ? MT_OK
                    : mt_fail(err, MT_E_NOT_FOUND, "there is no image \"%s\"; the file has %zu, such as \"%s\"",
                              part->path, file->n_images, file->images[0].path);
    }
    if (part->series >= (int64_t)file->n_images)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no series=%lld; the file has %zu, counted from 0",
                       (long long)part->series, file->n_images);
    *out = part->series < 0 ? find_default(file) : &file->images[part->series];
    return MT_OK;
}

static mt_status map_part(const mt_container *container, const mt_selection *part, mt_chunk_map *map, mt_error *err)
{
    const lif_file *file = container->state;
    const lif_image *image;
    mt_status st = choose(file, part, &image, err);
    if (st)
        return st;
    if (image->status)
        return mt_fail(err, image->status, "%s", image->why);
    const lif_dimension *tiles = lif_find_dimension(image, LIF_TILES);
    if (file->repair && (st = mt_chunk_map_warn(map, err, "the document: %s", file->repair)))
        return st;
    bool merge = container->source.options->merge_tiles && tiles && tiles->n > 1;
    return merge ? lif_map_merged(file, image, map, err) : lif_map_image(file, image, map, err);
}

static mt_status add_part(const lif_file *file, const lif_image *image, mt_names *out, mt_error *err)
{
    char number[32];
    const lif_dimension *x = lif_find_dimension(image, LIF_X), *y = lif_find_dimension(image, LIF_Y);
    snprintf(number, sizeof number, "series=%zu", (size_t)(image - file->images));
    const mt_part part = { .name = image->is_named ? image->path : number,
                           .title = strcmp(image->name, image->path) == 0 ? "" : image->name,
                           .type = "",
                           .height = x && y ? y->n : 0,
                           .width = x && y ? x->n : 0 };
    return mt_names_add_part(out, &part, err);
}

static bool is_below(const lif_image *image, const char *group)
{
    size_t n = strlen(group);
    return n == 0 || (strncmp(image->path, group, n) == 0 && (image->path[n] == 0 || image->path[n] == '/'));
}

static mt_status list(const mt_container *container, const mt_selection *below, mt_names *out, mt_error *err)
{
    const lif_file *file = container->state;
    mt_status st = MT_OK;
    for (size_t i = 0; !st && i < file->n_images; i++)
        if (is_below(&file->images[i], below->path))
            st = add_part(file, &file->images[i], out, err);
    return st;
}

const mt_format mt_format_lif = { .name = "lif",
                                  .title = "Leica LIF",
                                  .suffixes = "lif",
                                  .probe = probe,
                                  .open = open_lif,
                                  .close = close_lif,
                                  .list = list,
                                  .map = map_part,
                                  .restore = lif_restore };
