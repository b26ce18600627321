/* SPDX-License-Identifier: BSD-3-Clause */
/* The order of the patches of an epoch. */
#ifndef MT_LOADER_ORDER_H
#define MT_LOADER_ORDER_H

#include "base/permutation.h"
#include "loader/blocks.h"

typedef struct mt_order {
    uint64_t epoch;   /* epoch */
    uint64_t n;       /* number of patches */
    uint32_t *at;     /* windows: n, the index in the patching of each position; else NULL */
    bool is_shuffled; /* without windows: shuffle gives the index, else it is the position */
    mt_permutation shuffle;
    unsigned owners; /* guarded by the lock of the loader */
} mt_order;

/* What an order follows from. */
typedef struct mt_ordering {
    const mt_patching *patching; /* the patches */
    const mt_blocks *blocks;     /* NULL: the patches come in random order */
    uint64_t window;             /* blocks in a window */
    uint64_t fewest;             /* blocks in a window at least, if the epoch has as many */
    uint64_t world;              /* parts of the epoch with windows of their own */
    uint64_t seed;               /* of the random numbers */
    bool in_order;               /* by index */
} mt_ordering;

/* Computes the order of an epoch, in the threads of the context. MT_E_CANCELLED if cancel is. */
MT_MUST_CHECK mt_status mt_order_new(const mt_ordering *ordering, uint64_t epoch, mt_cancel *cancel, mt_order **out,
                                     mt_error *err);
void mt_order_free(mt_env *env, mt_order *order);

static inline uint64_t mt_order_index(const mt_order *order, uint64_t position)
{
    if (order->at)
        return order->at[position];
    return order->is_shuffled ? mt_permutation_at(&order->shuffle, position) : position;
}

#endif
