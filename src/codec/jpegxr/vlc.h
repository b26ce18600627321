/* SPDX-License-Identifier: BSD-3-Clause */
/* The variable-length codes of JPEG XR. Each alphabet has several tables; the table is adapted every sixteenth
 * macroblock, by votes of the symbols read. Source: ITU-T T.832. */
#ifndef MT_CODEC_JPEGXR_VLC_H
#define MT_CODEC_JPEGXR_VLC_H

#include "codec/jpegxr/bits.h"

/* Alphabets and their number of symbols. */
typedef enum jxr_alphabet {
    JXR_REFINEMENT, /* 4: blocks of a chroma channel */
    JXR_COUNT,      /* 5: number of coded blocks, length of runs */
    JXR_NEXT,       /* 6: what follows a coefficient */
    JXR_LEVEL,      /* 7: magnitude */
    JXR_TRIPLE,     /* 8: the channels, of three, with a DC */
    JXR_PATTERN,    /* 9: coded blocks with chroma */
    JXR_FIRST,      /* 12: the first coefficient of a block and what follows it */
    JXR_ALPHABETS
} jxr_alphabet;

#define JXR_CODE_TABLES 17
#define JXR_LONGEST_CODE 8

/* Decoding tables. */
typedef struct jxr_codes {
    /* Indexed by the next 8 bits. An entry has, from the lowest bit on: 4 bits of length, 4 of symbol, 8 of vote for
     * the previous table, 8 of vote for the next table. */
    uint32_t lookup[JXR_CODE_TABLES][1 << JXR_LONGEST_CODE];
} jxr_codes;

void jxr_codes_make(jxr_codes *codes);

/* An adaptive variable-length code. */
typedef struct jxr_vlc {
    const uint32_t *lookup;   /* the current table */
    int32_t down_sum, up_sum; /* sums of votes for the previous and the next table */
    uint8_t alphabet, table;  /* a jxr_alphabet; index of the table in the alphabet */
} jxr_vlc;

/* The first table of an alphabet. */
static inline const uint32_t *jxr_first_table(const jxr_codes *codes, jxr_alphabet alphabet)
{
    static const uint8_t first[JXR_ALPHABETS] = { 0, 1, 3, 7, 9, 10, 12 };
    return codes->lookup[first[alphabet]];
}

void jxr_vlc_reset(jxr_vlc *v, jxr_alphabet alphabet, const jxr_codes *codes);
void jxr_vlc_adapt(jxr_vlc *v, const jxr_codes *codes);

/* Reads the next symbol; the window must hold it. */
static inline unsigned jxr_symbol(const uint32_t *lookup, jxr_bits *b)
{
    uint32_t entry = lookup[jxr_peek(b, JXR_LONGEST_CODE)];
    jxr_drop(b, entry & 15);
    return entry >> 4 & 15;
}

/* The symbol of an entry; adds its votes. */
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

/* Reads a symbol and the sign bit after it. *negative has all bits set, or none. */
static inline unsigned jxr_symbol_signed(jxr_vlc *v, jxr_bits *b, uint32_t *negative)
{
    uint32_t entry = v->lookup[jxr_peek(b, JXR_LONGEST_CODE)], length = entry & 15;
    *negative = 0 - (uint32_t)(b->window >> (63 - length) & 1);
    jxr_drop(b, length + 1);
    return jxr_count(v, entry);
}

#endif
