/* SPDX-License-Identifier: BSD-3-Clause */
/* The chunk map of a series: which page, which strip or tile, where its bytes lie. */
#include "base/reader.h"
#include "format/tiff/tiff.h"

#include <string.h>

typedef struct tiff_state {
    tiff_file file;
    tiff_page page;        /* of this level */
    const uint64_t *pages; /* directories of the full images, in C order of the leading dimensions */
    int level;             /* 0, or the number of the SubIFD */
    int leading;           /* dimensions before those of the page */
    uint64_t owner;        /* of the strip tables in the index cache */
} tiff_state;

/* Offsets and sizes of all chunks of a page, as the index cache keeps them. */
typedef struct table_making {
    const tiff_state *state;
    uint64_t page;
} table_making;

static mt_status find_directory(const tiff_state *s, uint64_t page, tiff_ifd *ifd, mt_error *err)
{
    mt_status st = tiff_read_ifd(&s->file, s->pages[page], ifd, err);
    if (st || s->level == 0)
        return st;
    const tiff_entry *subs = tiff_find(ifd, TAG_SUB_IFDS);
    uint64_t offset;
    if (!subs || subs->count < (uint64_t)s->level)
        return mt_fail(err, MT_E_CORRUPT, "the page has no level %d", s->level);
    if ((st = tiff_get_numbers(&s->file, subs, (uint64_t)s->level - 1, 1, &offset, err)))
        return st;
    return tiff_read_ifd(&s->file, offset, ifd, err);
}

static mt_status read_table(const tiff_state *s, const tiff_ifd *ifd, uint64_t *table, size_t n, mt_error *err)
{
    const tiff_entry *offsets = tiff_find(ifd, s->page.tiled ? TAG_TILE_OFFSETS : TAG_STRIP_OFFSETS);
    const tiff_entry *counts = tiff_find(ifd, s->page.tiled ? TAG_TILE_COUNTS : TAG_STRIP_COUNTS);
    if (!offsets) /* some writers use the other tag */
        offsets = tiff_find(ifd, s->page.tiled ? TAG_STRIP_OFFSETS : TAG_TILE_OFFSETS);
    if (!counts)
        counts = tiff_find(ifd, s->page.tiled ? TAG_STRIP_COUNTS : TAG_TILE_COUNTS);
    if (!offsets)
        return mt_fail(err, MT_E_CORRUPT, "the page has no offsets of strips or tiles");
    mt_status st = tiff_get_numbers(&s->file, offsets, 0, n, table, err);
    if (st || counts)
        return st ? st : tiff_get_numbers(&s->file, counts, 0, n, table + n, err);
    if (!tiff_is_raw(&s->page) || n > 1)
        return mt_fail(err, MT_E_CORRUPT, "the page has no sizes of strips or tiles");
    table[1] = table[0] < s->file.size ? s->file.size - table[0] : 0;
    return MT_OK;
}

static mt_status make_table(void *argument, void **data, size_t *size, mt_error *err)
{
    const table_making *m = argument;
    const tiff_state *s = m->state;
    tiff_ifd ifd;
    tiff_page page;
    size_t n = (size_t)tiff_page_chunks(&s->page);
    mt_status st = find_directory(s, m->page, &ifd, err);
    if (st || (st = tiff_read_page(&s->file, &ifd, &page, err)))
        return st;
    if (!tiff_same_page(&page, &s->page))
        return mt_fail(err, MT_E_UNSUPPORTED, "it differs from the first page of its image");
    /* 8 bytes of the file for each entry at the least were they LONG8; 1 as BYTE: a table beyond that is a lie */
    if (n > s->file.size)
        return mt_fail(err, MT_E_CORRUPT, "%zu chunks in a file of %llu bytes", n, (unsigned long long)s->file.size);
    *size = 2 * n * sizeof(uint64_t);
    if ((st = mt_alloc(s->file.env, *size, data, err)))
        return st;
    if ((st = read_table(s, &ifd, *data, n, err)))
        mt_release(s->file.env, *data, *size);
    return st;
}

static mt_status locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    const tiff_state *s = map->state;
    uint64_t page = 0, chunk = 0;
    for (int d = 0; d < s->leading; d++)
        page = page * (uint64_t)map->shape[d] + (uint64_t)position[d];
    for (int d = s->leading; d < map->ndim; d++) {
        int64_t along = map->shape[d] / map->chunk_shape[d] + (map->shape[d] % map->chunk_shape[d] != 0);
        chunk = chunk * (uint64_t)along + (uint64_t)position[d];
    }
    table_making m = { s, page };
    mt_cache_entry *entry;
    mt_status st = mt_cache_get(s->file.env->index_cache, s->owner, page, make_table, &m, &entry, err);
    if (st) {
        mt_error_prefix(err, "page %llu", (unsigned long long)page);
        return st;
    }
    const uint64_t *table = entry->data;
    out->key = s->file.key;
    out->offset = table[chunk];
    out->size = table[entry->size / sizeof *table / 2 + chunk];
    out->missing = out->size == 0 || out->offset == 0; /* sparse: GDAL, Philips */
    mt_cache_release(s->file.env->index_cache, entry);
    if (!out->missing && (out->offset > s->file.size || out->size > s->file.size - out->offset))
        return mt_fail(err, MT_E_CORRUPT, "page %llu: %llu bytes at %llu in a file of %llu", (unsigned long long)page,
                       (unsigned long long)out->size, (unsigned long long)out->offset,
                       (unsigned long long)s->file.size);
    return MT_OK;
}

static void add_dimension(mt_chunk_map *map, char axis, int64_t size, int64_t chunk)
{
    int d = map->ndim++;
    map->axes[d] = axis;
    map->shape[d] = size;
    map->chunk_shape[d] = chunk;
}

/* The dimensions of the page behind the leading ones: samples, rows and columns, or rows, columns and samples. */
static mt_status set_dimensions(mt_chunk_map *map, const tiff_series *series, const tiff_page *page, mt_error *err)
{
    if (series->ndim + 3 > MT_MAX_DIMS)
        return mt_fail(err, MT_E_LIMIT, "more dimensions than max_dimensions (%d)", MT_MAX_DIMS);
    for (int d = 0; d < series->ndim; d++)
        add_dimension(map, series->axes[d], series->shape[d], 1);
    if (page->planar)
        add_dimension(map, 'C', page->samples, 1);
    add_dimension(map, 'Y', page->height, page->chunk_height);
    add_dimension(map, 'X', page->width, page->chunk_width);
    if (page->samples > 1 && !page->planar)
        add_dimension(map, 'C', page->samples, page->samples);
    for (int d = 0; d < 3 && series->pixel_size[d] > 0; d++)
        for (int e = 0; e < map->ndim; e++)
            if (map->axes[e] == "ZYX"[d]) {
                map->pixel_size[e] = series->pixel_size[d];
                map->unit[e] = series->unit[d];
            }
    return MT_OK;
}

static mt_status read_level_page(const tiff_state *s, tiff_ifd *ifd, tiff_page *page, mt_error *err)
{
    mt_status st = find_directory(s, 0, ifd, err);
    return st ? st : tiff_read_page(&s->file, ifd, page, err);
}

static mt_status map_pages(mt_chunk_map *map, const tiff_file *file, const tiff_series *series, int level,
                           mt_error *err)
{
    tiff_state *s = mt_arena_alloc(map->arena, 1, sizeof *s, err);
    uint64_t *pages = mt_arena_alloc(map->arena, (size_t)series->n_pages, sizeof *pages, err);
    if (!s || !pages)
        return MT_E_MEMORY;
    memcpy(pages, series->offsets, (size_t)series->n_pages * sizeof *pages);
    *s = (tiff_state) { .file = *file, .pages = pages, .level = level, .leading = series->ndim };
    s->file.key = mt_arena_strndup(map->arena, file->key, strlen(file->key), err);
    if (!s->file.key)
        return MT_E_MEMORY;
    s->owner = mt_cache_new_owner(file->env->index_cache);
    map->state = s;
    map->locate = locate;

    tiff_ifd ifd;
    mt_status st = read_level_page(s, &ifd, &s->page, err);
    if (st || (st = set_dimensions(map, series, &s->page, err)) ||
        (st = tiff_set_chain(map, file, &ifd, &s->page, err)))
        return st;
    map->dtype = s->page.dtype;
    map->cut_at_edge = !s->page.tiled;
    mt_chunk_map_c_order(map);
    return MT_OK;
}

static mt_status map_contiguous(mt_chunk_map *map, const tiff_file *file, const tiff_series *series, mt_error *err)
{
    mt_status st = set_dimensions(map, series, &series->page, err);
    if (st)
        return st;
    map->dtype = series->page.dtype;
    map->swap = series->page.bits > 8 && file->big_endian != mt_host_big_endian();
    return mt_chunk_map_contiguous(map, file->key, series->data_offset, false, err);
}

mt_status tiff_make_map(const mt_source *source, const tiff_file *file, const tiff_series *series, int level,
                        mt_chunk_map *map, mt_error *err)
{
    int n_levels = 1 + (series->sub_levels ? series->sub_levels : series->n_page_levels);
    if (level >= n_levels)
        return mt_fail(err, MT_E_NOT_FOUND, "level %d of %d", level, n_levels);
    map->level = level;
    map->n_levels = n_levels;
    map->part = mt_arena_strndup(map->arena, source->selection.text, strlen(source->selection.text), err);
    if (!map->part)
        return MT_E_MEMORY;
    if (level > 0 && series->sub_levels == 0) {
        series = series->levels[level - 1];
        level = 0;
    }
    return series->offsets ? map_pages(map, file, series, level, err) : map_contiguous(map, file, series, err);
}
