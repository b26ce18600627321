/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/statistics/wide.h"

#include <math.h>
#include <string.h>

enum { WORDS = MT_WIDE_WORDS };

/* Adds a word with carry, which is replaced. */
static uint64_t add_word(uint64_t a, uint64_t b, uint64_t *carry)
{
    mt_u128 sum = (mt_u128)a + b + *carry;
    *carry = (uint64_t)(sum >> 64);
    return (uint64_t)sum;
}

void mt_wide_add(mt_wide *sum, mt_u128 value, unsigned shift, bool negative)
{
    unsigned first = shift / 64, bits = shift % 64;
    mt_u128 low = value << bits;
    const uint64_t parts[3] = { (uint64_t)low, (uint64_t)(low >> 64),
                                bits ? (uint64_t)(value >> 64 >> (64 - bits)) : 0 };
    uint64_t carry = negative; /* subtraction adds the complement and 1 */
    for (unsigned i = first; i < WORDS && (i < first + 3 || carry != negative); i++) {
        uint64_t part = i < first + 3 ? parts[i - first] : 0;
        sum->words[i] = add_word(sum->words[i], negative ? ~part : part, &carry);
    }
}

void mt_wide_merge(mt_wide *sum, const mt_wide *more)
{
    uint64_t carry = 0;
    for (int i = 0; i < WORDS; i++)
        sum->words[i] = add_word(sum->words[i], more->words[i], &carry);
}

/* The absolute value; returns whether the number was negative. */
static bool take_magnitude(const mt_wide *in, mt_wide *out)
{
    bool negative = in->words[WORDS - 1] >> 63;
    uint64_t carry = negative;
    for (int i = 0; i < WORDS; i++)
        out->words[i] = add_word(negative ? ~in->words[i] : in->words[i], 0, &carry);
    return negative;
}

/* The upper 128 bits of a positive number: bits * 2^exponent, rounded down. */
typedef struct top {
    mt_u128 bits; /* the highest one is set; 0: the number is 0 */
    int exponent;
    bool inexact; /* lower bits are lost */
} top;

static uint64_t word_at(const mt_wide *w, int i) { return i >= 0 ? w->words[i] : 0; }

static top find_top(const mt_wide *w)
{
    int i = WORDS - 1;
    while (i >= 0 && w->words[i] == 0)
        i--;
    if (i < 0)
        return (top) { 0, 0, false };
    int shift = __builtin_clzll(w->words[i]);
    uint64_t third = word_at(w, i - 2);
    top t = { (mt_u128)w->words[i] << 64 | word_at(w, i - 1), 64 * (i - 1) - shift, false };
    t.bits = shift ? t.bits << shift | third >> (64 - shift) : t.bits;
    t.inexact = third << shift != 0;
    for (int k = i - 3; k >= 0; k--)
        t.inexact |= w->words[k] != 0;
    return t;
}

double mt_wide_mean(const mt_wide *sum, uint64_t n, int exponent)
{
    mt_wide magnitude;
    bool negative = take_magnitude(sum, &magnitude);
    top t = find_top(&magnitude);
    mt_u128 quotient = t.bits / n; /* at least 64 bits: the lowest one only breaks ties */
    quotient |= t.inexact || quotient * n != t.bits;
    double mean = ldexp((double)quotient, t.exponent + exponent);
    return negative ? -mean : mean;
}

static int count_words(const mt_wide *w)
{
    int n = WORDS;
    while (n > 0 && w->words[n - 1] == 0)
        n--;
    return n;
}

/* Adds a * factor * 2^(64 * first) to sum. */
static void add_product(mt_wide *sum, const mt_wide *a, int n, uint64_t factor, int first)
{
    uint64_t carry = 0;
    for (int i = 0; first + i < WORDS && (i < n || carry); i++) {
        mt_u128 part = (mt_u128)(i < n ? a->words[i] : 0) * factor + sum->words[first + i] + carry;
        sum->words[first + i] = (uint64_t)part;
        carry = (uint64_t)(part >> 64);
    }
}

/* n * squares - sum^2, which is not negative. */
static mt_wide subtract_square(const mt_wide *sum, const mt_wide *squares, uint64_t n)
{
    mt_wide magnitude, square = { { 0 } }, result = { { 0 } };
    take_magnitude(sum, &magnitude);
    int words = count_words(&magnitude);
    for (int i = 0; i < words; i++)
        add_product(&square, &magnitude, words, magnitude.words[i], i);
    add_product(&result, squares, count_words(squares), n, 0);
    uint64_t carry = 1;
    for (int i = 0; i < WORDS; i++)
        result.words[i] = add_word(result.words[i], ~square.words[i], &carry);
    return result;
}

double mt_wide_deviation(const mt_wide *sum, const mt_wide *squares, uint64_t n, int exponent)
{
    mt_wide difference = subtract_square(sum, squares, n);
    top t = find_top(&difference);
    if (t.exponent % 2 != 0) {
        t.bits >>= 1;
        t.exponent++;
    }
    return ldexp(sqrt((double)t.bits) / (double)n, t.exponent / 2 + exponent);
}
