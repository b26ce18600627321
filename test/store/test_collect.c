/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads of a thread that collects: answered at once, or recorded, performed together, and answered on the retry. */
#include "store/collect.h"
#include "store/io.h"
#include "support/faulty_store.h"
#include "support/support.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char text[] = "0123456789";

typedef struct fixture {
    mt_env env;
    failing_allocator failing; /* the allocator of env */
    mt_io *io;
    mt_store *store; /* does not answer at once, and counts calls */
    mt_collector collector;
    mt_error err;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    mt_store *memory;
    memset(&f, 0, sizeof f);
    mt_allocator allocator = failing_allocator_make(&f.failing, SIZE_MAX, 0);
    mt_env_init(&f.env, &allocator, NULL);
    check_ok(mt_io_new(&f.env, &f.io, &f.err), &f.err);
    check_ok(mt_store_open_memory(&f.env, "a", text, 10, &memory, &f.err), &f.err);
    check_ok(faulty_store_wrap(memory, SIZE_MAX, MT_OK, &f.store, &f.err), &f.err);
    check_ok(mt_collector_init(&f.collector, &f.env, &f.err), &f.err);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mt_collector_destroy(&f->collector);
    mt_store_close(f->store);
    mt_io_free(f->io);
    assert_int_equal(f->env.memory_bytes, 0);
    return 0;
}

/* A read of any kind while the thread collects. */
static mt_status ask(fixture *f, const char *key, mt_request_kind kind, uint64_t offset, size_t size, char *out)
{
    size_t n = 0;
    uint64_t all = 0;
    mt_status st;
    mt_error_clear(&f->err);
    memset(out, '.', 16);
    mt_collector *before = mt_collect_into(&f->collector);
    assert_null(before);
    assert_true(mt_is_collecting());
    if (kind == MT_READ_TAIL)
        st = mt_store_read_tail(f->store, key, out, size, &n, &all, &f->err);
    else if (kind == MT_READ_SOME)
        st = mt_store_read_start(f->store, key, out, size, &n, &all, &f->err);
    else
        st = mt_store_read_at(f->store, key, offset, out, size, &f->err);
    assert_ptr_equal(mt_collect_into(NULL), &f->collector);
    assert_false(mt_is_collecting());
    if (!st && kind != MT_READ_RANGE) {
        assert_int_equal(n, size < 10 ? size : 10);
        assert_int_equal(all, 10);
    }
    return st;
}

static const struct {
    const char *key;
    mt_request_kind kind;
    uint64_t offset;
    size_t size;
    mt_status status;
    const char *out; /* what is read, or words of the error */
} reads[] = {
    { "a", MT_READ_RANGE, 0, 3, MT_OK, "012" },
    { "a", MT_READ_RANGE, 0, 4, MT_OK, "0123" },
    { "a", MT_READ_RANGE, 1, 3, MT_OK, "123" },
    { "a", MT_READ_SOME, 0, 3, MT_OK, "012" },
    { "a", MT_READ_TAIL, 0, 3, MT_OK, "789" },
    { "a", MT_READ_TAIL, 0, 10, MT_OK, "0123456789" },
    { "a", MT_READ_TAIL, 0, 11, MT_OK, "0123456789" },
    { "a", MT_READ_SOME, 0, 11, MT_OK, "0123456789" },
    { "a", MT_READ_RANGE, 8, 3, MT_E_CORRUPT, "a: has 10 bytes, 3 were expected at byte 8" },
    { "b", MT_READ_RANGE, 0, 3, MT_E_NOT_FOUND, "b: not in memory" },
    { "b", MT_READ_TAIL, 0, 3, MT_E_NOT_FOUND, "b: not in memory" },
};
enum { N = sizeof reads / sizeof *reads };

static void check_all(fixture *f)
{
    char out[16];
    for (size_t i = 0; i < N; i++) {
        mt_status st = ask(f, reads[i].key, reads[i].kind, reads[i].offset, reads[i].size, out);
        if (reads[i].status) {
            check_failed(st, reads[i].status, &f->err, reads[i].out);
        } else {
            check_ok(st, &f->err);
            assert_memory_equal(out, reads[i].out, strlen(reads[i].out));
            assert_int_equal(out[strlen(reads[i].out)], '.');
        }
    }
}

static void recorded_reads(void **state)
{
    fixture *f = *state;
    for (int threads = 0; threads < 2; threads++) {
        char out[16];
        size_t before = faulty_store_calls(f->store);
        f->env.io = threads ? f->io : NULL;
        if (threads)
            check_ok(mt_collector_init(&f->collector, &f->env, &f->err), &f->err);
        for (int round = 0; round < 2; round++)
            for (size_t i = 0; i < N; i++)
                assert_int_equal(ask(f, reads[i].key, reads[i].kind, reads[i].offset, reads[i].size, out), MT_WAIT);
        assert_int_equal(faulty_store_calls(f->store), before);
        assert_int_equal(mt_collect_fetch(&f->collector), N);
        before = faulty_store_calls(f->store);
        check_all(f);
        assert_int_equal(mt_collect_fetch(&f->collector), 0);
        assert_int_equal(ask(f, "a", MT_READ_RANGE, 5, 1, out), MT_WAIT);
        assert_int_equal(mt_collect_fetch(&f->collector), 1);
        assert_int_equal(faulty_store_calls(f->store), before + 1);
        check_ok(ask(f, "a", MT_READ_RANGE, 5, 1, out), &f->err);
        assert_int_equal(out[0], '5');
        check_all(f);
        if (!threads)
            mt_collector_destroy(&f->collector);
    }
    f->env.io = NULL;
}

/* Several ranges are recorded, even if the first waits; sizes are, too. */
static void ranges_and_sizes(void **state)
{
    fixture *f = *state;
    char out[3][2];
    const mt_range ranges[] = { { 1, 2, out[0] }, { 3, 2, out[1] }, { 5, 2, out[2] } };
    for (int fetched = 0; fetched < 2; fetched++) {
        uint64_t size = 0, none = 7;
        mt_error_clear(&f->err);
        mt_collect_into(&f->collector);
        mt_status st = mt_store_read(f->store, "a", ranges, 3, &f->err);
        mt_status sized = mt_store_size(f->store, "a", &size, NULL), absent = mt_store_size(f->store, "b", &none, NULL);
        mt_collect_into(NULL);
        assert_int_equal(st, fetched ? MT_OK : MT_WAIT);
        assert_int_equal(sized, fetched ? MT_OK : MT_WAIT);
        assert_int_equal(absent, fetched ? MT_E_NOT_FOUND : MT_WAIT);
        if (fetched) {
            assert_memory_equal(out, "123456", 6);
            assert_int_equal(size, 10);
        } else {
            assert_int_equal(mt_collect_fetch(&f->collector), 5);
        }
    }
}

/* The store in memory answers at once. */
static void reads_that_do_not_wait(void **state)
{
    fixture *f = *state;
    mt_store *counted = f->store, *memory;
    uint64_t size;
    check_ok(mt_store_open_memory(&f->env, "a", text, 10, &memory, &f->err), &f->err);
    f->store = memory;
    check_all(f);
    mt_collect_into(&f->collector);
    check_ok(mt_store_size(memory, "a", &size, &f->err), &f->err);
    mt_collect_into(NULL);
    assert_int_equal(size, 10);
    assert_int_equal(mt_collect_fetch(&f->collector), 0);
    f->store = counted;
    mt_store_close(memory);
}

/* Without memory nothing is recorded. */
static void failing_allocations(void **state)
{
    fixture *f = *state;
    char out[16];
    for (size_t k = 0;; k++) {
        f->failing = (failing_allocator) { 0, k, 0 };
        mt_status st = ask(f, "a", MT_READ_RANGE, 0, 3, out);
        f->failing.fail_at = SIZE_MAX;
        if (st == MT_WAIT)
            break;
        assert_int_equal(st, MT_E_MEMORY);
        assert_int_equal(mt_collect_fetch(&f->collector), 0);
    }
    assert_int_equal(mt_collect_fetch(&f->collector), 1);
    check_ok(ask(f, "a", MT_READ_RANGE, 0, 3, out), &f->err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(recorded_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ranges_and_sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_that_do_not_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failing_allocations, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
