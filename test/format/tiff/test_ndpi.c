/* SPDX-License-Identifier: BSD-3-Clause */
/* NDPI: levels, focal planes and other images by private tags; restart intervals of JPEG streams as tiles; files of more
 * than 4 GB. */
#include "support/contract.h"
#include "support/slide_checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/microtome-slide-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int handle = mkstemp(path);
    return handle < 0 ? -1 : close(handle);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static const slide_spec base = { 48, 28, .jpeg = true, .interval = 3, .lens = 20, .per_cm = 40000 },
                        half = { 24, 14, .jpeg = true, .interval = 3, .first = 3, .lens = 10 },
                        macro = { 20, 7, .jpeg = true, .first = 9, .lens = -1 },
                        map = { 10, 5, .first = 4, .lens = -2 };

static void check_page(const char *part, const slide_spec *page) { check_planes(path, part, "YX", &page, 1); }

static void check_refused(mt_context *context, const char *part, mt_status status, const char *words)
{
    char name[64];
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    snprintf(name, sizeof name, "%s%s", path, part);
    mt_status st = mt_stack_open(context, name, NULL, &stack, &err);
    if (!st) {
        whole_image image;
        st = read_whole(stack, &image, &err);
        assert_int_not_equal(st, MT_OK);
        mt_stack_close(stack);
    }
    check_failed(st, status, &err, words);
}

static void check_chunks(const char *part, int64_t height, int64_t width)
{
    mt_stack *stack = open_slide(path, part);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_true(info->chunk_shape[info->original_ndim - 2] == height &&
                info->chunk_shape[info->original_ndim - 1] == width);
    mt_stack_close(stack);
}

static void levels_and_other_images(void **state)
{
    (void)state;
    const slide_spec pages[] = { base, half, macro, map };
    write_slide(path, pages, 4, true);
    check_layout(path, 2, "|macro|map", NULL);
    check_page("", &base);
    check_page("#level=1", &half);
    check_page("#series=1", &macro);
    check_page("#series=2", &map);
    check_pixel_size(path, "#level=1", 0.5, 0.5);
    check_chunks("", 8, 24);
    check_chunks("#series=1", 7, 20);
}

/* A patch decodes only the intervals that it touches: the others may be damaged. */
static void intervals_are_tiles(void **state)
{
    (void)state;
    write_slide(path, &base, 1, true);
    size_t size;
    uint8_t *bytes = read_file(path, &size), *at = memchr(bytes, 0xd2, size);
    while (at[-1] != 0xff) /* RST2: before the fourth of eight intervals */
        at = memchr(at + 1, 0xd2, size - (size_t)(at + 1 - bytes));
    patch_file(path, at + 1 - bytes, "\xff\xd9", 2); /* an early end */
    free(bytes);
    mt_stack *stack = open_slide(path, "");
    float value;
    const int64_t channel = 0, extent[2] = { 1, 1 };
    for (int64_t y = 0; y < base.height; y += 8)
        for (int64_t x = 0; x < base.width; x += 24) {
            const int64_t coords[2] = { y, x };
            mt_error err = MT_ERROR_INIT;
            mt_status st = mt_stack_extract_patch(stack, 0, &channel, 1, coords, extent, 2, &value, &err);
            assert_int_equal(st, y == 8 && x == 24 ? MT_E_CORRUPT : MT_OK);
            if (!st)
                assert_true(value == (float)slide_pixel(&base, y, x, 0));
        }
    mt_stack_close(stack);
}

/* Planes of one size are sorted by depth; all levels have the same. */
static void focal_planes(void **state)
{
    (void)state;
    slide_spec pages[] = { base, base, half, half, macro };
    pages[0].depth = 1500;
    pages[1].depth = -500;
    pages[2].depth = -500;
    pages[3].depth = 1500;
    pages[1].first = 30;
    pages[1].quantizer = 8; /* another head, and so other tables */
    pages[3].first = 40;
    write_slide(path, pages, 5, true);
    check_layout(path, 2, "|macro", NULL);
    const slide_spec *const full[] = { &pages[1], &pages[0] }, *const smaller[] = { &pages[2], &pages[3] };
    check_planes(path, "", "ZYX", full, 2);
    check_planes(path, "#level=1", "ZYX", smaller, 2);
    mt_stack *stack = open_slide(path, "");
    assert_true(mt_stack_get_info(stack)->pixel_size[0] == 2);
    assert_string_equal(mt_stack_get_info(stack)->unit[0], "micrometer");
    mt_stack_close(stack);
    pages[3].depth = 1000;
    write_slide(path, pages, 5, true);
    check_layout(path, 1, "|||macro", "are not a level: their channels or focal planes");
    check_page("#series=2", &pages[3]);
    pages[2] = base;
    for (int i = 0; i < 2; i++) {
        pages[2].depth = i ? 3500 : 2500; /* after -500 and 1500 */
        write_slide(path, pages, 3, true);
        stack = open_slide(path, "");
        assert_int_equal(mt_stack_get_info(stack)->original_shape[0], 3);
        assert_true(mt_stack_get_info(stack)->pixel_size[0] == 2 * i);
        mt_stack_close(stack);
    }
}

/* Values of 32 bits, offsets and links continue in the high words. */
static void more_than_4_gb(void **state)
{
    (void)state;
    slide_spec pages[] = { base, half, macro, map };
    pages[1].at = ((uint64_t)5 << 32) + 6;
    write_slide(path, pages, 4, true);
    check_layout(path, 2, "|macro|map", NULL);
    check_page("", &base);
    check_page("#level=1", &half);
    check_page("#series=1", &macro);
    check_page("#series=2", &map);
    pages[1].at = 0;
    pages[0].at = (uint64_t)1 << 33; /* even the first directory */
    write_slide(path, pages, 4, true);
    check_layout(path, 2, "|macro|map", NULL);
    check_page("", &base);
}

/* Streams without restart intervals are decoded whole, if the limits allow it. */
static void streams_without_intervals(void **state)
{
    (void)state;
    slide_spec whole = { 6000, 4000, .jpeg = true, .lens = 20 }, pages[] = { whole, half };
    pages[1].interval = 0;
    write_slide(path, pages, 2, true);
    check_layout(path, 1, "|",
                 "page 0 is one JPEG of 6000 x 4000 pixels, 24.0 MB decoded, without restart intervals|not a level");
    check_chunks("", 4000, 6000);
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    const mt_context_options options = { .struct_size = sizeof options, .limits = { .max_chunk_bytes = 1 << 20 } };
    check_ok(mt_context_new(&options, &context, &err), &err);
    check_refused(context, "", MT_E_LIMIT,
                  "one JPEG of 6000 x 4000 pixels that cannot be decoded in parts, 24000000 bytes: "
                  "more than max_chunk_bytes (1048576). Open a smaller level");
    mt_context_free(context);
    check_refused(NULL, "", MT_E_CORRUPT, ""); /* only its head was written */
    whole.width = 65501;
    write_slide(path, &whole, 1, true);
    check_refused(NULL, "", MT_E_UNSUPPORTED, "more than 65500 along a side");
    whole.width = 65500;
    write_slide(path, &whole, 1, true);
    check_refused(NULL, "", MT_E_CORRUPT, "");
    slide_spec wide = { 70000, 8, .jpeg = true, .interval = 8750, .lens = 20 }; /* an interval of the whole row */
    write_slide(path, &wide, 1, true);
    check_refused(NULL, "", MT_E_UNSUPPORTED, "more than 65500 along a side");
}

enum { COUNT = 4, VALUE = 8 };

/* Changes bytes of an entry of the first directory, and returns its value, such as an offset. */
static uint32_t patch_tag(uint16_t tag, int at_entry, const void *value, size_t size)
{
    size_t n;
    uint8_t *bytes = read_file(path, &n), *at = bytes;
    const uint8_t low = (uint8_t)tag, high = (uint8_t)(tag >> 8);
    while (at[0] != low || at[1] != high || at[2] != 4 || at[3] != 0)
        assert_true(++at < bytes + n - 12);
    patch_file(path, at + at_entry - bytes, value, size);
    uint32_t old = (uint32_t)(at[VALUE] | at[VALUE + 1] << 8);
    free(bytes);
    return old;
}

static void damaged_intervals(void **state)
{
    (void)state;
    slide_spec page = base;
    page.interval = 4; /* does not divide a row of six blocks */
    write_slide(path, &page, 1, true);
    check_layout(path, 1, "",
                 "page 0 is one JPEG of 48 x 28 pixels, 0.0 MB decoded, whose restart intervals do not form tiles");
    check_page("", &page);
    page.interval = 12; /* two rows */
    write_slide(path, &page, 1, true);
    check_layout(path, 1, "", "restart intervals do not form tiles");
    check_page("", &page);
    write_slide(path, &base, 1, true);
    patch_tag(65426, COUNT, "\7", 1); /* one too few */
    check_layout(path, 1, "", "restart intervals do not form tiles");
    check_page("", &base);
    write_slide(path, &base, 1, true);
    uint32_t starts = patch_tag(65426, VALUE, "", 0);
    patch_file(path, (long)starts + 4, "\0\0\0\0", 4); /* not in the order of the stream */
    check_refused(NULL, "", MT_E_CORRUPT, "restart interval 0 has the bytes");
    size_t size;
    uint8_t *bytes = read_file(path, &size);
    patch_file(path, (long)starts + 4, bytes + starts, 4); /* an empty one is not taken for one that is not stored */
    free(bytes);
    check_refused(NULL, "", MT_E_CORRUPT, "restart interval 0 has the bytes");
    write_slide(path, &base, 1, true);
    patch_tag(279, VALUE, "\x10\0\0", 4); /* the strip ends within its head */
    check_refused(NULL, "", MT_E_CORRUPT, "restart interval 0 has the bytes");
    write_slide(path, &base, 1, true);
    patch_tag(273, VALUE, "\xf0\xff\xff", 4); /* the strip lies beyond the end of the file */
    check_refused(NULL, "", MT_E_CORRUPT, "in a file of");
    write_slide(path, &base, 1, true);
    patch_tag(65426, VALUE, "\xff\xff\xff\xff", 4); /* so do the offsets of intervals */
    check_refused(NULL, "", MT_E_CORRUPT, "65426");
    page = base;
    page.wide = true;
    write_slide(path, &page, 1, true);
    check_page("", &page);
    patch_tag(65432, VALUE, "\x08\0\0", 4); /* the high words are now 0 and the start of the JPEG */
    check_refused(NULL, "", MT_E_CORRUPT, "restart interval 0 has the bytes");
}

/* Intervals are placed by the width of the page, which must be that of the stream. */
static void a_stream_of_another_width(void **state)
{
    (void)state;
    size_t n;
    write_slide(path, &base, 1, true);
    uint8_t *bytes = read_file(path, &n), *at = bytes;
    while (at[0] != 0xff || at[1] != 0xc0)
        assert_true(++at < bytes + n - 10);
    patch_file(path, at + 5 - bytes, "\0\x38\0\x18", 4); /* half as wide and twice as high: as many intervals */
    free(bytes);
    check_refused(NULL, "", MT_E_CORRUPT, "an image of 24 x 56");
}

/* The intervals of a scan of one sample are no tiles of the image, and what no scan has is not invented. */
static void scans_of_one_sample(void **state)
{
    (void)state;
    slide_spec page = base;
    page.samples = page.scans = 3;
    const slide_spec *planes = &page;
    write_slide(path, &page, 1, true);
    check_layout(path, 1, "", "restart intervals do not form tiles");
    check_planes(path, "", "YXC", &planes, 1);
    for (page.scans = 1; page.scans < 3; page.scans++) {
        write_slide(path, &page, 1, true);
        check_refused(NULL, "", MT_E_CORRUPT, page.scans == 1 ? "no scan has component 2 of 3" : "component 3 of 3");
    }
}

static void deep_samples(void **state)
{
    (void)state;
    slide_spec page = { 48, 28, .lens = 20, .mode = 7 };
    write_slide(path, &page, 1, true);
    check_refused(NULL, "", MT_E_UNSUPPORTED, "(CaptureMode 7) is not supported: export it as TIFF");
    page.mode = 6;
    write_slide(path, &page, 1, true);
    check_refused(NULL, "", MT_E_UNSUPPORTED, "CaptureMode 6");
    page.mode = 5;
    write_slide(path, &page, 1, true);
    check_page("", &page);
    page = base; /* a JPEG has 8 bits */
    page.mode = 7;
    write_slide(path, &page, 1, true);
    check_page("", &page);
}

/* Every truncation is an error or has a warning, and whatever is read is right. */
static void truncated_files(void **state)
{
    (void)state;
    const slide_spec pages[] = { base, half, macro };
    write_slide(path, pages, 3, true);
    check_contract(path, NULL);
    check_contract(path, &(mt_open_options) { .struct_size = sizeof(mt_open_options), .part = "level=1" });
}

int main(void)
{
#ifndef MT_WITH_JPEG
    print_message("skipped: built without JPEG\n");
    return 0;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_and_other_images),
        cmocka_unit_test(intervals_are_tiles),
        cmocka_unit_test(focal_planes),
        cmocka_unit_test(more_than_4_gb),
        cmocka_unit_test(streams_without_intervals),
        cmocka_unit_test(damaged_intervals),
        cmocka_unit_test(a_stream_of_another_width),
        cmocka_unit_test(scans_of_one_sample),
        cmocka_unit_test(deep_samples),
        cmocka_unit_test(truncated_files),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
