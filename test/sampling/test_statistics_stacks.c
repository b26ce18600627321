/* SPDX-License-Identifier: BSD-3-Clause */
/* Statistics of several stacks and of masks: which fit together, what they are of, and what is refused. */
#include "support/folder.h"
#include "support/support.h"

#include <microtome/microtome.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { SAMPLES = 3, CHANNELS = 2, HEIGHT = 5, WIDTH = 7, PIXELS = SAMPLES * CHANNELS * HEIGHT * WIDTH };

static uint8_t bytes[8 * PIXELS];

static mt_stack *array_of(mt_context *context, const void *pixels, mt_dtype dtype, const char *axes,
                          const int64_t *shape, const char *name)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(context, pixels, dtype, axes, shape, NULL, name, &stack, &err), &err);
    return stack;
}

static mt_status fail_to_read(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                              const int64_t *coords, const int64_t *size, float *out, mt_error *err)
{
    (void)self, (void)sample, (void)channels, (void)n_channels, (void)coords, (void)size, (void)out;
    return mt_fail(err, MT_E_IO, "the disk is gone");
}

/* The stacks of the tests, of SAMPLES x CHANNELS x HEIGHT x WIDTH pixels where nothing else is said. */
typedef enum which {
    NONE,
    UINT8,
    UINT16,
    UINT32,
    FLOAT64,
    ELSEWHERE, /* in another context */
    ONE_CHANNEL,
    WIDER,
    UNNAMED, /* its axes are unknown */
    FAILING, /* a custom stack */
    ZEROS,
    N_STACKS
} which;

typedef struct set {
    mt_context *context, *other;
    mt_stack *stacks[N_STACKS];
} set;

static void open_set(set *s)
{
    const int64_t all[4] = { SAMPLES, CHANNELS, HEIGHT, WIDTH }, one[3] = { SAMPLES, HEIGHT, WIDTH },
                  wider[4] = { SAMPLES, CHANNELS, HEIGHT, WIDTH + 1 };
    static const uint8_t zeros[PIXELS];
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = fail_to_read };
    const mt_stack_info info = { .struct_size = sizeof info,
                                 .source = "failing",
                                 .dtype = MT_FLOAT32,
                                 .original_axes = "SCYX",
                                 .original_ndim = 4,
                                 .original_shape = { SAMPLES, CHANNELS, HEIGHT, WIDTH } };
    const mt_open_options unnamed = { .struct_size = sizeof unnamed, .allow_unknown_axes = 1 };
    mt_error err = MT_ERROR_INIT;
    for (int i = 0; i < PIXELS; i++)
        bytes[i] = (uint8_t)(1 + i % 100);
    check_ok(mt_context_new(NULL, &s->context, &err), &err);
    check_ok(mt_context_new(NULL, &s->other, &err), &err);
    s->stacks[NONE] = NULL;
    s->stacks[UINT8] = array_of(s->context, bytes, MT_UINT8, "SCYX", all, "uint8");
    s->stacks[UINT16] = array_of(s->context, bytes, MT_UINT16, "SCYX", all, "uint16");
    s->stacks[UINT32] = array_of(s->context, bytes, MT_UINT32, "SCYX", all, "uint32");
    s->stacks[FLOAT64] = array_of(s->context, bytes, MT_FLOAT64, "SCYX", all, "float64");
    s->stacks[ELSEWHERE] = array_of(s->other, bytes, MT_UINT8, "SCYX", all, "elsewhere");
    s->stacks[ONE_CHANNEL] = array_of(s->context, bytes, MT_UINT8, "SYX", one, "one");
    s->stacks[WIDER] = array_of(s->context, bytes, MT_UINT8, "SCYX", wider, "wider");
    s->stacks[ZEROS] = array_of(s->context, zeros, MT_UINT8, "SYX", one, "zeros");
    check_ok(mt_stack_new(s->context, &ops, NULL, &info, &s->stacks[FAILING], &err), &err);
    static const char zarray[] =
        "{\"zarr_format\": 2, \"shape\": [3, 2, 5, 7], \"chunks\": [3, 2, 5, 7], \"dtype\": "
        "\"|u1\", \"compressor\": null, \"filters\": null, \"fill_value\": 0, \"order\": \"C\"}";
    write_temporary_text("unnamed.zarr/.zarray", zarray);
    check_ok(mt_stack_open(s->context, temporary_path("unnamed.zarr"), &unnamed, &s->stacks[UNNAMED], &err), &err);
}

static void close_set(set *s)
{
    for (int i = NONE + 1; i < N_STACKS; i++)
        mt_stack_close(s->stacks[i]);
    mt_context_free(s->other);
    mt_context_free(s->context);
}

static void stacks_and_masks_that_do_not_fit(void **state)
{
    (void)state;
    static const struct {
        which first, second, mask; /* the mask of both */
        mt_status status;
        const char *message;
    } cases[] = {
        { UINT8, NONE, NONE, MT_OK, "" },
        { UINT8, UINT16, NONE, MT_OK, "" },
        { UINT8, UINT32, NONE, MT_E_ARGUMENT, "stack 1 (uint32) has dtype uint32, but stack 0 (uint8) has uint8" },
        { FLOAT64, UINT16, NONE, MT_E_ARGUMENT,
          "stack 1 (uint16) has dtype uint16, but stack 0 (float64) has float64" },
        { FLOAT64, FLOAT64, NONE, MT_OK, "" },
        { UINT8, ELSEWHERE, NONE, MT_E_ARGUMENT,
          "stack 1 (elsewhere) belongs to another context than stack 0 (uint8)" },
        { UINT8, ONE_CHANNEL, NONE, MT_E_ARGUMENT, "stack 1 (one) has 1 channels, but stack 0 (uint8) has 2" },
        { UNNAMED, NONE, NONE, MT_E_ARGUMENT, "axes" },
        { UINT8, UNNAMED, NONE, MT_E_ARGUMENT, "stack 1 (" },
        { FAILING, NONE, NONE, MT_E_IO, "the disk is gone" },
        { UINT8, NONE, UINT16, MT_OK, "" },
        { UINT8, WIDER, ONE_CHANNEL, MT_E_ARGUMENT, "mask one does not have the samples and the size of wider" },
        { ONE_CHANNEL, NONE, UINT8, MT_E_ARGUMENT, "mask uint8 does not have the samples and the size of one" },
        { UINT8, NONE, ELSEWHERE, MT_E_ARGUMENT, "mask elsewhere belongs to another context than uint8" },
        { UINT8, NONE, UNNAMED, MT_E_ARGUMENT, "mask " },
        { UINT8, NONE, FAILING, MT_E_IO, "the disk is gone" },
        { UINT8, NONE, ZEROS, MT_E_ARGUMENT, "the masks select no pixel" },
    };
    set s;
    open_set(&s);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_stack *stacks[2] = { s.stacks[cases[i].first], s.stacks[cases[i].second] };
        mt_stack *masks[2] = { s.stacks[cases[i].mask], s.stacks[cases[i].mask] };
        const mt_statistics_options options = { .struct_size = sizeof options, .masks = masks[0] ? masks : NULL };
        mt_statistics *found = NULL;
        mt_error err = MT_ERROR_INIT;
        const mt_status st = mt_statistics_new(stacks, cases[i].second ? 2 : 1, &options, &found, &err);
        if (cases[i].status)
            check_failed(st, cases[i].status, &err, cases[i].message);
        else
            check_ok(st, &err);
        mt_statistics_free(found);
    }
    close_set(&s);
}

/* Masks of samples, with one channel for all or a channel each, in any order of axes. */
static void pixels_under_a_mask(void **state)
{
    (void)state;
    static const int64_t sizes[4] = { SAMPLES, CHANNELS, HEIGHT, WIDTH };
    static const char *const orders[] = { "SCYX", "YXSC", "CXSY", "XYCS" };
    static uint8_t image[PIXELS], mask[PIXELS];
    for (int i = 0; i < 16; i++) {
        const char *axes = orders[i % 4], *mask_axes = orders[i / 4 % 4];
        const bool one_channel = i % 3 == 0;
        uint64_t n = 0;
        double sum[CHANNELS + 1] = { 0 };
        int64_t shape[4], mask_shape[4];
        char letters[5];
        int n_axes = 0;
        for (int d = 0; d < 4; d++)
            shape[d] = sizes[strchr("SCYX", axes[d]) - "SCYX"];
        for (int d = 0; d < 4; d++)
            if (mask_axes[d] != 'C' || !one_channel) {
                mask_shape[n_axes] = sizes[strchr("SCYX", mask_axes[d]) - "SCYX"];
                letters[n_axes++] = mask_axes[d];
            }
        letters[n_axes] = '\0';
        for (int64_t p = 0; p < PIXELS; p++) { /* pixel p of SCYX */
            const int64_t at[4] = { p / (CHANNELS * HEIGHT * WIDTH), p / (HEIGHT * WIDTH) % CHANNELS,
                                    p / WIDTH % HEIGHT, p % WIDTH };
            int64_t in_image = 0, in_mask = 0;
            for (int d = 0; d < 4; d++)
                in_image = in_image * shape[d] + at[strchr("SCYX", axes[d]) - "SCYX"];
            for (int d = 0; d < n_axes; d++)
                in_mask = in_mask * mask_shape[d] + at[strchr("SCYX", letters[d]) - "SCYX"];
            image[in_image] = (uint8_t)(p * 31 % 251);
            mask[in_mask] = (at[0] * 5 + (one_channel ? 0 : at[1]) * 3 + at[2] * 2 + at[3]) % 4 == 1;
            n += mask[in_mask];
            sum[at[1]] += mask[in_mask] ? image[in_image] : 0;
            sum[CHANNELS] += mask[in_mask] ? image[in_image] : 0;
        }
        mt_context *context;
        mt_statistics *found;
        mt_error err = MT_ERROR_INIT;
        check_ok(mt_context_new(NULL, &context, &err), &err);
        mt_stack *stack = array_of(context, image, MT_UINT8, axes, shape, "image");
        mt_stack *masks[] = { array_of(context, mask, MT_UINT8, letters, mask_shape, "mask") };
        const mt_statistics_options options = { .struct_size = sizeof options, .masks = masks };
        check_ok(mt_statistics_new(&stack, 1, &options, &found, &err), &err);
        assert_int_equal(mt_statistics_get(found, MT_OVERALL)->n, n);
        for (int c = 0; c <= CHANNELS; c++) {
            const mt_channel_statistics *g = mt_statistics_get(found, c < CHANNELS ? c : MT_OVERALL);
            assert_true(fabs(g->mean * (double)g->n - sum[c]) < 1e-6);
        }
        mt_statistics_free(found);
        mt_stack_close(stack);
        mt_stack_close(masks[0]);
        mt_context_free(context);
    }
}

/* Channel 0 is constant, channel 1 has a range, channel 2 no finite pixel. */
static void normalizations(void **state)
{
    (void)state;
    static const double asked[] = { 0.25, 0.75 };
    static const struct {
        int kind;
        int64_t channel;
        double low, high;
        mt_status status;
        const char *message;
        float subtract, divide;
    } cases[] = {
        { MT_NORMALIZE_NONE, 0, 0, 0, MT_OK, NULL, 0, 1 },
        { MT_NORMALIZE_MIN_MAX, 1, 0, 0, MT_OK, NULL, 1, 4 },
        { MT_NORMALIZE_QUANTILE, 1, 0, 1, MT_OK, NULL, 1, 4 },
        { MT_NORMALIZE_QUANTILE, 1, 0.25, 0.75, MT_OK, NULL, 2, 2 },
        { MT_NORMALIZE_MEAN_STD, 1, 0, 0, MT_OK, NULL, 3, 1.41421356F },
        { MT_NORMALIZE_MEAN_STD, 0, 0, 0, MT_E_ARGUMENT,
          "channel 0 cannot be normalized: the spread of its values is 0" },
        { MT_NORMALIZE_MIN_MAX, 2, 0, 0, MT_E_ARGUMENT, "channel 2 has no finite pixel" },
        { MT_NORMALIZE_MIN_MAX, MT_OVERALL, 0, 0, MT_OK, NULL, 1, 6 },
        { MT_NORMALIZE_QUANTILE, 1, 0.75, 0.25, MT_E_ARGUMENT, "the first must be less" },
        { MT_NORMALIZE_QUANTILE, 1, NAN, 1, MT_E_ARGUMENT, "the first must be less" },
        { MT_NORMALIZE_QUANTILE, 1, 0.25, 0.5, MT_E_ARGUMENT, "quantile 0.5 was not computed" },
        { MT_NORMALIZE_QUANTILE, 1, 0.1, 0.75, MT_E_ARGUMENT, "quantile 0.10000000000000001 was not computed" },
        { MT_NORMALIZE_MIN_MAX, 3, 0, 0, MT_E_RANGE, "channel 3 is out of bounds: there are 3, counted from 0" },
        { 99, 0, 0, 0, MT_E_ARGUMENT, "" },
    };
    const float pixels[3][5] = { { 7, 7, 7, 7, 7 }, { 5, 4, 3, 2, 1 }, { NAN, INFINITY, NAN, NAN, -INFINITY } };
    const mt_statistics_options options = { .struct_size = sizeof options, .quantiles = asked, .n_quantiles = 2 };
    mt_stack *stack = array_of(NULL, pixels, MT_FLOAT32, "CYX", (int64_t[]) { 3, 1, 5 }, "three");
    mt_statistics *found;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_statistics_new(&stack, 1, &options, &found, &err), &err);
    assert_true(isnan(mt_statistics_get(found, 2)->mean));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_normalization n;
        const mt_status st = mt_statistics_normalization(found, (mt_normalization_kind)cases[i].kind, cases[i].channel,
                                                         cases[i].low, cases[i].high, &n, &err);
        if (cases[i].status) {
            check_failed(st, cases[i].status, &err, cases[i].message);
            continue;
        }
        check_ok(st, &err);
        assert_true(fabsf(n.subtract - cases[i].subtract) < 1e-5F && fabsf(n.divide - cases[i].divide) < 1e-5F);
    }
    mt_statistics_free(found);
    mt_stack_close(stack);
    const float nothing[4] = { NAN, INFINITY, -INFINITY, NAN };
    stack = array_of(NULL, nothing, MT_FLOAT32, "YX", (int64_t[]) { 2, 2 }, "nothing");
    check_failed(mt_statistics_new(&stack, 1, NULL, &found, &err), MT_E_ARGUMENT, &err, "all 4 are NaN or infinite");
    mt_stack_close(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stacks_and_masks_that_do_not_fit),
        cmocka_unit_test(pixels_under_a_mask),
        cmocka_unit_test(normalizations),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
