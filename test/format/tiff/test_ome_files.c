/* SPDX-License-Identifier: BSD-3-Clause */
/* OME-XML and its files as they are met: names that have changed, masters, planes and files that are missing. */
#include "support/contract.h"
#include "support/folder.h"
#include "support/remarks.h"
#include "support/tiff_writer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static mt_stack *open_with(const char *path, const mt_open_options *options)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(NULL, path, options, &stack, &err), &err);
    return stack;
}

static mt_stack *open_ok(const char *path) { return open_with(path, NULL); }

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void check_same(const mt_stack *stack, const char *expected, const char *axes)
{
    whole_image right, image;
    mt_error err = MT_ERROR_INIT;
    mt_stack *other = open_with(expected, &(mt_open_options) { .struct_size = sizeof(mt_open_options), .axes = axes });
    assert_string_equal(mt_stack_get_info(stack)->original_axes, axes);
    check_ok(read_whole((mt_stack *)(uintptr_t)stack, &image, &err), &err);
    check_ok(read_whole(other, &right, &err), &err);
    assert_int_equal(image.bytes, right.bytes);
    assert_memory_equal(image.pixels, right.pixels, right.bytes);
    free_whole(&image);
    free_whole(&right);
    mt_stack_close(other);
}

/* Each case with its right pixels, missing files and warnings. */
static void cases(void **state)
{
    (void)state;
    static const struct {
        const char *path, *expected, *axes;
        size_t n_missing;
        const char *missing, *warnings;
    } cases[] = {
        { "F3/img_C0.ome.tif", NULL, "CYX", 0, "", "img_C1.ome.tif for \"IMG_C1.OME.TIF\"" },
        { "F3/img_C1.ome.tif", "F3/img_C0.ome.tif.expected.npy", "CYX", 0, "", "under another name" },
        { "D3/x.companion.ome", "D3/up.companion.ome.expected.npy", "CYX", 0, "", "" },
        { "D3/y.companion.ome", "D3/up.companion.ome.expected.npy", "CYX", 0, "", "" },
        { "D3/z.companion.ome", "D3/up.companion.ome.expected.npy", "CYX", 0, "", "" },
        { "D1/d_C0.ome.tif", NULL, "CYX", 0, "", "" },
        { "D1/d_C1.ome.tif", "D1/d_C0.ome.tif.expected.npy", "CYX", 0, "", "" },
        { "D4/x.companion.ome", NULL, "CYX", 1, "p1.tif (the file is empty)", "" },
        { "A2_renamed_mm/A2_renamed_mm.ome.tif", NULL, "TYX", 0, "", "old_name_MMStack.ome.tif, which is not there" },
        { "A3_abs_unix/A3_abs_unix.ome.tif", NULL, "ZCYX", 0, "", "A3_abs_unix.ome.tif for " },
        { "A4_one_indexed/A4_one_indexed.ome.tif", NULL, "ZCYX", 0, "", "counts planes from 1" },
        { "A10_latin1_mu/A10_latin1_mu.ome.tif", NULL, "ZCYX", 0, "", "windows-1252" },
        { "A10_ws_before_decl/A10_ws_before_decl.ome.tif", NULL, "ZCYX", 0, "", "white space" },
        { "B11_trunc_lastpage/B11_trunc_lastpage.tif", NULL, "SYX", 0, "", "ends before its page 5" },
        { "B12_ome_aborted/B12_ome_aborted.ome.tif", NULL, "TCYX", 2,
          "plane T=2 C=0, page 4 of B12_ome_aborted.ome.tif|plane T=2 C=1, page 5", "" },
        { "G2_mm_4gb_split/x_MMStack.ome.tif", "G2_mm_4gb_split/expected.npy", "TYX", 0, "", "" },
        { "G2_mm_4gb_split/x_MMStack_1.ome.tif", "G2_mm_4gb_split/expected.npy", "TYX", 0, "", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[256], expected[256];
        snprintf(path, sizeof path, "cases/%s", cases[i].path);
        snprintf(expected, sizeof expected, "cases/%s%s", cases[i].expected ? cases[i].expected : cases[i].path,
                 cases[i].expected ? "" : ".expected.npy");
        mt_stack *stack = open_ok(data_path(path));
        check_same(stack, data_path(expected), cases[i].axes);
        check_remarks(stack, cases[i].n_missing, cases[i].missing, cases[i].warnings);
        mt_stack_close(stack);
    }
}

static void check_md5(const char *path, const char *axes, const char *md5)
{
    whole_image image;
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack = open_ok(path);
    assert_string_equal(mt_stack_get_info(stack)->original_axes, axes);
    check_ok(read_whole(stack, &image, &err), &err);
    assert_string_equal(md5_hex(image.pixels, image.bytes), md5);
    free_whole(&image);
    mt_stack_close(stack);
}

/* The file with the OME-XML is itself a TIFF: OME's own sample, whichever file of it is opened. */
static void master_of_a_set(void **state)
{
    (void)state;
    for (char z = '1'; z <= '5'; z++) {
        char name[64];
        snprintf(name, sizeof name, "cases/real_ome_master/multifile-Z%c.ome.tiff", z);
        check_md5(data_path(name), "ZYX", "351dbd268d9e00971ae11b46b27be8eb");
    }
}

/* One file of a set that is nowhere else. */
static void a_file_of_a_set_alone(void **state)
{
    (void)state;
    const char *path = data_path("cases/real_prairie_alone/TSeries-camp-005_Cycle00001_Ch1_000001.ome.tif");
    check_md5(path, "TCYX", "e0e54309391fe55a2647071bc8e670ca");
    mt_stack *stack = open_ok(path);
    check_remarks(stack, 7,
                  "TSeries-camp-005_Cycle00001_Ch2_000001.ome.tif|TSeries-camp-005_Cycle00001_Ch2_000004.ome.tif",
                  "2 more images of the OME-XML have no plane");
    mt_stack_close(stack);
    mt_error err = MT_ERROR_INIT;
    const mt_open_options strict = { .struct_size = sizeof strict, .missing_is_error = 1 };
    assert_int_equal(mt_stack_open(NULL, path, &strict, &stack, &err), MT_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "7 of its files or frames are missing"));
}

static size_t count_found(const char *name, const char *skipped)
{
    const char *path = data_path(name), *skipped_path = "", *reason = "";
    mt_stacks *stacks;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stacks_open(NULL, &path, 1, NULL, &stacks, &err), &err);
    size_t n = mt_stacks_count(stacks);
    mt_stacks_skipped(stacks, 0, &skipped_path, &reason);
    if (skipped && !strstr(reason, skipped))
        fail_msg("%s: %s: \"%s\" lacks \"%s\"", name, skipped_path, reason, skipped);
    mt_stacks_close(stacks);
    return n;
}

/* A file that is part of another image is not opened separately. */
static void sets_in_folders(void **state)
{
    (void)state;
    assert_int_equal(count_found("cases/G2_mm_4gb_split/x*", NULL), 1);
    assert_int_equal(count_found("cases/real_ome_master/*.tiff", NULL), 1);
    assert_int_equal(count_found("cases/G1_positions_squared/*.tif", NULL), 3);
    assert_int_equal(count_found("cases/F3/*.tif", NULL), 1);
    assert_int_equal(count_found("cases/D1/*.tif", NULL), 1);
    /* of the companions three find the same files; the fourth is below them */
    assert_int_equal(count_found("cases/D3/*.companion.ome", NULL), 3);
    assert_int_equal(
        count_found("cases/D3/meta",
                    "../p0.tif (outside the folder, which the option external_folder can widen) and 1 more"),
        0);
}

/* A name that leads out of the folder is followed as far as the caller allows. */
static void names_that_lead_out(void **state)
{
    (void)state;
    char path[512];
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    snprintf(path, sizeof path, "%s", data_path("cases/D3"));
    const mt_open_options options = { .struct_size = sizeof options, .external_folder = path };
    stack = open_with(data_path("cases/D3/meta/up.companion.ome"), &options);
    check_same(stack, data_path("cases/D3/up.companion.ome.expected.npy"), "CYX");
    mt_stack_close(stack);
    mt_status st = mt_stack_open(NULL, data_path("cases/D3/meta/up.companion.ome"), NULL, &stack, &err);
    assert_int_equal(st, MT_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "external_folder"));
}

#define PIXELS(order, c, z, t, inside)                                                                                 \
    "<OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\" UUID=\"urn:uuid:a\"><Image><Pixels "             \
    "DimensionOrder=\"" order "\" SizeX=\"6\" SizeY=\"4\" SizeC=\"" c "\" SizeZ=\"" z "\" SizeT=\"" t                  \
    "\" Type=\"uint16\">" inside "</Pixels></Image></OME>"
#define IN_FILE(c, ifd, name, uuid)                                                                                    \
    "<TiffData FirstC=\"" c "\" IFD=\"" ifd "\" PlaneCount=\"1\"><UUID " name ">" uuid "</UUID></TiffData>"

/* The first pixel of each plane along C, and the warnings. */
static void check_planes(const char *path, const float *expected, int64_t n, size_t n_missing, const char *missing,
                         const char *warnings)
{
    mt_stack *stack = open_ok(path);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, "CYX");
    assert_int_equal(info->data_shape[1], n);
    for (int64_t c = 0; c < n; c++) {
        mt_error err = MT_ERROR_INIT;
        const int64_t origin[2] = { 0 }, size[2] = { 1, 1 };
        float value = -1;
        check_ok(mt_stack_extract_patch(stack, 0, &c, 1, origin, size, 2, &value, &err), &err);
        if (value != expected[c])
            fail_msg("plane %d is %g, not %g", (int)c, (double)value, (double)expected[c]);
    }
    check_remarks(stack, n_missing, missing, warnings);
    mt_stack_close(stack);
}

static void make_set(const char *name, const char *text)
{
    mkdir(temporary_path(name), 0777);
    char path[64];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%c.tif", name, "abc"[i]);
        write_tiff(temporary_path(path),
                   &(tiff_spec) { .pages = 2, .first_value = 1000 * i, .description = i ? NULL : text });
    }
}

/* File names that can be resolved, and names that cannot. */
static void names_of_files(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        float second; /* the first pixel of plane 1 */
        size_t n_missing;
        const char *missing, *warnings;
    } cases[] = {
        { IN_FILE("1", "1", "FileName=\"b.tif\"", "b"), 1100, 0, "", "" },
        { IN_FILE("1", "1", "FileName=\"B.TIF\"", "b"), 1100, 0, "", "b.tif for \"B.TIF\"" },
        { IN_FILE("1", "1", "FileName=\"b.tif\"",
                  "urn:uuid:0123456789012345678901234567890123456789012345678901234567890123456789"),
          1100, 0, "", "" },
        { IN_FILE("1", "1", "FileName=\".\\b.tif\"", "b"), 1100, 0, "", "" },
        { IN_FILE("1", "1", "FileName=\"x/../b.tif\"", "b"), 1100, 0, "", "" },
        { IN_FILE("1", "1", "FileName=\"D:\\Data\\run 1\\b.tif\"", "b"), 1100, 0, "", "another name" },
        { IN_FILE("1", "1", "FileName=\"d:b.tif\"", "b"), 1100, 0, "", "another name" },
        { IN_FILE("1", "1", "FileName=\"file:///data/b.tif\"", "b"), 1100, 0, "", "another name" },
        { IN_FILE("1", "1", "FileName=\"/data/B.TIF\"", "b"), 1100, 0, "", "another name" },
        { IN_FILE("1", "1", "FileName=\"sub/b.tif\"", "b"), 1100, 0, "", "another name" },
        { IN_FILE("1", "1", "FileName=\"../b.tif\"", "b"), 1100, 0, "", "another name" },
        { IN_FILE("1", "1", "FileName=\"\"", ""), 100, 0, "", "" },
        { IN_FILE("1", "1", "FileName=\"gone.tif\"", "b"), 0, 1, "gone.tif", "" },
        { IN_FILE("1", "1", "FileName=\"../gone.tif\"", "b"), 0, 1, "external_folder", "" },
        { IN_FILE("1", "1", "FileName=\"..\"", "b"), 0, 1, "..", "" },
        { IN_FILE("1", "1", "", "b"), 0, 1, "UUID b", "" },
        { IN_FILE("1", "1", "FileName=\"elsewhere.tif\"", " URN "), 0, 1, "elsewhere", "" },
        { IN_FILE("1", "1", "FileName=\"elsewhere.tif\"", " urn:uuid:A "), 100, 0, "", "" },
        { IN_FILE("1", "2", "FileName=\"b.tif\"", "b"), 0, 1, "plane C=1, page 2 of b.tif", "" },
        { "", 0, 1, "plane C=1, which is assigned to no page", "" },
        { "<TiffData FirstC=\"7\" IFD=\"1\"/>", 0, 1, "plane C=1", "FirstC=\"7\"" },
        { "<TiffData FirstC=\"1\" IFD=\"x\"/>", 0, 1, "plane C=1", "IFD=\"x\"" },
        { "<TiffData FirstC=\"1\" FirstZ=\"-1\"/>", 0, 1, "plane C=1", "FirstZ=\"-1\"" },
        { "<TiffData FirstC=\"1\" IFD=\"1\" PlaneCount=\"3\"/>", 100, 0, "", "counts 3 planes" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[2000];
        snprintf(text, sizeof text, PIXELS("XYCZT", "2", "1", "1", "%s%s"),
                 IN_FILE("0", "0", "FileName=\"a.tif\"", "urn:uuid:a"), cases[i].text);
        make_set("names", text);
        check_planes(temporary_path("names/a.tif"), (float[]) { 0, cases[i].second }, 2, cases[i].n_missing,
                     cases[i].missing, cases[i].warnings);
    }
}

/* Names are distinguished, with and without UUIDs. */
static void many_names(void **state)
{
    (void)state;
    enum { N = 300 };
    char text[N * 120 + 400];
    size_t n = (size_t)snprintf(text, sizeof text,
                                "<OME><Image><Pixels DimensionOrder=\"XYZCT\" SizeX=\"6\" SizeY=\"4\" SizeC=\"%d\" "
                                "SizeZ=\"1\" SizeT=\"1\"><TiffData IFD=\"0\"/>",
                                N + 1);
    for (int i = 0; i < N; i++) /* each name twice, with different UUIDs or none */
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "<TiffData FirstC=\"%d\" IFD=\"0\"><UUID FileName=\"f%d\">%.*s</UUID></TiffData>", i + 1,
                              i / 2, i % 2 * 3, "urn");
    snprintf(text + n, sizeof text - n, "</Pixels></Image></OME>");
    write_tiff(temporary_path("a.tif"), &(tiff_spec) { .pages = 1, .description = text });
    mt_stack *stack = open_ok(temporary_path("a.tif"));
    check_remarks(stack, N / 2, "f0|f149", "");
    mt_stack_close(stack);
}

/* A page that the document does not assign does not affect the others. */
static void the_first_data_is_ignored(void **state)
{
    (void)state;
    make_set("first", PIXELS("XYCZT", "3", "1", "1",
                             "<TiffData FirstC=\"7\" IFD=\"0\"/><TiffData FirstC=\"1\" IFD=\"9\"/>"
                             "<TiffData FirstC=\"2\" IFD=\"1\"/>"));
    check_planes(temporary_path("first/a.tif"), (float[]) { 0, 0, 100 }, 3, 2, "plane C=0|plane C=1, page 9 of a.tif",
                 "FirstC=\"7\"");
    make_set("first", PIXELS("XYCZT", "3", "1", "1",
                             "<TiffData FirstC=\"7\" IFD=\"0\"/>" IN_FILE("0", "0", "FileName=\"B.tif\"", "") IN_FILE(
                                 "1", "0", "FileName=\"C.tif\"", "") IN_FILE("2", "0", "FileName=\"D.tif\"", "")));
    check_planes(temporary_path("first/a.tif"), (float[]) { 1000, 2000, 0 }, 3, 1, "D.tif",
                 "2 of the files that the OME-XML names were found under another name: b.tif for \"B.tif\" and so on");
}

/* If a candidate cannot be read (here a folder), a UUID that is not found is not reported as missing. */
static void a_search_that_fails(void **state)
{
    (void)state;
    static const char *const uuids[] = { "urn:uuid:b", "nowhere" };
    mkdir(temporary_path("search"), 0777);
    mkdir(temporary_path("search/aa.tif"), 0777);
    write_tiff(temporary_path("search/b.tif"),
               &(tiff_spec) { .pages = 1, .first_value = 3, .description = "<o:OME xmlns:o='x' UUID='urn:uuid:B'/>" });
    for (int i = 0; i < 2; i++) {
        char text[1000];
        snprintf(text, sizeof text,
                 PIXELS("XYCZT", "2", "1", "1", "%s<TiffData FirstC=\"1\"><UUID>%s</UUID></TiffData>"),
                 IN_FILE("0", "0", "FileName=\"/data/gone.tif\"", ""), uuids[i]);
        write_tiff(temporary_path("search/a.tif"), &(tiff_spec) { .pages = 1, .description = text });
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_stack_open(NULL, temporary_path("search/a.tif"), NULL, &stack, &err);
        assert_int_equal(st, i == 0 ? MT_OK : MT_E_IO);
        if (st) {
            assert_non_null(strstr(err.message, "aa.tif"));
            continue;
        }
        check_remarks(stack, 1, "/data/gone.tif", "");
        assert_string_equal(mt_stack_get_info(stack)->missing[0], "/data/gone.tif");
        mt_stack_close(stack);
    }
}

/* What is in other case is taken if nothing else fits, and a base name if it is one file's only. */
static void names_that_fit_several_files(void **state)
{
    (void)state;
    make_set("several",
             PIXELS("XYCZT", "2", "1", "1",
                    IN_FILE("0", "0", "FileName=\"a.tif\"", "") IN_FILE("1", "0", "FileName=\"E.TIF\"", "")));
    write_tiff(temporary_path("several/e.tif"), &(tiff_spec) { .pages = 1, .first_value = 5 });
    check_planes(temporary_path("several/a.tif"), (float[]) { 0, 5 }, 2, 0, "", "e.tif");
    write_tiff(temporary_path("several/E.tif"), &(tiff_spec) { .pages = 1, .first_value = 6 });
    check_planes(temporary_path("several/a.tif"), (float[]) { 0, 0 }, 2, 1, "E.TIF (several files have this name", "");
    write_tiff(temporary_path("several/E.TIF"), &(tiff_spec) { .pages = 1, .first_value = 7 });
    check_planes(temporary_path("several/a.tif"), (float[]) { 0, 7 }, 2, 0, "", "");
    make_set("several",
             PIXELS("XYCZT", "3", "1", "1",
                    IN_FILE("0", "0", "FileName=\"a.tif\"", "") IN_FILE("1", "0", "FileName=\"1/b.tif\"", "1")
                        IN_FILE("2", "0", "FileName=\"2/b.tif\"", "2")));
    check_planes(temporary_path("several/a.tif"), (float[]) { 0, 0, 0 }, 3, 2, "1/b.tif (several names|2/b.tif", "");
    make_set("several", PIXELS("XYCZT", "3", "1", "1",
                               IN_FILE("0", "0", "FileName=\"a.tif\"", "") IN_FILE("1", "0", "FileName=\"b.tif\"", "1")
                                   IN_FILE("2", "0", "FileName=\"2/b.tif\"", "2")));
    check_planes(temporary_path("several/a.tif"), (float[]) { 0, 1000, 0 }, 3, 1, "2/b.tif (several names", "");
    make_set("several",
             PIXELS("XYCZT", "3", "1", "1",
                    IN_FILE("0", "0", "FileName=\"a.tif\"", "") IN_FILE("1", "0", "FileName=\"1/b.tif\"", "1")
                        IN_FILE("2", "0", "FileName=\"2/b.tif\"", "2")));
    mkdir(temporary_path("several/2"), 0777);
    write_tiff(temporary_path("several/2/b.tif"), &(tiff_spec) { .pages = 1, .first_value = 8 });
    check_planes(temporary_path("several/a.tif"), (float[]) { 0, 1000, 8 }, 3, 0, "", "b.tif for \"1/b.tif\"");
}

/* A broken file is named, and spoils its own planes only; so does a plane that the file does not hold whole. */
static void broken_files(void **state)
{
    (void)state;
    make_set("broken", PIXELS("XYCZT", "3", "1", "1",
                              IN_FILE("0", "0", "FileName=\"b.tif\"", "") IN_FILE("1", "0", "FileName=\"c.tif\"", "")
                                  IN_FILE("2", "1", "FileName=\"a.tif\"", "")));
    write_text(temporary_path("broken/b.tif"), "this is no image");
    FILE *file = fopen(temporary_path("broken/c.tif"), "r+b");
    assert_non_null(file);
    /* the offset of the strip of the only page that counts, the first: its directory begins behind its pixels */
    fseek(file, 8 + 48 + 2 + 6 * 12 + 8, SEEK_SET);
    fputs("\xff\xff", file);
    fclose(file);
    static const char *const words[] = { "in b.tif", "in c.tif", NULL };
    mt_stack *stack = open_ok(temporary_path("broken/a.tif"));
    check_remarks(stack, 0, "", "");
    for (int64_t c = 0; c < 3; c++) {
        mt_error err = MT_ERROR_INIT;
        const int64_t origin[2] = { 0 }, size[2] = { 1, 1 };
        float value = -1;
        mt_status st = mt_stack_extract_patch(stack, 0, &c, 1, origin, size, 2, &value, &err);
        assert_int_equal(st, words[c] ? MT_E_CORRUPT : MT_OK);
        if (words[c] ? !strstr(err.message, words[c]) : value != 100)
            fail_msg("plane %d: %g, \"%s\"", (int)c, (double)value, err.message);
    }
    mt_stack_close(stack);
    write_text(temporary_path("broken/x.companion.ome"),
               PIXELS("XYCZT", "1", "1", "1", IN_FILE("0", "0", "FileName=\"b.tif\"", "")));
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_stack_open(NULL, temporary_path("broken/x.companion.ome"), NULL, &stack, &err), MT_E_CORRUPT);
    assert_non_null(strstr(err.message, "b.tif"));
}

/* What was there when the image was opened, and is gone, is not taken for missing. */
static void files_that_vanish(void **state)
{
    (void)state;
    make_set("vanish", PIXELS("XYCZT", "2", "1", "1",
                              IN_FILE("0", "0", "FileName=\"a.tif\"", "") IN_FILE("1", "0", "FileName=\"b.tif\"", "")));
    mt_stack *stack = open_ok(temporary_path("vanish/a.tif"));
    unlink(temporary_path("vanish/b.tif"));
    write_tiff(temporary_path("vanish/c.tif"), &(tiff_spec) { .pages = 1 });
    mt_stack *later = open_ok(temporary_path("vanish/a.tif"));
    check_remarks(stack, 0, "", "");
    check_remarks(later, 1, "b.tif", "");
    mt_error err = MT_ERROR_INIT;
    const int64_t channel = 1, origin[2] = { 0 }, size[2] = { 1, 1 };
    float value = -1;
    check_ok(mt_stack_extract_patch(later, 0, &channel, 1, origin, size, 2, &value, &err), &err);
    assert_true(value == 0);
    mt_stack_close(later);
    /* counted when it was opened, so that the file may be open still */
    mt_status st = mt_stack_extract_patch(stack, 0, &channel, 1, origin, size, 2, &value, &err);
    assert_true(st == MT_E_NOT_FOUND || (!st && value == 1000));
    mt_stack_close(stack);
}

/* The OME-XML of another file that is of no use: the pages are read, and the reason told. */
static void metadata_in_another_file(void **state)
{
    (void)state;
    static const char only[] = "<OME UUID=\"urn:uuid:b\"><BinaryOnly MetadataFile=\"%s\" UUID=\"urn:uuid:a\"/></OME>";
    static const struct {
        const char *name, *text; /* of the other file; NULL: there is none */
        const char *missing, *warnings;
    } cases[] = {
        { "A.TIF", PIXELS("XYCZT", "2", "1", "1", "<TiffData/>"), "", "no image of this file" },
        { "a.tif", NULL, "a.tif", "a.tif, which is not there" },
        { "a.tif", "<OME><Image>", "", "a.tif, which cannot be parsed" },
        { "a.tif", "", "", "a.tif, which cannot be parsed" },
        { "a.tif", "<OME><BinaryOnly MetadataFile=\"b.tif\"/></OME>", "", "no image of this file" },
        { "b.tif", "", "", "no image of this file" },
    };
    mkdir(temporary_path("only"), 0777);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, only, cases[i].name);
        write_tiff(temporary_path("only/b.tif"), &(tiff_spec) { .pages = 2, .first_value = 7, .description = text });
        unlink(temporary_path("only/a.tif"));
        if (cases[i].text)
            write_tiff(temporary_path("only/a.tif"), &(tiff_spec) { .pages = 2, .description = cases[i].text });
        mt_stack *stack = open_ok(temporary_path("only/b.tif"));
        if (i > 0) /* the first has its planes in a.tif */
            assert_string_equal(mt_stack_get_info(stack)->original_axes, "SYX");
        if (i > 0)
            check_remarks(stack, *cases[i].missing != 0, cases[i].missing, cases[i].warnings);
        mt_stack_close(stack);
    }
    /* planes of which no file is named lie in the file that describes them */
    char text[256];
    snprintf(text, sizeof text, only, "A.TIF");
    write_tiff(temporary_path("only/b.tif"), &(tiff_spec) { .pages = 2, .first_value = 7, .description = text });
    write_tiff(temporary_path("only/a.tif"),
               &(tiff_spec) { .pages = 2,
                              .first_value = 30,
                              .description = PIXELS(
                                  "XYCZT", "2", "1", "1",
                                  "<TiffData FirstC=\"1\" IFD=\"1\"/>" IN_FILE("0", "1", "FileName=\"b.tif\"", "")) });
    check_planes(temporary_path("only/b.tif"), (float[]) { 107, 130 }, 2, 0, "", "");
}

/* A companion is recognised by its name, and may begin with a byte order mark and white space. */
static void a_companion_in_windows_1252(void **state)
{
    (void)state;
    write_tiff(temporary_path("b.tif"), &(tiff_spec) { .pages = 2 });
    write_text(temporary_path("X.Companion.OME"),
               "\xef\xbb\xbf\n" PIXELS("XYCZT", "2", "1", "1",
                                       IN_FILE("0", "0", "FileName=\"b.tif\"", "\xb5")
                                           IN_FILE("1", "1", "FileName=\"b.tif\"", "\xb5")));
    check_planes(temporary_path("X.Companion.OME"), (float[]) { 0, 100 }, 2, 0, "", "windows-1252");
}

static void sets_keep_the_contract(void **state)
{
    (void)state;
    make_set("contract",
             PIXELS("XYCZT", "3", "1", "1",
                    IN_FILE("0", "1", "FileName=\"A.tif\"", "") IN_FILE("1", "1", "FileName=\"x/B.tif\"", "")
                        IN_FILE("2", "0", "FileName=\"none.tif\"", "")));
    check_contract(temporary_path("contract/a.tif"), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases),
        cmocka_unit_test(master_of_a_set),
        cmocka_unit_test(a_file_of_a_set_alone),
        cmocka_unit_test(sets_in_folders),
        cmocka_unit_test(names_that_lead_out),
        cmocka_unit_test(names_of_files),
        cmocka_unit_test(many_names),
        cmocka_unit_test(a_search_that_fails),
        cmocka_unit_test(the_first_data_is_ignored),
        cmocka_unit_test(names_that_fit_several_files),
        cmocka_unit_test(broken_files),
        cmocka_unit_test(files_that_vanish),
        cmocka_unit_test(metadata_in_another_file),
        cmocka_unit_test(a_companion_in_windows_1252),
        cmocka_unit_test(sets_keep_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
