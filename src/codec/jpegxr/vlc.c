/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/jpegxr/vlc.h"

typedef struct code {
    uint8_t bits, length;
} code;

/* The tables of all alphabets, concatenated. */
static const code all_codes[] = {
    { 1, 1 }, { 1, 2 }, { 0, 3 }, { 1, 3 }, /* REFINEMENT */

    { 1, 1 }, { 1, 2 }, { 1, 3 }, { 0, 4 }, { 1, 4 }, /* COUNT */
    { 1, 1 }, { 0, 3 }, { 1, 3 }, { 2, 3 }, { 3, 3 },

    { 1, 1 }, { 0, 5 }, { 1, 3 }, { 1, 5 }, { 1, 2 }, { 1, 4 }, /* NEXT */
    { 1, 2 }, { 0, 4 }, { 2, 2 }, { 1, 4 }, { 3, 2 }, { 1, 3 }, { 0, 4 }, { 1, 4 }, { 1, 2 }, { 2, 2 }, { 3, 2 },
    { 1, 3 }, { 0, 5 }, { 1, 5 }, { 1, 2 }, { 1, 1 }, { 1, 4 }, { 1, 3 },

    { 1, 2 }, { 2, 2 }, { 3, 2 }, { 1, 3 }, { 1, 4 }, { 0, 5 }, { 1, 5 }, /* LEVEL */
    { 1, 1 }, { 1, 2 }, { 1, 3 }, { 1, 4 }, { 1, 5 }, { 0, 6 }, { 1, 6 },

    { 2, 2 }, { 1, 3 }, { 1, 5 }, { 1, 4 }, { 3, 2 }, { 2, 3 }, { 0, 5 }, { 3, 3 }, /* TRIPLE */

    { 2, 3 }, { 0, 5 }, { 2, 4 }, { 1, 5 }, { 2, 5 }, { 1, 1 }, { 3, 3 }, { 3, 5 }, { 3, 4 }, /* PATTERN */
    { 1, 1 }, { 1, 3 }, { 2, 3 }, { 1, 4 }, { 1, 6 }, { 3, 3 }, { 1, 5 }, { 0, 7 }, { 1, 7 },

    { 1, 5 }, { 1, 6 }, { 0, 7 }, { 1, 7 }, { 4, 5 }, { 2, 3 }, /* FIRST */
    { 5, 5 }, { 1, 1 }, { 6, 5 }, { 1, 4 }, { 7, 5 }, { 3, 3 }, { 2, 4 }, { 2, 5 }, { 0, 6 }, { 1, 6 }, { 3, 4 },
    { 2, 3 }, { 3, 5 }, { 3, 2 }, { 3, 3 }, { 4, 3 }, { 1, 5 }, { 5, 3 }, { 3, 2 }, { 1, 3 }, { 0, 7 }, { 1, 7 },
    { 1, 5 }, { 2, 3 }, { 2, 7 }, { 3, 3 }, { 4, 3 }, { 5, 3 }, { 3, 7 }, { 1, 4 }, { 1, 3 }, { 3, 2 }, { 0, 7 },
    { 1, 5 }, { 2, 5 }, { 2, 3 }, { 1, 7 }, { 3, 3 }, { 3, 5 }, { 4, 3 }, { 1, 6 }, { 5, 3 }, { 2, 3 }, { 1, 1 },
    { 1, 7 }, { 1, 4 }, { 2, 7 }, { 3, 3 }, { 0, 8 }, { 2, 4 }, { 3, 7 }, { 3, 4 }, { 1, 8 }, { 1, 5 },
};

static const int8_t no_votes[8] = { 0 };
static const int8_t count_votes[] = { 0, -1, 0, 1, 1 };
static const int8_t next_votes[] = { -1, 1, 1, 1, 0, 1, -2, 0, 0, 2, 0, 0, -1, -1, 0, 1, -2, 0 };
static const int8_t level_votes[] = { 1, 0, -1, -1, -1, -1, -1 };
static const int8_t pattern_votes[] = { 2, 2, 1, 1, -1, -2, -2, -2, -3 };
static const int8_t first_votes[] = { 1,  1, 1,  1,  1, 0, 0,  -1, 2,  1, 0,  0,  2,  2,  -1, -1,
                                      -1, 0, -2, -1, 0, 0, -2, -1, -1, 1, 0,  2,  0,  0,  0,  0,
                                      -2, 0, 1,  1,  0, 1, 0,  1,  -2, 0, -1, -1, -2, -1, -2, -2 };

/* votes: for each pair of neighbouring tables, one vote per symbol. */
static const struct alphabet {
    uint8_t symbols, tables, start;
    const int8_t *votes;
} alphabets[JXR_ALPHABETS] = {
    [JXR_REFINEMENT] = { 4, 1, 0, no_votes }, [JXR_COUNT] = { 5, 2, 0, count_votes },
    [JXR_NEXT] = { 6, 4, 1, next_votes },     [JXR_LEVEL] = { 7, 2, 0, level_votes },
    [JXR_TRIPLE] = { 8, 1, 0, no_votes },     [JXR_PATTERN] = { 9, 2, 0, pattern_votes },
    [JXR_FIRST] = { 12, 5, 1, first_votes },
};

void jxr_codes_make(jxr_codes *codes)
{
    const code *c = all_codes;
    size_t table = 0;
    for (int i = 0; i < JXR_ALPHABETS; i++) {
        const struct alphabet *a = &alphabets[i];
        for (int t = 0; t < a->tables; t++, table++) {
            const int8_t *down = a->votes + (ptrdiff_t)(t > 0 ? t - 1 : 0) * a->symbols;
            const int8_t *up = a->votes + (ptrdiff_t)(t + 1 < a->tables || t == 0 ? t : t - 1) * a->symbols;
            for (unsigned s = 0; s < a->symbols; s++, c++) {
                uint32_t entry = c->length | s << 4 | (uint32_t)(uint8_t)down[s] << 8 | (uint32_t)(uint8_t)up[s] << 16;
                unsigned open = JXR_LONGEST_CODE - c->length;
                for (size_t k = 0; k < (size_t)1 << open; k++)
                    codes->lookup[table][((size_t)c->bits << open) + k] = entry;
            }
        }
    }
}

static void use_table(jxr_vlc *v, const jxr_codes *codes)
{
    v->lookup = jxr_first_table(codes, (jxr_alphabet)v->alphabet) + ((size_t)v->table << JXR_LONGEST_CODE);
}

void jxr_vlc_reset(jxr_vlc *v, jxr_alphabet alphabet, const jxr_codes *codes)
{
    *v = (jxr_vlc) { .alphabet = (uint8_t)alphabet, .table = alphabets[alphabet].start };
    use_table(v, codes);
}

static int32_t clamp(int32_t v) { return v < -64 ? -64 : v > 64 ? 64 : v; }

void jxr_vlc_adapt(jxr_vlc *v, const jxr_codes *codes)
{
    int step = 0;
    if (v->table > 0 && v->down_sum < -8)
        step = -1;
    else if (v->table + 1 < alphabets[v->alphabet].tables && v->up_sum > 8)
        step = 1;
    v->down_sum = step ? 0 : clamp(v->down_sum);
    v->up_sum = step ? 0 : clamp(v->up_sum);
    if (step) {
        v->table = (uint8_t)(v->table + step);
        use_table(v, codes);
    }
}
