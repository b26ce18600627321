/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/checked.h"
#include "sampling/packing.h"
#include "sampling/regions.h"

#include <math.h>
#include <string.h>

mt_status mt_region_plan_check(const mt_region_grid *grid, mt_error *err)
{
    if (grid->n_regions <= MT_PACKING_MOST && grid->n_cells <= MT_PACKING_MOST)
        return MT_OK;
    return mt_fail(err, MT_E_LIMIT, "%llu regions of patches, whose weights cannot be stored: at most 2^30",
                   (unsigned long long)grid->n_regions);
}

/* Allocates a plan for at most n_patches patches. */
static mt_status allocate(mt_env *env, const mt_region_grid *grid, uint64_t n_patches, bool has_weights, bool has_cells,
                          mt_region_plan **out, mt_error *err)
{
    const size_t n = (size_t)grid->n_regions, n_cells = has_cells ? (size_t)grid->n_cells : 0;
    const size_t words = (has_weights ? n : 0) + n + 1 + (size_t)n_patches + 1 + 2 * n;
    const size_t bytes = sizeof(mt_region_plan) + words * sizeof(uint64_t) + n_cells;
    void *memory;
    mt_status st = mt_region_plan_check(grid, err);
    if (st || (st = mt_alloc(env, bytes, &memory, err)))
        return st;
    mt_region_plan *plan = memory;
    *plan = (mt_region_plan) { .bytes = bytes };
    plan->area_before = (double *)(plan + 1);
    plan->share = plan->area_before + n + 1;
    plan->first = (uint64_t *)(void *)(plan->share + n);
    plan->members = plan->first + n_patches + 1;
    double *weights = (double *)(void *)(plan->members + n);
    plan->weights = has_weights ? weights : NULL;
    plan->is_excluded = has_cells ? (uint8_t *)(weights + (has_weights ? n : 0)) : NULL;
    *out = plan;
    return MT_OK;
}

/* Computes the weighted area of each region, and the sums of those before. */
static void weigh_areas(const mt_region_grid *grid, mt_region_plan *plan, double *areas)
{
    plan->area_before[0] = 0;
    for (uint64_t r = 0; r < grid->n_regions; r++) {
        int64_t place[3], boxes[MT_MOST_BOXES];
        mt_region_place(grid, r, place);
        areas[r] =
            (double)mt_region_area(grid, plan->is_excluded, place, boxes) * (plan->weights ? plan->weights[r] : 1);
        plan->area_before[r + 1] = plan->area_before[r] + areas[r];
    }
}

/* The number of excluded cells. A cell beyond the last region counts as the part of it that lies in the image. */
static double count_excluded(const mt_region_grid *grid, const uint8_t *is_excluded)
{
    double n = 0;
    for (uint64_t c = 0; is_excluded && c < grid->n_cells; c++) {
        double part = is_excluded[c];
        uint64_t rest = c;
        for (size_t i = grid->n_spatial; part > 0 && i-- > 0; rest /= (uint64_t)grid->cells[i]) {
            int64_t place = (int64_t)(rest % (uint64_t)grid->cells[i]);
            if (place == grid->n[i])
                part *= (double)(grid->size[i] - place * grid->patch_size[i]) / (double)grid->patch_size[i];
        }
        n += part;
    }
    return n;
}

/* In the order of CAREamics, whose rounding decides how the result is rounded up. */
static uint64_t count_patches(const mt_region_grid *grid, const mt_region_plan *plan)
{
    double n = grid->n_patches;
    if (plan->area_before[grid->n_regions] <= 0)
        return 0;
    for (uint64_t r = 0; plan->weights && r < grid->n_regions; r++)
        n -= 1 - plan->weights[r];
    n = ceil(n - count_excluded(grid, plan->is_excluded));
    return n > 0 ? (uint64_t)n : 0;
}

static mt_status fill_bins(mt_env *env, const mt_region_grid *grid, const mt_region_plan *plan, const double *areas,
                           uint32_t *bin_of, double *capacity, mt_error *err)
{
    if (grid->n_regions > plan->n_patches)
        return mt_pack(env, areas, (size_t)grid->n_regions, (size_t)plan->n_patches, bin_of, capacity, err);
    *capacity = 0;
    for (uint64_t r = 0; r < grid->n_regions; r++) {
        bin_of[r] = (uint32_t)r;
        *capacity = fmax(*capacity, areas[r]);
    }
    return MT_OK;
}

/* Sorts the regions by bin, and sums their shares. */
static void list_members(const mt_region_grid *grid, mt_region_plan *plan, const double *areas, const uint32_t *bin_of)
{
    memset(plan->first, 0, ((size_t)plan->n_patches + 1) * sizeof *plan->first);
    for (uint64_t r = 0; r < grid->n_regions; r++)
        plan->first[bin_of[r] + 1]++;
    for (uint64_t b = 0; b < plan->n_patches; b++)
        plan->first[b + 1] += plan->first[b];
    for (uint64_t r = 0; r < grid->n_regions; r++) {
        uint64_t at = plan->first[bin_of[r]]++;
        plan->members[at] = r;
        plan->share[at] = areas[r] / plan->bin_size;
    }
    for (uint64_t b = plan->n_patches; b > 0; b--)
        plan->first[b] = plan->first[b - 1];
    plan->first[0] = 0;
    for (uint64_t b = 0; b < plan->n_patches; b++)
        for (uint64_t k = plan->first[b] + 1; k < plan->first[b + 1]; k++)
            plan->share[k] += plan->share[k - 1];
}

static mt_status compute(mt_env *env, const mt_region_grid *grid, mt_region_plan *plan, mt_error *err)
{
    const size_t n = (size_t)grid->n_regions, bytes = n * (sizeof(double) + sizeof(uint32_t));
    void *memory;
    mt_status st = mt_alloc(env, bytes, &memory, err);
    if (st)
        return st;
    double *areas = memory;
    uint32_t *bin_of = (uint32_t *)(void *)(areas + n);
    weigh_areas(grid, plan, areas);
    plan->n_patches = count_patches(grid, plan);
    if (plan->n_patches > 0 && !(st = fill_bins(env, grid, plan, areas, bin_of, &plan->bin_size, err))) {
        plan->bin_size = ceil(plan->bin_size);
        list_members(grid, plan, areas, bin_of);
    }
    mt_release(env, memory, bytes);
    return st;
}

mt_status mt_region_plan_new(mt_env *env, const mt_region_grid *grid, const double *weights, const uint8_t *is_excluded,
                             mt_region_plan **out, mt_error *err)
{
    mt_region_plan *plan;
    mt_status st = allocate(env, grid, mt_region_patches(grid, NULL), weights != NULL, is_excluded != NULL, &plan, err);
    if (st)
        return st;
    if (weights)
        memcpy(plan->weights, weights, (size_t)grid->n_regions * sizeof *weights);
    if (is_excluded)
        memcpy(plan->is_excluded, is_excluded, (size_t)grid->n_cells);
    st = compute(env, grid, plan, err);
    if (st)
        mt_region_plan_free(env, plan);
    else
        *out = plan;
    return st;
}

void mt_region_plan_free(mt_env *env, mt_region_plan *plan)
{
    if (plan)
        mt_release(env, plan, plan->bytes);
}
