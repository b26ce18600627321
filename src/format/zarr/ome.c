/* SPDX-License-Identifier: BSD-3-Clause */
/* OME-Zarr 0.1 to 0.5: axes, levels, pixel sizes, units and channels of a multiscale image. */
#include "format/zarr/zarr.h"

#include <ctype.h>
#include <string.h>

const json_t *zarr_ome(const mt_node *node)
{
    const json_t *ome = json_object_get(node->attributes, "ome");
    return json_is_object(ome) ? ome : node->attributes;
}

const json_t *zarr_ome_multiscale(const mt_node *node, size_t n)
{
    if (node->kind != MT_NODE_GROUP)
        return NULL;
    const json_t *multiscale = json_array_get(json_object_get(zarr_ome(node), "multiscales"), n);
    return json_is_object(multiscale) ? multiscale : NULL;
}

int zarr_ome_levels(const json_t *multiscale)
{
    size_t n = json_array_size(json_object_get(multiscale, "datasets"));
    return n < 1000 ? (int)n : 1000;
}

const char *zarr_ome_dataset(const json_t *multiscale, size_t level)
{
    const json_t *dataset = json_array_get(json_object_get(multiscale, "datasets"), level);
    return json_string_value(json_object_get(dataset, "path"));
}

int zarr_ome_find_dataset(const json_t *multiscale, const char *path, const char *whole)
{
    for (int i = 0; i < zarr_ome_levels(multiscale); i++) {
        const char *dataset = zarr_ome_dataset(multiscale, (size_t)i);
        size_t slashes = dataset ? strspn(dataset, "/") : 0;
        if (dataset && (strcmp(dataset + slashes, path) == 0 || (slashes && strcmp(dataset + slashes, whole) == 0)))
            return i;
    }
    return -1;
}

/* Version 0.5 stores one version per group, older ones one per image; some writers omit it. */
mt_status zarr_ome_check_version(const mt_node *group, const json_t *multiscale, mt_error *err)
{
    const char *version = json_string_value(json_object_get(zarr_ome(group), "version"));
    if (!version)
        version = json_string_value(json_object_get(multiscale, "version"));
    if (!version || (strncmp(version, "0.", 2) == 0 && version[2] >= '1' && version[2] <= '5' &&
                     !isdigit((unsigned char)version[3])))
        return MT_OK;
    const char *first = zarr_ome_dataset(multiscale, 0);
    return mt_fail(err, MT_E_UNSUPPORTED, "OME-Zarr version '%s' is not supported; its arrays are, such as '#%s%s%s'",
                   version, group->path, *group->path ? "/" : "", first ? first : "");
}

/* Space axes with other names are X, Y, Z, counted from the last. Channel and time axes may have any name. All other
 * axes are merged into samples. */
static mt_status read_axes(const json_t *axes, int ndim, char *out, mt_error *err)
{
    bool by_name = true;
    for (int d = ndim - 1; d >= 0; d--) {
        const json_t *axis = json_array_get(axes, (size_t)d);
        const char *type = json_string_value(json_object_get(axis, "type"));
        const char *name = json_string_value(json_is_object(axis) ? json_object_get(axis, "name") : axis);
        if (!name)
            return mt_fail(err, MT_E_CORRUPT, "an axis of the multiscale image has no name");
        out[d] = mt_axis_letter(name);
        if (type && strcmp(type, "time") == 0)
            out[d] = 'T';
        else if (type && strcmp(type, "channel") == 0)
            out[d] = 'C';
        else if (type && strcmp(type, "space") == 0)
            by_name &= out[d] == 'Z' || out[d] == 'Y' || out[d] == 'X';
        else if (out[d] == '?')
            out[d] = 'S';
    }
    for (int d = ndim - 1, i = 0; !by_name && d >= 0; d--) {
        const char *type = json_string_value(json_object_get(json_array_get(axes, (size_t)d), "type"));
        if (type && strcmp(type, "space") == 0)
            out[d] = i < 3 ? "XYZ"[i] : '?', i++;
    }
    mt_axes_drop_ambiguous(out);
    return MT_OK;
}

static mt_status set_axes(mt_chunk_map *map, const json_t *axes, mt_error *err)
{
    if (!axes) { /* 0.1 and 0.2: always these five, in this order */
        static const char tczyx[] = "TCZYX";
        for (int d = 0; d < map->ndim; d++)
            map->axes[d] = map->ndim <= 5 ? tczyx[5 - map->ndim + d] : '?';
        return MT_OK;
    }
    if (json_array_size(axes) != (size_t)map->ndim)
        return mt_fail(err, MT_E_CORRUPT, "the multiscale image has %zu axes and its array %d dimensions",
                       json_array_size(axes), map->ndim);
    return read_axes(axes, map->ndim, map->axes, err);
}

/* Multiplies factors by the scales of a list of transformations. False if the list has other transformations that
 * scale. */
static bool apply_scales(const json_t *transformations, int ndim, double *factors)
{
    for (size_t i = 0; i < json_array_size(transformations); i++) {
        const json_t *t = json_array_get(transformations, i);
        const char *type = json_string_value(json_object_get(t, "type"));
        if (!type || strcmp(type, "scale") != 0)
            continue;
        const json_t *scale = json_object_get(t, "scale");
        if (json_array_size(scale) != (size_t)ndim)
            return false;
        for (int d = 0; d < ndim; d++)
            factors[d] *= json_number_value(json_array_get(scale, (size_t)d));
    }
    return true;
}

static void set_pixel_sizes(mt_chunk_map *map, const json_t *multiscale, int level)
{
    double factors[MT_MAX_DIMS];
    for (int d = 0; d < map->ndim; d++)
        factors[d] = 1;
    const json_t *dataset = json_array_get(json_object_get(multiscale, "datasets"), (size_t)level);
    const json_t *own = json_object_get(dataset, "coordinateTransformations");
    if (!own || !apply_scales(own, map->ndim, factors) ||
        !apply_scales(json_object_get(multiscale, "coordinateTransformations"), map->ndim, factors))
        return;
    for (int d = 0; d < map->ndim; d++)
        if (strchr("TZYX", map->axes[d]) && factors[d] > 0)
            map->pixel_size[d] = factors[d];
}

static mt_status set_units(mt_chunk_map *map, const json_t *axes, mt_error *err)
{
    for (int d = 0; d < map->ndim; d++) {
        const char *unit = json_string_value(json_object_get(json_array_get(axes, (size_t)d), "unit"));
        if (unit && !(map->unit[d] = mt_arena_strndup(map->arena, unit, strlen(unit), err)))
            return mt_arena_failed(err);
    }
    return MT_OK;
}

static bool parse_color(const char *text, uint8_t *rgb)
{
    if (!text || strlen(text) < 6 || strspn(text, "0123456789abcdefABCDEF") != strlen(text))
        return false;
    for (int i = 0; i < 3; i++) {
        const char pair[3] = { text[2 * i], text[2 * i + 1], 0 };
        rgb[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

/* Reads the initial display range of a channel. */
static bool parse_window(const json_t *window, double *range)
{
    const json_t *start = json_object_get(window, "start"), *end = json_object_get(window, "end");
    range[0] = json_number_value(start);
    range[1] = json_number_value(end);
    return json_is_number(start) && json_is_number(end) && range[0] < range[1];
}

/* Sets channels only if every one is described. */
static mt_status set_channels(mt_chunk_map *map, const json_t *omero, mt_error *err)
{
    const json_t *list = json_object_get(omero, "channels");
    const char *axis = strchr(map->axes, 'C');
    int64_t n = axis ? map->shape[axis - map->axes] : 1;
    if (!json_is_array(list) || n == 0 || (axis && strchr(axis + 1, 'C')) || (int64_t)json_array_size(list) < n)
        return MT_OK;
    mt_channel *channels = mt_arena_alloc(map->arena, (size_t)n, sizeof *channels, err);
    if (!channels)
        return mt_arena_failed(err);
    for (int64_t i = 0; i < n; i++) {
        const json_t *channel = json_array_get(list, (size_t)i);
        const char *label = json_string_value(json_object_get(channel, "label"));
        channels[i].name = mt_arena_strndup(map->arena, label ? label : "", label ? strlen(label) : 0, err);
        if (!channels[i].name)
            return mt_arena_failed(err);
        channels[i].has_color = parse_color(json_string_value(json_object_get(channel, "color")), channels[i].rgb);
        channels[i].has_window = parse_window(json_object_get(channel, "window"), channels[i].window);
    }
    map->channels = channels;
    map->n_channels = (size_t)n;
    return MT_OK;
}

mt_status zarr_ome_describe(mt_chunk_map *map, const mt_node *group, const json_t *multiscale, int level, mt_error *err)
{
    const json_t *axes = json_object_get(multiscale, "axes");
    mt_status st = set_axes(map, axes, err);
    if (st || (st = set_units(map, axes, err)))
        return st;
    set_pixel_sizes(map, multiscale, level);
    map->level = level;
    map->is_labels = json_is_object(json_object_get(zarr_ome(group), "image-label"));
    map->n_levels = zarr_ome_levels(multiscale);
    return set_channels(map, json_object_get(zarr_ome(group), "omero"), err);
}
