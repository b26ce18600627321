/* SPDX-License-Identifier: BSD-3-Clause */
/* LIF layouts that the data folder lacks, made here: each pixel beside the address that BytesInc gives it. */
#include "support/contract.h"
#include "support/lif_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes whose value at an address is unlike those near by. */
static uint8_t *make_bytes(size_t n, uint64_t seed)
{
    uint8_t *bytes = malloc(n);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(next_random(&seed) >> 32);
    return bytes;
}

static mt_status open_part(const lif_writer *w, const char *part, bool merge, mt_stack **out, mt_error *err)
{
    const mt_open_options options = { .struct_size = sizeof options, .part = part, .merge_tiles = merge };
    return mt_stack_open_memory(NULL, "made.lif", w->data, w->size, &options, out, err);
}

static void write_one(lif_writer *w, int version, const lif_written *image)
{
    lif_begin(w, version);
    lif_add_image(w, image);
    lif_finish(w);
}

static mt_stack *open_one(const lif_writer *w)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(open_part(w, NULL, false, &stack, &err), &err);
    return stack;
}

/* The step of a letter of the axes; 0 if the image lacks it. */
static int64_t step_of(const lif_written *image, char letter)
{
    for (int i = 0; image->dimensions[i].id; i++)
        if (" XYZTcS"[image->dimensions[i].id] == letter)
            return image->dimensions[i].step;
    return 0;
}

/* Checks an image of one sample axis (T), channels, (Z,) Y and X. */
static void check_addresses(const lif_writer *w, const lif_written *image, const char *axes, const int64_t *offsets)
{
    mt_stack *stack = open_one(w);
    mt_error err = MT_ERROR_INIT;
    whole_image whole;
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, axes);
    check_ok(read_whole(stack, &whole, &err), &err);
    size_t size = mt_dtype_size(whole.dtype), at = 0;
    int64_t z_size = whole.ndim == 3 ? whole.shape[2] : 1;
    const int64_t *yx = whole.shape + whole.ndim;
    for (int64_t t = 0; t < whole.shape[0]; t++)
        for (int64_t c = 0; c < whole.shape[1]; c++)
            for (int64_t z = 0; z < z_size; z++)
                for (int64_t y = 0; y < yx[0]; y++)
                    for (int64_t x = 0; x < yx[1]; x++, at += size) {
                        int64_t from = offsets[c] + t * step_of(image, 'T') + z * step_of(image, 'Z') +
                                       y * step_of(image, 'Y') + x * step_of(image, 'X');
                        assert_memory_equal(whole.pixels + at, (const uint8_t *)image->pixels + from, size);
                    }
    check_boxes(stack, &whole, 7, 30);
    free_whole(&whole);
    mt_stack_close(stack);
}

typedef struct layout_case {
    const char *axes;
    lif_written image;
    int64_t offsets[9]; /* of channels, in the order of the stack */
} layout_case;

static const layout_case layouts[] = {
    /* X is slower than Y */
    { "XY", { .dimensions = { { 1, 5, 7 }, { 2, 7, 1 } }, .channels = { { 8 } }, .size = 35 }, { 0 } },
    /* lines of the channels alternate; channels are not in the order of their places */
    { "ZYCX",
      { .dimensions = { { 1, 6, 2 }, { 2, 4, 24 }, { 3, 3, 96 } }, .channels = { { 16, 12 }, { 12, 0 } }, .size = 288 },
      { 0, 12 } },
    /* channels in two places */
    { "CTCYX",
      { .dimensions = { { 1, 4, 1 }, { 2, 3, 4 }, { 4, 2, 24 } },
        .channels = { { 8, 0 }, { 8, 12 }, { 8, 48 }, { 8, 60 } },
        .size = 96 },
      { 0, 12, 48, 60 } },
    /* rows and planes with padding, and bytes before the first pixel */
    { "ZCYX",
      { .dimensions = { { 1, 5, 4 }, { 2, 3, 24 }, { 3, 2, 160 } },
        .channels = { { 32, 3 }, { 32, 83 } },
        .size = 163 + 160 },
      { 3, 83 } },
    /* colours whose rows are padded to 4 bytes */
    { "YXC",
      { .dimensions = { { 1, 5, 3 }, { 2, 4, 16 } },
        .channels = { { 8, 0, 1 }, { 8, 1, 2 }, { 8, 2, 3 } },
        .size = 64 },
      { 0, 1, 2 } },
    /* the same, blue first */
    { "YXC",
      { .dimensions = { { 1, 5, 6 }, { 2, 4, 32 } },
        .channels = { { 16, 0, 3 }, { 16, 2, 2 }, { 16, 4, 1 } },
        .size = 128 },
      { 4, 2, 0 } },
    /* blue first, but plane by plane: as stored */
    { "CYX",
      { .dimensions = { { 1, 5, 1 }, { 2, 4, 5 } },
        .channels = { { 8, 0, 3 }, { 8, 20, 2 }, { 8, 40, 1 } },
        .size = 60 },
      { 0, 20, 40 } },
    /* the same, apart from each other: as stored */
    { "YXC",
      { .dimensions = { { 1, 2, 12 }, { 2, 2, 24 } },
        .channels = { { 8, 0, 3 }, { 8, 4, 2 }, { 8, 8, 1 } },
        .size = 48 },
      { 0, 4, 8 } },
    /* the same, with three wavelengths of each pixel: these are no colours */
    { "CYXC",
      { .dimensions = { { 5, 3, 1 }, { 1, 2, 3 }, { 2, 2, 6 } },
        .channels = { { 8, 0, 3 }, { 8, 12, 2 }, { 8, 24, 1 } },
        .size = 36 },
      { 0, 1, 2, 12, 13, 14, 24, 25, 26 } },
    /* a line in time, and a point in depth */
    { "TYX", { .dimensions = { { 1, 9, 1 }, { 4, 4, 9 } }, .channels = { { 8 } }, .size = 36 }, { 0 } },
    { "ZYX", { .dimensions = { { 3, 9, 2 } }, .channels = { { 16 } }, .size = 18 }, { 0 } },
    { "YX", { .dimensions = { { 1, 1, 1 }, { 2, 9, 1 } }, .channels = { { 8 } }, .size = 9 }, { 0 } },
    /* floating point */
    { "YX", { .dimensions = { { 1, 3, 4 }, { 2, 5, 12 } }, .channels = { { 32, 0, 0, 1 } }, .size = 60 }, { 0 } },
    /* planes of more than a block, and gaps between them */
    { "TYX",
      { .dimensions = { { 1, 600, 1 }, { 2, 500, 600 }, { 4, 2, 300007 } }, .channels = { { 8 } }, .size = 600007 },
      { 0 } },
};

static void strides_come_from_the_document(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        for (int version = 1; version <= 2; version++) {
            lif_written image = layouts[i].image;
            lif_writer w;
            uint8_t *bytes = make_bytes((size_t)image.size, i + 1);
            image.name = "a";
            image.pixels = bytes;
            write_one(&w, version, &image);
            check_addresses(&w, &image, layouts[i].axes, layouts[i].offsets);
            lif_free(&w);
            free(bytes);
        }
    }
}

/* All kinds of dimensions at once. Those of one element are left out. */
static void every_kind_of_dimension(void **state)
{
    (void)state;
    static const lif_written image = { .name = "a",
                                       .dimensions = { { 1, 2, 1 },
                                                       { 2, 2, 2 },
                                                       { 3, 2, 4 },
                                                       { 4, 2, 8 },
                                                       { 5, 2, 16, 1e-8, 5e-7 },
                                                       { 6, 2, 32 },
                                                       { 7, 1, 0 },
                                                       { 8, 2, 64 },
                                                       { 9, 2, 128, 5e-10, 4e-7 },
                                                       { 10, 2, 256 },
                                                       { 11, 2, 512 } },
                                       .channels = { { 8, 0, 0, 0, "Cyan", "FITC" }, { 8, 1024 } } };
    lif_written whole = image;
    lif_writer w;
    uint8_t *bytes = make_bytes(2048, 3);
    whole.pixels = bytes;
    whole.size = 2048;
    write_one(&w, 2, &whole);
    mt_stack *stack = open_one(&w);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, "CSSCSSCTZYX");
    static const int64_t shape[5] = { 32, 8, 2, 2, 2 };
    assert_memory_equal(info->data_shape, shape, sizeof shape);
    assert_string_equal(info->channels[0].name, "FITC 500 nm 400 nm");
    assert_string_equal(info->channels[1].name, "FITC 510 nm 400 nm");
    assert_string_equal(info->channels[7].name, "Gray 510 nm 400.5 nm");
    mt_stack_close(stack);
    lif_free(&w);
    free(bytes);
}

/* Channels without names are told apart by wavelengths alone. */
static void names_of_wavelengths(void **state)
{
    (void)state;
    uint8_t bytes[16] = { 0 };
    const lif_written image = { .name = "a",
                                .dimensions = { { 1, 2, 1 }, { 2, 2, 2 }, { 5, 2, 4, 1e-8, 5e-7 } },
                                .channels = { { 8, 0, 0, 0, "" }, { 8, 8, 0, 0, "", "FITC" } },
                                .pixels = bytes,
                                .size = 16 };
    lif_writer w;
    write_one(&w, 2, &image);
    mt_stack *stack = open_one(&w);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->channels[0].name, "500 nm");
    assert_string_equal(info->channels[3].name, "FITC 510 nm");
    mt_stack_close(stack);
    lif_free(&w);
}

static void names_and_colors_of_channels(void **state)
{
    (void)state;
    static const lif_written image = {
        .name = "a",
        .dimensions = { { 1, 2, 1, 3e-6 }, { 2, 2, 2, 4, 0, "" }, { 4, 2, 4, 5, 0, "s" } },
        .channels = { { 8, 0, 0, 0, "Magenta", "Leica/DAPI" }, { 8, 8, 0, 0, "Yellow" }, { 8, 16, 0, 0, "Glow" } },
        .size = 24
    };
    static const uint8_t magenta[3] = { 255, 0, 255 }, yellow[3] = { 255, 255, 0 };
    lif_written whole = image;
    lif_writer w;
    uint8_t *bytes = make_bytes(24, 3);
    whole.pixels = bytes;
    write_one(&w, 1, &whole);
    mt_stack *stack = open_one(&w);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, "CTYX");
    assert_string_equal(info->channels[0].name, "Leica/DAPI");
    assert_memory_equal(info->channels[0].rgb, magenta, 3);
    assert_string_equal(info->channels[1].name, "Yellow");
    assert_memory_equal(info->channels[1].rgb, yellow, 3);
    assert_string_equal(info->channels[2].name, "Glow");
    assert_false(info->channels[2].has_color);
    assert_float_equal(info->pixel_size[1], 5, 0);
    assert_string_equal(info->unit[1], "second");
    assert_float_equal(info->pixel_size[2], 0, 0);
    assert_float_equal(info->pixel_size[3], 3, 1e-9);
    mt_stack_close(stack);
    lif_free(&w);
    free(bytes);
}

/* Samples that are turned around keep their names. */
static void colors_of_pixels(void **state)
{
    (void)state;
    static const uint8_t bytes[12] = { 1 };
    static const lif_written image = { .name = "a",
                                       .dimensions = { { 1, 2, 3 }, { 2, 2, 6 } },
                                       .channels = { { 8, 0, 3 }, { 8, 1, 2 }, { 8, 2, 1 } },
                                       .pixels = bytes,
                                       .size = 12 };
    static const uint8_t red[3] = { 255, 0, 0 };
    lif_writer w;
    write_one(&w, 1, &image);
    mt_stack *stack = open_one(&w);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->channels[0].name, "Red");
    assert_memory_equal(info->channels[0].rgb, red, 3);
    assert_string_equal(info->channels[2].name, "Blue");
    mt_stack_close(stack);
    lif_free(&w);
}

static const lif_written small = { .dimensions = { { 1, 4, 1 }, { 2, 3, 4 } }, .channels = { { 8 } }, .size = 12 };

static lif_written small_named(const char *name, const void *pixels)
{
    lif_written image = small;
    image.name = name;
    image.pixels = pixels;
    return image;
}

/* Checks the first row of a part. */
static void check_row(const lif_writer *w, const char *part, const uint8_t *pixels)
{
    static const int64_t origin[2] = { 0 }, size[2] = { 1, 4 };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    float row[4];
    check_ok(open_part(w, part, false, &stack, &err), &err);
    check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, origin, size, 2, row, &err), &err);
    for (int i = 0; i < 4; i++)
        assert_int_equal((int)row[i], pixels[i]);
    mt_stack_close(stack);
}

static void check_no_part(const lif_writer *w, const char *part, const char *words)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(open_part(w, part, false, &stack, &err), MT_E_NOT_FOUND);
    if (!strstr(err.message, words))
        fail_msg("%s: \"%s\" lacks \"%s\"", part, err.message, words);
}

static void folders_make_paths(void **state)
{
    (void)state;
    static const char *const names[] = { "a",        "f/a",      "f/g/b&c#d", "series=3",
                                         "series=4", "series=5", "f/level=1", "last" };
    uint8_t *bytes = make_bytes(12 * 8, 5);
    lif_writer w;
    mt_names *parts;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    lif_begin(&w, 2);
    int n = 0;
    lif_written image = small_named("a", bytes + 12 * n++);
    lif_add_image(&w, &image);
    lif_begin_folder(&w, "f");
    image = small_named("a", bytes + 12 * n++);
    lif_add_image(&w, &image);
    lif_begin_folder(&w, "g");
    image = small_named("b&amp;c#d", bytes + 12 * n++);
    lif_add_image(&w, &image);
    lif_end_folder(&w);
    image = small_named("a", bytes + 12 * n++); /* the path is taken */
    lif_add_image(&w, &image);
    lif_end_folder(&w);
    image = small_named("series=7", bytes + 12 * n++); /* would be a number */
    lif_add_image(&w, &image);
    image = small_named("", bytes + 12 * n++);
    lif_add_image(&w, &image);
    lif_begin_folder(&w, "f");
    image = small_named("level=1", bytes + 12 * n++);
    lif_add_image(&w, &image);
    lif_end_folder(&w);
    image = small_named("last", bytes + 12 * n++);
    lif_add_image(&w, &image);
    lif_finish(&w);
    check_ok(open_part(&w, NULL, false, &stack, &err), &err);
    check_ok(mt_stack_list_parts(stack, &parts, &err), &err);
    assert_int_equal(mt_names_count(parts), n);
    for (int i = 0; i < n; i++) {
        assert_string_equal(mt_names_get(parts, (size_t)i), names[i]);
        check_row(&w, names[i], bytes + 12 * i);
    }
    assert_string_equal(mt_names_get_part(parts, 3)->title, "a");
    check_no_part(&w, "series=8", "there is no series=8; the file has 8, counted from 0");
    check_no_part(&w, "f/none", "there is no image \"f/none\"");
    check_no_part(&w, "level=1", "an image has no series or levels of its own");
    check_no_part(&w, "a&series=0", "an image has no series or levels of its own");
    mt_names_free(parts);
    mt_stack_close(stack);
    lif_free(&w);
    free(bytes);
}

/* Blocks that the document announces in another order, or not at all, are found by their names. */
static void blocks_are_found_elsewhere(void **state)
{
    (void)state;
    uint8_t *bytes = make_bytes(36, 6);
    lif_writer w;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    lif_begin(&w, 2);
    lif_add_block(&w, "MemBlock_77", bytes, 36);
    lif_written image = small_named("a", bytes);
    lif_add_image(&w, &image);
    lif_add_block(&w, "MemBlock_1234567", bytes, 5);
    image = small_named("b", bytes + 12);
    lif_add_image(&w, &image);
    image = small_named("hidden", bytes + 24);
    image.is_hidden = true;
    lif_add_image(&w, &image);
    lif_finish(&w);
    check_row(&w, "a", bytes);
    check_row(&w, "b", bytes + 12);
    check_ok(open_part(&w, "hidden", false, &stack, &err), &err);
    float pixel;
    static const int64_t origin[2] = { 0 }, size[2] = { 1, 1 };
    assert_int_equal(mt_stack_extract_patch(stack, 0, NULL, 0, origin, size, 2, &pixel, &err), MT_E_CORRUPT);
    assert_non_null(strstr(err.message, "Hidden_MemBlock_3 is not in the file"));
    mt_stack_close(stack);
    lif_free(&w);
    free(bytes);
}

/* A block that ends early lacks its last frames, and says so. */
/* Two images name the same block, which is in the file once, or twice without need. */
static void images_with_one_block(void **state)
{
    (void)state;
    static const uint8_t pixels[4] = { 5, 6, 7, 8 };
    static const int64_t origin[2] = { 0 }, one[2] = { 1, 1 };
    lif_written image = { .name = "a",
                          .dimensions = { { 1, 2, 1 }, { 2, 2, 2 } },
                          .channels = { { 8 } },
                          .pixels = pixels,
                          .size = 4,
                          .id = "Common" };
    for (int more = 0; more < 2; more++) {
        lif_writer w;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        float pixel = 0;
        lif_begin(&w, 2);
        lif_add_block(&w, "Other", pixels, 1); /* the document does not announce it: all headers are searched */
        lif_add_image(&w, &image);
        lif_add_xml(&w, "<Element Name=\"b\"><Data><Image><ImageDescription><Channels><ChannelDescription "
                        "DataType=\"0\" ChannelTag=\"0\" Resolution=\"8\" BytesInc=\"0\" BitInc=\"0\"/></Channels>"
                        "<Dimensions><DimensionDescription DimID=\"1\" NumberOfElements=\"4\" BytesInc=\"1\" "
                        "BitInc=\"0\"/></Dimensions></ImageDescription></Image></Data>"
                        "<Memory Size=\"4\" MemoryBlockID=\"Common\"/></Element>");
        if (more)
            lif_add_block(&w, "Common", pixels, 4);
        lif_finish(&w);
        check_ok(open_part(&w, "b", false, &stack, &err), &err);
        mt_status st = mt_stack_extract_patch(stack, 0, NULL, 0, origin, one, 2, &pixel, &err);
        assert_int_equal(st, more ? MT_E_CORRUPT : MT_OK);
        assert_true(more ? strstr(err.message, "several memory blocks Common") != NULL : pixel == 5);
        mt_stack_close(stack);
        lif_free(&w);
    }
}

static void frames_that_are_missing(void **state)
{
    (void)state;
    static const struct {
        int64_t size, missing;
        const char *first;
    } cases[] = { { 72, 0, NULL },
                  { 71, 1, "frame T=2 C=1" },
                  { 60, 1, "frame T=2 C=1" },
                  { 59, 2, "frame T=2 C=0" },
                  { 12, 5, "frame T=0 C=1" },
                  { 11, 6, "frame T=0 C=0" },
                  { 0, 6, "frame T=0 C=0" } };
    uint8_t *bytes = make_bytes(72, 8);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lif_written image = { .name = "a",
                              .dimensions = { { 1, 4, 1 }, { 2, 3, 4 }, { 4, 3, 24 } },
                              .channels = { { 8 }, { 8, 12 } },
                              .pixels = bytes,
                              .size = cases[i].size };
        lif_writer w;
        mt_error err = MT_ERROR_INIT;
        whole_image whole;
        write_one(&w, 2, &image);
        mt_stack *stack = open_one(&w);
        const mt_stack_info *info = mt_stack_get_info(stack);
        assert_int_equal(info->n_missing, cases[i].missing);
        if (cases[i].missing)
            assert_string_equal(info->missing[0], cases[i].first);
        check_ok(read_whole(stack, &whole, &err), &err);
        int64_t complete = (6 - cases[i].missing) * 12;
        assert_memory_equal(whole.pixels, bytes, (size_t)complete); /* SCYX is the stored order */
        for (int64_t k = complete; k < 72; k++)
            assert_int_equal(whole.pixels[k], 0);
        free_whole(&whole);
        mt_stack_close(stack);
        const mt_open_options strict = { .struct_size = sizeof strict, .missing_is_error = 1 };
        mt_status st = mt_stack_open_memory(NULL, "made.lif", w.data, w.size, &strict, &stack, &err);
        assert_int_equal(st, cases[i].missing ? MT_E_NOT_FOUND : MT_OK);
        if (!st)
            mt_stack_close(stack);
        lif_free(&w);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strides_come_from_the_document),
        cmocka_unit_test(every_kind_of_dimension),
        cmocka_unit_test(names_of_wavelengths),
        cmocka_unit_test(names_and_colors_of_channels),
        cmocka_unit_test(colors_of_pixels),
        cmocka_unit_test(folders_make_paths),
        cmocka_unit_test(blocks_are_found_elsewhere),
        cmocka_unit_test(images_with_one_block),
        cmocka_unit_test(frames_that_are_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
