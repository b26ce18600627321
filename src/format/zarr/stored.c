/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds the stored chunks of an array by listing one folder ("0.1.2") or nested folders, one per dimension ("0/1/2").
 * Only the folders that a search passes are listed. */
#include "base/checked.h"
#include "base/number.h"
#include "format/zarr/zarr.h"

#include <string.h>

/* A folder with all chunks is listed only if the search covers at least this share of them. */
#define LEAST_SHARE 16

/* The numbers in the names of one folder, in ascending order: one per name, or one per dimension. */
typedef struct listing {
    bool is_read, is_known;
    int64_t prefix[MT_MAX_DIMS]; /* numbers of the folders above */
    mt_positions found;          /* width: numbers in a name */
} listing;

typedef struct listings {
    mt_env *env;
    const zarr_state *state;
    listing level[MT_MAX_DIMS];
} listings;

static void free_listings(mt_env *env, void *memo)
{
    listings *all = memo;
    for (int i = 0; i < MT_MAX_DIMS; i++)
        mt_positions_free(env, &all->level[i].found);
    mt_release(env, all, sizeof *all);
}

static listings *get_listings(const mt_chunk_map *map, mt_scan *scan)
{
    mt_env *env = mt_arena_env(map->arena);
    void *memory;
    if (!scan->memo && mt_alloc(env, sizeof(listings), &memory, NULL) == MT_OK) {
        listings *all = memset(memory, 0, sizeof *all);
        all->env = env;
        all->state = map->state;
        scan->memo = all;
        scan->free_memo = free_listings;
    }
    return scan->memo;
}

typedef struct reading {
    listings *all;
    listing *into;
    const char *before; /* prefix of names */
} reading;

static mt_status take_name(void *user, const char *name, mt_error *err)
{
    reading *r = user;
    mt_positions *found = &r->into->found;
    int64_t position[MT_MAX_DIMS];
    size_t length = strlen(r->before);
    if (strncmp(name, r->before, length) != 0)
        return MT_OK;
    name += length;
    for (int i = 0; i < found->width; i++) {
        if (i > 0 && *name++ != zarr_separator(r->all->state))
            return MT_OK;
        if (!mt_parse_digits(&name, &position[i]))
            return MT_OK;
    }
    return *name ? MT_OK : mt_positions_add(r->all->env, found, position, err);
}

/* Lists the folder below the first k numbers of a position. */
static void read_folder(const mt_chunk_map *map, listings *all, int k, const int64_t *position, listing *l)
{
    const zarr_state *s = all->state;
    char folder[MT_KEY_BYTES], before[MT_KEY_BYTES] = "";
    zarr_write_prefix(map, position, k, folder);
    char separator = zarr_separator(s);
    if (separator != '/') { /* "a/c.0.1": in the folder a, names that start with "c." */
        char *slash = strrchr(folder, '/'), *name = slash ? slash + 1 : folder;
        memcpy(before, name, strlen(name) + 1);
        if (s->leading_separator) {
            size_t n = strlen(before);
            before[n] = separator;
            before[n + 1] = 0;
        }
        *(slash ? slash : folder) = 0;
    } else if (*folder && folder[strlen(folder) - 1] == '/') {
        folder[strlen(folder) - 1] = 0;
    }
    reading r = { all, l, before };
    l->found.n = 0;
    l->is_read = true;
    memcpy(l->prefix, position, (size_t)k * sizeof *position);
    l->is_known = mt_store_list(map->store, folder, take_name, &r, NULL) == MT_OK;
    mt_positions_sort(&l->found);
}

/* Whether listing the folders of a level is cheaper than trying each chunk. */
static bool is_cheaper(const mt_chunk_map *map, const mt_scan *scan, bool nested, int k)
{
    uint64_t total = 1;
    if (map->store->costs.is_slow)
        return nested && k == 0;
    for (int d = 0; d < map->ndim && !nested; d++)
        if (mt_mul_u64(total, (uint64_t)(map->shape[d] / map->chunk_shape[d]) + 1, &total))
            return false;
    return nested || scan->wanted >= total / LEAST_SHARE;
}

/* The first object that may be stored, at or after wanted, in C order of the grid of objects. */
static void find_object(const mt_chunk_map *map, mt_scan *scan, const int64_t *wanted, int64_t *next)
{
    listings *all = get_listings(map, scan);
    bool nested = all && zarr_separator(all->state) == '/';
    int levels = !all ? 0 : nested ? map->ndim : 1;
    memcpy(next, wanted, (size_t)map->ndim * sizeof *next);
    for (int k = 0; k < levels; k++) {
        listing *l = &all->level[k];
        if (!is_cheaper(map, scan, nested, k))
            return;
        l->found.width = nested ? 1 : map->ndim;
        if (!l->is_read || mt_positions_compare(l->prefix, wanted, k) != 0)
            read_folder(map, all, k, wanted, l);
        if (!l->is_known)
            return;
        const int64_t *found = mt_positions_find(&l->found, wanted + k);
        if (found && mt_positions_compare(found, wanted + k, l->found.width) == 0)
            continue;
        memset(next + k, 0, (size_t)(map->ndim - k) * sizeof *next);
        if (found)
            memcpy(next + k, found, (size_t)l->found.width * sizeof *next);
        else if (k > 0)
            next[k - 1]++;
        else
            next[0] = MT_NOWHERE;
        return;
    }
}

void zarr_find_stored(const mt_chunk_map *map, mt_scan *scan, const int64_t *position, int64_t *next)
{
    const zarr_state *s = map->state;
    int64_t shard[MT_MAX_DIMS], found[MT_MAX_DIMS];
    int d = 0, ndim = map->ndim;
    if (!zarr_keys_are_known(map, position)) { /* reading reports the reason */
        memcpy(next, position, (size_t)ndim * sizeof *next);
        return;
    }
    if (s->n_shard_levels == 0) {
        find_object(map, scan, position, next);
        return;
    }
    zarr_find_object(map, position, shard);
    find_object(map, scan, shard, found);
    memcpy(next, position, (size_t)ndim * sizeof *next);
    while (d < ndim && found[d] == shard[d])
        d++;
    if (d == ndim)
        return;
    /* No shard before found is stored. Skips whole slabs along d: */
    bool whole = true;
    for (int e = d + 1; e < ndim; e++)
        whole &= shard[e] == 0;
    if (whole && found[d] == MT_NOWHERE) {
        next[0] = MT_NOWHERE;
    } else if (whole) {
        memset(next + d, 0, (size_t)(ndim - d) * sizeof *next);
        next[d] = found[d] * (s->shards[0].shape[d] / map->chunk_shape[d]);
    } else {
        next[ndim - 1] = MT_NOWHERE; /* else the rest of the row */
    }
}
