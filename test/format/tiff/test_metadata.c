/* SPDX-License-Identifier: BSD-3-Clause */
/* Dimensions in TIFF metadata: OME-XML in one and several files, LSM, STK, ImageJ and shaped, valid and invalid. */
#include "support/contract.h"
#include "support/folder.h"
#include "support/tiff_writer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static mt_stack *open_ok(const char *path)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(NULL, path, NULL, &stack, &err), &err);
    return stack;
}

/* The first pixel of each plane, in C order of SC(Z). */
static void check_planes(const char *path, const char *axes, const float *expected, size_t n)
{
    mt_stack *stack = open_ok(path);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, axes);
    bool deep = info->data_ndim == 5;
    int64_t planes = deep ? info->data_shape[2] : 1, i = 0;
    assert_int_equal(info->data_shape[0] * info->data_shape[1] * planes, n);
    for (int64_t s = 0; s < info->data_shape[0]; s++)
        for (int64_t c = 0; c < info->data_shape[1]; c++)
            for (int64_t z = 0; z < planes; z++, i++) {
                mt_error err = MT_ERROR_INIT;
                const int64_t coords[3] = { z, 0, 0 }, size[3] = { 1, 1, 1 };
                float value = -1;
                check_ok(mt_stack_extract_patch(stack, s, &c, 1, deep ? coords : coords + 1, size, deep ? 3 : 2, &value,
                                                &err),
                         &err);
                if (value != expected[i])
                    fail_msg("%s: plane %d is %g, not %g", path, (int)i, (double)value, (double)expected[i]);
            }
    mt_stack_close(stack);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

#define PIXELS(order, c, z, t, inside)                                                                                 \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><o:OME xmlns:o=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\" "  \
    "UUID=\"urn:uuid:1\"><o:Image ID=\"Image:0\"><o:Pixels DimensionOrder=\"" order                                    \
    "\" SizeX=\"6\" SizeY=\"4\" SizeC=\"" c "\" SizeZ=\"" z "\" SizeT=\"" t "\" PhysicalSizeX=\"250\" "                \
    "PhysicalSizeXUnit=\"nm\" TimeIncrement=\"2\" Type=\"uint16\">" inside "</o:Pixels></o:Image></o:OME>"

static void orders_of_dimensions(void **state)
{
    (void)state;
    static const struct {
        const char *text, *axes;
        float first[6];
    } cases[] = {
        { PIXELS("XYCZT", "2", "3", "1", "<TiffData/>"), "ZCYX", { 0, 200, 400, 100, 300, 500 } },
        { PIXELS("XYZCT", "2", "3", "1", "<TiffData/>"), "CZYX", { 0, 100, 200, 300, 400, 500 } },
        { PIXELS("XYTZC", "1", "3", "2", "<TiffData/>"), "ZTYX", { 0, 200, 400, 100, 300, 500 } },
        { PIXELS("XYCTZ", "2", "1", "3", ""), "TCYX", { 0, 100, 200, 300, 400, 500 } },
        { PIXELS("XYZCT", "1", "6", "1", "<TiffData IFD=\"0\" PlaneCount=\"6\"/>"),
          "ZYX",
          { 0, 100, 200, 300, 400, 500 } },
        { PIXELS("XYZCT", "2", "3", "1", "<TiffData IFD=\"2\" FirstC=\"1\" FirstZ=\"2\"/><TiffData IFD=\"5\"/>"),
          "CZYX",
          { 500, 0, 0, 0, 0, 200 } },
        { PIXELS("XYZCT", "2", "3", "1", "<TiffData IFD=\"3\" NumPlanes=\"3\"/>"), "CZYX", { 300, 400, 500, 0, 0, 0 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_tiff(temporary_path("a.tif"), &(tiff_spec) { .pages = 6, .description = cases[i].text });
        check_planes(temporary_path("a.tif"), cases[i].axes, cases[i].first, 6);
    }
}

static void sizes_names_and_colours(void **state)
{
    (void)state;
    const char *text =
        PIXELS("XYCZT", "2", "1", "1", "<Channel Name=\"DAPI\" Color=\"65535\"/><Channel Color=\"-1\"/><TiffData/>");
    write_tiff(temporary_path("a.tif"), &(tiff_spec) { .pages = 2, .description = text });
    mt_stack *stack = open_ok(temporary_path("a.tif"));
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->channels[0].name, "DAPI");
    assert_true(info->channels[0].has_color && info->channels[0].rgb[2] == 255 && info->channels[0].rgb[0] == 0);
    assert_false(info->channels[1].has_color);
    assert_string_equal(info->unit[2], "nanometer");
    assert_true(info->pixel_size[2] == 250 && info->pixel_size[1] == 0);
    mt_stack_close(stack);
}

/* XML that is wrong, or of another image, leaves the pages as they come. */
static void text_that_does_not_fit(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "<?xml version=\"1.0\"?><OME><Image><Pixels SizeX=\"6\"",
        "<OME></OME>",
        "<OME><Image/></OME>",
        "<OME><Image><Pixels DimensionOrder=\"XYCZT\" SizeX=\"60\" SizeY=\"4\" SizeC=\"3\" SizeZ=\"1\" SizeT=\"1\">"
        "<TiffData/></Pixels></Image></OME>",
        "<OME><Image><Pixels DimensionOrder=\"XYCCT\" SizeX=\"6\" SizeY=\"4\" SizeC=\"3\" SizeZ=\"1\" SizeT=\"1\">"
        "<TiffData/></Pixels></Image></OME>",
        "<OME><Image><Pixels DimensionOrder=\"XYCZT\" SizeX=\"6\" SizeY=\"4\" SizeC=\"-3\" SizeZ=\"1\" SizeT=\"1\">"
        "<TiffData/></Pixels></Image></OME>",
        "<OME><BinaryOnly MetadataFile=\"nowhere.companion.ome\"/></OME>",
        "ImageJ=1.53\nimages=5\nchannels=5\n",
        "{\"shape\": [4, 4, 6]}",
        "{\"shape\": [3, 5, 6]}",
        "{\"shape\": [1, 3, 4, 7]}",
        "shape=(2, 2, 4, 6)",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_tiff(temporary_path("a.tif"), &(tiff_spec) { .pages = 3, .description = texts[i] });
        check_planes(temporary_path("a.tif"), "SYX", (float[]) { 0, 100, 200 }, 3);
    }
}

static void check_refused(const char *text, const char *word)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    write_tiff(temporary_path("a.tif"), &(tiff_spec) { .pages = 3, .description = text });
    mt_status st = mt_stack_open(NULL, temporary_path("a.tif"), NULL, &stack, &err);
    assert_int_not_equal(st, MT_OK);
    if (!strstr(err.message, word))
        fail_msg("\"%s\" lacks \"%s\"", err.message, word);
}

static void text_that_is_refused(void **state)
{
    (void)state;
    check_refused("<?xml version=\"1.0\"?><!DOCTYPE OME [<!ENTITY a \"b\">]><OME>&a;</OME>", "document type");
    check_refused(PIXELS("XYCZT", "4000", "5000", "6000", "<TiffData/>"), "max_pages");
    check_refused(PIXELS("XYCZT", "3", "1", "1", "<TiffData/><TiffData/><TiffData/><TiffData/><TiffData/>"),
                  "more than four times");
    check_refused(
        "<OME><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>"
        "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>",
        "max_xml_depth");
}

#define FILE_DATA(c, ifd, name)                                                                                        \
    "<TiffData FirstC=\"" c "\" IFD=\"" ifd "\"><UUID FileName=\"" name "\">u</UUID></TiffData>"

static void several_files(void **state)
{
    (void)state;
    const char *text =
        PIXELS("XYCZT", "3", "1", "1",
               FILE_DATA("0", "0", "a.tif") FILE_DATA("1", "1", "b.tif") FILE_DATA("2", "0", "gone.tif"));
    write_tiff(temporary_path("a.tif"), &(tiff_spec) { .pages = 1, .first_value = 7, .description = text });
    write_tiff(temporary_path("b.tif"), &(tiff_spec) { .pages = 2, .first_value = 1000 });
    check_planes(temporary_path("a.tif"), "CYX", (float[]) { 7, 1100, 0 }, 3);
    write_text(temporary_path("x.companion.ome"), text);
    check_planes(temporary_path("x.companion.ome"), "CYX", (float[]) { 7, 1100, 0 }, 3);
    write_tiff(temporary_path("b.tif"),
               &(tiff_spec) { .pages = 2,
                              .first_value = 1000,
                              .description = "<OME><BinaryOnly MetadataFile=\"x.companion.ome\"/></OME>" });
    check_planes(temporary_path("b.tif"), "CYX", (float[]) { 7, 1100, 0 }, 3);
}

static void metadata_keeps_the_contract(void **state)
{
    (void)state;
    write_tiff(temporary_path("a.tif"),
               &(tiff_spec) { .pages = 6, .description = PIXELS("XYCZT", "2", "3", "1", "<TiffData/>") });
    check_contract(temporary_path("a.tif"), NULL);
}

/* The image that is opened is one that the file itself holds; the others can be named. */
static void image_of_this_file(void **state)
{
    (void)state;
#define IMAGE(name)                                                                                                    \
    "<Image><Pixels DimensionOrder=\"XYCZT\" SizeX=\"6\" SizeY=\"4\" SizeC=\"1\" SizeZ=\"1\" SizeT=\"1\">" FILE_DATA(  \
        "0", "0", name) "</Pixels></Image>"
    write_tiff(temporary_path("a.tif"), &(tiff_spec) { .pages = 1, .first_value = 1 });
    write_tiff(
        temporary_path("b.tif"),
        &(tiff_spec) { .pages = 1, .first_value = 2, .description = "<OME>" IMAGE("a.tif") IMAGE("b.tif") "</OME>" });
    check_planes(temporary_path("b.tif"), "YX", (float[]) { 2 }, 1);
    check_planes(temporary_path("b.tif#series=0"), "YX", (float[]) { 1 }, 1);
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_list_parts(NULL, temporary_path("b.tif"), NULL, &names, &err), &err);
    assert_int_equal(mt_names_count(names), 2);
    assert_string_equal(mt_names_get(names, 0), "series=1");
    mt_names_free(names);
}

static void stk_planes(void **state)
{
    (void)state;
    uint32_t uic2[3 * 6] = { 0 };
    for (int i = 0; i < 3; i++)
        uic2[6 * i] = 3, uic2[6 * i + 1] = 2;
    tiff_spec spec = { .pages = 3, .directories = 1, .extra = { { 33629, 5, 3, uic2, sizeof uic2 } } };
    write_tiff(temporary_path("a.tif"), &spec);
    check_planes(temporary_path("a.tif"), "ZYX", (float[]) { 0, 100, 200 }, 3);
    mt_stack *stack = open_ok(temporary_path("a.tif"));
    assert_true(mt_stack_get_info(stack)->pixel_size[0] == 1.5);
    mt_stack_close(stack);
    for (int i = 0; i < 3; i++)
        uic2[6 * i] = 0, uic2[6 * i + 3] = (uint32_t)i;
    write_tiff(temporary_path("a.tif"), &spec);
    check_planes(temporary_path("a.tif"), "TYX", (float[]) { 0, 100, 200 }, 3);
    spec.extra[0].count = 300;
    write_tiff(temporary_path("a.tif"), &spec);
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_stack_open(NULL, temporary_path("a.tif"), NULL, &stack, &err), MT_E_CORRUPT);
}

static void lsm_planes(void **state)
{
    (void)state;
    uint8_t info[512] = { 0x4c, 0x49, 0, 4 };
    info[16] = 2, info[20] = 1, info[24] = 3; /* planes, channels, times */
    double micrometer = 5e-7;
    memcpy(info + 40, &micrometer, 8); /* the writer of the tests is of a little-endian file */
    info[88] = 6;
    tiff_spec spec = { .pages = 6,
                       .thumbnails = 1,

                       .extra = { { 34412, 1, sizeof info, info, sizeof info } } };
    write_tiff(temporary_path("a.tif"), &spec);
    check_planes(temporary_path("a.tif"), "TZYX", (float[]) { 0, 100, 200, 300, 400, 500 }, 6);
    spec.thumbnails = 0;
    write_tiff(temporary_path("a.tif"), &spec);
    check_planes(temporary_path("a.tif"), "TZYX", (float[]) { 0, 100, 200, 300, 400, 500 }, 6);
    info[3] = 9; /* another magic number */
    write_tiff(temporary_path("a.tif"), &spec);
    check_planes(temporary_path("a.tif"), "SYX", (float[]) { 0, 100, 200, 300, 400, 500 }, 6);
}

static void descriptions_that_count(void **state)
{
    (void)state;
    static const float all[] = { 0, 100, 200, 300, 400, 500 };
    static const struct {
        const char *text, *axes;
    } cases[] = { { "ImageJ=1.53t\nimages=6\nslices=3\nframes=2\nunit=micron\n", "TZYX" },
                  { "ImageJ=1.53t\nimages=6\n", "ZYX" },
                  { "{\"shape\": [2, 3, 4, 6]}", "SSYX" },
                  { "shape=(2, 3, 4, 6)", "SSYX" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int directories = 0; directories < 2; directories++) {
            /* one directory for all planes: as ImageJ does beyond 4 GB */
            tiff_spec spec = { .pages = 6, .directories = directories, .description = cases[i].text };
            write_tiff(temporary_path("a.tif"), &spec);
            check_planes(temporary_path("a.tif"), cases[i].axes, all, 6);
        }
}

/* One directory before all planes: truncated planes are detected at open. */
static void descriptions_of_more_than_there_is(void **state)
{
    (void)state;
    static const char *const texts[] = { "ImageJ=1.53t\nimages=6\nslices=3\nframes=2\n", "{\"shape\": [2, 3, 4, 6]}" };
    for (size_t i = 0; i < 2; i++) {
        tiff_spec spec = { .pages = 6, .directories = 2, .description = texts[i] };
        write_tiff(temporary_path("a.tif"), &spec);
        check_planes(temporary_path("a.tif"), i ? "SSYX" : "TZYX", (float[]) { 0, 100, 200, 300, 400, 500 }, 6);
        struct stat file;
        assert_int_equal(stat(temporary_path("a.tif"), &file), 0);
        for (int lost = 1; lost < 6 * 48 - 1; lost += 47) {
            mt_stack *stack;
            mt_error err = MT_ERROR_INIT;
            assert_int_equal(truncate(temporary_path("a.tif"), file.st_size - lost), 0);
            assert_int_equal(mt_stack_open(NULL, temporary_path("a.tif"), NULL, &stack, &err), MT_E_CORRUPT);
            assert_non_null(strstr(err.message, "counts 6 planes"));
        }
        spec.pages = 1; /* a single page that kept the description of its stack */
        write_tiff(temporary_path("a.tif"), &spec);
        check_planes(temporary_path("a.tif"), "YX", (float[]) { 0 }, 1);
    }
}

/* Each axis has its own, where it is not that of X; other lines than that of the unit end alike. */
static void units_of_imagej(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        { "ImageJ=1.53t\nimages=2\nspacing=2\nyunit=nm\nunit=micron\n", "micrometer" },
        { "ImageJ=1.53t\nimages=2\nspacing=2\nunit=nm\nzunit=micron\n", "micrometer" },
        { "ImageJ=1.53t\nimages=2\nspacing=2\nyunit=nm\n", "" }
    };
    for (size_t i = 0; i < 3; i++) {
        write_tiff(temporary_path("a.tif"), &(tiff_spec) { .pages = 2, .description = texts[i][0] });
        mt_stack *stack = open_ok(temporary_path("a.tif"));
        assert_string_equal(mt_stack_get_info(stack)->unit[0], texts[i][1]);
        mt_stack_close(stack);
    }
}

/* ImageJ keeps lookup tables of channels among other pieces. */
static void colours_of_imagej(void **state)
{
    (void)state;
    static uint8_t data[4 + 2 * 8 + 6 + 2 * 768];
    const uint32_t sizes[] = { 4 + 2 * 8, 6, 768, 768 };
    memcpy(data, "JIJIlbal\1\0\0\0stul\2\0\0\0label!", 26); /* little-endian: IJIJ, labl 1, luts 2 */
    data[26 + 255] = 10, data[26 + 511] = 20, data[26 + 767] = 30;
    data[26 + 768 + 511] = 255;
    tiff_spec spec = { .pages = 2,
                       .description = "ImageJ=1.54f\nimages=2\nchannels=2\nmode=composite\n",
                       .extra = { { 50838, 4, 4, sizes, sizeof sizes },
                                  { 50839, 1, sizeof data, data, sizeof data } } };
    write_tiff(temporary_path("a.tif"), &spec);
    mt_stack *stack = open_ok(temporary_path("a.tif"));
    const mt_channel *channels = mt_stack_get_info(stack)->channels;
    assert_non_null(channels);
    assert_true(channels[0].has_color && channels[0].rgb[0] == 10 && channels[0].rgb[1] == 20 &&
                channels[0].rgb[2] == 30);
    assert_true(channels[1].rgb[0] == 0 && channels[1].rgb[1] == 255);
    mt_stack_close(stack);
    spec.extra[0].count = 3; /* a table is missing: no colours */
    write_tiff(temporary_path("a.tif"), &spec);
    stack = open_ok(temporary_path("a.tif"));
    assert_null(mt_stack_get_info(stack)->channels);
    mt_stack_close(stack);
}

/* What follows the planes that a description counts is the next image. */
static void images_behind_a_description(void **state)
{
    (void)state;
    write_tiff(temporary_path("a.tif"), &(tiff_spec) { .pages = 5, .description = "{\"shape\": [3, 4, 6]}" });
    check_planes(temporary_path("a.tif"), "SYX", (float[]) { 0, 100, 200 }, 3);
    check_planes(temporary_path("a.tif#series=1"), "SYX", (float[]) { 300, 400 }, 2);
}

/* tifffile names the dimensions, also by its own letters. */
static void axes_of_a_shape(void **state)
{
    (void)state;
    static const struct {
        const char *text, *axes;
    } cases[] = {
        { "{\"shape\": [3, 4, 6], \"axes\": \"ZYX\"}", "ZYX" },  { "{\"shape\": [3, 4, 6], \"axes\": \"CYX\"}", "CYX" },
        { "{\"shape\": [3, 4, 6], \"axes\": \"QYX\"}", "SYX" },  { "{\"shape\": [3, 4, 6], \"axes\": \"ZXY\"}", "SYX" },
        { "{\"shape\": [3, 4, 6], \"axes\": \"ZZYX\"}", "SYX" }, { "{\"shape\": [3, 4, 6], \"axes\": 3}", "SYX" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_tiff(temporary_path("a.tif"), &(tiff_spec) { .pages = 3, .description = cases[i].text });
        check_planes(temporary_path("a.tif"), cases[i].axes, (float[]) { 0, 100, 200 }, 3);
    }
    write_tiff(temporary_path("a.tif"),
               &(tiff_spec) { .pages = 6, .description = "{\"shape\": [1, 3, 2, 4, 6], \"axes\": \"TZCYX\"}" });
    check_planes(temporary_path("a.tif"), "TZCYX", (float[]) { 0, 200, 400, 100, 300, 500 }, 6);
}

/* Very many TiffData behind very many other elements: time grows with their number, not with its square. */
static void many_elements(void **state)
{
    (void)state;
    enum { N = 150000, SIZE = N * 44 + 1000 };
    char *text = malloc(SIZE);
    assert_non_null(text);
    size_t n = (size_t)snprintf(text, SIZE,
                                "<OME><Image><Pixels DimensionOrder=\"XYZCT\" SizeX=\"6\" SizeY=\"4\" SizeC=\"1\" "
                                "SizeZ=\"1\" SizeT=\"%d\">",
                                N);
    for (int i = 0; i < N; i++)
        n += (size_t)snprintf(text + n, SIZE - n, "<C/>");
    for (int i = 0; i < N; i++)
        n += (size_t)snprintf(text + n, SIZE - n, "<TiffData FirstT=\"%d\" IFD=\"0\"/>", i);
    snprintf(text + n, SIZE - n, "</Pixels></Image></OME>");
    write_tiff(temporary_path("a.tif"), &(tiff_spec) { .pages = 1, .description = text });
    clock_t start = clock();
    mt_stack_close(open_ok(temporary_path("a.tif")));
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 20);
    free(text);
}

/* Strips with gaps between them are not contiguous. */
static void strips_with_gaps(void **state)
{
    (void)state;
    for (int gap = 0; gap <= 4; gap += 2) {
        write_tiff(temporary_path("a.tif"), &(tiff_spec) { .pages = 2, .strip_gap = gap });
        mt_stack *stack = open_ok(temporary_path("a.tif"));
        assert_int_equal(mt_stack_get_info(stack)->chunk_shape[1], gap ? 1 : TIFF_WRITER_HEIGHT);
        const int64_t origin[2] = { 0 }, size[2] = { TIFF_WRITER_HEIGHT, TIFF_WRITER_WIDTH };
        float patch[TIFF_WRITER_HEIGHT * TIFF_WRITER_WIDTH];
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_stack_extract_patch(stack, 1, NULL, 0, origin, size, 2, patch, &err), &err);
        for (int i = 0; i < TIFF_WRITER_HEIGHT * TIFF_WRITER_WIDTH; i++)
            assert_true(patch[i] == (float)(100 + i));
        mt_stack_close(stack);
    }
}

static uint8_t *put(uint8_t *at, unsigned bytes, uint32_t value)
{
    for (unsigned i = 0; i < bytes; i++)
        *at++ = (uint8_t)(value >> 8 * i);
    return at;
}

/* Very many images of very many strips, in one table that all share: time grows with the size of the file. */
static void many_images_share_their_strips(void **state)
{
    (void)state;
    enum { PAGES = 40000, STRIPS = 65536, ENTRIES = 8, IFD = 2 + 12 * ENTRIES + 4, OFFSETS = 8 + PAGES * IFD };
    const size_t size = OFFSETS + 2 * 4 * (size_t)STRIPS + STRIPS;
    uint8_t *bytes = calloc(1, size), *at = bytes;
    assert_non_null(bytes);
    memcpy(at, "II*\0\10\0\0\0", 8);
    at += 8;
    for (uint32_t page = 0; page < PAGES; page++) {
        const uint32_t entries[ENTRIES][3] = { { 256, 1, 1 },
                                               { 257, 1, STRIPS },
                                               { 258, 1, 8 },
                                               { 259, 1, 1 },
                                               { 262, 1, page % 2 }, /* unlike its neighbours */
                                               { 273, STRIPS, OFFSETS },
                                               { 278, 1, 1 },
                                               { 279, STRIPS, OFFSETS + 4 * STRIPS } };
        at = put(at, 2, ENTRIES);
        for (int i = 0; i < ENTRIES; i++)
            at = put(put(put(put(at, 2, entries[i][0]), 2, 4), 4, entries[i][1]), 4, entries[i][2]);
        at = put(at, 4, page + 1 < PAGES ? 8 + (page + 1) * IFD : 0);
    }
    for (uint32_t i = 0; i < STRIPS; i++)
        at = put(at, 4, OFFSETS + 8 * STRIPS + i);
    for (uint32_t i = 0; i < STRIPS; i++)
        at = put(at, 4, 1);
    FILE *file = fopen(temporary_path("a.tif"), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
    free(bytes);
    clock_t start = clock();
    mt_stack_close(open_ok(temporary_path("a.tif#series=39999")));
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 12);
}

static void companion_of_real_files(void **state)
{
    (void)state;
    static const char *const md5[] = { "ef681f1e09d5e7b3fa446da915ce34ac", "2b4ce0011d71602ec6ecf32de36ba3e4",
                                       "10d4d12fb0bc5d8d0f567d122b2cf05c", "b3f3ac51aa74d212bd14aadd53126606",
                                       "f786e4df516b099b212c53f6a1377c7d" };
    static const char *const names[] = { "tiff/ome/multifile-Z2.ome.tiff", "tiff/ome/multifile.companion.ome" };
    for (size_t i = 0; i < 2; i++) {
        mt_stack *stack = open_ok(data_path(names[i]));
        whole_image image;
        mt_error err = MT_ERROR_INIT;
        check_ok(read_whole(stack, &image, &err), &err);
        assert_int_equal(image.shape[2], 5);
        for (size_t z = 0; z < 5; z++)
            assert_string_equal(md5_hex(image.pixels + z * image.bytes / 5, image.bytes / 5), md5[z]);
        free_whole(&image);
        mt_stack_close(stack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_of_dimensions),
        cmocka_unit_test(sizes_names_and_colours),
        cmocka_unit_test(text_that_does_not_fit),
        cmocka_unit_test(text_that_is_refused),
        cmocka_unit_test(several_files),
        cmocka_unit_test(image_of_this_file),
        cmocka_unit_test(stk_planes),
        cmocka_unit_test(lsm_planes),
        cmocka_unit_test(descriptions_that_count),
        cmocka_unit_test(descriptions_of_more_than_there_is),
        cmocka_unit_test(images_behind_a_description),
        cmocka_unit_test(axes_of_a_shape),
        cmocka_unit_test(many_elements),
        cmocka_unit_test(many_images_share_their_strips),
        cmocka_unit_test(companion_of_real_files),
        cmocka_unit_test(units_of_imagej),
        cmocka_unit_test(colours_of_imagej),
        cmocka_unit_test(strips_with_gaps),
        cmocka_unit_test(metadata_keeps_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
