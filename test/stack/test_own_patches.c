/* SPDX-License-Identifier: BSD-3-Clause */
/* Patches of custom stacks, in any view and with any padding, against arrays of the same pixels. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

enum { CHANNELS = 3, PLANES = 3, ROWS = 4, COLUMNS = 5, GUARD = 64 };

static float pixels[CHANNELS][PLANES][ROWS][COLUMNS];

/* Counts its calls; all boxes must lie in the image. */
static mt_status extract(void *self, int64_t sample, const int64_t *channels, size_t n_channels, const int64_t *coords,
                         const int64_t *size, float *out, mt_error *err)
{
    static const int64_t shape[3] = { PLANES, ROWS, COLUMNS };
    (void)sample;
    atomic_fetch_add((atomic_int *)self, 1);
    for (int d = 0; d < 3; d++)
        if (coords[d] < 0 || size[d] < 1 || coords[d] + size[d] > shape[d])
            return mt_fail(err, MT_E_RANGE, "%d pixels at %d", (int)size[d], (int)coords[d]);
    for (size_t c = 0; c < n_channels; c++)
        for (int64_t z = 0; z < size[0]; z++)
            for (int64_t y = 0; y < size[1]; y++)
                for (int64_t x = 0; x < size[2]; x++)
                    *out++ = pixels[channels[c]][coords[0] + z][coords[1] + y][coords[2] + x];
    return MT_OK;
}

static mt_status give_up(void *self, int64_t sample, const int64_t *channels, size_t n_channels, const int64_t *coords,
                         const int64_t *size, float *out, mt_error *err)
{
    (void)self, (void)sample, (void)channels, (void)n_channels, (void)coords, (void)size, (void)out, (void)err;
    return MT_E_CANCELLED;
}

static mt_stack *new_own(atomic_int *calls, bool gives_up)
{
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = gives_up ? give_up : extract };
    const mt_stack_info info = { .struct_size = sizeof info,
                                 .source = "own",
                                 .dtype = MT_FLOAT32,
                                 .original_axes = "CZYX",
                                 .original_ndim = 4,
                                 .original_shape = { CHANNELS, PLANES, ROWS, COLUMNS } };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_new(NULL, &ops, calls, &info, &stack, &err), &err);
    return stack;
}

static mt_stack *new_array(void)
{
    static const int64_t shape[] = { CHANNELS, PLANES, ROWS, COLUMNS };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    float value = 1;
    for (float *p = &pixels[0][0][0][0]; p < &pixels[0][0][0][0] + CHANNELS * PLANES * ROWS * COLUMNS; p++)
        *p = value++;
    check_ok(mt_stack_from_array(NULL, pixels, MT_FLOAT32, "CZYX", shape, NULL, "array", &stack, &err), &err);
    return stack;
}

typedef struct box {
    int64_t coords[3], size[3];
    int calls; /* that it takes with constant padding */
} box;

static const box boxes[] = {
    { { 0, 0, 0 }, { PLANES, ROWS, COLUMNS }, 1 },
    { { 1, 1, 2 }, { 2, 2, 3 }, 1 },
    { { 2, 3, 4 }, { 1, 1, 1 }, 1 },
    { { -1, 0, 0 }, { 2, 2, 2 }, 1 },
    { { 1, -2, 3 }, { 4, 7, 4 }, 1 },
    { { 0, 0, -7 }, { 2, 2, 20 }, 1 },
    { { 3, 0, 0 }, { 2, 2, 2 }, 0 },
    { { 0, 0, -3 }, { 1, 1, 3 }, 0 },
    { { -9, 20, 1 }, { 3, 2, 2 }, 0 },
};

/* Kinds of views: 0: plain; strided, with scale, with offset, with all. */
enum { VIEWS = 5 };

static void fill(mt_stack *stack, const box *b, int mode, int view, const int64_t *channels, float *out, size_t n)
{
    static const float scale[CHANNELS] = { 2, -0.5f, 3 }, offset[CHANNELS] = { 10, 20, -30 };
    const int64_t *s = b->size, four = sizeof(float);
    /* columns are slowest */
    const int64_t strides[4] = { s[0] * s[1] * s[2] * four, s[1] * four, four, s[0] * s[1] * four };
    const mt_patch_request request = { .stack = stack,
                                       .channels = channels,
                                       .n_channels = channels ? 2 : 0,
                                       .n_spatial = 3,
                                       .coords = b->coords,
                                       .patch_size = b->size,
                                       .view = { .data = out,
                                                 .padding = -7,
                                                 .padding_mode = mode,
                                                 .strides = view == 1 || view == 4 ? strides : NULL,
                                                 .scale = view == 2 || view == 4 ? scale : NULL,
                                                 .offset = view >= 3 ? offset : NULL } };
    mt_error err = MT_ERROR_INIT;
    for (size_t i = 0; i < n; i++)
        out[i] = -1000;
    check_ok(mt_extract_patches(&request, 1, NULL, &err), &err);
}

static void views_and_padding(void **state)
{
    (void)state;
    static const int64_t list[2] = { 2, 0 };
    static float expected[CHANNELS * 200 + GUARD], found[CHANNELS * 200 + GUARD];
    enum { N = CHANNELS * 200 + GUARD };
    atomic_int calls = 0;
    mt_stack *array = new_array(), *own = new_own(&calls, false);
    for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++)
        for (int mode = MT_PAD_CONSTANT; mode <= MT_PAD_EDGE; mode++)
            for (int view = 0; view < VIEWS; view++)
                for (int listed = 0; listed < 2; listed++) {
                    const box *b = &boxes[i];
                    calls = 0;
                    fill(array, b, mode, view, listed ? list : NULL, expected, N);
                    fill(own, b, mode, view, listed ? list : NULL, found, N);
                    assert_memory_equal(found, expected, sizeof found);
                    assert_true(found[(listed ? 2 : CHANNELS) * b->size[0] * b->size[1] * b->size[2]] == -1000);
                    assert_int_equal(calls, mode == MT_PAD_CONSTANT ? b->calls : 1);
                }
    mt_stack_close(own);
    mt_stack_close(array);
}

/* Custom stacks among others: only those of the call are asked, and not the requests that follow it. */
static void requests_of_both_kinds(void **state)
{
    (void)state;
    enum { N = 3, MORE = 4 };
    static float out[N + MORE];
    atomic_int calls = 0;
    mt_error err = MT_ERROR_INIT;
    mt_stack *array = new_array(), *own = new_own(&calls, false);
    const box pixel = { { 1, 2, 3 }, { 1, 1, 1 }, 1 };
    const int64_t channel = 1;
    mt_patch_request requests[N + MORE];
    for (size_t i = 0; i < N + MORE; i++) {
        out[i] = -1;
        requests[i] = (mt_patch_request) { .stack = i == 0 ? array : own,
                                           .channels = &channel,
                                           .n_channels = 1,
                                           .n_spatial = 3,
                                           .coords = pixel.coords,
                                           .patch_size = pixel.size,
                                           .view = { .data = &out[i] } };
    }
    check_ok(mt_extract_patches(requests, N, NULL, &err), &err);
    for (size_t i = 0; i < N + MORE; i++)
        assert_true(out[i] == (i < N ? pixels[1][1][2][3] : -1));
    assert_int_equal(calls, 2);
    mt_stack_close(own);
    mt_stack_close(array);
}

/* A stack that gives up although nobody stopped the call. */
static void a_stack_that_gives_up(void **state)
{
    (void)state;
    static const int64_t origin[3] = { 0 }, size[3] = { 1, 1, 1 };
    float out[CHANNELS];
    mt_error err = MT_ERROR_INIT;
    mt_stack *own = new_own(NULL, true);
    assert_int_equal(mt_stack_extract_patch(own, 0, NULL, 0, origin, size, 3, out, &err), MT_E_CANCELLED);
    assert_string_equal(err.message, "own: extract_patch returned MT_E_CANCELLED");
    mt_stack_close(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_and_padding),
        cmocka_unit_test(requests_of_both_kinds),
        cmocka_unit_test(a_stack_that_gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
