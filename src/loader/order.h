/* SPDX-License-Identifier: BSD-3-Clause */
/* The order of the patches of an epoch. */
#ifndef MT_LOADER_ORDER_H
#define MT_LOADER_ORDER_H

#include "base/permutation.h"
#include "loader/blocks.h"

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

/* Positions [first, first of the next), which hold the patches of some blocks. */
typedef struct mt_window {
    uint64_t first;
    bool is_ready; /* the patches are known, and in their random order */
} mt_window;

/* Positions of some consecutive windows. */
typedef struct mt_order_part {
    uint64_t first, end;
    uint32_t *at; /* the index in the patching of each position; NULL: there is no part */
} mt_order_part;

/* With windows, the indices of an epoch are kept as a whole if they take no more than a share of the memory budget.
 * Otherwise the last two of several parts are kept; for each part, all patches of the epoch are drawn again. */
typedef struct mt_order {
    uint64_t epoch;         /* epoch */
    uint64_t n;             /* number of patches */
    uint64_t most;          /* of patches in a part of several windows; a fork changes the budget, but not this */
    const mt_ordering *by;  /* borrowed */
    uint32_t *place;        /* windows: of each block, its place in the order of the blocks; else NULL */
    uint64_t *starts;       /* of each place, its first position; one more for the end */
    mt_window *windows;     /* n_windows, and one for the end; NULL: no windows */
    size_t n_windows;       /* their number */
    mt_order_part parts[2]; /* of the index */
    unsigned oldest;        /* the part to be replaced */
    bool is_shuffled;       /* without windows: shuffle gives the index, else it is the position */
    mt_permutation shuffle;
} mt_order;

/* Computes the order of an epoch, in the threads of the context, as far as it does not depend on the position.
 * MT_E_CANCELLED if cancel is. */
MT_MUST_CHECK mt_status mt_order_new(const mt_ordering *ordering, uint64_t epoch, mt_cancel *cancel, mt_order **out,
                                     mt_error *err);
void mt_order_free(mt_env *env, mt_order *order);

/* Whether the index of a position is known. */
bool mt_order_is_ready(const mt_order *order, uint64_t position);

/* Orders the window of a position. After a failure the order can only be freed. */
MT_MUST_CHECK mt_status mt_order_prepare(mt_order *order, uint64_t position, mt_cancel *cancel, mt_error *err);

/* The index of a position that is ready. */
static inline uint64_t mt_order_index(const mt_order *order, uint64_t position)
{
    for (size_t p = 0; order->windows && p < 2; p++)
        if (position - order->parts[p].first < order->parts[p].end - order->parts[p].first)
            return order->parts[p].at[position - order->parts[p].first];
    return order->is_shuffled ? mt_permutation_at(&order->shuffle, position) : position;
}

#endif
