/* SPDX-License-Identifier: BSD-3-Clause */
/* PNG pictures for display: a plane of an image, a projection along Z, or a sheet of patches.
 *
 * Channels are merged in the colours of the file, else green and magenta for two, and the colours of ImageJ's
 * composites for more; a single channel is gray. The contrast of each channel is its window in the file, else it is
 * stretched between the percentiles 0.1 and 99.9 of the pixels drawn. RGB and RGBA images keep their colours, and as
 * uint8 also their brightness; alpha is not drawn. In a label image each value has a distinct colour, and 0 is
 * black. */
#ifndef MICROTOME_PICTURE_H
#define MICROTOME_PICTURE_H

#include <microtome/stack.h>

MT_BEGIN_DECLS

/* Receives the next size bytes of a picture. Returns 0, else drawing ends with MT_E_IO. */
typedef int (*mt_write_bytes)(void *user, const void *bytes, size_t size);

/* One plane, or several planes projected along Z. Planes are projected at full resolution, before averaging down. */
typedef enum mt_projection { MT_PROJECT_NONE, MT_PROJECT_MAX, MT_PROJECT_MEAN, MT_PROJECT_SUM } mt_projection;

/* The meaning of pixel values. */
typedef enum mt_palette {
    MT_PALETTE_AUTO,     /* labels if the file declares them (mt_stack_info.is_labels) and one channel is drawn */
    MT_PALETTE_CHANNELS, /* intensities */
    MT_PALETTE_LABELS,   /* object numbers; one channel is drawn, scaled by nearest neighbour */
} mt_palette;

/* A rectangle whose outline is drawn over the picture. */
typedef struct mt_draw_box {
    int64_t box[4];   /* first row, first column, height and width, in pixels of the image; it may reach beyond */
    uint8_t color[3]; /* red, green, blue */
} mt_draw_box;

typedef struct mt_draw_options {
    size_t struct_size; /* sizeof(mt_draw_options) */
    int64_t sample;     /* 0 <= sample < data_shape[0] */
    /* Channel indices. NULL: all, at most the first MT_MOST_COLORS; of several RGB images, the first image. */
    const int64_t *channels;
    size_t n_channels;     /* length of channels */
    const int64_t *z;      /* one plane. NULL: the middle plane; with project: all planes */
    const int64_t *region; /* first row, first column, height and width, in pixels; NULL: the whole plane */
    /* Longest side in pixels, of the picture without its legend (0: 1024), or of each patch on a sheet (0: 256). A
     * larger plane is averaged down to this size. A plane of at most half of MT_SMALL_PICTURE (a patch: MT_SMALL_PATCH)
     * is enlarged by the largest whole factor that keeps it within that size and within max_size. */
    int64_t max_size;
    /* Optional: receives the fraction done, 0 to 1, in the calling thread and as often as mt_extract_options.cancelled.
     * Returning other than 0 ends the call with MT_E_CANCELLED. */
    int (*progress)(void *user, double share);
    void *user; /* passed to progress */
    /* n_contrast pairs, low < high: the values drawn black and at full brightness. One pair for each channel drawn, or
     * one for all. NULL: as described above. */
    const double *contrast;
    size_t n_contrast;     /* pairs in contrast */
    int ignore_windows;    /* not 0: ignore the windows of the file and stretch between percentiles */
    mt_projection project; /* along Z */
    mt_palette palette;    /* intensities or labels */
    int scale_bar;         /* not 0: draw a bar of round length; in pixels ("px") if the pixel size of X is unknown */
    int legend;            /* not 0: name the channels below the picture, with colour and contrast */
    /* n_boxes outlines, one pixel of the picture wide, drawn one after another over a plane, not over patches. */
    const mt_draw_box *boxes;
    size_t n_boxes; /* their number */
} mt_draw_options;

#define MT_MOST_COLORS 7
#define MT_SMALL_PICTURE 512
#define MT_SMALL_PATCH 128

/* The source of the contrast of a picture. */
typedef enum mt_contrast_kind {
    MT_CONTRAST_STRETCHED, /* percentiles of the pixels drawn */
    MT_CONTRAST_OF_FILE,   /* windows of the file */
    MT_CONTRAST_GIVEN,     /* mt_draw_options.contrast */
    MT_CONTRAST_AS_STORED, /* RGB as uint8, unchanged */
    MT_CONTRAST_LABELS,    /* label image, no contrast */
} mt_contrast_kind;

/* What was drawn. */
typedef struct mt_picture_info {
    size_t struct_size;                 /* sizeof(mt_picture_info), set by the caller */
    int64_t height, width;              /* of the PNG, in pixels */
    double scale;                       /* pixels of the picture per pixel of the image; below 1: averaged down */
    int64_t channels;                   /* number of channels merged */
    mt_contrast_kind contrast_kind;     /* MT_CONTRAST_OF_FILE applies to the channels with a window in the file */
    int64_t channel[MT_MOST_COLORS];    /* indices of the first channels merged */
    double contrast[MT_MOST_COLORS][2]; /* for each of these, the values drawn black and at full brightness */
    char scale_bar[32];                 /* length of the scale bar in UTF-8, such as "20 µm"; "" without one */
} mt_picture_info;

/* Draws a plane or a projection. Chunks are read and averaged down one by one, so memory does not depend on the size of
 * the plane. Each chunk is read once (with MT_PROJECT_MAX: about once). options and out may be NULL. MT_E_RANGE for a
 * sample, plane, channel or region outside the image; MT_E_ARGUMENT for invalid options. */
MT_API MT_MUST_CHECK mt_status mt_draw_plane(mt_stack *stack, const mt_draw_options *options, mt_write_bytes write,
                                             void *user, mt_picture_info *out, mt_error *err);

/* Draws the middle planes of up to MT_MOST_PATCHES patches side by side, with one contrast for all. Pixels outside the
 * image are black. All patches have the same size and number of channels; which channels they are may differ between
 * stacks. Without a list (NULL: as in mt_draw_options), all stacks have the same number of channels. For label images,
 * all stacks have the same dtype. Names, colours and windows are those of the first patch.
 * The views of the requests, and sample, channels, z, region and project of the options, are ignored. options and out
 * may be NULL. Errors as for mt_draw_plane. */
#define MT_MOST_PATCHES 64
MT_API MT_MUST_CHECK mt_status mt_draw_patches(const mt_patch_request *requests, size_t n,
                                               const mt_draw_options *options, mt_write_bytes write, void *user,
                                               mt_picture_info *out, mt_error *err);

MT_END_DECLS

#endif
