/* SPDX-License-Identifier: BSD-3-Clause */
/* Two strided boxes of the same extents, as a sequence of planes. */
#ifndef MT_ENGINE_PLANE_WALK_H
#define MT_ENGINE_PLANE_WALK_H

#include <microtome/stack.h>

#include <stdbool.h>

/* The two innermost dimensions of a copy; rows are outer, columns inner. */
typedef struct mt_plane {
    int64_t rows, columns;
    int64_t out_row, out_column, in_row, in_column; /* strides in bytes */
    int64_t in_skip; /* bytes from the end of the last row to the next plane, or to the only one */
} mt_plane;

typedef struct mt_plane_walk {
    mt_plane plane;
    uint8_t *out;      /* of the current plane */
    const uint8_t *in; /* likewise */
    int ndim;          /* of the dimensions outside the planes, slowest first: */
    int64_t extent[MT_MAX_DIMS], out_stride[MT_MAX_DIMS], in_stride[MT_MAX_DIMS], index[MT_MAX_DIMS];
} mt_plane_walk;

/* Begins with the first plane. The innermost dimensions are those of the smallest strides of out; dimensions that are
 * contiguous on both sides are merged. Strides are in bytes, of either sign; those of out become positive, by walking
 * both sides from the other end. False: the box is empty. */
bool mt_plane_walk_begin(mt_plane_walk *walk, int ndim, const int64_t *extent, uint8_t *out, const int64_t *out_stride,
                         const uint8_t *in, const int64_t *in_stride);

/* Advances by one plane. False: there are no more. */
bool mt_plane_walk_next(mt_plane_walk *walk);

#endif
