/* SPDX-License-Identifier: BSD-3-Clause */
#include "format/container.h"

#include <string.h>

static mt_status copy_text(mt_arena *arena, const char **text, mt_error *err)
{
    if (!*text)
        return MT_OK;
    *text = mt_arena_strndup(arena, *text, strlen(*text), err);
    return *text ? MT_OK : MT_E_MEMORY;
}

/* Maps may be made after the caller's options are gone. */
static mt_status copy_options(mt_arena *arena, const mt_open_options *given, const mt_open_options **out, mt_error *err)
{
    mt_open_options *o = mt_arena_alloc(arena, 1, sizeof *o, err);
    if (!o)
        return MT_E_MEMORY;
    *o = *given;
    *out = o;
    const char **texts[] = { &o->axes, &o->part, &o->format, &o->external_folder, &o->depth_axis, &o->map };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (copy_text(arena, texts[i], err))
            return MT_E_MEMORY;
    o->raw_shape = NULL;
    if (!given->raw_shape || given->raw_ndim < 1 || given->raw_ndim > MT_MAX_DIMS)
        return MT_OK; /* format "raw" refuses it */
    int64_t *shape = mt_arena_alloc(arena, (size_t)given->raw_ndim, sizeof *shape, err);
    if (!shape)
        return MT_E_MEMORY;
    memcpy(shape, given->raw_shape, (size_t)given->raw_ndim * sizeof *shape);
    o->raw_shape = shape;
    return MT_OK;
}

mt_status mt_container_new(mt_env *env, const mt_open_options *options, mt_container **out, mt_error *err)
{
    mt_arena *arena;
    mt_status st = mt_arena_new(env, &arena, err);
    if (st)
        return st;
    mt_container *c = mt_arena_alloc(arena, 1, sizeof *c, err);
    if (!c || copy_options(arena, options, &c->source.options, err)) {
        mt_arena_free(arena);
        return MT_E_MEMORY;
    }
    c->arena = arena;
    c->source.env = env;
    c->owners = 1;
    *out = c;
    return MT_OK;
}

mt_container *mt_container_retain(mt_container *container)
{
    atomic_fetch_add(&container->owners, 1);
    return container;
}

void mt_container_close(mt_container *container)
{
    if (!container || atomic_fetch_sub(&container->owners, 1) != 1)
        return;
    if (container->format && container->format->close)
        container->format->close(container);
    mt_store_close(container->source.store);
    mt_arena_free(container->arena);
}

/* Prefixes the message with the name of the format; the caller will prefix the path of the file. NULL from an arena may mean two failures: the error holds which. */
static mt_status name_format(const mt_container *container, mt_status st, mt_error *err)
{
    if (st) {
        mt_error_omit(err, container->source.key);
        mt_error_prefix(err, "%s", container->format->name);
    }
    return st == MT_E_MEMORY && err && err->status == MT_E_LIMIT ? MT_E_LIMIT : st;
}

mt_status mt_container_open(mt_container *container, mt_error *err)
{
    mt_status st = mt_format_probe(&container->source, &container->format, err);
    if (st || !container->format->open)
        return st;
    return name_format(container, container->format->open(container, err), err);
}

static mt_status fill_map(const mt_container *c, const mt_selection *part, mt_chunk_map *map, mt_error *err)
{
    bool names_part = *part->path || part->series > 0 || part->level > 0;
    if (!c->format->list && names_part)
        return mt_fail(err, MT_E_NOT_FOUND, "there is no part \"%s\": the file holds one image, without levels",
                       part->text);
    mt_status st = c->format->map(c, part, map, err);
    if (!st)
        st = mt_chunk_map_check(map, err);
    if (!st && !map->part && !(map->part = mt_arena_strndup(map->arena, part->text, strlen(part->text), err)))
        st = MT_E_MEMORY;
    return st;
}

mt_status mt_container_map(mt_container *container, const mt_selection *part, mt_chunk_map **out, mt_error *err)
{
    mt_chunk_map *map;
    mt_status st = mt_chunk_map_new(container->source.env, container->source.store, container->format->name, &map, err);
    if (st)
        return st;
    map->container = mt_container_retain(container);
    st = name_format(container, fill_map(container, part, map, err), err);
    if (st)
        mt_chunk_map_free(map);
    else
        *out = map;
    return st;
}

mt_status mt_container_list(const mt_container *container, const mt_selection *below, mt_names *out, mt_error *err)
{
    if (!container->format->list)
        return mt_names_add(out, below->text, err);
    return name_format(container, container->format->list(container, below, out, err), err);
}

mt_status mt_container_attachments(const mt_container *container, mt_names *out, mt_error *err)
{
    if (!container->format->attachments)
        return MT_OK;
    return name_format(container, container->format->attachments(container, out, err), err);
}

mt_status mt_container_members(const mt_container *container, mt_names *out, mt_error *err)
{
    if (!container->format->members)
        return MT_OK;
    return name_format(container, container->format->members(container, out, err), err);
}
