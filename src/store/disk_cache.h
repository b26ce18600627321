/* SPDX-License-Identifier: BSD-3-Clause */
/* A persistent cache of blocks of remote objects in a folder, which several processes may share. Thread-safe.
 *
 * A block is MT_DISK_BLOCK bytes of an object at a multiple of that, cut at the end of the object. Its file is named by
 * a hash of store, key, identity of the object (store/identity.h) and block number, and also stores these in full, with
 * a checksum: torn, damaged or colliding files count as absent. Files are published by rename, so processes need no
 * lock. The least recently used files are removed when the cache is full. After a failed write the cache is no longer
 * written; reads go on. */
#ifndef MT_STORE_DISK_CACHE_H
#define MT_STORE_DISK_CACHE_H

#include "store/store.h"

#define MT_DISK_BLOCK ((size_t)256 << 10)

typedef struct mt_disk_cache mt_disk_cache;

/* Creates the folder, accessible only to this user, if it does not exist. bytes: approximate limit, at least 16 MiB. */
MT_MUST_CHECK mt_status mt_disk_cache_new(mt_env *env, const char *folder, uint64_t bytes, mt_disk_cache **out,
                                          mt_error *err);
void mt_disk_cache_free(mt_disk_cache *cache); /* NULL is allowed */

/* A store that reads through the cache. Takes ownership of inner, also on failure. Objects without an identity in the
 * inner store are not cached. */
MT_MUST_CHECK mt_status mt_disk_cache_wrap(mt_disk_cache *cache, mt_store *inner, mt_store **out, mt_error *err);

#endif
