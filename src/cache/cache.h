/* SPDX-License-Identifier: BSD-3-Clause */
/* A get-or-make cache with a byte budget: decoded chunks, shard indices, page tables, index nodes.
 *
 * The first who asks for an entry makes it, while the others who ask wait. A failure is not kept: those who waited get
 * it, the next to ask tries again. Entries are counted: one that is dropped lives until its last user gives it back,
 * so the cache may exceed its budget by what is in use. What counts is data and what it takes to find it. */
#ifndef MT_CACHE_CACHE_H
#define MT_CACHE_CACHE_H

#include "base/env.h"

#include <stdbool.h>

typedef struct mt_cache mt_cache;

typedef struct mt_cache_entry {
    void *data;  /* made by mt_resize of the cache's env, freed by the cache */
    size_t size; /* bytes of data */
} mt_cache_entry;

/* The status of a make that only its own thread cannot go on with (store/collect.h): whoever waits for the entry makes it
 * then. Outside the values of mt_status: never leaves the library. */
#define MT_WAIT ((mt_status)255)

/* Makes data for an entry, allocated with mt_alloc. */
typedef mt_status (*mt_cache_make)(void *argument, void **data, size_t *size, mt_error *err);

MT_MUST_CHECK mt_status mt_cache_new(mt_env *env, uint64_t budget, mt_cache **out, mt_error *err);
void mt_cache_free(mt_cache *cache);

/* A number for the owner of entries (an open image), never given twice. */
uint64_t mt_cache_new_owner(mt_cache *cache);

/* The entry (owner, id), made if it is not there. Given back with mt_cache_release. */
MT_MUST_CHECK mt_status mt_cache_get(mt_cache *cache, uint64_t owner, uint64_t id, mt_cache_make make, void *argument,
                                     mt_cache_entry **out, mt_error *err);

/* The same in steps, for those who do not wait: mt_cache_begin finds the entry, made (MT_CACHE_HIT) or in the making by
 * somebody else (MT_CACHE_BUSY: mt_cache_await waits for it), or puts in one that the caller is to make
 * (MT_CACHE_MAKE), and must end with mt_cache_finish, which takes data over, or mt_cache_fail, which also gives the
 * entry back. MT_CACHE_NONE: no memory for an entry, make the data without. */
typedef enum mt_cache_state { MT_CACHE_NONE, MT_CACHE_HIT, MT_CACHE_MAKE, MT_CACHE_BUSY } mt_cache_state;
mt_cache_state mt_cache_begin(mt_cache *cache, uint64_t owner, uint64_t id, mt_cache_entry **out);
void mt_cache_finish(mt_cache *cache, mt_cache_entry *shown, void *data, size_t size);
void mt_cache_fail(mt_cache *cache, mt_cache_entry *shown, mt_status status, const mt_error *failure);

/* Waits for an entry that another thread makes; gives it back if that fails. stop, unless it is NULL, is asked without a
 * lock at least every 20 ms: once it returns true, the entry is given back, and MT_E_CANCELLED returned, without a message. */
MT_MUST_CHECK mt_status mt_cache_await(mt_cache *cache, mt_cache_entry *shown, bool (*stop)(void *argument),
                                       void *argument, mt_error *err);

/* The entry if it is there and made, else NULL. */
mt_cache_entry *mt_cache_peek(mt_cache *cache, uint64_t owner, uint64_t id);
void mt_cache_release(mt_cache *cache, mt_cache_entry *shown);

/* Drops all entries of an owner, or (owner 0) all. */
void mt_cache_drop(mt_cache *cache, uint64_t owner);

/* From now on the budget is shared with what is counted here, which entries make room for. */
void mt_cache_share_budget(mt_cache *cache, const _Atomic uint64_t *used_elsewhere);
void mt_cache_make_room(mt_cache *cache);                   /* drops entries until the budget is kept */
void mt_cache_set_budget(mt_cache *cache, uint64_t budget); /* while no other thread uses the cache */
uint64_t mt_cache_bytes(mt_cache *cache);
uint64_t mt_cache_cost(uint64_t size); /* what an entry of size bytes takes of the budget */
uint64_t mt_cache_budget(const mt_cache *cache);

#endif
