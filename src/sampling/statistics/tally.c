/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/statistics/tally.h"

#include <string.h>

/* Neighbouring bytes are often equal. Counting them in several tables in turn avoids waiting for the last store. */
enum { BYTE_TABLES = 4, BYTES = 256, WORDS = 65536 };

typedef struct bucket32 {
    uint64_t sum, squares, n;
} bucket32;

typedef struct bucket64 {
    mt_u128 sum, squares;
    uint64_t n;
} bucket64;

size_t mt_tally_table_bytes(const mt_bits *bits)
{
    switch (bits->size) {
    case 1: return sizeof(uint32_t) * BYTE_TABLES * BYTES;
    case 2: return sizeof(uint32_t) * WORDS;
    case 4: return sizeof(bucket32) * WORDS;
    default: return sizeof(bucket64) * WORDS;
    }
}

void mt_tally_begin(const mt_bits *bits, mt_tally *tally)
{
    tally->pending = tally->n_infinite = 0;
    tally->least = bits->most;
    tally->most = bits->least;
}

static void count_bytes(uint32_t *counts, const uint8_t *in, size_t n)
{
    size_t i = 0;
    for (; i + BYTE_TABLES <= n; i += BYTE_TABLES)
        for (int k = 0; k < BYTE_TABLES; k++)
            counts[k * BYTES + in[i + k]]++;
    for (; i < n; i++)
        counts[in[i]]++;
}

/* One table: two would not fit as well into the cache. Four equal elements are counted at once. */
static void count_words(uint32_t *counts, const uint16_t *in, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        uint64_t four;
        memcpy(&four, in + i, sizeof four);
        if (four == (four << 16 | four >> 48)) {
            counts[four & 0xffff] += 4;
            continue;
        }
        counts[four & 0xffff]++;
        counts[four >> 16 & 0xffff]++;
        counts[four >> 32 & 0xffff]++;
        counts[four >> 48]++;
    }
    for (; i < n; i++)
        counts[in[i]]++;
}

/* Finds least and most of the finite elements, and counts infinite ones. */
#define DEFINE_FIND_RANGE(type)                                                                                        \
    static void find_range_##type(const mt_bits *b, mt_tally *tally, const type *in, size_t n)                         \
    {                                                                                                                  \
        const type flip_negative = (type)b->flip_negative, flip_positive = (type)b->flip_positive;                     \
        const type low = (type)b->least, span = (type)(b->most - b->least), infinity = (type)b->infinity;              \
        const type magnitude = (type)((type)-1 >> 1);                                                                  \
        type least = (type)tally->least, most = (type)tally->most;                                                     \
        uint64_t n_infinite = 0;                                                                                       \
        for (size_t i = 0; i < n; i++) {                                                                               \
            type key = in[i] ^ (in[i] > magnitude ? flip_negative : flip_positive);                                    \
            bool finite = (type)(key - low) <= span;                                                                   \
            least = finite && key < least ? key : least;                                                               \
            most = finite && key > most ? key : most;                                                                  \
            n_infinite += (in[i] & magnitude) == infinity;                                                             \
        }                                                                                                              \
        tally->least = least;                                                                                          \
        tally->most = most;                                                                                            \
        tally->n_infinite += infinity > 0 ? n_infinite : 0;                                                            \
    }

DEFINE_FIND_RANGE(uint32_t)
DEFINE_FIND_RANGE(uint64_t)

static void count_32(bucket32 *buckets, const uint32_t *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bucket32 *b = &buckets[in[i] >> 16];
        uint64_t low = in[i] & 0xffff;
        b->n++;
        b->sum += low;
        b->squares += low * low;
    }
}

static void count_64(bucket64 *buckets, const uint64_t *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bucket64 *b = &buckets[in[i] >> 48];
        uint64_t low = in[i] & 0xffffffffffff;
        b->n++;
        b->sum += low;
        b->squares += (mt_u128)low * low;
    }
}

void mt_tally_add(const mt_bits *bits, mt_tally *tally, const void *elements, size_t n)
{
    void *table = tally->table;
    tally->pending += n;
    switch (bits->size) {
    case 1: count_bytes(table, elements, n); break;
    case 2: count_words(table, elements, n); break;
    case 4:
        find_range_uint32_t(bits, tally, elements, n);
        count_32(table, elements, n);
        break;
    default: find_range_uint64_t(bits, tally, elements, n); count_64(table, elements, n);
    }
}

void mt_totals_init(const mt_bits *bits, mt_totals *totals, uint64_t *counts)
{
    memset(totals, 0, sizeof *totals);
    totals->counts = counts;
    totals->least = bits->most;
    totals->most = bits->least;
}

/* Adds n elements of a bucket, of which sum and squares are the sums of the lower bits and of their squares. An element
 * is (head * 2^lower + low) * 2^shift, with head from the upper bits, whose sign a float also applies to low. */
static void add_bucket(const mt_bits *b, mt_totals *t, size_t bucket, uint64_t n, mt_u128 sum, mt_u128 squares)
{
    unsigned lower = b->lower, shift = 0;
    bool negative = b->flip_positive && bucket >> (b->upper - 1), low_negative = false;
    uint64_t head = bucket;
    if (b->fraction > 0) {
        unsigned fraction = b->fraction - lower;
        uint64_t exponent = (bucket & (b->infinity >> lower)) >> fraction;
        head = (bucket & (((uint64_t)1 << fraction) - 1)) | (uint64_t)(exponent > 0) << fraction;
        shift = exponent > 0 ? (unsigned)exponent - 1 : 0;
        low_negative = negative;
    } else if (negative) {
        head = mt_bits_buckets(b) - bucket;
    }
    mt_wide_add(&t->sum, (mt_u128)head * n, lower + shift, negative);
    mt_wide_add(&t->squares, (mt_u128)(head * head) * n, 2 * (lower + shift), false);
    if (lower == 0)
        return;
    mt_wide_add(&t->sum, sum, shift, low_negative);
    mt_wide_add(&t->squares, 2 * head * sum, lower + 2 * shift, negative != low_negative);
    mt_wide_add(&t->squares, squares, 2 * shift, false);
}

void mt_totals_add(const mt_bits *b, mt_totals *t, uint64_t element, uint64_t n)
{
    size_t bucket = (size_t)(element >> b->lower);
    uint64_t low = element - ((uint64_t)bucket << b->lower), key = mt_bits_key(b, element);
    t->counts[bucket] += n;
    if (b->lower == 0 || n == 0)
        return;
    if (!mt_bits_is_finite(b, bucket)) {
        t->n_infinite += key == b->most + 1 || key == b->least - 1 ? n : 0;
        return;
    }
    t->least = key < t->least ? key : t->least;
    t->most = key > t->most ? key : t->most;
    /* low < 2^48: its square times n may need 160 bits. */
    mt_u128 square = (mt_u128)low * low;
    add_bucket(b, t, bucket, n, (mt_u128)low * n, 0);
    unsigned shift = 0;
    if (b->fraction > 0) {
        uint64_t exponent = (element & b->infinity) >> b->fraction;
        shift = exponent > 0 ? (unsigned)exponent - 1 : 0;
    }
    mt_wide_add(&t->squares, (mt_u128)(uint64_t)square * n, 2 * shift, false);
    mt_wide_add(&t->squares, (square >> 64) * n, 2 * shift + 64, false);
}

/* Every element that is not zero is true. */
static void merge_true(mt_totals *totals)
{
    for (int i = 2; i < BYTES; i++) {
        totals->counts[1] += totals->counts[i];
        totals->counts[i] = 0;
    }
}

void mt_totals_finish(const mt_bits *bits, mt_totals *totals)
{
    if (bits->dtype == MT_BOOL)
        merge_true(totals);
    for (size_t i = 0; bits->lower == 0 && i < mt_bits_buckets(bits); i++)
        if (totals->counts[i] > 0 && mt_bits_is_finite(bits, i))
            add_bucket(bits, totals, i, totals->counts[i], 0, 0);
}

/* Adds the counter of a bucket and resets it. */
static void drain_bucket(const mt_bits *bits, mt_totals *totals, size_t i, uint64_t n, mt_u128 sum, mt_u128 squares)
{
    totals->counts[i] += n;
    if (mt_bits_is_finite(bits, i))
        add_bucket(bits, totals, i, n, sum, squares);
}

static void drain_wide(const mt_bits *bits, mt_tally *tally, mt_totals *totals)
{
    bucket32 *b32 = (void *)tally->table;
    bucket64 *b64 = (void *)tally->table;
    for (size_t i = 0; i < WORDS; i++)
        if (bits->size == 4 && b32[i].n > 0)
            drain_bucket(bits, totals, i, b32[i].n, b32[i].sum, b32[i].squares);
        else if (bits->size == 8 && b64[i].n > 0)
            drain_bucket(bits, totals, i, b64[i].n, b64[i].sum, b64[i].squares);
    totals->least = tally->least < totals->least ? tally->least : totals->least;
    totals->most = tally->most > totals->most ? tally->most : totals->most;
    totals->n_infinite += tally->n_infinite;
}

void mt_tally_drain(const mt_bits *bits, mt_tally *tally, mt_totals *totals)
{
    const uint32_t *counts = (const void *)tally->table;
    size_t n = mt_bits_buckets(bits), tables = bits->size == 1 ? BYTE_TABLES : 1;
    if (tally->pending == 0)
        return;
    if (bits->lower > 0)
        drain_wide(bits, tally, totals);
    for (size_t k = 0; bits->lower == 0 && k < tables; k++)
        for (size_t i = 0; i < n; i++)
            totals->counts[i] += counts[k * n + i];
    memset(tally->table, 0, mt_tally_table_bytes(bits));
    mt_tally_begin(bits, tally);
}
