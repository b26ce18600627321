/* SPDX-License-Identifier: BSD-3-Clause */
/* An 8-bit RGB canvas. Drawing is clipped to it. */
#ifndef MT_PICTURE_CANVAS_H
#define MT_PICTURE_CANVAS_H

#include "base/env.h"

#include <microtome/picture.h>

typedef struct mt_canvas {
    mt_env *env;          /* allocator, borrowed */
    size_t height, width; /* in pixels */
    uint8_t *pixels;      /* rows of RGB pixels, without padding */
} mt_canvas;

/* Creates a canvas filled with a colour. Sides are at least 1. */
MT_MUST_CHECK mt_status mt_canvas_init(mt_canvas *canvas, mt_env *env, size_t height, size_t width,
                                       const uint8_t rgb[3], mt_error *err);
void mt_canvas_free(mt_canvas *canvas);

void mt_canvas_fill(mt_canvas *canvas, int64_t top, int64_t left, int64_t height, int64_t width, const uint8_t rgb[3]);

/* Draws UTF-8 text, each pixel of the font as a square of size pixels; a line is MT_FONT_HEIGHT * size high. */
enum { MT_FONT_WIDTH = 5, MT_FONT_HEIGHT = 9, MT_FONT_ADVANCE = 6 };
void mt_canvas_text(mt_canvas *canvas, int64_t top, int64_t left, int64_t size, const char *text, const uint8_t rgb[3]);
int64_t mt_text_width(const char *text, int64_t size);

/* Decodes the next character of UTF-8 text; 0 at its end, U+FFFD for invalid bytes. */
uint32_t mt_text_next(const char **text);

/* The rows of a glyph from top to bottom, each of five letters ('#' is ink), separated by spaces. */
const char *mt_font_glyph(uint32_t code);

#endif
