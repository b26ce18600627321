/* SPDX-License-Identifier: BSD-3-Clause */
/* What is decoded and mended before a document is parsed: characters and references at their limits, and nothing behind
 * the end of the text. */
#include "support/support.h"

#include "base/xml_text.h"

#include <string.h>

static mt_env env;
static mt_arena *arena;

static int make(void **state)
{
    (void)state;
    mt_env_init(&env, NULL, NULL);
    return mt_arena_new(&env, &arena, NULL);
}

static int clean(void **state)
{
    (void)state;
    mt_arena_free(arena);
    return env.memory_bytes != 0;
}

/* Copies a text without its '|', behind which stands what is not part of it; returns the size. */
static size_t take(const char *text, char out[128])
{
    size_t size = strcspn(text, "|"), rest = strlen(text) - size;
    memcpy(out, text, size);
    memcpy(out + size, text + size + (rest > 0), rest + (rest == 0));
    return size;
}

static void check_text(const mt_xml_text *text, const char *expected, size_t row)
{
    if (text->size != strlen(expected) || memcmp(text->bytes, expected, text->size) != 0)
        fail_msg("row %zu: '%.*s' in place of '%s'", row, (int)text->size, text->bytes, expected);
}

/* Sequences that are UTF-8 stay; a byte that is not becomes the character of windows-1252. */
static void characters_that_are_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        /* the first and the last of each length */
        { "\x7f", "\x7f" },
        { "\xc2\x80", "\xc2\x80" },
        { "\xdf\xbf", "\xdf\xbf" },
        { "\xe0\xa0\x80", "\xe0\xa0\x80" },
        { "\xef\xbf\xbd", "\xef\xbf\xbd" },
        { "\xf0\x90\x80\x80", "\xf0\x90\x80\x80" },
        { "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
        /* beside the surrogates */
        { "\xed\x9f\xbf", "\xed\x9f\xbf" },
        { "\xee\x80\x80", "\xee\x80\x80" },
        { "\xed\xa0\x80", "\xc3\xad\xc2\xa0\xe2\x82\xac" },
        /* overlong; behind the last character; a byte that only continues */
        { "\xc1\xbf", "\xc3\x81\xc2\xbf" },
        { "\xe0\x9f\xbf", "\xc3\xa0\xc5\xb8\xc2\xbf" },
        { "\xf0\x8f\xbf\xbf", "\xc3\xb0\xc2\x8f\xc2\xbf\xc2\xbf" },
        { "\xf4\x90\xbf\xbf", "\xc3\xb4\xc2\x90\xc2\xbf\xc2\xbf" },
        { "\xf5\x8f\xbf\xbf", "\xc3\xb5\xc2\x8f\xc2\xbf\xc2\xbf" },
        { "\x80", "\xe2\x82\xac" },
        { "\x9f", "\xc5\xb8" },
        { "\xa0", "\xc2\xa0" },
        { "\xff", "\xc3\xbf" },
        /* cut at the end */
        { "a\xe2\x82|\xac", "a\xc3\xa2\xe2\x80\x9a" },
        { "a\xc3|\xa9", "a\xc3\x83" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_xml_text text;
        mt_error err = MT_ERROR_INIT;
        char bytes[128];
        check_ok(mt_xml_text_decode(arena, bytes, take(cases[i].text, bytes), &text, &err), &err);
        assert_string_equal(text.encoding, "UTF-8");
        check_text(&text, cases[i].expected, i);
    }
}

/* What stands around a document, and what it declares. */
static void documents_that_are_decoded(void **state)
{
    (void)state;
    static const char outside[] = "white space before", utf8[] = "it is UTF-8", other[] = "read as windows-1252";
    static const struct {
        const char *text, *expected, *repair; /* NULL: nothing is reported */
    } cases[] = {
        { " \t<a>b</a>\r\n", "<a>b</a>", NULL },
        { " <?xml ?>", "<?xml ?>", outside },
        { "<?xml ?> ", "<?xml ?>", NULL },
        { " <?xml", "<?xml", NULL },
        { " <?x|ml ?>", "<?x", NULL },
        { "<a/>| ", "<a/>", NULL },
        { "|<a/>", "", NULL },
        { " \n|<a/>", "", NULL },
        { "<?xml encoding='latin1'?><a/>|\xff", "<?xml encoding='latin1'?><a/>", NULL },
        { "<?xml encoding='latin1'?>\xc3\xa9", "<?xml encoding='latin1'?>\xc3\xa9", utf8 },
        { "<?xml encoding='UTF-8'?>\xc3\xa9", "<?xml encoding='UTF-8'?>\xc3\xa9", NULL },
        { "<?xml encoding='UTF-8'?>\xe9", "<?xml encoding='UTF-8'?>\xc3\xa9", other },
        { "<?xml encoding='LATIN-1'?>\xe9", "<?xml encoding='LATIN-1'?>\xc3\xa9", NULL },
        { "<?xml encoding=\"cp1252\"?>\xe9", "<?xml encoding=\"cp1252\"?>\xc3\xa9", NULL },
        { "<?xml encoding?>\xe9", "<?xml encoding?>\xc3\xa9", other },
        { "<?xml encodin?>\xe9", "<?xml encodin?>\xc3\xa9", other },
        { "<!-- encoding='latin1'>\xe9", "<!-- encoding='latin1'>\xc3\xa9", other },
        /* A name of 31 characters and one of 33. */
        { "<?xml encoding='abcdefghijklmnopqrstuvwxyz01234'?>\xe9",
          "<?xml encoding='abcdefghijklmnopqrstuvwxyz01234'?>\xc3\xa9", other },
        { "<?xml encoding='abcdefghijklmnopqrstuvwxyz0123456'?>\xe9",
          "<?xml encoding='abcdefghijklmnopqrstuvwxyz0123456'?>\xc3\xa9", other },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_xml_text text;
        mt_error err = MT_ERROR_INIT;
        char bytes[128];
        check_ok(mt_xml_text_decode(arena, bytes, take(cases[i].text, bytes), &text, &err), &err);
        check_text(&text, cases[i].expected, i);
        if (cases[i].repair ? !text.repair || !strstr(text.repair, cases[i].repair) : text.repair != NULL)
            fail_msg("row %zu: \"%s\"", i, text.repair ? text.repair : "nothing");
    }
}

/* UTF-16 is known by its first two characters, or by its mark, and has four bytes at least. */
static void documents_in_utf16(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *encoding;
    } cases[] = { { "\xff\xfe<\0", 4, "UTF-16" }, { "\xfe\xff\0<", 4, "UTF-16" }, { "<\0a\0", 4, "UTF-16LE" },
                  { "\0<\0a", 4, "UTF-16BE" },    { "<\0a\0", 3, "UTF-8" },       { "\xff\xfe<\0", 3, "UTF-8" },
                  { "<a\0\0", 4, "UTF-8" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_xml_text text;
        mt_error err = MT_ERROR_INIT;
        bool changed;
        check_ok(mt_xml_text_decode(arena, cases[i].bytes, cases[i].size, &text, &err), &err);
        assert_string_equal(text.encoding, cases[i].encoding);
        if (strcmp(text.encoding, "UTF-8") == 0)
            continue;
        check_ok(mt_xml_text_mend(arena, &text, &changed, &err), &err);
        assert_false(changed);
        assert_ptr_equal(text.bytes, cases[i].bytes);
        assert_int_equal(text.size, cases[i].size);
    }
}

/* NULL: the text is as it was. */
static void text_that_is_mended(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        { "a", NULL },
        { "|&", NULL },
        { "\t\n\r ~", NULL },
        { "\x0b\x0c\x1f", "???" },
        /* references by name, which may end the text */
        { "&lt;&gt;&amp;&quot;&apos;", NULL },
        { "&lt;", NULL },
        { "a&lt|;", "a&amp;lt" },
        { "a&apos|;", "a&amp;apos" },
        { "&LT;", "&amp;LT;" },
        /* by number: the characters of XML 1.0, section 2.2 */
        { "&#9;&#10;&#13;&#32;&#xd7ff;&#xe000;&#xfffd;&#x10000;&#x10ffff;&#x10FFFF;&#1114111;", NULL },
        { "&#9;", NULL },
        { "&#8;", "&amp;#8;" },
        { "&#11;&#12;&#14;&#31;", "&amp;#11;&amp;#12;&amp;#14;&amp;#31;" },
        { "&#xd800;&#xdfff;", "&amp;#xd800;&amp;#xdfff;" },
        { "&#xfffe;&#xffff;", "&amp;#xfffe;&amp;#xffff;" },
        { "&#x110000;&#1114112;", "&amp;#x110000;&amp;#1114112;" },
        /* seven digits at most, and all of them */
        { "&#0000065;&#x0000041;", NULL },
        { "&#00000065;&#x00000041;", "&amp;#00000065;&amp;#x00000041;" },
        { "&#65 &#x41 &#6a;&#X41;&#xg;&#x4g;&#;&#x;",
          "&amp;#65 &amp;#x41 &amp;#6a;&amp;#X41;&amp;#xg;&amp;#x4g;&amp;#;&amp;#x;" },
        { "a&#65|;", "a&amp;#65" },
        { "a&#6|5;", "a&amp;#6" },
        { "&#|65;", "&amp;#" },
        /* U+FFFE and U+FFFF, and their neighbours */
        { "\xef\xbf\xbe", "?" },
        { "\xef\xbf\xbf&amp;", "?&amp;" },
        { "\xef\xbf\xbd\xef\xbe\xbf\xee\xbf\xbf", NULL },
        { "a\xef\xbf|\xbe", NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *expected = cases[i].expected;
        char bytes[128];
        size_t size = take(cases[i].text, bytes);
        mt_xml_text text = { bytes, size, "UTF-8", NULL };
        bool changed;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_xml_text_mend(arena, &text, &changed, &err), &err);
        if (changed != (expected != NULL) || (text.repair != NULL) != changed)
            fail_msg("row %zu: '%.*s'", i, (int)text.size, text.bytes);
        if (expected)
            check_text(&text, expected, i);
        else
            assert_true(text.bytes == bytes && text.size == size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_that_are_decoded),
        cmocka_unit_test(documents_that_are_decoded),
        cmocka_unit_test(documents_in_utf16),
        cmocka_unit_test(text_that_is_mended),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
