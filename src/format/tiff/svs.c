/* SPDX-License-Identifier: BSD-3-Clause */
/* Aperio SVS: tiled pages are the levels of a pyramid, largest first; a thumbnail, the label and a macro image of the
 * slide are in strips. Source: "Aperio Digital Slides and Third-party Data Interchange", Aperio Technologies. A
 * description is
 *
 *     Aperio Image Library v11.2.1
 *     46920x33014 [0,100 46000x32914] (256x256) -> 11500x8228 JPEG/RGB Q=65|AppMag = 20|MPP = 0.4990|...
 *
 * with the size of the scan, the part that was kept, the tiles, and the size of a smaller version; or, in the second
 * line, the name of another image: "label 387x463". Several pages of one size are focal planes.
 *
 * Other programs keep the description in pyramids and stacks of their own, whose other pages have the same one, or none,
 * and whose levels are marked as reduced. */
#include "base/number.h"
#include "format/tiff/slides.h"

#include <stdio.h>
#include <string.h>

#define LONGEST_DESCRIPTION 4096
#define LABEL 1 /* NewSubfileType */
#define MACRO 9

static mt_status probe(const tiff_scan *scan, const tiff_ifd *ifd, bool *out, mt_error *err)
{
    char start[8];
    mt_status st = tiff_get_start(scan->file, ifd, TAG_DESCRIPTION, start, sizeof start, err);
    *out = !st && strncmp(start, "Aperio", 6) == 0 && tiff_find(ifd, TAG_TILE_WIDTH);
    return st;
}

/* The second line up to its first delimiter, which the caller may cut off. */
static char *find_line(char *text)
{
    char *line = text + strcspn(text, "\r\n");
    line += strspn(line, "\r\n ");
    line[strcspn(line, ";|\r\n")] = 0;
    return line;
}

/* WxH at text. */
static bool parse_size(const char *text, int64_t *width, int64_t *height)
{
    return mt_parse_integer(&text, width) && *text++ == 'x' && mt_parse_integer(&text, height);
}

/* Warns if the size that the description gives is not that of the page. */
static mt_status check_size(const slide *s, const char *line, const slide_page *page, mt_error *err)
{
    const char *arrow = strstr(line, "->"), *kept = strchr(line, '[');
    kept = kept ? strchr(kept, ' ') : NULL;
    int64_t width, height;
    if (!parse_size(arrow  ? arrow + 2
                    : kept ? kept
                           : line,
                    &width, &height) ||
        (width == page->page.width && height == page->page.height))
        return MT_OK;
    return tiff_images_warn(
        s->scan->images, err, "page %u has %lld x %lld pixels, but its description says %lld x %lld, which is ignored",
        page->number, (long long)page->page.width, (long long)page->page.height, (long long)width, (long long)height);
}

static mt_status classify(slide *s, const tiff_ifd *ifd, slide_page *page, mt_error *err)
{
    char text[LONGEST_DESCRIPTION];
    uint64_t type;
    const tiff_file *file = s->scan->file;
    mt_status st = tiff_get_start(file, ifd, TAG_DESCRIPTION, text, sizeof text, err);
    if (st || (st = tiff_get_number(file, ifd, TAG_SUBFILE_TYPE, 0, &type, err)))
        return st;
    const char *line = find_line(text);
    bool is_reduction = strstr(line, "->") != NULL;
    bool is_label = strncmp(line, "label", 5) == 0, is_macro = strncmp(line, "macro", 5) == 0;
    if (!is_label && !is_macro && !page->page.tiled) {
        is_label = type == LABEL && !is_reduction;
        is_macro = type == MACRO;
    }
    if (is_label || is_macro)
        page->part = is_label ? "label" : "macro";
    else if (!page->page.tiled)
        page->part = is_reduction || page->number == 1 ? "thumbnail" : "";
    else if (!*text && s->n > 0 && slide_same_size(page, s->pages))
        s->axis = '?';
    return page->part ? MT_OK : check_size(s, line, page, err);
}

/* The value of "|MPP = 0.4990|". Where the scanner ran with such a language, the point is a comma. */
static double find_mpp(char *text)
{
    double value;
    for (char *item = strchr(text, '|'); item; item = strchr(item, '|')) {
        item += 1 + strspn(item + 1, " ");
        if (strncmp(item, "MPP", 3) != 0)
            continue;
        size_t gap = strspn(item + 3, " =");
        if (gap == 0)
            continue;
        char *number = item + 3 + gap;
        char *comma = number + strspn(number, "0123456789");
        if (*comma == ',')
            *comma = '.';
        const char *at = number;
        return mt_parse_real(&at, &value) ? value : 0;
    }
    return 0;
}

static mt_status describe(const slide *s, const tiff_ifd *ifd, slide_page *const *planes, tiff_series *pyramid,
                          mt_error *err)
{
    (void)planes;
    char text[LONGEST_DESCRIPTION];
    mt_status st = tiff_get_start(s->scan->file, ifd, TAG_DESCRIPTION, text, sizeof text, err);
    double size = st ? 0 : find_mpp(text);
    for (int i = 2; i < 4 && size > 0; i++) {
        pyramid->pixel_size[i] = size;
        pyramid->unit[i] = "micrometer";
    }
    return st;
}

const slide_kind slide_svs = { .axis = 'Z', .probe = probe, .classify = classify, .describe = describe };
