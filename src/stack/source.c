/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/source.h"

#include "store/resolve.h"

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

mt_status mt_source_open(mt_env *env, const char *text, const mt_open_options *options, mt_arena *arena, mt_source *out,
                         mt_error *err)
{
    const char *path, *part;
    mt_location location;
    *out = (mt_source) { .env = env, .options = options };
    mt_status st = mt_path_split(text, arena, &path, &part, err);
    if (!st && *part && options->part)
        st = mt_fail(err, MT_E_ARGUMENT, "%s names a part, and so does the option: \"%s\"", text, options->part);
    if (!st)
        st = mt_selection_parse(arena, options->part ? options->part : part, &out->selection, err);
    if (!st)
        st = mt_resolve(env, path, options->external_folder, arena, &location, err);
    if (st)
        return st;
    out->store = location.store;
    out->key = location.key;
    out->name = location.name;
    out->text = location.text;
    out->folder = location.folder;
    return out->folder ? MT_OK : read_head(out, arena, err);
}

mt_status mt_source_from_memory(mt_env *env, const char *name, const void *bytes, size_t size,
                                const mt_open_options *options, mt_arena *arena, mt_source *out, mt_error *err)
{
    *out = (mt_source) { .env = env, .options = options };
    mt_status st = mt_selection_parse(arena, options->part ? options->part : "", &out->selection, err);
    if (st)
        return st;
    out->text = out->name = out->key = mt_arena_strndup(arena, name, strlen(name), err);
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
