/* SPDX-License-Identifier: BSD-3-Clause */
/* A stack of any axes, an array or a custom one, whose pixels tell their place. */
#ifndef MT_FUZZ_COPY_STACK_H
#define MT_FUZZ_COPY_STACK_H

#include "choose.h"

#include "base/checked.h"

#include <string.h>

enum { MOST_PIXELS = 3000, LETTERS = 6 };
static const char letters[] = "STCZYX";

typedef struct source_stack {
    mt_stack *stack;
    int64_t sizes[LETTERS]; /* in the order of letters */
} source_stack;

static inline double get_value(const int64_t at[LETTERS])
{
    static const int64_t factors[LETTERS] = { 41, 31, 17, 13, 5, 3 };
    int64_t sum = 1;
    for (int i = 0; i < LETTERS; i++)
        sum += factors[i] * at[i];
    return (double)(sum % 101);
}

static inline mt_status extract(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                                const int64_t *coords, const int64_t *patch_size, float *out, mt_error *err)
{
    const source_stack *s = self;
    const bool has_z = mt_stack_get_info(s->stack)->data_ndim == 5;
    const int64_t *size = has_z ? patch_size + 1 : patch_size, *from = has_z ? coords + 1 : coords;
    int64_t z = has_z ? patch_size[0] : 1, n = (int64_t)n_channels * z * size[0] * size[1];
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        int64_t plane = i / (size[0] * size[1]);
        const int64_t at[LETTERS] = { sample / s->sizes[1],
                                      sample % s->sizes[1],
                                      channels[plane / z],
                                      (has_z ? coords[0] : 0) + plane % z,
                                      from[0] + i / size[1] % size[0],
                                      from[1] + i % size[1] };
        *out++ = (float)get_value(at);
    }
    return MT_OK;
}

/* Letters in any order, with Y and X among them. */
static inline int shuffle_axes(choice *c, char *axes)
{
    int n = 0, has = take_below(c, 16) | 48;
    for (int i = 0; i < LETTERS; i++)
        if (has >> i & 1)
            axes[n++] = letters[i];
    for (int i = n - 1; i > 0 && has % 3 == 0; i--) {
        int k = take_below(c, i + 1);
        char swapped = axes[i];
        axes[i] = axes[k];
        axes[k] = swapped;
    }
    axes[n] = 0;
    return n;
}

static inline void open_stack(choice *c, mt_context *context, source_stack *s)
{
    static uint8_t pixels[8 * MOST_PIXELS];
    static const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = extract };
    char axes[LETTERS + 1];
    mt_error err = MT_ERROR_INIT;
    mt_stack_info info = { .struct_size = sizeof info, .source = "stack", .original_axes = axes };
    int64_t n = 1;
    int ndim = info.original_ndim = shuffle_axes(c, axes);
    info.dtype = one_in(c, 2) ? take_dtype(c) : MT_UINT8;
    for (int i = 0; i < LETTERS; i++)
        s->sizes[i] = 1;
    for (int d = 0; d < ndim; d++) {
        int letter = (int)(strchr(letters, axes[d]) - letters);
        s->sizes[letter] = info.original_shape[d] = mt_min_i64(take_size(c, letter < 4 ? 3 : 20), MOST_PIXELS / n);
        n *= info.original_shape[d];
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t at[LETTERS] = { 0 }, rest = i;
        for (int d = ndim - 1; d >= 0; rest /= info.original_shape[d--])
            at[strchr(letters, axes[d]) - letters] = rest % info.original_shape[d];
        store_pixel(info.dtype, pixels + (size_t)i * mt_dtype_size(info.dtype),
                    convert_pixel(info.dtype, get_value(at)));
    }
    if (one_in(c, 4)) {
        info.dtype = MT_FLOAT32;
        if (note_status(mt_stack_new(context, &ops, s, &info, &s->stack, &err), &err))
            __builtin_trap();
    } else if (note_status(mt_stack_from_array(context, pixels, info.dtype, axes, info.original_shape, NULL, "stack",
                                               &s->stack, &err),
                           &err))
        __builtin_trap();
}

#endif
