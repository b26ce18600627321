/* SPDX-License-Identifier: BSD-3-Clause */
/* Random patches: as many for each sample as patches cover it, at uniform positions (CAREamics' RandomPatchingStrategy
 * and FixedRandomPatchingStrategy). */
#include "base/checked.h"
#include "sampling/patching.h"

/* The number of patches of a sample; UINT64_MAX on overflow. */
static uint64_t count_patches(const mt_patching *p, size_t stack)
{
    const int64_t *shape = mt_patching_shape(p, stack);
    uint64_t n = 1;
    for (size_t i = 0; i < p->n_spatial; i++) {
        uint64_t along = (uint64_t)shape[i] / (uint64_t)p->patch_size[i];
        along += along * (uint64_t)p->patch_size[i] < (uint64_t)shape[i];
        if (mt_mul_u64(n, along, &n))
            return UINT64_MAX;
    }
    return n;
}

static mt_status begin(mt_patching *p, const mt_patching_options *options, mt_error *err)
{
    (void)options;
    mt_status st = mt_patching_check_sizes(p, err);
    for (size_t s = 0; !st && s < p->n_stacks; s++)
        st = mt_patching_set_count(p, s, count_patches(p, s), err);
    return st;
}

static void draw(const mt_patching *p, uint64_t epoch, uint64_t index, uint64_t redraw, uint64_t number,
                 mt_patch_spec *out)
{
    mt_random random;
    mt_random_start(&random, p->seed, MT_STREAM_PATCH, epoch, index, redraw);
    if (redraw)
        number = mt_patching_move(p, &random, out);
    const int64_t *shape = mt_patching_shape(p, out->stack);
    out->sample = (int64_t)(number / count_patches(p, out->stack));
    for (size_t i = 0; i < p->n_spatial; i++)
        if (shape[i] > p->patch_size[i])
            out->coords[i] = (int64_t)mt_random_below(&random, (uint64_t)(shape[i] - p->patch_size[i]) + 1);
}

static void draw_fixed(const mt_patching *p, uint64_t epoch, uint64_t index, uint64_t redraw, uint64_t number,
                       mt_patch_spec *out)
{
    (void)epoch;
    draw(p, 0, index, redraw, number, out);
}

const mt_strategy mt_strategy_random = {
    .name = "random", .has_patch_size = true, .can_redraw = true, .begin = begin, .get = draw
};
const mt_strategy mt_strategy_fixed_random = {
    .name = "fixed_random", .has_patch_size = true, .can_redraw = true, .begin = begin, .get = draw_fixed
};
