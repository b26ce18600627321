/* SPDX-License-Identifier: BSD-3-Clause */
/* Noise2Void: replaces a few pixels of a batch by values of their surroundings, and marks them.
 *
 * The rules are those of CAREamics 0.3.5 (N2VManipulate), down to single precision: for the same random numbers the
 * results are equal, except that a median leaves out all copies of the blind pixels that clamping makes at borders.
 * Methods: Krull, Buchholz and Jug, "Noise2Void" (CVPR 2019); Broaddus et al., "Removing structured noise with
 * self-supervised blind-spot networks" (ISBI 2020); Höck, Buchholz et al., "N2V2" (ECCV workshops 2022). */
#ifndef MICROTOME_N2V_H
#define MICROTOME_N2V_H

#include <microtome/context.h>

MT_BEGIN_DECLS

/* Zeroed fields select the defaults, given after the colon. */
typedef struct mt_n2v_options {
    size_t struct_size; /* sizeof(mt_n2v_options) */
    /* What replaces a chosen pixel. Coordinates outside the patch are clamped to its border.
     * "uniform": a pixel of the region around it, in another row, column and plane. The offset +1 along an axis has
     *     twice the probability of each other offset, as in CAREamics.
     * "uniform_with_center": any pixel of the region, itself included; all offsets are equally likely.
     * "median": the lower median of the region, without the blind pixels: the chosen one, and those of the pattern.
     *     NaN if one of these values is NaN. If the patch has no other pixel in the region, the chosen one is neither
     *     replaced nor marked.
     * NULL: "uniform". */
    const char *strategy;
    /* Expected share of chosen pixels, in (0, 100]: 0.2. The patch is cut into boxes of (100 / percentage)^(1/d) pixels
     * a side, d being the number of spatial axes; each has one uniformly chosen position, which is left out if it lies
     * outside the patch. Positions are computed in single precision; one pixel may be chosen for two boxes, and then
     * has the replacement of the later one, in C order. */
    double percentage;
    int roi_size; /* side of the region in pixels, odd, 3 to 21: 11 */
    /* structN2V, against noise that is correlated along rows or columns. "horizontal", "vertical", "cross" or "square":
     * the pixels of this pattern around each chosen pixel, in its plane, are replaced by uniform random values between
     * the least and the greatest finite value of the manipulated plane (or volume), and are not marked. NULL: none. */
    const char *struct_axes;
    int struct_span; /* width of the pattern in pixels, odd, 3 to 15: 5 */
    /* The random numbers of item i of the batch follow from seed, step and first + i, whatever batch it lies in. */
    uint64_t seed;
    uint64_t step;  /* number of the training step, or of the epoch */
    uint64_t first; /* number of the first item within the step */
} mt_n2v_options;

/* Manipulates a batch of the shape B, C, (Z), Y, X; ndim is 4 or 5. batch, masked and mask are in C order; masked has
 * the batch with replaced pixels, mask 1 where a pixel was chosen, else 0. Each channel of each item has its own
 * positions. masked may be batch itself; else the arrays must not overlap. context (NULL: the default) provides threads
 * and working memory, 16 bytes for each chosen pixel; the result is the same for any number of threads. options may be
 * NULL. Any number of threads may call at once. MT_E_ARGUMENT: an option or the shape is invalid. */
MT_API MT_MUST_CHECK mt_status mt_n2v_manipulate(mt_context *context, const float *batch, const int64_t *shape,
                                                 size_t ndim, const mt_n2v_options *options, float *masked,
                                                 uint8_t *mask, mt_error *err);

MT_END_DECLS

#endif
