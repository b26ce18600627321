/* SPDX-License-Identifier: BSD-3-Clause */
/* How the patches of an epoch are dealt to batches, and batches to ranks. */
#ifndef MT_LOADER_DEAL_H
#define MT_LOADER_DEAL_H

#include <microtome/loader.h>

#include <stdbool.h>

typedef struct mt_deal {
    uint64_t n;            /* patches of an epoch, at least 1 */
    uint64_t batch, world; /* patches in a batch, ranks; both at least 1 */
    int uneven;            /* an mt_uneven */
    bool by_rank;          /* each rank has a consecutive part of the epoch */
    uint64_t start;        /* the batch with which the first round begins */
} mt_deal;

/* The patches of a batch: positions [first, first + n) of the epoch, of which those not below end continue from
 * again. */
typedef struct mt_hand {
    uint64_t number;   /* of the batch in the epoch */
    uint64_t first, n; /* positions */
    uint64_t end;      /* positions from here on are repeated: position - end + again */
    uint64_t again;    /* where they are repeated from */
} mt_hand;

/* Fails if the patches cannot be dealt to all ranks equally often. */
MT_MUST_CHECK mt_status mt_deal_check(const mt_deal *deal, mt_error *err);

/* The number of rounds from deal->start on. */
uint64_t mt_deal_rounds(const mt_deal *deal);

/* The batch of a rank in a round. */
mt_hand mt_deal_get(const mt_deal *deal, uint64_t round, uint64_t rank);

/* The position of its patch i. */
uint64_t mt_hand_position(const mt_hand *hand, uint64_t i);

#endif
