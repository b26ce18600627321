/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/checked.h"
#include "sampling/statistics/survey.h"

#include <string.h>

/* The samples, planes, rows and columns of a box. */
typedef struct region {
    const mt_stack_dims *dims;
    const mt_box *box;
    int64_t n_samples, n_channels; /* of the mask: the latter 1 or all */
    int64_t start[3], size[3];     /* Z, Y, X */
} region;

static void find_region(region *r, const mt_stack_dims *dims, const mt_box *box, int64_t n_channels)
{
    *r = (region) { dims, box, 1, n_channels, { 0 }, { 1, 1, 1 } };
    for (int d = 0; d < dims->ndim; d++) {
        if (dims->axis[d] == MT_AXIS_S)
            r->n_samples *= box->extent[d];
        if (dims->axis[d] < MT_AXIS_Z)
            continue;
        r->start[dims->axis[d] - MT_AXIS_Z] = box->start[d];
        r->size[dims->axis[d] - MT_AXIS_Z] = box->extent[d];
    }
}

/* The sample number of the i-th sample of the box. */
static int64_t find_sample(const region *r, int64_t i)
{
    int64_t sample = 0;
    for (int d = r->dims->ndim - 1; d >= 0; d--) {
        if (r->dims->axis[d] != MT_AXIS_S)
            continue;
        sample += (r->box->start[d] + i % r->box->extent[d]) * r->dims->step[d];
        i /= r->box->extent[d];
    }
    return sample;
}

/* The mask lies in memory as samples, channels, Z, Y, X. */
static void set_strides(const region *r, mt_mask *out)
{
    int64_t column = 1, row = r->size[2], plane = row * r->size[1], channel = plane * r->size[0];
    const int64_t spatial[3] = { plane, row, column };
    int64_t sample = channel * r->n_channels;
    for (int d = r->dims->ndim - 1; d >= 0; d--) {
        int axis = r->dims->axis[d];
        out->start[d] = r->box->start[d];
        if (axis == MT_AXIS_S) {
            out->stride[d] = sample;
            sample *= r->box->extent[d];
        } else if (axis == MT_AXIS_C) {
            out->stride[d] = r->n_channels == 1 ? 0 : channel * r->dims->step[d];
        } else {
            out->stride[d] = spatial[axis - MT_AXIS_Z];
        }
    }
}

/* Replaces elements by bytes: 1 if they are > 0. */
static void compare(const mt_bits *bits, uint8_t *elements, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t element = mt_bits_load(bits, elements + i * bits->size);
        elements[i] = mt_bits_value(bits, element) > 0 && !mt_bits_is_nan(bits, element);
    }
}

static mt_status read_samples(const region *r, mt_stack *mask, mt_dtype dtype, uint8_t *out, mt_error *err)
{
    size_t n = (size_t)mask->info.data_ndim - 2;
    int64_t volume = r->size[0] * r->size[1] * r->size[2];
    mt_status st = MT_OK;
    for (int64_t i = 0; !st && i < r->n_samples; i++) {
        mt_patch_request request = { .stack = mask,
                                     .sample = find_sample(r, i),
                                     .n_spatial = n,
                                     .coords = r->start + 3 - n,
                                     .patch_size = r->size + 3 - n,
                                     .view = { .data = out, .dtype = dtype } };
        st = mt_extract_patches(&request, 1, NULL, err);
        out += volume * r->n_channels * (int64_t)mt_dtype_size(dtype);
    }
    if (st)
        mt_error_prefix(err, "mask");
    return st;
}

mt_status mt_mask_read(mt_survey *survey, size_t stack, const mt_stack_dims *dims, const mt_box *box, mt_mask *out,
                       void **memory, size_t *bytes, mt_error *err)
{
    mt_stack *mask = survey->options.masks[stack];
    mt_bits bits;
    region r;
    int64_t elements = 1;
    mt_bits_init(&bits, mask->map ? mask->info.dtype : MT_FLOAT32);
    find_region(&r, dims, box, mask->info.data_shape[1]);
    const int64_t sizes[6] = { r.n_samples, r.n_channels, r.size[0], r.size[1], r.size[2], (int64_t)bits.size };
    if (mt_product_i64(sizes, 6, &elements) || (uint64_t)elements > SIZE_MAX)
        return mt_fail(err, MT_E_LIMIT, "%s: the mask of a chunk is too large", mask->info.source);
    *bytes = (size_t)elements;
    mt_status st = mt_alloc(&survey->context->env, *bytes, memory, err);
    if (st)
        return st;
    set_strides(&r, out);
    if ((st = read_samples(&r, mask, bits.dtype, *memory, err)))
        return st;
    compare(&bits, *memory, *bytes / bits.size);
    out->data = *memory;
    return MT_OK;
}
