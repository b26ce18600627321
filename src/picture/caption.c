/* SPDX-License-Identifier: BSD-3-Clause */
/* The legend and the scale bar. */
#include "base/checked.h"
#include "picture/picture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const uint8_t white[3] = { 255, 255, 255 }, black[3] = { 0, 0, 0 }, gray[3] = { 200, 200, 200 };

/* In font pixels. */
enum { MARGIN = 4, LINE = 13, SWATCH = 7, GAP = 3, BETWEEN = 12, BAR = 3, LONGEST_NAME = 48 };

enum { TEXT = 4 * LONGEST_NAME + 64 }; /* bytes: a name and its contrast */

typedef struct length_unit {
    const char *name;
    double meters;
} length_unit;

/* The largest of 1, 2 or 5 times a power of ten, not above most. */
static double round_down(double most)
{
    double power = pow(10, floor(log10(most)));
    return power * (most >= 5 * power ? 5 : most >= 2 * power ? 2 : 1);
}

/* Sets text and length of the scale bar. size: of an image pixel, in unit; drawn: picture pixels per image pixel. */
static void set_bar(mt_caption *c, double size, const char *unit, double drawn, double most)
{
    static const length_unit known[] = { { "meter", 1 },         { "centimeter", 1e-2 }, { "millimeter", 1e-3 },
                                         { "micrometer", 1e-6 }, { "nanometer", 1e-9 },  { "picometer", 1e-12 },
                                         { "angstrom", 1e-10 },  { "inch", 0.0254 } };
    static const length_unit shown[] = {
        { "m", 1 }, { "mm", 1e-3 }, { "\302\265m", 1e-6 }, { "nm", 1e-9 }, { "pm", 1e-12 }
    };
    size_t k = 0;
    double scale = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, unit) == 0)
            scale = known[i].meters;
    if (!(size > 0) || !isfinite(size * most / drawn) || !*unit)
        size = 1, unit = "px", scale = 0;
    double length = round_down((scale > 0 ? scale : 1) * size * most / drawn);
    c->bar_length = mt_max_i64(1, (int64_t)lround(length / ((scale > 0 ? scale : 1) * size) * drawn));
    while (scale > 0 && k < 4 && length < 0.999 * shown[k].meters)
        k++;
    if (scale > 0)
        snprintf(c->bar, sizeof c->bar, "%.5g %s", length / shown[k].meters, shown[k].name);
    else
        snprintf(c->bar, sizeof c->bar, "%.5g %.20s", length, unit);
}

void mt_caption_init(mt_caption *caption, const mt_picture *p, int64_t height, int64_t width, double drawn,
                     int64_t most)
{
    const mt_stack_info *info = p->info;
    const char *x = strrchr(info->original_axes, 'X');
    *caption = (mt_caption) { .picture = p->options->legend ? p : NULL, .height = height, .width = width };
    caption->size = width < 440 ? 1 : mt_max_i64(2, width / 450);
    if (!p->options->scale_bar)
        return;
    double size = x ? info->pixel_size[x - info->original_axes] : 0;
    const char *unit = x ? info->unit[x - info->original_axes] : NULL;
    set_bar(caption, size, unit ? unit : "", drawn, (double)most / 4);
    int64_t text = mt_text_width(caption->bar, caption->size);
    caption->bar_below = most < width || height < 64 * caption->size ||
                         width < mt_max_i64(text, caption->bar_length) + 4 * MARGIN * caption->size;
}

/* The text of the legend for channel c of the picture. */
static void describe(const mt_picture *p, size_t c, char *text, size_t room)
{
    const mt_channel *channel = p->info->channels ? &p->info->channels[p->list[c]] : NULL;
    static const char *const photograph[] = { "red", "green", "blue", "alpha" };
    char name[4 * LONGEST_NAME + 4] = "";
    size_t n = 0;
    const char *from = channel ? channel->name : "";
    for (const char *s = from; n < LONGEST_NAME && mt_text_next(&s); n++)
        memcpy(name, from, (size_t)(s - from));
    int64_t samples = mt_rgb_samples(p->info);
    if (!*name && samples)
        snprintf(name, sizeof name, "%s", photograph[p->list[c] % samples]);
    else if (!*name)
        snprintf(name, sizeof name, "channel %lld", (long long)p->list[c]);
    if (p->kind == MT_CONTRAST_AS_STORED || p->kind == MT_CONTRAST_LABELS)
        snprintf(text, room, "%s", name);
    else
        snprintf(text, room, "%s  %.5g to %.5g", name, p->ranges[c][0], p->ranges[c][1]);
}

/* Starts a new line if a piece of this width does not fit into the rest of the current one. */
static void make_room(int64_t *x, int64_t *y, int64_t piece, int64_t right, int64_t size)
{
    if (*x > MARGIN * size && *x + piece > right) {
        *x = MARGIN * size;
        *y += LINE * size;
    }
}

static void draw_entry(const mt_picture *p, size_t c, mt_canvas *canvas, int64_t y, int64_t x, int64_t size,
                       const char *text)
{
    if (p->kind != MT_CONTRAST_LABELS) {
        mt_canvas_fill(canvas, y, x, SWATCH * size, SWATCH * size, gray);
        mt_canvas_fill(canvas, y + 1, x + 1, SWATCH * size - 2, SWATCH * size - 2, p->colors[c]);
    }
    for (int i = 0; p->kind == MT_CONTRAST_LABELS && i < SWATCH; i++) {
        uint8_t rgb[3], label = (uint8_t)(i + 1);
        mt_label_color(mt_label_key(MT_UINT8, &label, false), rgb);
        mt_canvas_fill(canvas, y, x + i * size, SWATCH * size, size, rgb);
    }
    mt_canvas_text(canvas, y, x + (SWATCH + GAP) * size, size, text, white);
}

static void draw_bar_below(const mt_caption *c, mt_canvas *canvas, int64_t y, int64_t x)
{
    mt_canvas_fill(canvas, y + 2 * c->size, x, BAR * c->size, c->bar_length, white);
    mt_canvas_text(canvas, y, x + c->bar_length + GAP * c->size, c->size, c->bar, white);
}

/* The width of the widest piece of the caption. */
static int64_t widest_piece(const mt_caption *c)
{
    const mt_picture *p = c->picture;
    char text[TEXT];
    int64_t widest = 0;
    for (size_t i = 0; p && i < p->channels; i++) {
        describe(p, i, text, sizeof text);
        widest = mt_max_i64(widest, (SWATCH + GAP) * c->size + mt_text_width(text, c->size));
    }
    if (*c->bar && c->bar_below)
        widest = mt_max_i64(widest, c->bar_length + GAP * c->size + mt_text_width(c->bar, c->size));
    return widest ? widest + 2 * MARGIN * c->size : 0;
}

/* Lays out the caption below a picture of this width; draws it unless canvas is NULL. Returns its height. */
static int64_t lay_out(const mt_caption *c, int64_t width, mt_canvas *canvas)
{
    const mt_picture *p = c->picture;
    int64_t size = c->size, right = width - MARGIN * size, x = MARGIN * size, y = c->height + MARGIN * size;
    char text[TEXT];
    if (!p && !(*c->bar && c->bar_below))
        return 0;
    for (size_t i = 0; p && i < p->channels; i++) {
        describe(p, i, text, sizeof text);
        int64_t piece = (SWATCH + GAP) * size + mt_text_width(text, size);
        make_room(&x, &y, piece, right, size);
        if (canvas)
            draw_entry(p, i, canvas, y, x, size, text);
        x += piece + BETWEEN * size;
    }
    if (*c->bar && c->bar_below) {
        make_room(&x, &y, c->bar_length + GAP * size + mt_text_width(c->bar, size), right, size);
        if (canvas)
            draw_bar_below(c, canvas, y, x);
    }
    return y + LINE * size - c->height;
}

void mt_caption_room(const mt_caption *c, int64_t *height, int64_t *width)
{
    *width = mt_max_i64(c->width, widest_piece(c));
    *height = c->height + lay_out(c, *width, NULL);
}

/* White with a black rim, so that it is visible on white. */
static void draw_bar_inside(const mt_caption *c, mt_canvas *canvas)
{
    int64_t size = c->size, text = mt_text_width(c->bar, size), widest = mt_max_i64(text, c->bar_length);
    int64_t left = c->width - 2 * MARGIN * size - widest, top = c->height - (2 * MARGIN + BAR) * size;
    int64_t bar = left + (widest - c->bar_length) / 2, words = left + (widest - text) / 2;
    mt_canvas_fill(canvas, top - size, bar - size, (BAR + 2) * size, c->bar_length + 2 * size, black);
    for (int64_t i = 0; i < 9; i++)
        mt_canvas_text(canvas, top + (i / 3 - 11) * size, words + (i % 3 - 1) * size, size, c->bar, black);
    mt_canvas_text(canvas, top - 10 * size, words, size, c->bar, white);
    mt_canvas_fill(canvas, top, bar, BAR * size, c->bar_length, white);
}

void mt_caption_draw(const mt_caption *c, mt_canvas *canvas)
{
    if (*c->bar && !c->bar_below)
        draw_bar_inside(c, canvas);
    lay_out(c, (int64_t)canvas->width, canvas);
}
