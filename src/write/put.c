/* SPDX-License-Identifier: BSD-3-Clause */
/* Boxes as callers put them. */
#include "write/writer.h"

static mt_status check_box(const mt_writer *w, const mt_writer_box *box, mt_error *err)
{
    for (int d = 0; d < w->plan->ndim; d++) {
        int64_t start = box->start[d], extent = box->extent[d], size = w->plan->shape[d];
        if (start < 0 || extent < 0 || start > size || extent > size - start)
            return mt_fail(err, MT_E_RANGE, "pixels %lld to %lld along %c do not lie in the image, which has %lld",
                           (long long)start, (long long)start + (extent > 0 ? extent - 1 : 0), w->plan->axes[d],
                           (long long)size);
    }
    if (box->dtype && mt_dtype_size(box->dtype) == 0)
        return mt_fail(err, MT_E_ARGUMENT, "no valid dtype");
    return MT_OK;
}

static mt_status put(mt_writer *w, const mt_writer_box *box, mt_error *err)
{
    mt_extent extent;
    int64_t strides[MT_MAX_DIMS];
    mt_status st = mt_writer_check_open(w, err);
    if (st || (st = check_box(w, box, err)))
        return st;
    mt_dtype dtype = box->dtype ? box->dtype : w->plan->dtype;
    int64_t step = (int64_t)mt_dtype_size(dtype), pixels = 1;
    for (int d = w->plan->ndim - 1; d >= 0; d--) {
        extent.start[d] = box->start[d];
        extent.extent[d] = box->extent[d];
        strides[d] = step;
        step *= box->extent[d];
        pixels *= box->extent[d];
    }
    mt_values_in in = { .data = box->data, .stride = box->strides ? box->strides : strides, .dtype = dtype };
    st = mt_writer_put_level(w, w->plan->levels, &extent, &in, mt_pool_threads(w->context->pool) > 1, err);
    mt_lock_take(&w->lock);
    if (!st)
        w->progress.bytes_put += (uint64_t)pixels * w->plan->element_size;
    mt_lock_give(&w->lock);
    return st;
}

mt_status mt_writer_put(mt_writer *w, const mt_writer_box *box, mt_error *err)
{
    mt_error_reset(err);
    mt_status st = put(w, box, err);
    if (st)
        mt_error_prefix(err, "%s", w->info.path);
    return st;
}
