/* SPDX-License-Identifier: BSD-3-Clause */
/* The regions of stratified patching in one sample (CAREamics' _ImageStratifiedPatching and _SamplingRegion).
 *
 * A grid with a step of one patch lies over the image. Region k of the grid has the corners from k * patch_size to below
 * (k + 1) * patch_size, as far as patches at them lie in the image; their number is its area. An epoch has about as
 * many patches as the image is larger than a patch; each of them is drawn from a bin of one or several regions. Along
 * each axis, the corners of a region have two parts, the first one and the others: a region has 4 boxes, or 8. A patch at
 * a first corner covers one cell of the grid, at another corner two, so excluding a cell takes whole boxes away. */
#ifndef MT_SAMPLING_REGIONS_H
#define MT_SAMPLING_REGIONS_H

#include "base/env.h"
#include "base/random.h"

#include <stdbool.h>

enum { MT_MOST_BOXES = 8 };

/* What all samples of a stack have in common. Along each spatial axis: */
typedef struct mt_region_grid {
    size_t n_spatial;      /* 2 or 3 */
    int64_t size[3];       /* of the image, at least that of a patch */
    int64_t patch_size[3]; /* (Z)YX */
    int64_t n[3];          /* regions; the last one may have the area 0 */
    int64_t cells[3];      /* cells; the last one may reach outside the image */
    uint64_t n_regions;    /* products over the axes */
    uint64_t n_cells;
    double n_patches; /* image over patch, before rounding up */
} mt_region_grid;

/* A sample with weights or excluded cells, or with fewer patches than regions. Other samples have none: each of their
 * regions is a bin of its own, and all is computed when it is needed. */
typedef struct mt_region_plan {
    size_t bytes;         /* of the whole */
    uint64_t n_patches;   /* bins */
    double bin_size;      /* their capacity: an area */
    double *weights;      /* of each region, from 0 to 1: the probability that it counts in an epoch; NULL: 1 */
    uint8_t *is_excluded; /* for each cell; NULL: none is */
    double *area_before;  /* the weighted areas of all regions before a region; n_regions + 1 */
    uint64_t *first;      /* of the members of each bin; n_patches + 1 */
    uint64_t *members;    /* the regions of each bin, in the order of the grid; n_regions */
    double *share;        /* part of the capacity of its bin that a member and those before it take */
} mt_region_plan;

/* Lays the grid over an image that is at least as large as a patch. MT_E_LIMIT if there are 2^53 cells or more. */
MT_MUST_CHECK mt_status mt_region_grid_make(const int64_t *size, const int64_t *patch_size, size_t n_spatial,
                                            mt_region_grid *out, mt_error *err);

/* Whether a sample of which nothing has been changed needs a plan. */
bool mt_region_grid_needs_plan(const mt_region_grid *grid);

/* Place of a region along each axis. */
void mt_region_place(const mt_region_grid *grid, uint64_t region, int64_t place[3]);

/* Computes the areas of the boxes of a region, in row-major order, and returns their sum. */
int64_t mt_region_area(const mt_region_grid *grid, const uint8_t *is_excluded, const int64_t place[3],
                       int64_t boxes[MT_MOST_BOXES]);

/* Index of a cell. */
uint64_t mt_region_cell(const mt_region_grid *grid, const int64_t place[3]);

/* MT_E_LIMIT if the grid has too many regions for a plan. */
MT_MUST_CHECK mt_status mt_region_plan_check(const mt_region_grid *grid, mt_error *err);

/* Makes a plan. weights (n_regions) and is_excluded (n_cells) may be NULL; they are copied. */
MT_MUST_CHECK mt_status mt_region_plan_new(mt_env *env, const mt_region_grid *grid, const double *weights,
                                           const uint8_t *is_excluded, mt_region_plan **out, mt_error *err);

/* NULL is allowed. */
void mt_region_plan_free(mt_env *env, mt_region_plan *plan);

/* The number of patches, and the capacity of their bins. plan may be NULL. */
uint64_t mt_region_patches(const mt_region_grid *grid, const mt_region_plan *plan);
double mt_region_bin_size(const mt_region_grid *grid, const mt_region_plan *plan);

/* Draws the patch of a bin; plan may be NULL. Numbers are drawn in this order: one double for the region, one double for
 * its box, and for each axis along which the box is wider than 1, one integer below its width. */
void mt_region_draw(const mt_region_grid *grid, const mt_region_plan *plan, uint64_t index, mt_random *random,
                    int64_t coords[3]);

#endif
