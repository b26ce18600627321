/* SPDX-License-Identifier: BSD-3-Clause */
/* Levels of a pyramid: SubIFDs or separate pages. */
#include "base/checked.h"
#include "format/tiff/tiff.h"

#include <string.h>

/* Number of preceding series of which a page may be a level. */
#define SERIES_TO_CHECK 16

uint64_t tiff_count_sub_ifds(const tiff_ifd *ifd)
{
    const tiff_entry *subs = tiff_find(ifd, TAG_SUB_IFDS);
    return subs ? subs->count : 0;
}

bool tiff_is_damage(mt_status st) { return st == MT_E_CORRUPT || st == MT_E_UNSUPPORTED || st == MT_E_LIMIT; }

static bool is_smaller(const tiff_page *page, const tiff_page *full)
{
    return page->width <= full->width && page->height <= full->height &&
           (page->width < full->width || page->height < full->height) && page->dtype == full->dtype &&
           page->samples == full->samples;
}

/* Inserts a SubIFD in falling order of size. */
static void insert_level(tiff_series *series, int64_t *areas, int sub_ifd, int64_t area)
{
    int at = series->sub_levels++;
    for (; at > 0 && areas[at - 1] < area; at--) {
        areas[at] = areas[at - 1];
        series->sub_ifds[at] = series->sub_ifds[at - 1];
    }
    areas[at] = area;
    series->sub_ifds[at] = (uint8_t)sub_ifd;
}

/* Planes of an OME-TIFF whose SubIFDs are counted. */
#define PLANES_TO_CHECK 256
#define MOST_ANNOUNCED ((size_t)1 << 20) /* bytes of a description; a longer one is read alone */

/* The last page of planes that are checked in the file of the reference plane. */
static uint64_t last_page(const tiff_series *series)
{
    uint64_t last = 0;
    for (uint64_t i = 0; i < series->n_planes && i < PLANES_TO_CHECK; i++)
        if (series->planes[i].file == series->planes[series->reference].file)
            last = series->planes[i].page > last ? series->planes[i].page : last;
    return last;
}

/* Chooses the directories of SubIFDs to prefetch. */
static void touch_sub_ifds(const tiff_file *file, const uint64_t *offsets, size_t n, mt_touch *out)
{
    enum { DIRECTORY = 1024 }; /* bytes of most */
    for (size_t i = 0; i < n; i++)
        out[i] = (mt_touch) { .key = file->key, .offset = offsets[i], .size = DIRECTORY };
}

/* Prefetches the directories of SubIFDs, and of the planes to check, in one round trip. */
static void announce(const tiff_images *images, const tiff_file *file, const tiff_series *series,
                     const uint64_t *offsets, size_t n)
{
    mt_touch touches[TIFF_MAX_LEVELS + TIFF_MOST_FORESEEN];
    touch_sub_ifds(file, offsets, n, touches);
    if (n > 0 && n <= TIFF_MAX_LEVELS && series->planes)
        n += tiff_chain_foresee(images->files[series->planes[series->reference].file], last_page(series), touches + n);
    mt_blocks_touch(file->store, touches, n);
}

void tiff_announce_page(tiff_chain *chain, const tiff_file *file, const tiff_ifd *ifd)
{
    enum { PLANES_TO_EXPECT = 16 }; /* before the description is known */
    const tiff_entry *description = tiff_find(ifd, TAG_DESCRIPTION), *subs = tiff_find(ifd, TAG_SUB_IFDS);
    mt_touch touches[1 + TIFF_MAX_LEVELS + TIFF_MOST_FORESEEN];
    uint64_t offsets[TIFF_MAX_LEVELS];
    size_t n = subs && subs->count < TIFF_MAX_LEVELS ? (size_t)subs->count : 0;
    if (!file->store->costs.is_slow || !n || !description || description->inside ||
        description->count > MOST_ANNOUNCED || tiff_get_numbers(file, subs, 0, n, offsets, NULL))
        return;
    touch_sub_ifds(file, offsets, n, touches);
    touches[n++] = (mt_touch) { .key = file->key, .offset = description->offset, .size = (size_t)description->count };
    n += tiff_chain_foresee(chain, PLANES_TO_EXPECT - 1, touches + n);
    mt_blocks_touch(file->store, touches, n);
}

mt_status tiff_find_sub_levels(tiff_images *images, const tiff_file *file, const tiff_ifd *ifd, tiff_series *series,
                               mt_error *err)
{
    const tiff_entry *subs = tiff_find(ifd, TAG_SUB_IFDS);
    int64_t areas[TIFF_MAX_LEVELS];
    uint64_t offsets[TIFF_MAX_LEVELS];
    int n = (int)mt_min_i64((int64_t)(tiff_count_sub_ifds(ifd) & INT64_MAX), TIFF_MAX_LEVELS);
    tiff_ifd sub;
    tiff_page page;
    mt_error damage = MT_ERROR_INIT;
    series->sub_levels = 0;
    mt_status st = n ? tiff_get_numbers(file, subs, 0, (size_t)n, offsets, &damage) : MT_OK;
    if (st)
        return tiff_is_damage(st) ? tiff_warn(images, series, err, "levels (SubIFDs) are ignored: %s", damage.message)
                                  : mt_fail(err, st, "%s", damage.message);
    announce(images, file, series, offsets, (size_t)n);
    for (int i = 0; i < n; i++) {
        mt_error own = MT_ERROR_INIT;
        if ((st = tiff_read_ifd(file, offsets[i], &sub, &own)) ||
            (st = tiff_examine_page(images, file, &sub, &page, &own))) {
            if (!tiff_is_damage(st))
                return mt_fail(err, st, "%s", own.message);
            if ((st = tiff_warn(images, series, err, "SubIFD %d is not a level and is ignored: %s", i, own.message)))
                return st;
        } else if (is_smaller(&page, &series->page)) {
            insert_level(series, areas, i, page.width * page.height);
        }
    }
    return MT_OK;
}

mt_status tiff_limit_sub_levels(tiff_images *images, tiff_series *series, uint64_t count, mt_error *err)
{
    int kept = 0;
    for (int i = 0; i < series->sub_levels; i++)
        if (series->sub_ifds[i] < count)
            series->sub_ifds[kept++] = series->sub_ifds[i];
    int lost = series->sub_levels - kept;
    series->sub_levels = kept;
    return lost == 0 ? MT_OK
                     : tiff_warn(images, series, err, "%d levels (SubIFDs) are ignored: not all pages have them", lost);
}

mt_status tiff_compare_sub_levels(tiff_images *images, tiff_series *series, mt_error *err)
{
    uint64_t least = UINT64_MAX;
    for (uint64_t i = 0; i < series->n_planes && i < PLANES_TO_CHECK && series->sub_levels; i++) {
        tiff_plane plane = series->planes[i];
        const tiff_file *file = NULL;
        tiff_ifd ifd;
        mt_error own = MT_ERROR_INIT;
        mt_status st = plane.file == TIFF_NO_FILE ? MT_OK : tiff_chain_open(images->files[plane.file], &file, &own);
        if (!st && file)
            st = tiff_chain_read(images->files[plane.file], plane.page, &ifd, &own);
        if (st && !tiff_is_damage(st))
            return mt_fail(err, st, "%s", own.message);
        uint64_t count = st || !file ? UINT64_MAX : tiff_count_sub_ifds(&ifd);
        least = count < least ? count : least;
    }
    return tiff_limit_sub_levels(images, series, least, err);
}

/* Whether a size is another one divided by an integer, rounded either way. */
static bool is_divided(int64_t size, int64_t of, int64_t by) { return size * by >= of - by && size * by <= of + by; }

bool tiff_has_aspect_of(const tiff_page *page, const tiff_page *of)
{
    int64_t difference = page->width * of->height - page->height * of->width, room = of->width + of->height;
    return difference <= room && difference >= -room;
}

/* Whether a page is a smaller version of an image: it is marked as one, or it is tiled and downsampled by an
 * integer. */
static bool is_level(const tiff_series *above, const tiff_page *page, uint64_t n_planes)
{
    const tiff_page *last = above->n_page_levels ? &above->levels[above->n_page_levels - 1]->page : &above->page;
    if (above->n_planes != n_planes || above->sub_levels > 0 || above->n_page_levels == TIFF_MAX_LEVELS ||
        last->dtype != page->dtype || last->samples != page->samples || last->tiled != page->tiled ||
        page->width >= last->width || page->height >= last->height || !tiff_has_aspect_of(page, last))
        return false;
    int64_t by = (last->width + page->width / 2) / page->width;
    return page->reduced ||
           (page->tiled && is_divided(page->width, last->width, by) && is_divided(page->height, last->height, by));
}

/* Tiled levels may follow a thumbnail (Aperio SVS); others follow their image. */
tiff_series *tiff_find_above(const tiff_images *images, const tiff_page *page, uint64_t first_page, uint64_t n_planes)
{
    for (size_t i = images->n; i-- > 0 && images->n - i <= SERIES_TO_CHECK;) {
        tiff_series *series = images->series[i];
        if ((page->tiled || series->end_page == first_page) && is_level(series, page, n_planes))
            return series;
    }
    return NULL;
}
