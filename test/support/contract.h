/* SPDX-License-Identifier: BSD-3-Clause */
/* The contract of every format: given a path, checks everything against the whole image, read once. */
#ifndef MT_TEST_CONTRACT_H
#define MT_TEST_CONTRACT_H

#include "support/support.h"

#include <microtome/microtome.h>

/* A whole image: SC(Z)YX in C order, in the stored type. */
typedef struct whole_image {
    mt_dtype dtype;   /* of an element */
    int ndim;         /* spatial dimensions: 2 or 3 */
    int64_t shape[5]; /* S, C, (Z,) Y, X; ndim + 2 entries in use */
    size_t bytes;     /* of pixels */
    uint8_t *pixels;  /* allocated by malloc */
} whole_image;

mt_status read_whole(mt_stack *stack, whole_image *out, mt_error *err);
void free_whole(whole_image *image);

/* Expects n pixels 0, 1, 2, ... of int16, in the order of SC(Z)YX. */
void check_counting(mt_stack *stack, int64_t n);

/* Axes for an image that does not name them: "SYX", "STYX" and so on, which keep the order of its elements. NULL if not
 * needed, or if the image cannot be opened. */
const char *axes_for(const char *path);

/* Opens a path with these axes. */
mt_status open_any(const char *path, mt_stack **out, mt_error *err);

/* Refuses to finish an image of which units are missing. */
extern const mt_finish_options if_complete;

/* The progress of a writer. */
mt_writer_progress progress_of(mt_writer *w);

/* Random boxes (inside, across and beyond every border, negative) of random channels and samples, as stored and as
 * float32, with each way of padding, singly and in batches, equal the expected result. */
void check_boxes(mt_stack *stack, const whole_image *image, uint64_t seed, int n);

/* Opens path, with axes_for it if options name none, and checks: info is sane; boxes; eight threads at once; no cache
 * and a tiny one; every truncation of a single file; every failing allocation; every failing and short read. Fails the
 * test with a message naming path. */
void check_contract(const char *path, const mt_open_options *options);

#endif
