/* SPDX-License-Identifier: BSD-3-Clause */
/* Bits of a JPEG XR codestream, most significant first. Behind the end there are zeros, which are counted. */
#ifndef MT_CODEC_JPEGXR_BITS_H
#define MT_CODEC_JPEGXR_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct jxr_bits {
    const uint8_t *next, *end;
    uint64_t window; /* its highest n bits are the next ones */
    unsigned n;
    size_t zeros; /* bytes that were made up */
} jxr_bits;

/* At least 56 bits are in the window then. */
static inline void jxr_fill(jxr_bits *b)
{
    if (b->end - b->next >= 8) {
        const uint8_t *p = b->next;
        uint64_t v = (uint64_t)p[0] << 56 | (uint64_t)p[1] << 48 | (uint64_t)p[2] << 40 | (uint64_t)p[3] << 32 |
                     (uint64_t)p[4] << 24 | (uint64_t)p[5] << 16 | (uint64_t)p[6] << 8 | p[7];
        b->window |= v >> b->n;
        b->next += (63 - b->n) >> 3;
        b->n |= 56;
        return;
    }
    for (; b->n <= 56; b->n += 8) {
        if (b->next < b->end)
            b->window |= (uint64_t)*b->next++ << (56 - b->n);
        else
            b->zeros++;
    }
}

/* What is in the window: 1 to 32 bits. */
static inline uint32_t jxr_peek(const jxr_bits *b, unsigned n) { return (uint32_t)(b->window >> (64 - n)); }

static inline void jxr_drop(jxr_bits *b, unsigned n)
{
    b->window <<= n;
    b->n -= n;
}

/* 0 to 32 bits of the window. */
static inline uint32_t jxr_take(jxr_bits *b, unsigned n)
{
    uint32_t v = (uint32_t)(b->window >> 1 >> (63 - n));
    jxr_drop(b, n);
    return v;
}

static inline uint32_t jxr_get(jxr_bits *b, unsigned n)
{
    jxr_fill(b);
    return jxr_take(b, n);
}

/* n bits and, where they are not all zero, a sign: at most 17. */
static inline uint32_t jxr_take_signed(jxr_bits *b, unsigned n)
{
    uint32_t v = jxr_peek(b, n + 1), magnitude = v >> 1;
    jxr_drop(b, n + (magnitude != 0));
    return v & 1 && magnitude ? 0 - magnitude : magnitude;
}

static inline bool jxr_is_past_end(const jxr_bits *b) { return 8 * b->zeros > b->n; }

static inline jxr_bits jxr_bits_over(const uint8_t *data, size_t size)
{
    return (jxr_bits) { .next = data, .end = data + size };
}

#endif
