/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of axes as files write them, by the letters that the library gives. */
#include "format/format.h"
#include "support/support.h"

static void words_have_letters(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        char letter;
    } cases[] = {
        { "x", 'X' },         { "Y", 'Y' },      { "depth", 'Z' },  { "Height", 'Y' },   { "WIDTH", 'X' },
        { "Channel", 'C' },   { "frame", 'T' },  { "row", 'Y' },    { "column", 'X' },   { "time", 'T' },
        { "timepoint", 'T' }, { "sample", 'S' }, { "c^", 'C' },     { "^", '?' },        { "c^^", '?' },
        { "", '?' },          { "xx", '?' },     { "dim_0", '?' },  { "channel ", '?' }, { "chann", '?' },
        { "A", '?' },         { "Z", 'Z' },      { "zz", '?' },     { "X^", 'X' },       { "x^y", '?' },
        { "[", '?' },         { "Batch", 'S' },  { "scenes", 'S' }, { "BANDS", 'C' },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(mt_axis_letter(cases[i].word), cases[i].letter);
    assert_int_equal(mt_axis_letter(NULL), '?');
}

static void repeated_letters_say_nothing(void **state)
{
    (void)state;
    char twice[] = "ZYXX", channels[] = "CCYX";
    mt_axes_drop_ambiguous(twice);
    assert_string_equal(twice, "????");
    mt_axes_drop_ambiguous(channels);
    assert_string_equal(channels, "CCYX");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(words_have_letters),
                                        cmocka_unit_test(repeated_letters_say_nothing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
