/* SPDX-License-Identifier: BSD-3-Clause */
/* Regions without stored data: boxes of chunks that the map knows to be absent are filled as a whole, not planned chunk
 * by chunk. */
#ifndef MT_ENGINE_ABSENT_H
#define MT_ENGINE_ABSENT_H

#include "engine/walk.h"
#include "store/collect.h"

/* State of one walk. Used by the thread of the call only. */
typedef struct mt_absent {
    const mt_image *image;       /* borrowed */
    bool is_asked;               /* ask the map for absent regions: it knows them, and the walk is long */
    mt_scan scan;                /* position in the map */
    mt_collector collector;      /* of reads that would block, which are not done */
    bool has_target;             /* target is set */
    int64_t target[MT_MAX_DIMS]; /* grid position; no chunk before it is stored */
} mt_absent;

void mt_absent_begin(mt_absent *absent, const mt_walk *walk);
void mt_absent_end(mt_absent *absent);

/* Takes the next box of absent chunks, if the walk is at one, and advances the walk past it. */
bool mt_absent_take(mt_absent *absent, mt_walk *walk, mt_box *out);

#endif
