/* SPDX-License-Identifier: BSD-3-Clause */
/* What the report of a loader counts: batches, patches and epochs; chunks of images that have them; and since when. */
#include "support/folder.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { SIDE = 64, CHUNK = 16, PATCH = 8, BATCH = 4, CHUNKS = (SIDE / CHUNK) * (SIDE / CHUNK) };

static mt_status extract(void *self, int64_t sample, const int64_t *channels, size_t n_channels, const int64_t *coords,
                         const int64_t *size, float *out, mt_error *err)
{
    (void)self, (void)sample, (void)channels, (void)n_channels, (void)coords, (void)err;
    memset(out, 0, (size_t)(size[0] * size[1]) * sizeof *out);
    return MT_OK;
}

typedef enum kind { ARRAY, CUSTOM, ZARR, SERIES } kind;

static mt_stack *open_stack(mt_context *context, kind which)
{
    static const uint8_t pixels[SIDE * SIDE];
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = extract };
    const mt_stack_info info = { .struct_size = sizeof info,
                                 .source = "custom",
                                 .dtype = MT_UINT8,
                                 .original_axes = "YX",
                                 .original_ndim = 2,
                                 .original_shape = { SIDE, SIDE } };
    const mt_open_options axes = { .struct_size = sizeof axes, .axes = "YX" },
                          series_axes = { .struct_size = sizeof axes, .axes = "TCYX" };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    switch (which) {
    case ARRAY:
        check_ok(mt_stack_from_array(context, pixels, MT_UINT8, "YX", info.original_shape, NULL, "array", &stack, &err),
                 &err);
        break;
    case CUSTOM: check_ok(mt_stack_new(context, &ops, NULL, &info, &stack, &err), &err); break;
    case ZARR:
        write_temporary_text("i.zarr/.zarray",
                             "{\"zarr_format\": 2, \"shape\": [64, 64], \"chunks\": [16, 16], \"dtype\": \"|u1\", "
                             "\"compressor\": null, \"filters\": [{\"id\": \"shuffle\", \"elementsize\": 1}], "
                             "\"fill_value\": 0, \"order\": \"C\"}");
        for (int i = 0; i < CHUNKS; i++) {
            char name[32];
            snprintf(name, sizeof name, "i.zarr/%d.%d", i / 4, i % 4);
            write_temporary(name, pixels, CHUNK * CHUNK);
        }
        check_ok(mt_stack_open(context, temporary_path("i.zarr"), &axes, &stack, &err), &err);
        break;
    case SERIES:
        write_temporary_text("s.zarr/.zarray",
                             "{\"zarr_format\": 2, \"shape\": [4, 2, 64, 64], \"chunks\": [2, 1, 16, 16], \"dtype\": "
                             "\"|u1\", \"compressor\": null, \"filters\": null, \"fill_value\": 0, \"order\": \"C\"}");
        check_ok(mt_stack_open(context, temporary_path("s.zarr"), &series_axes, &stack, &err), &err);
        break;
    }
    return stack;
}

static mt_loader_report report_of(mt_loader *loader)
{
    mt_loader_report report = { .struct_size = sizeof report };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_loader_get_report(loader, &report, &err), &err);
    return report;
}

static size_t take(mt_loader *loader, size_t most)
{
    size_t n = 0;
    for (mt_batch *batch = NULL; n < most; n++, mt_batch_release(batch)) {
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_loader_next(loader, NULL, &batch, &err), &err);
        if (!batch)
            break;
    }
    return n;
}

static void what_was_delivered_and_decoded(void **state)
{
    (void)state;
    static const struct {
        kind kind;
        uint64_t window, chunks, blocks;
    } cases[] = { { ARRAY, 0, 0, 0 }, { CUSTOM, 0, 0, 0 }, { ZARR, 0, CHUNKS, 0 }, { ZARR, 2, CHUNKS, 4 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_patching_options how = {
            .struct_size = sizeof how, .strategy = "tiled", .patch_size = (int64_t[]) { PATCH, PATCH }, .n_spatial = 2
        };
        const mt_loader_options options = {
            .struct_size = sizeof options, .batch_size = BATCH, .window = cases[i].window, .block = { 2, 2 }
        };
        mt_context *context;
        mt_patching *patching;
        mt_loader *loader;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_context_new(NULL, &context, &err), &err);
        mt_stack *stack = open_stack(context, cases[i].kind);
        float pixel; /* what was read before does not count */
        check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, (int64_t[]) { 0, 0 }, (int64_t[]) { 1, 1 }, 2, &pixel, &err),
                 &err);
        mt_context_drop_cache(context);
        check_ok(mt_patching_new(&stack, 1, &how, &patching, &err), &err);
        check_ok(mt_loader_new(patching, &options, &loader, &err), &err);
        mt_loader_report r = report_of(loader);
        assert_true(r.batches == 0 && r.patches == 0 && r.epochs == 0 && r.chunks_decoded == 0 && r.mean_blocks == 0);
        assert_int_equal(r.chunks, cases[i].chunks);
        assert_int_equal(r.blocks, cases[i].blocks);
        assert_true(r.window == (cases[i].window ? cases[i].window : MT_WINDOW_ALL));
        const size_t n = take(loader, SIZE_MAX);
        assert_int_equal(n, (SIDE / PATCH) * (SIDE / PATCH) / BATCH);
        r = report_of(loader);
        assert_int_equal(r.epochs, 1);
        assert_int_equal(r.batches, n);
        assert_int_equal(r.patches, n * BATCH);
        assert_int_equal(r.chunks_decoded, cases[i].chunks);
        assert_int_equal(r.bytes_decoded, cases[i].chunks * CHUNK * CHUNK);
        assert_true((r.bytes_fetched > 0) == (cases[i].kind == ZARR));
        if (cases[i].blocks)
            assert_true(r.fewest_blocks >= 1 && r.mean_blocks <= 2 && r.mean_blocks >= (double)r.fewest_blocks);
        else
            assert_true(r.fewest_blocks == 0 && r.mean_blocks == 0);
        const uint64_t delivered = r.bytes_delivered;
        mt_context_reset_counters(context); /* by whom it belongs to: what comes later counts, such as the next epoch */
        r = report_of(loader);
        assert_true(r.batches == n && r.bytes_delivered < delivered);
        const mt_loader_report whole = r;
        r = (mt_loader_report) { .struct_size = offsetof(mt_loader_report, patches), .patches = 99 };
        check_ok(mt_loader_get_report(loader, &r, &err), &err); /* of an older caller */
        assert_true(r.batches == whole.batches && r.patches == 99);
        mt_loader_free(loader);
        mt_patching_free(patching);
        mt_stack_close(stack);
        mt_context_free(context);
    }
}

/* Batches whose patches come from blocks of their own; in a batch of more than 256 of them, the rest is not counted. */
static void blocks_of_a_batch(void **state)
{
    (void)state;
    static const uint64_t batches[][2] = { { 1, 1 }, { 255, 255 }, { 256, 256 }, { 257, 256 }, { 300, 256 } };
    const mt_patching_options how = {
        .struct_size = sizeof how, .strategy = "tiled", .patch_size = (int64_t[]) { 2, 2 }, .n_spatial = 2
    };
    mt_context *context;
    mt_patching *patching;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(NULL, &context, &err), &err);
    mt_stack *stack = open_stack(context, CUSTOM);
    check_ok(mt_patching_new(&stack, 1, &how, &patching, &err), &err);
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        const mt_loader_options options = {
            .struct_size = sizeof options, .batch_size = batches[i][0], .window = 1024, .block = { 1, 1 }
        };
        mt_loader *loader;
        check_ok(mt_loader_new(patching, &options, &loader, &err), &err);
        assert_int_equal(take(loader, 3), 3);
        const mt_loader_report r = report_of(loader);
        assert_int_equal(r.fewest_blocks, batches[i][1]);
        assert_true(r.mean_blocks == (double)batches[i][1]);
        mt_loader_free(loader);
    }
    mt_patching_free(patching);
    mt_stack_close(stack);
    mt_context_free(context);
}

enum { N = 1024 };

/* Checks the windows of the positions [from, to) of an epoch: each has its share of the blocks that have patches there.
 * blocks: of each position. */
static void check_windows(const int *blocks, int from, int to, int window)
{
    int count[N] = { 0 }, window_of[N] = { 0 }, used = 0;
    for (int i = from; i < to; i++)
        used += count[blocks[i]]++ == 0;
    int windows = (used + window / 2) / window;
    windows = windows > 0 ? windows : 1;
    for (int w = 0, at = from; w < windows; w++) {
        int next = at, end = at;
        for (int k = (w + 1) * used / windows - w * used / windows; k > 0;
             next++) { /* the next blocks fill the window */
            assert_true(next < to);
            if (window_of[blocks[next]] == 0) {
                window_of[blocks[next]] = w + 1;
                end += count[blocks[next]];
                k--;
            }
        }
        for (; at < end; at++)
            assert_int_equal(window_of[blocks[at]], w + 1);
    }
}

/* Windows have equally many blocks: of those that have patches, and for each rank, if ranks have windows of their own. */
static void blocks_of_a_window(void **state)
{
    (void)state;
    static const struct {
        const char *strategy;
        int window, block, world, fewest, most; /* block: its side, in patches; fewest and most: blocks with patches */
    } cases[] = {
        { "random", 8, 1, 1, N / 2, N * 3 / 4 }, /* a third of the blocks has none */
        { "random", 8, 1, 3, N / 2, N * 3 / 4 },
        { "random", N, 1, 7, N / 2, N * 3 / 4 },
        { "random", 1, 1, 2, N / 2, N * 3 / 4 },
        { "tiled", 5, 2, 1, N / 4, N / 4 },
        { "tiled", 5, 2, 4, N / 4, N / 4 },
        { "tiled", 8, 2, 64, N / 4, N / 4 }, /* ranks end with a block */
        { "tiled", 3, 16, 8, 4, 4 },
        { "tiled", 3, 16, 7, 4, 4 }, /* a block has patches of several ranks */
    };
    static uint64_t positions[N];
    for (uint64_t i = 0; i < N; i++)
        positions[i] = i;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_patching_options how = {
            .struct_size = sizeof how, .strategy = cases[i].strategy, .patch_size = (int64_t[]) { 2, 2 }, .n_spatial = 2
        };
        const mt_loader_options options = { .struct_size = sizeof options,
                                            .window = (uint64_t)cases[i].window,
                                            .world_size = (uint64_t)cases[i].world,
                                            .locality_rank = 1,
                                            .block = { cases[i].block, cases[i].block } };
        int blocks[N], used = 0;
        bool is_used[N] = { false };
        mt_context *context;
        mt_patching *patching;
        mt_loader *loader;
        mt_batch *batch;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_context_new(NULL, &context, &err), &err);
        mt_stack *stack = open_stack(context, CUSTOM);
        check_ok(mt_patching_new(&stack, 1, &how, &patching, &err), &err);
        check_ok(mt_loader_new(patching, &options, &loader, &err), &err);
        check_ok(mt_loader_read(loader, 0, positions, N, NULL, &batch, &err), &err);
        for (int k = 0; k < N; k++) {
            const int64_t *at = batch->specs[k].coords, side = 2 * cases[i].block;
            blocks[k] = (int)(at[0] / side * (SIDE / side) + at[1] / side);
            used += !is_used[blocks[k]];
            is_used[blocks[k]] = true;
        }
        assert_in_range(used, cases[i].fewest, cases[i].most);
        for (int rank = 0, from = 0; rank < cases[i].world; rank++) {
            const int n = N / cases[i].world + (rank < N % cases[i].world);
            check_windows(blocks, from, from + n, cases[i].window);
            from += n;
        }
        mt_batch_release(batch);
        mt_loader_free(loader);
        mt_patching_free(patching);
        mt_stack_close(stack);
        mt_context_free(context);
    }
}

/* Chunks are counted for each image of each array. */
static void chunks_of_all_images(void **state)
{
    (void)state;
    const mt_patching_options how = {
        .struct_size = sizeof how, .strategy = "tiled", .patch_size = (int64_t[]) { PATCH, PATCH }, .n_spatial = 2
    };
    mt_context *context;
    mt_stack *stacks[2];
    mt_patching *patching;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(NULL, &context, &err), &err);
    for (int i = 0; i < 2; i++)
        stacks[i] = open_stack(context, ZARR);
    check_ok(mt_patching_new(stacks, 2, &how, &patching, &err), &err);
    for (size_t n = 1; n <= 2; n++) {
        static const mt_loader_array arrays[2];
        const mt_loader_options options = { .struct_size = sizeof options, .arrays = arrays, .n_arrays = n };
        mt_loader *loader;
        check_ok(mt_loader_new(patching, &options, &loader, &err), &err);
        assert_int_equal(report_of(loader).chunks, 2 * n * CHUNKS);
        mt_loader_free(loader);
    }
    mt_patching_free(patching);
    for (int i = 0; i < 2; i++)
        mt_stack_close(stacks[i]);
    mt_context_free(context);
}

/* Blocks are made of chunks, which may have several samples: 4 samples of 2 channels, in chunks of 2 x 1 x 16 x 16. */
static void blocks_of_samples(void **state)
{
    (void)state;
    static const struct {
        int64_t block[2];
        uint64_t blocks;
    } cases[] = { { { 1, 1 }, 2 * CHUNKS }, { { 2, 2 }, CHUNKS / 2 }, { { 4, 1 }, CHUNKS / 2 }, { { 9, 9 }, 2 } };
    const mt_patching_options how = {
        .struct_size = sizeof how, .strategy = "random", .patch_size = (int64_t[]) { PATCH, PATCH }, .n_spatial = 2
    };
    mt_context *context;
    mt_patching *patching;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(NULL, &context, &err), &err);
    mt_stack *stack = open_stack(context, SERIES);
    check_ok(mt_patching_new(&stack, 1, &how, &patching, &err), &err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_loader_options options = { .struct_size = sizeof options,
                                            .window = 2,
                                            .block = { cases[i].block[0], cases[i].block[1] } };
        mt_loader *loader;
        check_ok(mt_loader_new(patching, &options, &loader, &err), &err);
        assert_int_equal(report_of(loader).blocks, cases[i].blocks);
        mt_loader_free(loader);
    }
    mt_patching_free(patching);
    mt_stack_close(stack);
    mt_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_delivered_and_decoded),
        cmocka_unit_test(blocks_of_a_batch),
        cmocka_unit_test(blocks_of_a_window),
        cmocka_unit_test(blocks_of_samples),
        cmocka_unit_test(chunks_of_all_images),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
