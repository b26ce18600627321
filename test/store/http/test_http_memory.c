/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP when memory runs out, for the library or for libcurl. The functions below stand in front of those of libcurl. */
#include "support/http_store.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *_Atomic failing; /* the function that fails once; NULL: none */
static _Atomic size_t calls, fail_at;

static bool fails(const char *name)
{
    const char *which = atomic_load(&failing);
    return which && strcmp(which, name) == 0 && atomic_fetch_add(&calls, 1) == atomic_load(&fail_at);
}

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

CURL *curl_easy_init(void) { return fails("curl_easy_init") ? NULL : REAL(curl_easy_init)(); }
CURLM *curl_multi_init(void) { return fails("curl_multi_init") ? NULL : REAL(curl_multi_init)(); }
CURLU *curl_url(void) { return fails("curl_url") ? NULL : REAL(curl_url)(); }

struct curl_slist *curl_slist_append(struct curl_slist *list, const char *text)
{
    return fails("curl_slist_append") ? NULL : REAL(curl_slist_append)(list, text);
}

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy)
{
    return fails("curl_multi_add_handle") ? CURLM_OUT_OF_MEMORY : REAL(curl_multi_add_handle)(multi, easy);
}

CURLUcode curl_url_set(CURLU *url, CURLUPart part, const char *text, unsigned flags)
{
    return fails("curl_url_set") ? CURLUE_OUT_OF_MEMORY : REAL(curl_url_set)(url, part, text, flags);
}

/* Redirects "/moved/x" to "/x"; a server without ranges if user is not NULL. */
static void serve(void *user, const http_request *request, http_reply *reply)
{
    reply->no_ranges = user != NULL;
    if (strncmp(request->path, "/moved/", 7) != 0)
        return;
    reply->code = 302;
    snprintf(reply->location, sizeof reply->location, "%s", request->path + 6);
}

/* Reads an object in each way. */
static mt_status read_from(const mt_location *at, mt_env *env, mt_error *err)
{
    static uint8_t range[10], tail[20];
    uint64_t size = 0;
    mt_request q[3] = { { .key = at->key, .offset = SIZE - 10, .size = 10, .out = range },
                        { .key = at->key, .kind = MT_READ_TAIL, .size = 20, .out = tail },
                        { .key = at->key, .kind = MT_READ_WHOLE, .size = 2 * SIZE } };
    mt_status st = mt_store_size(at->store, at->key, &size, err);
    if (!st)
        st = mt_store_perform(at->store, q, 3, err);
    if (!st) {
        assert_int_equal(size, SIZE);
        assert_memory_equal(range, bytes + SIZE - 10, 10);
        assert_memory_equal(tail, bytes + SIZE - 20, 20);
        assert_int_equal(q[2].n_read, SIZE);
        assert_memory_equal(q[2].out, bytes, SIZE);
    }
    if (q[2].out)
        mt_release(env, q[2].out, q[2].capacity);
    return st;
}

static mt_status read_all(const char *url, const mt_allocator *allocator, mt_error *err)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = 1 };
    mt_context *context;
    mt_arena *arena;
    mt_location at = { 0 };
    options.http.headers = "X-One: 1\nX-Two: 2";
    options.http.headers_prefix = url;
    if (allocator)
        options.allocator = *allocator;
    mt_status st = mt_context_new(&options, &context, err);
    if (st)
        return st;
    if (!(st = mt_arena_new(&context->env, &arena, err))) {
        if (!(st = mt_resolve(&context->env, url, NULL, arena, &at, err)))
            st = read_from(&at, &context->env, err);
        mt_store_close(at.store);
        mt_arena_free(arena);
    }
    mt_context_free(context);
    return st;
}

static void check_memory(mt_status st, const mt_error *err, const char *what, size_t k)
{
    if (st && st != MT_E_MEMORY)
        fail_msg("%s, failure %zu: %s: %s", what, k, mt_status_name(st), err->message);
}

/* Each allocation fails in turn. */
static void allocations(void **state)
{
    char url[256];
    (void)state;
    for (int no_ranges = 0; no_ranges < 2; no_ranges++) {
        http_server *server = http_server_start("127.0.0.1", folder, serve, no_ranges ? url : NULL);
        snprintf(url, sizeof url, "%s/moved/a", http_server_url(server));
        size_t failures = 0;
        for (size_t k = 0;; k++) {
            failing_allocator memory;
            mt_allocator allocator = failing_allocator_make(&memory, k, 0);
            mt_error err = MT_ERROR_INIT;
            mt_status st = read_all(url, &allocator, &err);
            check_memory(st, &err, "allocations", k);
            failures += st != MT_OK;
            if (memory.count <= k)
                break;
        }
        assert_true(failures > 10);
        http_server_stop(server);
    }
}

static void libcurl(void **state)
{
    static const char *const names[] = { "curl_easy_init", "curl_multi_init", "curl_slist_append",
                                         "curl_url",       "curl_url_set",    "curl_multi_add_handle" };
    http_server *server = http_server_start("127.0.0.1", folder, serve, NULL);
    char url[256];
    (void)state;
    snprintf(url, sizeof url, "%s/moved/a", http_server_url(server));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t failures = 0;
        for (size_t k = 0;; k++) {
            mt_error err = MT_ERROR_INIT;
            atomic_store(&fail_at, k);
            atomic_store(&calls, 0);
            atomic_store(&failing, names[i]);
            mt_status st = read_all(url, NULL, &err);
            atomic_store(&failing, NULL);
            check_memory(st, &err, names[i], k);
            failures += st != MT_OK;
            if (atomic_load(&calls) <= k)
                break;
        }
        if (failures == 0)
            fail_msg("no failure of %s is an error", names[i]);
    }
    http_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(allocations), cmocka_unit_test(libcurl) };
    return cmocka_run_group_tests(tests, objects_set_up, objects_tear_down);
}
