/* SPDX-License-Identifier: BSD-3-Clause */
/* The spool: a file that keeps encoded tiles in the order in which they came, until all are there. The finished image has
 * them in their own order.
 *
 * Each tile follows a head of 32 bytes, all numbers little-endian:
 *     "mttile\0\n", unit u64, size u64, CRC-32C of the tile u32, CRC-32C of the 28 bytes before
 * What follows a head that is incomplete or damaged does not count, nor does a tile that does not fit its checksum: so a
 * spool can be continued after a power cut, too. */
#ifndef MT_WRITE_TIFF_SPOOL_H
#define MT_WRITE_TIFF_SPOOL_H

#include "platform/file.h"
#include "platform/thread.h"
#include "store/target.h"

/* The place of a tile. */
typedef struct tiff_tile {
    uint64_t offset; /* of its first byte in the spool; 0: there is none */
    uint64_t size;   /* bytes */
} tiff_tile;

typedef struct tiff_spool {
    mt_target *target; /* the folder of the file */
    char path[MT_PATH_BYTES];
    mt_output file; /* written through this */
    mt_file reader; /* read through this */
    bool is_open, has_reader, only_looks;
    uint64_t n_units;  /* in the whole output */
    size_t most;       /* largest size of a tile */
    mt_lock lock;      /* guards what follows, and the end of the file */
    tiff_tile *tiles;  /* of each unit */
    uint64_t size;     /* bytes in use */
    uint64_t unsynced; /* bytes since the last sync */
} tiff_spool;

/* Opens the spool of a target, or begins it. spool is zeroed; also after a failure it is to be closed. With only_looks it
 * is not changed, and may be written by another process; tiles are not checked, and can only be found. */
MT_MUST_CHECK mt_status tiff_spool_open(tiff_spool *spool, mt_target *target, uint64_t n_units, size_t most,
                                        bool only_looks, mt_error *err);
void tiff_spool_close(tiff_spool *spool);

/* Appends a tile, in place of an earlier one of the unit. Thread-safe, as are the functions below. */
MT_MUST_CHECK mt_status tiff_spool_add(tiff_spool *spool, uint64_t unit, const void *bytes, size_t size, uint32_t crc,
                                       mt_error *err);

tiff_tile tiff_spool_find(tiff_spool *spool, uint64_t unit);

/* Reads a tile of a unit, all of its bytes, and checks it. *crc, if not NULL, is its checksum. */
MT_MUST_CHECK mt_status tiff_spool_read(tiff_spool *spool, uint64_t unit, tiff_tile tile, void *out, uint32_t *crc,
                                        mt_error *err);

/* Closes the file and removes it. */
MT_MUST_CHECK mt_status tiff_spool_remove(tiff_spool *spool, mt_error *err);

#endif
