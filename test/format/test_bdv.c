/* SPDX-License-Identifier: BSD-3-Clause */
/* Documents of BigDataViewer: which heads are theirs, where data is, time points, missing views, and setups. */
#include "format/bdv.h"
#include "support/support.h"

#include <stdio.h>
#include <string.h>

static mt_env env;
static mt_arena *arena;

static int set_up(void **state)
{
    (void)state;
    mt_env_init(&env, NULL, NULL);
    return mt_arena_new(&env, &arena, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    mt_arena_free(arena);
    return env.memory_bytes != 0;
}

static mt_xml *parse(const char *text)
{
    mt_xml *root;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_xml_parse(arena, text, strlen(text), "text", &root, &err), &err);
    return root;
}

/* The parts of a document below SequenceDescription. */
static mt_xml *sequence(const char *text)
{
    static char all[2000];
    snprintf(all, sizeof all, "<SpimData><SequenceDescription>%s</SequenceDescription></SpimData>", text);
    return parse(all);
}

static void heads(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        size_t size;
        bool is;
    } cases[] = { { "<SpimData>", 10, true },
                  { "<SpimData>", 9, false }, /* the name may go on */
                  { "\xef\xbb\xbf<SpimData ", 13, true },
                  { "\xef\xbb\xbf", 3, false },
                  { "\xef\xbb", 2, false },
                  { " \t\r\n<?xml version=\"1.0\"?>\n<SpimData>", 37, true },
                  { "\0<SpimData>", 11, true },
                  { "x<SpimData>", 11, false },
                  { "<html><SpimData>", 16, true },
                  { "<html></html>", 13, false },
                  { "   ", 3, false },
                  { "", 0, false } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_source source = { .head = (const uint8_t *)cases[i].head, .head_size = cases[i].size };
        if (mt_bdv_is_document(&source) != cases[i].is)
            fail_msg("case %zu", i);
    }
    assert_false(mt_bdv_is_document(&(mt_source) { .head = NULL, .head_size = 5 }));
}

static void places_of_data(void **state)
{
    (void)state;
    static const struct {
        const char *base, *loader, *document, *key, *words;
    } cases[] = {
        { "", "<ImageLoader format=\"bdv.n5\"><n5>a.n5</n5></ImageLoader>", "x.xml", "a.n5", NULL },
        { "", "<ImageLoader format=\"bdv.n5\"><n5 type=\"relative\">a.n5</n5></ImageLoader>", "d/e/x.xml", "d/e/a.n5",
          NULL },
        { "<BasePath type=\"relative\">..</BasePath>", "<ImageLoader format=\"bdv.n5\"><n5>b/a.n5</n5></ImageLoader>",
          "d/e/x.xml", "d/b/a.n5", NULL },
        { "<BasePath></BasePath>", "<ImageLoader format=\"bdv.n5\"><n5>a.n5</n5></ImageLoader>", "d/x.xml", "d/a.n5",
          NULL },
        { "", "<ImageLoader format=\"bdv.n5\"><n5>../a.n5</n5></ImageLoader>", "x.xml", NULL,
          "is not inside of store" },
        { "", "<ImageLoader format=\"bdv.n5\"><n5>/a.n5</n5></ImageLoader>", "x.xml", NULL,
          "the document names its data by an absolute path: open /a.n5 itself" },
        { "", "<ImageLoader format=\"bdv.n5\"><n5 type=\"absolute\">a.n5</n5></ImageLoader>", "x.xml", NULL,
          "the document names its data by an absolute path" },
        { "<BasePath>/b</BasePath>", "<ImageLoader format=\"bdv.n5\"><n5>a.n5</n5></ImageLoader>", "x.xml", NULL,
          "the document has an absolute BasePath, /b: open a.n5 in it itself" },
        { "<BasePath type=\"absolute\">b</BasePath>", "<ImageLoader format=\"bdv.n5\"><n5>a.n5</n5></ImageLoader>",
          "x.xml", NULL, "the document has an absolute BasePath, b" },
        { "", "<ImageLoader format=\"bdv.hdf5\"><n5>a.n5</n5></ImageLoader>", "x.xml", NULL,
          "the BigDataViewer loader \"bdv.hdf5\" is not supported" },
        { "", "<ImageLoader format=\"xyz.n5\"><n5>a.n5</n5></ImageLoader>", "x.xml", NULL,
          "the BigDataViewer loader \"xyz.n5\" is not supported" },
        { "", "<ImageLoader format=\"bdv.n5\"><hdf5>a.n5</hdf5></ImageLoader>", "x.xml", NULL,
          "the BigDataViewer loader \"bdv.n5\" is not supported" },
        { "", "<ImageLoader><n5>a.n5</n5></ImageLoader>", "x.xml", NULL,
          "the BigDataViewer loader \"\" is not supported" },
        { "", "", "x.xml", NULL, "the BigDataViewer loader \"\" is not supported" },
    };
    mt_store store = { .env = &env, .url = (char *)(uintptr_t) "store" };
    const mt_source source = { .env = &env, .store = &store };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1000];
        const char *key = NULL;
        mt_error err = MT_ERROR_INIT;
        snprintf(text, sizeof text, "<SpimData>%s<SequenceDescription>%s</SequenceDescription></SpimData>",
                 cases[i].base, cases[i].loader);
        mt_status st = mt_bdv_find_data(&source, parse(text), cases[i].document, "n5", arena, &key, &err);
        assert_int_equal(st, cases[i].key ? MT_OK : MT_E_UNSUPPORTED);
        if (cases[i].key)
            assert_string_equal(key, cases[i].key);
        else if (!strstr(err.message, cases[i].words))
            fail_msg("case %zu: \"%s\"", i, err.message);
    }
}

static void time_points(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t low, high;
    } cases[] = { { "<Timepoints type=\"range\"><first>3</first><last>7</last></Timepoints>", 3, 7 },
                  { "<Timepoints type=\"range\"><first>3</first></Timepoints>", 3, 3 },
                  { "<Timepoints type=\"range\"><first>-3</first><last>4</last></Timepoints>", 4, 4 },
                  { "<Timepoints type=\"pattern\"><integerpattern>5</integerpattern></Timepoints>", 5, 5 },
                  { "<Timepoints type=\"pattern\"><integerpattern>2-10:4, 12</integerpattern></Timepoints>", 2, 12 },
                  { "<Timepoints type=\"pattern\"><integerpattern>20-30:5</integerpattern></Timepoints>", 20, 30 },
                  { "<Timepoints type=\"pattern\"><integerpattern>8,1-2 </integerpattern></Timepoints>", 1, 8 },
                  { "<Timepoints type=\"pattern\"><integerpattern>0: 2</integerpattern></Timepoints>", 0, 2 },
                  { "<Timepoints type=\"pattern\"><integerpattern></integerpattern></Timepoints>", 100, -1 },
                  { "<Timepoints type=\"list\"><Timepoint><id>4</id></Timepoint><Timepoint><id>9</id></Timepoint>"
                    "<Timepoint><x>1</x></Timepoint></Timepoints>",
                    4, 9 },
                  { "<Other/>", 100, -1 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t low = 100, high = -1;
        mt_bdv_read_times(sequence(cases[i].text), &low, &high);
        if (low != cases[i].low || high != cases[i].high)
            fail_msg("case %zu: %d to %d", i, (int)low, (int)high);
    }
    int64_t low = 100, high = -1;
    mt_bdv_read_times(NULL, &low, &high);
    mt_bdv_read_times(parse("<SpimData/>"), &low, &high);
    mt_bdv_widen(-1, &low, &high);
    assert_true(low == 100 && high == -1);
    mt_bdv_widen(0, &low, &high);
    assert_true(low == 0 && high == 0);
}

static void missing_views(void **state)
{
    (void)state;
    const mt_xml *root = sequence("<MissingViews><MissingView timepoint=\"4\" setup=\"1\"/>"
                                  "<MissingView timepoint=\"7\" setup=\"1\"/><MissingView timepoint=\"8\" setup=\"1\"/>"
                                  "<MissingView timepoint=\"9\" setup=\"1\"/><MissingView timepoint=\"6\" setup=\"2\"/>"
                                  "<MissingView timepoint=\"6\"/><MissingView setup=\"1\"/>"
                                  "<MissingView timepoint=\"6\" setup=\"x\"/><MissingView timepoint=\"x\" setup=\"1\"/>"
                                  "</MissingViews>");
    bool missing[5] = { false }; /* the last is of none */
    mt_bdv_mark_missing(root, 1, 5, 4, missing);
    static const bool expected[5] = { false, false, true, true, false };
    assert_memory_equal(missing, expected, sizeof expected);
    mt_bdv_mark_missing(root, 2, 6, 1, missing);
    assert_true(missing[0]);
    mt_bdv_mark_missing(NULL, 1, 0, 5, missing);
    mt_bdv_mark_missing(parse("<SpimData/>"), 1, 0, 5, missing);
    mt_bdv_mark_missing(sequence("<MissingViews/>"), 1, 0, 5, missing);
    assert_false(missing[1] || missing[4]);
}

static const mt_xml *setup(const char *content)
{
    static char text[1000];
    snprintf(text, sizeof text,
             "<ViewSetups><ViewSetup><id>5</id></ViewSetup><ViewSetup><id>3</id>%s</ViewSetup></ViewSetups>", content);
    const mt_xml *root = sequence(text);
    assert_null(mt_bdv_find_setup(root, 4));
    assert_non_null(mt_bdv_find_setup(root, 5));
    return mt_bdv_find_setup(root, 3);
}

static void names_and_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *content, *name, *unit;
        double size[3]; /* of Z, Y and X */
    } cases[] = {
        { "", NULL, NULL, { 0 } },
        { "<name></name>", NULL, NULL, { 0 } },
        { "<name>GFP</name><voxelSize><unit>um</unit><size>0.5 0.25 2</size></voxelSize>",
          "GFP",
          "micrometer",
          { 8, 0.75, 1 } },
        { "<voxelSize><size>0.5 0.25 2</size></voxelSize>", NULL, NULL, { 8, 0.75, 1 } },
        { "<voxelSize><unit></unit><size>0.5 0.25 2</size></voxelSize>", NULL, NULL, { 8, 0.75, 1 } },
        { "<voxelSize><unit>um</unit><size>0.5 0 2</size></voxelSize>", NULL, "micrometer", { 0, 0, 1 } },
        { "<voxelSize><unit>um</unit><size>0.5 0.25</size></voxelSize>", NULL, "micrometer", { 0, 0.75, 1 } },
        { "<voxelSize><unit>um</unit></voxelSize>", NULL, NULL, { 0 } },
    };
    static const double factors[] = { 4, 3, 2 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_chunk_map map = { .arena = arena, .ndim = 4 };
        check_ok(mt_bdv_describe(setup(cases[i].content), factors, &map, NULL), NULL);
        assert_int_equal(map.n_channels, cases[i].name != NULL);
        if (cases[i].name)
            assert_string_equal(map.channels[0].name, cases[i].name);
        for (int d = 0; d < 3; d++)
            if (map.pixel_size[1 + d] != cases[i].size[d])
                fail_msg("case %zu: %g", i, map.pixel_size[1 + d]);
        if (cases[i].unit)
            assert_string_equal(map.unit[3], cases[i].unit);
        else
            assert_null(map.unit[3]);
    }
    mt_chunk_map map = { .arena = arena, .ndim = 4 };
    check_ok(mt_bdv_describe(setup(cases[2].content), NULL, &map, NULL), NULL);
    assert_true(map.n_channels == 1 && map.pixel_size[3] == 0);
    check_ok(mt_bdv_describe(NULL, factors, &map, NULL), NULL);
    assert_null(mt_bdv_find_setup(NULL, 0));
    assert_null(mt_bdv_find_setup(parse("<SpimData/>"), 0));
    assert_null(mt_bdv_find_setup(sequence(""), 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads), TEST(places_of_data), TEST(time_points), TEST(missing_views), TEST(names_and_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
