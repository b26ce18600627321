/* SPDX-License-Identifier: BSD-3-Clause */
/* Signatures, against the examples of the Amazon S3 API Reference (of 2013-05-24) and those of the AWS Signature
 * Version 4 test suite (of 2015-08-30). */
#include "store/http/retry.h"
#include "store/s3/sign.h"
#include "support/support.h"

#include <stdio.h>
#include <string.h>

static const mt_s3_keys s3_keys = { "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL };
static const mt_s3_keys suite_keys = { "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", NULL };
enum { MAY_2013 = 1369353600, AUGUST_2015 = 1440938160 };

static void check_signed(const mt_s3_to_sign *what, const mt_s3_keys *keys, const char *date, const char *names,
                         const char *signature)
{
    mt_error err = MT_ERROR_INIT;
    mt_s3_signature out;
    char expected[1024];
    check_ok(mt_s3_sign(what, keys, &out, &err), &err);
    assert_string_equal(out.date, date);
    snprintf(expected, sizeof expected,
             "AWS4-HMAC-SHA256 Credential=%s/%.8s/us-east-1/%s/aws4_request, SignedHeaders=%s, Signature=%s", keys->id,
             date, what->service, names, signature);
    assert_string_equal(out.authorization, expected);
}

static void examples_of_s3(void **state)
{
    (void)state;
    mt_s3_pair header[8] = { { "host", "examplebucket.s3.amazonaws.com" },
                             { "range", "bytes=0-9" },
                             { "x-amz-content-sha256", MT_S3_EMPTY_PAYLOAD } };
    mt_s3_to_sign get = { .method = "GET",
                          .region = "us-east-1",
                          .service = "s3",
                          .path = "/test.txt",
                          .header = header,
                          .n_header = 3,
                          .payload = MT_S3_EMPTY_PAYLOAD,
                          .time = MAY_2013 };
    check_signed(&get, &s3_keys, "20130524T000000Z", "host;range;x-amz-content-sha256;x-amz-date",
                 "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");

    static const mt_s3_pair lifecycle = { "lifecycle", "" }, list[] = { { "prefix", "J" }, { "max-keys", "2" } };
    header[1] = header[2];
    get.path = "/";
    get.query = &lifecycle;
    get.n_query = 1;
    get.n_header = 2;
    check_signed(&get, &s3_keys, "20130524T000000Z", "host;x-amz-content-sha256;x-amz-date",
                 "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    get.query = list;
    get.n_query = 2;
    check_signed(&get, &s3_keys, "20130524T000000Z", "host;x-amz-content-sha256;x-amz-date",
                 "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void a_body_and_a_key_that_is_encoded(void **state)
{
    (void)state;
    static const char hash[] = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    const mt_s3_pair header[] = { { "date", "Fri, 24 May 2013 00:00:00 GMT" },
                                  { "x-amz-storage-class", "REDUCED_REDUNDANCY" },
                                  { "x-amz-content-sha256", hash },
                                  { "host", " examplebucket.s3.amazonaws.com " } };
    mt_s3_to_sign put = { .method = "PUT",
                          .region = "us-east-1",
                          .service = "s3",
                          .path = "/test$file.text",
                          .header = header,
                          .n_header = 4,
                          .payload = hash,
                          .time = MAY_2013 };
    check_signed(&put, &s3_keys, "20130524T000000Z", "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                 "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

static void the_test_suite(void **state)
{
    (void)state;
    static const mt_s3_pair host = { "host", "example.amazonaws.com" };
    mt_s3_to_sign get = { .method = "GET",
                          .region = "us-east-1",
                          .service = "service",
                          .path = "/",
                          .header = &host,
                          .n_header = 1,
                          .payload = MT_S3_EMPTY_PAYLOAD,
                          .time = AUGUST_2015 };
    check_signed(&get, &suite_keys, "20150830T123600Z", "host;x-amz-date",
                 "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    get.path = "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    check_signed(&get, &suite_keys, "20150830T123600Z", "host;x-amz-date",
                 "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f");
    get.path = "/\xe1\x88\xb4";
    check_signed(&get, &suite_keys, "20150830T123600Z", "host;x-amz-date",
                 "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
    static const mt_s3_pair order[] = { { "Param2", "value2" }, { "Param1", "value1" } };
    get.path = "/";
    get.query = order;
    get.n_query = 2;
    check_signed(&get, &suite_keys, "20150830T123600Z", "host;x-amz-date",
                 "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
}

static void texts_are_encoded(void **state)
{
    (void)state;
    char out[64], small[8];
    assert_int_equal(mt_s3_encode("a b/+~%\xc3\xa9", true, out, sizeof out), 19);
    assert_string_equal(out, "a%20b/%2B~%25%C3%A9");
    assert_int_equal(mt_s3_encode("a/b", false, out, sizeof out), 5);
    assert_string_equal(out, "a%2Fb");
    assert_int_equal(mt_s3_encode("a/b", false, NULL, 0), 5);
    small[1] = 'x';
    assert_int_equal(mt_s3_encode("a/b", false, small, 1), 5);
    assert_true(small[0] == 0 && small[1] == 'x');
    assert_int_equal(mt_s3_encode("1234567", false, small, sizeof small), 7);
    assert_string_equal(small, "1234567");
    assert_int_equal(mt_s3_encode("12345678", false, small, sizeof small), 8);
    assert_string_equal(small, "1234567");
    assert_int_equal(mt_s3_encode("0123456789", false, small, sizeof small), 10);
    assert_string_equal(small, "0123456");
    /* '/' is %2F, and so before '-', which stays. */
    const mt_s3_pair query[] = { { "a-", "2" }, { "a/", "1" }, { "a", "3" }, { "a", "" } };
    assert_int_equal(mt_s3_query(query, 4, out, sizeof out), 18);
    assert_string_equal(out, "a=&a=3&a%2F=1&a-=2");
    const mt_s3_pair more[] = { { "ab", "1" }, { "a", "2" }, { "", "3" }, { "b", "" }, { "a", "1" }, { "b-", "" } };
    assert_int_equal(mt_s3_query(more, 6, out, sizeof out), 22);
    assert_string_equal(out, "=3&a=1&a=2&ab=1&b=&b-=");
    const mt_s3_pair slash[] = { { "a/", "1" }, { "a-", "2" } };
    assert_int_equal(mt_s3_query(slash, 2, out, 6), 11);
    assert_string_equal(out, "a%2F=");
    assert_int_equal(out[6], '&'); /* as before: nothing is written after the end */
    assert_int_equal(mt_s3_query(NULL, 0, out, sizeof out), 0);
    assert_string_equal(out, "");
}

/* The date in a signature, for every day of 60 years, is the one that a Date header would have. */
static void days_go_there_and_back(void **state)
{
    (void)state;
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const mt_s3_pair host = { "host", "h" };
    mt_error err = MT_ERROR_INIT;
    mt_s3_to_sign get = { .method = "GET",
                          .region = "r",
                          .service = "s3",
                          .path = "/",
                          .header = &host,
                          .n_header = 1,
                          .payload = MT_S3_EMPTY_PAYLOAD };
    for (get.time = 0; get.time < INT64_C(60) * 365 * 86400; get.time += 86399) {
        mt_s3_signature out;
        char date[64];
        int64_t back;
        check_ok(mt_s3_sign(&get, &s3_keys, &out, &err), &err);
        int month = (out.date[4] - '0') * 10 + out.date[5] - '0';
        snprintf(date, sizeof date, "%.2s %.3s %.4s %.2s:%.2s:%.2s GMT", out.date + 6, months + 3 * (month - 1),
                 out.date, out.date + 9, out.date + 11, out.date + 13);
        assert_true(mt_http_date(date, &back));
        assert_int_equal(back, get.time);
    }
}

/* Of n headers and m pairs in the query; "" if it is refused. */
static const char *sign_many(size_t n, size_t m, int64_t time)
{
    static mt_s3_signature out;
    mt_s3_pair pairs[20];
    mt_error err = MT_ERROR_INIT;
    for (int i = 0; i < 20; i++)
        pairs[i] = (mt_s3_pair) { "p", "v" };
    const mt_s3_to_sign get = { .method = "GET",
                                .region = "r",
                                .service = "s3",
                                .path = "/",
                                .query = pairs,
                                .n_query = m,
                                .header = pairs,
                                .n_header = n,
                                .payload = MT_S3_EMPTY_PAYLOAD,
                                .time = time };
    mt_status st = mt_s3_sign(&get, &s3_keys, &out, &err);
    if (!st)
        return out.authorization;
    assert_int_equal(st, MT_E_ARGUMENT);
    assert_string_equal(err.message, "the request has too many headers to be signed");
    return "";
}

static void as_much_as_can_be_signed(void **state)
{
    (void)state;
    assert_string_not_equal(sign_many(15, 16, 0), "");
    assert_string_equal(sign_many(16, 16, 0), "");
    assert_string_equal(sign_many(15, 17, 0), "");
    assert_string_equal(sign_many(1, 1, -1), "");
}

/* With a key, a region and a header of these sizes. */
static mt_status sign_sizes(int id, int secret, int region, int name)
{
    char ids[2000], secrets[2000], regions[2000], names[2000];
    mt_s3_signature out;
    snprintf(ids, sizeof ids, "%0*d", id, 0);
    snprintf(secrets, sizeof secrets, "%0*d", secret, 0);
    snprintf(regions, sizeof regions, "%0*d", region, 0);
    snprintf(names, sizeof names, "%0*d", name, 0);
    const mt_s3_pair header = { names, "v" };
    const mt_s3_to_sign get = { .method = "GET",
                                .region = regions,
                                .service = "s3",
                                .path = "/",
                                .header = &header,
                                .n_header = 1,
                                .payload = MT_S3_EMPTY_PAYLOAD };
    mt_status st = mt_s3_sign(&get, &(mt_s3_keys) { ids, secrets, NULL }, &out, NULL);
    if (!st) /* nothing is cut off */
        assert_int_equal(strlen(out.authorization), strlen("AWS4-HMAC-SHA256 Credential=/19700101//s3/aws4_request, "
                                                           "SignedHeaders=;x-amz-date, Signature=") +
                                                        (size_t)(id + region + name) + 64);
    return st;
}

static void sizes_that_fit(void **state)
{
    (void)state;
    static const struct {
        int id, secret, region, name;
    } largest[] = { { 1, 251, 1, 1 }, { 1, 1, 230, 1 }, { 1, 1, 1, 500 }, { 864, 1, 1, 1 } };
    for (size_t i = 0; i < sizeof largest / sizeof *largest; i++) {
        check_ok(sign_sizes(largest[i].id, largest[i].secret, largest[i].region, largest[i].name), NULL);
        assert_int_equal(sign_sizes(largest[i].id + (i == 3), largest[i].secret + (i == 0),
                                    largest[i].region + (i == 1), largest[i].name + (i == 2)),
                         MT_E_ARGUMENT);
    }
}

/* A value is signed without the blanks around it, also one that has nothing else. */
static void blanks(void **state)
{
    (void)state;
    static const char *const values[] = { "", "  ", "\t", "a b", " a b", "a b\t ", "\t a b" };
    char first[2][65] = { "" };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const mt_s3_pair header = { "x", &values[i][0] };
        mt_s3_signature out;
        const mt_s3_to_sign get = { .method = "GET",
                                    .region = "r",
                                    .service = "s3",
                                    .path = "/",
                                    .header = &header,
                                    .n_header = 1,
                                    .payload = MT_S3_EMPTY_PAYLOAD };
        check_ok(mt_s3_sign(&get, &s3_keys, &out, NULL), NULL);
        char *kept = first[i >= 3];
        if (!*kept)
            memcpy(kept, strstr(out.authorization, "Signature=") + 10, 65);
        assert_string_equal(strstr(out.authorization, "Signature=") + 10, kept);
    }
    assert_string_not_equal(first[0], first[1]);
}

static void what_is_too_long(void **state)
{
    (void)state;
    static char longest[2000];
    static const mt_s3_pair host = { "host", "h" };
    memset(longest, 'a', sizeof longest - 1);
    mt_s3_to_sign get = { .method = "GET",
                          .region = longest,
                          .service = "s3",
                          .path = "/",
                          .header = &host,
                          .n_header = 1,
                          .payload = MT_S3_EMPTY_PAYLOAD };
    mt_s3_signature out;
    assert_int_equal(mt_s3_sign(&get, &s3_keys, &out, NULL), MT_E_ARGUMENT);
    get.region = "r";
    assert_int_equal(mt_s3_sign(&get, &(mt_s3_keys) { longest, "s", NULL }, &out, NULL), MT_E_ARGUMENT);
    assert_int_equal(mt_s3_sign(&get, &(mt_s3_keys) { "i", longest, NULL }, &out, NULL), MT_E_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_s3),         cmocka_unit_test(a_body_and_a_key_that_is_encoded),
        cmocka_unit_test(the_test_suite),         cmocka_unit_test(texts_are_encoded),
        cmocka_unit_test(days_go_there_and_back), cmocka_unit_test(as_much_as_can_be_signed),
        cmocka_unit_test(sizes_that_fit),         cmocka_unit_test(blanks),
        cmocka_unit_test(what_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
