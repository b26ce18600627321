/* SPDX-License-Identifier: BSD-3-Clause */
/* The images of a group that declares them: multiscale images with their labels, fields of plates, series of
 * bioformats2raw. */
#include "format/zarr/zarr.h"

#include <string.h>

#define WELLS_AT_ONCE 14 /* and two more paths are one batch */

/* The path of entry i of a list of objects, or of a list of strings if member is NULL. */
static const char *listed_path(const json_t *list, size_t i, const char *member)
{
    const json_t *entry = json_array_get(list, i);
    return json_string_value(member ? json_object_get(entry, member) : entry);
}

static mt_status find_labels(mt_tree_images *images, const mt_node *node, mt_error *err)
{
    const mt_tree *r = images->tree;
    const char *path;
    mt_node labels;
    mt_status st = mt_tree_join(r, node->path, "labels", MT_E_CORRUPT, &path, err);
    if (st || (st = mt_node_load(r, path, &labels, err)))
        return st;
    const json_t *list = json_object_get(zarr_ome(&labels), "labels");
    for (size_t i = 0; !st && !mt_tree_images_are_full(images) && i < json_array_size(list); i++) {
        const char *label = listed_path(list, i, NULL);
        if (!label)
            continue;
        if (!(st = mt_tree_join(r, "labels", label, MT_E_CORRUPT, &path, err)))
            st = mt_tree_images_add(images, path, err);
    }
    mt_node_free(&labels);
    return st;
}

static mt_status find_multiscales(mt_tree_images *images, const mt_node *node, mt_error *err)
{
    mt_status st = MT_OK;
    for (size_t i = 0; !st && !mt_tree_images_are_full(images) && zarr_ome_multiscale(node, i); i++) {
        const char *name = i ? mt_arena_printf(images->tree->scratch, err, "series=%zu", i) : "";
        st = name ? mt_tree_images_add(images, name, err) : mt_arena_failed(err);
    }
    return st || !images->with_labels ? st : find_labels(images, node, err);
}

static mt_status find_fields(mt_tree_images *images, const mt_node *well, const char *prefix, mt_error *err)
{
    const json_t *list = json_object_get(json_object_get(zarr_ome(well), "well"), "images");
    for (size_t i = 0; !mt_tree_images_are_full(images) && i < json_array_size(list); i++) {
        const char *field = listed_path(list, i, "path"), *path;
        if (!field)
            return mt_fail(err, MT_E_CORRUPT, "image %zu of the well '%s' has no path", i, well->path);
        mt_status st = mt_tree_join(images->tree, prefix, field, MT_E_CORRUPT, &path, err);
        if (st || (st = mt_tree_images_add(images, path, err)))
            return st;
    }
    return MT_OK;
}

/* Prefetches the next wells, and the likely first image of the first. Invalid names are refused when they are used. */
static void touch_wells(const mt_tree *r, const mt_node *plate, const json_t *list, size_t from, size_t n)
{
    const char *paths[WELLS_AT_ONCE + 2], *name = listed_path(list, from, "path");
    size_t count = 0;
    for (size_t i = from; i < from + n; i++) {
        const char *well = listed_path(list, i, "path");
        if (well && mt_tree_join(r, plate->path, well, MT_E_CORRUPT, &paths[count], NULL) == MT_OK)
            count++;
    }
    for (const char *below = "/0/0"; from == 0 && name && *below; below += 2) {
        const char *path = mt_arena_printf(r->scratch, NULL, "%s%s", name, below);
        if (path && mt_tree_join(r, plate->path, path, MT_E_CORRUPT, &paths[count], NULL) == MT_OK)
            count++;
    }
    mt_tree_touch(r, paths, count);
}

static mt_status find_wells(mt_tree_images *images, const mt_node *plate, mt_error *err)
{
    const mt_tree *r = images->tree;
    const json_t *list = json_object_get(json_object_get(zarr_ome(plate), "plate"), "wells");
    size_t n = json_array_size(list);
    for (size_t i = 0; !mt_tree_images_are_full(images) && i < n; i++) {
        size_t left = n - i < images->limit - images->n ? n - i : images->limit - images->n;
        if (i % WELLS_AT_ONCE == 0)
            touch_wells(r, plate, list, i, left < WELLS_AT_ONCE ? left : WELLS_AT_ONCE);
        const char *name = listed_path(list, i, "path"), *path, *prefix;
        if (!name)
            return mt_fail(err, MT_E_CORRUPT, "well %zu of the plate has no path", i);
        mt_node well;
        mt_error failure = MT_ERROR_INIT;
        mt_status st = mt_tree_join(r, "", name, MT_E_CORRUPT, &prefix, err);
        if (st || (st = mt_tree_join(r, plate->path, name, MT_E_CORRUPT, &path, err)))
            return st;
        if (!(st = mt_node_load(r, path, &well, &failure))) {
            st = find_fields(images, &well, prefix, &failure);
            mt_node_free(&well);
        }
        if (st && (st = mt_tree_images_add_failed(images, prefix, &failure, err)))
            return st;
    }
    return MT_OK;
}

/* Without a list of series, they are numbered from 0. */
static mt_status find_numbered(mt_tree_images *images, const mt_node *node, mt_error *err)
{
    for (size_t i = 0; !mt_tree_images_are_full(images); i++) {
        char *name = mt_arena_printf(images->tree->scratch, err, "%zu", i);
        if (!name)
            return mt_arena_failed(err);
        const char *path;
        mt_node series;
        mt_status st = mt_tree_join(images->tree, node->path, name, MT_E_CORRUPT, &path, err);
        if (st || (st = mt_node_load(images->tree, path, &series, err)))
            return st;
        bool is_there = series.kind != MT_NODE_NONE;
        mt_node_free(&series);
        if (!is_there)
            return MT_OK;
        if ((st = mt_tree_images_add(images, name, err)))
            return st;
    }
    return MT_OK;
}

static mt_status find_series(mt_tree_images *images, const mt_node *node, mt_error *err)
{
    const mt_tree *r = images->tree;
    static const char *const likely[] = { "OME", "0", "0/0" };
    const char *paths[3], *path;
    mt_node ome;
    mt_status st = MT_OK;
    for (size_t i = 0; i < 3 && !st; i++)
        st = mt_tree_join(r, node->path, likely[i], MT_E_CORRUPT, &paths[i], err);
    if (st)
        return st;
    mt_tree_touch(r, paths, 3);
    if ((st = mt_node_load(r, paths[0], &ome, err)))
        return st;
    const json_t *list = json_object_get(zarr_ome(&ome), "series");
    for (size_t i = 0; !st && !mt_tree_images_are_full(images) && i < json_array_size(list); i++) {
        const char *series = listed_path(list, i, NULL);
        if (!series)
            st = mt_fail(err, MT_E_CORRUPT, "series %zu of '%s' is not a path", i, ome.path);
        else if (!(st = mt_tree_join(r, "", series, MT_E_CORRUPT, &path, err)))
            st = mt_tree_images_add(images, path, err);
    }
    bool has_list = json_is_array(list);
    mt_node_free(&ome);
    return st || has_list ? st : find_numbered(images, node, err);
}

bool zarr_is_plain(const mt_node *node)
{
    const json_t *ome = zarr_ome(node);
    return node->kind != MT_NODE_ARRAY && !zarr_ome_multiscale(node, 0) && !json_object_get(ome, "plate") &&
           !json_object_get(ome, "well") && !json_object_get(ome, "bioformats2raw.layout");
}

mt_status zarr_find_own_images(mt_tree_images *images, const mt_node *node, mt_error *err)
{
    const json_t *ome = zarr_ome(node);
    if (node->kind == MT_NODE_ARRAY)
        return mt_tree_images_add(images, "", err);
    if (zarr_ome_multiscale(node, 0))
        return find_multiscales(images, node, err);
    if (json_object_get(ome, "plate"))
        return find_wells(images, node, err);
    if (json_object_get(ome, "well"))
        return find_fields(images, node, "", err);
    return find_series(images, node, err);
}
