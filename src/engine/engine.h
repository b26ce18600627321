/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine's face: boxes of images into memory. It knows images and boxes, and no format.
 *
 * A call travels through stages: plan (which chunks, each once) -> locate (where their bytes lie, in bulk) -> fetch
 * (joined ranges, many in flight) -> decode (on arrival, in the pool) -> gather (into every patch that waits). */
#ifndef MT_ENGINE_ENGINE_H
#define MT_ENGINE_ENGINE_H

#include "engine/cancel.h"
#include "engine/gather.h"
#include "engine/image.h"

struct mt_visitor;

/* One box of an image, in the order of the map's dimensions, into memory. The box may lie outside the image. */
typedef struct mt_read {
    mt_image *image; /* changed only in row_cost */
    /* Optional: status and reason are set if a pixel of the box could not be read. Several reads may share them, MT_OK
     * at first; of several failures one is kept. */
    mt_status *status;
    mt_error *reason;
    mt_convert convert;
    uint8_t padding[8]; /* one element of convert.to */
    uint8_t *out;
    int64_t start[MT_MAX_DIMS], extent[MT_MAX_DIMS];
    int64_t out_stride[MT_MAX_DIMS];  /* bytes */
    const struct mt_visitor *visitor; /* gets the pixels instead of out (engine/visit.h); NULL: none */
} mt_read;

/* Does all reads; each chunk that they touch is fetched and decoded once. The images are of this context. What could
 * not be read is zero, the rest is right; err tells of the first failing chunk, by image and number in the grid,
 * and its status is returned. If cancel, which may be NULL, says to stop, all else is zero, and its status is what counts. Blocks; any
 * number of threads may call at once. */
MT_MUST_CHECK mt_status mt_engine_read(mt_context *context, const mt_read *reads, size_t n, mt_cancel *cancel,
                                       mt_error *err);

#endif
