/* SPDX-License-Identifier: BSD-3-Clause */
/* LZW of TIFF 6.0, section 13: codes of 9 to 12 bits, most significant bit first, widened one code early. Also the
 * variant before TIFF 5.0: least significant bit first, widened when the table is full.
 *
 * A string of the table is stored as start and length in the output. So decoding a code is one forward copy. */
#include "codec/codec.h"

#include <string.h>

enum { CLEAR = 256, END = 257, FIRST = 258, CODES = 4096, MIN_BITS = 9, MAX_BITS = 12 };

typedef struct bits {
    const uint8_t *at, *end;
    uint64_t buffer;
    int n;
    bool lsb_first;
} bits;

/* The next code of width bits; END at the end of the data, because some writers omit it. */
static unsigned next_code(bits *b, int width)
{
    while (b->n < width) {
        if (b->at == b->end)
            return END;
        b->buffer = b->lsb_first ? b->buffer | (uint64_t)*b->at << b->n : b->buffer << 8 | *b->at;
        b->at++;
        b->n += 8;
    }
    unsigned mask = (1u << width) - 1, code;
    b->n -= width;
    if (b->lsb_first) {
        code = (unsigned)b->buffer & mask;
        b->buffer >>= width;
    } else {
        code = (unsigned)(b->buffer >> b->n) & mask;
    }
    return code;
}

typedef struct table {
    uint32_t start[CODES];
    uint16_t length[CODES];
    unsigned next; /* code of the next string */
    int width;
} table;

static void clear(table *t)
{
    t->next = FIRST;
    t->width = MIN_BITS;
}

/* Copies forward, byte by byte if the strings overlap: src may end with the first byte written. */
static void copy_string(uint8_t *dst, const uint8_t *src, size_t n)
{
    if ((size_t)(dst - src) >= n)
        memcpy(dst, src, n);
    else
        for (size_t i = 0; i < n; i++)
            dst[i] = src[i];
}

static void widen(table *t, bool early)
{
    if (t->width < MAX_BITS && t->next + early >= 1u << t->width)
        t->width++;
}

static mt_status decode(const void *params, const uint8_t *src, size_t size, uint8_t *dst, size_t capacity,
                        size_t *written, mt_scratch *scratch, mt_error *err)
{
    (void)scratch;
    (void)params;
    /* Both variants start with a clear code, which tells them apart. */
    bits b = { src, src + size, 0, 0, size >= 2 && src[0] == 0 && (src[1] & 1) };
    table t;
    size_t n = 0, previous = 0, previous_length = 0; /* the previous string in dst */
    clear(&t);
    for (;;) {
        unsigned code = next_code(&b, t.width);
        if (code == END)
            break;
        if (code == CLEAR) {
            clear(&t);
            previous_length = 0;
            continue;
        }
        /* Each code except the first defines a string: the previous one and the first byte of its own. */
        if (previous_length > 0 && t.next < CODES) {
            t.start[t.next] = (uint32_t)previous;
            t.length[t.next] = (uint16_t)(previous_length + 1);
            t.next++;
        }
        if (code >= t.next)
            return mt_fail(err, MT_E_CORRUPT, "code %u is not in the table", code);
        size_t length = code < CLEAR ? 1 : t.length[code];
        if (length > capacity - n) {
            if (n == capacity)
                break; /* some writers encode more than the strip */
            length = capacity - n;
        }
        if (code < CLEAR)
            dst[n] = (uint8_t)code;
        else
            copy_string(dst + n, dst + t.start[code], length);
        previous = n;
        previous_length = length;
        n += length;
        widen(&t, !b.lsb_first);
    }
    *written = n;
    return MT_OK;
}

const mt_codec mt_codec_lzw = { .name = "lzw", .decode = decode };
