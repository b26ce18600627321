/* SPDX-License-Identifier: BSD-3-Clause */
/* Regions without stored data: what a map knows to be absent is filled at once and not planned chunk by chunk. */
#ifndef MT_ENGINE_ABSENT_H
#define MT_ENGINE_ABSENT_H

#include "engine/walk.h"
#include "store/collect.h"

/* Used by the thread of a call, for one walk. */
typedef struct mt_absent {
    const mt_image *image;
    bool is_asked; /* the map is: the walk is long, and the map can tell */
    mt_scan scan;
    mt_collector collector; /* of reads that would have to be waited for, and are not done */
    bool has_target;
    int64_t target[MT_MAX_DIMS]; /* nothing is stored before it */
} mt_absent;

void mt_absent_begin(mt_absent *absent, const mt_walk *walk);
void mt_absent_end(mt_absent *absent);

/* Takes the next box of absent chunks, if the walk has come to one, and moves on behind it. */
bool mt_absent_take(mt_absent *absent, mt_walk *walk, mt_box *out);

#endif
