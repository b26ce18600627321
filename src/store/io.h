/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests to stores: threads for blocking requests, and waiting for requests in flight.
 *
 * Threads are started when a request finds none idle, and end with the context. They only read: processing is left to
 * done, which hands it to the pool. After fork, the child starts without threads and requests. */
#ifndef MT_STORE_IO_H
#define MT_STORE_IO_H

#include "store/store.h"

typedef struct mt_io mt_io;

MT_MUST_CHECK mt_status mt_io_new(mt_env *env, mt_io **out, mt_error *err);
void mt_io_free(mt_io *io);

/* The requests that one thread has in flight. Lives on its stack; initialised with the io of the env and 0. */
typedef struct mt_waiting {
    mt_io *io;        /* threads for reads that block */
    size_t in_flight; /* guarded by the lock of io */
} mt_waiting;

/* Starts a request, after waiting until fewer are in flight than its store serves well. Sets its done and user. */
void mt_waiting_submit(mt_waiting *waiting, mt_store *store, mt_request *request);

/* Waits until all requests have finished. */
void mt_waiting_end(mt_waiting *waiting);

#endif
