/* SPDX-License-Identifier: BSD-3-Clause */
/* The store, with a server of the test that asks for what S3 asks for: region, clock, token, the right to list. Whether
 * signatures are right is for test_s3_sign.c and for real servers (test/stores) to say. */
#include "engine/context.h"
#include "store/resolve.h"
#include "support/environment.h"
#include "support/http_server.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 200000 };
static uint8_t bytes[SIZE];

/* A server of the bucket "lab" with the object "a b/c.bin", and what it has seen. */
typedef struct bucket {
    const char *region; /* that requests must be signed for; NULL: any */
    int64_t ahead;      /* of its clock, seconds */
    const char *token;  /* that requests must carry; NULL: any */
    bool forbids_listing;
    int lent_for;  /* seconds until keys that it lends expire */
    unsigned busy; /* number of requests answered with 200 and an error */
    _Atomic unsigned refused, lent, seen_signed;
} bucket;

static void say(http_reply *reply, int code, const char *format, const char *value)
{
    snprintf(reply->text, sizeof reply->text, format, value);
    reply->code = code;
    reply->body = (const uint8_t *)reply->text;
    reply->size = strlen(reply->text);
}

static const char *find_header(const char *head, const char *name)
{
    const char *at = strstr(head, name);
    return at ? at + strlen(name) : "";
}

static void answer_error(bucket *b, http_reply *reply, int code, const char *name)
{
    b->refused++;
    say(reply, code, "<Error><Code>%s</Code><Message>no</Message></Error>", name);
}

/* The day and hour by the server's clock, as x-amz-date begins. */
static void hour_there(const bucket *b, char out[16])
{
    time_t now = time(NULL) + (time_t)b->ahead;
    struct tm parts;
    strftime(out, 16, "%Y%m%dT%H", gmtime_r(&now, &parts));
}

/* Whether a signed request is one that the server takes. */
static bool is_good(bucket *b, const http_request *request, http_reply *reply)
{
    char scope[128], hour[16];
    time_t now = time(NULL) + (time_t)b->ahead;
    struct tm parts;
    strftime(reply->extra, sizeof reply->extra, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime_r(&now, &parts));
    if (!*find_header(request->head, "Authorization: "))
        return answer_error(b, reply, 403, "AccessDenied"), false;
    b->seen_signed++;
    hour_there(b, hour);
    if (strncmp(find_header(request->head, "x-amz-date: "), hour, strlen(hour)) != 0)
        return answer_error(b, reply, 403, "RequestTimeTooSkewed"), false;
    if (b->token && strncmp(find_header(request->head, "x-amz-security-token: "), b->token, strlen(b->token)) != 0)
        return answer_error(b, reply, 400, "ExpiredToken"), false;
    snprintf(scope, sizeof scope, "/%s/s3/aws4_request", b->region ? b->region : "");
    if (b->region && !strstr(request->head, scope)) {
        b->refused++;
        say(reply, 400, "<Error><Code>AuthorizationHeaderMalformed</Code><Region>%s</Region></Error>", b->region);
        return false;
    }
    return true;
}

static void list(bucket *b, const http_request *request, http_reply *reply)
{
    static const char none[] = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
    if (b->forbids_listing)
        answer_error(b, reply, 403, "AccessDenied");
    else if (strstr(request->query, "&prefix=a%20b%2F") || strcmp(strstr(request->query, "&prefix="), "&prefix=") == 0)
        say(reply, 200, "<ListBucketResult><Contents><Key>%sb/c.bin</Key></Contents></ListBucketResult>", "a ");
    else
        say(reply, 200, "%s", none);
}

/* Keys for a container or a machine. */
static bool lend(bucket *b, const http_request *request, http_reply *reply)
{
    time_t expires = time(NULL) + b->lent_for;
    struct tm parts;
    char when[32];
    bool role = strcmp(request->path, "/latest/meta-data/iam/security-credentials/") == 0;
    if (strcmp(request->path, "/latest/api/token") == 0 && strncmp(request->head, "PUT ", 4) == 0)
        return say(reply, 200, "%s", "of-the-machine"), true;
    if (role && strstr(request->head, "X-aws-ec2-metadata-token: of-the-machine"))
        return say(reply, 200, "%s", "lab role\n"), true;
    if (strcmp(request->path, "/lent") != 0 &&
        strcmp(request->path, "/latest/meta-data/iam/security-credentials/lab role") != 0)
        return false;
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&expires, &parts));
    b->lent++;
    say(reply, 200, "{\"AccessKeyId\":\"AKIA\",\"SecretAccessKey\":\"s\",\"Token\":\"lent\",\"Expiration\":\"%s\"}",
        when);
    return true;
}

static void serve(void *user, const http_request *request, http_reply *reply)
{
    bucket *b = user;
    if (lend(b, request, reply) || !is_good(b, request, reply))
        return;
    if (*request->query) {
        list(b, request, reply);
    } else if (strcmp(request->path, "/lab/a b/c.bin") == 0 && b->busy > 0) {
        b->busy--;
        reply->no_ranges = true;
        answer_error(b, reply, 200, "SlowDown");
    } else if (strcmp(request->path, "/lab/a b/c.bin") == 0) {
        reply->code = 200;
        reply->body = bytes;
        reply->size = SIZE;
        snprintf(reply->etag, sizeof reply->etag, "\"x\"");
    } else if (strcmp(request->path, "/lab/file.zarr") == 0) {
        say(reply, 200, "%s", "an archive");
    } else if (strcmp(request->path, "/lab/z/zarr.json") == 0) {
        say(reply, 200, "%s", "{}");
    } else if (b->forbids_listing || strcmp(request->path, "/lab/locked.zarr") == 0) {
        answer_error(b, reply, 403, "AccessDenied");
    } else {
        answer_error(b, reply, 404, strncmp(request->path, "/lab/", 5) == 0 ? "NoSuchKey" : "NoSuchBucket");
    }
}

typedef struct fixture {
    bucket bucket;
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
    for (int i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    f.server = http_server_start("127.0.0.1", NULL, serve, &f.bucket);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mt_store_close(f->at.store);
    mt_arena_free(f->arena);
    mt_context_free(f->context);
    http_server_stop(f->server);
    return 0;
}

static mt_status open_at(fixture *f, const char *url, mt_s3_options s3)
{
    mt_context_options options = { .struct_size = sizeof options, .s3 = s3 };
    options.s3.endpoint = http_server_url(f->server);
    mt_store_close(f->at.store);
    f->at.store = NULL;
    mt_arena_free(f->arena);
    mt_context_free(f->context);
    f->err = (mt_error)MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &f->context, NULL), NULL);
    check_ok(mt_arena_new(&f->context->env, &f->arena, NULL), NULL);
    return mt_resolve(&f->context->env, url, NULL, f->arena, &f->at, &f->err);
}

static const mt_s3_options with_keys = { .key_id = "AKIA", .secret = "s" };

/* Bytes far from the beginning, which is kept since the first contact. */
static void check_read(fixture *f, uint64_t offset)
{
    uint8_t out[5000];
    check_ok(mt_store_read_at(f->at.store, f->at.key, offset, out, sizeof out, &f->err), &f->err);
    assert_memory_equal(out, bytes + offset, sizeof out);
}

static void an_object(void **state)
{
    fixture *f = *state;
    check_ok(open_at(f, "s3://lab/a b/c.bin", with_keys), &f->err);
    assert_false(f->at.folder);
    assert_string_equal(f->at.key, "c.bin");
    assert_string_equal(f->at.name, "c.bin");
    assert_string_equal(f->at.text, "s3://lab/a b/c.bin");
    assert_string_equal(f->at.store->url, "s3://lab/a b");
    check_read(f, 100000);
    assert_int_equal(http_server_requests(f->server), 2);
    assert_int_equal(f->bucket.seen_signed, 2);
}

static void folders(void **state)
{
    fixture *f = *state;
    check_ok(open_at(f, "s3://lab/a b", with_keys), &f->err);
    assert_true(f->at.folder);
    assert_string_equal(f->at.key, "");
    assert_string_equal(f->at.store->url, "s3://lab/a b");
    check_ok(open_at(f, "s3://lab", with_keys), &f->err);
    assert_true(f->at.folder);
    assert_int_equal(open_at(f, "s3://lab/none", with_keys), MT_E_NOT_FOUND);
    assert_int_equal(open_at(f, "s3://lab/none.zarr", with_keys), MT_E_NOT_FOUND);
    assert_int_equal(open_at(f, "s3://lab/locked.zarr", with_keys), MT_E_IO); /* neither a folder nor surely missing */
    assert_non_null(strstr(f->err.message, "403 AccessDenied"));
    check_ok(open_at(f, "s3://lab/file.zarr", with_keys), &f->err); /* an object, against its name */
    assert_false(f->at.folder);
    assert_string_equal(f->at.key, "file.zarr");
    assert_string_equal(f->at.store->url, "s3://lab");
    unsigned before = http_server_requests(f->server);
    check_ok(open_at(f, "s3://lab/a b/", with_keys), &f->err);
    assert_int_equal(http_server_requests(f->server), before + 1); /* surely a folder: it is listed at once */
    assert_int_equal(open_at(f, "s3://lab/none/", with_keys), MT_E_NOT_FOUND);
    assert_int_equal(open_at(f, "s3://other/none", with_keys), MT_E_IO);
    assert_non_null(strstr(f->err.message, "NoSuchBucket"));
}

static void without_the_right_to_list(void **state)
{
    fixture *f = *state;
    f->bucket.forbids_listing = true;
    check_ok(open_at(f, "s3://lab/z", with_keys), &f->err);
    assert_true(f->at.folder);
    check_ok(open_at(f, "s3://lab/a b/c.bin", with_keys), &f->err);
    assert_int_equal(open_at(f, "s3://lab/none", with_keys), MT_E_IO);
    assert_non_null(strstr(f->err.message, "403 AccessDenied"));
    assert_non_null(strstr(f->err.message, "the options"));
    assert_non_null(strstr(f->err.message, "may not be listed"));
}

static void anonymous(void **state)
{
    fixture *f = *state;
    setenv("AWS_ACCESS_KEY_ID", "AKIA", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
    assert_int_equal(open_at(f, "s3://lab/a b/c.bin", (mt_s3_options) { .anonymous = 1 }), MT_E_IO);
    assert_non_null(strstr(f->err.message, "no credentials"));
    assert_int_equal(f->bucket.seen_signed, 0);
    check_ok(open_at(f, "s3://lab/a b/c.bin", (mt_s3_options) { 0 }), &f->err);
}

static void a_region_is_learnt_once(void **state)
{
    fixture *f = *state;
    f->bucket.region = "eu-west-3";
    check_ok(open_at(f, "s3://lab/a b/c.bin", with_keys), &f->err);
    assert_int_equal(f->bucket.refused, 1);
    check_read(f, 100000);
    assert_int_equal(f->bucket.refused, 1);
}

/* The store knows no region when a hundred requests start at once. */
static void many_learn_a_region(void **state)
{
    fixture *f = *state;
    enum { N = 100 };
    static uint8_t out[N][64];
    mt_request requests[N];
    check_ok(open_at(f, "s3://lab/a b/c.bin", with_keys), &f->err);
    f->bucket.region = "eu-west-3";
    for (int i = 0; i < N; i++)
        requests[i] = (mt_request) { .key = "c.bin", .offset = 70000 + (uint64_t)i * 1000, .size = 64, .out = out[i] };
    check_ok(mt_store_perform(f->at.store, requests, N, &f->err), &f->err);
    for (int i = 0; i < N; i++)
        assert_memory_equal(out[i], bytes + 70000 + (size_t)i * 1000, 64);
}

static void a_clock_is_learnt_once(void **state)
{
    fixture *f = *state;
    f->bucket.ahead = -5 * 3600;
    check_ok(open_at(f, "s3://lab/a b/c.bin", with_keys), &f->err);
    assert_int_equal(f->bucket.refused, 1);
    check_read(f, 100000);
    assert_int_equal(f->bucket.refused, 1);
}

static void tokens(void **state)
{
    fixture *f = *state;
    mt_s3_options s3 = with_keys;
    f->bucket.token = "now";
    s3.token = "now";
    check_ok(open_at(f, "s3://lab/a b/c.bin", s3), &f->err);
    s3.token = "then";
    assert_int_equal(open_at(f, "s3://lab/a b/c.bin", s3), MT_E_IO);
    assert_non_null(strstr(f->err.message, "400 ExpiredToken"));
}

static void busy_with_200(void **state)
{
    fixture *f = *state;
    f->bucket.busy = 2;
    check_ok(open_at(f, "s3://lab/a b/c.bin", with_keys), &f->err);
    check_read(f, 100000);
}

static void keys_of_a_container(void **state)
{
    fixture *f = *state;
    char url[128];
    snprintf(url, sizeof url, "%s/lent", http_server_url(f->server));
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    f->bucket.token = "lent";
    f->bucket.lent_for = 3600;
    assert_int_equal(open_at(f, "s3://lab/a b/c.bin", (mt_s3_options) { 0 }), MT_E_IO);
    assert_int_equal(f->bucket.lent, 0); /* unasked */
    check_ok(open_at(f, "s3://lab/a b/c.bin", (mt_s3_options) { .ask_instance = 1 }), &f->err);
    check_read(f, 100000);
    assert_int_equal(f->bucket.lent, 1);
    snprintf(url, sizeof url, "%s/absent?secret", http_server_url(f->server)); /* no credentials there */
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    f->err = (mt_error)MT_ERROR_INIT;
    assert_int_equal(open_at(f, "s3://lab/a b/c.bin", (mt_s3_options) { .ask_instance = 1 }), MT_E_IO);
    assert_non_null(strstr(f->err.message, "the container: "));
    assert_null(strstr(f->err.message, "secret"));
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://192.0.2.1/lent", 1);
    assert_int_equal(open_at(f, "s3://lab/a b/c.bin", (mt_s3_options) { .ask_instance = 1 }), MT_E_ARGUMENT);
}

static void keys_of_a_machine_are_renewed(void **state)
{
    fixture *f = *state;
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", http_server_url(f->server), 1);
    f->bucket.token = "lent";
    f->bucket.lent_for = 10;
    check_ok(open_at(f, "s3://lab/a b/c.bin", (mt_s3_options) { .ask_instance = 1 }), &f->err);
    for (int i = 0; i < 500 && f->bucket.lent < 3; i++) {
        check_read(f, 100000);
        usleep(10000);
    }
    assert_true(f->bucket.lent >= 3);
}

static void the_root_that_is_asked_for(void **state)
{
    fixture *f = *state;
    check_ok(open_at(f, "s3://lab/a b/c.bin", with_keys), &f->err);
    mt_location at;
    check_ok(mt_resolve(&f->context->env, "s3://lab/a b/c.bin", "s3://lab/", f->arena, &at, &f->err), &f->err);
    assert_string_equal(at.key, "a b/c.bin");
    assert_string_equal(at.store->url, "s3://lab");
    mt_store_close(at.store);
    check_ok(mt_resolve(&f->context->env, "s3://lab/a b/c.bin", "s3://lab/a b/", f->arena, &at, &f->err), &f->err);
    assert_string_equal(at.key, "c.bin");
    assert_string_equal(at.store->url, "s3://lab/a b");
    mt_store_close(at.store);
    assert_int_equal(mt_resolve(&f->context->env, "s3://lab/a b/c.bin", "s3://other/", f->arena, &at, NULL),
                     MT_E_ARGUMENT);
    assert_int_equal(mt_resolve(&f->context->env, "s3://lab/a b/c.bin", "s3://lab/a", f->arena, &at, NULL),
                     MT_E_ARGUMENT);
}

/* Finds the object, lists its folder and reads from it. */
static mt_status use_object(mt_context *context, mt_error *err)
{
    mt_location at = { 0 };
    mt_arena *arena;
    uint8_t out[100];
    mt_status st = mt_arena_new(&context->env, &arena, err);
    if (st)
        return st;
    if (!(st = mt_resolve(&context->env, "s3://lab/a b/", NULL, arena, &at, err)) &&
        !(st = mt_store_read_at(at.store, "c.bin", 100000, out, sizeof out, err)))
        assert_memory_equal(out, bytes + 100000, sizeof out);
    mt_store_close(at.store);
    mt_arena_free(arena);
    return st;
}

/* With the given keys, each allocation fails in turn. */
static void fail_each_allocation(const fixture *f, mt_s3_options s3)
{
    s3.endpoint = http_server_url(f->server);
    for (size_t k = 0;; k++) {
        failing_allocator failing;
        mt_context_options options = { .struct_size = sizeof options, .threads = 1, .s3 = s3 };
        options.allocator = failing_allocator_make(&failing, k, 0);
        mt_context *context;
        mt_error err = MT_ERROR_INIT;
        mt_status st = mt_context_new(&options, &context, &err);
        if (!st) {
            st = use_object(context, &err);
            mt_context_free(context);
        }
        if (failing.count <= k) {
            check_ok(st, &err);
            return;
        }
        if (st && st != MT_E_MEMORY)
            fail_msg("allocation %zu: %s: %s", k, mt_status_name(st), err.message);
    }
}

static void failing_allocations(void **state)
{
    fixture *f = *state;
    char url[128];
    fail_each_allocation(f, with_keys);
    f->bucket.token = "lent";
    f->bucket.lent_for = 3600;
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", http_server_url(f->server), 1);
    fail_each_allocation(f, (mt_s3_options) { .ask_instance = 1 });
    snprintf(url, sizeof url, "%s/lent", http_server_url(f->server));
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "word", 1);
    fail_each_allocation(f, (mt_s3_options) { .ask_instance = 1 });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_object, set_up, tear_down),
        cmocka_unit_test_setup_teardown(folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_the_right_to_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(anonymous, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_region_is_learnt_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_learn_a_region, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clock_is_learnt_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tokens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(busy_with_200, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_of_a_container, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_of_a_machine_are_renewed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_root_that_is_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failing_allocations, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
