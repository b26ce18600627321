/* SPDX-License-Identifier: BSD-3-Clause */
/* Counts of elements by their upper 16 bits (8 of one-byte dtypes). With the sums of the lower bits and of their squares
 * in each bucket, mean and deviation follow exactly, whatever the dtype.
 *
 * A thread counts into a tally, which holds one channel at a time, and is drained into the totals of that channel before
 * a counter can overflow. */
#ifndef MT_SAMPLING_TALLY_H
#define MT_SAMPLING_TALLY_H

#include "platform/thread.h"
#include "sampling/statistics/bits.h"
#include "sampling/statistics/wide.h"

/* Elements that are copied at once out of a chunk. */
enum { MT_STRIP = 4096 };

/* The counts of one channel. */
typedef struct mt_totals {
    uint64_t *counts;     /* of each bucket */
    mt_wide sum, squares; /* of dtypes of more than 16 bits: in units of 2^exponent and 2^(2 * exponent) */
    uint64_t least, most; /* of these dtypes: keys of the finite elements; least > most: there are none */
    uint64_t n_infinite;  /* of these dtypes: infinite elements */
} mt_totals;

void mt_totals_init(const mt_bits *bits, mt_totals *totals, uint64_t *counts);

/* Adds to the sums what the buckets of a dtype of at most 16 bits say. */
void mt_totals_finish(const mt_bits *bits, mt_totals *totals);

/* Adds to the totals n equal elements. */
void mt_totals_add(const mt_bits *bits, mt_totals *totals, uint64_t element, uint64_t n);

typedef struct mt_tally {
    struct mt_tally *next;        /* list of idle ones */
    size_t channel;               /* of what it holds */
    uint64_t pending;             /* elements counted since it was drained */
    uint64_t least, most;         /* as in mt_totals */
    uint64_t n_infinite;          /* likewise */
    uint64_t strip[MT_STRIP];     /* for elements that must be copied */
    _Alignas(16) uint8_t table[]; /* counters */
} mt_tally;

/* Elements that a tally may hold: its counters have 32 bits. */
#define MT_TALLY_ROOM ((uint64_t)1 << 31)

/* Bytes of the table of buckets of a dtype. */
size_t mt_tally_table_bytes(const mt_bits *bits);

/* Resets least and most. The table must be zero. */
void mt_tally_begin(const mt_bits *bits, mt_tally *tally);

/* Counts n elements in native byte order, aligned. */
void mt_tally_add(const mt_bits *bits, mt_tally *tally, const void *elements, size_t n);

/* Moves the counts of the tally to the totals of its channel. */
void mt_tally_drain(const mt_bits *bits, mt_tally *tally, mt_totals *totals);

#endif
