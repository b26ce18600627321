/* SPDX-License-Identifier: BSD-3-Clause */
/* Pictures for people, as PNG: a plane of an image, or a sheet of patches.
 *
 * Contrast is stretched between the percentiles 0.1 and 99.9 of what is drawn, for each channel; channels are merged in
 * the colours of the file, else green and magenta for two, and those of ImageJ's composites for more. Samples side by
 * side as red, green, blue (and alpha, which is not drawn) keep their colours, those of uint8 also their brightness. */
#ifndef MICROTOME_PICTURE_H
#define MICROTOME_PICTURE_H

#include <microtome/stack.h>

MT_BEGIN_DECLS

/* Takes the next bytes of a picture; not zero: it failed, and drawing ends with MT_E_IO. */
typedef int (*mt_write_bytes)(void *user, const void *bytes, size_t size);

typedef struct mt_draw_options {
    size_t struct_size; /* sizeof(mt_draw_options) */
    int64_t sample;
    const int64_t *channels; /* NULL: all, at most the first MT_MOST_COLORS; of several colour images the first */
    size_t n_channels;
    const int64_t *z;      /* NULL: the middle plane */
    const int64_t *region; /* first row and column, height, width, in pixels; NULL: the whole plane */
    int64_t max_size;      /* longest side of the picture; larger regions are averaged down. 0: 1024 */
    /* Optional: told the share that is done, in the calling thread and as often as mt_extract_options.cancelled; not
     * zero ends with MT_E_CANCELLED. */
    int (*progress)(void *user, double share);
    void *user;
} mt_draw_options;

#define MT_MOST_COLORS 7

/* What was drawn: the size of the picture in pixels. */
typedef struct mt_picture_size {
    int64_t height, width;
    int64_t shrunk;   /* pixels of the image averaged along each side of a pixel of the picture */
    int64_t channels; /* that were merged */
} mt_picture_size;

/* Draws a plane, read chunk by chunk, each once, and averaged down meanwhile, so that its size does not matter. options
 * may be NULL, out too. MT_E_RANGE for a sample, plane, channel or region outside the image. */
MT_API MT_MUST_CHECK mt_status mt_draw_plane(mt_stack *stack, const mt_draw_options *options, mt_write_bytes write,
                                             void *user, mt_picture_size *out, mt_error *err);

/* Draws up to MT_MOST_PATCHES patches side by side: the middle plane of each, small ones enlarged, large ones thinned.
 * All are of one size and one list of channels (NULL: as mt_draw_options says, of stacks with as many channels); colours
 * are those of the first stack, and the views of the requests do not matter. Of the options only cancelled counts. options and out may be NULL. */
#define MT_MOST_PATCHES 64
MT_API MT_MUST_CHECK mt_status mt_draw_patches(const mt_patch_request *requests, size_t n,
                                               const mt_extract_options *options, mt_write_bytes write, void *user,
                                               mt_picture_size *out, mt_error *err);

MT_END_DECLS

#endif
