/* SPDX-License-Identifier: BSD-3-Clause */
/* ND2: the files of the data folder, and crafted ones whose pixels are computed here. */
#include "base/reader.h"
#include "support/broken.h"
#include "support/contract.h"
#include "support/nd2_writer.h"
#include "support/remarks.h"

#include <microtome/checksum.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Pixels in C order of these axes, as the reader nd2 0.12 gives them; colours in the order red, green, blue. */
static const struct {
    const char *file, *axes, *md5;
} real[] = {
    { "cluster.nd2", "TZCYX", "63a55e0099b7d07b641bb81fc5361a39" },
    { "syn_f32_z2.nd2", "ZYX", "63393ac327f0a83c9f8463e129ee8204" },
    { "syn_p3_invalid.nd2", "STYX", "b06f1ce601da4390f0d3617f949f0cae" },
    { "syn_rgb_t2.nd2", "TYXC", "fc0454f1babe0606a11bebe7de85b212" },
    { "syn_single_yx.nd2", "YX", "788b383347e64111c0d499a74ef4c090" },
    { "syn_zlib_t4c1.nd2", "TYX", "89b17cfa6afcb08a4e861419beeadc65" },
};

static void check_real(const char *file, const char *axes, const char *md5, const json_t *expected)
{
    opened_map o;
    mt_error err = MT_ERROR_INIT;
    uint8_t *pixels;
    size_t size;
    check_ok(open_map("nd2", data_path("nd2"), file, "", &o, &err), &err);
    assert_string_equal(o.map->axes, axes);
    const json_t *shape = json_object_get(expected, "shape"), *voxel = json_object_get(expected, "voxel_um");
    assert_int_equal(json_array_size(shape), o.map->ndim);
    for (int d = 0; d < o.map->ndim; d++) {
        const char *at = strchr("XYZ", o.map->axes[d]);
        assert_int_equal(json_integer_value(json_array_get(shape, (size_t)d)), o.map->shape[d]);
        if (at)
            assert_true(json_number_value(json_array_get(voxel, (size_t)(at - "XYZ"))) == o.map->pixel_size[d]);
    }
    assert_string_equal(json_string_value(json_object_get(expected, "dtype")), mt_dtype_name(o.map->dtype));
    assert_int_equal(o.map->warnings.n, 0);
    assert_int_equal(o.map->n_missing, 0);
    check_ok(read_map(&o, &pixels, &size, &err), &err);
    assert_string_equal(md5_hex(pixels, size), md5);
    free(pixels);
    close_map(&o);
}

static void test_real(void **state)
{
    (void)state;
    json_t *expected = read_json("nd2/expected.json");
    for (size_t i = 0; i < sizeof real / sizeof *real; i++)
        check_real(real[i].file, real[i].axes, real[i].md5, json_object_get(expected, real[i].file));
    json_decref(expected);
}

/* A crafted file. */
typedef struct crafted {
    char path[64];
} crafted;

static crafted craft(const nd2_writer_spec *spec)
{
    crafted c;
    snprintf(c.path, sizeof c.path, "/tmp/test_nd2_XXXXXX");
    int file = mkstemp(c.path);
    assert_true(file >= 0);
    close(file);
    write_nd2(c.path, spec);
    return c;
}

static mt_status open_crafted(const crafted *c, mt_stack **out, mt_error *err)
{
    return mt_stack_open(NULL, c->path, NULL, out, err);
}

/* The component of a pixel that a channel shows: colours are stored as blue, green, red. */
static uint32_t component_of(const nd2_writer_spec *spec, int64_t channel)
{
    bool is_rgb = spec->counted_planes >= 0 && spec->components == 3 * (spec->planes ? spec->planes : 1);
    return (uint32_t)(is_rgb ? channel / 3 * 3 + 2 - channel % 3 : channel);
}

static uint32_t load_value(const uint8_t *p, mt_dtype dtype)
{
    uint16_t two;
    float real_value;
    switch (dtype) {
    case MT_UINT8: return *p;
    case MT_UINT16: memcpy(&two, p, 2); return two;
    default: memcpy(&real_value, p, 4); return (uint32_t)real_value;
    }
}

/* Compares all pixels; frame_of gives the frame of a sample and plane, NULL: in order. Frames that are skipped are 0. */
static void check_pixels(const nd2_writer_spec *spec, mt_stack *stack, uint32_t (*frame_of)(int64_t, int64_t))
{
    whole_image image;
    mt_error err = MT_ERROR_INIT;
    check_ok(read_whole(stack, &image, &err), &err);
    int64_t planes = image.ndim == 3 ? image.shape[2] : 1;
    const uint8_t *p = image.pixels;
    for (int64_t s = 0; s < image.shape[0]; s++)
        for (int64_t c = 0; c < image.shape[1]; c++)
            for (int64_t z = 0; z < planes; z++) {
                uint32_t frame = frame_of ? frame_of(s, z) : (uint32_t)(s * planes + z);
                bool is_stored = frame < spec->frames;
                for (int i = 0; i < spec->n_skipped; i++)
                    is_stored &= spec->skipped[i] != frame;
                for (uint32_t y = 0; y < spec->height; y++)
                    for (uint32_t x = 0; x < spec->width; x++, p += mt_dtype_size(image.dtype)) {
                        uint32_t wanted = is_stored ? nd2_writer_value(frame, component_of(spec, c), y, x) : 0;
                        if (load_value(p, image.dtype) != wanted)
                            fail_msg("sample %d, channel %d, plane %d, %u, %u: %u instead of %u", (int)s, (int)c,
                                     (int)z, y, x, load_value(p, image.dtype), wanted);
                    }
            }
    free_whole(&image);
}

static void check_crafted(const nd2_writer_spec *spec, const char *axes, uint32_t (*frame_of)(int64_t, int64_t))
{
    crafted c = craft(spec);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(open_crafted(&c, &stack, &err), &err);
    assert_string_equal(mt_stack_get_info(stack)->original_axes, axes);
    assert_int_equal(mt_stack_get_info(stack)->n_warnings, 0);
    check_pixels(spec, stack, frame_of);
    mt_stack_close(stack);
    unlink(c.path);
}

/* Each way of storing pixels. */
static void test_pixels(void **state)
{
    (void)state;
    static const struct {
        nd2_writer_spec spec;
        const char *axes;
    } cases[] = {
        { { .width = 7, .height = 5, .frames = 1 }, "YX" },
        { { .width = 7, .height = 5, .frames = 1, .row_bytes = 16 }, "YX" },
        { { .width = 7, .height = 5, .frames = 1, .row_bytes = 16, .compression = 1 }, "YX" },
        { { .width = 7, .height = 5, .frames = 1, .row_bytes = 16, .cut = 2 }, "YX" },
        { { .width = 7, .height = 5, .frames = 1, .bits = 8, .name_bytes = 40 }, "YX" },
        { { .width = 7, .height = 5, .frames = 1, .bits = 32 }, "YX" },
        { { .width = 7, .height = 5, .frames = 1, .bits = 32, .pixel_type = 3, .compression = 3 }, "YX" },
        { { .width = 7, .height = 5, .frames = 1, .components = 4, .planes = 4 }, "CYX" },
        { { .width = 7, .height = 5, .frames = 1, .components = 4, .planes = 1, .row_bytes = 60 }, "CYX" },
        { { .width = 7, .height = 5, .frames = 1, .components = 3, .bits = 8, .row_bytes = 24 }, "YXC" },
        { { .width = 7, .height = 5, .frames = 1, .components = 3, .bits = 8, .row_bytes = 24, .compression = 1 },
          "YXC" },
        { { .width = 7, .height = 5, .frames = 1, .components = 6, .planes = 2, .bits = 8 }, "CYXC" },
        { { .is_old = true, .width = 7, .height = 5, .frames = 1, .components = 2, .planes = 2 }, "CYX" },
        { { .is_metadata_packed = true, .width = 7, .height = 5, .frames = 1 }, "YX" },
        { { .width = 2000, .height = 1700, .frames = 1, .row_bytes = 4004 }, "YX" }, /* two blocks of rows */
        { { .width = 1001, .height = 1700, .frames = 1, .components = 3, .row_bytes = 6008 }, "YXC" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_crafted(&cases[i].spec, cases[i].axes, NULL);
}

/* Frames of loops over 3 times, 2 positions and 2 planes, in other orders. */
static uint32_t time_position_z(int64_t s, int64_t z) { return (uint32_t)((s % 3 * 2 + s / 3) * 2 + z); }
static uint32_t z_time_position(int64_t s, int64_t z) { return (uint32_t)((z * 3 + s % 3) * 2 + s / 3); }

static void test_loops(void **state)
{
    (void)state;
    static const nd2_writer_loop tpz[] = { { 1, 3, NULL, 500 }, { 2, 2, NULL, 0 }, { 4, 2, NULL, -0.5 } };
    static const nd2_writer_loop ptz[] = { { 2, 4, "1010", 0 }, { 1, 3, NULL, 500 }, { 4, 2, NULL, 0.5 } };
    static const nd2_writer_loop ztp[] = { { 4, 2, NULL, 1 }, { 1, 3, NULL, 500 }, { 2, 3, "011", 0 } };
    static const nd2_writer_loop phases[] = { { 8, 4, "1101", 0 }, { 4, 2, NULL, 1 } };
    static const nd2_writer_loop custom[] = { { 7, 2, NULL, 0 }, { 6, 5, NULL, 0 }, { 1, 3, NULL, 0 } };
    static const nd2_writer_loop single[] = { { 1, 1, NULL, 0 }, { 2, 1, NULL, 0 }, { 4, 4, NULL, 1 } };
    const struct {
        const nd2_writer_loop *loops;
        uint32_t n, frames;
        bool is_nested;
        const char *axes;
        uint32_t (*frame_of)(int64_t, int64_t);
    } cases[] = {
        { tpz, 3, 12, false, "TSZYX", time_position_z },
        { ptz, 3, 12, false, "STZYX", NULL },
        { ztp, 3, 12, false, "ZTSYX", z_time_position },
        { phases, 2, 6, false, "TZYX", NULL },
        { phases, 2, 6, true, "TZYX", NULL },
        { custom, 3, 6, false, "STYX", NULL },
        { single, 3, 4, false, "ZYX", NULL },
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        size_t k = i / 2;
        nd2_writer_spec spec = { .is_old = i % 2 > 0, .width = 4, .height = 3, .frames = cases[k].frames };
        spec.loops = cases[k].loops;
        spec.n_loops = (int)cases[k].n;
        spec.is_nested_in_phases = cases[k].is_nested;
        check_crafted(&spec, cases[k].axes, cases[k].frame_of);
    }
}

static void check_sample(const mt_sample_info *s, const char *name, double z, double y, double x, double time)
{
    assert_string_equal(s->name, name);
    assert_true(s->has_position && s->position[0] == z && s->position[1] == y && s->position[2] == x);
    assert_int_equal(s->has_time, time >= 0);
    assert_true(s->time == (time >= 0 ? time : 0));
}

/* Names and colours of channels, sizes, positions and times. */
static void test_metadata(void **state)
{
    (void)state;
    static const nd2_writer_loop loops[] = { { 1, 3, NULL, 500 }, { 2, 3, "101", 0 }, { 4, 2, NULL, -0.5 } };
    for (int old = 0; old < 3; old++) {
        const nd2_writer_spec spec = { .is_old = old > 0,
                                       .are_positions_listed = old == 2,
                                       .width = 4,
                                       .height = 3,
                                       .components = 2,
                                       .planes = 2,
                                       .frames = 12,
                                       .loops = loops,
                                       .n_loops = 3,
                                       .has_times = true };
        crafted c = craft(&spec);
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        check_ok(open_crafted(&c, &stack, &err), &err);
        const mt_stack_info *info = mt_stack_get_info(stack);
        assert_string_equal(info->original_axes, "TSZCYX");
        assert_string_equal(info->channels[1].name, "dye 1 \xc2\xb5");
        assert_true(info->channels[1].has_color && info->channels[1].rgb[0] == 0x80);
        assert_true(info->channels[1].rgb[1] == 0xff && info->channels[1].rgb[2] == 0);
        static const double sizes[6] = { 1, 0, 0.5, 0, 0.25, 0.25 }; /* four frames of 250 ms for each time point */
        for (int d = 0; d < 6; d++)
            assert_true(info->pixel_size[d] == sizes[d]);
        assert_string_equal(info->unit[0], "second");
        assert_string_equal(info->unit[2], "micrometer");
        assert_non_null(info->samples);
        check_sample(&info->samples[0], old == 2 ? "" : "A1", 7, 0, 0, 1);
        check_sample(&info->samples[1], old == 2 ? "" : "A1", 7, 0, 0, 2);
        check_sample(&info->samples[3], old == 2 ? "" : "A3", 7, -6, 201, 1.5);
        check_sample(&info->samples[5], old == 2 ? "" : "A3", 7, -6, 201, 3.5);
        mt_stack_close(stack);

        /* axes of the caller may be others */
        const mt_open_options options = { .struct_size = sizeof options, .axes = "STZCYX" };
        check_ok(mt_stack_open(NULL, c.path, &options, &stack, &err), &err);
        assert_null(mt_stack_get_info(stack)->samples);
        mt_stack_close(stack);
        unlink(c.path);
    }
}

/* Places of the stage may be relative, and without a Z of their own. */
static void test_relative_positions(void **state)
{
    (void)state;
    static const nd2_writer_loop loops[] = { { 2, 3, NULL, 0 } };
    const nd2_writer_spec spec = {
        .width = 4, .height = 3, .frames = 3, .loops = loops, .n_loops = 1, .are_positions_relative = true
    };
    crafted c = craft(&spec);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(open_crafted(&c, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    check_sample(&info->samples[0], "A1", 42, 2000, 1000, -1);
    check_sample(&info->samples[2], "A3", 42, 1994, 1201, -1);
    mt_stack_close(stack);
    unlink(c.path);
}

/* The interval of times is planned if it was not recorded; colours have names. */
static void test_colors(void **state)
{
    (void)state;
    static const nd2_writer_loop loops[] = { { 1, 2, NULL, 500 } };
    static const char *const names[6] = { "dye 0 \xc2\xb5 Red", "dye 0 \xc2\xb5 Green", "dye 0 \xc2\xb5 Blue",
                                          "dye 1 \xc2\xb5 Red", "dye 1 \xc2\xb5 Green", "dye 1 \xc2\xb5 Blue" };
    const nd2_writer_spec spec = {
        .width = 4, .height = 3, .components = 6, .planes = 2, .bits = 8, .frames = 2, .loops = loops, .n_loops = 1
    };
    crafted c = craft(&spec);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(open_crafted(&c, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    for (int i = 0; i < 6; i++) {
        assert_string_equal(info->channels[i].name, names[i]);
        for (int k = 0; k < 3; k++)
            assert_int_equal(info->channels[i].rgb[k], k == i % 3 ? 255 : 0);
    }
    assert_true(info->pixel_size[0] == 0.5);
    assert_null(info->samples);
    mt_stack_close(stack);
    unlink(c.path);
}

/* A visit of the image, which leaves out what is not stored, shows the pixels of patches. */
static void check_checksum(mt_stack *stack)
{
    const mt_stack_info *info = mt_stack_get_info(stack);
    mt_error err = MT_ERROR_INIT;
    mt_checksum visited, read;
    whole_image whole;
    mt_stack *copy;
    check_ok(read_whole(stack, &whole, &err), &err);
    check_ok(mt_stack_from_array(NULL, whole.pixels, info->dtype, info->data_ndim == 5 ? "SCZYX" : "SCYX",
                                 info->data_shape, NULL, "copy", &copy, &err),
             &err);
    check_ok(mt_stack_checksum(stack, NULL, &visited, &err), &err);
    check_ok(mt_stack_checksum(copy, NULL, &read, &err), &err);
    assert_string_equal(visited.text, read.text);
    mt_stack_close(copy);
    free_whole(&whole);
}

/* Frames that are missing, too few or too many. */
static void test_remarks(void **state)
{
    (void)state;
    static const nd2_writer_loop tz[] = { { 1, 4, NULL, 0 }, { 4, 3, NULL, 1 } };
    static const nd2_writer_loop unknown[] = { { 1, 4, NULL, 0 }, { 9, 3, NULL, 1 } };
    static const nd2_writer_loop twice[] = { { 4, 2, NULL, 0 }, { 4, 2, NULL, 1 } };
    static const uint32_t skipped[] = { 1, 5, 11 }, among_many[] = { 0, 1, 2, 599, 601, 1199 };
    static const nd2_writer_loop many[] = { { 1, 400, NULL, 0 }, { 4, 3, NULL, 1 } };
    const struct {
        nd2_writer_spec spec;
        const char *axes;
        int64_t slowest; /* size of the first axis */
        size_t n_missing;
        const char *missing, *warnings;
    } cases[] = {
        { { .loops = tz, .n_loops = 2, .frames = 12, .skipped = skipped, .n_skipped = 3, .counted = 12 },
          "TZYX",
          4,
          3,
          "frame 1|frame 5|frame 11",
          "" },
        { { .loops = many, .n_loops = 2, .frames = 1200, .skipped = among_many, .n_skipped = 6, .counted = 1200 },
          "TZYX",
          400,
          6,
          "frame 0|frame 599|frame 1199",
          "" },
        { { .frames = 1100, .counted = 1500 }, "TYX", 1500, 400, "frame 1100|frame 1499", "and the file 1500" },
        { { .loops = tz, .n_loops = 2, .frames = 6 }, "TZYX", 2, 0, "", "stopped: 6 of 12 frames|T has 2 of 4" },
        { { .loops = tz, .n_loops = 2, .frames = 7 }, "TZYX", 3, 2, "frame 7|frame 8", "stopped: 7 of 12 frames" },
        { { .loops = tz, .n_loops = 2, .frames = 13 }, "TYX", 13, 0, "", "have 12 frames, and the file 13" },
        { { .frames = 5 }, "TYX", 5, 0, "", "have 1 frames, and the file 5" },
        { { .frames = 2, .components = 3, .counted_planes = -1 }, "TCYX", 2, 0, "", "3 components are channels" },
        { { .frames = 5, .counted = 9 }, "TYX", 9, 4, "frame 5|frame 8", "have 1 frames, and the file 9" },
        { { .loops = unknown, .n_loops = 2, .frames = 12 }, "TYX", 12, 0, "", "not understood (one is of an unknown" },
        { { .loops = twice, .n_loops = 2, .frames = 4 }, "TYX", 4, 0, "", "not understood (two are along the same" },
        { { .loops = tz, .n_loops = 2, .frames = 12, .is_map_lost = true }, "TZYX", 4, 0, "", "chunk map is lost" },
        { { .loops = tz, .n_loops = 2, .frames = 12, .is_map_lost = true, .is_old = true },
          "TZYX",
          4,
          0,
          "",
          "rebuilt by scanning" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nd2_writer_spec spec = cases[i].spec;
        spec.width = 4, spec.height = 3;
        crafted c = craft(&spec);
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        check_ok(open_crafted(&c, &stack, &err), &err);
        assert_string_equal(mt_stack_get_info(stack)->original_axes, cases[i].axes);
        assert_int_equal(mt_stack_get_info(stack)->original_shape[0], cases[i].slowest);
        check_remarks(stack, cases[i].n_missing, cases[i].missing, cases[i].warnings);
        check_pixels(&spec, stack, NULL);
        check_checksum(stack);
        mt_stack_close(stack);
        unlink(c.path);
    }
}

/* Puts bytes over those of a file at an offset; from its end if the offset is negative. */
static void overwrite(const crafted *c, long offset, const void *bytes, size_t n)
{
    FILE *file = fopen(c->path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, offset < 0 ? SEEK_END : SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
}

/* A map that cannot be used, and a file that ends inside a frame. */
static void test_scan(void **state)
{
    (void)state;
    static const nd2_writer_loop t[] = { { 1, 3, NULL, 0 } };
    static const struct {
        const char *bytes, *warnings;
        long offset;
        uint32_t frames;
    } cases[] = {
        { "\xff\xff\xff\xff\0\0\0\0", "chunk map is lost (chunk ND2 FILEMAP", -8, 3 },
        { "\0\0\0\0\0\0\0\0", "chunk map is lost (there is no chunk ND2 FILEMAP", -8, 3 },
        { "????????", "chunk map is lost (the file does not end with it)", -40, 3 },
        { "\xff\xff\xff\xff\xff\xff\xff\x7f", "an entry leads out of the file", 0, 3 }, /* offset: set below */
        { NULL, "inside its last chunk, ImageDataSeq|2!|stopped: 2 of 3", 0, 2 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nd2_writer_spec spec = {
            .width = 50, .height = 30, .frames = 3, .loops = t, .n_loops = 1, .are_attributes_first = true
        };
        crafted c = craft(&spec);
        size_t size;
        uint8_t *bytes = read_file(c.path, &size);
        long offset = cases[i].offset;
        if (offset == 0)
            offset = (long)mt_load_u64le(bytes + size - 8) + 16 + 32 + (long)strlen("ImageAttributesLV!");
        if (cases[i].bytes)
            overwrite(&c, offset, cases[i].bytes, 8);
        else
            assert_int_equal(truncate(c.path, (off_t)mt_load_u64le(bytes + size - 8) - 4096), 0);
        spec.frames = cases[i].frames;
        spec.counted = 3;
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        check_ok(open_crafted(&c, &stack, &err), &err);
        check_remarks(stack, cases[i].bytes ? 0 : 1, cases[i].bytes ? "" : "frame 2",
                      cases[i].bytes ? cases[i].warnings : "inside its last chunk, ImageDataSeq|2!");
        check_pixels(&spec, stack, NULL);
        mt_stack_close(stack);
        free(bytes);
        unlink(c.path);
    }
}

/* Metadata of version 2 that is no valid XML: a character that XML does not allow in the name of a channel. */
static void test_repaired(void **state)
{
    (void)state;
    const nd2_writer_spec spec = { .is_old = true, .width = 4, .height = 3, .frames = 1 };
    crafted c = craft(&spec);
    size_t size;
    uint8_t *bytes = read_file(c.path, &size);
    const uint8_t *name = memmem(bytes, size, "dye 0", 5);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    assert_non_null(name);
    overwrite(&c, name + 3 - bytes, "\1", 1);
    check_ok(open_crafted(&c, &stack, &err), &err);
    check_remarks(stack, 0, "", "SLxPictureMetadata: ");
    check_pixels(&spec, stack, NULL);
    mt_stack_close(stack);
    free(bytes);
    unlink(c.path);
}

static void check_refused(const nd2_writer_spec *spec, const char *word, mt_status status)
{
    crafted c = craft(spec);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_failed(open_crafted(&c, &stack, &err), status, &err, word);
    unlink(c.path);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        nd2_writer_spec spec;
        const char *word;
        mt_status status;
    } cases[] = {
        { { .width = 4, .height = 3, .frames = 1, .version = "Ver4.0" }, "version 4.0", MT_E_UNSUPPORTED },
        { { .width = 4, .height = 3, .frames = 1, .version = "Nothing" }, "version", MT_E_CORRUPT },
        { { .width = 4, .height = 3, .frames = 1, .compression = 2 }, "lossy", MT_E_UNSUPPORTED },
        { { .width = 4, .height = 3, .frames = 1, .compression = 8 }, "eCompression is 7", MT_E_UNSUPPORTED },
        { { .width = 4, .height = 3, .frames = 1, .components = 4, .counted_planes = 4.0 / 3 },
          "channels is 1.33333",
          MT_E_CORRUPT },
        { { .width = 4, .height = 3, .frames = 1, .bits = 24 }, "24 bits", MT_E_UNSUPPORTED },
        { { .width = 4, .height = 3, .frames = 1, .bits = 8, .pixel_type = 3 },
          "8 bits and the type 2",
          MT_E_UNSUPPORTED },
        { { .width = 4, .height = 3, .frames = 1, .pixel_type = 4 }, "the type 3", MT_E_UNSUPPORTED },
        { { .width = 4, .height = 3, .frames = 1, .pixel_type = 8 }, "the type 7", MT_E_UNSUPPORTED },
        { { .width = 4, .height = 3, .frames = 1, .row_bytes = 7 }, "rows of 4 pixels", MT_E_CORRUPT },
        { { .width = 4, .height = 3, .frames = 1, .row_bytes = 9 }, "cannot have 9 bytes", MT_E_CORRUPT },
        { { .width = 0, .height = 3, .frames = 1, .row_bytes = 8 }, "uiWidth", MT_E_CORRUPT },
        { { .width = 4, .height = 3, .frames = 0 }, "no frames", MT_E_CORRUPT },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_refused(&cases[i].spec, cases[i].word, cases[i].status);
}

/* Version 1 is a file of JPEG 2000. */
static void test_old_container(void **state)
{
    (void)state;
    static const char bytes[64] = "\0\0\0\x0cjP  \r\n\x87\n";
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    assert_int_equal(mt_stack_open_memory(NULL, "a.nd2", bytes, sizeof bytes, NULL, &stack, &err), MT_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "ND2 of version 1"));
}

/* One bad frame does not spoil the others. */
static void test_bad_frame(void **state)
{
    (void)state;
    static const nd2_writer_loop t[] = { { 1, 3, NULL, 0 } };
    const nd2_writer_spec spec = { .width = 4, .height = 3, .frames = 3, .loops = t, .n_loops = 1, .cut = 3 };
    crafted c = craft(&spec);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const int64_t origin[2] = { 0 }, size[2] = { 3, 4 };
    float out[12];
    check_ok(open_crafted(&c, &stack, &err), &err);
    assert_int_equal(mt_stack_extract_patch(stack, 1, NULL, 0, origin, size, 2, out, &err), MT_E_CORRUPT);
    assert_non_null(strstr(err.message, "frame 1 has 21 bytes of pixels"));
    mt_stack_close(stack);
    unlink(c.path);
}

static void test_contract(void **state)
{
    (void)state;
    static const nd2_writer_loop tpz[] = { { 1, 2, NULL, 500 }, { 2, 2, NULL, 0 }, { 4, 2, NULL, -0.5 } };
    static const nd2_writer_loop t[] = { { 1, 2, NULL, 0 } };
    static const uint32_t skipped[] = { 3 };
    const nd2_writer_spec specs[] = {
        { .width = 9,
          .height = 7,
          .components = 2,
          .planes = 2,
          .frames = 8,
          .loops = tpz,
          .n_loops = 3,
          .skipped = skipped,
          .n_skipped = 1,
          .has_times = true },
        { .width = 9,
          .height = 7,
          .components = 3,
          .bits = 8,
          .row_bytes = 28,
          .frames = 2,
          .loops = t,
          .n_loops = 1,
          .is_old = true },
        { .width = 9,
          .height = 7,
          .bits = 32,
          .row_bytes = 40,
          .compression = 1,
          .frames = 2,
          .loops = t,
          .n_loops = 1,
          .is_metadata_packed = true },
    };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        crafted c = craft(&specs[i]);
        check_contract(c.path, NULL);
        unlink(c.path);
    }
}

static void test_mutations(void **state)
{
    (void)state;
    static const char *const names[] = { "test/samples/nd2/colors.nd2", "test/samples/nd2/old.nd2",
                                         "fuzz/corpus/fuzz_nd2/zlib", "nd2/cluster.nd2" };
    mutate_files("nd2", names, sizeof names / sizeof *names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real),      cmocka_unit_test(test_pixels),
        cmocka_unit_test(test_loops),     cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_colors),    cmocka_unit_test(test_remarks),
        cmocka_unit_test(test_scan),      cmocka_unit_test(test_repaired),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_old_container),
        cmocka_unit_test(test_bad_frame), cmocka_unit_test(test_contract),
        cmocka_unit_test(test_mutations), cmocka_unit_test(test_relative_positions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
