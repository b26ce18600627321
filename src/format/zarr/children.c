/* SPDX-License-Identifier: BSD-3-Clause */
/* The children of a group, from a listing or, if the store cannot list, from consolidated metadata. The latter is used
 * only for names: each node is loaded from its own documents. */
#include "format/zarr/zarr.h"
#include "store/blocks.h"

#include <stdlib.h>
#include <string.h>

static const char *const documents[] = { "zarr.json", ".zarray", ".zgroup", ".zattrs" };
enum { N_DOCUMENTS = sizeof documents / sizeof *documents, PATHS_AT_ONCE = 16 };

/* Failures are ignored: they recur when the documents are loaded. */
void zarr_touch(const zarr_reader *r, const char *const *paths, size_t n)
{
    mt_touch touches[PATHS_AT_ONCE * N_DOCUMENTS];
    if (!r->store->costs.is_slow)
        return;
    for (size_t from = 0; from < n; from += PATHS_AT_ONCE) {
        size_t count = 0;
        for (size_t i = from; i < n && i < from + PATHS_AT_ONCE; i++)
            for (size_t k = 0; k < N_DOCUMENTS; k++) {
                char *key = mt_arena_printf(r->scratch, NULL, "%s%s%s", paths[i], *paths[i] ? "/" : "", documents[k]);
                if (!key)
                    return;
                touches[count++] = (mt_touch) { .key = key };
            }
        mt_blocks_touch(r->store, touches, count);
    }
}

static mt_status add(const zarr_reader *r, zarr_names *names, const char *name, size_t length, mt_error *err)
{
    const char **all = mt_arena_grow(r->scratch, names->names, names->n, &names->room, 16, sizeof *all, err);
    char *copy = mt_arena_strndup(r->scratch, name, length, err);
    if (!all || !copy)
        return zarr_failed(err);
    names->names = all;
    names->names[names->n++] = copy;
    return MT_OK;
}

typedef struct listing {
    const zarr_reader *reader;
    zarr_names *names;
} listing;

static mt_status visit(void *user, const char *name, mt_error *err)
{
    const listing *l = user;
    if (*name == '.' || strcmp(name, "zarr.json") == 0)
        return MT_OK;
    return add(l->reader, l->names, name, strlen(name), err);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_names(zarr_names *names)
{
    if (names->n == 0)
        return;
    qsort(names->names, names->n, sizeof *names->names, compare_names);
    size_t kept = 1;
    for (size_t i = 1; i < names->n; i++)
        if (strcmp(names->names[i], names->names[kept - 1]) != 0)
            names->names[kept++] = names->names[i];
    names->n = kept;
}

/* Adds the first segments of the keys below prefix. In version 2, keys end in the name of a document. */
static mt_status add_members(const zarr_reader *r, json_t *metadata, const char *prefix, zarr_names *names,
                             mt_error *err)
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
        mt_status st = add(r, names, below, n, err);
        if (st)
            return st;
    }
    sort_names(names);
    return MT_OK;
}

/* Loads the consolidated metadata of the group at path: in version 3 part of its document, in version 2 a separate
 * document. */
static mt_status load_consolidated(const zarr_reader *r, const char *path, int version, json_t **out, mt_error *err)
{
    json_t *document = NULL;
    mt_status st = MT_OK;
    if (version == 3) {
        zarr_node node;
        if (!(st = zarr_node_load(r, path, &node, err))) {
            document = json_incref(json_object_get(node.document, "consolidated_metadata"));
            zarr_node_free(&node);
        }
    } else {
        st = zarr_load_json(r, path, ".zmetadata", &document, err);
    }
    *out = json_incref(json_object_get(document, "metadata"));
    json_decref(document);
    return st;
}

/* Finds the consolidated metadata of the group or of its nearest ancestor that has some. */
static mt_status find_above(const zarr_reader *r, const zarr_node *group, zarr_names *names, bool *found, mt_error *err)
{
    for (size_t end = strlen(group->path);;) {
        char *owner = mt_arena_strndup(r->scratch, group->path, end, err);
        json_t *metadata = NULL;
        mt_status st = owner ? load_consolidated(r, owner, group->version, &metadata, err) : zarr_failed(err);
        if (!st && (*found = json_is_object(metadata)))
            st = add_members(r, metadata, group->path + end + (end > 0 && group->path[end] == '/'), names, err);
        json_decref(metadata);
        if (st || *found || end == 0)
            return st;
        while (end > 0 && group->path[--end] != '/')
            ;
    }
}

static mt_status find_consolidated(const zarr_reader *r, const zarr_node *group, zarr_names *names, mt_error *err)
{
    bool found = false;
    mt_status st = find_above(r, group, names, &found, err);
    if (st || found)
        return st;
    if (group->kind == ZARR_NONE)
        return mt_fail(err, MT_E_NOT_FOUND,
                       "there is no Zarr metadata (zarr.json, .zarray, .zgroup): check the address");
    return mt_fail(err, MT_E_UNSUPPORTED,
                   "the store cannot be listed, and the group has no consolidated metadata: name an array in it");
}

mt_status zarr_find_names(const zarr_reader *r, const zarr_node *group, zarr_names *out, mt_error *err)
{
    mt_error own = MT_ERROR_INIT;
    *out = (zarr_names) { .n = 0 };
    mt_status st = mt_store_list(r->store, group->path, visit, &(listing) { r, out }, &own);
    if (st == MT_E_UNSUPPORTED)
        return find_consolidated(r, group, out, err);
    return st ? mt_fail(err, st, "%s", own.message) : MT_OK;
}
