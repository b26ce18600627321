/* SPDX-License-Identifier: BSD-3-Clause */
/* Groups whose metadata is wrong in one place, and coordinates of every type. */
#include "zarr_support.h"

#define ARRAY2(shape, dtype)                                                                                           \
    "{\"zarr_format\":2,\"shape\":" shape ",\"chunks\":" shape ",\"dtype\":\"" dtype "\",\"order\":\"C\","             \
    "\"compressor\":null,\"filters\":null,\"fill_value\":0}"

static mt_status open_at(const char *folder, const char *part, opened *o, mt_error *err)
{
    *err = (mt_error)MT_ERROR_INIT;
    return open_map(temporary_path(folder), part, o, err);
}

/* Four values that are 3 apart, in either byte order, as text of bytes. */
static void coordinates_of_every_type(void **state)
{
    (void)state;
    static const struct {
        const char *dtype, *bytes;
        size_t size;
        double step; /* 0: no pixel size */
    } cases[] = {
#define VALUES(text) text, sizeof(text) - 1
        { "|u1", VALUES("\1\4\7\x0a"), 3 },
        { "|i1", VALUES("\xfa\xfd\0\3"), 3 },
        { "<u2", VALUES("\1\0\4\0\7\0\x0a\0"), 3 },
        { ">i2", VALUES("\xff\xfa\xff\xfd\0\0\0\3"), 3 },
        { "<u4", VALUES("\1\0\0\0\4\0\0\0\7\0\0\0\x0a\0\0\0"), 3 },
        { ">i4", VALUES("\xff\xff\xff\xfa\xff\xff\xff\xfd\0\0\0\0\0\0\0\3"), 3 },
        { "<u8", VALUES("\1\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\x0a\0\0\0\0\0\0\0"), 3 },
        { ">i8",
          VALUES("\xff\xff\xff\xff\xff\xff\xff\xfa\xff\xff\xff\xff\xff\xff\xff\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\3"),
          3 },
        { ">f4", VALUES("\0\0\0\0\x40\x40\0\0\x40\xc0\0\0\x41\x10\0\0"), 3 },
        { ">f8", VALUES("\0\0\0\0\0\0\0\0\x40\x08\0\0\0\0\0\0\x40\x18\0\0\0\0\0\0\x40\x22\0\0\0\0\0\0"), 3 },
        { "|u1", VALUES("\1\4\7\x0b"), 0 },
        { "|u1", VALUES("\1\1\1\1"), 0 },
        { "<f2", VALUES("\0\0\0\0\0\0\0\0"), 0 },
        { "|u1", VALUES("\1\4\7"), 0 },
    };
    write_temporary_text("x/a/.zarray", ARRAY2("[4,4]", "<u2"));
    write_temporary_text("x/a/.zattrs", "{\"_ARRAY_DIMENSIONS\":[\"y\",\"x\"]}");
    write_temporary_text("x/x/.zattrs", "{\"_ARRAY_DIMENSIONS\":[\"x\"],\"units\":\"um\"}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char document[400];
        opened o;
        mt_error err = MT_ERROR_INIT;
        snprintf(document, sizeof document, ARRAY2("[4]", "%s"), cases[i].dtype);
        write_temporary_text("x/x/.zarray", document);
        write_temporary("x/x/0", cases[i].bytes, cases[i].size);
        check_ok(open_at("x", "a", &o, &err), &err);
        if (o.map->pixel_size[1] != cases[i].step)
            fail_msg("case %d, %s: a pixel size of %g", (int)i, cases[i].dtype, o.map->pixel_size[1]);
        assert_true(o.map->pixel_size[0] == 0);
        close_opened(&o);
    }
    /* In a shard, from byte 2 on; and in one whose index gives it too many bytes. */
    write_temporary_text("s/zarr.json", "{\"zarr_format\":3,\"node_type\":\"group\"}");
    write_temporary_text(
        "s/a/zarr.json",
        "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[4,4],\"data_type\":\"uint8\",\"chunk_grid\":{"
        "\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[4,4]}},\"chunk_key_encoding\":{\"name\":"
        "\"default\"},\"fill_value\":0,\"codecs\":[{\"name\":\"bytes\"}],\"dimension_names\":[\"y\",\"x\"]}");
    write_temporary_text(
        "s/x/zarr.json",
        "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[4],\"data_type\":\"uint8\",\"chunk_grid\":{"
        "\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[4]}},\"chunk_key_encoding\":{\"name\":"
        "\"default\"},\"fill_value\":0,\"codecs\":[{\"name\":\"sharding_indexed\",\"configuration\":{"
        "\"chunk_shape\":[4],\"codecs\":[{\"name\":\"bytes\"}],\"index_codecs\":[{\"name\":\"bytes\","
        "\"configuration\":{\"endian\":\"little\"}}]}}],\"dimension_names\":[\"x\"]}");
    for (int size = 4; size <= 5; size++) {
        uint8_t shard[23] = { 0, 0, 2, 4, 6, 8, 0, 2, 0, 0, 0, 0, 0, 0, 0, (uint8_t)size };
        opened o;
        mt_error err = MT_ERROR_INIT;
        write_temporary("s/x/c/0", shard, sizeof shard);
        check_ok(open_at("s", "a", &o, &err), &err);
        assert_true(o.map->pixel_size[1] == (size == 4 ? 2 : 0));
        close_opened(&o);
    }
}

static void images_that_are_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *attributes, *part;
        mt_status status;
        const char *message;
    } cases[] = {
#define MULTISCALE(members) "{\"multiscales\":[{\"version\":\"0.4\"," members "}]}"
#define LEVEL "\"datasets\":[{\"path\":\"0\"}]"
        { MULTISCALE(LEVEL), "", MT_OK, NULL },
        { MULTISCALE("\"datasets\":[]"), "", MT_E_CORRUPT, "levels" },
        { MULTISCALE(LEVEL), "level=1", MT_E_NOT_FOUND, "there is no level=1;" },
        { MULTISCALE(LEVEL), "series=1", MT_E_NOT_FOUND, "series 1" },
        { MULTISCALE(LEVEL ",\"axes\":[\"y\"]"), "", MT_E_CORRUPT, "1 axes" },
        { MULTISCALE(LEVEL ",\"axes\":[{\"name\":\"y\"},{}]"), "", MT_E_CORRUPT, "axis" },
        { MULTISCALE("\"datasets\":[{\"path\":\"9\"}]"), "", MT_E_CORRUPT, "level 0" },
        { MULTISCALE("\"datasets\":[{\"path\":\"../0\"}]"), "", MT_E_CORRUPT, "'../0'" },
        { MULTISCALE("\"datasets\":[{}]"), "", MT_E_CORRUPT, "level 0" },
        { "{\"multiscales\":[{\"version\":\"0.9\"," LEVEL "}]}", "", MT_E_UNSUPPORTED, "'0.9'" },
        { "{\"well\":{\"images\":[{\"path\":\"0\"}]}}", "", MT_OK, NULL },
        { "{\"well\":{\"images\":[{}]}}", "", MT_E_CORRUPT, "image 0" },
        { "{\"well\":{\"images\":[{\"path\":\"9\"}]}}", "", MT_E_NOT_FOUND, "'9'" },
        { "{\"plate\":{\"wells\":[{}]}}", "", MT_E_CORRUPT, "well 0" },
        { "{\"plate\":{\"wells\":[{\"path\":\"A/1\"}]}}", "", MT_E_NOT_FOUND, "" },
        { "{\"bioformats2raw.layout\":3}", "", MT_OK, NULL },
        { "{\"bioformats2raw.layout\":3}", "series=1", MT_E_NOT_FOUND, "there is no series=1;" },
        { "[]", "", MT_E_CORRUPT, "attributes" },
    };
    write_temporary_text("g/.zgroup", "{\"zarr_format\":2}");
    write_temporary_text("g/0/.zarray", ARRAY2("[4,4]", "<u2"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        opened o;
        mt_error err;
        write_temporary_text("g/.zattrs", cases[i].attributes);
        mt_status st = open_at("g", cases[i].part, &o, &err);
        if (st != cases[i].status || (st && !strstr(err.message, cases[i].message)))
            fail_msg("%s: %s: %s", cases[i].attributes, mt_status_name(st), err.message);
        if (!st)
            close_opened(&o);
    }
    /* The list of series of bioformats2raw. */
    static const struct {
        const char *series;
        mt_status status;
        const char *message;
    } lists[] = { { "[\"0\"]", MT_OK, NULL },
                  { "[7]", MT_E_CORRUPT, "series 0" },
                  { "[\"../0\"]", MT_E_CORRUPT, "'../0'" } };
    write_temporary_text("g/.zattrs", "{\"bioformats2raw.layout\":3}");
    write_temporary_text("g/OME/.zgroup", "{\"zarr_format\":2}");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char document[64];
        opened o;
        mt_error err;
        snprintf(document, sizeof document, "{\"series\":%s}", lists[i].series);
        write_temporary_text("g/OME/.zattrs", document);
        mt_status st = open_at("g", "", &o, &err);
        if (st != lists[i].status || (st && !strstr(err.message, lists[i].message)))
            fail_msg("%s: %s: %s", document, mt_status_name(st), err.message);
        if (!st)
            close_opened(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(coordinates_of_every_type),
                                        cmocka_unit_test(images_that_are_wrong) };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
