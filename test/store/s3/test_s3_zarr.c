/* SPDX-License-Identifier: BSD-3-Clause */
/* Zarr and N5 below s3://: missing chunks are the fill value, but an array of which no chunk is there is an error. */
#include "support/http_server.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static _Atomic unsigned listings;
static bool forbids_listing;

static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(path, 0777);
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* The prefix of a request for a listing, decoded. */
static void read_prefix(const char *query, char *out, size_t room)
{
    const char *at = strstr(query, "prefix=");
    size_t n = 0;
    for (at = at ? at + 7 : ""; *at && *at != '&' && n + 1 < room; at++) {
        bool slash = strncmp(at, "%2F", 3) == 0;
        out[n++] = slash ? '/' : *at;
        at += slash ? 2 : 0;
    }
    out[n] = 0;
}

static void list(const http_request *request, char *out, size_t room)
{
    char prefix[128], path[600];
    read_prefix(request->query, prefix, sizeof prefix);
    snprintf(path, sizeof path, "%s/lab/%s", folder, prefix);
    size_t n = (size_t)snprintf(out, room, "<ListBucketResult><IsTruncated>false</IsTruncated>");
    DIR *names = opendir(path);
    for (const struct dirent *d; names && (d = readdir(names)) && n < room;) {
        struct stat st;
        snprintf(path, sizeof path, "%s/lab/%s%s", folder, prefix, d->d_name);
        bool is_folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
            n += (size_t)snprintf(out + n, room - n,
                                  is_folder ? "<CommonPrefixes><Prefix>%s%s/</Prefix></CommonPrefixes>"
                                            : "<Contents><Key>%s%s</Key></Contents>",
                                  prefix, d->d_name);
    }
    if (names)
        closedir(names);
    snprintf(out + n, room - n, "</ListBucketResult>");
}

static void serve(void *user, const http_request *request, http_reply *reply)
{
    static const char none[] = "<Error><Code>NoSuchKey</Code></Error>";
    (void)user;
    if (!strstr(request->query, "list-type")) {
        if (reply->code == 404 || reply->code == 403) { /* 403: a folder, which is not an object */
            reply->code = 404;
            reply->body = (const uint8_t *)none;
            reply->size = sizeof none - 1;
        }
        return;
    }
    listings++;
    reply->code = forbids_listing ? 403 : 200;
    if (forbids_listing)
        snprintf(reply->text, sizeof reply->text, "<Error><Code>AccessDenied</Code></Error>");
    else
        list(request, reply->text, sizeof reply->text);
    reply->body = (const uint8_t *)reply->text;
    reply->size = strlen(reply->text);
}

/* The first pixel of an array of 4 x 4 bytes in chunks of 2 x 2. */
static mt_status read_first(const http_server *server, const char *name, float *out, mt_error *err)
{
    mt_context_options options = { .struct_size = sizeof options,
                                   .s3 = { .endpoint = http_server_url(server), .anonymous = 1 } };
    mt_open_options open = { .struct_size = sizeof open, .axes = "YX" };
    mt_context *context;
    mt_stack *stack;
    char url[128];
    mt_error own = MT_ERROR_INIT;
    static const int64_t origin[2] = { 0, 0 }, one[2] = { 1, 1 };
    snprintf(url, sizeof url, "s3://lab/%s", name);
    check_ok(mt_context_new(&options, &context, &own), &own);
    check_ok(mt_stack_open(context, url, &open, &stack, &own), &own);
    mt_status st = mt_stack_extract_patch(stack, 0, NULL, 0, origin, one, 2, out, err);
    mt_stack_close(stack);
    mt_context_free(context);
    return st;
}

#define ARRAY                                                                                                          \
    "{\"zarr_format\":2,\"shape\":[4,4],\"chunks\":[2,2],\"dtype\":\"|u1\",\"compressor\":null,\"fill_value\":7,"      \
    "\"order\":\"C\",\"filters\":null}"

static void arrays(void **state)
{
    const http_server *server = *state;
    float pixel;
    mt_error err = MT_ERROR_INIT;
    put("lab/sparse.zarr/.zarray", ARRAY);
    put("lab/sparse.zarr/1.1", "abcd");
    put("lab/empty.zarr/.zarray", ARRAY);
    put("lab/nested.zarr/.zarray", ARRAY);
    put("lab/nested.zarr/0/0", "abcd");
    check_ok(read_first(server, "sparse.zarr", &pixel, &err), &err);
    assert_true(pixel == 7);
    check_ok(read_first(server, "nested.zarr", &pixel, &err), &err);
    assert_true(pixel == 'a');
    assert_int_equal(read_first(server, "empty.zarr", &pixel, &err), MT_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "not one chunk"));

    /* Where nothing may be listed, the same chunk is looked for under its other key, and that is all. */
    forbids_listing = true;
    check_ok(read_first(server, "nested.zarr", &pixel, &err), &err);
    assert_true(pixel == 'a');
    check_ok(read_first(server, "empty.zarr", &pixel, &err), &err);
    assert_true(pixel == 7);
    forbids_listing = false;
}

static void datasets_of_n5(void **state)
{
    const http_server *server = *state;
    static const char dataset[] = "{\"dimensions\":[4,4],\"blockSize\":[2,2],\"dataType\":\"uint8\","
                                  "\"compression\":{\"type\":\"raw\"}}";
    float pixel = 1;
    mt_error err = MT_ERROR_INIT;
    put("lab/sparse.n5/attributes.json", dataset);
    put("lab/sparse.n5/1/1", "the block of another pixel");
    put("lab/empty.n5/attributes.json", dataset);
    put("lab/empty.n5/notes.txt", "no block");
    check_ok(read_first(server, "sparse.n5", &pixel, &err), &err);
    assert_true(pixel == 0);
    assert_int_equal(read_first(server, "empty.n5", &pixel, &err), MT_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "not one block"));
    forbids_listing = true;
    check_ok(read_first(server, "empty.n5", &pixel, &err), &err);
    forbids_listing = false;
}

/* Below an array nothing is listed unless a chunk is missing. */
static void listings_are_few(void **state)
{
    const http_server *server = *state;
    float pixel;
    mt_error err = MT_ERROR_INIT;
    put("lab/full.zarr/.zarray", ARRAY);
    put("lab/full.zarr/0.0", "abcd");
    put("lab/part.zarr/.zarray", ARRAY);
    put("lab/part.zarr/1.1", "abcd");
    listings = 0;
    check_ok(read_first(server, "full.zarr", &pixel, &err), &err);
    unsigned to_open = listings;
    check_ok(read_first(server, "part.zarr", &pixel, &err), &err);
    assert_int_equal(listings, 2 * to_open + 1);
}

static mt_status open_all(const http_server *server, const char *url, mt_stacks **out, mt_error *err)
{
    mt_context_options options = { .struct_size = sizeof options,
                                   .s3 = { .endpoint = http_server_url(server), .anonymous = 1 } };
    mt_context *context;
    check_ok(mt_context_new(&options, &context, err), err);
    mt_status st = mt_stacks_open(context, &url, 1, NULL, out, err);
    mt_context_free(context); /* the list retains it */
    return st;
}

/* A prefix is searched like a folder, and each image is opened from its own URL. */
static void a_prefix_of_images(void **state)
{
    static const char *const urls[] = { "s3://lab/images", "s3://lab/images/" }, *const found[] = { "a.zarr",
                                                                                                    "deep/er/c.zarr",
                                                                                                    "plane.npy" };
    static const char npy[] = "\x93NUMPY\1\0\x38\0{'descr':'|u1','fortran_order':False,'shape':(2,2)}    \nabcd";
    put("lab/images/a.zarr/.zarray", ARRAY);
    put("lab/images/a.zarr/0.0", "abcd");
    put("lab/images/deep/er/c.zarr/.zarray", ARRAY);
    put("lab/images/deep/er/c.zarr/0.0", "efgh");
    put("lab/images/deep/notes.txt", "no image");
    put("lab/images/plane.npy", "");
    put("lab/imagesque/z.zarr/.zarray", ARRAY);
    char path[128], expected[128];
    snprintf(path, sizeof path, "%s/lab/images/plane.npy", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(npy, 1, sizeof npy - 1, file), sizeof npy - 1);
    assert_int_equal(fclose(file), 0);
    for (size_t k = 0; k < 2; k++) {
        mt_stacks *stacks;
        const char *name, *reason;
        float pixel;
        mt_error err = MT_ERROR_INIT;
        static const int64_t origin[2] = { 0, 0 }, one[2] = { 1, 1 };
        check_ok(open_all(*state, urls[k], &stacks, &err), &err);
        assert_int_equal(mt_stacks_count(stacks), 3);
        for (size_t i = 0; i < 3; i++) {
            mt_stack *stack = mt_stacks_get(stacks, i);
            snprintf(expected, sizeof expected, "s3://lab/images/%s", found[i]);
            assert_string_equal(mt_stack_get_info(stack)->source, expected);
            check_ok(mt_stack_extract_patch(stack, 0, NULL, 0, origin, one, 2, &pixel, &err), &err);
            assert_true(pixel == "aea"[i]);
        }
        assert_true(mt_stacks_skipped(stacks, 0, &name, &reason));
        assert_string_equal(name, "s3://lab/images/deep/notes.txt");
        assert_false(mt_stacks_skipped(stacks, 1, &name, &reason));
        mt_stacks_close(stacks);
    }
}

/* A prefix that cannot be listed is an error, and never an empty folder. */
static void a_prefix_that_cannot_be_listed(void **state)
{
    mt_stacks *stacks;
    mt_error err = MT_ERROR_INIT;
    put("lab/images/a.zarr/.zarray", ARRAY);
    forbids_listing = true;
    mt_status st = open_all(*state, "s3://lab/images/", &stacks, &err);
    forbids_listing = false;
    assert_int_equal(st, MT_E_IO);
    assert_non_null(strstr(err.message, "s3://lab/images/: the server answered 403 AccessDenied"));
}

static int set_up(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/mt-s3-zarr-XXXXXX");
    unsetenv("AWS_PROFILE");
    *state = mkdtemp(folder) ? http_server_start("127.0.0.1", folder, serve, NULL) : NULL;
    return *state ? 0 : 1;
}

static int tear_down(void **state)
{
    char command[128];
    http_server_stop(*state);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(arrays), cmocka_unit_test(datasets_of_n5),
                                        cmocka_unit_test(listings_are_few), cmocka_unit_test(a_prefix_of_images),
                                        cmocka_unit_test(a_prefix_that_cannot_be_listed) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
