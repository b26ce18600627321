/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_PICTURE_PICTURE_H
#define MT_PICTURE_PICTURE_H

#include "base/env.h"
#include "picture/canvas.h"

#include <stdbool.h>

/* A picture before it is drawn: float planes by channel. The patches of a sheet are stacked vertically. */
typedef struct mt_picture {
    mt_env *env;                    /* allocator, borrowed */
    const mt_stack_info *info;      /* of the image, borrowed */
    const mt_draw_options *options; /* borrowed */
    const int64_t *list;            /* indices of the channels, borrowed */
    size_t height, width, channels; /* in pixels; number of channels */
    float *planes;         /* values by channel, row, column, initially 0; for labels their keys (mt_label_key) */
    uint8_t (*colors)[3];  /* RGB by channel */
    double (*ranges)[2];   /* values drawn black and at full brightness, by channel */
    mt_contrast_kind kind; /* source of ranges */
} mt_picture;

/* Copies the caller's options (NULL: the defaults) to a struct of the current size, and checks them. */
MT_MUST_CHECK mt_status mt_draw_options_take(const mt_draw_options *given, mt_draw_options *out, mt_error *err);

/* options and list are borrowed; channels and options are checked. The width is at most MT_MOST_PIXELS, the height
 * MT_MOST_PATCHES times as much. */
enum { MT_MOST_PIXELS = 32768, MT_MOST_CHANNELS = 32768 };
MT_MUST_CHECK mt_status mt_picture_init(mt_picture *p, mt_stack *stack, const mt_draw_options *options,
                                        const int64_t *list, size_t n_channels, int64_t height, int64_t width,
                                        mt_error *err);
void mt_picture_free(mt_picture *p);

/* Sets the contrast, once the planes are complete. */
void mt_picture_set_contrast(mt_picture *p);

/* Draws rows of the picture from first on, each pixel as a square of k pixels, at (top, left) of the canvas, which must
 * be large enough. */
MT_MUST_CHECK mt_status mt_picture_paint(const mt_picture *p, size_t first, size_t rows, size_t k, mt_canvas *canvas,
                                         size_t top, size_t left, mt_error *err);

/* colors.c: the number of consecutive channels that form an RGB or RGBA image (an image may hold several), or 0 for
 * separate channels. */
int64_t mt_rgb_samples(const mt_stack_info *info);
/* Sets the default list of channels if none is given (NULL): at most MT_MOST_COLORS, or the first RGB image. */
void mt_default_channels(const mt_stack_info *info, const int64_t **channels, size_t *n);
/* Sets the colours, and the kind to MT_CONTRAST_LABELS, MT_CONTRAST_AS_STORED or MT_CONTRAST_STRETCHED. */
void mt_picture_choose_colors(mt_picture *p);

/* A key that determines the colour of a label; 0 for label 0. element is of dtype, in the other byte order if swap. The
 * keys of consecutive labels are far apart. */
uint32_t mt_label_key(mt_dtype dtype, const uint8_t *element, bool swap);
void mt_label_color(uint32_t key, uint8_t rgb[3]);

/* caption.c: the legend below the picture, and the scale bar in its corner, or below a small picture. Sizes are in
 * pixels of the canvas. */
typedef struct mt_caption {
    const mt_picture *picture; /* NULL: no legend */
    char bar[32];              /* text of the scale bar in UTF-8; "": no scale bar */
    int64_t bar_length;        /* length of the scale bar */
    bool bar_below;            /* the scale bar is below the picture */
    int64_t size;              /* side of a font pixel */
    int64_t height, width;     /* of the picture without caption */
} mt_caption;

/* drawn: picture pixels per image pixel. most: the scale bar is at most a quarter of it long, and below the picture if
 * most exceeds the width. */
void mt_caption_init(mt_caption *caption, const mt_picture *p, int64_t height, int64_t width, double drawn,
                     int64_t most);
/* The size of the canvas for picture and caption. */
void mt_caption_room(const mt_caption *caption, int64_t *height, int64_t *width);
void mt_caption_draw(const mt_caption *caption, mt_canvas *canvas);

/* Fills out, up to the struct_size set by the caller; out may be NULL. */
void mt_picture_tell(const mt_picture *p, const mt_caption *caption, const mt_canvas *canvas, double scale,
                     mt_picture_info *out);

/* The largest whole factor that keeps a side within most, if it is at most half of it; else 1. */
static inline int64_t mt_enlargement(int64_t side, int64_t most) { return side <= most / 2 ? most / side : 1; }

/* Writes the pixels of a canvas as PNG. */
MT_MUST_CHECK mt_status mt_png_write(const mt_canvas *canvas, mt_write_bytes write, void *user, mt_error *err);

#endif
