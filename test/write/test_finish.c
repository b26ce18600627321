/* SPDX-License-Identifier: BSD-3-Clause */
/* Finishing: told, stopped anywhere and gone on with, within the memory budget. */
#include "support/folder.h"
#include "support/outputs.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct finish_case {
    const char *suffix;
    output o;
} finish_case;

static const finish_case cases[] = {
    { "zarr", { "ZYX", { 3, 100, 130 }, { 1, 16, 16 }, MT_UINT16, "zstd", 4 } },
    { "tif", { "CYX", { 2, 100, 130 }, { 1, 16, 16 }, MT_UINT8, "zstd", 3 } },
    { "npy", { "YX", { 300, 130 }, { 16, 0 }, MT_FLOAT32, NULL, 0 } },
};
enum { N_CASES = sizeof cases / sizeof *cases };

static const char *path_of(const finish_case *c, const char *name)
{
    char text[64];
    snprintf(text, sizeof text, "%s.%s", name, c->suffix);
    return temporary_path(text);
}

/* A caller that stops a call when it is asked for the n-th time. */
typedef struct caller {
    unsigned asked, stops_at; /* 0: never */
    uint64_t done, total;     /* as told */
} caller;

static int stop(void *user)
{
    caller *c = user;
    return ++c->asked == c->stops_at;
}

static void note(void *user, uint64_t done, uint64_t total)
{
    caller *c = user;
    assert_true(done >= c->done && done <= total && total > 0);
    c->done = done;
    c->total = total;
}

static mt_status finish(mt_writer *w, int all_required, caller *c, mt_error *err)
{
    const mt_finish_options options = {
        .struct_size = sizeof options, .all_required = all_required, .cancelled = stop, .progress = note, .user = c
    };
    return mt_writer_finish(w, &options, err);
}

/* In this thread alone: how often the caller is asked does not depend on other threads. */
static mt_writer *create(const char *path, const finish_case *c)
{
    const mt_context_options alone = { .struct_size = sizeof alone, .threads = 1 };
    const mt_writer_options options = output_options(&c->o);
    mt_context *context;
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&alone, &context, &err), &err);
    check_ok(mt_writer_create(context, path, &options, &w, &err), &err);
    mt_context_free(context);
    return w;
}

/* All pixels, put by two writers one after the other: what lies between their parts is not in the pyramid yet. */
static mt_writer *put_all(const char *path, const finish_case *c, const uint8_t *pixels)
{
    mt_writer *w = NULL;
    for (int i = 0; i < 2; i++) {
        w = create(path, c);
        put_boxes(w, &c->o, pixels, 5, 1, i ? 1 : 0.5);
        if (!i)
            mt_writer_close(w);
    }
    return w;
}

static void check_same(const finish_case *c, const char *path, const uint8_t *pixels, const mt_checksum *levels)
{
    mt_checksum is;
    check_output(path, &c->o, pixels);
    for (int i = 0; i < (c->o.n_levels ? c->o.n_levels : 1); i++) {
        sum_level(path, i, &is);
        assert_string_equal(is.text, levels[i].text);
    }
}

static void sum_levels(const finish_case *c, const char *path, mt_checksum *levels)
{
    for (int i = 0; i < (c->o.n_levels ? c->o.n_levels : 1); i++)
        sum_level(path, i, &levels[i]);
}

/* Finishing is stopped at each moment when the caller is asked, until it is not asked any more; each time another writer
 * goes on, or the same one. */
static void it_stops_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++) {
        const finish_case *c = &cases[i];
        uint8_t *pixels = make_output_pixels(&c->o, 7 + i);
        mt_checksum levels[4];
        mt_error err = MT_ERROR_INIT;
        caller patient = { 0 };
        const char *path = path_of(c, "whole");
        mt_writer *w = put_all(path, c, pixels);
        check_ok(finish(w, 1, &patient, &err), &err);
        assert_true(patient.asked > 3 && patient.done == patient.total);
        if (strcmp(c->suffix, "zarr") != 0) /* each tile or band is copied or cleared in this thread */
            assert_true(patient.asked > mt_writer_get_info(w)->n_units);
        mt_writer_close(w);
        sum_levels(c, path, levels);
        check_same(c, path, pixels, levels);
        remove_tree(path);
        path = path_of(c, "stopped");
        w = put_all(path, c, pixels);
        unsigned stops = 0;
        for (unsigned k = 1;; k += 1 + k / 3) {
            caller impatient = { .stops_at = k };
            mt_status st = finish(w, 1, &impatient, &err);
            if (!st)
                break;
            assert_int_equal(st, MT_E_CANCELLED);
            mt_error_clear(&err);
            stops++;
            if (k % 2) {
                mt_writer_close(w);
                w = create(path, c);
            }
        }
        mt_writer_close(w);
        assert_true(stops > 2);
        check_same(c, path, pixels, levels);
        remove_tree(path);
        free(pixels);
    }
}

/* Steps are units above, tiles or bands of a file, and the end. A finished image has nothing left: one step. */
static void steps_are_counted(void **state)
{
    (void)state;
    static const struct {
        finish_case c;
        uint64_t before, after; /* steps if all was put at once, and if it was put by two writers */
    } images[] = {
        { { "zarr", { "YX", { 64, 64 }, { 16, 16 }, MT_UINT16, "none", 2 } }, 1, 2 + 1 },
        { { "zarr", { "YX", { 64, 64 }, { 16, 16 }, MT_UINT16, "none", 3 } }, 1, 2 + 1 + 1 },
        { { "tif", { "YX", { 64, 64 }, { 16, 16 }, MT_UINT16, "none", 2 } }, 20 + 1, 2 + 20 + 1 },
        { { "npy", { "YX", { 64, 64 }, { 16, 0 }, MT_UINT16, NULL, 0 } }, 4 + 1, 4 + 1 },
    };
    for (size_t i = 0; i < sizeof images / sizeof *images; i++)
        for (int several = 0; several < 2; several++) {
            const finish_case *c = &images[i].c;
            const char *path = path_of(c, "steps");
            uint8_t *pixels = make_output_pixels(&c->o, 3);
            mt_error err = MT_ERROR_INIT;
            caller first = { 0 }, again = { 0 };
            mt_writer *w = create(path, c);
            const output_box left = { { 0, 0 }, { 64, 60 } }, right = { { 0, 60 }, { 64, 4 } };
            if (several &&
                strcmp(c->suffix, "npy") != 0) { /* what is missing of the last column is put by another one */
                check_ok(put_box(w, &c->o, pixels, &left, &err), &err);
                mt_writer_close(w);
                w = create(path, c);
                const output_box column = { { 0, 48 }, { 64, 16 } };
                check_ok(put_box(w, &c->o, pixels, &column, &err), &err);
            } else {
                check_ok(put_box(w, &c->o, pixels, &left, &err), &err);
                check_ok(put_box(w, &c->o, pixels, &right, &err), &err);
            }
            check_ok(finish(w, 1, &first, &err), &err);
            uint64_t wanted = several ? images[i].after : images[i].before;
            if (first.total != wanted)
                fail_msg("image %zu: %d steps, not %d", i, (int)first.total, (int)wanted);
            assert_int_equal(first.done, first.total);
            check_ok(finish(w, 1, &again, &err), &err);
            assert_true(again.done == 1 && again.total == 1);
            mt_writer_close(w);
            remove_tree(path);
            free(pixels);
        }
}

/* Pixels that were missing when finishing began are zeros, in the pyramid, too: they cannot be put afterwards. */
static void nothing_is_put_once_it_has_begun(void **state)
{
    (void)state;
    const finish_case *c = &cases[0];
    const char *path = path_of(c, "sealed");
    const mt_writer_options options = output_options(&c->o);
    uint8_t *pixels = make_output_pixels(&c->o, 3);
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    caller impatient = { .stops_at = 1 };
    const output_box box = { { 0, 0, 0 }, { 1, 16, 16 } };
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    assert_int_equal(finish(w, 1, &impatient, &err), MT_E_ARGUMENT); /* which changes nothing */
    mt_error_clear(&err);
    check_ok(put_box(w, &c->o, pixels, &box, &err), &err);
    assert_int_equal(finish(w, 0, &impatient, &err), MT_E_CANCELLED);
    mt_error_clear(&err);
    assert_int_equal(put_box(w, &c->o, pixels, &(output_box) { { 1, 0, 0 }, { 1, 16, 16 } }, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "being finished"));
    mt_error_clear(&err);
    check_ok(mt_writer_finish(w, NULL, &err), &err);
    mt_writer_close(w);
    remove_tree(path);
    free(pixels);
}

/* Puts each n-th chunk, whole, but for those that earlier writers have put. */
static void put_chunks(mt_writer *w, const finish_case *c, const uint8_t *pixels, uint64_t n)
{
    mt_error err = MT_ERROR_INIT;
    for (uint64_t unit = 0; unit < mt_writer_get_info(w)->n_units; unit += n) {
        output_box box;
        mt_writer_get_unit(w, unit, box.start, box.extent);
        check_ok(put_box(w, &c->o, pixels, &box, &err), &err);
    }
}

static mt_status stop_finishing(const char *path, const finish_case *c, const uint8_t *pixels, uint64_t n,
                                unsigned stops_at)
{
    caller impatient = { .stops_at = stops_at };
    mt_writer *w = create(path, c);
    mt_error err = MT_ERROR_INIT;
    put_chunks(w, c, pixels, n);
    mt_status st = finish(w, 0, &impatient, &err);
    mt_writer_close(w);
    return st;
}

/* What was missing when finishing was stopped is put by other writers, twice: the pyramid has it, too. */
static void missing_pixels_are_put_by_another_writer(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES - 1; i++) { /* NPY has no pyramid */
        const finish_case *c = &cases[i];
        uint8_t *pixels = make_output_pixels(&c->o, 7 + i);
        mt_checksum levels[4];
        mt_error err = MT_ERROR_INIT;
        caller patient = { 0 };
        const char *path = path_of(c, "whole");
        mt_writer *w = put_all(path, c, pixels);
        check_ok(finish(w, 1, &patient, &err), &err);
        mt_writer_close(w);
        sum_levels(c, path, levels);
        remove_tree(path);
        path = path_of(c, "resumed");
        for (unsigned stops_at = 4; stops_at < 100; stops_at += 19) {
            assert_int_equal(stop_finishing(path, c, pixels, 4, stops_at), MT_E_CANCELLED);
            assert_int_equal(stop_finishing(path, c, pixels, 3, stops_at), MT_E_CANCELLED);
            assert_int_equal(stop_finishing(path, c, pixels, 1, 0), MT_OK);
            check_same(c, path, pixels, levels);
            assert_false(path_exists(path, "/.microtome"));
            remove_tree(path);
        }
        free(pixels);
    }
}

/* --- Memory. --- */

static atomic_size_t in_use, most_in_use;

static void *resize(void *user, void *memory, size_t old_size, size_t new_size)
{
    (void)user;
    size_t now = atomic_fetch_add(&in_use, new_size - old_size) + new_size - old_size;
    for (size_t most = most_in_use; now > most && !atomic_compare_exchange_weak(&most_in_use, &most, now);)
        ;
    if (new_size > 0)
        return realloc(memory, new_size);
    free(memory);
    return NULL;
}

/* What is read back counts in the budget, but for one unit, with many threads, too. */
static void it_keeps_within_the_budget(void **state)
{
    (void)state;
    enum { UNIT = 256 * 256, BUDGET = 6 * UNIT, REST = 2 * UNIT };
    const output o = { "YX", { 2048, 2048 }, { 256, 256 }, MT_UINT8, "none", 2 };
    const int64_t shard[] = { 256, 256 };
    const char *path = temporary_path("budget.zarr");
    uint8_t *pixels = make_output_pixels(&o, 9);
    mt_context_options context_options = { .struct_size = sizeof context_options,
                                           .threads = 8,
                                           .allocator = { .resize = resize } };
    mt_writer_options options = output_options(&o);
    mt_context *context;
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&context_options, &context, &err), &err);
    options.shard_shape = shard;
    options.memory = BUDGET;
    for (int64_t y = 0; y < 8; y++) { /* writers that end after one row of units: all of the pyramid is missing */
        check_ok(mt_writer_create(context, path, &options, &w, &err), &err);
        for (int64_t x = 0; x < 8; x++)
            check_ok(put_box(w, &o, pixels, &(output_box) { { 256 * y, 256 * x }, { 256, 256 } }, &err), &err);
        check_ok(mt_writer_flush(w, &err), &err);
        mt_writer_close(w);
    }
    check_ok(mt_writer_create(context, path, &options, &w, &err), &err);
    size_t before = in_use;
    most_in_use = before;
    check_ok(mt_writer_finish(w, &if_complete, &err), &err);
    assert_true(most_in_use - before <= BUDGET + UNIT + REST);
    mt_writer_close(w);
    mt_context_free(context);
    assert_int_equal(in_use, 0);
    check_output(path, &o, pixels);
    remove_tree(path);
    free(pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stops_anywhere),
        cmocka_unit_test(steps_are_counted),
        cmocka_unit_test(nothing_is_put_once_it_has_begun),
        cmocka_unit_test(missing_pixels_are_put_by_another_writer),
        cmocka_unit_test(it_keeps_within_the_budget),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
