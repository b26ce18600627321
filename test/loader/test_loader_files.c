/* SPDX-License-Identifier: BSD-3-Clause */
/* Loaders of images on disk: windows decode each chunk about once, damaged chunks, saved states, failing allocations. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A Zarr array of 24 x 24 chunks of 256 x 256 bytes; each chunk repeats one value. */
enum { ACROSS = 24, CHUNK = 256, SIDE = ACROSS * CHUNK, PATCH = 128, BATCH = 64, BAD = 5 };
static char folder[] = "/tmp/microtome-loader-XXXXXX";
static const int64_t patch_size[2] = { PATCH, PATCH };

static void write_file(const char *name, const void *bytes, size_t n)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static uint8_t value_of(int y, int x) { return (uint8_t)(1 + (y * 31 + x * 7) % 250); }

/* A Zstandard frame with one block that repeats a byte (RFC 8878, 3.1.1). */
static void write_chunk(int y, int x, bool is_good)
{
    char name[16];
    uint8_t frame[] = { 0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 1, 0, 0x03, 0, 8, value_of(y, x) };
    if (!is_good)
        frame[0] = 0;
    snprintf(name, sizeof name, "%d.%d", y, x);
    write_file(name, frame, sizeof frame);
}

static int make_array(void **state)
{
    (void)state;
    char zarray[256];
    int n = snprintf(zarray, sizeof zarray,
                     "{\"zarr_format\": 2, \"shape\": [%d, %d], \"chunks\": [%d, %d], \"dtype\": \"|u1\", "
                     "\"compressor\": {\"id\": \"zstd\"}, \"filters\": null, \"fill_value\": 0, \"order\": \"C\"}",
                     SIDE, SIDE, CHUNK, CHUNK);
    assert_non_null(mkdtemp(folder));
    write_file(".zarray", zarray, (size_t)n);
    for (int y = 0; y < ACROSS; y++)
        for (int x = 0; x < ACROSS; x++)
            write_chunk(y, x, true);
    return 0;
}

static int remove_array(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

typedef struct set {
    mt_context *context;
    mt_stack *stack;
    mt_patching *patching;
    mt_loader *loader;
} set;

static mt_loader_options options_of(void)
{
    return (mt_loader_options) {
        .struct_size = sizeof(mt_loader_options), .batch_size = BATCH, .seed = 3, .window = 4, .block = { 4, 4 }
    };
}

static mt_status open_all(set *s, const mt_context_options *context, const char *strategy,
                          const mt_loader_options *options, mt_error *err)
{
    const mt_open_options open = { .struct_size = sizeof open, .axes = "YX" };
    const mt_patching_options patching = {
        .struct_size = sizeof patching, .strategy = strategy, .patch_size = patch_size, .n_spatial = 2, .seed = 5
    };
    memset(s, 0, sizeof *s);
    mt_status st = mt_context_new(context, &s->context, err);
    if (st || (st = mt_stack_open(s->context, folder, &open, &s->stack, err)) ||
        (st = mt_patching_new(&s->stack, 1, &patching, &s->patching, err)))
        return st;
    return mt_loader_new(s->patching, options, &s->loader, err);
}

static void close_all(set *s)
{
    mt_loader_free(s->loader);
    mt_patching_free(s->patching);
    if (s->stack)
        mt_stack_close(s->stack);
    mt_context_free(s->context);
}

static void open_strategy(set *s, int64_t cache_bytes, const char *strategy, const mt_loader_options *options)
{
    const mt_context_options context = { .struct_size = sizeof context, .threads = 2, .cache_bytes = cache_bytes };
    mt_error err;
    check_ok(open_all(s, &context, strategy, options, &err), &err);
}

static void open_ok(set *s, int64_t cache_bytes, const mt_loader_options *options)
{
    open_strategy(s, cache_bytes, "random", options);
}

static mt_batch *next(mt_loader *loader)
{
    mt_batch *batch = NULL;
    mt_error err;
    check_ok(mt_loader_next(loader, NULL, &batch, &err), &err);
    return batch;
}

static void check_pixels(const mt_batch *batch)
{
    const float *data = batch->arrays[0].data;
    size_t n_wrong = 0;
    for (size_t j = 0; j < batch->n; j++)
        for (int y = 0; y < PATCH; y++)
            for (int x = 0; x < PATCH; x++, data++) {
                int64_t row = batch->specs[j].coords[0] + y, column = batch->specs[j].coords[1] + x;
                n_wrong += *data != (float)value_of((int)(row / CHUNK), (int)(column / CHUNK));
            }
    assert_int_equal(n_wrong, 0);
}

/* The cache holds 200 of the 576 chunks. A window of 4 blocks of 4 x 4 chunks touches at most 100. */
static void a_window_decodes_each_chunk_about_once(void **state)
{
    (void)state;
    set s;
    mt_loader_options options = options_of();
    options.uneven = MT_UNEVEN_SHORT;
    open_ok(&s, 200 * (CHUNK * CHUNK + 256), &options);
    for (mt_batch *batch; (batch = next(s.loader)); mt_batch_release(batch))
        check_pixels(batch);
    mt_loader_report report = { .struct_size = sizeof report };
    assert_int_equal(mt_loader_get_report(s.loader, &report, NULL), MT_OK);
    assert_int_equal(report.epochs, 1);
    assert_int_equal(report.batches, 36);
    assert_int_equal(report.patches, 48 * 48);
    assert_int_equal(report.chunks, ACROSS * ACROSS);
    assert_int_equal(report.blocks, 36);
    assert_in_range(report.fewest_blocks, 4, 12);
    assert_in_range(report.chunks_decoded, ACROSS * ACROSS, ACROSS * ACROSS * 3 / 2);
    close_all(&s);
}

/* Less memory decodes more, and changes no batch. */
static void batches_are_the_same_for_any_cache(void **state)
{
    (void)state;
    enum { BATCHES = 4, CACHES = 4 };
    static const int64_t caches[CACHES] = { (int64_t)1 << 30, MT_NO_CACHE, CHUNK * CHUNK + 256,
                                            20 * (CHUNK * CHUNK + 256) };
    uint64_t indices[BATCHES][BATCH], decoded[CACHES];
    mt_loader_options options = options_of();
    options.prefetch = 1;
    for (int c = 0; c < CACHES; c++) {
        set s;
        mt_loader_report report = { .struct_size = sizeof report };
        open_ok(&s, caches[c], &options);
        for (int b = 0; b < BATCHES; b++) {
            mt_batch *batch = next(s.loader);
            if (c == 0)
                memcpy(indices[b], batch->indices, sizeof indices[b]);
            assert_memory_equal(batch->indices, indices[b], sizeof indices[b]);
            check_pixels(batch);
            mt_batch_release(batch);
        }
        assert_int_equal(mt_loader_get_report(s.loader, &report, NULL), MT_OK);
        decoded[c] = report.chunks_decoded;
        close_all(&s);
    }
    assert_true(decoded[0] < decoded[1]);
}

/* With the default window, a batch holds patches of at least 12 blocks. */
static void a_batch_mixes_blocks(void **state)
{
    (void)state;
    set s;
    mt_loader_options options = options_of();
    options.window = 16;
    options.block[0] = options.block[1] = 3;
    open_ok(&s, 0, &options);
    for (mt_batch *batch; (batch = next(s.loader));)
        mt_batch_release(batch);
    mt_loader_report report = { .struct_size = sizeof report };
    assert_int_equal(mt_loader_get_report(s.loader, &report, NULL), MT_OK);
    assert_int_equal(report.blocks, 64);
    assert_true(report.fewest_blocks >= 12);
    assert_true(report.mean_blocks > 14);
    close_all(&s);
}

static void damage(bool is_damaged)
{
    for (int i = 0; i < BAD; i++)
        write_chunk(i * 5, i * 4 + 1, !is_damaged);
}

static bool touches_damage(const mt_patch_spec *spec)
{
    for (int i = 0; i < BAD; i++) {
        int64_t y = (int64_t)i * 5 * CHUNK, x = (int64_t)(i * 4 + 1) * CHUNK;
        if (spec->coords[0] < y + CHUNK && spec->coords[0] + PATCH > y && spec->coords[1] < x + CHUNK &&
            spec->coords[1] + PATCH > x)
            return true;
    }
    return false;
}

static void a_damaged_chunk_fails_its_batch(void **state)
{
    (void)state;
    set s;
    mt_error err;
    mt_loader_options options = options_of();
    damage(true);
    open_ok(&s, 0, &options);
    mt_batch *batch = NULL;
    mt_status st;
    while (!(st = mt_loader_next(s.loader, NULL, &batch, &err)) && batch)
        mt_batch_release(batch);
    assert_int_equal(st, MT_E_CORRUPT);
    assert_non_null(strstr(err.message, "epoch 0, batch "));
    assert_non_null(strstr(err.message, "zstd"));
    uint64_t epoch, at, again;
    mt_loader_tell(s.loader, &epoch, &at);
    assert_int_equal(mt_loader_next(s.loader, NULL, &batch, &err), MT_E_CORRUPT); /* not skipped */
    mt_loader_tell(s.loader, &epoch, &again);
    assert_int_equal(at, again);
    damage(false);
    batch = next(s.loader);
    assert_int_equal(batch->number, at);
    mt_batch_release(batch);
    close_all(&s);
}

static void check_redraws(const char *strategy)
{
    set s;
    size_t n_bad = 0;
    mt_loader_options options = options_of();
    options.on_corrupt = MT_ON_CORRUPT_REDRAW;
    open_strategy(&s, 0, strategy, &options);
    for (mt_batch *batch; (batch = next(s.loader)); mt_batch_release(batch)) {
        check_pixels(batch);
        for (size_t j = 0; j < batch->n; j++)
            assert_false(touches_damage(&batch->specs[j]));
        for (size_t i = 0; i < batch->n_bad; i++, n_bad++) {
            mt_patch_spec spec;
            const mt_bad_patch *bad = &batch->bad[i];
            assert_int_equal(bad->status, MT_E_CORRUPT);
            assert_int_equal(mt_patching_get(s.patching, 0, batch->indices[bad->position], bad->redraws, &spec, NULL),
                             MT_OK);
            assert_memory_equal(&spec, &batch->specs[bad->position], sizeof spec);
            for (uint64_t k = 0; k < bad->redraws; k++) {
                assert_int_equal(mt_patching_get(s.patching, 0, batch->indices[bad->position], k, &spec, NULL), MT_OK);
                assert_true(touches_damage(&spec));
            }
        }
    }
    assert_true(n_bad > 0);
    close_all(&s);
}

/* A chunk is twice as large as a patch: all patches of some regions of a stratified patching lie in it. */
static void damaged_patches_are_drawn_again(void **state)
{
    (void)state;
    damage(true);
    check_redraws("random");
    check_redraws("stratified");
    damage(false);
}

static void damaged_pixels_are_zero_on_request(void **state)
{
    (void)state;
    set s;
    mt_loader_options options = options_of();
    options.on_corrupt = MT_ON_CORRUPT_ZERO;
    damage(true);
    open_ok(&s, 0, &options);
    for (mt_batch *batch; (batch = next(s.loader)); mt_batch_release(batch)) {
        size_t n_bad = 0;
        for (size_t j = 0; j < batch->n; j++) {
            if (!touches_damage(&batch->specs[j]))
                continue;
            assert_true(n_bad < batch->n_bad);
            assert_int_equal(batch->bad[n_bad].position, j);
            assert_int_equal(batch->bad[n_bad++].redraws, 0);
        }
        assert_int_equal(n_bad, batch->n_bad);
        const float *data = batch->arrays[0].data;
        for (size_t j = 0; j < batch->n; j++)
            for (int64_t y = batch->specs[j].coords[0], row = 0; row < PATCH; y++, row++)
                for (int64_t x = batch->specs[j].coords[1], column = 0; column < PATCH; x++, column++) {
                    int64_t cy = y / CHUNK, cx = x / CHUNK;
                    bool is_bad = cy % 5 == 0 && cy / 5 < BAD && cx == cy / 5 * 4 + 1;
                    float expected = is_bad ? 0 : value_of((int)cy, (int)cx);
                    assert_true(data[((int64_t)j * PATCH + row) * PATCH + column] == expected);
                }
    }
    damage(false);
    close_all(&s);
}

static void a_state_continues_where_it_was_saved(void **state)
{
    (void)state;
    set s, t;
    char text[4096];
    mt_error err;
    mt_loader_options options = options_of();
    open_ok(&s, 0, &options);
    for (int i = 0; i < 5; i++)
        mt_batch_release(next(s.loader));
    size_t length = mt_loader_get_state(s.loader, text, sizeof text);
    assert_int_equal(length, strlen(text));
    assert_int_equal(mt_loader_get_state(s.loader, NULL, 0), length);
    open_ok(&t, 0, &options);
    check_ok(mt_loader_set_state(t.loader, text, length, &err), &err);
    for (mt_batch *a, *b; (a = next(s.loader)); mt_batch_release(a), mt_batch_release(b)) {
        b = next(t.loader);
        assert_int_equal(a->number, b->number);
        assert_memory_equal(a->indices, b->indices, a->n * sizeof *a->indices);
    }
    assert_null(next(t.loader));
    close_all(&t);
    close_all(&s);
}

static void check_refusal(const mt_loader_options *options, const char *state, const char *message)
{
    set t;
    mt_error err;
    open_ok(&t, 0, options);
    assert_int_equal(mt_loader_set_state(t.loader, state, strlen(state), &err), MT_E_ARGUMENT);
    assert_string_equal(err.message, message);
    close_all(&t);
}

static void the_state_of_another_plan_is_refused(void **state)
{
    (void)state;
    set s;
    char text[4096];
    mt_error err;
    mt_loader_options options = options_of();
    open_ok(&s, 0, &options);
    mt_loader_get_state(s.loader, text, sizeof text);
    options.batch_size = 32;
    check_refusal(&options, text, "the state belongs to another plan: its batch size is 64, not 32");
    options = options_of();
    options.seed = 4;
    check_refusal(&options, text, "the state belongs to another plan: its seed of the loader is 3, not 4");
    options = options_of();
    options.window = MT_WINDOW_ALL;
    check_refusal(&options, text, "the state belongs to another plan: its order is windows, not random");
    options = options_of();
    options.on_corrupt = MT_ON_CORRUPT_ZERO;
    check_refusal(&options, text, "the state belongs to another plan: its treatment of damaged chunks is 0, not 2");
    options = options_of();
    options.flip_probability = 0.25;
    check_refusal(&options, text, "the state belongs to another plan: its augmentation is 0, not 0 0.25 0.5");
    options = options_of();
    options.rotate_probability = 0.25;
    check_refusal(&options, text, "the state belongs to another plan: its augmentation is 0, not 0 0.5 0.25");
    options = options_of();
    check_refusal(&options, "{}", "not the state of a loader: it has no number \"version\"");
    check_refusal(&options, "{\"version\": 1}",
                  "a state of version 1, not 2: it was saved by another version of microtome; begin the epoch anew");
    check_refusal(&options, "{\"version\": 2, \"batch\": 0}", "not the state of a loader: it has no number \"epoch\"");
    check_refusal(&options, "{\"version\": 2, \"epoch\": 0}", "not the state of a loader: it has no number \"batch\"");
    check_refusal(&options, "{\"version\": 2, \"epoch\": 0, \"batch\": 0}", "the state has images for 0 arrays, not 1");
    check_refusal(&options, "{\"version\": 2, \"epoch\": 0, \"batch\": 0, \"images\": [null]}",
                  "the state belongs to other images: 0, not 1");
    char *plan = strstr(text, "strategy");
    memcpy(plan, "STRATEGY", 8);
    check_refusal(&options, text, "the state belongs to another plan: its strategy is not given, not random");
    assert_int_not_equal(mt_loader_set_state(s.loader, "{", 1, &err), MT_OK);
    close_all(&s);
}

/* A scale alone and the same offset alone are different plans. */
static void conversions_belong_to_the_plan(void **state)
{
    (void)state;
    const float two = 2;
    set s;
    char texts[2][4096];
    for (int i = 0; i < 2; i++) {
        const mt_loader_array array = { .view = { .scale = i == 0 ? &two : NULL, .offset = i == 1 ? &two : NULL } };
        mt_loader_options options = options_of();
        options.arrays = &array;
        options.n_arrays = 1;
        open_ok(&s, 0, &options);
        mt_loader_get_state(s.loader, texts[i], sizeof texts[i]);
        close_all(&s);
    }
    assert_string_not_equal(texts[0], texts[1]);
}

/* Whichever allocation fails, the loader reports it and leaks nothing; the next call goes on. */
static void failing_allocations_are_reported(void **state)
{
    (void)state;
    bool is_done = false;
    for (size_t k = 0; !is_done; k++) {
        failing_allocator failing;
        mt_context_options context = { .struct_size = sizeof context, .threads = 1 };
        context.allocator = failing_allocator_make(&failing, k, 0);
        mt_loader_options options = options_of();
        options.prefetch = 1;
        options.batch_size = 4;
        set s;
        mt_error err;
        mt_status st = open_all(&s, &context, "random", &options, &err);
        for (int i = 0; !st && i < 3; i++) {
            mt_batch *batch;
            st = mt_loader_next(s.loader, NULL, &batch, &err);
            if (!st) {
                check_pixels(batch);
                mt_batch_release(batch);
            }
        }
        if (st) {
            assert_int_equal(st, MT_E_MEMORY);
            assert_int_equal(err.status, MT_E_MEMORY);
        }
        mt_batch *batch = NULL;
        if (s.loader && mt_loader_next(s.loader, NULL, &batch, NULL)) /* the failure of a batch made ahead */
            batch = next(s.loader);
        mt_batch_release(batch);
        close_all(&s);
        is_done = failing.count <= k; /* all threads have ended */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_decodes_each_chunk_about_once),
        cmocka_unit_test(batches_are_the_same_for_any_cache),
        cmocka_unit_test(a_batch_mixes_blocks),
        cmocka_unit_test(a_damaged_chunk_fails_its_batch),
        cmocka_unit_test(damaged_patches_are_drawn_again),
        cmocka_unit_test(damaged_pixels_are_zero_on_request),
        cmocka_unit_test(a_state_continues_where_it_was_saved),
        cmocka_unit_test(the_state_of_another_plan_is_refused),
        cmocka_unit_test(conversions_belong_to_the_plan),
        cmocka_unit_test(failing_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, make_array, remove_array);
}
