/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows of raw data: the few byte ranges that a box needs, and their copy into the destination.
 *
 * Pure arithmetic, no I/O: the caller reads the ranges of a batch into a buffer, and hands it back to be gathered. */
#ifndef MT_ENGINE_ROWS_H
#define MT_ENGINE_ROWS_H

#include "engine/gather.h"
#include "engine/image.h"

/* A box of raw data in the order of storage: dimensions [0, outer) select ranges, the others lie within one range of
 * span bytes. Walked by mt_rows_next. */
typedef struct mt_rows {
    int ndim, outer;
    int64_t extent[MT_MAX_DIMS], in[MT_MAX_DIMS], out[MT_MAX_DIMS]; /* strides in bytes */
    int64_t span;
    int64_t most; /* ranges of a batch */
    bool done;
    int64_t index[MT_MAX_DIMS]; /* of the next range along the outer dimensions */
    uint64_t at;                /* and its byte in the object */
    uint8_t *to;
} mt_rows;

/* Ranges of equal size at equal steps, and where they go. */
typedef struct mt_row_batch {
    uint64_t offset; /* of the first, in the object */
    int64_t n, step, span;
    int ndim;
    int64_t extent[MT_MAX_DIMS + 1], in[MT_MAX_DIMS + 1], out[MT_MAX_DIMS + 1];
    uint8_t *to;
} mt_row_batch;

/* The box of extent, whose first byte lies at offset. gap bytes between two rows are read along. */
void mt_rows_init(mt_rows *rows, int ndim, const int64_t *extent, const int64_t *stride, size_t element_size,
                  size_t gap, uint64_t offset, uint8_t *out, const int64_t *out_stride);

/* The next ranges, at most rows->most of them (a mebibyte together, unless that is set to less); false: none left. */
bool mt_rows_next(mt_rows *rows, mt_row_batch *out);

/* The i-th range of a batch, whose bytes go to buffer + i * span. */
mt_range mt_row_range(const mt_row_batch *batch, int64_t i, uint8_t *buffer);

/* Copies what was read into buffer. */
void mt_rows_gather(const mt_row_batch *batch, const mt_convert *convert, const uint8_t *buffer);

/* Fills what the batch should have brought with one element of convert->from. */
void mt_rows_fill(const mt_row_batch *batch, const mt_convert *convert, const void *element);

/* What reading a box of this extent by rows costs, in bytes that could be read in the same time. */
uint64_t mt_rows_cost(const mt_image *image, const int64_t *extent);

#endif
