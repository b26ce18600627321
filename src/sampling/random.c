/* SPDX-License-Identifier: BSD-3-Clause */
/* Random patches: as many for each sample as patches cover it, at uniform positions (CAREamics' RandomPatchingStrategy
 * and FixedRandomPatchingStrategy). */
#include "base/checked.h"
#include "base/random.h"
#include "sampling/patching.h"

/* The number of patches of a sample; 0 on overflow or if there is no pixel. */
static uint64_t count_patches(const mt_patching *p, size_t stack)
{
    const int64_t *shape = mt_patching_shape(p, stack);
    uint64_t n = 1;
    for (size_t i = 0; i < p->n_spatial; i++) {
        uint64_t along = (uint64_t)shape[i] / (uint64_t)p->patch_size[i];
        along += along * (uint64_t)p->patch_size[i] < (uint64_t)shape[i];
        if (mt_mul_u64(n, along, &n))
            return 0;
    }
    return n;
}

static mt_status check_size(const mt_patching *p, size_t stack, mt_error *err)
{
    const int64_t *shape = mt_patching_shape(p, stack);
    for (size_t i = 0; i < p->n_spatial && !p->pad; i++)
        if (shape[i] < p->patch_size[i])
            return mt_fail(err, MT_E_ARGUMENT, "%s: %lld pixels along %c are less than a patch of %lld",
                           p->stacks[stack]->info.source, (long long)shape[i], "ZYX"[i + 3 - p->n_spatial],
                           (long long)p -> patch_size[i]);
    return MT_OK;
}

static mt_status begin(mt_patching *p, const mt_patching_options *options, mt_error *err)
{
    (void)options;
    for (size_t s = 0; s < p->n_stacks; s++) {
        uint64_t samples = (uint64_t)p->stacks[s]->info.data_shape[0], n = count_patches(p, s);
        mt_status st = check_size(p, s, err);
        if (st)
            return st;
        if (mt_mul_u64(n, samples, &n) || mt_add_u64(p->first[s], n, &p->first[s + 1]))
            return mt_fail(err, MT_E_LIMIT, "%s: more than 2^64 patches", p->stacks[s]->info.source);
    }
    return MT_OK;
}

static void draw(const mt_patching *p, uint64_t epoch, uint64_t index, uint64_t redraw, uint64_t number,
                 mt_patch_spec *out)
{
    const int64_t *shape = mt_patching_shape(p, out->stack);
    mt_random random;
    out->sample = (int64_t)(number / count_patches(p, out->stack));
    mt_random_start(&random, p->seed, MT_STREAM_PATCH, epoch, index, redraw);
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

const mt_strategy mt_strategy_random = { .name = "random", .begin = begin, .get = draw, .can_redraw = true };
const mt_strategy mt_strategy_fixed_random = {
    .name = "fixed_random", .begin = begin, .get = draw_fixed, .can_redraw = true
};
