/* SPDX-License-Identifier: BSD-3-Clause */
/* Counts of n items, and the sums of those before each: a tree of n + 1 numbers (Fenwick, "A new data structure for
 * cumulative frequency tables", 1994), in which finding an item and changing a count take log n steps. The sum of all,
 * which is the first number, must stay below 2^64. A tree of zeros is one of zero counts. */
#ifndef MT_SAMPLING_SUMS_H
#define MT_SAMPLING_SUMS_H

#include <stddef.h>
#include <stdint.h>

/* Makes the tree of n equal counts. */
void mt_sums_fill(uint64_t *tree, size_t n, uint64_t count);

/* Adds to the count of an item; change is modulo 2^64, so that 0 - x takes x away. */
void mt_sums_add(uint64_t *tree, size_t n, size_t item, uint64_t change);

/* The sum of the counts before an item. */
uint64_t mt_sums_before(const uint64_t *tree, size_t item);

/* The item in whose count number *number of all lies; *number becomes its number in the item. It must be below the sum
 * of all. */
size_t mt_sums_find(const uint64_t *tree, size_t n, uint64_t *number);

#endif
