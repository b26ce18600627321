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

/* Only the n bytes of a line count, whatever stands behind them. */
static void status_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        size_t n;
        int code;
        bool ends_clearly;
    } cases[] = { { "HTTP/1.1 200 OK", 15, 200, false },
                  { "HTTP/2 200", 10, 200, true },
                  { "HTTP/3 999", 10, 999, true },
                  { "HTTP/1.1 1000 X", 15, 0, false },
                  { "HTTP/1.1 2000", 12, 200, false },
                  { "HTTP/1.1", 8, 0, false },
                  { "HTTP/1.1 x", 10, 0, false },
                  { "HTTP/1.1 99999999999999999999", 29, 0, false },
                  { "HTTP/2", 5, 0, false },
                  { "HTTP/2", 6, 0, true },
                  { "http/1.0 \t", 10, 0, false } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_response r = parse((const char *[]) { "HTTP/1.1 404 Not Found", "ETag: \"a\"", NULL });
        mt_response_take_line(&r, cases[i].line, cases[i].n);
        if (r.code != cases[i].code || r.ends_clearly != cases[i].ends_clearly || r.etag[0])
            fail_msg("case %zu: %d", i, r.code);
    }
    mt_response r = parse((const char *[]) { "HTTP/1.1 404 Not Found", "Content-Encoding:   \r\n", "ETagX: \"a\"",
                                             "Conte: bytes 0-1/2", ": bytes 0-1/2", "Content-Range2: x", NULL });
    mt_response_take_line(&r, "HTTP/1.1 200", 4); /* no status line yet */
    assert_int_equal(r.code, 404);
    assert_true(!r.encoding[0] && !r.etag[0] && !r.has_range && !r.bad_range);
}

static void lengths(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t length;
    } cases[] = { { "0", 0 },
                  { "9223372036854775807", INT64_MAX },
                  { "9223372036854775808", MT_SIZE_UNKNOWN },
                  { "9223372036854775810", MT_SIZE_UNKNOWN },
                  { "007", 7 },
                  { "", MT_SIZE_UNKNOWN },
                  { "5,5", MT_SIZE_UNKNOWN },
                  { "+5", MT_SIZE_UNKNOWN },
                  { "5:", MT_SIZE_UNKNOWN },
                  { "5/", MT_SIZE_UNKNOWN } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[64];
        snprintf(line, sizeof line, "Content-Length: %s", cases[i].text);
        if (parse((const char *[]) { "HTTP/1.1 200 OK", line, NULL }).length != cases[i].length)
            fail_msg("\"%s\"", cases[i].text);
    }
}

/* Values that do not fit are dropped, and ETags that do not identify bytes. */
static void values_of_headers(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int kept, most; /* the longest value that is kept; bytes that are tried */
    } cases[] = { { "ETag", 127, 140 }, { "Last-Modified", 47, 60 }, { "Retry-After", 47, 60 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int n = 3; n <= cases[i].most; n++) {
            char line[256];
            snprintf(line, sizeof line, "%s: \"%0*d\"", cases[i].name, n - 2, 0);
            mt_response r = parse((const char *[]) { "HTTP/1.1 200 OK", line, NULL });
            const char *value = i == 0 ? r.etag : i == 1 ? r.modified : r.retry_after;
            assert_string_equal(value, n <= cases[i].kept ? line + strlen(cases[i].name) + 2 : "");
        }
    assert_string_equal(parse((const char *[]) { "HTTP/2 200", "ETag: \"\"", NULL }).etag, "");
    assert_string_equal(parse((const char *[]) { "HTTP/2 200", "ETag: abc", NULL }).etag, "");
    mt_response r = parse((const char *[]) { "HTTP/2 200", "Content-Encoding: gzip", "Content-Encoding:", NULL });
    assert_string_equal(r.encoding, "gzip");
    r = parse((const char *[]) { "HTTP/2 200", "Content-Encoding: a-name-of-21-characters", NULL });
    assert_string_equal(r.encoding, "a-name-of-21-charact");
    assert_true(parse((const char *[]) { "HTTP/1.1 200", "Transfer-Encoding: chunked", NULL }).ends_clearly);
}

static void bad_ranges(void **state)
{
    (void)state;
    static const char *const values[] = {
        "bytes 5-9",  "bytes 9-5/100",  "bytes 5-100/100", "bytes 9-9/9",
        "bytes -/5",  "items 5-9/100",  "bytes5-9/100",    "bytes 5-9/99999999999999999999",
        "",           "bytes 5-9/100x", "bytes x-9/100",   "bytes 5",
        "bytes 5-",   "bytes 5/9/100",  "bytes *",         "bytes *5",
        "bytes 5-9/", "bytes 5-9/**",   "bytes 5-9/*0"
    };
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
    const char *one[] = { "HTTP/1.1 206 X", "Content-Range: bytes 5-5/6", NULL };
    assert_int_equal(plan(MT_SPAN_RANGE, 5, 1, one, &b), MT_OK);
    const char *packed[] = { "HTTP/1.1 200 X", "Content-Length: 5", "Content-Encoding: gzip", NULL };
    assert_int_equal(plan(MT_SPAN_WHOLE, 0, 5, packed, &b), MT_E_UNSUPPORTED);
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
    assert_int_equal(plan(MT_SPAN_SOME, 0, 500, whole, &b), MT_OK);
    assert_true(b.kind == MT_BODY_OUT && b.most == 500);
    assert_int_equal(plan(MT_SPAN_SOME, 0, 499, whole, &b), MT_OK);
    assert_true(b.kind == MT_BODY_WHOLE && b.most == 1000);
    assert_int_equal(plan(MT_SPAN_SOME, 1, 500, whole, &b), MT_OK);
    assert_true(b.kind == MT_BODY_WHOLE);
    assert_int_equal(plan(MT_SPAN_BODY, 0, 500, whole, &b), MT_OK);
    assert_true(b.kind == MT_BODY_OUT && b.size == 500 && b.object_size == MT_SIZE_UNKNOWN);
    assert_int_equal(plan(MT_SPAN_BODY, 0, 499, whole, &b), MT_E_LIMIT);
    const char *large[] = { "HTTP/1.1 200 X", "Content-Length: 1001", NULL };
    assert_int_equal(plan(MT_SPAN_RANGE, 5, 5, large, &b), MT_E_LIMIT);
    const char *largest[] = { "HTTP/1.1 200 X", "Content-Length: 1000", NULL };
    assert_int_equal(plan(MT_SPAN_RANGE, 5, 5, largest, &b), MT_OK);
    const char *open_end[] = { "HTTP/1.1 200 X", NULL };
    assert_int_equal(plan(MT_SPAN_RANGE, 5, 5, open_end, &b), MT_E_UNSUPPORTED);
    assert_int_equal(plan(MT_SPAN_BODY, 0, 5, open_end, &b), MT_OK);
    const char *chunked[] = { "HTTP/1.1 200 X", "Transfer-Encoding: chunked", NULL };
    assert_int_equal(plan(MT_SPAN_RANGE, 5, 5, chunked, &b), MT_OK);
    assert_true(b.size == MT_SIZE_UNKNOWN && b.most == 1000);
}

/* Of 2xx, only 200 and 206 bring an object; other answers are texts. */
static void codes(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        mt_status range, body;
        int kind;
    } cases[] = { { "HTTP/1.1 199 X", MT_OK, MT_OK, MT_BODY_TEXT },  { "HTTP/1.1 201 X", MT_E_IO, MT_OK, MT_BODY_OUT },
                  { "HTTP/1.1 206 X", MT_E_IO, MT_OK, MT_BODY_OUT }, { "HTTP/1.1 299 X", MT_E_IO, MT_OK, MT_BODY_OUT },
                  { "HTTP/1.1 300 X", MT_OK, MT_OK, MT_BODY_TEXT },  { "HTTP/1.1 500 X", MT_OK, MT_OK, MT_BODY_TEXT } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_body b;
        const char *lines[] = { cases[i].line, "Content-Length: 5", NULL };
        assert_int_equal(plan(MT_SPAN_RANGE, 0, 5, lines, &b), cases[i].range);
        assert_int_equal(plan(MT_SPAN_BODY, 0, 5, lines, &b), cases[i].body);
        assert_int_equal(b.kind, cases[i].kind);
    }
}

/* What a transfer asks for, and where that is in an object of 100 bytes. */
static void spans(void **state)
{
    (void)state;
    static const struct {
        mt_span span;
        uint64_t offset;
        size_t size;
        const char *text;
        mt_status status;
        uint64_t found;
        size_t n;
    } cases[] = { { MT_SPAN_RANGE, 5, 10, "5-14", MT_OK, 5, 10 },
                  { MT_SPAN_RANGE, 90, 10, "90-99", MT_OK, 90, 10 },
                  { MT_SPAN_RANGE, 91, 10, "91-100", MT_E_CORRUPT, 91, 10 },
                  { MT_SPAN_RANGE, 100, 0, "100-100", MT_OK, 100, 0 },
                  { MT_SPAN_RANGE, 101, 0, "101-101", MT_E_CORRUPT, 101, 0 },
                  { MT_SPAN_SOME, 90, 10, "90-99", MT_OK, 90, 10 },
                  { MT_SPAN_SOME, 91, 10, "91-100", MT_OK, 91, 9 },
                  { MT_SPAN_SOME, 100, 1, "100-100", MT_OK, 100, 0 },
                  { MT_SPAN_SOME, 101, 1, "101-101", MT_OK, 101, 0 },
                  { MT_SPAN_TAIL, 0, 99, "-99", MT_OK, 1, 99 },
                  { MT_SPAN_TAIL, 7, 100, "-100", MT_OK, 0, 100 },
                  { MT_SPAN_TAIL, 0, 101, "-101", MT_OK, 0, 100 },
                  { MT_SPAN_TAIL, 0, 0, "-1", MT_OK, 100, 0 },
                  { MT_SPAN_WHOLE, 7, 100, "0-99", MT_OK, 0, 100 },
                  { MT_SPAN_WHOLE, 0, 99, "0-98", MT_E_LIMIT, 0, 99 },
                  { MT_SPAN_WHOLE, 0, SIZE_MAX, "0-1125899906842623", MT_OK, 0, 100 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_transfer t = { .name = "x", .span = cases[i].span, .offset = cases[i].offset, .size = cases[i].size };
        char text[64];
        uint64_t offset;
        size_t n;
        mt_range_text(&t, text, sizeof text);
        assert_string_equal(text, cases[i].text);
        if (mt_span_in_object(&t, 100, &offset, &n, NULL) != cases[i].status)
            fail_msg("case %zu", i);
        if (!cases[i].status && (offset != cases[i].found || n != cases[i].n))
            fail_msg("case %zu: %zu at %d", i, n, (int)offset);
    }
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
    assert_true(mt_retry_wait_ns(1, "60", 0, 7) == 60 * second + 7);
    assert_true(mt_retry_wait_ns(1, "61", 0, 7) == UINT64_MAX);
    assert_true(mt_retry_wait_ns(1, "-1", 0, 7) == 7);
    assert_true(mt_retry_wait_ns(1, "0", 0, second / 10) == 0);
    const int64_t date = 784111777; /* the example of RFC 9110 */
    assert_true(mt_retry_wait_ns(1, "Sun, 06 Nov 1994 08:49:37 GMT", date + 10, 7) < second);
    assert_true(mt_retry_wait_ns(1, "Sun, 06 Nov 1994 08:49:37 GMT", date - 10, 7) == 10 * second + 7);
    assert_true(mt_retry_wait_ns(1, "Sun, 06 Nov 1994 08:49:37 GMT", date, 7) == 7);
    assert_true(mt_retry_wait_ns(1, "soon", 0, 7) == 7);
    assert_true(mt_retry_wait_ns(1, "5 minutes", 0, 7) == 7);
    int64_t time;
    assert_true(mt_http_date("Thu, 01 Jan 1970 00:00:00 GMT", &time) && time == 0);
    assert_false(mt_http_date("", &time));
}

/* The longest wait of each try is drawn, and one nanosecond more is not. */
static void longest_waits(void **state)
{
    (void)state;
    static const unsigned tenths[] = { 1, 1, 2, 4, 8, 16, 32, 64, 128, 150, 150 };
    for (unsigned tries = 0; tries < sizeof tenths / sizeof *tenths; tries++) {
        uint64_t most = tenths[tries] * UINT64_C(100000000);
        assert_true(mt_retry_wait_ns(tries, "", 0, most) == most);
        assert_true(mt_retry_wait_ns(tries, "", 0, most + 1) == 0);
    }
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

static void keep(mt_objects *o, const char *key, size_t n)
{
    void *bytes;
    check_ok(mt_alloc(o->env, n, &bytes, NULL), NULL);
    mt_objects_keep(o, key, memset(bytes, *key, n), n, n);
}

static bool has_kept(mt_objects *o, const char *key)
{
    char out = 0;
    return mt_objects_read(o, key, 0, &out, 1) && out == *key;
}

/* As many bytes as the limit are kept, and of more objects those that were used last. */
static void kept_objects(void **state)
{
    (void)state;
    mt_env env;
    mt_objects o;
    mt_limits limits = { .max_norange_bytes = 1000 };
    mt_object_identity a = { UINT64_MAX, "", "" }, sized = { 10, "", "" }, other = { 11, "", "" };
    static const char *const keys[] = { "a", "b", "c", "d" };
    mt_env_init(&env, NULL, &limits);
    check_ok(mt_objects_init(&o, &env, NULL), NULL);
    for (int i = 0; i < 4; i++)
        check_ok(mt_objects_meet(&o, keys[i], &a, true, NULL), NULL);
    keep(&o, "a", 1000);
    assert_true(has_kept(&o, "a"));
    keep(&o, "b", 400);
    assert_true(!has_kept(&o, "a") && has_kept(&o, "b"));
    keep(&o, "c", 600);
    assert_true(has_kept(&o, "c") && has_kept(&o, "b"));
    assert_int_equal(o.kept_bytes, 1000);
    keep(&o, "d", 1);
    assert_true(has_kept(&o, "b") && !has_kept(&o, "c") && has_kept(&o, "d")); /* b was read after c */
    assert_int_equal(o.kept_bytes, 401);
    keep(&o, "e", 1); /* is not known */
    assert_false(has_kept(&o, "e"));
    check_ok(mt_objects_meet(&o, "a", &sized, true, NULL), NULL); /* its size was not known */
    assert_int_equal(mt_objects_meet(&o, "a", &other, true, NULL), MT_E_CHANGED);
    check_ok(mt_objects_meet(&o, "a", &a, true, NULL), NULL);
    mt_objects_destroy(&o);
    assert_int_equal(env.memory_bytes, 0);
}

static void dates_of_objects(void **state)
{
    (void)state;
    mt_env env;
    mt_objects o;
    mt_object_identity dated = { 1, "", "then" }, other = { 1, "", "now" }, plain = { 1, "", "" };
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_objects_init(&o, &env, NULL), NULL);
    check_ok(mt_objects_meet(&o, "dated", &dated, true, NULL), NULL);
    check_ok(mt_objects_meet(&o, "dated", &plain, true, NULL), NULL);
    assert_int_equal(mt_objects_meet(&o, "dated", &other, true, NULL), MT_E_CHANGED);
    check_ok(mt_objects_meet(&o, "plain", &plain, true, NULL), NULL);
    check_ok(mt_objects_meet(&o, "plain", &dated, true, NULL), NULL);
    mt_objects_destroy(&o);
}

/* However few bytes they have, 16 objects are kept. */
static void sixteen_are_kept(void **state)
{
    (void)state;
    mt_env env;
    mt_objects o;
    mt_object_identity a = { 1, "", "" };
    char key[2] = "";
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_objects_init(&o, &env, NULL), NULL);
    for (*key = 'a'; *key <= 'q'; ++*key) {
        check_ok(mt_objects_meet(&o, key, &a, true, NULL), NULL);
        keep(&o, key, 1);
    }
    assert_false(has_kept(&o, "a"));
    for (*key = 'b'; *key <= 'q'; ++*key)
        assert_true(has_kept(&o, key));
    mt_objects_forget(&o, "q");
    assert_int_equal(o.kept_bytes, 15);
    mt_objects_destroy(&o);
    assert_int_equal(env.memory_bytes, 0);
}

/* The first 65536 objects are compared. */
static void objects_are_counted(void **state)
{
    (void)state;
    mt_env env;
    mt_objects o;
    mt_object_identity a = { 1, "", "" };
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_objects_init(&o, &env, NULL), NULL);
    o.n = 65535;
    check_ok(mt_objects_meet(&o, "unasked", &a, false, NULL), NULL);
    check_ok(mt_objects_meet(&o, "last", &a, true, NULL), NULL);
    check_ok(mt_objects_meet(&o, "more", &a, true, NULL), NULL);
    assert_false(mt_objects_find(&o, "unasked", &a));
    assert_true(mt_objects_find(&o, "last", &a));
    assert_false(mt_objects_find(&o, "more", &a));
    mt_objects_destroy(&o);
    assert_int_equal(env.memory_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),
        cmocka_unit_test(status_lines),
        cmocka_unit_test(lengths),
        cmocka_unit_test(values_of_headers),
        cmocka_unit_test(bad_ranges),
        cmocka_unit_test(bodies),
        cmocka_unit_test(codes),
        cmocka_unit_test(spans),
        cmocka_unit_test(empty_objects),
        cmocka_unit_test(waits),
        cmocka_unit_test(longest_waits),
        cmocka_unit_test(budgets),
        cmocka_unit_test(addresses),
        cmocka_unit_test(urls),
        cmocka_unit_test(objects),
        cmocka_unit_test(kept_objects),
        cmocka_unit_test(objects_are_counted),
        cmocka_unit_test(dates_of_objects),
        cmocka_unit_test(sixteen_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
