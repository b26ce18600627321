/* SPDX-License-Identifier: BSD-3-Clause */
/* Metadata that is wrong in one place, and what is said of it; and arrays behind each codec that a document can name. */
#include "zarr_support.h"

typedef struct change {
    const char *member, *value; /* JSON; NULL: the member is left out */
    mt_status status;
    const char *message; /* a part of it */
} change;

static void write_changed(const char *key, const char *document, const change *c)
{
    json_error_t where;
    json_t *json = json_loads(document, 0, &where);
    assert_non_null(json);
    if (c->value) {
        json_t *value = json_loads(c->value, JSON_DECODE_ANY, &where);
        if (!value)
            fail_msg("%s: %s", c->value, where.text);
        json_object_set_new(json, c->member, value);
    } else {
        json_object_del(json, c->member);
    }
    char *text = json_dumps(json, JSON_ENCODE_ANY);
    write_temporary_text(key, text);
    free(text);
    json_decref(json);
}

static void check_changes(const char *folder, const char *name, const char *document, const change *changes, size_t n)
{
    char key[64];
    snprintf(key, sizeof key, "%s/%s", folder, name);
    for (size_t i = 0; i < n; i++) {
        opened o;
        mt_error err = MT_ERROR_INIT;
        write_changed(key, document, &changes[i]);
        mt_status st = open_map(temporary_path(folder), "", &o, &err);
        if (st != changes[i].status || (st && !strstr(err.message, changes[i].message)))
            fail_msg("%s %s: %s: %s", changes[i].member, changes[i].value ? changes[i].value : "left out",
                     mt_status_name(st), err.message);
        if (!st)
            close_opened(&o);
    }
}

#define BYTES "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define NAMED(name) "{\"name\":\"" name "\"}"
#define WITH(name, configuration) "{\"name\":\"" name "\",\"configuration\":{" configuration "}}"
#define SHARDS(members) "[{\"name\":\"sharding_indexed\",\"configuration\":{\"codecs\":[" BYTES "]," members "}}]"
#define INNER "\"chunk_shape\":[1,1]"
#define INDEX "\"index_codecs\":[" BYTES "]"

static const char v3[] =
    "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[2,2],\"data_type\":\"uint16\","
    "\"chunk_grid\":" WITH("regular", "\"chunk_shape\":[2,2]") ",\"chunk_key_encoding\":{\"name\":"
                                                               "\"default\"},\"fill_value\":9,\"codecs\":[" BYTES "]}";

static void members_of_version_3(void **state)
{
    (void)state;
#define GRID(shapes) WITH("rectilinear", "\"kind\":\"inline\",\"chunk_shapes\":" shapes)
    static const change changes[] = {
        { "zarr_format", "2", MT_E_CORRUPT, "zarr_format" },
        { "zarr_format", "\"3\"", MT_E_CORRUPT, "zarr_format" },
        { "zarr_format", NULL, MT_E_CORRUPT, "zarr_format" },
        { "node_type", "\"table\"", MT_E_CORRUPT, "node_type" },
        { "node_type", NULL, MT_E_CORRUPT, "node_type" },
        { "attributes", "[]", MT_E_CORRUPT, "attributes" },
        { "shape", NULL, MT_E_CORRUPT, "shape" },
        { "shape", "2", MT_E_CORRUPT, "shape" },
        { "shape", "[2,2,2]", MT_E_CORRUPT, "2 entries" },
        { "shape", "[2,-1]", MT_E_CORRUPT, "entry 1 of shape" },
        { "shape", "[2.5,1]", MT_E_CORRUPT, "entry 0 of shape" },
        { "shape", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", MT_E_LIMIT, "33 dimensions" },
        { "data_type", NULL, MT_E_CORRUPT, "data_type" },
        { "data_type", "7", MT_E_CORRUPT, "data_type" },
        { "data_type", "\"complex64\"", MT_E_UNSUPPORTED, "'complex64'" },
        { "chunk_grid", NULL, MT_E_CORRUPT, "chunk_grid" },
        { "chunk_grid", NAMED("hexagonal"), MT_E_UNSUPPORTED, "'hexagonal'" },
        { "chunk_grid", WITH("regular", "\"chunk_shape\":[2,0]"), MT_E_CORRUPT, "entry 1 of chunk_shape" },
        { "chunk_grid", WITH("rectilinear", "\"kind\":\"outline\""), MT_E_UNSUPPORTED, "rectilinear" },
        { "chunk_grid", GRID("[2]"), MT_E_CORRUPT, "2 dimensions" },
        { "chunk_grid", GRID("[2,0]"), MT_E_CORRUPT, "entry 1 of chunk_shapes" },
        { "chunk_grid", GRID("[2,[\"1\"]]"), MT_E_CORRUPT, "chunk_shapes" },
        { "chunk_grid", GRID("[2,[[1]]]"), MT_E_CORRUPT, "chunk_shapes" },
        { "chunk_grid", GRID("[2,[[1,0]]]"), MT_E_CORRUPT, "chunk_shapes" },
        { "chunk_grid", GRID("[2,[0]]"), MT_E_CORRUPT, "chunk_shapes" },
        { "chunk_grid", GRID("[2,[[1,2]]]"), MT_OK, NULL },
        { "chunk_grid", GRID("[2,[1,9223372036854775807]]"), MT_E_CORRUPT, "larger than any array" },
        { "chunk_key_encoding", NULL, MT_E_CORRUPT, "chunk_key_encoding" },
        { "chunk_key_encoding", NAMED("hilbert"), MT_E_UNSUPPORTED, "'hilbert'" },
        { "chunk_key_encoding", WITH("v2", "\"separator\":\"-\""), MT_E_CORRUPT, "separator" },
        { "chunk_key_encoding", WITH("v2", "\"separator\":1"), MT_E_CORRUPT, "separator" },
        { "fill_value", NULL, MT_E_CORRUPT, "fill_value" },
        { "storage_transformers", "[{}]", MT_E_UNSUPPORTED, "storage transformers" },
        { "codecs", NULL, MT_E_CORRUPT, "codecs" },
        { "codecs", "[]", MT_E_CORRUPT, "bytes" },
        { "codecs", "[{}]", MT_E_CORRUPT, "codec 0" },
        { "codecs", "[" NAMED("bytes") "]", MT_E_CORRUPT, "endian" },
        { "codecs", "[" WITH("bytes", "\"endian\":\"middle\"") "]", MT_E_CORRUPT, "endian" },
        { "codecs", "[" WITH("bytes", "\"endian\":1") "]", MT_E_CORRUPT, "endian" },
        { "codecs", "[" NAMED("zlib") "," BYTES "]", MT_E_CORRUPT, "'zlib'" },
        { "codecs", "[" NAMED("nope") "," BYTES "]", MT_E_UNSUPPORTED, "'nope'" },
        { "codecs", "[" BYTES "," NAMED("nope") "]", MT_E_UNSUPPORTED, "'nope'" },
        { "codecs", "[" BYTES "," NAMED("delta") "]", MT_E_CORRUPT, "'delta'" },
        { "codecs", "[" BYTES "," BYTES "]", MT_E_CORRUPT, "'bytes'" },
        { "codecs", "[" BYTES "," NAMED("transpose") "]", MT_E_CORRUPT, "'transpose'" },
        { "codecs", "[" NAMED("packbits") "," BYTES "]", MT_E_UNSUPPORTED, "'numcodecs.packbits'" },
        { "codecs", "[" NAMED("numcodecs.packbits") "," BYTES "]", MT_E_UNSUPPORTED, "packbits of uint16" },
        { "codecs", "[" WITH("transpose", "\"order\":[0]") "," BYTES "]", MT_E_CORRUPT, "1 entries" },
        { "codecs", "[" WITH("transpose", "\"order\":[0,2]") "," BYTES "]", MT_E_CORRUPT, "permutation" },
        { "codecs", "[" WITH("transpose", "\"order\":[1,1]") "," BYTES "]", MT_E_CORRUPT, "permutation" },
        { "codecs", "[" WITH("transpose", "\"order\":\"F\"") "," BYTES "]", MT_OK, NULL },
        { "codecs", "[" WITH("numcodecs.delta", "\"dtype\":\"<f2\"") "," BYTES "]", MT_E_UNSUPPORTED, "float16" },
        { "codecs", "[" WITH("numcodecs.delta", "\"dtype\":\"<u4\"") "," BYTES "]", MT_E_CORRUPT, "uint32" },
        { "codecs", "[" WITH("numcodecs.delta", "\"dtype\":\"<c8\"") "," BYTES "]", MT_E_UNSUPPORTED, "'<c8'" },
        { "codecs", "[" WITH("numcodecs.delta", "\"dtype\":\"<u2\",\"astype\":7") "," BYTES "]", MT_E_CORRUPT,
          "dtype" },
        { "codecs", "[" WITH("numcodecs.astype", "\"decode_dtype\":\"f8\"") "," BYTES "]", MT_E_UNSUPPORTED, "'f8'" },
        { "codecs", "[" NAMED("numcodecs.fixedscaleoffset") "," BYTES "]", MT_E_CORRUPT, "scale" },
        { "codecs", "[" WITH("numcodecs.fixedscaleoffset", "\"scale\":1,\"dtype\":\"<u8\"") "," BYTES "]", MT_E_CORRUPT,
          "uint64" },
        { "codecs", "[" BYTES "," WITH("numcodecs.shuffle", "\"elementsize\":0") "]", MT_E_CORRUPT, "elementsize" },
        { "codecs", "[" BYTES "," WITH("numcodecs.shuffle", "\"elementsize\":257") "]", MT_E_CORRUPT, "elementsize" },
        { "codecs", "[" BYTES "," WITH("numcodecs.shuffle", "\"elementsize\":256") "]", MT_OK, NULL },
        { "codecs", "[" BYTES "," WITH("numcodecs.crc32", "\"location\":\"middle\"") "]", MT_E_CORRUPT, "location" },
        { "codecs", "[" BYTES "," WITH("numcodecs.crc32", "\"location\":1") "]", MT_E_CORRUPT, "location" },
        { "codecs", "[" BYTES "," WITH("numcodecs.lzma", "\"format\":4") "]", MT_E_CORRUPT, "lzma" },
        { "codecs", "[" BYTES "," WITH("numcodecs.lzma", "\"format\":3") "]", MT_E_CORRUPT, "lzma" },
        { "codecs", "[" BYTES "," WITH("numcodecs.lzma", "\"filters\":[{},{},{},{},{}]") "]", MT_E_CORRUPT, "lzma" },
        { "codecs", SHARDS(INDEX), MT_E_CORRUPT, "chunk_shape" },
        { "codecs", SHARDS("\"chunk_shape\":[1]," INDEX), MT_E_CORRUPT, "1 entries" },
        { "codecs", SHARDS("\"chunk_shape\":[1,3]," INDEX), MT_E_CORRUPT, "dimension 1" },
        { "codecs", SHARDS(INNER), MT_E_CORRUPT, "index_codecs" },
        { "codecs", SHARDS(INNER ",\"index_codecs\":[{}]"), MT_E_CORRUPT, "index codec 0" },
        { "codecs", SHARDS(INNER ",\"index_codecs\":[" NAMED("crc32c") "]"), MT_E_UNSUPPORTED, "'crc32c'" },
        { "codecs", SHARDS(INNER ",\"index_codecs\":[" BYTES "," BYTES "]"), MT_E_UNSUPPORTED, "'bytes'" },
        { "codecs", SHARDS(INNER ",\"index_codecs\":[" NAMED("bytes") "]"), MT_E_CORRUPT, "endian" },
        { "codecs", SHARDS(INNER ",\"index_codecs\":[" BYTES "," NAMED("nope") "]"), MT_E_UNSUPPORTED, "'nope'" },
        { "codecs", SHARDS(INNER ",\"index_codecs\":[" BYTES "," NAMED("numcodecs.zlib") "]"), MT_E_UNSUPPORTED,
          "indices" },
        { "codecs", SHARDS(INNER "," INDEX ",\"index_location\":\"middle\""), MT_E_CORRUPT, "index_location" },
        { "codecs", SHARDS(INNER "," INDEX ",\"index_location\":0"), MT_E_CORRUPT, "index_location" },
        { "codecs", SHARDS(INNER "," INDEX), MT_OK, NULL },
        { "codecs", "[" NAMED("numcodecs.delta") "," WITH("sharding_indexed", INNER "," INDEX) "]", MT_E_UNSUPPORTED,
          "sharding_indexed" },
    };
    check_changes("v3", "zarr.json", v3, changes, sizeof changes / sizeof *changes);

    static const change grids[] = { { "codecs", SHARDS(INNER "," INDEX), MT_E_UNSUPPORTED, "rectilinear" } };
    char document[1024], *at;
    memcpy(document, v3, sizeof v3);
    at = strstr(document, WITH("regular", "\"chunk_shape\":[2,2]"));
    size_t length = strlen(WITH("regular", "\"chunk_shape\":[2,2]")), rest = strlen(at + length) + 1;
    memmove(at + strlen(GRID("[2,[1,1]]")), at + length, rest);
    memcpy(at, GRID("[2,[1,1]]"), strlen(GRID("[2,[1,1]]")));
    check_changes("grid", "zarr.json", document, grids, 1);
}

/* An index that is too large, and shards in shards without end. */
static void shards_that_are_too_much(void **state)
{
    (void)state;
    static const char huge[] =
        "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[2,2],\"data_type\":\"uint16\","
        "\"chunk_grid\":" WITH(
            "regular", "\"chunk_shape\":[4294967296,4294967296]") ",\"chunk_key_encoding\":{\"name\":\"default\"},"
                                                                  "\"fill_value\":9,\"codecs\":[" BYTES "]}";
    static const change changes[] = { { "codecs", SHARDS(INNER "," INDEX), MT_E_LIMIT, "max_metadata_bytes" } };
    check_changes("huge", "zarr.json", huge, changes, 1);

    char *codecs = strdup(BYTES), *wrapped;
    for (int i = 0; i < 20; i++) {
        assert_true(asprintf(&wrapped, WITH("sharding_indexed", "\"chunk_shape\":[2,2]," INDEX ",\"codecs\":[%s]"),
                             codecs) > 0);
        free(codecs);
        codecs = wrapped;
    }
    assert_true(asprintf(&wrapped, "[%s]", codecs) > 0);
    free(codecs);
    const change deep[] = { { "codecs", wrapped, MT_E_UNSUPPORTED, "levels of shards" } };
    check_changes("deep", "zarr.json", v3, deep, 1);
    free(wrapped);
}

static const char v2[] = "{\"zarr_format\":2,\"shape\":[2,2],\"chunks\":[2,2],\"dtype\":\"<u2\",\"order\":\"C\","
                         "\"compressor\":null,\"filters\":null,\"fill_value\":9}";

static void members_of_version_2(void **state)
{
    (void)state;
    static const change changes[] = {
        { "zarr_format", "3", MT_E_CORRUPT, "zarr_format" },
        { "zarr_format", "2.0", MT_E_CORRUPT, "zarr_format" },
        { "shape", NULL, MT_E_CORRUPT, "shape" },
        { "chunks", NULL, MT_E_CORRUPT, "chunks" },
        { "chunks", "[2]", MT_E_CORRUPT, "1 entries" },
        { "chunks", "[2,0]", MT_E_CORRUPT, "entry 1 of chunks" },
        { "dtype", NULL, MT_E_CORRUPT, "dtype" },
        { "dtype", "[[\"a\",\"<u2\"]]", MT_E_UNSUPPORTED, "structured" },
        { "dtype", "\"\"", MT_E_UNSUPPORTED, "''" },
        { "dtype", "\"u2\"", MT_E_UNSUPPORTED, "'u2'" },
        { "dtype", "\"<u3\"", MT_E_UNSUPPORTED, "'<u3'" },
        { "dtype", "\"<u16\"", MT_E_UNSUPPORTED, "'<u16'" },
        { "dtype", "\"<\"", MT_E_UNSUPPORTED, "'<'" },
        { "dtype", "\"<b2\"", MT_E_UNSUPPORTED, "'<b2'" },
        { "dtype", "\"<i3\"", MT_E_UNSUPPORTED, "'<i3'" },
        { "dtype", "\"<f1\"", MT_E_UNSUPPORTED, "'<f1'" },
        { "dtype", "\"<q4\"", MT_E_UNSUPPORTED, "'<q4'" },
        { "dtype", "\"|u2\"", MT_E_CORRUPT, "byte order" },
        { "dtype", "\"<c8\"", MT_E_UNSUPPORTED, "complex numbers" },
        { "dtype", "\"|S4\"", MT_E_UNSUPPORTED, "byte strings" },
        { "dtype", "\"|a4\"", MT_E_UNSUPPORTED, "byte strings" },
        { "dtype", "\"<U4\"", MT_E_UNSUPPORTED, "(strings)" },
        { "dtype", "\"|V4\"", MT_E_UNSUPPORTED, "raw bytes" },
        { "dtype", "\"<M8[ns]\"", MT_E_UNSUPPORTED, "datetime64" },
        { "dtype", "\"<m8[ns]\"", MT_E_UNSUPPORTED, "timedelta64" },
        { "dtype", "\"|O\"", MT_E_UNSUPPORTED, "Python objects" },
        { "order", NULL, MT_E_CORRUPT, "order" },
        { "order", "\"K\"", MT_E_CORRUPT, "order" },
        { "fill_value", NULL, MT_E_CORRUPT, "fill_value" },
        { "fill_value", "null", MT_OK, NULL },
        { "fill_value", "\"9\"", MT_OK, NULL },
        { "fill_value", "\"9x\"", MT_E_CORRUPT, "fill_value" },
        { "fill_value", "1e300", MT_E_CORRUPT, "fill_value" },
        { "dimension_separator", "\"-\"", MT_E_CORRUPT, "dimension_separator" },
        { "dimension_separator", "7", MT_E_CORRUPT, "dimension_separator" },
        { "filters", "{}", MT_E_CORRUPT, "filters" },
        { "filters", "[]", MT_OK, NULL },
        { "filters", "[{}]", MT_E_CORRUPT, "a filter" },
        { "filters", "[{\"id\":\"vlen-utf8\"}]", MT_E_UNSUPPORTED, "'vlen-utf8'" },
        { "filters", "[{\"id\":\"packbits\"}]", MT_E_UNSUPPORTED, "packbits of uint16" },
        { "compressor", "{}", MT_E_CORRUPT, "compressor" },
        { "compressor", "{\"id\":\"pcodec\"}", MT_E_UNSUPPORTED, "'pcodec'" },
        { "compressor", "{\"id\":\"lzma\",\"format\":4}", MT_E_CORRUPT, "lzma" },
    };
    check_changes("v2", ".zarray", v2, changes, sizeof changes / sizeof *changes);
}

static const change no_change = { "not a member", NULL, MT_OK, NULL };

/* One chunk of 2 x 2 elements. */
static void check_pixels(const char *folder, const char *name, const char *key, const char *document,
                         const void *encoded, size_t size, const void *expected, size_t expected_size)
{
    char path[64];
    uint8_t *pixels;
    size_t n;
    opened o;
    mt_error err = MT_ERROR_INIT;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    write_changed(path, document, &no_change);
    snprintf(path, sizeof path, "%s/%s", folder, key);
    write_temporary(path, encoded, size);
    check_ok(open_map(temporary_path(folder), "", &o, &err), &err);
    mt_status st = read_all(&o, &pixels, &n, &err);
    if (st)
        fail_msg("%s: %s", document, err.message);
    if (n != expected_size || memcmp(pixels, expected, n) != 0)
        fail_msg("%s: other pixels", document);
    free(pixels);
    close_opened(&o);
}

#define V2(dtype, filters, compressor)                                                                                 \
    "{\"zarr_format\":2,\"shape\":[2,2],\"chunks\":[2,2],\"dtype\":\"" dtype                                           \
    "\",\"order\":\"C\",\"compressor\":" compressor ",\"filters\":" filters ",\"fill_value\":0}"
#define V3(dtype, codecs)                                                                                              \
    "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[2,2],\"data_type\":\"" dtype "\",\"chunk_grid\":" WITH(     \
        "regular", "\"chunk_shape\":[2,2]") ",\"chunk_key_encoding\":{\"name\":\"default\"},\"fill_value\":0,"         \
                                            "\"codecs\":[" codecs "]}"
#define CHUNK(text) text, sizeof(text) - 1

static void pixels_behind_codecs(void **state)
{
    (void)state;
    if (mt_host_big_endian())
        skip();
    static const uint16_t integers[4] = { 10, 9, 14, 300 };
    static const double reals[4] = { 999.5, 1000, 1012.7, 1001 };
    static const uint8_t bools[4] = { 1, 0, 1, 1 };
    static const struct {
        const char *document, *encoded;
        size_t size;
        const void *expected;
        size_t expected_size;
    } version2[] = {
        { V2("<u2", "[{\"id\":\"delta\",\"dtype\":\"<u2\"}]", "null"), CHUNK("\x0a\0\xff\xff\x05\0\x1e\x01"), integers,
          8 },
        { V2(">u2", "[{\"id\":\"delta\",\"dtype\":\">u2\"}]", "null"), CHUNK("\0\x0a\xff\xff\0\x05\x01\x1e"), integers,
          8 },
        { V2("<u2", "[{\"id\":\"delta\",\"dtype\":\"<u2\",\"astype\":\">i4\"}]", "null"),
          CHUNK("\0\0\0\x0a\xff\xff\xff\xff\0\0\0\x05\0\0\x01\x1e"), integers, 8 },
        { V2("<u2", "[{\"id\":\"delta\",\"dtype\":\"uint16\",\"astype\":null}]", "null"),
          CHUNK("\x0a\0\xff\xff\x05\0\x1e\x01"), integers, 8 },
        { V2("<f8", "[{\"id\":\"fixedscaleoffset\",\"dtype\":\"<f8\",\"astype\":\"|i1\",\"scale\":10,\"offset\":1000}]",
             "null"),
          CHUNK("\xfb\0\x7f\x0a"), reals, 32 },
        { V2("<u2", "[{\"id\":\"astype\",\"encode_dtype\":\"<i4\",\"decode_dtype\":\"<u2\"}]", "null"),
          CHUNK("\x0a\0\0\0\x09\0\0\0\x0e\0\0\0\x2c\x01\0\0"), integers, 8 },
        { V2("<u2", "[{\"id\":\"quantize\",\"digits\":1,\"dtype\":\"<u2\",\"astype\":\"<u2\"}]", "null"),
          CHUNK("\x0a\0\x09\0\x0e\0\x2c\x01"), integers, 8 },
        { V2("<u2", "[{\"id\":\"bitround\",\"keepbits\":4}]", "null"), CHUNK("\x0a\0\x09\0\x0e\0\x2c\x01"), integers,
          8 },
        { V2("|b1", "[{\"id\":\"packbits\"}]", "null"), CHUNK("\x04\xb0"), bools, 4 },
        { V2("<u2", "[{\"id\":\"shuffle\",\"elementsize\":2}]", "null"), CHUNK("\x0a\x09\x0e\x2c\0\0\0\x01"), integers,
          8 },
        { V2("<f8", "[{\"id\":\"fixedscaleoffset\",\"dtype\":\"<f8\",\"astype\":\"<i4\",\"scale\":10,\"offset\":1000}]",
             "{\"id\":\"shuffle\"}"),
          CHUNK("\xfb\0\x7f\x0a\xff\0\0\0\xff\0\0\0\xff\0\0\0"), reals, 32 },
    };
    for (size_t i = 0; i < sizeof version2 / sizeof *version2; i++)
        check_pixels("p2", ".zarray", "0.0", version2[i].document, version2[i].encoded, version2[i].size,
                     version2[i].expected, version2[i].expected_size);

    check_pixels("p3", "zarr.json", "c/0/0",
                 V3("uint16", WITH("numcodecs.delta", "\"dtype\":\"<u2\"") "," WITH("bytes", "\"endian\":\"big\"")),
                 "\0\x0a\xff\xff\0\x05\x01\x1e", 8, integers, 8);
    check_pixels("p3", "zarr.json", "c/0/0", V3("uint16", WITH("numcodecs.delta", "\"dtype\":\">u2\"") "," BYTES),
                 "\x0a\0\xff\xff\x05\0\x1e\x01", 8, integers, 8);
    check_pixels("p3", "zarr.json", "c/0/0", V3("bool", NAMED("numcodecs.packbits") "," NAMED("bytes")), "\x04\xb0", 2,
                 bools, 4);
}

/* Where numcodecs puts the checksum unless told otherwise, and where it is told. */
static void places_of_checksums(void **state)
{
    (void)state;
    static const uint8_t bools[4] = { 1, 0, 1, 1 };
    static const struct {
        const char *codec, *extra;
        bool at_start;
    } cases[] = {
        { "crc32", "", true },   { "crc32", ",\"location\":\"end\"", false },
        { "crc32c", "", false }, { "crc32c", ",\"location\":\"start\"", true },
        { "adler32", "", true }, { "adler32", ",\"location\":\"start\"", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* Of the bytes 1, 0, 1, 1. */
        const uint32_t sum = strcmp(cases[i].codec, "adler32") == 0  ? 0x000b0004
                             : strcmp(cases[i].codec, "crc32c") == 0 ? mt_crc32c(bools, 4)
                                                                     : 0;
        uint8_t encoded[8];
        char document[400];
        uint32_t crc = 0xffffffff;
        for (int k = 0; k < 4; k++) {
            crc ^= bools[k];
            for (int bit = 0; bit < 8; bit++)
                crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
        }
        const uint32_t stored = strcmp(cases[i].codec, "crc32") == 0 ? ~crc : sum;
        memcpy(encoded + (cases[i].at_start ? 4 : 0), bools, 4);
        for (int k = 0; k < 4; k++)
            encoded[k + (cases[i].at_start ? 0 : 4)] = (uint8_t)(stored >> 8 * k);
        snprintf(document, sizeof document, V2("|b1", "null", "{\"id\":\"%s\"%s}"), cases[i].codec, cases[i].extra);
        check_pixels("sum", ".zarray", "0.0", document, encoded, 8, bools, 4);
    }
}

/* What Python's lzma module makes of the bytes 1, 0, 1, 1, raw: by LZMA1 with lc 1, lp 1 and pb 0 behind a delta. */
static void raw_lzma(void **state)
{
    (void)state;
    if (!mt_codec_find("lzma")->decode)
        skip();
    static const uint8_t bools[4] = { 1, 0, 1, 1 };
    static const uint8_t encoded[] = { 0x00, 0x00, 0x80, 0x30, 0x85, 0x43, 0x25,
                                       0xbf, 0xff, 0xff, 0x84, 0x24, 0x00, 0x00 };
    check_pixels("lzma", ".zarray", "0.0",
                 V2("|b1", "null",
                    "{\"id\":\"lzma\",\"format\":3,\"filters\":[{\"id\":3,\"dist\":2},{\"id\":4611686018427387905,"
                    "\"dict_size\":4096,\"lc\":1,\"lp\":1,\"pb\":0}]}"),
                 encoded, sizeof encoded, bools, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_version_3), cmocka_unit_test(shards_that_are_too_much),
        cmocka_unit_test(members_of_version_2), cmocka_unit_test(pixels_behind_codecs),
        cmocka_unit_test(places_of_checksums),  cmocka_unit_test(raw_lzma),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
