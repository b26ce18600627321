/* SPDX-License-Identifier: BSD-3-Clause */
#include "picture/canvas.h"

#include "base/checked.h"

#include <string.h>

mt_status mt_canvas_init(mt_canvas *canvas, mt_env *env, size_t height, size_t width, const uint8_t rgb[3],
                         mt_error *err)
{
    void *pixels;
    *canvas = (mt_canvas) { .env = env, .height = height, .width = width };
    mt_status st = mt_alloc(env, 3 * height * width, &pixels, err);
    if (st)
        return st;
    canvas->pixels = pixels;
    mt_canvas_fill(canvas, 0, 0, (int64_t)height, (int64_t)width, rgb);
    return MT_OK;
}

void mt_canvas_free(mt_canvas *canvas)
{
    mt_release(canvas->env, canvas->pixels, 3 * canvas->height * canvas->width);
    canvas->pixels = NULL;
}

void mt_canvas_fill(mt_canvas *canvas, int64_t top, int64_t left, int64_t height, int64_t width, const uint8_t rgb[3])
{
    int64_t bottom = mt_min_i64(top + height, (int64_t)canvas->height);
    int64_t right = mt_min_i64(left + width, (int64_t)canvas->width);
    for (int64_t y = mt_max_i64(top, 0); y < bottom; y++)
        for (int64_t x = mt_max_i64(left, 0); x < right; x++)
            memcpy(canvas->pixels + 3 * ((size_t)y * canvas->width + (size_t)x), rgb, 3);
}

uint32_t mt_text_next(const char **text)
{
    const unsigned char *s = (const unsigned char *)*text;
    if (!*s)
        return 0;
    int more = *s < 0x80 ? 0 : *s >> 5 == 6 ? 1 : *s >> 4 == 14 ? 2 : *s >> 3 == 30 ? 3 : -1;
    uint32_t code = more <= 0 ? *s : *s & (0x3fu >> more);
    for (int i = 1; i <= more; i++) {
        if (s[i] >> 6 != 2)
            more = -1;
        else
            code = code << 6 | (s[i] & 0x3f);
    }
    *text += more > 0 ? more + 1 : 1;
    return more < 0 ? 0xfffd : code;
}

void mt_canvas_text(mt_canvas *canvas, int64_t top, int64_t left, int64_t size, const char *text, const uint8_t rgb[3])
{
    for (uint32_t code; (code = mt_text_next(&text)) != 0; left += MT_FONT_ADVANCE * size) {
        int64_t y = top, x = left;
        for (const char *c = mt_font_glyph(code); *c; c++) {
            if (*c == '#')
                mt_canvas_fill(canvas, y, x, size, size, rgb);
            x += size;
            if (*c == ' ')
                y += size, x = left;
        }
    }
}

int64_t mt_text_width(const char *text, int64_t size)
{
    int64_t n = 0;
    while (mt_text_next(&text))
        n++;
    return n ? (n * MT_FONT_ADVANCE - 1) * size : 0;
}
