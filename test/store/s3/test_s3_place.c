/* SPDX-License-Identifier: BSD-3-Clause */
/* Buckets, keys and the URLs that are asked. */
#include "store/s3/place.h"
#include "support/support.h"

#include <stdio.h>
#include <string.h>

static mt_arena *arena;

static int set_up(void **state)
{
    static mt_env env;
    (void)state;
    mt_env_init(&env, NULL, NULL);
    return mt_arena_new(&env, &arena, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    mt_arena_free(arena);
    return 0;
}

static void check_split(const char *url, const char *bucket, const char *key)
{
    const char *b, *k;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_s3_split_url(arena, url, &b, &k, &err), &err);
    assert_string_equal(b, bucket);
    assert_string_equal(k, key);
}

static void urls(void **state)
{
    (void)state;
    check_split("s3://bucket/a/b.tif", "bucket", "a/b.tif");
    check_split("s3://bucket", "bucket", "");
    check_split("gs://my.bucket//a b/c%20d.zarr//", "my.bucket", "a b/c%20d.zarr");
    static const char *const bad[] = { "s3://",   "s3:///a",     "s3://a b/c", "s3://..",
                                       "s3://-x", "s3://a%2f/b", "s3://a:9/b", "s3://a/b?c" };
    const char *b, *k;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(mt_s3_split_url(arena, bad[i], &b, &k, NULL), MT_E_ARGUMENT);
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_s3_split_url(arena, "s3://me:hidden@bucket/a", &b, &k, &err), MT_E_ARGUMENT);
    assert_null(strstr(err.message, "hidden"));
}

/* The longest bucket, with and without a key. */
static void long_buckets(void **state)
{
    (void)state;
    char url[300], name[300];
    const char *b, *k;
    memset(name, 'b', sizeof name);
    for (int n = 254; n <= 257; n++) {
        snprintf(url, sizeof url, "s3://%.*s/k", n, name);
        assert_int_equal(mt_s3_split_url(arena, url, &b, &k, NULL), n <= 255 ? MT_OK : MT_E_ARGUMENT);
        snprintf(url, sizeof url, "s3://%.*s", n, name);
        assert_int_equal(mt_s3_split_url(arena, url, &b, &k, NULL), n <= 255 ? MT_OK : MT_E_ARGUMENT);
        if (n <= 255)
            assert_int_equal(strlen(b), n);
    }
}

static void check_place(const char *endpoint, const char *region, const char *bucket, const char *url, const char *host,
                        const char *path)
{
    mt_s3_config config = { .endpoint = endpoint };
    mt_s3_place place;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_s3_place_bucket(&config, region, bucket, &place, &err), &err);
    assert_string_equal(place.url, url);
    assert_string_equal(place.host, host);
    assert_string_equal(place.path, path);
    assert_int_equal(place.encrypted, strncmp(url, "https", 5) == 0);
}

static void places(void **state)
{
    (void)state;
    check_place(NULL, "eu-west-1", "data", "https://data.s3.eu-west-1.amazonaws.com/",
                "data.s3.eu-west-1.amazonaws.com", "/");
    check_place(NULL, "cn-north-1", "data", "https://data.s3.cn-north-1.amazonaws.com.cn/",
                "data.s3.cn-north-1.amazonaws.com.cn", "/");
    check_place(NULL, "us-east-1", "my.data", "https://s3.us-east-1.amazonaws.com/my.data/",
                "s3.us-east-1.amazonaws.com", "/my.data/");
    check_place(NULL, "us-east-1", "My_data", "https://s3.us-east-1.amazonaws.com/My_data/",
                "s3.us-east-1.amazonaws.com", "/My_data/");
    check_place("http://127.0.0.1:9000", "r", "data", "http://127.0.0.1:9000/data/", "127.0.0.1:9000", "/data/");
    check_place("https://h/below", "r", "data", "https://h/below/data/", "h", "/below/data/");
    /* Of an Amazon host, a label has at most 63 bytes. */
    char bucket[65], host[128];
    for (int n = 62; n <= 64; n++) {
        mt_s3_place place;
        snprintf(bucket, sizeof bucket, "%0*d", n, 0);
        snprintf(host, sizeof host, "%s%s", n < 64 ? bucket : "",
                 n < 64 ? ".s3.r.amazonaws.com" : "s3.r.amazonaws.com");
        check_ok(mt_s3_place_bucket(&(mt_s3_config) { 0 }, "r", bucket, &place, NULL), NULL);
        assert_string_equal(place.host, host);
    }
}

/* "http://", a host and a path of these sizes, and a bucket "b". */
static mt_status place_sizes(int host, int path)
{
    char endpoint[2000];
    mt_s3_place place;
    mt_error err = MT_ERROR_INIT;
    snprintf(endpoint, sizeof endpoint, "http://%0*d", host, 0);
    if (path > 0)
        snprintf(endpoint + strlen(endpoint), 1000, "/%0*d", path - 1, 0);
    mt_status st = mt_s3_place_bucket(&(mt_s3_config) { .endpoint = endpoint }, "r", "b", &place, &err);
    if (st) {
        assert_string_equal(err.message, "the endpoint of S3 is too long");
    } else {
        assert_int_equal(strlen(place.host), host);
        assert_int_equal(strlen(place.path), path + 3);
        assert_int_equal(strlen(place.url), 7 + host + path + 3);
    }
    return st;
}

static void long_endpoints(void **state)
{
    (void)state;
    check_ok(place_sizes(599, 0), NULL);
    assert_int_equal(place_sizes(600, 0), MT_E_ARGUMENT);
    check_ok(place_sizes(10, 596), NULL);
    assert_int_equal(place_sizes(10, 597), MT_E_ARGUMENT);
    check_ok(place_sizes(500, 389), NULL);
    assert_int_equal(place_sizes(500, 390), MT_E_ARGUMENT);
    assert_int_equal(place_sizes(900, 900), MT_E_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(urls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_buckets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(places, set_up, tear_down),
        cmocka_unit_test(long_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
