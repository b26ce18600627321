/* SPDX-License-Identifier: BSD-3-Clause */
/* Each chunk is fetched and decoded once per call, and never again while it is in the cache: by the counters. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdbool.h>
#include <string.h>

/* 3 planes x 2 channels of 96 x 128, in deflated tiles of 32 x 32. */
#define NAME "tiff/crafted/ome_pyramid_subifd_tiled_deflate_pred2.ome.tif"
enum { PLANES = 3, CHANNELS = 2, HEIGHT = 96, WIDTH = 128, TILE = 32, DOWN = HEIGHT / TILE, ALONG = WIDTH / TILE };
enum { N = 40, SIZE = 20, DEPTH = 2 };

typedef struct batch {
    mt_patch_request requests[N];
    int64_t coords[N][3], channels[N][1];
    float out[N][DEPTH * SIZE * SIZE];
    int chunks; /* distinct ones that are touched */
} batch;

static const int64_t patch_size[3] = { DEPTH, SIZE, SIZE };

static bool touches(int64_t start, int64_t size, int64_t from, int64_t to) { return start < to && start + size > from; }

static void make_batch(batch *b, mt_stack *stack, uint64_t seed)
{
    bool touched[PLANES][CHANNELS][DOWN][ALONG] = { 0 };
    memset(b, 0, sizeof *b);
    for (int i = 0; i < N; i++) {
        int64_t *at = b->coords[i];
        at[0] = random_between(&seed, -1, PLANES - 1);
        at[1] = random_between(&seed, -10, HEIGHT - 1);
        at[2] = random_between(&seed, -10, WIDTH - 1);
        b->channels[i][0] = random_between(&seed, 0, CHANNELS - 1);
        b->requests[i] = (mt_patch_request) { .stack = stack,
                                              .channels = b->channels[i],
                                              .n_channels = 1,
                                              .n_spatial = 3,
                                              .coords = at,
                                              .patch_size = patch_size,
                                              .view = { .data = b->out[i] } };
        for (int z = 0; z < PLANES; z++)
            for (int y = 0; y < DOWN; y++)
                for (int x = 0; x < ALONG; x++)
                    if (touches(at[0], DEPTH, z, z + 1) && touches(at[1], SIZE, y * TILE, (y + 1) * TILE) &&
                        touches(at[2], SIZE, x * TILE, (x + 1) * TILE))
                        touched[z][b->channels[i][0]][y][x] = true;
    }
    const bool *flat = &touched[0][0][0][0];
    for (size_t i = 0; i < sizeof touched; i++)
        b->chunks += flat[i];
}

static mt_counters extract(mt_context *context, batch *b)
{
    mt_error err = MT_ERROR_INIT;
    mt_counters k;
    mt_context_reset_counters(context);
    check_ok(mt_extract_patches(b->requests, N, NULL, &err), &err);
    mt_context_get_counters(context, &k);
    return k;
}

static void each_chunk_once(void **state)
{
    (void)state;
    static batch b;
    for (unsigned threads = 1; threads <= 4; threads += 3)
        for (int cached = 0; cached < 2; cached++) {
            mt_context_options options = { .struct_size = sizeof options,
                                           .threads = threads,
                                           .cache_bytes = cached ? 64 << 20 : MT_NO_CACHE };
            mt_context *context;
            mt_stack *stack;
            mt_error err = MT_ERROR_INIT;
            check_ok(mt_context_new(&options, &context, &err), &err);
            check_ok(mt_stack_open(context, data_path(NAME), NULL, &stack, &err), &err);
            for (uint64_t seed = 1; seed < 4; seed++) {
                make_batch(&b, stack, seed);
                mt_counters k = extract(context, &b);
                if (!cached || seed == 1)
                    assert_int_equal(k.chunks_decoded, b.chunks);
                assert_true(k.chunks_decoded <= (uint64_t)b.chunks);
                assert_int_equal(k.patches, N);
                assert_int_equal(k.bytes_delivered, N * DEPTH * SIZE * SIZE * 2);
                k = extract(context, &b);
                assert_int_equal(k.chunks_decoded, cached ? 0 : b.chunks);
                assert_int_equal(k.bytes_fetched == 0, cached);
                if (!cached && threads == 1) /* tiles that are neighbours in the file are read together */
                    assert_true(k.ranges < k.chunks_decoded);
            }
            mt_stack_close(stack);
            mt_context_free(context);
        }
}

/* Two stacks of one unchunked image: each is read in few pieces, as if it were alone. */
static void each_stack_in_blocks(void **state)
{
    (void)state;
    enum { EDGE = 64, MANY = 200 };
    static uint16_t out[MANY][EDGE * EDGE];
    static const int64_t size[2] = { EDGE, EDGE };
    static int64_t corners[MANY][2];
    mt_patch_request requests[MANY];
    mt_context_options options = { .struct_size = sizeof options, .threads = 1, .cache_bytes = MT_NO_CACHE };
    mt_context *context;
    mt_stack *stacks[2];
    mt_counters k;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &context, &err), &err);
    for (int i = 0; i < 2; i++)
        check_ok(mt_stack_open(context, data_path("denoise/noisy/fish.tif"), NULL, &stacks[i], &err), &err);
    uint64_t seed = 5;
    for (int i = 0; i < MANY; i++) {
        corners[i][0] = random_between(&seed, 0, 400);
        corners[i][1] = random_between(&seed, 0, 400);
        requests[i] = (mt_patch_request) { .stack = stacks[i % 2],
                                           .n_spatial = 2,
                                           .coords = corners[i],
                                           .patch_size = size,
                                           .view = { .data = out[i], .dtype = mt_stack_get_info(stacks[0])->dtype } };
    }
    mt_context_reset_counters(context);
    check_ok(mt_extract_patches(requests, MANY, NULL, &err), &err);
    mt_context_get_counters(context, &k);
    assert_in_range(k.ranges, 1, MANY);
    for (int i = 0; i < 2; i++)
        mt_stack_close(stacks[i]);
    mt_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_chunk_once), cmocka_unit_test(each_stack_in_blocks) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
