/* SPDX-License-Identifier: BSD-3-Clause */
/* What an image is to the engine: whether it fits into the cache, whether it is an array in memory, and how it is read. */
#include "engine/absent.h"
#include "engine/rows.h"
#include "engine/strategy.h"
#include "support/grid.h"

#include <string.h>

static const mt_store_costs in_memory = { .in_flight = 1, .io_threads = 1, .is_memory = true };
static const mt_store_costs near = { .in_flight = 1, .io_threads = 1 };
static const mt_store_costs far = { .in_flight = 1, .io_threads = 1, .is_slow = true, .most_joined = 1 << 20 };

static mt_context *new_context(int64_t cache)
{
    const mt_context_options options = { .struct_size = sizeof options, .threads = 1, .cache_bytes = cache };
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &context, &err), &err);
    return context;
}

/* The place of everything: chosen by the test. */
typedef struct place {
    uint64_t offset;
    bool missing;
    mt_status fails;
} place;

static mt_status locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    const place *p = ((const grid *)map->state)->user;
    (void)position;
    out->key = "o";
    out->offset = p->offset;
    out->missing = p->missing;
    return p->fails ? mt_fail(err, p->fails, "no place") : MT_OK;
}

/* Four chunks of 64 bytes: all of them are kept if they fit, one if it takes at most a quarter. */
static void images_that_fit_in_the_cache(void **state)
{
    (void)state;
    const int64_t all = 4 * (int64_t)mt_cache_cost(64);
    const struct {
        int64_t cache;
        bool fits, is_cacheable;
    } cases[] = {
        { all, true, true },   { all - 1, false, true },      { 256, false, true },
        { 255, false, false }, { MT_NO_CACHE, false, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        place p = { 0 };
        mt_context *context = new_context(cases[i].cache);
        grid g;
        grid_open(&g, context, 2, 8, NULL, NULL, &near, locate);
        g.user = &p;
        assert_int_equal(g.image.fits_in_cache, cases[i].fits);
        assert_int_equal(g.image.is_cacheable, cases[i].is_cacheable);
        assert_int_equal(g.image.bytes, 256);
        grid_close(&g);
        mt_context_free(context);
    }
}

/* An image of 16 x 16 bytes in one piece, whose object is in memory and has all of its bytes. */
static void images_that_are_arrays(void **state)
{
    (void)state;
    static const uint8_t bytes[300];
    static const struct {
        const uint8_t *bytes;
        size_t size;
        place place;
        const mt_store_costs *costs;
        const char *codec;
        bool is_piece, is_array;
    } cases[] = {
        { bytes, 256, { 0, false, MT_OK }, &in_memory, NULL, true, true },
        { bytes, 255, { 0, false, MT_OK }, &in_memory, NULL, true, false },
        { bytes, 300, { 44, false, MT_OK }, &in_memory, NULL, true, true },
        { bytes, 300, { 45, false, MT_OK }, &in_memory, NULL, true, false },
        { bytes, 300, { 301, false, MT_OK }, &in_memory, NULL, true, false },
        { bytes, 300, { UINT64_MAX, false, MT_OK }, &in_memory, NULL, true, false },
        { NULL, 300, { 4, false, MT_OK }, &in_memory, NULL, true, false },
        { bytes, 300, { 4, true, MT_OK }, &in_memory, NULL, true, false },
        { bytes, 300, { 4, false, MT_E_IO }, &in_memory, NULL, true, false },
        { bytes, 300, { 4, false, MT_OK }, &near, NULL, true, false },
        { bytes, 300, { 4, false, MT_OK }, &in_memory, "crc32c", true, false },
        { bytes, 300, { 4, false, MT_OK }, &in_memory, NULL, false, false },
    };
    mt_context *context = new_context(0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        place p = cases[i].place;
        grid g;
        grid_open(&g, context, 1, 16, cases[i].codec, NULL, cases[i].costs, locate);
        g.user = &p;
        g.bytes = cases[i].bytes;
        g.size = cases[i].size;
        g.map->contiguous = cases[i].is_piece;
        g.map->piece_stride[0] = 16;
        g.map->piece_stride[1] = 1;
        mt_image_init(&g.image, context, g.map, &g.store, "grid", NULL, NULL);
        assert_int_equal(mt_image_span(&g.image), 256);
        mt_image_use_view(&g.image);
        assert_ptr_equal(g.image.array, cases[i].is_array ? bytes + p.offset : NULL);
        grid_close(&g);
    }
    mt_context_free(context);
}

/* A chunk of raw data. */
typedef struct raw {
    const mt_store_costs *costs;
    size_t chunk;           /* bytes */
    uint64_t image, so_far; /* bytes of the image; cost of its reads by rows so far */
    bool fits, is_cacheable, is_piece;
} raw;

static mt_image image_of(const raw *r, mt_chunk_map *map, mt_store *store)
{
    *map = (mt_chunk_map) { .contiguous = r->is_piece };
    *store = (mt_store) { .costs = *r->costs };
    return (mt_image) { .map = map,
                        .store = store,
                        .chunk.bytes = r->chunk,
                        .bytes = r->image,
                        .fits_in_cache = r->fits,
                        .is_cacheable = r->is_cacheable,
                        .row_cost = r->so_far };
}

enum { MIB = 1 << 20 };

/* Raw chunks are kept once rows have cost as much as all of them, over a network at once; large ones never. */
static void raw_chunks_that_are_kept(void **state)
{
    (void)state;
    static const struct {
        raw raw;
        bool is_kept, is_prefetched, needs_cost;
    } cases[] = {
        { { &near, 100, 1000, 1000, true, true, false }, true, true, false },
        { { &near, 100, 1000, 999, true, true, false }, false, false, true },
        { { &near, 100, 1000, 1000, false, true, false }, false, false, true },
        { { &near, 100, 1000, 1000, true, false, false }, false, false, true },
        { { &near, 16 * MIB, 16 * MIB, 16 * MIB, true, true, false }, true, true, false },
        { { &near, 16 * MIB + 1, 16 * MIB + 1, 64 * MIB, true, true, false }, false, false, false },
        { { &near, 16 * MIB, 64 * MIB, 0, false, false, false }, false, false, true },
        { { &near, 16 * MIB + 1, 64 * MIB, 0, false, false, true }, false, false, true },
        { { &far, MIB, 64 * MIB, 0, false, true, false }, true, true, false },
        { { &far, MIB + 1, 64 * MIB, 0, false, true, false }, false, false, true },
        { { &far, MIB + 1, 64 * MIB, 0, true, true, false }, true, true, false },
        { { &in_memory, 100, 1000, 1000, true, true, false }, false, false, false },
        { { &in_memory, 100, 1000, 0, true, true, false }, false, false, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_chunk_map map;
        mt_store store;
        mt_use use;
        mt_image image = image_of(&cases[i].raw, &map, &store);
        assert_int_equal(mt_strategy_needs_cost(&image), cases[i].needs_cost);
        mt_strategy_ahead(&use, &image);
        assert_int_equal(use.keep, cases[i].is_prefetched);
        mt_strategy_choose(&use, &image, 0, false);
        assert_int_equal(use.keep, cases[i].is_kept);
    }
}

/* The cost of the rows of a call counts, too: from that of the whole image on, chunks are read. */
static void rows_that_cost_more_than_the_image(void **state)
{
    (void)state;
    static const struct {
        uint64_t so_far, cost;
        bool is_by_rows, is_kept;
        uint64_t then;
    } cases[] = {
        { 0, 999, true, false, 999 },
        { 0, 1000, false, true, 1000 },
        { 999, 1, false, true, 1000 },
        { 998, 1, true, false, 999 },
        { 5, UINT64_MAX, false, true, UINT64_MAX },
        { 999, 0, true, false, 999 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int fits = 0; fits < 2; fits++) {
            const raw r = { &near, 100, 1000, cases[i].so_far, fits, true, false };
            mt_chunk_map map;
            mt_store store;
            mt_use use;
            mt_image image = image_of(&r, &map, &store);
            mt_strategy_choose(&use, &image, cases[i].cost, false);
            assert_int_equal(image.row_cost, cases[i].then);
            assert_int_equal(use.keep, fits && cases[i].is_kept);
            if (!fits)
                assert_int_equal(use.strategy, cases[i].cost <= 1000 ? MT_BY_ROWS : MT_BY_CHUNKS);
            else
                assert_int_equal(use.strategy, cases[i].is_by_rows ? MT_BY_ROWS : MT_BY_CHUNKS);
        }
}

static _Atomic int n_asked;

static void find_stored(const mt_chunk_map *map, mt_scan *scan, const int64_t *position, int64_t *next)
{
    (void)scan;
    n_asked++;
    memcpy(next, position, (size_t)map->ndim * sizeof *next); /* all may be stored */
}

/* Of 1,024 chunks and more, the map is asked which are absent; a missing object that is an error must be found. */
static void images_that_are_asked_for_absent_chunks(void **state)
{
    (void)state;
    static const struct {
        int64_t height, width;
        bool can_be_asked, missing_is_error, is_asked;
    } cases[] = {
        { 32, 32, true, false, true }, { 31, 33, true, false, false },  { 33, 33, true, false, true },
        { 33, 33, true, true, false }, { 33, 33, false, false, false },
    };
    static uint8_t out[33 * 33];
    static const uint8_t bytes[1] = { 7 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        place p = { 0 };
        mt_context *context = new_context(0);
        grid g;
        mt_error err = MT_ERROR_INIT;
        grid_open(&g, context, 33, 1, NULL, NULL, &near, locate);
        g.user = &p;
        g.bytes = bytes;
        g.size = sizeof bytes;
        g.map->find_stored = cases[i].can_be_asked ? find_stored : NULL;
        g.image.missing_is_error = cases[i].missing_is_error;
        n_asked = 0;
        const mt_read read = grid_read(&g, 0, 0, cases[i].height, cases[i].width, out);
        check_ok(mt_engine_read(context, &read, 1, NULL, &err), &err);
        assert_int_equal(n_asked > 0, cases[i].is_asked);
        for (int64_t k = 0; k < cases[i].height * cases[i].width; k++)
            assert_int_equal(out[k], 7);
        grid_close(&g);
        mt_context_free(context);
    }
}

/* A target that the walk has passed: there is nothing to take. */
static void walks_and_their_targets(void **state)
{
    (void)state;
    static const struct {
        int64_t target[2];
        bool is_taken;
        uint64_t n; /* chunks taken */
    } cases[] = {
        { { 1, 1 }, false, 0 }, { { 1, 2 }, false, 0 }, { { 1, 3 }, true, 1 },          { { 2, 0 }, true, 2 },
        { { 0, 9 }, false, 0 }, { { 9, 0 }, true, 2 },  { { MT_NOWHERE, 0 }, true, 2 },
    };
    place p = { 0 };
    mt_context *context = new_context(0);
    grid g;
    grid_open(&g, context, 4, 2, NULL, NULL, &near, locate);
    g.user = &p;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_walk walk;
        mt_box box = { { 99 }, { 99 } };
        uint64_t n = 0;
        mt_walk_init(&walk, &g.image, &(mt_box) { .extent = { 8, 8 } });
        for (int k = 0; k < 6; k++) /* to the chunk at (1, 2) */
            mt_walk_next(&walk);
        assert_int_equal(mt_walk_take(&walk, cases[i].target, &box, &n), cases[i].is_taken);
        assert_int_equal(n, cases[i].n);
        if (!cases[i].is_taken) {
            assert_int_equal(walk.position[0] * 4 + walk.position[1], 6);
            continue;
        }
        assert_int_equal(box.start[0], 2);
        assert_int_equal(box.start[1], 4);
        assert_int_equal(box.extent[0], 2);
        assert_int_equal(box.extent[1], 2 * (int64_t)cases[i].n);
    }
    grid_close(&g);
    mt_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_that_fit_in_the_cache),
        cmocka_unit_test(images_that_are_arrays),
        cmocka_unit_test(raw_chunks_that_are_kept),
        cmocka_unit_test(rows_that_cost_more_than_the_image),
        cmocka_unit_test(images_that_are_asked_for_absent_chunks),
        cmocka_unit_test(walks_and_their_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
