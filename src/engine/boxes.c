/* SPDX-License-Identifier: BSD-3-Clause */
/* Plans reads of an image of boxes in paint order. Boxes are taken from top to bottom, and each is cut out of the
 * uncovered rest of the read. So each pixel is copied once, and hidden boxes are never decoded. */
#include "base/checked.h"
#include "engine/plan.h"

#include <string.h>

/* Limit for comparisons of a box with a piece. Only crafted files need more. */
#define MAX_STEPS (UINT64_C(1) << 31)

typedef struct covering {
    mt_env *env;
    int ndim;
    uint64_t *ids; /* boxes, bottom first */
    size_t n_ids, id_room, most_ids;
    bool too_many;
    mt_box *left; /* pieces not yet covered by a box */
    size_t n_left, left_room;
    uint64_t steps;
} covering;

static mt_status reserve(mt_env *env, void **array, size_t n, size_t *room, size_t size, mt_error *err)
{
    if (n < *room)
        return MT_OK;
    size_t more = *room ? 2 * *room : 16;
    void *moved = mt_resize(env, *array, *room * size, more * size);
    if (!moved)
        return mt_fail(err, MT_E_MEMORY, "out of memory for %zu boxes", more);
    *array = moved;
    *room = more;
    return MT_OK;
}

static mt_status add_id(void *user, uint64_t id, mt_error *err)
{
    covering *c = user;
    void *array = c->ids;
    c->too_many = c->n_ids == c->most_ids;
    if (c->too_many)
        return MT_E_LIMIT;
    mt_status st = reserve(c->env, &array, c->n_ids, &c->id_room, sizeof *c->ids, err);
    if (st)
        return st;
    c->ids = array;
    c->ids[c->n_ids++] = id;
    return MT_OK;
}

static mt_status add_left(covering *c, const mt_box *box, mt_error *err)
{
    void *array = c->left;
    mt_status st = reserve(c->env, &array, c->n_left, &c->left_room, sizeof *c->left, err);
    if (st)
        return st;
    c->left = array;
    c->left[c->n_left++] = *box;
    return MT_OK;
}

static bool intersect(int ndim, const mt_box *a, const mt_box *b, mt_box *out)
{
    for (int d = 0; d < ndim; d++) {
        int64_t from = mt_max_i64(a->start[d], b->start[d]);
        int64_t to = mt_min_i64(a->start[d] + a->extent[d], b->start[d] + b->extent[d]);
        if (from >= to)
            return false;
        out->start[d] = from;
        out->extent[d] = to - from;
    }
    return true;
}

/* Adds the rest of a piece around a part of it: the slabs before and after the part along each dimension. */
static mt_status add_rest(covering *c, mt_box piece, const mt_box *part, mt_error *err)
{
    for (int d = 0; d < c->ndim; d++) {
        mt_box rest = piece;
        int64_t part_end = part->start[d] + part->extent[d], end = piece.start[d] + piece.extent[d];
        rest.extent[d] = part->start[d] - piece.start[d];
        mt_status st = rest.extent[d] > 0 ? add_left(c, &rest, err) : MT_OK;
        rest.start[d] = part_end;
        rest.extent[d] = end - part_end;
        if (!st && rest.extent[d] > 0)
            st = add_left(c, &rest, err);
        if (st)
            return st;
        piece.start[d] = part->start[d];
        piece.extent[d] = part->extent[d];
    }
    return MT_OK;
}

static mt_status cover(covering *c, mt_plan *plan, const mt_use *use, uint32_t i, uint64_t id, mt_error *err)
{
    const mt_chunk_map *map = use->image->map;
    mt_shown box = { 0 }, part;
    mt_status st = map->get_box(map, id, &box, err);
    c->steps += c->n_left;
    if (!st && c->steps > MAX_STEPS)
        return mt_fail(err, MT_E_LIMIT, "too many boxes overlap");
    part = box;
    for (size_t k = c->n_left; !st && k-- > 0;) { /* added pieces do not overlap the box */
        mt_box piece = c->left[k];
        if (!intersect(c->ndim, &piece, &box.place, &part.place))
            continue;
        c->left[k] = c->left[--c->n_left];
        for (int d = 0; d < c->ndim; d++)
            part.low[d] = box.low[d] + part.place.start[d] - box.place.start[d];
        if (!(st = mt_plan_add_part(plan, use, i, &part, err)))
            st = add_rest(c, piece, &part.place, err);
    }
    return st;
}

static mt_status cover_all(covering *c, mt_plan *plan, const mt_use *use, uint32_t i, mt_error *err)
{
    mt_status st = MT_OK;
    mt_shown nothing = { .chunk = MT_NOTHING };
    for (size_t k = c->n_ids; !st && k-- > 0 && c->n_left > 0;)
        st = cover(c, plan, use, i, c->ids[k], err);
    for (size_t k = 0; !st && k < c->n_left; k++) {
        nothing.place = c->left[k];
        memcpy(nothing.whole, nothing.place.extent, sizeof nothing.whole);
        st = mt_plan_add_part(plan, use, i, &nothing, err);
    }
    return st;
}

mt_status mt_plan_add_boxes(mt_plan *plan, const mt_use *use, const mt_read *read, uint32_t i, const int64_t *low,
                            const int64_t *high, bool *too_many, mt_error *err)
{
    const mt_chunk_map *map = read->image->map;
    covering c = { .env = plan->env, .ndim = map->ndim, .most_ids = SIZE_MAX };
    mt_box whole;
    int64_t end[MT_MAX_DIMS];
    uint64_t bytes = read->image->element_size;
    for (int d = 0; d < map->ndim; d++) {
        whole.start[d] = read->start[d] + low[d];
        whole.extent[d] = high[d] - low[d];
        end[d] = whole.start[d] + whole.extent[d];
        bytes *= (uint64_t)whole.extent[d];
        if (whole.extent[d] > 1)
            c.most_ids = MT_PLAN_BOXES;
    }
    mt_status st = add_left(&c, &whole, err);
    if (!st && !(st = map->find_boxes(map, whole.start, end, add_id, &c, err))) {
        plan->bytes += bytes;
        st = cover_all(&c, plan, use, i, err);
    }
    *too_many = c.too_many;
    st = c.too_many ? MT_OK : st;
    mt_release(c.env, c.ids, c.id_room * sizeof *c.ids);
    mt_release(c.env, c.left, c.left_room * sizeof *c.left);
    return st;
}
