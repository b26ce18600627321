/* SPDX-License-Identifier: BSD-3-Clause */
/* One call of mt_engine_read while it is executed: what its stages share. Lives on the caller's stack. */
#ifndef MT_ENGINE_CALL_H
#define MT_ENGINE_CALL_H

#include "engine/plan.h"

/* A planned chunk, and once it is located where its bytes lie. */
typedef struct mt_found {
    const mt_planned *planned; /* NULL: done */
    mt_cache_entry *entry; /* that this call is to make, or (is_busy) another one makes; NULL: the chunk is not kept */
    const char *key;       /* of the object: storage of the map or of call.keys */
    uint64_t object;       /* number of the object in this call: chunks of one object have the same */
    uint64_t offset, size; /* size MT_WHOLE: of the whole object, not known yet */
    const mt_chain *chain; /* storage of the map or of call.keys */
    bool missing, absent_is_fill;
    bool is_busy;
    bool again; /* is fetched for the second time, since what came first did not decode */
} mt_found;

/* Chunks that are fetched together: found[first] and the n - 1 behind it. */
typedef struct mt_unit {
    uint32_t first, n;
} mt_unit;

typedef struct mt_call {
    mt_context *context;
    const mt_read *reads;
    size_t n; /* reads */
    mt_cancel *cancel;

    /* The plan that is being executed. */
    const mt_plan *plan;
    mt_found *found; /* in storage order once located */
    size_t n_found;
    mt_unit *units;
    size_t n_units, group; /* and how many of them a thread takes at once */
    mt_arena *keys;        /* made when a key must be kept; under the context's lock */
    size_t n_first_keys;   /* bytes of the first keys, for which no arena is needed */
    char first_keys[128];
    _Atomic size_t deferred; /* reads of the fetch stage that are not done */

    /* The first failure; under the context's lock. */
    size_t failed; /* its rank: the number of the chunk in its plan, or of the read; SIZE_MAX: none */
    mt_error *err;
    mt_status status;
} mt_call;

/* Below this many bytes to copy or to decode, another thread costs more than it brings. */
#define MT_SHARED_BYTES ((uint64_t)128 << 10)

/* The rank of a failure of a chunk: the same whoever reads the chunk, and when. */
static inline size_t mt_found_rank(const mt_call *call, const mt_found *found)
{
    return (size_t)(found->planned - call->plan->chunks);
}

/* A chunk failed: puts its name before the message, zeroes all that it should have filled, sets the outcome of those
 * reads, and gives up its entry in the cache. The failure of the lowest rank is that of the call in the end.
 * Thread-safe, like those below. */
void mt_call_fail_found(mt_call *call, mt_found *found, mt_status st, const mt_error *failure);

/* The same if the message names the chunk already. */
void mt_call_fail_named(mt_call *call, mt_found *found, mt_status st, const mt_error *failure);

/* The same for whole reads, from number first to before end. */
void mt_call_fail_reads(mt_call *call, size_t first, size_t end, mt_status st, const mt_error *failure);

/* Whether the caller has asked to stop, and so the chunk is failed. */
bool mt_call_stops_found(mt_call *call, mt_found *found);

/* A visitor failed: the rest of the call is given up. */
void mt_call_end(mt_call *call, mt_status st, const mt_error *failure);

#endif
