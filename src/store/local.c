/* SPDX-License-Identifier: BSD-3-Clause */
/* Local paths and file:// URLs. */
#include "store/resolve.h"

#include "platform/file.h"
#include "store/url.h"

#include <string.h>

/* The path of a file:// URL without a host. Source: RFC 8089. */
static mt_status take_path(const mt_resolver *resolver, char **out, mt_error *err)
{
    const char *path = resolver->path;
    if (mt_is_url(path)) {
        path += strlen("file://");
        if (strncmp(path, "localhost/", 10) == 0)
            path += strlen("localhost");
        if (path[0] != '/')
            return mt_fail(err, MT_E_ARGUMENT, "%s: a file URL has three slashes: file:///folder/file", resolver->path);
        *out = mt_url_decode(resolver->arena, path, strlen(path), err);
    } else {
        *out = mt_arena_strndup(resolver->arena, path, strlen(path), err);
    }
    for (size_t n = *out ? strlen(*out) : 0; n > 1 && (*out)[n - 1] == '/'; n--)
        (*out)[n - 1] = 0;
    return *out ? MT_OK : mt_arena_failed(err);
}

/* Opens the store of a folder above the file; the key of the file is the rest of its path. */
static mt_status open_above(const mt_resolver *resolver, const char *path, mt_location *out, mt_error *err)
{
    size_t n = strlen(resolver->above);
    while (n > 1 && resolver->above[n - 1] == '/')
        n--;
    const char *folder = mt_arena_strndup(resolver->arena, resolver->above, n, err);
    if (!folder)
        return MT_E_MEMORY;
    bool here = n == 1 && folder[0] == '.' && path[0] != '/';
    if (!here && (strncmp(path, folder, n) != 0 || (folder[n - 1] != '/' && path[n] != '/')))
        return mt_fail(err, MT_E_ARGUMENT, "external_folder \"%s\" is not at the start of the path", folder);
    out->key = here ? path : path + n;
    out->key += strspn(out->key, "/");
    while (strncmp(out->key, "./", 2) == 0)
        out->key += 2;
    return mt_store_open_folder(resolver->env, folder, &out->store, err);
}

static mt_status open_path(const mt_resolver *resolver, mt_location *out, mt_error *err)
{
    char *path;
    mt_status st = take_path(resolver, &path, err);
    if (st)
        return st;
    mt_path_kind kind;
    if ((st = mt_path_find(path, &kind, err)))
        return st;
    const char *slash = strrchr(path, '/');
    out->name = slash && slash[1] ? slash + 1 : path;
    out->key = "";
    out->folder = kind == MT_PATH_FOLDER;
    if (out->folder)
        return mt_store_open_folder(resolver->env, path, &out->store, err);
    if (resolver->above && *resolver->above)
        return open_above(resolver, path, out, err);
    out->key = out->name;
    const char *folder = ".";
    if (slash)
        folder = slash == path ? "/" : mt_arena_strndup(resolver->arena, path, (size_t)(slash - path), err);
    return folder ? mt_store_open_folder(resolver->env, folder, &out->store, err) : MT_E_MEMORY;
}

const mt_scheme mt_scheme_file = { .name = "file", .open = open_path };
