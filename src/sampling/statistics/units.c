/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/statistics/units.h"

#include "base/checked.h"

#include <string.h>

/* The product saturates: units never need to be larger. */
static int64_t multiply(int64_t a, int64_t b)
{
    int64_t product;
    return mt_mul_i64(a, b, &product) ? INT64_MAX : product;
}

void mt_units_init(mt_units *units, const mt_stack_dims *dims, int64_t min_pixels)
{
    int64_t pixels = 1;
    memset(units, 0, sizeof *units);
    units->dims = dims;
    for (int d = 0; d < dims->ndim; d++) {
        bool is_channel = dims->axis[d] == MT_AXIS_C;
        int64_t chunk = mt_max_i64(mt_min_i64(dims->chunk[d], dims->shape[d]), 1);
        units->extent[d] = is_channel ? mt_max_i64(dims->shape[d], 1) : chunk;
        pixels = multiply(pixels, units->extent[d]);
    }
    units->n = 1;
    for (int d = dims->ndim - 1; d >= 0; d--) {
        int64_t wanted = min_pixels / pixels + (min_pixels % pixels > 0);
        int64_t most = dims->shape[d] / units->extent[d] + (dims->shape[d] % units->extent[d] > 0);
        int64_t times = mt_max_i64(mt_min_i64(wanted, most), 1);
        units->extent[d] *= times;
        pixels = multiply(pixels, times);
        units->grid[d] = dims->shape[d] / units->extent[d] + (dims->shape[d] % units->extent[d] > 0);
        units->n *= (uint64_t)units->grid[d];
    }
}

void mt_units_box(const mt_units *units, uint64_t i, mt_box *out)
{
    for (int d = units->dims->ndim - 1; d >= 0; d--) {
        out->start[d] = (int64_t)(i % (uint64_t)units->grid[d]) * units->extent[d];
        out->extent[d] = mt_min_i64(units->extent[d], units->dims->shape[d] - out->start[d]);
        i /= (uint64_t)units->grid[d];
    }
}

uint64_t mt_units_find(const mt_units *units, const int64_t *place)
{
    uint64_t i = 0;
    for (int d = 0; d < units->dims->ndim; d++)
        i = i * (uint64_t)units->grid[d] + (uint64_t)(place[d] / units->extent[d]);
    return i;
}
