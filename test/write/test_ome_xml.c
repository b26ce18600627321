/* SPDX-License-Identifier: BSD-3-Clause */
/* OME-XML as it is written, character for character: schema 2016-06. */
#include "write/ome_xml.h"

#include "support/support.h"
#include "write/sink.h"

#include <string.h>

#define SIZES(...) ((const int64_t[]) { __VA_ARGS__ })
#define NUMBERS(...) ((const double[]) { __VA_ARGS__ })
#define TEXTS(...) ((const char *const[]) { __VA_ARGS__ })

static mt_env env;
static mt_arena *arena;

static int open_arena(void **state)
{
    (void)state;
    mt_env_init(&env, NULL, NULL);
    return mt_arena_new(&env, &arena, NULL);
}

static int close_arena(void **state)
{
    (void)state;
    mt_arena_free(arena);
    return 0;
}

static const mt_plan *plan_of(const mt_writer_options *given)
{
    mt_writer_options options = *given;
    mt_plan *plan;
    mt_error err = MT_ERROR_INIT;
    options.struct_size = sizeof options;
    options.dtype = options.dtype ? options.dtype : MT_UINT16;
    check_ok(mt_sink_plan(mt_sink_find("zarr"), arena, &options, &plan, &err), &err);
    return plan;
}

static void check_image(const mt_writer_options *options, uint64_t number, bool has_pages, const char *wanted)
{
    mt_buffer text = mt_buffer_on(&env);
    mt_ome_put_image(plan_of(options), number, has_pages, &text);
    mt_put_u8(&text, 0);
    assert_int_equal(text.status, MT_OK);
    assert_string_equal((const char *)text.data, wanted);
    mt_buffer_free(&text);
}

static void images_have_axes_and_channels(void **state)
{
    (void)state;
    check_image(&(mt_writer_options) { .axes = "YX", .shape = SIZES(3, 4) }, 0, true,
                "<Image ID=\"Image:0\"><Pixels ID=\"Pixels:0\" DimensionOrder=\"XYZCT\" Type=\"uint16\" SizeX=\"4\" "
                "SizeY=\"3\" SizeZ=\"1\" SizeC=\"1\" SizeT=\"1\" BigEndian=\"false\"><Channel ID=\"Channel:0:0\" "
                "SamplesPerPixel=\"1\"/><TiffData IFD=\"0\" PlaneCount=\"1\"/></Pixels></Image>");
    const mt_channel channels[] = { { .name = "a<b>&\"c\"\t", .has_color = 1, .rgb = { 255, 16, 1 } },
                                    { .name = "", .has_color = 1, .rgb = { 0, 0, 128 } } };
    const mt_writer_options full = { .axes = "TCZYX",
                                     .shape = SIZES(7, 2, 5, 3, 4),
                                     .dtype = MT_FLOAT64,
                                     .pixel_size = NUMBERS(0.1 + 0.2, 9, 2, 1e-7, 0.5),
                                     .unit = TEXTS("minute", "meter", "angstrom", "micrometer", ""),
                                     .channels = channels,
                                     .note = "<n>" };
    check_image(&full, 12, false,
                "<Image ID=\"Image:12\"><Description>&lt;n&gt;</Description><Pixels ID=\"Pixels:12\" "
                "DimensionOrder=\"XYZCT\" Type=\"double\" SizeX=\"4\" SizeY=\"3\" SizeZ=\"5\" SizeC=\"2\" SizeT=\"7\" "
                "BigEndian=\"false\" PhysicalSizeX=\"0.5\" PhysicalSizeXUnit=\"reference frame\" "
                "PhysicalSizeY=\"1e-07\" PhysicalSizeYUnit=\"\xc2\xb5m\" PhysicalSizeZ=\"2\" "
                "PhysicalSizeZUnit=\"\xc3\x85\" TimeIncrement=\"0.30000000000000004\" TimeIncrementUnit=\"min\">"
                "<Channel ID=\"Channel:12:0\" Name=\"a&lt;b&gt;&amp;&quot;c&quot; \" Color=\"-15728129\" "
                "SamplesPerPixel=\"1\"/><Channel ID=\"Channel:12:1\" Color=\"33023\" SamplesPerPixel=\"1\"/>"
                "<MetadataOnly/></Pixels></Image>");
    /* a time without a unit has no meaning, nor has a length in seconds */
    const mt_writer_options times = { .axes = "TYX",
                                      .shape = SIZES(2, 3, 4),
                                      .dtype = MT_INT8,
                                      .pixel_size = NUMBERS(3, 0.25, 0.25),
                                      .unit = TEXTS("meter", "second", "inch") };
    check_image(&times, 1, true,
                "<Image ID=\"Image:1\"><Pixels ID=\"Pixels:1\" DimensionOrder=\"XYZCT\" Type=\"int8\" SizeX=\"4\" "
                "SizeY=\"3\" SizeZ=\"1\" SizeC=\"1\" SizeT=\"2\" BigEndian=\"false\" PhysicalSizeX=\"0.25\" "
                "PhysicalSizeXUnit=\"in\" PhysicalSizeY=\"0.25\" PhysicalSizeYUnit=\"reference frame\">"
                "<Channel ID=\"Channel:1:0\" SamplesPerPixel=\"1\"/><TiffData IFD=\"0\" PlaneCount=\"2\"/></Pixels>"
                "</Image>");
}

static void planes_are_counted(void **state)
{
    (void)state;
    mt_buffer text = mt_buffer_on(&env);
    const mt_writer_options options = { .axes = "TCZYX", .shape = SIZES(2, 3, 5, 1, 1) };
    mt_ome_put_image(plan_of(&options), 0, true, &text);
    mt_put_u8(&text, 0);
    assert_non_null(strstr((const char *)text.data, "PlaneCount=\"30\""));
    mt_buffer_free(&text);
}

static void a_document_has_a_root(void **state)
{
    (void)state;
    static const char start[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><OME xmlns=\"http://www.openmicroscopy.org/"
                                "Schemas/OME/2016-06\" ";
    for (int i = 0; i < 2; i++) {
        mt_buffer text = mt_buffer_on(&env);
        mt_ome_begin(i ? "1-2" : NULL, &text);
        mt_ome_end(&text);
        mt_put_u8(&text, 0);
        const char *found = (const char *)text.data;
        assert_int_equal(strncmp(found, start, strlen(start)), 0);
        assert_int_equal(strstr(found, " UUID=\"urn:uuid:1-2\" Creator=") != NULL, i);
        assert_int_equal(strstr(found, "UUID") != NULL, i);
        assert_string_equal(found + strlen(found) - 8, "\"></OME>");
        mt_buffer_free(&text);
    }
}

/* Lengths in meters, of those units that have one. */
static void units_have_lengths(void **state)
{
    (void)state;
    static const struct {
        const char *unit;
        double meters;
    } cases[] = { { "micrometer", 2e-6 }, { "angstrom", 2e-10 }, { "inch", 0.0508 }, { "kilometer", 2e3 },
                  { "second", 0 },        { "parsec", 0 },       { "", 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_writer_options options = {
            .axes = "YX", .shape = SIZES(3, 4), .pixel_size = NUMBERS(0, 2), .unit = TEXTS("", cases[i].unit)
        };
        double is = mt_ome_pixel_meters(plan_of(&options), 1);
        assert_true(is >= cases[i].meters * 0.999999 && is <= cases[i].meters * 1.000001);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(images_have_axes_and_channels, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(planes_are_counted, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(a_document_has_a_root, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(units_have_lengths, open_arena, close_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
