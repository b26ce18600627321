/* SPDX-License-Identifier: BSD-3-Clause */
/* Stitching: crops, and weighted means of overlapping tiles, equal a naive computation with a map of counts, in arrays
 * and writers, in parts and after interruptions. */
#include "stitcher_support.h"

#include <math.h>

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

static uint64_t least_memory(mt_stitcher *stitcher)
{
    mt_error err = MT_ERROR_INIT;
    mt_stitcher_report report = { .struct_size = sizeof report };
    check_ok(mt_stitcher_get_report(stitcher, &report, &err), &err);
    return report.least_memory;
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
                mt_stitch_output output = to_writer(&s, w);
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
                mt_stitch_output output = to_writer(&s, w);
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
        mt_stitch_output output = to_writer(&s, w);
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
    mt_stitch_output output = to_writer(&s, w);
    for (int i = 0; i < 2; i++) {
        mt_stitcher *stitcher = new_stitcher(&s, &output, 0, i == 0 ? 0 : 16);
        least[i] = least_memory(stitcher);
        mt_stitcher_free(stitcher);
    }
    assert_true(least[1] < least[0]);
    mt_writer_close(w);
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
        cmocka_unit_test(values_are_scaled_and_converted),
        cmocka_unit_test(failing_allocations_end_the_call),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
