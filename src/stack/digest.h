/* SPDX-License-Identifier: BSD-3-Clause */
/* The two sums of a checksum (microtome/checksum.h), box by box, in any order. */
#ifndef MT_STACK_DIGEST_H
#define MT_STACK_DIGEST_H

#include "stack/visit.h"

#define MT_DIGEST_ROW 1024 /* pixels that are multiplied with tabulated powers */

/* A number for each of the two sums, less than 2^61 - 1. */
typedef struct mt_digest_sum {
    uint64_t k[2];
} mt_digest_sum;

/* Powers of one dimension: B^weight to the 0th, 1st, ..., in two halves, the low one of 31 bits. */
typedef struct mt_digest_row {
    uint32_t low[2][MT_DIGEST_ROW], high[2][MT_DIGEST_ROW];
} mt_digest_row;

/* Immutable once made: any number of threads may use it. */
typedef struct mt_digest {
    mt_env *env;
    const mt_stack_dims *dims;
    mt_digest_sum step[MT_MAX_DIMS];     /* B^weight: from one pixel to the next along a dimension */
    mt_digest_sum row_step[MT_MAX_DIMS]; /* its power MT_DIGEST_ROW */
    mt_digest_row *rows;                 /* of each dimension */
} mt_digest;

/* dims is borrowed; data_shape is that of the stack. */
MT_MUST_CHECK mt_status mt_digest_init(mt_digest *digest, mt_env *env, const mt_stack_dims *dims,
                                       const mt_stack_info *info, mt_error *err);
void mt_digest_destroy(mt_digest *digest);

/* What a box adds. */
void mt_digest_box(const mt_digest *digest, const mt_visited *visited, mt_digest_sum *out);

void mt_digest_add(mt_digest_sum *sum, const mt_digest_sum *more);

/* From the sum over all pixels to the words of the checksum. */
void mt_digest_finish(const mt_digest *digest, const mt_digest_sum *sum, const mt_stack_info *info, uint64_t *words);

#endif
