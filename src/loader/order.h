/* SPDX-License-Identifier: BSD-3-Clause */
/* The order of the patches of an epoch. */
#ifndef MT_LOADER_ORDER_H
#define MT_LOADER_ORDER_H

#include "base/permutation.h"
#include "loader/blocks.h"

/* Positions [first, first of the next), which hold the patches of some blocks. */
typedef struct mt_window {
    uint64_t first;
    bool is_ready; /* the patches are in their random order */
} mt_window;

typedef struct mt_order {
    uint64_t epoch;     /* epoch */
    uint64_t n;         /* number of patches */
    uint64_t seed;      /* of the random numbers */
    uint32_t *at;       /* windows: n, the index in the patching of each position; else NULL */
    mt_window *windows; /* n_windows, and one for the end */
    size_t n_windows;
    bool is_shuffled; /* without windows: shuffle gives the index, else it is the position */
    mt_permutation shuffle;
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

/* Computes the order of an epoch, in the threads of the context, but for the order inside windows. MT_E_CANCELLED if
 * cancel is. */
MT_MUST_CHECK mt_status mt_order_new(const mt_ordering *ordering, uint64_t epoch, mt_cancel *cancel, mt_order **out,
                                     mt_error *err);
void mt_order_free(mt_env *env, mt_order *order);

/* Whether the index of a position is known. */
bool mt_order_is_ready(const mt_order *order, uint64_t position);

/* Orders the window of a position. After MT_E_CANCELLED the order can only be freed. */
MT_MUST_CHECK mt_status mt_order_prepare(mt_order *order, uint64_t position, mt_cancel *cancel, mt_error *err);

/* The index of a position that is ready. */
static inline uint64_t mt_order_index(const mt_order *order, uint64_t position)
{
    if (order->at)
        return order->at[position];
    return order->is_shuffled ? mt_permutation_at(&order->shuffle, position) : position;
}

#endif
