/* SPDX-License-Identifier: BSD-3-Clause */
/* Metadata in blocks: a store in front of another, which remembers what was read while an image is opened.
 *
 * Parsers ask for a few bytes here and there. The front reads whole blocks (64 KiB; of a store that is not slow, 4 KiB
 * or what costs half as much as a request), more at once while an object is read on and on, and answers from what it has. The
 * first touch of an object tells its size too; that an object is not there is remembered. Long reads go past it. An
 * object that is replaced meanwhile is seen as it was first.
 *
 * Bounded: 4 MiB an object, 16 MiB in all, 1024 objects. Thread-safe, without a lock held during reads. */
#ifndef MT_STORE_BLOCKS_H
#define MT_STORE_BLOCKS_H

#include "store/store.h"

/* Takes inner over, also when it fails. */
MT_MUST_CHECK mt_status mt_store_open_blocks(mt_store *inner, mt_store **out, mt_error *err);

/* Opening is over. Where to read again is cheap the front forgets all, and from now on stands aside; over a slow store
 * it keeps 1 MiB, and goes on for the tables that are read later. Other stores are left as they are. */
void mt_blocks_drop(mt_store *store);

/* Visits the names of the objects that were read so far; *all is false where some were forgotten. Not while other threads
 * use the store. */
MT_MUST_CHECK mt_status mt_blocks_visit(mt_store *store, mt_store_visit visit, void *user, bool *all, mt_error *err);

/* The store behind the front, for reads that are not to be remembered: pixels. Other stores: the store itself. */
mt_store *mt_blocks_inner(mt_store *store);

/* A place where reading will go on: size bytes from offset on (0: a block), as far as the object has them. */
typedef struct mt_touch {
    const char *key; /* of the object */
    uint64_t offset; /* bytes from the start of the object */
    size_t size;     /* bytes; 0: a block */
} mt_touch;

/* Reads n places at once, in one round trip, as far as they are not known yet, so that asking for each of them does not
 * wait. What fails says so when it is asked for. Nothing is done where the store is not slow or has no front: asking for
 * one after the other, as far as it is needed, costs less there. */
void mt_blocks_touch(mt_store *store, const mt_touch *touches, size_t n);

#endif
