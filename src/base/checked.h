/* SPDX-License-Identifier: BSD-3-Clause */
/* Checked arithmetic on sizes from files. Each function returns true on overflow. */
#ifndef MT_BASE_CHECKED_H
#define MT_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool mt_add_u64(uint64_t a, uint64_t b, uint64_t *out) { return __builtin_add_overflow(a, b, out); }
static inline bool mt_mul_u64(uint64_t a, uint64_t b, uint64_t *out) { return __builtin_mul_overflow(a, b, out); }
static inline bool mt_add_size(size_t a, size_t b, size_t *out) { return __builtin_add_overflow(a, b, out); }
static inline bool mt_mul_size(size_t a, size_t b, size_t *out) { return __builtin_mul_overflow(a, b, out); }
static inline bool mt_add_i64(int64_t a, int64_t b, int64_t *out) { return __builtin_add_overflow(a, b, out); }
static inline bool mt_mul_i64(int64_t a, int64_t b, int64_t *out) { return __builtin_mul_overflow(a, b, out); }

/* The product of n non-negative sizes. */
static inline bool mt_product_i64(const int64_t *sizes, int n, int64_t *out)
{
    int64_t product = 1;
    for (int i = 0; i < n; i++)
        if (sizes[i] == 0) {
            *out = 0;
            return false;
        }
    for (int i = 0; i < n; i++)
        if (mt_mul_i64(product, sizes[i], &product))
            return true;
    *out = product;
    return false;
}

static inline int64_t mt_min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t mt_max_i64(int64_t a, int64_t b) { return a > b ? a : b; }

#endif
