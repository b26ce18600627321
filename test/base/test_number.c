/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers in text, in the locale that the program happens to have. */
#include "support/support.h"

#include "base/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_real(const char *text, double expected, const char *rest)
{
    double value;
    const char *at = text;
    if (!mt_parse_real(&at, &value) || value != expected || strcmp(at, rest) != 0)
        fail_msg("'%s' is read as %.17g, and '%s' is left", text, value, at);
}

static void reals_that_are_read(void **state)
{
    (void)state;
    check_real("0.25", 0.25, "");
    check_real(" \n-12.5e-1 7", -1.25, " 7");
    check_real("+.5,", 0.5, ",");
    check_real("5.", 5, "");
    check_real("0.10238095238095239", 0.10238095238095239, "");
    check_real("123456789012345678901234567890", 123456789012345678901234567890.0, "");
    check_real("0.000000000000000000000000000000000000012345", 1.2345e-38, "");
    check_real("1e-400", 0, "");
    check_real("0e99999999999999999999", 0, "");
    check_real("1.5e", 1.5, "e");
    check_real("1e 5", 1, "e 5");
    check_real("0x10", 0, "x10");
    check_real("-0", -0.0, "");
    check_real("4.9406564584124654e-324", 4.9406564584124654e-324, "");
    check_real("1.7976931348623157e308", 1.7976931348623157e308, "");
}

static void texts_that_are_no_reals(void **state)
{
    (void)state;
    const char *texts[] = { "", ".", "-", "e5", "nan", "inf", "1e309", "1e99999999999999999999", "- 1", "x" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *at = texts[i];
        double value = 1;
        assert_false(mt_parse_real(&at, &value));
        assert_ptr_equal(at, texts[i]);
        assert_true(value == 0);
    }
}

/* 1 and half of the distance to the next number lies in the middle; a digit behind it decides. */
static void long_reals_round_correctly(void **state)
{
    (void)state;
    check_real("1.00000000000000011102230246251565404236316680908203125", 1, "");
    check_real("1.000000000000000111022302462515654042363166809082031251", 1 + 0x1p-52, "");
    char text[3002];
    memset(text, '0', sizeof text);
    text[0] = '7';
    text[1001] = '.';
    memcpy(text + 2900, "e-1000", 7);
    check_real(text, 7, "");
    memset(text, '0', sizeof text);
    text[1] = '.';
    memcpy(text + 1001, "7e1000", 7);
    check_real(text, 7, "");
}

static void a_point_is_a_point_in_any_locale(void **state)
{
    (void)state;
    const char *names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE", "German" };
    const char *found = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++)
        found = setlocale(LC_NUMERIC, names[i]);
    check_real("0.25", 0.25, "");
    check_real("0,25", 0, ",25");
    setlocale(LC_NUMERIC, "C");
    if (!found)
        skip();
}

static void check_integer(const char *text, int64_t expected, const char *rest)
{
    int64_t value;
    const char *at = text;
    if (!mt_parse_integer(&at, &value) || value != expected || strcmp(at, rest) != 0)
        fail_msg("'%s' is read as %lld, and '%s' is left", text, (long long)value, at);
}

static void integers(void **state)
{
    (void)state;
    check_integer(" 12 ", 12, " ");
    check_integer("-7.5", -7, ".5");
    check_integer("9223372036854775807", INT64_MAX, "");
    check_integer("-9223372036854775808", INT64_MIN, "");
    const char *texts[] = { "", "-", "x", "9223372036854775808", "-9223372036854775809", "99999999999999999999" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *at = texts[i];
        int64_t value = 1;
        assert_false(mt_parse_integer(&at, &value));
        assert_ptr_equal(at, texts[i]);
        assert_int_equal(value, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reals_that_are_read),
        cmocka_unit_test(texts_that_are_no_reals),
        cmocka_unit_test(long_reals_round_correctly),
        cmocka_unit_test(a_point_is_a_point_in_any_locale),
        cmocka_unit_test(integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
