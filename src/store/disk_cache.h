/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks of remote objects, kept in a folder: of one context, of several processes, over their ends. Thread-safe.
 *
 * A block is MT_DISK_BLOCK bytes of an object, at a multiple of that, or what the object has there. Its file is named by
 * a hash of store, key, identity of the object (store/identity.h) and number, and holds them in full beside the bytes
 * and a checksum: what is torn, broken or another's is read as if it were not there. Files are published by rename, so
 * processes need no lock. Those used longest ago are removed when there are too many bytes. A failure to write is no
 * failure to read: the cache is then left alone. */
#ifndef MT_STORE_DISK_CACHE_H
#define MT_STORE_DISK_CACHE_H

#include "store/store.h"

#define MT_DISK_BLOCK ((size_t)256 << 10)

typedef struct mt_disk_cache mt_disk_cache;

/* folder is made if it is not there, for this user alone. bytes: at most that many in it, about; at least 16 MiB. */
MT_MUST_CHECK mt_status mt_disk_cache_new(mt_env *env, const char *folder, uint64_t bytes, mt_disk_cache **out,
                                          mt_error *err);
void mt_disk_cache_free(mt_disk_cache *cache); /* NULL is allowed */

/* A store that reads through the cache. Takes inner over, also on failure. Objects whose identity the inner store
 * cannot tell are not cached. */
MT_MUST_CHECK mt_status mt_disk_cache_wrap(mt_disk_cache *cache, mt_store *inner, mt_store **out, mt_error *err);

#endif
