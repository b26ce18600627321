/* SPDX-License-Identifier: BSD-3-Clause */
/* Iterates in C order over the chunks of a grid that intersect a box; runs of chunks can be taken as boxes. */
#ifndef MT_ENGINE_WALK_H
#define MT_ENGINE_WALK_H

#include "engine/image.h"

typedef struct mt_walk {
    const mt_image *image; /* borrowed */
    mt_box box;            /* in the image, in elements */
    /* Grid positions: the first and last of the walk (inclusive), and the current one. */
    int64_t first[MT_MAX_DIMS], last[MT_MAX_DIMS], position[MT_MAX_DIMS];
    bool done; /* no chunks are left */
} mt_walk;

/* The box must lie inside the image and must not be empty. */
void mt_walk_init(mt_walk *walk, const mt_image *image, const mt_box *box);

/* Advances by one chunk; sets done after the last one. */
void mt_walk_next(mt_walk *walk);

/* The total number of chunks of the walk; UINT64_MAX on overflow. */
uint64_t mt_walk_count(const mt_walk *walk);

/* Takes the chunks from the current position up to target (exclusive, may lie outside the box) as boxes. Sets out to
 * the next of these boxes, clipped to the image and the walk's box, and n to its number of chunks, and advances past
 * it. False: the walk has reached target. */
bool mt_walk_take(mt_walk *walk, const int64_t *target, mt_box *out, uint64_t *n);

#endif
