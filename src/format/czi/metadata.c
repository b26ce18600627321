/* SPDX-License-Identifier: BSD-3-Clause */
/* The metadata segment: an XML document of often half a megabyte, of which only two elements are parsed. */
#include "base/xml.h"
#include "format/czi/czi.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 256

/* The document, with a NUL behind it; NULL if there is none. */
static mt_status load_document(const czi_file *file, mt_arena *arena, char **out, mt_error *err)
{
    uint8_t head[32 + 4];
    size_t limit = file->env->limits.max_xml_bytes;
    *out = NULL;
    if (file->metadata == 0)
        return MT_OK;
    uint64_t room = file->size > file->metadata ? file->size - file->metadata : 0;
    if (room < 32 + HEAD_BYTES)
        return mt_fail(err, MT_E_CORRUPT, "the metadata at %llu lies outside the file of %llu bytes",
                       (unsigned long long)file->metadata, (unsigned long long)file->size);
    mt_status st = mt_store_read_at(file->store, file->key, file->metadata, head, sizeof head, err);
    if (st)
        return st;
    size_t size = mt_load_u32le(head + 32);
    if (memcmp(head, "ZISRAWMETADATA", sizeof "ZISRAWMETADATA") != 0)
        return mt_fail(err, MT_E_CORRUPT, "the segment at %llu is no ZISRAWMETADATA",
                       (unsigned long long)file->metadata);
    if (size > room - 32 - HEAD_BYTES)
        return mt_fail(err, MT_E_CORRUPT, "%zu bytes of metadata at %llu in a file of %llu", size,
                       (unsigned long long)file->metadata, (unsigned long long)file->size);
    if (size > limit)
        return mt_fail(err, MT_E_LIMIT, "metadata of %zu bytes, more than max_xml_bytes (%zu)", size, limit);
    *out = mt_arena_alloc(arena, size + 1, 1, err);
    if (!*out)
        return MT_E_MEMORY;
    return mt_store_read_at(file->store, file->key, file->metadata + 32 + HEAD_BYTES, *out, size, err);
}

/* The next element of a name from *at on, parsed; NULL where there is none, or it is no XML. */
static mt_status parse_element(const char **at, const char *start, const char *end, mt_arena *arena, mt_xml **out,
                               mt_error *err)
{
    *out = NULL;
    while (!*out) {
        const char *from = strstr(*at, start), *to = from ? strstr(from, end) : NULL;
        if (!to)
            return MT_OK;
        *at = to + strlen(end);
        mt_error own = MT_ERROR_INIT;
        mt_status st = mt_xml_parse(arena, from, (size_t)(*at - from), start, out, &own);
        if (st == MT_E_MEMORY)
            return mt_fail(err, st, "%s", own.message);
        if (st)
            *out = NULL;
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
        double size = value ? strtod(value->text, NULL) * 1e6 : 0;
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

static mt_status read_channels(const mt_xml *settings, int32_t first, size_t n, mt_chunk_map *map, mt_error *err)
{
    const mt_xml *list = mt_xml_child(settings, "Channels"), *channel = list ? mt_xml_child(list, "Channel") : NULL;
    mt_channel *channels = mt_arena_alloc(map->arena, n, sizeof *channels, err);
    if (!channels)
        return MT_E_MEMORY;
    for (size_t i = 0; i < n; i++)
        channels[i].name = "";
    for (int32_t k = 0; channel; k++, channel = mt_xml_next(channel)) {
        if (k < first || (size_t)(k - first) >= n)
            continue;
        mt_channel *out = &channels[k - first];
        const char *name = mt_xml_get(channel, "Name");
        const mt_xml *color = mt_xml_child(channel, "Color");
        out->name = name ? mt_arena_strndup(map->arena, name, strlen(name), err) : "";
        if (!out->name)
            return MT_E_MEMORY;
        if (color)
            read_color(color->text, out);
    }
    map->channels = channels;
    map->n_channels = n;
    return MT_OK;
}

static mt_status describe(const char *text, const czi_image *image, mt_arena *arena, mt_chunk_map *map, mt_error *err)
{
    const char *at = text;
    mt_xml *element;
    size_t n = (size_t)((int64_t)image->high[CZI_C] - image->low[CZI_C]);
    mt_status st = parse_element(&at, "<Scaling>", "</Scaling>", arena, &element, err);
    while (!st && element && !mt_xml_child(element, "Items"))
        st = parse_element(&at, "<Scaling>", "</Scaling>", arena, &element, err);
    if (!st && element)
        read_scaling(element, image->factor[map->level], map);
    at = text;
    if (!st && n <= 4096 && czi_find_pixel_type(image->pixel_type)->samples == 1)
        st = parse_element(&at, "<DisplaySetting>", "</DisplaySetting>", arena, &element, err);
    else
        element = NULL;
    return st || !element ? st : read_channels(element, image->low[CZI_C], n, map, err);
}

mt_status czi_describe(const czi_file *file, const czi_image *image, mt_chunk_map *map, mt_error *err)
{
    mt_arena *arena;
    char *text;
    mt_status st = mt_arena_new(file->env, &arena, err);
    if (st)
        return st;
    if (!(st = load_document(file, arena, &text, err)) && text)
        st = describe(text, image, arena, map, err);
    mt_arena_free(arena);
    return st;
}
