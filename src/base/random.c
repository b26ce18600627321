/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/random.h"

#include <string.h>

__extension__ typedef unsigned __int128 product;

static const uint64_t multiplier[2] = { 0xD2E7470EE14C6C93, 0xCA5A826395121157 };
static const uint64_t weyl[2] = { 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B };
enum { ROUNDS = 10 };

void mt_philox(const uint64_t key[2], const uint64_t counter[4], uint64_t out[4])
{
    uint64_t k0 = key[0], k1 = key[1];
    uint64_t a = counter[0], b = counter[1], c = counter[2], d = counter[3];
    for (int i = 0; i < ROUNDS; i++) {
        product p = (product)a * multiplier[0], q = (product)c * multiplier[1];
        a = (uint64_t)(q >> 64) ^ b ^ k0;
        c = (uint64_t)(p >> 64) ^ d ^ k1;
        b = (uint64_t)q;
        d = (uint64_t)p;
        k0 += weyl[0];
        k1 += weyl[1];
    }
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
}

void mt_random_start(mt_random *random, uint64_t seed, mt_stream stream, uint64_t epoch, uint64_t index,
                     uint64_t redraw)
{
    random->key[0] = seed;
    random->key[1] = (uint64_t)stream;
    random->counter[0] = 0;
    random->counter[1] = index;
    random->counter[2] = epoch;
    random->counter[3] = redraw;
    random->used = 4;
}

void mt_random_fill(mt_random *random)
{
    mt_philox(random->key, random->counter, random->block);
    random->counter[0]++;
    random->used = 0;
}

uint64_t mt_random_below(mt_random *random, uint64_t n)
{
    if (n == 1)
        return 0;
    product p = (product)mt_random_next(random) * n;
    if ((uint64_t)p < n) {
        uint64_t threshold = (0 - n) % n;
        while ((uint64_t)p < threshold)
            p = (product)mt_random_next(random) * n;
    }
    return (uint64_t)(p >> 64);
}
