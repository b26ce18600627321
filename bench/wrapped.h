/* SPDX-License-Identifier: BSD-3-Clause */
/* Stores around stores: one that records what is read, and one that answers late. Both are for mt_stack_open_wrapped. */
#ifndef MT_BENCH_WRAPPED_H
#define MT_BENCH_WRAPPED_H

#include "stack/stack.h"

#include <pthread.h>

/* One range that was read. */
typedef struct reading {
    char *path; /* of the file */
    uint64_t offset;
    size_t size;
} reading;

typedef struct recording {
    pthread_mutex_t lock;
    bool paused; /* record nothing */
    size_t n, room;
    reading *readings;
} recording;

/* user is a recording, zeroed but for its lock. */
mt_status record_reads(void *user, mt_store **store, mt_error *err);
void recording_free(recording *r);

/* A store that answers each request after the same time, however many are in flight, as a network does. */
typedef struct delay {
    double seconds;
    unsigned in_flight;          /* that the store says it serves well */
    _Atomic size_t n, now, most; /* requests answered; in flight; the most that were at once */
} delay;

/* user is a delay. */
mt_status delay_reads(void *user, mt_store **store, mt_error *err);

#endif
