/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/run.h"

#include "engine/decode.h"
#include "engine/fetch.h"
#include "engine/locate.h"
#include "engine/take.h"

#include <string.h>

/* A thread takes several units at once, but few enough to keep all threads busy. */
#define GROUPS_A_THREAD 8
#define LARGEST_GROUP 16

#define LOOK_UP_GROUP 32

/* Maximum number of chunks in one merged read of a slow store. Several tasks decode them. */
#define MOST_JOINED 1024

/* --- Look up: chunks in the cache are delivered; for the others, this call enters an entry to make. --- */

/* A chunk in the cache that a thread delivers next, after that which it finds now: its first rows are on their way from
 * memory meanwhile. */
typedef struct hit {
    mt_planned planned;
    mt_cache_entry *entry; /* NULL: none */
} hit;

static void deliver_hit(mt_call *call, hit *last)
{
    if (!last->entry)
        return;
    mt_deliver(call, &last->planned, &(mt_chunk) { .data = last->entry->data });
    mt_cache_release(call->context->chunks, last->entry);
    last->entry = NULL;
}

static bool is_hit(mt_call *call, const mt_planned *planned, mt_cache_entry *entry, hit *last)
{
    if (!entry)
        return false;
    atomic_fetch_add_explicit(&call->context->env.cache_hits, 1, memory_order_relaxed);
    mt_deliver_soon(call, planned, entry->data);
    deliver_hit(call, last);
    *last = (hit) { *planned, entry };
    return true;
}

/* False: the chunk is in the cache. True: it has an entry there that this call or another one makes. */
static bool begin(mt_call *call, mt_found *found, hit *last)
{
    const mt_planned *planned = found->planned;
    switch (mt_cache_begin(call->context->chunks, planned->use->image->owner, planned->id, &found->entry)) {
    case MT_CACHE_HIT: is_hit(call, planned, found->entry, last); return false;
    case MT_CACHE_BUSY: found->is_busy = true; return true;
    case MT_CACHE_NONE: found->entry = NULL; return true;
    case MT_CACHE_MAKE: return true;
    }
    return true;
}

/* False: the chunk is in the cache. */
static bool look_up(mt_call *call, mt_found *found, hit *last)
{
    const mt_planned *planned = found->planned;
    const mt_use *use = planned->use;
    size_t from, to;
    if (!use->keep && !use->peek)
        return true;
    if (use->peek || mt_decode_is_partial(call, planned, &from, &to))
        return !is_hit(call, planned, mt_cache_peek(call->context->chunks, use->image->owner, planned->id), last);
    return begin(call, found, last);
}

static void look_up_group(void *argument, size_t group)
{
    mt_call *call = argument;
    size_t end = (group + 1) * LOOK_UP_GROUP < call->n_found ? (group + 1) * LOOK_UP_GROUP : call->n_found;
    hit last = { .entry = NULL };
    for (size_t i = group * LOOK_UP_GROUP; i < end; i++)
        if (mt_call_stops_found(call, &call->found[i]) || !look_up(call, &call->found[i], &last))
            call->found[i].planned = NULL;
    deliver_hit(call, &last);
}

/* Keeps in call->found the chunks that this call reads, and moves those that other calls make to busy. Returns the
 * number moved. */
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

/* Boxes may differ in encoding, which is known only once they are located. In an image read by rows, encoded chunks go
 * through the cache like other encoded chunks. */
static size_t look_up_encoded(mt_call *call, mt_found *busy)
{
    hit last = { .entry = NULL };
    for (size_t i = 0; i < call->n_found; i++) {
        mt_found *f = &call->found[i];
        const mt_use *use = f->planned->use;
        if (use->strategy == MT_BY_ROWS && use->image->map->find_boxes && use->image->is_cacheable && !use->peek &&
            !f->missing && f->chain->n_steps > 0 && !f->again && !begin(call, f, &last))
            f->planned = NULL;
    }
    deliver_hit(call, &last);
    return keep_wanted(call, busy);
}

static void look_up_all(mt_call *call)
{
    size_t groups = (call->n_found + LOOK_UP_GROUP - 1) / LOOK_UP_GROUP;
    if (groups > 1 && call->plan->bytes >= MT_SHARED_BYTES && mt_call_shares_copies(call))
        mt_pool_run(call->context->pool, groups, look_up_group, call);
    else
        for (size_t i = 0; i < groups; i++)
            look_up_group(call, i);
}

/* --- Units: chunks read together. --- */

/* Whether a chunk may be part of a merged read. */
static bool is_joinable(const mt_call *call, const mt_found *found)
{
    return !found->missing && found->size != MT_WHOLE && !mt_take_is_by_rows(found) &&
           found->size <= found->planned->use->image->store->costs.most_joined &&
           mt_decode_check_size(call, found, found->size, NULL) == MT_OK;
}

/* The number of chunks from the i-th on that form one unit. */
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

/* --- Execution. --- */

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
            mt_take_unit(call, u, scratch);
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

/* The number of units in a group. Groups of large chunks are small: the last one keeps the other threads waiting. */
static size_t choose_group(const mt_call *call, size_t pieces, uint64_t bytes)
{
    size_t group = call->n_units / pieces, most = (size_t)(MT_SHARED_BYTES * call->n_units / bytes);
    most = most < LARGEST_GROUP ? most : LARGEST_GROUP;
    group = group < most ? group : most;
    return group < 1 ? 1 : group;
}

static void read_found(mt_call *call)
{
    size_t pieces = (size_t)mt_pool_threads(call->context->pool) * GROUPS_A_THREAD;
    uint64_t bytes = call->plan->bytes + decode_bytes(call);
    bool shared = call->n_found > 1 && bytes >= MT_SHARED_BYTES;
    make_units(call, shared ? pieces : 1);
    call->group = shared ? choose_group(call, pieces, bytes) : call->n_units;
    size_t groups = call->n_units ? (call->n_units + call->group - 1) / call->group : 0;
    if (groups > 1)
        mt_pool_run(call->context->pool, groups, do_group, call);
    else if (groups)
        do_group(call, 0);
    mt_fetch_wait(call);
}

/* Waits for n chunks that other calls make. A chunk abandoned because the other caller cancelled goes to call->found,
 * to be made by this call, or stays in busy if a third call is making it. Returns the number of chunks left in busy. */
static size_t await_busy(mt_call *call, mt_found *busy, size_t n)
{
    size_t left = 0;
    hit last = { .entry = NULL };
    call->n_found = 0;
    for (size_t i = 0; i < n; i++) {
        mt_error failure;
        mt_error_clear(&failure);
        mt_status st = mt_decode_await(call, &busy[i], &failure);
        if (st == MT_E_CANCELLED && !mt_cancel_asked(call->cancel)) {
            mt_found again = { .planned = busy[i].planned };
            if (!look_up(call, &again, &last))
                continue;
            if (again.is_busy)
                busy[left++] = again;
            else
                call->found[call->n_found++] = again;
        } else if (st) {
            mt_call_fail_named(call, &busy[i], st, &failure);
        }
    }
    deliver_hit(call, &last);
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
        if (!st) {
            n_busy += look_up_encoded(call, busy + n_busy);
            read_found(call);
        }
        n_busy = await_busy(call, busy, n_busy);
    }
    mt_arena_free(call->keys);
    call->keys = NULL;
}

/* For small plans, which are often cached as a whole: delivers the cached chunks and keeps the others in the plan. */
static void deliver_cached(mt_call *call, mt_plan *plan)
{
    size_t left = 0;
    hit last = { .entry = NULL };
    for (size_t i = 0; i < plan->n_chunks; i++) {
        const mt_planned *p = &plan->chunks[i];
        const mt_use *use = p->use;
        if (!(use->keep || use->peek) ||
            !is_hit(call, p, mt_cache_peek(call->context->chunks, use->image->owner, p->id), &last))
            plan->chunks[left++] = *p;
    }
    deliver_hit(call, &last);
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
