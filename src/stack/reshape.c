/* SPDX-License-Identifier: BSD-3-Clause */
/* Converts arrays to SC(Z)YX and back: both sides are described along the six axes STCZYX, and copied once. */
#include <microtome/axes.h>

#include "base/checked.h"
#include "base/env.h"
#include "engine/gather.h"

#include <stdbool.h>
#include <string.h>

static const char letters[] = "STCZYX";

/* Sizes and byte strides along STCZYX; a missing axis has size 1. */
typedef struct layout {
    int64_t size[MT_MAX_AXES], stride[MT_MAX_AXES];
} layout;

static int find_letter(char axis) { return (int)(strchr(letters, axis) - letters); }

static layout describe(const mt_array *array, const char *axes)
{
    layout l;
    for (int i = 0; i < MT_MAX_AXES; i++) {
        const char *at = strchr(axes, letters[i]);
        l.size[i] = at ? array->shape[at - axes] : 1;
        l.stride[i] = at ? array->strides[at - axes] : 0;
    }
    return l;
}

static mt_status check_array(const mt_array *array, int ndim, mt_error *err)
{
    int64_t bytes;
    if (array->ndim != ndim)
        return mt_fail(err, MT_E_ARGUMENT, "an array of %d dimensions, not %d", array->ndim, ndim);
    for (int d = 0; d < ndim; d++)
        if (array->shape[d] < 0)
            return mt_fail(err, MT_E_ARGUMENT, "dimension %d has the size %lld", d, (long long)array->shape[d]);
    if (mt_dtype_size(array->dtype) == 0)
        return mt_fail(err, MT_E_ARGUMENT, "an array without an element type");
    if (mt_product_i64(array->shape, ndim, &bytes) || mt_mul_i64(bytes, (int64_t)mt_dtype_size(array->dtype), &bytes))
        return mt_fail(err, MT_E_ARGUMENT, "an array of more than 2^63 bytes");
    return MT_OK;
}

static void set_c_order(mt_array *out)
{
    int64_t stride = (int64_t)mt_dtype_size(out->dtype);
    for (int d = out->ndim - 1; d >= 0; d--) {
        out->strides[d] = stride;
        stride *= out->shape[d];
    }
}

/* Copies in to an array with the given axes in C order. If merged, S holds S and T. */
static void copy_to_axes(const layout *in, mt_dtype dtype, const void *data, const char *axes, bool merged,
                         mt_array *out)
{
    layout to;
    out->dtype = dtype;
    out->ndim = (int)strlen(axes);
    for (int d = 0; d < out->ndim; d++)
        out->shape[d] = in->size[find_letter(axes[d])];
    if (merged)
        out->shape[0] *= in->size[1];
    set_c_order(out);
    to = describe(out, axes);
    if (merged) { /* T is the faster part of S */
        to.stride[1] = to.stride[0];
        to.stride[0] *= in->size[1];
    }
    mt_convert convert = { .from = dtype, .to = dtype };
    mt_gather(&convert, MT_MAX_AXES, in->size, out->data, to.stride, data, in->stride);
}

mt_status mt_reshape_array(const mt_array *array, const char *axes, mt_array *out, mt_error *err)
{
    mt_error_reset(err);
    mt_axes_transform transform;
    mt_status st = mt_axes_transform_init(&transform, axes, array->shape, array->ndim, err);
    if (st || (st = check_array(array, array->ndim, err)))
        return st;
    layout in = describe(array, axes);
    copy_to_axes(&in, array->dtype, array->data, transform.data_axes, true, out);
    return MT_OK;
}

static void drop_samples(const char *axes, char *out)
{
    for (; *axes; axes++)
        if (!strchr("ST", *axes))
            *out++ = *axes;
    *out = 0;
}

mt_status mt_reshape_patch(const mt_array *patch, const char *axes, mt_array *out, mt_error *err)
{
    mt_error_reset(err);
    char kept[MT_MAX_AXES + 1] = "";
    mt_status st = mt_axes_check(axes, err);
    if (st)
        return st;
    drop_samples(axes, kept);
    if ((st = check_array(patch, (int)strlen(kept), err))) {
        mt_error_prefix(err, "a patch of axes \"%s\"", kept);
        return st;
    }
    layout in = describe(patch, kept);
    copy_to_axes(&in, patch->dtype, patch->data, strchr(kept, 'Z') ? "CZYX" : "CYX", false, out);
    return MT_OK;
}

static bool agree(const char *a, const char *b, char axis) { return !strchr(a, axis) == !strchr(b, axis); }

/* Checks that the target axes can be made from the original's samples and spatial axes. */
static mt_status check_target(const char *original, const char *target, int64_t channels, mt_error *err)
{
    mt_status st = mt_axes_check(target, err);
    if (st)
        return st;
    for (const char *c = "STZ"; *c; c++)
        if (!agree(original, target, *c))
            return mt_fail(err, MT_E_ARGUMENT, "target axes \"%s\" and original axes \"%s\" do not agree in %c", target,
                           original, *c);
    if (!strchr(target, 'C') && channels != 1)
        return mt_fail(err, MT_E_ARGUMENT, "target axes \"%s\" have no C for %lld channels", target,
                       (long long)channels);
    return MT_OK;
}

mt_status mt_restore_array(const mt_array *array, const mt_axes_transform *original, const char *target_axes,
                           mt_array *out, mt_error *err)
{
    mt_error_reset(err);
    const char *axes = original->original_axes, *target = target_axes ? target_axes : axes;
    bool t_is_depth = strcmp(axes, "SCTYX") == 0 && array->ndim == 5;
    if (t_is_depth) {
        axes = "SCZYX";
        target = strcmp(target, "SCTYX") == 0 ? axes : target;
    }
    bool deep = strchr(axes, 'Z') != NULL;
    mt_status st = check_array(array, deep ? 5 : 4, err);
    if (st || (st = check_target(axes, target, array->shape[1], err)))
        return st;
    layout in = describe(array, deep ? "SCZYX" : "SCYX");
    const char *t = t_is_depth ? NULL : strchr(axes, 'T');
    int64_t fast = t ? original->original_shape[t - axes] : 1;
    const char *s = strchr(axes, 'S');
    int64_t slow = s ? original->original_shape[s - axes] : 1;
    if (array->shape[0] != slow * fast)
        return mt_fail(err, MT_E_ARGUMENT, "%lld samples, but the original has %lld", (long long)array->shape[0],
                       (long long)(slow * fast));
    in.size[0] = slow;
    in.size[1] = fast;
    in.stride[1] = in.stride[0];
    in.stride[0] *= fast;
    copy_to_axes(&in, array->dtype, array->data, target, false, out);
    return MT_OK;
}

mt_status mt_restore_tile(const mt_array *tile, const mt_axes_transform *original, const char *target_axes,
                          mt_array *out, mt_error *err)
{
    mt_error_reset(err);
    const char *axes = original->original_axes, *target = target_axes ? target_axes : axes;
    bool deep = strchr(axes, 'Z') != NULL;
    char kept[MT_MAX_AXES + 1] = "";
    mt_status st = check_array(tile, deep ? 4 : 3, err);
    if (st || (st = check_target(axes, target, tile->shape[0], err)))
        return st;
    drop_samples(target, kept);
    layout in = describe(tile, deep ? "CZYX" : "CYX");
    copy_to_axes(&in, tile->dtype, tile->data, kept, false, out);
    return MT_OK;
}

mt_status mt_pad_patch(const mt_array *patch, const int64_t *coords, const int64_t *patch_size, size_t n_spatial,
                       float *out, mt_error *err)
{
    mt_error_reset(err);
    int ndim = (int)n_spatial + 1;
    mt_status st = n_spatial == 2 || n_spatial == 3 ? check_array(patch, ndim, err)
                                                    : mt_fail(err, MT_E_ARGUMENT, "%zu coordinates", n_spatial);
    if (st)
        return st;
    mt_array to = { .data = out, .dtype = MT_FLOAT32, .ndim = ndim, .shape = { patch->shape[0] } };
    int64_t elements;
    for (int d = 1; d < ndim; d++)
        to.shape[d] = patch_size[d - 1];
    if ((st = check_array(&to, ndim, err)) || mt_product_i64(to.shape, ndim, &elements))
        return st ? st : mt_fail(err, MT_E_ARGUMENT, "a patch of more than 2^63 pixels");
    set_c_order(&to);
    uint8_t *start = (uint8_t *)out;
    for (int d = 1; d < ndim; d++) {
        int64_t room = to.shape[d] - patch->shape[d], first = coords[d - 1];
        if (patch->shape[d] == 0)
            continue;
        if (room < 0 || first < -room)
            return mt_fail(err, MT_E_ARGUMENT, "%lld pixels from %lld on do not fit a patch of %lld",
                           (long long)patch->shape[d], (long long)first, (long long)to.shape[d]);
        start += first < 0 ? -first * to.strides[d] : 0;
    }
    memset(out, 0, (size_t)elements * sizeof *out);
    mt_convert convert = { .from = patch->dtype, .to = MT_FLOAT32 };
    mt_gather(&convert, ndim, patch->shape, start, to.strides, patch->data, patch->strides);
    return MT_OK;
}
