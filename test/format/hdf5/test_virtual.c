/* SPDX-License-Identifier: BSD-3-Clause */
/* Which mappings of a virtual dataset a box is looked for in. */
#include "support/support.h"

#include "engine/context.h"
#include "format/hdf5/virtual.h"

#include <stdlib.h>
#include <string.h>

enum { MAPPINGS = 100000 };

typedef struct made {
    mt_context *context;
    mt_arena *arena;
    h5_virtual v;
} made;

/* n mappings of one run along each of two dimensions: number i at place(i). */
static void make(made *out, size_t n, void (*place)(size_t i, h5_run run[2]))
{
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(NULL, &out->context, &err), &err);
    check_ok(mt_arena_new(&out->context->env, &out->arena, &err), &err);
    out->v = (h5_virtual) { .rank = 2, .n = n };
    h5_mapping *mappings = out->v.mappings = mt_arena_alloc(out->arena, n, sizeof *mappings, &err);
    h5_run *runs = mt_arena_alloc(out->arena, 2 * n, sizeof *runs, &err);
    assert_true(mappings && runs);
    for (size_t i = 0; i < n; i++) {
        place(i, runs + 2 * i);
        for (size_t d = 0; d < 2; d++)
            mappings[i].runs[d] = (h5_runs) { runs + 2 * i + d, 1 };
    }
    check_ok(h5_index_mappings(&out->v, out->arena, &err), &err);
}

static void unmake(made *m)
{
    mt_arena_free(m->arena);
    mt_context_free(m->context);
}

static void in_a_stack(size_t i, h5_run run[2])
{
    run[0] = (h5_run) { (int64_t)i, 0, 1 };
    run[1] = (h5_run) { 0, 0, 100 };
}

static void from_the_last(size_t i, h5_run run[2]) { in_a_stack(MAPPINGS - 1 - i, run); }

/* One that covers all precedes the others, as in nested virtual datasets. */
static void over_a_ground(size_t i, h5_run run[2])
{
    in_a_stack(i ? i - 1 : 0, run);
    run[0].n = i ? 1 : MAPPINGS;
}

static void few_of_a_stack_are_looked_at(void **state)
{
    (void)state;
    static void (*const places[])(size_t, h5_run[2]) = { in_a_stack, from_the_last, over_a_ground };
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        made m;
        make(&m, MAPPINGS, places[p]);
        for (int64_t at = 0; at < MAPPINGS; at += 9999) {
            h5_search search = { .v = &m.v, .low = { at, 10 }, .high = { at + 1, 20 } };
            const h5_mapping *found, *last = NULL;
            size_t n = 0;
            for (; (found = h5_next_mapping(&search)); n++)
                last = found;
            assert_int_equal(n, p == 2 && at + 1 < MAPPINGS ? 2 : 1);
            assert_true(last && last->runs[0].list->at == at);
            assert_in_range(search.steps, 1, 200);
        }
        unmake(&m);
    }
}

static void anywhere(size_t i, h5_run run[2])
{
    for (size_t d = 0; d < 2; d++)
        run[d] = (h5_run) { (int64_t)((i * 7919 + d * 104729) * 31 % 1000), 0, 1 + (int64_t)(i * 13 % 40) };
}

/* The same as by looking at all, in their order, for all numbers around full groups. */
static void all_that_meet_are_found(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 2, 15, 16, 17, 255, 256, 257, 1000, 4096, 4097 };
    size_t found = 0;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        made m;
        make(&m, sizes[k], anywhere);
        for (int64_t low = -10; low < 1060; low += 53) {
            h5_search search = { .v = &m.v, .low = { low, 1000 - low }, .high = { low + 100, 1070 - low } };
            for (size_t i = 0; i < m.v.n; i++) {
                bool meets = true;
                for (size_t d = 0; d < 2; d++) {
                    const h5_run *run = m.v.mappings[i].runs[d].list;
                    meets = meets && run->at < search.high[d] && run->at + run->n > search.low[d];
                }
                if (meets)
                    assert_ptr_equal(h5_next_mapping(&search), &m.v.mappings[i]);
                found += meets;
            }
            assert_null(h5_next_mapping(&search));
        }
        unmake(&m);
    }
    assert_true(found > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_of_a_stack_are_looked_at),
        cmocka_unit_test(all_that_meet_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
