/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/context.h"
#include "sampling/planes.h"
#include "sampling/symmetry.h"
#include "write/values.h"

#include "base/checked.h"

#include <microtome/predict.h>

#include <math.h>
#include <string.h>

/* Planes are added in boxes of at most SIDE rows and columns, whose values wait on the stack. */
enum { SIDE = 64 };

struct mt_ensemble {
    mt_context *context; /* retained */
    int64_t size[2];     /* of a plane, YX */
    size_t n_planes;     /* of all tiles, channels and Z */
    size_t n_added;      /* outputs in the sums */
    size_t bytes;        /* of each of these, in the order of the shape: */
    float *mean;         /* of the outputs added */
    float *squares;      /* sums of the squared deviations from it */
};

/* One output that is added. */
typedef struct addition {
    const mt_ensemble *to;
    const uint8_t *data;
    mt_dtype dtype;
    int64_t stride[2]; /* in data, in bytes, along Y and X of the result */
    int64_t first;     /* bytes from the start of a plane to the pixel at 0, 0 of the result */
    int64_t plane;     /* bytes of a plane */
    size_t bands;      /* of SIDE rows, in a plane */
} addition;

mt_status mt_ensemble_new(mt_context *given, int ndim, const int64_t *shape, mt_ensemble **out, mt_error *err)
{
    mt_planes planes;
    void *memory;
    mt_error_reset(err);
    mt_status st = mt_planes_make(shape, ndim < 0 ? 0 : (size_t)ndim, &planes, err);
    if (st)
        return st;
    mt_context *context = mt_context_retain(given, err);
    if (!context)
        return MT_E_MEMORY;
    if ((st = mt_alloc(&context->env, sizeof(mt_ensemble), &memory, err))) {
        mt_context_free(context);
        return st;
    }
    mt_ensemble *e = memory;
    *e = (mt_ensemble) { .context = context, .size = { planes.shape[1], planes.shape[2] } };
    e->n_planes = mt_planes_count(&planes) * (size_t)planes.shape[0];
    e->bytes = mt_planes_count(&planes) * planes.elements * sizeof(float);
    if (!(st = mt_alloc(&context->env, e->bytes, &memory, err))) {
        e->mean = memory;
        st = mt_alloc(&context->env, e->bytes, &memory, err);
    }
    if (st) {
        mt_ensemble_free(e);
        return st;
    }
    e->squares = memory;
    *out = e;
    return MT_OK;
}

void mt_ensemble_free(mt_ensemble *e)
{
    if (!e)
        return;
    mt_context *context = e->context;
    mt_release(&context->env, e->squares, e->bytes);
    mt_release(&context->env, e->mean, e->bytes);
    mt_release(&context->env, e, sizeof *e);
    mt_context_free(context);
}

/* Welford, Note on a method for calculating corrected sums of squares and products, Technometrics 4 (1962): the k-th
 * value of each of n pixels. */
static void update(const float *restrict x, float k, size_t n, float *restrict mean, float *restrict squares)
{
    for (size_t i = 0; i < n; i++) {
        const float deviation = x[i] - mean[i];
        mean[i] += deviation / k;
        squares[i] += deviation * (x[i] - mean[i]);
    }
}

static void start(const float *restrict x, size_t n, float *restrict mean, float *restrict squares)
{
    memcpy(mean, x, n * sizeof *x);
    memset(squares, 0, n * sizeof *squares);
}

static void add_box(const addition *a, size_t plane, int64_t y, int64_t x)
{
    const mt_ensemble *e = a->to;
    const int64_t extent[2] = { mt_min_i64(SIDE, e->size[0] - y), mt_min_i64(SIDE, e->size[1] - x) };
    const int64_t dense[2] = { extent[1] * (int64_t)sizeof(float), sizeof(float) };
    const uint8_t *corner = a->data + (int64_t)plane * a->plane + a->first + y * a->stride[0] + x * a->stride[1];
    const size_t columns = (size_t)extent[1];
    float values[SIDE * SIDE];
    mt_value_counts unused = { 0 };
    mt_values_convert(2, extent, &(mt_values_out) { (uint8_t *)values, dense, MT_FLOAT32 },
                      &(mt_values_in) { corner, a->stride, a->dtype, false }, &unused);
    for (int64_t r = 0; r < extent[0]; r++) {
        const size_t at = (plane * (size_t)e->size[0] + (size_t)(y + r)) * (size_t)e->size[1] + (size_t)x;
        const float *row = values + (size_t)r * columns;
        if (e->n_added == 0)
            start(row, columns, e->mean + at, e->squares + at);
        else
            update(row, (float)(e->n_added + 1), columns, e->mean + at, e->squares + at);
    }
}

static void add_band(void *argument, size_t index)
{
    const addition *a = argument;
    const int64_t y = (int64_t)(index % a->bands) * SIDE;
    for (int64_t x = 0; x < a->to->size[1]; x += SIDE)
        add_box(a, index / a->bands, y, x);
}

mt_status mt_ensemble_add(mt_ensemble *e, const void *data, mt_dtype dtype, int symmetry, mt_error *err)
{
    mt_error_reset(err);
    const int64_t size = (int64_t)mt_dtype_size(dtype);
    if (size == 0)
        return mt_fail(err, MT_E_ARGUMENT, "%d is not a dtype", (int)dtype);
    if (symmetry < 0 || symmetry >= 8)
        return mt_fail(err, MT_E_ARGUMENT, "symmetry %d is not one of 0 to 7", symmetry);
    if (e->n_planes == 0) {
        e->n_added++;
        return MT_OK;
    }
    /* Where the pixels of a patch went: C (unused), Y, X. */
    int64_t strides[3] = { 0, (symmetry & MT_SWAP_YX ? e->size[0] : e->size[1]) * size, size };
    addition a = { .to = e, .data = data, .dtype = dtype, .plane = e->size[0] * e->size[1] * size };
    a.first = mt_symmetry_strides((uint8_t)symmetry, 2, e->size, strides);
    a.stride[0] = strides[1];
    a.stride[1] = strides[2];
    a.bands = (size_t)((e->size[0] + SIDE - 1) / SIDE);
    mt_pool_run(e->context->pool, e->n_planes * a.bands, add_band, &a);
    e->n_added++;
    return MT_OK;
}

static void take_spread(const float *restrict squares, float n_added, size_t n, float *restrict spread)
{
    for (size_t i = 0; i < n; i++)
        spread[i] = sqrtf(squares[i] / n_added);
}

mt_status mt_ensemble_take(mt_ensemble *e, float *mean, float *spread, mt_error *err)
{
    mt_error_reset(err);
    if (e->n_added == 0)
        return mt_fail(err, MT_E_ARGUMENT, "no output was added to the ensemble");
    memcpy(mean, e->mean, e->bytes);
    if (spread)
        take_spread(e->squares, (float)e->n_added, e->bytes / sizeof(float), spread);
    e->n_added = 0;
    return MT_OK;
}
