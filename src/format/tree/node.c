/* SPDX-License-Identifier: BSD-3-Clause */
/* Nodes: loads the documents of a path, and joins paths. */
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
