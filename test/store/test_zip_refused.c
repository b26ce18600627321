/* SPDX-License-Identifier: BSD-3-Clause */
/* Archives that are refused, as a whole or in part, and those of other programs. */
#include "store/zip.h"
#include "support/support.h"
#include "support/zip_writer.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIDDLE = 40000 };

static uint8_t pixels[MIDDLE];
static mt_env env;
static zip_writer w;

static int set_up(void **state)
{
    (void)state;
    uint64_t seed = 5;
    mt_env_init(&env, NULL, NULL);
    for (size_t i = 0; i < MIDDLE; i++)
        pixels[i] = (uint8_t)(i / 1000 + (next_random(&seed) & 15));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(env.memory_bytes, 0);
    return 0;
}

static mt_store *open_good(void)
{
    mt_store *store;
    mt_error err = MT_ERROR_INIT;
    check_ok(zip_open(&env, w.bytes, w.n, &store, &err), &err);
    return store;
}

static void check_part(mt_store *store, const char *key, const uint8_t *all, uint64_t offset, size_t size)
{
    mt_error err = MT_ERROR_INIT;
    uint8_t *out = malloc(size + 1);
    out[size] = 0x5a;
    check_ok(mt_store_read_at(store, key, offset, out, size, &err), &err);
    assert_memory_equal(out, all + offset, size);
    assert_int_equal(out[size], 0x5a);
    free(out);
}

/* What each is refused for. */
typedef enum crime {
    DOTS,
    DOTS_INSIDE,
    DOT,
    ABSOLUTE,
    DRIVE,
    BACKSLASH,
    NUL,
    NAMELESS,
    EMPTY_SEGMENT,
    MANY,
    MANY64,
    FEW,
    OVERLAP,
    SAME_BYTES,
    BEYOND,
    BEYOND64,
    LIES_STORED,
    LIES_DEFLATED,
    TWICE,
    VOLUMES,
    VOLUMES64,
    NO_ZIP64,
    HIDDEN,
    FOLDER_WITH_BYTES,
    LARGE_DIRECTORY,
    FAR_DIRECTORY,
    CRIMES
} crime;

static const struct {
    mt_status status;
    const char *words;
} sentences[CRIMES] = {
    [DOTS] = { MT_E_CORRUPT, "'..'" },
    [DOTS_INSIDE] = { MT_E_CORRUPT, "'..'" },
    [DOT] = { MT_E_CORRUPT, "'.'" },
    [ABSOLUTE] = { MT_E_CORRUPT, "absolute" },
    [DRIVE] = { MT_E_CORRUPT, "absolute" },
    [BACKSLASH] = { MT_E_CORRUPT, "backslash" },
    [NUL] = { MT_E_CORRUPT, "NUL" },
    [NAMELESS] = { MT_E_CORRUPT, "empty" },
    [EMPTY_SEGMENT] = { MT_E_CORRUPT, "empty" },
    [MANY] = { MT_E_CORRUPT, "do not fit" },
    [MANY64] = { MT_E_CORRUPT, "do not fit" },
    [FEW] = { MT_E_CORRUPT, "counts" },
    [OVERLAP] = { MT_E_CORRUPT, "overlap" },
    [SAME_BYTES] = { MT_E_CORRUPT, "overlap" },
    [BEYOND] = { MT_E_CORRUPT, "reach into the directory" },
    [BEYOND64] = { MT_E_CORRUPT, "reach into the directory" },
    [LIES_STORED] = { MT_E_CORRUPT, "stored, yet" },
    [LIES_DEFLATED] = { MT_E_CORRUPT, "cannot become" },
    [TWICE] = { MT_E_CORRUPT, "twice" },
    [VOLUMES] = { MT_E_UNSUPPORTED, "volumes" },
    [VOLUMES64] = { MT_E_UNSUPPORTED, "volumes" },
    [NO_ZIP64] = { MT_E_CORRUPT, "ZIP64" },
    [HIDDEN] = { MT_E_UNSUPPORTED, "encrypted" },
    [FOLDER_WITH_BYTES] = { MT_E_CORRUPT, "folder" },
    [LARGE_DIRECTORY] = { MT_E_CORRUPT, "does not end before" },
    [FAR_DIRECTORY] = { MT_E_CORRUPT, "does not end before" },
};

static void commit(crime c, zip_entry *a, zip_entry *b)
{
    static const char *const names[] = { "../b", "x/../b", "./b", "/b", "C:b", "x\\b", "x", "", "x//b" };
    if (c <= EMPTY_SEGMENT) {
        snprintf(b->name, sizeof b->name, "%s", names[c]);
        b->name_size = strlen(names[c]);
    }
    switch (c) {
    case NUL: memcpy(b->name, "x\0y", b->name_size = 3); break;
    case MANY: w.count = 60000; break;
    case MANY64: w.count = 4000000, w.zip64 = 1; break;
    case FEW: w.count = 1; break;
    case OVERLAP: b->local--; break;
    case SAME_BYTES: b->local = a->local; break;
    case BEYOND: b->packed = b->size = b->size + 1; break;
    case BEYOND64: b->local = UINT64_MAX - 10, b->zip64 = 1; break;
    case LIES_STORED: b->size++; break;
    case LIES_DEFLATED: b->method = 8, b->size = 1033 * b->packed + 1033; break;
    case TWICE: memcpy(b->name, a->name, a->name_size), b->name_size = a->name_size; break;
    case VOLUMES: w.disk = 1; break;
    case VOLUMES64: w.zip64 = 1, w.disk = 1; break;
    case NO_ZIP64: b->zip64 = 2; break;
    case HIDDEN: b->flags |= 1 << 13; break;
    case FOLDER_WITH_BYTES: memcpy(b->name, "x/", b->name_size = 2); break;
    case LARGE_DIRECTORY: w.size = 1 << 20; break;
    case FAR_DIRECTORY: w.offset = 1 << 20; break;
    default: break;
    }
}

static void refusals(void **state)
{
    (void)state;
    for (int c = 0; c < CRIMES; c++) {
        zip_begin(&w, 0);
        zip_entry *a = zip_add(&w, "a", "12345", 5, 0, 0), *b = zip_add(&w, "b", "abcdefgh", 8, 0, 0);
        commit((crime)c, a, b);
        zip_end(&w);
        mt_store *store;
        mt_error err = MT_ERROR_INIT;
        mt_status st = zip_open(&env, w.bytes, w.n, &store, &err);
        if (st != sentences[c].status || !strstr(err.message, sentences[c].words))
            fail_msg("crime %d: status %d, %s", c, st, err.message);
        assert_non_null(strstr(err.message, "a.zip"));
        zip_free(&w);
    }
}

/* Members that give an error when read, without affecting the others. */
static void refused_members(void **state)
{
    (void)state;
    static const struct {
        mt_status status;
        const char *words;
    } expected[] = { { MT_E_UNSUPPORTED, "encrypted" }, { MT_E_UNSUPPORTED, "symbolic link" },
                     { MT_E_UNSUPPORTED, "bzip2" },     { MT_E_UNSUPPORTED, "deflate64" },
                     { MT_E_CORRUPT, "checksum" },      { MT_E_CORRUPT, "another member" },
                     { MT_E_CORRUPT, "another member" } };
    enum { N = sizeof expected / sizeof *expected };
    zip_begin(&w, 0);
    zip_add(&w, "good", "12345", 5, 0, 0);
    for (int i = 0; i < N; i++) {
        char name[8] = { (char)('a' + i), 0 };
        zip_entry *e = zip_add(&w, name, "abcdefgh", 8, 0, 0);
        e->flags |= i == 0;
        e->made_by = i == 1 ? 3 : 0;
        e->attributes = i == 1 ? 0120777u << 16 : 0;
        e->method = i == 2 ? 12 : i == 3 ? 9 : 0;
        e->crc += i == 4;
        e->name[0] = i == 5 ? 'Z' : name[0];
        if (i == 6)
            e->method = 8;
    }
    zip_end(&w);
    mt_store *store = open_good();
    for (int i = 0; i < N; i++) {
        char name[8] = { (char)(i == 5 ? 'Z' : 'a' + i), 0 };
        mt_error err = MT_ERROR_INIT;
        uint8_t out[8];
        mt_status st = mt_store_read_at(store, name, 0, out, 8, &err);
        if (st != expected[i].status || !strstr(err.message, expected[i].words))
            fail_msg("member %d: status %d, %s", i, st, err.message);
    }
    check_part(store, "good", (const uint8_t *)"12345", 1, 3);
    check_part(store, "e", (const uint8_t *)"abcdefgh", 1, 3); /* a part has no checksum */
    mt_store_close(store);
    zip_free(&w);
}

static void limits(void **state)
{
    (void)state;
    zip_begin(&w, 0);
    for (int i = 0; i < 10; i++) {
        char name[8] = { (char)('a' + i), 0 };
        zip_add(&w, name, "", 0, 0, 0);
    }
    zip_end(&w);
    mt_limits before = env.limits;
    mt_store *store;
    mt_error err = MT_ERROR_INIT;
    env.limits.max_zip_members = 9;
    assert_int_equal(zip_open(&env, w.bytes, w.n, &store, &err), MT_E_LIMIT);
    assert_non_null(strstr(err.message, "max_zip_members"));
    env.limits = before;
    env.limits.max_zip_bytes = 100;
    err = (mt_error)MT_ERROR_INIT;
    assert_int_equal(zip_open(&env, w.bytes, w.n, &store, &err), MT_E_LIMIT);
    assert_non_null(strstr(err.message, "max_zip_bytes"));
    env.limits = before;
    zip_free(&w);
#ifdef MT_WITH_ZSTD
    uint8_t out[16];
    zip_begin(&w, 0);
    zip_add(&w, "a", pixels, MIDDLE, 93, 0);
    zip_end(&w);
    env.limits.max_chunk_bytes = MIDDLE - 1;
    store = open_good();
    err = (mt_error)MT_ERROR_INIT;
    assert_int_equal(mt_store_read_at(store, "a", 5, out, 8, &err), MT_E_LIMIT);
    assert_non_null(strstr(err.message, "max_chunk_bytes"));
    env.limits = before;
    mt_store_close(store);
    zip_free(&w);
#endif
}

/* Equal records of one name are one member. 70,000 members, of whose number an old end record has the low bits. */
static void oddities_that_are_read(void **state)
{
    (void)state;
    zip_begin(&w, 0);
    zip_add(&w, "a", "12345", 5, 0, 0);
    zip_add(&w, "a", "12345", 5, 0, 0);
    w.comment = "PK\5\6 is no end";
    zip_end(&w);
    mt_store *store = open_good();
    check_part(store, "a", (const uint8_t *)"12345", 0, 5);
    mt_store_close(store);
    zip_free(&w);
}

static void every_truncation(void **state)
{
    (void)state;
    zip_begin(&w, 3);
    zip_add(&w, "a", pixels, 300, 8, 0)->zip64 = 1;
    zip_add(&w, "b", pixels, 100, 0, 0);
    w.zip64 = 1;
    zip_end(&w);
    for (size_t n = 0; n < w.n; n++) {
        mt_store *store;
        mt_error err = MT_ERROR_INIT;
        uint8_t *copy = malloc(n ? n : 1);
        memcpy(copy, w.bytes, n);
        assert_int_not_equal(zip_open(&env, copy, n, &store, &err), MT_OK);
        assert_true(err.message[0] != 0);
        free(copy);
    }
    zip_free(&w);
}

/* Changed bytes give an error, or the bytes that the checksum vouches for. */
static void every_changed_byte(void **state)
{
    (void)state;
    zip_begin(&w, 0);
    zip_add(&w, "a", pixels, 300, 8, 0)->zip64 = 1;
    zip_add(&w, "b", pixels, 100, 0, 0);
    w.zip64 = 1;
    zip_end(&w);
    for (size_t i = 0; i < w.n; i++)
        for (int k = 0; k < 3; k++) {
            static const uint8_t changes[] = { 1, 0x80, 0xff };
            w.bytes[i] ^= changes[k];
            mt_store *store;
            mt_error err = MT_ERROR_INIT;
            uint8_t out[300];
            if (zip_open(&env, w.bytes, w.n, &store, &err) == MT_OK) {
                if (mt_store_read_at(store, "a", 0, out, 300, &err) == MT_OK)
                    assert_memory_equal(out, pixels, 300);
                if (mt_store_read_at(store, "b", 0, out, 100, &err) == MT_OK)
                    assert_memory_equal(out, pixels, 100);
                mt_store_close(store);
            }
            w.bytes[i] ^= changes[k];
        }
    zip_free(&w);
}

/* One changed number of an archive of the member "a" with five bytes. Its local header is at 0, its record at 36. */
static void changed_numbers(void **state)
{
    (void)state;
    enum { RECORD = 30 + 1 + 5, END64 = RECORD + 46 + 1, LOCATOR = END64 + 56, END = RECORD + 46 + 1 };
    static const struct {
        int zip64, at;
        uint8_t byte;
        mt_status opened, read;
        const char *words;
    } cases[] = {
        { 0, 0, 'Q', MT_OK, MT_E_CORRUPT, "no local header at byte 0" },
        { 0, 8, 8, MT_OK, MT_E_CORRUPT, "the local header at byte 0 is of another member" },
        { 0, 26, 2, MT_OK, MT_E_CORRUPT, "the local header at byte 0 is of another member" },
        { 0, 28, 1, MT_OK, MT_E_CORRUPT, "5 bytes at byte 32 reach into the directory" },
        { 0, 28, 6, MT_OK, MT_E_CORRUPT, "5 bytes at byte 37 reach into the directory" },
        { 0, RECORD, 'Q', MT_E_CORRUPT, MT_OK, "no record of a member at byte 36" },
        { 0, RECORD + 34, 1, MT_E_UNSUPPORTED, MT_OK, "an archive in several volumes" },
        { 0, RECORD + 42, 1, MT_E_CORRUPT, MT_OK, "5 bytes at byte 1 reach into the directory or beyond" },
        { 0, RECORD + 42, 30, MT_E_CORRUPT, MT_OK, "5 bytes at byte 30 reach into the directory or beyond" },
        { 0, END + 16, 37, MT_E_CORRUPT, MT_OK, "a directory of 47 bytes at byte 37 does not end before byte 83" },
        { 0, END, 'Q', MT_E_CORRUPT, MT_OK, "there is no end record" },
        { 0, END + 4, 1, MT_E_UNSUPPORTED, MT_OK, "an archive in several volumes" },
        { 0, END + 6, 1, MT_E_UNSUPPORTED, MT_OK, "an archive in several volumes" },
        { 0, END + 8, 2, MT_E_UNSUPPORTED, MT_OK, "an archive in several volumes" },
        { 0, END + 20, 1, MT_E_CORRUPT, MT_OK, "there is no end record" },
        { 1, END64, 'Q', MT_E_CORRUPT, MT_OK, "no ZIP64 end record at byte 83" },
        { 1, END64 + 16, 1, MT_E_UNSUPPORTED, MT_OK, "an archive in several volumes" },
        { 1, END64 + 20, 1, MT_E_UNSUPPORTED, MT_OK, "an archive in several volumes" },
        { 1, LOCATOR + 4, 1, MT_E_UNSUPPORTED, MT_OK, "an archive in several volumes" },
        { 1, LOCATOR + 8, 0, MT_OK, MT_OK, "" }, /* it is also looked for right before the locator */
        { 1, LOCATOR + 16, 2, MT_E_UNSUPPORTED, MT_OK, "an archive in several volumes" },
        { 1, LOCATOR + 16, 0, MT_OK, MT_OK, "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_store *store;
        mt_error err = MT_ERROR_INIT;
        uint8_t out[5];
        zip_begin(&w, 0);
        zip_add(&w, "a", "12345", 5, 0, 0);
        w.zip64 = cases[i].zip64;
        zip_end(&w);
        w.bytes[cases[i].at] = cases[i].byte;
        mt_status st = zip_open(&env, w.bytes, w.n, &store, &err);
        assert_int_equal(st, cases[i].opened);
        if (!st) {
            assert_int_equal(mt_store_read_at(store, "a", 0, out, 5, &err), cases[i].read);
            mt_store_close(store);
        }
        assert_non_null(strstr(err.message, cases[i].words));
        zip_free(&w);
    }
}

/* The ZIP64 records, here broken ones, count if one number of the end record has only ones. */
static void numbers_that_do_not_fit(void **state)
{
    (void)state;
    static const struct {
        int at, n; /* bytes of a number in the end record */
    } full[] = { { 0, 0 }, { 4, 2 }, { 10, 2 }, { 12, 4 }, { 16, 4 } };
    static const uint8_t fits[] = { 0, 0, 0, 0, 1, 0, 1, 0, 47, 0, 0, 0, 36, 0, 0, 0 }; /* from byte 4 on */
    for (size_t i = 0; i < sizeof full / sizeof *full; i++) {
        mt_store *store;
        mt_error err = MT_ERROR_INIT;
        zip_begin(&w, 0);
        zip_add(&w, "a", "12345", 5, 0, 0);
        w.zip64 = 1;
        zip_end(&w);
        uint8_t *end = w.bytes + w.n - 22;
        memcpy(end + 4, fits, sizeof fits);
        memset(end + full[i].at, 0xff, (size_t)full[i].n);
        end[-20 - 56] = 'Q';
        mt_status st = zip_open(&env, w.bytes, w.n, &store, &err);
        if (i == 0) { /* the directory does not end at the end record, as if data preceded the archive */
            assert_null(strstr(err.message, "ZIP64"));
            assert_int_equal(st, MT_E_CORRUPT);
        } else {
            check_failed(st, MT_E_CORRUPT, &err, "no ZIP64 end record at byte 83");
        }
        zip_free(&w);
    }
}

/* The second record of a directory. */
static void a_later_record(void **state)
{
    (void)state;
    mt_store *store;
    mt_error err = MT_ERROR_INIT;
    zip_begin(&w, 0);
    zip_add(&w, "a", "12345", 5, 0, 0);
    zip_add(&w, "b", "12345", 5, 0, 0);
    zip_end(&w);
    w.bytes[2 * 36 + 47] = 'Q';
    check_failed(zip_open(&env, w.bytes, w.n, &store, &err), MT_E_CORRUPT, &err, "no record of a member at byte 119");
    zip_free(&w);
}

/* Opens a file of the data folder; NULL with its error. */
static mt_store *open_data(const char *name, mt_error *err)
{
    const char *path = data_path(name), *slash = strrchr(path, '/');
    char folder[4096];
    mt_store *outer, *store;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    check_ok(mt_store_open_folder(&env, folder, &outer, err), err);
    if (mt_store_open_zip(&env, outer, slash + 1, &store, err) == MT_OK)
        return store;
    mt_store_close(outer);
    return NULL;
}

typedef struct contents {
    mt_store *store;
    const char *prefix;
    int files;
    uint64_t bytes;
} contents;

/* Reads all members, through all folders. */
static mt_status read_member(void *user, const char *name, mt_error *err)
{
    contents *c = user;
    char key[1024];
    uint64_t size;
    snprintf(key, sizeof key, "%s%s%s", c->prefix, *c->prefix ? "/" : "", name);
    mt_status st = mt_store_size(c->store, key, &size, err);
    if (st == MT_E_NOT_FOUND) {
        contents below = { c->store, key, 0, 0 };
        *err = (mt_error)MT_ERROR_INIT;
        st = mt_store_list(c->store, key, read_member, &below, err);
        c->files += below.files;
        c->bytes += below.bytes;
        return st;
    }
    uint8_t *out = malloc(size ? size : 1);
    if (!st)
        st = mt_store_read_at(c->store, key, 0, out, size, err);
    free(out);
    c->files++;
    c->bytes += size;
    return st;
}

static void real_files(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int files;
        uint64_t bytes;
    } good[] = { { "cygwin-info-zip.zip", 2, 10 },
                 { "deflate.zip", 1, 10689 },
                 { "directories.zip", 1, 0 },
                 { "empty.zip", 0, 0 },
                 { "linux-info-zip.zip", 2, 10 },
                 { "unicode.zip", 2, 0 },
                 { "unix-epoch.zip", 1, 0 },
                 { "windows-7-zip.zip", 2, 10 },
                 { "windows-compressed-folder.zip", 2, 10 },
                 { "zip64.zip", 2, 6 } };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char name[256];
        mt_error err = MT_ERROR_INIT;
        snprintf(name, sizeof name, "zip/from-yauzl/success/%s", good[i].name);
        mt_store *store = open_data(name, &err);
        if (!store)
            fail_msg("%s: %s", name, err.message);
        contents all = { store, "", 0, 0 };
        check_ok(mt_store_list(store, "", read_member, &all, &err), &err);
        assert_int_equal(all.files, good[i].files);
        assert_int_equal(all.bytes, good[i].bytes);
        mt_store_close(store);
    }
}

static void real_refusals(void **state)
{
    (void)state;
    mt_error err = MT_ERROR_INIT;
    assert_null(open_data("zip/from-yauzl/success/sloppy-filenames.zip", &err));
    assert_non_null(strstr(err.message, "backslash"));
    err = (mt_error)MT_ERROR_INIT;
    assert_null(open_data("zip/from-yauzl/success/unicode-path-extra-field.zip", &err));
    assert_non_null(strstr(err.message, "NUL"));
    err = (mt_error)MT_ERROR_INIT;
    assert_null(open_data("zip/syn/bad_duplicate.zip", &err));
    assert_non_null(strstr(err.message, "twice"));
    err = (mt_error)MT_ERROR_INIT;
    assert_null(open_data("zarr_malformed/zip_central_dir_lies.zarr.zip", &err));

    DIR *folder = opendir(data_path("zip/from-yauzl/failure"));
    assert_non_null(folder);
    int n = 0;
    for (struct dirent *d; (d = readdir(folder));) {
        char name[512];
        if (d->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "zip/from-yauzl/failure/%s", d->d_name);
        err = (mt_error)MT_ERROR_INIT;
        mt_store *store = open_data(name, &err);
        contents all = { store, "", 0, 0 };
        if (store)
            assert_int_not_equal(mt_store_list(store, "", read_member, &all, &err), MT_OK);
        mt_store_close(store);
        print_message("%s\n", err.message);
        n++;
    }
    closedir(folder);
    assert_int_equal(n, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(refusals),         cmocka_unit_test(refused_members),
                                        cmocka_unit_test(limits),           cmocka_unit_test(oddities_that_are_read),
                                        cmocka_unit_test(every_truncation), cmocka_unit_test(every_changed_byte),
                                        cmocka_unit_test(changed_numbers),  cmocka_unit_test(numbers_that_do_not_fit),
                                        cmocka_unit_test(a_later_record),   cmocka_unit_test(real_files),
                                        cmocka_unit_test(real_refusals) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
