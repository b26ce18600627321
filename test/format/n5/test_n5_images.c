/* SPDX-License-Identifier: BSD-3-Clause */
/* Images of several datasets: levels, setups of BigDataViewer, and the metadata of N5 Viewer, COSEM and Paintera. */
#include "n5_support.h"
#include "support/remarks.h"

#include <math.h>

/* Writes a dataset of one raw block of bytes, each of which is first plus its position. */
static void write_whole(const char *name, const char *sizes, const int64_t *extent, int ndim, uint8_t first,
                        const char *more)
{
    char text[600], path[300];
    uint8_t elements[512];
    size_t n = 1;
    for (int d = 0; d < ndim; d++)
        n *= (size_t)extent[d];
    for (size_t i = 0; i < n; i++)
        elements[i] = (uint8_t)(first + i);
    snprintf(text, sizeof text,
             "{\"dimensions\":%s,\"blockSize\":%s,\"dataType\":\"uint8\",\"compression\":{\"type\":\"raw\"}%s}", sizes,
             sizes, more);
    snprintf(path, sizeof path, "%s/attributes.json", name);
    write_temporary_text(path, text);
    int used = snprintf(path, sizeof path, "%s", name);
    for (int d = 0; d < ndim; d++)
        used += snprintf(path + used, sizeof path - (size_t)used, "/0");
    write_block(path, extent, ndim, elements, n);
}

static const int64_t small[] = { 4, 3, 2 }, smaller[] = { 2, 2, 1 };

/* Two levels below a group. */
static void write_levels(const char *group, const char *first, const char *second)
{
    char name[200];
    snprintf(name, sizeof name, "%s/s0", group);
    write_whole(name, "[4,3,2]", small, 3, 0, first);
    snprintf(name, sizeof name, "%s/s1", group);
    write_whole(name, "[2,2,1]", smaller, 3, 100, second);
}

static void check_near(double found, double expected)
{
    if (fabs(found - expected) > 1e-9 * fabs(expected))
        fail_msg("%g instead of %g", found, expected);
}

/* What is known of an image: axes, level and number of levels, pixel sizes, units ("" for all of them none). */
typedef struct described {
    const char *name, *axes;
    int level, n_levels;
    double size[5];
    const char *unit[5];
} described;

static void check_described(const described *e)
{
    mt_stack *stack;
    mt_error err;
    mt_status st = open_named(e->name, NULL, &stack, &err);
    if (st)
        fail_msg("%s: %s", e->name, err.message);
    const mt_stack_info *info = mt_stack_get_info(stack);
    print_message("%s: %s\n", e->name, info->original_axes);
    assert_string_equal(info->original_axes, e->axes);
    assert_int_equal(info->level, e->level);
    assert_int_equal(info->n_levels, e->n_levels);
    for (int d = 0; d < info->original_ndim; d++) {
        check_near(info->pixel_size[d], e->size[d]);
        assert_string_equal(info->unit[d], e->unit[d] ? e->unit[d] : "");
    }
    mt_stack_close(stack);
}

static void check_refused(const char *name, mt_status status, const char *message)
{
    mt_stack *stack;
    mt_error err;
    mt_status st = open_named(name, NULL, &stack, &err);
    if (st != status || !strstr(err.message, message))
        fail_msg("%s: %s: %s", name, mt_status_name(st), err.message);
}

static float first_pixel(const char *name)
{
    mt_stack *stack;
    mt_error err;
    float out[1];
    static const int64_t origin[3] = { 0 }, one[] = { 1, 1, 1 };
    check_ok(open_named(name, NULL, &stack, &err), &err);
    check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, origin, one, 3, out, &err), &err);
    mt_stack_close(stack);
    return *out;
}

static void n5_viewer(void **state)
{
    (void)state;
    static const described expected[] = {
        { "v/c0", "ZYX", 0, 2, { 0.5, 0.2, 0.1 }, { "micrometer", "micrometer", "micrometer" } },
        { "v/c0#level=1", "ZYX", 1, 2, { 0.5, 0.4, 0.2 }, { "micrometer", "micrometer", "micrometer" } },
        { "v/c0#s1", "ZYX", 1, 2, { 0.5, 0.4, 0.2 }, { "micrometer", "micrometer", "micrometer" } },
        { "v#c0/s1", "ZYX", 1, 2, { 0.5, 0.4, 0.2 }, { "micrometer", "micrometer", "micrometer" } },
        { "v/c0/s1", "ZYX", 0, 1, { 0.5, 0.4, 0.2 }, { "micrometer", "micrometer", "micrometer" } },
        { "v#c1", "ZYX", 0, 2, { 3, 2, 1 }, { NULL } },
        { "v#c1&level=1", "ZYX", 1, 2, { 0 }, { NULL } }, /* by how much it is smaller is not known */
    };
    const char *pixel = ",\"pixelResolution\":{\"unit\":\"um\",\"dimensions\":[0.1,0.2,0.5]}";
    char second[200];
    snprintf(second, sizeof second, "%s,\"downsamplingFactors\":[2,2,1]", pixel);
    write_temporary_text("v/attributes.json", "{\"n5\":\"2.5.1\",\"pixelResolution\":[1,2,3]}");
    write_levels("v/c0", pixel, second);
    write_levels("v/c1", "", "");
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        check_described(&expected[i]);
    assert_true(first_pixel("v#c0") == 0);
    assert_true(first_pixel("v/c0#level=1") == 100);
    check_refused("v", MT_E_NOT_FOUND, "there are several images, name one: '#c0', '#c1'");
    check_refused("v#c0&level=2", MT_E_NOT_FOUND, "there is no level=2; the image has 2, counted from 0");
    check_refused("v#c0&series=1", MT_E_NOT_FOUND, "no series 1");
    check_refused("v/c0/s0#level=1", MT_E_NOT_FOUND, "is one dataset, without levels");
    check_refused("v#c2", MT_E_NOT_FOUND, "there is no N5 array or group 'c2'");
    check_refused("v#../v", MT_E_ARGUMENT, "'../v' is not a path inside the store");
}

static void cosem(void **state)
{
    (void)state;
#define TRANSFORM(scale)                                                                                               \
    "\"transform\":{\"axes\":[\"z\",\"y\",\"x\"],\"scale\":" scale                                                     \
    ",\"translate\":[0,0,0],\"units\":[\"nm\",\"nm\",\"um\"]}"
    static const char *const units[] = { "nanometer", "nanometer", "micrometer" };
    write_levels("k/own", "," TRANSFORM("[3,4,5]"), "," TRANSFORM("[6,8,10]"));
    /* The group names its levels, in whatever order. */
    write_levels("k/group", "", "");
    write_temporary_text("k/group/attributes.json", "{\"multiscales\":[{\"datasets\":[{\"path\":\"s1\"," TRANSFORM(
                                                        "[6,8,10]") "},{\"path\":\"s0\"}]}]}");
    const described expected[] = {
        { "k/own", "ZYX", 0, 2, { 3, 4, 5 }, { units[0], units[1], units[2] } },
        { "k/own#s1", "ZYX", 1, 2, { 6, 8, 10 }, { units[0], units[1], units[2] } },
        { "k/group", "ZYX", 0, 2, { 6, 8, 10 }, { units[0], units[1], units[2] } },
        { "k/group#level=1", "???", 1, 2, { 0 }, { NULL } },
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        check_described(&expected[i]);
    assert_true(first_pixel("k/group") == 100);
    write_temporary_text("k/group/attributes.json", "{\"multiscales\":[{\"datasets\":[{}]}]}");
    check_refused("k/group", MT_E_CORRUPT, "level 0 of the image '' has no path");
    write_temporary_text("k/group/attributes.json", "{\"multiscales\":[{\"datasets\":[{\"path\":\"../own/s0\"}]}]}");
    check_refused("k/group", MT_E_CORRUPT, "'../own/s0' is not a path inside the store");
    write_temporary_text("k/group/attributes.json", "{\"multiscales\":[{\"datasets\":[{\"path\":\"s9\"}]}]}");
    check_refused("k/group", MT_E_CORRUPT, "level 0 of the image '' is not a dataset");
}

/* Lists of attributes, each for a dataset of [4,3,2] or of five dimensions, and what follows. */
static void names_and_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        described expected;
    } cases[] = {
        { "", { "a", "???", 0, 1, { 0 }, { NULL } } },
        { ",\"resolution\":[4,5,6]", { "a", "ZYX", 0, 1, { 6, 5, 4 }, { NULL } } },
        { ",\"resolution\":[4,5,6],\"units\":\"nm\"",
          { "a", "ZYX", 0, 1, { 6, 5, 4 }, { "nanometer", "nanometer", "nanometer" } } },
        { ",\"voxel_size\":[4,5],\"units\":[\"nm\",\"um\"]",
          { "a", "?YX", 0, 1, { 0, 5, 4 }, { NULL, "micrometer", "nanometer" } } },
        { ",\"resolution\":[0,-1,6]", { "a", "ZYX", 0, 1, { 6, 0, 0 }, { NULL } } },
        { ",\"resolution\":[4,\"5\",6]", { "a", "???", 0, 1, { 0 }, { NULL } } },
        { ",\"resolution\":[1,2,3,4]", { "a", "???", 0, 1, { 0 }, { NULL } } },
        { ",\"downsamplingFactors\":[1,1,1]", { "a", "ZYX", 0, 1, { 0 }, { NULL } } },
        { ",\"axes\":[\"x\",\"y\",\"t\"]", { "a", "TYX", 0, 1, { 0 }, { NULL } } },
        { ",\"axes\":[\"c\",\"x\",\"y\"],\"resolution\":[1,2,3]", { "a", "YXC", 0, 1, { 3, 2, 0 }, { NULL } } },
        { ",\"axes\":[{\"name\":\"x\"},{\"label\":\"y\"},{\"name\":\"z\"}]", { "a", "ZYX", 0, 1, { 0 }, { NULL } } },
        { ",\"axes\":[\"x\",\"x\",\"y\"]", { "a", "???", 0, 1, { 0 }, { NULL } } },
        { ",\"axes\":[\"x\",\"y\"]", { "a", "???", 0, 1, { 0 }, { NULL } } },
        { ",\"axes\":7,\"transform\":8,\"pixelResolution\":9,\"units\":10", { "a", "???", 0, 1, { 0 }, { NULL } } },
        { ",\"transform\":{\"axes\":[\"x\",\"y\",\"z\"]}", { "a", "XYZ", 0, 1, { 0 }, { NULL } } },
        { ",\"transform\":{\"axes\":[\"x\",\"y\"]}", { "a", "???", 0, 1, { 0 }, { NULL } } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%s\n", cases[i].more);
        write_whole("a", "[4,3,2]", small, 3, 0, cases[i].more);
        check_described(&cases[i].expected);
    }
    static const int64_t five[] = { 4, 3, 2, 2, 1 };
    write_whole(
        "a5", "[4,3,2,2,1]", five, 5, 0,
        ",\"axes\":[\"x\",\"y\",\"c\",\"z\",\"t\"],\"pixelResolution\":{\"unit\":\"mm\",\"dimensions\":[1,2,1,3,4]}");
    check_described(&(described) {
        "a5", "TZCYX", 0, 1, { 4, 3, 0, 2, 1 }, { "millimeter", "millimeter", "", "millimeter", "millimeter" } });
}

/* Paintera: the group has the pixel size, levels have factors; or the group has those of all. */
static void paintera(void **state)
{
    (void)state;
    write_levels("p/data", "", ",\"downsamplingFactors\":[2,2,1]");
    write_temporary_text("p/data/attributes.json", "{\"multiScale\":true,\"resolution\":[4,4,40]}");
    write_levels("p/scales", "", "");
    write_temporary_text("p/scales/attributes.json", "{\"resolution\":[4,4,40],\"scales\":[[1,1,1],[2,2,1]]}");
    static const described expected[] = {
        { "p/data", "ZYX", 0, 2, { 40, 4, 4 }, { NULL } },
        { "p/data#level=1", "ZYX", 1, 2, { 40, 8, 8 }, { NULL } },
        { "p/scales#level=1", "ZYX", 1, 2, { 40, 8, 8 }, { NULL } },
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        check_described(&expected[i]);
}

/* Time points 9, 10 and 11 of two setups; the second lacks time point 10. */
static void write_setups(void)
{
    static const int times[] = { 10, 11, 9 };
    char name[100];
    write_temporary_text("b.n5/attributes.json", "{\"n5\":\"2.5.1\"}");
    for (int setup = 0; setup < 2; setup++) {
        snprintf(name, sizeof name, "b.n5/setup%d/attributes.json", setup);
        write_temporary_text(name, "{\"downsamplingFactors\":[[1,1,1],[2,2,2]],\"dataType\":\"uint8\"}");
        for (int t = 0; t < 3; t++) {
            snprintf(name, sizeof name, "b.n5/setup%d/timepoint%d/attributes.json", setup, times[t]);
            write_temporary_text(name, "{\"multiScale\":true,\"resolution\":[1,2,3]}");
            for (int level = 0; level < 2 && (setup == 0 || times[t] != 10); level++) {
                snprintf(name, sizeof name, "b.n5/setup%d/timepoint%d/s%d", setup, times[t], level);
                write_whole(name, level ? "[2,2,1]" : "[4,3,2]", level ? smaller : small, 3,
                            (uint8_t)(100 * setup + 20 * level + times[t]), "");
            }
        }
    }
    write_temporary_text("b.n5/setup0/notes.txt", "no time point");
    write_temporary_text("b.n5/setup0/timepointX/attributes.json", "{}");
}

static void setups(void **state)
{
    (void)state;
    static const described expected[] = {
        { "b.n5#setup0", "TZYX", 0, 2, { 0, 3, 2, 1 }, { NULL } },
        { "b.n5#setup0&level=1", "TZYX", 1, 2, { 0, 6, 4, 2 }, { NULL } },
        { "b.n5/setup1", "TZYX", 0, 2, { 0, 3, 2, 1 }, { NULL } },
        { "b.n5#setup0/timepoint10", "ZYX", 0, 2, { 3, 2, 1 }, { NULL } },
        { "b.n5#setup0/timepoint10/s1", "ZYX", 1, 2, { 6, 4, 2 }, { NULL } },
    };
    mt_stack *stack;
    mt_error err;
    whole_image image;
    write_setups();
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        check_described(&expected[i]);
    check_refused("b.n5", MT_E_NOT_FOUND, "name one: '#setup0', '#setup1'");
    check_refused("b.n5#setup0&level=2", MT_E_NOT_FOUND, "there is no level=2; the image has 2, counted from 0");

    check_ok(open_named("b.n5#setup0", NULL, &stack, &err), &err);
    check_ok(read_whole(stack, &image, &err), &err);
    assert_int_equal(image.shape[0], 3);
    for (int t = 0; t < 3; t++)
        for (int i = 0; i < 24; i++)
            assert_int_equal(image.pixels[24 * t + i], i + 9 + t);
    check_boxes(stack, &image, 9, 64);
    free_whole(&image);
    mt_stack_close(stack);
    const mt_open_options options = { .struct_size = sizeof options, .part = "setup0" };
    check_contract(temporary_path("b.n5"), &options);
}

static void time_points_that_are_missing(void **state)
{
    (void)state;
    mt_stack *stack;
    mt_error err;
    whole_image image;
    write_setups();
    check_ok(open_named("b.n5#setup1", NULL, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_int_equal(info->n_missing, 1);
    assert_string_equal(info->missing[0], "setup1/timepoint10/s0");
    check_ok(read_whole(stack, &image, &err), &err);
    for (int i = 0; i < 72; i++)
        assert_int_equal(image.pixels[i], i / 24 == 1 ? 0 : 109 + i % 24 + i / 24);
    free_whole(&image);
    mt_stack_close(stack);
    const mt_open_options options = { .struct_size = sizeof options, .part = "setup1", .missing_is_error = 1 };
    assert_int_not_equal(mt_stack_open(NULL, temporary_path("b.n5"), &options, &stack, &err), MT_OK);
}

static void time_points_with_two_names(void **state)
{
    (void)state;
    mt_stack *stack;
    mt_error err;
    write_temporary_text("w.n5/setup0/attributes.json", "{\"downsamplingFactors\":[[1,1,1]]}");
    write_whole("w.n5/setup0/timepoint0/s0", "[4,3,2]", small, 3, 7, "");
    write_whole("w.n5/setup0/timepoint00/s0", "[4,3,2]", small, 3, 8, "");
    check_ok(open_named("w.n5#setup0", NULL, &stack, &err), &err);
    check_remarks(stack, 0, "", "are the same time point: timepoint0 is read");
    mt_stack_close(stack);
    assert_true(first_pixel("w.n5#setup0") == 7);
}

/* How many time points there are is limited, not their numbers. */
static void late_time_points(void **state)
{
    (void)state;
    mt_stack *stack;
    mt_error err;
    write_temporary_text("l.n5/setup0/attributes.json", "{\"downsamplingFactors\":[[1,1,1]]}");
    write_whole("l.n5/setup0/timepoint70000/s0", "[4,3,2]", small, 3, 7, "");
    write_whole("l.n5/setup0/timepoint70001/s0", "[4,3,2]", small, 3, 8, "");
    check_ok(open_named("l.n5#setup0", NULL, &stack, &err), &err);
    assert_int_equal(mt_stack_get_info(stack)->original_shape[0], 2);
    mt_stack_close(stack);
}

static void setups_that_are_refused(void **state)
{
    (void)state;
    static const int64_t other[] = { 4, 3, 1 }, flat[] = { 4, 3 };
    write_setups();
    write_whole("b.n5/setup0/timepoint10/s0", "[4,3,1]", other, 3, 0, "");
    check_refused("b.n5#setup0", MT_E_UNSUPPORTED,
                  "'setup0/timepoint10/s0' and 'setup0/timepoint9/s0' differ in size, type or compression");
    write_temporary_text("c.n5/setup0/attributes.json", "{\"downsamplingFactors\":[[1,1,1]]}");
    check_refused("c.n5#setup0", MT_E_NOT_FOUND, "'setup0' has no time points (timepoint0)");
    write_temporary_text("c.n5/setup0/timepoint0/attributes.json", "{}");
    check_refused("c.n5#setup0", MT_E_NOT_FOUND, "no time point of 'setup0' has the level 0");
    write_whole("c.n5/setup0/timepoint0/s0", "[4,3]", flat, 2, 0, "");
    check_refused("c.n5#setup0", MT_E_UNSUPPORTED, "'setup0/timepoint0/s0' has 2 dimensions, not 3");
}

#define SETUP0                                                                                                         \
    "<ViewSetups><ViewSetup><id>0</id><name>GFP</name><voxelSize><unit>um</unit><size>0.5 0.5 2</size></voxelSize>"    \
    "</ViewSetup></ViewSetups>"

static void write_document(const char *loader, const char *times)
{
    char text[1000];
    snprintf(text, sizeof text,
             "<?xml version='1.0'?><SpimData version='0.2'><SequenceDescription>%s" SETUP0
             "<Timepoints %s</Timepoints></SequenceDescription></SpimData>",
             loader, times);
    write_temporary_text("x/b.xml", text);
}

#define LOADER(path) "<ImageLoader format='bdv.n5'><n5 type='relative'>" path "</n5></ImageLoader>"

#define MICRON "micrometer"

/* The document of BigDataViewer names the container, and knows more of it. */
static void documents(void **state)
{
    (void)state;
    char command[900];
    static const described expected[] = {
        { "x/b.xml#setup0", "TZYX", 0, 2, { 0, 2, 0.5, 0.5 }, { "", MICRON, MICRON, MICRON } },
        { "x/b.xml#setup0&level=1", "TZYX", 1, 2, { 0, 4, 1, 1 }, { "", MICRON, MICRON, MICRON } },
        { "x/b.xml#setup1", "TZYX", 0, 2, { 0, 3, 2, 1 }, { NULL } },
    };
    mt_stack *stack;
    mt_stacks *stacks;
    mt_error err;
    write_setups();
    write_document(LOADER("b.n5/"), "type='range'><first>8</first><last>12</last>");
    snprintf(command, sizeof command, "mv '%s' '%s/b.n5'", temporary_path("b.n5"), temporary_path("x"));
    assert_int_equal(system(command), 0);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        check_described(&expected[i]);
    check_ok(open_named("x/b.xml#setup0", NULL, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_int_equal(info->original_shape[0], 5);
    assert_int_equal(info->n_missing, 2);
    assert_string_equal(info->missing[0], "b.n5/setup0/timepoint8/s0");
    assert_string_equal(info->missing[1], "b.n5/setup0/timepoint12/s0");
    assert_string_equal(info->channels[0].name, "GFP");
    mt_stack_close(stack);

    /* A search of the folder finds each setup once. */
    const char *const folder = temporary_path("x");
    check_ok(mt_stacks_open(NULL, &folder, 1, NULL, &stacks, &err), &err);
    assert_int_equal(mt_stacks_count(stacks), 2);
    for (size_t i = 0; i < 2; i++)
        assert_non_null(strstr(mt_stack_get_info(mt_stacks_get(stacks, i))->source, "b.xml#setup"));
    mt_stacks_close(stacks);
}

/* Documents list their setups, thousands at times, before the loader. */
static void long_documents(void **state)
{
    (void)state;
    mt_stack *stack;
    mt_error err;
    char *text = malloc(10000);
    assert_non_null(text);
    snprintf(text, 10000, "<?xml version='1.0'?><SpimData>%8000s%s", "",
             "<SequenceDescription>" LOADER("b.n5") "</SequenceDescription></SpimData>");
    write_setups();
    write_temporary_text("long.xml", text);
    free(text);
    check_ok(open_named("long.xml#setup0", NULL, &stack, &err), &err);
    assert_string_equal(mt_stack_get_info(stack)->format, "n5");
    mt_stack_close(stack);
}

/* Other programs, too, have files with the name attributes.json. */
static void folders_with_other_attributes(void **state)
{
    (void)state;
    static const uint8_t bytes[2] = { 1, 2 };
    mt_stack *stack;
    mt_error err;
    write_temporary_text("o/attributes.json", "{\"author\":\"\"}");
    check_refused("o", MT_E_NOT_AN_IMAGE, "taken for N5 by its attributes.json");
    write_temporary_text("o.zarr/attributes.json", "{\"author\":\"\"}");
    write_temporary_text("o.zarr/a/.zarray", "{\"zarr_format\":2,\"shape\":[1,2],\"chunks\":[1,2],\"dtype\":\"|u1\","
                                             "\"compressor\":null,\"fill_value\":0,\"order\":\"C\",\"filters\":null}");
    write_temporary("o.zarr/a/0.0", bytes, sizeof bytes);
    check_ok(open_named("o.zarr", "YX", &stack, &err), &err);
    assert_string_equal(mt_stack_get_info(stack)->format, "zarr");
    mt_stack_close(stack);
    write_whole("n.zarr", "[4,3,2]", small, 3, 7, ""); /* attributes of N5 tell more than a name */
    check_ok(open_named("n.zarr", NULL, &stack, &err), &err);
    assert_string_equal(mt_stack_get_info(stack)->format, "n5");
    mt_stack_close(stack);
    write_temporary_text("broken/attributes.json", "{");
    check_refused("broken", MT_E_CORRUPT, "attributes.json");
}

#define BASED(type, base, path)                                                                                        \
    "<?xml version='1.0'?><SpimData><BasePath type='" type "'>" base                                                   \
    "</BasePath><SequenceDescription>" LOADER(path) "</SequenceDescription></SpimData>"

/* Data is looked for below BasePath, although there is another container where the document is. */
static void documents_with_a_base_path(void **state)
{
    (void)state;
    static const char *const documents[] = { BASED("relative", "sub/./", "e.n5"),
                                             BASED("relative", "..", "y/sub/e.n5/"),
                                             "\n" BASED("relative", "", "sub/e.n5") };
    static const int64_t origin[3] = { 0 }, size[3] = { 1, 1, 1 }, extent[3] = { 4, 3, 2 };
    const mt_open_options options = { .struct_size = sizeof options, .external_folder = temporary_folder() };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    float pixel;
    for (uint8_t i = 0; i < 2; i++) {
        write_temporary_text(i ? "y/sub/e.n5/setup0/attributes.json" : "y/e.n5/setup0/attributes.json",
                             "{\"downsamplingFactors\":[[1,1,1]]}");
        write_whole(i ? "y/sub/e.n5/setup0/timepoint0/s0" : "y/e.n5/setup0/timepoint0/s0", "[4,3,2]", extent, 3, i, "");
    }
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        write_temporary_text("y/b.xml", documents[i]);
        check_ok(mt_stack_open(NULL, temporary_path("y/b.xml"), i == 1 ? &options : NULL, &stack, &err), &err);
        check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, origin, size, 3, &pixel, &err), &err);
        assert_true(pixel == 1);
        check_remarks(stack, 0, "", i == 2 ? "the document of BigDataViewer: white space before the XML" : "");
        mt_stack_close(stack);
    }
    write_temporary_text("y/b.xml", documents[1]);
    check_refused("y/b.xml", MT_E_UNSUPPORTED, "../y/sub/e.n5/, is not inside of");
    write_temporary_text("y/b.xml", BASED("absolute", "/data", "e.n5"));
    check_refused("y/b.xml", MT_E_UNSUPPORTED, "an absolute BasePath, /data: open e.n5 in it itself");
}

static void documents_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *loader, *times;
        mt_status status;
        const char *message;
    } cases[] = {
        { LOADER("b.n5"), "type='range'><first>0</first><last>200000</last>", MT_E_LIMIT, "are more than 100000" },
        { LOADER("c.n5"), "type='pattern'><integerpattern>0-2</integerpattern>", MT_E_NOT_FOUND, "'c.n5/setup0'" },
        { LOADER("../b.n5"), ">", MT_E_UNSUPPORTED, "is not inside of" },
        { LOADER("/data/b.n5"), ">", MT_E_UNSUPPORTED, "by an absolute path: open /data/b.n5 itself" },
        { "<ImageLoader format='bdv.n5.cloud'><n5>b.n5</n5></ImageLoader>", ">", MT_E_UNSUPPORTED,
          "n5: the BigDataViewer loader \"bdv.n5.cloud\" is not supported" },
        { "<ImageLoader format='bdv.n5'></ImageLoader>", ">", MT_E_UNSUPPORTED, "\"bdv.n5\" is not supported" },
        { "<ImageLoader format='bdv.n5'>", ">", MT_E_CORRUPT, "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_document(cases[i].loader, cases[i].times);
        check_refused("x/b.xml#setup0", cases[i].status, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(n5_viewer),
        cmocka_unit_test(cosem),
        cmocka_unit_test(names_and_sizes),
        cmocka_unit_test(paintera),
        cmocka_unit_test(setups),
        cmocka_unit_test(time_points_that_are_missing),
        cmocka_unit_test(time_points_with_two_names),
        cmocka_unit_test(late_time_points),
        cmocka_unit_test(setups_that_are_refused),
        cmocka_unit_test(documents),
        cmocka_unit_test(documents_with_a_base_path),
        cmocka_unit_test(folders_with_other_attributes),
        cmocka_unit_test(long_documents),
        cmocka_unit_test(documents_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
