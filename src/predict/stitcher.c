/* SPDX-License-Identifier: BSD-3-Clause */
#include "predict/internal.h"

#include "base/bits.h"
#include "base/checked.h"
#include "write/writer.h"

#include <string.h>

/* --- Tiles. --- */

/* Finds where a tile lies in an output. */
static void find_tile(const mt_stitched *output, uint64_t number, mt_stitch_tile *out)
{
    *out = (mt_stitch_tile) { .image = 0 };
    for (int a = MT_AXIS_X; a >= MT_AXIS_Z; a--) {
        uint64_t n = (uint64_t)output->axes[a].n_tiles;
        out->index[a] = (int64_t)(number % n);
        number /= n;
    }
    if (output->name)
        out->image = (size_t)number;
    else
        out->index[MT_AXIS_T] = (int64_t)number;
    for (int a = 0; a < MT_STITCH_DIMS; a++) {
        const mt_stitch_axis *axis = &output->axes[a];
        out->region.start[a] = axis->from[out->index[a]];
        out->region.extent[a] = axis->to[out->index[a]] - out->region.start[a];
    }
}

/* The places of units that a region of an image touches: the first along each axis, and how many. Returns their number. */
static uint64_t find_places(const mt_stitch_image *image, const mt_stitch_box *region, int64_t first[MT_STITCH_DIMS],
                            int64_t counts[MT_STITCH_DIMS])
{
    uint64_t n = 1;
    for (int a = 0; a < MT_STITCH_DIMS; a++) {
        int64_t end = region->start[a] + region->extent[a];
        first[a] = a == MT_AXIS_C ? 0 : region->start[a] / image->unit[a];
        counts[a] = a == MT_AXIS_C ? 1 : (end - 1) / image->unit[a] - first[a] + 1;
        n *= (uint64_t)counts[a];
    }
    return n;
}

/* Place i of those, in C order. */
static void get_place(uint64_t i, const int64_t first[MT_STITCH_DIMS], const int64_t counts[MT_STITCH_DIMS],
                      int64_t place[MT_STITCH_DIMS])
{
    for (int a = MT_STITCH_DIMS - 1; a >= 0; a--) {
        place[a] = first[a] + (int64_t)(i % (uint64_t)counts[a]);
        i /= (uint64_t)counts[a];
    }
}

static mt_status visit_places(mt_stitcher *s, mt_stitched *output, const mt_stitch_tile *tile, mt_stitch_visit *visit,
                              mt_error *err)
{
    const mt_stitch_image *image = &output->images[tile->image];
    int64_t first[MT_STITCH_DIMS], counts[MT_STITCH_DIMS], place[MT_STITCH_DIMS];
    const uint64_t n = find_places(image, &tile->region, first, counts);
    mt_status st = MT_OK;
    for (uint64_t i = 0; !st && i < n; i++) {
        get_place(i, first, counts, place);
        if (mt_bit_get(image->needed, mt_stitch_image_position(image, place)))
            st = visit(s, output, tile, place, err);
    }
    return st;
}

/* Whether an output needs a tile; with the whole row, that tile or another one that differs only in its place along X. */
static bool output_needs(const mt_stitched *output, uint64_t number, bool whole_row)
{
    mt_stitch_tile tile;
    int64_t first[MT_STITCH_DIMS], counts[MT_STITCH_DIMS], place[MT_STITCH_DIMS];
    find_tile(output, number, &tile);
    const mt_stitch_image *image = &output->images[tile.image];
    (void)find_places(image, &tile.region, first, counts);
    if (whole_row) {
        first[MT_AXIS_X] = 0;
        counts[MT_AXIS_X] = 1;
    }
    const uint64_t n = (uint64_t)(counts[MT_AXIS_T] * counts[MT_AXIS_Z] * counts[MT_AXIS_Y] * counts[MT_AXIS_X]);
    for (uint64_t i = 0; i < n; i++) {
        get_place(i, first, counts, place);
        uint64_t position = mt_stitch_image_position(image, place);
        if (whole_row ? mt_bit_get(image->needed_rows, position / (uint64_t)image->grid[MT_AXIS_X])
                      : mt_bit_get(image->needed, position))
            return true;
    }
    return false;
}

static bool is_needed(const mt_stitcher *s, uint64_t tile, bool whole_row)
{
    bool needed = s->all_needed;
    for (size_t o = 0; !needed && o < s->n_outputs; o++)
        needed = output_needs(&s->outputs[o], tile, whole_row);
    return needed;
}

/* The first tile from a number on that is needed; the number of all tiles if there is none. Rows that are not needed,
 * nearly all rows of a small part, are passed over in one step each. */
static uint64_t next_needed(const mt_stitcher *s, uint64_t tile)
{
    const uint64_t n = s->tiling->info.n_tiles, row = (uint64_t)s->tiling->info.counts[s->tiling->info.n_spatial - 1];
    while (tile < n) {
        uint64_t end = tile - tile % row + row;
        if (is_needed(s, tile, true))
            for (; tile < end; tile++)
                if (is_needed(s, tile, false))
                    return tile;
        tile = end;
    }
    return n;
}

/* --- Creation. --- */

static mt_status check_output(const mt_tiling *tiling, const mt_stitch_output *given, mt_error *err)
{
    if (given->n_channels < 1)
        return mt_fail(err, MT_E_ARGUMENT, "an output with %lld channels", (long long)given->n_channels);
    if (given->up < 0 || given->down < 0 || (given->up > 1 && given->down > 1))
        return mt_fail(err, MT_E_ARGUMENT, "an output is enlarged or reduced, not by %d / %d", given->up, given->down);
    if (given->down > 1 && tiling->info.align % given->down != 0)
        return mt_fail(err, MT_E_ARGUMENT,
                       "an output is reduced by %d: tiles must be aligned to multiples of that, not of %lld",
                       given->down, (long long)tiling->info.align);
    if (!given->writer + !given->sample_plan + !given->data != 2)
        return mt_fail(err, MT_E_ARGUMENT, "an output needs a writer, a plan of samples, or an array: one of these");
    if (given->sample_plan && given->sample_plan->target)
        return mt_fail(err, MT_E_ARGUMENT, "%s: the plan of samples is not one of mt_writer_plan",
                       given->sample_plan->info.path);
    if ((given->scale == NULL) != (given->offset == NULL))
        return mt_fail(err, MT_E_ARGUMENT, "scale and offset are given together");
    return MT_OK;
}

/* Factors along an axis: planes are not scaled along Z. */
static int64_t factor(const mt_tiling *tiling, int axis, int value)
{
    return value == 0 || (axis == MT_AXIS_Z && tiling->info.is_planar) ? 1 : value;
}

static mt_status lay_out_axes(mt_stitcher *s, const mt_stitch_output *given, mt_stitched *out, mt_error *err)
{
    const mt_tiling *tiling = s->tiling;
    const size_t n = tiling->info.n_spatial;
    int64_t samples = given->sample_plan ? 1 : tiling->info.n_samples;
    mt_status st = mt_stitch_axis_plain(s->arena, samples, 1, &out->axes[MT_AXIS_T], err);
    if (st || (st = mt_stitch_axis_plain(s->arena, 1, given->n_channels, &out->axes[MT_AXIS_C], err)))
        return st;
    if (n == 2 && (st = mt_stitch_axis_plain(s->arena, 1, 1, &out->axes[MT_AXIS_Z], err)))
        return st;
    for (size_t i = 0; !st && i < n; i++) {
        int a = (int)(MT_STITCH_DIMS - n + i);
        st = mt_stitch_axis_tiled(s->arena, tiling, i, factor(tiling, a, given->up), factor(tiling, a, given->down),
                                  s->blend, &out->axes[a], err);
    }
    out->tile_values = 1;
    for (int a = MT_AXIS_C; !st && a < MT_STITCH_DIMS; a++)
        if (mt_mul_i64(out->tile_values, out->axes[a].tile_size, &out->tile_values) ||
            out->tile_values > INT64_MAX / 16)
            st = mt_fail(err, MT_E_LIMIT, "tiles of more than 2^59 values");
    return st;
}

static mt_status take_images(mt_stitcher *s, const mt_stitch_output *given, mt_stitched *out, mt_error *err)
{
    int64_t shape[MT_STITCH_DIMS];
    for (int a = 0; a < MT_STITCH_DIMS; a++)
        shape[a] = out->axes[a].size;
    out->images = mt_arena_alloc(s->arena, out->n_images, sizeof *out->images, err);
    if (!out->images)
        return MT_E_MEMORY;
    if (given->data)
        return mt_stitch_image_of_array(s->arena, given->data, given->dtype, shape, out->images, err);
    if (given->sample_plan)
        return mt_stitch_samples_new(s, given->sample_plan, shape, out, err);
    out->template = given->writer;
    return mt_stitch_image_of_writer(s->arena, given->writer, shape, out->images, err);
}

/* Marks the units of a part: consecutive positions of all images of the output. */
static mt_status take_part(mt_stitcher *s, mt_stitched *out, const mt_stitcher_options *options, mt_error *err)
{
    uint64_t total = 0, first = 0, count, before = 0;
    mt_status st = MT_OK;
    for (size_t i = 0; i < out->n_images; i++)
        total += out->images[i].n_positions;
    count = total;
    if (options->n_parts > 0)
        mt_writer_part(total, options->part, options->n_parts, &first, &count);
    for (size_t i = 0; !st && i < out->n_images; before += out->images[i++].n_positions) {
        uint64_t end = before + out->images[i].n_positions, to = first + count < end ? first + count : end;
        uint64_t from = first > before ? first : before;
        if (from < to && out->name)
            st = mt_stitch_samples_need(s, out, i, from - before, to - from, err);
        else if (from < to)
            mt_stitch_image_need(&out->images[i], from - before, to - from);
    }
    return st;
}

static mt_status take_scale(mt_stitcher *s, const mt_stitch_output *given, mt_stitched *out, mt_error *err)
{
    const size_t n = (size_t)given->n_channels;
    if (!given->scale)
        return MT_OK;
    float *copy = mt_arena_alloc(s->arena, n, 2 * sizeof *copy, err);
    if (!copy)
        return MT_E_MEMORY;
    memcpy(copy, given->scale, n * sizeof *copy);
    memcpy(copy + n, given->offset, n * sizeof *copy);
    out->scale = copy;
    out->offset = copy + n;
    return MT_OK;
}

void mt_stitch_count_units(mt_stitcher *s, mt_writer *writer)
{
    const mt_writer_progress progress = mt_stitch_progress(writer);
    s->n_units += progress.n_units;
    s->n_resumed += progress.n_done;
    s->n_lost += progress.n_lost;
}

static mt_status take_output(mt_stitcher *s, const mt_stitch_output *given, const mt_stitcher_options *options,
                             mt_stitched *out, mt_error *err)
{
    mt_status st = check_output(s->tiling, given, err);
    out->n_images = given->sample_plan ? (size_t)s->tiling->info.n_samples : 1;
    if (st || (st = lay_out_axes(s, given, out, err)) || (st = take_images(s, given, out, err)) ||
        (st = take_scale(s, given, out, err)) || (st = take_part(s, out, options, err)))
        return st;
    if (given->writer)
        mt_stitch_count_units(s, given->writer);
    for (size_t i = 0; i < out->n_images; i++)
        s->all_needed = s->all_needed && options->n_parts == 0 && out->images[i].is_new;
    size_t bytes = (size_t)out->tile_values * sizeof(float);
    s->scratch_bytes = bytes > s->scratch_bytes ? bytes : s->scratch_bytes;
    return MT_OK;
}

static mt_status take_outputs(mt_stitcher *s, const mt_stitch_output *outputs, size_t n,
                              const mt_stitcher_options *options, mt_error *err)
{
    mt_status st = MT_OK;
    s->outputs = mt_arena_alloc(s->arena, n, sizeof *s->outputs, err);
    if (!s->outputs)
        return MT_E_MEMORY;
    s->n_outputs = n;
    for (size_t o = 0; !st && o < n; o++)
        if ((st = take_output(s, &outputs[o], options, &s->outputs[o], err)) && n > 1)
            mt_error_prefix(err, "output %zu", o);
    void *scratch;
    if (st || (st = mt_alloc(s->env, s->scratch_bytes, &scratch, err)))
        return st;
    s->scratch = scratch;
    return mt_stitch_budget(s, options->memory, err);
}

static mt_status check_options(const mt_stitcher_options *given, size_t n_outputs, mt_stitcher_options *out,
                               mt_error *err)
{
    if (given->struct_size == 0 || given->struct_size > sizeof *out)
        return mt_fail(err, MT_E_ARGUMENT, "mt_stitcher_options.struct_size is %zu, not %zu", given->struct_size,
                       sizeof *out);
    memcpy(out, given, given->struct_size);
    if (out->blend < MT_BLEND_CROP || out->blend > MT_BLEND_GAUSSIAN)
        return mt_fail(err, MT_E_ARGUMENT, "there is no way %d to blend tiles", out->blend);
    if (out->n_parts > 0 && out->part >= out->n_parts)
        return mt_fail(err, MT_E_ARGUMENT, "part %llu of %llu: parts are counted from 0", (unsigned long long)out->part,
                       (unsigned long long)out->n_parts);
    if (n_outputs == 0)
        return mt_fail(err, MT_E_ARGUMENT, "no outputs");
    return MT_OK;
}

mt_status mt_stitcher_new(mt_tiling *tiling, const mt_stitch_output *outputs, size_t n_outputs,
                          const mt_stitcher_options *given, mt_stitcher **out, mt_error *err)
{
    static const mt_stitcher_options defaults = { .struct_size = sizeof defaults };
    mt_stitcher_options options = defaults;
    mt_env *env = &tiling->patching->context->env;
    void *memory;
    mt_error_reset(err);
    mt_status st = check_options(given ? given : &defaults, n_outputs, &options, err);
    if (st || (st = mt_alloc(env, sizeof(mt_stitcher), &memory, err)))
        return st;
    mt_stitcher *s = memory;
    *s = (mt_stitcher) { .env = env, .tiling = mt_tiling_retain(tiling), .blend = options.blend, .all_needed = true };
    if ((st = mt_arena_new(env, &s->arena, err)) || (st = take_outputs(s, outputs, n_outputs, &options, err))) {
        mt_stitcher_free(s);
        return st;
    }
    const uint64_t n = tiling->info.n_tiles;
    s->n_needed = s->all_needed ? n : 0;
    for (uint64_t t = 0; !s->all_needed && (t = next_needed(s, t)) < n; t++)
        s->n_needed++;
    *out = s;
    return MT_OK;
}

void mt_stitcher_free(mt_stitcher *s)
{
    if (!s)
        return;
    for (size_t o = 0; o < s->n_outputs; o++) {
        mt_stitch_drop_sums(s, &s->outputs[o]);
        mt_stitch_samples_close(&s->outputs[o]);
    }
    mt_env *env = s->env;
    mt_tiling *tiling = s->tiling;
    mt_release(env, s->scratch, s->scratch ? s->scratch_bytes : 0);
    mt_arena_free(s->arena);
    mt_release(env, s, sizeof *s);
    mt_tiling_free(tiling);
}

/* --- Use. --- */

uint64_t mt_stitcher_next(const mt_stitcher *s, size_t batch_size, uint64_t batch)
{
    const uint64_t n = s->tiling->info.n_tiles, size = batch_size ? batch_size : 1;
    const uint64_t batches = n / size + (n % size != 0);
    if (batch >= batches)
        return batches;
    const uint64_t tile = next_needed(s, batch * size);
    return tile < n ? tile / size : batches;
}

static mt_status put_tile(mt_stitcher *s, mt_stitched *output, uint64_t number, const mt_stitch_values *values,
                          size_t i, mt_error *err)
{
    mt_stitch_tile tile;
    find_tile(output, number, &tile);
    mt_status st = mt_stitch_samples_open(output, tile.image, err);
    if (st)
        return st;
    const int64_t element = (int64_t)mt_dtype_size(values->dtype);
    int64_t step = element;
    tile.data = (const uint8_t *)values->data + (int64_t)i * output->tile_values * element;
    tile.dtype = values->dtype;
    for (int a = MT_AXIS_X; a >= MT_AXIS_C; a--) {
        tile.strides[a] = step;
        step *= output->axes[a].tile_size;
    }
    if (s->blend == MT_BLEND_CROP)
        return visit_places(s, output, &tile, mt_stitch_crop, err);
    if (tile.dtype != MT_FLOAT32) { /* in whole, since several units need it */
        int64_t extent[MT_STITCH_DIMS], strides[MT_STITCH_DIMS];
        mt_value_counts counts = { 0 };
        for (int a = 0; a < MT_STITCH_DIMS; a++)
            extent[a] = a == MT_AXIS_T ? 1 : output->axes[a].tile_size;
        mt_stitch_strides(extent, strides);
        mt_values_convert(MT_STITCH_DIMS, extent,
                          &(mt_values_out) { .data = (uint8_t *)s->scratch, .stride = strides, .dtype = MT_FLOAT32 },
                          &(mt_values_in) { .data = tile.data, .stride = tile.strides, .dtype = tile.dtype }, &counts);
        strides[MT_AXIS_T] = 0;
        memcpy(tile.strides, strides, sizeof strides);
        tile.data = s->scratch;
        tile.dtype = MT_FLOAT32;
    }
    return visit_places(s, output, &tile, mt_stitch_add, err);
}

static mt_status check_put(const mt_stitcher *s, uint64_t first, size_t n, const mt_stitch_values *values,
                           mt_error *err)
{
    const uint64_t tiles = s->tiling->info.n_tiles;
    if (first > tiles || n > tiles - first)
        return mt_fail(err, MT_E_RANGE, "tiles %llu to %llu of %llu", (unsigned long long)first,
                       (unsigned long long)(first + n - 1), (unsigned long long)tiles);
    if (first < s->next)
        return mt_fail(err, MT_E_ARGUMENT, "tile %llu was put already, or left out: tiles are put in increasing order",
                       (unsigned long long)first);
    for (size_t o = 0; o < s->n_outputs; o++)
        if (mt_dtype_size(values[o].dtype) == 0)
            return mt_fail(err, MT_E_ARGUMENT, "no valid dtype");
    return MT_OK;
}

mt_status mt_stitcher_put(mt_stitcher *s, uint64_t first, size_t n, const mt_stitch_values *values, mt_error *err)
{
    mt_error_reset(err);
    mt_status st = check_put(s, first, n, values, err);
    for (size_t i = 0; !st && i < n; i++) {
        if (!is_needed(s, first + i, false))
            continue;
        for (size_t o = 0; !st && o < s->n_outputs; o++)
            st = put_tile(s, &s->outputs[o], first + i, &values[o], i, err);
        s->next = first + i + 1;
        s->n_put++;
    }
    return st;
}

mt_status mt_stitcher_flush(mt_stitcher *s, mt_error *err)
{
    mt_status st = MT_OK;
    mt_error_reset(err);
    for (size_t o = 0; !st && o < s->n_outputs; o++) {
        mt_stitched *output = &s->outputs[o];
        if (output->name)
            st = mt_stitch_samples_flush(output, err);
        else if (output->template)
            st = mt_writer_flush(output->template, err);
    }
    if (!st && s->n_put < s->n_needed)
        st = mt_fail(err, MT_E_ARGUMENT, "%llu of the %llu tiles that are needed were not put",
                     (unsigned long long)(s->n_needed - s->n_put), (unsigned long long)s->n_needed);
    return st;
}

static uint64_t count_clipped(const mt_stitcher *s)
{
    uint64_t n = 0;
    for (size_t o = 0; o < s->n_outputs; o++)
        n += s->outputs[o].images->counts.clipped + mt_stitch_samples_clipped(&s->outputs[o]);
    return n;
}

mt_status mt_stitcher_get_report(const mt_stitcher *s, mt_stitcher_report *out, mt_error *err)
{
    const mt_stitcher_report report = {
        .struct_size = out->struct_size,
        .n_tiles = s->tiling->info.n_tiles,
        .n_needed = s->n_needed,
        .n_put = s->n_put,
        .n_nan = s->n_nan,
        .least_memory = s->least_memory,
        .waiting_bytes = s->waiting_bytes,
        .n_clipped = count_clipped(s),
        .n_units = s->n_units,
        .n_resumed = s->n_resumed,
        .n_lost = s->n_lost,
    };
    mt_error_reset(err);
    if (out->struct_size == 0 || out->struct_size > sizeof report)
        return mt_fail(err, MT_E_ARGUMENT, "mt_stitcher_report.struct_size is %zu, not %zu", out->struct_size,
                       sizeof report);
    memcpy(out, &report, out->struct_size);
    return MT_OK;
}
