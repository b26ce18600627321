/* SPDX-License-Identifier: BSD-3-Clause */
/* Lateral context: a patch together with its surroundings at lower resolution, as MicroSplit trains on.
 *
 * Scale 0 is the patch. Scale k shows 2^k times as much along each spatial axis, (Z)YX, around the same centre, in as
 * many pixels: the part of the image of patch_size * 2^k pixels whose first corner is coords + patch_size / 2 -
 * patch_size * 2^k / 2 (integer division), smoothed and reduced by 2^k. Smoothing and reduction are those of
 * scikit-image's resize with its defaults (order 1, anti-aliasing), which CAREamics uses: along each axis, with f =
 * 2^k, a Gaussian of standard deviation (f - 1) / 2, cut off at 2 (f - 1) pixels, averaged over the two pixels at
 * i * f + f / 2 - 1 and i * f + f / 2 for output pixel i; the border of the part is mirrored about the centres of its
 * outermost pixels. The weights are float32, and so are the sums. */
#ifndef MICROTOME_LATERAL_H
#define MICROTOME_LATERAL_H

#include <microtome/stack.h>

MT_BEGIN_DECLS

/* Maximum number of scales of a patch. */
#define MT_MAX_SCALES 16

/* An image and its reduced versions. All have the same samples, channels and spatial axes, and belong to one context. */
typedef struct mt_pyramid {
    mt_stack *stack;         /* the stack of the requests */
    mt_stack *const *levels; /* reduced by powers of two, in any order; others than the stack itself */
    size_t n_levels;         /* number of levels */
} mt_pyramid;

typedef struct mt_lateral_options {
    size_t struct_size; /* sizeof(mt_lateral_options) */
    /* Optional: pyramids whose levels may replace the smoothing. Scale k is then read from the coarsest level that is
     * reduced by at most 2^k along each axis; the rest of the reduction is done as above. Less is read and computed,
     * but the pixels are others: those that the writer of the file computed (often the mean of 2^k pixels, or every
     * 2^k-th one), at the position of the level's grid nearest to the exact one (up to half a pixel of the level off,
     * the lower of two), and padded at the border of the level. Scale 0 is unaffected. */
    const mt_pyramid *pyramids;
    size_t n_pyramids; /* number of pyramids */
} mt_lateral_options;

/* Extracts n patches, each at n_scales scales (1 to MT_MAX_SCALES), from one or several stacks of one context. A request
 * is one of mt_extract_patches, with two differences: the output array is C, L, (Z), Y, X, where L is the scale, and
 * view.strides has one stride for each of these axes; and view.dtype must be MT_FLOAT32 or 0. Scaling and padding are
 * applied before smoothing, so all of view has its usual meaning at every scale. CAREamics pads with MT_PAD_REFLECT.
 *
 * The parts of all requests are planned together, so that each chunk is fetched and decoded once. If these parts, in
 * float32, take more than a quarter of the context's memory budget, or 16 MiB and the cache can keep what they need,
 * several plans are made, of at least one patch each. The pixels do not depend on this, nor on the number of threads.
 *
 * Outcomes, errors and cancellation are those of mt_extract_patches, except that a patch of which a scale fails is zero
 * at all scales. lateral and options may be NULL. Thread-safe. */
MT_API MT_MUST_CHECK mt_status mt_lateral_extract(const mt_patch_request *requests, size_t n, int n_scales,
                                                  const mt_lateral_options *lateral, const mt_extract_options *options,
                                                  mt_error *err);

MT_END_DECLS

#endif
