/* SPDX-License-Identifier: BSD-3-Clause */
/* Padding with pixels of the image. That any box equals the naive answer is part of the contract (support/contract.h). */
#include "support/contract.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const uint16_t line[4] = { 10, 20, 30, 40 };

static mt_stack *new_line(int64_t n)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(NULL, line, MT_UINT16, "YX", (int64_t[]) { 1, n }, NULL, NULL, &stack, &err), &err);
    return stack;
}

static mt_status cut(mt_stack *stack, int mode, int64_t first, int64_t n, float *out, mt_error *err)
{
    mt_patch_request r = { .stack = stack,
                           .n_spatial = 2,
                           .coords = (int64_t[]) { 0, first },
                           .patch_size = (int64_t[]) { 1, n },
                           .view = { .data = out, .padding = -1, .padding_mode = mode } };
    return mt_extract_patches(&r, 1, NULL, err);
}

/* What numpy.pad gives. */
static void a_line_is_padded(void **state)
{
    (void)state;
    static const struct {
        int64_t length, first;
        int mode;
        float expected[9];
    } cases[] = {
        { 4, -3, MT_PAD_CONSTANT, { -1, -1, -1, 10, 20, 30, 40, -1, -1 } },
        { 4, -3, MT_PAD_REFLECT, { 40, 30, 20, 10, 20, 30, 40, 30, 20 } },
        { 4, -3, MT_PAD_EDGE, { 10, 10, 10, 10, 20, 30, 40, 40, 40 } },
        { 4, 6, MT_PAD_REFLECT, { 10, 20, 30, 40, 30, 20, 10, 20, 30 } },
        { 4, 6, MT_PAD_EDGE, { 40, 40, 40, 40, 40, 40, 40, 40, 40 } },
        { 4, -20, MT_PAD_EDGE, { 10, 10, 10, 10, 10, 10, 10, 10, 10 } },
        { 4, -20, MT_PAD_REFLECT, { 30, 20, 10, 20, 30, 40, 30, 20, 10 } },
        { 3, -4, MT_PAD_REFLECT, { 10, 20, 30, 20, 10, 20, 30, 20, 10 } },
        { 2, -1, MT_PAD_REFLECT, { 20, 10, 20, 10, 20, 10, 20, 10, 20 } },
        { 1, -2, MT_PAD_REFLECT, { 10, 10, 10, 10, 10, 10, 10, 10, 10 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_stack *stack = new_line(cases[i].length);
        float out[9];
        mt_error err = MT_ERROR_INIT;
        check_ok(cut(stack, cases[i].mode, cases[i].first, 9, out, &err), &err);
        assert_memory_equal(out, cases[i].expected, sizeof out);
        mt_stack_close(stack);
    }
}

/* Strides, scale and channels, of planes in any direction. */
static void a_padded_view_turns_and_scales(void **state)
{
    (void)state;
    uint8_t pixels[2][3][4];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i / 12][i / 4 % 3][i % 4] = (uint8_t)(i * 7);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(NULL, pixels, MT_UINT8, "CYX", (int64_t[]) { 2, 3, 4 }, NULL, NULL, &stack, &err),
             &err);
    float out[2][9][7]; /* columns are the rows of the image, from below */
    const float scale[2] = { 0.5f, 2 }, offset[2] = { 1, -4 };
    const int64_t strides[3] = { sizeof out[0], -(int64_t)sizeof(float), sizeof out[0][0] };
    mt_patch_request r = {
        .stack = stack,
        .channels = (int64_t[]) { 1, 0 },
        .n_channels = 2,
        .n_spatial = 2,
        .coords = (int64_t[]) { -2, -3 },
        .patch_size = (int64_t[]) { 7, 9 },
        .view = { .data = &out[0][0][6], .strides = strides, .scale = scale, .offset = offset },
    };
    static const int reflected[2][9] = { { 2, 1, 0, 1, 2, 1, 0 }, { 3, 2, 1, 0, 1, 2, 3, 2, 1 } };
    static const int nearest[2][9] = { { 0, 0, 0, 1, 2, 2, 2 }, { 0, 0, 0, 0, 1, 2, 3, 3, 3 } };
    for (r.view.padding_mode = MT_PAD_REFLECT; r.view.padding_mode <= MT_PAD_EDGE; r.view.padding_mode++) {
        const int(*at)[9] = r.view.padding_mode == MT_PAD_EDGE ? nearest : reflected;
        check_ok(mt_extract_patches(&r, 1, NULL, &err), &err);
        for (int c = 0; c < 2; c++)
            for (int y = 0; y < 7; y++)
                for (int x = 0; x < 9; x++)
                    assert_true(out[c][x][6 - y] == (float)pixels[1 - c][at[0][y]][at[1][x]] * scale[c] + offset[c]);
    }
    mt_stack_close(stack);
}

/* A custom stack is called once per patch, and only for pixels inside the image. */
static int calls;
static const int64_t own_shape[5] = { 1, 2, 4, 5, 6 };

static mt_status own_extract(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                             const int64_t *coords, const int64_t *size, float *out, mt_error *err)
{
    (void)sample;
    calls++;
    for (int d = 0; d < 3; d++)
        assert_true(coords[d] >= 0 && size[d] > 0 && coords[d] + size[d] <= own_shape[2 + d]);
    for (size_t c = 0; c < n_channels; c++)
        for (int64_t z = coords[0]; z < coords[0] + size[0]; z++)
            for (int64_t y = coords[1]; y < coords[1] + size[1]; y++)
                for (int64_t x = coords[2]; x < coords[2] + size[2]; x++)
                    *out++ = (float)(1 + channels[c] * 1000 + z * 100 + y * 10 + x);
    return self ? mt_fail(err, MT_E_IO, "no more") : MT_OK;
}

static mt_stack *new_own(void *self)
{
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = own_extract, .caller_thread_only = 1 };
    mt_stack_info info = {
        .struct_size = sizeof info, .source = "own", .dtype = MT_FLOAT32, .original_axes = "SCZYX", .original_ndim = 5
    };
    memcpy(info.original_shape, own_shape, sizeof own_shape);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_new(NULL, &ops, self, &info, &stack, &err), &err);
    return stack;
}

static void a_stack_of_ones_own_is_padded(void **state)
{
    (void)state;
    mt_stack *stack = new_own(NULL);
    whole_image image;
    mt_error err = MT_ERROR_INIT;
    check_ok(read_whole(stack, &image, &err), &err);
    check_boxes(stack, &image, 5, 256);
    free_whole(&image);

    float patch[2 * 8 * 8 * 8];
    mt_patch_request r = { .stack = stack,
                           .n_spatial = 3,
                           .coords = (int64_t[]) { -2, -2, -2 },
                           .patch_size = (int64_t[]) { 8, 8, 8 },
                           .view = { .data = patch, .padding_mode = MT_PAD_REFLECT } };
    calls = 0;
    check_ok(mt_extract_patches(&r, 1, NULL, &err), &err);
    assert_int_equal(calls, 1);
    mt_stack_close(stack);
}

/* Pixels that cannot be read are zero in the border as well. */
static void a_failed_patch_is_zero(void **state)
{
    (void)state;
    int fails;
    mt_stack *stack = new_own(&fails);
    float patch[2 * 3 * 3 * 3];
    mt_status status;
    mt_extract_options options = { .struct_size = sizeof options, .statuses = &status };
    mt_patch_request r = { .stack = stack,
                           .n_spatial = 3,
                           .coords = (int64_t[]) { -2, 0, 0 },
                           .patch_size = (int64_t[]) { 3, 3, 3 },
                           .view = { .data = patch, .padding_mode = MT_PAD_EDGE } };
    assert_int_equal(mt_extract_patches(&r, 1, &options, NULL), MT_E_IO);
    assert_int_equal(status, MT_E_IO);
    for (size_t i = 0; i < sizeof patch / sizeof *patch; i++)
        assert_true(patch[i] == 0);
    mt_stack_close(stack);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    mt_stack *stack = new_line(4), *empty = new_line(0);
    float out[9] = { 7 };
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(cut(stack, 3, 0, 4, out, &err), MT_E_ARGUMENT);
    assert_string_equal(err.message, "array: there is no padding mode 3");
    err = (mt_error)MT_ERROR_INIT;
    assert_int_equal(cut(empty, MT_PAD_EDGE, 0, 4, out, &err), MT_E_ARGUMENT);
    assert_string_equal(err.message, "array: an image without pixels has none to pad a patch with");
    assert_true(out[0] == 7);
    mt_stack_close(stack);
    mt_stack_close(empty);
}

/* Coordinates of 2^46 in an image of that length and of a short one. */
static void far_coordinates_do_not_overflow(void **state)
{
    (void)state;
    static const int64_t far = (int64_t)1 << 46, no_step[2] = { 0, 0 };
    const int64_t shape[2] = { 1, (int64_t)1 << 61 };
    mt_stack *stack = new_line(4), *longest;
    float out[4];
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(NULL, line, MT_UINT16, "YX", shape, no_step, NULL, &longest, &err), &err);
    for (int mode = MT_PAD_REFLECT; mode <= MT_PAD_EDGE; mode++) {
        check_ok(cut(longest, mode, -far, 4, out, &err), &err);
        assert_memory_equal(out, ((float[]) { 10, 10, 10, 10 }), sizeof out);
    }
    check_ok(cut(stack, MT_PAD_REFLECT, -far, 4, out, &err), &err); /* 2^46 is 4 modulo 6 */
    assert_memory_equal(out, ((float[]) { 30, 40, 30, 20 }), sizeof out);
    check_ok(cut(stack, MT_PAD_EDGE, far, 4, out, &err), &err);
    assert_memory_equal(out, ((float[]) { 40, 40, 40, 40 }), sizeof out);
    mt_stack_close(stack);
    mt_stack_close(longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_padded),
        cmocka_unit_test(a_padded_view_turns_and_scales),
        cmocka_unit_test(a_stack_of_ones_own_is_padded),
        cmocka_unit_test(a_failed_patch_is_zero),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(far_coordinates_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
