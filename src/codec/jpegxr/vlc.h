/* SPDX-License-Identifier: BSD-3-Clause */
/* The variable-length codes of JPEG XR. Each alphabet has some tables, between which the symbols that were read decide
 * every sixteenth macroblock. Source: ITU-T T.832. */
#ifndef MT_CODEC_JPEGXR_VLC_H
#define MT_CODEC_JPEGXR_VLC_H

#include "codec/jpegxr/bits.h"

/* Alphabets: named by what they code. */
typedef enum jxr_alphabet {
    JXR_REFINEMENT, /* 4 symbols: blocks of a chroma channel */
    JXR_COUNT,      /* 5: of coded blocks, and of runs */
    JXR_NEXT,       /* 6: what follows a coefficient */
    JXR_LEVEL,      /* 7: magnitude */
    JXR_TRIPLE,     /* 8: which of three channels have a DC */
    JXR_PATTERN,    /* 9: coded blocks with chroma */
    JXR_FIRST,      /* 12: the first coefficient of a block and what follows it */
    JXR_ALPHABETS
} jxr_alphabet;

#define JXR_CODE_TABLES 17
#define JXR_LONGEST_CODE 8

/* For the next 8 bits, from the lowest bit on: 4 bits of length, 4 of symbol, 8 of its vote for the table before and 8 of
 * that for the table behind. */
typedef struct jxr_codes {
    uint32_t lookup[JXR_CODE_TABLES][1 << JXR_LONGEST_CODE];
} jxr_codes;

void jxr_codes_make(jxr_codes *codes);

typedef struct jxr_vlc {
    const uint32_t *lookup;
    int32_t down_sum, up_sum;
    uint8_t alphabet, table;
} jxr_vlc;

/* The first table of an alphabet. */
static inline const uint32_t *jxr_first_table(const jxr_codes *codes, jxr_alphabet alphabet)
{
    static const uint8_t first[JXR_ALPHABETS] = { 0, 1, 3, 7, 9, 10, 12 };
    return codes->lookup[first[alphabet]];
}

void jxr_vlc_reset(jxr_vlc *v, jxr_alphabet alphabet, const jxr_codes *codes);
void jxr_vlc_adapt(jxr_vlc *v, const jxr_codes *codes);

/* The next symbol, of the window. */
static inline unsigned jxr_symbol(const uint32_t *lookup, jxr_bits *b)
{
    uint32_t entry = lookup[jxr_peek(b, JXR_LONGEST_CODE)];
    jxr_drop(b, entry & 15);
    return entry >> 4 & 15;
}

/* The symbol of an entry, whose votes are counted. */
static inline unsigned jxr_count(jxr_vlc *v, uint32_t entry)
{
    v->down_sum += (int8_t)(entry >> 8 & 255);
    v->up_sum += (int8_t)(entry >> 16 & 255);
    return entry >> 4 & 15;
}

static inline unsigned jxr_symbol_counted(jxr_vlc *v, jxr_bits *b)
{
    uint32_t entry = v->lookup[jxr_peek(b, JXR_LONGEST_CODE)];
    jxr_drop(b, entry & 15);
    return jxr_count(v, entry);
}

/* A symbol and the sign behind it: all bits or none. */
static inline unsigned jxr_symbol_signed(jxr_vlc *v, jxr_bits *b, uint32_t *negative)
{
    uint32_t entry = v->lookup[jxr_peek(b, JXR_LONGEST_CODE)], length = entry & 15;
    *negative = 0 - (uint32_t)(b->window >> (63 - length) & 1);
    jxr_drop(b, length + 1);
    return jxr_count(v, entry);
}

#endif
