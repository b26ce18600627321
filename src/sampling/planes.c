/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/planes.h"

#include "base/checked.h"

mt_status mt_planes_make(const int64_t *shape, size_t ndim, mt_planes *out, mt_error *err)
{
    int64_t elements;
    if (ndim != 4 && ndim != 5)
        return mt_fail(err, MT_E_ARGUMENT, "a batch has the axes BCYX or BCZYX, not %zu axes", ndim);
    for (size_t d = 0; d < ndim; d++)
        if (shape[d] < 0)
            return mt_fail(err, MT_E_ARGUMENT, "a size of %lld pixels is negative", (long long)shape[d]);
    if (mt_product_i64(shape, (int)ndim, &elements) || elements > PTRDIFF_MAX / (int64_t)sizeof(float))
        return mt_fail(err, MT_E_ARGUMENT, "the batch has more elements than fit into memory");
    const int64_t *plane = shape + 2;
    *out =
        (mt_planes) { .n_spatial = ndim - 2, .shape = { ndim == 5 ? plane[0] : 1, shape[ndim - 2], shape[ndim - 1] } };
    if (elements > 0) {
        out->items = (size_t)shape[0];
        out->channels = (size_t)shape[1];
        out->elements = (size_t)elements / out->items / out->channels;
    }
    return MT_OK;
}
