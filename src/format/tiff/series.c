/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by all finders of images: the list of series, and contiguous planes. */
#include "base/checked.h"
#include "format/tiff/tiff.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Values of long tags that may be read for any page: more than the JPEG tables of four components need. In a crafted
 * file many pages may share a huge tag, and each page is read more than once. */
#define PAGE_VALUES 4096
#define MAX_EXCESS_VALUES (1 << 26)

mt_status tiff_add_series(tiff_images *images, tiff_series *series, mt_error *err)
{
    tiff_series **all = mt_arena_grow(images->arena, images->series, images->n, &images->room, 1, sizeof *all, err);
    if (!all)
        return MT_E_MEMORY;
    images->series = all;
    images->series[images->n++] = series;
    return MT_OK;
}

mt_status tiff_warn(tiff_images *images, tiff_series *series, mt_error *err, const char *format, ...)
{
    char text[512];
    mt_texts *texts = &series->warnings;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char **items = mt_arena_grow(images->arena, texts->items, texts->n, &texts->room, 1, sizeof *items, err);
    size_t length = n < 0 ? 0 : (size_t)mt_min_i64(n, (int64_t)sizeof text - 1);
    if (!items || !(items[texts->n] = mt_arena_strndup(images->arena, text, length, err)))
        return err && err->status ? err->status : MT_E_MEMORY;
    texts->items = items;
    texts->n++;
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

void tiff_add_axis(tiff_series *series, char axis, int64_t size)
{
    if (size != 1)
        tiff_keep_axis(series, axis, size);
}

void tiff_keep_axis(tiff_series *series, char axis, int64_t size)
{
    if (series->ndim > MT_MAX_DIMS - 4)
        return;
    series->axes[series->ndim] = axis;
    series->axes[series->ndim + 1] = 0;
    series->shape[series->ndim++] = size;
}

mt_status tiff_cut_frames(tiff_images *images, tiff_series *series, uint64_t frames, mt_error *err)
{
    int64_t counted = series->shape[0];
    bool in_time = series->axes[0] == 'T';
    series->n_planes = series->n_planes / (uint64_t)counted * frames;
    series->shape[0] = (int64_t)frames;
    if (frames == 1) {
        series->ndim--;
        memmove(series->axes, series->axes + 1, sizeof series->axes - 1);
        memmove(series->shape, series->shape + 1, (size_t)series->ndim * sizeof *series->shape);
    }
    return tiff_warn(images, series, err, "the description counts %lld %s, the file has %llu", (long long)counted,
                     in_time ? "frames" : "slices", (unsigned long long)frames);
}

/* The offset and size of strip i of a raw page if its strips are contiguous. */
static void place_strip(const tiff_page *page, uint64_t i, uint64_t *offset, uint64_t *size)
{
    int64_t row = page->width * (page->planar ? 1 : page->samples) * (int64_t)mt_dtype_size(page->dtype);
    int64_t along = tiff_page_chunks(page) / (page->planar ? page->samples : 1);
    int64_t plane = (int64_t)i / along, first = (int64_t)i % along * page->chunk_height;
    *offset = (uint64_t)((plane * page->height + first) * row);
    *size = (uint64_t)(mt_min_i64(page->chunk_height, page->height - first) * row);
}

/* Whether the strips of a raw page are contiguous; *start is their offset. */
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
    if (!tiff_is_raw(page) || page->tiled || !offsets || !counts || n > TIFF_MAX_ROW_STRIPS || offsets->count != n ||
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
