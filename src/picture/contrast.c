/* SPDX-License-Identifier: BSD-3-Clause */
/* Contrast: the values drawn black and at full brightness. */
#include "picture/picture.h"

#include <math.h>
#include <string.h>

/* Maps floats to integers of the same order. */
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

/* The k-th smallest finite value, by radix selection: linear time for any order of the values. */
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

/* The percentiles 0.1 and 99.9 of the finite values; both 0 if there are none. */
static void find_range(const float *values, size_t n, double range[2])
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += isfinite(values[i]) != 0;
    range[0] = range[1] = 0;
    if (count) {
        size_t tail = (size_t)(0.001 * (double)(count - 1) + 0.5);
        range[0] = (double)select_float(values, n, tail);
        range[1] = (double)select_float(values, n, count - 1 - tail);
    }
}

/* The smallest and largest value of an integer type. False for others. */
static bool type_range(mt_dtype dtype, double *low, double *high)
{
    int bits = (int)(8 * mt_dtype_size(dtype));
    bool is_signed = dtype == MT_INT8 || dtype == MT_INT16 || dtype == MT_INT32 || dtype == MT_INT64;
    *low = is_signed ? -ldexp(1, bits - 1) : 0;
    *high = ldexp(1, is_signed ? bits - 1 : bits) - 1;
    return is_signed || dtype == MT_UINT8 || dtype == MT_UINT16 || dtype == MT_UINT32 || dtype == MT_UINT64;
}

/* The window of a channel, or NULL. Ignores one that is the whole range of the type: writers set it by default, and most
 * images would be black. */
static const double *find_window(const mt_picture *p, size_t c)
{
    const mt_channel *channel = p->info->channels ? &p->info->channels[p->list[c]] : NULL;
    double low, high;
    if (!channel || !channel->has_window || p->options->ignore_windows || p->options->project == MT_PROJECT_SUM)
        return NULL;
    bool is_default =
        type_range(p->info->dtype, &low, &high) && channel->window[0] <= low && channel->window[1] >= high;
    return is_default ? NULL : channel->window;
}

void mt_picture_set_contrast(mt_picture *p)
{
    static const double stored[2] = { 0, 255 };
    const mt_draw_options *o = p->options;
    size_t n = p->height * p->width;
    if (p->kind == MT_CONTRAST_STRETCHED && o->contrast)
        p->kind = MT_CONTRAST_GIVEN;
    for (size_t c = 0; c < p->channels; c++) {
        double *range = p->ranges[c];
        const double *window;
        if (p->kind == MT_CONTRAST_LABELS || p->kind == MT_CONTRAST_AS_STORED) {
            memcpy(range, stored, sizeof stored);
        } else if (p->kind == MT_CONTRAST_GIVEN) {
            memcpy(range, o->contrast + (o->n_contrast == 1 ? 0 : 2 * c), 2 * sizeof *range);
        } else if ((window = find_window(p, c))) {
            memcpy(range, window, 2 * sizeof *range);
            p->kind = MT_CONTRAST_OF_FILE;
        } else {
            find_range(p->planes + c * n, n, range);
        }
    }
}
