/* SPDX-License-Identifier: BSD-3-Clause */
/* Planes as pictures: sizes, contrast, colours, refusals. */
#include "picture_support.h"

#include <math.h>

static void test_rgb_is_drawn_as_it_is(void **state)
{
    (void)state;
    const uint8_t image[2][3][3] = { { { 255, 0, 0 }, { 0, 255, 0 }, { 0, 0, 255 } },
                                     { { 1, 2, 3 }, { 10, 20, 30 }, { 200, 100, 50 } } };
    const int64_t shape[] = { 2, 3, 3 };
    mt_stack *stack = stack_of(image, MT_UINT8, "YXC", shape);
    const mt_draw_options options = { .struct_size = sizeof options, .max_size = 3, .legend = 1 };
    mt_picture_info info;
    uint8_t *pixels = draw_plane(stack, &options, &info);
    assert_true(info.scale > 0.999 && info.scale < 1.001);
    assert_int_equal(info.contrast_kind, MT_CONTRAST_AS_STORED);
    for (int y = 0; y < 2; y++) /* the legend makes the picture wider */
        assert_memory_equal(pixels + (size_t)(3 * y) * (size_t)info.width, image[y], sizeof image[y]);
    free(pixels);
    mt_stack_close(stack);
}

/* 100 values in two planes, the second is drawn: stretched to 0 to 255, green and magenta. */
static void test_contrast_and_colours(void **state)
{
    (void)state;
    uint16_t image[2][2][10][10] = { { { { 0 } } } };
    for (int i = 0; i < 100; i++) {
        image[0][1][i / 10][i % 10] = (uint16_t)(1000 + 7 * i);
        image[1][1][i / 10][i % 10] = (uint16_t)(99 - i);
    }
    const int64_t shape[] = { 2, 2, 10, 10 };
    mt_stack *stack = stack_of(image, MT_UINT16, "CZYX", shape);
    const mt_draw_options options = { .struct_size = sizeof options, .max_size = 10 };
    mt_picture_info info;
    uint8_t *pixels = draw_plane(stack, &options, &info);
    assert_int_equal(info.contrast_kind, MT_CONTRAST_STRETCHED);
    assert_int_equal(lround(info.contrast[0][0]), 1000);
    assert_int_equal(lround(info.contrast[0][1]), 1693);
    assert_int_equal(info.channel[1], 1);
    for (int i = 0; i < 100; i++) {
        int green = (int)(255.0 * i / 99 + 0.5), magenta = (int)(255.0 * (99 - i) / 99 + 0.5);
        assert_in_range(pixels[3 * i + 1], green - 1 < 0 ? 0 : green - 1, green + 1);
        assert_in_range(pixels[3 * i], magenta - 1 < 0 ? 0 : magenta - 1, magenta + 1);
        assert_int_equal(pixels[3 * i], pixels[3 * i + 2]);
    }
    free(pixels);
    mt_stack_close(stack);
}

/* 10 x 12 pixels fill 512 as 420 x 504, and 64 as 50 x 60; each pixel becomes a square. */
static void test_small_planes_are_enlarged(void **state)
{
    (void)state;
    uint8_t image[10][12];
    for (int i = 0; i < 120; i++)
        image[i / 12][i % 12] = (uint8_t)(2 * i);
    const int64_t shape[] = { 10, 12 }, sizes[] = { 0, 64, 23 }, factors[] = { 42, 5, 1 };
    const double contrast[] = { 0, 255 };
    mt_stack *stack = stack_of(image, MT_UINT8, "YX", shape);
    for (int i = 0; i < 3; i++) {
        const mt_draw_options options = {
            .struct_size = sizeof options, .max_size = sizes[i], .contrast = contrast, .n_contrast = 1
        };
        mt_picture_info info;
        uint8_t *pixels = draw_plane(stack, &options, &info);
        int64_t k = factors[i];
        assert_int_equal(info.height, 10 * k);
        assert_int_equal(info.width, 12 * k);
        assert_int_equal(lround(info.scale), k);
        for (int64_t y = 0; y < info.height; y++)
            for (int64_t x = 0; x < info.width; x++)
                assert_int_equal(pixels[3 * (y * info.width + x) + 1], image[y / k][x / k]);
        free(pixels);
    }
    mt_stack_close(stack);
}

static int count_progress(void *user, double share)
{
    (void)share;
    return ++*(int *)user > 1;
}

/* The length that [a, a + 1) and [b, b + 1) of the image have in common, b in steps of step. */
static double overlap(double a, double b, double step)
{
    return fmax(0, fmin(a + 1, (b + 1) * step) - fmax(a, b * step));
}

/* The average of what lies below pixel (i, j) of a picture whose pixels are down x along pixels of the image. */
static double mean_below(const float *image, int64_t height, int64_t width, int64_t stride, int64_t i, int64_t j,
                         double down, double along)
{
    double sum = 0, area = 0;
    for (int64_t y = (int64_t)((double)i * down); y < height && (double)y < (double)(i + 1) * down; y++)
        for (int64_t x = (int64_t)((double)j * along); x < width && (double)x < (double)(j + 1) * along; x++) {
            double share = overlap((double)y, (double)i, down) * overlap((double)x, (double)j, along);
            sum += share * (double)image[y * stride + x];
            area += share;
        }
    return sum / area;
}

/* Fractional factors, equal on both axes up to rounding; a region. */
static void test_planes_are_averaged_down_by_any_factor(void **state)
{
    (void)state;
    enum { HEIGHT = 1250, WIDTH = 2101, TOP = 1, LEFT = 2, ROWS = 1103, COLUMNS = 2097 };
    static const int64_t sizes[] = { 1999, 500, 700, 7, 1 }, heights[] = { 1051, 263, 368, 4, 1 };
    float *image = malloc(sizeof *image * HEIGHT * WIDTH);
    for (size_t i = 0; i < (size_t)HEIGHT * WIDTH; i++)
        image[i] = (float)((i * 2654435761u) >> 7 & 1023);
    const int64_t shape[] = { HEIGHT, WIDTH }, region[] = { TOP, LEFT, ROWS, COLUMNS };
    const double contrast[] = { 0, 1023 };
    mt_stack *stack = stack_of(image, MT_FLOAT32, "YX", shape);
    mt_draw_options options = {
        .struct_size = sizeof options, .region = region, .contrast = contrast, .n_contrast = 1
    };
    for (int k = 0; k < 5; k++) {
        options.max_size = sizes[k];
        mt_picture_info info;
        uint8_t *pixels = draw_plane(stack, &options, &info);
        assert_int_equal(info.width, sizes[k]);
        assert_int_equal(info.height, heights[k]);
        assert_true(fabs(info.scale - (double)sizes[k] / COLUMNS) < 1e-9);
        for (int64_t i = 0; i < info.height; i++)
            for (int64_t j = 0; j < info.width; j += i % 5 == 0 ? 1 : 37) {
                double mean = mean_below(image + (size_t)TOP * WIDTH + LEFT, ROWS, COLUMNS, WIDTH, i, j,
                                         (double)ROWS / (double)info.height, (double)COLUMNS / (double)info.width);
                assert_true(fabs(pixels[3 * (i * info.width + j)] - mean / 1023 * 255) < 0.502);
            }
        free(pixels);
    }
    file f = { 0 };
    mt_error err = MT_ERROR_INIT;
    int calls = 0;
    options.progress = count_progress;
    options.user = &calls;
    assert_int_equal(mt_draw_plane(stack, &options, append, &f, NULL, &err), MT_E_CANCELLED);
    free(f.bytes);
    free(image);
    mt_stack_close(stack);
}

/* The percentiles of 1001 values, in no order, are the second from each end; non-finite values are ignored. */
static void test_percentiles(void **state)
{
    (void)state;
    float image[1004];
    for (int i = 0; i < 1001; i++)
        image[i] = (float)(i * 379 % 1001 - 500);
    image[1001] = NAN;
    image[1002] = INFINITY;
    image[1003] = -INFINITY;
    const int64_t shape[] = { 1, 1004 };
    mt_stack *stack = stack_of(image, MT_FLOAT32, "YX", shape);
    const mt_draw_options options = { .struct_size = sizeof options, .max_size = 1004 };
    uint8_t *pixels = draw_plane(stack, &options, NULL);
    for (int i = 0; i < 1001; i++) {
        double share = fmin(fmax(((double)image[i] + 499) * (1 / 998.0), 0), 1);
        assert_int_equal(pixels[3 * i], lroundf((float)(255 * share)));
    }
    assert_int_equal(pixels[3 * 1002], 255);
    assert_int_equal(pixels[3 * 1003], 0);
    free(pixels);
    mt_stack_close(stack);
}

/* A display window of the file is used, unless it is the whole range of the type (a placeholder). */
static void test_windows_of_the_file(void **state)
{
    (void)state;
    static const mt_channel channels[] = {
        { .name = "a", .has_color = 1, .rgb = { 0, 0, 255 }, .has_window = 1, .window = { 20, 50 } },
        { .name = "b", .has_color = 1, .rgb = { 255, 0, 0 }, .has_window = 1, .window = { 0, 65535 } }
    };
    const mt_stack_info given = { .original_shape = { 2, 6, 7 }, .channels = channels };
    mt_stack *stack = ramp_of(&given);
    mt_draw_options options = { .struct_size = sizeof options, .max_size = 7 };
    mt_picture_info info;
    uint8_t *pixels = draw_plane(stack, &options, &info);
    assert_int_equal(info.contrast_kind, MT_CONTRAST_OF_FILE);
    assert_int_equal(lround(info.contrast[0][0]), 20);
    assert_int_equal(lround(info.contrast[0][1]), 50);
    assert_int_equal(lround(info.contrast[1][0]), 100); /* stretched */
    assert_int_equal(lround(info.contrast[1][1]), 156);
    assert_int_equal(pixels[3 * (3 * 7 + 5) + 2], lround(15 / 30.0 * 255));
    assert_int_equal(pixels[3 * (3 * 7 + 5)], lround(35 / 56.0 * 255));
    free(pixels);
    options.ignore_windows = 1;
    free(draw_plane(stack, &options, &info));
    assert_int_equal(info.contrast_kind, MT_CONTRAST_STRETCHED);
    assert_int_equal(lround(info.contrast[0][1]), 56);
    const double pairs[] = { 0, 100, 90, 190 };
    options.contrast = pairs;
    options.n_contrast = 2;
    pixels = draw_plane(stack, &options, &info);
    assert_int_equal(info.contrast_kind, MT_CONTRAST_GIVEN);
    assert_int_equal(pixels[3 * (3 * 7 + 5) + 2], lround(35 / 100.0 * 255));
    assert_int_equal(pixels[3 * (3 * 7 + 5)], lround(45 / 100.0 * 255));
    free(pixels);
    mt_stack_close(stack);
}

static void test_refusals(void **state)
{
    (void)state;
    uint8_t image[8][8] = { { 0 } };
    const int64_t shape[] = { 8, 8 }, channel = 1, z = 1, beyond[] = { 4, 4, 5, 4 }, huge[] = { 0, 1, INT64_MAX, 1 };
    mt_stack *stack = stack_of(image, MT_UINT8, "YX", shape);
    const mt_draw_options base = { .struct_size = sizeof base };
    enum { IN_RANGE = 5, N = 16 };
    static const double reversed[] = { 5, 5 }, pairs[] = { 1, 2, 3, 4 }, second_reversed[] = { 1, 2, 5, 5 };
    static const int64_t twice[] = { 0, 0, 0 };
    mt_draw_options bad[N];
    for (int i = 0; i < N; i++)
        bad[i] = base;
    bad[0].sample = 1;
    bad[1].channels = &channel;
    bad[1].n_channels = 1;
    bad[2].z = &z;
    bad[3].region = beyond;
    bad[4].region = huge;
    bad[5].max_size = -1;
    bad[6].contrast = reversed;
    bad[6].n_contrast = 1;
    bad[7].contrast = pairs;
    bad[7].n_contrast = 2;
    bad[8].project = MT_PROJECT_MAX; /* no Z */
    bad[9].palette = MT_PALETTE_LABELS;
    bad[9].channels = twice;
    bad[9].n_channels = 2;
    bad[10].palette = MT_PALETTE_LABELS;
    bad[10].contrast = pairs;
    bad[10].n_contrast = 1;
    bad[11].palette = (mt_palette)3;
    bad[12].project = (mt_projection)4;
    bad[13].max_size = 32769;
    bad[14].channels = twice;
    bad[14].n_channels = 3;
    bad[14].contrast = pairs;
    bad[14].n_contrast = 2;
    bad[15].channels = twice;
    bad[15].n_channels = 2;
    bad[15].contrast = second_reversed;
    bad[15].n_contrast = 2;
    for (int i = 0; i < N; i++) {
        file f = { 0 };
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_draw_plane(stack, &bad[i], append, &f, NULL, &err);
        assert_int_equal(st, i < IN_RANGE ? MT_E_RANGE : MT_E_ARGUMENT);
        assert_non_null(strstr(err.message, i < N - 1 ? "test: " : "test: contrast from 5 to 5"));
        free(f.bytes);
    }
    file f = { .most = 20 };
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_draw_plane(stack, NULL, append, &f, NULL, &err), MT_E_IO);
    free(f.bytes);
    mt_draw_options larger = { .struct_size = sizeof larger + 1 };
    assert_int_equal(mt_draw_plane(stack, &larger, append, &f, NULL, &err), MT_E_ARGUMENT);
    mt_stack_close(stack);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    uint16_t image[3][40][50];
    memset(image, 1, sizeof image);
    const int64_t shape[] = { 3, 40, 50 };
    for (size_t k = 0, failed = 1; failed; k++) {
        failing_allocator allocator;
        mt_context_options options = { .struct_size = sizeof options,
                                       .threads = 1,
                                       .allocator = failing_allocator_make(&allocator, (size_t)-1, 0) };
        mt_context *context;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_context_new(&options, &context, &err), &err);
        check_ok(mt_stack_from_array(context, image, MT_UINT16, "ZYX", shape, NULL, NULL, &stack, &err), &err);
        allocator.fail_at = allocator.count + k;
        file f = { 0 };
        const mt_draw_options drawn = {
            .struct_size = sizeof drawn, .max_size = 30, .project = MT_PROJECT_MAX, .legend = 1, .scale_bar = 1
        };
        mt_status st = mt_draw_plane(stack, &drawn, append, &f, NULL, &err);
        assert_true(st == MT_OK || st == MT_E_MEMORY);
        failed = allocator.count > allocator.fail_at;
        free(f.bytes);
        mt_stack_close(stack);
        mt_context_free(context);
    }
}

/* Outlines lie on the outermost pixels of their boxes, in the pixels of the picture; those beyond it are left out. */
static void test_outlines(void **state)
{
    (void)state;
    static uint8_t image[1200][1600];
    const int64_t shape[] = { 1200, 1600 };
    const mt_draw_box boxes[] = { { .box = { 100, 200, 400, 600 }, .color = { 255, 0, 0 } },
                                  { .box = { -100, 1000, 300, 2000 }, .color = { 0, 0, 255 } },
                                  { .box = { 5000, 5000, 10, 10 }, .color = { 0, 255, 0 } },
                                  { .box = { INT64_MIN / 4, 4, INT64_MAX / 4, 4 }, .color = { 0, 255, 0 } } };
    const mt_draw_options options = { .struct_size = sizeof options,
                                      .max_size = 800,
                                      .contrast = (double[]) { 0, 1 },
                                      .n_contrast = 1,
                                      .boxes = boxes,
                                      .n_boxes = 4 };
    mt_stack *stack = stack_of(image, MT_UINT8, "YX", shape);
    uint8_t *pixels = draw_plane(stack, &options, NULL);
    for (int y = 0; y < 600; y++)
        for (int x = 0; x < 800; x++) {
            int red = y >= 50 && y < 250 && x >= 100 && x < 400 && (y == 50 || y == 249 || x == 100 || x == 399);
            int blue = (y == 99 && x >= 500) || (x == 500 && y < 100);
            const uint8_t *pixel = pixels + 3 * (800 * y + x);
            assert_true(pixel[0] == (red ? 255 : 0) && pixel[1] == 0 && pixel[2] == (blue ? 255 : 0));
        }
    free(pixels);
    const mt_draw_box far[] = { { .box = { INT64_MAX, 0, 1, 1 } } };
    const mt_draw_options refused = { .struct_size = sizeof refused, .boxes = far, .n_boxes = 1 };
    file f = { 0 };
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_draw_plane(stack, &refused, append, &f, NULL, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "too far"));
    mt_stack_close(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rgb_is_drawn_as_it_is),
        cmocka_unit_test(test_contrast_and_colours),
        cmocka_unit_test(test_small_planes_are_enlarged),
        cmocka_unit_test(test_planes_are_averaged_down_by_any_factor),
        cmocka_unit_test(test_percentiles),
        cmocka_unit_test(test_windows_of_the_file),
        cmocka_unit_test(test_outlines),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
