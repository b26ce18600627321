/* SPDX-License-Identifier: BSD-3-Clause */
/* MD5 by RFC 1321: the expected values of the test data are MD5 sums. */
#include "support/support.h"

#include "base/reader.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const uint8_t shifts[4][4] = { { 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 } };

static void md5_block(uint32_t state[4], const uint8_t *p)
{
    static uint32_t table[64];
    if (!table[0])
        for (int i = 0; i < 64; i++)
            table[i] = (uint32_t)(fabs(sin(i + 1)) * 4294967296.0);
    uint32_t words[16], a = state[0], b = state[1], c = state[2], d = state[3];
    for (int i = 0; i < 16; i++)
        words[i] = mt_load_u32le(p + 4 * i);
    for (int i = 0; i < 64; i++) {
        uint32_t f;
        int g;
        switch (i / 16) {
        case 0: f = (b & c) | (~b & d), g = i; break;
        case 1: f = (d & b) | (~d & c), g = (5 * i + 1) % 16; break;
        case 2: f = b ^ c ^ d, g = (3 * i + 5) % 16; break;
        default: f = c ^ (b | ~d), g = 7 * i % 16; break;
        }
        uint32_t sum = a + f + table[i] + words[g];
        int shift = shifts[i / 16][i % 4];
        a = d, d = c, c = b;
        b += sum << shift | sum >> (32 - shift);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
}

const char *md5_hex(const void *data, size_t size)
{
    static char hex[33];
    uint32_t state[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
    const uint8_t *p = data;
    size_t whole = size / 64 * 64;
    for (size_t i = 0; i < whole; i += 64)
        md5_block(state, p + i);
    uint8_t tail[128] = { 0 };
    size_t left = size - whole, padded = left < 56 ? 64 : 128;
    if (left)
        memcpy(tail, p + whole, left);
    tail[left] = 0x80;
    for (int i = 0; i < 8; i++)
        tail[padded - 8 + (size_t)i] = (uint8_t)((uint64_t)size * 8 >> 8 * i);
    for (size_t i = 0; i < padded; i += 64)
        md5_block(state, tail + i);
    for (int i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", state[i / 4] >> 8 * (i % 4) & 0xff);
    return hex;
}
