/* SPDX-License-Identifier: BSD-3-Clause */
/* Pictures, decoded again by libpng. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

typedef struct file {
    uint8_t *bytes;
    size_t size;
    size_t most; /* fails beyond; 0: never */
} file;

static int append(void *user, const void *bytes, size_t size)
{
    file *f = user;
    if (f->most && f->size + size > f->most)
        return 1;
    f->bytes = realloc(f->bytes, f->size + size);
    memcpy(f->bytes + f->size, bytes, size);
    f->size += size;
    return 0;
}

/* RGB pixels of a PNG. Caller frees. */
static uint8_t *decode(const file *f, int64_t height, int64_t width)
{
    png_image image = { .version = PNG_IMAGE_VERSION };
    assert_true(png_image_begin_read_from_memory(&image, f->bytes, f->size));
    image.format = PNG_FORMAT_RGB;
    assert_int_equal(image.height, height);
    assert_int_equal(image.width, width);
    uint8_t *pixels = malloc(PNG_IMAGE_SIZE(image));
    assert_true(png_image_finish_read(&image, NULL, pixels, 0, NULL));
    return pixels;
}

static mt_stack *stack_of(const void *data, mt_dtype dtype, const char *axes, const int64_t *shape)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(NULL, data, dtype, axes, shape, NULL, "test", &stack, &err), &err);
    return stack;
}

static void test_rgb_is_drawn_as_it_is(void **state)
{
    (void)state;
    const uint8_t image[2][3][3] = { { { 255, 0, 0 }, { 0, 255, 0 }, { 0, 0, 255 } },
                                     { { 1, 2, 3 }, { 10, 20, 30 }, { 200, 100, 50 } } };
    const int64_t shape[] = { 2, 3, 3 };
    mt_stack *stack = stack_of(image, MT_UINT8, "YXC", shape);
    file f = { 0 };
    mt_error err = MT_ERROR_INIT;
    mt_picture_size size;
    check_ok(mt_draw_plane(stack, NULL, append, &f, &size, &err), &err);
    assert_int_equal(size.shrunk, 1);
    uint8_t *pixels = decode(&f, 2, 3);
    assert_memory_equal(pixels, image, sizeof image);
    free(pixels);
    free(f.bytes);
    mt_stack_close(stack);
}

/* Values 0 to 99 in two planes, the second is drawn: stretched to 0 to 255, green and magenta. */
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
    file f = { 0 };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_draw_plane(stack, NULL, append, &f, NULL, &err), &err);
    uint8_t *pixels = decode(&f, 10, 10);
    for (int i = 0; i < 100; i++) {
        int green = (int)(255.0 * i / 99 + 0.5), magenta = (int)(255.0 * (99 - i) / 99 + 0.5);
        assert_in_range(pixels[3 * i + 1], green - 1 < 0 ? 0 : green - 1, green + 1);
        assert_in_range(pixels[3 * i], magenta - 1 < 0 ? 0 : magenta - 1, magenta + 1);
        assert_int_equal(pixels[3 * i], pixels[3 * i + 2]);
    }
    free(pixels);
    free(f.bytes);
    mt_stack_close(stack);
}

static int count_progress(void *user, double share)
{
    (void)share;
    return ++*(int *)user > 3;
}

/* A region larger than a tile, of a size that the factor does not divide. */
static void test_shrinking_averages(void **state)
{
    (void)state;
    enum { HEIGHT = 2500, WIDTH = 4101, TOP = 1, LEFT = 2, ROWS = 2203, COLUMNS = 4097, MOST = 500, K = 9 };
    float *image = malloc(sizeof *image * HEIGHT * WIDTH);
    for (size_t i = 0; i < (size_t)HEIGHT * WIDTH; i++)
        image[i] = (float)((i * 2654435761u) >> 7 & 1023);
    const int64_t shape[] = { HEIGHT, WIDTH }, region[] = { TOP, LEFT, ROWS, COLUMNS };
    mt_stack *stack = stack_of(image, MT_FLOAT32, "YX", shape);
    mt_draw_options options = { .struct_size = sizeof options, .region = region, .max_size = MOST };
    file f = { 0 };
    mt_error err = MT_ERROR_INIT;
    mt_picture_size size;
    check_ok(mt_draw_plane(stack, &options, append, &f, &size, &err), &err);
    assert_int_equal(size.shrunk, K);
    enum { OUT_H = (ROWS + K - 1) / K, OUT_W = (COLUMNS + K - 1) / K };
    uint8_t *pixels = decode(&f, OUT_H, OUT_W);
    double lowest = 1e9, highest = -1e9, *means = malloc(sizeof *means * OUT_H * OUT_W);
    for (int i = 0; i < OUT_H; i++)
        for (int j = 0; j < OUT_W; j++) {
            double sum = 0;
            int n = 0;
            for (int y = i * K; y < ROWS && y < i * K + K; y++)
                for (int x = j * K; x < COLUMNS && x < j * K + K; x++, n++)
                    sum += (double)image[(size_t)(TOP + y) * WIDTH + LEFT + (size_t)x];
            means[i * OUT_W + j] = sum / n;
            lowest = sum / n < lowest ? sum / n : lowest;
            highest = sum / n > highest ? sum / n : highest;
        }
    /* Grey values are a clipped linear function of the means, the same everywhere. */
    for (int i = 1; i < OUT_H * OUT_W; i++) {
        if (means[i] > means[i - 1] + 1)
            assert_true(pixels[3 * i] >= pixels[3 * i - 3]);
        if (means[i] < means[i - 1] - 1)
            assert_true(pixels[3 * i] <= pixels[3 * i - 3]);
    }
    assert_true(highest > lowest);
    int calls = 0;
    options.progress = count_progress;
    options.user = &calls;
    assert_int_equal(mt_draw_plane(stack, &options, append, &f, NULL, &err), MT_E_CANCELLED);
    free(means);
    free(pixels);
    free(f.bytes);
    free(image);
    mt_stack_close(stack);
}

static void test_a_sheet(void **state)
{
    (void)state;
    uint8_t image[32][32];
    for (int i = 0; i < 1024; i++)
        image[i / 32][i % 32] = (uint8_t)(i / 4);
    const int64_t shape[] = { 32, 32 }, corners[3][2] = { { 0, 0 }, { 10, 12 }, { -8, 20 } }, size[] = { 16, 16 };
    mt_stack *stack = stack_of(image, MT_UINT8, "YX", shape);
    mt_patch_request requests[3];
    for (int i = 0; i < 3; i++)
        requests[i] = (mt_patch_request) { .stack = stack, .n_spatial = 2, .coords = corners[i], .patch_size = size };
    file f = { 0 };
    mt_error err = MT_ERROR_INIT;
    mt_picture_size drawn;
    check_ok(mt_draw_patches(requests, 3, NULL, append, &f, &drawn, &err), &err);
    assert_int_equal(drawn.height, 2 * 64 + 2); /* four times enlarged, a gap of 2 */
    uint8_t *pixels = decode(&f, 130, 130);
    assert_int_equal(pixels[3 * (64 * 130 + 10)], 0); /* the gap */
    assert_int_equal(pixels[3 * (66 * 130)], 0);      /* above the image */
    assert_true(pixels[3 * (5 * 130 + 66 + 5)] > pixels[3 * (5 * 130 + 5)]);
    free(pixels);
    free(f.bytes);
    mt_stack *other = stack_of(image, MT_UINT8, "YX", shape);
    requests[1].stack = other; /* of several images */
    file both = { 0 };
    check_ok(mt_draw_patches(requests, 3, NULL, append, &both, &drawn, &err), &err);
    mt_stack *two = stack_of(image, MT_UINT8, "CYX", (const int64_t[]) { 2, 16, 32 });
    requests[1].stack = two; /* with other channels */
    assert_int_equal(mt_draw_patches(requests, 3, NULL, append, &both, &drawn, &err), MT_E_ARGUMENT);
    free(both.bytes);
    mt_stack_close(two);
    mt_stack_close(other);
    mt_stack_close(stack);
}

/* The percentiles of 1001 values, in no order, are the second from each end; what is not finite is none of them. */
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
    file f = { 0 };
    mt_error err = MT_ERROR_INIT;
    const mt_draw_options options = { .struct_size = sizeof options, .max_size = 1004 };
    check_ok(mt_draw_plane(stack, &options, append, &f, NULL, &err), &err);
    uint8_t *pixels = decode(&f, 1, 1004);
    for (int i = 0; i < 1001; i++) {
        double share = fmin(fmax(((double)image[i] + 499) * (1 / 998.0), 0), 1);
        assert_int_equal(pixels[3 * i], lroundf((float)(255 * share)));
    }
    assert_int_equal(pixels[3 * 1002], 255);
    assert_int_equal(pixels[3 * 1003], 0);
    free(pixels);
    free(f.bytes);
    mt_stack_close(stack);
}

static void test_refusals(void **state)
{
    (void)state;
    uint8_t image[8][8] = { { 0 } };
    const int64_t shape[] = { 8, 8 }, channel = 1, z = 1, beyond[] = { 4, 4, 5, 4 }, huge[] = { 0, 1, INT64_MAX, 1 };
    mt_stack *stack = stack_of(image, MT_UINT8, "YX", shape);
    const mt_draw_options base = { .struct_size = sizeof base };
    mt_draw_options bad[6] = { base, base, base, base, base, base };
    bad[0].sample = 1;
    bad[1].channels = &channel;
    bad[1].n_channels = 1;
    bad[2].z = &z;
    bad[3].region = beyond;
    bad[4].region = huge;
    bad[5].max_size = -1;
    for (int i = 0; i < 6; i++) {
        file f = { 0 };
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_draw_plane(stack, &bad[i], append, &f, NULL, &err);
        assert_int_equal(st, i == 5 ? MT_E_ARGUMENT : MT_E_RANGE);
        assert_non_null(strstr(err.message, "test: "));
        free(f.bytes);
    }
    file f = { .most = 20 };
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_draw_plane(stack, NULL, append, &f, NULL, &err), MT_E_IO);
    free(f.bytes);
    const int64_t corner[] = { 0, 0 }, nothing[] = { 0, 4 };
    mt_patch_request request = { .stack = stack, .n_spatial = 2, .coords = corner, .patch_size = nothing };
    assert_int_equal(mt_draw_patches(&request, 1, NULL, append, &f, NULL, NULL), MT_E_ARGUMENT);
    assert_int_equal(mt_draw_patches(&request, 0, NULL, append, &f, NULL, NULL), MT_E_ARGUMENT);
    mt_stack_close(stack);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    uint16_t image[40][50];
    memset(image, 1, sizeof image);
    const int64_t shape[] = { 40, 50 };
    for (size_t k = 0, failed = 1; failed; k++) {
        failing_allocator allocator;
        mt_context_options options = { .struct_size = sizeof options,
                                       .threads = 1,
                                       .allocator = failing_allocator_make(&allocator, (size_t)-1, 0) };
        mt_context *context;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_context_new(&options, &context, &err), &err);
        check_ok(mt_stack_from_array(context, image, MT_UINT16, "YX", shape, NULL, NULL, &stack, &err), &err);
        allocator.fail_at = allocator.count + k;
        file f = { 0 };
        mt_status st = mt_draw_plane(stack, NULL, append, &f, NULL, &err);
        assert_true(st == MT_OK || st == MT_E_MEMORY);
        failed = allocator.count > allocator.fail_at;
        free(f.bytes);
        mt_stack_close(stack);
        mt_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rgb_is_drawn_as_it_is), cmocka_unit_test(test_contrast_and_colours),
        cmocka_unit_test(test_shrinking_averages),    cmocka_unit_test(test_a_sheet),
        cmocka_unit_test(test_percentiles),           cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
