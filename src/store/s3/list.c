/* SPDX-License-Identifier: BSD-3-Clause */
/* Listings. Source: Amazon S3 API Reference, ListObjectsV2. */
#include "store/s3/documents.h"
#include "store/s3/s3.h"

#include <stdio.h>
#include <string.h>

#define MAX_PAGES 4096 /* pages of 1000 names */

static mt_status prepare_page(mt_transfer *t, mt_error *err)
{
    mt_s3_page *page = (mt_s3_page *)(void *)t;
    return mt_s3_prepare(page->store, "", page->query, page->n_query, NULL, t, page->url, page->scratch, err);
}

static mt_verdict judge_page(mt_transfer *t) { return mt_s3_judge(((mt_s3_page *)(void *)t)->store, t); }

void mt_s3_page_init(mt_s3_page *page, mt_s3_store *s, const char *prefix, const char *token, const char *most)
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
    page->query[2] = (mt_s3_pair) { "delimiter", "/" };
    page->query[3] = (mt_s3_pair) { "max-keys", most };
    page->n_query = 4;
    if (token)
        page->query[page->n_query++] = (mt_s3_pair) { "continuation-token", token };
    snprintf(page->name, sizeof page->name, "the listing of %s://%s/%.300s", s->scheme, s->bucket, prefix);
    mt_lock_take(&s->lock);
    snprintf(page->url, sizeof page->url, "%s", s->place.url); /* only the host matters: prepare writes the URL */
    mt_lock_give(&s->lock);
}

/* Reads one page and advances *token; NULL after the last page. */
static mt_status read_page(mt_s3_store *s, mt_s3_page *page, mt_s3_names *names, const char *prefix, const char **token,
                           mt_error *err)
{
    mt_env *env = s->web.base.env;
    const char *next = NULL;
    mt_transfer *t = &page->transfer;
    mt_s3_page_init(page, s, prefix, *token, "1000");
    mt_status st = mt_transfer_perform(env->http, t, 1, err);
    if (!st) {
        mt_store_count(&s->web.base, 1, t->n_read);
        if ((st = mt_s3_parse_page(names, t->out, t->n_read, prefix, &next, err)))
            mt_error_prefix(err, "%s", page->name);
        else if (next && *token && strcmp(next, *token) == 0)
            st = mt_fail(err, MT_E_CORRUPT, "%s never ends: the same page is repeated", page->name);
    }
    mt_release(env, t->out, t->capacity);
    *token = next;
    return st;
}

static mt_status read_pages(mt_s3_store *s, mt_s3_names *names, const char *prefix, size_t most, mt_error *err)
{
    void *page;
    const char *token = NULL;
    mt_status st = mt_alloc(s->web.base.env, sizeof(mt_s3_page), &page, err);
    if (st)
        return st;
    size_t n = 0;
    do
        st = read_page(s, page, names, prefix, &token, err);
    while (!st && token && ++n < most);
    if (!st && token && most == MAX_PAGES)
        st = mt_fail(err, MT_E_LIMIT, "the listing of %s has more than %d pages of 1000 names", prefix, MAX_PAGES);
    mt_release(s->web.base.env, page, sizeof(mt_s3_page));
    return st;
}

static mt_status visit_pages(mt_store *store, const char *prefix, size_t most, mt_store_visit visit, void *user,
                             mt_error *err)
{
    mt_s3_store *s = mt_s3_store_of(mt_web_of(store));
    mt_s3_names names = { 0 };
    mt_status st = mt_arena_new(store->env, &names.arena, err);
    if (st)
        return st;
    const char *full = mt_arena_printf(names.arena, err, "%s%s%s", s->root, prefix, *prefix ? "/" : "");
    st = full ? read_pages(s, &names, full, most, err) : MT_E_MEMORY;
    if (!st)
        mt_s3_sort_names(&names);
    for (size_t i = 0; !st && i < names.n; i++)
        st = visit(user, names.names[i], err);
    mt_arena_free(names.arena);
    return st;
}

mt_status mt_s3_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    return visit_pages(store, prefix, MAX_PAGES, visit, user, err);
}

mt_status mt_s3_sample(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    return visit_pages(store, prefix, 1, visit, user, err);
}
