/* SPDX-License-Identifier: BSD-3-Clause */
/* The tiles along one axis of an output, in pixels of the output. */
#ifndef MT_PREDICT_AXIS_H
#define MT_PREDICT_AXIS_H

#include "base/arena.h"
#include "predict/tiling.h"

#include <stdbool.h>

typedef struct mt_stitch_axis {
    int64_t size;      /* of the output */
    int64_t n_tiles;   /* along this axis */
    int64_t tile_size; /* of all tiles */
    int64_t *at;       /* of each tile: its first pixel, */
    int64_t *from;     /* the first pixel that it contributes to, */
    int64_t *to;       /* and the end of those: both grow with the tile */
    float *weights;    /* tile_size of each tile; NULL: not blended */
} mt_stitch_axis;

/* Lays out an axis of the tiles. up and down: as in mt_stitch_output. */
MT_MUST_CHECK mt_status mt_stitch_axis_tiled(mt_arena *arena, const mt_tiling *tiling, size_t axis, int64_t up,
                                             int64_t down, int blend, mt_stitch_axis *out, mt_error *err);

/* An axis of n tiles of a size, side by side: samples, or all channels. */
MT_MUST_CHECK mt_status mt_stitch_axis_plain(mt_arena *arena, int64_t n, int64_t tile_size, mt_stitch_axis *out,
                                             mt_error *err);

/* The number of tiles that contribute to the pixels from..to - 1. */
int64_t mt_stitch_axis_count(const mt_stitch_axis *axis, int64_t from, int64_t to);

/* The most units of a size that one tile contributes to; *shared: some unit has several tiles. */
int64_t mt_stitch_axis_units(const mt_stitch_axis *axis, int64_t unit, bool *shared);

#endif
