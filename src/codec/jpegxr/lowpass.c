/* SPDX-License-Identifier: BSD-3-Clause */
/* DC and lowpass of a macroblock, and code shared with highpass. Source: ITU-T T.832. */
#include "codec/jpegxr/jpegxr.h"

#include <string.h>

/* Reads a magnitude of 2 or more. */
static inline uint32_t read_level(jxr_bits *b, jxr_vlc *v)
{
    static const uint8_t least[6] = { 2, 3, 4, 6, 10, 14 }, extra[6] = { 0, 0, 1, 2, 2, 2 };
    unsigned s = jxr_symbol_counted(v, b);
    if (s < 6)
        return least[s] + jxr_take(b, extra[s]);
    unsigned n = jxr_take(b, 4) + 4;
    if (n == 19)
        n += jxr_take(b, 2);
    if (n == 22)
        n += jxr_take(b, 3);
    jxr_fill(b);
    uint32_t level = 2 + ((uint32_t)1 << n) + jxr_take(b, n);
    jxr_fill(b);
    return level;
}

/* Reads the number of zeros before the next coefficient, 1 to most. */
static inline unsigned read_run(jxr_bits *b, const jxr_codes *codes, unsigned most)
{
    static const uint8_t least[3][5] = { { 1, 2, 3, 5, 7 }, { 1, 2, 3, 5, 7 }, { 1, 2, 3, 4, 5 } };
    static const uint8_t extra[3][5] = { { 0, 0, 1, 1, 3 }, { 0, 0, 1, 1, 2 }, { 0, 0, 0, 0, 1 } };
    if (most < 5) {
        unsigned run = 1;
        while (run < most && !jxr_take(b, 1))
            run++;
        return run;
    }
    unsigned range = most < 7 ? 2 : most < 11 ? 1 : 0;
    unsigned s = jxr_symbol(jxr_first_table(codes, JXR_COUNT), b);
    return least[range][s] + jxr_take(b, extra[range][s]);
}

/* Reads the symbol of a coefficient, given the index of the following one: bit 0: its magnitude exceeds 1; the other
 * bits: 0: it is the last, 1: another follows directly, 2: another follows after zeros. */
static inline unsigned read_next(jxr_bits *b, jxr_vlc *v, unsigned next, uint32_t *negative)
{
    if (next < 15)
        return jxr_symbol_signed(v, b, negative);
    unsigned s = 0;
    if (next > 15)
        s = jxr_take(b, 1);
    else if (jxr_take(b, 1))
        s = !jxr_take(b, 1) ? 2 : 1 + 2 * jxr_take(b, 1);
    *negative = 0 - jxr_take(b, 1);
    return s;
}

unsigned jxr_read_block(jxr_bits *bits, jxr_band_codes *codes, const jxr_codes *all, bool chroma, unsigned start,
                        const jxr_places *places)
{
    const jxr_places to = *places;
    jxr_bits here = *bits, *b = &here;
    jxr_fill(b);
    uint32_t negative;
    unsigned first = jxr_symbol_signed(&codes->first[chroma], b, &negative), n = 0, position = start;
    unsigned follows = first >> 2, dense = first & follows & 1;
    uint32_t level = first & 2 ? read_level(b, &codes->level[dense]) : 1;
    if (!(first & 1))
        position += read_run(b, all, 15 - start);
    for (;;) {
        if (position > 15)
            return 0;
        unsigned place = to.scan ? jxr_scan_visit(to.scan, position) : position;
        to.to[place * to.stride] = ((level ^ negative) - negative) * to.step;
        position++;
        n++;
        if (follows == 0)
            break;
        if (b->n < 32) /* enough for a coefficient; read_level fills the window itself */
            jxr_fill(b);
        if (follows == 2) {
            if (position > 14)
                return 0;
            position += read_run(b, all, 15 - position);
        }
        unsigned next = read_next(b, &codes->next[chroma][dense], position + 1, &negative);
        follows = next >> 1;
        dense &= follows;
        level = next & 1 ? read_level(b, &codes->level[dense]) : 1;
    }
    *bits = here;
    return n;
}

/* Reads the quantiser index of a macroblock. */
unsigned jxr_read_index(jxr_bits *b, unsigned bits) { return jxr_get(b, 1) ? jxr_get(b, bits) + 1 : 0; }

static uint32_t read_one_dc(jxr_bits *b, bool coded, jxr_vlc *v, unsigned low_bits, uint32_t *count)
{
    jxr_fill(b);
    uint32_t value = 0;
    if (coded) {
        value = read_level(b, v) - 1;
        ++*count;
    }
    jxr_fill(b);
    value = value << low_bits | jxr_take(b, low_bits);
    return value && jxr_take(b, 1) ? 0 - value : value;
}

/* Reads the quantiser indices, which precede DC if all bands share a packet. */
static bool read_indices(const jxr_decoder *d, const jxr_plane_header *h, jxr_tile *t, const jxr_context *c,
                         jxr_block *m)
{
    const jxr_quantisers *lp = &c->quantisers[JXR_LP], *hp = &c->quantisers[JXR_HP];
    m->lp_index = m->hp_index = 0;
    if (!d->header->by_frequency && h->bands != JXR_DC_ONLY) {
        if (lp->bits > 0)
            m->lp_index = (uint8_t)jxr_read_index(&t->bits[JXR_DC], lp->bits);
        if (h->bands != JXR_NO_HIGHPASS && hp->bits > 0)
            m->hp_index = (uint8_t)jxr_read_index(&t->bits[JXR_DC], hp->bits);
    }
    if (hp->bits == 0 && hp->n > 1)
        m->hp_index = m->lp_index;
    return m->lp_index < lp->n && m->hp_index < hp->n;
}

bool jxr_read_dc(jxr_decoder *d, jxr_plane *p, jxr_tile *t, jxr_context *c)
{
    const jxr_plane_header *h = p->header;
    jxr_block *m = &d->block;
    jxr_bits *b = &t->bits[JXR_DC];
    jxr_model *model = &c->models[JXR_DC];
    uint32_t counts[2] = { 0, 0 };
    memset(m->lp, 0, (size_t)h->channels * sizeof m->lp[0]);
    if (!read_indices(d, h, t, c, m))
        return false;
    bool alone = !jxr_has_chroma(h);
    unsigned coded = 0;
    jxr_fill(b);
    if (!alone)
        coded = jxr_symbol(jxr_first_table(d->codes, JXR_TRIPLE), b);
    for (int i = 0; i < h->channels; i++) {
        bool is_coded = alone ? jxr_get(b, 1) : coded >> (2 - i) & 1;
        jxr_vlc *v = &c->dc_level[!alone && i > 0];
        m->lp[i][0] = read_one_dc(b, is_coded, v, model->bits[i > 0], &counts[i > 0]);
    }
    jxr_model_update(model, JXR_DC, h, counts);
    if (h->bands == JXR_DC_ONLY && m->ends_sixteen)
        jxr_context_adapt_dc(c, d->codes);
    return true;
}

static int32_t limit(int32_t v) { return v < -8 ? -8 : v > 7 ? 7 : v; }

/* Reads which channels have coefficients. The two channels of subsampled chroma count as one. */
static unsigned read_coded_channels(jxr_bits *b, const jxr_plane_header *h, jxr_context *c)
{
    jxr_fill(b);
    if (!jxr_has_chroma(h)) {
        unsigned coded = 0;
        for (int i = 0; i < h->channels; i++)
            coded |= jxr_take(b, 1) << i;
        return coded;
    }
    unsigned n = jxr_is_subsampled(h) ? 2 : 3, all = (1U << n) - 1, coded = 0;
    if (c->lp_empty <= 0 || c->lp_full < 0) {
        if (jxr_take(b, 1)) {
            unsigned k = jxr_take(b, n - 1);
            coded = k ? 2 * k + jxr_take(b, 1) : 1;
        }
        if (c->lp_full < c->lp_empty)
            coded = all - coded;
    } else {
        coded = jxr_take(b, n);
    }
    c->lp_full = limit(c->lp_full + 1 - 4 * (coded == all));
    c->lp_empty = limit(c->lp_empty + 1 - 4 * (coded == 0));
    return coded & all;
}

static void refine(jxr_bits *b, uint32_t *v, unsigned low_bits)
{
    jxr_fill(b);
    int32_t sign = (int32_t)*v;
    if (sign == 0)
        *v = jxr_take_signed(b, low_bits);
    else if (sign > 0)
        *v = (*v << low_bits) + jxr_take(b, low_bits);
    else
        *v = (*v << low_bits) - jxr_take(b, low_bits);
}

/* Reads both subsampled channels together, because their coefficients alternate. */
static bool read_lp_chroma(jxr_decoder *d, jxr_bits *b, jxr_context *c, bool coded, bool is_420, uint32_t *count)
{
    static const uint8_t order_420[3] = { 1, 2, 3 }, order_422[7] = { 4, 1, 2, 3, 5, 6, 7 };
    const uint8_t *order = is_420 ? order_420 : order_422;
    unsigned start = is_420 ? 10 : 2, low_bits = c->models[JXR_LP].bits[1];
    if (coded) {
        uint32_t both[16] = { 0 };
        unsigned n = jxr_read_block(b, &c->lp, d->codes, true, start, &(jxr_places) { NULL, both, 1, 1 });
        if (n == 0)
            return false;
        for (unsigned i = start; i < 16; i++)
            d->block.lp[1 + ((i - start) & 1)][order[(i - start) >> 1]] = both[i];
        *count += n;
    }
    for (int k = 1; low_bits > 0 && k < (is_420 ? 4 : 8); k++) {
        refine(b, &d->block.lp[1][k], low_bits);
        refine(b, &d->block.lp[2][k], low_bits);
    }
    return true;
}

static bool read_lp_channel(jxr_decoder *d, jxr_bits *b, jxr_context *c, int channel, bool coded, uint32_t *count)
{
    unsigned low_bits = c->models[JXR_LP].bits[channel > 0];
    uint32_t *lp = d->block.lp[channel];
    if (coded) {
        unsigned n = jxr_read_block(b, &c->lp, d->codes, channel > 0, 1, &(jxr_places) { &c->scan_lp, lp, 1, 1 });
        if (n == 0)
            return false;
        *count += n;
    }
    for (int k = 1; low_bits > 0 && k < 16; k++)
        refine(b, &lp[k], low_bits);
    return true;
}

bool jxr_read_lp(jxr_decoder *d, jxr_plane *p, jxr_tile *t, jxr_context *c)
{
    const jxr_plane_header *h = p->header;
    jxr_bits *b = &t->bits[d->header->by_frequency ? JXR_LP : JXR_DC];
    jxr_block *m = &d->block;
    uint32_t counts[2] = { 0, 0 };
    if (d->header->by_frequency && c->quantisers[JXR_LP].bits > 0)
        m->lp_index = (uint8_t)jxr_read_index(b, c->quantisers[JXR_LP].bits);
    if (m->lp_index >= c->quantisers[JXR_LP].n)
        return false;
    if (m->starts_sixteen)
        jxr_context_reset_scans(&c->scan_lp);
    unsigned coded = read_coded_channels(b, h, c);
    bool ok = read_lp_channel(d, b, c, 0, coded & 1, &counts[0]);
    if (jxr_is_subsampled(h))
        ok = ok && read_lp_chroma(d, b, c, coded >> 1 & 1, h->color == JXR_420, &counts[1]);
    else
        for (int i = 1; ok && i < h->channels; i++)
            ok = read_lp_channel(d, b, c, i, coded >> i & 1, &counts[1]);
    jxr_model_update(&c->models[JXR_LP], JXR_LP, h, counts);
    if (m->ends_sixteen)
        jxr_context_adapt_lp(c, d->codes);
    return ok;
}
