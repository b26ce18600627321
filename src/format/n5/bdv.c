/* SPDX-License-Identifier: BSD-3-Clause */
/* Setups of BigDataViewer: datasets of three dimensions at setup0/timepoint0/s0, for setup, time point and level. Source:
 * bigdataviewer-core, "BDV N5 format.md". The documentation pads the numbers with zeros, the program does not: names are
 * taken as they are. */
#include "base/number.h"
#include "format/n5/n5.h"

#include <stdlib.h>
#include <string.h>

#define MOST_TIMES 100000
#define TIMES_AT_ONCE 16
static const char prefix[] = "timepoint";

/* The number of a time point; -1: not the name of one. */
static int64_t number_of(const char *name)
{
    const char *text = name + sizeof prefix - 1;
    int64_t number;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0 || *text < '0' || *text > '9' ||
        !mt_parse_integer(&text, &number))
        return -1;
    return *text ? -1 : number;
}

static int compare(const void *a, const void *b)
{
    int64_t x = number_of(*(const char *const *)a), y = number_of(*(const char *const *)b);
    return x < y ? -1 : x > y;
}

/* In a store that cannot list: time points from 0 on. */
static mt_status try_times(const mt_tree *tree, const mt_node *setup, mt_members *out, mt_error *err)
{
    for (bool found = true; found && out->n < MOST_TIMES;) {
        const char *paths[TIMES_AT_ONCE];
        mt_node node;
        size_t first = out->n - out->n % TIMES_AT_ONCE;
        mt_status st = MT_OK;
        for (size_t i = 0; !st && i < TIMES_AT_ONCE; i++) {
            const char *name = mt_arena_printf(tree->scratch, err, "%s%zu", prefix, first + i);
            st = name ? mt_tree_join(tree, setup->path, name, MT_E_CORRUPT, &paths[i], err) : mt_arena_failed(err);
        }
        if (st)
            return st;
        if (out->n == first)
            mt_tree_touch(tree, paths, TIMES_AT_ONCE);
        const char *path = paths[out->n - first], *name = strrchr(path, '/') + 1;
        if ((st = mt_node_load(tree, path, &node, err)))
            return st;
        found = node.kind == MT_NODE_GROUP;
        mt_node_free(&node);
        if (found && (st = mt_members_add(tree, out, name, strlen(name), err)))
            return st;
    }
    return MT_OK;
}

static mt_status find_times(const mt_tree *tree, const mt_node *setup, mt_members *out, mt_error *err)
{
    mt_error own = MT_ERROR_INIT;
    mt_status st = mt_tree_find_members(tree, setup, out, &own);
    if (st && st != MT_E_UNSUPPORTED)
        return mt_fail(err, st, "%s", own.message);
    if (st) {
        *out = (mt_members) { .n = 0 };
        if ((st = try_times(tree, setup, out, err)))
            return st;
    }
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++)
        if (number_of(out->names[i]) >= 0)
            out->names[n++] = out->names[i];
    out->n = n;
    if (n > MOST_TIMES)
        return mt_fail(err, MT_E_LIMIT, "'%s' has more than %d time points", setup->path, MOST_TIMES);
    if (n == 0)
        return mt_fail(err, MT_E_NOT_FOUND, "'%s' has no time points (%s0)", setup->path, prefix);
    qsort(out->names, n, sizeof *out->names, compare);
    return MT_OK;
}

/* Whether the datasets of two time points are stored alike. */
static bool are_alike(const mt_node *a, const mt_node *b)
{
    static const char *const members[] = { "dimensions", "blockSize", "dataType", "compression", "compressionType" };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const json_t *x = json_object_get(a->document, members[i]), *y = json_object_get(b->document, members[i]);
        if (x != y && !(x && y && json_equal(x, y)))
            return false;
    }
    return true;
}

typedef struct setup_map {
    const mt_tree *tree;
    const mt_node *setup;
    mt_members times;
    const char **names; /* of the state */
    int level;
    mt_chunk_map *map;
    mt_node first; /* dataset of the first time point that has one */
} setup_map;

static mt_status take_time(setup_map *s, size_t t, const char *path, mt_error *err)
{
    mt_node node;
    const char *name = s->times.names[t];
    mt_status st = mt_node_load(s->tree, path, &node, err);
    if (st)
        return st;
    if (node.kind != MT_NODE_ARRAY) {
        st = mt_chunk_map_miss(s->map, err, "%s", path);
    } else if (s->first.document && !are_alike(&s->first, &node)) {
        st = mt_fail(err, MT_E_UNSUPPORTED, "'%s' is stored otherwise than '%s'", path, s->first.path);
    } else {
        s->names[t] = mt_arena_strndup(s->map->arena, name, strlen(name), err);
        st = s->names[t] ? MT_OK : mt_arena_failed(err);
        if (!s->first.document) {
            s->first = node;
            return st;
        }
    }
    mt_node_free(&node);
    return st;
}

static mt_status take_times(setup_map *s, mt_error *err)
{
    mt_status st = MT_OK;
    const char *paths[TIMES_AT_ONCE];
    for (size_t from = 0; !st && from < s->times.n; from += TIMES_AT_ONCE) {
        size_t n = s->times.n - from < TIMES_AT_ONCE ? s->times.n - from : TIMES_AT_ONCE;
        for (size_t i = 0; !st && i < n; i++) {
            char *below = mt_arena_printf(s->tree->scratch, err, "%s/s%d", s->times.names[from + i], s->level);
            st = below ? mt_tree_join(s->tree, s->setup->path, below, MT_E_CORRUPT, &paths[i], err)
                       : mt_arena_failed(err);
        }
        if (!st)
            mt_tree_touch(s->tree, paths, n);
        for (size_t i = 0; !st && i < n; i++)
            st = take_time(s, from + i, paths[i], err);
    }
    if (!st && !s->first.document)
        st = mt_fail(err, MT_E_NOT_FOUND, "no time point of '%s' has the level %d", s->setup->path, s->level);
    return st;
}

/* Puts time before the dimensions of the first dataset. */
static mt_status add_time(setup_map *s, mt_error *err)
{
    mt_chunk_map *map = s->map;
    mt_status st = n5_parse_dataset(&s->first, map, err);
    if (st)
        return st;
    if (map->ndim != 3)
        return mt_fail(err, MT_E_UNSUPPORTED, "'%s' has %d dimensions, not 3", s->first.path, map->ndim);
    memmove(map->shape + 1, map->shape, 3 * sizeof *map->shape);
    memmove(map->chunk_shape + 1, map->chunk_shape, 3 * sizeof *map->chunk_shape);
    map->ndim = 4;
    map->shape[0] = (int64_t)s->times.n;
    map->chunk_shape[0] = 1;
    memcpy(map->axes, "TZYX", 4);
    n5_state *state = map->state;
    state->times = (const char *const *)s->names;
    state->stem = mt_arena_printf(map->arena, err, "%s/", s->setup->path);
    state->infix = mt_arena_printf(map->arena, err, "/s%d/", s->level);
    return state->stem && state->infix ? n5_finish(map, err) : mt_arena_failed(err);
}

static mt_status count_levels(setup_map *s, mt_error *err)
{
    const char *path;
    mt_node group;
    mt_status st = mt_tree_join(s->tree, s->setup->path, s->times.names[0], MT_E_CORRUPT, &path, err);
    if (st || (st = mt_node_load(s->tree, path, &group, err)))
        return st;
    st = n5_count_levels(s->tree, &group, &s->map->n_levels, err);
    mt_node_free(&group);
    return st;
}

mt_status n5_map_setup(const mt_tree *tree, const mt_node *setup, const mt_selection *selection, mt_chunk_map *map,
                       mt_error *err)
{
    setup_map s = { .tree = tree, .setup = setup, .map = map };
    mt_status st = find_times(tree, setup, &s.times, err);
    if (st || (st = count_levels(&s, err)))
        return st;
    if (selection->level >= map->n_levels)
        return mt_fail(err, MT_E_NOT_FOUND, "no level %lld: the image has %d", (long long)selection->level,
                       map->n_levels);
    s.level = map->level = selection->level < 0 ? 0 : (int)selection->level;
    if (!(s.names = mt_arena_alloc(map->arena, s.times.n, sizeof *s.names, err)))
        return mt_arena_failed(err);
    if (!(st = take_times(&s, err)) && !(st = add_time(&s, err)))
        st = n5_describe(tree, &s.first, NULL, s.level, map, err);
    mt_node_free(&s.first);
    return st;
}
