/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/pattern.h"
#include "support/support.h"

#include <string.h>

static void check(const char *pattern, const char *name, bool expected)
{
    if (mt_pattern_fits(pattern, strlen(pattern), name) != expected)
        fail_msg("\"%s\" and \"%s\"", pattern, name);
}

static void names_fit_patterns(void **state)
{
    (void)state;
    check("*", "a.tif", true);
    check("*.tif", "a.tif", true);
    check("*.tif", "a.tiff", false);
    check("a?c", "abc", true);
    check("a?c", "ac", false);
    check("[a-c]*", "b1", true);
    check("[!a-c]*", "b1", false);
    check("[^a-c]*", "d1", true);
    check("[]]", "]", true);
    check("[a", "[a", true); /* no set: it does not end */
    check("**b*", "aab", true);
    check("", "", true);
    check("", "a", false);
}

/* A '*' is tried again only from where it last stood: no time beyond the product of the lengths. */
static void stars_take_little_time(void **state)
{
    (void)state;
    char pattern[201], name[4001];
    for (int i = 0; i < 200; i += 2)
        memcpy(pattern + i, "*a", 3);
    memset(name, 'a', sizeof name);
    name[3999] = 'b';
    name[4000] = 0;
    check(pattern, name, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(names_fit_patterns),
                                        cmocka_unit_test(stars_take_little_time) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
