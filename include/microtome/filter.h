/* SPDX-License-Identifier: BSD-3-Clause */
/* Filters: which regions of an image are worth training on.
 *
 * The regions are those of stratified patching: region g of the grid, (size + 1) / patch_size regions along each axis,
 * has the first corners of patches from g * patch_size to (g + 1) * patch_size - 1. A filter judges the window that
 * these patches can reach, of 2 * patch_size pixels along each axis from g * patch_size, and keeps the region or calls
 * it background. Decisions are those of CAREamics' patch filters.
 *
 * Windows are judged as float32. Pixels outside the image are 0, and so is NaN. */
#ifndef MICROTOME_FILTER_H
#define MICROTOME_FILTER_H

#include <microtome/stack.h>

MT_BEGIN_DECLS

typedef struct mt_filter_options {
    size_t struct_size; /* sizeof(mt_filter_options) */
    /* "max": background if the maximum of the window is below threshold, or if less than the share coverage of the
     * window is above it after a maximum filter of patch_size (zero outside the window; an even size reaches one pixel
     * further before than after). threshold is rounded to float32.
     * "mean_std": background if the mean is below threshold, or the standard deviation (of the population) below
     * std_threshold. Neither may be negative.
     * "shannon": background if the Shannon entropy of the values, -sum(p * log2(p)) in bits, is below threshold, which
     * may not be negative.
     * "mask": background if less than the share coverage of the window is other than 0 in mask. */
    const char *filter;
    double threshold;            /* not for "mask" */
    const double *std_threshold; /* "mean_std" only; NULL: the standard deviation does not matter */
    const double *coverage;      /* "max" and "mask": a share, 0 to 1; NULL: of one patch, 1/4 in 2-D, 1/8 in 3-D */
    int64_t ref_channel;         /* the channel that is judged, of the image or of the mask */
    /* "mask" only: the mask. It has as many samples as the image, or one for all of them, and the same spatial axes. It
     * may be smaller by a whole factor along each axis: pixel i of the image then has the value of pixel i / factor of
     * the mask, or of its last one. */
    mt_stack *mask;
    /* "mask" only: the factors along (Z)YX, with which size / factor, rounded down or up, is the size of the mask. 0:
     * found from the sizes; MT_E_ARGUMENT if several factors fit and none divides the size. */
    int64_t mask_factor[3];
    /* Optional, called in the calling thread; must be cheap. cancelled returns other than 0 to end the call with
     * MT_E_CANCELLED. progress receives the regions judged so far and their total. */
    int (*cancelled)(void *user);
    void (*progress)(void *user, uint64_t done, uint64_t total);
    void *user; /* passed to cancelled and progress */
} mt_filter_options;

/* What a filter found. */
typedef struct mt_filter_info {
    size_t struct_size; /* sizeof(mt_filter_info), set by the caller */
    uint64_t n_regions; /* regions of the grid */
    uint64_t n_kept;    /* those that are not background */
    uint64_t n_nan;     /* pixels judged as 0 because they are NaN */
} mt_filter_info;

/* Computes the grid of regions: grid receives n_spatial numbers, (Z)YX. It is that of mt_patching_get_grid; an image
 * smaller than a patch is padded and has one region along that axis. */
MT_API MT_MUST_CHECK mt_status mt_filter_grid(const mt_stack *stack, const int64_t *patch_size, size_t n_spatial,
                                              int64_t *grid, mt_error *err);

/* Judges all regions of one sample. patch_size has n_spatial sizes in pixels, (Z)YX.
 *
 * keep receives for each region, in row-major order of the grid, 1 if it is kept and 0 if it is background. values
 * receives in the same order the number that decides: "max": the threshold up to which the region is kept (below it;
 * with coverage 0 also at it), "mean_std": the means of all regions, followed by their standard deviations, "shannon":
 * the entropy, "mask": the share of the window inside the mask. keep, values and out may be NULL.
 *
 * The image is read in bands on all threads of its context. Each pixel is read once; only if a layer of windows (2 *
 * patch_size along the first axis) needs more than half of the context's memory budget, and 64 MiB, it is cut into
 * strips, whose border patches are read twice. The outcome is the same for any number of threads. If a chunk cannot be
 * read, the call fails, and keep and values are undefined. */
MT_API MT_MUST_CHECK mt_status mt_filter_apply(mt_stack *stack, int64_t sample, const int64_t *patch_size,
                                               size_t n_spatial, const mt_filter_options *options, uint8_t *keep,
                                               float *values, mt_filter_info *out, mt_error *err);

MT_END_DECLS

#endif
