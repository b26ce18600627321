/* SPDX-License-Identifier: BSD-3-Clause */
/* What conversions need of writers: several sources of one image, looking at what others write, finished images that
 * are recognised, and damage. */
#include "support/contract.h"
#include "support/folder.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 3, HEIGHT = 40, WIDTH = 50, PLANE = HEIGHT * WIDTH };

static void run_command(const char *format, const char *path)
{
    char command[1400];
    snprintf(command, sizeof command, format, path, path);
    assert_int_equal(system(command), 0);
}

static void remove_tree(const char *path) { run_command("rm -rf '%s'", path); }

static void fill(uint16_t *pixels, size_t n)
{
    for (size_t i = 0; i < n; i++)
        pixels[i] = (uint16_t)(i * 7 + 1);
}

static mt_stack *array_of(const uint16_t *pixels, const char *axes, const int64_t *shape)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(NULL, pixels, MT_UINT16, axes, shape, NULL, "array", &stack, &err), &err);
    return stack;
}

static const int64_t volume[3] = { DEPTH, HEIGHT, WIDTH }, chunk[3] = { 2, 16, 16 };

static mt_writer_options options_of(const char *axes)
{
    return (mt_writer_options) { .struct_size = sizeof(mt_writer_options),
                                 .axes = axes,
                                 .shape = volume,
                                 .dtype = MT_UINT16,
                                 .chunk_shape = chunk,
                                 .n_levels = 2,
                                 .durability = MT_DURABLE_NEVER };
}

static void check_volume(const char *path, const char *axes, const uint16_t *wanted)
{
    static uint16_t found[DEPTH * PLANE];
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(NULL, path, NULL, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, axes);
    int64_t coords[3] = { 0 };
    mt_patch_request request = { .stack = stack,
                                 .n_spatial = (size_t)info->data_ndim - 2,
                                 .coords = coords,
                                 .patch_size = info->data_shape + 2,
                                 .view = { .data = found, .dtype = MT_UINT16 } };
    check_ok(mt_extract_patches(&request, 1, NULL, &err), &err);
    assert_memory_equal(found, wanted, sizeof found);
    mt_stack_close(stack);
}

/* --- Sources. --- */

/* Planes become a volume whose chunks hold several of them. */
static void planes_become_a_volume(void **state)
{
    (void)state;
    static uint16_t pixels[DEPTH * PLANE];
    const char *path = temporary_path("planes.zarr");
    mt_writer_options options = options_of("ZYX");
    mt_copy_source sources[DEPTH] = { { 0 } };
    int64_t to[DEPTH][3] = { { 0 } };
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    fill(pixels, DEPTH * PLANE);
    for (int z = 0; z < DEPTH; z++) {
        to[z][0] = z;
        sources[z].stack = array_of(pixels + z * PLANE, "YX", volume + 1);
        sources[z].to = to[z];
    }
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    check_ok(mt_writer_copy_sources(w, sources, DEPTH, NULL, &err), &err);
    mt_writer_progress progress = progress_of(w);
    assert_int_equal(progress.n_done, progress.n_units);
    check_ok(mt_writer_finish(w, &if_complete, &err), &err);
    mt_writer_close(w);
    check_volume(path, "ZYX", pixels);
    remove_tree(path);
    for (int z = 0; z < DEPTH; z++)
        mt_stack_close(sources[z].stack);
}

/* Boxes of one stack, in another order. */
static void channels_change_their_order(void **state)
{
    (void)state;
    static uint16_t pixels[DEPTH * PLANE], wanted[DEPTH * PLANE];
    static const int order[DEPTH] = { 2, 0, 1 };
    const char *path = temporary_path("channels.zarr");
    mt_writer_options options = options_of("CYX");
    int64_t from[DEPTH][3] = { { 0 } }, to[DEPTH][3] = { { 0 } }, extent[3] = { 1, HEIGHT, WIDTH };
    mt_copy_source sources[DEPTH] = { { 0 } };
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    fill(pixels, DEPTH * PLANE);
    mt_stack *stack = array_of(pixels, "CYX", volume);
    for (int c = 0; c < DEPTH; c++) {
        memcpy(wanted + c * PLANE, pixels + order[c] * PLANE, PLANE * sizeof *pixels);
        from[c][0] = order[c];
        to[c][0] = c;
        sources[c] = (mt_copy_source) { .stack = stack, .from = from[c], .extent = extent, .to = to[c] };
    }
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    check_ok(mt_writer_copy_sources(w, sources, DEPTH, NULL, &err), &err);
    check_ok(mt_writer_finish(w, &if_complete, &err), &err);
    mt_writer_close(w);
    check_volume(path, "CYX", wanted);
    remove_tree(path);

    to[2][0] = 1; /* where the second one goes: the last channel is missing */
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    mt_status st = mt_writer_copy_sources(w, sources, DEPTH, NULL, &err);
    assert_int_equal(st ? st : mt_writer_finish(w, &if_complete, &err), MT_E_ARGUMENT);
    mt_writer_close(w);
    mt_stack_close(stack);
    remove_tree(path);
}

/* --- Looking, and what is finished. --- */

static void write_part(const char *path, mt_stack *stack, const mt_writer_options *options, uint64_t part, uint64_t n)
{
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    mt_copy_options copy = { .struct_size = sizeof copy, .part = part, .n_parts = n };
    check_ok(mt_writer_create(NULL, path, options, &w, &err), &err);
    check_ok(mt_writer_copy(w, stack, &copy, &err), &err);
    if (n == 0)
        check_ok(mt_writer_finish(w, &if_complete, &err), &err);
    mt_writer_close(w);
}

static void looking_changes_nothing(void **state)
{
    (void)state;
    static uint16_t pixels[DEPTH * PLANE];
    const char *path = temporary_path("look.zarr");
    mt_writer_options options = options_of("ZYX");
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    fill(pixels, DEPTH * PLANE);
    mt_stack *stack = array_of(pixels, "ZYX", volume);
    assert_int_equal(mt_writer_look(NULL, path, NULL, &w, &err), MT_E_NOT_FOUND);
    write_part(path, stack, &options, 1, 2);
    run_command("ls -lR --full-time '%s' > '%s.before'", path);
    check_ok(mt_writer_look(NULL, path, NULL, &w, &err), &err);
    mt_writer_progress progress = progress_of(w);
    assert_int_equal(progress.n_units, 24);
    assert_int_equal(progress.n_done, 12);
    assert_int_equal(mt_writer_is_done(w, 0), 0);
    assert_int_equal(mt_writer_is_done(w, 23), 1);
    assert_int_equal(mt_writer_copy(w, stack, NULL, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "opened to look at it"));
    assert_int_equal(mt_writer_finish(w, NULL, &err), MT_E_ARGUMENT);
    mt_writer_box box = { .start = (int64_t[3]) { 0 }, .extent = (int64_t[3]) { 1, 1, 1 }, .data = pixels };
    assert_int_equal(mt_writer_put(w, &box, &err), MT_E_ARGUMENT);
    mt_writer_close(w);
    run_command("ls -lR --full-time '%s' | cmp - '%s.before'", path);
    mt_stack_close(stack);
    remove_tree(path);
}

static uint64_t count_lost(mt_writer *w)
{
    mt_writer_progress progress = progress_of(w);
    mt_writer_close(w);
    return progress.n_lost;
}

/* What a writer at work has not written yet is not lost; if nobody writes any more, it is. */
static void looking_at_a_journal_that_grows(void **state)
{
    (void)state;
    static const struct {
        const char *change;
        uint64_t lost, looked;
    } cases[] = {
        { "printf 1234567 >> '%s'/.microtome/journal-*", 1, 0 },
        { "truncate -s +64 '%s'/.microtome/journal-*", 2, 0 },
        { ": > '%s'/.microtome/journal-new", 1, 0 },
        { "printf mtunits > '%s'/.microtome/journal-new", 1, 0 },
        { "printf '%%032d' 7 >> '%s'/.microtome/journal-*", 1, 1 },
    };
    static uint16_t pixels[DEPTH * PLANE];
    mt_writer_options options = options_of("ZYX");
    mt_stack *stack = array_of(pixels, "ZYX", volume);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = temporary_path("grows.zarr");
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        write_part(path, stack, &options, 1, 2);
        run_command(cases[i].change, path);
        check_ok(mt_writer_look(NULL, path, NULL, &w, &err), &err);
        assert_int_equal(count_lost(w), cases[i].looked);
        check_ok(mt_writer_open(NULL, path, &options, &w, &err), &err);
        assert_int_equal(count_lost(w), cases[i].lost);
        remove_tree(path);
    }
    mt_stack_close(stack);
}

static int is_finished(const char *path, const mt_writer_options *options)
{
    int found = -1;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_is_finished(NULL, path, options, &found, &err), &err);
    return found;
}

static void finished_images_are_recognised(void **state)
{
    (void)state;
    static uint16_t pixels[DEPTH * PLANE];
    fill(pixels, DEPTH * PLANE);
    mt_stack *stack = array_of(pixels, "ZYX", volume);
    for (int i = 0; i < 2; i++) {
        const char *path = temporary_path("finished.zarr");
        mt_writer_options options = options_of("ZYX");
        options.ome = i ? "0.4" : "0.5";
        options.identity = "this";
        assert_int_equal(is_finished(path, &options), 0);
        write_part(path, stack, &options, 0, 2);
        assert_int_equal(is_finished(path, &options), 0);
        write_part(path, stack, &options, 0, 0);
        assert_int_equal(is_finished(path, &options), 1);
        options.identity = "that";
        assert_int_equal(is_finished(path, &options), 0);
        options.identity = "this";
        run_command("mkdir '%s/.microtome' && touch '%s/.microtome/journal-left'", path);
        assert_int_equal(is_finished(path, &options), 1);
        run_command("test ! -e '%s/.microtome'", path);
        remove_tree(path);
    }
    mt_stack_close(stack);
}

/* Without syncs, a power cut may leave an object of the right size with other contents. */
static void damaged_objects_are_written_again(void **state)
{
    (void)state;
    static uint16_t pixels[DEPTH * PLANE];
    const char *path = temporary_path("damaged.zarr");
    mt_writer_options options = options_of("ZYX");
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    fill(pixels, DEPTH * PLANE);
    mt_stack *stack = array_of(pixels, "ZYX", volume);
    write_part(path, stack, &options, 0, 2);
    run_command("printf X | dd of='%s/0/c/0/1/1' bs=1 seek=20 conv=notrunc status=none", path);
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    mt_writer_progress progress = progress_of(w);
    assert_int_equal(progress.n_lost, 1);
    assert_int_equal(progress.n_resumed, 11);
    mt_writer_close(w);
    write_part(path, stack, &options, 0, 0);
    check_volume(path, "ZYX", pixels);
    mt_stack_close(stack);
    remove_tree(path);
}

/* --- Structs. --- */

static void structs_of_no_known_size_are_refused(void **state)
{
    (void)state;
    static uint16_t pixels[DEPTH * PLANE];
    static const size_t sizes[] = { 0, 1, 1000 };
    const char *path = temporary_path("sizes.zarr");
    mt_writer_options options = options_of("ZYX");
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack = array_of(pixels, "ZYX", volume);
    mt_copy_source source = { .stack = stack };
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        mt_copy_options copy = { .struct_size = sizes[i] };
        mt_collection_options collection = { .struct_size = sizes[i], .n_images = 2 };
        int is_complete;
        assert_int_equal(mt_writer_copy(w, stack, &copy, &err), MT_E_ARGUMENT);
        assert_non_null(strstr(err.message, "mt_copy_options.struct_size"));
        assert_int_equal(mt_writer_copy_sources(w, &source, 1, &copy, &err), MT_E_ARGUMENT);
        assert_int_equal(mt_collection_begin(NULL, path, &collection, &err), MT_E_ARGUMENT);
        assert_non_null(strstr(err.message, "mt_collection_options.struct_size"));
        assert_int_equal(mt_collection_look(NULL, path, &collection, &is_complete, &err), MT_E_ARGUMENT);
        mt_writer_progress progress = { .struct_size = sizes[i], .n_units = 77 };
        assert_int_equal(mt_writer_get_progress(w, &progress, &err), MT_E_ARGUMENT);
        assert_non_null(strstr(err.message, "mt_writer_progress.struct_size"));
        assert_int_equal(progress.n_units, 77);
    }
    /* What lies beyond the struct of a caller is not written. */
    mt_writer_progress progress = { .struct_size = offsetof(mt_writer_progress, n_resumed), .n_resumed = 77 };
    check_ok(mt_writer_get_progress(w, &progress, &err), &err);
    assert_true(progress.n_units == mt_writer_get_info(w)->n_units && progress.n_resumed == 77);
    /* Members beyond the struct of the caller count as zero: all is copied. */
    mt_copy_options copy = { .struct_size = offsetof(mt_copy_options, part), .part = 7, .n_parts = 3 };
    check_ok(mt_writer_copy(w, stack, &copy, &err), &err);
    check_ok(mt_writer_finish(w, &if_complete, &err), &err);
    mt_writer_close(w);
    mt_stack_close(stack);
    remove_tree(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planes_become_a_volume),
        cmocka_unit_test(channels_change_their_order),
        cmocka_unit_test(looking_changes_nothing),
        cmocka_unit_test(looking_at_a_journal_that_grows),
        cmocka_unit_test(finished_images_are_recognised),
        cmocka_unit_test(damaged_objects_are_written_again),
        cmocka_unit_test(structs_of_no_known_size_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
