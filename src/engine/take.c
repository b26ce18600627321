/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/take.h"

#include "base/checked.h"
#include "engine/absence.h"
#include "engine/decode.h"
#include "engine/fetch.h"

bool mt_take_is_by_rows(const mt_found *found)
{
    return found->planned->use->strategy == MT_BY_ROWS && !found->missing && found->chain->n_steps == 0;
}

/* --- Chunks. --- */

/* Whether getting the size of an object would block. */
static bool size_takes_waiting(const mt_store *store) { return !store->ops->read_now || store->costs.is_slow; }

/* False: the chunk is done, because its object is missing or has a wrong size. */
static bool find_size(mt_call *call, mt_found *found, uint64_t *size)
{
    mt_error failure;
    mt_error_clear(&failure);
    mt_status st = MT_OK;
    *size = found->size;
    if (found->size == MT_WHOLE) {
        st = mt_store_size(found->planned->use->image->store, found->key, size, &failure);
        if (st == MT_E_NOT_FOUND && found->absent_is_fill) {
            mt_decode_missing(call, found);
            return false;
        }
        if (!st && found->offset > *size)
            st = mt_fail(&failure, MT_E_CORRUPT, "%s: ends after %llu bytes, before byte %llu", found->key,
                         (unsigned long long)*size, (unsigned long long)found->offset);
        *size -= found->offset;
    }
    if (!st)
        st = mt_decode_check_size(call, found, *size, &failure);
    if (!st && found->chain->n_steps == 0) { /* the object may have more bytes than needed */
        mt_layout storage;
        const mt_planned *planned = found->planned;
        *size = mt_image_least_bytes(planned->use->image, planned->id, mt_planned_layout(call, planned, &storage));
    }
    if (st)
        mt_call_fail_found(call, found, st, &failure);
    return st == MT_OK;
}

/* The bytes of a chunk whose object is in memory, else NULL. */
static const uint8_t *find_view(const mt_found *found, uint64_t size)
{
    mt_store *store = found->planned->use->image->store;
    uint64_t whole;
    const uint8_t *view = store->costs.is_memory ? mt_store_view(store, found->key, &whole) : NULL;
    return view && found->offset <= whole && size <= whole - found->offset ? view + found->offset : NULL;
}

static void decode(mt_call *call, mt_found *found, const uint8_t *bytes, uint64_t size, mt_scratch *scratch)
{
    mt_error failure;
    mt_error_clear(&failure);
    mt_status st = mt_decode(call, found, bytes, (size_t)size, scratch, &failure);
    if (st)
        mt_call_fail_found(call, found, st, &failure);
}

/* Reads a raw chunk directly into its future block of the cache. False: the read would block. */
static bool read_block(mt_call *call, mt_found *found)
{
    mt_layout storage;
    const mt_image *image = found->planned->use->image;
    const mt_layout *layout = mt_planned_layout(call, found->planned, &storage);
    mt_error failure;
    mt_error_clear(&failure);
    void *block;
    mt_cache *cache = call->context->chunks;
    mt_status st = mt_cache_alloc(cache, layout->bytes, &block, &failure);
    if (st) {
        mt_call_fail_found(call, found, st, &failure);
        return true;
    }
    mt_range range = { found->offset, mt_image_least_bytes(image, found->planned->id, layout), block };
    bool now = mt_store_read_now(image->store, found->key, &range, 1, &st, &failure);
    if (now && !st) {
        mt_decode_in_place(call, found, block);
        return true;
    }
    mt_cache_dealloc(cache, block, layout->bytes);
    if (now)
        mt_call_fail_found(call, found, st, &failure);
    return now;
}

/* Reads one chunk of known size. False: the read would block. */
static bool do_chunk(mt_call *call, mt_found *found, uint64_t size, mt_scratch *scratch)
{
    const uint8_t *view = find_view(found, size);
    uint8_t *buffer;
    mt_error failure;
    mt_error_clear(&failure);
    if (view) {
        decode(call, found, view, size, scratch);
        return true;
    }
    if (found->chain->n_steps == 0 && found->entry)
        return read_block(call, found);
    mt_status st = mt_scratch_buffer(scratch, MT_ENCODED_BUFFER, (size_t)size, &buffer, &failure);
    mt_range range = { found->offset, (size_t)size, buffer };
    if (!st && !mt_store_read_now(found->planned->use->image->store, found->key, &range, 1, &st, &failure))
        return false;
    if (st)
        mt_call_fail_found(call, found, st, &failure);
    else
        decode(call, found, buffer, size, scratch);
    return true;
}

static bool do_chunk_within_budget(mt_call *call, mt_found *found, uint64_t size, mt_scratch *scratch)
{
    mt_layout storage;
    size_t need = (size_t)size + mt_planned_layout(call, found->planned, &storage)->bytes;
    bool reserved = mt_context_reserve(call->context, need);
    bool done = do_chunk(call, found, size, scratch);
    if (reserved)
        mt_context_unreserve(call->context, need, scratch);
    return done;
}

/* A chunk that is missing in its shard or in the index of the image. */
static void do_missing(mt_call *call, mt_found *found)
{
    mt_status st;
    mt_error failure;
    mt_error_clear(&failure);
    if (mt_judge_absence(call, found, &st, &failure) == MT_REFUSED)
        mt_call_fail_found(call, found, st, &failure);
    else
        mt_decode_missing(call, found);
}

static void do_one(mt_call *call, mt_found *found, mt_scratch *scratch)
{
    const mt_store *store = found->planned->use->image->store;
    uint64_t size;
    if (found->missing) {
        do_missing(call, found);
        return;
    }
    if (found->size == MT_WHOLE && size_takes_waiting(store)) {
        mt_fetch_chunks(call, found, 1);
        return;
    }
    if (find_size(call, found, &size) && !do_chunk_within_budget(call, found, size, scratch)) {
        found->size = size;
        mt_fetch_chunks(call, found, 1);
    }
}

static void decode_joined(mt_call *call, mt_found *found, const uint8_t *bytes, mt_scratch *scratch)
{
    mt_error failure = MT_ERROR_INIT;
    mt_status st = mt_decode_within_budget(call, found, bytes, (size_t)found->size, scratch, &failure);
    if (st)
        mt_call_fail_found(call, found, st, &failure);
}

/* Reads several chunks with one read. False: the read failed, or memory ran out; nothing is done. */
static bool do_window(mt_call *call, mt_found *found, size_t n, mt_scratch *scratch)
{
    const mt_found *last = &found[n - 1];
    mt_store *store = found->planned->use->image->store;
    size_t size = (size_t)(last->offset + last->size - found->offset);
    uint8_t *buffer;
    mt_status st;
    if (store->costs.is_memory || mt_scratch_buffer(scratch, MT_WINDOW_BUFFER, size, &buffer, NULL))
        return false;
    mt_range range = { found->offset, size, buffer };
    if (!mt_store_read_now(store, found->key, &range, 1, &st, NULL)) {
        mt_fetch_chunks(call, found, n);
        return true;
    }
    for (size_t i = 0; !st && i < n; i++)
        if (!mt_call_stops_found(call, &found[i]))
            decode_joined(call, &found[i], buffer + (found[i].offset - found->offset), scratch);
    return st == MT_OK;
}

/* --- Rows. --- */

typedef struct rows_job {
    mt_call *call;
    mt_found *found;
    mt_scratch *scratch;
    const mt_layout *layout;
    int64_t unasked; /* bytes read since cancellation was last polled */
} rows_job;

#define ASK_EVERY ((int64_t)1 << 20)
#define HOT_BYTES ((int64_t)128 << 10) /* of rows, which are copied before they leave the second-level cache */

/* False: the read would block. */
static bool read_batch(rows_job *j, const mt_row_batch *batch, mt_status *st, mt_error *failure, uint8_t **rows)
{
    uint8_t *memory;
    if ((*st =
             mt_scratch_buffer(j->scratch, MT_ENCODED_BUFFER, (size_t)batch->n * sizeof(mt_range), &memory, failure)) ||
        (*st = mt_scratch_buffer(j->scratch, MT_DECODED_BUFFER, (size_t)(batch->n * batch->span), rows, failure)))
        return true;
    mt_range *ranges = (mt_range *)(void *)memory;
    for (int64_t i = 0; i < batch->n; i++)
        ranges[i] = mt_row_range(batch, i, *rows);
    return mt_store_read_now(j->found->planned->use->image->store, j->found->key, ranges, (size_t)batch->n, st,
                             failure);
}

static bool do_batch(rows_job *j, const mt_intersection *part, const mt_row_batch *batch)
{
    mt_error failure;
    mt_error_clear(&failure);
    mt_status st = MT_OK;
    uint8_t *rows;
    j->unasked += batch->n * batch->span;
    if (j->unasked >= ASK_EVERY) {
        j->unasked = 0;
        st = mt_cancel_asked(j->call->cancel) ? MT_E_CANCELLED : MT_OK;
    }
    if (!st && !read_batch(j, batch, &st, &failure, &rows))
        return false;
    if (st == MT_E_NOT_FOUND && j->found->planned->use->image->store->costs.is_slow)
        return false; /* asking whether it may be missing would block, too */
    if (st) {
        mt_fail_rows(j->call, j->found, part->read, batch, st, &failure);
        return true;
    }
    mt_convert convert = part->read->convert;
    convert.swap = j->found->planned->use->image->map->swap;
    mt_rows_gather(batch, &convert, rows);
    return true;
}

static void init_rows(const rows_job *j, const mt_intersection *part, size_t gap, mt_rows *rows)
{
    const mt_image *image = part->read->image;
    uint64_t offset = j->found->offset + (uint64_t)mt_layout_offset(j->layout, part->low, image->map->ndim);
    mt_rows_init(rows, image->map->ndim, part->extent, j->layout->stride, image->element_size, gap, offset, part->out,
                 part->read->out_stride);
}

/* Hands the whole part to the fetch stage, in fewer and longer ranges, within the store's limit of concurrent reads. */
static void defer_part(const rows_job *j, const mt_intersection *part)
{
    mt_rows rows;
    mt_row_batch batch;
    const mt_store *store = part->read->image->store;
    unsigned most = mt_store_in_flight(store);
    init_rows(j, part, store->costs.cold_gap, &rows);
    rows.most = most < rows.most ? most : rows.most;
    while (mt_rows_next(&rows, &batch))
        mt_fetch_rows(j->call, j->found, part->read, &batch);
}

static void do_part(rows_job *j, const mt_intersection *part)
{
    mt_rows rows;
    mt_row_batch batch;
    init_rows(j, part, part->read->image->store->costs.gap, &rows);
    rows.most = mt_min_i64(rows.most, mt_max_i64(HOT_BYTES / rows.span, 1));
    while (mt_rows_next(&rows, &batch))
        if (!do_batch(j, part, &batch)) {
            defer_part(j, part);
            return;
        }
}

static void gather_from_view(const rows_job *j, const mt_intersection *part, const uint8_t *view)
{
    const mt_image *image = part->read->image;
    mt_convert convert = part->read->convert;
    convert.swap = image->map->swap;
    view += mt_layout_offset(j->layout, part->low, image->map->ndim);
    mt_gather(&convert, image->map->ndim, part->extent, part->out, part->read->out_stride, view, j->layout->stride);
}

/* The layout of a piece has no size: it is what the image spans. */
static uint64_t raw_bytes(const mt_found *found, const mt_layout *layout)
{
    const mt_image *image = found->planned->use->image;
    bool is_piece = found->planned->id == MT_PIECE;
    return is_piece ? mt_image_span(image) : mt_image_least_bytes(image, found->planned->id, layout);
}

static void do_rows(mt_call *call, mt_found *found, mt_scratch *scratch)
{
    mt_layout storage;
    rows_job j = { call, found, scratch, mt_planned_layout(call, found->planned, &storage), 0 };
    const mt_store *store = found->planned->use->image->store;
    uint64_t size;
    bool is_piece = found->planned->id == MT_PIECE, known = found->size != MT_WHOLE || !size_takes_waiting(store);
    if (!is_piece && known && !find_size(call, found, &size))
        return;
    const uint8_t *view = find_view(found, raw_bytes(found, j.layout));
    mt_intersection part;
    MT_FOR_EACH_COPY(c, call, found->planned)
    {
        mt_find_intersection(call, found->planned, c, &part);
        if (view)
            gather_from_view(&j, &part, view);
        else
            do_part(&j, &part);
    }
}

void mt_take_unit(mt_call *call, const mt_unit *unit, mt_scratch *scratch)
{
    mt_found *found = &call->found[unit->first];
    if (mt_take_is_by_rows(found)) {
        if (!mt_call_stops_found(call, found))
            do_rows(call, found, scratch);
        return;
    }
    if (unit->n > 1 && do_window(call, found, unit->n, scratch))
        return;
    for (size_t i = 0; i < unit->n; i++)
        if (!mt_call_stops_found(call, &found[i]))
            do_one(call, &found[i], scratch);
}
