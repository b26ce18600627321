/* SPDX-License-Identifier: BSD-3-Clause */
/* The chunk map of a series: locates the page, the strip or tile, and its bytes. */
#include "base/checked.h"
#include "base/reader.h"
#include "format/tiff/map.h"

#include <string.h>

/* The table of offsets and sizes of all chunks of a plane, as kept in the index cache. */
typedef struct table_making {
    const tiff_state *state;
    uint64_t plane;
} table_making;

static tiff_plane find_plane(const tiff_state *s, uint64_t plane)
{
    if (s->planes)
        return s->planes[plane];
    return (tiff_plane) { .file = 0, .page = (uint32_t)(s->first_page + plane) };
}

/* Finds the directory of a plane at the level; *file is NULL if the plane is not stored. */
static mt_status find_directory(const tiff_state *s, uint64_t plane, const tiff_file **file, tiff_ifd *ifd,
                                uint64_t *offset, mt_error *err)
{
    tiff_plane at = find_plane(s, plane);
    *file = NULL;
    if (at.file == TIFF_NO_FILE)
        return MT_OK;
    tiff_chain *chain = s->images->files[at.file];
    /* with OME-XML a page beyond the end of the file is missing; otherwise pages were counted */
    mt_status st = s->planes ? tiff_chain_open_page(chain, at.page, file, err) : tiff_chain_open(chain, file, err);
    if (st || !*file || (st = tiff_chain_read(chain, at.page, ifd, err)) ||
        (st = tiff_chain_find(chain, at.page, offset, err)) || s->sub_ifd < 0)
        return st;
    const tiff_entry *subs = tiff_find(ifd, TAG_SUB_IFDS);
    if (!subs || subs->count <= (uint64_t)s->sub_ifd)
        return mt_fail(err, MT_E_CORRUPT, "the page has no level %d", s->level);
    if ((st = tiff_get_numbers(*file, subs, (uint64_t)s->sub_ifd, 1, offset, err)))
        return st;
    return tiff_read_ifd(*file, *offset, ifd, err);
}

static mt_status read_table(const tiff_kind *kind, const tiff_file *file, const tiff_ifd *ifd, uint64_t *table,
                            size_t n, mt_error *err)
{
    bool tiled = kind->page.tiled;
    if (kind->page.restarts)
        return tiff_read_restarts(file, ifd, table, n, err);
    const tiff_entry *offsets = tiff_find(ifd, tiled ? TAG_TILE_OFFSETS : TAG_STRIP_OFFSETS);
    const tiff_entry *counts = tiff_find(ifd, tiled ? TAG_TILE_COUNTS : TAG_STRIP_COUNTS);
    if (!offsets) /* some writers use the tag of the other kind */
        offsets = tiff_find(ifd, tiled ? TAG_STRIP_OFFSETS : TAG_TILE_OFFSETS);
    if (!counts)
        counts = tiff_find(ifd, tiled ? TAG_STRIP_COUNTS : TAG_TILE_COUNTS);
    if (!offsets)
        return mt_fail(err, MT_E_CORRUPT, "the page has no offsets of strips or tiles");
    mt_status st = tiff_get_numbers(file, offsets, 0, n, table, err);
    if (st || counts)
        return st ? st : tiff_get_numbers(file, counts, 0, n, table + n, err);
    if (!tiff_is_raw(&kind->page) || n > 1)
        return mt_fail(err, MT_E_CORRUPT, "the page has no sizes of strips or tiles");
    table[1] = table[0] < file->size ? file->size - table[0] : 0;
    return MT_OK;
}

static mt_status make_table(void *argument, void **data, size_t *size, mt_error *err)
{
    const table_making *m = argument;
    const tiff_state *s = m->state;
    const tiff_kind *kind = tiff_kind_of(s, m->plane);
    const tiff_file *file;
    tiff_ifd ifd;
    tiff_page page;
    uint64_t offset = 0;
    size_t n = (size_t)tiff_page_chunks(&kind->page);
    mt_status st = find_directory(s, m->plane, &file, &ifd, &offset, err);
    if (st || (file && (st = tiff_read_page(file, &ifd, &page, err))))
        return st;
    if (file && !tiff_same_page(&page, &kind->page))
        return mt_fail(err, MT_E_UNSUPPORTED, "it differs from the first page of its image");
    /* an entry takes at least one byte of the file */
    if (file && n > file->size)
        return mt_fail(err, MT_E_CORRUPT, "%zu chunks in a file of %llu bytes", n, (unsigned long long)file->size);
    size_t limit = s->env->limits.max_metadata_bytes;
    if (n > limit / (2 * sizeof(uint64_t)))
        return mt_fail(err, MT_E_LIMIT, "the table of %zu chunks is larger than max_metadata_bytes (%zu)", n, limit);
    if (!file)
        n = 0;
    *size = 2 * n * sizeof(uint64_t);
    if ((st = mt_alloc(s->env, *size, data, err)) || !file)
        return st;
    uint64_t *table = *data;
    const tiff_counts counts = { .file_size = file->size,
                                 .directory = offset,
                                 .decoded = kind->decoded,
                                 .most = kind->most,
                                 .loose = s->loose_counts && page.compression == TIFF_LZW };
    if ((st = read_table(kind, file, &ifd, table, n, err)) ||
        (st = tiff_mend_counts(s->env, &counts, table, table + n, n, err)))
        mt_release(s->env, *data, *size);
    return st;
}

/* Locates a chunk of a plane with the plane's table. Chunks without an offset are sparse (GDAL, Philips). A chunk
 * beyond the end of the file does not affect others. */
static mt_status place_chunk(const tiff_state *s, uint64_t plane, uint64_t chunk, const mt_cache_entry *entry,
                             mt_chunk_ref *out, mt_error *err)
{
    const uint64_t *table = entry->data;
    const tiff_file *file;
    size_t n = entry->size / sizeof *table / 2;
    out->missing = n == 0 || table[chunk] == 0 || table[n + chunk] == 0;
    if (out->missing)
        return MT_OK;
    mt_status st = tiff_chain_open(s->images->files[find_plane(s, plane).file], &file, err);
    if (st)
        return st;
    out->key = file->key;
    out->offset = table[chunk];
    out->size = table[n + chunk];
    uint64_t left = out->offset < file->size ? file->size - out->offset : 0;
    if (s->loose_counts && left > 0 && out->size > left)
        out->size = left;
    return out->size <= left ? MT_OK
                             : mt_fail(err, MT_E_CORRUPT, "chunk %llu has %llu bytes at %llu in a file of %llu",
                                       (unsigned long long)chunk, (unsigned long long)out->size,
                                       (unsigned long long)out->offset, (unsigned long long)file->size);
}

static int64_t chunks_along(const mt_chunk_map *map, int d)
{
    return map->shape[d] / map->chunk_shape[d] + (map->shape[d] % map->chunk_shape[d] != 0);
}

static void number_chunk(const mt_chunk_map *map, const int64_t *position, uint64_t *plane, uint64_t *chunk)
{
    const tiff_state *s = map->state;
    *plane = mt_position_number(s->leading, map->shape, position);
    *chunk = 0;
    for (int d = s->leading; d < map->ndim; d++)
        *chunk = *chunk * (uint64_t)chunks_along(map, d) + (uint64_t)position[d];
}

mt_status tiff_locate(const mt_chunk_map *map, uint64_t plane, uint64_t chunk, mt_chunk_ref *out, mt_error *err)
{
    const tiff_state *s = map->state;
    table_making m = { s, plane };
    mt_cache_entry *entry;
    mt_status st = mt_cache_get(s->env->index_cache, s->owner, plane, make_table, &m, &entry, err);
    if (!st) {
        st = place_chunk(s, plane, chunk, entry, out, err);
        mt_cache_release(s->env->index_cache, entry);
    }
    uint32_t number = find_plane(s, plane).file;
    if (st && number > 0 && number < s->images->n_files)
        mt_error_prefix(err, "plane %llu, in %s", (unsigned long long)plane, tiff_chain_key(s->images->files[number]));
    else if (st)
        mt_error_prefix(err, "plane %llu", (unsigned long long)plane);
    return st;
}

static mt_status locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    uint64_t plane, chunk;
    number_chunk(map, position, &plane, &chunk);
    return tiff_locate(map, plane, chunk, out, err);
}

/* Advances past the last plane of a row, or past all. */
static void go_to_next_plane(const tiff_state *s, int64_t *next)
{
    if (s->leading)
        next[s->leading - 1]++;
    else
        next[0] = MT_NOWHERE;
}

/* Uses the table of the plane if it is in the cache. */
static void find_stored(const mt_chunk_map *map, mt_scan *scan, const int64_t *position, int64_t *next)
{
    (void)scan;
    const tiff_state *s = map->state;
    uint64_t plane, chunk;
    memcpy(next, position, (size_t)map->ndim * sizeof *next);
    number_chunk(map, position, &plane, &chunk);
    mt_cache_entry *entry = mt_cache_peek(s->env->index_cache, s->owner, plane);
    if (!entry)
        return;
    const uint64_t *table = entry->data;
    size_t n = entry->size / sizeof *table / 2, from = (size_t)chunk;
    while (chunk < n && (table[chunk] == 0 || table[n + chunk] == 0))
        chunk++;
    mt_cache_release(s->env->index_cache, entry);
    if (chunk == from && chunk < n)
        return;
    memset(next + s->leading, 0, (size_t)(map->ndim - s->leading) * sizeof *next);
    if (chunk >= n)
        go_to_next_plane(s, next);
    for (int d = map->ndim - 1; d >= s->leading && chunk < n; d--) {
        next[d] = (int64_t)(chunk % (uint64_t)chunks_along(map, d));
        chunk /= (uint64_t)chunks_along(map, d);
    }
}

static void add_dimension(mt_chunk_map *map, char axis, int64_t size, int64_t chunk)
{
    int d = map->ndim++;
    map->axes[d] = axis;
    map->shape[d] = size;
    map->chunk_shape[d] = chunk;
}

/* Sets the dimensions of a page after the leading ones: samples, rows and columns, or rows, columns and samples. In an
 * x-z scan rows are Z, and Y has length 1. */
static mt_status set_dimensions(mt_chunk_map *map, const tiff_series *series, const tiff_page *page, mt_error *err)
{
    if (series->ndim + 4 > MT_MAX_DIMS)
        return mt_fail(err, MT_E_LIMIT, "more dimensions than max_dimensions (%d)", MT_MAX_DIMS);
    for (int d = 0; d < series->ndim; d++)
        add_dimension(map, series->axes[d], series->shape[d], 1);
    if (page->planar)
        add_dimension(map, 'C', page->samples, 1);
    add_dimension(map, series->rows_are_z ? 'Z' : 'Y', page->height, page->chunk_height);
    if (series->rows_are_z)
        add_dimension(map, 'Y', 1, 1);
    add_dimension(map, 'X', page->width, page->chunk_width);
    if (page->samples > 1 && !page->planar)
        add_dimension(map, 'C', page->samples, page->samples);
    return MT_OK;
}

/* Sets the pixel sizes of a level of a series. */
static void set_pixel_sizes(mt_chunk_map *map, const tiff_series *series)
{
    for (int d = 0; d < 4; d++)
        for (int e = 0; e < map->ndim && series->pixel_size[d] > 0; e++) {
            if (map->axes[e] != "TZYX"[d])
                continue;
            int64_t full = d == 2 ? series->page.height : series->page.width;
            double by = map->level > 0 && d >= 2 ? (double)full / (double)map->shape[e] : 1;
            map->pixel_size[e] = series->pixel_size[d] * by;
            map->unit[e] = series->unit[d];
        }
}

static mt_status make_state(mt_chunk_map *map, const tiff_images *images, const tiff_series *series, int level,
                            mt_error *err)
{
    tiff_state *s = mt_arena_alloc(map->arena, 1, sizeof *s, err);
    if (!s)
        return MT_E_MEMORY;
    const tiff_kinds *kinds = level == 0 ? series->kinds : NULL;
    *s = (tiff_state) { .env = mt_arena_env(map->arena),
                        .images = images,
                        .first_page = series->first_page,
                        .planes = series->planes,
                        .n_planes = series->n_planes,
                        .level = level,
                        .sub_ifd = level ? series->sub_ifds[level - 1] : -1,
                        .leading = series->ndim,
                        .loose_counts = series->loose_counts,
                        .n_kinds = kinds ? kinds->n : 1,
                        .kind_of = kinds ? kinds->of : NULL,
                        .owner = mt_chunk_map_new_owner(map) };
    map->state = s;
    s->kinds = mt_arena_alloc(map->arena, s->n_kinds, sizeof *s->kinds, err);
    if (!s->kinds)
        return MT_E_MEMORY;
    s->kinds[0].plane = series->reference;
    for (size_t i = 0; kinds && i < kinds->n; i++)
        s->kinds[i].plane = kinds->first[i];
    return MT_OK;
}

/* Warns if the byte count of the first strip or tile is 0. Read errors are left to the reading of chunks. */
static mt_status warn_of_counts(mt_chunk_map *map, const tiff_file *file, const tiff_ifd *ifd, const tiff_page *page,
                                mt_error *err)
{
    uint64_t offset, count;
    if (tiff_get_number(file, ifd, page->tiled ? TAG_TILE_OFFSETS : TAG_STRIP_OFFSETS, 0, &offset, NULL) ||
        tiff_get_number(file, ifd, page->tiled ? TAG_TILE_COUNTS : TAG_STRIP_COUNTS, 1, &count, NULL) || offset == 0 ||
        count > 0)
        return MT_OK;
    return mt_chunk_map_warn(map, err,
                             "byte counts of %s are 0: each is read up to the next one or the end of the file",
                             page->tiled ? "tiles" : "strips");
}

/* Describes the planes of a kind. The map keeps the chain and byte order of the last kind. */
static mt_status read_kind(mt_chunk_map *map, tiff_kind *kind, mt_error *err)
{
    const tiff_state *s = map->state;
    tiff_ifd ifd;
    const tiff_file *file;
    uint64_t offset;
    tiff_page *page = &kind->page;
    mt_status st = find_directory(s, kind->plane, &file, &ifd, &offset, err);
    if (st)
        return st;
    if (!file)
        return mt_fail(err, MT_E_NOT_FOUND, "the file of the first plane is gone");
    if ((st = tiff_read_page(file, &ifd, page, err)) || (st = tiff_set_chain(map, file, &ifd, page, err)) ||
        (st = warn_of_counts(map, file, &ifd, page, err)))
        return st;
    const int64_t sizes[4] = { page->chunk_width, page->chunk_height, page->planar ? 1 : page->samples,
                               (int64_t)mt_dtype_size(page->dtype) };
    int64_t bytes;
    if (mt_product_i64(sizes, 4, &bytes))
        bytes = INT64_MAX; /* mt_chunk_map_check refuses it */
    kind->chain = map->chain;
    kind->swap = map->swap;
    kind->decoded = (uint64_t)bytes;
    kind->most = map->chain.n_steps ? mt_chain_encoded_bound(&map->chain, (size_t)bytes) : (size_t)bytes;
    return tiff_check_stream(file, page, kind->decoded, err);
}

static mt_status map_pages(mt_chunk_map *map, const tiff_images *images, const tiff_series *series, int level,
                           mt_error *err)
{
    mt_status st = make_state(map, images, series, level, err);
    tiff_state *s = map->state;
    for (size_t i = 0; !st && i < s->n_kinds; i++)
        st = read_kind(map, &s->kinds[i], err);
    if (st || (st = set_dimensions(map, series, &s->kinds[0].page, err)))
        return st;
    map->dtype = s->kinds[0].page.dtype;
    if (s->n_kinds > 1)
        return tiff_mix_kinds(map, err);
    map->locate = locate;
    map->find_stored = find_stored;
    map->cut_at_edge = !s->kinds[0].page.tiled;
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

mt_status tiff_make_map(const tiff_images *images, const tiff_series *series, int64_t level, mt_chunk_map *map,
                        mt_error *err)
{
    int n_levels = 1 + (series->sub_levels ? series->sub_levels : series->n_page_levels);
    if (level >= n_levels)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no level=%lld; the image has %d, counted from 0",
                       (long long)level, n_levels);
    for (size_t i = 0; i < series->warnings.n; i++) {
        mt_status st = mt_chunk_map_warn(map, err, "%s", series->warnings.items[i]);
        if (st)
            return st;
    }
    map->level = (int)level;
    map->n_levels = n_levels;
    map->channels = series->channels;
    map->n_channels = series->n_channels;
    const tiff_series *source = series; /* of the pages */
    if (level > 0 && series->sub_levels == 0) {
        source = series->levels[level - 1];
        level = 0;
    }
    const tiff_file *file;
    mt_status st = source->contiguous ? tiff_chain_open(images->files[0], &file, err) : MT_OK;
    if (!st)
        st = source->contiguous ? map_contiguous(map, file, source, err)
                                : map_pages(map, images, source, (int)level, err);
    if (!st)
        set_pixel_sizes(map, series);
    return st;
}
