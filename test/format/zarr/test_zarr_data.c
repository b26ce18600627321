/* SPDX-License-Identifier: BSD-3-Clause */
/* The real stores of the data folder against their expected pixels, and the broken ones. */
#include "zarr_support.h"

/* Arrays that the oracle could not read: MD5 of the chunks without the four bytes of their checksum, or as they are; and
 * those whose missing chunks have undefined values, which are 0 here. */
static const struct {
    const char *name, *md5;
} more_expected[] = {
    { "zarrs/v3_zarr_python/array_fletcher32.zarr", "5cca288c88478c7b3bbeec3723079ec7" },
    { "zarrs/zarr_python_compat/fletcher32.zarr", "fbaf22f91d9bc53a48e9bcd88d4a22ff" },
    { "zarrs/codec/bitround/bitround_float32.zarr", "743992f40a3f7edc4110bff616c35ffe" },
    { "zarrs/zarr_python_compat/bool_v2_fv_null.zarr", "c06857e9ea338f3f3a24bb78f8fbdf6f" },
    { "zarrs/zarr_python_compat/float_v2_fv_null.zarr", "cc669d848b1b43fce0118c69f868efb5" },
    { "zarrs/zarr_python_compat/int_v2_fv_null.zarr", "bbd9e1d3780a07dbf8ce379351f1286d" },
    { "zarrs/codec/bitround/bitround_uint8.zarr", "239778a15fbe62c732fa2dd4e0f69f68" },
};

static const char *expected_md5(const char *name, const json_t *expected)
{
    for (size_t i = 0; i < sizeof more_expected / sizeof *more_expected; i++)
        if (strcmp(name, more_expected[i].name) == 0)
            return more_expected[i].md5;
    return json_string_value(json_object_get(expected, "md5_C_LE"));
}

/* Both versions lie in one folder: only that of version 3 is read. */
static bool is_shadowed(const char *name, const json_t *all)
{
    char other[300];
    snprintf(other, sizeof other, "%s#v3", name);
    return json_object_get(all, other) != NULL;
}

static void check_pixels(const char *name, const char *md5, const uint8_t *pixels, size_t size)
{
    const char *found = md5_hex(pixels, size);
    if (strcmp(found, md5) != 0)
        fail_msg("%s: md5 %s instead of %s", name, found, md5);
}

#define LARGE 100000

static void check_array(const char *name, const char *path, const char *md5, const json_t *expected)
{
    uint8_t *pixels;
    size_t size;
    mt_error err = MT_ERROR_INIT;
    opened o;
    mt_status st = open_map(path, "", &o, &err);
    if (st)
        fail_msg("%s: %s", name, err.message);
    const json_t *shape = json_object_get(expected, "shape");
    assert_int_equal(o.map->ndim, json_array_size(shape));
    for (int d = 0; d < o.map->ndim; d++)
        assert_int_equal(o.map->shape[d], json_integer_value(json_array_get(shape, (size_t)d)));
    int64_t elements = 1;
    for (int d = 0; d < o.map->ndim; d++)
        elements *= o.map->shape[d];
    if (elements < LARGE) { /* element by element takes its time */
        if (read_all(&o, &pixels, &size, &err))
            fail_msg("%s: %s", name, err.message);
        check_pixels(name, md5, pixels, size);
        free(pixels);
    }
    int ndim = o.map->ndim;
    close_opened(&o);
    if (ndim < 2)
        return;
    static const char axes[] = "TCZYX";
    static const char *const sorted[] = { "YX", "ZYX", "CZYX" };
    check_ok(read_stack(path, ndim == 5 ? axes : sorted[ndim - 2], &pixels, &size, &err), &err);
    check_pixels(name, md5, pixels, size);
    free(pixels);
}

/* A name that the message must hold: the data type's, or that of a codec. */
static bool names_feature(const char *message, const json_t *expected)
{
    const json_t *dtype = json_object_get(expected, "dtype");
    const char *text = json_string_value(json_is_object(dtype) ? json_object_get(dtype, "name") : dtype);
    if ((text && strstr(message, text)) || strstr(message, "storage transformers"))
        return true;
    text = json_string_value(json_object_get(json_object_get(expected, "compressor"), "id"));
    if (text && strstr(message, text))
        return true;
    const json_t *codecs = json_object_get(expected, "codecs");
    for (size_t i = 0; i < json_array_size(codecs); i++) {
        text = json_string_value(json_object_get(json_array_get(codecs, i), "name"));
        if (text && strncmp(text, "numcodecs.", 10) == 0)
            text += 10;
        if (text && strstr(message, text))
            return true;
    }
    return false;
}

static void check_refused(const char *name, const char *path, const json_t *expected)
{
    opened o;
    mt_error err = MT_ERROR_INIT;
    mt_status st = open_map(path, "", &o, &err);
    if (st != MT_E_UNSUPPORTED || !names_feature(err.message, expected))
        fail_msg("%s: %s: %s", name, mt_status_name(st), err.message);
}

static void test_expected_arrays(void **state)
{
    (void)state;
    json_t *all = read_json("zarr/expected_zarr.json");
    const char *name;
    json_t *expected;
    size_t n_read = 0, n_refused = 0;
    json_object_foreach(all, name, expected)
    {
        if (is_shadowed(name, all))
            continue;
        char path[1024];
        snprintf(path, sizeof path, "%s", data_path("zarr"));
        snprintf(path + strlen(path), sizeof path - strlen(path), "/%.*s", (int)strcspn(name, "#"), name);
        const char *md5 = expected_md5(name, expected);
        if (md5) {
            check_array(name, path, md5, expected);
            n_read++;
        } else {
            check_refused(name, path, expected);
            n_refused++;
        }
    }
    json_decref(all);
    assert_int_equal(n_read, 125);
    assert_int_equal(n_refused, 44);
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        mt_status status;
        const char *message;
    } cases[] = {
        { "blosc_nbytes_huge", MT_E_CORRUPT, "blosc" },
        { "blosc_nbytes_too_big_for_chunk", MT_E_CORRUPT, "blosc" },
        { "blosc_truncated", MT_E_CORRUPT, "blosc" },
        { "chunk_huge", MT_E_LIMIT, "max_chunk_bytes" },
        { "chunk_long", MT_E_CORRUPT, "bytes" },
        { "chunk_negative", MT_E_CORRUPT, "chunk_shape" },
        { "chunk_short", MT_E_CORRUPT, "bytes" },
        { "fill_missing", MT_E_CORRUPT, "fill_value" },
        { "gzip_bad_crc", MT_E_CORRUPT, "gzip" },
        { "json_deep", MT_E_LIMIT, "max_json_depth" },
        { "json_dupkeys", MT_E_CORRUPT, "shape" },
        { "json_truncated", MT_E_CORRUPT, "zarr.json" },
        { "no_array_bytes_codec", MT_E_CORRUPT, "gzip" },
        { "shape_overflow", MT_E_CORRUPT, "" },
        { "shard_bad_index_crc", MT_E_CORRUPT, "shard index: crc32c" },
        { "shard_inner_not_divisor", MT_E_CORRUPT, "do not divide" },
        { "shard_offset_beyond", MT_E_CORRUPT, "beyond the end of the shard" },
        { "transpose_bad_perm", MT_E_CORRUPT, "permutation" },
        { "two_array_bytes", MT_E_CORRUPT, "'bytes'" },
        { "unknown_codec", MT_E_UNSUPPORTED, "nosuch" },
        { "unknown_dtype", MT_E_UNSUPPORTED, "int24" },
        { "v2_bad_dtype", MT_E_UNSUPPORTED, "<q9" },
        { "v2_chunks_zero", MT_E_CORRUPT, "chunks" },
        { "v2_unknown_compressor", MT_E_UNSUPPORTED, "nosuch" },
        { "zip_central_dir_lies.zarr.zip", MT_E_CORRUPT, "stored, yet 137 bytes" },
        { "zstd_bomb", MT_E_CORRUPT, "zstd" },
        { "zstd_garbage", MT_E_CORRUPT, "zstd" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[1100];
        snprintf(path, sizeof path, "%s/%s", data_path("zarr_malformed"), cases[i].name);
        uint8_t *pixels;
        size_t size;
        mt_error err = MT_ERROR_INIT;
        mt_status st = read_stack(path, "YX", &pixels, &size, &err);
        if (st != cases[i].status || !strstr(err.message, cases[i].message))
            fail_msg("%s: %s: %s", cases[i].name, mt_status_name(st), err.message);
        if (getenv("MT_SHOW_MESSAGES"))
            print_message("%s\n", err.message);
    }
}

static void test_readable_oddities(void **state)
{
    (void)state;
    uint8_t *pixels;
    size_t size;
    mt_error err = MT_ERROR_INIT;
    check_ok(read_stack(data_path("zarr_malformed/shard_overlapping_inner_chunks_valid"), "YX", &pixels, &size, &err),
             &err);
    assert_int_equal(size, 128);
    /* Three inner chunks of the only shard share their bytes, which are 0; the last one holds 3. */
    const uint16_t expected[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 3, 3 };
    assert_memory_equal(pixels, expected, sizeof expected);
    free(pixels);

    opened o;
    check_ok(open_map(data_path("zarr_malformed/v2_nan_literal"), "", &o, &err), &err);
    check_ok(read_all(&o, &pixels, &size, &err), &err);
    const uint32_t nan_bits = 0x7fc00000;
    for (size_t i = 0; i < size; i += 4)
        assert_memory_equal(pixels + i, &nan_bits, 4);
    free(pixels);
    close_opened(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expected_arrays),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_readable_oddities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
