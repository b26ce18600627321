/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_PICTURE_PICTURE_H
#define MT_PICTURE_PICTURE_H

#include "base/env.h"

#include <microtome/picture.h>

#include <stdbool.h>

/* A picture in the making: channels of float planes. */
typedef struct mt_picture {
    mt_env *env;
    size_t height, width, channels;
    float *planes;        /* channel, row, column; zeros at first */
    uint8_t (*colors)[3]; /* of each channel */
    bool true_color;      /* values are the colours: no stretch */
} mt_picture;

/* Sides are at most MT_MOST_PIXELS. Colours are those of the stack's channels, else by convention. */
#define MT_MOST_PIXELS 32768
MT_MUST_CHECK mt_status mt_picture_init(mt_picture *p, mt_stack *stack, const int64_t *channels, size_t n_channels,
                                        int64_t height, int64_t width, mt_error *err);
void mt_picture_free(mt_picture *p);

/* How many channels, red, green, blue (and how opaque they are), lie side by side in a photograph, of which an image may
 * have several; 0: they are fluorescence channels. */
int64_t mt_rgb_samples(const mt_stack_info *info);

/* Where no list of channels was given (NULL): all that can be told apart by colour; of colour images the first. */
void mt_default_channels(const mt_stack_info *info, const int64_t **channels, size_t *n);

/* Stretches, merges and writes a PNG. Reorders nothing of the planes. */
MT_MUST_CHECK mt_status mt_picture_write(const mt_picture *p, mt_write_bytes write, void *user, mt_error *err);

/* Writes 8-bit RGB pixels as PNG. */
MT_MUST_CHECK mt_status mt_png_write(const uint8_t *pixels, size_t height, size_t width, mt_write_bytes write,
                                     void *user, mt_error *err);

#endif
