/* SPDX-License-Identifier: BSD-3-Clause */
/* The inverse overlap, which smooths the border between two rows of blocks. Source: ITU-T T.832. */
#ifndef MT_CODEC_JPEGXR_OVERLAP_H
#define MT_CODEC_JPEGXR_OVERLAP_H

#include "codec/jpegxr/jpegxr.h"

/* The border above a row of blocks of pixels (first transform), or of macroblocks of DC (second transform), between two
 * columns. */
typedef struct jxr_border {
    uint64_t row;              /* the row of blocks, or of macroblocks, below the border */
    bool has_above, has_below; /* both, unless at the edge of the picture or of a tile */
    size_t left, right;        /* the columns [left, right) */
    bool hd_photo;             /* use the overlap of HD Photo */
    uint32_t threshold;        /* for the first transform of HD Photo */
} jxr_border;

void jxr_overlap_first(const jxr_grid *g, const jxr_border *b);
void jxr_overlap_second(const jxr_grid *g, const jxr_border *b);
/* Smooths between the two halves of each macroblock of a row, for blocks in two columns of four. */
void jxr_overlap_halves(const jxr_grid *g, const jxr_border *b);

#endif
