/* SPDX-License-Identifier: BSD-3-Clause */
/* Complete chunks are encoded, and gathered to units, which are published. */
#include "write/writer.h"

#include <string.h>

mt_status mt_writer_fail(mt_writer *w, const mt_error *err)
{
    mt_lock_take(&w->lock);
    if (!w->failure.status)
        w->failure = *err;
    mt_lock_give(&w->lock);
    return err->status;
}

void mt_writer_hold(mt_writer *w, size_t more, size_t less)
{
    mt_lock_take(&w->lock);
    w->held += more;
    w->held -= less;
    mt_condition_wake_all(&w->freed);
    mt_lock_give(&w->lock);
}

/* --- Encoding. --- */

static bool is_zero(const uint8_t *bytes, size_t n)
{
    return n == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0);
}

static mt_status encode_with(mt_writer *w, const mt_level *level, const uint8_t *pixels, mt_scratch *scratch,
                             mt_encoded *out, mt_error *err)
{
    void *memory;
    size_t room = mt_chain_encode_bound(&w->sink->chain, level->chunk_bytes);
    mt_status st = mt_alloc(w->env, room, &memory, err);
    if (st)
        return st;
    st = mt_chain_encode(&w->sink->chain, pixels, level->chunk_bytes, memory, room, &out->size, scratch, err);
    /* A chunk that waits for its shard takes no more than it needs. */
    uint8_t *fitted = st ? NULL : mt_resize(w->env, memory, room, out->size);
    if (st) {
        mt_release(w->env, memory, room);
        return st;
    }
    out->data = fitted ? fitted : memory;
    out->room = fitted ? out->size : room;
    return MT_OK;
}

/* Encodes a chunk and frees its pixels, which are counted in held. */
static mt_status encode(mt_writer *w, const mt_level *level, uint8_t *pixels, mt_encoded *out, mt_error *err)
{
    *out = (mt_encoded) { NULL, 0, 0 };
    mt_scratch *scratch;
    mt_status st = MT_OK;
    if (w->sink->ops->skips_zeros && is_zero(pixels, level->chunk_bytes)) {
        /* read as zeros if it is not stored */
    } else if (w->sink->chain.n_steps == 0) {
        *out = (mt_encoded) { pixels, level->chunk_bytes, level->chunk_bytes };
        return MT_OK;
    } else if (!(st = mt_context_take_scratch(w->context, &scratch, err))) {
        st = encode_with(w, level, pixels, scratch, out, err);
        mt_context_give_scratch(w->context, scratch);
    }
    mt_release(w->env, pixels, level->chunk_bytes);
    mt_writer_hold(w, out->room, level->chunk_bytes);
    return st;
}

static void free_encoded(mt_writer *w, mt_encoded *chunks, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        mt_release(w->env, chunks[i].data, chunks[i].room);
        bytes += chunks[i].room;
    }
    mt_writer_hold(w, 0, bytes);
}

/* --- Publishing. --- */

static mt_status publish(mt_writer *w, const mt_level *level, uint64_t unit, mt_encoded *chunks, mt_error *err)
{
    mt_unit_record record = { .unit = unit };
    mt_status st =
        w->sink->ops->publish(w->sink, level, unit - level->first_unit, chunks, &record.size, &record.crc, err);
    if (!st && record.size == 0)
        record.flags = MT_UNIT_EMPTY;
    if (!st)
        st = mt_journal_add(w->journal, &record, err);
    free_encoded(w, chunks, level->inner);
    if (st)
        return st;
    mt_lock_take(&w->lock);
    mt_bit_set(w->done, unit);
    if (record.size > 0)
        mt_bit_set(w->stored, unit);
    w->progress.n_done += level == w->plan->levels;
    w->progress.bytes_published += record.size;
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

static mt_status deliver(mt_writer *w, const mt_level *level, const int64_t *position, mt_encoded *chunk, mt_error *err)
{
    size_t inner;
    uint64_t number = level->first_unit + mt_level_unit_of(w->plan, level, position, &inner);
    mt_waiting_unit *unit;
    if (level->inner == 1)
        return publish(w, level, number, chunk, err);
    mt_status st = add_to_unit(w, level, number, inner, chunk, &unit, err);
    if (st)
        free_encoded(w, chunk, 1);
    if (st || !unit)
        return st;
    st = publish(w, level, number, unit->chunks, err);
    free_unit(w, unit);
    return st;
}

mt_status mt_writer_take_chunk(mt_writer *w, const mt_level *level, uint64_t chunk, uint8_t *pixels, mt_error *err)
{
    int64_t position[MT_MAX_DIMS];
    mt_encoded encoded;
    mt_error local = MT_ERROR_INIT;
    mt_level_chunk_at(w->plan, level, chunk - level->first_chunk, position);
    mt_status st = mt_writer_reduce(w, level, position, pixels, &local);
    if (st) {
        mt_release(w->env, pixels, level->chunk_bytes);
        mt_writer_hold(w, 0, level->chunk_bytes);
    } else if (!(st = encode(w, level, pixels, &encoded, &local))) {
        st = deliver(w, level, position, &encoded, &local);
    }
    if (!st)
        return MT_OK;
    mt_writer_fail(w, &local);
    return mt_fail(err, st, "%s", local.message);
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

mt_status mt_writer_flush_units(mt_writer *w, mt_error *err)
{
    const mt_level *first = w->plan->levels;
    mt_status st = MT_OK;
    for (mt_waiting_unit *unit; !st && (unit = take_any_unit(w, first));) {
        st = publish(w, first, unit->number, unit->chunks, err);
        free_unit(w, unit);
    }
    return st;
}

void mt_writer_drop_units(mt_writer *w, const mt_level *level)
{
    for (mt_waiting_unit *unit; (unit = take_any_unit(w, level));) {
        free_encoded(w, unit->chunks, level->inner);
        free_unit(w, unit);
    }
}
