/* SPDX-License-Identifier: BSD-3-Clause */
/* The choice of channels and their colours. */
#include "base/checked.h"
#include "engine/gather.h"
#include "picture/picture.h"

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

/* Like mt_rgb_samples, if these channels belong to one RGB image, else 0. */
static int64_t shared_samples(const mt_stack_info *info, const int64_t *channels, size_t n)
{
    int64_t samples = mt_rgb_samples(info);
    for (size_t c = 0; samples && c < n; c++)
        if (channels[c] / samples != channels[0] / samples)
            return 0;
    return samples;
}

static bool is_labels(const mt_picture *p)
{
    mt_palette palette = p->options->palette;
    bool is_declared = p->info->is_labels && p->channels == 1 && p->options->project == MT_PROJECT_NONE;
    return palette == MT_PALETTE_LABELS || (palette == MT_PALETTE_AUTO && is_declared && !p->options->contrast);
}

void mt_picture_choose_colors(mt_picture *p)
{
    /* Green and magenta are distinct for nearly all viewers and add up to white. Three or more channels have the
     * colours of ImageJ's composites. */
    static const uint8_t white[3] = { 255, 255, 255 }, black[3] = { 0, 0, 0 };
    static const uint8_t pair[2][3] = { { 0, 255, 0 }, { 255, 0, 255 } };
    static const uint8_t many[MT_MOST_COLORS][3] = { { 255, 0, 0 },     { 0, 255, 0 },   { 0, 0, 255 },
                                                     { 255, 255, 255 }, { 0, 255, 255 }, { 255, 0, 255 },
                                                     { 255, 255, 0 } };
    const mt_stack_info *info = p->info;
    int64_t samples = shared_samples(info, p->list, p->channels);
    bool given = file_has_colors(info, p->list, p->channels);
    bool as_stored = samples && info->dtype == MT_UINT8 && !p->options->contrast && !p->options->ignore_windows &&
                     p->options->project != MT_PROJECT_SUM;
    p->kind = is_labels(p) ? MT_CONTRAST_LABELS : as_stored ? MT_CONTRAST_AS_STORED : MT_CONTRAST_STRETCHED;
    for (size_t c = 0; c < p->channels; c++) {
        const uint8_t *color = p->channels == 2 ? pair[c] : many[c % MT_MOST_COLORS];
        int64_t sample = samples ? p->list[c] % samples : 0;
        if (given && info->channels)
            color = info->channels[p->list[c]].rgb;
        else if (p->channels == 1)
            color = white;
        else if (samples)
            color = sample < 3 ? many[sample] : black;
        memcpy(p->colors[c], color, 3);
    }
}

/* A label as an integer, whatever its type. */
static uint64_t label_value(mt_dtype dtype, const uint8_t *element)
{
    static const int64_t one = 1, stride = 0;
    const mt_convert convert = { .from = dtype, .to = MT_FLOAT32 };
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    float value;
    switch (dtype) {
    case MT_BOOL:
    case MT_UINT8:
    case MT_INT8: return *element;
    case MT_UINT16:
    case MT_INT16: memcpy(&u16, element, sizeof u16); return u16;
    case MT_UINT32:
    case MT_INT32: memcpy(&u32, element, sizeof u32); return u32;
    case MT_UINT64:
    case MT_INT64: memcpy(&u64, element, sizeof u64); return u64;
    default:
        mt_gather(&convert, 1, &one, (uint8_t *)&value, &stride, element, &stride);
        return fabsf(value) < 9e18f ? (uint64_t)(int64_t)value : 0;
    }
}

uint32_t mt_label_key(mt_dtype dtype, const uint8_t *element, bool swap)
{
    uint8_t native[8] = { 0 };
    size_t size = mt_dtype_size(dtype);
    for (size_t i = 0; i < size; i++)
        native[i] = element[swap ? size - 1 - i : i];
    uint64_t value = label_value(dtype, native);
    /* Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4): consecutive labels get keys far apart. */
    uint32_t key = (uint32_t)(value * 0x9e3779b97f4a7c15u >> 32);
    return value && !key ? 1 : key;
}

void mt_label_color(uint32_t key, uint8_t rgb[3])
{
    static const double saturations[] = { 0.85, 0.5, 0.9, 0.65 }, values[] = { 1, 1, 0.7, 0.85 };
    double hue = 6 * (double)(key >> 8) / (double)(1 << 24);
    double saturation = saturations[key >> 6 & 3], value = key ? values[key >> 6 & 3] : 0;
    for (int k = 0; k < 3; k++) { /* HSV to RGB: the channels differ only in phase: 5, 3, 1 */
        double phase = fmod((double)(5 - 2 * k) + hue, 6);
        double part = fmin(phase, 4 - phase);
        part = part < 0 ? 0 : part > 1 ? 1 : part;
        rgb[k] = (uint8_t)lround(255 * value * (1 - saturation * part));
    }
}
