/* SPDX-License-Identifier: BSD-3-Clause */
/* Which units are done: bitmaps, filled from the journals of earlier writers. */
#include "write/writer.h"

#include <string.h>

static size_t bytes_of_bits(uint64_t n) { return (size_t)((n + 63) / 64 * sizeof(uint64_t)); }

static mt_status new_bits(mt_writer *w, uint64_t n, uint64_t **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(w->env, bytes_of_bits(n), &memory, err);
    if (!st)
        *out = memset(memory, 0, bytes_of_bits(n));
    return st;
}

static void free_bits(mt_writer *w, uint64_t n, uint64_t *bits)
{
    if (bits)
        mt_release(w->env, bits, bytes_of_bits(n));
}

mt_status mt_writer_new_bitmaps(mt_writer *w, mt_error *err)
{
    uint64_t n = mt_writer_all_units(w);
    w->progress.n_units = w->plan->levels[0].n_units;
    mt_status st = new_bits(w, n, &w->done, err);
    if (st || (st = new_bits(w, n, &w->done_before, err)) || (st = new_bits(w, n, &w->stored, err)))
        return st;
    return new_bits(w, w->plan->levels[0].n_chunks, &w->taken, err);
}

void mt_writer_free_bitmaps(mt_writer *w)
{
    free_bits(w, mt_writer_all_units(w), w->done);
    free_bits(w, mt_writer_all_units(w), w->done_before);
    free_bits(w, mt_writer_all_units(w), w->stored);
    free_bits(w, w->plan->levels[0].n_chunks, w->taken);
}

static const mt_level *level_of(const mt_writer *w, uint64_t unit)
{
    const mt_level *level = w->plan->levels;
    while (unit >= level->first_unit + level->n_units)
        level++;
    return level;
}

/* Whether the object of a record exists and is whole. After a power cut it may be missing or, if it was not synced, have
 * other contents: then it counts as not done. A writer that only looks trusts the record, to save the reads. */
static mt_status is_there(mt_writer *w, const mt_unit_record *record, bool *out, mt_error *err)
{
    const mt_sink_ops *ops = w->sink->ops;
    const mt_level *level = level_of(w, record->unit);
    uint64_t size, unit = record->unit - level->first_unit;
    uint32_t crc;
    mt_error local = MT_ERROR_INIT;
    *out = (record->flags & MT_UNIT_EMPTY) || (w->only_looks && !ops->look);
    if (*out)
        return MT_OK;
    mt_status st = ops->measure(w->sink, level, unit, &size, &local);
    *out = !st && size == record->size;
    if (*out && !(record->flags & MT_UNIT_SYNCED) && ops->sum) {
        st = ops->sum(w->sink, level, unit, &crc, &local);
        *out = !st && crc == record->crc;
    }
    return !st || st == MT_E_NOT_FOUND ? MT_OK : mt_fail(err, st, "%s", local.message);
}

static mt_status note_done(void *user, const mt_unit_record *record, mt_error *err)
{
    mt_writer *w = user;
    const mt_level *last = &w->plan->levels[w->plan->n_levels - 1];
    bool done;
    if (record->unit >= last->first_unit + last->n_units)
        return mt_fail(err, MT_E_CORRUPT, "the journal has a record of unit %llu, and the image only %llu",
                       (unsigned long long)record->unit, (unsigned long long)(last->first_unit + last->n_units));
    if (mt_bit_get(w->done, record->unit))
        return MT_OK;
    mt_status st = is_there(w, record, &done, err);
    if (st || !done) {
        w->progress.n_lost += !st;
        return st;
    }
    mt_bit_set(w->done, record->unit);
    mt_bit_set(w->done_before, record->unit);
    if (record->size > 0)
        mt_bit_set(w->stored, record->unit);
    w->progress.n_done += record->unit < w->plan->levels[0].n_units;
    w->progress.bytes_published += record->size;
    return MT_OK;
}

mt_status mt_writer_read_journal(mt_writer *w, mt_error *err)
{
    uint64_t n_damaged;
    mt_status st = mt_writer_new_bitmaps(w, err);
    if (st || (st = mt_journal_read(w->target, w->plan->digest, w->only_looks, note_done, w, &n_damaged, err)))
        return st;
    w->sink->done = w->done;
    w->progress.n_lost += n_damaged;
    w->progress.n_resumed = w->progress.n_done;
    return MT_OK;
}

mt_status mt_writer_adopt(mt_writer *w, mt_error *err)
{
    const mt_level *first = w->plan->levels;
    for (uint64_t unit = 0; w->sink->ops->has_objects && unit < first->n_units; unit++) {
        uint64_t size = 0;
        mt_error local = MT_ERROR_INIT;
        if (mt_bit_get(w->done, unit))
            continue;
        mt_status st = w->sink->ops->measure(w->sink, first, unit, &size, &local);
        if (st == MT_E_NOT_FOUND)
            continue;
        if (st)
            return mt_fail(err, st, "%s", local.message);
        mt_bit_set(w->done, unit);
        mt_bit_set(w->stored, unit);
        w->progress.n_done++;
        w->progress.n_resumed++;
        w->progress.bytes_published += size;
    }
    return MT_OK;
}
