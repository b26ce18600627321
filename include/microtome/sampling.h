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
    const int64_t *patch_size; /* n_spatial sizes; not for "whole" and "coords" */
    size_t n_spatial;          /* 2, or 3 if the images have Z; not for "whole" and "coords" */
    const int64_t *overlap;    /* "sequential", "tiled": pixels that neighbours share; NULL: 0 */
    uint64_t seed;             /* of the random numbers */
    int pad; /* not 0: images smaller than a patch are padded, as they always are for "tiled"; 0: MT_E_ARGUMENT */
    const mt_patch_spec *specs; /* "coords": stack, sample, coords and patch_size of each patch; copied */
    size_t n_specs;             /* their number */
    /* "tiled": first corners and the borders of crops are multiples of this along each axis; so must patch_size and half
     * the overlap be. The last tile may then reach beyond the image by less than this. NULL: 1. */
    const int64_t *align;
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

/* Computes patch index of an epoch. redraw: 0, or the number of a further attempt, which gives a position drawn from
 * those of all patches of the epoch, in any image; only random strategies have them, else MT_E_ARGUMENT. MT_E_RANGE if index is not below mt_patching_count. Any number of
 * threads may call at once. */
MT_API MT_MUST_CHECK mt_status mt_patching_get(const mt_patching *patching, uint64_t epoch, uint64_t index,
                                               uint64_t redraw, mt_patch_spec *out, mt_error *err);

/* Stratified patching
 *
 * A grid with a step of one patch lies over each sample. Region k of the grid has the first corners from k * patch_size
 * to below (k + 1) * patch_size; their number, as far as patches at them lie in the image, is its area. An epoch has
 * ceil(image / patch - sum(1 - weight) - excluded cells) patches. Each is drawn from a bin of one or several regions,
 * whose areas, times their weights, fill it up to a common size; what is left of a bin is drawn from all regions. So
 * a patch at any possible corner is equally likely, a pixel inside is in one patch an epoch on average, and pixels
 * near the border of the image are in fewer.
 *
 * A patching may be changed until a loader uses it; then these functions fail with MT_E_ARGUMENT, as for other
 * strategies. While one runs, no other thread may use the patching. If one fails, nothing has changed. */

/* The regions of a sample. */
typedef struct mt_region_info {
    size_t struct_size; /* sizeof(mt_region_info) */
    size_t n_spatial;   /* 2 or 3 */
    int64_t shape[3];   /* number of regions along (Z)YX */
    uint64_t n_regions; /* their product */
    uint64_t n_patches; /* patches of the sample in an epoch */
    double bin_size;    /* area that a bin holds */
} mt_region_info;

/* Describes the regions of a sample. Set out->struct_size first. */
MT_API MT_MUST_CHECK mt_status mt_patching_get_grid(const mt_patching *patching, size_t stack, int64_t sample,
                                                    mt_region_info *out, mt_error *err);

/* Describes each region of a sample, in C order of the grid, in arrays of n_regions elements, which may be NULL: its
 * area, as described above and without excluded patches; the part of its bin that its weighted area takes; and its
 * bin, which is the patch (from 0, of this sample). If the sample has no patches, parts and bins are 0. */
MT_API MT_MUST_CHECK mt_status mt_patching_get_regions(const mt_patching *patching, size_t stack, int64_t sample,
                                                       int64_t *areas, double *probabilities, uint64_t *bins,
                                                       mt_error *err);

/* Sets the weights of all regions of a sample, n in C order of the grid, each from 0 to 1: on average, an epoch has that
 * fraction of the region's patches. Regions of weight 0 are never drawn from. Patches reach from a region into the
 * next ones. */
MT_API MT_MUST_CHECK mt_status mt_patching_weigh(mt_patching *patching, size_t stack, int64_t sample,
                                                 const double *weights, size_t n, mt_error *err);

/* Excludes boxes: no patch touches a cell of the grid (a patch at a multiple of patch_size) that a box overlaps. Of
 * the specs, stack, sample, coords and patch_size, the size of the box, are used. Parts outside the image are ignored.
 */
MT_API MT_MUST_CHECK mt_status mt_patching_exclude(mt_patching *patching, const mt_patch_spec *specs, size_t n,
                                                   mt_error *err);

/* Takes n patches (0: MT_VALIDATION_PATCHES) out for validation, and excludes them. They are cells of the grid that lie
 * in the image and whose region has not the weight 0, chosen with seed (NULL: that of the patching), without
 * replacement, so that samples are represented in proportion to their patches. *validation is a new patching with the
 * strategy "coords". Fails with MT_E_ARGUMENT if fewer than n + 1 patches can be chosen. */
#define MT_VALIDATION_PATCHES 8
MT_API MT_MUST_CHECK mt_status mt_patching_split(mt_patching *patching, uint64_t n, const uint64_t *seed,
                                                 mt_patching **validation, mt_error *err);

MT_END_DECLS

#endif
