/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/statistics/refine.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { STEP = 16, COUNTS = 1 << STEP };

/* The part of element bits at position i of the key order: the first part of a float or signed number holds the sign,
 * which also reverses the rest of a negative float. */
static size_t find_next(size_t i, uint64_t flip, size_t n) { return i ^ (flip & (n - 1)); }

void mt_refine_buckets(const mt_bits *bits, mt_ranked *ranked, size_t n, const uint64_t *counts)
{
    size_t buckets = mt_bits_buckets(bits);
    for (size_t k = 0; k < n; k++) {
        uint64_t left = ranked[k].rank;
        size_t i = 0, bucket = 0;
        for (; i < buckets; i++) {
            bucket = (size_t)(mt_bits_of_key(bits, (uint64_t)i << bits->lower) >> bits->lower);
            if (!mt_bits_is_finite(bits, bucket))
                continue;
            if (left < counts[bucket])
                break;
            left -= counts[bucket];
        }
        ranked[k] = (mt_ranked) { left, bucket };
    }
}

static int compare_bits(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void set_slots(mt_refinement *r, const mt_ranked *ranked, unsigned known)
{
    for (size_t i = 0; i < r->n; i++)
        r->slots[i] = ranked[i].known;
    qsort(r->slots, r->n, sizeof *r->slots, compare_bits);
    for (size_t i = 0; i < r->n; i++)
        if (i == 0 || r->slots[i] != r->slots[r->n_slots - 1])
            r->slots[r->n_slots++] = r->slots[i];
    for (size_t i = 0; i < COUNTS; i++)
        r->first[i] = (uint16_t)r->n_slots;
    for (size_t i = r->n_slots; i-- > 0;)
        r->first[r->slots[i] >> (known - STEP)] = (uint16_t)i;
}

mt_status mt_refinement_begin(mt_env *env, mt_ranked *ranked, size_t n, unsigned known, mt_refinement *r, mt_error *err)
{
    void *slots = NULL, *first = NULL, *counts = NULL;
    *r = (mt_refinement) { .ranked = ranked, .n = n, .known = known };
    mt_status st = mt_alloc(env, n * sizeof *r->slots, &slots, err);
    r->slots = slots;
    if (!st)
        st = mt_alloc(env, COUNTS * sizeof *r->first, &first, err);
    r->first = first;
    if (st)
        return st;
    set_slots(r, ranked, known);
    st = mt_alloc(env, r->n_slots * COUNTS * sizeof *r->counts, &counts, err);
    r->counts = counts;
    if (!st)
        memset(counts, 0, r->n_slots * COUNTS * sizeof *r->counts);
    return st;
}

void mt_refinement_end(mt_env *env, mt_refinement *r)
{
    mt_release(env, r->slots, r->n * sizeof *r->slots);
    mt_release(env, r->first, COUNTS * sizeof *r->first);
    mt_release(env, (void *)r->counts, r->n_slots * COUNTS * sizeof *r->counts);
}

/* The slot of an element; n_slots: none. */
static inline size_t find_slot(const mt_bits *bits, const mt_refinement *r, uint64_t element)
{
    unsigned all = bits->upper + bits->lower;
    size_t i = r->first[element >> bits->lower];
    uint64_t known = element >> (all - r->known);
    while (i < r->n_slots && r->slots[i] < known)
        i++;
    return i < r->n_slots && r->slots[i] == known ? i : r->n_slots;
}

void mt_refinement_repeat(const mt_bits *bits, mt_refinement *r, uint64_t element, uint64_t n)
{
    size_t slot = find_slot(bits, r, element);
    unsigned shift = bits->upper + bits->lower - r->known - STEP;
    if (slot < r->n_slots)
        atomic_fetch_add_explicit(&r->counts[slot * COUNTS + (element >> shift & (COUNTS - 1))], n,
                                  memory_order_relaxed);
}

/* Counts runs of equal elements at once: threads share the counters. */
#define DEFINE_ADD(type)                                                                                               \
    static void add_##type(const mt_bits *bits, mt_refinement *r, const type *in, size_t n)                            \
    {                                                                                                                  \
        const uint16_t *first = r->first;                                                                              \
        const unsigned lower = bits->lower;                                                                            \
        const size_t none = r->n_slots;                                                                                \
        for (size_t i = 0, end; i < n; i = end) {                                                                      \
            end = i + 1;                                                                                               \
            if (first[in[i] >> lower] == none)                                                                         \
                continue;                                                                                              \
            while (end < n && in[end] == in[i])                                                                        \
                end++;                                                                                                 \
            mt_refinement_repeat(bits, r, in[i], end - i);                                                             \
        }                                                                                                              \
    }

DEFINE_ADD(uint32_t)
DEFINE_ADD(uint64_t)

void mt_refinement_add(const mt_bits *bits, mt_refinement *r, const void *elements, size_t n)
{
    if (bits->size == sizeof(uint32_t))
        add_uint32_t(bits, r, elements, n);
    else
        add_uint64_t(bits, r, elements, n);
}

void mt_refinement_finish(const mt_bits *bits, mt_refinement *r)
{
    for (size_t k = 0; k < r->n; k++) {
        mt_ranked *ranked = &r->ranked[k];
        bool negative = ranked->known >> (r->known - 1);
        uint64_t flip = negative ? bits->flip_negative : 0, left = ranked->rank;
        flip = bits->fraction > 0 ? flip : 0;
        size_t slot = 0, i = 0, next = 0;
        while (r->slots[slot] != ranked->known)
            slot++;
        for (; i < COUNTS; i++) {
            next = find_next(i, flip, COUNTS);
            uint64_t count = r->counts[slot * COUNTS + next];
            if (left < count)
                break;
            left -= count;
        }
        *ranked = (mt_ranked) { left, ranked->known << STEP | next };
    }
}
