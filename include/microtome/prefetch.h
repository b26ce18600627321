/* SPDX-License-Identifier: BSD-3-Clause */
/* Chunks ahead of time: what a later call of mt_extract_patches will need is fetched and decoded meanwhile. */
#ifndef MICROTOME_PREFETCH_H
#define MICROTOME_PREFETCH_H

#include <microtome/stack.h>

MT_BEGIN_DECLS

typedef struct mt_prefetch mt_prefetch;

typedef struct mt_prefetch_options {
    size_t struct_size; /* sizeof(mt_prefetch_options) */
    /* Optional: called once when all chunks are there or were given up, in a thread of the library that holds no lock. It
     * must not call mt_prefetch_wait or mt_prefetch_end of this prefetch, which wait for it. */
    void (*done)(void *user);
    void *user;
} mt_prefetch_options;

/* What a prefetch holds. */
typedef struct mt_prefetch_info {
    size_t struct_size; /* sizeof(mt_prefetch_info) */
    uint64_t chunks;    /* decoded chunks that are held in the cache */
    uint64_t bytes;     /* of these */
    int is_full; /* other than 0: held chunks would have taken more than half of the budget, so the rest was left out */
} mt_prefetch_info;

/* Starts to fetch and decode the chunks that the requests touch, and returns at once. The chunks are held in the cache
 * until mt_prefetch_end: mt_extract_patches finds them there, and awaits those that are on the way. All prefetches of a
 * context are done in the order of their calls, one at a time, and together hold no more than half of its budget
 * (mt_context_options.cache_bytes). Chunks that the cache does not keep are not read ahead: those of arrays in memory
 * and of stacks of one's own, those larger than a quarter of the budget, and raw data on local disks, for which the
 * system's page cache does. requests are copied; their views do not count. The stacks stay open until mt_prefetch_end.
 * The requests are checked like those of mt_extract_patches. options may be NULL. */
MT_API MT_MUST_CHECK mt_status mt_prefetch_patches(const mt_patch_request *requests, size_t n,
                                                   const mt_prefetch_options *options, mt_prefetch **out,
                                                   mt_error *err);

/* Waits until all chunks are there or were given up. Any thread may wait. Returns MT_OK, also if the budget is full, or
 * why a chunk could not be read, which ends the prefetch; whoever extracts that chunk gets the error again. info may be
 * NULL. In the child of a fork, a prefetch that was not done before it holds what it held then, and does not go on. */
MT_API mt_status mt_prefetch_wait(mt_prefetch *prefetch, mt_prefetch_info *info, mt_error *err);

/* Stops what is not done, waits for what cannot be stopped, and gives up the chunks, which then are as good as any other
 * in the cache. NULL is allowed. */
MT_API void mt_prefetch_end(mt_prefetch *prefetch);

MT_END_DECLS

#endif
