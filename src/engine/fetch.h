/* SPDX-License-Identifier: BSD-3-Clause */
/* The fetch stage: asynchronous reads.
 *
 * A read that would block becomes a flight. Each store has a queue of flights in order of arrival, which is storage
 * order. The requests in flight are limited per store (mt_store_in_flight), over all calls of the context, and their
 * bytes by the budget. The pool decodes what arrives and never waits for a read. Stores retry failed requests
 * themselves; a chunk from a slow store that does not decode is read once more, bypassing the store's cache.
 *
 * Thread-safe. The stage owns flights. A call waits for its flights, so they outlive neither the call nor the store. */
#ifndef MT_ENGINE_FETCH_H
#define MT_ENGINE_FETCH_H

#include "engine/call.h"
#include "engine/rows.h"

typedef struct mt_fetcher mt_fetcher;

MT_MUST_CHECK mt_status mt_fetcher_new(mt_context *context, mt_fetcher **out, mt_error *err);
void mt_fetcher_free(mt_fetcher *fetcher);

/* Starts to fetch and decode n chunks from found on, and to fill their copies. The chunks lie in one byte range; a
 * chunk of unknown size comes alone. Returns at once. */
void mt_fetch_chunks(mt_call *call, mt_found *found, size_t n);

/* Starts to fetch and gather a batch of rows of a raw chunk. The batch is copied. */
void mt_fetch_rows(mt_call *call, mt_found *found, const mt_read *read, const mt_row_batch *batch);

/* Waits until all flights of the call are done, and runs tasks of the pool meanwhile. If the caller cancels, waiting
 * flights are abandoned. */
void mt_fetch_wait(mt_call *call);

/* A batch of rows could not be read: zeroes it and records the failure, or fills it if the object may be absent. */
void mt_fail_rows(mt_call *call, mt_found *found, const mt_read *read, const mt_row_batch *batch, mt_status st,
                  mt_error *failure);

#endif
