/* SPDX-License-Identifier: BSD-3-Clause */
/* Batches of patches that cannot be read, of stacks that say when: damaged ones, failing ones, and both. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdbool.h>
#include <string.h>

enum { SIDE = 64, PATCH = 8, BATCH = 4 };

/* Fails patches by the number of the call. */
typedef struct source {
    const char
        *outcomes;    /* of the first calls: '.' good, 'c' corrupt, 'u' unsupported, 'i' I/O; then the last for ever */
    _Atomic size_t n; /* calls so far */
} source;

static mt_status extract(void *self, int64_t sample, const int64_t *channels, size_t n_channels, const int64_t *coords,
                         const int64_t *size, float *out, mt_error *err)
{
    source *s = self;
    const size_t call = s->n++, last = strlen(s->outcomes) - 1;
    (void)sample, (void)channels, (void)n_channels, (void)coords;
    for (int64_t i = 0; i < size[0] * size[1]; i++)
        out[i] = 5;
    switch (s->outcomes[call < last ? call : last]) {
    case 'c': return mt_fail(err, MT_E_CORRUPT, "call %zu is damaged", call);
    case 'u': return mt_fail(err, MT_E_UNSUPPORTED, "call %zu is of another kind", call);
    case 'i': return mt_fail(err, MT_E_IO, "call %zu does not reach the disk", call);
    default: return MT_OK;
    }
}

typedef struct set {
    mt_context *context;
    source source, target;
    mt_stack *stack, *target_stack;
    mt_patching *patching;
    mt_loader *loader;
} set;

/* target: the outcomes of a second array; NULL: there is none. */
static void open_set(set *s, const char *outcomes, const char *target, int on_corrupt)
{
    const mt_context_options context = { .struct_size = sizeof context, .threads = 1 };
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = extract, .caller_thread_only = 1 };
    const mt_stack_info info = { .struct_size = sizeof info,
                                 .source = "source",
                                 .dtype = MT_FLOAT32,
                                 .original_axes = "YX",
                                 .original_ndim = 2,
                                 .original_shape = { SIDE, SIDE } };
    const mt_patching_options how = {
        .struct_size = sizeof how, .strategy = "random", .patch_size = (int64_t[]) { PATCH, PATCH }, .n_spatial = 2
    };
    const mt_loader_array arrays[2] = { { 0 }, { .stacks = &s->target_stack } };
    const mt_loader_options options = { .struct_size = sizeof options,
                                        .batch_size = BATCH,
                                        .on_corrupt = on_corrupt,
                                        .prefetch = 1,
                                        .in_order = 1,
                                        .arrays = arrays,
                                        .n_arrays = target ? 2 : 1 };
    mt_error err = MT_ERROR_INIT;
    *s = (set) { .source = { .outcomes = outcomes }, .target = { .outcomes = target } };
    check_ok(mt_context_new(&context, &s->context, &err), &err);
    check_ok(mt_stack_new(s->context, &ops, &s->source, &info, &s->stack, &err), &err);
    check_ok(mt_stack_new(s->context, &ops, &s->target, &info, &s->target_stack, &err), &err);
    check_ok(mt_patching_new(&s->stack, 1, &how, &s->patching, &err), &err);
    check_ok(mt_loader_new(s->patching, &options, &s->loader, &err), &err);
}

static void close_set(set *s)
{
    mt_loader_free(s->loader);
    mt_patching_free(s->patching);
    mt_stack_close(s->stack);
    mt_stack_close(s->target_stack);
    mt_context_free(s->context);
}

/* A batch of four patches, which are the first four calls; then come redraws, or patches that are read once more. */
static void damaged_and_failing_patches(void **state)
{
    (void)state;
    static const struct {
        const char *outcomes;
        int on_corrupt;
        mt_status status;
        const char *message; /* if it fails */
        size_t calls;        /* the same: how often patches were asked for */
        size_t n_bad;        /* if not: bad patches, the first of them and its redraws */
        size_t first;
        uint64_t redraws;
    } cases[] = {
        { ".", MT_ON_CORRUPT_FAIL, MT_OK, NULL, 0, 0, 0, 0 },
        { "..c.", MT_ON_CORRUPT_FAIL, MT_E_CORRUPT, "call 2 is damaged", 4, 0, 0, 0 },
        { "..c.", MT_ON_CORRUPT_ZERO, MT_OK, NULL, 0, 1, 2, 0 },
        { "..cu.", MT_ON_CORRUPT_ZERO, MT_OK, NULL, 0, 2, 2, 0 },
        { ".i.", MT_ON_CORRUPT_ZERO, MT_E_IO, "call 1 does not reach the disk", 4, 0, 0, 0 },
        { "c..i.", MT_ON_CORRUPT_ZERO, MT_OK, NULL, 0, 1, 0, 0 }, /* read once more, the last one is good */
        { "c.ic.", MT_ON_CORRUPT_ZERO, MT_OK, NULL, 0, 2, 0, 0 },
        { "c..ic.", MT_ON_CORRUPT_ZERO, MT_OK, NULL, 0, 2, 0, 0 },
        { "c..ii", MT_ON_CORRUPT_ZERO, MT_E_IO, "call 4 does not reach the disk", 5, 0, 0, 0 },
        { ".c...", MT_ON_CORRUPT_REDRAW, MT_OK, NULL, 0, 1, 1, 1 },
        { ".c..ccu.", MT_ON_CORRUPT_REDRAW, MT_OK, NULL, 0, 1, 1, 4 },
        { ".c..ci.", MT_ON_CORRUPT_REDRAW, MT_E_IO, "call 5 does not reach the disk", 6, 0, 0, 0 },
        { "c", MT_ON_CORRUPT_REDRAW, MT_E_CORRUPT, "after 16 other positions: ", 20, 0, 0, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set s;
        mt_batch *batch;
        mt_error err = MT_ERROR_INIT;
        open_set(&s, cases[i].outcomes, NULL, cases[i].on_corrupt);
        const mt_status st = mt_loader_next(s.loader, NULL, &batch, &err);
        if (cases[i].status) {
            check_failed(st, cases[i].status, &err, cases[i].message);
            assert_int_equal(s.source.n, cases[i].calls);
        } else {
            check_ok(st, &err);
            assert_int_equal(batch->n_bad, cases[i].n_bad);
            if (batch->n_bad > 0) {
                assert_int_equal(batch->bad[0].position, cases[i].first);
                assert_int_equal(batch->bad[0].redraws, cases[i].redraws);
            }
            for (size_t b = 0, p = 0; p < BATCH; p++) {
                const float *patch = (const float *)batch->arrays[0].data + p * PATCH * PATCH;
                const bool is_zero = b < batch->n_bad && batch->bad[b].position == p && batch->bad[b].redraws == 0;
                b += b < batch->n_bad && batch->bad[b].position == p;
                for (int k = 0; k < PATCH * PATCH; k++)
                    assert_true(patch[k] == (is_zero ? 0 : 5));
            }
        }
        mt_batch_release(batch);
        close_set(&s);
    }
}

/* A patch is bad if it is in any of its arrays; then all of them are drawn again. A failure to read counts more. */
static void damaged_inputs_and_targets(void **state)
{
    (void)state;
    static const struct {
        const char *outcomes, *target;
        mt_status status;
        size_t n_bad, first;
        mt_status first_status;
        size_t reads; /* of targets */
    } cases[] = {
        { ".", ".", MT_OK, 0, 0, MT_OK, 4 },
        { ".c.", ".", MT_OK, 1, 1, MT_E_CORRUPT, 5 },
        { ".", "..c.", MT_OK, 1, 2, MT_E_CORRUPT, 5 },
        { ".", "...u.", MT_OK, 1, 3, MT_E_UNSUPPORTED, 5 },
        { "c.", "...c.", MT_OK, 2, 0, MT_E_CORRUPT, 6 },
        { "..c.", "..u.", MT_OK, 1, 2, MT_E_UNSUPPORTED, 5 },
        { "..c.", "..i.", MT_OK, 0, 0, MT_OK, 5 },
        { "..c.c.", "..i.", MT_OK, 1, 2, MT_E_CORRUPT, 6 },
        { "..c.", "..ii", MT_E_IO, 0, 0, MT_OK, 5 },
        { "..i.", "..c.", MT_E_IO, 0, 0, MT_OK, 4 },
    };
    static const uint64_t positions[4] = { 0, 1, 2, 3 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set s;
        mt_batch *batch;
        mt_error err = MT_ERROR_INIT;
        open_set(&s, cases[i].outcomes, cases[i].target, MT_ON_CORRUPT_REDRAW);
        const mt_status st = mt_loader_read(s.loader, 0, positions, 4, NULL, &batch, &err); /* none is made ahead */
        assert_int_equal(st, cases[i].status);
        assert_int_equal(s.target.n, cases[i].reads);
        if (!st) {
            assert_int_equal(batch->n_bad, cases[i].n_bad);
            if (batch->n_bad > 0) {
                assert_int_equal(batch->bad[0].position, cases[i].first);
                assert_int_equal(batch->bad[0].status, cases[i].first_status);
                assert_int_equal(batch->bad[0].redraws, 1);
            }
        }
        mt_batch_release(batch);
        close_set(&s);
    }
}

/* Whole images of different sizes come alone. */
static void patches_of_different_sizes(void **state)
{
    (void)state;
    static const uint8_t pixels[SIDE * SIDE];
    mt_stack *stacks[2];
    mt_patching *patching;
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(NULL, &context, &err), &err);
    for (int i = 0; i < 2; i++) {
        const int64_t shape[2] = { SIDE, SIDE - i };
        check_ok(mt_stack_from_array(context, pixels, MT_UINT8, "YX", shape, NULL, "image", &stacks[i], &err), &err);
    }
    const mt_patching_options how = { .struct_size = sizeof how, .strategy = "whole", .n_spatial = 2 };
    check_ok(mt_patching_new(stacks, 2, &how, &patching, &err), &err);
    for (size_t size = 1; size <= 2; size++) {
        const mt_loader_options options = { .struct_size = sizeof options, .batch_size = size };
        mt_loader *loader;
        mt_batch *batch;
        check_ok(mt_loader_new(patching, &options, &loader, &err), &err);
        const mt_status st = mt_loader_next(loader, NULL, &batch, &err);
        if (size == 2)
            check_failed(st, MT_E_ARGUMENT, &err, "have different sizes and cannot form a batch; use batches of one");
        else
            check_ok(st, &err);
        mt_batch_release(batch);
        mt_loader_free(loader);
    }
    mt_patching_free(patching);
    for (int i = 0; i < 2; i++)
        mt_stack_close(stacks[i]);
    mt_context_free(context);
}

/* No patches, and a position behind the epoch. */
static void positions_out_of_range(void **state)
{
    (void)state;
    static const struct {
        uint64_t positions[2];
        size_t n;
        const char *message;
    } cases[] = { { { 0 }, 0, "no positions to read" },
                  { { 64 }, 1, "position 64 is out of bounds for an epoch of 64 patches" },
                  { { 63, 64 }, 2, "position 64 is out of bounds for an epoch of 64 patches" },
                  { { UINT64_MAX }, 1, "position 18446744073709551615 is out of bounds for an epoch of 64 patches" } };
    set s;
    open_set(&s, ".", NULL, MT_ON_CORRUPT_FAIL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_batch *batch;
        mt_error err = MT_ERROR_INIT;
        const mt_status st = mt_loader_read(s.loader, 0, cases[i].positions, cases[i].n, NULL, &batch, &err);
        assert_int_not_equal(st, MT_OK);
        assert_non_null(strstr(err.message, cases[i].message));
        assert_null(batch);
    }
    close_set(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_and_failing_patches),
        cmocka_unit_test(damaged_inputs_and_targets),
        cmocka_unit_test(patches_of_different_sizes),
        cmocka_unit_test(positions_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
