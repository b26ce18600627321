/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/fetch.h"

#include "engine/absence.h"
#include "engine/decode.h"

#include <string.h>

/* Limits of the bytes in flight or waiting to be decoded, which are a fraction of the budget. */
#define LEAST_BYTES ((uint64_t)32 << 20)
#define MOST_BYTES ((uint64_t)256 << 20)

#define HELPERS 3 /* additional tasks that decode the chunks of one flight */
#define CHUNKS_A_TASK 4

struct mt_fetcher {
    mt_context *context;
    mt_lock lock;
    mt_store *first; /* list of stores with waiting flights */
    bool is_pumping; /* a thread is starting flights */
    uint64_t bytes;  /* of started flights that are not done */
    uint64_t most;
    unsigned forks; /* number of forks since creation */
};

typedef struct helper {
    mt_task task;
    struct mt_flight *flight;
} helper;

typedef struct mt_flight {
    mt_task task;
    helper helpers[HELPERS];
    struct mt_flight *next;
    mt_call *call;
    mt_store *store;
    mt_found *found; /* n chunks, or the chunk of a batch of rows */
    size_t n;        /* number of chunks; 0: a batch of rows */
    const mt_read *read;
    mt_row_batch batch;

    size_t n_requests;
    mt_request *requests;
    mt_request request; /* if it reads chunks */
    uint8_t *buffer;
    size_t buffer_bytes, charge;
    mt_status status; /* a failure before any request was submitted */
    _Atomic size_t open, next_chunk;
    _Atomic unsigned workers;
} mt_flight;

/* In a forked child: no call continues, because the thread that forked was not in this stage. */
static void forget_flights(void *owner)
{
    mt_fetcher *f = owner;
    f->forks++; /* invalidates all lanes, also those of stores that are not listed */
    f->first = NULL;
    atomic_fetch_sub_explicit(&f->context->env.work_bytes, f->bytes, memory_order_relaxed);
    f->bytes = 0;
    f->is_pumping = false;
}

mt_status mt_fetcher_new(mt_context *context, mt_fetcher **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(&context->env, sizeof(mt_fetcher), &memory, err);
    if (st)
        return st;
    mt_fetcher *f = memset(memory, 0, sizeof(mt_fetcher));
    uint64_t share = mt_cache_budget(context->chunks) / 4;
    f->context = context;
    f->most = share < LEAST_BYTES ? LEAST_BYTES : share > MOST_BYTES ? MOST_BYTES : share;
    if ((st = mt_lock_init(&f->lock, forget_flights, f, err)))
        mt_release(&context->env, f, sizeof *f);
    else
        *out = f;
    return st;
}

void mt_fetcher_free(mt_fetcher *fetcher)
{
    if (!fetcher)
        return;
    mt_lock_destroy(&fetcher->lock);
    mt_release(&fetcher->context->env, fetcher, sizeof *fetcher);
}

static void land(mt_flight *flight);

static void request_done(mt_request *request)
{
    mt_flight *flight = request->user;
    if (atomic_fetch_sub(&flight->open, 1) == 1)
        land(flight);
}

static mt_status make_requests(mt_flight *f, mt_error *err)
{
    mt_env *env = f->store->env;
    void *memory;
    mt_status st = f->buffer_bytes ? mt_alloc(env, f->buffer_bytes, &memory, err) : MT_OK;
    if (st)
        return st;
    f->buffer = f->buffer_bytes ? memory : NULL;
    if (f->n > 0) {
        f->requests = &f->request;
        f->request.out = f->buffer;
        return MT_OK;
    }
    if ((st = mt_alloc(env, f->n_requests * sizeof *f->requests, &memory, err)))
        return st;
    f->requests = memset(memory, 0, f->n_requests * sizeof *f->requests);
    for (size_t i = 0; i < f->n_requests; i++) {
        mt_range range = mt_row_range(&f->batch, (int64_t)i, f->buffer);
        f->requests[i] =
            (mt_request) { .key = f->found->key, .offset = range.offset, .size = range.size, .out = range.out };
    }
    return MT_OK;
}

static void start(mt_flight *f)
{
    mt_store *store = f->store;
    mt_request *requests;
    size_t n = f->n_requests;
    f->status = make_requests(f, &f->request.error);
    if (f->status) {
        land(f);
        return;
    }
    requests = f->requests;
    f->open = n;
    for (size_t i = 0; i < n; i++) {
        requests[i].done = request_done;
        requests[i].user = f;
        requests[i].owner = f->call;
        mt_store_submit(store, &requests[i]); /* the last one may free the flight */
    }
}

/* Call with the lock held. */
static void charge(mt_fetcher *fetcher, size_t bytes)
{
    fetcher->bytes += bytes;
    atomic_fetch_add_explicit(&fetcher->context->env.work_bytes, bytes, memory_order_relaxed);
}

static void discharge(mt_fetcher *fetcher, size_t bytes)
{
    mt_lock_take(&fetcher->lock);
    fetcher->bytes -= bytes;
    atomic_fetch_sub_explicit(&fetcher->context->env.work_bytes, bytes, memory_order_relaxed);
    mt_lock_give(&fetcher->lock);
}

/* Takes the next flight that may start. Call with the lock held. A store with nothing in flight may always start one,
 * and so may a read larger than the limit once nothing else is in memory. */
static mt_flight *take_startable(mt_fetcher *fetcher)
{
    for (mt_store **at = &fetcher->first; *at;) {
        mt_lane *lane = &(*at)->lane;
        mt_flight *f = lane->first;
        unsigned most = mt_store_in_flight(*at);
        bool free = lane->in_flight == 0 || lane->in_flight + f->n_requests <= most;
        if (!free || (fetcher->bytes > 0 && fetcher->bytes + f->charge > fetcher->most)) {
            at = &lane->next;
            continue;
        }
        lane->first = f->next;
        lane->in_flight += (unsigned)f->n_requests;
        charge(fetcher, f->charge);
        if (!lane->first) {
            lane->is_listed = false;
            *at = lane->next;
        }
        return f;
    }
    return NULL;
}

/* Starts all flights that may start. Only one thread at a time does this, in a loop: a store may call done before
 * submit returns, and that must not start the next flight recursively. */
static void pump(mt_fetcher *fetcher)
{
    mt_lock_take(&fetcher->lock);
    if (!fetcher->is_pumping) {
        fetcher->is_pumping = true;
        for (mt_flight *f; (f = take_startable(fetcher));) {
            mt_lock_give(&fetcher->lock);
            start(f);
            mt_lock_take(&fetcher->lock);
        }
        fetcher->is_pumping = false;
    }
    mt_lock_give(&fetcher->lock);
}

static void work(mt_task *task);

/* All requests of a flight are done. Runs in a thread of the store: starts waiting flights and hands the data to the
 * pool. */
static void land(mt_flight *flight)
{
    mt_fetcher *fetcher = flight->call->context->fetcher;
    mt_lock_take(&fetcher->lock);
    flight->store->lane.in_flight -= (unsigned)flight->n_requests;
    mt_lock_give(&fetcher->lock);
    pump(fetcher);
    flight->workers = 1;
    flight->task.run = work;
    mt_pool_submit(fetcher->context->pool, &flight->task);
}

/* Call with the lock held. */
static mt_lane *lane_of(const mt_fetcher *fetcher, mt_store *store)
{
    if (store->lane.forks != fetcher->forks)
        store->lane = (mt_lane) { .forks = fetcher->forks };
    return &store->lane;
}

static void enqueue(mt_call *call, mt_flight *f)
{
    mt_fetcher *fetcher = call->context->fetcher;
    atomic_fetch_add(&call->deferred, 1);
    mt_lock_take(&fetcher->lock);
    mt_lane *lane = lane_of(fetcher, f->store);
    *(lane->first ? &lane->last->next : &lane->first) = f;
    lane->last = f;
    if (!lane->is_listed) {
        mt_store **end = &fetcher->first;
        while (*end)
            end = &(*end)->lane.next;
        *end = f->store;
        lane->next = NULL;
        lane->is_listed = true;
    }
    mt_lock_give(&fetcher->lock);
    pump(fetcher);
}

static mt_flight *new_flight(mt_call *call, mt_found *found, mt_error *err)
{
    void *memory;
    if (mt_alloc(&call->context->env, sizeof(mt_flight), &memory, err))
        return NULL;
    mt_flight *f = memset(memory, 0, sizeof(mt_flight));
    f->call = call;
    f->found = found;
    f->store = found->planned->use->image->store;
    return f;
}

/* Whether to read directly into a future block of the cache: for one raw chunk that is to be cached. */
static bool is_block(const mt_call *call, const mt_found *found, size_t n, size_t *bytes)
{
    mt_layout storage;
    if (n > 1 || found->chain->n_steps > 0 || !found->entry)
        return false;
    *bytes = mt_planned_layout(call, found->planned, &storage)->bytes;
    return true;
}

void mt_fetch_chunks(mt_call *call, mt_found *found, size_t n)
{
    mt_error failure;
    mt_error_clear(&failure);
    mt_layout storage;
    const mt_layout *layout = mt_planned_layout(call, found->planned, &storage);
    mt_flight *f = new_flight(call, found, &failure);
    if (!f) {
        for (size_t i = 0; i < n; i++)
            mt_call_fail_found(call, &found[i], MT_E_MEMORY, &failure);
        return;
    }
    f->n = n;
    f->n_requests = 1;
    f->request = (mt_request) { .key = found->key, .offset = found->offset };
    if (found->size == MT_WHOLE) {
        size_t bound = found->chain->n_steps ? mt_chain_encoded_bound(found->chain, layout->bytes) : layout->bytes;
        f->request.kind = MT_READ_WHOLE;
        f->request.size = bound < SIZE_MAX - found->offset ? bound + (size_t)found->offset : SIZE_MAX;
        f->charge = layout->bytes;
    } else {
        const mt_found *last = &found[n - 1];
        f->request.size = (size_t)(last->offset + last->size - found->offset);
        f->buffer_bytes = f->request.size;
        if (is_block(call, found, n, &f->buffer_bytes))
            f->request.size = mt_image_least_bytes(found->planned->use->image, found->planned->id, layout);
        f->charge = f->buffer_bytes;
    }
    enqueue(call, f);
}

void mt_fetch_rows(mt_call *call, mt_found *found, const mt_read *read, const mt_row_batch *batch)
{
    mt_error failure;
    mt_error_clear(&failure);
    mt_flight *f = new_flight(call, found, &failure);
    if (!f) {
        mt_fail_rows(call, found, read, batch, MT_E_MEMORY, &failure);
        return;
    }
    f->read = read;
    f->batch = *batch;
    f->n_requests = (size_t)batch->n;
    f->buffer_bytes = (size_t)(batch->n * batch->span);
    f->charge = f->buffer_bytes + f->n_requests * sizeof *f->requests;
    enqueue(call, f);
}

/* The last step of a flight. The call may end immediately after it. */
static void end_flight(mt_flight *f)
{
    mt_call *call = f->call;
    mt_context *context = call->context;
    mt_env *env = &context->env;
    if (f->n > 0 && f->request.kind == MT_READ_WHOLE)
        mt_release(env, f->request.out, f->request.capacity);
    else
        mt_release(env, f->buffer, f->buffer_bytes);
    if (f->n == 0)
        mt_release(env, f->requests, f->n_requests * sizeof *f->requests);
    discharge(context->fetcher, f->charge);
    mt_release(env, f, sizeof *f);
    pump(context->fetcher);
    if (atomic_fetch_sub(&call->deferred, 1) == 1)
        mt_pool_wake(context->pool);
}

/* Rows of an object that does not exist: the format may know it under another key, or refuse to read it as missing. */
static mt_status judge_rows(mt_flight *f, mt_found *found, mt_error *failure)
{
    char key[MT_KEY_BYTES];
    mt_status st = MT_OK;
    mt_error why = MT_ERROR_INIT;
    if (strlen(found->key) >= sizeof key)
        return MT_E_NOT_FOUND;
    memcpy(key, found->key, strlen(found->key) + 1);
    switch (mt_judge_key(found->planned->use->image, found->planned->id, key, &st, &why)) {
    case MT_ABSENT: return MT_E_NOT_FOUND;
    case MT_REFUSED: found->absent_is_fill = false; break;
    case MT_MOVED:
        for (size_t i = 0; i < f->n_requests; i++)
            f->requests[i].key = key;
        st = mt_store_perform(f->store, f->requests, f->n_requests, &why);
    }
    *failure = why;
    return st;
}

static void work_on_rows(mt_flight *f)
{
    mt_found found = *f->found;
    mt_convert convert = f->read->convert;
    convert.swap = f->found->planned->use->image->map->swap;
    mt_request *failed = f->status ? &f->request : NULL;
    for (size_t i = 0; !failed && i < f->n_requests; i++)
        if (f->requests[i].status)
            failed = &f->requests[i];
    mt_status st = f->status ? f->status : failed ? failed->status : MT_OK;
    if (st == MT_E_NOT_FOUND)
        st = judge_rows(f, &found, &failed->error);
    if (st)
        mt_fail_rows(f->call, &found, f->read, &f->batch, st, &failed->error);
    else
        mt_rows_gather(&f->batch, &convert, f->buffer);
}

static void fail(mt_flight *f, mt_found *found, mt_status st, const mt_error *failure)
{
    mt_call_fail_found(f->call, found, st, failure);
}

/* Does nothing if the caller has cancelled: waiting flights were abandoned then. */
static void fetch_again(mt_flight *f, mt_found *found)
{
    if (!mt_call_stops_found(f->call, found))
        mt_fetch_chunks(f->call, found, 1);
}

/* Networks and intermediate caches can damage bytes: a chunk that does not decode is read once more, bypassing
 * caches. */
static bool read_again(mt_flight *f, mt_found *found, mt_status st)
{
    if (st != MT_E_CORRUPT || !f->store->costs.is_slow || found->again)
        return false;
    found->again = true;
    mt_store_forget(f->store, found->key, found->offset, found->size == MT_WHOLE ? UINT64_MAX : found->size);
    fetch_again(f, found);
    return true;
}

static void decode_one(mt_flight *f, mt_found *found, mt_scratch *scratch)
{
    mt_call *call = f->call;
    mt_error failure;
    mt_error_clear(&failure);
    const bool whole = found->size == MT_WHOLE;
    size_t block;
    if (!whole && is_block(call, found, f->n, &block)) {
        mt_decode_in_place(call, found, f->buffer);
        f->buffer = NULL;
        f->buffer_bytes = 0;
        return;
    }
    const uint8_t *read = whole ? f->request.out : f->buffer;
    const uint64_t begin = whole ? found->offset : found->offset - f->found->offset;
    const uint8_t *bytes = begin ? read + begin : read;
    const size_t size = whole ? f->request.n_read - (size_t)begin : (size_t)found->size;
    mt_status st = mt_decode_check_size(call, found, size, &failure);
    if (!st)
        st = mt_decode_within_budget(call, found, bytes, size, scratch, &failure);
    if (st && !read_again(f, found, st))
        fail(f, found, st, &failure);
}

/* False: the caller must fail the chunk. */
static bool work_on_absence(mt_flight *f)
{
    mt_status st;
    mt_error failure;
    mt_error_clear(&failure);
    switch (mt_judge_absence(f->call, f->found, &st, &failure)) {
    case MT_MOVED: fetch_again(f, f->found); return true;
    case MT_REFUSED: fail(f, f->found, st, &failure); return true;
    case MT_ABSENT: break;
    }
    if (f->found->absent_is_fill)
        mt_decode_missing(f->call, f->found);
    return f->found->absent_is_fill;
}

/* If a merged read fails, the chunks are read one by one, because any of them may be readable. */
static void work_on_failure(mt_flight *f)
{
    mt_request *r = &f->request;
    mt_status st = f->status ? f->status : r->status;
    if (f->n > 1 && st != MT_E_CANCELLED) {
        for (size_t i = 0; i < f->n; i++)
            fetch_again(f, &f->found[i]);
        return;
    }
    if (st == MT_E_NOT_FOUND && work_on_absence(f))
        return;
    if (f->n == 1 && read_again(f, f->found, st)) /* also for stores that decompress: zip, gzip */
        return;
    mt_error failure = r->error;
    if (st == MT_E_LIMIT && r->object_size > r->size) {
        failure = (mt_error)MT_ERROR_INIT;
        st = mt_decode_check_size(f->call, f->found, r->object_size - f->found->offset, &failure);
        st = st ? st : MT_E_CORRUPT;
    }
    for (size_t i = 0; i < f->n; i++)
        fail(f, &f->found[i], st, &failure);
}

static bool has_failed(mt_flight *f)
{
    mt_request *r = &f->request;
    if (!f->status && !r->status && r->kind == MT_READ_WHOLE && r->n_read < f->found->offset)
        r->status = mt_fail(&r->error, MT_E_CORRUPT, "%s: ends after %zu bytes, before byte %llu", r->key, r->n_read,
                            (unsigned long long)f->found->offset);
    return f->status || r->status;
}

static void decode_chunks(mt_flight *f)
{
    mt_scratch *scratch = NULL;
    mt_error failure;
    mt_error_clear(&failure);
    mt_status st = mt_context_take_scratch(f->call->context, &scratch, &failure);
    for (size_t i; (i = atomic_fetch_add(&f->next_chunk, 1)) < f->n;)
        if (st)
            fail(f, &f->found[i], st, &failure);
        else
            decode_one(f, &f->found[i], scratch);
    if (scratch)
        mt_context_give_scratch(f->call->context, scratch);
}

static void leave(mt_flight *f)
{
    if (atomic_fetch_sub(&f->workers, 1) == 1)
        end_flight(f);
}

static void help(mt_task *task)
{
    mt_flight *f = ((helper *)(void *)task)->flight;
    decode_chunks(f);
    leave(f);
}

static void call_helpers(mt_flight *f)
{
    mt_pool *pool = f->call->context->pool;
    for (size_t i = 0; i < HELPERS && i + 1 < mt_pool_threads(pool) && (i + 1) * CHUNKS_A_TASK < f->n; i++) {
        atomic_fetch_add(&f->workers, 1);
        f->helpers[i] = (helper) { { help, NULL }, f };
        mt_pool_submit(pool, &f->helpers[i].task);
    }
}

static void work(mt_task *task)
{
    mt_flight *f = (mt_flight *)(void *)task;
    if (f->n == 0) {
        work_on_rows(f);
    } else if (has_failed(f)) {
        work_on_failure(f);
    } else {
        call_helpers(f);
        decode_chunks(f);
    }
    leave(f);
}

/* Removes the waiting flights of a call from the lanes. */
static mt_flight *take_waiting(mt_call *call)
{
    mt_fetcher *fetcher = call->context->fetcher;
    mt_flight *taken = NULL;
    mt_lock_take(&fetcher->lock);
    for (mt_store **at = &fetcher->first; *at;) {
        mt_lane *lane = &(*at)->lane;
        mt_flight *kept = NULL, **end = &kept;
        for (mt_flight *f = lane->first, *next; f; f = next) {
            next = f->next;
            f->next = NULL;
            if (f->call == call) {
                f->next = taken;
                taken = f;
            } else {
                *end = lane->last = f;
                end = &f->next;
            }
        }
        lane->first = kept;
        lane->is_listed = kept != NULL;
        if (kept)
            at = &lane->next;
        else
            *at = lane->next;
    }
    mt_lock_give(&fetcher->lock);
    return taken;
}

static void abandon(mt_call *call)
{
    for (mt_flight *f = take_waiting(call), *next; f; f = next) {
        next = f->next;
        f->status = MT_E_CANCELLED;
        f->charge = 0; /* never charged */
        f->requests = NULL;
        f->buffer_bytes = 0;
        if (f->n == 0)
            work_on_rows(f);
        else
            work_on_failure(f);
        f->n_requests = 0;
        end_flight(f);
    }
    const mt_store *last = NULL;
    for (size_t i = 0; i < call->n_found; i++) {
        mt_store *store = call->found[i].planned->use->image->store;
        if (store != last)
            mt_store_cancel(store, call);
        last = store;
    }
}

typedef struct wait {
    mt_call *call;
    bool abandoned;
} wait;

static bool is_done(void *argument)
{
    wait *w = argument;
    if (!w->abandoned && mt_cancel_asked(w->call->cancel)) {
        w->abandoned = true;
        abandon(w->call);
    }
    return atomic_load(&w->call->deferred) == 0;
}

void mt_fetch_wait(mt_call *call)
{
    wait w = { .call = call };
    if (atomic_load(&call->deferred) > 0)
        mt_pool_wait(call->context->pool, is_done, &w);
}
