/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/s3/call.h"

#include <stdio.h>

static mt_status prepare(mt_transfer *t, mt_error *err)
{
    mt_s3_call *c = (mt_s3_call *)(void *)t;
    return mt_s3_prepare(c->store, c->path, c->query, c->n_query, c->payload, t, c->url, c->scratch, err);
}

/* 409: another writer of the same object was at work. */
static mt_verdict judge(mt_transfer *t)
{
    return t->code == 409 && t->only_new ? MT_RETRY : mt_s3_judge(((mt_s3_call *)(void *)t)->store, t);
}

static mt_status name_call(mt_s3_call *c, const char *key, mt_error *err)
{
    mt_s3_store *s = c->store;
    int n = snprintf(c->path, sizeof c->path, "%s%s", s->root, key);
    snprintf(c->name, sizeof c->name, "%s://%s/%s", s->scheme, s->bucket, c->path);
    mt_lock_take(&s->lock);
    snprintf(c->url, sizeof c->url, "%s", s->place.url); /* only the host matters: prepare writes the URL */
    mt_lock_give(&s->lock);
    if ((size_t)n >= sizeof c->path)
        return mt_fail(err, MT_E_ARGUMENT, "the key is too long: %s/%s", s->web.base.url, key);
    return MT_OK;
}

mt_status mt_s3_call_new(mt_s3_store *store, const char *key, const char *method, mt_s3_call **out, mt_error *err)
{
    void *memory;
    *out = NULL;
    mt_status st = mt_alloc(store->web.base.env, sizeof(mt_s3_call), &memory, err);
    if (st)
        return st;
    mt_s3_call *c = memory;
    c->store = store;
    c->n_query = 0;
    c->payload = NULL;
    c->transfer = (mt_transfer) { .method = method,
                                  .url = c->url,
                                  .name = c->name,
                                  .span = MT_SPAN_BODY,
                                  .size = sizeof c->answer,
                                  .out = c->answer,
                                  .prepare = prepare,
                                  .judge = judge,
                                  .owner = c->store };
    if ((st = name_call(c, key, err)))
        mt_s3_call_free(c);
    else
        *out = c;
    return st;
}

static bool is_encrypted(mt_s3_store *s)
{
    mt_lock_take(&s->lock);
    bool is = s->place.encrypted;
    mt_lock_give(&s->lock);
    return is;
}

mt_status mt_s3_call_new_look(mt_s3_store *store, const char *key, mt_s3_call **out, mt_error *err)
{
    mt_status st = mt_s3_call_new(store, key, "GET", out, err);
    if (st)
        return st;
    (*out)->transfer.span = MT_SPAN_SOME;
    (*out)->transfer.size = 1;
    return MT_OK;
}

mt_status mt_s3_call_set_body(mt_s3_call *c, const mt_piece *pieces, size_t n, mt_error *err)
{
    static const mt_piece none = { 0 };
    c->transfer.pieces = n > 0 ? pieces : &none;
    c->transfer.n_pieces = n;
    c->payload = c->hash;
    return is_encrypted(c->store) ? MT_OK : mt_s3_hash(pieces, n, c->hash, err);
}

/* Frees what a server without ranges has sent too much. */
static void drop_whole(mt_s3_call *c)
{
    mt_release(c->store->web.base.env, c->transfer.whole, c->transfer.whole_capacity);
    c->transfer.whole = NULL;
    c->transfer.whole_capacity = 0;
}

mt_status mt_s3_call_perform(mt_s3_call *c, mt_error *err)
{
    mt_transfer *t = &c->transfer;
    mt_status st = mt_transfer_perform(c->store->web.base.env->http, &t, 1, err);
    drop_whole(c);
    return st;
}

void mt_s3_call_perform_all(mt_s3_call *const *calls, size_t n)
{
    mt_transfer *transfers[MT_S3_AT_ONCE];
    for (size_t i = 0; i < n; i++)
        transfers[i] = &calls[i]->transfer;
    if (n > 0)
        (void)!mt_transfer_perform(calls[0]->store->web.base.env->http, transfers, n, NULL);
    for (size_t i = 0; i < n; i++)
        drop_whole(calls[i]);
}

void mt_s3_call_free(mt_s3_call *c)
{
    if (c)
        mt_release(c->store->web.base.env, c, sizeof *c);
}
