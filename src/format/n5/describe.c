/* SPDX-License-Identifier: BSD-3-Clause */
/* Axes, pixel sizes and units. Sources: n5-universe (N5CosemMetadata, DefaultDatasetAxisMetadataParser,
 * N5SingleScaleMetadataParser), n5-viewer, README; bigdataviewer-core, BDV N5 format.md; gunpowder, ZarrSource.
 *
 *     transform           COSEM: axes, scale and units of a dataset, the slowest dimension first
 *     axes, units         names of dimensions
 *     pixelResolution     N5 Viewer: numbers, or an object with dimensions and unit, of the full resolution
 *     resolution          the same, by Paintera and BigDataViewer; voxel_size by gunpowder
 *     downsamplingFactors of a dataset, or of each level of its group, or (scales) likewise
 *
 * All but transform have the fastest dimension first. Groups above a dataset serve as defaults. */
#include "format/n5/n5.h"

#include <string.h>

/* The attributes of a dataset and of the groups above it, the nearest first. */
typedef struct above {
    mt_node nodes[MT_MAX_DIMS];
    size_t n;
} above;

static void free_above(above *a)
{
    for (size_t i = 0; i < a->n; i++)
        mt_node_free(&a->nodes[i]);
}

static mt_status load_above(const mt_tree *tree, const char *path, above *out, mt_error *err)
{
    *out = (above) { .n = 0 };
    for (size_t end = strlen(path); out->n < MT_MAX_DIMS; out->n++) {
        char *node = mt_arena_strndup(tree->scratch, path, end, err);
        mt_status st = node ? mt_node_load(tree, node, &out->nodes[out->n], err) : mt_arena_failed(err);
        if (st)
            return st;
        if (end <= tree->root) {
            out->n++;
            return MT_OK;
        }
        do
            end--;
        while (end > tree->root && path[end] != '/');
    }
    return MT_OK;
}

/* A list of at most ndim numbers, or NULL. */
static const json_t *as_numbers(const json_t *list, int ndim)
{
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++)
        if (!json_is_number(json_array_get(list, i)))
            return NULL;
    return n > 0 && n <= (size_t)ndim ? list : NULL;
}

static const char *text_at(const json_t *list, size_t i)
{
    const json_t *entry = json_array_get(list, i);
    const json_t *name = json_object_get(entry, "name");
    return json_string_value(json_is_object(entry) ? (name ? name : json_object_get(entry, "label")) : entry);
}

/* Names of all dimensions. */
static bool set_names(mt_chunk_map *map, const json_t *names, bool fastest_first)
{
    if (json_array_size(names) != (size_t)map->ndim)
        return false;
    for (int d = 0; d < map->ndim; d++)
        map->axes[d] = mt_axis_letter(text_at(names, (size_t)(fastest_first ? map->ndim - 1 - d : d)));
    mt_axes_drop_ambiguous(map->axes);
    return strspn(map->axes, "?") < (size_t)map->ndim;
}

/* The COSEM transform of a dataset, which its group may hold. */
static const json_t *find_transform(const mt_node *dataset, const mt_node *group, int level)
{
    const json_t *own = json_object_get(dataset->attributes, "transform");
    if (json_is_object(own) || !group)
        return own;
    const json_t *image = json_array_get(json_object_get(group->attributes, "multiscales"), 0);
    const json_t *entry = json_array_get(json_object_get(image, "datasets"), (size_t)level);
    return json_object_get(entry, "transform");
}

static mt_status describe_cosem(mt_chunk_map *map, const json_t *transform, bool *found, mt_error *err)
{
    const json_t *scale = json_object_get(transform, "scale"), *units = json_object_get(transform, "units");
    mt_voxels voxels = { 0 };
    *found = set_names(map, json_object_get(transform, "axes"), false);
    if (!*found || !as_numbers(scale, map->ndim))
        return MT_OK;
    voxels.n = (int)json_array_size(scale);
    for (int i = 0; i < voxels.n; i++) {
        voxels.size[i] = json_number_value(json_array_get(scale, (size_t)i));
        voxels.unit[i] = text_at(units, (size_t)i);
    }
    return mt_chunk_map_set_voxels(map, &voxels, true, err);
}

/* By how much a level is smaller, or NULL: not known, or not at all. */
static const json_t *find_factors(const above *a, int level, int ndim)
{
    for (size_t i = 0; i < a->n; i++) {
        const json_t *factors = json_object_get(a->nodes[i].attributes, "downsamplingFactors");
        if (!factors)
            factors = json_object_get(a->nodes[i].attributes, "scales");
        const json_t *own = json_array_get(factors, (size_t)level);
        const json_t *numbers = as_numbers(json_is_array(own) ? own : factors, ndim);
        if (numbers)
            return numbers;
    }
    return NULL;
}

/* The pixel size of the full resolution, and its unit or units; NULL if there is none. */
static const json_t *find_sizes(const above *a, int ndim, const json_t **units)
{
    for (size_t i = 0; i < a->n; i++) {
        const json_t *attributes = a->nodes[i].attributes;
        const json_t *pixel = json_object_get(attributes, "pixelResolution");
        const json_t *of_pixel = json_is_object(pixel) ? json_object_get(pixel, "dimensions") : pixel;
        const json_t *const lists[] = { of_pixel, json_object_get(attributes, "resolution"),
                                        json_object_get(attributes, "voxel_size") };
        *units = json_object_get(attributes, "units");
        if (json_is_object(pixel) && json_object_get(pixel, "unit"))
            *units = json_object_get(pixel, "unit");
        for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
            if (as_numbers(lists[k], ndim))
                return lists[k];
    }
    return NULL;
}

/* The names of N5 Viewer are those of space: without names, two or three sizes or factors stand for Y, X or Z, Y, X. */
static mt_status describe_sizes(mt_chunk_map *map, const above *a, int level, bool has_names, mt_error *err)
{
    const json_t *units = NULL, *factors = find_factors(a, level, map->ndim), *sizes = find_sizes(a, map->ndim, &units);
    mt_voxels voxels = { .n = (int)json_array_size(sizes ? sizes : factors) };
    bool is_known = sizes && (level == 0 || factors);
    for (int i = 0; i < voxels.n; i++) {
        int out = voxels.n - 1 - i;
        const json_t *factor = json_array_get(factors, (size_t)i);
        if (is_known)
            voxels.size[out] =
                json_number_value(json_array_get(sizes, (size_t)i)) * (factor ? json_number_value(factor) : 1);
        voxels.unit[out] = json_is_string(units) ? json_string_value(units) : text_at(units, (size_t)i);
    }
    return mt_chunk_map_set_voxels(map, &voxels, has_names, err);
}

static mt_status describe_plain(const mt_tree *tree, const mt_node *dataset, int level, bool has_names,
                                mt_chunk_map *map, mt_error *err)
{
    above a;
    mt_status st = load_above(tree, dataset->path, &a, err);
    for (size_t i = 0; !st && !has_names && i < a.n && i < 2; i++)
        has_names = set_names(map, json_object_get(a.nodes[i].attributes, "axes"), true);
    if (!st)
        st = describe_sizes(map, &a, level, has_names, err);
    free_above(&a);
    return st;
}

mt_status n5_describe(const mt_tree *tree, const mt_node *dataset, const mt_node *group, int level, mt_chunk_map *map,
                      mt_error *err)
{
    bool has_names = *map->axes != 0, is_cosem = false;
    if (!has_names) {
        memset(map->axes, '?', (size_t)map->ndim);
        mt_status st = describe_cosem(map, find_transform(dataset, group, level), &is_cosem, err);
        if (st || is_cosem)
            return st;
    }
    return describe_plain(tree, dataset, level, has_names, map, err);
}
