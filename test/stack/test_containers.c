/* SPDX-License-Identifier: BSD-3-Clause */
/* Containers: how often a file is read for one image of it and for all, and what open_all makes of files that hold
 * several images, some of them broken. */
#include "stack/found.h"
#include "support/czi_writer.h"
#include "support/faulty_store.h"
#include "support/tiff_writer.h"

#include <microtome/microtome.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERIES 400

static char root[] = "/tmp/microtome-containers-XXXXXX";

static const char *in_root(const char *name)
{
    static char paths[4][512];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static void write_bytes(const char *name, const void *bytes, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(path, 0777);
        *slash = '/';
    }
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void write_text(const char *name, const char *text) { write_bytes(name, text, strlen(text)); }

static void write_array(const char *name, const char *codecs)
{
    char text[600];
    snprintf(text, sizeof text,
             "{\"zarr_format\": 3, \"node_type\": \"array\", \"shape\": [2, 3], \"data_type\": \"uint8\", "
             "\"chunk_grid\": {\"name\": \"regular\", \"configuration\": {\"chunk_shape\": [2, 3]}}, "
             "\"chunk_key_encoding\": {\"name\": \"default\"}, \"fill_value\": 7, \"codecs\": [%s]}",
             codecs);
    write_text(name, text);
}

#define GROUP "{\"zarr_format\": 3, \"node_type\": \"group\"}"
#define RAW "{\"name\": \"bytes\"}"
#define UNKNOWN RAW ", {\"name\": \"unheard-of\"}"

static void write_czi(const char *name)
{
    czi_writer w;
    uint8_t pixels[12] = { 0 };
    czi_begin(&w);
    for (int32_t scene = 0; scene < 20; scene++) {
        czi_tile tile = czi_gray_tile(10 * scene, 0, 4, 3, pixels);
        czi_add_dimension(&tile, 'S', scene, 1);
        memset(pixels, scene, sizeof pixels);
        czi_add_tile(&w, &tile);
    }
    czi_finish(&w, NULL);
    write_bytes(name, w.data, w.size);
    czi_free(&w);
}

static int make_files(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(root));
    write_tiff(in_root("series.tif"), &(tiff_spec) { .pages = SERIES, .thumbnails = 1 });
    write_czi("scenes.czi");
    write_text("group.zarr/zarr.json", GROUP);
    for (int i = 0; i < 20; i++) {
        char name[64];
        snprintf(name, sizeof name, "group.zarr/a%02d/zarr.json", i);
        write_array(name, RAW);
    }
    write_text("mixed/some.zarr/zarr.json", GROUP);
    write_array("mixed/some.zarr/a/zarr.json", RAW);
    write_array("mixed/some.zarr/b/zarr.json", UNKNOWN);
    write_text("mixed/some.zarr/c/zarr.json", "{");
    write_array("mixed/some.zarr/d/zarr.json", RAW);
    write_array("mixed/whole.zarr/zarr.json", UNKNOWN);
    write_bytes("mixed/whole.zarr/c/0/0", "123456", 6);
    write_text("mixed/none.zarr/zarr.json", GROUP);
    write_text("mixed/all.zarr/zarr.json", GROUP);
    write_array("mixed/all.zarr/a/zarr.json", UNKNOWN);
    write_array("mixed/all.zarr/b/zarr.json", UNKNOWN);
    write_text("mixed/notes.txt", "no image");
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

/* Stores that count, and fail a call. */
typedef struct counting {
    _Atomic size_t calls;
    size_t stores, fail_at;
    mt_status status;
} counting;

static mt_status count_store(void *user, mt_store **store, mt_error *err)
{
    counting *c = user;
    mt_store *wrapped = NULL;
    mt_status st = faulty_store_wrap_shared(*store, &c->calls, c->fail_at, c->status, &wrapped, err);
    if (st)
        mt_store_close(*store);
    *store = wrapped;
    c->stores++;
    return st;
}

static mt_stacks *open_all(const char *path, counting *c)
{
    mt_stacks *stacks;
    mt_error err = MT_ERROR_INIT;
    *c = (counting) { .fail_at = SIZE_MAX };
    check_ok(mt_stacks_open_wrapped(NULL, &path, 1, NULL, &(mt_store_wrap) { count_store, c }, &stacks, &err), &err);
    return stacks;
}

static size_t count_one(const char *path, const char *part)
{
    counting c = { .fail_at = SIZE_MAX };
    mt_open_options options = { .struct_size = sizeof options, .part = part };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open_wrapped(NULL, path, &options, &(mt_store_wrap) { count_store, &c }, &stack, &err), &err);
    mt_stack_close(stack);
    assert_int_equal(c.stores, 1);
    return c.calls;
}

/* All images take what one takes, and each a few calls more. */
static void check_calls(const char *name, const char *part, size_t images, size_t each)
{
    char path[512];
    counting c;
    snprintf(path, sizeof path, "%s", *name == '/' ? name : in_root(name));
    size_t one = count_one(path, part);
    mt_stacks *stacks = open_all(path, &c);
    print_message("%s: %zu calls for one of %zu images, %zu for all\n", name, one, images, (size_t)c.calls);
    assert_int_equal(mt_stacks_count(stacks), images);
    assert_int_equal(c.stores, 1);
    assert_true(c.calls <= one + each * images);
    mt_stacks_close(stacks);
}

static void a_file_is_read_once_for_all_its_images(void **state)
{
    (void)state;
    check_calls("series.tif", "series=399", SERIES, 4);
    check_calls("scenes.czi", "scene=19", 20, 2);
    check_calls("group.zarr", "a00", 20, 6);
}

static void real_files_are_read_once_for_all_their_images(void **state)
{
    (void)state;
    check_calls(data_path("hdf5/bio/kidney.h5"), "series=0", 3, 100);
    check_calls(data_path("tiff/compression/gray.series.u1.tif"), "series=1", 9, 6);
}

static float first_pixel(mt_stack *stack)
{
    float pixel;
    static const int64_t origin[3] = { 0, 0, 0 }, one[3] = { 1, 1, 1 };
    mt_error err = MT_ERROR_INIT;
    size_t n = (size_t)mt_stack_get_info(stack)->data_ndim - 2;
    check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, origin, one, n, &pixel, &err), &err);
    return pixel;
}

static void stacks_outlive_the_list(void **state)
{
    (void)state;
    counting c;
    mt_stacks *stacks = open_all(in_root("series.tif"), &c);
    mt_stack *kept[3];
    for (size_t i = 0; i < 3; i++)
        kept[i] = mt_stack_retain(mt_stacks_get(stacks, 2 * i));
    mt_stacks_close(stacks);
    for (size_t i = 0; i < 3; i++)
        assert_true(first_pixel(kept[i]) == (float)(200 * i));
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_list_parts(kept[1], &names, &err), &err);
    assert_int_equal(mt_names_count(names), SERIES);
    assert_string_equal(mt_names_get(names, 2), "series=2");
    mt_names_free(names);
    check_ok(mt_stack_list_attachments(kept[1], &names, &err), &err);
    assert_int_equal(mt_names_count(names), 0);
    mt_names_free(names);
    for (size_t i = 0; i < 3; i++)
        mt_stack_close(kept[i]);
}

typedef struct thread_work {
    mt_stack *stack;
    size_t parts;
    float pixel;
} thread_work;

static void *list_and_read(void *argument)
{
    thread_work *w = argument;
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_list_parts(w->stack, &names, &err), &err);
    w->parts = mt_names_count(names);
    w->pixel = first_pixel(w->stack);
    mt_names_free(names);
    return NULL;
}

/* Images after very many pages are searched on demand; Zarr nodes are cached as they are found. */
static void threads_share_a_container(void **state)
{
    (void)state;
    static const char imagej[] = "ImageJ=1.53\nimages=1100\nslices=1100\n";
    static const struct {
        const char *name;
        size_t parts;
        float pixel;
    } cases[] = { { "long.tif", 1, 0 }, { "group.zarr#a00", 1, 7 }, { "scenes.czi", 20, 0 } };
    write_tiff(in_root("long.tif"), &(tiff_spec) { .pages = 1100, .description = imagej });
    for (size_t i = 0; i < 3; i++) {
        pthread_t threads[8];
        thread_work work[8];
        mt_stack *stack;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_stack_open(NULL, in_root(cases[i].name), NULL, &stack, &err), &err);
        for (int t = 0; t < 8; t++) {
            work[t] = (thread_work) { .stack = stack };
            assert_int_equal(pthread_create(&threads[t], NULL, list_and_read, &work[t]), 0);
        }
        for (int t = 0; t < 8; t++) {
            pthread_join(threads[t], NULL);
            assert_int_equal(work[t].parts, cases[i].parts);
            assert_true(work[t].pixel == cases[i].pixel);
        }
        mt_stack_close(stack);
    }
}

static void stacks_of_arrays_have_no_parts(void **state)
{
    (void)state;
    static const uint8_t pixels[6] = { 0 };
    static const int64_t shape[2] = { 2, 3 };
    mt_stack *stack;
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(NULL, pixels, MT_UINT8, "YX", shape, NULL, NULL, &stack, &err), &err);
    check_ok(mt_stack_list_parts(stack, &names, &err), &err);
    assert_int_equal(mt_names_count(names), 0);
    mt_names_free(names);
    mt_stack_close(stack);
}

/* Tables of strips, places of tiles and blocks of metadata. */
static void indices_are_dropped_with_their_stack(void **state)
{
    (void)state;
    mt_context *context;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(NULL, &context, &err), &err);
    uint64_t before = mt_cache_bytes(context->env.index_cache);
    const char *names[] = { "series.tif", "scenes.czi" };
    for (size_t i = 0; i < 2; i++) {
        mt_stack *stack;
        check_ok(mt_stack_open(context, in_root(names[i]), NULL, &stack, &err), &err);
        (void)first_pixel(stack);
        mt_stack_close(stack);
    }
    assert_int_equal(mt_cache_bytes(context->env.index_cache), before);
    mt_context_free(context);
}

/* Sources without the root, then skipped paths with their reasons, one per line. */
static const char *describe(const mt_stacks *stacks)
{
    static char text[8000];
    const char *path, *reason;
    size_t n = strlen(root) + 1;
    *text = 0;
    for (size_t i = 0; i < mt_stacks_count(stacks); i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s\n",
                 mt_stack_get_info(mt_stacks_get(stacks, i))->source + n);
    for (size_t i = 0; mt_stacks_skipped(stacks, i, &path, &reason); i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s: %s\n", path + n, reason);
    return text;
}

static void check_all(const char *name, const char *expected)
{
    counting c;
    mt_stacks *stacks = open_all(in_root(name), &c);
    assert_string_equal(describe(stacks), expected);
    mt_stacks_close(stacks);
}

static void each_image_stands_alone(void **state)
{
    (void)state;
    char expected[1000];
    counting c;
    mt_stacks *stacks = open_all(in_root("mixed/some.zarr"), &c);
    const char *path, *reason;
    assert_int_equal(mt_stacks_count(stacks), 2);
    snprintf(expected, sizeof expected, "%s/mixed/some.zarr#d", root);
    assert_string_equal(mt_stack_get_info(mt_stacks_get(stacks, 1))->source, expected);
    assert_true(first_pixel(mt_stacks_get(stacks, 1)) == 7);
    assert_true(mt_stacks_skipped(stacks, 0, &path, &reason));
    snprintf(expected, sizeof expected, "%s/mixed/some.zarr#b", root);
    assert_string_equal(path, expected);
    assert_non_null(strstr(reason, "unheard-of"));
    assert_int_equal(strncmp(reason, "zarr: ", 6), 0);
    assert_true(mt_stacks_skipped(stacks, 1, &path, &reason));
    assert_non_null(strstr(path, "some.zarr#c"));
    assert_false(mt_stacks_skipped(stacks, 2, &path, &reason));
    mt_stacks_close(stacks);
}

static void check_refused(const char *name, mt_status status, const char *message)
{
    const char *path = in_root(name);
    mt_stacks *stacks;
    mt_error err = MT_ERROR_INIT;
    mt_status st = mt_stacks_open(NULL, &path, 1, NULL, &stacks, &err);
    if (st != status || !strstr(err.message, message))
        fail_msg("%s: %s: %s", name, mt_status_name(st), err.message);
}

static void what_is_named_raises_its_own_reason(void **state)
{
    (void)state;
    check_refused("mixed/whole.zarr", MT_E_UNSUPPORTED, "unheard-of");
    check_refused("mixed/all.zarr", MT_E_UNSUPPORTED, "mixed/all.zarr#a: zarr: ");
    check_refused("mixed/none.zarr", MT_E_NOT_AN_IMAGE, "no array");
    check_refused("mixed/some.zarr#b", MT_E_UNSUPPORTED, "unheard-of");
    check_refused("mixed/notes.txt#part", MT_E_NOT_AN_IMAGE, "notes.txt");
}

/* Stores that do not open are skipped each, once, and not searched. */
static void stores_are_not_searched(void **state)
{
    (void)state;
    counting c;
    mt_stacks *stacks = open_all(in_root("mixed"), &c);
    static const char *const expected[] = { "all.zarr: ",    "none.zarr: ",   "notes.txt: ",
                                            "some.zarr#b: ", "some.zarr#c: ", "whole.zarr: " };
    const char *text = describe(stacks);
    assert_int_equal(mt_stacks_count(stacks), 2);
    assert_int_equal(strncmp(text, "mixed/some.zarr#a\nmixed/some.zarr#d\n", 36), 0);
    text += 36;
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(strncmp(text, "mixed/", 6), 0);
        assert_int_equal(strncmp(text + 6, expected[i], strlen(expected[i])), 0);
        text = strchr(text, '\n') + 1;
    }
    assert_string_equal(text, "");
    mt_stacks_close(stacks);
}

static void write_set(const char *folder, const char *const *names, int n, const char *xml)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, folder);
    mkdir(path, 0777);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s/%s", root, folder, names[i]);
        write_tiff(path, &(tiff_spec) { .pages = 1, .first_value = 10 * i, .description = xml });
    }
}

#define PIXELS(id, size_z, data)                                                                                       \
    "<Image ID=\"Image:" id "\"><Pixels DimensionOrder=\"XYZCT\" SizeX=\"6\" SizeY=\"4\" SizeZ=\"" size_z              \
    "\" SizeC=\"1\" SizeT=\"1\" Type=\"uint16\">" data "</Pixels></Image>"
#define PLANE(z, file) "<TiffData IFD=\"0\" FirstZ=\"" z "\"><UUID FileName=\"" file "\">u:" file "</UUID></TiffData>"
#define OME(content) "<OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\">" content "</OME>"

/* Every file of a set names all of them. */
static void a_set_of_files_is_opened_once(void **state)
{
    (void)state;
    static const char *const files[] = { "a.ome.tif", "b.ome.tif", "c.ome.tif" };
    write_set("planes", files, 3,
              OME(PIXELS("0", "3", PLANE("0", "a.ome.tif") PLANE("1", "b.ome.tif") PLANE("2", "c.ome.tif"))));
    check_all("planes", "planes/a.ome.tif\n");
    check_all("planes/*.tif", "planes/a.ome.tif\n");
    write_set("positions", files, 3,
              OME(PIXELS("0", "1", PLANE("0", "a.ome.tif")) PIXELS("1", "1", PLANE("0", "b.ome.tif"))
                      PIXELS("2", "1", PLANE("0", "c.ome.tif"))));
    check_all("positions", "positions/a.ome.tif#series=0\npositions/a.ome.tif#series=1\n"
                           "positions/a.ome.tif#series=2\n");
    /* what is named is opened */
    char paths[2][512];
    const char *named[2] = { paths[0], paths[1] };
    mt_stacks *stacks;
    mt_error err = MT_ERROR_INIT;
    snprintf(paths[0], sizeof paths[0], "%s/planes/b.ome.tif", root);
    snprintf(paths[1], sizeof paths[1], "%s/planes/c.ome.tif", root);
    check_ok(mt_stacks_open(NULL, named, 2, NULL, &stacks, &err), &err);
    assert_string_equal(describe(stacks), "planes/b.ome.tif\nplanes/c.ome.tif\n");
    mt_stacks_close(stacks);
}

/* A companion that comes behind plain files takes them over: they were opened, and are taken out again. */
static void a_document_takes_over_files_before_it(void **state)
{
    (void)state;
    static const char *const files[] = { "1.tif", "2.tif", "other.tif" };
    static const char xml[] = OME(PIXELS("0", "2", PLANE("0", "1.tif") PLANE("1", "2.tif")));
    write_set("taken", files, 3, NULL);
    write_text("taken/z.companion.ome", xml);
    write_text("taken/broken.txt", "");
    check_all("taken", "taken/other.tif\ntaken/z.companion.ome\n"
                       "taken/broken.txt: the file is empty\n");
}

static void real_sets_are_opened_once(void **state)
{
    (void)state;
    char path[1024];
    const char *paths[] = { path };
    mt_stacks *stacks;
    mt_error err = MT_ERROR_INIT;
    snprintf(path, sizeof path, "%s", data_path("cases/G1_positions_squared/*.tif"));
    check_ok(mt_stacks_open(NULL, paths, 1, NULL, &stacks, &err), &err);
    assert_int_equal(mt_stacks_count(stacks), 3);
    mt_stacks_close(stacks);
    snprintf(path, sizeof path, "%s", data_path("tiff/ome/multifile*"));
    check_ok(mt_stacks_open(NULL, paths, 1, NULL, &stacks, &err), &err);
    assert_int_equal(mt_stacks_count(stacks), 1);
    mt_stacks_close(stacks);
    snprintf(path, sizeof path, "%s", data_path("hdf5/bio/smallVideoBdv*"));
    check_ok(mt_stacks_open(NULL, paths, 1, NULL, &stacks, &err), &err);
    assert_int_equal(mt_stacks_count(stacks), 1);
    assert_non_null(strstr(mt_stack_get_info(mt_stacks_get(stacks, 0))->source, ".h5"));
    mt_stacks_close(stacks);
    snprintf(path, sizeof path, "%s", data_path("hdf5/bio/kidney*"));
    check_ok(mt_stacks_open(NULL, paths, 1, NULL, &stacks, &err), &err);
    assert_int_equal(mt_stacks_count(stacks), 3); /* of kidney.h5; kidney_v1.xml names the same file */
    mt_stacks_close(stacks);
}

static void a_plate_lacks_a_field(void **state)
{
    (void)state;
    char path[1024];
    const char *paths[] = { path }, *skipped, *reason;
    mt_stacks *stacks;
    mt_error err = MT_ERROR_INIT;
    snprintf(path, sizeof path, "%s", data_path("cases/zarr-plate-one-field-missing/plate.zarr"));
    check_ok(mt_stacks_open(NULL, paths, 1, NULL, &stacks, &err), &err);
    assert_int_equal(mt_stacks_count(stacks), 3);
    assert_true(mt_stacks_skipped(stacks, 0, &skipped, &reason));
    assert_non_null(strstr(skipped, "plate.zarr#B/02/fov2"));
    assert_false(mt_stacks_skipped(stacks, 1, &skipped, &reason));
    mt_stacks_close(stacks);
}

/* A root of groups is neither an image nor a folder of images: an error. */
static void a_store_without_images_is_skipped(void **state)
{
    (void)state;
    char path[1024];
    const char *paths[] = { path }, *skipped, *reason;
    mt_stacks *stacks;
    mt_error err = MT_ERROR_INIT;
    snprintf(path, sizeof path, "%s", in_root("mixed/no*"));
    check_ok(mt_stacks_open(NULL, paths, 1, NULL, &stacks, &err), &err);
    assert_int_equal(mt_stacks_count(stacks), 0);
    assert_true(mt_stacks_skipped(stacks, 0, &skipped, &reason));
    assert_string_equal(reason, "zarr: no image: no array of two or more dimensions");
    assert_int_equal(mt_stacks_skipped_status(stacks, 0), MT_E_NOT_AN_IMAGE);
    assert_false(mt_stacks_skipped(stacks, 2, &skipped, &reason)); /* after notes.txt: its own files are not searched */
    mt_stacks_close(stacks);
}

/* Each read fails once: an error with a reason, or all images are opened or skipped, for this reason and no other. */
static void check_faults(const char *name, mt_status status, size_t images, size_t skipped)
{
    bool failed = true;
    for (size_t k = 0; failed && k < 500; k++) {
        const char *path = in_root(name), *what, *reason;
        counting c = { .fail_at = k, .status = status };
        mt_stacks *stacks;
        mt_error err = MT_ERROR_INIT;
        mt_status st =
            mt_stacks_open_wrapped(NULL, &path, 1, NULL, &(mt_store_wrap) { count_store, &c }, &stacks, &err);
        failed = c.calls > k;
        if (st) {
            assert_int_equal(st, status);
            assert_non_null(strstr(err.message, "made to fail"));
            continue;
        }
        size_t n = 0, told = 0;
        for (; mt_stacks_skipped(stacks, n, &what, &reason); n++)
            told += strstr(reason, "made to fail") != NULL;
        assert_true(mt_stacks_count(stacks) == images ? n >= skipped : told == 1);
        assert_true(!failed || told == 1 || mt_stacks_count(stacks) == images);
        mt_stacks_close(stacks);
    }
    assert_false(failed);
}

static void failing_reads_are_told(void **state)
{
    (void)state;
    check_faults("mixed", MT_E_IO, 2, 6);
    check_faults("planes", MT_E_IO, 1, 0);
    check_faults("group.zarr", MT_E_IO, 20, 0);
    check_faults("scenes.czi", MT_E_IO, 20, 0);
}

/* One allocation fails, or all from one on. */
static void failing_allocations_leave_nothing(void **state)
{
    (void)state;
    static const char *const names[] = { "mixed", "taken", "scenes.czi", "positions" };
    for (size_t i = 0; i < 2 * (sizeof names / sizeof *names); i++)
        for (size_t k = 0, failures = 1; failures; k += 1 + k / 50) {
            failing_allocator a;
            mt_context_options options = { .struct_size = sizeof options, .threads = 1, .cache_bytes = 1 << 20 };
            options.allocator = failing_allocator_make(&a, k, i % 2);
            mt_context *context;
            const char *path = in_root(names[i / 2]);
            if (mt_context_new(&options, &context, NULL) == MT_OK) {
                mt_counters before, after;
                mt_stacks *stacks;
                mt_error err = MT_ERROR_INIT;
                mt_context_get_counters(context, &before);
                mt_status st = mt_stacks_open(context, &path, 1, NULL, &stacks, &err);
                failures = a.count > k;
                if (st != MT_E_MEMORY && (st || (failures && i % 2))) /* the caches do without a single one */
                    fail_msg("%s, allocation %zu: %s", names[i / 2], k, mt_status_name(st));
                if (!st)
                    mt_stacks_close(stacks);
                mt_context_get_counters(context, &after);
                assert_int_equal(after.memory_bytes, before.memory_bytes);
                mt_context_free(context);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_once_for_all_its_images),
        cmocka_unit_test(real_files_are_read_once_for_all_their_images),
        cmocka_unit_test(stacks_outlive_the_list),
        cmocka_unit_test(threads_share_a_container),
        cmocka_unit_test(stacks_of_arrays_have_no_parts),
        cmocka_unit_test(indices_are_dropped_with_their_stack),
        cmocka_unit_test(each_image_stands_alone),
        cmocka_unit_test(what_is_named_raises_its_own_reason),
        cmocka_unit_test(stores_are_not_searched),
        cmocka_unit_test(a_set_of_files_is_opened_once),
        cmocka_unit_test(a_document_takes_over_files_before_it),
        cmocka_unit_test(real_sets_are_opened_once),
        cmocka_unit_test(a_plate_lacks_a_field),
        cmocka_unit_test(a_store_without_images_is_skipped),
        cmocka_unit_test(failing_reads_are_told),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
