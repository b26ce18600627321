/* SPDX-License-Identifier: BSD-3-Clause */
/* Options that the bytes of an input choose. Bounds are met often: values of 1 to 4, values equal to earlier ones or one
 * beside them, and now and then values that no option may have. One choice an expression: the order in which arguments
 * and initializers are evaluated differs between compilers. */
#ifndef MT_FUZZ_CHOOSE_H
#define MT_FUZZ_CHOOSE_H

#include "outcome.h"

#include "base/float16.h"

#include <microtome/microtome.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct choice {
    const uint8_t *at, *end;
    int64_t earlier[4]; /* sizes */
    unsigned n_earlier;
} choice;

/* 0 once the input has ended, so that long inputs differ from short ones in what comes last. */
static inline int take_byte(choice *c) { return c->at < c->end ? *c->at++ : 0; }

/* From 0 to n - 1. */
static inline int take_below(choice *c, int n)
{
    int value = take_byte(c);
    return (n > 256 ? value << 8 | take_byte(c) : value) % n;
}

static inline bool one_in(choice *c, int n) { return take_below(c, n) == n - 1; }

/* A size from 1 to most, which is at most 2^15. */
static inline int64_t take_size(choice *c, int64_t most)
{
    int how = take_below(c, 8);
    int64_t before = c->earlier[take_below(c, 4)];
    int64_t size = how < 2    ? 1 + take_below(c, 4)
                   : how == 2 ? before
                   : how == 3 ? before + 1 - 2 * take_below(c, 2)
                   : how == 4 ? 2 * before
                              : 1 + take_below(c, (int)most);
    size = size < 1 ? 1 : size > most ? most : size;
    c->earlier[c->n_earlier++ % 4] = size;
    return size;
}

/* Mostly the value itself; once in n times one that is likely to be refused. */
static inline int64_t take_wild(choice *c, int n, int64_t value)
{
    const int64_t more = (int64_t)((uint64_t)value + 1), less = (int64_t)((uint64_t)value - 1);
    const int64_t wild[] = { 0, -1, more, less, INT32_MAX, (int64_t)1 << 31, (int64_t)1 << 62, INT64_MAX };
    return one_in(c, n) ? wild[take_below(c, 8)] : value;
}

/* Mostly the size of a structure. */
static inline size_t take_struct_size(choice *c, size_t size)
{
    const size_t wild[] = { 0, 4, size + 1, size + 8 };
    return one_in(c, 128) ? wild[take_below(c, 4)] : size;
}

static inline mt_dtype take_dtype(choice *c) { return (mt_dtype)(1 + take_below(c, MT_FLOAT64)); }

/* Traps if a call fails without a reason. */
static inline mt_status note_status(mt_status status, const mt_error *err)
{
    if (status && !*err->message)
        __builtin_trap();
    return outcome_status(status, err);
}

/* --- A context of one thread, in which large allocations fail on any machine. --- */

enum { MOST_ALLOCATED = 64 << 20 };

static void *resize_limited(void *user, void *memory, size_t old_size, size_t new_size)
{
    (void)user, (void)old_size;
    if (new_size > MOST_ALLOCATED)
        return NULL;
    if (new_size > 0)
        return realloc(memory, new_size);
    free(memory);
    return NULL;
}

static inline mt_context *new_limited_context(void)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = 1, .cache_bytes = 4 << 20 };
    mt_context *context;
    options.limits.max_chunk_bytes = 1 << 20;
    options.allocator.resize = resize_limited;
    if (mt_context_new(&options, &context, NULL))
        abort();
    return context;
}

/* --- Pixels of any dtype as double: values that each dtype used has exactly. --- */

#define FOR_INTEGERS(X)                                                                                                \
    X(MT_UINT8, uint8_t)                                                                                               \
    X(MT_INT8, int8_t)                                                                                                 \
    X(MT_UINT16, uint16_t)                                                                                             \
    X(MT_INT16, int16_t)                                                                                               \
    X(MT_UINT32, uint32_t)                                                                                             \
    X(MT_INT32, int32_t) X(MT_UINT64, uint64_t) X(MT_INT64, int64_t) X(MT_FLOAT32, float) X(MT_FLOAT64, double)

static inline double load_pixel(mt_dtype dtype, const void *at)
{
    uint16_t half;
    switch (dtype) {
#define LOAD(name, type)                                                                                               \
    case name: {                                                                                                       \
        type value;                                                                                                    \
        memcpy(&value, at, sizeof value);                                                                              \
        return (double)value;                                                                                          \
    }
        FOR_INTEGERS(LOAD)
    case MT_FLOAT16: memcpy(&half, at, 2); return (double)mt_float16_to_float(half);
    default: return *(const uint8_t *)at != 0;
    }
}

static inline void store_pixel(mt_dtype dtype, void *at, double from)
{
    uint16_t half = mt_float16_from_float((float)from);
    switch (dtype) {
#define STORE(name, type)                                                                                              \
    case name: {                                                                                                       \
        type value = (type)from;                                                                                       \
        memcpy(at, &value, sizeof value);                                                                              \
        return;                                                                                                        \
    }
        FOR_INTEGERS(STORE)
    case MT_FLOAT16: memcpy(at, &half, 2); return;
    default: *(uint8_t *)at = from != 0;
    }
}

static inline bool is_float_type(mt_dtype dtype) { return dtype >= MT_FLOAT16; }

/* The least and the largest value of an integer type; those of 64 bits as they are in double. */
static inline double least_pixel(mt_dtype dtype)
{
    bool is_signed = dtype == MT_INT8 || dtype == MT_INT16 || dtype == MT_INT32 || dtype == MT_INT64;
    return is_signed ? -ldexp(1, 8 * (int)mt_dtype_size(dtype) - 1) : 0;
}

static inline double most_pixel(mt_dtype dtype)
{
    int bits = 8 * (int)mt_dtype_size(dtype) - (least_pixel(dtype) < 0);
    return dtype == MT_BOOL ? 1 : bits > 53 ? ldexp(1, bits) : ldexp(1, bits) - 1;
}

/* What a value becomes in a type: NaN 0, others rounded half to even and clipped. */
static inline double convert_pixel(mt_dtype to, double value)
{
    if (to == MT_BOOL)
        return value == value && value != 0;
    if (is_float_type(to))
        return value;
    value = value == value ? rint(value) : 0;
    return fmin(fmax(value, least_pixel(to)), most_pixel(to));
}

#endif
