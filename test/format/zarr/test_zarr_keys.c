/* SPDX-License-Identifier: BSD-3-Clause */
/* Chunks under keys that are not those of the metadata: "0/1" where it implies "0.1", and the other way round. They are
 * read, locally and over a network, or refused, but never taken for missing. */
#include "zarr_support.h"

#include "stack/stack.h"
#include "support/delayed_store.h"
#include "support/faulty_store.h"

static const char *separator_member(char separator)
{
    return separator == '/'   ? ",\"dimension_separator\":\"/\""
           : separator == '.' ? ",\"dimension_separator\":\".\""
                              : "";
}

/* An array of 4 x 6 bytes 1, 2, 3, ... in chunks of 2 x 3. Its chunk (y, x) has the key name, if not NULL. */
static void write_array(const char *folder, char separator, const char *const names[4])
{
    char path[300], text[400];
    snprintf(
        text, sizeof text,
        "{\"zarr_format\":2,\"shape\":[4,6],\"chunks\":[2,3],\"dtype\":\"|u1\",\"order\":\"C\",\"compressor\":null,"
        "\"filters\":null,\"fill_value\":99%s}",
        separator_member(separator));
    snprintf(path, sizeof path, "%s/.zarray", folder);
    write_temporary_text(path, text);
    for (int c = 0; c < 4; c++) {
        uint8_t chunk[6];
        for (int i = 0; i < 6; i++)
            chunk[i] = (uint8_t)(1 + (c / 2 * 2 + i / 3) * 6 + c % 2 * 3 + i % 3);
        snprintf(path, sizeof path, "%s/%s", folder, names && names[c] ? names[c] : "");
        if (names && names[c])
            write_temporary(path, chunk, sizeof chunk);
    }
}

static const char *const dotted[] = { "0.0", "0.1", "1.0", "1.1" };
static const char *const nested[] = { "0/0", "0/1", "1/0", "1/1" };
static const char *const last_dotted[] = { NULL, NULL, NULL, "1.1" };
static const char *const last_nested[] = { NULL, NULL, NULL, "1/1" };
static const char *const numbers[] = { "0", "1", NULL, NULL };

/* Opens an array and reads it: one pixel of the first chunk, then all. wrap may be NULL. Without a cache raw chunks are
 * read by rows. */
static mt_status read_wrapped(const char *folder, const mt_store_wrap *wrap, int64_t cache_bytes, uint8_t out[24],
                              size_t *n_warnings, mt_error *err)
{
    mt_stack *stack;
    static const int64_t origin[2] = { 0, 0 }, one[2] = { 1, 1 };
    mt_context_options context_options = { .struct_size = sizeof context_options, .cache_bytes = cache_bytes };
    mt_context *context;
    mt_error own = MT_ERROR_INIT;
    check_ok(mt_context_new(&context_options, &context, &own), &own);
    mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    mt_status st = mt_stack_open_wrapped(context, temporary_path(folder), &options, wrap, &stack, err);
    if (!st) {
        const mt_stack_info *info = mt_stack_get_info(stack);
        float pixel;
        *n_warnings = info->n_warnings;
        st = mt_stack_extract_patch(stack, 0, NULL, 0, origin, one, 2, &pixel, err);
        mt_patch_request request = { .stack = stack,
                                     .n_spatial = 2,
                                     .coords = origin,
                                     .patch_size = info->data_shape + 2,
                                     .view = { .data = out, .dtype = MT_UINT8 } };
        if (!st)
            st = mt_extract_patches(&request, 1, NULL, err);
        mt_stack_close(stack);
    }
    mt_context_free(context);
    return st;
}

/* The same over a store that is as slow as a network, or (log NULL) locally. */
static mt_status read_array(const char *folder, delayed_log *log, int64_t cache_bytes, uint8_t out[24],
                            size_t *n_warnings, mt_error *err)
{
    const mt_store_wrap wrap = { delayed_wrap, log };
    return read_wrapped(folder, log ? &wrap : NULL, cache_bytes, out, n_warnings, err);
}

static void check_array(const char *folder, delayed_log *log, bool all, size_t expected_warnings)
{
    for (int k = 0; k < 2; k++) {
        uint8_t pixels[24];
        size_t n_warnings = 99;
        mt_error err = MT_ERROR_INIT;
        check_ok(read_array(folder, log, k ? MT_NO_CACHE : 0, pixels, &n_warnings, &err), &err);
        for (int i = 0; i < 24; i++) {
            bool last = i / 6 >= 2 && i % 6 >= 3;
            if (pixels[i] != (all || last ? i + 1 : 99))
                fail_msg("%s: pixel %d is %d", folder, i, pixels[i]);
        }
        assert_int_equal(n_warnings, expected_warnings);
    }
}

static void check_refused(const char *folder, delayed_log *log, const char *text)
{
    for (int k = 0; k < 2; k++) {
        uint8_t pixels[24];
        size_t n_warnings;
        mt_error err = MT_ERROR_INIT;
        mt_status st = read_array(folder, log, k ? MT_NO_CACHE : 0, pixels, &n_warnings, &err);
        if (st != MT_E_CORRUPT || !strstr(err.message, text))
            fail_msg("%s: %s: %s", folder, mt_status_name(st), err.message);
    }
}

static void the_case(void **state)
{
    (void)state;
    char path[600];
    uint8_t *pixels;
    size_t size;
    mt_error err = MT_ERROR_INIT;
    snprintf(path, sizeof path, "%s#volumes/raw", data_path("cases/zarr2-nested-without-separator/nested-nosep.zarr"));
    check_ok(read_stack(path, "ZYX", &pixels, &size, &err), &err);
    assert_int_equal(size, 12 * 32 * 32 * 2);
    assert_string_equal(md5_hex(pixels, size), "e852fc990e2d1a51a8be69d5c1093128");
    free(pixels);
}

/* Which keys there are, which the metadata implies, and whether they are read. */
static const struct {
    const char *folder;
    char separator;
    const char *const *names;
    bool all;      /* or the last chunk only */
    bool is_other; /* a warning is due */
} arrays[] = {
    { "own_dotted.zarr", '.', dotted, true, false },
    { "own_nested.zarr", '/', nested, true, false },
    { "nested_without.zarr", 0, nested, true, true },
    { "nested.zarr", '.', nested, true, true },
    { "dotted.zarr", '/', dotted, true, true },
    { "last_own.zarr", '.', last_dotted, false, false },
    { "last_nested.zarr", '.', last_nested, false, true },
    { "last_dotted.zarr", '/', last_dotted, false, true },
};

static void keys_are_read_as_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        delayed_log slow = { .delay_ms = 0 }, without_list = { .delay_ms = 0, .no_list = true };
        write_array(arrays[i].folder, arrays[i].separator, arrays[i].names);
        check_array(arrays[i].folder, NULL, arrays[i].all, arrays[i].is_other);
        check_array(arrays[i].folder, &slow, arrays[i].all, 0);
        check_array(arrays[i].folder, &without_list, arrays[i].all, 0);
    }
}

static void other_keys_are_refused(void **state)
{
    (void)state;
    delayed_log slow = { .delay_ms = 0 };
    static const char *const flat[] = { "0.0.0", NULL, NULL, NULL };
    for (int i = 0; i < 2; i++) {
        write_array("flat.zarr", "./"[i], flat); /* of an array with three dimensions */
        check_refused("flat.zarr", NULL, "'0.0.0'");
        check_refused("flat.zarr", &slow, "'0.0.0'");
    }
    write_array("numbers.zarr", '.', numbers); /* files, not folders */
    check_refused("numbers.zarr", NULL, "such as '0.0'");
    check_refused("numbers.zarr", &slow, "such as '0.0'");
}

/* An array of which nothing was written reads as the fill value, and what lies beside chunks does no harm. */
static void nothing_stored(void **state)
{
    (void)state;
    uint8_t pixels[24];
    size_t n_warnings;
    delayed_log slow = { .delay_ms = 0 };
    mt_error err = MT_ERROR_INIT;
    write_array("none.zarr", 0, NULL);
    write_temporary_text("none.zarr/README.txt", "none");
    write_temporary_text("none.zarr/0.0.partial", "none");
    write_temporary_text("none.zarr/c.txt", "none");
    for (int i = 0; i < 2; i++) {
        check_ok(read_array("none.zarr", i ? &slow : NULL, 0, pixels, &n_warnings, &err), &err);
        for (int k = 0; k < 24; k++)
            assert_int_equal(pixels[k], 99);
        assert_int_equal(n_warnings, 0);
    }
}

/* Version 3: "c/0/1" and "c.0.1". */
static void version_3(void **state)
{
    (void)state;
    static const char *const dots[] = { "c.0.0", "c.0.1", "c.1.0", "c.1.1" };
    static const char *const slashes[] = { "c/0/0", "c/0/1", "c/1/0", "c/1/1" };
    for (int i = 0; i < 4; i++) {
        const char *const folders[] = { "three_a.zarr", "three_b.zarr", "three_c.zarr", "three_d.zarr" };
        char path[64], text[600];
        delayed_log slow = { .delay_ms = 0 };
        bool dotted_names = i & 1, dotted_metadata = i & 2;
        write_array(folders[i], 0, dotted_names ? dots : slashes);
        snprintf(
            text, sizeof text,
            "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[4,6],\"data_type\":\"uint8\",\"fill_value\":99,"
            "\"chunk_grid\":{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[2,3]}},\"codecs\":[\"bytes\"],"
            "\"chunk_key_encoding\":{\"name\":\"default\",\"configuration\":{\"separator\":\"%s\"}}}",
            dotted_metadata ? "." : "/");
        snprintf(path, sizeof path, "%s/zarr.json", folders[i]);
        write_temporary_text(path, text);
        check_array(folders[i], NULL, true, dotted_names != dotted_metadata);
        check_array(folders[i], &slow, true, 0);
    }
}

/* With many chunks, the folders are listed before any chunk is requested. */
static void large_grids(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        const int form = i / 2 % 2;
        delayed_log slow = { .delay_ms = 0, .no_list = i == 5 };
        const mt_store_wrap wrap = { delayed_wrap, &slow };
        mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        char path[64], text[300];
        static float pixels[64 * 64];
        static const int64_t origin[2] = { 0, 0 }, size[2] = { 64, 64 };
        snprintf(path, sizeof path, "large%d.zarr/.zarray", form);
        snprintf(text, sizeof text,
                 "{\"zarr_format\":2,\"shape\":[64,64],\"chunks\":[1,1],\"dtype\":\"|u1\",\"order\":\"C\","
                 "\"compressor\":null,\"filters\":null,\"fill_value\":9%s}",
                 separator_member(form ? '/' : '.'));
        write_temporary_text(path, text);
        snprintf(path, sizeof path, "large%d.zarr/5%c7", form, form ? '.' : '/');
        write_temporary(path, "A", 1);
        snprintf(path, sizeof path, "large%d.zarr", form);
        check_ok(mt_stack_open_wrapped(NULL, temporary_path(path), &options, i % 2 ? &wrap : NULL, &stack, &err), &err);
        check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, origin, size, 2, pixels, &err), &err);
        for (int k = 0; k < 64 * 64; k++)
            assert_true(pixels[k] == (k == 5 * 64 + 7 ? 'A' : 9));
        if (i == 1) /* one list of the rows tells which of them have chunks */
            assert_in_range(slow.requests, 64, 100);
        mt_stack_close(stack);
    }
}

/* The keys of shards, too. Over a network they are refused, for their indices are located before they can be missing. */
static void shards(void **state)
{
    (void)state;
    uint8_t shard[24 + 4 * 16] = { 0 };
    delayed_log slow = { .delay_ms = 0 };
    for (int c = 0; c < 4; c++) {
        for (int i = 0; i < 6; i++)
            shard[c * 6 + i] = (uint8_t)(1 + (c / 2 * 2 + i / 3) * 6 + c % 2 * 3 + i % 3);
        shard[24 + 16 * c] = (uint8_t)(6 * c);
        shard[24 + 16 * c + 8] = 6;
    }
    write_temporary_text(
        "shards.zarr/zarr.json",
        "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[4,6],\"data_type\":\"uint8\",\"fill_value\":99,"
        "\"chunk_grid\":{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[4,6]}},"
        "\"chunk_key_encoding\":{\"name\":\"default\"},\"codecs\":[{\"name\":\"sharding_indexed\","
        "\"configuration\":{\"chunk_shape\":[2,3],\"codecs\":[\"bytes\"],\"index_codecs\":[{\"name\":\"bytes\","
        "\"configuration\":{\"endian\":\"little\"}}]}}]}");
    write_temporary("shards.zarr/c.0.0", shard, sizeof shard);
    check_array("shards.zarr", NULL, true, 1);
    check_refused("shards.zarr", &slow, "'c.0.0'");
}

typedef struct faults {
    _Atomic size_t calls;
    size_t fail_at;
    bool is_slow;
} faults;

static mt_status wrap_faulty(void *user, mt_store **store, mt_error *err)
{
    faults *f = user;
    mt_store *wrapped;
    mt_status st = faulty_store_wrap_shared(*store, &f->calls, f->fail_at, MT_E_IO, &wrapped, err);
    if (st)
        return st;
    wrapped->costs.is_slow = f->is_slow;
    *store = wrapped;
    return MT_OK;
}

/* A failed request leaves the right pixels or an error, but never the fill value and no other error. */
static void failed_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        for (int slow = 0; slow < 2; slow++)
            for (size_t k = 0, more = 1; more; k++) {
                faults f = { .fail_at = k, .is_slow = slow };
                uint8_t pixels[24];
                size_t n_warnings;
                mt_error err = MT_ERROR_INIT;
                write_array(arrays[i].folder, arrays[i].separator, arrays[i].names);
                mt_status st =
                    read_wrapped(arrays[i].folder, &(mt_store_wrap) { wrap_faulty, &f }, 0, pixels, &n_warnings, &err);
                more = f.calls > k;
                if (st && (st != MT_E_IO || !more))
                    fail_msg("%s, request %zu: %s: %s", arrays[i].folder, k, mt_status_name(st), err.message);
                if (!st && pixels[23] != 24)
                    fail_msg("%s, request %zu: the last pixel is %d", arrays[i].folder, k, pixels[23]);
            }
}

static int write_map(void *user, const void *bytes, size_t size) { return fwrite(bytes, 1, size, user) != size; }

/* A saved map has the keys that were found. */
static void saved_maps(void **state)
{
    (void)state;
    mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    float pixel;
    static const int64_t origin[2] = { 1, 1 }, one[2] = { 1, 1 };
    write_array("saved.zarr", 0, nested);
    const char *file = temporary_path("saved.map");
    check_ok(mt_stack_open(NULL, temporary_path("saved.zarr"), &options, &stack, &err), &err);
    FILE *out = fopen(file, "wb");
    assert_non_null(out);
    check_ok(mt_stack_save_map(stack, write_map, out, &err), &err);
    fclose(out);
    mt_stack_close(stack);
    options.map = file;
    check_ok(mt_stack_open(NULL, temporary_path("saved.zarr"), &options, &stack, &err), &err);
    check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, origin, one, 2, &pixel, &err), &err);
    assert_true(pixel == 8);
    mt_stack_close(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_case),
        cmocka_unit_test(keys_are_read_as_they_are),
        cmocka_unit_test(version_3),
        cmocka_unit_test(failed_requests),
        cmocka_unit_test(other_keys_are_refused),
        cmocka_unit_test(nothing_stored),
        cmocka_unit_test(large_grids),
        cmocka_unit_test(shards),
        cmocka_unit_test(saved_maps),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
