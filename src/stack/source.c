/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/source.h"

#include "platform/file.h"
#include "store/blocks.h"

#include <string.h>

#define HEAD_BYTES 4096

static mt_status read_head(mt_source *source, mt_arena *arena, mt_error *err)
{
    uint64_t size;
    mt_status st = mt_store_size(source->store, source->key, &size, err);
    if (st)
        return st;
    source->head_size = size < HEAD_BYTES ? (size_t)size : HEAD_BYTES;
    uint8_t *head = mt_arena_alloc(arena, source->head_size, 1, err);
    if (!head)
        return MT_E_MEMORY;
    source->head = head;
    return mt_store_read_at(source->store, source->key, 0, head, source->head_size, err);
}

/* Splits "path#part" at the last '#', unless the whole is there as it stands. */
static mt_status split_path(const char *text, const mt_open_options *options, mt_arena *arena, char **path,
                            mt_selection *selection, mt_error *err)
{
    const char *part = "", *mark = strrchr(text, '#');
    size_t length = strlen(text);
    if (mark && mt_path_get_kind(text) == MT_PATH_NONE) {
        if (options->part)
            return mt_fail(err, MT_E_ARGUMENT, "%s names a part, and so does the option: \"%s\"", text, options->part);
        length = (size_t)(mark - text);
        part = mark + 1;
    }
    while (length > 1 && text[length - 1] == '/')
        length--;
    *path = mt_arena_strndup(arena, text, length, err);
    if (!*path)
        return MT_E_MEMORY;
    return mt_selection_parse(arena, options->part ? options->part : part, selection, err);
}

/* The store of a folder above the file: the file's key is what of its path comes behind. */
static mt_status open_above(mt_source *source, const char *path, const char *above, mt_arena *arena, mt_error *err)
{
    size_t n = strlen(above);
    while (n > 1 && above[n - 1] == '/')
        n--;
    const char *folder = mt_arena_strndup(arena, above, n, err);
    if (!folder)
        return MT_E_MEMORY;
    bool here = n == 1 && folder[0] == '.' && path[0] != '/';
    if (!here && (strncmp(path, folder, n) != 0 || (folder[n - 1] != '/' && path[n] != '/')))
        return mt_fail(err, MT_E_ARGUMENT, "external_folder \"%s\" is not at the start of the path", folder);
    source->key = here ? path : path + n;
    source->key += strspn(source->key, "/");
    while (strncmp(source->key, "./", 2) == 0)
        source->key += 2;
    return mt_store_open_folder(source->env, folder, &source->store, err);
}

static mt_status open_store(mt_source *source, const char *path, mt_arena *arena, mt_error *err)
{
    const char *slash = strrchr(path, '/'), *above = source->options->external_folder;
    source->name = slash && slash[1] ? slash + 1 : path;
    source->key = "";
    if (mt_path_get_kind(path) == MT_PATH_FOLDER) {
        source->folder = true;
        return mt_store_open_folder(source->env, path, &source->store, err);
    }
    if (above && *above)
        return open_above(source, path, above, arena, err);
    source->key = source->name;
    const char *folder = ".";
    if (slash)
        folder = slash == path ? "/" : mt_arena_strndup(arena, path, (size_t)(slash - path), err);
    if (!folder)
        return MT_E_MEMORY;
    return mt_store_open_folder(source->env, folder, &source->store, err);
}

/* Puts what remembers metadata in front of the store. */
static mt_status put_blocks(mt_source *source, const mt_store_wrap *wrap, mt_error *err)
{
    mt_store *store = source->store;
    source->store = NULL;
    mt_status st = wrap && wrap->wrap ? wrap->wrap(wrap->user, &store, err) : MT_OK;
    return st ? st : mt_store_open_blocks(store, &source->store, err);
}

mt_status mt_source_open(mt_env *env, const char *text, const mt_open_options *options, mt_arena *arena,
                         const mt_store_wrap *wrap, mt_source *out, mt_error *err)
{
    char *path;
    *out = (mt_source) { .env = env, .options = options };
    mt_status st = split_path(text, options, arena, &path, &out->selection, err);
    if (st)
        return st;
    if (mt_path_get_kind(path) == MT_PATH_NONE)
        return mt_fail(err, MT_E_NOT_FOUND, "%s: no such file or folder", path);
    if ((st = open_store(out, path, arena, err)) || (st = put_blocks(out, wrap, err)))
        return st;
    return out->folder || options->map ? MT_OK : read_head(out, arena, err); /* a saved map has parsed it */
}

mt_status mt_source_from_memory(mt_env *env, const char *name, const void *bytes, size_t size,
                                const mt_open_options *options, mt_arena *arena, mt_source *out, mt_error *err)
{
    *out = (mt_source) { .env = env, .options = options };
    mt_status st = mt_selection_parse(arena, options->part ? options->part : "", &out->selection, err);
    if (st)
        return st;
    out->name = out->key = mt_arena_strndup(arena, name, strlen(name), err);
    if (!out->key)
        return MT_E_MEMORY;
    if ((st = mt_store_open_memory(env, name, bytes, size, &out->store, err)))
        return st;
    return read_head(out, arena, err);
}

void mt_source_close(mt_source *source)
{
    mt_store_close(source->store);
    source->store = NULL;
}
