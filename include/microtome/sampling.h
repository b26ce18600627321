/* SPDX-License-Identifier: BSD-3-Clause */
/* Patching strategies: which patches an epoch has, and where they are cut.
 *
 * Patch i of epoch e follows from (seed, e, i) alone: any thread, process or order gives the same patch. Random numbers
 * come from Philox4x64-10, a counter-based generator. */
#ifndef MICROTOME_SAMPLING_H
#define MICROTOME_SAMPLING_H

#include <microtome/stack.h>

MT_BEGIN_DECLS

/* A patch of a patching strategy. Sizes and coordinates are in pixels, in the order (Z)YX; of each array, the first
 * n_spatial elements are set, and the rest is 0. */
typedef struct mt_patch_spec {
    size_t stack;             /* index of the stack */
    int64_t sample;           /* index of the sample */
    size_t n_spatial;         /* 2 or 3 */
    int64_t coords[3];        /* first corner */
    int64_t patch_size[3];    /* size along each axis */
    int64_t crop_coords[3];   /* tiles: the part that is kept, relative to coords; else 0 */
    int64_t crop_size[3];     /* its size; else patch_size */
    int64_t stitch_coords[3]; /* its place in the image; else coords */
    uint64_t total_tiles;     /* tiles of this stack, all samples; 0: not a tile */
} mt_patch_spec;

typedef struct mt_patching mt_patching;

typedef struct mt_patching_options {
    size_t struct_size; /* sizeof(mt_patching_options) */
    /* "random": uniform positions, new in each epoch; "fixed_random": those of epoch 0 in every epoch; "stratified":
     * each part of the image is visited equally often; "sequential": a grid of step patch size - overlap, the last
     * patch moved inside; "tiled": overlapping tiles whose crops partition the image; "whole": one patch for each
     * sample; "coords": the patches of specs. */
    const char *strategy;
    const int64_t *patch_size;  /* n_spatial sizes; not for "whole" and "coords" */
    size_t n_spatial;           /* 2, or 3 if the images have Z; not for "whole" and "coords" */
    const int64_t *overlap;     /* "sequential", "tiled": pixels that neighbours share; NULL: 0 */
    uint64_t seed;              /* of the random numbers */
    int pad;                    /* not 0: images smaller than a patch are padded; 0: MT_E_ARGUMENT */
    const mt_patch_spec *specs; /* "coords": stack, sample, coords and patch_size of each patch; copied */
    size_t n_specs;             /* their number */
} mt_patching_options;

/* Creates a patching strategy over all samples of n stacks, which must have the same number of spatial axes and of
 * channels, and belong to one context. The patching retains the stacks. */
MT_API MT_MUST_CHECK mt_status mt_patching_new(mt_stack *const *stacks, size_t n, const mt_patching_options *options,
                                               mt_patching **out, mt_error *err);

/* Adds an owner. Returns patching. */
MT_API mt_patching *mt_patching_retain(mt_patching *patching);

/* Removes an owner; the last one frees the patching. NULL is allowed. */
MT_API void mt_patching_free(mt_patching *patching);

/* The number of patches of an epoch. */
MT_API uint64_t mt_patching_count(const mt_patching *patching);

/* Computes patch index of an epoch. redraw: 0, or the number of a further attempt, which gives another position; only
 * random strategies have them, else MT_E_ARGUMENT. MT_E_RANGE if index is not below mt_patching_count. Any number of
 * threads may call at once. */
MT_API MT_MUST_CHECK mt_status mt_patching_get(const mt_patching *patching, uint64_t epoch, uint64_t index,
                                               uint64_t redraw, mt_patch_spec *out, mt_error *err);

MT_END_DECLS

#endif
