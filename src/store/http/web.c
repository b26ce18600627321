/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/http/web.h"

#include "store/http/retry.h"

#include <stdio.h>
#include <string.h>

/* A request in flight. */
typedef struct call {
    mt_transfer transfer;
    mt_request *request; /* NULL: call of size, whose thread waits */
    char byte;           /* buffer if only the size is needed */
    uint64_t known_size; /* MT_SIZE_UNKNOWN before the first response */
    char key[MT_URL_BYTES / 4];
    char etag[128];
    char url[MT_URL_BYTES], name[MT_URL_BYTES], scratch[MT_WEB_SCRATCH];
} call;

static mt_object_identity identity_of(const mt_transfer *t)
{
    mt_object_identity identity = { .size = t->object_size };
    memcpy(identity.etag, t->etag, sizeof identity.etag);
    memcpy(identity.modified, t->modified, sizeof identity.modified);
    return identity;
}

static mt_web *web_of(const mt_transfer *t) { return (mt_web *)(uintptr_t)t->owner; }

static mt_status prepare(mt_transfer *t, mt_error *err)
{
    call *c = (call *)(void *)t;
    return web_of(t)->ops->prepare(web_of(t), c->key, t, c->url, c->scratch, err);
}

static mt_verdict judge(mt_transfer *t) { return web_of(t)->ops->judge(web_of(t), t); }

/* Makes the transfer of an object, except span, offset, size and out. */
static mt_status new_call(mt_web *web, const char *key, call **out, mt_error *err)
{
    void *memory;
    mt_object_identity known;
    mt_status st = mt_alloc(web->base.env, sizeof(call), &memory, err);
    if (st)
        return st;
    call *c = memory;
    c->request = NULL;
    c->transfer = (mt_transfer) { .method = "GET",
                                  .url = c->url,
                                  .name = c->name,
                                  .follow = web->ops->follow,
                                  .prepare = web->ops->prepare ? prepare : NULL,
                                  .judge = web->ops->judge ? judge : NULL,
                                  .owner = web };
    if (strlen(key) >= sizeof c->key)
        st = mt_fail(err, MT_E_ARGUMENT, "%.100s...: the name is too long", key);
    else
        st = web->ops->address(web, key, c->url, c->name, err);
    if (st) {
        mt_release(web->base.env, c, sizeof *c);
        return st;
    }
    memcpy(c->key, key, strlen(key) + 1);
    c->known_size = MT_SIZE_UNKNOWN;
    if (mt_objects_find(&web->objects, key, &known)) {
        c->known_size = known.size;
        memcpy(c->etag, known.etag, sizeof c->etag);
        c->transfer.if_match = *c->etag ? c->etag : NULL;
    }
    *out = c;
    return MT_OK;
}

/* After a transfer: compares identities, and keeps bytes sent in excess. */
static mt_status take_outcome(mt_web *web, call *c, bool remember, mt_error *err)
{
    mt_transfer *t = &c->transfer;
    mt_object_identity identity = identity_of(t);
    if (t->code)
        atomic_store(&web->answered, true);
    mt_status st = t->status ? mt_fail(err, t->status, "%s", t->error.message)
                             : mt_objects_meet(&web->objects, c->key, &identity, remember, err);
    if (st && !t->status)
        mt_error_prefix(err, "%s", t->name);
    if (t->whole && !st)
        mt_objects_keep(&web->objects, c->key, t->whole, (size_t)t->object_size, t->whole_capacity);
    else
        mt_release(web->base.env, t->whole, t->whole_capacity);
    return st;
}

static void finish(mt_transfer *t)
{
    call *c = t->user;
    mt_request *r = c->request;
    mt_store *store = r->store;
    r->status = take_outcome(mt_web_of(store), c, r->kind != MT_READ_WHOLE, &r->error);
    r->object_size = t->object_size == MT_SIZE_UNKNOWN ? 0 : t->object_size;
    if (r->kind == MT_READ_WHOLE && !r->out) {
        r->out = t->out;
        r->capacity = t->capacity;
    }
    r->n_read = r->status || t->out == &c->byte ? 0 : t->n_read;
    if (!r->status)
        mt_store_count(store, 1, t->n_read);
    mt_release(store->env, c, sizeof *c);
    r->done(r);
}

static mt_span span_of(mt_request_kind kind)
{
    switch (kind) {
    case MT_READ_RANGE: return MT_SPAN_RANGE;
    case MT_READ_SOME: return MT_SPAN_SOME;
    case MT_READ_TAIL: return MT_SPAN_TAIL;
    case MT_READ_WHOLE: return MT_SPAN_WHOLE;
    }
    return MT_SPAN_RANGE;
}

static bool read_now(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_status *status,
                     mt_error *err)
{
    (void)err;
    *status = MT_OK;
    for (size_t i = 0; i < n; i++)
        if (ranges[i].size > 0 &&
            !mt_objects_read(&mt_web_of(store)->objects, key, ranges[i].offset, ranges[i].out, ranges[i].size))
            return false;
    return true;
}

/* Answers a request from kept bytes, if possible. */
static bool answer_from_kept(mt_store *store, mt_request *r)
{
    mt_web *web = mt_web_of(store);
    mt_object_identity known;
    mt_range range = { r->offset, r->size, r->out };
    if (r->kind != MT_READ_RANGE) {
        bool found = mt_objects_find(&web->objects, r->key, &known) && known.size != UINT64_MAX;
        if (!found || (r->kind == MT_READ_WHOLE && (!r->out || r->size < known.size)))
            return false;
        uint64_t from = r->kind != MT_READ_SOME ? 0 : r->offset < known.size ? r->offset : known.size;
        range.size = known.size - from < r->size ? (size_t)(known.size - from) : r->size;
        range.offset = r->kind == MT_READ_SOME ? from : known.size - range.size;
        r->object_size = known.size;
    }
    mt_status ignored;
    if (!read_now(store, r->key, &range, 1, &ignored, NULL))
        return false;
    r->n_read = range.size;
    return true;
}

static void submit(mt_store *store, mt_request *r)
{
    call *c;
    if (answer_from_kept(store, r) || (r->status = new_call(mt_web_of(store), r->key, &c, &r->error))) {
        r->done(r);
        return;
    }
    c->request = r;
    c->transfer.span = span_of(r->kind);
    c->transfer.offset = r->offset;
    c->transfer.size = r->size;
    if (r->kind == MT_READ_TAIL && c->known_size != MT_SIZE_UNKNOWN) { /* fewer servers support suffix ranges */
        c->transfer.span = MT_SPAN_SOME;
        c->transfer.offset = c->known_size - (r->size < c->known_size ? r->size : c->known_size);
    }
    c->transfer.out = r->out;
    c->transfer.done = finish;
    c->transfer.user = c;
    c->transfer.group = r->owner;
    if (r->kind == MT_READ_TAIL && r->size == 0) { /* only the size: HTTP cannot request zero bytes */
        c->transfer.size = 1;
        c->transfer.out = &c->byte;
    }
    mt_transfer_submit(store->env->http, &c->transfer);
}

static void cancel(mt_store *store, const void *owner) { mt_transfer_cancel(store->env->http, store, owner); }

/* The first request for an object learns its size and reads its start, which is needed next. */
static mt_status size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    mt_web *web = mt_web_of(store);
    mt_object_identity known;
    call *c;
    if (mt_objects_find(&web->objects, key, &known) && known.size != UINT64_MAX) {
        *out = known.size;
        return MT_OK;
    }
    mt_status st = new_call(web, key, &c, err);
    if (st)
        return st;
    void *head;
    if ((st = mt_alloc(store->env, MT_FIRST_CONTACT, &head, err))) {
        mt_release(store->env, c, sizeof *c);
        return st;
    }
    mt_transfer *t = &c->transfer;
    t->span = MT_SPAN_SOME;
    t->size = MT_FIRST_CONTACT;
    t->out = head;
    (void)!mt_transfer_perform(store->env->http, &t, 1, NULL); /* the transfer has the outcome */
    st = take_outcome(web, c, true, err);
    if (!st) {
        mt_store_count(store, 1, t->n_read);
        *out = t->object_size;
        mt_objects_keep(&web->objects, key, head, t->n_read, MT_FIRST_CONTACT);
        head = NULL;
    }
    mt_release(store->env, head, MT_FIRST_CONTACT);
    mt_release(store->env, c, sizeof *c);
    return st;
}

static mt_status identify(mt_store *store, const char *key, mt_identity *out, mt_error *err)
{
    mt_object_identity known = { .size = UINT64_MAX };
    mt_status st = size(store, key, &out->size, err);
    if (st)
        return st;
    int64_t seconds;
    (void)mt_objects_find(&mt_web_of(store)->objects, key, &known);
    if (strlen(known.etag) < sizeof out->etag)
        memcpy(out->etag, known.etag, strlen(known.etag) + 1);
    if (mt_http_date(known.modified, &seconds))
        out->mtime_ns = seconds * 1000000000;
    return MT_OK;
}

static void forget(mt_store *store, const char *key, uint64_t offset, uint64_t size)
{
    (void)offset, (void)size;
    mt_objects_forget(&mt_web_of(store)->objects, key);
}

static mt_status list(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    const mt_web *web = mt_web_of(store);
    if (web->ops->list)
        return web->ops->list(store, prefix, visit, user, err);
    return mt_fail(err, MT_E_UNSUPPORTED, "%s: HTTP has no way to list a folder", store->url);
}

static mt_status sample(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    const mt_web *web = mt_web_of(store);
    return (web->ops->sample ? web->ops->sample : list)(store, prefix, visit, user, err);
}

static void close(mt_store *store)
{
    mt_web *web = mt_web_of(store);
    web->ops->close(web);
}

static const mt_store_ops web_ops = { .size = size,
                                      .read_now = read_now,
                                      .submit = submit,
                                      .cancel = cancel,
                                      .list = list,
                                      .sample = sample,
                                      .identify = identify,
                                      .forget = forget,
                                      .close = close };

mt_status mt_web_init(mt_web *web, mt_env *env, const mt_web_ops *ops, char *url, mt_error *err)
{
    if (!env->http)
        return mt_fail(err, MT_E_ARGUMENT, "%s: there is no context to open it in", url);
    web->base = (mt_store) { .ops = &web_ops,
                             .env = env,
                             .url = url,
                             .costs = { .in_flight = mt_http_get_options(env->http)->in_flight_per_host,
                                        .gap = (size_t)256 << 10,
                                        .cold_gap = (size_t)256 << 10,
                                        .most_joined = (size_t)8 << 20,
                                        .request = (size_t)256 << 10,
                                        .is_slow = true } };
    web->ops = ops;
    return mt_objects_init(&web->objects, env, err);
}

void mt_web_destroy(mt_web *web)
{
    mt_objects_destroy(&web->objects);
    mt_release(web->base.env, web->base.url, strlen(web->base.url) + 1);
}
