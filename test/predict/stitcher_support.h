/* SPDX-License-Identifier: BSD-3-Clause */
/* Images that are stitched: cases, a made-up network, and where its outputs go. */
#ifndef MT_TEST_STITCHER_SUPPORT_H
#define MT_TEST_STITCHER_SUPPORT_H

#include "support/contract.h"
#include "support/folder.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { DIMS = 5, MOST_TILE = 1 << 16 };

/* An image, its tiles and one output. */
typedef struct stitch_case {
    const char *axes; /* of the image: T for samples, (Z), Y, X */
    int64_t shape[4];
    size_t n_spatial;
    int64_t tile[3], overlap[3], align;
    int up, down, n_channels;
    int blend;
    int64_t chunk[DIMS]; /* of a writer: TC(Z)YX */
} stitch_case;

static const stitch_case cases[] = {
    { "TYX", { 1, 50, 60 }, 2, { 16, 20 }, { 4, 6 }, 1, 1, 1, 1, MT_BLEND_CROP, { 0, 0, 16, 16 } },
    { "TYX", { 3, 50, 61 }, 2, { 16, 20 }, { 8, 6 }, 1, 1, 1, 2, MT_BLEND_HANN, { 2, 0, 20, 33 } },
    { "TYX", { 2, 33, 47 }, 2, { 12, 0 }, { 8, 0 }, 4, 1, 2, 3, MT_BLEND_CROP, { 0, 2, 7, 9 } },
    { "TYX", { 1, 33, 47 }, 2, { 12, 16 }, { 4, 12 }, 2, 1, 2, 1, MT_BLEND_GAUSSIAN, { 0, 0, 7, 9 } },
    { "TYX", { 1, 21, 30 }, 2, { 8, 64 }, { 2, 2 }, 1, 2, 1, 1, MT_BLEND_LINEAR, { 0, 0, 32, 8 } },
    { "TYX", { 1, 9, 7 }, 2, { 64, 64 }, { 0, 0 }, 1, 1, 1, 1, MT_BLEND_GAUSSIAN, { 0 } },
    { "TZYX", { 1, 9, 20, 22 }, 2, { 8, 10 }, { 4, 4 }, 1, 1, 1, 2, MT_BLEND_LINEAR, { 0, 0, 2, 16, 16 } },
    { "TZYX", { 1, 3, 21, 22 }, 2, { 8, 12 }, { 4, 4 }, 2, 1, 2, 1, MT_BLEND_CROP, { 0, 0, 1, 8, 8 } },
    { "TZYX", { 2, 9, 20, 22 }, 3, { 4, 8, 10 }, { 2, 4, 4 }, 1, 1, 1, 1, MT_BLEND_CROP, { 0, 0, 4, 16, 5 } },
    { "TZYX", { 2, 9, 20, 22 }, 3, { 4, 8, 12 }, { 0, 4, 4 }, 1, 2, 0, 2, MT_BLEND_HANN, { 0, 0, 3, 16, 5 } },
};
enum { N_CASES = sizeof cases / sizeof *cases };

/* The first output of a made-up network: any value for each pixel of each tile. */
static inline float network(uint64_t tile, int64_t i)
{
    uint64_t state = tile * 1000003 + (uint64_t)i + 1;
    next_random(&state);
    return (float)(next_random(&state) >> 40) / 1000 - 4000;
}

/* A case with everything that follows from it. */
typedef struct setting {
    const stitch_case *c;
    failing_allocator memory; /* of the context; never fails at first */
    mt_context *context;
    mt_stack *stack;
    mt_tiling *tiling;
    const mt_tiling_info *info;
    int64_t tile[3], size[3]; /* ZYX of the output: tile and image */
    int64_t planes;           /* n_spatial of the network */
    int64_t tile_values;
    int64_t samples;
    size_t values; /* of the output */
    uint8_t *pixels;
} setting;

static inline int64_t scaled(const stitch_case *c, int64_t n)
{
    int64_t down = c->down > 1 ? c->down : 1, up = c->up > 1 ? c->up : 1;
    return (n + down - 1) / down * up;
}

static inline bool is_scaled(const setting *s, size_t i) { return !(s->info->is_planar && i == 0); }

static inline void set_up(const stitch_case *c, setting *s)
{
    mt_error err = MT_ERROR_INIT;
    mt_context_options own = { .struct_size = sizeof own, .threads = 2 };
    size_t n = 1;
    *s = (setting) { .c = c, .samples = c->shape[0], .tile = { 1, 1, 1 }, .size = { 1, 1, 1 } };
    for (size_t d = 0; c->axes[d]; d++)
        n *= (size_t)c->shape[d];
    s->pixels = calloc(n, 1);
    own.allocator = failing_allocator_make(&s->memory, SIZE_MAX, 0);
    check_ok(mt_context_new(&own, &s->context, &err), &err);
    check_ok(mt_stack_from_array(s->context, s->pixels, MT_UINT8, c->axes, c->shape, NULL, NULL, &s->stack, &err),
             &err);
    const mt_tiling_options options = { .struct_size = sizeof options,
                                        .tile = c->tile,
                                        .n_spatial = c->n_spatial,
                                        .overlap = c->overlap,
                                        .align = c->align };
    check_ok(mt_tiling_new(s->stack, &options, &s->tiling, &err), &err);
    s->info = mt_tiling_get_info(s->tiling);
    s->tile_values = c->n_channels;
    s->values = (size_t)(c->n_channels * s->samples);
    for (size_t i = 0, at = 3 - s->info->n_spatial; i < s->info->n_spatial; i++, at++) {
        s->tile[at] = is_scaled(s, i) ? scaled(c, s->info->tile[i]) : s->info->tile[i];
        s->size[at] = is_scaled(s, i) ? scaled(c, s->info->shape[i]) : s->info->shape[i];
        s->tile_values *= s->tile[at];
        s->values *= (size_t)s->size[at];
    }
    assert_true(s->tile_values <= MOST_TILE);
}

static inline void tear_down(setting *s)
{
    mt_tiling_free(s->tiling);
    mt_stack_close(s->stack);
    mt_context_free(s->context);
    free(s->pixels);
}

static inline mt_status put_batch(const setting *s, mt_stitcher *stitcher, uint64_t first, uint64_t n, mt_error *err)
{
    float *data = malloc((size_t)s->tile_values * n * sizeof *data);
    for (uint64_t t = 0; t < n; t++)
        for (int64_t i = 0; i < s->tile_values; i++)
            data[(int64_t)t * s->tile_values + i] = network(first + t, i);
    mt_status st = mt_stitcher_put(stitcher, first, n, &(mt_stitch_values) { data, MT_FLOAT32 }, err);
    free(data);
    return st;
}

enum { BATCH = 4 };

/* Puts up to most of the batches that are needed, and returns their number. */
static inline uint64_t put_all(const setting *s, mt_stitcher *stitcher, uint64_t most)
{
    const uint64_t n = s->info->n_tiles, batches = (n + BATCH - 1) / BATCH;
    uint64_t count = 0;
    for (uint64_t b = mt_stitcher_next(stitcher, BATCH, 0); b < batches && count < most;
         b = mt_stitcher_next(stitcher, BATCH, b + 1), count++) {
        mt_error err = MT_ERROR_INIT;
        uint64_t rest = n - b * BATCH;
        check_ok(put_batch(s, stitcher, b * BATCH, rest < BATCH ? rest : BATCH, &err), &err);
    }
    return count;
}

static inline mt_stitch_output to_array(const setting *s, float *out)
{
    return (mt_stitch_output) {
        .data = out, .dtype = MT_FLOAT32, .n_channels = s->c->n_channels, .up = s->c->up, .down = s->c->down
    };
}

static inline mt_stitch_output to_writer(const setting *s, mt_writer *w)
{
    mt_stitch_output output = to_array(s, NULL);
    output.writer = w;
    return output;
}

static inline mt_stitcher *new_stitcher(const setting *s, const mt_stitch_output *output, uint64_t part,
                                        uint64_t n_parts)
{
    mt_error err = MT_ERROR_INIT;
    mt_stitcher *stitcher;
    const mt_stitcher_options options = {
        .struct_size = sizeof options, .blend = s->c->blend, .part = part, .n_parts = n_parts
    };
    check_ok(mt_stitcher_new(s->tiling, output, 1, &options, &stitcher, &err), &err);
    return stitcher;
}

static inline float *stitch_to_array(const setting *s)
{
    float *out = calloc(s->values, sizeof *out);
    mt_error err = MT_ERROR_INIT;
    mt_stitch_output output = to_array(s, out);
    mt_stitcher *stitcher = new_stitcher(s, &output, 0, 0);
    (void)put_all(s, stitcher, UINT64_MAX);
    check_ok(mt_stitcher_flush(stitcher, &err), &err);
    mt_stitcher_report report = { .struct_size = sizeof report };
    check_ok(mt_stitcher_get_report(stitcher, &report, &err), &err);
    assert_int_equal(report.n_put, s->info->n_tiles);
    assert_int_equal(report.waiting_bytes, 0);
    mt_stitcher_free(stitcher);
    return out;
}

typedef mt_status make_writer(mt_context *context, const char *path, const mt_writer_options *options, mt_writer **out,
                              mt_error *err);

static inline mt_writer *make(const setting *s, const char *path, make_writer *function)
{
    mt_error err = MT_ERROR_INIT;
    mt_writer *w;
    int64_t shape[DIMS] = { s->samples, s->c->n_channels, s->size[0], s->size[1], s->size[2] };
    bool has_z = s->info->n_spatial == 3;
    if (!has_z)
        memmove(shape + 2, shape + 3, 2 * sizeof *shape);
    const mt_writer_options options = { .struct_size = sizeof options,
                                        .format = "zarr",
                                        .axes = has_z ? "TCZYX" : "TCYX",
                                        .shape = shape,
                                        .dtype = MT_FLOAT32,
                                        .chunk_shape = s->c->chunk,
                                        .codec = "none",
                                        .durability = MT_DURABLE_NEVER };
    check_ok(function(s->context, path, &options, &w, &err), &err);
    return w;
}

static inline mt_writer *new_writer(const setting *s, const char *path) { return make(s, path, mt_writer_create); }

static inline void finish(mt_writer *w)
{
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_finish(w, &if_complete, &err), &err);
    mt_writer_close(w);
}

static inline void check_file(const setting *s, const char *path, const float *expected)
{
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack;
    whole_image image;
    check_ok(mt_stack_open(s->context, path, NULL, &stack, &err), &err);
    check_ok(read_whole(stack, &image, &err), &err);
    assert_int_equal(image.bytes, s->values * sizeof(float));
    assert_memory_equal(image.pixels, expected, image.bytes);
    free_whole(&image);
    mt_stack_close(stack);
}

#endif
