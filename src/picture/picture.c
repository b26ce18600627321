/* SPDX-License-Identifier: BSD-3-Clause */
/* Colours of channels, contrast by percentiles, merging. */
#include "picture/picture.h"

#include "base/checked.h"
#include "stack/stack.h"

#include <math.h>
#include <string.h>

static bool file_has_colors(const mt_stack_info *info, const int64_t *channels, size_t n)
{
    for (size_t c = 0; info->channels && c < n; c++)
        if (!info->channels[channels[c]].has_color)
            return false;
    return info->channels != NULL;
}

int64_t mt_rgb_samples(const mt_stack_info *info)
{
    const char *axes = info->original_axes;
    size_t n = strlen(axes);
    if (n == 0 || axes[n - 1] != 'C' || (info->channels && (info->channels[0].has_color || *info->channels[0].name)))
        return 0;
    int64_t samples = info->original_shape[n - 1];
    return samples == 3 || (samples == 4 && info->dtype == MT_UINT8) ? samples : 0;
}

void mt_default_channels(const mt_stack_info *info, const int64_t **channels, size_t *n)
{
    static const int64_t first[MT_MOST_COLORS] = { 0, 1, 2, 3, 4, 5, 6 };
    int64_t samples = mt_rgb_samples(info);
    if (*channels)
        return;
    *channels = first;
    *n = (size_t)mt_min_i64(info->data_shape[1], samples ? samples : MT_MOST_COLORS);
}

/* The same where these channels are of one photograph. */
static int64_t shared_samples(const mt_stack_info *info, const int64_t *channels, size_t n)
{
    int64_t samples = mt_rgb_samples(info);
    for (size_t c = 0; samples && c < n; c++)
        if (channels[c] / samples != channels[0] / samples)
            return 0;
    return samples;
}

static void choose_colors(mt_picture *p, const mt_stack_info *info, const int64_t *channels)
{
    /* Green and magenta can be told apart by nearly everybody, and add up to white; three and more are coloured in the
     * order of ImageJ's composites. */
    static const uint8_t white[3] = { 255, 255, 255 }, black[3] = { 0, 0, 0 };
    static const uint8_t pair[2][3] = { { 0, 255, 0 }, { 255, 0, 255 } };
    static const uint8_t many[MT_MOST_COLORS][3] = { { 255, 0, 0 },     { 0, 255, 0 },   { 0, 0, 255 },
                                                     { 255, 255, 255 }, { 0, 255, 255 }, { 255, 0, 255 },
                                                     { 255, 255, 0 } };
    int64_t samples = shared_samples(info, channels, p->channels);
    bool given = file_has_colors(info, channels, p->channels);
    p->true_color = samples && info->dtype == MT_UINT8;
    for (size_t c = 0; c < p->channels; c++) {
        const uint8_t *color = p->channels == 2 ? pair[c] : many[c % MT_MOST_COLORS];
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

static size_t plane_bytes(const mt_picture *p) { return p->height * p->width * sizeof(float); }

mt_status mt_picture_init(mt_picture *p, mt_stack *stack, const int64_t *channels, size_t n_channels, int64_t height,
                          int64_t width, mt_error *err)
{
    *p = (mt_picture) { .env = &stack->context->env };
    if (height > MT_MOST_PIXELS || width > MT_MOST_PIXELS || n_channels > MT_MOST_PIXELS)
        return mt_fail(err, MT_E_ARGUMENT, "a picture of %lld x %lld pixels and %zu channels is too large",
                       (long long)height, (long long)width, n_channels);
    for (size_t c = 0; c < n_channels; c++)
        if (channels[c] < 0 || channels[c] >= stack->info.data_shape[1])
            return mt_fail(err, MT_E_RANGE, "%s: channel %lld is out of bounds for an image of %lld channels",
                           stack->info.source, (long long)channels[c], (long long)stack->info.data_shape[1]);
    p->height = (size_t)height;
    p->width = (size_t)width;
    p->channels = n_channels;
    void *planes, *colors;
    mt_status st = mt_alloc(p->env, n_channels * plane_bytes(p), &planes, err);
    if (st)
        return st;
    p->planes = planes;
    memset(planes, 0, n_channels * plane_bytes(p));
    if ((st = mt_alloc(p->env, n_channels * sizeof *p->colors, &colors, err))) {
        mt_picture_free(p);
        return st;
    }
    p->colors = colors;
    choose_colors(p, &stack->info, channels);
    return MT_OK;
}

void mt_picture_free(mt_picture *p)
{
    mt_release(p->env, p->planes, p->channels * plane_bytes(p));
    mt_release(p->env, p->colors, p->channels * sizeof *p->colors);
    p->planes = NULL;
    p->colors = NULL;
}

/* Integers in the order of the floats. */
static uint32_t sort_key(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 31 ? ~bits : bits | 1u << 31;
}

static float key_float(uint32_t key)
{
    float value;
    uint32_t bits = key >> 31 ? key & ~(1u << 31) : ~key;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The k-th smallest of the finite values, found byte by byte: no order of the values makes it slow. */
static float select_float(const float *values, size_t n, size_t k)
{
    uint64_t found = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        size_t counts[256] = { 0 };
        uint64_t byte = 0;
        for (size_t i = 0; i < n; i++) {
            uint64_t key = sort_key(values[i]);
            if (isfinite(values[i]) && key >> (shift + 8) == found)
                counts[key >> shift & 255]++;
        }
        for (; k >= counts[byte]; byte++)
            k -= counts[byte];
        found = found << 8 | byte;
    }
    return key_float((uint32_t)found);
}

/* The percentiles 0.1 and 99.9 of the finite values. */
static void find_range(const float *values, size_t n, float *low, float *high)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += isfinite(values[i]) != 0;
    *low = *high = 0;
    if (count) {
        size_t tail = (size_t)(0.001 * (double)(count - 1) + 0.5);
        *low = select_float(values, n, tail);
        *high = select_float(values, n, count - 1 - tail);
    }
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

/* Merges the channels into pixels, RGB. sums holds three floats a pixel. */
static void merge(const mt_picture *p, float *sums, uint8_t *pixels)
{
    size_t n = p->height * p->width;
    memset(sums, 0, 3 * n * sizeof *sums);
    for (size_t c = 0; c < p->channels; c++) {
        float low = 0, high = 255;
        if (!p->true_color)
            find_range(p->planes + c * n, n, &low, &high);
        merge_channel(p->planes + c * n, n, low, high, p->colors[c], sums);
    }
    for (size_t i = 0; i < 3 * n; i++)
        pixels[i] = sums[i] >= 255 ? 255 : (uint8_t)lroundf(sums[i]);
}

mt_status mt_picture_write(const mt_picture *p, mt_write_bytes write, void *user, mt_error *err)
{
    size_t n = p->height * p->width, bytes = n * 3 * (sizeof(float) + 1);
    void *memory;
    mt_status st = mt_alloc(p->env, bytes, &memory, err);
    if (st)
        return st;
    float *sums = memory;
    uint8_t *pixels = (uint8_t *)(sums + 3 * n);
    merge(p, sums, pixels);
    st = mt_png_write(pixels, p->height, p->width, write, user, err);
    mt_release(p->env, memory, bytes);
    return st;
}
