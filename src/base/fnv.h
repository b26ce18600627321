/* SPDX-License-Identifier: BSD-3-Clause */
/* The hash FNV-1a of 64 bits (Fowler, Noll and Vo), for tables and digests; not against tampering. */
#ifndef MT_BASE_FNV_H
#define MT_BASE_FNV_H

#include <stddef.h>
#include <stdint.h>

#define MT_FNV_START UINT64_C(0xcbf29ce484222325)

/* Adds n bytes to a hash, which begins as MT_FNV_START. */
static inline uint64_t mt_fnv_add(uint64_t hash, const void *bytes, size_t n)
{
    const uint8_t *at = (const uint8_t *)bytes;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Adds the 8 bytes of a number, lowest first. */
static inline uint64_t mt_fnv_add_number(uint64_t hash, uint64_t number)
{
    for (int shift = 0; shift < 64; shift += 8)
        hash = (hash ^ (number >> shift & 0xff)) * UINT64_C(0x100000001b3);
    return hash;
}

#endif
