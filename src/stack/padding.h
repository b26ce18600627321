/* SPDX-License-Identifier: BSD-3-Clause */
/* Patches that reach outside the image: which boxes of the image they are made of, and what is filled within the patch
 * afterwards. */
#ifndef MT_STACK_PADDING_H
#define MT_STACK_PADDING_H

#include <microtome/stack.h>

#include <stdbool.h>

#define MT_MOST_SPATIAL 3

/* Along one axis: extent pixels of the patch from out on are those of the image from in on, in the opposite order if
 * mirrored. */
typedef struct mt_run {
    int64_t out, in, extent;
    bool is_mirrored;
} mt_run;

/* Along one axis: the runs cover [low, high) of the patch, and the rest is filled. */
typedef struct mt_runs {
    int n; /* 0: nothing of the patch is read */
    mt_run items[3];
    int64_t low, high;
} mt_runs;

typedef struct mt_padding {
    const mt_patch_request *request;
    mt_runs axes[MT_MOST_SPATIAL];
    int n_boxes; /* each is a run of every axis */
} mt_padding;

/* A box as a request of its own, which lies inside the image. */
typedef struct mt_padding_box {
    mt_patch_request request; /* points to what follows */
    int64_t coords[MT_MOST_SPATIAL], size[MT_MOST_SPATIAL], strides[1 + MT_MOST_SPATIAL];
} mt_padding_box;

/* For a checked request, which is borrowed. */
void mt_padding_init(mt_padding *p, const mt_patch_request *request);

/* Whether the patch lies inside the image. */
bool mt_padding_is_whole(const mt_padding *p);

void mt_padding_get(const mt_padding *p, int i, mt_padding_box *out);

/* Fills what no box covers with pixels of the patch. Nothing to do for MT_PAD_CONSTANT. */
void mt_padding_fill(const mt_padding *p);

#endif
