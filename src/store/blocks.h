/* SPDX-License-Identifier: BSD-3-Clause */
/* A block cache for metadata: a store in front of another that keeps what is read while an image is opened.
 *
 * Parsers make many small reads. The front reads whole blocks (64 KiB; from a fast store, 4 KiB or what costs half as
 * much as a request), reads ahead during sequential reading, and serves reads from its blocks. The first read of an
 * object also learns its size. Missing objects are remembered. Long reads bypass the cache. An object that is replaced
 * meanwhile is seen in its first version.
 *
 * Bounds: 4 MiB per object, 16 MiB in total, 1024 objects. Thread-safe; no lock is held during reads. */
#ifndef MT_STORE_BLOCKS_H
#define MT_STORE_BLOCKS_H

#include "store/store.h"

/* Takes ownership of inner, also on failure. */
MT_MUST_CHECK mt_status mt_store_open_blocks(mt_store *inner, mt_store **out, mt_error *err);

/* Called after opening. Over a fast store the front drops all blocks and is bypassed from now on. Over a slow store it
 * keeps 1 MiB and stays in use for tables that are read later. No effect on other stores. */
void mt_blocks_drop(mt_store *store);

/* Visits the keys of the objects read so far; *all is false if some were dropped. Not thread-safe. */
MT_MUST_CHECK mt_status mt_blocks_visit(mt_store *store, mt_store_visit visit, void *user, bool *all, mt_error *err);

/* The store behind the front, for reads that need no cache, such as pixels. Returns other stores unchanged. */
mt_store *mt_blocks_inner(mt_store *store);

/* A range to prefetch, cut at the end of the object. */
typedef struct mt_touch {
    const char *key; /* of the object */
    uint64_t offset; /* bytes from the start of the object */
    size_t size;     /* bytes; 0: a block */
    bool exact;      /* do not round to whole blocks: for many small scattered ranges */
} mt_touch;

/* Reads n ranges in one round trip unless they are known, so that later reads of them do not wait. Errors are reported
 * by the later reads. Does nothing if the store is fast or has no front: there, reading on demand costs less. Blocks,
 * also while the thread collects (store/collect.h). */
void mt_blocks_touch(mt_store *store, const mt_touch *touches, size_t n);

#endif
