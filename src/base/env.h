/* SPDX-License-Identifier: BSD-3-Clause */
/* What every layer needs of a context: the allocator (which counts), the limits, the counters. */
#ifndef MT_BASE_ENV_H
#define MT_BASE_ENV_H

#include <microtome/context.h>

#include <stdatomic.h>

/* As MT_ERROR_INIT, without writing the whole message: for what is done for each chunk. */
static inline void mt_error_clear(mt_error *err)
{
    err->status = MT_OK;
    err->message[0] = 0;
}

/* At the start of every public function: an error may still hold the message of an earlier call. */
static inline void mt_error_reset(mt_error *err)
{
    if (err)
        mt_error_clear(err);
}

struct mt_folder_kind;
struct mt_cache;
struct mt_files;
struct mt_io;
struct mt_http;

typedef struct mt_env {
    mt_allocator allocator;
    mt_limits limits; /* no field is zero */
    int allow_mmap;
    unsigned in_flight;           /* reads at once in each store; 0: its own number */
    struct mt_cache *index_cache; /* shard indices, page tables, index nodes: found once, kept */
    struct mt_files *files;       /* that stay open; NULL: none do */
    struct mt_io *io;             /* threads for reads that block; NULL: the caller's */
    struct mt_http *http;         /* connections; NULL: none can be made */
    /* Images that are folders (store/folder_kind.h), 0 behind the last; NULL: none are known. */
    int (*folder_kind)(size_t i, struct mt_folder_kind *out);
    struct mt_disk_cache *disk_cache; /* of remote objects; NULL: none */
    struct mt_s3_options *s3;         /* of the context; NULL: the defaults */
    _Atomic uint64_t patches, bytes_delivered, ranges, bytes_fetched;
    _Atomic uint64_t chunks_decoded, bytes_decoded, chunks_missing, cache_hits;
    _Atomic uint64_t memory_bytes, memory_peak;
    _Atomic uint64_t restart_bytes; /* of restart points in compressed objects, which stay below restart_most */
    uint64_t restart_most;
    _Atomic uint64_t work_bytes; /* of scratch and of reads in flight: they count against the budget of the cache */
} mt_env;

/* Sets allocator and limits (NULL: defaults) and zeroes the rest. */
void mt_env_init(mt_env *env, const mt_allocator *allocator, const mt_limits *limits);

/* Counted memory. resize with new_size 0 frees. NULL on failure, and then the old block is as it was. */
void *mt_resize(mt_env *env, void *memory, size_t old_size, size_t new_size);

/* As mt_resize for a new block; fails with MT_E_MEMORY. A size of 0 gives a block too. */
MT_MUST_CHECK mt_status mt_alloc(mt_env *env, size_t size, void **out, mt_error *err);
void mt_release(mt_env *env, void *memory, size_t size);

/* A copy of a text, freed by mt_release with strlen + 1. */
MT_MUST_CHECK mt_status mt_copy_text(mt_env *env, const char *text, char **out, mt_error *err);

#endif
