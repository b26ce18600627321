/* SPDX-License-Identifier: BSD-3-Clause */
#include <microtome/axes.h>

#include "base/checked.h"
#include "base/env.h"

#include <stdbool.h>
#include <string.h>

/* The maximum coordinate: corner + size then never overflows. */
#define MAX_COORDINATE (INT64_MAX / 2)

mt_status mt_axes_check(const char *axes, mt_error *err)
{
    mt_error_reset(err);
    for (const char *c = axes; *c; c++) {
        if (!strchr("STCZYX", *c))
            return mt_fail(err, MT_E_ARGUMENT, "axes \"%s\": '%c' is not one of STCZYX%s", axes, *c,
                           *c > 'Z' && strchr("stczyx", *c) ? ": write capital letters" : "");
        if (strchr(c + 1, *c))
            return mt_fail(err, MT_E_ARGUMENT, "axes \"%s\": '%c' appears twice", axes, *c);
    }
    if (!strchr(axes, 'Y') || !strchr(axes, 'X'))
        return mt_fail(err, MT_E_ARGUMENT, "axes \"%s\" lack Y or X", axes);
    return MT_OK;
}

static int64_t size_along(const mt_axes_transform *t, char axis)
{
    const char *at = strchr(t->original_axes, axis);
    return at ? t->original_shape[at - t->original_axes] : 1;
}

mt_status mt_axes_transform_init(mt_axes_transform *transform, const char *axes, const int64_t *shape, int ndim,
                                 mt_error *err)
{
    mt_error_reset(err);
    mt_axes_transform *t = transform;
    mt_status st = mt_axes_check(axes, err);
    if (st)
        return st;
    if (ndim != (int)strlen(axes))
        return mt_fail(err, MT_E_ARGUMENT, "axes \"%s\" for an array of %d dimensions", axes, ndim);
    memset(t, 0, sizeof *t);
    memcpy(t->original_axes, axes, (size_t)ndim);
    t->original_ndim = ndim;
    for (int d = 0; d < ndim; d++) {
        if (shape[d] < 0)
            return mt_fail(err, MT_E_ARGUMENT, "axis %c has the size %lld", axes[d], (long long)shape[d]);
        t->original_shape[d] = shape[d];
    }
    bool deep = strchr(axes, 'Z') != NULL;
    t->data_axes = deep ? "SCZYX" : "SCYX";
    t->data_ndim = deep ? 5 : 4;
    if (mt_mul_i64(size_along(t, 'S'), size_along(t, 'T'), &t->data_shape[0]))
        return mt_fail(err, MT_E_ARGUMENT, "more than 2^63 samples");
    for (int d = 1; d < t->data_ndim; d++)
        t->data_shape[d] = size_along(t, t->data_axes[d]);
    return MT_OK;
}

mt_status mt_axes_sample_index(const mt_axes_transform *transform, int64_t sample, int64_t *s, int64_t *t,
                               mt_error *err)
{
    mt_error_reset(err);
    int64_t fast = size_along(transform, 'T');
    if (sample < 0 || sample >= transform->data_shape[0])
        return mt_fail(err, MT_E_RANGE, "sample %lld of %lld", (long long)sample, (long long)transform->data_shape[0]);
    *s = sample / fast;
    *t = sample % fast;
    return MT_OK;
}

static mt_status slice_channels(const mt_axes_transform *t, const int64_t *channels, size_t n, mt_slice *out,
                                mt_error *err)
{
    int64_t count = t->data_shape[1];
    if (!channels) {
        *out = (mt_slice) { 'C', MT_SLICE_RANGE, 0, count, NULL, 0 };
        return MT_OK;
    }
    if (n == 0)
        return mt_fail(err, MT_E_ARGUMENT, "an empty list of channels");
    for (size_t i = 0; i < n; i++)
        if (channels[i] < 0 || channels[i] >= count)
            return mt_fail(err, MT_E_RANGE, "channel %lld is out of bounds: the image has %lld, counted from 0",
                           (long long)channels[i], (long long)count);
    *out = (mt_slice) { 'C', MT_SLICE_LIST, 0, 0, channels, n };
    return MT_OK;
}

static mt_status check_box(const mt_axes_transform *t, const int64_t *coords, const int64_t *patch_size,
                           size_t n_spatial, mt_error *err)
{
    if ((int)n_spatial != t->data_ndim - 2)
        return mt_fail(err, MT_E_ARGUMENT, "%zu coordinates for an image of %d spatial axes", n_spatial,
                       t->data_ndim - 2);
    for (size_t d = 0; d < n_spatial; d++) {
        if (patch_size[d] < 0 || patch_size[d] > MAX_COORDINATE)
            return mt_fail(err, MT_E_ARGUMENT, "a patch size of %lld", (long long)patch_size[d]);
        if (coords[d] < -MAX_COORDINATE || coords[d] > MAX_COORDINATE)
            return mt_fail(err, MT_E_ARGUMENT, "coords of %lld", (long long)coords[d]);
    }
    return MT_OK;
}

mt_status mt_get_patch_slices(const mt_axes_transform *transform, int64_t sample, const int64_t *channels,
                              size_t n_channels, const int64_t *coords, const int64_t *patch_size, size_t n_spatial,
                              mt_slice *out, mt_error *err)
{
    mt_error_reset(err);
    int64_t s, t;
    mt_slice of_channels;
    mt_status st = mt_axes_sample_index(transform, sample, &s, &t, err);
    if (st || (st = slice_channels(transform, channels, n_channels, &of_channels, err)) ||
        (st = check_box(transform, coords, patch_size, n_spatial, err)))
        return st;
    for (int d = 0; d < transform->original_ndim; d++) {
        char axis = transform->original_axes[d];
        if (axis == 'S' || axis == 'T') {
            out[d] = (mt_slice) { axis, MT_SLICE_INDEX, axis == 'S' ? s : t, 0, NULL, 0 };
        } else if (axis == 'C') {
            out[d] = of_channels;
        } else {
            ptrdiff_t i = strchr(transform->data_axes, axis) - transform->data_axes - 2;
            out[d] = (mt_slice) { axis, MT_SLICE_RANGE, coords[i], coords[i] + patch_size[i], NULL, 0 };
        }
    }
    return MT_OK;
}
