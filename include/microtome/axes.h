/* SPDX-License-Identifier: BSD-3-Clause */
/* Axes: conversion between the stored order of an array and SC(Z)YX.
 *
 * The axes of an array are distinct letters of STCZYX, in any order; Y and X are required. As SC(Z)YX, S and T are
 * merged into samples (S slowest; size 1 if the array has neither), a missing C has size 1, and Z is present only if
 * the array has it. Names and semantics follow careamics.utils.reshape_array, except that an index out of range is an
 * error and never wraps. No function here allocates; all are thread-safe. */
#ifndef MICROTOME_AXES_H
#define MICROTOME_AXES_H

#include <microtome/dtype.h>
#include <microtome/status.h>

#include <stdint.h>

MT_BEGIN_DECLS

#define MT_MAX_AXES 6

/* The axes and shape of an array, as stored and as SC(Z)YX. Sizes are in elements. */
typedef struct mt_axes_transform {
    char original_axes[MT_MAX_AXES + 1]; /* as stored, letters of STCZYX */
    int original_ndim;                   /* number of original_axes */
    int64_t original_shape[MT_MAX_AXES]; /* in the order of original_axes */
    const char *data_axes;               /* "SCZYX" or "SCYX" */
    int data_ndim;                       /* 5 or 4 */
    int64_t data_shape[5];               /* in the order of data_axes */
} mt_axes_transform;

/* Fails with MT_E_ARGUMENT unless axes follow the rules above. */
MT_API MT_MUST_CHECK mt_status mt_axes_check(const char *axes, mt_error *err);

/* Describes an array of ndim axes, one per letter of axes. Sizes must not be negative. */
MT_API MT_MUST_CHECK mt_status mt_axes_transform_init(mt_axes_transform *transform, const char *axes,
                                                      const int64_t *shape, int ndim, mt_error *err);

/* The indices of a sample along S and T; 0 along an axis that the array lacks. MT_E_RANGE unless
 * 0 <= sample < data_shape[0]. */
MT_API MT_MUST_CHECK mt_status mt_axes_sample_index(const mt_axes_transform *transform, int64_t sample, int64_t *s,
                                                    int64_t *t, mt_error *err);

/* A selection along one axis of an array: an index (which drops the axis), a range, or a list of indices. */
typedef enum mt_slice_kind { MT_SLICE_INDEX, MT_SLICE_RANGE, MT_SLICE_LIST } mt_slice_kind;

typedef struct mt_slice {
    char axis;           /* letter of STCZYX */
    mt_slice_kind kind;  /* selects which of the fields below are used */
    int64_t start, stop; /* index: start; range: [start, stop), not clipped to the array */
    const int64_t *list; /* list: n indices, borrowed, in the caller's order */
    size_t n;            /* length of list */
} mt_slice;

/* The slices of a patch, one per original axis, in out[original_ndim]: S and T are indices, C is the list of channels
 * (NULL: the range of all), Z, Y and X are the ranges from coords to coords + patch_size. n_spatial is the length of
 * coords and patch_size, in the order (Z)YX. out borrows channels. Errors: MT_E_RANGE for a sample or channel out of
 * range; MT_E_ARGUMENT for an empty list of channels, a wrong n_spatial, a negative size, a corner beyond 2^62. */
MT_API MT_MUST_CHECK mt_status mt_get_patch_slices(const mt_axes_transform *transform, int64_t sample,
                                                   const int64_t *channels, size_t n_channels, const int64_t *coords,
                                                   const int64_t *patch_size, size_t n_spatial, mt_slice *out,
                                                   mt_error *err);

/* An array in memory. */
typedef struct mt_array {
    void *data;                   /* the element at index 0 along each axis */
    mt_dtype dtype;               /* element type */
    int ndim;                     /* number of axes */
    int64_t shape[MT_MAX_AXES];   /* in elements, slowest axis first */
    int64_t strides[MT_MAX_AXES]; /* in bytes, of either sign */
} mt_array;

/* Each of the following functions copies array into out->data in C order and sets the other fields of out. out->data
 * must hold as many elements as array and must not overlap it. MT_E_ARGUMENT if axes and shapes do not match. */

/* Converts an array with the given axes to SC(Z)YX. */
MT_API MT_MUST_CHECK mt_status mt_reshape_array(const mt_array *array, const char *axes, mt_array *out, mt_error *err);

/* Converts a patch to C(Z)YX. The patch was cut by the slices above from an array with the given axes: it has neither S
 * nor T. */
MT_API MT_MUST_CHECK mt_status mt_reshape_patch(const mt_array *patch, const char *axes, mt_array *out, mt_error *err);

/* Converts an array from SC(Z)YX to the order of target_axes (NULL: original_axes). Samples are split into the S and T
 * of the original; channels and spatial sizes are those of the array. C is dropped only if it has size 1. Target and
 * original must have the same of S, T and Z. If the original axes are "SCTYX", a 5-D array has T in the place of Z. */
MT_API MT_MUST_CHECK mt_status mt_restore_array(const mt_array *array, const mt_axes_transform *original,
                                                const char *target_axes, mt_array *out, mt_error *err);

/* Converts a tile from C(Z)YX to the order of target_axes without S and T. */
MT_API MT_MUST_CHECK mt_status mt_restore_tile(const mt_array *tile, const mt_axes_transform *original,
                                               const char *target_axes, mt_array *out, mt_error *err);

/* Pads the part of a patch that lies inside the image, C(Z)YX, with zeros to patch_size, as float32 in C order. out
 * holds patch->shape[0] * product(patch_size) floats. The part starts at max(0, -coords) along each axis. MT_E_ARGUMENT
 * if it does not fit. */
MT_API MT_MUST_CHECK mt_status mt_pad_patch(const mt_array *patch, const int64_t *coords, const int64_t *patch_size,
                                            size_t n_spatial, float *out, mt_error *err);

MT_END_DECLS

#endif
