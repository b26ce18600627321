/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests to stores: threads for those that block, and waiting for those in flight.
 *
 * Threads are started when a request finds none idle, and end with the context. They read and nothing else: what is
 * to be done with the bytes is the business of done, which hands it to the pool. Survives fork: the child starts with no
 * thread and no request. */
#ifndef MT_STORE_IO_H
#define MT_STORE_IO_H

#include "store/store.h"

typedef struct mt_io mt_io;

MT_MUST_CHECK mt_status mt_io_new(mt_env *env, mt_io **out, mt_error *err);
void mt_io_free(mt_io *io);

/* Requests that one thread has in flight together. Lives on its stack; starts with the io of the env and 0. */
typedef struct mt_waiting {
    mt_io *io;        /* threads for reads that block */
    size_t in_flight; /* under the lock of io */
} mt_waiting;

/* Starts a request as soon as fewer are in flight than its store serves well. Sets its done and user. */
void mt_waiting_submit(mt_waiting *waiting, mt_store *store, mt_request *request);

/* Returns when all have their outcome. */
void mt_waiting_end(mt_waiting *waiting);

#endif
