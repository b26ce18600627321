/* SPDX-License-Identifier: BSD-3-Clause */
/* The decode stage: chunks are decoded as they arrive, large ones within the budget, in parts if few pixels are wanted;
 * what has the wrong size is not decoded. */
#include "codec/params.h"
#include "engine/visit.h"
#include "support/grid.h"
#include "support/net_store.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const mt_store_costs near = { .in_flight = 4, .io_threads = 4 };

static const mt_store_costs in_memory = { .in_flight = 1, .io_threads = 1, .is_memory = true };

static const mt_store_costs far = {
    .in_flight = NET_CHUNKS, .io_threads = NET_CHUNKS, .gap = 16, .most_joined = 4096, .is_slow = true
};

static mt_context *new_context(unsigned threads, int64_t cache)
{
    const mt_context_options options = { .struct_size = sizeof options, .threads = threads, .cache_bytes = cache };
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &context, &err), &err);
    return context;
}

/* Waits until a counter has at least this value, at most 20 seconds. */
static bool reaches(const _Atomic uint64_t *counter, uint64_t least)
{
    const time_t end = time(NULL) + 20;
    while (*counter < least && time(NULL) < end)
        sched_yield();
    return *counter >= least;
}

/* ---- On arrival ---- */

static net lone;
static mt_status (*read_at_once)(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err);
static _Atomic int n_late; /* reads that came before all other chunks were decoded */

/* The chunk in the middle arrives after all others are decoded. */
static mt_status read_last(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    const uint64_t slow = lone.store.offsets[NET_CHUNKS / 2];
    if (ranges[0].offset <= slow && slow < ranges[0].offset + ranges[0].size)
        n_late += !reaches(&lone.context->env.chunks_decoded, NET_CHUNKS - 1);
    return read_at_once(store, key, ranges, n, err);
}

/* No thread that can decode waits for a read: not even if there is one thread. */
static void what_arrives_is_decoded(void **state)
{
    (void)state;
    static uint16_t out[NET_IMAGE * NET_IMAGE];
    for (int i = 0; i < 6; i++) {
        const mt_context_options options = { .struct_size = sizeof options,
                                             .threads = 1 + (unsigned)i % 3,
                                             .cache_bytes = i < 3 ? MT_NO_CACHE : 1 << 20 };
        mt_error err = MT_ERROR_INIT;
        net_open(&lone, &options, &far, 0, 64);
        mt_store_ops ops = *lone.store.base.ops;
        read_at_once = ops.read;
        ops.read = read_last;
        lone.store.base.ops = &ops;
        n_late = 0;
        const mt_read read = net_read(&lone, 0, 0, NET_IMAGE, out);
        check_ok(mt_engine_read(lone.context, &read, 1, NULL, &err), &err);
        assert_int_equal(n_late, 0);
        assert_true(net_is_right(&lone, 0, 0, NET_IMAGE, out));
        net_close(&lone);
    }
}

/* ---- Large chunks ---- */

enum { MIB = 1 << 20, ACROSS = 3, CHUNKS = ACROSS * ACROSS };

/* All chunks have the same bytes. */
static mt_status locate_first(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    (void)position, (void)err;
    out->key = "o";
    out->offset = 0;
    out->size = ((const grid *)map->state)->size;
    return MT_OK;
}

typedef struct crowd {
    unsigned wanted; /* visitors that wait for each other */
    _Atomic uint64_t now, most, calls;
} crowd;

static mt_status meet(void *user, const mt_visited *visited, mt_error *err)
{
    crowd *c = user;
    (void)visited, (void)err;
    const uint64_t n = ++c->now;
    for (uint64_t seen = c->most; n > seen && !atomic_compare_exchange_weak(&c->most, &seen, n);)
        continue;
    c->calls++;
    if (c->wanted > 1)
        (void)reaches(&c->most, c->wanted);
    else
        nanosleep(&(struct timespec) { .tv_nsec = 2000000 }, NULL);
    c->now--;
    return MT_OK;
}

/* As many threads decode as the budget allows, and at least one. Encoded bytes that are read ahead of the decoding are
 * counted where they are read. */
static void large_chunks_stay_within_the_budget(void **state)
{
    (void)state;
    static const struct {
        int64_t budget; /* MiB */
        const mt_store_costs *costs;
        uint64_t most; /* chunks at once, of 2 MiB decoded and as many encoded */
    } cases[] = { { 1, &far, 1 },  { 3, &far, 1 },  { 5, &far, 2 },       { 64, &far, 3 },      { 1, &near, 1 },
                  { 7, &near, 1 }, { 9, &near, 2 }, { 7, &in_memory, 1 }, { 9, &in_memory, 2 }, { 64, &in_memory, 3 } };
    static const mt_element_params bytes_of_one = { 1 };
    uint8_t *chunk = calloc(2, MIB);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        crowd c = { .wanted = (unsigned)cases[i].most };
        const mt_visitor visitor = { .visit = meet, .user = &c };
        mt_context *context = new_context(3, cases[i].budget * MIB);
        mt_cancel cancel;
        grid g;
        mt_error err = MT_ERROR_INIT;
        grid_open(&g, context, ACROSS, 1448, "shuffle", &bytes_of_one, cases[i].costs, locate_first);
        g.bytes = chunk;
        g.size = (size_t)1448 * 1448;
        const mt_box all = { .extent = { ACROSS * 1448, ACROSS * 1448 } };
        check_ok(mt_cancel_init(&cancel, NULL, &err), &err);
        check_ok(mt_engine_visit(&g.image, &all, 1, &visitor, &cancel, &err), &err);
        assert_int_equal(c.calls, CHUNKS);
        assert_int_equal(c.most, cases[i].most);
        assert_int_equal(context->large_bytes, 0);
        grid_close(&g);
        mt_context_free(context);
    }
    free(chunk);
}

/* ---- Parts ---- */

enum { SIDE = 512 };

static uint8_t pattern(int64_t i) { return (uint8_t)(i % 251 + i / 509); }

static uint8_t *encode(const mt_blosc_params *params, size_t *size)
{
    const mt_codec *blosc = mt_codec_find("blosc");
    const size_t n = (size_t)SIDE * SIDE, room = blosc->encoded_bound(params, n);
    uint8_t *pixels = malloc(n), *encoded = malloc(room);
    mt_context *context = new_context(1, 0);
    mt_scratch *scratch;
    mt_error err = MT_ERROR_INIT;
    for (size_t i = 0; i < n; i++)
        pixels[i] = pattern((int64_t)i);
    check_ok(mt_context_take_scratch(context, &scratch, &err), &err);
    check_ok(blosc->encode(params, pixels, n, encoded, room, size, scratch, &err), &err);
    mt_context_give_scratch(context, scratch);
    mt_context_free(context);
    free(pixels);
    return encoded;
}

/* Of a chunk that exceeds the cache, only the blocks with the wanted rows are decoded, unless these are most of it. */
static void few_rows_of_a_chunk(void **state)
{
    (void)state;
    static const struct {
        int64_t budget, first, rows, bytes; /* bytes: decoded */
        bool kept;
        int64_t width; /* of what is read; 0: 20 */
    } cases[] = {
        { MT_NO_CACHE, 0, 256, 256 * SIDE, false, SIDE }, /* half of it */
        { MT_NO_CACHE, 1, 256, 256 * SIDE, false, SIDE },     { MT_NO_CACHE, 0, 257, SIDE * SIDE, false, 1 },
        { MT_NO_CACHE, 511, 1, SIDE, false, SIDE },           { MT_NO_CACHE, 100, 10, 9 * SIDE + 20, false },
        { MT_NO_CACHE, 0, 256, 255 * SIDE + 20, false },      { MT_NO_CACHE, 0, 258, SIDE * SIDE, false },
        { MT_NO_CACHE, 0, SIDE, SIDE * SIDE, false },         { 64 * MIB, 100, 10, SIDE * SIDE, true },
        { 4 * SIDE * SIDE, 100, 10, SIDE * SIDE, true }, /* at most a quarter of the cache is kept */
        { 4 * SIDE * SIDE - 4, 100, 10, SIDE * SIDE, false },
    };
    static const mt_blosc_params params = { .level = 5, .shuffle = MT_BLOSC_NOSHUFFLE, .block = 4096 };
    size_t size;
    uint8_t *encoded = encode(&params, &size);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static uint8_t out[SIDE * SIDE];
        const int64_t width = cases[i].width ? cases[i].width : 20, x = width == SIDE ? 0 : 30;
        mt_context *context = new_context(1, cases[i].budget);
        grid g;
        mt_error err = MT_ERROR_INIT;
        grid_open(&g, context, 1, SIDE, "blosc", &params, &near, locate_first);
        g.bytes = encoded;
        g.size = size;
        const mt_read read = grid_read(&g, cases[i].first, x, cases[i].rows, width, out);
        check_ok(mt_engine_read(context, &read, 1, NULL, &err), &err);
        for (int64_t p = 0; p < cases[i].rows * width; p++)
            assert_int_equal(out[p], pattern((cases[i].first + p / width) * SIDE + x + p % width));
        assert_int_equal(context->env.chunks_decoded, 1);
        assert_int_equal(context->env.bytes_decoded, cases[i].bytes);
        check_ok(mt_engine_read(context, &read, 1, NULL, &err), &err);
        assert_int_equal(context->env.chunks_decoded, cases[i].kept ? 1 : 2);
        grid_close(&g);
        mt_context_free(context);
    }
    free(encoded);
}

/* ---- Sizes ---- */

static mt_status locate_whole(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    const mt_status st = locate_first(map, position, out, err);
    out->size = MT_WHOLE;
    return st;
}

/* The chunk begins at byte 10 of the object. */
static mt_status locate_later(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    const mt_status st = locate_whole(map, position, out, err);
    out->offset = 10;
    return st;
}

/* The size of a chunk is checked before it is read. */
static void chunks_of_a_wrong_size(void **state)
{
    (void)state;
    enum { N = 64 * 64, MOST = 3 * N + (64 << 10) };
    static const uint8_t zeros[64 * N];
    static const struct {
        const char *codec;
        grid_locate locate;
        size_t size;
        const char *message; /* NULL: it is right */
        bool only_near;      /* over a network, rows are read without asking for the size */
    } cases[] = {
        { NULL, locate_whole, N, NULL },
        { NULL, locate_whole, N - 1, "has 4095 bytes for a raw chunk of 4096", true },
        { NULL, locate_whole, N - 1, "chunk 0/0: o: " },
        { NULL, locate_whole, N + 1, "has 4097 bytes for a raw chunk of 4096", true },
        { NULL, locate_first, N + 1, NULL },
        { NULL, locate_first, N - 1, "chunk 0/0: o: " }, /* by rows: too short */
        { "zstd", locate_first, 64 * N, "262144 encoded bytes for a chunk of 4096" },
        { "zstd", locate_first, MOST + 1, "77825 encoded bytes for a chunk of 4096" },
        { "zstd", locate_first, MOST, "zstd: " },
        { "zstd", locate_whole, MOST + 1, "77825 encoded bytes for a chunk of 4096" },
        { "zstd", locate_whole, MOST, "zstd: " },
        { "zstd", locate_whole, 64 * N, "262144 encoded bytes for a chunk of 4096" },
        { "zstd", locate_later, 64 * N, "262134 encoded bytes for a chunk of 4096" },
        { "zstd", locate_later, 9, "ends after 9 bytes, before byte 10" },
        { "zstd", locate_later, 10, "zstd: " },
        { "zstd", locate_later, N, "zstd: " },
        { NULL, locate_later, 9, "ends after 9 bytes, before byte 10", true },
        { NULL, locate_later, 10, "has 0 bytes for a raw chunk of 4096", true },
        { NULL, locate_later, N + 9, "has 4095 bytes for a raw chunk of 4096", true },
        { NULL, locate_later, N + 10, NULL },
        { NULL, locate_later, N + 11, "has 4097 bytes for a raw chunk of 4096", true },
    };
    for (size_t i = 0; i < 4 * (sizeof cases / sizeof *cases); i++) {
        const int64_t budget = i % 4 / 2 ? MT_NO_CACHE : 64 * MIB;
        const size_t k = i / 4;
        if (cases[k].only_near && i % 2)
            continue;
        uint8_t out[N];
        mt_context *context = new_context(2, budget);
        grid g;
        mt_error err = MT_ERROR_INIT;
        memset(out, 1, sizeof out);
        grid_open(&g, context, 1, 64, cases[k].codec, NULL, i % 2 ? &far : &near, cases[k].locate);
        g.bytes = zeros;
        g.size = cases[k].size;
        const mt_read read = grid_read(&g, 0, 0, 64, 64, out);
        const mt_status st = mt_engine_read(context, &read, 1, NULL, &err);
        if (cases[k].message)
            check_failed(st, MT_E_CORRUPT, &err, cases[k].message);
        else
            check_ok(st, &err);
        assert_memory_equal(out, zeros, N);
        if (cases[k].codec && cases[k].size > MOST)
            assert_int_equal(g.reads, 0);
        grid_close(&g);
        mt_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_arrives_is_decoded),
        cmocka_unit_test(large_chunks_stay_within_the_budget),
        cmocka_unit_test(few_rows_of_a_chunk),
        cmocka_unit_test(chunks_of_a_wrong_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
