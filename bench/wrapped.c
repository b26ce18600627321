/* SPDX-License-Identifier: BSD-3-Clause */
#include "wrapped.h"

#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct recorder {
    mt_store base;
    mt_store *inner;
    recording *to;
} recorder;

static recorder *recorder_of(mt_store *store) { return (recorder *)(void *)store; }

static void record(mt_store *store, const char *key, uint64_t offset, size_t size)
{
    recording *to = recorder_of(store)->to;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", store->url, key);
    pthread_mutex_lock(&to->lock);
    if (!to->paused) {
        if (to->n == to->room) {
            to->room = to->room ? 2 * to->room : 256;
            to->readings = realloc(to->readings, to->room * sizeof *to->readings);
        }
        to->readings[to->n++] = (reading) { strdup(path), offset, size };
    }
    pthread_mutex_unlock(&to->lock);
}

void recording_free(recording *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->readings[i].path);
    free(r->readings);
}

static mt_status recorder_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    return mt_store_size(recorder_of(store)->inner, key, out, err);
}

static mt_status recorder_read(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    for (size_t i = 0; i < n; i++)
        record(store, key, ranges[i].offset, ranges[i].size);
    return mt_store_read(recorder_of(store)->inner, key, ranges, n, err);
}

static bool recorder_read_now(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_status *status,
                              mt_error *err)
{
    bool done = mt_store_read_now(recorder_of(store)->inner, key, ranges, n, status, err);
    for (size_t i = 0; done && i < n; i++)
        record(store, key, ranges[i].offset, ranges[i].size);
    return done;
}

static void recorder_advise(mt_store *store, const char *key, uint64_t offset, uint64_t size)
{
    mt_request range = { .key = key, .offset = offset, .size = (size_t)size };
    mt_store_advise(recorder_of(store)->inner, &range);
}

static mt_status recorder_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    return mt_store_list(recorder_of(store)->inner, prefix, visit, user, err);
}

static void recorder_close(mt_store *store)
{
    mt_store_close(recorder_of(store)->inner);
    free(store);
}

static const mt_store_ops recorder_ops = { .size = recorder_size,
                                           .read = recorder_read,
                                           .read_now = recorder_read_now,
                                           .advise = recorder_advise,
                                           .list = recorder_list,
                                           .close = recorder_close };

static mt_store around(const mt_store *inner, const mt_store_ops *ops)
{
    return (mt_store) { .ops = ops, .env = inner->env, .url = inner->url, .costs = inner->costs };
}

mt_status record_reads(void *user, mt_store **store, mt_error *err)
{
    (void)err;
    recorder *r = calloc(1, sizeof *r);
    r->base = around(*store, &recorder_ops);
    r->inner = *store;
    r->to = user;
    *store = &r->base;
    return MT_OK;
}

/* Requests in order of arrival, which is that of their due times. */
typedef struct late {
    mt_request *request;
    double due;
    struct late *next;
} late;

typedef struct delayer {
    mt_store base;
    mt_store *inner;
    delay *by;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    late *first, *last;
    bool stopping;
} delayer;

static delayer *delayer_of(mt_store *store) { return (delayer *)(void *)store; }

static void sleep_until(double when)
{
    struct timespec t = { .tv_sec = (time_t)when };
    t.tv_nsec = (long)((when - (double)t.tv_sec) * 1e9);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL))
        ;
}

/* Answers a request from the inner store, in this thread. */
static void answer(delayer *d, mt_request *r)
{
    mt_request own = { .key = r->key, .kind = r->kind, .offset = r->offset, .size = r->size, .out = r->out };
    mt_error err = MT_ERROR_INIT;
    r->status = mt_store_perform(d->inner, &own, 1, &err);
    r->error = own.error;
    r->out = own.out;
    r->n_read = own.n_read;
    r->capacity = own.capacity;
    r->object_size = own.object_size;
    d->by->n++;
    d->by->now--;
    r->done(r);
}

static void *answer_late(void *argument)
{
    delayer *d = argument;
    pthread_mutex_lock(&d->lock);
    for (;;) {
        while (!d->first && !d->stopping)
            pthread_cond_wait(&d->wake, &d->lock);
        late *l = d->first;
        if (!l)
            break;
        d->first = l->next;
        pthread_mutex_unlock(&d->lock);
        sleep_until(l->due);
        answer(d, l->request);
        free(l);
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

static void delayer_submit(mt_store *store, mt_request *r)
{
    delayer *d = delayer_of(store);
    size_t in_flight = ++d->by->now, most = d->by->most;
    while (in_flight > most && !atomic_compare_exchange_weak(&d->by->most, &most, in_flight))
        ;
    late *l = malloc(sizeof *l);
    *l = (late) { .request = r };
    pthread_mutex_lock(&d->lock);
    l->due = now() + d->by->seconds;
    *(d->first ? &d->last->next : &d->first) = l;
    d->last = l;
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
}

static mt_status delayer_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    sleep_until(now() + delayer_of(store)->by->seconds);
    return mt_store_size(delayer_of(store)->inner, key, out, err);
}

static mt_status delayer_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    sleep_until(now() + delayer_of(store)->by->seconds);
    return mt_store_list(delayer_of(store)->inner, prefix, visit, user, err);
}

static void delayer_close(mt_store *store)
{
    delayer *d = delayer_of(store);
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    mt_store_close(d->inner);
    free(d);
}

static const mt_store_ops delayer_ops = {
    .size = delayer_size, .submit = delayer_submit, .list = delayer_list, .close = delayer_close
};

mt_status delay_reads(void *user, mt_store **store, mt_error *err)
{
    delayer *d = calloc(1, sizeof *d);
    d->by = user;
    d->base = around(*store, &delayer_ops);
    d->base.costs.in_flight = d->by->in_flight;
    d->base.costs.is_slow = true;
    d->inner = *store;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->wake, NULL);
    if (pthread_create(&d->thread, NULL, answer_late, d) != 0) {
        mt_store_close(*store);
        free(d);
        return mt_fail(err, MT_E_IO, "bench: cannot start a thread");
    }
    *store = &d->base;
    return MT_OK;
}
