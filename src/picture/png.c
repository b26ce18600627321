/* SPDX-License-Identifier: BSD-3-Clause */
#include "picture/picture.h"

#include <png.h>
#include <setjmp.h>

typedef struct sink {
    mt_write_bytes write;
    void *user;
} sink;

static void write_data(png_structp png, png_bytep bytes, size_t size)
{
    const sink *s = png_get_io_ptr(png);
    if (s->write(s->user, bytes, size))
        png_error(png, "write");
}

static void flush(png_structp png) { (void)png; }

/* The pixels are our own, so libpng has nothing to warn about; errors are reported by the return value. */
static void ignore_message(png_structp png, png_const_charp message) { (void)png, (void)message; }

static void fail(png_structp png, png_const_charp message)
{
    (void)message;
    png_longjmp(png, 1);
}

mt_status mt_png_write(const mt_canvas *canvas, mt_write_bytes write, void *user, mt_error *err)
{
    sink s = { write, user };
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, fail, ignore_message);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return mt_fail(err, MT_E_MEMORY, "out of memory for a picture");
    }
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        return mt_fail(err, MT_E_IO, "the picture could not be written");
    }
    png_set_write_fn(png, &s, write_data, flush);
    png_set_IHDR(png, info, (png_uint_32)canvas->width, (png_uint_32)canvas->height, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (size_t y = 0; y < canvas->height; y++)
        png_write_row(png, canvas->pixels + 3 * y * canvas->width);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return MT_OK;
}
