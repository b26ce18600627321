/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds the images of a file: from its metadata, else consecutive pages of equal shape and type form one image. */
#include "base/checked.h"
#include "format/tiff/tiff.h"

#include <string.h>

/* A description of more pages than this is accepted without finding the last of them. */
#define PAGES_TO_CHECK 1024

/* Once so many strips were examined, pages are no longer tested for consecutive strips: they may share one table. */
#define MAX_ALL_STRIPS 4194304

static uint64_t least_of(uint64_t a, uint64_t b) { return a < b ? a : b; }

static mt_status read_page(tiff_scan *c, uint64_t n, tiff_ifd *ifd, tiff_page *page, mt_error *err)
{
    mt_status st = tiff_chain_read(c->chain, n, ifd, err);
    if (!st && (st = tiff_examine_page(c->images, c->file, ifd, page, err)))
        mt_error_prefix(err, "page %llu", (unsigned long long)n);
    return st;
}

/* Whether to count the pages of a description: not if they are very many and the file is large enough. */
static bool must_count(const tiff_scan *c, const tiff_series *series)
{
    uint64_t bytes;
    return series->n_planes <= PAGES_TO_CHECK ||
           (tiff_is_raw(&series->page) &&
            (mt_mul_u64((uint64_t)(series->page.width * series->page.height), series->n_planes, &bytes) ||
             bytes > c->file->size));
}

/* Takes consecutive pages that are like the first, at most as many as described. */
static mt_status take_pages(tiff_scan *c, tiff_series *series, uint64_t *n, mt_error *err)
{
    uint64_t offset, least_subs = UINT64_MAX;
    tiff_ifd ifd;
    tiff_page page;
    bool fits = true;
    for (*n = 0; *n < series->n_planes; ++*n) {
        mt_status st = tiff_chain_find(c->chain, c->first + *n, &offset, err);
        if (st || offset == 0)
            return st;
        if ((st = read_page(c, c->first + *n, &ifd, &page, err)) ||
            (st = tiff_take_plane(c->images, series, *n, &page, &fits, err)))
            return st;
        if (!fits)
            break;
        least_subs = least_of(least_subs, tiff_count_sub_ifds(&ifd));
    }
    return tiff_limit_sub_levels(c->images, series, least_subs, err);
}

/* Whether the pages match a description. There may be fewer if acquisition was stopped early. */
static mt_status fits_chain(tiff_scan *c, tiff_series *series, bool *out, mt_error *err)
{
    uint64_t n;
    *out = true;
    if (!must_count(c, series))
        return MT_OK;
    mt_status st = take_pages(c, series, &n, err);
    if (st || n == series->n_planes)
        return st;
    uint64_t frame = series->may_end_early ? series->n_planes / (uint64_t)series->shape[0] : series->n_planes;
    *out = frame > 0 && n >= frame;
    return *out ? tiff_cut_frames(c->images, series, n / frame, err) : MT_OK;
}

/* Planes stored contiguously from the first pixel of a page on. */
typedef struct plane_row {
    uint64_t start, plane, planes; /* offset of the first pixel; bytes of a plane; planes that fit in the file */
} plane_row;

static mt_status find_row(tiff_scan *c, const tiff_ifd *ifd, const tiff_page *page, plane_row *out, mt_error *err)
{
    uint64_t strips = (uint64_t)tiff_page_chunks(page);
    *out = (plane_row) { 0 };
    if (page->tiled || strips > TIFF_MAX_ROW_STRIPS || strips > MAX_ALL_STRIPS - c->strips)
        return MT_OK;
    c->strips += strips;
    out->plane = (uint64_t)(page->width * page->height) * (uint64_t)page->samples * mt_dtype_size(page->dtype);
    return tiff_count_row(c->file, ifd, page, &out->start, &out->planes, err);
}

/* Finds the offset of the pixels of the n-th page, 0 if they are not contiguous; and whether the page is like the
 * first. */
static mt_status find_start(tiff_scan *c, const tiff_series *series, uint64_t n, bool *alike, uint64_t *out,
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

/* One directory describes all planes if neither it, nor the next one, nor the pixels of that lie among them. */
static mt_status has_one_directory(tiff_scan *c, const tiff_series *series, const plane_row *row, bool *out,
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

/* A file that ends among the planes of its only directory is truncated, unless it has just the first plane: that is a
 * single page saved with the description of its original image. */
static mt_status check_whole(tiff_scan *c, const tiff_series *series, const plane_row *row, mt_error *err)
{
    uint64_t own, next, bytes = c->file->size - row->start;
    mt_status st = tiff_chain_find(c->chain, c->first, &own, err);
    if (st || row->start == 0 || own >= row->start || bytes == row->plane ||
        (st = tiff_chain_find(c->chain, c->first + 1, &next, err)) || next != 0)
        return st;
    return mt_fail(err, MT_E_CORRUPT, "the description counts %llu planes, but the file ends in number %llu",
                   (unsigned long long)series->n_planes, (unsigned long long)row->planes);
}

/* Sets contiguous if the planes are stored in a row, with one directory for all (known only from a description) or one
 * for each. If there are very many directories, each is checked when its plane is read. */
static mt_status find_contiguous(tiff_scan *c, const tiff_ifd *ifd, tiff_series *series, bool described, mt_error *err)
{
    plane_row row;
    if (series->planes)
        return MT_OK;
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

/* Describes the image that starts at first, if a description gives its layout. */
static mt_status describe_image(tiff_scan *c, tiff_series **out, mt_error *err)
{
    bool found;
    tiff_ifd ifd;
    tiff_series *series = mt_arena_alloc(c->images->arena, 1, sizeof *series, err);
    *out = NULL;
    if (!series)
        return MT_E_MEMORY;
    mt_status st = read_page(c, c->first, &ifd, &series->page, err);
    if (st || (st = tiff_describe_planes(c, &ifd, series, &found, err)) || !found)
        return st;
    series->first_page = c->first;
    if ((st = tiff_find_sub_levels(c->images, c->file, &ifd, series, err)) ||
        (st = tiff_find_resolution(c->file, &ifd, series, err)) || (st = find_contiguous(c, &ifd, series, true, err)))
        return st;
    found = series->contiguous || series->n_planes <= c->file->env->limits.max_pages;
    if (!series->contiguous && found)
        st = fits_chain(c, series, &found, err);
    if (st || !found) {
        c->unfit = series->n_planes;
        return st;
    }
    series->end_page = c->first + (series->one_directory ? 1 : series->n_planes);
    *out = series;
    return tiff_add_series(c->images, series, err);
}

/* Makes a run of pages a series, or a level of an earlier one. */
static mt_status close_series(tiff_scan *c, tiff_series *series, uint64_t least_subs, mt_error *err)
{
    tiff_ifd ifd;
    tiff_series *above = tiff_find_above(c->images, &series->page, c->first, series->n_planes);
    if (above) {
        above->levels[above->n_page_levels++] = series;
        above->end_page = series->end_page;
        return MT_OK;
    }
    mt_status st = tiff_chain_read(c->chain, c->first, &ifd, err);
    if (st || (st = tiff_find_sub_levels(c->images, c->file, &ifd, series, err)) ||
        (st = tiff_limit_sub_levels(c->images, series, least_subs, err)) ||
        (st = tiff_find_resolution(c->file, &ifd, series, err)) ||
        (c->first == 0 &&
         ((st = tiff_describe_scanimage(c, &ifd, series, err)) || (st = tiff_describe_ndtiff(c, series, err)))) ||
        (st = find_contiguous(c, &ifd, series, false, err)))
        return st;
    if ((st = tiff_add_series(c->images, series, err)) || c->images->n_files == 1 || c->source->store->costs.is_slow)
        return st;
    return tiff_count_pages(c->images, err);
}

/* Whether the n-th page is the next plane of a run. If tifffile described the first as a single page, a page with its
 * own description may start another image. */
static mt_status continues_run(tiff_scan *c, tiff_series *series, bool described, const tiff_ifd *ifd,
                               const tiff_page *page, bool *out, mt_error *err)
{
    bool starts = false;
    *out = false;
    mt_status st = described && tiff_alike(page, &series->page) ? tiff_starts_image(c, ifd, page, &starts, err) : MT_OK;
    return st || starts ? st : tiff_take_plane(c->images, series, series->n_planes, page, out, err);
}

/* Collects consecutive pages of equal shape and type. */
static mt_status collect_run(tiff_scan *c, mt_error *err)
{
    tiff_ifd ifd;
    tiff_page page;
    uint64_t offset;
    bool goes_on = true;
    tiff_series *series = mt_arena_alloc(c->images->arena, 1, sizeof *series, err);
    if (!series)
        return MT_E_MEMORY;
    mt_status st = read_page(c, c->first, &ifd, &series->page, err);
    if (st)
        return st;
    bool described;
    if ((st = tiff_has_shape(c, &ifd, &described, err)))
        return st;
    uint64_t least_subs = tiff_count_sub_ifds(&ifd);
    for (series->n_planes = 1; goes_on; series->n_planes += goes_on) {
        uint64_t n = c->first + series->n_planes;
        if ((st = tiff_chain_find(c->chain, n, &offset, err)))
            return st;
        if (offset == 0)
            break;
        if ((st = read_page(c, n, &ifd, &page, err)) ||
            (st = continues_run(c, series, described, &ifd, &page, &goes_on, err)))
            return st;
        if (goes_on)
            least_subs = least_of(least_subs, tiff_count_sub_ifds(&ifd));
    }
    if (c->unfit && (st = tiff_warn(c->images, series, err,
                                    "the description counts %llu planes, but the pages do not match: it is ignored",
                                    (unsigned long long)c->unfit)))
        return st;
    c->unfit = 0;
    series->first_page = c->first;
    series->end_page = c->first + series->n_planes;
    tiff_add_axis(series, '?', (int64_t)series->n_planes);
    uint64_t end = series->end_page;
    if ((st = close_series(c, series, least_subs, err)))
        return st;
    c->first = end;
    return MT_OK;
}

static mt_status collect_images(tiff_scan *c, bool all, mt_error *err)
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
        c->images->complete = all || !series || series->n_planes <= PAGES_TO_CHECK;
        if (!c->images->complete)
            return MT_OK;
        if (series)
            c->first = series->end_page;
    }
}

/* LSM and STK: their tags describe the whole file. */
static mt_status describe_by_tags(tiff_scan *c, const tiff_ifd *ifd, bool *found, mt_error *err)
{
    tiff_series *series = mt_arena_alloc(c->images->arena, 1, sizeof *series, err);
    *found = false;
    if (!series)
        return MT_E_MEMORY;
    if (!tiff_find(ifd, TAG_LSM_INFO) && !tiff_find(ifd, TAG_UIC2))
        return MT_OK;
    mt_status st = tiff_read_page(c->file, ifd, &series->page, err);
    if (st || (st = tiff_describe_lsm(c, ifd, series, found, err)))
        return st;
    if (!*found && (st = tiff_describe_stk(c, ifd, series, found, err)))
        return st;
    if (!*found || (st = tiff_add_series(c->images, series, err)) || c->source->store->costs.is_slow)
        return st;
    return tiff_count_pages(c->images, err);
}

static mt_status find_in_tiff(tiff_scan *c, bool all, mt_error *err)
{
    tiff_ifd ifd;
    char *text;
    size_t size;
    bool found = false;
    mt_status st = tiff_chain_open(c->chain, &c->file, err);
    if (!st && !c->file)
        st = mt_fail(err, MT_E_NOT_FOUND, "%s: no such file", c->source->name);
    if (st || (st = tiff_chain_read(c->chain, 0, &ifd, err)))
        return st;
    tiff_announce_page(c->chain, c->file, &ifd);
    if ((st = tiff_get_text(c->file, &ifd, TAG_DESCRIPTION, c->scratch, &text, &size, err)))
        return st;
    if (tiff_is_ome(text))
        st = tiff_describe_ome(c, text, size, &found, err);
    if (!found)
        c->images->document = NULL;
    if (!st && !found)
        st = describe_by_tags(c, &ifd, &found, err);
    if (!st && !found)
        st = tiff_describe_slide(c, &ifd, &found, err);
    return st || found ? st : collect_images(c, all, err);
}

/* Finds the images of a companion file, which holds the OME-XML of TIFF files beside it. */
static mt_status find_in_companion(tiff_scan *c, mt_error *err)
{
    char *text;
    size_t size;
    bool found;
    const mt_source *source = c->source;
    mt_status st = mt_store_load(source->store, source->key, source->env->limits.max_xml_bytes, "max_xml_bytes",
                                 c->scratch, &text, &size, err);
    return st ? st : tiff_describe_ome(c, text, size, &found, err);
}

static mt_status scan_file(tiff_scan *scan, bool all, mt_error *err)
{
    tiff_images *images = scan->images;
    images->complete = true;
    images->files = mt_arena_alloc(images->arena, 1, sizeof *images->files, err);
    if (!images->files)
        return MT_E_MEMORY;
    images->files[0] = scan->chain;
    images->n_files = 1;
    return tiff_is_magic(scan->source->head, scan->source->head_size) ? find_in_tiff(scan, all, err)
                                                                      : find_in_companion(scan, err);
}

mt_status tiff_find_images(const mt_source *source, tiff_chain *chain, bool all, tiff_images **out, mt_error *err)
{
    mt_arena *arena;
    mt_status st = mt_arena_new(source->env, &arena, err);
    if (st)
        return st;
    tiff_scan scan = { .source = source, .chain = chain, .images = mt_arena_alloc(arena, 1, sizeof **out, err) };
    if (!scan.images || (st = mt_arena_new(source->env, &scan.scratch, err))) {
        mt_arena_free(arena);
        return st ? st : MT_E_MEMORY;
    }
    scan.images->arena = arena;
    st = scan_file(&scan, all, err);
    mt_arena_free(scan.scratch);
    if (st)
        tiff_images_free(scan.images);
    else
        *out = scan.images;
    return st;
}

void tiff_images_free(tiff_images *images)
{
    if (!images)
        return;
    for (uint32_t i = 1; i < images->n_files; i++)
        tiff_chain_free(images->files[i]);
    mt_arena_free(images->arena);
}
