/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/io.h"

#include "platform/thread.h"
#include "store/collect.h"

#include <string.h>

#define MOST_THREADS 64

struct mt_io {
    mt_env *env;
    mt_lock lock;
    mt_condition wake, done; /* wake: a request is queued; done: a request of a waiting caller has finished */
    mt_request *first, *last;
    size_t queued;
    unsigned started, idle;
    bool stopping;
    mt_thread threads[MOST_THREADS];
};

static mt_status read_tail(mt_store *store, mt_request *r)
{
    mt_status st = store->ops->size(store, r->key, &r->object_size, &r->error);
    if (st)
        return st;
    size_t n = r->object_size < r->size ? (size_t)r->object_size : r->size;
    st = mt_store_read_at(store, r->key, r->object_size - n, r->out, n, &r->error);
    r->n_read = st ? 0 : n;
    return st;
}

static mt_status read_some(mt_store *store, mt_request *r)
{
    mt_status st = store->ops->size(store, r->key, &r->object_size, &r->error);
    if (st)
        return st;
    uint64_t left = r->offset < r->object_size ? r->object_size - r->offset : 0;
    size_t n = left < r->size ? (size_t)left : r->size;
    if (n > 0)
        st = mt_store_read_at(store, r->key, r->offset, r->out, n, &r->error);
    r->n_read = st ? 0 : n;
    return st;
}

static mt_status read_whole(mt_store *store, mt_request *r)
{
    mt_status st = store->ops->size(store, r->key, &r->object_size, &r->error);
    if (st)
        return st;
    if (r->object_size > r->size)
        return mt_fail(&r->error, MT_E_LIMIT, "%s has %llu bytes, more than %zu", r->key,
                       (unsigned long long)r->object_size, r->size);
    size_t n = (size_t)r->object_size;
    if (!r->out) {
        if ((st = mt_alloc(store->env, n, &r->out, &r->error)))
            return st;
        r->capacity = n;
    }
    st = mt_store_read_at(store, r->key, 0, r->out, n, &r->error);
    r->n_read = st ? 0 : n;
    return st;
}

/* Performs a request in this thread with blocking operations. */
static void perform(mt_store *store, mt_request *r)
{
    switch (r->kind) {
    case MT_READ_RANGE:
        r->status = mt_store_read_at(store, r->key, r->offset, r->out, r->size, &r->error);
        r->n_read = r->status ? 0 : r->size;
        break;
    case MT_READ_SOME: r->status = read_some(store, r); break;
    case MT_READ_TAIL: r->status = read_tail(store, r); break;
    case MT_READ_WHOLE: r->status = read_whole(store, r); break;
    }
}

static void run_thread(void *argument)
{
    mt_io *io = argument;
    mt_lock_take(&io->lock);
    while (!io->stopping) {
        mt_request *r = io->first;
        if (!r) {
            io->idle++;
            mt_condition_wait(&io->wake, &io->lock);
            io->idle--;
            continue;
        }
        io->first = r->next;
        io->queued--;
        mt_lock_give(&io->lock);
        perform(r->store, r);
        r->done(r);
        mt_lock_take(&io->lock);
    }
    mt_lock_give(&io->lock);
}

/* In the child of a fork: no thread exists and no caller waits. */
static void forget_threads(void *owner)
{
    mt_io *io = owner;
    io->first = NULL;
    io->queued = 0;
    io->started = io->idle = 0;
    mt_condition_reset(&io->wake);
    mt_condition_reset(&io->done);
}

mt_status mt_io_new(mt_env *env, mt_io **out, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(env, sizeof(mt_io), &memory, err);
    if (st)
        return st;
    mt_io *io = memset(memory, 0, sizeof(mt_io));
    io->env = env;
    if ((st = mt_condition_init(&io->wake, err)))
        goto no_wake;
    if ((st = mt_condition_init(&io->done, err)))
        goto no_done;
    if ((st = mt_lock_init(&io->lock, forget_threads, io, err)))
        goto no_lock;
    *out = io;
    return MT_OK;
no_lock:
    mt_condition_destroy(&io->done);
no_done:
    mt_condition_destroy(&io->wake);
no_wake:
    mt_release(env, io, sizeof *io);
    return st;
}

void mt_io_free(mt_io *io)
{
    if (!io)
        return;
    mt_lock_take(&io->lock);
    io->stopping = true;
    mt_condition_wake_all(&io->wake);
    mt_lock_give(&io->lock);
    for (unsigned i = 0; i < io->started; i++)
        mt_thread_join(&io->threads[i]);
    mt_lock_destroy(&io->lock);
    mt_condition_destroy(&io->wake);
    mt_condition_destroy(&io->done);
    mt_release(io->env, io, sizeof *io);
}

/* Queues a request; false if there is no thread to perform it. */
static bool enqueue(mt_io *io, mt_request *r)
{
    unsigned most = r->store->env->in_flight ? r->store->env->in_flight : r->store->costs.io_threads;
    most = most < 1 ? 1 : most > MOST_THREADS ? MOST_THREADS : most;
    mt_lock_take(&io->lock);
    if (io->queued >= io->idle && io->started < most &&
        mt_thread_start(&io->threads[io->started], run_thread, io, NULL) == MT_OK)
        io->started++;
    bool served = io->started > 0;
    if (served) {
        r->next = NULL;
        *(io->first ? &io->last->next : &io->first) = r;
        io->last = r;
        io->queued++;
        mt_condition_wake_one(&io->wake);
    }
    mt_lock_give(&io->lock);
    return served;
}

static void prepare(mt_store *store, mt_request *r)
{
    r->store = store;
    r->status = MT_OK;
    r->error = (mt_error)MT_ERROR_INIT;
    r->n_read = r->capacity = 0;
    r->object_size = 0;
    r->state = NULL;
}

unsigned mt_store_in_flight(const mt_store *store)
{
    unsigned n = store->env->in_flight ? store->env->in_flight : store->costs.in_flight;
    return n ? n : 1;
}

void mt_store_advise(mt_store *store, const mt_request *r)
{
    store = mt_store_target(store);
    if (store->ops->advise && r->kind == MT_READ_RANGE && mt_store_check_key(r->key, NULL) == MT_OK)
        store->ops->advise(store, r->key, r->offset, r->size);
}

void mt_store_submit_blocking(mt_store *store, mt_request *r)
{
    if (store->env->io && enqueue(store->env->io, r))
        return;
    perform(store, r);
    r->done(r);
}

void mt_store_submit(mt_store *store, mt_request *r)
{
    store = mt_store_target(store);
    prepare(store, r);
    if ((r->status = mt_store_check_key(r->key, &r->error))) {
        r->done(r);
        return;
    }
    if (store->ops->submit) {
        store->ops->submit(store, r);
        return;
    }
    mt_store_advise(store, r);
    mt_store_submit_blocking(store, r);
}

void mt_store_cancel(mt_store *store, const void *owner)
{
    store = mt_store_target(store);
    if (store->ops->cancel)
        store->ops->cancel(store, owner);
}

static void count_down(mt_request *r)
{
    mt_waiting *w = r->user;
    mt_io *io = w->io; /* w may be gone once the lock is released */
    mt_lock_take(&io->lock);
    w->in_flight--;
    mt_condition_wake_all(&io->done);
    mt_lock_give(&io->lock);
}

static void wait_until(mt_waiting *w, size_t in_flight)
{
    mt_lock_take(&w->io->lock);
    while (w->in_flight > in_flight)
        mt_condition_wait(&w->io->done, &w->io->lock);
    mt_lock_give(&w->io->lock);
}

void mt_waiting_submit(mt_waiting *w, mt_store *store, mt_request *r)
{
    wait_until(w, mt_store_in_flight(store) - 1);
    r->done = count_down;
    r->user = w;
    mt_lock_take(&w->io->lock);
    w->in_flight++;
    mt_lock_give(&w->io->lock);
    mt_store_submit(store, r);
}

void mt_waiting_end(mt_waiting *w) { wait_until(w, 0); }

static bool is_done_now(mt_store *store, mt_request *r)
{
    mt_range range = { r->offset, r->size, r->out };
    if (r->kind != MT_READ_RANGE || !mt_store_read_now(store, r->key, &range, 1, &r->status, &r->error))
        return false;
    r->n_read = r->status ? 0 : r->size;
    return true;
}

mt_status mt_store_perform(mt_store *store, mt_request *requests, size_t n, mt_error *err)
{
    store = mt_store_target(store);
    mt_waiting w = { store->env->io, 0 };
    for (size_t i = 0; i < n; i++) {
        mt_request *r = &requests[i];
        prepare(store, r);
        if ((r->status = mt_store_check_key(r->key, &r->error)) || is_done_now(store, r))
            continue;
        if (!store->ops->submit && (!w.io || n == 1 || store->costs.in_flight <= 1)) {
            perform(store, r);
            continue;
        }
        mt_waiting_submit(&w, store, r);
    }
    if (w.io)
        mt_waiting_end(&w);
    for (size_t i = 0; i < n; i++)
        if (requests[i].status)
            return mt_fail(err, requests[i].status, "%s", requests[i].error.message);
    return MT_OK;
}

static mt_status read_end(mt_store *store, mt_request *r, size_t *n_read, uint64_t *object_size, mt_error *err)
{
    store = mt_store_target(store);
    mt_status st = mt_is_collecting() ? mt_collect_end(store, r, err) : mt_store_perform(store, r, 1, err);
    *n_read = r->n_read;
    *object_size = r->object_size;
    return st;
}

mt_status mt_store_read_tail(mt_store *store, const char *key, void *out, size_t size, size_t *n_read,
                             uint64_t *object_size, mt_error *err)
{
    mt_request r = { .key = key, .kind = MT_READ_TAIL, .size = size, .out = out };
    return read_end(store, &r, n_read, object_size, err);
}

mt_status mt_store_read_start(mt_store *store, const char *key, void *out, size_t size, size_t *n_read,
                              uint64_t *object_size, mt_error *err)
{
    mt_request r = { .key = key, .kind = MT_READ_SOME, .size = size, .out = out };
    return read_end(store, &r, n_read, object_size, err);
}
