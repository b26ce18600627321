/* SPDX-License-Identifier: BSD-3-Clause */
/* Batched reads for code that reads one item at a time.
 *
 * While a thread collects, its reads succeed only if they need not wait. Any other read is recorded and fails with
 * MT_WAIT, an internal status that callers return like any failure (cache/cache.h). mt_collect_fetch then performs all
 * recorded reads together, and the callers retry. Thus a format can locate chunks one by one, while the metadata it
 * reads for many of them (shard indices, page tables, B-tree nodes) costs as many round trips as its depth, not as the
 * number of chunks. mt_store_identify and mt_store_list are not collected: they block. */
#ifndef MT_STORE_COLLECT_H
#define MT_STORE_COLLECT_H

#include "cache/cache.h"
#include "platform/thread.h"
#include "store/store.h"

/* Allocates no memory until a read is recorded, which is rare. */
typedef struct mt_collector {
    mt_env *env;               /* memory */
    mt_lock lock;              /* guards the fields below */
    size_t waiting;            /* recorded reads without outcome */
    struct mt_noted **buckets; /* hash table of recorded reads, or NULL */
} mt_collector;

MT_MUST_CHECK mt_status mt_collector_init(mt_collector *collector, mt_env *env, mt_error *err);
void mt_collector_destroy(mt_collector *collector);

/* Makes this thread collect into a collector, which several threads may share; NULL: ends collecting. Returns the
 * previous collector. */
mt_collector *mt_collect_into(mt_collector *collector);
bool mt_is_collecting(void);

/* Performs the reads recorded since the last call and keeps their outcomes for the retries. Returns their number. No
 * thread may collect meanwhile. */
size_t mt_collect_fetch(mt_collector *collector);

/* mt_store_read, mt_store_size, mt_store_read_tail and mt_store_read_start of a thread that collects. */
MT_MUST_CHECK mt_status mt_collect_read(mt_store *store, const char *key, const mt_range *ranges, size_t n,
                                        mt_error *err);
MT_MUST_CHECK mt_status mt_collect_size(mt_store *store, const char *key, uint64_t *out, mt_error *err);
MT_MUST_CHECK mt_status mt_collect_end(mt_store *store, mt_request *end, mt_error *err);

#endif
