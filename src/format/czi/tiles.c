/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds the tiles of a plane that intersect a box, with a grid of cells if there are many. */
#include "base/checked.h"
#include "format/czi/tiles.h"

#include <stdlib.h>
#include <string.h>

#define FEW_TILES 16

/* The cells that intersect a tile or a box of pixels: [low, high] along both axes. */
typedef struct cells {
    size_t x[2], y[2];
} cells;

static size_t cell_at(int64_t pixel, int64_t size, size_t count)
{
    int64_t cell = pixel < 0 ? 0 : pixel / size;
    return (uint64_t)cell < count ? (size_t)cell : count - 1;
}

static cells cells_of(const group *g, int64_t x, int64_t y, int64_t width, int64_t height)
{
    return (cells) { { cell_at(x, g->cell_width, g->columns), cell_at(x + width - 1, g->cell_width, g->columns) },
                     { cell_at(y, g->cell_height, g->rows), cell_at(y + height - 1, g->cell_height, g->rows) } };
}

static cells cells_of_tile(const czi_state *s, const group *g, const tile *t)
{
    return cells_of(g, t->x, t->y, s->kinds[t->kind]->width, s->kinds[t->kind]->height);
}

/* Counts the tiles of each cell or, if fill, writes the lists; the counts then become starts. */
static void fill_cells(const czi_state *s, group *g, bool fill)
{
    for (size_t i = g->n; i-- > 0;) {
        cells c = cells_of_tile(s, g, &s->tiles[g->first + i]);
        for (size_t y = c.y[0]; y <= c.y[1]; y++)
            for (size_t x = c.x[0]; x <= c.x[1]; x++) {
                uint32_t *cell = &g->cells[y * g->columns + x];
                if (fill)
                    g->lists[--*cell] = (uint32_t)i;
                else
                    ++*cell;
            }
    }
}

/* Makes about as many cells as tiles; none if the tiles overlap too much for a grid to help. */
static mt_status make_grid(const czi_state *s, mt_arena *arena, group *g, int64_t width, int64_t height, mt_error *err)
{
    size_t side = 1, total = 0;
    while (side * side < g->n)
        side++;
    group made = *g;
    made.cell_width = mt_max_i64(width / (int64_t)side + 1, 1);
    made.cell_height = mt_max_i64(height / (int64_t)side + 1, 1);
    made.columns = made.rows = side;
    for (size_t i = 0; i < g->n && total <= 8 * g->n; i++) {
        cells c = cells_of_tile(s, &made, &s->tiles[g->first + i]);
        total += (c.x[1] - c.x[0] + 1) * (c.y[1] - c.y[0] + 1);
    }
    if (total > 8 * g->n)
        return MT_OK;
    made.cells = mt_arena_alloc(arena, side * side + 1, sizeof *made.cells, err);
    made.lists = mt_arena_alloc(arena, total, sizeof *made.lists, err);
    if (!made.cells || !made.lists)
        return MT_E_MEMORY;
    fill_cells(s, &made, false);
    for (size_t i = 1; i <= side * side; i++)
        made.cells[i] += made.cells[i - 1];
    fill_cells(s, &made, true);
    *g = made;
    return MT_OK;
}

mt_status czi_make_groups(czi_state *s, mt_arena *arena, int64_t width, int64_t height, mt_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_tiles; i++)
        n += i == 0 || s->tiles[i].plane != s->tiles[i - 1].plane;
    s->groups = mt_arena_alloc(arena, n, sizeof *s->groups, err);
    if (!s->groups)
        return MT_E_MEMORY;
    for (size_t i = 0; i < s->n_tiles; i++) {
        if (i == 0 || s->tiles[i].plane != s->tiles[i - 1].plane)
            s->groups[s->n_groups++] = (group) { .plane = s->tiles[i].plane, .first = i };
        s->groups[s->n_groups - 1].n++;
    }
    mt_status st = MT_OK;
    for (size_t i = 0; i < s->n_groups && !st; i++)
        if (s->groups[i].n > FEW_TILES)
            st = make_grid(s, arena, &s->groups[i], width, height, err);
    return st;
}

static const group *find_group(const czi_state *s, uint32_t plane)
{
    size_t low = 0, high = s->n_groups;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->groups[middle].plane < plane)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->n_groups && s->groups[low].plane == plane ? &s->groups[low] : NULL;
}

/* A search in a plane. */
typedef struct look {
    const czi_state *state;
    int64_t x[2], y[2];
    mt_visit_box visit;
    void *user;
} look;

static bool meets(const look *l, const tile *t)
{
    const kind *k = l->state->kinds[t->kind];
    return t->x < l->x[1] && (int64_t)t->x + k->width > l->x[0] && t->y < l->y[1] &&
           (int64_t)t->y + k->height > l->y[0];
}

/* Visits the rectangles of a tile that intersect the search box. */
static mt_status visit_visible(const look *l, size_t i, mt_error *err)
{
    const tile *t = &l->state->tiles[i];
    czi_visible visible;
    mt_status st = czi_find_visible(l->state, i, &visible, err);
    if (st)
        return st;
    for (size_t k = 0; k < visible.n && !st; k++) {
        const czi_rectangle *r = &visible.rectangles[k];
        if ((int64_t)t->x + r->low[0] < l->x[1] && (int64_t)t->x + r->high[0] > l->x[0] &&
            (int64_t)t->y + r->low[1] < l->y[1] && (int64_t)t->y + r->high[1] > l->y[0])
            st = l->visit(l->user, (uint64_t)i << CZI_MASK_BITS | k, err);
    }
    czi_release_visible(l->state, &visible);
    return st;
}

static mt_status visit_tile(const look *l, size_t i, mt_error *err)
{
    return l->state->mask_owner ? visit_visible(l, i, err) : l->visit(l->user, i, err);
}

static mt_status visit_few(const look *l, const group *g, mt_error *err)
{
    mt_status st = MT_OK;
    for (size_t i = g->first; i < g->first + g->n && !st; i++)
        if (meets(l, &l->state->tiles[i]))
            st = visit_tile(l, i, err);
    return st;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* A tile may be listed in several cells: it is taken from the first one visited. */
static size_t collect(const look *l, const group *g, uint32_t *out)
{
    cells at = cells_of(g, l->x[0], l->y[0], l->x[1] - l->x[0], l->y[1] - l->y[0]);
    size_t n = 0;
    for (size_t y = at.y[0]; y <= at.y[1]; y++)
        for (size_t x = at.x[0]; x <= at.x[1]; x++)
            for (uint32_t i = g->cells[y * g->columns + x]; i < g->cells[y * g->columns + x + 1]; i++) {
                const tile *t = &l->state->tiles[g->first + g->lists[i]];
                cells own = cells_of_tile(l->state, g, t);
                bool is_first =
                    x == (own.x[0] > at.x[0] ? own.x[0] : at.x[0]) && y == (own.y[0] > at.y[0] ? own.y[0] : at.y[0]);
                if (is_first && meets(l, t))
                    out[n++] = g->lists[i];
            }
    return n;
}

static mt_status visit_many(const look *l, const group *g, mt_error *err)
{
    mt_env *env = l->state->files->file[0].env;
    void *memory;
    mt_status st = mt_alloc(env, g->n * sizeof(uint32_t), &memory, err);
    if (st)
        return st;
    uint32_t *found = memory;
    size_t n = collect(l, g, found);
    qsort(found, n, sizeof *found, compare_numbers);
    for (size_t i = 0; i < n && !st; i++)
        st = visit_tile(l, g->first + found[i], err);
    mt_release(env, memory, g->n * sizeof(uint32_t));
    return st;
}

mt_status czi_find_boxes(const mt_chunk_map *map, const int64_t *low, const int64_t *high, mt_visit_box visit,
                         void *user, mt_error *err)
{
    const czi_state *s = map->state;
    int n = s->n_axes;
    look l = { s, { low[n + 1], high[n + 1] }, { low[n], high[n] }, visit, user };
    int64_t at[MT_MAX_DIMS];
    memcpy(at, low, sizeof at);
    mt_status st = MT_OK;
    do {
        const group *g = find_group(s, (uint32_t)mt_position_number(n, map->shape, at));
        if (g)
            st = g->columns ? visit_many(&l, g, err) : visit_few(&l, g, err);
    } while (!st && mt_position_next(n, low, high, at));
    return st;
}

/* Restricts a box to a rectangle of its tile. */
static void show_rectangle(const czi_rectangle *r, int y, mt_shown *shown)
{
    for (int i = 0; i < 2; i++) {
        int d = y + 1 - i; /* of X, of Y */
        shown->low[d] = r->low[i];
        shown->place.start[d] += r->low[i];
        shown->place.extent[d] = (int64_t)r->high[i] - r->low[i];
    }
}

mt_status czi_get_box(const mt_chunk_map *map, uint64_t id, mt_shown *shown, mt_error *err)
{
    const czi_state *s = map->state;
    mt_box *out = &shown->place;
    shown->chunk = s->mask_owner ? id >> CZI_MASK_BITS : id;
    const tile *t = &s->tiles[shown->chunk];
    uint64_t plane = t->plane;
    int n = s->n_axes;
    for (int d = n - 1; d >= 0; d--) {
        out->start[d] = (int64_t)(plane % (uint64_t)map->shape[d]);
        out->extent[d] = 1;
        plane /= (uint64_t)map->shape[d];
    }
    out->start[n] = t->y;
    out->extent[n] = s->kinds[t->kind]->height;
    out->start[n + 1] = t->x;
    out->extent[n + 1] = s->kinds[t->kind]->width;
    if (map->ndim > n + 2) {
        out->start[n + 2] = 0;
        out->extent[n + 2] = s->type->samples;
    }
    memset(shown->low, 0, sizeof shown->low);
    memcpy(shown->whole, out->extent, sizeof shown->whole);
    if (!s->mask_owner)
        return MT_OK;
    czi_visible visible;
    mt_status st = czi_find_visible(s, (size_t)shown->chunk, &visible, err);
    if (st)
        return st;
    size_t k = id & (CZI_MAX_RECTANGLES - 1);
    if (k < visible.n)
        show_rectangle(&visible.rectangles[k], n, shown);
    czi_release_visible(s, &visible);
    return k < visible.n
               ? MT_OK
               : mt_fail(err, MT_E_CORRUPT, "the mask of tile %llu has changed", (unsigned long long)shown->chunk);
}
