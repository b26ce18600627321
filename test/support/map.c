/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/map.h"

#include <stdlib.h>
#include <string.h>

void close_map(opened_map *o)
{
    mt_chunk_map_free(o->map);
    mt_context_free(o->context);
}

mt_status open_container(const char *format, mt_store *store, const char *key, const char *name,
                         const mt_open_options *given, mt_container **out, mt_error *err)
{
    mt_open_options options = { .struct_size = sizeof options };
    mt_error own = MT_ERROR_INIT;
    uint64_t size;
    if (given)
        options = *given;
    options.format = format;
    check_ok(mt_container_new(store->env, &options, out, &own), &own);
    mt_container *c = *out;
    mt_source *source = &c->source;
    source->store = store;
    source->key = mt_arena_strndup(c->arena, key, strlen(key), &own);
    source->text = source->name = mt_arena_strndup(c->arena, name, strlen(name), &own);
    source->folder = *key == 0;
    if (!source->folder) {
        check_ok(mt_store_size(store, key, &size, &own), &own);
        source->head_size = size < 4096 ? (size_t)size : 4096;
        uint8_t *head = mt_arena_alloc(c->arena, source->head_size, 1, &own);
        check_ok(mt_store_read_at(store, key, 0, head, source->head_size, &own), &own);
        source->head = head;
    }
    mt_status st = mt_container_open(c, err);
    if (st)
        mt_container_close(c);
    return st;
}

mt_status map_part(mt_container *container, const char *text, mt_chunk_map **out, mt_error *err)
{
    mt_arena *arena;
    mt_selection part;
    mt_error own = MT_ERROR_INIT;
    check_ok(mt_arena_new(container->source.env, &arena, &own), &own);
    check_ok(mt_selection_parse(arena, text, &part, &own), &own);
    mt_status st = mt_container_map(container, &part, out, err);
    mt_arena_free(arena);
    return st;
}

mt_status open_map(const char *format, const char *folder, const char *name, const char *part, opened_map *o,
                   mt_error *err)
{
    mt_error own = MT_ERROR_INIT;
    mt_container *container;
    *o = (opened_map) { 0 };
    check_ok(mt_context_new(NULL, &o->context, &own), &own);
    check_ok(mt_store_open_folder(&o->context->env, folder, &o->store, &own), &own);
    mt_status st = open_container(format, o->store, name, name, NULL, &container, err);
    if (st)
        return st;
    st = map_part(container, part, &o->map, err);
    mt_container_close(container);
    return st;
}

mt_status read_box(opened_map *o, const int64_t *start, const int64_t *extent, uint8_t **out, size_t *size,
                   mt_error *err)
{
    const mt_chunk_map *map = o->map;
    mt_image image;
    mt_image_init(&image, o->context, map, o->store, "test", NULL, NULL);
    mt_read read = { .image = &image, .convert = { .from = map->dtype, .to = map->dtype, .swap = map->swap } };
    int64_t stride = (int64_t)mt_dtype_size(map->dtype);
    for (int d = map->ndim - 1; d >= 0; d--) {
        read.start[d] = start[d];
        read.extent[d] = extent[d];
        read.out_stride[d] = stride;
        stride *= extent[d];
    }
    *size = (size_t)stride;
    read.out = *out = malloc(*size + 1);
    mt_status st = mt_engine_read(o->context, &read, 1, NULL, err);
    mt_image_forget(&image);
    return st;
}

mt_status read_map(opened_map *o, uint8_t **out, size_t *size, mt_error *err)
{
    static const int64_t origin[MT_MAX_DIMS] = { 0 };
    return read_box(o, origin, o->map->shape, out, size, err);
}
