/* SPDX-License-Identifier: BSD-3-Clause */
/* Which blocks are stored, from listings of their folders: one folder per number of the key, the fastest dimension
 * first. A search goes in C order, across the folders: it needs all of them, and sorts what they hold. */
#include "base/number.h"
#include "format/n5/n5.h"
#include "store/collect.h"
#include "store/resolve.h"

#include <string.h>

typedef struct listing {
    bool is_known; /* else every block may be stored */
    mt_positions found;
} listing;

static void free_listing(mt_env *env, void *memo)
{
    listing *l = memo;
    mt_positions_free(env, &l->found);
    mt_release(env, l, sizeof *l);
}

/* Lists the folders of a dataset. At most as many as the search would try blocks: then it costs no more. */
typedef struct walk {
    const mt_chunk_map *map;
    mt_env *env;
    mt_positions *out;
    int last;        /* the first dimension that is in the keys of blocks */
    uint64_t budget; /* folders that may still be listed */
    int64_t position[MT_MAX_DIMS];
    char key[MT_KEY_BYTES];
} walk;

typedef struct numbers {
    mt_env *env;
    mt_positions found;
    int64_t grid; /* those beyond are ignored */
} numbers;

static mt_status take_number(void *user, const char *name, mt_error *err)
{
    numbers *all = user;
    int64_t number;
    bool is_position = mt_parse_digits(&name, &number) && !*name && number < all->grid;
    return is_position ? mt_positions_add(all->env, &all->found, &number, err) : MT_OK;
}

/* Lists the folder w->key, whose names are positions along dimension d. */
static mt_status list_folder(walk *w, int d, mt_error *err)
{
    numbers all = { w->env, { .width = 1 }, mt_chunk_map_grid(w->map, d) };
    if (w->budget-- == 0)
        return mt_fail(err, MT_E_LIMIT, "more folders than blocks to look for");
    mt_status st = mt_store_list(w->map->store, w->key, take_number, &all, err);
    size_t n = strlen(w->key);
    for (size_t i = 0; !st && i < all.found.n; i++) {
        w->position[d] = all.found.numbers[i];
        if (d == w->last) {
            st = mt_positions_add(w->env, w->out, w->position, err);
            continue;
        }
        char *end = w->key + n;
        if (n > 0)
            *end++ = '/';
        *mt_write_digits(end, (uint64_t)w->position[d]) = 0;
        st = list_folder(w, d - 1, err);
        w->key[n] = 0;
    }
    mt_positions_free(w->env, &all.found);
    return st;
}

static mt_status list_all(const mt_chunk_map *map, uint64_t budget, mt_positions *out, mt_error *err)
{
    const n5_state *state = map->state;
    walk w = {
        .map = map, .env = mt_arena_env(map->arena), .out = out, .last = state->infix != NULL, .budget = budget
    };
    int64_t times = state->infix ? map->shape[0] : 1;
    mt_status st = MT_OK;
    for (int64_t t = 0; !st && t < times; t++) {
        w.position[0] = t;
        if (n5_write_folder(map, t, w.key))
            st = list_folder(&w, map->ndim - 1, err);
    }
    return st;
}

static listing *get_listing(const mt_chunk_map *map, mt_scan *scan)
{
    mt_env *env = mt_arena_env(map->arena);
    void *memory;
    if (scan->memo || mt_alloc(env, sizeof(listing), &memory, NULL))
        return scan->memo;
    listing *l = memset(memory, 0, sizeof *l);
    l->found.width = map->ndim;
    scan->memo = l;
    scan->free_memo = free_listing;
    if (map->store->costs.is_slow)
        return l;
    l->is_known = list_all(map, scan->wanted, &l->found, NULL) == MT_OK;
    mt_positions_sort(&l->found);
    return l;
}

void n5_find_stored(const mt_chunk_map *map, mt_scan *scan, const int64_t *position, int64_t *next)
{
    const listing *l = get_listing(map, scan);
    memcpy(next, position, (size_t)map->ndim * sizeof *next);
    if (!l || !l->is_known)
        return;
    const int64_t *found = mt_positions_find(&l->found, position);
    if (found)
        memcpy(next, found, (size_t)map->ndim * sizeof *next);
    else
        next[0] = MT_NOWHERE;
}

static mt_status find_number(void *user, const char *name, mt_error *err)
{
    (void)err;
    int64_t number;
    *(bool *)user |= mt_parse_digits(&name, &number) && !*name;
    return MT_OK;
}

/* Over a network, a dataset without any block is more likely a wrong address than an empty image. A store that cannot
 * list proves nothing. */
static int find_any(const mt_chunk_map *map, int64_t time)
{
    char folder[MT_KEY_BYTES];
    bool found = false;
    if (!mt_is_url(map->store->url) || !n5_write_folder(map, time, folder))
        return N5_STORED_SOME;
    mt_collector *collector = mt_collect_into(NULL); /* rare: may block */
    mt_status st = mt_store_sample(map->store, folder, find_number, &found, NULL);
    mt_collect_into(collector);
    return st || found ? N5_STORED_SOME : N5_STORED_NONE;
}

mt_status n5_judge_absent(const mt_chunk_map *map, const int64_t *position, const char *key, bool any_stored,
                          bool *moved, mt_error *err)
{
    (void)key;
    n5_state *state = map->state;
    int stored = any_stored ? N5_STORED_SOME : atomic_load(&state->stored);
    *moved = false;
    if (stored == N5_STORED_UNKNOWN)
        atomic_store(&state->stored, stored = find_any(map, position[0]));
    if (stored != N5_STORED_NONE)
        return MT_OK;
    char folder[MT_KEY_BYTES] = "";
    (void)!n5_write_folder(map, position[0], folder);
    return mt_fail(err, MT_E_NOT_FOUND,
                   "there is not one block below '%s': check the address, or whether the data were copied", folder);
}
