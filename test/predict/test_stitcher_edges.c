/* SPDX-License-Identifier: BSD-3-Clause */
/* Stitchers: NaN of every dtype, many units that wait at once, the largest outputs, and what is refused. */
#include "sampling/sampling_support.h"
#include "support/folder.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define P(exponent) ((int64_t)1 << (exponent))

static mt_tiling *new_tiling(mt_context *context, const int64_t *shape, const int64_t *tile, const int64_t *overlap)
{
    const mt_tiling_options options = {
        .struct_size = sizeof options, .tile = tile, .n_spatial = 2, .overlap = overlap
    };
    mt_stack *stack = new_stack(context, "YX", shape);
    mt_tiling *tiling;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_tiling_new(stack, &options, &tiling, &err), &err);
    mt_stack_close(stack);
    return tiling;
}

static mt_stitcher *new_stitcher(mt_tiling *tiling, const mt_stitch_output *output, int blend)
{
    const mt_stitcher_options options = { .struct_size = sizeof options, .blend = blend };
    mt_stitcher *stitcher;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stitcher_new(tiling, output, 1, &options, &stitcher, &err), &err);
    return stitcher;
}

static mt_stitcher_report report_of(const mt_stitcher *stitcher)
{
    mt_stitcher_report report = { .struct_size = sizeof report };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stitcher_get_report(stitcher, &report, &err), &err);
    return report;
}

/* --- Values. --- */

static void names_of_blends(void **state)
{
    (void)state;
    assert_int_equal(mt_blend_find("crop"), MT_BLEND_CROP);
    assert_int_equal(mt_blend_find("linear"), MT_BLEND_LINEAR);
    assert_int_equal(mt_blend_find("hann"), MT_BLEND_HANN);
    assert_int_equal(mt_blend_find("gaussian"), MT_BLEND_GAUSSIAN);
    assert_int_equal(mt_blend_find("Hann"), -1);
    assert_int_equal(mt_blend_find(""), -1);
    assert_int_equal(mt_blend_find(NULL), -1);
}

/* NaN is counted in any dtype that has it, as it is and scaled, cropped and blended. */
static void nan_of_every_dtype(void **state)
{
    (void)state;
    static const uint16_t halves[4] = { 0x3C00, 0x7E01, 0xFE00, 0x4000 }; /* 1, NaN, NaN, 2 */
    static const float floats[4] = { 1, NAN, NAN, 2 };
    static const double doubles[4] = { 1, NAN, NAN, 2 };
    static const uint8_t bytes[4] = { 1, 0, 0, 2 };
    static const float two = 2, zero = 0;
    const struct {
        mt_stitch_values values;
        uint64_t n_nan;
    } cases[] = { { { halves, MT_FLOAT16 }, 2 },
                  { { floats, MT_FLOAT32 }, 2 },
                  { { doubles, MT_FLOAT64 }, 2 },
                  { { bytes, MT_UINT8 }, 0 } };
    mt_tiling *tiling = new_tiling(NULL, (int64_t[]) { 2, 2 }, (int64_t[]) { 2, 2 }, NULL);
    for (int i = 0; i < 16; i++) {
        float out[4] = { 9, 9, 9, 9 };
        const bool scaled = i / 4 % 2;
        const mt_stitch_output output = { .data = out,
                                          .dtype = MT_FLOAT32,
                                          .n_channels = 1,
                                          .scale = scaled ? &two : NULL,
                                          .offset = scaled ? &zero : NULL };
        mt_stitcher *stitcher = new_stitcher(tiling, &output, i / 8 ? MT_BLEND_GAUSSIAN : MT_BLEND_CROP);
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_stitcher_put(stitcher, 0, 1, &cases[i % 4].values, &err), &err);
        assert_int_equal(report_of(stitcher).n_nan, cases[i % 4].n_nan);
        assert_true(fabsf(out[0] - (scaled ? 2 : 1)) < 1e-6F && fabsf(out[3] - (scaled ? 4 : 2)) < 1e-6F);
        assert_int_equal(isnan(out[1]) != 0, cases[i % 4].n_nan > 0);
        mt_stitcher_free(stitcher);
    }
    mt_tiling_free(tiling);
}

/* 257 units of a row wait for the next row of tiles. */
static void many_units_wait_at_once(void **state)
{
    (void)state;
    enum { HEIGHT = 6, TILE = 4096, TILES = 17, WIDTH = 257 * 256, TILE_HEIGHT = 4 };
    static float out[HEIGHT][WIDTH], tile[TILE_HEIGHT][TILE];
    mt_tiling *tiling =
        new_tiling(NULL, (int64_t[]) { HEIGHT, WIDTH }, (int64_t[]) { TILE_HEIGHT, TILE }, (int64_t[]) { 2, 0 });
    const mt_stitch_output output = { .data = out, .dtype = MT_FLOAT32, .n_channels = 1 };
    mt_stitcher *stitcher = new_stitcher(tiling, &output, MT_BLEND_LINEAR);
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_tiling_get_info(tiling)->n_tiles, 2 * TILES);
    for (uint64_t t = 0; t < 2 * TILES; t++) {
        mt_patch_spec spec;
        check_ok(mt_tiling_get(tiling, t, &spec, &err), &err);
        for (int y = 0; y < TILE_HEIGHT; y++)
            for (int x = 0; x < TILE; x++)
                tile[y][x] = (float)(spec.coords[1] + x);
        check_ok(mt_stitcher_put(stitcher, t, 1, &(mt_stitch_values) { tile, MT_FLOAT32 }, &err), &err);
        assert_true(report_of(stitcher).waiting_bytes <= report_of(stitcher).least_memory);
    }
    assert_int_equal(report_of(stitcher).waiting_bytes, 0);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            assert_true(fabsf(out[y][x] - (float)x) < 0.01F);
    check_ok(mt_stitcher_flush(stitcher, &err), &err);
    mt_stitcher_free(stitcher);
    mt_tiling_free(tiling);
}

/* Tiles that end where units of 256 x 256 pixels do: one is incomplete at once, or those of a tile, or whole rows. */
static void the_least_memory_of_arrays(void **state)
{
    (void)state;
    static float out[512 * 768];
    static const struct {
        int64_t tile[2], overlap[2];
        uint64_t units;
    } cases[] = {
        { { 256, 256 }, { 0, 0 }, 1 },   { { 256, 768 }, { 0, 0 }, 3 }, { { 128, 256 }, { 0, 0 }, 3 },
        { { 256, 512 }, { 0, 256 }, 2 }, { { 300, 256 }, { 0, 0 }, 6 }, { { 512, 256 }, { 0, 0 }, 2 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_tiling *tiling = new_tiling(NULL, (int64_t[]) { 512, 768 }, cases[i].tile, cases[i].overlap);
        const mt_stitch_output output = { .data = out, .dtype = MT_FLOAT32, .n_channels = 1 };
        mt_stitcher *stitcher = new_stitcher(tiling, &output, MT_BLEND_LINEAR);
        assert_int_equal(report_of(stitcher).least_memory, cases[i].units * 256 * 256 * sizeof(float));
        mt_stitcher_free(stitcher);
        mt_tiling_free(tiling);
    }
}

/* --- Limits. --- */

/* Nothing of the outputs is touched. */
static void the_largest_outputs(void **state)
{
    (void)state;
    static float values[1];
    static const struct {
        int64_t shape[2], tile[2];
        int up;
        int64_t n_channels;
        mt_status status;
        const char *message;
    } cases[] = {
        { { 1, 10 }, { 1, P(59) - 1 }, 1, 1, MT_E_MEMORY, "memory" },
        { { 1, 10 }, { 1, P(59) }, 1, 1, MT_E_LIMIT, "tiles of more than 2^59 values" },
        { { 1, 10 }, { 1, P(58) }, 1, 2, MT_E_LIMIT, "tiles of more than 2^59 values" },
        { { 1, 10 }, { P(31), P(31) }, 1, 2, MT_E_LIMIT, "tiles of more than 2^59 values" },
        { { P(30), P(30) }, { P(19), P(19) }, 1 << 10, 1, MT_E_LIMIT, "more than 2^64 chunks" },
        { { 1, P(40) }, { 1, P(30) }, 1, 1, MT_E_MEMORY, "metadata takes more" }, /* for a bit for each of 2^32 units */
    };
    mt_context *context = small_context();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_tiling *tiling = new_tiling(context, cases[i].shape, cases[i].tile, NULL);
        const mt_stitch_output output = {
            .data = values, .dtype = MT_FLOAT32, .n_channels = cases[i].n_channels, .up = cases[i].up
        };
        mt_stitcher *stitcher = NULL;
        mt_error err = MT_ERROR_INIT;
        check_failed(mt_stitcher_new(tiling, &output, 1, NULL, &stitcher, &err), cases[i].status, &err,
                     cases[i].message);
        mt_tiling_free(tiling);
    }
    mt_context_free(context);
}

/* --- Refusals. --- */

static void refused(mt_tiling *tiling, mt_stitch_output output, const mt_stitcher_options *options, const char *message)
{
    mt_error err = MT_ERROR_INIT;
    mt_stitcher *stitcher;
    check_failed(mt_stitcher_new(tiling, &output, 1, options, &stitcher, &err), MT_E_ARGUMENT, &err, message);
}

static void outputs_and_options_that_are_refused(void **state)
{
    (void)state;
    float values[12];
    mt_tiling *tiling = new_tiling(NULL, (int64_t[]) { 3, 4 }, (int64_t[]) { 2, 2 }, NULL);
    const mt_stitch_output good = { .data = values, .dtype = MT_FLOAT32, .n_channels = 1 };
    mt_stitch_output output = good;
    output.dtype = (mt_dtype)0;
    refused(tiling, output, NULL, "an array of no valid dtype");
    output = good;
    output.up = -1;
    refused(tiling, output, NULL, "not by -1 / 0");
    output = good;
    output.down = -1;
    refused(tiling, output, NULL, "not by 0 / -1");
    output = good;
    output.n_channels = -1;
    refused(tiling, output, NULL, "an output with -1 channels");
    output = good;
    output.offset = values;
    refused(tiling, output, NULL, "scale and offset are given together");
    mt_stitcher_options options = { .struct_size = sizeof options, .blend = -1 };
    refused(tiling, good, &options, "there is no way -1 to blend tiles");
    options.blend = MT_BLEND_GAUSSIAN + 1;
    refused(tiling, good, &options, "there is no way 4 to blend tiles");
    options = (mt_stitcher_options) { .struct_size = sizeof options + 1 };
    refused(tiling, good, &options, "mt_stitcher_options.struct_size is");
    mt_stitcher *stitcher;
    mt_error err = MT_ERROR_INIT;
    check_failed(mt_stitcher_new(tiling, &good, 0, NULL, &stitcher, &err), MT_E_ARGUMENT, &err, "no outputs");
    const mt_stitch_output two[2] = { good, { .n_channels = 1 } };
    check_failed(mt_stitcher_new(tiling, two, 2, NULL, &stitcher, &err), MT_E_ARGUMENT, &err,
                 "output 1: an output needs a writer");
    const mt_writer_options to_file = {
        .struct_size = sizeof to_file, .axes = "YX", .shape = (int64_t[]) { 3, 4 }, .dtype = MT_FLOAT32, .codec = "none"
    };
    mt_writer *writer;
    check_ok(mt_writer_create(NULL, temporary_path("plan.zarr"), &to_file, &writer, &err), &err);
    refused(tiling, (mt_stitch_output) { .sample_plan = writer, .n_channels = 1 }, NULL,
            "plan.zarr: the plan of samples is not one of mt_writer_plan");
    mt_writer_close(writer);
    mt_tiling_free(tiling);
}

static void tiles_that_are_refused(void **state)
{
    (void)state;
    float out[12], tiles[4][4] = { { 0 } };
    const mt_stitch_values values = { tiles, MT_FLOAT32 }, none = { tiles, (mt_dtype)0 };
    mt_tiling *tiling = new_tiling(NULL, (int64_t[]) { 3, 4 }, (int64_t[]) { 2, 2 }, NULL);
    const mt_stitch_output output = { .data = out, .dtype = MT_FLOAT32, .n_channels = 1 };
    mt_stitcher *stitcher = new_stitcher(tiling, &output, MT_BLEND_CROP);
    mt_error err = MT_ERROR_INIT;
    check_failed(mt_stitcher_put(stitcher, 0, 1, &none, &err), MT_E_ARGUMENT, &err, "no valid dtype");
    check_failed(mt_stitcher_put(stitcher, 5, 0, &values, &err), MT_E_RANGE, &err, "of 4");
    check_failed(mt_stitcher_put(stitcher, 2, 3, &values, &err), MT_E_RANGE, &err, "tiles 2 to 4 of 4");
    check_ok(mt_stitcher_put(stitcher, 4, 0, &values, &err), &err);
    check_ok(mt_stitcher_put(stitcher, 0, 1, &values, &err), &err);
    check_failed(mt_stitcher_flush(stitcher, &err), MT_E_ARGUMENT, &err,
                 "3 of the 4 tiles that are needed were not put");
    check_ok(mt_stitcher_put(stitcher, 1, 3, &values, &err), &err);
    check_ok(mt_stitcher_flush(stitcher, &err), &err);
    for (int i = 0; i < 2; i++) {
        mt_stitcher_report report = { .struct_size = i ? sizeof report + 1 : 0 };
        check_failed(mt_stitcher_get_report(stitcher, &report, &err), MT_E_ARGUMENT, &err,
                     i ? "mt_stitcher_report.struct_size is" : "mt_stitcher_report.struct_size is 0, not");
    }
    mt_stitcher_free(stitcher);
    mt_tiling_free(tiling);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_blends),         cmocka_unit_test(nan_of_every_dtype),
        cmocka_unit_test(many_units_wait_at_once), cmocka_unit_test(the_least_memory_of_arrays),
        cmocka_unit_test(the_largest_outputs),     cmocka_unit_test(outputs_and_options_that_are_refused),
        cmocka_unit_test(tiles_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
