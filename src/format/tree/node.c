/* SPDX-License-Identifier: BSD-3-Clause */
/* Nodes: loads the documents of a path, joins paths, and reads lists of sizes. */
#include "format/tree/tree.h"

#include <string.h>

mt_status mt_tree_load_json(const mt_tree *tree, const char *path, const char *name, json_t **out, mt_error *err)
{
    *out = NULL;
    char *key = mt_arena_printf(tree->scratch, err, "%s%s%s", path, *path ? "/" : "", name);
    if (!key)
        return mt_arena_failed(err);
    char *text;
    size_t size;
    mt_error failure = MT_ERROR_INIT;
    mt_status st = mt_store_load(tree->store, key, tree->env->limits.max_json_bytes, "max_json_bytes", tree->scratch,
                                 &text, &size, &failure);
    if (st == MT_E_NOT_FOUND)
        return MT_OK;
    if (st)
        return mt_fail(err, st, "%s", failure.message);
    return mt_json_parse(tree->env, text, size, key, out, err);
}

mt_status mt_node_load(const mt_tree *tree, const char *path, mt_node *out, mt_error *err)
{
    if (mt_nodes_find(tree->nodes, path, out))
        return MT_OK;
    *out = (mt_node) { .path = path };
    mt_tree_touch(tree, &path, 1);
    mt_status st = tree->format->load(tree, out, err);
    if (st)
        mt_node_free(out);
    else
        mt_nodes_keep(tree->nodes, out);
    return st;
}

void mt_node_free(mt_node *node)
{
    json_decref(node->document);
    json_decref(node->attributes);
    node->document = node->attributes = NULL;
}

static bool is_plain_path(const char *path)
{
    for (;;) {
        size_t length = strcspn(path, "/");
        if (length == 0 || (length <= 2 && strncmp(path, "..", length) == 0))
            return false;
        if (!path[length])
            return true;
        path += length + 1;
    }
}

mt_status mt_tree_join(const mt_tree *tree, const char *a, const char *b, mt_status status, const char **out,
                       mt_error *err)
{
    size_t length = strlen(b);
    while (length > 0 && b[length - 1] == '/')
        length--;
    bool both = *a && length;
    char *path = mt_arena_printf(tree->scratch, err, "%s%s%.*s", a, both ? "/" : "", (int)length, b);
    if (!path)
        return mt_arena_failed(err);
    if (length && !is_plain_path(path + strlen(a) + both))
        return mt_fail(err, status, "'%s' is not a path inside the store", b);
    *out = path;
    return MT_OK;
}

mt_status mt_tree_get_sizes(const mt_chunk_map *map, const json_t *list, const char *what, int64_t minimum,
                            int64_t *out, int *n, mt_error *err)
{
    if (!json_is_array(list))
        return mt_fail(err, MT_E_CORRUPT, "%s is not a list", what);
    size_t length = json_array_size(list);
    size_t limit = mt_arena_env(map->arena)->limits.max_dimensions;
    if (limit > MT_MAX_DIMS)
        limit = MT_MAX_DIMS;
    if (*n < 0 && length > limit)
        return mt_fail(err, MT_E_LIMIT, "%zu dimensions are more than max_dimensions (%zu)", length, limit);
    if (*n >= 0 && length != (size_t)*n)
        return mt_fail(err, MT_E_CORRUPT, "%s has %zu entries, but the array has %d dimensions", what, length, *n);
    for (size_t i = 0; i < length; i++) {
        const json_t *value = json_array_get(list, i);
        out[i] = json_integer_value(value);
        if (!json_is_integer(value) || out[i] < minimum)
            return mt_fail(err, MT_E_CORRUPT, "entry %zu of %s is not an integer of at least %lld", i, what,
                           (long long)minimum);
    }
    *n = (int)length;
    return MT_OK;
}
