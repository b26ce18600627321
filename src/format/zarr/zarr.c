/* SPDX-License-Identifier: BSD-3-Clause */
/* Zarr stores as folders: the format, and the choice of the array of a path. */
#include "format/zarr/zarr.h"

#include <string.h>

mt_status zarr_map_array(const mt_node *node, mt_chunk_map *map, mt_error *err)
{
    const bool is_v2 = node->version == 2;
    map->ask_axes = true;
    map->state = mt_arena_alloc(map->arena, 1, sizeof(zarr_state), err);
    map->document =
        mt_arena_printf(map->arena, err, "%s%s%s", node->path, *node->path ? "/" : "", is_v2 ? ".zarray" : "zarr.json");
    if (!map->state || !map->document)
        return mt_arena_failed(err);
    mt_status st = (is_v2 ? zarr_v2_parse : zarr_v3_parse)(node->document, node->path, map, err);
    if (st)
        mt_error_prefix(err, "%s", map->document);
    return st;
}

/* Loads the node of a level. A path that begins with "/" is tried relative to the group, then from the root. */
static mt_status load_level(const mt_tree *r, const mt_node *group, const char *dataset, mt_node *out, mt_error *err)
{
    const char *path;
    size_t slashes = strspn(dataset, "/");
    mt_status st = mt_tree_join(r, group->path, dataset + slashes, MT_E_CORRUPT, &path, err);
    if (st || (st = mt_node_load(r, path, out, err)) || slashes == 0 || out->kind == MT_NODE_ARRAY)
        return st;
    mt_node_free(out);
    char *above = mt_arena_strndup(r->scratch, group->path, r->root, err);
    if (!above)
        return mt_arena_failed(err);
    st = mt_tree_join(r, above, dataset + slashes, MT_E_CORRUPT, &path, err);
    return st ? st : mt_node_load(r, path, out, err);
}

/* What the writer says about a finished image. */
static mt_status warn_note(const mt_node *group, mt_chunk_map *map, mt_error *err)
{
    const json_t *own = json_object_get(group->attributes, "microtome");
    const char *note = json_string_value(json_object_get(own, "note"));
    return note ? mt_chunk_map_warn(map, err, "%.400s", note) : MT_OK;
}

/* Maps one level of a multiscale image. */
static mt_status map_level(const mt_tree *r, const mt_node *group, const json_t *multiscale, int level,
                           mt_chunk_map *map, mt_error *err)
{
    const char *dataset = zarr_ome_dataset(multiscale, (size_t)level);
    if (!dataset)
        return mt_fail(err, MT_E_CORRUPT, "level %d of the multiscale image '%s' has no path", level, group->path);
    mt_node node;
    mt_status st = load_level(r, group, dataset, &node, err);
    if (st)
        return st;
    const char *path = node.path;
    if (node.kind != MT_NODE_ARRAY)
        st = mt_fail(err, MT_E_CORRUPT, "level %d of the multiscale image '%s' is not an array", level, group->path);
    else if (!(st = zarr_map_array(&node, map, err)))
        st = zarr_check_keys(map, err);
    mt_node_free(&node);
    if (!st && (st = zarr_ome_describe(map, group, multiscale, level, err)))
        mt_error_prefix(err, "%s", path);
    return st ? st : warn_note(group, map, err);
}

static mt_status map_multiscale(const mt_tree *r, const mt_node *group, const mt_selection *selection, int64_t series,
                                mt_chunk_map *map, mt_error *err)
{
    const json_t *multiscale = series < 0 ? NULL : zarr_ome_multiscale(group, (size_t)series);
    if (!multiscale)
        return mt_fail(err, MT_E_NOT_FOUND, "'%s' has no series %lld", group->path, (long long)series);
    mt_status st = zarr_ome_check_version(group, multiscale, err);
    if (st)
        return st;
    int64_t level = selection->level < 0 ? 0 : selection->level;
    int n = zarr_ome_levels(multiscale);
    if (n == 0)
        return mt_fail(err, MT_E_CORRUPT, "the multiscale image '%s' has no levels", group->path);
    if (level >= n)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no level=%lld; the image has %d, counted from 0",
                       (long long)level, n);
    return map_level(r, group, multiscale, (int)level, map, err);
}

/* If the array is a level of the multiscale image in group, maps it as such. */
static mt_status try_parent(const mt_tree *r, const mt_node *group, const char *array, mt_chunk_map *map, bool *found,
                            mt_error *err)
{
    const char *path = array + strlen(group->path), *whole = array + r->root;
    path += *path == '/';
    whole += *whole == '/';
    for (size_t i = 0; zarr_ome_multiscale(group, i); i++) {
        const json_t *multiscale = zarr_ome_multiscale(group, i);
        int level = zarr_ome_find_dataset(multiscale, path, whole);
        *found = level >= 0 && zarr_ome_check_version(group, multiscale, NULL) == MT_OK;
        if (*found)
            return map_level(r, group, multiscale, level, map, err);
    }
    return MT_OK;
}

/* Whether a writer of microtome has not finished the image of a group. */
static bool is_incomplete(const mt_node *group)
{
    return json_is_true(json_object_get(json_object_get(group->attributes, "microtome"), "incomplete"));
}

static mt_status warn_incomplete(const mt_node *group, mt_chunk_map *map, mt_error *err)
{
    return !is_incomplete(group) ? MT_OK
                                 : mt_chunk_map_warn(map, err,
                                                     "the image is not finished: what is not yet written reads "
                                                     "as 0. \"microtome status\" tells how much that is");
}

/* Maps an array as a level of a multiscale image above it, if there is one. root is the length of the path of the
 * store's root, above which nothing is read. */
static mt_status map_as_level(const mt_tree *r, const char *path, mt_chunk_map *map, bool *found, mt_error *err)
{
    size_t end = strlen(path);
    *found = false;
    while (end > r->root && !*found) {
        do
            end--;
        while (end > r->root && path[end] != '/');
        char *above = mt_arena_strndup(r->scratch, path, end, err);
        if (!above)
            return mt_arena_failed(err);
        mt_node group;
        mt_status st = mt_node_load(r, above, &group, err);
        if (st)
            return st;
        if (!(st = warn_incomplete(&group, map, err)))
            st = try_parent(r, &group, path, map, found, err);
        mt_node_free(&group);
        if (st)
            return st;
    }
    return MT_OK;
}

static mt_status map_array(const mt_tree *r, mt_node *node, const mt_selection *selection, mt_chunk_map *map,
                           mt_error *err)
{
    bool found;
    if (selection->series > 0 || selection->level > 0)
        return mt_fail(err, MT_E_NOT_FOUND, "'%s' is one array, without series and levels", node->path);
    mt_status st = map_as_level(r, node->path, map, &found, err);
    if (st || found)
        return st;
    if ((st = zarr_node_load_attributes(r, node, err)) || (st = zarr_map_array(node, map, err)) ||
        (st = zarr_check_keys(map, err)) || (st = zarr_describe_array(node, map, err)))
        return st;
    return zarr_read_coordinates(r, node, map, err);
}

/* Arrays of an image that a writer of microtome has not finished are levels. */
static const char *get_default(const mt_node *group) { return is_incomplete(group) ? "0" : NULL; }

static bool is_image(const mt_node *node) { return node->kind == MT_NODE_ARRAY || zarr_ome_multiscale(node, 0); }

static mt_status map_image(const mt_tree *r, mt_node *node, const mt_selection *selection, int64_t series,
                           mt_chunk_map *map, mt_error *err)
{
    if (node->kind == MT_NODE_ARRAY)
        return map_array(r, node, selection, map, err);
    return map_multiscale(r, node, selection, series, map, err);
}

static bool is_member(const char *name) { return *name != '.' && strcmp(name, "zarr.json") != 0; }

/* AnnData tables, stored beside the images of SpatialData: each of their groups has this attribute. */
static bool is_table(const mt_node *group)
{
    return json_is_string(json_object_get(group->attributes, "encoding-type"));
}

static const char *const documents[] = { "zarr.json", ".zarray", ".zgroup", ".zattrs" };
enum { N_DOCUMENTS = sizeof documents / sizeof *documents };

static const mt_tree_format zarr_tree = { .title = "Zarr",
                                          .documents = documents,
                                          .n_documents = N_DOCUMENTS,
                                          .shape_member = "shape",
                                          .load = zarr_node_load,
                                          .is_member = is_member,
                                          .find_unlisted = zarr_find_consolidated,
                                          .is_image = is_image,
                                          .is_plain = zarr_is_plain,
                                          .has_no_images = is_table,
                                          .find_own_images = zarr_find_own_images,
                                          .get_default = get_default,
                                          .map_image = map_image };

static mt_status zarr_open(mt_container *container, mt_error *err)
{
    if (!container->source.folder)
        return mt_fail(err, MT_E_UNSUPPORTED, "Zarr stores in zip files are not supported");
    return mt_tree_open(container, container->source.key, NULL, err);
}

static mt_status zarr_map(const mt_container *container, const mt_selection *part, mt_chunk_map *map, mt_error *err)
{
    return mt_tree_map(&zarr_tree, container, part, map, err);
}

static mt_status zarr_list(const mt_container *container, const mt_selection *below, mt_names *out, mt_error *err)
{
    return mt_tree_list(&zarr_tree, container, below, out, err);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static mt_status zarr_probe(const mt_source *source, int *score, mt_error *err)
{
    static const char *const zip_suffixes[] = { ".zarr.zip", ".ozx", ".zarr" };
    if (source->folder) {
        bool found;
        mt_status st = mt_tree_has_document(source, documents, N_DOCUMENTS, &found, err);
        *score = found ? 2 : ends_with(source->name, ".zarr");
        return st;
    }
    bool is_zip = source->head_size >= 4 && memcmp(source->head, "PK\3\4", 4) == 0;
    for (size_t i = 0; is_zip && i < sizeof zip_suffixes / sizeof *zip_suffixes; i++)
        if (ends_with(source->name, zip_suffixes[i]))
            *score = 2;
    return MT_OK;
}

const mt_format mt_format_zarr = {
    .name = "zarr",
    .title = "Zarr versions 2 and 3, OME-Zarr 0.1 to 0.5",
    .suffixes = "zarr",
    .folder_documents = "zarr.json,.zarray,.zgroup",
    .probe = zarr_probe,
    .open = zarr_open,
    .close = mt_tree_close,
    .list = zarr_list,
    .restore = zarr_restore,
    .map = zarr_map,
};
