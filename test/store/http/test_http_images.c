/* SPDX-License-Identifier: BSD-3-Clause */
/* Images over HTTP: the pixels of the local files, also from servers that fail; and never a hole. */
#include "support/contract.h"
#include "support/folder.h"
#include "support/http_store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* All pixels, as float32; the caller frees them. */
static float *read_all(mt_stack *stack, size_t *n, mt_status *st, mt_error *err)
{
    const mt_stack_info *info = mt_stack_get_info(stack);
    int64_t coords[3] = { 0 };
    size_t spatial = (size_t)info->data_ndim - 2;
    *n = (size_t)info->data_shape[1];
    for (size_t i = 0; i < spatial; i++)
        *n *= (size_t)info->data_shape[2 + i];
    float *out = calloc(*n + 1, sizeof *out);
    *st = mt_stack_extract_patch(stack, 0, NULL, 0, coords, info->data_shape + 2, spatial, out, err);
    return out;
}

static mt_stack *open_stack(mt_context *context, const char *path, const char *axes)
{
    const mt_open_options options = { .struct_size = sizeof options, .axes = axes };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_open(context, path, &options, &stack, &err), &err);
    return stack;
}

/* The image at root/path, over HTTP with this hook and locally. */
static void check_image(const char *root, const char *path, http_hook hook, void *user)
{
    char url[512], local[1024];
    size_t n, m;
    mt_status st;
    mt_error err = MT_ERROR_INIT;
    mt_context *context;
    http_server *server = http_server_start("127.0.0.1", root, hook, user);
    check_ok(mt_context_new(NULL, &context, &err), &err);
    snprintf(url, sizeof url, "%s/%s", http_server_url(server), path);
    snprintf(local, sizeof local, "%s/%s", root, path);
    const char *axes = axes_for(local);
    mt_stack *remote_stack = open_stack(context, url, axes), *local_stack = open_stack(context, local, axes);
    assert_string_equal(mt_stack_get_info(remote_stack)->source, url);
    float *a = read_all(remote_stack, &n, &st, &err);
    check_ok(st, &err);
    float *b = read_all(local_stack, &m, &st, &err);
    check_ok(st, &err);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n * sizeof *a);
    free(a);
    free(b);
    mt_stack_close(remote_stack);
    mt_stack_close(local_stack);
    mt_context_free(context);
    http_server_stop(server);
}

static const char *root_of(const char *path)
{
    static char root[1024];
    snprintf(root, sizeof root, "%s", data_path(path));
    root[strlen(root) - strlen(path)] = 0;
    return root;
}

/* Each format, a path that must be encoded, and a folder that is only recognised by its metadata. */
static void each_format(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "zarr/mobie/blobs.ome.zarr",
        "zarr/zarrs/sharded_array_write_read.zarr/group/array",
        "cases/zarr-xarray-coordinates/msi.zarr",
        "n5/syn/gzip_u16",
        "tiff/crafted/ome_pyramid_subifd_tiled_deflate_pred2.ome.tif",
        "hdf5/bio/kidney.h5",
        "npy/npy_test.float32-be.npy",
        "czi/generated/mask_valid_pixels.czi",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        check_image(root_of(paths[i]), paths[i], NULL, NULL);
}

/* Every seventh request fails, cycling through these failures. */
static void fail_some(void *user, const http_request *request, http_reply *reply)
{
    (void)user;
    unsigned kind = request->number % 21;
    if (kind == 6) {
        reply->code = 503;
        reply->size = 0;
        snprintf(reply->extra, sizeof reply->extra, "Retry-After: 0\r\n");
    } else if (kind == 13) {
        reply->reset = true;
    } else if (kind == 20) {
        reply->cut = 10;
    }
    reply->delay_ms = 2;
}

static void from_bad_servers(void **state)
{
    (void)state;
    static const char *const paths[] = { "zarr/mobie/blobs.ome.zarr", "hdf5/bio/kidney.h5",
                                         "tiff/crafted/ome_pyramid_subifd_tiled_deflate_pred2.ome.tif" };
    for (int i = 0; i < 3; i++)
        check_image(root_of(paths[i]), paths[i], fail_some, NULL);
}

static void without_parts(void *user, const http_request *request, http_reply *reply)
{
    (void)user, (void)request;
    reply->no_ranges = true;
}

static void from_servers_without_ranges(void **state)
{
    (void)state;
    check_image(root_of("hdf5/bio/kidney.h5"), "hdf5/bio/kidney.h5", without_parts, NULL);
    check_image(root_of("zarr/mobie/blobs.ome.zarr"), "zarr/mobie/blobs.ome.zarr", without_parts, NULL);
}

/* Metadata is there; each chunk is answered with this code. */
static void refuse_chunks(void *user, const http_request *request, http_reply *reply)
{
    if (strstr(request->path, "/.z") || strstr(request->path, "zarr.json"))
        return;
    reply->code = *(const int *)user;
    reply->size = 0;
    reply->etag[0] = 0;
}

/* Of chunks, 404 alone means that there is none. */
static void only_404_is_missing(void **state)
{
    (void)state;
    static const int codes[] = { 404, 403, 401, 410, 400 };
    const char *path = "zarr/mobie/blobs.ome.zarr";
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        char url[512];
        size_t n;
        mt_status st;
        mt_error err = MT_ERROR_INIT;
        mt_context *context;
        http_server *server =
            http_server_start("127.0.0.1", root_of(path), refuse_chunks, (void *)(uintptr_t)&codes[i]);
        check_ok(mt_context_new(NULL, &context, &err), &err);
        snprintf(url, sizeof url, "%s/%s", http_server_url(server), path);
        mt_stack *stack = open_stack(context, url, NULL);
        float *out = read_all(stack, &n, &st, &err);
        if (codes[i] == 404) {
            check_ok(st, &err);
        } else {
            char answer[64];
            snprintf(answer, sizeof answer, "the server answered %d", codes[i]);
            assert_int_equal(st, MT_E_IO);
            assert_non_null(strstr(err.message, answer));
            assert_non_null(strstr(err.message, "chunk"));
        }
        free(out);
        mt_stack_close(stack);
        mt_context_free(context);
        http_server_stop(server);
    }
}

/* What is sent at the first request of each chunk is not what it was. */
typedef struct damage {
    pthread_mutex_t mutex;
    char paths[256][128];
    unsigned n;
} damage;

static void damage_first(void *user, const http_request *request, http_reply *reply)
{
    static const uint8_t wrong[1 << 20] = { 0x55, 0x55 };
    damage *d = user;
    if (strstr(request->path, "/.z") || reply->code >= 300 || reply->size > sizeof wrong)
        return;
    pthread_mutex_lock(&d->mutex);
    unsigned i = 0;
    while (i < d->n && strcmp(d->paths[i], request->path) != 0)
        i++;
    if (i == d->n && d->n < 256) {
        snprintf(d->paths[d->n++], sizeof d->paths[0], "%s", request->path);
        reply->body = wrong;
    }
    pthread_mutex_unlock(&d->mutex);
}

/* Neither the store nor the disk cache serves again what did not decode. */
static void damage_is_not_kept(void **state)
{
    (void)state;
    static damage d = { .mutex = PTHREAD_MUTEX_INITIALIZER };
    const char *path = "zarr/mobie/blobs.ome.zarr";
    char folder_name[] = "/tmp/mt-damage-XXXXXX", url[512], local[1024], command[64];
    mt_context_options options = { .struct_size = sizeof options, .disk_cache = mkdtemp(folder_name) };
    mt_error err = MT_ERROR_INIT;
    mt_context *context;
    mt_status st;
    size_t n;
    http_server *server = http_server_start("127.0.0.1", root_of(path), damage_first, &d);
    check_ok(mt_context_new(&options, &context, &err), &err);
    snprintf(url, sizeof url, "%s/%s", http_server_url(server), path);
    snprintf(local, sizeof local, "%s/%s", root_of(path), path);
    mt_stack *remote_stack = open_stack(context, url, NULL), *local_stack = open_stack(context, local, NULL);
    float *a = read_all(remote_stack, &n, &st, &err);
    check_ok(st, &err);
    float *b = read_all(local_stack, &n, &st, &err);
    check_ok(st, &err);
    assert_memory_equal(a, b, n * sizeof *a);
    assert_true(d.n > 0);
    free(a);
    free(b);
    mt_stack_close(remote_stack);
    mt_stack_close(local_stack);
    mt_context_free(context);
    http_server_stop(server);
    snprintf(command, sizeof command, "rm -r %s", folder_name);
    assert_int_equal(system(command), 0);
}

/* Dependent round trips: requests that come before the first of them can have been answered are of one trip. */
typedef struct trip_log {
    pthread_mutex_t mutex;
    struct timespec start; /* of the last trip */
    unsigned trips;
} trip_log;

enum { TRIP_MS = 60 };

static void count_trips(void *user, const http_request *request, http_reply *reply)
{
    trip_log *log = user;
    struct timespec now;
    pthread_mutex_lock(&log->mutex);
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ns = (int64_t)(now.tv_sec - log->start.tv_sec) * 1000000000 + now.tv_nsec - log->start.tv_nsec;
    if (log->trips == 0 || ns > (int64_t)TRIP_MS * 1000000) {
        log->trips++;
        log->start = now;
    }
    if (getenv("MT_PRINT_TRIPS"))
        print_message("  trip %u: %s %s\n", log->trips, request->path, request->range);
    pthread_mutex_unlock(&log->mutex);
    reply->delay_ms = TRIP_MS;
}

static int write_file(void *file, const void *bytes_of_map, size_t n)
{
    return fwrite(bytes_of_map, 1, n, file) == n ? 0 : -1;
}

/* Trips to open an image, with the map in this file (NULL: without), and those to read its first element. With save, saves
 * the map there. */
static void measure(const char *path, const char *map, FILE *save, unsigned *open, unsigned *patch)
{
    trip_log log = { .mutex = PTHREAD_MUTEX_INITIALIZER };
    char url[512];
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    mt_context *context;
    mt_open_options options = { .struct_size = sizeof options, .map = map };
    snprintf(url, sizeof url, "%s%s", root_of(path), path);
    options.axes = axes_for(url);
    http_server *server = http_server_start("127.0.0.1", root_of(path), count_trips, &log);
    check_ok(mt_context_new(NULL, &context, &err), &err);
    snprintf(url, sizeof url, "%s/%s", http_server_url(server), path);
    check_ok(mt_stack_open(context, url, &options, &stack, &err), &err);
    *open = log.trips;
    int64_t coords[3] = { 0 }, size[3] = { 1, 1, 1 }, channel = 0;
    float out[1];
    size_t spatial = (size_t)mt_stack_get_info(stack)->data_ndim - 2;
    check_ok(mt_stack_extract_patch(stack, 0, &channel, 1, coords, size, spatial, out, &err), &err);
    *patch = log.trips - *open;
    if (save)
        check_ok(mt_stack_save_map(stack, write_file, save, &err), &err);
    mt_stack_close(stack);
    mt_context_free(context);
    http_server_stop(server);
}

/* On a machine that is busy a request may come late: the best of a few tries counts. */
static void check_trips(const char *path, const char *map, unsigned open, unsigned patch)
{
    unsigned opened = 0, read = 0;
    for (int try = 0; try < 5; try++) {
        measure(path, map, NULL, &opened, &read);
        print_message("%u + %u trips (at most %u + %u): %s%s\n", opened, read, open, patch, path,
                      map ? ", saved map" : "");
        if (opened <= open && read <= patch)
            return;
    }
    fail_msg("%s: %u + %u trips", path, opened, read);
}

static void check_saved_map(const char *path, const char *url_path, unsigned patch)
{
    char map[] = "/tmp/test_http_map_XXXXXX";
    unsigned opened, read;
    FILE *file = fdopen(mkstemp(map), "wb");
    assert_non_null(file);
    measure(path, NULL, file, &opened, &read);
    assert_int_equal(fclose(file), 0);
    check_trips(url_path, map, 0, patch);
    unlink(map);
}

/* One trip more than without a map for each file with metadata. */
static void saved_maps(void **state)
{
    (void)state;
    check_saved_map("zarr/zarr-java/ome/v0.5/0/", "zarr/zarr-java/ome/v0.5/0/", 3);
    check_saved_map("zarr/zarr-java/ome/v0.5/0/", "zarr/zarr-java/ome/v0.5/0", 3); /* a key, where there was none */
    check_saved_map("hdf5/bio/kidney.h5", "hdf5/bio/kidney.h5", 3);
    check_saved_map("tiff/crafted/ome_pyramid_subifd_tiled_raw.ome.tif",
                    "tiff/crafted/ome_pyramid_subifd_tiled_raw.ome.tif", 3);
}

static void round_trips(void **state)
{
    (void)state;
    check_trips("zarr/mobie/blobs.ome.zarr", NULL, 3, 2);
    check_trips("zarr/zarr-java/ome/v0.5/", NULL, 3, 2);
    check_trips("zarr/zarr-java/ome/v0.5/0/", NULL, 1, 2);
    check_trips("zarr/zarr-java/ome/v0.5/0", NULL, 3, 2); /* first it is asked what this is */
    check_trips("zarr/zarrs/sharded_array_write_read.zarr/group/array/", NULL, 1, 2);
    check_trips("n5/syn/gzip_u16/", NULL, 2, 2); /* whether it is Zarr is asked first */
    check_trips("tiff/crafted/ome_pyramid_subifd_tiled_deflate_pred2.ome.tif", NULL, 2, 2);
    check_trips("tiff/crafted/ome_pyramid_subifd_tiled_raw.ome.tif", NULL, 4, 2);
    check_trips("hdf5/bio/kidney.h5", NULL, 4, 2);
    check_trips("hdf5/bio/Minimal_IMS_File.ims", NULL, 4, 2);
    check_trips("hdf5/bio/smallVideoBdv.h5", NULL, 4, 2);
    check_trips("czi/real/tiles.czi", NULL, 4, 2);
}

static void tag_by_version(void *version, const http_request *request, http_reply *reply)
{
    (void)request;
    snprintf(reply->etag, sizeof reply->etag, "\"v%d\"", *(const int *)version);
}

/* The state of a loader of an image over HTTP; expected: for set_state with an earlier one. */
static void make_state(const char *url, const char *earlier, const char *expected, char *text, size_t room)
{
    const mt_patching_options how = {
        .struct_size = sizeof how, .strategy = "tiled", .patch_size = (const int64_t[]) { 2, 2 }, .n_spatial = 2
    };
    const mt_loader_options options = { .struct_size = sizeof options };
    mt_patching *patching;
    mt_loader *loader;
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack = open_stack(NULL, url, "YX");
    check_ok(mt_patching_new(&stack, 1, &how, &patching, &err), &err);
    check_ok(mt_loader_new(patching, &options, &loader, &err), &err);
    assert_in_range(mt_loader_get_state(loader, text, room), 1, room - 1);
    if (expected)
        check_failed(mt_loader_set_state(loader, earlier, strlen(earlier), &err), MT_E_ARGUMENT, &err, expected);
    else if (earlier)
        check_ok(mt_loader_set_state(loader, earlier, strlen(earlier), &err), &err);
    mt_loader_free(loader);
    mt_patching_free(patching);
    mt_stack_close(stack);
}

/* A document is identified by what came with it: no further request. */
static void states_of_loaders(void **state)
{
    (void)state;
    int version = 1;
    char url[512], text[4096], later[4096];
    const char *served = temporary_folder();
    write_temporary_text("i.zarr/.zarray", "{\"zarr_format\": 2, \"shape\": [4, 4], \"chunks\": [4, 4], \"dtype\": "
                                           "\"|u1\", \"compressor\": null, \"filters\": null, \"fill_value\": 0, "
                                           "\"order\": \"C\"}");
    http_server *server = http_server_start("127.0.0.1", served, tag_by_version, &version);
    snprintf(url, sizeof url, "%s/i.zarr/", http_server_url(server));
    mt_stack_close(open_stack(NULL, url, "YX"));
    const unsigned opening = http_server_requests(server);
    make_state(url, NULL, NULL, text, sizeof text);
    assert_int_equal(http_server_requests(server), 2 * opening);
    make_state(url, text, NULL, later, sizeof later);
    assert_string_equal(text, later);
    version = 2;
    make_state(url, text, "ETag 'v1' then, ETag 'v2' now", later, sizeof later);
    http_server_stop(server);
}

static void after_fork(void **state)
{
    (void)state;
    skip_if(UNDER_TSAN || UNDER_ASAN, "no fork with threads under this sanitizer");
    const char *path = "tiff/crafted/ome_pyramid_subifd_tiled_deflate_pred2.ome.tif";
    char url[512];
    size_t n;
    mt_status st;
    mt_error err = MT_ERROR_INIT;
    mt_context *context;
    http_server *server = http_server_start("127.0.0.1", root_of(path), NULL, NULL);
    check_ok(
        mt_context_new(&(mt_context_options) { .struct_size = sizeof(mt_context_options), .cache_bytes = MT_NO_CACHE },
                       &context, &err),
        &err);
    snprintf(url, sizeof url, "%s/%s", http_server_url(server), path);
    mt_stack *stack = open_stack(context, url, NULL);
    float *a = read_all(stack, &n, &st, &err);
    check_ok(st, &err);
    for (int i = 0; i < 8; i++) {
        pid_t child = fork();
        if (child == 0) {
            float *b = read_all(stack, &n, &st, &err);
            leave_child(st || memcmp(a, b, n * sizeof *a) ? 1 : 0);
        }
        float *b = read_all(stack, &n, &st, &err);
        check_ok(st, &err);
        assert_memory_equal(a, b, n * sizeof *a);
        free(b);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    free(a);
    mt_stack_close(stack);
    mt_context_free(context);
    http_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_format),
        cmocka_unit_test(from_bad_servers),
        cmocka_unit_test(from_servers_without_ranges),
        cmocka_unit_test(only_404_is_missing),
        cmocka_unit_test(damage_is_not_kept),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(saved_maps),
        cmocka_unit_test(states_of_loaders),
        cmocka_unit_test(after_fork),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
