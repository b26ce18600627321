/* SPDX-License-Identifier: BSD-3-Clause */
/* The metadata segment: an XML document, often of half a megabyte, of which only three elements are parsed. */
#include "base/number.h"
#include "base/xml.h"
#include "format/czi/czi.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 256
#define END_BYTES ((size_t)32 << 10)

/* Location of the document; size 0 if there is none. */
typedef struct document {
    uint64_t offset;
    size_t size;
} document;

static mt_status find_document(const czi_file *file, document *out, mt_error *err)
{
    uint8_t head[CZI_SEGMENT_HEAD + 4];
    size_t limit = file->env->limits.max_xml_bytes;
    *out = (document) { .size = 0 };
    if (file->metadata == 0)
        return MT_OK;
    uint64_t room = file->size > file->metadata ? file->size - file->metadata : 0;
    if (room < CZI_SEGMENT_HEAD + HEAD_BYTES)
        return mt_fail(err, MT_E_CORRUPT, "the metadata at %llu lies outside the file of %llu bytes",
                       (unsigned long long)file->metadata, (unsigned long long)file->size);
    mt_status st = czi_read(file, file->metadata, head, sizeof head, err);
    if (st)
        return st;
    *out = (document) { file->metadata + CZI_SEGMENT_HEAD + HEAD_BYTES, mt_load_u32le(head + CZI_SEGMENT_HEAD) };
    if (memcmp(head, "ZISRAWMETADATA", sizeof "ZISRAWMETADATA") != 0)
        return mt_fail(err, MT_E_CORRUPT, "the segment at %llu is not a ZISRAWMETADATA",
                       (unsigned long long)file->metadata);
    if (out->size > room - CZI_SEGMENT_HEAD - HEAD_BYTES)
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes of metadata at %llu in a file of %llu", out->size,
                       (unsigned long long)file->metadata, (unsigned long long)file->size);
    if (out->size > limit)
        return mt_fail(err, MT_E_LIMIT, "metadata of %zu bytes, more than max_xml_bytes (%zu)", out->size, limit);
    return MT_OK;
}

/* Loads the last n bytes of the document, NUL-terminated. */
static mt_status load_end(const czi_file *file, const document *d, size_t n, mt_arena *arena, char **out, mt_error *err)
{
    *out = mt_arena_alloc(arena, n + 1, 1, err);
    return *out ? czi_read(file, d->offset + (d->size - n), *out, n, err) : MT_E_MEMORY;
}

/* Parses the next element of a name from *at on; NULL if there is none. Elements that cannot be parsed are skipped, and
 * why is set. */
static mt_status parse_element(const char **at, const char *start, const char *end, mt_arena *arena, mt_xml **out,
                               mt_error *why, mt_error *err)
{
    *out = NULL;
    while (!*out) {
        const char *from = strstr(*at, start), *to = from ? strstr(from, end) : NULL;
        if (!to)
            return MT_OK;
        *at = to + strlen(end);
        mt_error own = MT_ERROR_INIT;
        const char *repair;
        mt_status st = mt_xml_parse_loosely(arena, from, (size_t)(*at - from), start, out, &repair, &own);
        if (st == MT_E_MEMORY)
            return mt_fail(err, st, "%s", own.message);
        if (st) {
            *out = NULL;
            *why = own;
        }
    }
    return MT_OK;
}

/* Distances are in metres. */
static void read_scaling(const mt_xml *scaling, int32_t factor, mt_chunk_map *map)
{
    const mt_xml *items = mt_xml_child(scaling, "Items");
    const mt_xml *distance = items ? mt_xml_child(items, "Distance") : NULL;
    for (; distance; distance = mt_xml_next(distance)) {
        const char *id = mt_xml_get(distance, "Id");
        const mt_xml *value = mt_xml_child(distance, "Value");
        const char *text = value ? value->text : "";
        double size;
        mt_parse_real(&text, &size);
        size *= 1e6;
        for (int d = 0; d < map->ndim && id && strlen(id) == 1 && size > 0; d++)
            if (map->axes[d] == *id && strchr("XYZ", *id)) {
                map->pixel_size[d] = *id == 'Z' ? size : size * factor;
                map->unit[d] = "micrometer";
            }
    }
}

/* "#FF00A1FF": opacity, red, green, blue. */
static void read_color(const char *text, mt_channel *out)
{
    size_t n = strlen(text);
    char *end;
    if (n < 7 || text[0] != '#')
        return;
    unsigned long rgb = strtoul(text + n - 6, &end, 16);
    out->has_color = *end == 0;
    for (int i = 0; i < 3; i++)
        out->rgb[i] = (uint8_t)(rgb >> (16 - 8 * i));
}

/* Reads channels from Dimensions or DisplaySetting. Values that are already known are kept. */
static mt_status read_channels(const mt_xml *parent, int32_t first, size_t n, mt_channel *channels, mt_arena *arena,
                               mt_error *err)
{
    const mt_xml *list = mt_xml_child(parent, "Channels"), *channel = list ? mt_xml_child(list, "Channel") : NULL;
    for (int64_t k = 0; channel; k++, channel = mt_xml_next(channel)) {
        if (k < first || (uint64_t)(k - first) >= n)
            continue;
        mt_channel *out = &channels[k - first];
        const char *name = mt_xml_get(channel, "Name");
        const mt_xml *color = mt_xml_child(channel, "Color");
        if (name && !*out->name && !(out->name = mt_arena_strndup(arena, name, strlen(name), err)))
            return MT_E_MEMORY;
        if (color && !out->has_color)
            read_color(color->text, out);
    }
    return MT_OK;
}

/* Seconds between time points, from an interval or from a list of times. */
static double find_interval(const mt_xml *dimensions, int64_t n)
{
    const mt_xml *t = mt_xml_child(dimensions, "T"), *positions = t ? mt_xml_child(t, "Positions") : NULL;
    const mt_xml *interval = positions ? mt_xml_child(positions, "Interval") : NULL;
    const mt_xml *list = positions ? mt_xml_child(positions, "List") : NULL;
    const mt_xml *step = interval ? mt_xml_child(interval, "Increment") : NULL;
    const mt_xml *offsets = list ? mt_xml_child(list, "Offsets") : NULL;
    const char *text = step ? step->text : offsets ? offsets->text : "";
    double first = 0, last = 0;
    int64_t count = 0;
    for (double value; count < n && mt_parse_real(&text, &value); count++) {
        last = value;
        first = count ? first : last;
    }
    if (step)
        return first;
    return count == n && n > 1 ? (last - first) / (double)(n - 1) : 0;
}

static void read_interval(const mt_xml *dimensions, mt_chunk_map *map)
{
    for (int d = 0; d < map->ndim; d++)
        if (map->axes[d] == 'T') {
            double seconds = find_interval(dimensions, map->shape[d]);
            map->pixel_size[d] = seconds > 0 ? seconds : 0;
            map->unit[d] = seconds > 0 ? "second" : NULL;
        }
}

/* The last element of a name that has one of two children: the settings of the experiment precede those of the
 * image. */
static mt_status find_element(const char *text, const char *start, const char *end, const char *child,
                              const char *other, mt_arena *arena, mt_xml **out, mt_error *why, mt_error *err)
{
    mt_xml *next;
    mt_status st;
    *out = NULL;
    while (!(st = parse_element(&text, start, end, arena, &next, why, err)) && next)
        if (mt_xml_child(next, child) || mt_xml_child(next, other))
            *out = next;
    return st;
}

typedef struct elements {
    mt_xml *scaling, *dimensions, *display;
    mt_error why; /* keeps the last failure, which is not an error of this function */
} elements;

/* Finds the elements that are still missing. */
static mt_status find_elements(const char *text, mt_arena *arena, elements *e, mt_error *err)
{
    mt_status st = MT_OK;
    if (!e->dimensions)
        st = find_element(text, "<Dimensions>", "</Dimensions>", "Channels", "T", arena, &e->dimensions, &e->why, err);
    if (!st && !e->scaling)
        st = find_element(text, "<Scaling>", "</Scaling>", "Items", "Items", arena, &e->scaling, &e->why, err);
    if (!st && !e->display)
        st = find_element(text, "<DisplaySetting>", "</DisplaySetting>", "Channels", "Channels", arena, &e->display,
                          &e->why, err);
    return st;
}

/* They are usually at the end of the document. The rest is searched only if some are missing. */
static mt_status load_elements(const czi_file *file, mt_arena *arena, elements *out, mt_error *err)
{
    document d;
    mt_status st = find_document(file, &d, err);
    *out = (elements) { .scaling = NULL };
    for (size_t n = 0; !st && n < d.size && !(out->scaling && out->dimensions && out->display);) {
        char *text;
        n = n == 0 && d.size > END_BYTES ? END_BYTES : d.size;
        if (!(st = load_end(file, &d, n, arena, &text, err)))
            st = find_elements(text, arena, out, err);
    }
    return st;
}

static mt_status describe_channels(const mt_xml *display, const mt_xml *dimensions, const czi_image *image,
                                   mt_chunk_map *map, mt_error *err)
{
    size_t n = (size_t)((int64_t)image->high[CZI_C] - image->low[CZI_C]);
    if (n > 4096 || czi_find_pixel_type(image->pixel_type)->samples > 1 || (!display && !dimensions))
        return MT_OK;
    mt_channel *channels = mt_arena_alloc(map->arena, n, sizeof *channels, err);
    if (!channels)
        return MT_E_MEMORY;
    for (size_t i = 0; i < n; i++)
        channels[i].name = "";
    map->channels = channels;
    map->n_channels = n;
    int32_t first = image->low[CZI_C];
    mt_status st = display ? read_channels(display, first, n, channels, map->arena, err) : MT_OK;
    return st || !dimensions ? st : read_channels(dimensions, first, n, channels, map->arena, err);
}

mt_status czi_describe(const czi_file *file, const czi_image *image, mt_chunk_map *map, mt_error *err)
{
    mt_arena *arena;
    elements found;
    mt_status st = mt_arena_new(file->env, &arena, err);
    if (st)
        return st;
    st = load_elements(file, arena, &found, err);
    if (!st && found.scaling)
        read_scaling(found.scaling, image->factor[map->level], map);
    if (!st && found.dimensions)
        read_interval(found.dimensions, map);
    if (!st && found.why.status && !(found.scaling && found.dimensions && found.display))
        st = mt_chunk_map_warn(map, err, "an element of the metadata cannot be parsed, and is ignored: %s",
                               found.why.message);
    if (!st)
        st = describe_channels(found.display, found.dimensions, image, map, err);
    mt_arena_free(arena);
    return st;
}

mt_status czi_name_scenes(const czi_file *file, const czi_survey *survey, mt_arena *arena, const char ***out,
                          mt_error *err)
{
    size_t n = survey->n_scenes ? survey->n_scenes : 1;
    elements found;
    const char **names = mt_arena_alloc(arena, n, sizeof *names, err);
    if (!names)
        return MT_E_MEMORY;
    for (size_t i = 0; i < n; i++)
        names[i] = "";
    *out = names;
    mt_status st = load_elements(file, arena, &found, err);
    const mt_xml *s = !st && found.dimensions ? mt_xml_child(found.dimensions, "S") : NULL;
    const mt_xml *scenes = s ? mt_xml_child(s, "Scenes") : NULL;
    const mt_xml *scene = scenes ? mt_xml_child(scenes, "Scene") : NULL;
    for (; scene; scene = mt_xml_next(scene)) {
        const char *name = mt_xml_get(scene, "Name"), *number = mt_xml_get(scene, "Index");
        int64_t index = 0;
        bool known = !number || mt_parse_integer(&number, &index);
        size_t i = known && index >= 0 && index < INT32_MAX ? czi_find_scene(survey, (int32_t)index) : n;
        if (name && i < n && (survey->n_scenes == 0 || survey->scenes[i] == index))
            names[i] = name;
    }
    return st;
}
