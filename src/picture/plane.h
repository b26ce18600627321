/* SPDX-License-Identifier: BSD-3-Clause */
/* A plane, or all planes of an image as one, read into a picture. */
#ifndef MT_PICTURE_PLANE_H
#define MT_PICTURE_PLANE_H

#include "picture/picture.h"
#include "picture/side.h"
#include "stack/visit.h"

typedef struct mt_plane_job {
    mt_stack *stack;
    const mt_draw_options *options;
    mt_stack_dims dims;
    int64_t z, n_planes; /* the plane, or the first and how many are projected */
    int64_t region[4];   /* first row and column, height, width */
    const int64_t *channels;
    size_t n_channels;
    mt_side rows, columns; /* of the region */
    mt_picture picture;
    mt_lock lock;          /* of sums and block */
    double *sums;          /* of the pixels below each pixel of the picture, unless these are the same */
    _Atomic uint64_t done; /* pixels, all channels counted */
    double total;
    float *block;        /* the largest values so far: channel, row, column */
    int64_t block_at[4]; /* of which part of the image: first row and column, height, width */
} mt_plane_job;

/* Fills job->picture. */
MT_MUST_CHECK mt_status mt_read_plane(mt_plane_job *job, mt_error *err);

#endif
