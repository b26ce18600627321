/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads a plane, or a projection of all planes, into a picture. */
#ifndef MT_PICTURE_PLANE_H
#define MT_PICTURE_PLANE_H

#include "picture/picture.h"
#include "picture/side.h"
#include "stack/visit.h"

typedef struct mt_plane_job {
    mt_stack *stack;                /* borrowed */
    const mt_draw_options *options; /* borrowed */
    mt_stack_dims dims;             /* of the stack */
    int64_t z, n_planes;            /* the first plane; the number of planes projected */
    int64_t region[4];              /* first row, first column, height, width, in image pixels */
    const int64_t *channels;        /* channel indices, borrowed */
    size_t n_channels;              /* length of channels */
    mt_side rows, columns;          /* of the region */
    mt_picture picture;             /* the result */
    mt_lock lock;                   /* guards sums and block */
    double *sums;                   /* sum of the image pixels of each picture pixel; NULL at full resolution */
    _Atomic uint64_t done;          /* image pixels visited, in all channels */
    double total;                   /* image pixels to visit, in all channels */
    float *block;                   /* maximum projection: the largest values so far, by channel, row, column */
    int64_t block_at[4];            /* the part of the image in block: first row, first column, height, width */
} mt_plane_job;

/* Fills job->picture. */
MT_MUST_CHECK mt_status mt_read_plane(mt_plane_job *job, mt_error *err);

#endif
