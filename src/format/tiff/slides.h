/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of slide scanners: one pyramid of pages, and pages that are images of their own, such as the label. */
#ifndef MT_FORMAT_TIFF_SLIDES_H
#define MT_FORMAT_TIFF_SLIDES_H

#include "format/tiff/tiff.h"

typedef struct slide_page {
    tiff_page page;     /* its image */
    uint64_t offset;    /* of its directory */
    uint32_t number;    /* of its directory, counted from 0 */
    const char *part;   /* name of an image of its own, "" if it has none; NULL: a plane of the pyramid */
    mt_channel channel; /* of a plane; its name may be NULL */
    int64_t depth;      /* of a focal plane, in nanometers: planes of one size are sorted by it */
} slide_page;

typedef struct slide {
    const tiff_scan *scan; /* search that found the file */
    slide_page *pages;     /* readable pages, in the order of the file; the first is a plane */
    size_t n, room;        /* entries of pages in use and allocated */
    uint64_t xml_bytes;    /* of descriptions that were parsed */
    char axis;             /* of several planes of one size: that of the kind, unless a page contradicts it */
} slide;

/* A kind of scanner. */
typedef struct slide_kind {
    char axis; /* of several planes of one size */
    /* Whether a file is of this kind. ifd is its first directory. */
    mt_status (*probe)(const tiff_scan *scan, const tiff_ifd *ifd, bool *out, mt_error *err);
    /* Decides what a page is: sets part, channel and depth. s->pages are those before it. */
    mt_status (*classify)(slide *s, const tiff_ifd *ifd, slide_page *page, mt_error *err);
    /* Sets what is known of the pyramid beyond its pages. ifd is the first directory; planes are those of full
     * resolution. */
    mt_status (*describe)(const slide *s, const tiff_ifd *ifd, slide_page *const *planes, tiff_series *pyramid,
                          mt_error *err);
} slide_kind;

bool slide_same_size(const slide_page *a, const slide_page *b);

extern const slide_kind slide_svs, slide_qptiff, slide_ndpi;

#endif
