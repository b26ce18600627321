/* SPDX-License-Identifier: BSD-3-Clause */
/* Units as files write them, by the names that the library gives. */
#include "format/format.h"
#include "support/support.h"

#include <microtome/microtome.h>

static void units_have_names(void **state)
{
    (void)state;
    static const char *const units[][2] = {
        { "um", "micrometer" },
        { "\xc2\xb5m", "micrometer" },
        { "\xce\xbcm", "micrometer" },
        { "micron\nz=3", "micrometer" },
        { "nm", "nanometer" },
        { "m", "meter" },
        { "s", "second" },
        { "seconds since 1970-01-01", "second" },
        { "in", "inch" },
        { "\xe2\x84\xab", "angstrom" },
        { "micrometer", "micrometer" },
        { "Micrometres", "micrometer" },
        { "nanometre\n", "nanometer" },
        { "metre", "meter" },
        { "MICRONS", "micrometer" },
        { "inches", "inch" },
        { "\\u00b5m\r\n", "micrometer" },
        { "millimeters", "millimeter" },
        { "MICROMETRES   ", "micrometer" },
        { "INCH", "inch" },
        { "Hours", "hour" },
        { "secs", "second" },
        { "ms", "millisecond" },
        { "MS", NULL },
        { "millimetress", NULL },
        { "a-unit-of-15-by", NULL },
        { "a-unit-of-16-byt", NULL },
        { "microseconds@", NULL },
        { "[inch", NULL },
        { "inch\tes", "inch" },
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        assert_string_equal(mt_unit_find(units[i][0]) ? mt_unit_find(units[i][0]) : "none",
                            units[i][1] ? units[i][1] : "none");
    assert_null(mt_unit_find("pixel"));
    assert_null(mt_unit_find(""));
    assert_null(mt_unit_find("umm"));
    assert_null(mt_unit_find("NM"));
    assert_null(mt_unit_find("micrometeres"));
    assert_null(mt_unit_find("metee"));
}

/* What is not known stays as it is written, up to the first blank. */
static void other_units_stay(void **state)
{
    (void)state;
    mt_env env;
    mt_arena *arena;
    mt_error err = MT_ERROR_INIT;
    mt_env_init(&env, NULL, NULL);
    check_ok(mt_arena_new(&env, &arena, &err), &err);
    assert_string_equal(mt_unit_name(arena, "micrometer", &err), "micrometer");
    assert_string_equal(mt_unit_name(arena, "days since 1970-01-01", &err), "days");
    assert_string_equal(mt_unit_name(arena, "um", &err), "micrometer");
    mt_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(units_have_names), cmocka_unit_test(other_units_stay) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
