/* SPDX-License-Identifier: BSD-3-Clause */
/* Options that fit no output: each is refused in words that name it, before anything is made. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <math.h>
#include <string.h>

/* An option, of an image of 2 x 300 x 400 pixels of uint16 with the axes CYX, and what is said of it. */
typedef struct refusal {
    const char *path, *words;
    mt_writer_options options;
} refusal;

#define SIZES(...) ((const int64_t[]) { __VA_ARGS__ })
#define NUMBERS(...) ((const double[]) { __VA_ARGS__ })
#define ONE INT64_C(1)

static const refusal refusals[] = {
    { "a.png", "the suffix is not one of .zarr, .tif, .npy: change it, or give the format", { 0 } },
    { "a", "format \"png\" is not one of zarr, tiff, npy", { .format = "png" } },
    { "a.zarr", "axes \"XYC\": letters of TCZYX in this order", { .axes = "XYC" } },
    { "a.zarr", "axes \"CYY\": letters of TCZYX in this order", { .axes = "CYY" } },
    { "a.zarr", "do not end with YX", { .axes = "TCZ" } },
    { "a.zarr", "0 pixels along Y", { .shape = SIZES(2, 0, 400) } },
    { "a.zarr", "no valid dtype", { .dtype = (mt_dtype)99 } },
    { "a.zarr", "a chunk of -1 pixels along X", { .chunk_shape = SIZES(1, 16, -1) } },
    { "a.zarr",
      "a shard of 40 pixels along Y does not consist of chunks of 16",
      { .chunk_shape = SIZES(1, 16, 16), .shard_shape = SIZES(1, 40, 16) } },
    { "a.zarr", "both a shard shape and no shards", { .shard_shape = SIZES(1, 300, 400), .no_shards = 1 } },
    { "a.zarr",
      "OME-Zarr 0.4 has no shards",
      { .chunk_shape = SIZES(1, 16, 16), .shard_shape = SIZES(1, 32, 16), .ome = "0.4" } },
    { "a.zarr",
      "a pyramid needs chunks of an even size along X, not 17",
      { .chunk_shape = SIZES(1, 16, 17), .n_levels = 2 } },
    { "a.zarr", "the image is one pixel after 10", { .n_levels = 31 } },
    { "a.zarr",
      "the image has too many chunks",
      { .shape = SIZES(INT64_MAX, INT64_MAX, 400), .chunk_shape = SIZES(1, 1, 1), .no_shards = 1 } },
    { "a.zarr",
      "a chunk is larger than max_chunk_bytes",
      { .shape = SIZES(2, 1 << 30, 1 << 30), .chunk_shape = SIZES(1, 1 << 30, 1 << 30) } },
    { "a.zarr",
      "a chunk is larger than max_chunk_bytes", /* 2^80 pixels */
      { .shape = SIZES(1, ONE << 40, ONE << 40), .chunk_shape = SIZES(1, ONE << 40, ONE << 40) } },
    { "a.zarr",
      "a chunk is larger than max_chunk_bytes", /* 2^62 pixels, but 2^65 bytes */
      { .shape = SIZES(1, ONE << 31, ONE << 31), .chunk_shape = SIZES(1, ONE << 31, ONE << 31), .dtype = MT_FLOAT64 } },
    { "a.zarr",
      "a shard has more than 16777216 chunks",
      { .chunk_shape = SIZES(1, 1, 1), .shard_shape = SIZES(1, 4096, 4097) } },
    { "a.zarr",
      "a shard has more than 16777216 chunks", /* 2^80 of them */
      { .chunk_shape = SIZES(1, 1, 1), .shard_shape = SIZES(1, ONE << 40, ONE << 40) } },
    { "a.zarr",
      "a shard of 9223372036854775807 pixels along X",
      { .shape = SIZES(1, 16, INT64_MAX),
        .chunk_shape = SIZES(1, 16, 16),
        .shard_shape = SIZES(1, 16, MT_WHOLE_AXIS) } },
    { "a.zarr",
      "a shard of -16 pixels along Y",
      { .chunk_shape = SIZES(1, 16, 16), .shard_shape = SIZES(1, -16, 16) } },
    { "a.zarr", "codec \"lzma\" is not one of zstd, blosc-zstd, blosc-lz4, gzip, lz4, none", { .codec = "lzma" } },
    { "a.zarr", "shuffle belongs to a blosc codec, not to gzip", { .codec = "gzip", .shuffle = "bit" } },
    { "a.zarr", "shuffle \"bits\" is not one of none, byte, bit", { .shuffle = "bits" } },
    { "a.zarr", "downsample \"max\" is not one of mean, nearest, mode", { .downsample = "max" } },
    { "a.zarr", "ome \"0.6\" is not one of 0.5, 0.4", { .ome = "0.6" } },
    { "a.zarr", "a pixel size of -1 along Y", { .pixel_size = NUMBERS(0, -1, 1) } },
    { "a.zarr", "a pixel size of nan along X", { .pixel_size = NUMBERS(0, 1, NAN) } },
    { "a.zarr", "a pixel size of 1.1e+300 along Y", { .pixel_size = NUMBERS(0, 1.1e300, 1) } },
    { "a.zarr", "mt_writer_options.struct_size is 3", { .struct_size = 3 } },
    { "a.tif", "OME-TIFF has no type float16: choose float32", { .dtype = MT_FLOAT16 } },
    { "a.tif", "OME-TIFF has no type uint64: choose uint32", { .dtype = MT_UINT64 } },
    { "a.tif",
      "a tile of format tiff lies in one plane: a chunk has 1 pixel along C, not 2",
      { .chunk_shape = SIZES(2, 16, 16) } },
    { "a.tif",
      "a tile of format tiff has a multiple of 16 pixels along X, not 20",
      { .chunk_shape = SIZES(1, 16, 20) } },
    { "a.tif", "format tiff has no shards", { .shard_shape = SIZES(1, 256, 256) } },
    { "a.tif", "for format tiff, the codec \"lz4\" is not one of zstd, gzip, none", { .codec = "lz4" } },
    { "a.tif", "2147483648 pixels along X, more than a TIFF can have", { .shape = SIZES(1, 16, ONE << 31) } },
    { "a.tif", "2147483648 pixels along Y, more than a TIFF can have", { .shape = SIZES(1, ONE << 31, 16) } },
    { "a.tif",
      "more than a TIFF can have",
      { .shape = SIZES(1, 16, 16), .chunk_shape = SIZES(1, 16, ONE << 31), .dtype = MT_UINT8 } },
    { "a.npy", "format npy has no resolution levels", { .n_levels = -1 } },
    { "a.npy", "format npy has no chunks: it is written in bands of whole rows", { .chunk_shape = SIZES(1, 16, 16) } },
    { "a.npy", "format npy has no shards", { .shard_shape = SIZES(1, 300, 400) } },
    { "a.npy", "a row of", { .shape = SIZES(1, 1, INT64_MAX) } },
    { "a.npy", "for format npy, the codec \"zstd\" is not one of none", { .codec = "zstd" } },
};

static void options_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        mt_writer_options options = refusals[i].options;
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        options.struct_size = options.struct_size ? options.struct_size : sizeof options;
        options.axes = options.axes ? options.axes : "CYX";
        options.shape = options.shape ? options.shape : SIZES(2, 300, 400);
        options.dtype = options.dtype ? options.dtype : MT_UINT16;
        mt_status st = mt_writer_plan(NULL, refusals[i].path, &options, &w, &err);
        if (st != MT_E_ARGUMENT && st != MT_E_LIMIT)
            fail_msg("\"%s\" is not said: status %d", refusals[i].words, (int)st);
        if (!strstr(err.message, refusals[i].words))
            fail_msg("\"%s\" is not in \"%s\"", refusals[i].words, err.message);
        assert_null(w);
    }
}

/* The largest values that are allowed. */
static const refusal allowed[] = {
    { "a.zarr", "", { .chunk_shape = SIZES(1, 1, 1), .shard_shape = SIZES(1, 4096, 4096) } },
    { "a.zarr", "", { .pixel_size = NUMBERS(0, 1e300, 1) } },
    { "a.zarr", "", { .chunk_shape = SIZES(2, 17, 17) } },                  /* odd, but there is no pyramid */
    { "a.zarr", "", { .chunk_shape = SIZES(1, 300, 401), .n_levels = 2 } }, /* odd, but there is one chunk */
    { "a.zarr", "", { .n_levels = 10 } },
    { "a.zarr", "", { .codec = "blosc-lz4", .shuffle = "bit" } },
    { "a.tif", "", { .shape = SIZES(1, 16, INT32_MAX) } },
    { "a.tif", "", { .shape = SIZES(1, INT32_MAX, 16) } },
    { "a.npy", "", { .n_levels = 1 } },
    { "a.npy", "", { .chunk_shape = SIZES(1, 16, 400) } },
};

static void options_at_their_limits_are_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        mt_writer_options options = allowed[i].options;
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        options.struct_size = sizeof options;
        options.axes = "CYX";
        options.shape = options.shape ? options.shape : SIZES(2, 300, 400);
        options.dtype = MT_UINT16;
        if (mt_writer_plan(NULL, allowed[i].path, &options, &w, &err))
            fail_msg("case %zu: %s", i, err.message);
        mt_writer_close(w);
    }
}

/* A chunk may have as many bytes as the limit says, and not one more. */
static void chunks_have_a_limit(void **state)
{
    (void)state;
    static const struct {
        size_t limit;
        mt_status status;
    } cases[] = { { 2 * 16 * 20, MT_OK }, { 2 * 16 * 20 - 1, MT_E_LIMIT } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_context_options given = { .struct_size = sizeof given, .limits.max_chunk_bytes = cases[i].limit };
        const mt_writer_options options = { .struct_size = sizeof options,
                                            .axes = "YX",
                                            .shape = SIZES(100, 100),
                                            .chunk_shape = SIZES(16, 20),
                                            .dtype = MT_UINT16 };
        mt_context *context;
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_context_new(&given, &context, &err), &err);
        assert_int_equal(mt_writer_plan(context, "a.zarr", &options, &w, &err), cases[i].status);
        mt_writer_close(w);
        mt_context_free(context);
    }
}

/* Axes of an input that no output has. */
static void samples_are_images_of_their_own(void **state)
{
    (void)state;
    static const uint8_t pixels[3 * 4 * 5];
    mt_stack *like;
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(NULL, pixels, MT_UINT8, "SYX", SIZES(3, 4, 5), NULL, NULL, &like, &err), &err);
    const mt_writer_options options = { .struct_size = sizeof options, .like = like };
    assert_int_equal(mt_writer_plan(NULL, "a.zarr", &options, &w, &err), MT_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "has the axis S, which an output cannot have"));
    mt_stack_close(like);
}

/* Texts of any length need memory, each of which may be missing. */
static void failing_allocations(void **state)
{
    (void)state;
    static char text[100000];
    memset(text, 'n', sizeof text - 1);
    const mt_channel channels[] = { { .name = text }, { .name = "b" } };
    const mt_writer_options options = { .struct_size = sizeof options,
                                        .axes = "CYX",
                                        .shape = SIZES(2, 300, 400),
                                        .dtype = MT_UINT16,
                                        .unit = (const char *const[]) { "", text, "micrometer" },
                                        .channels = channels,
                                        .identity = text,
                                        .note = text };
    mt_status st = MT_E_MEMORY;
    for (size_t k = 0; st; k++) {
        failing_allocator allocator;
        mt_context_options given = { .struct_size = sizeof given, .threads = 1 };
        given.allocator = failing_allocator_make(&allocator, SIZE_MAX, 0);
        mt_context *context;
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_context_new(&given, &context, &err), &err);
        allocator.fail_at = allocator.count + k;
        st = mt_writer_plan(context, "a.zarr", &options, &w, &err);
        assert_int_equal(st, allocator.count > allocator.fail_at ? MT_E_MEMORY : MT_OK);
        mt_writer_close(w);
        mt_context_free(context);
    }
}

/* All words that are listed are taken, and the refusal of another one lists them. */
static void words_are_listed(void **state)
{
    (void)state;
    static const struct {
        const char *member, *last;
        size_t offset, n;
    } cases[] = { { "format", "npy", offsetof(mt_writer_options, format), 3 },
                  { "codec", "none", offsetof(mt_writer_options, codec), 6 },
                  { "shuffle", "bit", offsetof(mt_writer_options, shuffle), 3 },
                  { "downsample", "mode", offsetof(mt_writer_options, downsample), 3 },
                  { "ome", "0.4", offsetof(mt_writer_options, ome), 2 } };
    static const int64_t shape[] = { 300, 400 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = 0;
        for (const char *word; (word = mt_writer_word(cases[i].member, n)); n++) {
            mt_writer_options options = {
                .struct_size = sizeof options, .axes = "YX", .shape = shape, .dtype = MT_UINT16
            };
            mt_writer *w;
            mt_error err = MT_ERROR_INIT;
            *(const char **)(void *)((char *)&options + cases[i].offset) = word;
            if (strcmp(cases[i].member, "shuffle") == 0)
                options.codec = "blosc-zstd";
            check_ok(mt_writer_plan(NULL, "a.zarr", &options, &w, &err), &err);
            mt_writer_close(w);
        }
        assert_int_equal(n, cases[i].n);
        assert_string_equal(mt_writer_word(cases[i].member, n - 1), cases[i].last);
    }
    assert_null(mt_writer_word("codec_level", 0));
}

static void what_is_required(void **state)
{
    (void)state;
    mt_writer *w;
    mt_error err = MT_ERROR_INIT;
    mt_writer_options options = { .struct_size = sizeof options };
    assert_int_equal(mt_writer_plan(NULL, "a.zarr", &options, &w, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "neither axes nor a stack"));
    options.axes = "YX";
    assert_int_equal(mt_writer_plan(NULL, "a.zarr", &options, &w, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "neither a shape nor a stack"));
    options.shape = SIZES(2, 2);
    assert_int_equal(mt_writer_plan(NULL, "a.zarr", &options, &w, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "no valid dtype"));
}

/* An NPY is written in bands of whole rows, of about 4 MiB. A tile of OME-TIFF is a multiple of 16. */
static void chunks_of_files(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int64_t shape[3], chunk[3], wanted[3];
    } cases[] = {
        { "a.npy", { 2, 300, 400 }, { 0 }, { 1, 300, 400 } },
        { "a.npy", { 2, 5000, 1000 }, { 0 }, { 1, 2097, 1000 } }, /* 2,097,152 / 1000 */
        { "a.npy", { 2, 2048, 1024 }, { 0 }, { 1, 2048, 1024 } },
        { "a.npy", { 2, 2049, 1024 }, { 0 }, { 1, 2048, 1024 } },
        { "a.npy", { 2, 5000, 1 << 21 }, { 0 }, { 1, 1, 1 << 21 } },
        { "a.npy", { 2, 5000, 1 << 22 }, { 0 }, { 1, 1, 1 << 22 } },
        { "a.npy", { 2, 300, 400 }, { 0, 7, 0 }, { 1, 7, 400 } },
        { "a.npy", { 2, 300, 400 }, { 1, MT_WHOLE_AXIS, MT_WHOLE_AXIS }, { 1, 300, 400 } },
        { "a.tif", { 2, 300, 400 }, { 0 }, { 1, 256, 256 } },
        { "a.tif", { 2, 16, 17 }, { 0 }, { 1, 16, 32 } },
        { "a.tif", { 2, 1, 255 }, { 0 }, { 1, 16, 256 } },
        { "a.tif", { 2, 300, 400 }, { 0, MT_WHOLE_AXIS, 48 }, { 1, 304, 48 } },
        { "a.zarr", { 2, 300, 100 }, { 0 }, { 1, 256, 100 } },
        { "a.zarr", { 2, 300, 400 }, { MT_WHOLE_AXIS, 0, 1 }, { 2, 256, 1 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_writer_options options = { .struct_size = sizeof options,
                                            .axes = "TYX",
                                            .shape = cases[i].shape,
                                            .dtype = MT_UINT16,
                                            .chunk_shape = cases[i].chunk };
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_writer_plan(NULL, cases[i].path, &options, &w, &err), &err);
        const int64_t *found = mt_writer_get_info(w)->chunk_shape;
        for (int d = 0; d < 3; d++)
            if (found[d] != cases[i].wanted[d])
                fail_msg("case %zu: a chunk has %lld along axis %d", i, (long long)found[d], d);
        mt_writer_close(w);
    }
}

/* Chunks of volumes, of at least 64 planes, are cubes. */
static void chunks_of_volumes(void **state)
{
    (void)state;
    static const struct {
        int64_t shape[3], wanted[3];
    } cases[] = { { { 63, 300, 400 }, { 1, 256, 256 } },
                  { { 64, 300, 400 }, { 64, 64, 64 } },
                  { { 65, 63, 400 }, { 64, 63, 64 } } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mt_writer_options options = {
            .struct_size = sizeof options, .axes = "ZYX", .shape = cases[i].shape, .dtype = MT_UINT16
        };
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_writer_plan(NULL, "a.zarr", &options, &w, &err), &err);
        assert_memory_equal(mt_writer_get_info(w)->chunk_shape, cases[i].wanted, sizeof cases[i].wanted);
        mt_writer_close(w);
    }
}

/* Shards of an image, and those that follow from other options. */
typedef struct shards {
    const char *axes, *path;
    int64_t shape[4];
    const int64_t *chunk, *shard;
    int no_shards;
    mt_dtype dtype;
    int64_t wanted[4]; /* all 0: none */
} shards;

static const shards shardings[] = {
    { "YX", "a.zarr", { 25600, 25600 }, NULL, NULL, 0, MT_UINT16, { 0 } },               /* 10,000 chunks */
    { "YX", "a.zarr", { 25600, 25857 }, NULL, NULL, 0, MT_UINT16, { 4096, 4096 } },      /* 32 MiB */
    { "YX", "a.zarr", { 25600, 25857 }, NULL, NULL, 1, MT_UINT16, { 0 } },               /* not wanted */
    { "ZYX", "a.zarr", { 40, 4000, 4000 }, NULL, NULL, 0, MT_UINT8, { 2, 4096, 4096 } }, /* planes at last */
    { "CZYX", "a.zarr", { 2, 2048, 2048, 2048 }, NULL, NULL, 0, MT_FLOAT32, { 1, 128, 256, 256 } },
    { "ZYX", "a.zarr", { 20000, 8, 8 }, SIZES(1, 8, 8), NULL, 0, MT_UINT8, { 32768, 8, 8 } }, /* all of it */
    { "YX", "a.zarr", { 65536, 20000 }, SIZES(256, 1), NULL, 0, MT_UINT8, { 65536, 512 } },   /* along X at last */
    { "YX", "a.zarr", { 100, 70 }, SIZES(16, 16), SIZES(MT_WHOLE_AXIS, 32), 0, MT_UINT8, { 112, 32 } },
    { "YX", "a.zarr", { 100, 70 }, SIZES(16, 16), SIZES(0, 32), 0, MT_UINT8, { 16, 32 } },
    { "YX", "a.tif", { 51200, 51200 }, NULL, NULL, 0, MT_UINT8, { 0 } },
};

static void shards_are_of_about_32_mebibytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shardings / sizeof *shardings; i++) {
        const shards *s = &shardings[i];
        mt_writer *w;
        mt_error err = MT_ERROR_INIT;
        mt_writer_options options = { .struct_size = sizeof options,
                                      .axes = s->axes,
                                      .shape = s->shape,
                                      .dtype = s->dtype,
                                      .chunk_shape = s->chunk,
                                      .shard_shape = s->shard,
                                      .no_shards = s->no_shards };
        check_ok(mt_writer_plan(NULL, s->path, &options, &w, &err), &err);
        const int64_t *found = mt_writer_get_info(w)->shard_shape;
        for (int d = 0; s->axes[d]; d++)
            if (found[d] != s->wanted[d])
                fail_msg("case %zu: a shard has %lld along %c, not %lld", i, (long long)found[d], s->axes[d],
                         (long long)s->wanted[d]);
        mt_writer_close(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_refused), cmocka_unit_test(options_at_their_limits_are_taken),
        cmocka_unit_test(chunks_have_a_limit), cmocka_unit_test(samples_are_images_of_their_own),
        cmocka_unit_test(failing_allocations), cmocka_unit_test(chunks_of_files),
        cmocka_unit_test(chunks_of_volumes),   cmocka_unit_test(words_are_listed),
        cmocka_unit_test(what_is_required),    cmocka_unit_test(shards_are_of_about_32_mebibytes)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
