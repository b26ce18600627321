/* SPDX-License-Identifier: BSD-3-Clause */
/* OME-TIFF: OME-XML tells which planes lie where, in this file and in others beside it.
 * Source: the OME-TIFF specification and the OME schemas of 2008-09 to 2016-06. */
#include "base/checked.h"
#include "base/number.h"
#include "base/xml.h"
#include "format/tiff/tiff.h"

#include <string.h>

#define NUMBER_SLOTS (2 * TIFF_MAX_FILES)

/* What is known while the images of a document are read. */
typedef struct ome {
    const mt_source *source;
    mt_arena *scratch; /* of the document */
    tiff_images *images;
    uint32_t *numbers;  /* hash table from keys to files; NULL until another file is named */
    const char *uuid;   /* of the file that was opened, or NULL */
    bool companion;     /* the document is no TIFF itself: files[0] holds no pages */
    uint64_t next_page; /* behind the last plane of this file: where an image without TiffData starts */
} ome;

/* One Pixels element: the leading dimensions, slowest first, and where each plane lies. */
typedef struct pixels {
    const mt_xml *element, *data; /* and its first TiffData, or NULL */
    int64_t width, height, channels;
    char order[4];        /* slowest first: "TCZ" */
    int64_t size[3];      /* of each; along C, without the samples of a page */
    tiff_plane reference; /* whose page tells what pages are like */
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

/* Sizes and order; false where they make no sense. */
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

/* The key of a file in the folder of the one that was opened. */
static mt_status beside(const ome *o, const char *name, char **out, mt_error *err)
{
    const char *key = o->source->key, *slash = strrchr(key, '/');
    *out = mt_arena_printf(o->scratch, err, "%.*s%s", slash ? (int)(slash + 1 - key) : 0, key, name);
    return *out ? MT_OK : MT_E_MEMORY;
}

static mt_status append_file(ome *o, const char *key, mt_error *err)
{
    tiff_images *images = o->images;
    if (images->n_files >= TIFF_MAX_FILES)
        return mt_fail(err, MT_E_LIMIT, "an image of more than %d files", TIFF_MAX_FILES);
    if ((images->n_files & (images->n_files - 1)) == 0) { /* full: room is a power of two */
        tiff_chain **moved = mt_arena_alloc(images->arena, 2 * images->n_files, sizeof *moved, err);
        if (!moved)
            return MT_E_MEMORY;
        memcpy(moved, images->files, images->n_files * sizeof *moved);
        images->files = moved;
    }
    mt_status st =
        tiff_chain_new(o->source->env, o->source->store, key, images->arena, &images->files[images->n_files], err);
    images->n_files += !st;
    return st;
}

/* The number of the file with a key; a new one where there is none yet. */
static mt_status find_key(ome *o, const char *key, uint32_t *out, mt_error *err)
{
    if (!o->numbers && !(o->numbers = mt_arena_alloc(o->scratch, NUMBER_SLOTS, sizeof *o->numbers, err)))
        return MT_E_MEMORY;
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (const char *c = key; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619U;
    uint32_t slot = hash % NUMBER_SLOTS;
    while (o->numbers[slot] && strcmp(tiff_chain_key(o->images->files[o->numbers[slot]]), key) != 0)
        slot = (slot + 1) % NUMBER_SLOTS;
    if (!o->numbers[slot]) {
        mt_status st = append_file(o, key, err);
        if (st)
            return st;
        o->numbers[slot] = o->images->n_files - 1;
    }
    *out = o->numbers[slot];
    return MT_OK;
}

/* The file that a UUID element names; the one that was opened where there is none. */
static mt_status find_file(ome *o, const mt_xml *data, uint32_t *out, mt_error *err)
{
    const mt_xml *uuid = mt_xml_child(data, "UUID");
    const char *name = uuid ? mt_xml_get(uuid, "FileName") : NULL;
    *out = o->companion ? TIFF_NO_FILE : 0;
    if (!name || (!o->companion && o->uuid && strcmp(uuid->text, o->uuid) == 0))
        return MT_OK;
    char *key;
    mt_status st = beside(o, name, &key, err);
    if (st || strcmp(key, o->source->key) == 0)
        return st;
    return find_key(o, key, out, err);
}

/* PlaneCount is 1 where IFD is given, else all directories of the file. An only element is to place all planes: those
 * that the file lacks are an error when they are read. */
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

/* Where the first plane of a TiffData element (NULL: of a document without) lies; file TIFF_NO_FILE: nowhere. */
static mt_status first_place(ome *o, const mt_xml *data, tiff_plane *out, mt_error *err)
{
    int64_t page = data ? get_count(data, "IFD", 0) : (int64_t)o->next_page;
    *out = (tiff_plane) { .file = o->companion || page < 0 ? TIFF_NO_FILE : 0, .page = (uint32_t)page };
    if (!data || page < 0)
        return MT_OK;
    return find_file(o, data, &out->file, err);
}

/* Reads a page if its file is there. */
static mt_status try_page(ome *o, tiff_plane at, tiff_ifd *ifd, tiff_page *page, bool *found, mt_error *err)
{
    const tiff_file *file = NULL;
    tiff_chain *chain = at.file == TIFF_NO_FILE ? NULL : o->images->files[at.file];
    mt_status st = chain ? tiff_chain_open(chain, &file, err) : MT_OK;
    *found = file != NULL;
    if (st || !file || (st = tiff_chain_read(chain, at.page, ifd, err)))
        return st;
    return tiff_examine_page(o->images, file, ifd, page, err);
}

/* The first plane that is there tells what the pages are like. *found is false where none is, or where the page is not
 * what the document describes: then it is of another file. */
static mt_status find_reference(ome *o, pixels *p, tiff_ifd *ifd, bool *found, mt_error *err)
{
    const mt_xml *data = p->data;
    uint32_t tried = TIFF_NO_FILE;
    tiff_page *page = &p->series->page;
    *found = false;
    do {
        tiff_plane at;
        mt_status st = first_place(o, data, &at, err);
        if (st || (at.file != tried && (st = try_page(o, at, ifd, page, found, err))))
            return st;
        p->reference = at;
        tried = at.file;
        data = data ? mt_xml_next(data) : NULL;
    } while (!*found && data);
    *found = *found && page->width == p->width && page->height == p->height && p->channels % page->samples == 0;
    return MT_OK;
}

/* The index of a plane from the attributes FirstZ, FirstC and FirstT. */
static mt_status first_plane(const pixels *p, const mt_xml *data, int64_t *out, mt_error *err)
{
    *out = 0;
    for (int i = 0; i < 3; i++) {
        char name[] = "FirstX";
        name[5] = p->order[i];
        int64_t at = get_count(data, name, 0);
        if (at < 0 || at >= p->size[i])
            return mt_fail(err, MT_E_CORRUPT, "OME-XML: TiffData with %s=\"%s\" in an image of %lld planes along %c",
                           name, mt_xml_get(data, name), (long long)p->size[i], p->order[i]);
        *out = *out * p->size[i] + at;
    }
    return MT_OK;
}

static mt_status place_planes(ome *o, pixels *p, const mt_xml *data, mt_error *err)
{
    uint32_t file;
    int64_t plane, page = get_count(data, "IFD", 0), n;
    mt_status st = first_plane(p, data, &plane, err);
    if (st || (st = find_file(o, data, &file, err)))
        return st;
    if (page < 0)
        return mt_fail(err, MT_E_CORRUPT, "OME-XML: TiffData with IFD=\"%s\"", mt_xml_get(data, "IFD"));
    st = count_planes(o, p, data, file, page, (int64_t)p->series->n_planes - plane, &n, err);
    if (!st && (p->placed += (uint64_t)n) > 4 * p->series->n_planes)
        st = mt_fail(err, MT_E_CORRUPT, "OME-XML: TiffData place each plane more than four times");
    for (int64_t i = 0; !st && i < n; i++)
        p->planes[plane + i] = (tiff_plane) { .file = file, .page = (uint32_t)(page + i) };
    if (!st && file == 0 && (uint64_t)(page + n) > o->next_page)
        o->next_page = (uint64_t)(page + n);
    return st;
}

static mt_status place_all(ome *o, pixels *p, mt_error *err)
{
    for (uint64_t i = 0; i < p->series->n_planes; i++)
        p->planes[i].file = TIFF_NO_FILE;
    for (const mt_xml *data = p->data; data; data = mt_xml_next(data)) {
        mt_status st = place_planes(o, p, data, err);
        if (st)
            return st;
    }
    if (p->data || o->companion)
        return MT_OK;
    for (uint64_t i = 0; i < p->series->n_planes; i++)
        p->planes[i] = (tiff_plane) { .file = 0, .page = (uint32_t)o->next_page++ };
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
        const char *known = mt_unit_find(unit ? unit : names[i][2]); /* "pixel" is none */
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

/* Names and colours. A channel of several samples stands for as many, unless each sample has one of its own, as
 * writers do that know pages of RGB only as three channels. */
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
            /* RGBA in a signed number; the defaults of the schemas, -1 and -2^31, say none */
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

/* What the page of the reference tells besides the document: levels, and pixel sizes that the document lacks. */
static mt_status read_reference(ome *o, const pixels *p, const tiff_ifd *ifd, mt_error *err)
{
    const tiff_file *file;
    mt_status st = tiff_chain_open(o->images->files[p->reference.file], &file, err);
    if (st || (st = tiff_find_sub_levels(o->images, file, ifd, p->series, err)) ||
        (st = tiff_find_resolution(file, ifd, p->series, err)))
        return st;
    return tiff_compare_sub_levels(o->images, p->series, err);
}

static bool same_plane(tiff_plane a, tiff_plane b) { return a.file == b.file && a.page == b.page; }

static bool find_reference_plane(const pixels *p)
{
    uint64_t *i = &p->series->reference;
    while (*i < p->series->n_planes && !same_plane(p->planes[*i], p->reference))
        ++*i;
    return *i < p->series->n_planes;
}

/* SizeC counts samples, a plane has as many of them as its page says. */
static mt_status make_planes(ome *o, pixels *p, mt_error *err)
{
    int64_t n;
    p->size[strchr(p->order, 'C') - p->order] /= p->series->page.samples;
    if (mt_product_i64(p->size, 3, &n) || (uint64_t)n > o->source->env->limits.max_pages)
        return mt_fail(err, MT_E_LIMIT, "more planes than max_pages (%zu)", o->source->env->limits.max_pages);
    p->series->n_planes = (uint64_t)n;
    p->planes = mt_arena_alloc(o->images->arena, (size_t)n, sizeof *p->planes, err);
    return p->planes ? place_all(o, p, err) : MT_E_MEMORY;
}

/* The image of a Pixels element; *out is NULL where it is not there. */
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
        return MT_OK;
    mt_status st = find_reference(o, &p, &ifd, &found, err);
    if (st || !found || (st = make_planes(o, &p, err)) || (st = read_channels(o, &p, p.series->page.samples, err)))
        return st;
    read_pixel_sizes(&p);
    set_dimensions(&p);
    if (!find_reference_plane(&p))
        return MT_OK;
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

/* A file that only holds pixels names the one that holds the metadata. Where that is not there, pages are what is. */
static mt_status follow_binary_only(ome *o, mt_xml **root, mt_error *err)
{
    const mt_xml *only = mt_xml_child(*root, "BinaryOnly");
    const char *name = only ? mt_xml_get(only, "MetadataFile") : NULL;
    char *key, *text;
    size_t size;
    if (!name)
        return MT_OK;
    mt_error own = MT_ERROR_INIT;
    mt_status st = beside(o, name, &key, err);
    if (st)
        return st;
    st = mt_store_load(o->source->store, key, o->source->env->limits.max_xml_bytes, "max_xml_bytes", o->scratch, &text,
                       &size, &own);
    if (st == MT_E_NOT_FOUND || st == MT_E_ARGUMENT)
        return MT_OK;
    if (st)
        return mt_fail(err, st, "%s", own.message);
    o->images->document = mt_arena_strndup(o->images->arena, key, strlen(key), err);
    return o->images->document ? mt_xml_parse(o->scratch, text, size, "OME-XML", root, err) : MT_E_MEMORY;
}

mt_status tiff_describe_ome(const tiff_scan *scan, const char *text, size_t size, bool *found, mt_error *err)
{
    ome o = { .source = scan->source, .scratch = scan->scratch, .images = scan->images };
    mt_xml *root;
    mt_error own = MT_ERROR_INIT;
    *found = false;
    o.companion = !tiff_is_magic(scan->source->head, scan->source->head_size);
    while (size > 0 && text[size - 1] == 0) /* the end of a description, often several times */
        size--;
    mt_status st = mt_xml_parse(o.scratch, text, size, "OME-XML", &root, &own);
    if (st == MT_E_CORRUPT && !o.companion)
        return MT_OK; /* cut by ImageJ, or with a damaged micro sign: pages are what is sure */
    if (st)
        return mt_fail(err, st, "%s", own.message);
    o.uuid = mt_xml_get(root, "UUID");
    st = follow_binary_only(&o, &root, err);
    return st ? st : read_images(&o, root, found, err);
}
