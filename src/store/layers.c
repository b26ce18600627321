/* SPDX-License-Identifier: BSD-3-Clause */
/* Resolves paths inside archives and compressed files. */
#include "store/resolve.h"

#include "store/zip.h"
#include "store/zip/zip.h"

#include <string.h>

static char *copy_text(const mt_resolver *resolver, const char *text, size_t n, mt_error *err)
{
    return mt_arena_strndup(resolver->arena, text, n, err);
}

/* The name of a file without its last suffix. */
static char *without_suffix(const mt_resolver *resolver, const char *name, mt_error *err)
{
    const char *dot = strrchr(name, '.');
    return copy_text(resolver, name, dot && !strchr(dot, '/') ? (size_t)(dot - name) : strlen(name), err);
}

static bool is_inside(const zip_directory *d, const char *key) { return zip_find(d, key) || zip_has_folder(d, key); }

/* Whether the top folder has a child of its own name. */
static bool has_namesake(const zip_directory *d, const char *top, size_t n)
{
    bool found = false;
    for (size_t i = 0; i < d->n && !found; i++) {
        zip_record r = zip_get_record(d, &d->members[i]);
        size_t end = 2 * n + 1;
        found = r.name_size >= end && (r.name_size == end || r.name[end] == '/') && memcmp(r.name + n + 1, top, n) == 0;
    }
    return found;
}

/* Resolves a path in an archive to a member or folder; "" to the only top folder, if there is one, so that paths may
 * also begin below it. */
static mt_status find_inside(const mt_resolver *resolver, const zip_directory *d, const char *inside, mt_location *out,
                             mt_error *err)
{
    size_t n;
    const char *top = NULL, *slash = strrchr(inside, '/');
    if (*inside) {
        bool is_found = is_inside(d, inside);
        top = is_found ? NULL : zip_top_folder(d, &n);
        out->key = top ? mt_arena_printf(resolver->arena, err, "%.*s/%s", (int)n, top, inside)
                       : copy_text(resolver, inside, strlen(inside), err);
        if (out->key && !is_found && !(top && is_inside(d, out->key)))
            return mt_fail(err, MT_E_NOT_FOUND, "%s: no member or folder \"%s\"", out->text, inside);
        out->name = copy_text(resolver, slash ? slash + 1 : inside, strlen(slash ? slash + 1 : inside), err);
    } else if ((top = zip_top_folder(d, &n))) {
        out->key = out->name = copy_text(resolver, top, n, err);
        out->names_top = out->key && has_namesake(d, top, n);
    } else {
        out->key = "";
        out->name = without_suffix(resolver, out->name, err);
    }
    out->folder = out->key && !zip_find(d, out->key);
    return out->key && out->name ? MT_OK : MT_E_MEMORY;
}

static mt_status open_zip(const mt_resolver *resolver, mt_location *location, const char *inside, mt_error *err)
{
    mt_store *zip;
    mt_status st = mt_store_open_zip(resolver->env, location->store, location->key, &zip, err);
    if (st)
        return st;
    location->store = zip;
    return find_inside(resolver, &((zip_store *)(void *)zip)->directory, inside, location, err);
}

static mt_status open_gzip(const mt_resolver *resolver, mt_location *location, const char *inside, mt_error *err)
{
    mt_store *gzip;
    const char *key = without_suffix(resolver, location->key, err),
               *name = without_suffix(resolver, location->name, err);
    if (*inside)
        return mt_fail(err, MT_E_NOT_FOUND, "%s: one compressed file, without \"%s\" in it", location->text, inside);
    if (!key || !name)
        return MT_E_MEMORY;
    mt_status st = mt_store_open_gzip(resolver->env, location->store, location->key, key, &gzip, err);
    if (st)
        return st;
    location->store = gzip;
    location->key = key;
    location->name = name;
    return MT_OK;
}

const mt_layer mt_layer_zip = { .suffixes = "zip,ozx", .open = open_zip };
const mt_layer mt_layer_gzip = { .suffixes = "gz", .open = open_gzip };
