/* SPDX-License-Identifier: BSD-3-Clause */
/* http:// and https:// */
#include "store/folder_kind.h"
#include "store/resolve.h"

#ifdef MT_WITH_HTTP

#include "store/files.h"
#include "store/http/web.h"
#include "store/url.h"

#include <stdio.h>
#include <string.h>

typedef struct http_store {
    mt_web web;
    char *root;       /* URL of the folder, without a '/' at its end, or "scheme://host" */
    char *query;      /* "?..." of the URL that was opened, sent with each request; "" */
    char *key, *path; /* key and path: the object at exactly this URL, as encoded by the caller; NULL: none */
} http_store;

static const http_store *store_of(const mt_web *web) { return (const http_store *)(const void *)web; }

static mt_status address(mt_web *web, const char *key, char *url, char *name, mt_error *err)
{
    const http_store *s = store_of(web);
    char encoded[MT_URL_BYTES];
    int n = 0;
    bool fits = mt_url_encode(key, encoded, sizeof encoded);
    if (s->key && strcmp(s->key, key) == 0)
        n = snprintf(url, MT_URL_BYTES, "%s%s", s->path, s->query);
    else if (fits)
        n = snprintf(url, MT_URL_BYTES, "%s%s%s%s", s->root, *key ? "/" : "", encoded, s->query);
    if ((size_t)n >= MT_URL_BYTES || !fits)
        return mt_fail(err, MT_E_ARGUMENT, "%s/%.100s...: the URL is too long", web->base.url, key);
    snprintf(name, MT_URL_BYTES, "%s%s%s", web->base.url, *key ? "/" : "", key);
    return MT_OK;
}

static void free_text(mt_env *env, char *text)
{
    if (text)
        mt_release(env, text, strlen(text) + 1);
}

static void free_store(http_store *s, mt_env *env)
{
    free_text(env, s->root);
    free_text(env, s->query);
    free_text(env, s->key);
    free_text(env, s->path);
    mt_release(env, s, sizeof *s);
}

static void close_web(mt_web *web)
{
    mt_env *env = web->base.env;
    mt_web_destroy(web);
    free_store((http_store *)(void *)web, env);
}

static const mt_web_ops http_ops = { .address = address, .follow = true, .close = close_web };

/* A URL in pieces, all in the arena. */
typedef struct parts {
    const char *root;  /* root of the store */
    const char *query; /* with its '?', or "" */
    const char *key;   /* "" for the root itself */
    const char *path;  /* the URL of key, without query */
    const char *name;
    bool folder; /* the URL ends with '/' */
} parts;

static mt_status open_store(mt_env *env, const parts *p, mt_store **out, mt_error *err)
{
    void *memory;
    char *url = NULL;
    mt_status st = mt_alloc(env, sizeof(http_store), &memory, err);
    if (st)
        return st;
    http_store *s = memset(memory, 0, sizeof(http_store));
    if ((st = mt_copy_text(env, p->root, &url, err)) || (st = mt_copy_text(env, p->root, &s->root, err)) ||
        (st = mt_copy_text(env, p->query, &s->query, err)) ||
        (*p->key &&
         ((st = mt_copy_text(env, p->key, &s->key, err)) || (st = mt_copy_text(env, p->path, &s->path, err)))) ||
        (st = mt_web_init(&s->web, env, &http_ops, url, err))) {
        free_text(env, url);
        free_store(s, env);
        return st;
    }
    s->web.base.place = *p->query ? mt_key_hash(p->query) : 0;
    *out = &s->web.base;
    return MT_OK;
}

/* Scheme and host in lower case. */
static char *normalize(const mt_resolver *resolver, mt_error *err)
{
    char *url = mt_arena_strndup(resolver->arena, resolver->path, strlen(resolver->path), err);
    size_t n = url ? strcspn(strstr(url, "://") + 3, "/?") + (size_t)(strstr(url, "://") + 3 - url) : 0;
    for (size_t i = 0; i < n; i++)
        if (url[i] >= 'A' && url[i] <= 'Z')
            url[i] = (char)(url[i] - 'A' + 'a');
    return url;
}

static size_t count_slashes(const char *text)
{
    size_t n = 0;
    for (; (text = strchr(text, '/')); text++)
        n++;
    return n;
}

/* The key of a URL path, decoded unless the result is not a valid key, or has other parts; NULL: out of memory. */
static const char *decode_key(mt_arena *arena, const char *text, mt_error *err)
{
    const char *key = mt_url_decode(arena, text, strlen(text), NULL);
    bool other = key && (count_slashes(key) != count_slashes(text) || mt_store_check_key(key, NULL));
    return key && !other ? key : mt_arena_strndup(arena, text, strlen(text), err);
}

/* The part of path after the root given by the caller; NULL if it does not start with that. */
static const char *after_root(const char *path, const char *root)
{
    size_t n = strlen(root);
    while (n > 0 && root[n - 1] == '/')
        n--;
    return strncmp(path, root, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

static mt_status split(const mt_resolver *resolver, parts *p, mt_error *err)
{
    mt_arena *arena = resolver->arena;
    mt_status st = mt_url_check_user(resolver->path, err);
    char *url = st ? NULL : normalize(resolver, err);
    if (!url)
        return st ? st : MT_E_MEMORY;
    char *host = strstr(url, "://") + 3, *query = strchr(host, '?');
    p->query = query ? mt_arena_strndup(arena, query, strlen(query), err) : "";
    if (query)
        *query = 0;
    if (*host == 0 || *host == '/' || *host == ':')
        return mt_fail(err, MT_E_ARGUMENT, "%s: there is no host", url);
    if (strchr(url, ' '))
        return mt_fail(err, MT_E_ARGUMENT, "%s: a space is %%20 in a URL", url);
    if (p->query && strcmp(p->query, "?...") == 0)
        return mt_fail(err, MT_E_ARGUMENT,
                       "%s: the query was left out when the URL was shown or pickled, as it may be secret: "
                       "open the full URL",
                       url);
    size_t n = strlen(url);
    p->folder = !strchr(host, '/') || url[n - 1] == '/';
    while (url[n - 1] == '/') /* stops at the host, which has no slash */
        url[--n] = 0;
    const char *slash = strrchr(host, '/'), *key = slash ? slash + 1 : "";
    if (resolver->above && *resolver->above && !(key = after_root(url, resolver->above))) {
        const char *above = mt_url_show(arena, resolver->above, err);
        return above ? mt_fail(err, MT_E_ARGUMENT, "external_folder \"%s\" is not at the start of the URL", above)
                     : MT_E_MEMORY;
    }
    p->path = url;
    p->name = slash ? decode_key(arena, slash + 1, err) : host;
    p->key = decode_key(arena, key, err);
    p->root = *key ? mt_arena_strndup(arena, url, n - strlen(key) - 1, err) : url;
    return p->query && p->name && p->key && p->root ? MT_OK : MT_E_MEMORY;
}

/* Makes the parts those of the folder itself. */
static void go_below(parts *p)
{
    p->root = p->path;
    p->key = "";
    p->folder = true;
}

/* Whether an object of so many bytes is an HTML page, the answer of web servers for a folder. */
static bool is_page(mt_store *store, const char *key, uint64_t size)
{
    char head[64] = "";
    size_t n = size < sizeof head - 1 ? (size_t)size : sizeof head - 1;
    if (mt_store_read_at(store, key, 0, head, n, NULL))
        return false;
    const char *at = head + strspn(head, " \t\r\n");
    for (char *c = head; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return strncmp(at, "<!doctype html", 14) == 0 || strncmp(at, "<html", 5) == 0;
}

/* Whether the URL is the folder of an image. */
static bool has_metadata(mt_env *env, mt_arena *arena, const parts *p)
{
    parts below = *p;
    mt_store *store;
    go_below(&below);
    if (open_store(env, &below, &store, NULL))
        return false;
    bool found = mt_folder_has_document(store, arena, "");
    mt_store_close(store);
    return found;
}

static mt_status open_url(const mt_resolver *resolver, mt_location *out, mt_error *err)
{
    parts p;
    uint64_t size;
    out->text = mt_url_show(resolver->arena, resolver->path, err);
    mt_status st = out->text ? split(resolver, &p, err) : MT_E_MEMORY;
    if (st)
        return st;
    if (p.folder || mt_folder_is_named(resolver->env, p.path))
        go_below(&p);
    if ((st = open_store(resolver->env, &p, &out->store, err)))
        return st;
    if (!p.folder && !resolver->is_known) {
        mt_error why = MT_ERROR_INIT;
        st = mt_store_size(out->store, p.key, &size, &why);
        bool other = st ? atomic_load(&mt_web_of(out->store)->answered) : is_page(out->store, p.key, size);
        if (other && has_metadata(resolver->env, resolver->arena, &p)) {
            mt_store_close(out->store);
            out->store = NULL;
            go_below(&p);
            st = open_store(resolver->env, &p, &out->store, err);
        } else if (st) {
            return mt_fail(err, st, "%s", why.message);
        }
    }
    out->key = p.key;
    out->name = p.name;
    out->folder = p.folder;
    return st;
}

const mt_scheme mt_scheme_http = { .name = "http", .open = open_url };
const mt_scheme mt_scheme_https = { .name = "https", .open = open_url };

#else

static mt_status refuse(const mt_resolver *resolver, mt_location *out, mt_error *err)
{
    (void)resolver, (void)out;
    return mt_fail(err, MT_E_UNSUPPORTED, "http:// and https://: this build was made without MT_WITH_HTTP");
}

const mt_scheme mt_scheme_http = { .name = "http", .open = refuse };
const mt_scheme mt_scheme_https = { .name = "https", .open = refuse };

#endif
