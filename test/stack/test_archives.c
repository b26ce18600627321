/* SPDX-License-Identifier: BSD-3-Clause */
/* Images in zip archives and gzip files, by their paths: the same as those of the unpacked files. */
#include "support/contract.h"
#include "support/http_server.h"
#include "support/zip_writer.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];
static zip_writer w;

static int set_up(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/mt-archives-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command);
}

static const char *path_of(const char *name)
{
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, 512, "%s/%s", root, name);
    return path;
}

/* Both open and have the same pixels, or neither does. */
static void check_same(const char *plain, const char *other)
{
    mt_stack *a, *b;
    mt_error err = MT_ERROR_INIT, other_err = MT_ERROR_INIT;
    mt_status st = open_any(plain, &a, &err);
    mt_status other_st = open_any(other, &b, &other_err);
    if (st != other_st)
        fail_msg("%s: %s, %s: %s", plain, err.message, other, other_err.message);
    if (st)
        return;
    whole_image x = { 0 }, y = { 0 };
    const mt_stack_info *p = mt_stack_get_info(a), *q = mt_stack_get_info(b);
    assert_string_equal(p->original_axes, q->original_axes);
    assert_string_equal(p->format, q->format);
    assert_string_equal(q->source, other);
    st = read_whole(a, &x, &err);
    other_st = read_whole(b, &y, &other_err);
    if (st != other_st)
        fail_msg("%s: %s, %s: %s", plain, err.message, other, other_err.message);
    if (!st) {
        assert_int_equal(x.bytes, y.bytes);
        assert_memory_equal(x.pixels, y.pixels, x.bytes);
        check_boxes(b, &x, 11, 16);
        free_whole(&x);
        free_whole(&y);
    }
    mt_stack_close(a);
    mt_stack_close(b);
}

static const char *const files[] = { "npy/generated/v1_le_u2.npy",
                                     "npy/generated/v1_be_f4.npy",
                                     "npy/generated/bad_truncated_data.npy",
                                     "tiff/imagej/3d_t.tif",
                                     "tiff/imagej/2d.tif",
                                     "tiff/imagej/hela-cells.tif",
                                     "tiff/ome/multi-channel-z-series.ome.tif",
                                     "hdf5/bio/ilastik_3d2c.h5",
                                     "hdf5/bio/Minimal_IMS_File.ims",
                                     "czi/real/100x100.czi",
                                     "czi/real/RGB-8bit.czi" };

static void each_format_in_a_zip(void **state)
{
    (void)state;
    static const unsigned methods[] = { 0, 8 };
    for (int k = 0; k < 2; k++) {
        zip_begin(&w, 0);
        for (size_t i = 0; i < sizeof files / sizeof *files; i++)
            zip_add_file(&w, files[i], data_path(files[i]), methods[k]);
        zip_end(&w);
        zip_save(&w, path_of("a.zip"));
        zip_free(&w);
        for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
            char inside[512];
            snprintf(inside, sizeof inside, "%s/%s", path_of("a.zip"), files[i]);
            check_same(data_path(files[i]), inside);
        }
    }
}

static void write_gzip(const char *to, const char *from)
{
    size_t size, n = 0;
    uint8_t *bytes = read_file(from, &size), *packed = malloc(size + 100000);
    gzip_append(packed, size + 100000, &n, bytes, size / 3, 6);
    gzip_append(packed, size + 100000, &n, bytes + size / 3, size - size / 3, 6);
    FILE *file = fopen(to, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(packed, 1, n, file), n);
    fclose(file);
    free(bytes);
    free(packed);
}

static void each_format_in_gzip(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char name[512];
        snprintf(name, sizeof name, "%s/%s.gz", root, strrchr(files[i], '/') + 1);
        write_gzip(name, data_path(files[i]));
        check_same(data_path(files[i]), name);
    }
    zip_begin(&w, 0);
    zip_add_file(&w, "x/2d.tif.gz", path_of("2d.tif.gz"), 8);
    zip_end(&w);
    zip_save(&w, path_of("b.zip"));
    zip_free(&w);
    check_same(data_path("tiff/imagej/2d.tif"), path_of("b.zip/x/2d.tif.gz"));
    char url[600];
    snprintf(url, sizeof url, "file://%s", path_of("b.zip/x/2d.tif.gz"));
    check_same(data_path("tiff/imagej/2d.tif"), url);
}

/* Adds a folder with all below. */
static void add_folder(const char *path, const char *name, unsigned method)
{
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *d; (d = readdir(folder));) {
        char below[1024], key[512];
        struct stat s;
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        snprintf(below, sizeof below, "%s/%s", path, d->d_name);
        snprintf(key, sizeof key, "%s%s%s", name, *name ? "/" : "", d->d_name);
        stat(below, &s);
        if (S_ISDIR(s.st_mode))
            add_folder(below, key, method);
        else
            zip_add_file(&w, key, below, method);
    }
    closedir(folder);
}

/* Folders of Zarr at the root, in one top folder, and as members among others. */
static void zarr_in_a_zip(void **state)
{
    (void)state;
    static const char *const names[] = { "zarr/zarrs/sharded_array_write_read.zarr/group", "zarr/zarrs/hierarchy.zarr",
                                         "zarr/zarrs/v2/array_gzip_C.zarr", "zarr/zarrs/v3_zarr_python/array_gzip.zarr",
                                         "zarr/mobie/blobs.ome.zarr" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int k = 0; k < 6; k++) {
            static const char *const tops[] = { "", "image.ome.zarr", "x/y" };
            if (strstr(names[i], "hierarchy") && k != 1 && k != 5) /* large */
                continue;
            zip_begin(&w, 0);
            add_folder(data_path(names[i]), tops[k % 3], k < 3 ? 0 : 8);
            if (k % 3 == 2)
                zip_add(&w, "readme", "!", 1, 0, 0);
            zip_end(&w);
            zip_save(&w, path_of("z.ozx"));
            zip_free(&w);
            check_same(data_path(names[i]), path_of(k % 3 == 2 ? "z.ozx/x/y" : "z.ozx"));
            if (strstr(names[i], "hierarchy")) {
                char part[512];
                snprintf(part, sizeof part, "%s#a/baz", data_path(names[i]));
                check_same(part, path_of(k % 3 == 2 ? "z.ozx/x/y#a/baz" : "z.ozx#a/baz"));
                check_same(part, path_of(k % 3 == 2   ? "z.ozx/x/y/a/baz"
                                         : k % 3 == 1 ? "z.ozx/image.ome.zarr/a/baz"
                                                      : "z.ozx/a/baz"));
            }
        }
}

/* The path of an archive means its only top-level folder. */
static void go_into_only_folder(char *path, size_t room)
{
    DIR *folder = opendir(path);
    char name[256] = "", below[1024];
    struct stat s;
    int n = 0;
    assert_non_null(folder);
    for (struct dirent *d; (d = readdir(folder));)
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 && ++n)
            snprintf(name, sizeof name, "%s", d->d_name);
    closedir(folder);
    snprintf(below, sizeof below, "%s/%s", path, name);
    if (n == 1 && stat(below, &s) == 0 && S_ISDIR(s.st_mode))
        snprintf(path, room, "%.500s", below);
}

/* The archives of the data folder, against a folder that they are unpacked into. */
static void archives_of_others(void **state)
{
    (void)state;
    static const char *const names[] = { "zip/syn/stored.zarr.zip",
                                         "zip/syn/rfc9.ozx",
                                         "zip/syn/subfolder.zip",
                                         "zip/syn/streamed_descriptor.zip",
                                         "zip/syn/zip64_eocd.zip",
                                         "zip/neuroglancer_simple_0.5.zip",
                                         "zarr/large_image/sample_float32_8bit_range.zarr.zip",
                                         "zarr/netcdf-c/ref_byte.zarr.zip",
                                         "zarr/netcdf-c/ref_byte_fill_value_null.zarr.zip",
                                         "zarr/netcdf-c/ref_oldkeys.file.zip",
                                         "zarr/netcdf-c/ref_quotes_orig.zip",
                                         "zarr/netcdf-c/ref_power_901_constants_orig.zip" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char command[1024], unpacked[512];
        snprintf(unpacked, sizeof unpacked, "%s/u%zu", root, i);
        snprintf(command, sizeof command, "python3 -m zipfile -e %s %s", data_path(names[i]), unpacked);
        assert_int_equal(system(command), 0);
        go_into_only_folder(unpacked, sizeof unpacked);
        check_same(unpacked, data_path(names[i]));
    }
}

/* A set of files refers to its members inside the archive. */
static void files_that_belong_together(void **state)
{
    (void)state;
    zip_begin(&w, 0);
    add_folder(data_path("tiff/ome"), "set", 8);
    zip_add_file(&w, "h5/kidney.h5", data_path("hdf5/bio/kidney.h5"), 8);
    zip_add_file(&w, "h5/kidney.xml", data_path("hdf5/bio/kidney.xml"), 8);
    zip_end(&w);
    zip_save(&w, path_of("set.zip"));
    zip_free(&w);
    check_same(data_path("tiff/ome/multifile-Z1.ome.tiff"), path_of("set.zip/set/multifile-Z1.ome.tiff"));
    check_same(data_path("hdf5/bio/kidney.h5"), path_of("set.zip/h5/kidney.h5"));
}

/* A path inside an archive may begin below its only top folder, unless that folder has a child of the same name. */
static void a_folder_in_its_namesake(void **state)
{
    (void)state;
    static const char *const expected[] = { "run/run/a.tif", "run/run/run/b.tif" };
    static const char *const paths[] = { "n.zip", "n.zip/run", "n.zip/run/run", "o.zip/n.zip" };
    zip_begin(&w, 0);
    for (size_t i = 0; i < 2; i++)
        zip_add_file(&w, expected[i], data_path("tiff/imagej/2d.tif"), 0);
    zip_end(&w);
    zip_save(&w, path_of("n.zip"));
    zip_free(&w);
    zip_begin(&w, 0);
    zip_add_file(&w, "n.zip", path_of("n.zip"), 0);
    zip_end(&w);
    zip_save(&w, path_of("o.zip"));
    zip_free(&w);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char path[512];
        const char *named[] = { path };
        mt_stacks *stacks;
        mt_error err = MT_ERROR_INIT;
        snprintf(path, sizeof path, "%s", path_of(paths[i]));
        check_ok(mt_stacks_open(NULL, named, 1, NULL, &stacks, &err), &err);
        assert_int_equal(mt_stacks_count(stacks), 2);
        for (size_t k = 0; k < 2; k++) {
            const char *source = mt_stack_get_info(mt_stacks_get(stacks, k))->source;
            assert_non_null(strstr(source, expected[k]));
            mt_stack *again;
            check_ok(mt_stack_open(NULL, source, NULL, &again, &err), &err);
            mt_stack_close(again);
        }
        mt_stacks_close(stacks);
    }
}

/* A child whose name only begins with that of the folder is not a namesake. */
static void a_folder_in_one_of_longer_name(void **state)
{
    (void)state;
    const char *path = path_of("n.zip");
    mt_stacks *stacks;
    mt_error err = MT_ERROR_INIT;
    zip_begin(&w, 0);
    zip_add_file(&w, "run/runs.tif", data_path("tiff/imagej/2d.tif"), 0);
    zip_end(&w);
    zip_save(&w, path);
    zip_free(&w);
    check_ok(mt_stacks_open(NULL, &path, 1, NULL, &stacks, &err), &err);
    assert_int_equal(mt_stacks_count(stacks), 1);
    assert_string_equal(mt_stack_get_info(mt_stacks_get(stacks, 0))->source, path_of("n.zip/runs.tif"));
    mt_stacks_close(stacks);
}

static void contract(void **state)
{
    (void)state;
    zip_begin(&w, 10);
    zip_add_file(&w, "s/a.tif", data_path("tiff/imagej/2d.tif"), 0);
    zip_add_file(&w, "d/a.tif", data_path("tiff/imagej/2d.tif"), 8);
    add_folder(data_path("zarr/zarrs/sharded_array_write_read.zarr/group"), "z", 0);
    zip_end(&w);
    zip_save(&w, path_of("c.zip"));
    zip_free(&w);
    check_contract(path_of("c.zip/s/a.tif"), NULL);
    check_contract(path_of("c.zip/d/a.tif"), NULL);
    check_contract(path_of("c.zip/z#array"), NULL);
    write_gzip(path_of("c.npy.gz"), data_path("npy/generated/v1_le_u2.npy"));
    check_contract(path_of("c.npy.gz"), NULL);
}

static int write_file(void *file, const void *bytes, size_t n) { return fwrite(bytes, 1, n, file) == n ? 0 : -1; }

static mt_stack *open_path(const char *path, const mt_open_options *options)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(NULL, path, options, &stack, &err), &err);
    return stack;
}

/* A saved map gives the same pixels until the archive changes. */
static void check_saved_map(const char *archive, const char *path)
{
    static char map[512];
    mt_error err = MT_ERROR_INIT;
    whole_image x = { 0 }, y = { 0 };
    snprintf(map, sizeof map, "%s", path_of("m.map"));
    mt_open_options options = { .struct_size = sizeof options, .axes = axes_for(path) };
    FILE *file = fopen(map, "wb");
    mt_stack *stack = open_path(path, &options);
    options.map = map;
    check_ok(mt_stack_save_map(stack, write_file, file, &err), &err);
    assert_int_equal(fclose(file), 0);
    mt_stack *again = open_path(path, &options);
    check_ok(read_whole(stack, &x, &err), &err);
    check_ok(read_whole(again, &y, &err), &err);
    assert_int_equal(x.bytes, y.bytes);
    assert_memory_equal(x.pixels, y.pixels, x.bytes);
    free_whole(&x);
    free_whole(&y);
    mt_stack_close(stack);
    mt_stack_close(again);
    const struct timespec times[] = { { 1, 0 }, { rand() % 100000, 0 } };
    assert_int_equal(utimensat(AT_FDCWD, archive, times, 0), 0);
    again = open_path(path, &options);
    assert_int_equal(read_whole(again, &y, &err), MT_E_CHANGED);
    mt_stack_close(again);
}

static void saved_maps(void **state)
{
    (void)state;
    zip_begin(&w, 0);
    zip_add_file(&w, "s/a.tif", data_path("tiff/imagej/2d.tif"), 0);
    zip_add_file(&w, "d/a.tif", data_path("tiff/imagej/2d.tif"), 8);
    add_folder(data_path("zarr/zarrs/sharded_array_write_read.zarr/group"), "z", 0);
    zip_end(&w);
    zip_save(&w, path_of("m.zip"));
    zip_free(&w);
    write_gzip(path_of("m.npy.gz"), data_path("npy/generated/v1_le_u2.npy"));
    check_saved_map(path_of("m.zip"), path_of("m.zip/s/a.tif"));
    check_saved_map(path_of("m.zip"), path_of("m.zip/d/a.tif"));
    check_saved_map(path_of("m.zip"), path_of("m.zip/z#array"));
    check_saved_map(path_of("m.npy.gz"), path_of("m.npy.gz"));
}

static void check_fails(const char *path, mt_status status, const char *words)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    mt_status st = mt_stack_open(NULL, path, NULL, &stack, &err);
    if (st != status || !strstr(err.message, words))
        fail_msg("%s: %s, %s", path, mt_status_name(st), err.message);
}

/* Up to four archives in one another are opened. */
static void archives_in_archives(void **state)
{
    (void)state;
    char path[256] = "n.zip";
    zip_begin(&w, 0);
    zip_add_file(&w, "2d.tif", data_path("tiff/imagej/2d.tif"), 0);
    zip_end(&w);
    zip_save(&w, path_of("n.zip"));
    zip_free(&w);
    for (int depth = 2; depth <= 5; depth++) {
        zip_begin(&w, 0);
        zip_add_file(&w, "n.zip", path_of("n.zip"), 0);
        zip_end(&w);
        zip_save(&w, path_of("n.zip"));
        zip_free(&w);
        snprintf(path + strlen(path), sizeof path - strlen(path), "/n.zip");
        char inside[300];
        snprintf(inside, sizeof inside, "%s/2d.tif", path);
        if (depth <= 4)
            check_same(data_path("tiff/imagej/2d.tif"), path_of(inside));
        else
            check_fails(path_of(inside), MT_E_LIMIT, "more than 4 archives in one another");
    }
}

static void what_is_not_there(void **state)
{
    (void)state;
    zip_begin(&w, 0);
    zip_add_file(&w, "s/a.tif", data_path("tiff/imagej/2d.tif"), 0);
    zip_add(&w, "text", "hello", 5, 0, 0);
    zip_end(&w);
    zip_save(&w, path_of("d.zip"));
    zip_free(&w);
    check_fails(path_of("d.zip/b.tif"), MT_E_NOT_FOUND, "d.zip: no member or folder \"b.tif\"");
    check_fails(path_of("d.zip/s/../s/a.tif"), MT_E_NOT_FOUND, "no member");
    check_fails(path_of("d.zip"), MT_E_NOT_AN_IMAGE, "name a member");
    check_fails(path_of("d.zip/text"), MT_E_NOT_AN_IMAGE, "known format");
    check_fails(path_of("none.zip/b.tif"), MT_E_NOT_FOUND, "none.zip");
    check_fails(path_of("2d.tif.gz/b.tif"), MT_E_NOT_FOUND, "one compressed file");
    check_fails(data_path("zip/syn/bad_crc.zip"), MT_E_CORRUPT, "checksum");
    FILE *file = fopen(path_of("text.zip"), "w");
    fputs("no archive", file);
    fclose(file);
    check_fails(path_of("text.zip"), MT_E_CORRUPT, "not a zip archive");
    assert_int_equal(rename(path_of("text.zip"), path_of("text.tif.gz")), 0);
    check_fails(path_of("text.tif.gz"), MT_E_CORRUPT, "no gzip member at byte 0");
    write_gzip(path_of("text.tif.gz"), data_path("zip/syn/bad_crc.zip")); /* the name without .gz counts */
    check_fails(path_of("text.tif.gz"), MT_E_NOT_AN_IMAGE, "the name is of a known format, but the content is not");
    mkdir(path_of("folder.zip"), 0700); /* a folder of that name is a folder */
    write_gzip(path_of("folder.zip/2d.tif.gz"), data_path("tiff/imagej/2d.tif"));
    check_same(data_path("tiff/imagej/2d.tif"), path_of("folder.zip/2d.tif.gz"));
}

#ifdef MT_WITH_HTTP
/* All of it from a server; few requests to open. */
static void over_http(void **state)
{
    (void)state;
    zip_begin(&w, 0);
    add_folder(data_path("zip/syn"), "more", 0);
    zip_add_file(&w, "x/2d.tif", data_path("tiff/imagej/2d.tif"), 0);
    zip_add_file(&w, "x/hela.tif", data_path("tiff/imagej/hela-cells.tif"), 8);
    zip_end(&w);
    zip_save(&w, path_of("h.zip"));
    zip_free(&w);
    write_gzip(path_of("h.npy.gz"), data_path("npy/generated/v1_le_u2.npy"));
    zip_begin(&w, 0);
    add_folder(data_path("zarr/zarrs/sharded_array_write_read.zarr/group"), "", 0);
    zip_end(&w);
    zip_save(&w, path_of("h.ozx"));
    zip_free(&w);
    http_server *server = http_server_start("127.0.0.1", root, NULL, NULL);
    assert_non_null(server);
    static const char *const pairs[][2] = { { "tiff/imagej/2d.tif", "h.zip/x/2d.tif" },
                                            { "tiff/imagej/hela-cells.tif", "h.zip/x/hela.tif" },
                                            { "npy/generated/v1_le_u2.npy", "h.npy.gz" },
                                            { "zip/syn/stored.zarr.zip", "h.zip/more/rfc9.ozx" },
                                            { "zarr/zarrs/sharded_array_write_read.zarr/group", "h.ozx" } };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char url[512];
        unsigned before = http_server_requests(server);
        snprintf(url, sizeof url, "%s/%s", http_server_url(server), pairs[i][1]);
        check_same(data_path(pairs[i][0]), url);
        print_message("%s: %u requests\n", pairs[i][1], http_server_requests(server) - before);
    }
    char url[512];
    snprintf(url, sizeof url, "%s/none.zip/a.tif", http_server_url(server));
    check_fails(url, MT_E_NOT_FOUND, "none.zip");
    http_server_stop(server);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_format_in_a_zip),
                                        cmocka_unit_test(each_format_in_gzip),
                                        cmocka_unit_test(zarr_in_a_zip),
                                        cmocka_unit_test(archives_of_others),
                                        cmocka_unit_test(files_that_belong_together),
                                        cmocka_unit_test(a_folder_in_its_namesake),
                                        cmocka_unit_test(a_folder_in_one_of_longer_name),
                                        cmocka_unit_test(contract),
                                        cmocka_unit_test(saved_maps),
                                        cmocka_unit_test(what_is_not_there),
                                        cmocka_unit_test(archives_in_archives),
#ifdef MT_WITH_HTTP
                                        cmocka_unit_test(over_http)
#endif
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
