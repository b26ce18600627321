/* SPDX-License-Identifier: BSD-3-Clause */
/* Sorts the pages of a slide into the levels of a pyramid and images of their own. What the metadata of a page claims
 * holds only if its pixels agree: a level must be a smaller version of the first page. */
#include "format/tiff/slides.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const slide_kind *const kinds[] = { &slide_svs, &slide_qptiff, &slide_ndpi };

/* Scanners write fewer than 100 pages, up to 1,000 with many channels. */
#define MAX_PAGES 4096

bool slide_same_size(const slide_page *a, const slide_page *b)
{
    return a->page.width == b->page.width && a->page.height == b->page.height;
}

static mt_status add_page(slide *s, const slide_kind *kind, uint64_t n, uint64_t offset, mt_error *err)
{
    const tiff_scan *scan = s->scan;
    slide_page *pages = mt_arena_grow(scan->scratch, s->pages, s->n, &s->room, 16, sizeof *pages, err);
    if (!pages)
        return mt_arena_failed(err);
    s->pages = pages;
    slide_page *page = &pages[s->n];
    *page = (slide_page) { .number = (uint32_t)n, .offset = offset };
    tiff_ifd ifd;
    mt_error own = MT_ERROR_INIT;
    mt_status st = tiff_chain_read(scan->chain, n, &ifd, &own);
    if (!st)
        st = tiff_examine_page(scan->images, scan->file, &ifd, &page->page, &own);
    if (st && n > 0 && tiff_is_damage(st))
        return tiff_images_warn(scan->images, err, "page %llu is ignored: %s", (unsigned long long)n, own.message);
    if (st)
        return mt_fail(err, st, "%s", own.message);
    st = kind->classify(s, &ifd, page, err);
    s->n += st == MT_OK;
    return st;
}

/* A loop is found (chain.c) only after some of its pages were met again. */
static bool is_repeated(const slide *s, uint64_t offset)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->pages[i].offset == offset)
            return true;
    return false;
}

static mt_status read_pages(slide *s, const slide_kind *kind, mt_error *err)
{
    tiff_images *images = s->scan->images;
    for (uint64_t n = 0, offset;; n++) {
        mt_error own = MT_ERROR_INIT;
        mt_status st = tiff_chain_find(s->scan->chain, n, &offset, &own);
        if (st == MT_E_CORRUPT && n > 0)
            return tiff_images_warn(images, err, "pages from %llu on are ignored: %s", (unsigned long long)n,
                                    own.message);
        if (st)
            return mt_fail(err, st, "%s", own.message);
        if (offset == 0 && n > 0)
            return MT_OK;
        if (n > 0 && is_repeated(s, offset))
            return tiff_images_warn(images, err, "pages from %llu on are ignored: the pages form a loop",
                                    (unsigned long long)n);
        if (n == MAX_PAGES)
            return tiff_images_warn(images, err, "pages from %d on are ignored: no scanner writes so many", MAX_PAGES);
        if ((st = add_page(s, kind, n, offset, err)))
            return st;
    }
}

/* Larger planes first; those of one size by depth, then in the order of the file. */
static int compare(const void *a, const void *b)
{
    const slide_page *x = *(slide_page *const *)a, *y = *(slide_page *const *)b;
    int64_t areas[2] = { x->page.width * x->page.height, y->page.width * y->page.height };
    if (areas[0] != areas[1])
        return areas[0] > areas[1] ? -1 : 1;
    if (x->page.width != y->page.width)
        return x->page.width > y->page.width ? -1 : 1;
    if (x->depth != y->depth)
        return x->depth < y->depth ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Makes a series of the pages of one size that have the type of the first: *n becomes their number. The others become
 * images of their own. */
static mt_status make_series(const slide *s, char axis, slide_page **pages, size_t *n, tiff_series **out, mt_error *err)
{
    tiff_images *images = s->scan->images;
    tiff_series *series = mt_arena_alloc(images->arena, 1, sizeof *series, err);
    tiff_plane *planes = series ? mt_arena_alloc(images->arena, *n, sizeof *planes, err) : NULL;
    if (!planes)
        return mt_arena_failed(err);
    series->page = pages[0]->page;
    series->planes = planes;
    for (size_t i = 0; i < *n; i++) {
        bool fits;
        mt_status st = tiff_take_plane(images, series, series->n_planes, &pages[i]->page, &fits, err);
        if (st)
            return st;
        if (fits) {
            pages[series->n_planes] = pages[i];
            planes[series->n_planes++].page = pages[i]->number;
            continue;
        }
        pages[i]->part = "";
        if ((st = tiff_images_warn(images, err, "page %u has the size of page %u, but another type of pixels",
                                   pages[i]->number, pages[0]->number)))
            return st;
    }
    *n = (size_t)series->n_planes;
    tiff_add_axis(series, axis, (int64_t)*n);
    *out = series;
    return MT_OK;
}

/* Why pages of one size are not a level; NULL if they are. full are the planes of full resolution. */
static const char *find_fault(const tiff_series *pyramid, slide_page *const *full, slide_page *const *pages, size_t n)
{
    const tiff_page *page = &pages[0]->page, *first = &pyramid->page;
    if (page->width > first->width || page->height > first->height)
        return "they are larger than the first page";
    if (page->dtype != first->dtype || page->samples != first->samples)
        return "their pixels have another type than those of the first page";
    if (!tiff_has_aspect_of(page, first))
        return "their sides have another ratio than those of the first page";
    if (n != pyramid->n_planes)
        return "there is not one for each plane of full resolution";
    for (size_t i = 0; i < n; i++) {
        const char *names[2] = { full[i]->channel.name, pages[i]->channel.name };
        if (full[i]->depth != pages[i]->depth ||
            (names[0] && names[1] && *names[0] && *names[1] && strcmp(names[0], names[1]) != 0))
            return "their channels or focal planes are not those of full resolution";
    }
    return pyramid->n_page_levels == TIFF_MAX_LEVELS ? "there are too many levels" : NULL;
}

static mt_status add_level(const slide *s, slide_page *const *full, tiff_series *pyramid, slide_page **pages, size_t n,
                           mt_error *err)
{
    tiff_series *level;
    mt_status st = make_series(s, s->axis, pages, &n, &level, err);
    if (st)
        return st;
    const char *fault = find_fault(pyramid, full, pages, n);
    if (!fault) {
        pyramid->levels[pyramid->n_page_levels++] = level;
        return MT_OK;
    }
    for (size_t i = 0; i < n; i++)
        pages[i]->part = "";
    return tiff_images_warn(s->scan->images, err,
                            "pages of %lld x %lld pixels (the first is page %u) are not a level: %s",
                            (long long)pages[0]->page.width, (long long)pages[0]->page.height, pages[0]->number, fault);
}

/* The number of planes from the first on that have its size. */
static size_t count_alike(slide_page *const *planes, size_t n)
{
    size_t alike = 1;
    while (alike < n && slide_same_size(planes[alike], planes[0]))
        alike++;
    return alike;
}

static mt_status add_pyramid(const slide *s, const slide_kind *kind, const tiff_ifd *ifd, slide_page **planes, size_t n,
                             mt_error *err)
{
    size_t first = 0, n_first;
    tiff_series *pyramid;
    while (!slide_same_size(planes[first], s->pages))
        first++;
    slide_page **full = planes + first;
    size_t end = first + (n_first = count_alike(full, n - first));
    mt_status st = make_series(s, s->axis, full, &n_first, &pyramid, err);
    if (st)
        return st;
    if ((st = kind->describe(s, ifd, full, pyramid, err)) ||
        (st = tiff_find_resolution(s->scan->file, ifd, pyramid, err)) ||
        (st = tiff_add_series(s->scan->images, pyramid, err)))
        return st;
    for (size_t at = 0, alike; at < n && !st; at += alike) {
        alike = at == first ? end - first : count_alike(planes + at, n - at);
        if (at != first)
            st = add_level(s, full, pyramid, planes + at, alike, err);
    }
    return st;
}

static mt_status add_part(const slide *s, slide_page *page, mt_error *err)
{
    size_t n = 1;
    tiff_ifd ifd;
    tiff_series *series;
    mt_status st = make_series(s, '?', &page, &n, &series, err);
    if (st || (st = tiff_chain_read(s->scan->chain, page->number, &ifd, err)) ||
        (st = tiff_find_resolution(s->scan->file, &ifd, series, err)))
        return st;
    series->name = *page->part ? page->part : NULL;
    return tiff_add_series(s->scan->images, series, err);
}

static mt_status sort_pages(slide *s, const slide_kind *kind, const tiff_ifd *ifd, mt_error *err)
{
    slide_page **planes = mt_arena_alloc(s->scan->scratch, s->n, sizeof *planes, err);
    size_t n = 0;
    if (!planes)
        return mt_arena_failed(err);
    s->pages[0].part = NULL;
    for (size_t i = 0; i < s->n; i++)
        if (!s->pages[i].part)
            planes[n++] = &s->pages[i];
    qsort(planes, n, sizeof *planes, compare);
    mt_status st = add_pyramid(s, kind, ifd, planes, n, err);
    for (size_t i = 0; !st && i < s->n; i++)
        if (s->pages[i].part)
            st = add_part(s, &s->pages[i], err);
    return st;
}

mt_status tiff_describe_slide(const tiff_scan *scan, const tiff_ifd *ifd, bool *found, mt_error *err)
{
    slide s = { .scan = scan };
    *found = false;
    if (tiff_find(ifd, TAG_SUB_IFDS)) /* no scanner writes them: another program kept the description of a slide */
        return MT_OK;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        s.axis = kinds[i]->axis;
        mt_status st = kinds[i]->probe(scan, ifd, found, err);
        if (!st && *found && !(st = read_pages(&s, kinds[i], err)))
            st = sort_pages(&s, kinds[i], ifd, err);
        if (st || *found)
            return st;
    }
    return MT_OK;
}
