/* SPDX-License-Identifier: BSD-3-Clause */
/* The fetch stage: what cannot be had at once waits here for its store.
 *
 * A read that would have to wait becomes a flight. Flights of a store queue in the order in which they come, which is
 * that of storage; as many requests are in flight as the store serves well (mt_store_in_flight), over all calls of the
 * context, and no more bytes than the budget allows. What arrives is decoded by the pool, which never waits for a read.
 * Stores retry by themselves; a chunk that does not decode is read once more if the store is slow, past what it keeps.
 *
 * Thread-safe. A flight is owned by the stage and outlives neither its call nor its store: the call waits for it. */
#ifndef MT_ENGINE_FETCH_H
#define MT_ENGINE_FETCH_H

#include "engine/call.h"
#include "engine/rows.h"

typedef struct mt_fetcher mt_fetcher;

MT_MUST_CHECK mt_status mt_fetcher_new(mt_context *context, mt_fetcher **out, mt_error *err);
void mt_fetcher_free(mt_fetcher *fetcher);

/* Fetches and decodes the n chunks from found on, and fills their copies. They lie in one range; a chunk whose size is
 * not known yet comes alone. Returns at once. */
void mt_fetch_chunks(mt_call *call, mt_found *found, size_t n);

/* Fetches a batch of rows of a raw chunk and gathers it. The batch is copied. */
void mt_fetch_rows(mt_call *call, mt_found *found, const mt_read *read, const mt_row_batch *batch);

/* Waits until all that the call has here is done, and works in the pool meanwhile. If the caller cancels, what has not
 * started is given up. */
void mt_fetch_wait(mt_call *call);

/* A batch of rows could not be read: zeroes it, notes the failure, or fills it if the object need not exist. */
void mt_fail_rows(mt_call *call, mt_found *found, const mt_read *read, const mt_row_batch *batch, mt_status st,
                  mt_error *failure);

#endif
