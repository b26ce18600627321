/* SPDX-License-Identifier: BSD-3-Clause */
/* Pictures: colours of channels, contrast by percentiles, PNG. */
#include "cli.h"

#include <math.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

void picture_init(picture *p, size_t height, size_t width, size_t channels)
{
    *p = (picture) { .height = height, .width = width, .channels = channels };
    if (width && height > SIZE_MAX / width)
        height = SIZE_MAX / width;
    p->planes = need(height * width, channels * sizeof *p->planes);
    p->colors = need(channels, sizeof *p->colors);
}

void picture_free(picture *p)
{
    free(p->planes);
    free(p->colors);
    *p = (picture) { 0 };
}

static bool file_has_colors(const mt_stack_info *info, const int64_t *channels, size_t n)
{
    for (size_t c = 0; info->channels && c < n; c++)
        if (!info->channels[channels[c]].has_color)
            return false;
    return info->channels != NULL;
}

int64_t rgb_samples(const mt_stack_info *info)
{
    const char *axes = info->original_axes;
    size_t n = strlen(axes);
    if (n == 0 || axes[n - 1] != 'C' || (info->channels && (info->channels[0].has_color || *info->channels[0].name)))
        return 0;
    int64_t samples = info->original_shape[n - 1];
    return samples == 3 || (samples == 4 && info->dtype == MT_UINT8) ? samples : 0;
}

/* The same where these channels are of one photograph. */
static int64_t shared_samples(const mt_stack_info *info, const int64_t *channels, size_t n)
{
    int64_t samples = rgb_samples(info);
    for (size_t c = 0; samples && c < n; c++)
        if (channels[c] / samples != channels[0] / samples)
            return 0;
    return samples;
}

void picture_color(picture *p, const mt_stack_info *info, const int64_t *channels)
{
    /* Green and magenta can be told apart by nearly everybody, and add up to white; three and more are coloured in the
     * order of ImageJ's composites. */
    static const uint8_t white[3] = { 255, 255, 255 }, black[3] = { 0, 0, 0 };
    static const uint8_t pair[2][3] = { { 0, 255, 0 }, { 255, 0, 255 } };
    static const uint8_t many[7][3] = { { 255, 0, 0 },   { 0, 255, 0 },   { 0, 0, 255 },  { 255, 255, 255 },
                                        { 0, 255, 255 }, { 255, 0, 255 }, { 255, 255, 0 } };
    int64_t samples = shared_samples(info, channels, p->channels);
    bool given = file_has_colors(info, channels, p->channels);
    p->true_color = samples && info->dtype == MT_UINT8;
    for (size_t c = 0; c < p->channels; c++) {
        const uint8_t *color = p->channels == 2 ? pair[c] : many[c % 7];
        int64_t sample = samples ? channels[c] % samples : 0;
        if (given && info->channels)
            color = info->channels[channels[c]].rgb;
        else if (p->channels == 1)
            color = white;
        else if (samples)
            color = sample < 3 ? many[sample] : black;
        memcpy(p->colors[c], color, 3);
    }
}

static void swap_floats(float *a, float *b)
{
    float t = *a;
    *a = *b;
    *b = t;
}

/* The k-th smallest of n values (Hoare's selection); reorders them. */
static float select_float(float *values, size_t n, size_t k)
{
    size_t low = 0, high = n - 1;
    while (low < high) {
        float pivot = values[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i >= j)
                break;
            swap_floats(&values[i++], &values[j--]);
        }
        /* values[low..j] <= pivot <= values[j + 1..high] */
        if (values[j] > pivot)
            j--;
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
    return values[low];
}

/* The percentiles 0.1 and 99.9 of the finite values. */
static void find_range(const float *values, size_t n, float *low, float *high)
{
    float *finite = need(n, sizeof *finite);
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(values[i]))
            finite[count++] = values[i];
    *low = *high = 0;
    if (count) {
        size_t tail = (size_t)(0.001 * (double)(count - 1) + 0.5);
        *low = select_float(finite, count, tail);
        *high = select_float(finite, count, count - 1 - tail);
    }
    free(finite);
}

/* Adds a channel, its values between low and high as shares of its colour. */
static void merge_channel(const float *values, size_t n, float low, float high, const uint8_t color[3], float *sums)
{
    double scale = high > low ? 1 / ((double)high - (double)low) : 0;
    for (size_t i = 0; i < n; i++) {
        double share = isnan(values[i]) ? 0 : ((double)values[i] - (double)low) * scale;
        share = share < 0 ? 0 : share > 1 ? 1 : share;
        for (size_t k = 0; k < 3; k++)
            sums[3 * i + k] += (float)(share * color[k]);
    }
}

static uint8_t *merge(const picture *p)
{
    size_t n = p->height * p->width;
    float *sums = need(n, 3 * sizeof *sums);
    for (size_t c = 0; c < p->channels; c++) {
        float low = 0, high = 255;
        if (!p->true_color)
            find_range(p->planes + c * n, n, &low, &high);
        merge_channel(p->planes + c * n, n, low, high, p->colors[c], sums);
    }
    uint8_t *pixels = need(n, 3);
    for (size_t i = 0; i < 3 * n; i++)
        pixels[i] = sums[i] >= 255 ? 255 : (uint8_t)lroundf(sums[i]);
    free(sums);
    return pixels;
}

static bool write_png(FILE *file, const uint8_t *pixels, size_t height, size_t width)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return false;
    }
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        return false;
    }
    png_init_io(png, file);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (size_t y = 0; y < height; y++)
        png_write_row(png, pixels + 3 * y * width);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return true;
}

int picture_write(picture *p, const char *path)
{
    output out;
    int status = output_open(&out, path);
    if (status)
        return status;
    uint8_t *pixels = merge(p);
    bool good = write_png(out.file, pixels, p->height, p->width);
    free(pixels);
    if (good && !interrupted())
        return output_finish(&out);
    output_abandon(&out);
    return good ? EXIT_INTERRUPTED : failed("%s: the picture could not be written", path);
}
