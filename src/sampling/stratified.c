/* SPDX-License-Identifier: BSD-3-Clause */
/* Stratified patches (CAREamics' StratifiedPatching): each part of an image is visited equally often. */
#include "sampling/stratified.h"

#include "base/checked.h"
#include "sampling/sums.h"

#include <string.h>

/* The grid of a stack, and its number of patches. An image that is padded is at least as large as a patch. */
static mt_status lay_grid(mt_patching *p, size_t stack, mt_error *err)
{
    const int64_t *shape = mt_patching_shape(p, stack);
    int64_t size[3];
    for (size_t i = 0; i < p->n_spatial; i++)
        size[i] = mt_max_i64(shape[i], p->patch_size[i]);
    mt_stack_regions *regions = mt_stratified_stack(p, stack);
    mt_status st = mt_region_grid_make(size, p->patch_size, p->n_spatial, &regions->grid, err);
    if (!st && mt_region_grid_needs_plan(&regions->grid))
        st = mt_region_plan_new(&p->context->env, &regions->grid, NULL, NULL, &regions->plan, err);
    if (st) {
        mt_stack_prefix(p->stacks, p->n_stacks, stack, err);
        return st;
    }
    return mt_patching_set_count(p, stack, mt_region_patches(&regions->grid, regions->plan), err);
}

static mt_status begin(mt_patching *p, const mt_patching_options *options, mt_error *err)
{
    (void)options;
    int64_t volume;
    if (mt_product_i64(p->patch_size, (int)p->n_spatial, &volume))
        return mt_fail(err, MT_E_LIMIT, "a patch has more than 2^63 pixels");
    mt_status st = mt_patching_check_sizes(p, err);
    if (st || (st = mt_alloc(&p->context->env, p->n_stacks * sizeof(mt_stack_regions), &p->state, err)))
        return st;
    memset(p->state, 0, p->n_stacks * sizeof(mt_stack_regions));
    for (size_t s = 0; !st && s < p->n_stacks; s++)
        st = lay_grid(p, s, err);
    return st;
}

static void end(mt_patching *p)
{
    mt_env *env = &p->context->env;
    for (size_t s = 0; p->state && s < p->n_stacks; s++) {
        mt_stack_regions *regions = mt_stratified_stack(p, s);
        const size_t n = (size_t)mt_stratified_samples(p, s);
        mt_region_plan_free(env, regions->plan);
        for (size_t i = 0; regions->samples && i < n; i++)
            mt_region_plan_free(env, regions->samples[i].plan);
        if (regions->samples) {
            mt_release(env, regions->samples, n * sizeof *regions->samples);
            mt_release(env, regions->counts, (n + 1) * sizeof *regions->counts);
        }
    }
    if (p->state)
        mt_release(env, p->state, p->n_stacks * sizeof(mt_stack_regions));
}

/* Finds the sample of a patch of a stack, and the number of the patch in it. */
static int64_t find_sample(const mt_patching *p, size_t stack, uint64_t *number)
{
    const mt_stack_regions *regions = mt_stratified_stack(p, stack);
    if (!regions->samples) {
        uint64_t n = mt_region_patches(&regions->grid, regions->plan), sample = *number / n;
        *number %= n;
        return (int64_t)sample;
    }
    return (int64_t)mt_sums_find(regions->counts, (size_t)mt_stratified_samples(p, stack), number);
}

static void get(const mt_patching *p, uint64_t epoch, uint64_t index, uint64_t redraw, uint64_t number,
                mt_patch_spec *out)
{
    mt_random random;
    mt_random_start(&random, p->seed, MT_STREAM_PATCH, epoch, index, redraw);
    if (redraw)
        number = mt_patching_move(p, &random, out);
    out->sample = find_sample(p, out->stack, &number);
    mt_region_draw(&mt_stratified_stack(p, out->stack)->grid, mt_stratified_plan(p, out->stack, out->sample), number,
                   &random, out->coords);
}

static uint64_t digest(const mt_patching *p, uint64_t sum)
{
    for (size_t s = 0; s < p->n_stacks; s++) {
        const mt_stack_regions *regions = mt_stratified_stack(p, s);
        for (int64_t i = 0; regions->samples && i < mt_stratified_samples(p, s); i++) {
            const mt_region_plan *plan = regions->samples[i].plan;
            if (!plan)
                continue;
            sum = mt_fnv_add_number(mt_fnv_add_number(sum, s), (uint64_t)i);
            if (plan->weights)
                sum = mt_fnv_add(sum, plan->weights, (size_t)regions->grid.n_regions * sizeof *plan->weights);
            if (plan->is_excluded)
                sum = mt_fnv_add(sum, plan->is_excluded, (size_t)regions->grid.n_cells);
        }
    }
    return sum;
}

const mt_strategy mt_strategy_stratified = {
    .name = "stratified",
    .has_patch_size = true,
    .can_redraw = true,
    .begin = begin,
    .end = end,
    .get = get,
    .digest = digest,
};

mt_status mt_stratified_check(const mt_patching *p, size_t stack, int64_t sample, mt_error *err)
{
    if (p->strategy != &mt_strategy_stratified)
        return mt_fail(err, MT_E_ARGUMENT, "patches of the strategy \"%s\" have no regions: use \"stratified\"",
                       p->strategy->name);
    if (stack >= p->n_stacks)
        return mt_fail(err, MT_E_RANGE, "stack %zu is out of bounds for %zu stacks", stack, p->n_stacks);
    const int64_t n = mt_stratified_samples(p, stack);
    if (sample >= 0 && sample < n)
        return MT_OK;
    mt_status st =
        mt_fail(err, MT_E_RANGE, "sample %lld is out of bounds for %lld samples", (long long)sample, (long long)n);
    mt_stack_prefix(p->stacks, p->n_stacks, stack, err);
    return st;
}

mt_status mt_patching_get_grid(const mt_patching *p, size_t stack, int64_t sample, mt_region_info *out, mt_error *err)
{
    mt_error_reset(err);
    size_t room = out->struct_size;
    mt_region_info info = { .struct_size = room };
    if (room == 0 || room > sizeof info)
        return mt_fail(err, MT_E_ARGUMENT, "mt_region_info.struct_size is %zu, not %zu", room, sizeof info);
    mt_status st = mt_stratified_check(p, stack, sample, err);
    if (st)
        return st;
    const mt_region_grid *grid = &mt_stratified_stack(p, stack)->grid;
    const mt_region_plan *plan = mt_stratified_plan(p, stack, sample);
    info.n_spatial = grid->n_spatial;
    memcpy(info.shape, grid->n, sizeof info.shape);
    info.n_regions = grid->n_regions;
    info.n_patches = mt_region_patches(grid, plan);
    info.bin_size = mt_region_bin_size(grid, plan);
    memcpy(out, &info, room);
    return MT_OK;
}

/* The bins of all regions. */
static void list_bins(const mt_region_grid *grid, const mt_region_plan *plan, uint64_t *bins)
{
    const uint64_t n = mt_region_patches(grid, plan);
    for (uint64_t r = 0; r < grid->n_regions; r++)
        bins[r] = plan ? 0 : r;
    for (uint64_t b = 0; plan && b < n; b++)
        for (uint64_t k = plan->first[b]; k < plan->first[b + 1]; k++)
            bins[plan->members[k]] = b;
}

mt_status mt_patching_get_regions(const mt_patching *p, size_t stack, int64_t sample, int64_t *areas,
                                  double *probabilities, uint64_t *bins, mt_error *err)
{
    mt_error_reset(err);
    mt_status st = mt_stratified_check(p, stack, sample, err);
    if (st)
        return st;
    const mt_region_grid *grid = &mt_stratified_stack(p, stack)->grid;
    const mt_region_plan *plan = mt_stratified_plan(p, stack, sample);
    const double bin_size = mt_region_bin_size(grid, plan);
    for (uint64_t r = 0; r < grid->n_regions; r++) {
        int64_t place[3], boxes[MT_MOST_BOXES];
        mt_region_place(grid, r, place);
        int64_t area = mt_region_area(grid, plan ? plan->is_excluded : NULL, place, boxes);
        double weight = plan && plan->weights ? plan->weights[r] : 1;
        if (areas)
            areas[r] = area;
        if (probabilities)
            probabilities[r] = bin_size > 0 ? (double)area * weight / bin_size : 0;
    }
    if (bins)
        list_bins(grid, plan, bins);
    return MT_OK;
}
