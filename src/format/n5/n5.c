/* SPDX-License-Identifier: BSD-3-Clause */
/* N5 containers as folders: the format, its nodes, and the images among them. */
#include "format/n5/n5.h"

#include "base/suffix.h"
#include "format/bdv.h"

#include <string.h>

/* A group of levels needs no attributes of its own. */
static const char *const documents[] = { "attributes.json", "s0/attributes.json" };
enum { N_DOCUMENTS = sizeof documents / sizeof *documents };

/* BigDataViewer: the group of time points holds the factors of each level, which lie below the time points. */
static bool is_setup(const mt_node *group)
{
    return json_is_array(json_array_get(json_object_get(group->attributes, "downsamplingFactors"), 0));
}

static bool declares_levels(const mt_node *group)
{
    const json_t *image = json_array_get(json_object_get(group->attributes, "multiscales"), 0);
    return json_array_size(json_object_get(image, "datasets")) > 0;
}

static mt_status find_first_level(const mt_tree *tree, const mt_node *group, bool *out, mt_error *err)
{
    json_t *level;
    mt_status st = mt_tree_load_json(tree, group->path, documents[1], &level, err);
    *out = n5_is_dataset(level);
    json_decref(level);
    return st;
}

/* Every folder is a group, also without attributes: it counts as one only if it holds levels. */
static mt_status load(const mt_tree *tree, mt_node *node, mt_error *err)
{
    bool has_level = false;
    mt_status st = mt_tree_load_json(tree, node->path, documents[0], &node->attributes, err);
    if (st)
        return st;
    if (node->attributes && !json_is_object(node->attributes))
        return mt_fail(err, MT_E_CORRUPT, "%s%s%s is not an object", node->path, *node->path ? "/" : "", documents[0]);
    if (n5_is_dataset(node->attributes)) {
        node->kind = MT_NODE_ARRAY;
        node->document = json_incref(node->attributes);
        return MT_OK;
    }
    if ((st = find_first_level(tree, node, &has_level, err)))
        return st;
    node->kind = has_level || node->attributes ? MT_NODE_GROUP : MT_NODE_NONE;
    node->version = has_level || declares_levels(node) ? N5_LEVELS : is_setup(node) ? N5_SETUP : N5_PLAIN;
    return MT_OK;
}

static bool is_member(const char *name) { return *name != '.' && strcmp(name, documents[0]) != 0; }

static mt_status refuse_unlisted(const mt_tree *tree, const mt_node *group, mt_members *out, mt_error *err)
{
    (void)tree, (void)out;
    if (group->kind == MT_NODE_NONE)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no N5 metadata (attributes.json): check the address");
    return mt_fail(err, MT_E_UNSUPPORTED, "the store cannot be listed: name a dataset");
}

static bool is_image(const mt_node *node) { return node->kind == MT_NODE_ARRAY || node->version != N5_PLAIN; }

static bool is_plain(const mt_node *node) { return !is_image(node); }

static mt_status find_own_images(mt_tree_images *images, const mt_node *node, mt_error *err)
{
    (void)node;
    return mt_tree_images_add(images, "", err);
}

/* Maps one level of a group. */
static mt_status map_level(const mt_tree *tree, const mt_node *group, int level, mt_chunk_map *map, mt_error *err)
{
    const char *path;
    mt_node node;
    mt_status st = n5_level_path(tree, group, level, &path, err);
    if (st || (st = mt_node_load(tree, path, &node, err)))
        return st;
    if (node.kind != MT_NODE_ARRAY)
        st = mt_fail(err, MT_E_CORRUPT, "level %d of the image '%s' is not a dataset", level, group->path);
    else if (!(st = n5_map_dataset(&node, map, err)))
        st = n5_describe(tree, &node, group, level, map, err);
    mt_node_free(&node);
    map->level = level;
    return st ? st : n5_count_levels(tree, group, &map->n_levels, err);
}

static mt_status map_levels(const mt_tree *tree, const mt_node *group, const mt_selection *selection, mt_chunk_map *map,
                            mt_error *err)
{
    int n;
    int64_t level = selection->level < 0 ? 0 : selection->level;
    mt_status st = n5_count_levels(tree, group, &n, err);
    if (st)
        return st;
    if (level >= n)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no level=%lld; the image has %d, counted from 0",
                       (long long)level, n);
    return map_level(tree, group, (int)level, map, err);
}

/* If a dataset is a level of the group above it, maps it as such. */
static mt_status map_as_level(const mt_tree *tree, const char *path, mt_chunk_map *map, bool *found, mt_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t end = slash ? (size_t)(slash - path) : 0;
    *found = false;
    if (strlen(path) <= tree->root)
        return MT_OK;
    char *above = mt_arena_strndup(tree->scratch, path, end, err);
    mt_node group;
    if (!above)
        return mt_arena_failed(err);
    mt_status st = mt_node_load(tree, above, &group, err);
    if (st)
        return st;
    int level = -1;
    if (group.version == N5_LEVELS && group.kind == MT_NODE_GROUP)
        st = n5_find_level(tree, &group, path + end + (slash != NULL), &level, err);
    *found = !st && level >= 0;
    if (*found)
        st = map_level(tree, &group, level, map, err);
    mt_node_free(&group);
    return st;
}

static mt_status map_dataset(const mt_tree *tree, const mt_node *node, const mt_selection *selection, mt_chunk_map *map,
                             mt_error *err)
{
    bool found;
    if (selection->level > 0)
        return mt_fail(err, MT_E_NOT_FOUND, "'%s' is one dataset, without levels", node->path);
    mt_status st = map_as_level(tree, node->path, map, &found, err);
    if (st || found || (st = n5_map_dataset(node, map, err)))
        return st;
    return n5_describe(tree, node, NULL, 0, map, err);
}

static mt_status map_image(const mt_tree *tree, mt_node *node, const mt_selection *selection, int64_t series,
                           mt_chunk_map *map, mt_error *err)
{
    if (series > 0)
        return mt_fail(err, MT_E_NOT_FOUND, "'%s' has no series %lld", node->path, (long long)series);
    if (node->kind == MT_NODE_ARRAY)
        return map_dataset(tree, node, selection, map, err);
    return (node->version == N5_SETUP ? n5_map_setup : map_levels)(tree, node, selection, map, err);
}

static const mt_tree_format n5_tree = { .title = "N5",
                                        .documents = documents,
                                        .n_documents = N_DOCUMENTS,
                                        .shape_member = "dimensions",
                                        .load = load,
                                        .is_member = is_member,
                                        .find_unlisted = refuse_unlisted,
                                        .is_image = is_image,
                                        .is_plain = is_plain,
                                        .find_own_images = find_own_images,
                                        .map_image = map_image };

/* Anything may be called attributes.json. */
static mt_status n5_map(const mt_container *container, const mt_selection *part, mt_chunk_map *map, mt_error *err)
{
    mt_error own = MT_ERROR_INIT;
    mt_status st = mt_tree_map(&n5_tree, container, part, map, &own);
    if (st == MT_E_NOT_AN_IMAGE && container->source.folder)
        return mt_fail(err, st, "%s; the folder was taken for N5 by its attributes.json or its name", own.message);
    if (st)
        return mt_fail(err, st, "%s", own.message);
    return container->source.folder ? MT_OK : mt_chunk_map_add_member(map, map->document, err);
}

static mt_status n5_list(const mt_container *container, const mt_selection *below, mt_names *out, mt_error *err)
{
    return mt_tree_list(&n5_tree, container, below, out, err);
}

static bool names_loader(const char *text, size_t size)
{
    static const char loader[] = "bdv.n5";
    size_t n = sizeof loader - 1;
    for (size_t i = 0; i + n <= size; i++)
        if (memcmp(text + i, loader, n) == 0)
            return true;
    return false;
}

/* Whether a document of BigDataViewer has the loader of N5, which may come after thousands of setups. One that is too
 * long is for another format to complain about. */
static mt_status is_document(const mt_source *source, bool *out, mt_error *err)
{
    mt_arena *scratch;
    mt_error own = MT_ERROR_INIT;
    char *text;
    size_t size;
    *out = mt_bdv_is_document(source) && names_loader((const char *)source->head, source->head_size);
    if (*out || !mt_bdv_is_document(source))
        return MT_OK;
    mt_status st = mt_arena_new(source->env, &scratch, err);
    if (st)
        return st;
    st = mt_store_load(source->store, source->key, source->env->limits.max_xml_bytes, "max_xml_bytes", scratch, &text,
                       &size, &own);
    *out = !st && names_loader(text, size);
    mt_arena_free(scratch);
    return st && st != MT_E_LIMIT ? mt_fail(err, st, "%s", own.message) : MT_OK;
}

static mt_status n5_open(mt_container *container, mt_error *err)
{
    const mt_source *source = &container->source;
    mt_bdv_document *document;
    const char *folder;
    mt_status st;
    if (source->folder)
        return mt_tree_open(container, source->key, NULL, err);
    if (!(document = mt_arena_alloc(container->arena, 1, sizeof *document, err)))
        return mt_arena_failed(err);
    if ((st = mt_bdv_load(source, source->key, container->arena, document, err)) ||
        (st = mt_bdv_find_data(source, document->root, source->key, "n5", container->arena, &folder, err)))
        return st;
    return mt_tree_open(container, folder, document, err);
}

/* The folder of a document belongs to it. */
static mt_status n5_members(const mt_container *container, mt_names *out, mt_error *err)
{
    const char *base = mt_tree_base(container);
    return container->source.folder ? MT_OK : mt_names_add(out, base, err);
}

/* Whether attributes have a key of N5, or of a convention for images in it. */
static bool is_typical(const json_t *attributes)
{
    static const char *const keys[] = { "n5",          "dimensions",      "multiscales", "downsamplingFactors",
                                        "multiScale",  "pixelResolution", "resolution",  "scales",
                                        "painteraData" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (json_object_get(attributes, keys[i]))
            return true;
    return false;
}

/* Documents that cannot be parsed are for n5_open to complain about. */
static mt_status find_typical(const mt_source *source, bool *found, mt_error *err)
{
    mt_tree tree = { .env = source->env, .store = source->store };
    mt_status st = mt_arena_new(tree.env, &tree.scratch, err);
    for (size_t i = 0; !st && i < N_DOCUMENTS && !*found; i++) {
        json_t *attributes;
        mt_error own = MT_ERROR_INIT;
        st = mt_tree_load_json(&tree, source->key, documents[i], &attributes, &own);
        *found = is_typical(attributes);
        json_decref(attributes);
        st = st == MT_E_CORRUPT || st == MT_E_LIMIT ? MT_OK : st ? mt_fail(err, st, "%s", own.message) : MT_OK;
    }
    mt_arena_free(tree.scratch);
    return st;
}

static mt_status n5_probe(const mt_source *source, int *score, mt_error *err)
{
    bool has_document = false, is_n5 = false;
    mt_status st = source->folder ? mt_tree_has_document(source, documents, N_DOCUMENTS, &has_document, err)
                                  : is_document(source, &is_n5, err);
    if (!st && has_document)
        st = find_typical(source, &is_n5, err);
    *score = is_n5 ? 2 : source->folder && (has_document || mt_name_ends_with(source->name, ".n5"));
    return st;
}

const mt_format mt_format_n5 = {
    .name = "n5",
    .title = "N5, also of N5 Viewer, COSEM and BigDataViewer",
    .suffixes = "n5",
    .folder_documents = "attributes.json",
    .probe = n5_probe,
    .open = n5_open,
    .close = mt_tree_close,
    .list = n5_list,
    .members = n5_members,
    .restore = n5_restore,
    .map = n5_map,
};
