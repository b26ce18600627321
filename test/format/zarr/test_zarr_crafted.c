/* SPDX-License-Identifier: BSD-3-Clause */
/* Stores written here, whose pixels follow from a formula: layouts, shards, grids, fill values, refusals. */
#include "zarr_support.h"

#include "support/contract.h"

/* What the pixel (z, y, x) of all arrays below holds. */
static uint16_t pixel(int64_t z, int64_t y, int64_t x) { return (uint16_t)(1000 * z + 30 * y + x + 7); }

static void append_u64(uint8_t **at, uint64_t value, bool big)
{
    for (int i = 0; i < 8; i++)
        *(*at)++ = (uint8_t)(value >> 8 * (big ? 7 - i : i));
}

static void append_u16(uint8_t **at, uint16_t value, bool big)
{
    *(*at)++ = (uint8_t)(big ? value >> 8 : value);
    *(*at)++ = (uint8_t)(big ? value : value >> 8);
}

#define V3(shape, grid, codecs)                                                                                        \
    "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":" shape ",\"data_type\":\"uint16\",\"chunk_grid\":" grid     \
    ",\"chunk_key_encoding\":{\"name\":\"default\"},\"fill_value\":9,\"codecs\":" codecs "}"
#define REGULAR(shape) "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":" shape "}}"
#define LITTLE "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define BIG "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"big\"}}"
#define SHARDS(chunk, codecs, index_codecs, location)                                                                  \
    "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":" chunk ",\"codecs\":" codecs                   \
    ",\"index_codecs\":" index_codecs ",\"index_location\":\"" location "\"}}"

/* Reads a store as pixels of ZYX or YX and compares those that expect gives. */
static void check_store(const char *name, const char *axes, const int64_t *shape,
                        uint16_t (*expect)(int64_t, int64_t, int64_t))
{
    uint8_t *pixels;
    size_t size;
    mt_error err = MT_ERROR_INIT;
    check_ok(read_stack(temporary_path(name), axes, &pixels, &size, &err), &err);
    assert_int_equal(size, shape[0] * shape[1] * shape[2] * 2);
    const uint8_t *at = pixels;
    for (int64_t z = 0; z < shape[0]; z++)
        for (int64_t y = 0; y < shape[1]; y++)
            for (int64_t x = 0; x < shape[2]; x++, at += 2) {
                uint16_t value;
                memcpy(&value, at, 2);
                if (value != expect(z, y, x))
                    fail_msg("%s: (%d, %d, %d) is %d instead of %d", name, (int)z, (int)y, (int)x, value,
                             expect(z, y, x));
            }
    free(pixels);
}

static mt_status open_status(const char *name, const char *part, mt_error *err)
{
    opened o;
    mt_status st = open_map(temporary_path(name), part, &o, err);
    if (!st)
        close_opened(&o);
    return st;
}

static void check_refused(const char *name, const char *part, mt_status status, const char *message)
{
    mt_error err = MT_ERROR_INIT;
    mt_status st = open_status(name, part, &err);
    if (st != status || !strstr(err.message, message))
        fail_msg("%s: %s: %s", name, mt_status_name(st), err.message);
}

/* A shard of 4 x 4 elements in chunks of 2 x 2 at (y, x) of the array, the chunks in reverse order with a gap before
 * each; the last of them is missing. */
static size_t write_shard(uint8_t *out, int64_t y0, int64_t x0, bool index_first, bool big)
{
    uint8_t *at = out + (index_first ? 64 : 0);
    uint64_t offsets[4];
    for (int chunk = 2; chunk >= 0; chunk--) {
        at += 3;
        offsets[chunk] = (uint64_t)(at - out);
        for (int i = 0; i < 4; i++)
            append_u16(&at, pixel(0, y0 + chunk / 2 * 2 + i / 2, x0 + chunk % 2 * 2 + i % 2), big);
    }
    uint8_t *index = index_first ? out : at;
    for (int chunk = 0; chunk < 4; chunk++) {
        append_u64(&index, chunk < 3 ? offsets[chunk] : UINT64_MAX, big);
        append_u64(&index, chunk < 3 ? 8 : UINT64_MAX, big);
    }
    return (size_t)((index_first ? at : index) - out);
}

static uint16_t sharded_pixel(int64_t z, int64_t y, int64_t x)
{
    bool is_missing = (y % 4 >= 2 && x % 4 >= 2) || (y >= 4 && x >= 4);
    return is_missing ? 9 : pixel(z, y, x);
}

/* 6 x 7 elements: shards reach beyond the edge, and that of (1, 1) is not there. */
static void check_shards(const char *name, const char *document, bool index_first, bool big)
{
    uint8_t shard[256] = { 0 };
    char path[300];
    snprintf(path, sizeof path, "%s/zarr.json", name);
    write_temporary_text(path, document);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/c/%d/%d", name, i / 2, i % 2);
        write_temporary(path, shard, write_shard(shard, i / 2 * 4, i % 2 * 4, index_first, big));
    }
    check_store(name, "YX", (const int64_t[]) { 1, 6, 7 }, sharded_pixel);
}

static void test_shards(void **state)
{
    (void)state;
    check_shards("end.zarr",
                 V3("[6,7]", REGULAR("[4,4]"), "[" SHARDS("[2,2]", "[" LITTLE "]", "[" LITTLE "]", "end") "]"), false,
                 false);
    check_shards("start.zarr",
                 V3("[6,7]", REGULAR("[4,4]"), "[" SHARDS("[2,2]", "[" LITTLE "]", "[" LITTLE "]", "start") "]"), true,
                 false);
    /* An uncompressed inner chunk whose size does not match the grid. */
    uint8_t shard[256] = { 0 }, *pixels;
    size_t size = write_shard(shard, 0, 0, false, false);
    shard[size - 64 + 8] = 6;
    write_temporary("end.zarr/c/0/0", shard, size);
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(read_stack(temporary_path("end.zarr"), "YX", &pixels, &size, &err), MT_E_CORRUPT);
    assert_non_null(strstr(err.message, "6 bytes to a raw chunk of 8"));
    for (size_t i = 0; i < 2; i++) { /* a chunk is missing only if both its numbers say so */
        size = write_shard(shard, 0, 0, false, false);
        memset(shard + size - 64 + 8 * i, 0xff, 8);
        write_temporary("end.zarr/c/0/0", shard, size);
        assert_int_equal(read_stack(temporary_path("end.zarr"), "YX", &pixels, &size, &err), MT_E_CORRUPT);
        assert_non_null(strstr(err.message, "beyond the end of the shard"));
    }

    check_shards("big.zarr", V3("[6,7]", REGULAR("[4,4]"), "[" SHARDS("[2,2]", "[" BIG "]", "[" BIG "]", "end") "]"),
                 false, true);
}

static uint16_t nested_pixel(int64_t z, int64_t y, int64_t x)
{
    return x / 4 == 1 || (x % 4 / 2 == 1 && y / 2 == 1) ? 9 : pixel(z, y, x);
}

/* One object of 4 x 8 as two shards of 4 x 4, of which only the first is stored; in that a shard of four chunks of
 * 2 x 2, whose last is missing. */
static void test_nested_shards(void **state)
{
    (void)state;
    uint8_t bytes[256], *at = bytes + 5;
    size_t inner = write_shard(at, 0, 0, true, false);
    at += inner;
    append_u64(&at, 5, false);
    append_u64(&at, inner, false);
    append_u64(&at, UINT64_MAX, false);
    append_u64(&at, UINT64_MAX, false);
    write_temporary_text("nested.zarr/zarr.json",
                         V3("[4,8]", REGULAR("[4,8]"),
                            "[" SHARDS("[4,4]", "[" SHARDS("[2,2]", "[" LITTLE "]", "[" LITTLE "]", "start") "]",
                                       "[" LITTLE "]", "end") "]"));
    write_temporary("nested.zarr/c/0/0", bytes, (size_t)(at - bytes));
    check_store("nested.zarr", "YX", (const int64_t[]) { 1, 4, 8 }, nested_pixel);

    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    check_ok(mt_stack_open(NULL, temporary_path("nested.zarr"), &options, &stack, &err), &err);
    assert_int_equal(mt_stack_get_info(stack)->chunk_shape[1], 2);
    assert_int_equal(mt_stack_get_info(stack)->shard_shape[1], 8);
    mt_stack_close(stack);

    /* The inner shard ends before its index does. */
    at -= 24;
    append_u64(&at, 63, false);
    write_temporary("nested.zarr/c/0/0", bytes, (size_t)(at - bytes) + 16);
    uint8_t *pixels;
    size_t size;
    assert_int_equal(read_stack(temporary_path("nested.zarr"), "YX", &pixels, &size, &err), MT_E_CORRUPT);
    assert_non_null(strstr(err.message, "cannot hold its index"));
}

/* A transpose before the shards permutes their dimensions; one inside permutes the chunks' only. */
static void test_transposed_shards(void **state)
{
    (void)state;
    /* Array of 2 x 4 (y, x); transposed 4 x 2 in chunks of 2 (x) x 1 (y), stored transposed again: 1 (y) x 2 (x). */
    uint8_t bytes[256], *at = bytes;
    for (int chunk = 0; chunk < 4; chunk++)
        for (int i = 0; i < 2; i++)
            append_u16(&at, pixel(0, chunk % 2, chunk / 2 * 2 + i), false);
    for (unsigned chunk = 0; chunk < 4; chunk++) {
        append_u64(&at, 4 * chunk, false);
        append_u64(&at, 4, false);
    }
    write_temporary_text("transposed.zarr/zarr.json",
                         V3("[2,4]", REGULAR("[2,4]"),
                            "[{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}}," SHARDS(
                                "[2,1]", "[{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}}," LITTLE "]",
                                "[" LITTLE "]", "end") "]"));
    write_temporary("transposed.zarr/c/0/0", bytes, (size_t)(at - bytes));
    check_store("transposed.zarr", "YX", (const int64_t[]) { 1, 2, 4 }, pixel);
}

/* Three dimensions, transposed in a cycle, which is not its own inverse. */
static void test_transpose_of_three(void **state)
{
    (void)state;
    uint8_t bytes[256], *at = bytes;
    for (int64_t x = 0; x < 4; x++) /* encoded dimensions are (2, 0, 1) of (z, y, x) */
        for (int64_t z = 0; z < 2; z++)
            for (int64_t y = 0; y < 3; y++)
                append_u16(&at, pixel(z, y, x), false);
    write_temporary_text("cycle.zarr/zarr.json",
                         V3("[2,3,4]", REGULAR("[2,3,4]"),
                            "[{\"name\":\"transpose\",\"configuration\":{\"order\":[2,0,1]}}," LITTLE "]"));
    write_temporary("cycle.zarr/c/0/0/0", bytes, (size_t)(at - bytes));
    check_store("cycle.zarr", "ZYX", (const int64_t[]) { 2, 3, 4 }, pixel);
}

static uint16_t holed_pixel(int64_t z, int64_t y, int64_t x) { return y >= 3 && x >= 3 ? 9 : pixel(z, y, x); }

/* Version 2 in order F, big endian, with '/' between the numbers, and a chunk that is not there. */
static void test_order_f(void **state)
{
    (void)state;
    write_temporary_text("f.zarr/.zarray",
                         "{\"zarr_format\":2,\"shape\":[5,4],\"chunks\":[3,3],\"dtype\":\">u2\",\"order\":\"F\","
                         "\"compressor\":null,\"filters\":null,\"fill_value\":9,\"dimension_separator\":\"/\"}");
    for (int chunk = 0; chunk < 3; chunk++) {
        uint8_t bytes[18], *at = bytes;
        for (int i = 0; i < 9; i++)
            append_u16(&at, pixel(0, chunk / 2 * 3 + i % 3, chunk % 2 * 3 + i / 3), true);
        char name[32];
        snprintf(name, sizeof name, "f.zarr/%d/%d", chunk / 2, chunk % 2);
        write_temporary(name, bytes, sizeof bytes);
    }
    check_store("f.zarr", "YX", (const int64_t[]) { 1, 5, 4 }, holed_pixel);
}

/* Rows in chunks of 2, 2, 2 and 5, columns in chunks of 4 and 3; all chunks are whole. */
static void test_rectilinear_grid(void **state)
{
    (void)state;
    static const int64_t rows[] = { 0, 2, 4, 6, 11 }, columns[] = { 0, 4, 7 };
    write_temporary_text(
        "rectilinear.zarr/zarr.json",
        V3("[10,6]",
           "{\"name\":\"rectilinear\",\"configuration\":{\"kind\":\"inline\",\"chunk_shapes\":[[[2,3],5],[4,3]]}}",
           "[" LITTLE "]"));
    for (int i = 0; i < 8; i++) {
        uint8_t bytes[64], *at = bytes;
        for (int64_t y = rows[i / 2]; y < rows[i / 2 + 1]; y++)
            for (int64_t x = columns[i % 2]; x < columns[i % 2 + 1]; x++)
                append_u16(&at, pixel(0, y, x), false);
        char name[64];
        snprintf(name, sizeof name, "rectilinear.zarr/c/%d/%d", i / 2, i % 2);
        write_temporary(name, bytes, (size_t)(at - bytes));
    }
    check_store("rectilinear.zarr", "YX", (const int64_t[]) { 1, 10, 6 }, pixel);

#define GRID(shapes)                                                                                                   \
    V3("[10,6]", "{\"name\":\"rectilinear\",\"configuration\":{\"kind\":\"inline\",\"chunk_shapes\":" shapes "}}",     \
       "[" LITTLE "]")
    write_temporary_text("edges.zarr/zarr.json", GRID("[[[2,3]],4]"));
    check_refused("edges.zarr", "", MT_E_CORRUPT, "cover 6 of 10");
    write_temporary_text("edges.zarr/zarr.json", GRID("[[[2,0]],4]"));
    check_refused("edges.zarr", "", MT_E_CORRUPT, "chunk_shapes");
    write_temporary_text("edges.zarr/zarr.json", GRID("[[[9223372036854775807,9223372036854775807]],4]"));
    check_refused("edges.zarr", "", MT_E_LIMIT, "max_chunk_bytes");
}

static void check_fill(const char *dtype, const char *fill, const void *expected, size_t size)
{
    char document[512];
    snprintf(document, sizeof document,
             "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[],\"data_type\":\"%s\",\"chunk_grid\":{\"name\":"
             "\"regular\",\"configuration\":{\"chunk_shape\":[]}},\"chunk_key_encoding\":\"default\",\"fill_value\":%s,"
             "\"codecs\":[" LITTLE "]}",
             dtype, fill);
    write_temporary_text("fill.zarr/zarr.json", document);
    opened o;
    mt_error err = MT_ERROR_INIT;
    mt_status st = open_map(temporary_path("fill.zarr"), "", &o, &err);
    if (!expected) {
        if (st != MT_E_CORRUPT || !strstr(err.message, "fill_value"))
            fail_msg("%s %s: %s", dtype, fill, err.message);
        return;
    }
    if (st || memcmp(o.map->fill, expected, size) != 0)
        fail_msg("%s %s: %s", dtype, fill, st ? err.message : "another value");
    close_opened(&o);
}

#define CHECK_FILL(dtype, fill, type, value) check_fill(dtype, fill, &(type) { value }, sizeof(type))

static void test_fill_values(void **state)
{
    (void)state;
    CHECK_FILL("bool", "true", uint8_t, 1);
    CHECK_FILL("bool", "0", uint8_t, 0);
    check_fill("bool", "2", NULL, 0);
    CHECK_FILL("int8", "-128", int8_t, -128);
    check_fill("int8", "-129", NULL, 0);
    check_fill("uint8", "256", NULL, 0);
    check_fill("uint8", "-1", NULL, 0);
    CHECK_FILL("uint8", "3.0", uint8_t, 3);
    check_fill("uint8", "3.5", NULL, 0);
    CHECK_FILL("uint64", "18446744073709551615", uint64_t, UINT64_MAX);
    check_fill("uint64", "18446744073709551616", NULL, 0);
    CHECK_FILL("int64", "-9223372036854775808", int64_t, INT64_MIN);
    check_fill("int64", "9223372036854775808", NULL, 0);
    CHECK_FILL("float32", "1.5", float, 1.5f);
    CHECK_FILL("float32", "1e300", uint32_t, 0x7f800000);
    CHECK_FILL("float32", "\"NaN\"", uint32_t, 0x7fc00000);
    CHECK_FILL("float32", "NaN", uint32_t, 0x7fc00000);
    CHECK_FILL("float32", "\"-Infinity\"", uint32_t, 0xff800000);
    CHECK_FILL("float32", "\"0x7fc00001\"", uint32_t, 0x7fc00001);
    check_fill("float32", "\"0x7fc0000\"", NULL, 0);
    check_fill("float32", "\"nan\"", NULL, 0);
    CHECK_FILL("float64", "\"0xfff8000000000001\"", uint64_t, UINT64_C(0xfff8000000000001));
    CHECK_FILL("float64", "18446744073709551616", double, 18446744073709551616.0);
    CHECK_FILL("float16", "1", uint16_t, 0x3c00);
    CHECK_FILL("float16", "-65504", uint16_t, 0xfbff);
    CHECK_FILL("float16", "65520", uint16_t, 0x7c00);
    CHECK_FILL("float16", "65519", uint16_t, 0x7bff);
    CHECK_FILL("float16", "5.960464477539063e-08", uint16_t, 1);
    CHECK_FILL("float16", "0.33325", uint16_t, 0x3555);
    check_fill("uint8", "[0]", NULL, 0);
}

static void test_no_dimensions_and_empty(void **state)
{
    (void)state;
    const uint8_t seven[] = { 7, 0 };
    opened o;
    uint8_t *pixels;
    size_t size;
    mt_error err = MT_ERROR_INIT;
    write_temporary_text("scalar.zarr/zarr.json", V3("[]", REGULAR("[]"), "[" LITTLE "]"));
    write_temporary("scalar.zarr/c", seven, 2);
    check_ok(open_map(temporary_path("scalar.zarr"), "", &o, &err), &err);
    check_ok(read_all(&o, &pixels, &size, &err), &err);
    assert_int_equal(size, 2);
    assert_int_equal(pixels[0], 7);
    free(pixels);
    close_opened(&o);

    write_temporary_text("scalar2.zarr/.zarray",
                         "{\"zarr_format\":2,\"shape\":[],\"chunks\":[],\"dtype\":\"<u2\",\"order\":\"C\","
                         "\"compressor\":null,\"filters\":null,\"fill_value\":9}");
    write_temporary("scalar2.zarr/0", seven, 2);
    check_ok(open_map(temporary_path("scalar2.zarr"), "", &o, &err), &err);
    check_ok(read_all(&o, &pixels, &size, &err), &err);
    assert_int_equal(pixels[0], 7);
    free(pixels);
    close_opened(&o);

    write_temporary_text("empty.zarr/zarr.json", V3("[0,5]", REGULAR("[2,2]"), "[" LITTLE "]"));
    check_ok(open_map(temporary_path("empty.zarr"), "", &o, &err), &err);
    assert_int_equal(o.map->shape[0], 0);
    close_opened(&o);
}

/* Members that a document of version 3 does not define must say that they may be ignored. */
static void test_extensions(void **state)
{
    (void)state;
#define WITH(member)                                                                                                   \
    "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[1,1],\"data_type\":{\"name\":\"uint16\"},\"chunk_"          \
    "grid\":" REGULAR("[1,1]") ",\"chunk_key_encoding\":{\"name\":\"v2\"},\"fill_value\":0,\"codecs\":[" LITTLE        \
                               "]," member "}"
    mt_error err = MT_ERROR_INIT;
    write_temporary_text("extension.zarr/zarr.json", WITH("\"other\":{\"must_understand\":false}"));
    check_ok(open_status("extension.zarr", "", &err), &err);
    write_temporary_text("extension.zarr/zarr.json", WITH("\"other\":{}"));
    check_refused("extension.zarr", "", MT_E_UNSUPPORTED, "'other'");
    write_temporary_text("extension.zarr/zarr.json", WITH("\"storage_transformers\":[]"));
    check_ok(open_status("extension.zarr", "", &err), &err);
    write_temporary_text("extension.zarr/zarr.json", WITH("\"storage_transformers\":[{\"name\":\"crypt\"}]"));
    check_refused("extension.zarr", "", MT_E_UNSUPPORTED, "'crypt'");

    write_temporary_text("draft.zarr/zarr.json", "{\"zarr_format\":\"https://purl.org/zarr/spec/protocol/core/3.0\"}");
    check_refused("draft.zarr", "", MT_E_UNSUPPORTED, "draft");
    write_temporary_text("around.zarr/zarr.json",
                         V3("[4,4]", REGULAR("[4,4]"),
                            "[" SHARDS("[2,2]", "[" LITTLE "]", "[" LITTLE "]", "end") ",{\"name\":\"crc32c\"}]"));
    check_refused("around.zarr", "", MT_E_UNSUPPORTED, "'crc32c' around shards");
}

/* zarr.json goes before .zarray, and consolidated metadata is not looked at. */
static void test_precedence(void **state)
{
    (void)state;
    opened o;
    mt_error err = MT_ERROR_INIT;
    write_temporary_text("both.zarr/zarr.json", V3("[3,5]", REGULAR("[3,5]"), "[" LITTLE "]"));
    write_temporary_text("both.zarr/.zarray",
                         "{\"zarr_format\":2,\"shape\":[1],\"chunks\":[1],\"dtype\":\"<u2\",\"order\":\"C\","
                         "\"compressor\":null,\"filters\":null,\"fill_value\":9}");
    write_temporary_text("both.zarr/.zmetadata", "{");
    check_ok(open_map(temporary_path("both.zarr"), "", &o, &err), &err);
    assert_int_equal(o.map->ndim, 2);
    close_opened(&o);
}

/* On the stores that the tests above have written. */
static void test_contract(void **state)
{
    (void)state;
    static const struct {
        const char *name, *axes;
    } stores[] = {
        { "start.zarr", "YX" }, { "big.zarr", "YX" },         { "transposed.zarr", "YX" },
        { "f.zarr", "XY" },     { "rectilinear.zarr", "YX" }, { "cycle.zarr", "ZYX" },
    };
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++) {
        const mt_open_options options = { .struct_size = sizeof options, .axes = stores[i].axes };
        check_contract(temporary_path(stores[i].name), &options);
    }
}

/* They are counted for reads of whole chunks, of parts, and of rows. */
static void chunks_that_are_not_there_are_counted(void **state)
{
    (void)state;
    static const char *const codecs[] = { "[" LITTLE
                                          ",{\"name\":\"blosc\",\"configuration\":{\"cname\":\"lz4\",\"clevel\":"
                                          "1,\"shuffle\":\"noshuffle\",\"blocksize\":0}}]",
                                          "[" LITTLE "]" };
    const mt_context_options options = { .struct_size = sizeof options, .cache_bytes = MT_NO_CACHE };
    for (int i = 0; i < 4; i++) {
        char document[1024];
        snprintf(document, sizeof document, V3("[64,64]", REGULAR("[64,64]"), "%s"), codecs[i / 2]);
        write_temporary_text("none/zarr.json", document);
        mt_context *context;
        mt_stack *stack;
        mt_counters counters;
        mt_error err = MT_ERROR_INIT;
        static const int64_t origin[2] = { 0 }, few[2] = { 2, 2 }, all[2] = { 64, 64 };
        float patch[64 * 64];
        check_ok(mt_context_new(&options, &context, &err), &err);
        check_ok(mt_stack_open(context, temporary_path("none"), NULL, &stack, &err), &err);
        check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, origin, i % 2 ? all : few, 2, patch, &err), &err);
        assert_true(patch[0] == 9 && patch[3] == 9);
        mt_context_get_counters(context, &counters);
        assert_int_equal(counters.chunks_missing, 1);
        mt_stack_close(stack);
        mt_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shards),
        cmocka_unit_test(test_nested_shards),
        cmocka_unit_test(test_transposed_shards),
        cmocka_unit_test(test_transpose_of_three),
        cmocka_unit_test(test_order_f),
        cmocka_unit_test(test_rectilinear_grid),
        cmocka_unit_test(test_fill_values),
        cmocka_unit_test(test_no_dimensions_and_empty),
        cmocka_unit_test(test_extensions),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_contract),
        cmocka_unit_test(chunks_that_are_not_there_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
