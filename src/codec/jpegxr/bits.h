/* SPDX-License-Identifier: BSD-3-Clause */
/* Bit reader for a JPEG XR codestream, most significant bit first. Bits beyond the end are zero and counted. */
#ifndef MT_CODEC_JPEGXR_BITS_H
#define MT_CODEC_JPEGXR_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct jxr_bits {
    const uint8_t *next, *end; /* bytes not yet in the window */
    uint64_t window;           /* its highest n bits are the next bits */
    unsigned n;                /* valid bits in the window */
    size_t zeros;              /* zero bytes added beyond the end */
} jxr_bits;

/* Fills the window to at least 56 bits. */
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

/* The next n bits of the window, 1 to 32, without consuming them. */
static inline uint32_t jxr_peek(const jxr_bits *b, unsigned n) { return (uint32_t)(b->window >> (64 - n)); }

static inline void jxr_drop(jxr_bits *b, unsigned n)
{
    b->window <<= n;
    b->n -= n;
}

/* Consumes the next n bits of the window, 0 to 32. */
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

/* Consumes n bits, at most 16, and, unless they are all zero, a sign bit. */
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
