/* SPDX-License-Identifier: BSD-3-Clause */
/* The inverse transforms, and their schedule. Source: ITU-T T.832. */
#include "codec/jpegxr/jpegxr.h"
#include "codec/jpegxr/kernels.h"
#include "codec/jpegxr/overlap.h"

#include <string.h>

void jxr_transform_lp(const jxr_plane_header *p, int channel, uint32_t lp[16])
{
    int n = 16;
    if (channel == 0 || !jxr_is_subsampled(p)) {
        jxr_core(lp);
    } else if (p->color == JXR_420) {
        n = 4;
        jxr_butterfly(&lp[0], &lp[1], &lp[2], &lp[3], 0);
    } else {
        n = 8;
        lp[0] -= jxr_sar(lp[4] + 1, 1);
        lp[4] += lp[0];
        jxr_butterfly(&lp[0], &lp[1], &lp[2], &lp[3], 0);
        jxr_butterfly(&lp[4], &lp[5], &lp[6], &lp[7], 0);
    }
    for (int i = 0; p->scaled && channel > 0 && i < n; i++)
        lp[i] *= 2;
}

void jxr_store_blocks(const jxr_grid *g, uint32_t column, uint32_t row, uint32_t blocks[16][16], const uint32_t dc[16])
{
    uint64_t first = (uint64_t)row * (unsigned)g->rows;
    for (size_t y = 0; y < (size_t)g->rows; y++) {
        uint32_t *to = jxr_block_row(g, first + y) + (size_t)column * (size_t)g->columns;
        if (g->columns == 4) {
            memcpy(to, dc + 4 * y, 4 * sizeof *to);
            for (size_t k = 1; k < 16; k++)
                memcpy(to + k * g->stride, blocks[k] + 4 * y, 4 * sizeof *to);
        } else {
            memcpy(to, dc + 2 * y, 2 * sizeof *to);
            for (size_t k = 1; k < 16; k++)
                memcpy(to + k * g->stride, blocks[k] + 2 * y, 2 * sizeof *to);
        }
    }
}

/* Transforms a row in groups of JXR_LANES blocks; the row is padded. */
static void transform_row(const jxr_grid *g, uint32_t *blocks)
{
    for (size_t i = 0; i < g->across; i += JXR_LANES) {
        uint32_t v[16][JXR_LANES];
        for (size_t k = 0; k < 16; k++)
            memcpy(v[k], blocks + k * g->stride + i, sizeof v[k]);
        for (int l = 0; l < JXR_LANES; l++) {
            uint32_t one[16];
            for (int k = 0; k < 16; k++)
                one[k] = v[k][l];
            jxr_core(one);
            for (int k = 0; k < 16; k++)
                v[k][l] = one[k];
        }
        for (size_t k = 0; k < 16; k++)
            memcpy(blocks + k * g->stride + i, v[k], sizeof v[k]);
    }
}

/* Smooths a border between macroblocks. Between tiles without overlap, it is two edges. */
static void smooth(const jxr_decoder *d, const jxr_grid *g, jxr_border b, size_t scale, bool splits,
                   void (*overlap)(const jxr_grid *, const jxr_border *))
{
    bool hard = d->header->hard_tiles;
    for (uint32_t i = 0; i < (hard ? d->header->tile_columns : 1); i++) {
        b.left = hard ? d->tiles[i].left * scale : 0;
        b.right = (hard ? d->tiles[i].right : d->columns) * scale;
        if (!splits) {
            overlap(g, &b);
            continue;
        }
        jxr_border above = b, below = b;
        above.has_below = below.has_above = false;
        overlap(g, &above);
        overlap(g, &below);
    }
}

/* The threshold of HD Photo: the highpass step, with its own count of channels; 0 if the step is small. */
static uint32_t threshold_of(const jxr_plane_header *h, int channel)
{
    uint32_t step = h->quantisers[JXR_HP].step[0][jxr_is_subsampled(h) && channel > 0 ? channel - 1 : channel];
    return h->bands >= JXR_NO_HIGHPASS ? UINT32_MAX : step > 20 ? step : 0;
}

static void finish_channel(const jxr_decoder *d, const jxr_plane *p, int channel, uint32_t row)
{
    const jxr_grid *g = &p->grids[channel];
    bool whole = row<d->rows, splits = row> 0 && whole && d->header->hard_tiles && d->starts_tiles;
    int overlap = d->header->overlap;
    uint64_t n = (unsigned)g->rows, lag = overlap == 2 ? n / 2 : 0, at = row * n;
    uint64_t first = at > lag ? at - lag : 0, end = whole ? at + n - lag : at;
    jxr_border b = { .row = row, .has_above = row > 0, .has_below = whole, .hd_photo = d->header->hd_photo };
    if (overlap == 2) {
        smooth(d, g, b, 1, splits, jxr_overlap_second);
        b.has_above = b.has_below = true;
        if (whole && g->columns == 2 && n == 4)
            smooth(d, g, b, 1, false, jxr_overlap_halves);
    }
    for (uint64_t r = first; r < end; r++)
        transform_row(g, jxr_block_row(g, r));
    b.threshold = threshold_of(p->header, channel);
    for (b.row = first; overlap > 0 && b.row < end + !whole; b.row++) {
        b.has_above = b.row > 0;
        b.has_below = whole || b.row < end;
        smooth(d, g, b, (size_t)g->columns, splits && b.row == at, jxr_overlap_first);
    }
}

void jxr_finish_row(jxr_decoder *d, uint32_t row)
{
    for (int i = 0; i < d->n_planes; i++)
        for (int c = 0; c < d->planes[i].header->channels; c++)
            finish_channel(d, &d->planes[i], c, row);
}
