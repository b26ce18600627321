/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/source.h"

#include "store/blocks.h"
#include "store/resolve.h"
#include "store/url.h"

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

static mt_status resolve(const mt_container *c, const char *path, mt_location *out, mt_error *err)
{
    const mt_source *source = &c->source;
    return (source->options->map ? mt_resolve_known : mt_resolve)(source->env, path, source->options->external_folder,
                                                                  c->arena, out, err);
}

/* Splits the text elsewhere until a path exists. If none does, the error is that of the first. */
static mt_status resolve_later(const mt_container *c, const char *text, const char **path, const char **part,
                               mt_location *out, mt_error *err)
{
    for (;;) {
        mt_error own = MT_ERROR_INIT;
        mt_status st = mt_path_split_later(text, c->arena, path, part, &own);
        if (st == MT_E_NOT_FOUND)
            return st;
        if (!st && (st = resolve(c, *path, out, &own)) == MT_E_NOT_FOUND)
            continue;
        *err = own;
        return st;
    }
}

static mt_status check_named_once(const char *path, const char *named, const char *asked, mt_error *err)
{
    return *named && asked
               ? mt_fail(err, MT_E_ARGUMENT, "%s#%s names a part, and so does the option: \"%s\"", path, named, asked)
               : MT_OK;
}

static mt_status find_path(mt_container *c, const char *text, mt_selection *part, mt_error *err)
{
    mt_source *source = &c->source;
    const char *path, *named, *shown, *asked = source->options->part;
    mt_location location = { 0 };
    mt_status st = mt_path_split(text, c->arena, &path, &named, err);
    if (!st && mt_is_url(path)) /* before any request */
        st = (shown = mt_url_show(c->arena, path, err)) ? check_named_once(shown, named, asked, err) : MT_E_MEMORY;
    if (!st && (st = resolve(c, path, &location, err)) == MT_E_NOT_FOUND)
        st = resolve_later(c, text, &path, &named, &location, err);
    if (st)
        return st;
    source->store = location.store;
    source->key = location.key;
    source->name = location.name;
    source->text = location.text;
    source->folder = location.folder;
    st = check_named_once(path, named, asked, err);
    return st ? st : mt_selection_parse(c->arena, asked ? asked : named, part, err);
}

/* Wraps the store in a cache of metadata (store/blocks.h). */
static mt_status put_blocks(mt_source *source, const mt_store_wrap *wrap, mt_error *err)
{
    mt_store *store = source->store;
    source->store = NULL;
    mt_status st = wrap && wrap->wrap ? wrap->wrap(wrap->user, &store, err) : MT_OK;
    return st ? st : mt_store_open_blocks(store, &source->store, err);
}

/* An arena fails for one of two reasons; the error has the status. */
static mt_status tell_limit(mt_status st, const mt_error *err)
{
    return st == MT_E_MEMORY && err->status == MT_E_LIMIT ? MT_E_LIMIT : st;
}

static mt_status finish(mt_container *c, mt_status st, mt_container **out, const mt_error *err)
{
    if (st)
        mt_container_close(c);
    else
        *out = c;
    return tell_limit(st, err);
}

mt_status mt_source_find(mt_env *env, const char *path, const mt_open_options *options, const mt_store_wrap *wrap,
                         mt_container **out, mt_selection *part, mt_error *err)
{
    mt_error own = MT_ERROR_INIT;
    mt_container *c;
    err = err ? err : &own;
    mt_status st = mt_container_new(env, options, &c, err);
    if (st)
        return tell_limit(st, err);
    st = find_path(c, path, part, err);
    if (!st)
        st = put_blocks(&c->source, wrap, err);
    return finish(c, st, out, err);
}

mt_status mt_source_find_memory(mt_env *env, const char *name, const void *bytes, size_t size,
                                const mt_open_options *options, mt_container **out, mt_selection *part, mt_error *err)
{
    mt_error own = MT_ERROR_INIT;
    mt_container *c;
    err = err ? err : &own;
    mt_status st = mt_container_new(env, options, &c, err);
    if (st)
        return tell_limit(st, err);
    mt_source *source = &c->source;
    st = mt_selection_parse(c->arena, options->part ? options->part : "", part, err);
    if (!st && !(source->key = mt_arena_strndup(c->arena, name, strlen(name), err)))
        st = MT_E_MEMORY;
    source->text = source->name = source->key;
    if (!st)
        st = mt_store_open_memory(env, name, bytes, size, &source->store, err);
    return finish(c, st, out, err);
}

mt_status mt_source_open(mt_container *container, const mt_selection *part, mt_error *err)
{
    mt_error own = MT_ERROR_INIT;
    err = err ? err : &own;
    mt_status st = container->source.folder ? MT_OK : read_head(&container->source, container->arena, err);
    if (st) /* the message must name the file */
        return tell_limit(st, err);
    st = mt_container_open(container, err);
    if (st)
        mt_error_prefix(err, "%s%s%s", container->source.text, *part->text ? "#" : "", part->text);
    return tell_limit(st, err);
}

typedef struct noting {
    mt_arena *arena;
    const char **names;
    size_t n, room;
} noting;

static mt_status note(void *user, const char *name, mt_error *err)
{
    noting *notes = user;
    const char **names = mt_arena_grow(notes->arena, notes->names, notes->n, &notes->room, 4, sizeof *names, err);
    char *copy = names ? mt_arena_strndup(notes->arena, name, strlen(name), err) : NULL;
    if (!copy)
        return err && err->status ? err->status : MT_E_MEMORY;
    notes->names = names;
    notes->names[notes->n++] = copy;
    return MT_OK;
}

mt_status mt_source_settle(mt_container *container, mt_error *err)
{
    mt_store *store = container->source.store;
    noting notes = { .arena = container->arena };
    bool in_memory = mt_blocks_inner(store) == store;
    container->all_documents = in_memory;
    mt_status st = in_memory ? note(&notes, container->source.key, err)
                             : mt_blocks_visit(store, note, &notes, &container->all_documents, err);
    container->documents = notes.names;
    container->n_documents = notes.n;
    mt_blocks_drop(store);
    return st;
}
