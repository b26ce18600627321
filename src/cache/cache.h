/* SPDX-License-Identifier: BSD-3-Clause */
/* A get-or-make cache with a byte budget, for decoded chunks, shard indices, page tables and index nodes.
 *
 * The first caller that requests an entry makes it; concurrent callers wait. A failure is returned to the callers that
 * waited and is not cached. Entries are reference-counted: a dropped entry is freed when its last user releases it, so
 * the cache can exceed its budget by the entries in use. The budget counts data and bookkeeping. */
#ifndef MT_CACHE_CACHE_H
#define MT_CACHE_CACHE_H

#include "base/env.h"

#include <stdbool.h>

typedef struct mt_cache mt_cache;

typedef struct mt_cache_entry {
    void *data;  /* made by mt_cache_alloc, or by mt_alloc of the cache's env; freed by the cache */
    size_t size; /* bytes of data */
} mt_cache_entry;

/* Status of a make that had to be postponed in its own thread (store/collect.h); a caller that waits for the entry
 * makes it instead. Not a value of mt_status: never returned by a public function. */
#define MT_WAIT ((mt_status)255)

/* Makes the data of an entry, allocated with mt_alloc. */
typedef mt_status (*mt_cache_make)(void *argument, void **data, size_t *size, mt_error *err);

MT_MUST_CHECK mt_status mt_cache_new(mt_env *env, uint64_t budget, mt_cache **out, mt_error *err);
void mt_cache_free(mt_cache *cache);

/* From now on, mt_cache_alloc may use memory that is not from the allocator of env. */
MT_MUST_CHECK mt_status mt_cache_use_slabs(mt_cache *cache, mt_error *err);

/* Memory for the data of an entry, and its release if it does not become one. */
MT_MUST_CHECK mt_status mt_cache_alloc(mt_cache *cache, size_t size, void **out, mt_error *err);
void mt_cache_dealloc(mt_cache *cache, void *data, size_t size);

/* A unique number for an owner of entries (an open image). */
uint64_t mt_cache_new_owner(mt_cache *cache);

/* Gets the entry (owner, id), made if it does not exist. The caller releases it with mt_cache_release. */
MT_MUST_CHECK mt_status mt_cache_get(mt_cache *cache, uint64_t owner, uint64_t id, mt_cache_make make, void *argument,
                                     mt_cache_entry **out, mt_error *err);

/* The same without blocking. mt_cache_begin returns: MT_CACHE_HIT: the entry is made. MT_CACHE_BUSY: another thread is
 * making it; mt_cache_await waits for it. MT_CACHE_MAKE: a new entry. The caller must make it and call mt_cache_finish,
 * which takes over data, or mt_cache_fail, which also releases the entry. MT_CACHE_NONE: no memory for an entry; the
 * caller makes the data without the cache. */
typedef enum mt_cache_state { MT_CACHE_NONE, MT_CACHE_HIT, MT_CACHE_MAKE, MT_CACHE_BUSY } mt_cache_state;
mt_cache_state mt_cache_begin(mt_cache *cache, uint64_t owner, uint64_t id, mt_cache_entry **out);
void mt_cache_finish(mt_cache *cache, mt_cache_entry *shown, void *data, size_t size);
void mt_cache_fail(mt_cache *cache, mt_cache_entry *shown, mt_status status, const mt_error *failure);

/* Waits for an entry that another thread is making; releases it if that fails. stop, unless NULL, is called without a
 * lock at least every 20 ms. Once it returns true, the entry is released and the result is MT_E_CANCELLED, without a
 * message. */
MT_MUST_CHECK mt_status mt_cache_await(mt_cache *cache, mt_cache_entry *shown, bool (*stop)(void *argument),
                                       void *argument, mt_error *err);

/* The entry if it exists and is made, else NULL. */
mt_cache_entry *mt_cache_peek(mt_cache *cache, uint64_t owner, uint64_t id);
void mt_cache_release(mt_cache *cache, mt_cache_entry *shown);

/* Drops all entries of an owner; owner 0: all entries. */
void mt_cache_drop(mt_cache *cache, uint64_t owner);

/* Shares the budget with memory counted in *used_elsewhere: entries are evicted to make room for it. */
void mt_cache_share_budget(mt_cache *cache, const _Atomic uint64_t *used_elsewhere);
void mt_cache_make_room(mt_cache *cache);                   /* evicts entries until the cache is within its budget */
void mt_cache_set_budget(mt_cache *cache, uint64_t budget); /* while no other thread uses the cache */
uint64_t mt_cache_bytes(mt_cache *cache);
uint64_t mt_cache_cost(uint64_t size); /* bytes of the budget used by an entry of size bytes */
uint64_t mt_cache_budget(const mt_cache *cache);

#endif
