/* SPDX-License-Identifier: BSD-3-Clause */
/* Raw data is read by rows until that has cost as much as all of it, and kept from then on: by the counters. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIDE = 1024, CHUNK = 256, N_CHUNKS = (SIDE / CHUNK) * (SIDE / CHUNK), PATCH = 32 };

static char folder[] = "/tmp/microtome-strategy-XXXXXX";
static uint16_t pixels[SIDE][SIDE];

static void write_bytes(const char *name, const void *bytes, size_t size)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static int set_up(void **state)
{
    (void)state;
    static uint16_t chunk[CHUNK][CHUNK];
    static const char metadata[] = "{\"zarr_format\":2,\"shape\":[1024,1024],\"chunks\":[256,256],\"dtype\":\"<u2\","
                                   "\"compressor\":null,\"fill_value\":0,\"order\":\"C\",\"filters\":null}";
    assert_non_null(mkdtemp(folder));
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            pixels[y][x] = (uint16_t)(y * 13 + x);
    write_bytes(".zarray", metadata, sizeof metadata - 1);
    for (int i = 0; i < N_CHUNKS; i++) {
        char name[20];
        for (int y = 0; y < CHUNK; y++)
            memcpy(chunk[y], &pixels[i / 4 * CHUNK + y][i % 4 * CHUNK], sizeof chunk[y]);
        snprintf(name, sizeof name, "%d.%d", i / 4, i % 4);
        write_bytes(name, chunk, sizeof chunk);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static mt_counters read_patch(mt_context *context, mt_stack *stack, int64_t y, int64_t x)
{
    float out[PATCH][PATCH];
    int64_t at[2] = { y, x }, size[2] = { PATCH, PATCH };
    mt_error err = MT_ERROR_INIT;
    mt_counters k;
    mt_context_reset_counters(context);
    check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, at, size, 2, &out[0][0], &err), &err);
    mt_context_get_counters(context, &k);
    for (int i = 0; i < PATCH; i++)
        for (int j = 0; j < PATCH; j++)
            assert_int_equal((int)out[i][j], pixels[y + i][x + j]);
    return k;
}

static mt_stack *open_with(int64_t cache, mt_context **context)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = 2, .cache_bytes = cache };
    mt_open_options axes = { .struct_size = sizeof axes, .axes = "YX" };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, context, &err), &err);
    check_ok(mt_stack_open(*context, folder, &axes, &stack, &err), &err);
    return stack;
}

/* Once: a few rows, nothing kept. Again and again: whole chunks, from the cache in the end. */
static void kept_when_it_pays(void **state)
{
    (void)state;
    mt_context *context;
    mt_stack *stack = open_with(64 << 20, &context);
    mt_counters k = read_patch(context, stack, 10, 10);
    assert_in_range(k.bytes_fetched, PATCH * PATCH * 2, PATCH * CHUNK * 2);
    assert_int_equal(k.chunks_decoded, 0);
    assert_int_equal(k.cache_bytes, 0);
    uint64_t by_rows = k.bytes_fetched, fetched = 0;
    int reads = 1;
    for (bool kept = false; !kept; reads++) {
        k = read_patch(context, stack, 10, 10);
        fetched += k.bytes_fetched;
        kept = k.cache_bytes > 0;
        assert_true(reads < 1000);
    }
    assert_true(fetched <= (uint64_t)2 * SIDE * SIDE * 2 + CHUNK * CHUNK * 2); /* not more than all of it, nearly */
    assert_true(reads > SIDE * SIDE * 2 / (int)(2 * by_rows + 20000));         /* and not much earlier */
    k = read_patch(context, stack, 10, 10);
    assert_int_equal(k.bytes_fetched, 0);
    assert_int_equal(k.cache_hits, 1);
    mt_stack_close(stack);
    mt_context_free(context);
}

static void never_without_a_cache(void **state)
{
    (void)state;
    mt_context *context;
    mt_stack *stack = open_with(MT_NO_CACHE, &context);
    for (int i = 0; i < 200; i++) {
        mt_counters k = read_patch(context, stack, 300, 500);
        assert_int_equal(k.chunks_decoded, 0);
        assert_true(k.bytes_fetched <= PATCH * CHUNK * 2 * 4);
    }
    mt_stack_close(stack);
    mt_context_free(context);
}

/* A batch that wants most of an image reads each chunk once, at once. */
static void check_dense_batch(int64_t cache)
{
    enum { N = 600 };
    static float out[N][PATCH * PATCH];
    static int64_t at[N][2];
    static mt_patch_request requests[N];
    static const int64_t size[2] = { PATCH, PATCH };
    mt_context *context;
    mt_stack *stack = open_with(cache, &context);
    uint64_t seed = 3;
    for (int i = 0; i < N; i++) {
        at[i][0] = random_between(&seed, 0, SIDE - PATCH);
        at[i][1] = random_between(&seed, 0, SIDE - PATCH);
        requests[i] = (mt_patch_request) {
            .stack = stack, .n_spatial = 2, .coords = at[i], .patch_size = size, .view = { .data = out[i] }
        };
    }
    mt_error err = MT_ERROR_INIT;
    mt_counters k;
    mt_context_reset_counters(context);
    check_ok(mt_extract_patches(requests, N, NULL, &err), &err);
    mt_context_get_counters(context, &k);
    assert_int_equal(k.chunks_decoded, N_CHUNKS);
    assert_int_equal(k.bytes_fetched, SIDE * SIDE * 2);
    mt_stack_close(stack);
    mt_context_free(context);
}

static void dense_batches_read_chunks(void **state)
{
    (void)state;
    check_dense_batch(64 << 20);
    check_dense_batch(MT_NO_CACHE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_when_it_pays),
        cmocka_unit_test(never_without_a_cache),
        cmocka_unit_test(dense_batches_read_chunks),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
