/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads in bulk for code that reads one thing at a time.
 *
 * While a thread collects, its reads of stores are answered only if that takes no waiting. Any other read is noted and
 * fails with MT_WAIT, an internal status that callers pass on like any failure (cache/cache.h). mt_collect_fetch then does all noted
 * reads together, and whoever asked asks again. So a format locates chunks one by one, and yet what it has to read for
 * many of them (shard indices, tables of pages, nodes of B-trees) costs as many round trips as it is deep, not as many
 * as there are chunks. mt_store_identify and mt_store_list are not collected: they block as ever. */
#ifndef MT_STORE_COLLECT_H
#define MT_STORE_COLLECT_H

#include "cache/cache.h"
#include "platform/thread.h"
#include "store/store.h"

/* Takes no memory until a read has to be noted: the usual case is that none has. */
typedef struct mt_collector {
    mt_env *env;               /* memory */
    mt_lock lock;              /* guards what follows */
    size_t waiting;            /* reads that were noted and are not done */
    struct mt_noted **buckets; /* of all that were noted, or NULL */
} mt_collector;

MT_MUST_CHECK mt_status mt_collector_init(mt_collector *collector, mt_env *env, mt_error *err);
void mt_collector_destroy(mt_collector *collector);

/* This thread collects into the collector, which any number of threads may share; NULL: it reads as usual again. Returns
 * what it collected into before. */
mt_collector *mt_collect_into(mt_collector *collector);
bool mt_is_collecting(void);

/* Does the reads that were noted since the last time, and keeps what they brought for those who ask again. Returns how
 * many there were. No thread may collect meanwhile. */
size_t mt_collect_fetch(mt_collector *collector);

/* What mt_store_read, mt_store_size, mt_store_read_tail and mt_store_read_start do while the thread collects. */
MT_MUST_CHECK mt_status mt_collect_read(mt_store *store, const char *key, const mt_range *ranges, size_t n,
                                        mt_error *err);
MT_MUST_CHECK mt_status mt_collect_size(mt_store *store, const char *key, uint64_t *out, mt_error *err);
MT_MUST_CHECK mt_status mt_collect_end(mt_store *store, mt_request *end, mt_error *err);

#endif
