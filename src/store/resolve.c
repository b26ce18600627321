/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/resolve.h"

#include "platform/file.h"
#include "store/disk_cache.h"

#include <stdio.h>
#include <string.h>

#define MOST_LAYERS 4 /* nested archives */

static const mt_scheme *const schemes[] = { &mt_scheme_file, &mt_scheme_http, &mt_scheme_https, &mt_scheme_s3,
                                            &mt_scheme_gs };
static const mt_layer *const layers[] = { &mt_layer_zip, &mt_layer_gzip, NULL };

static char to_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static bool is_letter(char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }

/* Length of the scheme before "://"; 0 for a path. Source: RFC 3986, 3.1. */
static size_t scheme_length(const char *text)
{
    size_t n = 0;
    while (is_letter(text[n]) || (n > 0 && text[n] && strchr("0123456789+-.", text[n])))
        n++;
    return n > 1 && strncmp(text + n, "://", 3) == 0 ? n : 0;
}

bool mt_is_url(const char *text) { return scheme_length(text) > 0; }

/* Whether the first n letters of a equal b, ignoring the case of a. */
static bool is_word(const char *a, size_t n, const char *b)
{
    size_t i = 0;
    while (i < n && b[i] && to_lower(a[i]) == b[i])
        i++;
    return i == n && b[i] == 0;
}

static const mt_scheme *find_scheme(const char *path, mt_error *err)
{
    size_t n = scheme_length(path);
    if (n == 0)
        return &mt_scheme_file;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (is_word(path, n, schemes[i]->name))
            return schemes[i];
    mt_fail(err, MT_E_UNSUPPORTED, "%.*s:// is not supported; file, http, https, s3 and gs are", (int)(n < 32 ? n : 32),
            path);
    return NULL;
}

/* Finds the last '#' after an existing path, as parts may contain '#', too; else the last of all. */
static mt_status find_mark(const char *text, mt_arena *arena, const char **out, mt_error *err)
{
    const char *last = strrchr(text, '#');
    *out = last;
    for (const char *mark = last; mark;) {
        char *left = mt_arena_strndup(arena, text, (size_t)(mark - text), err);
        if (!left)
            return MT_E_MEMORY;
        if (mt_path_get_kind(left) != MT_PATH_NONE) {
            *out = mark;
            return MT_OK;
        }
        mark = strrchr(left, '#');
        mark = mark ? text + (mark - left) : NULL;
    }
    return MT_OK;
}

/* The layer of a name of n bytes, by its suffix. */
static const mt_layer *find_layer(const char *name, size_t n)
{
    for (size_t i = 0; layers[i]; i++)
        for (const char *s = layers[i]->suffixes; *s; s += strspn(s, ",")) {
            size_t length = strcspn(s, ",");
            if (n > length + 1 && name[n - length - 1] == '.') {
                size_t k = 0;
                while (k < length && to_lower(name[n - length + k]) == s[k])
                    k++;
                if (k == length)
                    return layers[i];
            }
            s += length;
        }
    return NULL;
}

/* Whether the first n bytes of a path are a local file. */
static bool is_file(const char *path, size_t n)
{
    char whole[4096];
    return snprintf(whole, sizeof whole, "%.*s", (int)n, path) == (int)n && mt_path_get_kind(whole) == MT_PATH_FILE;
}

/* The length of a path up to the end of its first segment that names an archive; 0 if there is none. local: folders
 * with such a name are not archives. */
static size_t find_archive(const char *path, bool local, const mt_layer **layer)
{
    size_t start = scheme_length(path);
    start = start ? start + strlen("://") : 0;
    size_t end = start + strcspn(path + start, "?");
    for (size_t from = start; from < end;) {
        size_t n = strcspn(path + from, "/?");
        *layer = find_layer(path + from, n);
        if (*layer && (!local || is_file(path, from + n)))
            return from + n;
        from += n + 1;
    }
    return 0;
}

static mt_status split_at(const char *text, const char *mark, mt_arena *arena, const char **path, const char **part,
                          mt_error *err)
{
    *part = mark ? mark + 1 : "";
    *path = mt_arena_strndup(arena, text, mark ? (size_t)(mark - text) : strlen(text), err);
    return *path ? MT_OK : MT_E_MEMORY;
}

/* The first '#' after the name of a local archive; NULL if the text names no path inside one. */
static const char *find_inner_mark(const char *text)
{
    const mt_layer *layer;
    size_t n = mt_is_url(text) ? 0 : find_archive(text, true, &layer);
    return n > 0 ? strchr(text + n, '#') : NULL;
}

mt_status mt_path_split(const char *text, mt_arena *arena, const char **path, const char **part, mt_error *err)
{
    const char *mark = strchr(text, '#'), *inner = mark ? find_inner_mark(text) : NULL;
    mt_status st = MT_OK;
    if (inner)
        mark = inner;
    else if (mark && !mt_is_url(text) && mt_path_get_kind(text) != MT_PATH_NONE)
        mark = NULL;
    else if (mark && !mt_is_url(text))
        st = find_mark(text, arena, &mark, err);
    return st ? st : split_at(text, mark, arena, path, part, err);
}

mt_status mt_path_split_later(const char *text, mt_arena *arena, const char **path, const char **part, mt_error *err)
{
    size_t n = strlen(*path);
    if (text[n] == 0 || !find_inner_mark(text))
        return MT_E_NOT_FOUND;
    return split_at(text, strchr(text + n + 1, '#'), arena, path, part, err);
}

/* Opens the path inside the archive at out, including nested archives. */
static mt_status open_layers(const mt_resolver *resolver, const mt_layer *layer, const char *inside, mt_location *out,
                             mt_error *err)
{
    for (int depth = 0; layer; depth++) {
        if (depth == MOST_LAYERS)
            return mt_fail(err, MT_E_LIMIT, "%s: more than %d archives in one another", out->text, MOST_LAYERS);
        const mt_layer *next = NULL;
        size_t n = find_archive(inside, false, &next);
        const char *here = n ? mt_arena_strndup(resolver->arena, inside, n, err) : inside;
        if (!here)
            return MT_E_MEMORY;
        mt_status st = layer->open(resolver, out, here, err);
        if (st)
            return st;
        inside += n ? n + strspn(inside + n, "/") : 0;
        layer = next;
    }
    return MT_OK;
}

/* Splits a path into that of the archive, with the query of a URL, and the path inside. */
static mt_status split_archive(mt_arena *arena, const char *path, size_t n, const char **outer, const char **inside,
                               mt_error *err)
{
    const char *query = mt_is_url(path) ? strchr(path, '?') : NULL;
    const char *end = query ? query : path + strlen(path);
    const char *from = path + n + strspn(path + n, "/");
    *outer = mt_arena_printf(arena, err, "%.*s%s", (int)n, path, query ? query : "");
    while (end > from && end[-1] == '/')
        end--;
    *inside = mt_arena_strndup(arena, from, end > from ? (size_t)(end - from) : 0, err);
    return *outer && *inside ? MT_OK : MT_E_MEMORY;
}

static mt_status resolve(mt_resolver resolver, mt_location *out, mt_error *err)
{
    mt_env *env = resolver.env;
    mt_arena *arena = resolver.arena;
    const char *path = resolver.path;
    *out = (mt_location) { .text = path };
    const char *inside = "";
    const mt_layer *layer = NULL;
    const mt_scheme *scheme = find_scheme(path, err);
    if (!scheme)
        return MT_E_UNSUPPORTED;
    mt_status st = MT_OK;
    size_t n = find_archive(path, !mt_is_url(path), &layer);
    if (n > 0)
        st = split_archive(arena, path, n, &resolver.path, &inside, err);
    out->text = resolver.path;
    if (!st)
        st = scheme->open(&resolver, out, err);
    if (!st && env->disk_cache && out->store->costs.is_slow && out->store->ops->identify && scheme != &mt_scheme_file)
        st = mt_disk_cache_wrap(env->disk_cache, out->store, &out->store, err);
    if (!st && n > 0) {
        const char *text = out->text;
        st = open_layers(&resolver, layer, inside, out, err);
        const char *top = !st && out->names_top ? out->key : "";
        if (*inside || *top)
            text = mt_arena_printf(arena, err, "%s%s%s%s%s", text, *inside ? "/" : "", inside, *top ? "/" : "", top);
        out->text = text;
        if (!st && !out->text)
            st = MT_E_MEMORY;
    }
    if (st) {
        mt_store_close(out->store);
        out->store = NULL;
    }
    return st;
}

mt_status mt_resolve(mt_env *env, const char *path, const char *above, mt_arena *arena, mt_location *out, mt_error *err)
{
    return resolve((mt_resolver) { env, arena, path, above, false }, out, err);
}

mt_status mt_resolve_known(mt_env *env, const char *path, const char *above, mt_arena *arena, mt_location *out,
                           mt_error *err)
{
    return resolve((mt_resolver) { env, arena, path, above, true }, out, err);
}
