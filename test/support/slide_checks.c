/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/slide_checks.h"

#include "support/contract.h"
#include "support/remarks.h"

#include <stdio.h>
#include <string.h>

mt_stack *open_slide(const char *path, const char *part)
{
    char name[256];
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    snprintf(name, sizeof name, "%s%s", path, part);
    check_ok(mt_stack_open(NULL, name, NULL, &stack, &err), &err);
    return stack;
}

void check_planes(const char *path, const char *part, const char *axes, const slide_spec *const *pages, int n)
{
    mt_stack *stack = open_slide(path, part);
    whole_image image;
    mt_error err = MT_ERROR_INIT;
    int samples = pages[0]->samples ? pages[0]->samples : 1, bytes = pages[0]->bits == 16 ? 2 : 1;
    assert_string_equal(mt_stack_get_info(stack)->original_axes, axes);
    check_ok(read_whole(stack, &image, &err), &err);
    assert_int_equal(image.bytes, n * pages[0]->width * pages[0]->height * samples * bytes);
    const uint8_t *at = image.pixels;
    for (int s = 0; s < samples; s++)
        for (int i = 0; i < n; i++)
            for (int y = 0; y < pages[i]->height; y++)
                for (int x = 0; x < pages[i]->width; x++, at += bytes) {
                    uint16_t wide;
                    memcpy(&wide, at, (size_t)bytes);
                    assert_int_equal(bytes == 2 ? wide : *at, slide_pixel(pages[i], y, x, s));
                }
    free_whole(&image);
    mt_stack_close(stack);
}

void check_layout(const char *path, int levels, const char *titles, const char *warnings)
{
    char found[512] = "";
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack = open_slide(path, "");
    assert_int_equal(mt_stack_get_info(stack)->n_levels, levels);
    check_remarks(stack, 0, "", warnings ? warnings : "");
    check_ok(mt_stack_list_parts(stack, &names, &err), &err);
    for (size_t i = 0, at = 0; i < mt_names_count(names); i++)
        at += (size_t)snprintf(found + at, sizeof found - at, "%s%s", i ? "|" : "", mt_names_get_part(names, i)->title);
    assert_string_equal(found, titles);
    mt_names_free(names);
    mt_stack_close(stack);
}

void check_pixel_size(const char *path, const char *part, double y, double x)
{
    mt_stack *stack = open_slide(path, part);
    const mt_stack_info *info = mt_stack_get_info(stack);
    size_t at = (size_t)(strchr(info->original_axes, 'Y') - info->original_axes);
    assert_true(info->pixel_size[at] == y && info->pixel_size[at + 1] == x);
    assert_string_equal(info->unit[at], y > 0 ? "micrometer" : "");
    mt_stack_close(stack);
}

void patch_file(const char *path, long at, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, at, at < 0 ? SEEK_END : SEEK_SET);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}
