/* SPDX-License-Identifier: BSD-3-Clause */
/* What servers of S3 and of its keys answer wrongly, and what is refused before they are asked. */
#include "engine/context.h"
#include "store/resolve.h"
#include "support/environment.h"
#include "support/http_server.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A server of the bucket "lab", and what it answers. */
typedef struct bucket {
    const char *pages[3];            /* bodies of the pages of a listing, the last for all others */
    int busy_code;                   /* code of the next answers, with SlowDown */
    unsigned busy;                   /* number of these */
    const char *token, *role, *lent; /* what a machine answers: NULL: 404 */
    _Atomic unsigned listed;
} bucket;

static void say(http_reply *reply, int code, const char *text)
{
    reply->code = code;
    reply->body = (const uint8_t *)text;
    reply->size = strlen(text);
}

static void serve_listing(bucket *b, const http_request *request, http_reply *reply)
{
    const char *token = strstr(request->query, "continuation-token=t");
    if (strstr(request->query, "max-keys=1&") || !b->pages[0])
        say(reply, 200, "<ListBucketResult><Contents><Key>a/x</Key></Contents></ListBucketResult>");
    else
        say(reply, 200, b->pages[token ? token[strlen("continuation-token=t")] - '0' : 0]);
    b->listed++;
}

static void serve(void *user, const http_request *request, http_reply *reply)
{
    bucket *b = user;
    const char *lent = strcmp(request->path, "/latest/api/token") == 0                                     ? b->token
                       : strcmp(request->path, "/latest/meta-data/iam/security-credentials/") == 0         ? b->role
                       : strncmp(request->path, "/latest/", 8) == 0 || strcmp(request->path, "/lent") == 0 ? b->lent
                                                                                                           : NULL;
    if (lent)
        say(reply, 200, lent);
    else if (strncmp(request->path, "/lab", 4) != 0)
        say(reply, 404, "");
    else if (b->busy > 0) {
        b->busy--;
        say(reply, b->busy_code, "<Error><Code>SlowDown</Code></Error>");
    } else if (*request->query)
        serve_listing(b, request, reply);
    else
        say(reply, strcmp(request->path, "/lab/a/x") == 0 ? 200 : 404,
            strcmp(request->path, "/lab/a/x") == 0 ? "0123456789" : "<Error><Code>NoSuchKey</Code></Error>");
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
    f.server = http_server_start("127.0.0.1", NULL, serve, &f.bucket);
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
    return 0;
}

static mt_status open_at(fixture *f, const char *url, mt_s3_options s3)
{
    mt_context_options options = { .struct_size = sizeof options, .s3 = s3 };
    options.s3.endpoint = http_server_url(f->server);
    close_all(f);
    f->err = (mt_error)MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &f->context, NULL), NULL);
    check_ok(mt_arena_new(&f->context->env, &f->arena, NULL), NULL);
    return mt_resolve(&f->context->env, url, NULL, f->arena, &f->at, &f->err);
}

static const mt_s3_options with_keys = { .key_id = "AKIA", .secret = "s" };

enum { NAMES = 64 };

static mt_status append_name(void *user, const char *name, mt_error *err)
{
    (void)err;
    char *names = user;
    size_t n = strlen(names);
    snprintf(names + n, NAMES - n, "%s", name);
    return MT_OK;
}

static void pages_of_a_listing(void **state)
{
    fixture *f = *state;
    char names[NAMES] = "";
    f->bucket.pages[0] = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t1"
                         "</NextContinuationToken><Contents><Key>a/x</Key></Contents></ListBucketResult>";
    f->bucket.pages[1] = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t2"
                         "</NextContinuationToken><Contents><Key>a/z</Key></Contents></ListBucketResult>";
    f->bucket.pages[2] = "<ListBucketResult><Contents><Key>a/y</Key></Contents></ListBucketResult>";
    check_ok(open_at(f, "s3://lab/a/", with_keys), &f->err);
    f->bucket.listed = 0;
    check_ok(mt_store_list(f->at.store, "", append_name, names, &f->err), &f->err);
    assert_string_equal(names, "xyz");
    assert_int_equal(f->bucket.listed, 3);
    f->bucket.listed = 0;
    names[0] = 0;
    check_ok(mt_store_sample(f->at.store, "", append_name, names, &f->err), &f->err);
    assert_string_equal(names, "x"); /* of the first page only */
    assert_int_equal(f->bucket.listed, 1);
    f->bucket.pages[2] = f->bucket.pages[1]; /* the page of t2 says that t2 is next */
    assert_int_equal(mt_store_list(f->at.store, "", append_name, names, &f->err), MT_E_CORRUPT);
    assert_non_null(strstr(f->err.message, "the listing of s3://lab/a/ never ends: the same page is repeated"));
    f->err = (mt_error)MT_ERROR_INIT;
    f->bucket.pages[0] = "<ListBucketResult><Contents>";
    assert_int_equal(mt_store_list(f->at.store, "", append_name, names, &f->err), MT_E_CORRUPT);
    assert_non_null(strstr(f->err.message, "the listing of s3://lab/a/"));
}

/* A token that fits does not make a URL that does; a longer one is not even kept. */
static void long_tokens(void **state)
{
    fixture *f = *state;
    static const char start[] = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>",
                      end[] = "</NextContinuationToken></ListBucketResult>";
    static char pages[2][4400]; /* the server may still send the first */
    char names[NAMES] = "";
    check_ok(open_at(f, "s3://lab/a/", with_keys), &f->err);
    for (size_t n = 4095; n <= 4096; n++) {
        char *page = pages[n - 4095];
        f->err = (mt_error)MT_ERROR_INIT;
        memcpy(page, start, sizeof start);
        memset(page + sizeof start - 1, 't', n);
        memcpy(page + sizeof start - 1 + n, end, sizeof end);
        f->bucket.pages[0] = page;
        assert_int_equal(mt_store_list(f->at.store, "", append_name, names, &f->err),
                         n == 4095 ? MT_E_ARGUMENT : MT_E_CORRUPT);
        assert_non_null(strstr(f->err.message, n == 4095
                                                   ? "the listing of s3://lab/a/: the key or the token is too long"
                                                   : "the listing of s3://lab/a/: the continuation token is too "
                                                     "long"));
    }
}

/* The code of the document counts, whatever the number is. */
static void busy_servers(void **state)
{
    fixture *f = *state;
    static const int codes[] = { 400, 429, 503 };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        f->bucket.busy = 0;
        check_ok(open_at(f, "s3://lab/a/x", with_keys), &f->err);
        f->bucket.busy = 2;
        f->bucket.busy_code = codes[i];
        mt_request q = { .key = "x", .kind = MT_READ_WHOLE, .size = 10 };
        check_ok(mt_store_perform(f->at.store, &q, 1, &f->err), &f->err);
        assert_memory_equal(q.out, "0123456789", 10);
        assert_int_equal(f->bucket.busy, 0);
        mt_release(&f->context->env, q.out, q.capacity);
    }
}

static void check_no_keys(fixture *f, mt_status status, const char *text)
{
    mt_status st = open_at(f, "s3://lab/a/x", (mt_s3_options) { .ask_instance = 1 });
    if (st != status || !strstr(f->err.message, text))
        fail_msg("%s: \"%s\", not \"%s\"", mt_status_name(st), f->err.message, text);
}

static void wrong_answers_of_a_machine(void **state)
{
    fixture *f = *state;
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", http_server_url(f->server), 1);
    check_no_keys(f, MT_E_IO, "no keys from the container or machine that this runs on: the machine: ");
    f->bucket.token = "word";
    check_no_keys(f, MT_E_IO, "the machine: the server answered 404");
    f->bucket.role = "\n";
    check_no_keys(f, MT_E_CORRUPT, "the machine has no role with credentials");
    f->bucket.role = "role";
    check_no_keys(f, MT_E_IO, "the machine: the server answered 404");
    f->bucket.lent = "{";
    check_no_keys(f, MT_E_CORRUPT, "the answer");
    f->bucket.lent = "{\"AccessKeyId\": \"A\"}";
    check_no_keys(f, MT_E_CORRUPT, "the response has no AccessKeyId or SecretAccessKey");
    f->bucket.lent = "{\"SecretAccessKey\": \"A\"}";
    check_no_keys(f, MT_E_CORRUPT, "the response has no AccessKeyId or SecretAccessKey");
    static const char *const times[] = { "soon",
                                         "2026-13-01T00:00:00Z",
                                         "2026-00-01T00:00:00Z",
                                         "2026-01-01 00:00:00Z",
                                         "2o26-01-01T00:00:00Z",
                                         "2026-01-01T00:00:00z" };
    static char answers[sizeof times / sizeof *times][256]; /* the server may still send the last one */
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char *lent = answers[i], text[128];
        snprintf(lent, sizeof *answers, "{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"s\", \"Expiration\": \"%s\"}",
                 times[i]);
        snprintf(text, sizeof text, "the keys have an invalid expiry time: \"%s\"", times[i]);
        f->bucket.lent = lent;
        check_no_keys(f, MT_E_CORRUPT, text);
    }
    f->bucket.lent = "{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"s\"}";
    check_ok(open_at(f, "s3://lab/a/x", (mt_s3_options) { .ask_instance = 1 }), &f->err);
}

static void addresses_of_a_container(void **state)
{
    fixture *f = *state;
    static const char *const far[] = { "ftp://127.0.0.1/lent", "http://127.0.0.1.example.org/lent",
                                       "http://localhost@example.org/lent", "http://127.0.0.1:1@example.org/lent" };
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", far[i], 1);
        check_no_keys(f, MT_E_ARGUMENT, "names neither https nor an address of this machine");
    }
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "https://127.0.0.1:1/lent", 1); /* nothing listens there */
    check_no_keys(f, MT_E_IO, "the container: ");
}

static void long_keys(void **state)
{
    fixture *f = *state;
    char key[7001], url[8000], byte;
    memset(key, 'k', sizeof key);
    key[1500] = 0;
    check_ok(open_at(f, "s3://lab/a/", with_keys), &f->err);
    assert_int_equal(mt_store_read_at(f->at.store, key, 0, &byte, 1, &f->err), MT_E_ARGUMENT);
    assert_non_null(strstr(f->err.message, "too long"));
    key[1500] = 'k';
    key[5000] = 0;
    snprintf(url, sizeof url, "s3://lab/%s/x", key);
    assert_int_equal(open_at(f, url, with_keys), MT_E_ARGUMENT);
    assert_non_null(strstr(f->err.message, "s3://lab: the key is too long"));
    key[2000] = 0; /* fits into the name of the store, but not into the path that is signed */
    snprintf(url, sizeof url, "s3://lab/%s/x", key);
    assert_int_equal(open_at(f, url, with_keys), MT_E_ARGUMENT);
    memset(key, 't', sizeof key);
    key[sizeof key - 1] = 0;
    const mt_s3_options long_token = { .key_id = "A", .secret = "s", .token = key };
    assert_int_equal(open_at(f, "s3://lab/a/x", long_token), MT_E_ARGUMENT);
    assert_non_null(strstr(f->err.message, "the key or the token is too long"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pages_of_a_listing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_tokens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(busy_servers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_answers_of_a_machine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(addresses_of_a_container, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_keys, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
