/* SPDX-License-Identifier: BSD-3-Clause */
/* Prediction from the macroblocks to the left and above, and of highpass within a macroblock. Source: ITU-T T.832. */
#include "codec/jpegxr/jpegxr.h"
#include "codec/jpegxr/kernels.h"

#include <string.h>

enum { DC_LEFT, DC_ABOVE, DC_BOTH, DC_NONE };

static uint64_t magnitude(uint32_t v) { return jxr_magnitude(v); }
static uint64_t distance(uint32_t a, uint32_t b) { return magnitude(a - b); }

/* The direction with clearly weaker differences, else neither. */
static int choose(uint64_t across, uint64_t down, int neither)
{
    return 4 * across < down ? JXR_FROM_ABOVE : 4 * down < across ? JXR_FROM_LEFT : neither;
}

static bool has_yuv_metric(const jxr_plane_header *h) { return h->color != JXR_GRAY && h->color != JXR_SEPARATE; }

static int choose_dc(const jxr_plane_header *h, const jxr_block *m, const jxr_neighbour *left,
                     const jxr_neighbour *above, const jxr_neighbour *corner)
{
    if (m->first_column)
        return m->first_row ? DC_NONE : DC_ABOVE;
    if (m->first_row)
        return DC_LEFT;
    uint64_t down = distance(corner->dc, left->dc), across = distance(corner->dc, above->dc);
    if (has_yuv_metric(h)) {
        unsigned scale = h->color == JXR_420 ? 8 : h->color == JXR_422 ? 4 : 2;
        down *= scale;
        across *= scale;
        for (int i = 1; i < 3; i++) {
            down += distance(corner[i].dc, left[i].dc);
            across += distance(corner[i].dc, above[i].dc);
        }
    }
    return choose(down, across, DC_BOTH);
}

static void add(uint32_t *lp, const uint32_t *from, const uint8_t *which, int n)
{
    for (int i = 0; i < n; i++)
        lp[which[i]] += from[which[i]];
}

/* Predicts a channel of a macroblock: DC from dc_from, lowpass from lp_from (JXR_FROM_*). */
static void predict_channel(uint32_t lp[16], int dc_from, int lp_from, const jxr_neighbour *left,
                            const jxr_neighbour *above, uint32_t rounding)
{
    static const uint8_t top[3] = { 1, 2, 3 }, side[3] = { 4, 8, 12 };
    lp[0] += dc_from == DC_ABOVE  ? above->dc
             : dc_from == DC_LEFT ? left->dc
             : dc_from == DC_BOTH ? jxr_sar(left->dc + above->dc + rounding, 1)
                                  : 0;
    if (lp_from == JXR_FROM_ABOVE)
        add(lp, above->lp, side, 3);
    else if (lp_from == JXR_FROM_LEFT)
        add(lp, left->lp, top, 3);
}

static void predict_chroma(uint32_t lp[16], bool is_420, int dc_from, int lp_from, const jxr_neighbour *left,
                           const jxr_neighbour *above)
{
    static const uint8_t top_420[1] = { 1 }, side_420[1] = { 2 }, top_422[3] = { 4, 1, 5 }, side_422[1] = { 4 };
    predict_channel(lp, dc_from, JXR_FROM_NOWHERE, left, above, 1);
    if (is_420) {
        if (lp_from == JXR_FROM_ABOVE)
            add(lp, above->lp, side_420, 1);
        else if (lp_from == JXR_FROM_LEFT)
            add(lp, left->lp, top_420, 1);
        return;
    }
    if (lp_from == JXR_FROM_ABOVE) {
        add(lp, above->lp, side_422, 1);
        lp[2] += above->lp[6];
        lp[6] += lp[2];
    } else if (lp_from == JXR_FROM_LEFT) {
        add(lp, left->lp, top_422, 3);
    } else if (dc_from == DC_ABOVE) {
        lp[6] += lp[2];
    }
}

/* Chooses the direction for the prediction of highpass from lowpass. */
static int choose_hp(const jxr_plane_header *h, uint32_t lp[JXR_CHANNELS][16])
{
    uint64_t across = magnitude(lp[0][1]) + magnitude(lp[0][2]) + magnitude(lp[0][3]);
    uint64_t down = magnitude(lp[0][4]) + magnitude(lp[0][8]) + magnitude(lp[0][12]);
    for (int i = 1; has_yuv_metric(h) && i < 3; i++) {
        across += magnitude(lp[i][1]);
        if (jxr_is_subsampled(h))
            down += magnitude(lp[i][2]);
        else
            down += magnitude(lp[i][4]);
        if (h->color == JXR_422) {
            across += magnitude(lp[i][5]);
            down += magnitude(lp[i][6]);
        }
    }
    return choose(across, down, JXR_FROM_NOWHERE);
}

void jxr_predict_lp(const jxr_plane *p, jxr_block *m)
{
    const jxr_plane_header *h = p->header;
    size_t n = (size_t)h->channels;
    size_t step = m->first_column ? 0 : n; /* the left neighbour is not used in the first column */
    const jxr_neighbour *above = p->above + m->x * n, *left = p->here + m->x * n - step, *corner = above - step;
    int dc_from = choose_dc(h, m, left, above, corner), lp_from = JXR_FROM_NOWHERE;
    if (dc_from == DC_ABOVE && m->lp_index == p->above_index[m->x])
        lp_from = JXR_FROM_ABOVE;
    if (dc_from == DC_LEFT && m->lp_index == p->here_index[m->x - 1])
        lp_from = JXR_FROM_LEFT;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && jxr_is_subsampled(h))
            predict_chroma(m->lp[i], h->color == JXR_420, dc_from, lp_from, left + i, above + i);
        else
            predict_channel(m->lp[i], dc_from, lp_from, left + i, above + i, 0);
    }
    m->direction = choose_hp(h, m->lp);
}

void jxr_remember(const jxr_plane *p, const jxr_block *m)
{
    size_t n = (size_t)p->header->channels;
    p->here_index[m->x] = m->lp_index;
    for (size_t i = 0; i < n; i++) {
        jxr_neighbour *here = p->here + m->x * n + i;
        here->dc = m->lp[i][0];
        memcpy(here->lp, m->lp[i], sizeof here->lp);
        here->cbp = m->cbp[i];
    }
}

static unsigned count_ones(uint32_t v)
{
    unsigned n = 0;
    for (; v; v &= v - 1)
        n++;
    return n;
}

static int32_t limit(int32_t v) { return v < -16 ? -16 : v > 15 ? 15 : v; }

/* Each block of a pattern, except the first, is predicted from an earlier one. */
static uint32_t undo_16(uint32_t v)
{
    v ^= v << 1 & 0x02;
    v ^= v << 3 & 0x10;
    v ^= v << 1 & 0x20;
    v ^= (v & 0x33) << 2;
    v ^= (v & 0xcc) << 6;
    return v ^ (v & 0x3300) << 2;
}

static uint32_t undo_pairs(uint32_t v, int rows)
{
    v ^= (v & 1) << 1;
    for (int i = 1; i < rows; i++)
        v ^= (v & 3U << (2 * i - 2)) << 2;
    return v;
}

void jxr_predict_cbp(const jxr_plane *p, jxr_context *c, jxr_block *m)
{
    const jxr_plane_header *h = p->header;
    size_t n = (size_t)h->channels;
    for (size_t i = 0; i < n; i++) {
        unsigned blocks = (unsigned)(p->grids[i].columns * p->grids[i].rows), weight = 16 / blocks;
        unsigned right = blocks == 16 ? 5 : 1, below = blocks == 16 ? 10 : blocks - 2;
        uint32_t v = m->cbp[i];
        int k = i > 0;
        if (c->cbp[k].state == 0) {
            if (m->first_column)
                v ^= m->first_row ? 1 : p->above[m->x * n + i].cbp >> below & 1;
            else
                v ^= p->here[(m->x - 1) * n + i].cbp >> right & 1;
            v = blocks == 16 ? undo_16(v) : undo_pairs(v, p->grids[i].rows);
        } else if (c->cbp[k].state == 2) {
            v ^= (1U << blocks) - 1;
        }
        int32_t ones = (int32_t)(count_ones(v) * weight);
        c->cbp[k].few = limit(c->cbp[k].few + ones - 3);
        c->cbp[k].many = limit(c->cbp[k].many + 16 - ones - 3);
        if (c->cbp[k].few < 0)
            c->cbp[k].state = c->cbp[k].few < c->cbp[k].many ? 1 : 2;
        else
            c->cbp[k].state = c->cbp[k].many < 0 ? 2 : 0;
        m->cbp[i] = v;
    }
}

void jxr_predict_hp(const jxr_grid *g, int direction, uint32_t blocks[16][16])
{
    int n = g->columns * g->rows;
    for (int k = 1; k < 4; k++) {
        if (direction == JXR_FROM_ABOVE)
            for (int i = g->columns; i < n; i++)
                blocks[4 * k][i] += blocks[4 * k][i - g->columns];
        if (direction == JXR_FROM_LEFT)
            for (int i = 1; i < n; i++)
                blocks[k][i] += i % g->columns ? blocks[k][i - 1] : 0;
    }
}
