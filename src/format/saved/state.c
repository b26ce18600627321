/* SPDX-License-Identifier: BSD-3-Clause */
/* Restored maps: finds chunks and boxes, and checks that objects have not changed. */
#include "format/saved/state.h"

#include <string.h>

static mt_status check_object(const mt_chunk_map *map, saved_object *object, mt_error *err)
{
    mt_identity now;
    mt_error own = MT_ERROR_INIT;
    if (atomic_load_explicit(&object->is_checked, memory_order_relaxed))
        return MT_OK;
    mt_status st = mt_store_identify(map->store, object->key, &now, &own);
    if (st == MT_E_NOT_FOUND)
        return mt_fail(err, MT_E_CHANGED, "%s is gone since its map was saved", object->key);
    if (st)
        return mt_fail(err, st, "%s", own.message);
    if (!mt_identity_same(&now, &object->identity)) {
        char then_text[MT_IDENTITY_TEXT], now_text[MT_IDENTITY_TEXT];
        mt_identity_text(&object->identity, then_text);
        mt_identity_text(&now, now_text);
        return mt_fail(err, MT_E_CHANGED, "%s has changed since its map was saved (%s; now %s): save the map anew",
                       object->key, then_text, now_text);
    }
    atomic_store_explicit(&object->is_checked, true, memory_order_relaxed);
    return MT_OK;
}

static mt_status check_documents(const mt_chunk_map *map, saved_state *s, mt_error *err)
{
    mt_status st = MT_OK;
    if (atomic_load_explicit(&s->documents_checked, memory_order_relaxed))
        return MT_OK;
    for (size_t i = 0; !st && i < s->n_documents; i++)
        st = check_object(map, &s->objects[i], err);
    if (!st)
        atomic_store_explicit(&s->documents_checked, true, memory_order_relaxed);
    return st;
}

static mt_status locate_guarded(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    saved_state *s = map->state;
    mt_status st = check_documents(map, s, err);
    if (!st && s->piece)
        st = check_object(map, s->piece, err);
    return st ? st : s->inner.locate(&s->inner, position, out, err);
}

static mt_status find_ref(const mt_chunk_map *map, size_t i, mt_chunk_ref *out, mt_error *err)
{
    const saved_state *s = map->state;
    const mt_saved_ref *ref = &s->refs[i];
    out->missing = ref->missing;
    if (ref->missing)
        return MT_OK;
    saved_object *object = &s->objects[ref->object];
    mt_status st = check_object(map, object, err);
    out->absent_is_fill = ref->absent_is_fill;
    out->key = object->key;
    out->offset = ref->offset;
    out->size = ref->whole ? MT_WHOLE : ref->size;
    out->chain = &s->chains[ref->chain];
    return st;
}

mt_status saved_locate_in_table(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    const saved_state *s = map->state;
    size_t i = 0;
    for (int d = 0; d < map->ndim; d++)
        i = i * (size_t)s->grid[d] + (size_t)position[d];
    return find_ref(map, i, out, err);
}

static mt_status locate_box_chunk(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    return find_ref(map, (size_t)position[0], out, err);
}

typedef struct look {
    const mt_chunk_map *map;
    const saved_state *state;
    const int64_t *low, *high;
    mt_visit_box visit;
    void *user;
} look;

static bool meets(const look *l, const int64_t *low, const int64_t *high)
{
    for (int d = 0; d < l->map->ndim; d++)
        if (low[d] >= l->high[d] || high[d] <= l->low[d])
            return false;
    return true;
}

static mt_status visit_box(const look *l, size_t i, mt_error *err)
{
    size_t n = (size_t)l->map->ndim;
    const int64_t *start = l->state->boxes + 3 * n * i;
    int64_t end[MT_MAX_DIMS];
    for (size_t d = 0; d < n; d++)
        end[d] = start[d] + start[n + d];
    return meets(l, start, end) ? l->visit(l->user, i, err) : MT_OK;
}

/* Visits a node of a level; level -1: the boxes. There are at most SAVED_MAX_HEIGHT levels. */
static mt_status visit_node(const look *l, int level, size_t i, mt_error *err)
{
    const saved_state *s = l->state;
    size_t n = (size_t)l->map->ndim;
    if (level < 0)
        return visit_box(l, i, err);
    const int64_t *bounds = s->bounds[level] + 2 * n * i;
    if (!meets(l, bounds, bounds + n))
        return MT_OK;
    size_t below = level > 0 ? s->n_bounds[level - 1] : s->n_boxes;
    size_t end = (i + 1) * SAVED_FANOUT < below ? (i + 1) * SAVED_FANOUT : below;
    mt_status st = MT_OK;
    for (size_t k = i * SAVED_FANOUT; !st && k < end; k++)
        st = visit_node(l, level - 1, k, err);
    return st;
}

static mt_status find_boxes(const mt_chunk_map *map, const int64_t *low, const int64_t *high, mt_visit_box visit,
                            void *user, mt_error *err)
{
    const saved_state *s = map->state;
    look l = { map, s, low, high, visit, user };
    return s->n_boxes ? visit_node(&l, s->height - 1, 0, err) : MT_OK;
}

static mt_status get_box(const mt_chunk_map *map, uint64_t id, mt_shown *out, mt_error *err)
{
    (void)err;
    const saved_state *s = map->state;
    size_t n = (size_t)map->ndim, bytes = n * sizeof(int64_t);
    const int64_t *box = s->boxes + 3 * n * id;
    memset(out, 0, sizeof *out);
    memcpy(out->place.start, box, bytes);
    memcpy(out->place.extent, box + n, bytes);
    memcpy(out->low, box + 2 * n, bytes);
    out->chunk = s->chunks[id] ? s->chunks[id] - 1 : MT_NOTHING;
    memcpy(out->whole, s->chunks[id] ? s->wholes + n * out->chunk : box + n, bytes);
    return MT_OK;
}

static void add_bounds(int64_t *bounds, const int64_t *low, const int64_t *high, size_t n, bool first)
{
    for (size_t d = 0; d < n; d++) {
        bounds[d] = first || low[d] < bounds[d] ? low[d] : bounds[d];
        bounds[n + d] = first || high[d] > bounds[n + d] ? high[d] : bounds[n + d];
    }
}

static mt_status add_level(const mt_chunk_map *map, saved_state *s, size_t below, mt_error *err)
{
    size_t n = (size_t)map->ndim;
    int level = s->height++;
    s->n_bounds[level] = (below + SAVED_FANOUT - 1) / SAVED_FANOUT;
    s->bounds[level] = mt_arena_alloc(map->arena, s->n_bounds[level] + 1, (2 * n + 1) * sizeof(int64_t), err);
    if (!s->bounds[level])
        return err && err->status ? err->status : MT_E_MEMORY;
    for (size_t i = 0; i < below; i++) {
        int64_t end[MT_MAX_DIMS] = { 0 };
        const int64_t *low = level > 0 ? s->bounds[level - 1] + 2 * n * i : s->boxes + 3 * n * i, *high = low + n;
        for (size_t d = 0; level == 0 && d < n; d++)
            end[d] = low[d] + low[n + d];
        add_bounds(s->bounds[level] + 2 * n * (i / SAVED_FANOUT), low, level > 0 ? high : end, n,
                   i % SAVED_FANOUT == 0);
    }
    return MT_OK;
}

mt_status saved_set_boxes(mt_chunk_map *map, saved_state *s, mt_error *err)
{
    mt_status st = MT_OK;
    for (size_t n = s->n_boxes; !st && n > 0 && (s->height == 0 || n > 1); n = s->n_bounds[s->height - 1])
        st = add_level(map, s, n, err);
    map->find_boxes = find_boxes;
    map->get_box = get_box;
    map->locate = locate_box_chunk;
    return st;
}

static void find_stored(const mt_chunk_map *map, mt_scan *scan, const int64_t *position, int64_t *next)
{
    const saved_state *s = map->state;
    s->inner.find_stored(&s->inner, scan, position, next);
}

static mt_status judge_absent(const mt_chunk_map *map, const int64_t *position, const char *key, bool any_stored,
                              bool *moved, mt_error *err)
{
    const saved_state *s = map->state;
    return s->inner.judge_absent(&s->inner, position, key, any_stored, moved, err);
}

mt_status saved_guard(mt_chunk_map *map, saved_state *s, mt_error *err)
{
    if (!map->state) /* set for tables and boxes */
        map->state = s;
    s->inner = *map;
    map->state = s;
    map->locate = locate_guarded;
    map->find_stored = map->find_stored ? find_stored : NULL;
    map->judge_absent = map->judge_absent ? judge_absent : NULL;
    map->save = NULL;
    return mt_chunk_map_check(map, err);
}
