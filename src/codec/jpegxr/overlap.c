/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/jpegxr/overlap.h"
#include "codec/jpegxr/kernels.h"

#include <string.h>

/* A view of a row of squares of 4 x 4 values: blocks of pixels, or macroblocks of DC. */
typedef struct view {
    uint32_t *lines[4];
    size_t value, square; /* strides between values and between squares, in values */
} view;

static view view_blocks(const jxr_grid *g, uint64_t row)
{
    uint32_t *p = jxr_block_row(g, row);
    return (view) { { p, p + 4 * g->stride, p + 8 * g->stride, p + 12 * g->stride }, g->stride, 1 };
}

static view view_dc(const jxr_grid *g, uint64_t row)
{
    uint64_t r = 4 * row;
    return (view) { { jxr_block_row(g, r), jxr_block_row(g, r + 1), jxr_block_row(g, r + 2), jxr_block_row(g, r + 3) },
                    1,
                    4 };
}

/* Value (x, y) of a square. */
static inline uint32_t *at(const view *v, size_t square, int x, int y)
{
    return v->lines[y] + square * v->square + (size_t)x * v->value;
}

/* Value k of the 4 x 4 values around the common corner of squares i and i + 1 of both rows. */
static inline uint32_t *around(const view *above, const view *below, size_t i, int k)
{
    int x = k & 3, y = k >> 2;
    return at(y < 2 ? above : below, i + (x > 1), (x + 2) & 3, (y + 2) & 3);
}

static inline void overlap_lanes(uint32_t v[16][JXR_LANES], bool hd_photo, uint32_t threshold)
{
    for (int l = 0; l < JXR_LANES; l++) {
        uint32_t one[16];
        for (int k = 0; k < 16; k++)
            one[k] = v[k][l];
        jxr_overlap_16(one, hd_photo, threshold);
        for (int k = 0; k < 16; k++)
            v[k][l] = one[k];
    }
}

static void overlap_corners(const view *above, const view *below, const jxr_border *b)
{
    size_t n = b->right - 1 - b->left, step = above->square;
    uint32_t *p[16];
    for (int k = 0; k < 16; k++)
        p[k] = around(above, below, b->left, k);
    for (size_t i = 0; i < n; i += JXR_LANES) {
        uint32_t v[16][JXR_LANES];
        size_t lanes = n - i < JXR_LANES ? n - i : JXR_LANES;
        bool whole = lanes == JXR_LANES && step == 1;
        for (int k = 0; whole && k < 16; k++)
            memcpy(v[k], p[k] + i, sizeof v[k]);
        for (int k = 0; !whole && k < 16; k++)
            for (size_t l = 0; l < JXR_LANES; l++)
                v[k][l] = l < lanes ? p[k][(i + l) * step] : 0;
        if (b->hd_photo)
            overlap_lanes(v, true, b->threshold);
        else
            overlap_lanes(v, false, 0);
        for (int k = 0; whole && k < 16; k++)
            memcpy(p[k] + i, v[k], sizeof v[k]);
        for (int k = 0; !whole && k < 16; k++)
            for (size_t l = 0; l < lanes; l++)
                p[k][(i + l) * step] = v[k][l];
    }
}

/* Smooths the 2 x 2 values in a corner of the picture. HD Photo does not. */
static void overlap_corner(const view *v, size_t square, int x, int y, bool hd_photo)
{
    if (!hd_photo)
        jxr_overlap_4(at(v, square, x, y), at(v, square, x + 1, y), at(v, square, x, y + 1),
                      at(v, square, x + 1, y + 1), false);
}

/* Smooths two lines, from y on, at the top or bottom edge. */
static void overlap_edge(const view *v, int y, const jxr_border *b)
{
    size_t last = b->right - 1;
    overlap_corner(v, b->left, 0, y, b->hd_photo);
    for (size_t i = b->left; i < last; i++)
        for (int line = y; line < y + 2; line++)
            jxr_overlap_4(at(v, i, 2, line), at(v, i, 3, line), at(v, i + 1, 0, line), at(v, i + 1, 1, line),
                          b->hd_photo);
    overlap_corner(v, last, 2, y, b->hd_photo);
}

/* Smooths two columns, from x on, at the left or right edge. */
static void overlap_side(const view *above, const view *below, size_t square, int x, bool hd_photo)
{
    for (int i = x; i < x + 2; i++)
        jxr_overlap_4(at(above, square, i, 2), at(above, square, i, 3), at(below, square, i, 0),
                      at(below, square, i, 1), hd_photo);
}

static void overlap(const view *above, const view *below, const jxr_border *b)
{
    if (b->has_above && b->has_below) {
        overlap_side(above, below, b->left, 0, b->hd_photo);
        overlap_corners(above, below, b);
        overlap_side(above, below, b->right - 1, 2, b->hd_photo);
    } else if (b->has_above) {
        overlap_edge(above, 2, b);
    } else {
        overlap_edge(below, 0, b);
    }
}

void jxr_overlap_first(const jxr_grid *g, const jxr_border *b)
{
    view below = view_blocks(g, b->row), above = b->row > 0 ? view_blocks(g, b->row - 1) : below;
    overlap(&above, &below, b);
}

/* Smooths a line of DC at the top or bottom edge, with two columns per macroblock. Corner values have no partner and
 * follow their neighbours, except in HD Photo. */
static void overlap_edge_2(uint32_t *dc, const jxr_border *b)
{
    size_t first = 2 * b->left, last = 2 * b->right - 1;
    uint32_t before = dc[first + 1], before_last = dc[last - 1];
    for (size_t i = first + 1; i < last; i += 2)
        jxr_overlap_2(&dc[i], &dc[i + 1], b->hd_photo);
    if (b->hd_photo)
        return;
    dc[first] += dc[first + 1] - before;
    dc[last] += dc[last - 1] - before_last;
    if (b->right - b->left == 1)
        dc[first] = 0; /* both follow each other */
}

static void overlap_lines_2(uint32_t *above, uint32_t *below, const jxr_border *b)
{
    size_t first = 2 * b->left, last = 2 * b->right - 1;
    jxr_overlap_2(&above[first], &below[first], b->hd_photo);
    for (size_t i = first + 1; i < last; i += 2)
        jxr_overlap_2x2(&above[i], &above[i + 1], &below[i], &below[i + 1], b->hd_photo);
    jxr_overlap_2(&above[last], &below[last], b->hd_photo);
}

void jxr_overlap_second(const jxr_grid *g, const jxr_border *b)
{
    if (g->columns == 4) {
        view below = view_dc(g, b->row), above = b->row > 0 ? view_dc(g, b->row - 1) : below;
        overlap(&above, &below, b);
        return;
    }
    uint64_t row = b->row * (unsigned)g->rows;
    uint32_t *below = jxr_block_row(g, row), *above = row > 0 ? jxr_block_row(g, row - 1) : below;
    if (b->has_above && b->has_below)
        overlap_lines_2(above, below, b);
    else
        overlap_edge_2(b->has_above ? above : below, b);
}

void jxr_overlap_halves(const jxr_grid *g, const jxr_border *b)
{
    uint64_t row = b->row * 4 + 1;
    overlap_lines_2(jxr_block_row(g, row), jxr_block_row(g, row + 1), b);
}
