/* SPDX-License-Identifier: BSD-3-Clause */
/* Options, contrast and outlines at their exact limits. */
#include "picture_support.h"

#include <math.h>
#include <stdbool.h>

/* A window of the file counts unless it is the whole range of the type. */
static void windows_as_large_as_the_type(void **state)
{
    (void)state;
    static const struct {
        mt_dtype dtype;
        double low, high;
    } types[] = { { MT_UINT8, 0, 255 },        { MT_INT8, -128, 127 },         { MT_UINT16, 0, 65535 },
                  { MT_INT16, -32768, 32767 }, { MT_UINT32, 0, 4294967295.0 }, { MT_INT32, -2147483648.0, 2147483647 },
                  { MT_UINT64, 0, 0x1p64 },    { MT_INT64, -0x1p63, 0x1p63 } };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (int k = 0; k < 3; k++) {
            const double width = types[i].high - types[i].low;
            const mt_channel channel = { .has_window = 1,
                                         .window = { types[i].low + (k == 1 ? width / 128 : 0),
                                                     types[i].high - (k == 2 ? width / 128 : 0) } };
            const mt_stack_info given = { .original_shape = { 1, 6, 7 },
                                          .dtype = types[i].dtype,
                                          .channels = &channel };
            const mt_draw_options options = { .struct_size = sizeof options, .max_size = 7 };
            mt_stack *stack = ramp_of(&given);
            mt_picture_info info;
            free(draw_plane(stack, &options, &info));
            assert_int_equal(info.contrast_kind, k ? MT_CONTRAST_OF_FILE : MT_CONTRAST_STRETCHED);
            assert_true(info.contrast[0][1] == (k ? channel.window[1] : 56));
            mt_stack_close(stack);
        }
    const mt_channel channel = { .has_window = 1, .window = { -1e30, 1e30 } };
    const mt_stack_info given = { .original_shape = { 1, 6, 7 }, .dtype = MT_FLOAT32, .channels = &channel };
    mt_stack *stack = ramp_of(&given);
    mt_picture_info info;
    free(draw_plane(stack, NULL, &info));
    assert_int_equal(info.contrast_kind, MT_CONTRAST_OF_FILE);
    mt_stack_close(stack);
}

/* The percentile 0.1 is the second value from 501 values on. */
static void percentiles_of_few_values(void **state)
{
    (void)state;
    float image[501];
    for (int i = 0; i < 501; i++)
        image[i] = (float)i;
    for (int64_t n = 500; n < 502; n++) {
        const int64_t shape[] = { 1, n };
        mt_stack *stack = stack_of(image, MT_FLOAT32, "YX", shape);
        mt_picture_info info;
        free(draw_plane(stack, NULL, &info));
        assert_true(info.contrast[0][0] == (n == 500 ? 0 : 1));
        assert_true(info.contrast[0][1] == 499);
        mt_stack_close(stack);
    }
}

/* RGB is drawn as it is, whatever its values. */
static void rgb_of_few_values(void **state)
{
    (void)state;
    const uint8_t image[1][4][3] = { { { 10, 20, 30 }, { 40, 50, 60 }, { 70, 80, 90 }, { 100, 110, 120 } } };
    const int64_t shape[] = { 1, 4, 3 };
    const mt_draw_options options = { .struct_size = sizeof options, .max_size = 4 };
    mt_stack *stack = stack_of(image, MT_UINT8, "YXC", shape);
    mt_picture_info info;
    uint8_t *drawn = draw_plane(stack, &options, &info);
    assert_memory_equal(drawn, image, sizeof image);
    assert_true(info.contrast[2][0] == 0 && info.contrast[2][1] == 255);
    free(drawn);
    mt_stack_close(stack);
}

/* Colours of the file count if each channel drawn has one. */
static void colors_of_some_channels(void **state)
{
    (void)state;
    static const mt_channel channels[] = { { .name = "a", .has_color = 1, .rgb = { 0, 0, 255 } }, { .name = "b" } };
    const mt_stack_info given = { .original_shape = { 2, 6, 7 }, .channels = channels };
    static const int64_t first = 0;
    mt_stack *stack = ramp_of(&given);
    mt_draw_options options = { .struct_size = sizeof options, .max_size = 7 };
    uint8_t *drawn = draw_plane(stack, &options, NULL);
    const uint8_t *brightest = drawn + 3 * (6 * 7 - 1);
    assert_true(brightest[0] == 255 && brightest[1] == 255 && brightest[2] == 255); /* green and magenta */
    free(drawn);
    options.channels = &first;
    options.n_channels = 1;
    drawn = draw_plane(stack, &options, NULL);
    brightest = drawn + 3 * (6 * 7 - 1);
    assert_true(brightest[0] == 0 && brightest[1] == 0 && brightest[2] == 255);
    free(drawn);
    mt_stack_close(stack);
}

/* Channels that do not exist are refused, wherever they stand, and of those behind the list nothing is told. */
static void lists_of_channels(void **state)
{
    (void)state;
    static const int64_t list[] = { 1, 0, 2 };
    const mt_stack_info given = { .original_shape = { 2, 6, 7 } };
    mt_stack *stack = ramp_of(&given);
    mt_draw_options options = { .struct_size = sizeof options, .channels = list, .n_channels = 3 };
    file f = { 0 };
    mt_error err = MT_ERROR_INIT;
    check_failed(mt_draw_plane(stack, &options, append, &f, NULL, &err), MT_E_RANGE, &err,
                 "ramp: channel 2 is out of bounds: the image has 2, counted from 0");
    options.n_channels = 1;
    mt_picture_info info;
    free(draw_plane(stack, &options, &info));
    assert_int_equal(info.channel[0], 1);
    for (int c = 1; c < MT_MOST_COLORS; c++)
        assert_true(info.channel[c] == 0 && info.contrast[c][0] == 0 && info.contrast[c][1] == 0);
    mt_stack_close(stack);
}

/* A patch of several channels is drawn as a plane of them. */
static void sheets_of_channels(void **state)
{
    (void)state;
    static const int64_t origin[] = { 0, 0 }, size[] = { 6, 7 };
    static const double contrast[] = { 0, 60, 100, 200, 150, 300 };
    const mt_stack_info given = { .original_shape = { 3, 6, 7 } };
    const mt_draw_options options = {
        .struct_size = sizeof options, .max_size = 7, .contrast = contrast, .n_contrast = 3
    };
    mt_stack *stack = ramp_of(&given);
    const mt_patch_request request = { .stack = stack, .n_spatial = 2, .coords = origin, .patch_size = size };
    file f = { 0 };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_draw_patches(&request, 1, &options, append, &f, NULL, &err), &err);
    uint8_t *sheet = decode(&f, 6, 7), *plane = draw_plane(stack, &options, NULL);
    assert_memory_equal(sheet, plane, 3 * 6 * 7);
    free(sheet);
    free(plane);
    mt_stack_close(stack);
}

/* NaN, or a channel of one value, adds nothing to a pixel; other channels do. */
static void values_without_a_place_in_the_range(void **state)
{
    (void)state;
    enum { N = 2100 }; /* less than a thousandth is beyond the percentile */
    static float image[3][1][N];
    for (int i = 0; i < N; i++) {
        image[0][0][i] = (float)(i % 256);
        image[1][0][i] = 5;
        image[2][0][i] = 0;
    }
    image[0][0][7] = NAN;
    image[1][0][8] = 9;
    image[1][0][9] = INFINITY;
    const int64_t shape[] = { 3, 1, N };
    const mt_draw_options options = { .struct_size = sizeof options, .max_size = N };
    mt_stack *stack = stack_of(image, MT_FLOAT32, "CYX", shape);
    mt_picture_info info;
    uint8_t *pixels = draw_plane(stack, &options, &info);
    assert_true(info.contrast[0][0] == 0 && info.contrast[0][1] == 255);
    assert_true(info.contrast[1][0] == 5 && info.contrast[1][1] == 5);
    for (int i = 0; i < N; i++) {
        assert_int_equal(pixels[3 * i], i == 7 ? 0 : i % 256); /* red */
        assert_int_equal(pixels[3 * i + 1], 0);                /* green */
    }
    free(pixels);
    const int64_t twice[] = { 0, 1 };
    const double ranges[] = { 0, 255, 0, 10 };
    const mt_draw_options pair = { .struct_size = sizeof pair,
                                   .max_size = N,
                                   .channels = twice,
                                   .n_channels = 2,
                                   .contrast = ranges,
                                   .n_contrast = 2 };
    pixels = draw_plane(stack, &pair, NULL);
    assert_int_equal(pixels[3 * 7], 128); /* half of magenta */
    assert_int_equal(pixels[3 * 7 + 1], 0);
    assert_int_equal(pixels[3 * 9], 255);
    free(pixels);
    mt_stack_close(stack);
}

/* The facts tell of the first seven channels only. */
static void facts_of_many_channels(void **state)
{
    (void)state;
    enum { N = 9 };
    const mt_stack_info given = { .original_shape = { N, 6, 7 } };
    mt_stack *stack = ramp_of(&given);
    const int64_t list[N] = { 8, 7, 6, 5, 4, 3, 2, 1, 0 };
    const mt_draw_options options = { .struct_size = sizeof options, .max_size = 7, .channels = list, .n_channels = N };
    mt_picture_info info;
    free(draw_plane(stack, &options, &info));
    assert_int_equal(info.channels, N);
    for (int c = 0; c < MT_MOST_COLORS; c++) {
        assert_int_equal(info.channel[c], list[c]);
        assert_true(info.contrast[c][0] == 100.0 * (double)list[c]);
        assert_true(info.contrast[c][1] == 100.0 * (double)list[c] + 56);
    }
    assert_string_equal(info.scale_bar, "");
    mt_picture_info older = { .struct_size = offsetof(mt_picture_info, scale), .scale = -1 };
    file f = { 0 };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_draw_plane(stack, &options, append, &f, &older, &err), &err);
    assert_int_equal(older.struct_size, offsetof(mt_picture_info, scale));
    assert_int_equal(older.height, 6);
    assert_true(older.scale == -1);
    free(f.bytes);
    mt_stack_close(stack);
}

static int stop(void *user, double share)
{
    (void)user, (void)share;
    return 1;
}

static void options_at_their_limits(void **state)
{
    (void)state;
    enum { MOST = 32768 };
    static uint8_t image[2][2];
    static int64_t list[MOST + 1];
    const int64_t shape[] = { 2, 2 }, far = (int64_t)1 << 61;
    const mt_draw_box boxes[] = { { .box = { far, -far, far, -far } },
                                  { .box = { far + 1, 0, 1, 1 } },
                                  { .box = { 0, -far - 1, 1, 1 } },
                                  { .box = { 0, 0, 1, far + 1 } } };
    const struct {
        mt_draw_options options;
        const char *says; /* NULL: it is drawn */
    } cases[] = {
        { { .max_size = MOST }, NULL },
        { { .max_size = MOST + 1 }, "max_size 32769 is not between 1 and 32768" },
        { { .channels = list, .n_channels = MOST }, NULL },
        { { .channels = list, .n_channels = MOST + 1 }, "32769 channels are too many for a picture" },
        { { .boxes = boxes, .n_boxes = 1 }, NULL },
        { { .boxes = boxes, .n_boxes = 2 }, "an outline at 2305843009213693953 is too far" },
        { { .boxes = boxes + 1, .n_boxes = 1 }, "an outline at 2305843009213693953 is too far" },
        { { .boxes = boxes + 2, .n_boxes = 1 }, "an outline at -2305843009213693953 is too far" },
        { { .boxes = boxes + 3, .n_boxes = 1 }, "an outline at 2305843009213693953 is too far" },
        { { .palette = MT_PALETTE_LABELS }, NULL },
        { { .palette = MT_PALETTE_LABELS + 1 }, "there is no such palette" },
        { { .palette = MT_PALETTE_LABELS + 1, .project = MT_PROJECT_SUM }, "there is no such palette" },
        { { .project = MT_PROJECT_SUM + 1 }, "there is no such projection" },
        { { .palette = MT_PALETTE_LABELS, .channels = list, .n_channels = 2 },
          "labels are drawn of one channel, not of 2" },
        { { .palette = MT_PALETTE_LABELS, .contrast = (double[]) { 0, 1 }, .n_contrast = 1 },
          "labels have no contrast" },
        { { .contrast = (double[]) { 0, 1 }, .n_contrast = 1, .channels = list, .n_channels = 2 }, NULL },
        { { .contrast = (double[]) { 0, 1, 0, 1 }, .n_contrast = 2 },
          "contrast is given for 2 channels, and 1 are drawn" },
        { { .contrast = (double[]) { 0, INFINITY }, .n_contrast = 1 }, "contrast from 0 to inf" },
        { { .contrast = (double[]) { -INFINITY, 0 }, .n_contrast = 1 }, "contrast from -inf to 0" },
        { { .contrast = (double[]) { NAN, 0 }, .n_contrast = 1 }, "contrast from" },
    };
    mt_stack *stack = stack_of(image, MT_UINT8, "YX", shape);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_draw_options options = cases[i].options;
        file f = { 0 };
        mt_error err = MT_ERROR_INIT;
        options.struct_size = sizeof options;
        mt_status st = mt_draw_plane(stack, &options, append, &f, NULL, &err);
        if (cases[i].says)
            check_failed(st, MT_E_ARGUMENT, &err, cases[i].says);
        else
            check_ok(st, &err);
        free(f.bytes);
    }
    mt_stack_close(stack);
}

/* A side of 2^46 pixels would be drawn, were it not stopped; of one more it is refused, unless a region is chosen. */
static void sides_at_their_limit(void **state)
{
    (void)state;
    const int64_t most = (int64_t)1 << 46;
    static const int64_t region[4] = { 5, 7, 2, 2 };
    const struct {
        int64_t height, width;
        const int64_t *region;
        mt_status status;
    } cases[] = { { most, 9, NULL, MT_E_CANCELLED },
                  { 9, most, NULL, MT_E_CANCELLED },
                  { most + 1, 9, NULL, MT_E_ARGUMENT },
                  { 9, most + 1, NULL, MT_E_ARGUMENT },
                  { most + 1, 9, region, MT_E_CANCELLED } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_stack_info given = { .original_shape = { 1, cases[i].height, cases[i].width } };
        const mt_draw_options options = { .struct_size = sizeof options, .region = cases[i].region, .progress = stop };
        mt_stack *stack = ramp_of(&given);
        file f = { 0 };
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_draw_plane(stack, &options, append, &f, NULL, &err);
        check_failed(st, cases[i].status, &err, st == MT_E_ARGUMENT ? "sides of more than 2^46 pixels" : "");
        mt_stack_close(stack);
    }
}

/* Where outlines lie: '#' on the pixels of a plane of 6 x 10, '.' elsewhere. */
static void check_outline(const int64_t box[4], const int64_t *region, const char *expected)
{
    static const uint8_t image[8][12];
    const int64_t shape[] = { 8, 12 };
    mt_draw_box b = { .color = { 255, 255, 255 } };
    memcpy(b.box, box, sizeof b.box);
    const mt_draw_options options = { .struct_size = sizeof options,
                                      .max_size = 6,
                                      .region = region,
                                      .legend = 1,
                                      .contrast = (double[]) { 1, 2 },
                                      .n_contrast = 1,
                                      .boxes = &b,
                                      .n_boxes = 1 };
    mt_draw_options without = options;
    without.n_boxes = 0;
    mt_picture_info info;
    mt_stack *stack = stack_of(image, MT_UINT8, "YX", shape);
    uint8_t *pixels = draw_plane(stack, &options, &info), *bare = draw_plane(stack, &without, NULL);
    int64_t height = region[2], width = region[3];
    assert_int_equal(strlen(expected), height * width);
    for (int64_t y = 0; y < info.height; y++)
        for (int64_t x = 0; x < info.width; x++) {
            bool inside = y < height && x < width, is_drawn = inside && expected[y * width + x] == '#';
            if ((pixels[3 * (y * info.width + x)] != bare[3 * (y * info.width + x)]) != is_drawn)
                fail_msg("row %d, column %d of %s", (int)y, (int)x, expected);
        }
    free(pixels);
    free(bare);
    mt_stack_close(stack);
}

/* The caption, which follows the last row and column, stays as it is. */
static void outlines_at_the_edges(void **state)
{
    (void)state;
    static const int64_t whole[4] = { 0, 0, 4, 6 }, part[4] = { 2, 3, 4, 6 };
    static const struct {
        int64_t box[4];
        const char *expected;
    } cases[] = {
        { { 0, 0, 4, 6 },
          "######"
          "#....#"
          "#....#"
          "######" },
        { { 1, 1, 3, 4 },
          "......"
          ".####."
          ".#..#."
          ".####." },
        { { 1, 1, 1, 1 },
          "......"
          ".#...."
          "......"
          "......" },
        { { 3, 5, 1, 1 },
          "......"
          "......"
          "......"
          ".....#" },
        { { 1, 1, 0, 4 },
          "......"
          "......"
          "......"
          "......" },
        { { 1, 1, 2, 0 },
          "......"
          "......"
          "......"
          "......" },
        { { 1, 1, -1, -1 },
          "......"
          "......"
          "......"
          "......" },
        { { 4, 0, 3, 3 },
          "......"
          "......"
          "......"
          "......" },
        { { 0, 6, 3, 3 },
          "......"
          "......"
          "......"
          "......" },
        { { 2, 2, 3, 2 },
          "......"
          "......"
          "..##.."
          "..##.." },
        { { 2, 2, 2, 5 },
          "......"
          "......"
          "..####"
          "..####" },
        { { -1, 2, 3, 2 },
          "..##.."
          "..##.."
          "......"
          "......" },
        { { -1, -1, 9, 9 },
          "......"
          "......"
          "......"
          "......" },
        { { 1, -1, 2, 3 },
          "......"
          "##...."
          "##...."
          "......" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int64_t *b = cases[i].box, moved[4] = { b[0] + part[0], b[1] + part[1], b[2], b[3] };
        check_outline(b, whole, cases[i].expected);
        check_outline(moved, part, cases[i].expected);
    }
}

/* Sheets as large as allowed. */
static void sheets_at_their_limits(void **state)
{
    (void)state;
    enum { MOST = 32768, N = MT_MOST_PATCHES + 1 };
    static uint8_t image[2][2];
    static const int64_t shape[] = { 2, 2 }, origin[] = { 0, 0 };
    static const struct {
        size_t n;
        int64_t size[2], max_size, height, width; /* of the sheet; 0: refused */
        const char *says;
    } cases[] = {
        { 1, { MOST, 1 }, MOST, MOST, 1, "" },
        { 1, { 1, MOST }, MOST, 1, MOST, "" },
        { 1, { MOST + 1, 1 }, 10, 0, 0, "patches of size 32769 cannot be drawn" },
        { 1, { 1, 0 }, 10, 0, 0, "patches of size 0 cannot be drawn" },
        { 4, { MOST / 2 - 1, 1 }, MOST, MOST, 4, "" },
        { 4, { MOST / 2, 1 }, MOST, 0, 0, "a sheet of 4 x 32770 pixels" },
        { 4, { 1, MOST / 2 }, MOST, 0, 0, "a sheet of 32770 x 4 pixels" },
        { MT_MOST_PATCHES, { 1, 1 }, 1, 22, 22, "" },
        { MT_MOST_PATCHES + 1, { 1, 1 }, 1, 0, 0, "65 patches on a sheet: 1 to 64 can be drawn" },
        { 0, { 1, 1 }, 1, 0, 0, "0 patches on a sheet" },
        { 2, { 1, 1 }, 1, 1, 4, "" },
        { 3, { 1, 1 }, 1, 4, 4, "" },
        { 5, { 1, 1 }, 1, 4, 7, "" },
        { 1, { 64, 64 }, 0, 128, 128, "" },
        { 1, { 65, 64 }, 0, 65, 64, "" },
        { 1, { 256, 1 }, 0, 256, 1, "" },
        { 1, { 257, 1 }, 0, 256, 1, "" },
    };
    mt_stack *stack = stack_of(image, MT_UINT8, "YX", shape);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_patch_request requests[N];
        for (size_t k = 0; k < N; k++)
            requests[k] =
                (mt_patch_request) { .stack = stack, .n_spatial = 2, .coords = origin, .patch_size = cases[i].size };
        const mt_draw_options options = { .struct_size = sizeof options, .max_size = cases[i].max_size };
        file f = { 0 };
        mt_error err = MT_ERROR_INIT;
        mt_picture_info info = { .struct_size = sizeof info };
        mt_status st = mt_draw_patches(requests, cases[i].n, &options, append, &f, &info, &err);
        if (cases[i].height) {
            check_ok(st, &err);
            assert_int_equal(info.height, cases[i].height);
            assert_int_equal(info.width, cases[i].width);
        } else {
            check_failed(st, MT_E_ARGUMENT, &err, cases[i].says);
        }
        free(f.bytes);
    }
    mt_stack_close(stack);
}

/* The number of coordinates is that of the axes. */
static void sheets_of_other_axes(void **state)
{
    (void)state;
    static uint8_t image[4];
    static const int64_t shapes[2][3] = { { 2, 2 }, { 1, 2, 2 } }, origin[3] = { 0 }, size[3] = { 1, 1, 1 };
    for (size_t z = 0; z < 2; z++) {
        mt_stack *stack = stack_of(image, MT_UINT8, z ? "ZYX" : "YX", shapes[z]);
        const mt_patch_request request = { .stack = stack, .n_spatial = 3 - z, .coords = origin, .patch_size = size };
        file f = { 0 };
        mt_error err = MT_ERROR_INIT;
        assert_int_equal(mt_draw_patches(&request, 1, NULL, append, &f, NULL, &err), MT_E_ARGUMENT);
        assert_string_equal(err.message, z ? "2 coordinates for an image with the spatial axes ZYX"
                                           : "3 coordinates for an image with the spatial axes YX");
        mt_stack_close(stack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_as_large_as_the_type), cmocka_unit_test(values_without_a_place_in_the_range),
        cmocka_unit_test(percentiles_of_few_values),    cmocka_unit_test(rgb_of_few_values),
        cmocka_unit_test(colors_of_some_channels),      cmocka_unit_test(lists_of_channels),
        cmocka_unit_test(sheets_of_channels),           cmocka_unit_test(facts_of_many_channels),
        cmocka_unit_test(options_at_their_limits),      cmocka_unit_test(sides_at_their_limit),
        cmocka_unit_test(outlines_at_the_edges),        cmocka_unit_test(sheets_at_their_limits),
        cmocka_unit_test(sheets_of_other_axes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
