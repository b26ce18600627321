/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the tests of patching strategies: stacks without pixels of any shape. */
#ifndef MT_TEST_SAMPLING_SUPPORT_H
#define MT_TEST_SAMPLING_SUPPORT_H

#include "support/support.h"

#include <microtome/microtome.h>

#include <stdlib.h>
#include <string.h>

static mt_status no_pixels(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                           const int64_t *coords, const int64_t *patch_size, float *out, mt_error *err)
{
    (void)self, (void)sample, (void)channels, (void)n_channels, (void)coords, (void)patch_size, (void)out;
    return mt_fail(err, MT_E_UNSUPPORTED, "no pixels");
}

/* A custom stack; axes are those of shape. */
static inline mt_stack *new_stack(mt_context *context, const char *axes, const int64_t *shape)
{
    static const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = no_pixels };
    mt_stack_info info = { .struct_size = sizeof info, .source = "image", .original_axes = axes, .dtype = MT_UINT8 };
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack = NULL;
    info.original_ndim = (int)strlen(axes);
    memcpy(info.original_shape, shape, strlen(axes) * sizeof *shape);
    check_ok(mt_stack_new(context, &ops, NULL, &info, &stack, &err), &err);
    return stack;
}

/* A patching over one image of the spatial shape, which has n_spatial sizes. */
static inline mt_patching *new_patching(const char *strategy, size_t n_spatial, const int64_t *shape,
                                        const int64_t *patch_size, const int64_t *overlap)
{
    mt_stack *stack = new_stack(NULL, n_spatial == 3 ? "ZYX" : "YX", shape);
    const mt_patching_options options = { .struct_size = sizeof options,
                                          .strategy = strategy,
                                          .patch_size = patch_size,
                                          .n_spatial = n_spatial,
                                          .overlap = overlap,
                                          .seed = 42 };
    mt_error err = MT_ERROR_INIT;
    mt_patching *patching = NULL;
    check_ok(mt_patching_new(&stack, 1, &options, &patching, &err), &err);
    mt_stack_close(stack);
    return patching;
}

static inline mt_patch_spec get_patch(const mt_patching *patching, uint64_t epoch, uint64_t index)
{
    mt_error err = MT_ERROR_INIT;
    mt_patch_spec spec = { .stack = 0 };
    check_ok(mt_patching_get(patching, epoch, index, 0, &spec, &err), &err);
    return spec;
}

static inline mt_region_info get_grid(const mt_patching *patching, size_t stack, int64_t sample)
{
    mt_error err = MT_ERROR_INIT;
    mt_region_info info = { .struct_size = sizeof info };
    check_ok(mt_patching_get_grid(patching, stack, sample, &info, &err), &err);
    return info;
}

/* An allocator that refuses blocks of more than 2^28 bytes. */
static inline void *resize_small(void *user, void *memory, size_t old_size, size_t new_size)
{
    (void)user, (void)old_size;
    if (new_size == 0) {
        free(memory);
        return NULL;
    }
    return new_size > (size_t)1 << 28 ? NULL : realloc(memory, new_size);
}

static inline mt_context *small_context(void)
{
    const mt_context_options options = {
        .struct_size = sizeof options, .threads = 1, .cache_bytes = 1 << 20, .allocator = { .resize = resize_small }
    };
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &context, &err), &err);
    return context;
}

#endif
