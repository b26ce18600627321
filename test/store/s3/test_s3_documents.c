/* SPDX-License-Identifier: BSD-3-Clause */
/* Listings and failures in XML: good ones, hostile ones, failing allocations. */
#include "store/s3/documents.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char page[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name><Prefix>a/</Prefix>"
    "<IsTruncated>true</IsTruncated><NextContinuationToken>1/x==</NextContinuationToken>"
    "<Contents><Key>a/</Key><Size>0</Size></Contents><Contents><Key>a/x-y &amp; z</Key><Size>3</Size></Contents>"
    "<Contents><Key>a/deep/c/1</Key></Contents><Contents><Key>a/deep/c/2</Key></Contents>"
    "<CommonPrefixes><Prefix>a/x/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>a//</Prefix></CommonPrefixes>"
    "<CommonPrefixes><Prefix>a/../</Prefix></CommonPrefixes></ListBucketResult>";

typedef struct fixture {
    mt_env env;
    mt_arena *arena;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    mt_env_init(&f.env, NULL, NULL);
    *state = &f;
    return mt_arena_new(&f.env, &f.arena, NULL);
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mt_arena_free(f->arena);
    return f->env.memory_bytes != 0;
}

static void a_page(void **state)
{
    fixture *f = *state;
    mt_error err = MT_ERROR_INIT;
    mt_s3_names names = { .arena = f->arena };
    const char *next;
    check_ok(mt_s3_parse_page(&names, page, sizeof page - 1, "a/", &next, &err), &err);
    assert_string_equal(next, "1/x==");
    check_ok(mt_s3_parse_page(&names, page, sizeof page - 1, "a/", &next, &err), &err);
    mt_s3_sort_names(&names);
    assert_int_equal(names.n, 3);
    assert_string_equal(names.names[0], "deep");
    assert_string_equal(names.names[1], "x");
    assert_string_equal(names.names[2], "x-y & z");
}

/* A name that begins another one is a name of its own; one that comes again is not. */
static void names_that_begin_alike(void **state)
{
    fixture *f = *state;
    mt_error err = MT_ERROR_INIT;
    mt_s3_names names = { .arena = f->arena };
    const char *next, text[] = "<ListBucketResult><Contents><Key>abc</Key></Contents><Contents><Key>ab</Key></Contents>"
                               "<Contents><Key>ab</Key></Contents><Contents><Key>.</Key></Contents>"
                               "<Contents><Key>..</Key></Contents><Contents><Key>...</Key></Contents>"
                               "<Contents><Key>.a</Key></Contents></ListBucketResult>";
    check_ok(mt_s3_parse_page(&names, text, sizeof text - 1, "", &next, &err), &err);
    assert_int_equal(names.n, 4);
    assert_string_equal(names.names[0], "abc");
    assert_string_equal(names.names[1], "ab");
    assert_string_equal(names.names[2], "...");
    assert_string_equal(names.names[3], ".a");
}

static void the_last_page(void **state)
{
    fixture *f = *state;
    mt_error err = MT_ERROR_INIT;
    mt_s3_names names = { .arena = f->arena };
    const char *next, last[] = "<ListBucketResult><IsTruncated>false</IsTruncated>"
                               "<NextContinuationToken>x</NextContinuationToken></ListBucketResult>";
    check_ok(mt_s3_parse_page(&names, last, sizeof last - 1, "", &next, &err), &err);
    assert_null(next);
    mt_s3_sort_names(&names);
    assert_int_equal(names.n, 0);
}

static mt_status join(void *user, const char *key, uint64_t size, mt_error *err)
{
    char *all = user;
    (void)err;
    snprintf(all + strlen(all), 200 - strlen(all), "%s %d, ", key, (int)size);
    return strcmp(key, "stop") == 0 ? MT_E_CANCELLED : MT_OK;
}

static mt_status parse_sizes(fixture *f, const char *contents, char all[200])
{
    char text[600];
    const char *next;
    all[0] = 0;
    snprintf(text, sizeof text,
             "<ListBucketResult>%s<IsTruncated>true</IsTruncated><NextContinuationToken>2</NextContinuationToken>"
             "</ListBucketResult>",
             contents);
    mt_status st = mt_s3_parse_sizes(f->arena, text, strlen(text), "a/", join, all, &next, NULL);
    if (!st)
        assert_string_equal(next, "2");
    return st;
}

static void sizes(void **state)
{
    fixture *f = *state;
    char all[200];
    check_ok(parse_sizes(f,
                         "<Contents><Key>a/b/c</Key><Size>12</Size></Contents>"
                         "<Contents><Key>a/b</Key><Size>0</Size></Contents>",
                         all),
             NULL);
    assert_string_equal(all, "b/c 12, b 0, ");
    assert_int_equal(parse_sizes(f, "<Contents><Key>a/b</Key></Contents>", all), MT_E_CORRUPT);
    assert_int_equal(parse_sizes(f, "<Contents><Key>a/b</Key><Size>-1</Size></Contents>", all), MT_E_CORRUPT);
    assert_int_equal(parse_sizes(f, "<Contents><Key>a/b</Key><Size>1x</Size></Contents>", all), MT_E_CORRUPT);
    assert_int_equal(parse_sizes(f, "<Contents><Key>b</Key><Size>1</Size></Contents>", all), MT_E_CORRUPT);
    assert_int_equal(parse_sizes(f,
                                 "<Contents><Key>a/stop</Key><Size>1</Size></Contents>"
                                 "<Contents><Key>a/b</Key><Size>1</Size></Contents>",
                                 all),
                     MT_E_CANCELLED);
    assert_string_equal(all, "stop 1, ");
}

static mt_status parse(fixture *f, const char *text, const char *prefix)
{
    mt_s3_names names = { .arena = f->arena };
    const char *next;
    return mt_s3_parse_page(&names, text, strlen(text), prefix, &next, NULL);
}

static void what_is_refused(void **state)
{
    fixture *f = *state;
    assert_int_equal(parse(f, "<ListBucketResult><Contents><Key>b/c</Key></Contents></ListBucketResult>", "a/"),
                     MT_E_CORRUPT);
    assert_int_equal(parse(f, "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", ""),
                     MT_E_CORRUPT);
    assert_int_equal(parse(f, "<html></html>", ""), MT_E_CORRUPT);
    assert_int_equal(parse(f, "", ""), MT_E_CORRUPT);
    assert_int_equal(parse(f, "<!DOCTYPE l [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><ListBucketResult/>", ""),
                     MT_E_UNSUPPORTED);
    f->env.limits.max_xml_depth = 2;
    assert_int_equal(parse(f, page, "a/"), MT_E_LIMIT);
    f->env.limits.max_xml_bytes = 100;
    assert_int_equal(parse(f, page, "a/"), MT_E_LIMIT);
}

static void cut_anywhere(void **state)
{
    fixture *f = *state;
    for (size_t n = 0; n < sizeof page - 1; n++) {
        mt_s3_names names = { .arena = f->arena };
        const char *next;
        assert_int_not_equal(mt_s3_parse_page(&names, page, n, "a/", &next, NULL), MT_OK);
    }
}

static void failing_allocations(void **state)
{
    (void)state;
    for (size_t k = 0;; k++) {
        failing_allocator failing;
        mt_allocator allocator = failing_allocator_make(&failing, k, 0);
        mt_env env;
        mt_arena *arena;
        const char *next;
        mt_env_init(&env, &allocator, NULL);
        mt_status st = mt_arena_new(&env, &arena, NULL);
        if (!st) {
            mt_s3_names names = { .arena = arena };
            st = mt_s3_parse_page(&names, page, sizeof page - 1, "a/", &next, NULL);
            mt_arena_free(arena);
        }
        assert_int_equal(env.memory_bytes, 0);
        if (failing.count <= k) {
            check_ok(st, NULL);
            return;
        }
        assert_true(st == MT_E_MEMORY || st == MT_OK);
    }
}

static void failures(void **state)
{
    (void)state;
    mt_s3_failure failure;
    static const char moved[] = "<Error><Code>PermanentRedirect</Code><Message>Use\nthat</Message>"
                                "<Region>eu-west-3</Region></Error>";
    mt_s3_parse_failure(moved, sizeof moved - 1, &failure);
    assert_string_equal(failure.code, "PermanentRedirect");
    assert_string_equal(failure.message, "Use that");
    assert_string_equal(failure.region, "eu-west-3");
    static const char evil[] = "<Error><Code>x</Code><Region>evil.example/</Region></Error>";
    mt_s3_parse_failure(evil, sizeof evil - 1, &failure);
    assert_string_equal(failure.region, "");
    mt_s3_parse_failure("<html>", 6, &failure);
    assert_string_equal(failure.code, "");
    for (size_t n = 0; n < sizeof moved - 1; n++) {
        char *part = malloc(n + !n); /* nothing is read after its end */
        memcpy(part, moved, n);
        mt_s3_parse_failure(part, n, &failure);
        assert_true(!failure.code[0] || strcmp(failure.code, "PermanentRedirect") == 0);
        free(part);
    }
    char out[8] = "1234567";
    mt_s3_get_element("<Codes>no</Codes><Code>a\x1f\x7f\xc3z</Code>", 36, "Code", out, 6);
    assert_string_equal(out, "a  \xc3z");
    assert_string_equal(out + 6, "7");
    mt_s3_get_element("<Code>abcdef</Code>", 19, "Code", out, 4);
    assert_string_equal(out, "abc");
    assert_int_equal(out[4], 'z');                                /* nothing is written after the end */
    mt_s3_get_element("<Code>abcdef</Code>", 12, "Code", out, 4); /* no end */
    assert_string_equal(out, "");
    mt_s3_parse_failure("", 0, &failure);
    assert_string_equal(failure.code, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_that_begin_alike, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cut_anywhere, set_up, tear_down),
        cmocka_unit_test(failing_allocations),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
