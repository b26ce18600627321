/* SPDX-License-Identifier: BSD-3-Clause */
/* Each request of a call has its own outcome: a chunk that cannot be read spoils only the patches that touch it. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 64 x 64 pixels in chunks of 16 x 16 that are 7 everywhere, since they are absent; but c/0/1 is damaged, and c/3/3 cannot
 * be opened. */
#define ARRAY                                                                                                          \
    "{\"zarr_format\": 3, \"node_type\": \"array\", \"shape\": [64, 64], \"data_type\": \"uint8\", \"fill_value\": 7," \
    "\"chunk_grid\": {\"name\": \"regular\", \"configuration\": {\"chunk_shape\": [16, 16]}},"                         \
    "\"chunk_key_encoding\": {\"name\": \"default\"}, \"codecs\": [{\"name\": \"bytes\"}%s]}"

typedef struct array {
    char folder[40];
    mt_context *context;
    mt_stack *stack;
} array;

static void write_file(const array *a, const char *name, const char *content, size_t size)
{
    char path[80];
    snprintf(path, sizeof path, "%s/%s", a->folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(content, 1, size, f), size);
    fclose(f);
}

static void make_array(array *a, bool checksums, int64_t cache)
{
    char text[600], command[200];
    snprintf(a->folder, sizeof a->folder, "/tmp/microtome-test-XXXXXX");
    assert_non_null(mkdtemp(a->folder));
    snprintf(command, sizeof command, "mkdir -p %s/c/0 %s/c/3 && ln -s 3 %s/c/3/3", a->folder, a->folder, a->folder);
    assert_int_equal(system(command), 0);
    snprintf(text, sizeof text, ARRAY, checksums ? ", {\"name\": \"crc32c\"}" : "");
    write_file(a, "zarr.json", text, strlen(text));
    write_file(a, "c/0/1", text, checksums ? 260 : 100);
    mt_context_options options = { .struct_size = sizeof options, .threads = 4, .cache_bytes = cache };
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&options, &a->context, &err), &err);
    check_ok(mt_stack_open(a->context, a->folder, NULL, &a->stack, &err), &err);
}

static void remove_array(array *a)
{
    char command[80];
    mt_stack_close(a->stack);
    mt_context_free(a->context);
    snprintf(command, sizeof command, "rm -r %s", a->folder);
    assert_int_equal(system(command), 0);
}

enum { N = 49, SIDE = 12 };
typedef struct batch {
    float out[N][SIDE][SIDE];
    int64_t coords[N][2];
    mt_patch_request requests[N];
    mt_status statuses[N];
    mt_error errors[N];
} batch;

/* Patches 10 pixels apart: every chunk is touched by several. */
static void make_batch(batch *b, mt_stack *stack)
{
    static const int64_t size[2] = { SIDE, SIDE };
    memset(b, 0x7f, sizeof *b);
    for (int i = 0; i < N; i++) {
        b->coords[i][0] = i / 7 * 10 - 5;
        b->coords[i][1] = i % 7 * 10 - 5;
        b->requests[i] = (mt_patch_request) {
            .stack = stack, .n_spatial = 2, .coords = b->coords[i], .patch_size = size, .view = { .data = b->out[i] }
        };
    }
}

static bool touches(const int64_t *coords, int64_t row, int64_t column)
{
    return coords[0] < 16 * row + 16 && coords[0] + SIDE > 16 * row && coords[1] < 16 * column + 16 &&
           coords[1] + SIDE > 16 * column;
}

static float expected(int64_t y, int64_t x)
{
    bool inside = y >= 0 && y < 64 && x >= 0 && x < 64;
    bool bad = (y / 16 == 0 && x / 16 == 1) || (y / 16 == 3 && x / 16 == 3);
    return inside && !bad ? 7 : 0;
}

static bool outcome_is(const batch *b, int i, mt_status status, const char *chunk)
{
    const mt_error *e = &b->errors[i];
    bool named = status ? strstr(e->message, chunk) != NULL : !*e->message;
    return b->statuses[i] == status && e->status == status && named;
}

/* For threads, too, where nothing may be asserted. */
static bool is_right(const batch *b)
{
    bool good = true;
    int damaged = 0, closed = 0;
    for (int i = 0; i < N; i++) {
        if (touches(b->coords[i], 0, 1))
            good &= ++damaged && outcome_is(b, i, MT_E_CORRUPT, "0/1");
        else if (touches(b->coords[i], 3, 3))
            good &= ++closed && outcome_is(b, i, MT_E_IO, "3/3");
        else
            good &= outcome_is(b, i, MT_OK, "");
        for (int64_t y = 0; y < SIDE; y++)
            for (int64_t x = 0; x < SIDE; x++)
                good &= b->out[i][y][x] == expected(b->coords[i][0] + y, b->coords[i][1] + x);
    }
    return good && damaged == 9 && closed == 4;
}

static mt_status extract(batch *b, mt_error *err)
{
    mt_extract_options options = { .struct_size = sizeof options, .statuses = b->statuses, .errors = b->errors };
    return mt_extract_patches(b->requests, N, &options, err);
}

static void a_bad_chunk_spoils_the_patches_that_touch_it(void **state)
{
    (void)state;
    static batch b;
    for (int i = 0; i < 4; i++) {
        array a;
        make_array(&a, i & 1, i & 2 ? MT_NO_CACHE : 1 << 20);
        for (int again = 0; again < 2; again++) {
            mt_error err = MT_ERROR_INIT;
            make_batch(&b, a.stack);
            assert_int_equal(extract(&b, &err), MT_E_CORRUPT); /* the first in the grid */
            assert_non_null(strstr(err.message, "0/1"));
            assert_true(is_right(&b));
        }
        remove_array(&a);
    }
}

static void *extract_often(void *argument)
{
    batch *b = malloc(sizeof *b);
    intptr_t good = b != NULL;
    for (int i = 0; b && i < 50; i++) {
        make_batch(b, argument);
        good &= extract(b, NULL) != MT_OK && is_right(b);
    }
    free(b);
    return (void *)good;
}

/* Threads that wait for a chunk that another one makes hear why it failed, too. */
static void all_who_wait_for_a_chunk_are_told(void **state)
{
    (void)state;
    array a;
    pthread_t threads[4];
    make_array(&a, true, 1 << 20);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, extract_often, a.stack), 0);
    for (int i = 0; i < 4; i++) {
        void *good;
        pthread_join(threads[i], &good);
        assert_non_null(good);
    }
    remove_array(&a);
}

static void refused_requests_write_nothing(void **state)
{
    (void)state;
    static batch b, before;
    array a;
    mt_error err = MT_ERROR_INIT;
    make_array(&a, true, MT_NO_CACHE);
    make_batch(&b, a.stack);
    b.requests[40].sample = 1;
    before = b;
    assert_int_equal(extract(&b, &err), MT_E_RANGE);
    assert_memory_equal(&b, &before, sizeof b);
    remove_array(&a);
}

static int stop(void *user) { return ++*(int *)user == 3; }

static void patches_of_a_cancelled_call_say_so(void **state)
{
    (void)state;
    static uint8_t pixels[64 * 64];
    static batch b;
    memset(pixels, 1, sizeof pixels);
    mt_context_options one = { .struct_size = sizeof one, .threads = 1 };
    mt_context *context;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(&one, &context, &err), &err);
    check_ok(mt_stack_from_array(context, pixels, MT_UINT8, "YX", (int64_t[]) { 64, 64 }, NULL, NULL, &stack, &err),
             &err);
    int asked = 0;
    make_batch(&b, stack);
    mt_extract_options options = {
        .struct_size = sizeof options, .cancelled = stop, .user = &asked, .statuses = b.statuses, .errors = b.errors
    };
    assert_int_equal(mt_extract_patches(b.requests, N, &options, &err), MT_E_CANCELLED);
    for (int i = 0; i < N; i++) {
        bool done = b.out[i][5][5] == 1;
        assert_int_equal(b.statuses[i], done ? MT_OK : MT_E_CANCELLED);
        assert_string_equal(b.errors[i].message, done ? "" : "the caller asked to stop");
        assert_true(done || b.out[i][5][5] == 0);
    }
    assert_int_equal(b.statuses[0], MT_OK);
    assert_int_equal(b.statuses[N - 1], MT_E_CANCELLED);
    mt_stack_close(stack);
    mt_context_free(context);
}

/* As from a program that was compiled when the options ended with user. */
static void shorter_options_are_taken(void **state)
{
    (void)state;
    static batch b;
    array a;
    make_array(&a, true, MT_NO_CACHE);
    make_batch(&b, a.stack);
    mt_extract_options options = { .struct_size = offsetof(mt_extract_options, statuses), .statuses = b.statuses };
    assert_int_equal(mt_extract_patches(b.requests, N, &options, NULL), MT_E_CORRUPT);
    assert_int_equal(b.statuses[0], 0x7f7f7f7f);
    remove_array(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_chunk_spoils_the_patches_that_touch_it),
        cmocka_unit_test(all_who_wait_for_a_chunk_are_told),
        cmocka_unit_test(refused_requests_write_nothing),
        cmocka_unit_test(patches_of_a_cancelled_call_say_so),
        cmocka_unit_test(shorter_options_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
