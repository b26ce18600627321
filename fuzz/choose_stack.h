/* SPDX-License-Identifier: BSD-3-Clause */
/* Small arrays as stacks, of a context with one thread. */
#ifndef MT_FUZZ_CHOOSE_STACK_H
#define MT_FUZZ_CHOOSE_STACK_H

#include "choose.h"

/* low to high; low if there is nothing between. */
static inline int64_t take_range(choice *c, int64_t low, int64_t high)
{
    return high > low ? low + take_below(c, (int)(high - low) + 1) : low;
}

#define TAKE(c, words) ((words)[take_below((c), (int)(sizeof(words) / sizeof *(words)))])

/* A size that fits one of size in some way: equal, one less, one more, half; now and then a wrong or a huge one. */
static inline int64_t take_fit(choice *c, int64_t size)
{
    const uint64_t base = (uint64_t)size; /* size may be the greatest number */
    switch (take_below(c, 16)) {
    case 0: return size;
    case 1: return (int64_t)(base + 1);
    case 2: return (int64_t)(base - 1);
    case 3: return size / 2;
    case 4: return size / 2 + 1;
    case 5: return take_wild(c, 2, size);
    default: return take_range(c, 1, 7);
    }
}

/* Pixels of all types: bytes that repeat after a prime number of them, with constant parts. */
static inline const uint8_t *stack_pixels(void)
{
    static uint8_t pixels[1 << 18];
    if (!pixels[sizeof pixels - 1])
        for (size_t i = 0; i < sizeof pixels; i++)
            pixels[i] = i % 1021 < 200 ? 7 : (uint8_t)(i % 251 * 37 + i / 4093 + 1) | (i == sizeof pixels - 1);
    return pixels;
}

static inline mt_context *fuzz_one_thread(void)
{
    static mt_context *context;
    if (!context)
        context = new_limited_context();
    return context;
}

/* An array SC(Z)YX of the given numbers of samples and channels. */
static inline mt_stack *choose_array(choice *c, size_t n_spatial, int64_t samples, int64_t channels, mt_dtype dtype)
{
    const int64_t z = n_spatial == 3 ? take_range(c, 1, 5) : 1, y = take_range(c, 1, 20), x = take_range(c, 1, 24);
    const int64_t shape[5] = { samples, channels, n_spatial == 3 ? z : y, n_spatial == 3 ? y : x, x };
    mt_stack *stack;
    if (mt_stack_from_array(fuzz_one_thread(), stack_pixels() + take_byte(c), dtype, n_spatial == 3 ? "SCZYX" : "SCYX",
                            shape, NULL, NULL, &stack, NULL))
        abort();
    return stack;
}

/* Notes a number that depends on the last digits of functions of the C library, such as log. */
static inline void outcome_rounded(double value)
{
    outcome_number(value != value ? INT64_MIN
                   : value > 1e9  ? INT64_MAX
                   : value < -1e9 ? -INT64_MAX
                                  : (int64_t)rint(value * 1024));
}

#endif
