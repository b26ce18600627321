/* SPDX-License-Identifier: BSD-3-Clause */
/* Dimensions that software has written down: ScanImage, MetaMorph's stage, shapes with lengths of 1, runs that were
 * stopped. */
#include "support/contract.h"
#include "support/tiff_writer.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/microtome-dimensions-XXXXXX";

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

static mt_stack *open_part(const char *part, const char *axes)
{
    char name[128];
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .axes = axes };
    snprintf(name, sizeof name, "%s%s", path, part);
    check_ok(mt_stack_open(NULL, name, &options, &stack, &err), &err);
    return stack;
}

static bool warns(mt_stack *stack, const char *word)
{
    const mt_stack_info *info = mt_stack_get_info(stack);
    for (size_t i = 0; i < info->n_warnings; i++)
        if (strstr(info->warnings[i], word))
            return true;
    return false;
}

/* Axes, and the first pixel of each plane in C order of SC(Z). A warning of this word, or none. */
static void check_planes(mt_stack *stack, const char *axes, const char *warning, const int *first, size_t n)
{
    const mt_stack_info *info = mt_stack_get_info(stack);
    whole_image image;
    mt_error err = MT_ERROR_INIT;
    assert_string_equal(info->original_axes, axes);
    check_ok(read_whole(stack, &image, &err), &err);
    enum { PLANE = 2 * TIFF_WRITER_WIDTH * TIFF_WRITER_HEIGHT };
    assert_int_equal(image.bytes, n * PLANE);
    for (size_t i = 0; i < n; i++) {
        uint16_t value;
        memcpy(&value, image.pixels + i * PLANE, 2);
        assert_int_equal(value, first[i]);
    }
    if (warning ? !warns(stack, warning) : info->n_warnings > 0)
        fail_msg("%zu warnings, \"%s\" expected; the first: %s", info->n_warnings, warning ? warning : "none",
                 info->n_warnings ? info->warnings[0] : "");
    free_whole(&image);
}

static const int all[] = { 0, 100, 200, 300, 400, 500 };

#define ENABLED "SI.hStackManager.enable = true\n"

static void pages_of_scanimage(void **state)
{
    (void)state;
    static const struct {
        const char *text, *axes, *warning;
        int first[6];
        size_t n;
    } cases[] = {
        { "SI.hChannels.channelSave = 1\n", "TYX", NULL, { 0, 100, 200, 300, 400, 500 }, 6 },
        { "SI.hChannels.channelSave = [1;2]\n", "TCYX", NULL, { 0, 100, 200, 300, 400, 500 }, 6 },
        { "SI.hChannels.channelSave = [1 2]\nSI.hStackManager.numSlices = 3\nSI.hStackManager.enable = false",
          "TCYX",
          NULL,
          { 0, 100, 200, 300, 400, 500 },
          6 },
        { "SI.hChannels.channelSave = [2;3]\nSI.hStackManager.actualNumSlices = 3\n" ENABLED,
          "ZCYX",
          NULL,
          { 0, 200, 400, 100, 300, 500 },
          6 },
        { "SI.hChannels.channelSave = 1\nSI.hStackManager.numSlices = 3\nSI.hStackManager.framesPerSlice = 2\n" ENABLED,
          "ZTYX",
          NULL,
          { 0, 200, 400, 100, 300, 500 },
          6 },
        { "SI.hChannels.channelSave = 1\nSI.hStackManager.numSlices = 2\nSI.hStackManager.numFramesPerVolume = 2\n"
          "SI.hStackManager.numFramesPerVolumeWithFlyback = 3\n" ENABLED,
          "TZYX",
          NULL,
          { 0, 100, 300, 400 },
          4 },
        { "SI.hChannels.channelSave = 1\nSI.hStackManager.numSlices = 2\nSI.hStackManager.numFramesPerVolume = 2\n"
          "SI.hStackManager.numFramesPerVolumeWithFlyback = 4\n" ENABLED, /* the last flyback was not written */
          "TZYX",
          NULL,
          { 0, 100, 400, 500 },
          4 },
        { "SI.hChannels.channelSave = 1\nSI.hStackManager.numSlices = 3\nSI.hStackManager.numFramesPerVolume = 3\n"
          "SI.hStackManager.numFramesPerVolumeWithFlyback = 4\n" ENABLED,
          "ZYX",
          "last 3 pages",
          { 0, 100, 200 },
          3 },
        { "SI.hChannels.channelSave = [1;2;3;4]\n", "CYX", "last 2 pages", { 0, 100, 200, 300 }, 4 },
        { "SI.hChannels.channelSave = 1\nSI.hStackManager.numSlices = 10\n" ENABLED,
          "ZYX",
          "10 slices, the file has 6",
          { 0, 100, 200, 300, 400, 500 },
          6 },
        { "SI.hChannels.channelSave = [1;2;3;4;5;6;7]\n", "SYX", "does not match", { 0, 100, 200, 300, 400, 500 }, 6 },
        { "SI.hChannels.channelSave = none\n", "SYX", NULL, { 0, 100, 200, 300, 400, 500 }, 6 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tiff_spec spec = { .pages = 6,
                           .extra = { { 305, 2, (uint32_t)strlen(cases[i].text) + 1, cases[i].text,
                                        strlen(cases[i].text) + 1 } } };
        write_tiff(path, &spec);
        mt_stack *stack = open_part("", NULL);
        check_planes(stack, cases[i].axes, cases[i].warning, cases[i].first, cases[i].n);
        mt_stack_close(stack);
        if (i == 5)
            check_contract(path, NULL);
    }
}

/* Older versions wrote it into the description. */
static void names_and_sizes_of_scanimage(void **state)
{
    (void)state;
    write_tiff(path, &(tiff_spec) { .pages = 6,
                                    .description = "frameNumbers = 1\nscanimage.SI.hChannels.channelSave = [1;3]\n"
                                                   "scanimage.SI.hChannels.channelName = {'red';'green';'blue'}\n"
                                                   "scanimage.SI.hFastZ.enable = 1\n"
                                                   "scanimage.SI.hStackManager.numSlices = 3\n"
                                                   "scanimage.SI.hStackManager.stackZStepSize = -2.5\n" });
    mt_stack *stack = open_part("", NULL);
    const mt_stack_info *info = mt_stack_get_info(stack);
    check_planes(stack, "ZCYX", NULL, (const int[]) { 0, 200, 400, 100, 300, 500 }, 6);
    assert_string_equal(info->channels[0].name, "red");
    assert_string_equal(info->channels[1].name, "blue");
    assert_true(info->pixel_size[0] == 2.5);
    assert_string_equal(info->unit[0], "micrometer");
    mt_stack_close(stack);
}

/* Positions are samples, which are slow when read; inside them, planes are what UIC2 says. */
static void stage_of_metamorph(void **state)
{
    (void)state;
    static const struct {
        const char *positions; /* of each plane */
        bool distances, times; /* between planes */
        const char *axes;
    } cases[] = { { "aaaaaa", true, false, "ZYX" },  { "abcdef", false, false, "SYX" },
                  { "abcdef", true, false, "ZYX" },  { "aaabbb", true, false, "SZYX" },
                  { "aabbcc", false, true, "STYX" }, { "ababab", false, true, "TSYX" },
                  { "abaabb", false, true, "TYX" },  { "aabbaa", true, false, "ZYX" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t uic2[6 * 6] = { 0 };
        uint16_t uic4[1 + 6 * 8] = { 28 };
        for (size_t p = 0; p < 6; p++) {
            uic2[6 * p] = cases[i].distances, uic2[6 * p + 1] = 1;
            uic2[6 * p + 3] = cases[i].times ? (uint32_t)p : 0;
            uic4[1 + 8 * p] = (uint16_t)cases[i].positions[p], uic4[3 + 8 * p] = 1, uic4[7 + 8 * p] = 1;
        }
        write_tiff(
            path, &(tiff_spec) { .pages = 6,
                                 .directories = 1,
                                 .extra = { { 33629, 5, 6, uic2, sizeof uic2 }, { 33631, 4, 6, uic4, sizeof uic4 } } });
        mt_stack *stack = open_part("", NULL);
        static const int inside[] = { 0, 200, 400, 100, 300, 500 };
        check_planes(stack, cases[i].axes, NULL, strcmp(cases[i].axes, "TSYX") == 0 ? inside : all, 6);
        mt_stack_close(stack);
        if (i == 0)
            check_contract(path, NULL);
    }
}

static void lengths_of_one(void **state)
{
    (void)state;
    write_tiff(path, &(tiff_spec) { .pages = 2, .description = "{\"shape\": [2, 1, 4, 6]}" });
    for (int named = 0; named < 2; named++) {
        mt_stack *stack = open_part("", named ? "SCYX" : NULL);
        check_planes(stack, "SCYX", NULL, all, 2);
        mt_stack_close(stack);
    }
    write_tiff(path, &(tiff_spec) { .pages = 1, .description = "{\"shape\": [1, 1, 1, 4, 6], \"axes\": \"TZCYX\"}" });
    mt_stack *stack = open_part("", NULL);
    check_planes(stack, "TZCYX", NULL, all, 1);
    mt_stack_close(stack);
    write_tiff(path, &(tiff_spec) { .pages = 3, .description = "{\"shape\": [3, 1, 4, 6], \"axes\": \"ZTYX\"}" });
    stack = open_part("", NULL);
    check_planes(stack, "ZTYX", NULL, all, 3);
    mt_stack_close(stack);
}

/* ImageJ: only complete frames are used; the remaining pages are a separate image. */
static void runs_that_were_stopped(void **state)
{
    (void)state;
    write_tiff(path, &(tiff_spec) { .pages = 5, .description = "ImageJ=1.53t\nimages=8\nslices=2\nframes=4\n" });
    mt_stack *stack = open_part("", NULL);
    check_planes(stack, "TZYX", "4 frames, the file has 2", all, 4);
    mt_stack_close(stack);
    stack = open_part("#series=1", NULL);
    check_planes(stack, "YX", NULL, all + 4, 1);
    mt_stack_close(stack);
    write_tiff(path, &(tiff_spec) { .pages = 3, .description = "ImageJ=1.53t\nimages=2000\nslices=2000\n" });
    stack = open_part("", NULL);
    check_planes(stack, "ZYX", "2000 slices, the file has 3", all, 3);
    mt_stack_close(stack);
    write_tiff(path, &(tiff_spec) { .pages = 3, .description = "ImageJ=1.53t\nimages=5\nchannels=5\n" });
    stack = open_part("", NULL);
    check_planes(stack, "SYX", "counts 5 planes", all, 3);
    mt_stack_close(stack);
}

/* What tifffile wrote page by page is one image, up to a page that it describes as the first of several. */
static void pages_that_were_appended(void **state)
{
    (void)state;
    static const struct {
        const char *first, *fourth, *axes;
        size_t n;
    } cases[] = { { "{\"shape\": [4, 6]}", "{\"shape\": [4, 6]}", "SYX", 6 },
                  { "{\"shape\": [4, 6]}", "{\"shape\": [3, 4, 6]}", "SYX", 3 },
                  { "shape=(4, 6)", "shape=(3, 4, 6)", "SYX", 3 },
                  { "plain", "{\"shape\": [3, 4, 6]}", "SYX", 6 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_tiff(path, &(tiff_spec) {
                             .pages = 6, .description = cases[i].first, .second = cases[i].fourth, .second_at = 3 });
        mt_stack *stack = open_part("", NULL);
        check_planes(stack, cases[i].axes, NULL, all, cases[i].n);
        mt_stack_close(stack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_scanimage),     cmocka_unit_test(names_and_sizes_of_scanimage),
        cmocka_unit_test(stage_of_metamorph),     cmocka_unit_test(lengths_of_one),
        cmocka_unit_test(runs_that_were_stopped), cmocka_unit_test(pages_that_were_appended),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
