/* SPDX-License-Identifier: BSD-3-Clause */
/* The images below a plain group, at any depth. Each array or group is visited once, even if several links lead to
 * it. */
#include "format/tree/tree.h"

#include <string.h>

#define MAX_DEPTH 64
#define MAX_NODES 200000
#define BUCKETS 4096

typedef struct seen {
    struct seen *next;
    mt_place place;
} seen;

typedef struct walk {
    mt_tree_images *images;
    size_t nodes;
    seen *seen[BUCKETS];
} walk;

static mt_status find_below(walk *w, const mt_node *group, const char *name, int depth, mt_error *err);

/* Whether a path was visited before under any name; records it. */
static mt_status is_seen(walk *w, const char *path, bool *out, mt_error *err)
{
    mt_place place;
    *out = false;
    if (!mt_store_get_place(w->images->tree->store, path, &place))
        return MT_OK;
    seen **bucket = &w->seen[(place.a * 31 + place.b) % BUCKETS];
    for (const seen *s = *bucket; s && !*out; s = s->next)
        *out = s->place.a == place.a && s->place.b == place.b;
    if (*out)
        return MT_OK;
    seen *added = mt_arena_alloc(w->images->tree->scratch, 1, sizeof *added, err);
    if (!added)
        return mt_arena_failed(err);
    *added = (seen) { *bucket, place };
    *bucket = added;
    return MT_OK;
}

/* Coordinates, scalars and arrays without elements are not images. If the metadata is insufficient, opening decides. */
static bool can_be_image(const walk *w, const mt_node *array)
{
    const json_t *shape = json_object_get(array->document, w->images->tree->format->shape_member);
    size_t n = json_array_size(shape);
    for (size_t i = 0; i < n; i++) {
        const json_t *size = json_array_get(shape, i);
        if (json_is_integer(size) && json_integer_value(size) == 0)
            return false;
    }
    return n >= 2 || !json_is_array(shape);
}

/* Takes the images declared by a node. */
static mt_status take_own_images(mt_tree_images *images, const mt_node *node, const char *name, mt_error *err)
{
    const char *below = images->below;
    const char *whole = *below ? mt_arena_printf(images->tree->scratch, err, "%s/%s", below, name) : name;
    if (!whole)
        return mt_arena_failed(err);
    images->below = whole;
    mt_status st = images->tree->format->find_own_images(images, node, err);
    images->below = below;
    return st;
}

/* A file has nothing below it. */
static bool is_file(const walk *w, const char *path)
{
    uint64_t size;
    return mt_store_size(w->images->tree->store, path, &size, NULL) == MT_OK;
}

/* name: path relative to the group where the search began. Unreadable images are listed, too: opening them reports the
 * reason. */
static mt_status visit_node(walk *w, const mt_node *node, const char *name, int depth, mt_error *err)
{
    const mt_tree_format *format = w->images->tree->format;
    bool is_known;
    mt_status st = is_seen(w, node->path, &is_known, err);
    if (st || is_known)
        return st;
    if (node->kind == MT_NODE_ARRAY)
        return can_be_image(w, node) ? mt_tree_images_add(w->images, name, err) : MT_OK;
    if (!format->is_plain(node))
        return take_own_images(w->images, node, name, err);
    if (format->has_no_images && format->has_no_images(node))
        return MT_OK;
    mt_error failure = MT_ERROR_INIT;
    st = find_below(w, node, name, depth + 1, &failure);
    if (st == MT_E_MEMORY || st == MT_E_LIMIT)
        return mt_fail(err, st, "%s", failure.message);
    if (st && (node->kind == MT_NODE_GROUP || (mt_is_request_failure(st) && !is_file(w, node->path))))
        return mt_tree_images_add_failed(w->images, name, &failure, err);
    return MT_OK; /* without metadata it may be neither a group nor a folder */
}

static mt_status visit_path(walk *w, const char *path, const char *name, int depth, mt_error *err)
{
    const mt_tree *tree = w->images->tree;
    mt_node node;
    mt_error failure = MT_ERROR_INIT;
    if (++w->nodes > MAX_NODES)
        return mt_fail(err, MT_E_LIMIT, "more than %d arrays and groups: name the array", MAX_NODES);
    mt_status st = mt_node_load(tree, path, &node, &failure);
    if (st && st != MT_E_MEMORY && is_file(w, path))
        return MT_OK;
    if (st)
        return mt_tree_images_add_failed(w->images, name, &failure, err);
    st = visit_node(w, &node, name, depth, err);
    mt_node_free(&node);
    return st;
}

static mt_status visit_members(walk *w, const mt_node *group, const char *name, const char *const *members, size_t n,
                               int depth, mt_error *err)
{
    enum { AT_ONCE = 16 };
    const mt_tree *tree = w->images->tree;
    const char *paths[AT_ONCE];
    mt_status st = MT_OK;
    for (size_t i = 0; i < n && !st; i++)
        st = mt_tree_join(tree, group->path, members[i], MT_E_CORRUPT, &paths[i], err);
    if (st)
        return st;
    mt_tree_touch(tree, paths, n);
    for (size_t i = 0; i < n && !st && !mt_tree_images_are_full(w->images); i++) {
        const char *whole = members[i];
        if (*name && !(whole = mt_arena_printf(tree->scratch, err, "%s/%s", name, members[i])))
            return mt_arena_failed(err);
        st = visit_path(w, paths[i], whole, depth, err);
    }
    return st;
}

static mt_status find_below(walk *w, const mt_node *group, const char *name, int depth, mt_error *err)
{
    enum { AT_ONCE = 16 };
    mt_members names;
    if (depth == MAX_DEPTH)
        return mt_fail(err, MT_E_LIMIT, "groups nested more than %d deep: name the array", MAX_DEPTH - 1);
    mt_status st = mt_tree_find_members(w->images->tree, group, &names, err);
    for (size_t from = 0; !st && from < names.n && !mt_tree_images_are_full(w->images); from += AT_ONCE) {
        size_t n = names.n - from < AT_ONCE ? names.n - from : AT_ONCE;
        st = visit_members(w, group, name, names.names + from, n, depth, err);
    }
    return st;
}

mt_status mt_tree_find_below(mt_tree_images *images, const mt_node *group, mt_error *err)
{
    bool is_known;
    walk *w = mt_arena_alloc(images->tree->scratch, 1, sizeof *w, err);
    if (!w)
        return mt_arena_failed(err);
    w->images = images;
    mt_status st = is_seen(w, group->path, &is_known, err);
    return st ? st : find_below(w, group, "", 0, err);
}
