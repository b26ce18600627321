/* SPDX-License-Identifier: BSD-3-Clause */
/* Chunks whose object does not exist: the fill value, an error, or an object of another name, however they are read. */
#include "support/grid.h"

#include <stdbool.h>
#include <string.h>

enum { SIDE = 64, FILL = 7 };

/* How the chunk is read: by rows or as a whole, at once or by the fetch stage. */
static const mt_store_costs near = { .in_flight = 4, .io_threads = 4 };
static const mt_store_costs far = { .in_flight = 4, .io_threads = 4, .is_slow = true };

typedef enum judgement { FILLS, MOVES, REFUSES, FORBIDS } judgement;

/* Of the map: what it answers, and what it was asked. */
typedef struct map_state {
    judgement judgement;
    bool is_whole; /* the size is not known */
    bool is_moved;
    _Atomic int asked, any_stored;
    char key[MT_KEY_BYTES]; /* about which it was asked last */
} map_state;

static map_state answers;
static mt_status (*read_present)(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err);
static _Atomic int n_absent; /* reads of the absent object */

static mt_status read_object(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    if (strcmp(key, "n") == 0)
        return read_present(store, key, ranges, n, err);
    n_absent++;
    return mt_fail(err, MT_E_NOT_FOUND, "%s: no such object", key);
}

static mt_status get_size(mt_store *store, const char *key, uint64_t *out, mt_error *err)
{
    if (strcmp(key, "n") != 0)
        return mt_fail(err, MT_E_NOT_FOUND, "%s: no such object", key);
    *out = ((const grid *)(const void *)store)->size;
    return MT_OK;
}

static bool read_now(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_status *status,
                     mt_error *err)
{
    *status = read_object(store, key, ranges, n, err);
    return true;
}

static mt_status locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    (void)map, (void)position, (void)err;
    out->key = answers.is_moved ? "n" : "old/key";
    out->offset = 0;
    out->size = answers.is_whole ? MT_WHOLE : SIDE * SIDE;
    out->absent_is_fill = answers.judgement != FORBIDS;
    return MT_OK;
}

static mt_status judge(const mt_chunk_map *map, const int64_t *position, const char *key, bool any_stored, bool *moved,
                       mt_error *err)
{
    (void)map, (void)position;
    answers.asked++;
    answers.any_stored += any_stored;
    snprintf(answers.key, sizeof answers.key, "%s", key);
    if (answers.judgement == REFUSES)
        return mt_fail(err, MT_E_NOT_FOUND, "%s: this one is needed", key);
    if (answers.judgement == MOVES)
        *moved = answers.is_moved = true;
    return MT_OK;
}

typedef struct kind {
    const mt_store_costs *costs;
    const char *codec;
    int64_t cache;
    bool is_whole, is_piece, reads_now;
    bool is_judged;   /* the map is asked: on a disk, a missing file is missing */
    uint64_t missing; /* count of missing chunks, or of batches of rows in them */
} kind;

static void check(const kind *k, judgement j)
{
    static uint8_t pixels[SIDE * SIDE + 4];
    uint8_t out[10 * 20];
    const mt_context_options options = { .struct_size = sizeof options, .threads = 1, .cache_bytes = k->cache };
    mt_context *context;
    mt_counters counters;
    grid g;
    mt_error err = MT_ERROR_INIT;
    for (int i = 0; i < SIDE * SIDE; i++)
        pixels[i] = (uint8_t)(i * 5 + i / 200);
    memset(out, 99, sizeof out);
    answers = (map_state) { .judgement = j, .is_whole = k->is_whole };
    n_absent = 0;
    check_ok(mt_context_new(&options, &context, &err), &err);
    grid_open(&g, context, 1, SIDE, k->codec, NULL, k->costs, locate);
    mt_store_ops ops = *g.store.ops;
    read_present = ops.read;
    ops.read = read_object;
    ops.size = get_size;
    ops.read_now = k->reads_now ? read_now : NULL;
    g.store.ops = &ops;
    g.bytes = pixels;
    g.size = SIDE * SIDE;
    g.map->judge_absent = judge;
    g.map->fill[0] = FILL;
    g.map->contiguous = k->is_piece;
    g.map->piece_stride[0] = SIDE;
    g.map->piece_stride[1] = 1;
    mt_image_init(&g.image, context, g.map, &g.store, "grid", NULL, NULL);
    const mt_read read = grid_read(&g, 3, 5, 10, 20, out);
    const mt_status st = mt_engine_read(context, &read, 1, NULL, &err);
    const bool is_moved = k->is_judged && j == MOVES, fails = j == FORBIDS || (k->is_judged && j == REFUSES);
    if (j == FORBIDS)
        check_failed(st, MT_E_NOT_FOUND, &err, "old/key: no such object");
    else if (fails)
        check_failed(st, MT_E_NOT_FOUND, &err, "old/key: this one is needed");
    else
        check_ok(st, &err);
    for (int i = 0; i < 10 * 20; i++)
        assert_int_equal(out[i], fails ? 0 : is_moved ? pixels[(3 + i / 20) * SIDE + 5 + i % 20] : FILL);
    mt_context_get_counters(context, &counters);
    if (!fails && !is_moved)
        assert_int_equal(counters.chunks_missing, k->missing);
    assert_int_equal(answers.asked > 0, k->is_judged);
    assert_int_equal(answers.any_stored, 0);
    if (k->is_judged)
        assert_string_equal(answers.key, "old/key");
    grid_close(&g);
    mt_context_free(context);
}

static void absent_objects(void **state)
{
    (void)state;
    static const kind kinds[] = {
        { &far, NULL, MT_NO_CACHE, false, false, false, true, 3 }, /* rows */
        { &far, NULL, MT_NO_CACHE, false, false, true, true, 3 },  /* rows that the store has at hand, or not */
        { &far, NULL, MT_NO_CACHE, false, true, false, true, 3 },  /* rows of a piece */
        { &far, NULL, 1 << 20, true, false, false, true, 1 },      /* a raw chunk */
        { &near, NULL, 1 << 20, true, false, true, false, 1 },     /* rows of a file */
        { &near, NULL, MT_NO_CACHE, false, true, true, false, 1 }, /* rows of a piece, a file */
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (judgement j = FILLS; j <= FORBIDS; j++)
            check(&kinds[i], j);
}

static mt_status locate_present(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    (void)map, (void)position, (void)err;
    out->key = "n";
    out->size = SIDE * SIDE;
    return MT_OK;
}

/* An object that ends before some of the rows that are read together: the rows fail. */
static void rows_behind_the_end(void **state)
{
    (void)state;
    static const uint8_t pixels[SIDE * SIDE];
    static const struct {
        size_t rows; /* that the object has */
        bool fails;
    } cases[] = { { 13, false }, { 12, true }, { 8, true }, { 4, true }, { 3, true }, { 0, true } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t out[10 * 20];
        const mt_context_options options = { .struct_size = sizeof options, .threads = 2, .cache_bytes = MT_NO_CACHE };
        mt_context *context;
        grid g;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_context_new(&options, &context, &err), &err);
        grid_open(&g, context, 1, SIDE, NULL, NULL, &far, locate_present);
        g.bytes = pixels;
        g.size = cases[i].rows * SIDE;
        const mt_read read = grid_read(&g, 3, 5, 10, 20, out);
        const mt_status st = mt_engine_read(context, &read, 1, NULL, &err);
        if (cases[i].fails)
            check_failed(st, MT_E_CORRUPT, &err, "chunk 0/0: n: too short");
        else
            check_ok(st, &err);
        grid_close(&g);
        mt_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(absent_objects), cmocka_unit_test(rows_behind_the_end) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
