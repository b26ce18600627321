/* SPDX-License-Identifier: BSD-3-Clause */
/* Exact order statistics: the bits of the k-th smallest element, 16 at a time. Each pass counts the elements that agree
 * with a wanted one in the bits already known, by their next 16 bits. */
#ifndef MT_SAMPLING_REFINE_H
#define MT_SAMPLING_REFINE_H

#include "sampling/statistics/bits.h"

#include "base/env.h"

/* A wanted element. */
typedef struct mt_ranked {
    uint64_t rank;  /* its number among the elements that agree with it in the known bits */
    uint64_t known; /* these bits */
} mt_ranked;

/* The wanted elements of one group of pixels: a channel, or all. */
typedef struct mt_refinement {
    mt_ranked *ranked; /* n of them; borrowed */
    size_t n;
    unsigned known; /* number of known bits */
    size_t n_slots;
    uint64_t *slots;          /* the distinct known bits, ascending */
    uint16_t *first;          /* by the upper 16 bits: the first slot with them, n_slots: none */
    _Atomic uint64_t *counts; /* of each slot: by the next 16 bits */
} mt_refinement;

/* The first step: finds the bucket of each wanted element from the counts of buckets. */
void mt_refine_buckets(const mt_bits *bits, mt_ranked *ranked, size_t n, const uint64_t *counts);

/* Prepares for counting; known is the number of known bits, at least 16 and less than those of an element. Frees nothing
 * on failure: the caller calls mt_refinement_end in any case. */
MT_MUST_CHECK mt_status mt_refinement_begin(mt_env *env, mt_ranked *ranked, size_t n, unsigned known,
                                            mt_refinement *out, mt_error *err);

/* Counts elements in native byte order; several threads may call at once. */
void mt_refinement_add(const mt_bits *bits, mt_refinement *r, const void *elements, size_t n);

/* Counts n equal elements. */
void mt_refinement_repeat(const mt_bits *bits, mt_refinement *r, uint64_t element, uint64_t n);

/* Finds 16 more bits of each wanted element. */
void mt_refinement_finish(const mt_bits *bits, mt_refinement *r);
void mt_refinement_end(mt_env *env, mt_refinement *r);

#endif
