/* SPDX-License-Identifier: BSD-3-Clause */
/* CZI documents whose numbers lie at the ends of what fits, made here. */
#include "support/czi_writer.h"
#include "support/faulty_store.h"
#include "support/map.h"

#include <microtome/microtome.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint8_t pixels[4 * 4 * 2] = { 7, 6, 5, 4 };

static mt_status open_written(const czi_writer *w, const mt_open_options *options, mt_stack **out, mt_error *err)
{
    return mt_stack_open_memory(NULL, "a.czi", w->data, w->size, options, out, err);
}

/* One tile for each channel number and pixel type; xml may be NULL. */
static void write_channels(czi_writer *w, const int32_t (*channels)[2], size_t n, const char *xml)
{
    czi_begin(w);
    for (size_t i = 0; i < n; i++) {
        czi_tile tile = czi_gray_tile(0, 0, 4, 4, pixels);
        tile.pixel_type = channels[i][1];
        tile.size = channels[i][1] == 1 ? 32 : 16;
        czi_add_dimension(&tile, 'C', channels[i][0], 1);
        czi_add_tile(w, &tile);
    }
    czi_finish(w, xml);
}

/* Numbers of channels start anywhere: those of the metadata are counted from 0. */
static void channels_of_the_lowest_number(void **state)
{
    (void)state;
    static const char xml[] = "<M><Dimensions><Channels><Channel Name=\"a\"/><Channel Name=\"b\"/></Channels>"
                              "</Dimensions></M>";
    static const struct {
        int32_t channel[1][2];
        const char *name;
    } cases[] = { { { { 0, 0 } }, "a" }, { { { 1, 0 } }, "b" }, { { { INT32_MIN, 0 } }, "" }, { { { 9, 0 } }, "" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        czi_writer w;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        write_channels(&w, cases[i].channel, 1, xml);
        check_ok(open_written(&w, NULL, &stack, &err), &err);
        assert_string_equal(mt_stack_get_info(stack)->channels[0].name, cases[i].name);
        mt_stack_close(stack);
        czi_free(&w);
    }
}

/* The pixel type that is opened is that of the first channel, in whatever order the directory has them. */
static void the_first_channel_gives_the_pixel_type(void **state)
{
    (void)state;
    static const int32_t orders[][3][2] = { { { 0, 1 }, { 2, 1 }, { 1, 0 } },
                                            { { 1, 0 }, { 2, 1 }, { 0, 1 } },
                                            { { 2, 1 }, { 0, 1 }, { 1, 0 } } };
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        czi_writer w;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        write_channels(&w, orders[i], 3, NULL);
        check_ok(open_written(&w, NULL, &stack, &err), &err);
        assert_int_equal(mt_stack_get_info(stack)->dtype, MT_UINT16);
        mt_stack_close(stack);
        czi_free(&w);
    }
}

static void a_level_that_is_not_there(void **state)
{
    (void)state;
    static const int32_t channel[1][2] = { { 0, 0 } };
    static const char *const parts[] = { "level=1", "level=1000", "level=999999" };
    czi_writer w;
    write_channels(&w, channel, 1, NULL);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        const mt_open_options options = { .struct_size = sizeof options, .part = parts[i] };
        assert_int_equal(open_written(&w, &options, &stack, &err), MT_E_NOT_FOUND);
        assert_non_null(strstr(err.message, parts[i]));
    }
    czi_free(&w);
}

/* A mask has one bit per pixel, but its rows may have any padding. */
static void rows_of_a_mask_are_limited(void **state)
{
    (void)state;
    enum { STRIDE = 1000, HEAD = 20 + 16 };
    static uint8_t mask[HEAD + 4 * STRIDE] = { 0x67, 0xea, 0xe3, 0xcb, 0xfc, 0x5b, 0x2b, 0x49, 0xa1, 0x6a,
                                               0xec, 0xe3, 0x78, 0x03, 0x14, 0x48, 0xb0, 0x0f, 0,    0,
                                               4,    0,    0,    0,    4,    0,    0,    0,    0,    0,
                                               0,    0,    0xe8, 0x03, 0,    0,    0xf0 };
    const mt_open_options options = { .struct_size = sizeof options, .use_masks = 1 };
    for (size_t limit = 1024; limit <= 8192; limit *= 8) {
        czi_writer w;
        mt_context *context;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        const mt_context_options few = { .struct_size = sizeof few, .limits = { .max_chunk_bytes = limit } };
        czi_tile tile = czi_gray_tile(0, 0, 4, 4, pixels);
        tile.metadata =
            "<METADATA><AttachmentSchema><DataFormat>CHUNKCONTAINER</DataFormat></AttachmentSchema></METADATA>";
        tile.attachment = mask;
        tile.attachment_size = sizeof mask;
        czi_begin(&w);
        czi_add_tile(&w, &tile);
        czi_finish(&w, NULL);
        check_ok(mt_context_new(&few, &context, &err), &err);
        check_ok(mt_stack_open_memory(context, "a.czi", w.data, w.size, &options, &stack, &err), &err);
        static const int64_t origin[2] = { 0 }, size[2] = { 4, 4 };
        float patch[16];
        mt_status st = mt_stack_extract_patch(stack, 0, NULL, 0, origin, size, 2, patch, &err);
        if (limit > 4 * STRIDE) {
            check_ok(st, &err);
            assert_true(patch[0] == 7 && patch[3] == 4 && patch[4] == 0);
        } else {
            assert_int_equal(st, MT_E_LIMIT);
            assert_non_null(strstr(err.message, "max_chunk_bytes (1024)"));
        }
        mt_stack_close(stack);
        mt_context_free(context);
        czi_free(&w);
    }
}

static void write_file(const char *folder, const char *name, const void *bytes, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* What has the name of a continuation and is none that can be read: the error is about that file. */
static void a_broken_continuation_is_named(void **state)
{
    (void)state;
    static const int32_t channel[1][2] = { { 0, 0 } };
    char folder[] = "/tmp/microtome-czi-XXXXXX", path[256];
    czi_writer w;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    assert_non_null(mkdtemp(folder));
    write_channels(&w, channel, 1, NULL);
    memset(w.data + 32 + 32, 5, 16); /* the file's GUID: it has one */
    write_file(folder, "a.czi", w.data, w.size);
    write_file(folder, "a (1).czi", "no", 2);
    snprintf(path, sizeof path, "%s/a.czi", folder);
    assert_int_equal(mt_stack_open(NULL, path, NULL, &stack, &err), MT_E_CORRUPT);
    assert_non_null(strstr(err.message, "a (1).czi, which may continue the document: "));
    unlink(path);
    snprintf(path, sizeof path, "%s/a (1).czi", folder);
    unlink(path);
    rmdir(folder);
    czi_free(&w);
}

/* Opens the document, and returns the number of reads. */
static size_t open_counting(const czi_writer *w, opened_map *out)
{
    mt_store *inner;
    mt_container *container;
    mt_error err = MT_ERROR_INIT;
    *out = (opened_map) { 0 };
    check_ok(mt_context_new(NULL, &out->context, &err), &err);
    check_ok(mt_store_open_memory(&out->context->env, "a.czi", w->data, w->size, &inner, &err), &err);
    check_ok(faulty_store_wrap(inner, SIZE_MAX, MT_E_IO, &out->store, &err), &err);
    check_ok(open_container("czi", out->store, "a.czi", "a.czi", NULL, &container, &err), &err);
    check_ok(map_part(container, "", &out->map, &err), &err);
    mt_container_close(container);
    return faulty_store_calls(out->store);
}

/* n tiles of one pixel, side by side: opened, and all pixels read. Returns calls of the store while it was opened. */
static size_t check_row(int32_t n)
{
    czi_writer w;
    opened_map o;
    mt_error err = MT_ERROR_INIT;
    uint8_t *read;
    size_t size;
    czi_begin(&w);
    for (int32_t i = 0; i < n; i++) {
        uint8_t pixel = (uint8_t)(i * 7 % 251);
        czi_tile tile = czi_gray_tile(i, 0, 1, 1, &pixel);
        czi_add_tile(&w, &tile);
    }
    czi_finish(&w, NULL);
    size_t calls = open_counting(&w, &o);
    check_ok(read_map(&o, &read, &size, &err), &err);
    assert_int_equal(size, n);
    for (int32_t i = 0; i < n; i++)
        assert_int_equal(read[i], i * 7 % 251);
    free(read);
    close_map(&o);
    czi_free(&w);
    return calls;
}

/* Size and head for the probe; the size, the header, and a head and the entries of the directory; a long one is read in
 * windows, each time. */
static void the_directory_is_read_once(void **state)
{
    (void)state;
    assert_int_equal(check_row(1), 6);
    assert_int_equal(check_row(3000), 6);
    assert_in_range(check_row(16385), 7, 62);
}

/* The settings of an image may follow or precede those of the experiment in the metadata. */
static void long_metadata_is_searched_from_its_end(void **state)
{
    (void)state;
    static const char start[] = "<M><DisplaySetting><Channels><Channel Name=\"old\"/></Channels></DisplaySetting>";
    static const char end[] = "<Dimensions><Channels><Channel Name=\"b\"/></Channels></Dimensions><Scaling><Items>"
                              "<Distance Id=\"X\"><Value>2e-6</Value></Distance></Items></Scaling>";
    static const char display[] = "<DisplaySetting><Channels><Channel Name=\"new\"/></Channels></DisplaySetting>";
    enum { LENGTH = 300000 };
    static char xml[LENGTH + sizeof start + sizeof end + sizeof display];
    static const int32_t channel[1][2] = { { 0, 0 } };
    for (int last = 0; last < 2; last++) {
        czi_writer w;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        snprintf(xml, sizeof xml, "%s%*s%s%s", start, LENGTH, "", end, last ? display : "");
        write_channels(&w, channel, 1, xml);
        check_ok(open_written(&w, NULL, &stack, &err), &err);
        const mt_stack_info *info = mt_stack_get_info(stack);
        assert_string_equal(info->channels[0].name, last ? "new" : "old");
        assert_true(info->pixel_size[1] > 1.99 && info->pixel_size[1] < 2.01);
        mt_stack_close(stack);
        czi_free(&w);
    }
}

/* Metadata in other encodings than UTF-8 is read; metadata that is not XML gives a warning if it was needed. */
static void metadata_that_is_wrong(void **state)
{
    (void)state;
#define WHOLE                                                                                                          \
    "<DisplaySetting><Channels/></DisplaySetting><Scaling><Items/></Scaling><Dimensions><Channels><Channel "           \
    "Name=\"b\"/></Channels></Dimensions>"
    static const struct {
        const char *xml, *name, *warning;
    } cases[] = { { "<M><Dimensions><Channels><Channel Name=\"\xe9\"/></Channels></Dimensions></M>", "\xc3\xa9", NULL },
                  { "<M><Dimensions><Channels><Channel Name=\"a\"></Dimensions></M>", NULL, "mismatched tag" },
                  { "<M><Dimensions><Channels><T></Dimensions>" WHOLE "</M>", "b", NULL } };
    static const int32_t channel[1][2] = { { 0, 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        czi_writer w;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        write_channels(&w, channel, 1, cases[i].xml);
        check_ok(open_written(&w, NULL, &stack, &err), &err);
        const mt_stack_info *info = mt_stack_get_info(stack);
        if (cases[i].name)
            assert_string_equal(info->channels[0].name, cases[i].name);
        assert_int_equal(info->n_warnings, cases[i].warning != NULL);
        if (cases[i].warning)
            assert_non_null(strstr(info->warnings[0], cases[i].warning));
        mt_stack_close(stack);
        czi_free(&w);
    }
}

/* Each tile of another size, then again: as many sizes as are allowed, and one more. */
static void sizes_of_tiles_are_limited(void **state)
{
    (void)state;
    enum { SIDE = 64 };
    static const uint8_t bytes[(SIDE + 1) * SIDE] = { 1, 2 };
    for (int more = 0; more < 2; more++) {
        czi_writer w;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        czi_begin(&w);
        for (int32_t i = 0; i < 2 * SIDE * SIDE; i++) {
            int32_t x = i % SIDE, y = i / SIDE % SIDE;
            czi_tile tile = czi_gray_tile(x * SIDE, y * SIDE, x + 1, y + 1, bytes);
            czi_add_tile(&w, &tile);
        }
        czi_tile tile = czi_gray_tile(0, 0, SIDE + more, SIDE, bytes);
        czi_add_tile(&w, &tile);
        czi_finish(&w, NULL);
        mt_status status = open_written(&w, NULL, &stack, &err);
        assert_int_equal(status, more ? MT_E_LIMIT : MT_OK);
        if (more)
            assert_non_null(strstr(err.message, "more than 4096 sizes"));
        else
            mt_stack_close(stack);
        czi_free(&w);
    }
}

/* How many levels there are where the last tile of the second, of one pixel for 32, says that it was so wide. */
static int count_levels(int32_t width)
{
    enum { WIDTH = 64, HEIGHT = 64, FACTOR = 32 };
    static const uint8_t bytes[2 * WIDTH * HEIGHT] = { 3 };
    czi_writer w;
    opened_map o;
    czi_begin(&w);
    czi_tile whole = czi_gray_tile(0, 0, WIDTH + width, HEIGHT, bytes);
    czi_tile second = czi_gray_tile(0, 0, WIDTH, HEIGHT, bytes);
    second.dims[0].stored = second.dims[1].stored = WIDTH / FACTOR;
    second.size = 4;
    czi_tile edge = czi_gray_tile(WIDTH, 0, width, width, bytes);
    edge.dims[0].stored = edge.dims[1].stored = edge.size = 1;
    czi_add_tile(&w, &whole);
    czi_add_tile(&w, &second);
    czi_add_tile(&w, &edge);
    czi_finish(&w, NULL);
    open_counting(&w, &o);
    int n = o.map->n_levels;
    close_map(&o);
    czi_free(&w);
    return n;
}

static void levels_allow_for_rounded_sizes(void **state)
{
    (void)state;
    assert_int_equal(count_levels(32), 2);
    assert_int_equal(count_levels(31), 2);
    assert_int_equal(count_levels(33), 2);
    assert_int_equal(count_levels(34), 3);
}

/* A document whose writer was stopped: no directory, and room of a size that was never written behind a tile. */
static mt_status open_unfinished(off_t room, mt_stack **out, mt_error *err)
{
    char path[] = "/tmp/microtome-sparse-XXXXXX.czi";
    int fd = mkstemps(path, 4);
    assert_true(fd >= 0);
    czi_writer w;
    czi_begin(&w);
    czi_tile tile = czi_gray_tile(0, 0, 4, 4, pixels);
    czi_add_tile(&w, &tile);
    size_t first = w.size;
    tile = czi_gray_tile(4, 0, 4, 4, pixels);
    czi_add_tile(&w, &tile);
    assert_int_equal(pwrite(fd, w.data, first, 0), first);
    assert_int_equal(pwrite(fd, w.data + first, w.size - first, (off_t)first + room), w.size - first);
    close(fd);
    mt_status status = mt_stack_open(NULL, path, NULL, out, err);
    czi_free(&w);
    unlink(path);
    return status;
}

static void room_without_segments_is_limited(void **state)
{
    (void)state;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(open_unfinished(1 << 20, &stack, &err), &err);
    assert_int_equal(mt_stack_get_info(stack)->data_shape[3], 8);
    mt_stack_close(stack);
    assert_int_equal(open_unfinished((off_t)100 << 30, &stack, &err), MT_E_LIMIT);
    assert_non_null(strstr(err.message, "without a directory"));
}

/* Any number of bytes 0xff may precede a marker. */
static void thumbnails_may_have_fill_bytes(void **state)
{
    (void)state;
    enum { OFFSET = 2, FILL = 3 };
    const char *file = data_path("czi/real/tiles.czi");
    size_t size;
    uint8_t *whole = read_file(file, &size), *jpeg = memmem(whole, size, "\xff\xd8\xff", 3);
    assert_non_null(jpeg);
    const size_t n = 7164;
    uint8_t *filled = malloc(n + FILL);
    memcpy(filled, jpeg, OFFSET);
    memset(filled + OFFSET, 0xff, FILL);
    memcpy(filled + OFFSET + FILL, jpeg + OFFSET, n - OFFSET);
    czi_writer w;
    czi_begin(&w);
    czi_tile tile = czi_gray_tile(0, 0, 2, 2, (const uint8_t *)"abcd");
    czi_add_tile(&w, &tile);
    czi_add_attachment(&w, "Plain", "JPG", jpeg, n);
    czi_add_attachment(&w, "Filled", "JPG", filled, n + FILL);
    czi_finish(&w, NULL);
    static const char *const parts[] = { "attachment=Plain", "attachment=Filled" };
    static float patches[2][8 * 8 * 3];
    for (int i = 0; i < 2; i++) {
        const mt_open_options options = { .struct_size = sizeof options, .part = parts[i] };
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        const int64_t channels[3] = { 0, 1, 2 }, coords[2] = { 40, 40 }, extent[2] = { 8, 8 };
        check_ok(open_written(&w, &options, &stack, &err), &err);
        check_ok(mt_stack_extract_patch(stack, 0, channels, 3, coords, extent, 2, patches[i], &err), &err);
        mt_stack_close(stack);
    }
    assert_memory_equal(patches[0], patches[1], sizeof patches[0]);
    free(filled);
    free(whole);
    czi_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_of_the_lowest_number),
        cmocka_unit_test(the_first_channel_gives_the_pixel_type),
        cmocka_unit_test(a_level_that_is_not_there),
        cmocka_unit_test(rows_of_a_mask_are_limited),
        cmocka_unit_test(a_broken_continuation_is_named),
        cmocka_unit_test(the_directory_is_read_once),
        cmocka_unit_test(long_metadata_is_searched_from_its_end),
        cmocka_unit_test(metadata_that_is_wrong),
        cmocka_unit_test(sizes_of_tiles_are_limited),
        cmocka_unit_test(levels_allow_for_rounded_sizes),
        cmocka_unit_test(room_without_segments_is_limited),
        cmocka_unit_test(thumbnails_may_have_fill_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
