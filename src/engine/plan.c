/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/plan.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

void mt_plan_init(mt_plan *plan, mt_env *env)
{
    plan->env = env;
    plan->chunks = plan->inline_chunks;
    plan->copies = plan->inline_copies;
    plan->n_chunks = plan->n_copies = 0;
    plan->chunk_room = plan->copy_room = MT_PLAN_INLINE;
    plan->parts = NULL;
    plan->n_parts = plan->part_room = 0;
    plan->table = NULL;
    plan->table_size = 0;
    plan->bytes = 0;
    plan->only = MT_NONE;
}

void mt_plan_free(mt_plan *plan)
{
    if (plan->chunks != plan->inline_chunks)
        mt_release(plan->env, plan->chunks, plan->chunk_room * sizeof *plan->chunks);
    if (plan->copies != plan->inline_copies)
        mt_release(plan->env, plan->copies, plan->copy_room * sizeof *plan->copies);
    mt_release(plan->env, plan->parts, plan->part_room * sizeof *plan->parts);
    mt_release(plan->env, plan->table, plan->table_size * sizeof *plan->table);
}

/* Doubles the capacity of an array. start is its inline storage in the plan, or NULL. */
static mt_status grow(mt_env *env, void **array, const void *start, size_t *room, size_t size, mt_error *err)
{
    void *old = *array == start ? NULL : *array;
    void *moved = mt_resize(env, old, old ? *room * size : 0, *room * 2 * size);
    if (!moved)
        return mt_fail(err, MT_E_MEMORY, "out of memory for a plan of %zu chunks", *room * 2);
    if (!old)
        memcpy(moved, start, *room * size);
    *array = moved;
    *room *= 2;
    return MT_OK;
}

static uint64_t hash(const mt_use *use, uint64_t id)
{
    uint64_t h = (id ^ use->image->owner << 40) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 32;
}

/* The slot of a chunk in the table, or the free slot for it. */
static uint32_t *find_slot(const mt_plan *plan, const mt_use *use, uint64_t id)
{
    size_t mask = plan->table_size - 1;
    for (size_t at = hash(use, id) & mask;; at = (at + 1) & mask) {
        uint32_t *slot = &plan->table[at];
        if (*slot == MT_NONE || (plan->chunks[*slot].id == id && plan->chunks[*slot].use == use))
            return slot;
    }
}

/* Rebuilds the table with at least four slots per chunk. */
static mt_status rebuild_table(mt_plan *plan, mt_error *err)
{
    size_t size = 4 * plan->chunk_room;
    void *memory;
    mt_status st = mt_alloc(plan->env, size * sizeof *plan->table, &memory, err);
    if (st)
        return st;
    mt_release(plan->env, plan->table, plan->table_size * sizeof *plan->table);
    plan->table = memset(memory, 0xff, size * sizeof *plan->table); /* MT_NONE */
    plan->table_size = size;
    for (size_t i = 0; i < plan->n_chunks; i++)
        *find_slot(plan, plan->chunks[i].use, plan->chunks[i].id) = (uint32_t)i;
    return MT_OK;
}

static mt_status add_chunk(mt_plan *plan, const mt_use *use, uint64_t id, mt_planned **out, mt_error *err)
{
    if (plan->n_chunks == plan->chunk_room) {
        void *array = plan->chunks;
        mt_status st = grow(plan->env, &array, plan->inline_chunks, &plan->chunk_room, sizeof *plan->chunks, err);
        if (st)
            return st;
        plan->chunks = array;
        if (plan->table && (st = rebuild_table(plan, err)))
            return st;
    }
    *out = &plan->chunks[plan->n_chunks++];
    **out = (mt_planned) { use, id, MT_NONE };
    return MT_OK;
}

/* Finds a chunk in the plan; adds it if it is new. The chunks of one read are distinct, so the first read needs no
 * table. */
static mt_status find_chunk(mt_plan *plan, const mt_use *use, uint64_t id, bool only_read, mt_planned **out,
                            mt_error *err)
{
    if (only_read)
        return add_chunk(plan, use, id, out, err);
    mt_status st;
    if (!plan->table && (st = rebuild_table(plan, err)))
        return st;
    uint32_t *slot = find_slot(plan, use, id);
    if (*slot != MT_NONE) {
        *out = &plan->chunks[*slot];
        return MT_OK;
    }
    if ((st = add_chunk(plan, use, id, out, err)))
        return st;
    *find_slot(plan, use, id) = (uint32_t)(plan->n_chunks - 1);
    return MT_OK;
}

/* Ensures capacity for a copy. Called before find_chunk, so that a failure leaves no chunk without copies. */
static mt_status room_for_copy(mt_plan *plan, mt_error *err)
{
    void *array = plan->copies;
    if (plan->n_copies < plan->copy_room)
        return MT_OK;
    mt_status st = grow(plan->env, &array, plan->inline_copies, &plan->copy_room, sizeof *plan->copies, err);
    plan->copies = array;
    return st;
}

static void add_copy(mt_plan *plan, mt_planned *chunk, uint32_t read, uint32_t part)
{
    plan->copies[plan->n_copies] = (mt_copy) { read, chunk->first_copy, part };
    chunk->first_copy = (uint32_t)plan->n_copies++;
}

mt_status mt_plan_add_part(mt_plan *plan, const mt_use *use, uint32_t read, const mt_shown *part, mt_error *err)
{
    mt_planned *chunk;
    if (plan->n_parts == plan->part_room) {
        size_t room = plan->part_room ? 2 * plan->part_room : 16, size = sizeof *part;
        mt_shown *moved = mt_resize(plan->env, plan->parts, plan->part_room * size, room * size);
        if (!moved || room >= MT_NONE)
            return mt_fail(err, MT_E_MEMORY, "out of memory for a plan of %zu parts", room);
        plan->parts = moved;
        plan->part_room = room;
    }
    plan->parts[plan->n_parts] = *part;
    mt_status st = room_for_copy(plan, err);
    if (!st && !(st = find_chunk(plan, use, part->chunk, false, &chunk, err)))
        add_copy(plan, chunk, read, (uint32_t)plan->n_parts++);
    return st;
}

bool mt_read_clip(const mt_read *read, int64_t *low, int64_t *high)
{
    bool any = true;
    for (int d = 0; d < read->image->map->ndim; d++) {
        int64_t end = mt_min_i64(read->image->map->shape[d], read->start[d] + read->extent[d]);
        low[d] = mt_min_i64(mt_max_i64(-read->start[d], 0), read->extent[d]);
        high[d] = mt_max_i64(end - read->start[d], low[d]);
        any &= high[d] > low[d];
    }
    return any;
}

uint64_t mt_read_size(const mt_read *read, const int64_t *low, const int64_t *high)
{
    uint64_t bytes = read->image->element_size;
    for (int d = 0; d < read->image->map->ndim; d++)
        bytes *= (uint64_t)(high[d] - low[d]);
    return bytes;
}

bool mt_plan_is_full(const mt_plan *plan, bool visits)
{
    return plan->n_copies >= (visits ? MT_PLAN_VISITED : MT_PLAN_COPIES);
}

mt_status mt_plan_add(mt_plan *plan, const mt_use *use, uint32_t i, mt_walk *walk, uint64_t most, mt_error *err)
{
    if (plan->n_copies == 0)
        plan->only = i;
    for (; most > 0 && !walk->done && plan->n_copies < MT_PLAN_COPIES; most--) {
        mt_planned *chunk;
        uint64_t id = mt_image_chunk_id(use->image, walk->position);
        mt_status st = room_for_copy(plan, err);
        if (st || (st = find_chunk(plan, use, id, plan->only == i, &chunk, err)))
            return st;
        add_copy(plan, chunk, i, MT_NONE);
        mt_walk_next(walk);
    }
    return MT_OK;
}

mt_status mt_plan_add_piece(mt_plan *plan, const mt_use *use, uint32_t i, uint64_t bytes, mt_error *err)
{
    mt_planned *chunk;
    mt_status st = room_for_copy(plan, err);
    if (st || (st = add_chunk(plan, use, MT_PIECE, &chunk, err)))
        return st;
    add_copy(plan, chunk, i, MT_NONE);
    plan->bytes += bytes;
    return MT_OK;
}

/* Sorts pieces in the order of their copies, which is that of the reads. */
static int compare(const void *a, const void *b)
{
    const mt_planned *x = a, *y = b;
    if (x->use != y->use)
        return x->use->image->owner < y->use->image->owner ? -1 : 1;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->first_copy < y->first_copy ? -1 : x->first_copy > y->first_copy;
}

void mt_plan_sort(mt_plan *plan)
{
    size_t i = 1;
    while (i < plan->n_chunks && compare(&plan->chunks[i - 1], &plan->chunks[i]) <= 0)
        i++;
    if (i < plan->n_chunks)
        qsort(plan->chunks, plan->n_chunks, sizeof *plan->chunks, compare);
}
