/* SPDX-License-Identifier: BSD-3-Clause */
/* Sheets of patches, legends and scale bars. */
#include "picture_support.h"

#include <math.h>

static uint8_t *draw_patches(const mt_patch_request *requests, size_t n, const mt_draw_options *options,
                             mt_picture_info *info)
{
    file f = { 0 };
    mt_error err = MT_ERROR_INIT;
    *info = (mt_picture_info) { .struct_size = sizeof *info };
    check_ok(mt_draw_patches(requests, n, options, append, &f, info, &err), &err);
    return decode(&f, info->height, info->width);
}

static void test_a_sheet(void **state)
{
    (void)state;
    uint8_t image[32][32];
    for (int i = 0; i < 1024; i++)
        image[i / 32][i % 32] = (uint8_t)(50 + i / 8);
    const int64_t shape[] = { 32, 32 }, corners[3][2] = { { 0, 0 }, { 10, 12 }, { -8, 20 } }, size[] = { 16, 16 };
    mt_stack *stack = stack_of(image, MT_UINT8, "YX", shape);
    mt_patch_request requests[3];
    for (int i = 0; i < 3; i++)
        requests[i] = (mt_patch_request) { .stack = stack, .n_spatial = 2, .coords = corners[i], .patch_size = size };
    mt_picture_info info;
    uint8_t *pixels = draw_patches(requests, 3, NULL, &info);
    enum { SIDE = 2 * 128 + 2 }; /* eight times enlarged, a gutter of 2 */
    assert_int_equal(info.height, SIDE);
    assert_int_equal(info.width, SIDE);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(pixels[3 * (128 * SIDE + 10) + k], 128); /* the gutters */
        assert_int_equal(pixels[3 * (129 * SIDE + 10) + k], 128);
        assert_int_equal(pixels[3 * (10 * SIDE + 129) + k], 128);
        assert_int_equal(pixels[3 * (200 * SIDE + 200) + k], 128); /* no fourth patch */
        assert_int_equal(pixels[3 * (130 * SIDE) + k], 0);         /* above the image, */
    }
    assert_int_equal(lround(info.contrast[0][0]), 50); /* padding does not affect the contrast */
    assert_true(pixels[3 * (5 * SIDE + 130 + 5)] > pixels[3 * (5 * SIDE + 5)]);
    free(pixels);
    mt_stack_close(stack);
}

/* 100 x 50 pixels become 40 x 20, each the average of 2.5 x 2.5. */
static void test_large_patches_are_averaged_down(void **state)
{
    (void)state;
    uint8_t image[50][100];
    for (int i = 0; i < 5000; i++)
        image[i / 100][i % 100] = (uint8_t)((unsigned)i * 2654435761u >> 13);
    const int64_t shape[] = { 50, 100 }, corner[] = { 0, 0 };
    const double contrast[] = { 0, 255 };
    mt_stack *stack = stack_of(image, MT_UINT8, "YX", shape);
    const mt_patch_request request = { .stack = stack, .n_spatial = 2, .coords = corner, .patch_size = shape };
    const mt_draw_options options = {
        .struct_size = sizeof options, .max_size = 40, .contrast = contrast, .n_contrast = 1
    };
    mt_picture_info info;
    uint8_t *sheet = draw_patches(&request, 1, &options, &info), *plane = draw_plane(stack, &options, NULL);
    assert_int_equal(info.width, 40);
    assert_int_equal(info.height, 20);
    assert_memory_equal(sheet, plane, 3 * 40 * 20);
    free(sheet);
    free(plane);
    mt_stack_close(stack);
}

static void test_patches_of_labels(void **state)
{
    (void)state;
    const uint32_t labels[2][2] = { { 0, 1 }, { 70000, 70001 } };
    const int64_t shape[] = { 2, 2 }, corner[] = { 0, 0 };
    mt_stack *stack = stack_of(labels, MT_UINT32, "YX", shape);
    const mt_patch_request request = { .stack = stack, .n_spatial = 2, .coords = corner, .patch_size = shape };
    const mt_draw_options options = { .struct_size = sizeof options, .max_size = 2, .palette = MT_PALETTE_LABELS };
    mt_picture_info info;
    uint8_t *sheet = draw_patches(&request, 1, &options, &info), *plane = draw_plane(stack, &options, NULL);
    assert_memory_equal(sheet, plane, 12);
    assert_true(memcmp(sheet + 6, sheet + 9, 3) != 0);
    free(sheet);
    free(plane);
    mt_stack_close(stack);
}

/* Of the pixels below the first column, one and a half of two and a half lie in the image, and all they are 200. */
static void test_what_lies_outside_is_no_part_of_averages(void **state)
{
    (void)state;
    uint8_t image[50][100];
    memset(image, 200, sizeof image);
    const int64_t shape[] = { 50, 100 }, corner[] = { 0, -1 };
    const double contrast[] = { 0, 255 };
    mt_stack *stack = stack_of(image, MT_UINT8, "YX", shape);
    const mt_patch_request request = { .stack = stack, .n_spatial = 2, .coords = corner, .patch_size = shape };
    const mt_draw_options options = {
        .struct_size = sizeof options, .max_size = 40, .contrast = contrast, .n_contrast = 1
    };
    mt_picture_info info;
    uint8_t *sheet = draw_patches(&request, 1, &options, &info);
    assert_int_equal(sheet[0], 200);
    free(sheet);
    mt_stack_close(stack);
}

static void test_the_middle_plane_of_patches_is_drawn(void **state)
{
    (void)state;
    uint8_t image[7][4][4];
    for (int z = 0; z < 7; z++)
        memset(image[z], 10 * z, sizeof image[z]);
    const int64_t shape[] = { 7, 4, 4 }, corner[] = { 1, 0, 0 }, size[] = { 5, 4, 4 };
    const double contrast[] = { 0, 255 };
    mt_stack *stack = stack_of(image, MT_UINT8, "ZYX", shape);
    const mt_patch_request request = { .stack = stack, .n_spatial = 3, .coords = corner, .patch_size = size };
    const mt_draw_options options = { .struct_size = sizeof options, .contrast = contrast, .n_contrast = 1 };
    mt_picture_info info;
    uint8_t *sheet = draw_patches(&request, 1, &options, &info);
    assert_int_equal(sheet[0], 30);
    free(sheet);
    mt_stack_close(stack);
}

/* How many pixels in a row from x on are of one color. */
static int64_t run_of(const uint8_t *row, int64_t x, int64_t width)
{
    int64_t n = 1;
    while (x + n < width && memcmp(row + 3 * x, row + 3 * (x + n), 3) == 0)
        n++;
    return n;
}

static void test_the_legend_names_channels(void **state)
{
    (void)state;
    static const mt_channel channels[] = { { .name = "DAPI", .has_color = 1, .rgb = { 10, 20, 200 } },
                                           { .name = "", .has_color = 1, .rgb = { 90, 180, 0 } } };
    const mt_stack_info given = { .original_shape = { 2, 300, 280 }, .channels = channels };
    mt_stack *stack = ramp_of(&given);
    mt_draw_options options = { .struct_size = sizeof options };
    mt_picture_info plain, info;
    uint8_t *without = draw_plane(stack, &options, &plain);
    options.legend = 1;
    uint8_t *pixels = draw_plane(stack, &options, &info);
    assert_memory_equal(pixels, without, (size_t)(3 * 300 * 280)); /* nothing of the image is hidden */
    assert_true(info.height > plain.height);
    int found = 0;
    for (int64_t i = plain.height * info.width; i < info.height * info.width; i++)
        for (int c = 0; c < 2; c++)
            if (!memcmp(pixels + 3 * i, channels[c].rgb, 3))
                found |= 1 << c;
    assert_int_equal(found, 3);
    free(without);
    free(pixels);
    const int64_t height = info.height, first = 0;
    options.channels = &first;
    options.n_channels = 1;
    free(draw_plane(stack, &options, &info));
    assert_int_equal(info.height, height); /* both names are on one line */
    mt_stack_close(stack);
}

/* Names of files may be of any length, and need not be UTF-8; the picture is made as wide as the text needs. */
static void test_any_name_fits_into_the_legend(void **state)
{
    (void)state;
    static char longest[3000];
    memset(longest, 'W', sizeof longest - 1);
    const char *const names[] = {
        longest, "\377\376\200", "\303", "\342\202", "\001\n", "%s%n", "\360\237\224\254 blue"
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const mt_channel channels[] = { { .name = names[i] }, { .name = names[i] } };
        const mt_stack_info given = { .original_shape = { 2, 5, 4 }, .channels = channels };
        mt_stack *stack = ramp_of(&given);
        const mt_draw_options options = { .struct_size = sizeof options, .max_size = 5, .legend = 1 };
        mt_picture_info info;
        uint8_t *pixels = draw_plane(stack, &options, &info);
        assert_true(info.width > 6 * 8 && info.width < 6 * 80);
        for (int64_t y = 0; y < info.height; y++) /* no letter is cut off */
            assert_int_equal(pixels[3 * (y * info.width + info.width - 1)], 0);
        free(pixels);
        mt_stack_close(stack);
    }
}

/* The last character of ASCII, and letters beyond it that names of channels use, have glyphs of their own. */
static void test_letters_of_names_are_drawn(void **state)
{
    (void)state;
    static const char *const names[] = { "\342\230\203", "\302\265", "\303\205", "\302\260", "\303\227",
                                         "\316\261",     "\316\262", "\316\263", "\316\264", "~" };
    enum { N = sizeof names / sizeof *names }; /* the first, a snowman, has none */
    uint8_t *drawn[N];
    mt_picture_info info = { 0 };
    for (int i = 0; i < N; i++) {
        const mt_channel channel = { .name = names[i] };
        const mt_stack_info given = { .original_shape = { 1, 5, 4 }, .channels = &channel };
        const mt_draw_options options = { .struct_size = sizeof options, .max_size = 5, .legend = 1 };
        mt_stack *stack = ramp_of(&given);
        drawn[i] = draw_plane(stack, &options, &info);
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(drawn[i], drawn[k], (size_t)(3 * info.height * info.width));
        mt_stack_close(stack);
    }
    for (int i = 0; i < N; i++)
        free(drawn[i]);
}

/* 400 pixels of 65 nm are 26 um: a bar of 5 um, 77 pixels long, or of 100 pixels if the size is not known. Its text is
 * above its middle. */
static void test_the_scale_bar_has_a_round_length(void **state)
{
    (void)state;
    static const struct {
        double size;
        const char *unit, *text;
        int64_t length;
    } cases[] = { { 65, "nanometer", "5 \302\265m", 77 },
                  { 0.65, "micrometer", "50 \302\265m", 77 },
                  { 1.5, "angstrom", "10 nm", 67 },
                  { 2, "centimeter", "2 m", 100 },
                  { 0.5, "furlong", "50 furlong", 100 },
                  { 0.5, "astronomical unit", "50 astronomical unit", 100 },
                  { 0, "micrometer", "100 px", 100 },
                  { 0.5, "picometer", "50 pm", 100 },
                  { 0.002, "picometer", "0.2 pm", 100 },
                  { 0.003, "millimeter", "200 \302\265m", 67 },
                  { 1, "", "100 px", 100 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_stack_info given = { .original_shape = { 1, 300, 400 },
                                      .pixel_size = { 0, 0, cases[i].size },
                                      .unit = { "", "", cases[i].unit } };
        mt_stack *stack = ramp_of(&given);
        const double contrast[] = { 100000, 200000 }; /* the image is black */
        const mt_draw_options options = {
            .struct_size = sizeof options, .scale_bar = 1, .contrast = contrast, .n_contrast = 1
        };
        mt_picture_info info;
        uint8_t *pixels = draw_plane(stack, &options, &info);
        int64_t longest = 0, bar = 0, first = 400, last = 0;
        assert_string_equal(info.scale_bar, cases[i].text);
        assert_int_equal(info.height, 300); /* it is inside */
        for (int64_t y = 200; y < 300; y++)
            for (int64_t x = 0, n; x < 400; x += n) {
                n = run_of(pixels + 3 * 400 * y, x, 400);
                if (pixels[3 * (400 * y + x)] != 255)
                    continue;
                if (n > longest)
                    longest = n, bar = x;
                if (y < 285) /* the text */
                    first = x < first ? x : first, last = x + n;
            }
        assert_int_equal(longest, cases[i].length);
        assert_in_range(bar, 1, 400 - longest - 1);
        assert_in_range(first + last - 2 * bar - longest + 6, 0, 12);
        free(pixels);
        mt_stack_close(stack);
    }
}

/* The columns of a picture, from the first to the one behind the last, that have a pixel of one gray in rows y to end. */
static void find_columns(const uint8_t *pixels, int64_t width, int64_t y, int64_t end, uint8_t gray, int64_t out[2])
{
    out[0] = width, out[1] = 0;
    for (int64_t i = y * width; i < end * width; i++)
        if (pixels[3 * i] == gray) {
            out[0] = i % width < out[0] ? i % width : out[0];
            out[1] = i % width >= out[1] ? i % width + 1 : out[1];
        }
}

/* On white the text of the scale bar is seen by its rim, a pixel wide. */
static void test_the_scale_bar_has_a_rim(void **state)
{
    (void)state;
    const mt_stack_info given = { .original_shape = { 1, 300, 400 } };
    mt_stack *stack = ramp_of(&given);
    int64_t text[2], rim[2];
    for (int white = 0; white < 2; white++) {
        const double contrast[] = { white ? -2 : 100000, white ? -1 : 200000 };
        const mt_draw_options options = {
            .struct_size = sizeof options, .scale_bar = 1, .contrast = contrast, .n_contrast = 1
        };
        uint8_t *pixels = draw_plane(stack, &options, NULL);
        find_columns(pixels, 400, 200, 285, white ? 0 : 255, white ? rim : text);
        free(pixels);
    }
    assert_int_equal(rim[0], text[0] - 1);
    assert_int_equal(rim[1], text[1] + 1);
    mt_stack_close(stack);
}

static void test_refusals(void **state)
{
    (void)state;
    uint8_t image[8][8] = { { 0 } };
    const int64_t shape[] = { 8, 8 }, corner[] = { 0, 0 }, nothing[] = { 0, 4 };
    mt_stack *stack = stack_of(image, MT_UINT8, "YX", shape);
    mt_patch_request request = { .stack = stack, .n_spatial = 2, .coords = corner, .patch_size = nothing };
    mt_draw_options options = { .struct_size = sizeof options, .max_size = -1 };
    file f = { 0 };
    assert_int_equal(mt_draw_patches(&request, 1, NULL, append, &f, NULL, NULL), MT_E_ARGUMENT);
    assert_int_equal(mt_draw_patches(&request, 0, NULL, append, &f, NULL, NULL), MT_E_ARGUMENT);
    request.patch_size = shape;
    assert_int_equal(mt_draw_patches(&request, 1, &options, append, &f, NULL, NULL), MT_E_ARGUMENT);
    f.most = 20;
    assert_int_equal(mt_draw_patches(&request, 1, NULL, append, &f, NULL, NULL), MT_E_IO);
    free(f.bytes);
    mt_stack_close(stack);
}

static int stop(void *user, double share)
{
    *(double *)user = share;
    return share > 0.4;
}

static void test_drawing_can_be_stopped(void **state)
{
    (void)state;
    uint8_t image[8][8] = { { 0 } };
    const int64_t shape[] = { 8, 8 }, corner[] = { 0, 0 };
    mt_stack *stack = stack_of(image, MT_UINT8, "YX", shape);
    mt_patch_request requests[10];
    for (int i = 0; i < 10; i++)
        requests[i] = (mt_patch_request) { .stack = stack, .n_spatial = 2, .coords = corner, .patch_size = shape };
    double share = 0;
    const mt_draw_options options = { .struct_size = sizeof options, .progress = stop, .user = &share };
    file f = { 0 };
    assert_int_equal(mt_draw_patches(requests, 10, &options, append, &f, NULL, NULL), MT_E_CANCELLED);
    assert_true(share > 0.4 && share < 0.6);
    assert_int_equal(f.size, 0);
    mt_stack_close(stack);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    uint16_t image[40][50];
    memset(image, 1, sizeof image);
    const int64_t shape[] = { 40, 50 }, corner[] = { 0, -5 };
    for (size_t k = 0, failed = 1; failed; k++) {
        failing_allocator allocator;
        mt_context_options options = { .struct_size = sizeof options,
                                       .threads = 1,
                                       .allocator = failing_allocator_make(&allocator, (size_t)-1, 0) };
        const mt_draw_options drawn = { .struct_size = sizeof drawn, .max_size = 30, .legend = 1 };
        mt_context *context;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_context_new(&options, &context, &err), &err);
        check_ok(mt_stack_from_array(context, image, MT_UINT16, "YX", shape, NULL, NULL, &stack, &err), &err);
        const mt_patch_request request = { .stack = stack, .n_spatial = 2, .coords = corner, .patch_size = shape };
        allocator.fail_at = allocator.count + k;
        file f = { 0 };
        mt_status st = mt_draw_patches(&request, 1, &drawn, append, &f, NULL, &err);
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
        cmocka_unit_test(test_a_sheet),
        cmocka_unit_test(test_large_patches_are_averaged_down),
        cmocka_unit_test(test_patches_of_labels),
        cmocka_unit_test(test_what_lies_outside_is_no_part_of_averages),
        cmocka_unit_test(test_the_middle_plane_of_patches_is_drawn),
        cmocka_unit_test(test_the_legend_names_channels),
        cmocka_unit_test(test_any_name_fits_into_the_legend),
        cmocka_unit_test(test_letters_of_names_are_drawn),
        cmocka_unit_test(test_the_scale_bar_has_a_round_length),
        cmocka_unit_test(test_the_scale_bar_has_a_rim),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_drawing_can_be_stopped),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
