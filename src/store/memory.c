/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/store.h"

#include <string.h>

typedef struct memory_store {
    mt_store base;
    const uint8_t *bytes;
    size_t size;
} memory_store;

static mt_status find(mt_store *store, const char *key, mt_error *err)
{
    if (strcmp(key, store->url) != 0)
        return mt_fail(err, MT_E_NOT_FOUND, "%s: not in memory", key);
    return MT_OK;
}

static mt_status memory_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    *out = ((memory_store *)(void *)store)->size;
    return find(store, key, err);
}

static mt_status memory_read(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    const memory_store *m = (memory_store *)(void *)store;
    mt_status st = find(store, key, err);
    for (size_t i = 0; !st && i < n; i++) {
        const mt_range *r = &ranges[i];
        if (r->offset > m->size || r->size > m->size - r->offset)
            st = mt_fail(err, MT_E_CORRUPT, "%s: has %zu bytes, %zu were expected at byte %llu", key, m->size, r->size,
                         (unsigned long long)r->offset);
        else if (r->size > 0)
            memcpy(r->out, m->bytes + r->offset, r->size);
    }
    return st;
}

static bool memory_read_now(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_status *status,
                            mt_error *err)
{
    *status = memory_read(store, key, ranges, n, err);
    return true;
}

static const uint8_t *memory_view(mt_store *store, const char *key, uint64_t *size)
{
    const memory_store *m = (memory_store *)(void *)store;
    *size = m->size;
    return find(store, key, NULL) ? NULL : m->bytes;
}

static mt_status memory_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    return *prefix ? MT_OK : visit(user, store->url, err);
}

static mt_status memory_identify(mt_store *store, const char *key, mt_identity *out, mt_error *err)
{
    return memory_size(store, key, &out->size, err);
}

static void memory_close(mt_store *store)
{
    mt_env *env = store->env;
    mt_release(env, store->url, strlen(store->url) + 1);
    mt_release(env, store, sizeof(memory_store));
}

static const mt_store_ops memory_ops = { .size = memory_size,
                                         .read = memory_read,
                                         .view = memory_view,
                                         .read_now = memory_read_now,
                                         .list = memory_list,
                                         .identify = memory_identify,
                                         .close = memory_close };

mt_status mt_store_open_memory(mt_env *env, const char *name, const void *bytes, size_t size, mt_store **out,
                               mt_error *err)
{
    void *memory;
    char *url;
    mt_status st = mt_alloc(env, sizeof(memory_store), &memory, err);
    if (st)
        return st;
    if ((st = mt_copy_text(env, name, &url, err))) {
        mt_release(env, memory, sizeof(memory_store));
        return st;
    }
    memory_store *m = memory;
    *m = (memory_store) { { .ops = &memory_ops, .env = env, .url = url, .costs.is_memory = true }, bytes, size };
    *out = &m->base;
    return MT_OK;
}
