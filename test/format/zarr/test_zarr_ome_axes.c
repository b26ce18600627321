/* SPDX-License-Identifier: BSD-3-Clause */
/* OME-Zarr: axes of any names, scales, channels and versions, also broken ones. */
#include "support/folder.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An image of sides of 2, 3, 4... pixels, of which the last n are used. more: further members of the image; omero: of the
 * group. */
static mt_status open_image(int n, const char *axes, const char *more, const char *omero, mt_stack **out, mt_error *err)
{
    static const char *const shapes[] = { "", "[6]", "[5, 6]", "[4, 5, 6]", "[3, 4, 5, 6]", "[2, 3, 4, 5, 6]" };
    char text[4096];
    snprintf(
        text, sizeof text,
        "{\"zarr_format\": 2, \"shape\": %s, \"chunks\": %s, \"dtype\": \"|u1\", \"fill_value\": 3, \"order\": \"C\", "
        "\"compressor\": null, \"filters\": null}",
        shapes[n], shapes[n]);
    write_temporary_text("0/.zarray", text);
    write_temporary_text(".zgroup", "{\"zarr_format\": 2}");
    snprintf(text, sizeof text, "{\"multiscales\": [{%s%s%s \"datasets\": [{\"path\": \"0\"%s}]}]%s%s}",
             axes ? "\"axes\": " : "", axes ? axes : "", axes ? "," : "", more, *omero ? ", \"omero\": " : "", omero);
    write_temporary_text(".zattrs", text);
    const mt_open_options options = { .struct_size = sizeof options, .allow_unknown_axes = 1 };
    *err = (mt_error)MT_ERROR_INIT;
    return mt_stack_open(NULL, temporary_folder(), &options, out, err);
}

#define SPACE(name) "{\"name\": \"" name "\", \"type\": \"space\"}"
#define PLAIN(name) "{\"name\": \"" name "\"}"

static void names_of_axes(void **state)
{
    (void)state;
    static const struct {
        int n;
        const char *axes, *expected;
    } cases[] = {
        { 2, NULL, "YX" },
        { 5, NULL, "TCZYX" },
        { 3, "[\"z\", \"y\", \"x\"]", "ZYX" }, /* version 0.3 */
        { 2, "[" SPACE("row") ", " SPACE("column") "]", "YX" },
        { 2, "[" SPACE("u") ", " SPACE("v") "]", "YX" },
        { 3, "[" SPACE("u") ", " SPACE("v") ", " SPACE("w") "]", "ZYX" },
        { 3, "[" SPACE("x") ", " SPACE("v") ", " SPACE("w") "]", "ZYX" }, /* by position if one name is not known */
        { 4, "[" SPACE("u") ", {\"name\": \"stain\", \"type\": \"channel\"}, " SPACE("v") ", " SPACE("w") "]", "ZCYX" },
        { 3, "[{\"name\": \"when\", \"type\": \"time\"}, " SPACE("y") ", " SPACE("x") "]", "TYX" },
        { 3, "[" PLAIN("angle") ", " PLAIN("y") ", " PLAIN("x") "]", "SYX" },
        { 3, "[" PLAIN("c") ", " SPACE("y") ", " SPACE("x") "]", "CYX" },
    };
    mt_stack *stack;
    mt_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_ok(open_image(cases[i].n, cases[i].axes, "", "", &stack, &err), &err);
        assert_string_equal(mt_stack_get_info(stack)->original_axes, cases[i].expected);
        mt_stack_close(stack);
    }
    assert_int_equal(open_image(2, "[{\"type\": \"space\"}, " SPACE("x") "]", "", "", &stack, &err), MT_E_CORRUPT);
    assert_non_null(strstr(err.message, "an axis of the multiscale image has no name"));
    assert_int_equal(open_image(3, "[" SPACE("y") ", " SPACE("x") "]", "", "", &stack, &err), MT_E_CORRUPT);
    assert_non_null(strstr(err.message, "the multiscale image has 2 axes and its array 3 dimensions"));
    /* More than three axes of space: the fourth from the end is unknown. */
    check_ok(open_image(4, "[" SPACE("a") ", " SPACE("b") ", " SPACE("c") ", " SPACE("d") "]", "", "", &stack, &err),
             &err);
    assert_int_equal(mt_stack_get_info(stack)->axes_source, MT_AXES_UNKNOWN);
    mt_stack_close(stack);
}

#define SCALE(values) ", \"coordinateTransformations\": [{\"type\": \"scale\", \"scale\": " values "}]"
static const char *const yx = "[{\"name\": \"y\", \"type\": \"space\", \"unit\": \"nanometer\"}, " SPACE("x") "]";

static void check_sizes(const char *more, double y, double x)
{
    mt_stack *stack;
    mt_error err;
    check_ok(open_image(2, yx, more, "", &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_true(info->pixel_size[0] == y && info->pixel_size[1] == x);
    assert_string_equal(info->unit[0], "nanometer");
    mt_stack_close(stack);
}

static void scales(void **state)
{
    (void)state;
    check_sizes(SCALE("[0.5, 0.25]"), 0.5, 0.25);
    check_sizes(", \"coordinateTransformations\": [{\"type\": \"translation\", \"translation\": [9, 9]}, {\"type\": "
                "\"scale\", \"scale\": [2, 3]}, {\"type\": \"scale\", \"scale\": [2, 5]}]",
                4, 15);
    check_sizes(SCALE("[0, -3]"), 0, 0);
    check_sizes(SCALE("[0.5]"), 0, 0);
    check_sizes(SCALE("[\"a\", 2]"), 0, 2);
    check_sizes(", \"coordinateTransformations\": [{\"scale\": [2, 2]}]", 1, 1);
}

static void channels_of_omero(void **state)
{
    (void)state;
    static const char axes[] = "[{\"name\": \"c\", \"type\": \"channel\"}, " SPACE("y") ", " SPACE("x") "]";
    static const struct {
        const char *first; /* of four channels, of which the others are {} */
        const char *name;
        int has_color, has_window;
    } cases[] = {
        { "{\"label\": \"DAPI\", \"color\": \"0a14fF\", \"window\": {\"start\": -1, \"end\": 9.5}}", "DAPI", 1, 1 },
        { "{}", "", 0, 0 },
        { "{\"label\": 5, \"color\": \"0a14f\"}", "", 0, 0 },
        { "{\"color\": \"0a14fg\", \"window\": {\"start\": 3, \"end\": 3}}", "", 0, 0 },
        { "{\"color\": \"0a14ff00\", \"window\": {\"start\": 0}}", "", 1, 0 }, /* with alpha, which is not used */
        { "{\"window\": {\"start\": \"0\", \"end\": 4}}", "", 0, 0 },
    };
    mt_stack *stack;
    mt_error err;
    char omero[512];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(omero, sizeof omero, "{\"channels\": [%s, {}, {}, {}]}", cases[i].first);
        check_ok(open_image(3, axes, "", omero, &stack, &err), &err);
        const mt_channel *channel = mt_stack_get_info(stack)->channels;
        assert_non_null(channel);
        assert_string_equal(channel->name, cases[i].name);
        assert_int_equal(channel->has_color, cases[i].has_color);
        assert_int_equal(channel->has_window, cases[i].has_window);
        if (channel->has_color)
            assert_memory_equal(channel->rgb, ((const uint8_t[]) { 10, 20, 255 }), 3);
        if (channel->has_window)
            assert_true(channel->window[0] == -1 && channel->window[1] == 9.5);
        mt_stack_close(stack);
    }
    static const char *const none[] = { "{\"channels\": [{}, {}, {}]}", "{\"channels\": {}}", "{}" };
    for (size_t i = 0; i < 3; i++) {
        check_ok(open_image(3, axes, "", none[i], &stack, &err), &err);
        assert_null(mt_stack_get_info(stack)->channels);
        mt_stack_close(stack);
    }
    check_ok(open_image(2, yx, "", "{\"channels\": [{\"label\": \"only\"}]}", &stack, &err), &err);
    assert_string_equal(mt_stack_get_info(stack)->channels[0].name, "only");
    mt_stack_close(stack);
}

static void versions(void **state)
{
    (void)state;
    static const struct {
        const char *version;
        mt_status status;
    } cases[] = { { "0.1", MT_OK },
                  { "0.5", MT_OK },
                  { "0.4-dev1", MT_OK },
                  { "0.0", MT_E_UNSUPPORTED },
                  { "0.6", MT_E_UNSUPPORTED },
                  { "0.10", MT_E_UNSUPPORTED },
                  { "1.0", MT_E_UNSUPPORTED },
                  { "", MT_E_UNSUPPORTED } };
    mt_stack *stack = NULL;
    mt_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char axes[512];
        snprintf(axes, sizeof axes, "%s, \"version\": \"%s\"", yx, cases[i].version);
        assert_int_equal(open_image(2, axes, "", "", &stack, &err), cases[i].status);
        if (cases[i].status)
            assert_non_null(strstr(err.message, "is not supported; its arrays are, such as '#0'"));
        else
            mt_stack_close(stack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(names_of_axes), cmocka_unit_test(scales),
                                        cmocka_unit_test(channels_of_omero), cmocka_unit_test(versions) };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
