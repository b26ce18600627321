/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/run.h"

#include "engine/decode.h"
#include "engine/fetch.h"
#include "engine/locate.h"

#include <string.h>

/* A thread takes several units at once, but not so many that another one has nothing left to do. */
#define GROUPS_A_THREAD 8
#define LARGEST_GROUP 16

#define LOOK_UP_GROUP 32

/* Chunks of one joined read of a slow store. Several tasks decode them. */
#define MOST_JOINED 1024

/* --- Look up: what the cache has is delivered, the rest is entered there as being made by this call. --- */

static bool is_hit(mt_call *call, const mt_planned *planned, mt_cache_entry *entry)
{
    if (!entry)
        return false;
    atomic_fetch_add_explicit(&call->context->env.cache_hits, 1, memory_order_relaxed);
    mt_deliver(call, planned, &(mt_chunk) { .data = entry->data });
    mt_cache_release(call->context->chunks, entry);
    return true;
}

/* False: the chunk is delivered. */
static bool look_up(mt_call *call, mt_found *found)
{
    const mt_planned *planned = found->planned;
    const mt_use *use = planned->use;
    mt_cache *cache = call->context->chunks;
    size_t from, to;
    if (!use->keep && !use->peek)
        return true;
    if (use->peek || mt_decode_is_partial(call, planned, &from, &to))
        return !is_hit(call, planned, mt_cache_peek(cache, use->image->owner, planned->id));
    switch (mt_cache_begin(cache, use->image->owner, planned->id, &found->entry)) {
    case MT_CACHE_HIT: is_hit(call, planned, found->entry); return false;
    case MT_CACHE_BUSY: found->is_busy = true; return true;
    case MT_CACHE_NONE: found->entry = NULL; return true;
    case MT_CACHE_MAKE: return true;
    }
    return true;
}

static void look_up_group(void *argument, size_t group)
{
    mt_call *call = argument;
    size_t end = (group + 1) * LOOK_UP_GROUP < call->n_found ? (group + 1) * LOOK_UP_GROUP : call->n_found;
    for (size_t i = group * LOOK_UP_GROUP; i < end; i++)
        if (mt_call_stops_found(call, &call->found[i]) || !look_up(call, &call->found[i]))
            call->found[i].planned = NULL;
}

/* Leaves in call->found the chunks that this call reads, and moves those that other calls make to busy. Returns how many
 * it moved. */
static size_t keep_wanted(mt_call *call, mt_found *busy)
{
    size_t left = 0, n_busy = 0;
    for (size_t i = 0; i < call->n_found; i++) {
        if (!call->found[i].planned)
            continue;
        if (call->found[i].is_busy)
            busy[n_busy++] = call->found[i];
        else
            call->found[left++] = call->found[i];
    }
    call->n_found = left;
    return n_busy;
}

static void look_up_all(mt_call *call)
{
    size_t groups = (call->n_found + LOOK_UP_GROUP - 1) / LOOK_UP_GROUP;
    if (groups > 1 && call->plan->bytes >= MT_SHARED_BYTES)
        mt_pool_run(call->context->pool, groups, look_up_group, call);
    else
        for (size_t i = 0; i < groups; i++)
            look_up_group(call, i);
}

/* --- Units: what is read together. --- */

static bool is_by_rows(const mt_found *found)
{
    return found->planned->use->strategy == MT_BY_ROWS && !found->missing && found->chain->n_steps == 0;
}

/* Whether a chunk may be read together with others. */
static bool is_joinable(const mt_call *call, const mt_found *found)
{
    return !found->missing && found->size != MT_WHOLE && !is_by_rows(found) &&
           found->size <= found->planned->use->image->store->costs.most_joined &&
           mt_decode_check_size(call, found, found->size, NULL) == MT_OK;
}

/* How many chunks from the i-th on are one unit. */
static size_t unit_length(const mt_call *call, size_t i, size_t most)
{
    const mt_found *first = &call->found[i];
    if (most < 2 || !is_joinable(call, first))
        return 1;
    const mt_store_costs *costs = &first->planned->use->image->store->costs;
    uint64_t end = first->offset + first->size;
    size_t n = 1;
    for (; n < most && i + n < call->n_found; n++) {
        const mt_found *f = &first[n];
        if (f->planned->use != first->planned->use || f->object != first->object || f->offset < end ||
            f->offset - end > costs->gap || f->offset + f->size - first->offset > costs->most_joined ||
            !is_joinable(call, f))
            break;
        end = f->offset + f->size;
    }
    return n;
}

static void make_units(mt_call *call, size_t pieces)
{
    call->n_units = 0;
    for (size_t i = 0, n; i < call->n_found; i += n) {
        size_t most = call->n_found / pieces;
        most = most < 1 ? 1 : most > LARGEST_GROUP ? LARGEST_GROUP : most;
        if (call->found[i].planned->use->image->store->costs.is_slow)
            most = MOST_JOINED;
        n = unit_length(call, i, most);
        call->units[call->n_units++] = (mt_unit) { (uint32_t)i, (uint32_t)n };
    }
}

/* --- Chunks. --- */

/* Whether the size of a whole object has to be waited for. */
static bool size_takes_waiting(const mt_store *store) { return !store->ops->read_now || store->costs.is_slow; }

/* False: the chunk is done, for its object is missing or has a wrong size. */
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
            st = mt_fail(&failure, MT_E_CORRUPT, "%s has %llu bytes, none at %llu", found->key,
                         (unsigned long long)*size, (unsigned long long)found->offset);
        *size -= found->offset;
    }
    if (!st)
        st = mt_decode_check_size(call, found, *size, &failure);
    if (!st && found->chain->n_steps == 0) { /* the object may have more bytes than are wanted */
        mt_layout storage;
        const mt_planned *planned = found->planned;
        *size = mt_image_least_bytes(planned->use->image, planned->id, mt_planned_layout(call, planned, &storage));
    }
    if (st)
        mt_call_fail_found(call, found, st, &failure);
    return st == MT_OK;
}

/* Bytes of an object that lies in memory, or NULL. */
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

/* A raw chunk for the cache is read into what becomes its block there. False: it would have to be waited for. */
static bool read_block(mt_call *call, mt_found *found)
{
    mt_layout storage;
    const mt_image *image = found->planned->use->image;
    const mt_layout *layout = mt_planned_layout(call, found->planned, &storage);
    mt_error failure;
    mt_error_clear(&failure);
    void *block;
    mt_status st = mt_alloc(&call->context->env, layout->bytes, &block, &failure);
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
    mt_release(&call->context->env, block, layout->bytes);
    if (now)
        mt_call_fail_found(call, found, st, &failure);
    return now;
}

/* One chunk, of a known size. False: it would have to be waited for. */
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

static void do_one(mt_call *call, mt_found *found, mt_scratch *scratch)
{
    const mt_store *store = found->planned->use->image->store;
    uint64_t size;
    if (found->missing) {
        mt_decode_missing(call, found);
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

/* Several chunks by one read. False: not done, for it failed, or there is no memory. */
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
    int64_t unasked; /* bytes read since the caller was last asked whether to stop */
} rows_job;

#define ASK_EVERY ((int64_t)1 << 20)

/* False: would have to be waited for. */
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
    uint64_t offset = j->found->offset;
    for (int d = 0; d < image->map->ndim; d++)
        offset += (uint64_t)(part->low[d] * j->layout->stride[d]);
    mt_rows_init(rows, image->map->ndim, part->extent, j->layout->stride, image->element_size, gap, offset, part->out,
                 part->read->out_stride);
}

/* The whole part again, by fewer and longer ranges, and no more of them at once than the store serves. */
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
    for (int d = 0; d < image->map->ndim; d++)
        view += part->low[d] * j->layout->stride[d];
    mt_gather(&convert, image->map->ndim, part->extent, part->out, part->read->out_stride, view, j->layout->stride);
}

/* Of a piece the size is that of the image, for which its layout has no place. */
static uint64_t raw_bytes(const mt_call *call, const mt_found *found, const mt_layout *layout)
{
    const mt_image *image = found->planned->use->image;
    if (found->planned->id != MT_PIECE)
        return mt_image_least_bytes(image, found->planned->id, layout);
    (void)call;
    uint64_t bytes = image->element_size;
    for (int d = 0; d < image->map->ndim; d++)
        bytes *= (uint64_t)image->map->shape[d];
    return bytes;
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
    const uint8_t *view = find_view(found, raw_bytes(call, found, j.layout));
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

/* --- All together. --- */

static void do_unit(mt_call *call, const mt_unit *unit, mt_scratch *scratch)
{
    mt_found *found = &call->found[unit->first];
    if (is_by_rows(found)) {
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

static void do_group(void *argument, size_t group)
{
    mt_call *call = argument;
    size_t first = group * call->group;
    size_t end = first + call->group < call->n_units ? first + call->group : call->n_units;
    mt_scratch *scratch;
    mt_error failure;
    mt_error_clear(&failure);
    mt_status st = mt_context_take_scratch(call->context, &scratch, &failure);
    for (size_t i = first; i < end; i++) {
        const mt_unit *u = &call->units[i];
        if (!st)
            do_unit(call, u, scratch);
        for (size_t k = 0; st && k < u->n; k++)
            mt_call_fail_found(call, &call->found[u->first + k], st, &failure);
    }
    if (!st)
        mt_context_give_scratch(call->context, scratch);
}

static uint64_t decode_bytes(const mt_call *call)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < call->n_found; i++)
        if (!call->found[i].missing && call->found[i].chain->n_steps)
            bytes += call->found[i].planned->use->image->chunk.bytes;
    return bytes;
}

static void read_found(mt_call *call)
{
    size_t pieces = (size_t)mt_pool_threads(call->context->pool) * GROUPS_A_THREAD;
    bool shared = call->n_found > 1 && call->plan->bytes + decode_bytes(call) >= MT_SHARED_BYTES;
    make_units(call, shared ? pieces : 1);
    size_t group = call->n_units / pieces;
    call->group = !shared ? call->n_units : group < 1 ? 1 : group > LARGEST_GROUP ? LARGEST_GROUP : group;
    size_t groups = call->n_units ? (call->n_units + call->group - 1) / call->group : 0;
    if (groups > 1)
        mt_pool_run(call->context->pool, groups, do_group, call);
    else if (groups)
        do_group(call, 0);
    mt_fetch_wait(call);
}

/* Waits for the n chunks of busy, which other calls make. A chunk that another call gave up because its caller cancelled
 * goes to call->found, to be made by this call, or, if a third call makes it already, back to busy. Returns how many
 * chunks are in busy then. */
static size_t await_busy(mt_call *call, mt_found *busy, size_t n)
{
    size_t left = 0;
    call->n_found = 0;
    for (size_t i = 0; i < n; i++) {
        mt_error failure;
        mt_error_clear(&failure);
        mt_status st = mt_decode_await(call, &busy[i], &failure);
        if (st == MT_E_CANCELLED && !mt_cancel_asked(call->cancel)) {
            mt_found again = { .planned = busy[i].planned };
            if (!look_up(call, &again))
                continue;
            if (again.is_busy)
                busy[left++] = again;
            else
                call->found[call->n_found++] = again;
        } else if (st) {
            mt_call_fail_named(call, &busy[i], st, &failure);
        }
    }
    return left;
}

static bool looks_up(const mt_plan *plan)
{
    for (size_t i = 0; i < plan->n_chunks; i++)
        if (plan->chunks[i].use->keep || plan->chunks[i].use->peek)
            return true;
    return false;
}

static void run_in(mt_call *call, mt_found *found, mt_found *busy, mt_unit *units)
{
    mt_error failure;
    mt_error_clear(&failure);
    size_t n_busy = 0;
    call->found = found;
    call->n_found = call->plan->n_chunks;
    call->units = units;
    for (size_t i = 0; i < call->n_found; i++)
        found[i] = (mt_found) { .planned = &call->plan->chunks[i] };
    if (looks_up(call->plan)) {
        look_up_all(call);
        n_busy = keep_wanted(call, busy);
    }
    while (call->n_found > 0 || n_busy > 0) {
        mt_status st = mt_locate(call, &failure);
        for (size_t i = 0; st && i < call->n_found; i++)
            mt_call_fail_found(call, &found[i], st, &failure);
        if (!st)
            read_found(call);
        n_busy = await_busy(call, busy, n_busy);
    }
    mt_arena_free(call->keys);
    call->keys = NULL;
}

/* Of a small plan, which often is all there: delivers what the cache has, and leaves the rest in the plan. */
static void deliver_cached(mt_call *call, mt_plan *plan)
{
    size_t left = 0;
    for (size_t i = 0; i < plan->n_chunks; i++) {
        const mt_planned *p = &plan->chunks[i];
        const mt_use *use = p->use;
        if (!(use->keep || use->peek) ||
            !is_hit(call, p, mt_cache_peek(call->context->chunks, use->image->owner, p->id)))
            plan->chunks[left++] = *p;
    }
    plan->n_chunks = left;
}

void mt_run(mt_call *call, mt_plan *plan)
{
    enum { INLINE = 16 };
    mt_found found[INLINE], busy[INLINE];
    mt_unit units[INLINE];
    mt_env *env = &call->context->env;
    call->plan = plan;
    if (plan->n_chunks <= INLINE)
        deliver_cached(call, plan);
    size_t n = plan->n_chunks;
    if (n == 0)
        return;
    mt_plan_sort(plan);
    if (n <= INLINE) {
        run_in(call, found, busy, units);
        return;
    }
    const size_t each = 2 * sizeof *found + sizeof *units;
    mt_error failure;
    mt_error_clear(&failure);
    void *memory;
    mt_status st = mt_alloc(env, n * each, &memory, &failure);
    if (st) {
        for (size_t i = 0; i < n; i++) {
            mt_found none = { .planned = &plan->chunks[i] };
            mt_call_fail_found(call, &none, st, &failure);
        }
        return;
    }
    mt_found *many = memory;
    run_in(call, many, many + n, (mt_unit *)(void *)(many + 2 * n));
    mt_release(env, memory, n * each);
}
