/* SPDX-License-Identifier: BSD-3-Clause */
/* The read plan: the chunks that a list of reads touches, each once, with its copies.
 *
 * Built and freed by one thread; read by any number of threads during execution. Borrows the reads and the uses. */
#ifndef MT_ENGINE_PLAN_H
#define MT_ENGINE_PLAN_H

#include "engine/engine.h"
#include "engine/strategy.h"
#include "engine/walk.h"

#define MT_NONE UINT32_MAX

/* A copy from a chunk to the destination of a read. */
typedef struct mt_copy {
    uint32_t read; /* index of the read */
    uint32_t next; /* index of the next copy of the same chunk, or MT_NONE */
    uint32_t part; /* index in plan.parts, or MT_NONE: the intersection of a grid chunk with the read's box */
} mt_copy;

/* A chunk of the plan. */
typedef struct mt_planned {
    const mt_use *use;   /* its image and strategy */
    uint64_t id;         /* chunk number */
    uint32_t first_copy; /* index of its first copy */
} mt_planned;

#define MT_PLAN_INLINE 64

typedef struct mt_plan {
    mt_env *env;                              /* allocator, borrowed */
    mt_planned *chunks;                       /* the chunks, each once */
    size_t n_chunks, chunk_room;              /* number and capacity of chunks */
    mt_copy *copies;                          /* linked by chunk */
    size_t n_copies, copy_room;               /* number and capacity of copies */
    mt_shown *parts;                          /* visible parts of boxes, clipped to the reads */
    size_t n_parts, part_room;                /* number and capacity of parts */
    uint32_t *table;                          /* hash table of indices in chunks; NULL if there are few chunks */
    size_t table_size;                        /* slots of table */
    uint64_t bytes;                           /* of the pixels to copy */
    uint32_t only;                            /* the only read of the plan so far, or MT_NONE */
    mt_planned inline_chunks[MT_PLAN_INLINE]; /* initial storage of chunks */
    mt_copy inline_copies[MT_PLAN_INLINE];    /* initial storage of copies */
} mt_plan;

void mt_plan_init(mt_plan *plan, mt_env *env);
void mt_plan_free(mt_plan *plan);

/* The maximum number of chunks and copies of a plan that reads, or visits. More need several plans. */
#define MT_PLAN_COPIES ((size_t)1 << 20)
#define MT_PLAN_VISITED ((size_t)1 << 14)

/* Adds the next chunks of a walk for read i: at most `most`, and until the plan is full (mt_plan_is_full). The walk
 * covers the part of the read's box inside the image. The caller updates plan->bytes. */
MT_MUST_CHECK mt_status mt_plan_add(mt_plan *plan, const mt_use *use, uint32_t i, mt_walk *walk, uint64_t most,
                                    mt_error *err);

/* Whether to execute the plan now. One that visits is full early, to save memory. */
bool mt_plan_is_full(const mt_plan *plan, bool visits);

/* Adds MT_PIECE for read i. */
MT_MUST_CHECK mt_status mt_plan_add_piece(mt_plan *plan, const mt_use *use, uint32_t i, uint64_t bytes, mt_error *err);

/* The maximum number of boxes to consider at once; a plan with more parts is full. */
#define MT_PLAN_BOXES ((size_t)1 << 16)

/* The same for an image of boxes. Pixels covered by a later box are not copied from those below it; pixels covered by
 * no box become a part of the chunk MT_NOTHING. If there are too many boxes to plan at once and more than one pixel,
 * sets *too_many and adds nothing. */
MT_MUST_CHECK mt_status mt_plan_add_boxes(mt_plan *plan, const mt_use *use, const mt_read *read, uint32_t i,
                                          const int64_t *low, const int64_t *high, bool *too_many, mt_error *err);

/* Adds a copy of a part of a chunk to a read. */
MT_MUST_CHECK mt_status mt_plan_add_part(mt_plan *plan, const mt_use *use, uint32_t read, const mt_shown *part,
                                         mt_error *err);

/* Sorts the chunks by image and chunk number. */
void mt_plan_sort(mt_plan *plan);

/* The part [low, high) of a read's box inside the image, relative to the box. False if it is empty. */
bool mt_read_clip(const mt_read *read, int64_t *low, int64_t *high);

/* Bytes of the stored pixels of a part of a read's box. */
uint64_t mt_read_size(const mt_read *read, const int64_t *low, const int64_t *high);

#endif
