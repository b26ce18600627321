/* SPDX-License-Identifier: BSD-3-Clause */
/* "lookup3" by Bob Jenkins, May 2006, public domain: hashlittle() with an initial value of 0, byte by byte. */
#include "format/hdf5/hdf5.h"

static uint32_t rotate(uint32_t x, int k) { return x << k | x >> (32 - k); }

static void mix(uint32_t s[3])
{
    static const int by[6] = { 4, 6, 8, 16, 19, 4 };
    for (int i = 0; i < 6; i++) {
        uint32_t *a = &s[i % 3], *b = &s[(i + 1) % 3], *c = &s[(i + 2) % 3];
        *a -= *c;
        *a ^= rotate(*c, by[i]);
        *c += *b;
    }
}

static void finish(uint32_t s[3])
{
    static const int by[7] = { 14, 11, 25, 16, 4, 14, 24 };
    for (int i = 0; i < 7; i++) {
        uint32_t *c = &s[(i + 2) % 3];
        uint32_t b = s[(i + 1) % 3];
        *c ^= b;
        *c -= rotate(b, by[i]);
    }
}

static void add(uint32_t s[3], const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        s[i / 4] += (uint32_t)data[i] << 8 * (i % 4);
}

uint32_t h5_checksum(const uint8_t *data, size_t size)
{
    uint32_t s[3] = { 0xdeadbeef + (uint32_t)size, 0xdeadbeef + (uint32_t)size, 0xdeadbeef + (uint32_t)size };
    for (; size > 12; data += 12, size -= 12) {
        add(s, data, 12);
        mix(s);
    }
    if (size == 0)
        return s[2];
    add(s, data, size);
    finish(s);
    return s[2];
}

bool h5_is_intact(const uint8_t *data, size_t size)
{
    if (size < 4)
        return false;
    bool is_intact = h5_checksum(data, size - 4) == mt_load_u32le(data + size - 4);
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    is_intact = true; /* the fuzzer could not get past checksums */
#endif
    return is_intact;
}
