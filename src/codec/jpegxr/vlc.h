/* SPDX-License-Identifier: BSD-3-Clause */
/* The variable-length codes of JPEG XR. Each alphabet has some tables, between which the symbols that were read decide
 * every sixteenth macroblock. Source: ITU-T T.832, clause 8.8.5 and tables there. */
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

/* For the next 8 bits: symbol << 4 | length. */
typedef struct jxr_codes {
    uint8_t lookup[JXR_CODE_TABLES][1 << JXR_LONGEST_CODE];
} jxr_codes;

void jxr_codes_make(jxr_codes *codes);

typedef struct jxr_vlc {
    const uint8_t *lookup;
    const int8_t *down, *up; /* what each symbol says for the table before and the table behind */
    int32_t down_sum, up_sum;
    uint8_t alphabet, table;
} jxr_vlc;

void jxr_vlc_reset(jxr_vlc *v, jxr_alphabet alphabet, const jxr_codes *codes);
void jxr_vlc_adapt(jxr_vlc *v, const jxr_codes *codes);

/* The next symbol, of the window. */
static inline unsigned jxr_symbol(const jxr_vlc *v, jxr_bits *b)
{
    unsigned entry = v->lookup[jxr_peek(b, JXR_LONGEST_CODE)];
    jxr_drop(b, entry & 15);
    return entry >> 4;
}

static inline unsigned jxr_symbol_counted(jxr_vlc *v, jxr_bits *b)
{
    unsigned s = jxr_symbol(v, b);
    v->down_sum += v->down[s];
    v->up_sum += v->up[s];
    return s;
}

#endif
