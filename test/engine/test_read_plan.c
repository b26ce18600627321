/* SPDX-License-Identifier: BSD-3-Clause */
/* Plans: each chunk once, with a copy for each read that touches it, against asking each read and chunk whether they
 * meet; the order; full plans; and no chunk without a copy when memory runs out. */
#include "engine/plan.h"
#include "support/grid.h"

#include <stdlib.h>
#include <string.h>

enum { ACROSS = 9, SIDE = 10, EDGE = ACROSS * SIDE, IMAGES = 2, READS = 40 };

static const mt_store_costs costs = { .in_flight = 1, .io_threads = 1 };

static mt_status nowhere(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    (void)map, (void)position, (void)out;
    return mt_fail(err, MT_E_UNSUPPORTED, "plans locate nothing");
}

typedef struct set {
    failing_allocator failing;
    mt_context *context;
    grid grids[IMAGES];
    mt_use uses[IMAGES];
    mt_read reads[READS];
    mt_plan plan;
} set;

static void open_set(set *s, int64_t across, int64_t side)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = 1 };
    options.allocator = failing_allocator_make(&s->failing, SIZE_MAX, 0);
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &s->context, &err), &err);
    for (int i = 0; i < IMAGES; i++) {
        grid_open(&s->grids[i], s->context, across, side, NULL, NULL, &costs, nowhere);
        s->uses[i] = (mt_use) { .image = &s->grids[i].image, .strategy = MT_BY_CHUNKS };
    }
    mt_plan_init(&s->plan, &s->context->env);
}

static void close_set(set *s)
{
    mt_plan_free(&s->plan);
    for (int i = 0; i < IMAGES; i++)
        grid_close(&s->grids[i]);
    mt_context_free(s->context);
}

/* Adds all chunks of a read, as the engine does. */
static mt_status add(set *s, uint32_t i, mt_error *err)
{
    const mt_read *read = &s->reads[i];
    mt_use *use = read->image == &s->grids[0].image ? &s->uses[0] : &s->uses[1];
    int64_t low[MT_MAX_DIMS], high[MT_MAX_DIMS];
    mt_box box;
    mt_walk walk;
    if (!mt_read_clip(read, low, high))
        return MT_OK;
    for (int d = 0; d < 2; d++) {
        box.start[d] = read->start[d] + low[d];
        box.extent[d] = high[d] - low[d];
    }
    mt_walk_init(&walk, read->image, &box);
    return mt_plan_add(&s->plan, use, i, &walk, UINT64_MAX, err);
}

static bool meets(const mt_read *read, int64_t chunk_y, int64_t chunk_x)
{
    const int64_t chunk[2] = { chunk_y * SIDE, chunk_x * SIDE };
    for (int d = 0; d < 2; d++)
        if (read->start[d] >= chunk[d] + SIDE || read->start[d] + read->extent[d] <= chunk[d])
            return false;
    return true;
}

/* The number of reads below n that meet a chunk; fails unless its copies are these. */
static size_t check_copies(const set *s, size_t n, const mt_planned *planned)
{
    bool is_copied[READS] = { false };
    size_t count = 0;
    const int64_t y = (int64_t)(planned->id / ACROSS), x = (int64_t)(planned->id % ACROSS);
    for (uint32_t c = planned->first_copy; c != MT_NONE; c = s->plan.copies[c].next) {
        const mt_copy *copy = &s->plan.copies[c];
        assert_int_equal(copy->part, MT_NONE);
        assert_false(is_copied[copy->read]);
        is_copied[copy->read] = true;
    }
    for (size_t i = 0; i < n; i++) {
        const bool expected = s->reads[i].image == planned->use->image && meets(&s->reads[i], y, x);
        assert_int_equal(is_copied[i], expected);
        count += expected;
    }
    return count;
}

static void each_chunk_once_with_all_its_copies(void **state)
{
    (void)state;
    static set s;
    uint64_t seed = 1;
    mt_error err = MT_ERROR_INIT;
    for (size_t n = 1; n <= READS; n++) {
        open_set(&s, ACROSS, SIDE);
        for (uint32_t i = 0; i < n; i++) {
            const int64_t y = random_between(&seed, -25, EDGE), x = random_between(&seed, -25, EDGE);
            s.reads[i] = grid_read(&s.grids[n > 5 ? random_between(&seed, 0, 1) : 0], y, x,
                                   random_between(&seed, 1, 35), random_between(&seed, 1, 35), NULL);
            check_ok(add(&s, i, &err), &err);
        }
        mt_plan_sort(&s.plan);
        size_t n_chunks = 0, n_copies = 0;
        for (int k = 0; k < IMAGES; k++)
            for (int64_t c = 0; c < ACROSS * ACROSS; c++) {
                bool is_met = false;
                for (size_t i = 0; i < n; i++)
                    is_met |= s.reads[i].image == &s.grids[k].image && meets(&s.reads[i], c / ACROSS, c % ACROSS);
                if (!is_met)
                    continue;
                assert_in_range(n_chunks, 0, s.plan.n_chunks - 1);
                assert_ptr_equal(s.plan.chunks[n_chunks].use, &s.uses[k]);
                assert_int_equal(s.plan.chunks[n_chunks].id, c);
                n_copies += check_copies(&s, n, &s.plan.chunks[n_chunks++]);
            }
        assert_int_equal(s.plan.n_chunks, n_chunks);
        assert_int_equal(s.plan.n_copies, n_copies);
        close_set(&s);
    }
}

/* The part of a read inside the image, relative to the read, and its bytes. */
static void reads_are_clipped(void **state)
{
    (void)state;
    static const struct {
        int64_t start, extent, low, high;
    } along[] = {
        { 0, EDGE, 0, EDGE },   { -5, 20, 5, 20 },     { -5, EDGE + 10, 5, EDGE + 5 },
        { 80, 20, 0, 10 },      { EDGE - 1, 1, 0, 1 }, { EDGE, 5, 0, 0 },
        { -5, 5, 5, 5 },        { -50, 5, 5, 5 },      { 7, 0, 0, 0 },
        { EDGE + 10, 5, 0, 0 },
    };
    static set s;
    open_set(&s, ACROSS, SIDE);
    for (size_t i = 0; i < sizeof along / sizeof *along; i++) {
        int64_t low[MT_MAX_DIMS], high[MT_MAX_DIMS];
        const mt_read read = grid_read(&s.grids[0], along[i].start, 3, along[i].extent, 4, NULL);
        assert_int_equal(mt_read_clip(&read, low, high), along[i].high > along[i].low);
        assert_int_equal(low[0], along[i].low);
        assert_int_equal(high[0] - low[0], along[i].high - along[i].low);
        assert_int_equal(mt_read_size(&read, low, high), 4 * (along[i].high - along[i].low));
    }
    close_set(&s);
}

/* More chunks than a plan holds: the walk stops, and goes on in the next plan. */
static void a_full_plan_is_continued(void **state)
{
    (void)state;
    enum { MANY = 1100 };
    static set s;
    mt_error err = MT_ERROR_INIT;
    mt_walk walk;
    open_set(&s, MANY, 1);
    mt_walk_init(&walk, &s.grids[0].image, &(mt_box) { .extent = { MANY, MANY } });
    check_ok(mt_plan_add(&s.plan, &s.uses[0], 0, &walk, 100, &err), &err);
    assert_int_equal(s.plan.n_chunks, 100);
    assert_false(mt_plan_is_full(&s.plan, true));
    check_ok(mt_plan_add(&s.plan, &s.uses[0], 0, &walk, MT_PLAN_VISITED - 100, &err), &err);
    assert_true(mt_plan_is_full(&s.plan, true));
    assert_false(mt_plan_is_full(&s.plan, false));
    check_ok(mt_plan_add(&s.plan, &s.uses[0], 0, &walk, UINT64_MAX, &err), &err);
    assert_true(mt_plan_is_full(&s.plan, false));
    assert_false(walk.done);
    assert_int_equal(s.plan.n_chunks, MT_PLAN_COPIES);
    assert_int_equal(s.plan.chunks[MT_PLAN_COPIES - 1].id, MT_PLAN_COPIES - 1);
    mt_plan_free(&s.plan);
    mt_plan_init(&s.plan, &s.context->env);
    check_ok(mt_plan_add(&s.plan, &s.uses[0], 0, &walk, UINT64_MAX, &err), &err);
    assert_true(walk.done);
    assert_int_equal(s.plan.n_chunks, (size_t)MANY * MANY - MT_PLAN_COPIES);
    assert_int_equal(s.plan.chunks[0].id, MT_PLAN_COPIES);
    close_set(&s);
}

/* An image in one piece is read for each read apart, in their order. */
static void pieces_stay_apart(void **state)
{
    (void)state;
    static set s;
    mt_error err = MT_ERROR_INIT;
    open_set(&s, ACROSS, SIDE);
    for (uint32_t i = 0; i < READS; i++)
        check_ok(mt_plan_add_piece(&s.plan, &s.uses[1 - i % 2], i, i, &err), &err);
    mt_plan_sort(&s.plan);
    assert_int_equal(s.plan.n_chunks, READS);
    assert_int_equal(s.plan.bytes, READS * (READS - 1) / 2);
    for (uint32_t i = 0; i < READS; i++) {
        const mt_planned *planned = &s.plan.chunks[i];
        assert_true(planned->id == MT_PIECE);
        assert_ptr_equal(planned->use, &s.uses[i / (READS / 2)]);
        const mt_copy *copy = &s.plan.copies[planned->first_copy];
        assert_int_equal(copy->read, i < READS / 2 ? 2 * i + 1 : 2 * (i - READS / 2));
        assert_int_equal(copy->next, MT_NONE);
    }
    close_set(&s);
}

/* Boxes that show parts of one chunk are copies of it. */
static void parts_of_a_chunk_are_its_copies(void **state)
{
    (void)state;
    enum { PARTS = 100, CHUNKS = 7 };
    static set s;
    mt_error err = MT_ERROR_INIT;
    open_set(&s, ACROSS, SIDE);
    for (uint32_t i = 0; i < PARTS; i++) {
        const mt_shown part = { .chunk = i % CHUNKS, .low = { i, 2 * i } };
        check_ok(mt_plan_add_part(&s.plan, &s.uses[0], i, &part, &err), &err);
    }
    mt_plan_sort(&s.plan);
    assert_int_equal(s.plan.n_chunks, CHUNKS);
    assert_int_equal(s.plan.n_parts, PARTS);
    for (uint64_t chunk = 0; chunk < CHUNKS; chunk++) {
        size_t count = 0;
        assert_int_equal(s.plan.chunks[chunk].id, chunk);
        for (uint32_t c = s.plan.chunks[chunk].first_copy; c != MT_NONE; c = s.plan.copies[c].next, count++) {
            const mt_copy *copy = &s.plan.copies[c];
            assert_int_equal(copy->read % CHUNKS, chunk);
            assert_int_equal(s.plan.parts[copy->part].low[0], copy->read);
            assert_int_equal(s.plan.parts[copy->part].low[1], 2 * copy->read);
        }
        assert_int_equal(count, (PARTS - (int)chunk + CHUNKS - 1) / CHUNKS);
    }
    close_set(&s);
}

static void check_whole(const mt_plan *plan)
{
    size_t n_copies = 0;
    for (size_t i = 0; i < plan->n_chunks; i++) {
        assert_int_not_equal(plan->chunks[i].first_copy, MT_NONE);
        for (uint32_t c = plan->chunks[i].first_copy; c != MT_NONE; c = plan->copies[c].next)
            n_copies++;
    }
    assert_int_equal(n_copies, plan->n_copies);
}

/* Whichever allocation fails, the plan has what was added before, and each chunk has a copy: it can be executed. */
static void without_memory(void **state)
{
    (void)state;
    enum { PARTS = 300 };
    static set s;
    int failures = 1;
    for (size_t k = 0; failures > 0; k++) {
        uint64_t seed = 3;
        mt_error err = MT_ERROR_INIT;
        failures = 0;
        open_set(&s, ACROSS, SIDE);
        s.failing.fail_at = s.failing.count + k;
        for (uint32_t i = 0; i < PARTS + READS; i++) {
            const mt_shown part = { .chunk = i };
            mt_status st;
            if (i < PARTS) {
                st = mt_plan_add_part(&s.plan, &s.uses[1], i, &part, &err);
            } else {
                const int64_t y = random_between(&seed, 0, EDGE - 30), x = random_between(&seed, 0, EDGE - 30);
                s.reads[i - PARTS] = grid_read(&s.grids[0], y, x, 30, 30, NULL);
                st = add(&s, i - PARTS, &err);
            }
            assert_true(st == MT_OK || st == MT_E_MEMORY);
            failures += st != MT_OK;
            check_whole(&s.plan);
        }
        s.failing.fail_at = SIZE_MAX;
        close_set(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_chunk_once_with_all_its_copies),
        cmocka_unit_test(reads_are_clipped),
        cmocka_unit_test(a_full_plan_is_continued),
        cmocka_unit_test(pieces_stay_apart),
        cmocka_unit_test(parts_of_a_chunk_are_its_copies),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
