/* SPDX-License-Identifier: BSD-3-Clause */
/* Pictures: memory, checks of options, merging of channels. */
#include "picture/picture.h"

#include "base/checked.h"
#include "stack/stack.h"

#include <math.h>
#include <string.h>

/* Sums of two such coordinates do not overflow. */
#define MT_MOST_PLACE ((int64_t)1 << 61)

mt_status mt_draw_options_take(const mt_draw_options *given, mt_draw_options *out, mt_error *err)
{
    *out = (mt_draw_options) { .struct_size = sizeof *out };
    if (given && (given->struct_size == 0 || given->struct_size > sizeof *out))
        return mt_fail(err, MT_E_ARGUMENT, "mt_draw_options needs its struct_size");
    if (given)
        memcpy(out, given, given->struct_size);
    if (out->max_size < 0 || out->max_size > MT_MOST_PIXELS)
        return mt_fail(err, MT_E_ARGUMENT, "max_size %lld is not between 1 and %d", (long long)out->max_size,
                       MT_MOST_PIXELS);
    if (out->project > MT_PROJECT_SUM || out->palette > MT_PALETTE_LABELS)
        return mt_fail(err, MT_E_ARGUMENT, "there is no such %s",
                       out->project > MT_PROJECT_SUM ? "projection" : "palette");
    for (size_t i = 0; i < out->n_boxes; i++)
        for (int k = 0; k < 4; k++)
            if (out->boxes[i].box[k] < -MT_MOST_PLACE || out->boxes[i].box[k] > MT_MOST_PLACE)
                return mt_fail(err, MT_E_ARGUMENT, "an outline at %lld is too far from the image",
                               (long long)out->boxes[i].box[k]);
    for (size_t i = 0; out->contrast && i < out->n_contrast; i++)
        if (!(out->contrast[2 * i] < out->contrast[2 * i + 1]) || !isfinite(out->contrast[2 * i]) ||
            !isfinite(out->contrast[2 * i + 1]))
            return mt_fail(err, MT_E_ARGUMENT, "contrast from %g to %g: the first must be less than the second",
                           out->contrast[2 * i], out->contrast[2 * i + 1]);
    return MT_OK;
}

static mt_status check(const mt_picture *p, mt_error *err)
{
    const mt_draw_options *o = p->options;
    for (size_t c = 0; c < p->channels; c++)
        if (p->list[c] < 0 || p->list[c] >= p->info->data_shape[1])
            return mt_fail(err, MT_E_RANGE, "%s: channel %lld is out of bounds: the image has %lld, counted from 0",
                           p->info->source, (long long)p->list[c], (long long)p->info->data_shape[1]);
    if (o->contrast && o->n_contrast != 1 && o->n_contrast != p->channels)
        return mt_fail(err, MT_E_ARGUMENT,
                       "%s: contrast is given for %zu channels, and %zu are drawn: give it for each, or once for all",
                       p->info->source, o->n_contrast, p->channels);
    if (o->palette != MT_PALETTE_LABELS)
        return MT_OK;
    if (p->channels != 1)
        return mt_fail(err, MT_E_ARGUMENT, "%s: labels are drawn of one channel, not of %zu: choose one",
                       p->info->source, p->channels);
    if (o->contrast || o->project != MT_PROJECT_NONE)
        return mt_fail(err, MT_E_ARGUMENT, "%s: labels have no contrast and cannot be projected", p->info->source);
    return MT_OK;
}

static size_t plane_bytes(const mt_picture *p) { return p->height * p->width * sizeof(float); }

mt_status mt_picture_init(mt_picture *p, mt_stack *stack, const mt_draw_options *options, const int64_t *list,
                          size_t n_channels, int64_t height, int64_t width, mt_error *err)
{
    *p = (mt_picture) {
        .env = &stack->context->env, .info = &stack->info, .options = options, .list = list, .channels = n_channels
    };
    if (n_channels > MT_MOST_CHANNELS)
        return mt_fail(err, MT_E_ARGUMENT, "%zu channels are too many for a picture", n_channels);
    mt_status st = check(p, err);
    if (st)
        return st;
    p->height = (size_t)height;
    p->width = (size_t)width;
    void *planes, *list_memory;
    if ((st = mt_alloc(p->env, n_channels * plane_bytes(p), &planes, err)))
        return st;
    p->planes = planes;
    memset(planes, 0, n_channels * plane_bytes(p));
    if ((st = mt_alloc(p->env, n_channels * (sizeof *p->ranges + sizeof *p->colors), &list_memory, err))) {
        mt_picture_free(p);
        return st;
    }
    p->ranges = list_memory;
    p->colors = (uint8_t(*)[3])(void *)(p->ranges + n_channels);
    mt_picture_choose_colors(p);
    return MT_OK;
}

void mt_picture_free(mt_picture *p)
{
    mt_release(p->env, p->planes, p->channels * plane_bytes(p));
    mt_release(p->env, p->ranges, p->channels * (sizeof *p->ranges + sizeof *p->colors));
    p->planes = NULL;
    p->ranges = NULL;
}

/* Adds a row of a channel: its color, weighted by the position of each value in the range. */
static void merge_channel(const float *values, size_t n, const double range[2], const uint8_t color[3], float *sums)
{
    double scale = range[1] > range[0] ? 1 / (range[1] - range[0]) : 0;
    for (size_t i = 0; i < n; i++) {
        double share = isnan(values[i]) || scale <= 0 ? 0 : ((double)values[i] - range[0]) * scale;
        share = share < 0 ? 0 : share > 1 ? 1 : share;
        for (size_t k = 0; k < 3; k++)
            sums[3 * i + k] += (float)(share * color[k]);
    }
}

static void color_labels(const float *keys, size_t n, uint8_t *pixels)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t key;
        memcpy(&key, keys + i, sizeof key);
        mt_label_color(key, pixels + 3 * i);
    }
}

/* Merges a row into RGB pixels. sums holds three floats per pixel. */
static void merge_row(const mt_picture *p, size_t y, float *sums, uint8_t *pixels)
{
    const float *row = p->planes + y * p->width;
    if (p->kind == MT_CONTRAST_LABELS) {
        color_labels(row, p->width, pixels);
        return;
    }
    memset(sums, 0, 3 * p->width * sizeof *sums);
    for (size_t c = 0; c < p->channels; c++)
        merge_channel(row + c * p->height * p->width, p->width, p->ranges[c], p->colors[c], sums);
    for (size_t i = 0; i < 3 * p->width; i++)
        pixels[i] = sums[i] >= 255 ? 255 : (uint8_t)lroundf(sums[i]);
}

mt_status mt_picture_paint(const mt_picture *p, size_t first, size_t rows, size_t k, mt_canvas *canvas, size_t top,
                           size_t left, mt_error *err)
{
    size_t bytes = 3 * p->width * (sizeof(float) + 1);
    void *memory;
    mt_status st = mt_alloc(p->env, bytes, &memory, err);
    if (st)
        return st;
    float *sums = memory;
    uint8_t *pixels = (uint8_t *)(sums + 3 * p->width);
    for (size_t y = 0; y < rows; y++) {
        merge_row(p, first + y, sums, pixels);
        for (size_t i = 0; i < k; i++) {
            uint8_t *out = canvas->pixels + 3 * ((top + y * k + i) * canvas->width + left);
            for (size_t x = 0; x < p->width * k; x++)
                memcpy(out + 3 * x, pixels + 3 * (x / k), 3);
        }
    }
    mt_release(p->env, memory, bytes);
    return MT_OK;
}

void mt_picture_tell(const mt_picture *p, const mt_caption *caption, const mt_canvas *canvas, double scale,
                     mt_picture_info *out)
{
    mt_picture_info found = { .height = (int64_t)canvas->height,
                              .width = (int64_t)canvas->width,
                              .scale = scale,
                              .channels = (int64_t)p->channels,
                              .contrast_kind = p->kind };
    if (!out || out->struct_size < sizeof out->struct_size)
        return;
    for (size_t c = 0; c < p->channels && c < MT_MOST_COLORS; c++) {
        found.channel[c] = p->list[c];
        memcpy(found.contrast[c], p->ranges[c], sizeof found.contrast[c]);
    }
    memcpy(found.scale_bar, caption->bar, sizeof found.scale_bar);
    found.struct_size = out->struct_size < sizeof found ? out->struct_size : sizeof found;
    memcpy(out, &found, found.struct_size);
}
