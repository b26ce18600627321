/* SPDX-License-Identifier: BSD-3-Clause */
/* The loader, shared by the files that implement it. */
#ifndef MT_LOADER_INTERNAL_H
#define MT_LOADER_INTERNAL_H

#include "loader/batch.h"
#include "loader/deal.h"
#include "loader/order.h"

enum { MT_MOST_PREFETCH = 64 };

/* A batch made ahead of time. */
typedef enum mt_slot_state { MT_SLOT_EMPTY = 0, MT_SLOT_MAKING, MT_SLOT_READY, MT_SLOT_FAILED } mt_slot_state;
typedef struct mt_slot {
    mt_slot_state state;
    mt_batch_memory *batch; /* if ready */
    mt_error failure;       /* if failed */
} mt_slot;

/* A thread that makes batches. */
typedef struct mt_maker {
    mt_loader *loader;
    mt_thread thread;
} mt_maker;

/* What was delivered. */
typedef struct mt_delivered {
    uint64_t epochs, batches, patches; /* numbers */
    uint64_t blocks, fewest_blocks;    /* blocks of a batch: sum over all batches, minimum */
} mt_delivered;

struct mt_loader {
    mt_context *context;     /* retained */
    mt_recipe recipe;        /* what batches are made of */
    mt_blocks *blocks;       /* NULL: no windows */
    mt_ordering ordering;    /* what the order of an epoch follows from */
    mt_ring *ring;           /* memory of batches */
    size_t prefetch;         /* number of slots */
    size_t n_makers;         /* threads wanted */
    uint64_t prefetch_bytes; /* limit of the batches made ahead */
    uint64_t rank;           /* of this process */
    mt_counters before;      /* of the context, when the loader was created */

    mt_lock lock;                      /* guards the rest */
    mt_condition ready;                /* a slot is no longer in the making, or an order is computed */
    mt_condition room;                 /* a maker may have work, or must stop */
    mt_deal deal;                      /* of the current epoch; only start changes */
    uint64_t epoch, rounds;            /* the current epoch, and its number of rounds */
    uint64_t taken;                    /* rounds whose batches were delivered */
    _Atomic uint64_t generation;       /* changes when batches in the making are no longer wanted */
    mt_order *order;                   /* of the last epoch that was asked for; NULL: none. Not if is_ordering */
    uint64_t batch_bytes;              /* of the largest batch so far */
    bool is_warm;                      /* the first batch since the last move is made */
    bool is_halted;                    /* a batch failed: nothing is made until the next call */
    bool is_ordering;                  /* a thread computes the order, or a part of it */
    _Atomic bool is_stopping;          /* the loader is being freed */
    size_t n_started;                  /* number of makers */
    mt_maker makers[MT_MOST_PREFETCH]; /* n_started of them */
    mt_slot slots[MT_MOST_PREFETCH];   /* of round r: slots[r % prefetch] */
    mt_delivered delivered;            /* for mt_loader_get_report */
};

#endif
