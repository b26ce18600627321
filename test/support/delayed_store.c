/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/delayed_store.h"

#include "store/files.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { KNOWN = 4096 };

typedef struct delayed_store {
    mt_store base;
    mt_store *inner;
    delayed_log *log;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    pthread_t thread;
    mt_request *queue; /* newest first */
    bool stopping;
    uint64_t known[KNOWN]; /* hashes of the keys that were read, oldest overwritten */
    size_t n_known;
} delayed_store;

static delayed_store *delayed_of(mt_store *store) { return (delayed_store *)(void *)store; }

/* As over HTTP, the answer to a read tells what is needed to identify the object. */
static bool is_known(delayed_store *d, const char *key)
{
    const uint64_t hash = mt_key_hash(key);
    bool found = false;
    pthread_mutex_lock(&d->mutex);
    for (size_t i = 0; !found && i < KNOWN && i < d->n_known; i++)
        found = d->known[i] == hash;
    pthread_mutex_unlock(&d->mutex);
    return found;
}

static void note_known(delayed_store *d, const char *key)
{
    const bool is_new = !is_known(d, key);
    pthread_mutex_lock(&d->mutex);
    if (is_new)
        d->known[d->n_known++ % KNOWN] = mt_key_hash(key);
    pthread_mutex_unlock(&d->mutex);
}

static void answer(delayed_store *d, mt_request *outer)
{
    mt_request r = { .key = outer->key, .kind = outer->kind, .offset = outer->offset, .size = outer->size };
    r.out = outer->out;
    if (d->log->print)
        printf("  trip %zu: %s kind %d %llu+%zu\n", (size_t)d->log->trips, r.key, (int)r.kind,
               (unsigned long long)r.offset, r.size);
    if (d->log->refused && strstr(r.key, d->log->refused)) {
        outer->status = mt_fail(&outer->error, MT_E_IO, "%s: made to fail", r.key);
        return;
    }
    mt_error err = MT_ERROR_INIT;
    (void)!mt_store_perform(d->inner, &r, 1, &err);
    outer->status = r.status;
    outer->error = r.error;
    outer->out = r.out;
    outer->n_read = r.n_read;
    outer->capacity = r.capacity;
    outer->object_size = r.object_size;
    if (!r.status)
        note_known(d, r.key);
}

/* Waits until no request has arrived for the delay. The mutex is held. */
static void wait_for_more(delayed_store *d)
{
    for (const mt_request *last = NULL; last != d->queue;) {
        struct timespec until;
        last = d->queue;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += (long)d->log->delay_ms * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        while (last == d->queue && pthread_cond_timedwait(&d->wake, &d->mutex, &until) != ETIMEDOUT)
            ;
    }
}

static void *serve(void *argument)
{
    delayed_store *d = argument;
    pthread_mutex_lock(&d->mutex);
    while (!d->stopping) {
        if (!d->queue) {
            pthread_cond_wait(&d->wake, &d->mutex);
            continue;
        }
        wait_for_more(d);
        mt_request *all = d->queue;
        d->queue = NULL;
        d->log->trips++;
        pthread_mutex_unlock(&d->mutex);
        for (mt_request *r = all; r; r = r->next) {
            d->log->requests++;
            answer(d, r);
        }
        while (all) {
            mt_request *r = all;
            all = r->next;
            r->done(r);
        }
        pthread_mutex_lock(&d->mutex);
    }
    pthread_mutex_unlock(&d->mutex);
    return NULL;
}

static void delayed_submit(mt_store *store, mt_request *r)
{
    delayed_store *d = delayed_of(store);
    pthread_mutex_lock(&d->mutex);
    r->next = d->queue;
    d->queue = r;
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->mutex);
}

static mt_status delayed_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    mt_request r = { .key = key, .kind = MT_READ_SOME, .size = 1, .out = &(char) { 0 } };
    mt_status st = mt_store_perform(store, &r, 1, err);
    *out = r.object_size;
    return st;
}

static mt_status delayed_list(mt_store *store, const char *prefix, mt_store_visit visit, void *user, mt_error *err)
{
    delayed_store *d = delayed_of(store);
    if (d->log->no_list)
        return mt_fail(err, MT_E_UNSUPPORTED, "%s: cannot be listed", store->url);
    d->log->trips++;
    return mt_store_list(d->inner, prefix, visit, user, err);
}

static mt_status delayed_identify(mt_store *store, const char *key, mt_identity *out, mt_error *err)
{
    delayed_store *d = delayed_of(store);
    d->log->trips += !is_known(d, key);
    return mt_store_identify(d->inner, key, out, err);
}

static void delayed_close(mt_store *store)
{
    delayed_store *d = delayed_of(store);
    pthread_mutex_lock(&d->mutex);
    d->stopping = true;
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->mutex);
    pthread_join(d->thread, NULL);
    pthread_mutex_destroy(&d->mutex);
    pthread_cond_destroy(&d->wake);
    mt_store_close(d->inner);
    free(d);
}

static const mt_store_ops delayed_ops = { .size = delayed_size,
                                          .submit = delayed_submit,
                                          .list = delayed_list,
                                          .identify = delayed_identify,
                                          .close = delayed_close };

mt_status delayed_wrap(void *log, mt_store **store, mt_error *err)
{
    delayed_store *d = calloc(1, sizeof *d);
    if (!d) {
        mt_store_close(*store);
        return mt_fail(err, MT_E_MEMORY, "test: no memory");
    }
    d->base = (mt_store) { .ops = &delayed_ops, .env = (*store)->env, .url = (*store)->url, .is_front = true };
    d->base.costs = (mt_store_costs) { .in_flight = 64,
                                       .gap = (size_t)64 << 10,
                                       .most_joined = (size_t)2 << 20,
                                       .request = (size_t)128 << 10,
                                       .is_slow = true };
    d->inner = *store;
    d->log = log;
    pthread_mutex_init(&d->mutex, NULL);
    pthread_cond_init(&d->wake, NULL);
    if (pthread_create(&d->thread, NULL, serve, d)) {
        mt_store_close(*store);
        free(d);
        return mt_fail(err, MT_E_IO, "test: cannot start a thread");
    }
    *store = &d->base;
    return MT_OK;
}
