/* SPDX-License-Identifier: BSD-3-Clause */
/* Aperio SVS: what is a level, what is an image of its own, and files that contradict themselves. */
#include "support/broken.h"
#include "support/slide_checks.h"

#include <stdlib.h>
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

#define APERIO "Aperio Image Library v11.2.1\r\n"
#define BASE APERIO "48x32 [0,0 48x32] (16x16) JPEG/RGB Q=30|AppMag = 20|MPP = 0.4990|Left = 1"
#define RGB_TILES .samples = 3, .tile = 16

static const slide_spec base = { 48, 32, RGB_TILES, .description = BASE },
                        thumbnail = { 12, 8, .samples = 3, .description = APERIO "48x32 -> 12x8 - |AppMag = 20" },
                        half = { 24, 16, RGB_TILES, .first = 3, .description = APERIO "48x32 (16x16) -> 24x16 JPEG" },
                        quarter = { 12, 8, RGB_TILES, .first = 9, .description = APERIO "48x32 -> 12x8 JPEG" },
                        label = { 6, 4, .samples = 3, .subfile = 1, .description = APERIO "label 6x4" },
                        macro = { 9, 4, .samples = 3, .subfile = 9, .description = APERIO "macro 9x4" };

static void check_page(const char *part, const slide_spec *page) { check_planes(path, part, "YXC", &page, 1); }

static void levels_and_other_images(void **state)
{
    (void)state;
    const slide_spec pages[] = { base, thumbnail, half, quarter, label, macro };
    write_slide(path, pages, 6, false);
    check_layout(path, 3, "|thumbnail|label|macro", NULL);
    check_page("", &base);
    check_page("#level=1", &half);
    check_page("#level=2", &quarter);
    check_page("#series=1", &thumbnail);
    check_page("#series=2", &label);
    check_page("#series=3", &macro);
    check_pixel_size(path, "", 0.499, 0.499);
    check_pixel_size(path, "#level=1", 0.998, 0.998);
    check_pixel_size(path, "#series=2", 0, 0);
}

/* A label of half the thumbnail's size was once its level. */
static void a_label_is_no_level(void **state)
{
    (void)state;
    const slide_spec pages[] = { base, thumbnail, label };
    write_slide(path, pages, 3, false);
    check_layout(path, 1, "|thumbnail|label", NULL);
    check_page("#series=2", &label);
    slide_spec tiled = half; /* nor is it one in tiles */
    tiled.description = APERIO "label 24x16";
    const slide_spec others[] = { base, thumbnail, tiled };
    write_slide(path, others, 3, false);
    check_layout(path, 1, "|thumbnail|label", NULL);
}

/* Some scanners describe only the first page: NewSubfileType tells the others. */
static void images_without_descriptions(void **state)
{
    (void)state;
    slide_spec pages[] = { base, thumbnail, half, label, macro };
    for (int i = 1; i < 5; i++)
        pages[i].description = NULL;
    write_slide(path, pages, 5, false);
    check_layout(path, 2, "|thumbnail|label|macro", NULL);
    check_page("#level=1", &half);
}

static void focal_planes(void **state)
{
    (void)state;
    slide_spec pages[] = { base, thumbnail, base, base, half, half, half, label };
    for (int i = 0; i < 8; i++)
        pages[i].first += 7 * i;
    write_slide(path, pages, 8, false);
    check_layout(path, 2, "|thumbnail|label", NULL);
    const slide_spec *const planes[] = { &pages[0], &pages[2], &pages[3] };
    const slide_spec *const smaller[] = { &pages[4], &pages[5], &pages[6] };
    check_planes(path, "", "ZYXC", planes, 3);
    check_planes(path, "#level=1", "ZYXC", smaller, 3);
    write_slide(path, pages, 6, false); /* two of them */
    check_layout(path, 1, "|thumbnail||",
                 "24 x 16 pixels (the first is page 4) are not a level: there is not one for each plane");
    check_page("#series=2", &pages[4]);
}

static void sizes_in_the_description(void **state)
{
    (void)state;
    slide_spec page = base;
    static const struct {
        const char *text, *warning;
        double size;
    } cases[] = {
        { APERIO "48x32 JPEG|MPP = 0,25|", NULL, 0.25 },
        { APERIO "90x80 [1,2 48x32] (16x16)|Filename = MPPs|MPP=0.5", NULL, 0.5 },
        { APERIO "90x80 [1,2 48x32];Aperio v10\r\n999x999|MPP = 2", NULL, 2 },
        { APERIO "90x80 [1,2 48x30]|MPP = x", "48 x 32 pixels, but its description says 48 x 30, which is ignored", 0 },
        { APERIO "90x80", "90 x 80", 0 },
        { APERIO "48x32|MPPs = 3|MPP = 0.5", NULL, 0.5 },
        { APERIO "|MPP = -1", NULL, 0 },
        { APERIO "99999999999999999999x1|MPP = 1e999", NULL, 0 },
        { "Aperio", NULL, 0 },
        { APERIO "[ -> |||", NULL, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        page.description = cases[i].text;
        write_slide(path, &page, 1, false);
        check_layout(path, 1, "", cases[i].warning);
        check_pixel_size(path, "", cases[i].size, cases[i].size);
    }
    page.per_cm = 20000; /* used if the description has no size */
    write_slide(path, &page, 1, false);
    check_pixel_size(path, "", 0.5, 0.5);
}

/* Programs that keep the description of a slide write pyramids whose levels are marked as reduced, */
static void pyramids_of_other_programs(void **state)
{
    (void)state;
    slide_spec pages[] = { base, half, quarter };
    for (int i = 1; i < 3; i++) {
        pages[i].subfile = 1;
        pages[i].description = NULL;
    }
    write_slide(path, pages, 3, false);
    check_layout(path, 3, "", NULL);
    check_page("#level=2", &quarter);
    for (int i = 1; i < 3; i++)
        pages[i].description = BASE;
    write_slide(path, pages, 2, false);
    check_layout(path, 2, "", "page 1 has 24 x 16 pixels, but its description says 48 x 32, which is ignored");
    pages[0].sub = true; /* or are SubIFDs, */
    write_slide(path, pages, 2, false);
    check_layout(path, 2, "", NULL);
    check_page("#level=1", &half);
}

/* and stacks along any axis, which only the first page describes. */
static void stacks_of_other_programs(void **state)
{
    (void)state;
    slide_spec pages[] = { base, base, base };
    for (int i = 0; i < 3; i++) {
        pages[i].samples = 1;
        pages[i].first += 7 * i;
        pages[i].description = i == 0 ? BASE : NULL;
    }
    const slide_spec *const planes[] = { &pages[0], &pages[1], &pages[2] };
    write_slide(path, pages, 3, false);
    check_planes(path, "", "SYX", planes, 3);
}

/* Pages that nothing marks as reduced are levels if they are tiled and an integer divides both sides. */
static void levels_without_marks(void **state)
{
    (void)state;
    const struct {
        int width, height, tile, levels;
    } cases[] = { { 24, 16, 16, 2 }, { 24, 17, 16, 2 }, { 26, 17, 16, 1 }, { 24, 18, 16, 1 }, { 24, 16, 0, 1 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const slide_spec pages[] = {
            { 48, 32, .samples = 3, .tile = cases[i].tile },
            { cases[i].width, cases[i].height, .samples = 3, .tile = cases[i].tile },
        };
        write_slide(path, pages, 2, false);
        check_layout(path, cases[i].levels, cases[i].levels == 1 ? "|" : "", NULL);
    }
}

/* Pages that cannot be levels stay images of their own. */
static void contradictions(void **state)
{
    (void)state;
    slide_spec larger = { 64, 48, RGB_TILES }, wide = { 24, 8, RGB_TILES }, gray = { 24, 16, .samples = 1, .tile = 16 };
    const struct {
        slide_spec page;
        const char *warning;
    } cases[] = { { larger, "64 x 48 pixels (the first is page 2) are not a level: they are larger" },
                  { wide, "24 x 8 pixels (the first is page 2) are not a level: their sides" },
                  { gray, "24 x 16 pixels (the first is page 2) are not a level: their pixels" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const slide_spec pages[] = { base, thumbnail, cases[i].page, quarter };
        write_slide(path, pages, 4, false);
        check_layout(path, 2, "|thumbnail|", cases[i].warning);
        check_page("", &base);
        check_page("#level=1", &quarter);
    }
    slide_spec deep = base; /* a focal plane of another type */
    deep.bits = 16;
    const slide_spec pages[] = { base, thumbnail, deep, half };
    write_slide(path, pages, 4, false);
    check_layout(path, 2, "|thumbnail|", "page 2 has the size of page 0, but another type");
    check_page("", &base);
}

static void more_than_there_may_be(void **state)
{
    (void)state;
    enum { LEVELS = 33, PAGES = 4097 };
    static slide_spec pages[PAGES];
    pages[0] = base;
    for (int i = 1; i <= LEVELS; i++)
        pages[i] = (slide_spec) { 47 - i, 32 - 2 * i / 3, RGB_TILES };
    write_slide(path, pages, LEVELS + 1, false);
    check_layout(path, 32, "||", "14 x 10 pixels (the first is page 33) are not a level: there are too many|15 x 11");
    for (int i = 0; i < PAGES; i++)
        pages[i] = (slide_spec) { 2, 2, .tile = 16, .first = i, .description = APERIO "2x2" };
    write_slide(path, pages, PAGES, false);
    check_layout(path, 1, "", "pages from 4096 on are ignored");
    mt_stack *stack = open_slide(path, "");
    assert_int_equal(mt_stack_get_info(stack)->original_shape[0], 4096);
    mt_stack_close(stack);
}

/* Damage in one page leaves the others readable, with a warning. */
static void damaged_pages(void **state)
{
    (void)state;
    slide_spec broken = half, pages[] = { base, thumbnail, half, quarter };
    broken.bits = 65;
    pages[2] = broken;
    write_slide(path, pages, 4, false);
    check_layout(path, 2, "|thumbnail", "page 2 is ignored: samples of 65 bits");
    check_page("#level=1", &quarter);
    pages[2] = half;
    write_slide(path, pages, 4, false);
    patch_file(path, -4, "\10\0\0\0", 4); /* the link after the last page: a directory in the middle of pixels */
    check_layout(path, 3, "|thumbnail", "pages from 4 on are ignored");
    write_slide(path, pages, 4, false);
    patch_file(path, -4, "\xf0\xff\xff\xff", 4);
    check_layout(path, 3, "|thumbnail", "ends before its page 4");
    size_t size;
    write_slide(path, pages, 4, false);
    uint8_t *file = read_file(path, &size);
    patch_file(path, -4, file + 4, 4); /* the first page follows the last */
    free(file);
    check_layout(path, 3, "|thumbnail", "pages from 4 on are ignored: the pages form a loop");
    check_page("", &base);
    pages[0] = broken;
    write_slide(path, pages, 4, false);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_stack_open(NULL, path, NULL, &stack, &err), MT_E_UNSUPPORTED);
}

/* Slides of all scanners. */
static void mutated_files(void **state)
{
    (void)state;
    static const char *const names[] = { "test/samples/tiff/slide.svs", "test/samples/tiff/slide.qptiff",
                                         "test/samples/tiff/slide.ndpi", "fuzz/corpus/fuzz_tiff/slide_ndpi_jpeg" };
    mutate_files("tiff", names, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_and_other_images),
        cmocka_unit_test(a_label_is_no_level),
        cmocka_unit_test(images_without_descriptions),
        cmocka_unit_test(focal_planes),
        cmocka_unit_test(sizes_in_the_description),
        cmocka_unit_test(pyramids_of_other_programs),
        cmocka_unit_test(levels_without_marks),
        cmocka_unit_test(stacks_of_other_programs),
        cmocka_unit_test(contradictions),
        cmocka_unit_test(more_than_there_may_be),
        cmocka_unit_test(damaged_pages),
        cmocka_unit_test(mutated_files),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
