/* SPDX-License-Identifier: BSD-3-Clause */
/* Visits: pixels are passed to a function instead of copied into patches. For code that reads an image once:
 * statistics, conversion, pyramids, checksums, pictures.
 *
 * A visit uses the stages of mt_engine_read, in storage order, with a few thousand chunks per plan. Each chunk is
 * fetched and decoded once (in mosaics of more than MT_PLAN_BOXES tiles sometimes twice), taken from the cache if
 * possible, and not added to it. */
#ifndef MT_ENGINE_VISIT_H
#define MT_ENGINE_VISIT_H

#include "engine/engine.h"

/* A part of the image. Borrowed: valid until the visitor returns. */
typedef struct mt_visited {
    mt_box place;                /* box in the image, in elements, in the order of the map's dimensions */
    const uint8_t *data;         /* the first pixel; NULL: not stored, all pixels are map->fill */
    int64_t stride[MT_MAX_DIMS]; /* of data, in bytes */
    bool swap;                   /* data is in the other byte order */
} mt_visited;

/* Functions called from threads of the pool, several at once, in any order, without a lock. They must not block for
 * long. A status other than MT_OK ends the visit with that status. */
typedef struct mt_visitor {
    mt_status (*visit)(void *user, const mt_visited *visited, mt_error *err); /* receives a part of the image */
    void *user;                                                               /* passed to visit and hold */
    /* Used instead of visit, with mt_engine_read: chunks are read as for patches, and hold receives the number of each
     * chunk that is then in the cache, once. Chunks that are not cached, and pixels without a chunk, are left out. */
    mt_status (*hold)(void *user, const mt_image *image, uint64_t chunk, mt_error *err);
} mt_visitor;

/* Visits each pixel of the boxes once. The boxes must lie inside the image and must not overlap. In a mosaic, only the
 * visible part of each tile is visited; a region that the map knows to be absent is visited as a few large boxes. Raw
 * chunks that are much larger than the boxes are read by rows. The visit ends when a chunk fails; if several fail, err
 * names the first in the plan. cancel must not be NULL; its status is the outcome (mt_cancel_status). */
MT_MUST_CHECK mt_status mt_engine_visit(mt_image *image, const mt_box *boxes, size_t n, const mt_visitor *visitor,
                                        mt_cancel *cancel, mt_error *err);

#endif
