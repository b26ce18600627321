/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP: what the store asks for, and what it knows already; how URLs become keys and folders. */
#include "support/http_store.h"

#include "store/http/engine.h"

#include <stdio.h>
#include <string.h>

static const mt_context_options no_retries = { .struct_size = sizeof no_retries, .http = { .retries = -1 } };

static const char small[] = "x y#%"; /* the object of 1000 bytes, which is kept whole once its size is known */

/* Of an object whose bytes are kept, no request is made. */
static void kept_bytes_answer(void **state)
{
    (void)state;
    static const struct {
        mt_request_kind kind;
        uint64_t offset;
        size_t size, n, from;
    } cases[] = { { MT_READ_RANGE, 0, 1000, 1000, 0 }, { MT_READ_RANGE, 999, 1, 1, 999 },
                  { MT_READ_SOME, 0, 8, 8, 0 },        { MT_READ_SOME, 992, 8, 8, 992 },
                  { MT_READ_SOME, 995, 8, 5, 995 },    { MT_READ_SOME, 1000, 8, 0, 0 },
                  { MT_READ_SOME, 5000, 8, 0, 0 },     { MT_READ_TAIL, 0, 8, 8, 992 },
                  { MT_READ_TAIL, 0, 1000, 1000, 0 },  { MT_READ_TAIL, 0, 1500, 1000, 0 },
                  { MT_READ_TAIL, 0, 0, 0, 0 },        { MT_READ_WHOLE, 0, 1000, 1000, 0 },
                  { MT_READ_WHOLE, 7, 1500, 1000, 0 } };
    remote r;
    uint64_t size;
    mt_error err = MT_ERROR_INIT;
    remote_open(&r, folder, "/a", NULL, NULL, &no_retries);
    check_ok(mt_store_size(r.at.store, small, &size, &err), &err);
    assert_int_equal(size, 1000);
    unsigned before = http_server_requests(r.server);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t out[1500] = { 0 };
        mt_request q = {
            .key = small, .kind = cases[i].kind, .offset = cases[i].offset, .size = cases[i].size, .out = out
        };
        check_ok(mt_store_perform(r.at.store, &q, 1, &err), &err);
        if (q.n_read != cases[i].n || memcmp(out, bytes + cases[i].from, cases[i].n) != 0)
            fail_msg("case %zu: %zu bytes", i, q.n_read);
        if (cases[i].kind != MT_READ_RANGE)
            assert_int_equal(q.object_size, 1000);
    }
    uint8_t two[2] = { 0 };
    const mt_range ranges[] = { { 5, 1, &two[0] }, { 7, 0, NULL }, { 999, 1, &two[1] }, { 1000, 1, &two[1] } };
    const mt_range nothing = { 5, 0, NULL };
    mt_status st;
    assert_true(mt_store_read_now(r.at.store, small, ranges, 3, &st, NULL) && st == MT_OK);
    assert_true(two[0] == bytes[5] && two[1] == bytes[999]);
    assert_false(mt_store_read_now(r.at.store, small, ranges, 4, &st, NULL));
    assert_true(mt_store_read_now(r.at.store, "unknown", &nothing, 1, &st, NULL) && st == MT_OK);
    assert_int_equal(http_server_requests(r.server), before);
    mt_request q = { .key = small, .kind = MT_READ_WHOLE, .size = 999, .out = (uint8_t[999]) { 0 } };
    assert_int_equal(mt_store_perform(r.at.store, &q, 1, NULL), MT_E_LIMIT);
    assert_int_equal(http_server_requests(r.server), before + 1);
    remote_close(&r);
}

/* All reads but those of whole objects remember the object; they are counted if they succeed. */
static void reads_are_remembered_and_counted(void **state)
{
    (void)state;
    plan p = { .from = 1000 };
    remote r;
    uint64_t size;
    uint8_t out[100];
    mt_error err = MT_ERROR_INIT;
    remote_open(&r, folder, "/a", spoil, &p, &no_retries);
    mt_env *env = &r.context->env;
    uint64_t ranges = env->ranges, fetched = env->bytes_fetched;
    mt_request whole = { .key = small, .kind = MT_READ_WHOLE, .size = 1000 };
    check_ok(mt_store_perform(r.at.store, &whole, 1, &err), &err);
    mt_release(env, whole.out, whole.capacity);
    assert_true(env->ranges == ranges + 1 && env->bytes_fetched == fetched + 1000);
    assert_int_equal(mt_store_read_at(r.at.store, "none", 0, out, 10, NULL), MT_E_NOT_FOUND);
    assert_true(env->ranges == ranges + 1 && env->bytes_fetched == fetched + 1000);
    mt_request tail = { .key = small, .kind = MT_READ_TAIL, .size = 0 };
    check_ok(mt_store_perform(r.at.store, &tail, 1, &err), &err);
    assert_null(tail.out);
    assert_true(tail.n_read == 0 && tail.object_size == 1000);
    assert_string_equal(p.range, "-1"); /* the size was not known */
    unsigned before = http_server_requests(r.server);
    check_ok(mt_store_size(r.at.store, small, &size, &err), &err);
    assert_int_equal(size, 1000);
    assert_int_equal(http_server_requests(r.server), before);
    tail = (mt_request) { .key = "a", .kind = MT_READ_TAIL, .size = 20, .out = out };
    check_ok(mt_store_perform(r.at.store, &tail, 1, &err), &err);
    assert_string_equal(p.range, "299980-299999");
    assert_memory_equal(out, bytes + SIZE - 20, 20);
    remote_close(&r);
}

/* A whole object that is another one is not kept. */
static void changed_objects_are_not_kept(void **state)
{
    (void)state;
    plan p = { .from = 1, .with = { .no_ranges = true, .extra = "ETag: \"other\"\r\n" } };
    remote r;
    char start[128];
    mt_error err = MT_ERROR_INIT;
    remote_open(&r, folder, "/a", spoil, &p, &no_retries);
    snprintf(start, sizeof start, "%s/a: the object changed while it was being read", http_server_url(r.server));
    mt_store_forget(r.at.store, "a", 0, SIZE); /* the start, which was kept */
    for (int i = 0; i < 2; i++) {
        mt_error_clear(&err);
        assert_int_equal(read_far(&r, &err), MT_E_CHANGED);
        assert_string_equal(err.message, start);
    }
    remote_close(&r);
}

/* A message begins with the URL, once. */
static void messages_name_the_url(void **state)
{
    (void)state;
    static const int codes[] = { 300, 404, 416, 503 };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        plan p = { .from = 1, .with = { .code = codes[i] } };
        remote r;
        char start[128];
        mt_error err = MT_ERROR_INIT;
        remote_open(&r, folder, "/a", spoil, &p, &no_retries);
        snprintf(start, sizeof start, "%s/a: the server answered %d", http_server_url(r.server), codes[i]);
        assert_int_not_equal(read_far(&r, &err), MT_OK);
        assert_int_equal(strncmp(err.message, start, strlen(start)), 0);
        remote_close(&r);
    }
}

/* Of an identity, an ETag that does not fit is left out. */
static void etags_of_identities(void **state)
{
    (void)state;
    for (int n = 95; n <= 96; n++) {
        plan p = { .with = { .code = 0 } };
        remote r;
        mt_identity identity;
        char etag[128];
        mt_error err = MT_ERROR_INIT;
        snprintf(etag, sizeof etag, "\"%0*d\"", n - 2, 0);
        snprintf(p.with.extra, sizeof p.with.extra, "ETag: %s\r\n", etag);
        remote_open(&r, folder, "/a", spoil, &p, &no_retries);
        check_ok(mt_store_identify(r.at.store, "a", &identity, &err), &err);
        assert_string_equal(identity.etag, n < MT_ETAG_BYTES ? etag : "");
        remote_close(&r);
    }
}

/* A head of so many bytes, of which the other lines are these. */
static void answer_long_head(void *user, const http_request *request, http_reply *reply)
{
    char lines[512];
    if (request->number == 0)
        return;
    snprintf(lines, sizeof lines,
             "HTTP/1.1 206 Whatever\r\nContent-Length: 5000\r\nContent-Range: bytes 200000-204999/%d\r\nETag: %s\r\n"
             "X-Pad: \r\n\r\n",
             SIZE, reply->etag);
    size_t left = *(const size_t *)user - strlen(lines);
    reply->more_lines = (unsigned)(left / 1000);
    snprintf(reply->extra, sizeof reply->extra, "X-Pad: %.*s\r\n", (int)(left % 1000),
             "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
             "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789");
}

static void heads_as_long_as_allowed(void **state)
{
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        size_t size = (256 << 10) + extra;
        remote r;
        mt_error err = MT_ERROR_INIT;
        remote_open(&r, folder, "/a", answer_long_head, &size, &no_retries);
        mt_status st = read_far(&r, &err);
        if (st != (extra ? MT_E_LIMIT : MT_OK))
            fail_msg("%zu: %s", size, err.message);
        remote_close(&r);
    }
}

/* --- Names. --- */

static void long_keys_and_urls(void **state)
{
    (void)state;
    remote r;
    uint64_t size;
    char key[1025], url[5000];
    mt_location at;
    memset(key, 'k', sizeof key);
    remote_open(&r, folder, "/a", NULL, NULL, &no_retries);
    for (size_t n = 1023; n <= 1024; n++) {
        mt_error err = MT_ERROR_INIT;
        key[n] = 0;
        assert_int_equal(mt_store_size(r.at.store, key, &size, &err), n == 1023 ? MT_E_NOT_FOUND : MT_E_ARGUMENT);
        key[n] = 'k';
    }
    for (size_t n = 4095; n <= 4096; n++) {
        mt_error err = MT_ERROR_INIT;
        int start = snprintf(url, sizeof url, "%s/a?", http_server_url(r.server));
        memset(url + start, 'q', n - (size_t)start);
        url[n] = 0;
        mt_status st = mt_resolve(&r.context->env, url, NULL, r.arena, &at, &err);
        assert_int_equal(st, n == 4095 ? MT_OK : MT_E_ARGUMENT);
        mt_store_close(at.store);
    }
    remote_close(&r);
}

/* Answers each path; the page is the answer of "/sub", below which is an image. */
static void answer_page(void *user, const http_request *request, http_reply *reply)
{
    const char *page = user, *end = strrchr(request->path, '/');
    bool is_page = page && strcmp(request->path, "/sub") == 0;
    reply->code = is_page && strcmp(page, "404") == 0                                ? 404
                  : !page || is_page || strcmp(request->path, "/sub/zarr.json") == 0 ? 200
                                                                                     : 404;
    snprintf(reply->text, sizeof reply->text, "%s", is_page ? page : end);
    reply->body = (const uint8_t *)reply->text;
    reply->size = strlen(reply->text);
}

/* Opens a path, and compares what it is. */
static void check_open(const char *path, const char *page, bool is_folder, const char *root, const char *key,
                       const char *name, unsigned requests)
{
    remote r;
    remote_open(&r, NULL, path, answer_page, (void *)(uintptr_t)page, &no_retries);
    const char *below = r.at.store->url + strlen(http_server_url(r.server));
    if (r.at.folder != is_folder || strcmp(below, root) != 0 || strcmp(r.at.key, key) != 0 ||
        http_server_requests(r.server) != requests)
        fail_msg("%s: \"%s\", \"%s\", %u requests", path, below, r.at.key, http_server_requests(r.server));
    assert_string_equal(*name ? r.at.name : "", name);
    remote_close(&r);
}

static void keys_of_urls(void **state)
{
    (void)state;
    check_open("/a", NULL, false, "", "a", "a", 1);
    check_open("/b/a", NULL, false, "/b", "a", "a", 1);
    check_open("/b/a%2Fc", NULL, false, "/b", "a%2Fc", "a%2Fc", 1); /* not a folder b/a */
    check_open("/%2E%2E", NULL, false, "", "%2E%2E", "%2E%2E", 1);
    check_open("/a%", NULL, false, "", "a%", "a%", 1);
    check_open("/b/a/", NULL, true, "/b/a", "", "a", 0);
    check_open("/b/a///", NULL, true, "/b/a", "", "a", 0);
    check_open("/", NULL, true, "", "", "", 0);
    check_open("", NULL, true, "", "", "", 0);
    check_open("/b/a.zarr", NULL, true, "/b/a.zarr", "", "a.zarr", 0);
}

/* A name is decoded, so that others beside it are found. */
static void encoded_names(void **state)
{
    (void)state;
    remote r;
    mt_location at;
    char url[128], root[64];
    uint8_t out[10];
    mt_error err = MT_ERROR_INIT;
    check_open("/x%20y%23%25", NULL, false, "", "x y#%", "x y#%", 1);
    check_open("/a%20b/c%20d", NULL, false, "/a%20b", "c d", "c d", 1);
    remote_open(&r, NULL, "/a", answer_page, NULL, &no_retries);
    snprintf(root, sizeof root, "%s/", http_server_url(r.server));
    snprintf(url, sizeof url, "%sa%%20b/c%%20d", root);
    check_ok(mt_resolve(&r.context->env, url, root, r.arena, &at, &err), &err);
    assert_string_equal(at.key, "a b/c d");
    check_ok(mt_store_read_at(at.store, "a b/e f", 0, out, 4, &err), &err);
    assert_memory_equal(out, "/e f", 4);
    mt_store_close(at.store);
    remote_close(&r);
}

/* Web servers answer a page for a folder. */
static void pages_for_folders(void **state)
{
    (void)state;
    static const char *const pages[] = {
        "<!DOCTYPE html><p>",
        "<!doctype HTML",
        "<html",
        "<HTML lang=en>",
        " \r\n\t<Html>",
        "404",
        "  <!DOCTYPE html>\n<html>",
        "<html><body>A page that is longer than what is read of it, as most are</html>"
    };
    static const char *const others[] = { "", "<htm", "<!doctype htm", "x<html>", "<?xml?><html>", "   " };
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        remote r;
        remote_open(&r, NULL, "/sub", answer_page, (void *)(uintptr_t)pages[i], &no_retries);
        if (!r.at.folder || *r.at.key)
            fail_msg("\"%s\"", pages[i]);
        remote_close(&r);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        check_open("/sub", others[i], false, "", "sub", "sub", 1);
}

static void check_refused(const char *url, const char *above, const char *text)
{
    mt_context *context;
    mt_arena *arena;
    mt_location at;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&no_retries, &context, &err), &err);
    check_ok(mt_arena_new(&context->env, &arena, &err), &err);
    assert_int_equal(mt_resolve(&context->env, url, above, arena, &at, &err), MT_E_ARGUMENT);
    if (!strstr(err.message, text))
        fail_msg("\"%s\", not \"%s\"", err.message, text);
    mt_store_close(at.store);
    mt_arena_free(arena);
    mt_context_free(context);
}

static void urls_that_are_refused(void **state)
{
    (void)state;
    check_refused("http://127.0.0.1:1/a b", NULL, "http://127.0.0.1:1/a b: a space is %20 in a URL");
    check_refused("http://127.0.0.1:1/a?...", NULL, "the query was left out when the URL was shown or pickled");
    check_refused("http://", NULL, "there is no host");
    check_refused("http://:80/a", NULL, "there is no host");
    check_refused("http://?a", NULL, "there is no host");
    check_refused("http://127.0.0.1:1/ab/c", "http://127.0.0.1:1/a", "is not at the start of the URL");
    check_refused("http://127.0.0.1:1/a/c", "http://127.0.0.1:1/a/c", "is not at the start of the URL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_bytes_answer),
        cmocka_unit_test(reads_are_remembered_and_counted),
        cmocka_unit_test(changed_objects_are_not_kept),
        cmocka_unit_test(messages_name_the_url),
        cmocka_unit_test(etags_of_identities),
        cmocka_unit_test(heads_as_long_as_allowed),
        cmocka_unit_test(long_keys_and_urls),
        cmocka_unit_test(keys_of_urls),
        cmocka_unit_test(encoded_names),
        cmocka_unit_test(pages_for_folders),
        cmocka_unit_test(urls_that_are_refused),
    };
    return cmocka_run_group_tests(tests, objects_set_up, objects_tear_down);
}
