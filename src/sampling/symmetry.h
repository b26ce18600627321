/* SPDX-License-Identifier: BSD-3-Clause */
/* Symmetries of the plane YX, applied to a patch by the strides of its destination. */
#ifndef MT_SAMPLING_SYMMETRY_H
#define MT_SAMPLING_SYMMETRY_H

#include <microtome/loader.h>

/* The flips first, then the swap of Y and X. */
enum { MT_FLIP_Y = 1, MT_FLIP_X = 2, MT_SWAP_YX = 4 };

typedef struct mt_symmetries {
    unsigned flags;      /* of mt_augment */
    double flip, rotate; /* probability of each step */
} mt_symmetries;

/* Draws the symmetry of a patch: index of an epoch. */
uint8_t mt_symmetry_draw(const mt_symmetries *from, uint64_t seed, uint64_t epoch, uint64_t index);

/* Strides for a patch whose destination has the strides of out (C, (Z), Y, X; n_spatial + 1 of them) after the
 * symmetry. size: of the patch, (Z)YX. Replaces out and returns the offset of the patch's first element in bytes. */
int64_t mt_symmetry_strides(uint8_t symmetry, size_t n_spatial, const int64_t *size, int64_t *out);

#endif
