/* SPDX-License-Identifier: BSD-3-Clause */
/* The bits of elements as numbers: their order, their value, and their upper 16 bits as the number of a bucket. */
#ifndef MT_SAMPLING_BITS_H
#define MT_SAMPLING_BITS_H

#include <microtome/dtype.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct mt_bits {
    mt_dtype dtype;
    size_t size;            /* bytes of an element */
    unsigned upper, lower;  /* number of bits: of a bucket number (8 or 16), and below it */
    unsigned fraction;      /* of a float: bits of the mantissa; 0: an integer */
    int exponent;           /* of a float: of the lowest bit of the smallest number; else 0 */
    uint64_t flip_negative; /* key = bits ^ flip, chosen by the sign bit: keys are ordered like values */
    uint64_t flip_positive;
    uint64_t infinity;    /* bits of +infinity; 0: an integer */
    uint64_t least, most; /* keys of the least and the largest finite value */
} mt_bits;

void mt_bits_init(mt_bits *bits, mt_dtype dtype);

/* The number of buckets. */
static inline size_t mt_bits_buckets(const mt_bits *b) { return (size_t)1 << b->upper; }

/* The key of element bits, and back. */
static inline uint64_t mt_bits_key(const mt_bits *b, uint64_t element)
{
    bool negative = element >> (8 * b->size - 1);
    return element ^ (negative ? b->flip_negative : b->flip_positive);
}

static inline uint64_t mt_bits_of_key(const mt_bits *b, uint64_t key)
{
    bool negative = (key ^ b->flip_positive) >> (8 * b->size - 1);
    return key ^ (negative ? b->flip_negative : b->flip_positive);
}

static inline bool mt_bits_is_nan(const mt_bits *b, uint64_t element)
{
    return b->fraction > 0 && (element & (b->infinity | (b->infinity - 1))) > b->infinity;
}

/* Whether elements of a bucket can be finite. */
static inline bool mt_bits_is_finite(const mt_bits *b, size_t bucket)
{
    uint64_t infinity = b->infinity >> b->lower;
    return infinity == 0 || (bucket & infinity) != infinity;
}

/* The value of element bits; of NaN and infinity a large number. Integers beyond 2^53 are rounded. */
double mt_bits_value(const mt_bits *bits, uint64_t element);

/* Reads one element in native byte order. */
uint64_t mt_bits_load(const mt_bits *bits, const void *element);

#endif
