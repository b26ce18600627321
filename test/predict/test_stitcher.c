/* SPDX-License-Identifier: BSD-3-Clause */
/* Stitching: crops, and weighted means of overlapping tiles, equal a naive computation with a map of counts, in arrays
 * and writers, in parts and after interruptions. */
#include "support/contract.h"
#include "support/folder.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
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
    { "TYX", { 1, 20, 30 }, 2, { 8, 64 }, { 2, 2 }, 1, 2, 1, 1, MT_BLEND_LINEAR, { 0, 0, 32, 8 } },
    { "TYX", { 1, 9, 7 }, 2, { 64, 64 }, { 0, 0 }, 1, 1, 1, 1, MT_BLEND_GAUSSIAN, { 0 } },
    { "TZYX", { 1, 9, 20, 22 }, 2, { 8, 10 }, { 4, 4 }, 1, 1, 1, 2, MT_BLEND_LINEAR, { 0, 0, 2, 16, 16 } },
    { "TZYX", { 1, 3, 21, 22 }, 2, { 8, 12 }, { 4, 4 }, 2, 1, 2, 1, MT_BLEND_CROP, { 0, 0, 1, 8, 8 } },
    { "TZYX", { 2, 9, 20, 22 }, 3, { 4, 8, 10 }, { 2, 4, 4 }, 1, 1, 1, 1, MT_BLEND_CROP, { 0, 0, 4, 16, 5 } },
    { "TZYX", { 2, 9, 20, 22 }, 3, { 4, 8, 12 }, { 0, 4, 4 }, 1, 2, 0, 2, MT_BLEND_HANN, { 0, 0, 3, 16, 5 } },
};
enum { N_CASES = sizeof cases / sizeof *cases };

/* The first output of a made-up network: any value for each pixel of each tile. */
static float network(uint64_t tile, int64_t i)
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

static int64_t scaled(const stitch_case *c, int64_t n)
{
    int64_t down = c->down > 1 ? c->down : 1, up = c->up > 1 ? c->up : 1;
    return (n + down - 1) / down * up;
}

static bool is_scaled(const setting *s, size_t i) { return !(s->info->is_planar && i == 0); }

static void set_up(const stitch_case *c, setting *s)
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

static void tear_down(setting *s)
{
    mt_tiling_free(s->tiling);
    mt_stack_close(s->stack);
    mt_context_free(s->context);
    free(s->pixels);
}

/* --- The naive answer. --- */

static double naive_weight(int blend, int64_t k, int64_t n, int64_t overlap)
{
    double middle = ((double)k - (double)(n - 1) / 2) * 8 / (double)n;
    switch (blend) {
    case MT_BLEND_LINEAR: return fmin(1, (double)(k + 1 < n - k ? k + 1 : n - k) / (double)(overlap + 1));
    case MT_BLEND_HANN: return pow(sin(acos(-1) * ((double)k + 0.5) / (double)n), 2);
    default: return fmax(exp(-middle * middle / 2), 0.001);
    }
}

/* The part of a tile along an axis that counts: its crop, or all of it. In pixels of the output. */
typedef struct span {
    int64_t at, from, to, overlap;
} span;

static span span_of(const setting *s, const mt_patch_spec *spec, size_t i)
{
    const stitch_case *c = s->c;
    size_t axis = 3 - s->info->n_spatial + i;
    bool scale = is_scaled(s, i);
    int64_t down = scale && c->down > 1 ? c->down : 1, up = scale && c->up > 1 ? c->up : 1;
    span a = { .at = spec->coords[i] / down * up, .overlap = s->info->overlap[i] / down * up };
    int64_t crop_end = (spec->stitch_coords[i] + spec->crop_size[i] + down - 1) / down * up;
    a.from = c->blend == MT_BLEND_CROP ? spec->stitch_coords[i] / down * up : a.at;
    a.to = c->blend == MT_BLEND_CROP ? crop_end : a.at + s->tile[axis];
    a.to = a.to < s->size[axis] ? a.to : s->size[axis];
    return a;
}

static double weight_at(const setting *s, const span spans[3], const int64_t p[3])
{
    double w = 1;
    for (size_t a = 0; a < 3 && s->c->blend != MT_BLEND_CROP; a++)
        if (a >= 3 - s->info->n_spatial)
            w *= naive_weight(s->c->blend, p[a] - spans[a].at, s->tile[a], spans[a].overlap);
    return w;
}

static float *naive(const setting *s)
{
    double *sums = calloc(s->values, sizeof *sums), *counts = calloc(s->values, sizeof *counts);
    float *out = calloc(s->values, sizeof *out);
    for (uint64_t t = 0; t < s->info->n_tiles; t++) {
        mt_patch_spec spec;
        span spans[3] = { { 0, 0, 1, 0 }, { 0 }, { 0 } };
        check_ok(mt_tiling_get(s->tiling, t, &spec, NULL), NULL);
        for (size_t i = 0; i < s->info->n_spatial; i++)
            spans[3 - s->info->n_spatial + i] = span_of(s, &spec, i);
        for (int64_t c = 0; c < s->c->n_channels; c++)
            for (int64_t z = spans[0].from; z < spans[0].to; z++)
                for (int64_t y = spans[1].from; y < spans[1].to; y++)
                    for (int64_t x = spans[2].from; x < spans[2].to; x++) {
                        size_t at =
                            (size_t)((((spec.sample * s->c->n_channels + c) * s->size[0] + z) * s->size[1] + y) *
                                         s->size[2] +
                                     x);
                        int64_t i = ((c * s->tile[0] + z - spans[0].at) * s->tile[1] + y - spans[1].at) * s->tile[2] +
                                    x - spans[2].at;
                        double w = weight_at(s, spans, (int64_t[]) { z, y, x });
                        sums[at] += w * (double)network(t, i);
                        counts[at] += w;
                    }
    }
    for (size_t i = 0; i < s->values; i++)
        out[i] = (float)(sums[i] / counts[i]); /* by 1 if cropped */
    free(sums);
    free(counts);
    return out;
}

/* --- Ours. --- */

static mt_status put_batch(const setting *s, mt_stitcher *stitcher, uint64_t first, uint64_t n, mt_error *err)
{
    float *data = malloc((size_t)s->tile_values * n * sizeof *data);
    for (uint64_t t = 0; t < n; t++)
        for (int64_t i = 0; i < s->tile_values; i++)
            data[(int64_t)t * s->tile_values + i] = network(first + t, i);
    mt_status st = mt_stitcher_put(stitcher, first, n, &(mt_stitch_values) { data, MT_FLOAT32 }, err);
    free(data);
    return st;
}

/* Puts up to most of the batches that are needed, and returns their number. */
static uint64_t put_all(const setting *s, mt_stitcher *stitcher, uint64_t most)
{
    enum { BATCH = 4 };
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

static mt_stitch_output to_array(const setting *s, float *out)
{
    return (mt_stitch_output) {
        .data = out, .dtype = MT_FLOAT32, .n_channels = s->c->n_channels, .up = s->c->up, .down = s->c->down
    };
}

static mt_stitch_output to_writer(const setting *s, mt_writer *const *w)
{
    mt_stitch_output output = to_array(s, NULL);
    output.writers = w;
    output.n_writers = 1;
    return output;
}

static mt_stitcher *new_stitcher(const setting *s, const mt_stitch_output *output, uint64_t part, uint64_t n_parts)
{
    mt_error err = MT_ERROR_INIT;
    mt_stitcher *stitcher;
    const mt_stitcher_options options = {
        .struct_size = sizeof options, .blend = s->c->blend, .part = part, .n_parts = n_parts
    };
    check_ok(mt_stitcher_new(s->tiling, output, 1, &options, &stitcher, &err), &err);
    return stitcher;
}

static float *stitch_to_array(const setting *s)
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

static uint64_t least_memory(mt_stitcher *stitcher)
{
    mt_error err = MT_ERROR_INIT;
    mt_stitcher_report report = { .struct_size = sizeof report };
    check_ok(mt_stitcher_get_report(stitcher, &report, &err), &err);
    return report.least_memory;
}

static mt_writer *new_writer(const setting *s, const char *path)
{
    mt_error err = MT_ERROR_INIT;
    mt_writer *w;
    int64_t shape[DIMS] = { s->samples, s->c->n_channels, s->size[0], s->size[1], s->size[2] };
    bool has_z = s->info->n_spatial == 3;
    if (!has_z)
        memmove(shape + 2, shape + 3, 2 * sizeof *shape);
    const mt_writer_options options = { .struct_size = sizeof options,
                                        .axes = has_z ? "TCZYX" : "TCYX",
                                        .shape = shape,
                                        .dtype = MT_FLOAT32,
                                        .chunk_shape = s->c->chunk,
                                        .codec = "none",
                                        .durability = MT_DURABLE_NEVER };
    check_ok(mt_writer_create(s->context, path, &options, &w, &err), &err);
    return w;
}

static void finish(mt_writer *w)
{
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_finish(w, &if_complete, &err), &err);
    mt_writer_close(w);
}

static void check_file(const setting *s, const char *path, const float *expected)
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

/* --- Tests. --- */

static void arrays_equal_the_naive_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++) {
        setting s;
        set_up(&cases[i], &s);
        float *expected = naive(&s), *out = stitch_to_array(&s);
        for (size_t k = 0; k < s.values; k++)
            if (cases[i].blend == MT_BLEND_CROP ? out[k] != expected[k] : fabsf(out[k] - expected[k]) > 0.01F)
                fail_msg("case %zu: value %zu is %g, not %g", i, k, (double)out[k], (double)expected[k]);
        free(expected);
        free(out);
        tear_down(&s);
    }
}

/* Writers get the same bits as arrays: in one run, interrupted after some batches, and in parts. */
static void runs_that_are_cut_give_the_same_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++) {
        setting s;
        char name[32];
        set_up(&cases[i], &s);
        float *expected = stitch_to_array(&s);
        for (uint64_t cut = 0, again = 1; again > 0; cut = 2 * cut + 1) {
            snprintf(name, sizeof name, "cut%zu_%d.zarr", i, (int)cut);
            const char *path = temporary_path(name);
            for (int run = 0; run < 2; run++) {
                mt_writer *w = new_writer(&s, path);
                mt_stitch_output output = to_writer(&s, &w);
                mt_stitcher *stitcher = new_stitcher(&s, &output, 0, 0);
                again = put_all(&s, stitcher, run == 0 ? cut : UINT64_MAX);
                mt_stitcher_free(stitcher);
                assert_int_equal(mt_writer_flush(w, NULL), MT_OK);
                if (run == 1)
                    finish(w);
                else
                    mt_writer_close(w);
            }
            check_file(&s, path, expected);
        }
        free(expected);
        tear_down(&s);
    }
}

static void parts_make_all_units_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++)
        for (uint64_t parts = 1; parts < 6; parts += 2) {
            setting s;
            char name[32];
            mt_error err = MT_ERROR_INIT;
            uint64_t units = 0;
            set_up(&cases[i], &s);
            float *expected = stitch_to_array(&s);
            snprintf(name, sizeof name, "part%zu_%d.zarr", i, (int)parts);
            const char *path = temporary_path(name);
            for (uint64_t k = parts; k-- > 0;) {
                mt_writer *w = new_writer(&s, path);
                mt_stitch_output output = to_writer(&s, &w);
                mt_stitcher *stitcher = new_stitcher(&s, &output, k, parts);
                (void)put_all(&s, stitcher, UINT64_MAX);
                check_ok(mt_stitcher_flush(stitcher, &err), &err);
                mt_stitcher_free(stitcher);
                mt_writer_progress progress = progress_of(w);
                assert_int_equal(progress.n_resumed, units);
                assert_int_equal(progress.n_skipped, 0);
                units = progress.n_done;
                if (k == 0)
                    finish(w);
                else
                    mt_writer_close(w);
            }
            check_file(&s, path, expected);
            free(expected);
            tear_down(&s);
        }
}

/* With exactly the least memory a run does not fail; with less it is refused. */
static void the_least_memory_suffices(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++) {
        setting s;
        char name[32];
        mt_error err = MT_ERROR_INIT;
        set_up(&cases[i], &s);
        snprintf(name, sizeof name, "least%zu.zarr", i);
        mt_writer *w = new_writer(&s, temporary_path(name));
        mt_stitch_output output = to_writer(&s, &w);
        mt_stitcher *stitcher = new_stitcher(&s, &output, 0, 0);
        mt_stitcher_report report = { .struct_size = sizeof report, .least_memory = least_memory(stitcher) };
        mt_stitcher_free(stitcher);
        mt_stitcher_options options = { .struct_size = sizeof options,
                                        .blend = cases[i].blend,
                                        .memory = report.least_memory - 1 };
        assert_int_equal(mt_stitcher_new(s.tiling, &output, 1, &options, &stitcher, &err), MT_E_LIMIT);
        assert_non_null(strstr(err.message, "MiB of memory are needed"));
        mt_error_reset(&err);
        options.memory++;
        check_ok(mt_stitcher_new(s.tiling, &output, 1, &options, &stitcher, &err), &err);
        uint64_t most = 0;
        for (uint64_t t = 0; t < s.info->n_tiles; t++) {
            check_ok(put_batch(&s, stitcher, t, 1, &err), &err);
            check_ok(mt_stitcher_get_report(stitcher, &report, &err), &err);
            most = report.waiting_bytes > most ? report.waiting_bytes : most;
        }
        assert_true(most <= report.least_memory);
        check_ok(mt_stitcher_flush(stitcher, &err), &err);
        mt_stitcher_free(stitcher);
        finish(w);
        tear_down(&s);
    }
}

/* A small part holds less than all of the image would. */
static void a_part_needs_memory_for_its_own_units(void **state)
{
    (void)state;
    setting s;
    uint64_t least[2];
    set_up(&cases[0], &s);
    mt_writer *w = new_writer(&s, temporary_path("small.zarr"));
    mt_stitch_output output = to_writer(&s, &w);
    for (int i = 0; i < 2; i++) {
        mt_stitcher *stitcher = new_stitcher(&s, &output, 0, i == 0 ? 0 : 16);
        least[i] = least_memory(stitcher);
        mt_stitcher_free(stitcher);
    }
    assert_true(least[1] < least[0]);
    mt_writer_close(w);
    tear_down(&s);
}

static void samples_have_images_of_their_own(void **state)
{
    (void)state;
    setting s;
    stitch_case one = cases[1];
    mt_error err = MT_ERROR_INIT;
    set_up(&cases[1], &s);
    float *expected = stitch_to_array(&s);
    mt_writer *writers[3];
    setting single = s;
    single.samples = 1;
    single.values = s.values / 3;
    single.c = &one;
    one.chunk[0] = 0;
    for (int i = 0; i < 3; i++)
        writers[i] = new_writer(&single, temporary_path((const char *[]) { "s0.zarr", "s1.zarr", "s2.zarr" }[i]));
    mt_stitch_output output = to_array(&s, NULL);
    output.writers = writers;
    output.n_writers = 3;
    mt_stitcher *stitcher = new_stitcher(&s, &output, 0, 0);
    (void)put_all(&s, stitcher, UINT64_MAX);
    check_ok(mt_stitcher_flush(stitcher, &err), &err);
    mt_stitcher_free(stitcher);
    for (size_t i = 0; i < 3; i++) {
        finish(writers[i]);
        check_file(&single, temporary_path((const char *[]) { "s0.zarr", "s1.zarr", "s2.zarr" }[i]),
                   expected + i * single.values);
    }
    free(expected);
    tear_down(&s);
}

/* Values are scaled in float32, and converted once, from any type. */
static void values_are_scaled_and_converted(void **state)
{
    (void)state;
    enum { SIDE = 6 };
    uint8_t pixels[SIDE * SIDE] = { 0 };
    static const float scale[] = { 2, 0.5F }, offset[] = { -1, 7 };
    double given[2 * SIDE * SIDE];
    uint8_t out[2 * SIDE * SIDE];
    setting s = { 0 };
    mt_error err = MT_ERROR_INIT;
    for (int i = 0; i < 2 * SIDE * SIDE; i++)
        given[i] = i * 3;
    given[5] = NAN;
    for (int blend = MT_BLEND_CROP; blend <= MT_BLEND_GAUSSIAN; blend++) {
        const stitch_case c = { .blend = blend };
        check_ok(mt_context_new(NULL, &s.context, &err), &err);
        check_ok(mt_stack_from_array(s.context, pixels, MT_UINT8, "YX", (int64_t[]) { SIDE, SIDE }, NULL, NULL,
                                     &s.stack, &err),
                 &err);
        const mt_tiling_options tiles = { .struct_size = sizeof tiles, .tile = (int64_t[]) { 0, 0 }, .n_spatial = 2 };
        check_ok(mt_tiling_new(s.stack, &tiles, &s.tiling, &err), &err);
        s.c = &c;
        const mt_stitch_output output = {
            .data = out, .dtype = MT_UINT8, .n_channels = 2, .scale = scale, .offset = offset
        };
        mt_stitcher *stitcher = new_stitcher(&s, &output, 0, 0);
        check_ok(mt_stitcher_put(stitcher, 0, 1, &(mt_stitch_values) { given, MT_FLOAT64 }, &err), &err);
        mt_stitcher_report report = { .struct_size = sizeof report };
        check_ok(mt_stitcher_get_report(stitcher, &report, &err), &err);
        assert_int_equal(report.n_nan, 1);
        for (int i = 0; i < 2 * SIDE * SIDE; i++) {
            double value = i < SIDE * SIDE ? i * 6.0 - 1 : i * 1.5 + 7;
            assert_int_equal(out[i], i == 5 ? 0 : (int)fmin(255, fmax(0, nearbyint(value))));
        }
        mt_stitcher_free(stitcher);
        mt_tiling_free(s.tiling);
        mt_stack_close(s.stack);
        mt_context_free(s.context);
    }
}

/* While one allocation after another fails. */
static void failing_allocations_end_the_call(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++) {
        bool failed = true;
        for (size_t at = 0; failed; at++) {
            setting s;
            mt_error err = MT_ERROR_INIT;
            mt_stitcher *stitcher = NULL;
            set_up(&cases[i], &s);
            float *out = calloc(s.values, sizeof *out);
            mt_stitch_output output = to_array(&s, out);
            s.memory = (failing_allocator) { .fail_at = at };
            const mt_stitcher_options options = { .struct_size = sizeof options, .blend = cases[i].blend };
            mt_status st = mt_stitcher_new(s.tiling, &output, 1, &options, &stitcher, &err);
            for (uint64_t t = 0; !st && t < s.info->n_tiles; t++)
                st = put_batch(&s, stitcher, t, 1, &err);
            failed = st != MT_OK;
            if (failed)
                assert_int_equal(st, MT_E_MEMORY);
            mt_stitcher_free(stitcher);
            s.memory.fail_at = SIZE_MAX;
            free(out);
            tear_down(&s);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_equal_the_naive_answer),
        cmocka_unit_test(runs_that_are_cut_give_the_same_bits),
        cmocka_unit_test(parts_make_all_units_once),
        cmocka_unit_test(the_least_memory_suffices),
        cmocka_unit_test(a_part_needs_memory_for_its_own_units),
        cmocka_unit_test(samples_have_images_of_their_own),
        cmocka_unit_test(values_are_scaled_and_converted),

        cmocka_unit_test(failing_allocations_end_the_call),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
