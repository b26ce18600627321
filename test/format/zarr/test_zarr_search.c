/* SPDX-License-Identifier: BSD-3-Clause */
/* Images below groups, at any depth: which are found, once each, and under which names. */
#include "zarr_support.h"

#include "stack/stack.h"
#include "support/delayed_store.h"

#define ARRAY(shape)                                                                                                   \
    "{\"zarr_format\":2,\"shape\":" shape ",\"chunks\":" shape                                                         \
    ",\"dtype\":\"|u1\",\"order\":\"C\",\"compressor\":null,\"filters\":null,\"fill_value\":5}"
#define EMPTY                                                                                                          \
    "{\"zarr_format\":2,\"shape\":[0,4],\"chunks\":[1,4],\"dtype\":\"|u1\",\"order\":\"C\",\"compressor\":null,"       \
    "\"filters\":null,\"fill_value\":5}"
#define GROUP "{\"zarr_format\":2}"
#define IMAGE(path)                                                                                                    \
    "{\"multiscales\":[{\"version\":\"0.4\",\"axes\":[{\"name\":\"y\",\"type\":\"space\"},{\"name\":\"x\","            \
    "\"type\":\"space\"}],\"datasets\":[{\"path\":\"" path "\"}]}]}"

static const char *in_case(const char *name)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", data_path("cases"), name);
    return path;
}

static const char *join(const mt_names *names)
{
    static char text[2000];
    size_t used = 0;
    *text = 0;
    for (size_t i = 0; i < mt_names_count(names) && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? " " : "", mt_names_get(names, i));
    return text;
}

/* The parts of a path, joined by spaces. */
static void check_parts(const char *path, const char *expected)
{
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_list_parts(NULL, path, NULL, &names, &err), &err);
    assert_string_equal(join(names), expected);
    mt_names_free(names);
}

static void check_opens(const char *path, const char *axes, const char *part)
{
    mt_open_options options = { .struct_size = sizeof options, .axes = axes };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(NULL, path, &options, &stack, &err), &err);
    assert_string_equal(mt_stack_get_info(stack)->part, part);
    mt_stack_close(stack);
}

static void check_fails(const char *path, mt_status status, const char *message)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    mt_status st = mt_stack_open(NULL, path, NULL, &stack, &err);
    if (st != status || !strstr(err.message, message))
        fail_msg("%s: %s: %s", path, mt_status_name(st), err.message);
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

static void nested_groups(void **state)
{
    (void)state;
    char part[700];
    const char *path = in_case("zarr2-nested-groups/nested2.zarr");
    check_parts(path, "volumes/labels/neuron_ids volumes/raw");
    check_fails(path, MT_E_NOT_FOUND, "name one: '#volumes/labels/neuron_ids', '#volumes/raw'");
    snprintf(part, sizeof part, "%s#volumes/raw", path);
    check_pixels(part, "ZYX", "add97d7198c52e61e949f9c90e7f34f2");
    snprintf(part, sizeof part, "%s#volumes/labels", path);
    check_parts(part, "volumes/labels/neuron_ids");
    check_opens(part, "ZYX", "volumes/labels");
}

static void spatial_data(void **state)
{
    (void)state;
    char part[700];
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const char *path = in_case("zarr3-spatialdata/sd.zarr");
    check_parts(path, "images/img labels/seg");
    snprintf(part, sizeof part, "%s#images/img", path);
    check_ok(mt_stack_open(NULL, part, NULL, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, "CYX");
    assert_int_equal(info->original_shape[0], 2);
    assert_int_equal(info->original_shape[1], 24);
    assert_int_equal(info->original_shape[2], 20);
    assert_int_equal(info->dtype, MT_UINT16);
    mt_stack_close(stack);
}

static void one_field_of_a_plate_is_missing(void **state)
{
    (void)state;
    const char *path = in_case("zarr-plate-one-field-missing/plate.zarr"), *skipped, *reason;
    mt_stacks *stacks;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stacks_open(NULL, &path, 1, NULL, &stacks, &err), &err);
    assert_int_equal(mt_stacks_count(stacks), 3);
    assert_true(mt_stacks_skipped(stacks, 0, &skipped, &reason));
    assert_non_null(strstr(skipped, "#B/02/fov2"));
    assert_non_null(strstr(reason, "there is no Zarr array or group"));
    assert_false(mt_stacks_skipped(stacks, 1, &skipped, &reason));
    mt_stacks_close(stacks);
}

/* Scalars, coordinates, arrays without elements and tables are not images. */
static void what_is_no_image(void **state)
{
    (void)state;
    write_temporary_text("other.zarr/.zgroup", GROUP);
    write_temporary_text("other.zarr/g/scalar/.zarray", ARRAY("[]"));
    write_temporary_text("other.zarr/g/x/.zarray", ARRAY("[4]"));
    write_temporary_text("other.zarr/g/empty/.zarray", EMPTY);
    write_temporary_text("other.zarr/table/.zgroup", GROUP);
    write_temporary_text("other.zarr/table/.zattrs", "{\"encoding-type\":\"anndata\"}");
    write_temporary_text("other.zarr/table/X/.zarray", ARRAY("[4,4]"));
    write_temporary_text("other.zarr/notes/a/b.txt", "nothing");
    check_parts(temporary_path("other.zarr"), "");
    check_fails(temporary_path("other.zarr"), MT_E_NOT_AN_IMAGE, "no array of two or more dimensions");
    write_temporary_text("other.zarr/g/deep/er/image/.zarray", ARRAY("[4,4]")); /* groups need no metadata */
    check_parts(temporary_path("other.zarr"), "g/deep/er/image");
    check_opens(temporary_path("other.zarr"), "YX", "g/deep/er/image");
    check_opens(temporary_path("other.zarr#table"), "YX", "table");
}

/* Other images, too, are found below groups. */
static void images_of_all_kinds(void **state)
{
    (void)state;
    write_temporary_text("kinds.zarr/.zgroup", GROUP);
    write_temporary_text("kinds.zarr/a/image/.zattrs", IMAGE("0"));
    write_temporary_text("kinds.zarr/a/image/0/.zarray", ARRAY("[4,4]"));
    write_temporary_text("kinds.zarr/a/image/labels/.zattrs", "{\"labels\":[\"cells\"]}");
    write_temporary_text("kinds.zarr/a/image/labels/cells/.zattrs", IMAGE("0"));
    write_temporary_text("kinds.zarr/a/image/labels/cells/0/.zarray", ARRAY("[4,4]"));
    write_temporary_text("kinds.zarr/plate/.zattrs", "{\"plate\":{\"wells\":[{\"path\":\"A/1\"}]}}");
    write_temporary_text("kinds.zarr/plate/A/1/.zattrs", "{\"well\":{\"images\":[{\"path\":\"0\"}]}}");
    write_temporary_text("kinds.zarr/plate/A/1/0/.zattrs", IMAGE("0"));
    write_temporary_text("kinds.zarr/plate/A/1/0/0/.zarray", ARRAY("[4,4]"));
    check_parts(temporary_path("kinds.zarr"), "a/image a/image/labels/cells plate/A/1/0");
    check_parts(temporary_path("kinds.zarr#a"), "a/image a/image/labels/cells");
    check_opens(temporary_path("kinds.zarr#a"), NULL, "a");
}

/* An array with two names is one image, and links that lead back are not followed. */
static void links_are_followed_once(void **state)
{
    (void)state;
    char link[600];
    write_temporary_text("links.zarr/.zgroup", GROUP);
    write_temporary_text("links.zarr/b/array/.zarray", ARRAY("[4,4]"));
    snprintf(link, sizeof link, "%s", temporary_path("links.zarr/b/up"));
    assert_int_equal(symlink("..", link), 0);
    snprintf(link, sizeof link, "%s", temporary_path("links.zarr/again"));
    assert_int_equal(symlink("b/array", link), 0);
    check_parts(temporary_path("links.zarr"), "again");
}

static void depth_is_limited(void **state)
{
    (void)state;
    char name[200];
    int n = snprintf(name, sizeof name, "deep.zarr");
    for (int i = 0; i < 70; i++)
        n += snprintf(name + n, sizeof name - (size_t)n, "/g");
    snprintf(name + n, sizeof name - (size_t)n, "/.zarray");
    write_temporary_text(name, ARRAY("[4,4]"));
    write_temporary_text("deep.zarr/.zgroup", GROUP);
    check_fails(temporary_path("deep.zarr"), MT_E_LIMIT, "name the array");
}

/* A path of a level that begins with "/" is one of the group, or of the root. */
static void levels_from_the_root(void **state)
{
    (void)state;
    write_temporary_text("slash.zarr/group/.zattrs", IMAGE("/0"));
    write_temporary_text("slash.zarr/group/0/.zarray", ARRAY("[4,4]"));
    check_opens(temporary_path("slash.zarr#group"), NULL, "group");
    check_opens(temporary_path("slash.zarr#group/0"), NULL, "group/0"); /* which the image describes */
    write_temporary_text("slash.zarr/group/.zattrs", IMAGE("/group/s0"));
    check_fails(temporary_path("slash.zarr#group"), MT_E_CORRUPT, "is not an array");
    write_temporary_text("slash.zarr/group/s0/.zarray", ARRAY("[4,4]"));
    check_opens(temporary_path("slash.zarr#group"), NULL, "group");
    check_opens(temporary_path("slash.zarr#group/s0"), NULL, "group/s0");
    write_temporary_text("slash.zarr/group/.zattrs", IMAGE("/../slash.zarr/group/s0"));
    check_fails(temporary_path("slash.zarr#group"), MT_E_CORRUPT, "not a path inside the store");
}

/* Without listing, nested groups are found by the consolidated metadata of the root. */
static void consolidated(void **state)
{
    (void)state;
    static delayed_log log = { .delay_ms = 0, .no_list = true };
    const mt_store_wrap wrap = { delayed_wrap, &log };
    mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    write_temporary_text("consolidated.zarr/zarr.json",
                         "{\"zarr_format\":3,\"node_type\":\"group\",\"consolidated_metadata\":{\"kind\":\"inline\","
                         "\"must_understand\":false,\"metadata\":{\"a\":{},\"a/b\":{},\"a/b/c\":{}}}}");
    write_temporary_text("consolidated.zarr/a/zarr.json", "{\"zarr_format\":3,\"node_type\":\"group\"}");
    write_temporary_text("consolidated.zarr/a/b/zarr.json", "{\"zarr_format\":3,\"node_type\":\"group\"}");
    write_temporary_text("consolidated.zarr/a/b/c/.zarray", ARRAY("[4,4]"));
    check_ok(mt_stack_open_wrapped(NULL, temporary_path("consolidated.zarr"), &options, &wrap, &stack, &err), &err);
    assert_string_equal(mt_stack_get_info(stack)->part, "a/b/c");
    mt_stack_close(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_groups),
        cmocka_unit_test(spatial_data),
        cmocka_unit_test(one_field_of_a_plate_is_missing),
        cmocka_unit_test(what_is_no_image),
        cmocka_unit_test(images_of_all_kinds),
        cmocka_unit_test(links_are_followed_once),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(levels_from_the_root),
        cmocka_unit_test(consolidated),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
