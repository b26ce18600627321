/* SPDX-License-Identifier: BSD-3-Clause */
/* A prefix of a bucket as a target: one PUT for each object, or several parts for a large one, which S3 keeps whole or not
 * at all. A PUT may be repeated: it replaces an object by the same one. Source: Amazon S3 API Reference, PutObject,
 * DeleteObject. */
#include "store/target.h"

#include "store/s3/call.h"
#include "store/s3/parts.h"

#include <stdio.h>
#include <string.h>

#define MOST_BYTES ((uint64_t)5 << 30) /* of one PUT */
#define PART_BYTES ((uint64_t)64 << 20)

typedef struct s3_target {
    mt_target base;
    mt_s3_store *store;
    uint64_t most, part; /* bytes of one PUT, and of a part of a larger object */
} s3_target;

static s3_target *own(const mt_target *target) { return (s3_target *)(uintptr_t)target; }

static mt_s3_store *store_of(const mt_target *target) { return own(target)->store; }

void mt_s3_target_set_sizes(mt_target *target, uint64_t most, uint64_t part)
{
    own(target)->most = most;
    own(target)->part = part;
}

/* There is an object, but no first byte: RFC 9110, 15.5.17. */
static bool is_empty(const mt_s3_call *look) { return look->transfer.code == 416; }

static mt_status s3_measure(mt_target *target, const char *key, uint64_t *size, mt_error *err)
{
    mt_s3_call *c;
    mt_error why = MT_ERROR_INIT;
    mt_status st = mt_s3_call_new_look(store_of(target), key, &c, err);
    if (st)
        return st;
    st = mt_s3_call_perform(c, &why);
    if (is_empty(c))
        st = MT_OK;
    *size = st || is_empty(c) ? 0 : c->transfer.object_size;
    mt_s3_call_free(c);
    return st ? mt_fail(err, st, "%s", why.message) : MT_OK;
}

static mt_status s3_read(mt_target *target, const char *key, size_t limit, mt_buffer *out, mt_error *err)
{
    mt_s3_call *c;
    mt_status st = mt_s3_call_new(store_of(target), key, "GET", &c, err);
    if (st)
        return st;
    mt_transfer *t = &c->transfer;
    t->size = limit; /* without a Range: some servers refuse it for an object without bytes */
    t->out = NULL;
    st = mt_s3_call_perform(c, err);
    out->data = t->out;
    out->size = t->n_read;
    out->room = t->capacity;
    mt_s3_call_free(c);
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

static mt_status put(mt_target *target, const char *key, const mt_piece *pieces, size_t n, bool *made, mt_error *err)
{
    mt_s3_call *c;
    mt_error why = MT_ERROR_INIT;
    mt_status st = mt_s3_call_new(store_of(target), key, "PUT", &c, err);
    if (st)
        return st;
    c->transfer.only_new = made != NULL;
    if (!(st = mt_s3_call_set_body(c, pieces, n, &why)))
        st = mt_s3_call_perform(c, &why);
    bool exists = made && c->transfer.code == 412;
    mt_s3_call_free(c);
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
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += pieces[i].size;
    if (total > own(target)->most && !made)
        return mt_s3_put_parts(store_of(target), key, pieces, n, own(target)->part, err);
    if (made) {
        mt_status st = s3_measure(target, key, &size, &why);
        if (st != MT_E_NOT_FOUND)
            return st ? mt_fail(err, st, "%s", why.message) : MT_OK;
    }
    return put(target, key, pieces, n, made, err);
}

static mt_status new_removal(mt_target *target, const char *key, mt_s3_call **out, mt_error *err)
{
    return mt_s3_call_new(store_of(target), key, "DELETE", out, err);
}

static mt_status s3_remove(mt_target *target, const char *key, mt_error *err)
{
    mt_s3_call *c;
    mt_error why = MT_ERROR_INIT;
    mt_status st = new_removal(target, key, &c, err);
    if (st)
        return st;
    st = mt_s3_call_perform(c, &why);
    mt_s3_call_free(c);
    return !st || st == MT_E_NOT_FOUND ? MT_OK : mt_fail(err, st, "%s", why.message);
}

typedef mt_status (*call_maker)(mt_target *target, const char *key, mt_s3_call **out, mt_error *err);

/* Sends up to MT_S3_AT_ONCE requests, and waits for all. exist is NULL, or set. */
static mt_status perform_some(mt_target *target, call_maker make, const char *const *keys, size_t n, bool *exist,
                              mt_error *err)
{
    mt_s3_call *calls[MT_S3_AT_ONCE];
    size_t n_calls = 0;
    mt_status st = MT_OK;
    for (; n_calls < n && !st; n_calls += !st)
        st = make(target, keys[n_calls], &calls[n_calls], err);
    if (!st)
        mt_s3_call_perform_all(calls, n);
    for (size_t i = 0; i < n_calls; i++) {
        const mt_transfer *t = &calls[i]->transfer;
        bool exists = !t->status || is_empty(calls[i]);
        if (exist)
            exist[i] = exists;
        if (!st && !exists && t->status != MT_E_NOT_FOUND)
            st = mt_fail(err, t->status, "%s", t->error.message);
        mt_s3_call_free(calls[i]);
    }
    return st;
}

static mt_status perform_many(mt_target *target, call_maker make, const char *const *keys, size_t n, bool *exist,
                              mt_error *err)
{
    mt_status st = MT_OK;
    for (size_t i = 0; i < n && !st; i += MT_S3_AT_ONCE)
        st = perform_some(target, make, keys + i, n - i < MT_S3_AT_ONCE ? n - i : MT_S3_AT_ONCE,
                          exist ? exist + i : NULL, err);
    return st;
}

static mt_status new_look(mt_target *target, const char *key, mt_s3_call **out, mt_error *err)
{
    return mt_s3_call_new_look(store_of(target), key, out, err);
}

static mt_status s3_find_all(mt_target *target, const char *const *keys, size_t n, bool *exist, mt_error *err)
{
    return perform_many(target, new_look, keys, n, exist, err);
}

static mt_status s3_remove_all(mt_target *target, const char *const *keys, size_t n, mt_error *err)
{
    return perform_many(target, new_removal, keys, n, NULL, err);
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
                                      .find_all = s3_find_all,
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
        mt_s3_target_set_sizes(&t->base, MOST_BYTES, PART_BYTES);
        *out = &t->base;
        return MT_OK;
    }
    if (path)
        mt_release(env, path, strlen(path) + 1);
    mt_store_close(&store->web.base);
    return st;
}
