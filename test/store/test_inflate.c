/* SPDX-License-Identifier: BSD-3-Clause */
/* Deflate streams: restart points, cursors and pieces, seen by the bytes that a read fetches; sizes, headers and checks
 * at their bounds. */
#include "cache/cache.h"
#include "store/inflate.h"
#include "store/zip.h"
#include "support/support.h"
#include "support/zip_writer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 32768, HEAD = 5, BLOCKS = 384, SIZE = BLOCKS * BLOCK }; /* blocks without compression: 12 MiB */
enum { FILL = 65536 };                                                 /* bytes of one read */

static uint8_t *plain, *packed; /* SIZE bytes, and their blocks */
static const size_t n_packed = (size_t)BLOCKS * (BLOCK + HEAD);
static mt_env env;
static failing_allocator failing; /* the allocator of env */
static mt_cache *cache;

static int set_up(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    uint64_t seed = 3;
    mt_allocator checked = failing_allocator_make(&failing, SIZE_MAX, 1);
    mt_env_init(&env, &checked, NULL);
    check_ok(mt_cache_new(&env, 16 << 20, &cache, &err), &err);
    plain = malloc(SIZE);
    packed = malloc(n_packed);
    for (size_t i = 0; i < SIZE; i += 8) {
        uint64_t eight = next_random(&seed);
        memcpy(plain + i, &eight, 8);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        uint8_t *at = packed + i * (BLOCK + HEAD);
        const uint8_t head[HEAD] = { i == BLOCKS - 1, 0, BLOCK >> 8, 0xff, 0xff ^ BLOCK >> 8 };
        memcpy(at, head, HEAD);
        memcpy(at + HEAD, plain + i * BLOCK, BLOCK);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mt_cache_free(cache);
    free(plain);
    free(packed);
    assert_int_equal(env.memory_bytes, 0);
    return 0;
}

/* A stream in memory. */
typedef struct stream {
    mt_store *store;
    mt_inflated *inflated;
} stream;

static stream open_stream(const void *bytes, size_t n, bool gzip, uint64_t size, uint32_t crc)
{
    stream s;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_store_open_memory(&env, "a", bytes, n, &s.store, &err), &err);
    mt_deflated source = { .store = s.store, .key = "a", .size = n, .gzip = gzip, .decoded_size = size, .crc = crc };
    check_ok(mt_inflated_new(&env, &source, &s.inflated, &err), &err);
    return s;
}

static void close_stream(stream *s)
{
    mt_inflated_free(s->inflated);
    mt_store_close(s->store);
    assert_int_equal(env.restart_bytes, 0);
    assert_int_equal(env.work_bytes, 0);
}

static stream open_blocks(void) { return open_stream(packed, n_packed, false, SIZE, mt_crc32(0, plain, SIZE)); }

/* Reads, and returns the bytes fetched for it. */
static uint64_t cost(const stream *s, uint64_t offset, size_t size)
{
    uint8_t out[64];
    mt_error err = MT_ERROR_INIT;
    uint64_t before = env.bytes_fetched;
    check_ok(mt_inflated_read(s->inflated, offset, out, size, &err), &err);
    assert_memory_equal(out, plain + offset, size);
    return env.bytes_fetched - before;
}

/* With memory for them there is a point each MiB. What starts at a point or in the next block is in one read from
 * there; the last point at or before a byte is used. */
static void points(void **state)
{
    (void)state;
    stream s = open_blocks();
    uint64_t before = env.restart_most;
    assert_in_range(cost(&s, SIZE - 1, 1), n_packed, n_packed);
    size_t n = (size_t)env.restart_bytes / BLOCK, cheap = 0;
    assert_in_range(n, 10, 12);
    env.restart_most = 0; /* no more points, and no cursor */
    for (uint64_t i = 0; i < BLOCKS / 3; i++) {
        uint64_t bytes = cost(&s, i * BLOCK, 1);
        assert_in_range(bytes, 1, 34 * (BLOCK + HEAD) + FILL);
        cheap += bytes <= FILL;
    }
    assert_int_equal(cheap, 2 * (3 + 1)); /* three points, and the start */
    assert_int_equal(env.restart_bytes / BLOCK, n);
    env.restart_most = before;
    close_stream(&s);
}

/* Without memory each stream keeps up to four points, at growing distances. */
static void few_points(void **state)
{
    (void)state;
    stream s = open_blocks();
    uint64_t before = env.restart_most;
    env.restart_most = 0;
    assert_int_equal(cost(&s, SIZE - 1, 1), n_packed);
    assert_in_range(env.restart_bytes, 2 * BLOCK, 2 * BLOCK + 1000); /* of 4 and 8 MiB */
    for (uint64_t i = 0; i < BLOCKS; i += 9)
        assert_in_range(cost(&s, i * BLOCK, 1), 1, 4 * 33 * (BLOCK + HEAD) + FILL);
    assert_in_range(env.restart_bytes, 2 * BLOCK, 2 * BLOCK + 1000);
    env.restart_most = before;
    close_stream(&s);
}

/* The limit may be reached, not exceeded. */
static void limit_of_points(void **state)
{
    (void)state;
    uint64_t before = env.restart_most, all = 0;
    for (uint64_t less = 0; less < 3; less++) {
        stream s = open_blocks();
        if (less)
            env.restart_most = all + 1 - less;
        cost(&s, SIZE / 2, 1);
        if (!less)
            all = env.restart_bytes;
        if (less < 2)
            assert_int_equal(env.restart_bytes, all);
        else
            assert_true(env.restart_bytes < all);
        close_stream(&s);
    }
    env.restart_most = before;
}

/* A store that reads other places of the stream while it is read, as other threads do. */
typedef struct busy_store {
    mt_store base;
    mt_store *inner;
    const stream *stream;
    const uint64_t *also; /* ends with 0 */
} busy_store;

static mt_status read_busy(mt_store *store, const char *key, const mt_range *ranges, size_t n, mt_error *err)
{
    busy_store *b = (busy_store *)(void *)store;
    uint64_t offset = *b->also;
    if (offset) {
        b->also++;
        cost(b->stream, offset, 10);
    }
    return mt_store_read(b->inner, key, ranges, n, err);
}

static void close_busy(mt_store *store) { mt_store_close(((busy_store *)(void *)store)->inner); }

/* After reads in several places at once two cursors stay, those farthest on; a read takes the nearest one before it. */
static void cursors(void **state)
{
    (void)state;
    enum { A = 50 * BLOCK, B = 120 * BLOCK, C = 210 * BLOCK };
    static const mt_store_ops ops = { .read = read_busy, .close = close_busy };
    static const struct {
        uint64_t places[4], next; /* read at once, the last one ends first; then next is read */
        uint64_t kept, gone;      /* what is read on for nothing, and what is not */
    } cases[] = {
        { { A, C, 0 }, 0, A, B },      { { C, A, 0 }, 0, C, B },      { { A, C, 0 }, 0, C, B },
        { { A, C, 0 }, C + 20, A, C }, { { C, A, 0 }, C + 20, A, C }, { { A, C, 0 }, B, C, A },
        { { C, A, 0 }, B, C, A },      { { A, C, B, 0 }, 0, C, B },   { { A, B, C, 0 }, 0, C, B },
        { { A, C, B, 0 }, 0, A, B },
    };
    static const uint64_t none[] = { 0 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stream s = open_blocks();
        mt_inflated_free(s.inflated);
        busy_store busy = { { .ops = &ops, .env = &env, .url = s.store->url, .is_front = true }, s.store, &s, none };
        mt_error err = MT_ERROR_INIT;
        mt_deflated source = { &busy.base, "a", 0, n_packed, false, SIZE, mt_crc32(0, plain, SIZE) };
        s.store = &busy.base;
        check_ok(mt_inflated_new(&env, &source, &s.inflated, &err), &err);
        cost(&s, SIZE - 1, 1); /* makes points */
        busy.also = cases[i].places + 1;
        cost(&s, cases[i].places[0], 10);
        if (cases[i].next)
            cost(&s, cases[i].next, 10);
        assert_int_equal(cost(&s, cases[i].kept + 10, 10), 0);
        assert_true(cost(&s, cases[i].gone + 10, 10) > 0);
        close_stream(&s);
    }
}

/* What ends at a point is read on without moving. */
static void reading_on(void **state)
{
    (void)state;
    stream s = open_blocks();
    cost(&s, 0, 10);
    for (uint64_t i = 1; i < 80; i++) {
        cost(&s, i * BLOCK - 10, 10);
        uint64_t position = i * (BLOCK + HEAD) - HEAD, loaded = (position + FILL - 1) / FILL * FILL;
        /* only what lies behind the bytes that are there */
        assert_int_equal(cost(&s, i * BLOCK, 10), position + HEAD + 10 > loaded ? FILL : 0);
    }
    close_stream(&s);
}

static void pieces(void **state)
{
    (void)state;
    uint8_t *out = malloc(MT_INFLATE_PIECE + 1);
    env.index_cache = cache;
    stream s = open_blocks();
    assert_false(mt_inflated_try(s.inflated, 0, out, 1));
    cost(&s, 5, 10); /* decodes a piece */
    assert_true(mt_inflated_try(s.inflated, 0, out, MT_INFLATE_PIECE));
    assert_memory_equal(out, plain, MT_INFLATE_PIECE);
    assert_false(mt_inflated_try(s.inflated, 1, out, MT_INFLATE_PIECE));
    assert_true(mt_inflated_try(s.inflated, MT_INFLATE_PIECE - 1, out, 1));
    assert_false(mt_inflated_try(s.inflated, MT_INFLATE_PIECE, out, 1));
    assert_false(mt_inflated_try(s.inflated, UINT64_MAX, out, 2));
    cost(&s, MT_INFLATE_PIECE, 1);
    assert_true(mt_inflated_try(s.inflated, 1, out, MT_INFLATE_PIECE));
    assert_memory_equal(out, plain + 1, MT_INFLATE_PIECE);
    assert_false(mt_inflated_try(s.inflated, 0, out, MT_INFLATE_PIECE + 1)); /* more than one */
    assert_int_equal(cost(&s, MT_INFLATE_PIECE - 5, 10), 0);
    cost(&s, SIZE - 3, 3);
    assert_true(mt_inflated_try(s.inflated, SIZE - 1, out, 1));
    assert_false(mt_inflated_try(s.inflated, SIZE - 1, out, 2));
    close_stream(&s);
    env.index_cache = NULL;
    free(out);
}

/* To learn the size of a gzip stream all is decoded, once; the first 8 MiB stay in the cache. */
static void size_of_gzip(void **state)
{
    (void)state;
    uint8_t out[1];
    uint64_t size;
    mt_error err = MT_ERROR_INIT;
    size_t n = n_packed + 18;
    uint8_t *gzip = malloc(n);
    const uint8_t head[10] = { 0x1f, 0x8b, 8 };
    uint32_t crc = mt_crc32(0, plain, SIZE);
    memcpy(gzip, head, 10);
    memcpy(gzip + 10, packed, n_packed);
    for (int i = 0; i < 4; i++) {
        gzip[n - 8 + (size_t)i] = (uint8_t)(crc >> 8 * i);
        gzip[n - 4 + (size_t)i] = (uint8_t)(SIZE >> 8 * i);
    }
    env.index_cache = cache;
    stream s = open_stream(gzip, n, true, 0, 0);
    for (int i = 0; i < 2; i++) {
        uint64_t before = env.bytes_fetched;
        check_ok(mt_inflated_size(s.inflated, &size, &err), &err);
        assert_int_equal(size, SIZE);
        assert_int_equal(env.bytes_fetched - before, i ? 0 : n);
    }
    assert_true(mt_inflated_try(s.inflated, (8 << 20) - 1, out, 1));
    assert_false(mt_inflated_try(s.inflated, 8 << 20, out, 1));
    close_stream(&s);
    env.index_cache = NULL;
    free(gzip);
}

/* Ranges at the end, and streams of other sizes and checksums than is said. */
static void ends(void **state)
{
    (void)state;
    enum { N = 1000 };
    static const struct {
        int more; /* bytes that are said to be there beyond those that are */
        uint32_t crc;
        uint64_t offset;
        size_t size;
        const char *words; /* NULL: it is read */
    } cases[] = {
        { 0, 0, N, 0, NULL },
        { 0, 0, N - 1, 1, NULL },
        { 0, 0, N, 1, "ends before byte 1001, where 1 bytes were expected" },
        { 0, 0, N + 1, 0, "ends before byte 1001, where 0 bytes were expected" },
        { 0, 0, 0, N + 1, "ends before byte 1001, where 1001 bytes were expected" },
        { 0, 0, UINT64_MAX, 1, "ends before byte 0" },
        { 0, 1, 0, N - 1, NULL }, /* not verified */
        { 0, 1, 0, N, "the member that starts at byte 0: the checksum is wrong" },
        { -1, 0, 0, N - 1, "decodes to more than 999 bytes" },
        { -1, 0, 0, N - 2, NULL },
        { 1, 0, 0, N, NULL },
        { 1, 0, 0, N + 1, "the member that starts at byte 0: the size is wrong" },
    };
    uint8_t bytes[HEAD + N] = { 1, N & 0xff, N >> 8, 0xff ^ (N & 0xff), 0xff ^ N >> 8 }, out[N + 1];
    memcpy(bytes + HEAD, plain, N);
    uint32_t crc = mt_crc32(0, plain, N);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int cached = 0; cached < 2; cached++) {
            mt_error err = MT_ERROR_INIT;
            if (cached && (cases[i].crc || cases[i].more))
                continue; /* a whole piece is verified */
            env.index_cache = cached ? cache : NULL;
            stream s = open_stream(bytes, sizeof bytes, false, (uint64_t)(N + cases[i].more), crc ^ cases[i].crc);
            mt_status st = mt_inflated_read(s.inflated, cases[i].offset, out, cases[i].size, &err);
            if (cases[i].words) {
                check_failed(st, MT_E_CORRUPT, &err, cases[i].words);
            } else {
                check_ok(st, &err);
                assert_memory_equal(out, plain + cases[i].offset, cases[i].size);
            }
            close_stream(&s);
            env.index_cache = NULL;
        }
}

/* Reads all of a gzip stream of unknown size. */
static void check_gzip(const void *bytes, size_t n, mt_status status, const char *words, uint64_t expected)
{
    uint64_t size;
    mt_error err = MT_ERROR_INIT;
    stream s = open_stream(bytes, n, true, 0, 0);
    mt_status st = mt_inflated_size(s.inflated, &size, &err);
    if (words) {
        check_failed(st, status, &err, words);
    } else {
        check_ok(st, &err);
        assert_int_equal(size, expected);
    }
    close_stream(&s);
}

static void gzip_members(void **state)
{
    (void)state;
    uint8_t member[400], bytes[400] = { 0 };
    size_t n = 0, one;
    gzip_append(member, sizeof member, &n, plain, 100, 6);
    one = n;
    gzip_append(member, sizeof member, &n, plain + 100, 20, 6);
    check_gzip(bytes, 50, MT_E_CORRUPT, "no gzip member at byte 0", 0); /* zeros alone */
    check_gzip(bytes, 0, MT_E_CORRUPT, "ends at byte 0", 0);
    memcpy(bytes, member, n);
    check_gzip(bytes, n, MT_OK, NULL, 120);
    check_gzip(bytes, n + 1, MT_OK, NULL, 120); /* zeros at the end */
    check_gzip(bytes, n + 7, MT_OK, NULL, 120);
    char words[100];
    snprintf(words, sizeof words, "no gzip member at byte %zu, after the last one", n);
    bytes[n + 3] = 'x';
    check_gzip(bytes, n + 4, MT_E_CORRUPT, words, 0);
    check_gzip(bytes, n + 7, MT_E_CORRUPT, words, 0);
    bytes[n + 3] = 0;
    snprintf(words, sizeof words, "no gzip member at byte %zu", n);
    bytes[n] = 'x';
    check_gzip(bytes, n + 20, MT_E_CORRUPT, words, 0);
    bytes[n] = 0;
    snprintf(words, sizeof words, "the member that starts at byte %zu: the size is wrong", one);
    bytes[n - 1] ^= 1;
    check_gzip(bytes, n, MT_E_CORRUPT, words, 0);
    bytes[n - 1] ^= 1;
    snprintf(words, sizeof words, "the member that starts at byte %zu: the checksum is wrong", one);
    bytes[n - 8] ^= 1;
    check_gzip(bytes, n, MT_E_CORRUPT, words, 0);
    bytes[n - 8] ^= 1;
    bytes[10] = 7; /* a block of type 3 */
    check_gzip(bytes, n, MT_E_CORRUPT, "the deflate stream is broken near byte ", 0);
    snprintf(words, sizeof words, "ends at byte %zu, in the member that starts at byte %zu", n - 1, one);
    check_gzip(member, n - 1, MT_E_CORRUPT, words, 0);
}

/* A name in a header may have 65,536 bytes with its end. */
static void gzip_names(void **state)
{
    (void)state;
    enum { MOST = 65536 };
    uint8_t *bytes = malloc(MOST + 1000), member[400];
    size_t n = 0;
    gzip_append(member, sizeof member, &n, plain, 100, 6);
    for (size_t size = MOST - 1; size <= MOST + 1; size++)
        for (unsigned flag = 8; flag <= 16; flag *= 2) { /* name, comment */
            memcpy(bytes, member, 10);
            bytes[3] = (uint8_t)flag;
            memset(bytes + 10, 'n', size - 1);
            bytes[10 + size - 1] = 0;
            memcpy(bytes + 10 + size, member + 10, n - 10);
            check_gzip(bytes, n + size, MT_E_LIMIT, size > MOST ? "a text in the gzip header at byte 0" : NULL, 100);
        }
    free(bytes);
}

/* Streams that are decoded at once. */
static void whole(void **state)
{
    (void)state;
    enum { N = 100 };
    uint8_t bytes[N + HEAD + 16] = { 1, N, 0, 0xff ^ N, 0xff }, out[N + 16];
    uint32_t crc = mt_crc32(0, plain, N);
    memcpy(bytes + HEAD, plain, N);
    static const struct {
        size_t packed, size;
        uint32_t crc;
        mt_status status;
        const char *words; /* NULL: it is read */
    } cases[] = {
        { N + HEAD, N, 0, MT_OK, NULL },
        { N + HEAD + 1, N, 0, MT_OK, NULL }, /* bytes behind the end */
        { N + HEAD, N, 1, MT_E_CORRUPT, "the checksum is wrong" },
        { N + HEAD, N + 1, 0, MT_E_CORRUPT, "is broken or ends early" },
        { N + HEAD, N - 1, 0, MT_E_CORRUPT, "decodes to more than 99 bytes" },
        { N + HEAD, N - 2, 0, MT_E_CORRUPT, "decodes to more than 98 bytes" },
        { N + HEAD - 1, N, 0, MT_E_CORRUPT, "is broken or ends early" },
        { 0, 0, 0, MT_E_CORRUPT, "is broken or ends early" },
        { UINT32_MAX, N, 0, MT_OK, NULL }, /* only the stream is read */
        { UINT32_MAX, UINT32_MAX - 1, 0, MT_E_CORRUPT, "is broken or ends early" },
        { N + HEAD, UINT32_MAX, 0, MT_E_LIMIT, "4294967295 bytes are too many to decode at once" },
        { (size_t)UINT32_MAX + 1, N, 0, MT_E_LIMIT, "100 bytes are too many to decode at once" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_inflate_whole(&env, bytes, cases[i].packed, out, cases[i].size, crc ^ cases[i].crc, &err);
        if (cases[i].words) {
            check_failed(st, cases[i].status, &err, cases[i].words);
        } else {
            check_ok(st, &err);
            assert_memory_equal(out, plain, N);
        }
    }
    static const uint8_t empty[] = { 3, 0 }; /* no literal, with an end */
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_inflate_whole(&env, empty, 2, out, 0, 0, &err), &err);
}

static void costs_of_reads(void **state)
{
    (void)state;
    enum { KIB = 1024 };
    const mt_store_costs least = { .in_flight = 8,
                                   .io_threads = 8,
                                   .gap = 64 * KIB,
                                   .cold_gap = 64 * KIB,
                                   .most_joined = 1024 * KIB,
                                   .request = 512 * KIB };
    const mt_store_costs more = { .in_flight = 9,
                                  .io_threads = 10,
                                  .gap = 65 * KIB,
                                  .cold_gap = 66 * KIB,
                                  .most_joined = 1025 * KIB,
                                  .request = 513 * KIB };
    mt_store_costs c = { .is_memory = true };
    for (int i = 0; i < 3; i++) {
        const mt_store_costs *expected = i < 2 ? &least : &more;
        c = i == 1 ? least : i == 2 ? more : c;
        mt_inflate_costs(&c);
        assert_int_equal(c.in_flight, expected->in_flight);
        assert_int_equal(c.io_threads, expected->io_threads);
        assert_int_equal(c.gap, expected->gap);
        assert_int_equal(c.cold_gap, expected->cold_gap);
        assert_int_equal(c.most_joined, expected->most_joined);
        assert_int_equal(c.request, expected->request);
        assert_true(c.is_slow);
        assert_false(c.is_memory);
    }
    c.cold_gap = 1;
    mt_inflate_costs(&c);
    assert_int_equal(c.cold_gap, c.gap);
}

/* Without memory for a point reads go on; each failure frees all. */
static void failing_allocations(void **state)
{
    (void)state;
    enum { PART = 80 };
    uint8_t out[1], saved = packed[(PART - 1) * (BLOCK + HEAD)];
    packed[(PART - 1) * (BLOCK + HEAD)] = 1; /* the last block */
    uint32_t crc = mt_crc32(0, plain, PART * BLOCK);
    for (int forever = 0; forever < 2; forever++)
        for (size_t k = 0, reached = 1; reached; k++) {
            uint64_t before = env.memory_bytes;
            mt_error err = MT_ERROR_INIT;
            stream s = open_stream(packed, (size_t)PART * (BLOCK + HEAD), false, PART * BLOCK, crc);
            failing = (failing_allocator) { 0, k, forever };
            mt_status st = mt_inflated_read(s.inflated, PART * BLOCK - 1, out, 1, &err);
            reached = failing.count > k;
            failing.fail_at = SIZE_MAX;
            assert_true(st == MT_OK || st == MT_E_MEMORY);
            assert_true(st || out[0] == plain[PART * BLOCK - 1]);
            close_stream(&s);
            assert_int_equal(env.memory_bytes, before);
        }
    packed[(PART - 1) * (BLOCK + HEAD)] = saved;
}

/* A gzip object as a store: what was decoded is there without waiting, and fetched bytes count once. */
static void as_a_store(void **state)
{
    (void)state;
    uint8_t bytes[400], out[2][10];
    size_t n = 0;
    mt_status st;
    mt_store *outer, *store;
    mt_error err = MT_ERROR_INIT;
    const mt_range ranges[] = { { 3, 10, out[0] }, { 90, 10, out[1] } };
    gzip_append(bytes, sizeof bytes, &n, plain, 100, 6);
    env.index_cache = cache;
    check_ok(mt_store_open_memory(&env, "a.gz", bytes, n, &outer, &err), &err);
    check_ok(mt_store_open_gzip(&env, outer, "a.gz", "a", &store, &err), &err);
    uint64_t before = env.bytes_fetched;
    assert_false(mt_store_read_now(store, "a", ranges, 2, &st, &err));
    check_ok(mt_store_read(store, "a", ranges, 2, &err), &err);
    assert_true(mt_store_read_now(store, "a", ranges, 2, &st, &err));
    check_ok(st, &err);
    assert_memory_equal(out[0], plain + 3, 10);
    assert_memory_equal(out[1], plain + 90, 10);
    assert_int_equal(env.bytes_fetched - before, n);
    assert_true(mt_store_read_now(store, "a.gz", ranges, 1, &st, &err));
    check_ok(st, &err);
    assert_memory_equal(out[0], bytes + 3, 10);
    mt_store_close(store);
    env.index_cache = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points),
        cmocka_unit_test(few_points),
        cmocka_unit_test(limit_of_points),
        cmocka_unit_test(cursors),
        cmocka_unit_test(reading_on),
        cmocka_unit_test(pieces),
        cmocka_unit_test(size_of_gzip),
        cmocka_unit_test(ends),
        cmocka_unit_test(gzip_members),
        cmocka_unit_test(gzip_names),
        cmocka_unit_test(whole),
        cmocka_unit_test(costs_of_reads),
        cmocka_unit_test(failing_allocations),
        cmocka_unit_test(as_a_store),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
