/* SPDX-License-Identifier: BSD-3-Clause */
/* An image that is stitched: a writer's or an array, with the axes TCZYX in this order, absent ones of length 1. It
 * consists of units; a position is a place of units in the grid of T, Z, Y and X, with the units of all channels. */
#ifndef MT_PREDICT_IMAGE_H
#define MT_PREDICT_IMAGE_H

#include "base/arena.h"
#include "write/values.h"

#include <microtome/predict.h>

#include <stdbool.h>

enum { MT_AXIS_T, MT_AXIS_C, MT_AXIS_Z, MT_AXIS_Y, MT_AXIS_X, MT_STITCH_DIMS };

typedef struct mt_stitch_box {
    int64_t start[MT_STITCH_DIMS], extent[MT_STITCH_DIMS];
} mt_stitch_box;

typedef struct mt_stitch_image {
    mt_writer *writer;        /* NULL: an array, or an image of a sample that is not open */
    uint8_t *data;            /* of an array; else NULL */
    mt_dtype dtype;           /* of an element */
    int ndim;                 /* of the writer */
    int axis_of[MT_MAX_DIMS]; /* of each of its dimensions */
    int64_t shape[MT_STITCH_DIMS], unit[MT_STITCH_DIMS], grid[MT_STITCH_DIMS];
    uint64_t n_positions;   /* product of grid without C */
    uint64_t *needed;       /* a bit for each position: some unit is to be made */
    uint64_t *needed_rows;  /* a bit for each place along T, Z and Y: some position along X is needed */
    uint64_t n_needed;      /* positions that are needed */
    bool is_new;            /* no unit was done at the start */
    uint64_t chunk_bytes;   /* of a chunk of the writer */
    mt_value_counts counts; /* of an array: values that it could not hold */
} mt_stitch_image;

/* Takes a writer, which must have the shape. */
MT_MUST_CHECK mt_status mt_stitch_image_of_writer(mt_arena *arena, mt_writer *writer,
                                                  const int64_t shape[MT_STITCH_DIMS], mt_stitch_image *out,
                                                  mt_error *err);

/* Takes an array in C order. */
MT_MUST_CHECK mt_status mt_stitch_image_of_array(mt_arena *arena, void *data, mt_dtype dtype,
                                                 const int64_t shape[MT_STITCH_DIMS], mt_stitch_image *out,
                                                 mt_error *err);

/* What mt_writer_get_progress gives. */
mt_writer_progress mt_stitch_progress(mt_writer *writer);

/* Marks the positions first to first + count - 1 as needed, unless all their units are published. */
void mt_stitch_image_need(mt_stitch_image *image, uint64_t first, uint64_t count);

/* The number of a position; place counts units along each axis. */
uint64_t mt_stitch_image_position(const mt_stitch_image *image, const int64_t place[MT_STITCH_DIMS]);

/* The pixels of all units at a place, which lie in the image. */
void mt_stitch_image_box(const mt_stitch_image *image, const int64_t place[MT_STITCH_DIMS], mt_stitch_box *out);

/* Puts pixels inside the units at a place. strides in bytes. Units that were published before are left out. */
MT_MUST_CHECK mt_status mt_stitch_image_put(mt_stitch_image *image, const int64_t place[MT_STITCH_DIMS],
                                            const mt_stitch_box *box, const void *data, mt_dtype dtype,
                                            const int64_t strides[MT_STITCH_DIMS], mt_error *err);

#endif
