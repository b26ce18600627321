/* SPDX-License-Identifier: BSD-3-Clause */
/* Saved maps: the same pixels without reading the image to open it, and refusal of what has changed. */
#include "codec/codec.h"
#include "format/saved/saved.h"
#include "stack/stack.h"
#include "support/contract.h"
#include "support/delayed_store.h"
#include "support/folder.h"
#include "support/lif_writer.h"
#include "support/support.h"

#include <microtome/map.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct bytes {
    uint8_t *data;
    size_t size;
} bytes;

static int keep(void *user, const void *data, size_t size)
{
    bytes *b = user;
    b->data = realloc(b->data, b->size + size);
    memcpy(b->data + b->size, data, size);
    b->size += size;
    return 0;
}

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static char map_path[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(map_path, sizeof map_path, "/tmp/test_saved_map_%ld", (long)getpid());
    return 0;
}

static int tear_down(void **state)
{
    unlink(map_path);
    return remove_temporary_folder(state);
}

static mt_stack *open_with(const char *path, const mt_open_options *given, delayed_log *log)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    mt_open_options options = given ? *given : (mt_open_options) { .struct_size = sizeof options };
    options.map = map_path;
    const mt_store_wrap wrap = { log ? delayed_wrap : NULL, log };
    check_ok(mt_stack_open_wrapped(NULL, path, &options, &wrap, &stack, &err), &err);
    return stack;
}

static bool same_text(const char *a, const char *b) { return !a || !b ? a == b : strcmp(a, b) == 0; }

static void check_info(const mt_stack_info *a, const mt_stack_info *b)
{
    assert_string_equal(a->source, b->source);
    assert_string_equal(a->format, b->format);
    assert_string_equal(a->part, b->part);
    assert_string_equal(a->codecs, b->codecs);
    assert_string_equal(a->original_axes, b->original_axes);
    assert_int_equal(a->dtype, b->dtype);
    assert_int_equal(a->level, b->level);
    assert_int_equal(a->n_levels, b->n_levels);
    assert_int_equal(a->data_ndim, b->data_ndim);
    assert_memory_equal(a->data_shape, b->data_shape, sizeof a->data_shape);
    assert_memory_equal(a->original_shape, b->original_shape, sizeof a->original_shape);
    assert_memory_equal(a->chunk_shape, b->chunk_shape, sizeof a->chunk_shape);
    assert_memory_equal(a->shard_shape, b->shard_shape, sizeof a->shard_shape);
    assert_memory_equal(a->pixel_size, b->pixel_size, sizeof a->pixel_size);
    assert_int_equal(a->channels != NULL, b->channels != NULL);
    for (int d = 0; d < a->original_ndim; d++)
        assert_true(same_text(a->unit[d], b->unit[d]));
    for (int64_t c = 0; a->channels && c < a->data_shape[1]; c++) {
        assert_string_equal(a->channels[c].name, b->channels[c].name);
        assert_memory_equal(a->channels[c].rgb, b->channels[c].rgb, 3);
    }
    assert_int_equal(a->samples != NULL, b->samples != NULL);
    for (int64_t s = 0; a->samples && s < a->data_shape[0]; s++) {
        const mt_sample_info *x = &a->samples[s], *y = &b->samples[s];
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->has_position, y->has_position);
        assert_int_equal(x->has_time, y->has_time);
        assert_memory_equal(x->position, y->position, sizeof x->position);
        assert_true(x->time == y->time);
    }
}

/* The map knows which file it is of, before anything is read. */
static void check_identities(const mt_stack *a, const mt_stack *b)
{
    char texts[2][4096];
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_identify(a, texts[0], sizeof texts[0], &err), &err);
    check_ok(mt_stack_identify(b, texts[1], sizeof texts[1], &err), &err);
    assert_string_equal(texts[0], texts[1]);
    assert_non_null(strstr(texts[0], " bytes, changed at "));
}

static int64_t size_of(const mt_stack_info *info)
{
    int64_t n = (int64_t)mt_dtype_size(info->dtype);
    for (int d = 0; d < info->data_ndim && n < INT64_MAX / 100000; d++)
        n *= info->data_shape[d];
    return n;
}

/* Whether the map was saved, and gives the same as parsing does. */
static bool check_round_trip(const char *path, const mt_open_options *options)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    bytes saved = { 0 };
    whole_image before, after;
    if (mt_stack_open(NULL, path, options, &stack, NULL))
        return false;
    if (size_of(mt_stack_get_info(stack)) > 8 << 20 || read_whole(stack, &before, NULL)) {
        mt_stack_close(stack);
        return false;
    }
    check_ok(mt_stack_save_map(stack, keep, &saved, &err), &err);
    write_file(map_path, saved.data, saved.size);
    delayed_log log = { .delay_ms = 0 };
    mt_stack *again = open_with(path, options, &log);
    check_identities(stack, again);
    assert_int_equal(log.trips, 0);
    check_info(mt_stack_get_info(stack), mt_stack_get_info(again));
    check_ok(read_whole(again, &after, &err), &err);
    assert_int_equal(after.bytes, before.bytes);
    assert_memory_equal(after.pixels, before.pixels, before.bytes);
    mt_stack_close(stack);
    mt_stack_close(again);
    again = open_with(path, options, NULL);
    check_boxes(again, &before, 3, 24);
    mt_stack_close(again);
    free_whole(&before);
    free_whole(&after);
    free(saved.data);
    return true;
}

static size_t n_checked;

/* The image that is opened by default, and the first 4 parts. */
static void check_parts(const char *path)
{
    mt_names *names;
    if (check_round_trip(path, NULL))
        n_checked++;
    if (mt_list_parts(NULL, path, NULL, &names, NULL))
        return;
    for (size_t i = 0; i < mt_names_count(names) && i < 4; i++) {
        mt_open_options options = { .struct_size = sizeof options, .part = mt_names_get(names, i) };
        n_checked += check_round_trip(path, &options);
    }
    mt_names_free(names);
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)ftw;
    static const char *const suffixes[] = { ".tif", ".tiff", ".lsm", ".stk", ".btf", ".czi", ".npy",
                                            ".h5",  ".hdf5", ".ims", ".xml", ".ome", ".lif", ".nd2" };
    const char *suffix = strrchr(path, '.'), *name = strrchr(path, '/');
    if (type == FTW_D) {
        char file[4096];
        static const char *const documents[] = { "zarr.json", ".zarray", ".zattrs", "attributes.json" };
        for (size_t i = 0; i < 4; i++) {
            snprintf(file, sizeof file, "%s/%s", path, documents[i]);
            if (access(file, F_OK) == 0) {
                check_parts(path);
                break;
            }
        }
    }
    for (size_t i = 0; type == FTW_F && suffix > name && i < sizeof suffixes / sizeof *suffixes; i++)
        if (strcmp(suffix, suffixes[i]) == 0)
            check_parts(path);
    return 0;
}

static void check_folder(const char *name, size_t least)
{
    n_checked = 0;
    assert_int_equal(nftw(data_path(name), visit, 16, FTW_PHYS), 0);
    print_message("%zu images of %s\n", n_checked, name);
    assert_true(n_checked >= least);
}

static void test_npy(void **state) { (void)state, check_folder("npy", 5); }
static void test_tiff(void **state) { (void)state, check_folder("tiff", 150); }
static void test_hdf5(void **state) { (void)state, check_folder("hdf5", 20); }
static void test_nd2(void **state) { (void)state, check_folder("nd2", 6); }
static void test_zarr(void **state) { (void)state, check_folder("zarr", 60); }

/* Also setups with time points, of which some are absent. */
static void test_n5(void **state)
{
    (void)state;
    check_folder("n5", 12);
    for (int setup = 0; setup < 2; setup++)
        assert_true(check_round_trip(setup ? "test/samples/n5/setups.n5#setup0" : "test/samples/n5/setups.xml", NULL));
}

static void test_czi(void **state)
{
    (void)state;
    check_folder("czi", 60);
    mt_open_options options = { .struct_size = sizeof options, .use_masks = 1 };
    assert_true(check_round_trip(data_path("czi/generated/mask_valid_pixels.czi"), &options));
    options = (mt_open_options) { .struct_size = sizeof options, .depth_axis = "Z" };
    assert_true(check_round_trip(data_path("czi/real/LLS7_small.czi"), &options));
    options = (mt_open_options) { .struct_size = sizeof options, .part = "scene=1" };
    assert_true(check_round_trip(data_path("czi/real/S3_1Pos_2Mosaic_T1_Z1_CH1.czi"), &options));
}

/* A tile scan whose last tile lies behind the end of its block. */
static const char *write_tile_scan(void)
{
    static const uint8_t pixels[60] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
    static const lif_written image = {
        .name = "a",
        .dimensions = { { 1, 5, 1, 4e-6 }, { 2, 4, 5, 3e-6 }, { 10, 2, 20 }, { 4, 2, 40 } },
        .channels = { { 8 } },
        .more = "<Attachment Name=\"TileScanInfo\"><Tile PosX=\"0\" PosY=\"0\"/><Tile PosX=\"2e-6\" "
                "PosY=\"1e-6\"/></Attachment>",
        .pixels = pixels,
        .size = 60
    };
    const char *path = temporary_path("scan.lif");
    lif_writer w;
    lif_begin(&w, 2);
    lif_add_image(&w, &image);
    lif_finish(&w);
    write_file(path, w.data, w.size);
    lif_free(&w);
    return path;
}

static void test_lif(void **state)
{
    (void)state;
    check_folder("lif", 12);
    const char *path = write_tile_scan();
    assert_true(check_round_trip(path, NULL));
    mt_open_options options = { .struct_size = sizeof options, .merge_tiles = 1 };
    assert_true(check_round_trip(path, &options));
}

/* Saves the map of a path in map_path. */
static void save(const char *path, bytes *out)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    *out = (bytes) { 0 };
    check_ok(mt_stack_open(NULL, path, NULL, &stack, &err), &err);
    check_ok(mt_stack_save_map(stack, keep, out, &err), &err);
    write_file(map_path, out->data, out->size);
    mt_stack_close(stack);
}

static mt_status read_with_map(const char *path, mt_error *err)
{
    whole_image image = { 0 };
    mt_open_options options = { .struct_size = sizeof options, .map = map_path };
    mt_stack *stack;
    mt_status st = mt_stack_open(NULL, path, &options, &stack, err);
    if (st)
        return st;
    st = read_whole(stack, &image, err);
    free_whole(&image);
    mt_stack_close(stack);
    return st;
}

static void test_changed(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_saved_XXXXXX", path[128], moved[128];
    size_t size;
    bytes saved;
    uint8_t *file = read_file(data_path("tiff/imagej/m51.tif"), &size);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.tif", folder);
    snprintf(moved, sizeof moved, "%s/b.tif", folder);
    write_file(path, file, size);
    save(path, &saved);
    mt_error err = MT_ERROR_INIT;
    check_ok(read_with_map(path, &err), &err);
    assert_int_equal(rename(path, moved), 0); /* the time stays */
    check_ok(read_with_map(moved, &err), &err);
    const struct timespec times[2] = { { 1000, 0 }, { 1000, 7 } };
    assert_int_equal(utimensat(AT_FDCWD, moved, times, 0), 0);
    assert_int_equal(read_with_map(moved, &err), MT_E_CHANGED);
    assert_non_null(strstr(err.message, "b.tif has changed since its map was saved"));
    write_file(moved, file, size - 1);
    err = (mt_error)MT_ERROR_INIT;
    assert_int_equal(read_with_map(moved, &err), MT_E_CHANGED);
    unlink(moved);
    rmdir(folder);
    free(saved.data);
    free(file);
}

static void test_refused(void **state)
{
    (void)state;
    const char *path = data_path("zarr/zarr-java/ome/v0.4");
    bytes saved;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    save(path, &saved);
    mt_open_options options = { .struct_size = sizeof options, .map = map_path, .part = "labels/nuclei" };
    assert_int_equal(mt_stack_open(NULL, path, &options, &stack, &err), MT_E_ARGUMENT);
    options = (mt_open_options) { .struct_size = sizeof options, .map = map_path, .depth_axis = "Z" };
    assert_int_equal(mt_stack_open(NULL, path, &options, &stack, NULL), MT_E_ARGUMENT);
    options = (mt_open_options) { .struct_size = sizeof options, .map = map_path, .merge_tiles = 1 };
    assert_int_equal(mt_stack_open(NULL, path, &options, &stack, NULL), MT_E_ARGUMENT);
    options = (mt_open_options) { .struct_size = sizeof options, .map = map_path, .format = "tiff" };
    assert_int_equal(mt_stack_open(NULL, path, &options, &stack, NULL), MT_E_ARGUMENT);
    options = (mt_open_options) { .struct_size = sizeof options, .map = "/nowhere" };
    assert_int_equal(mt_stack_open(NULL, path, &options, &stack, NULL), MT_E_NOT_FOUND);
    mt_stacks *stacks;
    options = (mt_open_options) { .struct_size = sizeof options, .map = map_path };
    assert_int_equal(mt_stacks_open(NULL, &path, 1, &options, &stacks, NULL), MT_E_ARGUMENT);
    uint8_t pixels[4] = { 0 };
    check_ok(mt_stack_from_array(NULL, pixels, MT_UINT8, "YX", (int64_t[]) { 2, 2 }, NULL, NULL, &stack, &err), &err);
    assert_int_equal(mt_stack_save_map(stack, keep, &saved, NULL), MT_E_UNSUPPORTED);
    mt_stack_close(stack);
    free(saved.data);
}

static void store_sum(bytes *b)
{
    uint32_t sum = mt_crc32c(b->data + 24, b->size - 24);
    for (int i = 0; i < 4; i++)
        b->data[12 + i] = (uint8_t)(sum >> 8 * i);
    for (int i = 0; i < 8; i++)
        b->data[16 + i] = (uint8_t)((b->size - 24) >> 8 * i);
}

/* Damage is found by the checksum, and does no harm where that was made to fit. */
static void test_damage(void **state)
{
    (void)state;
    static const char *const names[] = { "tiff/imagej/m51.tif",
                                         "czi/generated/mosaic_overlap_tzc.czi",
                                         "hdf5/bio/ilastik_5t2d2c.h5",
                                         "zarr/zarr-java/ome/v0.5",
                                         "lif/syn_v1.lif",
                                         "/test/samples/n5/setups.n5#setup0",
                                         "zarr/zarrs/sharded_array_write_read.zarr/group/array" };
    uint64_t seed = 9;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        bytes saved;
        const char *path = names[k][0] == '/' ? names[k] + 1 : data_path(names[k]);
        save(path, &saved);
        size_t step = saved.size / 100 + 1;
        for (size_t i = 0; i < saved.size; i += step) {
            saved.data[i] ^= 0x10;
            write_file(map_path, saved.data, saved.size);
            mt_status st = read_with_map(path, NULL);
            assert_true(st == MT_E_CORRUPT || (st == MT_E_UNSUPPORTED && i >= 8 && i < 12));
            saved.data[i] ^= 0x10;
            write_file(map_path, saved.data, i);
            assert_int_equal(read_with_map(path, NULL), MT_E_CORRUPT);
        }
        uint8_t *copy = malloc(saved.size);
        memcpy(copy, saved.data, saved.size);
        for (int i = 0; i < 400; i++) {
            for (int64_t n = random_between(&seed, 1, 3); n > 0; n--)
                saved.data[random_between(&seed, 24, (int64_t)saved.size - 1)] = (uint8_t)next_random(&seed);
            store_sum(&saved);
            write_file(map_path, saved.data, saved.size);
            (void)!read_with_map(path, NULL);
            memcpy(saved.data, copy, saved.size);
        }
        free(copy);
        free(saved.data);
    }
}

/* The seeds of the fuzz target are valid maps in the current layout. */
static void test_seeds(void **state)
{
    (void)state;
    static const char *const names[] = { "boxes", "chunks", "keys", "piece", "predictor", "shards", "table" };
    mt_context *context;
    check_ok(mt_context_new(NULL, &context, NULL), NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64];
        bytes b = { 0 };
        size_t size;
        mt_store *store;
        mt_chunk_map *map;
        mt_saved_source source;
        mt_error err = MT_ERROR_INIT;
        snprintf(path, sizeof path, "fuzz/corpus/fuzz_map/%s", names[i]);
        uint8_t *body = read_file(path, &size), head[MT_SAVED_HEAD] = MT_SAVED_MAGIC;
        head[8] = MT_SAVED_VERSION;
        keep(&b, head, sizeof head);
        keep(&b, body, size);
        store_sum(&b);
        check_ok(mt_store_open_memory(&context->env, "a", head, 0, &store, &err), &err);
        check_ok(mt_map_read(&context->env, store, "a", b.data, b.size, &map, &source, &err), &err);
        mt_chunk_map_free(map);
        mt_store_close(store);
        free(b.data);
        free(body);
    }
    mt_context_free(context);
}

/* Whatever allocation fails, a map is saved whole or not at all, and opened or not. */
static void test_no_memory(void **state)
{
    (void)state;
    const char *path = data_path("czi/generated/mosaic_overlap_tzc.czi");
    bytes good;
    save(path, &good);
    size_t failures = 1;
    for (size_t k = 0; failures; k++) {
        failing_allocator failing;
        mt_context_options c = { .struct_size = sizeof c, .threads = 1, .cache_bytes = 1 << 20 };
        c.allocator = failing_allocator_make(&failing, k, 0);
        mt_context *context;
        mt_stack *stack;
        bytes saved = { 0 };
        if (mt_context_new(&c, &context, NULL) == MT_OK) {
            mt_open_options options = { .struct_size = sizeof options, .map = map_path };
            if (mt_stack_open(context, path, NULL, &stack, NULL) == MT_OK) {
                if (mt_stack_save_map(stack, keep, &saved, NULL) == MT_OK) {
                    assert_int_equal(saved.size, good.size);
                    assert_memory_equal(saved.data, good.data, good.size);
                }
                mt_stack_close(stack);
            }
            if (mt_stack_open(context, path, &options, &stack, NULL) == MT_OK)
                mt_stack_close(stack);
            mt_context_free(context);
        }
        free(saved.data);
        failures = failing.count > k;
    }
    free(good.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_npy),    cmocka_unit_test(test_tiff),      cmocka_unit_test(test_hdf5),
        cmocka_unit_test(test_zarr),   cmocka_unit_test(test_n5),        cmocka_unit_test(test_czi),
        cmocka_unit_test(test_lif),    cmocka_unit_test(test_changed),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_damage), cmocka_unit_test(test_no_memory), cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_nd2),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
