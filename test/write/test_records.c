/* SPDX-License-Identifier: BSD-3-Clause */
/* What journals say of an image is compared with its objects; objects without records are found when it is finished. */
#include "support/folder.h"
#include "support/outputs.h"
#include "write/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 4 x 5 units, and 2 x 3 above. */
static const output image = { "YX", { 64, 80 }, { 16, 16 }, MT_UINT16, "none", 2 };
enum { ROWS = 4, COLUMNS = 5, UNITS = ROWS * COLUMNS, UPPER = 6, CHUNK = 16 * 16 * 2, PIXELS = 64 * 80 };

static mt_writer *create(const char *path)
{
    mt_writer_options options = output_options(&image);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    return w;
}

/* Publishes the first n units, each put alone. */
static void put_units(mt_writer *w, const uint8_t *pixels, uint64_t n)
{
    mt_error err = MT_ERROR_INIT;
    for (uint64_t unit = 0; unit < n; unit++) {
        output_box box;
        mt_writer_get_unit(w, unit, box.start, box.extent);
        check_ok(put_box(w, &image, pixels, &box, &err), &err);
    }
    check_ok(mt_writer_flush(w, &err), &err);
}

/* Pixels without zeros: all chunks are stored. */
static uint8_t *make_pixels(void)
{
    uint16_t *pixels = calloc(PIXELS, sizeof *pixels);
    assert_non_null(pixels);
    for (size_t i = 0; i < PIXELS; i++)
        pixels[i] = (uint16_t)(i * 7 + 1);
    return (uint8_t *)pixels;
}

static void run(const char *format, const char *path)
{
    char command[1200];
    snprintf(command, sizeof command, format, path);
    assert_int_equal(system(command), 0);
}

/* --- Records. --- */

/* A unit of each level is one of the full resolution or not: only those count. */
static void units_of_upper_levels_are_not_counted(void **state)
{
    (void)state;
    const char *path = temporary_path("counted.zarr");
    uint8_t *pixels = make_pixels();
    mt_writer *w = create(path);
    put_units(w, pixels, UNITS);
    for (int i = 0; i < 2; i++) {
        mt_writer_progress p = progress_of(w);
        assert_true(p.n_units == UNITS && p.n_done == UNITS && p.n_resumed == (i ? UNITS : 0) && p.n_lost == 0);
        assert_int_equal(p.bytes_published, (UNITS + UPPER) * CHUNK);
        assert_true(mt_writer_is_done(w, UNITS - 1));
        assert_false(mt_writer_is_done(w, UNITS));
        assert_false(mt_writer_is_done(w, UINT64_MAX));
        mt_writer_close(w);
        w = create(path);
    }
    mt_writer_close(w);
    remove_tree(path);
    free(pixels);
}

static void add_record(mt_writer *w, uint64_t unit)
{
    mt_error err = MT_ERROR_INIT;
    const mt_unit_record record = { .unit = unit, .flags = MT_UNIT_EMPTY };
    check_ok(mt_journal_add(w->journal, &record, &err), &err);
    mt_writer_close(w);
}

static void records_of_no_unit_are_damage(void **state)
{
    (void)state;
    const char *path = temporary_path("beyond.zarr");
    mt_writer_options options = output_options(&image);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    add_record(create(path), UNITS + UPPER - 1);
    w = create(path);
    assert_int_equal(progress_of(w).n_done, 0);
    add_record(w, UNITS - 1);
    w = create(path);
    assert_int_equal(progress_of(w).n_done, 1);
    add_record(w, UNITS + UPPER);
    assert_int_equal(mt_writer_create(NULL, path, &options, &w, &err), MT_E_CORRUPT);
    assert_non_null(strstr(err.message, "the journal has a record of unit 26, and the image only 26"));
    remove_tree(path);
}

/* A unit is never forgotten for want of memory. */
static void records_without_memory(void **state)
{
    (void)state;
    const char *path = temporary_path("poor.zarr");
    uint8_t *pixels = make_pixels();
    mt_writer *w = create(path);
    mt_status st = MT_E_MEMORY;
    put_units(w, pixels, UNITS);
    mt_writer_close(w);
    for (size_t k = 0; st; k++) {
        failing_allocator allocator;
        mt_context_options given = { .struct_size = sizeof given, .threads = 1 };
        given.allocator = failing_allocator_make(&allocator, SIZE_MAX, 0);
        mt_context *context;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_context_new(&given, &context, &err), &err);
        allocator.fail_at = allocator.count + k;
        st = mt_writer_look(context, path, NULL, &w, &err);
        assert_int_equal(st, allocator.count > allocator.fail_at ? MT_E_MEMORY : MT_OK);
        if (!st)
            assert_int_equal(progress_of(w).n_done, UNITS);
        mt_writer_close(w);
        mt_context_free(context);
    }
    remove_tree(path);
    free(pixels);
}

/* The largest object that was published decides how many are read back at once. */
static void the_largest_object_is_known(void **state)
{
    (void)state;
    const output o = { "YX", { 64, 64 }, { 16, 16 }, MT_UINT16, "none", 2, { 32, 32 } };
    const char *path = temporary_path("largest.zarr");
    uint8_t *pixels = make_pixels();
    mt_writer_options options = output_options(&o);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    memset(pixels, 0, 32 * 64 * 2); /* the shards above are not stored */
    for (int i = 0; i < 2; i++) {
        check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
        if (i == 0)
            put_boxes(w, &o, pixels, 1, 1, 1);
        check_ok(mt_writer_flush(w, &err), &err);
        assert_int_equal(w->largest, 4 * CHUNK + 4 * 16 + 4);
        assert_true(progress_of(w).n_done == progress_of(w).n_units && progress_of(w).n_lost == 0);
        mt_writer_close(w);
        assert_true(path_exists(path, "/0/c/1/0"));
        assert_false(path_exists(path, "/0/c/0/0")); /* zeros */
    }
    remove_tree(path);
    free(pixels);
}

/* An object that is gone, or has another size or other bytes, is written again; one above, too. */
static void lost_objects_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *command;
        uint64_t n_done;
    } cases[] = { { "rm '%s/0/c/3/4'", UNITS - 1 },
                  { "rm '%s/1/c/1/2'", UNITS },
                  { "truncate -s 100 '%s/0/c/3/4'", UNITS - 1 },
                  { "cd '%s' && cp 0/c/0/0 0/c/3/4", UNITS - 1 },
                  { "cd '%s' && cp 0/c/0/0 1/c/0/1", UNITS } };
    uint8_t *pixels = make_pixels();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = temporary_path("gone.zarr");
        mt_error err = MT_ERROR_INIT;
        mt_writer *w = create(path);
        put_units(w, pixels, UNITS);
        mt_writer_close(w);
        run(cases[i].command, path);
        w = create(path);
        assert_int_equal(progress_of(w).n_done, cases[i].n_done);
        assert_int_equal(progress_of(w).n_lost, 1);
        put_units(w, pixels, UNITS);
        check_ok(mt_writer_finish(w, &if_complete, &err), &err);
        mt_writer_close(w);
        check_output(path, &image, pixels);
        remove_tree(path);
    }
    free(pixels);
}

/* What cannot be looked at is not taken for lost. */
static void objects_that_cannot_be_read(void **state)
{
    (void)state;
    const char *path = temporary_path("unreadable.zarr");
    mt_writer_options options = output_options(&image);
    uint8_t *pixels = make_pixels();
    mt_error err = MT_ERROR_INIT;
    mt_writer *w = create(path);
    put_units(w, pixels, 2);
    mt_writer_close(w);
    run("cd '%s' && mv 0/c/0 0/c/kept && touch 0/c/0", path); /* a file in the place of a folder */
    assert_int_equal(mt_writer_create(NULL, path, &options, &w, &err), MT_E_IO);
    run("cd '%s' && rm 0/c/0 && mv 0/c/kept 0/c/0", path);
    w = create(path);
    assert_int_equal(progress_of(w).n_done, 2);
    mt_writer_close(w);
    remove_tree(path);
    free(pixels);
}

/* Puts one unit, and part of another. */
static void put_unit(mt_writer *w, const uint8_t *pixels, uint64_t unit, int64_t rows)
{
    mt_error err = MT_ERROR_INIT;
    output_box box;
    mt_writer_get_unit(w, unit, box.start, box.extent);
    box.extent[0] = rows;
    check_ok(put_box(w, &image, pixels, &box, &err), &err);
    check_ok(mt_writer_flush(w, &err), &err);
}

/* Pixels that wait for a unit which another writer has published, and for no other, are dropped. */
static void what_others_published_is_dropped(void **state)
{
    (void)state;
    static const uint64_t corners[] = { 0, 2, 4, 10, 12 }; /* of five units above */
    static const uint64_t second[] = { 2, 3, 7, 8 }, last[] = { 14, 19 };
    const char *path = temporary_path("dropped.zarr");
    uint8_t *pixels = make_pixels();
    mt_error err = MT_ERROR_INIT;
    mt_writer *w = create(path), *other = create(path);
    for (size_t i = 0; i < 5; i++)
        put_unit(w, pixels, corners[i], 16);
    put_unit(w, pixels, 14, 1);
    put_unit(w, pixels, 18, 1);
    assert_int_equal(progress_of(w).waiting_bytes, 7 * CHUNK);
    for (size_t i = 0; i < 4; i++)
        put_unit(other, pixels, second[i], 16); /* all of the second unit above */
    check_ok(mt_writer_reread_journal(w, &err), &err);
    assert_int_equal(progress_of(w).waiting_bytes, 6 * CHUNK);
    for (size_t i = 0; i < 2; i++)
        put_unit(other, pixels, last[i], 16); /* all of the last unit above, and one that is begun */
    check_ok(mt_writer_reread_journal(w, &err), &err);
    assert_int_equal(progress_of(w).waiting_bytes, 5 * CHUNK);
    mt_writer_close(other);
    mt_writer_close(w);
    remove_tree(path);
    free(pixels);
}

/* --- Objects without records. --- */

/* Finishes an image whose journal is lost, and returns how many units were found. */
static uint64_t adopt(const char *path)
{
    mt_error err = MT_ERROR_INIT;
    mt_writer *w = create(path);
    assert_int_equal(progress_of(w).n_done, 0);
    check_ok(mt_writer_finish(w, NULL, &err), &err);
    uint64_t n = progress_of(w).n_resumed;
    mt_writer_close(w);
    return n;
}

static void begin_lost(const char *path, const uint8_t *pixels)
{
    mt_writer *w = create(path);
    put_units(w, pixels, UNITS);
    mt_writer_close(w);
    run("rm '%s'/.microtome/journal-*", path);
}

/* Objects of the full resolution are taken for done. Those above are made again: they may be of other pixels. */
static void objects_without_records_are_found(void **state)
{
    (void)state;
    const char *path = temporary_path("whole.zarr");
    uint8_t *pixels = make_pixels();
    mt_checksum whole, is;
    write_output(NULL, path, &image, pixels, 1, 1);
    sum_level(path, 1, &whole);
    remove_tree(path);
    path = temporary_path("lost.zarr");
    begin_lost(path, pixels);
    run("cd '%s' && cp 0/c/0/0 1/c/0/0 && cp 0/c/0/0 1/c/1/2", path);
    assert_int_equal(adopt(path), UNITS);
    check_output(path, &image, pixels);
    sum_level(path, 1, &is);
    assert_string_equal(is.text, whole.text);
    remove_tree(path);
    free(pixels);
}

/* --- Objects that are listed, as in a bucket. --- */

enum { GONE = 1, GONE_TOO = COLUMNS, SHORT = 6 }; /* units: (0, 1), (1, 0), (1, 1) */

static const char *const foreign[] = { "0/5", "4/0", "1/9", "1", "1/", "1/x", "5", "1_0", "1/0x", "1/0/0", "" };

/* All units of a level but for two, one of another size, and objects that are none. */
static mt_status list_sizes(mt_target *target, const char *folder, mt_store_visit_sized visit, void *user,
                            mt_error *err)
{
    mt_status st = MT_OK;
    bool is_first = strcmp(folder, "0/c") == 0;
    int n = is_first ? COLUMNS : 3;
    (void)target;
    for (int i = 0; i < (is_first ? UNITS : UPPER) && !st; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d/%d", i / n, i % n);
        if (!is_first || (i != GONE && i != GONE_TOO))
            st = visit(user, key, is_first && i == SHORT ? CHUNK - 1 : CHUNK, err);
    }
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign && !st; i++)
        st = visit(user, foreign[i], CHUNK, err);
    return st;
}

static void let_list(mt_writer *w)
{
    static mt_target_ops ops;
    ops = *w->target->ops;
    ops.list_sizes = list_sizes;
    w->target->ops = &ops;
}

static void listed_objects_are_found(void **state)
{
    (void)state;
    const char *path = temporary_path("listed.zarr");
    uint8_t *pixels = make_pixels();
    mt_checksum is, should;
    mt_error err = MT_ERROR_INIT;
    begin_lost(path, pixels);
    run("cd '%s' && rm 0/c/0/1 0/c/1/0 && cp 0/c/0/0 1/c/0/0", path);
    mt_writer *w = create(path);
    let_list(w);
    check_ok(mt_writer_finish(w, NULL, &err), &err);
    assert_int_equal(progress_of(w).n_resumed, UNITS - 2);
    mt_writer_close(w);
    for (size_t y = 0; y < 16; y++) {
        memset(pixels + (y * 80 + 16) * 2, 0, 16 * 2);
        memset(pixels + (y + 16) * 80 * 2, 0, 16 * 2);
    }
    check_output(path, &image, pixels);
    sum_level(path, 1, &is);
    remove_tree(path);
    write_output(NULL, path, &image, pixels, 1, 1);
    sum_level(path, 1, &should);
    assert_string_equal(is.text, should.text);
    remove_tree(path);
    free(pixels);
}

/* What another writer has published meanwhile, as far as it is there. */
static void records_are_compared_with_the_list(void **state)
{
    (void)state;
    const char *path = temporary_path("compared.zarr");
    uint8_t *pixels = make_pixels();
    mt_error err = MT_ERROR_INIT;
    mt_writer *w = create(path), *other = create(path);
    put_units(other, pixels, 12);
    mt_writer_close(other);
    let_list(w);
    check_ok(mt_writer_reread_journal(w, &err), &err);
    for (uint64_t unit = 0; unit < UNITS; unit++)
        assert_int_equal(mt_writer_is_done(w, unit), unit < 12 && unit != GONE && unit != GONE_TOO && unit != SHORT);
    mt_writer_close(w);
    remove_tree(path);
    free(pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_of_upper_levels_are_not_counted),
        cmocka_unit_test(records_of_no_unit_are_damage),
        cmocka_unit_test(records_without_memory),
        cmocka_unit_test(the_largest_object_is_known),
        cmocka_unit_test(lost_objects_are_told),
        cmocka_unit_test(objects_that_cannot_be_read),
        cmocka_unit_test(what_others_published_is_dropped),
        cmocka_unit_test(objects_without_records_are_found),
        cmocka_unit_test(listed_objects_are_found),
        cmocka_unit_test(records_are_compared_with_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
