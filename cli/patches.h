/* SPDX-License-Identifier: BSD-3-Clause */
/* Patches: of which images (patch_images.c), where they lie (places.c), what they cost (explain.c), how they look
 * (sheet.c). */
#ifndef MICROTOME_CLI_PATCHES_H
#define MICROTOME_CLI_PATCHES_H

#include "drawing.h"

struct place {
    size_t image;
    int64_t sample, coords[3];
};

typedef struct patch_job {
    mt_context *context;  /* borrowed */
    struct images images; /* one at least; all have the axes and channels of the first, and its type unless as_float */
    const mt_stack_info *info; /* of the first */
    size_t n_spatial;
    int64_t size[3], overlap[3];
    int64_t sample; /* -1: all */
    int64_t *channels;
    size_t n_channels;
    int64_t count;
    uint64_t seed;
    enum { PLACES_RANDOM, PLACES_GRID, PLACES_AT } places;
    struct place *at; /* with PLACES_AT: those of each image */
    size_t n_at;
    int64_t *
        ends; /* of each image, with those before: patches of the grid, or positions of random ones (NULL: one image) */
    bool as_float;
    struct drawing drawing; /* of the sheet */
} patch_job;

/* Opens the images of the command, and chooses channels. EXIT_FAILED or EXIT_USAGE after a message. */
int patch_images_open(patch_job *job, const struct args *args);
/* The same places in the images of --labels; places of job must be read. */
int patch_labels_open(patch_job *labels, const patch_job *job, const struct args *args);
void patch_images_close(patch_job *job);
const mt_stack_info *patch_image(const patch_job *job, size_t i);
mt_dtype patch_dtype(const patch_job *job);

/* Reads --size, --grid, --at and so on. EXIT_USAGE or EXIT_FAILED after a message. */
int places_read(patch_job *job, const struct args *args);
void places_free(patch_job *job);
/* The i-th of job->count places; a function of the job and i alone. */
void place_find(const patch_job *job, int64_t i, struct place *out);
mt_patch_request place_request(const patch_job *job, const struct place *place, void *data);
/* The list of places as CSV; labels may be NULL. */
int places_write(const patch_job *job, const patch_job *labels, const char *path);

void explain(const patch_job *job, FILE *to);
/* The first patches as a picture; says so in to. */
int sheet_write(patch_job *job, const char *path, FILE *to);

#endif
