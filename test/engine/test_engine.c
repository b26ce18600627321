/* SPDX-License-Identifier: BSD-3-Clause */
/* From boxes to plans: calls that read several images, boxes that must be divided, and calls that end early. */
#include "codec/codec.h"
#include "engine/plan.h"
#include "engine/visit.h"
#include "support/grid.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const mt_store_costs near = { .in_flight = 4, .io_threads = 4 };

static mt_context *new_context_of(unsigned threads, int64_t cache)
{
    const mt_context_options options = { .struct_size = sizeof options, .threads = threads, .cache_bytes = cache };
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &context, &err), &err);
    return context;
}

static mt_context *new_context(int64_t cache) { return new_context_of(2, cache); }

/* All chunks have the same bytes. */
static mt_status locate_first(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    (void)position, (void)err;
    out->key = "o";
    out->offset = 0;
    out->size = ((const grid *)map->state)->size;
    return MT_OK;
}

static const uint8_t *checksummed(void)
{
    static uint8_t bytes[68];
    for (int i = 0; i < 64; i++)
        bytes[i] = (uint8_t)(i * 3 + 1);
    const uint32_t crc = mt_crc32c(bytes, 64);
    for (int i = 0; i < 4; i++)
        bytes[64 + i] = (uint8_t)(crc >> 8 * i);
    return bytes;
}

/* Each image is found again among those of the call, however many there are: its chunk is decoded once, and kept if there
 * is a cache. */
static void many_images(void **state)
{
    (void)state;
    enum { MOST = 70, TIMES = 3 };
    static grid grids[MOST];
    static uint8_t out[TIMES * MOST][64];
    static mt_read reads[TIMES * MOST];
    static const int numbers[] = { 1, 4, 5, 6, 16, 17, 64, MOST };
    for (size_t k = 0; k < 2 * (sizeof numbers / sizeof *numbers); k++) {
        const int n = numbers[k / 2];
        mt_context *context = new_context(k % 2 ? 0 : MT_NO_CACHE);
        mt_error err = MT_ERROR_INIT;
        memset(out, 0, sizeof out);
        for (int i = 0; i < n; i++) {
            grid_open(&grids[i], context, 1, 8, "crc32c", NULL, &near, locate_first);
            grids[i].bytes = checksummed();
            grids[i].size = 68;
        }
        for (int i = 0; i < TIMES * n; i++)
            reads[i] = grid_read(&grids[i % n], 0, 0, 8, 8, out[i]);
        check_ok(mt_engine_read(context, reads, (size_t)(TIMES * n), NULL, &err), &err);
        for (int i = 0; i < TIMES * n; i++)
            assert_memory_equal(out[i], checksummed(), 64);
        assert_int_equal(context->env.chunks_decoded, n);
        check_ok(mt_engine_read(context, reads, (size_t)(TIMES * n), NULL, &err), &err);
        assert_int_equal(context->env.chunks_decoded, k % 2 ? n : 2 * n);
        assert_int_equal(context->env.cache_hits, k % 2 ? n : 0);
        for (int i = 0; i < n; i++)
            grid_close(&grids[i]);
        mt_context_free(context);
    }
}

/* One image is kept in the cache, the other is read by rows: both come, the first time and from the cache. */
static void kept_images_and_others(void **state)
{
    (void)state;
    mt_context *context = new_context(64 << 20);
    grid encoded, raw;
    uint8_t out[2][64];
    mt_error err = MT_ERROR_INIT;
    grid_open(&encoded, context, 1, 8, "crc32c", NULL, &near, locate_first);
    grid_open(&raw, context, 1, 8, NULL, NULL, &near, locate_first);
    encoded.bytes = raw.bytes = checksummed();
    encoded.size = 68;
    raw.size = 64;
    for (int again = 0; again < 2; again++)
        for (int order = 0; order < 2; order++) {
            mt_read reads[2];
            memset(out, 0, sizeof out);
            for (int i = 0; i < 2; i++)
                reads[i] = grid_read(i == order ? &encoded : &raw, 2, 0, 1, 8, out[i]);
            check_ok(mt_engine_read(context, reads, 2, NULL, &err), &err);
            for (int i = 0; i < 2; i++)
                assert_memory_equal(out[i], checksummed() + 16, 8);
        }
    assert_int_equal(context->env.chunks_decoded, 1);
    assert_int_equal(context->env.cache_hits, 3);
    grid_close(&encoded);
    grid_close(&raw);
    mt_context_free(context);
}

/* ---- Visits that end early ---- */

static _Atomic int n_visits;

static mt_status count_visit(void *user, const mt_visited *visited, mt_error *err)
{
    (void)user, (void)visited, (void)err;
    n_visits++;
    return MT_OK;
}

static mt_status locate_but_one(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    const mt_status st = locate_first(map, position, out, err);
    return position[0] + position[1] == 3 ? mt_fail(err, MT_E_IO, "no place") : st;
}

/* A visit of several plans ends with that in which a chunk fails. */
static void a_visit_ends_when_a_chunk_fails(void **state)
{
    (void)state;
    enum { ACROSS = 200 };
    static const mt_visitor visitor = { .visit = count_visit };
    for (int fails = 0; fails < 2; fails++) {
        mt_context *context = new_context(0);
        grid g;
        mt_cancel cancel;
        mt_error err = MT_ERROR_INIT;
        grid_open(&g, context, ACROSS, 8, "crc32c", NULL, &near, fails ? locate_but_one : locate_first);
        g.bytes = checksummed();
        g.size = 68;
        n_visits = 0;
        check_ok(mt_cancel_init(&cancel, NULL, &err), &err);
        const mt_box all = { .extent = { 8 * ACROSS, 8 * ACROSS } };
        const mt_status st = mt_engine_visit(&g.image, &all, 1, &visitor, &cancel, &err);
        if (fails)
            check_failed(st, MT_E_IO, &err, "grid: grid: chunk 0/3: no place");
        else
            check_ok(st, &err);
        assert_int_equal(n_visits, fails ? MT_PLAN_VISITED - 4 : ACROSS * ACROSS);
        grid_close(&g);
        mt_context_free(context);
    }
}

static _Atomic int64_t n_pixels;

static mt_status count_pixels(void *user, const mt_visited *visited, mt_error *err)
{
    (void)user, (void)err;
    n_visits++;
    n_pixels += visited->place.extent[0] * visited->place.extent[1];
    return MT_OK;
}

/* Rows of raw chunks are read alone if they cost less than a quarter of the chunks. */
static void visits_of_rows(void **state)
{
    (void)state;
    enum { CHUNK = 64 * 64 };
    static const uint8_t zeros[CHUNK + 4];
    static const struct {
        size_t request; /* cost */
        bool is_memory;
        const char *codec;
        size_t n;
        mt_box boxes[2];
        int64_t pixels, chunks; /* chunks: that are read as a whole */
    } cases[] = {
        { 99, false, NULL, 1, { { { 3, 5 }, { 8, 28 } } }, 8 * 28, 0 },
        { 100, false, NULL, 1, { { { 3, 5 }, { 8, 28 } } }, 8 * 28, 1 },
        { 99, true, NULL, 1, { { { 3, 5 }, { 8, 28 } } }, 8 * 28, 1 },
        { 99, false, "crc32c", 1, { { { 3, 5 }, { 8, 28 } } }, 8 * 28, 1 },
        { 100, false, NULL, 2, { { { 3, 5 }, { 8, 28 } }, { { 70, 70 }, { 1, 1 } } }, 8 * 28 + 1, 0 },
        { 100, false, NULL, 2, { { { 3, 5 }, { 8, 28 } }, { { 70, 70 }, { 8, 28 } } }, 16 * 28, 2 },
        { 99, false, NULL, 2, { { { 3, 5 }, { 8, 28 } }, { { 70, 70 }, { 8, 28 } } }, 16 * 28, 0 },
        { 0, false, NULL, 1, { { { 60, 60 }, { 8, 8 } } }, 64, 0 },
        { 4096, false, NULL, 1, { { { 60, 60 }, { 8, 8 } } }, 64, 4 },
        { 4096, false, NULL, 2, { { { 60, 60 }, { 8, 8 } }, { { 0, 0 }, { 8, 0 } } }, 0, 0 }, /* one is empty */
    };
    static const mt_visitor visitor = { .visit = count_pixels };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_store_costs costs = {
            .in_flight = 1, .io_threads = 1, .request = cases[i].request, .is_memory = cases[i].is_memory
        };
        mt_context *context = new_context(0);
        grid g;
        mt_cancel cancel;
        mt_error err = MT_ERROR_INIT;
        grid_open(&g, context, 2, 64, cases[i].codec, NULL, &costs, locate_first);
        uint8_t encoded[CHUNK + 4] = { 0 };
        const uint32_t crc = mt_crc32c(zeros, CHUNK);
        for (int k = 0; k < 4; k++)
            encoded[CHUNK + k] = (uint8_t)(crc >> 8 * k);
        g.bytes = encoded;
        g.size = cases[i].codec ? CHUNK + 4 : CHUNK;
        n_pixels = 0;
        n_visits = 0;
        check_ok(mt_cancel_init(&cancel, NULL, &err), &err);
        check_ok(mt_engine_visit(&g.image, cases[i].boxes, cases[i].n, &visitor, &cancel, &err), &err);
        assert_int_equal(n_pixels, cases[i].pixels);
        assert_int_equal(context->env.chunks_decoded, cases[i].chunks);
        grid_close(&g);
        mt_context_free(context);
    }
}

static mt_status fail_at(void *user, const mt_visited *visited, mt_error *err)
{
    (void)visited;
    return ++n_visits == *(int *)user ? mt_fail(err, MT_E_IO, "visit %d fails", n_visits) : MT_OK;
}

/* A visitor that fails is not called again. */
static void a_visit_ends_when_the_visitor_fails(void **state)
{
    (void)state;
    for (int at = 1; at <= 100; at += 33) {
        const mt_visitor visitor = { .visit = fail_at, .user = &at };
        mt_context *context = new_context_of(1, 0);
        grid g;
        mt_cancel cancel;
        mt_error err = MT_ERROR_INIT;
        grid_open(&g, context, 10, 8, "crc32c", NULL, &near, locate_first);
        g.bytes = checksummed();
        g.size = 68;
        n_visits = 0;
        check_ok(mt_cancel_init(&cancel, NULL, &err), &err);
        const mt_box all = { .extent = { 80, 80 } };
        check_failed(mt_engine_visit(&g.image, &all, 1, &visitor, &cancel, &err), MT_E_IO, &err, " fails");
        assert_int_equal(n_visits, at);
        grid_close(&g);
        mt_context_free(context);
    }
}

/* Pixels in memory are copied without a plan, by one thread if the caller wants that. */
static void arrays_are_copied(void **state)
{
    (void)state;
    enum { MOST = 100 };
    static uint8_t out[MOST][64];
    mt_read reads[MOST];
    for (size_t n = 1; n <= MOST; n += n < 30 || n > 66 ? 11 : 1)
        for (int alone = 0; alone < 2; alone++) {
            const mt_extract_options options = { .struct_size = sizeof options, .copy_alone = alone };
            mt_context *context = new_context(0);
            grid g;
            mt_cancel cancel;
            mt_error err = MT_ERROR_INIT;
            grid_open(&g, context, 1, 8, NULL, NULL, &near, locate_first);
            mt_image_init(&g.image, context, g.map, &g.store, "grid", checksummed(), (const int64_t[]) { 8, 1 });
            memset(out, 0, sizeof out);
            for (size_t i = 0; i < n; i++)
                reads[i] = grid_read(&g, 0, 0, 8, 8, out[i]);
            check_ok(mt_cancel_init(&cancel, &options, &err), &err);
            check_ok(mt_engine_read(context, reads, n, &cancel, &err), &err);
            for (size_t i = 0; i < n; i++)
                assert_memory_equal(out[i], checksummed(), 64);
            grid_close(&g);
            mt_context_free(context);
        }
}

/* ---- Images of boxes ---- */

enum { FEW = 4 }; /* pixels */

/* A box for each pixel; of more pixels, and of an image of one pixel, more boxes than are planned at once. */
static mt_status find_boxes(const mt_chunk_map *map, const int64_t *low, const int64_t *high, mt_visit_box visit,
                            void *user, mt_error *err)
{
    mt_status st = MT_OK;
    const bool is_small = (high[0] - low[0]) * (high[1] - low[1]) <= FEW && map->shape[0] * map->shape[1] > 1;
    for (size_t i = 0; !st && !is_small && i < MT_PLAN_BOXES; i++)
        st = visit(user, 0, err);
    for (int64_t y = low[0]; !st && y < high[0] && y < 8; y++) /* only eight rows have boxes */
        for (int64_t x = low[1]; !st && x < high[1]; x++)
            st = visit(user, (uint64_t)(y * map->shape[1] + x), err);
    return st;
}

static mt_status get_box(const mt_chunk_map *map, uint64_t id, mt_shown *out, mt_error *err)
{
    (void)err;
    *out = (mt_shown) { .place = { { (int64_t)id / map->shape[1], (int64_t)id % map->shape[1] }, { 1, 1 } },
                        .chunk = 0,
                        .low = { (int64_t)(id % 8), (int64_t)(id / 8) },
                        .whole = { 8, 8 } };
    return MT_OK;
}

static void make_boxes(grid *g, mt_context *context, const char *codec, int64_t height, int64_t width)
{
    grid_open(g, context, 1, 8, codec, NULL, &near, locate_first);
    g->bytes = checksummed();
    g->size = codec ? 68 : 64;
    g->map->shape[0] = height;
    g->map->shape[1] = width;
    g->map->find_boxes = find_boxes;
    g->map->get_box = get_box;
    mt_image_init(&g->image, context, g->map, &g->store, "grid", NULL, NULL);
}

/* Wherever the image lies in the box that is read, it is halved along its longest side until each part has few boxes. */
static void boxes_that_are_halved(void **state)
{
    (void)state;
    static const struct {
        int64_t shape[2], start[2], extent[2];
    } cases[] = {
        { { 1, 1 }, { 0, 0 }, { 1, 1 } },    { { 1, 1 }, { -2, -3 }, { 5, 6 } },   { { 8, 8 }, { 0, 0 }, { 8, 8 } },
        { { 8, 1 }, { 0, -20 }, { 8, 21 } }, { { 1, 8 }, { -50, 0 }, { 51, 8 } },  { { 8, 1 }, { -20, 0 }, { 28, 1 } },
        { { 1, 8 }, { 0, -20 }, { 1, 28 } }, { { 8, 8 }, { -3, -9 }, { 20, 20 } }, { { 3, 2 }, { 0, 0 }, { 3, 2 } },
        { { 8, 8 }, { 2, 3 }, { 5, 5 } },    { { 7, 5 }, { -1, -1 }, { 9, 7 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static uint8_t out[60 * 60];
        mt_context *context = new_context(0);
        grid g;
        mt_error err = MT_ERROR_INIT;
        make_boxes(&g, context, "crc32c", cases[i].shape[0], cases[i].shape[1]);
        mt_read read = grid_read(&g, cases[i].start[0], cases[i].start[1], cases[i].extent[0], cases[i].extent[1], out);
        check_ok(mt_engine_read(context, &read, 1, NULL, &err), &err);
        for (int64_t k = 0; k < cases[i].extent[0] * cases[i].extent[1]; k++) {
            const int64_t y = cases[i].start[0] + k / cases[i].extent[1],
                          x = cases[i].start[1] + k % cases[i].extent[1];
            const bool inside = y >= 0 && y < cases[i].shape[0] && x >= 0 && x < cases[i].shape[1];
            const int64_t id = y * cases[i].shape[1] + x;
            assert_int_equal(out[k], inside ? checksummed()[id % 8 * 8 + id / 8] : 0);
        }
        grid_close(&g);
        mt_context_free(context);
    }
}

static mt_status hold(void *user, const mt_image *image, uint64_t chunk, mt_error *err)
{
    (void)user, (void)image, (void)err;
    assert_int_equal(chunk, 0);
    n_visits++;
    return MT_OK;
}

/* Pixels that no box shows have no chunk that could be held. */
static void chunks_that_are_held(void **state)
{
    (void)state;
    static const struct {
        int64_t cache, start, extent;
        int held;
    } cases[] = { { 0, 0, 2, 1 }, { 0, -5, 20, 1 }, { 0, 8, 5, 0 }, { MT_NO_CACHE, 0, 2, 0 } };
    static const mt_visitor visitor = { .hold = hold };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_context *context = new_context(cases[i].cache);
        grid g;
        mt_cancel cancel;
        mt_error err = MT_ERROR_INIT;
        make_boxes(&g, context, "crc32c", 20, 2);
        mt_read read = grid_read(&g, cases[i].start, 0, cases[i].extent, 2, NULL);
        read.visitor = &visitor;
        n_visits = 0;
        check_ok(mt_cancel_init(&cancel, NULL, &err), &err);
        check_ok(mt_engine_read(context, &read, 1, &cancel, &err), &err);
        assert_int_equal(n_visits, cases[i].held);
        grid_close(&g);
        mt_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_images),
        cmocka_unit_test(kept_images_and_others),
        cmocka_unit_test(a_visit_ends_when_a_chunk_fails),
        cmocka_unit_test(visits_of_rows),
        cmocka_unit_test(a_visit_ends_when_the_visitor_fails),
        cmocka_unit_test(arrays_are_copied),
        cmocka_unit_test(boxes_that_are_halved),
        cmocka_unit_test(chunks_that_are_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
