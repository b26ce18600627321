/* SPDX-License-Identifier: BSD-3-Clause */
/* The image cut into boxes that are whole chunks, with all channels: what a sample draws, and what is read together
 * with its mask. */
#ifndef MT_SAMPLING_UNITS_H
#define MT_SAMPLING_UNITS_H

#include "stack/visit.h"

typedef struct mt_units {
    const mt_stack_dims *dims;   /* borrowed */
    int64_t extent[MT_MAX_DIMS]; /* of a unit, unless it ends at the border */
    int64_t grid[MT_MAX_DIMS];   /* number of units along each dimension */
    uint64_t n;                  /* number of units; 0: an empty image */
} mt_units;

/* Units grow along the fastest dimensions until they have min_pixels. */
void mt_units_init(mt_units *units, const mt_stack_dims *dims, int64_t min_pixels);

/* The box of unit i, in C order of the grid. */
void mt_units_box(const mt_units *units, uint64_t i, mt_box *out);

/* The unit that contains a place. */
uint64_t mt_units_find(const mt_units *units, const int64_t *place);

#endif
