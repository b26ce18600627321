/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP: what is refused, of servers, proxies and callers, and how the errors name it. */
#include "support/http_store.h"

#include "store/http/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const mt_context_options no_retries = { .struct_size = sizeof no_retries, .http = { .retries = -1 } };

/* The second request fails with MT_E_IO or another status, and a message. */
static void check_refused(const http_reply *with, mt_status status, const char *text)
{
    plan p = { .from = 1, .with = *with };
    remote r;
    mt_error err = MT_ERROR_INIT;
    remote_open(&r, folder, "/a", spoil, &p, &no_retries);
    mt_status st = read_far(&r, &err);
    if (st != status || !strstr(err.message, text))
        fail_msg("%s: \"%s\", not \"%s\"", mt_status_name(st), err.message, text);
    remote_close(&r);
}

static void codes_have_their_phrase(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *text;
    } known[] = { { 401, "401 (credentials" },          { 403, "403 (forbidden: " },
                  { 408, "408 (request timeout)" },     { 410, "410 (gone)" },
                  { 429, "429 (too many requests)" },   { 500, "500 (internal error)" },
                  { 502, "502 (bad gateway)" },         { 503, "503 (unavailable)" },
                  { 504, "504 (gateway timeout)" },     { 418, "the server answered 418" },
                  { 302, "it redirects without a Loc" } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        check_refused(&(http_reply) { .code = known[i].code }, MT_E_IO, known[i].text);
}

/* What a server asks for counts if it is busy; who asks for an hour is not asked again. */
static void waits_that_are_asked_for(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *wait;
        unsigned n; /* requests, of two at most */
    } cases[] = { { 429, "3600", 1 }, { 503, "3600", 1 }, { 500, "3600", 2 }, { 429, "0", 2 }, { 503, "0", 2 } };
    const mt_context_options once = { .struct_size = sizeof once, .http = { .retries = 1 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plan p = { .from = 1, .with = { .code = cases[i].code } };
        remote r;
        mt_error err = MT_ERROR_INIT;
        snprintf(p.with.extra, sizeof p.with.extra, "Retry-After: %s\r\n", cases[i].wait);
        remote_open(&r, folder, "/a", spoil, &p, &once);
        assert_int_equal(read_far(&r, &err), MT_E_IO);
        assert_int_equal(p.seen, cases[i].n);
        assert_int_equal(strncmp(err.message, "after 2 attempts: ", 18) == 0, cases[i].n == 2);
        remote_close(&r);
    }
}

static void redirects_that_lead_nowhere(void **state)
{
    (void)state;
    check_refused(&(http_reply) { .code = 301, .location = "http://a:b:c/" }, MT_E_IO, "redirects");
    check_refused(&(http_reply) { .code = 303, .location = "http://127.0.0.1:99999999/a" }, MT_E_IO, "redirects");
    check_refused(&(http_reply) { .code = 308, .location = "gopher://127.0.0.1/a" }, MT_E_IO, "another scheme");
}

static void heads_are_bounded(void **state)
{
    (void)state;
    plan p = { .from = 1, .with = { .more_lines = 200 } };
    remote r;
    mt_error err = MT_ERROR_INIT;
    remote_open(&r, folder, "/a", spoil, &p, &no_retries);
    check_ok(read_far(&r, &err), &err);
    remote_close(&r);
    check_refused(&(http_reply) { .more_lines = 280 }, MT_E_LIMIT, "a head of more than 262144 bytes");
}

/* An ETag that does not fit is dropped, not cut: others may begin alike. */
static void long_etags(void **state)
{
    (void)state;
    plan p = { .with = { .etag = "" } };
    remote r;
    mt_error err = MT_ERROR_INIT;
    snprintf(p.with.extra, sizeof p.with.extra, "ETag: \"%0150d\"\r\n", 0);
    remote_open(&r, folder, "/a", spoil, &p, NULL);
    check_ok(read_far(&r, &err), &err);
    assert_string_equal(p.if_match, "");
    remote_close(&r);
}

static void identities(void **state)
{
    (void)state;
    plan p = { .with = { .extra = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n" } };
    remote r;
    mt_identity identity;
    mt_error err = MT_ERROR_INIT;
    remote_open(&r, folder, "/a", spoil, &p, NULL);
    check_ok(mt_store_identify(r.at.store, "a", &identity, &err), &err);
    assert_int_equal(identity.size, SIZE);
    assert_int_equal(identity.mtime_ns, INT64_C(784111777) * 1000000000);
    assert_int_equal(mt_store_identify(r.at.store, "none", &identity, &err), MT_E_NOT_FOUND);
    remote_close(&r);
}

/* The tail, or only the size, of an object whose size is not known yet. */
static void tails(void **state)
{
    (void)state;
    remote r;
    uint8_t out[8];
    size_t n = 9;
    uint64_t size = 0;
    mt_error err = MT_ERROR_INIT;
    memset(out, 77, sizeof out);
    remote_open(&r, folder, "/a", NULL, NULL, NULL);
    check_ok(mt_store_read_tail(r.at.store, "x y#%", out, 0, &n, &size, &err), &err);
    assert_int_equal(size, 1000);
    assert_int_equal(n, 0);
    assert_int_equal(out[0], 77);
    remote_close(&r);
    remote_open(&r, folder, "/a", NULL, NULL, NULL);
    check_ok(mt_store_read_tail(r.at.store, "x y#%", out, sizeof out, &n, &size, &err), &err);
    assert_int_equal(size, 1000);
    assert_int_equal(n, sizeof out);
    assert_memory_equal(out, bytes + 1000 - sizeof out, sizeof out);
    remote_close(&r);
}

static void long_names(void **state)
{
    (void)state;
    remote r;
    uint64_t size;
    char key[9001], byte;
    mt_error err = MT_ERROR_INIT;
    memset(key, 'k', sizeof key);
    key[sizeof key - 1] = 0;
    remote_open(&r, folder, "/a", NULL, NULL, NULL);
    assert_int_equal(mt_store_size(r.at.store, key, &size, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "too long"));
    mt_error_clear(&err);
    assert_int_equal(mt_store_read_at(r.at.store, key, 0, &byte, 1, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "too long"));
    mt_error_clear(&err);
    char url[6000];
    mt_location at;
    snprintf(url, sizeof url, "%s/a?%.5000s", http_server_url(r.server), key);
    assert_int_equal(mt_resolve(&r.context->env, url, NULL, r.arena, &at, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "the URL is too long"));
    assert_int_equal(http_server_requests(r.server), 1);
    remote_close(&r);
}

static void schemes_and_hosts_in_capitals(void **state)
{
    (void)state;
    http_server *server = http_server_start("127.0.0.1", folder, NULL, NULL);
    mt_context *context;
    mt_arena *arena;
    mt_location at;
    char url[256], lower[256];
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(NULL, &context, &err), &err);
    check_ok(mt_arena_new(&context->env, &arena, &err), &err);
    const char *port = strrchr(http_server_url(server), ':');
    snprintf(url, sizeof url, "HTTP://LocalHost%s/a", port);
    snprintf(lower, sizeof lower, "http://localhost%s", port);
    check_ok(mt_resolve(&context->env, url, NULL, arena, &at, &err), &err);
    assert_string_equal(at.store->url, lower);
    mt_store_close(at.store);
    snprintf(lower, sizeof lower, "%s/a", http_server_url(server));
    snprintf(url, sizeof url, "%s//", http_server_url(server)); /* slashes at the end of a root do not matter */
    check_ok(mt_resolve(&context->env, lower, url, arena, &at, &err), &err);
    assert_string_equal(at.key, "a");
    mt_store_close(at.store);
    mt_arena_free(arena);
    mt_context_free(context);
    http_server_stop(server);
}

static void urls_need_a_context(void **state)
{
    (void)state;
    mt_env env;
    mt_arena *arena;
    mt_location at;
    mt_error err = MT_ERROR_INIT;
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_arena_new(&env, &arena, &err), &err);
    static const char *const urls[] = { "http://127.0.0.1:1/a", "s3://lab/a", "gs://lab/a" };
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        mt_error_clear(&err);
        assert_int_equal(mt_resolve(&env, urls[i], NULL, arena, &at, &err), MT_E_ARGUMENT);
        assert_non_null(strstr(err.message, "there is no context to open it in"));
    }
    mt_arena_free(arena);
}

/* ---- Through a proxy, which the test server plays: the path of a request is then its URL. ---- */

static void answer_as_proxy(void *user, const http_request *request, http_reply *reply)
{
    const char *to = user;
    bool moved = strcmp(request->path, "http://example.org/moved/a") == 0;
    reply->code = moved ? 302 : strcmp(request->path, "http://example.org/a") == 0 ? 200 : 404;
    if (moved)
        snprintf(reply->location, sizeof reply->location, "%s", to);
    reply->body = bytes;
    reply->size = moved ? 0 : SIZE;
}

static mt_status open_by_proxy(const char *to, int allow_private, mt_error *err)
{
    mt_context_options options = no_retries;
    mt_context *context;
    mt_arena *arena;
    mt_location at;
    http_server *server = http_server_start("127.0.0.1", NULL, answer_as_proxy, (void *)(uintptr_t)to);
    options.http.allow_private_redirects = allow_private;
    setenv("http_proxy", http_server_url(server), 1);
    check_ok(mt_context_new(&options, &context, err), err);
    check_ok(mt_arena_new(&context->env, &arena, err), err);
    mt_status st = mt_resolve(&context->env, "http://example.org/moved/a", NULL, arena, &at, err);
    mt_store_close(at.store);
    mt_arena_free(arena);
    mt_context_free(context);
    unsetenv("http_proxy");
    http_server_stop(server);
    return st;
}

static void private_names_behind_a_proxy(void **state)
{
    (void)state;
    static const char *const inside[] = { "http://127.0.0.1/a", "http://localhost/a", "http://[::1]/a",
                                          "http://10.1.2.3/a" };
    mt_error err = MT_ERROR_INIT;
    check_ok(open_by_proxy("http://example.org/a", 0, &err), &err);
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
        mt_error_clear(&err);
        assert_int_equal(open_by_proxy(inside[i], 0, &err), MT_E_IO);
        assert_non_null(strstr(err.message, "it redirects from a public to a private address"));
    }
    mt_error_clear(&err);
    assert_int_equal(open_by_proxy("http://10.1.2.3/a", 1, &err), MT_E_NOT_FOUND); /* it is asked for */
}

/* Of a server without TLS the handshake fails, but only after the file of certificates has been read: that of the caller,
 * that of the environment, or that of the system, if it has one. */
static void files_of_certificates(void **state)
{
    (void)state;
    static const struct {
        const char *given, *environment, *named;
    } cases[] = { { "/none/a.pem", "/none/b.pem", "/none/a.pem" }, { NULL, "/none/b.pem", "/none/b.pem" }, { 0 } };
    http_server *server = http_server_start("127.0.0.1", folder, NULL, NULL);
    const char *before = getenv("SSL_CERT_FILE");
    char *kept = before ? strdup(before) : NULL, url[64];
    snprintf(url, sizeof url, "https%s/a", http_server_url(server) + strlen("http"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_context_options options = no_retries;
        mt_context *context;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        if (!cases[i].named && access("/etc/ssl/certs/ca-certificates.crt", R_OK) != 0)
            continue;
        options.http.ca_file = cases[i].given;
        if (cases[i].environment)
            setenv("SSL_CERT_FILE", cases[i].environment, 1);
        else
            unsetenv("SSL_CERT_FILE");
        check_ok(mt_context_new(&options, &context, &err), &err);
        assert_int_equal(mt_stack_open(context, url, NULL, &stack, &err), MT_E_IO);
        if (cases[i].named ? !strstr(err.message, cases[i].named)
                           : strstr(err.message, ".pem") || strstr(err.message, ".crt"))
            fail_msg("case %zu: %s", i, err.message);
        mt_context_free(context);
    }
    if (kept)
        setenv("SSL_CERT_FILE", kept, 1);
    free(kept);
    http_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_have_their_phrase),
        cmocka_unit_test(waits_that_are_asked_for),
        cmocka_unit_test(redirects_that_lead_nowhere),
        cmocka_unit_test(heads_are_bounded),
        cmocka_unit_test(long_etags),
        cmocka_unit_test(identities),
        cmocka_unit_test(tails),
        cmocka_unit_test(long_names),
        cmocka_unit_test(schemes_and_hosts_in_capitals),
        cmocka_unit_test(urls_need_a_context),
        cmocka_unit_test(private_names_behind_a_proxy),
        cmocka_unit_test(files_of_certificates),
    };
    return cmocka_run_group_tests(tests, objects_set_up, objects_tear_down);
}
