/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows of raw data: the byte ranges that a box needs, and their copy into the destination.
 *
 * No I/O: the caller reads the ranges of a batch into a buffer and passes it to mt_rows_gather. */
#ifndef MT_ENGINE_ROWS_H
#define MT_ENGINE_ROWS_H

#include "engine/gather.h"
#include "engine/image.h"

/* Iterates over a box of raw data in storage order (mt_rows_next). Dimensions [0, outer) select ranges; the others lie
 * within one range of span bytes. */
typedef struct mt_rows {
    int ndim, outer;             /* number of dimensions; number of outer dimensions */
    int64_t extent[MT_MAX_DIMS]; /* of the box, in elements */
    /* Strides of source and destination, in bytes. */
    int64_t in[MT_MAX_DIMS], out[MT_MAX_DIMS];
    int64_t span;               /* bytes of one range */
    int64_t most;               /* maximum number of ranges per batch */
    bool done;                  /* no ranges are left */
    int64_t index[MT_MAX_DIMS]; /* of the next range, along the outer dimensions */
    uint64_t at;                /* offset of the next range in the object, in bytes */
    uint8_t *to;                /* destination of the next range */
} mt_rows;

/* Ranges of equal size at equal steps, and their destination. */
typedef struct mt_row_batch {
    uint64_t offset;       /* of the first range in the object, in bytes */
    int64_t n, step, span; /* number of ranges; bytes between their starts; bytes of each */
    int ndim;              /* number of dimensions, the ranges included */
    /* Extents in elements, and strides of the buffer and the destination in bytes. */
    int64_t extent[MT_MAX_DIMS + 1], in[MT_MAX_DIMS + 1], out[MT_MAX_DIMS + 1];
    uint8_t *to; /* destination of the first element */
} mt_row_batch;

/* Starts the iteration over a box whose first byte is at offset. Gaps of up to gap bytes between rows are read, too. */
void mt_rows_init(mt_rows *rows, int ndim, const int64_t *extent, const int64_t *stride, size_t element_size,
                  size_t gap, uint64_t offset, uint8_t *out, const int64_t *out_stride);

/* The next batch of at most rows->most ranges, by default a mebibyte in total; false if no ranges are left. */
bool mt_rows_next(mt_rows *rows, mt_row_batch *out);

/* The i-th range of a batch, whose bytes go to buffer + i * span. */
mt_range mt_row_range(const mt_row_batch *batch, int64_t i, uint8_t *buffer);

/* Copies a batch from the buffer to its destination. */
void mt_rows_gather(const mt_row_batch *batch, const mt_convert *convert, const uint8_t *buffer);

/* Fills the destination of a batch with one element of convert->from. */
void mt_rows_fill(const mt_row_batch *batch, const mt_convert *convert, const void *element);

/* The cost of reading a box of this extent by rows, in bytes of sequential reading. */
uint64_t mt_rows_cost(const mt_image *image, const int64_t *extent);

#endif
