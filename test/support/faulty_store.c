/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/faulty_store.h"

#include <stdlib.h>

typedef struct faulty_store {
    mt_store base;
    mt_store *inner;
    size_t fail_at;
    mt_status status;
    _Atomic size_t own, *calls;
} faulty_store;

static faulty_store *faulty_of(mt_store *store) { return (faulty_store *)(void *)store; }

static mt_status count_call(mt_store *store, const char *key, mt_error *err)
{
    faulty_store *f = faulty_of(store);
    return atomic_fetch_add(f->calls, 1) == f->fail_at ? mt_fail(err, f->status, "%s: made to fail", key) : MT_OK;
}

static mt_status faulty_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    mt_status st = count_call(store, key, err);
    return st ? st : mt_store_size(faulty_of(store)->inner, key, out, err);
}

static mt_status faulty_read(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    mt_status st = count_call(store, key, err);
    return st ? st : mt_store_read(faulty_of(store)->inner, key, ranges, n, err);
}

static mt_status faulty_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    mt_status st = count_call(store, prefix, err);
    return st ? st : mt_store_list(faulty_of(store)->inner, prefix, visit, user, err);
}

static mt_status faulty_identify(mt_store *store, const char *key, mt_identity *out, mt_error *err)
{
    mt_status st = count_call(store, key, err);
    return st ? st : mt_store_identify(faulty_of(store)->inner, key, out, err);
}

static void faulty_close(mt_store *store)
{
    mt_store_close(faulty_of(store)->inner);
    free(store);
}

static const mt_store_ops faulty_ops = {
    .size = faulty_size, .read = faulty_read, .list = faulty_list, .identify = faulty_identify, .close = faulty_close
};

mt_status faulty_store_wrap_shared(mt_store *inner, _Atomic size_t *calls, size_t k, mt_status status, mt_store **out,
                                   mt_error *err)
{
    faulty_store *f = calloc(1, sizeof *f);
    if (!f)
        return mt_fail(err, MT_E_MEMORY, "test: no memory");
    f->base = (mt_store) { .ops = &faulty_ops, .env = inner->env, .url = inner->url, .costs = inner->costs };
    f->inner = inner;
    f->calls = calls ? calls : &f->own;
    f->fail_at = k;
    f->status = status;
    *out = &f->base;
    return MT_OK;
}

mt_status faulty_store_wrap(mt_store *inner, size_t k, mt_status status, mt_store **out, mt_error *err)
{
    return faulty_store_wrap_shared(inner, NULL, k, status, out, err);
}

size_t faulty_store_calls(const mt_store *store) { return *((const faulty_store *)(const void *)store)->calls; }
