/* SPDX-License-Identifier: BSD-3-Clause */
/* Visits: pixels shown to a function instead of copied into patches. For statistics, conversion, pyramids, checksums,
 * pictures: code that goes through an image once.
 *
 * A visit travels through the stages of mt_engine_read, some thousand chunks at a time, in storage order. Each chunk is
 * fetched and decoded once (those of mosaics of more than MT_PLAN_BOXES tiles now and then twice), taken from the cache
 * if it is there, and not kept. */
#ifndef MT_ENGINE_VISIT_H
#define MT_ENGINE_VISIT_H

#include "engine/engine.h"

/* A part of the image. Borrowed: valid until the visitor returns. */
typedef struct mt_visited {
    mt_box place;                /* in the image, in the order of the map's dimensions */
    const uint8_t *data;         /* the first pixel; NULL: nothing is stored there, all pixels are map->fill */
    int64_t stride[MT_MAX_DIMS]; /* bytes */
    bool swap;                   /* pixels are in the other byte order */
} mt_visited;

/* Called from threads of the pool, from several at once, in any order; holds no lock, and must not block for long. A
 * status other than MT_OK ends the visit with it. */
typedef struct mt_visitor {
    mt_status (*visit)(void *user, const mt_visited *visited, mt_error *err);
    void *user;
    /* Instead of visit, for mt_engine_read: chunks are read as for patches, and each that the cache has then is told once
     * by its number. Those that the cache does not keep are left out, and pixels that no chunk holds. */
    mt_status (*hold)(void *user, const mt_image *image, uint64_t chunk, mt_error *err);
} mt_visitor;

/* Shows every pixel of the boxes once. The boxes lie inside the image and do not overlap. Of a mosaic, the visible part
 * of each tile is shown; a region that the map knows to be absent is shown as few large boxes. Raw chunks that are much
 * larger than the boxes are read by rows. The visit ends when a chunk fails; of several that fail meanwhile, the first in
 * the plan is reported by name. cancel is not NULL, and its status is the outcome (mt_cancel_status). */
MT_MUST_CHECK mt_status mt_engine_visit(mt_image *image, const mt_box *boxes, size_t n, const mt_visitor *visitor,
                                        mt_cancel *cancel, mt_error *err);

#endif
