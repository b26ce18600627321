/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads that must be waited for: how many are in flight, what happens to those that fail, who waits for whom. */
#include "support/net_store.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

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
        assert_string_equal(err.message, "net: net, chunk 3/5: o: the network is down");
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

/* What has not started when the caller stops never does, and nothing is left behind. */
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
        net_open(&n, &o, &far, 5000, 64);
        pthread_t threads[2];
        for (int i = 0; i < 2; i++) {
            a[i] = (asker) { .n = &n };
            assert_int_equal(pthread_create(&threads[i], NULL, ask_and_cancel, &a[i]), 0);
            sleep_until(&n.store.index_reads, 1);
        }
        sleep_until(&n.store.reads, 1);
        a[0].stop = stops;
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

/* However memory fails: the right pixels, or an error. */
static void without_memory(void **state)
{
    (void)state;
    static net n;
    static uint16_t out[NET_IMAGE * NET_IMAGE];
    for (int forever = 0; forever < 2; forever++) {
        int failures = 1;
        for (size_t k = 0; failures > 0; k++) {
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
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
