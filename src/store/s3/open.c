/* SPDX-License-Identifier: BSD-3-Clause */
/* s3:// and gs://: finds whether a URL is an object or a folder. A folder is a prefix of some object or, if listing is
 * not allowed, of the metadata of an array or group. */
#include "store/folder_kind.h"
#include "store/resolve.h"

#ifdef MT_WITH_S3

#include "store/s3/documents.h"
#include "store/s3/s3.h"
#include "store/url.h"

#include <string.h>

/* A URL in pieces, all in the arena. */
typedef struct parts {
    const char *scheme, *bucket;
    const char *full;   /* key in the bucket; "" for the bucket itself */
    const char *root;   /* root of the store: "" or ends with '/' */
    const char *key;    /* key below root */
    const char *name;   /* the last segment */
    bool folder;        /* the URL denotes a folder */
    bool may_be_object; /* folder is only a guess from the suffix */
} parts;

/* Sets the root requested by the caller: a folder of the bucket above the key. */
static mt_status take_above(const mt_resolver *resolver, parts *p, mt_error *err)
{
    const char *bucket, *above;
    mt_status st = mt_s3_split_url(resolver->arena, resolver->above, &bucket, &above, err);
    if (st)
        return st;
    size_t n = strlen(above);
    if (!mt_is_url(resolver->above) || strcmp(bucket, p->bucket) != 0 || strncmp(p->full, above, n) != 0 ||
        (n > 0 && p->full[n] != '/'))
        return mt_fail(err, MT_E_ARGUMENT, "external_folder \"%s\" is not at the start of the URL", resolver->above);
    p->key = p->full + n + (n > 0);
    return MT_OK;
}

static mt_status split(const mt_resolver *resolver, const char *scheme, parts *p, mt_error *err)
{
    mt_arena *arena = resolver->arena;
    const char *url = resolver->path;
    *p = (parts) { .scheme = scheme };
    mt_status st = mt_s3_split_url(arena, url, &p->bucket, &p->full, err);
    if (st || (st = mt_store_check_key(p->full, err)))
        return st;
    const char *slash = strrchr(p->full, '/');
    p->key = slash ? slash + 1 : p->full;
    p->name = *p->full ? p->key : p->bucket;
    if (resolver->above && *resolver->above && (st = take_above(resolver, p, err)))
        return st;
    p->root = mt_arena_strndup(arena, p->full, (size_t)(p->key - p->full), err);
    p->may_be_object = *p->full && url[strlen(url) - 1] != '/';
    p->folder = !p->may_be_object || mt_folder_is_named(resolver->env, p->full);
    return p->root ? MT_OK : MT_E_MEMORY;
}

/* Checks by listing that there are objects below the prefix; MT_E_NOT_FOUND if not. */
static mt_status ask_listing(mt_s3_store *s, mt_arena *arena, const char *prefix, mt_error *err)
{
    mt_env *env = s->web.base.env;
    mt_s3_names names = { .arena = arena };
    const char *next;
    void *memory;
    mt_status st = mt_alloc(env, sizeof(mt_s3_page), &memory, err);
    if (st)
        return st;
    mt_s3_page *page = memory;
    mt_transfer *t = &page->transfer;
    mt_s3_page_init(page, s, prefix, "/", NULL, "1");
    if (!(st = mt_transfer_perform(env->http, &t, 1, err))) {
        mt_store_count(&s->web.base, 1, t->n_read);
        if ((st = mt_s3_parse_page(&names, t->out, t->n_read, prefix, &next, err)))
            mt_error_prefix(err, "%s", page->name);
        else if (names.n == 0)
            st = mt_fail(err, MT_E_NOT_FOUND, "%s://%s/%s: there is no object and no folder", s->scheme, s->bucket,
                         prefix);
    }
    mt_release(env, t->out, t->capacity);
    mt_release(env, page, sizeof *page);
    return st;
}

static mt_status find_folder(mt_s3_store *s, mt_arena *arena, const parts *p, mt_error *err)
{
    mt_error why = MT_ERROR_INIT;
    const char *prefix = mt_arena_printf(arena, err, "%s%s", p->full, *p->full ? "/" : "");
    if (!prefix)
        return MT_E_MEMORY;
    mt_status st = ask_listing(s, arena, prefix, &why);
    if (!st || (s->was_forbidden && mt_folder_has_document(&s->web.base, arena, p->key)))
        return MT_OK;
    return mt_fail(err, st, "%s", why.message);
}

static mt_status find(mt_s3_store *s, mt_arena *arena, parts *p, mt_error *err)
{
    mt_error why = MT_ERROR_INIT;
    uint64_t size;
    if (p->folder) {
        mt_error own = MT_ERROR_INIT;
        mt_status found = find_folder(s, arena, p, &why);
        if (found != MT_E_NOT_FOUND || !p->may_be_object)
            return found ? mt_fail(err, found, "%s", why.message) : MT_OK;
        if ((found = mt_store_size(&s->web.base, p->key, &size, &own)))
            return mt_fail(err, found, "%s", found == MT_E_NOT_FOUND ? why.message : own.message);
        p->folder = false;
        return MT_OK;
    }
    mt_status st = mt_store_size(&s->web.base, p->key, &size, &why);
    if (!st)
        return MT_OK;
    bool certain = st == MT_E_NOT_FOUND;
    if (!certain && !s->was_forbidden)
        return mt_fail(err, st, "%s", why.message);
    p->folder = true;
    st = find_folder(s, arena, p, certain ? err : NULL);
    return st && !certain ? mt_fail(err, MT_E_IO, "%s", why.message) : st;
}

static mt_status open_url(const mt_resolver *resolver, const char *scheme, mt_location *out, mt_error *err)
{
    parts p;
    mt_s3_store *s;
    mt_arena *arena = resolver->arena;
    out->text = resolver->path;
    if (!resolver->env->http)
        return mt_fail(err, MT_E_ARGUMENT, "%s://: there is no context to open it in", scheme);
    mt_status st = split(resolver, scheme, &p, err);
    if (st)
        return st;
    out->text = mt_arena_printf(arena, err, "%s://%s%s%s", scheme, p.bucket, *p.full ? "/" : "", p.full);
    if (!out->text)
        return MT_E_MEMORY;
    if ((st = mt_s3_store_new(resolver->env, scheme, p.bucket, p.root, &s, err)))
        return st;
    out->store = &s->web.base;
    if (!resolver->is_known && (st = find(s, arena, &p, err)))
        return st;
    out->folder = p.folder;
    out->name = p.name;
    out->key = p.key;
    if (p.folder && (!resolver->above || !*resolver->above)) {
        out->key = "";
        return mt_s3_store_descend(s, p.full, err);
    }
    return MT_OK;
}

static mt_status open_s3(const mt_resolver *resolver, mt_location *out, mt_error *err)
{
    return open_url(resolver, "s3", out, err);
}

static mt_status open_gs(const mt_resolver *resolver, mt_location *out, mt_error *err)
{
    return open_url(resolver, "gs", out, err);
}

const mt_scheme mt_scheme_s3 = { .name = "s3", .open = open_s3 };
const mt_scheme mt_scheme_gs = { .name = "gs", .open = open_gs };

#else

static mt_status refuse(const mt_resolver *resolver, mt_location *out, mt_error *err)
{
    (void)resolver, (void)out;
    return mt_fail(err, MT_E_UNSUPPORTED, "s3:// and gs://: this build was made without MT_WITH_S3");
}

const mt_scheme mt_scheme_s3 = { .name = "s3", .open = refuse };
const mt_scheme mt_scheme_gs = { .name = "gs", .open = refuse };

#endif
