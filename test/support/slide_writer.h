/* SPDX-License-Identifier: BSD-3-Clause */
/* Files as slide scanners write them: classic, little-endian TIFF; pages of any size, in tiles or in one strip. */
#ifndef MT_TEST_SLIDE_WRITER_H
#define MT_TEST_SLIDE_WRITER_H

#include "support/support.h"

#include <stdbool.h>

typedef struct slide_spec {
    int width, height; /* pixels */
    int samples, bits; /* 0: 1 and 8 */
    int tile;          /* side of a tile in pixels; 0: one strip */
    /* The pixel (y, x) of sample s is first + 5 * y + x + 50 * s, modulo 2^bits; y and x are those of the first pixel of
     * its block if jpeg is set. */
    int first;
    int subfile;             /* NewSubfileType */
    bool sub;                /* the next page is a SubIFD of this one, which is the last of the others */
    int per_cm;              /* resolution; 0: none */
    const char *description; /* ImageDescription, or NULL */
    const char *software;    /* Software, or NULL */
    bool jpeg;               /* the strip is a JPEG with blocks of 8 x 8; above 1,000,000 pixels only its head */
    int scans;               /* of the JPEG: one a sample, only the first so many; 0: 1 */
    int quantizer;           /* of its coefficients: 1, 2, 4 or 8; 0: 1 */
    int interval;            /* blocks of its restart intervals, which NDPI locates; 0: none */
    bool wide;               /* NDPI: the offsets of the intervals have high words, which are 0 */
    float lens;              /* NDPI: SourceLens; 0: none */
    int32_t depth;           /* NDPI: ZOffsetFromSlideCenter in nanometers; 0: none */
    int mode;                /* NDPI: CaptureMode; 0: none */
    uint64_t at;             /* NDPI: the pixels and the directory lie from this byte on; 0: after those before */
} slide_spec;

/* ndpi: Hamamatsu's directories, with a link of eight bytes and the high words of all values after it. */
void write_slide(const char *path, const slide_spec *pages, size_t n, bool ndpi);

/* The pixel of a page, as above. */
int slide_pixel(const slide_spec *page, int64_t y, int64_t x, int64_t s);

#endif
