/* SPDX-License-Identifier: BSD-3-Clause */
/* Axes: from an array as it is stored to SC(Z)YX, and back.
 *
 * The axes of an array are distinct letters of STCZYX, Y and X among them, in any order. Seen as SC(Z)YX, S and T are
 * merged into samples (S slow, T fast; 1 if neither is there), a missing C has size 1, Z is there only if the array
 * has it. Names and semantics are those of careamics.utils.reshape_array, but for indices outside, which are errors
 * here and never wrap. Nothing here allocates, and all is thread-safe. */
#ifndef MICROTOME_AXES_H
#define MICROTOME_AXES_H

#include <microtome/dtype.h>
#include <microtome/status.h>

#include <stdint.h>

MT_BEGIN_DECLS

#define MT_MAX_AXES 6

/* An array's axes and shape, and the same as SC(Z)YX. */
typedef struct mt_axes_transform {
    char original_axes[MT_MAX_AXES + 1];
    int original_ndim;
    int64_t original_shape[MT_MAX_AXES];
    const char *data_axes; /* "SCZYX" or "SCYX" */
    int data_ndim;         /* 5 or 4 */
    int64_t data_shape[5];
} mt_axes_transform;

/* Fails with MT_E_ARGUMENT where axes are not as said above. */
MT_API MT_MUST_CHECK mt_status mt_axes_check(const char *axes, mt_error *err);

/* Describes an array of ndim axes, one for each letter of axes. Sizes must not be negative. */
MT_API MT_MUST_CHECK mt_status mt_axes_transform_init(mt_axes_transform *transform, const char *axes,
                                                      const int64_t *shape, int ndim, mt_error *err);

/* The indices along S and T of a sample; 0 along an axis that the array has not. MT_E_RANGE outside data_shape[0]. */
MT_API MT_MUST_CHECK mt_status mt_axes_sample_index(const mt_axes_transform *transform, int64_t sample, int64_t *s,
                                                    int64_t *t, mt_error *err);

/* What to take along one axis of an array: an index (which drops the axis), a range, or a list of indices. */
typedef enum mt_slice_kind { MT_SLICE_INDEX, MT_SLICE_RANGE, MT_SLICE_LIST } mt_slice_kind;

typedef struct mt_slice {
    char axis;
    mt_slice_kind kind;
    int64_t start, stop; /* the index is start; a range is [start, stop) and is not clipped to the array */
    const int64_t *list; /* as given, n of them */
    size_t n;
} mt_slice;

/* The slices of a patch, one for each original axis, in out[original_ndim]: S and T are indices, C the list of channels
 * (NULL: the range of all), Z, Y and X the ranges from coords to coords + patch_size. n_spatial is the length of coords
 * and patch_size, in the order (Z)YX. channels is borrowed by out. Errors: MT_E_RANGE for a sample or channel outside,
 * MT_E_ARGUMENT for an empty list of channels, another n_spatial, a negative size, a corner beyond 2^62. */
MT_API MT_MUST_CHECK mt_status mt_get_patch_slices(const mt_axes_transform *transform, int64_t sample,
                                                   const int64_t *channels, size_t n_channels, const int64_t *coords,
                                                   const int64_t *patch_size, size_t n_spatial, mt_slice *out,
                                                   mt_error *err);

/* An array in memory. */
typedef struct mt_array {
    void *data; /* the element at index 0 along each axis */
    mt_dtype dtype;
    int ndim;
    int64_t shape[MT_MAX_AXES];
    int64_t strides[MT_MAX_AXES]; /* bytes, any sign */
} mt_array;

/* Each of the following copies array into out->data, which must not overlap it and has room for as many elements, in C
 * order, and sets the other fields of out. MT_E_ARGUMENT where axes and shapes do not fit. */

/* An array with the given axes as SC(Z)YX. */
MT_API MT_MUST_CHECK mt_status mt_reshape_array(const mt_array *array, const char *axes, mt_array *out, mt_error *err);

/* A patch, cut from an array of the given axes by slices as above and so without S and T, as C(Z)YX. */
MT_API MT_MUST_CHECK mt_status mt_reshape_patch(const mt_array *patch, const char *axes, mt_array *out, mt_error *err);

/* An array in SC(Z)YX in the order of target_axes (NULL: of the original). Samples are split into the original's S and
 * T; spatial sizes and channels stay those of the array. C is dropped only where there is one channel. Target and
 * original must agree in S, T and Z. A 5-D array of the original axes "SCTYX" has T where others have Z. */
MT_API MT_MUST_CHECK mt_status mt_restore_array(const mt_array *array, const mt_axes_transform *original,
                                                const char *target_axes, mt_array *out, mt_error *err);

/* A tile in C(Z)YX in the order of target_axes without S and T. */
MT_API MT_MUST_CHECK mt_status mt_restore_tile(const mt_array *tile, const mt_axes_transform *original,
                                               const char *target_axes, mt_array *out, mt_error *err);

/* Places what was cut of an image, C(Z)YX, into a patch of zeros, float32 in C order: out holds patch->shape[0] *
 * product(patch_size) floats. It stands where the image begins in the patch: at 0, or at -coords where those are
 * negative. MT_E_ARGUMENT where it does not fit. */
MT_API MT_MUST_CHECK mt_status mt_pad_patch(const mt_array *patch, const int64_t *coords, const int64_t *patch_size,
                                            size_t n_spatial, float *out, mt_error *err);

MT_END_DECLS

#endif
