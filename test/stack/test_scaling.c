/* SPDX-License-Identifier: BSD-3-Clause */
/* Scaling by view: random boxes of several channels, inside, across and beyond the borders, against each pixel computed
 * on its own, bit for bit. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <math.h>
#include <string.h>

enum { CHANNELS = 3, ROWS = 23, COLUMNS = 91, MOST = 110 };

/* Differ in one channel only, so that neighbouring channels are read both together and separately. */
static const float means[CHANNELS] = { 149.79f, 149.79f, -3.0625e3f }, deviations[CHANNELS] = { 52.57f, 52.57f, 0.37f };

static double pixels[CHANNELS][ROWS][COLUMNS]; /* the values of the image that is read */

static float scaled(const mt_view *view, float value, int c)
{
    volatile float v = value;
    const float scale = view->scale ? view->scale[c] : 1, offset = view->offset ? view->offset[c] : 0;
    if (view->divide) {
        v = v - offset;
        return v / scale;
    }
    v = v * scale;
    return v + offset;
}

/* The coordinate that is shown at x, found step by step; -1 if there is none. */
static int64_t shown_at(int64_t x, int64_t n, int mode)
{
    while (mode != MT_PAD_CONSTANT && (x < 0 || x >= n))
        x = mode == MT_PAD_EDGE ? (x < 0 ? 0 : n - 1) : x < 0 ? -x : 2 * (n - 1) - x;
    return x < 0 || x >= n ? -1 : x;
}

static float expected(const mt_patch_request *r, int c, int64_t y, int64_t x)
{
    const mt_view *view = &r->view;
    y = shown_at(r->coords[0] + y, ROWS, view->padding_mode);
    x = shown_at(r->coords[1] + x, COLUMNS, view->padding_mode);
    if (y >= 0 && x >= 0)
        return scaled(view, (float)pixels[r->channels[c]][y][x], c);
    return view->scale_padding ? scaled(view, (float)view->padding, c) : (float)view->padding;
}

static void check_patch(const mt_patch_request *r)
{
    const float *got = r->view.data;
    for (int c = 0; c < (int)r->n_channels; c++)
        for (int64_t y = 0; y < r->patch_size[0]; y++)
            for (int64_t x = 0; x < r->patch_size[1]; x++, got++) {
                const float wanted = expected(r, c, y, x);
                assert_memory_equal(got, &wanted, sizeof wanted);
            }
}

static void check_random_patch(mt_stack *stack, uint64_t *seed)
{
    static float out[CHANNELS * MOST * MOST];
    int64_t channels[CHANNELS], coords[2], size[2];
    float scale[CHANNELS], offset[CHANNELS];
    mt_patch_request r = { .stack = stack, .channels = channels, .n_spatial = 2, .coords = coords, .patch_size = size };
    r.n_channels = (size_t)random_between(seed, 1, CHANNELS);
    for (size_t c = 0; c < r.n_channels; c++) {
        channels[c] = (int64_t)c;
        scale[c] = deviations[c];
        offset[c] = means[c];
    }
    if (next_random(seed) & 1)
        channels[0] = CHANNELS - 1;
    for (int d = 0; d < 2; d++) {
        size[d] = random_between(seed, 1, MOST);
        coords[d] = random_between(seed, -size[d] - 2, (d ? COLUMNS : ROWS) + 2);
    }
    r.view = (mt_view) { .data = out,
                         .scale = random_between(seed, 0, 4) ? scale : NULL,
                         .offset = random_between(seed, 0, 4) ? offset : NULL,
                         .padding = (double)random_between(seed, -1, 1) * 0.1,
                         .padding_mode = (int)random_between(seed, MT_PAD_CONSTANT, MT_PAD_EDGE),
                         .divide = (int)random_between(seed, 0, 3),
                         .scale_padding = (int)random_between(seed, 0, 1) };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_extract_patches(&r, 1, NULL, &err), &err);
    check_patch(&r);
}

static void check_stack(mt_stack *stack)
{
    uint64_t seed = 12;
    for (int i = 0; i < 300; i++)
        check_random_patch(stack, &seed);
    mt_stack_close(stack);
}

#define CHECK_ARRAY(type, dtype, low, high)                                                                            \
    do {                                                                                                               \
        static type image[CHANNELS][ROWS][COLUMNS];                                                                    \
        uint64_t seed = 5;                                                                                             \
        for (int i = 0; i < CHANNELS * ROWS * COLUMNS; i++) {                                                          \
            (&image[0][0][0])[i] = (type)random_between(&seed, low, high);                                             \
            (&pixels[0][0][0])[i] = (double)(&image[0][0][0])[i];                                                      \
        }                                                                                                              \
        mt_stack *stack;                                                                                               \
        mt_error err = MT_ERROR_INIT;                                                                                  \
        check_ok(mt_stack_from_array(NULL, image, dtype, "CYX", (int64_t[]) { CHANNELS, ROWS, COLUMNS }, NULL, NULL,   \
                                     &stack, &err),                                                                    \
                 &err);                                                                                                \
        check_stack(stack);                                                                                            \
    } while (0)

static void arrays_are_scaled(void **state)
{
    (void)state;
    CHECK_ARRAY(uint8_t, MT_UINT8, 0, 255);
    CHECK_ARRAY(uint16_t, MT_UINT16, 0, 65535);
    CHECK_ARRAY(int16_t, MT_INT16, -32768, 32767);
    CHECK_ARRAY(float, MT_FLOAT32, -1000000, 1000000);
    CHECK_ARRAY(double, MT_FLOAT64, -1000000000, 1000000000);
}

static mt_status extract_own(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                             const int64_t *coords, const int64_t *size, float *out, mt_error *err)
{
    (void)self, (void)sample, (void)err;
    for (size_t c = 0; c < n_channels; c++)
        for (int64_t y = 0; y < size[0]; y++)
            for (int64_t x = 0; x < size[1]; x++)
                *out++ = (float)pixels[channels[c]][coords[0] + y][coords[1] + x];
    return MT_OK;
}

static void custom_stacks_are_scaled(void **state)
{
    (void)state;
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = extract_own };
    const mt_stack_info info = { .struct_size = sizeof info,
                                 .source = "own",
                                 .dtype = MT_FLOAT32,
                                 .original_axes = "CYX",
                                 .original_ndim = 3,
                                 .original_shape = { CHANNELS, ROWS, COLUMNS } };
    for (int i = 0; i < CHANNELS * ROWS * COLUMNS; i++)
        (&pixels[0][0][0])[i] = 0.1 * i - 100;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_new(NULL, &ops, NULL, &info, &stack, &err), &err);
    check_stack(stack);
}

static void division_by_zero_follows_ieee_754(void **state)
{
    (void)state;
    static const uint8_t image[3] = { 4, 5, 6 };
    const float scale = 0, offset = 5;
    float out[4];
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(NULL, image, MT_UINT8, "YX", (int64_t[]) { 1, 3 }, NULL, NULL, &stack, &err), &err);
    mt_patch_request r = {
        .stack = stack,
        .n_spatial = 2,
        .coords = (int64_t[]) { 0, 0 },
        .patch_size = (int64_t[]) { 1, 4 },
        .view = { .data = out, .scale = &scale, .offset = &offset, .divide = 1, .padding = 5, .scale_padding = 1 }
    };
    check_ok(mt_extract_patches(&r, 1, NULL, &err), &err);
    assert_true(isinf(out[0]) && out[0] < 0 && isnan(out[1]) && isinf(out[2]) && out[2] > 0 && isnan(out[3]));
    mt_stack_close(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_are_scaled),
        cmocka_unit_test(custom_stacks_are_scaled),
        cmocka_unit_test(division_by_zero_follows_ieee_754),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
