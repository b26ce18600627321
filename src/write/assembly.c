/* SPDX-License-Identifier: BSD-3-Clause */
/* Boxes of pixels are copied into waiting chunks. */
#include "write/writer.h"

#include "base/checked.h"
#include "stack/fit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct put_job {
    mt_writer *w;
    const mt_level *level;
    const mt_extent *box;
    const mt_values_in *in;
    bool later;                                      /* chunks are encoded by tasks */
    int64_t first[MT_MAX_DIMS], counts[MT_MAX_DIMS]; /* chunks that the box touches, along each axis */
    mt_value_counts values;                          /* guarded by the lock of the writer */
    uint64_t skipped;                                /* likewise */
    mt_error failure;                                /* of the first chunk that failed; likewise */
} put_job;

/* One chunk of a put. */
typedef struct put_part {
    const mt_level *level;
    uint64_t chunk, unit; /* numbers in the whole output */
    mt_extent inside;     /* of the box, relative to the chunk */
    mt_extent chunk_box;  /* of the chunk, in the image */
    int64_t pixels;       /* of inside */
    bool is_whole;        /* inside is the whole chunk, which lies inside the image */
} put_part;

static void find_part(const put_job *job, size_t i, put_part *out)
{
    const mt_plan *plan = job->w->plan;
    const mt_level *level = job->level;
    int64_t position[MT_MAX_DIMS];
    size_t inner;
    mt_plan_split(plan, i, job->counts, position);
    for (int d = 0; d < plan->ndim; d++)
        position[d] += job->first[d];
    out->level = level;
    out->chunk = level->first_chunk + mt_level_chunk_number(plan, level, position);
    out->unit = level->first_unit + mt_level_unit_of(plan, level, position, &inner);
    out->pixels = 1;
    out->is_whole = true;
    mt_level_chunk_extent(plan, level, position, &out->chunk_box);
    for (int d = 0; d < plan->ndim; d++) {
        int64_t from = mt_max_i64(job->box->start[d], out->chunk_box.start[d]);
        int64_t to =
            mt_min_i64(job->box->start[d] + job->box->extent[d], out->chunk_box.start[d] + out->chunk_box.extent[d]);
        out->inside.start[d] = from - out->chunk_box.start[d];
        out->inside.extent[d] = to - from;
        out->pixels *= to - from;
        out->is_whole = out->is_whole && to - from == level->chunk[d];
    }
}

/* --- Waiting chunks, with the lock held. --- */

/* The pixels of a chunk, with the lock held; their contents are undefined. */
static mt_status new_pixels(mt_writer *w, const mt_level *level, uint8_t **out, mt_error *err)
{
    void *memory;
    if (w->n_spares > 0 && level->chunk_bytes == w->plan->levels[0].chunk_bytes) {
        *out = w->spares[--w->n_spares];
        return MT_OK;
    }
    if (w->slabs && (*out = mt_slabs_take(w->slabs, level->chunk_bytes)))
        return MT_OK;
    mt_status st = mt_alloc(w->env, level->chunk_bytes, &memory, err);
    if (!st)
        *out = memory;
    return st;
}

static void release_pixels(mt_writer *w, const mt_level *level, uint8_t *pixels)
{
    if (!pixels || !w->slabs || !mt_slabs_give(w->slabs, pixels))
        mt_release(w->env, pixels, level->chunk_bytes);
}

void mt_writer_free_pixels(mt_writer *w, const mt_level *level, uint8_t *pixels)
{
    bool is_usual = level->chunk_bytes == w->plan->levels[0].chunk_bytes;
    bool is_complete = w->progress.n_done == w->progress.n_units;
    if (pixels && is_usual && !is_complete && w->n_spares < MT_MAX_SPARE_PIXELS &&
        (w->n_spares + 1) * level->chunk_bytes <= MT_MAX_SPARE_BYTES)
        w->spares[w->n_spares++] = pixels;
    else
        release_pixels(w, level, pixels);
}

void mt_writer_drop_spares(mt_writer *w)
{
    while (w->n_spares > 0)
        release_pixels(w, w->plan->levels, w->spares[--w->n_spares]);
}

static mt_waiting_chunk **bucket_of(mt_writer *w, uint64_t chunk) { return &w->chunks[chunk % MT_WRITE_BUCKETS]; }

static mt_waiting_chunk *find_chunk(mt_writer *w, uint64_t chunk)
{
    mt_waiting_chunk *c = *bucket_of(w, chunk);
    while (c && c->number != chunk)
        c = c->next;
    return c;
}

static void unlink_chunk(mt_writer *w, mt_waiting_chunk *chunk)
{
    mt_waiting_chunk **at = bucket_of(w, chunk->number);
    while (*at != chunk)
        at = &(*at)->next;
    *at = chunk->next;
    w->n_upper -= chunk->level != w->plan->levels;
}

static uint64_t unit_of(const mt_writer *w, const mt_waiting_chunk *chunk)
{
    int64_t position[MT_MAX_DIMS];
    size_t inner;
    mt_level_chunk_at(w->plan, chunk->level, chunk->number - chunk->level->first_chunk, position);
    return chunk->level->first_unit + mt_level_unit_of(w->plan, chunk->level, position, &inner);
}

static void free_chunk(mt_writer *w, mt_waiting_chunk *chunk)
{
    if (chunk->pixels)
        w->held -= chunk->level->chunk_bytes;
    mt_writer_free_pixels(w, chunk->level, chunk->pixels);
    mt_cover_free(&chunk->cover, w->env);
    mt_release(w->env, chunk, sizeof *chunk);
}

/* Frees a waiting chunk of a level above this one that no thread uses; false if there is none. With the lock held. */
static bool drop_chunk_above(mt_writer *w, const mt_level *level)
{
    for (size_t i = 0; w->n_upper > 0 && i < MT_WRITE_BUCKETS; i++)
        for (mt_waiting_chunk *c = w->chunks[i]; c; c = c->next)
            if (c->level > level && c->busy == 0) {
                unlink_chunk(w, c);
                free_chunk(w, c);
                return true;
            }
    return false;
}

void mt_writer_drop_chunks(mt_writer *w, const mt_level *level)
{
    mt_lock_take(&w->lock);
    for (size_t i = 0; i < MT_WRITE_BUCKETS; i++)
        for (mt_waiting_chunk *c = w->chunks[i], *next; c; c = next) {
            next = c->next;
            if (c->level == level) {
                unlink_chunk(w, c);
                free_chunk(w, c);
            }
        }
    mt_lock_give(&w->lock);
}

/* What is left of units that another process has published lacks pixels, perhaps. */
void mt_writer_drop_done(mt_writer *w)
{
    for (size_t i = 0; i < MT_WRITE_BUCKETS; i++)
        for (mt_waiting_chunk *c = w->chunks[i], *next; c; c = next) {
            next = c->next;
            if (c->busy == 0 && mt_bit_get(w->done, unit_of(w, c))) {
                unlink_chunk(w, c);
                free_chunk(w, c);
            }
        }
    mt_writer_drop_done_units(w);
}

static mt_status refuse(const mt_writer *w, const mt_level *level, mt_error *err)
{
    char shape[128];
    return mt_fail(err, MT_E_LIMIT,
                   "%zu KiB of incomplete chunks and shards wait, and the memory budget is %zu KiB: put boxes that "
                   "complete one %s of %s after another, or allow more memory",
                   w->held >> 10, w->memory >> 10, level->inner > 1 ? "shard" : "chunk",
                   mt_shape_text(level->unit, w->plan->ndim, shape, sizeof shape));
}

typedef struct room_query {
    mt_writer *w;
    size_t bytes;
} room_query;

static bool has_room(const mt_writer *w, size_t bytes)
{
    return w->held == w->reserved || (w->held < w->memory && bytes <= w->memory - w->held);
}

/* Whether there is room, or nothing is going on that could make room. */
static bool is_decided(void *argument)
{
    const room_query *query = argument;
    mt_lock_take(&query->w->lock);
    bool decided = query->w->working == 0 || has_room(query->w, query->bytes);
    mt_lock_give(&query->w->lock);
    return decided;
}

/* Waits for threads that will free memory. Who makes tasks helps with them; so do others, if there are any: all threads
 * of the pool may wait here. */
static void wait_for_room(const put_job *job, size_t bytes)
{
    enum { LOOK_AGAIN = 20 }; /* milliseconds */
    mt_writer *w = job->w;
    if (!job->later && w->queued == 0) {
        mt_condition_wait_for(&w->freed, &w->lock, LOOK_AGAIN);
        return;
    }
    mt_lock_give(&w->lock);
    mt_pool_wait(w->context->pool, is_decided, &(room_query) { w, bytes });
    mt_lock_take(&w->lock);
}

/* Makes room for the pixels of a new chunk: drops a chunk or unit of an upper level, or waits for memory. *go_on is
 * false if there is no room for a chunk of an upper level. */
static mt_status make_room(const put_job *job, bool *go_on, mt_error *err)
{
    mt_writer *w = job->w;
    *go_on = drop_chunk_above(w, job->level) || mt_writer_drop_unit_above(w, job->level);
    if (*go_on || job->level != w->plan->levels)
        return MT_OK;
    if (w->working == 0)
        return refuse(w, job->level, err);
    wait_for_room(job, job->level->chunk_bytes);
    *go_on = true;
    return MT_OK;
}

static mt_status add_chunk(mt_writer *w, const put_part *part, mt_waiting_chunk **out, mt_error *err)
{
    void *memory;
    uint8_t *pixels;
    mt_status st = mt_alloc(w->env, sizeof **out, &memory, err);
    if (st)
        return st;
    if ((st = new_pixels(w, part->level, &pixels, err))) {
        mt_release(w->env, memory, sizeof **out);
        return st;
    }
    mt_waiting_chunk *chunk = memory, **bucket = bucket_of(w, part->chunk);
    *chunk = (mt_waiting_chunk) {
        .writer = w, .number = part->chunk, .level = part->level, .next = *bucket, .pixels = pixels
    };
    chunk->left = 1;
    for (int d = 0; d < w->plan->ndim; d++)
        chunk->left *= part->chunk_box.extent[d];
    *bucket = chunk;
    w->n_upper += part->level != w->plan->levels;
    if (!part->is_whole)
        memset(pixels, 0, part->level->chunk_bytes);
    *out = chunk;
    return MT_OK;
}

static mt_status refuse_twice(const mt_writer *w, const put_part *part, mt_error *err)
{
    char text[160] = "";
    size_t n = 0;
    for (int d = 0; d < w->plan->ndim && n < sizeof text - 24; d++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%" PRId64, d ? ", " : "",
                              part->chunk_box.start[d] + part->inside.start[d]);
    return mt_fail(err, MT_E_ARGUMENT, "pixels of the box from (%s) on were put before: each pixel is put once", text);
}

/* Whether the pixels of a part are to be put. */
static mt_status check_part(put_job *job, const put_part *part, bool *is_wanted, mt_error *err)
{
    const mt_writer *w = job->w;
    bool is_upper = part->level != w->plan->levels;
    *is_wanted = false;
    if (w->failure.status)
        return mt_fail(err, w->failure.status, "%s", w->failure.message);
    if ((w->is_finishing || w->is_sealed) && !is_upper)
        return mt_fail(err, MT_E_ARGUMENT, "the image is being finished: nothing more can be put");
    if (mt_bit_get(w->done, part->unit)) {
        if (!is_upper && !mt_bit_get(w->done_before, part->unit))
            return refuse_twice(w, part, err);
        job->skipped += (uint64_t)part->pixels;
        return MT_OK;
    }
    if (!is_upper && mt_bit_get(w->taken, part->chunk))
        return refuse_twice(w, part, err);
    *is_wanted = true;
    return MT_OK;
}

/* Finds or makes the chunk of a part; NULL if the pixels are not wanted. While this waits for memory, other threads may
 * change everything. */
static mt_status find_or_add(put_job *job, const put_part *part, mt_waiting_chunk **out, mt_error *err)
{
    mt_writer *w = job->w;
    size_t bytes = part->level->chunk_bytes;
    bool go_on = true;
    *out = NULL;
    while (go_on) {
        mt_status st = check_part(job, part, &go_on, err);
        if (st || !go_on || (*out = find_chunk(w, part->chunk)))
            return st;
        if (has_room(w, bytes)) {
            if (!(st = add_chunk(w, part, out, err)))
                w->held += bytes;
            return st;
        }
        if ((st = make_room(job, &go_on, err)))
            return st;
    }
    return MT_OK;
}

/* Claims the pixels of a part in its chunk; NULL if they are not wanted. */
static mt_status claim(put_job *job, const put_part *part, mt_waiting_chunk **out, mt_error *err)
{
    mt_writer *w = job->w;
    bool overlaps;
    mt_waiting_chunk *chunk;
    mt_status find = find_or_add(job, part, &chunk, err);
    *out = NULL;
    if (find || !chunk)
        return find;
    mt_status st = mt_cover_add(&chunk->cover, w->env, w->plan->ndim, &part->inside, &overlaps, err);
    if (!st && overlaps)
        st = refuse_twice(w, part, err);
    if (st)
        return st;
    chunk->busy++;
    w->working++;
    *out = chunk;
    return MT_OK;
}

/* --- Copying. --- */

static void copy(const put_job *job, const put_part *part, uint8_t *pixels, mt_value_counts *counts)
{
    const mt_plan *plan = job->w->plan;
    int64_t stride[MT_MAX_DIMS], step = (int64_t)plan->element_size;
    mt_values_in in = *job->in;
    for (int d = plan->ndim - 1; d >= 0; d--) {
        stride[d] = step;
        pixels += part->inside.start[d] * step;
        step *= part->level->chunk[d];
        in.data += (part->chunk_box.start[d] + part->inside.start[d] - job->box->start[d]) * in.stride[d];
    }
    mt_values_out out = { .data = pixels, .stride = stride, .dtype = plan->dtype };
    mt_values_convert(plan->ndim, part->inside.extent, &out, &in, counts);
}

/* Encodes a chunk that is complete and no longer in the table. */
static mt_status finish_chunk(mt_waiting_chunk *chunk, mt_error *err)
{
    mt_writer *w = chunk->writer;
    const mt_level *level = chunk->level;
    uint64_t number = chunk->number;
    uint8_t *pixels = chunk->pixels;
    chunk->pixels = NULL; /* still counted in held */
    mt_lock_take(&w->lock);
    free_chunk(w, chunk);
    mt_lock_give(&w->lock);
    return mt_writer_take_chunk(w, level, number, pixels, err);
}

static void stop_working(mt_writer *w)
{
    mt_lock_take(&w->lock);
    w->working--;
    mt_condition_wake_all(&w->freed);
    mt_lock_give(&w->lock);
}

static void run_task(mt_task *task)
{
    mt_waiting_chunk *chunk = (mt_waiting_chunk *)(void *)task;
    mt_writer *w = chunk->writer;
    mt_pool *pool = w->context->pool; /* outlives its tasks, unlike the writer */
    mt_lock_take(&w->lock);
    w->queued--;
    mt_lock_give(&w->lock);
    (void)!finish_chunk(chunk, NULL); /* the writer keeps the failure */
    stop_working(w);
    mt_pool_wake(pool);
}

static mt_status put_part_of(put_job *job, const put_part *part, mt_error *err)
{
    mt_writer *w = job->w;
    mt_value_counts counts = { 0, 0 };
    mt_waiting_chunk *chunk;
    mt_lock_take(&w->lock);
    mt_status st = claim(job, part, &chunk, err);
    mt_lock_give(&w->lock);
    if (st || !chunk)
        return st;
    copy(job, part, chunk->pixels, &counts);
    mt_lock_take(&w->lock);
    job->values.nan += counts.nan;
    job->values.clipped += counts.clipped;
    chunk->busy--;
    chunk->left -= part->pixels;
    bool is_complete = chunk->left == 0;
    if (is_complete) {
        unlink_chunk(w, chunk);
        if (part->level == w->plan->levels)
            mt_bit_set(w->taken, part->chunk);
    }
    bool later = is_complete && job->later && w->queued < MT_QUEUED_CHUNKS * mt_pool_threads(w->context->pool);
    w->queued += later;
    mt_lock_give(&w->lock);
    if (later) {
        chunk->task.run = run_task;
        mt_pool_submit(w->context->pool, &chunk->task);
        return MT_OK;
    }
    if (is_complete)
        st = finish_chunk(chunk, err);
    stop_working(w);
    return st;
}

static bool is_idle(void *argument)
{
    mt_writer *w = argument;
    mt_lock_take(&w->lock);
    bool idle = w->working == 0;
    mt_lock_give(&w->lock);
    return idle;
}

void mt_writer_wait(mt_writer *w) { mt_pool_wait(w->context->pool, is_idle, w); }

static void put_one(void *argument, size_t i)
{
    put_job *job = argument;
    mt_error err = MT_ERROR_INIT;
    put_part part;
    find_part(job, i, &part);
    if (!put_part_of(job, &part, &err))
        return;
    mt_lock_take(&job->w->lock);
    (void)mt_fail(&job->failure, err.status, "%s", err.message); /* the first one stays */
    mt_lock_give(&job->w->lock);
}

static uint8_t *take_any_chunk(mt_writer *w, uint64_t *number)
{
    uint8_t *pixels = NULL;
    mt_lock_take(&w->lock);
    for (size_t i = 0; !pixels && i < MT_WRITE_BUCKETS; i++)
        for (mt_waiting_chunk *c = w->chunks[i]; c && !pixels; c = c->next)
            if (c->level == w->plan->levels) {
                *number = c->number;
                pixels = c->pixels;
                c->pixels = NULL; /* still counted in held */
                unlink_chunk(w, c);
                free_chunk(w, c);
                break;
            }
    mt_lock_give(&w->lock);
    return pixels;
}

mt_status mt_writer_flush_chunks(mt_writer *w, mt_steps *steps, mt_error *err)
{
    uint64_t chunk;
    mt_lock_take(&w->lock);
    mt_writer_drop_done(w);
    mt_lock_give(&w->lock);
    mt_status st = mt_steps_take(steps, 0, err);
    for (uint8_t *pixels; !st && (pixels = take_any_chunk(w, &chunk));)
        if (!(st = mt_writer_take_chunk(w, w->plan->levels, chunk, pixels, err)))
            st = mt_steps_take(steps, 0, err);
    return st;
}

mt_status mt_writer_put_level(mt_writer *w, const mt_level *level, const mt_extent *box, const mt_values_in *in,
                              bool later, mt_error *err)
{
    put_job job = { .w = w, .level = level, .box = box, .in = in, .later = later };
    size_t n = 1;
    for (int d = 0; d < w->plan->ndim; d++) {
        if (box->extent[d] == 0)
            return MT_OK;
        job.first[d] = box->start[d] / level->chunk[d];
        job.counts[d] = (box->start[d] + box->extent[d] - 1) / level->chunk[d] - job.first[d] + 1;
        n *= (size_t)job.counts[d];
    }
    for (size_t i = 0; i < n && later && !job.failure.status; i++)
        put_one(&job, i);
    if (!later)
        mt_pool_run(w->context->pool, n, put_one, &job);
    mt_lock_take(&w->lock);
    if (level == w->plan->levels) {
        w->progress.n_nan += job.values.nan;
        w->progress.n_clipped += job.values.clipped;
        w->progress.n_skipped += job.skipped;
    }
    mt_lock_give(&w->lock);
    if (!job.failure.status)
        return MT_OK;
    return mt_fail(err, job.failure.status, "%s", job.failure.message);
}
