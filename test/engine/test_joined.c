/* SPDX-License-Identifier: BSD-3-Clause */
/* Which chunks are read with one read: by the number of reads, for gaps and lengths at their limits. */
#include "codec/codec.h"
#include "support/grid.h"

#include <stdbool.h>
#include <string.h>

enum { SIDE = 8, BYTES = SIDE * SIDE, SIZE = BYTES + 4, MOST = 36 };

typedef struct place {
    const char *key;
    uint64_t offset;
} place;

static place places[MOST];

static mt_status locate(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    const int64_t across = map->shape[0] / SIDE, i = position[0] * across + position[1];
    (void)err;
    out->key = places[i].key;
    out->size = SIZE;
    out->offset = places[i].offset;
    return MT_OK;
}

/* The object has a chunk at each of these places. */
static void write_chunk(uint8_t *object, uint64_t at)
{
    uint8_t *chunk = object + at;
    for (int i = 0; i < BYTES; i++)
        chunk[i] = (uint8_t)(i * 3 + 1);
    const uint32_t crc = mt_crc32c(chunk, BYTES);
    for (int i = 0; i < 4; i++)
        chunk[BYTES + i] = (uint8_t)(crc >> 8 * i);
}

/* Reads all chunks of a grid; returns the number of reads. */
static size_t count_reads(unsigned threads, int64_t across, const mt_store_costs *costs)
{
    static uint8_t object[1 << 16], out[MOST * BYTES];
    const mt_context_options options = { .struct_size = sizeof options,
                                         .threads = threads,
                                         .cache_bytes = MT_NO_CACHE };
    mt_context *context;
    grid g;
    mt_error err = MT_ERROR_INIT;
    for (int64_t i = 0; i < across * across; i++)
        write_chunk(object, places[i].offset);
    check_ok(mt_context_new(&options, &context, &err), &err);
    grid_open(&g, context, across, SIDE, "crc32c", NULL, costs, locate);
    g.bytes = object;
    g.size = 0; /* the object ends with its last chunk */
    for (int64_t i = 0; i < across * across; i++)
        g.size = places[i].offset + SIZE > g.size ? places[i].offset + SIZE : g.size;
    memset(out, 0, sizeof out);
    const int64_t edge = across * SIDE;
    const mt_read read = grid_read(&g, 0, 0, edge, edge, out);
    check_ok(mt_engine_read(context, &read, 1, NULL, &err), &err);
    for (int64_t i = 0; i < edge * edge; i++)
        assert_int_equal(out[i], (i / edge % SIDE * SIDE + i % SIDE) * 3 % 256 + 1);
    const size_t reads = g.reads;
    grid_close(&g);
    mt_context_free(context);
    return reads;
}

/* Four chunks of 68 bytes. */
static void neighbours_in_an_object(void **state)
{
    (void)state;
    static const struct {
        const char *keys; /* of the objects */
        uint64_t offsets[4];
        size_t gap, most; /* costs.gap, costs.most_joined */
        size_t reads;
    } cases[] = {
        { "aaaa", { 0, 68, 136, 204 }, 16, 4096, 1 },       { "aaaa", { 204, 136, 68, 0 }, 16, 4096, 1 },
        { "aaaa", { 0, 68, 136, 204 }, 0, 4096, 1 },        { "aaaa", { 0, 69, 138, 207 }, 0, 4096, 4 },
        { "aaaa", { 0, 84, 168, 252 }, 16, 4096, 1 },       { "aaaa", { 0, 85, 170, 255 }, 16, 4096, 4 },
        { "aaaa", { 0, 84, 169, 253 }, 16, 4096, 2 },       { "aaaa", { 0, 68, 136, 204 }, 16, 272, 1 },
        { "aaaa", { 0, 68, 136, 204 }, 16, 271, 2 },        { "aaaa", { 0, 68, 136, 204 }, 16, 136, 2 },
        { "aaaa", { 0, 68, 136, 204 }, 16, 135, 4 },        { "aaaa", { 0, 68, 136, 204 }, 16, 67, 4 },
        { "aaaa", { 1000, 1068, 1136, 1204 }, 16, 272, 1 }, { "aaaa", { 0, 0, 0, 0 }, 16, 4096, 4 }, /* they overlap */
        { "aaaa", { 0, 68, 68, 136 }, 16, 4096, 2 },        { "abab", { 0, 136, 68, 204 }, 16, 4096, 2 },
        { "abcd", { 0, 68, 136, 204 }, 16, 4096, 4 },       { "aabb", { 0, 68, 136, 204 }, 16, 4096, 2 },
        { "aaaa", { 0, 136, 204, 272 }, 68, 4096, 1 },
    };
    for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
        const size_t k = i / 2;
        const mt_store_costs costs = {
            .in_flight = 4, .io_threads = 4, .gap = cases[k].gap, .most_joined = cases[k].most, .is_slow = i % 2
        };
        static const char *const names[] = { "a", "b", "c", "d" };
        for (int c = 0; c < 4; c++)
            places[c] = (place) { names[cases[k].keys[c] - 'a'], cases[k].offsets[c] };
        assert_int_equal(count_reads(2, 2, &costs), cases[k].reads);
    }
}

/* On a disk, up to 16 chunks are read together; over a network more. */
static void many_neighbours(void **state)
{
    (void)state;
    static const struct {
        int64_t across;
        size_t near, far;
    } cases[] = { { 1, 1, 1 }, { 3, 1, 1 }, { 4, 1, 1 }, { 5, 2, 1 }, { 6, 3, 1 } };
    for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
        const size_t k = i / 2;
        const mt_store_costs costs = {
            .in_flight = 4, .io_threads = 4, .gap = 16, .most_joined = 1 << 20, .is_slow = i % 2
        };
        for (int64_t c = 0; c < cases[k].across * cases[k].across; c++)
            places[c] = (place) { "a", (uint64_t)c * SIZE };
        for (unsigned threads = 1; threads <= 9; threads += 4) /* who share the decoding */
            assert_int_equal(count_reads(threads, cases[k].across, &costs), i % 2 ? cases[k].far : cases[k].near);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(neighbours_in_an_object), cmocka_unit_test(many_neighbours) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
