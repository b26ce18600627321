/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine: plan, fetch, decode, gather. It knows images and boxes, and no format. */
#ifndef MT_ENGINE_ENGINE_H
#define MT_ENGINE_ENGINE_H

#include "engine/cancel.h"
#include "engine/gather.h"
#include "engine/image.h"

/* One box of an image, in the order of the map's dimensions, into memory. The box may lie outside the image. */
typedef struct mt_read {
    const mt_image *image;
    mt_convert convert;
    uint8_t padding[8]; /* one element of convert.to */
    uint8_t *out;
    int64_t start[MT_MAX_DIMS], extent[MT_MAX_DIMS];
    int64_t out_stride[MT_MAX_DIMS]; /* bytes */
} mt_read;

/* Does all reads; each chunk that they touch is fetched and decoded once. The images are of this context. On failure
 * what could not be read is zero, and err tells of the first failing chunk in storage order. Where cancel, which may be
 * NULL, says to stop, all else is zero, and its status is what counts. */
MT_MUST_CHECK mt_status mt_engine_read(mt_context *context, const mt_read *reads, size_t n, mt_cancel *cancel,
                                       mt_error *err);

/* Copies a box of a chunk that is stored raw: reads just the rows that are needed. low is where the box starts inside
 * the chunk. view is as found by mt_image_open_raw, and cancel as in mt_engine_read. */
MT_MUST_CHECK mt_status mt_raw_read(const mt_image *image, const mt_chunk_ref *ref, const uint8_t *view,
                                    const mt_convert *convert, const int64_t *low, const int64_t *extent, uint8_t *out,
                                    const int64_t *out_stride, mt_scratch *scratch, mt_cancel *cancel, mt_error *err);

/* What mt_raw_read costs for a box of this extent, in bytes that could be read in the same time. */
uint64_t mt_raw_cost(const mt_image *image, const int64_t *extent);

#endif
