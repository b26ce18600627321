/* SPDX-License-Identifier: BSD-3-Clause */
/* Noise as augmentation: intensity jitter, shot noise and Gaussian noise, in this order, as light, detection and
 * readout of a camera follow each other. */
#ifndef MICROTOME_NOISE_H
#define MICROTOME_NOISE_H

#include <microtome/context.h>

MT_BEGIN_DECLS

/* Zeroed fields mean: none of it. */
typedef struct mt_noise_options {
    size_t struct_size; /* sizeof(mt_noise_options) */
    /* Intensity: each item becomes item * a + b, where a and b are uniform in these ranges, and the same for all of its
     * channels. scale is positive; both ends 0: a is 1. */
    double scale[2], offset[2];
    /* Shot noise: a value v of channel c stands for n = v * photon_scale[c] + photon_offset[c] photons, and becomes
     * (k - photon_offset[c]) / photon_scale[c], where k is Poisson distributed with the mean n. For values of a camera
     * with a gain g (values per photon) and a black level b, the scale is 1 / g and the offset -b / g; for values
     * normalized to (x - m) / s, they are s / g and (m - b) / g. Values that are NaN or infinite, or stand for no light
     * (n <= 0), remain. One value for each channel; NULL: no shot noise, or an offset of 0. */
    const double *photon_scale, *photon_offset;
    double gaussian; /* standard deviation of additive Gaussian noise, in units of the values; 0: none */
    /* The random numbers of item i of the batch follow from seed, step and first + i, whatever batch it lies in. */
    uint64_t seed;
    uint64_t step;  /* number of the training step, or of the epoch */
    uint64_t first; /* number of the first item within the step */
} mt_noise_options;

/* Adds noise to a batch of the shape B, C, (Z), Y, X in C order; ndim is 4 or 5. out has the same size, and is batch
 * itself or does not overlap it. context (NULL: the default) provides threads; the result is the same for any number of
 * them. Any number of threads may call at once. MT_E_ARGUMENT: an option or the shape is invalid.
 *
 * Gaussian numbers are computed by inversion, one 32-bit random number each, in single precision: Giles, "Approximating
 * the erfinv function" (GPU Computing Gems, Jade Edition, 2011). They reach from -6.3 to 6.3 standard deviations.
 * Poisson numbers are computed by inversion below a mean of 10, above it by transformed rejection: Hörmann (Insurance:
 * Mathematics and Economics 12, 1993), algorithm PTRS. Above 2^30 photons, they are Gaussian. */
MT_API MT_MUST_CHECK mt_status mt_noise_add(mt_context *context, const float *batch, const int64_t *shape, size_t ndim,
                                            const mt_noise_options *options, float *out, mt_error *err);

MT_END_DECLS

#endif
