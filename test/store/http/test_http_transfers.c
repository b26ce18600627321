/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP: transfers themselves, without a store: bodies, limits, hooks, and their end. */
#include "support/http_store.h"

#include "store/http/engine.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { MANY = 24 };

static const mt_http_options no_retries = { .retries = -1 };

/* An engine, a server, and transfers to it. */
typedef struct fixture {
    mt_env env;
    mt_http *http;
    http_server *server;
    char url[128];
    mt_transfer transfers[MANY];
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned n_done, n_there; /* transfers that ended; requests that wait at the gate */
    bool is_open;             /* the gate */
} fixture;

static void start(fixture *f, const char *served, http_hook hook, void *user, const mt_http_options *options)
{
    *f = (fixture) { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
    mt_env_init(&f->env, NULL, NULL);
    f->server = http_server_start("127.0.0.1", served, hook, user);
    check_ok(mt_http_new(&f->env, options, &f->http, NULL), NULL);
    snprintf(f->url, sizeof f->url, "%s/a", http_server_url(f->server));
}

static void stop(fixture *f)
{
    mt_http_free(f->http);
    http_server_stop(f->server);
    assert_int_equal(f->env.memory_bytes, 0);
}

static void note_end(mt_transfer *t)
{
    fixture *f = t->user;
    pthread_mutex_lock(&f->mutex);
    f->n_done++;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->mutex);
}

static mt_transfer new_transfer(fixture *f)
{
    return (mt_transfer) {
        .method = "GET", .url = f->url, .name = "it", .span = MT_SPAN_BODY, .size = SIZE, .done = note_end, .user = f
    };
}

/* All requests wait until the gate opens. */
static void wait_at_gate(void *user, const http_request *request, http_reply *reply)
{
    fixture *f = user;
    (void)request, (void)reply;
    pthread_mutex_lock(&f->mutex);
    f->n_there++;
    pthread_cond_broadcast(&f->changed);
    while (!f->is_open)
        pthread_cond_wait(&f->changed, &f->mutex);
    pthread_mutex_unlock(&f->mutex);
}

static void open_gate(fixture *f)
{
    pthread_mutex_lock(&f->mutex);
    f->is_open = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->mutex);
}

static void wait_for(fixture *f, const unsigned *counter, unsigned n)
{
    pthread_mutex_lock(&f->mutex);
    while (*counter < n)
        pthread_cond_wait(&f->changed, &f->mutex);
    pthread_mutex_unlock(&f->mutex);
}

/* --- Their end. --- */

/* Only transfers of both the owner and the group are cancelled: some are sent, others wait for their turn. */
static void one_group_is_cancelled(void **state)
{
    (void)state;
    static const int owner[2], group[2];
    const mt_http_options options = { .in_flight = 6, .in_flight_per_host = 6, .io_threads = 2, .retries = -1 };
    fixture f; /* the threads take turns */
    start(&f, folder, wait_at_gate, &f, &options);
    for (int i = 0; i < MANY; i++) {
        f.transfers[i] = new_transfer(&f);
        f.transfers[i].owner = &owner[i / 2 % 2];
        f.transfers[i].group = &group[i % 2];
        mt_transfer_submit(f.http, &f.transfers[i]);
    }
    wait_for(&f, &f.n_there, 6);
    mt_transfer_cancel(f.http, &owner[0], &group[1]);
    wait_for(&f, &f.n_done, MANY / 4);
    mt_transfer_cancel(f.http, &group[0], &owner[0]); /* of nobody */
    open_gate(&f);
    wait_for(&f, &f.n_done, MANY);
    for (int i = 0; i < MANY; i++) {
        const mt_transfer *t = &f.transfers[i];
        assert_int_equal(t->status, i % 4 == 1 ? MT_E_CANCELLED : MT_OK);
        assert_string_equal(t->error.message, i % 4 == 1 ? "cancelled" : "");
        mt_release(&f.env, t->out, t->capacity);
    }
    stop(&f);
}

static void all_are_cancelled_at_the_end(void **state)
{
    (void)state;
    const mt_http_options options = { .in_flight = 6, .in_flight_per_host = 6, .io_threads = 2 };
    fixture f;
    start(&f, folder, wait_at_gate, &f, &options);
    for (int i = 0; i < MANY; i++) {
        f.transfers[i] = new_transfer(&f);
        mt_transfer_submit(f.http, &f.transfers[i]);
    }
    wait_for(&f, &f.n_there, 6);
    mt_http_free(f.http);
    f.http = NULL;
    assert_int_equal(f.n_done, MANY);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(f.transfers[i].status, MT_E_CANCELLED);
        mt_release(&f.env, f.transfers[i].out, f.transfers[i].capacity);
    }
    open_gate(&f);
    stop(&f);
}

static void answer_late(void *user, const http_request *request, http_reply *reply)
{
    (void)user, (void)request;
    reply->delay_ms = 2;
}

/* Of all hosts, and of one: the smaller number counts. */
static void in_flight(void **state)
{
    (void)state;
    static const struct {
        mt_http_options options;
        unsigned most;
    } cases[] = { { { .in_flight = 3, .in_flight_per_host = 8 }, 3 },
                  { { .in_flight = 8, .in_flight_per_host = 3 }, 3 },
                  { { .in_flight = 6, .in_flight_per_host = 9, .io_threads = 2 }, 6 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f;
        start(&f, folder, answer_late, NULL, &cases[i].options);
        for (int k = 0; k < MANY; k++) {
            f.transfers[k] = new_transfer(&f);
            mt_transfer_submit(f.http, &f.transfers[k]);
        }
        wait_for(&f, &f.n_done, MANY);
        assert_true(http_server_most(f.server) <= cases[i].most);
        for (int k = 0; k < MANY; k++)
            mt_release(&f.env, f.transfers[k].out, f.transfers[k].capacity);
        stop(&f);
    }
}

/* A host that does not answer holds up no other one. */
static void hosts_do_not_wait_for_each_other(void **state)
{
    (void)state;
    const mt_http_options options = { .in_flight_per_host = 1, .retries = -1 };
    fixture f;
    char url[128];
    start(&f, folder, wait_at_gate, &f, &options);
    http_server *other = http_server_start("127.0.0.1", folder, NULL, NULL);
    snprintf(url, sizeof url, "%s/a", http_server_url(other));
    for (int i = 0; i < 4; i++) {
        f.transfers[i] = new_transfer(&f);
        f.transfers[i].url = i < 2 ? f.url : url;
        mt_transfer_submit(f.http, &f.transfers[i]);
    }
    wait_for(&f, &f.n_done, 2);
    assert_true(f.transfers[2].code == 200 && f.transfers[3].code == 200);
    open_gate(&f);
    wait_for(&f, &f.n_done, 4);
    for (int i = 0; i < 4; i++)
        mt_release(&f.env, f.transfers[i].out, f.transfers[i].capacity);
    http_server_stop(other);
    stop(&f);
}

/* If one of several fails, its failure is told, and all of them have ended. */
static void several_at_once(void **state)
{
    (void)state;
    fixture f;
    char none[128];
    mt_error err = MT_ERROR_INIT;
    start(&f, folder, NULL, NULL, &no_retries);
    snprintf(none, sizeof none, "%s/none", http_server_url(f.server));
    for (int fails = -1; fails < 3; fails++) {
        mt_transfer t[3], *all[3];
        for (int i = 0; i < 3; i++) {
            t[i] = new_transfer(&f);
            t[i].url = i == fails ? none : f.url;
            all[i] = &t[i];
        }
        assert_int_equal(mt_transfer_perform(f.http, all, 3, &err), fails < 0 ? MT_OK : MT_E_NOT_FOUND);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(t[i].code, i == fails ? 404 : 200);
            mt_release(&f.env, t[i].out, t[i].capacity);
        }
    }
    check_ok(mt_transfer_perform(f.http, NULL, 0, &err), &(mt_error)MT_ERROR_INIT);
    stop(&f);
}

/* --- Hooks. --- */

static mt_status count_attempts(mt_transfer *t, mt_error *err)
{
    (void)err;
    ++*(unsigned *)(uintptr_t)t->owner;
    return MT_OK;
}

static mt_verdict repeat(mt_transfer *t) { return t->code == 200 ? MT_REPEAT : MT_ACCEPT; }

static void repeated_four_times(void **state)
{
    (void)state;
    fixture f;
    unsigned attempts = 0;
    mt_error err = MT_ERROR_INIT;
    start(&f, folder, NULL, NULL, &no_retries);
    mt_transfer t = new_transfer(&f);
    t.prepare = count_attempts;
    t.judge = repeat;
    t.owner = &attempts;
    assert_int_equal(mt_transfer_perform(f.http, (mt_transfer *[]) { &t }, 1, &err), MT_E_IO);
    assert_string_equal(err.message, "after 5 attempts: it: the server repeatedly answered 200");
    assert_int_equal(attempts, 5);
    assert_int_equal(http_server_requests(f.server), 5);
    mt_release(&f.env, t.out, t.capacity);
    stop(&f);
}

/* --- Headers. --- */

typedef struct move {
    char to[128];
    unsigned n_own, n_conditions; /* requests with the transfer's own header; with conditions */
} move;

static void note_and_move(void *user, const http_request *request, http_reply *reply)
{
    move *m = user;
    m->n_own += strstr(request->head, "\r\nX-Own: 1\r\n") != NULL;
    m->n_conditions += strstr(request->head, "\r\nIf-") != NULL;
    if (*m->to && strcmp(request->path, "/a") == 0) {
        reply->code = 302;
        snprintf(reply->location, sizeof reply->location, "%s", m->to);
        reply->size = 0;
    }
}

/* Headers of a transfer go to the scheme, host and port of its URL. */
static void headers_of_a_transfer(void **state)
{
    (void)state;
    move here = { .n_own = 0 }, there = { .n_own = 0 };
    static const char *const addresses[] = { NULL, "127.0.0.1", "127.0.0.2", NULL };
    for (int i = 0; i < 4; i++) {
        fixture f;
        uint8_t out[1000];
        mt_error err = MT_ERROR_INIT;
        here.n_own = there.n_own = 0;
        start(&f, folder, note_and_move, &here, &no_retries);
        http_server *other =
            http_server_start(addresses[i] ? addresses[i] : "127.0.0.1", folder, note_and_move, &there);
        if (i == 3) /* the same server, by another name */
            snprintf(here.to, sizeof here.to, "http://localhost%s/x%%20y%%23%%25",
                     strrchr(http_server_url(f.server), ':'));
        else
            snprintf(here.to, sizeof here.to, "%s/x%%20y%%23%%25", i ? http_server_url(other) : "");
        mt_transfer t = new_transfer(&f);
        t.headers[0] = "X-Own: 1";
        t.n_headers = 1;
        t.follow = true;
        t.out = out;
        t.size = sizeof out;
        check_ok(mt_transfer_perform(f.http, (mt_transfer *[]) { &t }, 1, &err), &err);
        assert_memory_equal(out, bytes, sizeof out);
        assert_int_equal(here.n_own, i ? 1 : 2);
        assert_int_equal(there.n_own, 0);
        assert_int_equal(here.n_conditions + there.n_conditions, 0);
        *here.to = 0;
        here.n_own = 0;
        char url[128];
        snprintf(url, sizeof url, "%s/x%%20y%%23%%25", http_server_url(f.server));
        t.url = url;
        t.n_headers = 0;
        t.only_new = true;
        check_ok(mt_transfer_perform(f.http, (mt_transfer *[]) { &t }, 1, &err), &err);
        assert_true(here.n_conditions == 1 && here.n_own == 0);
        here.n_conditions = 0;
        http_server_stop(other);
        stop(&f);
    }
}

/* --- Bodies. --- */

static void without_length(void *user, const http_request *request, http_reply *reply)
{
    (void)user, (void)request;
    reply->no_length = true;
}

/* Of unknown size, for a buffer or for memory that grows. */
static void bodies_of_unknown_size(void **state)
{
    (void)state;
    static uint8_t out[SIZE + 1];
    for (int i = 0; i < 6; i++) {
        fixture f;
        mt_error err = MT_ERROR_INIT;
        start(&f, folder, without_length, NULL, &no_retries);
        mt_transfer t = new_transfer(&f);
        t.size = (size_t)(SIZE - 1 + i % 3);
        t.out = i < 3 ? out : NULL;
        memset(out, 77, sizeof out);
        mt_status st = mt_transfer_perform(f.http, (mt_transfer *[]) { &t }, 1, &err);
        if (i % 3 == 0) {
            assert_int_equal(st, MT_E_LIMIT);
            assert_string_equal(err.message, "it has more than 299999 bytes");
        } else {
            check_ok(st, &err);
            assert_int_equal(t.n_read, SIZE);
            assert_memory_equal(t.out, bytes, SIZE);
            assert_true(i < 3 || (t.capacity >= SIZE && t.capacity <= t.size));
        }
        assert_int_equal(out[SIZE], 77);
        if (i >= 3)
            mt_release(&f.env, t.out, t.capacity);
        stop(&f);
    }
}

static void answer_in_chunks(void *user, const http_request *request, http_reply *reply)
{
    const size_t *size = user;
    (void)request;
    reply->no_ranges = true;
    reply->chunked = *size % 2 == 0;
    reply->size = *size;
}

/* A body of known size takes that much memory; one of unknown size at most the limit. */
static void memory_of_bodies(void **state)
{
    (void)state;
    static const struct {
        size_t size, most, capacity; /* in chunks if the size is even */
    } cases[] = { { 11, 100, 11 },         { 10, 100, 100 },           { 10, SIZE, 65536 },      { 65536, SIZE, 65536 },
                  { 65538, SIZE, 131072 }, { 131074, 200000, 200000 }, { 200001, SIZE, 200001 }, { SIZE, SIZE, SIZE } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f;
        mt_error err = MT_ERROR_INIT;
        start(&f, folder, answer_in_chunks, (void *)(uintptr_t)&cases[i].size, &no_retries);
        mt_transfer t = new_transfer(&f);
        t.size = cases[i].most;
        check_ok(mt_transfer_perform(f.http, (mt_transfer *[]) { &t }, 1, &err), &err);
        assert_int_equal(t.n_read, cases[i].size);
        assert_memory_equal(t.out, bytes, t.n_read);
        assert_int_equal(t.capacity, cases[i].capacity);
        assert_true(t.object_size == MT_SIZE_UNKNOWN); /* it is no object */
        mt_release(&f.env, t.out, t.capacity);
        stop(&f);
    }
}

/* A part of an object that a server without ranges sends in chunks: the whole object comes with it. */
static void parts_of_chunked_objects(void **state)
{
    (void)state;
    static const struct {
        mt_span span;
        uint64_t offset;
        size_t size, from, n;
        mt_status status;
    } cases[] = { { MT_SPAN_RANGE, 150, 50, 150, 50, MT_OK },        { MT_SPAN_RANGE, 199980, 20, 199980, 20, MT_OK },
                  { MT_SPAN_RANGE, 199981, 20, 0, 0, MT_E_CORRUPT }, { MT_SPAN_SOME, 199981, 20, 199981, 19, MT_OK },
                  { MT_SPAN_WHOLE, 0, 200000, 0, 200000, MT_OK },    { MT_SPAN_SOME, 200000, 20, 0, 0, MT_OK },
                  { MT_SPAN_TAIL, 0, 50, 199950, 50, MT_OK } };
    const size_t size = 200000;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f;
        uint8_t out[64];
        start(&f, folder, answer_in_chunks, (void *)(uintptr_t)&size, &no_retries);
        mt_transfer t = new_transfer(&f);
        t.span = cases[i].span;
        t.offset = cases[i].offset;
        t.size = cases[i].size;
        const bool is_whole = cases[i].span == MT_SPAN_WHOLE;
        t.out = is_whole ? NULL : out;
        assert_int_equal(mt_transfer_perform(f.http, (mt_transfer *[]) { &t }, 1, NULL), cases[i].status);
        if (!cases[i].status) {
            assert_int_equal(t.n_read, cases[i].n);
            assert_memory_equal(t.out, bytes + cases[i].from, t.n_read);
            assert_int_equal(t.object_size, size);
            assert_memory_equal(is_whole ? t.out : t.whole, bytes, size);
        }
        if (is_whole)
            mt_release(&f.env, t.out, t.capacity);
        mt_release(&f.env, t.whole, t.whole_capacity);
        stop(&f);
    }
}

static void memory_for_a_body(void **state)
{
    (void)state;
    http_server *server = http_server_start("127.0.0.1", folder, without_length, NULL);
    char url[128];
    snprintf(url, sizeof url, "%s/a", http_server_url(server));
    size_t failures = 0;
    for (size_t k = 0;; k++) {
        failing_allocator failing;
        mt_allocator allocator = failing_allocator_make(&failing, k, 0);
        mt_env env;
        mt_http *http;
        mt_env_init(&env, &allocator, NULL);
        mt_status st = mt_http_new(&env, &no_retries, &http, NULL);
        if (!st) {
            mt_transfer t = { .method = "GET", .url = url, .name = "it", .span = MT_SPAN_BODY, .size = SIZE };
            st = mt_transfer_perform(http, (mt_transfer *[]) { &t }, 1, NULL);
            if (!st)
                assert_memory_equal(t.out, bytes, SIZE);
            mt_release(&env, t.out, t.capacity);
            mt_http_free(http);
        }
        assert_int_equal(env.memory_bytes, 0);
        if (failing.count <= k) {
            assert_int_equal(st, MT_OK);
            break;
        }
        assert_true(st == MT_E_MEMORY || st == MT_OK);
        failures += st != MT_OK;
    }
    assert_true(failures > 5);
    http_server_stop(server);
}

static char text[SIZE]; /* of errors */

static void refuse_at_length(void *user, const http_request *request, http_reply *reply)
{
    (void)request;
    reply->code = 404;
    reply->chunked = true;
    reply->body = (const uint8_t *)text;
    reply->size = *(const size_t *)user;
}

/* Of the body of an error, the first 2047 bytes are kept, and the rest does not matter. */
static void bodies_of_errors(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 2046, 2047, 2048, 65536, 65537, SIZE };
    for (int i = 0; i < SIZE; i++)
        text[i] = (char)('a' + i % 23);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fixture f;
        mt_error err = MT_ERROR_INIT;
        start(&f, folder, refuse_at_length, (void *)(uintptr_t)&sizes[i], &no_retries);
        mt_transfer t = new_transfer(&f);
        assert_int_equal(mt_transfer_perform(f.http, (mt_transfer *[]) { &t }, 1, &err), MT_E_NOT_FOUND);
        assert_string_equal(err.message, "it: the server answered 404 (not found)");
        assert_int_equal(strnlen(t.text, sizeof t.text), sizes[i] < 2047 ? sizes[i] : 2047);
        assert_memory_equal(t.text, text, strlen(t.text));
        stop(&f);
    }
}

static void answer_half_a_head(void *user, const http_request *request, http_reply *reply)
{
    (void)user, (void)request;
    reply->open_head = true;
}

static void heads_that_do_not_end(void **state)
{
    (void)state;
    fixture f;
    mt_error err = MT_ERROR_INIT;
    start(&f, folder, answer_half_a_head, NULL, &no_retries);
    mt_transfer t = new_transfer(&f);
    assert_int_equal(mt_transfer_perform(f.http, (mt_transfer *[]) { &t }, 1, &err), MT_E_IO);
    mt_release(&f.env, t.out, t.capacity);
    stop(&f);
}

static void note_body(void *user, const http_request *request, http_reply *reply)
{
    char *seen = user;
    (void)reply;
    snprintf(seen, 64, "%.4s:%.*s", request->head, (int)request->body_size, (const char *)request->body);
}

static void bodies_that_are_sent(void **state)
{
    (void)state;
    static const mt_piece pieces[] = { { NULL, 0 }, { "ab", 2 }, { "", 0 }, { "c", 1 }, { NULL, 0 } };
    static const struct {
        const char *method, *seen;
        size_t n;
    } cases[] = { { "PUT", "PUT :abc", 5 }, { "POST", "POST:ab", 3 }, { "PUT", "PUT :", 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f;
        char seen[64] = "";
        mt_error err = MT_ERROR_INIT;
        start(&f, folder, note_body, seen, &no_retries);
        mt_transfer t = new_transfer(&f);
        t.method = cases[i].method;
        t.pieces = pieces;
        t.n_pieces = cases[i].n;
        check_ok(mt_transfer_perform(f.http, (mt_transfer *[]) { &t }, 1, &err), &err);
        assert_string_equal(seen, cases[i].seen);
        mt_release(&f.env, t.out, t.capacity);
        stop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_group_is_cancelled),
        cmocka_unit_test(all_are_cancelled_at_the_end),
        cmocka_unit_test(hosts_do_not_wait_for_each_other),
        cmocka_unit_test(several_at_once),
        cmocka_unit_test(in_flight),
        cmocka_unit_test(repeated_four_times),
        cmocka_unit_test(headers_of_a_transfer),
        cmocka_unit_test(bodies_of_unknown_size),
        cmocka_unit_test(memory_of_bodies),
        cmocka_unit_test(parts_of_chunked_objects),
        cmocka_unit_test(memory_for_a_body),
        cmocka_unit_test(heads_that_do_not_end),
        cmocka_unit_test(bodies_that_are_sent),
        cmocka_unit_test(bodies_of_errors),
    };
    return cmocka_run_group_tests(tests, objects_set_up, objects_tear_down);
}
