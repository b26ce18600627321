/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys, URLs, identities and names of folders: what is decided by their text. */
#include "store/folder_kind.h"
#include "store/identity.h"
#include "store/resolve.h"
#include "store/url.h"
#include "support/support.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct fixture {
    mt_env env;
    failing_allocator failing; /* the allocator of env */
    mt_arena *arena;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    mt_error err = MT_ERROR_INIT;
    mt_allocator allocator = failing_allocator_make(&f.failing, SIZE_MAX, 1);
    mt_env_init(&f.env, &allocator, NULL);
    check_ok(mt_arena_new(&f.env, &f.arena, &err), &err);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mt_arena_free(f->arena);
    assert_int_equal(f->env.memory_bytes, 0);
    return 0;
}

static void keys(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *folder, *path, *key;
    } cases[] = {
        { "", "", "" },          { "", "a", "a" },          { "a", "", "a" },          { "a", "b", "a/b" },
        { "a/b", "c", "a/b/c" }, { "a/b/", "c/", "a/b/c" }, { "", "./x//y/", "x/y" },  { "a", "./.", "a" },
        { "a", "..", "" },       { "a", "../b", "b" },      { "a/bc", "../d", "a/d" }, { "a/b", "../..", "" },
        { "a", "...", "a/..." }, { "a", "..b", "a/..b" },   { "a", ".b", "a/.b" },     { "a/b", "../../c", "c" },
        { "", "..", "" },        { "", "../b", "" },        { "a", "../../b", "" },    { "a", "b/../../../c", "" },
        { "a/..", "b", "b" },    { "../a", "b", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *key;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_key_join(f->arena, cases[i].folder, strlen(cases[i].folder), cases[i].path, &key, &err), &err);
        assert_string_equal(key, cases[i].key);
    }
    const char *key;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_key_join(f->arena, "ab/c", 2, "d", &key, &err), &err);
    assert_string_equal(key, "ab/d");
}

static void schemes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_url;
    } cases[] = {
        { "ab://x", true },  { "s3://b", true }, { "a1+.-://x", true }, { "HTTP://x", true }, { "c://x", false },
        { "1a://x", false }, { "://x", false },  { "ab:/x", false },    { "ab:", false },     { "", false },
        { "a b://", false }, { "/a://", false }, { "zz://", true },     { "Zz://", true },    { "{z://", false },
        { "@z://", false },  { "[z://", false }, { "`z://", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(mt_is_url(cases[i].text), cases[i].is_url);
}

static void encoding(void **state)
{
    (void)state;
    static const struct {
        const char *key, *encoded;
    } cases[] = {
        { "", "" },
        { "azAZ09-._~/", "azAZ09-._~/" },
        { "a b", "a%20b" },
        { "`{@[:", "%60%7B%40%5B%3A" },
        { "\x7f\xff", "%7F%FF" },
        { "?#%", "%3F%23%25" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[32];
        size_t n = strlen(cases[i].encoded);
        for (size_t room = 0; room <= n + 1; room++) {
            memset(out, '!', sizeof out);
            assert_int_equal(mt_url_encode(cases[i].key, out, room), room > n);
            assert_int_equal(out[room], '!');
        }
        assert_string_equal(out, cases[i].encoded);
    }
}

static void decoding(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text, *decoded; /* NULL: refused */
    } cases[] = {
        { "", "" },        { "a%20b", "a b" },       { "%41%5a%5A", "AZZ" }, { "%ff", "\xff" }, { "%01", "\1" },
        { "%10", "\x10" }, { "%aF%Fa", "\xaf\xfa" }, { "%", NULL },          { "%4", NULL },    { "a%4", NULL },
        { "%00", NULL },   { "%g1", NULL },          { "%1g", NULL },        { "%1G", NULL },   { "%:1", NULL },
        { "%/1", NULL },   { "%@1", NULL },          { "%1`", NULL },        { "%99", "\x99" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_error err = MT_ERROR_INIT;
        const char *out = mt_url_decode(f->arena, cases[i].text, strlen(cases[i].text), &err);
        if (cases[i].decoded) {
            assert_non_null(out);
            assert_string_equal(out, cases[i].decoded);
        } else {
            assert_null(out);
            check_failed(err.status, MT_E_ARGUMENT, &err, "is not followed by two digits");
        }
    }
}

/* Only so many bytes of a text. */
static void decoding_a_part(void **state)
{
    fixture *f = *state;
    static const char *const decoded[] = { "", "a", NULL, NULL, "aA", "aAb" };
    for (size_t n = 0; n < sizeof decoded / sizeof *decoded; n++) {
        mt_error err = MT_ERROR_INIT;
        const char *out = mt_url_decode(f->arena, "a%41bc", n, &err);
        if (decoded[n])
            assert_string_equal(out, decoded[n]);
        else
            assert_null(out);
    }
}

static void secrets(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *url, *shown;
        mt_status status;
    } cases[] = {
        { "http://a/b", "http://a/b", MT_OK },
        { "http://a/b?c=d", "http://a/b?...", MT_OK },
        { "http://a/b?", "http://a/b?...", MT_OK },
        { "http://u@a/b", "http://u@a/b", MT_E_ARGUMENT },
        { "http://u:p@a", "http://u:p@a", MT_E_ARGUMENT },
        { "http://a/u@b", "http://a/u@b", MT_OK },
        { "http://a?u@b", "http://a?...", MT_OK },
        { "http://a#u@b", "http://a#u@b", MT_OK },
        { "u@a/b", "u@a/b", MT_E_ARGUMENT },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_error err = MT_ERROR_INIT;
        assert_string_equal(mt_url_show(f->arena, cases[i].url, &err), cases[i].shown);
        assert_int_equal(mt_url_check_user(cases[i].url, &err), cases[i].status);
    }
}

static void identities(void **state)
{
    (void)state;
    static const struct {
        mt_identity a, b;
        bool same;
        const char *text; /* of a */
    } cases[] = {
        { { 5, 0, "" }, { 5, 0, "" }, true, "5 bytes" },
        { { 5, 0, "" }, { 6, 0, "" }, false, "5 bytes" },
        { { 5, 1, "" }, { 5, 0, "" }, true, "5 bytes, changed at 1970-01-01 00:00:00 UTC" },
        { { 5, 0, "" }, { 5, 1, "" }, true, "5 bytes" },
        { { 5, 1, "" }, { 5, 2, "" }, false, "5 bytes, changed at 1970-01-01 00:00:00 UTC" },
        { { 5, 1000000000, "" }, { 5, 1000000000, "" }, true, "5 bytes, changed at 1970-01-01 00:00:01 UTC" },
        { { 5, 0, "\"x\"" }, { 5, 0, "\"x\"" }, true, "5 bytes, ETag \"x\"" },
        { { 5, 1, "\"x\"" }, { 5, 2, "\"x\"" }, true, "5 bytes, changed at 1970-01-01 00:00:00 UTC, ETag \"x\"" },
        { { 5, 1, "\"x\"" }, { 5, 1, "\"y\"" }, false, "5 bytes, changed at 1970-01-01 00:00:00 UTC, ETag \"x\"" },
        { { 5, 1, "\"x\"" }, { 5, 1, "" }, true, "5 bytes, changed at 1970-01-01 00:00:00 UTC, ETag \"x\"" },
        { { 5, 1, "" }, { 5, 2, "\"x\"" }, false, "5 bytes, changed at 1970-01-01 00:00:00 UTC" },
        { { 6, 0, "\"x\"" }, { 5, 0, "\"x\"" }, false, "6 bytes, ETag \"x\"" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[MT_IDENTITY_TEXT];
        assert_int_equal(mt_identity_same(&cases[i].a, &cases[i].b), cases[i].same);
        mt_identity_text(&cases[i].a, text);
        assert_string_equal(text, cases[i].text);
    }
}

static int list_kinds(size_t i, mt_folder_kind *out)
{
    static const mt_folder_kind kinds[] = { { "zarr", "d1,d2,d3,d4,d5,d6,d7,d8,d9,d10,d11,d12,d13,d14,d15" },
                                            { "n5,deep", "d16,d17" } };
    if (i >= sizeof kinds / sizeof *kinds)
        return 0;
    *out = kinds[i];
    return 1;
}

static void names_of_folders(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *path;
        bool is_named;
    } cases[] = {
        { "a.zarr", true },      { "x/a.zarr", true },   { "a.zarr/0", true },  { "a.zarr/b.c/0", true },
        { "a.n5", true },        { "a.deep", true },     { "a.x.zarr", true },  { "a.zarr/b.tif", false },
        { "a.zarrs", false },    { "a.zarrs/0", false }, { "a.zar", false },    { "zarr", false },
        { "a/zarr/0", false },   { "a.n5,deep", false }, { "a.zarr.x", false }, { "", false },
        { "a.zarr.x/0", false },
    };
    assert_false(mt_folder_is_named(&f->env, "a.zarr")); /* there are no kinds */
    f->env.folder_kind = list_kinds;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(mt_folder_is_named(&f->env, cases[i].path), cases[i].is_named);
}

/* At most 16 documents are looked for. */
static void documents_of_folders(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *key, *folder;
        bool has;
    } cases[] = {
        { "d1", "", true },    { "a/b/d2", "a/b", true }, { "d16", "", true }, { "d17", "", false },
        { "a/d1", "", false }, { "d1", "a", false },      { "d", "", false },  { "a/d16", "a", true },
    };
    char folder[20001];
    memset(folder, 'x', sizeof folder - 1);
    folder[sizeof folder - 1] = 0;
    f->env.folder_kind = list_kinds;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_store *store;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_store_open_memory(&f->env, cases[i].key, "{}", 2, &store, &err), &err);
        assert_int_equal(mt_folder_has_document(store, f->arena, cases[i].folder), cases[i].has);
        f->failing.fail_at = 0;
        assert_false(mt_folder_has_document(store, f->arena, folder)); /* nor without memory for the keys */
        f->failing.fail_at = SIZE_MAX;
        mt_store_close(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(schemes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(encoding, set_up, tear_down),
        cmocka_unit_test_setup_teardown(decoding, set_up, tear_down),
        cmocka_unit_test_setup_teardown(decoding_a_part, set_up, tear_down),
        cmocka_unit_test_setup_teardown(secrets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(identities, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_of_folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(documents_of_folders, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
