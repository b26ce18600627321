/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/permutation.h"

void mt_permutation_draw(mt_permutation *p, uint64_t n, mt_random *random)
{
    p->n = n;
    p->half = 1;
    while (p->half < 32 && (uint64_t)1 << 2 * p->half < n)
        p->half++;
    for (int i = 0; i < MT_PERMUTATION_ROUNDS; i++)
        p->keys[i] = mt_random_next(random);
}

/* The finalizer of splitmix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static uint64_t encrypt(const mt_permutation *p, uint64_t x)
{
    const uint64_t mask = ((uint64_t)1 << p->half) - 1;
    uint64_t left = x >> p->half, right = x & mask;
    for (int i = 0; i < MT_PERMUTATION_ROUNDS; i++) {
        uint64_t next = left ^ (mix(right + p->keys[i]) & mask);
        left = right;
        right = next;
    }
    return left << p->half | right;
}

uint64_t mt_permutation_at(const mt_permutation *p, uint64_t i)
{
    do /* a permutation of the larger domain: the walk returns to i, at the latest, and so ends */
        i = encrypt(p, i);
    while (i >= p->n);
    return i;
}
