/* SPDX-License-Identifier: BSD-3-Clause */
/* HDF5 files that users had trouble with, from the data folder, and small ones that were written for these tests. */
#include "support/contract.h"

#include "format/hdf5/hdf5.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static mt_stack *open_as(const char *path, const char *part, const char *axes)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .part = part, .axes = axes };
    check_ok(mt_stack_open(NULL, path, &options, &stack, &err), &err);
    return stack;
}

static void check_refused(const char *path, const char *part, mt_status status, const char *message)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .part = part };
    assert_int_equal(mt_stack_open(NULL, path, &options, &stack, &err), status);
    if (!strstr(err.message, message))
        fail_msg("\"%s\" is not in \"%s\"", message, err.message);
}

static void check_axes(const mt_stack_info *info, const char *axes, mt_dtype dtype, const int64_t *shape)
{
    assert_string_equal(info->original_axes, axes);
    assert_int_equal(info->dtype, dtype);
    for (int d = 0; d < info->original_ndim; d++)
        assert_int_equal(info->original_shape[d], shape[d]);
}

static void check_pixels(mt_stack *stack, const char *md5)
{
    whole_image whole;
    mt_error err = MT_ERROR_INIT;
    check_ok(read_whole(stack, &whole, &err), &err);
    assert_string_equal(md5_hex(whole.pixels, whole.bytes), md5);
    free_whole(&whole);
}

/* Pixels of 16 bits that count up from first. */
static void check_ramp(const uint8_t *pixels, size_t n, unsigned first)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t value;
        memcpy(&value, pixels + 2 * i, 2);
        assert_int_equal(value, first + i);
    }
}

/* A file of fuzz/corpus in a separate folder, with a document beside it. */
typedef struct placed {
    char folder[512], path[600], document[600];
} placed;

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void place(placed *p, const char *name, const char *as, const char *document)
{
    char from[256];
    size_t size;
    const char *base = getenv("TMPDIR");
    snprintf(p->folder, sizeof p->folder, "%s/microtome-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->path, sizeof p->path, "%s/%s.h5", p->folder, as);
    snprintf(p->document, sizeof p->document, "%s/%s.xml", p->folder, as);
    snprintf(from, sizeof from, "fuzz/corpus/fuzz_hdf5/%s.h5", name);
    uint8_t *bytes = read_file(from, &size);
    write_file(p->path, bytes, size);
    free(bytes);
    if (document)
        write_file(p->document, document, strlen(document));
}

static void remove_placed(placed *p)
{
    (void)remove(p->document);
    assert_int_equal(remove(p->path), 0);
    assert_int_equal(remove(p->folder), 0);
}

static void version_2_of_the_library(void **state)
{
    (void)state;
    static const char *const parts[] = { "gz", "unl", "plain", "virt" };
    static const int64_t shape[3] = { 6, 24, 20 }, frames[3] = { 4, 24, 20 };
    const char *path = data_path("cases/hdf5-2.0-libver-latest/l2.h5");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        mt_stack *stack = open_as(path, parts[i], "ZYX");
        check_axes(mt_stack_get_info(stack), "ZYX", MT_UINT16, shape);
        check_pixels(stack, "a24f400861405cb23e862a8f92c49823");
        mt_stack_close(stack);
    }
    mt_stack *stack = open_as(data_path("cases/hdf5-2.0-swmr/swmr.h5"), NULL, "ZYX");
    check_axes(mt_stack_get_info(stack), "ZYX", MT_UINT16, frames);
    check_pixels(stack, "76182143efa5ba70bca4ff115d9301b2");
    mt_stack_close(stack);
}

static void version_2_with_each_index(void **state)
{
    (void)state;
    static const char *const parts[] = { "single", "fixed", "extensible", "tree" };
    whole_image whole;
    mt_error err = MT_ERROR_INIT;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        mt_stack *stack = open_as("fuzz/corpus/fuzz_hdf5/version_2.h5", parts[i], NULL);
        check_ok(read_whole(stack, &whole, &err), &err);
        assert_int_equal(whole.bytes, 2 * 9 * 6);
        check_ramp(whole.pixels, 9 * 6, 0);
        free_whole(&whole);
        mt_stack_close(stack);
    }
}

/* Rows out of sources whose names are stored once, and referred to. */
static void shared_names_of_mappings(void **state)
{
    (void)state;
    static const unsigned first[9] = { 10, 20, 10, 30, 20, 30, 0, 0, 20 };
    placed p;
    whole_image whole;
    mt_error err = MT_ERROR_INIT;
    place(&p, "version_2", "fuzz", NULL);
    mt_stack *stack = open_as(p.path, "virtual", NULL);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_int_equal(info->n_missing, 1); /* of the two mappings of it */
    assert_string_equal(info->missing[0], "not_there.h5#a_long_name_1");
    check_ok(read_whole(stack, &whole, &err), &err);
    assert_int_equal(whole.bytes, 2 * 9 * 6);
    for (size_t row = 0; row < 9; row++)
        for (size_t i = 0; i < 6; i++) {
            uint16_t value;
            memcpy(&value, whole.pixels + 2 * (6 * row + i), 2);
            assert_int_equal(value, first[row] ? first[row] + i : 7);
        }
    free_whole(&whole);
    mt_stack_close(stack);
    remove_placed(&p);
}

/* The list of mappings in the file, with bytes of it changed and its checksum made right again. */
static void broken_lists_of_mappings(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        mt_status status;
        const char *message;
    } cases[] = {
        { 0, 2, MT_E_UNSUPPORTED, "a list of mappings of version 2" },
        { 9, 8, MT_E_CORRUPT, "entry 0 of the list of mappings is broken" },  /* an unknown flag */
        { 9, 1, MT_E_CORRUPT, "entry 0 of the list of mappings is broken" },  /* refers to what comes later */
        { 79, 9, MT_E_CORRUPT, "entry 1 of the list of mappings is broken" }, /* to the ninth of one */
    };
    size_t size, at = 0;
    uint8_t *bytes = read_file("fuzz/corpus/fuzz_hdf5/version_2.h5", &size);
    while (memcmp(bytes + at, "GCOL", 4) != 0)
        at++;
    uint8_t *list = bytes + at + 32;
    size_t n = bytes[at + 24] | (size_t)bytes[at + 25] << 8;
    assert_int_equal(list[78], 1); /* the flags of entry 1; a number follows */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *copy = malloc(size);
        assert_non_null(copy);
        memcpy(copy, bytes, size);
        uint8_t *changed = copy + (list - bytes);
        changed[cases[i].at] = cases[i].value;
        uint32_t sum = h5_checksum(changed, n - 4);
        for (int k = 0; k < 4; k++)
            changed[n - 4 + (size_t)k] = (uint8_t)(sum >> 8 * k);
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        const mt_open_options options = { .struct_size = sizeof options, .part = "virtual" };
        assert_int_equal(mt_stack_open_memory(NULL, "fuzz.h5", copy, size, &options, &stack, &err), cases[i].status);
        if (!strstr(err.message, cases[i].message))
            fail_msg("\"%s\" is not in \"%s\"", cases[i].message, err.message);
        free(copy);
    }
    free(bytes);
}

static void bdv_int16_is_signed_if_it_says_so(void **state)
{
    (void)state;
    static const int64_t shape[4] = { 3, 6, 24, 20 };
    static const char *const names[] = { "bdvint16.h5", "bdvint16.xml" };
    for (size_t i = 0; i < 2; i++) {
        char path[128];
        snprintf(path, sizeof path, "cases/bdv-int16-signed/%s", names[i]);
        mt_stack *stack = open_as(data_path(path), NULL, NULL);
        check_axes(mt_stack_get_info(stack), "TZYX", MT_INT16, shape);
        assert_int_equal(mt_stack_get_info(stack)->n_missing, 0);
        check_pixels(stack, "7d46cdeb147124e62bc76390322ad958");
        mt_stack_close(stack);
    }
}

static void bdv_first_time_point_is_missing(void **state)
{
    (void)state;
    static const int64_t shape[4] = { 3, 6, 24, 20 };
    const char *path = data_path("cases/bdv-first-timepoint-missing/m1.h5");
    mt_error err = MT_ERROR_INIT;
    whole_image whole, one;
    mt_stack *stack = open_as(path, "series=0", NULL);
    const mt_stack_info *info = mt_stack_get_info(stack);
    check_axes(info, "TZYX", MT_UINT16, shape);
    assert_int_equal(info->n_missing, 1);
    assert_string_equal(info->missing[0], "/t00000/s00/0/cells");
    check_ok(read_whole(stack, &whole, &err), &err);
    size_t volume = whole.bytes / 3;
    for (size_t i = 0; i < volume; i++)
        assert_int_equal(whole.pixels[i], 0);
    for (size_t t = 1; t < 3; t++) {
        char part[64];
        snprintf(part, sizeof part, "t0000%zu/s00/0/cells", t);
        mt_stack *stored = open_as(path, part, "ZYX");
        check_ok(read_whole(stored, &one, &err), &err);
        assert_int_equal(one.bytes, volume);
        assert_memory_equal(one.pixels, whole.pixels + t * volume, volume);
        free_whole(&one);
        mt_stack_close(stored);
    }
    free_whole(&whole);
    mt_stack_close(stack);

    const mt_open_options options = { .struct_size = sizeof options, .part = "series=0", .missing_is_error = 1 };
    assert_int_equal(mt_stack_open(NULL, path, &options, &stack, &err), MT_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "/t00000/s00/0/cells"));
    stack = open_as(path, "series=1", NULL);
    assert_int_equal(mt_stack_get_info(stack)->n_missing, 0);
    mt_stack_close(stack);
}

#define BEFORE "<SpimData><SequenceDescription>"
#define AFTER "</SequenceDescription></SpimData>"

/* Setup 0 has the time points 2 and 4, setup 2 has 1 and 2; there is no setup 1. */
static void bdv_time_points_are_those_of_document_and_file(void **state)
{
    (void)state;
    static const struct {
        const char *document;
        int64_t times, missing, warnings;
        const char *first;
    } cases[] = {
        { NULL, 4, 2, 0, "/t00001/s00/0/cells" }, /* 1 to 4 of all setups */
        { BEFORE "<Timepoints type='range'><first>0</first><last>6</last></Timepoints>" AFTER, 7, 5, 0,
          "/t00000/s00/0/cells" },
        { BEFORE "<Timepoints type='pattern'><integerpattern>2-5:9, 3</integerpattern></Timepoints>" AFTER, 5, 3, 0,
          "/t00001/s00/0/cells" },
        { BEFORE "<Timepoints type='list'><Timepoint><id>5</id></Timepoint><Timepoint><id>0</id></Timepoint>"
                 "</Timepoints>" AFTER,
          6, 4, 0, "/t00000/s00/0/cells" },
        { "<SpimData", 4, 2, 1, "/t00001/s00/0/cells" },
        { BEFORE AFTER, 4, 2, 0, "/t00001/s00/0/cells" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        placed p;
        whole_image whole;
        mt_error err = MT_ERROR_INIT;
        place(&p, "bdv", "views", cases[i].document);
        mt_stack *stack = open_as(p.path, NULL, NULL);
        const mt_stack_info *info = mt_stack_get_info(stack);
        const int64_t shape[4] = { cases[i].times, 2, 3, 4 };
        check_axes(info, "TZYX", MT_UINT16, shape);
        assert_int_equal(info->n_missing, cases[i].missing);
        assert_string_equal(info->missing[0], cases[i].first);
        assert_int_equal(info->n_warnings, cases[i].warnings);
        if (cases[i].warnings)
            assert_non_null(strstr(info->warnings[0], "the document of BigDataViewer is ignored: views.xml"));
        check_ok(read_whole(stack, &whole, &err), &err);
        size_t volume = 2 * 2 * 3 * 4, start = strncmp(cases[i].first, "/t00000", 7) == 0 ? 0 : 1;
        check_ramp(whole.pixels + (2 - start) * volume, 24, 200);
        check_ramp(whole.pixels + (4 - start) * volume, 24, 400);
        for (size_t k = 0; k < volume; k++)
            assert_int_equal(whole.pixels[(3 - start) * volume + k], 0);
        free_whole(&whole);
        mt_stack_close(stack);
        remove_placed(&p);
    }
}

/* A document is opened, whatever white space is before it. */
static void bdv_documents_may_begin_with_white_space(void **state)
{
    (void)state;
    static const char *const starts[] = { "", "<?xml version='1.0'?>", "\n\t <?xml version='1.0'?>\r\n",
                                          "\xef\xbb\xbf\n<?xml version='1.0'?>", "\r\n" };
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        placed p;
        char document[512];
        static const int64_t shape[4] = { 9, 2, 3, 4 };
        snprintf(document, sizeof document, "%s%s", starts[i],
                 BEFORE "<ImageLoader format='bdv.hdf5'><hdf5 type='relative'>views.h5</hdf5></ImageLoader>"
                        "<Timepoints type='range'><first>0</first><last>8</last></Timepoints>" AFTER);
        place(&p, "bdv", "views", document);
        mt_stack *stack = open_as(p.document, NULL, NULL);
        check_axes(mt_stack_get_info(stack), "TZYX", MT_UINT16, shape);
        mt_stack_close(stack);
        write_file(p.document, " \n<Spim", 8);
        check_refused(p.document, NULL, MT_E_NOT_AN_IMAGE, "neither content nor name");
        write_file(p.document, " \n \n", 4);
        check_refused(p.document, NULL, MT_E_NOT_AN_IMAGE, "neither content nor name");
        remove_placed(&p);
    }
}

static void bdv_setups_are_those_of_the_file(void **state)
{
    (void)state;
    placed p;
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    place(&p, "bdv", "views",
          BEFORE "<Timepoints type='range'><first>0</first><last>1000000</last></Timepoints>" AFTER);
    check_ok(mt_list_parts(NULL, p.path, NULL, &names, &err), &err);
    assert_int_equal(mt_names_count(names), 2);
    assert_string_equal(mt_names_get(names, 0), "series=0");
    assert_string_equal(mt_names_get(names, 1), "series=2");
    mt_names_free(names);
    check_refused(p.path, NULL, MT_E_LIMIT, "time points 0 to 1000000 are more than 1000000");
    assert_int_equal(remove(p.document), 0);
    check_refused(p.path, "series=1", MT_E_NOT_FOUND, "no time point has the view setup 1 at level 0");
    check_refused(p.path, "series=3", MT_E_NOT_FOUND, "there is no series=3");
    check_refused(p.path, "level=1", MT_E_NOT_FOUND, "there is no level=1");
    mt_stack *stack = open_as(p.path, "series=2", NULL);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_int_equal(info->dtype, MT_INT16); /* declared by the group s02 */
    assert_int_equal(info->n_missing, 2);
    assert_string_equal(info->missing[1], "/t00004/s02/0/cells");
    mt_stack_close(stack);
    remove_placed(&p);
}

static void bdv_setups_are_listed_by_number(void **state)
{
    (void)state;
    static const char *const expected[] = { "series=0", "series=9", "series=10", "series=100", "series=100001" };
    placed p;
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    place(&p, "bdv_setups", "views", NULL);
    check_ok(mt_list_parts(NULL, p.path, NULL, &names, &err), &err);
    assert_int_equal(mt_names_count(names), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(mt_names_get(names, i), expected[i]);
        mt_stack *stack = open_as(p.path, expected[i], NULL);
        assert_string_equal(mt_stack_get_info(stack)->original_axes, "TZYX");
        mt_stack_close(stack);
    }
    mt_names_free(names);
    check_refused(p.path, "series=100002", MT_E_NOT_FOUND, "the view setups are 0 to 100001");
    remove_placed(&p);
}

/* Over a network the document is believed: views are not looked up one by one. */
static void bdv_missing_views_of_the_document(void **state)
{
    (void)state;
    placed p;
    place(&p, "bdv", "views",
          BEFORE "<Timepoints type='range'><first>1</first><last>4500</last></Timepoints><MissingViews>"
                 "<MissingView timepoint='2' setup='0'/><MissingView timepoint='4' setup='2'/>"
                 "<MissingView timepoint='9' setup='0'/><MissingView timepoint='4501' setup='0'/>"
                 "</MissingViews>" AFTER); /* the last is beyond all time points */
    mt_stack *stack = open_as(p.path, NULL, NULL);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_int_equal(info->original_shape[0], 4500);
    assert_int_equal(info->n_missing, 4499); /* more than are looked up: but 4, for 2 is said to be missing */
    assert_string_equal(info->missing[1], "/t00002/s00/0/cells");
    assert_string_equal(info->missing[3], "/t00005/s00/0/cells");
    mt_stack_close(stack);
    remove_placed(&p);
}

/* The dimensions of NetCDF-4, one in each group above the image, with positions 3, 3.5, ... */
static void links_name_dimensions(void **state)
{
    (void)state;
    mt_stack *stack = open_as("fuzz/corpus/fuzz_hdf5/netcdf.h5", NULL, NULL);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, "ZYX");
    assert_true(info->pixel_size[0] == 0.5 && info->pixel_size[1] == 0.5 && info->pixel_size[2] == 0.5);
    mt_stack_close(stack);
}

static void true_colour_names_its_axes(void **state)
{
    (void)state;
    static const int64_t shape[3] = { 24, 20, 3 };
    static const struct {
        const char *part, *axes;
    } cases[] = { { "pictures/pixel", "YXC" }, { "pictures/line", "YCX" }, { "pictures/plane", "CYX" } };
    mt_stack *stack = open_as(data_path("cases/hdf5-image-truecolor/img.h5"), NULL, NULL);
    const mt_stack_info *info = mt_stack_get_info(stack);
    check_axes(info, "YXC", MT_UINT8, shape);
    assert_int_equal(info->axes_source, MT_AXES_FROM_FILE);
    mt_stack_close(stack);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stack = open_as("fuzz/corpus/fuzz_hdf5/images.h5", cases[i].part, NULL);
        info = mt_stack_get_info(stack);
        assert_string_equal(info->original_axes, cases[i].axes);
        assert_int_equal(info->data_shape[1], 3);
        mt_stack_close(stack);
    }
}

static int append_to(void *file, const void *bytes, size_t size) { return fwrite(bytes, 1, size, file) != size; }

/* The caller names the axes when the saved map is used. */
static void element_sizes_are_in_saved_maps(void **state)
{
    (void)state;
    placed p;
    mt_error err = MT_ERROR_INIT;
    place(&p, "images", "fuzz", NULL);
    mt_stack *stack = open_as(p.path, "sized", "ZYX");
    FILE *file = fopen(p.document, "wb");
    assert_non_null(file);
    check_ok(mt_stack_save_map(stack, append_to, file, &err), &err);
    assert_int_equal(fclose(file), 0);
    mt_stack_close(stack);
    const mt_open_options options = { .struct_size = sizeof options, .axes = "TYX", .map = p.document };
    check_ok(mt_stack_open(NULL, p.path, &options, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_true(info->pixel_size[0] == 0 && info->pixel_size[1] == .25 && info->pixel_size[2] == .125);
    assert_string_equal(info->unit[1], "micrometer");
    mt_stack_close(stack);
    remove_placed(&p);
}

static void an_object_is_one_image(void **state)
{
    (void)state;
    static const int64_t shape[3] = { 6, 24, 20 };
    mt_stack *stack = open_as(data_path("cases/hdf5-one-dataset-two-hard-links/nexushard.nxs"), NULL, "ZYX");
    check_axes(mt_stack_get_info(stack), "ZYX", MT_UINT16, shape);
    check_pixels(stack, "fc891605e36b21911367390ef14d1774");
    mt_stack_close(stack);
    static const char *const names[] = { "cyc4.h5", "cyc8.h5", "h_cyc.h5" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        mt_names *parts;
        mt_error err = MT_ERROR_INIT;
        snprintf(path, sizeof path, "cases/hardlink-cycle-h5/%s", names[i]);
        check_ok(mt_list_parts(NULL, data_path(path), NULL, &parts, &err), &err);
        assert_in_range(mt_names_count(parts), 0, 1);
        if (i < 2)
            assert_int_equal(mt_names_count(parts), 1);
        mt_names_free(parts);
    }
}

/* The name that is left of two has a mark in it. */
static void parts_may_hold_a_mark(void **state)
{
    (void)state;
    whole_image whole;
    mt_error err = MT_ERROR_INIT;
    static const char *const paths[] = { "fuzz/corpus/fuzz_hdf5/images.h5#/one/a#b",
                                         "fuzz/corpus/fuzz_hdf5/images.h5#one/c#d",
                                         "fuzz/corpus/fuzz_hdf5/images.h5#one" };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        mt_stack *stack = open_as(paths[i], NULL, NULL);
        assert_string_equal(mt_stack_get_info(stack)->part, i == 1 ? "/one/c#d" : "/one/a#b");
        check_ok(read_whole(stack, &whole, &err), &err);
        check_ramp(whole.pixels, 20, 0);
        free_whole(&whole);
        mt_stack_close(stack);
    }
}

static void a_refusal_blames_what_could_be_an_image(void **state)
{
    (void)state;
    const char *images = "fuzz/corpus/fuzz_hdf5/images.h5", *nwb = "fuzz/corpus/fuzz_hdf5/nwb.h5";
    check_refused(images, "none", MT_E_NOT_FOUND, "no dataset of /none can be an image; /none/empty: it is empty");
    check_refused(images, NULL, MT_E_ARGUMENT, "5 datasets can be the image");
    check_refused(nwb, NULL, MT_E_NOT_AN_IMAGE,
                  "no dataset of the file (Neurodata Without Borders, NWB) can be an image; "
                  "/acquisition/movie/external_file: it lists the files that hold the frames; "
                  "/acquisition/movie/data: it is empty");
}

static void filters_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *file, *part, *message;
    } cases[] = {
        { "filters.h5", "blosc2", "filter 32026 (blosc2) is not supported" },
        { "filters.h5", "zfp", "filter 32013 (zfp) is not supported" },
        { "filters.h5", "sz3", "filter 32024 (SZ3) is not supported" },
        { "filters.h5", "sperr", "filter 32028 (SPERR) is not supported" },
        { "filters.h5", "fcidecomp", "filter 32018 (FCIDECOMP) is not supported" },
        { "pt.h5", "blosc2_zstd", "filter 32026 (blosc2) is not supported" },
        { "filters.h5", "bitshuffle", NULL },
        { "filters.h5", "bitshuffle_zstd", NULL },
        { "filters.h5", "blosc", NULL },
        { "filters.h5", "blosc_zstd_bit", NULL },
        { "filters.h5", "bzip2", NULL },
        { "filters.h5", "lz4", NULL },
        { "filters.h5", "zstd", NULL },
        { "pt.h5", "blosc_lz4", NULL },
        { "pt.h5", "bzip2", NULL },
        { "pt.h5", "ea", NULL },
        { "pt.h5", "lzo", NULL }, /* compressed with zlib after all */
        { "pt.h5", "zlib", NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[128];
        snprintf(path, sizeof path, "cases/hdf5-blosc2/%s", cases[i].file);
        if (cases[i].message) {
            check_refused(data_path(path), cases[i].part, MT_E_UNSUPPORTED, cases[i].message);
            continue;
        }
        mt_stack *stack = open_as(data_path(path), cases[i].part, "ZYX");
        check_pixels(stack, "2b056fa608a603822eede5cdba78d513");
        mt_stack_close(stack);
    }
}

/* Names that count from 1; the second channel of the second time point is missing. */
static void imaris_channels_may_count_from_1(void **state)
{
    (void)state;
    whole_image whole;
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack = open_as("fuzz/corpus/fuzz_hdf5/imaris.h5", NULL, NULL);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_int_equal(info->data_shape[1], 2);
    assert_non_null(info->channels);
    assert_string_equal(info->channels[0].name, "nuclei");
    assert_string_equal(info->channels[1].name, "membranes");
    assert_int_equal(info->n_missing, 1);
    assert_string_equal(info->missing[0], "/DataSet/ResolutionLevel 0/TimePoint 1/Channel 1/Data");
    check_ok(read_whole(stack, &whole, &err), &err);
    check_ramp(whole.pixels, 12, 0);
    check_ramp(whole.pixels + 24, 12, 100);
    check_ramp(whole.pixels + 48, 12, 1000);
    for (size_t i = 72; i < 96; i++)
        assert_int_equal(whole.pixels[i], 0);
    free_whole(&whole);
    mt_stack_close(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_2_of_the_library),
        cmocka_unit_test(version_2_with_each_index),
        cmocka_unit_test(shared_names_of_mappings),
        cmocka_unit_test(broken_lists_of_mappings),
        cmocka_unit_test(bdv_int16_is_signed_if_it_says_so),
        cmocka_unit_test(bdv_first_time_point_is_missing),
        cmocka_unit_test(bdv_time_points_are_those_of_document_and_file),
        cmocka_unit_test(bdv_documents_may_begin_with_white_space),
        cmocka_unit_test(bdv_setups_are_those_of_the_file),
        cmocka_unit_test(bdv_setups_are_listed_by_number),
        cmocka_unit_test(bdv_missing_views_of_the_document),
        cmocka_unit_test(links_name_dimensions),
        cmocka_unit_test(true_colour_names_its_axes),
        cmocka_unit_test(element_sizes_are_in_saved_maps),
        cmocka_unit_test(an_object_is_one_image),
        cmocka_unit_test(parts_may_hold_a_mark),
        cmocka_unit_test(a_refusal_blames_what_could_be_an_image),
        cmocka_unit_test(filters_are_refused_by_name),
        cmocka_unit_test(imaris_channels_may_count_from_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
