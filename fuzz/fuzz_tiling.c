/* SPDX-License-Identifier: BSD-3-Clause */
/* Tilings of any image: the crops of tiles partition it. */
#include "choose_tiling.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_TILES = 500 };

static void note_tile(const mt_patch_spec *spec)
{
    outcome_number(spec->sample);
    outcome_number((int64_t)spec->total_tiles);
    for (size_t i = 0; i < spec->n_spatial; i++) {
        outcome_number(spec->coords[i]);
        outcome_number(spec->crop_coords[i]);
        outcome_number(spec->crop_size[i]);
        if (spec->stitch_coords[i] != spec->coords[i] + spec->crop_coords[i] || spec->crop_coords[i] < 0 ||
            spec->crop_size[i] < 1 || spec->crop_coords[i] + spec->crop_size[i] > spec->patch_size[i])
            __builtin_trap();
    }
}

/* As many pixels as the image has, and none twice, as crops of consecutive tiles are disjoint. */
static void check_tiles(const mt_tiling *tiling, const mt_tiling_info *info)
{
    int64_t pixels = info->n_samples, kept = 0;
    mt_patch_spec spec;
    mt_error err = MT_ERROR_INIT;
    for (size_t i = 0; i < info->n_spatial; i++)
        pixels *= info->shape[i];
    for (uint64_t t = 0; t < info->n_tiles; t++) {
        int64_t crop = 1;
        if (mt_tiling_get(tiling, t, &spec, &err))
            __builtin_trap();
        note_tile(&spec);
        for (size_t i = 0; i < info->n_spatial; i++)
            crop *= spec.crop_size[i];
        kept += crop;
    }
    if (kept != pixels || note_status(mt_tiling_get(tiling, info->n_tiles, &spec, &err), &err) != MT_E_RANGE)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    choice c = { .at = data, .end = data + size };
    mt_context *context = new_limited_context();
    mt_stack *stack = open_blank(&c, context);
    mt_tiling *tiling = stack ? new_tiling(&c, stack) : NULL;
    if (tiling) {
        const mt_tiling_info *info = mt_tiling_get_info(tiling);
        note_info(info);
        if (info->n_tiles <= MOST_TILES)
            check_tiles(tiling, info);
        mt_tiling_free(tiling);
    }
    mt_stack_close(stack);
    mt_context_free(context);
    return 0;
}
