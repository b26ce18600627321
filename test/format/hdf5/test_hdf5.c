/* SPDX-License-Identifier: BSD-3-Clause */
/* The HDF5 files of the data folder: every dataset against what h5py read, and the broken files. */
#include "support/contract.h"
#include "support/broken.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>

typedef struct tally {
    int read, refused, wrong;
    const char *feature; /* the last one for which a dataset was refused */
} tally;

/* Words in the message of a dataset that is deliberately not supported. */
static const char *const features[] = { "type text", "type compound", "type variable", "blosc2", "is null" };

static const char *find_feature(const char *message)
{
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        if (strstr(message, features[i]))
            return features[i];
    return NULL;
}

/* The pixels of chunks as Pillow decodes them; h5py has no filter for them. */
static const char *find_md5(const char *file, const json_t *expected)
{
    if (strcmp(file, "hdfgroup_h5ex_d_jpeg.h5") == 0)
        return "c35cc7d8d91728a0cb052831bc4ef372";
    return json_string_value(json_object_get(expected, "md5_C_LE"));
}

static void check_dataset(const char *folder, const char *file, const char *part, const json_t *expected, tally *t)
{
    const char *md5 = find_md5(file, expected);
    mt_error err = MT_ERROR_INIT;
    opened_map o;
    uint8_t *pixels = NULL;
    size_t size = 0;
    mt_status st = open_map("hdf5", folder, file, part, &o, &err);
    bool huge = !st && o.map->ndim == 1 && o.map->shape[0] > INT32_MAX;
    if (!st && !huge)
        st = read_map(&o, &pixels, &size, &err);
    const char *feature = st == MT_E_UNSUPPORTED ? find_feature(err.message) : NULL;
    bool refused = feature != NULL;
    t->feature = refused ? feature : t->feature;
    if (st ? !refused || md5 : !huge && (!md5 || strcmp(md5_hex(pixels, size), md5) != 0)) {
        print_error("%s#%s: %s\n", file, part, st ? err.message : md5 ? "other pixels" : "gives pixels");
        t->wrong++;
    }
    t->read += !st;
    t->refused += refused;
    free(pixels);
    close_map(&o);
}

/* The table of docs/formats/hdf5-files.md, a line a file, where MICROTOME_TABLE names a file for it. */
static FILE *table;

static void check_file(const char *name, json_t *datasets, tally *sum)
{
    tally t = { 0 };
    char folder[1024];
    snprintf(folder, sizeof folder, "%s/%s", data_path("hdf5"), name);
    char *slash = strrchr(folder, '/');
    *slash = 0;
    const char *part;
    json_t *expected;
    json_object_foreach(datasets, part, expected)
    {
        if (json_is_object(expected))
            check_dataset(folder, slash + 1, part, expected, &t);
    }
    if (table && t.read + t.refused)
        fprintf(table, "| %s | %d | %s%.0d%s%s%s |\n", name, t.read, t.refused ? "" : "none", t.refused,
                t.refused ? " (" : "", t.refused ? t.feature : "", t.refused ? ")" : "");
    sum->read += t.read;
    sum->refused += t.refused;
    sum->wrong += t.wrong;
}

static void datasets_equal_those_of_h5py(void **state)
{
    (void)state;
    json_t *all = read_json("hdf5/expected_h5py.json"), *datasets;
    const char *name;
    tally t = { 0 };
    const char *path = getenv("MICROTOME_TABLE");
    table = path ? fopen(path, "w") : NULL;
    if (table)
        fputs("# HDF5 files that were compared\n\nWritten by `MICROTOME_TABLE=docs/formats/hdf5-files.md test_hdf5`: "
              "each "
              "dataset of the test data whose pixels equal those that h5py reads, and those refused.\n\n"
              "| file | datasets equal | refused |\n|---|---|---|\n",
              table);
    json_object_foreach(all, name, datasets) check_file(name, datasets, &t);
    if (table)
        fclose(table);
    json_decref(all);
    print_message("%d datasets read, %d refused by name, %d wrong\n", t.read, t.refused, t.wrong);
    assert_int_equal(t.wrong, 0);
    assert_true(t.read > 230);
}

/* What of broken files is read all the same: the damage is where no pixel depends on it, and h5py, where it opens the
 * file at all, reads the same pixels (compared once). Everything else is refused. */
static outcome broken;

static int visit_broken(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)at;
    if (type != FTW_F)
        return 0;
    size_t size;
    uint8_t *bytes = read_file(path, &size);
    broken.files++;
    read_images("hdf5", "broken.h5", bytes, size, &broken);
    free(bytes);
    return 0;
}

static void broken_files_fail_cleanly(void **state)
{
    (void)state;
    assert_int_equal(nftw(data_path("hdf5/malformed"), visit_broken, 16, FTW_PHYS), 0);
    print_message("%d broken files: %d images read, %d refusals\n", broken.files, broken.images, broken.refused);
    assert_true(broken.files > 70);
    assert_int_equal(broken.images, 103);
}

static void mutations_do_no_harm(void **state)
{
    (void)state;
    static const char *const names[] = { "hdf5/bio/Minimal_IMS_File.ims",
                                         "hdf5/bio/ilastik_5t2d2c.h5",
                                         "hdf5/layouts/chunked.hdf5",
                                         "hdf5/layouts/btreev2.hdf5",
                                         "hdf5/filters/compressed.hdf5",
                                         "hdf5/filters/hdfgroup_h5ex_d_lz4.h5",
                                         "hdf5/filters/netcdf_ref_szip.h5",
                                         "hdf5/layouts/dataset_multidim.hdf5",
                                         "hdf5/filters/jhdf_lz4_datasets.hdf5",
                                         "hdf5/layouts/resizable.hdf5",
                                         "fuzz/corpus/fuzz_hdf5/virtual_latest.h5",
                                         "fuzz/corpus/fuzz_hdf5/outside.h5",
                                         "fuzz/corpus/fuzz_hdf5/scales.h5",
                                         "fuzz/corpus/fuzz_hdf5/version_2.h5",
                                         "fuzz/corpus/fuzz_hdf5/images.h5",
                                         "fuzz/corpus/fuzz_hdf5/edges.h5",
                                         "fuzz/corpus/fuzz_hdf5/bdv.h5",
                                         "fuzz/corpus/fuzz_hdf5/imaris.h5" };
    mutate_files("hdf5", names, sizeof names / sizeof *names);
}

/* An image of many datasets holds what each holds. */
static void time_points_are_their_datasets(void **state)
{
    (void)state;
    opened_map o;
    mt_error err = MT_ERROR_INIT;
    uint8_t *whole, *one;
    size_t size, one_size;
    char folder[1024], part[64];
    snprintf(folder, sizeof folder, "%s", data_path("hdf5/bio"));
    for (int level = 0; level < 2; level++) {
        snprintf(part, sizeof part, "level=%d", level);
        check_ok(open_map("hdf5", folder, "smallVideoBdv.xml", part, &o, &err), &err);
        assert_string_equal(o.map->axes, "TZYX");
        assert_int_equal(o.map->dtype, MT_UINT16);
        assert_int_equal(o.map->n_levels, 2);
        assert_int_equal(o.map->shape[0], 7);
        assert_true(o.map->pixel_size[2] == (level ? 2 : 1));
        check_ok(read_map(&o, &whole, &size, &err), &err);
        close_map(&o);
        for (size_t t = 0; t < 7; t++) {
            snprintf(part, sizeof part, "t%05zu/s00/%d/cells", t, level);
            check_ok(open_map("hdf5", folder, "smallVideoBdv.h5", part, &o, &err), &err);
            check_ok(read_map(&o, &one, &one_size, &err), &err);
            close_map(&o);
            assert_int_equal(one_size * 7, size);
            assert_memory_equal(one, whole + t * one_size, one_size);
            free(one);
        }
        free(whole);
    }
}

/* A file named fuzz.h5 whose dataset lies in a file of that name. */
static void other_files_only_where_allowed(void **state)
{
    (void)state;
    char folder[1024], path[1100], dotted[1100];
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/microtome-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/fuzz.h5", folder);
    snprintf(dotted, sizeof dotted, "%s//", folder);
    size_t size;
    uint8_t *bytes = read_file("fuzz/corpus/fuzz_hdf5/outside.h5", &size);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);

    const struct {
        const char *folder;
        mt_status status;
        const char *message;
    } cases[] = { { NULL, MT_E_UNSUPPORTED, "external_folder" },
                  { "/nowhere", MT_E_ARGUMENT, "start of the path" },
                  { ".", MT_E_ARGUMENT, "start of the path" },
                  { "", MT_OK, NULL },
                  { folder, MT_OK, NULL },
                  { dotted, MT_OK, NULL },
                  { base ? base : "/tmp", MT_OK, NULL } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_open_options options = { .struct_size = sizeof options, .external_folder = cases[i].folder };
        mt_error err = MT_ERROR_INIT;
        mt_stack *stack;
        static const int64_t corner[2] = { 0, 0 }, whole[2] = { 5, 6 };
        float pixels[30];
        assert_int_equal(mt_stack_open(NULL, path, &options, &stack, &err), cases[i].status);
        if (cases[i].status) {
            assert_non_null(strstr(err.message, cases[i].message));
            continue;
        }
        check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, corner, whole, 2, pixels, &err), &err);
        for (size_t k = 0; k < 30; k++) {
            size_t at = k < 12 ? 8 + 2 * k : 100 + 2 * (k - 12);
            assert_true(pixels[k] == (float)(bytes[at] | bytes[at + 1] << 8));
        }
        mt_stack_close(stack);
    }
    free(bytes);
    assert_int_equal(remove(path), 0);
    assert_int_equal(remove(folder), 0);
}

/* Chunks that reach beyond the edge may be stored without filters. */
static void edges_without_filters(void **state)
{
    (void)state;
    mt_stack *stack;
    whole_image image;
    mt_error err = MT_ERROR_INIT;
    const mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    check_ok(mt_stack_open(NULL, "fuzz/corpus/fuzz_hdf5/edges.h5", &options, &stack, &err), &err);
    check_ok(read_whole(stack, &image, &err), &err);
    assert_int_equal(image.bytes, 2 * 5 * 6);
    for (size_t i = 0; i < 5 * 6; i++)
        assert_int_equal(image.pixels[2 * i] + image.pixels[2 * i + 1], i); /* in either byte order */
    free_whole(&image);
    mt_stack_close(stack);
}

static void a_level_that_is_not_there(void **state)
{
    (void)state;
    static const char *const parts[] = { "level=1", "level=1000", "level=5000000000" };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        const mt_open_options options = { .struct_size = sizeof options, .part = parts[i] };
        assert_int_equal(mt_stack_open(NULL, data_path("hdf5/bio/Minimal_IMS_File.ims"), &options, &stack, &err),
                         MT_E_NOT_FOUND);
        assert_non_null(strstr(err.message, "there is no level="));
    }
}

static void imaris_tells_of_itself(void **state)
{
    (void)state;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(NULL, data_path("hdf5/bio/Minimal_IMS_File.ims"), NULL, &stack, &err), &err);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_string_equal(info->original_axes, "TCZYX");
    assert_true(info->pixel_size[4] == 7.0 / 128);
    mt_stack_close(stack);
}

static void files_keep_the_contract(void **state)
{
    (void)state;
    static const char *const names[] = { "hdf5/bio/Minimal_IMS_File.ims",
                                         "hdf5/bio/ilastik_5t2d2c.h5",
                                         "hdf5/layouts/chunked.hdf5",
                                         "hdf5/filters/hdfgroup_h5ex_d_lz4.h5",
                                         "hdf5/filters/hdfgroup_h5ex_d_bshuf.h5",
                                         "hdf5/filters/hdfgroup_h5ex_d_blosc.h5",
                                         "hdf5/filters/netcdf_ref_szip.h5" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_contract(data_path(names[i]), NULL);
    static const char *const parts[] = { "open", "numbered", "blocks", "nested" };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        mt_open_options options = { .struct_size = sizeof options, .part = parts[i] };
        check_contract("fuzz/corpus/fuzz_hdf5/virtual_latest.h5", &options);
    }
    static const struct {
        const char *path, *part, *axes;
    } made[] = { { "fuzz/corpus/fuzz_hdf5/version_2.h5", "virtual", NULL },
                 { "fuzz/corpus/fuzz_hdf5/version_2.h5", "tree", NULL },
                 { "fuzz/corpus/fuzz_hdf5/images.h5", "one", NULL },
                 { "fuzz/corpus/fuzz_hdf5/images.h5", "pictures/line", NULL },
                 { "fuzz/corpus/fuzz_hdf5/images.h5", "sized", "ZYX" },
                 { "fuzz/corpus/fuzz_hdf5/edges.h5", NULL, "YX" },
                 { "fuzz/corpus/fuzz_hdf5/bdv.h5", NULL, NULL },
                 { "fuzz/corpus/fuzz_hdf5/imaris.h5", NULL, NULL } };
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        mt_open_options options = { .struct_size = sizeof options, .part = made[i].part, .axes = made[i].axes };
        check_contract(made[i].path, &options);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datasets_equal_those_of_h5py),   cmocka_unit_test(time_points_are_their_datasets),
        cmocka_unit_test(imaris_tells_of_itself),         cmocka_unit_test(a_level_that_is_not_there),
        cmocka_unit_test(other_files_only_where_allowed), cmocka_unit_test(broken_files_fail_cleanly),
        cmocka_unit_test(mutations_do_no_harm),           cmocka_unit_test(files_keep_the_contract),
        cmocka_unit_test(edges_without_filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
