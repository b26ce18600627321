/* SPDX-License-Identifier: BSD-3-Clause */
/* Asynchronous reads: number in flight, failures, and which thread waits for which. */
#include "engine/visit.h"
#include "support/net_store.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const mt_store_costs far = {
    .in_flight = 16, .io_threads = 16, .gap = 16, .most_joined = 4096, .is_slow = true
};

static mt_context_options with(unsigned threads, int64_t cache)
{
    return (mt_context_options) { .struct_size = sizeof(mt_context_options), .threads = threads, .cache_bytes = cache };
}

static mt_status read_all(net *n, uint16_t *out, mt_cancel *cancel, mt_error *err)
{
    mt_read read = net_read(n, 0, 0, NET_IMAGE, out);
    return mt_engine_read(n->context, &read, 1, cancel, err);
}

/* Far more than there are threads, and never more than the store serves. */
static void reads_in_flight(void **state)
{
    (void)state;
    static net n;
    static uint16_t out[NET_IMAGE * NET_IMAGE];
    for (unsigned threads = 1; threads <= 4; threads += 3) {
        mt_context_options o = with(threads, MT_NO_CACHE);
        mt_error err = MT_ERROR_INIT;
        net_open(&n, &o, &far, 5000, 64);
        check_ok(read_all(&n, out, NULL, &err), &err);
        assert_true(net_is_right(&n, 0, 0, NET_IMAGE, out));
        assert_in_range(n.store.most, 12, 16);
        assert_int_equal(n.store.reads, NET_CHUNKS);
        net_close(&n);
    }
}

static void the_option_of_the_context_counts(void **state)
{
    (void)state;
    static net n;
    static uint16_t out[NET_IMAGE * NET_IMAGE];
    mt_context_options o = with(4, MT_NO_CACHE);
    mt_error err = MT_ERROR_INIT;
    o.in_flight = 3;
    net_open(&n, &o, &far, 1000, 64);
    check_ok(read_all(&n, out, NULL, &err), &err);
    assert_in_range(n.store.most, 2, 3);
    net_close(&n);
}

/* The index entries of all chunks are read together, not one by one. */
static void located_in_bulk(void **state)
{
    (void)state;
    static net n;
    static uint16_t out[NET_IMAGE * NET_IMAGE];
    mt_context_options o = with(1, MT_NO_CACHE);
    mt_error err = MT_ERROR_INIT;
    net_open(&n, &o, &far, 5000, 64);
    check_ok(read_all(&n, out, NULL, &err), &err);
    assert_int_equal(n.store.index_reads, NET_CHUNKS);
    assert_in_range(n.store.index_most, 12, 16);
    net_close(&n);
}

static void neighbours_are_joined(void **state)
{
    (void)state;
    static net n;
    static uint16_t out[NET_IMAGE * NET_IMAGE];
    mt_context_options o = with(2, 1 << 20);
    mt_error err = MT_ERROR_INIT;
    net_open(&n, &o, &far, 100, 8);
    check_ok(read_all(&n, out, NULL, &err), &err);
    assert_true(net_is_right(&n, 0, 0, NET_IMAGE, out));
    size_t bytes = (size_t)(n.store.size - 16 * NET_CHUNKS);
    assert_in_range(n.store.reads, bytes / 4096, NET_CHUNKS / 2);
    for (int c = 0; c < NET_CHUNKS; c++)
        assert_int_equal(n.store.chunk_reads[c], 1);
    check_ok(read_all(&n, out, NULL, &err), &err); /* all of it is kept */
    for (int c = 0; c < NET_CHUNKS; c++)
        assert_int_equal(n.store.chunk_reads[c], 1);
    net_close(&n);
}

/* One chunk fails, joined with others or not: what touches it fails, the rest is right, and the next call is, too. */
static void one_failure_spoils_only_its_own(void **state)
{
    (void)state;
    static net n;
    enum { N = 64 };
    static uint16_t out[N][NET_SIDE * NET_SIDE];
    for (size_t gap = 8; gap <= 64; gap += 56) {
        mt_context_options o = with(3, 1 << 20);
        mt_error err = MT_ERROR_INIT;
        mt_read reads[N];
        mt_status statuses[N] = { MT_OK };
        net_open(&n, &o, &far, 100, gap);
        n.store.fails = 3 * NET_ACROSS + 5;
        for (int i = 0; i < N; i++) {
            reads[i] = net_read(&n, i / 8 * NET_SIDE, i % 8 * NET_SIDE, NET_SIDE, out[i]);
            reads[i].status = &statuses[i];
        }
        assert_int_equal(mt_engine_read(n.context, reads, N, NULL, &err), MT_E_IO);
        assert_string_equal(err.message, "net: net: chunk 3/5: o: the network is down");
        for (int i = 0; i < N; i++) {
            static const uint16_t zero[NET_SIDE * NET_SIDE];
            assert_int_equal(statuses[i], i == n.store.fails ? MT_E_IO : MT_OK);
            if (i == n.store.fails)
                assert_memory_equal(out[i], zero, sizeof zero);
            else
                assert_true(net_is_right(&n, i / 8 * NET_SIDE, i % 8 * NET_SIDE, NET_SIDE, out[i]));
        }
        n.store.fails = -1;
        err = (mt_error)MT_ERROR_INIT;
        check_ok(mt_engine_read(n.context, reads, N, NULL, &err), &err);
        net_close(&n);
    }
}

/* A chunk of a slow store that does not decode is read once more; if it is still wrong, that is an error. */
static void damage_on_the_way_is_mended_once(void **state)
{
    (void)state;
    static net n;
    static uint16_t out[NET_IMAGE * NET_IMAGE];
    mt_context_options o = with(2, MT_NO_CACHE);
    mt_error err = MT_ERROR_INIT;
    net_open(&n, &o, &far, 100, 64);
    n.store.damages = 7;
    check_ok(read_all(&n, out, NULL, &err), &err);
    assert_true(net_is_right(&n, 0, 0, NET_IMAGE, out));
    assert_int_equal(n.store.chunk_reads[7], 2);
    memset(n.store.bytes + n.store.offsets[9], 0x55, (size_t)n.store.sizes[9]);
    assert_int_equal(read_all(&n, out, NULL, &err), MT_E_CORRUPT);
    assert_int_equal(n.store.chunk_reads[9], 3);
    net_close(&n);
}

typedef struct asker {
    net *n;
    int asked;
    _Atomic bool stop;
    uint16_t out[NET_IMAGE * NET_IMAGE];
    mt_status status;
} asker;

static int says_stop(void *user)
{
    asker *a = user;
    a->asked++;
    return a->stop;
}

static void *ask_and_cancel(void *argument)
{
    asker *a = argument;
    mt_extract_options options = { .struct_size = sizeof options, .cancelled = says_stop, .user = a };
    mt_cancel cancel;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_cancel_init(&cancel, &options, &err), &err);
    a->status = mt_cancel_status(&cancel, read_all(a->n, a->out, &cancel, &err), &err);
    return NULL;
}

static void sleep_until(_Atomic size_t *counter, size_t n)
{
    while (*counter < n)
        sched_yield();
}

typedef struct asker_of_one {
    net *n;
    mt_error *err;
    mt_status status;
    uint16_t out[NET_SIDE * NET_SIDE];
} asker_of_one;

static void *ask_for_one(void *argument)
{
    asker_of_one *a = argument;
    mt_read read = net_read(a->n, 0, NET_SIDE, NET_SIDE, a->out);
    a->status = mt_engine_read(a->n->context, &read, 1, NULL, a->err);
    return NULL;
}

/* After a cancel, no further read starts, and nothing leaks. */
static void cancelled_while_waiting(void **state)
{
    (void)state;
    static net n;
    static asker a;
    mt_context_options o = with(2, 1 << 20);
    net_open(&n, &o, &far, 20000, 64);
    a = (asker) { .n = &n };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, ask_and_cancel, &a), 0);
    sleep_until(&n.store.reads, 1);
    a.stop = true;
    pthread_join(thread, NULL);
    assert_int_equal(a.status, MT_E_CANCELLED);
    assert_in_range(n.store.reads, 1, NET_CHUNKS - 1);
    mt_error err = MT_ERROR_INIT;
    check_ok(read_all(&n, a.out, NULL, &err), &err);
    assert_true(net_is_right(&n, 0, 0, NET_IMAGE, a.out));
    net_close(&n);
}

/* Two calls want the same: each chunk is read once. If the one that reads gives up, the other goes on. */
static void two_calls_share(void **state)
{
    (void)state;
    static net n;
    static asker a[2];
    for (int stops = 0; stops < 2; stops++) {
        mt_context_options o = with(2, 1 << 20);
        net_open(&n, &o, &far, stops ? 100000 : 5000, 64); /* the caller is asked every 20 ms */
        pthread_t threads[2];
        for (int i = 0; i < 2; i++) {
            a[i] = (asker) { .n = &n };
            assert_int_equal(pthread_create(&threads[i], NULL, ask_and_cancel, &a[i]), 0);
            sleep_until(&n.store.index_reads, 1);
        }
        sleep_until(&n.store.reads, 1);
        a[0].stop = stops;
        n.store.delay_us = 5000;
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(a[1].status, MT_OK);
        assert_true(net_is_right(&n, 0, 0, NET_IMAGE, a[1].out));
        assert_int_equal(a[0].status, stops ? MT_E_CANCELLED : MT_OK);
        for (int c = 0; c < NET_CHUNKS; c++)
            assert_in_range(n.store.chunk_reads[c], 1, 1 + stops);
        net_close(&n);
    }
}

/* A caller who stops does not wait for what another call reads. */
static void stopped_while_another_reads(void **state)
{
    (void)state;
    static net n;
    static asker a[2];
    mt_context_options o = with(2, 1 << 20);
    o.in_flight = 1;
    net_open(&n, &o, &far, 10000, 64);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        a[i] = (asker) { .n = &n };
        assert_int_equal(pthread_create(&threads[i], NULL, ask_and_cancel, &a[i]), 0);
        sleep_until(&n.store.index_reads, 1);
    }
    sleep_until(&n.store.reads, 1);
    a[1].stop = true;
    pthread_join(threads[1], NULL);
    assert_in_range(n.store.reads, 1, NET_CHUNKS / 2);
    assert_int_equal(a[1].status, MT_E_CANCELLED);
    pthread_join(threads[0], NULL);
    assert_int_equal(a[0].status, MT_OK);
    assert_true(net_is_right(&n, 0, 0, NET_IMAGE, a[0].out));
    net_close(&n);
}

/* A joined read that fails after the caller has stopped is not tried again chunk by chunk. */
static void nothing_starts_after_a_stop(void **state)
{
    (void)state;
    static net n;
    static asker a;
    mt_store_costs one = far;
    one.in_flight = one.io_threads = 1;
    mt_context_options o = with(2, MT_NO_CACHE);
    o.in_flight = 1;
    net_open(&n, &o, &one, 0, 8);
    n.store.fails = 0;
    a = (asker) { .n = &n };
    pthread_t thread;
    n.store.delay_us = 2000;
    assert_int_equal(pthread_create(&thread, NULL, ask_and_cancel, &a), 0);
    sleep_until(&n.store.index_reads, NET_CHUNKS - 1);
    n.store.delay_us = 200000;
    while (n.store.now == 0)
        sched_yield();
    a.stop = true;
    usleep(60000); /* the caller is asked every 20 ms */
    n.store.stop = 1;
    pthread_join(thread, NULL);
    assert_int_equal(a.status, MT_E_CANCELLED);
    assert_int_equal(n.store.started_late, 0);
    net_close(&n);
}

/* If two chunks fail, the error is that of the first in the grid, even if another call reads it. */
static void the_first_failure_is_told_whoever_reads(void **state)
{
    (void)state;
    static net n;
    static uint16_t out[2][NET_SIDE * NET_SIDE];
    for (int shared = 0; shared < 2; shared++) {
        mt_context_options o = with(2, 1 << 20);
        net_open(&n, &o, &far, 30000, 64);
        for (int c = 1; c <= 2; c++)
            memset(n.store.bytes + n.store.offsets[c], 0x55, (size_t)n.store.sizes[c]);
        mt_error err = MT_ERROR_INIT, other_err = MT_ERROR_INIT;
        asker_of_one other = { .n = &n, .err = &other_err };
        pthread_t thread;
        if (shared) {
            assert_int_equal(pthread_create(&thread, NULL, ask_for_one, &other), 0);
            sleep_until(&n.store.index_reads, 1);
        }
        mt_read reads[2];
        for (int i = 0; i < 2; i++)
            reads[i] = net_read(&n, 0, (i + 1) * NET_SIDE, NET_SIDE, out[i]);
        assert_int_equal(mt_engine_read(n.context, reads, 2, NULL, &err), MT_E_CORRUPT);
        assert_non_null(strstr(err.message, "chunk 0/1"));
        if (shared)
            pthread_join(thread, NULL);
        net_close(&n);
    }
}

/* Chunks as they are, of NET_SIDE * NET_SIDE pixels each. */
static void store_raw(net *n)
{
    enum { BYTES = NET_SIDE * NET_SIDE * 2 };
    free(n->store.bytes);
    n->store.size = 16 * NET_CHUNKS + NET_CHUNKS * BYTES;
    n->store.bytes = calloc(1, n->store.size);
    for (int c = 0; c < NET_CHUNKS; c++) {
        n->store.offsets[c] = 16 * NET_CHUNKS + (uint64_t)c * BYTES;
        n->store.sizes[c] = BYTES;
        for (int y = 0; y < NET_SIDE; y++)
            memcpy(n->store.bytes + n->store.offsets[c] + y * NET_SIDE * 2,
                   &n->pixels[c / NET_ACROSS * NET_SIDE + y][c % NET_ACROSS * NET_SIDE], NET_SIDE * 2);
        memcpy(n->store.bytes + 16 * c, &n->store.offsets[c], 8);
        memcpy(n->store.bytes + 16 * c + 8, &n->store.sizes[c], 8);
    }
    n->map->chain = (mt_chain) { .n_steps = 0 };
    mt_image_init(&n->image, n->context, n->map, &n->store.base, "net", NULL, NULL);
}

static mt_status count_pixels(void *user, const mt_visited *visited, mt_error *err)
{
    (void)err;
    atomic_fetch_add((_Atomic int64_t *)user, visited->place.extent[0] * visited->place.extent[1]);
    return MT_OK;
}

/* An uncompressed chunk may have more bytes than its pixels: only the pixels are read. */
static void more_raw_bytes_than_pixels(void **state)
{
    (void)state;
    static net n;
    static uint16_t out[NET_IMAGE * NET_IMAGE];
    for (int kept = 0; kept < 2; kept++) {
        mt_context_options o = with(2, kept ? 1 << 20 : MT_NO_CACHE);
        mt_error err = MT_ERROR_INIT;
        net_open(&n, &o, &far, 0, 64);
        store_raw(&n);
        uint64_t huge = UINT64_C(1) << 62;
        memcpy(n.store.bytes + 16 * 5 + 8, &huge, sizeof huge);
        _Atomic int64_t pixels = 0;
        mt_visitor visitor = { .visit = count_pixels, .user = (void *)&pixels };
        mt_box all = { .extent = { NET_IMAGE, NET_IMAGE } };
        mt_cancel cancel;
        check_ok(mt_cancel_init(&cancel, NULL, &err), &err);
        check_ok(mt_engine_visit(&n.image, &all, 1, &visitor, &cancel, &err), &err);
        assert_int_equal(pixels, NET_IMAGE * NET_IMAGE);
        check_ok(read_all(&n, out, NULL, &err), &err);
        assert_true(net_is_right(&n, 0, 0, NET_IMAGE, out));
        net_close(&n);
    }
}

/* An offset at the end of what 64 bits count: its rows do not lie at the start of the object. */
static void offsets_that_overflow(void **state)
{
    (void)state;
    static net n;
    static uint16_t out[8 * 8];
    for (int kept = 0; kept < 2; kept++) {
        mt_context_options o = with(2, kept ? 1 << 20 : MT_NO_CACHE);
        mt_error err = MT_ERROR_INIT;
        net_open(&n, &o, &far, 0, 64);
        store_raw(&n);
        uint64_t last = UINT64_MAX - 100;
        memcpy(n.store.bytes, &last, sizeof last);
        mt_read read = net_read(&n, 8, 0, 8, out);
        assert_int_equal(mt_engine_read(n.context, &read, 1, NULL, &err), MT_E_CORRUPT);
        assert_string_equal(err.message, "net: net: chunk 0/0: o: cannot have 512 bytes at 18446744073709551515");
        net_close(&n);
    }
}

/* What the parent's threads have in flight does not count in the child, which reads the same images. */
static void a_child_reads_while_its_parent_waits(void **state)
{
    (void)state;
    skip_if(UNDER_TSAN || UNDER_ASAN, "the sanitizers do not stand a fork while threads work");
    static net n;
    static asker a;
    mt_store_costs wide = far;
    wide.in_flight = NET_CHUNKS;
    mt_context_options o = with(2, 1 << 20);
    net_open(&n, &o, &wide, 50000, 64);
    a = (asker) { .n = &n };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, ask_and_cancel, &a), 0);
    while (n.store.now < 16) /* the others wait for I/O threads: none is left in the lane */
        sched_yield();
    pid_t child = fork();
    if (child == 0) {
        static uint16_t out[NET_IMAGE * NET_IMAGE];
        alarm(20);
        n.store.delay_us = 0;
        bool good = read_all(&n, out, NULL, NULL) == MT_OK && net_is_right(&n, 0, 0, NET_IMAGE, out);
        leave_child(good && n.context->env.work_bytes < 1 << 20 ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    pthread_join(thread, NULL);
    assert_int_equal(a.status, MT_OK);
    net_close(&n);
}

/* The chunks of the net as boxes, each with its own codec chain; the map has no chain. */
static mt_status find_tiles(const mt_chunk_map *map, const int64_t *low, const int64_t *high, mt_visit_box visit,
                            void *user, mt_error *err)
{
    (void)map;
    mt_status st = MT_OK;
    for (int64_t y = low[0] / NET_SIDE; !st && y <= (high[0] - 1) / NET_SIDE; y++)
        for (int64_t x = low[1] / NET_SIDE; !st && x <= (high[1] - 1) / NET_SIDE; x++)
            st = visit(user, (uint64_t)(y * NET_ACROSS + x), err);
    return st;
}

static mt_status get_tile(const mt_chunk_map *map, uint64_t id, mt_shown *out, mt_error *err)
{
    (void)map, (void)err;
    *out = (mt_shown) { .chunk = id, .whole = { NET_SIDE, NET_SIDE } };
    out->place.start[0] = (int64_t)(id / NET_ACROSS) * NET_SIDE;
    out->place.start[1] = (int64_t)(id % NET_ACROSS) * NET_SIDE;
    out->place.extent[0] = out->place.extent[1] = NET_SIDE;
    return MT_OK;
}

static mt_chain tile_chain;
static mt_status (*locate_chunk)(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err);

static mt_status locate_tile(const mt_chunk_map *map, const int64_t *position, mt_chunk_ref *out, mt_error *err)
{
    const int64_t on_grid[2] = { position[0] / NET_ACROSS, position[0] % NET_ACROSS };
    out->chain = &tile_chain;
    return locate_chunk(map, on_grid, out, err);
}

/* The map says that the image can be read by rows; encoded chunks are cached anyway. */
static void encoded_boxes_are_kept(void **state)
{
    (void)state;
    static net n;
    static uint16_t out[NET_SIDE * NET_SIDE];
    mt_store_costs near = far;
    mt_context_options o = with(2, 16384); /* room for some chunks, but not for all */
    mt_error err = MT_ERROR_INIT;
    near.is_slow = false;
    net_open(&n, &o, &near, 0, 64);
    tile_chain = n.map->chain;
    n.map->chain.n_steps = 0;
    locate_chunk = n.map->locate;
    n.map->locate = locate_tile;
    n.map->find_boxes = find_tiles;
    n.map->get_box = get_tile;
    mt_image_init(&n.image, n.context, n.map, &n.store.base, "net", NULL, NULL);
    for (int i = 0; i < 3; i++) {
        mt_read read = net_read(&n, 20, 36, 10, out);
        check_ok(mt_engine_read(n.context, &read, 1, NULL, &err), &err);
        assert_true(net_is_right(&n, 20, 36, 10, out));
        assert_int_equal(n.store.chunk_reads[NET_ACROSS + 2], 1);
    }
    net_close(&n);
}

/* However memory fails: the right pixels, or an error. */
static void without_memory(void **state)
{
    (void)state;
    static net n;
    static uint16_t out[NET_IMAGE * NET_IMAGE];
    for (int forever = 0; forever < 2; forever++) {
        int failures = 1;
        for (size_t k = 0; failures > 0; k += k < 40 ? 1 : 11) {
            failing_allocator f = { .fail_at = SIZE_MAX };
            mt_context_options o = with(2, 1 << 20);
            o.allocator = failing_allocator_make(&f, SIZE_MAX, forever);
            net_open(&n, &o, &far, 0, 64);
            f.fail_at = f.count + k;
            mt_error err = MT_ERROR_INIT;
            mt_status st = read_all(&n, out, NULL, &err);
            failures = f.count > f.fail_at;
            f.fail_at = SIZE_MAX;
            if (st == MT_OK)
                assert_true(net_is_right(&n, 0, 0, NET_IMAGE, out));
            else
                assert_int_equal(st, MT_E_MEMORY);
            net_close(&n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_in_flight),
        cmocka_unit_test(the_option_of_the_context_counts),
        cmocka_unit_test(located_in_bulk),
        cmocka_unit_test(neighbours_are_joined),
        cmocka_unit_test(one_failure_spoils_only_its_own),
        cmocka_unit_test(damage_on_the_way_is_mended_once),
        cmocka_unit_test(cancelled_while_waiting),
        cmocka_unit_test(two_calls_share),
        cmocka_unit_test(stopped_while_another_reads),
        cmocka_unit_test(nothing_starts_after_a_stop),
        cmocka_unit_test(the_first_failure_is_told_whoever_reads),
        cmocka_unit_test(more_raw_bytes_than_pixels),
        cmocka_unit_test(offsets_that_overflow),
        cmocka_unit_test(a_child_reads_while_its_parent_waits),
        cmocka_unit_test(encoded_boxes_are_kept),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
