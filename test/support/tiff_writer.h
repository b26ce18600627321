/* SPDX-License-Identifier: BSD-3-Clause */
/* Small TIFF files for tests: classic, little-endian, uint16 pages of 6 x 4, raw, of one strip per page or per row. The
 * pixel at (y, x) of page p is first_value + 100 * p + 6 * y + x. */
#ifndef MT_TEST_TIFF_WRITER_H
#define MT_TEST_TIFF_WRITER_H

#include "support/support.h"

#define TIFF_WRITER_WIDTH 6
#define TIFF_WRITER_HEIGHT 4

typedef struct tiff_spec {
    int pages;       /* number of pages */
    int directories; /* 0: one per page; 1: only that of the first page, after the pixels; 2: the same, before them */
    int thumbnails;  /* add a page of 2 x 2, marked as reduced, after each page */
    int first_value; /* pixel (0, 0) of page 0 */
    int strip_gap;   /* if > 0: one strip per row, each followed by this even number of bytes */
    const char *description; /* ImageDescription of the first page, or NULL */
    const char *second;      /* ImageDescription of page second_at, or NULL */
    int second_at;           /* index of a page */
    struct {
        uint16_t tag;      /* further tag of the first page; 0: none */
        uint16_t type;     /* TIFF data type */
        uint32_t count;    /* of values */
        const void *value; /* bytes of the values */
        size_t size;       /* bytes of value */
    } extra[3];
} tiff_spec;

void write_tiff(const char *path, const tiff_spec *spec);

#endif
