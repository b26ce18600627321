/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds the stored chunks of an array by listing one folder ("0.1.2") or nested folders, one per dimension ("0/1/2").
 * Only the folders that a search passes are listed. */
#include "base/checked.h"
#include "base/number.h"
#include "format/zarr/zarr.h"

#include <stdlib.h>
#include <string.h>

/* A folder with all chunks is listed only if the search covers at least this share of them. */
#define LEAST_SHARE 16

/* The numbers in the names of one folder, in ascending order: one per name, or one per dimension. */
typedef struct listing {
    bool is_read, is_known;
    int64_t prefix[MT_MAX_DIMS]; /* numbers of the folders above */
    int64_t *numbers;
    size_t n, room; /* names */
    int width;      /* numbers in a name */
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
        mt_release(env, all->level[i].numbers, all->level[i].room * (size_t)all->level[i].width * sizeof(int64_t));
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

/* Reads a number of a key: without sign and leading zeros. */
static bool read_number(const char **text, int64_t *out)
{
    const char *start = *text;
    return *start >= '0' && *start <= '9' && mt_parse_integer(text, out) && (*start != '0' || *text == start + 1);
}

typedef struct reading {
    listings *all;
    listing *into;
    const char *before; /* prefix of names */
    size_t limit;       /* bytes */
} reading;

static mt_status grow(reading *r, mt_error *err)
{
    listing *l = r->into;
    size_t each = (size_t)l->width * sizeof(int64_t), room = l->room ? 2 * l->room : 64;
    if (room > r->limit / each)
        return mt_fail(err, MT_E_LIMIT, "more names than max_metadata_bytes");
    void *moved = mt_resize(r->all->env, l->numbers, l->room * each, room * each);
    if (!moved)
        return mt_fail(err, MT_E_MEMORY, "out of memory for %zu names", room);
    l->numbers = moved;
    l->room = room;
    return MT_OK;
}

static mt_status take_name(void *user, const char *name, mt_error *err)
{
    reading *r = user;
    listing *l = r->into;
    size_t length = strlen(r->before);
    mt_status st = l->n == l->room ? grow(r, err) : MT_OK;
    if (st || strncmp(name, r->before, length) != 0)
        return st;
    name += length;
    int64_t *out = l->numbers + l->n * (size_t)l->width;
    for (int i = 0; i < l->width; i++) {
        if (i > 0 && *name++ != zarr_separator(r->all->state))
            return MT_OK;
        if (!read_number(&name, &out[i]))
            return MT_OK;
    }
    l->n += *name == 0;
    return MT_OK;
}

static int compare(const int64_t *a, const int64_t *b, int n)
{
    for (int i = 0; i < n; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

static int compare_one(const void *a, const void *b) { return compare(a, b, 1); }

/* Heapsort for names of several numbers: qsort needs a fixed width. */
static void sift(int64_t *numbers, size_t n, size_t at, int width)
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        int64_t *x = numbers + at * (size_t)width, *y = numbers + child * (size_t)width;
        if (child + 1 < n && compare(y, y + width, width) < 0) {
            child++;
            y += width;
        }
        if (compare(x, y, width) >= 0)
            return;
        for (int i = 0; i < width; i++) {
            int64_t swapped = x[i];
            x[i] = y[i];
            y[i] = swapped;
        }
    }
}

static void sort(listing *l)
{
    if (l->width == 1) {
        if (l->n)
            qsort(l->numbers, l->n, sizeof *l->numbers, compare_one);
        return;
    }
    for (size_t i = l->n / 2; i-- > 0;)
        sift(l->numbers, l->n, i, l->width);
    for (size_t i = l->n; i-- > 1;) {
        int64_t *first = l->numbers, *last = l->numbers + i * (size_t)l->width;
        for (int k = 0; k < l->width; k++) {
            int64_t swapped = first[k];
            first[k] = last[k];
            last[k] = swapped;
        }
        sift(l->numbers, i, 0, l->width);
    }
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
    reading r = { all, l, before, all->env->limits.max_metadata_bytes };
    l->n = 0;
    l->is_read = true;
    memcpy(l->prefix, position, (size_t)k * sizeof *position);
    l->is_known = mt_store_list(map->store, folder, take_name, &r, NULL) == MT_OK;
    sort(l);
}

/* The first name at or after wanted, or NULL. */
static const int64_t *find_name(const listing *l, const int64_t *wanted)
{
    size_t low = 0, high = l->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(l->numbers + middle * (size_t)l->width, wanted, l->width) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < l->n ? l->numbers + low * (size_t)l->width : NULL;
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
        l->width = nested ? 1 : map->ndim;
        if (!l->is_read || compare(l->prefix, wanted, k) != 0)
            read_folder(map, all, k, wanted, l);
        if (!l->is_known)
            return;
        const int64_t *found = find_name(l, wanted + k);
        if (found && compare(found, wanted + k, l->width) == 0)
            continue;
        memset(next + k, 0, (size_t)(map->ndim - k) * sizeof *next);
        if (found)
            memcpy(next + k, found, (size_t)l->width * sizeof *next);
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
