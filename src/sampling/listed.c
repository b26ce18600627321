/* SPDX-License-Identifier: BSD-3-Clause */
/* Patches that need no numbers: whole samples, and patches that the caller lists. */
#include "base/checked.h"
#include "sampling/patching.h"
#include "sampling/sums.h"

#include <string.h>

/* Notes the size of one of all patches, in patch_size: 0 if they have several. */
static void note_size(mt_patching *p, bool is_first, const int64_t *size)
{
    const size_t bytes = p->n_spatial * sizeof *size;
    p->is_oblong |= size[p->n_spatial - 1] != size[p->n_spatial - 2];
    if (is_first)
        memcpy(p->patch_size, size, bytes);
    else if (memcmp(p->patch_size, size, bytes) != 0)
        memset(p->patch_size, 0, sizeof p->patch_size);
}

static mt_status begin_whole(mt_patching *p, const mt_patching_options *options, mt_error *err)
{
    (void)options;
    mt_status st = MT_OK;
    for (size_t s = 0; !st && s < p->n_stacks; s++) {
        note_size(p, s == 0, mt_patching_shape(p, s));
        st = mt_patching_set_count(p, s, 1, err);
    }
    return st;
}

static void get_whole(const mt_patching *p, uint64_t epoch, uint64_t index, uint64_t redraw, uint64_t number,
                      mt_patch_spec *out)
{
    (void)epoch, (void)index, (void)redraw;
    out->sample = (int64_t)number;
    memcpy(out->patch_size, mt_patching_shape(p, out->stack), p->n_spatial * sizeof *out->patch_size);
}

const mt_strategy mt_strategy_whole = { .name = "whole", .begin = begin_whole, .get = get_whole };

static mt_status check_stack(const mt_patching *p, const mt_patch_spec *spec, size_t i, mt_error *err)
{
    if (spec->stack >= p->n_stacks)
        return mt_fail(err, MT_E_RANGE, "patch %zu: stack %zu is out of bounds for %zu stacks", i, spec->stack,
                       p->n_stacks);
    const int64_t n = p->stacks[spec->stack]->info.data_shape[0];
    if (spec->sample < 0 || spec->sample >= n)
        return mt_fail(err, MT_E_RANGE, "patch %zu: sample %lld is out of bounds for %lld samples", i,
                       (long long)spec->sample, (long long)n);
    if (spec->n_spatial != 0 && spec->n_spatial != p->n_spatial)
        return mt_fail(err, MT_E_ARGUMENT, "patch %zu has %zu coordinates, for images with the spatial axes %s", i,
                       spec->n_spatial, p->n_spatial == 3 ? "ZYX" : "YX");
    return MT_OK;
}

static mt_status check_place(const mt_patching *p, const mt_patch_spec *spec, size_t i, mt_error *err)
{
    for (size_t d = 0; d < p->n_spatial; d++) {
        const int64_t at = spec->coords[d], size = spec->patch_size[d], limit = mt_patching_shape(p, spec->stack)[d];
        const char axis = "ZYX"[d + 3 - p->n_spatial];
        if (size <= 0)
            return mt_fail(err, MT_E_ARGUMENT, "patch %zu: a patch size of %lld along %c is not positive", i,
                           (long long)size, axis);
        if (!p->pad && (at < 0 || size > limit || at > limit - size))
            return mt_fail(err, MT_E_ARGUMENT,
                           "patch %zu: %lld pixels from %lld along %c do not lie in an image of %lld, and padding is "
                           "not allowed",
                           i, (long long)size, (long long)at, axis, (long long)limit);
        if (spec->total_tiles != 0 &&
            (spec->crop_coords[d] < 0 || spec->crop_size[d] <= 0 || spec->crop_size[d] > size - spec->crop_coords[d]))
            return mt_fail(err, MT_E_ARGUMENT, "patch %zu: the crop of %lld pixels from %lld along %c is not inside", i,
                           (long long)spec->crop_size[d], (long long)spec->crop_coords[d], axis);
    }
    return MT_OK;
}

static mt_status begin_coords(mt_patching *p, const mt_patching_options *options, mt_error *err)
{
    mt_status st = MT_OK;
    size_t bytes;
    for (size_t i = 0; !st && i < options->n_specs; i++)
        if (!(st = check_stack(p, &options->specs[i], i, err)) && !(st = check_place(p, &options->specs[i], i, err)))
            note_size(p, i == 0, options->specs[i].patch_size);
    if (st)
        return st;
    if (mt_mul_size(options->n_specs, sizeof *options->specs, &bytes))
        return mt_fail(err, MT_E_MEMORY, "%zu patches", options->n_specs);
    if (bytes == 0 || (st = mt_alloc(&p->context->env, bytes, &p->state, err)))
        return st;
    memcpy(p->state, options->specs, bytes);
    mt_sums_add(p->counts, p->n_stacks, p->n_stacks - 1, options->n_specs);
    return MT_OK;
}

static void end_coords(mt_patching *p)
{
    if (p->state)
        mt_release(&p->context->env, p->state, (size_t)mt_patching_count(p) * sizeof(mt_patch_spec));
}

/* Copies the parts of a spec that are set; the caller may have left anything in the others. */
static void get_coords(const mt_patching *p, uint64_t epoch, uint64_t index, uint64_t redraw, uint64_t number,
                       mt_patch_spec *out)
{
    (void)epoch, (void)redraw, (void)number;
    const mt_patch_spec *spec = (const mt_patch_spec *)p->state + index;
    const size_t bytes = p->n_spatial * sizeof *spec->coords;
    out->stack = spec->stack;
    out->sample = spec->sample;
    out->total_tiles = spec->total_tiles;
    memcpy(out->coords, spec->coords, bytes);
    memcpy(out->patch_size, spec->patch_size, bytes);
    if (spec->total_tiles == 0)
        return;
    memcpy(out->crop_coords, spec->crop_coords, bytes);
    memcpy(out->crop_size, spec->crop_size, bytes);
    memcpy(out->stitch_coords, spec->stitch_coords, bytes);
}

static uint64_t digest_coords(const mt_patching *p, uint64_t digest)
{
    for (uint64_t i = 0; i < mt_patching_count(p); i++) {
        mt_patch_spec spec = { .n_spatial = p->n_spatial };
        get_coords(p, 0, i, 0, i, &spec);
        digest = mt_fnv_add_number(digest, spec.stack);
        digest = mt_fnv_add_number(digest, (uint64_t)spec.sample);
        digest = mt_fnv_add_number(digest, spec.total_tiles);
        digest = mt_fnv_add(digest, spec.coords, sizeof spec.coords);
        digest = mt_fnv_add(digest, spec.patch_size, sizeof spec.patch_size);
        digest = mt_fnv_add(digest, spec.crop_coords, sizeof spec.crop_coords);
        digest = mt_fnv_add(digest, spec.crop_size, sizeof spec.crop_size);
        digest = mt_fnv_add(digest, spec.stitch_coords, sizeof spec.stitch_coords);
    }
    return digest;
}

const mt_strategy mt_strategy_coords = { .name = "coords",
                                         .is_mixed = true,
                                         .begin = begin_coords,
                                         .end = end_coords,
                                         .get = get_coords,
                                         .digest = digest_coords };
