/* SPDX-License-Identifier: BSD-3-Clause */
/* Complete chunks are encoded, and gathered to units, which are published. */
#include "write/writer.h"

#include <string.h>

/* Keeps the first failure to publish. */
static void keep_failure(mt_writer *w, const mt_error *err)
{
    mt_lock_take(&w->lock);
    if (!w->failure.status)
        w->failure = *err;
    mt_lock_give(&w->lock);
}

mt_status mt_writer_get_failure(mt_writer *w, mt_error *err)
{
    mt_lock_take(&w->lock);
    mt_status st = w->failure.status ? mt_fail(err, w->failure.status, "%s", w->failure.message) : MT_OK;
    mt_lock_give(&w->lock);
    return st;
}

/* --- Encoding. --- */

static bool is_zero(const uint8_t *bytes, size_t n)
{
    return n == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0);
}

/* Encodes into the scratch buffer of the engine. */
static mt_status encode_with(mt_writer *w, const mt_level *level, const uint8_t *pixels, mt_scratch *scratch,
                             mt_encoded *out, mt_error *err)
{
    size_t room = mt_chain_encode_bound(&w->sink->chain, level->chunk_bytes);
    mt_status st = mt_scratch_buffer(scratch, 0, room, &out->data, err);
    if (!st &&
        !(st = mt_chain_encode(&w->sink->chain, pixels, level->chunk_bytes, out->data, room, &out->size, scratch, err)))
        out->crc = mt_crc32c(out->data, out->size); /* now, while it is in the processor's caches */
    return st;
}

/* A copy of a chunk that waits for its shard: in the place of its pixels, if it is not much smaller; they are then NULL. */
static mt_status keep(mt_writer *w, const mt_level *level, uint8_t **pixels, mt_encoded *chunk, mt_error *err)
{
    if (chunk->size > level->chunk_bytes / 2 && chunk->size <= level->chunk_bytes) {
        chunk->data = memcpy(*pixels, chunk->data, chunk->size);
        chunk->room = level->chunk_bytes; /* counted in held already */
        *pixels = NULL;
        return MT_OK;
    }
    void *copy;
    mt_status st = mt_alloc(w->env, chunk->size, &copy, err);
    if (st)
        return st;
    chunk->data = memcpy(copy, chunk->data, chunk->size);
    chunk->room = chunk->size;
    mt_lock_take(&w->lock);
    w->held += chunk->room;
    mt_lock_give(&w->lock);
    return MT_OK;
}

/* Frees chunks that waited, with the lock held; those of the size of pixels are, or were, pixels. */
static void release_encoded(mt_writer *w, const mt_level *level, mt_encoded *chunks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (chunks[i].room == level->chunk_bytes)
            mt_writer_free_pixels(w, level, chunks[i].data);
        else
            mt_release(w->env, chunks[i].data, chunks[i].room);
        w->held -= chunks[i].room;
    }
    mt_condition_wake_all(&w->freed);
}

static void free_encoded(mt_writer *w, const mt_level *level, mt_encoded *chunks, size_t n)
{
    mt_lock_take(&w->lock);
    release_encoded(w, level, chunks, n);
    mt_lock_give(&w->lock);
}

static void free_pixels(mt_writer *w, const mt_level *level, uint8_t *pixels)
{
    mt_lock_take(&w->lock);
    mt_writer_free_pixels(w, level, pixels);
    w->held -= level->chunk_bytes;
    mt_condition_wake_all(&w->freed);
    mt_lock_give(&w->lock);
}

/* --- Publishing. --- */

/* Others may have taken over the units of a process that was asleep, and have finished the image. */
static mt_status check_lease(mt_writer *w, mt_error *err)
{
    uint64_t end = w->trusted_until;
    return end > 0 && mt_clock_ns() > end ? mt_writer_check_unfinished(w, err) : MT_OK;
}

static mt_status publish(mt_writer *w, const mt_level *level, uint64_t unit, mt_encoded *chunks, mt_error *err)
{
    mt_unit_record record = { .unit = unit };
    mt_status st = check_lease(w, err);
    if (st)
        return st;
    st = w->sink->ops->publish(w->sink, level, unit - level->first_unit, chunks, &record.size, &record.crc, err);
    if (!st && record.size == 0)
        record.flags = MT_UNIT_EMPTY;
    if (!st)
        st = mt_journal_add(w->journal, &record, err);
    if (st)
        return st;
    mt_lock_take(&w->lock);
    (void)mt_writer_mark_done(w, unit, record.size); /* false: another process has published it, too */
    if (w->progress.n_done == w->progress.n_units)
        mt_writer_drop_spares(w); /* other writers may need the memory */
    w->progress.bytes_published += record.size;
    w->largest = record.size > w->largest ? (size_t)record.size : w->largest;
    mt_lock_give(&w->lock);
    return MT_OK;
}

static mt_waiting_unit **find_unit(mt_writer *w, uint64_t number)
{
    mt_waiting_unit **at = &w->units[number % MT_WRITE_BUCKETS];
    while (*at && (*at)->number != number)
        at = &(*at)->next;
    return at;
}

static void free_unit(mt_writer *w, mt_waiting_unit *unit)
{
    mt_release(w->env, unit->chunks, unit->level->inner * sizeof *unit->chunks);
    mt_release(w->env, unit, sizeof *unit);
}

static mt_status new_unit(mt_writer *w, const mt_level *level, uint64_t number, mt_waiting_unit **out, mt_error *err)
{
    void *memory, *chunks = NULL;
    mt_status st = mt_alloc(w->env, sizeof **out, &memory, err);
    if (st)
        return st;
    if ((st = mt_alloc(w->env, level->inner * sizeof(mt_encoded), &chunks, err))) {
        mt_release(w->env, memory, sizeof **out);
        return st;
    }
    memset(chunks, 0, level->inner * sizeof(mt_encoded));
    *out = memory;
    **out = (mt_waiting_unit) { .number = number, .level = level, .chunks = chunks };
    (*out)->left = mt_level_unit_chunks(w->plan, level, number - level->first_unit);
    return MT_OK;
}

/* Adds a chunk to its unit; *complete is the unit if it was the last one. */
static mt_status add_to_unit(mt_writer *w, const mt_level *level, uint64_t number, size_t inner,
                             const mt_encoded *chunk, mt_waiting_unit **complete, mt_error *err)
{
    mt_status st = MT_OK;
    mt_lock_take(&w->lock);
    mt_waiting_unit **at = find_unit(w, number);
    *complete = NULL;
    if (!*at)
        st = new_unit(w, level, number, at, err);
    if (!st) {
        (*at)->chunks[inner] = *chunk;
        if (--(*at)->left == 0) {
            *complete = *at;
            *at = (*at)->next;
        }
    }
    mt_lock_give(&w->lock);
    return st;
}

/* Adds a chunk to its shard, and publishes that if it is complete. Takes ownership of the chunk. */
static mt_status deliver(mt_writer *w, const mt_level *level, uint64_t number, size_t inner, mt_encoded *chunk,
                         mt_error *err)
{
    mt_waiting_unit *unit;
    mt_status st = add_to_unit(w, level, number, inner, chunk, &unit, err);
    if (st)
        free_encoded(w, level, chunk, 1);
    if (st || !unit)
        return st;
    st = publish(w, level, number, unit->chunks, err);
    free_encoded(w, level, unit->chunks, level->inner);
    free_unit(w, unit);
    return st;
}

/* Encodes a chunk, and publishes it or adds it to its shard. *pixels is NULL if their memory is in use. */
static mt_status encode(mt_writer *w, const mt_level *level, const int64_t *position, uint8_t **pixels,
                        mt_scratch *scratch, mt_error *err)
{
    size_t inner;
    uint64_t number = level->first_unit + mt_level_unit_of(w->plan, level, position, &inner);
    mt_encoded chunk = { .data = NULL };
    bool is_stored = !w->sink->ops->skips_zeros || !is_zero(*pixels, level->chunk_bytes);
    mt_status st = is_stored ? encode_with(w, level, *pixels, scratch, &chunk, err) : MT_OK;
    if (!st && level->inner == 1)
        return publish(w, level, number, &chunk, err);
    if (!st && is_stored)
        st = keep(w, level, pixels, &chunk, err);
    return st ? st : deliver(w, level, number, inner, &chunk, err);
}

/* A raw chunk is its pixels. */
static mt_status take_raw(mt_writer *w, const mt_level *level, const int64_t *position, uint8_t *pixels, mt_error *err)
{
    size_t inner;
    uint64_t number = level->first_unit + mt_level_unit_of(w->plan, level, position, &inner);
    size_t bytes = level->chunk_bytes;
    mt_encoded chunk = { .data = NULL };
    if (w->sink->ops->skips_zeros && is_zero(pixels, bytes))
        free_pixels(w, level, pixels);
    else
        chunk = (mt_encoded) { pixels, bytes, bytes, mt_crc32c(pixels, bytes) };
    if (level->inner > 1)
        return deliver(w, level, number, inner, &chunk, err);
    mt_status st = publish(w, level, number, &chunk, err);
    free_encoded(w, level, &chunk, 1);
    return st;
}

static mt_status take(mt_writer *w, const mt_level *level, const int64_t *position, uint8_t *pixels, mt_error *err)
{
    mt_scratch *scratch;
    mt_status st = mt_writer_reduce(w, level, position, pixels, err);
    if (!st && w->sink->chain.n_steps == 0)
        return take_raw(w, level, position, pixels, err);
    if (!st && !(st = mt_context_take_scratch(w->context, &scratch, err))) {
        st = encode(w, level, position, &pixels, scratch, err);
        mt_context_give_scratch(w->context, scratch);
    }
    if (pixels)
        free_pixels(w, level, pixels);
    return st;
}

mt_status mt_writer_take_chunk(mt_writer *w, const mt_level *level, uint64_t chunk, uint8_t *pixels, mt_error *err)
{
    int64_t position[MT_MAX_DIMS];
    mt_error local = MT_ERROR_INIT;
    mt_status failure = mt_writer_get_failure(w, err);
    if (failure) { /* what is not published is put again by the next writer */
        free_pixels(w, level, pixels);
        return failure;
    }
    mt_level_chunk_at(w->plan, level, chunk - level->first_chunk, position);
    if (!take(w, level, position, pixels, &local))
        return MT_OK;
    keep_failure(w, &local);
    return mt_fail(err, local.status, "%s", local.message);
}

/* --- What is left at the end. --- */

static mt_waiting_unit *take_any_unit(mt_writer *w, const mt_level *level)
{
    mt_waiting_unit *unit = NULL;
    mt_lock_take(&w->lock);
    for (size_t i = 0; !unit && i < MT_WRITE_BUCKETS; i++)
        for (mt_waiting_unit **at = &w->units[i]; *at && !unit; at = &(*at)->next)
            if ((*at)->level == level) {
                unit = *at;
                *at = unit->next;
                break;
            }
    mt_lock_give(&w->lock);
    return unit;
}

mt_status mt_writer_flush_units(mt_writer *w, mt_steps *steps, mt_error *err)
{
    const mt_level *first = w->plan->levels;
    mt_status st = mt_steps_take(steps, 0, err);
    for (mt_waiting_unit *unit; !st && (unit = take_any_unit(w, first));) {
        st = publish(w, first, unit->number, unit->chunks, err);
        if (st)
            keep_failure(w, err);
        free_encoded(w, first, unit->chunks, first->inner);
        free_unit(w, unit);
        if (!st)
            st = mt_steps_take(steps, 0, err);
    }
    return st;
}

bool mt_writer_drop_unit_above(mt_writer *w, const mt_level *level)
{
    for (size_t i = 0; i < MT_WRITE_BUCKETS; i++)
        for (mt_waiting_unit **at = &w->units[i]; *at; at = &(*at)->next)
            if ((*at)->level > level) {
                mt_waiting_unit *unit = *at;
                *at = unit->next;
                release_encoded(w, unit->level, unit->chunks, unit->level->inner);
                free_unit(w, unit);
                return true;
            }
    return false;
}

void mt_writer_drop_done_units(mt_writer *w)
{
    for (size_t i = 0; i < MT_WRITE_BUCKETS; i++)
        for (mt_waiting_unit **at = &w->units[i]; *at;) {
            mt_waiting_unit *unit = *at;
            if (!mt_bit_get(w->done, unit->number)) {
                at = &unit->next;
                continue;
            }
            *at = unit->next;
            release_encoded(w, unit->level, unit->chunks, unit->level->inner);
            free_unit(w, unit);
        }
}

void mt_writer_drop_units(mt_writer *w, const mt_level *level)
{
    for (mt_waiting_unit *unit; (unit = take_any_unit(w, level));) {
        free_encoded(w, level, unit->chunks, level->inner);
        free_unit(w, unit);
    }
}
