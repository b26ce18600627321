/* SPDX-License-Identifier: BSD-3-Clause */
/* The state of one call of mt_engine_read, shared by its stages. Lives on the caller's stack. */
#ifndef MT_ENGINE_CALL_H
#define MT_ENGINE_CALL_H

#include "engine/plan.h"

/* A planned chunk and, once located, the location of its bytes. */
typedef struct mt_found {
    const mt_planned *planned; /* NULL: done */
    mt_cache_entry *entry;     /* made by this call or, if is_busy, by another; NULL: the chunk is not cached */
    const char *key;           /* of the object; owned by the map or call.keys */
    uint64_t object;           /* number of the object in this call, equal for chunks of one object */
    uint64_t offset, size;     /* bytes in the object; size MT_WHOLE: the whole object, size not known yet */
    const mt_chain *chain;     /* codecs; owned by the map or call.keys */
    bool missing;              /* the map knows that the chunk is not stored */
    bool absent_is_fill;       /* a missing object reads as the fill value, else it is an error */
    bool is_busy;              /* another call is making entry */
    bool again;                /* fetched a second time, because the first result did not decode */
} mt_found;

/* Chunks fetched together: n chunks of call.found, from index first on. */
typedef struct mt_unit {
    uint32_t first, n; /* index in call.found; number of chunks */
} mt_unit;

typedef struct mt_call {
    mt_context *context;  /* retained by the caller */
    const mt_read *reads; /* borrowed */
    size_t n;             /* number of reads */
    mt_cancel *cancel;    /* may be NULL */

    /* The plan being executed. */
    const mt_plan *plan;     /* borrowed */
    mt_found *found;         /* n_found chunks, in storage order once located */
    size_t n_found;          /* number of found */
    mt_unit *units;          /* n_units units */
    size_t n_units, group;   /* number of units; units that a thread takes at once */
    mt_arena *keys;          /* for keys and chains; created on demand; guarded by the context's lock */
    size_t n_first_keys;     /* bytes used of first_keys */
    char first_keys[128];    /* the first keys, stored here to avoid the arena */
    _Atomic size_t deferred; /* unfinished reads in the fetch stage */

    /* The first failure; guarded by the context's lock. */
    size_t failed;    /* its rank: the number of the chunk in its plan, or of the read; SIZE_MAX: no failure */
    mt_error *err;    /* message of this failure; may be NULL */
    mt_status status; /* status of this failure */
} mt_call;

/* Whether the threads of the context share the copying of pixels. */
static inline bool mt_call_shares_copies(const mt_call *call)
{
    return !call->cancel || !call->cancel->options.copy_alone;
}

/* Copying or decoding fewer bytes than this is faster in one thread. */
#define MT_SHARED_BYTES ((uint64_t)128 << 10)

/* The rank of a failure of a chunk: independent of the order in which chunks are read. */
static inline size_t mt_found_rank(const mt_call *call, const mt_found *found)
{
    return (size_t)(found->planned - call->plan->chunks);
}

/* Fails a chunk: prefixes the message with the chunk's name, zeroes its copies, sets the outcome of their reads, and
 * fails its cache entry. The call reports the failure with the lowest rank. This function and those below are
 * thread-safe. */
void mt_call_fail_found(mt_call *call, mt_found *found, mt_status st, const mt_error *failure);

/* The same for a message that already names the chunk. */
void mt_call_fail_named(mt_call *call, mt_found *found, mt_status st, const mt_error *failure);

/* The same for whole reads: the numbers [first, end). */
void mt_call_fail_reads(mt_call *call, size_t first, size_t end, mt_status st, const mt_error *failure);

/* Whether the caller has cancelled. If so, fails the chunk. */
bool mt_call_stops_found(mt_call *call, mt_found *found);

/* A visitor failed: abandons the rest of the call. */
void mt_call_end(mt_call *call, mt_status st, const mt_error *failure);

#endif
