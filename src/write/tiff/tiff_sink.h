/* SPDX-License-Identifier: BSD-3-Clause */
/* Internals of the sink of OME-TIFF. Tiles go to a spool as they come; finishing writes the image from it:
 *
 *     header, OME-XML, directories of all pages, those of each further level, tables of tiles, tiles
 *
 * A page is a plane, in the order of T, C, Z, with the further levels as SubIFDs. What precedes the tiles has a size that
 * follows from the plan, so that one read at the start of the file finds all of it. */
#ifndef MT_WRITE_TIFF_SINK_H
#define MT_WRITE_TIFF_SINK_H

#include "codec/params.h"
#include "write/claim.h"
#include "write/ome_xml.h"
#include "write/sink.h"
#include "write/tiff/spool.h"

typedef struct tiff_sink {
    mt_sink sink; /* base */
    mt_row_params rows;
    mt_zstd_params zstd;
    mt_level_params level;
    mt_element_params element;
    mt_claim claim; /* only one process writes the spool */
    tiff_spool spool;
} tiff_sink;

static inline tiff_sink *tiff_sink_of(mt_sink *sink) { return (tiff_sink *)(void *)sink; }

/* The value of the tag Predictor. */
int tiff_predictor(const mt_plan *plan);

#define TIFF_HEADER 16 /* bytes; the OME-XML follows */

#define TIFF_UUID_BYTES 37 /* with the NUL */

/* Places of everything in the finished image. Level k has n_pages * tiles[k] tiles; its table of offsets, and then its
 * table of sizes, list all of them in order. */
typedef struct tiff_layout {
    const mt_plan *plan;
    uint64_t n_pages;
    uint64_t description, description_size; /* of the OME-XML, with the NUL */
    uint64_t directories[MT_MAX_LEVELS];    /* of the first page */
    uint64_t directory_size[MT_MAX_LEVELS];
    uint64_t sub_directories;      /* offsets of SubIFDs, for all pages */
    uint64_t tiles[MT_MAX_LEVELS]; /* of a page */
    uint64_t offsets_table[MT_MAX_LEVELS], sizes_table[MT_MAX_LEVELS];
    uint64_t end; /* of all this: the place of the first tile */
} tiff_layout;

void tiff_lay_out(const mt_plan *plan, uint64_t description_size, tiff_layout *out);

/* Tiles in the finished image: those of all units, in order. */
typedef struct tiff_places {
    tiff_tile zeros; /* the tile of units that have none */
    uint64_t first;  /* offset of the first other tile */
} tiff_places;

/* Writes a file from its start on, through a buffer. */
typedef struct tiff_stream {
    mt_output file;
    const char *path;
    uint64_t offset;  /* of the buffer in the file */
    mt_buffer buffer; /* what is not written yet */
} tiff_stream;

/* Writes the buffer if it is large, or in any case. */
MT_MUST_CHECK mt_status tiff_stream_flush(tiff_stream *stream, bool in_any_case, mt_error *err);

/* Writes all that precedes the tiles. */
MT_MUST_CHECK mt_status tiff_write_directories(const tiff_layout *layout, tiff_spool *spool, const tiff_places *places,
                                               const mt_buffer *description, tiff_stream *out, mt_error *err);

/* As in mt_sink_ops. */
MT_MUST_CHECK mt_status tiff_finish(mt_sink *sink, mt_steps *steps, mt_error *err);
MT_MUST_CHECK mt_status tiff_is_finished(const mt_plan *plan, mt_target *target, mt_arena *arena, bool *out,
                                         mt_error *err);

#endif
