/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_SAMPLING_STRATIFIED_H
#define MT_SAMPLING_STRATIFIED_H

#include "sampling/patching.h"
#include "sampling/regions.h"

/* A sample of a stack of which some sample has been changed. */
typedef struct mt_sample_regions {
    mt_region_plan *plan; /* NULL: that of the stack */
    size_t change;        /* 1 + its index in the change in preparation; 0: none */
} mt_sample_regions;

typedef struct mt_stack_regions {
    mt_region_grid grid;
    mt_region_plan *plan;       /* of samples that have none of their own; NULL: they need none */
    mt_sample_regions *samples; /* NULL: no sample has been changed */
    uint64_t *counts;           /* with samples: sums.h: the patches of each sample */
} mt_stack_regions;

static inline mt_stack_regions *mt_stratified_stack(const mt_patching *patching, size_t stack)
{
    return (mt_stack_regions *)patching->state + stack;
}

static inline int64_t mt_stratified_samples(const mt_patching *patching, size_t stack)
{
    return patching->stacks[stack]->info.data_shape[0];
}

static inline const mt_region_plan *mt_stratified_plan(const mt_patching *patching, size_t stack, int64_t sample)
{
    const mt_stack_regions *regions = mt_stratified_stack(patching, stack);
    return regions->samples && regions->samples[sample].plan ? regions->samples[sample].plan : regions->plan;
}

/* Checks the sample of a stratified patching. */
MT_MUST_CHECK mt_status mt_stratified_check(const mt_patching *patching, size_t stack, int64_t sample, mt_error *err);

/* Fails unless the patching is stratified and not frozen. */
MT_MUST_CHECK mt_status mt_patching_check_changeable(const mt_patching *patching, mt_error *err);

/* A change of a patching is prepared, and then made at once or dropped. */
typedef struct mt_sample_change {
    size_t stack;
    int64_t sample;
    const double *weights; /* NULL: as before */
    uint8_t *cells;        /* excluded cells; NULL: as before */
    mt_region_plan *plan;  /* the new plan; after the change, the old one */
} mt_sample_change;

typedef struct mt_change {
    mt_patching *patching;
    mt_sample_change *samples;
    size_t n, room;
} mt_change;

/* Finds or adds a sample. The pointer is valid until the next call. */
MT_MUST_CHECK mt_status mt_change_add(mt_change *change, size_t stack, int64_t sample, mt_sample_change **out,
                                      mt_error *err);
/* Makes cells of a sample, if it has none: a copy of those that are excluded now. */
MT_MUST_CHECK mt_status mt_change_copy_cells(mt_change *change, mt_sample_change *of, mt_error *err);
/* Computes the plans, and the number of patches that the patching will have. */
MT_MUST_CHECK mt_status mt_change_compute(mt_change *change, uint64_t *n_patches, mt_error *err);
void mt_change_make(mt_change *change);
/* Releases the memory, and drops a change that was not made. */
void mt_change_end(mt_change *change);

#endif
