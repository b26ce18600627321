/* SPDX-License-Identifier: BSD-3-Clause */
/* Statistics equal those computed in a plain way, for every dtype, order of axes and number of threads. */
#include "sampling/sampling_images.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const double asked[] = { 0, 0.01, 0.25, 0.5, 0.987, 1 };
enum { N_ASKED = sizeof asked / sizeof *asked, BINS = 37 };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double plain_quantile(const double *sorted, size_t n, double q)
{
    double place = q * ((double)n - 1), t = place - floor(place);
    double low = sorted[(size_t)place], high = sorted[(size_t)place + 1 < n ? (size_t)place + 1 : n - 1];
    return t < 0.5 ? low + (high - low) * t : high - (high - low) * (1 - t);
}

/* error: of the expected value itself. */
static void check_close(double value, long double expected, long double tolerance, long double error)
{
    if (!(fabsl((long double)value - expected) <= tolerance * fabsl(expected) + error))
        fail_msg("%.17g instead of %.17Lg", value, expected);
}

static void check_group(const mt_statistics *s, int64_t channel, const long double *exact, size_t n)
{
    const mt_channel_statistics *c = mt_statistics_get(s, channel);
    const uint64_t *histogram = mt_statistics_histogram(s, channel);
    mt_statistics_info info = { .struct_size = sizeof info };
    mt_error err;
    uint64_t expected[BINS] = { 0 };
    long double sum = 0, squares = 0;
    double *values = malloc(n * sizeof *values);
    assert_non_null(values);
    check_ok(mt_statistics_get_info(s, &info, &err), &err);
    assert_int_equal(info.bins, BINS);
    assert_int_equal(c->n, n);
    assert_int_equal(c->n_nan, 0);
    assert_int_equal(c->n_infinite, 0);
    for (size_t i = 0; i < n; i++)
        sum += exact[i];
    for (size_t i = 0; i < n; i++)
        squares += (exact[i] - sum / n) * (exact[i] - sum / n), values[i] = (double)exact[i];
    qsort(values, n, sizeof *values, compare);
    assert_true(c->min == values[0] && c->max == values[n - 1]);
    long double error = fmaxl(fabsl((long double)c->min), fabsl((long double)c->max)) * 1e-18L;
    check_close(c->mean, sum / n, 0x1p-53L, error);
    check_close(c->std, sqrtl(squares / n), 0x1p-52L, error);
    for (size_t i = 0; i < N_ASKED; i++) {
        double value;
        check_ok(mt_statistics_quantile(s, channel, asked[i], &value, &err), &err);
        if (value != plain_quantile(values, n, asked[i]))
            fail_msg("quantile %g is %.17g, not %.17g", asked[i], value, plain_quantile(values, n, asked[i]));
    }
    for (size_t i = 0; i < n; i++) {
        size_t bin = 0;
        while (bin + 1 < BINS &&
               values[i] >= (double)(bin + 1) * ((info.range[1] - info.range[0]) / BINS) + info.range[0])
            bin++;
        expected[bin]++;
    }
    assert_memory_equal(histogram, expected, sizeof expected);
    free(values);
}

static const mt_statistics_options all_of_it = {
    .struct_size = sizeof all_of_it, .quantiles = asked, .n_quantiles = N_ASKED, .bins = BINS
};

/* Checks statistics of an image of random values against those of the values as doubles. */
static void check_image(const image *im)
{
    mt_statistics *s;
    mt_error err;
    int64_t channels = mt_stack_get_info(im->stack)->data_shape[1];
    long double *values = malloc(im->n * sizeof *values);
    assert_non_null(values);
    check_ok(mt_statistics_new(&im->stack, 1, &all_of_it, &s, &err), &err);
    for (int64_t c = -1; c < channels; c++) {
        size_t n = 0;
        for (size_t i = 0; i < im->n; i++)
            if (c < 0 || image_channel(im, i) == c)
                values[n++] = image_value(im, i);
        check_group(s, c, values, n);
    }
    assert_null(mt_statistics_get(s, channels));
    assert_null(mt_statistics_histogram(s, -2));
    free(values);
    mt_statistics_free(s);
}

static void every_dtype_and_order_of_axes_is_exact(void **state)
{
    (void)state;
    static const char *const orders[] = { "YX", "CYX", "YXC", "TZYX", "XCYZ" };
    for (mt_dtype dtype = MT_BOOL; dtype <= MT_FLOAT64; dtype++)
        for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
            image im;
            image_open(&im, NULL, dtype, orders[i], (unsigned)dtype * 10 + (unsigned)i);
            check_image(&im);
            image_close(&im);
        }
}

static mt_context *new_context(unsigned threads, const mt_allocator *allocator)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = threads, .cache_bytes = 1 << 20 };
    mt_error err = MT_ERROR_INIT;
    mt_context *context;
    if (allocator)
        options.allocator = *allocator;
    check_ok(mt_context_new(&options, &context, &err), &err);
    return context;
}

/* A Zarr array of big-endian float32 in chunks of 16 x 16, of which every third is absent and reads as 7. */
enum { HEIGHT = 75, WIDTH = 90, CHUNK = 16, ACROSS = (WIDTH + CHUNK - 1) / CHUNK, DOWN = (HEIGHT + CHUNK - 1) / CHUNK };
static char folder[] = "/tmp/microtome-test-XXXXXX";
static float plane[HEIGHT][WIDTH];

static void write_file(const char *name, const void *bytes, size_t size)
{
    char path[80];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static void write_chunk(int row, int column)
{
    uint8_t bytes[CHUNK * CHUNK * 4] = { 0 };
    char name[16];
    for (int y = row * CHUNK; y < (row + 1) * CHUNK && y < HEIGHT; y++)
        for (int x = column * CHUNK; x < (column + 1) * CHUNK && x < WIDTH; x++) {
            uint32_t bits;
            memcpy(&bits, &plane[y][x], sizeof bits);
            for (int k = 0; k < 4; k++)
                bytes[(y % CHUNK * CHUNK + x % CHUNK) * 4 + k] = (uint8_t)(bits >> (24 - 8 * k));
        }
    snprintf(name, sizeof name, "%d.%d", row, column);
    write_file(name, bytes, sizeof bytes);
}

static int write_array(void **state)
{
    (void)state;
    static const char zarray[] = "{\"zarr_format\": 2, \"shape\": [75, 90], \"chunks\": [16, 16], \"dtype\": \">f4\", "
                                 "\"compressor\": null, \"filters\": null, \"fill_value\": 7, \"order\": \"C\"}";
    uint64_t seed = 1;
    assert_non_null(mkdtemp(folder));
    write_file(".zarray", zarray, sizeof zarray - 1);
    for (int i = 0; i < DOWN * ACROSS; i++)
        for (int y = i / ACROSS * CHUNK; y < (i / ACROSS + 1) * CHUNK && y < HEIGHT; y++)
            for (int x = i % ACROSS * CHUNK; x < (i % ACROSS + 1) * CHUNK && x < WIDTH; x++)
                plane[y][x] = i % 3 == 1 ? 7 : ldexpf((float)(int32_t)image_random(&seed), (int)(seed % 20) - 40);
    for (int i = 0; i < DOWN * ACROSS; i++)
        if (i % 3 != 1)
            write_chunk(i / ACROSS, i % ACROSS);
    return 0;
}

static int remove_array(void **state)
{
    (void)state;
    char command[80];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static mt_stack *open_zarr(mt_context *context)
{
    const mt_open_options options = { .struct_size = sizeof options, .axes = "YX" };
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack;
    check_ok(mt_stack_open(context, folder, &options, &stack, &err), &err);
    return stack;
}

static mt_stack *open_plane(mt_context *context, const void *pixels, mt_dtype dtype)
{
    static const int64_t shape[2] = { HEIGHT, WIDTH };
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack;
    check_ok(mt_stack_from_array(context, pixels, dtype, "YX", shape, NULL, "plane", &stack, &err), &err);
    return stack;
}

static mt_statistics *compute(mt_stack *stack, const mt_statistics_options *options)
{
    mt_error err = { MT_E_IO, "of an earlier call" };
    mt_statistics *s;
    check_ok(mt_statistics_new(&stack, 1, options, &s, &err), &err);
    assert_int_equal(err.status, MT_OK);
    return s;
}

static void chunks_threads_and_absence_change_nothing(void **state)
{
    (void)state;
    uint8_t marks[HEIGHT][WIDTH];
    uint64_t n_marked = 0;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            n_marked += marks[y][x] = (y * x) % 5 == 0;
    for (int masked = 0; masked < 2; masked++) {
        char *expected = NULL;
        static const unsigned threads[] = { 1, 2, 7 };
        for (int i = 0; i < 6; i++) {
            mt_context *context = new_context(threads[i / 2], NULL);
            mt_stack *stack = i % 2 ? open_zarr(context) : open_plane(context, plane, MT_FLOAT32);
            mt_stack *mask = open_plane(context, marks, MT_UINT8);
            mt_statistics_options options = all_of_it;
            options.masks = masked ? &mask : NULL;
            mt_statistics *s = compute(stack, &options);
            if (!expected)
                expected = strdup(mt_statistics_json(s));
            assert_string_equal(mt_statistics_json(s), expected);
            assert_int_equal(mt_statistics_get(s, 0)->n, masked ? n_marked : HEIGHT * WIDTH);
            mt_statistics_free(s);
            mt_stack_close(mask);
            mt_stack_close(stack);
            mt_context_free(context);
        }
        free(expected);
    }
}

/* Arrays in memory are cut into units of a mebipixel. */
static void large_arrays_are_shared_among_threads(void **state)
{
    (void)state;
    enum { SIDE = 2000 };
    static const unsigned threads[] = { 1, 2, 7 };
    static const int64_t shape[2] = { SIDE, SIDE };
    uint16_t *pixels = malloc(sizeof *pixels * SIDE * SIDE);
    uint64_t seed = 1, sum = 0;
    char *expected = NULL;
    assert_non_null(pixels);
    for (int i = 0; i < SIDE * SIDE; i++)
        sum += pixels[i] = (uint16_t)image_random(&seed);
    for (int i = 0; i < 3; i++) {
        mt_context *context = new_context(threads[i], NULL);
        mt_error err = MT_ERROR_INIT;
        mt_stack *stack;
        check_ok(mt_stack_from_array(context, pixels, MT_UINT16, "YX", shape, NULL, NULL, &stack, &err), &err);
        mt_statistics *s = compute(stack, &all_of_it);
        assert_true(mt_statistics_get(s, 0)->mean == (double)sum / (SIDE * SIDE));
        if (!expected)
            expected = strdup(mt_statistics_json(s));
        assert_string_equal(mt_statistics_json(s), expected);
        mt_statistics_free(s);
        mt_stack_close(stack);
        mt_context_free(context);
    }
    free(expected);
    free(pixels);
}

/* 2^33 chunks of 2^26 pixels, none of them stored. */
static mt_stack *open_huge(mt_context *context)
{
    static const char zarray[] = "{\"zarr_format\": 2, \"shape\": [549755813888, 1048576], \"chunks\": [65536, 1024], "
                                 "\"dtype\": \"<i8\", \"compressor\": null, \"filters\": null, \"fill_value\": -3, "
                                 "\"order\": \"C\"}";
    char path[80];
    mt_error err = MT_ERROR_INIT;
    mt_stack *stack;
    const mt_open_options open = { .struct_size = sizeof open, .axes = "YX" };
    snprintf(path, sizeof path, "%s/huge", folder);
    assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
    write_file("huge/.zarray", zarray, sizeof zarray - 1);
    check_ok(mt_stack_open(context, path, &open, &stack, &err), &err);
    return stack;
}

static void a_huge_absent_image_takes_no_time(void **state)
{
    (void)state;
    mt_stack *stack = open_huge(NULL);
    mt_statistics *s = compute(stack, &all_of_it);
    const mt_channel_statistics *c = mt_statistics_get(s, 0);
    assert_true(c->n == (uint64_t)1 << 59);
    assert_true(c->mean == -3 && c->std == 0 && c->min == -3 && c->max == -3);
    mt_statistics_free(s);
    const mt_statistics_options few = { .struct_size = sizeof few, .sample_chunks = 400000, .seed = 3 };
    s = compute(stack, &few); /* a few numbers are drawn twice, and then others */
    c = mt_statistics_get(s, 0);
    assert_true(c->n == (uint64_t)400000 << 26 && c->mean == -3);
    mt_statistics_free(s);
    mt_stack_close(stack);
}

/* Cancels at the k-th question. */
typedef struct asking {
    int left;
    uint64_t done, total;
} asking;

static int ask(void *user) { return ((asking *)user)->left-- == 0; }

/* 2^33 chunks: neither a few of them nor many are drawn without asking whether to go on. */
static void drawing_can_be_stopped(void **state)
{
    (void)state;
    static const double shares[2] = { 1e-4, 2e-3 };
    for (int i = 0; i < 2; i++) {
        asking a = { .left = 0 };
        const mt_statistics_options options = {
            .struct_size = sizeof options, .sample_share = shares[i], .cancelled = ask, .user = &a
        };
        mt_error err = MT_ERROR_INIT;
        mt_context *context = new_context(2, NULL);
        mt_statistics *s = NULL;
        mt_stack *stack = open_huge(context);
        assert_int_equal(mt_statistics_new(&stack, 1, &options, &s, &err), MT_E_CANCELLED);
        mt_stack_close(stack);
        mt_context_free(context);
    }
}

static void note(void *user, uint64_t done, uint64_t total)
{
    asking *a = user;
    assert_true(done >= a->done && done <= total);
    a->done = done;
    a->total = total;
}

static void a_caller_can_stop_at_any_moment(void **state)
{
    (void)state;
    for (int array = 0; array < 2; array++)
        for (int k = 0;; k++) {
            asking a = { .left = k };
            mt_context *context = new_context(2, NULL);
            mt_stack *stack = array ? open_plane(context, plane, MT_FLOAT32) : open_zarr(context);
            mt_statistics_options options = all_of_it;
            options.cancelled = ask;
            options.progress = note;
            options.user = &a;
            mt_error err;
            mt_statistics *s;
            mt_status st = mt_statistics_new(&stack, 1, &options, &s, &err);
            mt_stack_close(stack);
            mt_context_free(context);
            if (st == MT_OK) {
                mt_statistics_free(s);
                assert_true(k >= 4);
                assert_int_equal(a.done, a.total);
                assert_int_equal(a.total, 2 * HEIGHT * WIDTH);
                break;
            }
            assert_int_equal(st, MT_E_CANCELLED);
            assert_string_equal(err.message, "the caller asked to stop");
        }
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    static uint8_t marks[HEIGHT][WIDTH];
    memset(marks, 1, sizeof marks);
    for (int kind = 0; kind < 3; kind++)
        for (size_t i = 0;; i++) {
            failing_allocator failing;
            mt_allocator allocator = failing_allocator_make(&failing, SIZE_MAX, 0);
            mt_context *context = new_context(2, &allocator);
            mt_stack *stack = kind ? open_plane(context, plane, MT_FLOAT32) : open_zarr(context);
            mt_stack *mask = open_plane(context, marks, MT_UINT8);
            mt_statistics_options options = all_of_it;
            options.masks = kind == 1 ? &mask : NULL;
            options.sample_chunks = kind == 2 ? 2 : 0;
            failing.fail_at = failing.count + i;
            mt_error err;
            mt_statistics *s = NULL;
            mt_status st = mt_statistics_new(&stack, 1, &options, &s, &err);
            bool all = failing.count < failing.fail_at;
            assert_true(st == MT_OK || st == MT_E_MEMORY);
            assert_int_equal(st, err.status);
            assert_true(st == MT_OK || *err.message);
            mt_statistics_free(st ? NULL : s);
            mt_stack_close(mask);
            mt_stack_close(stack);
            mt_counters counters;
            mt_context_drop_cache(context);
            mt_context_get_counters(context, &counters);
            mt_context_free(context);
            if (all) {
                assert_int_equal(st, MT_OK);
                break;
            }
        }
}

static void a_chunk_that_cannot_be_read_is_named(void **state)
{
    (void)state;
    write_file("2.2", "short", 5);
    mt_stack *stack = open_zarr(NULL);
    mt_error err;
    mt_statistics *s;
    assert_int_equal(mt_statistics_new(&stack, 1, NULL, &s, &err), MT_E_CORRUPT);
    assert_non_null(strstr(err.message, "2/2"));
    mt_stack_close(stack);
    write_chunk(2, 2);
}

static void options_of_another_size_and_wrong_channels_are_refused(void **state)
{
    (void)state;
    mt_stack *stack = open_plane(NULL, plane, MT_FLOAT32);
    mt_statistics_options options = { .struct_size = sizeof options + 8 };
    mt_statistics *s;
    mt_error err;
    double value;
    mt_normalization normalization;
    assert_int_equal(mt_statistics_new(&stack, 1, &options, &s, &err), MT_E_ARGUMENT);
    assert_int_equal(mt_statistics_new(NULL, 0, NULL, &s, &err), MT_E_ARGUMENT);
    options = (mt_statistics_options) { .struct_size = sizeof options, .sample_share = 0.5, .sample_chunks = 2 };
    assert_int_equal(mt_statistics_new(&stack, 1, &options, &s, &err), MT_E_ARGUMENT);
    s = compute(stack, NULL);
    assert_int_equal(mt_statistics_quantile(s, 1, 0, &value, &err), MT_E_RANGE);
    assert_int_equal(mt_statistics_quantile(s, 0, 0.5, &value, &err), MT_E_ARGUMENT);
    assert_int_equal(mt_statistics_normalization(s, MT_NORMALIZE_MEAN_STD, 1, 0, 0, &normalization, &err), MT_E_RANGE);
    assert_int_equal(mt_statistics_normalization(s, MT_NORMALIZE_QUANTILE, 0, 1, 0, &normalization, &err),
                     MT_E_ARGUMENT);
    assert_int_equal(mt_statistics_normalization(s, (mt_normalization_kind)9, 0, 1, 0, &normalization, &err),
                     MT_E_ARGUMENT);
    check_ok(mt_statistics_normalization(s, MT_NORMALIZE_NONE, 0, 0, 0, &normalization, &err), &err);
    assert_true(normalization.subtract == 0 && normalization.divide == 1);
    assert_null(mt_statistics_histogram(s, 0));
    mt_statistics_free(s);
    mt_statistics_free(NULL);
    mt_stack_close(stack);
}

/* Text of statistics with a sample. */
static char *make_text(void)
{
    mt_stack *stack = open_plane(NULL, plane, MT_FLOAT32);
    mt_statistics_options options = all_of_it;
    options.sample_chunks = 2;
    options.seed = UINT64_MAX;
    mt_statistics *s = compute(stack, &options);
    char *text = strdup(mt_statistics_json(s));
    mt_statistics_free(s);
    mt_stack_close(stack);
    return text;
}

static mt_status parse(const char *text, size_t size, mt_statistics **out, mt_error *err)
{
    *out = NULL;
    mt_status st = mt_statistics_parse(NULL, text, size, "stats.json", out, err);
    assert_int_equal(st, err->status);
    if (st)
        assert_non_null(strstr(err->message, "stats.json"));
    return st;
}

static void broken_text_is_refused(void **state)
{
    (void)state;
    char *text = make_text();
    size_t size = strlen(text);
    mt_statistics *s;
    mt_error err;
    check_ok(parse(text, size, &s, &err), &err);
    assert_string_equal(mt_statistics_json(s), text);
    mt_statistics_free(s);
    for (size_t n = 0; n + 2 < size; n++)
        assert_int_equal(parse(text, n, &s, &err), MT_E_CORRUPT);
    static const char *const changes[][2] = {
        { "\"statistics\"", "\"statistic\"" },
        { "\"version\": 1", "\"version\": 2" },
        { "float32", "float31" },
        { "0.987", "1.987" },
        { "\"range\": [", "\"range\": [1," },
        { "\"of\": ", "\"of\": -" },
        { "\"n_nan\": 0", "\"n_nan\": -1" },
        { "\"mean\"", "\"meen\"" },
        { "\"chunks\": ", "\"chunks\": -" },
        { "\"seed\": 1", "\"seed\": x" },
        { "\"channels\": [", "\"channel\": [" },
        { "\"histogram\": [", "\"histogram\": [1," },
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char *changed = malloc(size + 16), *at = strstr(text, changes[i][0]);
        assert_non_null(at);
        int n =
            snprintf(changed, size + 16, "%.*s%s%s", (int)(at - text), text, changes[i][1], at + strlen(changes[i][0]));
        mt_status st = parse(changed, (size_t)n, &s, &err);
        if (st != (strstr(changes[i][1], "version") ? MT_E_UNSUPPORTED : MT_E_CORRUPT))
            fail_msg("%s instead of %s: %s", changes[i][1], changes[i][0], mt_status_name(st));
        free(changed);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dtype_and_order_of_axes_is_exact),
        cmocka_unit_test(chunks_threads_and_absence_change_nothing),
        cmocka_unit_test(large_arrays_are_shared_among_threads),
        cmocka_unit_test(a_huge_absent_image_takes_no_time),
        cmocka_unit_test(drawing_can_be_stopped),
        cmocka_unit_test(a_caller_can_stop_at_any_moment),
        cmocka_unit_test(every_failing_allocation_is_reported),
        cmocka_unit_test(a_chunk_that_cannot_be_read_is_named),
        cmocka_unit_test(options_of_another_size_and_wrong_channels_are_refused),
        cmocka_unit_test(broken_text_is_refused),
    };
    return cmocka_run_group_tests(tests, write_array, remove_array);
}
