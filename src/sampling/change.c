/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes of stratified patchings: weights and excluded cells. */
#include "base/checked.h"
#include "sampling/stratified.h"
#include "sampling/sums.h"

#include <string.h>

/* Gives each sample of a stack a place for its own plan. */
static mt_status add_samples(mt_patching *p, size_t stack, mt_error *err)
{
    mt_env *env = &p->context->env;
    mt_stack_regions *regions = mt_stratified_stack(p, stack);
    const size_t n = (size_t)mt_stratified_samples(p, stack);
    const uint64_t each = mt_region_patches(&regions->grid, regions->plan);
    void *samples, *counts;
    if (regions->samples)
        return MT_OK;
    mt_status st = mt_alloc(env, n * sizeof *regions->samples, &samples, err);
    if (st)
        return st;
    if ((st = mt_alloc(env, (n + 1) * sizeof *regions->counts, &counts, err))) {
        mt_release(env, samples, n * sizeof *regions->samples);
        return st;
    }
    regions->samples = memset(samples, 0, n * sizeof *regions->samples);
    regions->counts = counts;
    mt_sums_fill(counts, n, each);
    return MT_OK;
}

mt_status mt_change_add(mt_change *c, size_t stack, int64_t sample, mt_sample_change **out, mt_error *err)
{
    mt_patching *p = c->patching;
    mt_status st = mt_stratified_check(p, stack, sample, err);
    if (st || (st = mt_region_plan_check(&mt_stratified_stack(p, stack)->grid, err)) ||
        (st = add_samples(p, stack, err)))
        return st;
    size_t *place = &mt_stratified_stack(p, stack)->samples[sample].change;
    if (!c->samples || *place == 0) {
        if (c->n == c->room) {
            size_t room = c->room ? 2 * c->room : 16;
            void *moved =
                mt_resize(&p->context->env, c->samples, c->room * sizeof *c->samples, room * sizeof *c->samples);
            if (!moved)
                return mt_fail(err, MT_E_MEMORY, "%zu changed samples", room);
            c->samples = moved;
            c->room = room;
        }
        c->samples[c->n] = (mt_sample_change) { .stack = stack, .sample = sample };
        *place = ++c->n;
    }
    *out = &c->samples[*place - 1];
    return MT_OK;
}

mt_status mt_change_copy_cells(mt_change *c, mt_sample_change *of, mt_error *err)
{
    mt_patching *p = c->patching;
    const mt_region_plan *plan = mt_stratified_plan(p, of->stack, of->sample);
    const size_t n = (size_t)mt_stratified_stack(p, of->stack)->grid.n_cells;
    void *memory;
    if (of->cells)
        return MT_OK;
    mt_status st = mt_alloc(&p->context->env, n, &memory, err);
    if (st)
        return st;
    of->cells = memory;
    if (plan && plan->is_excluded)
        memcpy(of->cells, plan->is_excluded, n);
    else
        memset(of->cells, 0, n);
    return MT_OK;
}

mt_status mt_change_compute(mt_change *c, uint64_t *n_patches, mt_error *err)
{
    mt_patching *p = c->patching;
    *n_patches = mt_patching_count(p);
    for (size_t i = 0; i < c->n; i++) {
        mt_sample_change *of = &c->samples[i];
        const mt_region_grid *grid = &mt_stratified_stack(p, of->stack)->grid;
        const mt_region_plan *old = mt_stratified_plan(p, of->stack, of->sample);
        mt_status st = mt_region_plan_new(&p->context->env, grid, of->weights || !old ? of->weights : old->weights,
                                          of->cells || !old ? of->cells : old->is_excluded, &of->plan, err);
        if (st) {
            mt_stack_prefix(p->stacks, p->n_stacks, of->stack, err);
            return st;
        }
        *n_patches += mt_region_patches(grid, of->plan) - mt_region_patches(grid, old);
    }
    return MT_OK;
}

/* Exchanges the plan of a sample for the new one. The patching gets no more patches than it had at the beginning. */
static void exchange_plan(mt_patching *p, mt_sample_change *of)
{
    mt_stack_regions *regions = mt_stratified_stack(p, of->stack);
    mt_sample_regions *sample = &regions->samples[of->sample];
    mt_region_plan *old = sample->plan;
    const uint64_t before = mt_region_patches(&regions->grid, mt_stratified_plan(p, of->stack, of->sample));
    const uint64_t change = mt_region_patches(&regions->grid, of->plan) - before;
    mt_sums_add(regions->counts, (size_t)mt_stratified_samples(p, of->stack), (size_t)of->sample, change);
    mt_sums_add(p->counts, p->n_stacks, of->stack, change);
    sample->plan = of->plan;
    of->plan = old;
}

void mt_change_make(mt_change *c)
{
    for (size_t i = 0; i < c->n; i++)
        exchange_plan(c->patching, &c->samples[i]);
}

void mt_change_end(mt_change *c)
{
    mt_env *env = &c->patching->context->env;
    for (size_t i = 0; i < c->n; i++) {
        mt_sample_change *of = &c->samples[i];
        const mt_stack_regions *regions = mt_stratified_stack(c->patching, of->stack);
        regions->samples[of->sample].change = 0;
        mt_region_plan_free(env, of->plan);
        if (of->cells)
            mt_release(env, of->cells, (size_t)regions->grid.n_cells);
    }
    if (c->samples)
        mt_release(env, c->samples, c->room * sizeof *c->samples);
}

mt_status mt_patching_check_changeable(const mt_patching *p, mt_error *err)
{
    if (p->strategy != &mt_strategy_stratified)
        return mt_fail(err, MT_E_ARGUMENT, "patches of the strategy \"%s\" have no regions: use \"stratified\"",
                       p->strategy->name);
    if (p->is_frozen)
        return mt_fail(err, MT_E_ARGUMENT, "a loader uses this patching: change it before, or make another one");
    return MT_OK;
}

/* Makes a prepared change. */
static mt_status finish(mt_change *c, mt_status st, mt_error *err)
{
    uint64_t n_patches;
    if (!st && !(st = mt_change_compute(c, &n_patches, err)))
        mt_change_make(c);
    mt_change_end(c);
    return st;
}

mt_status mt_patching_weigh(mt_patching *p, size_t stack, int64_t sample, const double *weights, size_t n,
                            mt_error *err)
{
    mt_change change = { .patching = p };
    mt_sample_change *of;
    mt_error_reset(err);
    mt_status st = mt_patching_check_changeable(p, err);
    if (st || (st = mt_stratified_check(p, stack, sample, err)))
        return st;
    const mt_region_grid *grid = &mt_stratified_stack(p, stack)->grid;
    if (n != grid->n_regions)
        return mt_fail(err, MT_E_ARGUMENT, "%zu weights for %llu regions", n, (unsigned long long)grid->n_regions);
    for (size_t i = 0; i < n; i++)
        if (!(weights[i] >= 0 && weights[i] <= 1))
            return mt_fail(err, MT_E_ARGUMENT, "the weight %g of region %zu is not between 0 and 1", weights[i], i);
    if (!(st = mt_change_add(&change, stack, sample, &of, err)))
        of->weights = weights;
    return finish(&change, st, err);
}

/* Marks the cells that the part of a box inside the image overlaps. */
static void mark_cells(const mt_region_grid *grid, const mt_patch_spec *box, uint8_t *cells)
{
    int64_t from[3] = { 0 }, n[3] = { 1, 1, 1 }, total = 1;
    for (size_t i = 0; i < grid->n_spatial; i++) {
        int64_t end, begin = mt_max_i64(box->coords[i], 0);
        if (mt_add_i64(box->coords[i], box->patch_size[i], &end) || end > grid->size[i])
            end = grid->size[i];
        if (end <= begin)
            return;
        from[i] = begin / grid->patch_size[i];
        n[i] = (end - 1) / grid->patch_size[i] + 1 - from[i];
        total *= n[i];
    }
    for (int64_t k = 0; k < total; k++) {
        int64_t at[3], rest = k;
        for (size_t i = grid->n_spatial; i-- > 0; rest /= n[i])
            at[i] = from[i] + rest % n[i];
        cells[mt_region_cell(grid, at)] = 1;
    }
}

static mt_status check_box(const mt_patching *p, const mt_patch_spec *box, mt_error *err)
{
    for (size_t i = 0; i < p->n_spatial; i++)
        if (box->patch_size[i] <= 0)
            return mt_fail(err, MT_E_ARGUMENT, "the size %lld of an excluded box is not positive",
                           (long long)box->patch_size[i]);
    return MT_OK;
}

mt_status mt_patching_exclude(mt_patching *p, const mt_patch_spec *specs, size_t n, mt_error *err)
{
    mt_change change = { .patching = p };
    mt_sample_change *of;
    mt_error_reset(err);
    mt_status st = mt_patching_check_changeable(p, err);
    for (size_t i = 0; !st && i < n; i++)
        if (!(st = check_box(p, &specs[i], err)) &&
            !(st = mt_change_add(&change, specs[i].stack, specs[i].sample, &of, err)) &&
            !(st = mt_change_copy_cells(&change, of, err)))
            mark_cells(&mt_stratified_stack(p, specs[i].stack)->grid, &specs[i], of->cells);
    return finish(&change, st, err);
}
