/* SPDX-License-Identifier: BSD-3-Clause */
/* The inverse overlap: what smooths the border between two rows of blocks. Source: ITU-T T.832. */
#ifndef MT_CODEC_JPEGXR_OVERLAP_H
#define MT_CODEC_JPEGXR_OVERLAP_H

#include "codec/jpegxr/jpegxr.h"

/* The border above a row of blocks, or of macroblocks, between two columns of them; without one of the sides it is that of
 * the picture or of a tile. Of the first transform: pixels. Of the second: the DC of blocks. */
typedef struct jxr_border {
    uint64_t row;
    bool has_above, has_below;
    size_t left, right;
    bool hd_photo;
    uint32_t threshold; /* of HD Photo's first transform */
} jxr_border;

void jxr_overlap_first(const jxr_grid *g, const jxr_border *b);
void jxr_overlap_second(const jxr_grid *g, const jxr_border *b);
/* Between the two halves of the macroblocks of a row, where blocks are two columns of four. */
void jxr_overlap_halves(const jxr_grid *g, const jxr_border *b);

#endif
