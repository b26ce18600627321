/* SPDX-License-Identifier: BSD-3-Clause */
/* The command patches: its images (patch_images.c), places (places.c), costs (explain.c) and contact sheet
 * (sheet.c). */
#ifndef MICROTOME_CLI_PATCHES_H
#define MICROTOME_CLI_PATCHES_H

#include "drawing.h"

struct place {
    size_t image;              /* index of the image */
    int64_t sample, coords[3]; /* sample index; first corner in pixels, (Z)YX */
};

typedef struct patch_job {
    mt_context *context;         /* borrowed */
    struct images images;        /* at least one; all with the same axes and channels, and type unless as_float */
    const mt_stack_info *info;   /* of the first image */
    size_t n_spatial;            /* number of spatial axes: 2 or 3 */
    int64_t size[3], overlap[3]; /* of a patch; of neighbours in the grid; in pixels, (Z)YX */
    int64_t sample;              /* sample index; -1: all */
    int64_t *channels;           /* channel indices of each image, one image after the other; owned; NULL: all */
    size_t n_channels;           /* channels of a patch */
    int64_t count;               /* number of patches */
    uint64_t seed;               /* of random places */
    enum { PLACES_RANDOM, PLACES_GRID, PLACES_AT } places; /* how places are chosen */
    struct place *at;                                      /* PLACES_AT: places in each image */
    size_t n_at;                                           /* number of at */
    /* Cumulative over images: number of grid patches, or of random positions. NULL: one image. */
    int64_t *ends;
    bool as_float;          /* write float32 */
    struct drawing drawing; /* options of the sheet */
} patch_job;

/* Opens the images of the command, and sets the channels. EXIT_FAILED or EXIT_USAGE after a message. */
int patch_images_open(patch_job *job, const struct args *args);
/* Opens the images of --labels, with the places of job, which must be set. */
int patch_labels_open(patch_job *labels, const patch_job *job, const struct args *args);
void patch_images_close(patch_job *job);
const mt_stack_info *patch_image(const patch_job *job, size_t i);
mt_dtype patch_dtype(const patch_job *job);

/* Reads --size, --grid, --at and so on. EXIT_USAGE or EXIT_FAILED after a message. */
int places_read(patch_job *job, const struct args *args);
void places_free(patch_job *job);
/* The i-th of job->count places. Depends on job and i only. */
void place_find(const patch_job *job, int64_t i, struct place *out);
mt_patch_request place_request(const patch_job *job, const struct place *place, void *data);
/* Writes the list of places as CSV; labels may be NULL. */
int places_write(const patch_job *job, const patch_job *labels, const char *path);

void explain(const patch_job *job, FILE *to);
/* Draws the first patches on a contact sheet, and reports it on to. */
int sheet_write(patch_job *job, const char *path, FILE *to);

#endif
