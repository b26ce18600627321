/* SPDX-License-Identifier: BSD-3-Clause */
/* The CZI files of the data folder: every read that was made with libCZI at full size, and the broken files. */
#include "support/contract.h"
#include "support/broken.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int64_t at(const json_t *list, size_t i) { return json_integer_value(json_array_get(list, i)); }

static const char *folder_of(const char *name)
{
    struct stat st;
    char path[256];
    snprintf(path, sizeof path, "czi/real/%s", name);
    return data_path(stat(data_path(path), &st) == 0 ? "czi/real" : "czi/generated");
}

static const char *type_name(int64_t number)
{
    static const char *const names[14] = { "gray8", "gray16", "gray32float", "bgr24", "bgr48" };
    return names[number];
}

/* The number after a letter of a plane such as "C1Z0T2". */
static int64_t index_in(const char *plane, char letter, int64_t missing)
{
    const char *found = strchr(plane, letter);
    return found ? strtoll(found + 1, NULL, 10) : missing;
}

/* The box of a read in the dimensions of the map. */
static void find_box(const mt_chunk_map *map, const json_t *stats, const json_t *read, int64_t *start, int64_t *extent)
{
    static const char letters[] = "HVIRBTCZ";
    const char *plane = json_string_value(json_object_get(read, "plane"));
    const json_t *roi = json_object_get(read, "roi"), *bounds = stats, *scene = json_object_get(read, "scene");
    if (json_is_integer(scene)) {
        char number[16];
        snprintf(number, sizeof number, "%d", (int)json_integer_value(scene));
        bounds = json_object_get(json_object_get(stats, "scenes"), number);
    }
    bounds = json_object_get(bounds, "bbox0");
    int n = 0;
    for (const char *c = letters; *c; c++) {
        char name[2] = { *c, 0 };
        const json_t *range = json_object_get(json_object_get(stats, "dims"), name);
        if (!range || at(range, 1) < 2 || map->axes[n] != (strchr("HVIRB", *c) ? 'S' : *c))
            continue;
        start[n] = index_in(plane, *c, at(range, 0)) - at(range, 0);
        extent[n++] = 1;
    }
    assert_int_equal(map->axes[n], 'Y');
    start[n] = at(roi, 1) - at(bounds, 1);
    extent[n++] = at(roi, 3);
    start[n] = at(roi, 0) - at(bounds, 0);
    extent[n++] = at(roi, 2);
    if (n < map->ndim) {
        start[n] = 0;
        extent[n] = map->shape[n];
    }
}

/* libCZI leaves colours in the order of the file: blue, green, red. */
static void swap_colors(uint8_t *pixels, size_t size, const mt_chunk_map *map)
{
    size_t n = mt_dtype_size(map->dtype);
    for (uint8_t *p = pixels; map->axes[map->ndim - 1] == 'C' && p < pixels + size; p += 3 * n)
        for (size_t i = 0; i < n; i++) {
            uint8_t kept = p[i];
            p[i] = p[2 * n + i];
            p[2 * n + i] = kept;
        }
}

static int check_read(const char *name, const json_t *stats, const json_t *read)
{
    char part[64];
    opened_map o;
    mt_error err = MT_ERROR_INIT;
    int64_t start[MT_MAX_DIMS], extent[MT_MAX_DIMS];
    uint8_t *pixels = NULL;
    size_t size = 0;
    const json_t *scene = json_object_get(read, "scene");
    const char *type = type_name(json_integer_value(json_object_get(read, "pixeltype")));
    if (json_is_integer(scene) && json_object_size(json_object_get(stats, "scenes")) > 1)
        snprintf(part, sizeof part, "%s&scene=%d", type, (int)json_integer_value(scene));
    else
        snprintf(part, sizeof part, "whole/%s", type);
    mt_status st = open_map("czi", folder_of(name), name, part, &o, &err);
    if (!st) {
        find_box(o.map, stats, read, start, extent);
        st = read_box(&o, start, extent, &pixels, &size, &err);
    }
    if (!st)
        swap_colors(pixels, size, o.map);
    const char *md5 = json_string_value(json_object_get(read, "md5"));
    bool right = !st && strcmp(md5_hex(pixels, size), md5) == 0;
    if (!right) {
        char *text = json_dumps(read, JSON_COMPACT);
        print_error("%s#%s %s: %s\n", name, part, text, st ? err.message : "other pixels");
        free(text);
    }
    free(pixels);
    close_map(&o);
    return right;
}

/* A read through the masks, of the whole. */
static int check_masked(const char *name, const json_t *read)
{
    mt_open_options options = { .struct_size = sizeof options, .use_masks = 1 };
    char path[1100];
    mt_stack *stack;
    whole_image image = { 0 };
    mt_error err = MT_ERROR_INIT;
    snprintf(path, sizeof path, "%s/%s", folder_of(name), name);
    check_ok(mt_stack_open(NULL, path, &options, &stack, &err), &err);
    check_ok(read_whole(stack, &image, &err), &err);
    bool right = strcmp(md5_hex(image.pixels, image.bytes), json_string_value(json_object_get(read, "md5"))) == 0;
    free_whole(&image);
    mt_stack_close(stack);
    return right;
}

/* The level that equals a read of the whole image at a zoom; -1 if there is none. */
static int check_level(const char *name, const json_t *stats, const json_t *read)
{
    static const double zooms[] = { 1, 0.5, 0.25 };
    int result = -1, level = 1;
    double zoom = json_number_value(json_object_get(read, "zoom"));
    while (level < 3 && zooms[level] != zoom)
        level++;
    bool whole = json_equal(json_object_get(read, "roi"), json_object_get(stats, "bbox0")) &&
                 json_is_null(json_object_get(read, "scene"));
    char part[64];
    opened_map o;
    mt_error err = MT_ERROR_INIT;
    snprintf(part, sizeof part, "whole&level=%d", level);
    mt_status st = whole && level < 3 ? open_map("czi", folder_of(name), name, part, &o, &err) : MT_E_NOT_FOUND;
    if (whole && level < 3) {
        int64_t start[MT_MAX_DIMS] = { 0 }, extent[2] = { json_integer_value(json_object_get(read, "h")),
                                                          json_integer_value(json_object_get(read, "w")) };
        uint8_t *pixels;
        size_t size;
        if (!st && o.map->ndim == 2) {
            check_ok(read_box(&o, start, extent, &pixels, &size, &err), &err);
            result = strcmp(md5_hex(pixels, size), json_string_value(json_object_get(read, "md5"))) == 0;
            free(pixels);
        }
        close_map(&o);
    }
    return result;
}

/* Reads of one file, or of all. */
typedef struct tally {
    int equal, levels, wrong, zoomed, none;
} tally;

static void check_file(const char *name, const json_t *file, tally *t)
{
    size_t i;
    const json_t *read, *stats = json_object_get(file, "stats");
    json_array_foreach(json_object_get(file, "reads"), i, read)
    {
        bool full_size = json_number_value(json_object_get(read, "zoom")) == 1;
        if (json_object_get(read, "error")) {
            t->none++;
            continue;
        }
        int right = !full_size                      ? check_level(name, stats, read)
                    : json_object_get(read, "mask") ? check_masked(name, read)
                                                    : check_read(name, stats, read);
        t->equal += full_size && right == 1;
        t->levels += !full_size && right == 1;
        t->wrong += right == 0;
        t->zoomed += right < 0;
    }
}

static void start_table(FILE *table)
{
    fputs(
        "# CZI files that were compared\n\n"
        "Written by `MICROTOME_TABLE=docs/formats/czi-files.md test_czi`: the reads that libCZI made of each file of "
        "the test data, and how many of them have the same pixels here. Reads at full size and through masks are all "
        "compared; of reads that are made smaller, those of the whole at the size of a level. The others, which libCZI "
        "makes by leaving out pixels, have no counterpart here. Of some files libCZI reads nothing: its pixels are "
        "compared with the formula they were made of.\n\n"
        "| file | equal | levels equal | smaller, not compared | libCZI refuses | wrong |\n|---|---|---|---|---|---|\n",
        table);
}

static void reads_equal_those_of_libczi(void **state)
{
    (void)state;
    json_t *all = read_json("czi/expected/czi_expected.json"), *file;
    const char *name, *path = getenv("MICROTOME_TABLE");
    FILE *table = path ? fopen(path, "w") : NULL;
    tally sum = { 0 };
    if (table)
        start_table(table);
    json_object_foreach(all, name, file)
    {
        tally t = { 0 };
        check_file(name, file, &t);
        if (table)
            fprintf(table, "| %s | %d | %d | %d | %d | %d |\n", name, t.equal, t.levels, t.zoomed, t.none, t.wrong);
        sum.equal += t.equal;
        sum.levels += t.levels;
        sum.wrong += t.wrong;
    }
    if (table)
        fclose(table);
    json_decref(all);
    print_message("%d reads as expected, %d of levels, %d not\n", sum.equal, sum.levels, sum.wrong);
    assert_int_equal(sum.wrong, 0);
    assert_int_equal(sum.equal, 404);
    assert_true(sum.levels >= 4);
}

static void documents_tell_of_themselves(void **state)
{
    (void)state;
    mt_stack *stack;
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    const char *path = data_path("czi/real/S3_1Pos_2Mosaic_T2_Z3_CH2_sm.czi");
    check_ok(mt_list_parts(NULL, path, NULL, &names, &err), &err);
    assert_int_equal(mt_names_count(names), 3);
    assert_string_equal(mt_names_get(names, 2), "scene=2");
    mt_names_free(names);
    check_ok(mt_stack_open(NULL, path, NULL, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, "TCZYX");
    assert_true(info->pixel_size[4] > 1.59 && info->pixel_size[4] < 1.61);
    assert_string_equal(info->unit[2], "micrometer");
    assert_string_equal(info->channels[1].name, "EGFP");
    assert_memory_equal(info->channels[0].rgb, "\x00\xa1\xff", 3);
    mt_stack_close(stack);
}

/* Documents that libCZI does not read, and the pixels they were made of. */
static void crafted_documents_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *name, *plane;
        int planes; /* of which the first is that plane */
    } cases[] = { { "dirpos_zero_recoverable.czi", "plane_gray8_48x64.npy", 1 },
                  { "flagged_jxr_but_raw.czi", "plane_gray8_48x64.npy", 1 },
                  { "flagged_zstd0_but_raw.czi", "plane_gray8_48x64.npy", 1 },
                  { "lowercase_dims.czi", "plane_gray8_48x64.npy", 1 },
                  { "stored_size_zero.czi", "plane_gray8_48x64.npy", 1 },
                  { "update_pending.czi", "plane_gray8_48x64.npy", 1 },
                  { "multi (1).czi", NULL, 1 },
                  { "multi.czi", "plane_gray8_48x64.npy", 2 },
                  { "subblock_holds_zstack.czi", "plane_gray8_48x64.npy", 5 },
                  { "jpeg_gray8.czi", NULL, 1 },
                  { "jpeg_bgr24.czi", NULL, 1 } };
    char folder[1024];
    snprintf(folder, sizeof folder, "%s", data_path("czi/crafted"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        opened_map o;
        mt_error err = MT_ERROR_INIT;
        uint8_t *pixels, *expected;
        size_t size, expected_size;
        check_ok(open_map("czi", folder, cases[i].name, "", &o, &err), &err);
        check_ok(read_map(&o, &pixels, &size, &err), &err);
        assert_int_equal(o.map->ndim > 2 && o.map->axes[0] != 'Y' ? o.map->shape[0] : 1, cases[i].planes);
        close_map(&o);
        if (cases[i].plane) {
            char path[64];
            snprintf(path, sizeof path, "czi/crafted/%s", cases[i].plane);
            expected = read_file(data_path(path), &expected_size);
            print_message("%s\n", cases[i].name);
            assert_memory_equal(pixels, expected + expected_size - 48 * 64, 48 * 64);
            free(expected);
        }
        free(pixels);
    }
}

/* JPEG loses little. */
static void jpeg_is_near(void **state)
{
    (void)state;
    static const char *const names[2] = { "gray8", "bgr24" };
    for (int k = 0; k < 2; k++) {
        opened_map o;
        mt_error err = MT_ERROR_INIT;
        uint8_t *pixels, *expected;
        size_t size, expected_size;
        char name[64], folder[1024];
        snprintf(folder, sizeof folder, "%s", data_path("czi/crafted"));
        snprintf(name, sizeof name, "jpeg_%s.czi", names[k]);
        check_ok(open_map("czi", folder, name, "", &o, &err), &err);
        check_ok(read_map(&o, &pixels, &size, &err), &err);
        expected = read_file(data_path(k ? "czi/crafted/plane_rgb_48x64.npy" : "czi/crafted/plane_gray8_48x64.npy"),
                             &expected_size);
        int64_t difference = 0;
        for (size_t i = 0; i < size; i++)
            difference += abs((int)pixels[i] - (int)expected[expected_size - size + i]);
        print_message("%s: mean difference %.2f\n", name, (double)difference / (double)size);
        assert_true(difference < (int64_t)size * 6); /* 5.07 of any decoder, where colours are stored at half size */
        free(pixels);
        free(expected);
        close_map(&o);
    }
}

static int n_broken, n_read;

static int visit_broken(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    if (type != FTW_F)
        return 0;
    char folder[1024];
    snprintf(folder, sizeof folder, "%.*s", where->base - 1, path);
    opened_map o;
    mt_error err = MT_ERROR_INIT;
    uint8_t *pixels = NULL;
    size_t size;
    mt_status status = open_map("czi", folder, path + where->base, "", &o, &err);
    if (!status)
        status = read_map(&o, &pixels, &size, &err);
    print_message("%-34s %s\n", path + where->base, status ? err.message : "IS READ");
    n_broken++;
    n_read += !status;
    assert_true(!status || strlen(err.message) > 8);
    mt_counters counters;
    mt_context_get_counters(o.context, &counters);
    assert_true(counters.memory_peak < (uint64_t)256 << 20);
    free(pixels);
    close_map(&o);
    return 0;
}

static void broken_files_fail_cleanly(void **state)
{
    (void)state;
    assert_int_equal(nftw(data_path("czi/malformed"), visit_broken, 16, FTW_PHYS), 0);
    assert_int_equal(n_broken, 20);
    assert_int_equal(n_read, 0);
}

static void mutations_do_no_harm(void **state)
{
    (void)state;
    static const char *const names[] = { "czi/generated/mosaic_overlap_tzc.czi",
                                         "czi/generated/pyramid2.czi",
                                         "czi/generated/px_bgr48_zstd1_hilo.czi",
                                         "czi/generated/px_gray16_raw.czi",
                                         "czi/generated/no_m_no_c.czi",
                                         "czi/generated/scenes_overlapping_bbox.czi",
                                         "czi/crafted/jpeg_gray8.czi",
                                         "czi/generated/channels_mixed_pixeltypes.czi",
                                         "czi/generated/dims_header_gt256.czi",
                                         "czi/generated/px_gray32float_zstd1.czi" };
    mutate_files("czi", names, sizeof names / sizeof *names);
}

static void files_keep_the_contract(void **state)
{
    (void)state;
    static const char *const names[] = { "czi/generated/mosaic_overlap_tzc.czi",
                                         "czi/generated/negative_origin_gaps.czi",
                                         "czi/generated/pyramid2.czi",
                                         "czi/generated/px_bgr48_zstd1_hilo.czi",
                                         "czi/generated/px_gray16_raw.czi",
                                         "czi/generated/scenes_overlapping_bbox.czi",
                                         "czi/crafted/multi.czi" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_contract(data_path(names[i]), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_equal_those_of_libczi), cmocka_unit_test(documents_tell_of_themselves),
        cmocka_unit_test(crafted_documents_are_read),  cmocka_unit_test(jpeg_is_near),
        cmocka_unit_test(broken_files_fail_cleanly),   cmocka_unit_test(mutations_do_no_harm),
        cmocka_unit_test(files_keep_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
