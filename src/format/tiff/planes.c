/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptions that count planes: ImageJ's lines of key=value, and the JSON that tifffile writes ("shaped"). */
#include "base/checked.h"
#include "base/json.h"
#include "base/number.h"
#include "base/reader.h"
#include "format/tiff/tiff.h"

#include <math.h>
#include <string.h>

/* The text after "key=" at the start of a line, or NULL. */
static const char *find_value(const char *text, const char *key)
{
    size_t n = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0 && line[n] == '=')
            return line + n + 1;
    }
    return NULL;
}

static double find_number(const char *text, const char *key, double missing)
{
    const char *value = find_value(text, key);
    double number;
    return value && mt_parse_real(&value, &number) ? number : missing;
}

static int64_t find_count(const char *text, const char *key)
{
    double value = find_number(text, key, 1);
    return value >= 1 && value < 1e9 ? (int64_t)value : 1;
}

/* ImageJ writes the units of other axes only if they differ from that of X. */
static const char *find_unit(const char *text, const char *key)
{
    const char *value = find_value(text, key);
    if (!value)
        value = find_value(text, "unit");
    return value ? mt_unit_find(value) : NULL;
}

static mt_status find_pixel_size(const tiff_file *file, const tiff_ifd *ifd, const char *text, tiff_series *series,
                                 mt_error *err)
{
    double x, y;
    mt_status st = tiff_get_fraction(file, ifd, TAG_X_RESOLUTION, &x, err);
    if (st || (st = tiff_get_fraction(file, ifd, TAG_Y_RESOLUTION, &y, err)))
        return st;
    const char *time = find_value(text, "tunit");
    const char *units[4] = { time ? mt_unit_find(time) : "second", find_unit(text, "zunit"), find_unit(text, "yunit"),
                             find_unit(text, "unit") };
    const double sizes[4] = { find_number(text, "finterval", 0), find_number(text, "spacing", 0), y > 0 ? 1 / y : 0,
                              x > 0 ? 1 / x : 0 };
    for (int i = 0; i < 4; i++) {
        series->pixel_size[i] = units[i] ? fabs(sizes[i]) : 0;
        series->unit[i] = units[i];
    }
    return MT_OK;
}

#define LUT_BYTES 768 /* bytes: 256 red, 256 green, 256 blue */
#define MAX_METADATA 4096

/* The colours of channels: the last entries of their lookup tables. Source: ImageJ's TiffEncoder. Tag 50838 holds
 * the size of the header and of each block; tag 50839 holds the header, with the number of blocks by type, and the
 * blocks. */
static mt_status find_colors(const tiff_scan *scan, const tiff_ifd *ifd, tiff_series *series, int64_t channels,
                             mt_error *err)
{
    enum { MAGIC = 0x494a494a, LUTS = 0x6c757473 };
    const tiff_file *file = scan->file;
    const tiff_entry *entry = tiff_find(ifd, TAG_IMAGEJ_COUNTS);
    uint64_t sizes[MAX_METADATA];
    char *bytes;
    size_t n;
    if (!entry || entry->count < 2 || entry->count > MAX_METADATA || channels > MAX_METADATA)
        return MT_OK;
    mt_channel *found = mt_arena_alloc(scan->images->arena, (size_t)channels, sizeof *found, err);
    mt_status st = found ? tiff_get_numbers(file, entry, 0, (size_t)entry->count, sizes, err) : MT_E_MEMORY;
    if (st || (st = tiff_get_text(file, ifd, TAG_IMAGEJ_DATA, scan->scratch, &bytes, &n, err)))
        return st;
    mt_reader header = mt_reader_over(bytes, n, file->big_endian), pieces = header;
    bool known = mt_read_u32(&header) == MAGIC;
    mt_read_seek(&pieces, (size_t)sizes[0]);
    int64_t c = 0;
    for (uint64_t i = 1; known && header.position + 8 <= sizes[0] && !header.failed;) {
        uint32_t type = mt_read_u32(&header), count = mt_read_u32(&header);
        for (; count > 0 && i < entry->count; count--, i++) {
            const uint8_t *piece = mt_read_bytes(&pieces, (size_t)sizes[i]);
            if (type != LUTS || sizes[i] != LUT_BYTES || !piece || c == channels)
                continue;
            found[c] = (mt_channel) { .name = "", .has_color = 1, .rgb = { piece[255], piece[511], piece[767] } };
            c++;
        }
    }
    if (c == channels) {
        series->channels = found;
        series->n_channels = (size_t)channels;
    }
    return MT_OK;
}

/* Channels are fastest, then slices, then frames. If samples are the channels, the file counts them in both. */
static mt_status describe_imagej(const tiff_scan *scan, const tiff_ifd *ifd, const char *text, tiff_series *series,
                                 bool *found, mt_error *err)
{
    int64_t channels = find_count(text, "channels"), slices = find_count(text, "slices"),
            frames = find_count(text, "frames"), images = find_count(text, "images");
    if (series->page.samples > 1 && channels == series->page.samples && images == slices * frames)
        channels = 1;
    int64_t total;
    if (mt_mul_i64(channels, slices, &total) || mt_mul_i64(total, frames, &total))
        return MT_OK;
    if (total == 1 && images > 1)
        total = slices = images; /* a plain stack */
    series->ndim = 0;
    tiff_add_axis(series, 'T', frames);
    tiff_add_axis(series, 'Z', slices);
    tiff_add_axis(series, 'C', channels);
    series->n_planes = (uint64_t)total;
    series->may_end_early = series->axes[0] == 'T' || series->axes[0] == 'Z';
    *found = true;
    mt_status st = find_pixel_size(scan->file, ifd, text, series, err);
    return st || series->page.samples > 1 ? st : find_colors(scan, ifd, series, channels, err);
}

/* The letters of n dimensions before those of the page if each has its own letter; else NULL. */
static const char *leading_axes(const char *axes, size_t n, const char *tail)
{
    if (!axes || strlen(axes) != n + strlen(tail) || strcmp(axes + n, tail) != 0)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (!strchr("TZC", axes[i]) || strchr(axes + i + 1, axes[i]))
            return NULL;
    return axes;
}

/* An unnamed dimension is one of samples, except for a single channel as written by CAREamics. */
static char unnamed_axis(const tiff_page *page, size_t i, size_t n, int64_t size)
{
    return i > 0 && i + 1 == n && size == 1 && page->samples == 1 ? 'C' : '?';
}

/* {"shape": [2, 1, 64, 64], "axes": "ZCYX"}: the last dimensions are those of the page; dimensions of length 1 are
 * kept. A description of a single page is ignored here: the page is grouped with others like it. */
static void describe_shape(const json_t *json, tiff_series *series, bool *found)
{
    const json_t *shape = json_object_get(json, "shape");
    const tiff_page *page = &series->page;
    const int64_t contiguous[3] = { page->height, page->width, page->samples };
    const int64_t planar[3] = { page->samples, page->height, page->width };
    size_t tail = page->samples > 1 ? 3 : 2, n = json_array_size(shape);
    if (n <= tail || n - tail > MT_MAX_DIMS - 4)
        return;
    for (size_t i = 0; i < tail; i++)
        if (json_integer_value(json_array_get(shape, n - tail + i)) != (page->planar ? planar : contiguous)[i])
            return;
    tiff_series described = *series;
    const char *axes = leading_axes(json_string_value(json_object_get(json, "axes")), n - tail,
                                    tail == 2      ? "YX"
                                    : page->planar ? "SYX"
                                                   : "YXS");
    int64_t total = 1;
    for (size_t i = 0; i < n - tail; i++) {
        int64_t size = json_integer_value(json_array_get(shape, i));
        if (size < 1 || mt_mul_i64(total, size, &total))
            return;
        tiff_keep_axis(&described, axes ? axes[i] : unnamed_axis(page, i, n - tail, size), size);
    }
    described.n_planes = (uint64_t)total;
    *series = described;
    *found = true;
}

/* Until 2016 tifffile wrote shape=(2, 3, 64, 64). */
static char *old_shape_as_json(mt_arena *arena, const char *text, mt_error *err)
{
    const char *open = strchr(text, '('), *close = open ? strchr(open, ')') : NULL;
    return close ? mt_arena_printf(arena, err, "{\"shape\":[%.*s]}", (int)mt_min_i64(close - open - 1, 1024), open + 1)
                 : NULL;
}

mt_status tiff_describe_planes(const tiff_scan *scan, const tiff_ifd *ifd, tiff_series *series, bool *found,
                               mt_error *err)
{
    char *text;
    size_t size;
    *found = false;
    mt_status st = tiff_get_text(scan->file, ifd, TAG_DESCRIPTION, scan->scratch, &text, &size, err);
    if (st)
        return st;
    if (strncmp(text, "ImageJ=", 7) == 0 || strncmp(text, "SCIFIO=", 7) == 0)
        return describe_imagej(scan, ifd, text, series, found, err);
    if (strncmp(text, "shape=(", 7) == 0 && !(text = old_shape_as_json(scan->scratch, text, err)))
        return err && err->status ? err->status : MT_OK;
    json_t *json;
    if (text[0] != '{' || mt_json_parse(scan->file->env, text, strlen(text), "description", &json, NULL))
        return MT_OK;
    describe_shape(json, series, found);
    json_decref(json);
    return MT_OK;
}

mt_status tiff_has_shape(const tiff_scan *scan, const tiff_ifd *ifd, bool *out, mt_error *err)
{
    char start[10];
    mt_status st = tiff_get_start(scan->file, ifd, TAG_DESCRIPTION, start, sizeof start, err);
    *out = !st && (strcmp(start, "{\"shape\":") == 0 || strncmp(start, "shape=(", 7) == 0);
    return st;
}

#define LONGEST_SHAPE 65536 /* bytes of a description of a page that is grouped with others */

mt_status tiff_starts_image(const tiff_scan *scan, const tiff_ifd *ifd, const tiff_page *page, bool *out, mt_error *err)
{
    mt_status st = tiff_has_shape(scan, ifd, out, err);
    if (st || !*out || tiff_find(ifd, TAG_DESCRIPTION)->count > LONGEST_SHAPE)
        return st;
    tiff_scan own = *scan;
    tiff_series series = { .page = *page };
    st = mt_arena_new(scan->file->env, &own.scratch, err);
    if (st)
        return st;
    st = tiff_describe_planes(&own, ifd, &series, out, err);
    mt_arena_free(own.scratch);
    return st;
}
