/* SPDX-License-Identifier: BSD-3-Clause */
/* Invalid OME-XML and truncated files: what can still be read, and the warnings. */
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

static mt_stack *open_ok(const char *path)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(NULL, path, NULL, &stack, &err), &err);
    return stack;
}

#define PIXELS(order, c, z, t, inside)                                                                                 \
    "<OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\" UUID=\"urn:uuid:a\"><Image><Pixels "             \
    "DimensionOrder=\"" order "\" SizeX=\"6\" SizeY=\"4\" SizeC=\"" c "\" SizeZ=\"" z "\" SizeT=\"" t                  \
    "\" Type=\"uint16\">" inside "</Pixels></Image></OME>"

static void replace_bytes(uint8_t *bytes, size_t size, const char *from, const char *to, size_t n)
{
    for (size_t i = 0; i + n <= size; i++)
        if (memcmp(bytes + i, from, n) == 0) {
            memcpy(bytes + i, to, n);
            return;
        }
    fail_msg("no such bytes");
}

/* Colour pages that the document takes for one channel. */
static void samples_that_are_not_counted(void **state)
{
    (void)state;
    static const char text[] = "<OME><Image><Pixels DimensionOrder=\"XYCZT\" SizeX=\"2\" SizeY=\"4\" SizeC=\"%d\" "
                               "SizeZ=\"1\" SizeT=\"1\"><Channel Name=\"a\"/><TiffData/></Pixels></Image></OME>";
    for (int channels = 1; channels <= 3; channels++) {
        char description[256];
        size_t size;
        snprintf(description, sizeof description, text, channels);
        write_tiff(temporary_path("a.tif"), &(tiff_spec) { .pages = 1, .description = description });
        uint8_t *bytes = read_file(temporary_path("a.tif"), &size);
        replace_bytes(bytes, size, "\376\0\4\0\1\0\0\0\0\0\0\0", "\25\1\4\0\1\0\0\0\3\0\0\0", 12);
        replace_bytes(bytes, size, "\0\1\3\0\1\0\0\0\6\0\0\0", "\0\1\3\0\1\0\0\0\2\0\0\0", 12);
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_stack_open_memory(NULL, "a.tif", bytes, size, NULL, &stack, &err), &err);
        const mt_stack_info *info = mt_stack_get_info(stack);
        assert_string_equal(info->original_axes, "YXC");
        assert_int_equal(info->data_shape[1], 3);
        check_remarks(stack, 0, "", channels == 1 ? "SizeC is 1, but pages have 3" : channels == 2 ? "2 channels" : "");
        mt_stack_close(stack);
        free(bytes);
    }
}

/* Wrong encodings and other faults that readers commonly accept: unit and names are still read. */
static void text_that_is_forgiven(void **state)
{
    (void)state;
#define SOME(head, unit, name, tail)                                                                                   \
    head "<OME><Image><Pixels DimensionOrder=\"XYCZT\" SizeX=\"6\" SizeY=\"4\" SizeC=\"2\" SizeZ=\"1\" SizeT=\"1\" "   \
         "PhysicalSizeX=\"2\" PhysicalSizeXUnit=\"" unit "\"><Channel Name=\"" name                                    \
         "\"/><Channel/><TiffData/></Pixels></Image></OME>" tail
    static const struct {
        const char *text, *name, *warning;
    } cases[] = {
        { SOME("<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "\xc2\xb5m", "a", ""), "a", "" },
        { SOME("\xef\xbb\xbf<?xml version=\"1.0\"?>", "\xc2\xb5m", "a", ""), "a", "" },
        { SOME("", "\xb5m", "a", ""), "a", "windows-1252" },
        { SOME("<?xml version='1.0' encoding='ISO-8859-1'?>", "\xb5m", "\xe9", ""), "\xc3\xa9", "" },
        { SOME("<?xml version='1.0' encoding='Windows-1252'?>", "\xb5m", "\x80", ""), "\xe2\x82\xac", "" },
        { SOME("<?xml version='1.0' encoding='ISO-8859-1'?>", "\xc2\xb5m", "a", ""), "a", "it is UTF-8" },
        { SOME("<?xml version='1.0' encoding='utf-16'?>", "\xc2\xb5m", "a", ""), "a", "it is UTF-8" },
        { SOME("<?xml version='1.0' encoding='UTF-8'?>", "\xc2\xb5m", "\xfc", ""), "\xc3\xbc", "windows-1252" },
        { SOME("\r\n <?xml version='1.0'?>", "\xc2\xb5m", "a", ""), "a", "white space" },
        { SOME("", "\xc2\xb5m", "a & b", ""), "a & b", "does not allow" },
        { SOME("", "\xc2\xb5m", "a &micro; &#0;&#x1f; &amp; &#65;", ""), "a &micro; &#0;&#x1f; & A", "does not allow" },
        { SOME("", "\xc2\xb5m", "a\x02z\xef\xbf\xbf", ""), "a?z?", "does not allow" },
        { SOME("", "\xc2\xb5m", "a", "\n\n<OME>rest"), "a", "text behind" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_tiff(temporary_path("a.tif"), &(tiff_spec) { .pages = 2, .description = cases[i].text });
        mt_stack *stack = open_ok(temporary_path("a.tif"));
        const mt_stack_info *info = mt_stack_get_info(stack);
        assert_string_equal(info->original_axes, "CYX");
        assert_string_equal(info->unit[2], "micrometer");
        assert_string_equal(info->channels[0].name, cases[i].name);
        check_remarks(stack, 0, "", cases[i].warning);
        mt_stack_close(stack);
    }
}

/* XML that cannot be used gives a warning with the reason. */
static void text_that_is_ignored(void **state)
{
    (void)state;
    static const struct {
        const char *text, *warning;
    } cases[] = {
        { "<OME><Image><Pixels SizeX=\"6\"", "cannot be parsed, and is ignored: OME-XML: line 1, column " },
        { "<OME/>", "no image of this file" },
        { PIXELS("XYCCT", "2", "1", "1", "<TiffData/>"), "DimensionOrder" },
        { PIXELS("XYCZT", "0", "1", "1", "<TiffData/>"), "are invalid" },
        { "<OME><Image><Pixels DimensionOrder=\"XYCZT\" SizeX=\"60\" SizeY=\"4\" SizeC=\"2\" SizeZ=\"1\" SizeT=\"1\">"
          "<TiffData/></Pixels></Image></OME>",
          "60 x 4 pixels" },
        { PIXELS("XYCZT", "2", "1", "1", "<TiffData IFD=\"9\"/>"), "no image of this file" },
        { PIXELS("XYCZT", "2", "1", "1", "<TiffData FirstC=\"9\"/>"), "FirstC=\"9\"" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_tiff(temporary_path("a.tif"), &(tiff_spec) { .pages = 2, .description = cases[i].text });
        mt_stack *stack = open_ok(temporary_path("a.tif"));
        assert_string_equal(mt_stack_get_info(stack)->original_axes, "SYX");
        check_remarks(stack, 0, "", cases[i].warning);
        mt_stack_close(stack);
    }
}

/* A file that ends anywhere: the pages that are there whole are read. */
static void files_that_were_cut(void **state)
{
    (void)state;
    enum { PAGE = 48 + 2 + 9 * 12 + 4 };
    for (int lost = 1; lost < 2 * PAGE; lost++) {
        write_tiff(temporary_path("a.tif"), &(tiff_spec) { .pages = 4 });
        struct stat file;
        assert_int_equal(stat(temporary_path("a.tif"), &file), 0);
        assert_int_equal(truncate(temporary_path("a.tif"), file.st_size - lost), 0);
        mt_stack *stack = open_ok(temporary_path("a.tif"));
        /* a link, of four bytes, that is cut counts as the last */
        int64_t whole = lost <= 4 ? 4 : lost <= PAGE + 4 ? 3 : 2;
        assert_int_equal(mt_stack_get_info(stack)->data_shape[0], whole);
        bool is_link = lost > PAGE && lost <= PAGE + 4;
        check_remarks(stack, 0, "", whole < 4 && !is_link ? "ends before its page" : "");
        mt_stack_close(stack);
    }
}

/* With very many pages, missing ones are counted only if the file is too small for all of them. */
static void pages_of_large_files(void **state)
{
    (void)state;
    enum { PAGES = 1100 };
    static const struct {
        int64_t planes;
        size_t n_missing;
    } cases[] = { { 1024, 0 }, { 1500, 0 }, { 5000, 5000 - PAGES } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "<OME><Image><Pixels DimensionOrder=\"XYZCT\" SizeX=\"6\" SizeY=\"4\" SizeC=\"1\" SizeZ=\"1\" "
                 "SizeT=\"%d\"><TiffData/></Pixels></Image></OME>",
                 (int)cases[i].planes);
        write_tiff(temporary_path("a.tif"), &(tiff_spec) { .pages = PAGES, .first_value = 1, .description = text });
        mt_stack *stack = open_ok(temporary_path("a.tif"));
        check_remarks(stack, cases[i].n_missing, cases[i].n_missing ? "plane T=1100, page 1100 of a.tif" : "", "");
        mt_error err = MT_ERROR_INIT;
        const int64_t origin[2] = { 0 }, size[2] = { 1, 1 };
        float value = -1;
        check_ok(mt_stack_extract_patch(stack, cases[i].planes - 1, NULL, 0, origin, size, 2, &value, &err), &err);
        assert_true(value == (i == 0 ? (float)((1 + 102300) % 65536) : 0));
        mt_stack_close(stack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_that_are_not_counted), cmocka_unit_test(text_that_is_forgiven),
        cmocka_unit_test(text_that_is_ignored),         cmocka_unit_test(files_that_were_cut),
        cmocka_unit_test(pages_of_large_files),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
