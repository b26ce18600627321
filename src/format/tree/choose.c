/* SPDX-License-Identifier: BSD-3-Clause */
/* Containers that are trees: the choice of the image of a path, and the list of images. */
#include "format/tree/tree.h"
#include "store/blocks.h"

#include <string.h>

#define MAX_NAMED 10

/* "'#a', '#b', ..." */
static mt_status refuse_choice(const mt_tree_images *images, const mt_node *group, const char *prefix, mt_error *err)
{
    const mt_tree_format *format = images->tree->format;
    if (images->n == 0 && group->kind == MT_NODE_NONE && *group->path)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no %s array or group '%s'", format->title, group->path);
    if (images->n == 0) /* metadata of a group promises an image */
        return mt_fail(err, *prefix || !format->is_plain(group) ? MT_E_NOT_FOUND : MT_E_NOT_AN_IMAGE,
                       "no image%s%s%s: no array of two or more dimensions", *group->path ? " in '" : "", group->path,
                       *group->path ? "'" : "");
    char text[400];
    size_t used = 0;
    size_t i = 0;
    for (; i < images->n && i < MAX_NAMED; i++) {
        size_t needed = strlen(prefix) + strlen(images->found[i].name) + 8;
        if (used + needed > sizeof text - 8)
            break;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s'#%s%s%s'", i ? ", " : "", prefix,
                                 *prefix ? "/" : "", images->found[i].name);
    }
    snprintf(text + used, sizeof text - used, "%s", i < images->n ? ", ..." : "");
    return mt_fail(err, MT_E_NOT_FOUND, "there are several images, name one: %s", text);
}

/* Fails if, because of a failed request, it is not known which image is meant. A plain group must have only one. In
 * others images are numbered, so only those before count. */
static mt_status check_search(const mt_tree_images *images, bool is_plain, size_t number, mt_error *err)
{
    const mt_error *failure = NULL;
    size_t n = is_plain || number >= images->n ? images->n : number + 1, n_certain = 0;
    for (size_t i = 0; i < n; i++) {
        n_certain += !images->found[i].failure;
        failure = failure ? failure : images->found[i].failure;
    }
    return !failure || (is_plain && n_certain > 1) ? MT_OK : mt_fail(err, failure->status, "%s", failure->message);
}

/* Chooses the image of a group by series number, or the only one: its path relative to the group. */
static mt_status choose_image(const mt_tree *tree, const mt_node *group, const mt_selection *selection,
                              const char **out, mt_error *err)
{
    bool is_plain = tree->format->is_plain(group);
    if (tree->format->get_default && (*out = tree->format->get_default(group)))
        return MT_OK;
    size_t limit = selection->series < MAX_NAMED ? MAX_NAMED + 1 : SIZE_MAX;
    mt_tree_images images = { .tree = tree, .limit = limit, .below = "" };
    mt_status st = (is_plain ? mt_tree_find_below : tree->format->find_own_images)(&images, group, err);
    size_t i = selection->series < 0 ? 0 : (size_t)selection->series;
    if (st || (st = check_search(&images, is_plain, i, err)))
        return st;
    if (is_plain ? images.n != 1 : images.n == 0)
        return refuse_choice(&images, group, selection->path, err);
    if (i >= images.n)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no series=%zu; there are %zu, counted from 0", i, images.n);
    *out = images.found[i].name;
    return MT_OK;
}

/* Maps the image in a group that is not an image itself. */
static mt_status map_member(const mt_tree *tree, const mt_node *group, const mt_selection *selection, const char **name,
                            mt_chunk_map *map, mt_error *err)
{
    const char *path;
    mt_node node;
    mt_status st = choose_image(tree, group, selection, name, err);
    if (st || (st = mt_tree_join(tree, group->path, *name, MT_E_CORRUPT, &path, err)) ||
        (st = mt_node_load(tree, path, &node, err)))
        return st;
    mt_selection rest = *selection;
    rest.series = -1;
    if (tree->format->is_image(&node))
        st = tree->format->map_image(tree, &node, &rest, 0, map, err);
    else if (node.kind == MT_NODE_NONE)
        st = mt_fail(err, MT_E_NOT_FOUND, "'%s' is not there, though the metadata of '%s' lists it", path, group->path);
    else
        st = mt_fail(err, MT_E_CORRUPT, "'%s' should be an image, but is not", path);
    mt_node_free(&node);
    return st;
}

/* Prefetches a node and all nodes up to the root, of which it may be a level. */
static mt_status touch_above(const mt_tree *tree, const char *path, mt_error *err)
{
    enum { MOST = 16 };
    const char *paths[MOST] = { path };
    size_t n = 1;
    for (size_t end = strlen(path); end > tree->root && n < MOST && tree->store->costs.is_slow; n++) {
        do
            end--;
        while (end > tree->root && path[end] != '/');
        if (!(paths[n] = mt_arena_strndup(tree->scratch, path, end, err)))
            return mt_arena_failed(err);
    }
    mt_tree_touch(tree, paths, n);
    return MT_OK;
}

static mt_status map_path(const mt_tree *tree, const mt_selection *selection, mt_chunk_map *map, mt_error *err)
{
    const char *path, *name = "";
    mt_node node;
    mt_status st = mt_tree_join(tree, tree->base, selection->path, MT_E_ARGUMENT, &path, err);
    if (st || (st = touch_above(tree, path, err)) || (st = mt_node_load(tree, path, &node, err)))
        return st;
    if (tree->format->is_image(&node))
        st = tree->format->map_image(tree, &node, selection, selection->series < 0 ? 0 : selection->series, map, err);
    else
        st = map_member(tree, &node, selection, &name, map, err);
    mt_node_free(&node);
    if (!st && !*selection->text && !(map->part = mt_arena_strndup(map->arena, name, strlen(name), err)))
        st = mt_arena_failed(err);
    return st;
}

typedef struct tree_state {
    mt_nodes *nodes;
    const char *base;
    const void *own;
} tree_state;

mt_status mt_tree_open(mt_container *container, const char *base, const void *own, mt_error *err)
{
    tree_state *state = mt_arena_alloc(container->arena, 1, sizeof *state, err);
    if (!state)
        return mt_arena_failed(err);
    *state = (tree_state) { .base = base, .own = own };
    container->state = state;
    return mt_nodes_new(container->source.env, &state->nodes, err);
}

void mt_tree_close(mt_container *container)
{
    const tree_state *state = container->state;
    if (state)
        mt_nodes_free(state->nodes);
}

const char *mt_tree_base(const mt_container *container) { return ((const tree_state *)container->state)->base; }

static mt_status tree_new(const mt_tree_format *format, const mt_container *container, mt_tree *out, mt_error *err)
{
    const mt_source *source = &container->source;
    const tree_state *state = container->state;
    *out = (mt_tree) { .format = format,
                       .env = source->env,
                       .store = source->store,
                       .nodes = state->nodes,
                       .base = state->base,
                       .root = strlen(state->base),
                       .own = state->own };
    return mt_arena_new(out->env, &out->scratch, err);
}

mt_status mt_tree_map(const mt_tree_format *format, const mt_container *container, const mt_selection *part,
                      mt_chunk_map *map, mt_error *err)
{
    mt_tree tree;
    mt_status st = tree_new(format, container, &tree, err);
    if (st)
        return st;
    st = map_path(&tree, part, map, err);
    mt_arena_free(tree.scratch);
    return st;
}

static mt_status add_name(mt_names *out, const mt_tree_image *image, mt_error *err)
{
    return image->failure ? mt_names_add_failed(out, image->name, image->failure, err)
                          : mt_names_add(out, image->name, err);
}

static mt_status list_below(const mt_tree *tree, const mt_node *node, const char *prefix, mt_names *out, mt_error *err)
{
    mt_tree_images images = { .tree = tree, .limit = SIZE_MAX, .with_labels = true, .below = prefix };
    bool is_plain = tree->format->is_plain(node);
    mt_status st = (is_plain ? mt_tree_find_below : tree->format->find_own_images)(&images, node, err);
    for (size_t i = 0; !st && i < images.n; i++)
        st = add_name(out, &images.found[i], err);
    return st;
}

mt_status mt_tree_list(const mt_tree_format *format, const mt_container *container, const mt_selection *below,
                       mt_names *out, mt_error *err)
{
    mt_tree tree;
    mt_status st = tree_new(format, container, &tree, err);
    if (st)
        return st;
    const char *path;
    mt_node node;
    if (!(st = mt_tree_join(&tree, tree.base, below->path, MT_E_ARGUMENT, &path, err)) &&
        !(st = mt_node_load(&tree, path, &node, err))) {
        st = list_below(&tree, &node, below->path, out, err);
        mt_node_free(&node);
    }
    mt_arena_free(tree.scratch);
    return st;
}

mt_status mt_tree_has_document(const mt_source *source, const char *const *documents, size_t n, bool *out,
                               mt_error *err)
{
    char keys[MT_MOST_DOCUMENTS][MT_KEY_BYTES];
    mt_touch touches[MT_MOST_DOCUMENTS];
    *out = false;
    if (strlen(source->key) > MT_KEY_BYTES - 32)
        return MT_OK;
    for (size_t i = 0; i < n; i++) {
        snprintf(keys[i], sizeof keys[i], "%s%s%s", source->key, *source->key ? "/" : "", documents[i]);
        touches[i] = (mt_touch) { .key = keys[i] };
    }
    mt_blocks_touch(source->store, touches, n);
    for (size_t i = 0; i < n && !*out; i++) {
        uint64_t size;
        mt_error own = MT_ERROR_INIT;
        mt_status st = mt_store_size(source->store, keys[i], &size, &own);
        if (st && st != MT_E_NOT_FOUND)
            return mt_fail(err, st, "%s", own.message);
        *out = !st;
    }
    return MT_OK;
}
