/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/sums.h"

/* Element i > 0 of the tree is the sum of the counts of the lowest_bit(i) items before item i. */
static size_t lowest_bit(size_t i) { return i & (0 - i); }

void mt_sums_fill(uint64_t *tree, size_t n, uint64_t count)
{
    tree[0] = n * count;
    for (size_t i = 1; i <= n; i++)
        tree[i] = lowest_bit(i) * count;
}

void mt_sums_add(uint64_t *tree, size_t n, size_t item, uint64_t change)
{
    tree[0] += change;
    for (size_t i = item + 1; i <= n; i += lowest_bit(i))
        tree[i] += change;
}

uint64_t mt_sums_before(const uint64_t *tree, size_t item)
{
    uint64_t sum = 0;
    for (size_t i = item; i > 0; i -= lowest_bit(i))
        sum += tree[i];
    return sum;
}

size_t mt_sums_find(const uint64_t *tree, size_t n, uint64_t *number)
{
    size_t item = 0, step = 1;
    while (step <= n / 2)
        step *= 2;
    for (; step > 0; step /= 2)
        if (step <= n - item && tree[item + step] <= *number) {
            item += step;
            *number -= tree[item];
        }
    return item;
}
