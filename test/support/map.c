/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/map.h"

#include <stdlib.h>

void close_map(opened_map *o)
{
    mt_chunk_map_free(o->map);
    mt_store_close(o->store);
    mt_context_free(o->context);
}

mt_status open_map(const char *format, const char *folder, const char *name, const char *part, opened_map *o,
                   mt_error *err)
{
    static const mt_open_options options = { .struct_size = sizeof options };
    mt_error own = MT_ERROR_INIT;
    mt_arena *arena;
    *o = (opened_map) { 0 };
    check_ok(mt_context_new(NULL, &o->context, &own), &own);
    check_ok(mt_store_open_folder(&o->context->env, folder, &o->store, &own), &own);
    check_ok(mt_arena_new(&o->context->env, &arena, &own), &own);
    uint8_t head[4096];
    uint64_t size;
    check_ok(mt_store_size(o->store, name, &size, &own), &own);
    mt_source source = { .env = &o->context->env, .store = o->store, .key = name, .name = name, .options = &options };
    source.head = head;
    source.head_size = size < sizeof head ? (size_t)size : sizeof head;
    check_ok(mt_store_read_at(o->store, name, 0, head, source.head_size, &own), &own);
    check_ok(mt_selection_parse(arena, part, &source.selection, &own), &own);
    mt_status st = mt_format_find(format)->open(&source, &o->map, err);
    if (!st)
        st = mt_chunk_map_check(o->map, err);
    mt_arena_free(arena);
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
