/* SPDX-License-Identifier: BSD-3-Clause */
/* XXH32. Source: xxHash, doc/xxhash_spec.md. */
#include "base/reader.h"
#include "codec/codec.h"

static const uint32_t prime[] = { 0, 0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1 };

static uint32_t rotate(uint32_t x, int n) { return x << n | x >> (32 - n); }

static uint32_t add_lane(uint32_t sum, uint32_t lane) { return rotate(sum + lane * prime[2], 13) * prime[1]; }

uint32_t mt_xxh32(const uint8_t *bytes, size_t n, uint32_t seed)
{
    const uint8_t *p = bytes, *end = bytes + n;
    uint32_t sum = seed + prime[5];
    if (n >= 16) {
        uint32_t lanes[] = { seed + prime[1] + prime[2], seed + prime[2], seed, seed - prime[1] };
        for (; end - p >= 16; p += 16)
            for (int i = 0; i < 4; i++)
                lanes[i] = add_lane(lanes[i], mt_load_u32le(p + 4 * i));
        sum = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
    }
    sum += (uint32_t)n;
    for (; end - p >= 4; p += 4)
        sum = rotate(sum + mt_load_u32le(p) * prime[3], 17) * prime[4];
    for (; p < end; p++)
        sum = rotate(sum + *p * prime[5], 11) * prime[1];
    sum = (sum ^ sum >> 15) * prime[2];
    sum = (sum ^ sum >> 13) * prime[3];
    return sum ^ sum >> 16;
}
