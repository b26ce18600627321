/* SPDX-License-Identifier: BSD-3-Clause */
/* A gzip object, presented decoded beside the other objects of its store. */
#include "store/zip.h"

#include "store/inflate.h"

#include <string.h>

typedef struct gzip_store {
    mt_store base;
    mt_store *outer;
    char *packed, *key; /* key of the gzip object; key of the decoded object */
    mt_inflated *inflated;
} gzip_store;

static gzip_store *gzip_of(mt_store *store) { return (gzip_store *)(void *)store; }
static bool is_own(const gzip_store *g, const char *key) { return strcmp(g->key, key) == 0; }

static mt_status fail_in(const gzip_store *g, mt_status st, mt_error *err)
{
    if (st)
        mt_error_prefix(err, "%s: gzip", g->packed);
    return st;
}

static mt_status gzip_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    gzip_store *g = gzip_of(store);
    if (!is_own(g, key))
        return mt_store_size(g->outer, key, out, err);
    return fail_in(g, mt_inflated_size(g->inflated, out, err), err);
}

static mt_status gzip_read(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    gzip_store *g = gzip_of(store);
    if (!is_own(g, key))
        return mt_store_read(g->outer, key, ranges, n, err);
    mt_status st = MT_OK;
    for (size_t i = 0; !st && i < n; i++)
        st = mt_inflated_read(g->inflated, ranges[i].offset, ranges[i].out, ranges[i].size, err);
    return fail_in(g, st, err);
}

static bool gzip_read_now(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_status *st,
                          mt_error *err)
{
    gzip_store *g = gzip_of(store);
    if (!is_own(g, key))
        return mt_store_read_now(g->outer, key, ranges, n, st, err);
    bool now = true;
    for (size_t i = 0; now && i < n; i++)
        now = mt_inflated_try(g->inflated, ranges[i].offset, ranges[i].out, ranges[i].size);
    return now;
}

static mt_status gzip_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    return mt_store_list(gzip_of(store)->outer, prefix, visit, user, err);
}

/* The identity of the packed object: decoded bytes change only with it. */
static mt_status gzip_identify(mt_store *store, const char *key, mt_identity *out, mt_error *err)
{
    gzip_store *g = gzip_of(store);
    return mt_store_identify(g->outer, is_own(g, key) ? g->packed : key, out, err);
}

static void gzip_forget(mt_store *store, const char *key, uint64_t offset, uint64_t size)
{
    gzip_store *g = gzip_of(store);
    if (is_own(g, key))
        mt_inflated_forget(g->inflated);
    else
        mt_store_forget(g->outer, key, offset, size);
}

/* Frees a partly made store, but not the outer one. */
static void free_gzip(gzip_store *g)
{
    mt_env *env = g->base.env;
    char *texts[] = { g->packed, g->key, g->base.url };
    mt_inflated_free(g->inflated);
    for (int i = 0; i < 3; i++)
        if (texts[i])
            mt_release(env, texts[i], strlen(texts[i]) + 1);
    mt_release(env, g, sizeof *g);
}

static void gzip_close(mt_store *store)
{
    mt_store *outer = gzip_of(store)->outer;
    free_gzip(gzip_of(store));
    mt_store_close(outer);
}

static const mt_store_ops gzip_ops = { .size = gzip_size,
                                       .read = gzip_read,
                                       .read_now = gzip_read_now,
                                       .list = gzip_list,
                                       .identify = gzip_identify,
                                       .forget = gzip_forget,
                                       .close = gzip_close };

mt_status mt_store_open_gzip(mt_env *env, mt_store *outer, const char *packed, const char *key, mt_store **out,
                             mt_error *err)
{
    void *memory;
    mt_deflated source = { .store = outer, .gzip = true };
    mt_status st = mt_store_size(outer, packed, &source.size, err);
    if (st || (st = mt_alloc(env, sizeof(gzip_store), &memory, err)))
        return st;
    gzip_store *g = memset(memory, 0, sizeof(gzip_store));
    g->base = (mt_store) { .ops = &gzip_ops, .env = env, .costs = outer->costs, .is_front = true };
    mt_inflate_costs(&g->base.costs);
    g->outer = outer;
    if (!(st = mt_copy_text(env, packed, &g->packed, err)) && !(st = mt_copy_text(env, key, &g->key, err)) &&
        !(st = mt_copy_text(env, outer->url, &g->base.url, err))) {
        source.key = g->packed;
        st = mt_inflated_new(env, &source, &g->inflated, err);
    }
    if (st)
        free_gzip(g);
    else
        *out = &g->base;
    return st;
}
