/* SPDX-License-Identifier: BSD-3-Clause */
#include "loader/batch.h"

#include "base/checked.h"
#include "sampling/symmetry.h"

#include <string.h>

/* What making one batch needs. */
typedef struct making {
    const mt_recipe *recipe;
    mt_batch_memory *batch;
    uint64_t epoch;
    const mt_extract_options *options;
} making;

static mt_status draw_specs(const making *m, size_t n, mt_error *err)
{
    const mt_recipe *recipe = m->recipe;
    mt_patch_spec *specs = m->batch->specs;
    for (size_t j = 0; j < n; j++) {
        uint64_t index = m->batch->indices[j];
        mt_status st = mt_patching_get(recipe->patching, m->epoch, index, 0, &specs[j], err);
        if (st)
            return st;
        if (memcmp(specs[j].patch_size, specs[0].patch_size, sizeof specs[0].patch_size) != 0)
            return mt_fail(err, MT_E_ARGUMENT,
                           "patches %llu and %llu have different sizes and cannot form a batch; use batches of one",
                           (unsigned long long)m->batch->indices[0], (unsigned long long)index);
        m->batch->symmetries[j] = mt_symmetry_draw(&recipe->augment, recipe->seed, m->epoch, index);
    }
    return MT_OK;
}

static mt_status shape_array(mt_batch_memory *batch, const mt_recipe *recipe, size_t a, size_t n, mt_error *err)
{
    const mt_patch_spec *spec = &batch->specs[0];
    mt_batch_array *array = &batch->arrays[a];
    int64_t elements;
    size_t bytes;
    array->dtype = mt_array_dtype(&recipe->arrays[a]);
    array->ndim = 2 + (int)spec->n_spatial;
    array->shape[0] = (int64_t)n;
    array->shape[1] = mt_array_channels(&recipe->arrays[a]);
    memcpy(array->shape + 2, spec->patch_size, spec->n_spatial * sizeof *array->shape);
    if (mt_product_i64(array->shape, array->ndim, &elements) || (uint64_t)elements > SIZE_MAX ||
        mt_mul_size((size_t)elements, mt_dtype_size(array->dtype), &bytes))
        return mt_fail(err, MT_E_MEMORY, "a batch of %zu patches has too many bytes", n);
    return mt_batch_reserve(batch, a, bytes, err);
}

/* Sets the requests of patch j, one for each array. */
static void set_requests(const making *m, size_t j)
{
    const mt_recipe *recipe = m->recipe;
    const mt_patch_spec *spec = &m->batch->specs[j];
    for (size_t a = 0; a < recipe->n_arrays; a++) {
        const mt_loader_array *from = &recipe->arrays[a];
        const mt_batch_array *to = &m->batch->arrays[a];
        int64_t *strides = m->batch->strides[j * recipe->n_arrays + a], stride = (int64_t)mt_dtype_size(to->dtype);
        for (int d = to->ndim - 1; d >= 1; d--) {
            strides[d - 1] = stride;
            stride *= to->shape[d];
        }
        int64_t first = mt_symmetry_strides(m->batch->symmetries[j], spec->n_spatial, spec->patch_size, strides);
        mt_patch_request *r = &m->batch->requests[j * recipe->n_arrays + a];
        *r = (mt_patch_request) { .stack = from->stacks[spec->stack],
                                  .sample = spec->sample,
                                  .channels = from->channels,
                                  .n_channels = from->n_channels,
                                  .n_spatial = spec->n_spatial,
                                  .coords = spec->coords,
                                  .patch_size = spec->patch_size,
                                  .view = from->view };
        r->view.data = (uint8_t *)to->data + (int64_t)j * stride + first;
        r->view.strides = strides;
    }
}

static mt_status extract(const making *m, size_t first, size_t n, mt_error *err)
{
    mt_extract_options options = { .struct_size = sizeof options, .keep_chunks = 1 };
    if (m->options) {
        options.cancelled = m->options->cancelled;
        options.user = m->options->user;
        options.copy_alone = m->options->copy_alone;
    }
    options.statuses = m->batch->statuses + first;
    return mt_extract_patches(m->batch->requests + first, n, &options, err);
}

static bool is_corrupt(mt_status st) { return st == MT_E_CORRUPT || st == MT_E_UNSUPPORTED; }

/* The outcome of patch j: a failure that is not about its pixels counts more. */
static mt_status outcome(const making *m, size_t j)
{
    size_t n = m->recipe->n_arrays;
    mt_status worst = MT_OK;
    for (size_t a = 0; a < n; a++) {
        mt_status st = m->batch->statuses[j * n + a];
        if (st && (worst == MT_OK || is_corrupt(worst)))
            worst = st;
    }
    return worst;
}

static mt_status redraw(const making *m, size_t j, uint64_t *redraws, mt_error *err)
{
    size_t n = m->recipe->n_arrays;
    mt_status st = MT_OK;
    for (uint64_t k = 1; k <= MT_MAX_REDRAWS; k++) {
        if ((st = mt_patching_get(m->recipe->patching, m->epoch, m->batch->indices[j], k, &m->batch->specs[j], err)))
            return st;
        set_requests(m, j);
        st = extract(m, j * n, n, err);
        *redraws = k;
        if (!is_corrupt(st))
            return st;
    }
    mt_error_prefix(err, "after %d other positions", MT_MAX_REDRAWS);
    return st;
}

/* Deals with the patches that could not be read. failure: of the extraction. */
static mt_status mend(const making *m, size_t n, mt_status failure, mt_error *err)
{
    mt_batch *shown = &m->batch->shown;
    if (m->recipe->on_corrupt == MT_ON_CORRUPT_FAIL || !is_corrupt(failure))
        return failure;
    for (size_t j = 0; j < n; j++) {
        mt_bad_patch bad = { .position = j, .status = outcome(m, j) };
        if (bad.status == MT_OK)
            continue;
        if (!is_corrupt(bad.status)) { /* once more, for its message */
            bad.status = extract(m, j * m->recipe->n_arrays, m->recipe->n_arrays, err);
            if (bad.status == MT_OK)
                continue;
            if (!is_corrupt(bad.status))
                return bad.status;
        }
        if (m->recipe->on_corrupt == MT_ON_CORRUPT_REDRAW) {
            mt_status st = redraw(m, j, &bad.redraws, err);
            if (st)
                return st;
        }
        m->batch->bad[shown->n_bad++] = bad;
    }
    mt_error_reset(err);
    return MT_OK;
}

/* Adds noise to the patches of the first array. The numbers of a patch follow from its index. */
static mt_status add_noise(const making *m, size_t n, mt_error *err)
{
    const mt_recipe *recipe = m->recipe;
    const mt_batch_array *array = &m->batch->arrays[0];
    mt_noise_options noise = recipe->noise;
    int64_t shape[5], elements = 1;
    mt_status st = MT_OK;
    memcpy(shape, array->shape, sizeof shape);
    shape[0] = 1;
    for (int d = 1; d < array->ndim; d++)
        elements *= shape[d];
    noise.seed = recipe->seed;
    noise.step = m->epoch;
    for (size_t j = 0; !st && j < n; j++) {
        float *patch = (float *)array->data + (int64_t)j * elements;
        noise.first = m->batch->indices[j];
        st = mt_noise_add(recipe->context, patch, shape, (size_t)array->ndim, &noise, patch, err);
    }
    return st;
}

mt_status mt_batch_make(const mt_recipe *recipe, uint64_t epoch, size_t n, const mt_extract_options *options,
                        mt_batch_memory *batch, mt_error *err)
{
    making m = { recipe, batch, epoch, options };
    mt_status st = draw_specs(&m, n, err);
    for (size_t a = 0; !st && a < recipe->n_arrays; a++)
        st = shape_array(batch, recipe, a, n, err);
    if (st)
        return st;
    for (size_t j = 0; j < n; j++)
        set_requests(&m, j);
    batch->shown.epoch = epoch;
    batch->shown.n = n;
    st = extract(&m, 0, n * recipe->n_arrays, err);
    if (st)
        st = mend(&m, n, st, err);
    return st || recipe->noise.struct_size == 0 ? st : add_noise(&m, n, err);
}
