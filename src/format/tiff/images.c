/* SPDX-License-Identifier: BSD-3-Clause */
/* Which images a file holds: pages that look alike and follow each other are one. */
#include "base/checked.h"
#include "format/tiff/tiff.h"

#include <string.h>

/* Directories of a chain: their offsets, in the arena. */
typedef struct walk {
    const tiff_file *file;
    mt_arena *arena;
    uint64_t *offsets;
    size_t n, room;
} walk;

static mt_status add_offset(walk *w, uint64_t offset, mt_error *err)
{
    size_t limit = w->file->env->limits.max_pages;
    if (w->n >= limit)
        return mt_fail(err, MT_E_LIMIT, "more pages than max_pages (%zu)", limit);
    if (w->n == w->room) {
        size_t room = w->room ? 2 * w->room : 16;
        uint64_t *moved = mt_arena_alloc(w->arena, room, sizeof *moved, err);
        if (!moved)
            return MT_E_MEMORY;
        if (w->n)
            memcpy(moved, w->offsets, w->n * sizeof *moved);
        w->offsets = moved;
        w->room = room;
    }
    w->offsets[w->n++] = offset;
    return MT_OK;
}

/* What is being collected: the pages of the last series start at first. */
typedef struct collection {
    walk walk;
    tiff_images *images;
    size_t room;
    size_t first;
    tiff_page page; /* of the pages from first on */
} collection;

static mt_status add_series(collection *c, tiff_series *series, mt_error *err)
{
    if (c->images->n == c->room) {
        size_t room = c->room ? 2 * c->room : 4;
        tiff_series **moved = mt_arena_alloc(c->walk.arena, room, sizeof *moved, err);
        if (!moved)
            return MT_E_MEMORY;
        if (c->images->n)
            memcpy(moved, c->images->series, c->images->n * sizeof *moved);
        c->images->series = moved;
        c->room = room;
    }
    c->images->series[c->images->n++] = series;
    return MT_OK;
}

/* A smaller version of the image before: it says so, or it is tiled and half the size. */
static bool is_level(const tiff_series *above, const tiff_page *page, uint64_t n_pages)
{
    if (above->n_pages != n_pages || above->sub_levels > 0 || above->page.dtype != page->dtype ||
        above->page.samples != page->samples)
        return false;
    const tiff_page *last = above->n_page_levels ? &above->levels[above->n_page_levels - 1]->page : &above->page;
    if (page->width >= last->width || page->height >= last->height)
        return false;
    return page->reduced ||
           (page->tiled && last->tiled && page->width >= last->width / 2 - 1 && page->width <= last->width / 2 + 1 &&
            page->height >= last->height / 2 - 1 && page->height <= last->height / 2 + 1);
}

static mt_status count_sub_levels(collection *c, tiff_series *series, mt_error *err)
{
    tiff_ifd ifd;
    mt_status st = tiff_read_ifd(c->walk.file, series->offsets[0], &ifd, err);
    if (st)
        return st;
    const tiff_entry *subs = tiff_find(&ifd, TAG_SUB_IFDS);
    series->sub_levels = subs ? (int)(subs->count < 31 ? subs->count : 31) : 0;
    return MT_OK;
}

/* The pages from first on become a series, or a level of the one before. */
static mt_status close_series(collection *c, mt_error *err)
{
    size_t n = c->walk.n - c->first;
    tiff_series *series = mt_arena_alloc(c->walk.arena, 1, sizeof *series, err);
    uint64_t *offsets = mt_arena_alloc(c->walk.arena, n, sizeof *offsets, err);
    if (!series || !offsets)
        return MT_E_MEMORY;
    memcpy(offsets, c->walk.offsets + c->first, n * sizeof *offsets);
    series->page = c->page;
    series->n_pages = n;
    series->offsets = offsets;
    if (n > 1) {
        series->ndim = 1;
        series->axes[0] = '?';
        series->shape[0] = (int64_t)n;
    }
    c->first = c->walk.n;
    tiff_series *above = c->images->n ? c->images->series[c->images->n - 1] : NULL;
    if (above && above->n_page_levels < 31 && is_level(above, &series->page, n)) {
        above->levels[above->n_page_levels++] = series;
        return MT_OK;
    }
    mt_status st = count_sub_levels(c, series, err);
    return st ? st : add_series(c, series, err);
}

static mt_status collect_page(collection *c, const tiff_ifd *ifd, mt_error *err)
{
    tiff_page page;
    mt_status st = tiff_read_page(c->walk.file, ifd, &page, err);
    if (st) {
        mt_error_prefix(err, "page %zu", c->walk.n);
        return st;
    }
    if (c->walk.n > c->first && !tiff_same_page(&page, &c->page) && (st = close_series(c, err)))
        return st;
    c->page = page;
    return add_offset(&c->walk, ifd->offset, err);
}

/* All pages, in the order of the chain. A chain that comes back to where it was is found as Brent does: by comparing
 * with a page whose number is a power of two. */
static mt_status collect_pages(collection *c, tiff_ifd *ifd, mt_error *err)
{
    uint64_t mark = 0;
    for (;;) {
        mt_status st = collect_page(c, ifd, err);
        if (st)
            return st;
        if ((c->walk.n & (c->walk.n - 1)) == 0)
            mark = ifd->offset;
        if (ifd->next == 0)
            return close_series(c, err);
        if (ifd->next == mark)
            return mt_fail(err, MT_E_CORRUPT, "the pages form a loop");
        if ((st = tiff_read_ifd(c->walk.file, ifd->next, ifd, err))) {
            mt_error_prefix(err, "page %zu", c->walk.n);
            return st;
        }
    }
}

/* The planes that lie one behind the other from the first on, as ImageJ writes them beyond 4 GB with one directory. */
static mt_status count_planes_in_a_row(const tiff_file *file, const tiff_ifd *ifd, const tiff_page *page,
                                       uint64_t *offset, uint64_t *planes, mt_error *err)
{
    *planes = 0;
    const tiff_entry *offsets = tiff_find(ifd, TAG_STRIP_OFFSETS), *counts = tiff_find(ifd, TAG_STRIP_COUNTS);
    uint64_t n = (uint64_t)tiff_page_chunks(page), next = 0;
    if (!tiff_is_raw(page) || page->tiled || !offsets || !counts || n > 65536 || offsets->count != n ||
        counts->count != n)
        return MT_OK;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t start, count;
        mt_status st = tiff_get_numbers(file, offsets, i, 1, &start, err);
        if (st || (st = tiff_get_numbers(file, counts, i, 1, &count, err)))
            return st;
        if (i == 0)
            *offset = next = start;
        if (start != next || mt_add_u64(start, count, &next))
            return MT_OK;
    }
    int64_t plane = page->width * page->height, bytes = 0;
    if (mt_mul_i64(plane, page->samples * (int64_t)mt_dtype_size(page->dtype), &bytes) || bytes == 0)
        return MT_OK;
    if (*offset<file->size && * offset> 0)
        *planes = (file->size - *offset) / (uint64_t)bytes;
    return MT_OK;
}

/* A series of planes in a row, where the description of the first page counts them. */
static mt_status describe_row(collection *c, const tiff_ifd *ifd, bool *found, mt_error *err)
{
    tiff_series *series = mt_arena_alloc(c->walk.arena, 1, sizeof *series, err);
    if (!series)
        return MT_E_MEMORY;
    uint64_t planes;
    mt_status st = tiff_read_page(c->walk.file, ifd, &series->page, err);
    if (st || (st = count_planes_in_a_row(c->walk.file, ifd, &series->page, &series->data_offset, &planes, err)))
        return st;
    *found = false;
    if (planes == 0 || tiff_find(ifd, TAG_SUB_IFDS))
        return MT_OK;
    st = tiff_describe_planes(c->walk.file, ifd, c->walk.arena, series, 0, planes, found, err);
    return st || !*found ? st : add_series(c, series, err);
}

mt_status tiff_find_images(const mt_source *source, mt_arena *arena, tiff_images *out, mt_error *err)
{
    memset(out, 0, sizeof *out);
    collection c = { .walk = { .file = &out->file, .arena = arena }, .images = out };
    tiff_ifd *ifd = mt_arena_alloc(arena, 1, sizeof *ifd, err);
    bool found = false;
    mt_status st = ifd ? tiff_open_file(source, &out->file, err) : MT_E_MEMORY;
    if (st || (st = tiff_read_ifd(&out->file, out->file.first, ifd, err)) || (st = describe_row(&c, ifd, &found, err)))
        return st;
    if (found)
        return MT_OK;
    if ((st = collect_pages(&c, ifd, err)))
        return st;
    tiff_series *series = out->series[0];
    if ((st = tiff_read_ifd(&out->file, out->file.first, ifd, err)))
        return st;
    return tiff_describe_planes(&out->file, ifd, arena, series, series->n_pages, 0, &found, err);
}
