/* SPDX-License-Identifier: BSD-3-Clause */
/* CZI seen in other ways: attachments, a depth axis, masks; and documents made here for what no file shows. */
#include "support/contract.h"
#include "support/czi_writer.h"

#include <microtome/parts.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static mt_open_options defaults(void) { return (mt_open_options) { .struct_size = sizeof(mt_open_options) }; }

static mt_stack *open_bytes(const czi_writer *w, const mt_open_options *options)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open_memory(NULL, "made.czi", w->data, w->size, options, &stack, &err), &err);
    return stack;
}

/* That opening or reading the whole fails so, saying this. */
static void check_refused(const uint8_t *data, size_t size, const mt_open_options *options, mt_status status,
                          const char *says)
{
    mt_stack *stack = NULL;
    whole_image image = { 0 };
    mt_error err = MT_ERROR_INIT;
    mt_status st = mt_stack_open_memory(NULL, "made.czi", data, size, options, &stack, &err);
    if (!st)
        st = read_whole(stack, &image, &err);
    if (st != status || !strstr(err.message, says))
        print_error("%d: %s\n", st, err.message);
    assert_int_equal(st, status);
    assert_non_null(strstr(err.message, says));
    if (image.pixels)
        free_whole(&image);
    mt_stack_close(stack);
}

static void check_pixels(mt_stack *stack, const uint8_t *expected, size_t size)
{
    whole_image image = { 0 };
    mt_error err = MT_ERROR_INIT;
    check_ok(read_whole(stack, &image, &err), &err);
    assert_int_equal(image.bytes, size);
    assert_memory_equal(image.pixels, expected, size);
    free_whole(&image);
}

static void thumbnails_are_images(void **state)
{
    (void)state;
    mt_names *names;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    char path[1100];
    const char *file = data_path("czi/real/tiles.czi");
    check_ok(mt_list_attachments(NULL, file, NULL, &names, &err), &err);
    assert_int_equal(mt_names_count(names), 4);
    const mt_part *part = mt_names_get_part(names, 0);
    assert_string_equal(part->name, "attachment=Thumbnail");
    assert_string_equal(part->title, "Thumbnail");
    assert_string_equal(part->type, "JPG");
    assert_int_equal(part->size, 7164);
    assert_null(mt_names_get_part(names, 4));
    mt_names_free(names);
    snprintf(path, sizeof path, "%s#attachment=Thumbnail", file);
    check_ok(mt_stack_open(NULL, path, NULL, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, "YXC");
    assert_string_equal(info->codecs, "jpeg");
    assert_int_equal(info->data_shape[1], 3);
    mt_stack_close(stack);
    check_contract(path, NULL);
    snprintf(path, sizeof path, "%s#attachment=TimeStamps", file);
    assert_int_equal(mt_stack_open(NULL, path, NULL, &stack, &err), MT_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "TimeStamps of type CZTIMS"));
    err = (mt_error)MT_ERROR_INIT;
    snprintf(path, sizeof path, "%s#attachment=Nothing", file);
    assert_int_equal(mt_stack_open(NULL, path, NULL, &stack, &err), MT_E_NOT_FOUND);
}

/* A document in a document, and attachments that lie. */
static void attached_documents_are_images(void **state)
{
    (void)state;
    static const uint8_t outside[4] = { 1, 2, 3, 4 }, inside[6] = { 5, 6, 7, 8, 9, 10 };
    czi_writer inner, outer;
    czi_tile tile = czi_gray_tile(0, 0, 3, 2, inside);
    czi_begin(&inner);
    czi_add_tile(&inner, &tile);
    czi_finish(&inner, NULL);
    tile = czi_gray_tile(0, 0, 2, 2, outside);
    czi_begin(&outer);
    czi_add_tile(&outer, &tile);
    czi_add_attachment(&outer, "Label", "CZI", inner.data, inner.size);
    czi_add_attachment(&outer, "Preview", "JPG", "\xff\xd8\xff\xd9", 4);
    czi_add_attachment(&outer, "Empty", "JPG", "", 0);
    czi_finish(&outer, NULL);
    mt_open_options options = defaults();
    options.part = "attachment=Label";
    mt_stack *stack = open_bytes(&outer, &options);
    check_pixels(stack, inside, sizeof inside);
    mt_stack_close(stack);
    stack = open_bytes(&outer, NULL);
    check_pixels(stack, outside, sizeof outside);
    mt_stack_close(stack);
    options.part = "attachment=Label&scene=1";
    check_refused(outer.data, outer.size, &options, MT_E_NOT_FOUND, "there is no scene=1");
    options.part = "attachment=Preview";
    check_refused(outer.data, outer.size, &options, MT_E_CORRUPT, "no frame");
    options.part = "attachment=Preview&level=1";
    check_refused(outer.data, outer.size, &options, MT_E_NOT_FOUND, "without scenes and levels");
    options.part = "attachment=Empty";
    check_refused(outer.data, outer.size, &options, MT_E_UNSUPPORTED, "is empty");
    size_t at = outer.size - 256 - 3 * 128; /* of the directory's count */
    outer.data[at] = 4;
    options.part = "attachment=Label";
    check_refused(outer.data, outer.size, &options, MT_E_CORRUPT, "4 attachments in a directory of");
    czi_free(&inner);
    czi_free(&outer);
}

/* Two scenes whose planes differ: H, T and Z do not start at 0, and scene 1 lacks T 4. Pixels encode their plane. */
static void make_planes(czi_writer *w)
{
    czi_begin(w);
    for (int s = 0; s < 2; s++)
        for (int h = 0; h < 2; h++)
            for (int t = 3; t < (s ? 4 : 5); t++)
                for (int z = 7; z < 10; z++)
                    for (int c = 0; c < 2; c++) {
                        uint8_t value = (uint8_t)(s * 100 + h * 48 + (t - 3) * 24 + (z - 7) * 4 + c);
                        czi_tile tile = czi_gray_tile(10 * s, -5, 1, 1, &value);
                        czi_add_dimension(&tile, 'H', h, 1);
                        czi_add_dimension(&tile, 'C', c, 1);
                        czi_add_dimension(&tile, 'Z', z, 1);
                        czi_add_dimension(&tile, 't', t, 1);
                        czi_add_dimension(&tile, 'S', s, 1);
                        czi_add_tile(w, &tile);
                    }
    czi_finish(w, "<D><Dimensions><S><Scenes><Scene Index=\"1\" Name=\"B2\"/><Scene Index=\"0\"/></Scenes></S>"
                  "<T><Positions><List><Offsets>1 3.5</Offsets></List></Positions></T></Dimensions></D>");
}

static void check_view(const czi_writer *w, const char *depth, const char *part, const char *axes, const int64_t *shape,
                       int (*value)(const int64_t *at))
{
    mt_open_options options = defaults();
    options.depth_axis = depth;
    options.part = part;
    mt_stack *stack = open_bytes(w, &options);
    const mt_stack_info *info = mt_stack_get_info(stack);
    int n = (int)strlen(axes);
    assert_string_equal(info->original_axes, axes);
    assert_int_equal(info->data_ndim, n);
    assert_memory_equal(info->data_shape, shape, (size_t)n * sizeof *shape);
    assert_memory_equal(info->original_shape, shape, (size_t)n * sizeof *shape);
    int64_t depth_size = n == 5 ? shape[2] : 1;
    for (int64_t s = 0; s < shape[0]; s++)
        for (int64_t c = 0; c < shape[1]; c++) {
            mt_error err = MT_ERROR_INIT;
            float patch[8];
            int64_t coords[3] = { 0 }, size[3] = { depth_size, 1, 1 };
            check_ok(mt_stack_extract_patch(stack, s, &c, 1, coords + 5 - n, size + 5 - n, (size_t)n - 2, patch, &err),
                     &err);
            for (int64_t d = 0; d < depth_size; d++)
                assert_int_equal((int)patch[d], value((int64_t[]) { s, c, d }));
        }
    mt_stack_close(stack);
}

/* T before Z before H; T of scene 1 ends early, and its planes are empty. */
static int value_none(const int64_t *at) { return (int)(at[0] % 2 * 48 + at[0] / 6 * 24 + at[0] / 2 % 3 * 4 + at[1]); }
static int value_z(const int64_t *at) { return (int)(at[0] % 2 * 48 + at[0] / 2 * 24 + at[2] * 4 + at[1]); }
static int value_t(const int64_t *at) { return (int)(at[0] % 2 * 48 + at[2] * 24 + at[0] / 2 * 4 + at[1]); }
static int value_t_of_1(const int64_t *at) { return at[2] ? 0 : 100 + value_t(at); }

static void the_depth_is_chosen(void **state)
{
    (void)state;
    czi_writer w;
    make_planes(&w);
    check_view(&w, "none", "scene=0", "SCYX", (int64_t[]) { 12, 2, 1, 1 }, value_none);
    check_view(&w, "Z", NULL, "SCZYX", (int64_t[]) { 4, 2, 3, 1, 1 }, value_z);
    check_view(&w, "T", NULL, "SCTYX", (int64_t[]) { 6, 2, 2, 1, 1 }, value_t);
    check_view(&w, "T", "scene=1", "SCTYX", (int64_t[]) { 6, 2, 2, 1, 1 }, value_t_of_1);
    mt_open_options options = defaults();
    options.depth_axis = "C";
    check_refused(w.data, w.size, &options, MT_E_ARGUMENT, "not \"C\"");
    czi_free(&w);
}

static void views_keep_the_contract(void **state)
{
    (void)state;
    static const char *const depths[3] = { "none", "Z", "T" };
    for (int i = 0; i < 3; i++) {
        mt_open_options options = defaults();
        options.depth_axis = depths[i];
        check_contract(data_path("czi/generated/mosaic_overlap_tzc.czi"), &options);
        check_contract(data_path("czi/real/S3_1Pos_2Mosaic_T2_Z3_CH2_sm.czi#scene=1"), &options);
    }
}

static void the_depth_must_be_there(void **state)
{
    (void)state;
    static const uint8_t value = 9;
    czi_writer w;
    czi_tile tile = czi_gray_tile(0, 0, 1, 1, &value);
    czi_add_dimension(&tile, 'Z', 0, 1);
    czi_begin(&w);
    czi_add_tile(&w, &tile);
    czi_finish(&w, NULL);
    mt_open_options options = defaults();
    for (int i = 0; i < 2; i++) {
        options.depth_axis = i ? "T" : "Z";
        check_refused(w.data, w.size, &options, MT_E_ARGUMENT, i ? "no axis T" : "no axis Z");
    }
    options.depth_axis = "none";
    mt_stack *stack = open_bytes(&w, &options);
    assert_int_equal(mt_stack_get_info(stack)->data_ndim, 4);
    mt_stack_close(stack);
    czi_free(&w);
}

/* Folders and lists: every scene is a separate stack. */
static void lists_have_a_depth_too(void **state)
{
    (void)state;
    char folder[] = "/tmp/microtome-czi-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/made.czi", folder);
    czi_writer w;
    make_planes(&w);
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(w.data, 1, w.size, file), w.size);
    fclose(file);
    mt_open_options options = defaults();
    options.depth_axis = "T";
    const char *paths[2] = { folder, path };
    mt_stacks *stacks;
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stacks_open(NULL, paths, 2, &options, &stacks, &err), &err);
    assert_int_equal(mt_stacks_count(stacks), 4);
    for (size_t i = 0; i < 4; i++) {
        const mt_stack_info *info = mt_stack_get_info(mt_stacks_get(stacks, i));
        assert_string_equal(info->original_axes, "SCTYX");
        assert_string_equal(strrchr(info->source, '#'), i % 2 ? "#scene=1" : "#scene=0");
    }
    mt_stacks_close(stacks);
    check_ok(mt_list_parts(NULL, path, NULL, &names, &err), &err);
    assert_int_equal(mt_names_count(names), 2);
    assert_string_equal(mt_names_get_part(names, 0)->title, "");
    assert_string_equal(mt_names_get_part(names, 1)->title, "B2");
    assert_int_equal(mt_names_get_part(names, 1)->width, 1);
    mt_names_free(names);
    mt_stack *stack = open_bytes(&w, NULL);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, "STCZYX");
    assert_true(info->pixel_size[1] == 2.5);
    assert_string_equal(info->unit[1], "second");
    mt_stack_close(stack);
    czi_free(&w);
    remove(path);
    rmdir(folder);
}

static const uint8_t mask_guid[16] = { 0x67, 0xea, 0xe3, 0xcb, 0xfc, 0x5b, 0x2b, 0x49,
                                       0xa1, 0x6a, 0xec, 0xe3, 0x78, 0x03, 0x14, 0x48 };

/* A chunk container with something else in front of the mask. Returns its size. */
static size_t make_mask(uint8_t *out, uint32_t width, uint32_t height, const uint8_t *rows)
{
    uint32_t stride = (width + 7) / 8 + 1, sizes[2] = { 5, 16 + stride * height };
    uint32_t head[4] = { width, height, 0, stride };
    memset(out, 0xaa, 16 + 4 + 5);
    for (int i = 0; i < 4; i++)
        out[16 + i] = (uint8_t)(sizes[0] >> 8 * i);
    uint8_t *at = out + 25;
    memcpy(at, mask_guid, 16);
    for (int i = 0; i < 4; i++)
        at[16 + i] = (uint8_t)(sizes[1] >> 8 * i);
    at += 20;
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < 4; i++)
            *at++ = (uint8_t)(head[k] >> 8 * i);
    for (uint32_t y = 0; y < height; y++, at += stride) {
        memcpy(at, rows + y * ((width + 7) / 8), (width + 7) / 8);
        at[stride - 1] = 0xff;
    }
    return (size_t)(at - out);
}

#define CONTAINER "<METADATA><AttachmentSchema><DataFormat>CHUNKCONTAINER</DataFormat></AttachmentSchema></METADATA>"

/* Random masks over random tiles equal painting pixel by pixel. */
static void masks_show_what_lies_below(void **state)
{
    (void)state;
    enum { SIDE = 19 };
    uint64_t random = 5;
    for (int round = 0; round < 30; round++) {
        czi_writer w;
        uint8_t expected[SIDE * SIDE] = { 0 };
        czi_begin(&w);
        for (int i = 0; i < 3; i++) {
            uint8_t pixels[SIDE * SIDE], rows[SIDE * 3], mask[2000];
            int32_t x = i ? (int32_t)random_between(&random, 0, 9) : 0, y = i ? x / 2 : 0, side = i ? SIDE - x : SIDE;
            bool masked = i > 0;
            for (size_t k = 0; k < sizeof rows; k++)
                rows[k] = (uint8_t)(round % 3 == 0 ? next_random(&random) >> 40 : k / 9 * 0x55);
            for (int k = 0; k < SIDE * SIDE; k++)
                pixels[k] = (uint8_t)random_between(&random, 1, 255);
            czi_tile tile = czi_gray_tile(x, y, side, side, pixels);
            czi_add_dimension(&tile, 'M', i, 1);
            tile.attachment = mask;
            tile.attachment_size = make_mask(mask, (uint32_t)side, (uint32_t)side, rows);
            tile.metadata = masked ? CONTAINER : "<METADATA/>";
            czi_add_tile(&w, &tile);
            for (int32_t v = 0; v < side; v++)
                for (int32_t u = 0; u < side; u++)
                    if (!masked || rows[v * ((side + 7) / 8) + u / 8] >> (7 - u % 8) & 1)
                        expected[(y + v) * SIDE + x + u] = pixels[v * side + u];
        }
        czi_finish(&w, NULL);
        mt_open_options options = defaults();
        options.use_masks = 1;
        mt_stack *stack = open_bytes(&w, &options);
        whole_image image = { 0 };
        mt_error err = MT_ERROR_INIT;
        check_ok(read_whole(stack, &image, &err), &err);
        assert_memory_equal(image.pixels, expected, sizeof expected);
        check_boxes(stack, &image, (uint64_t)round, 20);
        free_whole(&image);
        mt_stack_close(stack);
        czi_free(&w);
    }
}

static void masks_keep_the_contract(void **state)
{
    (void)state;
    mt_open_options options = defaults();
    options.use_masks = 1;
    check_contract(data_path("czi/generated/mask_valid_pixels.czi"), &options);
    check_contract(data_path("czi/real/1_tileregion.czi#level=1"), &options);
}

static void bad_masks_are_errors(void **state)
{
    (void)state;
    enum { SIDE = 96 };
    static uint8_t pixels[SIDE * SIDE], rows[SIDE * SIDE / 8], mask[4096];
    for (int i = 0; i < SIDE * SIDE / 8; i++)
        rows[i] = i / (SIDE / 8) % 2 ? 0x55 : 0xaa;
    static const struct {
        size_t at;
        uint8_t value;
        mt_status status;
        const char *says;
    } cases[] = { { 0, 0xaa, MT_E_LIMIT, "a mask of more than 4096 rectangles" },
                  { 25 + 20, 95, MT_E_UNSUPPORTED, "a mask of 96 x 95 on a tile of 96 x 96" },
                  { 25 + 20 + 8, 1, MT_E_UNSUPPORTED, "masks of type 1" },
                  { 25 + 20 + 12, 11, MT_E_CORRUPT, "a mask of 96 rows of 11 bytes" },
                  { 25 + 20 + 12, 14, MT_E_CORRUPT, "a mask of 96 rows of 14 bytes" },
                  { 25 + 16, 3, MT_E_CORRUPT, "a mask of 3 bytes" },
                  { 25 + 18, 9, MT_E_CORRUPT, "in the attachment of a subblock" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        czi_writer w;
        czi_tile tile = czi_gray_tile(0, 0, SIDE, SIDE, pixels);
        tile.attachment_size = make_mask(mask, SIDE, SIDE, rows);
        mask[cases[i].at] = cases[i].value;
        if (cases[i].value == 3)
            mask[cases[i].at + 1] = 0;
        tile.attachment = mask;
        tile.metadata = CONTAINER;
        czi_begin(&w);
        czi_add_tile(&w, &tile);
        czi_finish(&w, NULL);
        mt_open_options options = defaults();
        options.use_masks = 1;
        check_refused(w.data, w.size, &options, cases[i].status, cases[i].says);
        mt_stack *stack = open_bytes(&w, NULL); /* not requested, not read */
        check_pixels(stack, pixels, sizeof pixels);
        mt_stack_close(stack);
        czi_free(&w);
    }
}

/* The pixels that the generated files are made of: component k of seed 1. */
static int formula(int x, int y, int k) { return x * 7 + y * 131 + k * 29 + 1009; }

/* Pixel types that libCZI does not read: blue, green, red (and how opaque they are). */
static void colours_equal_their_formula(void **state)
{
    (void)state;
    static const char *const names[2] = { "czi/generated/px_bgra32_raw.czi", "czi/generated/px_bgr96float_raw.czi" };
    for (int i = 0; i < 2; i++) {
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_stack_open(NULL, data_path(names[i]), NULL, &stack, &err), &err);
        static float patch[4 * 45 * 67], *at = patch;
        int64_t n = mt_stack_get_info(stack)->data_shape[1], zero[2] = { 0 }, size[2] = { 45, 67 };
        assert_int_equal(n, i ? 3 : 4);
        check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, zero, size, 2, patch, &err), &err);
        at = patch;
        for (int c = 0; c < n; c++)
            for (int y = 0; y < 45; y++)
                for (int x = 0; x < 67; x++, at++) {
                    int value = formula(x, y, c < 3 ? 2 - c : c);
                    assert_true(*at == (i ? (float)value * 0.25f - 3 : (float)(value & 255)));
                }
        mt_stack_close(stack);
    }
}

static void what_is_not_read_is_named(void **state)
{
    (void)state;
    static const uint8_t pixels[2] = { 0 };
    static const struct {
        int32_t pixel_type, compression;
        const char *says;
    } cases[] = { { 0, 2, "compression 2 (LZW) is not supported: open the file in ZEN" },
                  { 0, 3, "compression 3 (not known)" },
                  { 0, 104,
                    "compression 104 (raw data of a camera) is not supported: open the file in ZEN and save it" },
                  { 0, 1000, "compression 1000 (raw data of a system)" },
                  { 10, 0, "pixel type gray64complexfloat is not supported" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        czi_writer w;
        czi_tile tile = czi_gray_tile(0, 0, 2, 1, pixels);
        tile.pixel_type = cases[i].pixel_type;
        tile.compression = cases[i].compression;
        czi_begin(&w);
        czi_add_tile(&w, &tile);
        czi_finish(&w, NULL);
        check_refused(w.data, w.size, NULL, MT_E_UNSUPPORTED, cases[i].says);
        czi_free(&w);
    }
}

/* Those that no file shows. */
static void wide_numbers_are_read(void **state)
{
    (void)state;
    static const struct {
        int32_t pixel_type;
        mt_dtype dtype;
        uint8_t bytes[16]; /* of two pixels, little-endian */
        float values[2];
    } cases[2] = { { 12, MT_INT32, { 0xfe, 0xff, 0xff, 0xff, 0, 0, 1, 0 }, { -2, 65536 } },
                   { 13, MT_FLOAT64, { 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0 }, { 1.5, -2 } } };
    for (int i = 0; i < 2; i++) {
        czi_writer w;
        czi_tile tile = czi_gray_tile(-7, -9, 2, 1, cases[i].bytes);
        tile.pixel_type = cases[i].pixel_type;
        tile.size *= mt_dtype_size(cases[i].dtype);
        czi_begin(&w);
        czi_add_tile(&w, &tile);
        czi_finish(&w, NULL);
        mt_stack *stack = open_bytes(&w, NULL);
        assert_int_equal(mt_stack_get_info(stack)->dtype, cases[i].dtype);
        float patch[2];
        int64_t zero[2] = { 0 }, size[2] = { 1, 2 };
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, zero, size, 2, patch, &err), &err);
        assert_memory_equal(patch, cases[i].values, sizeof patch);
        mt_stack_close(stack);
        czi_free(&w);
    }
}

/* A JPEG XR of 67 x 45 on tiles of other sizes: its upper left corner, zeros beyond it. */
static void pictures_of_other_sizes_are_cut_or_padded(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = { { 67, 45 }, { 70, 50 }, { 60, 40 }, { 70, 40 }, { 60, 50 } };
    size_t size, jxr_size = 0;
    uint8_t *file = read_file(data_path("czi/generated/px_gray8_jxr.czi"), &size), *jxr = NULL;
    for (size_t i = 0; i + 44 < size && !jxr; i++) {
        if (memcmp(file + i, "ZISRAWSUBBLOCK", 14) == 0)
            jxr_size = file[i + 40] | (size_t)file[i + 41] << 8;
        jxr = memcmp(file + i, "\x49\x49\xbc\x01", 4) == 0 ? file + i : NULL;
    }
    assert_non_null(jxr);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int32_t width = sizes[i][0], height = sizes[i][1];
        uint8_t *expected = calloc((size_t)width, (size_t)height);
        for (int y = 0; y < height && y < 45; y++)
            for (int x = 0; x < width && x < 67; x++)
                expected[y * width + x] = (uint8_t)formula(x, y, 0);
        czi_writer w;
        czi_tile tile = czi_gray_tile(0, 0, width, height, jxr);
        tile.size = jxr_size;
        tile.compression = 4;
        czi_begin(&w);
        czi_add_tile(&w, &tile);
        czi_finish(&w, NULL);
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_stack_open_memory(NULL, "made.czi", w.data, w.size, NULL, &stack, &err);
        if (st == MT_E_UNSUPPORTED && strstr(err.message, "MT_WITH_JPEGXR"))
            skip();
        check_ok(st, &err);
        check_pixels(stack, expected, (size_t)width * (size_t)height);
        mt_stack_close(stack);
        czi_free(&w);
        free(expected);
    }
    free(file);
}

/* A raw subblock of 3 GB, of which the file has no more than the ends. */
static void subblocks_of_more_than_2_gib_are_read(void **state)
{
    (void)state;
    enum { WIDTH = 60000, HEIGHT = 50000 };
    const uint64_t bytes = (uint64_t)WIDTH * HEIGHT;
    char path[] = "/tmp/microtome-large-XXXXXX.czi";
    int fd = mkstemps(path, 4);
    assert_true(fd >= 0);
    czi_writer w;
    czi_tile tile = czi_gray_tile(0, 0, WIDTH, HEIGHT, (const uint8_t *)"");
    tile.size = 0;
    czi_begin(&w);
    czi_add_tile(&w, &tile);
    for (int i = 0; i < 8; i++) { /* its sizes, and those of its segment, the last of the file */
        w.data[544 + 16 + i] = (uint8_t)((bytes + 256) >> 8 * i);
        w.data[544 + 32 + 8 + i] = (uint8_t)(bytes >> 8 * i);
    }
    uint64_t first = 544 + 32 + 256; /* of the pixels */
    assert_int_equal(pwrite(fd, w.data, first, 0), first);
    assert_int_equal(ftruncate(fd, (off_t)(first + bytes)), 0);
    assert_int_equal(pwrite(fd, "\x07", 1, (off_t)(first + bytes - 1)), 1);
    close(fd);
    mt_context_options options = { .struct_size = sizeof options, .cache_bytes = 1 << 20 };
    options.limits.max_chunk_bytes = (size_t)4 << 30;
    mt_context *context;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &context, &err), &err);
    check_ok(mt_stack_open(context, path, NULL, &stack, &err), &err);
    float patch[4];
    const int64_t channel = 0, coords[2] = { HEIGHT - 2, WIDTH - 2 }, size[2] = { 2, 2 };
    check_ok(mt_stack_extract_patch(stack, 0, &channel, 1, coords, size, 2, patch, &err), &err);
    assert_int_equal((int)patch[3], 7);
    mt_stack_close(stack);
    mt_context_free(context);
    czi_free(&w);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thumbnails_are_images),
        cmocka_unit_test(attached_documents_are_images),
        cmocka_unit_test(the_depth_is_chosen),
        cmocka_unit_test(views_keep_the_contract),
        cmocka_unit_test(the_depth_must_be_there),
        cmocka_unit_test(lists_have_a_depth_too),
        cmocka_unit_test(masks_show_what_lies_below),
        cmocka_unit_test(masks_keep_the_contract),
        cmocka_unit_test(bad_masks_are_errors),
        cmocka_unit_test(colours_equal_their_formula),
        cmocka_unit_test(wide_numbers_are_read),
        cmocka_unit_test(what_is_not_read_is_named),
        cmocka_unit_test(pictures_of_other_sizes_are_cut_or_padded),
        cmocka_unit_test(subblocks_of_more_than_2_gib_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
