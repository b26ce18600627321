/* SPDX-License-Identifier: BSD-3-Clause */
/* OME-TIFF: OME-XML gives the location of each plane, in this file or in others beside it. Source: the OME-TIFF
 * specification and the OME schemas of 2008-09 to 2016-06. */
#include "base/checked.h"
#include "base/number.h"
#include "base/xml.h"
#include "format/tiff/ome.h"

#include <string.h>

/* State while the images of a document are read. */
typedef struct ome {
    const mt_source *source;
    mt_arena *scratch; /* temporary memory, owns the document */
    tiff_images *images;
    ome_files *files;          /* files named by the document; NULL: none */
    const char *uuid;          /* UUID of the file that was opened, or NULL */
    bool companion;            /* the document is not a TIFF: files[0] holds no pages */
    uint32_t home;             /* file of planes for which no file is named, or TIFF_NO_FILE */
    uint64_t next_page;        /* page after the last plane of home: start of an image without TiffData */
    bool document_is_tiff;     /* the document is in another TIFF */
    size_t n_named, n_unnamed; /* TiffData elements with and without a file name */
    uint64_t n_absent;         /* images without a plane in any existing file */
} ome;

/* A Pixels element: the leading dimensions, slowest first, and the location of each plane. */
typedef struct pixels {
    const mt_xml *element, *data; /* the Pixels element; its first TiffData, or NULL */
    int64_t width, height, channels;
    char order[4];        /* slowest first: "TCZ" */
    int64_t size[3];      /* size of each; along C, without the samples of a page */
    int64_t base[3];      /* index of the first plane in TiffData, 0 or 1, for each */
    tiff_plane reference; /* plane whose page represents all pages */
    uint64_t placed;
    tiff_series *series;
    tiff_plane *planes;
} pixels;

bool tiff_is_ome(const char *text)
{
    while (*text && strchr(" \t\r\n\xef\xbb\xbf", *text))
        text++;
    return *text == '<' && strstr(text, "OME") != NULL;
}

static int64_t get_count(const mt_xml *element, const char *name, int64_t missing)
{
    const char *text = mt_xml_get(element, name);
    if (!text)
        return missing;
    int64_t value;
    return mt_parse_integer(&text, &value) && value >= 0 && value <= INT32_MAX ? value : -1;
}

/* Reads sizes and order; false if they are invalid. */
static bool read_layout(pixels *p)
{
    const char *order = mt_xml_get(p->element, "DimensionOrder");
    p->width = get_count(p->element, "SizeX", -1);
    p->height = get_count(p->element, "SizeY", -1);
    p->channels = get_count(p->element, "SizeC", -1);
    if (!order || strlen(order) != 5 || strncmp(order, "XY", 2) != 0 || p->width < 1 || p->height < 1)
        return false;
    for (int i = 0; i < 3; i++) {
        char name[] = "SizeX";
        p->order[i] = name[4] = order[4 - i];
        p->size[i] = get_count(p->element, name, -1);
        if (!strchr("ZCT", p->order[i]) || strchr(order, p->order[i]) != order + 4 - i || p->size[i] < 1)
            return false;
    }
    return true;
}

/* Reads file name and UUID of a TiffData element; false if it has neither. */
static bool get_name(const mt_xml *data, const char **name, const char **uuid)
{
    const mt_xml *element = mt_xml_child(data, "UUID");
    *name = element ? mt_xml_get(element, "FileName") : NULL;
    *uuid = element && *element->text ? element->text : NULL;
    return (*name && **name) || *uuid;
}

static uint32_t find_file(const ome *o, const mt_xml *data)
{
    const char *name, *uuid;
    return get_name(data, &name, &uuid) ? ome_files_find(o->files, name, uuid) : o->home;
}

/* Calls visit for each TiffData element of the document. */
static mt_status visit_data(ome *o, const mt_xml *root, mt_status (*visit)(ome *o, const mt_xml *data, mt_error *err),
                            mt_error *err)
{
    for (const mt_xml *image = mt_xml_child(root, "Image"); image; image = mt_xml_next(image)) {
        const mt_xml *element = mt_xml_child(image, "Pixels");
        const mt_xml *data = element ? mt_xml_child(element, "TiffData") : NULL;
        for (; data; data = mt_xml_next(data)) {
            mt_status st = visit(o, data, err);
            if (st)
                return st;
        }
    }
    return MT_OK;
}

static mt_status count_name(ome *o, const mt_xml *data, mt_error *err)
{
    (void)err;
    const char *name, *uuid;
    bool named = get_name(data, &name, &uuid);
    o->n_named += named;
    o->n_unnamed += !named;
    return MT_OK;
}

static mt_status add_name(ome *o, const mt_xml *data, mt_error *err)
{
    const char *name, *uuid;
    return get_name(data, &name, &uuid) ? ome_files_add(o->files, name, uuid, err) : MT_OK;
}

/* Finds all files named by the document. */
static mt_status find_files(ome *o, const mt_xml *root, mt_error *err)
{
    const char *document = o->images->document;
    mt_status st = visit_data(o, root, count_name, err);
    if (st || (o->n_named == 0 && !o->document_is_tiff))
        return st;
    st = ome_files_new(o->source, o->scratch, o->images, document ? document : o->source->key, o->uuid, o->n_named,
                       &o->files, err);
    if (st || (st = visit_data(o, root, add_name, err)))
        return st;
    st = ome_files_settle(o->files, !o->companion && !document && o->n_unnamed == 0, err);
    return st || !o->document_is_tiff ? st : ome_files_number(o->files, document, &o->home, err);
}

/* PlaneCount defaults to 1 if IFD is given, else to all directories of the file. A single element places all planes:
 * those that the file lacks are missing. */
static mt_status count_planes(ome *o, const pixels *p, const mt_xml *data, uint32_t file, int64_t first, int64_t room,
                              int64_t *out, mt_error *err)
{
    bool only = data == p->data && !mt_xml_next(data);
    int64_t n = get_count(data, mt_xml_get(data, "NumPlanes") ? "NumPlanes" : "PlaneCount", 0);
    if (n == 0 && mt_xml_get(data, "IFD"))
        n = 1;
    else if (n == 0 && only)
        n = room;
    *out = mt_min_i64(n, room);
    if (n > room)
        return tiff_images_warn(o->images, err, "OME-XML: TiffData counts %lld planes, but there is room for %lld",
                                (long long)n, (long long)room);
    if (n > 0 || file == TIFF_NO_FILE)
        return MT_OK;
    uint64_t offset = 1;
    for (*out = 0; *out < room; (*out)++) {
        mt_status st = tiff_chain_find(o->images->files[file], (uint64_t)(first + *out), &offset, err);
        if (st || offset == 0)
            return st;
    }
    return MT_OK;
}

/* The location of the first plane of a TiffData element (NULL: the document has none); file TIFF_NO_FILE if there is
 * none. */
static tiff_plane first_place(const ome *o, const mt_xml *data)
{
    int64_t page = data ? get_count(data, "IFD", 0) : (int64_t)o->next_page;
    return (tiff_plane) { .file = page < 0 ? TIFF_NO_FILE
                                  : data   ? find_file(o, data)
                                           : o->home,
                          .page = (uint32_t)page };
}

/* Reads a page if it exists. */
static mt_status try_page(ome *o, tiff_plane at, tiff_ifd *ifd, tiff_page *page, bool *found, mt_error *err)
{
    const tiff_file *file = NULL;
    tiff_chain *chain = at.file == TIFF_NO_FILE ? NULL : o->images->files[at.file];
    mt_status st = chain ? tiff_chain_open_page(chain, at.page, &file, err) : MT_OK;
    *found = false;
    if (!st && file && !(st = tiff_chain_read(chain, at.page, ifd, err)))
        st = tiff_examine_page(o->images, file, ifd, page, err);
    *found = !st && file;
    if (st && at.file > 0)
        mt_error_prefix(err, "%s", tiff_chain_key(chain));
    return st;
}

/* Whether a page matches the document; else the document belongs to another file. */
static mt_status check_page(ome *o, const pixels *p, const tiff_page *page, bool *fits, mt_error *err)
{
    *fits =
        page->width == p->width && page->height == p->height && (p->channels % page->samples == 0 || p->channels == 1);
    if (*fits)
        return p->channels >= page->samples
                   ? MT_OK
                   : tiff_images_warn(o->images, err,
                                      "OME-XML: SizeC is 1, but pages have %lld samples: each is a channel",
                                      (long long)page->samples);
    return tiff_images_warn(o->images, err,
                            "an image of the OME-XML is ignored: it has %lld x %lld pixels and %lld channels, but "
                            "its page has %lld x %lld pixels of %lld samples",
                            (long long)p->width, (long long)p->height, (long long)p->channels, (long long)page->width,
                            (long long)page->height, (long long)page->samples);
}

/* Finds the first plane that exists; its page represents all pages. A broken file affects only its own planes. *found
 * is false if no plane exists or the page does not match the document. */
static mt_status find_reference(ome *o, pixels *p, tiff_ifd *ifd, bool *found, mt_error *err)
{
    const mt_xml *data = p->data;
    uint32_t useless = TIFF_NO_FILE; /* a file that is missing or broken */
    mt_error first = MT_ERROR_INIT;
    *found = false;
    do {
        mt_error own = MT_ERROR_INIT;
        tiff_plane at = first_place(o, data);
        mt_status st = at.file == useless ? MT_OK : try_page(o, at, ifd, &p->series->page, found, &own);
        if (st && (at.file == 0 || (st != MT_E_CORRUPT && st != MT_E_UNSUPPORTED)))
            return mt_fail(err, st, "%s", own.message);
        if (st && !first.status)
            first = own;
        if (st || (at.file != TIFF_NO_FILE && tiff_chain_is_missing(o->images->files[at.file], NULL)))
            useless = at.file;
        p->reference = at;
        data = data ? mt_xml_next(data) : NULL;
    } while (!*found && data);
    if (!*found && first.status)
        return mt_fail(err, first.status, "%s", first.message);
    o->n_absent += !*found;
    return *found ? check_page(o, p, &p->series->page, found, err) : MT_OK;
}

/* Some writers count planes from 1: then all indices are off by one. */
static mt_status find_bases(ome *o, pixels *p, mt_error *err)
{
    bool any = false;
    for (int i = 0; i < 3; i++) {
        char name[] = "FirstX";
        int64_t low = INT64_MAX, high = -1;
        name[5] = p->order[i];
        for (const mt_xml *data = p->data; data; data = mt_xml_next(data)) {
            int64_t at = get_count(data, name, 0);
            low = mt_min_i64(low, at);
            high = mt_max_i64(high, at);
        }
        p->base[i] = low == 1 && high == p->size[i];
        any = any || p->base[i];
    }
    return any ? tiff_images_warn(o->images, err, "OME-XML: TiffData counts planes from 1") : MT_OK;
}

/* The index of a plane from the attributes FirstZ, FirstC and FirstT; -1 if there is no such plane. */
static int64_t first_plane(const pixels *p, const mt_xml *data)
{
    int64_t plane = 0;
    for (int i = 0; i < 3; i++) {
        char name[] = "FirstX";
        name[5] = p->order[i];
        int64_t at = get_count(data, name, p->base[i]) - p->base[i];
        if (at < 0 || at >= p->size[i])
            return -1;
        plane = plane * p->size[i] + at;
    }
    return plane;
}

static const char *get_shown(const mt_xml *data, const char *name)
{
    const char *text = mt_xml_get(data, name);
    return text ? text : "0";
}

static mt_status place_planes(ome *o, pixels *p, const mt_xml *data, mt_error *err)
{
    uint32_t file = find_file(o, data);
    int64_t plane = first_plane(p, data), page = get_count(data, "IFD", 0), n;
    if (plane < 0 || page < 0)
        return tiff_images_warn(o->images, err,
                                "OME-XML: TiffData with IFD=\"%s\" FirstZ=\"%s\" FirstC=\"%s\" FirstT=\"%s\" is "
                                "ignored: there is no such plane",
                                get_shown(data, "IFD"), get_shown(data, "FirstZ"), get_shown(data, "FirstC"),
                                get_shown(data, "FirstT"));
    mt_status st = count_planes(o, p, data, file, page, (int64_t)p->series->n_planes - plane, &n, err);
    if (!st && (p->placed += (uint64_t)n) > 4 * p->series->n_planes)
        st = mt_fail(err, MT_E_CORRUPT, "OME-XML: TiffData place each plane more than four times");
    for (int64_t i = 0; !st && i < n; i++)
        p->planes[plane + i] = (tiff_plane) { .file = file, .page = (uint32_t)(page + i) };
    if (!st && file == o->home && (uint64_t)(page + n) > o->next_page)
        o->next_page = (uint64_t)(page + n);
    return st;
}

static mt_status place_all(ome *o, pixels *p, mt_error *err)
{
    for (uint64_t i = 0; i < p->series->n_planes; i++)
        p->planes[i].file = TIFF_NO_FILE;
    mt_status st = find_bases(o, p, err);
    for (const mt_xml *data = p->data; !st && data; data = mt_xml_next(data))
        st = place_planes(o, p, data, err);
    if (st || p->data || o->home == TIFF_NO_FILE)
        return st;
    for (uint64_t i = 0; i < p->series->n_planes; i++)
        p->planes[i] = (tiff_plane) { .file = o->home, .page = (uint32_t)o->next_page++ };
    return MT_OK;
}

static void read_pixel_sizes(const pixels *p)
{
    static const char *const names[4][3] = { { "TimeIncrement", "TimeIncrementUnit", "s" },
                                             { "PhysicalSizeZ", "PhysicalSizeZUnit", "\xc2\xb5m" },
                                             { "PhysicalSizeY", "PhysicalSizeYUnit", "\xc2\xb5m" },
                                             { "PhysicalSizeX", "PhysicalSizeXUnit", "\xc2\xb5m" } };
    for (int i = 0; i < 4; i++) {
        const char *size = mt_xml_get(p->element, names[i][0]), *unit = mt_xml_get(p->element, names[i][1]);
        double value;
        const char *known = mt_unit_find(unit ? unit : names[i][2]); /* "pixel" is not a unit */
        if (known && size && mt_parse_real(&size, &value) && value > 0) {
            p->series->pixel_size[i] = value;
            p->series->unit[i] = known;
        }
    }
}

static int64_t count_siblings(const mt_xml *element)
{
    int64_t n = 0;
    for (; element; element = mt_xml_next(element))
        n++;
    return n;
}

/* Reads names and colours. A channel of several samples counts as that many channels, unless the document lists a
 * channel for each sample, as some writers do for RGB pages. */
static mt_status read_channels(ome *o, const pixels *p, int64_t samples, mt_error *err)
{
    const mt_xml *element = mt_xml_child(p->element, "Channel");
    if (!element || p->channels > UINT16_MAX)
        return MT_OK;
    mt_channel *channels = mt_arena_alloc(o->images->arena, (size_t)p->channels, sizeof *channels, err);
    if (!channels)
        return MT_E_MEMORY;
    if (count_siblings(element) == p->channels)
        samples = 1;
    for (int64_t c = 0; c < p->channels; c++) {
        const char *name = element ? mt_xml_get(element, "Name") : NULL;
        const char *color = element ? mt_xml_get(element, "Color") : NULL;
        channels[c].name = name ? mt_arena_strndup(o->images->arena, name, strlen(name), err) : "";
        if (!channels[c].name)
            return MT_E_MEMORY;
        int64_t number;
        if (color && samples == 1 && mt_parse_integer(&color, &number)) {
            /* RGBA as a signed number; the defaults of the schemas, -1 and -2^31, mean none */
            uint32_t rgba = (uint32_t)number;
            channels[c].has_color = rgba != UINT32_MAX && rgba != 0x80000000U && (rgba >> 8) != 0;
            for (int i = 0; i < 3; i++)
                channels[c].rgb[i] = (uint8_t)(rgba >> (24 - 8 * i));
        }
        if (element && (c + 1) % samples == 0)
            element = mt_xml_next(element);
    }
    p->series->channels = channels;
    p->series->n_channels = (size_t)p->channels;
    return MT_OK;
}

static void set_dimensions(const pixels *p)
{
    p->series->planes = p->planes;
    for (int i = 0; i < 3; i++)
        tiff_add_axis(p->series, p->order[i], p->size[i]);
}

/* Reads levels, and pixel sizes that the document lacks, from the reference page. */
static mt_status read_reference(ome *o, const pixels *p, const tiff_ifd *ifd, mt_error *err)
{
    const tiff_file *file;
    mt_status st = tiff_chain_open(o->images->files[p->planes[p->series->reference].file], &file, err);
    if (st || (st = tiff_find_sub_levels(o->images, file, ifd, p->series, err)) ||
        (st = tiff_find_resolution(file, ifd, p->series, err)))
        return st;
    return tiff_compare_sub_levels(o->images, p->series, err);
}

/* Chooses the reference: the plane whose page was read or, if no plane is placed there, the first that exists. */
static mt_status choose_reference(ome *o, pixels *p, tiff_ifd *ifd, bool *found, mt_error *err)
{
    tiff_series *series = p->series;
    uint64_t *i = &series->reference;
    for (*i = 0; *i < series->n_planes; ++*i)
        if (p->planes[*i].file == p->reference.file && p->planes[*i].page == p->reference.page)
            return MT_OK;
    *found = false;
    for (*i = 0; *i < series->n_planes && !*found; ++*i) {
        tiff_plane at = p->planes[*i];
        if (at.file == TIFF_NO_FILE || tiff_chain_is_missing(o->images->files[at.file], NULL))
            continue;
        mt_status st = try_page(o, at, ifd, &series->page, found, err);
        if (st)
            return st;
    }
    --*i;
    return *found ? check_page(o, p, &series->page, found, err) : MT_OK;
}

/* SizeC counts samples: divides it by the samples of a page. */
static mt_status make_planes(ome *o, pixels *p, mt_error *err)
{
    int64_t n;
    p->size[strchr(p->order, 'C') - p->order] = mt_max_i64(p->channels / p->series->page.samples, 1);
    if (mt_product_i64(p->size, 3, &n) || (uint64_t)n > o->source->env->limits.max_pages)
        return mt_fail(err, MT_E_LIMIT, "more planes than max_pages (%zu)", o->source->env->limits.max_pages);
    p->series->n_planes = (uint64_t)n;
    p->planes = mt_arena_alloc(o->images->arena, (size_t)n, sizeof *p->planes, err);
    return p->planes ? place_all(o, p, err) : MT_E_MEMORY;
}

/* Reads the image of a Pixels element; *out is NULL if no plane exists. */
static mt_status read_pixels(ome *o, const mt_xml *element, tiff_series **out, mt_error *err)
{
    pixels p = { .element = element, .data = mt_xml_child(element, "TiffData") };
    tiff_ifd ifd;
    bool found;
    *out = NULL;
    p.series = mt_arena_alloc(o->images->arena, 1, sizeof *p.series, err);
    if (!p.series)
        return MT_E_MEMORY;
    if (!read_layout(&p))
        return tiff_images_warn(o->images, err,
                                "an image of the OME-XML is ignored: its sizes or its DimensionOrder are invalid");
    mt_status st = find_reference(o, &p, &ifd, &found, err);
    if (st || !found || (st = make_planes(o, &p, err)) || (st = choose_reference(o, &p, &ifd, &found, err)) || !found ||
        (st = read_channels(o, &p, p.series->page.samples, err)))
        return st;
    read_pixel_sizes(&p);
    set_dimensions(&p);
    *out = p.series;
    return read_reference(o, &p, &ifd, err);
}

static bool is_in_this_file(const tiff_series *series)
{
    for (uint64_t i = 0; i < series->n_planes; i++)
        if (series->planes[i].file == 0)
            return true;
    return false;
}

static mt_status read_name(ome *o, const mt_xml *image, tiff_series *series, mt_error *err)
{
    const char *name = mt_xml_get(image, "Name");
    if (name && !(series->name = mt_arena_strndup(o->images->arena, name, strlen(name), err)))
        return MT_E_MEMORY;
    return MT_OK;
}

static mt_status read_images(ome *o, const mt_xml *root, bool *found, mt_error *err)
{
    bool preferred = false;
    for (const mt_xml *image = mt_xml_child(root, "Image"); image; image = mt_xml_next(image)) {
        const mt_xml *element = mt_xml_child(image, "Pixels");
        tiff_series *series = NULL;
        mt_status st = element ? read_pixels(o, element, &series, err) : MT_OK;
        if (!st && series)
            st = read_name(o, image, series, err);
        if (st || (series && (st = tiff_add_series(o->images, series, err))))
            return st;
        if (series && !preferred && is_in_this_file(series)) {
            o->images->preferred = o->images->n - 1;
            preferred = true;
        }
    }
    *found = o->images->n > 0;
    return MT_OK;
}

/* Parses the OME-XML of a file: an OME-TIFF or a plain XML document. */
static mt_status parse_document(ome *o, const char *key, mt_xml **root, bool *is_tiff, mt_error *err)
{
    uint8_t head[8];
    size_t n, limit = o->source->env->limits.max_xml_bytes;
    uint64_t bytes;
    char *text;
    const char *what = mt_arena_printf(o->scratch, err, "the OME-XML of %s", key), *repair;
    mt_store *store = o->source->store;
    mt_status st = what ? mt_store_read_start(store, key, head, sizeof head, &n, &bytes, err) : MT_E_MEMORY;
    *is_tiff = !st && tiff_is_magic(head, n);
    if (!st && *is_tiff) {
        tiff_file file;
        tiff_ifd ifd;
        if (!(st = tiff_open_file(o->source->env, store, key, &file, err)) &&
            !(st = tiff_read_ifd(&file, file.first, &ifd, err)))
            st = tiff_get_text(&file, &ifd, TAG_DESCRIPTION, o->scratch, &text, &n, err);
    } else if (!st) {
        st = mt_store_load(store, key, limit, "max_xml_bytes", o->scratch, &text, &n, err);
    }
    if (st || (st = mt_xml_parse_loosely(o->scratch, text, n, what, root, &repair, err)))
        return st;
    return repair ? tiff_images_warn(o->images, err, "%s: %s", what, repair) : MT_OK;
}

/* Follows a BinaryOnly element to the file with the metadata. If that is unusable, pages are read without metadata. */
static mt_status follow_binary_only(ome *o, mt_xml **root, mt_error *err)
{
    const mt_xml *only = mt_xml_child(*root, "BinaryOnly");
    const char *name = only ? mt_xml_get(only, "MetadataFile") : NULL, *key;
    tiff_images *images = o->images;
    if (!name || !*name)
        return MT_OK;
    ome_files *files;
    mt_error own = MT_ERROR_INIT;
    mt_status st = ome_files_new(o->source, o->scratch, images, o->source->key, NULL, 1, &files, err);
    if (st || (st = ome_files_resolve(files, name, &key, err)))
        return st;
    if (!key) {
        images->lost = mt_arena_strndup(images->arena, name, strlen(name), err);
        return images->lost ? MT_OK : MT_E_MEMORY;
    }
    if (strcmp(key, o->source->key) == 0)
        return MT_OK;
    mt_xml *other;
    bool is_tiff;
    st = parse_document(o, key, &other, &is_tiff, &own);
    if (st == MT_E_CORRUPT)
        return tiff_images_warn(images, err, "the metadata of this file is in %s, which cannot be parsed: %s", key,
                                own.message);
    if (st)
        return mt_fail(err, st, "%s", own.message);
    *root = other;
    o->document_is_tiff = is_tiff;
    images->document = mt_arena_strndup(images->arena, key, strlen(key), err);
    return images->document ? MT_OK : MT_E_MEMORY;
}

/* Reports what was ignored, once all images were searched. */
static mt_status report_absent(ome *o, mt_error *err)
{
    const char *missing = "";
    unsigned long long n = o->n_absent;
    bool any = o->images->n > 0;
    mt_status st = o->files ? ome_files_missing(o->files, &missing, err) : MT_OK;
    if (st)
        return st;
    if (o->companion && !any)
        return mt_fail(err, *missing ? MT_E_NOT_FOUND : MT_E_CORRUPT, "no image of this OME-XML exists%s%s",
                       *missing ? ", missing: " : "", missing);
    if (!any && o->images->lost)
        return tiff_images_warn(o->images, err,
                                "the metadata of this file is in %s, which is not there: its pages are read "
                                "without it",
                                o->images->lost);
    if (!any)
        return tiff_images_warn(o->images, err,
                                "the OME-XML has no image of this file, whose pages are read without it");
    return n == 0 ? MT_OK
                  : tiff_images_warn(o->images, err,
                                     "%llu more image%s of the OME-XML %s no plane in the files that exist", n,
                                     n > 1 ? "s" : "", n > 1 ? "have" : "has");
}

mt_status tiff_describe_ome(const tiff_scan *scan, const char *text, size_t size, bool *found, mt_error *err)
{
    ome o = { .source = scan->source, .scratch = scan->scratch, .images = scan->images };
    mt_xml *root;
    const char *repair;
    mt_error own = MT_ERROR_INIT;
    *found = false;
    o.companion = !tiff_is_magic(scan->source->head, scan->source->head_size);
    o.home = o.companion ? TIFF_NO_FILE : 0;
    mt_status st = mt_xml_parse_loosely(o.scratch, text, size, "OME-XML", &root, &repair, &own);
    if (st == MT_E_CORRUPT && !o.companion) /* for example truncated by ImageJ: falls back to plain pages */
        return tiff_images_warn(o.images, err, "the description cannot be parsed, and is ignored: %s", own.message);
    if (st)
        return mt_fail(err, st, "%s", own.message);
    if (repair && (st = tiff_images_warn(o.images, err, "OME-XML: %s", repair)))
        return st;
    o.uuid = o.companion ? NULL : mt_xml_get(root, "UUID");
    if ((st = follow_binary_only(&o, &root, err)) || (st = find_files(&o, root, err)) ||
        (st = read_images(&o, root, found, err)) || (st = report_absent(&o, err)))
        return st;
    return o.source->store->costs.is_slow ? MT_OK : tiff_count_pages(o.images, err);
}
