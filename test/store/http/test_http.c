/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP: requests, and the handling of each kind of failure of servers and networks. */
#include "support/http_store.h"

#include "store/http/engine.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The read fails with this status and message. */
static void check_fails(const plan *given, mt_status status, const char *text, unsigned most_requests)
{
    plan p = *given;
    remote r;
    mt_error err = MT_ERROR_INIT;
    p.from = p.from ? p.from : 1; /* opening goes well */
    remote_open(&r, folder, "/a", spoil, &p, NULL);
    mt_status st = read_far(&r, &err);
    if (st != status || !strstr(err.message, text))
        fail_msg("%s: \"%s\", not \"%s\"", mt_status_name(st), err.message, text);
    assert_true(p.seen <= most_requests);
    remote_close(&r);
}

static void all_kinds(void **state)
{
    (void)state;
    plan p = { .from = 1000 };
    remote r;
    uint8_t range[10], tail[20];
    uint64_t size;
    mt_error err = MT_ERROR_INIT;
    remote_open(&r, folder, "/a?token=secret", spoil, &p, NULL);
    assert_string_equal(r.at.key, "a");
    assert_null(strstr(r.at.text, "secret"));
    assert_string_equal(p.range, "0-65535");
    assert_string_equal(p.query, "token=secret");
    assert_non_null(strstr(p.head, "Accept-Encoding: identity"));
    check_ok(mt_store_size(r.at.store, "a", &size, &err), &err);
    assert_int_equal(size, SIZE);
    check_ok(remote_read(&r, 60000, range, 10, &err), &err);
    assert_memory_equal(range, bytes + 60000, 10);
    assert_int_equal(http_server_requests(r.server), 1); /* one so far, for size and beginning */
    mt_request q[3] = { { .key = "a", .offset = SIZE - 10, .size = 10, .out = range },
                        { .key = "a", .kind = MT_READ_TAIL, .size = 20, .out = tail },
                        { .key = "a", .kind = MT_READ_WHOLE, .size = 2 * SIZE } };
    check_ok(mt_store_perform(r.at.store, q, 3, &err), &err);
    assert_memory_equal(range, bytes + SIZE - 10, 10);
    assert_memory_equal(tail, bytes + SIZE - 20, 20);
    assert_int_equal(q[1].object_size, SIZE);
    assert_int_equal(q[2].n_read, SIZE);
    assert_memory_equal(q[2].out, bytes, SIZE);
    mt_release(&r.context->env, q[2].out, q[2].capacity);
    mt_range ranges[40]; /* more than are requested at once */
    uint8_t each[40] = { 0 };
    for (int i = 0; i < 40; i++)
        ranges[i] = (mt_range) { 1000 * (uint64_t)i, 1, &each[i] };
    check_ok(mt_store_read(r.at.store, "a", ranges, 20, &err), &err);
    for (int i = 0; i < 40; i++)
        assert_int_equal(each[i], i < 20 ? bytes[1000 * i] : 0);
    assert_true(p.if_match[0] == '"');
    check_reads(&r);
    remote_close(&r);
}

static void ends_of_objects(void **state)
{
    (void)state;
    remote r;
    uint8_t out[64];
    uint64_t size;
    size_t n;
    mt_error err = MT_ERROR_INIT;
    remote_open(&r, folder, "/a", NULL, NULL, NULL);
    assert_int_equal(remote_read(&r, SIZE - 5, out, 10, &err), MT_E_CORRUPT);
    assert_non_null(strstr(err.message, "has 300000 bytes, 10 were expected at byte 299995"));
    assert_int_equal(remote_read(&r, SIZE, out, 1, NULL), MT_E_CORRUPT);
    check_ok(remote_read(&r, SIZE, out, 0, &err), &err);
    err = (mt_error)MT_ERROR_INIT;
    check_ok(mt_store_size(r.at.store, "empty", &size, &err), &err);
    assert_int_equal(size, 0);
    mt_request q[3] = { { .key = "a", .kind = MT_READ_WHOLE, .size = SIZE - 1 },
                        { .key = "empty", .kind = MT_READ_WHOLE, .size = 10 },
                        { .key = "x y#%", .kind = MT_READ_WHOLE, .size = 1000 } };
    assert_int_equal(mt_store_perform(r.at.store, q, 3, NULL), MT_E_LIMIT);
    assert_int_equal(q[0].object_size, SIZE);
    assert_int_equal(q[1].status, MT_OK);
    assert_int_equal(q[1].n_read, 0);
    assert_int_equal(q[2].n_read, 1000);
    for (int i = 0; i < 3; i++)
        mt_release(&r.context->env, q[i].out, q[i].capacity);
    check_ok(mt_store_read_tail(r.at.store, "x y#%", out, 8, &n, &size, &err), &err);
    assert_memory_equal(out, bytes + 992, 8);
    remote_close(&r);
}

/* Of what is not known yet, which is all at the first round, and of what is. */
static void some_bytes(void **state)
{
    (void)state;
    remote r;
    uint8_t out[5][64];
    mt_error err = MT_ERROR_INIT;
    remote_open(&r, folder, "/a", NULL, NULL, NULL);
    for (int round = 0; round < 2; round++) {
        mt_request q[5] = { { .key = "x y#%", .kind = MT_READ_SOME, .size = 8, .out = out[0] },
                            { .key = "x y#%", .kind = MT_READ_SOME, .offset = 995, .size = 8, .out = out[1] },
                            { .key = "x y#%", .kind = MT_READ_SOME, .offset = 1000, .size = 8, .out = out[2] },
                            { .key = "x y#%", .kind = MT_READ_SOME, .offset = 5000, .size = 8, .out = out[3] },
                            { .key = "empty", .kind = MT_READ_SOME, .size = 8, .out = out[4] } };
        static const size_t read[5] = { 8, 5, 0, 0, 0 };
        check_ok(mt_store_perform(r.at.store, q, 5, &err), &err);
        for (int i = 0; i < 5; i++) {
            assert_int_equal(q[i].n_read, read[i]);
            assert_int_equal(q[i].object_size, i < 4 ? 1000 : 0);
            assert_memory_equal(out[i], bytes + q[i].offset, read[i]);
        }
    }
    remote_close(&r);
}

static void what_is_absent(void **state)
{
    (void)state;
    remote r;
    uint64_t size;
    mt_error err = MT_ERROR_INIT;
    remote_open(&r, folder, "/a", NULL, NULL, NULL);
    assert_int_equal(mt_store_size(r.at.store, "none", &size, &err), MT_E_NOT_FOUND);
    remote_close(&r);
}

static void busy_every_7th(void **state)
{
    (void)state;
    plan p = { .from = 1, .every = 7, .with = { .code = 503, .extra = "Retry-After: 0\r\n" } };
    remote r;
    remote_open(&r, folder, "/a", spoil, &p, NULL);
    check_reads(&r);
    assert_true(p.seen > 30);
    remote_close(&r);
}

static void reset_every_7th(void **state)
{
    (void)state;
    plan p = { .from = 1, .every = 7, .with = { .reset = true } };
    remote r;
    remote_open(&r, folder, "/a", spoil, &p, NULL);
    check_reads(&r);
    assert_true(p.seen > 20);
    remote_close(&r);
}

static void short_bodies(void **state)
{
    (void)state;
    plan honest = { .from = 1, .every = 5, .with = { .cut = 100, .honest = true } };
    plan dishonest = { .from = 1, .every = 5, .with = { .cut = 100 } };
    plan open_end = { .from = 1, .every = 5, .with = { .cut = 100, .no_length = true } };
    plan *plans[] = { &honest, &dishonest, &open_end };
    for (int i = 0; i < 3; i++) {
        remote r;
        remote_open(&r, folder, "/a", spoil, plans[i], NULL);
        check_reads(&r);
        assert_true(plans[i]->seen > 20);
        remote_close(&r);
    }
    mt_context_options few = { .struct_size = sizeof few, .http = { .retries = 1 } };
    remote r;
    mt_error err = MT_ERROR_INIT;
    honest = (plan) { .from = 1, .with = honest.with };
    remote_open(&r, folder, "/a", spoil, &honest, &few);
    assert_int_equal(read_far(&r, &err), MT_E_IO);
    assert_non_null(strstr(err.message, "after 2 attempts"));
    assert_non_null(strstr(err.message, "sent 4900 bytes of 5000"));
    remote_close(&r);
}

static void refusals_are_errors(void **state)
{
    (void)state;
    check_fails(&(plan) { .with = { .code = 404 } }, MT_E_NOT_FOUND, "/a: the server answered 404", 1);
    check_fails(&(plan) { .with = { .code = 403 } }, MT_E_IO, "/a: the server answered 403", 1);
    check_fails(&(plan) { .with = { .code = 401 } }, MT_E_IO, "/a: the server answered 401", 1);
    check_fails(&(plan) { .with = { .code = 410 } }, MT_E_IO, "/a: the server answered 410", 1);
    check_fails(&(plan) { .with = { .code = 400 } }, MT_E_IO, "/a: the server answered 400", 1);
    check_fails(&(plan) { .with = { .code = 204 } }, MT_E_IO, "/a: the server answered 204", 1);
    check_fails(&(plan) { .with = { .code = 416 } }, MT_E_CORRUPT, "the range does not exist", 1);
}

static void retries_end(void **state)
{
    (void)state;
    mt_context_options few = { .struct_size = sizeof few, .http = { .retries = 3 } };
    plan p = { .from = 1, .with = { .code = 500 } };
    remote r;
    mt_error err = MT_ERROR_INIT;
    remote_open(&r, folder, "/a", spoil, &p, &few);
    assert_int_equal(read_far(&r, &err), MT_E_IO);
    assert_non_null(strstr(err.message, "after 4 attempts"));
    assert_int_equal(p.seen, 4);
    p.with.code = 503;
    p.seen = 0;
    snprintf(p.with.extra, sizeof p.with.extra, "Retry-After: 3600\r\n");
    assert_int_equal(read_far(&r, NULL), MT_E_IO);
    assert_int_equal(p.seen, 1);
    remote_close(&r);
}

static void wrong_ranges(void **state)
{
    (void)state;
    check_fails(&(plan) { .with = { .shift = 1 } }, MT_E_IO, "was asked for 5000 at byte 200000", 1);
    check_fails(&(plan) { .with = { .shift = -200000 } }, MT_E_IO, "the server sent bytes 0 to 4999", 1);
    check_fails(&(plan) { .with = { .code = 206 } }, MT_E_IO, "without saying which", 1);
}

static void parts_as_200(void **state)
{
    (void)state;
    plan p = { .with = { .range_in_200 = true } };
    remote r;
    remote_open(&r, folder, "/a", spoil, &p, NULL);
    check_reads(&r);
    remote_close(&r);
}

static void without_ranges(void **state)
{
    (void)state;
    plan p = { .with = { .no_ranges = true } };
    remote r;
    uint8_t tail[7];
    uint64_t size;
    size_t n;
    mt_error err = MT_ERROR_INIT;
    remote_open(&r, folder, "/a", spoil, &p, NULL);
    check_reads(&r);
    check_ok(mt_store_read_tail(r.at.store, "a", tail, 7, &n, &size, &err), &err);
    assert_memory_equal(tail, bytes + SIZE - 7, 7);
    assert_int_equal(http_server_requests(r.server), 1); /* the whole object is kept */
    remote_close(&r);
    mt_context_options small = { .struct_size = sizeof small, .limits = { .max_norange_bytes = SIZE - 1 } };
    p = (plan) { .from = 1, .with = { .no_ranges = true } };
    remote_open(&r, folder, "/a", spoil, &p, &small);
    assert_int_equal(read_far(&r, &err), MT_E_LIMIT);
    assert_non_null(strstr(err.message, "cannot send parts"));
    assert_non_null(strstr(err.message, "max_norange_bytes"));
    p.with.no_length = true;
    assert_int_equal(read_far(&r, NULL), MT_E_UNSUPPORTED);
    remote_close(&r);
}

static void changing_objects(void **state)
{
    (void)state;
    check_fails(&(plan) { .with = { .etag = "\"other\"" } }, MT_E_CHANGED, "changed while it was being read", 1);
    check_fails(&(plan) { .with = { .code = 412 } }, MT_E_CHANGED, "changed while it was being read", 1);
}

/* A server that ignores If-Match: the change is detected by the ETag of the response. */
static void ignore_if_match(void *user, const http_request *request, http_reply *reply)
{
    (void)user;
    snprintf(reply->etag, sizeof reply->etag, "\"%u\"", request->number);
    ((char *)(uintptr_t)request->if_match)[0] = 0;
}

static void changing_objects_without_if_match(void **state)
{
    (void)state;
    remote r;
    mt_error err = MT_ERROR_INIT;
    remote_open(&r, folder, "/a", ignore_if_match, NULL, NULL);
    assert_int_equal(read_far(&r, &err), MT_E_CHANGED);
    remote_close(&r);
}

static void endless_bodies(void **state)
{
    (void)state;
    check_fails(&(plan) { .with = { .endless = true } }, MT_E_IO, "more than the 5000 bytes that it announced", 1);
    check_fails(&(plan) { .with = { .endless = true, .no_ranges = true } }, MT_E_LIMIT, "max_norange_bytes", 1);
}

static void encoded_bodies(void **state)
{
    (void)state;
    check_fails(&(plan) { .with = { .extra = "Content-Encoding: gzip\r\n" } }, MT_E_UNSUPPORTED,
                "Content-Encoding gzip", 1);
}

static void slow_bodies(void **state)
{
    (void)state;
    plan p = { .from = 1, .with = { .drip_ms = 20 } };
    remote r;
    mt_error err = MT_ERROR_INIT;
    remote_open(&r, folder, "/a", spoil, &p, NULL);
    check_ok(read_far(&r, &err), &err);
    remote_close(&r);
    mt_context_options options = { .struct_size = sizeof options, .http = { .stall_timeout_ms = 1000, .retries = -1 } };
    p = (plan) { .from = 1, .with = { .delay_ms = 2500 } };
    remote_open(&r, folder, "/a", spoil, &p, &options);
    assert_int_equal(read_far(&r, &err), MT_E_IO);
    remote_close(&r);
}

static void in_flight_is_bounded(void **state)
{
    (void)state;
    plan p = { .from = 1, .with = { .delay_ms = 30 } };
    mt_context_options options = { .struct_size = sizeof options, .http = { .in_flight_per_host = 7 } };
    remote r;
    remote_open(&r, folder, "/a", spoil, &p, &options);
    check_reads(&r);
    assert_int_equal(http_server_most(r.server), 7);
    remote_close(&r);
}

typedef struct counted {
    pthread_mutex_t mutex;
    pthread_cond_t done;
    int left, cancelled;
} counted;

static void count_done(mt_request *request)
{
    counted *c = request->user;
    pthread_mutex_lock(&c->mutex);
    c->left--;
    c->cancelled += request->status == MT_E_CANCELLED;
    pthread_cond_signal(&c->done);
    pthread_mutex_unlock(&c->mutex);
}

static void cancelling(void **state)
{
    (void)state;
    enum { N = 64 };
    plan p = { .from = 1, .with = { .delay_ms = 2000 } };
    remote r;
    counted c = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, N, 0 };
    uint8_t out[N];
    mt_request requests[N];
    remote_open(&r, folder, "/a", spoil, &p, NULL);
    for (int i = 0; i < N; i++) {
        requests[i] = (mt_request) { .key = "a", .offset = 100000, .size = 1, .out = &out[i], .user = &c, .owner = &c };
        requests[i].done = count_done;
        mt_store_submit(r.at.store, &requests[i]);
    }
    uint64_t start = mt_clock_ns();
    r.at.store->ops->cancel(r.at.store, &c);
    pthread_mutex_lock(&c.mutex);
    while (c.left > 0)
        pthread_cond_wait(&c.done, &c.mutex);
    pthread_mutex_unlock(&c.mutex);
    assert_int_equal(c.cancelled, N);
    assert_true(mt_clock_ns() - start < 1000000000u);
    remote_close(&r);
}

static void *read_much(void *argument)
{
    check_reads(argument);
    return NULL;
}

static void many_threads(void **state)
{
    (void)state;
    enum { N = 8 };
    mt_context_options options = { .struct_size = sizeof options, .http = { .io_threads = 3 } };
    remote r;
    pthread_t threads[N];
    remote_open(&r, folder, "/a", NULL, NULL, &options);
    for (int i = 0; i < N; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_much, &r), 0);
    for (int i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    remote_close(&r);
}

static void after_fork(void **state)
{
    (void)state;
    skip_if(UNDER_TSAN || UNDER_ASAN, "no fork with threads under this sanitizer");
    remote r;
    remote_open(&r, folder, "/a", NULL, NULL, NULL);
    check_reads(&r);
    pid_t child = fork();
    if (child == 0) {
        mt_error err = MT_ERROR_INIT;
        leave_child(read_far(&r, &err) == MT_OK ? 0 : 1);
    }
    check_reads(&r);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    check_reads(&r);
    remote_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds),        cmocka_unit_test(ends_of_objects),
        cmocka_unit_test(some_bytes),       cmocka_unit_test(what_is_absent),
        cmocka_unit_test(busy_every_7th),   cmocka_unit_test(reset_every_7th),
        cmocka_unit_test(short_bodies),     cmocka_unit_test(refusals_are_errors),
        cmocka_unit_test(retries_end),      cmocka_unit_test(wrong_ranges),
        cmocka_unit_test(parts_as_200),     cmocka_unit_test(without_ranges),
        cmocka_unit_test(changing_objects), cmocka_unit_test(changing_objects_without_if_match),
        cmocka_unit_test(endless_bodies),   cmocka_unit_test(encoded_bodies),
        cmocka_unit_test(slow_bodies),      cmocka_unit_test(in_flight_is_bounded),
        cmocka_unit_test(cancelling),       cmocka_unit_test(many_threads),
        cmocka_unit_test(after_fork),
    };
    return cmocka_run_group_tests(tests, objects_set_up, objects_tear_down);
}
