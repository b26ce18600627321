/* SPDX-License-Identifier: BSD-3-Clause */
/* Axes, pixel sizes and units of arrays that belong to no multiscale image: names of dimensions, attributes of electron
 * microscopy, coordinates of xarray. */
#include "zarr_support.h"

#include <math.h>

static void open_stack(const char *path, const char *axes, mt_stack **out)
{
    mt_open_options options = { .struct_size = sizeof options, .axes = axes };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(NULL, path, &options, out, &err), &err);
}

static const char *in_case(const char *name)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", data_path("cases"), name);
    return path;
}

static void check_pixels(const char *path, const char *axes, const char *md5)
{
    uint8_t *pixels;
    size_t size;
    mt_error err = MT_ERROR_INIT;
    check_ok(read_stack(path, axes, &pixels, &size, &err), &err);
    assert_string_equal(md5_hex(pixels, size), md5);
    free(pixels);
}

static void words(void **state)
{
    (void)state;
    static const struct {
        const char *name, *axes;
    } cases[] = {
        { "depth_height_width", "ZYX" },
        { "Channel_Y_X", "CYX" },
        { "frame_row_column", "TYX" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[700];
        mt_stack *stack;
        snprintf(path, sizeof path, "%s/%s.zarr", in_case("zarr3-dimension-names-words"), cases[i].name);
        open_stack(path, NULL, &stack);
        assert_string_equal(mt_stack_get_info(stack)->original_axes, cases[i].axes);
        mt_stack_close(stack);
        check_pixels(path, NULL, "add97d7198c52e61e949f9c90e7f34f2");
    }
    check_pixels(in_case("zarr3-dimension-names-words/None_y_x.zarr"), "ZYX", "add97d7198c52e61e949f9c90e7f34f2");
}

/* What xarray writes opens without a name, as coordinates are not images; they tell the size of a pixel. */
static void xarray(void **state)
{
    (void)state;
    static const char *const names[] = { "zarr-xarray-coordinates/xr2.zarr", "zarr-xarray-coordinates/xr3.zarr" };
    for (size_t i = 0; i < 2; i++) {
        mt_stack *stack;
        open_stack(in_case(names[i]), NULL, &stack);
        const mt_stack_info *info = mt_stack_get_info(stack);
        assert_string_equal(info->original_axes, "ZYX");
        assert_string_equal(info->part, "raw");
        assert_true(info->pixel_size[0] == 2 && info->pixel_size[1] == 0.5 && info->pixel_size[2] == 0.5);
        assert_int_equal(info->n_warnings, 0);
        mt_stack_close(stack);
        check_pixels(in_case(names[i]), NULL, "add97d7198c52e61e949f9c90e7f34f2");
    }
    mt_stack *stack;
    open_stack(in_case("zarr-xarray-coordinates/msi.zarr"), NULL, &stack);
    assert_string_equal(mt_stack_get_info(stack)->original_axes, "YX");
    assert_true(mt_stack_get_info(stack)->pixel_size[1] == 0.5);
    mt_stack_close(stack);
}

static void write_array(const char *name, const char *shape, const char *dtype, const char *attributes)
{
    char path[300], text[400];
    snprintf(text, sizeof text,
             "{\"zarr_format\":2,\"shape\":%s,\"chunks\":%s,\"dtype\":\"%s\",\"order\":\"C\",\"compressor\":null,"
             "\"filters\":null,\"fill_value\":0}",
             shape, shape, dtype);
    snprintf(path, sizeof path, "%s/.zarray", name);
    write_temporary_text(path, text);
    snprintf(path, sizeof path, "%s/.zattrs", name);
    write_temporary_text(path, attributes);
}

/* What an array of this shape and with these attributes is: axes, then sizes and units of all dimensions. */
static void check_array(const char *shape, const char *attributes, const char *axes, const double *sizes,
                        const char *unit)
{
    opened o;
    mt_error err = MT_ERROR_INIT;
    write_array("array.zarr", shape, "|u1", attributes);
    check_ok(open_map(temporary_path("array.zarr"), "", &o, &err), &err);
    if (strcmp(o.map->axes, axes) != 0)
        fail_msg("%s: %s", attributes, o.map->axes);
    for (int d = 0; d < o.map->ndim; d++) {
        if (o.map->pixel_size[d] != sizes[d])
            fail_msg("%s: %g along %d", attributes, o.map->pixel_size[d], d);
        if (sizes[d] > 0 && unit)
            assert_string_equal(o.map->unit[d], unit);
        else
            assert_null(o.map->unit[d]);
    }
    close_opened(&o);
}

#define SIZES(...) ((const double[]) { __VA_ARGS__ })

static void electron_microscopy(void **state)
{
    (void)state;
    check_array("[6,4,4]", "{\"resolution\":[40,4,4],\"offset\":[0,0,0]}", "ZYX", SIZES(40, 4, 4), NULL);
    check_array("[6,4,4]", "{\"voxel_size\":[40,4,4],\"units\":[\"nm\",\"nm\",\"nm\"]}", "ZYX", SIZES(40, 4, 4),
                "nanometer");
    check_array("[6,4,4]", "{\"voxel_size\":[40,4,4],\"units\":\"nm\"}", "ZYX", SIZES(40, 4, 4), "nanometer");
    check_array("[2,6,4,4]",
                "{\"axis_names\":[\"c^\",\"z\",\"y\",\"x\"],\"voxel_size\":[40,4,5],\"units\":[\"nm\",\"nm\",\"nm\"]}",
                "CZYX", SIZES(0, 40, 4, 5), "nanometer");
    check_array("[4,5,2]", "{\"axis_names\":[\"y\",\"x\",\"c^\"],\"voxel_size\":[3,4]}", "YXC", SIZES(3, 4, 0), NULL);
    check_array("[2,6,4,4]", "{\"resolution\":[40,4,5]}", "?ZYX", SIZES(0, 40, 4, 5), NULL);
    check_array("[2,6,4,4]", "{\"axis_names\":[\"t\",\"z\",\"y\",\"x\"],\"resolution\":[7,40,4,5]}", "TZYX",
                SIZES(7, 40, 4, 5), NULL);
    check_array("[6,4,4]", "{\"offset\":[100,0,0]}", "ZYX", SIZES(0, 0, 0), NULL);
    /* Attributes that do not fit are ignored. */
    check_array("[4,4]", "{\"resolution\":[40,4,4]}", "??", SIZES(0, 0), NULL);
    check_array("[6,4,4]", "{\"voxel_size\":[],\"resolution\":[40,4,4]}", "ZYX", SIZES(40, 4, 4), NULL);
    check_array("[4,4]", "{\"resolution\":[4,\"4\"]}", "??", SIZES(0, 0), NULL);
    check_array("[4,4]", "{\"resolution\":[-4,0],\"units\":[3,4]}", "YX", SIZES(0, 0), NULL);
    check_array("[4,4]", "{\"axis_names\":[\"x\",\"x\"],\"resolution\":[2,3]}", "??", SIZES(2, 3), NULL);
}

static void write_coordinate(const char *name, const char *dtype, const void *values, size_t n, size_t bytes,
                             const char *attributes)
{
    char path[300], shape[32];
    snprintf(shape, sizeof shape, "[%zu]", n);
    write_array(name, shape, dtype, attributes);
    snprintf(path, sizeof path, "%s/0", name);
    write_temporary(path, values, bytes);
}

static void check_coordinates(double y, double x, const char *unit, const char *warning)
{
    mt_stack *stack;
    open_stack(temporary_path("grid.zarr#a"), "YX", &stack);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_true(fabs(info->pixel_size[0] - y) < 1e-6 && fabs(info->pixel_size[1] - x) < 1e-6);
    assert_string_equal(info->unit[0], unit);
    assert_int_equal(info->n_warnings, warning ? 1 : 0);
    if (warning)
        assert_non_null(strstr(info->warnings[0], warning));
    mt_stack_close(stack);
}

static void coordinates(void **state)
{
    (void)state;
    const double even[4] = { 1, 0.75, 0.5, 0.25 }, uneven[4] = { 0, 1, 2, 4 };
    const int16_t numbers[5] = { 0, 256, 512, 768, 1024 }; /* 0, 1, 2, 3, 4 in the other byte order */
    opened o;
    mt_error err = MT_ERROR_INIT;
    write_temporary_text("grid.zarr/.zgroup", "{\"zarr_format\":2}");
    write_array("grid.zarr/a", "[4,5]", "|u1", "{\"_ARRAY_DIMENSIONS\":[\"lat\",\"x\"]}");
    write_coordinate("grid.zarr/lat", "<f8", even, 4, sizeof even, "{\"axis\":\"Y\",\"units\":\"um\"}");
    write_coordinate("grid.zarr/x", ">i2", numbers, 5, sizeof numbers, "{}");
    check_coordinates(0.25, 1, "micrometer", NULL);
    check_ok(open_map(temporary_path("grid.zarr"), "a", &o, &err), &err);
    assert_string_equal(o.map->axes, "YX");
    close_opened(&o);

    write_coordinate("grid.zarr/lat", "<f8", uneven, 4, sizeof uneven, "{\"axis\":\"Y\",\"units\":\"um\"}");
    check_coordinates(0, 1, "", NULL);
    write_coordinate("grid.zarr/lat", "<f8", even, 4, 7, "{\"axis\":\"Y\"}"); /* a chunk that is cut short */
    check_coordinates(0, 1, "", "'lat' cannot be read");
    write_coordinate("grid.zarr/lat", "|S1", even, 4, 4, "{\"axis\":\"Y\"}"); /* text */
    check_coordinates(0, 1, "", NULL);
    write_coordinate("grid.zarr/lat", "<f8", even, 3, 24, "{\"axis\":\"Y\"}"); /* of another length */
    check_coordinates(0, 1, "", NULL);
    write_temporary_text("grid.zarr/lat/.zarray", "{");
    check_coordinates(0, 1, "", "'lat' cannot be read");
    write_array("grid.zarr/a", "[4,5]", "|u1", "{\"_ARRAY_DIMENSIONS\":[\"a\",\"../x\"]}"); /* itself, and no key */
    check_coordinates(0, 0, "", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(xarray),
        cmocka_unit_test(electron_microscopy),
        cmocka_unit_test(coordinates),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
