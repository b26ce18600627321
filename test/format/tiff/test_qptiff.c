/* SPDX-License-Identifier: BSD-3-Clause */
/* QPTIFF: channels, levels and other images by their descriptions, and by their places without them. */
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

#define QPI(fields)                                                                                                    \
    "<?xml version=\"1.0\" encoding=\"utf-16\"?>\r\n<PerkinElmer-QPI-ImageDescription>\r\n" fields                     \
    "</PerkinElmer-QPI-ImageDescription>"
#define IMAGE(type, fields) QPI("<DescriptionVersion>2</DescriptionVersion><ImageType>" type "</ImageType>" fields)
#define CHANNEL(type, name, color) IMAGE(type, "<Name> " name " </Name><Color>" color "</Color>")
#define FULL(name, color) CHANNEL("FullResolution", name, color)
#define REDUCED(name, color) CHANNEL("ReducedResolution", name, color)
#define SOFTWARE "PerkinElmer-QPI"

enum { PAGES = 9 };

/* Two channels, a thumbnail, two levels, an overview and a label. */
static void make_pages(slide_spec out[PAGES])
{
    const slide_spec pages[PAGES] = {
        { 48, 32, .bits = 16, .tile = 16, .per_cm = 20000, .description = FULL("DAPI", "0,0,255"),
          .software = SOFTWARE },
        { 48, 32, .bits = 16, .tile = 16, .first = 1000, .description = FULL("CD8", "255,128,0") },
        { 12, 8, .samples = 3, .description = IMAGE("Thumbnail", "") },
        { 24, 16, .bits = 16, .tile = 16, .first = 2, .description = REDUCED("DAPI", "0,0,255") },
        { 24, 16, .bits = 16, .tile = 16, .first = 1002, .description = REDUCED("CD8", "255,128,0") },
        { 12, 8, .bits = 16, .tile = 16, .first = 3, .description = REDUCED("DAPI", "0,0,255") },
        { 12, 8, .bits = 16, .tile = 16, .first = 1003, .description = REDUCED("CD8", "255,128,0") },
        { 20, 7, .samples = 3, .description = IMAGE("Overview", "") },
        { 6, 7, .samples = 3, .description = IMAGE("Label", "") },
    };
    memcpy(out, pages, sizeof pages);
}

static void check_pages(const char *part, const slide_spec *pages, int n)
{
    const slide_spec *planes[8];
    for (int i = 0; i < n; i++)
        planes[i] = &pages[i];
    check_planes(path, part, n > 1 ? "CYX" : pages->samples > 1 ? "YXC" : "YX", planes, n);
}

static void check_channel(int c, const char *name, int red, int green, int blue)
{
    mt_stack *stack = open_slide(path, "#level=1");
    const mt_channel *channel = &mt_stack_get_info(stack)->channels[c];
    assert_string_equal(channel->name, name);
    assert_int_equal(channel->has_color, red >= 0);
    if (red >= 0)
        assert_true(channel->rgb[0] == red && channel->rgb[1] == green && channel->rgb[2] == blue);
    mt_stack_close(stack);
}

static void channels_and_levels(void **state)
{
    (void)state;
    slide_spec pages[PAGES];
    make_pages(pages);
    write_slide(path, pages, PAGES, false);
    check_layout(path, 3, "|Thumbnail|Overview|Label", NULL);
    check_pages("", pages, 2);
    check_pages("#level=1", pages + 3, 2);
    check_pages("#level=2", pages + 5, 2);
    check_pages("#series=1", pages + 2, 1);
    check_pages("#series=2", pages + 7, 1);
    check_pages("#series=3", pages + 8, 1);
    check_pixel_size(path, "", 0.5, 0.5);
    check_pixel_size(path, "#level=2", 2, 2);
    check_channel(0, "DAPI", 0, 0, 255);
    check_channel(1, "CD8", 255, 128, 0);
}

/* Files of other software have only the XML. Channels are named by their stain, if it is known. */
static void names_and_colours(void **state)
{
    (void)state;
    static const struct {
        const char *fields, *name;
        int red;
    } cases[] = {
        { "<Name>Atto 550</Name><Biomarker>CD31</Biomarker><Color>1,2,3</Color>", "CD31", 1 },
        { "<Name>&#xb5;</Name><Biomarker/><Color>1,2</Color>", "\xc2\xb5", -1 },
        { "<Color>256,0,0</Color><Name>x</Name>", "x", -1 },
        { "<Color>-1,0,0</Color><Name>x</Name>", "x", -1 },
        { "<Color>red</Color><Name>x</Name>", "x", -1 },
    };
    slide_spec pages[PAGES];
    make_pages(pages);
    pages[0].software = NULL;
    pages[3].description = pages[4].description = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text, IMAGE("FullResolution", "%s"), cases[i].fields);
        pages[0].description = text;
        write_slide(path, pages, 5, false);
        check_layout(path, 2, "|Thumbnail", NULL);
        check_channel(0, cases[i].name, cases[i].red, 2, 3);
    }
}

static void without_descriptions(void **state)
{
    (void)state;
    slide_spec pages[PAGES];
    make_pages(pages);
    for (int i = 0; i < PAGES; i++)
        pages[i].description = NULL;
    write_slide(path, pages, PAGES, false);
    check_layout(path, 3, "|Thumbnail||", NULL);
    check_pages("", pages, 2);
    check_pages("#level=2", pages + 5, 2);
    pages[7] = (slide_spec) { 6, 4, .bits = 16 };               /* not in tiles */
    pages[8] = (slide_spec) { 6, 4, .samples = 3, .tile = 16 }; /* of other samples */
    write_slide(path, pages, PAGES, false);
    check_layout(path, 3, "|Thumbnail||", NULL);
    mt_stack *stack = open_slide(path, "");
    assert_null(mt_stack_get_info(stack)->channels);
    mt_stack_close(stack);
}

static void photographs(void **state)
{
    (void)state;
    const slide_spec pages[] = {
        { 48, 32, .samples = 3, .tile = 16, .description = IMAGE("FullResolution", ""), .software = SOFTWARE },
        { 12, 8, .samples = 3, .description = IMAGE("Thumbnail", "") },
        { 24, 16, .samples = 3, .tile = 16, .first = 2, .description = IMAGE("ReducedResolution", "") },
        { 12, 8, .samples = 3, .tile = 16, .first = 3, .description = IMAGE("ReducedResolution", "") },
        { 6, 4, .samples = 3, .tile = 16, .description = IMAGE("Label", "") },
    };
    write_slide(path, pages, 5, false);
    check_layout(path, 3, "|Thumbnail|Label", NULL);
    check_pages("", pages, 1);
    check_pages("#level=1", pages + 2, 1);
    check_pages("#level=2", pages + 3, 1);
}

static void check_changed(slide_spec *pages, size_t n, int levels, const char *titles, const char *warnings)
{
    write_slide(path, pages, n, false);
    check_layout(path, levels, titles, warnings);
    check_pages("", pages, 2);
    make_pages(pages);
}

static void contradictions(void **state)
{
    (void)state;
    slide_spec pages[PAGES];
    make_pages(pages);
    pages[4].description = REDUCED("CD4", "1,2,3");
    check_changed(pages, 7, 2, "|Thumbnail||", "24 x 16 pixels (the first is page 3) are not a level: their channels");
    pages[3].description = FULL("CD4", "1,2,3");
    check_changed(pages, 7, 2, "|Thumbnail||",
                  "page 3 has 24 x 16 pixels, but is described as FullResolution|there is not one for each plane");
    pages[2] = pages[1];
    pages[2].description = REDUCED("CD4", "1,2,3");
    check_changed(pages, 7, 3, "|", "page 2 has 48 x 32 pixels, but is described as ReducedResolution");
    pages[3].width = pages[4].width = 64;
    check_changed(pages, 7, 2, "|Thumbnail||", "are not a level: they are larger");
    check_changed(pages, 6, 2, "|Thumbnail|", "12 x 8 pixels (the first is page 5) are not a level: there is not one");
    pages[5].description = IMAGE("Barcode", "");
    check_changed(pages, 6, 2, "|Thumbnail|Barcode", NULL);
    pages[2].description = "<PerkinElmer-QPI-ImageDescription><ImageType>Label</";
    check_changed(pages, 5, 2, "|Thumbnail", "page 2 is read without its description");
    pages[2].description = "<OME><ImageType>Label</ImageType></OME>";
    check_changed(pages, 5, 2, "|Thumbnail", NULL);
}

/* Pages that share a long description are not parsed for hours. */
static void many_long_descriptions(void **state)
{
    (void)state;
    enum { LONG = 60000 };
    static char text[LONG + 1000];
    snprintf(text, sizeof text, IMAGE("FullResolution", "<Name>%*s</Name>"), LONG, "x");
    slide_spec pages[PAGES];
    make_pages(pages);
    pages[0].description = pages[1].description = text;
    pages[3].description = pages[4].description = NULL;
    write_slide(path, pages, 5, false);
    mt_context *context;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_context_options options = { .struct_size = sizeof options, .limits = { .max_xml_bytes = 100000 } };
    check_ok(mt_context_new(&options, &context, &err), &err);
    check_ok(mt_stack_open(context, path, NULL, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_int_equal(info->n_warnings, 1);
    assert_non_null(strstr(info->warnings[0], "max_xml_bytes (100000)"));
    assert_string_equal(info->channels[0].name, "x");
    assert_string_equal(info->channels[1].name, "");
    mt_stack_close(stack);
    mt_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_and_levels),  cmocka_unit_test(names_and_colours),
        cmocka_unit_test(without_descriptions), cmocka_unit_test(photographs),
        cmocka_unit_test(contradictions),       cmocka_unit_test(many_long_descriptions),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
