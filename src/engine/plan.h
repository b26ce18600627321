/* SPDX-License-Identifier: BSD-3-Clause */
/* The read plan: which chunks a list of reads touches, each once, with its copies.
 *
 * Made and freed by one thread; while it is executed any number may read it. Borrows the reads and the uses. */
#ifndef MT_ENGINE_PLAN_H
#define MT_ENGINE_PLAN_H

#include "engine/engine.h"
#include "engine/strategy.h"
#include "engine/walk.h"

#define MT_NONE UINT32_MAX

typedef struct mt_copy {
    uint32_t read; /* number of the read */
    uint32_t next; /* copy of the same chunk, or MT_NONE */
    uint32_t part; /* of plan.parts: what is copied, or MT_NONE: all that a chunk of a grid and the read's box share */
} mt_copy;

typedef struct mt_planned {
    const mt_use *use;
    uint64_t id;
    uint32_t first_copy;
} mt_planned;

#define MT_PLAN_INLINE 64

typedef struct mt_plan {
    mt_env *env;
    mt_planned *chunks;
    size_t n_chunks, chunk_room;
    mt_copy *copies;
    size_t n_copies, copy_room;
    mt_shown *parts; /* what boxes show of their chunks, cut to what reads want and no other box covers */
    size_t n_parts, part_room;
    uint32_t *table; /* of chunk numbers, for finding a chunk again; NULL while there are few */
    size_t table_size;
    uint64_t bytes; /* of the pixels that will be copied */
    uint32_t only;  /* the one read of the plan so far, or MT_NONE */
    mt_planned inline_chunks[MT_PLAN_INLINE];
    mt_copy inline_copies[MT_PLAN_INLINE];
} mt_plan;

void mt_plan_init(mt_plan *plan, mt_env *env);
void mt_plan_free(mt_plan *plan);

/* More chunks and copies than this are read in several goes, or visited. */
#define MT_PLAN_COPIES ((size_t)1 << 20)
#define MT_PLAN_VISITED ((size_t)1 << 14)

/* Adds for read number i the next chunks of a walk over the part of its box that lies inside the image, at most most of
 * them, and no more than the plan has room for (mt_plan_is_full). plan->bytes is the caller's business. */
MT_MUST_CHECK mt_status mt_plan_add(mt_plan *plan, const mt_use *use, uint32_t i, mt_walk *walk, uint64_t most,
                                    mt_error *err);

/* Whether it is time to execute the plan: for one that visits early, so that what is planned takes little memory. */
bool mt_plan_is_full(const mt_plan *plan, bool visits);

/* Adds MT_PIECE for read number i alone. */
MT_MUST_CHECK mt_status mt_plan_add_piece(mt_plan *plan, const mt_use *use, uint32_t i, uint64_t bytes, mt_error *err);

/* More boxes than this are not looked at in one go, and a plan of more parts is not continued. */
#define MT_PLAN_BOXES ((size_t)1 << 16)

/* The same for an image of boxes: what a later box covers is not copied from those below it, and what no box covers is
 * a part of the chunk MT_NOTHING. Adds nothing, but sets *too_many, where there are too many boxes to be planned at
 * once in more than one pixel. */
MT_MUST_CHECK mt_status mt_plan_add_boxes(mt_plan *plan, const mt_use *use, const mt_read *read, uint32_t i,
                                          const int64_t *low, const int64_t *high, bool *too_many, mt_error *err);

/* Adds a copy of a part of a chunk. */
MT_MUST_CHECK mt_status mt_plan_add_part(mt_plan *plan, const mt_use *use, uint32_t read, const mt_shown *part,
                                         mt_error *err);

/* Brings the chunks into the order of images and chunk numbers. */
void mt_plan_sort(mt_plan *plan);

/* What of a read's box lies inside the image, relative to the box. False where nothing does. */
bool mt_read_clip(const mt_read *read, int64_t *low, int64_t *high);

/* Bytes of the stored pixels of a part of a read's box. */
uint64_t mt_read_size(const mt_read *read, const int64_t *low, const int64_t *high);

#endif
