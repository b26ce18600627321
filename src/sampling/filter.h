/* SPDX-License-Identifier: BSD-3-Clause */
/* Filters, from the inside.
 *
 * The grid of regions is cut from the image by patch_size, and so are cells: the window of region g consists of cells g
 * and g + 1 along each axis. A kind of filter reduces each cell once to a summary, and judges a window by the summaries
 * of its cells. Arrays of three elements are ZYX; without Z, its size, patch size and grid are 1, and a window has one
 * cell along it. */
#ifndef MT_SAMPLING_FILTER_H
#define MT_SAMPLING_FILTER_H

#include "stack/stack.h"

#include <microtome/filter.h>

#define MT_MOST_CORNERS 8 /* cells of a window */

typedef struct mt_filter {
    const struct mt_filter_kind *kind;
    mt_filter_options options;                  /* of the call */
    mt_stack *stack;                            /* to read: the image, or the mask */
    int64_t sample;                             /* of stack */
    int n_spatial;                              /* 2 or 3 */
    int64_t shape[3], patch[3], grid[3];        /* of the image, in pixels; in regions */
    int64_t cells[3];                           /* cells along each axis */
    int64_t stack_shape[3], factor[3];          /* of stack, in its pixels; their size in pixels of the image */
    size_t cell_pixels, n_corners;              /* pixels of a cell; cells of a window */
    size_t cell_bytes, scratch_bytes, n_values; /* of a summary; of working memory for one thread; values of a region */
    double coverage;
} mt_filter;

typedef struct mt_filter_kind {
    const char *name;
    /* Checks the options and sets cell_bytes, scratch_bytes and n_values, which are 0, 0 and 1. */
    mt_status (*begin)(mt_filter *filter, mt_error *err);
    /* Computes the summary of a cell. pixels: cell_pixels numbers in C order, none of them NaN. */
    void (*reduce)(const mt_filter *filter, const float *pixels, void *cell, void *scratch);
    /* Whether the region of a window is kept. cells: the summaries of its n_corners cells in row-major order. Sets
     * n_values values, unless values is NULL. */
    bool (*judge)(const mt_filter *filter, const void *const *cells, void *scratch, float *values);
} mt_filter_kind;

extern const mt_filter_kind mt_filter_max, mt_filter_mean_std, mt_filter_shannon, mt_filter_mask;

/* The pixels of a window. */
static inline double mt_filter_window_pixels(const mt_filter *filter)
{
    return (double)filter->cell_pixels * (double)filter->n_corners;
}

/* Judges all regions. values holds n_values for each region: first values of all regions first. keep and values may be
 * NULL. Sets n_kept and n_nan. */
MT_MUST_CHECK mt_status mt_filter_sweep(const mt_filter *filter, mt_context *context, uint8_t *keep, float *values,
                                        mt_filter_info *info, mt_error *err);

#endif
