/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/regions.h"

#include "base/checked.h"

#include <math.h>
#include <string.h>

#define MOST_CELLS ((uint64_t)1 << 53) /* doubles count them */

mt_status mt_region_grid_make(const int64_t *size, const int64_t *patch_size, size_t n_spatial, mt_region_grid *out,
                              mt_error *err)
{
    bool overflow = false;
    *out = (mt_region_grid) { .n_spatial = n_spatial, .n_regions = 1, .n_cells = 1, .n_patches = 1 };
    for (size_t i = 0; i < n_spatial; i++) {
        out->size[i] = size[i];
        out->patch_size[i] = patch_size[i];
        out->cells[i] = (size[i] - 1) / patch_size[i] + 1;
        /* (size + 1) / patch_size: one more where a last corner is left over */
        out->n[i] = size[i] / patch_size[i] + (size[i] % patch_size[i] == patch_size[i] - 1);
        out->n_patches *= (double)size[i] / (double)patch_size[i];
        overflow |= mt_mul_u64(out->n_regions, (uint64_t)out->n[i], &out->n_regions) ||
                    mt_mul_u64(out->n_cells, (uint64_t)out->cells[i], &out->n_cells);
    }
    if (overflow || out->n_cells >= MOST_CELLS || out->n_regions >= MOST_CELLS)
        return mt_fail(err, MT_E_LIMIT, "more than 2^53 patches in an image");
    return MT_OK;
}

bool mt_region_grid_needs_plan(const mt_region_grid *grid) { return (double)grid->n_regions > ceil(grid->n_patches); }

/* Along an axis: the number of corners, and those in one region. */
static int64_t count_corners(const mt_region_grid *grid, size_t axis)
{
    return grid->size[axis] - grid->patch_size[axis] + 1;
}

static int64_t region_length(const mt_region_grid *grid, size_t axis, int64_t place)
{
    return mt_min_i64(count_corners(grid, axis) - place * grid->patch_size[axis], grid->patch_size[axis]);
}

void mt_region_place(const mt_region_grid *grid, uint64_t region, int64_t place[3])
{
    for (size_t i = grid->n_spatial; i-- > 0; region /= (uint64_t)grid->n[i])
        place[i] = (int64_t)(region % (uint64_t)grid->n[i]);
}

uint64_t mt_region_cell(const mt_region_grid *grid, const int64_t place[3])
{
    uint64_t cell = 0;
    for (size_t i = 0; i < grid->n_spatial; i++)
        cell = cell * (uint64_t)grid->cells[i] + (uint64_t)place[i];
    return cell;
}

/* Bit i of an offset or box is its part along axis n_spatial - 1 - i, so that boxes are in row-major order. */
static bool is_second(const mt_region_grid *grid, unsigned box, size_t axis)
{
    return box >> (grid->n_spatial - 1 - axis) & 1;
}

/* Whether the cell at an offset from a region is excluded. */
static bool excludes(const mt_region_grid *grid, const uint8_t *is_excluded, const int64_t place[3], unsigned offset)
{
    int64_t cell[3];
    for (size_t i = 0; i < grid->n_spatial; i++) {
        cell[i] = place[i] + is_second(grid, offset, i);
        if (cell[i] >= grid->cells[i])
            return false;
    }
    return is_excluded[mt_region_cell(grid, cell)];
}

int64_t mt_region_area(const mt_region_grid *grid, const uint8_t *is_excluded, const int64_t place[3],
                       int64_t boxes[MT_MOST_BOXES])
{
    int64_t sum = 0;
    const unsigned n_boxes = 1U << grid->n_spatial;
    for (unsigned b = 0; b < n_boxes; b++) {
        boxes[b] = 1;
        for (size_t i = 0; i < grid->n_spatial; i++) {
            int64_t length = region_length(grid, i, place[i]);
            boxes[b] *= is_second(grid, b, i) ? mt_max_i64(length - 1, 0) : length > 0;
        }
    }
    for (unsigned offset = 0; is_excluded && offset < n_boxes; offset++)
        if (excludes(grid, is_excluded, place, offset))
            for (unsigned b = 0; b < n_boxes; b++)
                if ((offset & ~b) == 0) /* patches at the box cover the cell */
                    boxes[b] = 0;
    for (unsigned b = 0; b < n_boxes; b++)
        sum += boxes[b];
    return sum;
}

uint64_t mt_region_patches(const mt_region_grid *grid, const mt_region_plan *plan)
{
    return plan ? plan->n_patches : (uint64_t)ceil(grid->n_patches);
}

double mt_region_bin_size(const mt_region_grid *grid, const mt_region_plan *plan)
{
    double size = 1;
    for (size_t i = 0; i < grid->n_spatial; i++)
        size *= (double)region_length(grid, i, 0);
    return plan ? plan->bin_size : size;
}

/* --- Drawing --- */

/* Corners along all axes after one. */
static double corners_across(const mt_region_grid *grid, size_t axis)
{
    double corners = 1;
    for (size_t i = axis + 1; i < grid->n_spatial; i++)
        corners *= (double)count_corners(grid, i);
    return corners;
}

/* The area of all regions before one. Without a plan, all before its place along an axis are full. */
static double area_before(const mt_region_grid *grid, const mt_region_plan *plan, uint64_t region)
{
    int64_t place[3];
    double sum = 0, length = 1;
    if (plan)
        return plan->area_before[region];
    if (region == grid->n_regions)
        return (double)count_corners(grid, 0) * corners_across(grid, 0);
    mt_region_place(grid, region, place);
    for (size_t i = 0; i < grid->n_spatial; i++) {
        sum += length * (double)(place[i] * grid->patch_size[i]) * corners_across(grid, i);
        length *= (double)region_length(grid, i, place[i]);
    }
    return sum;
}

/* The first region up to whose end there is more than an area. */
static uint64_t find_area(const mt_region_grid *grid, double area)
{
    uint64_t region = 0;
    double length = 1;
    for (size_t i = 0; i < grid->n_spatial; i++) {
        double unit = length * corners_across(grid, i);
        int64_t last = (count_corners(grid, i) - 1) / grid->patch_size[i];
        int64_t place = mt_min_i64((int64_t)(fmax(area, 0) / unit) / grid->patch_size[i], last);
        area -= (double)(place * grid->patch_size[i]) * unit;
        length *= (double)region_length(grid, i, place);
        region = region * (uint64_t)grid->n[i] + (uint64_t)place;
    }
    return region;
}

static uint64_t find_weighted_area(const mt_region_grid *grid, const mt_region_plan *plan, double area)
{
    const double *before = plan->area_before;
    uint64_t low = 0, high = grid->n_regions - 1;
    /* Rounding must not lead to regions without area at the end. */
    area = fmin(area, nextafter(before[grid->n_regions], 0));
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (before[middle + 1] > area)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* A bin: regions that take shares of it. What they leave is shared by all regions in proportion to their areas. */
typedef struct bin {
    uint64_t n; /* members */
    const uint64_t *members;
    const double *share; /* of each member and those before it */
    double left;         /* the rest */
    double unit;         /* rest per area */
} bin;

/* The storage of a bin without a plan. */
typedef struct one_member {
    uint64_t region;
    double share;
} one_member;

static bin get_bin(const mt_region_grid *grid, const mt_region_plan *plan, uint64_t index, one_member *one)
{
    bin b = { .n = 0 };
    if (plan) {
        b.n = plan->first[index + 1] - plan->first[index];
        b.members = plan->members + plan->first[index];
        b.share = plan->share + plan->first[index];
    } else if (index < grid->n_regions) {
        int64_t place[3], boxes[MT_MOST_BOXES];
        mt_region_place(grid, index, place);
        one->region = index;
        one->share = (double)mt_region_area(grid, NULL, place, boxes) / mt_region_bin_size(grid, NULL);
        b = (bin) { .n = 1, .members = &one->region, .share = &one->share };
    }
    b.left = b.n ? fmax(1 - b.share[b.n - 1], 0) : 1;
    b.unit = b.left / area_before(grid, plan, grid->n_regions);
    return b;
}

/* The region at which the sum of the probabilities of all regions, in the order of the grid, first exceeds u. */
static uint64_t choose_region(const mt_region_grid *grid, const mt_region_plan *plan, uint64_t index, double u)
{
    one_member one;
    bin b = get_bin(grid, plan, index, &one);
    uint64_t low = 0, high = b.n; /* the first member up to the end of whose share the sum exceeds u */
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (area_before(grid, plan, b.members[middle]) * b.unit + b.share[middle] > u)
            high = middle;
        else
            low = middle + 1;
    }
    double shares = low ? b.share[low - 1] : 0;
    if (low < b.n && area_before(grid, plan, b.members[low]) * b.unit + shares <= u)
        return b.members[low];
    double area = (u - shares) / b.unit;
    return plan ? find_weighted_area(grid, plan, area) : find_area(grid, area);
}

void mt_region_draw(const mt_region_grid *grid, const mt_region_plan *plan, uint64_t index, mt_random *random,
                    int64_t coords[3])
{
    int64_t place[3], boxes[MT_MOST_BOXES] = { 0 };
    mt_region_place(grid, choose_region(grid, plan, index, mt_random_double(random)), place);
    double area =
        mt_random_double(random) * (double)mt_region_area(grid, plan ? plan->is_excluded : NULL, place, boxes);
    unsigned box = 0, last = 0; /* the last box that is not empty: rounding must not lead beyond */
    for (unsigned b = 0; b < 1U << grid->n_spatial; b++)
        if (boxes[b])
            last = b;
    double sum = (double)boxes[0];
    while (box < last && sum <= area)
        sum += (double)boxes[++box];
    for (size_t i = 0; i < grid->n_spatial; i++) {
        bool second = is_second(grid, box, i);
        int64_t width = second ? region_length(grid, i, place[i]) - 1 : 1;
        coords[i] = place[i] * grid->patch_size[i] + second + (int64_t)mt_random_below(random, (uint64_t)width);
    }
}
