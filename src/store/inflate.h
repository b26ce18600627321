/* SPDX-License-Identifier: BSD-3-Clause */
/* Random access to a deflate stream: a gzip object (RFC 1952, any number of members) or raw deflate (RFC 1951).
 *
 * The first decoding keeps restart points: the start of a block and the 32 KiB before it. A read decodes from the
 * nearest point or from the end of an earlier read. The memory of points is counted in mt_env.restart_bytes: at the
 * limit, every other point of the stream is dropped and the distance of later ones is doubled. Decoded pieces are kept
 * in mt_env.index_cache. Streams of any size are read in constant memory. Deflate expands one byte to at most 1032,
 * which bounds the time that a small object can take. After zlib's examples/zran.c.
 *
 * Checksums and sizes are verified when a read reaches the end of a member. Thread-safe except new and free. */
#ifndef MT_STORE_INFLATE_H
#define MT_STORE_INFLATE_H

#include "store/store.h"

#define MT_DEFLATE_RATIO 1032u /* source: zlib's technical notes, "maximum compression factor" */
#define MT_INFLATE_PIECE ((size_t)256 << 10)

/* The location of the compressed bytes. store and key are borrowed. */
typedef struct mt_deflated {
    mt_store *store;       /* that holds the object */
    const char *key;       /* of the object */
    uint64_t offset, size; /* compressed bytes in the object */
    bool gzip;             /* gzip; else raw deflate, with the two fields below */
    uint64_t decoded_size; /* from the zip directory */
    uint32_t crc;          /* of the decoded bytes, from the zip directory */
} mt_deflated;

typedef struct mt_inflated mt_inflated;

MT_MUST_CHECK mt_status mt_inflated_new(mt_env *env, const mt_deflated *source, mt_inflated **out, mt_error *err);
void mt_inflated_free(mt_inflated *x);

/* Drops all pieces and points, and makes the store drop the compressed bytes: some of them are damaged. */
void mt_inflated_forget(mt_inflated *x);

/* Reads exactly size decoded bytes at offset; MT_E_CORRUPT, with the position, if the stream ends before or is
 * broken. */
MT_MUST_CHECK mt_status mt_inflated_read(mt_inflated *inflated, uint64_t offset, void *out, size_t size, mt_error *err);

/* The same from the cache; false if the bytes are not cached. */
bool mt_inflated_try(mt_inflated *inflated, uint64_t offset, void *out, size_t size);

/* The number of decoded bytes. For gzip, whose trailers are unreliable, the first call decodes everything. */
MT_MUST_CHECK mt_status mt_inflated_size(mt_inflated *inflated, uint64_t *out, mt_error *err);

/* Adjusts the costs of reads of a store to those of decoded reads. */
void mt_inflate_costs(mt_store_costs *costs);

/* Decodes raw deflate in memory to exactly size bytes with this checksum. */
MT_MUST_CHECK mt_status mt_inflate_whole(mt_env *env, const uint8_t *packed, size_t packed_size, uint8_t *out,
                                         size_t size, uint32_t crc, mt_error *err);

/* CRC-32 of zip and gzip. */
uint32_t mt_crc32(uint32_t crc, const uint8_t *bytes, size_t n);

#endif
