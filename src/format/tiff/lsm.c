/* SPDX-License-Identifier: BSD-3-Clause */
/* Zeiss LSM: the structure CZ_LSMINFO (tag 34412) holds the dimensions; each page is followed by its thumbnail. Source:
 * "LSM 5/7 Image File Format Description", Carl Zeiss. */
#include "base/checked.h"
#include "base/reader.h"
#include "format/tiff/tiff.h"

#include <string.h>

#define LSM_PIXEL_SIZES 40
#define LSM_SCAN_TYPE 88
#define LSM_POSITIONS 264
#define MICROMETERS 1e6

typedef struct lsm_info {
    int64_t y, z, channels, t, positions, tiles;
    uint16_t scan_type;
    double pixel_size[3]; /* X, Y, Z in metres */
} lsm_info;

static bool read_info(const char *bytes, size_t size, bool big_endian, lsm_info *out)
{
    mt_reader r = mt_reader_over(bytes, size, big_endian);
    uint32_t magic = mt_read_u32(&r);
    mt_read_seek(&r, 16);
    out->z = mt_read_i32(&r);
    out->channels = mt_read_i32(&r);
    out->t = mt_read_i32(&r);
    mt_read_seek(&r, 12);
    out->y = mt_read_i32(&r);
    mt_read_seek(&r, LSM_PIXEL_SIZES);
    for (int i = 0; i < 3; i++)
        out->pixel_size[i] = mt_read_f64(&r);
    mt_read_seek(&r, LSM_SCAN_TYPE);
    out->scan_type = mt_read_u16(&r);
    bool good = !r.failed && (magic == 0x0300494C || magic == 0x0400494C);
    mt_read_seek(&r, LSM_POSITIONS); /* absent from early versions */
    out->positions = mt_max_i64(mt_read_i32(&r), 1);
    out->tiles = mt_max_i64(mt_read_i32(&r), 1);
    return good && out->z > 0 && out->t > 0 && out->channels > 0;
}

/* Plane scans (x-y, z stacks, time series). Line and point scans are read as plain pages. */
static bool is_plane_scan(uint16_t scan_type) { return scan_type == 0 || scan_type == 3 || scan_type == 6; }

/* Depth scans (x-z, also in time and along splines): a page holds all of Z. */
static bool is_depth_scan(const lsm_info *info, const tiff_page *page)
{
    bool fits = info->y == 1 && info->z == page->height;
    return fits && (info->scan_type == 1 || info->scan_type == 4 || info->scan_type == 8 || info->scan_type == 9);
}

/* Pages per plane: 2 if the second page is a thumbnail, else 1. */
static mt_status find_step(tiff_chain *chain, const tiff_file *file, uint64_t *step, mt_error *err)
{
    uint64_t offset, subfile;
    tiff_ifd ifd;
    *step = 1;
    mt_status st = tiff_chain_find(chain, 1, &offset, err);
    if (st || offset == 0)
        return st;
    if ((st = tiff_read_ifd(file, offset, &ifd, err)) ||
        (st = tiff_get_number(file, &ifd, TAG_SUBFILE_TYPE, 0, &subfile, err)))
        return st;
    *step = 1 + (subfile & 1);
    return MT_OK;
}

static mt_status place_planes(tiff_series *series, uint64_t step, mt_arena *arena, mt_error *err)
{
    tiff_plane *planes = mt_arena_alloc(arena, (size_t)series->n_planes, sizeof *planes, err);
    if (!planes)
        return MT_E_MEMORY;
    for (uint64_t i = 0; i < series->n_planes; i++)
        planes[i].page = (uint32_t)(i * step);
    series->planes = planes;
    return MT_OK;
}

static void set_pixel_sizes(const lsm_info *info, tiff_series *series)
{
    for (int i = 0; i < 3; i++)
        if (info->pixel_size[i] > 0 && info->pixel_size[i] < 1) {
            series->pixel_size[3 - i] = info->pixel_size[i] * MICROMETERS;
            series->unit[3 - i] = "micrometer";
        }
}

mt_status tiff_describe_lsm(const tiff_scan *scan, const tiff_ifd *ifd, tiff_series *series, bool *found, mt_error *err)
{
    const tiff_file *file = scan->file;
    lsm_info info;
    char *bytes;
    size_t size;
    uint64_t step;
    int64_t planes;
    *found = false;
    mt_status st = tiff_get_text(file, ifd, TAG_LSM_INFO, scan->scratch, &bytes, &size, err);
    if (st || size == 0 || !read_info(bytes, size, file->big_endian, &info))
        return st;
    series->rows_are_z = is_depth_scan(&info, &series->page);
    if (series->rows_are_z)
        info.z = 1;
    else if (!is_plane_scan(info.scan_type))
        return MT_OK;
    if (!file->big && file->size > UINT32_MAX)
        return mt_fail(err, MT_E_UNSUPPORTED,
                       "LSM files of more than 4 GB, whose offsets wrap around, are not supported");
    int64_t channels = series->page.samples == info.channels ? 1 : info.channels;
    const int64_t sizes[5] = { info.tiles, info.positions, info.t, info.z, channels };
    if (mt_product_i64(sizes, 5, &planes) || (uint64_t)planes > file->env->limits.max_pages)
        return mt_fail(err, MT_E_LIMIT, "more pages than max_pages (%zu)", file->env->limits.max_pages);
    series->n_planes = (uint64_t)planes;
    for (int i = 0; i < 5; i++)
        tiff_add_axis(series, "SSTZC"[i], sizes[i]);
    set_pixel_sizes(&info, series);
    series->loose_counts = true; /* byte counts of LZW strips are those of the decoded pixels */
    *found = true;
    st = find_step(scan->chain, file, &step, err);
    return st ? st : place_planes(series, step, scan->images->arena, err);
}
