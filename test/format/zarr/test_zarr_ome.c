/* SPDX-License-Identifier: BSD-3-Clause */
/* OME-Zarr and groups: the array that a path selects, and its metadata. */
#include "zarr_support.h"

static void open_stack(const char *path, mt_stack **out)
{
    mt_error err = MT_ERROR_INIT;
    mt_status st = mt_stack_open(NULL, path, NULL, out, &err);
    if (st)
        fail_msg("%s: %s", path, err.message);
}

static void check_not_opened(const char *path, mt_status status, const char *message)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    mt_status st = mt_stack_open(NULL, path, NULL, &stack, &err);
    if (st != status || !strstr(err.message, message))
        fail_msg("%s: %s: %s", path, mt_status_name(st), err.message);
}

/* The parts of a path, joined by spaces. */
static const char *parts_of(const char *path)
{
    static char text[2000];
    mt_context *context;
    static const mt_selection all = { .text = "", .path = "", .series = -1, .level = -1 };
    mt_store *store;
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(NULL, &context, &err), &err);
    check_ok(mt_store_open_folder(&context->env, path, &store, &err), &err);
    check_ok(mt_names_new(&context->env, &names, &err), &err);
    mt_container *container = open_store(store, path);
    check_ok(mt_container_list(container, &all, names, &err), &err);
    size_t used = 0;
    *text = 0;
    for (size_t i = 0; i < mt_names_count(names) && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? " " : "", mt_names_get(names, i));
    mt_names_free(names);
    mt_container_close(container);
    mt_context_free(context);
    return text;
}

static const char *in_data(const char *name)
{
    static char path[1200];
    snprintf(path, sizeof path, "%s/%s", data_path("zarr"), name);
    return path;
}

static void check_pyramid(const char *name)
{
    char path[1300];
    for (int level = 0; level < 2; level++) {
        snprintf(path, sizeof path, "%s#level=%d", in_data(name), level);
        mt_stack *stack;
        open_stack(path, &stack);
        const mt_stack_info *info = mt_stack_get_info(stack);
        assert_string_equal(info->original_axes, "TCZYX");
        assert_int_equal(info->n_levels, 2);
        assert_int_equal(info->level, level);
        assert_int_equal(info->original_shape[4], level ? 8 : 16);
        assert_true(info->pixel_size[4] == (level ? 1.0 : 0.5));
        assert_string_equal(info->unit[4], "micrometer");
        assert_string_equal(info->unit[0], "millisecond");
        assert_string_equal(info->channels[0].name, "DAPI");
        assert_string_equal(info->channels[1].name, "GFP");
        assert_true(info->channels[1].has_color);
        assert_memory_equal(info->channels[1].rgb, "\x00\xff\x00", 3);
        mt_stack_close(stack);
    }
    snprintf(path, sizeof path, "%s#level=2", in_data(name));
    check_not_opened(path, MT_E_NOT_FOUND, "there is no level=2;");
}

static void test_pyramids(void **state)
{
    (void)state;
    check_pyramid("zarr-java/ome/v0.4");
    check_pyramid("zarr-java/ome/v0.5");
}

/* A level named by its path is described by the image it belongs to. */
static void test_level_by_path(void **state)
{
    (void)state;
    mt_stack *stack;
    open_stack(in_data("zarr-java/ome/v0.4#1"), &stack);
    assert_int_equal(mt_stack_get_info(stack)->level, 1);
    assert_string_equal(mt_stack_get_info(stack)->original_axes, "TCZYX");
    assert_string_equal(mt_stack_get_info(stack)->part, "1");
    mt_stack_close(stack);

    open_stack(in_data("neuroglancer/ome_zarr/simple_0.5#scale1/image"), &stack);
    assert_int_equal(mt_stack_get_info(stack)->level, 1);
    assert_true(mt_stack_get_info(stack)->pixel_size[0] == 8);
    mt_stack_close(stack);
}

static void test_labels(void **state)
{
    (void)state;
    static const char *const names[] = { "zarr-java/ome/v0.4#labels/nuclei",
                                         "zarr-java/ome/v0.5#labels/nuclei&level=0" };
    for (size_t i = 0; i < 2; i++) {
        mt_stack *stack;
        open_stack(in_data(names[i]), &stack);
        assert_string_equal(mt_stack_get_info(stack)->original_axes, "ZYX");
        assert_true(mt_stack_get_info(stack)->pixel_size[0] == 0.5);
        mt_stack_close(stack);
    }
    assert_string_equal(parts_of(in_data("zarr-java/ome/v0.4")), " labels/nuclei");
    assert_string_equal(parts_of(in_data("zarr-java/ome/v0.5")), " labels/nuclei");
}

static void test_plates(void **state)
{
    (void)state;
    static const char *const names[] = { "zarr-java/ome/v0.4_hcs", "zarr-java/ome/v0.5_hcs" };
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(parts_of(in_data(names[i])), "A/1/0");
        mt_stack *stack;
        open_stack(in_data(names[i]), &stack);
        assert_string_equal(mt_stack_get_info(stack)->part, "A/1/0");
        assert_int_equal(mt_stack_get_info(stack)->n_levels, 1);
        mt_stack_close(stack);
        char path[1300];
        snprintf(path, sizeof path, "%s#A/1", in_data(names[i]));
        open_stack(path, &stack);
        mt_stack_close(stack);
        snprintf(path, sizeof path, "%s#A/2", in_data(names[i]));
        check_not_opened(path, MT_E_NOT_FOUND, "A/2");
    }
}

static void test_old_versions(void **state)
{
    (void)state;
    mt_stack *stack;
    open_stack(in_data("ome-zarr-py/v1"), &stack);
    assert_string_equal(mt_stack_get_info(stack)->original_axes, "TCZYX");
    mt_stack_close(stack);
    open_stack(in_data("ome-zarr-py/v2"), &stack);
    assert_string_equal(mt_stack_get_info(stack)->original_axes, "TCZYX");
    mt_stack_close(stack);
    open_stack(in_data("neuroglancer/ome_zarr/simple_0.4"), &stack);
    assert_string_equal(mt_stack_get_info(stack)->original_axes, "YX");
    assert_int_equal(mt_stack_get_info(stack)->n_levels, 3);
    assert_true(mt_stack_get_info(stack)->pixel_size[1] == 30);
    mt_stack_close(stack);
}

static void test_newer_version(void **state)
{
    (void)state;
    const char *store = "neuroglancer/ome_zarr/all_0.6/simple/anisotropic_rotation.zarr";
    check_not_opened(in_data(store), MT_E_UNSUPPORTED, "OME-Zarr version '0.6.dev1'");
    char path[1300];
    snprintf(path, sizeof path, "%s#array", in_data(store));
    mt_open_options options = { .struct_size = sizeof options, .axes = "ZYX" };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(NULL, path, &options, &stack, &err), &err);
    mt_stack_close(stack);
}

#define ARRAY(shape)                                                                                                   \
    "{\"zarr_format\":2,\"shape\":" shape ",\"chunks\":" shape                                                         \
    ",\"dtype\":\"|u1\",\"order\":\"C\",\"compressor\":null,"                                                          \
    "\"filters\":null,\"fill_value\":5}"
#define GROUP "{\"zarr_format\":2}"

static void write_array(const char *folder)
{
    char path[340];
    snprintf(path, sizeof path, "%s/.zarray", folder);
    write_temporary_text(path, ARRAY("[4,4]"));
}

static void test_plain_groups(void **state)
{
    (void)state;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    write_temporary_text("one.zarr/.zgroup", GROUP);
    write_array("one.zarr/only");
    write_temporary_text("one.zarr/README.md", "no array"); /* other files are not arrays */
    check_ok(mt_stack_open(NULL, temporary_path("one.zarr"), &options, &stack, &err), &err);
    assert_string_equal(mt_stack_get_info(stack)->part, "only");
    mt_stack_close(stack);
    check_ok(mt_stack_open(NULL, temporary_path("one.zarr/only"), &options, &stack, &err), &err);
    mt_stack_close(stack);

    write_array("many.zarr/b"); /* without .zgroup */
    write_array("many.zarr/a");
    write_array("many.zarr/group/deep");
    check_not_opened(temporary_path("many.zarr"), MT_E_NOT_FOUND, "name one: '#a', '#b'");
    assert_string_equal(parts_of(temporary_path("many.zarr")), "a b group/deep");
    check_ok(mt_stack_open(NULL, temporary_path("many.zarr#group"), &options, &stack, &err), &err);
    mt_stack_close(stack);
    check_not_opened(temporary_path("many.zarr#nothing"), MT_E_NOT_FOUND, "there is no Zarr array or group 'nothing'");
    check_not_opened(temporary_path("many.zarr#a&level=1"), MT_E_NOT_FOUND, "without series and levels");
    check_not_opened(temporary_path("many.zarr#../one.zarr/only"), MT_E_ARGUMENT, "not a path inside the store");

    for (int i = 0; i < 20; i++) {
        char folder[64];
        snprintf(folder, sizeof folder, "twenty.zarr/a%02d", i);
        write_array(folder);
    }
    check_not_opened(temporary_path("twenty.zarr"), MT_E_NOT_FOUND, "'#a09', ...");
}

/* An array is opened without a look at the others: a broken one beside it does no harm, but is not hidden. */
static void test_broken_sibling(void **state)
{
    (void)state;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    write_array("siblings.zarr/good");
    write_temporary_text("siblings.zarr/bad/.zarray", "{");
    check_ok(mt_stack_open(NULL, temporary_path("siblings.zarr#good"), &options, &stack, &err), &err);
    mt_stack_close(stack);
    assert_string_equal(parts_of(temporary_path("siblings.zarr")), "bad good");
    check_not_opened(temporary_path("siblings.zarr#bad"), MT_E_CORRUPT, "bad/.zarray");
}

#define IMAGE(path, axes, more)                                                                                        \
    "{\"multiscales\":[{\"version\":\"0.4\",\"axes\":" axes ",\"datasets\":[{\"path\":\"" path "\"}]}]" more "}"
#define YX "[{\"name\":\"y\",\"type\":\"space\"},{\"name\":\"x\",\"type\":\"space\"}]"

static void test_bioformats2raw(void **state)
{
    (void)state;
    mt_stack *stack;
    write_temporary_text("series.zarr/.zattrs", "{\"bioformats2raw.layout\":3}");
    for (int i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "series.zarr/%d/.zattrs", i);
        write_temporary_text(path, IMAGE("0", YX, ""));
        snprintf(path, sizeof path, "series.zarr/%d/0", i);
        write_array(path);
    }
    assert_string_equal(parts_of(temporary_path("series.zarr")), "0 1 2");
    open_stack(temporary_path("series.zarr"), &stack);
    assert_string_equal(mt_stack_get_info(stack)->part, "0");
    mt_stack_close(stack);
    open_stack(temporary_path("series.zarr#series=2"), &stack);
    mt_stack_close(stack);
    check_not_opened(temporary_path("series.zarr#series=3"), MT_E_NOT_FOUND, "there is no series=3;");

    write_temporary_text("series.zarr/OME/.zattrs", "{\"series\":[\"2\",\"0\"]}");
    assert_string_equal(parts_of(temporary_path("series.zarr")), "2 0");
}

/* Paths and axes in metadata are claims, to be checked. */
static void test_false_metadata(void **state)
{
    (void)state;
    mt_stack *stack;
    write_array("secret.zarr");
    write_array("false.zarr/0");
    write_temporary_text("false.zarr/.zattrs", IMAGE("../secret.zarr", YX, ""));
    check_not_opened(temporary_path("false.zarr"), MT_E_CORRUPT, "not a path inside the store");
    write_temporary_text("false.zarr/.zattrs", IMAGE("0", "[{\"name\":\"x\",\"type\":\"space\"}]", ""));
    check_not_opened(temporary_path("false.zarr"), MT_E_CORRUPT, "1 axes and its array 2 dimensions");
    write_temporary_text("false.zarr/.zattrs", IMAGE("1", YX, ""));
    check_not_opened(temporary_path("false.zarr"), MT_E_CORRUPT, "is not an array");
    write_temporary_text("false.zarr/.zattrs", "{\"multiscales\":[{\"datasets\":[]}]}");
    check_not_opened(temporary_path("false.zarr"), MT_E_CORRUPT, "no levels");
    write_temporary_text("false.zarr/.zattrs", "{\"plate\":{\"wells\":[{\"path\":\"../..\"}]}}");
    check_not_opened(temporary_path("false.zarr"), MT_E_CORRUPT, "not a path inside the store");

    /* Channels that are fewer than the axis is long say nothing. */
    write_temporary_text("false.zarr/.zattrs", IMAGE("0", "[{\"name\":\"c\",\"type\":\"channel\"},{\"name\":\"x\"}]",
                                                     ",\"omero\":{\"channels\":[{\"label\":\"a\"}]}"));
    opened o;
    mt_error err = MT_ERROR_INIT;
    check_ok(open_map(temporary_path("false.zarr"), "", &o, &err), &err);
    assert_string_equal(o.map->axes, "CX");
    assert_int_equal(o.map->n_channels, 0);
    close_opened(&o);

    write_temporary_text("false.zarr/.zattrs", IMAGE("0", "[\"row\",\"column\"]", ""));
    check_ok(open_map(temporary_path("false.zarr"), "", &o, &err), &err);
    assert_string_equal(o.map->axes, "YX");
    close_opened(&o);
    write_temporary_text(
        "false.zarr/.zattrs",
        IMAGE("0", "[{\"name\":\"row\",\"type\":\"space\"},{\"name\":\"column\",\"type\":\"space\"}]", ""));
    open_stack(temporary_path("false.zarr"), &stack);
    assert_string_equal(mt_stack_get_info(stack)->original_axes, "YX");
    mt_stack_close(stack);
}

/* start and end of a window count if they are numbers in order; image-label declares labels. */
static void test_windows_and_label_images(void **state)
{
    (void)state;
    static const struct {
        const char *window;
        int has_window;
    } cases[] = { { "{\"start\":-2.5,\"end\":100,\"min\":0,\"max\":255}", 1 },
                  { "{\"start\":100,\"end\":100}", 0 },
                  { "{\"start\":\"1\",\"end\":\"2\"}", 0 },
                  { "{\"min\":0,\"max\":255}", 0 },
                  { "[1,2]", 0 },
                  { "null", 0 } };
    write_array("window.zarr/0");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[600];
        snprintf(text, sizeof text,
                 IMAGE("0", "[{\"name\":\"y\",\"type\":\"space\"},{\"name\":\"x\",\"type\":\"space\"}]",
                       ",\"image-label\":%s,\"omero\":{\"channels\":[{\"label\":\"a\",\"window\":%s}]}"),
                 i % 2 ? "{}" : "1", cases[i].window);
        write_temporary_text("window.zarr/.zattrs", text);
        opened o;
        mt_error err = MT_ERROR_INIT;
        check_ok(open_map(temporary_path("window.zarr"), "", &o, &err), &err);
        assert_int_equal(o.map->is_labels, i % 2);
        assert_int_equal(o.map->n_channels, 1);
        assert_int_equal(o.map->channels[0].has_window, cases[i].has_window);
        assert_true(!cases[i].has_window || (o.map->channels[0].window[0] < -2 && o.map->channels[0].window[1] > 99));
        close_opened(&o);
    }
}

static void test_names_of_dimensions(void **state)
{
    (void)state;
    static const struct {
        const char *names, *axes;
    } cases[] = {
        { "[\"y\",\"x\"]", "YX" },
        { "[\"time\",\"channel\"]", "TC" },
        { "[\"latitude\",\"x\"]", "?X" },
        { "[\"x\",\"x\"]", "??" },
        { "[\"y\"]", "Y?" },
        { "3", "??" },
    };
    opened o;
    mt_error err = MT_ERROR_INIT;
    write_array("names.zarr");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"_ARRAY_DIMENSIONS\":%s}", cases[i].names);
        write_temporary_text("names.zarr/.zattrs", text);
        check_ok(open_map(temporary_path("names.zarr"), "", &o, &err), &err);
        assert_string_equal(o.map->axes, cases[i].axes);
        close_opened(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pyramids),
        cmocka_unit_test(test_level_by_path),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_plates),
        cmocka_unit_test(test_old_versions),
        cmocka_unit_test(test_newer_version),
        cmocka_unit_test(test_plain_groups),
        cmocka_unit_test(test_broken_sibling),
        cmocka_unit_test(test_bioformats2raw),
        cmocka_unit_test(test_false_metadata),
        cmocka_unit_test(test_windows_and_label_images),
        cmocka_unit_test(test_names_of_dimensions),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
