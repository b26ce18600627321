/* SPDX-License-Identifier: BSD-3-Clause */
/* Which units are done: bitmaps, filled from the journals of earlier writers.
 *
 * A journal says what was published, and the objects are looked for: after a power cut, or by somebody's hand, they may be
 * missing or damaged. A target that lists sizes is listed once; elsewhere, the threads of the context measure objects. */
#include "write/writer.h"

#include <stdlib.h>
#include <string.h>

enum { FEW = 8 }; /* objects that are sooner measured than listed */

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

/* --- Records. --- */

typedef struct records {
    mt_writer *w;
    mt_unit_record *items;
    size_t n, room;
    uint8_t *fits;  /* for each: the object is there and has this size; at last, it is whole */
    bool is_listed; /* fits was set by a listing */
    bool only_new;  /* records of units that are done are left out */
} records;

static bool is_done(mt_writer *w, uint64_t unit)
{
    mt_lock_take(&w->lock);
    bool is_done = mt_bit_get(w->done, unit);
    mt_lock_give(&w->lock);
    return is_done;
}

static mt_status note_record(void *user, const mt_unit_record *record, mt_error *err)
{
    records *r = user;
    uint64_t n_units = mt_writer_all_units(r->w);
    if (record->unit >= n_units)
        return mt_fail(err, MT_E_CORRUPT, "the journal has a record of unit %llu, and the image only %llu",
                       (unsigned long long)record->unit, (unsigned long long)n_units);
    if (r->only_new && is_done(r->w, record->unit))
        return MT_OK;
    if (r->n == r->room) {
        size_t room = r->room ? 2 * r->room : 256, size = sizeof *record;
        void *items = mt_resize(r->w->env, r->items, r->room * size, room * size);
        if (!items)
            return mt_fail(err, MT_E_MEMORY, "out of memory");
        r->items = items;
        r->room = room;
    }
    r->items[r->n++] = *record;
    return MT_OK;
}

static void free_records(records *r)
{
    if (r->fits)
        mt_release(r->w->env, r->fits, r->n);
    mt_release(r->w->env, r->items, r->room * sizeof *r->items);
}

static int compare_units(const void *a, const void *b)
{
    uint64_t one = ((const mt_unit_record *)a)->unit, other = ((const mt_unit_record *)b)->unit;
    return (one > other) - (one < other);
}

/* The first record of a unit, or of one behind it. */
static size_t find_record(const records *r, uint64_t unit)
{
    size_t from = 0, to = r->n;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (r->items[middle].unit < unit)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* --- Objects. --- */

static const mt_level *level_of(const mt_writer *w, uint64_t unit)
{
    const mt_level *level = w->plan->levels;
    while (unit >= level->first_unit + level->n_units)
        level++;
    return level;
}

static bool can_list(const mt_writer *w) { return w->sink->ops->list_units && mt_target_lists_sizes(w->target); }

static mt_status note_listed(void *user, uint64_t unit, uint64_t size, mt_error *err)
{
    records *r = user;
    (void)err;
    for (size_t i = find_record(r, unit); i < r->n && r->items[i].unit == unit; i++)
        r->fits[i] = r->items[i].size == size;
    return MT_OK;
}

/* MT_E_NOT_FOUND is an answer: nothing of what was looked for is there. */
static mt_status check_answer(mt_status st, const mt_error *why, bool *fits, mt_error *err)
{
    *fits = *fits && !st;
    return !st || st == MT_E_NOT_FOUND ? MT_OK : mt_fail(err, st, "%s", why->message);
}

static mt_status measure(mt_writer *w, const mt_unit_record *record, bool *fits, mt_error *err)
{
    const mt_level *level = level_of(w, record->unit);
    uint64_t size = 0;
    mt_error why = MT_ERROR_INIT;
    mt_status st = w->sink->ops->measure(w->sink, level, record->unit - level->first_unit, &size, &why);
    *fits = size == record->size;
    return check_answer(st, &why, fits, err);
}

static mt_status sum(mt_writer *w, const mt_unit_record *record, bool *fits, mt_error *err)
{
    const mt_level *level = level_of(w, record->unit);
    uint32_t crc = 0;
    mt_error why = MT_ERROR_INIT;
    mt_status st = w->sink->ops->sum(w->sink, level, record->unit - level->first_unit, &crc, &why);
    *fits = crc == record->crc;
    return check_answer(st, &why, fits, err);
}

/* Whether the object of a record exists and is whole. One that was not synced may have the right size and other contents
 * after a power cut. */
static mt_status check_record(void *argument, size_t i, mt_error *err)
{
    records *r = argument;
    mt_writer *w = r->w;
    const mt_unit_record *record = &r->items[i];
    bool fits = r->fits[i];
    mt_status st = MT_OK;
    if (record->flags & MT_UNIT_EMPTY)
        fits = true;
    else if (!r->is_listed)
        st = measure(w, record, &fits, err);
    if (!st && fits && !(record->flags & (MT_UNIT_EMPTY | MT_UNIT_SYNCED)) && w->sink->ops->sum)
        st = sum(w, record, &fits, err);
    r->fits[i] = fits;
    return st;
}

/* Returns the size of the largest object that is known. */
static size_t note_sizes(const records *r)
{
    mt_writer *w = r->w;
    mt_lock_take(&w->lock);
    for (size_t i = 0; i < r->n; i++)
        w->largest = r->items[i].size > w->largest ? (size_t)r->items[i].size : w->largest;
    size_t largest = w->largest;
    mt_lock_give(&w->lock);
    return largest;
}

/* A writer that only looks trusts the records, to save the reads. */
static mt_status check_records(records *r, mt_error *err)
{
    mt_writer *w = r->w;
    void *memory;
    mt_status st = mt_alloc(w->env, r->n, &memory, err);
    if (st)
        return st;
    r->fits = memset(memory, w->only_looks && !w->sink->ops->look, r->n);
    qsort(r->items, r->n, sizeof *r->items, compare_units);
    size_t lanes = mt_writer_count_lanes(w, note_sizes(r));
    if (w->only_looks && !w->sink->ops->look)
        return MT_OK;
    r->is_listed = r->n > FEW && can_list(w);
    if (r->is_listed && (st = w->sink->ops->list_units(w->sink, note_listed, r, err)))
        return st;
    return mt_writer_run(w, r->n, lanes, check_record, r, err);
}

bool mt_writer_mark_done(mt_writer *w, uint64_t unit, uint64_t size)
{
    if (mt_bit_get(w->done, unit))
        return false;
    mt_bit_set(w->done, unit);
    if (size > 0)
        mt_bit_set(w->stored, unit);
    w->progress.n_done += unit < w->plan->levels[0].n_units;
    return true;
}

/* A unit that others have published. With the lock held, or alone. */
static void set_done(mt_writer *w, uint64_t unit, uint64_t size)
{
    if (!mt_writer_mark_done(w, unit, size))
        return;
    mt_bit_set(w->done_before, unit);
    w->progress.n_resumed += unit < w->plan->levels[0].n_units;
    w->progress.bytes_published += size;
}

/* A unit is done if one of its records fits: it may have been lost, and written again. Returns how many do not fit. With
 * the lock held, or alone. */
static uint64_t take_records(const records *r)
{
    uint64_t n_lost = 0;
    for (size_t i = 0, next; i < r->n; i = next) {
        const mt_unit_record *found = NULL;
        for (next = i; next < r->n && r->items[next].unit == r->items[i].unit; next++)
            if (r->fits[next])
                found = &r->items[next];
        if (found)
            set_done(r->w, found->unit, found->size);
        else
            n_lost++;
    }
    return n_lost;
}

mt_status mt_writer_read_journal(mt_writer *w, mt_error *err)
{
    uint64_t n_damaged;
    records r = { .w = w };
    mt_status st = mt_writer_new_bitmaps(w, err);
    if (st)
        return st;
    w->sink->done = w->done;
    st = mt_journal_read(w->target, w->plan->digest, w->only_looks, note_record, &r, &n_damaged, err);
    if (!st && r.n > 0 && !(st = check_records(&r, err)))
        w->progress.n_lost += take_records(&r);
    free_records(&r);
    if (!st)
        w->progress.n_lost += n_damaged;
    return st;
}

/* Records of units that were lost come again, and are checked again. */
mt_status mt_writer_reread_journal(mt_writer *w, mt_error *err)
{
    uint64_t n_damaged;
    records r = { .w = w, .only_new = true };
    mt_status st = mt_journal_read(w->target, w->plan->digest, true, note_record, &r, &n_damaged, err);
    if (!st && r.n > 0 && !(st = check_records(&r, err))) {
        mt_lock_take(&w->lock);
        uint64_t bytes = w->progress.bytes_published; /* not those of others at work */
        (void)take_records(&r);
        w->progress.bytes_published = bytes;
        mt_writer_drop_done(w);
        mt_lock_give(&w->lock);
    }
    free_records(&r);
    return st;
}

void mt_writer_set_finished(mt_writer *w)
{
    mt_lock_take(&w->lock);
    for (uint64_t unit = 0; unit < w->progress.n_units; unit++)
        set_done(w, unit, 0);
    w->is_finished = true;
    w->failure = (mt_error)MT_ERROR_INIT;
    mt_writer_drop_done(w);
    mt_lock_give(&w->lock);
}

/* --- Adopting. --- */

typedef struct adoption {
    mt_writer *w;
    mt_steps *steps;
} adoption;

static mt_status adopt_found(void *user, uint64_t unit, uint64_t size, mt_error *err)
{
    const adoption *a = user;
    mt_writer *w = a->w;
    mt_lock_take(&w->lock);
    if (unit < w->plan->levels[0].n_units)
        set_done(w, unit, size);
    w->largest = size > w->largest ? (size_t)size : w->largest;
    mt_lock_give(&w->lock);
    return mt_steps_take(a->steps, 0, err);
}

static mt_status adopt_unit(void *user, size_t unit, mt_error *err)
{
    const adoption *a = user;
    uint64_t size;
    mt_error why = MT_ERROR_INIT;
    if (mt_writer_is_done(a->w, unit))
        return MT_OK;
    mt_status st = a->w->sink->ops->measure(a->w->sink, a->w->plan->levels, unit, &size, &why);
    if (!st)
        return adopt_found(user, unit, size, err);
    return st == MT_E_NOT_FOUND ? mt_steps_take(a->steps, 0, err) : mt_fail(err, st, "%s", why.message);
}

mt_status mt_writer_adopt(mt_writer *w, mt_steps *steps, mt_error *err)
{
    adoption a = { w, steps };
    uint64_t n = w->progress.n_units;
    if (!w->sink->ops->has_objects || w->progress.n_done == n)
        return MT_OK;
    if (n - w->progress.n_done > FEW && can_list(w))
        return w->sink->ops->list_units(w->sink, adopt_found, &a, err);
    return mt_writer_run(w, (size_t)n, mt_writer_count_lanes(w, 0), adopt_unit, &a, err);
}
