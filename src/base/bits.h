/* SPDX-License-Identifier: BSD-3-Clause */
/* Bitmaps: bit i is bit i % 64 of word i / 64. */
#ifndef MT_BASE_BITS_H
#define MT_BASE_BITS_H

#include <stdbool.h>
#include <stdint.h>

static inline bool mt_bit_get(const uint64_t *bits, uint64_t i) { return bits[i / 64] >> i % 64 & 1; }
static inline void mt_bit_set(uint64_t *bits, uint64_t i) { bits[i / 64] |= UINT64_C(1) << i % 64; }
static inline void mt_bit_clear(uint64_t *bits, uint64_t i) { bits[i / 64] &= ~(UINT64_C(1) << i % 64); }

#endif
