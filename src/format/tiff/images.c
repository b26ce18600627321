/* SPDX-License-Identifier: BSD-3-Clause */
/* Which images a file holds: what its metadata says, else pages that look alike and follow each other are one. */
#include "base/checked.h"
#include "format/tiff/tiff.h"

#include <string.h>

/* A description of more pages than this is believed without walking to the last of them. */
#define PAGES_TO_CHECK 1024

/* A page of more strips is not looked at for strips that follow each other, and so are those behind very many strips:
 * pages may share one table. */
#define MAX_ROW_STRIPS 65536
#define MAX_ALL_STRIPS 4194304

/* Values of tags that are read of any page: the JPEG tables of four components have fewer. Pages may share those that
 * a hostile file has in excess, and are read more than once. */
#define PAGE_VALUES 4096
#define MAX_EXCESS_VALUES (1 << 26)

/* What is being collected: the pages of the next series start at first. */
typedef struct collection {
    tiff_chain *chain;
    const tiff_file *file;
    mt_arena *arena;
    tiff_images *images;
    uint64_t first;
    uint64_t strips; /* looked at so far */
} collection;

mt_status tiff_add_series(tiff_images *images, mt_arena *arena, tiff_series *series, mt_error *err)
{
    tiff_series **all = mt_arena_grow(arena, images->series, images->n, &images->room, 1, sizeof *all, err);
    if (!all)
        return MT_E_MEMORY;
    images->series = all;
    images->series[images->n++] = series;
    return MT_OK;
}

mt_status tiff_examine_page(tiff_images *images, const tiff_file *file, const tiff_ifd *ifd, tiff_page *out,
                            mt_error *err)
{
    uint64_t n = tiff_count_values(ifd);
    images->values += n > PAGE_VALUES ? n - PAGE_VALUES : 0;
    if (images->values > MAX_EXCESS_VALUES)
        return mt_fail(err, MT_E_LIMIT, "the pages have more than %d values of samples and tables", MAX_EXCESS_VALUES);
    return tiff_read_page(file, ifd, out, err);
}

/* A smaller version of the image before: it says so, or it is tiled and half the size. */
static bool is_level(const tiff_series *above, const tiff_page *page, uint64_t n_pages)
{
    if (above->n_planes != n_pages || above->sub_levels > 0 || above->page.dtype != page->dtype ||
        above->page.samples != page->samples)
        return false;
    const tiff_page *last = above->n_page_levels ? &above->levels[above->n_page_levels - 1]->page : &above->page;
    if (page->width >= last->width || page->height >= last->height)
        return false;
    return page->reduced ||
           (page->tiled && last->tiled && page->width >= last->width / 2 - 1 && page->width <= last->width / 2 + 1 &&
            page->height >= last->height / 2 - 1 && page->height <= last->height / 2 + 1);
}

static int count_sub_levels(const tiff_ifd *ifd)
{
    const tiff_entry *subs = tiff_find(ifd, TAG_SUB_IFDS);
    return subs ? (int)mt_min_i64((int64_t)(subs->count & INT64_MAX), TIFF_MAX_LEVELS) : 0;
}

static mt_status read_page(collection *c, uint64_t n, tiff_ifd *ifd, tiff_page *page, mt_error *err)
{
    mt_status st = tiff_chain_read(c->chain, n, ifd, err);
    if (!st && (st = tiff_examine_page(c->images, c->file, ifd, page, err)))
        mt_error_prefix(err, "page %llu", (unsigned long long)n);
    return st;
}

/* Where strip number i of a raw page begins and how long it is, were the page in one piece. */
static void place_strip(const tiff_page *page, uint64_t i, uint64_t *offset, uint64_t *size)
{
    int64_t row = page->width * (page->planar ? 1 : page->samples) * (int64_t)mt_dtype_size(page->dtype);
    int64_t along = tiff_page_chunks(page) / (page->planar ? page->samples : 1);
    int64_t plane = (int64_t)i / along, first = (int64_t)i % along * page->chunk_height;
    *offset = (uint64_t)((plane * page->height + first) * row);
    *size = (uint64_t)(mt_min_i64(page->chunk_height, page->height - first) * row);
}

/* Whether the strips of a raw page are one piece; *start is where it begins. */
static mt_status is_one_piece(const tiff_file *file, const tiff_page *page, const tiff_entry *offsets,
                              const tiff_entry *counts, uint64_t *start, bool *out, mt_error *err)
{
    enum { SOME = 256 };
    uint64_t offset[SOME], count[SOME], n = offsets->count;
    *out = true;
    for (uint64_t at = 0; at < n && *out; at += SOME) {
        size_t some = n - at < SOME ? (size_t)(n - at) : SOME;
        mt_status st = tiff_get_numbers(file, offsets, at, some, offset, err);
        if (st || (st = tiff_get_numbers(file, counts, at, some, count, err)))
            return st;
        if (at == 0)
            *start = offset[0];
        for (size_t i = 0; i < some && *out; i++) {
            uint64_t place, size;
            place_strip(page, at + i, &place, &size);
            *out = offset[i] == *start + place && count[i] >= size;
        }
    }
    return MT_OK;
}

mt_status tiff_count_row(const tiff_file *file, const tiff_ifd *ifd, const tiff_page *page, uint64_t *offset,
                         uint64_t *planes, mt_error *err)
{
    *planes = *offset = 0;
    const tiff_entry *offsets = tiff_find(ifd, TAG_STRIP_OFFSETS), *counts = tiff_find(ifd, TAG_STRIP_COUNTS);
    uint64_t n = (uint64_t)tiff_page_chunks(page);
    int64_t row, plane;
    uint64_t start = 0;
    bool one_piece;
    if (!tiff_is_raw(page) || page->tiled || !offsets || !counts || n > MAX_ROW_STRIPS || offsets->count != n ||
        counts->count != n || mt_mul_i64(page->width * page->height, page->samples, &row) ||
        mt_mul_i64(row, (int64_t)mt_dtype_size(page->dtype), &plane) || plane == 0)
        return MT_OK;
    mt_status st = is_one_piece(file, page, offsets, counts, &start, &one_piece, err);
    if (st || !one_piece || start >= file->size)
        return st;
    *offset = start;
    *planes = start ? (file->size - start) / (uint64_t)plane : 0;
    return MT_OK;
}

/* Whether as many pages follow that look like the first as the description says. */
static mt_status fits_chain(collection *c, const tiff_series *series, bool *out, mt_error *err)
{
    uint64_t offset;
    tiff_ifd ifd;
    tiff_page page;
    *out = true;
    if (series->n_planes > PAGES_TO_CHECK)
        return MT_OK;
    for (uint64_t n = 0; n < series->n_planes && *out; n++) {
        mt_status st = tiff_chain_find(c->chain, c->first + n, &offset, err);
        if (st || !(*out = offset != 0))
            return st;
        if ((st = read_page(c, c->first + n, &ifd, &page, err)))
            return st;
        *out = tiff_same_page(&page, &series->page);
    }
    return MT_OK;
}

/* Planes that would lie in a row from the first pixel of a page on. */
typedef struct plane_row {
    uint64_t start, plane, planes; /* byte of the first pixel, bytes of a plane, planes that fit the file */
} plane_row;

static mt_status find_row(collection *c, const tiff_ifd *ifd, const tiff_page *page, plane_row *out, mt_error *err)
{
    uint64_t strips = (uint64_t)tiff_page_chunks(page);
    *out = (plane_row) { 0 };
    if (page->tiled || strips > MAX_ROW_STRIPS || strips > MAX_ALL_STRIPS - c->strips)
        return MT_OK;
    c->strips += strips;
    out->plane = (uint64_t)(page->width * page->height) * (uint64_t)page->samples * mt_dtype_size(page->dtype);
    return tiff_count_row(c->file, ifd, page, &out->start, &out->planes, err);
}

/* Where the n-th page of a series has its pixels, 0 where these are not in one piece; whether it looks like the first. */
static mt_status find_start(collection *c, const tiff_series *series, uint64_t n, bool *alike, uint64_t *out,
                            mt_error *err)
{
    tiff_ifd ifd;
    tiff_page page;
    plane_row row;
    uint64_t offset;
    *alike = false;
    *out = 0;
    mt_status st = tiff_chain_find(c->chain, c->first + n, &offset, err);
    if (st || offset == 0 || (st = read_page(c, c->first + n, &ifd, &page, err)) ||
        !tiff_same_page(&page, &series->page))
        return st;
    *alike = true;
    st = find_row(c, &ifd, &page, &row, err);
    *out = row.start;
    return st;
}

/* One directory stands for all planes where neither it nor the next one, nor the pixels of that, lie among them. */
static mt_status has_one_directory(collection *c, const tiff_series *series, const plane_row *row, bool *out,
                                   mt_error *err)
{
    uint64_t own, next, start, end = row->start + series->n_planes * row->plane;
    bool alike;
    *out = false;
    mt_status st = tiff_chain_find(c->chain, c->first, &own, err);
    if (st || (own >= row->start && own < end) || (st = tiff_chain_find(c->chain, c->first + 1, &next, err)) ||
        (st = find_start(c, series, 1, &alike, &start, err)))
        return st;
    *out = next == 0 || (next >= end && (!alike || start >= end));
    return MT_OK;
}

/* A file that ends among the planes of its only directory has lost some. One that has just the first has none of them:
 * it is a page that was saved with the description of the image that it comes from. */
static mt_status check_whole(collection *c, const tiff_series *series, const plane_row *row, mt_error *err)
{
    uint64_t own, next, bytes = c->file->size - row->start;
    mt_status st = tiff_chain_find(c->chain, c->first, &own, err);
    if (st || row->start == 0 || own >= row->start || bytes == row->plane ||
        (st = tiff_chain_find(c->chain, c->first + 1, &next, err)) || next != 0)
        return st;
    return mt_fail(err, MT_E_CORRUPT, "the description counts %llu planes, but the file ends in number %llu",
                   (unsigned long long)series->n_planes, (unsigned long long)row->planes);
}

/* Sets contiguous where the planes lie in a row, with one directory for all (which only a description can say), or with
 * one for each that says so. Of very many directories each is asked when its plane is read. */
static mt_status find_contiguous(collection *c, const tiff_ifd *ifd, tiff_series *series, bool described, mt_error *err)
{
    plane_row row;
    mt_status st = find_row(c, ifd, &series->page, &row, err);
    if (!st && described && row.planes < series->n_planes)
        st = check_whole(c, series, &row, err);
    if (st || row.planes < series->n_planes || series->sub_levels ||
        (described && (st = has_one_directory(c, series, &row, &series->one_directory, err))))
        return st;
    series->data_offset = row.start;
    series->contiguous = series->one_directory || series->n_planes <= PAGES_TO_CHECK;
    for (uint64_t n = 1; n < series->n_planes && !series->one_directory && series->contiguous; n++) {
        bool alike;
        uint64_t start;
        if ((st = find_start(c, series, n, &alike, &start, err)))
            return st;
        series->contiguous = start == row.start + n * row.plane;
    }
    return MT_OK;
}

/* The image that starts at first, where a description tells its layout. */
static mt_status describe_image(collection *c, tiff_series **out, mt_error *err)
{
    bool found;
    tiff_ifd ifd;
    tiff_series *series = mt_arena_alloc(c->arena, 1, sizeof *series, err);
    *out = NULL;
    if (!series)
        return MT_E_MEMORY;
    mt_status st = read_page(c, c->first, &ifd, &series->page, err);
    if (st || (st = tiff_describe_planes(c->file, &ifd, c->arena, series, &found, err)) || !found)
        return st;
    series->first_page = c->first;
    series->sub_levels = count_sub_levels(&ifd);
    if ((st = find_contiguous(c, &ifd, series, true, err)))
        return st;
    if (!series->contiguous && series->n_planes > c->file->env->limits.max_pages)
        return MT_OK; /* it cannot fit the file */
    if (!series->contiguous && ((st = fits_chain(c, series, &found, err)) || !found))
        return st;
    *out = series;
    return tiff_add_series(c->images, c->arena, series, err);
}

/* The pages from first up to end become a series, or a level of the one before. */
static mt_status close_series(collection *c, const tiff_page *page, uint64_t end, mt_error *err)
{
    uint64_t n = end - c->first;
    tiff_series *series = mt_arena_alloc(c->arena, 1, sizeof *series, err);
    tiff_ifd ifd;
    if (!series)
        return MT_E_MEMORY;
    series->page = *page;
    series->n_planes = n;
    series->first_page = c->first;
    tiff_add_axis(series, '?', (int64_t)n);
    tiff_series *above = c->images->n ? c->images->series[c->images->n - 1] : NULL;
    if (above && above->n_page_levels < TIFF_MAX_LEVELS && is_level(above, page, n)) {
        above->levels[above->n_page_levels++] = series;
        return MT_OK;
    }
    mt_status st = tiff_chain_read(c->chain, c->first, &ifd, err);
    if (st)
        return st;
    series->sub_levels = count_sub_levels(&ifd);
    if ((st = find_contiguous(c, &ifd, series, false, err)))
        return st;
    return tiff_add_series(c->images, c->arena, series, err);
}

/* The pages from first on that look alike. */
static mt_status collect_run(collection *c, mt_error *err)
{
    tiff_ifd ifd;
    tiff_page first, page;
    uint64_t n = c->first, offset;
    mt_status st = read_page(c, n, &ifd, &first, err);
    do {
        if (st || (st = tiff_chain_find(c->chain, ++n, &offset, err)))
            return st;
    } while (offset && !(st = read_page(c, n, &ifd, &page, err)) && tiff_same_page(&page, &first));
    if (st || (st = close_series(c, &first, n, err)))
        return st;
    c->first = n;
    return MT_OK;
}

static mt_status collect_images(collection *c, bool all, mt_error *err)
{
    for (uint64_t offset;;) {
        tiff_series *series;
        mt_status st = tiff_chain_find(c->chain, c->first, &offset, err);
        if (st || (offset == 0 && c->first > 0))
            return st;
        if ((st = describe_image(c, &series, err)))
            return st;
        if (!series && (st = collect_run(c, err)))
            return st;
        if (series && !all && series->n_planes > PAGES_TO_CHECK)
            return MT_OK;
        if (series)
            c->first += series->one_directory ? 1 : series->n_planes;
    }
}

/* LSM and STK, whose tags tell all of the file. */
static mt_status describe_by_tags(collection *c, const tiff_ifd *ifd, bool *found, mt_error *err)
{
    tiff_series *series = mt_arena_alloc(c->arena, 1, sizeof *series, err);
    *found = false;
    if (!series)
        return MT_E_MEMORY;
    if (!tiff_find(ifd, TAG_LSM_INFO) && !tiff_find(ifd, TAG_UIC2))
        return MT_OK;
    mt_status st = tiff_read_page(c->file, ifd, &series->page, err);
    if (st || (st = tiff_describe_lsm(c->chain, c->file, ifd, c->arena, series, found, err)))
        return st;
    if (!*found && (st = tiff_describe_stk(c->file, ifd, series, found, err)))
        return st;
    return *found ? tiff_add_series(c->images, c->arena, series, err) : MT_OK;
}

static mt_status find_in_tiff(const mt_source *source, collection *c, bool all, mt_arena *keep, mt_error *err)
{
    tiff_ifd ifd;
    char *text;
    size_t size;
    bool found = false;
    mt_status st = tiff_chain_open(c->chain, &c->file, err);
    if (!st && !c->file)
        st = mt_fail(err, MT_E_NOT_FOUND, "%s: no such file", source->name);
    if (st || (st = tiff_chain_read(c->chain, 0, &ifd, err)) ||
        (st = tiff_get_text(c->file, &ifd, TAG_DESCRIPTION, c->arena, &text, &size, err)))
        return st;
    if (tiff_is_ome(text))
        st = tiff_describe_ome(source, text, size, keep, c->arena, c->images, &found, err);
    if (!st && !found)
        st = describe_by_tags(c, &ifd, &found, err);
    return st || found ? st : collect_images(c, all, err);
}

/* A companion file, which holds the OME-XML of TIFF files beside it. */
static mt_status find_in_companion(const mt_source *source, collection *c, mt_arena *keep, mt_error *err)
{
    char *text;
    size_t size;
    bool found;
    mt_status st = mt_store_load(source->store, source->key, source->env->limits.max_xml_bytes, "max_xml_bytes",
                                 c->arena, &text, &size, err);
    if (st || (st = tiff_describe_ome(source, text, size, keep, c->arena, c->images, &found, err)))
        return st;
    return found ? MT_OK : mt_fail(err, MT_E_CORRUPT, "no image of this OME-XML is there");
}

mt_status tiff_find_images(const mt_source *source, bool all, mt_arena *keep, mt_arena *arena, tiff_images *out,
                           mt_error *err)
{
    memset(out, 0, sizeof *out);
    out->files = mt_arena_alloc(keep, 1, sizeof *out->files, err);
    if (!out->files)
        return MT_E_MEMORY;
    mt_status st = tiff_chain_new(source->env, source->store, source->key, keep, &out->files[0], err);
    if (st)
        return st;
    out->n_files = 1;
    collection c = { .chain = out->files[0], .arena = arena, .images = out };
    if (tiff_is_magic(source->head, source->head_size))
        return find_in_tiff(source, &c, all, keep, err);
    return find_in_companion(source, &c, keep, err);
}

void tiff_images_release(tiff_images *images)
{
    for (uint32_t i = 0; i < images->n_files; i++)
        tiff_chain_free(images->files[i]);
    images->n_files = 0;
}
