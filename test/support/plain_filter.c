/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/plain_filter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void set_patch(image *im, const int64_t *patch)
{
    im->n_window = im->n_regions = 1;
    for (int d = 0; d < 3; d++) {
        bool is_there = d >= 3 - im->n_spatial;
        im->patch[d] = is_there ? patch[d] : 1;
        int64_t n = im->shape[d] < patch[d] ? patch[d] : im->shape[d]; /* padded */
        im->grid[d] = is_there ? (n + 1) / im->patch[d] : 1;
        im->window[d] = is_there ? 2 * im->patch[d] : 1;
        im->n_window *= im->window[d];
        im->n_regions *= im->grid[d];
    }
}

image new_image(int n_spatial, const int64_t *shape, const int64_t *patch)
{
    image im = { .n_spatial = n_spatial, .n_pixels = 1 };
    for (int d = 0; d < 3; d++)
        im.n_pixels *= im.shape[d] = d >= 3 - n_spatial ? shape[d] : 1;
    im.pixels = calloc((size_t)im.n_pixels, sizeof *im.pixels);
    assert_non_null(im.pixels);
    set_patch(&im, patch);
    return im;
}

mt_stack *open_image(mt_context *context, const image *im)
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

outcome apply(mt_stack *stack, const image *im, const mt_filter_options *o)
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

void outcome_free(outcome *out)
{
    free(out->keep);
    free(out->values);
}

void check_answers(const image *judged, const outcome *out, const mt_filter_options *o)
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

mt_filter_options options_of(const char *filter, double threshold)
{
    return (mt_filter_options) { .struct_size = sizeof(mt_filter_options), .filter = filter, .threshold = threshold };
}

mt_context *new_context(unsigned threads, int64_t cache_bytes)
{
    mt_context_options options = { .struct_size = sizeof options, .threads = threads, .cache_bytes = cache_bytes };
    mt_context *context;
    mt_error err;
    check_ok(mt_context_new(&options, &context, &err), &err);
    return context;
}
