/* SPDX-License-Identifier: BSD-3-Clause */
/* The members of a group, and their documents. */
#include "format/tree/tree.h"
#include "store/blocks.h"

#include <stdlib.h>
#include <string.h>

enum { PATHS_AT_ONCE = 16 };

/* Failures are ignored: they recur when the documents are loaded. */
void mt_tree_touch(const mt_tree *tree, const char *const *paths, size_t n)
{
    mt_touch touches[PATHS_AT_ONCE * MT_MOST_DOCUMENTS];
    const char *const *documents = tree->format->documents;
    if (!tree->store->costs.is_slow)
        return;
    for (size_t from = 0; from < n; from += PATHS_AT_ONCE) {
        size_t count = 0;
        for (size_t i = from; i < n && i < from + PATHS_AT_ONCE; i++)
            for (size_t k = 0; k < tree->format->n_documents; k++) {
                char *key =
                    mt_arena_printf(tree->scratch, NULL, "%s%s%s", paths[i], *paths[i] ? "/" : "", documents[k]);
                if (!key)
                    return;
                touches[count++] = (mt_touch) { .key = key };
            }
        mt_blocks_touch(tree->store, touches, count);
    }
}

mt_status mt_members_add(const mt_tree *tree, mt_members *members, const char *name, size_t length, mt_error *err)
{
    const char **all = mt_arena_grow(tree->scratch, members->names, members->n, &members->room, 16, sizeof *all, err);
    char *copy = mt_arena_strndup(tree->scratch, name, length, err);
    if (!all || !copy)
        return mt_arena_failed(err);
    members->names = all;
    members->names[members->n++] = copy;
    return MT_OK;
}

typedef struct listing {
    const mt_tree *tree;
    mt_members *members;
} listing;

static mt_status visit(void *user, const char *name, mt_error *err)
{
    const listing *l = user;
    return l->tree->format->is_member(name) ? mt_members_add(l->tree, l->members, name, strlen(name), err) : MT_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void mt_members_sort(mt_members *members)
{
    if (members->n == 0)
        return;
    qsort(members->names, members->n, sizeof *members->names, compare_names);
    size_t kept = 1;
    for (size_t i = 1; i < members->n; i++)
        if (strcmp(members->names[i], members->names[kept - 1]) != 0)
            members->names[kept++] = members->names[i];
    members->n = kept;
}

mt_status mt_tree_find_members(const mt_tree *tree, const mt_node *group, mt_members *out, mt_error *err)
{
    mt_error own = MT_ERROR_INIT;
    *out = (mt_members) { .n = 0 };
    mt_status st = mt_store_list(tree->store, group->path, visit, &(listing) { tree, out }, &own);
    if (st == MT_E_UNSUPPORTED)
        return tree->format->find_unlisted(tree, group, out, err);
    return st ? mt_fail(err, st, "%s", own.message) : MT_OK;
}
