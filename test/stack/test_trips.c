/* SPDX-License-Identifier: BSD-3-Clause */
/* Dependent round trips to open an image, and to open it and read the first patch of its last plane. */
#include "support/contract.h"

#include "stack/stack.h"
#include "support/delayed_store.h"
#include "support/nd2_writer.h"
#include "support/slide_writer.h"
#include "support/tiff_writer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct trips {
    size_t open, patch; /* patch: after opening */
} trips;

static trips count(const char *path, const char *part, bool print)
{
    delayed_log log = { .delay_ms = 8, .print = print };
    mt_open_options options = { .struct_size = sizeof options, .part = part, .axes = part ? NULL : axes_for(path) };
    mt_context *context;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(NULL, &context, &err), &err);
    const mt_store_wrap wrap = { delayed_wrap, &log };
    check_ok(mt_stack_open_wrapped(context, path, &options, &wrap, &stack, &err), &err);
    trips t = { .open = log.trips };
    if (print)
        print_message("  opened\n");
    const mt_stack_info *info = mt_stack_get_info(stack);
    int spatial = info->data_ndim - 2;
    int64_t coords[3] = { 0 }, size[3] = { 1, 1, 1 }, channel = info->data_shape[1] - 1;
    if (spatial == 3)
        coords[0] = info->data_shape[2] - 1;
    float out[1];
    check_ok(
        mt_stack_extract_patch(stack, info->data_shape[0] - 1, &channel, 1, coords, size, (size_t)spatial, out, &err),
        &err);
    t.patch = log.trips - t.open;
    mt_stack_close(stack);
    mt_context_free(context);
    return t;
}

/* Fails where opening takes more than open trips, or the first patch of the last plane more than patch further ones. */
static void check_trips(const char *path, const char *part, size_t open, size_t patch)
{
    bool print = getenv("MT_PRINT_TRIPS") != NULL;
    trips t = count(path, part, print);
    print_message("%zu + %zu trips (at most %zu + %zu): %s%s%s\n", t.open, t.patch, open, patch, path, part ? "#" : "",
                  part ? part : "");
    assert_in_range(t.open, 0, open);
    assert_in_range(t.patch, 0, patch);
}

static void check_all(const char *const *names, size_t n, size_t open)
{
    for (size_t i = 0; i < n; i++)
        check_trips(data_path(names[i]), NULL, open, 2);
}

#define CHECK_ALL(names, open) check_all(names, sizeof(names) / sizeof *(names), open)

static void test_zarr(void **state)
{
    (void)state;
    static const char *const arrays[] = { "zarr/zarr-java/ome/v0.5/0",
                                          "zarr/zarrs/sharded_array_write_read.zarr/group/array" };
    static const char *const old_arrays[] = { "zarr/zarr-java/ome/v0.4/0", "zarr/zarr-java/v2_sample/bool" };
    static const char *const images[] = { "zarr/zarr-java/ome/v0.4", "zarr/zarr-java/ome/v0.5",
                                          "zarr/zarr-java/ome/v0.4_hcs", "zarr/zarr-java/ome/v0.5_hcs",
                                          "zarr/mobie/blobs.ome.zarr" };
    CHECK_ALL(arrays, 1);
    CHECK_ALL(old_arrays, 2);
    CHECK_ALL(images, 3);
    check_trips(data_path("zarr/zarr-java/ome/v0.5"), "0", 2, 2);
}

static void test_n5(void **state)
{
    (void)state;
    static const char *const names[] = { "n5/syn/gzip_u16", "n5/tensorstore/raw" };
    CHECK_ALL(names, 2);
    check_trips(data_path("n5/syn"), "raw_f64_2d", 3, 1);
}

static void test_tiff(void **state)
{
    (void)state;
    static const char *const names[] = { "tiff/wsi/rgba_geotiff.tiff",
                                         "tiff/crafted/ome_pyramid_subifd_tiled_deflate_pred2.ome.tif",
                                         /* levels of all pages are counted */
                                         "tiff/crafted/ome_pyramid_subifd_tiled_raw.ome.tif",
                                         /* directories lie between the planes */
                                         "tiff/ome/multi-channel-z-series.ome.tif" };
    CHECK_ALL(names, 2);
}

static void test_hdf5(void **state)
{
    (void)state;
    static const char *const names[] = { "hdf5/bio/kidney.h5", "hdf5/bio/Minimal_IMS_File.ims",
                                         "hdf5/bio/ilastik_5t2d2c.h5", "hdf5/bio/smallVideoBdv.h5" };
    CHECK_ALL(names, 4);
}

static void test_czi(void **state)
{
    (void)state;
    static const char *const names[] = { "czi/real/tiles.czi", "czi/real/S3_1Pos_2Mosaic_T2_Z3_CH2_sm.czi",
                                         "czi/real/1_tileregion.czi",
                                         "czi/real/CellDivision_T3_Z6_CH1_X300_Y200_DCV_ZSTD.czi" };
    CHECK_ALL(names, 4);
}

/* The header is all that is read. */
static void test_headers(void **state)
{
    (void)state;
    check_trips("test/samples/mrc/volume_big_i16.map", NULL, 1, 1);
    check_trips("test/samples/mrc/stack_4bit.mrcs", NULL, 1, 1);
    check_trips("test/samples/nifti/volume_big_i16.nii", NULL, 1, 1);
    check_trips("test/samples/nifti/pair.hdr", NULL, 2, 1);
    check_trips("test/samples/nifti/pair.img", NULL, 2, 1);
}

static void test_lif(void **state)
{
    (void)state;
    static const char *const names[] = { "lif/syn_v1.lif", "lif/xz-example.lif", "lif/wavelength-sweep.lif" };
    CHECK_ALL(names, 2);
    check_trips(data_path("lif/syn_v2_multi.lif"), "rgb", 2, 2);
}

/* The map at the end; the metadata, together; the header of a frame, and its pixels. */
static void test_nd2(void **state)
{
    enum { FRAMES = 100000 };
    (void)state;
    static const nd2_writer_loop loops[] = { { 1, FRAMES / 10, NULL, 100 }, { 4, 10, NULL, 1 } };
    static const nd2_writer_spec spec = {
        .width = 64, .height = 64, .frames = FRAMES, .is_sparse = true, .loops = loops, .n_loops = 2, .has_times = true
    };
    char path[] = "/tmp/test_trips_XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    write_nd2(path, &spec);
    check_trips(path, NULL, 5, 2);
    unlink(path);
    check_trips(data_path("nd2/cluster.nd2"), NULL, 3, 2);
}

/* 10^5 pages, with directories as in tiff_spec. */
static void check_pages(const char *description, int directories, size_t open, size_t patch)
{
    enum { PAGES = 100000 };
    char path[] = "/tmp/test_trips_XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    write_tiff(path, &(tiff_spec) { .pages = PAGES, .directories = directories, .description = description });
    check_trips(path, NULL, open, patch);
    unlink(path);
}

static void test_pages(void **state)
{
    (void)state;
    static const char imagej[] = "ImageJ=1.54\nimages=100000\nslices=100000\n";
    check_pages(imagej, 1, 3, 2);
    check_pages(imagej, 0, 3, 34); /* the way to the last directory leads over all of them */
    check_pages(NULL, 0, 20, 2);
}

/* Directories at equal distances are foreseen, more of them the longer the run. */
/* Pages far apart, each of which leads to the next. */
static void test_slides(void **state)
{
    (void)state;
    enum { PAGES = 6 };
    char path[] = "/tmp/microtome-slide-XXXXXX";
    close(mkstemp(path));
    slide_spec svs[PAGES] = { { 48, 32, .samples = 3, .tile = 16, .description = "Aperio Image Library" } };
    slide_spec ndpi[PAGES] = { { 48, 32, .jpeg = true, .interval = 3, .lens = 20 } };
    for (int i = 1; i < PAGES; i++) {
        svs[i] = svs[0];
        ndpi[i] = ndpi[0];
        svs[i].width = ndpi[i].width = i < 3 ? 48 >> i : 30;
        svs[i].height = ndpi[i].height = 32 >> i;
        svs[i].tile = i < 3 ? 16 : 0;
        ndpi[i].interval = i < 3 ? 3 >> (i - 1) : 0;
        ndpi[i].lens = i < 3 ? 10 : -1;
        svs[i].at = ndpi[i].at = (uint64_t)i << 21;
    }
    write_slide(path, svs, PAGES, false);
    check_trips(path, NULL, PAGES, 1);
    write_slide(path, ndpi, PAGES, true);
    check_trips(path, NULL, PAGES, 1);
    unlink(path);
}

static void test_distances(void **state)
{
    (void)state;
    char path[] = "/tmp/test_trips_XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    write_tiff(path, &(tiff_spec) { .pages = 60, .strip_gap = 60000 });
    check_trips(path, NULL, 9, 1);
    unlink(path);
}

/* A companion that names n files, of which only the first two are there, and what of it is opened over a slow store. */
static mt_stack *open_set(const char *folder, int n, bool by_uuid, delayed_log *log)
{
    size_t room = 400 + (size_t)n * 120;
    char path[128], *text = malloc(room);
    assert_non_null(text);
    size_t at = (size_t)snprintf(text, room,
                                 "<OME><Image><Pixels DimensionOrder=\"XYZCT\" SizeX=\"6\" SizeY=\"4\" SizeZ=\"%d\" "
                                 "SizeC=\"1\" SizeT=\"1\">",
                                 n);
    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, room - at,
                               "<TiffData FirstZ=\"%d\" IFD=\"0\"><UUID %s%04d%s>u%d</UUID></TiffData>", i,
                               by_uuid ? "x=\"" : "FileName=\"f", i, by_uuid ? "\"" : ".tif\"", i);
    snprintf(text + at, room - at, "</Pixels></Image></OME>");
    snprintf(path, sizeof path, "%s/x.companion.ome", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    free(text);
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open_wrapped(NULL, path, NULL, &(mt_store_wrap) { delayed_wrap, log }, &stack, &err), &err);
    return stack;
}

static float read_plane(mt_stack *stack, int64_t z)
{
    mt_error err = MT_ERROR_INIT;
    const int64_t origin[3] = { z, 0, 0 }, size[3] = { 1, 1, 1 };
    float value = -1;
    check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, origin, size, 3, &value, &err), &err);
    return value;
}

/* Files of a set are looked for many at once, up to a number. */
static void test_sets(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_trips_XXXXXX", path[64], command[64];
    delayed_log log = { .delay_ms = 1 };
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/f%04d.tif", folder, i);
        write_tiff(path, &(tiff_spec) { .pages = 1, .first_value = 10 + i });
    }
    mt_stack *stack = open_set(folder, 200, false, &log);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_int_equal(info->n_missing, 198);
    assert_string_equal(info->missing[0], "f0002.tif");
    assert_int_equal(info->n_warnings, 0);
    assert_in_range(log.trips, 1, 12);
    assert_true(read_plane(stack, 1) == 11 && read_plane(stack, 2) == 0);
    mt_stack_close(stack);

    stack = open_set(folder, 1100, false, &log);
    info = mt_stack_get_info(stack);
    assert_int_equal(info->n_missing, 1022);
    assert_non_null(strstr(info->warnings[0], "1024 of 1100"));
    assert_true(read_plane(stack, 1) == 11 && read_plane(stack, 1050) == 0);
    mt_stack_close(stack);

    /* without listings, base names are tried, up to the limit */
    log.no_list = true;
    stack = open_set(folder, 1100, false, &log);
    assert_int_equal(mt_stack_get_info(stack)->n_missing, 1022);
    mt_stack_close(stack);
    stack = open_set(folder, 3, false, &log);
    assert_int_equal(mt_stack_get_info(stack)->n_missing, 1);
    assert_true(read_plane(stack, 0) == 10 && read_plane(stack, 1) == 11);
    mt_stack_close(stack);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* Limit of the files searched for UUIDs. */
static void test_uuids(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_trips_XXXXXX", path[64], text[64], command[64];
    delayed_log log = { .delay_ms = 0 };
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < 66; i++) {
        snprintf(path, sizeof path, "%s/f%04d.tif", folder, i);
        snprintf(text, sizeof text, "<?xml version='1.0'?><OME UUID='urn:uuid:U%d'/>", 65 - i);
        write_tiff(path, &(tiff_spec) { .pages = 1, .first_value = i, .description = text });
    }
    mt_stack *stack = open_set(folder, 3, true, &log);
    const mt_stack_info *info = mt_stack_get_info(stack);
    assert_int_equal(info->n_missing, 2); /* those of the last two files */
    assert_non_null(strstr(info->warnings[0], "64 of the files"));
    assert_true(read_plane(stack, 2) == 63);
    mt_stack_close(stack);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* What fails is not taken for absent. */
static void test_failure(void **state)
{
    (void)state;
    static const char *const refused[] = { ".zattrs", ".zarray", "zarr.json" };
    for (size_t i = 0; i < 3; i++) {
        delayed_log log = { .delay_ms = 1, .refused = refused[i] };
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        const mt_store_wrap wrap = { delayed_wrap, &log };
        mt_status st = mt_stack_open_wrapped(NULL, data_path("zarr/zarr-java/ome/v0.4"), NULL, &wrap, &stack, &err);
        assert_int_equal(st, MT_E_IO);
        assert_non_null(strstr(err.message, "made to fail"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_zarr),      cmocka_unit_test(test_n5),
                                        cmocka_unit_test(test_tiff),      cmocka_unit_test(test_hdf5),
                                        cmocka_unit_test(test_czi),       cmocka_unit_test(test_lif),
                                        cmocka_unit_test(test_headers),   cmocka_unit_test(test_pages),
                                        cmocka_unit_test(test_distances), cmocka_unit_test(test_sets),
                                        cmocka_unit_test(test_uuids),     cmocka_unit_test(test_failure),
                                        cmocka_unit_test(test_nd2),       cmocka_unit_test(test_slides) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
