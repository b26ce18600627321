/* SPDX-License-Identifier: BSD-3-Clause */
/* Noise2Void and noise on a batch: pixels that are not marked are unchanged, unless a pattern covers them. */
#include "choose_stack.h"

#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_PIXELS = 1 << 14 };

static float batch[MOST_PIXELS], changed[MOST_PIXELS];
static uint8_t mask[MOST_PIXELS];

/* Returns the number of pixels, 0 if the shape is to be refused. */
static size_t choose_shape(choice *c, int64_t *shape, size_t *ndim)
{
    size_t n = 1;
    *ndim = one_in(c, 30) ? (size_t)take_range(c, 3, 6) : (size_t)take_range(c, 4, 5);
    for (size_t d = 0; d < 5; d++) {
        shape[d] = d < 2 ? take_range(c, 1, 3) : *ndim == 5 && d == 2 ? take_range(c, 1, 5) : take_range(c, 1, 17);
        if (one_in(c, 60))
            shape[d] = take_range(c, -1, 0);
        n *= d >= *ndim || shape[d] < 0 ? 1 : (size_t)shape[d];
    }
    return n;
}

static void note_pixels(const float *pixels, size_t n, bool exact)
{
    if (exact)
        outcome_bytes(pixels, n * sizeof *pixels);
    else
        for (size_t i = 0; i < n; i++)
            outcome_rounded((double)pixels[i]);
}

static void hide_pixels(choice *c, const int64_t *shape, size_t ndim, size_t n)
{
    static const char *const strategies[] = {
        NULL,     "uniform", "uniform", "uniform_with_center", "uniform_with_center", "median", "median",
        "median", "median",  "mean"
    };
    static const char *const patterns[] = { NULL,       NULL,    NULL,    NULL,     NULL,     "horizontal",
                                            "vertical", "cross", "cross", "square", "square", "diagonal" };
    static const double percentages[] = { 0, 0.2, 1, 1, 5, 5, 5, 25, 25, 25, 100, 100, 100.5, -1 };
    mt_n2v_options options = { .struct_size = sizeof options };
    options.strategy = TAKE(c, strategies);
    options.percentage = TAKE(c, percentages);
    options.roi_size = one_in(c, 12) ? (int)take_range(c, -1, 25) : 3 + 2 * (int)take_range(c, 0, 4);
    options.struct_axes = TAKE(c, patterns);
    if (options.struct_axes || one_in(c, 10))
        options.struct_span = one_in(c, 10) ? (int)take_range(c, -1, 20) : 3 + 2 * (int)take_range(c, 0, 3);
    options.seed = take_byte(c);
    options.step = take_byte(c) % 3;
    options.first = take_byte(c) % 3;
    mt_error err = MT_ERROR_INIT;
    mt_status st =
        mt_n2v_manipulate(fuzz_one_thread(), batch, shape, ndim, one_in(c, 20) ? NULL : &options, changed, mask, &err);
    if (outcome_status(st, &err)) {
        if (!*err.message)
            __builtin_trap();
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (!mask[i] && !options.struct_axes && memcmp(&changed[i], &batch[i], sizeof *batch) != 0)
            __builtin_trap();
    note_pixels(changed, n, !options.struct_axes);
    outcome_bytes(mask, n);
}

static void add_noise(choice *c, const int64_t *shape, size_t ndim, size_t n)
{
    static const double scales[] = { 0, 0, 0.5, 1, 2, 40, -1, INFINITY, NAN };
    double photon_scale[3], photon_offset[3];
    mt_noise_options options = { .struct_size = sizeof options };
    options.seed = take_byte(c);
    options.step = take_byte(c) % 3;
    options.first = take_byte(c) % 3;
    for (int i = 0; i < 3; i++) {
        photon_scale[i] = one_in(c, 40) ? TAKE(c, scales) : 0.25 * (double)take_range(c, 1, 40);
        photon_offset[i] = one_in(c, 40) ? TAKE(c, scales) : (double)take_range(c, -3, 3);
    }
    options.photon_scale = one_in(c, 2) ? photon_scale : NULL;
    options.photon_offset = (options.photon_scale != NULL) != one_in(c, 10) ? photon_offset : NULL;
    options.gaussian = one_in(c, 2) ? 0 : one_in(c, 12) ? TAKE(c, scales) : 0.5;
    for (int i = 0; i < 2; i++) {
        options.scale[i] = one_in(c, 30) ? TAKE(c, scales) : 0.5 + i;
        options.offset[i] = one_in(c, 30) ? TAKE(c, scales) : i;
    }
    mt_error err = MT_ERROR_INIT;
    mt_status st = mt_noise_add(fuzz_one_thread(), batch, shape, ndim, &options, changed, &err);
    if (outcome_status(st, &err) && !*err.message)
        __builtin_trap();
    if (!st)
        note_pixels(changed, n, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    choice c = { .at = data, .end = data + size };
    int64_t shape[6] = { 1, 1, 1, 1, 1, 1 };
    size_t ndim, n = choose_shape(&c, shape, &ndim);
    uint8_t offset = take_byte(&c), kind = take_byte(&c);
    if (n > MOST_PIXELS)
        return 0;
    for (size_t i = 0; i < n; i++)
        batch[i] = kind < 100 ? 12 : kind < 120 && i % 37 == 5 ? NAN : stack_pixels()[i + offset] / 4.0F;
    if (kind & 1)
        hide_pixels(&c, shape, ndim, n);
    else
        add_noise(&c, shape, ndim, n);
    return 0;
}
