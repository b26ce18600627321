/* SPDX-License-Identifier: BSD-3-Clause */
/* The input is the ImageDescription of the first of three pages: OME-XML, ImageJ, tifffile. */
#include "fuzz_file.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER = 8, PIXELS = 8 * 6 * 2, ENTRIES = 9, DIRECTORY = 2 + ENTRIES * 12 + 4, PAGE = PIXELS + DIRECTORY };

static uint8_t *put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    return p + 2;
}

static uint8_t *put32(uint8_t *p, size_t v) { return put16(put16(p, v & 0xffff), (unsigned)(v >> 16)); }

static uint8_t *put_entry(uint8_t *p, unsigned tag, unsigned type, size_t count, size_t value)
{
    return put32(put32(put16(put16(p, tag), type), count), value);
}

static void put_page(uint8_t *file, size_t at, size_t next, size_t text, size_t text_size)
{
    memset(file + at, (int)(at & 0x7f), PIXELS);
    uint8_t *p = put16(file + at + PIXELS, ENTRIES);
    p = put_entry(p, 256, 3, 1, 8);
    p = put_entry(p, 257, 3, 1, 6);
    p = put_entry(p, 258, 3, 1, 16);
    p = put_entry(p, 259, 3, 1, 1);
    p = put_entry(p, 262, 3, 1, 1);
    p = put_entry(p, 270, 2, text_size, text);
    p = put_entry(p, 273, 4, 1, at);
    p = put_entry(p, 278, 3, 1, 6);
    p = put_entry(p, 279, 4, 1, PIXELS);
    put32(p, next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t text = HEADER + 3 * PAGE, total = text + size + 1;
    uint8_t *file = calloc(1, total);
    if (!file)
        return 0;
    memcpy(file, "II*\0", 4);
    put32(file + 4, HEADER + PIXELS);
    for (size_t i = 0; i < 3; i++) {
        size_t at = HEADER + i * PAGE;
        put_page(file, at, i < 2 ? at + PAGE + PIXELS : 0, text, i == 0 ? size + 1 : 1);
    }
    if (size)
        memcpy(file + text, data, size);
    open_and_read("fuzz.ome.tif", file, total, NULL);
    free(file);
    return 0;
}
