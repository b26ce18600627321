/* SPDX-License-Identifier: BSD-3-Clause */
/* An index to find the mappings that may intersect a box: groups of consecutive mappings, groups of groups and so on,
 * each with its bounds. Paint order is preserved. */
#include "base/checked.h"
#include "format/hdf5/virtual.h"

#define GROUP_BITS 4 /* log2 of the members of a group */

/* The bounds of a group, or of a mapping if level is -1, along a dimension. */
static h5_bounds bounds_of(const h5_virtual *v, int level, size_t i, int d)
{
    if (level >= 0)
        return v->levels[level][i * (size_t)v->rank + (size_t)d];
    const h5_runs *runs = &v->mappings[i].runs[d];
    const h5_run *last = &runs->list[runs->count - 1];
    return (h5_bounds) { runs->list[0].at, last->at + last->n };
}

/* Makes the n groups of a level from the n_below of the level below. */
static void join(h5_virtual *v, int level, size_t n, size_t n_below)
{
    for (size_t i = 0; i < n; i++)
        for (int d = 0; d < v->rank; d++) {
            size_t first = i << GROUP_BITS, end = first + ((size_t)1 << GROUP_BITS);
            h5_bounds all = bounds_of(v, level - 1, first, d);
            for (size_t k = first + 1; k < end && k < n_below; k++) {
                h5_bounds one = bounds_of(v, level - 1, k, d);
                all.low = mt_min_i64(all.low, one.low);
                all.high = mt_max_i64(all.high, one.high);
            }
            v->levels[level][i * (size_t)v->rank + (size_t)d] = all;
        }
}

mt_status h5_index_mappings(h5_virtual *v, mt_arena *arena, mt_error *err)
{
    v->n_levels = 0;
    for (size_t n_below = v->n, n; n_below > 1; n_below = n) {
        n = ((n_below - 1) >> GROUP_BITS) + 1;
        int level = v->n_levels++;
        v->levels[level] = mt_arena_alloc(arena, n * (size_t)v->rank, sizeof *v->levels[level], err);
        if (!v->levels[level])
            return MT_E_MEMORY;
        join(v, level, n, n_below);
    }
    return MT_OK;
}

static bool meets(const h5_search *s, int level, size_t i)
{
    for (int d = 0; d < s->v->rank; d++) {
        h5_bounds b = bounds_of(s->v, level, i, d);
        if (b.low >= s->high[d] || b.high <= s->low[d])
            return false;
    }
    return true;
}

const h5_mapping *h5_next_mapping(h5_search *s)
{
    while (s->next < s->v->n) {
        int level = -1; /* level of the largest group that starts here */
        while (level + 1 < s->v->n_levels && (s->next & (((size_t)1 << GROUP_BITS * (level + 2)) - 1)) == 0)
            level++;
        for (; s->steps++, meets(s, level, s->next >> GROUP_BITS * (level + 1)); level--)
            if (level < 0)
                return &s->v->mappings[s->next++];
        s->next += (size_t)1 << GROUP_BITS * (level + 1);
    }
    return NULL;
}
