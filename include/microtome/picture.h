/* SPDX-License-Identifier: BSD-3-Clause */
/* Pictures for people, as PNG: a plane of an image, a projection along Z, or a sheet of patches.
 *
 * Channels are merged in the colours of the file, else green and magenta for two, and those of ImageJ's composites for
 * more; a single one is gray. The contrast of each channel is the window that the file gives for it, else it is stretched
 * between the percentiles 0.1 and 99.9 of what is drawn. Samples side by side as red, green, blue (and alpha, which is
 * not drawn) keep their colours, those of uint8 also their brightness. In a label image each value has a colour of its
 * own, and 0 is black. */
#ifndef MICROTOME_PICTURE_H
#define MICROTOME_PICTURE_H

#include <microtome/stack.h>

MT_BEGIN_DECLS

/* Takes the next bytes of a picture; not zero: it failed, and drawing ends with MT_E_IO. */
typedef int (*mt_write_bytes)(void *user, const void *bytes, size_t size);

/* One plane, or all planes as one. Planes are projected before the picture is shrunk. */
typedef enum mt_projection { MT_PROJECT_NONE, MT_PROJECT_MAX, MT_PROJECT_MEAN, MT_PROJECT_SUM } mt_projection;

/* What the values of an image are. */
typedef enum mt_palette {
    MT_PALETTE_AUTO,     /* labels if the file declares it (mt_stack_info.is_labels) and one channel is drawn */
    MT_PALETTE_CHANNELS, /* intensities */
    MT_PALETTE_LABELS,   /* numbers of objects; one channel is drawn, pixels are picked instead of averaged */
} mt_palette;

typedef struct mt_draw_options {
    size_t struct_size; /* sizeof(mt_draw_options) */
    int64_t sample;
    const int64_t *channels; /* NULL: all, at most the first MT_MOST_COLORS; of several colour images the first */
    size_t n_channels;
    const int64_t *z;      /* NULL: the middle plane, or with project all */
    const int64_t *region; /* first row and column, height, width, in pixels; NULL: the whole plane */
    /* Longest side in pixels, of the picture without its legend (0: 1024), or of each patch on a sheet (0: 256). What is
     * larger is averaged down to just this size. What is at most half of MT_SMALL_PICTURE (MT_SMALL_PATCH) is enlarged by
     * the largest whole factor that keeps it within that size and max_size. */
    int64_t max_size;
    /* Optional: told the share that is done, in the calling thread and as often as mt_extract_options.cancelled; not
     * zero ends with MT_E_CANCELLED. */
    int (*progress)(void *user, double share);
    void *user;
    const double
        *contrast;      /* n_contrast pairs: the values drawn black and at full brightness, low < high, one pair for */
    size_t n_contrast;  /* each channel that is drawn, or one for all. NULL: as described at the top */
    int ignore_windows; /* not 0: windows of the file do not count, contrast is stretched between percentiles */
    mt_projection project;
    mt_palette palette;
    int scale_bar; /* not 0: draw a bar of a round length; in pixels ("px") if the pixel size of X is not known */
    int legend;    /* not 0: name the channels below the picture, with colour and contrast */
} mt_draw_options;

#define MT_MOST_COLORS 7
#define MT_SMALL_PICTURE 512
#define MT_SMALL_PATCH 128

/* How the values of a picture became brightness. */
typedef enum mt_contrast_kind {
    MT_CONTRAST_STRETCHED, /* between percentiles of what is drawn */
    MT_CONTRAST_OF_FILE,   /* the windows of the file */
    MT_CONTRAST_GIVEN,     /* that of mt_draw_options */
    MT_CONTRAST_AS_STORED, /* colours of uint8 */
    MT_CONTRAST_LABELS,    /* none: label image */
} mt_contrast_kind;

/* What was drawn. */
typedef struct mt_picture_info {
    size_t struct_size;                 /* sizeof(mt_picture_info), set by the caller */
    int64_t height, width;              /* of the PNG, in pixels */
    double scale;                       /* pixels of the picture for each pixel of the image; below 1: averaged down */
    int64_t channels;                   /* that were merged */
    mt_contrast_kind contrast_kind;     /* MT_CONTRAST_OF_FILE: of all channels for which the file has a window */
    int64_t channel[MT_MOST_COLORS];    /* which channels of the image they are, */
    double contrast[MT_MOST_COLORS][2]; /* and the values drawn black and at full brightness, of the first of them */
    char scale_bar[32];                 /* its length as text in UTF-8, such as "20 µm"; "": none was asked for */
} mt_picture_info;

/* Draws a plane or a projection, read chunk by chunk, each once (a projection of the largest values: about once), and
 * averaged down meanwhile, so that its size does not matter. options may be NULL, out too. MT_E_RANGE for a sample,
 * plane, channel or region outside the image; MT_E_ARGUMENT for options that make no sense. */
MT_API MT_MUST_CHECK mt_status mt_draw_plane(mt_stack *stack, const mt_draw_options *options, mt_write_bytes write,
                                             void *user, mt_picture_info *out, mt_error *err);

/* Draws up to MT_MOST_PATCHES patches side by side, the middle plane of each, with one contrast for all. What lies outside
 * the image is black. All are of one size and one list of channels (NULL: as mt_draw_options says), of stacks with as
 * many channels and, for label images, of one dtype; colours and windows are those of the first stack. The views of the
 * requests do not matter, and neither do sample, channels, z, region and project of the options. options and out
 * may be NULL. Errors as for mt_draw_plane. */
#define MT_MOST_PATCHES 64
MT_API MT_MUST_CHECK mt_status mt_draw_patches(const mt_patch_request *requests, size_t n,
                                               const mt_draw_options *options, mt_write_bytes write, void *user,
                                               mt_picture_info *out, mt_error *err);

MT_END_DECLS

#endif
