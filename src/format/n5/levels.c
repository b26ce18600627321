/* SPDX-License-Identifier: BSD-3-Clause */
/* The levels of a group: those of its metadata "multiscales" (COSEM), else "s0", "s1" and so on. */
#include "base/number.h"
#include "format/n5/n5.h"

#include <string.h>

#define MOST_LEVELS 64
#define LEVELS_AT_ONCE 4

static const json_t *get_datasets(const mt_node *group)
{
    const json_t *image = json_array_get(json_object_get(group->attributes, "multiscales"), 0);
    const json_t *datasets = json_object_get(image, "datasets");
    return json_array_size(datasets) > 0 ? datasets : NULL;
}

mt_status n5_level_path(const mt_tree *tree, const mt_node *group, int64_t level, const char **out, mt_error *err)
{
    const json_t *datasets = get_datasets(group);
    const char *name = json_string_value(json_object_get(json_array_get(datasets, (size_t)level), "path"));
    if (datasets && !name)
        return mt_fail(err, MT_E_CORRUPT, "level %lld of the image '%s' has no path", (long long)level, group->path);
    if (!name && !(name = mt_arena_printf(tree->scratch, err, "s%lld", (long long)level)))
        return mt_arena_failed(err);
    return mt_tree_join(tree, group->path, name, MT_E_CORRUPT, out, err);
}

/* Whether there is a dataset at a level; touches the next ones, too. */
static mt_status has_level(const mt_tree *tree, const mt_node *group, int level, bool *out, mt_error *err)
{
    const char *paths[LEVELS_AT_ONCE];
    mt_status st = MT_OK;
    for (int i = 0; !st && i < LEVELS_AT_ONCE; i++)
        st = n5_level_path(tree, group, level + i, &paths[i], err);
    if (st)
        return st;
    if (level % LEVELS_AT_ONCE == 1)
        mt_tree_touch(tree, paths, LEVELS_AT_ONCE);
    mt_node node;
    if ((st = mt_node_load(tree, paths[0], &node, err)))
        return st;
    *out = node.kind == MT_NODE_ARRAY;
    mt_node_free(&node);
    return MT_OK;
}

mt_status n5_count_levels(const mt_tree *tree, const mt_node *group, int *out, mt_error *err)
{
    size_t declared = json_array_size(get_datasets(group));
    *out = declared < MOST_LEVELS ? (int)declared : MOST_LEVELS;
    if (declared)
        return MT_OK;
    bool found = true;
    for (int n = 1; n < MOST_LEVELS && found; n++) {
        mt_status st = has_level(tree, group, n, &found, err);
        if (st)
            return st;
        *out = n;
    }
    return MT_OK;
}

mt_status n5_find_level(const mt_tree *tree, const mt_node *group, const char *path, int *out, mt_error *err)
{
    int n;
    const char *level;
    size_t length = strlen(group->path) + (*group->path != 0);
    mt_status st = n5_count_levels(tree, group, &n, err);
    *out = -1;
    for (int i = 0; !st && i < n && *out < 0; i++)
        if (!(st = n5_level_path(tree, group, i, &level, err)) && strcmp(level + length, path) == 0)
            *out = i;
    return st;
}
