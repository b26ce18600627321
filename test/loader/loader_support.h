/* SPDX-License-Identifier: BSD-3-Clause */
/* A loader of an array in memory, and digests of its batches. */
#ifndef MT_TEST_LOADER_SUPPORT_H
#define MT_TEST_LOADER_SUPPORT_H

#include "support/support.h"

#include <microtome/microtome.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 400, PATCH = 32, BATCH = 8, CHANNELS = 2 };
static uint16_t pixels[CHANNELS][SIDE][SIDE], labels[SIDE][SIDE];
static const int64_t patch_size[2] = { PATCH, PATCH };

/* Everything that a test opens. */
typedef struct set {
    mt_context *context;
    mt_stack *stack, *target;
    mt_patching *patching;
} set;

static inline void open_set(set *s, unsigned threads, const char *strategy)
{
    const mt_context_options context = { .struct_size = sizeof context, .threads = threads };
    const mt_patching_options options = {
        .struct_size = sizeof options, .strategy = strategy, .patch_size = patch_size, .n_spatial = 2, .seed = 7
    };
    for (int c = 0; c < CHANNELS; c++)
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                pixels[c][y][x] = (uint16_t)(c * 30000 + (y * 797 + x * 31) % 29989);
                labels[y][x] = (uint16_t)(y * SIDE + x);
            }
    assert_int_equal(mt_context_new(&context, &s->context, NULL), MT_OK);
    assert_int_equal(mt_stack_from_array(s->context, pixels, MT_UINT16, "CYX", (int64_t[]) { CHANNELS, SIDE, SIDE },
                                         NULL, "image", &s->stack, NULL),
                     MT_OK);
    assert_int_equal(mt_stack_from_array(s->context, labels, MT_UINT16, "YX", (int64_t[]) { SIDE, SIDE }, NULL,
                                         "labels", &s->target, NULL),
                     MT_OK);
    assert_int_equal(mt_patching_new(&s->stack, 1, &options, &s->patching, NULL), MT_OK);
}

static inline void close_set(set *s)
{
    mt_patching_free(s->patching);
    mt_stack_close(s->stack);
    mt_stack_close(s->target);
    mt_context_free(s->context);
}

static inline mt_loader_options options_of(void)
{
    return (mt_loader_options) {
        .struct_size = sizeof(mt_loader_options), .batch_size = BATCH, .seed = 11, .window = 3, .block = { 2, 2 }
    };
}

static inline mt_loader *new_loader(const set *s, const mt_loader_options *options)
{
    mt_loader *loader = NULL;
    mt_error err;
    if (mt_loader_new(s->patching, options, &loader, &err))
        fail_msg("%s", err.message);
    return loader;
}

static inline mt_batch *next(mt_loader *loader)
{
    mt_batch *batch = NULL;
    mt_error err;
    if (mt_loader_next(loader, NULL, &batch, &err))
        fail_msg("%s", err.message);
    return batch;
}

static inline uint64_t hash(uint64_t h, const void *bytes, size_t n)
{
    for (const uint8_t *b = bytes; n > 0; n--, b++)
        h = (h ^ *b) * 0x100000001b3;
    return h;
}

/* A digest of everything in a batch. */
static inline uint64_t digest(const mt_batch *batch)
{
    uint64_t h = hash(0xcbf29ce484222325, &batch->number, sizeof batch->number);
    h = hash(h, batch->indices, batch->n * sizeof *batch->indices);
    h = hash(h, batch->specs, batch->n * sizeof *batch->specs);
    h = hash(h, batch->symmetries, batch->n);
    for (size_t a = 0; a < batch->n_arrays; a++) {
        size_t bytes = mt_dtype_size(batch->arrays[a].dtype);
        for (int d = 0; d < batch->arrays[a].ndim; d++)
            bytes *= (size_t)batch->arrays[a].shape[d];
        h = hash(h, batch->arrays[a].data, bytes);
    }
    return h;
}

enum { MOST = 64 };

/* Digests of the batches of an epoch; returns their number. */
static inline size_t digest_epoch(mt_loader *loader, uint64_t *out)
{
    size_t n = 0;
    for (mt_batch *batch; (batch = next(loader)); mt_batch_release(batch)) {
        assert_true(n < MOST);
        out[n++] = digest(batch);
    }
    return n;
}

#endif
