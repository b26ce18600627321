/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of profiles. */
#include "store/s3/ini.h"
#include "support/support.h"

#include <stdio.h>
#include <string.h>

static const char text[] = "# of nobody\n"
                           "stray = 1\n"
                           "[default]\r\n"
                           "region=eu-west-1\r\n"
                           "[ profile  lab ]\n"
                           "region = us-west-2   # far away\n"
                           "  endpoint_url = http://nested.example\n"
                           "secret = ab#c;d=e\n"
                           "empty =\n"
                           "; secret = none\n"
                           "s3 =\n"
                           "  addressing_style = path\n"
                           "[profile other]\n"
                           "region = x\n"
                           "[broken\n"
                           "region = y\n"
                           "[profile lab]\n"
                           "region = us-east-2";

static void check_value(const char *prefix, const char *name, const char *key, const char *expected)
{
    mt_ini_value v;
    bool found = mt_ini_get(text, sizeof text - 1, prefix, name, key, &v);
    assert_int_equal(found, expected != NULL);
    if (expected) {
        assert_int_equal(v.size, strlen(expected));
        assert_memory_equal(v.text, expected, v.size);
    }
}

static void values(void **state)
{
    (void)state;
    check_value(NULL, "default", "region", "eu-west-1");
    check_value("profile", "lab", "region", "us-east-2");
    check_value("profile", "lab", "secret", "ab#c;d=e");
    check_value("profile", "lab", "empty", "");
    check_value("profile", "lab", "endpoint_url", NULL);
    check_value("profile", "lab", "addressing_style", NULL);
    check_value("profile", "lab", "stray", NULL);
    check_value("profile", "default", "region", NULL);
    check_value(NULL, "lab", "region", NULL);
    check_value("profile", "other", "region", "x");
}

static void sections(void **state)
{
    (void)state;
    assert_true(mt_ini_has_section(text, sizeof text - 1, "profile", "lab"));
    assert_true(mt_ini_has_section(text, sizeof text - 1, NULL, "default"));
    assert_false(mt_ini_has_section(text, sizeof text - 1, NULL, "broken"));
    assert_false(mt_ini_has_section(text, sizeof text - 1, "profile", "la"));
    assert_false(mt_ini_has_section("", 0, NULL, "default"));
}

/* Of a text, key k of section "profile lab", or "none". */
static const char *find(const char *content, size_t size)
{
    static char out[64];
    mt_ini_value v;
    bool found = mt_ini_get(content, size, "profile", "lab", "k", &v);
    snprintf(out, sizeof out, "%.*s", found ? (int)v.size : 4, found ? v.text : "none");
    return found && v.size >= sizeof out ? "too long" : out;
}

static void lines(void **state)
{
    (void)state;
    static const struct {
        const char *content, *value;
    } cases[] = { { "[profile lab]\nk = v", "v" },
                  { "[profile lab]\nk = v\n[section lab]\nk = w\n", "v" },
                  { "[profile lab]\nk = v\n[profilelab]\nk = w\n", "v" },
                  { "[profile lab]\nk = v\n[profile]\nk = w\n", "v" },
                  { "[profile lab]\nk = v\n[profile\tlab]\nk = w\n", "w" },
                  { "[profile lab]\nk = v\n[]\nk = w\n", "v" },
                  { "[profile lab]\nk = v\n[profile lab2]\nk = w\n", "v" },
                  { "[profile lab]\nk = v # far away\n", "v" },
                  { "[profile lab]\nk = some words\t; far away\n", "some words" },
                  { "[profile lab]\nk = #v\n", "#v" },
                  { "[profile lab]\nk = a#b;c\n", "a#b;c" },
                  { "[profile lab]\nkk = v\n = w\n=\n", "none" },
                  { "[profile lab]\n\nk=\n", "" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(find(cases[i].content, strlen(cases[i].content)), cases[i].value);
    /* What stands behind the end of the text does not count. */
    static const char cut[] = "[profile lab]\nk = abc  \t  \nk = d\n";
    assert_string_equal(find(cut, 18), "");
    assert_string_equal(find(cut, 17), "");
    assert_string_equal(find(cut, 19), "a");
    assert_string_equal(find(cut, 22), "abc");
    assert_string_equal(find(cut, 15), "none");
}

/* A file that is cut anywhere gives a value that was there, or none. */
static void cut_anywhere(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof text; n++) {
        mt_ini_value v;
        char *copy = test_malloc(n + 1);
        memcpy(copy, text, n);
        if (mt_ini_get(copy, n, "profile", "lab", "region", &v))
            assert_true(v.text >= copy && v.text + v.size <= copy + n);
        test_free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(sections),
        cmocka_unit_test(lines),
        cmocka_unit_test(cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
