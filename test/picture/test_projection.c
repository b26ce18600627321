/* SPDX-License-Identifier: BSD-3-Clause */
/* Projections along Z, and label images. */
#include "picture_support.h"

#include <math.h>

static double project(const uint8_t *image, int64_t planes, int64_t pixels, int64_t at, mt_projection how)
{
    double largest = 0, sum = 0;
    for (int64_t z = 0; z < planes; z++) {
        largest = fmax(largest, image[z * pixels + at]);
        sum += image[z * pixels + at];
    }
    return how == MT_PROJECT_MAX ? largest : how == MT_PROJECT_SUM ? sum : sum / (double)planes;
}

static void test_projections_are_of_all_planes(void **state)
{
    (void)state;
    enum { PLANES = 5, HEIGHT = 12, WIDTH = 16 };
    static uint8_t image[PLANES * HEIGHT * WIDTH];
    for (size_t i = 0; i < sizeof image; i++)
        image[i] = (uint8_t)(i * 2654435761u >> 11);
    const int64_t shape[] = { PLANES, HEIGHT, WIDTH };
    mt_stack *stack = stack_of(image, MT_UINT8, "ZYX", shape);
    for (mt_projection how = MT_PROJECT_MAX; how <= MT_PROJECT_SUM; how++) {
        const double contrast[] = { 0, how == MT_PROJECT_SUM ? 5 * 255 : 255 };
        mt_draw_options options = { .struct_size = sizeof options, .max_size = WIDTH, .project = how };
        options.contrast = contrast;
        options.n_contrast = 1;
        uint8_t *pixels = draw_plane(stack, &options, NULL);
        for (int64_t i = 0; i < HEIGHT * WIDTH; i++)
            assert_true(fabs(pixels[3 * i] - project(image, PLANES, HEIGHT * WIDTH, i, how) / contrast[1] * 255) <
                        0.501);
        free(pixels);
        options.max_size = WIDTH / 2; /* projected before it is averaged down */
        pixels = draw_plane(stack, &options, NULL);
        for (int64_t i = 0; i < HEIGHT / 2; i++)
            for (int64_t j = 0; j < WIDTH / 2; j++) {
                double sum = 0;
                for (int64_t k = 0; k < 4; k++)
                    sum += project(image, PLANES, HEIGHT * WIDTH, (2 * i + k / 2) * WIDTH + 2 * j + k % 2, how);
                assert_true(fabs(pixels[3 * (i * WIDTH / 2 + j)] - sum / 4 / contrast[1] * 255) < 0.501);
            }
        free(pixels);
    }
    const int64_t z = 0;
    const mt_draw_options both = { .struct_size = sizeof both, .z = &z, .project = MT_PROJECT_MEAN };
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_draw_plane(stack, &both, append, NULL, NULL, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "exclude each other"));
    mt_stack_close(stack);
}

/* More pixels than are projected at a time: several blocks, which meet inside a pixel of the picture. The first plane is
 * bright on the left, the second on the right. */
static void test_a_large_projection_is_made_in_blocks(void **state)
{
    (void)state;
    enum { HEIGHT = 4099, WIDTH = 4201, SMALL = 41 };
    uint8_t *image = calloc(2, (size_t)HEIGHT * WIDTH);
    assert_non_null(image);
    for (size_t y = 0; y < HEIGHT; y++) {
        memset(image + y * WIDTH, (int)(y / 20), WIDTH / 2);
        memset(image + (HEIGHT + y) * WIDTH + WIDTH / 2, (int)(y / 20), WIDTH - WIDTH / 2);
    }
    const int64_t shape[] = { 2, HEIGHT, WIDTH };
    const double contrast[] = { 0, 255 };
    mt_stack *stack = stack_of(image, MT_UINT8, "ZYX", shape);
    const mt_draw_options options = { .struct_size = sizeof options,
                                      .max_size = SMALL,
                                      .project = MT_PROJECT_MAX,
                                      .contrast = contrast,
                                      .n_contrast = 1 };
    mt_picture_info info;
    uint8_t *pixels = draw_plane(stack, &options, &info);
    assert_int_equal(info.height, 40);
    for (int64_t i = 0; i < info.height; i++) {
        double wanted = ((double)i + 0.5) * HEIGHT / 40 / 20 - 0.5;
        for (int64_t j = 0; j < SMALL; j++)
            assert_true(fabs(pixels[3 * (i * SMALL + j)] - wanted) < 1.1);
    }
    free(pixels);
    free(image);
    mt_stack_close(stack);
}

static void test_each_label_has_a_color_of_its_own(void **state)
{
    (void)state;
    uint64_t labels[2][8]; /* float32 could not tell the second row apart */
    for (uint64_t i = 0; i < 16; i++)
        labels[i / 8][i % 8] = i < 8 ? i : 864691135000000000u + i;
    const int64_t shape[] = { 2, 8 };
    mt_stack *stack = stack_of(labels, MT_UINT64, "YX", shape);
    const mt_draw_options options = { .struct_size = sizeof options, .max_size = 8, .palette = MT_PALETTE_LABELS };
    mt_picture_info info;
    uint8_t *pixels = draw_plane(stack, &options, &info);
    static const uint8_t black[3] = { 0, 0, 0 };
    assert_int_equal(info.contrast_kind, MT_CONTRAST_LABELS);
    assert_memory_equal(pixels, black, 3);
    for (int i = 0; i < 16; i++)
        for (int j = i + 1; j < 16; j++) {
            int distance = 0;
            for (int k = 0; k < 3; k++)
                distance += abs(pixels[3 * i + k] - pixels[3 * j + k]);
            assert_true(i / 8 != j / 8 || distance > 40);
            assert_true(distance > 0);
        }
    free(pixels);
    mt_stack_close(stack);
}

/* The label whose product with the golden ratio begins with 32 zeros is not the background. */
static void test_only_the_label_0_is_black(void **state)
{
    (void)state;
    const uint64_t labels[2] = { 0, 0xf1de83e19937733du };
    const int64_t shape[] = { 1, 2 };
    mt_stack *stack = stack_of(labels, MT_UINT64, "YX", shape);
    const mt_draw_options options = { .struct_size = sizeof options, .max_size = 2, .palette = MT_PALETTE_LABELS };
    uint8_t *pixels = draw_plane(stack, &options, NULL);
    assert_int_equal(pixels[0] + pixels[1] + pixels[2], 0);
    assert_true(pixels[3] + pixels[4] + pixels[5] > 100);
    free(pixels);
    mt_stack_close(stack);
}

/* An average of labels would be another label. */
static void test_labels_are_picked_when_shrunk(void **state)
{
    (void)state;
    enum { SIDE = 100, DRAWN = 30 };
    uint8_t image[SIDE][SIDE];
    for (int i = 0; i < SIDE * SIDE; i++)
        image[i / SIDE][i % SIDE] = (uint8_t)(i / SIDE / 10 * 10 + i % SIDE / 10);
    const int64_t shape[] = { SIDE, SIDE };
    mt_stack *stack = stack_of(image, MT_UINT8, "YX", shape);
    mt_draw_options options = { .struct_size = sizeof options, .max_size = SIDE, .palette = MT_PALETTE_LABELS };
    uint8_t *whole = draw_plane(stack, &options, NULL);
    options.max_size = DRAWN;
    uint8_t *small = draw_plane(stack, &options, NULL);
    for (int i = 0; i < DRAWN * DRAWN; i++) {
        int y = (2 * (i / DRAWN) + 1) * SIDE / (2 * DRAWN), x = (2 * (i % DRAWN) + 1) * SIDE / (2 * DRAWN);
        assert_memory_equal(small + (size_t)(3 * i), whole + (size_t)(3 * (y * SIDE + x)), 3);
    }
    free(whole);
    free(small);
    mt_stack_close(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_projections_are_of_all_planes),
        cmocka_unit_test(test_a_large_projection_is_made_in_blocks),
        cmocka_unit_test(test_each_label_has_a_color_of_its_own),
        cmocka_unit_test(test_only_the_label_0_is_black),
        cmocka_unit_test(test_labels_are_picked_when_shrunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
