/* SPDX-License-Identifier: BSD-3-Clause */
/* Computes the two sums of a checksum (microtome/checksum.h) from boxes in any order. */
#ifndef MT_STACK_DIGEST_H
#define MT_STACK_DIGEST_H

#include "stack/visit.h"

#define MT_DIGEST_ROW 1024 /* number of tabulated powers, in pixels */

/* The two sums, or factors for them. */
typedef struct mt_digest_sum {
    uint64_t k[2]; /* each less than 2^61 - 1 */
} mt_digest_sum;

/* Powers for one dimension. */
typedef struct mt_digest_row {
    uint32_t low[2][MT_DIGEST_ROW], high[2][MT_DIGEST_ROW]; /* (B[k]^weight)^i: low 31 bits, high 30 bits */
} mt_digest_row;

/* Immutable once initialized, so thread-safe. */
typedef struct mt_digest {
    mt_env *env;                         /* allocator, borrowed */
    const mt_stack_dims *dims;           /* borrowed */
    mt_digest_sum step[MT_MAX_DIMS];     /* B^weight: the factor from one pixel to the next along a dimension */
    mt_digest_sum row_step[MT_MAX_DIMS]; /* step to the power MT_DIGEST_ROW */
    mt_digest_row *rows;                 /* one per dimension */
} mt_digest;

/* dims is borrowed; data_shape is that of the stack. */
MT_MUST_CHECK mt_status mt_digest_init(mt_digest *digest, mt_env *env, const mt_stack_dims *dims,
                                       const mt_stack_info *info, mt_error *err);
void mt_digest_destroy(mt_digest *digest);

/* Computes the contribution of a box. */
void mt_digest_box(const mt_digest *digest, const mt_visited *visited, mt_digest_sum *out);

void mt_digest_add(mt_digest_sum *sum, const mt_digest_sum *more);

/* Converts the sum over all pixels to the words of the checksum. */
void mt_digest_finish(const mt_digest *digest, const mt_digest_sum *sum, const mt_stack_info *info, uint64_t *words);

#endif
