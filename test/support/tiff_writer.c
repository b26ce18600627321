/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/tiff_writer.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void put16(FILE *f, unsigned v)
{
    fputc((int)(v & 255), f);
    fputc((int)(v >> 8 & 255), f);
}

static void put32(FILE *f, uint32_t v)
{
    put16(f, v & 65535);
    put16(f, v >> 16);
}

static void put_entry(FILE *f, unsigned tag, unsigned type, uint32_t count, uint32_t value)
{
    put16(f, tag);
    put16(f, type);
    put32(f, count);
    put32(f, value);
}

static long put_pixels(FILE *f, int width, int height, int first, int gap)
{
    long at = ftell(f);
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++)
            put16(f, (unsigned)(first + y * width + x));
        for (int i = 0; i < gap; i += 2)
            put16(f, 0xeeee);
    }
    return at;
}

static long put_bytes(FILE *f, const void *bytes, size_t size)
{
    long at = ftell(f);
    fwrite(bytes, 1, size, f);
    if (size % 2)
        fputc(0, f);
    return at;
}

/* Writes a directory at the end of the file and the link to it at *link. */
static void put_directory(FILE *f, long *link, const tiff_spec *spec, int page, bool thumbnail, long pixels)
{
    bool first = page == 0 && !thumbnail;
    const char *description = first                                                   ? spec->description
                              : spec->second && page == spec->second_at && !thumbnail ? spec->second
                                                                                      : NULL;
    int width = thumbnail ? 2 : TIFF_WRITER_WIDTH, height = thumbnail ? 2 : TIFF_WRITER_HEIGHT;
    long text = 0, extra[3] = { 0 };
    unsigned n_extra = 0;
    if (description)
        text = put_bytes(f, description, strlen(description) + 1);
    for (; first && n_extra < 3 && spec->extra[n_extra].tag; n_extra++)
        extra[n_extra] = put_bytes(f, spec->extra[n_extra].value, spec->extra[n_extra].size);
    bool rows = spec->strip_gap > 0 && !thumbnail;
    long tables = ftell(f);
    for (int y = 0; rows && y < height; y++)
        put32(f, (uint32_t)(pixels + y * (width * 2 + spec->strip_gap)));
    for (int y = 0; rows && y < height; y++)
        put32(f, (uint32_t)(width * 2 + spec->strip_gap));
    long at = ftell(f);
    fseek(f, *link, SEEK_SET);
    put32(f, (uint32_t)at);
    fseek(f, at, SEEK_SET);
    put16(f, 9 + (text > 0) + n_extra);
    put_entry(f, 254, 4, 1, thumbnail);
    put_entry(f, 256, 3, 1, (uint32_t)width);
    put_entry(f, 257, 3, 1, (uint32_t)height);
    put_entry(f, 258, 3, 1, 16);
    put_entry(f, 259, 3, 1, 1);
    put_entry(f, 262, 3, 1, 1);
    if (text)
        put_entry(f, 270, 2, (uint32_t)strlen(description) + 1, (uint32_t)text);
    put_entry(f, 273, 4, rows ? (uint32_t)height : 1, (uint32_t)(rows ? tables : pixels));
    put_entry(f, 278, 3, 1, rows ? 1 : (uint32_t)height);
    put_entry(f, 279, 4, rows ? (uint32_t)height : 1, (uint32_t)(rows ? tables + 4 * height : width * height * 2));
    for (unsigned i = 0; i < n_extra; i++)
        put_entry(f, spec->extra[i].tag, spec->extra[i].type, spec->extra[i].count, (uint32_t)extra[i]);
    *link = ftell(f);
    put32(f, 0);
}

void write_tiff(const char *path, const tiff_spec *spec)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fwrite("II*\0\0\0\0\0", 1, 8, f);
    long link = 4;
    if (spec->directories == 2) { /* in two passes: the offset of the pixels depends on its size */
        put_directory(f, &link, spec, 0, false, 0);
        long pixels = ftell(f);
        fseek(f, 8, SEEK_SET);
        link = 4;
        put_directory(f, &link, spec, 0, false, pixels);
    }
    for (int p = 0; p < spec->pages; p++) {
        long pixels =
            put_pixels(f, TIFF_WRITER_WIDTH, TIFF_WRITER_HEIGHT, spec->first_value + 100 * p, spec->strip_gap);
        if (spec->directories == 0)
            put_directory(f, &link, spec, p, false, pixels);
        if (spec->thumbnails)
            put_directory(f, &link, spec, p, true, put_pixels(f, 2, 2, 60000, 0));
    }
    if (spec->directories == 1)
        put_directory(f, &link, spec, 0, false, 8);
    fclose(f);
}
