/* SPDX-License-Identifier: BSD-3-Clause */
/* Statistics of several channels with absent chunks, NaN and infinite pixels; and what is refused. */
#include "support/folder.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHANNELS = 2,
    HEIGHT = 24,
    WIDTH = 20,
    TALL = 8,
    WIDE = 10,
    CHUNKS = CHANNELS * (HEIGHT / TALL) * (WIDTH / WIDE)
};
static const int64_t shape[3] = { CHANNELS, HEIGHT, WIDTH };
static const double halves[] = { 0.25, 0.5, 0.75 };
typedef float image[CHANNELS][HEIGHT][WIDTH];

static mt_stack *open_memory(mt_context *context, const void *pixels, mt_dtype dtype)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(context, pixels, dtype, "CYX", shape, NULL, "memory", &stack, &err), &err);
    return stack;
}

static void write_file(const char *name, const void *bytes, size_t n)
{
    FILE *file = fopen(temporary_path(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

/* A Zarr array of the pixels in chunks of 8 x 10; those of which all pixels are 7 are absent. */
static mt_stack *open_chunks(mt_context *context, image pixels)
{
    static const char zarray[] =
        "{\"zarr_format\": 2, \"shape\": [2, 24, 20], \"chunks\": [1, 8, 10], \"dtype\": \"<f4\", "
        "\"compressor\": null, \"filters\": null, \"fill_value\": 7, \"order\": \"C\"}";
    const mt_open_options options = { .struct_size = sizeof options, .axes = "CYX" };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    write_file(".zarray", zarray, sizeof zarray - 1);
    for (int i = 0; i < CHUNKS; i++) {
        float chunk[TALL][WIDE];
        char name[16];
        int c = i / 6, top = i / 2 % 3 * TALL, left = i % 2 * WIDE;
        bool is_stored = false;
        for (int y = 0; y < TALL; y++)
            for (int x = 0; x < WIDE; x++) {
                chunk[y][x] = pixels[c][top + y][left + x];
                is_stored |= chunk[y][x] != 7;
            }
        snprintf(name, sizeof name, "%d.%d.%d", c, top / TALL, left / WIDE);
        (void)remove(temporary_path(name));
        if (is_stored)
            write_file(name, chunk, sizeof chunk);
    }
    check_ok(mt_stack_open(context, temporary_folder(), &options, &stack, &err), &err);
    return stack;
}

static mt_statistics *compute(mt_stack *stack, const mt_statistics_options *options)
{
    mt_statistics *s;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_statistics_new(&stack, 1, options, &s, &err), &err);
    return s;
}

/* The same as those of an array in memory, whose pixels are counted one by one. */
static void absent_chunks_of_several_channels(void **state)
{
    (void)state;
    static image pixels;
    for (int c = 0; c < CHANNELS; c++)
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++)
                pixels[c][y][x] = (c + y / TALL + x / WIDE) % 2 ? 7 : (float)((y * 37 + x * 11 + c * 100) % 61) - 20;
    pixels[0][1][1] = NAN;
    pixels[0][2][3] = -INFINITY;
    pixels[1][2][13] = INFINITY;
    const mt_statistics_options options = {
        .struct_size = sizeof options, .quantiles = halves, .n_quantiles = 3, .bins = 16
    };
    mt_stack *memory = open_memory(NULL, pixels, MT_FLOAT32), *chunks = open_chunks(NULL, pixels);
    mt_statistics *expected = compute(memory, &options), *s = compute(chunks, &options);
    assert_string_equal(mt_statistics_json(s), mt_statistics_json(expected));
    const mt_channel_statistics *c = mt_statistics_get(s, 0);
    assert_int_equal(c->n, HEIGHT * WIDTH - 2);
    assert_int_equal(c->n_nan, 1);
    assert_int_equal(c->n_infinite, 1);
    assert_int_equal(mt_statistics_get(s, 1)->n_infinite, 1);
    mt_statistics_free(expected);
    mt_statistics_free(s);
    mt_stack_close(memory);
    mt_stack_close(chunks);
}

/* The mean of a sample has no error if all finite pixels are the same, whatever is not finite among them. */
static void samples_of_pixels_that_are_not_finite(void **state)
{
    (void)state;
    enum { SIDE = 2048 };
    static float pixels[SIDE][SIDE];
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            pixels[y][x] = x % 7 == 0 ? NAN : x % 11 == 0 ? INFINITY : 5;
    check_ok(
        mt_stack_from_array(NULL, pixels, MT_FLOAT32, "YX", (int64_t[]) { SIDE, SIDE }, NULL, "large", &stack, &err),
        &err);
    const mt_statistics_options options = { .struct_size = sizeof options, .sample_chunks = 2, .seed = 1 };
    mt_statistics *s = compute(stack, &options), *again;
    mt_statistics_info info = { .struct_size = sizeof info };
    check_ok(mt_statistics_get_info(s, &info, &err), &err);
    assert_int_equal(info.sample_chunks, 2);
    assert_true(info.chunks > 2);
    const mt_channel_statistics *all = mt_statistics_get(s, -1);
    assert_true(all->mean == 5 && all->std == 0 && all->mean_error == 0);
    uint64_t drawn = SIDE * SIDE / info.chunks * 2;
    assert_int_equal(all->n + all->n_nan + all->n_infinite, drawn);
    assert_int_equal(all->n_nan, drawn / SIDE * ((SIDE + 6) / 7));
    const char *text = mt_statistics_json(s); /* with a seed that fits into the integers of the JSON library */
    check_ok(mt_statistics_parse(NULL, text, strlen(text), "sample.json", &again, &err), &err);
    check_ok(mt_statistics_get_info(again, &info, &err), &err);
    assert_int_equal(info.seed, 1);
    assert_int_equal(info.sample_chunks, 2);
    assert_string_equal(mt_statistics_json(again), text);
    mt_statistics_free(again);
    mt_statistics_free(s);
    mt_stack_close(stack);
}

/* Shards of 8 x 8 bytes in chunks of 4 x 4; those that are given are stored, the others are absent and read as 7. */
enum { SHARDS_DOWN = 4, SHARDS_ACROSS = 6, SHARD = 8, INNER = 4 };
typedef uint8_t sharded[SHARDS_DOWN * SHARD][SHARDS_ACROSS * SHARD];

static void write_shard(sharded pixels, int row, int column)
{
    uint8_t bytes[SHARD * SHARD + 4 * 16] = { 0 }, *at = bytes;
    char command[600], name[32];
    for (int i = 0; i < 4; i++)
        for (int y = 0; y < INNER; y++, at += INNER)
            memcpy(at, &pixels[row * SHARD + i / 2 * INNER + y][column * SHARD + i % 2 * INNER], INNER);
    for (int i = 0; i < 4; i++, at += 16) { /* the index: offset and size of each chunk */
        at[0] = (uint8_t)(i * INNER * INNER);
        at[8] = INNER * INNER;
    }
    snprintf(command, sizeof command, "mkdir -p '%s/c/%d'", temporary_path("shards"), row);
    assert_int_equal(system(command), 0);
    snprintf(name, sizeof name, "shards/c/%d/%d", row, column);
    write_file(name, bytes, sizeof bytes);
}

static void check_shards(const int (*stored)[2], size_t n)
{
    static const char text[] =
        "{\"zarr_format\": 3, \"node_type\": \"array\", \"shape\": [32, 48], \"data_type\": \"uint8\", \"fill_value\": "
        "7, "
        "\"chunk_grid\": {\"name\": \"regular\", \"configuration\": {\"chunk_shape\": [8, 8]}}, "
        "\"chunk_key_encoding\": "
        "{\"name\": \"default\"}, \"codecs\": [{\"name\": \"sharding_indexed\", \"configuration\": {\"chunk_shape\": "
        "[4, 4], \"codecs\": [{\"name\": \"bytes\"}], \"index_codecs\": [{\"name\": \"bytes\", \"configuration\": "
        "{\"endian\": \"little\"}}]}}]}";
    sharded pixels;
    char command[600];
    mt_error err = MT_ERROR_INIT;
    mt_stack *shards, *memory;
    memset(pixels, 7, sizeof pixels);
    snprintf(command, sizeof command, "rm -rf '%s' && mkdir '%s'", temporary_path("shards"), temporary_path("shards"));
    assert_int_equal(system(command), 0);
    write_file("shards/zarr.json", text, sizeof text - 1);
    for (size_t i = 0; i < n; i++)
        for (int y = 0; y < SHARD; y++)
            for (int x = 0; x < SHARD; x++)
                pixels[stored[i][0] * SHARD + y][stored[i][1] * SHARD + x] = (uint8_t)(100 * i + (size_t)(y * 9 + x));
    for (size_t i = 0; i < n; i++)
        write_shard(pixels, stored[i][0], stored[i][1]);
    check_ok(mt_stack_open(NULL, temporary_path("shards"), NULL, &shards, &err), &err);
    check_ok(mt_stack_from_array(NULL, pixels, MT_UINT8, "YX", (int64_t[]) { 32, 48 }, NULL, "memory", &memory, &err),
             &err);
    const mt_statistics_options options = { .struct_size = sizeof options, .quantiles = halves, .n_quantiles = 3 };
    mt_statistics *s = compute(shards, &options), *expected = compute(memory, &options);
    assert_string_equal(mt_statistics_json(s), mt_statistics_json(expected));
    mt_statistics_free(s);
    mt_statistics_free(expected);
    mt_stack_close(shards);
    mt_stack_close(memory);
}

/* Runs of absent shards are passed over: in a row, whole rows, and all to the end. */
static void absent_shards(void **state)
{
    (void)state;
    static const int first[1][2] = { { 0, 0 } }, last[1][2] = { { 3, 5 } }, row_start[2][2] = { { 2, 0 }, { 2, 3 } },
                     spread[3][2] = { { 0, 4 }, { 1, 1 }, { 3, 2 } };
    check_shards(NULL, 0);
    check_shards(first, 1);
    check_shards(last, 1);
    check_shards(row_start, 2);
    check_shards(spread, 3);
}

static void check_refused(mt_stack *stack, mt_statistics_options options, const char *message)
{
    mt_statistics *s;
    mt_error err = MT_ERROR_INIT;
    options.struct_size = sizeof options;
    assert_int_equal(mt_statistics_new(&stack, 1, &options, &s, &err), MT_E_ARGUMENT);
    if (!strstr(err.message, message))
        fail_msg("\"%s\" is not in \"%s\"", message, err.message);
}

static void options_out_of_range(void **state)
{
    (void)state;
    static const double quantiles[MT_MOST_QUANTILES + 1] = { 0 }, beyond[] = { 1.5 };
    static image pixels;
    mt_context *other;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(NULL, &other, &err), &err);
    mt_stack *stack = open_memory(NULL, pixels, MT_FLOAT32), *mask = open_memory(other, pixels, MT_FLOAT32);
    check_refused(stack, (mt_statistics_options) { .quantiles = quantiles, .n_quantiles = MT_MOST_QUANTILES + 1 },
                  "65 quantiles: at most 64");
    check_refused(stack, (mt_statistics_options) { .quantiles = beyond, .n_quantiles = 1 },
                  "quantile 1.5 does not lie");
    check_refused(stack, (mt_statistics_options) { .bins = MT_MOST_BINS + 1 }, "65537 bins: at most 65536");
    check_refused(stack, (mt_statistics_options) { .has_range = 1, .range = { 2, 1 } }, "range");
    check_refused(stack, (mt_statistics_options) { .has_range = 1, .range = { 0, INFINITY } }, "range");
    check_refused(stack, (mt_statistics_options) { .sample_share = 1 }, "a sample of 1 of the chunks");
    check_refused(stack, (mt_statistics_options) { .sample_share = -0.5 }, "a sample of -0.5 of the chunks");
    check_refused(stack, (mt_statistics_options) { .sample_chunks = 1 }, "a sample needs at least 2 chunks");
    check_refused(stack, (mt_statistics_options) { .masks = &mask }, "mask memory belongs to another context");
    mt_statistics *s;
    mt_stack *both[2] = { stack, mask };
    assert_int_equal(mt_statistics_new(both, 2, NULL, &s, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "stack 1 (memory) belongs to another context than stack 0 (memory)"));
    s = compute(stack, NULL);
    mt_statistics_info info = { .struct_size = 0 };
    assert_int_equal(mt_statistics_get_info(s, &info, &err), MT_E_ARGUMENT);
    info.struct_size = sizeof info + 1;
    assert_int_equal(mt_statistics_get_info(s, &info, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "mt_statistics_info.struct_size is"));
    mt_statistics_free(s);
    mt_stack_close(mask);
    mt_stack_close(stack);
    mt_context_free(other);
}

/* Of finite float64 values, some of which float32 does not reach. */
static void values_beyond_float32(void **state)
{
    (void)state;
    static double pixels[CHANNELS][HEIGHT][WIDTH];
    mt_normalization out;
    mt_error err = MT_ERROR_INIT;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            pixels[0][y][x] = 1e300 + (y * WIDTH + x) * 1e298;
            pixels[1][y][x] = x % 2 ? -1.7e308 : 1.7e308;
        }
    mt_stack *stack = open_memory(NULL, pixels, MT_FLOAT64);
    mt_statistics *s = compute(stack, &(mt_statistics_options) {
                                          .struct_size = sizeof(mt_statistics_options),
                                          .quantiles = halves,
                                          .n_quantiles = 3,
                                      });
    assert_int_equal(mt_statistics_normalization(s, MT_NORMALIZE_MIN_MAX, 0, 0, 0, &out, &err), MT_E_ARGUMENT);
    assert_non_null(strstr(err.message, "channel 0 cannot be normalized in float32: its values reach"));
    double median;
    check_ok(mt_statistics_quantile(s, 1, 0.5, &median, &err), &err); /* between both, whose difference overflows */
    assert_true(median == 0);
    mt_statistics_free(s);
    mt_stack_close(stack);
}

static const char *const whole =
    "{\"microtome\": \"statistics\", \"version\": 1, \"dtype\": \"uint16\", \"quantiles\": [0.5], "
    "\"sample\": {\"chunks\": 2, \"of\": 3, \"seed\": \"18446744073709551615\"}, "
    "\"channels\": [%s], \"overall\": %s%s}";
#define GROUP(key, value)                                                                                              \
    "{\"n\": 1, \"n_nan\": 0, \"n_infinite\": 0, \"mean\": 1, \"std\": 0, \"min\": 1, \"max\": 1, "                    \
    "\"mean_error\": null, \"quantiles\": [1]" key value "}"

static mt_status parse(const char *text, mt_error *err)
{
    mt_statistics *s = NULL;
    mt_status st = mt_statistics_parse(NULL, text, strlen(text), "stats.json", &s, err);
    mt_statistics_free(s);
    return st;
}

/* The whole text, with one piece replaced by another. */
static void check_changed(const char *text, const char *piece, const char *by, const char *message)
{
    char changed[4096];
    mt_error err = MT_ERROR_INIT;
    const char *at = strstr(text, piece);
    assert_non_null(at);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, by, at + strlen(piece));
    mt_status st = parse(changed, &err);
    if (st != MT_E_CORRUPT || !strstr(err.message, message))
        fail_msg("%s instead of %s: %s: \"%s\"", by, piece, mt_status_name(st), err.message);
}

static void text_that_is_not_of_statistics(void **state)
{
    (void)state;
    static const char *const changes[][3] = {
        { "\"statistics\"", "7", "the start" },
        { "\"uint16\"", "16", "dtype" },
        { "[0.5]", "0.5", "quantiles" },
        { "[0.5]", "[\"0.5\"]", "quantiles" },
        { "[0.5]", "[-0.5]", "quantiles" },
        { "\"chunks\": 2", "\"chunks\": 0", "sample" },
        { "\"chunks\": 2", "\"chunks\": 2.5", "sample" },
        { "\"of\": 3", "\"of\": 1", "sample" },
        { "\"18446744073709551615\"", "\"18446744073709551616\"", "sample" },
        { "\"18446744073709551615\"", "\"184467440737095516150\"", "sample" },
        { "\"18446744073709551615\"", "\"1x\"", "sample" },
        { "\"18446744073709551615\"", "\"-1\"", "sample" },
        { "\"18446744073709551615\"", "-1", "sample" },
        { "\"n\": 1", "\"n\": -1", "channels" },
        { "\"n\": 1", "\"n\": 1.5", "channels" },
        { "\"n_nan\": 0", "\"n_nan\": null", "channels" },
        { "\"n_infinite\": 0", "\"n_infinite\": \"0\"", "channels" },
        { "\"mean\": 1", "\"mean\": \"1\"", "channels" },
        { "\"std\": 0", "\"std\": []", "channels" },
        { "\"min\": 1", "\"min\": true", "channels" },
        { "\"max\": 1", "\"least\": 1", "channels" },
        { "\"mean_error\": null", "\"mean_error\": \"\"", "channels" },
        { "\"quantiles\": [1]", "\"quantiles\": [1, 2]", "channels" },
        { "\"quantiles\": [1]", "\"quantiles\": {}", "channels" },
    };
    char text[2048], histogram[2048];
    mt_error err = MT_ERROR_INIT;
    snprintf(text, sizeof text, whole, GROUP("", ""), GROUP("", ""), "");
    check_ok(parse(text, &err), &err);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        check_changed(text, changes[i][0], changes[i][1], changes[i][2]);
    snprintf(histogram, sizeof histogram, whole, GROUP(", \"histogram\": ", "[1, 0]"),
             GROUP(", \"histogram\": ", "[0, 1]"), ", \"range\": [0, 1]");
    check_ok(parse(histogram, &err), &err);
    check_changed(histogram, ", \"range\": [0, 1]", "", "histogram");
    check_changed(histogram, "\"range\": [0, 1]", "\"range\": [1, 0]", "histogram");
    check_changed(histogram, "\"range\": [0, 1]", "\"range\": [1]", "histogram");
    check_changed(histogram, "[0, 1]", "[]", "histogram");
    check_changed(histogram, "[1, 0]", "[1]", "channels");
    check_changed(histogram, "[1, 0]", "[1, 0, 5]", "channels");
    check_changed(histogram, "[1, 0]", "[1, -1]", "channels");
    check_changed(histogram, "[1, 0]", "7", "channels");
    check_changed(text, "\"overall\": {\"n\"", "\"overall\": {\"m\"", "overall");
    char many[1024] = "[0";
    for (int i = 0, n = 2; i <= MT_MOST_QUANTILES; i++)
        n += snprintf(many + n, sizeof many - (size_t)n, "%s", i < MT_MOST_QUANTILES ? ", 0" : "]");
    check_changed(text, "[0.5]", many, "quantiles");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_chunks_of_several_channels),
        cmocka_unit_test(samples_of_pixels_that_are_not_finite),
        cmocka_unit_test(absent_shards),
        cmocka_unit_test(options_out_of_range),
        cmocka_unit_test(values_beyond_float32),
        cmocka_unit_test(text_that_is_not_of_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
