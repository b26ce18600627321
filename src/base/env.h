/* SPDX-License-Identifier: BSD-3-Clause */
/* The environment shared by all layers of a context: allocator, limits, counters. */
#ifndef MT_BASE_ENV_H
#define MT_BASE_ENV_H

#include <microtome/context.h>

#include <stdatomic.h>

/* Like MT_ERROR_INIT, without zeroing the whole message: cheap enough for each chunk. */
static inline void mt_error_clear(mt_error *err)
{
    err->status = MT_OK;
    err->message[0] = 0;
}

/* Every public function calls this first: err may hold the message of an earlier call. */
static inline void mt_error_reset(mt_error *err)
{
    if (err)
        mt_error_clear(err);
}

/* Replaces control characters by '?': messages quote names from files, and are one line. A text that fills its array of
 * room bytes may have been truncated: an incomplete UTF-8 character at its end is removed. */
void mt_make_printable(char *text, size_t room);

/* Removes "name: " from a message that will be prefixed with a longer form of the same name. */
void mt_error_omit(mt_error *err, const char *name);

struct mt_folder_kind;
struct mt_cache;
struct mt_files;
struct mt_io;
struct mt_http;

typedef struct mt_env {
    mt_allocator allocator;       /* the caller's, or malloc */
    mt_limits limits;             /* no field is 0 */
    int allow_mmap;               /* as in mt_context_options */
    unsigned in_flight;           /* concurrent reads per store; 0: the store's default */
    struct mt_cache *index_cache; /* shard indices, page tables, index nodes */
    struct mt_files *files;       /* open files; NULL: files are not kept open */
    struct mt_io *io;             /* threads for blocking reads; NULL: read in the calling thread */
    struct mt_http *http;         /* connections; NULL: HTTP is not available */
    /* The i-th kind of image that is a folder (store/folder_kind.h), 0 if i is too large; NULL: there are no kinds. */
    int (*folder_kind)(size_t i, struct mt_folder_kind *out);
    struct mt_disk_cache *disk_cache; /* blocks of remote objects; NULL: no disk cache */
    struct mt_s3_options *s3;         /* of the context; NULL: the defaults */
    /* The counters of mt_counters. */
    _Atomic uint64_t patches, bytes_delivered, ranges, bytes_fetched;
    _Atomic uint64_t chunks_decoded, bytes_decoded, chunks_missing, cache_hits;
    _Atomic uint64_t memory_bytes, memory_peak;
    _Atomic uint64_t restart_bytes; /* bytes of restart points in compressed objects */
    uint64_t restart_most;          /* limit of restart_bytes */
    _Atomic uint64_t work_bytes;    /* bytes of scratch and of reads in flight, charged to the cache budget */
} mt_env;

/* Sets allocator and limits (NULL: the defaults) and zeroes the rest. */
void mt_env_init(mt_env *env, const mt_allocator *allocator, const mt_limits *limits);

/* Resizes a counted block; new_size 0 frees it. On failure returns NULL and leaves the old block unchanged. */
void *mt_resize(mt_env *env, void *memory, size_t old_size, size_t new_size);

/* Allocates a counted block; MT_E_MEMORY on failure. A size of 0 returns a block, too. */
MT_MUST_CHECK mt_status mt_alloc(mt_env *env, size_t size, void **out, mt_error *err);
void mt_release(mt_env *env, void *memory, size_t size);

/* Counts memory that is allocated in another way. */
void mt_count_memory(mt_env *env, size_t old_size, size_t new_size);

/* Copies a string. The copy is freed by mt_release with strlen + 1. */
MT_MUST_CHECK mt_status mt_copy_text(mt_env *env, const char *text, char **out, mt_error *err);

#endif
