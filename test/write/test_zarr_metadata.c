/* SPDX-License-Identifier: BSD-3-Clause */
/* The documents of an OME-Zarr image, as they stand in its folder: OME-Zarr 0.5 and 0.4, Zarr versions 3 and 2. */
#include "support/documents.h"
#include "support/folder.h"
#include "support/outputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZES(...) ((const int64_t[]) { __VA_ARGS__ })
#define NUMBERS(...) ((const double[]) { __VA_ARGS__ })
#define TEXTS(...) ((const char *const[]) { __VA_ARGS__ })

static void check(const mt_writer_options *given, const member *members, size_t n)
{
    const char *path = temporary_path("described.zarr");
    mt_writer_options options = *given;
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    options.struct_size = sizeof options;
    options.durability = MT_DURABLE_NEVER;
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    check_ok(mt_writer_finish(w, NULL, &err), &err);
    mt_writer_close(w);
    check_members(path, members, n);
    bool is_v2 = options.ome && strcmp(options.ome, "0.4") == 0; /* and nothing of the other version */
    assert_true(path_exists(path, "/.zgroup") == is_v2 && path_exists(path, "/.zattrs") == is_v2);
    assert_true(path_exists(path, "/0/.zarray") == is_v2 && path_exists(path, "/zarr.json") != is_v2);
    remove_tree(path);
}

#define ZARR "zarr.json"
#define OME "attributes/ome/"
#define SCALES OME "multiscales/0/"

/* --- Images. --- */

static void levels_have_their_scales(void **state)
{
    (void)state;
    mt_writer_options options = { .axes = "ZYX",
                                  .shape = SIZES(1, 5, 9),
                                  .chunk_shape = SIZES(1, 2, 2),
                                  .dtype = MT_UINT8,
                                  .pixel_size = NUMBERS(2, 0, 0.5),
                                  .unit = TEXTS("micrometer", "", "nanometer"),
                                  .n_levels = 3 };
    static const member means[] = {
        { ZARR, "zarr_format", "3" },
        { ZARR, "node_type", "'group'" },
        { ZARR, OME "version", "'0.5'" },
        { ZARR, SCALES "version", NULL },
        { ZARR, SCALES "type", "'mean'" },
        { ZARR, SCALES "axes",
          "[{'name': 'z', 'type': 'space', 'unit': 'micrometer'}, {'name': 'y', 'type': 'space'},"
          " {'name': 'x', 'type': 'space', 'unit': 'nanometer'}]" },
        { ZARR, SCALES "datasets/0",
          "{'path': '0', 'coordinateTransformations': [{'type': 'scale', 'scale': [2.0, 1.0, 0.5]}]}" },
        { ZARR, SCALES "datasets/1",
          "{'path': '1', 'coordinateTransformations': [{'type': 'scale', 'scale': [2.0, 2.0, 1.0]},"
          " {'type': 'translation', 'translation': [0.0, 0.5, 0.25]}]}" },
        { ZARR, SCALES "datasets/2",
          "{'path': '2', 'coordinateTransformations': [{'type': 'scale', 'scale': [2.0, 4.0, 2.0]},"
          " {'type': 'translation', 'translation': [0.0, 1.5, 0.75]}]}" },
        { ZARR, SCALES "datasets/3", NULL },
        { ZARR, SCALES "axes/3", NULL },
        { ZARR, OME "omero", NULL },
        { ZARR, OME "image-label", NULL },
        { "0/zarr.json", "shape", "[1, 5, 9]" },
        { "1/zarr.json", "shape", "[1, 3, 5]" },
        { "2/zarr.json", "shape", "[1, 2, 3]" },
    };
    check(&options, means, sizeof means / sizeof *means);
    static const member nearest[] = {
        { ZARR, SCALES "type", "'nearest'" },
        { ZARR, SCALES "datasets/1/coordinateTransformations", "[{'type': 'scale', 'scale': [2.0, 2.0, 1.0]}]" },
    };
    options.downsample = "nearest";
    check(&options, nearest, sizeof nearest / sizeof *nearest);
    static const member alone[] = { { ZARR, SCALES "type", NULL }, { ZARR, SCALES "datasets/1", NULL } };
    options.n_levels = 1;
    check(&options, alone, sizeof alone / sizeof *alone);
    static const member row[] = {
        /* of one pixel along Y, which is not halved */
        { ZARR, SCALES "datasets/1/coordinateTransformations/0/scale", "[1.0, 2.0]" },
        { ZARR, SCALES "datasets/1/coordinateTransformations/1/translation", "[0.0, 0.5]" },
    };
    options = (mt_writer_options) {
        .axes = "YX", .shape = SIZES(1, 4), .chunk_shape = SIZES(1, 2), .dtype = MT_UINT8, .n_levels = 2
    };
    check(&options, row, sizeof row / sizeof *row);
}

static void version_4_stands_elsewhere(void **state)
{
    (void)state;
    static const member members[] = {
        { ".zgroup", "", "{'zarr_format': 2}" },
        { ".zattrs", "version", NULL },
        { ".zattrs", "multiscales/0/version", "'0.4'" },
        { ".zattrs", "multiscales/0/type", "'mode'" },
        { ".zattrs", "image-label", "{'version': '0.4'}" },
        { ".zattrs", "multiscales/0/axes",
          "[{'name': 't', 'type': 'time', 'unit': 'second'}, {'name': 'c', 'type': 'channel'},"
          " {'name': 'y', 'type': 'space'}, {'name': 'x', 'type': 'space'}]" },
    };
    const mt_writer_options options = { .axes = "TCYX",
                                        .shape = SIZES(2, 1, 20, 20),
                                        .dtype = MT_UINT16,
                                        .chunk_shape = SIZES(1, 1, 16, 16),
                                        .unit = TEXTS("second", "meter", "", ""), /* channels have no unit */
                                        .is_labels = 1,
                                        .downsample = "mode",
                                        .ome = "0.4",
                                        .n_levels = 2 };
    check(&options, members, sizeof members / sizeof *members);
}

/* Windows of channels, as far as the type goes or, if they are wider, as wide as they are. */
static void channels_have_windows_and_colors(void **state)
{
    (void)state;
    static const struct {
        mt_dtype dtype;
        const char *window;
    } ranges[] = {
        { MT_BOOL, "{'min': 0.0, 'max': 1.0, 'start': 0.0, 'end': 1.0}" },
        { MT_UINT8, "{'min': 0.0, 'max': 255.0, 'start': 0.0, 'end': 255.0}" },
        { MT_INT8, "{'min': -128.0, 'max': 127.0, 'start': -128.0, 'end': 127.0}" },
        { MT_INT16, "{'min': -32768.0, 'max': 32767.0, 'start': -32768.0, 'end': 32767.0}" },
        { MT_UINT16, "{'min': 0.0, 'max': 65535.0, 'start': 0.0, 'end': 65535.0}" },
        { MT_UINT32, "{'min': 0.0, 'max': 4294967295.0, 'start': 0.0, 'end': 4294967295.0}" },
        { MT_INT32, "{'min': -2147483648.0, 'max': 2147483647.0, 'start': -2147483648.0, 'end': 2147483647.0}" },
        { MT_FLOAT16, "{'min': 0.0, 'max': 1.0, 'start': 0.0, 'end': 1.0}" },
        { MT_FLOAT64, "{'min': 0.0, 'max': 1.0, 'start': 0.0, 'end': 1.0}" },
    };
    const mt_channel channels[] = { { .name = "a" },
                                    { .name = "b", .has_color = 1, .rgb = { 0, 10, 255 } },
                                    { .name = "", .has_window = 1, .window = { 0.25, 0.5 } },
                                    { .name = "d", .has_window = 1, .window = { -5e9, 5e9 } } };
    mt_writer_options options = { .axes = "CYX", .shape = SIZES(4, 2, 2), .channels = channels };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const member members[] = {
            { ZARR, OME "omero/channels/0/window", ranges[i].window },
            { ZARR, OME "omero/channels/0/label", "'a'" },
            { ZARR, OME "omero/channels/0/color", "'FFFFFF'" },
            { ZARR, OME "omero/channels/1/window", ranges[i].window },
            { ZARR, OME "omero/channels/1/color", "'000AFF'" },
            { ZARR, OME "omero/channels/2/window/start", "0.25" },
            { ZARR, OME "omero/channels/2/window/end", "0.5" },
            { ZARR, OME "omero/channels/3/window",
              "{'min': -5000000000.0, 'max': 5000000000.0, 'start': -5000000000.0, 'end': 5000000000.0}" },
            { ZARR, OME "omero/channels/4", NULL },
        };
        options.dtype = ranges[i].dtype;
        check(&options, members, sizeof members / sizeof *members);
    }
}

/* --- Arrays. --- */

#define LITTLE "{'name': 'bytes', 'configuration': {'endian': 'little'}}"

static void arrays_name_their_codecs(void **state)
{
    (void)state;
    static const struct {
        mt_dtype dtype;
        const char *codec, *shuffle;
        int level;
        const char *v3, *v2; /* codecs, and the compressor */
    } cases[] = {
        { MT_UINT8, NULL, NULL, 0,
          "[{'name': 'bytes'}, {'name': 'blosc', 'configuration': {'cname': 'zstd', 'clevel': 5, 'shuffle': "
          "'noshuffle', 'typesize': 1, 'blocksize': 0}}]",
          "{'id': 'blosc', 'cname': 'zstd', 'clevel': 5, 'shuffle': 0, 'blocksize': 0}" },
        { MT_UINT16, NULL, NULL, 0,
          "[" LITTLE ", {'name': 'blosc', 'configuration': {'cname': 'zstd', 'clevel': 5, 'shuffle': 'shuffle',"
          " 'typesize': 2, 'blocksize': 0}}]",
          "{'id': 'blosc', 'cname': 'zstd', 'clevel': 5, 'shuffle': 1, 'blocksize': 0}" },
        { MT_FLOAT32, NULL, "bit", 1,
          "[" LITTLE ", {'name': 'blosc', 'configuration': {'cname': 'lz4', 'clevel': 1, 'shuffle': 'bitshuffle',"
          " 'typesize': 4, 'blocksize': 0}}]",
          "{'id': 'blosc', 'cname': 'lz4', 'clevel': 1, 'shuffle': 2, 'blocksize': 0}" },
        { MT_FLOAT64, "zstd", NULL, 0,
          "[" LITTLE ", {'name': 'zstd', 'configuration': {'level': 3, 'checksum': true}}]",
          "{'id': 'zstd', 'level': 3}" },
        { MT_INT64, "gzip", NULL, 0, "[" LITTLE ", {'name': 'gzip', 'configuration': {'level': 6}}]",
          "{'id': 'gzip', 'level': 6}" },
        { MT_INT8, "lz4", NULL, 0,
          "[{'name': 'bytes'}, {'name': 'numcodecs.lz4', 'configuration': {'acceleration': 1}}]",
          "{'id': 'lz4', 'acceleration': 1}" },
        { MT_BOOL, "none", NULL, 0, "[{'name': 'bytes'}]", "null" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_writer_options options = { .axes = "YX",
                                      .shape = SIZES(20, 30),
                                      .chunk_shape = SIZES(16, 8),
                                      .dtype = cases[i].dtype,
                                      .codec = cases[i].codec,
                                      .shuffle = cases[i].shuffle,
                                      .codec_level = cases[i].level };
        const member v3[] = {
            { "0/zarr.json", "codecs", cases[i].v3 },
            { "0/zarr.json", "chunk_grid", "{'name': 'regular', 'configuration': {'chunk_shape': [16, 8]}}" },
            { "0/zarr.json", "dimension_names", "['y', 'x']" },
        };
        check(&options, v3, sizeof v3 / sizeof *v3);
        const member v2[] = {
            { "0/.zarray", "compressor", cases[i].v2 },
            { "0/.zarray", "chunks", "[16, 8]" },
            { "0/.zarray", "shape", "[20, 30]" },
            { "0/.zarray", "dimension_separator", "'/'" },
        };
        options.ome = "0.4";
        check(&options, v2, sizeof v2 / sizeof *v2);
    }
}

/* Writes one chunk of 16-bit pixels; the caller frees its object. */
static uint8_t *encode(const char *codec, const char *shuffle, size_t *size)
{
    static const uint16_t pixels[16 * 16] = { 1, 2, 3 };
    const char *path = temporary_path("frame.zarr");
    char name[1200];
    const mt_writer_options options = { .struct_size = sizeof options,
                                        .axes = "YX",
                                        .shape = SIZES(16, 16),
                                        .dtype = MT_UINT16,
                                        .codec = codec,
                                        .shuffle = shuffle,
                                        .durability = MT_DURABLE_NEVER };
    const mt_writer_box box = { .start = SIZES(0, 0), .extent = SIZES(16, 16), .data = pixels };
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_writer_create(NULL, path, &options, &w, &err), &err);
    check_ok(mt_writer_put(w, &box, &err), &err);
    check_ok(mt_writer_finish(w, &if_complete, &err), &err);
    mt_writer_close(w);
    snprintf(name, sizeof name, "%s/0/c/0/0", path);
    uint8_t *frame = read_file(name, size);
    remove_tree(path);
    return frame;
}

/* Chunks are what the metadata says: a frame of Zstandard has a checksum (RFC 8878, section 3.1.1.1.1), and the third
 * and fourth byte of one of Blosc are flags, of which 1 is a shuffle of bytes and 4 one of bits, and the size of pixels. */
static void frames_are_what_the_metadata_says(void **state)
{
    (void)state;
    static const struct {
        const char *shuffle;
        uint8_t flags;
    } cases[] = { { "none", 0 }, { "byte", 1 }, { NULL, 1 }, { "bit", 4 } };
    size_t size;
    uint8_t *frame = encode("zstd", NULL, &size);
    assert_memory_equal(frame, "\x28\xb5\x2f\xfd", 4);
    assert_true(frame[4] & 4);
    free(frame);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        frame = encode("blosc-lz4", cases[i].shuffle, &size);
        assert_true(size > 16 && size < 512);
        assert_int_equal(frame[2] & 5, cases[i].flags);
        assert_int_equal(frame[3], 2);
        free(frame);
    }
    frame = encode("none", NULL, &size);
    assert_int_equal(size, 512);
    assert_memory_equal(frame, "\1\0\2\0\3\0\0", 7);
    free(frame);
}

static void arrays_name_their_types(void **state)
{
    (void)state;
    static const struct {
        mt_dtype dtype;
        const char *v3, *v2, *fill;
    } cases[] = {
        { MT_BOOL, "'bool'", "'|b1'", "false" },     { MT_UINT8, "'uint8'", "'|u1'", "0" },
        { MT_INT8, "'int8'", "'|i1'", "0" },         { MT_UINT16, "'uint16'", "'<u2'", "0" },
        { MT_INT16, "'int16'", "'<i2'", "0" },       { MT_UINT32, "'uint32'", "'<u4'", "0" },
        { MT_INT32, "'int32'", "'<i4'", "0" },       { MT_UINT64, "'uint64'", "'<u8'", "0" },
        { MT_INT64, "'int64'", "'<i8'", "0" },       { MT_FLOAT16, "'float16'", "'<f2'", "0.0" },
        { MT_FLOAT32, "'float32'", "'<f4'", "0.0" }, { MT_FLOAT64, "'float64'", "'<f8'", "0.0" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_writer_options options = { .axes = "YX", .shape = SIZES(2, 3), .dtype = cases[i].dtype };
        const member v3[] = { { "0/zarr.json", "data_type", cases[i].v3 },
                              { "0/zarr.json", "fill_value", cases[i].fill } };
        check(&options, v3, 2);
        const member v2[] = { { "0/.zarray", "dtype", cases[i].v2 }, { "0/.zarray", "fill_value", cases[i].fill } };
        options.ome = "0.4";
        check(&options, v2, 2);
    }
}

static void shards_hold_chunks(void **state)
{
    (void)state;
    static const member members[] = {
        { "0/zarr.json", "chunk_grid/configuration/chunk_shape", "[2, 32, 48]" },
        { "0/zarr.json", "codecs/0/name", "'sharding_indexed'" },
        { "0/zarr.json", "codecs/0/configuration/chunk_shape", "[1, 16, 16]" },
        { "0/zarr.json", "codecs/0/configuration/codecs", "[" LITTLE "]" },
        { "0/zarr.json", "codecs/0/configuration/index_codecs", "[" LITTLE ", {'name': 'crc32c'}]" },
        { "0/zarr.json", "codecs/0/configuration/index_location", "'end'" },
        { "0/zarr.json", "codecs/1", NULL },
        { "0/zarr.json", "dimension_names", "['t', 'y', 'x']" },
        { "1/zarr.json", "chunk_grid/configuration/chunk_shape", "[2, 16, 16]" },
        { "1/zarr.json", "codecs/0/configuration/chunk_shape", "[1, 16, 16]" },
    };
    const mt_writer_options options = { .axes = "TYX",
                                        .shape = SIZES(3, 32, 32),
                                        .dtype = MT_UINT16,
                                        .chunk_shape = SIZES(1, 16, 16),
                                        .shard_shape = SIZES(2, 32, 48),
                                        .codec = "none",
                                        .n_levels = 2 };
    check(&options, members, sizeof members / sizeof *members);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_have_their_scales),
        cmocka_unit_test(version_4_stands_elsewhere),
        cmocka_unit_test(channels_have_windows_and_colors),
        cmocka_unit_test(arrays_name_their_codecs),
        cmocka_unit_test(frames_are_what_the_metadata_says),
        cmocka_unit_test(arrays_name_their_types),
        cmocka_unit_test(shards_hold_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
