/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/s3/s3.h"

#include "platform/environment.h"
#include "store/files.h"
#include "store/http/retry.h"
#include "store/s3/documents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SKEW 300       /* tolerated clock skew in seconds; servers allow 900 */
#define REFRESH_BEFORE 300 /* seconds before temporary keys expire */

/* Headers of a request, stored consecutively in scratch. */
typedef struct headers {
    mt_transfer *transfer;
    char *at;
    size_t left;
    bool failed;
} headers;

static void add_header(headers *h, const char *name, const char *value)
{
    int n = snprintf(h->at, h->left, "%s: %s", name, value);
    if ((size_t)n >= h->left || h->transfer->n_headers == MT_HTTP_HEADERS) {
        h->failed = true;
        return;
    }
    h->transfer->headers[h->transfer->n_headers++] = h->at;
    h->at += n + 1;
    h->left -= (size_t)n + 1;
}

/* The lock is held. */
static mt_status sign(mt_s3_store *s, const mt_s3_to_sign *given, headers *h, mt_error *err)
{
    const mt_s3_keys *keys = s->lends ? &s->lent.keys : &s->config.keys;
    mt_s3_to_sign what = *given;
    mt_s3_signature signature;
    mt_s3_pair signed_headers[3] = { { "host", s->place.host }, { "x-amz-content-sha256", what.payload } };
    what.header = signed_headers;
    what.n_header = 2;
    if (keys->token && *keys->token)
        signed_headers[what.n_header++] = (mt_s3_pair) { "x-amz-security-token", keys->token };
    what.region = s->region;
    what.time = mt_clock_utc() + s->ahead;
    mt_status st = mt_s3_sign(&what, keys, &signature, err);
    if (st)
        return st;
    for (size_t i = 1; i < what.n_header; i++)
        add_header(h, signed_headers[i].name, signed_headers[i].value);
    add_header(h, "x-amz-date", signature.date);
    add_header(h, "Authorization", signature.authorization);
    return MT_OK;
}

/* Renews temporary keys in a separate thread, as the request blocks. */
static void ask_again(void *argument)
{
    mt_s3_store *s = argument;
    mt_arena *arena = NULL, *old = NULL;
    mt_s3_lent lent;
    bool got = mt_arena_new(s->web.base.env, &arena, NULL) == MT_OK &&
               mt_s3_ask_instance(s->web.base.env, arena, &lent, NULL) == MT_OK;
    mt_lock_take(&s->lock);
    if (got) {
        old = s->lent_arena;
        s->lent = lent;
        s->lent_arena = arena;
    }
    s->is_asking = false;
    mt_lock_give(&s->lock);
    mt_arena_free(got ? old : arena);
}

/* Starts the renewal before temporary keys expire. The lock is held. */
static void renew_keys(mt_s3_store *s)
{
    if (!s->lends || s->is_asking || s->lent.expires - REFRESH_BEFORE > mt_clock_utc())
        return;
    if (s->asked) /* the thread has finished or is about to */
        mt_thread_join(&s->thread);
    s->asked = s->is_asking = mt_thread_start(&s->thread, ask_again, s, NULL) == MT_OK;
}

mt_status mt_s3_prepare(mt_s3_store *s, const char *path, const mt_s3_pair *query, size_t n_query, const char *payload,
                        mt_transfer *t, char *url, char *scratch, mt_error *err)
{
    char full[MT_URL_BYTES / 3], encoded[MT_URL_BYTES], queries[MT_URL_BYTES];
    headers h = { .transfer = t, .at = scratch, .left = MT_WEB_SCRATCH };
    t->n_headers = 0;
    size_t a = mt_s3_encode(path, true, encoded, sizeof encoded),
           b = mt_s3_query(query, n_query, queries, sizeof queries);
    mt_status st = MT_OK;
    mt_lock_take(&s->lock);
    renew_keys(s);
    int n = snprintf(url, MT_URL_BYTES, "%s%s%s%s", s->place.url, encoded, n_query ? "?" : "", queries);
    int m = snprintf(full, sizeof full, "%s%s", s->place.path, path);
    bool fits = a < sizeof encoded && b < sizeof queries && (size_t)n < MT_URL_BYTES && (size_t)m < sizeof full;
    mt_s3_to_sign what = { .method = t->method,
                           .service = "s3",
                           .path = full,
                           .query = query,
                           .n_query = n_query,
                           .payload = s->place.encrypted ? MT_S3_UNSIGNED_PAYLOAD
                                      : payload          ? payload
                                                         : MT_S3_EMPTY_PAYLOAD };
    if (fits && (s->lends || s->config.keys.id))
        st = sign(s, &what, &h, err);
    mt_lock_give(&s->lock);
    if (!fits || h.failed)
        return mt_fail(err, MT_E_ARGUMENT, "%s: the key or the token is too long", t->name);
    return st;
}

/* Writes the host only: prepare completes the URL. */
static mt_status address(mt_web *web, const char *key, char *url, char *name, mt_error *err)
{
    mt_s3_store *s = mt_s3_store_of(web);
    int n = snprintf(name, MT_URL_BYTES, "%s://%s/%s%s", s->scheme, s->bucket, s->root, key);
    mt_lock_take(&s->lock);
    snprintf(url, MT_URL_BYTES, "%s", s->place.url);
    mt_lock_give(&s->lock);
    return (size_t)n < MT_URL_BYTES ? MT_OK : mt_fail(err, MT_E_ARGUMENT, "%s: the key is too long", web->base.url);
}

static mt_status prepare(mt_web *web, const char *key, mt_transfer *t, char *url, char *scratch, mt_error *err)
{
    mt_s3_store *s = mt_s3_store_of(web);
    char path[MT_URL_BYTES / 3];
    int n = snprintf(path, sizeof path, "%s%s", s->root, key);
    if ((size_t)n >= sizeof path)
        return mt_fail(err, MT_E_ARGUMENT, "%s: the key is too long", t->name);
    return mt_s3_prepare(s, path, NULL, 0, NULL, t, url, scratch, err);
}

/* Whether the response names another region than that of the request, so that a retry helps. The first of several
 * requests in flight updates the store; the others retry as well. */
static bool learn_region(mt_s3_store *s, const mt_transfer *t, const mt_s3_failure *failure)
{
    const char *told = mt_transfer_header(t, "x-amz-bucket-region");
    told = told && mt_s3_is_region(told) ? told : failure->region;
    mt_s3_place place;
    if (!*told || mt_s3_place_bucket(&s->config, told, s->bucket, &place, NULL))
        return false;
    mt_lock_take(&s->lock);
    bool same = strcmp(s->region, told) == 0, news = !same && !s->knows_region;
    if (news) {
        snprintf(s->region, sizeof s->region, "%s", told);
        s->place = place;
        s->knows_region = true;
    }
    bool late = same && s->knows_region && t->repeats == 0;
    mt_lock_give(&s->lock);
    return news || late;
}

/* The same for the clock: whether the server's time is far from that of the signature. */
static bool learn_time(mt_s3_store *s, const mt_transfer *t, const mt_s3_failure *failure)
{
    const char *date = mt_transfer_header(t, "Date");
    int64_t there, ahead;
    if (!date || !mt_http_date(date, &there))
        return false;
    ahead = there - mt_clock_utc();
    mt_lock_take(&s->lock);
    bool news = llabs(ahead - s->ahead) > MAX_SKEW;
    if (news)
        s->ahead = ahead;
    mt_lock_give(&s->lock);
    return news || (strcmp(failure->code, "RequestTimeTooSkewed") == 0 && t->repeats == 0);
}

static mt_verdict refuse(mt_s3_store *s, mt_transfer *t, const mt_s3_failure *failure, mt_status status)
{
    bool is_signed = s->lends || s->config.keys.id, forbidden = t->code == 401 || t->code == 403;
    const char *who = !forbidden  ? ""
                      : is_signed ? "; signed with the keys of "
                                  : "; no credentials were found or given";
    const char *origin = forbidden && is_signed ? s->config.origin : "";
    bool hint = t->code == 403 && strcmp(failure->code, "AccessDenied") == 0;
    if (hint)
        s->was_forbidden = true;
    t->status = mt_fail(&t->error, status, "%s: the server answered %d %s%s%s%s%s%s", t->name, t->code, failure->code,
                        *failure->message ? ": " : "", failure->message, who, origin,
                        hint ? "; S3 also answers this for missing objects if the bucket may not be listed" : "");
    return MT_REFUSE;
}

static bool is_one_of(const char *code, const char *const *codes)
{
    while (*codes && strcmp(code, *codes) != 0)
        codes++;
    return *codes != NULL;
}

mt_verdict mt_s3_judge(mt_s3_store *s, mt_transfer *t)
{
    static const char *const busy[] = { "SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", NULL };
    mt_s3_failure failure;
    mt_s3_parse_failure(t->text, strlen(t->text), &failure);
    if (t->code >= 200 && t->code < 300) /* objects need an ETag; listings have no error code */
        return !t->etag[0] && strstr(t->text, "<Error") && is_one_of(failure.code, busy) ? MT_RETRY : MT_ACCEPT;
    if ((t->code == 301 || t->code == 307 || t->code == 400) && learn_region(s, t, &failure))
        return MT_REPEAT;
    if ((t->code == 403 || t->code == 400) && (s->lends || s->config.keys.id) && learn_time(s, t, &failure))
        return MT_REPEAT;
    if (t->code == 404)
        return strcmp(failure.code, "NoSuchKey") == 0 ? MT_ACCEPT : refuse(s, t, &failure, MT_E_IO);
    if (t->code == 412 || t->code == 416 || is_one_of(failure.code, busy) || t->code == 429 || t->code >= 500)
        return is_one_of(failure.code, busy) && t->code < 500 ? MT_RETRY : MT_ACCEPT;
    return refuse(s, t, &failure, MT_E_IO);
}

static mt_verdict judge(mt_web *web, mt_transfer *t) { return mt_s3_judge(mt_s3_store_of(web), t); }

static void close_web(mt_web *web)
{
    mt_s3_store *s = mt_s3_store_of(web);
    mt_env *env = web->base.env;
    if (s->asked)
        mt_thread_join(&s->thread);
    mt_web_destroy(web);
    mt_lock_destroy(&s->lock);
    mt_arena_free(s->lent_arena);
    mt_arena_free(s->arena);
    mt_release(env, s, sizeof *s);
}

static const mt_web_ops s3_ops = { .address = address,
                                   .prepare = prepare,
                                   .judge = judge,
                                   .list = mt_s3_list,
                                   .sample = mt_s3_sample,
                                   .close = close_web };

/* In the child of a fork: the thread belongs to the parent. */
static void forget_thread(void *store)
{
    mt_s3_store *s = store;
    s->is_asking = s->asked = false;
}

static mt_status configure(mt_s3_store *s, mt_error *err)
{
    static const mt_s3_options none = { 0 };
    mt_env *env = s->web.base.env;
    const mt_s3_options *given = env->s3 ? env->s3 : &none;
    mt_status st = strcmp(s->scheme, "gs") == 0 ? mt_s3_configure_gs(s->arena, &s->config, err)
                                                : mt_s3_configure(s->arena, given, &s->config, err);
    if (!st)
        st = mt_s3_place_bucket(&s->config, s->config.region, s->bucket, &s->place, err);
    snprintf(s->region, sizeof s->region, "%s", st ? "" : s->config.region);
    s->lends = !st && given->ask_instance && !given->anonymous && !s->config.keys.id && strcmp(s->scheme, "s3") == 0;
    if (s->lends && !(st = mt_arena_new(env, &s->lent_arena, err)) &&
        !(st = mt_s3_ask_instance(env, s->lent_arena, &s->lent, err)))
        s->config.origin = s->lent.origin;
    return st;
}

static char *copy_in_arena(mt_arena *arena, const char *text, mt_error *err)
{
    return mt_arena_strndup(arena, text, strlen(text), err);
}

/* "s3://bucket/root" without a trailing '/', for messages and sources. */
static mt_status name_store(mt_s3_store *s, char **out, mt_error *err)
{
    char url[MT_URL_BYTES];
    size_t n = strlen(s->root);
    int size =
        snprintf(url, sizeof url, "%s://%s%s%.*s", s->scheme, s->bucket, n ? "/" : "", (int)n - (n > 0), s->root);
    if ((size_t)size >= sizeof url)
        return mt_fail(err, MT_E_ARGUMENT, "%s://%s: the key is too long", s->scheme, s->bucket);
    return mt_copy_text(s->web.base.env, url, out, err);
}

static mt_status fill_store(mt_s3_store *s, const char *scheme, const char *bucket, const char *root, mt_error *err)
{
    mt_env *env = s->web.base.env;
    char *url;
    s->scheme = copy_in_arena(s->arena, scheme, err);
    s->bucket = copy_in_arena(s->arena, bucket, err);
    s->root = copy_in_arena(s->arena, root, err);
    if (!s->scheme || !s->bucket || !s->root)
        return MT_E_MEMORY;
    mt_status st = configure(s, err);
    if (st || (st = name_store(s, &url, err)))
        return st;
    if ((st = mt_web_init(&s->web, env, &s3_ops, url, err)))
        mt_release(env, url, strlen(url) + 1);
    else if (s->config.endpoint)
        s->web.base.place = mt_key_hash(s->config.endpoint);
    return st;
}

mt_status mt_s3_store_descend(mt_s3_store *s, const char *full, mt_error *err)
{
    char *url, *old = s->web.base.url;
    const char *root = mt_arena_printf(s->arena, err, "%s%s", full, *full ? "/" : "");
    if (!root)
        return MT_E_MEMORY;
    s->root = root;
    mt_status st = name_store(s, &url, err);
    if (st)
        return st;
    s->web.base.url = url;
    mt_release(s->web.base.env, old, strlen(old) + 1);
    mt_objects_destroy(&s->web.objects); /* its keys are relative to the old root */
    return mt_objects_init(&s->web.objects, s->web.base.env, err);
}

mt_status mt_s3_store_new(mt_env *env, const char *scheme, const char *bucket, const char *root, mt_s3_store **out,
                          mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(env, sizeof(mt_s3_store), &memory, err);
    if (st)
        return st;
    mt_s3_store *s = memset(memory, 0, sizeof(mt_s3_store));
    s->web.base.env = env;
    if ((st = mt_arena_new(env, &s->arena, err)))
        goto no_arena;
    if ((st = mt_lock_init(&s->lock, forget_thread, s, err)))
        goto no_lock;
    if ((st = fill_store(s, scheme, bucket, root, err)))
        goto not_filled;
    *out = s;
    return MT_OK;
not_filled:
    mt_lock_destroy(&s->lock);
    mt_arena_free(s->lent_arena);
no_lock:
    mt_arena_free(s->arena);
no_arena:
    mt_release(env, s, sizeof *s);
    return st;
}
