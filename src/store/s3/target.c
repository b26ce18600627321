/* SPDX-License-Identifier: BSD-3-Clause */
/* A prefix of a bucket as a target: one PUT for each object, which S3 keeps whole or not at all. A PUT may be repeated:
 * it replaces an object by the same one. Source: Amazon S3 API Reference, PutObject, DeleteObject. */
#include "store/target.h"

#include "store/s3/s3.h"

#include <stdio.h>
#include <string.h>

#define MOST_BYTES ((uint64_t)5 << 30) /* of one PUT */
#define ANSWER_BYTES 4096
#define AT_ONCE 64 /* requests */

typedef struct s3_target {
    mt_target base;
    mt_s3_store *store;
} s3_target;

/* A request. */
typedef struct call {
    mt_transfer transfer;
    mt_s3_store *store;
    const char *payload;            /* NULL: none, or it is not needed */
    char hash[MT_S3_PAYLOAD_BYTES]; /* storage of payload */
    char answer[ANSWER_BYTES];      /* body of the response */
    char path[MT_URL_BYTES / 3];    /* of the object in the bucket */
    char url[MT_URL_BYTES], name[MT_URL_BYTES], scratch[MT_WEB_SCRATCH];
} call;

static mt_s3_store *store_of(const mt_target *target) { return ((const s3_target *)(const void *)target)->store; }

static mt_status prepare(mt_transfer *t, mt_error *err)
{
    call *c = (call *)(void *)t;
    return mt_s3_prepare(c->store, c->path, NULL, 0, c->payload, t, c->url, c->scratch, err);
}

/* 409: another writer of the same object was at work. */
static mt_verdict judge(mt_transfer *t)
{
    return t->code == 409 && t->only_new ? MT_RETRY : mt_s3_judge(((call *)(void *)t)->store, t);
}

static bool is_encrypted(mt_s3_store *s)
{
    mt_lock_take(&s->lock);
    bool is = s->place.encrypted;
    mt_lock_give(&s->lock);
    return is;
}

static mt_status name_call(call *c, const char *key, mt_error *err)
{
    mt_s3_store *s = c->store;
    int n = snprintf(c->path, sizeof c->path, "%s%s", s->root, key);
    int m = snprintf(c->name, sizeof c->name, "%s://%s/%s", s->scheme, s->bucket, c->path);
    mt_lock_take(&s->lock);
    snprintf(c->url, sizeof c->url, "%s", s->place.url); /* only the host matters: prepare writes the URL */
    mt_lock_give(&s->lock);
    if (n < 0 || n >= (int)sizeof c->path || m < 0 || m >= (int)sizeof c->name)
        return mt_fail(err, MT_E_ARGUMENT, "the key is too long: %s/%s", s->web.base.url, key);
    return MT_OK;
}

static mt_status call_new(mt_target *target, const char *key, const char *method, call **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(target->env, sizeof(call), &memory, err);
    if (st)
        return st;
    call *c = memory;
    c->store = store_of(target);
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
        mt_release(target->env, c, sizeof *c);
    *out = c;
    return st;
}

/* Performs a request, and frees what a server without ranges has sent too much. */
static mt_status perform(mt_target *target, call *c, mt_error *err)
{
    mt_transfer *t = &c->transfer;
    mt_status st = mt_transfer_perform(target->env->http, &t, 1, err);
    mt_release(target->env, t->whole, t->whole_capacity);
    return st;
}

static void call_free(mt_target *target, call *c) { mt_release(target->env, c, sizeof *c); }

static mt_status s3_measure(mt_target *target, const char *key, uint64_t *size, mt_error *err)
{
    call *c;
    mt_error why = MT_ERROR_INIT;
    mt_status st = call_new(target, key, "GET", &c, err);
    if (st)
        return st;
    c->transfer.span = MT_SPAN_SOME;
    c->transfer.size = 1;
    st = perform(target, c, &why);
    bool is_empty = c->transfer.code == 416; /* there is no first byte: RFC 9110, 15.5.17 */
    *size = st || is_empty ? 0 : c->transfer.object_size;
    call_free(target, c);
    return st && !is_empty ? mt_fail(err, st, "%s", why.message) : MT_OK;
}

static mt_status s3_read(mt_target *target, const char *key, size_t limit, mt_buffer *out, mt_error *err)
{
    call *c;
    mt_status st = call_new(target, key, "GET", &c, err);
    if (st)
        return st;
    mt_transfer *t = &c->transfer;
    t->size = limit; /* without a Range: some servers refuse it for an object without bytes */
    t->out = NULL;
    st = perform(target, c, err);
    out->data = t->out;
    out->size = t->n_read;
    out->room = t->capacity;
    call_free(target, c);
    return st;
}

/* Whether an object has the bytes of the pieces. */
static mt_status is_equal(mt_target *target, const char *key, const mt_piece *pieces, size_t n, bool *out,
                          mt_error *err)
{
    mt_error why = MT_ERROR_INIT;
    mt_buffer found = mt_buffer_on(target->env);
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += pieces[i].size;
    mt_status st = s3_read(target, key, total, &found, &why);
    *out = !st && found.size == total;
    const uint8_t *at = found.data;
    for (size_t i = 0; *out && i < n; i++)
        if (pieces[i].size > 0) {
            *out = memcmp(at, pieces[i].bytes, pieces[i].size) == 0;
            at += pieces[i].size;
        }
    mt_buffer_free(&found);
    return !st || st == MT_E_LIMIT || st == MT_E_NOT_FOUND ? MT_OK : mt_fail(err, st, "%s", why.message);
}

static mt_status fill_put(mt_target *target, call *c, const mt_piece *pieces, size_t n, bool only_new, mt_error *err)
{
    static const mt_piece none = { 0 };
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += pieces[i].size;
    if (total > MOST_BYTES)
        return mt_fail(err, MT_E_UNSUPPORTED,
                       "%s: has %llu bytes; S3 takes at most 5 GiB in one request: choose smaller shards or chunks",
                       c->name, (unsigned long long)total);
    c->transfer.pieces = n > 0 ? pieces : &none;
    c->transfer.n_pieces = n;
    c->transfer.only_new = only_new;
    c->payload = c->hash;
    return is_encrypted(store_of(target)) ? MT_OK : mt_s3_hash(pieces, n, c->hash, err);
}

static mt_status put(mt_target *target, const char *key, const mt_piece *pieces, size_t n, bool *made, mt_error *err)
{
    call *c;
    mt_error why = MT_ERROR_INIT;
    mt_status st = call_new(target, key, "PUT", &c, err);
    if (st)
        return st;
    st = fill_put(target, c, pieces, n, made != NULL, &why);
    if (!st)
        st = perform(target, c, &why);
    bool exists = made && c->transfer.code == 412;
    call_free(target, c);
    if (made)
        *made = st == MT_OK;
    /* If the answer to a first PUT was lost, a second one, which curl or the engine sends, finds the object of the
     * first. */
    if (exists)
        return is_equal(target, key, pieces, n, made, err);
    return st ? mt_fail(err, st, "%s", why.message) : MT_OK;
}

/* Servers that ignore If-None-Match would replace an object: it is looked for before. */
static mt_status s3_publish(mt_target *target, const char *key, const mt_piece *pieces, size_t n, bool *made,
                            mt_error *err)
{
    mt_error why = MT_ERROR_INIT;
    uint64_t size;
    if (made) {
        mt_status st = s3_measure(target, key, &size, &why);
        if (st != MT_E_NOT_FOUND)
            return st ? mt_fail(err, st, "%s", why.message) : MT_OK;
    }
    return put(target, key, pieces, n, made, err);
}

static mt_status s3_remove(mt_target *target, const char *key, mt_error *err)
{
    call *c;
    mt_error why = MT_ERROR_INIT;
    mt_status st = call_new(target, key, "DELETE", &c, err);
    if (st)
        return st;
    st = perform(target, c, &why);
    call_free(target, c);
    return !st || st == MT_E_NOT_FOUND ? MT_OK : mt_fail(err, st, "%s", why.message);
}

/* Sends up to AT_ONCE requests, and waits for all. */
static mt_status remove_some(mt_target *target, const char *const *keys, size_t n, mt_error *err)
{
    mt_transfer *transfers[AT_ONCE];
    call *calls[AT_ONCE];
    size_t n_calls = 0;
    mt_status st = MT_OK;
    for (; n_calls < n && !st; n_calls += !st)
        if (!(st = call_new(target, keys[n_calls], "DELETE", &calls[n_calls], err)))
            transfers[n_calls] = &calls[n_calls]->transfer;
    if (!st)
        (void)!mt_transfer_perform(target->env->http, transfers, n, NULL); /* each has its own outcome */
    for (size_t i = 0; i < n_calls; i++) {
        const mt_transfer *t = transfers[i];
        mt_release(target->env, t->whole, t->whole_capacity);
        if (!st && t->status && t->status != MT_E_NOT_FOUND)
            st = mt_fail(err, t->status, "%s", t->error.message);
        call_free(target, calls[i]);
    }
    return st;
}

static mt_status s3_remove_all(mt_target *target, const char *const *keys, size_t n, mt_error *err)
{
    mt_status st = MT_OK;
    for (size_t i = 0; i < n && !st; i += AT_ONCE)
        st = remove_some(target, keys + i, n - i < AT_ONCE ? n - i : AT_ONCE, err);
    return st;
}

static mt_status s3_list_sizes(mt_target *target, const char *folder, mt_store_visit_sized visit, void *user,
                               mt_error *err)
{
    return mt_s3_list_sizes(&store_of(target)->web.base, folder, visit, user, err);
}

static mt_status s3_list(mt_target *target, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    return mt_s3_list_pages(&store_of(target)->web.base, prefix, visit, user, err);
}

static void s3_close(mt_target *target)
{
    mt_env *env = target->env;
    mt_store_close(&store_of(target)->web.base);
    mt_release(env, target->path, strlen(target->path) + 1);
    mt_release(env, target, sizeof(s3_target));
}

static const mt_target_ops s3_ops = { .publish = s3_publish,
                                      .measure = s3_measure,
                                      .read = s3_read,
                                      .remove = s3_remove,
                                      .remove_all = s3_remove_all,
                                      .list_sizes = s3_list_sizes,
                                      .list = s3_list,
                                      .close = s3_close };

static mt_status open_store(mt_env *env, const char *url, mt_s3_store **out, mt_error *err)
{
    const char *bucket, *full, *root;
    mt_arena *arena;
    mt_status st = mt_arena_new(env, &arena, err);
    if (st)
        return st;
    if (!(st = mt_s3_split_url(arena, url, &bucket, &full, err)) && !(st = mt_store_check_key(full, err))) {
        root = mt_arena_printf(arena, err, "%s%s", full, *full ? "/" : "");
        st = root ? mt_s3_store_new(env, "s3", bucket, root, out, err) : MT_E_MEMORY;
    }
    mt_arena_free(arena);
    return st;
}

mt_status mt_target_open_s3(mt_env *env, const char *url, mt_sync sync, mt_target **out, mt_error *err)
{
    void *memory;
    mt_s3_store *store;
    char *path = NULL;
    mt_status st = open_store(env, url, &store, err);
    if (st)
        return st;
    if (!(st = mt_copy_text(env, store->web.base.url, &path, err)) &&
        !(st = mt_alloc(env, sizeof(s3_target), &memory, err))) {
        s3_target *t = memory;
        t->base = (mt_target) { .ops = &s3_ops, .env = env, .path = path, .sync = sync };
        t->store = store;
        *out = &t->base;
        return MT_OK;
    }
    if (path)
        mt_release(env, path, strlen(path) + 1);
    mt_store_close(&store->web.base);
    return st;
}
