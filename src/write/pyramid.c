/* SPDX-License-Identifier: BSD-3-Clause */
/* Upper levels: each chunk that is complete adds its pixels, reduced, to the next level. What is missing at the end, of
 * units that several writers published, is built from the published units below. */
#include "write/halve.h"
#include "write/writer.h"

#include "base/checked.h"

#include <string.h>

static const mt_level *level_after(const mt_writer *w, const mt_level *level)
{
    return level - w->plan->levels + 1 < w->plan->n_levels ? level + 1 : NULL;
}

static mt_halving_method method_of(const mt_plan *plan)
{
    return strcmp(plan->downsample, "mean") == 0      ? MT_HALVE_MEAN
           : strcmp(plan->downsample, "nearest") == 0 ? MT_HALVE_NEAREST
                                                      : MT_HALVE_MODE;
}

mt_status mt_writer_reduce(mt_writer *w, const mt_level *level, const int64_t *position, const uint8_t *pixels,
                           mt_error *err)
{
    const mt_plan *plan = w->plan;
    const mt_level *next = level_after(w, level);
    int64_t in_step = (int64_t)plan->element_size, out_step = in_step;
    mt_extent from, to;
    void *reduced;
    if (!next)
        return MT_OK;
    mt_halving halving = { .method = method_of(plan), .dtype = plan->dtype, .ndim = plan->ndim };
    mt_level_chunk_extent(plan, level, position, &from);
    for (int d = plan->ndim - 1; d >= 0; d--) {
        halving.is_halved[d] = next->factor[d] == 2;
        halving.extent[d] = from.extent[d];
        halving.in_stride[d] = in_step;
        halving.out_stride[d] = out_step;
        to.start[d] = from.start[d] / next->factor[d];
        to.extent[d] = mt_halved_extent(&halving, d);
        in_step *= level->chunk[d];
        out_step *= to.extent[d];
    }
    mt_status st = mt_alloc(w->env, (size_t)out_step, &reduced, err);
    if (st)
        return st;
    mt_halve(&halving, pixels, reduced);
    mt_values_in in = { .data = reduced, .stride = halving.out_stride, .dtype = plan->dtype };
    st = mt_writer_put_level(w, next, &to, &in, false, err);
    mt_release(w->env, reduced, (size_t)out_step);
    return st;
}

/* --- Building from published units. --- */

static mt_status add_chunk(mt_writer *w, const mt_level *level, const int64_t *position, const mt_encoded *chunk,
                           mt_error *err)
{
    void *pixels;
    mt_scratch *scratch;
    mt_status st = mt_alloc(w->env, level->chunk_bytes, &pixels, err);
    if (st)
        return st;
    if (!chunk->data)
        memset(pixels, 0, level->chunk_bytes);
    else if (w->sink->chain.n_steps == 0 && chunk->size == level->chunk_bytes)
        memcpy(pixels, chunk->data, level->chunk_bytes);
    else if (w->sink->chain.n_steps == 0)
        st = mt_fail(err, MT_E_CORRUPT, "a published chunk has %zu bytes, not %zu", chunk->size, level->chunk_bytes);
    else if (!(st = mt_context_take_scratch(w->context, &scratch, err))) {
        st = mt_chain_decode(&w->sink->chain, chunk->data, chunk->size, pixels, level->chunk_bytes, level->chunk_bytes,
                             scratch, err);
        mt_context_give_scratch(w->context, scratch);
    }
    if (!st)
        st = mt_writer_reduce(w, level, position, pixels, err);
    mt_release(w->env, pixels, level->chunk_bytes);
    return st;
}

static mt_status add_chunks(mt_writer *w, const mt_level *level, uint64_t unit, const mt_encoded *chunks, mt_error *err)
{
    const mt_plan *plan = w->plan;
    mt_extent extent;
    mt_status st = MT_OK;
    int64_t position[MT_MAX_DIMS], counts[MT_MAX_DIMS];
    size_t n = 1;
    mt_level_unit_extent(plan, level, unit, &extent);
    for (int d = 0; d < plan->ndim; d++) {
        counts[d] = (extent.extent[d] + level->chunk[d] - 1) / level->chunk[d];
        n *= (size_t)counts[d];
    }
    for (size_t i = 0; i < n && !st; i++) {
        size_t inner;
        mt_plan_split(plan, i, counts, position);
        for (int d = 0; d < plan->ndim; d++)
            position[d] += extent.start[d] / level->chunk[d];
        mt_level_unit_of(plan, level, position, &inner);
        st = add_chunk(w, level, position, &chunks[inner], err);
    }
    return st;
}

/* Adds the pixels of a unit to the level above; those of a unit that is not stored are zeros. */
static mt_status add_unit(mt_writer *w, const mt_level *level, uint64_t unit, mt_error *err)
{
    void *memory;
    size_t bytes = level->inner * sizeof(mt_encoded);
    mt_buffer object = mt_buffer_on(w->env);
    mt_status st = mt_alloc(w->env, bytes, &memory, err);
    if (st)
        return st;
    mt_encoded *chunks = memset(memory, 0, bytes);
    mt_lock_take(&w->lock);
    bool is_stored = mt_bit_get(w->stored, level->first_unit + unit);
    mt_lock_give(&w->lock);
    if (is_stored)
        st = w->sink->ops->load(w->sink, level, unit, &object, chunks, err);
    if (!st)
        st = add_chunks(w, level, unit, chunks, err);
    mt_buffer_free(&object);
    mt_release(w->env, memory, bytes);
    return st;
}

/* Adds all units below a unit, which lie in no other: the shapes of units are multiples of each other. */
static mt_status build_unit(mt_writer *w, const mt_level *level, uint64_t unit, mt_error *err)
{
    const mt_plan *plan = w->plan;
    const mt_level *below = level - 1;
    int64_t first[MT_MAX_DIMS] = { 0 }, counts[MT_MAX_DIMS];
    mt_extent extent;
    size_t n = 1;
    mt_status st = MT_OK;
    mt_level_unit_extent(plan, level, unit, &extent);
    for (int d = 0; d < plan->ndim; d++) {
        int64_t end = mt_min_i64((extent.start[d] + extent.extent[d]) * level->factor[d], below->shape[d]);
        first[d] = extent.start[d] * level->factor[d] / below->unit[d];
        counts[d] = (end - 1) / below->unit[d] - first[d] + 1;
        n *= (size_t)counts[d];
    }
    for (size_t i = 0; i < n && !st; i++) {
        uint64_t number = 0;
        int64_t at[MT_MAX_DIMS];
        mt_plan_split(plan, i, counts, at);
        for (int d = 0; d < plan->ndim; d++)
            number = number * (uint64_t)below->units[d] + (uint64_t)(first[d] + at[d]);
        st = add_unit(w, below, number, err);
    }
    return st;
}

typedef struct build_job {
    mt_writer *w;
    mt_steps *steps;
    const mt_level *level;
    uint64_t *missing; /* units of the level */
    size_t n;
} build_job;

static mt_status build_one(void *argument, size_t i, mt_error *err)
{
    const build_job *job = argument;
    mt_status st = build_unit(job->w, job->level, job->missing[i], err);
    return st ? st : mt_steps_take(job->steps, 1, err);
}

/* Frees what waits of a level and those above. What is made again of a level adds to those above again. */
static void drop_waiting(mt_writer *w, const mt_level *level)
{
    for (int i = (int)(level - w->plan->levels); i < w->plan->n_levels; i++) {
        mt_writer_drop_chunks(w, &w->plan->levels[i]);
        mt_writer_drop_units(w, &w->plan->levels[i]);
    }
}

static bool is_done(mt_writer *w, uint64_t unit)
{
    mt_lock_take(&w->lock);
    bool done = mt_bit_get(w->done, unit);
    mt_lock_give(&w->lock);
    return done;
}

/* Builds a unit alone, because there was too little memory for several at a time. */
static mt_status build_alone(mt_writer *w, const mt_level *level, uint64_t unit, mt_error *err)
{
    drop_waiting(w, level);
    mt_status st = build_unit(w, level, unit, err);
    if (!st && !is_done(w, level->first_unit + unit))
        st = mt_fail(err, MT_E_LIMIT, "the memory budget of %zu MiB is too small to build level %d", w->memory >> 20,
                     (int)(level - w->plan->levels));
    return st;
}

/* Takes, or returns with 0 lanes, memory for what is read back: for each lane an object, a chunk and its half. It is at
 * most half of the budget, so that chunks can wait. */
static void reserve(mt_writer *w, size_t n_lanes, size_t bytes)
{
    size_t half = w->memory / 2;
    mt_lock_take(&w->lock);
    w->held -= w->reserved;
    w->reserved = n_lanes > 0 && bytes > half / n_lanes ? half : n_lanes * bytes;
    w->held += w->reserved;
    mt_lock_give(&w->lock);
}

/* Builds what is missing, several units at a time. */
static mt_status build_together(build_job *job, mt_error *err)
{
    mt_writer *w = job->w;
    const mt_level *below = job->level - 1;
    size_t bytes = w->largest + 2 * below->chunk_bytes, n_lanes = mt_writer_count_lanes(w, bytes);
    reserve(w, n_lanes, bytes);
    mt_status st = mt_writer_run(w, job->n, n_lanes, build_one, job, err);
    reserve(w, 0, 0);
    return st;
}

static mt_status build_level(mt_writer *w, const mt_level *level, mt_steps *steps, mt_error *err)
{
    build_job job = { .w = w, .steps = steps, .level = level };
    void *memory;
    mt_status st = mt_alloc(w->env, level->n_units * sizeof *job.missing, &memory, err);
    if (st)
        return st;
    job.missing = memory;
    for (uint64_t unit = 0; unit < level->n_units; unit++)
        if (!is_done(w, level->first_unit + unit))
            job.missing[job.n++] = unit;
    st = build_together(&job, err);
    for (size_t i = 0; i < job.n && !st; i++)
        if (!is_done(w, level->first_unit + job.missing[i]) && !(st = mt_steps_take(steps, 0, err)))
            st = build_alone(w, level, job.missing[i], err);
    mt_release(w->env, memory, level->n_units * sizeof *job.missing);
    return st;
}

uint64_t mt_writer_count_upper(mt_writer *w)
{
    uint64_t n = 0;
    for (uint64_t unit = w->progress.n_units; unit < mt_writer_all_units(w); unit++)
        n += !is_done(w, unit);
    return n;
}

mt_status mt_writer_build(mt_writer *w, mt_steps *steps, mt_error *err)
{
    mt_status st = MT_OK;
    for (int i = 1; i < w->plan->n_levels && !st; i++) {
        const mt_level *level = &w->plan->levels[i];
        drop_waiting(w, level); /* chunks that miss pixels of earlier writers, or were dropped for want of memory */
        st = build_level(w, level, steps, err);
    }
    return st;
}
