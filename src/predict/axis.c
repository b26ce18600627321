/* SPDX-License-Identifier: BSD-3-Clause */
#include "predict/axis.h"

#include "base/checked.h"

#include <math.h>
#include <string.h>

static const char *const blends[] = { "crop", "linear", "hann", "gaussian" };

int mt_blend_find(const char *name)
{
    for (int i = 0; name && i < (int)(sizeof blends / sizeof *blends); i++)
        if (strcmp(name, blends[i]) == 0)
            return i;
    return -1;
}

/* The weight of pixel k of n, before it is divided by the sum. overlap: in pixels of the output. */
static double weight(int blend, int64_t k, int64_t n, int64_t overlap)
{
    const double pi = 3.14159265358979323846;
    double s = sin(pi * ((double)k + 0.5) / (double)n);
    double g = ((double)k - (double)(n - 1) / 2) / ((double)n / 8);
    switch (blend) {
    case MT_BLEND_LINEAR: return fmin(1, (double)mt_min_i64(k + 1, n - k) / (double)(overlap + 1));
    case MT_BLEND_HANN: return s * s;
    default: return fmax(exp(-g * g / 2), 0.001);
    }
}

static mt_status allocate(mt_arena *arena, mt_stitch_axis *axis, mt_error *err)
{
    int64_t *all = mt_arena_alloc(arena, (size_t)axis->n_tiles, 3 * sizeof *all, err);
    if (!all)
        return MT_E_MEMORY;
    axis->at = all;
    axis->from = all + axis->n_tiles;
    axis->to = all + 2 * axis->n_tiles;
    return MT_OK;
}

/* The part of a tile that lies in the output. */
static int64_t inside(const mt_stitch_axis *axis, int64_t i)
{
    return mt_min_i64(axis->tile_size, axis->size - axis->at[i]);
}

static mt_status weigh(mt_arena *arena, mt_stitch_axis *axis, int blend, int64_t overlap, mt_error *err)
{
    double *sums = mt_arena_alloc(arena, (size_t)axis->size, sizeof *sums, err);
    axis->weights =
        sums ? mt_arena_alloc(arena, (size_t)axis->n_tiles, (size_t)axis->tile_size * sizeof *axis->weights, err)
             : NULL;
    if (!axis->weights)
        return MT_E_MEMORY;
    for (int64_t i = 0; i < axis->n_tiles; i++)
        for (int64_t k = 0; k < inside(axis, i); k++)
            sums[axis->at[i] + k] += weight(blend, k, axis->tile_size, overlap);
    for (int64_t i = 0; i < axis->n_tiles; i++)
        for (int64_t k = 0; k < inside(axis, i); k++)
            axis->weights[i * axis->tile_size + k] =
                (float)(weight(blend, k, axis->tile_size, overlap) / sums[axis->at[i] + k]);
    return MT_OK;
}

/* The tile that lies at place i along an axis, and first along the others. */
static mt_status get_tile(const mt_tiling *tiling, size_t axis, int64_t i, mt_patch_spec *out, mt_error *err)
{
    uint64_t number = (uint64_t)i;
    for (size_t a = axis + 1; a < tiling->info.n_spatial; a++)
        number *= (uint64_t)tiling->info.counts[a];
    return mt_tiling_get(tiling, number, out, err);
}

mt_status mt_stitch_axis_tiled(mt_arena *arena, const mt_tiling *tiling, size_t axis, int64_t up, int64_t down,
                               int blend, mt_stitch_axis *out, mt_error *err)
{
    const mt_tiling_info *info = &tiling->info;
    *out = (mt_stitch_axis) { .n_tiles = info->counts[axis], .tile_size = info->tile[axis] / down * up };
    out->size = (info->shape[axis] + down - 1) / down * up;
    mt_status st = allocate(arena, out, err);
    for (int64_t i = 0; !st && i < out->n_tiles; i++) {
        mt_patch_spec spec;
        if ((st = get_tile(tiling, axis, i, &spec, err)))
            break;
        int64_t end = spec.stitch_coords[axis] + spec.crop_size[axis];
        out->at[i] = spec.coords[axis] / down * up;
        out->from[i] = blend == MT_BLEND_CROP ? spec.stitch_coords[axis] / down * up : out->at[i];
        out->to[i] = blend == MT_BLEND_CROP ? (end + down - 1) / down * up : out->at[i] + inside(out, i);
    }
    if (st || blend == MT_BLEND_CROP)
        return st;
    return weigh(arena, out, blend, info->overlap[axis] / down * up, err);
}

mt_status mt_stitch_axis_plain(mt_arena *arena, int64_t n, int64_t tile_size, mt_stitch_axis *out, mt_error *err)
{
    *out = (mt_stitch_axis) { .size = n * tile_size, .n_tiles = n, .tile_size = tile_size };
    mt_status st = allocate(arena, out, err);
    if (st)
        return st;
    out->weights = mt_arena_alloc(arena, (size_t)out->size, sizeof *out->weights, err);
    if (!out->weights)
        return MT_E_MEMORY;
    for (int64_t i = 0; i < n; i++) {
        out->at[i] = out->from[i] = i * tile_size;
        out->to[i] = (i + 1) * tile_size;
    }
    for (int64_t k = 0; k < out->size; k++)
        out->weights[k] = 1;
    return MT_OK;
}

/* The first of n ascending values that is greater than a limit; n if there is none. */
static int64_t first_greater(const int64_t *values, int64_t n, int64_t limit)
{
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (values[middle] > limit)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

int64_t mt_stitch_axis_count(const mt_stitch_axis *axis, int64_t from, int64_t to)
{
    return first_greater(axis->from, axis->n_tiles, to - 1) - first_greater(axis->to, axis->n_tiles, from);
}

int64_t mt_stitch_axis_units(const mt_stitch_axis *axis, int64_t unit, bool *shared)
{
    int64_t most = 0;
    *shared = false;
    for (int64_t i = 0; i < axis->n_tiles; i++) {
        int64_t first = axis->from[i] / unit, last = (axis->to[i] - 1) / unit;
        most = mt_max_i64(most, last - first + 1);
        *shared = *shared || (i > 0 && (axis->to[i - 1] - 1) / unit >= first);
    }
    return most;
}
