/* SPDX-License-Identifier: BSD-3-Clause */
/* The members of a group in a store that cannot list, from consolidated metadata. It is used only for names: each node
 * is loaded from its own documents. */
#include "format/zarr/zarr.h"

#include <string.h>

/* Adds the first segments of the keys below prefix. In version 2, keys end in the name of a document. */
static mt_status add_members(const mt_tree *r, json_t *metadata, const char *prefix, mt_members *names, mt_error *err)
{
    const char *key;
    json_t *value;
    size_t length = strlen(prefix);
    json_object_foreach(metadata, key, value)
    {
        if (length && (strncmp(key, prefix, length) != 0 || key[length] != '/'))
            continue;
        const char *below = key + length + (length > 0);
        size_t n = strcspn(below, "/");
        if (n == 0 || *below == '.')
            continue;
        mt_status st = mt_members_add(r, names, below, n, err);
        if (st)
            return st;
    }
    mt_members_sort(names);
    return MT_OK;
}

/* Loads the consolidated metadata of the group at path: in version 3 part of its document, in version 2 a separate
 * document. */
static mt_status load_consolidated(const mt_tree *r, const char *path, int version, json_t **out, mt_error *err)
{
    json_t *document = NULL;
    mt_status st = MT_OK;
    if (version == 3) {
        mt_node node;
        if (!(st = mt_node_load(r, path, &node, err))) {
            document = json_incref(json_object_get(node.document, "consolidated_metadata"));
            mt_node_free(&node);
        }
    } else {
        st = mt_tree_load_json(r, path, ".zmetadata", &document, err);
    }
    *out = json_incref(json_object_get(document, "metadata"));
    json_decref(document);
    return st;
}

/* Finds the consolidated metadata of the group or of its nearest ancestor that has some. */
static mt_status find_above(const mt_tree *r, const mt_node *group, mt_members *names, bool *found, mt_error *err)
{
    for (size_t end = strlen(group->path);;) {
        char *owner = mt_arena_strndup(r->scratch, group->path, end, err);
        json_t *metadata = NULL;
        mt_status st = owner ? load_consolidated(r, owner, group->version, &metadata, err) : mt_arena_failed(err);
        if (!st && (*found = json_is_object(metadata)))
            st = add_members(r, metadata, group->path + end + (end > 0 && group->path[end] == '/'), names, err);
        json_decref(metadata);
        if (st || *found || end == 0)
            return st;
        while (end > 0 && group->path[--end] != '/')
            ;
    }
}

mt_status zarr_find_consolidated(const mt_tree *tree, const mt_node *group, mt_members *names, mt_error *err)
{
    bool found = false;
    mt_status st = find_above(tree, group, names, &found, err);
    if (st || found)
        return st;
    if (group->kind == MT_NODE_NONE)
        return mt_fail(err, MT_E_NOT_FOUND,
                       "there is no Zarr metadata (zarr.json, .zarray, .zgroup): check the address");
    return mt_fail(err, MT_E_UNSUPPORTED,
                   "the store cannot be listed, and the group has no consolidated metadata: name an array in it");
}
