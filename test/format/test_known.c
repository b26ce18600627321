/* SPDX-License-Identifier: BSD-3-Clause */
/* What cannot be opened, but is called by its name. */
#include "support/support.h"

#include "store/store.h"

#include <microtome/build.h>
#include <microtome/stack.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static mt_status open_bytes(const char *name, const void *bytes, size_t size, mt_error *err)
{
    mt_stack *stack;
    mt_status st = mt_stack_open_memory(NULL, name, bytes, size, NULL, &stack, err);
    assert_int_not_equal(st, MT_OK);
    return st;
}

static void check_refused(const char *name, const char *text, size_t at, size_t n, mt_status status, const char *words)
{
    char bytes[512] = { 0 };
    mt_error err = MT_ERROR_INIT;
    memcpy(bytes + at, text, n);
    assert_int_equal(open_bytes(name, bytes, at + n, &err), status);
    if (!strstr(err.message, words))
        fail_msg("%s: \"%s\" lacks \"%s\"", name, err.message, words);
    if (at + n > 1) { /* cut, it is not known any more */
        mt_error cut = MT_ERROR_INIT;
        (void)open_bytes("x", bytes, at + n - 1, &cut);
        assert_non_null(strstr(cut.message, "neither content nor name"));
    }
}

static void formats_are_called_by_name(void **state)
{
    (void)state;
    check_refused("x.nd2", "\0\0\0\x0cjP  ", 0, 8, MT_E_UNSUPPORTED, "Nikon ND2 of version 1");
    check_refused("x.XLEF", "<", 0, 1, MT_E_UNSUPPORTED, "Leica XLEF");
    check_refused("x.xlif", "<", 0, 1, MT_E_UNSUPPORTED, "Leica XLIF");
    check_refused("x.xlcf", "<", 0, 1, MT_E_UNSUPPORTED, "Leica XLCF");
    check_refused("x.ndpis", "[", 0, 1, MT_E_UNSUPPORTED, "a list of NDPI files, one for each channel: open these");
    check_refused("x.oib", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0, 8, MT_E_UNSUPPORTED, "Olympus OIB");
    check_refused("x.zvi", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0, 8, MT_E_UNSUPPORTED, "Zeiss ZVI");
    check_refused("x.doc", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0, 8, MT_E_NOT_AN_IMAGE, "known format");
    check_refused("x.hdr", "\x5c\1\0\0", 0, 4, MT_E_UNSUPPORTED, "Analyze 7.5");
    check_refused("x.hdr", "\0\0\1\x5c", 0, 4, MT_E_UNSUPPORTED, "Analyze 7.5");
    check_refused("x.HDR", "ENVI", 0, 4, MT_E_UNSUPPORTED, "ENVI");
    check_refused("x.nrrd", "NRRD000", 0, 7, MT_E_UNSUPPORTED, "NRRD");
    check_refused("x", "DICM", 128, 4, MT_E_UNSUPPORTED, "DICOM");
    check_refused("x.fits", "SIMPLE  =", 0, 9, MT_E_UNSUPPORTED, "FITS");
    check_refused("x.jp2", "\0\0\0\x0cjP  ", 0, 8, MT_E_UNSUPPORTED, "JPEG 2000");
    check_refused("x.klb", "\2", 0, 1, MT_E_UNSUPPORTED, "KLB");
    check_refused("x.png", "\x89PNG\r\n\x1a\n", 0, 8, MT_E_NOT_AN_IMAGE, "PNG");
    check_refused("x.jpg", "\xff\xd8\xff", 0, 3, MT_E_NOT_AN_IMAGE, "JPEG");
    check_refused("x.gif", "GIF8", 0, 4, MT_E_NOT_AN_IMAGE, "GIF");
    check_refused("x.tif", "version https://git-lfs.github.com/", 0, 35, MT_E_NOT_AN_IMAGE, "git lfs pull");
    check_refused("x.tif", "<!DOCTYPE html", 0, 14, MT_E_NOT_AN_IMAGE, "a web page");
    check_refused("x.tif", " \t\r\n<html", 0, 9, MT_E_NOT_AN_IMAGE, "a web page");
    check_refused("x.tif", "\n <HTML", 0, 7, MT_E_NOT_AN_IMAGE, "a web page");
    check_refused("x.TIFF", "MM", 0, 2, MT_E_NOT_AN_IMAGE, "the name is of a known format, but the content is not");
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(open_bytes("x.tif", "", 0, &err), MT_E_NOT_AN_IMAGE);
    assert_non_null(strstr(err.message, "the file is empty"));
}

static void folders_are_called_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *file, *text, *words;
    } cases[] = {
        { "info", "{\"num_channels\": 1, \"scales\": []}", "Neuroglancer precomputed is not supported" },
        { "info", "{\"scales\": []}", NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char folder[] = "/tmp/microtome-known-XXXXXX", path[100];
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof path, "%s/%s", folder, cases[i].file);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fputs(cases[i].text, file);
        fclose(file);
        assert_int_not_equal(mt_stack_open(NULL, folder, NULL, &stack, &err), MT_OK);
        assert_true(cases[i].words ? strstr(err.message, cases[i].words) != NULL
                                   : strstr(err.message, "not supported") == NULL);
        unlink(path);
        rmdir(folder);
    }
}

static void write_beside(const char *folder, const char *name, const void *bytes, size_t size)
{
    char path[100];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* Pixels are called what the header beside them is. */
static void pixels_are_called_by_their_header(void **state)
{
    (void)state;
    static const struct {
        const char *pixels, *header, *bytes;
        size_t n;
        mt_status status;
        const char *words;
    } cases[] = {
        { "x.img", "x.hdr", "\x5c\1\0\0", 4, MT_E_UNSUPPORTED,
          "Analyze 7.5 is not supported (the header is x.hdr): open" },
        { "x.img", "x.hdr", "\0\0\1\x5c", 4, MT_E_UNSUPPORTED, "Analyze 7.5 is not supported (the header is x.hdr)" },
        { "x.IMG", "x.HDR", "ENVI", 4, MT_E_UNSUPPORTED, "ENVI is not supported (the header is x.HDR)" },
        { "x.img", "x.HDR", "ENVI", 4, MT_E_UNSUPPORTED, "ENVI is not supported (the header is x.HDR)" },
        { "x.img", "x.hdr", "ENV", 3, MT_E_NOT_AN_IMAGE, "an .img has pixels only" },
        { "x.img", "x.hdr", "", 0, MT_E_NOT_AN_IMAGE, "an .img has pixels only" },
        { "x.img", "y.hdr", "ENVI", 4, MT_E_NOT_AN_IMAGE, "no NIfTI header (.hdr) is beside it: open it as raw" },
        { "x.pix", "x.hdr", "ENVI", 4, MT_E_NOT_AN_IMAGE, "neither content nor name is of a known format" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char folder[] = "/tmp/microtome-known-XXXXXX", path[100];
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        assert_non_null(mkdtemp(folder));
        write_beside(folder, cases[i].header, cases[i].bytes, cases[i].n);
        write_beside(folder, cases[i].pixels, "pixels", 6);
        snprintf(path, sizeof path, "%s/%s", folder, cases[i].pixels);
        mt_status st = mt_stack_open(NULL, path, NULL, &stack, &err);
        if (st != cases[i].status || !strstr(err.message, cases[i].words))
            fail_msg("case %zu: %s: %s", i, mt_status_name(st), err.message);
        unlink(path);
        snprintf(path, sizeof path, "%s/%s", folder, cases[i].header);
        unlink(path);
        rmdir(folder);
    }
}

/* mt_format_name lists them all, with what they are called and how their files end. */
static void formats_can_be_listed(void **state)
{
    (void)state;
    size_t n = 0;
    for (const char *name, *title, *suffixes; (name = mt_format_name(n, &title, &suffixes)); n++)
        assert_true(*name && *title && suffixes);
    assert_true(n >= 6);
    assert_null(mt_format_name(n, NULL, NULL));
    assert_string_equal(mt_format_name(0, NULL, NULL), mt_format_name(0, &(const char *) { NULL }, NULL));
    assert_non_null(strchr(mt_version(), '.'));
}

static void an_unknown_format_is_told_those_that_there_are(void **state)
{
    (void)state;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .format = "zar" };
    assert_int_equal(mt_stack_open_memory(NULL, "x", "x", 1, &options, &stack, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "no format is called \"zar\"; there are "));
    for (const char *const *name =
             (const char *const[]) { "npy", "raw", "zarr", "tiff", "hdf5", "czi", "mrc", "nifti", NULL };
         *name;)
        assert_non_null(strstr(err.message, *name++));
}

static void keys_of_a_store(void **state)
{
    (void)state;
    assert_int_equal(mt_store_check_key("a/b.c/..d", NULL), MT_OK);
    assert_int_equal(mt_store_check_key("", NULL), MT_OK);
    static const char *const bad[] = { "a//b", "/a", "a/", "./a", "a/..", "..", "a/./b" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mt_error err = MT_ERROR_INIT;
        assert_int_equal(mt_store_check_key(bad[i], &err), MT_E_ARGUMENT);
        assert_non_null(strstr(err.message, bad[i]));
        assert_non_null(strstr(err.message, i < 3 ? "an empty part" : "not allowed"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_called_by_name),
        cmocka_unit_test(folders_are_called_by_name),
        cmocka_unit_test(pixels_are_called_by_their_header),
        cmocka_unit_test(formats_can_be_listed),
        cmocka_unit_test(an_unknown_format_is_told_those_that_there_are),
        cmocka_unit_test(keys_of_a_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
