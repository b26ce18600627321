/* SPDX-License-Identifier: BSD-3-Clause */
/* The archive as a store. Requests for stored members become requests to the outer store. */
#include "store/zip.h"

#include "cache/cache.h"
#include "store/zip/zip.h"

#include <string.h>

static zip_store *zip_of(mt_store *store) { return (zip_store *)(void *)store; }

/* A missing archive must not look like a missing member. */
static mt_status fail_in(const zip_store *zip, const char *key, mt_status st, mt_error *err)
{
    if (st == MT_E_NOT_FOUND && err)
        *err = (mt_error)MT_ERROR_INIT;
    if (st == MT_E_NOT_FOUND)
        st = mt_fail(err, MT_E_CHANGED, "the archive is not there any more");
    if (st) {
        mt_error_omit(err, zip->key); /* whoever reads the archive names it */
        mt_error_prefix(err, "%s", key);
    }
    return st;
}

static mt_status find_member(zip_store *zip, const char *key, zip_member **m, zip_record *r, mt_error *err)
{
    *m = zip_find(&zip->directory, key);
    if (!*m)
        return mt_fail(err, MT_E_NOT_FOUND, "%s: no such member", key);
    *r = zip_get_record(&zip->directory, *m);
    return fail_in(zip, key, zip_check_member(r, err), err);
}

static mt_status check_range(const char *key, const zip_record *r, uint64_t offset, size_t size, mt_error *err)
{
    if (offset <= r->size && size <= r->size - offset)
        return MT_OK;
    return mt_fail(err, MT_E_CORRUPT, "%s: has %llu bytes, %zu were expected at byte %llu", key,
                   (unsigned long long)r->size, size, (unsigned long long)offset);
}

static mt_status zip_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    zip_member *m;
    zip_record r;
    mt_status st = find_member(zip_of(store), key, &m, &r, err);
    if (!st)
        *out = r.size;
    return st;
}

static mt_status zip_read(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    zip_store *zip = zip_of(store);
    zip_member *m;
    zip_record r;
    mt_status st = find_member(zip, key, &m, &r, err);
    for (size_t i = 0; !st && i < n; i++) {
        st = check_range(key, &r, ranges[i].offset, ranges[i].size, err);
        if (!st && (ranges[i].size > 0 || r.size == 0))
            st = fail_in(zip, key, zip_read_part(zip, m, &ranges[i], err), err);
    }
    return st;
}

static uint64_t data_of(const zip_member *m) { return atomic_load_explicit(&m->data, memory_order_relaxed); }

static const uint8_t *zip_view(mt_store *store, const char *key, uint64_t *size)
{
    zip_store *zip = zip_of(store);
    zip_member *m;
    zip_record r;
    uint64_t all;
    if (find_member(zip, key, &m, &r, NULL) || r.method != ZIP_STORED)
        return NULL;
    const uint8_t *bytes = mt_store_view(zip->outer, zip->key, &all);
    if (!bytes || all < zip->directory.at)
        return NULL;
    if (!data_of(m) && zip_take_header(zip, &r, m, bytes + r.local, zip_header_bytes(zip, &r), NULL))
        return NULL;
    *size = r.size;
    return bytes + data_of(m);
}

/* A request as a range of a member. */
typedef struct wanted {
    zip_member *member;
    zip_record record;
    mt_range range;
} wanted;

static bool is_whole(const wanted *w) { return w->range.offset == 0 && w->range.size == w->record.size; }

static mt_status take_request(zip_store *zip, mt_request *q, wanted *w)
{
    mt_status st = find_member(zip, q->key, &w->member, &w->record, &q->error);
    if (st)
        return st;
    uint64_t size = w->record.size;
    q->object_size = size;
    w->range = (mt_range) { q->offset, q->size, q->out };
    if (q->kind == MT_READ_RANGE)
        return check_range(q->key, &w->record, q->offset, q->size, &q->error);
    if (q->kind == MT_READ_WHOLE && size > q->size)
        return mt_fail(&q->error, MT_E_LIMIT, "%s has %llu bytes, more than %zu", q->key, (unsigned long long)size,
                       q->size);
    uint64_t from = q->kind != MT_READ_SOME ? 0 : q->offset < size ? q->offset : size;
    w->range.size = size - from < q->size ? (size_t)(size - from) : q->size;
    w->range.offset = q->kind == MT_READ_SOME ? from : size - w->range.size;
    if (q->kind == MT_READ_WHOLE && !q->out) {
        if ((st = mt_alloc(zip->base.env, w->range.size, &q->out, &q->error)))
            return st;
        q->capacity = w->range.size;
        w->range.out = q->out;
    }
    return MT_OK;
}

/* Sets the outcome of a request for a stored member. */
static void note_outcome(zip_store *zip, mt_request *q, const wanted *w, mt_status st)
{
    if (!st && is_whole(w))
        st = zip_check_crc(&w->record, w->range.out, &q->error);
    q->status = fail_in(zip, q->key, st, &q->error);
    q->n_read = st ? 0 : w->range.size;
}

/* Reads the header of a stored member if this need not wait. */
static bool header_now(zip_store *zip, const wanted *w, mt_status *st, mt_error *err)
{
    uint8_t header[ZIP_HEADER_ROOM];
    size_t n = zip_header_bytes(zip, &w->record);
    mt_range range = { w->record.local, n < ZIP_HEADER_ROOM ? n : ZIP_HEADER_ROOM, header };
    *st = MT_OK;
    if (data_of(w->member))
        return true;
    if (!mt_store_read_now(zip->outer, zip->key, &range, 1, st, err))
        return false;
    if (!*st)
        *st = zip_take_header(zip, &w->record, w->member, header, range.size, err);
    return true;
}

static bool stored_now(zip_store *zip, const char *key, const wanted *w, mt_status *st, mt_error *err)
{
    if (!header_now(zip, w, st, err))
        return false;
    if (!*st) {
        mt_range range = { data_of(w->member) + w->range.offset, w->range.size, w->range.out };
        if (!mt_store_read_now(zip->outer, zip->key, &range, 1, st, err))
            return false;
    }
    if (!*st && is_whole(w))
        *st = zip_check_crc(&w->record, w->range.out, err);
    *st = fail_in(zip, key, *st, err);
    return true;
}

static bool zip_read_now(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_status *st,
                         mt_error *err)
{
    zip_store *zip = zip_of(store);
    wanted w;
    if ((*st = find_member(zip, key, &w.member, &w.record, err)))
        return true;
    bool now = true;
    for (size_t i = 0; now && !*st && i < n; i++) {
        w.range = ranges[i];
        *st = check_range(key, &w.record, w.range.offset, w.range.size, err);
        if (*st || w.range.size == 0)
            continue;
        now =
            w.record.method == ZIP_STORED ? stored_now(zip, key, &w, st, err) : zip_try_packed(zip, w.member, &w.range);
    }
    return now;
}

static void zip_advise(mt_store *store, const char *key, uint64_t offset, uint64_t size)
{
    zip_store *zip = zip_of(store);
    zip_member *m;
    zip_record r;
    if (find_member(zip, key, &m, &r, NULL))
        return;
    mt_request ahead = { .key = zip->key };
    uint64_t data = data_of(m) ? data_of(m) : r.local;
    bool stored = r.method == ZIP_STORED;
    if (stored && check_range(key, &r, offset, size, NULL))
        return;
    ahead.offset = stored ? data + offset : data;
    uint64_t n = stored ? size : r.packed;
    ahead.size = n < ZIP_NEAR || stored ? (size_t)n : ZIP_NEAR;
    mt_store_advise(zip->outer, &ahead);
}

/* A request to the outer store on behalf of one to this store. */
typedef struct child {
    mt_request inner; /* must be first: done gets its address */
    zip_store *zip;
    mt_request *of;
    wanted wanted;
    uint8_t *buffer; /* bytes from the local header on; NULL: reads directly to the destination */
} child;

static void free_child(child *c)
{
    mt_release(c->zip->base.env, c->buffer, c->inner.size);
    mt_release(c->zip->base.env, c, sizeof *c);
}

/* Copies the wanted bytes from a buffer that starts with the local header; false if it does not contain them all. */
static bool take_near(child *c, mt_status *st)
{
    const wanted *w = &c->wanted;
    *st = zip_take_header(c->zip, &w->record, w->member, c->buffer, c->inner.size, &c->of->error);
    if (*st)
        return true;
    uint64_t from = data_of(w->member) - w->record.local + w->range.offset;
    if (from > c->inner.size || w->range.size > c->inner.size - from)
        return false;
    if (w->range.size > 0)
        memcpy(w->range.out, c->buffer + from, w->range.size);
    return true;
}

static void finish_child(mt_request *inner)
{
    child *c = (child *)(void *)inner;
    mt_request *q = c->of;
    zip_store *zip = c->zip;
    mt_status st = inner->status ? mt_fail(&q->error, inner->status, "%s", inner->error.message) : MT_OK;
    bool taken = st || !c->buffer || take_near(c, &st);
    if (taken)
        note_outcome(zip, q, &c->wanted, st);
    free_child(c);
    if (taken)
        q->done(q);
    else
        mt_store_submit_blocking(&zip->base, q);
}

/* Fills a child; MT_E_LIMIT if the data is too far from a local header that has not been read. */
static mt_status make_child(zip_store *zip, mt_request *q, const wanted *w, child **out)
{
    void *memory;
    uint64_t data = data_of(w->member), n = w->range.offset + w->range.size;
    size_t header = zip_header_bytes(zip, &w->record);
    if (!data && n > ZIP_NEAR)
        return MT_E_LIMIT;
    mt_status st = mt_alloc(zip->base.env, sizeof(child), &memory, &q->error);
    if (st)
        return st;
    child *c = memory;
    *c = (child) { .zip = zip, .of = q, .wanted = *w };
    c->inner = (mt_request) { .key = zip->key, .done = finish_child, .owner = q->owner };
    c->inner.offset = data ? data + w->range.offset : w->record.local;
    c->inner.size = w->range.size;
    c->inner.out = w->range.out;
    if (!data) {
        uint64_t most = zip->directory.at - w->record.local;
        c->inner.size = header + n < most ? (size_t)(header + n) : (size_t)most;
        if ((st = mt_alloc(zip->base.env, c->inner.size, &memory, &q->error))) {
            mt_release(zip->base.env, c, sizeof *c);
            return st;
        }
        c->inner.out = c->buffer = memory;
    }
    *out = c;
    return MT_OK;
}

static void zip_submit(mt_store *store, mt_request *q)
{
    zip_store *zip = zip_of(store);
    wanted w;
    child *c;
    if ((q->status = take_request(zip, q, &w)) || w.range.size == 0) {
        q->done(q);
        return;
    }
    mt_status st = w.record.method == ZIP_STORED ? make_child(zip, q, &w, &c) : MT_E_LIMIT;
    if (!st) {
        mt_store_submit(zip->outer, &c->inner);
    } else if (st == MT_E_LIMIT) {
        mt_store_submit_blocking(store, q);
    } else {
        q->status = st;
        q->done(q);
    }
}

static void zip_cancel(mt_store *store, const void *owner) { mt_store_cancel(zip_of(store)->outer, owner); }

static mt_status find_order(zip_store *zip, const zip_order **out, mt_error *err)
{
    zip_order *made, *rest;
    mt_lock_take(&zip->lock);
    *out = zip->order;
    mt_lock_give(&zip->lock);
    if (*out)
        return MT_OK;
    mt_status st = zip_order_new(&zip->directory, &made, err);
    if (st)
        return st;
    mt_lock_take(&zip->lock);
    rest = zip->order ? made : NULL;
    zip->order = zip->order ? zip->order : made;
    *out = zip->order;
    mt_lock_give(&zip->lock);
    zip_order_free(zip->base.env, rest);
    return MT_OK;
}

static mt_status zip_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    const zip_order *order;
    mt_status st = find_order(zip_of(store), &order, err);
    return st ? st : zip_order_list(order, prefix, visit, user, err);
}

/* Frees a partly made store, but not the outer one. */
static void free_zip(zip_store *zip)
{
    mt_env *env = zip->base.env;
    zip_directory_free(&zip->directory);
    if (zip->key)
        mt_release(env, zip->key, strlen(zip->key) + 1);
    if (zip->base.url)
        mt_release(env, zip->base.url, strlen(zip->base.url) + 1);
    mt_release(env, zip, sizeof *zip);
}

/* The identity of the archive: its members change only with it. */
static mt_status zip_identify(mt_store *store, const char *key, mt_identity *out, mt_error *err)
{
    zip_store *zip = zip_of(store);
    zip_member *m;
    zip_record r;
    mt_status st = find_member(zip, key, &m, &r, err);
    if (st || (st = mt_store_identify(zip->outer, zip->key, out, err)))
        return st;
    out->size = r.size;
    return MT_OK;
}

static void zip_forget(mt_store *store, const char *key, uint64_t offset, uint64_t size)
{
    zip_store *zip = zip_of(store);
    zip_member *m;
    zip_record r;
    if (find_member(zip, key, &m, &r, NULL))
        return;
    uint64_t data = data_of(m) ? data_of(m) : r.local, n = r.packed;
    if (r.method == ZIP_STORED && offset <= r.size) {
        data += offset;
        n = size < r.size - offset ? size : r.size - offset;
    }
    mt_store_forget(zip->outer, zip->key, data, n);
    zip_forget_packed(zip, m);
}

static void zip_close(mt_store *store)
{
    zip_store *zip = zip_of(store);
    mt_store *outer = zip->outer;
    zip_close_members(zip);
    if (store->env->index_cache)
        mt_cache_drop(store->env->index_cache, zip->owner);
    zip_order_free(store->env, zip->order);
    mt_lock_destroy(&zip->lock);
    free_zip(zip);
    mt_store_close(outer);
}

static const mt_store_ops zip_ops = { .size = zip_size,
                                      .read = zip_read,
                                      .view = zip_view,
                                      .read_now = zip_read_now,
                                      .advise = zip_advise,
                                      .submit = zip_submit,
                                      .cancel = zip_cancel,
                                      .list = zip_list,
                                      .identify = zip_identify,
                                      .forget = zip_forget,
                                      .close = zip_close };

static mt_status join_url(mt_env *env, const char *folder, const char *key, char **out, mt_error *err)
{
    void *memory;
    size_t n = strlen(folder), m = strlen(key);
    mt_status st = mt_alloc(env, n + m + 2, &memory, err);
    if (st)
        return st;
    *out = memory;
    memcpy(*out, folder, n);
    (*out)[n] = '/';
    memcpy(*out + n + 1, key, m + 1);
    return MT_OK;
}

mt_status mt_store_open_zip(mt_env *env, mt_store *outer, const char *key, mt_store **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(env, sizeof(zip_store), &memory, err);
    if (st)
        return st;
    zip_store *zip = memset(memory, 0, sizeof(zip_store));
    zip->base = (mt_store) { .ops = &zip_ops, .env = env, .costs = outer->costs, .is_front = true };
    zip->base.is_archive = true;
    zip->outer = outer;
    zip->directory.env = env;
    zip->owner = env->index_cache ? mt_cache_new_owner(env->index_cache) : 0;
    if (!(st = mt_copy_text(env, key, &zip->key, err)) && !(st = join_url(env, outer->url, key, &zip->base.url, err))) {
        if ((st = zip_directory_load(env, outer, key, &zip->directory, err)))
            mt_error_prefix(err, "%s", zip->base.url);
        else
            st = mt_lock_init(&zip->lock, NULL, NULL, err);
        if (!st && zip->directory.n_deflated > zip->directory.n_stored)
            mt_inflate_costs(&zip->base.costs);
    }
    if (st)
        free_zip(zip);
    else
        *out = &zip->base;
    return st;
}
