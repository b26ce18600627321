/* SPDX-License-Identifier: BSD-3-Clause */
/* Highpass and flexbits of a macroblock. Source: ITU-T T.832. */
#include "codec/jpegxr/jpegxr.h"
#include "codec/jpegxr/kernels.h"

#include <string.h>

/* Reads which two of four blocks are coded. */
static unsigned read_two_of_four(jxr_bits *b)
{
    static const uint8_t pairs[4] = { 6, 9, 10, 12 };
    unsigned k = jxr_take(b, 2);
    return k == 0 ? 3 : k == 1 ? 5 : pairs[2 * k + jxr_take(b, 1) - 4];
}

static unsigned read_refinement(jxr_bits *b, const jxr_codes *codes)
{
    switch (jxr_symbol(jxr_first_table(codes, JXR_REFINEMENT), b)) {
    case 0: return 1U << jxr_take(b, 2);
    case 1: return read_two_of_four(b);
    case 2: return 15 ^ 1U << jxr_take(b, 2);
    default: return 15;
    }
}

static unsigned read_count(jxr_bits *b, jxr_vlc *v)
{
    switch (jxr_symbol_counted(v, b)) {
    case 0: return 0;
    case 1: return 1U << jxr_take(b, 2);
    case 2: return read_two_of_four(b);
    case 3: return 15 ^ 1U << jxr_take(b, 2);
    default: return 15;
    }
}

/* Reads the coded blocks of a quarter of a macroblock: luma in the lowest four bits; 16 and 32: chroma has coded
 * blocks. */
static unsigned read_pattern(jxr_bits *b, jxr_vlc *v)
{
    static const uint8_t extra[6] = { 0, 2, 1, 2, 2, 0 }, offset[6] = { 0, 4, 2, 8, 12, 1 };
    static const uint8_t blocks[16] = { 0, 15, 3, 12, 1, 2, 4, 8, 5, 6, 9, 10, 7, 11, 13, 14 };
    unsigned s = jxr_symbol_counted(v, b) + 1, chroma = 0;
    if (s >= 6) {
        chroma = jxr_take(b, 1) ? 16 : jxr_take(b, 1) ? 32 : 48;
        if (s == 9)
            s = jxr_take(b, 1) ? 9 : jxr_take(b, 1) ? 10 : 11;
        s -= 6;
    }
    return chroma | blocks[offset[s] + jxr_take(b, extra[s])];
}

static void read_chroma_pattern(jxr_bits *b, const jxr_codes *codes, jxr_color color, unsigned quarter, uint32_t *cbp)
{
    if (color == JXR_444) {
        *cbp |= read_refinement(b, codes) << 4 * quarter;
    } else if (color == JXR_420) {
        *cbp |= 1U << quarter;
    } else {
        static const uint8_t places[4] = { 0, 1, 4, 5 };
        unsigned two = jxr_take(b, 1) ? 1 : jxr_take(b, 1) ? 4 : 5;
        *cbp |= two << places[quarter];
    }
}

/* Reads the differences between the coded block patterns and their prediction. */
static void read_cbp(const jxr_decoder *d, const jxr_plane_header *h, jxr_context *c, jxr_bits *b, uint32_t *cbp)
{
    bool alone = !jxr_has_chroma(h);
    memset(cbp, 0, JXR_CHANNELS * sizeof *cbp);
    for (int i = 0; i < (alone ? h->channels : 1); i++) {
        jxr_fill(b);
        unsigned quarters = read_count(b, &c->count);
        for (unsigned q = 0; q < 4; q++) {
            if (!(quarters >> q & 1))
                continue;
            jxr_fill(b);
            unsigned pattern = read_pattern(b, &c->pattern);
            cbp[i] |= (pattern & 15) << 4 * q;
            for (int k = 1; !alone && k < 3; k++)
                if (pattern >> (3 + k) & 1)
                    read_chroma_pattern(b, d->codes, h->color, q, &cbp[k]);
        }
    }
}

typedef struct flex {
    unsigned bits;
    uint32_t step;
} flex;

/* Adds flexbits to a coefficient. A nonzero coefficient has a sign; a zero one gets a sign bit after the flexbits, if
 * they are not 0. Branchless, because the branches are unpredictable. */
static inline uint32_t refine(jxr_bits *b, flex f, uint32_t value)
{
    uint32_t v = jxr_peek(b, f.bits + 1), magnitude = v >> 1, is_new = value == 0;
    uint32_t negative = is_new ? 0 - (v & 1) : 0 - (value >> 31);
    jxr_drop(b, f.bits + (is_new & (magnitude != 0)));
    return value + f.step * ((magnitude ^ negative) - negative);
}

static void read_flexbits(jxr_bits *bits, flex f, uint32_t blocks[16][16], int i)
{
    jxr_bits b = *bits;
    for (int k = 1; k < 16; k += 3) {
        jxr_fill(&b);
        blocks[k][i] = refine(&b, f, blocks[k][i]);
        blocks[k + 1][i] = refine(&b, f, blocks[k + 1][i]);
        blocks[k + 2][i] = refine(&b, f, blocks[k + 2][i]);
    }
    *bits = b;
}

/* Blocks in four columns are ordered by quarters, blocks in two columns by rows. */
static const uint8_t quarter_order[16] = { 0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15 };

typedef struct channel {
    jxr_bits *coded, *low; /* coefficients; flexbits */
    jxr_context *context;
    const jxr_codes *codes;
    jxr_scan *scan;
    uint32_t step;
    flex flex;
    unsigned low_bits; /* low bits that are not in the variable-length codes */
    uint32_t cbp;
    bool chroma;
    int n; /* number of blocks */
} channel;

static bool read_blocks(const channel *c, uint32_t blocks[16][16], uint32_t *count)
{
    jxr_places places = { c->scan, NULL, 16, c->step << c->low_bits };
    for (int i = 0; i < c->n; i++) {
        int place = c->n == 16 ? quarter_order[i] : i;
        if (c->cbp >> i & 1) {
            places.to = &blocks[0][place];
            unsigned n = jxr_read_block(c->coded, &c->context->hp, c->codes, c->chroma, 1, &places);
            if (n == 0)
                return false;
            *count += n;
        }
        if (c->flex.bits > 0)
            read_flexbits(c->low, c->flex, blocks, place);
    }
    return true;
}

static channel make_channel(jxr_decoder *d, const jxr_plane *p, jxr_tile *t, jxr_context *c, int i)
{
    const jxr_block *m = &d->block;
    bool apart = d->header->by_frequency;
    unsigned trimmed = t->trimmed, low_bits = c->models[JXR_HP].bits[i > 0];
    uint32_t step = c->quantisers[JXR_HP].step[m->hp_index][i];
    bool has_flexbits = p->header->bands == JXR_ALL && low_bits > trimmed;
    return (channel) { .coded = &t->bits[apart ? JXR_HP : JXR_DC],
                       .low = &t->bits[apart ? JXR_FL : JXR_DC],
                       .context = c,
                       .codes = d->codes,
                       .scan = m->direction == JXR_FROM_ABOVE ? &c->scan_down : &c->scan_across,
                       .step = step,
                       .flex = { has_flexbits ? low_bits - trimmed : 0, step << trimmed },
                       .low_bits = low_bits,
                       .cbp = m->cbp[i],
                       .chroma = i > 0,
                       .n = p->grids[i].columns * p->grids[i].rows };
}

bool jxr_read_hp(jxr_decoder *d, jxr_plane *p, jxr_tile *t, jxr_context *c, uint32_t row, uint32_t dc[JXR_CHANNELS][16])
{
    const jxr_plane_header *h = p->header;
    const jxr_quantisers *q = &c->quantisers[JXR_HP];
    jxr_block *m = &d->block;
    jxr_bits *b = &t->bits[d->header->by_frequency ? JXR_HP : JXR_DC];
    uint32_t counts[2] = { 0, 0 };
    if (m->starts_sixteen) {
        jxr_context_reset_scans(&c->scan_across);
        jxr_context_reset_scans(&c->scan_down);
    }
    if (d->header->by_frequency && q->bits > 0)
        m->hp_index = (uint8_t)jxr_read_index(b, q->bits);
    else if (q->bits == 0 && q->n > 1)
        m->hp_index = m->lp_index;
    if (m->hp_index >= q->n)
        return false;
    read_cbp(d, h, c, b, m->cbp);
    jxr_predict_cbp(p, c, m);
    for (int i = 0; i < h->channels; i++) {
        uint32_t blocks[16][16];
        channel one = make_channel(d, p, t, c, i);
        memset(blocks, 0, sizeof blocks);
        if (!read_blocks(&one, blocks, &counts[i > 0]))
            return false;
        jxr_predict_hp(&p->grids[i], m->direction, blocks);
        jxr_store_blocks(&p->grids[i], m->x, row, blocks, dc[i]);
    }
    jxr_model_update(&c->models[JXR_HP], JXR_HP, h, counts);
    if (m->ends_sixteen)
        jxr_context_adapt_hp(c, d->codes);
    return true;
}
