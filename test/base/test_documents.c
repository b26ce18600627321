/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON and XML: valid, invalid and beyond a limit. And the bounded reader under all parsers. */
#include "support/support.h"

#include "base/json.h"
#include "base/reader.h"
#include "base/xml.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static mt_env env;
static mt_arena *arena;

static int make(void **state)
{
    (void)state;
    mt_limits limits = { .max_json_bytes = 200, .max_json_depth = 4, .max_xml_bytes = 300, .max_xml_depth = 4 };
    mt_env_init(&env, NULL, &limits);
    return mt_arena_new(&env, &arena, NULL);
}

static int clean(void **state)
{
    (void)state;
    mt_arena_free(arena);
    return env.memory_bytes != 0;
}

/* From a copy that ends with the text, so that sanitizers notice what is read behind it. */
static mt_status parse_json(const char *text, json_t **out, mt_error *err)
{
    size_t size = strlen(text);
    char *copy = malloc(size + 1); /* not of 0 bytes */
    memcpy(copy + 1, text, size);
    mt_status st = mt_json_parse(&env, copy + 1, size, "document", out, err);
    free(copy);
    return st;
}

static void json_that_is_read(void **state)
{
    (void)state;
    json_t *json;
    mt_error err = MT_ERROR_INIT;
    check_ok(
        parse_json("\xef\xbb\xbf{\"a\": NaN, \"b\": [-Infinity, 18446744073709551615, 7, \"NaN\\\"1\"]}", &json, &err),
        &err);
    json_t *b = json_object_get(json, "b");
    assert_string_equal(json_string_value(json_object_get(json, "a")), "NaN");
    assert_string_equal(json_string_value(json_array_get(b, 0)), "-Infinity");
    assert_string_equal(json_string_value(json_array_get(b, 1)), "18446744073709551615");
    assert_int_equal(json_integer_value(json_array_get(b, 2)), 7);
    assert_string_equal(json_string_value(json_array_get(b, 3)), "NaN\"1");
    json_decref(json);
    check_ok(parse_json("[[[[]]]]", &json, &err), &err);
    json_decref(json);
    check_ok(parse_json("\"[[[[[ NaN, 18446744073709551615\"", &json, &err), &err);
    assert_string_equal(json_string_value(json), "[[[[[ NaN, 18446744073709551615");
    json_decref(json);
}

/* Integers are those that fit 64 bits with a sign; of a name only the three words are numbers. */
static void json_numbers(void **state)
{
    (void)state;
    static const char *const texts[] = { "9223372036854775808", "-9223372036854775809", "99999999999999999999" };
    static const int64_t numbers[] = { INT64_MAX, INT64_MIN, INT64_MIN + 1, 123, 12345678, 123456789, 0 };
    mt_error err = MT_ERROR_INIT;
    json_t *json;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char text[32];
        snprintf(text, sizeof text, "%lld", (long long)numbers[i]);
        check_ok(parse_json(text, &json, &err), &err);
        assert_true(json_is_integer(json));
        assert_int_equal(json_integer_value(json), numbers[i]);
        json_decref(json);
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        check_ok(parse_json(texts[i], &json, &err), &err);
        assert_string_equal(json_string_value(json), texts[i]);
        json_decref(json);
    }
    check_ok(parse_json("Infinity", &json, &err), &err);
    assert_string_equal(json_string_value(json), "Infinity");
    json_decref(json);
}

/* Only the given number of bytes is parsed. */
static void json_that_ends_before_its_text(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    json_t *json;
    check_ok(mt_json_parse(&env, "NaN7", 3, "document", &json, &err), &err);
    assert_string_equal(json_string_value(json), "NaN");
    json_decref(json);
    check_ok(mt_json_parse(&env, "[1]2", 3, "document", &json, &err), &err);
    assert_int_equal(json_integer_value(json_array_get(json, 0)), 1);
    json_decref(json);
    check_failed(mt_json_parse(&env, "\"a\"", 2, "document", &json, &err), MT_E_CORRUPT, &err, "document");
}

static void json_that_is_not(void **state)
{
    (void)state;
    char long_text[300];
    memset(long_text, ' ', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    const struct {
        const char *text;
        mt_status status;
        const char *word;
    } cases[] = { { "", MT_E_CORRUPT, "document" },
                  { "{\"a\": 1", MT_E_CORRUPT, "line 1" },
                  { "{\"a\": 1, \"a\": 2}", MT_E_CORRUPT, "duplicate" },
                  { "{\"a\": nul}", MT_E_CORRUPT, "document" },
                  { "\"\\", MT_E_CORRUPT, "document" },
                  { "\"", MT_E_CORRUPT, "document" },
                  { "]][", MT_E_CORRUPT, "document" },
                  { "Infinite", MT_E_CORRUPT, "document" },
                  { "[[[[[]]]]]", MT_E_LIMIT, "max_json_depth" },
                  { long_text, MT_E_LIMIT, "max_json_bytes" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *json;
        mt_error err = MT_ERROR_INIT;
        check_failed(parse_json(cases[i].text, &json, &err), cases[i].status, &err, cases[i].word);
    }
}

/* What a document becomes may be many times as large as it is. */
static void json_of_many_values(void **state)
{
    (void)state;
    static const char text[] = "[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},0]";
    const mt_limits small = { .max_metadata_bytes = 4096 };
    mt_env own;
    mt_error err = MT_ERROR_INIT;
    json_t *json;
    mt_env_init(&own, NULL, NULL);
    check_ok(mt_json_parse(&own, text, strlen(text), "list", &json, &err), &err);
    assert_int_equal(json_array_size(json), 21);
    json_decref(json);
    mt_env_init(&own, NULL, &small);
    assert_int_equal(mt_json_parse(&own, text, strlen(text), "list", &json, &err), MT_E_LIMIT);
    assert_string_equal(err.message, "list takes more than max_metadata_bytes (4096)");
    assert_int_equal(own.memory_bytes, 0);
}

/* Each limit at its exact value. */
static void documents_as_large_as_allowed(void **state)
{
    (void)state;
    mt_limits limits = { .max_metadata_bytes = 4 * 128 };
    mt_env own;
    json_t *json;
    mt_error err = MT_ERROR_INIT;
    mt_env_init(&own, NULL, &limits);
    check_ok(mt_json_parse(&own, "[1,2,3,4]", 9, "list", &json, &err), &err);
    json_decref(json);
    mt_error_clear(&err);
    check_failed(mt_json_parse(&own, "[1,2,3,{}]", 10, "list", &json, &err), MT_E_LIMIT, &err, "max_metadata_bytes");
    mt_error_clear(&err);
    check_failed(mt_json_parse(&own, "\0\0\0\0\0", 5, "list", &json, &err), MT_E_CORRUPT, &err, "list");
    mt_error_clear(&err);
    char text[302];
    memset(text, ' ', sizeof text);
    text[0] = '7';
    check_ok(mt_json_parse(&env, text, 200, "document", &json, &err), &err);
    json_decref(json);
    check_failed(mt_json_parse(&env, text, 201, "document", &json, &err), MT_E_LIMIT, &err, "max_json_bytes");
    mt_xml *root;
    const char *repair;
    memcpy(text, "<a>\x01", 4);
    memset(text + 4, 'b', 292);
    memcpy(text + 296, "</a>  ", 6);
    mt_error_clear(&err);
    check_ok(mt_xml_parse_loosely(arena, text, 300, "document", &root, &repair, &err), &err);
    assert_int_equal(strlen(root->text), 293);
    check_failed(mt_xml_parse_loosely(arena, text, 301, "document", &root, &repair, &err), MT_E_LIMIT, &err,
                 "document has 301 bytes, more than max_xml_bytes (300)");
    text[3] = 'b';
    mt_error_clear(&err);
    check_ok(mt_xml_parse(arena, text, 300, "document", &root, &err), &err);
    check_failed(mt_xml_parse(arena, text, 301, "document", &root, &err), MT_E_LIMIT, &err, "max_xml_bytes");
}

/* Whatever the limit, the parser takes no more than half of what an int counts. */
static void xml_of_a_gigabyte(void **state)
{
    (void)state;
    const mt_limits limits = { .max_xml_bytes = SIZE_MAX };
    failing_allocator failing;
    mt_allocator allocator = failing_allocator_make(&failing, 1, 1);
    mt_env own;
    mt_arena *small;
    mt_xml *root;
    mt_error err = MT_ERROR_INIT;
    mt_env_init(&own, &allocator, &limits);
    check_ok(mt_arena_new(&own, &small, &err), &err);
    check_failed(mt_xml_parse(small, "<a/>", INT_MAX / 2, "document", &root, &err), MT_E_MEMORY, &err, "memory");
    mt_error_clear(&err);
    check_failed(mt_xml_parse(small, "<a/>", INT_MAX / 2 + 1, "document", &root, &err), MT_E_LIMIT, &err, "has 10737");
    mt_arena_free(small);
}

static mt_status parse_xml(const char *text, mt_xml **out, mt_error *err)
{
    return mt_xml_parse(arena, text, strlen(text), "document", out, err);
}

static void xml_that_is_read(void **state)
{
    (void)state;
    mt_xml *root;
    mt_error err = MT_ERROR_INIT;
    check_ok(
        parse_xml(
            "<?xml version='1.0'?><n:a xmlns:n='x' n:k='1 &lt; 2'>t<!-- c --><b>one</b><c/><b i='2'>t&amp;wo</b></n:a>",
            &root, &err),
        &err);
    assert_string_equal(root->name, "a");
    assert_string_equal(mt_xml_get(root, "k"), "1 < 2");
    assert_null(mt_xml_get(root, "none"));
    const mt_xml *b = mt_xml_child(root, "b");
    assert_string_equal(b->text, "one");
    b = mt_xml_next(b);
    assert_string_equal(b->text, "t&wo");
    assert_string_equal(mt_xml_get(b, "i"), "2");
    assert_null(mt_xml_next(b));
    assert_null(mt_xml_child(root, "d"));
    assert_ptr_equal(b->parent, root);
    /* Latin-1 grows when it becomes UTF-8. */
    check_ok(
        parse_xml("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xb5\xb5\xb5\xb5\xb5\xb5\xb5\xb5</a>", &root, &err),
        &err);
    assert_int_equal(strlen(root->text), 16);
    check_ok(parse_xml("<a><a><a><a>b</a></a></a></a>", &root, &err), &err);
    assert_string_equal(root->first_child->first_child->first_child->text, "b");
    err.status = MT_E_IO; /* of an earlier call */
    assert_int_equal(parse_xml("<a/>", &root, &err), MT_OK);
}

static void xml_that_is_not(void **state)
{
    (void)state;
    char long_text[400];
    memset(long_text, ' ', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    const struct {
        const char *text;
        mt_status status;
        const char *word;
    } cases[] = { { "", MT_E_CORRUPT, "document" },
                  { "<a><b></a>", MT_E_CORRUPT, "line 1" },
                  { "<a x='1' x='2'/>", MT_E_CORRUPT, "duplicate" },
                  { "<a>\xff</a>", MT_E_CORRUPT, "token" },
                  { "<a>&b;</a>", MT_E_CORRUPT, "entity" },
                  { "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", MT_E_UNSUPPORTED, "document type" },
                  { "<a><a><a><a><a/></a></a></a></a>", MT_E_LIMIT, "max_xml_depth" },
                  { long_text, MT_E_LIMIT, "max_xml_bytes" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_xml *root;
        mt_error err = MT_ERROR_INIT;
        check_failed(parse_xml(cases[i].text, &root, &err), cases[i].status, &err, cases[i].word);
    }
}

/* The tolerant parser accepts text that the strict one rejects, and reports what it repaired. */
static void xml_that_is_mended(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        const char *content, *word; /* NULL: nothing was done */
    } cases[] = {
#define TEXT(text) text, sizeof text - 1
        { TEXT("<a>b</a>"), "b", NULL },
        { TEXT("\xef\xbb\xbf<?xml version='1.0'?><a>\xc3\xa9</a>\n\0\0"), "\xc3\xa9", NULL },
        { TEXT("\xff\xfe<\0a\0>\0\xb5\0<\0/\0a\0>\0"), "\xc2\xb5", NULL },
        { TEXT("\0<\0a\0>\0\xb5\0<\0/\0a\0>"), "\xc2\xb5", NULL },
        { TEXT(" \n<?xml version='1.0'?><a/>"), "", "white space" },
        { TEXT("<a>\x80\xb5\x81</a>"), "\xe2\x82\xac\xc2\xb5\xc2\x81", "windows-1252" },
        { TEXT("<?xml version='1.0' encoding='cp1252'?><a>\x99</a>"), "\xe2\x84\xa2", NULL },
        { TEXT("<?xml version=\"1.0\" encoding = \"Latin1\"?><a>\xff</a>"), "\xc3\xbf", NULL },
        { TEXT("<?xml version='1.0' encoding='UTF-16'?><a>\xc3\xbf</a>"), "\xc3\xbf", "UTF-8" },
        { TEXT("<?xml version='1.0' encoding='nonsense'?><a>b</a>"), "b", NULL },
        /* overlong, a surrogate, beyond 10FFFF, cut */
        { TEXT("<a>\xc0\x80</a>"), "\xc3\x80\xe2\x82\xac", "windows-1252" },
        { TEXT("<a>\xe0\x81\x81</a>"), "\xc3\xa0\xc2\x81\xc2\x81", "windows-1252" },
        { TEXT("<a>\xed\xa0\x81</a>"), "\xc3\xad\xc2\xa0\xc2\x81", "windows-1252" },
        { TEXT("<a>\xf4\x90\x81\x81</a>"), "\xc3\xb4\xc2\x90\xc2\x81\xc2\x81", "windows-1252" },
        { TEXT("<a>\xf0\x81\x81\x81</a>"), "\xc3\xb0\xc2\x81\xc2\x81\xc2\x81", "windows-1252" },
        { TEXT("<a>\xf0\x9f\x94\xac</a>"), "\xf0\x9f\x94\xac", NULL },
        { TEXT("<a>b\0c\x1f</a>"), "b?c?", "does not allow" },
        { TEXT("<a>b&c &lt;&#x41;&#10;&#0; &nbsp; &#x110000;&#;&</a>"), "b&c <A\n&#0; &nbsp; &#x110000;&#;&",
          "does not allow" },
        { TEXT("<a>b\xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbd</a>"), "b??\xef\xbf\xbd", "does not allow" },
        { TEXT("<a>b</a>\xe2\x82"), "b", "behind its end" },
        { TEXT("<a>b</a> <c>"), "b", "behind its end" },
        { TEXT("<a>b</a>&"), "b", "behind its end" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_xml *root;
        const char *repair;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_xml_parse_loosely(arena, cases[i].text, cases[i].size, "document", &root, &repair, &err), &err);
        assert_string_equal(root->text, cases[i].content);
        if (cases[i].word ? !repair || !strstr(repair, cases[i].word) : repair != NULL)
            fail_msg("%zu: \"%s\"", i, repair ? repair : "nothing");
    }
    static const struct {
        const char *text, *word;
        mt_status status;
    } wrong[] = { { "", "no element", MT_E_CORRUPT },
                  { "<a>\xb5<b></a>", "mismatched tag", MT_E_CORRUPT },
                  { "<a>\x01<b></a>", "line 1, column 3", MT_E_CORRUPT },
                  { "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "document type", MT_E_UNSUPPORTED },
                  { "<a><a><a><a>&<a/></a></a></a></a>", "max_xml_depth", MT_E_LIMIT } };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        mt_xml *root;
        const char *repair;
        mt_error err = MT_ERROR_INIT;
        mt_status st =
            mt_xml_parse_loosely(arena, wrong[i].text, strlen(wrong[i].text), "document", &root, &repair, &err);
        check_failed(st, wrong[i].status, &err, wrong[i].word);
    }
    static const char long_text[400] = "";
    mt_xml *root;
    const char *repair;
    assert_int_equal(mt_xml_parse_loosely(arena, long_text, sizeof long_text, "document", &root, &repair, NULL),
                     MT_E_LIMIT);
}

/* A read behind the end gives zeros and is remembered. */
static void the_reader_stops_at_the_end(void **state)
{
    (void)state;
    static const uint8_t bytes[] = { 1, 2, 3, 4, 5 };
    mt_reader r = mt_reader_over(bytes, sizeof bytes, true);
    assert_int_equal(mt_read_u32(&r), 0x01020304);
    assert_int_equal(mt_read_left(&r), 1);
    assert_int_equal(mt_read_u16(&r), 0);
    assert_true(r.failed);
    r = mt_reader_over(bytes, sizeof bytes, false);
    assert_int_equal(mt_read_u16(&r), 0x0201);
    mt_read_skip(&r, SIZE_MAX);
    assert_true(r.failed);
    r = mt_reader_over(bytes, sizeof bytes, false);
    mt_read_seek(&r, 6);
    assert_true(r.failed && !mt_read_bytes(&r, 1));
    r = mt_reader_over(NULL, 0, false);
    assert_true(mt_read_u64(&r) == 0 && r.failed);
}

/* More than memory can hold is refused before anything is multiplied. */
static void sizes_that_overflow(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {
        { SIZE_MAX / 2, 3 }, { SIZE_MAX / 2 + 1, 2 }, { SIZE_MAX - 7, 1 }, { 1, SIZE_MAX / 2 + 1 }
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        mt_error err = MT_ERROR_INIT;
        assert_null(mt_arena_alloc(arena, sizes[i][0], sizes[i][1], &err));
        assert_int_equal(err.status, MT_E_LIMIT);
        assert_non_null(strstr(err.message, "max_metadata_bytes"));
    }
}

/* Names of files in messages: one line, and the first message stays. */
static void messages_of_errors(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    mt_error_prefix(&err, "nothing");
    mt_error_prefix(NULL, "nothing");
    assert_string_equal(err.message, "");
    assert_int_equal(mt_fail(&err, MT_E_IO, "%s", "a\nb\x7f"), MT_E_IO);
    assert_int_equal(mt_fail(&err, MT_E_LIMIT, "another"), MT_E_LIMIT);
    assert_int_equal(err.status, MT_E_IO);
    mt_error_prefix(&err, "%s", "c\td");
    assert_string_equal(err.message, "c?d: a?b?");
    assert_string_equal(mt_status_name(MT_E_CHANGED), "MT_E_CHANGED");
    assert_string_equal(mt_status_name((mt_status)(MT_E_CHANGED + 1)), "unknown status");
    assert_string_equal(mt_status_name((mt_status)99), "unknown status");
}

/* A name that a prefix will repeat is removed where it names what failed, and nowhere else. */
static void names_that_are_omitted(void **state)
{
    (void)state;
    static const struct {
        const char *message, *left;
    } cases[] = {
        { "a.tif: is cut", "is cut" },
        { "page 0: a.tif: is cut", "page 0: is cut" },
        { "page 0: a.tif: a.tif: is cut", "page 0: a.tif: is cut" },
        { "aa.tif: is cut", "aa.tif: is cut" },
        { "a.tif, byte 5: is cut", "a.tif, byte 5: is cut" },
        { "x/a.tif: is cut, a.tif: not", "x/a.tif: is cut, not" },
        { "a.tif:", "a.tif:" },
        { "a.tif: ", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_error err = MT_ERROR_INIT;
        (void)!mt_fail(&err, MT_E_CORRUPT, "%s", cases[i].message);
        mt_error_omit(&err, "");
        assert_string_equal(err.message, cases[i].message);
        mt_error_omit(&err, "a.tif");
        assert_string_equal(err.message, cases[i].left);
    }
    mt_error_omit(NULL, "a.tif");
    mt_error err = { .status = MT_E_IO };
    memset(err.message, 'x', sizeof err.message - 1);
    memcpy(err.message, "a.tif: ", 7);
    mt_error_omit(&err, "a.tif");
    assert_int_equal(strspn(err.message, "x"), sizeof err.message - 8);
    assert_int_equal(strlen(err.message), sizeof err.message - 8);
}

/* A text that is too long is cut between two characters. */
static void long_messages_end_in_whole_characters(void **state)
{
    (void)state;
    static const char *const characters[] = { "x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x94\xac" };
    for (size_t k = 0; k < 16; k++) {
        mt_error err = MT_ERROR_INIT;
        const char *character = characters[k / 4];
        size_t room = sizeof err.message - 1, first = k % 4, size = strlen(character);
        char text[sizeof err.message + 4] = "aaa";
        for (size_t i = first; i < room; i += size)
            memcpy(text + i, character, size + 1);
        assert_int_equal(mt_fail(&err, MT_E_IO, "%s", text), MT_E_IO);
        size_t whole = room - (room - first) % size;
        assert_int_equal(strlen(err.message), whole);
        assert_memory_equal(err.message, text, whole);
        mt_error_prefix(&err, "b");
        whole = room - (room - 3 - first) % size;
        assert_int_equal(strlen(err.message), whole);
        assert_memory_equal(err.message + 3, text, whole - 3);
    }
}

/* A text that is cut to fit its buffer does not end within a character. */
static void texts_that_fill_their_room(void **state)
{
    (void)state;
    static const struct {
        const char *text, *left;
    } cases[] = {
        { "ab", "ab" },
        { "a\xc3\xa9", "a\xc3\xa9" },
        { "a\xc3", "a" },
        { "a\xc0", "a" },
        { "\xe0\xa0\x80", "\xe0\xa0\x80" },
        { "\xe0\xa0", "" },
        { "\xf0\x9f\x94\xac", "\xf0\x9f\x94\xac" },
        { "\xf0\x9f\x94", "" },
        { "\x80\x80", "\x80\x80" },
        { "", "" },
        { "\x1f \x7e\x7f", "? ~?" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[8] = "\xf0";
        snprintf(text + 1, sizeof text - 1, "%s", cases[i].text);
        mt_make_printable(text + 1, strlen(cases[i].text) + 1);
        assert_string_equal(text + 1, cases[i].left);
        assert_int_equal((unsigned char)text[0], 0xf0);
    }
    char text[] = "a\xc3";
    mt_make_printable(text, 4);
    assert_string_equal(text, "a\xc3");
}

/* A prefix is cut rather than a message that fits in one half. */
static void long_prefixes_leave_the_message(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    char text[5001];
    for (size_t i = 0; i + 2 <= sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 3);
    for (int odd = 0; odd < 2; odd++) {
        err = (mt_error)MT_ERROR_INIT;
        (void)!mt_fail(&err, MT_E_IO, "what failed");
        mt_error_prefix(&err, "%s%s", odd ? "b" : "", text);
        assert_string_equal(err.message + strlen(err.message) - 18, "\xc3\xa9...: what failed");
        assert_in_range(strlen(err.message), sizeof err.message - 3, sizeof err.message - 1);
    }
    err = (mt_error)MT_ERROR_INIT;
    (void)!mt_fail(&err, MT_E_IO, "%s", text);
    mt_error_prefix(&err, "%s", text);
    assert_string_equal(strstr(err.message, ": ") - 5, strstr(err.message, "\xc3\xa9...: \xc3\xa9"));
    assert_in_range(strstr(err.message, ": ") - err.message, sizeof err.message / 2 - 8, sizeof err.message / 2);
    const size_t most = sizeof err.message - strlen(": what failed") - 1;
    for (size_t n = most - 1; n < most + 2; n++) {
        err = (mt_error)MT_ERROR_INIT;
        (void)!mt_fail(&err, MT_E_IO, "what failed");
        mt_error_prefix(&err, "%0*d", (int)n, 0);
        assert_int_equal(strspn(err.message, "0"), n > most ? most - 3 : n);
        assert_string_equal(strchr(err.message, ' ') - 1, ": what failed");
        assert_int_equal(strstr(err.message, "...") != NULL, n > most);
    }
}

/* Failing allocations, one by one: an error each time, and nothing is lost. */
static void allocations_that_fail(void **state)
{
    (void)state;
    for (size_t k = 0; k < 100; k++) {
        failing_allocator failing;
        mt_env own;
        mt_allocator allocator = failing_allocator_make(&failing, k, 0);
        mt_env_init(&own, &allocator, NULL);
        mt_arena *small;
        mt_xml *root;
        mt_status st = mt_arena_new(&own, &small, NULL);
        if (!st) {
            mt_error err = MT_ERROR_INIT;
            const char *repair;
            st = mt_xml_parse_loosely(small, "<a b='c'>d\xb5&</a>", 16, "document", &root, &repair, &err);
            assert_true(!st || err.status == MT_E_MEMORY);
            mt_arena_free(small);
        }
        assert_int_equal(own.memory_bytes, 0);
        if (!st)
            return;
        assert_int_equal(st, MT_E_MEMORY);
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_that_is_read),
        cmocka_unit_test(json_numbers),
        cmocka_unit_test(json_that_ends_before_its_text),
        cmocka_unit_test(json_that_is_not),
        cmocka_unit_test(json_of_many_values),
        cmocka_unit_test(documents_as_large_as_allowed),
        cmocka_unit_test(xml_that_is_read),
        cmocka_unit_test(xml_that_is_not),
        cmocka_unit_test(xml_that_is_mended),
        cmocka_unit_test(xml_of_a_gigabyte),
        cmocka_unit_test(the_reader_stops_at_the_end),
        cmocka_unit_test(sizes_that_overflow),
        cmocka_unit_test(long_messages_end_in_whole_characters),
        cmocka_unit_test(texts_that_fill_their_room),
        cmocka_unit_test(long_prefixes_leave_the_message),
        cmocka_unit_test(names_that_are_omitted),
        cmocka_unit_test(messages_of_errors),
        cmocka_unit_test(allocations_that_fail),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
