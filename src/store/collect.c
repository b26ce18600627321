/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/collect.h"

#include "store/files.h"
#include "store/io.h"

#include <string.h>

#define BUCKETS 1024

/* A recorded read and its outcome. */
typedef struct mt_noted {
    mt_request request;
    mt_store *store;
    uint64_t hash;
    char *key; /* owned copy of the key */
    bool done;
    struct mt_noted *next;
} noted;

static _Thread_local mt_collector *current;

mt_status mt_collector_init(mt_collector *c, mt_env *env, mt_error *err)
{
    *c = (mt_collector) { .env = env };
    return mt_lock_init(&c->lock, NULL, NULL, err);
}

static void free_noted(mt_env *env, noted *n)
{
    mt_release(env, n->request.out, n->request.size);
    mt_release(env, n->key, strlen(n->key) + 1);
    mt_release(env, n, sizeof *n);
}

void mt_collector_destroy(mt_collector *c)
{
    for (size_t i = 0; c->buckets && i < BUCKETS; i++)
        for (noted *n = c->buckets[i], *next; n; n = next) {
            next = n->next;
            free_noted(c->env, n);
        }
    mt_release(c->env, c->buckets, BUCKETS * sizeof *c->buckets);
    mt_lock_destroy(&c->lock);
}

mt_collector *mt_collect_into(mt_collector *collector)
{
    mt_collector *before = current;
    current = collector;
    return before;
}

bool mt_is_collecting(void) { return current != NULL; }

static uint64_t hash_request(const mt_store *store, const mt_request *r)
{
    uint64_t h = mt_key_hash(r->key) ^ (uintptr_t)store;
    h = (h ^ r->offset) * UINT64_C(0x9e3779b97f4a7c15);
    return (h ^ h >> 32 ^ r->size) * UINT64_C(0xbf58476d1ce4e5b9) + r->kind;
}

/* The lock is held. */
static noted *find(const mt_collector *c, const mt_store *store, const mt_request *r, uint64_t hash)
{
    for (noted *n = c->buckets ? c->buckets[hash % BUCKETS] : NULL; n; n = n->next)
        if (n->hash == hash && n->store == store && n->request.kind == r->kind && n->request.offset == r->offset &&
            n->request.size == r->size && strcmp(n->key, r->key) == 0)
            return n;
    return NULL;
}

static mt_status new_noted(mt_collector *c, mt_store *store, const mt_request *r, uint64_t hash, noted **out,
                           mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(c->env, sizeof(noted), &memory, err);
    if (st)
        return st;
    noted *n = memset(memory, 0, sizeof(noted));
    n->store = store;
    n->hash = hash;
    n->request = (mt_request) { .kind = r->kind, .offset = r->offset, .size = r->size };
    if ((st = mt_copy_text(c->env, r->key, &n->key, err)))
        goto failed;
    if ((st = mt_alloc(c->env, r->size, &n->request.out, err))) {
        mt_release(c->env, n->key, strlen(n->key) + 1);
        goto failed;
    }
    n->request.key = n->key;
    *out = n;
    return MT_OK;
failed:
    mt_release(c->env, n, sizeof *n);
    return st;
}

/* The lock is held. */
static mt_status need_buckets(mt_collector *c, mt_error *err)
{
    void *memory;
    mt_status st = c->buckets ? MT_OK : mt_alloc(c->env, BUCKETS * sizeof *c->buckets, &memory, err);
    if (!st && !c->buckets)
        c->buckets = memset(memory, 0, BUCKETS * sizeof *c->buckets);
    return st;
}

/* Records a read, unless another thread has done so meanwhile. */
static mt_status note(mt_collector *c, mt_store *store, const mt_request *r, uint64_t hash, mt_error *err)
{
    noted *n, *other;
    mt_status st = new_noted(c, store, r, hash, &n, err);
    if (st)
        return st;
    mt_lock_take(&c->lock);
    st = need_buckets(c, err);
    other = find(c, store, r, hash);
    if (!st && !other) {
        n->next = c->buckets[hash % BUCKETS];
        c->buckets[hash % BUCKETS] = n;
        c->waiting++;
    }
    mt_lock_give(&c->lock);
    if (st || other)
        free_noted(c->env, n);
    return st ? st : mt_fail(err, MT_WAIT, "%s: to be read", r->key);
}

/* Answers a request from the outcomes, or records it. */
static mt_status answer(mt_collector *c, mt_store *store, mt_request *r, mt_error *err)
{
    uint64_t hash = hash_request(store, r);
    mt_lock_take(&c->lock);
    const noted *n = find(c, store, r, hash);
    bool done = n && n->done;
    mt_lock_give(&c->lock);
    if (!n)
        return note(c, store, r, hash, err);
    if (!done)
        return mt_fail(err, MT_WAIT, "%s: to be read", r->key);
    r->n_read = n->request.n_read;
    r->object_size = n->request.object_size;
    if (n->request.status)
        return mt_fail(err, n->request.status, "%s", n->request.error.message);
    if (r->out && r->n_read)
        memcpy(r->out, n->request.out, r->n_read);
    return MT_OK;
}

/* Records all ranges, even if the first one would wait. */
mt_status mt_collect_read(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    mt_status st;
    if (mt_store_read_now(store, key, ranges, n, &st, err))
        return st;
    st = MT_OK;
    for (size_t i = 0; i < n; i++) {
        mt_request r = { .key = key, .offset = ranges[i].offset, .size = ranges[i].size, .out = ranges[i].out };
        mt_status each = answer(current, store, &r, err);
        st = st ? st : each;
    }
    return st;
}

/* Local files have known sizes. */
static bool knows_sizes(const mt_store *store) { return store->ops->read_now && !store->costs.is_slow; }

/* Reads the tail, or the first bytes. */
mt_status mt_collect_end(mt_store *store, mt_request *end, mt_error *err)
{
    if (!knows_sizes(store))
        return answer(current, store, end, err);
    mt_status st = store->ops->size(store, end->key, &end->object_size, err);
    if (st)
        return st;
    end->n_read = end->object_size < end->size ? (size_t)end->object_size : end->size;
    mt_range range = { end->kind == MT_READ_TAIL ? end->object_size - end->n_read : 0, end->n_read, end->out };
    return mt_collect_read(store, end->key, &range, 1, err);
}

mt_status mt_collect_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    if (knows_sizes(store))
        return store->ops->size(store, key, out, err);
    mt_request r = { .key = key, .kind = MT_READ_TAIL };
    mt_status st = answer(current, store, &r, err);
    *out = r.object_size;
    return st;
}

size_t mt_collect_fetch(mt_collector *collector)
{
    mt_waiting w = { collector->env->io, 0 };
    size_t n = 0;
    for (size_t i = 0; i < BUCKETS && n < collector->waiting; i++)
        for (noted *each = collector->buckets[i]; each; each = each->next) {
            if (each->done)
                continue;
            if (w.io)
                mt_waiting_submit(&w, each->store, &each->request);
            else
                (void)!mt_store_perform(each->store, &each->request, 1, NULL); /* the outcome is in the request */
            each->done = true;
            n++;
        }
    if (w.io)
        mt_waiting_end(&w);
    collector->waiting = 0;
    return n;
}
