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

#define MT_MAX_SPARES 64

struct mt_ahead;
struct mt_fetcher;

struct mt_context {
    mt_env env;
    mt_pool *pool;
    mt_cache *chunks;  /* decoded */
    mt_cache *indices; /* env.index_cache */
    mt_files *files;   /* env.files */
    mt_io *io;         /* env.io */
    mt_http *http;     /* env.http */
    struct mt_fetcher *fetcher;
    struct mt_ahead *ahead;
    _Atomic uint64_t held_bytes; /* of decoded chunks, by prefetches */
    _Atomic unsigned owners;     /* the user, and each stack */
    mt_lock lock;                /* guards what follows, and the failures of calls */
    mt_condition freed;          /* large_bytes fell */
    uint64_t large_bytes;        /* taken by mt_context_reserve */
    bool has_default_budget;     /* of the cache */
    unsigned n_spares;
    mt_scratch *spares[MT_MAX_SPARES]; /* idle */
    size_t spare_bytes;                /* of their buffers */
};

/* One more owner. NULL is the default context, which is made here on first use; NULL is returned where it cannot be. */
mt_context *mt_context_retain(mt_context *context, mt_error *err);

/* What a thread needs to decode, for as long as it works. */
MT_MUST_CHECK mt_status mt_context_take_scratch(mt_context *context, mt_scratch **out, mt_error *err);
void mt_context_give_scratch(mt_context *context, mt_scratch *scratch);

/* Memory for a large chunk, encoded and decoded, while it is worked on: waits until it fits into the budget together with
 * those that other threads work on. One larger than the budget is worked on alone. False: the chunk is small and not counted, and must not be unreserved. */
bool mt_context_reserve(mt_context *context, size_t bytes);
void mt_context_unreserve(mt_context *context, size_t bytes, mt_scratch *scratch);

#endif
