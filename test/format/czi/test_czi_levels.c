/* SPDX-License-Identifier: BSD-3-Clause */
/* CZI: only the levels of a pyramid that show all of the image are offered. */
#include "support/contract.h"
#include "support/czi_writer.h"

#include <stdlib.h>
#include <string.h>

static void a_pyramid_of_one_channel(void **state)
{
    (void)state;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    whole_image whole;
    char path[512];
    snprintf(path, sizeof path, "%s", data_path("cases/Z13_pyr_c1/Z13_pyr_c1.czi"));
    check_ok(mt_stack_open(NULL, path, NULL, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, "CYX");
    assert_int_equal(info->dtype, MT_UINT16);
    assert_int_equal(info->n_levels, 1);
    assert_int_equal(info->n_warnings, 1);
    assert_non_null(strstr(info->warnings[0], "1 of the levels of the pyramid lack"));
    check_ok(read_whole(stack, &whole, &err), &err);
    assert_int_equal(whole.bytes, 2 * 2 * 64 * 64);
    assert_string_equal(md5_hex(whole.pixels, whole.bytes), "8b35504da832a2a17c1a6057023e4378");
    free_whole(&whole);
    mt_stack_close(stack);
    const mt_open_options options = { .struct_size = sizeof options, .part = "level=1" };
    assert_int_equal(mt_stack_open(NULL, path, &options, &stack, &err), MT_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "the image has 1, counted from 0, without those that lack channels"));
}

/* A tile of 32 x 32 pixels that is stored factor times smaller. */
static void add_tile(czi_writer *w, int factor, char letter, int32_t place, int32_t scene)
{
    static const uint8_t pixels[32 * 32];
    int32_t size = 32 / factor;
    czi_tile tile = czi_gray_tile(scene * 40, 0, 32, 32, pixels);
    tile.dims[0].stored = tile.dims[1].stored = size;
    tile.size = (size_t)size * (size_t)size;
    if (letter)
        czi_add_dimension(&tile, letter, place, 1);
    if (scene >= 0)
        czi_add_dimension(&tile, 'S', scene, 1);
    czi_add_tile(w, &tile);
}

/* Two planes along a dimension at full size, and levels 2 and 4 that have some of them. */
static void levels_that_lack_planes(void **state)
{
    (void)state;
    static const struct {
        char letter;
        int32_t first[2], second[2]; /* places of the tiles of levels 2 and 4; -1: none */
        int levels;
    } cases[] = {
        { 'C', { 0, 1 }, { 0, 1 }, 3 },   { 'C', { 0, 1 }, { 1, -1 }, 2 }, { 'C', { 0, -1 }, { 0, 1 }, 2 },
        { 'C', { 1, -1 }, { 0, -1 }, 1 }, { 'Z', { 0, 1 }, { 0, 1 }, 3 },  { 'Z', { 1, -1 }, { 0, 1 }, 2 },
        { 'T', { 0, -1 }, { 0, 1 }, 2 },  { 'H', { 0, 1 }, { 1, -1 }, 2 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        czi_writer w;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        czi_begin(&w);
        for (int k = 0; k < 2; k++) {
            if (cases[i].second[k] >= 0)
                add_tile(&w, 4, cases[i].letter, cases[i].second[k], -1);
            if (cases[i].first[k] >= 0)
                add_tile(&w, 2, cases[i].letter, cases[i].first[k], -1);
            add_tile(&w, 1, cases[i].letter, k, -1);
        }
        czi_finish(&w, NULL);
        check_ok(mt_stack_open_memory(NULL, "made.czi", w.data, w.size, NULL, &stack, &err), &err);
        assert_int_equal(mt_stack_get_info(stack)->n_levels, cases[i].levels);
        assert_int_equal(mt_stack_get_info(stack)->n_warnings, cases[i].levels < 3);
        mt_stack_close(stack);
        if (cases[i].levels == 2) { /* the one that is left is the one with both */
            const mt_open_options options = { .struct_size = sizeof options, .part = "level=1" };
            check_ok(mt_stack_open_memory(NULL, "made.czi", w.data, w.size, &options, &stack, &err), &err);
            const mt_stack_info *info = mt_stack_get_info(stack);
            assert_int_equal(info->original_shape[1], cases[i].first[1] == 1 ? 16 : 8);
            mt_stack_close(stack);
        }
        czi_free(&w);
    }
}

/* Channels 0, 1 and 2, of which a level lacks the middle one. */
static void a_level_without_the_middle_channel(void **state)
{
    (void)state;
    czi_writer w;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    czi_begin(&w);
    for (int c = 0; c < 3; c++)
        add_tile(&w, 1, 'C', c, -1);
    add_tile(&w, 2, 'C', 0, -1);
    add_tile(&w, 2, 'C', 2, -1);
    czi_finish(&w, NULL);
    check_ok(mt_stack_open_memory(NULL, "made.czi", w.data, w.size, NULL, &stack, &err), &err);
    assert_int_equal(mt_stack_get_info(stack)->n_levels, 1);
    mt_stack_close(stack);
    czi_free(&w);
}

/* Tiles of a pyramid may leave a dimension of one place out. */
static void a_level_without_the_dimension(void **state)
{
    (void)state;
    for (int planes = 1; planes <= 2; planes++) {
        czi_writer w;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        czi_begin(&w);
        for (int c = 0; c < planes; c++)
            add_tile(&w, 1, 'C', c, -1);
        add_tile(&w, 2, 0, 0, -1);
        czi_finish(&w, NULL);
        check_ok(mt_stack_open_memory(NULL, "made.czi", w.data, w.size, NULL, &stack, &err), &err);
        assert_int_equal(mt_stack_get_info(stack)->n_levels, planes == 1 ? 2 : 1);
        mt_stack_close(stack);
        czi_free(&w);
    }
}

/* One of two scenes has a pyramid: the scene offers the level, the whole document does not. */
static void a_level_of_one_scene(void **state)
{
    (void)state;
    static const struct {
        const char *part;
        int levels;
    } cases[] = { { "scene=0", 2 }, { "scene=1", 1 }, { "whole", 1 } };
    czi_writer w;
    mt_error err = MT_ERROR_INIT;
    czi_begin(&w);
    add_tile(&w, 1, 0, 0, 0);
    add_tile(&w, 2, 0, 0, 0);
    add_tile(&w, 1, 0, 0, 1);
    czi_finish(&w, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_stack *stack;
        const mt_open_options options = { .struct_size = sizeof options, .part = cases[i].part };
        check_ok(mt_stack_open_memory(NULL, "made.czi", w.data, w.size, &options, &stack, &err), &err);
        assert_int_equal(mt_stack_get_info(stack)->n_levels, cases[i].levels);
        mt_stack_close(stack);
    }
    czi_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pyramid_of_one_channel),
        cmocka_unit_test(levels_that_lack_planes),
        cmocka_unit_test(a_level_without_the_middle_channel),
        cmocka_unit_test(a_level_without_the_dimension),
        cmocka_unit_test(a_level_of_one_scene),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
