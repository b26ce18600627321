/* SPDX-License-Identifier: BSD-3-Clause */
/* Random reads of a deflate stream: a gzip object (RFC 1952, any number of members) or raw deflate (RFC 1951).
 *
 * While it is decoded for the first time, restart points are kept: where a block starts, with the 32 KiB before it. A
 * read decodes from the nearest point or from where an earlier read ended. Points cost memory, which is counted in
 * mt_env.restart_bytes: if there is no room for one more, every other point of the stream is dropped, and the next ones
 * lie twice as far apart. What was decoded is kept in pieces in mt_env.index_cache. Any size of stream is read in
 * constant memory; deflate makes at most 1032 bytes of one, which bounds the time that a small object can cost.
 * Source of the idea: zlib's examples/zran.c.
 *
 * Checksums and sizes are verified at each member's end, when a read gets there. Thread-safe but for new and free. */
#ifndef MT_STORE_INFLATE_H
#define MT_STORE_INFLATE_H

#include "store/store.h"

#define MT_DEFLATE_RATIO 1032u /* source: zlib's technical notes, "maximum compression factor" */
#define MT_INFLATE_PIECE ((size_t)256 << 10)

/* Where the compressed bytes lie. store and key are borrowed. */
typedef struct mt_deflated {
    mt_store *store;       /* that holds the object */
    const char *key;       /* of the object */
    uint64_t offset, size; /* compressed bytes in the object */
    bool gzip;             /* else raw deflate, with the two that follow */
    uint64_t decoded_size; /* as the zip directory says */
    uint32_t crc;          /* of the decoded bytes, as the zip directory says */
} mt_deflated;

typedef struct mt_inflated mt_inflated;

MT_MUST_CHECK mt_status mt_inflated_new(mt_env *env, const mt_deflated *source, mt_inflated **out, mt_error *err);
void mt_inflated_free(mt_inflated *x);

/* Forgets all pieces and points, and has the store forget the compressed bytes: some of them are damaged. */
void mt_inflated_forget(mt_inflated *x);

/* Exactly size decoded bytes at offset; MT_E_CORRUPT if the stream ends before or is broken, saying where. */
MT_MUST_CHECK mt_status mt_inflated_read(mt_inflated *inflated, uint64_t offset, void *out, size_t size, mt_error *err);

/* The same if the bytes are in the cache; false: they are not. */
bool mt_inflated_try(mt_inflated *inflated, uint64_t offset, void *out, size_t size);

/* All decoded bytes. Of gzip, whose trailers cannot be trusted for it, the first call decodes all. */
MT_MUST_CHECK mt_status mt_inflated_size(mt_inflated *inflated, uint64_t *out, mt_error *err);

/* Changes what reads of a store cost to what they cost where they have to be decoded. */
void mt_inflate_costs(mt_store_costs *costs);

/* Decodes raw deflate in memory: exactly size bytes, with this checksum. */
MT_MUST_CHECK mt_status mt_inflate_whole(mt_env *env, const uint8_t *packed, size_t packed_size, uint8_t *out,
                                         size_t size, uint32_t crc, mt_error *err);

/* CRC-32 of zip and gzip. */
uint32_t mt_crc32(uint32_t crc, const uint8_t *bytes, size_t n);

#endif
