/* SPDX-License-Identifier: BSD-3-Clause */
/* Samples of chunks: those that a seed draws, the same in all versions, and the error of their mean. */
#include "base/random.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Each row is a chunk of a sample. Its value in channel 0 is its number, counted over all stacks, and three times that in
 * channel 1. Some rows begin with NaN, so that chunks have different numbers of pixels. */
enum { CHANNELS = 2, WIDTH = 65536 / CHANNELS, MOST_DRAWN = 64, MOST_STACKS = 3 };

static int64_t count_nan(int64_t row) { return row % 4 * 5000; }

static mt_status extract_rows(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                              const int64_t *coords, const int64_t *size, float *out, mt_error *err)
{
    (void)sample, (void)err;
    for (size_t c = 0; c < n_channels; c++)
        for (int64_t y = coords[0]; y < coords[0] + size[0]; y++)
            for (int64_t x = coords[1]; x < coords[1] + size[1]; x++) {
                const int64_t row = *(const int64_t *)self + y;
                *out++ = x < count_nan(row) ? NAN : (float)(row * (channels[c] ? 3 : 1));
            }
    return MT_OK;
}

static mt_stack *open_rows(int64_t rows, int64_t *first)
{
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = extract_rows };
    const mt_stack_info info = { .struct_size = sizeof info,
                                 .source = "rows",
                                 .dtype = MT_FLOAT32,
                                 .original_axes = "CYX",
                                 .original_ndim = 3,
                                 .original_shape = { CHANNELS, rows, WIDTH } };
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_new(NULL, &ops, first, &info, &stack, &err), &err);
    return stack;
}

static int ascending(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Of many: the first distinct numbers of a sequence. Else each is chosen with the probability that is left. */
static void draw(uint64_t seed, uint64_t n, uint64_t of, uint64_t *out)
{
    mt_random random;
    uint64_t drawn = 0;
    mt_random_start(&random, seed, MT_STREAM_SAMPLE, 0, 0, 0);
    for (uint64_t i = 0; drawn < n; i++) {
        uint64_t number = of > 1024 * n + 1023 ? mt_random_below(&random, of) : i, k = 0;
        if (number == i && of <= 1024 * n + 1023 && mt_random_below(&random, of - i) >= n - drawn)
            continue;
        while (k < drawn && out[k] != number)
            k++;
        out[k] = number;
        drawn += k == drawn;
    }
    qsort(out, n, sizeof *out, ascending);
}

typedef struct sampling {
    int64_t rows[MOST_STACKS]; /* of each stack */
    uint64_t chunks;           /* asked for; 0: a share */
    double share;
    uint64_t seed, n; /* drawn */
} sampling;

static void check(const sampling *s)
{
    mt_stack *stacks[MOST_STACKS];
    uint64_t drawn[MOST_DRAWN], of = 0;
    int64_t first[MOST_STACKS];
    size_t n_stacks = 0;
    mt_statistics *statistics;
    mt_error err = MT_ERROR_INIT;
    for (; n_stacks < MOST_STACKS && s->rows[n_stacks] > 0; n_stacks++) {
        first[n_stacks] = (int64_t)of;
        of += (uint64_t)s->rows[n_stacks];
        stacks[n_stacks] = open_rows(s->rows[n_stacks], &first[n_stacks]);
    }
    const mt_statistics_options options = {
        .struct_size = sizeof options, .sample_chunks = s->chunks, .sample_share = s->share, .seed = s->seed
    };
    check_ok(mt_statistics_new(stacks, n_stacks, &options, &statistics, &err), &err);
    mt_statistics_info info = { .struct_size = sizeof info };
    check_ok(mt_statistics_get_info(statistics, &info, &err), &err);
    assert_int_equal(info.sample_chunks, s->n);
    assert_int_equal(info.chunks, of);
    draw(s->seed, s->n, of, drawn);
    double pixels = 0, sum = 0, squares = 0, rest = 0, m = (double)s->n;
    for (uint64_t i = 0; i < s->n; i++) {
        pixels += (double)(WIDTH - count_nan((int64_t)drawn[i]));
        sum += (double)drawn[i] * (double)(WIDTH - count_nan((int64_t)drawn[i]));
    }
    const double mean = sum / pixels;
    for (uint64_t i = 0; i < s->n; i++) {
        const double n = (double)(WIDTH - count_nan((int64_t)drawn[i])), off = (double)drawn[i] - mean;
        squares += n * off * off;
        rest += n * off * n * off;
    }
    const double std = sqrt(squares / pixels), error = sqrt((1 - m / (double)of) * rest / (m * (m - 1))) / (pixels / m);
    for (int64_t channel = MT_OVERALL; channel < CHANNELS; channel++) {
        const mt_channel_statistics *c = mt_statistics_get(statistics, channel);
        const double factor = channel == MT_OVERALL ? 2 : channel == 1 ? 3 : 1;
        assert_true((double)c->n == pixels * (channel == MT_OVERALL ? CHANNELS : 1));
        assert_int_equal(c->n + c->n_nan, s->n * WIDTH * (channel == MT_OVERALL ? CHANNELS : 1));
        assert_true(c->min == (double)drawn[0] * (channel == 1 ? 3 : 1));
        assert_true(c->max == (double)drawn[s->n - 1] * (channel == 0 ? 1 : 3));
        assert_true(fabs(c->mean - factor * mean) <= 1e-9 * factor * mean);
        assert_true(fabs(c->mean_error - factor * error) <= 1e-9 * factor * error);
        assert_true(channel == MT_OVERALL || fabs(c->std - factor * std) <= 1e-9 * c->std);
    }
    mt_statistics_free(statistics);
    for (size_t i = 0; i < n_stacks; i++)
        mt_stack_close(stacks[i]);
}

static void a_seed_draws_the_same_chunks(void **state)
{
    (void)state;
    static const sampling cases[] = {
        { { 10 }, .chunks = 2, .seed = 1, .n = 2 },
        { { 10 }, .chunks = 9, .seed = 2, .n = 9 },
        { { 10 }, .chunks = 10, .n = 10 }, /* all: the mean has no error */
        { { 10 }, .chunks = 77, .n = 10 },
        { { 10 }, .share = 0.01, .seed = 3, .n = 2 },
        { { 10 }, .share = 0.2, .seed = 4, .n = 2 },
        { { 10 }, .share = 0.21, .seed = 5, .n = 3 },
        { { 7, 9 }, .chunks = 5, .seed = 6, .n = 5 },
        { { 1, 1, 1 }, .chunks = 2, .seed = 7, .n = 2 },
        { { 2, 30, 5 }, .chunks = 20, .seed = UINT64_MAX, .n = 20 },
        { { 3072 }, .chunks = 3, .seed = 8, .n = 3 }, /* 1024 for each: one after the other is looked at */
        { { 3072 + 1023 }, .chunks = 3, .seed = 9, .n = 3 },
        { { 4096 }, .chunks = 3, .seed = 10, .n = 3 }, /* more: only those that are drawn */
        { { 3000, 1096 }, .chunks = 3, .seed = 11, .n = 3 },
        { { 45056 }, .chunks = 40, .seed = 52, .n = 40 }, /* number 22 repeats another one */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_seed_draws_the_same_chunks) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
