/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of each answer of a server of S3, and what the requests say. */
#include "engine/context.h"
#include "store/resolve.h"
#include "store/s3/s3.h"
#include "support/environment.h"
#include "support/http_server.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The answer to all requests for the object "y". */
typedef struct script {
    int code;
    const char *error;    /* Code of the document; NULL: the object "0123456789" */
    const char *etag;     /* NULL: none */
    const char *regions;  /* of x-amz-bucket-region: one letter for each request, the last for all others */
    const char *date;     /* NULL: none; "now", "late" or a text */
    bool is_plain;        /* the document is no error */
    unsigned n;           /* requests */
    char head[8192];      /* of the last request */
    char query[2048];     /* of the last request */
    char lent[256];       /* keys that are lent */
    char role[300];       /* of the machine */
    unsigned n_lent;      /* of them, the number is their token; 0: they have none */
    char lent_head[8192]; /* of the last request for keys */
} script;

static void say(http_reply *reply, int code, const char *format, const char *value)
{
    snprintf(reply->text, sizeof reply->text, format, value);
    reply->code = code;
    reply->body = (const uint8_t *)reply->text;
    reply->size = strlen(reply->text);
}

static void add_headers(const script *s, http_reply *reply)
{
    time_t now = time(NULL) - (s->date && strcmp(s->date, "late") == 0 ? 5 * 3600 : 0);
    struct tm parts;
    char *extra = reply->extra;
    const size_t room = sizeof reply->extra;
    if (s->regions) {
        size_t last = strlen(s->regions) - 1, i = s->n - 1 < last ? s->n - 1 : last;
        snprintf(extra, room, "x-amz-bucket-region: %s%c\r\n", s->regions[i] == 'u' ? "us-east-" : "eu-west-",
                 s->regions[i] == 'u' ? '1' : s->regions[i]);
    }
    if (s->date && (strcmp(s->date, "now") == 0 || strcmp(s->date, "late") == 0))
        strftime(extra + strlen(extra), room - strlen(extra), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n",
                 gmtime_r(&now, &parts));
    else if (s->date)
        snprintf(extra + strlen(extra), room - strlen(extra), "Date: %s\r\n", s->date);
}

static void serve(void *user, const http_request *request, http_reply *reply)
{
    script *s = user;
    bool is_known = strcmp(request->path, "/lab/a/x") == 0;
    snprintf(s->query, sizeof s->query, "%s", request->query);
    if (strncmp(request->path, "/lab", 4) != 0) {
        bool asks_role = strcmp(request->path, "/latest/meta-data/iam/security-credentials/") == 0;
        bool asks_token = strcmp(request->path, "/latest/api/token") == 0;
        snprintf(s->lent_head, sizeof s->lent_head, "%s", request->head);
        say(reply, strncmp(request->path, "/lat", 4) == 0 || strcmp(request->path, "/lent") == 0 ? 200 : 404, "%s",
            asks_token  ? "word"
            : asks_role ? s->role
                        : s->lent);
        if (s->n_lent > 0)
            reply->size =
                (size_t)snprintf(reply->text, sizeof reply->text, "{\"Token\": \"t%u\", %s", s->n_lent++, s->lent + 1);
        return;
    }
    snprintf(s->head, sizeof s->head, "%s", request->head);
    if (*request->query) {
        say(reply, 200, "<ListBucketResult><Contents><Key>%s</Key></Contents></ListBucketResult>", "a/x");
    } else if (is_known || !s->error) {
        s->n += !is_known;
        say(reply, 200, "%s", "0123456789");
        snprintf(reply->etag, sizeof reply->etag, "\"x\"");
    } else {
        s->n++;
        add_headers(s, reply);
        say(reply, s->code, s->is_plain ? "<Code>%s</Code>" : "<Error><Code>%s</Code><Message>no</Message></Error>",
            s->error);
        reply->no_ranges = true;
        snprintf(reply->etag, sizeof reply->etag, "%s", s->etag ? s->etag : "");
    }
}

typedef struct fixture {
    script script;
    http_server *server;
    mt_context *context;
    mt_arena *arena;
    mt_location at;
    mt_error err;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    memset(&f, 0, sizeof f);
    forget_s3_environment();
    f.server = http_server_start("127.0.0.1", NULL, serve, &f.script);
    *state = &f;
    return 0;
}

static void close_all(fixture *f)
{
    mt_store_close(f->at.store);
    mt_arena_free(f->arena);
    mt_context_free(f->context);
    f->at.store = NULL;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    close_all(f);
    http_server_stop(f->server);
    unsetenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    return 0;
}

static mt_status open_at(fixture *f, const char *url, const mt_s3_options *s3)
{
    mt_context_options options = { .struct_size = sizeof options, .s3 = *s3, .http = { .retries = -1 } };
    options.s3.endpoint = http_server_url(f->server);
    close_all(f);
    f->err = (mt_error)MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &f->context, NULL), NULL);
    check_ok(mt_arena_new(&f->context->env, &f->arena, NULL), NULL);
    return mt_resolve(&f->context->env, url, NULL, f->arena, &f->at, &f->err);
}

static const mt_s3_options with_keys = { .key_id = "AKIA", .secret = "s" }, unsigned_ = { .anonymous = 1 };

/* Reads "y" by one request, without retries. */
static mt_status read_whole(fixture *f)
{
    mt_request q = { .key = "y", .kind = MT_READ_WHOLE, .size = 100 };
    f->script.n = 0;
    f->err = (mt_error)MT_ERROR_INIT;
    mt_status st = mt_store_perform(f->at.store, &q, 1, &f->err);
    mt_release(&f->context->env, q.out, q.capacity);
    return st;
}

static void each_answer(void **state)
{
    fixture *f = *state;
    static const char busy[] = "s3://lab/a/y: the server is busy";
    static const struct {
        script script;
        bool is_unsigned;
        mt_status status;
        unsigned n; /* requests */
        const char *message;
    } cases[] = {
        { { 200, "SlowDown" }, false, MT_E_IO, 1, busy },
        { { 200, "SlowDown", "\"x\"" }, false, MT_OK, 1, "" },
        { { 200, "Other" }, false, MT_OK, 1, "" },
        { { 200, "SlowDown", .is_plain = true }, false, MT_OK, 1, "" },
        { { 300, "Other" }, false, MT_E_IO, 1, "s3://lab/a/y: the server answered 300 Other: no" },
        { { 400, "Other" }, false, MT_E_IO, 1, "s3://lab/a/y: the server answered 400 Other: no" },
        { { 400, "SlowDown" }, false, MT_E_IO, 1, busy },
        { { 400, "InternalError" }, false, MT_E_IO, 1, busy },
        { { 400, "ServiceUnavailable" }, false, MT_E_IO, 1, busy },
        { { 400, "RequestTimeout" }, false, MT_E_IO, 1, busy },
        { { 401, "AccessDenied" },
          false,
          MT_E_IO,
          1,
          "s3://lab/a/y: the server answered 401 AccessDenied: no; signed with the keys of the options" },
        { { 403, "Other" },
          false,
          MT_E_IO,
          1,
          "s3://lab/a/y: the server answered 403 Other: no; signed with the keys of the options" },
        { { 403, "AccessDenied" },
          true,
          MT_E_IO,
          1,
          "s3://lab/a/y: the server answered 403 AccessDenied: no; no credentials were found or given; S3 also answers "
          "this for missing objects if the bucket may not be listed" },
        { { 403, "Other" },
          true,
          MT_E_IO,
          1,
          "s3://lab/a/y: the server answered 403 Other: no; no credentials were found or given" },
        { { 404, "NoSuchKey" }, false, MT_E_NOT_FOUND, 1, "s3://lab/a/y: the server answered 404 (not found)" },
        { { 404, "NoSuchBucket" }, false, MT_E_IO, 1, "s3://lab/a/y: the server answered 404 NoSuchBucket: no" },
        { { 412, "PreconditionFailed" }, false, MT_E_IO, 1, "s3://lab/a/y: the server answered 412" },
        { { 416, "InvalidRange" },
          false,
          MT_E_CORRUPT,
          1,
          "s3://lab/a/y: the server answered 416 (the range does not exist)" },
        { { 429, "Other" }, false, MT_E_IO, 1, "s3://lab/a/y: the server answered 429 (too many requests)" },
        { { 429, "SlowDown" }, false, MT_E_IO, 1, busy },
        { { 499, "Other" }, false, MT_E_IO, 1, "s3://lab/a/y: the server answered 499 Other: no" },
        { { 500, "InternalError" }, false, MT_E_IO, 1, "s3://lab/a/y: the server answered 500 (internal error)" },
        { { 500, "Other" }, false, MT_E_IO, 1, "s3://lab/a/y: the server answered 500 (internal error)" },
        /* A region that is another one is tried, once; then that is known. */
        { { 301, "Moved" }, false, MT_E_IO, 1, "s3://lab/a/y: the server answered 301 Moved: no" },
        { { 301, "Moved", .regions = "u" }, false, MT_E_IO, 1, "s3://lab/a/y: the server answered 301 Moved: no" },
        { { 301, "Moved", .regions = "2" }, false, MT_E_IO, 2, "s3://lab/a/y: the server answered 301 Moved: no" },
        { { 307, "Moved", .regions = "2" }, false, MT_E_IO, 2, "s3://lab/a/y: the server answered 307 Moved: no" },
        { { 400, "Moved", .regions = "2" }, false, MT_E_IO, 2, "s3://lab/a/y: the server answered 400 Moved: no" },
        { { 302, "Moved", .regions = "2" }, false, MT_E_IO, 1, "s3://lab/a/y: the server answered 302 Moved: no" },
        { { 301, "Moved", .regions = "23" }, false, MT_E_IO, 2, "s3://lab/a/y: the server answered 301 Moved: no" },
        /* The same with a clock; and what expired on its way is sent again. */
        { { 403, "RequestTimeTooSkewed" },
          false,
          MT_E_IO,
          1,
          "s3://lab/a/y: the server answered 403 RequestTimeTooSkewed: no; signed with the keys of the options" },
        { { 403, "RequestTimeTooSkewed", .date = "soon" },
          false,
          MT_E_IO,
          1,
          "s3://lab/a/y: the server answered 403 RequestTimeTooSkewed: no; signed with the keys of the options" },
        { { 403, "RequestTimeTooSkewed", .date = "now" },
          false,
          MT_E_IO,
          2,
          "s3://lab/a/y: the server answered 403 RequestTimeTooSkewed: no; signed with the keys of the options" },
        { { 403, "Other", .date = "now" },
          false,
          MT_E_IO,
          1,
          "s3://lab/a/y: the server answered 403 Other: no; signed with the keys of the options" },
        { { 403, "Other", .date = "late" },
          false,
          MT_E_IO,
          2,
          "s3://lab/a/y: the server answered 403 Other: no; signed with the keys of the options" },
        { { 400, "Other", .date = "late" }, false, MT_E_IO, 2, "s3://lab/a/y: the server answered 400 Other: no" },
        { { 401, "Other", .date = "late" },
          false,
          MT_E_IO,
          1,
          "s3://lab/a/y: the server answered 401 Other: no; signed with the keys of the options" },
        { { 400, "Other", .date = "late" }, true, MT_E_IO, 1, "s3://lab/a/y: the server answered 400 Other: no" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_ok(open_at(f, "s3://lab/a/x", cases[i].is_unsigned ? &unsigned_ : &with_keys), &f->err);
        f->script = cases[i].script;
        mt_status st = read_whole(f);
        char message[300] = "";
        if (cases[i].status)
            snprintf(message, sizeof message, "%s%s", cases[i].n > 1 ? "after 2 attempts: " : "", cases[i].message);
        if (st != cases[i].status || f->script.n != cases[i].n || strcmp(f->err.message, message) != 0)
            fail_msg("case %zu: %s, %u requests, \"%s\"", i, mt_status_name(st), f->script.n, f->err.message);
        f->script.error = NULL;
    }
}

/* Once a region is known, another one is not believed, but one that came late is. */
static void regions_are_learnt_once(void **state)
{
    fixture *f = *state;
    check_ok(open_at(f, "s3://lab/a/x", &with_keys), &f->err);
    f->script = (script) { 301, "Moved", .regions = "2" };
    assert_int_equal(read_whole(f), MT_E_IO);
    assert_non_null(strstr(f->script.head, "/eu-west-2/s3/aws4_request"));
    assert_int_equal(read_whole(f), MT_E_IO); /* told again what it knows: it may have been learnt meanwhile */
    assert_int_equal(f->script.n, 2);
    f->script.regions = "3";
    assert_int_equal(read_whole(f), MT_E_IO);
    assert_int_equal(f->script.n, 1);
}

static void check_line(const fixture *f, const char *name, size_t size)
{
    char start[64];
    snprintf(start, sizeof start, "\r\n%s: ", name);
    const char *line = strstr(f->script.head, start);
    assert_non_null(line);
    assert_int_equal(strcspn(line + strlen(start), "\r\n"), size);
}

static mt_status visit_nothing(void *user, const char *name, mt_error *err)
{
    (void)user, (void)name, (void)err;
    return MT_E_CANCELLED;
}

static void headers_are_whole(void **state)
{
    fixture *f = *state;
    mt_s3_options s3 = with_keys;
    s3.token = "a token";
    check_ok(open_at(f, "s3://lab/a/x", &s3), &f->err);
    check_ok(read_whole(f), &f->err);
    check_line(f, "x-amz-content-sha256", 64);
    check_line(f, "x-amz-security-token", 7);
    check_line(f, "x-amz-date", 16);
    check_line(f, "Authorization",
               strlen("AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/s3/aws4_request, "
                      "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, "
                      "Signature=") +
                   64);
    assert_null(strstr(f->script.head, "\r\nhost: "));
    assert_int_equal(strncmp(f->script.head, "GET /lab/a/y HTTP/", 18), 0);
    assert_int_equal(mt_store_list(f->at.store, "b c", visit_nothing, NULL, NULL), MT_E_CORRUPT);
    assert_string_equal(f->script.query, "delimiter=%2F&list-type=2&max-keys=1000&prefix=a%2Fb%20c%2F");
}

/* The headers that are added fit into 6144 bytes with their ends, or are refused. */
static void long_tokens(void **state)
{
    fixture *f = *state;
    static char token[6144];
    mt_s3_options s3 = with_keys;
    size_t others = strlen("x-amz-content-sha256: x-amz-security-token: x-amz-date: Authorization: ") + 4 + 64 + 16 +
                    strlen("AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/s3/aws4_request, "
                           "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature=") +
                    64;
    s3.token = token;
    for (size_t size = 6144; size <= 6145; size++) {
        memset(token, 't', size - others);
        token[size - others] = 0;
        mt_status st = open_at(f, "s3://lab/a/x", &s3);
        assert_int_equal(st, size == 6144 ? MT_OK : MT_E_ARGUMENT);
        if (st)
            assert_string_equal(f->err.message, "s3://lab/a/x: the key or the token is too long");
        else
            check_line(f, "x-amz-security-token", size - others);
    }
}

static mt_s3_store *new_store(fixture *f, size_t root)
{
    static char name[5000];
    mt_s3_store *s;
    memset(name, 'r', sizeof name);
    name[root - 1] = '/';
    name[root] = 0;
    f->err = (mt_error)MT_ERROR_INIT;
    return mt_s3_store_new(&f->context->env, "s3", "lab", name, &s, &f->err) ? NULL : s;
}

/* A root and a key, of so many bytes together: "/lab/" and they are signed in 1365 bytes with their end. */
static void long_paths(void **state)
{
    fixture *f = *state;
    static const size_t sizes[] = { 1359, 1360, 1364, 1365, 1366 };
    char key[1000], byte;
    check_ok(open_at(f, "s3://lab/a/x", &with_keys), &f->err);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        mt_s3_store *s = new_store(f, 800);
        assert_non_null(s);
        memset(key, 'k', sizeof key);
        key[sizes[i] - 800] = 0;
        assert_int_equal(mt_store_read_at(&s->web.base, key, 0, &byte, 1, NULL),
                         sizes[i] < 1360 ? MT_OK : MT_E_ARGUMENT);
        mt_store_close(&s->web.base);
    }
}

/* "s3://lab/" and a root are a name of at most 4095 bytes; a listing has a URL of as many. */
static void long_roots(void **state)
{
    fixture *f = *state;
    check_ok(open_at(f, "s3://lab/a/x", &with_keys), &f->err);
    mt_s3_store *s = new_store(f, 4095 - 9 + 1);
    assert_non_null(s);
    assert_int_equal(strlen(s->web.base.url), 4095);
    mt_store_close(&s->web.base);
    assert_null(new_store(f, 4096 - 9 + 1));
    assert_string_equal(f->err.message, "s3://lab: the key is too long");
    size_t others =
        strlen(http_server_url(f->server)) + strlen("/lab/?delimiter=%2F&list-type=2&max-keys=1000&prefix=%2F");
    for (size_t size = 4095; size <= 4096; size++) {
        s = new_store(f, size - others + 1);
        f->script.query[0] = 0;
        mt_status st = mt_store_list(&s->web.base, "", visit_nothing, NULL, &f->err);
        assert_int_equal(st, size == 4095 ? MT_E_CORRUPT : MT_E_ARGUMENT); /* the answer is another listing */
        assert_int_equal(f->script.query[0] != 0, size == 4095);
        mt_store_close(&s->web.base);
    }
}

/* --- Keys that are lent. --- */

static const mt_s3_options ask = { .ask_instance = 1 };

static void lend(fixture *f, const char *expires)
{
    snprintf(f->script.lent, sizeof f->script.lent,
             "{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"s\", \"Expiration\": \"%s\"}", expires);
}

/* The token of a container is sent if there is one; a proxy is not asked. */
static void keys_of_a_container(void **state)
{
    fixture *f = *state;
    char url[128];
    snprintf(url, sizeof url, "%s/lent", http_server_url(f->server));
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    lend(f, "2999-12-31T23:59:59Z");
    check_ok(open_at(f, "s3://lab/a/x", &ask), &f->err);
    assert_null(strstr(f->script.lent_head, "Authorization"));
    f->script.code = 403;
    f->script.error = "Other";
    assert_int_equal(read_whole(f), MT_E_IO);
    assert_string_equal(f->err.message, "s3://lab/a/y: the server answered 403 Other: no; signed with the keys of "
                                        "the container");
    f->script.error = NULL;
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "word", 1);
    check_ok(open_at(f, "s3://lab/a/x", &ask), &f->err);
    assert_non_null(strstr(f->script.lent_head, "\r\nAuthorization: word\r\n"));
    f->script.lent_head[0] = 0;
    setenv("http_proxy", "http://127.0.0.1:1", 1); /* nothing listens there */
    assert_int_equal(open_at(f, "s3://lab/a/x", &ask), MT_E_IO);
    unsetenv("http_proxy");
    assert_non_null(strstr(f->script.lent_head, "GET /lent "));
}

static void times_of_keys(void **state)
{
    fixture *f = *state;
    char url[128];
    static const char *const good[] = { "2999-01-01T00:00:00Z", "2999-12-31T23:59:59Z" };
    static const char *const bad[] = { "2999-13-01T00:00:00Z", "2999-00-01T00:00:00Z", "2999-01-01T00:00:00",
                                       "2999-01-01T00:00:00Z ", "2999-01-01T00:0:000Z" };
    snprintf(url, sizeof url, "%s/lent", http_server_url(f->server));
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        lend(f, good[i]);
        check_ok(open_at(f, "s3://lab/a/x", &ask), &f->err);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lend(f, bad[i]);
        assert_int_equal(open_at(f, "s3://lab/a/x", &ask), MT_E_CORRUPT);
    }
}

/* Requests are signed with the new keys soon after these were asked for. */
static void new_keys_are_used(void **state)
{
    fixture *f = *state;
    char url[128];
    snprintf(url, sizeof url, "%s/lent", http_server_url(f->server));
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    lend(f, "2001-01-01T00:00:00Z");
    f->script.n_lent = 1;
    check_ok(open_at(f, "s3://lab/a/x", &ask), &f->err);
    bool is_new = false;
    for (int i = 0; i < 20000 && !is_new; i++) {
        check_ok(read_whole(f), &f->err);
        is_new = strstr(f->script.head, "\r\nx-amz-security-token: t2\r\n") != NULL;
    }
    assert_true(is_new);
}

/* The name of a role is a part of a URL. */
static void roles_of_a_machine(void **state)
{
    fixture *f = *state;
    char url[128];
    snprintf(url, sizeof url, "%s/", http_server_url(f->server));
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url, 1);
    lend(f, "2999-12-31T23:59:59Z");
    snprintf(f->script.role, sizeof f->script.role, "a/b c\n");
    check_ok(open_at(f, "s3://lab/a/x", &ask), &f->err);
    assert_non_null(strstr(f->script.lent_head, "GET /latest/meta-data/iam/security-credentials/a%2Fb%20c "));
    assert_non_null(strstr(f->script.lent_head, "X-aws-ec2-metadata-token: word"));
    for (int n = 255; n <= 256; n++) {
        snprintf(f->script.role, sizeof f->script.role, "%0*d", n, 0);
        assert_int_equal(open_at(f, "s3://lab/a/x", &ask), n == 255 ? MT_OK : MT_E_CORRUPT);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_answer),         TEST(regions_are_learnt_once),
        TEST(headers_are_whole),   TEST(long_tokens),
        TEST(long_paths),          TEST(long_roots),
        TEST(keys_of_a_container), TEST(times_of_keys),
        TEST(roles_of_a_machine),  TEST(new_keys_are_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
