/* SPDX-License-Identifier: BSD-3-Clause */
/* Setups of BigDataViewer: datasets of three dimensions at setup0/timepoint0/s0, for setup, time point and level. Source:
 * bigdataviewer-core, "BDV N5 format.md". The documentation pads the numbers with zeros, the program does not: names are
 * taken as they are. */
#include "base/checked.h"
#include "base/number.h"
#include "format/bdv.h"
#include "format/n5/n5.h"

#include <inttypes.h>
#include <string.h>

#define MOST_TIMES 100000
#define TIMES_AT_ONCE 16
static const char prefix[] = "timepoint";

/* The number after a word; -1: the name is not made so. */
static int64_t number_after(const char *name, const char *word)
{
    size_t n = strlen(word);
    const char *text = name + n;
    int64_t number;
    if (strncmp(name, word, n) != 0 || *text < '0' || *text > '9' || !mt_parse_integer(&text, &number))
        return -1;
    return *text ? -1 : number;
}

typedef struct setup_map {
    const mt_tree *tree;
    const mt_node *setup;
    const mt_xml *document; /* or NULL */
    int64_t first_time, n_times;
    const char **found; /* names of time points, in scratch; NULL: there is none */
    const char **names; /* of the state: those with datasets */
    int level;
    mt_chunk_map *map;
    mt_node first; /* dataset of the first time point that has one */
} setup_map;

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

/* The names of time points, or those that a document declares if the store cannot list. */
static mt_status find_members(const setup_map *s, mt_members *out, bool *is_listed, mt_error *err)
{
    mt_error own = MT_ERROR_INIT;
    mt_status st = mt_tree_find_members(s->tree, s->setup, out, &own);
    *is_listed = st != MT_E_UNSUPPORTED;
    if (st && *is_listed)
        return mt_fail(err, st, "%s", own.message);
    if (*is_listed)
        return MT_OK;
    *out = (mt_members) { .n = 0 };
    return s->document ? MT_OK : try_times(s->tree, s->setup, out, err);
}

/* Takes the folder of a time point. Of two names for one, such as timepoint0 and timepoint00, BigDataViewer writes the
 * shorter. */
static mt_status take_name(setup_map *s, const char *name, mt_error *err)
{
    int64_t number = number_after(name, prefix);
    if (number < 0)
        return MT_OK;
    const char **taken = &s->found[number - s->first_time], *other = *taken;
    if (!other || strlen(name) < strlen(other))
        *taken = name;
    return other ? mt_chunk_map_warn(s->map, err, "'%s': %s and %s are the same time point: %s is read", s->setup->path,
                                     other, name, *taken)
                 : MT_OK;
}

/* The time points are all from the first to the last one in the folder or the document. */
static mt_status find_times(setup_map *s, mt_error *err)
{
    mt_members members;
    bool is_listed;
    int64_t low = INT64_MAX, high = -1;
    mt_status st = find_members(s, &members, &is_listed, err);
    if (st)
        return st;
    for (size_t i = 0; i < members.n; i++)
        mt_bdv_widen(number_after(members.names[i], prefix), &low, &high);
    mt_bdv_read_times(s->document, &low, &high);
    if (low > high)
        return mt_fail(err, MT_E_NOT_FOUND, "'%s' has no time points (%s0)", s->setup->path, prefix);
    if (high - low >= MOST_TIMES)
        return mt_fail(err, MT_E_LIMIT, "time points %lld to %lld of '%s' are more than %d", (long long)low,
                       (long long)high, s->setup->path, MOST_TIMES);
    s->first_time = low;
    s->n_times = high - low + 1;
    if (!(s->found = mt_arena_alloc(s->tree->scratch, (size_t)s->n_times, sizeof *s->found, err)))
        return mt_arena_failed(err);
    for (size_t i = 0; i < members.n; i++)
        if ((st = take_name(s, members.names[i], err)))
            return st;
    for (int64_t t = 0; !is_listed && t < s->n_times; t++)
        if (!(s->found[t] = mt_arena_printf(s->tree->scratch, err, "%s%" PRId64, prefix, low + t)))
            return mt_arena_failed(err);
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

/* The path of the dataset of a time point, which may not be there. */
static mt_status write_path(const setup_map *s, int64_t t, const char **out, mt_error *err)
{
    char *below =
        s->found[t] ? mt_arena_printf(s->tree->scratch, err, "%s/s%d", s->found[t], s->level)
                    : mt_arena_printf(s->tree->scratch, err, "%s%" PRId64 "/s%d", prefix, s->first_time + t, s->level);
    return below ? mt_tree_join(s->tree, s->setup->path, below, MT_E_CORRUPT, out, err) : mt_arena_failed(err);
}

/* Takes a dataset, and ownership of its node. */
static mt_status take_dataset(setup_map *s, int64_t t, mt_node *node, mt_error *err)
{
    const char *name = s->found[t];
    if (s->first.document && !are_alike(&s->first, node))
        return mt_fail(err, MT_E_UNSUPPORTED, "'%s' and '%s' differ in size, type or compression", node->path,
                       s->first.path);
    if (!(s->names[t] = mt_arena_strndup(s->map->arena, name, strlen(name), err)))
        return mt_arena_failed(err);
    if (!s->first.document) {
        s->first = *node;
        *node = (mt_node) { .path = node->path };
    }
    return MT_OK;
}

static mt_status take_time(setup_map *s, int64_t t, const char *path, mt_error *err)
{
    mt_node node;
    if (!s->found[t])
        return mt_chunk_map_miss(s->map, err, "%s", path);
    mt_status st = mt_node_load(s->tree, path, &node, err);
    if (st)
        return st;
    st = node.kind == MT_NODE_ARRAY ? take_dataset(s, t, &node, err) : mt_chunk_map_miss(s->map, err, "%s", path);
    mt_node_free(&node);
    return st;
}

static mt_status take_times(setup_map *s, mt_error *err)
{
    mt_status st = MT_OK;
    const char *paths[TIMES_AT_ONCE];
    for (int64_t from = 0; !st && from < s->n_times; from += TIMES_AT_ONCE) {
        int64_t n = mt_min_i64(TIMES_AT_ONCE, s->n_times - from);
        for (int64_t i = 0; !st && i < n; i++)
            st = write_path(s, from + i, &paths[i], err);
        if (!st)
            mt_tree_touch(s->tree, paths, (size_t)n);
        for (int64_t i = 0; !st && i < n; i++)
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
    map->shape[0] = s->n_times;
    map->chunk_shape[0] = 1;
    memcpy(map->axes, "TZYX", 4);
    n5_state *state = map->state;
    state->times = (const char *const *)s->names;
    state->stem = mt_arena_printf(map->arena, err, "%s/", s->setup->path);
    state->infix = mt_arena_printf(map->arena, err, "/s%d/", s->level);
    return state->stem && state->infix ? n5_finish(map, err) : mt_arena_failed(err);
}

/* The levels of the first time point that has a folder: the document may list others. */
static mt_status count_levels(setup_map *s, mt_error *err)
{
    const char *path;
    mt_node group;
    int64_t t = 0;
    while (!s->found[t])
        if (++t == s->n_times)
            return mt_fail(err, MT_E_NOT_FOUND, "'%s' has no time points (%s0)", s->setup->path, prefix);
    mt_status st = mt_tree_join(s->tree, s->setup->path, s->found[t], MT_E_CORRUPT, &path, err);
    if (st || (st = mt_node_load(s->tree, path, &group, err)))
        return st;
    st = n5_count_levels(s->tree, &group, &s->map->n_levels, err);
    mt_node_free(&group);
    return st;
}

/* What the document knows, which comes before what attributes say. */
static mt_status describe(const setup_map *s, mt_error *err)
{
    const char *slash = strrchr(s->setup->path, '/'), *name = slash ? slash + 1 : s->setup->path;
    const json_t *levels = json_object_get(s->setup->attributes, "downsamplingFactors");
    const json_t *list = json_array_get(levels, (size_t)s->level);
    double factors[3];
    bool is_known = json_array_size(list) == 3;
    for (size_t i = 0; i < 3; i++) {
        factors[2 - i] = json_number_value(json_array_get(list, i));
        is_known &= factors[2 - i] > 0;
    }
    return mt_bdv_describe(mt_bdv_find_setup(s->document, number_after(name, "setup")), is_known ? factors : NULL,
                           s->map, err);
}

mt_status n5_map_setup(const mt_tree *tree, const mt_node *setup, const mt_selection *selection, mt_chunk_map *map,
                       mt_error *err)
{
    const mt_bdv_document *document = tree->own;
    setup_map s = { .tree = tree, .setup = setup, .document = document ? document->root : NULL, .map = map };
    mt_status st = document ? mt_bdv_tell(document, map, err) : MT_OK;
    if (st || (st = find_times(&s, err)) || (st = count_levels(&s, err)))
        return st;
    if (selection->level >= map->n_levels)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no level=%lld; the image has %d, counted from 0",
                       (long long)selection->level, map->n_levels);
    s.level = map->level = selection->level < 0 ? 0 : (int)selection->level;
    if (!(s.names = mt_arena_alloc(map->arena, (size_t)s.n_times, sizeof *s.names, err)))
        return mt_arena_failed(err);
    if (!(st = take_times(&s, err)) && !(st = add_time(&s, err)) &&
        !(st = n5_describe(tree, &s.first, NULL, s.level, map, err)))
        st = describe(&s, err);
    mt_node_free(&s.first);
    return st;
}
