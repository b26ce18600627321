/* SPDX-License-Identifier: BSD-3-Clause */
/* PerkinElmer and Akoya QPTIFF: a page for each channel in full resolution, a thumbnail, then smaller versions, channel
 * by channel, and an overview and the label of the slide. Source: "PerkinElmer Image Format", PerkinElmer. Each page is
 * described by XML, which some writers leave out behind the first pages:
 *
 *     <PerkinElmer-QPI-ImageDescription>
 *       <ImageType>FullResolution</ImageType> <Name>DAPI</Name> <Color>0,0,255</Color> ... */
#include "base/number.h"
#include "base/xml.h"
#include "format/tiff/slides.h"

#include <string.h>

#define ROOT "PerkinElmer-QPI-ImageDescription"

static mt_status probe(const tiff_scan *scan, const tiff_ifd *ifd, bool *out, mt_error *err)
{
    char software[32], description[512] = "";
    mt_status st = tiff_get_start(scan->file, ifd, TAG_SOFTWARE, software, sizeof software, err);
    if (!st)
        st = tiff_get_start(scan->file, ifd, TAG_DESCRIPTION, description, sizeof description, err);
    *out = !st && (strncmp(software, "PerkinElmer-QPI", 15) == 0 || strstr(description, "<" ROOT));
    return st;
}

/* The text of a child without blanks around it, in the arena; "" if there is none. */
static const char *copy_text(const mt_xml *root, const char *name, mt_arena *arena, mt_error *err)
{
    static const char blanks[] = " \t\r\n";
    const mt_xml *child = mt_xml_child(root, name);
    const char *text = child ? child->text + strspn(child->text, blanks) : "";
    size_t n = strlen(text);
    while (n > 0 && strchr(blanks, text[n - 1]))
        n--;
    return n ? mt_arena_strndup(arena, text, n, err) : "";
}

static void read_color(const mt_xml *root, mt_channel *out)
{
    const mt_xml *child = mt_xml_child(root, "Color");
    const char *text = child ? child->text : "";
    int64_t part;
    for (int i = 0; i < 3; i++) {
        if (!mt_parse_integer(&text, &part) || part < 0 || part > 255 || (i < 2 && *text++ != ','))
            return;
        out->rgb[i] = (uint8_t)part;
    }
    out->has_color = 1;
}

/* What a description says. */
typedef struct qptiff_text {
    const char *type; /* of the image: FullResolution, ReducedResolution, Thumbnail, Overview, Label; "": not known */
    mt_channel channel;
} qptiff_text;

/* The stain (Biomarker) names a channel better than its filter. */
static mt_status read_fields(const slide *s, const mt_xml *root, qptiff_text *out, mt_error *err)
{
    mt_arena *arena = s->scan->images->arena;
    if (strcmp(root->name, ROOT) != 0)
        return MT_OK;
    out->type = copy_text(root, "ImageType", arena, err);
    out->channel.name = copy_text(root, "Biomarker", arena, err);
    if (out->channel.name && !*out->channel.name)
        out->channel.name = copy_text(root, "Name", arena, err);
    read_color(root, &out->channel);
    return out->type && out->channel.name ? MT_OK : mt_arena_failed(err);
}

/* The declared encoding, UTF-16, is usually wrong: such a repair is not worth a warning. */
static mt_status parse(const slide *s, const tiff_ifd *ifd, uint32_t page, mt_arena *arena, qptiff_text *out,
                       mt_error *err)
{
    mt_xml *root;
    const char *repair;
    char *text;
    size_t size;
    mt_error own = MT_ERROR_INIT;
    mt_status st = tiff_get_text(s->scan->file, ifd, TAG_DESCRIPTION, arena, &text, &size, &own);
    if (!st)
        st = mt_xml_parse_loosely(arena, text, size, "the description", &root, &repair, &own);
    if (st && tiff_is_damage(st))
        return tiff_images_warn(s->scan->images, err, "page %u is read without its description: %s", page, own.message);
    return st ? mt_fail(err, st, "%s", own.message) : read_fields(s, root, out, err);
}

/* Reads the description of a page. Together they are as large as one document may be: pages can share one. */
static mt_status read_text(slide *s, const tiff_ifd *ifd, uint32_t page, qptiff_text *out, mt_error *err)
{
    const tiff_entry *entry = tiff_find(ifd, TAG_DESCRIPTION);
    mt_env *env = s->scan->file->env;
    mt_arena *arena;
    *out = (qptiff_text) { .type = "" };
    if (!entry || entry->count <= 1)
        return MT_OK;
    if (entry->count > env->limits.max_xml_bytes - s->xml_bytes)
        return tiff_images_warn(s->scan->images, err,
                                "descriptions of some pages are ignored: they are longer than max_xml_bytes (%zu)",
                                env->limits.max_xml_bytes);
    s->xml_bytes += entry->count;
    mt_status st = mt_arena_new(env, &arena, err);
    if (st)
        return st;
    st = parse(s, ifd, page, arena, out, err);
    mt_arena_free(arena);
    return st;
}

static bool is_full_size(const slide *s, const slide_page *page)
{
    return s->n == 0 || slide_same_size(page, s->pages);
}

/* What a page is by its place, without a description: NULL for a plane of the pyramid. */
static const char *guess_part(const slide *s, const slide_page *page)
{
    bool all_planes = true;
    for (size_t i = 0; i < s->n && all_planes; i++)
        all_planes = !s->pages[i].part;
    if (all_planes)
        return is_full_size(s, page) ? NULL : "Thumbnail";
    return page->page.tiled && page->page.samples == s->pages[0].page.samples && !is_full_size(s, page) ? NULL : "";
}

static mt_status classify(slide *s, const tiff_ifd *ifd, slide_page *page, mt_error *err)
{
    qptiff_text text;
    mt_status st = read_text(s, ifd, page->number, &text, err);
    if (st)
        return st;
    bool full = strcmp(text.type, "FullResolution") == 0, reduced = strcmp(text.type, "ReducedResolution") == 0;
    if (!full && !reduced)
        page->part = *text.type ? text.type : guess_part(s, page);
    else if (full != is_full_size(s, page))
        page->part = "";
    if (!page->part)
        page->channel = text.channel;
    return page->part && (full || reduced)
               ? tiff_images_warn(s->scan->images, err, "page %u has %lld x %lld pixels, but is described as %s",
                                  page->number, (long long)page->page.width, (long long)page->page.height, text.type)
               : MT_OK;
}

/* The samples of a pixel, red, green and blue, have no names. */
static mt_status describe(const slide *s, const tiff_ifd *ifd, slide_page *const *planes, tiff_series *pyramid,
                          mt_error *err)
{
    (void)ifd;
    size_t n = (size_t)pyramid->n_planes;
    if (pyramid->page.samples > 1)
        return MT_OK;
    mt_channel *channels = mt_arena_alloc(s->scan->images->arena, n, sizeof *channels, err);
    if (!channels)
        return mt_arena_failed(err);
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        channels[i] = planes[i]->channel;
        channels[i].name = channels[i].name ? channels[i].name : "";
        any = any || *channels[i].name || channels[i].has_color;
    }
    pyramid->channels = any ? channels : NULL;
    pyramid->n_channels = any ? n : 0;
    return MT_OK;
}

const slide_kind slide_qptiff = { .axis = 'C', .probe = probe, .classify = classify, .describe = describe };
