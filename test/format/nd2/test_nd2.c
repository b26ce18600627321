/* SPDX-License-Identifier: BSD-3-Clause */
/* ND2: the files of the data folder, and crafted ones whose pixels are computed here. */
#include "support/broken.h"
#include "support/contract.h"
#include "support/nd2_writer.h"
#include "support/remarks.h"

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
    bool is_rgb = spec->components == 3 * (spec->planes ? spec->planes : 1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real),
        cmocka_unit_test(test_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
