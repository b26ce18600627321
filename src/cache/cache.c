/* SPDX-License-Identifier: BSD-3-Clause */
#include "cache/cache.h"

#include "cache/slabs.h"
#include "platform/thread.h"

#include <string.h>

/* Shards reduce lock contention. Each has its lock, its hash table and its LRU list. */
#define SHARDS 16
#define FIRST_BUCKETS 64

/* Entries of this many bytes in total are not in slabs: a few chunks take no more memory than they need. */
#define OUTSIDE_SLABS ((uint64_t)16 << 20)

typedef enum entry_state { MAKING, MADE, FAILED } entry_state;

typedef struct entry {
    mt_cache_entry shown; /* must be first: callers hold a pointer to it */
    uint64_t owner, id;
    entry_state state;
    bool linked; /* in the table; else freed by its last user */
    unsigned users;
    struct entry *next_in_bucket;
    struct entry *newer, *older; /* LRU list; if linked and MADE */
    uint64_t used;               /* the clock when it was put at the front of the list */
    mt_status status;            /* if FAILED */
    mt_error *error;             /* if FAILED and a thread waits for it; NULL if out of memory */
} entry;

typedef struct shard {
    mt_lock lock;
    mt_condition made;
    entry **buckets;
    size_t n_buckets, n_entries;
    entry *newest, *oldest; /* list, by the end of the last use */
} shard;

struct mt_cache {
    mt_env *env;
    uint64_t budget;
    _Atomic uint64_t bytes;            /* cost of linked entries */
    const _Atomic uint64_t *elsewhere; /* bytes of the budget used outside the cache, or NULL */
    mt_slabs *slabs;                   /* NULL: not used */
    _Atomic uint64_t last_owner;
    _Atomic uint64_t clock;          /* number of entries made */
    _Atomic uint64_t oldest[SHARDS]; /* entry.used of the oldest entry of each shard; UINT64_MAX: none */
    int n_shards;                    /* initialised shards */
    shard shards[SHARDS];
};

static uint64_t hash(uint64_t owner, uint64_t id)
{
    uint64_t h = (owner * UINT64_C(0x9e3779b97f4a7c15)) ^ id;
    h = (h ^ h >> 31) * UINT64_C(0xbf58476d1ce4e5b9);
    return h ^ h >> 29;
}

static shard *shard_of(mt_cache *cache, uint64_t h) { return &cache->shards[h % SHARDS]; }
uint64_t mt_cache_cost(uint64_t size) { return size + sizeof(entry); }

static entry **bucket_of(shard *s, uint64_t h) { return &s->buckets[h / SHARDS % s->n_buckets]; }

static entry *find(shard *s, uint64_t h, uint64_t owner, uint64_t id)
{
    for (entry *e = *bucket_of(s, h); e; e = e->next_in_bucket)
        if (e->id == id && e->owner == owner)
            return e;
    return NULL;
}

static void show_oldest(mt_cache *cache, const shard *s)
{
    atomic_store_explicit(&cache->oldest[s - cache->shards], s->oldest ? s->oldest->used : UINT64_MAX,
                          memory_order_relaxed);
}

static void list_remove(mt_cache *cache, shard *s, entry *e)
{
    bool was_oldest = s->oldest == e;
    *(e->newer ? &e->newer->older : &s->newest) = e->older;
    *(e->older ? &e->older->newer : &s->oldest) = e->newer;
    e->newer = e->older = NULL;
    if (was_oldest)
        show_oldest(cache, s);
}

static void list_add(mt_cache *cache, shard *s, entry *e)
{
    e->used = atomic_load_explicit(&cache->clock, memory_order_relaxed);
    e->newer = NULL;
    e->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = e;
    s->newest = e;
    if (s->oldest == e)
        show_oldest(cache, s);
}

/* Makes an entry the most recently used one. */
static void renew(mt_cache *cache, shard *s, entry *e)
{
    list_remove(cache, s, e);
    list_add(cache, s, e);
}

static void unlink_entry(mt_cache *cache, shard *s, entry *e)
{
    entry **at = bucket_of(s, hash(e->owner, e->id));
    while (*at != e)
        at = &(*at)->next_in_bucket;
    *at = e->next_in_bucket;
    s->n_entries--;
    e->linked = false;
    if (e->state == MADE) {
        list_remove(cache, s, e);
        atomic_fetch_sub(&cache->bytes, mt_cache_cost(e->shown.size));
    }
}

static void free_entry(mt_cache *cache, entry *e)
{
    mt_cache_dealloc(cache, e->shown.data, e->shown.size);
    mt_release(cache->env, e->error, sizeof *e->error);
    mt_release(cache->env, e, sizeof *e);
}

/* Doubles the number of buckets; leaves it unchanged if out of memory. */
static void grow(mt_cache *cache, shard *s)
{
    size_t n = s->n_buckets * 2;
    void *memory;
    if (mt_alloc(cache->env, n * sizeof(entry *), &memory, NULL))
        return;
    entry **old = s->buckets;
    size_t n_old = s->n_buckets;
    s->buckets = memset(memory, 0, n * sizeof(entry *));
    s->n_buckets = n;
    for (size_t i = 0; i < n_old; i++)
        for (entry *e = old[i], *next; e; e = next) {
            next = e->next_in_bucket;
            entry **at = bucket_of(s, hash(e->owner, e->id));
            e->next_in_bucket = *at;
            *at = e;
        }
    mt_release(cache->env, old, n_old * sizeof(entry *));
}

/* In a forked child: the threads that were making entries do not exist, so the next caller makes the entries anew. The
 * old ones stay allocated, because threads of the parent may have used them at the fork. */
static void forget_unfinished(void *owner)
{
    shard *s = owner;
    mt_condition_reset(&s->made);
    for (size_t i = 0; i < s->n_buckets; i++)
        for (entry **at = &s->buckets[i]; *at;)
            if ((*at)->state == MAKING) {
                (*at)->linked = false;
                *at = (*at)->next_in_bucket;
                s->n_entries--;
            } else {
                at = &(*at)->next_in_bucket;
            }
}

static mt_status init_shard(mt_cache *cache, shard *s, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(cache->env, FIRST_BUCKETS * sizeof(entry *), &memory, err);
    if (st)
        return st;
    s->buckets = memset(memory, 0, FIRST_BUCKETS * sizeof(entry *));
    s->n_buckets = FIRST_BUCKETS;
    show_oldest(cache, s);
    if ((st = mt_condition_init(&s->made, err)))
        goto no_condition;
    if ((st = mt_lock_init(&s->lock, forget_unfinished, s, err)))
        goto no_lock;
    return MT_OK;
no_lock:
    mt_condition_destroy(&s->made);
no_condition:
    mt_release(cache->env, s->buckets, FIRST_BUCKETS * sizeof(entry *));
    return st;
}

mt_status mt_cache_new(mt_env *env, uint64_t budget, mt_cache **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(env, sizeof(mt_cache), &memory, err);
    if (st)
        return st;
    mt_cache *cache = memset(memory, 0, sizeof(mt_cache));
    cache->env = env;
    cache->budget = budget;
    for (; cache->n_shards < SHARDS; cache->n_shards++)
        if ((st = init_shard(cache, &cache->shards[cache->n_shards], err))) {
            mt_cache_free(cache);
            return st;
        }
    *out = cache;
    return MT_OK;
}

void mt_cache_free(mt_cache *cache)
{
    if (!cache)
        return;
    mt_cache_drop(cache, 0);
    for (int i = 0; i < cache->n_shards; i++) {
        shard *s = &cache->shards[i];
        mt_lock_destroy(&s->lock);
        mt_condition_destroy(&s->made);
        mt_release(cache->env, s->buckets, s->n_buckets * sizeof(entry *));
    }
    mt_slabs_free(cache->slabs);
    mt_release(cache->env, cache, sizeof *cache);
}

mt_status mt_cache_use_slabs(mt_cache *cache, mt_error *err) { return mt_slabs_new(cache->env, &cache->slabs, err); }

mt_status mt_cache_alloc(mt_cache *cache, size_t size, void **out, mt_error *err)
{
    bool in_slab = cache->slabs && atomic_load(&cache->bytes) >= OUTSIDE_SLABS;
    if (in_slab && (*out = mt_slabs_take(cache->slabs, size)))
        return MT_OK;
    return mt_alloc(cache->env, size, out, err);
}

void mt_cache_dealloc(mt_cache *cache, void *data, size_t size)
{
    if (data && !(cache->slabs && mt_slabs_give(cache->slabs, data)))
        mt_release(cache->env, data, size);
}

uint64_t mt_cache_new_owner(mt_cache *cache) { return atomic_fetch_add(&cache->last_owner, 1) + 1; }

/* The least recently used entry of a shard that is not in use, or NULL. Those in use count as used now, so that they do
 * not hide others. */
static entry *find_idle(mt_cache *cache, shard *s)
{
    for (const entry *first = NULL; s->oldest && s->oldest->users > 0 && s->oldest != first;) {
        first = first ? first : s->oldest;
        renew(cache, s, s->oldest);
    }
    return s->oldest && s->oldest->users == 0 ? s->oldest : NULL;
}

/* Drops the least recently used entry of a shard; in_use: also one in use. */
static bool drop_oldest(mt_cache *cache, shard *s, bool in_use)
{
    mt_lock_take(&s->lock);
    entry *e = find_idle(cache, s);
    if (!e && in_use)
        e = s->oldest;
    bool found = e != NULL, unused = found && e->users == 0;
    if (found)
        unlink_entry(cache, s, e);
    mt_lock_give(&s->lock);
    if (unused)
        free_entry(cache, e);
    return found;
}

static bool is_full(mt_cache *cache)
{
    uint64_t elsewhere = cache->elsewhere ? atomic_load(cache->elsewhere) : 0;
    return atomic_load(&cache->bytes) + elsewhere > cache->budget;
}

/* The shard with the least recently used entry. */
static shard *find_oldest(mt_cache *cache)
{
    int found = 0;
    for (int i = 1; i < SHARDS; i++)
        if (atomic_load_explicit(&cache->oldest[i], memory_order_relaxed) <
            atomic_load_explicit(&cache->oldest[found], memory_order_relaxed))
            found = i;
    return &cache->shards[found];
}

/* Drops entries, the least recently used of all shards first, until the cache is within its budget. Call without a
 * lock. */
static void evict(mt_cache *cache)
{
    while (is_full(cache))
        if (!drop_oldest(cache, find_oldest(cache), false))
            break;
    for (size_t i = 0; i < (size_t)2 * SHARDS; i++) /* all entries of a shard are in use: try others, then those */
        while (is_full(cache))
            if (!drop_oldest(cache, &cache->shards[i % SHARDS], i >= SHARDS))
                break;
}

static entry *new_entry(mt_cache *cache, uint64_t owner, uint64_t id)
{
    void *memory;
    if (mt_alloc(cache->env, sizeof(entry), &memory, NULL))
        return NULL;
    entry *e = memory;
    *e = (entry) { .owner = owner, .id = id, .linked = true, .users = 1 };
    return e;
}

/* Ends one use; returns whether the caller must free the entry. Call with the lock held. */
static bool leave(mt_cache *cache, shard *s, entry *e)
{
    if (--e->users == 0 && !e->linked)
        return true;
    if (e->linked && e->state == MADE)
        renew(cache, s, e);
    return false;
}

void mt_cache_finish(mt_cache *cache, mt_cache_entry *shown, void *data, size_t size)
{
    entry *e = (entry *)(void *)shown;
    shard *s = shard_of(cache, hash(e->owner, e->id));
    mt_lock_take(&s->lock);
    e->shown = (mt_cache_entry) { data, size };
    e->state = MADE;
    if (e->linked) { /* else dropped in the meantime */
        atomic_fetch_add(&cache->bytes, mt_cache_cost(size));
        atomic_fetch_add_explicit(&cache->clock, 1, memory_order_relaxed);
        list_add(cache, s, e);
    }
    mt_condition_wake_all(&s->made);
    mt_lock_give(&s->lock);
    if (is_full(cache))
        evict(cache);
}

void mt_cache_fail(mt_cache *cache, mt_cache_entry *shown, mt_status status, const mt_error *failure)
{
    entry *e = (entry *)(void *)shown;
    shard *s = shard_of(cache, hash(e->owner, e->id));
    void *data;
    mt_lock_take(&s->lock);
    if (e->linked)
        unlink_entry(cache, s, e);
    e->state = FAILED;
    e->status = status;
    if (e->users > 1 && !mt_alloc(cache->env, sizeof *e->error, &data, NULL))
        e->error = memcpy(data, failure, sizeof *failure);
    bool last = leave(cache, s, e);
    mt_condition_wake_all(&s->made);
    mt_lock_give(&s->lock);
    if (last)
        free_entry(cache, e);
}

mt_cache_state mt_cache_begin(mt_cache *cache, uint64_t owner, uint64_t id, mt_cache_entry **out)
{
    uint64_t h = hash(owner, id);
    shard *s = shard_of(cache, h);
    mt_lock_take(&s->lock);
    entry *e = find(s, h, owner, id);
    if (e) {
        e->users++;
        *out = &e->shown;
        mt_cache_state state = e->state == MADE ? MT_CACHE_HIT : MT_CACHE_BUSY;
        mt_lock_give(&s->lock);
        return state;
    }
    e = new_entry(cache, owner, id);
    if (!e) {
        mt_lock_give(&s->lock);
        return MT_CACHE_NONE;
    }
    if (s->n_entries >= 2 * s->n_buckets)
        grow(cache, s);
    entry **at = bucket_of(s, h);
    e->next_in_bucket = *at;
    *at = e;
    s->n_entries++;
    mt_lock_give(&s->lock);
    *out = &e->shown;
    return MT_CACHE_MAKE;
}

/* Call with the lock held; it is released while waiting. */
static void wait_until_made(shard *s, const entry *e, bool (*stop)(void *argument), void *argument)
{
    enum { ASK_AGAIN_MS = 20 };
    while (e->state == MAKING) {
        if (!stop) {
            mt_condition_wait(&s->made, &s->lock);
            continue;
        }
        mt_lock_give(&s->lock);
        bool stopped = stop(argument);
        mt_lock_take(&s->lock);
        if (stopped)
            return;
        if (e->state == MAKING)
            mt_condition_wait_for(&s->made, &s->lock, ASK_AGAIN_MS);
    }
}

mt_status mt_cache_await(mt_cache *cache, mt_cache_entry *shown, bool (*stop)(void *argument), void *argument,
                         mt_error *err)
{
    entry *e = (entry *)(void *)shown;
    shard *s = shard_of(cache, hash(e->owner, e->id));
    mt_lock_take(&s->lock);
    wait_until_made(s, e, stop, argument);
    if (e->state == MADE) {
        mt_lock_give(&s->lock);
        return MT_OK;
    }
    mt_status st = MT_E_CANCELLED;
    if (e->state == FAILED)
        st = mt_fail(err, e->status, "%s", e->error ? e->error->message : "it failed in another thread");
    bool last = leave(cache, s, e);
    mt_lock_give(&s->lock);
    if (last)
        free_entry(cache, e);
    return st;
}

mt_status mt_cache_get(mt_cache *cache, uint64_t owner, uint64_t id, mt_cache_make make, void *argument,
                       mt_cache_entry **out, mt_error *err)
{
    mt_error failure;
    void *data = NULL;
    size_t size = 0;
    mt_cache_state state;
    mt_status st;
    do {
        mt_error_clear(&failure);
        state = mt_cache_begin(cache, owner, id, out);
        st = state == MT_CACHE_BUSY ? mt_cache_await(cache, *out, NULL, NULL, &failure) : MT_OK;
    } while (st == MT_WAIT);
    if (st)
        return mt_fail(err, st, "%s", failure.message);
    if (state == MT_CACHE_NONE)
        return mt_fail(err, MT_E_MEMORY, "out of memory for an entry of the cache");
    if (state != MT_CACHE_MAKE)
        return MT_OK;
    st = make(argument, &data, &size, &failure);
    if (st) {
        mt_cache_fail(cache, *out, st, &failure);
        return mt_fail(err, st, "%s", failure.message);
    }
    mt_cache_finish(cache, *out, data, size);
    return MT_OK;
}

mt_cache_entry *mt_cache_peek(mt_cache *cache, uint64_t owner, uint64_t id)
{
    uint64_t h = hash(owner, id);
    shard *s = shard_of(cache, h);
    mt_lock_take(&s->lock);
    entry *e = find(s, h, owner, id);
    if (e && e->state == MADE)
        e->users++;
    else
        e = NULL;
    mt_lock_give(&s->lock);
    return e ? &e->shown : NULL;
}

void mt_cache_release(mt_cache *cache, mt_cache_entry *shown)
{
    entry *e = (entry *)(void *)shown;
    shard *s = shard_of(cache, hash(e->owner, e->id));
    mt_lock_take(&s->lock);
    bool last = leave(cache, s, e);
    mt_lock_give(&s->lock);
    if (last)
        free_entry(cache, e);
}

void mt_cache_drop(mt_cache *cache, uint64_t owner)
{
    for (int i = 0; i < cache->n_shards; i++) {
        shard *s = &cache->shards[i];
        entry *dropped = NULL;
        mt_lock_take(&s->lock);
        for (entry *e = s->oldest, *newer; e; e = newer) {
            newer = e->newer;
            if (owner != 0 && e->owner != owner)
                continue;
            unlink_entry(cache, s, e);
            if (e->users == 0) {
                e->next_in_bucket = dropped;
                dropped = e;
            }
        }
        mt_lock_give(&s->lock);
        for (entry *next; dropped; dropped = next) {
            next = dropped->next_in_bucket;
            free_entry(cache, dropped);
        }
    }
}

void mt_cache_share_budget(mt_cache *cache, const _Atomic uint64_t *used_elsewhere)
{
    cache->elsewhere = used_elsewhere;
}

void mt_cache_make_room(mt_cache *cache)
{
    if (is_full(cache))
        evict(cache);
}

void mt_cache_set_budget(mt_cache *cache, uint64_t budget) { cache->budget = budget; }

uint64_t mt_cache_bytes(mt_cache *cache) { return atomic_load(&cache->bytes); }
uint64_t mt_cache_budget(const mt_cache *cache) { return cache->budget; }
