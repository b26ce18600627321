/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_ENGINE_CONTEXT_H
#define MT_ENGINE_CONTEXT_H

#include "cache/cache.h"
#include "codec/codec.h"
#include "platform/thread.h"
#include "pool/pool.h"
#include "store/files.h"
#include "store/http/transfer.h"
#include "store/io.h"

#define MT_MAX_SPARES 64 /* idle scratch objects kept */

struct mt_ahead;
struct mt_fetcher;

struct mt_context {
    mt_env env;                        /* allocator, limits, counters */
    mt_pool *pool;                     /* decoding threads */
    mt_cache *chunks;                  /* decoded chunks */
    mt_cache *indices;                 /* env.index_cache */
    mt_files *files;                   /* env.files */
    mt_io *io;                         /* env.io */
    mt_http *http;                     /* env.http */
    struct mt_fetcher *fetcher;        /* the fetch stage */
    struct mt_ahead *ahead;            /* the prefetch thread */
    _Atomic uint64_t held_bytes;       /* bytes of decoded chunks held by prefetches */
    _Atomic unsigned owners;           /* the user and each stack */
    mt_lock lock;                      /* guards the fields below, and the keys and failures of calls */
    mt_condition freed;                /* large_bytes has decreased */
    uint64_t large_bytes;              /* bytes reserved by mt_context_reserve */
    bool has_default_budget;           /* the cache budget is the default */
    unsigned n_spares;                 /* number of spares */
    mt_scratch *spares[MT_MAX_SPARES]; /* idle scratch */
    size_t spare_bytes;                /* bytes of their buffers */
};

/* Adds an owner. NULL is the default context, created on first use; NULL is returned if that fails. */
mt_context *mt_context_retain(mt_context *context, mt_error *err);

/* Acquires and releases the scratch memory of a thread that decodes. */
MT_MUST_CHECK mt_status mt_context_take_scratch(mt_context *context, mt_scratch **out, mt_error *err);
void mt_context_give_scratch(mt_context *context, mt_scratch *scratch);

/* Reserves memory for a large chunk, encoded and decoded: waits until it fits into the budget beside the reservations
 * of other threads. A chunk larger than the budget waits until there are no others. False: the chunk is small and not
 * counted; do not call mt_context_unreserve. */
bool mt_context_reserve(mt_context *context, size_t bytes);
void mt_context_unreserve(mt_context *context, size_t bytes, mt_scratch *scratch);

#endif
