/* SPDX-License-Identifier: BSD-3-Clause */
/* The main loop of the decoder: memory, tiles, macroblocks. */
#include "codec/jpegxr/jpegxr.h"

#include <string.h>

/* Divides one block of memory into parts, or, without memory, only adds up their sizes. */
typedef struct parts {
    uint8_t *memory;
    uint64_t used;
} parts;

static void *part(parts *p, uint64_t n, size_t size)
{
    void *at = p->memory ? p->memory + p->used : NULL;
    p->used += (n * size + JXR_ALIGNMENT - 1) / JXR_ALIGNMENT * JXR_ALIGNMENT;
    return at;
}

static void lay_out_plane(parts *m, uint32_t columns, const jxr_plane_header *h, jxr_plane *p)
{
    p->header = h;
    p->above = part(m, (uint64_t)columns * (unsigned)h->channels, sizeof *p->above);
    p->here = part(m, (uint64_t)columns * (unsigned)h->channels, sizeof *p->here);
    p->above_index = part(m, columns, 1);
    p->here_index = part(m, columns, 1);
    for (int i = 0; i < h->channels; i++) {
        jxr_grid *g = &p->grids[i];
        bool chroma = i > 0;
        g->columns = chroma && jxr_is_subsampled(h) ? 2 : 4;
        g->rows = chroma && h->color == JXR_420 ? 2 : 4;
        g->across = (size_t)columns * (unsigned)g->columns;
        g->stride = (g->across + 2 * JXR_LANES - 1) / JXR_LANES * JXR_LANES;
        if (g->stride % 64 == 0)
            g->stride += JXR_LANES; /* avoids cache conflicts between the coefficients of a block */
        g->blocks = part(m, (uint64_t)g->stride * 32 * (unsigned)g->rows, sizeof *g->blocks);
    }
}

static void lay_out(parts *m, const jxr_header *h, jxr_decoder **out)
{
    jxr_decoder counted = { 0 }, *d = part(m, 1, sizeof *d);
    *out = d;
    if (!d)
        d = &counted;
    *d = (jxr_decoder) {
        .header = h, .columns = (h->width + 15) / 16, .rows = (h->height + 15) / 16, .n_planes = 1 + h->has_alpha
    };
    d->codes = part(m, 1, sizeof *d->codes);
    d->tiles = part(m, h->tile_columns, sizeof *d->tiles);
    for (int i = 0; i < d->n_planes; i++)
        lay_out_plane(m, d->columns, &h->planes[i], &d->planes[i]);
    d->line_pixels = (size_t)d->columns * 16;
    for (int i = 0; i < h->planes[0].channels + 1; i++)
        d->lines[i] = part(m, d->line_pixels, sizeof *d->lines[i]);
}

mt_status jxr_decoder_size(const jxr_header *h, size_t limit, size_t *out, mt_error *err)
{
    parts m = { 0 };
    jxr_decoder *d;
    if (h->tile_columns > (h->width + 15) / 16 || h->tile_rows > (h->height + 15) / 16)
        return mt_fail(err, MT_E_CORRUPT, "more tiles than macroblocks");
    lay_out(&m, h, &d);
    if (m.used > limit)
        return mt_fail(err, MT_E_LIMIT, "rows of JPEG XR need %llu bytes, more than max_chunk_bytes (%zu)",
                       (unsigned long long)m.used, limit);
    *out = (size_t)m.used;
    return MT_OK;
}

static uint32_t next_tile_size(mt_reader *r, size_t bytes) { return bytes == 1 ? mt_read_u8(r) : mt_read_u16(r); }

static mt_status place_tiles(jxr_decoder *d, mt_reader *sizes, mt_error *err)
{
    const jxr_header *h = d->header;
    uint32_t x = 0;
    for (uint32_t i = 0; i < h->tile_columns; i++) {
        uint32_t left = d->columns - x;
        uint32_t size = i + 1 < h->tile_columns ? next_tile_size(sizes, h->tile_size_bytes) : left;
        if (size == 0 || size > left)
            return mt_fail(err, MT_E_CORRUPT, "a column of tiles is %u macroblocks wide, of %u", size, left);
        d->tiles[i].left = x;
        d->tiles[i].right = x += size;
    }
    return MT_OK;
}

/* Reads the quantisers of a band from the header of a tile: new ones, or those of the previous band. */
static void read_tile_quantisers(jxr_bits *b, const jxr_plane_header *p, jxr_context *c, int band)
{
    jxr_quantisers *q = &c->quantisers[band];
    *q = p->quantisers[band];
    if (!p->in_tiles[band])
        return;
    if (band > JXR_DC && jxr_get(b, 1)) {
        *q = c->quantisers[band - 1];
        q->bits = 0;
        return;
    }
    q->n = (uint8_t)(band > JXR_DC ? jxr_get(b, 4) + 1 : 1);
    q->bits = q->n < 2 ? 0 : q->n < 4 ? 1 : q->n < 6 ? 2 : q->n < 10 ? 3 : 4;
    for (int i = 0; i < q->n; i++)
        jxr_quantisers_read(b, p, band < JXR_HP, q, i);
}

static mt_status open_packet(const jxr_header *h, mt_reader *index, int band, jxr_bits *out, mt_error *err)
{
    uint64_t offset = 0;
    if (h->has_index && !jxr_index_next(index, &offset)) {
        *out = jxr_bits_over(h->index.data + h->index.size, 0); /* without flexbits, none are read */
        return band == JXR_FL ? MT_OK : mt_fail(err, MT_E_UNSUPPORTED, "JPEG XR with a missing tile is not supported");
    }
    size_t room = h->index.size - h->tiles;
    if (offset > room)
        return mt_fail(err, MT_E_CORRUPT, "a tile lies beyond the end");
    *out = jxr_bits_over(h->index.data + h->tiles + (size_t)offset, room - (size_t)offset);
    uint32_t start = jxr_get(out, 24);
    jxr_get(out, 8);
    if (start != 1 && band != JXR_FL)
        return mt_fail(err, MT_E_CORRUPT, "a tile does not start with its marker");
    return MT_OK;
}

static mt_status open_tile(jxr_decoder *d, jxr_tile *t, mt_reader *index, mt_error *err)
{
    const jxr_header *h = d->header;
    for (int i = 0; i < jxr_packets(h); i++) {
        mt_status st = open_packet(h, index, i, &t->bits[i], err);
        if (st)
            return st;
    }
    t->trimmed = 0;
    jxr_bits *packet = &t->bits[h->by_frequency ? JXR_FL : JXR_DC];
    if (h->trims_flexbits && packet->n > 0 && (!h->by_frequency || h->planes[0].bands == JXR_ALL))
        t->trimmed = jxr_get(packet, 4);
    for (int band = 0; band < 3; band++)
        for (int p = 0; p < d->n_planes; p++)
            read_tile_quantisers(&t->bits[h->by_frequency ? band : JXR_DC], &h->planes[p], &t->contexts[p], band);
    for (int p = 0; p < d->n_planes; p++)
        jxr_context_reset(&t->contexts[p], &h->planes[p], d->codes);
    return MT_OK;
}

static mt_status open_tiles(jxr_decoder *d, mt_reader *index, mt_error *err)
{
    mt_status st = MT_OK;
    for (uint32_t i = 0; !st && i < d->header->tile_columns; i++)
        st = open_tile(d, &d->tiles[i], index, err);
    return st;
}

static bool read_macroblock(jxr_decoder *d, jxr_plane *p, jxr_tile *t, jxr_context *c, uint32_t row)
{
    const jxr_plane_header *h = p->header;
    jxr_block *m = &d->block;
    if (!jxr_read_dc(d, p, t, c) || (h->bands < JXR_DC_ONLY && !jxr_read_lp(d, p, t, c)))
        return false;
    jxr_predict_lp(p, m);
    uint32_t dc[JXR_CHANNELS][16];
    for (int i = 0; i < h->channels; i++) {
        dc[i][0] = m->lp[i][0] * c->quantisers[JXR_DC].step[0][i];
        for (int k = 1; k < 16; k++)
            dc[i][k] = m->lp[i][k] * c->quantisers[JXR_LP].step[m->lp_index][i];
        jxr_transform_lp(h, i, dc[i]);
    }
    if (h->bands < JXR_NO_HIGHPASS) {
        if (!jxr_read_hp(d, p, t, c, row, dc))
            return false;
    } else {
        uint32_t none[16][16] = { { 0 } };
        for (int i = 0; i < h->channels; i++)
            jxr_store_blocks(&p->grids[i], m->x, row, none, dc[i]);
    }
    jxr_remember(p, m);
    return true;
}

static bool read_tile_row(jxr_decoder *d, jxr_tile *t, uint32_t row)
{
    for (uint32_t x = t->left; x < t->right; x++) {
        jxr_block *m = &d->block;
        m->x = x;
        m->first_column = x == t->left;
        m->first_row = d->starts_tiles;
        m->starts_sixteen = (x - t->left) % 16 == 0;
        m->ends_sixteen = m->starts_sixteen || x + 1 == t->right;
        for (int p = 0; p < d->n_planes; p++)
            if (!read_macroblock(d, &d->planes[p], t, &t->contexts[p], row))
                return false;
    }
    for (int i = 0; i < JXR_BANDS; i++)
        if (jxr_is_past_end(&t->bits[i]))
            return false;
    return true;
}

static void swap_rows(jxr_plane *p)
{
    jxr_neighbour *row = p->above;
    p->above = p->here;
    p->here = row;
    uint8_t *index = p->above_index;
    p->above_index = p->here_index;
    p->here_index = index;
}

mt_status jxr_decode(const jxr_header *h, void *memory, const jxr_target *target, mt_error *err)
{
    parts m = { .memory = memory };
    jxr_decoder *d;
    mt_reader sizes = h->tile_sizes, index = h->index;
    lay_out(&m, h, &d);
    jxr_codes_make(d->codes);
    mt_status st = place_tiles(d, &sizes, err);
    uint32_t tile_rows = h->tile_rows, next_tiles = 0;
    for (uint32_t row = 0; !st && row <= d->rows && (uint64_t)row * 16 < (uint64_t)target->height + 16; row++) {
        d->starts_tiles = row == next_tiles;
        if (d->starts_tiles) {
            st = open_tiles(d, &index, err);
            uint32_t size = --tile_rows > 0 ? next_tile_size(&sizes, h->tile_size_bytes) : UINT32_MAX - row;
            if (!st && (size == 0 || (tile_rows > 0 && size >= d->rows - row)))
                st = mt_fail(err, MT_E_CORRUPT, "a row of tiles is %u macroblocks high, of %u", size, d->rows - row);
            next_tiles = row + size;
        }
        for (uint32_t i = 0; !st && row < d->rows && i < h->tile_columns; i++)
            if (!read_tile_row(d, &d->tiles[i], row))
                st = mt_fail(err, MT_E_CORRUPT, "the compressed data is broken in row %u of macroblocks", row);
        if (st)
            return st;
        jxr_finish_row(d, row);
        if (row > 0)
            jxr_write_row(d, row - 1, target);
        for (int p = 0; p < d->n_planes; p++)
            swap_rows(&d->planes[p]);
    }
    return st;
}
