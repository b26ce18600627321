/* SPDX-License-Identifier: BSD-3-Clause */
/* Loaders of images that are as large as numbers allow. No pixel of them is read. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PATCHES (UINT64_MAX / 4) /* of an epoch, and of a batch on all ranks */
#define MANY                                                                                                           \
    {                                                                                                                  \
        { { 1, 2147483647, 2147483649 } }, 0, 0                                                                        \
    } /* an image with so many patches of one pixel */
#define GIGABYTE ((size_t)1 << 30)

static mt_status extract(void *self, int64_t sample, const int64_t *channels, size_t n_channels, const int64_t *coords,
                         const int64_t *size, float *out, mt_error *err)
{
    (void)self, (void)sample, (void)channels, (void)n_channels, (void)coords, (void)size, (void)out;
    return mt_fail(err, MT_E_IO, "a pixel was read");
}

/* A machine with little memory: the sanitizers end a process that asks for too much. */
static void *resize(void *user, void *memory, size_t old_size, size_t new_size)
{
    (void)user, (void)old_size;
    if (new_size == 0)
        free(memory);
    return new_size == 0 || new_size > GIGABYTE ? NULL : realloc(memory, new_size);
}

/* Stacks of C, Y and X, or of Z, Y and X, and their patches. */
typedef struct set {
    mt_context *context;
    mt_stack *stacks[2];
    size_t n;
    mt_patching *patching;
} set;

typedef struct images {
    int64_t shapes[2][3]; /* of one or two images */
    int64_t patch;        /* side; 0: 1 */
    const char *axes;     /* NULL: CYX */
} images;

static void open_set(set *s, const images *im)
{
    const mt_context_options context = {
        .struct_size = sizeof context, .threads = 1, .cache_bytes = MT_NO_CACHE, .allocator = { resize, NULL }
    };
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = extract, .caller_thread_only = 1 };
    const int64_t side = im->patch ? im->patch : 1;
    const char *axes = im->axes ? im->axes : "CYX";
    const mt_patching_options how = { .struct_size = sizeof how,
                                      .strategy = "random",
                                      .patch_size = (const int64_t[]) { side, side, side },
                                      .n_spatial = axes[0] == 'Z' ? 3 : 2 };
    mt_error err = MT_ERROR_INIT;
    *s = (set) { .n = 0 };
    check_ok(mt_context_new(&context, &s->context, &err), &err);
    for (; s->n < 2 && im->shapes[s->n][0]; s->n++) {
        mt_stack_info info = {
            .struct_size = sizeof info, .source = "huge", .dtype = MT_UINT8, .original_axes = axes, .original_ndim = 3
        };
        memcpy(info.original_shape, im->shapes[s->n], sizeof im->shapes[0]);
        check_ok(mt_stack_new(s->context, &ops, NULL, &info, &s->stacks[s->n], &err), &err);
    }
    check_ok(mt_patching_new(s->stacks, s->n, &how, &s->patching, &err), &err);
}

static void close_set(set *s)
{
    mt_patching_free(s->patching);
    for (size_t i = 0; i < s->n; i++)
        mt_stack_close(s->stacks[i]);
    mt_context_free(s->context);
}

static void check(mt_status st, mt_status expected, const mt_error *err, const char *message)
{
    if (expected)
        check_failed(st, expected, err, message);
    else
        check_ok(st, err);
}

/* 2^62 - 1 and 2^62 patches; batches of as many; 2^32 - 2 and more blocks of one pixel; channels whose lists take 2^64
 * bytes; and lists of arrays. */
static void loaders_at_their_limits(void **state)
{
    (void)state;
    static const mt_loader_array two[2];
    static const struct {
        images images;
        mt_loader_options options;
        mt_status status;
        const char *message;
    } cases[] = {
        { MANY, { .batch_size = MOST_PATCHES, .window = MT_WINDOW_ALL }, MT_OK, "" },
        { MANY,
          { .batch_size = MOST_PATCHES + 1 },
          MT_E_ARGUMENT,
          "batches of 4611686018427387904 patches for 1 ranks" },
        { { { { 1, 2147483648, 2147483648 } }, 0, 0 }, { 0 }, MT_E_ARGUMENT, "batches of 1 patches for 1 ranks" },
        { { { { 1, 2, 2147483647 } }, 0, 0 }, { .window = 4 }, MT_OK, "" },
        { { { { 1, 65535, 65537 } }, 0, 0 },
          { .window = 4 },
          MT_E_LIMIT,
          "huge: more than 2^32 blocks; use larger blocks" },
        { { { { 1, 1, 2147483648 }, { 1, 2, 1073741823 } }, 0, 0 }, { .window = 4 }, MT_OK, "" },
        { { { { 1, 1, 2147483648 }, { 1, 1, 2147483647 } }, 0, 0 },
          { .window = 4 },
          MT_E_LIMIT,
          "more than 2^32 blocks in 2 images; use larger blocks" },
        { { { { INT64_C(1) << 60, 1, 1 } }, 0, 0 }, { 0 }, MT_E_MEMORY, "1 images of 1152921504606846976 channels" },
        { { { { 230584300921369395, 1, 1 } }, 0, 0 },
          { .arrays = two, .n_arrays = 2 },
          MT_E_MEMORY,
          "1 images of 230584300921369395 channels" },
        { { { { 1, 1, 1 } }, 0, 0 },
          { .arrays = two, .n_arrays = SIZE_MAX / sizeof *two },
          MT_E_MEMORY,
          "out of memory" },
        { { { { 1, 1, 1 } }, 0, 0 },
          { .arrays = two, .n_arrays = SIZE_MAX / sizeof *two + 1 },
          MT_E_ARGUMENT,
          "the list of arrays is empty" },
        { { { { 1, 1, 1 } }, 0, 0 }, { .prefetch = 64 }, MT_OK, "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set s;
        mt_loader *loader;
        mt_error err = MT_ERROR_INIT;
        mt_loader_options options = cases[i].options;
        options.struct_size = sizeof options;
        options.block[0] = options.block[1] = 1;
        open_set(&s, &cases[i].images);
        check(mt_loader_new(s.patching, &options, &loader, &err), cases[i].status, &err, cases[i].message);
        mt_loader_free(loader);
        close_set(&s);
    }
}

/* Images of up to 256 MiB need no windows; those of larger ones have 16 blocks, or 14 of a volume. */
static void windows_by_the_size_of_the_images(void **state)
{
    (void)state;
    static const struct {
        images images;
        uint64_t window;
        size_t n_arrays; /* 0: 1 */
    } cases[] = {
        { { { { 1, 16384, 16384 } }, 64, 0 }, MT_WINDOW_ALL },
        { { { { 1, 16384, 8192 } }, 64, 0 }, MT_WINDOW_ALL, 2 },
        { { { { 1, 16384, 8193 } }, 64, 0 }, 16, 2 },
        { { { { 2, 16384, 8192 } }, 64, 0 }, MT_WINDOW_ALL },
        { { { { 3, 16384, 8192 } }, 64, 0 }, 16 },
        { { { { 1, 16384, 16385 } }, 64, 0 }, 16 },
        { { { { 1, 16384, 16384 }, { 1, 64, 64 } }, 64, 0 }, 16 },
        { { { { 64, 2048, 2048 } }, 64, "ZYX" }, MT_WINDOW_ALL },
        { { { { 65, 2048, 2048 } }, 64, "ZYX" }, 14 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set s;
        mt_loader *loader;
        mt_loader_report report = { .struct_size = sizeof report };
        mt_error err = MT_ERROR_INIT;
        open_set(&s, &cases[i].images);
        static const mt_loader_array arrays[2];
        const mt_loader_options options = { .struct_size = sizeof options,
                                            .arrays = arrays,
                                            .n_arrays = cases[i].n_arrays ? cases[i].n_arrays : 1 };
        check_ok(mt_loader_new(s.patching, &options, &loader, &err), &err);
        check_ok(mt_loader_get_report(loader, &report, &err), &err);
        assert_true(report.window == cases[i].window);
        mt_loader_free(loader);
        close_set(&s);
    }
}

static int is_asked_twice(void *user) { return ++*(int *)user > 1; }

/* An epoch of 2^32 - 1 patches has an index, which takes hours here; one of 2^32 has none. */
static void patches_that_an_index_counts(void **state)
{
    (void)state;
    static const struct {
        images images;
        mt_status status;
        const char *message;
    } cases[] = {
        { { { { 1, 65535, 65537 } }, 0, 0 }, MT_E_CANCELLED, "the caller asked to stop" },
        { { { { 1, 65536, 65536 } }, 0, 0 },
          MT_E_LIMIT,
          "4294967296 patches in an epoch with windows are more than 2^32; use several loaders" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set s;
        mt_loader *loader;
        mt_batch *batch;
        mt_error err = MT_ERROR_INIT;
        int asked = 0;
        const mt_loader_options options = { .struct_size = sizeof options, .window = 2, .block = { 16384, 16384 } };
        const mt_extract_options cancel = { .struct_size = sizeof cancel, .cancelled = is_asked_twice, .user = &asked };
        open_set(&s, &cases[i].images);
        check_ok(mt_loader_new(s.patching, &options, &loader, &err), &err);
        check_failed(mt_loader_read(loader, 0, &(uint64_t) { 0 }, 1, &cancel, &batch, &err), cases[i].status, &err,
                     cases[i].message);
        mt_loader_free(loader);
        close_set(&s);
    }
}

/* Batches whose lists or pixels take 2^64 bytes or a little more: the list that is given last is beyond the limit. */
static void batches_at_their_limits(void **state)
{
    (void)state;
    enum { FIRST = sizeof(mt_patch_spec) + sizeof(uint64_t) + sizeof(mt_bad_patch) + sizeof(mt_patch_request) };
    static const struct {
        images images;
        uint64_t batch;
        size_t n_arrays;
        const char *message; /* NULL: names the batch */
    } cases[] = {
        { MANY, UINT64_MAX / sizeof(mt_patch_spec) + 1, 1, NULL },
        { MANY, UINT64_MAX / FIRST + 1, 1, NULL },        /* requests */
        { MANY, UINT64_MAX / (FIRST + 32) + 1, 1, NULL }, /* and strides */
        { MANY, UINT64_MAX / (FIRST + 36) + 1, 1, NULL }, /* and statuses */
        { MANY, UINT64_MAX / (FIRST + 37) + 1, 1, NULL }, /* and symmetries */
        { MANY, UINT64_MAX / 200 + 1, 200, NULL },        /* number of requests */
        { { { { 1, 2147483648, 2147483648 } }, 2147483648, 0 }, 1, 1, "a batch of 1 patches has too many bytes" },
        { { { { 4, 1073741824, 1073741824 }, { 4, 1073741824, 1073741824 } }, 1073741824, 0 },
          2,
          1,
          "a batch of 2 patches has too many bytes" },
        { { { { 1, 2147483648, 2147483647 } }, 2147483647, 0 }, 1, 1, "a batch of 18446744056529682436 bytes" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const mt_loader_array arrays[200];
        set s;
        mt_loader *loader;
        mt_batch *batch;
        mt_error err = MT_ERROR_INIT;
        const mt_loader_options options = { .struct_size = sizeof options,
                                            .batch_size = cases[i].batch,
                                            .prefetch = 1,
                                            .arrays = arrays,
                                            .n_arrays = cases[i].n_arrays,
                                            .window = MT_WINDOW_ALL };
        open_set(&s, &cases[i].images);
        check_ok(mt_loader_new(s.patching, &options, &loader, &err), &err);
        char named[64];
        snprintf(named, sizeof named, "a batch of %" PRIu64 " patches", cases[i].batch);
        check_failed(mt_loader_next(loader, NULL, &batch, &err), MT_E_MEMORY, &err,
                     cases[i].message ? cases[i].message : named);
        mt_loader_free(loader);
        close_set(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loaders_at_their_limits),
        cmocka_unit_test(windows_by_the_size_of_the_images),
        cmocka_unit_test(patches_that_an_index_counts),
        cmocka_unit_test(batches_at_their_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
