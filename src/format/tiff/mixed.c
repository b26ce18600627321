/* SPDX-License-Identifier: BSD-3-Clause */
/* Images whose pages differ in tiling or compression: their chunks are boxes, each decoded by the chain of its kind. */
#include "base/checked.h"
#include "format/tiff/map.h"

#include <string.h>

#define MAX_KINDS 64

static mt_status no_memory(const mt_error *err) { return err && err->status ? err->status : MT_E_MEMORY; }

static mt_status add_kind(mt_arena *arena, tiff_kinds *kinds, const tiff_page *page, uint64_t plane, mt_error *err)
{
    tiff_page *pages = mt_arena_grow(arena, kinds->pages, kinds->n, &kinds->page_room, 2, sizeof *pages, err);
    uint64_t *first =
        pages ? mt_arena_grow(arena, kinds->first, kinds->n, &kinds->first_room, 2, sizeof *first, err) : NULL;
    if (!first)
        return no_memory(err);
    kinds->pages = pages;
    kinds->first = first;
    pages[kinds->n] = *page;
    first[kinds->n++] = plane;
    return MT_OK;
}

/* Starts the list of kinds of a series whose planes were alike so far. */
static mt_status start_kinds(mt_arena *arena, tiff_series *series, uint64_t planes, mt_error *err)
{
    tiff_kinds *kinds = mt_arena_alloc(arena, 1, sizeof *kinds, err);
    if (!kinds || !(kinds->of = mt_arena_alloc(arena, (size_t)planes + 1, 1, err)))
        return no_memory(err);
    kinds->of_room = (size_t)planes + 1;
    mt_status st = add_kind(arena, kinds, &series->page, 0, err);
    if (!st)
        series->kinds = kinds;
    return st;
}

mt_status tiff_take_plane(tiff_images *images, tiff_series *series, uint64_t plane, const tiff_page *page, bool *fits,
                          mt_error *err)
{
    bool same = tiff_same_page(page, &series->page);
    *fits = same || tiff_alike(page, &series->page);
    if (!*fits || (same && !series->kinds))
        return MT_OK;
    *fits = tiff_can_decode(page) && tiff_can_decode(&series->page);
    mt_status st = *fits && !series->kinds ? start_kinds(images->arena, series, plane, err) : MT_OK;
    if (st || !*fits)
        return st;
    tiff_kinds *kinds = series->kinds;
    size_t kind = 0;
    while (kind < kinds->n && !tiff_same_page(page, &kinds->pages[kind]))
        kind++;
    *fits = kind < MAX_KINDS;
    if (!*fits)
        return MT_OK;
    if (kind == kinds->n && (st = add_kind(images->arena, kinds, page, plane, err)))
        return st;
    uint8_t *of = mt_arena_grow(images->arena, kinds->of, (size_t)plane, &kinds->of_room, 1, 1, err);
    if (!of)
        return no_memory(err);
    kinds->of = of;
    of[plane] = (uint8_t)kind;
    return MT_OK;
}

/* The grid of the chunks of a page. */
typedef struct page_grid {
    int64_t planes, rows, columns; /* of chunks */
} page_grid;

static int64_t divide_up(int64_t a, int64_t b) { return a / b + (a % b != 0); }

static page_grid get_grid(const tiff_page *page)
{
    return (page_grid) { .planes = page->planar ? page->samples : 1,
                         .rows = divide_up(page->height, page->chunk_height),
                         .columns = divide_up(page->width, page->chunk_width) };
}

/* The dimensions after the leading ones: planes, of pages that are planar; rows and columns; samples, -1: none. */
typedef struct page_dims {
    int planes, rows, columns, samples;
} page_dims;

static page_dims get_dims(const mt_chunk_map *map)
{
    const tiff_state *s = map->state;
    const tiff_page *page = &s->kinds[0].page;
    page_dims dims = { .planes = s->leading, .rows = s->leading + page->planar, .samples = -1 };
    dims.columns = (int)(strchr(map->axes + dims.rows, 'X') - map->axes);
    if (page->samples > 1 && !page->planar)
        dims.samples = dims.columns + 1;
    return dims;
}

static mt_status visit_page(const mt_chunk_map *map, uint64_t plane, const int64_t *low, const int64_t *high,
                            mt_visit_box visit, void *user, mt_error *err)
{
    const tiff_state *s = map->state;
    const tiff_page *page = &tiff_kind_of(s, plane)->page;
    const page_dims dims = get_dims(map);
    const page_grid grid = get_grid(page);
    int64_t first_plane = page->planar ? low[dims.planes] : 0, end_plane = page->planar ? high[dims.planes] : 1;
    mt_status st = MT_OK;
    int64_t y0 = low[dims.rows] / page->chunk_height, y1 = divide_up(high[dims.rows], page->chunk_height);
    int64_t x0 = low[dims.columns] / page->chunk_width, x1 = divide_up(high[dims.columns], page->chunk_width);
    for (int64_t p = first_plane; p < end_plane && !st; p++)
        for (int64_t y = y0; y < y1 && !st; y++)
            for (int64_t x = x0; x < x1 && !st; x++)
                st = visit(user, s->first_chunk[plane] + (uint64_t)((p * grid.rows + y) * grid.columns + x), err);
    return st;
}

static mt_status find_boxes(const mt_chunk_map *map, const int64_t *low, const int64_t *high, mt_visit_box visit,
                            void *user, mt_error *err)
{
    const tiff_state *s = map->state;
    int64_t at[MT_MAX_DIMS];
    memcpy(at, low, sizeof at[0] * (size_t)map->ndim);
    for (int d = 0; d < map->ndim; d++)
        if (low[d] >= high[d])
            return MT_OK;
    mt_status st;
    do
        st = visit_page(map, mt_position_number(s->leading, map->shape, at), low, high, visit, user, err);
    while (!st && mt_position_next(s->leading, low, high, at));
    return st;
}

/* The plane of a chunk, and the number of the chunk in the plane. */
static uint64_t find_plane(const tiff_state *s, uint64_t id, uint64_t *chunk)
{
    uint64_t low = 0, high = s->n_planes;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (s->first_chunk[middle] <= id)
            low = middle;
        else
            high = middle;
    }
    *chunk = id - s->first_chunk[low];
    return low;
}

static void set_extent(mt_shown *out, int d, int64_t start, int64_t extent)
{
    out->place.start[d] = start;
    out->place.extent[d] = out->whole[d] = extent;
}

static mt_status get_box(const mt_chunk_map *map, uint64_t id, mt_shown *out, mt_error *err)
{
    (void)err;
    const tiff_state *s = map->state;
    uint64_t chunk, plane = find_plane(s, id, &chunk);
    const tiff_page *page = &tiff_kind_of(s, plane)->page;
    const page_dims dims = get_dims(map);
    const page_grid grid = get_grid(page);
    int64_t column = (int64_t)chunk % grid.columns, row = (int64_t)chunk / grid.columns % grid.rows;
    int64_t y = row * page->chunk_height, left = page->height - y;
    memset(out, 0, sizeof *out);
    out->chunk = id;
    for (int d = 0; d < map->ndim; d++)
        set_extent(out, d, 0, 1);
    for (int d = s->leading - 1; d >= 0; d--) {
        out->place.start[d] = (int64_t)(plane % (uint64_t)map->shape[d]);
        plane /= (uint64_t)map->shape[d];
    }
    if (page->planar)
        out->place.start[dims.planes] = (int64_t)chunk / grid.columns / grid.rows;
    /* the last strip has only the remaining rows; tiles are always whole */
    set_extent(out, dims.rows, y, page->tiled ? page->chunk_height : mt_min_i64(page->chunk_height, left));
    set_extent(out, dims.columns, column * page->chunk_width, page->chunk_width);
    if (dims.samples >= 0)
        set_extent(out, dims.samples, 0, page->samples);
    return MT_OK;
}

static mt_status locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    const tiff_state *s = map->state;
    uint64_t chunk, plane = find_plane(s, (uint64_t)position[0], &chunk);
    out->chain = &tiff_kind_of(s, plane)->chain;
    return tiff_locate(map, plane, chunk, out, err);
}

static mt_status count_chunks(mt_chunk_map *map, mt_error *err)
{
    tiff_state *s = map->state;
    uint64_t *first = mt_arena_alloc(map->arena, (size_t)s->n_planes + 1, sizeof *first, err);
    int64_t n = 0;
    if (!first)
        return no_memory(err);
    for (uint64_t i = 0; i < s->n_planes; i++) {
        first[i] = (uint64_t)n;
        if (mt_add_i64(n, tiff_page_chunks(&tiff_kind_of(s, i)->page), &n))
            return mt_fail(err, MT_E_CORRUPT, "more than 2^63 strips and tiles");
    }
    first[s->n_planes] = (uint64_t)n;
    s->first_chunk = first;
    return MT_OK;
}

/* Uses one byte order for all chunks: native if the kinds differ. */
static mt_status unify_orders(mt_chunk_map *map, mt_error *err)
{
    tiff_state *s = map->state;
    size_t swapped = 0;
    for (size_t i = 0; i < s->n_kinds; i++)
        swapped += s->kinds[i].swap;
    map->swap = swapped == s->n_kinds;
    if (swapped == 0 || map->swap)
        return MT_OK;
    mt_element_params *params = mt_arena_alloc(map->arena, 1, sizeof *params, err);
    if (!params)
        return no_memory(err);
    params->element_size = mt_dtype_size(map->dtype);
    for (size_t i = 0; i < s->n_kinds; i++) {
        tiff_kind *kind = &s->kinds[i];
        mt_chain chain = { 0 };
        mt_status st = kind->swap ? mt_chain_add(&chain, mt_codec_find("byteswap"), params, err) : MT_OK;
        for (int k = 0; !st && k < kind->chain.n_steps; k++)
            st = mt_chain_add(&chain, kind->chain.steps[k].codec, kind->chain.steps[k].params, err);
        if (st)
            return st;
        kind->chain = chain;
    }
    return MT_OK;
}

mt_status tiff_mix_kinds(mt_chunk_map *map, mt_error *err)
{
    tiff_state *s = map->state;
    const page_dims dims = get_dims(map);
    mt_status st = count_chunks(map, err);
    if (st || (st = unify_orders(map, err)))
        return st;
    for (size_t i = 0; i < s->n_kinds; i++) {
        const tiff_kind *kind = &s->kinds[i];
        int64_t *shape = map->chunk_shape;
        shape[dims.rows] = mt_max_i64(shape[dims.rows], kind->page.chunk_height);
        shape[dims.columns] = mt_max_i64(shape[dims.columns], kind->page.chunk_width);
        if (i == 0 || kind->chain.n_steps > map->chain.n_steps)
            map->chain = kind->chain; /* reported to users */
    }
    mt_chunk_map_c_order(map);
    map->locate = locate;
    map->find_boxes = find_boxes;
    map->get_box = get_box;
    return MT_OK;
}
