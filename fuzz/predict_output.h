/* SPDX-License-Identifier: BSD-3-Clause */
/* Outputs of a network whose values tell the place of a pixel, and in blended overlaps the tile. */
#ifndef MT_FUZZ_PREDICT_OUTPUT_H
#define MT_FUZZ_PREDICT_OUTPUT_H

#include "choose_tiling.h"
#include "scratch.h"

#include <stdio.h>

enum { MOST_TILES = 200, MOST_VALUES = 1 << 13, MOST_BATCH = 5, MOST_OUTPUTS = 2, STEPS = 5, SPREAD = 5 };

/* An output of a network whose values tell the place of a pixel, and in blended overlaps the tile. */
typedef struct output {
    mt_stitch_output given;
    mt_dtype dtype; /* of the network */
    int64_t up[3], down[3], tile[3], size[3], channels, tile_values;
    bool has_scale;
    float scale[4], offset[4];
    uint8_t *tiles;      /* of a batch */
    uint8_t *image;      /* an array, or what is read of the image that is written */
    size_t values_bytes; /* of image */
    char path[SCRATCH_PATH];
} output;

typedef struct job {
    choice *c;
    mt_context *context;
    mt_tiling *tiling;
    const mt_tiling_info *info;
    int blend, n_outputs;
    bool has_nan;
    output outputs[MOST_OUTPUTS];
} job;

static inline void *allocate(size_t n)
{
    void *memory = calloc(n, 1);
    if (!memory)
        abort();
    return memory;
}

/* The value of a pixel of an output: T, C, Z, Y, X. */
static inline double place_value(const int64_t at[STEPS])
{
    return (double)((at[0] * 31 + at[1] * 17 + at[2] * 13 + at[3] * 5 + at[4] * 3) % 71);
}

static inline void set_sizes(const job *j, output *o)
{
    size_t n = j->info->n_spatial;
    o->channels = o->given.n_channels > 0 && o->given.n_channels < 5 ? o->given.n_channels : 1; /* others are refused */
    o->tile_values = o->channels;
    for (size_t a = 0; a < 3; a++) {
        size_t i = a + n - 3;
        bool is_in = a + n >= 3, is_scaled = is_in && !(j->info->is_planar && i == 0);
        o->up[a] = is_scaled && o->given.up > 1 ? o->given.up : 1;
        o->down[a] = is_scaled && o->given.down > 1 ? o->given.down : 1;
        o->tile[a] = is_in ? j->info->tile[i] / o->down[a] * o->up[a] : 1;
        o->size[a] = is_in ? (j->info->shape[i] + o->down[a] - 1) / o->down[a] * o->up[a] : 1;
        o->tile_values *= o->tile[a];
    }
}

/* The image of all samples, or the plan of those of one. */
static inline void take_writer(job *j, output *o)
{
    choice *c = j->c;
    bool is_plan = one_in(c, 3), swapped = one_in(c, 32), has_t = !is_plan && (j->info->n_samples > 1 || one_in(c, 2));
    bool has_c = o->channels > 1 || one_in(c, 2), has_z = o->size[0] > 1 || one_in(c, 2);
    const int64_t all[STEPS] = { j->info->n_samples, o->channels, o->size[0], o->size[1], o->size[2] };
    int64_t shape[STEPS], chunk[STEPS], shard[STEPS];
    char axes[STEPS + 1] = "";
    for (int a = 0, n = 0; a < STEPS; a++)
        if ((a != 0 || has_t) && (a != 1 || has_c) && (a != 2 || has_z)) {
            axes[n] = "TCZYX"[a];
            shape[n] = take_wild(c, 256, all[a]);
            chunk[n] = take_size(c, a < 2 ? 2 : 20);
            shard[n] = chunk[n] * take_size(c, 3);
            n++;
        }
    mt_writer_options options = { .struct_size = sizeof options,
                                  .format = "zarr",
                                  .axes = axes,
                                  .shape = shape,
                                  .dtype = o->given.dtype,
                                  .chunk_shape = chunk,
                                  .shard_shape = one_in(c, 3) ? shard : NULL,
                                  .codec = "none",
                                  .durability = MT_DURABLE_NEVER };
    mt_writer *w = NULL;
    mt_error err = MT_ERROR_INIT;
    begin_scratch(one_in(c, 4) ? "out.zarr/" : "out.zarr", o->path);
    if (is_plan && mkdir(o->path, 0700))
        abort();
    (void)note_written((is_plan ? mt_writer_plan : mt_writer_create)(j->context, o->path, &options, &w, &err), &err);
    *(is_plan != swapped ? &o->given.sample_plan : &o->given.writer) = w;
}

/* False if the output would be too large. */
static inline bool take_output(job *j, output *o, bool may_write)
{
    static const float scales[] = { 1, 0.5f, 2, -1 }, offsets[] = { 0, 0.5f, -3, 1.5f };
    choice *c = j->c;
    int64_t values = j->info->n_samples;
    *o = (output) { .dtype = take_dtype(c) };
    o->given.dtype = (mt_dtype)take_wild(c, 128, take_dtype(c));
    o->given.n_channels = take_wild(c, 128, 1 + take_below(c, 3));
    o->given.up = one_in(c, 4) ? 1 + take_below(c, 3) : 0;
    o->given.down = o->given.up > 1 || one_in(c, 2) ? take_below(c, 2) : (int)j->info->align;
    o->given.down = (int)take_wild(c, 128, o->given.down);
    set_sizes(j, o);
    for (int i = 0; i < 4; i++) {
        values *= i < 3 ? o->size[i] : 1;
        o->scale[i] = scales[take_below(c, 4)];
        o->offset[i] = offsets[take_below(c, 4)];
    }
    o->has_scale = one_in(c, 3);
    o->given.scale = o->has_scale || one_in(c, 64) ? o->scale : NULL;
    o->given.offset = o->has_scale || one_in(c, 64) ? o->offset : NULL;
    o->values_bytes = (size_t)(values * o->channels) * mt_dtype_size(o->given.dtype);
    if (values > 4 * MOST_PIXELS || o->tile_values > MOST_VALUES)
        return false;
    o->tiles = allocate((size_t)o->tile_values * MOST_BATCH * mt_dtype_size(o->dtype));
    o->image = allocate(o->values_bytes);
    if (may_write && one_in(c, 3))
        take_writer(j, o);
    else if (!one_in(c, 64))
        o->given.data = o->image;
    return true;
}

/* Makes tile number i of a batch. In blended overlaps, tiles differ by less than SPREAD. */
static inline void make_tile(const job *j, const output *o, uint64_t number, size_t i)
{
    mt_patch_spec spec;
    const size_t n = j->info->n_spatial, element = mt_dtype_size(o->dtype);
    uint8_t *out = o->tiles + i * (size_t)o->tile_values * element;
    if (mt_tiling_get(j->tiling, number, &spec, NULL))
        __builtin_trap();
    for (int64_t k = 0; k < o->tile_values; k++, out += element) {
        int64_t at[STEPS] = { spec.sample }, rest = k;
        bool is_kept = true;
        for (size_t a = 3; a-- > 0; rest /= o->tile[a]) {
            if (a + n < 3)
                continue;
            size_t d = a + n - 3;
            int64_t from = spec.stitch_coords[d], to = from + spec.crop_size[d];
            at[2 + a] = spec.coords[d] / o->down[a] * o->up[a] + rest % o->tile[a];
            is_kept = is_kept && at[2 + a] >= from / o->down[a] * o->up[a] &&
                      at[2 + a] < (to + o->down[a] - 1) / o->down[a] * o->up[a];
        }
        at[1] = rest;
        double more = j->blend ? (double)(number % SPREAD) : is_kept ? 0 : 50;
        store_pixel(o->dtype, out,
                    j->has_nan && k % 7 == 0 ? (double)NAN : convert_pixel(o->dtype, place_value(at) + more));
    }
}

static inline double expected(const output *o, const int64_t at[STEPS], double more)
{
    double value = convert_pixel(o->dtype, place_value(at) + more);
    if (o->has_scale)
        value = (double)((float)value * o->scale[at[1]] + o->offset[at[1]]);
    return convert_pixel(o->given.dtype, value);
}

static inline void check_output(const job *j, const output *o)
{
    const size_t element = mt_dtype_size(o->given.dtype);
    const double off = !j->blend ? 0 : o->given.dtype == MT_FLOAT16 ? 0.3 : 1e-3;
    for (size_t k = 0; k < o->values_bytes / element; k++) {
        int64_t at[STEPS], rest = (int64_t)k;
        for (int a = 2; a >= 0; rest /= o->size[a--])
            at[2 + a] = rest % o->size[a];
        at[0] = rest / o->channels;
        at[1] = rest % o->channels;
        double is = load_pixel(o->given.dtype, o->image + k * element);
        double one = expected(o, at, 0), other = j->blend ? expected(o, at, SPREAD - 1) : one;
        outcome_real(is);
        if (!j->has_nan && (is < fmin(one, other) - off || is > fmax(one, other) + off) &&
            !(j->blend && o->given.dtype == MT_BOOL))
            __builtin_trap();
    }
}

#endif
