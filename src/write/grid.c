/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/checked.h"
#include "write/plan.h"

#include <string.h>

enum { MOST_INNER = 1 << 24 }; /* chunks of a shard: 16 bytes each in its index, and three times that in memory */

/* b is a size, and so positive. */
static int64_t divide_up(int64_t a, int64_t b) { return b > 0 ? a / b + (a % b != 0) : 0; }

/* Sets the counts of a level from its shapes. */
static mt_status count(const mt_plan *plan, mt_level *level, const mt_limits *limits, mt_error *err)
{
    int64_t chunk, inner = 1, n_chunks, n_units;
    bool too_many = false;
    for (int d = 0; d < plan->ndim; d++) {
        level->chunks[d] = divide_up(level->shape[d], level->chunk[d]);
        level->units[d] = divide_up(level->shape[d], level->unit[d]);
        too_many = too_many || mt_mul_i64(inner, level->unit[d] / level->chunk[d], &inner);
    }
    if (too_many || inner > MOST_INNER)
        return mt_fail(err, MT_E_LIMIT, "a shard has more than %d chunks: choose larger chunks or smaller shards",
                       MOST_INNER);
    if (mt_product_i64(level->chunk, plan->ndim, &chunk) || mt_mul_i64(chunk, (int64_t)plan->element_size, &chunk) ||
        (uint64_t)chunk > limits->max_chunk_bytes)
        return mt_fail(err, MT_E_LIMIT, "a chunk is larger than max_chunk_bytes (%zu): choose smaller chunks",
                       limits->max_chunk_bytes);
    if (mt_product_i64(level->chunks, plan->ndim, &n_chunks) || mt_product_i64(level->units, plan->ndim, &n_units))
        return mt_fail(err, MT_E_ARGUMENT, "the image has too many chunks");
    level->chunk_bytes = (size_t)chunk;
    level->n_chunks = (uint64_t)n_chunks;
    level->n_units = (uint64_t)n_units;
    level->inner = (size_t)inner;
    return MT_OK;
}

/* Planes are halved, too, if they are not much farther apart than pixels. */
static bool halves_planes(const mt_plan *plan, int z, const double *pixel_size)
{
    double across = pixel_size[plan->ndim - 1];
    return plan->levels[0].chunk[z] > 1 && !(pixel_size[z] > 1.5 * across && across > 0);
}

static void halve(const mt_plan *plan, const mt_level *from, const double *pixel_size, mt_level *to)
{
    for (int d = 0; d < plan->ndim; d++) {
        char letter = plan->axes[d];
        bool halved = letter == 'Y' || letter == 'X' || (letter == 'Z' && halves_planes(plan, d, pixel_size));
        to->factor[d] = halved && from->shape[d] > 1 ? 2 : 1;
        to->shape[d] = divide_up(from->shape[d], to->factor[d]);
        to->chunk[d] = plan->has_equal_chunks ? from->chunk[d] : mt_min_i64(from->chunk[d], to->shape[d]);
        int64_t per_unit = mt_min_i64(from->unit[d] / from->chunk[d], divide_up(to->shape[d], to->chunk[d]));
        to->unit[d] = to->chunk[d] * per_unit;
    }
}

/* Cells of 2 pixels must not cross a border between chunks. */
static mt_status check_chunk(const mt_plan *plan, const mt_level *from, const mt_level *to, mt_error *err)
{
    for (int d = 0; d < plan->ndim; d++)
        if (to->factor[d] == 2 && from->chunk[d] % 2 != 0 && from->chunks[d] > 1)
            return mt_fail(err, MT_E_ARGUMENT, "a pyramid needs chunks of an even size along %c, not %lld",
                           plan->axes[d], (long long)from->chunk[d]);
    return MT_OK;
}

static bool is_small(const mt_plan *plan, const mt_level *level)
{
    int x = plan->ndim - 1, y = x - 1;
    return level->shape[y] <= plan->chunk[y] && level->shape[x] <= plan->chunk[x];
}

static bool can_halve(const mt_plan *plan, const mt_level *level)
{
    int x = plan->ndim - 1, y = x - 1;
    return level->shape[y] > 1 || level->shape[x] > 1;
}

static void begin_first(mt_plan *plan)
{
    mt_level *first = &plan->levels[0];
    for (int d = 0; d < plan->ndim; d++) {
        first->factor[d] = 1;
        first->shape[d] = plan->shape[d];
        first->chunk[d] = plan->chunk[d];
        first->unit[d] = plan->shard[d] > 0 ? plan->shard[d] : plan->chunk[d];
    }
}

mt_status mt_plan_lay_out(mt_plan *plan, int n_levels, const mt_limits *limits, mt_error *err)
{
    double pixel_size[MT_MAX_DIMS];
    memcpy(pixel_size, plan->pixel_size, sizeof pixel_size);
    begin_first(plan);
    mt_status st = count(plan, &plan->levels[0], limits, err);
    plan->n_levels = 1;
    while (!st && plan->n_levels < MT_MAX_LEVELS) {
        mt_level *from = &plan->levels[plan->n_levels - 1], *to = from + 1;
        if (n_levels < 0 ? is_small(plan, from) : plan->n_levels >= (n_levels > 0 ? n_levels : 1))
            break;
        if (!can_halve(plan, from))
            return n_levels < 0 ? MT_OK
                                : mt_fail(err, MT_E_ARGUMENT, "%d levels: the image is one pixel after %d", n_levels,
                                          plan->n_levels);
        halve(plan, from, pixel_size, to);
        to->first_chunk = from->first_chunk + from->n_chunks;
        to->first_unit = from->first_unit + from->n_units;
        for (int d = 0; d < plan->ndim; d++)
            pixel_size[d] *= to->factor[d];
        if (!(st = check_chunk(plan, from, to, err)))
            st = count(plan, to, limits, err);
        plan->n_levels++;
    }
    return st;
}

void mt_plan_split(const mt_plan *plan, uint64_t number, const int64_t *counts, int64_t *position)
{
    for (int d = plan->ndim - 1; d >= 0; d--) {
        position[d] = (int64_t)(number % (uint64_t)counts[d]);
        number /= (uint64_t)counts[d];
    }
}

void mt_level_chunk_at(const mt_plan *plan, const mt_level *level, uint64_t chunk, int64_t *position)
{
    mt_plan_split(plan, chunk, level->chunks, position);
}

uint64_t mt_level_chunk_number(const mt_plan *plan, const mt_level *level, const int64_t *position)
{
    uint64_t chunk = 0;
    for (int d = 0; d < plan->ndim; d++)
        chunk = chunk * (uint64_t)level->chunks[d] + (uint64_t)position[d];
    return chunk;
}

uint64_t mt_level_unit_of(const mt_plan *plan, const mt_level *level, const int64_t *position, size_t *inner)
{
    uint64_t unit = 0, in_unit = 0;
    for (int d = 0; d < plan->ndim; d++) {
        int64_t per_unit = level->unit[d] / level->chunk[d];
        unit = unit * (uint64_t)level->units[d] + (uint64_t)(position[d] / per_unit);
        in_unit = in_unit * (uint64_t)per_unit + (uint64_t)(position[d] % per_unit);
    }
    *inner = (size_t)in_unit;
    return unit;
}

static void cut(const mt_plan *plan, const mt_level *level, const int64_t *position, const int64_t *size,
                mt_extent *out)
{
    for (int d = 0; d < plan->ndim; d++) {
        out->start[d] = position[d] * size[d];
        out->extent[d] = mt_min_i64(size[d], level->shape[d] - out->start[d]);
    }
}

void mt_level_unit_extent(const mt_plan *plan, const mt_level *level, uint64_t unit, mt_extent *out)
{
    int64_t position[MT_MAX_DIMS];
    mt_plan_split(plan, unit, level->units, position);
    cut(plan, level, position, level->unit, out);
}

void mt_level_chunk_extent(const mt_plan *plan, const mt_level *level, const int64_t *position, mt_extent *out)
{
    cut(plan, level, position, level->chunk, out);
}

size_t mt_level_unit_chunks(const mt_plan *plan, const mt_level *level, uint64_t unit)
{
    mt_extent extent;
    size_t n = 1;
    mt_level_unit_extent(plan, level, unit, &extent);
    for (int d = 0; d < plan->ndim; d++)
        n *= (size_t)divide_up(extent.extent[d], level->chunk[d]);
    return n;
}
