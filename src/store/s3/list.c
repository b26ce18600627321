/* SPDX-License-Identifier: BSD-3-Clause */
/* Listings. Source: Amazon S3 API Reference, ListObjectsV2. */
#include "store/s3/documents.h"
#include "store/s3/s3.h"

#include <stdio.h>
#include <string.h>

/* Pages of 1000 names: of listings whose names are kept until the end, and of those that keep one page. The last only
 * ends a server that never does. */
#define MAX_PAGES 4096
#define MAX_VISITED_PAGES 1000000

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

/* A listing: of the names directly below a prefix, together or page by page, or of all objects below it. */
typedef struct listing {
    mt_s3_store *store;
    const char *prefix; /* in the bucket */
    mt_arena *arena;    /* of the prefix */
    mt_s3_names names;  /* of all pages; with visit, of the page. Their arena holds the next token, too. */
    mt_store_visit visit;
    mt_store_visit_sized visit_sized;
    void *user;
    mt_s3_page page;
    char token[MT_URL_BYTES], last[MT_URL_BYTES]; /* last: the last name that was visited */
} listing;

/* Pages are in the order of keys; a server that ignores the delimiter repeats a name. */
static mt_status visit_page(listing *l, mt_error *err)
{
    mt_status st = MT_OK;
    mt_s3_sort_names(&l->names);
    for (size_t i = 0; !st && i < l->names.n; i++) {
        if (strcmp(l->names.names[i], l->last) != 0)
            st = l->visit(l->user, l->names.names[i], err);
        snprintf(l->last, sizeof l->last, "%s", l->names.names[i]);
    }
    return st;
}

static mt_status parse(listing *l, const mt_transfer *t, const char **next, mt_error *err)
{
    return l->visit_sized
               ? mt_s3_parse_sizes(l->names.arena, t->out, t->n_read, l->prefix, l->visit_sized, l->user, next, err)
               : mt_s3_parse_page(&l->names, t->out, t->n_read, l->prefix, next, err);
}

static mt_status take_token(listing *l, const char *next, mt_error *err)
{
    if (next && strcmp(next, l->token) == 0)
        return mt_fail(err, MT_E_CORRUPT, "%s never ends: the same page is repeated", l->page.name);
    if (next && strlen(next) >= sizeof l->token)
        return mt_fail(err, MT_E_CORRUPT, "%s: the continuation token is too long", l->page.name);
    snprintf(l->token, sizeof l->token, "%s", next ? next : "");
    return MT_OK;
}

/* Reads one page, and advances the token; "" after the last page. */
static mt_status read_page(listing *l, mt_error *err)
{
    mt_store *store = &l->store->web.base;
    const char *next = NULL;
    mt_transfer *t = &l->page.transfer;
    mt_s3_page_init(&l->page, l->store, l->prefix, l->visit_sized ? NULL : "/", *l->token ? l->token : NULL, "1000");
    mt_status st = mt_transfer_perform(store->env->http, &t, 1, err);
    if (!st) {
        mt_store_count(store, 1, t->n_read);
        if ((st = parse(l, t, &next, err)))
            mt_error_prefix(err, "%s", l->page.name);
        else
            st = take_token(l, next, err);
    }
    mt_release(store->env, t->out, t->capacity);
    return st;
}

static mt_status renew_names(listing *l, mt_error *err)
{
    mt_arena_free(l->names.arena);
    l->names = (mt_s3_names) { .arena = NULL };
    return mt_arena_new(l->store->web.base.env, &l->names.arena, err);
}

static mt_status read_pages(listing *l, size_t most, mt_error *err)
{
    mt_status st = MT_OK;
    size_t n = 0;
    do {
        bool is_alone = l->visit || l->visit_sized || n == 0;
        if (is_alone && (st = renew_names(l, err)))
            return st;
        st = read_page(l, err);
        if (!st && l->visit)
            st = visit_page(l, err);
    } while (!st && *l->token && ++n < most);
    if (!st && *l->token && most > 1)
        st = mt_fail(err, MT_E_LIMIT, "the listing of %s has more than %zu pages of 1000 names", l->prefix, most);
    return st;
}

static void end(mt_env *env, listing *l)
{
    mt_arena_free(l->names.arena);
    mt_arena_free(l->arena);
    mt_release(env, l, sizeof *l);
}

static mt_status begin(mt_store *store, const char *prefix, listing **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(store->env, sizeof(listing), &memory, err);
    if (st)
        return st;
    listing *l = memset(memory, 0, sizeof *l);
    l->store = mt_s3_store_of(mt_web_of(store));
    if (!(st = mt_arena_new(store->env, &l->arena, err))) {
        l->prefix = mt_arena_printf(l->arena, err, "%s%s%s", l->store->root, prefix, *prefix ? "/" : "");
        st = l->prefix ? MT_OK : MT_E_MEMORY;
    }
    if (st)
        end(store->env, l);
    *out = l;
    return st;
}

static mt_status visit_names(mt_store *store, const char *prefix, size_t most, mt_store_visit visit, void *user,
                             mt_error *err)
{
    listing *l;
    mt_status st = begin(store, prefix, &l, err);
    if (st)
        return st;
    if (!(st = read_pages(l, most, err)))
        mt_s3_sort_names(&l->names);
    for (size_t i = 0; !st && i < l->names.n; i++)
        st = visit(user, l->names.names[i], err);
    end(store->env, l);
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

mt_status mt_s3_list_pages(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    listing *l;
    mt_status st = begin(store, prefix, &l, err);
    if (st)
        return st;
    l->visit = visit;
    l->user = user;
    st = read_pages(l, MAX_VISITED_PAGES, err);
    end(store->env, l);
    return st;
}

mt_status mt_s3_list_sizes(mt_store *store, const char *prefix, mt_store_visit_sized visit, void *user, mt_error *err)
{
    listing *l;
    mt_status st = begin(store, prefix, &l, err);
    if (st)
        return st;
    l->visit_sized = visit;
    l->user = user;
    st = read_pages(l, MAX_VISITED_PAGES, err);
    end(store->env, l);
    return st;
}
