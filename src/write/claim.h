/* SPDX-License-Identifier: BSD-3-Clause */
/* The claim of a process on an output that only one may write: a file in the target that names the process. A claim
 * whose process has ended does not count.
 *
 * Claims are numbered, and the one with the highest number counts. Who finds that its process has ended makes the next
 * one, which succeeds for one of several that try; none removes the claim of another, so none can remove a new one by
 * mistake. */
#ifndef MT_WRITE_CLAIM_H
#define MT_WRITE_CLAIM_H

#include "store/target.h"

typedef struct mt_claim {
    mt_target *target;
    bool is_held;
    unsigned number; /* of the claim */
} mt_claim;

/* MT_E_ARGUMENT, naming the process, if another one holds the claim, or this one already. claim is zeroed. */
MT_MUST_CHECK mt_status mt_claim_take(mt_claim *claim, mt_target *target, mt_error *err);

/* Gives the claim back, if it is held. */
void mt_claim_give(mt_claim *claim);

/* Removes all claims; this one is held. */
MT_MUST_CHECK mt_status mt_claim_remove_all(mt_claim *claim, mt_error *err);

#endif
