/* SPDX-License-Identifier: BSD-3-Clause */
/* The pixels of a chunk that were put: a set of disjoint boxes. */
#ifndef MT_WRITE_COVER_H
#define MT_WRITE_COVER_H

#include "base/env.h"
#include "write/plan.h"

typedef struct mt_cover {
    mt_extent *boxes;
    size_t n, room; /* boxes in use and allocated */
} mt_cover;

void mt_cover_free(mt_cover *cover, mt_env *env);

/* Adds a box. *overlaps: it shares pixels with a box that is there, and is not added. Neighbours are joined, so that
 * boxes put in order take little memory. */
MT_MUST_CHECK mt_status mt_cover_add(mt_cover *cover, mt_env *env, int ndim, const mt_extent *box, bool *overlaps,
                                     mt_error *err);

#endif
