/* SPDX-License-Identifier: BSD-3-Clause */
/* The chunks of a grid that a box meets, walked in C order; runs of them are taken as boxes. */
#ifndef MT_ENGINE_WALK_H
#define MT_ENGINE_WALK_H

#include "engine/image.h"

typedef struct mt_walk {
    const mt_image *image;
    mt_box box; /* in the image */
    int64_t first[MT_MAX_DIMS], last[MT_MAX_DIMS], position[MT_MAX_DIMS];
    bool done;
} mt_walk;

/* The box lies inside the image and is not empty. */
void mt_walk_init(mt_walk *walk, const mt_image *image, const mt_box *box);

/* Moves on by one chunk, and sets done behind the last one. */
void mt_walk_next(mt_walk *walk);

/* How many chunks there are, UINT64_MAX if more than that, from the first one on. */
uint64_t mt_walk_count(const mt_walk *walk);

/* The chunks from here to before target, a grid position (also one outside the box), as boxes: sets out to the next of
 * these boxes, as it lies in the image and in the walk's box, and n to the chunks in it, and moves on behind it. False:
 * the walk has reached target. */
bool mt_walk_take(mt_walk *walk, const int64_t *target, mt_box *out, uint64_t *n);

#endif
