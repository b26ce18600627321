/* SPDX-License-Identifier: BSD-3-Clause */
/* A random permutation of [0, n) that needs no memory: a Feistel network on the smallest even number of bits that holds
 * n, walked until the result is below n (Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). Each
 * walk takes less than four steps on average. */
#ifndef MT_BASE_PERMUTATION_H
#define MT_BASE_PERMUTATION_H

#include "base/random.h"

enum { MT_PERMUTATION_ROUNDS = 8 };

typedef struct mt_permutation {
    uint64_t n;                           /* number of elements */
    unsigned half;                        /* bits of each half of a number */
    uint64_t keys[MT_PERMUTATION_ROUNDS]; /* of the rounds */
} mt_permutation;

/* Draws a permutation of n elements. */
void mt_permutation_draw(mt_permutation *permutation, uint64_t n, mt_random *random);

/* The element at position i < n. */
uint64_t mt_permutation_at(const mt_permutation *permutation, uint64_t i);

#endif
