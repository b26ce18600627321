/* SPDX-License-Identifier: BSD-3-Clause */
/* Claims of processes: on an output that only one may write, or on a part of one that several share. A claim is a file in
 * the target that names the process. It does not count once the process has ended or, with a lease, once it was not
 * renewed for that long by the clock of the one who watches it: clocks of several machines are not compared.
 *
 * Claims of one name are numbered, and the one with the highest number counts. Who finds that nobody holds it makes the
 * next one, which succeeds for one of several that try. None is removed before the end, so that no number comes twice:
 * a claim that is given back stays, and says that nobody holds it. */
#ifndef MT_WRITE_CLAIM_H
#define MT_WRITE_CLAIM_H

#include "store/target.h"

#define MT_CLAIM_NAME 40 /* bytes of a name, with the NUL */

typedef struct mt_claim {
    mt_target *target;
    char name[MT_CLAIM_NAME]; /* of its file, before ".NUMBER" */
    bool is_held;
    unsigned number; /* of the claim */
    int64_t beat;    /* changes when it is renewed */
} mt_claim;

/* MT_E_ARGUMENT, naming the process, if another one holds the claim, or this one already. claim is zeroed. */
MT_MUST_CHECK mt_status mt_claim_take(mt_claim *claim, mt_target *target, const char *name, mt_error *err);

/* A claim of another process, as it was seen. Zeroed at first. */
typedef struct mt_claim_seen {
    unsigned number;
    int64_t beat;
    uint64_t since; /* mt_clock_ns of the first time; 0: never */
} mt_claim_seen;

/* Takes a claim with a lease in nanoseconds. is_held stays false, with MT_OK, if another process holds it: to be tried
 * again. claim is zeroed. */
MT_MUST_CHECK mt_status mt_claim_try(mt_claim *claim, mt_target *target, const char *name, uint64_t lease,
                                     mt_claim_seen *seen, mt_error *err);

/* Starts the lease of a claim anew. Does nothing if the claim is not there any more. */
MT_MUST_CHECK mt_status mt_claim_renew(mt_claim *claim, mt_error *err);

/* Gives the claim back, if it is held. Does nothing else if it is not there any more. */
void mt_claim_give(mt_claim *claim);

/* Removes all claims of this name; this one is held. */
MT_MUST_CHECK mt_status mt_claim_remove_all(mt_claim *claim, mt_error *err);

#endif
