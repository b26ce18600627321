/* SPDX-License-Identifier: BSD-3-Clause */
/* Listings. Source: Amazon S3 API Reference, ListObjectsV2. */
#include "store/s3/documents.h"
#include "store/s3/s3.h"

#include <stdio.h>
#include <string.h>

/* Pages of 1000 names. Names are kept, sizes are not. */
#define MAX_PAGES 4096
#define MAX_DEEP_PAGES 1000000

static mt_status prepare_page(mt_transfer *t, mt_error *err)
{
    mt_s3_page *page = (mt_s3_page *)(void *)t;
    return mt_s3_prepare(page->store, "", page->query, page->n_query, NULL, t, page->url, page->scratch, err);
}

static mt_verdict judge_page(mt_transfer *t) { return mt_s3_judge(((mt_s3_page *)(void *)t)->store, t); }

void mt_s3_page_init(mt_s3_page *page, mt_s3_store *s, const char *prefix, const char *delimiter, const char *token,
                     const char *most)
{
    page->store = s;
    page->transfer = (mt_transfer) { .method = "GET",
                                     .url = page->url,
                                     .name = page->name,
                                     .span = MT_SPAN_BODY,
                                     .size = MT_S3_PAGE_BYTES,
                                     .prepare = prepare_page,
                                     .judge = judge_page,
                                     .owner = s };
    page->query[0] = (mt_s3_pair) { "list-type", "2" };
    page->query[1] = (mt_s3_pair) { "prefix", prefix };
    page->query[2] = (mt_s3_pair) { "max-keys", most };
    page->n_query = 3;
    if (delimiter)
        page->query[page->n_query++] = (mt_s3_pair) { "delimiter", delimiter };
    if (token)
        page->query[page->n_query++] = (mt_s3_pair) { "continuation-token", token };
    snprintf(page->name, sizeof page->name, "the listing of %s://%s/%.300s", s->scheme, s->bucket, prefix);
    mt_lock_take(&s->lock);
    snprintf(page->url, sizeof page->url, "%s", s->place.url); /* only the host matters: prepare writes the URL */
    mt_lock_give(&s->lock);
}

/* A listing: of the names directly below a prefix or, with visit, of all objects below it. */
typedef struct listing {
    mt_s3_store *store;
    const char *prefix; /* in the bucket */
    mt_s3_names names;  /* the arena holds tokens, too */
    mt_store_visit_sized visit;
    void *user;
} listing;

static mt_status parse(listing *l, const mt_transfer *t, const char **next, mt_error *err)
{
    return l->visit ? mt_s3_parse_sizes(l->names.arena, t->out, t->n_read, l->prefix, l->visit, l->user, next, err)
                    : mt_s3_parse_page(&l->names, t->out, t->n_read, l->prefix, next, err);
}

/* Reads one page and advances *token; NULL after the last page. */
static mt_status read_page(listing *l, mt_s3_page *page, const char **token, mt_error *err)
{
    mt_store *store = &l->store->web.base;
    const char *next = NULL;
    mt_transfer *t = &page->transfer;
    mt_s3_page_init(page, l->store, l->prefix, l->visit ? NULL : "/", *token, "1000");
    mt_status st = mt_transfer_perform(store->env->http, &t, 1, err);
    if (!st) {
        mt_store_count(store, 1, t->n_read);
        if ((st = parse(l, t, &next, err)))
            mt_error_prefix(err, "%s", page->name);
        else if (next && *token && strcmp(next, *token) == 0)
            st = mt_fail(err, MT_E_CORRUPT, "%s never ends: the same page is repeated", page->name);
    }
    mt_release(store->env, t->out, t->capacity);
    *token = next;
    return st;
}

static mt_status read_pages(listing *l, size_t most, mt_error *err)
{
    mt_env *env = l->store->web.base.env;
    void *page;
    const char *token = NULL;
    mt_status st = mt_alloc(env, sizeof(mt_s3_page), &page, err);
    if (st)
        return st;
    size_t n = 0;
    do
        st = read_page(l, page, &token, err);
    while (!st && token && ++n < most);
    if (!st && token && most > 1)
        st = mt_fail(err, MT_E_LIMIT, "the listing of %s has more than %zu pages of 1000 names", l->prefix, most);
    mt_release(env, page, sizeof(mt_s3_page));
    return st;
}

/* Begins a listing, whose arena is freed by the caller after success. */
static mt_status begin(listing *l, mt_store *store, const char *prefix, mt_error *err)
{
    l->store = mt_s3_store_of(mt_web_of(store));
    mt_status st = mt_arena_new(store->env, &l->names.arena, err);
    if (st)
        return st;
    l->prefix = mt_arena_printf(l->names.arena, err, "%s%s%s", l->store->root, prefix, *prefix ? "/" : "");
    if (!l->prefix)
        mt_arena_free(l->names.arena);
    return l->prefix ? MT_OK : MT_E_MEMORY;
}

static mt_status visit_names(mt_store *store, const char *prefix, size_t most, mt_store_visit visit, void *user,
                             mt_error *err)
{
    listing l = { .store = NULL };
    mt_status st = begin(&l, store, prefix, err);
    if (st)
        return st;
    if (!(st = read_pages(&l, most, err)))
        mt_s3_sort_names(&l.names);
    for (size_t i = 0; !st && i < l.names.n; i++)
        st = visit(user, l.names.names[i], err);
    mt_arena_free(l.names.arena);
    return st;
}

mt_status mt_s3_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    return visit_names(store, prefix, MAX_PAGES, visit, user, err);
}

mt_status mt_s3_sample(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    return visit_names(store, prefix, 1, visit, user, err);
}

mt_status mt_s3_list_sizes(mt_store *store, const char *prefix, mt_store_visit_sized visit, void *user, mt_error *err)
{
    listing l = { .visit = visit, .user = user };
    mt_status st = begin(&l, store, prefix, err);
    if (st)
        return st;
    st = read_pages(&l, MAX_DEEP_PAGES, err);
    mt_arena_free(l.names.arena);
    return st;
}
