/* SPDX-License-Identifier: BSD-3-Clause */
/* The locate stage: storage order, objects, failures of single chunks, and what is read for indices of any depth. */
#include "engine/locate.h"
#include "support/grid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ACROSS = 20, CHUNKS = ACROSS * ACROSS, IMAGES = 2, ALL = IMAGES * CHUNKS, EDGE = 2 * ACROSS };

static const mt_store_costs in_memory = { .in_flight = 1, .io_threads = 1, .is_memory = true };
static const mt_store_costs far = { .in_flight = 16, .io_threads = 4, .is_slow = true };

/* Where a chunk is. */
typedef struct place {
    const char *key;
    bool own_key; /* the key is written for each call, as formats with a file for each chunk do */
    bool missing;
    uint64_t offset, size;
    mt_status fails;
} place;

static place places[IMAGES][CHUNKS];

static mt_status look_up(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    const grid *g = map->state;
    const place *p = (const place *)g->user + position[0] * ACROSS + position[1];
    if (p->fails)
        return mt_fail(err, p->fails, "no place");
    out->missing = p->missing;
    out->key = p->own_key ? memcpy(out->key_buffer, p->key, strlen(p->key) + 1) : p->key;
    out->offset = p->offset;
    out->size = p->size;
    return MT_OK;
}

typedef struct set {
    failing_allocator failing;
    mt_context *context;
    grid grids[IMAGES];
    mt_use uses[IMAGES];
    uint8_t out[IMAGES][EDGE * EDGE];
    mt_read reads[IMAGES];
    mt_status statuses[IMAGES];
    mt_plan plan;
    mt_found found[ALL];
    mt_call call;
    mt_error failure;
} set;

/* A call that reads all chunks of the first n images. */
static void open_set(set *s, size_t n, unsigned threads, const mt_store_costs *costs, grid_locate locate)
{
    memset(s, 0, sizeof *s);
    mt_context_options options = { .struct_size = sizeof options, .threads = threads };
    options.allocator = failing_allocator_make(&s->failing, SIZE_MAX, 0);
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &s->context, &err), &err);
    mt_plan_init(&s->plan, &s->context->env);
    for (size_t i = 0; i < n; i++) {
        mt_walk walk;
        const mt_box all = { .extent = { EDGE, EDGE } };
        grid_open(&s->grids[i], s->context, ACROSS, 2, NULL, NULL, costs, locate);
        s->grids[i].user = places[i];
        s->uses[i] = (mt_use) { .image = &s->grids[i].image, .strategy = MT_BY_CHUNKS };
        s->reads[i] = grid_read(&s->grids[i], 0, 0, EDGE, EDGE, s->out[i]);
        s->reads[i].status = &s->statuses[i];
        mt_walk_init(&walk, &s->grids[i].image, &all);
        check_ok(mt_plan_add(&s->plan, &s->uses[i], (uint32_t)i, &walk, UINT64_MAX, &err), &err);
    }
    mt_plan_sort(&s->plan);
    mt_error_clear(&s->failure);
    s->call = (mt_call) { .context = s->context,
                          .reads = s->reads,
                          .n = n,
                          .plan = &s->plan,
                          .found = s->found,
                          .n_found = s->plan.n_chunks,
                          .failed = SIZE_MAX,
                          .err = &s->failure };
    for (size_t i = 0; i < s->call.n_found; i++)
        s->found[i] = (mt_found) { .planned = &s->plan.chunks[i] };
}

static void close_set(set *s, size_t n)
{
    mt_arena_free(s->call.keys);
    mt_plan_free(&s->plan);
    for (size_t i = 0; i < n; i++)
        grid_close(&s->grids[i]);
    mt_context_free(s->context);
}

static const place *place_of(const set *s, const mt_planned *planned)
{
    return &places[planned->use == &s->uses[1]][planned->id];
}

/* The number of an object: that of its first chunk in the plan. */
static size_t number_of(const set *s, size_t i)
{
    const mt_planned *planned = &s->plan.chunks[i];
    const place *p = place_of(s, planned);
    for (size_t k = 0; !p->missing && p->size != MT_WHOLE && k < i; k++) {
        const place *q = place_of(s, &s->plan.chunks[k]);
        if (s->plan.chunks[k].use == planned->use && !q->missing && q->size != MT_WHOLE && !strcmp(p->key, q->key))
            return k;
    }
    return i;
}

typedef struct expected {
    size_t object;
    uint64_t offset;
    const mt_planned *planned;
} expected;

static int in_storage_order(const void *a, const void *b)
{
    const expected *x = a, *y = b;
    if (x->object != y->object)
        return x->object < y->object ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void place_at_random(uint64_t *seed, int kinds)
{
    static const char *const keys[] = { "a", "b", "c/0", "c/1", "d" };
    for (int i = 0; i < IMAGES; i++)
        for (int c = 0; c < CHUNKS; c++) {
            place *p = &places[i][c];
            const int64_t kind = random_between(seed, 0, kinds);
            *p = (place) { .key = keys[random_between(seed, 0, 4)],
                           .own_key = random_between(seed, 0, 1),
                           .missing = kind == 1,
                           .size = kind == 2 ? MT_WHOLE : (uint64_t)random_between(seed, 4, 9) };
            p->offset = p->missing || kind == 2 ? 0 : (uint64_t)random_between(seed, 1, INT64_MAX / 2);
        }
}

/* Any order of places: by object, in order of first use, and by offset; objects of two stores are never the same. */
static void chunks_come_in_storage_order(void **state)
{
    (void)state;
    static set s;
    static expected all[ALL];
    uint64_t seed = 1;
    for (int round = 0; round < 12; round++) {
        const size_t n = round % 2 ? IMAGES : 1;
        mt_error err = MT_ERROR_INIT;
        place_at_random(&seed, round < 4 ? 0 : 9);
        open_set(&s, n, 1 + (unsigned)round % 4, round % 3 ? &in_memory : &far, look_up);
        for (size_t i = 0; i < n * CHUNKS; i++)
            all[i] = (expected) { number_of(&s, i), place_of(&s, &s.plan.chunks[i])->offset, &s.plan.chunks[i] };
        qsort(all, n * CHUNKS, sizeof *all, in_storage_order);
        check_ok(mt_locate(&s.call, &err), &err);
        assert_int_equal(s.call.n_found, n * CHUNKS);
        for (size_t i = 0; i < s.call.n_found; i++) {
            const mt_found *f = &s.found[i];
            const place *p = place_of(&s, f->planned);
            assert_ptr_equal(f->planned, all[i].planned);
            assert_int_equal(f->object, all[i].object);
            assert_int_equal(f->offset, p->offset);
            assert_int_equal(f->missing, p->missing);
            assert_string_equal(f->key, p->missing ? "" : p->key);
            if (!p->missing) /* of a raw chunk, only its pixels are read */
                assert_int_equal(f->size, p->size == MT_WHOLE ? MT_WHOLE : 4);
        }
        close_set(&s, n);
    }
}

/* A chunk that cannot be located fails alone; the error is that of the first in the plan. */
static void failures_stay_alone(void **state)
{
    (void)state;
    static set s;
    static const struct {
        int chunk;
        place place;
        mt_status status;
        const char *message;
    } cases[] = {
        { 399, { .key = "a", .fails = MT_E_IO }, MT_E_IO, "grid: grid: chunk 19/19: no place" },
        { 70,
          { .key = "a", .offset = UINT64_MAX - 2, .size = 4 },
          MT_E_CORRUPT,
          "grid: grid: chunk 3/10: a: cannot have 4 bytes at 18446744073709551613" },
        { 23,
          { .key = "a", .offset = UINT64_MAX - 2, .size = MT_WHOLE },
          MT_E_CORRUPT,
          "grid: grid: chunk 1/3: a: cannot have 4 bytes at 18446744073709551613" },
        { 0, { .key = "a", .fails = MT_E_MEMORY }, MT_E_MEMORY, "grid: grid: chunk 0/0: no place" },
    };
    uint64_t seed = 2;
    mt_error err = MT_ERROR_INIT;
    place_at_random(&seed, 0);
    for (size_t n = 1; n <= sizeof cases / sizeof *cases; n++) {
        places[0][cases[n - 1].chunk] = cases[n - 1].place;
        open_set(&s, IMAGES, 3, &in_memory, look_up);
        check_ok(mt_locate(&s.call, &err), &err);
        assert_int_equal(s.call.n_found, ALL - n);
        for (size_t i = 0; i < s.call.n_found; i++)
            for (size_t k = 0; k < n; k++)
                assert_ptr_not_equal(s.found[i].planned, &s.plan.chunks[cases[k].chunk]);
        assert_int_equal(s.call.status, cases[n - 1].status);
        assert_string_equal(s.failure.message, cases[n - 1].message);
        assert_int_not_equal(s.statuses[0], MT_OK);
        assert_int_equal(s.statuses[1], MT_OK);
        close_set(&s, IMAGES);
    }
}

/* The last bytes that 64 bits count can be located, but not those behind them. */
static void the_end_of_what_can_be_counted(void **state)
{
    (void)state;
    static set s;
    static const place at_the_end[] = {
        { .key = "a", .offset = UINT64_MAX - 4, .size = 4 },
        { .key = "a", .offset = UINT64_MAX - 4, .size = 99 }, /* of which 4 are needed */
        { .key = "a", .offset = UINT64_MAX - 4, .size = MT_WHOLE },
        { .key = "a", .offset = UINT64_MAX, .missing = true },
    };
    uint64_t seed = 7;
    mt_error err = MT_ERROR_INIT;
    place_at_random(&seed, 0);
    memcpy(places[0] + 50, at_the_end, sizeof at_the_end);
    open_set(&s, 1, 1, &in_memory, look_up);
    check_ok(mt_locate(&s.call, &err), &err);
    assert_int_equal(s.call.n_found, CHUNKS);
    assert_int_equal(s.statuses[0], MT_OK);
    close_set(&s, 1);
}

/* An index of nodes of FANOUT numbers, each the offset of a node of the next level, and at last of the chunk. */
enum { FANOUT = 20, NODE = 8 * FANOUT };

static mt_status descend(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    const grid *g = map->state;
    const int depth = *(const int *)g->user;
    uint64_t at = 0;
    for (int level = 0; level < depth; level++) {
        uint64_t node[FANOUT];
        const mt_status st = mt_store_read_at(map->store, "index", at, node, sizeof node, err);
        if (st)
            return st;
        at = node[position[level % 2]];
    }
    out->key = "pixels";
    out->offset = at;
    out->size = 4;
    return MT_OK;
}

/* Two levels that tell all chunks apart, or a chain of nodes: node k is followed by node k + 1. */
static uint8_t *write_index(int depth, size_t *size)
{
    const int nodes = depth == 2 ? 1 + FANOUT : depth;
    uint64_t *index = calloc((size_t)nodes, NODE);
    for (int n = 0; n < nodes; n++)
        for (int i = 0; i < FANOUT; i++)
            index[n * FANOUT + i] =
                (uint64_t)(depth == 2 ? (n == 0 ? (1 + i) * NODE : 4 * (FANOUT * (n - 1) + i)) : (n + 1) * NODE);
    *size = (size_t)nodes * NODE;
    return (uint8_t *)index;
}

/* Nodes are read once, those of a level together: each chunk is asked for again after each level, by all of which the
 * reads of the level have been made. */
static void an_index_is_read_level_by_level(void **state)
{
    (void)state;
    static set s;
    static const struct {
        int depth;
        size_t nodes, rounds;
    } cases[] = { { 2, 1 + FANOUT, 3 }, { 1, 1, 2 }, { 9, 9, 10 }, { 70, 70, 66 } };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        int depth = cases[k].depth;
        mt_error err = MT_ERROR_INIT;
        open_set(&s, 1, 2, &far, descend);
        uint8_t *index = write_index(depth, &s.grids[0].size);
        s.grids[0].bytes = index;
        s.grids[0].user = &depth;
        check_ok(mt_locate(&s.call, &err), &err);
        assert_int_equal(s.call.n_found, CHUNKS);
        assert_int_equal(s.grids[0].locates, cases[k].rounds * CHUNKS);
        if (depth < 64) /* deeper ones are crafted: the rest is read chunk by chunk */
            assert_int_equal(s.grids[0].reads, cases[k].nodes);
        for (size_t i = 0; i < CHUNKS; i++)
            assert_int_equal(s.found[i].offset, depth == 2 ? 4 * s.found[i].planned->id : (uint64_t)depth * NODE);
        free(index);
        close_set(&s, 1);
    }
}

static int says_stop(void *user)
{
    (void)user;
    return 1;
}

static void a_stopped_call_locates_nothing(void **state)
{
    (void)state;
    static set s;
    const mt_extract_options options = { .struct_size = sizeof options, .cancelled = says_stop };
    mt_cancel cancel;
    uint64_t seed = 4;
    mt_error err = MT_ERROR_INIT;
    place_at_random(&seed, 0);
    check_ok(mt_cancel_init(&cancel, &options, &err), &err);
    open_set(&s, 1, 1, &in_memory, look_up);
    s.call.cancel = &cancel;
    check_ok(mt_locate(&s.call, &err), &err);
    assert_int_equal(s.call.n_found, 0);
    assert_int_equal(s.grids[0].locates, 0);
    assert_int_equal(s.statuses[0], MT_E_CANCELLED);
    close_set(&s, 1);
}

/* Whichever allocation fails, a chunk is located, or fails for this reason, or none is. */
static void without_memory(void **state)
{
    (void)state;
    static set s;
    int depth = 2;
    size_t size;
    uint8_t *index = write_index(depth, &size);
    for (int indexed = 0; indexed < 2; indexed++) {
        bool has_failed = true;
        for (size_t k = 0; has_failed; k++) {
            uint64_t seed = 5;
            mt_error err = MT_ERROR_INIT;
            place_at_random(&seed, 0);
            open_set(&s, 1, 1, &far, indexed ? descend : look_up);
            s.grids[0].bytes = index;
            s.grids[0].size = size;
            s.grids[0].user = indexed ? (void *)&depth : (void *)places[0];
            s.failing.fail_at = s.failing.count + k;
            const mt_status st = mt_locate(&s.call, &err);
            has_failed = s.failing.count > s.failing.fail_at;
            s.failing.fail_at = SIZE_MAX;
            assert_true(st == MT_OK || (st == MT_E_MEMORY && has_failed));
            assert_true(s.call.n_found == CHUNKS || s.call.status == MT_E_MEMORY);
            for (size_t i = 0; !st && i < s.call.n_found; i++)
                assert_true(s.found[i].planned && s.found[i].key);
            close_set(&s, 1);
        }
    }
    free(index);
}

static void a_chunk_can_be_located_again(void **state)
{
    (void)state;
    static set s;
    uint64_t seed = 6;
    mt_error err = MT_ERROR_INIT;
    place_at_random(&seed, 0);
    open_set(&s, 1, 1, &in_memory, look_up);
    check_ok(mt_locate(&s.call, &err), &err);
    mt_found *f = &s.found[7];
    place *p = &places[0][f->planned->id];
    *p = (place) { .key = "moved", .own_key = true, .offset = 12, .size = 100 };
    check_ok(mt_locate_again(&s.call, f, &err), &err);
    assert_string_equal(f->key, "moved");
    assert_int_equal(f->offset, 12);
    assert_int_equal(f->size, 4);
    p->fails = MT_E_IO;
    check_failed(mt_locate_again(&s.call, f, &err), MT_E_IO, &err, "no place");
    close_set(&s, 1);
}

/* Many reads of the same chunks: each chunk is located once, and looked up in the cache once. */
static void once_per_call(void **state)
{
    (void)state;
    enum { READS = 50 };
    static set s;
    static uint8_t pixels[4 * CHUNKS], out[READS][EDGE * EDGE];
    mt_read reads[READS];
    mt_error err = MT_ERROR_INIT;
    for (int c = 0; c < 4 * CHUNKS; c++)
        pixels[c] = (uint8_t)(c * 7);
    for (int c = 0; c < CHUNKS; c++)
        places[0][c] = (place) { .key = "pixels", .offset = 4 * (uint64_t)c, .size = 4 };
    open_set(&s, 1, 2, &far, look_up);
    s.grids[0].bytes = pixels;
    s.grids[0].size = sizeof pixels;
    for (int i = 0; i < READS; i++)
        reads[i] = grid_read(&s.grids[0], 0, 0, EDGE, EDGE, out[i]);
    for (int again = 0; again < 2; again++) {
        check_ok(mt_engine_read(s.context, reads, READS, NULL, &err), &err);
        assert_int_equal(s.grids[0].locates, CHUNKS);
        assert_int_equal(s.context->env.cache_hits, again ? CHUNKS : 0);
        for (int i = 0; i < READS; i++)
            for (int y = 0; y < EDGE; y++)
                for (int x = 0; x < EDGE; x++)
                    assert_int_equal(out[i][y * EDGE + x], pixels[4 * (y / 2 * ACROSS + x / 2) + 2 * (y % 2) + x % 2]);
    }
    close_set(&s, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_come_in_storage_order),   cmocka_unit_test(failures_stay_alone),
        cmocka_unit_test(the_end_of_what_can_be_counted), cmocka_unit_test(an_index_is_read_level_by_level),
        cmocka_unit_test(a_stopped_call_locates_nothing), cmocka_unit_test(without_memory),
        cmocka_unit_test(a_chunk_can_be_located_again),   cmocka_unit_test(once_per_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
