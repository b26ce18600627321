/* SPDX-License-Identifier: BSD-3-Clause */
/* The adaptive state of a tile: codes, scans and the number of low bits coded separately. */
#include "codec/jpegxr/jpegxr.h"

#include <string.h>

static void reset_band(jxr_band_codes *b, const jxr_codes *codes)
{
    for (int chroma = 0; chroma < 2; chroma++) {
        jxr_vlc_reset(&b->first[chroma], JXR_FIRST, codes);
        jxr_vlc_reset(&b->next[chroma][0], JXR_NEXT, codes);
        jxr_vlc_reset(&b->next[chroma][1], JXR_NEXT, codes);
        jxr_vlc_reset(&b->level[chroma], JXR_LEVEL, codes);
    }
}

static void adapt_band(jxr_band_codes *b, const jxr_codes *codes)
{
    for (int chroma = 0; chroma < 2; chroma++) {
        jxr_vlc_adapt(&b->first[chroma], codes);
        jxr_vlc_adapt(&b->next[chroma][0], codes);
        jxr_vlc_adapt(&b->next[chroma][1], codes);
        jxr_vlc_adapt(&b->level[chroma], codes);
    }
}

void jxr_context_adapt_dc(jxr_context *c, const jxr_codes *codes)
{
    jxr_vlc_adapt(&c->dc_level[0], codes);
    jxr_vlc_adapt(&c->dc_level[1], codes);
}

void jxr_context_adapt_lp(jxr_context *c, const jxr_codes *codes)
{
    jxr_context_adapt_dc(c, codes);
    adapt_band(&c->lp, codes);
}

void jxr_context_adapt_hp(jxr_context *c, const jxr_codes *codes)
{
    jxr_vlc_adapt(&c->count, codes);
    jxr_vlc_adapt(&c->pattern, codes);
    adapt_band(&c->hp, codes);
}

/* Scan orders of the coefficients of a block (rows of four), most likely first. */
static const uint16_t across[16] = { 0, 1, 4, 5, 2, 8, 6, 9, 3, 12, 10, 7, 13, 11, 14, 15 };
static const uint16_t down[16] = { 0, 4, 8, 5, 1, 12, 9, 6, 2, 13, 3, 15, 7, 10, 14, 11 };

void jxr_context_reset_scans(jxr_scan *scan)
{
    scan->total[0] = UINT16_MAX;
    for (int i = 1; i < 16; i++)
        scan->total[i] = (uint16_t)(34 - 2 * i);
}

void jxr_context_reset(jxr_context *c, const jxr_plane_header *p, const jxr_codes *codes)
{
    jxr_vlc_reset(&c->count, JXR_COUNT, codes);
    jxr_vlc_reset(&c->pattern, jxr_has_chroma(p) ? JXR_PATTERN : JXR_COUNT, codes);
    jxr_vlc_reset(&c->dc_level[0], JXR_LEVEL, codes);
    jxr_vlc_reset(&c->dc_level[1], JXR_LEVEL, codes);
    reset_band(&c->lp, codes);
    reset_band(&c->hp, codes);
    memcpy(c->scan_lp.at, across, sizeof across);
    memcpy(c->scan_across.at, across, sizeof across);
    memcpy(c->scan_down.at, down, sizeof down);
    static const jxr_model models[3] = { { .bits = { 8, 8 } }, { .bits = { 4, 4 } }, { .bits = { 0, 0 } } };
    memcpy(c->models, models, sizeof models);
    c->lp_full = c->lp_empty = 1;
    for (int i = 0; i < 2; i++) {
        c->cbp[i].few = -4;
        c->cbp[i].many = 4;
        c->cbp[i].state = 0;
    }
}

/* Weights normalize counts of coefficients to 70, independent of band and number of channels. */
static uint32_t weigh_chroma(int band, const jxr_plane_header *p, uint32_t count)
{
    static const uint8_t of_420[3] = { 120, 37, 2 }, of_422[3] = { 120, 18, 1 };
    static const uint8_t of_others[3][JXR_CHANNELS] = {
        { 0, 240, 120, 80, 60, 48, 40, 34, 30, 27, 24, 22, 20, 18, 17, 16 },
        { 0, 12, 6, 4, 3, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1 },
        { 0, 16, 8, 5, 4, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 1 },
    };
    if (jxr_is_subsampled(p))
        return count * (p->color == JXR_420 ? of_420 : of_422)[band];
    count *= of_others[band][p->channels - 1];
    return band == JXR_HP ? count >> 4 : count;
}

static void update(jxr_model *m, int i, uint32_t weight)
{
    int32_t delta = (int32_t)weight < 70 ? -((73 - (int32_t)weight) / 4) : ((int32_t)weight - 70) / 4;
    if (delta <= -8) {
        m->state[i] += delta + 4 < -16 ? -16 : delta + 4;
        if (m->state[i] < -8) {
            m->state[i] = m->bits[i] == 0 ? -8 : 0;
            m->bits[i] = (uint8_t)(m->bits[i] - (m->bits[i] > 0));
        }
    } else if (delta >= 8) {
        m->state[i] += delta - 4 > 15 ? 15 : delta - 4;
        if (m->state[i] > 8) {
            m->state[i] = m->bits[i] >= 15 ? 8 : 0;
            m->bits[i] = (uint8_t)(m->bits[i] + (m->bits[i] < 15));
        }
    }
}

void jxr_model_update(jxr_model *m, int band, const jxr_plane_header *p, const uint32_t counts[2])
{
    static const uint8_t luma[3] = { 240, 12, 1 };
    update(m, 0, counts[0] * luma[band]);
    if (p->color != JXR_GRAY)
        update(m, 1, weigh_chroma(band, p, counts[1]));
}
