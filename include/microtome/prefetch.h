/* SPDX-License-Identifier: BSD-3-Clause */
/* Prefetch: fetches and decodes in the background the chunks that a later mt_extract_patches will need. */
#ifndef MICROTOME_PREFETCH_H
#define MICROTOME_PREFETCH_H

#include <microtome/stack.h>

MT_BEGIN_DECLS

typedef struct mt_prefetch mt_prefetch;

typedef struct mt_prefetch_options {
    size_t struct_size; /* sizeof(mt_prefetch_options) */
    /* Optional: called once, when all chunks are decoded or abandoned, in a thread of the library that holds no lock.
     * Must not call mt_prefetch_wait or mt_prefetch_end on this prefetch: they wait for it. */
    void (*done)(void *user);
    void *user; /* passed to done */
} mt_prefetch_options;

/* The chunks that a prefetch holds. */
typedef struct mt_prefetch_info {
    size_t struct_size; /* sizeof(mt_prefetch_info) */
    uint64_t chunks;    /* decoded chunks held in the cache */
    uint64_t bytes;     /* bytes of these chunks */
    int is_full;        /* not 0: the prefetch stopped early, because half of the budget was held */
} mt_prefetch_info;

/* Starts to fetch and decode the chunks that the requests touch, and returns at once. The chunks are held in the cache
 * until mt_prefetch_end. mt_extract_patches finds them there and waits for those in progress. The prefetches of a
 * context run one at a time, in call order, and together hold at most half of its budget
 * (mt_context_options.cache_bytes). Chunks that are never cached are not prefetched: those of arrays in memory and of
 * custom stacks, those larger than a quarter of the budget, and raw data on local disks, which the page cache serves.
 * requests are copied; their views are ignored. The stacks stay open until mt_prefetch_end. Requests are checked as by
 * mt_extract_patches. options may be NULL. */
MT_API MT_MUST_CHECK mt_status mt_prefetch_patches(const mt_patch_request *requests, size_t n,
                                                   const mt_prefetch_options *options, mt_prefetch **out,
                                                   mt_error *err);

/* Waits until all chunks are decoded or abandoned. Any thread may wait. Returns MT_OK, even if the budget is full, or
 * the status of the first chunk that could not be read, which ends the prefetch; extracting that chunk reports the
 * error again. info may be NULL. In a forked child, an unfinished prefetch does not continue; it keeps the chunks that
 * it held at the fork. */
MT_API mt_status mt_prefetch_wait(mt_prefetch *prefetch, mt_prefetch_info *info, mt_error *err);

/* Stops the prefetch, waits for work that cannot be stopped, and releases the chunks, which then stay in the cache like
 * any other. NULL is allowed. */
MT_API void mt_prefetch_end(mt_prefetch *prefetch);

MT_END_DECLS

#endif
