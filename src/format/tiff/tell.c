/* SPDX-License-Identifier: BSD-3-Clause */
/* Reports to users: repairs and assumptions, missing files and pages. */
#include "base/checked.h"
#include "format/tiff/tiff.h"

#include <stdio.h>
#include <string.h>

mt_status tiff_images_warn(tiff_images *images, mt_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    mt_status st = mt_texts_warn(&images->warnings, images->arena, err, format, args);
    va_end(args);
    return st;
}

/* Writes the position of a plane along the leading axes: "T=2 C=0". */
static void name_plane(const tiff_series *series, uint64_t plane, char *out, size_t size)
{
    size_t n = 0;
    uint64_t left = series->n_planes;
    out[0] = 0;
    for (int d = 0; d < series->ndim && n < size; d++) {
        left /= (uint64_t)series->shape[d];
        char axis = series->axes[d] == '?' ? 'S' : series->axes[d];
        int more = snprintf(out + n, size - n, " %c=%llu", axis, (unsigned long long)(plane / left));
        n += more > 0 ? (size_t)more : 0;
        plane %= left;
    }
}

/* Reports a missing plane of a file that exists. */
static mt_status report_plane(const tiff_images *images, const tiff_series *series, uint64_t i, mt_chunk_map *map,
                              mt_error *err)
{
    char name[128];
    uint64_t n;
    bool cut;
    tiff_plane at = series->planes[i];
    if (at.file == TIFF_NO_FILE) {
        name_plane(series, i, name, sizeof name);
        return mt_chunk_map_miss(map, err, "plane%s, which is assigned to no page", name);
    }
    tiff_chain *chain = images->files[at.file];
    if (!tiff_chain_is_known(chain, &n, &cut) || at.page < n || tiff_chain_is_missing(chain, NULL))
        return MT_OK;
    name_plane(series, i, name, sizeof name);
    return mt_chunk_map_miss(map, err, "plane%s, page %lu of %s", name, (unsigned long)at.page, tiff_chain_key(chain));
}

static mt_status tell_file(tiff_chain *chain, mt_chunk_map *map, mt_error *err)
{
    const char *why, *key = tiff_chain_key(chain);
    uint64_t n;
    bool cut;
    if (tiff_chain_is_missing(chain, &why))
        return why ? mt_chunk_map_miss(map, err, "%s (%s)", key, why) : mt_chunk_map_miss(map, err, "%s", key);
    if (!tiff_chain_is_known(chain, &n, &cut) || !cut)
        return MT_OK;
    return mt_chunk_map_warn(
        map, err,
        "%s ends before its page %llu: it was cut, or is still being written; the pages before are "
        "read",
        key, (unsigned long long)n);
}

static mt_status tell_planes(const tiff_images *images, const tiff_series *series, mt_chunk_map *map, mt_error *err)
{
    mt_env *env = mt_arena_env(map->arena);
    void *memory;
    mt_status st = mt_alloc(env, images->n_files, &memory, err);
    if (st)
        return st;
    bool *used = memset(memory, 0, images->n_files);
    for (uint64_t i = 0; i < series->n_planes; i++)
        if (series->planes[i].file != TIFF_NO_FILE)
            used[series->planes[i].file] = true;
    for (uint32_t i = 0; !st && i < images->n_files; i++)
        st = used[i] ? tell_file(images->files[i], map, err) : MT_OK;
    for (uint64_t i = 0; !st && i < series->n_planes; i++)
        st = report_plane(images, series, i, map, err);
    mt_release(env, memory, images->n_files);
    return st;
}

/* What the planes require of a file. */
typedef struct demand {
    uint64_t pages; /* number of pages, up to the last one required */
    uint64_t bytes; /* of raw pixels */
} demand;

static void add_demand(const tiff_series *series, demand *demands)
{
    const tiff_page *page = &series->page;
    uint64_t bytes = 0;
    if (tiff_is_raw(page)) /* sizes are below 2^31 each: enough to compare with the file size */
        bytes = (uint64_t)(page->width * page->height) * mt_dtype_size(page->dtype);
    for (uint64_t i = 0; i < series->n_planes; i++) {
        if (series->planes[i].file == TIFF_NO_FILE)
            continue;
        demand *d = &demands[series->planes[i].file];
        d->pages = series->planes[i].page >= d->pages ? (uint64_t)series->planes[i].page + 1 : d->pages;
        d->bytes = d->bytes + bytes < d->bytes ? UINT64_MAX : d->bytes + bytes;
    }
}

/* Walks to the last required page. Errors are left to the reading of pages. */
static mt_status count_file(tiff_chain *chain, const demand *d, uint64_t *budget, mt_error *err)
{
    const tiff_file *file;
    uint64_t offset;
    mt_error own = MT_ERROR_INIT;
    mt_status st = tiff_chain_open(chain, &file, &own);
    if (!st && file && (d->pages <= *budget || d->bytes > file->size)) {
        *budget -= d->pages < *budget ? d->pages : *budget;
        st = tiff_chain_find(chain, d->pages - 1, &offset, &own);
    }
    return st == MT_E_MEMORY ? mt_fail(err, own.status ? own.status : st, "%s", own.message) : MT_OK;
}

/* Pages of further files are counted only if a file is too small for its planes. */
#define FILES_TO_COUNT 64
#define PAGES_TO_COUNT 1024

mt_status tiff_count_pages(const tiff_images *images, mt_error *err)
{
    mt_env *env = mt_arena_env(images->arena);
    void *memory;
    uint64_t budget = PAGES_TO_COUNT, counted = 0;
    mt_status st = mt_alloc(env, images->n_files * sizeof(demand), &memory, err);
    if (st)
        return st;
    demand *demands = memset(memory, 0, images->n_files * sizeof(demand));
    for (size_t i = 0; i < images->n; i++)
        if (images->series[i]->planes)
            add_demand(images->series[i], demands);
    for (uint32_t i = 0; !st && i < images->n_files && counted < FILES_TO_COUNT; i++) {
        if (demands[i].pages == 0 || tiff_chain_is_missing(images->files[i], NULL))
            continue;
        counted++;
        st = count_file(images->files[i], &demands[i], &budget, err);
    }
    mt_release(env, memory, images->n_files * sizeof(demand));
    return st;
}

mt_status tiff_tell(const tiff_images *images, const tiff_series *series, mt_chunk_map *map, mt_error *err)
{
    mt_status st = MT_OK;
    for (size_t i = 0; !st && i < images->warnings.n; i++)
        st = mt_chunk_map_warn(map, err, "%s", images->warnings.items[i]);
    if (st)
        return st;
    if (images->lost && (st = mt_chunk_map_miss(map, err, "%s", images->lost)))
        return st;
    return series->planes ? tell_planes(images, series, map, err) : tell_file(images->files[0], map, err);
}
