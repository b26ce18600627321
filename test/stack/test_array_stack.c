/* SPDX-License-Identifier: BSD-3-Clause */
/* The semantics of the image stack, on arrays in memory and on custom stacks. */
#include "support/contract.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static uint16_t pixels[3 * 2 * 4 * 5 * 6];

static mt_stack *new_array(const char *axes, const int64_t *shape)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    for (size_t i = 0; i < sizeof pixels / sizeof *pixels; i++)
        pixels[i] = (uint16_t)(i * 31 + 7);
    check_ok(mt_stack_from_array(NULL, pixels, MT_UINT16, axes, shape, NULL, NULL, &stack, &err), &err);
    return stack;
}

static void any_order_of_axes_is_seen_as_sczyx(void **state)
{
    (void)state;
    static const char *const orders[] = { "STCYX", "TSCYX", "CYXTS", "XYCST", "YXSTC", "TCYXS" };
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        const char *axes = orders[i];
        int64_t shape[5], stride[5], sizes[128] = { ['S'] = 3, ['T'] = 2, ['C'] = 4, ['Y'] = 5, ['X'] = 6 };
        for (int d = 4, step = 1; d >= 0; d--) {
            shape[d] = sizes[(int)axes[d]];
            stride[d] = step;
            step *= (int)shape[d];
        }
        int64_t by_letter[128];
        for (int d = 0; d < 5; d++)
            by_letter[(int)axes[d]] = stride[d];
        mt_stack *stack = new_array(axes, shape);
        const mt_stack_info *info = mt_stack_get_info(stack);
        assert_int_equal(info->data_ndim, 4);
        assert_int_equal(info->data_shape[0], 6);
        assert_int_equal(info->data_shape[1], 4);
        for (int64_t s = 0; s < 6; s++) {
            float patch[4 * 5 * 6];
            mt_error err = MT_ERROR_INIT;
            check_ok(
                mt_stack_extract_patch(stack, s, NULL, 0, (int64_t[]) { 0, 0 }, (int64_t[]) { 5, 6 }, 2, patch, &err),
                &err);
            for (int64_t c = 0, at = 0; c < 4; c++)
                for (int64_t y = 0; y < 5; y++)
                    for (int64_t x = 0; x < 6; x++, at++) {
                        int64_t from = s / 2 * by_letter['S'] + s % 2 * by_letter['T'] + c * by_letter['C'] +
                                       y * by_letter['Y'] + x * by_letter['X'];
                        assert_true(patch[at] == (float)pixels[from]);
                    }
        }
        whole_image image;
        mt_error err = MT_ERROR_INIT;
        check_ok(read_whole(stack, &image, &err), &err);
        check_boxes(stack, &image, i + 1, 64);
        free_whole(&image);
        mt_stack_close(stack);
    }
}

static void indices_never_wrap(void **state)
{
    (void)state;
    mt_stack *stack = new_array("TYX", (int64_t[]) { 3, 8, 9 });
    float patch[4];
    int64_t origin[2] = { 0, 0 }, size[2] = { 2, 2 };
    static const int64_t bad_channels[][1] = { { -1 }, { 1 } };
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_stack_extract_patch(stack, 3, NULL, 0, origin, size, 2, patch, &err), MT_E_RANGE);
    assert_string_equal(err.message, "array: sample 3 is out of bounds: the image has 3, counted from 0");
    assert_int_equal(mt_stack_extract_patch(stack, -1, NULL, 0, origin, size, 2, patch, NULL), MT_E_RANGE);
    for (int i = 0; i < 2; i++)
        assert_int_equal(mt_stack_extract_patch(stack, 0, bad_channels[i], 1, origin, size, 2, patch, NULL),
                         MT_E_RANGE);
    assert_int_equal(mt_stack_extract_patch(stack, 0, bad_channels[0], 0, origin, size, 2, patch, NULL), MT_E_ARGUMENT);
    assert_int_equal(mt_stack_extract_patch(stack, 0, NULL, 0, origin, size, 3, patch, NULL), MT_E_ARGUMENT);
    size[0] = -1;
    assert_int_equal(mt_stack_extract_patch(stack, 0, NULL, 0, origin, size, 2, patch, NULL), MT_E_ARGUMENT);
    mt_stack_close(stack);
}

static void outside_is_zero_on_every_side(void **state)
{
    (void)state;
    mt_stack *stack = new_array("YX", (int64_t[]) { 4, 5 });
    for (int64_t y0 = -7; y0 <= 7; y0++)
        for (int64_t x0 = -8; x0 <= 8; x0++) {
            float patch[6][7];
            mt_error err = MT_ERROR_INIT;
            check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, (int64_t[]) { y0, x0 }, (int64_t[]) { 6, 7 }, 2,
                                            &patch[0][0], &err),
                     &err);
            for (int64_t y = 0; y < 6; y++)
                for (int64_t x = 0; x < 7; x++) {
                    int64_t v = y0 + y, u = x0 + x;
                    bool inside = v >= 0 && v < 4 && u >= 0 && u < 5;
                    assert_true(patch[y][x] == (inside ? (float)pixels[v * 5 + u] : 0.0f));
                }
        }
    mt_stack_close(stack);
}

/* A flip and a quarter turn by strides, an affine for each channel, and a padding value, in one pass. */
static void a_view_turns_scales_and_pads(void **state)
{
    (void)state;
    mt_stack *stack = new_array("CYX", (int64_t[]) { 2, 4, 5 });
    float out[2][3][6]; /* rows are the columns of the image */
    const float scale[2] = { 0.5f, 2.0f }, offset[2] = { 1.0f, -4.0f };
    int64_t strides[3] = { sizeof out[0], sizeof(float), -(int64_t)sizeof out[0][0] };
    int64_t channels[2] = { 1, 0 };
    mt_patch_request r = {
        .stack = stack,
        .channels = channels,
        .n_channels = 2,
        .n_spatial = 2,
        .coords = (int64_t[]) { -1, 1 },
        .patch_size = (int64_t[]) { 6, 3 },
        .view = { .data = &out[0][2][0], .strides = strides, .scale = scale, .offset = offset, .padding = -1 }
    };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_extract_patches(&r, 1, NULL, &err), &err);
    for (int c = 0; c < 2; c++)
        for (int64_t y = 0; y < 6; y++)
            for (int64_t x = 0; x < 3; x++) {
                int64_t v = y - 1, u = x + 1;
                float expected =
                    v < 0 || v >= 4 ? -1 : (float)pixels[(channels[c] * 4 + v) * 5 + u] * scale[c] + offset[c];
                assert_true(out[c][2 - x][y] == expected);
            }
    mt_stack_close(stack);
}

static void bad_arrays_are_refused(void **state)
{
    (void)state;
    mt_stack *stack;
    static const struct {
        const char *axes;
        int64_t shape[6];
    } bad[] = { { "CX", { 2, 2 } },  { "YXX", { 2, 2, 2 } },     { "YXQ", { 2, 2, 2 } }, { "yx", { 2, 2 } },
                { "YX", { -1, 2 } }, { "YX", { INT64_MAX, 4 } }, { "", { 0 } } };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(
            mt_stack_from_array(NULL, pixels, MT_UINT16, bad[i].axes, bad[i].shape, NULL, NULL, &stack, NULL),
            MT_E_ARGUMENT);
    assert_int_equal(
        mt_stack_from_array(NULL, pixels, (mt_dtype)99, "YX", (int64_t[]) { 1, 1 }, NULL, NULL, &stack, NULL),
        MT_E_ARGUMENT);
}

/* A custom stack whose pixels are a formula, zero outside. */
static int64_t own_shape[5] = { 2, 3, 4, 10, 11 };
static int closed;

static float formula(int64_t s, int64_t c, int64_t z, int64_t y, int64_t x)
{
    if (z < 0 || z >= own_shape[2] || y < 0 || y >= own_shape[3] || x < 0 || x >= own_shape[4])
        return 0;
    return (float)(1 + s * 100000 + c * 10000 + z * 1000 + y * 30 + x);
}

static mt_status own_extract(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                             const int64_t *coords, const int64_t *size, float *out, mt_error *err)
{
    if (*(int *)self != 42)
        return mt_fail(err, MT_E_IO, "not myself");
    for (size_t c = 0; c < n_channels; c++)
        for (int64_t z = 0; z < size[0]; z++)
            for (int64_t y = 0; y < size[1]; y++)
                for (int64_t x = 0; x < size[2]; x++)
                    *out++ = formula(sample, channels[c], coords[0] + z, coords[1] + y, coords[2] + x);
    return MT_OK;
}

static void own_close(void *self)
{
    (void)self;
    closed++;
}

static void a_stack_of_ones_own_is_a_stack(void **state)
{
    (void)state;
    int self = 42;
    mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = own_extract, .close = own_close };
    mt_stack_info info = { .struct_size = sizeof info,
                           .source = "formula",
                           .dtype = MT_FLOAT32,
                           .original_axes = "SCZYX",
                           .original_ndim = 5 };
    memcpy(info.original_shape, own_shape, sizeof own_shape);
    char name[] = "DAPI";
    mt_channel channels[3] = { { .name = name }, { .name = NULL }, { .has_color = 1, .rgb = { 7, 8, 9 } } };
    info.channels = channels;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_new(NULL, &ops, &self, &info, &stack, &err), &err);
    memset(name, 0, sizeof name);
    memset(channels, 0, sizeof channels);
    assert_string_equal(mt_stack_get_info(stack)->format, "custom");
    assert_memory_equal(mt_stack_get_info(stack)->data_shape, own_shape, sizeof own_shape);
    const mt_channel *found = mt_stack_get_info(stack)->channels;
    assert_string_equal(found[0].name, "DAPI");
    assert_string_equal(found[1].name, "");
    assert_int_equal(found[2].rgb[1], 8);

    whole_image image;
    check_ok(read_whole(stack, &image, &err), &err);
    check_boxes(stack, &image, 3, 64);
    free_whole(&image);

    float patch[3][2][3][4];
    float scale[3] = { 2, 2, 2 };
    mt_patch_request r = { .stack = stack,
                           .sample = 1,
                           .n_spatial = 3,
                           .coords = (int64_t[]) { 3, -1, 9 },
                           .patch_size = (int64_t[]) { 2, 3, 4 },
                           .view = { .data = patch, .scale = scale, .padding = 5 } };
    check_ok(mt_extract_patches(&r, 1, NULL, &err), &err);
    for (int64_t c = 0; c < 3; c++)
        for (int64_t z = 0; z < 2; z++)
            for (int64_t y = 0; y < 3; y++)
                for (int64_t x = 0; x < 4; x++) {
                    float value = formula(1, c, 3 + z, y - 1, 9 + x);
                    assert_true(patch[c][z][y][x] == (value == 0 ? 5 : 2 * value));
                }
    self = 0;
    assert_int_equal(mt_extract_patches(&r, 1, NULL, &err), MT_E_IO);
    assert_string_equal(err.message, "formula: not myself");
    mt_stack_close(stack);
    assert_int_equal(closed, 1);
}

/* The largest image there can be, of one pixel everywhere, begins where its coordinates do. */
static void the_largest_image_has_borders(void **state)
{
    (void)state;
    static const uint8_t seven = 7;
    const int64_t shape[2] = { 1, INT64_MAX - 1 }, no_step[2] = { 0, 0 };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(NULL, &seven, MT_UINT8, "YX", shape, no_step, NULL, &stack, &err), &err);
    float patch[4];
    check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, (int64_t[]) { 0, -3 }, (int64_t[]) { 1, 4 }, 2, patch, &err),
             &err);
    assert_memory_equal(patch, ((float[]) { 0, 0, 0, 7 }), sizeof patch);
    mt_stack_close(stack);
}

static mt_status fill_with_coords(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                                  const int64_t *coords, const int64_t *patch_size, float *out, mt_error *err)
{
    (void)self, (void)sample, (void)channels, (void)n_channels, (void)err;
    for (int64_t x = 0; x < patch_size[1]; x++)
        out[x] = (float)(coords[1] + x + 1);
    return MT_OK;
}

static void the_largest_stack_of_ones_own_has_borders(void **state)
{
    (void)state;
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = fill_with_coords };
    const mt_stack_info info = { .struct_size = sizeof info,
                                 .source = "line",
                                 .dtype = MT_UINT8,
                                 .original_axes = "YX",
                                 .original_ndim = 2,
                                 .original_shape = { 1, INT64_MAX - 1 } };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_new(NULL, &ops, NULL, &info, &stack, &err), &err);
    float patch[4];
    mt_patch_request r = { .stack = stack,
                           .n_spatial = 2,
                           .coords = (int64_t[]) { 0, -3 },
                           .patch_size = (int64_t[]) { 1, 4 },
                           .view = { .data = patch, .padding = 9 } };
    check_ok(mt_extract_patches(&r, 1, NULL, &err), &err);
    assert_memory_equal(patch, ((float[]) { 9, 9, 9, 1 }), sizeof patch);
    mt_stack_close(stack);
}

/* No memory holds such a patch, whatever one of its sizes is. */
static void a_patch_is_smaller_than_the_address_space(void **state)
{
    (void)state;
    mt_stack *stack = new_array("ZYX", (int64_t[]) { 4, 5, 6 });
    float patch;
    const int64_t large = (int64_t)1 << 40;
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_stack_extract_patch(stack, 0, NULL, 0, (int64_t[]) { 0, 0, 0 }, (int64_t[]) { 1, large, large },
                                            3, &patch, &err),
                     MT_E_ARGUMENT);
    assert_string_equal(err.message, "array: the patch has more than 2^63 bytes");
    mt_stack_close(stack);
}

/* A batch of more than the caches hold, into memory that was written before and into new memory, some patches beyond
 * the edge. */
static void large_batches(void **state)
{
    (void)state;
    enum { SIDE = 300, N = 100, BYTES = SIDE * SIDE * 4 };
    static uint16_t image[SIDE * SIDE];
    static int64_t coords[N][2];
    static mt_patch_request requests[N];
    const int64_t size[2] = { SIDE, SIDE };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    for (int i = 0; i < SIDE * SIDE; i++)
        image[i] = (uint16_t)(i * 31 + i / SIDE);
    check_ok(mt_stack_from_array(NULL, image, MT_UINT16, "YX", size, NULL, NULL, &stack, &err), &err);
    float *patches = malloc((size_t)N * BYTES), *one = malloc(BYTES);
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < N; i++) {
            coords[i][0] = i % 10 - 5, coords[i][1] = i % 7 - 3;
            requests[i] = (mt_patch_request) { .stack = stack,
                                               .n_spatial = 2,
                                               .coords = coords[i],
                                               .patch_size = size,
                                               .view = { .data = patches + (size_t)i * SIDE * SIDE } };
        }
        check_ok(mt_extract_patches(requests, N, NULL, &err), &err);
        for (int i = 0; i < N; i++) {
            check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, coords[i], size, 2, one, &err), &err);
            assert_memory_equal(one, patches + (size_t)i * SIDE * SIDE, BYTES);
        }
        memset(patches, 0xee, (size_t)N * BYTES);
    }
    free(patches), free(one);
    mt_stack_close(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_of_axes_is_seen_as_sczyx),
        cmocka_unit_test(indices_never_wrap),
        cmocka_unit_test(outside_is_zero_on_every_side),
        cmocka_unit_test(a_view_turns_scales_and_pads),
        cmocka_unit_test(bad_arrays_are_refused),
        cmocka_unit_test(a_stack_of_ones_own_is_a_stack),
        cmocka_unit_test(the_largest_image_has_borders),
        cmocka_unit_test(the_largest_stack_of_ones_own_has_borders),
        cmocka_unit_test(a_patch_is_smaller_than_the_address_space),
        cmocka_unit_test(large_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
