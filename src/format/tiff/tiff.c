/* SPDX-License-Identifier: BSD-3-Clause */
/* TIFF files as containers: selects the image of a part. */
#include "base/checked.h"
#include "base/suffix.h"
#include "format/tiff/tiff.h"
#include "platform/thread.h"

#include <stdio.h>
#include <string.h>

/* The container's state. */
typedef struct tiff_contents {
    tiff_chain *chain;  /* directories of the file that was opened */
    tiff_images *first; /* images found when the file was opened */
    mt_lock lock;       /* guards all */
    tiff_images *all;   /* all images, once they are needed; NULL if first is complete or they were not needed */
} tiff_contents;

/* A TIFF by its first bytes, or the OME-XML of several TIFF files. */
static mt_status probe(const mt_source *source, int *score, mt_error *err)
{
    (void)err;
    size_t i = 0;
    while (i < source->head_size && strchr("\xef\xbb\xbf\xff\xfe \t\r\n", source->head[i]))
        i++;
    bool is_companion =
        i < source->head_size && source->head[i] == '<' && mt_name_ends_with(source->name, ".companion.ome");
    *score = is_companion || (source->head && tiff_is_magic(source->head, source->head_size)) ? 2 : 0;
    return MT_OK;
}

static mt_status open_tiff(mt_container *container, mt_error *err)
{
    const mt_source *source = &container->source;
    tiff_contents *contents = mt_arena_alloc(container->arena, 1, sizeof *contents, err);
    if (!contents)
        return MT_E_MEMORY;
    mt_status st = mt_lock_init(&contents->lock, NULL, NULL, err);
    if (st)
        return st;
    container->state = contents;
    st = tiff_chain_new(source->env, source->store, source->key, container->arena, &contents->chain, err);
    return st ? st : tiff_find_images(source, contents->chain, false, &contents->first, err);
}

static void close_tiff(mt_container *container)
{
    tiff_contents *contents = container->state;
    if (!contents)
        return;
    tiff_images_free(contents->first);
    tiff_images_free(contents->all);
    if (contents->chain)
        tiff_chain_free(contents->chain);
    mt_lock_destroy(&contents->lock);
}

/* All images. The lock is not held during the search; if two threads search at once, the first result is kept. */
static mt_status get_all(const mt_container *container, const tiff_images **out, mt_error *err)
{
    tiff_contents *contents = container->state;
    tiff_images *own = NULL;
    *out = contents->first;
    if (contents->first->complete)
        return MT_OK;
    mt_lock_take(&contents->lock);
    *out = contents->all;
    mt_lock_give(&contents->lock);
    if (*out)
        return MT_OK;
    mt_status st = tiff_find_images(&container->source, contents->chain, true, &own, err);
    if (st)
        return st;
    mt_lock_take(&contents->lock);
    if (!contents->all) {
        contents->all = own;
        own = NULL;
    }
    *out = contents->all;
    mt_lock_give(&contents->lock);
    tiff_images_free(own);
    return MT_OK;
}

typedef mt_status (*visit_member)(void *user, const tiff_chain *chain, const char *key, mt_error *err);

/* Visits the document (without a chain) and the other files that hold planes of n series. Further files that a document
 * names may hold separate images. */
static mt_status visit_members(const mt_container *container, const tiff_images *images, tiff_series *const *series,
                               size_t n, visit_member visit, void *user, mt_error *err)
{
    void *memory;
    mt_status st = images->document ? visit(user, NULL, images->document, err) : MT_OK;
    if (st || images->n_files == 1 || (st = mt_alloc(container->source.env, images->n_files, &memory, err)))
        return st;
    bool *used = memset(memory, 0, images->n_files);
    for (size_t i = 0; i < n; i++)
        for (uint64_t k = 0; series[i]->planes && k < series[i]->n_planes; k++)
            if (series[i]->planes[k].file != TIFF_NO_FILE)
                used[series[i]->planes[k].file] = true;
    for (uint32_t i = 1; !st && i < images->n_files; i++)
        if (used[i] && !tiff_chain_is_missing(images->files[i], NULL))
            st = visit(user, images->files[i], tiff_chain_key(images->files[i]), err);
    mt_release(container->source.env, memory, images->n_files);
    return st;
}

static mt_status add_member(void *user, const tiff_chain *chain, const char *key, mt_error *err)
{
    mt_chunk_map *map = user;
    const bool is_known = !chain || !map->store->costs.is_slow || tiff_chain_is_expected(chain);
    return is_known ? mt_chunk_map_add_member(map, key, err) : MT_OK;
}

static mt_status map_part(const mt_container *container, const mt_selection *part, mt_chunk_map *map, mt_error *err)
{
    const tiff_contents *contents = container->state;
    const tiff_images *images = contents->first;
    if (*part->path)
        return mt_fail(err, MT_E_NOT_FOUND, "a TIFF has no part \"%s\": its images are series=0, series=1, ...",
                       part->path);
    mt_status st = part->series > 0 ? get_all(container, &images, err) : MT_OK;
    if (st)
        return st;
    uint64_t i = part->series < 0 ? images->preferred : (uint64_t)part->series;
    if (i >= images->n)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no series=%llu; the file has %zu, counted from 0",
                       (unsigned long long)i, images->n);
    if ((st = visit_members(container, images, &images->series[i], 1, add_member, map, err)) ||
        (st = tiff_make_map(images, images->series[i], mt_max_i64(part->level, 0), map, err)))
        return st;
    return tiff_tell(images, images->series[i], map, err);
}

static mt_status add_name(mt_names *names, const tiff_images *images, size_t i, mt_error *err)
{
    char name[32];
    const tiff_series *series = images->series[i];
    snprintf(name, sizeof name, "series=%zu", i);
    const mt_part part = { .name = name, .title = series->name ? series->name : "", .type = "" };
    return mt_names_add_part(names, &part, err);
}

static mt_status list(const mt_container *container, const mt_selection *below, mt_names *out, mt_error *err)
{
    (void)below;
    const tiff_images *images;
    mt_status st = get_all(container, &images, err);
    if (!st && images->n > 0)
        st = add_name(out, images, images->preferred, err);
    for (size_t i = 0; !st && i < images->n; i++)
        if (i != images->preferred)
            st = add_name(out, images, i, err);
    return st;
}

static mt_status add_to_names(void *user, const tiff_chain *chain, const char *key, mt_error *err)
{
    (void)chain;
    return mt_names_add(user, key, err);
}

static mt_status members(const mt_container *container, mt_names *out, mt_error *err)
{
    const tiff_contents *contents = container->state;
    const tiff_images *images = contents->first; /* complete if there are several files */
    return visit_members(container, images, images->series, images->n, add_to_names, out, err);
}

const mt_format mt_format_tiff = { .name = "tiff",
                                   .title = "TIFF, BigTIFF, OME-TIFF, ImageJ, LSM, STK, SVS, QPTIFF, NDPI",
                                   .suffixes = "tif,tiff,lsm,stk,btf,tf8,tf2,companion.ome,svs,qptiff,ndpi",
                                   .probe = probe,
                                   .open = open_tiff,
                                   .close = close_tiff,
                                   .list = list,
                                   .map = map_part,
                                   .members = members };
