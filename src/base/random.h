/* SPDX-License-Identifier: BSD-3-Clause */
/* Counter-based random numbers: each number follows from its place alone, so any thread can draw any of them.
 *
 * The generator is Philox4x64-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC
 * 2011). Its key is (seed, stream), its counter (block, index, epoch, redraw); a block has four numbers. */
#ifndef MT_BASE_RANDOM_H
#define MT_BASE_RANDOM_H

#include <stdint.h>

/* The streams of a seed are independent. Their values are part of the results: never change them. */
typedef enum mt_stream {
    MT_STREAM_PATCH = 1, /* position of a patch */
    MT_STREAM_FLIP,
    MT_STREAM_ROTATE,
    MT_STREAM_SYMMETRY, /* one of the eight symmetries of the square */
    MT_STREAM_BLOCK,    /* order of the blocks of an epoch */
    MT_STREAM_ORDER,    /* order of the patches inside a window */
    MT_STREAM_SPLIT,    /* validation split */
    MT_STREAM_SAMPLE,   /* sample of chunks for statistics */
    MT_STREAM_GAUSSIAN, /* additive noise */
    MT_STREAM_POISSON,  /* shot noise */
    MT_STREAM_INTENSITY,
    MT_STREAM_MASK,   /* N2V: masked pixels */
    MT_STREAM_REPLACE /* N2V: their replacements */
} mt_stream;

typedef struct mt_random {
    uint64_t key[2], counter[4]; /* of the next block */
    uint64_t block[4];           /* the current block */
    unsigned used;               /* numbers of it that were drawn */
} mt_random;

/* Encrypts a counter. */
void mt_philox(const uint64_t key[2], const uint64_t counter[4], uint64_t out[4]);

/* Starts the sequence of an item: the index-th of an epoch. redraw numbers the attempts for one item. */
void mt_random_start(mt_random *random, uint64_t seed, mt_stream stream, uint64_t epoch, uint64_t index,
                     uint64_t redraw);

/* Computes the next block. */
void mt_random_fill(mt_random *random);

static inline uint64_t mt_random_next(mt_random *random)
{
    if (random->used == 4)
        mt_random_fill(random);
    return random->block[random->used++];
}

/* Uniform in [0, 1): the upper 53 bits of one number. */
static inline double mt_random_double(mt_random *random) { return (double)(mt_random_next(random) >> 11) * 0x1p-53; }

/* Uniform in [0, n), n > 0, without bias: Lemire, "Fast random integer generation in an interval" (2019). Draws
 * nothing if n is 1. */
uint64_t mt_random_below(mt_random *random, uint64_t n);

#endif
