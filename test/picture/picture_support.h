/* SPDX-License-Identifier: BSD-3-Clause */
/* Pictures in memory, decoded again by libpng. */
#ifndef MT_TEST_PICTURE_SUPPORT_H
#define MT_TEST_PICTURE_SUPPORT_H

#include "support/support.h"

#include <microtome/microtome.h>

#include <png.h>
#include <stdlib.h>
#include <string.h>

typedef struct file {
    uint8_t *bytes; /* PNG data so far; malloc */
    size_t size;    /* in bytes */
    size_t most;    /* bytes; writing more fails; 0: no limit */
} file;

static inline int append(void *user, const void *bytes, size_t size)
{
    file *f = user;
    if (f->most && f->size + size > f->most)
        return 1;
    f->bytes = realloc(f->bytes, f->size + size);
    memcpy(f->bytes + f->size, bytes, size);
    f->size += size;
    return 0;
}

/* RGB pixels of a PNG, which is freed with them. Caller frees. */
static inline uint8_t *decode(file *f, int64_t height, int64_t width)
{
    png_image image = { .version = PNG_IMAGE_VERSION };
    assert_true(png_image_begin_read_from_memory(&image, f->bytes, f->size));
    image.format = PNG_FORMAT_RGB;
    assert_int_equal(image.height, height);
    assert_int_equal(image.width, width);
    uint8_t *pixels = malloc(PNG_IMAGE_SIZE(image));
    assert_true(png_image_finish_read(&image, NULL, pixels, 0, NULL));
    free(f->bytes);
    *f = (file) { 0 };
    return pixels;
}

/* Draws a plane; its pixels. info may be NULL. Caller frees. */
static inline uint8_t *draw_plane(mt_stack *stack, const mt_draw_options *options, mt_picture_info *info)
{
    file f = { 0 };
    mt_error err = MT_ERROR_INIT;
    mt_picture_info found = { .struct_size = sizeof found };
    check_ok(mt_draw_plane(stack, options, append, &f, &found, &err), &err);
    if (info)
        *info = found;
    return decode(&f, found.height, found.width);
}

static inline mt_stack *stack_of(const void *data, mt_dtype dtype, const char *axes, const int64_t *shape)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_stack_from_array(NULL, data, dtype, axes, shape, NULL, "test", &stack, &err), &err);
    return stack;
}

/* A custom stack: values are 10 * row + column, plus 100 for each channel. */
static inline mt_status extract_ramp(void *self, int64_t sample, const int64_t *channels, size_t n_channels,
                                     const int64_t *coords, const int64_t *patch_size, float *out, mt_error *err)
{
    (void)self, (void)sample, (void)err;
    for (size_t c = 0; c < n_channels; c++)
        for (int64_t y = 0; y < patch_size[0]; y++)
            for (int64_t x = 0; x < patch_size[1]; x++)
                *out++ = (float)(100 * channels[c] + 10 * (coords[0] + y) + coords[1] + x);
    return MT_OK;
}

/* info gives shape, channels and pixel size of axes CYX. */
static inline mt_stack *ramp_of(const mt_stack_info *given)
{
    static const mt_stack_ops ops = { .struct_size = sizeof ops, .extract_patch = extract_ramp };
    mt_stack_info info = *given;
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    info.struct_size = sizeof info;
    info.source = "ramp";
    info.original_axes = "CYX";
    info.original_ndim = 3;
    if (!info.dtype)
        info.dtype = MT_UINT16;
    check_ok(mt_stack_new(NULL, &ops, NULL, &info, &stack, &err), &err);
    return stack;
}

#endif
