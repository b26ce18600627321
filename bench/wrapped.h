/* SPDX-License-Identifier: BSD-3-Clause */
/* Wrappers of stores for mt_stack_open_wrapped: one records reads, one delays answers. */
#ifndef MT_BENCH_WRAPPED_H
#define MT_BENCH_WRAPPED_H

#include "stack/stack.h"

#include <pthread.h>

/* A range that was read. */
typedef struct reading {
    char *path;      /* path of the file */
    uint64_t offset; /* first byte in the file */
    size_t size;     /* bytes */
} reading;

typedef struct recording {
    pthread_mutex_t lock; /* guards all fields */
    bool paused;          /* record nothing */
    size_t n, room;       /* entries in use and allocated */
    reading *readings;    /* in order of the reads */
} recording;

/* user is a recording, zeroed except its lock. */
mt_status record_reads(void *user, mt_store **store, mt_error *err);
void recording_free(recording *r);

/* A store that answers each request after a fixed delay, however many are in flight, like a network. */
typedef struct delay {
    double seconds;              /* delay of each answer */
    unsigned in_flight;          /* reported as costs.in_flight */
    _Atomic size_t n, now, most; /* requests answered; in flight; most in flight */
} delay;

/* user is a delay. */
mt_status delay_reads(void *user, mt_store **store, mt_error *err);

#endif
