/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of pictures: text, fills, captions and the colours of labels, at their limits. */
#include "picture_support.h"

#include "picture/picture.h"

static void characters_of_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size; /* bytes of the first character */
        uint32_t code;
        int64_t letters; /* of the whole text */
    } cases[] = {
        { "ab", 1, 'a', 2 },
        { "\x7f"
          "b",
          1, 0x7f, 2 },
        { "\x80", 1, 0xfffd, 1 },
        { "\xc2\x80", 2, 0x80, 1 },
        { "\xdf\xbf+", 2, 0x7ff, 2 },
        { "\xe0\xa0\x80++", 3, 0x800, 3 },
        { "\xef\xbf\xbf", 3, 0xffff, 1 },
        { "\xf0\x90\x80\x80+", 4, 0x10000, 2 },
        { "\xf4\x8f\xbf\xbf", 4, 0x10ffff, 1 },
        { "\xff+", 1, 0xfffd, 2 },
        { "\xc2", 1, 0xfffd, 1 },
        { "\xe2\x82+", 1, 0xfffd, 3 },
        { "\xf0\x9f\x94+", 1, 0xfffd, 4 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *at = cases[i].text;
        assert_int_equal(mt_text_next(&at), cases[i].code);
        assert_int_equal(at - cases[i].text, cases[i].size);
        assert_int_equal(mt_text_width(cases[i].text, 1), 6 * cases[i].letters - 1);
        assert_int_equal(mt_text_width(cases[i].text, 3), 3 * (6 * cases[i].letters - 1));
    }
    const char *end = "";
    const char *at = end;
    assert_int_equal(mt_text_next(&at), 0);
    assert_ptr_equal(at, end);
    assert_int_equal(mt_text_width("", 3), 0);
}

enum { HEIGHT = 12, WIDTH = 20 };
static const uint8_t black[3] = { 0, 0, 0 }, blue[3] = { 1, 2, 255 };

static void new_canvas(mt_canvas *canvas, mt_env *env)
{
    mt_error err = MT_ERROR_INIT;
    mt_env_init(env, NULL, NULL);
    check_ok(mt_canvas_init(canvas, env, HEIGHT, WIDTH, black, &err), &err);
}

static bool is_blue(const mt_canvas *canvas, int64_t y, int64_t x)
{
    return memcmp(canvas->pixels + 3 * (y * WIDTH + x), blue, 3) == 0;
}

/* What lies outside is left out, to the pixel. */
static void fills_are_clipped(void **state)
{
    (void)state;
    static const int64_t fills[][4] = { { 0, 0, HEIGHT, WIDTH }, { 1, 2, 3, 4 },      { -1, -2, 3, 4 },
                                        { 11, 19, 1, 1 },        { 10, 18, 5, 5 },    { -3, 0, 3, 5 },
                                        { 0, WIDTH, 5, 5 },      { HEIGHT, 0, 1, 1 }, { 3, 3, 0, 5 },
                                        { 3, 3, 5, 0 },          { -5, -5, 99, 99 } };
    for (size_t i = 0; i < sizeof fills / sizeof *fills; i++) {
        const int64_t *f = fills[i];
        mt_canvas canvas;
        mt_env env;
        new_canvas(&canvas, &env);
        mt_canvas_fill(&canvas, f[0], f[1], f[2], f[3], blue);
        for (int64_t y = 0; y < HEIGHT; y++)
            for (int64_t x = 0; x < WIDTH; x++)
                assert_int_equal(is_blue(&canvas, y, x), y >= f[0] && y < f[0] + f[2] && x >= f[1] && x < f[1] + f[3]);
        mt_canvas_free(&canvas);
        assert_int_equal(env.memory_bytes, 0);
    }
}

/* An L and a plus, in squares of one pixel and of two. */
static void letters_are_drawn(void **state)
{
    (void)state;
    static const char *const rows[9] = { "#          ", "#       #  ", "#       #  ", "#     #####", "#       #  ",
                                         "#       #  ", "#####      ", "           ", "           " };
    for (int64_t size = 1; size < 3; size++) {
        mt_canvas canvas;
        mt_env env;
        new_canvas(&canvas, &env);
        mt_canvas_text(&canvas, 1, 2, size, "L+", blue);
        for (int64_t y = 0; y < HEIGHT; y++)
            for (int64_t x = 0; x < WIDTH; x++) {
                int64_t row = y < 1 ? 9 : (y - 1) / size, column = x < 2 ? 11 : (x - 2) / size;
                assert_int_equal(is_blue(&canvas, y, x), row < 9 && column < 11 && rows[row][column] == '#');
            }
        mt_canvas_free(&canvas);
    }
}

static void all_letters_have_glyphs(void **state)
{
    (void)state;
    const char *missing = mt_font_glyph(0x2603);
    assert_string_equal(mt_font_glyph(0x1f), missing);
    assert_string_equal(mt_font_glyph(0x7f), missing);
    for (uint32_t code = ' '; code <= '~'; code++)
        assert_string_not_equal(mt_font_glyph(code), missing);
    assert_null(strchr(mt_font_glyph(' '), '#'));
}

/* A caption as a plane or a sheet asks for it. */
static mt_caption caption_of(mt_picture *p, const mt_draw_options *options, const mt_stack_info *info, int64_t height,
                             int64_t width, int64_t most)
{
    mt_caption caption;
    p->options = options;
    p->info = info;
    mt_caption_init(&caption, p, height, width, 1, most);
    return caption;
}

static void letters_grow_with_the_picture(void **state)
{
    (void)state;
    static const int64_t sizes[][2] = { { 1, 1 },    { 439, 1 },  { 440, 2 },   { 899, 2 },
                                        { 1349, 2 }, { 1350, 3 }, { 32768, 72 } };
    const mt_draw_options options = { .struct_size = sizeof options };
    const mt_stack_info info = { .original_axes = "YX" };
    mt_picture p = { 0 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        mt_caption caption = caption_of(&p, &options, &info, 100, sizes[i][0], sizes[i][0]);
        assert_int_equal(caption.size, sizes[i][1]);
        assert_string_equal(caption.bar, "");
    }
}

/* The bar is below a picture that is too small for it, or of which it spans several patches. */
static void where_the_scale_bar_is(void **state)
{
    (void)state;
    static const struct {
        int64_t height, width, most;
        bool below;
        const char *bar;
        int64_t room[2]; /* height and width of the canvas */
    } cases[] = {
        { 64, 400, 400, false, "100 px", { 64, 400 } },   { 63, 400, 400, true, "100 px", { 63 + 17, 400 } },
        { 128, 440, 440, false, "100 px", { 128, 440 } }, { 127, 440, 440, true, "100 px", { 127 + 34, 440 } },
        { 64, 400, 401, false, "100 px", { 64, 400 } },   { 64, 400, 399, true, "50 px", { 64 + 17, 400 } },
        { 64, 45, 45, false, "10 px", { 64, 45 } }, /* a margin of 8 on either side of 29 pixels of text */
        { 64, 44, 44, true, "10 px", { 64 + 17, 50 } },   { 10, 4, 4, true, "1 px", { 10 + 17, 35 } },
    };
    const mt_draw_options options = { .struct_size = sizeof options, .scale_bar = 1 };
    const mt_stack_info info = { .original_axes = "YX" };
    mt_picture p = { 0 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t height, width;
        mt_caption caption = caption_of(&p, &options, &info, cases[i].height, cases[i].width, cases[i].most);
        mt_caption_room(&caption, &height, &width);
        assert_string_equal(caption.bar, cases[i].bar);
        if (caption.bar_below != cases[i].below || height != cases[i].room[0] || width != cases[i].room[1])
            fail_msg("row %zu: %d, %d x %d", i, caption.bar_below, (int)width, (int)height);
    }
}

/* Two names take one line of a picture in which they just fit, and two of one that is a pixel narrower. */
static void lines_of_the_legend(void **state)
{
    (void)state;
    static const struct {
        const char *names[2];
        int64_t width, room[2];
    } cases[] = {
        { { "abc", "de" }, 68, { 117, 68 } }, /* margin, swatch and 17, 12 between, swatch and 11, margin */
        { { "abc", "de" }, 67, { 130, 67 } },
        { { "abc", "de" }, 35, { 130, 35 } },
        { { "abc", "de" }, 34, { 130, 35 } },
        { { "de", "abc" }, 67, { 130, 67 } },
        { { "", "" }, 10, { 130, 71 } }, /* "channel 1" */
        /* 48 letters at most */
        { { "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW", "a" }, 1, { 130, 18 + 47 * 6 - 1 } },
        { { "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW", "a" }, 1, { 130, 18 + 48 * 6 - 1 } },
        { { "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW", "a" }, 1, { 130, 18 + 48 * 6 - 1 } },
    };
    static const int64_t list[2] = { 0, 1 };
    const mt_draw_options options = { .struct_size = sizeof options, .legend = 1 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_channel channels[2] = { { .name = cases[i].names[0] }, { .name = cases[i].names[1] } };
        const mt_stack_info info = { .original_axes = "CYX", .channels = channels };
        mt_picture p = { .channels = 2, .list = list, .kind = MT_CONTRAST_AS_STORED };
        mt_caption caption = caption_of(&p, &options, &info, 100, cases[i].width, cases[i].width);
        int64_t height, width;
        mt_caption_room(&caption, &height, &width);
        if (height != cases[i].room[0] || width != cases[i].room[1])
            fail_msg("row %zu: %d x %d", i, (int)width, (int)height);
    }
}

/* Draws a caption; each pixel is compared with a letter: ' ' black, '#' white, 'o' gray, 'c' the colour of the channel,
 * '-' of the picture. */
static void check_drawn(const mt_caption *caption, const char *rows, int64_t first)
{
    static const struct {
        char letter;
        uint8_t rgb[3];
    } colors[] = { { ' ', { 0, 0, 0 } },
                   { '#', { 255, 255, 255 } },
                   { 'o', { 200, 200, 200 } },
                   { 'c', { 9, 8, 7 } },
                   { '-', { 5, 5, 5 } } };
    int64_t height, width;
    mt_canvas canvas;
    mt_env env;
    mt_error err = MT_ERROR_INIT;
    mt_env_init(&env, NULL, NULL);
    mt_caption_room(caption, &height, &width);
    check_ok(mt_canvas_init(&canvas, &env, (size_t)height, (size_t)width, colors[0].rgb, &err), &err);
    mt_canvas_fill(&canvas, 0, 0, caption->height, caption->width, colors[4].rgb);
    mt_caption_draw(caption, &canvas);
    assert_int_equal(strlen(rows), (height - first) * (width + 1));
    for (int64_t y = first; y < height; y++, rows += width + 1)
        for (int64_t x = 0; x < width; x++) {
            size_t k = 0;
            while (k < 4 && memcmp(canvas.pixels + 3 * (y * width + x), colors[k].rgb, 3) != 0)
                k++;
            if (colors[k].letter != rows[x])
                fail_msg("row %d, column %d: '%c'", (int)y, (int)x, colors[k].letter);
        }
    mt_canvas_free(&canvas);
}

static void captions_are_drawn(void **state)
{
    (void)state;
    static const char below[] = "-------------------------------------- \n"
                                "-------------------------------------- \n"
                                "                                       \n"
                                "                                       \n"
                                "                                       \n"
                                "                                       \n"
                                "    ooooooo                            \n"
                                "    occccco                            \n"
                                "    occccco    ###                     \n"
                                "    occccco       #                    \n"
                                "    occccco    ####                    \n"
                                "    occccco   #   #                    \n"
                                "    ooooooo    ####                    \n"
                                "                                       \n"
                                "                                       \n"
                                "                                       \n"
                                "                                       \n"
                                "                                       \n"
                                "                                       \n"
                                "            #####                      \n"
                                "            #                          \n"
                                "    #####   ####        ####  #   #    \n"
                                "    #####       #       #   #  # #     \n"
                                "    #####       #       #   #   #      \n"
                                "            #   #       #   #  # #     \n"
                                "             ###        ####  #   #    \n"
                                "                        #              \n"
                                "                        #              \n"
                                "                                       \n"
                                "                                       \n"
                                "                                       \n"
                                "                                       \n";
    static const char inside[] = "----------------------------------------------\n"
                                 "----------------------------------------------\n"
                                 "----------   --     --------------------------\n"
                                 "---------  # -  ###  -------------------------\n"
                                 "--------- ## - #   # -----         -   -------\n"
                                 "---------  # - #  ## ----- ####  #   # -------\n"
                                 "---------- # - # # # ----- #   #  # #  -------\n"
                                 "---------- # - ##  # ----- # - #   #  --------\n"
                                 "---------  #   #   # ----- #   #  # #  -------\n"
                                 "--------- ###   ###  ----- ####  #   # -------\n"
                                 "---------     -     ------ #       -   -------\n"
                                 "-------------------------- # -----------------\n"
                                 "-----------------            -----------------\n"
                                 "----------------- ########## -----------------\n"
                                 "----------------- ########## -----------------\n"
                                 "----------------- ########## -----------------\n"
                                 "-----------------            -----------------\n"
                                 "----------------------------------------------\n"
                                 "----------------------------------------------\n"
                                 "----------------------------------------------\n"
                                 "----------------------------------------------\n"
                                 "----------------------------------------------\n"
                                 "----------------------------------------------\n"
                                 "----------------------------------------------\n";
    static const int64_t list[1] = { 0 };
    uint8_t color[1][3] = { { 9, 8, 7 } };
    const mt_channel channel = { .name = "a" };
    const mt_stack_info info = { .original_axes = "YX", .channels = &channel };
    mt_draw_options options = { .struct_size = sizeof options, .legend = 1, .scale_bar = 1 };
    mt_picture p = { .channels = 1, .list = list, .colors = color, .kind = MT_CONTRAST_AS_STORED };
    mt_caption caption = caption_of(&p, &options, &info, 2, 38, 38);
    check_drawn(&caption, below, 0);
    options.legend = 0;
    caption = caption_of(&p, &options, &info, 64, 46, 46);
    check_drawn(&caption, inside, 40);
}

/* A scale bar shares the line of the last channel if it just fits; one inside the picture takes no line. */
static void lines_of_legend_and_scale_bar(void **state)
{
    (void)state;
    static const struct {
        int64_t height, width, room;
    } cases[] = { { 10, 77, 10 + 17 }, { 10, 76, 10 + 30 }, { 64, 76, 64 + 17 } };
    static const int64_t list[1] = { 0 };
    const mt_channel channel = { .name = "a" };
    const mt_stack_info info = { .original_axes = "YX", .channels = &channel };
    const mt_draw_options options = { .struct_size = sizeof options, .legend = 1, .scale_bar = 1 };
    mt_picture p = { .channels = 1, .list = list, .kind = MT_CONTRAST_AS_STORED };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t height, width;
        mt_caption caption = caption_of(&p, &options, &info, cases[i].height, cases[i].width, cases[i].width);
        mt_caption_room(&caption, &height, &width);
        assert_string_equal(caption.bar, "10 px");
        assert_int_equal(height, cases[i].room);
        assert_int_equal(width, cases[i].width);
    }
}

/* A square with a gray border, and with the colours of the first labels where labels are drawn. */
static void squares_of_the_legend(void **state)
{
    (void)state;
    static const uint8_t gray[3] = { 200, 200, 200 };
    const uint8_t labels[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    const int64_t shape[] = { 1, 8 };
    mt_stack *stack = stack_of(labels, MT_UINT8, "YX", shape);
    for (int is_labels = 0; is_labels < 2; is_labels++) {
        const mt_draw_options options = { .struct_size = sizeof options,
                                          .max_size = 8,
                                          .legend = 1,
                                          .palette = is_labels ? MT_PALETTE_LABELS : MT_PALETTE_AUTO };
        mt_picture_info info;
        uint8_t *pixels = draw_plane(stack, &options, &info);
        assert_int_equal(info.height, 18);
        for (int64_t y = 4; y < 13; y++)
            for (int64_t x = 3; x < 12; x++) {
                const uint8_t *pixel = pixels + 3 * (y * info.width + x), *expected = black;
                if (y > 4 && y < 12 && x > 3 && x < 11)
                    expected = is_labels                                ? pixels + 3 * (x - 3)
                               : y == 5 || y == 11 || x == 4 || x == 10 ? gray
                                                                        : (const uint8_t *)"\xff\xff\xff";
                assert_memory_equal(pixel, expected, 3);
            }
        free(pixels);
    }
    mt_stack_close(stack);
}

/* A label has the colour of its number, whatever its type and byte order; what no integer holds is background. */
static void labels_of_all_types(void **state)
{
    (void)state;
    const int8_t i8 = -3;
    const uint16_t u16 = 0x1234;
    const int32_t i32 = 70000;
    const uint64_t u64 = 0xf1de83e19937733d;
    const float f32[] = { 70000, -0.5f, 9e18f, 8.999e18f, 1e30f };
    const double f64 = 70000;
    const uint8_t *bytes = (const uint8_t *)&u16, other[] = { bytes[1], bytes[0] };
    assert_int_equal(mt_label_key(MT_INT8, (const uint8_t *)&i8, false),
                     mt_label_key(MT_UINT8, (const uint8_t *)"\xfd", false));
    assert_int_equal(mt_label_key(MT_UINT16, (const uint8_t *)&u16, false), mt_label_key(MT_INT16, other, true));
    uint32_t key = mt_label_key(MT_INT32, (const uint8_t *)&i32, false);
    assert_int_equal(mt_label_key(MT_FLOAT32, (const uint8_t *)&f32[0], false), key);
    assert_int_equal(mt_label_key(MT_FLOAT64, (const uint8_t *)&f64, false), key);
    assert_int_equal(mt_label_key(MT_FLOAT32, (const uint8_t *)&f32[1], false), 0);
    assert_int_equal(mt_label_key(MT_FLOAT32, (const uint8_t *)&f32[2], false), 0);
    assert_int_not_equal(mt_label_key(MT_FLOAT32, (const uint8_t *)&f32[3], false), 0);
    assert_int_equal(mt_label_key(MT_FLOAT32, (const uint8_t *)&f32[4], false), 0);
    assert_int_equal(mt_label_key(MT_UINT64, (const uint8_t *)&u64, false), 1);
}

/* Hue, saturation and value as Python's colorsys converts them, to within a rounding. */
static void colors_of_keys(void **state)
{
    (void)state;
    static const struct {
        uint32_t key;
        int rgb[3];
    } cases[] = { { 0, { 0, 0, 0 } },
                  { 1, { 255, 38, 38 } },
                  { 0x12345678, { 255, 182, 128 } },
                  { 0x80000000, { 38, 255, 255 } },
                  { 0xdeadbeef, { 217, 76, 186 } },
                  { 0x400000c0, { 146, 217, 76 } },
                  { 0xffffff40, { 255, 128, 128 } },
                  { 0xaaaaaa80, { 18, 18, 179 } } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t rgb[3];
        mt_label_color(cases[i].key, rgb);
        for (int k = 0; k < 3; k++)
            assert_in_range(rgb[k] + 1, cases[i].rgb[k], cases[i].rgb[k] + 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_of_text),
        cmocka_unit_test(fills_are_clipped),
        cmocka_unit_test(letters_are_drawn),
        cmocka_unit_test(all_letters_have_glyphs),
        cmocka_unit_test(letters_grow_with_the_picture),
        cmocka_unit_test(where_the_scale_bar_is),
        cmocka_unit_test(lines_of_the_legend),
        cmocka_unit_test(captions_are_drawn),
        cmocka_unit_test(lines_of_legend_and_scale_bar),
        cmocka_unit_test(squares_of_the_legend),
        cmocka_unit_test(labels_of_all_types),
        cmocka_unit_test(colors_of_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
