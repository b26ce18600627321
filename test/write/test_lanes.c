/* SPDX-License-Identifier: BSD-3-Clause */
/* Work on many units: how many threads the memory budget allows, and what a failure stops. */
#include "support/support.h"
#include "write/writer.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { MEMORY = 24000, THREADS = 4 };

static mt_writer *make_writer(unsigned threads)
{
    static const int64_t shape[] = { 10, 10 };
    const mt_context_options given = { .struct_size = sizeof given, .threads = threads };
    const mt_writer_options options = {
        .struct_size = sizeof options, .axes = "YX", .shape = shape, .dtype = MT_UINT8, .memory = MEMORY
    };
    mt_context *context;
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&given, &context, &err), &err);
    check_ok(mt_writer_plan(context, "a.zarr", &options, &w, &err), &err);
    mt_context_free(context);
    return w;
}

/* As many as half of the budget has room for, at least one. */
static void lanes_fit_into_half_of_the_budget(void **state)
{
    (void)state;
    static const struct {
        size_t bytes, lanes;
    } cases[] = { { 0, THREADS }, { 1, THREADS }, { 2400, THREADS }, { 3000, THREADS }, { 3001, 3 },  { 4000, 3 },
                  { 4001, 2 },    { 6000, 2 },    { 6001, 1 },       { 12000, 1 },      { 12001, 1 }, { SIZE_MAX, 1 } };
    mt_writer *w = make_writer(THREADS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (mt_writer_count_lanes(w, cases[i].bytes) != cases[i].lanes)
            fail_msg("%zu bytes: %zu lanes, not %zu", cases[i].bytes, mt_writer_count_lanes(w, cases[i].bytes),
                     cases[i].lanes);
    mt_writer_close(w);
}

enum { ITEMS = 50 };

typedef struct work {
    size_t fails_at; /* the first item that fails; ITEMS: none */
    atomic_size_t calls[ITEMS], n;
} work;

static mt_status do_item(void *argument, size_t i, mt_error *err)
{
    work *w = argument;
    w->calls[i]++;
    w->n++;
    return i >= w->fails_at ? mt_fail(err, MT_E_IO, "item %zu", i) : MT_OK;
}

static void each_item_is_done_once(void **state)
{
    (void)state;
    mt_writer *w = make_writer(THREADS);
    for (size_t lanes = 1; lanes <= 2 * ITEMS; lanes *= 3)
        for (size_t n = 0; n <= ITEMS; n += n < 3 ? 1 : 47) {
            work all = { .fails_at = ITEMS };
            mt_error err = MT_ERROR_INIT;
            check_ok(mt_writer_run(w, n, lanes, do_item, &all, &err), &err);
            for (size_t i = 0; i < ITEMS; i++)
                assert_int_equal(all.calls[i], i < n);
        }
    mt_writer_close(w);
}

/* The first failure is returned, and nothing is begun after it. */
static void a_failure_ends_the_work(void **state)
{
    (void)state;
    static const size_t fails_at[] = { 0, 1, 17, ITEMS - 1 };
    mt_writer *w = make_writer(1);
    for (size_t i = 0; i < sizeof fails_at / sizeof *fails_at; i++) {
        work some = { .fails_at = fails_at[i] };
        char message[32];
        mt_error err = MT_ERROR_INIT;
        assert_int_equal(mt_writer_run(w, ITEMS, 1, do_item, &some, &err), MT_E_IO);
        snprintf(message, sizeof message, "item %zu", fails_at[i]);
        assert_string_equal(err.message, message);
        assert_int_equal(some.n, fails_at[i] + 1);
    }
    mt_writer_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(lanes_fit_into_half_of_the_budget),
                                        cmocka_unit_test(each_item_is_done_once),
                                        cmocka_unit_test(a_failure_ends_the_work) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
