/* SPDX-License-Identifier: BSD-3-Clause */
/* Filters beside a slow and plain answer: random images, patch sizes, thresholds and element types. */
#include "support/support.h"

#include <microtome/microtome.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* An image of float32, ZYX, and the windows of its regions. */
typedef struct image {
    int n_spatial;
    int64_t shape[3], patch[3], grid[3], window[3]; /* 1 along a missing Z */
    int64_t n_pixels, n_window, n_regions;
    float *pixels;
} image;

static void set_patch(image *im, const int64_t *patch)
{
    im->n_window = im->n_regions = 1;
    for (int d = 0; d < 3; d++) {
        bool is_there = d >= 3 - im->n_spatial;
        im->patch[d] = is_there ? patch[d] : 1;
        im->grid[d] = is_there ? (im->shape[d] + 1) / im->patch[d] : 1;
        im->window[d] = is_there ? 2 * im->patch[d] : 1;
        im->n_window *= im->window[d];
        im->n_regions *= im->grid[d];
    }
}

static image new_image(int n_spatial, const int64_t *shape, const int64_t *patch)
{
    image im = { .n_spatial = n_spatial, .n_pixels = 1 };
    for (int d = 0; d < 3; d++)
        im.n_pixels *= im.shape[d] = d >= 3 - n_spatial ? shape[d] : 1;
    im.pixels = calloc((size_t)im.n_pixels, sizeof *im.pixels);
    assert_non_null(im.pixels);
    set_patch(&im, patch);
    return im;
}

static mt_stack *open_image(mt_context *context, const image *im)
{
    mt_stack *stack;
    mt_error err;
    check_ok(mt_stack_from_array(context, im->pixels, MT_FLOAT32, im->n_spatial == 3 ? "ZYX" : "YX",
                                 im->shape + 3 - im->n_spatial, NULL, "array", &stack, &err),
             &err);
    return stack;
}

/* --- The plain answer. --- */

static float pixel_at(const float *x, const int64_t *shape, int64_t z, int64_t y, int64_t c)
{
    bool inside = z >= 0 && z < shape[0] && y >= 0 && y < shape[1] && c >= 0 && c < shape[2];
    float value = inside ? x[(z * shape[1] + y) * shape[2] + c] : 0;
    return isnan(value) ? 0 : value;
}

static void cut_window(const image *im, int64_t region, float *out)
{
    int64_t x = region % im->grid[2], y = region / im->grid[2] % im->grid[1], z = region / im->grid[2] / im->grid[1];
    for (int64_t i = 0; i < im->window[0]; i++)
        for (int64_t j = 0; j < im->window[1]; j++)
            for (int64_t k = 0; k < im->window[2]; k++)
                *out++ =
                    pixel_at(im->pixels, im->shape, z * im->patch[0] + i, y * im->patch[1] + j, x * im->patch[2] + k);
}

static float plain_maximum(const float *window, const image *im, int64_t z, int64_t y, int64_t x)
{
    const int64_t *p = im->patch;
    float most = -INFINITY;
    for (int64_t i = z - p[0] / 2; i < z - p[0] / 2 + p[0]; i++)
        for (int64_t j = y - p[1] / 2; j < y - p[1] / 2 + p[1]; j++)
            for (int64_t k = x - p[2] / 2; k < x - p[2] / 2 + p[2]; k++)
                most = fmaxf(most, pixel_at(window, im->window, i, j, k));
    return most;
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

typedef struct answer {
    bool keep;
    float values[2];
} answer;

static answer plain_max(const image *im, const float *window, const mt_filter_options *o)
{
    double n = (double)im->n_window, coverage = o->coverage ? *o->coverage : im->n_spatial == 3 ? 0.125 : 0.25;
    float *filtered = malloc((size_t)im->n_window * sizeof *filtered), highest = window[0];
    int64_t at = 0, above = 0, k = 1;
    for (int64_t z = 0; z < im->window[0]; z++)
        for (int64_t y = 0; y < im->window[1]; y++)
            for (int64_t x = 0; x < im->window[2]; x++, at++) {
                filtered[at] = plain_maximum(window, im, z, y, x);
                above += filtered[at] > (float)o->threshold;
                highest = fmaxf(highest, window[at]);
            }
    while ((double)k / n < coverage)
        k++;
    qsort(filtered, (size_t)im->n_window, sizeof *filtered, compare);
    answer a = { highest >= (float)o->threshold && (double)above / n >= coverage,
                 { fminf(filtered[im->n_window - k], highest), 0 } };
    free(filtered);
    return a;
}

static answer plain_mean_std(const image *im, const float *window, const mt_filter_options *o)
{
    double mean = 0, squares = 0, n = (double)im->n_window;
    for (int64_t i = 0; i < im->n_window; i++)
        mean += (double)window[i] / n;
    for (int64_t i = 0; i < im->n_window; i++)
        squares += pow((double)window[i] - mean, 2);
    double std = sqrt(squares / n);
    return (answer) { mean >= o->threshold && (!o->std_threshold || std >= *o->std_threshold),
                      { (float)mean, (float)std } };
}

static answer plain_shannon(const image *im, const float *window, const mt_filter_options *o)
{
    float *sorted = malloc((size_t)im->n_window * sizeof *sorted);
    double entropy = 0;
    memcpy(sorted, window, (size_t)im->n_window * sizeof *sorted);
    qsort(sorted, (size_t)im->n_window, sizeof *sorted, compare);
    for (int64_t i = 0, end; i < im->n_window; i = end) {
        for (end = i; end < im->n_window && sorted[end] == sorted[i]; end++)
            continue;
        double p = (double)(end - i) / (double)im->n_window;
        entropy -= p * log2(p);
    }
    free(sorted);
    return (answer) { entropy >= o->threshold, { (float)entropy, 0 } };
}

static answer plain_mask(const image *im, const float *window, const mt_filter_options *o)
{
    int64_t n = 0;
    for (int64_t i = 0; i < im->n_window; i++)
        n += window[i] != 0;
    double share = (double)n / (double)im->n_window;
    return (answer) { share >= (o->coverage ? *o->coverage : im->n_spatial == 3 ? 0.125 : 0.25), { (float)share, 0 } };
}

static answer plain_answer(const image *im, int64_t region, const mt_filter_options *o)
{
    float *window = malloc((size_t)im->n_window * sizeof *window);
    cut_window(im, region, window);
    answer a = strcmp(o->filter, "max") == 0        ? plain_max(im, window, o)
               : strcmp(o->filter, "mean_std") == 0 ? plain_mean_std(im, window, o)
               : strcmp(o->filter, "shannon") == 0  ? plain_shannon(im, window, o)
                                                    : plain_mask(im, window, o);
    free(window);
    return a;
}

/* --- Comparison. --- */

typedef struct outcome {
    uint8_t *keep;
    float *values;
    mt_filter_info info;
} outcome;

static outcome apply(mt_stack *stack, const image *im, const mt_filter_options *o)
{
    outcome out = { malloc((size_t)im->n_regions + 1),
                    malloc((size_t)im->n_regions * 2 * sizeof(float) + 1),
                    { .struct_size = sizeof out.info } };
    int64_t grid[3];
    size_t n = (size_t)im->n_spatial;
    mt_error err;
    check_ok(mt_filter_grid(stack, im->patch + 3 - n, n, grid, &err), &err);
    assert_memory_equal(grid, im->grid + 3 - n, n * sizeof *grid);
    check_ok(mt_filter_apply(stack, 0, im->patch + 3 - n, n, o, out.keep, out.values, &out.info, &err), &err);
    assert_int_equal(out.info.n_regions, im->n_regions);
    return out;
}

static void outcome_free(outcome *out)
{
    free(out->keep);
    free(out->values);
}

/* judged: what the windows are cut from, the image or a mask of its size. */
static void check_answers(const image *judged, const outcome *out, const mt_filter_options *o)
{
    bool is_mean = strcmp(o->filter, "mean_std") == 0, is_exact = !is_mean && strcmp(o->filter, "shannon") != 0;
    uint64_t n_kept = 0;
    for (int64_t r = 0; r < judged->n_regions; r++) {
        answer a = plain_answer(judged, r, o);
        float second = is_mean ? out->values[judged->n_regions + r] : 0;
        if (is_exact) {
            assert_true(out->values[r] == a.values[0]);
        } else {
            assert_float_equal(out->values[r], a.values[0], 1e-6 * (1 + fabsf(a.values[0])));
            assert_float_equal(second, a.values[1], 1e-6 * (1 + fabsf(a.values[1])));
        }
        assert_int_equal(out->keep[r], a.keep);
        n_kept += out->keep[r];
    }
    assert_int_equal(out->info.n_kept, n_kept);
}

static mt_filter_options options_of(const char *filter, double threshold)
{
    return (mt_filter_options) { .struct_size = sizeof(mt_filter_options), .filter = filter, .threshold = threshold };
}

static void check_filter(mt_context *context, const image *im, const mt_filter_options *o)
{
    mt_stack *stack = open_image(context, im);
    outcome out = apply(stack, im, o);
    check_answers(im, &out, o);
    outcome_free(&out);
    mt_stack_close(stack);
}

static mt_context *new_context(unsigned threads, int64_t cache_bytes)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = threads, .cache_bytes = cache_bytes };
    mt_context *context;
    mt_error err;
    check_ok(mt_context_new(&options, &context, &err), &err);
    return context;
}

/* A few spots on noise, of either sign. */
static void paint(image *im, uint64_t *seed, bool is_mask)
{
    int64_t levels = random_between(seed, 1, 3) == 1 ? 2 : 40;
    for (int64_t i = 0; i < im->n_pixels; i++)
        im->pixels[i] =
            is_mask ? (float)(next_random(seed) % 3 == 0) : (float)random_between(seed, -levels / 4, levels) * 0.25F;
    for (int64_t i = 0; i < im->n_pixels / 50; i++)
        im->pixels[random_between(seed, 0, im->n_pixels - 1)] = (float)random_between(seed, 20, 40);
}

static void random_images_are_judged_as_defined(void **state)
{
    (void)state;
    static const char *const filters[] = { "max", "mean_std", "shannon", "mask" };
    uint64_t seed = 7;
    mt_context *contexts[] = { new_context(1, MT_NO_CACHE), new_context(3, 0) };
    for (int round = 0; round < 400; round++) {
        int n_spatial = round % 3 == 2 ? 3 : 2;
        int64_t shape[3], patch[3];
        for (int d = 0; d < 3; d++) {
            shape[d] = random_between(&seed, 1, n_spatial == 3 ? 14 : 40);
            patch[d] = random_between(&seed, 1, n_spatial == 3 ? 5 : 11);
        }
        image im = new_image(n_spatial, shape, patch);
        const char *filter = filters[random_between(&seed, 0, 3)];
        bool is_mask = strcmp(filter, "mask") == 0;
        paint(&im, &seed, is_mask);
        double coverage = (double)random_between(&seed, 0, 16) / 16, std = (double)random_between(&seed, 0, 40) / 10.3;
        double threshold = (double)random_between(&seed, 0, 40) * 0.25;
        mt_filter_options o = options_of(filter, strcmp(filter, "max") == 0 ? threshold - 2 : threshold + 0.013);
        o.coverage = round % 2 ? &coverage : NULL;
        o.std_threshold = round % 4 < 2 ? &std : NULL;
        mt_stack *mask = is_mask ? open_image(contexts[round % 2], &im) : NULL;
        o.mask = mask;
        check_filter(contexts[round % 2], &im, &o);
        mt_stack_close(mask);
        free(im.pixels);
    }
    mt_context_free(contexts[0]);
    mt_context_free(contexts[1]);
}

/* --- Known values. --- */

static bool keeps_first(const image *im, mt_filter_options o, double coverage)
{
    mt_stack *stack = open_image(NULL, im), *mask = strcmp(o.filter, "mask") == 0 ? open_image(NULL, im) : NULL;
    o.coverage = &coverage;
    o.mask = mask;
    outcome out = apply(stack, im, &o);
    bool keep = out.keep[0];
    outcome_free(&out);
    mt_stack_close(stack);
    mt_stack_close(mask);
    return keep;
}

static void known_windows_have_known_values(void **state)
{
    (void)state;
    static const int64_t shape[3] = { 1, 8, 8 }, patch[3] = { 1, 4, 4 };
    image im = new_image(2, shape, patch);
    for (int i = 0; i < 64; i++)
        im.pixels[i] = (float)i;
    assert_false(keeps_first(&im, options_of("max", 63), 0.25));
    assert_false(keeps_first(&im, options_of("max", 60), 0.25));
    assert_true(keeps_first(&im, options_of("max", 30), 0.25));
    assert_true(keeps_first(&im, options_of("mean_std", 31.5), 0));
    assert_false(keeps_first(&im, options_of("mean_std", 31.6), 0));
    assert_true(keeps_first(&im, options_of("shannon", 6), 0));
    assert_false(keeps_first(&im, options_of("shannon", 6.001), 0));
    mt_stack *stack = open_image(NULL, &im);
    mt_filter_options o = options_of("mean_std", 0);
    outcome out = apply(stack, &im, &o);
    assert_true(out.values[0] == 31.5F && fabsf(out.values[4] - 18.473F) < 1e-3F);
    outcome_free(&out);
    mt_stack_close(stack);

    memset(im.pixels, 0, 64 * sizeof *im.pixels);
    im.pixels[3 * 8 + 3] = 5;
    assert_true(keeps_first(&im, options_of("max", 4.9), 0.25));
    assert_false(keeps_first(&im, options_of("max", 4.9), 0.26));
    assert_false(keeps_first(&im, options_of("max", 5), 0.25));
    assert_true(keeps_first(&im, options_of("shannon", 0.116114), 0));
    assert_false(keeps_first(&im, options_of("shannon", 0.116116), 0));
    for (int i = 0; i < 16; i++)
        im.pixels[i / 4 * 8 + i % 4] = 1;
    assert_true(keeps_first(&im, options_of("mask", 0), 0.25));
    assert_false(keeps_first(&im, options_of("mask", 0), 0.26));
    for (int i = 0; i < 64; i++)
        im.pixels[i] = 0.1F; /* below the threshold as float64, not as float32 */
    assert_true(keeps_first(&im, options_of("max", 0.1), 0));
    free(im.pixels);
}

static void nan_counts_as_zero_and_is_told(void **state)
{
    (void)state;
    static const int64_t shape[3] = { 3, 11, 9 }, patch[3] = { 2, 3, 4 };
    static const char *const filters[] = { "max", "mean_std", "shannon" };
    image im = new_image(3, shape, patch);
    uint64_t seed = 3, n = 0;
    paint(&im, &seed, false);
    for (int64_t i = 0; i < im.n_pixels; i++)
        if (next_random(&seed) % 7 == 0) {
            im.pixels[i] = NAN;
            n++;
        }
    im.pixels[0] = -0.0F; /* one value with 0 */
    for (int k = 0; k < 3; k++) {
        mt_filter_options o = options_of(filters[k], 1);
        mt_stack *stack = open_image(NULL, &im);
        outcome out = apply(stack, &im, &o);
        check_answers(&im, &out, &o);
        assert_int_equal(out.info.n_nan, n);
        outcome_free(&out);
        mt_stack_close(stack);
    }
    free(im.pixels);
}

static void infinite_and_huge_pixels_are_judged(void **state)
{
    (void)state;
    static const int64_t shape[3] = { 1, 8, 8 }, patch[3] = { 1, 4, 4 };
    image im = new_image(2, shape, patch);
    for (int i = 0; i < 64; i++)
        im.pixels[i] = i % 2 ? 3e38F : -3e38F;
    assert_true(keeps_first(&im, options_of("mean_std", 0), 0));
    assert_true(keeps_first(&im, options_of("max", 1e38), 1));
    im.pixels[0] = INFINITY;
    assert_true(keeps_first(&im, options_of("mean_std", 1e300), 0));
    assert_true(keeps_first(&im, options_of("max", 3.3e38), 0.1));
    free(im.pixels);
}

/* --- Masks. --- */

/* A mask of the size of the image, whose pixels are those of a smaller one. */
static image enlarge(const image *small, const image *im, const int64_t *factor)
{
    image mask = new_image(im->n_spatial, im->shape, im->patch);
    for (int64_t i = 0; i < im->n_pixels; i++) {
        int64_t at[3] = { i / im->shape[2] / im->shape[1], i / im->shape[2] % im->shape[1], i % im->shape[2] };
        for (int d = 0; d < 3; d++)
            at[d] = at[d] / factor[d] < small->shape[d] ? at[d] / factor[d] : small->shape[d] - 1;
        mask.pixels[i] = small->pixels[(at[0] * small->shape[1] + at[1]) * small->shape[2] + at[2]];
    }
    return mask;
}

static void smaller_masks_are_enlarged(void **state)
{
    (void)state;
    uint64_t seed = 11;
    mt_context *context = new_context(2, 0);
    for (int round = 0; round < 200; round++) {
        int64_t shape[3], patch[3], factor[3] = { 1, 1, 1 }, reduced[3] = { 1, 1, 1 };
        int n_spatial = 2 + round % 2;
        for (int d = 3 - n_spatial; d < 3; d++) {
            shape[d] = random_between(&seed, 16, 40);
            patch[d] = random_between(&seed, 2, 9);
            factor[d] = random_between(&seed, 1, 4);
            reduced[d] = (shape[d] + (round % 4 < 2 ? factor[d] - 1 : 0)) / factor[d];
        }
        image im = new_image(n_spatial, shape, patch), small = new_image(n_spatial, reduced, patch);
        paint(&small, &seed, true);
        image full = enlarge(&small, &im, factor);
        mt_stack *stack = open_image(context, &im), *mask = open_image(context, &small);
        mt_filter_options o = options_of("mask", 0);
        double coverage = 0.3;
        o.mask = mask;
        o.coverage = &coverage;
        memcpy(o.mask_factor, factor + 3 - n_spatial, (size_t)n_spatial * sizeof *factor);
        outcome out = apply(stack, &im, &o);
        check_answers(&full, &out, &o);
        outcome_free(&out);
        mt_stack_close(stack);
        mt_stack_close(mask);
        free(im.pixels);
        free(small.pixels);
        free(full.pixels);
    }
    mt_context_free(context);
}

/* Applies a mask of some width to an image of 20 rows. */
static mt_status try_width(int64_t width, int64_t mask_width, int64_t factor, char *message)
{
    static uint8_t pixels[20 * 2000];
    mt_stack *stack, *mask;
    mt_error err;
    check_ok(mt_stack_from_array(NULL, pixels, MT_UINT8, "YX", (int64_t[]) { 20, width }, NULL, "image", &stack, &err),
             &err);
    check_ok(mt_stack_from_array(NULL, pixels, MT_UINT8, "YX", (int64_t[]) { 20, mask_width }, NULL, "", &mask, &err),
             &err);
    mt_filter_options o = options_of("mask", 0);
    o.mask = mask;
    o.mask_factor[1] = factor;
    mt_status st = mt_filter_apply(stack, 0, (int64_t[]) { 8, 8 }, 2, &o, NULL, NULL, NULL, &err);
    strcpy(message, err.message);
    mt_stack_close(stack);
    mt_stack_close(mask);
    return st;
}

static void factors_of_masks_are_found_or_asked_for(void **state)
{
    (void)state;
    char message[508];
    assert_int_equal(try_width(1001, 251, 0, message), MT_OK);
    assert_int_equal(try_width(1001, 250, 0, message), MT_OK);
    assert_int_equal(try_width(16, 4, 0, message), MT_OK); /* 4, though ceil(16 / 5) is 4, too */
    assert_int_equal(try_width(401, 26, 0, message), MT_E_ARGUMENT);
    assert_string_equal(message, "image: the mask may be smaller by 15 or 16 along X: the factors must be given");
    assert_int_equal(try_width(401, 26, 15, message), MT_OK);
    assert_int_equal(try_width(401, 26, 16, message), MT_OK);
    assert_int_equal(try_width(401, 26, 17, message), MT_E_ARGUMENT);
    assert_int_equal(try_width(401, 26, -1, message), MT_E_ARGUMENT);
    assert_int_equal(try_width(100, 200, 0, message), MT_E_ARGUMENT);
    assert_int_equal(try_width(100, 0, 0, message), MT_E_ARGUMENT);
    assert_int_equal(try_width(0, 0, 0, message), MT_OK);
}

/* --- Samples, channels, element types. --- */

static void one_channel_of_one_sample_is_judged(void **state)
{
    (void)state;
    static uint16_t pixels[3 * 2 * 16 * 16]; /* T, C, Y, X */
    static const int64_t shape[] = { 3, 2, 16, 16 }, patch[] = { 8, 8 };
    static uint8_t marks[3 * 16 * 16];
    uint8_t keep[4];
    mt_stack *stack, *mask;
    mt_error err;
    for (int i = 0; i < 16 * 16; i++) {
        pixels[(2 * 2 + 1) * 256 + i] = 60000;
        marks[256 + i] = 255;
    }
    check_ok(mt_stack_from_array(NULL, pixels, MT_UINT16, "TCYX", shape, NULL, "array", &stack, &err), &err);
    mt_filter_options o = options_of("max", 59999);
    check_ok(mt_filter_apply(stack, 2, patch, 2, &o, keep, NULL, NULL, &err), &err);
    assert_int_equal(keep[0], 0);
    o.ref_channel = 1;
    check_ok(mt_filter_apply(stack, 2, patch, 2, &o, keep, NULL, NULL, &err), &err);
    assert_int_equal(keep[0], 1);
    check_ok(mt_filter_apply(stack, 1, patch, 2, &o, keep, NULL, NULL, &err), &err);
    assert_int_equal(keep[0], 0);
    check_ok(mt_stack_from_array(NULL, marks, MT_UINT8, "TYX", (int64_t[]) { 3, 16, 16 }, NULL, "marks", &mask, &err),
             &err);
    o = options_of("mask", 0);
    o.mask = mask;
    check_ok(mt_filter_apply(stack, 1, patch, 2, &o, keep, NULL, NULL, &err), &err);
    assert_int_equal(keep[0], 1);
    check_ok(mt_filter_apply(stack, 0, patch, 2, &o, keep, NULL, NULL, &err), &err);
    assert_int_equal(keep[0], 0);
    mt_stack_close(mask);
    check_ok(mt_stack_from_array(NULL, marks + 256, MT_UINT8, "YX", shape + 2, NULL, "marks", &mask, &err), &err);
    o.mask = mask;
    check_ok(mt_filter_apply(stack, 0, patch, 2, &o, keep, NULL, NULL, &err), &err);
    assert_int_equal(keep[0], 1); /* one mask for all samples */
    mt_stack_close(mask);
    mt_stack_close(stack);
}

/* --- Large images. --- */

/* A layer of windows that exceeds the budget is cut into strips, with the same outcome. */
static void strips_give_the_same_outcome(void **state)
{
    (void)state;
    enum { DEPTH = 33, SIDE = 640 };
    static uint8_t pixels[DEPTH * SIDE * SIDE];
    static const int64_t shape[] = { DEPTH, SIDE, SIDE }, patch[] = { 16, 60, 60 };
    static uint8_t keep[2][2 * 10 * 10];
    static float values[2][2 * 10 * 10];
    uint64_t seed = 5, delivered[2];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(next_random(&seed) % (i / SIDE % SIDE / 3 + 1));
    for (int k = 0; k < 2; k++) {
        mt_context *context = new_context(2, k ? 1 << 20 : 1 << 30);
        mt_stack *stack;
        mt_error err;
        mt_counters counters;
        mt_filter_options o = options_of("max", 200);
        check_ok(mt_stack_from_array(context, pixels, MT_UINT8, "ZYX", shape, NULL, "array", &stack, &err), &err);
        check_ok(mt_filter_apply(stack, 0, patch, 3, &o, keep[k], values[k], NULL, &err), &err);
        mt_context_get_counters(context, &counters);
        delivered[k] = counters.bytes_delivered;
        assert_in_range(counters.memory_peak, 0, k ? 160 << 20 : 400 << 20);
        mt_stack_close(stack);
        mt_context_free(context);
    }
    assert_int_equal(delivered[0], sizeof pixels); /* each pixel once */
    assert_in_range(delivered[1], sizeof pixels + 1, sizeof pixels * 5 / 4);
    assert_memory_equal(keep[0], keep[1], sizeof keep[0]);
    assert_memory_equal(values[0], values[1], sizeof values[0]);
}

/* --- Custom stacks, errors, cancelling. --- */

static mt_status extract_ramp(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                              const int64_t *coords, const int64_t *size, float *out, mt_error *err)
{
    (void)sample, (void)channels, (void)n_channels;
    if (self && coords[0] >= 16)
        return mt_fail(err, MT_E_IO, "row %d is out of reach", (int)coords[0]);
    for (int64_t y = 0; y < size[0]; y++)
        for (int64_t x = 0; x < size[1]; x++)
            *out++ = (float)((coords[0] + y) * 50 + coords[1] + x);
    return MT_OK;
}

static mt_stack *open_ramp(int64_t rows, void *self)
{
    const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = extract_ramp };
    const mt_stack_info info = { .struct_size = sizeof info,
                                 .source = "ramp",
                                 .dtype = MT_FLOAT32,
                                 .original_axes = "YX",
                                 .original_ndim = 2,
                                 .original_shape = { rows, 50 } };
    mt_stack *stack;
    mt_error err;
    check_ok(mt_stack_new(NULL, &ops, self, &info, &stack, &err), &err);
    return stack;
}

static void custom_stacks_are_judged(void **state)
{
    (void)state;
    static const int64_t shape[3] = { 1, 31, 50 }, patch[3] = { 1, 8, 8 };
    image im = new_image(2, shape, patch);
    mt_stack *stack = open_ramp(31, NULL);
    for (int i = 0; i < 31 * 50; i++)
        im.pixels[i] = (float)i;
    mt_filter_options o = options_of("max", 700);
    outcome out = apply(stack, &im, &o);
    check_answers(&im, &out, &o);
    outcome_free(&out);
    mt_stack_close(stack);
    free(im.pixels);
}

static void an_image_that_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    static const int64_t patch[] = { 4096, 64 }; /* many layers, as each needs a slab of its own */
    mt_error err;
    mt_filter_options o = options_of("mean_std", 0);
    mt_stack *stack = open_ramp(100000, &o);
    assert_int_equal(mt_filter_apply(stack, 0, patch, 2, &o, NULL, NULL, NULL, &err), MT_OK);
    assert_int_equal(mt_filter_apply(stack, 0, (int64_t[]) { 8, 8 }, 2, &o, NULL, NULL, NULL, &err), MT_E_IO);
    assert_non_null(strstr(err.message, "is out of reach"));
    mt_stack_close(stack);
}

typedef struct watch {
    uint64_t done, total;
    int calls, stop_at; /* the call of cancelled that stops */
} watch;

static int cancelled(void *user)
{
    watch *w = user;
    return ++w->calls == w->stop_at;
}

static void progress(void *user, uint64_t done, uint64_t total)
{
    watch *w = user;
    assert_true(done >= w->done && done <= total);
    w->done = done;
    w->total = total;
}

static void progress_is_told_and_the_caller_can_stop(void **state)
{
    (void)state;
    static const int64_t shape[3] = { 1, 3000, 1000 }, patch[3] = { 1, 8, 8 };
    image im = new_image(2, shape, patch);
    mt_stack *stack = open_image(NULL, &im);
    mt_error err;
    watch w = { .stop_at = 0 };
    mt_filter_options o = options_of("max", 0);
    o.cancelled = cancelled;
    o.progress = progress;
    o.user = &w;
    check_ok(mt_filter_apply(stack, 0, patch + 1, 2, &o, NULL, NULL, NULL, &err), &err);
    assert_int_equal(w.done, 375 * 125);
    assert_int_equal(w.total, 375 * 125);
    assert_in_range(w.calls, 3, INT64_MAX);
    w = (watch) { .stop_at = 2 };
    assert_int_equal(mt_filter_apply(stack, 0, patch + 1, 2, &o, NULL, NULL, NULL, &err), MT_E_CANCELLED);
    mt_stack_close(stack);
    free(im.pixels);
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    static const int64_t shape[3] = { 1, 32, 32 }, patch[] = { 8, 8 }, none[] = { 0, 8 }, huge[] = { 1LL << 62, 8 };
    image im = new_image(2, shape, shape), other = new_image(2, (int64_t[]) { 1, 32, 17 }, shape);
    mt_stack *stack = open_image(NULL, &im), *mask = open_image(NULL, &im), *wrong = open_image(NULL, &other);
    double two = 2, negative = -1;
    const struct {
        int64_t sample;
        const int64_t *patch;
        size_t n;
        mt_filter_options o;
        mt_status status;
        const char *message;
    } cases[] = {
        { 0, patch, 2, { .filter = "median" }, MT_E_ARGUMENT, "array: there is no filter \"median\"" },
        { 0, patch, 2, { .filter = NULL }, MT_E_ARGUMENT, "array: there is no filter \"\"" },
        { 0,
          patch,
          3,
          { .filter = "max" },
          MT_E_ARGUMENT,
          "array: 3 patch sizes for an image with the spatial axes YX" },
        { 0, none, 2, { .filter = "max" }, MT_E_ARGUMENT, "array: a patch size of 0 is not positive" },
        { 1, patch, 2, { .filter = "max" }, MT_E_RANGE, "array: sample 1 is not one of 1" },
        { -1, patch, 2, { .filter = "max" }, MT_E_RANGE, "array: sample -1 is not one of 1" },
        { 0, patch, 2, { .filter = "max", .ref_channel = 1 }, MT_E_RANGE, "array: channel 1 is not one of 1" },
        { 0, patch, 2, { .filter = "max", .threshold = NAN }, MT_E_ARGUMENT, "array: the threshold is not a number" },
        { 0, patch, 2, { .filter = "max", .coverage = &two }, MT_E_ARGUMENT, "array: a coverage of 2 is not" },
        { 0,
          patch,
          2,
          { .filter = "max", .mask = mask },
          MT_E_ARGUMENT,
          "array: only the filter \"mask\" takes a mask" },
        { 0, patch, 2, { .filter = "mask" }, MT_E_ARGUMENT, "array: the filter \"mask\" needs a mask" },
        { 0, patch, 2, { .filter = "mean_std", .threshold = -1 }, MT_E_ARGUMENT, "array: the threshold of the mean" },
        { 0, patch, 2, { .filter = "mean_std", .std_threshold = &negative }, MT_E_ARGUMENT, "array: the threshold of" },
        { 0, patch, 2, { .filter = "shannon", .threshold = -1 }, MT_E_ARGUMENT, "array: the threshold of the entropy" },
        { 0, patch, 2, { .filter = "mask", .mask = wrong }, MT_E_ARGUMENT, "array: the mask has 17 pixels along X" },
        { 0,
          patch,
          2,
          { .filter = "mask", .mask = mask, .ref_channel = 2 },
          MT_E_RANGE,
          "array: channel 2 is not one" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_filter_options o = cases[i].o;
        mt_error err = MT_ERROR_INIT;
        o.struct_size = sizeof o;
        assert_int_equal(
            mt_filter_apply(stack, cases[i].sample, cases[i].patch, cases[i].n, &o, NULL, NULL, NULL, &err),
            cases[i].status);
        if (strncmp(err.message, cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("%s", err.message);
    }
    mt_filter_options o = options_of("max", 0);
    mt_filter_info info = { .struct_size = sizeof info };
    assert_int_equal(mt_filter_apply(stack, 0, patch, 2, NULL, NULL, NULL, NULL, NULL), MT_E_ARGUMENT);
    assert_int_equal(mt_filter_apply(stack, 0, huge, 2, &o, NULL, NULL, &info, NULL), MT_E_MEMORY);
    check_ok(mt_filter_apply(stack, 0, (int64_t[]) { 34, 8 }, 2, &o, NULL, NULL, &info, NULL), NULL);
    assert_int_equal(info.n_regions, 0); /* no patch fits */
    info.struct_size = 0;
    assert_int_equal(mt_filter_apply(stack, 0, patch, 2, &o, NULL, NULL, &info, NULL), MT_E_ARGUMENT);
    mt_stack_close(stack);
    mt_stack_close(mask);
    mt_stack_close(wrong);
    free(im.pixels);
    free(other.pixels);
}

static void failing_allocations_are_told_and_leak_nothing(void **state)
{
    (void)state;
    static const int64_t shape[3] = { 1, 40, 40 }, patch[3] = { 1, 8, 8 };
    image im = new_image(2, shape, patch);
    bool fails = true;
    for (size_t k = 0; fails; k++) {
        failing_allocator failing;
        mt_context_options options = { .struct_size = sizeof options,
                                       .threads = 2,
                                       .allocator = failing_allocator_make(&failing, SIZE_MAX, 0) };
        mt_context *context;
        mt_counters before, after;
        mt_error err;
        mt_filter_options o = options_of("shannon", 1);
        check_ok(mt_context_new(&options, &context, &err), &err);
        mt_stack *stack = open_image(context, &im);
        mt_context_get_counters(context, &before);
        failing.fail_at = failing.count + k;
        mt_status st = mt_filter_apply(stack, 0, patch + 1, 2, &o, NULL, NULL, NULL, &err);
        fails = failing.count > failing.fail_at;
        failing.fail_at = SIZE_MAX;
        assert_int_equal(st, fails ? MT_E_MEMORY : MT_OK);
        mt_context_drop_cache(context);
        mt_context_get_counters(context, &after);
        assert_true(!fails || after.memory_bytes <= before.memory_bytes + (64 << 10));
        mt_stack_close(stack);
        mt_context_free(context);
        assert_in_range(k, 0, 100);
    }
    free(im.pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_images_are_judged_as_defined),
        cmocka_unit_test(known_windows_have_known_values),
        cmocka_unit_test(nan_counts_as_zero_and_is_told),
        cmocka_unit_test(infinite_and_huge_pixels_are_judged),
        cmocka_unit_test(smaller_masks_are_enlarged),
        cmocka_unit_test(factors_of_masks_are_found_or_asked_for),
        cmocka_unit_test(one_channel_of_one_sample_is_judged),
        cmocka_unit_test(strips_give_the_same_outcome),
        cmocka_unit_test(custom_stacks_are_judged),
        cmocka_unit_test(an_image_that_cannot_be_read_is_an_error),
        cmocka_unit_test(progress_is_told_and_the_caller_can_stop),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(failing_allocations_are_told_and_leak_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
