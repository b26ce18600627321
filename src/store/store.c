/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/store.h"

#include "store/blocks.h"
#include "store/collect.h"

#include <string.h>

mt_status mt_store_check_key(const char *key, mt_error *err)
{
    if (*key == 0)
        return MT_OK;
    for (const char *segment = key;; segment++) {
        size_t n = strcspn(segment, "/");
        if (n == 0 || (n == 1 && segment[0] == '.') || (n == 2 && segment[0] == '.' && segment[1] == '.'))
            return mt_fail(err, MT_E_ARGUMENT, "\"%s\" is not a valid name inside a folder: %s", key,
                           n == 0 ? "it has an empty part, as in a//b or /a" : "\".\" and \"..\" are not allowed");
        segment += n;
        if (*segment == 0)
            return MT_OK;
    }
}

mt_status mt_store_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    store = mt_store_target(store);
    mt_status st = mt_store_check_key(key, err);
    if (st)
        return st;
    return mt_is_collecting() ? mt_collect_size(store, key, out, err) : store->ops->size(store, key, out, err);
}

void mt_store_count(mt_store *store, uint64_t n, uint64_t bytes)
{
    if (store->is_front)
        return;
    atomic_fetch_add_explicit(&store->env->ranges, n, memory_order_relaxed);
    atomic_fetch_add_explicit(&store->env->bytes_fetched, bytes, memory_order_relaxed);
}

static mt_status read_by_requests(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    enum { AT_ONCE = 16 };
    mt_request requests[AT_ONCE];
    mt_status st = MT_OK;
    for (size_t from = 0; !st && from < n; from += AT_ONCE) {
        size_t count = n - from < AT_ONCE ? n - from : AT_ONCE;
        for (size_t i = 0; i < count; i++) {
            const mt_range *r = &ranges[from + i];
            requests[i] = (mt_request) { .key = key, .offset = r->offset, .size = r->size, .out = r->out };
        }
        st = mt_store_perform(store, requests, count, err);
    }
    return st;
}

static void count_ranges(mt_store *store, const mt_range *ranges, size_t n)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += ranges[i].size;
    mt_store_count(store, n, bytes);
}

mt_status mt_store_read(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    store = mt_store_target(store);
    mt_status st = mt_store_check_key(key, err);
    if (st)
        return st;
    if (mt_is_collecting())
        return mt_collect_read(store, key, ranges, n, err);
    if (!store->ops->read)
        return read_by_requests(store, key, ranges, n, err);
    if ((st = store->ops->read(store, key, ranges, n, err)))
        return st;
    count_ranges(store, ranges, n);
    return MT_OK;
}

bool mt_store_read_now(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_status *status,
                       mt_error *err)
{
    store = mt_store_target(store);
    if ((*status = mt_store_check_key(key, err)))
        return true;
    if (!store->ops->read_now || !store->ops->read_now(store, key, ranges, n, status, err))
        return false;
    if (!*status)
        count_ranges(store, ranges, n);
    return true;
}

mt_status mt_store_read_at(mt_store *store, const char *key, uint64_t offset, void *out, size_t size, mt_error *err)
{
    mt_range range = { offset, size, out };
    return mt_store_read(store, key, &range, 1, err);
}

const uint8_t *mt_store_view(mt_store *store, const char *key, uint64_t *size)
{
    store = mt_store_target(store);
    if (!store->ops->view || mt_store_check_key(key, NULL))
        return NULL;
    return store->ops->view(store, key, size);
}

mt_status mt_store_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    store = mt_store_target(store);
    mt_status st = mt_store_check_key(prefix, err);
    if (!st && !store->ops->list)
        st = mt_fail(err, MT_E_UNSUPPORTED, "%s: cannot be listed", store->url);
    return st ? st : store->ops->list(store, prefix, visit, user, err);
}

mt_status mt_store_sample(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    store = mt_blocks_inner(store);
    mt_status st = mt_store_check_key(prefix, err);
    if (st || !store->ops->sample)
        return st ? st : mt_store_list(store, prefix, visit, user, err);
    return store->ops->sample(store, prefix, visit, user, err);
}

bool mt_store_is_same(const mt_store *a, const mt_store *b)
{
    a = mt_blocks_inner((mt_store *)(uintptr_t)a);
    b = mt_blocks_inner((mt_store *)(uintptr_t)b);
    if (a->ops == b->ops && a->ops->is_same)
        return a->ops->is_same(a, b);
    return a->place == b->place && strcmp(a->url, b->url) == 0;
}

bool mt_store_get_place(const mt_store *store, const char *key, mt_place *out)
{
    mt_store *inner = mt_blocks_inner((mt_store *)(uintptr_t)store);
    return inner->ops->get_place && mt_store_check_key(key, NULL) == MT_OK && inner->ops->get_place(inner, key, out);
}

mt_status mt_store_identify(mt_store *store, const char *key, mt_identity *out, mt_error *err)
{
    store = mt_store_target(store);
    *out = (mt_identity) { .size = 0 };
    mt_status st = mt_store_check_key(key, err);
    if (!st && !store->ops->identify)
        st = mt_fail(err, MT_E_UNSUPPORTED, "%s: this store cannot tell when an object has changed", store->url);
    return st ? st : store->ops->identify(store, key, out, err);
}

void mt_store_forget(mt_store *store, const char *key, uint64_t offset, uint64_t size)
{
    store = mt_blocks_inner(mt_store_target(store));
    if (store->ops->forget && mt_store_check_key(key, NULL) == MT_OK)
        store->ops->forget(store, key, offset, size);
}

void mt_store_close(mt_store *store)
{
    if (store)
        store->ops->close(store);
}

mt_status mt_store_load(mt_store *store, const char *key, size_t limit, const char *limit_name, mt_arena *arena,
                        char **out, size_t *size, mt_error *err)
{
    uint64_t bytes;
    mt_status st = mt_store_size(store, key, &bytes, err);
    if (st)
        return st;
    if (bytes > limit)
        return mt_fail(err, MT_E_LIMIT, "%s has %llu bytes, more than %s (%zu)", key, (unsigned long long)bytes,
                       limit_name, limit);
    char *text = mt_arena_alloc(arena, (size_t)bytes + 1, 1, err);
    if (!text)
        return mt_arena_failed(err);
    *out = text;
    *size = (size_t)bytes;
    return mt_store_read_at(store, key, 0, text, (size_t)bytes, err);
}
