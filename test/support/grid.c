/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/grid.h"

#include <string.h>

static grid *grid_of(mt_store *store) { return (grid *)(void *)store; }

static mt_status get_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    (void)key, (void)err;
    *out = grid_of(store)->size;
    return MT_OK;
}

static mt_status read_ranges(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    grid *g = grid_of(store);
    for (size_t i = 0; i < n; i++) {
        const mt_range *r = &ranges[i];
        if (r->offset > g->size || r->size > g->size - r->offset)
            return mt_fail(err, MT_E_CORRUPT, "%s: too short", key);
        memcpy(r->out, g->bytes + r->offset, r->size);
        g->reads++;
    }
    return MT_OK;
}

static bool read_now(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_status *status,
                     mt_error *err)
{
    if (!store->costs.is_slow)
        *status = read_ranges(store, key, ranges, n, err);
    return !store->costs.is_slow;
}

static const uint8_t *view(mt_store *store, const char *key, uint64_t *size)
{
    (void)key;
    *size = grid_of(store)->size;
    return grid_of(store)->bytes;
}

static void close_nothing(mt_store *store) { (void)store; }

static const mt_store_ops ops = {
    .size = get_size, .read = read_ranges, .read_now = read_now, .view = view, .close = close_nothing
};

static mt_status locate_counted(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    grid *g = map->state;
    g->locates++;
    return g->locate(map, position, out, err);
}

void grid_open(grid *g, mt_context *context, int64_t across, int64_t side, const char *codec, const void *params,
               const mt_store_costs *costs, grid_locate locate)
{
    mt_error err = MT_ERROR_INIT;
    memset(g, 0, sizeof *g);
    g->store = (mt_store) { .ops = &ops, .env = &context->env, .url = (char *)(uintptr_t) "grid", .costs = *costs };
    g->locate = locate;
    check_ok(mt_chunk_map_new(&context->env, &g->store, "grid", &g->map, &err), &err);
    mt_chunk_map *map = g->map;
    map->ndim = 2;
    map->dtype = MT_UINT8;
    memcpy(map->axes, "YX", 3);
    for (int d = 0; d < 2; d++) {
        map->shape[d] = across * side;
        map->chunk_shape[d] = side;
    }
    mt_chunk_map_c_order(map);
    if (codec)
        check_ok(mt_chain_add(&map->chain, mt_codec_find(codec), params, &err), &err);
    map->locate = locate_counted;
    map->state = g;
    check_ok(mt_chunk_map_check(map, &err), &err);
    mt_image_init(&g->image, context, map, &g->store, "grid", NULL, NULL);
}

void grid_close(grid *g)
{
    mt_image_forget(&g->image);
    mt_chunk_map_free(g->map);
}

mt_read grid_read(grid *g, int64_t y, int64_t x, int64_t height, int64_t width, uint8_t *out)
{
    return (mt_read) { .image = &g->image,
                       .convert = { .from = MT_UINT8, .to = MT_UINT8 },
                       .out = out,
                       .start = { y, x },
                       .extent = { height, width },
                       .out_stride = { width, 1 } };
}
