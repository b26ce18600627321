/* SPDX-License-Identifier: BSD-3-Clause */
/* The interface of the engine: reads boxes of images into memory. The engine is independent of formats.
 *
 * A call has five stages: plan (the chunks, each once) -> locate (their bytes, in bulk) -> fetch (merged ranges, many
 * in flight) -> decode (on arrival, in the pool) -> gather (into all patches that need the chunk). */
#ifndef MT_ENGINE_ENGINE_H
#define MT_ENGINE_ENGINE_H

#include "engine/cancel.h"
#include "engine/gather.h"
#include "engine/image.h"

struct mt_visitor;

/* Reads one box of an image into memory. Dimensions are in the order of the map. The box may extend beyond the
 * image. */
typedef struct mt_read {
    mt_image *image; /* only row_cost and the counters change */
    /* Optional: set if a pixel of the box could not be read. Reads may share them; initially MT_OK, and one of several
     * failures is kept. */
    mt_status *status;
    mt_error *reason;
    mt_convert convert;                              /* conversion of elements */
    uint8_t padding[8];                              /* one element of convert.to, for pixels outside the image */
    uint8_t *out;                                    /* element [0, ..., 0] of the destination */
    int64_t start[MT_MAX_DIMS], extent[MT_MAX_DIMS]; /* the box, in elements */
    int64_t out_stride[MT_MAX_DIMS];                 /* of the destination, in bytes */
    const struct mt_visitor *visitor;                /* not NULL: receives the pixels instead of out (engine/visit.h) */
} mt_read;

/* Does n reads of images of this context. Each chunk that they touch is fetched and decoded once. Pixels that could not
 * be read are zero; the others are valid. err and the status returned are those of the first failing chunk, by image
 * and number in the grid. If cancel (may be NULL) is cancelled, unread pixels are zero and mt_cancel_status is the
 * outcome. Blocks. Any number of threads may call at once. */
MT_MUST_CHECK mt_status mt_engine_read(mt_context *context, const mt_read *reads, size_t n, mt_cancel *cancel,
                                       mt_error *err);

#endif
