/* SPDX-License-Identifier: BSD-3-Clause */
/* Patching strategies: making one, changing it, and drawing from it. */
#include "bench.h"

#include <stdlib.h>

#define CHANGED 4096 /* side of the image whose regions are changed */
#define DRAWS 1000000
#define VALIDATION 16
#define MOST_INIT_US 20000.0
#define MOST_EXCLUDE_MS 1.0
#define MOST_DRAW_US 1.0

static mt_status no_pixels(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                           const int64_t *coords, const int64_t *patch_size, float *out, mt_error *err)
{
    (void)self, (void)sample, (void)channels, (void)n_channels, (void)coords, (void)patch_size, (void)out;
    return mt_fail(err, MT_E_UNSUPPORTED, "no pixels");
}

static mt_stack *make_stack(int64_t side)
{
    static const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = no_pixels };
    mt_stack_info info = { .struct_size = sizeof info, .source = "image", .original_axes = "YX", .dtype = MT_UINT16 };
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack;
    info.original_ndim = 2;
    info.original_shape[0] = info.original_shape[1] = side;
    need(mt_stack_new(NULL, &ops, NULL, &info, &stack, &err), &err);
    return stack;
}

static mt_patching *make_patching(mt_stack *stack, const char *strategy)
{
    static const int64_t size[2] = { PATCH, PATCH };
    const mt_patching_options options = {
        .struct_size = sizeof options, .strategy = strategy, .patch_size = size, .n_spatial = 2, .seed = 7
    };
    mt_error err = MT_ERROR_INIT;
    mt_patching *patching;
    need(mt_patching_new(&stack, 1, &options, &patching, &err), &err);
    return patching;
}

static void make_and_free(void *stack) { mt_patching_free(make_patching(stack, "stratified")); }

static void draw(void *patching)
{
    mt_error err = MT_ERROR_INIT;
    mt_patch_spec spec;
    const uint64_t n = mt_patching_count(patching);
    for (uint64_t i = 0; i < DRAWS; i++)
        need(mt_patching_get(patching, i / n, i * 7919 % n, 0, &spec, &err), &err);
}

static void print_draws(const char *what, mt_patching *patching)
{
    print_value(what, best_time(draw, patching) / DRAWS * 1e6, "us", MOST_DRAW_US);
}

static void exclude(mt_patching *patching)
{
    mt_error err = MT_ERROR_INIT;
    mt_patch_spec boxes[VALIDATION];
    for (int i = 0; i < VALIDATION; i++)
        boxes[i] = (mt_patch_spec) { .coords = { i * 4 * PATCH, i * 3 * PATCH }, .patch_size = { PATCH, PATCH } };
    need(mt_patching_exclude(patching, boxes, VALIDATION, &err), &err);
}

static void make_and_exclude(void *stack)
{
    mt_patching *patching = make_patching(stack, "stratified");
    exclude(patching);
    mt_patching_free(patching);
}

/* A tenth of the weight for most regions, or any weight. */
static double time_weights(mt_patching *patching, bool any)
{
    mt_error err = MT_ERROR_INIT;
    mt_region_info grid = { .struct_size = sizeof grid };
    uint64_t random = 1;
    need(mt_patching_get_grid(patching, 0, 0, &grid, &err), &err);
    double *weights = malloc(grid.n_regions * sizeof *weights);
    for (uint64_t i = 0; i < grid.n_regions; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        double u = (double)(random >> 11) * 0x1p-53;
        weights[i] = any ? u : u < 0.6 ? 0.1 : 1;
    }
    double start = now();
    need(mt_patching_weigh(patching, 0, 0, weights, (size_t)grid.n_regions, &err), &err);
    double took = now() - start;
    free(weights);
    return took;
}

void bench_sampling(const image *plane, patches *p)
{
    (void)plane, (void)p;
    mt_stack *large = make_stack(LARGE), *changed = make_stack(CHANGED);
    print_title("patches of 64 x 64 of an image of 16384 x 16384: where they are");
    print_value("stratified: made", best_time(make_and_free, large) * 1e6, "us", MOST_INIT_US);
    mt_patching *patching = make_patching(large, "random");
    print_draws("random: a draw", patching);
    mt_patching_free(patching);
    patching = make_patching(large, "stratified");
    print_draws("stratified: a draw", patching);
    print_value("  16 patches excluded", best_time(make_and_exclude, large) * 1e3, "ms", 0);
    exclude(patching);
    print_draws("  a draw", patching);
    print_value("  65,536 weights of 0.1 or 1", time_weights(patching, false) * 1e3, "ms", 0);
    print_draws("  a draw", patching);
    print_value("  65,536 weights, all different", time_weights(patching, true) * 1e3, "ms", 0);
    print_draws("  a draw", patching);
    mt_patching_free(patching);
    print_value("16 patches excluded, 4096 x 4096", best_time(make_and_exclude, changed) * 1e3, "ms", MOST_EXCLUDE_MS);
    mt_stack_close(large);
    mt_stack_close(changed);
}
