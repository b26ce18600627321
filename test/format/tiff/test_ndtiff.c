/* SPDX-License-Identifier: BSD-3-Clause */
/* NDTiff: pages by the file NDTiff.index beside them, also of several files, right and wrong. */
#include "support/contract.h"
#include "support/failures.h"
#include "support/folder.h"
#include "support/tiff_writer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAGIC = 0x6191 }; /* its low half is the first pixel of the first page */

/* Pages of which the first starts with the mark of NDTiff, where write_tiff has two pixels. */
static void write_pages(const char *name, int pages, int first)
{
    write_tiff(temporary_path(name), &(tiff_spec) { .pages = pages, .first_value = first });
    FILE *file = fopen(temporary_path(name), "r+b");
    assert_non_null(file);
    fseek(file, 8, SEEK_SET);
    fwrite("\x91\x61\7\0", 1, 4, file);
    fclose(file);
}

static void put_number(FILE *file, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        fputc((int)(value >> 8 * i & 255), file);
}

typedef struct entry {
    const char *place, *file;
    uint32_t width;
} entry;

/* An index of entries up to one without a place, and of some bytes that begin another. */
static void write_index(const entry *entries, int more)
{
    FILE *file = fopen(temporary_path("NDTiff.index"), "wb");
    assert_non_null(file);
    for (; entries->place; entries++) {
        put_number(file, (uint32_t)strlen(entries->place));
        fputs(entries->place, file);
        put_number(file, (uint32_t)strlen(entries->file));
        fputs(entries->file, file);
        const uint32_t numbers[8] = { 0, entries->width ? entries->width : TIFF_WRITER_WIDTH, TIFF_WRITER_HEIGHT, 1 };
        for (int i = 0; i < 8; i++)
            put_number(file, numbers[i]);
    }
    for (int i = 0; i < more; i++)
        fputc(1, file);
    fclose(file);
}

static void check_planes(const char *name, const char *axes, const char *warning, const int *first, size_t n)
{
    mt_stack *stack;
    whole_image image;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(NULL, temporary_path(name), NULL, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, axes);
    assert_true(!warning || (info->n_warnings > 0 && strstr(info->warnings[0], warning)));
    check_ok(read_whole(stack, &image, &err), &err);
    enum { PLANE = 2 * TIFF_WRITER_WIDTH * TIFF_WRITER_HEIGHT };
    assert_int_equal(image.bytes, n * PLANE);
    for (size_t i = 0; i < n; i++) {
        uint16_t value;
        memcpy(&value, image.pixels + i * PLANE, 2);
        assert_int_equal(value, first[i]);
    }
    free_whole(&image);
    mt_stack_close(stack);
}

/* Axes in any order, names along one, numbers below zero, a frame that was never taken, an entry that is cut. */
static void frames_by_the_index(void **state)
{
    (void)state;
    static const entry entries[] = { { "{\"channel\": \"DAPI\", \"z\": -1, \"time\": 4}", "a.tif", 0 },
                                     { "{\"channel\": \"DAPI\", \"z\": 0, \"time\": 4}", "a.tif", 0 },
                                     { "{\"channel\": \"GFP\", \"z\": -1, \"time\": 4}", "a.tif", 0 },
                                     { "{\"channel\": \"DAPI\", \"z\": -1, \"time\": 5}", "a.tif", 0 },
                                     { "{\"time\": 5, \"z\": 0, \"channel\": \"GFP\"}", "a.tif", 0 },
                                     { NULL, NULL, 0 } };
    write_pages("a.tif", 5, 0);
    write_index(entries, 7);
    check_planes("a.tif", "TZCYX", NULL, (const int[]) { MAGIC, 100, 200, 0, 300, 0, 0, 400 }, 8);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(NULL, temporary_path("a.tif"), NULL, &stack, &err), &err);
    assert_string_equal(mt_stack_get_info(stack)->channels[1].name, "GFP");
    assert_int_equal(mt_stack_get_info(stack)->n_missing, 3);
    mt_stack_close(stack);
    check_contract(temporary_path("a.tif"), NULL);
}

/* Whichever of its files is opened, and in a search: one image. */
static void frames_of_several_files(void **state)
{
    (void)state;
    static const entry entries[] = { { "{\"position\": 0, \"time\": 0}", "a.tif", 0 },
                                     { "{\"position\": 1, \"time\": 0}", "a.tif", 0 },
                                     { "{\"position\": 0, \"time\": 1}", "b.tif", 0 },
                                     { "{\"position\": 1, \"time\": 1}", "b.tif", 0 },
                                     { NULL, NULL, 0 } };
    static const int first[] = { MAGIC, MAGIC, 100, 1100 };
    write_pages("a.tif", 2, 0);
    write_pages("b.tif", 2, 1000);
    write_index(entries, 0);
    check_planes("a.tif", "STYX", NULL, first, 4);
    check_planes("b.tif", "STYX", NULL, first, 4);
    assert_true(fail_each_allocation(temporary_path("b.tif"), &(opening) { 0 }));
    assert_true(fail_each_read(temporary_path("b.tif"), &(opening) { 0 }));
    mt_stacks *stacks;
    mt_error err = MT_ERROR_INIT;
    const char *const paths[] = { temporary_folder() };
    check_ok(mt_stacks_open(NULL, paths, 1, NULL, &stacks, &err), &err);
    assert_int_equal(mt_stacks_count(stacks), 1);
    char text[8192];
    const char *index, *other;
    check_ok(mt_stack_identify(mt_stacks_get(stacks, 0), text, sizeof text, &err), &err);
    assert_non_null(index = strstr(text, " ns, with NDTiff.index "));
    assert_non_null(other = strstr(index, strstr(text, "/a.tif") ? ", with b.tif " : ", with a.tif "));
    assert_int_equal(strlen(other), strlen(", with b.tif ") + 16); /* that is all */
    mt_stacks_close(stacks);
    unlink(temporary_path("b.tif"));
    check_planes("a.tif", "STYX", NULL, (const int[]) { MAGIC, 0, 100, 0 }, 4);
    mt_stack *stack;
    check_ok(mt_stack_open(NULL, temporary_path("a.tif"), NULL, &stack, &err), &err);
    assert_int_equal(mt_stack_get_info(stack)->n_missing, 1);
    assert_string_equal(mt_stack_get_info(stack)->missing[0], "b.tif");
    check_ok(mt_stack_identify(stack, text, sizeof text, &err), &err);
    assert_non_null(strstr(text, ", with NDTiff.index "));
    assert_null(strstr(text, "b.tif"));
    mt_stack_close(stack);
}

/* The index was written before the pages. */
static void frames_without_a_page(void **state)
{
    (void)state;
    static const entry entries[] = {
        { "{\"z\": 0}", "a.tif", 0 }, { "{\"z\": 1}", "a.tif", 0 }, { "{\"z\": 2}", "a.tif", 0 }, { NULL, NULL, 0 }
    };
    write_pages("a.tif", 2, 0);
    write_index(entries, 0);
    check_planes("a.tif", "ZYX", NULL, (const int[]) { MAGIC, 100, 0 }, 3);
}

static void an_index_that_does_not_fit(void **state)
{
    (void)state;
    static const entry cases[][2] = { { { "{\"z\": 0}", "a.tif", 7 }, { NULL, NULL, 0 } },
                                      { { "{\"z\": 0}", "b.tif", 0 }, { NULL, NULL, 0 } },
                                      { { "{\"z\": 0}", "../a.tif", 0 }, { NULL, NULL, 0 } },
                                      { { "{\"z\": 0", "a.tif", 0 }, { NULL, NULL, 0 } },
                                      { { "{\"z\": 0.5}", "a.tif", 0 }, { NULL, NULL, 0 } },
                                      { { "{\"z\": 5000000000}", "a.tif", 0 }, { NULL, NULL, 0 } },
                                      { { NULL, NULL, 0 }, { NULL, NULL, 0 } } };
    write_pages("a.tif", 2, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_index(cases[i], 3);
        check_planes("a.tif", "SYX", "NDTiff.index does not match", (const int[]) { MAGIC, 100 }, 2);
    }
    unlink(temporary_path("NDTiff.index"));
    check_planes("a.tif", "SYX", "NDTiff.index is missing", (const int[]) { MAGIC, 100 }, 2);
}

static void an_index_is_limited(void **state)
{
    (void)state;
    static const entry entries[] = { { "{\"z\": 0, \"time\": 0}", "a.tif", 0 },
                                     { "{\"z\": 1000000, \"time\": 1000000}", "a.tif", 0 },
                                     { NULL, NULL, 0 } };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    write_pages("a.tif", 2, 0);
    write_index(entries, 0);
    assert_int_equal(mt_stack_open(NULL, temporary_path("a.tif"), NULL, &stack, &err), MT_E_LIMIT);
    assert_non_null(strstr(err.message, "max_pages"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_by_the_index),   cmocka_unit_test(frames_of_several_files),
        cmocka_unit_test(frames_without_a_page), cmocka_unit_test(an_index_that_does_not_fit),
        cmocka_unit_test(an_index_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
