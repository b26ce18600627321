/* SPDX-License-Identifier: BSD-3-Clause */
/* What HTTP is made of, without a network: heads of responses, waits, addresses, URLs. */
#include "support/support.h"

#include "platform/address.h"
#include "store/http/objects.h"
#include "store/http/response.h"
#include "store/http/retry.h"
#include "store/resolve.h"
#include "store/url.h"

#include <stdio.h>
#include <string.h>

static mt_response parse(const char *const *lines)
{
    mt_response r;
    mt_response_init(&r);
    for (; *lines; lines++)
        mt_response_take_line(&r, *lines, strlen(*lines));
    return r;
}

static void heads(void **state)
{
    (void)state;
    mt_response r = parse((const char *[]) { "HTTP/1.1 206 Partial\r\n", "content-RANGE:bytes 5-9/100 \r\n",
                                             "Content-Length: 5\r\n", "ETag: \"x\"\r\n", "Retry-After:\t7\r\n",
                                             "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n", NULL });
    assert_int_equal(r.code, 206);
    assert_true(r.has_range && !r.bad_range);
    assert_true(r.first == 5 && r.last == 9 && r.total == 100 && r.length == 5);
    assert_string_equal(r.etag, "\"x\"");
    assert_string_equal(r.retry_after, "7");
    assert_string_equal(r.modified, "Sun, 06 Nov 1994 08:49:37 GMT");
    r = parse((const char *[]) { "HTTP/2 200", "Content-Encoding: identity", "ETag: W/\"x\"", "Content-Length: -1", "x",
                                 ":", "", NULL });
    assert_int_equal(r.code, 200);
    assert_true(!r.encoding[0] && !r.etag[0] && r.length == MT_SIZE_UNKNOWN && !r.has_range);
    r = parse((const char *[]) { "HTTP/1.1 416 X", "Content-Range: bytes */0", NULL });
    assert_true(r.has_range && r.total == 0 && r.first > r.last);
    r = parse((const char *[]) { "HTTP/1.1 100 Continue", "ETag: \"a\"", "HTTP/1.1 200 OK", NULL });
    assert_true(r.code == 200 && !r.etag[0]);
}

static void bad_ranges(void **state)
{
    (void)state;
    static const char *const values[] = { "bytes 5-9",
                                          "bytes 9-5/100",
                                          "bytes 5-100/100",
                                          "bytes -/5",
                                          "items 5-9/100",
                                          "bytes5-9/100",
                                          "bytes 5-9/99999999999999999999",
                                          "",
                                          "bytes 5-9/100x",
                                          "bytes x-9/100" };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char line[128];
        snprintf(line, sizeof line, "Content-Range: %s", values[i]);
        mt_response r = parse((const char *[]) { "HTTP/1.1 206 X", line, NULL });
        assert_true(r.bad_range && !r.has_range);
    }
    mt_response r =
        parse((const char *[]) { "HTTP/1.1 206 X", "Content-Range: bytes 0-1/2", "Content-Range: bytes 0-1/2", NULL });
    assert_true(r.bad_range && !r.has_range);
}

static mt_status plan(mt_span span, uint64_t offset, size_t size, const char *const *lines, mt_body *out)
{
    mt_transfer t = { .name = "x", .span = span, .offset = offset, .size = size };
    mt_response r = parse(lines);
    return mt_response_plan(&r, &t, 1000, out, NULL);
}

static void bodies(void **state)
{
    (void)state;
    mt_body b;
    const char *part[] = { "HTTP/1.1 206 X", "Content-Range: bytes 5-9/10", NULL };
    assert_int_equal(plan(MT_SPAN_RANGE, 5, 5, part, &b), MT_OK);
    assert_true(b.kind == MT_BODY_OUT && b.size == 5 && b.object_size == 10);
    assert_int_equal(plan(MT_SPAN_SOME, 5, 50, part, &b), MT_OK);
    assert_int_equal(plan(MT_SPAN_TAIL, 0, 5, part, &b), MT_OK);
    assert_int_equal(plan(MT_SPAN_TAIL, 0, 6, part, &b), MT_E_IO);
    assert_int_equal(plan(MT_SPAN_RANGE, 5, 4, part, &b), MT_E_IO);
    assert_int_equal(plan(MT_SPAN_RANGE, 4, 5, part, &b), MT_E_IO);
    assert_int_equal(plan(MT_SPAN_RANGE, 5, 6, part, &b), MT_E_CORRUPT);
    assert_int_equal(plan(MT_SPAN_WHOLE, 0, 100, part, &b), MT_E_IO);
    assert_int_equal(plan(MT_SPAN_WHOLE, 0, 9, part, &b), MT_E_LIMIT);
    assert_true(b.object_size == 10);
    const char *unknown[] = { "HTTP/1.1 206 X", "Content-Range: bytes 5-9/*", NULL };
    assert_int_equal(plan(MT_SPAN_RANGE, 5, 5, unknown, &b), MT_OK);
    assert_int_equal(plan(MT_SPAN_TAIL, 0, 5, unknown, &b), MT_E_UNSUPPORTED);
    const char *whole[] = { "HTTP/1.1 200 X", "Content-Length: 500", NULL };
    assert_int_equal(plan(MT_SPAN_RANGE, 5, 5, whole, &b), MT_OK);
    assert_true(b.kind == MT_BODY_WHOLE && b.size == 500 && b.most == 1000);
    assert_int_equal(plan(MT_SPAN_WHOLE, 0, 500, whole, &b), MT_OK);
    assert_true(b.kind == MT_BODY_OUT);
    assert_int_equal(plan(MT_SPAN_WHOLE, 0, 499, whole, &b), MT_E_LIMIT);
    const char *large[] = { "HTTP/1.1 200 X", "Content-Length: 1001", NULL };
    assert_int_equal(plan(MT_SPAN_RANGE, 5, 5, large, &b), MT_E_LIMIT);
}

static void empty_objects(void **state)
{
    (void)state;
    mt_body b;
    const char *none[] = { "HTTP/1.1 416 X", "Content-Range: bytes */0", NULL };
    assert_int_equal(plan(MT_SPAN_TAIL, 0, 5, none, &b), MT_OK);
    assert_true(b.object_size == 0);
    assert_int_equal(plan(MT_SPAN_RANGE, 0, 5, none, &b), MT_OK);
    assert_true(b.object_size == MT_SIZE_UNKNOWN);
    const char *behind[] = { "HTTP/1.1 416 X", "Content-Range: bytes */7", NULL };
    assert_int_equal(plan(MT_SPAN_SOME, 7, 5, behind, &b), MT_OK);
    assert_true(b.object_size == 7);
    assert_int_equal(plan(MT_SPAN_SOME, 6, 5, behind, &b), MT_OK);
    assert_true(b.object_size == MT_SIZE_UNKNOWN);
}

static void waits(void **state)
{
    (void)state;
    const uint64_t second = 1000000000;
    for (unsigned tries = 1; tries < 20; tries++)
        for (uint64_t random = 0; random < 100; random++)
            assert_true(mt_retry_wait_ns(tries, "", 0, random * UINT64_C(0x9e3779b97f4a7c15)) <= 15 * second);
    assert_true(mt_retry_wait_ns(1, "", 0, UINT64_MAX) <= second / 10);
    assert_true(mt_retry_wait_ns(1, "5", 0, 7) >= 5 * second && mt_retry_wait_ns(1, "5", 0, 7) < 6 * second);
    assert_true(mt_retry_wait_ns(1, "61", 0, 7) == UINT64_MAX);
    const int64_t date = 784111777; /* the example of RFC 9110 */
    assert_true(mt_retry_wait_ns(1, "Sun, 06 Nov 1994 08:49:37 GMT", date - 10, 7) >= 10 * second);
    assert_true(mt_retry_wait_ns(1, "Sun, 06 Nov 1994 08:49:37 GMT", date + 10, 7) < second);
    assert_true(mt_retry_wait_ns(1, "soon", 0, 7) < second);
}

static void budgets(void **state)
{
    (void)state;
    mt_retry_budget fresh = { .requests = 1 }, known = { .requests = 100, .answered = true };
    assert_true(mt_retry_allow(&fresh, 3, 8) && !mt_retry_allow(&fresh, 4, 8));
    assert_true(mt_retry_allow(&known, 8, 8) && !mt_retry_allow(&known, 9, 8));
    unsigned n = 1;
    while (mt_retry_allow(&known, 1, 8))
        n++;
    assert_int_equal(n, 110); /* 100 and a tenth */
    assert_true(mt_retry_code(503) && mt_retry_code(429) && !mt_retry_code(404) && !mt_retry_code(403));
}

static void addresses(void **state)
{
    (void)state;
    static const char *const private[] = { "127.0.0.1",
                                           "10.1.2.3",
                                           "192.168.0.1",
                                           "172.16.0.1",
                                           "172.31.255.255",
                                           "169.254.169.254",
                                           "100.64.0.1",
                                           "0.0.0.0",
                                           "224.0.0.1",
                                           "255.255.255.255",
                                           "::1",
                                           "::",
                                           "fe80::1",
                                           "fd00::1",
                                           "::ffff:127.0.0.1",
                                           "64:ff9b::a00:1",
                                           "2002:a00:1::",
                                           "::ffff:10.0.0.1",
                                           "ff02::1" };
    static const char *const public[] = { "8.8.8.8",      "172.32.0.1",     "169.253.0.1",
                                          "2606:4700::1", "::ffff:8.8.8.8", "2002:808:808::" };
    for (size_t i = 0; i < sizeof private / sizeof *private; i++)
        if (!mt_address_is_private(private[i]))
            fail_msg("%s", private[i]);
    for (size_t i = 0; i < sizeof public / sizeof *public; i++)
        if (mt_address_is_private(public[i]))
            fail_msg("%s", public[i]);
    assert_false(mt_address_is_private("localhost"));
}

static void urls(void **state)
{
    (void)state;
    mt_env env;
    mt_arena *arena;
    mt_error err = MT_ERROR_INIT;
    char out[32];
    const char *path, *part;
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_arena_new(&env, &arena, &err), &err);
    assert_true(mt_url_encode("a b/c#%", out, sizeof out));
    assert_string_equal(out, "a%20b/c%23%25");
    assert_false(mt_url_encode("a b/c#%", out, 13));
    assert_true(mt_url_encode("a b/c#%", out, 14));
    assert_string_equal(mt_url_decode(arena, "a%20b%2Fc", 9, NULL), "a b/c");
    assert_null(mt_url_decode(arena, "a%2", 3, NULL));
    assert_null(mt_url_decode(arena, "a%00", 4, NULL));
    assert_string_equal(mt_url_show(arena, "http://h/x?secret", NULL), "http://h/x?...");
    assert_int_equal(mt_url_check_user("http://h/x@y", NULL), MT_OK);
    assert_int_equal(mt_url_check_user("http://u:p@h/x", NULL), MT_E_ARGUMENT);
    assert_true(mt_is_url("http://h") && mt_is_url("S3://b") && !mt_is_url("/a/b") && !mt_is_url("c:/x"));
    check_ok(mt_path_split("http://h/x?q=1#a#b", arena, &path, &part, &err), &err);
    assert_string_equal(path, "http://h/x?q=1");
    assert_string_equal(part, "a#b");
    mt_arena_free(arena);
}

/* The identity of an object is kept whatever the responses; cached data stays within the limit. */
static void objects(void **state)
{
    (void)state;
    mt_env env;
    mt_objects o;
    mt_error err = MT_ERROR_INIT;
    mt_limits limits = { .max_norange_bytes = 1000 };
    mt_env_init(&env, NULL, &limits);
    check_ok(mt_objects_init(&o, &env, &err), &err);
    mt_object_identity a = { 100, "\"1\"", "then" }, b = a;
    check_ok(mt_objects_meet(&o, "a", &a, true, &err), &err);
    b.etag[0] = 0;
    check_ok(mt_objects_meet(&o, "a", &b, true, &err), &err);
    snprintf(b.modified, sizeof b.modified, "now");
    assert_int_equal(mt_objects_meet(&o, "a", &b, true, NULL), MT_E_CHANGED);
    b = a;
    b.size = 101;
    assert_int_equal(mt_objects_meet(&o, "a", &b, true, NULL), MT_E_CHANGED);
    b = a;
    b.etag[1] = '2';
    assert_int_equal(mt_objects_meet(&o, "a", &b, true, NULL), MT_E_CHANGED);
    for (int i = 0; i < 40; i++) {
        char key[8], out;
        void *bytes;
        snprintf(key, sizeof key, "%d", i);
        check_ok(mt_objects_meet(&o, key, &a, true, &err), &err);
        check_ok(mt_alloc(&env, 300, &bytes, &err), &err);
        memset(bytes, i, 300);
        mt_objects_keep(&o, key, bytes, 300, 300);
        assert_true(mt_objects_read(&o, key, 299, &out, 1) && out == i);
        assert_false(mt_objects_read(&o, key, 300, &out, 1));
        assert_true(o.kept_bytes <= 1000);
    }
    size_t kept = o.kept_bytes;
    mt_objects_forget(&o, "39");
    mt_objects_forget(&o, "none");
    assert_false(mt_objects_read(&o, "39", 0, &(char) { 0 }, 1));
    assert_true(mt_objects_read(&o, "38", 0, &(char) { 0 }, 1));
    assert_int_equal(o.kept_bytes, kept - 300);
    void *large;
    check_ok(mt_alloc(&env, 2000, &large, &err), &err);
    mt_objects_keep(&o, "a", large, 2000, 2000);
    assert_false(mt_objects_read(&o, "a", 0, &(char) { 0 }, 1));
    mt_objects_destroy(&o);
    assert_int_equal(env.memory_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),         cmocka_unit_test(bad_ranges), cmocka_unit_test(bodies),
        cmocka_unit_test(empty_objects), cmocka_unit_test(waits),      cmocka_unit_test(budgets),
        cmocka_unit_test(addresses),     cmocka_unit_test(urls),       cmocka_unit_test(objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
