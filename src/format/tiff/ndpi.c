/* SPDX-License-Identifier: BSD-3-Clause */
/* Hamamatsu NDPI: pages are the levels of a pyramid, with focal planes, and an image of the whole slide and a map of what
 * was scanned, by private tags. There is no public specification; the tags are as in files. */
#include "base/reader.h"
#include "format/tiff/slides.h"

enum {
    TAG_SOURCE_LENS = 65421,  /* magnification; -1: an image of the slide, -2: a map */
    TAG_Z_OFFSET = 65424,     /* of a focal plane, in nanometers */
    TAG_CAPTURE_MODE = 65441, /* from 6 on, samples have 16 bits, whatever other tags say */
    FIRST_DEEP_MODE = 6
};

static mt_status probe(const tiff_scan *scan, const tiff_ifd *ifd, bool *out, mt_error *err)
{
    (void)ifd;
    (void)err;
    *out = scan->file->ndpi;
    return MT_OK;
}

/* The 32 bits of a value inside an entry; false if there is no such tag, or of another type. */
static bool get_word(const tiff_file *file, const tiff_ifd *ifd, uint16_t tag, uint16_t type, mt_reader *out)
{
    const tiff_entry *entry = tiff_find(ifd, tag);
    if (!entry || entry->type != type || entry->count != 1)
        return false;
    *out = mt_reader_over(entry->value, 4, file->big_endian);
    return true;
}

/* Warns of a stream without usable restart intervals: each patch decodes it whole. */
static mt_status check_stream(const slide *s, const tiff_ifd *ifd, const slide_page *page, mt_error *err)
{
    enum { LARGE = 1 << 24 };
    const tiff_page *p = &page->page;
    bool damaged = tiff_find(ifd, TAG_NDPI_STARTS) != NULL;
    double bytes = (double)(p->width * p->height) * (double)p->samples;
    if (p->compression != TIFF_JPEG || p->tiled || (bytes < LARGE && !damaged))
        return MT_OK;
    return tiff_images_warn(
        s->scan->images, err,
        "page %u is one JPEG of %lld x %lld pixels, %.1f MB decoded, %s: each patch decodes it whole", page->number,
        (long long)p->width, (long long)p->height, bytes / 1e6,
        damaged ? "whose restart intervals do not form tiles" : "without restart intervals");
}

static mt_status classify(slide *s, const tiff_ifd *ifd, slide_page *page, mt_error *err)
{
    enum { SLONG = 9, FLOAT = 11 };
    const tiff_file *file = s->scan->file;
    mt_reader word;
    uint64_t mode;
    mt_status st = tiff_get_number(file, ifd, TAG_CAPTURE_MODE, 0, &mode, err);
    if (!st && page->number == 0 && mode >= FIRST_DEEP_MODE && page->page.compression != TIFF_JPEG)
        st = mt_fail(err, MT_E_UNSUPPORTED,
                     "NDPI with samples of 16 bits (CaptureMode %llu) is not supported: export it as TIFF with the "
                     "software of the scanner",
                     (unsigned long long)mode);
    if (st)
        return st;
    float lens = get_word(file, ifd, TAG_SOURCE_LENS, FLOAT, &word) ? mt_read_f32(&word) : 0;
    if (lens > 0 || page->number == 0)
        page->depth = get_word(file, ifd, TAG_Z_OFFSET, SLONG, &word) ? mt_read_i32(&word) : 0;
    else
        page->part = lens == -1 ? "macro" : lens == -2 ? "map" : "";
    return check_stream(s, ifd, page, err);
}

/* The distance of focal planes, if it is the same between all. */
static mt_status describe(const slide *s, const tiff_ifd *ifd, slide_page *const *planes, tiff_series *pyramid,
                          mt_error *err)
{
    (void)s;
    (void)ifd;
    (void)err;
    size_t n = (size_t)pyramid->n_planes;
    int64_t step = n > 1 ? planes[1]->depth - planes[0]->depth : 0;
    for (size_t i = 2; i < n; i++)
        if (planes[i]->depth - planes[i - 1]->depth != step)
            step = 0;
    if (step > 0) {
        pyramid->pixel_size[1] = (double)step / 1000;
        pyramid->unit[1] = "micrometer";
    }
    return MT_OK;
}

const slide_kind slide_ndpi = { .axis = 'Z', .probe = probe, .classify = classify, .describe = describe };
