/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP: redirects, and what goes to which host. */
#include "support/http_store.h"

#include "store/http/engine.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void follow_redirect(void *user, const http_request *request, http_reply *reply)
{
    const char *to = user;
    if (strcmp(request->path, "/moved/a") == 0) {
        reply->code = 302;
        snprintf(reply->location, sizeof reply->location, "%s", to);
    } else if (strcmp(request->path, "/loop") == 0) {
        reply->code = 301;
        snprintf(reply->location, sizeof reply->location, "/loop");
    }
}

/* The error of opening a path of the server. */
static mt_status try_open(const char *path, http_hook hook, void *user, bool (*is_private)(const char *), mt_error *err)
{
    mt_context *context;
    mt_arena *arena;
    mt_location at;
    char url[256];
    http_server *server = http_server_start("127.0.0.1", folder, hook, user);
    check_ok(mt_context_new(NULL, &context, err), err);
    check_ok(mt_arena_new(&context->env, &arena, err), err);
    if (is_private)
        context->http->is_private = is_private;
    snprintf(url, sizeof url, "%s%s", http_server_url(server), path);
    mt_status st = mt_resolve(&context->env, url, NULL, arena, &at, err);
    mt_store_close(at.store);
    mt_arena_free(arena);
    mt_context_free(context);
    http_server_stop(server);
    return st;
}

static void check_redirect(const char *to, const char *text)
{
    mt_error err = MT_ERROR_INIT;
    mt_status st = try_open("/moved/a", follow_redirect, (void *)(uintptr_t)to, NULL, &err);
    if (text) {
        assert_int_equal(st, MT_E_IO);
        if (!strstr(err.message, text))
            fail_msg("\"%s\", not \"%s\"", err.message, text);
    } else {
        check_ok(st, &err);
    }
}

static void redirects(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    check_redirect("/a", NULL);
    check_redirect("../a", NULL);
    check_redirect("ftp://127.0.0.1/a", "another scheme");
    check_redirect("file:///etc/passwd", "another scheme");
    check_redirect("http://user:word@127.0.0.1/a", "with a user");
    check_redirect("http://user@127.0.0.1/a", "with a user");
    assert_int_equal(try_open("/loop", follow_redirect, NULL, NULL, &err), MT_E_IO);
    assert_non_null(strstr(err.message, "more than five times"));
}

static bool only_2_is_private(const char *address) { return strcmp(address, "127.0.0.2") == 0; }

/* 127.0.0.1 plays the public server. */
static void redirects_to_private_addresses(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    http_server *inside = http_server_start("127.0.0.2", folder, NULL, NULL);
    char to[256];
    snprintf(to, sizeof to, "%s/a", http_server_url(inside));
    check_redirect(to, NULL); /* between two private ones */
    assert_int_equal(try_open("/moved/a", follow_redirect, to, only_2_is_private, &err), MT_E_IO);
    assert_non_null(strstr(err.message, "from a public to a private address"));
    assert_int_equal(http_server_requests(inside), 1);
    http_server_stop(inside);
}

static void note_header(void *user, const http_request *request, http_reply *reply)
{
    (void)reply;
    atomic_int *seen = user;
    *seen += strstr(request->head, "X-Token: abc\r\n") != NULL;
}

typedef struct hop {
    char to[256];
    atomic_int seen;
} hop;

static void note_and_redirect(void *user, const http_request *request, http_reply *reply)
{
    hop *h = user;
    note_header(&h->seen, request, reply);
    reply->code = 307;
    snprintf(reply->location, sizeof reply->location, "%s", h->to);
}

static void headers_go_to_one_host(void **state)
{
    (void)state;
    atomic_int other = 0;
    hop h = { .seen = 0 };
    mt_error err = MT_ERROR_INIT;
    http_server *target = http_server_start("127.0.0.2", folder, note_header, &other);
    http_server *first = http_server_start("127.0.0.1", NULL, note_and_redirect, &h);
    snprintf(h.to, sizeof h.to, "%s/a", http_server_url(target));
    mt_context_options options = { .struct_size = sizeof options,
                                   .http = { .headers = "X-Token: abc\nX-Other: 1",
                                             .headers_prefix = http_server_url(first) } };
    mt_context *context;
    mt_arena *arena;
    mt_location at;
    char url[256];
    snprintf(url, sizeof url, "%s/a", http_server_url(first));
    check_ok(mt_context_new(&options, &context, &err), &err);
    check_ok(mt_arena_new(&context->env, &arena, &err), &err);
    check_ok(mt_resolve(&context->env, url, NULL, arena, &at, &err), &err);
    assert_int_equal(h.seen, 1);
    assert_int_equal(other, 0);
    mt_store_close(at.store);
    mt_arena_free(arena);
    mt_context_free(context);
    http_server_stop(first);
    http_server_stop(target);
    static const char *const bad[] = { "https://", "http://", "ftp://h", "h", "" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        options.http.headers_prefix = bad[i];
        assert_int_equal(mt_context_new(&options, &context, NULL), MT_E_ARGUMENT);
    }
    options.http.headers_prefix = NULL;
    assert_int_equal(mt_context_new(&options, &context, NULL), MT_E_ARGUMENT);
    options.http.headers_prefix = "http://h";
    options.http.headers = "X-Token: abc\r\nX-Other: 1";
    assert_int_equal(mt_context_new(&options, &context, NULL), MT_E_ARGUMENT);
}

static void note_lines(void *user, const http_request *request, http_reply *reply)
{
    size_t *sizes = user;
    const char *first = strstr(request->head, "\r\nX-First: "), *last = strstr(request->head, "\r\nX-Last: ");
    (void)reply;
    sizes[0] = first ? strcspn(first + 2, "\r") : 0;
    sizes[1] = last ? strcspn(last + 2, "\r") : 0;
}

/* Each line is sent as it is; one that does not fit is refused. */
static void lines_of_headers(void **state)
{
    (void)state;
    static char lines[9000];
    static const size_t cases[] = { 7000, 8191, 8192 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = cases[i], sizes[2] = { 0 };
        mt_context *context;
        mt_arena *arena;
        mt_location at;
        char url[64];
        mt_error err = MT_ERROR_INIT;
        http_server *server = http_server_start("127.0.0.1", folder, note_lines, sizes);
        snprintf(lines, sizeof lines, "X-First: %0*d\n\nX-Last: 1\n", (int)n - 9, 0);
        snprintf(url, sizeof url, "%s/a", http_server_url(server));
        mt_context_options options = { .struct_size = sizeof options,
                                       .http = { .headers = lines, .headers_prefix = http_server_url(server) } };
        mt_status st = mt_context_new(&options, &context, &err);
        if (n < 8192) {
            check_ok(st, &err);
            if (n == 7000) { /* the server takes no longer heads */
                check_ok(mt_arena_new(&context->env, &arena, &err), &err);
                check_ok(mt_resolve(&context->env, url, NULL, arena, &at, &err), &err);
                assert_true(sizes[0] == n && sizes[1] == 9);
                mt_store_close(at.store);
                mt_arena_free(arena);
            }
            mt_context_free(context);
        } else {
            assert_int_equal(st, MT_E_ARGUMENT);
            assert_string_equal(err.message, "http.headers: a line has more than 8191 bytes");
        }
        http_server_stop(server);
    }
}

static void hosts_that_are_not_there(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack;
    http_server *server = http_server_start("127.0.0.1", folder, NULL, NULL);
    char url[256];
    snprintf(url, sizeof url, "%s/a?secret", http_server_url(server));
    http_server_stop(server); /* the port is closed now */
    assert_int_equal(mt_stack_open(NULL, url, NULL, &stack, &err), MT_E_IO);
    assert_null(strstr(err.message, "secret"));
    assert_non_null(strstr(err.message, "after 4 attempts")); /* of a host that has never answered */
    err = (mt_error)MT_ERROR_INIT;
    assert_int_equal(mt_stack_open(NULL, "http://user:word@127.0.0.1/a", NULL, &stack, &err), MT_E_ARGUMENT);
    assert_null(strstr(err.message, "word@"));
    assert_int_equal(mt_stack_open(NULL, "http:///a", NULL, &stack, NULL), MT_E_ARGUMENT);
    const mt_open_options options = { .struct_size = sizeof options, .external_folder = "http://b/?secret" };
    err = (mt_error)MT_ERROR_INIT;
    assert_int_equal(mt_stack_open(NULL, "http://a/a", &options, &stack, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "external_folder \"http://b/?...\""));
}

static void options_that_are_filled_in(void **state)
{
    (void)state;
    static const struct {
        mt_http_options given;
        unsigned in_flight, per_host, threads;
        int retries;
    } cases[] = { { { 0 }, 128, 32, 1, 8 },
                  { { .in_flight_per_host = 128, .io_threads = 8 }, 128, 128, 8, 8 },
                  { { .in_flight_per_host = 129, .io_threads = 9, .retries = -1 }, 129, 129, 8, 0 },
                  { { .in_flight = 5, .io_threads = 1, .retries = 1 }, 5, 32, 1, 1 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_env env;
        mt_http *http;
        mt_env_init(&env, NULL, NULL);
        check_ok(mt_http_new(&env, &cases[i].given, &http, NULL), NULL);
        const mt_http_options *o = mt_http_get_options(http);
        assert_true(o->in_flight == cases[i].in_flight && o->in_flight_per_host == cases[i].per_host);
        assert_true(o->io_threads == cases[i].threads && o->retries == cases[i].retries);
        assert_true(o->connect_timeout_ms == 5000 && o->stall_timeout_ms == 20000);
        mt_http_free(http);
    }
}

/* The variables that libcurl knows: each names a proxy, but no_proxy. */
static void proxies_of_the_environment(void **state)
{
    (void)state;
    static const char *const names[] = { "http_proxy", "https_proxy", "HTTPS_PROXY",
                                         "all_proxy",  "ALL_PROXY",   "no_proxy" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        mt_env env;
        mt_http *http;
        if (getenv(names[i]))
            continue; /* of the machine */
        for (int k = 0; k < 2; k++) {
            bool others = false;
            for (size_t n = 0; n < 5; n++)
                others |= n != i && getenv(names[n]);
            mt_env_init(&env, NULL, NULL);
            if (k)
                setenv(names[i], "http://127.0.0.1:1", 1);
            check_ok(mt_http_new(&env, NULL, &http, NULL), NULL);
            assert_int_equal(http->proxied, others || (k && i < 5));
            mt_http_free(http);
        }
        unsetenv(names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redirects),
        cmocka_unit_test(redirects_to_private_addresses),
        cmocka_unit_test(headers_go_to_one_host),
        cmocka_unit_test(lines_of_headers),
        cmocka_unit_test(hosts_that_are_not_there),
        cmocka_unit_test(options_that_are_filled_in),
        cmocka_unit_test(proxies_of_the_environment),
    };
    return cmocka_run_group_tests(tests, objects_set_up, objects_tear_down);
}
