/* SPDX-License-Identifier: BSD-3-Clause */
/* Patches that extend beyond the image: the boxes of the image that they contain, and copies within the patch that fill
 * the rest. */
#ifndef MT_STACK_PADDING_H
#define MT_STACK_PADDING_H

#include <microtome/stack.h>

#include <stdbool.h>

#define MT_MOST_SPATIAL 3

/* Pixels of the image along one axis that a patch contains. */
typedef struct mt_run {
    int64_t out, in, extent; /* first pixel in the patch; first pixel in the image; number of pixels */
    bool is_mirrored;        /* in reverse order in the patch */
} mt_run;

/* The runs along one axis. */
typedef struct mt_runs {
    int n;             /* number of runs; 0: nothing of the patch is read */
    mt_run items[3];   /* adjacent */
    int64_t low, high; /* the runs cover [low, high) of the patch; the rest is filled by copies */
} mt_runs;

typedef struct mt_padding {
    const mt_patch_request *request; /* borrowed */
    mt_runs axes[MT_MOST_SPATIAL];   /* along each spatial axis */
    int n_boxes;                     /* product of the numbers of runs: a box is one run of each axis */
} mt_padding;

/* A box as a separate request, inside the image. */
typedef struct mt_padding_box {
    mt_patch_request request; /* points to the arrays below */
    int64_t coords[MT_MOST_SPATIAL], size[MT_MOST_SPATIAL], strides[1 + MT_MOST_SPATIAL]; /* pixels; strides in bytes */
} mt_padding_box;

/* The request is checked and borrowed. */
void mt_padding_init(mt_padding *p, const mt_patch_request *request);

/* Whether the patch lies inside the image. */
bool mt_padding_is_whole(const mt_padding *p);

void mt_padding_get(const mt_padding *p, int i, mt_padding_box *out);

/* Fills the pixels that no box covers with copies of pixels of the patch. Does nothing for MT_PAD_CONSTANT. */
void mt_padding_fill(const mt_padding *p);

#endif
